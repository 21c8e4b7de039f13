"""What page, command and API show of introductions: a case, the list and how many there are, a project's other cases, what was signed.

In: an Office, identifiers. Out: a case folded from its events, and values of the store, each read in one statement. Rules: the identity
that a consent would let out is the one that it records (flows/introductions/deeds): the same function makes both; a firm sees its own
request by its token alone, and of a wrong one learns nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.domain import introduction, introduction_fold
from node.domain.introduction import CLOSED, Case, Kind, Party, State
from node.errors import N_, CallerError, NotFoundError
from node.flows.introductions import casework, own_side
from node.flows.introductions.casework import ITALY, Office
from node.store import introductions
from node.store.introductions import Consent, Count, Listed, Row, Sought, Step, Told
from node.store.postgres import acquire


def today_of(now: dt.datetime) -> dt.date:
    """Return the day by which steps are counted wherever a case is shown: Italy's."""
    return now.astimezone(ITALY).date()


@dataclass(frozen=True, slots=True)
class Opened:
    """A case as its page shows it."""

    row: Row
    case: Case
    steps: tuple[Step, ...]
    may: tuple[Kind, ...]
    consent: Consent | None
    told: Told | None

    @property
    def state(self) -> State:
        """Where it stands, drafts of this office included."""
        return State(self.row.state) if not self.steps else self.case.state


async def read(office: Office, introduction_id: str) -> Opened:
    """Return a case with all that was said in it. Raises: introduction-unknown."""
    key = casework.checked_id(introduction_id)
    async with acquire(office.pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        row = await introductions.read_case(conn, key)
        if row is None:
            raise casework.unknown(introduction_id)
        steps = await introductions.timeline(conn, key)
        consent = (await introductions.consents_of(conn, [key])).get(key)
        told = await introductions.identity_of(conn, key)
    case = introduction_fold.fold(step.event for step in steps)
    may: tuple[Kind, ...] = introduction.may(case, row.party) if steps else ()
    if not steps and row.party is Party.SEEKER:
        may = (Kind.REQUEST,)
    return Opened(row, case, _in_order(steps), may, consent, told if case.shows(row.party) else _erased(told))


def _erased(told: Told | None) -> Told | None:
    return None if told is None else Told(None, told.received_at, told.erased_at)


def _in_order(steps: Sequence[Step]) -> tuple[Step, ...]:
    by_event = {(step.event.by, step.event.seq): step for step in steps}
    placed = [by_event[event.by, event.seq] for event in introduction_fold.in_order(step.event for step in steps)]
    # What still waits for something before it is not shown.
    return tuple(placed)


async def standing(office: Office, introduction_id: str, token: str) -> Opened:
    """Return how a firm's own request stands, for whoever shows its token. Raises: NotFoundError(introduction-unknown)."""
    try:
        key = str(uuid.UUID(introduction_id))
    except ValueError as error:
        raise _no_standing() from error
    async with acquire(office.pool) as conn:
        if not await introductions.has_token(conn, key, hashlib.sha256(token.encode("utf-8", "replace")).digest()):
            raise _no_standing()
    return await read(office, key)


def _no_standing() -> NotFoundError:
    # In the same words, whatever is wrong.
    return NotFoundError("introduction-unknown", N_("richiesta sconosciuta, o codice sbagliato"))


async def list_cases(office: Office, sought: Sought, limit: int, now: dt.datetime) -> list[Listed]:
    """Return a page of cases, what changed last first."""
    async with acquire(office.pool) as conn:
        return await introductions.list_cases(conn, sought, limit, now)


@dataclass(frozen=True, slots=True)
class Totals:
    """How many cases there are, by what the list can be narrowed to."""

    waiting: int
    asked: int
    received: int
    closed: int

    @property
    def all(self) -> int:
        """Every case."""
        return self.asked + self.received + self.closed


def totals_of(counts: Sequence[Count]) -> Totals:
    """Return the totals of counts by state; what is closed is no more among what was asked or received."""
    is_open = [count for count in counts if count.state not in CLOSED]
    return Totals(
        waiting=sum(count.waiting for count in counts),
        asked=sum(count.cases for count in is_open if count.party is Party.SEEKER),
        received=sum(count.cases for count in is_open if count.party is Party.OWNER),
        closed=sum(count.cases for count in counts if count.state in CLOSED),
    )


async def totals(office: Office, now: dt.datetime) -> Totals:
    """Return how many cases there are, and how many wait for this office."""
    async with acquire(office.pool) as conn:
        return totals_of(await introductions.count_cases(conn, now))


async def siblings(office: Office, row: Row, now: dt.datetime) -> list[Listed]:
    """Return the other cases of the same joint project that are here, in order of the other office."""
    if row.project_id is None:
        return []
    async with acquire(office.pool) as conn:
        found = await introductions.project_cases(conn, row.project_id, now)
    return [case for case in found if case.introduction_id != row.introduction_id]


@dataclass(frozen=True, slots=True)
class Proof:
    """What was signed of an event: the SHA-256 of its bytes and the signature, both in hexadecimal."""

    sha256: str
    signature: str


async def proofs(office: Office, introduction_id: str) -> Mapping[tuple[Party, int], Proof]:
    """Return what was signed, by who said it and its number."""
    async with acquire(office.pool) as conn:
        found = await introductions.signed_events(conn, introduction_id)
    return {key: Proof(hashlib.sha256(raw).hexdigest(), signature.hex()) for key, raw, signature in found}


async def offered(office: Office, row: Row, may: Sequence[Kind]) -> Mapping[str, Any] | None:
    """Return whom a consent of today would let out, where one may be recorded."""
    return await would_tell(office, row) if Kind.CONSENT in may else None


def seen_of(row: Row, may: Sequence[Kind], identity: Mapping[str, Any] | None) -> str:
    """Return the ``seen`` of what is shown of a case: of its draft, or of whom a consent of today names; empty where neither is asked."""
    if Kind.REQUEST in may:
        return own_side.digest_of(row.request)
    return own_side.digest_of(identity) if Kind.CONSENT in may and identity is not None else ""


async def would_tell(office: Office, row: Row) -> Mapping[str, Any] | None:
    """Return whom a consent of today would let out, without the person to call; None where there is nobody to name any more."""
    async with acquire(office.pool) as conn:
        try:
            return await own_side.identity_today(conn, office, row)
        except CallerError as error:
            if isinstance(error, NotFoundError) or error.code == own_side.NOBODY:
                return None
            raise
