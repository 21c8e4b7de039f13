"""How the Observatory's files and metadata call things: indicators, dimensions and codes, in Italian and in English.

In: the reference of places and sectors, the names of bodies, the catalogue of indicators, a translation into English. Out: texts.
Rules: a code that no list has is called by itself, never left out; an indicator that this version no longer knows is called by its
ident, so that an old release can always be read; proper names are the same in both languages. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from node.domain.labels import LabelReference
from node.domain.observatory.catalogue import INDICATORS, Indicator
from node.domain.observatory.codes import ANYWHERE, DIMENSIONS, Dimension
from node.domain.observatory.figures import Status, Table
from node.errors import N_, Translate

LICENCE: Final = "https://creativecommons.org/licenses/by/4.0/"
LICENCE_NAME: Final = "CC BY 4.0"
_PAIR: Final = ("origin", "destination")
_REFERENCE: Final = ("territory", "sector")
STATUS_TITLES: Final[Mapping[Status, str]] = {
    Status.GIVEN: N_("dato"),
    Status.ESTIMATED: N_("stimato"),
    Status.WITHHELD: N_("non pubblicato, per riservatezza"),
    Status.UNKNOWN: N_("non disponibile"),
}


@dataclass(frozen=True, slots=True)
class Wording:
    """What is needed to call things by their names; ``english`` translates a catalogue id."""

    reference: LabelReference
    english: Translate
    bodies: Mapping[str, str] = field(default_factory=dict)
    indicators: Mapping[str, Indicator] = field(default_factory=lambda: INDICATORS)

    @property
    def digest(self) -> str:
        """Return what changes whenever a name may that is not the program's own: bodies are called as their logs are known."""
        told = json.dumps(sorted(self.bodies.items()), ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(told.encode()).hexdigest()

    def indicator(self, table: Table) -> Indicator:
        """Return what a table measures."""
        found = self.indicators.get(table.indicator)
        return found or Indicator(table.indicator, table.indicator, "", "", "", table.source, table.tier)

    def title(self, table: Table) -> str:
        """Return the Italian title of a table: its indicator, by its dimensions."""
        return self._titled(self.indicator(table), table, str)

    def titles(self, table: Table) -> dict[str, str]:
        """Return the title of a table in each language."""
        indicator = self.indicator(table)
        return {"it": self._titled(indicator, table, str), "en": self._titled(indicator, table, self.english)}

    def _titled(self, indicator: Indicator, table: Table, say: Translate) -> str:
        title, dimensions = say(indicator.title), list(table.dimensions)
        if set(_PAIR) <= set(dimensions):
            # «Per da e a» is no Italian.
            between = say(N_("da un territorio all'altro"))
            title = f"{title}, {between}"
            dimensions = [name for name in dimensions if name not in _PAIR]
        by = [_begun_small(say(self.dimension(name).title)) for name in dimensions]
        if not by:
            return title
        listed = ", ".join(by[:-1]) + say(N_(" e ")) + by[-1] if len(by) > 1 else by[0]
        return say(N_("{title}, per {dimensions}")).format(title=title, dimensions=listed)

    def descriptions(self, table: Table) -> dict[str, str]:
        """Return what a table counts, how, and what its notes say, in each language."""
        told = self.indicator(table)
        texts = [told.definition, told.formula, *table.notes]
        both = {name: " ".join(say(text) for text in texts if text) for name, say in self.languages().items()}
        return {name: text or self.titles(table)[name] for name, text in both.items()}

    def source(self, table: Table) -> str:
        """Return whose numbers a table has: a catalogue id."""
        return table.source or self.indicator(table).source

    def dimension(self, ident: str) -> Dimension:
        """Return a dimension."""
        return DIMENSIONS.get(ident) or Dimension(ident, ident, "closed")

    def name(self, ident: str, code: str) -> str:
        """Return what a code of a dimension is called: a catalogue id or a proper name, in Italian."""
        dimension = self.dimension(ident)
        if code in dimension.names:
            return dimension.names[code]
        if code in ANYWHERE:
            return ANYWHERE[code]
        if dimension.kind in _REFERENCE:
            return self.reference.title(dimension.kind, code)
        return self.bodies.get(code) or code if dimension.kind == "body" else code

    def languages(self) -> dict[str, Translate]:
        """Return how to say a catalogue id in each language, Italian first."""
        return {"it": str, "en": self.english}

    def both(self, message: str) -> dict[str, str]:
        """Return a catalogue id in each language."""
        return {name: say(message) for name, say in self.languages().items()}


def _begun_small(title: str) -> str:
    return title[:1].lower() + title[1:]


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes, and where: the node's public address, the body's name and its code in the index of administrations (iPA).

    A body without such a code is told by its id; ``contact`` is a mailbox, or nothing.
    """

    url: str
    name: str
    code: str
    contact: str = ""


def codes_of(table: Table) -> dict[str, list[str]]:
    """Return the codes of each dimension of a table that its cells have, sorted."""
    return {name: sorted({cell.at[place] for cell in table.cells}) for place, name in enumerate(table.dimensions)}


def is_whole(table: Table) -> bool:
    """Tell whether all numbers of a table are whole by their kind."""
    return all(cell.value is None or isinstance(cell.value, int) for cell in table.cells)
