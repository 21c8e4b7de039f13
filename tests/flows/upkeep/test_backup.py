"""Backups: one moment of a node that is at work, proved by restoring it, put back where nothing is."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]
import pytest

from node.config_places import CONFIG_FILE
from node.domain.roles import Role
from node.errors import OperatorError, ReteError
from node.flows.logs.append import Operation, append, doubts, sign_head
from node.flows.logs.trees import stored_root
from node.flows.upkeep import backup, backup_restore
from node.protocol import canonical
from node.runtime import Node, open_node
from node.store import backup as moments
from node.store import backup_file, embedded, highwater, own_log
from node.store.highwater import Mark
from node.store.pg_programs import Programs
from node.store.postgres import acquire
from tests import canary
from tests.accounts_made import Desk
from tests.admin_made import fill_logs, session
from tests.conftest import _fast_place, dsn_of
from tests.federation_made import Clock
from tests.profiles_made import NOW, profile
from tests.web.test_app import node

__all__ = ["node"]
WORDS = "corretto cavallo graffetta"
PRIVATE = "Impresa Segretissima di Rossi Mario"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealing costs nothing here; what it really costs is a test of the file's."""
    monkeypatch.setattr(backup_file, "COST", (2, 1, 1))


async def write(node: Node, number: int) -> None:
    """Publish one profile and sign."""
    one = profile(number)
    async with acquire(node.pool) as conn, conn.transaction():
        await append(conn, node.own, [Operation(one["id"], canonical.dumps(one))], NOW)
    await sign_head(node.pool, node.own, NOW)


@asynccontextmanager
async def busy(node: Node) -> AsyncIterator[list[int]]:
    """A node that publishes as fast as it can, for the time of a block; what it has published by now."""
    done: list[int] = []

    async def work() -> None:
        for number in range(100, 100_000):
            await write(node, number)
            done.append(number)

    task = asyncio.create_task(work())
    try:
        yield done
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def told_a_secret(node: Node) -> None:
    """Put somebody's name into the private register, and a session into the office."""
    async with acquire(node.pool) as conn:
        await conn.execute(
            "INSERT INTO registry.network (network_id, status, name, name_key, kind, object_text, source, digest, updated_at)"
            " VALUES (gen_random_uuid(), 'potential', $1, lower($1), 'contract', $1, 'officer', sha256('d'), now())",
            PRIVATE,
        )
    await session(Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock()), "anna", Role.OFFICER)


async def of_another_server(node: Node) -> None:
    """As if this database had been made where names are compared by a collation that no other server has."""
    async with acquire(node.pool) as conn, conn.transaction():
        await conn.execute("SET LOCAL check_function_bodies = off")
        await conn.execute(
            "CREATE OR REPLACE FUNCTION publication.officer_key(name text) RETURNS text LANGUAGE sql IMMUTABLE"
            ' AS $$ SELECT lower(name COLLATE pg_catalog."xx-nowhere") $$'
        )


@pytest.fixture
def fast() -> Iterator[Path]:
    """A folder for trial servers, where they cost least."""
    folder = Path(tempfile.mkdtemp(prefix="rete-test-", dir=_fast_place()))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def refused(work: object) -> ReteError:
    """How some work ends."""
    with pytest.raises(ReteError) as caught:
        await work  # type: ignore[misc]
    return caught.value


@pytest.mark.timeout(120)
async def test_a_backup_of_a_busy_node_is_one_moment_and_comes_back_equal(
    node: Node, tmp_path: Path, fast: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Made while profiles are published: tried and found good; restored, each table and the log's root are that moment's."""
    await told_a_secret(node)
    await of_another_server(node)
    await write(node, 1)
    path = tmp_path / "copies" / "x.backup"
    path.parent.mkdir()
    async with busy(node) as done:
        while len(done) < 3:  # noqa: ASYNC110 - it is at work
            await asyncio.sleep(0)
        made = await backup.create(node.kept(), path, WORDS, NOW)
        after = len(done)
    assert made.log_size >= 4
    assert after > made.log_size - 1, "it went on publishing while the copy was made"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["x.backup"]
    verdict = await backup.verify(path, WORDS, fast)
    assert (verdict.problems, verdict.log_size, verdict.rows) == ((), made.log_size, made.rows)
    home = fast / "new"
    restored = await backup_restore.restore(path, home, WORDS, "")
    assert (restored.node, restored.log_size, restored.left_out) == ("p_LE", made.log_size, ())
    async with open_node(home) as again, acquire(again.pool) as conn, acquire(node.pool) as old:
        root = await stored_root(old, node.own.origin_id, made.log_size)
        assert await stored_root(conn, again.own.origin_id, made.log_size) == root
        # What was written and not yet signed is there too.
        size = await conn.fetchval("SELECT size FROM log.origin WHERE is_own")
        assert await conn.fetchval("SELECT count(*) FROM coop.profile") == size >= made.log_size
        assert await conn.fetchval("SELECT name FROM registry.network") == PRIVATE
        # Nobody is signed in on a copy, and it signs nothing before others were asked.
        assert await conn.fetchval("SELECT count(*) FROM office.session") == 0
        assert await doubts(conn, again.own) is not None
        assert again.config.database.url == ""
        assert await conn.fetchval("SELECT publication.officer_key('  Ànna ')") == "ànna"
    for kept in ("keys/log.pem", "highwater.json", CONFIG_FILE):
        assert (home / kept).stat().st_mode & 0o777 == 0o600
    assert (home / "keys" / "log.pem").read_bytes() == (node.home / "keys" / "log.pem").read_bytes()
    said = capsys.readouterr()
    for heard in (path.read_bytes(), (said.out + said.err).encode(), bytes(canary.HEARD.said)):
        assert PRIVATE.encode() not in heard
        assert WORDS.encode() not in heard
    assert [left.name for left in fast.iterdir()] == ["new"]


@pytest.mark.timeout(120)
async def test_what_came_back_otherwise_is_named(
    node: Node, tmp_path: Path, fast: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that is not what it was, a log whose entries do not give its root, a mark that knows of more: each by its code."""
    await write(node, 1)
    whole = backup._told

    def other(moment: moments.Moment) -> bytes:
        tables = {**moment.tables, "coop.profile": moments.Table(7, "0:0")}
        return whole(replace(moment, tables=tables))

    monkeypatch.setattr(backup, "_told", other)
    async with acquire(node.pool) as conn:
        await conn.execute("UPDATE log.signed SET root = sha256('x')")
    highwater.write(node.home / highwater.FILE, Mark(node.own.origin, 9, bytes(32)))
    path = tmp_path / "x"
    await backup.create(node.kept(), path, WORDS, NOW)
    verdict = await backup.verify(path, WORDS, fast)
    assert [code for code, _ in verdict.problems] == ["backup-differs", "backup-log-root", "backup-log-short"]
    assert verdict.code == "backup-differs"
    assert "coop.profile" in verdict.problems[0][1].told()
    # Nor is it put back: what was begun is taken away.
    error = await refused(backup_restore.restore(path, fast / "new", WORDS, ""))
    assert (error.code, "coop.profile" in str(error)) == ("backup-differs", True)
    assert list(fast.iterdir()) == []


async def test_a_damaged_file_and_a_wrong_passphrase_are_told_before_any_work(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server is started for them, no home begun; what is no file is told as such."""
    await write(node, 1)
    path = tmp_path / "x"
    await backup.create(node.kept(), path, WORDS, NOW)
    whole = path.read_bytes()
    monkeypatch.setattr(embedded, "lease", lambda _: pytest.fail("a server was started"))
    bad = tmp_path / "bad"
    for at in (20, len(whole) // 2, len(whole) - 300):
        bad.write_bytes(whole[:at] + bytes([whole[at] ^ 64]) + whole[at + 1 :])
        for work in (backup.verify(bad, WORDS), backup_restore.restore(bad, tmp_path / "new", WORDS)):
            assert (await refused(work)).code == "backup-damaged"
    assert (await refused(backup.verify(path, "un'altra frase"))).code == "backup-passphrase-wrong"
    assert (await refused(backup.verify(tmp_path / "none", WORDS))).code == "file-not-found"
    assert (await refused(backup.verify(tmp_path, WORDS))).code == "file-not-found"
    error = await refused(backup_restore.restore(path, node.home, WORDS, ""))
    assert error.code == "home-not-empty"
    assert not (tmp_path / "new").exists()


async def test_nothing_is_replaced_or_left_half_done(node: Node, tmp_path: Path) -> None:
    """A file that is there stays; a short passphrase, keys that others can read, a folder that is gone: nothing is written."""
    path = tmp_path / "copies" / "x"
    path.parent.mkdir()
    path.write_bytes(b"precious")
    place = node.kept()
    assert (await refused(backup.create(place, path, WORDS, NOW))).code == "file-exists"
    assert (await refused(backup.create(place, path.with_name("y"), "corta", NOW))).code == "backup-passphrase-short"
    (node.home / "keys" / "seal.pem").chmod(0o644)
    assert (await refused(backup.create(place, path.with_name("y"), WORDS, NOW))).code == "key-file-readable"
    (node.home / "keys" / "seal.pem").chmod(0o600)
    error = await refused(backup.create(place, tmp_path / "gone" / "y", WORDS, NOW))
    assert (error.code, error.where) == ("backup-not-written", str(tmp_path / "gone" / "y"))
    assert {found.name: found.read_bytes() for found in path.parent.iterdir()} == {"x": b"precious"}
    await backup.create(place, path, WORDS, NOW, replace=True)
    assert path.read_bytes().startswith(b"rete-backup/1\n")


async def test_a_backup_that_is_given_up_leaves_nothing(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended in the middle, as when the node stops: its program ends with it, and its unfinished file goes."""
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    dump = backup.Run.dump

    def slow(self: backup.Run, *words: object) -> object:
        pieces = dump(self, *words)  # type: ignore[arg-type]
        yield next(pieces)
        loop.call_soon_threadsafe(begun.set)
        while not self._ended:
            pass
        yield from pieces

    monkeypatch.setattr(backup.Run, "dump", slow)
    task = asyncio.create_task(backup.create(node.kept(), tmp_path / "x", WORDS, NOW))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while list(tmp_path.glob(".x.partial")):  # noqa: ASYNC110 - its thread ends by itself
        await asyncio.sleep(0)
    assert not (tmp_path / "x").exists()
    assert not [child for child in psutil.Process().children() if "pg_dump" in child.name()]


class Stumbling(backup.Run):
    """Fails when the rows have come in."""

    def restore(self, programs: Programs, dsn: str, archive: Iterable[bytes], section: str) -> None:
        """Put in two sections of three."""
        if section == "post-data":
            raise OperatorError("backup-program-failed", "x")
        super().restore(programs, dsn, archive, section)


@pytest.mark.timeout(120)
async def test_a_copy_on_the_server_it_came_from_is_not_believed(
    node: Node, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same PostgreSQL, mark and all: fenced nevertheless; into a database that is not empty nothing goes."""
    await write(node, 1)
    path, name = tmp_path / "x", f"r_{tmp_path.name[-8:].lower().replace('-', '_')}"
    await backup.create(node.kept(), path, WORDS, NOW)
    error = await refused(backup_restore.restore(path, tmp_path / "new", WORDS))
    assert (error.code, error.where) == ("backup-database-unnamed", "--database-url")
    url = dsn_of(server, name)
    admin = await asyncpg.connect(dsn_of(server, "postgres"))
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        await backup_restore.restore(path, tmp_path / "new", WORDS, url)
        async with open_node(tmp_path / "new", clock=Clock()) as again, acquire(again.pool) as conn:
            assert again.config.database.url == url
            assert await doubts(conn, again.own) is not None
            latest = await own_log.signed_latest(conn, again.own.origin_id)
            assert latest is not None
            assert latest.size == 1
        error = await refused(backup_restore.restore(path, tmp_path / "other", WORDS, url))
        assert (error.code, (tmp_path / "other").exists()) == ("database-not-empty", False)
        # One that fails in the middle leaves an empty database, in which the next can begin.
        await moments.take_away(url)
        with monkeypatch.context() as patch:
            patch.setattr(backup, "Run", Stumbling)
            error = await refused(backup_restore.restore(path, tmp_path / "other", WORDS, url))
        assert (error.code, (tmp_path / "other").exists()) == ("backup-program-failed", False)
        assert (await moments.is_empty(url))[0]
        await backup_restore.restore(path, tmp_path / "other", WORDS, url)
        # So does what an older program left, which had no sessions yet.
        async with acquire(node.pool) as conn:
            await conn.execute("DROP TABLE office.session")
        await backup.create(node.kept(), path, WORDS, NOW, replace=True)
        await moments.take_away(url)
        await backup_restore.restore(path, tmp_path / "older", WORDS, url)
    finally:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.close()


async def test_digests_see_every_change_and_no_order(node: Node) -> None:
    """One byte of one row changes its table's digest and no other; rows written in another order do not; nor does the time zone."""
    await fill_logs(node)

    async def digests() -> dict[str, moments.Table]:
        async with moments.hold(node.dsn) as moment:
            return dict(moment.tables)

    before = await digests()
    assert {"log.entry", "registry.network", "office.account", "ops.migration", "audit.event"} <= set(before)
    async with acquire(node.pool) as conn:
        await conn.execute("CREATE TABLE ops.copy AS SELECT * FROM ops.migration ORDER BY number DESC")
        name = await conn.fetchval("SELECT current_database()")
        await conn.execute(f"ALTER DATABASE \"{name}\" SET TimeZone = 'Asia/Tokyo'")
    again = await digests()
    assert again["ops.copy"] == before["ops.migration"]
    assert backup.differing(before, again) == ["ops.copy"]
    async with acquire(node.pool) as conn:
        await conn.execute("DROP TABLE ops.copy")
        await conn.execute("UPDATE log.origin SET name = name || '.' WHERE owner = 'a_WELL'")
    assert backup.differing(before, await digests()) == ["log.origin"]


async def test_a_database_that_is_no_node_s_is_told(node: Node, server: str, tmp_path: Path) -> None:
    """Empty, or not there: what is wrong, and nothing is written."""
    place = node.kept()
    for dsn, code in ((dsn_of(server, "postgres"), "backup-nothing"), (dsn_of(server, "gone"), "database-unreachable")):
        error = await refused(backup.create(replace(place, dsn=dsn), tmp_path / "y", WORDS, NOW))
        assert isinstance(error, OperatorError)
        assert error.code == code
    assert not (tmp_path / "y").exists()
