"""PostgreSQL's own programs: which are chosen, that no password is shown, that their words are not passed on."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]
import pytest

from node.errors import OperatorError
from node.store import embedded, pg_programs
from node.store.pg_programs import Programs, Run
from tests.conftest import dsn_of

HIDDEN = "s3greto%40 x"
WORD = "Rossi Mario"


def pretended(folder: Path, major: int, dump: str = "", restore: str = "") -> Path:
    """A folder with programs that say they are of a version, and do what they are told."""
    folder.mkdir(parents=True)
    for name, does in (("pg_dump", dump), ("pg_restore", restore)):
        path = folder / name
        path.write_text(
            f'#!/bin/sh\nif [ "$1" = --version ]; then echo "{name} (PostgreSQL) {major}.4 (Debian)"; exit; fi\n{does}\n'
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder


def mine() -> list[str]:
    """The command lines of this process's own programs that still run; a browser of other tests' is none of them."""
    children = [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
    return [line for child in children if "rete-test-" in (line := " ".join(child.cmdline())) or "sleep" in line]


def test_the_oldest_that_is_not_too_old_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it writes is read by the most; none that fits: what to install."""
    for major in (14, 15, 17):
        pretended(tmp_path / str(major) / "bin", major)
    (tmp_path / "16" / "bin").mkdir(parents=True)
    monkeypatch.setattr(pg_programs, "PLACES", (f"{tmp_path}/*/bin",))
    monkeypatch.setattr(pg_programs.shutil, "which", lambda _: None)
    assert embedded.PROGRAMS.joinpath("pg_restore").exists()
    found = {asked: pg_programs.find(at_least=asked).major for asked in (13, 14, 15, 16, 17, 18)}
    assert found == {13: 14, 14: 14, 15: 15, 16: 17, 17: 17, 18: 18}
    assert pg_programs.find(at_least=18).folder == embedded.PROGRAMS
    with pytest.raises(OperatorError, match="backup-programs-missing") as caught:
        pg_programs.find(at_least=99)
    assert "14, 15, 17, 18" in str(caught.value)
    assert "postgresql-client" in caught.value.render()[2]


@pytest.mark.parametrize(
    ("dsn", "plain", "secret"),
    [
        ("postgresql://postgres@/rete?host=/tmp/x", "postgresql://postgres@/rete?host=/tmp/x", None),
        ("postgresql://u:p%40w@h:1,h2:2/db?sslmode=require", "postgresql://u@h:1,h2:2/db?sslmode=require", "p@w"),
        ("postgres://u@h/db?password=pw&sslmode=require", "postgres://u@h/db?sslmode=require", "pw"),
        ("postgres:///db?user=u&password=", "postgres:///db?user=u", ""),
        ("postgres://h/db", "postgres://h/db", None),
    ],
)
def test_a_password_is_parted_from_its_address(dsn: str, plain: str, secret: str | None) -> None:
    """Wherever it stands in it; the rest stays what it was."""
    found = pg_programs.login_of(dsn)
    assert (found.address, found.secret, found.options) == (plain, secret, "")


def test_what_only_our_library_takes_goes_as_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A role or a search path in the address, spaces and all; what is no setting's name goes nowhere; no password, none is told."""
    monkeypatch.setenv("PGPASSWORD", "another")
    found = pg_programs.login_of("postgres://u@h/?database=db&role=rete_node&search_path=a,%20b%5C&-c=x")
    assert found.address == "postgres://u@h/?dbname=db"
    assert found.options == r"-c role=rete_node -c search_path=a,\ b\\"
    assert "PGPASSWORD" not in found.environment()
    assert found.environment()["PGOPTIONS"] == found.options


def test_a_password_that_cannot_be_hidden_is_refused() -> None:
    """The one of a TLS key has no way but the command line."""
    with pytest.raises(OperatorError, match="backup-dsn-secret"):
        pg_programs.login_of("postgres://u@h/db?sslpassword=x")


def test_a_password_is_on_no_command_line(tmp_path: Path) -> None:
    """While the programs run: not among their words; they get it, decoded, by their environment."""
    told = tmp_path / "told"
    folder = pretended(
        tmp_path / "bin", 18, f'echo "$PGPASSWORD" > {told}; echo "$@" >> {told}; echo archive; exec sleep 30', "cat"
    )
    run = Run()
    pieces = run.dump(Programs(folder, 18), f"postgresql://u:{HIDDEN}@h/db", "1-1")
    assert next(pieces).startswith(b"archive")
    assert mine()
    assert not [line for line in mine() if "s3greto" in line]
    given, words = told.read_text().splitlines()
    assert given == "s3greto@ x"
    assert "s3greto" not in words
    assert "--snapshot=1-1" in words
    run.end()
    with pytest.raises(OperatorError, match="backup-program-failed"):
        list(pieces)
    assert not mine()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("pg_dump: error: query failed: ERROR:  permission denied for table firm", "non può leggere"),
        ('connection to server at "h", port 5432 failed: Connection refused', "non risponde"),
        (f"ERROR:  duplicate key\\nDETAIL:  Key (name)=({WORD})", "motivo non riconosciuto"),
        ("could not extend file: No space left on device", "disco è pieno"),
    ],
)
def test_what_the_programs_say_is_not_passed_on(tmp_path: Path, said: str, reason: str) -> None:
    """Only what kind of failure it was: their words quote rows."""
    fails = f"printf '{said}' >&2; exit 3"
    folder = pretended(tmp_path / "bin", 18, fails, f"cat > /dev/null; {fails}")
    programs = Programs(folder, 18)
    for work in (
        lambda: list(Run().dump(programs, "postgres://h/db", "1-1")),
        lambda: Run().restore(programs, "postgres://h/db", [b"x"] * 3, "data"),
    ):
        with pytest.raises(OperatorError, match="backup-program-failed") as caught:
            work()
        told = " ".join(caught.value.render())
        assert reason in told
        assert "3" in told
        assert WORD not in told


def test_a_program_that_ends_early_says_why_and_one_whose_giver_fails_is_ended(tmp_path: Path) -> None:
    """The pipe that breaks is not the reason; and no program outlives its run."""
    folder = pretended(tmp_path / "bin", 18, "", "echo permission denied >&2; exit 1")
    with pytest.raises(OperatorError, match="non può leggere"):
        Run().restore(Programs(folder, 18), "postgres://h/db", (bytes(2**20) for _ in range(50)), "data")

    def giver() -> Iterator[bytes]:
        yield b"x"
        raise KeyError("damaged")

    folder = pretended(tmp_path / "waits", 18, "", "exec cat")
    with pytest.raises(KeyError):
        Run().restore(Programs(folder, 18), "postgres://h/db", giver(), "data")
    assert not mine()


async def test_a_real_database_goes_out_and_in_whole_or_not_at_all(db: str, server: str) -> None:
    """By the real programs; into a database that is not empty nothing goes, not even in part."""
    admin = await asyncpg.connect(dsn_of(server, "postgres"))
    target = f"p_{os.urandom(6).hex()}"
    await admin.execute(f'CREATE DATABASE "{target}"')
    source = await asyncpg.connect(db)
    other = None
    try:
        await source.execute("CREATE TABLE public.t (x int PRIMARY KEY); INSERT INTO public.t VALUES (1)")
        async with source.transaction(isolation="repeatable_read"):
            snapshot = await source.fetchval("SELECT pg_export_snapshot()")
            version = source.get_server_version().major
            programs = pg_programs.find(at_least=version)
            later = await asyncpg.connect(db)
            await later.execute("INSERT INTO public.t VALUES (2)")
            await later.close()
            archive = list(Run().dump(programs, db, snapshot))
        for section in pg_programs.SECTIONS:
            Run().restore(programs, dsn_of(server, target), archive, section)
        other = await asyncpg.connect(dsn_of(server, target))
        assert await other.fetchval("SELECT array_agg(x) FROM public.t") == [1]
        await other.execute("DROP TABLE coop.profile CASCADE")
        with pytest.raises(OperatorError, match="backup-program-failed"):
            Run().restore(programs, dsn_of(server, target), archive, "pre-data")
        assert await other.fetchval("SELECT to_regclass('coop.profile')") is None
    finally:
        await source.close()
        if other is not None:
            await other.close()
        await admin.execute(f'DROP DATABASE "{target}" WITH (FORCE)')
        await admin.close()
