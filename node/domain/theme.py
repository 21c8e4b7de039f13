"""The theme of a network, from the public text of its object: twelve classes, one plain rule.

In: the object of a contract. Out: one key of THEMES. Rule: count the theme's word stems in the folded text, the first
mention weighing most; the greatest count wins, ties go to the earlier theme, no hit is ``other``. Anybody who holds the
public list gets the same answer: the theme adds nothing to what is public, so it may be part of the partition.
"""

from __future__ import annotations

import re

from node.domain.folding import unaccented
from node.errors import N_

THEMES = (
    "innovation",
    "internationalisation",
    "certification",
    "promotion",
    "supply_chain",
    "purchasing",
    "logistics",
    "energy",
    "tourism",
    "training",
    "works",
    "other",
)
THEME_TITLES = {
    "innovation": N_("Innovazione e ricerca"),
    "internationalisation": N_("Internazionalizzazione"),
    "certification": N_("Certificazione e qualità"),
    "promotion": N_("Promozione e marketing"),
    "supply_chain": N_("Filiera e produzione"),
    "purchasing": N_("Acquisti comuni"),
    "logistics": N_("Logistica e trasporti"),
    "energy": N_("Energia e ambiente"),
    "tourism": N_("Turismo e cultura"),
    "training": N_("Formazione e lavoro"),
    "works": N_("Lavori, appalti e servizi"),
    "other": N_("Altro"),
}
_STEMS = {
    "innovation": (
        "innovazion",
        "innovativ",
        "ricerca e sviluppo",
        "ricerca applicata",
        "brevett",
        "prototip",
        "digital",
        "tecnologi",
        "automazion",
        "robot",
    ),
    "internationalisation": (
        "internazional",
        "esport",
        "export",
        "mercati esteri",
        "paesi esteri",
        "estero",
        "fiere estere",
    ),
    "certification": (
        "certificazion",
        "certificat",
        "sistema di qualita",
        "gestione della qualita",
        "norme iso",
        "accreditament",
        "disciplinar",
    ),
    "promotion": (
        "promozion",
        "marketing",
        "pubblicita",
        "marchio comune",
        "comunicazion",
        "commercializzazion",
        "vendita",
    ),
    "supply_chain": ("filier", "produzion", "trasformazion", "subfornitur", "conto lavorazion", "cicli produttiv"),
    "purchasing": ("acquist", "approvvigionament", "centrale di committenza", "fornitur", "gruppo d acquisto"),
    "logistics": ("logistic", "trasport", "magazzin", "spedizion", "distribuzion", "piattaforma di consegna"),
    "energy": ("energ", "fotovolta", "rinnovabil", "ambient", "rifiut", "efficientament", "sostenibil"),
    "tourism": ("turis", "turist", "ricettiv", "ospitalit", "itinerar", "beni cultural", "enogastronom"),
    "training": ("formazion", "formativ", "tirocin", "apprendist", "risorse uman", "codatorial", "competenz"),
    "works": ("appalt", "gare", "lavori pubblic", "edil", "costruzion", "ristrutturazion", "manutenzion", "impiant"),
}
_PATTERNS = {
    theme: re.compile(r"\b(?:" + "|".join(re.escape(stem) for stem in stems) + ")") for theme, stems in _STEMS.items()
}
# Objects are at most 8,000 characters in the list; more is never read, so that no text can be slow.
LONGEST = 8000
FIRST_WEIGHT = 3
_NOT_WORD = re.compile(r"[^a-z0-9]+")


def _fold(text: str) -> str:
    return _NOT_WORD.sub(" ", unaccented(text))


def classify(object_text: str) -> str:
    """Return the theme of an object text; deterministic and public."""
    text = _fold(object_text[:LONGEST])
    best, best_score = "other", 0.0
    for theme, pattern in _PATTERNS.items():
        starts = [match.start() for match in pattern.finditer(text)]
        if not starts:
            continue
        # An object opens with its purpose and goes on with means: an early mention counts more.
        score = len(starts) + FIRST_WEIGHT * (1 - starts[0] / (len(text) + 1))
        if score > best_score:
            best, best_score = theme, score
    return best
