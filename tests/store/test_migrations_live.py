"""Migrations beside work that goes on: writers and readers wait briefly, a held table is named, a kill at any moment is made good."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from node.errors import OperatorError
from node.flows.upkeep import ready
from node.runtime import utc_now
from node.store import migrating, postgres
from node.store.migrating import Step
from node.store.postgres import Connection, Pool
from tests.store.test_migrations_cut import empty, shape

__all__ = ["empty"]
SEED = int(os.environ.get("RETE_SEED", "2012"))
KILLS = int(os.environ.get("RETE_KILLS", "12"))
NONCE = "INSERT INTO ops.nonce (keyid, nonce, seen_at) VALUES ('k', $1, now())"
ADD = Step(9001, "9001_column.sql", "-- expands\nALTER TABLE ops.nonce ADD COLUMN remark text")
BUILD = Step(
    9002,
    "9002_index.sql",
    "-- expands\n-- concurrently\nCREATE INDEX CONCURRENTLY IF NOT EXISTS nonce_remark ON ops.nonce (remark, nonce);\n",
)
# What makes another version of a table than a program that does not know the step reads and writes.
CONTRACTS = re.compile(
    r"\b(DROP|RENAME|TRUNCATE|DELETE FROM|REVOKE|SET NOT NULL|ADD CONSTRAINT|ADD CHECK|ADD FOREIGN|ADD UNIQUE|ALTER COLUMN \w+ (?:SET DATA )?TYPE"
    r"|CREATE (?:OR REPLACE )?(?:CONSTRAINT )?TRIGGER|CREATE UNIQUE INDEX)\b|NOT NULL(?! DEFAULT)",
    re.IGNORECASE,
)


@asynccontextmanager
async def writing(dsn: str, gaps: list[float], written: list[str]) -> AsyncIterator[None]:
    """A writer and a reader at work for the time of a block; ``gaps`` takes the seconds of each statement."""
    stop = asyncio.Event()

    async def work(kind: str) -> None:
        conn = await asyncpg.connect(dsn)
        try:
            while not stop.is_set():
                begun, name = time.monotonic(), f"{kind}{len(written)}"
                if kind == "w":
                    await conn.execute(NONCE, name)
                    written.append(name)
                else:
                    await conn.fetchval("SELECT count(*) FROM ops.nonce")
                gaps.append(time.monotonic() - begun)
                await asyncio.sleep(0.005)
        finally:
            await conn.close()

    tasks = [asyncio.create_task(work(kind)) for kind in ("w", "r")]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


def with_steps(monkeypatch: pytest.MonkeyPatch, *steps: Step) -> None:
    """Let the program bring these besides its own."""
    files = postgres._migrations()
    monkeypatch.setattr(postgres, "_migrations", lambda: [*files, *((s.number, s.name, s.sql) for s in steps)])


async def is_valid(conn: Connection, index: str) -> bool | None:
    """Whether an index is whole; None: there is none."""
    found: bool | None = await conn.fetchval(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)", f"ops.{index}"
    )
    return found


async def test_a_schema_moves_on_while_writers_and_readers_go_on(
    db: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty thousand rows, a writer, a reader, a transaction that holds the table for a second: nobody fails, nobody waits long, all is written."""
    await conn.execute("INSERT INTO ops.nonce SELECT 'old', n::text, now() FROM generate_series(1, 20000) AS n")
    with_steps(monkeypatch, ADD, BUILD)
    monkeypatch.setattr(migrating, "LOCK_S", 0.3)
    gaps: list[float] = []
    written: list[str] = []
    async with writing(db, gaps, written):
        while len(written) < 20:  # noqa: ASYNC110 - the writer is a task of its own
            await asyncio.sleep(0.01)
        async with conn.transaction():
            await conn.execute("LOCK TABLE ops.nonce IN ROW EXCLUSIVE MODE")
            moving = asyncio.create_task(postgres.migrate_at(db))
            await asyncio.sleep(1)
            assert not moving.done()
        await moving
        before = len(written)
        while len(written) < before + 20:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.01)
    assert await conn.fetchval("SELECT count(*) FROM ops.nonce") == 20000 + len(written)
    assert await is_valid(conn, "nonce_remark") is True
    # One turn of waiting behind the step, never the whole second that another held the table; and a busy machine.
    assert max(gaps) < 0.3 + 0.6, max(gaps)


async def test_a_table_that_is_held_for_long_is_refused_by_name_and_taken_later(
    db: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal names process and program, nothing of the step is there; once the lock is gone the same command finishes."""
    with_steps(monkeypatch, ADD)
    for name, value in (("LOCK_S", 0.4), ("PATIENCE_S", 0.5), ("REST_S", 0.05), ("LOOK_S", 0.05)):
        monkeypatch.setattr(migrating, name, value)
    await conn.execute("SET application_name = 'contabile'")
    async with conn.transaction():
        await conn.execute("LOCK TABLE ops.nonce IN ACCESS SHARE MODE")
        with pytest.raises(OperatorError) as caught:
            await postgres.migrate_at(db)
        assert caught.value.code == "migration-blocked"
        assert f"{conn.get_server_pid()} contabile" in caught.value.facts["holders"]
        assert 9001 not in await migrating.taken(conn)
    await postgres.migrate_at(db)
    assert (await migrating.taken(conn))[9001] is True
    # And the second time there is nothing to do.
    assert await postgres.migrate(conn) == []


async def test_who_migrates_for_too_long_is_not_waited_for_for_ever(
    db: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another session holds the turn: a code, a remedy, and no statement that waits inside the database."""
    monkeypatch.setattr(migrating, "TURN_S", 0.2)
    # Where there is nothing to do no turn is taken.
    with_steps(monkeypatch, ADD)
    await conn.execute("SELECT pg_advisory_lock($1)", postgres.MIGRATION_LOCK)
    with pytest.raises(OperatorError) as caught:
        await postgres.migrate_at(db)
    assert caught.value.code == "migration-busy"


async def test_an_index_whose_building_was_cut_off_is_built_anew(
    db: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its backend ends while it waits for an old transaction: an unfinished index stays; the next start takes it away and finishes."""
    with_steps(monkeypatch, ADD)
    await postgres.migrate_at(db)
    with_steps(monkeypatch, BUILD)
    other = await asyncpg.connect(db)
    async with other.transaction():
        await other.execute(NONCE, "old")
        building = asyncio.create_task(postgres.migrate_at(db))
        async with asyncio.timeout(10):
            while await is_valid(conn, "nonce_remark") is None:  # noqa: ASYNC110 - the server's work
                await asyncio.sleep(0.02)
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%'"
        )
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await building
        assert await is_valid(conn, "nonce_remark") is False
    await other.close()
    await postgres.migrate_at(db)
    assert await is_valid(conn, "nonce_remark") is True
    assert set(await migrating.taken(conn)) >= {9001, 9002}


@pytest.mark.timeout(60 + 5 * KILLS)
async def test_a_migrator_that_is_killed_at_any_moment_is_made_good_by_the_next(empty: list[str]) -> None:
    """SIGKILL after random times, again and again, on one database: at the end the tables are those of an undisturbed one."""
    whole, cut = empty
    begun = time.monotonic()
    await postgres.migrate_at(whole)
    took, draw, landed = time.monotonic() - begun, random.Random(SEED), 0
    for _ in range(KILLS):
        child = os.fork()
        if not child:
            status = 1
            try:
                asyncio.run(postgres.migrate_at(cut))
                status = 0
            finally:
                os._exit(status)
        await asyncio.sleep(draw.uniform(0.02, max(took / 3, 0.1)))
        os.kill(child, signal.SIGKILL)
        landed += os.WIFSIGNALED((await asyncio.to_thread(os.waitpid, child, 0))[1])
    await postgres.migrate_at(cut)
    assert await shape(cut) == await shape(whole)
    assert landed >= 3


async def test_an_older_program_works_beside_a_step_that_says_so_and_beside_no_other(
    conn: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database of tomorrow: expanded, it is opened, and ready; contracted, it is refused, and not ready."""
    before = await postgres.migrate(conn)
    with_steps(monkeypatch, ADD)
    await postgres.migrate(conn)
    monkeypatch.undo()
    assert await postgres.migrate(conn) == before == []
    assert await postgres.schema_standing(conn) == 0
    assert (await ready.look(pool, None, utc_now())).schema == ready.OK
    await conn.execute("UPDATE ops.migration SET expands = false WHERE number = 9001")
    with pytest.raises(OperatorError) as caught:
        await postgres.migrate(conn)
    assert (caught.value.code, caught.value.facts["found"]) == ("schema-newer", 9001)
    assert (await ready.look(pool, None, utc_now())).schema == ready.NEWER


def test_what_says_that_it_expands_takes_nothing_away() -> None:
    """Each such file of this program; what may not stand in one is seen."""
    steps = [Step(*file) for file in postgres._migrations()]
    assert [s.name for s in steps if s.expands and CONTRACTS.search(migrating._REMARK.sub("", s.sql))] == []
    assert all(s.statements() for s in steps if s.beside)
    for sql in (
        "ALTER TABLE a.b DROP COLUMN c",
        "ALTER TABLE a.b ADD COLUMN c int NOT NULL",
        "REVOKE ALL ON a.b FROM c",
    ):
        assert CONTRACTS.search(sql), sql
    for sql in (ADD.sql, "ALTER TABLE a.b ADD COLUMN c int NOT NULL DEFAULT 0", "CREATE TABLE a.b (c int)"):
        assert not CONTRACTS.search(sql), sql
    with pytest.raises(ValueError, match="x"):
        Step(1, "x", "-- concurrently\nALTER TABLE a.b ADD COLUMN c int").statements()
