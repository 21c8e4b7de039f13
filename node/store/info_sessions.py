"""Information sessions and enrolments as the database keeps them. Private, but for what ``shown`` gives.

In: connections inside transactions that the flow opened; checked values. Out: rows as values. Rules: how many seats are taken is counted by
the database's own trigger (migration 0047), which refuses one too many; who gives or takes a seat holds the session first. No public or
peer-facing route can import this (tests/test_house.py).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import orjson

from node.domain.programme.session import Person, Session, Standing, State
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("info_sessions")
LIST_MAX = 1000
# A session is on the day that it has in Italy.
ITALY = ZoneInfo("Europe/Rome")


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as it stands: what is planned, how many have a seat, wait, came."""

    session_id: str
    state: State
    session: Session
    taken: int
    waiting: int
    attended: int
    changed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """What everybody may see of an open session: of its seats only whether one is free."""

    session_id: str
    session: Session
    has_seats: bool


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One enrolment; ``attended`` is None while nobody said."""

    enrolment_id: str
    session_id: str
    number: int
    standing: Standing
    person: Person = field(repr=False)
    notice_version: str
    language: str
    made_by: str
    enrolled_at: dt.datetime
    attended: bool | None
    told: str


@dataclass(frozen=True, slots=True)
class Untold:
    """Somebody who is to be told something of an enrolment: the word of it, and of which session."""

    enrolment_id: str
    email: str = field(repr=False)
    language: str
    word: str
    session_id: str
    session: Session


def _session(row: asyncpg.Record) -> Session:
    get = dict(row).get
    return Session(
        title=row["title"], begins_at=row["begins_at"].astimezone(ITALY), ends_at=row["ends_at"].astimezone(ITALY),
        enrol_until=get("enrol_until") or row["begins_at"].astimezone(ITALY).date(), seats=get("seats") or 0, place=row["place"],
        municipality=row["municipality"], online=row["online"], summary=get("summary") or "", title_en=row["title_en"],
        summary_en=get("summary_en") or "",
    )  # fmt: skip


def _row(row: asyncpg.Record) -> SessionRow:
    return SessionRow(
        str(row["session_id"]), State(row["state"]), _session(row), row["taken"], row["waiting"], row["attended"], row["changed_at"]
    )  # fmt: skip


def _shown(row: asyncpg.Record) -> Shown:
    return Shown(str(row["session_id"]), _session(row), row["has_seats"])


def _enrolment(row: asyncpg.Record) -> Enrolment:
    values: dict[str, Any] = {
        **dict(row),
        "standing": Standing(row["state"]),
        "person": Person(**orjson.loads(row["person"])),
    }
    values |= {"enrolment_id": str(row["enrolment_id"]), "session_id": str(row["session_id"])}
    del values["state"]
    return Enrolment(**values)


def _planned(session: Session) -> tuple[Any, ...]:
    return (
        session.title, session.title_en, session.summary, session.summary_en, session.begins_at, session.ends_at,
        session.enrol_until, session.place, session.municipality, session.online, session.seats,
    )  # fmt: skip


async def insert_session(conn: Connection, session_id: str, session: Session, officer: str, now: dt.datetime) -> None:
    """Keep a planned session."""
    await conn.execute(QUERIES["insert_session"], uuid.UUID(session_id), *_planned(session), officer, now)


async def update_session(conn: Connection, session_id: str, session: Session, now: dt.datetime) -> None:
    """Change what is planned."""
    await conn.execute(QUERIES["update_session"], uuid.UUID(session_id), *_planned(session), now)


async def hold_session(conn: Connection, session_id: str) -> SessionRow | None:
    """Return a session of which nobody else gives or takes a seat until this transaction ends, None when there is none."""
    row = await conn.fetchrow(QUERIES["hold_session"], uuid.UUID(session_id))
    if row is None:
        return None
    # What was counted while somebody else held it is counted anew.
    fresh = await conn.fetchrow(QUERIES["read_session"], uuid.UUID(session_id))
    return None if fresh is None else _row(fresh)


async def read_session(conn: Connection, session_id: str) -> SessionRow | None:
    """Return a session, None when there is none."""
    row = await conn.fetchrow(QUERIES["read_session"], uuid.UUID(session_id))
    return None if row is None else _row(row)


async def list_sessions(conn: Connection, after: dt.datetime | None) -> list[SessionRow]:
    """Return all sessions, or those that end after a moment, the latest first."""
    return [_row(row) for row in await conn.fetch(QUERIES["list_sessions"], after, LIST_MAX)]


async def shown(conn: Connection, now: dt.datetime) -> list[Shown]:
    """Return the open sessions that are not over, the next first."""
    return [_shown(row) for row in await conn.fetch(QUERIES["shown_sessions"], now, LIST_MAX)]


async def shown_one(conn: Connection, session_id: str) -> Shown | None:
    """Return an open session, None when there is none."""
    row = await conn.fetchrow(QUERIES["shown_session"], uuid.UUID(session_id))
    return None if row is None else _shown(row)


async def set_state(conn: Connection, session_id: str, state: State, now: dt.datetime) -> None:
    """Open a session, or call it off; the database's own trigger tells the chain."""
    await conn.execute(QUERIES["set_state"], uuid.UUID(session_id), str(state), now)


@dataclass(frozen=True, slots=True)
class New:
    """An enrolment to be kept."""

    enrolment_id: str
    session_id: str
    standing: Standing
    person: Person = field(repr=False)
    notice_version: str
    language: str
    token_hash: bytes
    made_by: str


async def insert_enrolment(conn: Connection, new: New, now: dt.datetime) -> None:
    """Keep an enrolment."""
    await conn.execute(
        QUERIES["insert_enrolment"], uuid.UUID(new.enrolment_id), uuid.UUID(new.session_id), str(new.standing),
        orjson.dumps(new.person.to_dict()).decode(), new.notice_version, new.language, new.token_hash, new.made_by, now,
    )  # fmt: skip


async def known_enrolment(
    conn: Connection, enrolment_id: str, session_id: str, person: Person
) -> tuple[str, Standing] | None:
    """Return the enrolment of this id, or the one that the same person has already, None when there is none."""
    row = await conn.fetchrow(
        QUERIES["known_enrolment"], uuid.UUID(enrolment_id), uuid.UUID(session_id), person.email, person.name
    )
    return None if row is None else (str(row["enrolment_id"]), Standing(row["state"]))


async def read_enrolment(conn: Connection, enrolment_id: str) -> Enrolment | None:
    """Return an enrolment, None when there is none."""
    row = await conn.fetchrow(QUERIES["read_enrolment"], uuid.UUID(enrolment_id))
    return None if row is None else _enrolment(row)


async def token_of(conn: Connection, enrolment_id: str) -> bytes | None:
    """Return the hash of what opens an enrolment, None when nothing does."""
    found: bytes | None = await conn.fetchval(QUERIES["token_of"], uuid.UUID(enrolment_id))
    return found


async def list_enrolments(conn: Connection, session_id: str) -> list[Enrolment]:
    """Return who enrolled: those with a seat first, then those who wait, each in their order, then those who gave it back."""
    return [_enrolment(row) for row in await conn.fetch(QUERIES["list_enrolments"], uuid.UUID(session_id))]


async def set_standing(conn: Connection, enrolment_id: str, standing: Standing, now: dt.datetime) -> None:
    """Change what an enrolment is; without a seat nobody came."""
    await conn.execute(QUERIES["set_standing"], uuid.UUID(enrolment_id), str(standing), now)


async def promote(conn: Connection, session_id: str, count: int, now: dt.datetime) -> list[str]:
    """Give seats to the first who wait; return their enrolments."""
    return [str(row["enrolment_id"]) for row in await conn.fetch(QUERIES["promote"], uuid.UUID(session_id), count, now)]


async def attend(
    conn: Connection, session_id: str, enrolments: Sequence[str], attended: bool | None, now: dt.datetime
) -> None:
    """Note who came, or did not, or of whom nobody can say."""
    await conn.execute(QUERIES["attend"], uuid.UUID(session_id), list(map(uuid.UUID, enrolments)), attended, now)


async def unfilled(conn: Connection, now: dt.datetime) -> list[str]:
    """Return the sessions that have free seats while somebody waits."""
    return [str(row["session_id"]) for row in await conn.fetch(QUERIES["unfilled"], now)]


async def untold(conn: Connection, now: dt.datetime, limit: int, after: str) -> list[Untold]:
    """Return a page of those whom there is something to tell by mail, by enrolment, after one, with the word of it."""
    return [
        Untold(str(r["enrolment_id"]), r["email"], r["language"], r["word"], str(r["session_id"]), _session(r))
        for r in await conn.fetch(QUERIES["untold"], now, limit, uuid.UUID(after))
    ]


async def mark_told(conn: Connection, enrolment_id: str, word: str) -> None:
    """Note what somebody was told."""
    await conn.execute(QUERIES["mark_told"], uuid.UUID(enrolment_id), word)


async def tell_again(conn: Connection, session_id: str) -> None:
    """Let whoever enrolled be told anew."""
    await conn.execute(QUERIES["tell_again"], uuid.UUID(session_id))
