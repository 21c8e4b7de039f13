"""Places, waiting lists and attendance: the rules that every order of asking, leaving and widening keeps."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme import course
from node.domain.programme.course import EditionState, Reason, Room, Standing

DAY = dt.date(2026, 12, 1)


def room(seats: int = 3, state: EditionState = EditionState.OPEN) -> Room:
    """An edition that can be asked for until the day."""
    return Room(seats, state, DAY)


@given(st.integers(1, 6), st.lists(st.integers(0, 9), max_size=60))
def test_places_and_waiting_keep_their_order(seats: int, steps: list[int]) -> None:
    """Nobody holds another's place, nobody waits beside a free one, and who waited longest is always first."""
    placed: dict[str, int] = {}
    waiting: list[str] = []
    for number, step in enumerate(steps):
        if step < 7:
            done = course.decide(room(seats), placed.values(), len(waiting), DAY)
            if done.standing is Standing.PLACED:
                placed[str(number)] = done.place
            else:
                waiting.append(str(number))
        elif step == 7 and placed:
            placed.pop(min(placed))
        elif step == 8 and waiting:
            waiting.pop()
        elif step == 9:
            seats += 1
        before = list(waiting)
        for name, place in course.promote(seats, placed.values(), waiting):
            placed[name] = place
            waiting.remove(name)
        assert waiting == before[len(before) - len(waiting) :]
        assert len(set(placed.values())) == len(placed) <= seats
        assert not waiting or len(placed) == seats
        assert all(1 <= place <= seats for place in placed.values())


@pytest.mark.parametrize(
    ("state", "day", "there", "reason"),
    [
        (EditionState.CANCELLED, DAY, False, Reason.COURSE_CANCELLED),
        (EditionState.HELD, DAY, False, Reason.CLOSED),
        (EditionState.OPEN, DAY + dt.timedelta(days=1), False, Reason.LATE),
        (EditionState.OPEN, DAY, True, Reason.THERE),
    ],
)
def test_a_refusal_says_why(state: EditionState, day: dt.date, there: bool, reason: Reason) -> None:
    """Cancelled, over, too late, twice."""
    done = course.decide(room(state=state), (), 0, day, is_there=there)
    assert (done.standing, done.reason, done.place) == (Standing.REFUSED, reason, 0)


def test_a_full_waiting_list_takes_nobody_more() -> None:
    """At its end the list refuses, and says so."""
    assert course.decide(room(1), {1}, course.WAITING_MAX - 1, DAY).standing is Standing.WAITING
    assert course.decide(room(1), {1}, course.WAITING_MAX, DAY).reason is Reason.FULL


def test_attendance_is_counted_without_rounding() -> None:
    """Seven of ten reach 70 %, two of three do not, and nobody reaches a share of nothing."""
    assert course.reached(7, 10, 70)
    assert not course.reached(2, 3, 70)
    assert course.reached(2, 3, 66)
    assert not course.reached(0, 0, 1)
