"""One office's course: places, waiting list, moving up, attendance, cancellation; decided by the database, whoever comes at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from node.domain.programme.course import Reason, Standing
from node.errors import CallerError, NotFoundError, ReteError
from node.flows.programme import course_enrolments as enrolments
from node.flows.programme import courses
from node.flows.registry.documents import Bounds
from tests.courses_made import COURSE, School
from tests.federation_made import Clock, federation

TRAINER = "Docente Prova"


@pytest.fixture
async def school(server: str, tmp_path: Path) -> AsyncIterator[School]:
    """An office alone."""
    async with federation(server, tmp_path, Clock(), ("p_LE",)) as (town,):
        yield School(town)


async def seats(school: School, edition_id: str) -> list[tuple[str, Standing, int | None]]:
    """Who has a place or asked for one, by name."""
    opened = await courses.read(school.town.node.pool, edition_id)
    return [(str(s.person.get("name", "")), s.standing, s.place) for s in opened.seats]


async def test_twenty_at_once_for_five_places(school: School) -> None:
    """Five are placed, each on a place of its own, fifteen wait, nobody is lost."""
    course_id, edition_id = await school.open(5)
    made = await asyncio.gather(*(school.enrol(course_id, f"p{n}") for n in range(20)))
    found = Counter([await school.standing(one) for one in made])
    assert found == {Standing.PLACED: 5, Standing.WAITING: 15}
    assert [place for _, _, place in await seats(school, edition_id)][:6] == [1, 2, 3, 4, 5, None]


async def test_who_waited_longest_moves_up(school: School) -> None:
    """A place that is given back goes to the first who waits; more seats to the next; nobody overtakes."""
    course_id, edition_id = await school.open(1)
    first, second, third, fourth = [await school.enrol(course_id, who) for who in ("a", "b", "c", "d")]
    assert await enrolments.cancel(school.office, first, school.now) is Standing.CANCELLED
    assert await enrolments.cancel(school.office, first, school.now) is Standing.CANCELLED
    assert await school.standing(second) is Standing.PLACED
    await courses.widen(await school.desk(), school.office, edition_id, 2, school.now)
    assert [await school.standing(one) for one in (second, third, fourth)] == [
        Standing.PLACED,
        Standing.PLACED,
        Standing.WAITING,
    ]
    with pytest.raises(CallerError) as caught:
        await courses.widen(await school.desk(), school.office, edition_id, 1, school.now)
    assert caught.value.code == "seats-held"
    await courses.cancel_edition(await school.desk(), school.office, edition_id, school.now)
    assert await school.standing(fourth) is Standing.CANCELLED
    assert (await enrolments.read(school.office, third)).reason is Reason.COURSE_CANCELLED


async def test_the_same_form_twice_is_one_enrolment(school: School) -> None:
    """Two clicks make one; another form with the same address is told that it is there."""
    course_id, edition_id = await school.open(3)
    wish = school.wish(course_id, "a", form="drawn")
    both = await asyncio.gather(*(enrolments.enrol(school.office, wish, school.now) for _ in range(2)))
    assert len({key for key, _ in both}) == 1
    assert sorted(bool(token) for _, token in both) == [False, True]
    again = await school.enrol(course_id, "a")
    assert (await enrolments.read(school.office, again)).reason is Reason.THERE
    # Of whom no place is given, nothing is kept by the organiser.
    assert [name for name, _, _ in await seats(school, edition_id)] == ["Persona a", ""]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"consent": False}, "course-consent"),
        ({"name": " "}, "introduction-applicant-bad"),
        ({"email": "x"}, "saved-email-bad"),
        ({"territory": "Puglia"}, "introduction-applicant-bad"),
        ({"sector": "9"}, "introduction-applicant-bad"),
        ({"edition": "2026-9"}, "course-edition-unknown"),
        ({"course_id": "x"}, "course-edition-unknown"),
    ],
)
async def test_what_is_missing_is_told(school: School, change: dict[str, object], code: str) -> None:
    """Consent, name, address, places, the edition: each has its code, and nothing is kept."""
    course_id, edition_id = await school.open(3)
    with pytest.raises(ReteError) as caught:
        await enrolments.enrol(school.office, replace(school.wish(course_id, "a"), **change), school.now)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert await seats(school, edition_id) == []


async def test_after_the_deadline_nobody_enrols(school: School) -> None:
    """By the day in Rome, at the participant's office already."""
    course_id, _ = await school.open(3)
    school.town.node.clock.forward(days=11)  # type: ignore[attr-defined]
    with pytest.raises(CallerError) as caught:
        await school.enrol(course_id, "a")
    assert caught.value.code == "course-late"


async def test_only_who_teaches_marks_and_only_what_was(school: School) -> None:
    """Another trainer is refused, a meeting of tomorrow too; marking twice changes what was marked."""
    course_id, edition_id = await school.open(2)
    await school.enrol(course_id, "a")
    opened = await courses.read(school.town.node.pool, edition_id)
    session, seat, pool = opened.sessions[0].session_id, opened.seats[0].seat_id, school.town.node.pool
    for name, code in (("Altra Persona", "course-not-yours"), (TRAINER, "session-early")):
        with pytest.raises(CallerError) as caught:
            await courses.attend(pool, session, {seat: True}, name, school.now, only_own=True)
        assert caught.value.code == code
    school.town.node.clock.forward(days=23)  # type: ignore[attr-defined]
    for is_present in (True, False):
        await courses.attend(pool, session, {seat: is_present}, "docente  PROVA", school.now, only_own=True)
        assert (await courses.read(pool, edition_id)).attendance == {(session, seat): is_present}
    with pytest.raises(NotFoundError):
        await courses.attend(pool, edition_id, {seat: True}, TRAINER, school.now, only_own=True)
    assert await courses.conclude(await school.desk(), edition_id, school.now) == edition_id


async def test_materials_are_judged_as_documents_are(school: School) -> None:
    """A text is kept once; a program under the name of one is refused."""
    _, edition_id = await school.open(2)
    pool, bounds = school.town.node.pool, Bounds(2**20, 2**20)
    for _ in range(2):
        await courses.add_material(
            pool, edition_id, "Appunti", "appunti.txt", b"Il contratto di rete.\n", bounds, school.now
        )
    assert [m.file_name for m in (await courses.read(pool, edition_id)).materials] == ["appunti.txt"]
    with pytest.raises(CallerError):
        await courses.add_material(
            pool, edition_id, "Appunti", "appunti.txt", b"MZ\x90\x00\x03\x00\x00\x00", bounds, school.now
        )


async def test_the_database_refuses_a_place_that_is_held(school: School) -> None:
    """Also what a wrong program would write: a place twice, and one beyond the seats."""
    course_id, edition_id = await school.open(2)
    await school.enrol(course_id, "a")
    async with school.town.node.pool.acquire() as conn:
        for place, error in ((1, asyncpg.UniqueViolationError), (3, asyncpg.CheckViolationError)):
            with pytest.raises(error):
                await conn.execute(
                    "INSERT INTO programme.course_seat (seat_id, edition_id, course_id, edition, office, standing, place, person, created_at, changed_at)"
                    " VALUES (gen_random_uuid(), $1, $2, 'x', 'p_LE', 'placed', $3, '{}', now(), now())",
                    edition_id, course_id, place,
                )  # fmt: skip


async def test_an_empty_course_is_not_announced(school: School) -> None:
    """Without an edition there is nothing to enrol in."""
    desk = await school.desk()
    course_id = await courses.keep(desk, COURSE, school.now)
    with pytest.raises(CallerError) as caught:
        await courses.publish(desk, course_id, school.now)
    assert caught.value.code == "course-empty"
