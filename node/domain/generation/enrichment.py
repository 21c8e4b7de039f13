"""Private records for the demo: contracts of a generated register, with what an office would know beside the list.

In: generated networks of some provinces, a seed. Out: full records with needs, offers, capabilities, countries and
invented contacts. Texts speak of work, not of names or places: they pass the text gate.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from node.domain.generation.texts import words_for
from node.domain.network import ContactRecord, NetworkRecord, WantRecord, from_register
from node.domain.register import RegisterNetwork

OFFERS = (
    ("production_capacity", "capacità produttiva disponibile per {p}, con {w}"),
    ("services", "{w} per chi lavora su {p}"),
    ("commercial_partner", "rete di vendita comune per {p} verso {c}"),
    ("technology", "esperienza in {w} applicata a {p}"),
    ("skills", "formazione di personale in tema di {w}"),
    ("components", "fornitura continuativa di {p} in lotti piccoli e medi"),
)
NEEDS = (
    ("foreign_markets", "partner per l'export di {p} nei mercati esteri di interesse"),
    ("distribution", "distributori di {p} rivolti a {c}"),
    ("certification_support", "affiancamento per certificare i processi di {p}"),
    ("research_partner", "gruppi di ricerca su {w}"),
    ("digitalisation", "fornitori di automazione e servizi digitali per {w}"),
    ("logistics", "consegne comuni di {p} con magazzino condiviso"),
    ("joint_purchasing", "acquisti comuni di materie prime per {p}"),
    ("raw_materials", "materie prime di qualità costante per {p}"),
)
COUNTRIES = ("AL", "TN", "RS", "DE", "FR", "CH", "US", "GB", "PL", "ES")
CERTIFICATIONS = {"A": ("organic", "pdo_pgi"), "C": ("iso_9001", "iso_14001", "haccp"), "F": ("soa", "iso_45001")}
CAPABILITIES = {
    "A": ("production", "processing"),
    "C": ("production", "prototyping", "subcontracting", "testing"),
    "F": ("construction", "design", "maintenance"),
    "G": ("retail", "wholesale", "e_commerce"),
    "H": ("logistics",),
    "I": ("hospitality",),
    "J": ("software", "research"),
    "M": ("design", "consulting", "research"),
}
EXTRAS = ("innovation", "internationalisation", "certification")


def enrich(networks: Sequence[RegisterNetwork], *, count: int, seed: int) -> list[NetworkRecord]:
    """Return ``count`` of the networks (fewer if there are fewer) as full records; the same for the same seed."""
    draw = random.Random(f"enrichment/{seed}")  # noqa: S311 - demonstration data from a seed
    able = sorted((n for n in networks if n.members >= 2), key=lambda n: n.register_id)
    chosen = draw.sample(able, min(count, len(able)))
    return [_record(draw, network) for network in chosen]


def _record(draw: random.Random, network: RegisterNetwork) -> NetworkRecord:
    products, ways, customers = words_for(network.ateco[:2])
    section = network.ateco[:2]
    letter = _section(section)

    def want(pattern: str) -> str:
        return pattern.format(p=draw.choice(products), w=draw.choice(ways), c=draw.choice(customers))

    offers = tuple(WantRecord(category, want(text)) for category, text in draw.sample(OFFERS, draw.randint(1, 2)))
    needs = tuple(WantRecord(category, want(text)) for category, text in draw.sample(NEEDS, draw.randint(1, 2)))
    abroad = any(need.category == "foreign_markets" for need in needs)
    known = CERTIFICATIONS.get(letter, ("iso_9001",))
    able = CAPABILITIES.get(letter, ("consulting",))
    return replace(
        from_register(network),
        programme="Programma comune triennale con verifica annuale.",
        objectives=("Accrescere le vendite comuni", "Ridurre i costi fissi"),
        needs=needs,
        offers=offers,
        capabilities=tuple(draw.sample(able, draw.randint(1, min(2, len(able))))),
        languages=("it", "en") if draw.random() < 0.6 else ("it",),
        target_countries=tuple(sorted(draw.sample(COUNTRIES[:3], 2) + draw.sample(COUNTRIES[3:], 1))) if abroad else (),
        certifications=(draw.choice(known),) if draw.random() < 0.5 else (),
        extras=tuple(e for e in EXTRAS if draw.random() < (0.7 if network.theme == e else 0.2)),
        contacts=(ContactRecord(f"Referente Inventato {draw.randint(1000, 9999)}", "coordinatore", "", ""),),
    )


def _section(division: str) -> str:
    number = int(division) if division.isdigit() else 99
    bounds = (
        (3, "A"),
        (9, "B"),
        (33, "C"),
        (35, "D"),
        (39, "E"),
        (43, "F"),
        (47, "G"),
        (53, "H"),
        (56, "I"),
        (63, "J"),
        (75, "M"),
    )
    return next((letter for last, letter in bounds if number <= last), "S")
