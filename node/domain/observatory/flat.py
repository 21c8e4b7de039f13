"""A table as rows and columns, one row a cell: what CSV, XLSX and their descriptions are made of.

In: a table and how things are called. Out: columns and rows of plain values: for each dimension its code and then its name, then the
number, why there is none, and of what. Rules: names of columns are those of the dimensions and never change; a code is text, so that
«01» stays what it is and «NA» stays Napoli; a number that is not told is nothing, never zero; names are Italian. Source:
docs/open-data.md. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from node.domain.observatory.figures import Number, Table
from node.domain.observatory.wording import STATUS_TITLES, Wording, codes_of, is_whole
from node.errors import N_

# None is a dimension: one is called «status».
VALUE, STATUS, UNIT = "value", "value_status", "unit"
NAME_SUFFIX: Final = "_name"
CODE_KIND, NAME_KIND, STATUS_KIND, UNIT_KIND = "code", "name", "status", "unit"
INTEGER_KIND, DECIMAL_KIND = "integer", "decimal"
Value = str | Number | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in the header, its title (a catalogue id), what kind of thing it holds, and of which dimension."""

    name: str
    title: str
    kind: str
    dimension: str = ""


def columns(table: Table, wording: Wording) -> tuple[Column, ...]:
    """Return the columns of a table."""
    found: list[Column] = []
    for ident in table.dimensions:
        title = wording.dimension(ident).title
        found += [Column(ident, title, CODE_KIND, ident), Column(ident + NAME_SUFFIX, title, NAME_KIND, ident)]
    return (
        *found,
        Column(VALUE, wording.indicator(table).title, INTEGER_KIND if is_whole(table) else DECIMAL_KIND),
        Column(STATUS, N_("Stato del numero"), STATUS_KIND),
        Column(UNIT, N_("Unità"), UNIT_KIND),
    )


def rows(table: Table, wording: Wording) -> Iterator[tuple[Value, ...]]:
    """Return one row for each cell, in the order of their codes."""
    names = {(ident, code): wording.name(ident, code) for ident, codes in codes_of(table).items() for code in codes}
    unit = wording.indicator(table).unit
    for cell in table.cells:
        places: list[str] = []
        for ident, code in zip(table.dimensions, cell.at, strict=True):
            places += [code, names[ident, code]]
        yield (*places, cell.value, cell.status.value, unit)


def dictionary(table: Table, wording: Wording) -> list[tuple[str, str, str, str]]:
    """Return what each column is and what each code is called: (column, code, Italian, English); no code: the column itself."""
    kinds = {CODE_KIND: N_("codice"), NAME_KIND: N_("nome del codice")}
    found: list[tuple[str, str, str, str]] = []
    for column in columns(table, wording):
        both = wording.both(column.title)
        more = wording.both(kinds[column.kind]) if column.kind in kinds else {}
        said = {name: f"{text} ({more[name]})" if more else text for name, text in both.items()}
        found.append((column.name, "", said["it"], said["en"]))
    for ident, codes in codes_of(table).items():
        for code in codes:
            both = wording.both(wording.name(ident, code))
            found.append((ident, code, both["it"], both["en"]))
    for status, title in STATUS_TITLES.items():
        both = wording.both(title)
        found.append((STATUS, status.value, both["it"], both["en"]))
    return found
