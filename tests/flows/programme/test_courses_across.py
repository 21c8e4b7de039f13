"""Enrolment from another territory, over the sealed post: one decides, whatever is lost, said twice or put back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from node.domain.programme.course import Reason, Standing
from node.flows.introductions import post
from node.flows.programme import course_enrolments as enrolments
from node.flows.programme import course_post, courses, sealed_families
from node.protocol import sealed, seat
from node.store import outbox
from node.store.outbox import Posted
from node.store.postgres import Connection
from tests.courses_made import School
from tests.federation_made import Clock, federation


@dataclass
class Three:
    """The organiser and two other offices."""

    lecce: School
    torino: School
    roma: School
    clock: Clock

    async def carry(self) -> None:
        """Carry everything to its end."""
        for _ in range(2):
            for school in (self.torino, self.roma, self.lecce):
                await school.post()
        await self.torino.post()
        await self.roma.post()


@pytest.fixture
async def three(server: str, tmp_path: Path) -> AsyncIterator[Three]:
    """Offices that know each other."""
    clock = Clock()
    async with federation(server, tmp_path, clock, ("p_LE", "cmto", "cmrm")) as towns:
        yield Three(*map(School, towns), clock)  # type: ignore[call-arg,arg-type]


async def begun(three: Three, seats: int) -> tuple[str, str]:
    """A course of Lecce that the others have heard of."""
    made = await three.lecce.open(seats)
    await three.torino.town.sync()
    await three.roma.town.sync()
    return made


async def test_two_offices_at_once_for_the_last_place(three: Three) -> None:
    """Both people enrol at their own office while the other does; exactly one gets the place, the other waits, and both offices know."""
    course_id, edition_id = await begun(three, 1)
    one, other = await asyncio.gather(three.torino.enrol(course_id, "torinese"), three.roma.enrol(course_id, "romana"))
    assert {await three.torino.standing(one), await three.roma.standing(other)} == {Standing.ASKED}
    # The organiser asks both at once: two transactions that want the same place.
    await three.lecce.post()
    await asyncio.gather(three.torino.post(), three.roma.post())
    found = [await three.torino.standing(one), await three.roma.standing(other)]
    assert sorted(found) == [Standing.PLACED, Standing.WAITING]
    opened = await courses.read(three.lecce.town.node.pool, edition_id)
    assert [(s.standing, s.place) for s in opened.seats] == [(Standing.PLACED, 1), (Standing.WAITING, None)]
    # And the place goes on, from one territory to the other.
    first = three.torino if found[0] is Standing.PLACED else three.roma
    await enrolments.cancel(first.office, one if first is three.torino else other, three.clock())
    await three.carry()
    assert sorted([await three.torino.standing(one), await three.roma.standing(other)]) == [
        Standing.CANCELLED,
        Standing.PLACED,
    ]


async def test_twenty_of_three_offices_for_five_places(three: Three) -> None:
    """The organiser's own people and those of others, at once: five are placed."""
    course_id, _ = await begun(three, 5)
    schools = [(three.lecce, three.torino, three.roma)[n % 3] for n in range(20)]
    made = await asyncio.gather(*(school.enrol(course_id, f"p{n}") for n, school in enumerate(schools)))
    await three.carry()
    found = [await school.standing(one) for school, one in zip(schools, made, strict=True)]
    assert (found.count(Standing.PLACED), found.count(Standing.WAITING)) == (5, 15)


async def test_only_what_is_needed_travels(three: Three) -> None:
    """Name, address, region, section, consent; and whoever has no place leaves nothing at the organiser."""
    course_id, edition_id = await begun(three, 1)
    await three.torino.enrol(course_id, "a")
    late = await three.torino.enrol(course_id, "a")
    await three.carry()
    opened = await courses.read(three.lecce.town.node.pool, edition_id)
    assert [set(s.person) for s in opened.seats] == [{"name", "email", "territory", "sector", "consent"}, set()]
    assert (await enrolments.read(three.torino.office, late)).reason is Reason.THERE


async def test_a_lost_message_is_said_again(three: Three) -> None:
    """What was lost on either way is said again after six hours, and decides nothing twice."""
    course_id, edition_id = await begun(three, 2)
    made = await three.torino.enrol(course_id, "a")
    await _lose(three.torino)
    await three.carry()
    assert await three.torino.standing(made) is Standing.ASKED
    three.clock.forward(hours=7)
    await three.torino.post()
    await three.lecce.post()
    await _lose(three.lecce)
    await three.torino.post()
    assert await three.torino.standing(made) is Standing.ASKED
    three.clock.forward(hours=7)
    await three.carry()
    assert await three.torino.standing(made) is Standing.PLACED
    assert len((await courses.read(three.lecce.town.node.pool, edition_id)).seats) == 1


async def _lose(school: School) -> None:
    """What waits in an office's outboxes is lost, as by a restored database."""
    async with school.town.node.pool.acquire() as conn:
        await conn.execute("DELETE FROM post.outbox")


async def test_a_replay_changes_nothing(three: Three) -> None:
    """A message that is brought again, after its enrolment was taken back, places nobody."""
    course_id, edition_id = await begun(three, 1)
    made = await three.torino.enrol(course_id, "a")
    raw = await post.export(three.torino.town.node.pool, "p_LE")
    await three.carry()
    await enrolments.cancel(three.torino.office, made, three.clock())
    await three.carry()
    node = three.lecce.town.node
    carrier = node.carrier(three.lecce.town.session, sealed_families.exchange(three.lecce.office, node.clock))
    for _ in range(2):
        asked = await post.import_(carrier, "cmto", raw)
        assert (asked.received, asked.refused) == (1, 0)
    await three.carry()
    opened = await courses.read(node.pool, edition_id)
    assert [(s.standing, s.place) for s in opened.seats] == [(Standing.CANCELLED, None)]


async def test_what_takes_back_may_come_first(three: Three) -> None:
    """An enrolment whose cancellation was heard before it is never placed."""
    course_id, edition_id = await begun(three, 1)
    made = await three.torino.enrol(course_id, "a")
    early = await post.export(three.torino.town.node.pool, "p_LE")
    await _lose(three.torino)
    await enrolments.cancel(three.torino.office, made, three.clock())
    await three.carry()
    node = three.lecce.town.node
    carrier = node.carrier(three.lecce.town.session, sealed_families.exchange(three.lecce.office, node.clock))
    await post.import_(carrier, "cmto", early)
    assert [s.standing for s in (await courses.read(node.pool, edition_id)).seats] == [Standing.CANCELLED]


async def test_nobody_speaks_for_another(three: Three) -> None:
    """Rome can neither take back Turin's enrolment nor say something in Turin's name, nor answer for the organiser."""
    course_id, edition_id = await begun(three, 1)
    made = await three.torino.enrol(course_id, "a")
    await three.carry()
    roma, lecce = three.roma.town.node, three.lecce.town.node
    enrolment = await enrolments.read(three.torino.office, made)
    said = replace(
        course_post.saying(three.torino.office, enrolment, three.clock()), kind=seat.CANCEL, seq=9, person=None
    )
    forged = [replace(said, sender="cmrm"), said]
    answer = replace(said, sender="cmrm", recipient="cmto", kind=seat.ANSWER, standing="refused")
    async with roma.pool.acquire() as conn, conn.transaction():
        for peer, one in (("p_LE", forged[0]), ("p_LE", forged[1]), ("cmto", answer)):
            await _put_raw(conn, three.roma, peer, one)
    await three.carry()
    assert await three.torino.standing(made) is Standing.PLACED
    assert [s.standing for s in (await courses.read(lecce.pool, edition_id)).seats] == [Standing.PLACED]
    async with lecce.pool.acquire() as conn:
        codes = await conn.fetch("SELECT code FROM post.refused WHERE peer = 'cmrm' ORDER BY number")
    assert [r["code"] for r in codes] == ["seat-mismatch", "seat-mismatch"]


async def _put_raw(conn: Connection, school: School, peer: str, said: seat.Said) -> None:
    """Leave a message in an office's outbox, signed by that office, whatever it says."""
    member = school.office.membership.members[peer]
    assert member.seal is not None
    header = sealed.Header(school.office.own_id, peer, said.id, said.seq)
    raw = sealed.seal(header, seat.encode(said, school.office.key), member.seal)
    await outbox.put(conn, peer, [Posted(said.id, said.seq, member.seal.id, raw)], school.now)


async def test_an_unknown_edition_is_answered(three: Three) -> None:
    """What the organiser does not know any more is refused, and the participant's office told why."""
    course_id, edition_id = await begun(three, 1)
    async with three.lecce.town.node.pool.acquire() as conn:
        await conn.execute("DELETE FROM programme.course_edition WHERE edition_id = $1", edition_id)
    made = await three.torino.enrol(course_id, "a")
    await three.carry()
    enrolment = await enrolments.read(three.torino.office, made)
    assert (enrolment.standing, enrolment.reason) == (Standing.REFUSED, Reason.UNKNOWN)


async def test_an_organiser_with_an_older_copy_goes_on(three: Three) -> None:
    """After its seats are gone it hears of them within a week, and its answers are taken though their numbers began again."""
    course_id, edition_id = await begun(three, 1)
    made = await three.torino.enrol(course_id, "a")
    await three.carry()
    async with three.lecce.town.node.pool.acquire() as conn:
        await conn.execute("DELETE FROM programme.course_seat")
    await three.lecce.enrol(course_id, "b")
    three.clock.forward(days=8)
    await three.carry()
    assert await three.torino.standing(made) is Standing.WAITING
    assert [s.standing for s in (await courses.read(three.lecce.town.node.pool, edition_id)).seats] == [
        Standing.PLACED,
        Standing.WAITING,
    ]
