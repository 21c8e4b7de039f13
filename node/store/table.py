"""One table as bytes, for who downloads it: CSV for programs, XLSX for people.

In: names of columns and rows of plain values. Out: bytes, the same for the same table, always.
Rules: CSV is RFC 4180 (commas, CRLF, UTF-8) without a byte order mark: programs expect it so, and an Italian Excel, which
wants semicolons, would not part its columns even with the mark; people take the XLSX, where numbers, days and times are what
they are, codes such as «01» stay text, and names stand above in a row that does not scroll away. No text of a stranger is run
as a formula: an apostrophe goes before what could begin one. Source: docs/exports.md; OWASP, CSV Injection.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

import xlsxwriter

from node.store.spreadsheet import CELL_MAX, safe_cell

Cell: TypeAlias = str | int | float | Decimal | bool | dt.date | dt.datetime | None
Sheet: TypeAlias = tuple[str, Sequence[str], Iterable[Sequence[Cell]]]

# Told in the workbook instead of the hour of the download: the same answer is the same bytes, and keeps its ETag.
MADE: Final = dt.datetime(1980, 1, 1)  # noqa: DTZ001 - the workbook's own calendar has no zones
# Where a program that expects another separator, or lines without quotes, would begin a cell of its own inside ours.
_INNER_FORMULA: Final = re.compile(r"""(?<=[;,|\t\r\n])(?=[\s"']*[=+\-@])""")
_LEFT_OUT: Final = "…"
_FORMS: Final[Mapping[type, str]] = {dt.date: "yyyy-mm-dd", dt.datetime: "yyyy-mm-dd hh:mm:ss"}


def csv_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return CSV with a header; days and times (UTC) by ISO 8601, ``true`` and ``false``, nothing for None."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_csv_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _csv_cell(cell: Cell) -> object:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, dt.datetime):
        return cell.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(cell, dt.date):
        return cell.isoformat()
    if isinstance(cell, str):
        return csv_text(cell)
    return "" if cell is None else cell


def csv_text(text: str) -> str:
    """Return a text of a stranger as it may stand in a field of CSV."""
    return _INNER_FORMULA.sub("'", str(safe_cell(text)))


def xlsx_table(name: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return a workbook of one sheet; times are UTC, and a text longer than a cell can hold ends with «…»."""
    return xlsx_book([(name, columns, rows)])


def xlsx_book(sheets: Iterable[Sheet]) -> bytes:
    """Return a workbook of several sheets: for each its name, columns and rows."""
    options = {
        "in_memory": True,
        "remove_timezone": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, options) as book:
        book.set_properties({"created": MADE})
        forms = {kind: book.add_format({"num_format": form}) for kind, form in _FORMS.items()}
        bold = book.add_format({"bold": True})
        for name, columns, rows in sheets:
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            sheet.write_row(0, 0, columns, bold)
            for number, row in enumerate(rows, 1):
                for column, cell in enumerate(row):
                    _write(sheet, (number, column), cell, forms)
    return made.getvalue()


def _write(sheet: Any, at: tuple[int, int], cell: Cell, forms: Mapping[type, Any]) -> None:
    if isinstance(cell, str):
        # Never the library's guess: it would make formulas, links and numbers of what strangers write.
        sheet.write_string(*at, _xlsx_text(cell))
    elif isinstance(cell, bool):
        sheet.write_boolean(*at, cell)
    elif isinstance(cell, dt.datetime):
        sheet.write_datetime(*at, cell.astimezone(dt.UTC), forms[dt.datetime])
    elif isinstance(cell, dt.date):
        sheet.write_datetime(*at, cell, forms[dt.date])
    elif cell is not None:
        sheet.write_number(*at, cell)


def _xlsx_text(text: str) -> str:
    safe = str(safe_cell(text))
    return safe if len(safe) <= CELL_MAX else safe[: CELL_MAX - 1] + _LEFT_OUT
