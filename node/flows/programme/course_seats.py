"""The organiser decides about places: who asks, who leaves, who moves up; for its own participants and for those of other offices.

In: a connection inside a transaction, what an office said of an enrolment. Out: seats decided, with an answer that is to be put out. Rules: an
edition is locked before its seats, so that of two who ask for the last place at once one comes after the other; the same message
twice decides nothing twice, and is answered again; what a place's office knows of the answers tells whether ours was lost. Source: docs/courses.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from node.domain.programme import course, questionnaire
from node.domain.programme.course import HOLDING, Decision, EditionState, Reason, Room, Standing
from node.flows.introductions.casework import ITALY
from node.protocol.seat import ASK, CANCEL, EVALUATE, FORGET, NUMBER_MAX, Said
from node.store import course_seats as store
from node.store import courses
from node.store.course_seats import Seat
from node.store.courses import Edition
from node.store.postgres import Connection

# Enrolments that one office may bring in a day: nobody fills another's waiting lists.
BROUGHT_MAX: Final = 500
MISMATCH, TOO_MANY = "seat-mismatch", "seat-too-many"


def today_of(now: dt.datetime) -> dt.date:
    """Return the day in Rome, by which deadlines count."""
    return now.astimezone(ITALY).date()


async def hear(conn: Connection, said: Said, now: dt.datetime) -> str:
    """Take what an office says of an enrolment, verified; return why it is refused, empty where it was taken or is known."""
    edition = await courses.lock_edition_of(conn, said.course, said.edition)
    seat = await store.lock_seat(conn, said.id)
    if seat is None:
        return await _begin(conn, edition, said, now)
    if seat.office != said.sender or (
        seat.edition_id is not None and (edition is None or seat.edition_id != edition.edition_id)
    ):
        return MISMATCH
    # An older copy of this database was put back: its answers go on after those that the other office knows.
    number = min(max(seat.said, said.seen) + 1, NUMBER_MAX)
    if said.seq <= seat.heard or edition is None:
        again = seat.said if said.seen <= seat.said and seat.said else number
        await store.say_seat(conn, seat.seat_id, said.seq, again, now)
        return ""
    await _act(conn, edition, seat, said, number, now)
    return ""


async def _begin(conn: Connection, edition: Edition | None, said: Said, now: dt.datetime) -> str:
    if await store.count_asked(conn, said.sender, now - dt.timedelta(days=1)) >= BROUGHT_MAX:
        return TOO_MANY
    key = ""
    if said.kind == ASK and edition is not None:
        key = _key_of(said.person or {})
        decided = await _decide(conn, edition, key, now)
    elif said.kind == ASK:
        decided = Decision(Standing.REFUSED, reason=Reason.UNKNOWN)
    else:
        # What takes an enrolment back may come before it, and then it is never placed.
        decided = Decision(Standing.CANCELLED, reason=Reason.OWN_WISH)
    held = decided.standing in HOLDING
    numbers = (said.seq, min(said.seen + 1, NUMBER_MAX))
    # Of whom no place is given, nothing is kept.
    person = dict(said.person or {}) if held else {}
    await store.add_seat(
        conn, said.id, edition.edition_id if edition else None, (said.course, said.edition, said.sender), decided, person,
        key if held else "", numbers, now,
    )  # fmt: skip
    return ""


def _key_of(person: Mapping[str, Any]) -> str:
    return str(person.get("email", "")).strip().casefold()


async def _decide(conn: Connection, edition: Edition, key: str, now: dt.datetime) -> Decision:
    taken, waiting = await store.taken(conn, edition.edition_id), await store.waiting(conn, edition.edition_id)
    there = bool(key) and await store.is_there(conn, edition.edition_id, key)
    room = Room(edition.seats, edition.state, edition.deadline)
    return course.decide(room, taken, len(waiting), today_of(now), is_there=there)


async def _act(conn: Connection, edition: Edition, seat: Seat, said: Said, number: int, now: dt.datetime) -> None:
    """Do what a new message of a known enrolment asks for, and answer."""
    leaves = said.kind == CANCEL or (said.kind == FORGET and edition.state is EditionState.OPEN)
    if leaves and seat.standing in HOLDING and edition.state is EditionState.OPEN:
        await store.change_seat(conn, seat, Decision(Standing.CANCELLED, reason=Reason.OWN_WISH), said.seq, number, now)
        await settle(conn, edition, now)
    else:
        if said.kind == EVALUATE:
            await _evaluate(conn, edition, seat, said, now)
        await store.say_seat(conn, seat.seat_id, said.seq, number, now)
    if said.kind == FORGET:
        await store.forget(conn, seat.seat_id)


async def _evaluate(conn: Connection, edition: Edition, seat: Seat, said: Said, now: dt.datetime) -> None:
    if seat.standing is not Standing.PLACED or today_of(now) < edition.ends or said.answers is None:
        return
    # Noted also when it came too late: its office stops asking; what was released is never told anew.
    if await store.evaluate(conn, seat.seat_id) and await courses.release_of(conn, edition.edition_id) is None:
        await courses.add_answer(conn, edition.edition_id, questionnaire.checked(said.answers))


async def settle(conn: Connection, edition: Edition, now: dt.datetime) -> int:
    """Give free places of a locked edition to those who wait, the longest first; return how many moved up."""
    if edition.state is not EditionState.OPEN:
        return 0
    taken, waiting = await store.taken(conn, edition.edition_id), await store.waiting(conn, edition.edition_id)
    risen = course.promote(edition.seats, taken, waiting)
    for seat_id, place in risen:
        await store.move_up(conn, seat_id, place, now)
    return len(risen)


async def settle_all(conn: Connection, now: dt.datetime) -> int:
    """Settle editions where somebody waits beside a free place; return how many moved up."""
    count = 0
    for edition_id in await store.to_settle(conn):
        edition = await courses.lock_edition(conn, edition_id)
        count += 0 if edition is None else await settle(conn, edition, now)
    return count
