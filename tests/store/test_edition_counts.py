"""What SQL counts of an edition, and between two, is what plain Python counts."""

from __future__ import annotations

import asyncio
import datetime as dt
import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.store import edition_counts, population
from node.store.postgres import Connection, open_pool
from tests.editions_made import changed, count, counted, edition, store

FIRST, SECOND = dt.date(2013, 12, 31), dt.date(2014, 12, 31)


def test_sql_counts_what_python_counts(db: str) -> None:
    """Every measure of two small editions, and every change between them, for any editions."""

    async def check(seed: int) -> None:
        draw = random.Random(seed)
        before = edition(draw)
        now = edition(draw, before)
        pool = await open_pool(db, max_size=1)
        try:
            async with pool.acquire() as conn:
                turn = conn.transaction()
                await turn.start()
                earlier, later = await store(conn, before, FIRST), await store(conn, now, SECOND)
                await count(conn, earlier)
                await count(conn, later)
                await edition_counts.count_changes(conn, later, earlier)
                assert set(await edition_counts.counts(conn)) == counted(before, FIRST) | counted(now, SECOND)
                assert set(await edition_counts.changes(conn)) == changed(now, SECOND, before, FIRST)
                await turn.rollback()
        finally:
            pool.terminate()

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.integers(0, 2**32))
    def run(seed: int) -> None:
        asyncio.run(check(seed))

    run()


async def test_counts_outlive_the_rows(conn: Connection) -> None:
    """An edition that goes takes its rows along, and nothing of what they said in numbers."""
    draw = random.Random(7)
    networks = edition(draw)
    found = await store(conn, networks, FIRST)
    await count(conn, found)
    await population.delete_snapshot(conn, found.snapshot_id)
    assert set(await edition_counts.counts(conn)) == counted(networks, FIRST)


async def test_another_edition_of_a_day_takes_the_place_of_what_was_counted(conn: Connection) -> None:
    """Also of what changed from it and to it, until that is counted again."""
    draw = random.Random(8)
    before, wrong = edition(draw), edition(draw)
    earlier, later = await store(conn, before, FIRST), await store(conn, wrong, SECOND)
    await count(conn, earlier)
    await count(conn, later)
    await edition_counts.count_changes(conn, later, earlier)
    assert (await edition_counts.changes_between(conn, SECOND, FIRST)).keys() >= {"born", "ended"}
    await count(conn, later)
    assert set(await edition_counts.counts(conn)) == counted(before, FIRST) | counted(wrong, SECOND)
    assert await edition_counts.pairs(conn) == set()
    assert await edition_counts.changes_between(conn, SECOND, FIRST) == {}


async def test_of_which_changes_it_is_known_is_told(conn: Connection) -> None:
    """Later day, earlier day; and each edition with its digest."""
    draw = random.Random(9)
    earlier, later = await store(conn, edition(draw), FIRST, "a"), await store(conn, edition(draw), SECOND, "b")
    await count(conn, earlier)
    await count(conn, later)
    await edition_counts.count_changes(conn, later, earlier)
    assert await edition_counts.pairs(conn) == {(SECOND, FIRST)}
    assert await edition_counts.editions(conn) == {FIRST: "a", SECOND: "b"}
    await edition_counts.forget(conn, FIRST)
    assert (await edition_counts.pairs(conn), await edition_counts.editions(conn)) == (set(), {SECOND: "b"})
