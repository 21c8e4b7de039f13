"""Hits as a table: page after page, each profile once, bounded."""

from __future__ import annotations

import pytest
from profiles_made import NOW, add_origin, profile, store

from node.domain.labels import LabelReference
from node.domain.query import parse
from node.flows.searching.search import search
from node.flows.searching.search_rows import COLUMNS, follow, rows
from node.store.postgres import Pool
from node.store.reference import load_label_reference


@pytest.fixture(scope="module")
def reference() -> LabelReference:
    """The tables of this node."""
    return load_label_reference()


async def test_pages_are_followed_to_the_end_or_the_bound(pool: Pool, reference: LabelReference) -> None:
    """Exactly so many as asked for, and the cursor goes on after the last of them."""
    async with pool.acquire() as conn:
        await store(conn, await add_origin(conn), [profile(n) for n in range(1, 131)])
    query = parse([("limit", "7")], reference)
    first = await search(pool, query, reference, now=NOW)
    for most, expected in ((1, 7), (7, 7), (8, 8), (120, 120), (130, 130), (1_000, 130)):
        found = await follow(pool, query, first, reference, now=NOW, most=most)
        told = [row[0] for row in rows(found.hits)]
        assert (len(told), len(set(told)), found.total) == (expected, expected, 130)
        assert bool(found.cursor) == (expected < 130)
        if found.cursor:
            rest = await search(
                pool, parse([("limit", "100"), ("cursor", found.cursor)], reference), reference, now=NOW
            )
            assert not {hit.profile_id for hit in rest.hits} & set(told)


async def test_a_profile_that_moves_meanwhile_is_there_once(pool: Pool, reference: LabelReference) -> None:
    """Told on the first page and, further down after a change, again: one row."""
    async with pool.acquire() as conn:
        await store(conn, await add_origin(conn), [profile(n) for n in range(1, 6)])
    query = parse([("limit", "2"), ("sort", "newest")], reference)
    first = await search(pool, query, reference, now=NOW)
    async with pool.acquire() as conn:
        moved = first.hits[0].profile_id
        await conn.execute("UPDATE coop.profile SET published = published - 9 WHERE profile_id = $1", moved)
    found = await follow(pool, query, first, reference, now=NOW)
    assert [hit.profile_id for hit in found.hits] == [profile(n)["id"] for n in range(1, 6)]
    assert len(next(rows(found.hits))) == len(COLUMNS)
