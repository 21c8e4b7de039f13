"""Offices with a course, and people who want a place: real nodes, databases and servers, our clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from node import runtime
from node.domain.programme.course import Standing
from node.flows.introductions import post
from node.flows.introductions.casework import Office
from node.flows.programme import case_post, course_post, courses, sealed_families
from node.flows.programme import course_enrolments as enrolments
from node.flows.programme.course_enrolments import Wish
from node.flows.programme.courses import Desk
from node.store.courses import Course, Session
from tests.federation_made import Town

BEGINS, ENDS, DEADLINE = dt.date(2026, 12, 9), dt.date(2026, 12, 16), dt.date(2026, 12, 4)
CODE = "2026-1"
COURSE = Course(
    "",
    {"it": "Masterclass sulle reti di imprese", "en": "Masterclass on business networks"},
    {"it": "Due incontri su contratto, programma comune e organo comune."},
    {"it": "Dalla pagina del corso, presso il proprio ufficio."},
    ("ITF4",),
    ({"it": "Docente di diritto dell'impresa"},),
)
SESSIONS = (
    Session("", 0, BEGINS, "09:30", "Sala consiliare"),
    Session("", 0, ENDS, "09:30", "Sala consiliare", title="Organo comune"),
)


@dataclass
class School:
    """One office of the federation and what it does about courses."""

    town: Town

    @property
    def office(self) -> Office:
        """What enrolments need; made anew each time, as a process that was started again would."""
        return self.town.node.office()

    @property
    def now(self) -> dt.datetime:
        """The federation's time."""
        return self.town.node.clock()

    async def desk(self) -> Desk:
        """What changes of courses need."""
        node = self.town.node
        return Desk(node.pool, node.config, await runtime.current_own(node))

    async def open(
        self, seats: int, *, code: str = CODE, trainers: tuple[str, ...] = ("Docente Prova",)
    ) -> tuple[str, str]:
        """Write and announce a course with one edition; return both ids."""
        desk = await self.desk()
        course_id = await courses.keep(desk, COURSE, self.now)
        edition = courses.blank_edition(course_id, code, seats, (BEGINS, ENDS, DEADLINE))
        edition_id = await courses.add_edition(desk, edition, SESSIONS, trainers, self.now)
        await courses.publish(desk, course_id, self.now)
        return course_id, edition_id

    def wish(self, course_id: str, who: str, **more: str) -> Wish:
        """What somebody types."""
        return Wish(course_id, CODE, f"Persona {who}", f"{who}@example.org", True, "ITF4", "C", **more)

    async def enrol(self, course_id: str, who: str) -> str:
        """Somebody enrols here; return the enrolment's id."""
        made, _ = await enrolments.enrol(self.office, self.wish(course_id, who), self.now)
        return made

    async def standing(self, enrolment_id: str) -> Standing:
        """How a participant of this office stands."""
        return (await enrolments.read(self.office, enrolment_id)).standing

    async def post(self) -> list[post.Asked]:
        """Carry what waits, as the jobs do."""
        node = self.town.node
        await course_post.carry_due(self.office, self.now)
        await case_post.carry_due(self.office, self.now)
        carrier = node.carrier(self.town.session, sealed_families.exchange(self.office, node.clock))
        return await post.turn(carrier, (await runtime.current_own(node)).origin, everyone=True)
