"""Spreadsheets in and out: xls, xlsx, ods and csv files as sheets of rows.

In: a path. Out: sheet name -> rows of cells; or a written file. Caps on size, rows and cells keep a wrong or hostile file
from taking the machine down. Cells that a spreadsheet program would run as a formula are written as text.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import python_calamine
import xlsxwriter
import xlwt

from node.errors import N_, CallerError, NotFoundError

FILE_MAX_BYTES = 200 * 1024 * 1024
UNPACKED_MAX_BYTES = 1024 * 1024 * 1024
UNPACKED_RATIO_MAX = 200
ROWS_MAX = 1_000_000
CELL_MAX = 32_000
XLS_ROWS_MAX = 65_536
WORKBOOKS = (".xls", ".xlsx", ".xlsm", ".ods")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Sheets = dict[str, list[list[object]]]


def read_sheets(path: Path) -> Sheets:
    """Return the sheets of a file, recognised by its content.

    Raises: NotFoundError(file-not-found), CallerError(file-not-spreadsheet | file-too-large | file-zip-bomb | ...).
    """
    try:
        size = path.stat().st_size
        head = path.open("rb").read(8) if path.is_file() else b""
    except FileNotFoundError as error:
        raise NotFoundError("file-not-found", N_("il file non c'è"), where=str(path)) from error
    if not path.is_file():
        raise CallerError("file-not-spreadsheet", N_("non è un file"), where=str(path))
    if size > FILE_MAX_BYTES:
        raise CallerError(
            "file-too-large", N_("file più grande di {limit} MB"), where=str(path), limit=FILE_MAX_BYTES >> 20
        )
    if head.startswith(b"PK"):
        _check_zip(path)
        return _workbook(path)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        return _workbook(path)
    return {path.stem: _csv(path)}


def _not_spreadsheet(path: Path, reason: str = "") -> CallerError:
    return CallerError(
        "file-not-spreadsheet",
        N_("il file non è un foglio elettronico leggibile {reason}"),
        where=str(path),
        hint=N_("formati ammessi: xls, xlsx, ods, csv"),
        reason=f"({reason})" if reason else "",
    )


def _check_zip(path: Path) -> None:
    """Refuse archives that unpack to more than a spreadsheet would, before anything unpacks them."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise _not_spreadsheet(path) from error
    if unpacked > UNPACKED_MAX_BYTES or unpacked > UNPACKED_RATIO_MAX * max(path.stat().st_size, 1):
        raise CallerError("file-zip-bomb", N_("il file, aperto, sarebbe smisurato: rifiutato"), where=str(path))


def _workbook(path: Path) -> Sheets:
    try:
        with python_calamine.load_workbook(str(path)) as workbook:
            sheets: Sheets = {}
            for name in workbook.sheet_names:
                sheet = workbook.get_sheet_by_name(name)
                if sheet.total_height > ROWS_MAX:
                    raise _too_many(path)
                sheets[name] = [list(row) for row in sheet.to_python(skip_empty_area=False)]
            return sheets
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise _not_spreadsheet(path, type(error).__name__) from error


def _too_many(path: Path) -> CallerError:
    return CallerError("file-too-many-rows", N_("più di {limit} righe"), where=str(path), limit=ROWS_MAX)


def _csv(path: Path) -> list[list[object]]:
    raw = path.read_bytes()
    text = _decode(raw)
    if text is None or "\x00" in text:
        raise _not_spreadsheet(path)
    first = text.split("\n", 1)[0]
    delimiter = max(";,\t", key=first.count)
    if not first.count(delimiter):
        raise _not_spreadsheet(path, "csv")
    rows: list[list[object]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append([cell[:CELL_MAX] for cell in row])
            if len(rows) > ROWS_MAX:
                raise _too_many(path)
    except csv.Error as error:
        raise _not_spreadsheet(path, "csv") from error
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


def write_sheets(path: Path, sheets: Mapping[str, Iterable[Sequence[object]]]) -> None:
    """Write xlsx, xls or csv by the file's ending; csv holds the first sheet only. Raises: CallerError(file-type-unknown)."""
    suffix = path.suffix.lower()
    partial = path.with_name(f".{path.name}.partial")
    try:
        if suffix == ".xlsx":
            _write_xlsx(partial, sheets)
        elif suffix == ".xls":
            _write_xls(partial, sheets)
        elif suffix == ".csv":
            _write_csv(partial, next(iter(sheets.values())))
        else:
            raise CallerError(
                "file-type-unknown",
                N_("non so scrivere «{suffix}»"),
                where=str(path),
                hint=N_("usare .xlsx, .xls o .csv"),
                suffix=suffix,
            )
        # Whole or not at all: a full disk leaves no half file under the name asked for.
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


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
                            if value:
                                sheet.write_string(number, column, str(safe_cell(value)))
                        elif value is not None:
                            sheet.write(number, column, value)
    except xlsxwriter.exceptions.FileCreateError as error:
        raise OSError(error.args[0] if error.args else str(error)) from error


def _write_xls(path: Path, sheets: Mapping[str, Iterable[Sequence[object]]]) -> None:
    workbook = xlwt.Workbook(encoding="utf-8")
    for name, rows in sheets.items():
        sheet = workbook.add_sheet(name)
        for number, row in enumerate(rows):
            if number >= XLS_ROWS_MAX:
                raise CallerError(
                    "file-too-many-rows",
                    N_("un file .xls ha al massimo {limit} righe"),
                    where=path.name,
                    hint=N_("usare .xlsx"),
                    limit=XLS_ROWS_MAX,
                )
            for column, value in enumerate(row):
                if value not in (None, ""):
                    sheet.write(number, column, safe_cell(value))
    workbook.save(str(path))


def _write_csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerows([safe_cell("" if cell is None else cell) for cell in row] for row in rows)
