"""Backups as an administrator types them: made while the node is served, tried, put back, and what is refused."""

from __future__ import annotations

import asyncio
import io
import json
import os
from pathlib import Path

import pytest

from node.flows.upkeep.home import with_setting
from tests.cli.test_network_commands import Terminal, terminal
from tests.cli.test_restore import LAZIO, LECCE, MARK, TOLD, TORINO, Place, copies, place
from tests.forked import FORGE

__all__ = ["place", "terminal"]
WORDS = "corretto cavallo graffetta"


def words_in(folder: Path, words: str = WORDS) -> str:
    """A file with the passphrase."""
    path = folder / "words"
    path.touch(mode=0o600)
    path.write_text(f"{words}\n")
    return str(path)


async def rete(*words: str, **environment: str) -> tuple[int, bytes, str]:
    """Run one command without a home and without a terminal; return (exit status, standard output, standard error)."""
    status, out, err = await asyncio.to_thread(FORGE.run, words, {**os.environ, "RETE_HOME": "", **environment})
    assert b"Traceback" not in err, err.decode()
    for said in (out, err):
        assert WORDS.encode() not in said
        assert MARK.encode() not in said
    return status, out, err.decode()


@pytest.mark.timeout(240)
async def test_a_backup_of_a_served_node_comes_back_fenced_and_recovers(place: Place, tmp_path: Path) -> None:
    """Publish, back up, publish and withdraw; restored elsewhere nothing is written before all of it is back from the peers."""
    first, second, *_ = place.profiles
    given = ("--passphrase-file", words_in(tmp_path))
    target, new = tmp_path / "copies", tmp_path / "new"
    target.mkdir()
    async with place.serving(TORINO, LAZIO):
        async with place.serving(LECCE):
            await place.done(LECCE, "profile", "publish", first)
            await place.everywhere(TOLD + 1 + 1, 1)
            made = await place.done(LECCE, "backup", "create", str(target), *given)
            await place.done(LECCE, "profile", "publish", second)
            await place.done(LECCE, "profile", "withdraw", first)
            await place.everywhere(TOLD + 1 + 3, 1)
        assert (made["log_size"], made["left_out"]) == (TOLD + 2, [])
        file = Path(made["file"])
        assert (file.parent, file.stat().st_mode & 0o777, file.stat().st_size) == (target, 0o600, made["bytes"])
        status, out, err = await rete("backup", "verify", str(file), *given, "--json", "--scratch", str(tmp_path))
        verdict = json.loads(out)
        assert (status, err) == (0, "")
        assert (verdict["ok"], verdict["problems"], verdict["log_size"]) == (True, [], TOLD + 2)
        assert (verdict["rows"], verdict["tables"]) == (made["rows"], made["tables"])
        status, out, err = await rete("backup", "restore", str(file), *given, "--home", str(new))
        assert (status, "rete serve --home" in out.decode()) == (0, True), err
        place.homes[LECCE] = new
        status, _, err = await place.rete(LECCE, "profile", "withdraw", first)
        assert (status, "log-fenced" in err) == (2, True)
        async with place.serving(LECCE):
            await place.everywhere(TOLD + 1 + 3, 1, (LECCE,))
            shown = await place.done(LECCE, "log", "show")
            assert (shown["state"], shown["size"]) == ("ready", TOLD + 4)
            mine, *theirs = await copies(place)
            assert theirs == [mine, mine]


def test_what_is_asked_wrongly_is_told_and_nothing_is_written(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No passphrase and nobody to ask, a short one, no place, a password on the command line, what is no backup: each with its remedy."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    target, none, new = tmp_path / "copies", str(tmp_path / "none"), tmp_path / "new"
    target.mkdir()
    good, short = words_in(tmp_path), tmp_path / "short"
    short.mkdir()
    by, url = ("--passphrase-file", good), ("--database-url", "postgresql://u:hidden-pw@h/db")
    x = str(target / "x")
    cases = [
        (("create", x), 1, "backup-passphrase-missing", "permessi 600"),
        (("create", x, "--passphrase-file", none), 2, "backup-passphrase-file", "prima riga"),
        (("create", x, "--passphrase-file", words_in(short, "corta")), 1, "backup-passphrase-short", "parole a caso"),
        (("create", *by), 1, "backup-off", "docs/backup.md"),
        (("list",), 1, "backup-off", "passphrase_file"),
        (("verify", good, *by), 1, "backup-unknown", "rete backup create"),
        (("verify", none, *by), 1, "file-not-found", "rete backup list"),
        (("restore", good, *by), 1, "home-not-empty", "cartella nuova"),
        (("restore", good, "--home", str(new), *by, *url), 1, "backup-password-shown", "RETE_DATABASE_URL"),
    ]
    for words, status, code, hint in cases:
        found, out, err = terminal.run("backup", *words)
        assert (found, f"[{code}]" in err, hint in err) == (status, True, True), (words, err)
        assert "hidden-pw" not in out + err
        assert WORDS not in out + err
    assert not new.exists()
    assert list(target.iterdir()) == []


@pytest.mark.timeout(90)
def test_a_configured_folder_is_filled_listed_and_tidied(terminal: Terminal, tmp_path: Path) -> None:
    """Without any option: into the folder, by the file with the words; the list tells what there is and what a trial said."""
    terminal.json("doctor", status=0)
    words_in(terminal.home)
    (tmp_path / "copies").mkdir()
    path = terminal.home / "node.toml"
    text = path.read_text()
    for key, value in (("folder", f'"{tmp_path / "copies"}"'), ("passphrase_file", '"words"'), ("keep", "1")):
        text = with_setting(text, "backup", key, value)
    path.write_text(text)
    made = terminal.json("backup", "create")
    file = Path(made["file"])
    assert terminal.json("backup", "verify", str(file), "--scratch", str(tmp_path))["ok"]
    (listed,) = terminal.json("backup", "list")["backups"]
    assert (listed["file"], listed["checked_code"], listed["bytes"]) == (file.name, "", made["bytes"])
    assert listed["sha256"] == made["sha256"]
    assert {"backup", "backup-tried"} <= {one["code"] for one in terminal.json("doctor")["findings"]}
    status, out, _ = terminal.run("backup", "list")
    assert (status, "buona" in out, file.name in out) == (0, True, True)
    status, _, err = terminal.run("backup", "create", str(file))
    assert (status, "[file-exists]" in err) == (1, True)
    whole = bytearray(file.read_bytes())
    whole[-5000] ^= 1
    file.write_bytes(whole)
    status, _, err = terminal.run("backup", "verify", str(file))
    assert (status, "[backup-damaged]" in err, "(database)" in err) == (1, True, True)
    assert terminal.json("backup", "list")["backups"][0]["checked_code"] == "backup-damaged"
