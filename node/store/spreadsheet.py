"""Spreadsheets in and out: xls, xlsx, ods and csv files as sheets of rows.

In: a path. Out: sheet name -> rows of cells (text, numbers, booleans; dates of workbooks as ISO text); or a written file.
Caps on size, rows, columns and cells, and a child process for workbooks (store/workbook), keep a wrong or hostile file
from taking the program down. Control characters are dropped: no database holds a NUL, no terminal should run an escape.
Cells that a spreadsheet program would run as a formula are written as text.
"""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

import orjson
import xlsxwriter
import xlwt

from node.errors import N_, CallerError, NotFoundError
from node.store import whole_file, workbook
from node.store.whole_file import PLAIN

FILE_MAX_BYTES = 200 * 1024 * 1024
UNPACKED_MAX_BYTES = 1024 * 1024 * 1024
UNPACKED_RATIO_MAX = 200
ROWS_MAX, COLUMNS_MAX = workbook.ROWS_MAX, workbook.COLUMNS_MAX
CELL_MAX = 32_000
# One of these is in every workbook that is an archive: xlsx, xlsb, ods.
WORKBOOK_PARTS = frozenset({"xl/workbook.xml", "xl/workbook.bin", "content.xml"})
XLS_ROWS_MAX = 65_536
READ_TIMEOUT_S = 300.0
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# What needs a look in a line of JSON: controls (escaped below a space, plain above) and a leading apostrophe.
_LOOK_IN_JSON = re.compile(rb"\\u00|\\b|\\f|\x7f|\xc2[\x80-\x9f]|\"'")
Sheets = dict[str, list[list[object]]]


def read_sheets(path: Path) -> Sheets:
    """Return the sheets of a file, recognised by its content, without the apostrophes that ``safe_cell`` put.

    Raises: NotFoundError(file-not-found), CallerError(file-not-spreadsheet | file-too-large | file-zip-bomb |
    file-too-many-rows | file-too-many-columns | sheet-missing).
    """
    if not path.exists():
        raise NotFoundError("file-not-found", N_("il file non c'è"), where=str(path))
    if not path.is_file():
        # Also a pipe or a device: reading one could wait for ever.
        raise CallerError("file-not-spreadsheet", N_("non è un file"), where=str(path))
    size = path.stat().st_size
    if size == 0:
        raise _not_spreadsheet(path, N_("file vuoto"))
    if size > FILE_MAX_BYTES:
        raise CallerError(
            "file-too-large", N_("file più grande di {limit} MB"), where=str(path), limit=FILE_MAX_BYTES >> 20
        )
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"PK"):
        _check_zip(path)
        return _workbook(path)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        return _workbook(path)
    return {path.stem: _csv(path)}


def _not_spreadsheet(path: Path, what: str = N_("il file non è un foglio elettronico leggibile")) -> CallerError:
    return CallerError("file-not-spreadsheet", what, where=str(path), hint=N_("formati ammessi: xls, xlsx, ods, csv"))


def _damaged(path: Path) -> CallerError:
    return CallerError(
        "file-not-spreadsheet",
        N_("il file è danneggiato o incompleto"),
        where=str(path),
        hint=N_("copiarlo di nuovo, o aprirlo e salvarlo come xlsx, xls, ods o csv"),
    )


def _check_zip(path: Path) -> None:
    """Refuse archives that unpack to more than a spreadsheet would, before anything unpacks them."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise _damaged(path) from error
    if unpacked > UNPACKED_MAX_BYTES or unpacked > UNPACKED_RATIO_MAX * max(path.stat().st_size, 1):
        raise _bomb(path)
    if not names & WORKBOOK_PARTS:
        raise _not_spreadsheet(path)


def _bomb(path: Path) -> CallerError:
    return CallerError(
        "file-zip-bomb",
        N_("il file, aperto, sarebbe smisurato: rifiutato"),
        where=str(path),
        hint=N_("copiare le sole celle piene in un foglio nuovo, o salvare come csv"),
    )


def _workbook(path: Path) -> Sheets:
    command = [sys.executable, "-P", str(workbook.__file__), str(path.resolve())]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and file, no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "RUST_BACKTRACE": "0"},
    )
    watchdog = threading.Timer(READ_TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        with process:
            return _collect(path, process.stdout or io.BytesIO())
    finally:
        watchdog.cancel()
        # Also when we stop listening half-way: nobody is left behind.
        process.kill()


def _collect(path: Path, lines: IO[bytes] | io.BytesIO) -> Sheets:
    sheets: Sheets = {}
    rows: list[list[object]] = []
    for line in lines:
        value = orjson.loads(line) if line.endswith(b"\n") else None
        if type(value) is list:
            rows.append([_clean(cell) for cell in value] if _LOOK_IN_JSON.search(line) else value)
        elif type(value) is dict and "sheet" in value:
            rows = sheets[value["sheet"]] = []
        elif type(value) is dict and "refused" in value:
            raise _refused(path, value["refused"], value["detail"])
        elif value == {"end": True}:
            return sheets
    raise _bomb(path)


def _clean(cell: object) -> object:
    return plain_cell(_CONTROL.sub("", cell)) if isinstance(cell, str) else cell


def _refused(path: Path, code: str, detail: str) -> CallerError:
    if code == "file-too-many-rows":
        return _too_many(path, detail)
    if code == "file-too-many-columns":
        return _too_wide(path, detail)
    if code == "sheet-missing":
        hint = N_("il file deve avere un foglio con le intestazioni in prima riga")
        return CallerError("sheet-missing", N_("il file non contiene fogli di celle"), where=str(path), hint=hint)
    return _damaged(path)


def _too_many(path: Path, sheet: str = "") -> CallerError:
    where = f"{path}!{sheet}" if sheet else str(path)
    hint = N_("dividere il file e importarlo a pezzi")
    return CallerError("file-too-many-rows", N_("più di {limit} righe"), where=where, hint=hint, limit=ROWS_MAX)


def _too_wide(path: Path, sheet: str = "") -> CallerError:
    where = f"{path}!{sheet}" if sheet else str(path)
    hint = N_("togliere le colonne che non servono")
    return CallerError("file-too-many-columns", N_("più di {limit} colonne"), where=where, hint=hint, limit=COLUMNS_MAX)


def _csv(path: Path) -> list[list[object]]:
    raw = path.read_bytes()
    text = _decode(raw)
    if text is None or "\x00" in text:
        raise _not_spreadsheet(path)
    first = text.split("\n", 1)[0]
    delimiter = max(";,\t", key=first.count)
    if not first.count(delimiter):
        raise _not_spreadsheet(path, N_("il file ha una sola colonna, o non è un foglio elettronico"))
    rows: list[list[object]] = []
    try:
        for row in csv.reader(io.StringIO(_CONTROL.sub("", text), newline=""), delimiter=delimiter):
            if len(row) > COLUMNS_MAX:
                raise _too_wide(path)
            rows.append([plain_cell(cell[:CELL_MAX]) if cell.startswith("'") else cell[:CELL_MAX] for cell in row])
            if len(rows) > ROWS_MAX:
                raise _too_many(path)
    except csv.Error as error:
        raise _damaged(path) from error
    return rows


def _decode(raw: bytes) -> str | None:
    for start, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(start):
            try:
                return raw.decode(encoding)
            except UnicodeDecodeError:
                return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        # What Italian spreadsheet programs write; undefined bytes mean it is no text at all.
        try:
            return raw.decode("cp1252")
        except UnicodeDecodeError:
            return None


def safe_cell(value: object) -> object:
    """Return ``value`` so that no spreadsheet program runs it: a leading apostrophe before formula characters."""
    if isinstance(value, str) and value.startswith((*_FORMULA, "'")):
        return "'" + value
    return value


def plain_cell(value: object) -> object:
    """Undo ``safe_cell``."""
    if isinstance(value, str) and value.startswith("'") and value[1:].startswith((*_FORMULA, "'")):
        return value[1:]
    return value


def check_target(path: Path, *, replace: bool) -> None:
    """Refuse a file that can't be written, or is there already unless ``replace``, before any work is done for it.

    Raises: CallerError(file-type-unknown | file-is-folder | file-exists).
    """
    if path.suffix.lower() not in _WRITERS:
        raise CallerError(
            "file-type-unknown",
            N_("non so scrivere «{suffix}»"),
            where=str(path),
            hint=N_("usare .xlsx, .xls o .csv"),
            suffix=path.suffix.lower(),
        )
    whole_file.check_targets([path], replace=replace)


def write_sheets(
    path: Path, sheets: Mapping[str, Iterable[Sequence[object]]], *, replace: bool = True, mode: int = PLAIN
) -> None:
    """Write xlsx, xls or csv by the file's ending, with the permissions ``mode``; csv holds the first sheet only.

    Raises: as ``check_target``; CallerError(file-too-many-rows | cell-too-long).
    """
    check_target(path, replace=replace)
    writer = _WRITERS[path.suffix.lower()]
    whole_file.replace_whole(path, lambda partial: writer(partial, sheets), replace=replace, mode=mode)


def _write_xlsx(path: Path, sheets: Mapping[str, Iterable[Sequence[object]]]) -> None:
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    try:
        with xlsxwriter.Workbook(str(path), options) as workbook:
            for name, rows in sheets.items():
                sheet = workbook.add_worksheet(name)
                for number, row in enumerate(rows):
                    for column, value in enumerate(row):
                        if isinstance(value, str):
                            if value and sheet.write_string(number, column, str(safe_cell(value))):
                                # The library would leave the cell out without a word.
                                raise _too_long(name, number)
                        elif value is not None:
                            sheet.write(number, column, value)
    except xlsxwriter.exceptions.FileCreateError as error:
        cause = error.args[0] if error.args else error
        raise cause if isinstance(cause, OSError) else OSError(str(cause)) from error


def _too_long(sheet: str, number: int) -> CallerError:
    return CallerError(
        "cell-too-long",
        N_("testo troppo lungo per una cella"),
        where=f"{sheet}!{number + 1}",
        hint=N_("usare .csv"),
    )


def _write_xls(path: Path, sheets: Mapping[str, Iterable[Sequence[object]]]) -> None:
    workbook = xlwt.Workbook(encoding="utf-8")
    for name, rows in sheets.items():
        sheet = workbook.add_sheet(name)
        for number, row in enumerate(rows):
            if number >= XLS_ROWS_MAX:
                raise CallerError(
                    "file-too-many-rows",
                    N_("un file .xls ha al massimo {limit} righe"),
                    where=name,
                    hint=N_("usare .xlsx"),
                    limit=XLS_ROWS_MAX,
                )
            for column, value in enumerate(row):
                if value not in (None, ""):
                    sheet.write(number, column, safe_cell(value))
    workbook.save(str(path))


def _write_csv(path: Path, sheets: Mapping[str, Iterable[Sequence[object]]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerows(
            [safe_cell("" if cell is None else cell) for cell in row] for row in next(iter(sheets.values()))
        )


_WRITERS = {".xlsx": _write_xlsx, ".xls": _write_xls, ".csv": _write_csv}
