"""Which part of the Observatory's tables is looked at: what an address asks for, held against the codes that the tables have.

In: a request's parameters, the tables of a page. Out: an ``Asked`` and what is wrong with it; for one table a ``Cut``: which dimensions its picture
shows and which are held to one code. Rules: nothing that somebody typed goes further than the codes that there are; what is wrong is
said, and the page is shown as if it had not been asked for; a table without the year asked for shows the nearest one before it, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from node.domain.observatory.codes import TOTAL
from node.domain.observatory.figures import Cell, Table
from node.errors import N_
from node.web.pages.observatory_words import DESTINATION, ORIGIN, YEAR, Words

YEAR_NAMES: Final = ("anno", "year")
RELEASE: Final = "release"
_YEAR: Final = re.compile(r"[0-9]{4}")
_NO_YEAR: Final = N_("L'anno si scrive con quattro cifre, dal {first} al {last}; qui si vede il {last}.")
_TWO_YEARS: Final = N_("L'anno si scrive una volta sola: «anno» e «year» dicono la stessa cosa.")
_NO_CODE: Final = N_("«{given}» non è fra le scelte di «{dimension}»; qui si vede «{shown}».")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked at: a year (empty: the newest), codes of other dimensions, a release (empty: the newest build)."""

    year: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)
    release: str = ""

    def href(self, path: str, anchor: str = "", **changed: str) -> str:
        """Return an address of the same choice with some of it changed."""
        given = {YEAR_NAMES[0]: self.year, **self.codes, RELEASE: self.release, **changed}
        query = urlencode([(name, value) for name, value in given.items() if value])
        return path + (f"?{query}" if query else "") + (f"#{anchor}" if anchor else "")

    def kept(self, *without: str) -> tuple[tuple[str, str], ...]:
        """Return what a form carries along beside the fields it shows."""
        given = {YEAR_NAMES[0]: self.year, **self.codes, RELEASE: self.release}
        return tuple((name, value) for name, value in given.items() if value and name not in without)


@dataclass(frozen=True, slots=True)
class Cut:
    """One table as a picture looks at it.

    ``axis`` is the dimension of its time (empty: none) and ``moments`` its codes, of which ``moment`` is chosen; ``shown`` are the dimensions that
    the picture shows (none: time alone; two: flows), ``held`` the code of each other one, ``options`` the codes it is chosen from.
    """

    table: Table
    cells: Mapping[tuple[str, ...], Cell]
    axis: str
    moments: tuple[str, ...]
    moment: str
    shown: tuple[str, ...]
    held: Mapping[str, str]
    options: Mapping[str, tuple[str, ...]]

    @property
    def years(self) -> tuple[str, ...]:
        """Return the years that may be chosen; none where the picture shows them all, or where time is no years."""
        return self.moments if self.axis == YEAR and self.shown else ()

    def cell(self, moment: str = "", **codes: str) -> Cell | None:
        """Return the cell of a moment (empty: the chosen one) and a code for each dimension that is shown."""
        given = {**self.held, self.axis: moment or self.moment, **codes}
        return self.cells.get(tuple(given[ident] for ident in self.table.dimensions))

    def seen(self, always: bool = False) -> list[Cell]:
        """Return the cells of the chosen codes, of the chosen moment or of all."""
        fixed = {**self.held, self.axis: None if always else self.moment}
        wanted = [fixed.get(ident) for ident in self.table.dimensions]
        return [
            cell
            for cell in self.table.cells
            if all(want in (None, code) for want, code in zip(wanted, cell.at, strict=True))
        ]

    def codes(self, ident: str, always: bool = False) -> set[str]:
        """Return the codes that a dimension has among what is seen."""
        at = self.table.dimensions.index(ident)
        return {cell.at[at] for cell in self.seen(always)}


def codes_of(table: Table, ident: str) -> set[str]:
    """Return all codes that a table has of a dimension."""
    at = table.dimensions.index(ident)
    return {cell.at[at] for cell in table.cells}


def axis_of(table: Table, words: Words) -> str:
    """Return the dimension of a table's time: the year, else the first that is a time; empty: it has none."""
    times = [ident for ident in table.dimensions if words.dimension(ident).kind == "time"]
    return YEAR if YEAR in times else times[0] if times else ""


def shown_of(table: Table, words: Words) -> tuple[str, ...]:
    """Return the dimensions that a table's picture shows: flows, else a place, else the first that is not its time, else none."""
    if ORIGIN in table.dimensions and DESTINATION in table.dimensions:
        return ORIGIN, DESTINATION
    rest = [ident for ident in table.dimensions if ident != axis_of(table, words)]
    places = [ident for ident in rest if words.dimension(ident).kind == "territory"]
    return tuple((places or rest)[:1])


def cut(table: Table, cells: Mapping[tuple[str, ...], Cell], asked: Asked, words: Words) -> Cut:
    """Return a table as it is looked at."""
    axis, shown = axis_of(table, words), shown_of(table, words)
    moments = tuple(sorted(codes_of(table, axis))) if axis else ()
    options = {
        ident: tuple(words.ordered(ident, codes_of(table, ident)))
        for ident in table.dimensions
        if ident not in (YEAR, *shown) and (shown or ident != axis)
    }
    # What ages is followed longest from the first beginning.
    ages = any(words.dimension(ident).kind == "age" for ident in shown)
    held = {
        ident: _held(codes, asked.codes.get(ident, ""), last=words.dimension(ident).kind == "time" and not ages)
        for ident, codes in options.items()
        if codes
    }
    moment = held.get(axis, "")
    if not moment and moments:
        moment = max((each for each in moments if each <= (asked.year or each)), default=moments[0])
    return Cut(table, cells, axis, moments, moment, shown, held, options)


def _held(codes: tuple[str, ...], wanted: str, *, last: bool) -> str:
    if wanted in codes:
        return wanted
    return TOTAL if TOTAL in codes else codes[-1 if last else 0]


def asked_of(
    given: Iterable[tuple[str, str]], tables: Iterable[Table], words: Words, release: str = ""
) -> tuple[Asked, list[tuple[str, str]]]:
    """Return what parameters ask of some tables, and what is wrong with it: (field, sentence)."""
    parameters, found = list(given), tuple(tables)
    wrong: list[tuple[str, str]] = []
    years = sorted({year for table in found if YEAR in table.dimensions for year in codes_of(table, YEAR)})
    year = _year(parameters, years, words, wrong)
    codes: dict[str, str] = {}
    for table in found:
        shown = shown_of(table, words)
        for ident in table.dimensions:
            value = next((value for name, value in parameters if name == ident and ident != YEAR), "")
            if value and ident not in shown:
                if value in codes_of(table, ident):
                    codes[ident] = value
                else:
                    codes.setdefault(ident, "")
    asked = Asked(year, {ident: code for ident, code in codes.items() if code}, release)
    for ident in (ident for ident, code in codes.items() if not code):
        value = next(value for name, value in parameters if name == ident)
        table = next(table for table in found if ident in table.dimensions)
        shown_code = cut(table, {}, asked, words).held.get(ident, "")
        facts = {"dimension": words.heading(ident), "shown": words.code(ident, shown_code).text}
        wrong.append(("", words.tr(_NO_CODE).format(given=value[:40], **facts)))
    return asked, wrong


def _year(parameters: list[tuple[str, str]], years: list[str], words: Words, wrong: list[tuple[str, str]]) -> str:
    values = [value for name, value in parameters if name in YEAR_NAMES and value]
    if not values or not years:
        return ""
    if len(set(values)) > 1:
        wrong.append(("", words.tr(_TWO_YEARS)))
        return ""
    if not _YEAR.fullmatch(values[0]) or not years[0] <= values[0] <= years[-1]:
        wrong.append(("", words.tr(_NO_YEAR).format(first=years[0], last=years[-1])))
        return ""
    return values[0]
