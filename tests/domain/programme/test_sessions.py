"""Information sessions: what can be planned, who may enrol when, who gets a seat."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme import session as rules
from node.domain.programme.session import Person, Session, Standing, State
from node.errors import CallerError
from tests.networks_made import PERSON_CODE

BEGINS = dt.datetime(2026, 12, 10, 9, 0, tzinfo=dt.UTC)
PLANNED = Session(
    "Fare rete", BEGINS, BEGINS + dt.timedelta(hours=2), dt.date(2026, 12, 8), 20, "Sala consiliare", "075035",
    summary="Che cos'è un contratto di rete.",
)  # fmt: skip


def test_a_session_is_kept_as_it_is_said() -> None:
    """Cleaned, and nothing else."""
    assert rules.checked(replace(PLANNED, title="  Fare   rete ")) == PLANNED
    online = replace(PLANNED, municipality="", online=True)
    assert rules.checked(online) == online


@pytest.mark.parametrize(
    ("changes", "code", "where"),
    [
        ({"title": " "}, "field-missing", "title"),
        ({"title": "x" * 151}, "field-too-long", "title"),
        ({"summary": ""}, "field-missing", "summary"),
        ({"place": ""}, "field-missing", "place"),
        ({"ends_at": BEGINS}, "session-ends-early", "ends_at"),
        ({"ends_at": BEGINS + dt.timedelta(hours=25)}, "session-too-long", "ends_at"),
        ({"enrol_until": dt.date(2026, 12, 11)}, "session-enrols-late", "enrol_until"),
        ({"seats": 0}, "session-seats-bad", "seats"),
        ({"seats": 2001}, "session-seats-bad", "seats"),
        ({"municipality": ""}, "session-place-missing", "municipality"),
    ],
)
def test_what_can_t_be_held_says_which_field(changes: dict[str, Any], code: str, where: str) -> None:
    """With a code and the field."""
    with pytest.raises(CallerError) as caught:
        rules.checked(replace(PLANNED, **changes))
    assert (caught.value.code, caught.value.where) == (code, where)


@pytest.mark.parametrize(
    ("changes", "code", "where"),
    [
        ({"name": ""}, "field-missing", "name"),
        ({"email": "non-un-indirizzo"}, "saved-email-bad", "email"),
        ({"email": ""}, "field-missing", "email"),
        ({"tax_code": "12345678901"}, "tax-code-bad", "tax_code"),
        ({"phone": "9" * 41}, "field-too-long", "phone"),
    ],
)
def test_who_enrols_is_checked(changes: dict[str, Any], code: str, where: str) -> None:
    """Name and address are needed; a code must be one."""
    person = Person("Anna Prova", "anna@enti.example", tax_code=PERSON_CODE)
    assert rules.checked_person(person) == person
    with pytest.raises(CallerError) as caught:
        rules.checked_person(replace(person, **changes))
    assert (caught.value.code, caught.value.where) == (code, where)


def test_who_may_enrol_when() -> None:
    """The public until the last day for it, the office until the end; nobody to what is not open."""
    last_moment, too_late = (
        dt.datetime(2026, 12, 8, 23, 59, tzinfo=dt.UTC),
        dt.datetime(2026, 12, 9, 0, 0, tzinfo=dt.UTC),
    )
    rules.refuse_enrolment(State.OPEN, PLANNED, last_moment)
    rules.refuse_enrolment(State.OPEN, PLANNED, BEGINS, by_office=True)
    for state, now, by_office in (
        (State.OPEN, too_late, False),
        (State.OPEN, PLANNED.ends_at, True),
        (State.DRAFT, last_moment, True),
        (State.CANCELLED, last_moment, False),
    ):
        with pytest.raises(CallerError, match="iscri"):
            rules.refuse_enrolment(state, PLANNED, now, by_office=by_office)


def test_a_session_is_opened_once_and_called_off_for_ever() -> None:
    """Nothing comes back."""
    rules.refuse_step(State.DRAFT, State.OPEN)
    rules.refuse_step(State.OPEN, State.CANCELLED)
    for now, then in ((State.OPEN, State.DRAFT), (State.CANCELLED, State.OPEN), (State.OPEN, State.OPEN)):
        with pytest.raises(CallerError):
            rules.refuse_step(now, then)


def test_attendance_is_told_of_seats_from_the_day_on() -> None:
    """Not before, not of who waited, not of what was called off."""
    rules.refuse_attendance(State.OPEN, PLANNED, Standing.CONFIRMED, BEGINS.replace(hour=0))
    for state, standing, now in (
        (State.OPEN, Standing.CONFIRMED, BEGINS - dt.timedelta(days=1)),
        (State.OPEN, Standing.WAITING, BEGINS),
        (State.CANCELLED, Standing.CONFIRMED, BEGINS),
    ):
        with pytest.raises(CallerError):
            rules.refuse_attendance(state, PLANNED, standing, now)
    assert rules.was_held(State.OPEN, PLANNED, PLANNED.ends_at)
    assert not rules.was_held(State.OPEN, PLANNED, BEGINS)


@given(st.integers(1, 30), st.lists(st.sampled_from(["come", "leave", "more"]), max_size=120))
def test_seats_go_in_the_order_of_arrival(seats: int, acts: list[str]) -> None:
    """However people come and go: never more than there are seats, never a free seat past somebody who waits, the first first."""
    confirmed: list[int] = []
    waiting: list[int] = []
    number = 0
    for act in acts:
        if act == "come":
            number += 1
            standing = rules.standing_of(seats, len(confirmed), len(waiting))
            (confirmed if standing is Standing.CONFIRMED else waiting).append(number)
        elif act == "leave" and confirmed:
            confirmed.pop(0)
        elif act == "more" and seats < rules.SEATS_MAX:
            seats += 1
        free = rules.freed(seats, len(confirmed), len(waiting))
        confirmed, waiting = confirmed + waiting[:free], waiting[free:]
        assert len(confirmed) <= seats
        assert not waiting or len(confirmed) == seats
        assert waiting == sorted(waiting)


def test_too_many_wait_for_nothing() -> None:
    """And fewer seats than are taken are none."""
    assert rules.standing_of(1, 1, rules.WAITING_MAX - 1) is Standing.WAITING
    with pytest.raises(CallerError) as caught:
        rules.standing_of(1, 1, rules.WAITING_MAX)
    assert caught.value.code == "session-full"
    rules.refuse_seats(5, 5)
    with pytest.raises(CallerError):
        rules.refuse_seats(4, 5)
