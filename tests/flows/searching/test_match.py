"""Matching on a real database: both ways first, other territories, bounded, the same for any order of arrival."""

from __future__ import annotations

import random
from typing import Any

import pytest

from node.errors import CallerError
from node.flows.searching import match
from node.store.postgres import Connection, Pool
from node.store.reference import load_label_reference
from tests.profiles_made import NOW, add_origin, profile, store

REFERENCE = load_label_reference()


def want(category: str) -> dict[str, Any]:
    """A need or an offer."""
    return {"category": category}


SEEKER = profile(900, owner="p_LE", needs=[want("distribution")], offers=[want("raw_materials")])


def others(count: int) -> list[dict[str, Any]]:
    """Half have what is sought, a tenth seek what is offered as well."""
    return [
        profile(
            n, owner=f"n_{n % 7}", offers=[want("distribution" if n % 2 else "tenders")],
            needs=[want("raw_materials")] if n % 10 == 1 else [], round=SEEKER["round"] - n,
        )
        for n in range(1, count + 1)
    ]  # fmt: skip


async def test_both_ways_come_first_and_the_own_owner_not_at_all(conn: Connection, pool: Pool) -> None:
    """Expired, suspended and quarantined logs are not asked; the own administration's only when wanted."""
    made = others(100)
    await store(conn, await add_origin(conn, "many"), made)
    mine = profile(500, owner="P_LE", offers=[want("distribution")], needs=[want("raw_materials")])
    await store(conn, await add_origin(conn, "p_LE", is_own=True), [SEEKER, mine])
    old = profile(600, owner="x", offers=[want("distribution")], valid_until="2026-10-31")
    await store(conn, await add_origin(conn, "x"), [old])
    for state in ("suspended", "quarantined", "closed"):
        await store(conn, await add_origin(conn, state, state=state), [profile(700 + len(state), owner=state, offers=[want("distribution")])])  # fmt: skip
    found = await match.match(pool, SEEKER, REFERENCE, now=NOW, limit=100)
    assert (found.complete, found.compared, len(found.fits)) == (True, 50, 50)
    both = [len(fit.match.links) == 2 for fit in found.fits]
    assert both == [True] * 10 + [False] * 40
    assert [fit.match.score for fit in found.fits] == sorted((fit.match.score for fit in found.fits), reverse=True)
    assert "P_LE" not in {fit.owner for fit in found.fits}
    with_own = await match.match(pool, SEEKER, REFERENCE, now=NOW, limit=100, own_too=True)
    assert {fit.document["id"] for fit in with_own.fits} - {fit.document["id"] for fit in found.fits} == {mine["id"]}


async def test_more_than_can_be_compared_is_told_and_order_of_arrival_changes_nothing(
    conn: Connection, pool: Pool
) -> None:
    """Who has something both ways is never pushed out by who is newer."""
    made = others(1300)
    told = []
    for turn in range(2):
        await conn.execute("TRUNCATE coop.profile, log.body CASCADE")
        origin_id = await conn.fetchval("SELECT origin_id FROM log.origin") or await add_origin(conn)
        await store(conn, origin_id, made if turn == 0 else random.Random(1).sample(made, len(made)))
        found = await match.match(pool, SEEKER, REFERENCE, now=NOW, limit=100)
        assert (found.complete, found.compared) == (False, match.COMPARED)
        assert sum(len(fit.match.links) == 2 for fit in found.fits) == 100
        told.append([(fit.document["id"], fit.match) for fit in found.fits])
    assert told[0] == told[1]


async def test_who_says_nothing_is_told_so(pool: Pool) -> None:
    """Neither needs nor offers: nothing to match."""
    with pytest.raises(CallerError) as caught:
        await match.match(pool, profile(1), REFERENCE, now=NOW, limit=5)
    assert caught.value.code == "match-empty"


async def test_the_index_finds_candidates(conn: Connection) -> None:
    """No walk through the table: the terms' own index, at twenty thousand rows."""
    await store(conn, await add_origin(conn), [profile(n, offers=[want("distribution")] if n % 200 == 0 else []) for n in range(1, 20_001)])  # fmt: skip
    await conn.execute("VACUUM ANALYZE coop.profile")
    for both in (True, False):
        plan = await conn.fetch(
            "EXPLAIN " + match.store.QUERIES["candidates"], ["offer=distribution"], ["need=raw_materials"], not both, "p_TO", [], 20_000, 501
        )  # fmt: skip
        told = "\n".join(row[0] for row in plan)
        assert "profile_found" in told
        assert "Seq Scan on profile" not in told
