"""What the scheduler's jobs did last is known, whatever went wrong."""

from __future__ import annotations

import datetime as dt

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from node import scheduler
from node.errors import RoadWrongError
from node.flows.jobs import TITLES
from node.runtime import Node
from tests.web.test_app import node

__all__ = ["node"]
NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)


async def test_each_turn_is_remembered_with_what_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """An expected failure by its code, an unexpected one as such; a good turn clears both."""
    jobs = scheduler.Jobs(AsyncIOScheduler(timezone=dt.UTC), clock=lambda: NOW, since=NOW)
    failures = [RoadWrongError("road-refused", "x"), KeyError("y"), None]

    async def work() -> None:
        failure = failures.pop(0)
        if failure is not None:
            raise failure

    run = jobs.guarded("due", work, 60)
    seen = []
    for _ in range(3):
        await run()
        (turn,) = jobs.schedule().turns
        seen.append((turn.code, turn.failures, turn.ended_at, turn.next_at))
    assert seen == [("road-refused", 1, NOW, None), ("internal-error", 2, NOW, None), ("", 0, NOW, None)]
    assert "job.failed" in "".join(capsys.readouterr())


async def test_every_job_has_a_name_for_people_and_its_next_turn(node: Node) -> None:
    """All that the scheduler runs; how often stands beside it."""
    async with node.session() as session:
        jobs = scheduler.build(node, session)
        assert {turn.name for turn in jobs.schedule().turns} == set(TITLES)
        assert all(turn.every_s > 0 for turn in jobs.schedule().turns)
        jobs.timers.start(paused=True)
        try:
            assert all(turn.next_at is not None for turn in jobs.schedule().turns)
        finally:
            jobs.timers.shutdown(wait=False)
