"""What waits for somebody in the office: drafts, approvals, holds, networks without a profile, contacts, news, the own log and its round.

In: a pool, who looks and what they may see. Out: values, counted in one view of the database. Rules: what a right does not open
is not even asked of the database; counts and reasons only, no name of a network or of a person.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from node.domain.days import day_of
from node.domain.officers import key_of
from node.domain.programme.case_file import SOON_DAYS
from node.domain.release import HOLDS
from node.domain.roles import Permission
from node.flows.introductions import casefile
from node.flows.introductions.casefile import Totals
from node.flows.programme.case_calendar import soon_of
from node.flows.searching import overview
from node.flows.searching.engines import snapshot
from node.store import cases, introductions, publication, registry, telling
from node.store.cases import Waiting
from node.store.postgres import Connection, Pool
from node.store.saved import OFFICE

NEWS_DAYS = 7


@dataclass(frozen=True, slots=True)
class Work:
    """What is under way with profiles: ``to_approve`` are drafts that somebody else submitted; ``held`` counts by code."""

    own_drafts: int
    own_waiting: int
    to_approve: int
    approved: int
    queued: int
    next_round: dt.date | None
    held: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Desk:
    """What waits; None where the right is missing."""

    own_log: overview.Standing
    last_round: tuple[dt.datetime, int] | None
    work: Work | None = None
    networks: tuple[int, int] | None = None
    news: tuple[int, int] | None = None
    contacts: Totals | None = None
    cases: Waiting | None = None

    @property
    def log_state(self) -> str:
        """How the own log is: ready, fenced, new; empty before there is one."""
        return next((origin.state for origin in self.own_log.origins if origin.is_own), "")


async def read(pool: Pool, name: str, may: frozenset[Permission], now: dt.datetime) -> Desk:
    """Return what waits for an officer of this name and these rights."""
    async with snapshot(pool) as conn:
        return Desk(
            own_log=await overview.standing(conn),
            last_round=await publication.last_round(conn),
            work=await _work(conn, name) if Permission.PROFILE_READ in may else None,
            networks=await registry.count_networks(conn) if Permission.REGISTER_READ in may else None,
            news=(
                await telling.count_news(conn, OFFICE, now - dt.timedelta(days=NEWS_DAYS))
                if Permission.SEARCHES_WRITE in may
                else None
            ),
            contacts=(
                casefile.totals_of(await introductions.count_cases(conn, now))
                if Permission.INTRODUCTIONS_READ in may
                else None
            ),
            cases=await _cases(conn, name, now) if Permission.PROGRAMME_READ in may else None,
        )


async def _cases(conn: Connection, name: str, now: dt.datetime) -> Waiting:
    today, soon = soon_of(now, SOON_DAYS)
    return await cases.waiting(conn, key_of(name), today, soon)


async def _work(conn: Connection, name: str) -> Work:
    found = await publication.waiting(conn, name)
    day = found.next_release_day
    return Work(
        own_drafts=found.own_drafts,
        own_waiting=found.own_waiting,
        to_approve=found.to_approve,
        approved=found.approved,
        queued=found.queued,
        next_round=None if day is None else day_of(day),
        held=await publication.held(conn),
    )


def reason_of(code: str) -> str:
    """Return why a profile is held as a sentence (a catalogue id), the code where it is an unknown one."""
    return HOLDS.get(code, code)
