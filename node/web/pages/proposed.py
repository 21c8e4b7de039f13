"""A preview as a page shows it: exactly what peers would read, in words and as JSON, with what the text gate found marked in it.

In: what ``flows/profiles/preview`` returned, a language. Out: values for templates, which escape them. Nothing is decided or measured here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from node.domain import release, vocabulary
from node.domain.days import day_of as day_from_number
from node.domain.labels import ATTRIBUTES
from node.domain.profile import LANGUAGES
from node.domain.redaction.hits import MARKERS, RED, SEVERITIES, Hit, Hits, suggest
from node.errors import N_
from node.flows.profiles.preview import Preview
from node.web.pages.shown import LABEL_NAMES, MANY, Reader, Said, day_of

PLACES: Final[Mapping[str, str]] = {
    "title": N_("Titolo"),
    "summary": N_("Sintesi"),
    "description": N_("Descrizione"),
    "needs": N_("Che cosa cerca"),
    "offers": N_("Che cosa offre"),
}
TONGUES: Final[Mapping[str, str]] = {"it": N_("in italiano"), "en": N_("in inglese")}
WITHHELD: Final[Mapping[str, str]] = {"themes": N_("Temi"), "certifications": N_("Certificazioni")}
UNSEEN_HELD: Final = N_("il documento non passa i controlli")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a text; ``number`` is that of the point to correct that they are, 0 for none."""

    text: str
    number: int = 0
    is_red: bool = False


@dataclass(frozen=True, slots=True)
class Marked:
    """One text: where it stands, its language, its pieces."""

    where: str
    lang: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One point to correct: its number in the text, the words, how grave, why, and what could stand there instead."""

    number: int
    where: str
    words: str
    severity: str
    is_red: bool
    reason: str
    marker: str


@dataclass(frozen=True, slots=True)
class WantProposed:
    """A need or an offer, with its texts."""

    title: str
    texts: tuple[Marked, ...]


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a preview shows."""

    seen: Preview
    sentence: str
    is_safe: bool
    held: str
    purpose: str
    texts: tuple[Marked, ...]
    wants: tuple[tuple[str, tuple[WantProposed, ...]], ...]
    labels: tuple[tuple[str, Said], ...]
    facts: tuple[tuple[str, str], ...]
    round_day: dt.date
    valid_until: dt.date | None
    deadline: dt.date | None
    points: tuple[Point, ...]
    redone: tuple[tuple[str, str], ...]
    attack: str
    withheld: str
    code: str


def where_in_words(reader: Reader, place: str) -> str:
    """Return a place of the gate in words: «needs.2.it» is the second need, in Italian."""
    name, *rest = place.split(".")
    number = f" {rest[0]}" if len(rest) == 2 else ""
    language = reader.tr(TONGUES.get(rest[-1], "")) if rest and rest[-1] in TONGUES else ""
    return f"{reader.tr(PLACES.get(name, name))}{number}" + (f", {language}" if language else "")


def pieces_of(text: str, hits: Sequence[tuple[int, Hit]]) -> tuple[Piece, ...]:
    """Return a text cut where (number, hit) begin and end."""
    found: list[Piece] = []
    last = 0
    for number, hit in hits:
        if text[last : hit.start]:
            found.append(Piece(text[last : hit.start]))
        found.append(Piece(text[hit.start : hit.end], number, hit.severity == RED))
        last = hit.end
    if text[last:]:
        found.append(Piece(text[last:]))
    return tuple(found)


class _Texts:
    """The texts of a document, with the gate's points in them."""

    def __init__(self, reader: Reader, hits: Hits) -> None:
        self.reader = reader
        self.by_place: dict[str, list[tuple[int, Hit]]] = {}
        for number, (place, _, hit) in enumerate(hits, 1):
            self.by_place.setdefault(place, []).append((number, hit))

    def read(self, name: str, texts: Mapping[str, str]) -> tuple[Marked, ...]:
        found = []
        for language in LANGUAGES:
            if language in texts:
                place = f"{name}.{language}"
                pieces = pieces_of(texts[language], self.by_place.get(place, ()))
                found.append(Marked(where_in_words(self.reader, place), language, pieces))
        return tuple(found)

    def wants(self, name: str, wants: Sequence[Mapping[str, Any]]) -> tuple[WantProposed, ...]:
        return tuple(
            WantProposed(
                self.reader.title(vocabulary.CATEGORIES, want["category"]),
                self.read(f"{name}.{number}", want.get("text", {})),
            )
            for number, want in enumerate(wants, 1)
        )


def _labels(reader: Reader, document: Mapping[str, Any]) -> tuple[tuple[str, Said], ...]:
    found = []
    for name in ATTRIBUTES:
        values = (document["kind"],) if name == "kind" else document["labels"][name]["values"]
        text = reader.reference.describe(name, values, limit=MANY, translate=reader.tr)
        italian = name == "sector" and values and reader.language != "it"
        found.append((reader.tr(LABEL_NAMES[name]), Said(text, "it" if italian else "")))
    return tuple(found)


def _attack(reader: Reader, attack: Mapping[str, Any] | None) -> str:
    if attack is None:
        return ""
    if attack["found"]:
        text = reader.tr(
            N_(
                "Il testo ripete o ricalca l'oggetto pubblico della rete ({copied} % delle sue parole): fra le {objects} reti del gruppo è in posizione {rank} per somiglianza."
            )
        )
    else:
        text = reader.tr(
            N_("Confronto con gli oggetti pubblici delle {objects} reti del gruppo: il testo non indica la propria.")
        )
    return text.format(copied=round(attack["copied"] * 100), objects=attack["of"], rank=attack["rank"])


def held_in_words(reader: Reader, code: str | None) -> str:
    """Return why a profile does not leave, empty where it does."""
    return "" if code is None else reader.tr(release.HOLDS.get(code, UNSEEN_HELD))


def propose(reader: Reader, seen: Preview) -> Proposed:
    """Return what a page shows of a preview."""
    document, texts = seen.document, _Texts(reader, seen.hits)
    places = dict.fromkeys((place, text) for place, text, _ in seen.hits)
    is_found = bool(seen.attack and seen.attack["found"])
    return Proposed(
        seen=seen,
        sentence=reader.tr(seen.sentence).format(candidates=seen.candidates),
        is_safe=seen.held is None and not seen.potential and not any(h.severity == RED for *_, h in seen.hits) and not is_found,
        held=held_in_words(reader, seen.held),
        purpose=reader.title(vocabulary.PURPOSES, document["purpose"]),
        texts=tuple(
            text for name in ("title", "summary", "description") for text in texts.read(name, document.get(name, {}))
        ),
        wants=tuple((reader.tr(PLACES[name]), texts.wants(name, document[name])) for name in ("needs", "offers")),
        labels=_labels(reader, document),
        facts=reader.facts(document),
        round_day=day_from_number(document["round"]),
        valid_until=day_of(document["valid_until"]),
        deadline=day_of(document.get("deadline")),
        points=tuple(_point(reader, number, *hit) for number, hit in enumerate(seen.hits, 1)),
        redone=tuple(
            (where_in_words(reader, place), suggest(text, [hit for other, _, hit in seen.hits if other == place]))
            for place, text in places
        ),
        attack=_attack(reader, seen.attack),
        withheld=", ".join(reader.tr(WITHHELD.get(name, name)) for name in seen.withheld),
        code=orjson.dumps(document, option=orjson.OPT_INDENT_2).decode(),
    )  # fmt: skip


def _point(reader: Reader, number: int, place: str, text: str, hit: Hit) -> Point:
    return Point(
        number,
        where_in_words(reader, place),
        text[hit.start : hit.end],
        reader.tr(SEVERITIES.get(hit.severity, hit.severity)),
        hit.severity == RED,
        reader.tr(hit.reason),
        MARKERS.get(hit.kind, MARKERS["name"]),
    )
