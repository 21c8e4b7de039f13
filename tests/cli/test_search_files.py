"""``rete search --csv --xlsx``: hits in files, as the API tells them, never over what is there."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from pathlib import Path

import pytest

from node.flows.searching.search_rows import COLUMNS, ROWS_MAX
from node.store.postgres import open_pool
from node.store.spreadsheet import read_sheets
from tests import profiles_made
from tests.cli.test_network_commands import Terminal, terminal

__all__ = ["terminal"]
COUNT = ROWS_MAX + 30


async def found_profiles(dsn: str) -> None:
    """Many profiles in the node's own log, a few of them about wine."""
    pool = await open_pool(dsn, max_size=2)
    documents = [profiles_made.profile(n, "Vino =1" if n <= 3 else f"Olio {n}") for n in range(1, COUNT + 1)]
    async with pool.acquire() as conn:
        own = await conn.fetchval("SELECT origin_id FROM log.origin WHERE is_own")
        await profiles_made.store(conn, own, documents)
    await pool.close()


@pytest.fixture
def office(terminal: Terminal, db: str) -> Terminal:
    """A home that knows more profiles than one file takes."""
    # The first command writes down which log is the node's own.
    assert terminal.json("search", "olio")["total"] == 0
    asyncio.run(found_profiles(db))
    return terminal


def ids(path: Path) -> list[str]:
    """The identifiers in a CSV."""
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))
    return [row["profile_id"] for row in rows]


def test_one_page_goes_to_both_files(office: Terminal, tmp_path: Path) -> None:
    """The page that --json prints, which stays as it was; the rest is told, with the way on."""
    table, book = tmp_path / "a.csv", tmp_path / "a.xlsx"
    plain = office.json("search", "olio", "--limit", "7")
    told = office.json("search", "olio", "--limit", "7", "--csv", str(table), "--xlsx", str(book))
    assert told == plain
    expected = [hit["profile_id"] for hit in plain["hits"]]
    assert ids(table) == expected
    ((columns, *rows),) = read_sheets(book).values()
    assert columns == list(COLUMNS)
    assert [row[0] for row in rows] == expected
    _, out, _ = office.run("search", "olio", "--limit", "7", "--csv", str(table), "--force")
    assert re.search(rf"a\.csv: 7 righe su {COUNT - 3}", " ".join(out.split()))
    assert f"--cursor {plain['cursor']}" in out
    assert "completezza: " in out


def test_all_pages_follow_up_to_the_bound(office: Terminal, tmp_path: Path) -> None:
    """With --all: a thousand rows, each once, in the order of the search; the cursor leads to the rest."""
    table, rest = tmp_path / "a.csv", tmp_path / "b.csv"
    status, out, _ = office.run("search", "--all", "--limit", "30", "--csv", str(table))
    assert status == 0
    first = ids(table)
    assert (len(first), len(set(first))) == (ROWS_MAX, ROWS_MAX)
    cursor = out.partition("--cursor ")[2].split()[0]
    office.run("search", "--all", "--cursor", cursor, "--csv", str(rest))
    assert (len(ids(rest)), len({*first, *ids(rest)})) == (COUNT - ROWS_MAX, COUNT)
    status, out, _ = office.run("search", "vino", "--all", "--csv", str(table), "--force")
    assert (status, len(ids(table)), "--cursor" in out) == (0, 3, False)


def test_what_is_there_stays(office: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that exists is refused before anything is asked, both or none are written; --force replaces."""
    table, book = tmp_path / "a.csv", tmp_path / "a.xlsx"
    book.write_text("mio", encoding="utf-8")
    words = ("search", "vino", "--csv", str(table), "--xlsx", str(book))
    with monkeypatch.context() as nothing:
        nothing.setattr("node.cli.search.runtime.open_node", None)
        status, _, err = office.run(*words)
    assert (status, "[file-exists]" in err, table.exists(), book.read_text(encoding="utf-8")) == (1, True, False, "mio")
    assert office.run(*words, "--force")[0] == 0
    assert book.read_bytes().startswith(b"PK")
    assert b"'=1" not in table.read_bytes()
    status, _, err = office.run("search", "vino", "--csv", str(table), "--xlsx", str(table), "--force")
    assert (status, "[file-twice]" in err) == (1, True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--id", "00000001", "--csv", "{file}"), "search-file-one-profile"),
        (("--id", "00000001", "--all"), "search-file-missing"),
        (("olio", "--all"), "search-file-missing"),
        (("--theme", "inovation", "--csv", "{file}"), "query-value-unknown"),
    ],
)
def test_what_makes_no_table_is_refused(terminal: Terminal, tmp_path: Path, words: tuple[str, ...], code: str) -> None:
    """One line with a code, and no file."""
    path = tmp_path / "a.csv"
    status, _, err = terminal.run("search", *(word.format(file=path) for word in words))
    assert (status, f"[{code}]" in err, path.exists()) == (1, True, False)


def test_nothing_found_is_a_header_alone(terminal: Terminal, tmp_path: Path) -> None:
    """A table that other programs can still read."""
    path = tmp_path / "a.csv"
    status, out, _ = terminal.run("search", "introvabile", "--csv", str(path))
    assert (status, "0 righe su 0" in " ".join(out.split())) == (0, True)
    assert path.read_bytes() == (",".join(COLUMNS) + "\r\n").encode()
