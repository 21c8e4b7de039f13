"""``rete register load-history`` and ``rete observatory`` as people type them, on a real home."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from node.domain.chamber import CONTRACTS_SHEET, ENTITIES_SHEET
from node.domain.generation.growth import targets
from node.store.spreadsheet import write_sheets
from tests.cli.test_log_commands import rete
from tests.federation_made import Clock, federation
from tests.history_made import SMALL, SMALL_DAYS, grown


async def answer(town: Any, *words: str) -> tuple[int, Any, str]:
    """Run one command with --json; return (exit status, its JSON or None, standard error)."""
    status, out, err = await rete(town, *words, "--json")
    return status, json.loads(out) if out else None, err


@pytest.mark.timeout(120)
async def test_from_files_of_many_years_to_a_release(server: str, tmp_path: Path) -> None:
    """Loaded, counted, built, shown by year, released; what is asked too early or wrongly says what to do."""
    files = tmp_path / "elenchi"
    files.mkdir()
    for day, made in grown(targets(SMALL, SMALL_DAYS[:2])):
        sheets = {CONTRACTS_SHEET: made.contracts, ENTITIES_SHEET: made.entities}
        write_sheets(files / f"elenco-{day.isoformat()}.xlsx", sheets)
    async with federation(server, tmp_path, Clock(), ["anna"]) as (town,):
        status, _, err = await rete(town, "observatory", "show", "networks-by-year")
        assert (status, "observatory-empty" in err, "rete observatory build" in err) == (1, True, True)

        status, found, err = await answer(town, "register", "load-history", str(files))
        assert status == 0, err
        first, second = found["editions"]
        assert (first["snapshot"], first["networks"], first["stored"], first["changes"]) == (
            "2013-12-31",
            60,
            True,
            None,
        )
        assert (second["since"], second["networks"]) == ("2013-12-31", 79)
        assert second["changes"]["born"] - second["changes"]["ended"] == 19
        status, words, err = await rete(town, "register", "load-history", str(files))
        assert (status, b"Caricate 0 edizioni su 2" in words, "1 di 2" in err) == (0, True, True)

        status, built, _ = await answer(town, "observatory", "build")
        assert (status, built["built"], built["coverage"]["editions"]) == (0, True, 2)
        assert {table["ident"]: table["cells"] for table in built["tables"]}["networks-by-year"] == 2
        status, words, _ = await rete(town, "observatory", "build")
        assert (status, b"Nulla di nuovo" in words) == (0, True)

        status, shown, _ = await answer(town, "observatory", "show", "networks-by-size", "--year", "2013")
        assert [(c["size_class"], c["value"], c["status"]) for c in shown["cells"]][:2] == [
            ("10-50", 6, "given"), ("2", 8, "given"),
        ]  # fmt: skip
        status, words, _ = await rete(town, "observatory", "show", "density-by-region")
        assert (status, b"non noto" in words, b"Puglia" in words) == (0, True, True)
        for wrong, code in (
            (("x",), "table-unknown"),
            (("profiles-by-region", "--year", "2013"), "table-without-years"),
        ):
            status, _, err = await rete(town, "observatory", "show", *wrong)
            assert (status, code in err) == (1, True)

        status, words, _ = await rete(town, "observatory", "releases")
        assert (status, b"Nessuna pubblicazione" in words) == (0, True)
        status, released, _ = await answer(town, "observatory", "release")
        assert (status, released["new"], len(released["digest"])) == (0, True, 64)
        status, again, _ = await answer(town, "observatory", "release")
        assert again == {**released, "new": False}
        status, all_of_them, _ = await answer(town, "observatory", "releases")
        assert [item["release"] for item in all_of_them["releases"]] == [released["release"]]
        assert dt.date.fromisoformat(released["release"])


async def test_an_invented_history_is_written_by_command(tmp_path: Path) -> None:
    """Files of each day of the years; wrong years say which there are."""
    status, out, _ = await rete(None, "register", "generate", str(tmp_path / "h"), "--history", "2013", "--json")
    found = json.loads(out)
    assert (status, [file["contracts"] for file in found["files"]]) == (0, [995, 1298])
    assert sorted(path.name for path in (tmp_path / "h").iterdir()) == [
        "elenco-2013-07-31.xlsx",
        "elenco-2013-12-31.xlsx",
    ]
    status, _, err = await rete(None, "register", "generate", str(tmp_path / "h"), "--history", "1999-2001")
    assert (status, "history-years" in err, "2013-2024" in err) == (1, True, True)
    status, _, err = await rete(None, "register", "generate", str(tmp_path / "h"), "--history", "2013")
    assert (status, "file-exists" in err) == (1, True)
