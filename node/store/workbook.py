"""A child process that opens one workbook within limits, so that a hostile file can end this process and no other.

In: the path of an xls, xlsx or ods file as the only argument. Out, on standard output, one JSON value per line:
``{"sheet": name}``, then each of its rows as an array (dates as ISO text), and ``{"end": true}`` after the last sheet; or
``{"refused": code, "detail": text}``. No last line means that a limit struck.
Why a process: the reader builds a dense grid before it hands out the first cell. A 5 KB file with one cell in the last
corner asks for 500 GB and the allocator aborts the process; sizes written in an archive may lie. The kernel's limits hold
for all of that. It imports nothing of ours and is run as a file, so that it starts in some hundredths of a second.
"""

from __future__ import annotations

import resource
import sys
from typing import Any

import orjson
import python_calamine

ROWS_MAX = 1_000_000
COLUMNS_MAX = 1_000
MEMORY_MAX_BYTES = 3 << 30
CPU_MAX_S = 120


def _limit() -> None:
    for what, value in (
        (resource.RLIMIT_AS, MEMORY_MAX_BYTES),
        (resource.RLIMIT_CPU, CPU_MAX_S),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _say(value: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, default=str) + b"\n")


def read(path: str) -> None:
    """Write the sheets of one workbook to standard output, or why it is refused."""
    try:
        with python_calamine.load_workbook(path) as workbook:
            names = [s.name for s in workbook.sheets_metadata if s.typ == python_calamine.SheetTypeEnum.WorkSheet]
            if not names:
                _say({"refused": "sheet-missing", "detail": ""})
                return
            for name in names:
                sheet = workbook.get_sheet_by_name(name)
                last_row, last_column = sheet.end or (0, 0)
                if last_row >= ROWS_MAX:
                    _say({"refused": "file-too-many-rows", "detail": name})
                    return
                if last_column >= COLUMNS_MAX:
                    _say({"refused": "file-too-many-columns", "detail": name})
                    return
                _say({"sheet": name})
                # Rows are counted from the first of the sheet, columns only from the first filled one: positions matter.
                before = [""] * (sheet.start[1] if sheet.start else 0)
                for row in sheet.iter_rows():
                    # A blank row keeps its number and not its width: far cells make many wide blanks of a small file.
                    _say([] if row.count("") == len(row) else [*before, *row])
    except (python_calamine.CalamineError, OSError, ValueError):
        _say({"refused": "file-damaged", "detail": ""})
        return
    except BaseException as error:
        # A panic of the reader on a half file; one that asks for too much room is a limit that struck.
        if type(error).__name__ != "PanicException" or "capacity" in str(error):
            raise
        _say({"refused": "file-damaged", "detail": ""})
        return
    _say({"end": True})


if __name__ == "__main__":
    _limit()
    read(sys.argv[1])
