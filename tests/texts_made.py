"""Texts to try the attack with: honest ones by two hands, and ones that mimic a network's public object.

``worded`` is the demo's own generator of needs and offers; ``spoken`` was written for this measure, in other words and in
both languages, about what the network's sector makes. Mimics keep six words in ten of the object, exactly.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from node.domain import partition
from node.domain.chamber import parse_sheets
from node.domain.generation.enrichment import enrich
from node.domain.generation.national import generate
from node.domain.generation.texts import words_for
from node.domain.likeness import Likeness, best
from node.domain.register import RegisterNetwork
from node.flows.profiles.draft import suggest_content
from node.store.reference import load_sectors, load_territories

SPOKEN = (
    "Cerchiamo un alleato che conosca {c} e sappia valorizzare {p}.",
    "Possiamo produrre {p} per conto di altri, in serie piccole.",
    "Siamo pronti a dividere con altre reti le spese per {w}.",
    "Ci serve chi venda {p} fuori dai nostri confini.",
    "Mettiamo a disposizione tecnici esperti in {w}.",
    "Vorremmo imparare da chi usa già {w} con buoni risultati.",
    "Chi tratta {p} trova da noi un interlocutore stabile tutto l'anno.",
    "Proponiamo acquisti in comune a chi lavora {p2}.",
    "Ci interessa un progetto europeo che parli di {w2}.",
    "Abbiamo posto per altri ordini di {p} nei mesi invernali.",
    "Serve una società di trasporti che porti {p} a {c} due volte la settimana.",
    "Offriamo visite e prove a {c} che vogliano conoscere {p2}.",
)
SPOKEN_EN = (
    "We are looking for importers who can place our goods with hotels and shops.",
    "We offer spare capacity during winter and share our laboratory with partners.",
    "Seeking a technical partner to automate packaging and reduce waste.",
    "Open to joint participation in trade fairs and in European projects.",
)


def register(seed: int, contracts: int = 9630) -> list[RegisterNetwork]:
    """A generated national register."""
    made = generate(contracts=contracts, seed=seed, territories=load_territories(), sectors=load_sectors())
    sheets = {"Elenco": made.contracts, "Sogg. Giu.": made.entities}
    return list(parse_sheets(sheets, load_territories(), load_sectors()).networks)


def blocks(rows: list[RegisterNetwork], scope: tuple[str, ...]) -> list[dict[str, RegisterNetwork]]:
    """The blocks of a scope's partition, each with its networks by register id."""
    territories, sectors = load_territories(), load_sectors()
    built = partition.build(
        rows, version=1, snapshot="2024-12-31", scope=scope, territories=territories, sectors=sectors
    )
    found: dict[int, dict[str, RegisterNetwork]] = {}
    for row in rows:
        if row.active and partition.in_scope(row, scope, territories) and (block := built.find(row, sectors)):
            found.setdefault(block.block_id, {})[row.register_id] = row
    return list(found.values())


def worded(network: RegisterNetwork, draw: random.Random) -> list[str]:
    """Needs and offers by the demo's generator."""
    content = suggest_content(enrich([network], count=1, seed=draw.randrange(10**9))[0])
    return [want["text"] for want in (*content["offers"], *content["needs"])]


def worded_profile(network: RegisterNetwork, draw: random.Random) -> str:
    """All Italian texts of a profile as the node suggests it: title, summary, needs and offers."""
    content = suggest_content(enrich([network], count=1, seed=draw.randrange(10**9))[0])
    wants = [want["text"] for want in (*content["needs"], *content["offers"])]
    return "\n".join((content["title"], content["summary"], *wants))


def spoken(network: RegisterNetwork, draw: random.Random) -> list[str]:
    """Two to four sentences about the network's sector, in other words than the generator's."""
    products, ways, customers = words_for(network.ateco[:2])
    p, p2 = draw.sample(list(products), 2)
    w, w2 = draw.sample(list(ways), 2)
    facts = {"p": p, "p2": p2, "w": w, "w2": w2, "c": draw.choice(customers)}
    said = [text.format(**facts) for text in draw.sample(SPOKEN, draw.randint(2, 4))]
    return [" ".join(said), draw.choice(SPOKEN_EN)]


def _kept(words: list[str], draw: random.Random) -> set[int]:
    return set(draw.sample(range(len(words)), -(-len(words) * 6 // 10)))


def mimics(text: str, others: list[str], around: str, draw: random.Random) -> Mapping[str, str]:
    """Ways to keep six words in ten of an object: the rest left out, replaced, shuffled, or hidden in another text."""
    words = text.split()
    kept = _kept(words, draw)
    donor = draw.choice(others).split()
    left = [word for at, word in enumerate(words) if at in kept]
    found = {
        "dropped": " ".join(left),
        "shuffled": " ".join(draw.sample(left, len(left))),
        "replaced": " ".join(word if at in kept else donor[at % len(donor)] for at, word in enumerate(words)),
    }
    return {**found, "among others": f"{around}\n{found['replaced']}"}


HONEST: Mapping[str, Callable[[RegisterNetwork, random.Random], list[str]]] = {"worded": worded, "spoken": spoken}

K = 5
SCOPES = (("LE",), ("MI",), ("ITF4",), ("ITC4",), ("IT",))


@dataclass
class Tally:
    """Texts of one kind: how many were tried, refused, and how often their network was the attack's first guess."""

    tried: int = 0
    refused: int = 0
    refused_by_rank: int = 0
    top: float = 0.0
    top_by_words: float = 0.0
    top_before: float = 0.0

    def add(self, likeness: Likeness, text: str, own: int) -> None:
        """Try one text; of several first guesses each counts its part."""
        found = likeness.attack(text, own, K)
        self.tried += 1
        # The rule as first written: own network in the top k, or more than 0.05 before the next.
        self.refused_by_rank += found.rank <= K or found.margin > 0.05
        named = best(likeness.scores(text))
        self.top_before += (own in named) / max(1, len(named))
        if found.found:
            self.refused += 1
            return
        self.top += (own in named) / max(1, len(named))
        by_words = best(likeness.copied(text))
        self.top_by_words += (own in by_words) / max(1, len(by_words))

    @property
    def refusals(self) -> float:
        """The share refused."""
        return self.refused / self.tried

    @property
    def first_guess(self) -> float:
        """How often the first guess is right, of the texts that passed."""
        return self.top / max(1, self.tried - self.refused)


def texts_of(row: RegisterNetwork, objects: list[str], draw: random.Random) -> Iterator[tuple[str, str]]:
    """The honest texts and the mimics of one network, each with its kind."""
    for hand, write in HONEST.items():
        for text in write(row, draw):
            yield f"honest, {hand}", text
    whole = worded_profile(row, draw)
    yield "honest, whole profile", whole
    for way, text in mimics(row.object_text, objects, whole, draw).items():
        yield f"mimic, {way}", text


def try_register(seed: int, sample: int, scopes: Sequence[tuple[str, ...]] = SCOPES) -> dict[str, Tally]:
    """Try the texts of ``sample`` networks a scope of one generated register."""
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    rows = register(seed)
    draw = random.Random(f"attack/{seed}")
    objects = [row.object_text for row in rows]
    for scope in scopes:
        pool = [(block, row) for block in blocks(rows, scope) for row in block.values() if row.members >= 2]
        for block, row in draw.sample(pool, min(sample, len(pool))):
            likeness = Likeness([other.object_text for other in block.values()])
            own = list(block).index(row.register_id)
            for kind, text in texts_of(row, objects, draw):
                tallies[kind].add(likeness, text, own)
    return dict(tallies)
