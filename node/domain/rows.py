"""Rows of any sheet: what a cell says, which row is meant, and what is wrong with it.

In: cells as a spreadsheet gives them (text, numbers, booleans, dates). Out: text, days, tax codes; problems that name sheet,
row, column and reason. What the columns of one layout mean is for chamber.py and template_reader.py. Pure.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from node.domain import columns
from node.errors import N_, Translate, plain_facts

COLUMN_UNKNOWN = "column-unknown"
COMPANY_CODE_LENGTH, COMPANY_CODE_ZEROS_MAX = 11, 4
_DATE = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})|(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?")

Cell = object
# Sheet and row, counted from 1 with the header.
RowPlace = tuple[str, int]
Rows = Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why one row was refused, or accepted with a doubt (``fatal`` False); ``row`` counts from 1 with the header.

    ``reason`` is an Italian catalogue id with ``facts``. ``about`` are the contracts (register_id) that the row concerns,
    as far as it can be told; ``province`` is the row's own, empty where it is unknown.
    """

    sheet: str
    row: int
    column: str
    code: str
    reason: str
    fatal: bool = True
    facts: Mapping[str, object] = field(default_factory=dict)
    about: tuple[str, ...] = ()
    province: str = ""

    def text(self, translate: Translate = str) -> str:
        """Return the reason as a sentence in the language of ``translate``."""
        said = translate(self.reason)
        return said.format(**plain_facts(self.facts)) if self.facts else said


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A network that is not imported because one of its rows was refused; ``keys`` are what the register may know it by."""

    name: str
    keys: tuple[str, ...]


def ignored_columns(sheet: str, header: Sequence[Cell], known: Sequence[str]) -> list[RowProblem]:
    """Return a doubt for each column of a header that a layout does not know, with the one that may be meant."""
    return [
        RowProblem(
            sheet,
            1,
            name,
            COLUMN_UNKNOWN,
            N_("colonna sconosciuta: ignorata; forse: {near}"),
            fatal=False,
            facts={"near": near},
        )
        if near
        else RowProblem(sheet, 1, name, COLUMN_UNKNOWN, N_("colonna sconosciuta: ignorata"), fatal=False)
        for name, near in columns.unknown([text_of(cell) for cell in header], known)
    ]


def in_row_order(problems: Iterable[RowProblem], sheets: Iterable[str]) -> tuple[RowProblem, ...]:
    """Return problems as a person meets them who reads the file from its first sheet and row."""
    order = {name: at for at, name in enumerate(sheets)}
    return tuple(sorted(problems, key=lambda p: (order.get(p.sheet, len(order)), p.row)))


def text_of(cell: Cell) -> str:
    """Return a cell as text: whole floats without their ``.0``, dates as ISO, single spaces."""
    if isinstance(cell, str):
        return " ".join(cell.split())
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat()
    if isinstance(cell, dt.date):
        return cell.isoformat()
    return " ".join(str(cell).split())


def paragraphs_of(cell: Cell, limit: int) -> str:
    """Return a cell as text that keeps its lines, at most ``limit`` characters."""
    return str("" if cell is None else cell).replace("\r\n", "\n").strip()[:limit].rstrip()


def tax_code_of(cell: Cell) -> str:
    """Return a tax code without spaces, upper case, with the leading zeros that a number cell loses."""
    code = text_of(cell).replace(" ", "").upper()
    if code.isdigit() and 0 < COMPANY_CODE_LENGTH - len(code) <= COMPANY_CODE_ZEROS_MAX:
        return code.zfill(COMPANY_CODE_LENGTH)
    return code


def parse_date(cell: Cell) -> dt.date | None:
    """Return the day of ``dd/mm/yyyy`` text or of a real date cell, None when it is neither or impossible."""
    if isinstance(cell, dt.datetime):
        return cell.date()
    if isinstance(cell, dt.date):
        return cell
    match = _DATE.fullmatch(text_of(cell))
    if match is None:
        return None
    day, month, year = match.group(1, 2, 3) if match.group(3) else match.group(6, 5, 4)
    try:
        return dt.date(int(year), int(month), int(day))
    except ValueError:
        return None
