"""Introductions in the office's pages: two offices that serve, their people in browsers, from the draft to the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiohttp import ClientResponse, CookieJar
from aiohttp.test_utils import TestClient, TestServer

from node.domain.introduction import Kind
from node.domain.roles import Role
from node.web import allowance
from tests import canary
from tests.accounts_made import Desk
from tests.admin_made import session
from tests.federation_made import Clock
from tests.introductions_made import CONTACT, Pair, two_offices
from tests.office_made import lecce, make_desk_template
from tests.web.pages.test_office_profiles import words
from tests.web.test_account_pages import Browser, served

CASES = "/ufficio/contatti"


@pytest.fixture(scope="session")
def office_template(server: str) -> str:
    """A database with a register and ten networks."""
    return asyncio.run(make_desk_template(server, "rete_introductions_pages", lecce()))


@dataclass
class Offices:
    """Two offices, and an officer of each in a browser."""

    pair: Pair
    seeker: Browser
    owner: Browser

    async def deed(self, who: str, case: str, kind: Kind, **fields: str) -> ClientResponse:
        """Send a form of a case's page."""
        one = f"{CASES}/{case}"
        return await getattr(self, who).post(one, f"{one}/{kind}", **fields)

    async def step(self, who: str, case: str, kind: Kind, **fields: str) -> None:
        """Send a form of a case's page, which is done, and let it arrive."""
        reply = await self.deed(who, case, kind, **fields)
        assert reply.status == 303, words(await reply.text())
        await self.pair.carry()


@pytest.fixture
async def offices(
    server: str, office_template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Offices]:
    """Torino asks, Lecce has a profile."""
    monkeypatch.setitem(allowance.RATES, "page", allowance.Rate(10_000, 100_000))
    with canary.HEARD.in_office():
        async with two_offices(server, office_template, tmp_path, Clock()) as pair:
            browsers = []
            for desk in pair.desks:
                node = desk.town.node
                client = TestClient(TestServer(served(node)), cookie_jar=CookieJar(unsafe=True))
                await client.start_server()
                browser = Browser(client)
                people = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
                browser.hold(await session(people, "anna", Role.OFFICER))
                browsers.append(browser)
            yield Offices(pair, *browsers)
            for browser in browsers:
                await browser.client.close()


CONSENT = {
    "persona": "Prova Referente",
    "contatto_persona": CONTACT["person"],
    "contatto_ruolo": CONTACT["role"],
    "contatto_posta": CONTACT["email"],
    "contatto_telefono": CONTACT["phone"],
}


async def test_a_case_goes_from_draft_to_outcome_by_forms_alone(offices: Offices) -> None:
    """Each office sees what is asked of it, and at the end the other side's name; both pages name the same state."""
    pair = offices.pair
    case = await pair.seeker.ask(pair.profile_id)
    await pair.carry()
    page = words(await offices.owner.get(f"{CASES}/{case}"))
    assert "Tocca a noi: prendere in esame la richiesta" in page
    assert "Cerchiamo un partner per un progetto comune." in page
    assert "rete di imprese" in page
    await offices.step("owner", case, Kind.CHECK)
    await offices.step("owner", case, Kind.QUESTION, testo="Quante imprese sono?")
    assert "Tocca a noi: rispondere alla domanda" in words(await offices.seeker.get(f"{CASES}/{case}"))
    await offices.step("seeker", case, Kind.ANSWER, testo="Sono cinque.")
    await offices.step("owner", case, Kind.FORWARD)
    await offices.step("owner", case, Kind.ACCEPT, testo="Volentieri.")
    for who in ("seeker", "owner"):
        text = await getattr(offices, who).get(f"{CASES}/{case}")
        assert "Tocca a noi: chiedere il consenso" in words(text)
        await offices.step(who, case, Kind.CONSENT, **CONSENT)
    for who, browser in (("seeker", offices.seeker), ("owner", offices.owner)):
        page = words(await browser.get(f"{CASES}/{case}"))
        told = (await getattr(pair, who).read(case)).told
        assert told is not None
        assert told.identity is not None
        for text in (told.identity["name"], CONTACT["email"], "presentate"):
            assert text in page, text
        printed = words(await browser.get(f"{CASES}/{case}/stampa"))
        assert printed.count("SHA-256") == len((await getattr(pair, who).read(case)).steps)
    await offices.step("owner", case, Kind.FOLLOW_UP, scelta="30", testo="Si sono parlate.")
    await offices.step("seeker", case, Kind.OUTCOME, scelta="agreement")
    for browser in (offices.seeker, offices.owner):
        page = words(await browser.get(f"{CASES}/{case}"))
        assert "Il contatto è chiuso. Accordo concluso." in page
        assert "Si sono parlate." in page
