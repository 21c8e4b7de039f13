"""Migrations that are cut off, repeated, or run by two at once; and a program that is older than its database."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from node.errors import OperatorError
from node.store import postgres
from node.store.postgres import Connection

TABLES = """
SELECT md5(string_agg(concat_ws(' ', table_schema, table_name, column_name, data_type, is_nullable, column_default), ',' ORDER BY
    table_schema, table_name, ordinal_position)) FROM information_schema.columns
WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_name <> 'migration'
"""
NUMBERS = "SELECT array_agg(number ORDER BY number) FROM ops.migration"


@pytest.fixture
async def empty(server: str) -> AsyncIterator[list[str]]:
    """DSNs of two databases without any table."""
    head, _, query = server.partition("?")
    base = head.rsplit("/", 1)[0]
    admin = await asyncpg.connect(f"{base}/postgres?{query}")
    names = [f"t_{uuid.uuid4().hex[:16]}" for _ in range(2)]
    for name in names:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        yield [f"{base}/{name}?{query}" for name in names]
    finally:
        for name in names:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()


async def shape(dsn: str) -> tuple[str, list[int]]:
    """What tables a database has, and which migrations it remembers."""
    conn = await asyncpg.connect(dsn)
    try:
        return await conn.fetchval(TABLES), await conn.fetchval(NUMBERS)
    finally:
        await conn.close()


async def test_a_migration_that_is_cut_off_goes_on_where_it_stopped(
    empty: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backend ends inside a file, four times at four places: nothing of that file is there, the next start finishes, the tables are the same."""
    whole, cut = empty
    await postgres.migrate_at(whole)
    files = postgres._migrations()
    for at in (0, len(files) // 3, len(files) // 2, len(files) - 1):
        number, name, sql = files[at]
        ending = [
            *files[:at],
            (number, name, f"{sql};\nSELECT pg_terminate_backend(pg_backend_pid())"),
            *files[at + 1 :],
        ]
        monkeypatch.setattr(postgres, "_migrations", lambda ending=ending: ending)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await postgres.migrate_at(cut)
        assert (await shape(cut))[1] == ([done for done, _, _ in files[:at]] or None)
    monkeypatch.undo()
    await postgres.migrate_at(cut)
    assert await shape(cut) == await shape(whole)


async def test_two_that_migrate_at_once_do_it_once(empty: list[str]) -> None:
    """Three processes that start together on an empty database: each ends well, each file ran once; again is nothing."""
    whole, shared = empty
    await postgres.migrate_at(whole)
    await asyncio.gather(*(postgres.migrate_at(shared) for _ in range(3)))
    assert await shape(shared) == await shape(whole)
    await postgres.migrate_at(shared)
    assert await shape(shared) == await shape(whole)


async def test_an_older_program_refuses_a_newer_database(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it lacks: it says both numbers and what to do, and changes nothing."""
    files = postgres._migrations()
    before = await conn.fetchval(TABLES)
    monkeypatch.setattr(postgres, "_migrations", lambda: files[:-1])
    with pytest.raises(OperatorError) as caught:
        await postgres.migrate(conn)
    assert (caught.value.code, caught.value.facts) == ("schema-newer", {"found": files[-1][0], "known": files[-2][0]})
    assert await conn.fetchval(TABLES) == before
    # The lock is given back: a program that is new enough opens at once.
    monkeypatch.undo()
    assert await postgres.migrate(conn) == []
