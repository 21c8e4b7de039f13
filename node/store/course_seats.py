"""Places at this office's courses and who asked for them; the own office's participants at anybody's courses. Private.

In: connections inside transactions that the flow opened. Out: rows as values. Rules: boxes of the post are locked before editions, editions
before seats; the database itself refuses a place that somebody holds. Source: docs/courses.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from node.domain.programme.course import Decision, Reason, Standing
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("course_seats")


@dataclass(frozen=True, slots=True)
class Seat:
    """Who asked the organiser for a place, through which office, and how it stands; ``person`` is empty once erased."""

    seat_id: str
    edition_id: str | None
    office: str
    standing: Standing
    reason: Reason
    place: int | None
    person: Mapping[str, Any] = field(repr=False)
    heard: int
    said: int
    posted: int
    evaluated: bool
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What the organiser says of a seat now."""

    seat_id: str
    office: str
    course_id: str
    edition: str
    standing: Standing
    reason: Reason
    heard: int
    said: int
    evaluated: bool


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A participant of the own office at a course of some organiser, as the office knows it."""

    enrolment_id: str
    organiser: str
    course_id: str
    edition: str
    title: str
    begins: dt.date
    ends: dt.date
    person: Mapping[str, Any] = field(repr=False)
    consent_version: str
    consented_at: dt.datetime
    language: str
    standing: Standing
    reason: Reason
    says: str
    answers: Sequence[int] | None = field(repr=False)
    seq: int
    seen: int
    heard: int
    posted_at: dt.datetime | None
    is_evaluated: bool


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _seat(row: Mapping[str, Any]) -> Seat:
    facts = dict(row)
    edition = facts["edition_id"]
    facts |= {
        "seat_id": str(facts["seat_id"]), "edition_id": None if edition is None else str(edition),
        "standing": Standing(facts["standing"]), "reason": Reason(facts["reason"]), "person": orjson.loads(facts["person"]),
    }  # fmt: skip
    return Seat(**facts)


def _answer(row: Mapping[str, Any]) -> Answer:
    facts = dict(row)
    facts |= {
        "seat_id": str(facts["seat_id"]), "course_id": str(facts["course_id"]),
        "standing": Standing(facts["standing"]), "reason": Reason(facts["reason"]),
    }  # fmt: skip
    return Answer(**facts)


def _enrolment(row: Mapping[str, Any]) -> Enrolment:
    facts = dict(row)
    facts |= {
        "enrolment_id": str(facts["enrolment_id"]), "course_id": str(facts["course_id"]), "standing": Standing(facts["standing"]),
        "reason": Reason(facts["reason"]), "person": orjson.loads(facts["person"]),
    }  # fmt: skip
    return Enrolment(**facts)


async def lock_seat(conn: Connection, seat_id: str) -> Seat | None:
    """Lock a seat until the transaction ends; its edition must be locked before."""
    row = await conn.fetchrow(QUERIES["seat_of"], seat_id)
    return None if row is None else _seat(row)


async def add_seat(
    conn: Connection, seat_id: str, edition_id: str | None, asked: tuple[str, str, str], decided: Decision, person: Mapping[str, Any],
    email_key: str, numbers: tuple[int, int], now: dt.datetime,
) -> None:  # fmt: skip
    """Keep who asked and what was decided; ``asked``: course, edition, office; ``numbers``: what was heard of it, what is said to it."""
    await conn.execute(
        QUERIES["insert_seat"], seat_id, edition_id, *asked, str(decided.standing), str(decided.reason), decided.place or None,
        _json(person), email_key, *numbers, now,
    )  # fmt: skip


async def taken(conn: Connection, edition_id: str) -> list[int]:
    """Return the places of an edition that are held."""
    return [r["place"] for r in await conn.fetch(QUERIES["taken"], edition_id)]


async def waiting(conn: Connection, edition_id: str) -> list[str]:
    """Return who waits, the longest first."""
    return [str(r["seat_id"]) for r in await conn.fetch(QUERIES["waiting"], edition_id)]


async def is_there(conn: Connection, edition_id: str, email_key: str) -> bool:
    """Tell whether an address has a place or waits."""
    return bool(await conn.fetchval(QUERIES["is_there"], edition_id, email_key))


async def change_seat(conn: Connection, seat: Seat, decided: Decision, heard: int, said: int, now: dt.datetime) -> None:
    """Write what was decided about a seat anew."""
    await conn.execute(
        QUERIES["change_seat"], seat.seat_id, str(decided.standing), str(decided.reason), decided.place or None, heard, said, now
    )  # fmt: skip


async def say_seat(conn: Connection, seat_id: str, heard: int, said: int, now: dt.datetime) -> None:
    """Note what was heard of a seat's office, and that it is answered once more."""
    await conn.execute(QUERIES["say_seat"], seat_id, heard, said, now)


async def evaluate(conn: Connection, seat_id: str) -> bool:
    """Note that a participant has answered the questionnaire; False where that was known."""
    return bool((await conn.execute(QUERIES["evaluate_seat"], seat_id)) == "UPDATE 1")


async def forget(conn: Connection, seat_id: str) -> None:
    """Erase who a seat is of, and the code of its certificate: the commitment stays, and says nothing of anybody."""
    await conn.execute(QUERIES["forget_seat"], seat_id)
    await conn.execute(QUERIES["forget_code"], seat_id)


async def move_up(conn: Connection, seat_id: str, place: int, now: dt.datetime) -> None:
    """Give a place to one who waits."""
    await conn.execute(QUERIES["move_up"], seat_id, place, now)


async def cancel_all(conn: Connection, edition_id: str, now: dt.datetime) -> None:
    """Take places and waiting from everybody in an edition that does not take place."""
    await conn.execute(QUERIES["cancel_seats"], edition_id, now)


async def seats_of(conn: Connection, edition_id: str, limit: int = 6000) -> list[Seat]:
    """Return an edition's seats: by place, then those who wait in their order, then the others."""
    return [_seat(row) for row in await conn.fetch(QUERIES["seats_of"], edition_id, limit)]


async def unposted(conn: Connection, office: str, limit: int) -> list[Answer]:
    """Lock and return answers that an office was not sent yet."""
    return [_answer(row) for row in await conn.fetch(QUERIES["unposted"], office, limit)]


async def unposted_offices(conn: Connection) -> list[str]:
    """Return the offices that have an answer coming."""
    return [r["office"] for r in await conn.fetch(QUERIES["unposted_offices"])]


async def mark_posted(conn: Connection, seat_id: str, said: int) -> None:
    """Note that an answer was put out."""
    await conn.execute(QUERIES["mark_posted"], seat_id, said)


async def answer_of(conn: Connection, seat_id: str) -> Answer | None:
    """Return what is said of a seat now."""
    row = await conn.fetchrow(QUERIES["seat_said"], seat_id)
    return None if row is None else _answer(row)


async def to_settle(conn: Connection) -> list[str]:
    """Return editions in which somebody waits beside a free place."""
    return [str(r["edition_id"]) for r in await conn.fetch(QUERIES["to_settle"])]


async def count_asked(conn: Connection, office: str, since: dt.datetime) -> int:
    """Return how many enrolments an office has brought since."""
    return int(await conn.fetchval(QUERIES["count_asked"], office, since))


async def add_enrolment(conn: Connection, made: Enrolment, token_hash: bytes | None) -> bool:
    """Keep a participant of the own office; False where the id is there."""
    m = made
    done = await conn.execute(
        QUERIES["insert_enrolment"], m.enrolment_id, m.organiser, m.course_id, m.edition, m.title, m.begins, m.ends, _json(m.person),
        m.consent_version, m.consented_at, m.language, token_hash,
    )  # fmt: skip
    return bool(done == "INSERT 0 1")


async def lock_enrolment(conn: Connection, enrolment_id: str) -> Enrolment | None:
    """Lock an enrolment of the own office until the transaction ends."""
    row = await conn.fetchrow(QUERIES["lock_enrolment"], enrolment_id)
    return None if row is None else _enrolment(row)


async def read_enrolment(conn: Connection, enrolment_id: str) -> Enrolment | None:
    """Return an enrolment of the own office."""
    row = await conn.fetchrow(QUERIES["read_enrolment"], enrolment_id)
    return None if row is None else _enrolment(row)


async def has_token(conn: Connection, enrolment_id: str, token_hash: bytes) -> bool:
    """Tell whether a token opens an enrolment."""
    return bool(await conn.fetchval(QUERIES["by_token"], enrolment_id, token_hash))


async def count_enrolments(conn: Connection, since: dt.datetime) -> int:
    """Return how many people enrolled here since."""
    return int(await conn.fetchval(QUERIES["count_enrolments"], since))


async def list_enrolments(conn: Connection, limit: int) -> list[Enrolment]:
    """Return the own office's participants, the newest first."""
    return [_enrolment(row) for row in await conn.fetch(QUERIES["list_enrolments"], limit)]


async def hear(
    conn: Connection, enrolment: Enrolment, standing: Standing, reason: Reason, numbers: tuple[int, int, int], now: dt.datetime,
    *, evaluated: bool,
) -> None:  # fmt: skip
    """Write the organiser's answer; ``numbers``: its own, what it has heard of us, what ours is to be at least."""
    heard, seen, seq = numbers
    await conn.execute(
        QUERIES["hear_answer"], enrolment.enrolment_id, str(standing), str(reason), heard, seen, evaluated, now, seq
    )  # fmt: skip


async def say(
    conn: Connection, enrolment_id: str, says: str, answers: Sequence[int] | None, now: dt.datetime, *,
    standing: Standing | None = None, reason: Reason | None = None,
) -> None:  # fmt: skip
    """Have the own office say something new of an enrolment, under the next number."""
    await conn.execute(
        QUERIES["say"], enrolment_id, says, None if answers is None else list(answers), now,
        None if standing is None else str(standing), None if reason is None else str(reason),
    )  # fmt: skip


async def mark_asked(conn: Connection, enrolment_id: str, now: dt.datetime) -> None:
    """Note when what the own office says was put out."""
    await conn.execute(QUERIES["mark_asked"], enrolment_id, now)


async def to_ask(
    conn: Connection, unanswered_since: dt.datetime, standing_since: dt.datetime, today: dt.date, limit: int
) -> list[tuple[str, str]]:
    """Return enrolments about which the organiser is to be asked (once more): (id, organiser)."""
    rows = await conn.fetch(QUERIES["to_ask"], unanswered_since, standing_since, today, limit)
    return [(str(r["enrolment_id"]), r["organiser"]) for r in rows]


async def open_organisers(conn: Connection, today: dt.date) -> frozenset[str]:
    """Return the organisers from whom an answer is awaited."""
    return frozenset(r["organiser"] for r in await conn.fetch(QUERIES["open_organisers"], today))
