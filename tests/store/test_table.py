"""Tables as bytes: whole, typed, the same each time, and never a program."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from node.store.spreadsheet import CELL_MAX, plain_cell, read_sheets
from node.store.table import csv_table, xlsx_table

SIGNS = ("=", "+", "-", "@")
HOSTILE = st.text(alphabet="=+-@;,|\t\r\n\"' a1'", max_size=30)
MOMENT = dt.datetime(2026, 11, 1, 10, 30, 5, tzinfo=dt.timezone(dt.timedelta(hours=1)))
ROW = ("x", 7, 0.5, True, dt.date(2026, 11, 1), MOMENT, None)
COLUMNS = ("text", "whole", "part", "yes", "day", "time", "none")


def test_csv_tells_values_in_their_standard_form() -> None:
    """Days and times by ISO 8601 in UTC, true and false in words, nothing for None; RFC 4180, no byte order mark."""
    assert csv_table(COLUMNS, [ROW]) == (
        b"text,whole,part,yes,day,time,none\r\nx,7,0.5,true,2026-11-01,2026-11-01T09:30:05Z,\r\n"
    )


@given(HOSTILE)
def test_a_hostile_text_stays_text_by_every_separator(text: str) -> None:
    """By commas as it is meant, by semicolons, bars, tabs and bare lines no cell begins a formula; and nothing is lost."""
    raw = csv_table(("before", "text"), [("x", text)])
    _, (_, cell) = csv.reader(io.StringIO(raw.decode(), newline=""))
    assert not cell.startswith((*SIGNS, "\t", "\r"))
    for part in re.split(r"[;|\t\r\n]", raw.decode().partition("\r\n")[2])[1:]:
        assert not part.lstrip(' "').startswith(SIGNS)
    assert plain_cell(re.sub(r"""(?<=[;,|\t\r\n])'(?=[\s"']*[=+\-@])""", "", cell)) == text


@given(st.lists(st.text(max_size=20), max_size=4))
def test_a_workbook_is_the_same_each_time(texts: list[str]) -> None:
    """No hour, no name, no chance in the bytes."""
    assert xlsx_table("s", COLUMNS, [texts]) == xlsx_table("s", COLUMNS, [texts])


def test_a_workbook_opens_whatever_strangers_write(tmp_path: Path) -> None:
    """Controls and non-characters are escaped, a text too long for a cell ends with a mark, the next row is whole."""
    path = tmp_path / "t.xlsx"
    longest = "a" * CELL_MAX
    path.write_bytes(xlsx_table("s", ("a",), [("\x01\uffff\ufffe",), (longest,), (longest + "b",), ("=" + longest,)]))
    _, odd, whole, cut, marked = (row[0] for row in read_sheets(path)["s"])
    assert "_xFFFF_" in str(odd)
    assert whole == longest
    assert cut == "a" * (CELL_MAX - 1) + "…"
    assert (len(str(marked)), str(marked)[:2], str(marked)[-1]) == (CELL_MAX - 1, "=a", "…")
