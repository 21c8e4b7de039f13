"""Two officers of two bodies, each in a browser, bring two networks together; somebody keeps every byte between their nodes.

Everything is done by the pages: the search, the request, the answers, the consents. After each step every row of both databases and all that
went over the wire is read: names are nowhere before both consents, at both offices' pages and in their two tables after, and never in the clear.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from node.domain.introduction import Kind, State
from node.domain.introduction_texts import DEED_TITLES
from node.domain.roles import Role
from node.flows.searching.search import find_profile
from node.store import introductions
from node.store.reference import load_label_reference
from node.web import allowance
from tests import canary
from tests.accounts_made import Desk as Access
from tests.browser.axe import AXE, violations
from tests.browser.conftest import Bench
from tests.browser.test_sign_in_journey import sign_in
from tests.federation_made import Clock
from tests.introductions_made import Desk, two_offices
from tests.introductions_overheard import Listener, Words, overheard
from tests.office_made import lecce, make_desk_template

OFFICER = "anna"
ASKED, QUESTION, ANSWER = "Cerchiamo chi sappia tessere la canapa.", "Quante imprese della canapa?", "Sono sei, tutte tessili."  # fmt: skip
K = Kind


@dataclass
class Officer:
    """Somebody at a desk, in a browser."""

    desk: Desk
    page: Page
    words: Words

    async def open(self, case_of: str) -> None:
        """Go from the list to the only case with another body."""
        await self.page.goto("/ufficio/contatti?vista=tutti")
        await self.page.get_by_role("main").get_by_role("table").get_by_role("link", name=case_of).click()
        await expect(self.page.get_by_role("heading", level=1)).to_contain_text(case_of)

    async def do(self, kind: Kind, **fields: str) -> None:
        """Fill in the form of a deed and press its button; the page of the case comes back with a word that it is done."""
        title = DEED_TITLES[kind]
        form = self.page.locator("form").filter(has=self.page.get_by_role("button", name=title, exact=True))
        for name, value in fields.items():
            await form.locator(f"[name={name}]").fill(value)
        assert await violations(self.page) == []
        await form.get_by_role("button", name=title, exact=True).click()
        await expect(self.page.locator(".alert-success, .rete-notice-success, .callout.success").first).to_be_visible()

    async def consent(self) -> None:
        """Record the consent of the own network."""
        contact = self.desk.contact
        fields = {
            "persona": contact["person"],
            "contatto_persona": contact["person"],
            "contatto_posta": contact["email"],
        }
        await self.do(K.CONSENT, **fields)

    async def text(self) -> str:
        """All that stands on the page."""
        return await self.page.locator("main").inner_text()


@dataclass
class Offices:
    """Torino's officer, who looks for a partner, Lecce's, and whoever listens."""

    torino: Officer
    lecce: Officer
    listener: Listener

    async def carry(self, *, told: bool = False) -> None:
        """Look, carry the post, look again."""
        await self.listener.look(told=told)
        await self.listener.pair.carry()
        await self.listener.look(told=told)


@pytest_asyncio.fixture(loop_scope="session")
async def offices(bench: Bench, server: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Offices]:
    """Two nodes that serve, behind taps, and an officer of each who has signed in."""
    template = await make_desk_template(server, "rete_introduction_journey", await asyncio.to_thread(lecce))
    monkeypatch.setitem(allowance.RATES, "page", allowance.Rate(10_000, 100_000))
    with tempfile.TemporaryDirectory(prefix="rete-journey-") as folder:
        async with AsyncExitStack() as stack:
            pair = await stack.enter_async_context(two_offices(server, template, Path(folder), Clock()))
            listener = await stack.enter_async_context(overheard(pair))
            officers = []
            for desk, words in ((pair.seeker, listener.seeker), (pair.owner, listener.owner)):
                node = desk.town.node
                access = Access(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
                await access.person(OFFICER, Role.OFFICER)
                there = replace(bench, url=f"http://127.0.0.1:{desk.town.port}")
                context = await there.context()
                stack.push_async_callback(context.close)
                await context.add_init_script(AXE)
                page = await context.new_page()
                await sign_in(page, OFFICER)
                await expect(page.get_by_role("link", name=OFFICER)).to_be_visible()
                officers.append(Officer(desk, page, words))
            yield Offices(*officers, listener)


async def ask(offices: Offices) -> None:
    """Find the profile by the search, ask for a contact from its page, endorse the draft."""
    torino, listener = offices.torino, offices.listener
    node, page = torino.desk.town.node, torino.page
    hit = await find_profile(node.pool, listener.pair.profile_id, load_label_reference(), now=node.clock())
    title = hit.title
    await page.goto("/cerca")
    await page.get_by_role("main").get_by_label("Che cosa si cerca").fill(title)
    await page.get_by_role("main").get_by_role("button", name="Cerca", exact=True).click()
    await page.get_by_role("main").get_by_role("link", name=title).first.click()
    await page.get_by_role("link", name="Chiedere un contatto").click()
    # Its own network, whose name stands in this office alone.
    await page.get_by_label("Per quale nostra rete").select_option(label=torino.words.network)
    await page.get_by_label("Testo per l'altro ufficio, senza nomi").fill(ASKED)
    await page.get_by_role("button", name="Scrivere la bozza").click()
    await torino.do(K.REQUEST)


@pytest.mark.timeout(180)
async def test_two_officers_bring_two_networks_together_and_nobody_who_listens_learns_a_name(offices: Offices) -> None:
    """From the search at Torino to the names at both; at each step wire and tables are read whole."""
    torino, lecce_, listener = offices.torino, offices.lecce, offices.listener
    listener.texts = {ASKED, QUESTION, ANSWER}
    names = {id(torino): "p_LE", id(lecce_): "cmto"}
    await ask(offices)
    steps = (
        (lecce_, K.CHECK, {}), (lecce_, K.QUESTION, {"testo": QUESTION}), (torino, K.ANSWER, {"testo": ANSWER}),
        (lecce_, K.FORWARD, {}), (lecce_, K.ACCEPT, {}),
    )  # fmt: skip
    for officer, kind, fields in steps:
        await offices.carry()
        await officer.open(names[id(officer)])
        await officer.do(kind, **fields)
    for officer in (torino, lecce_):
        await offices.carry()
        for one, other in ((torino, lecce_), (lecce_, torino)):
            await one.open(names[id(one)])
            assert not canary.found((await one.text()).encode(), other.words.all)
        await officer.open(names[id(officer)])
        await officer.consent()
    await listener.look(told=False)
    await listener.pair.carry()
    await listener.look(told=True)
    for one, other in ((torino, lecce_), (lecce_, torino)):
        await one.open(names[id(one)])
        assert canary.found((await one.text()).encode(), other.words.all) == other.words.all
        assert await violations(one.page) == []
        (case,) = [case.introduction_id for case in await cases(one.desk)]
        assert (await one.desk.read(case)).case.state is State.INTRODUCED
    assert listener.heard()


async def cases(desk: Desk) -> list[introductions.Listed]:
    """All cases of an office."""
    async with desk.town.node.pool.acquire() as conn:
        return await introductions.list_cases(conn, introductions.Sought(), 10, desk.clock())
