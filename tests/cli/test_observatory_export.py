"""``rete observatory export``: the files that the routes serve, in a folder, never over what is there."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from node.store.postgres import open_pool
from tests import observatory_data_made as made
from tests.cli.test_network_commands import Terminal, terminal

__all__ = ["terminal"]


@pytest.fixture
def office(terminal: Terminal, db: str) -> Terminal:
    """A home with a build and a release."""

    async def fill() -> None:
        pool = await open_pool(db, max_size=2)
        async with pool.acquire() as conn:
            await made.freeze(conn)
            await made.keep(conn, made.figures(1))
        await pool.close()

    asyncio.run(fill())
    return terminal


def test_all_files_are_written_with_their_digests(office: Terminal, tmp_path: Path) -> None:
    """Of the newest build or of a release, into a folder that need not be there; what is told is what lies there."""
    folder = tmp_path / "new" / "open"
    told = office.json("observatory", "export", str(folder))
    assert {path.name for path in folder.iterdir()} == {found["file"] for found in told["files"]}
    assert len(told["files"]) == 5 * 4 + 3 + 1
    for found in told["files"]:
        raw = (folder / found["file"]).read_bytes()
        assert (len(raw), hashlib.sha256(raw).hexdigest()) == (found["bytes"], found["sha256"])
    assert (told["release"], told["as_of"], told["made_at"]) == (None, "2026-10-31", "2026-11-23T05:30:00Z")
    assert ",1299," in (folder / "networks-by-province.csv").read_text(encoding="utf-8")
    assert "/osservatorio/dati/ultima/profiles.csv" in (folder / "catalogo.ttl").read_text(encoding="utf-8")
    other = tmp_path / "release"
    assert office.json("observatory", "export", str(other), "--release", made.RELEASE)["release"] == made.RELEASE
    assert ",1298," in (other / "networks-by-province.csv").read_text(encoding="utf-8")
    assert f"/osservatorio/dati/{made.RELEASE}/profiles.csv" in (other / "catalogo.ttl").read_text(encoding="utf-8")


def test_only_the_wanted_forms_are_written(office: Terminal, tmp_path: Path) -> None:
    """The catalogue and the licence always; a form that is none is refused before anything is opened."""
    office.json("observatory", "export", str(tmp_path / "a"), "--format", "csv")
    endings = {path.name.partition(".")[2] for path in (tmp_path / "a").iterdir()}
    assert endings == {"csv", "csv-metadata.json", "ttl", "jsonld", "rdf", "txt"}
    office.json("observatory", "export", str(tmp_path / "b"), "--format", "json, xlsx")
    endings = {path.name.partition(".")[2] for path in (tmp_path / "b").iterdir()}
    assert endings == {"json", "xlsx", "ttl", "jsonld", "rdf", "txt"}
    for bad in ("ods", "csv,ods", ","):
        status, _, error = office.run("observatory", "export", str(tmp_path / "c"), "--format", bad)
        assert status == 1
        assert "query-value-unknown" in error
    assert not (tmp_path / "c").exists()


def test_what_is_there_stays_unless_it_is_forced(office: Terminal, tmp_path: Path) -> None:
    """One file that is there keeps all from being written; with --force all are new, and strangers' files stay."""
    (tmp_path / "profiles.csv").write_text("mine", encoding="utf-8")
    (tmp_path / "other.txt").write_text("mine too", encoding="utf-8")
    status, _, error = office.run("observatory", "export", str(tmp_path))
    assert (status, "file-exists" in error) == (1, True)
    assert len(list(tmp_path.glob("*.json"))) == 0
    status, out, _ = office.run("observatory", "export", str(tmp_path), "--force")
    assert (status, "CC BY 4.0" in out) == (0, True)
    assert "mine" not in (tmp_path / "profiles.csv").read_text(encoding="utf-8")
    assert (tmp_path / "other.txt").read_text(encoding="utf-8") == "mine too"


def test_a_release_that_is_not_there_writes_nothing(office: Terminal, tmp_path: Path) -> None:
    """It is told so."""
    status, _, error = office.run("observatory", "export", str(tmp_path / "x"), "--release", "2020-01-01")
    assert (status, "observatory-release-unknown" in error, (tmp_path / "x").exists()) == (1, True, False)
