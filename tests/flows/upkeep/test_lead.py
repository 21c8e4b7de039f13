"""Standing for the lead and holding it: the work runs while this process leads, and ends with the lead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from node.errors import OperatorError
from node.flows.upkeep import lead
from node.flows.upkeep.lead import Campaign, Term
from node.store import leader
from node.store.postgres import Pool


class Work:
    """What a leader does here: it notes that it runs."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.terms: list[Term] = []
        self.running = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self, term: Term) -> None:
        """Work until cancelled."""
        self.terms.append(term)
        self.ended.clear()
        self.running.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.running.clear()
            self.ended.set()


@asynccontextmanager
async def standing(campaign: Campaign) -> AsyncIterator[asyncio.Task[None]]:
    """A campaign under way; at the end it is called off."""
    task = asyncio.create_task(campaign.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def within(seconds: float, event: asyncio.Event) -> None:
    """Wait for an event, no longer than this."""
    async with asyncio.timeout(seconds):
        await event.wait()


async def test_a_lead_that_is_given_back_is_taken_at_once_by_who_saw_it(
    db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first term of all begins with care, the second is calm; the work has ended before another begins."""
    # Nobody looks by himself: only what the other says counts.
    monkeypatch.setattr(lead, "TRY_S", 30.0)
    one, two = Work(), Work()
    first, second = Campaign(db, "a 1", one), Campaign(db, "b 2", two)
    async with standing(first) as leads:
        await within(10, one.running)
        async with standing(second):
            await within(10, second.decided)
            assert (first.term, second.term, two.terms) == (Term(1, is_calm=False), None, [])
            # As a process that stops does.
            leads.cancel()
            await within(10, two.running)
            assert one.ended.is_set()
            assert second.term == Term(2, is_calm=True)
    assert two.ended.is_set()


async def test_the_work_ends_when_the_session_dies_and_begins_anew(
    db: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that restarts, or an evicted session: no work without the lead, then a term with a number of its own and with care."""
    monkeypatch.setattr(lead, "TRY_S", 0.05)
    monkeypatch.setattr(leader, "BEAT_S", 0.05)
    work = Work()
    async with standing(Campaign(db, "a 1", work)):
        await within(10, work.running)
        await pool.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rete-lead' AND datname = current_database()"
        )
        await within(10, work.ended)
        await within(10, work.running)
        assert work.terms == [Term(1, is_calm=False), Term(2, is_calm=False)]


async def test_a_number_that_another_took_ends_the_work(db: str, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever became of the lock: a sign of life under an old number is refused, and the lead is not given back in its name."""
    monkeypatch.setattr(leader, "BEAT_S", 0.05)
    monkeypatch.setattr(lead, "TRY_S", 30.0)
    work = Work()
    async with standing(Campaign(db, "a 1", work)):
        await within(10, work.running)
        await pool.execute("UPDATE ops.leader SET epoch = epoch + 1, holder = 'b 2'")
        await within(10, work.ended)
    assert await pool.fetchval("SELECT holder FROM ops.leader") == "b 2"


async def broken(_: Term) -> None:
    """Work that can't begin."""
    raise OperatorError("highwater-bad", "x")


async def test_work_that_cannot_begin_is_told_to_who_starts_the_process(db: str) -> None:
    """Before anything was decided the error goes up, with its code; the lead is given back for another to try."""
    campaign = Campaign(db, "a 1", broken)
    with pytest.raises(OperatorError) as refused:
        await asyncio.wait_for(campaign.run(), 10)
    assert refused.value.code == "highwater-bad"
    conn = await leader.connect(db, lambda: None)
    found = await leader.standing(conn)
    assert (found.held, found.holder) == (False, "")
    await leader.close(conn)
