"""The Observatory's tables in words: what a dimension, a code, a table and a number are called in the reader's language.

In: a reader, the catalogue of indicators, the names of bodies as the logs tell them. Out: plain texts, which templates and pictures
escape. Rules: a code that no list knows is shown as itself; a number that is not told is said as such, never as a zero; one that is estimated
says so wherever it stands; codes of a closed list stand in its order, names of places in the order of the alphabet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from node.domain.labels import UNKNOWN
from node.domain.observatory.catalogue import INDICATORS, Indicator
from node.domain.observatory.codes import ANYWHERE, DIMENSIONS, TOTAL, Dimension
from node.domain.observatory.figures import Cell, Status, Table
from node.errors import N_
from node.web.pages.shown import Reader, Said
from node.web.pictures.measure import Absent, Measure, Value

ORIGIN, DESTINATION, YEAR = "origin", "destination", "year"
PLACELESS: Final = frozenset({TOTAL, UNKNOWN})
ESTIMATED: Final = N_("stimato")
_PERCENT: Final = "%"
_ABSENT: Final = {Status.WITHHELD: Absent.WITHHELD, Status.UNKNOWN: Absent.UNKNOWN}
_COVERAGE: Final[Mapping[str, str]] = {
    "editions": N_("edizioni del registro"),
    "nodes": N_("nodi conosciuti"),
    "nodes_known": N_("nodi conosciuti"),
    "nodes_current": N_("nodi aggiornati"),
    "profiles": N_("profili pubblicati"),
    "networks": N_("reti"),
    "firms": N_("imprese"),
}
_RUNS: Final = re.compile(r"\d+|\D+")


def value_of(cell: Cell | None) -> Value:
    """Return what a picture draws of a cell; one that a table does not have is not known."""
    if cell is None or cell.value is None:
        return Absent.UNKNOWN if cell is None else _ABSENT[cell.status]
    return cell.value


@dataclass(frozen=True, slots=True)
class Words:
    """Says tables in one language; ``bodies`` are the names of members, ``catalogue`` the indicators."""

    reader: Reader
    bodies: Mapping[str, str] = field(default_factory=dict)
    catalogue: Mapping[str, Indicator] = field(default_factory=lambda: INDICATORS)

    def tr(self, message: str) -> str:
        """Return a sentence of the catalogue of messages."""
        return self.reader.tr(message)

    def dimension(self, ident: str) -> Dimension:
        """Return a dimension; one that no list has is called by its name."""
        return DIMENSIONS.get(ident) or Dimension(ident, ident.replace("_", " ").capitalize(), "closed")

    def heading(self, ident: str) -> str:
        """Return the title of a dimension."""
        return self.tr(self.dimension(ident).title)

    def code(self, ident: str, code: str) -> Said:
        """Return what a code of a dimension is called."""
        if code in ANYWHERE:
            return Said(self.tr(ANYWHERE[code]))
        found = self.dimension(ident)
        if found.kind == "territory":
            return Said(self.reader.reference.title("territory", code))
        if found.kind == "sector":
            return self.reader.value("sector", code)
        if found.kind == "body":
            return Said(self.bodies.get(code, code))
        return Said(self.tr(found.names[code])) if code in found.names else Said(code)

    def ordered(self, ident: str, codes: Iterable[str]) -> list[str]:
        """Return codes as a reader expects them; what is not known and the total come last."""
        found = self.dimension(ident)
        places = {code: place for place, code in enumerate(found.names)}
        by_name = found.kind in ("territory", "body")

        def key(code: str) -> tuple[int, int, list[tuple[int, str]]]:
            text = self.code(ident, code).text.casefold() if by_name else code
            # Numbers by their size: 2, 4-9, 10-50.
            runs = [(int(run), "") if run.isdecimal() else (-1, run) for run in _RUNS.findall(text)]
            return (code == UNKNOWN) + 2 * (code == TOTAL), places.get(code, len(places)), runs

        return sorted(set(codes), key=key)

    def indicator(self, ident: str) -> Indicator:
        """Return an indicator; one that the catalogue does not have is called by its name."""
        return self.catalogue.get(ident) or Indicator(ident, ident.replace("-", " ").capitalize(), "", "", "", "")

    def measure(self, indicator: Indicator) -> Measure:
        """Return how the numbers of an indicator are said."""
        unit = self.tr(indicator.unit) if indicator.unit else ""
        sign = _PERCENT if unit == _PERCENT else ""
        return Measure(self.reader.language, "" if sign else unit[:1].upper() + unit[1:], indicator.decimals, sign)

    def title(self, table: Table, by: tuple[str, ...] | None = None) -> str:
        """Return what a table is called: its indicator and by what (``by``: only by these of its dimensions)."""
        what = self.tr(self.indicator(table.indicator).title)
        of = table.ident.removesuffix(f"-{table.indicator}")
        if table.dimensions == (YEAR,) and of in self.catalogue and of != table.indicator:
            # «networks-growth» is the growth of the networks.
            return f"{what}: {self.tr(self.catalogue[of].title)}"
        rest = [ident for ident in by or table.dimensions if ident not in (ORIGIN, DESTINATION, YEAR)]
        if ORIGIN in table.dimensions and DESTINATION in table.dimensions:
            return f"{what}, {self._by(rest)}" if rest else what
        # Whose name does not say by what it counts is the only one of its kind; the years are in every one of them.
        if "-by-" not in table.ident or not table.dimensions:
            return what
        said = self._by(rest or list(by or table.dimensions))
        return what if what.casefold().endswith(said.casefold()) else f"{what}, {said}"

    def _by(self, idents: list[str]) -> str:
        titles = [self.heading(ident) for ident in idents]
        joined = self.tr(N_(" e ")).join(title[:1].lower() + title[1:] for title in titles)
        return self.tr(N_("per {by}")).format(by=joined)

    def say(self, cell: Cell | None, measure: Measure) -> str:
        """Return a number as tables say it."""
        said = measure.say(value_of(cell))
        return self.estimated(said) if cell is not None and cell.status is Status.ESTIMATED else said

    def estimated(self, said: str) -> str:
        """Return a text with the word that it is estimated."""
        return f"{said} ({self.tr(ESTIMATED)})"

    def coverage(self, counted: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
        """Return what a build rests on, in words."""
        return tuple((self.tr(_COVERAGE.get(name, name.replace("_", " "))), count) for name, count in counted.items())
