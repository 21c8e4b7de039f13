"""What the scheduler's jobs did last is known, whatever went wrong."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from node import scheduler
from node.errors import LogStateError, RoadWrongError
from node.flows.upkeep import backup
from node.flows.upkeep.jobs import TITLES, Job
from node.runtime import Node
from node.store import backup_file, wake
from tests.federation_made import Clock
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
    """All that the scheduler runs; how often stands beside it, and hangs on no hour of any place."""
    assert set(TITLES) == set(Job)
    async with node.session() as session:
        jobs = scheduler.build(node, session)
        assert {turn.name for turn in jobs.schedule().turns} == set(TITLES) - {Job.AGREEMENT, Job.BACKUP, Job.TRIAL}
        assert all(turn.every_s > 0 for turn in jobs.schedule().turns)
        # No job hangs on the hour of a place: a night on which the clocks change has as many turns as any other.
        assert jobs.timers.timezone is dt.UTC
        assert all(isinstance(job.trigger, IntervalTrigger) for job in jobs.timers.get_jobs())
        jobs.timers.start(paused=True)
        try:
            assert all(turn.next_at is not None for turn in jobs.schedule().turns)
        finally:
            jobs.timers.shutdown(wait=False)


@pytest.fixture
def keeping(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """A node that keeps backups."""
    monkeypatch.setattr(backup_file, "COST", (2, 1, 1))
    (tmp_path / "copies").mkdir()
    (node.home / "words").touch(mode=0o600)
    (node.home / "words").write_text("corretto cavallo graffetta")
    section = replace(node.config.backup, folder=str(tmp_path / "copies"), passphrase_file="words")  # noqa: S106 - a name
    return replace(node, configured=replace(node.config, backup=section))


async def test_a_node_with_a_folder_for_backups_keeps_them(keeping: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs more; one backup is made when one is due, another when somebody asks, and what is tried is the newest."""
    tried: list[str] = []

    async def verify(path: Path, *_: object) -> backup.Verdict:
        tried.append(path.name)
        return backup.Verdict((await backup.open_whole(path, "corretto cavallo graffetta")).manifest, 0, 0, 0, ())

    monkeypatch.setattr(backup, "verify", verify)
    clock = Clock()
    async with keeping.session() as session:
        jobs = scheduler.build(replace(keeping, clock=clock), session)
        assert {turn.name for turn in jobs.schedule().turns} == set(TITLES) - {Job.AGREEMENT}
        folder, made = Path(keeping.config.backup.folder), []
        for name, what in (
            (Job.BACKUP, None),
            (Job.BACKUP, None),
            (Job.BACKUP, wake.BACKUP),
            (Job.TRIAL, None),
            (Job.TRIAL, None),
            (Job.TRIAL, wake.TRIAL),
        ):
            clock.forward(seconds=1)
            if what:
                jobs.wake(what)
            await jobs.timers.get_job(name).func()
            made.append((len(list(folder.glob("*.backup"))), len(tried)))
        assert made == [(1, 0), (1, 0), (2, 0), (2, 1), (2, 1), (2, 2)]
        assert not [turn for turn in jobs.schedule().turns if turn.code]
        # While one is at work nobody's wish makes another right after it.
        jobs.running.add(Job.BACKUP)
        jobs.wake(wake.BACKUP)
        assert not jobs.was_asked(Job.BACKUP)


async def test_a_backup_that_fails_is_a_job_that_failed(keeping: Node) -> None:
    """With its code, on the page of jobs and in the doctor's eyes."""
    Path(keeping.config.backup.folder).rmdir()
    async with keeping.session() as session:
        jobs = scheduler.build(keeping, session)
        await jobs.timers.get_job(Job.BACKUP).func()
        (turn,) = [turn for turn in jobs.schedule().turns if turn.name == Job.BACKUP]
        assert (turn.code, turn.failures) == ("backup-folder-unreadable", 1)


async def test_statistics_that_nobody_agreed_to_are_no_failure(
    node: Node, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said once, and the Observatory is built all the same; what is wrong fails the job as ever."""
    codes = ["statistics-not-agreed", "statistics-not-agreed", "statistics-waits", "statistics-differs"]
    built: list[int] = []

    async def publish_due(*_: object) -> None:
        raise LogStateError(codes.pop(0), "x")

    async def build(*_: object) -> None:
        built.append(len(codes))

    monkeypatch.setattr(scheduler.observatory_publish, "publish_due", publish_due)
    monkeypatch.setattr(scheduler.observatory, "build", build)
    async with node.session() as session:
        jobs = scheduler.build(node, session)
        seen = []
        for _ in range(4):
            await jobs.timers.get_job(Job.OBSERVATORY).func()
            turn = next(turn for turn in jobs.schedule().turns if turn.name == Job.OBSERVATORY)
            seen.append((turn.code, turn.failures))
    assert seen == [("", 0), ("", 0), ("", 0), ("statistics-differs", 1)]
    assert built == [3, 2, 1, 0]
    logged = "".join(capsys.readouterr())
    assert logged.count("statistics.not_told") == 2


async def test_a_hint_that_another_process_took_names_its_member_to_the_jobs() -> None:
    """Whoever said that it holds a newer agreement is asked, whichever process of this node it said that to."""
    jobs = scheduler.Jobs(AsyncIOScheduler(timezone=dt.UTC), clock=lambda: NOW, since=NOW)
    jobs.wake(f"{wake.PULL} cmto")
    jobs.wake(wake.AGREEMENT)
    assert jobs.hinted == set()
    jobs.wake(f"{wake.AGREEMENT} cmto")
    assert jobs.hinted == {"cmto"}


async def test_jobs_that_are_ended_say_nothing_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A turn that is cut off because another process leads is no failure; one that is cancelled by anybody else is."""
    jobs = scheduler.Jobs(AsyncIOScheduler(timezone=dt.UTC), clock=lambda: NOW, since=NOW)

    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await jobs.guarded("due", work)()
    jobs.stop()
    await jobs.guarded("due", work)()
    assert "job.failed" not in "".join(capsys.readouterr())
