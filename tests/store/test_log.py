"""The log tables: every row has its origin, and the hot queries find rows by key whatever the planner knows."""

from __future__ import annotations

import asyncpg
import pytest
from profiles_made import add_origin

from node.store import log
from node.store.postgres import Connection

ITEM = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


@pytest.mark.parametrize("table", ["entry", "item", "body", "wanted"])
async def test_a_row_of_an_unknown_origin_is_refused(conn: Connection, table: str) -> None:
    """Whatever is copied names an origin that is there, all of it or none."""
    origin = await add_origin(conn)

    async def copy(origin_id: int) -> None:
        if table == "entry":
            await log.copy_entries(conn, origin_id, 0, [b"x"])
        elif table == "item":
            await log.copy_items(conn, origin_id, [(ITEM, 0, 1, False)])
        elif table == "body":
            await log.copy_bodies(conn, origin_id, [(0, bytes(32), b"{}")])
        else:
            await log.copy_wanted(conn, origin_id, [(0, ITEM)])

    await copy(origin)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with conn.transaction():
            await copy(origin + 1)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with conn.transaction():
            await conn.execute("DELETE FROM log.origin WHERE origin_id = $1", origin)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with conn.transaction():
            await conn.execute(f"UPDATE log.{table} SET origin_id = $1 WHERE origin_id = $2", origin + 1, origin)
    assert await conn.fetchval(f"SELECT count(*) FROM log.{table}") == 1


async def test_an_origin_without_rows_can_go(conn: Connection) -> None:
    """Nothing holds an origin of which nothing is known."""
    origin = await add_origin(conn)
    await conn.execute("DELETE FROM log.origin WHERE origin_id = $1", origin)
    assert await conn.fetchval("SELECT count(*) FROM log.origin") == 0


async def test_what_was_copied_reads_back(conn: Connection) -> None:
    """Rows packed for COPY hold what they were made of."""
    origin = await add_origin(conn)
    await log.copy_entries(conn, origin, 7, [b"first", b"", b"\xff" * 300])
    await log.copy_items(conn, origin, [(ITEM, 2**40, 3, True)])
    await log.copy_bodies(conn, origin, [(7, b"s" * 32, b""), (8, b"t" * 32, b'{"a":"\xc3\xa8"}')])
    await log.copy_wanted(conn, origin, [(9, ITEM)])
    assert await log.entries_between(conn, origin, 0, 100) == [b"first", b"", b"\xff" * 300]
    assert await log.items_by_id(conn, origin, [ITEM]) == [(ITEM, 2**40, 3, True)]
    assert await log.list_wanted(conn, origin, -1, 10) == [(9, b"\xff" * 300)]
    assert await log.body_answers(conn, origin, [6, 7, 8, 9]) == {
        7: b"\x00" + b"s" * 32 + bytes(4),
        8: b"\x00" + b"t" * 32 + b"\x00\x00\x00\x0a" + b'{"a":"\xc3\xa8"}',
        9: b"\x02",
    }


@pytest.mark.parametrize("query", ["body_answers", "list_wanted", "drop_wanted"])
async def test_hot_queries_never_scan_entries_or_bodies(conn: Connection, query: str) -> None:
    """Tables that were just filled have no statistics: the plan must be by key all the same."""
    origin = await add_origin(conn)
    await log.copy_entries(conn, origin, 0, [b"x" * 140] * 5000)
    await log.copy_bodies(conn, origin, [(index, bytes(32), b"y" * 1400) for index in range(5000)])
    await log.copy_wanted(conn, origin, [(index, ITEM) for index in range(5000)])
    arguments = {"list_wanted": (100, 256)}.get(query, (list(range(256)),))
    plan = await conn.fetch(f"EXPLAIN {log.QUERIES[query]}", origin, *arguments)
    assert "Seq Scan" not in "\n".join(row[0] for row in plan)
