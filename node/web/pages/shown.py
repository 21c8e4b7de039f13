"""Published profiles in words: what a code, a label or a closed list says to a reader, in the reader's language.

In: documents as other nodes published them, and a language. Out: plain texts, which templates escape. Rules: what this version
does not know is shown as it is; a text that is not in the page's language says which one it is in; long lists are cut and counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.domain import vocabulary
from node.domain.labels import ATTRIBUTES, LabelReference
from node.domain.theme import THEME_TITLES
from node.domain.vocabulary import Titles
from node.errors import N_
from node.flows.searching.search import POSSIBLE, Hit, Label
from node.i18n import locale_of, translator

LABEL_NAMES: Final[Mapping[str, str]] = {
    "territory": N_("Territorio"),
    "sector": N_("Settore"),
    "period": N_("Anno di registrazione"),
    "size": N_("Numero di imprese"),
    "theme": N_("Tema"),
    "kind": N_("Forma"),
}
PART_NAMES: Final[Mapping[str, str]] = {
    "words": N_("parole cercate"),
    "theme": N_("tema prioritario"),
    "freshness": N_("pubblicato da poco"),
    "witnessed": N_("con testimoni"),
}
FIT_NAMES: Final[Mapping[str, str]] = {
    "answered": N_("offre ciò che la rete cerca"),
    "asked": N_("cerca ciò che la rete offre"),
    "wanted": N_("è il partner descritto"),
    "abroad": N_("guarda agli stessi Paesi"),
    "complementary": N_("ha capacità complementari"),
    "themes": N_("ha temi in comune"),
    "fresh": N_("è pubblicata da poco"),
}
STATE_NAMES: Final[Mapping[str, str]] = {
    "ready": N_("risponde"),
    "waiting": N_("non raggiungibile ora"),
    "quarantined": N_("in quarantena"),
    "frozen": N_("concluso"),
    "suspended": N_("sospeso"),
}
# Names written out of a label with many values: in a list of results, and on the profile's own page.
FEW, MANY = 3, 12
SIZES_ANY: Final = "any"


@dataclass(frozen=True, slots=True)
class Said:
    """A text and, where it is not the page's, its language."""

    text: str
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A need or an offer."""

    title: str
    text: Said | None


@dataclass(frozen=True, slots=True)
class LabelShown:
    """A label in words; ``possible`` and ``share`` tell how it meets what was asked."""

    name: str
    text: Said
    possible: bool
    share: float


@dataclass(frozen=True, slots=True)
class HitShown:
    """A hit as a card shows it."""

    hit: Hit
    href: str
    title: Said
    summary: Said
    purpose: str
    body: str
    labels: tuple[LabelShown, ...]
    needs: str
    offers: str
    why: tuple[tuple[str, float], ...]


class Reader:
    """Says things in one language."""

    def __init__(self, language: str, reference: LabelReference) -> None:
        """Speak this language."""
        self.language, self.tr = language, translator(language)
        self.reference, self._locale = reference, locale_of(language)

    def said(self, texts: Any) -> Said:
        """Return a text in the reader's language, else in Italian and marked as that."""
        if not isinstance(texts, Mapping):
            return Said("")
        mine = texts.get(self.language)
        return Said(str(mine)) if mine else Said(str(texts.get("it", "")), "" if self.language == "it" else "it")

    def title(self, titles: Titles, key: str) -> str:
        """Return the word for a key of a closed list."""
        return vocabulary.title(titles, key, self.language)

    def titles(self, titles: Titles, keys: Iterable[str]) -> str:
        """Return the words for some keys."""
        return ", ".join(self.title(titles, key) for key in keys)

    def themes(self, keys: Iterable[str]) -> str:
        """Return the names of themes."""
        return ", ".join(self.tr(THEME_TITLES.get(key, key)) for key in keys)

    def countries(self, codes: Iterable[str]) -> str:
        """Return the names of countries."""
        return ", ".join(self._locale.territories.get(code, code) for code in codes)

    def tongues(self, codes: Iterable[str]) -> str:
        """Return the names of languages."""
        return ", ".join(self._locale.languages.get(code, code) for code in codes)

    def value(self, attribute: str, code: str) -> Said:
        """Return one value of a label or a facet; sectors have Italian titles only."""
        text = self.tr(self.reference.title(attribute, code))
        if attribute == "sector" and text != code:
            return Said(f"{code} {text}", "" if self.language == "it" else "it")
        return Said(text)

    def label(self, name: str, label: Label, names: int = FEW) -> LabelShown:
        """Return a label in words."""
        text = self.reference.describe(name, label.values, limit=names, translate=self.tr)
        italian = name == "sector" and label.values and self.language != "it"
        return LabelShown(
            self.tr(LABEL_NAMES[name]), Said(text, "it" if italian else ""), label.match == POSSIBLE, label.share
        )

    def labels(self, hit: Hit, names: int = FEW) -> tuple[LabelShown, ...]:
        """Return all labels of a profile."""
        return tuple(self.label(name, hit.labels[name], names) for name in ATTRIBUTES)

    def wants(self, wants: Sequence[Mapping[str, Any]]) -> tuple[Wanted, ...]:
        """Return needs or offers."""
        return tuple(
            Wanted(
                self.title(vocabulary.CATEGORIES, want["category"]), self.said(want["text"]) if "text" in want else None
            )
            for want in wants
        )

    def hit(self, hit: Hit, href: str, members: Mapping[str, str]) -> HitShown:
        """Return a hit as a card shows it."""
        document = hit.document
        categories = {
            name: ", ".join(
                dict.fromkeys(self.title(vocabulary.CATEGORIES, want["category"]) for want in document[name])
            )
            for name in ("needs", "offers")
        }
        return HitShown(
            hit=hit,
            href=href,
            title=self.said(document["title"]),
            summary=self.said(document["summary"]),
            purpose=self.title(vocabulary.PURPOSES, hit.purpose),
            body=members.get(hit.owner, hit.owner),
            # What holds of every network says nothing among results.
            labels=tuple(
                self.label(name, label) for name, label in hit.labels.items() if label.values or label.match == POSSIBLE
            ),
            needs=categories["needs"],
            offers=categories["offers"],
            why=tuple((self.tr(PART_NAMES.get(part.name, part.name)), part.share) for part in hit.why if part.points),
        )

    def facts(self, document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """Return what a profile says by closed lists, empty where it says nothing."""
        partner = document["partner"]
        sought = [self.title(vocabulary.ROLES, partner["role"])] if partner["role"] != SIZES_ANY else []
        sought += [
            self.value(name, partner[name]).text
            for name, nothing in (("sector", "*"), ("territory", "IT"), ("size", SIZES_ANY))
            if partner[name] != nothing
        ]
        known = document["maturity"] != "any"
        return (
            (self.tr(N_("Temi")), self.themes(document["themes"])),
            (self.tr(N_("Capacità")), self.titles(vocabulary.CAPABILITIES, document["capabilities"])),
            (self.tr(N_("Partner cercato")), ", ".join(sought)),
            (self.tr(N_("Paesi a cui guarda")), self.countries(document["target_countries"])),
            (self.tr(N_("Lingue")), self.tongues(document["languages"])),
            (self.tr(N_("Certificazioni")), self.titles(vocabulary.CERTIFICATIONS, document["certifications"])),
            (self.tr(N_("Età della rete")), self.title(vocabulary.MATURITIES, document["maturity"]) if known else ""),
        )


def day_of(text: Any) -> dt.date | None:
    """Return a day that a document writes, None where it is no day."""
    try:
        return dt.date.fromisoformat(str(text))
    except ValueError:
        return None
