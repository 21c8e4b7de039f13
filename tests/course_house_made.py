"""An office with a course, people who work there and somebody who does not, each in a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from node.domain.roles import Role
from tests.accounts_made import Desk
from tests.courses_made import School
from tests.federation_made import Clock, federation
from tests.web.test_account_pages import Browser, browsing

OFFICE = "/ufficio/corsi"
PERSON = {"nome": "Persona Prova", "posta": "prova@example.org", "regione": "ITF4", "sezione": "C", "consenso": "yes"}


@dataclass
class House:
    """An office with a course, an officer, two trainers and somebody who is nobody, each in a browser."""

    school: School
    anna: Browser
    docente: Browser
    altra: Browser
    nobody: Browser
    people: Desk
    clock: Clock

    async def forward(self, **much: float) -> None:
        """Let time pass; who had signed in signs in again."""
        self.clock.forward(**much)
        self.people.now = self.clock()
        for name in ("anna", "docente", "altra"):
            getattr(self, name).hold((await self.people.enter(name)).secret)


@asynccontextmanager
async def opened_house(server: str, tmp_path: Path) -> AsyncIterator[House]:
    """One served office."""
    clock = Clock()
    async with federation(server, tmp_path, clock, ("p_LE",)) as (town,):
        people = Desk(town.node.pool, now=clock())
        for name, role in (("anna", Role.OFFICER), ("docente", Role.TRAINER), ("altra", Role.TRAINER)):
            await people.person(name, role)
        async with (
            browsing(town.node) as one,
            browsing(town.node) as two,
            browsing(town.node) as three,
            browsing(town.node) as four,
        ):
            house = House(School(town), one, two, three, four, people, clock)
            await house.forward(seconds=1)
            yield house
