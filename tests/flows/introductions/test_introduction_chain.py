"""Steps of introductions in the chain of decisions: each of an officer's is there, and whoever meddles with one is found."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from node.domain.introduction import Kind
from node.flows.upkeep import audit
from tests.introductions_made import INTRODUCED, Pair
from tests.tampering import unguarded


async def test_what_officers_decide_is_in_the_chain_and_what_nodes_say_is_not(pair: Pair, tmp_path: Path) -> None:
    """Each office's own steps, by whom, with the hash of what was signed; no word of anybody."""
    case = await pair.reach(*INTRODUCED)
    for desk, steps in ((pair.seeker, ["request", "consent"]), (pair.owner, ["check", "forward", "accept", "consent"])):
        async with desk.town.node.pool.acquire() as conn:
            rows = await conn.fetch("SELECT document FROM audit.event WHERE kind = 'introduction' ORDER BY event_id")
            signed = await conn.fetchval("SELECT encode(sha256(event), 'hex') FROM office.introduction_event e JOIN office.introduction i USING (introduction_id) WHERE e.party = i.party AND e.kind = 'consent'")  # fmt: skip
        told = [orjson.loads(row["document"]) for row in rows]
        assert [(event["action"], event["officer"]) for event in told] == [(step, "anna") for step in steps]
        assert {event["introduction"] for event in told} == {case}
        assert told[-1]["event"] == signed
        assert "Prova" not in str(told)
        assert all(audit.what_of("introduction", event) != "introduction" for event in told)
        verdict = await audit.verify(desk.town.node.pool, tmp_path / desk.id)
        assert (verdict.broken, verdict.place) == (None, None)


@pytest.mark.parametrize(
    ("meddled", "found"),
    [
        ("UPDATE office.introduction_event SET officer = 'altri' WHERE kind = 'accept'", audit.UNTOLD_INTRODUCTION),
        ("UPDATE office.introduction_event SET officer = '' WHERE kind = 'accept'", audit.UNTOLD_INTRODUCTION),
        ("UPDATE office.introduction_event SET event = 'x' WHERE kind = 'consent' AND party = 'owner'", audit.UNTOLD_INTRODUCTION),
        ("UPDATE office.introduction_event SET detail = 'x' WHERE kind = 'check'", audit.UNTOLD_INTRODUCTION),
        ("UPDATE office.introduction_event SET kind = 'revoke' WHERE kind = 'receipt' AND party = 'owner'", audit.UNTOLD_INTRODUCTION),
        ("UPDATE office.introduction_event SET officer = 'anna' WHERE kind = 'identity' AND party = 'owner'", audit.UNTOLD_INTRODUCTION),
        ("DELETE FROM office.introduction_event WHERE kind = 'accept'", audit.ORPHANED),
        ("DELETE FROM office.introduction_event", audit.ORPHANED),
    ],
)  # fmt: skip
async def test_what_is_changed_past_the_guards_is_found(pair: Pair, tmp_path: Path, meddled: str, found: str) -> None:
    """A step by another, by nobody, of other words, that never was, or that is gone."""
    await pair.reach(*INTRODUCED)
    pool = pair.owner.town.node.pool
    assert (await audit.verify(pool, tmp_path)).broken is None
    async with pool.acquire() as conn, unguarded(conn):
        await conn.execute(meddled)
    assert (await audit.verify(pool, tmp_path)).broken == found


async def test_a_case_that_ended_and_was_deleted_is_missed_by_nobody(pair: Pair, tmp_path: Path) -> None:
    """Its steps are in the chain and not in the table, and the chain says why."""
    await pair.reach(("owner", Kind.CHECK), ("seeker", Kind.WITHDRAW))
    pool = pair.owner.town.node.pool
    await pool.execute("DELETE FROM office.introduction")
    assert (await audit.verify(pool, tmp_path)).ok
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM office.introduction_event") == 0
