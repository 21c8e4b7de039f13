"""What the Observatory tells: tables of numbers, in one shape for pages, files and the other nodes.

In: tables that somebody counted. Out: values that cannot be wrong in shape, and their canonical JSON, byte for byte the same for the
same numbers. Rules: a table is one measure by some dimensions, its cells sorted by their codes and each code of a list that
``codes`` tells; a number that is not told says why (withheld: it would betray somebody; unknown: nobody knows it) and is
never a zero; decimals are exact and travel as text, as the wire knows no floats (PROTOCOL 3.4). Pure.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

from node.errors import N_, CallerError

FORM: Final = "observatory/1"
_IDENT: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_CODE: Final = re.compile(r"[A-Za-z0-9*?+_.:-]{1,40}")


class Status(StrEnum):
    """Whether a cell has a number, and if not, why."""

    GIVEN = "given"
    ESTIMATED = "estimated"
    WITHHELD = "withheld"
    UNKNOWN = "unknown"


Number = int | Decimal


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a table: ``at`` has a code for each dimension; ``value`` is None exactly where nothing is told."""

    at: tuple[str, ...]
    value: Number | None
    status: Status = Status.GIVEN

    def __post_init__(self) -> None:
        """Refuse a number where none is told, and none where one is."""
        if (self.value is None) != (self.status in (Status.WITHHELD, Status.UNKNOWN)):
            raise ValueError(f"a cell has a number or says why not: {self}")
        if not all(_CODE.fullmatch(code) for code in self.at):
            raise ValueError(f"a code that no list has: {self.at}")


@dataclass(frozen=True, slots=True)
class Table:
    """One measure by some dimensions (names of ``codes.DIMENSIONS``), as of a day.

    ``ident`` is stable for ever and stands in addresses; ``indicator`` names an entry of the catalogue; ``tier`` is 1 (public
    data) or 2 (disclosure control); ``as_of`` is the day that the newest number speaks of; ``source`` is a catalogue id of the
    message files; ``notes`` are catalogue ids too, and say among others where cells may not be summed.
    """

    ident: str
    indicator: str
    dimensions: tuple[str, ...]
    cells: tuple[Cell, ...]
    as_of: dt.date
    tier: int = 1
    source: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse cells that are not of these dimensions, or stand twice, or out of order."""
        if not _IDENT.fullmatch(self.ident) or not _IDENT.fullmatch(self.indicator) or self.tier not in (1, 2):
            raise ValueError(f"no table: {self.ident!r} of {self.indicator!r}")
        if any(len(cell.at) != len(self.dimensions) for cell in self.cells):
            raise ValueError(f"a code for each dimension of {self.ident}")
        places = [cell.at for cell in self.cells]
        if any(a >= b for a, b in itertools.pairwise(places)):
            raise ValueError(f"cells of {self.ident} in order of their codes, each once")

    def by_place(self) -> Mapping[tuple[str, ...], Cell]:
        """Return the cells by their codes."""
        return {cell.at: cell for cell in self.cells}


def table(
    ident: str, indicator: str, dimensions: tuple[str, ...], cells: list[Cell], as_of: dt.date, **more: Any
) -> Table:
    """Return a table of cells in any order."""
    return Table(ident, indicator, dimensions, tuple(sorted(cells, key=lambda cell: cell.at)), as_of, **more)


@dataclass(frozen=True, slots=True)
class Figures:
    """All that one build told: its tables by ident, when it was made, of what.

    ``coverage`` says in numbers what the build rests on (editions, nodes known, nodes current, profiles).
    """

    as_of: dt.date
    made_at: dt.datetime
    inputs: str
    coverage: Mapping[str, int]
    tables: tuple[Table, ...] = field(default=())

    def named(self, ident: str) -> Table | None:
        """Return one table."""
        return next((found for found in self.tables if found.ident == ident), None)


def encode(figures: Figures) -> bytes:
    """Return the canonical JSON of what was told: sorted keys, no spaces, no floats."""
    document = {
        "type": FORM,
        "as_of": figures.as_of.isoformat(),
        "made_at": figures.made_at.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "inputs": figures.inputs,
        "coverage": dict(figures.coverage),
        "tables": [_table_form(found) for found in sorted(figures.tables, key=lambda found: found.ident)],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def cells_digest(found: Table) -> str:
    """Return what stays the same as long as a table has the same cells: the SHA-256 of what it has by which dimensions, in hexadecimal."""
    form = [found.ident, list(found.dimensions), _cells_form(found)]
    return hashlib.sha256(json.dumps(form, separators=(",", ":")).encode()).hexdigest()


def _table_form(found: Table) -> dict[str, Any]:
    return {
        "ident": found.ident,
        "indicator": found.indicator,
        "dimensions": list(found.dimensions),
        "as_of": found.as_of.isoformat(),
        "tier": found.tier,
        "source": found.source,
        "notes": list(found.notes),
        "cells": _cells_form(found),
    }


def _cells_form(found: Table) -> list[list[Any]]:
    return [[list(cell.at), _number_form(cell.value), cell.status.value] for cell in found.cells]


def _number_form(value: Number | None) -> int | str | None:
    return format(value, "f") if isinstance(value, Decimal) else value


def decode(document: bytes) -> Figures:
    """Return what was told from its JSON. Raises: CallerError(observatory-malformed)."""
    try:
        return _figures_of(json.loads(document))
    except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise CallerError("observatory-malformed", N_("il documento dell'Osservatorio non è leggibile")) from error


def _figures_of(form: Mapping[str, Any]) -> Figures:
    if form["type"] != FORM:
        raise ValueError(form["type"])
    return Figures(
        dt.date.fromisoformat(form["as_of"]),
        dt.datetime.fromisoformat(form["made_at"]),
        form["inputs"],
        {str(name): int(count) for name, count in form["coverage"].items()},
        tuple(_table_of(found) for found in form["tables"]),
    )


def _table_of(form: Mapping[str, Any]) -> Table:
    cells = tuple(
        Cell(tuple(at), Decimal(value) if isinstance(value, str) else value, Status(status))
        for at, value, status in form["cells"]
    )
    return Table(
        form["ident"],
        form["indicator"],
        tuple(form["dimensions"]),
        cells,
        dt.date.fromisoformat(form["as_of"]),
        form["tier"],
        form["source"],
        tuple(form["notes"]),
    )
