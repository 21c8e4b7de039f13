"""Spreadsheets in and out: every format says the same, nothing runs as a formula, no file takes the program down."""

from __future__ import annotations

import datetime as dt
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from node.errors import CallerError, NotFoundError
from node.store import spreadsheet
from node.store.spreadsheet import plain_cell, read_sheets, safe_cell, write_sheets
from node.store.whole_file import SECRET

ROWS: list[list[object]] = [["rete", "valore"], ["Città d'arte «Ørsted»", 12], ["a\nb", ""], ["", 1.5]]
DANGEROUS = ("=1+1", "+39 000", "-1", "@SUM(A1)", "\tx", "'=1+1", "'quoted'", "plain")


def refusal(path: Path) -> CallerError:
    """What reading a file is refused with."""
    with pytest.raises(CallerError) as caught:
        read_sheets(path)
    assert caught.value.where.startswith(str(path))
    return caught.value


def texts(rows: Sequence[Sequence[object]]) -> list[list[str]]:
    """Cells as text, whole numbers without a point."""
    return [[str(int(c)) if isinstance(c, float) and c.is_integer() else str(c) for c in row] for row in rows]


@pytest.mark.parametrize("ending", [".xlsx", ".xls", ".csv"])
def test_what_is_written_is_read_again(tmp_path: Path, ending: str) -> None:
    """Accents, lines inside cells, numbers and blanks survive in every format."""
    path = tmp_path / f"book{ending}"
    write_sheets(path, {"Foglio": ROWS, "Altro": [["x", "y"]]})
    found = read_sheets(path)
    assert list(found) == (["book"] if ending == ".csv" else ["Foglio", "Altro"])
    assert texts(found[next(iter(found))]) == texts(ROWS)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", [".xlsx", ".xls", ".csv"])
def test_no_text_is_ever_a_formula_and_it_comes_back_as_it_was(tmp_path: Path, ending: str) -> None:
    """An apostrophe goes out before what a spreadsheet program would run, and is taken away on the way in."""
    path = tmp_path / f"book{ending}"
    write_sheets(path, {"Foglio": [["a", "b"], *([text, "z"] for text in DANGEROUS)]})
    assert [row[0] for row in read_sheets(path)["book" if ending == ".csv" else "Foglio"][1:]] == list(DANGEROUS)
    if ending == ".csv":
        written = [line.split(";")[0].strip('"') for line in path.read_text("utf-8-sig").splitlines()[1:]]
        assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in written)
    if ending == ".xlsx":
        with zipfile.ZipFile(path) as archive:
            assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


@given(st.text())
def test_the_apostrophe_is_undone_exactly(text: str) -> None:
    """For any text: safe is never a formula, and plain gives back the text."""
    safe = str(safe_cell(text))
    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert plain_cell(safe) == text


def test_numbers_and_blanks_are_left_alone() -> None:
    """A negative number is no formula."""
    assert [safe_cell(value) for value in (-1, None, 1.5)] == [-1, None, 1.5]
    assert [plain_cell(value) for value in (-1, None, "'n Drangheta")] == [-1, None, "'n Drangheta"]


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_csv_is_read_whatever_wrote_it(tmp_path: Path, encoding: str, delimiter: str) -> None:
    """With and without a byte order mark, as Italian programs write it, with any usual separator."""
    path = tmp_path / "elenco.csv"
    path.write_bytes(f'nome{delimiter}città\r\n"x{delimiter}\ny"{delimiter}Forlì\r\n'.encode(encoding))
    assert read_sheets(path) == {"elenco": [["nome", "città"], [f"x{delimiter}\ny", "Forlì"]]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"one column\nonly\n",
        b"a;b\n\x00;c\n",
        b"\x89PNG\r\n\x1a\n\x81;\x8d",
        b"PK\x03\x04 no archive",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 no workbook",
        b"\xff\xfea",
        b'a;b\n"' + b"x" * 200_000,
    ],
    ids=["empty", "no-separator", "nul", "binary", "zip", "ole", "half-utf16", "endless-cell"],
)
def test_what_is_no_spreadsheet_is_refused_with_the_formats_that_are(tmp_path: Path, content: bytes) -> None:
    """By content, whatever the name says."""
    path = tmp_path / "elenco.xlsx"
    path.write_bytes(content)
    error = refusal(path)
    assert error.code == "file-not-spreadsheet"
    assert "xlsx" in error.render()[2]


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    """Whatever its name says."""
    path = tmp_path / "elenco.xls"
    path.touch()
    assert refusal(path).render()[0] == "file vuoto"


@pytest.mark.parametrize("ending", [".xlsx", ".xls"])
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.99])
def test_a_truncated_workbook_is_called_damaged(tmp_path: Path, ending: str, kept: float) -> None:
    """A copy that was cut: never a bomb, never the name of a library's class."""
    path = tmp_path / f"elenco{ending}"
    write_sheets(path, {"Elenco": [["rete", n, f"testo {n}"] for n in range(2000)]})
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * kept)])
    error = refusal(path)
    assert (error.code, error.render()[0]) == ("file-not-spreadsheet", "il file è danneggiato o incompleto")
    assert "Error" not in "".join(error.render())


def test_a_workbook_with_a_broken_part_is_called_damaged(tmp_path: Path) -> None:
    """The archive is whole, a sheet in it is not."""
    good, path = tmp_path / "good.xlsx", tmp_path / "x.xlsx"
    write_sheets(good, {"Elenco": ROWS})
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content[: len(content) // 2] if "sheet1" in name else content)
    assert refusal(path).render()[0] == "il file è danneggiato o incompleto"


def test_an_archive_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    """A zip of something else."""
    path = tmp_path / "x.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    error = refusal(path)
    assert (error.code, error.render()[0]) == ("file-not-spreadsheet", "il file non è un foglio elettronico leggibile")


def test_what_is_not_there_or_not_a_file_is_said(tmp_path: Path) -> None:
    """A missing file, a folder, a pipe that nobody fills."""
    with pytest.raises(NotFoundError) as caught:
        read_sheets(tmp_path / "nope.xls")
    assert caught.value.code == "file-not-found"
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path).code == refusal(tmp_path / "pipe").code == "file-not-spreadsheet"


def test_an_archive_that_unpacks_to_far_more_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """The classic zip bomb."""
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(32 << 20))
    assert refusal(path).code == "file-zip-bomb"


def test_one_cell_in_the_last_corner_does_not_end_the_program(tmp_path: Path) -> None:
    """A 5 KB file whose dense grid would take 500 GB: only the child that reads it dies."""
    path = tmp_path / "corner.xlsx"
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "a")
        sheet.write(999_000, 16_383, "b")
    assert path.stat().st_size < 10_000
    assert refusal(path).code == "file-zip-bomb"


def test_too_many_rows_or_columns_are_refused_with_their_sheet(tmp_path: Path) -> None:
    """Caps on each side, said with what to do."""
    for name, row, column in (("file-too-many-rows", 1_000_000, 0), ("file-too-many-columns", 0, 1_000)):
        path = tmp_path / f"{name}.xlsx"
        with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
            book.add_worksheet("Elenco").write(row, column, "x")
        error = refusal(path)
        assert (error.code, error.where) == (name, f"{path}!Elenco")
        assert error.hint


def test_the_same_caps_hold_for_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, columns and bytes; a cell is cut at its limit; just below each cap everything is read."""
    path = tmp_path / "x.csv"
    path.write_text("a;b\n" + "1;2\n" * 9)
    monkeypatch.setattr(spreadsheet, "ROWS_MAX", 10)
    assert len(read_sheets(path)["x"]) == 10
    monkeypatch.setattr(spreadsheet, "ROWS_MAX", 9)
    assert refusal(path).code == "file-too-many-rows"
    path.write_text(";" * 1_000)
    assert refusal(path).code == "file-too-many-columns"
    path.write_text("a;" + "b" * 40_000)
    assert len(str(read_sheets(path)["x"][0][1])) == spreadsheet.CELL_MAX
    monkeypatch.setattr(spreadsheet, "FILE_MAX_BYTES", 100)
    assert refusal(path).code == "file-too-large"


def test_control_characters_never_come_in(tmp_path: Path) -> None:
    """No database holds a NUL and no terminal should run an escape; tabs and line ends are text."""
    plain = tmp_path / "plain.xlsx"
    with xlsxwriter.Workbook(str(plain), {"in_memory": True}) as book:
        book.add_worksheet("A").write_row(0, 0, ["a#b", "\x1b[31mred\x9b", "a\tb\nc"])
    path = tmp_path / "nul.xlsx"
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"a#b", b"a_x0000_b"))
    assert read_sheets(path) == {"A": [["ab", "[31mred", "a\tb\nc"]]}
    text = tmp_path / "x.csv"
    text.write_bytes(b"a\x1b[31m;b\x7f\n")
    assert read_sheets(text) == {"x": [["a[31m", "b"]]}


def test_positions_are_kept_where_a_sheet_begins_late(tmp_path: Path) -> None:
    """Row numbers and columns of a report are those the spreadsheet shows; charts are no sheets; dates are ISO."""
    path = tmp_path / "late.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("A")
        sheet.write_string(2, 1, "x")
        sheet.write_datetime(3, 2, dt.datetime(2013, 3, 15), book.add_format({"num_format": 14}))  # noqa: DTZ001 - no zones here
        sheet.write_boolean(3, 1, True)
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=A!$B$3:$B$4"})
        book.add_chartsheet("G").set_chart(chart)
        book.add_worksheet("vuoto")
    found = read_sheets(path)
    assert found == {"A": [[], [], ["", "x", ""], ["", True, "2013-03-15"]], "vuoto": []}


def test_a_workbook_without_a_sheet_of_cells_is_said(tmp_path: Path) -> None:
    """Only a chart: nothing to import."""
    path = tmp_path / "chart.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet("A").write(0, 0, 1)
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=A!$A$1:$A$1"})
        book.add_chartsheet("G").set_chart(chart)
    only = tmp_path / "only.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(only, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/workbook.xml":
                content = content.replace(b'<sheet name="A" sheetId="1" r:id="rId1"/>', b"")
            new.writestr(name, content)
    assert refusal(only).code == "sheet-missing"


def test_open_document_sheets_are_read(tmp_path: Path) -> None:
    """The format that free office programs write."""
    office = "urn:oasis:names:tc:opendocument:xmlns"
    cells = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
        for text in ("a", "è")
    )
    content = (
        f'<office:document-content xmlns:office="{office}:office:1.0" xmlns:table="{office}:table:1.0"'
        f' xmlns:text="{office}:text:1.0"><office:body><office:spreadsheet><table:table table:name="Elenco">'
        f"<table:table-row>{cells}</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"
    )
    path = tmp_path / "x.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr("content.xml", content)
    assert read_sheets(path) == {"Elenco": [["a", "è"]]}


def test_an_unknown_ending_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    """Also a reader that stops half-way leaves no half file."""
    with pytest.raises(CallerError, match="file-type-unknown"):
        write_sheets(tmp_path / "x.pdf", {"A": ROWS})
    with pytest.raises(CallerError, match="file-too-many-rows"):
        write_sheets(tmp_path / "x.xls", {"A": [["x"]] * 65_537})
    with pytest.raises(CallerError, match="cell-too-long") as caught:
        write_sheets(tmp_path / "x.xlsx", {"A": [["x"], ["y" * 40_000]]})
    assert caught.value.where == "A!2"
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    """Whole or not at all, also over a file that is there."""
    path = tmp_path / "x.csv"
    write_sheets(path, {"A": [["old", "file"]]})

    def rows() -> object:
        yield ["new", "file"]
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_sheets(path, {"A": rows()})  # type: ignore[dict-item]
    assert read_sheets(path) == {"x": [["old", "file"]]}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", [".xlsx", ".xls", ".csv"])
def test_a_file_that_is_there_is_not_replaced_unasked(tmp_path: Path, ending: str) -> None:
    """Refused with its name; the old file and nothing else is left."""
    path = tmp_path / f"x{ending}"
    write_sheets(path, {"A": [["old", "file"]]}, replace=False)
    before = path.read_bytes()
    with pytest.raises(CallerError) as caught:
        write_sheets(path, {"A": [["new", "file"]]}, replace=False)
    assert (caught.value.code, caught.value.where) == ("file-exists", str(path))
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])
    write_sheets(path, {"A": [["new", "file"]]}, replace=True)
    assert path.read_bytes() != before


def test_a_file_that_comes_while_another_is_written_is_kept(tmp_path: Path) -> None:
    """Who was first has the name."""
    path = tmp_path / "x.csv"

    def rows() -> object:
        yield ["new", "file"]
        path.write_text("theirs")

    with pytest.raises(CallerError, match="file-exists"):
        write_sheets(path, {"A": rows()}, replace=False)  # type: ignore[dict-item]
    assert (path.read_text(), list(tmp_path.iterdir())) == ("theirs", [path])


@pytest.mark.parametrize("ending", [".xlsx", ".xls", ".csv"])
def test_a_failure_names_the_file_that_was_asked_for(tmp_path: Path, ending: str) -> None:
    """Not the passing name under which it was being written."""
    path = tmp_path / "nowhere" / f"x{ending}"
    with pytest.raises(FileNotFoundError) as caught:
        write_sheets(path, {"A": ROWS})
    assert caught.value.filename == str(path)
    with pytest.raises(CallerError) as refused:
        write_sheets(tmp_path / "big.xls", {"A": [["x"]] * 65_537})
    assert "partial" not in str(refused.value)


@pytest.mark.parametrize("ending", [".xlsx", ".xls", ".csv"])
def test_a_secret_file_is_nobody_else_s_from_its_first_byte_on(tmp_path: Path, ending: str) -> None:
    """Also under the name it has while it is written, and when it takes the place of one that all could read."""
    path = tmp_path / f"x{ending}"
    before = os.umask(0o022)
    try:
        write_sheets(path, {"A": [["old", "file"]]})
        assert path.stat().st_mode & 0o777 == 0o644
        # As a killed run would have left it.
        (tmp_path / f".x{ending}.partial").write_text("left")
        seen: list[int] = []

        def rows() -> Iterator[list[object]]:
            for number in range(3):
                seen.extend(found.stat().st_mode & 0o777 for found in tmp_path.iterdir() if found != path)
                yield ["row", number]

        write_sheets(path, {"A": rows()}, mode=SECRET)
    finally:
        os.umask(before)
    assert seen
    assert set(seen) == {0o600}
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(next(iter(read_sheets(path).values()))) == 3
