"""Information sessions at an office: the last seat, the queue, what is announced, who came."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
from typing import Any

import asyncpg
import pytest

from node.domain.programme.session import Standing, State
from node.errors import CallerError, NotFoundError
from node.flows.programme import sessions
from node.flows.registry.acting import acting
from node.flows.upkeep import audit
from node.store.postgres import open_pool
from tests.office_made import NOW, Office
from tests.programme_made import holder, opened, somebody, typed

LATER = NOW + dt.timedelta(days=10, hours=3)


async def rows(office: Office, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """What the database says."""
    async with office.pool.acquire() as conn:
        return [tuple(row) for row in await conn.fetch(query, *values)]


async def test_twenty_at_once_for_five_seats(office: Office, db: str) -> None:
    """Exactly five have one; the others wait in the order in which they came."""
    session_id = await opened(office, seats="5")
    pool = await open_pool(db, max_size=20)
    try:
        done = await asyncio.gather(*(sessions.enrol(pool, session_id, somebody(n), NOW) for n in range(20)))
    finally:
        await pool.close()
    assert sum(each.standing is Standing.CONFIRMED for each in done) == 5
    row, people = await sessions.read(office.pool, session_id)
    assert (row.taken, row.waiting) == (5, 15)
    waiting = [each for each in people if each.standing is Standing.WAITING]
    assert [each.number for each in waiting] == sorted(each.number for each in waiting)
    assert max(each.number for each in people if each.standing is Standing.CONFIRMED) < waiting[0].number


async def test_a_seat_given_back_goes_to_the_first_who_waits(office: Office) -> None:
    """Each to exactly one, also where several give back at once; who gave back is nobody's seat."""
    session_id = await opened(office, seats="3")
    done = [await sessions.enrol(office.pool, session_id, somebody(n), NOW) for n in range(6)]
    promoted = await asyncio.gather(
        *(sessions.give_back(office.pool, each.enrolment_id, NOW, code=each.code) for each in done[:2])
    )
    assert sorted(found for each in promoted for found in each) == sorted(each.enrolment_id for each in done[3:5])
    row, people = await sessions.read(office.pool, session_id)
    assert (row.taken, row.waiting) == (3, 1)
    # Twice is once; a wrong code is no code.
    assert await sessions.give_back(office.pool, done[0].enrolment_id, NOW, code=done[0].code) == []
    with pytest.raises(NotFoundError):
        await sessions.give_back(office.pool, done[2].enrolment_id, NOW, code=done[0].code)
    assert [each.standing for each in people].count(Standing.CANCELLED) == 2
    # Of those who wait one who leaves makes room for nobody.
    assert await sessions.give_back(office.pool, done[5].enrolment_id, NOW) == []


async def test_the_database_gives_no_seat_that_is_not_there(office: Office) -> None:
    """Whatever program asks it."""
    session_id = await opened(office, seats="1")
    for n in range(2):
        await sessions.enrol(office.pool, session_id, somebody(n), NOW)
    with pytest.raises(asyncpg.CheckViolationError, match="seats_are_enough"):
        await rows(office, "UPDATE programme.enrolment SET state = 'confirmed' RETURNING 1")
    with pytest.raises(asyncpg.CheckViolationError, match="seats_are_enough"):
        await rows(office, "UPDATE programme.info_session SET seats = 1, taken = 2 RETURNING 1")


async def test_one_form_and_one_person_are_one_enrolment(office: Office) -> None:
    """However often; two people of one address are two."""
    session_id = await opened(office)
    first = await sessions.enrol(office.pool, session_id, somebody(1), NOW, form="a" * 32)
    for form, changes in (("a" * 32, {}), ("b" * 32, {}), ("", {"email": "PERSONA1@enti.example"})):
        again = await sessions.enrol(office.pool, session_id, somebody(1, **changes), NOW, form=form)
        assert (again.enrolment_id, again.code) == (first.enrolment_id, "")
    other = await sessions.enrol(office.pool, session_id, somebody(1, name="Un Collega"), NOW)
    assert other.enrolment_id != first.enrolment_id
    # Who gave the seat back may come again, by the same form.
    await sessions.give_back(office.pool, first.enrolment_id, NOW, code=first.code)
    anew = await sessions.enrol(office.pool, session_id, somebody(1), NOW, form="a" * 32)
    assert anew.enrolment_id != first.enrolment_id
    assert anew.code


async def test_more_seats_take_in_who_waits_and_fewer_are_refused(office: Office) -> None:
    """In the transaction of the change."""
    session_id = await opened(office, seats="2")
    for n in range(4):
        await sessions.enrol(office.pool, session_id, somebody(n), NOW)
    await sessions.change(holder(office), session_id, sessions.session_of(typed(seats="3")), NOW)
    row, _ = await sessions.read(office.pool, session_id)
    assert (row.taken, row.waiting) == (3, 1)
    with pytest.raises(CallerError) as caught:
        await sessions.change(holder(office), session_id, sessions.session_of(typed(seats="2")), NOW)
    assert caught.value.code == "session-seats-taken"


async def test_an_open_session_is_announced_changed_and_taken_back(office: Office) -> None:
    """In the own signed log, with what is public and nothing else; the chain says who decided."""
    with acting("anna"):
        session_id = await opened(office)
        await sessions.enrol(office.pool, session_id, somebody(1), NOW)
        told = await rows(office, "SELECT title, revision FROM coop.announcement")
        assert told == [("Fare rete d'impresa", 1)]
        # Opened again is announced again only when it says something else.
        assert await sessions.open_to_all(holder(office), session_id, NOW)
        await sessions.change(
            holder(office), session_id, sessions.session_of(typed(title="Fare rete, secondo incontro")), NOW
        )
        assert await rows(office, "SELECT title, revision FROM coop.announcement") == [
            ("Fare rete, secondo incontro", 2)
        ]
        await sessions.call_off(holder(office), session_id, NOW)
        await sessions.call_off(holder(office), session_id, NOW)
    assert await rows(office, "SELECT title FROM coop.announcement") == []
    events = await rows(office, "SELECT document::jsonb ->> 'action', document::jsonb ->> 'officer' FROM audit.event WHERE kind = 'info-session' ORDER BY event_id")  # fmt: skip
    assert events == [("open", "anna"), ("cancelled", "anna")]
    with pytest.raises(CallerError):
        await sessions.open_to_all(holder(office), session_id, NOW)
    with pytest.raises(CallerError):
        await sessions.change(holder(office), session_id, sessions.session_of(typed()), NOW)
    assert (await sessions.read(office.pool, session_id))[0].taken == 1


async def test_without_agreement_on_sessions_one_is_open_and_announced_to_nobody(office: Office) -> None:
    """The office's own pages show it; the log does not."""
    found = await sessions.plan(office.pool, sessions.session_of(typed()), "anna", NOW)
    config = dataclasses.replace(office.config, agreed=("profile/1",))
    assert not await sessions.open_to_all(sessions.Office(office.pool, config, office.own), found, NOW)
    assert [each.session_id for each in await sessions.shown(office.pool, NOW)] == [found]
    assert await rows(office, "SELECT 1 FROM coop.announcement") == []


async def test_everybody_sees_open_sessions_that_are_not_over(office: Office) -> None:
    """Neither drafts nor what was called off nor yesterday's; enrolling ends with its day."""
    draft = await sessions.plan(office.pool, sessions.session_of(typed()), "anna", NOW)
    off, on = await opened(office), await opened(office, days=3)
    await sessions.call_off(holder(office), off, NOW)
    assert [each.session_id for each in await sessions.shown(office.pool, NOW)] == [on]
    for hidden in (draft, off, "x"):
        with pytest.raises(NotFoundError):
            await sessions.shown_one(office.pool, hidden, NOW)
    for closed in (draft, off):
        with pytest.raises(CallerError) as caught:
            await sessions.enrol(office.pool, closed, somebody(1), NOW)
        assert caught.value.code == "session-not-open"
    shown = await sessions.shown_one(office.pool, on, NOW)
    assert sessions.takes_enrolments(shown, NOW)
    assert not sessions.takes_enrolments(shown, NOW + dt.timedelta(days=3, hours=1))
    assert await sessions.shown(office.pool, NOW + dt.timedelta(days=4)) == []


async def test_attendance_is_told_of_who_had_a_seat(office: Office) -> None:
    """On the day; who came can be corrected; who never enrolled is unknown."""
    session_id = await opened(office, seats="2")
    done = [await sessions.enrol(office.pool, session_id, somebody(n), NOW) for n in range(3)]
    with pytest.raises(CallerError) as caught:
        await sessions.attend(office.pool, session_id, {done[0].enrolment_id: True}, NOW)
    assert caught.value.code == "session-not-begun"
    came: dict[str, bool | None] = {done[0].enrolment_id: True, done[1].enrolment_id: False}
    assert await sessions.attend(office.pool, session_id, came, LATER) == 2
    assert (await sessions.read(office.pool, session_id))[0].attended == 1
    await sessions.attend(office.pool, session_id, {done[1].enrolment_id: True}, LATER)
    assert (await sessions.read(office.pool, session_id))[0].attended == 2
    with pytest.raises(CallerError) as caught:
        await sessions.attend(office.pool, session_id, {done[2].enrolment_id: True}, LATER)
    assert caught.value.code == "enrolment-no-seat"
    with pytest.raises(NotFoundError):
        await sessions.attend(office.pool, session_id, {session_id: True}, LATER)


async def test_a_session_is_typed_and_read_back_the_same() -> None:
    """Day and hours of Italy, whatever the server's zone."""
    session = sessions.session_of(typed())
    assert sessions.session_of(sessions.typed_of(session)) == session
    assert session.begins_at.utcoffset() == dt.timedelta(hours=1)
    for changes, code in (
        ({"day": "31/02/2026"}, "date-bad"),
        ({"begins": "25"}, "hour-bad"),
        ({"seats": "venti"}, "session-seats-bad"),
        ({"municipality": "Atlantide"}, "municipality-unknown"),
    ):
        with pytest.raises(CallerError) as caught:
            sessions.session_of(typed(**changes))
        assert caught.value.code == code


async def test_the_chain_of_decisions_stays_whole(office: Office) -> None:
    """With sessions in it."""
    with acting("anna"):
        session_id = await opened(office)
        await sessions.call_off(holder(office), session_id, NOW)
    verdict = await audit.verify(office.pool, office.own.mark.parent)
    assert verdict.ok, verdict
    assert (await sessions.read(office.pool, session_id))[0].state is State.CANCELLED
