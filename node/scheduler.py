"""WHEN flows run: timers in memory, no logic. What must survive a restart is in our own tables.

In: a Node. Out: jobs that hear what is new, pull what is due, carry sealed messages, release publication rounds, sign and announce,
settle a fenced log, tell saved searches what is new, tidy up and keep backups. A job that fails is logged and the next one runs; one
that is already running is not started again.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from node import trace
from node.errors import LogStateError, ReteError
from node.flows.introductions import post, remind
from node.flows.logs import announce, gossip, recover
from node.flows.logs.sync import sync_peers
from node.flows.observatory import build as observatory
from node.flows.observatory import publish as observatory_publish
from node.flows.profiles import publish
from node.flows.programme import (
    case_post,
    certificate_delivery,
    course_notices,
    course_post,
    sealed_families,
    session_mail,
    sessions,
)
from node.flows.searching import indexing, tell
from node.flows.trust import agreement_pull, council_road
from node.flows.upkeep import audit, backup_shelf, tidy
from node.flows.upkeep.jobs import Job, Schedule, Turn
from node.meters import Meters
from node.runtime import Node, current_own, utc_now
from node.store import wake
from node.store.reference import load_label_reference

logger = structlog.get_logger()
DUE_MINUTES = 1
ANNOUNCE_MINUTES = 1
POST_MINUTES = 1
AGREEMENT_MINUTES = 1
RELEASE_MINUTES = 5
TIDY_MINUTES = 10
SAVED_MINUTES = 1
INTRODUCTION_MINUTES = 1
INTRODUCTION_MAIL_MINUTES = 5
PROGRAMME_MINUTES = 1
INDEX_MINUTES = 0.1
# How often is asked whether a backup, or a trial restore, is due.
BACKUP_MINUTES = 60
# How often is asked whether the Observatory rests on anything new.
OBSERVATORY_MINUTES = 60
# Why statistics are not told though nothing is wrong: the members have not agreed to them (yet), or own documents are being fetched.
NO_TURN = frozenset({"statistics-not-agreed", "statistics-waits"})
# What a wake-up asks for -> the job that does it.
JOBS = {
    wake.PULL: Job.DUE,
    wake.GOSSIP: Job.GOSSIP,
    wake.ANNOUNCE: Job.ANNOUNCE,
    wake.POST: Job.POST,
    wake.AGREEMENT: Job.AGREEMENT,
    wake.BACKUP: Job.BACKUP,
    wake.TRIAL: Job.TRIAL,
}
# What each job does, and how often (minutes).
Work = tuple[Callable[[], Awaitable[object]], float]


@dataclass(slots=True)
class Jobs:
    """The timers of one node, and what its jobs remember between turns."""

    timers: AsyncIOScheduler
    heard: gossip.Memory = field(default_factory=gossip.Memory)
    announced: announce.Memory = field(default_factory=announce.Memory)
    proposed: council_road.Memory = field(default_factory=council_road.Memory)
    agreed: agreement_pull.Memory = field(default_factory=agreement_pull.Memory)
    tidied: tidy.Memory = field(default_factory=tidy.Memory)
    running: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    turns: dict[str, Turn] = field(default_factory=dict)
    clock: Callable[[], dt.datetime] = utc_now
    since: dt.datetime = field(default_factory=utc_now)
    meters: Meters = field(default_factory=Meters)
    # Members that said, to whichever process of this node, that they hold something newer of the agreement.
    hinted: set[str] = field(default_factory=set)
    is_ending: bool = False

    def stop(self) -> None:
        """End the timers, and what is at work; nobody waits for it."""
        self.is_ending = True
        if self.timers.running:
            self.timers.shutdown(wait=False)

    def schedule(self) -> Schedule:
        """Return what each job did last and when its next turn comes."""
        for name, turn in self.turns.items():
            job = self.timers.get_job(name) if self.timers.running else None
            turn.next_at = job.next_run_time if job else None
        return Schedule(self.since, tuple(self.turns.values()))

    def wake(self, said: str) -> None:
        """Run a job now, or once more if it is at work: another process, or a peer's hint, says there is something to do."""
        what, _, member = said.partition(" ")
        name = JOBS.get(what)
        if name is Job.AGREEMENT and member:
            self.hinted.add(member)
        if name in (Job.BACKUP, Job.TRIAL):
            # Somebody wants it now, due or not; while one is at work that one answers.
            if name not in self.running:
                self.asked.add(name)
                self._run_now(name)
        elif name in self.running:
            self.again.add(str(name))
        elif name is not None:
            self._run_now(name)

    def _run_now(self, name: str) -> None:
        if self.timers.running and self.timers.get_job(name) is not None:
            # The timers go by the real time, whatever clock the node was given.
            self.timers.modify_job(name, next_run_time=utc_now())

    def was_asked(self, name: str) -> bool:
        """Tell, once, whether somebody wants a job done although it may not be due."""
        asked = name in self.asked
        self.asked.discard(name)
        return asked

    def guarded(
        self, name: str, work: Callable[[], Awaitable[object]], every_s: float = 0
    ) -> Callable[[], Awaitable[None]]:
        """Return a job that never fails: what goes wrong is logged, its code remembered, and the next turn comes."""
        turn = self.turns.setdefault(name, Turn(name, every_s))

        async def run() -> None:
            # What other nodes are asked in one turn stands in their logs under the turn's number.
            with trace.working(trace.new()), trace.span(f"job {name}") as span:
                await run_turn(span)

        async def run_turn(span: trace.Span) -> None:
            self.running.add(name)
            turn.begin(self.clock())
            code = ""
            try:
                while True:
                    self.again.discard(name)
                    await work()
                    if name not in self.again:
                        return
            except asyncio.CancelledError:
                # Said by whoever ends the jobs, not by each of them.
                if not self.is_ending:
                    raise
            except ReteError as error:
                code = error.code
                logger.error("job.failed", job=name, code=error.code, reason=str(error))  # noqa: TRY400 - expected, no traceback
            except Exception:
                code = "internal-error"
                logger.exception("job.failed", job=name)
            finally:
                if code:
                    span.fail(code)
                turn.end(self.clock(), code)
                self.meters.turned(name, code)
                self.running.discard(name)

        return run


def build(node: Node, session: aiohttp.ClientSession, exchange: post.Exchange | None = None) -> Jobs:
    """Return the node's periodic jobs, not yet started; ``exchange`` is what becomes of sealed messages, else introductions."""
    sync = node.config.sync
    timers = AsyncIOScheduler(
        timezone=dt.UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    hinted = set[str]() if node.agreement is None else node.agreement.hinted
    jobs = Jobs(timers, clock=node.clock, since=node.clock(), meters=node.meters, hinted=hinted)
    syncer = node.syncer(session)

    async def listen() -> None:
        await gossip.gossip(syncer, await current_own(node), jobs.heard)
        if node.agreement is None:
            return
        said = jobs.heard.said()
        if agreement_pull.hear(node.agreement, said):
            jobs.wake(wake.AGREEMENT)
        await council_road.hear(node.council_road(session), said, jobs.proposed, node.clock())

    async def due() -> None:
        await sync_peers(syncer)

    async def release() -> None:
        await publish.release_due(node.pool, node.config, await current_own(node), node.clock(), known=node.known)
        await audit.keep_mark(node.pool, node.home)

    async def tell_head() -> None:
        own = await current_own(node)
        await announce.sign_and_announce(node.pool, session, own, node.membership, node.clock, jobs.announced)

    async def settle() -> None:
        await recover.settle_if_fenced(syncer, await current_own(node))

    def every(name: Job, work: Callable[[], Awaitable[object]], minutes: float, **extra: Any) -> None:
        first = utc_now() + dt.timedelta(seconds=1)
        timers.add_job(
            jobs.guarded(name, work, minutes * 60), "interval", minutes=minutes, id=name, next_run_time=first, **extra
        )

    # +- 20 %: nodes that start together do not stay in step.
    every(Job.GOSSIP, listen, sync.poll_minutes, jitter=int(sync.poll_minutes * 60 * 0.2) or None)
    every(Job.DUE, due, DUE_MINUTES)
    every(Job.ANNOUNCE, tell_head, ANNOUNCE_MINUTES)
    every(Job.RELEASE, release, RELEASE_MINUTES)
    every(Job.SETTLE, settle, RELEASE_MINUTES)
    every(
        Job.POST,
        _carrying(node, session, exchange or sealed_families.exchange(node.office(), node.clock)),
        POST_MINUTES,
    )
    more = {
        **_housework(node, session, jobs),
        **_showing(node),
        **_keeping(node, jobs),
        **_agreeing(node, session, jobs),
    }
    for name, (work, minutes) in more.items():
        every(name, work, minutes)
    return jobs


def _carrying(node: Node, session: aiohttp.ClientSession, exchange: post.Exchange) -> Callable[[], Awaitable[object]]:
    """Return the job of sealed messages; its first turn asks everybody."""
    carrier, begun = node.carrier(session, exchange), False

    async def carry() -> None:
        nonlocal begun
        everyone, begun = not begun, True
        await post.turn(carrier, (await current_own(node)).origin, everyone=everyone)

    return carry


def _agreeing(node: Node, session: aiohttp.ClientSession, jobs: Jobs) -> dict[Job, Work]:
    """Return the job that asks for new versions of the agreement, none where members are [[peer]] tables."""
    if node.agreement is None:
        return {}

    async def agree() -> None:
        road = node.agreement_road(session, (await current_own(node)).origin)
        await agreement_pull.refresh(road, jobs.agreed, node.clock())

    return {Job.AGREEMENT: (agree, AGREEMENT_MINUTES)}


def _keeping(node: Node, jobs: Jobs) -> dict[Job, Work]:
    """Return the jobs of backups, none where no folder is configured."""
    if not backup_shelf.is_on(node.config):
        return {}

    async def keep() -> None:
        await backup_shelf.make_due(node.kept(), node.clock(), asked=jobs.was_asked(Job.BACKUP))

    async def prove() -> None:
        await backup_shelf.try_due(node.kept(), node.clock(), asked=jobs.was_asked(Job.TRIAL))

    return {Job.BACKUP: (keep, BACKUP_MINUTES), Job.TRIAL: (prove, BACKUP_MINUTES)}


async def _each(job: str, *parts: Callable[[], Awaitable[object]]) -> None:
    """Do all parts of a job, whatever one of them runs into. Raises: what the first that failed did, so that the turn tells."""
    failed: Exception | None = None
    for part in parts:
        try:
            await part()
        except Exception as error:
            if failed is not None:
                logger.exception("job.part_failed", job=job)
            failed = failed or error
    if failed is not None:
        raise failed


def _statistics(node: Node) -> Callable[[], Awaitable[object]]:
    """Return the work that tells this office's statistics when they are due."""
    said_why = ""

    async def tell_statistics() -> None:
        nonlocal said_why
        own = await current_own(node)
        try:
            await observatory_publish.publish_due(
                node.pool, own, node.statistics_key, node.membership.terms, node.clock()
            )
        except LogStateError as error:
            if error.code not in NO_TURN:
                raise
            # Said once, not every hour: the administrator has nothing to mend.
            if error.code != said_why:
                logger.info("statistics.not_told", code=error.code)
            said_why = error.code
        else:
            said_why = ""

    return tell_statistics


def _housework(node: Node, session: aiohttp.ClientSession, jobs: Jobs) -> dict[Job, Work]:
    """Return what a node does for itself and its own people."""

    async def follow_index() -> None:
        await indexing.follow(node.pool, node.index, node.clock())

    async def clean() -> None:
        await tidy.tidy(node.office(), node.sign_in_settings(), jobs.tidied, node.clock())

    async def introduce() -> None:
        office, now = node.office(), node.clock()
        await _each(
            Job.INTRODUCTIONS,
            lambda: remind.work_due(office, now),
            lambda: remind.give_back(office, now),
            lambda: remind.send_again(office, now),
            lambda: course_post.carry_due(office, now),
            lambda: case_post.carry_due(office, now),
        )

    async def tell_office() -> None:
        office, now = node.office(), node.clock()
        await _each(
            Job.INTRODUCTIONS_MAIL,
            lambda: remind.tell(office, node.mail_server, node.public_url, now),
            lambda: course_notices.tell(office, node.mail_server, now),
            lambda: certificate_delivery.tell(office, node.mail_server, node.public_url, now),
        )

    async def tell_saved() -> None:
        # Digests leave at their own hour: each search knows when its next one is due.
        outward = node.outward(session)
        await tell.tell_due(node.pool, node.saved_settings(), outward, load_label_reference(), node.clock)

    return {
        Job.TIDY: (clean, TIDY_MINUTES),
        Job.INTRODUCTIONS: (introduce, INTRODUCTION_MINUTES),
        # By itself and less often: a mail server that is away for a while is not a node that closes no case.
        Job.INTRODUCTIONS_MAIL: (tell_office, INTRODUCTION_MAIL_MINUTES),
        Job.SAVED: (tell_saved, SAVED_MINUTES),
        Job.INDEX: (follow_index, INDEX_MINUTES),
    }


def _showing(node: Node) -> dict[Job, Work]:
    """Return what is done for everybody: the programme's seats and mails, and the Observatory."""
    tell_statistics = _statistics(node)

    async def work_programme() -> None:
        pool, now = node.pool, node.clock()
        await _each(
            Job.PROGRAMME,
            lambda: sessions.fill(pool, now),
            lambda: session_mail.tell(pool, node.mail_server, node.config.node.name, node.public_url, now),
        )

    async def observe() -> None:
        # What this office tells once a quarter first: the picture shows it too.
        await _each(
            Job.OBSERVATORY,
            tell_statistics,
            lambda: observatory.build(node.pool, node.config, node.clock(), observatory.more_tables()),
        )

    return {Job.PROGRAMME: (work_programme, PROGRAMME_MINUTES), Job.OBSERVATORY: (observe, OBSERVATORY_MINUTES)}
