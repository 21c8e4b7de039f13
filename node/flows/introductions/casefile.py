"""What the pages of introductions show beside a case and its list: how many there are, the other cases of a project, what was signed.

In: an Office, identifiers. Out: values of the store, each read in one statement. Rules: the identity that a consent would let out is the one
that it records (flows/introductions/introduce): the same function makes both.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.domain.introduction import CLOSED, Kind, Party
from node.errors import CallerError, NotFoundError
from node.flows.introductions import own_side
from node.flows.introductions.casework import ITALY, Office
from node.store import introductions
from node.store.introductions import Count, Listed, Row
from node.store.postgres import acquire


def today_of(now: dt.datetime) -> dt.date:
    """Return the day by which steps are counted wherever a case is shown: Italy's."""
    return now.astimezone(ITALY).date()


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
