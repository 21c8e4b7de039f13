"""Introductions in the office's pages: two offices that serve, their people in browsers, from the draft to the outcome."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import ClientResponse, CookieJar
from aiohttp.test_utils import TestClient, TestServer

from node.domain.introduction import Kind
from node.domain.roles import Role
from node.flows import introduce
from node.flows.introduce import Wish
from node.store import registry
from node.store.reference import load_label_reference
from node.web import allowance
from node.web.pages import office_introductions
from tests import canary
from tests.accounts_made import Desk
from tests.admin_made import session
from tests.federation_made import Clock
from tests.introductions_made import CONTACT, Pair, published, two_offices
from tests.office_made import lecce, make_desk_template
from tests.web.pages.test_office_profiles import UNKNOWN, words
from tests.web.test_account_pages import PAGE, Browser, served

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
    people: list[Desk] = field(default_factory=list)

    async def forward(self, **much: float) -> None:
        """Let time pass; who had signed in signs in again."""
        self.pair.clock.forward(**much)
        for browser, people in zip((self.seeker, self.owner), self.people, strict=True):
            people.now = self.pair.clock()
            browser.hold((await people.enter("anna")).secret)

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
            browsers, access = [], []
            for desk in pair.desks:
                node = desk.town.node
                client = TestClient(TestServer(served(node)), cookie_jar=CookieJar(unsafe=True))
                await client.start_server()
                browser = Browser(client)
                people = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
                browser.hold(await session(people, "anna", Role.OFFICER))
                browsers.append(browser)
                access.append(people)
            yield Offices(pair, *browsers, access)
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


async def test_the_list_shows_what_waits_for_whom(offices: Offices) -> None:
    """At each office in its own part of the list, with the other office's name, whose turn it is and by when."""
    pair = offices.pair
    assert "Nessun contatto aspetta questo ufficio." in words(await offices.seeker.get(CASES))
    case = await pair.seeker.ask(pair.profile_id)
    await pair.carry()
    for browser, view, there in (
        (offices.owner, "aspettano", True), (offices.owner, "ricevuti", True), (offices.owner, "chiesti", False),
        (offices.seeker, "aspettano", False), (offices.seeker, "chiesti", True), (offices.seeker, "tutti", True),
        (offices.seeker, "chiusi", False),
    ):  # fmt: skip
        assert (case in await browser.get(f"{CASES}?vista={view}")) is there, view
    page = words(await offices.owner.get(CASES))
    for text in ("cmto", "ricevuto", "tocca a noi", "1 dicembre 2026", "Aspettano noi (1)"):
        assert text in page, text
    assert "tocca all'altro ufficio" in words(await offices.seeker.get(f"{CASES}?vista=chiesti"))
    assert "Aspettano noi: 1" in words(await offices.owner.get("/ufficio"))
    await offices.forward(days=6)
    assert "scade domani" in words(await offices.owner.get(CASES))
    await offices.forward(days=1)
    assert "ultimo giorno" in words(await offices.owner.get(f"{CASES}/{case}"))


async def test_the_list_goes_on_where_it_stopped(offices: Offices, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page after page each case once, by a place that names a moment and a case; a place that is none is refused."""
    monkeypatch.setattr(office_introductions, "SHOWN", 2)
    pair = offices.pair
    made = [await pair.seeker.ask(pair.profile_id, at=at) for at in range(5)]
    seen: list[str] = []
    where = f"{CASES}?vista=tutti"
    while where:
        text = await offices.seeker.get(where)
        seen += re.findall(r'<th scope="row"><a href="/ufficio/contatti/([0-9a-f-]{36})"', text)
        found = re.search(r'btn-outline-primary" href="(/ufficio/contatti[?][^"]+)"', text)
        where = html.unescape(found.group(1)) if found else ""
    assert sorted(seen) == sorted(made)
    for place in ("x", "1_x", f"x_{made[0]}", f"{10**30}_{made[0]}", "\x00"):
        assert (await offices.seeker.client.get(CASES, params={"dopo": place}, headers=PAGE)).status == 400


async def test_a_second_click_or_an_old_page_is_told_and_loses_nothing(offices: Offices) -> None:
    """409 with the case as it is by now, and the words that did not leave; nothing is said twice."""
    pair = offices.pair
    case = await pair.reach(("owner", Kind.CHECK), ("owner", Kind.QUESTION))
    before = len((await pair.owner.read(case)).steps)
    reply = await offices.deed("owner", case, Kind.QUESTION, testo="Ancora una <b>domanda</b>?")
    page = await reply.text()
    assert reply.status == 409
    assert "In questo momento non si può" in words(page)
    assert "Questo testo non è partito" in words(page)
    assert "Ancora una &lt;b&gt;domanda&lt;/b&gt;?" in page
    assert "La domanda è partita" in words(page)
    assert len((await pair.owner.read(case)).steps) == before


async def test_a_text_that_names_somebody_is_shown_again_at_its_field(offices: Offices) -> None:
    """With what was typed; doubtful words may leave once somebody confirms that they name nobody."""
    pair = offices.pair
    case = await pair.reach(("owner", Kind.CHECK))
    async with pair.owner.town.node.pool.acquire() as conn:
        record = (await registry.read_records(conn, [pair.owner.networks[1]]))[pair.owner.networks[1]]
    reply = await offices.deed("owner", case, Kind.QUESTION, testo=f"È {record.members[0].firm.name}?")
    page = await reply.text()
    assert reply.status == 400
    assert '<a href="#question-testo">' in page
    assert html.escape(record.members[0].firm.name) in page
    assert 'name="sicuro"' not in page
    doubtful = "Conoscete forse Ermenegildo Quattrocchi?"
    reply = await offices.deed("owner", case, Kind.QUESTION, testo=doubtful)
    assert reply.status == 400
    assert 'id="question-sicuro"' in await reply.text()
    assert (await offices.deed("owner", case, Kind.QUESTION, testo=doubtful, sicuro="yes")).status == 303


async def test_an_officer_begins_from_a_profile_in_two_clicks(offices: Offices) -> None:
    """From its public page to the form with the network filled in, to a draft; rewritten, endorsed, gone; a second one is refused."""
    pair, anna = offices.pair, offices.seeker
    public = await anna.get(f"/profili/{pair.profile_id}")
    link = re.search(r'href="(/ufficio/contatti/nuovo[?][^"]+)"', public)
    assert link
    form = html.unescape(link.group(1))
    network = pair.seeker.networks[0]
    page = await anna.get(f"{form}&rete={network}")
    assert f'<option value="{network}" selected>' in page
    text = html.unescape(page.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0])
    fields = {"profilo": pair.profile_id, "rete": network, "scopo": "joint_project", "testo": text}
    reply = await anna.post(form, f"{CASES}/nuovo", **fields)
    assert reply.status == 303, words(await reply.text())
    where = reply.headers["Location"].partition("?")[0]
    assert "non è uscito nulla" in words(await anna.get(reply.headers["Location"]))
    reply = await anna.post(where, f"{where}/riscrivi", nuovo_testo="Cerchiamo chi distribuisce.", scopo="request")
    assert reply.status == 303
    assert "Cerchiamo chi distribuisce." in words(await anna.get(where))
    reply = await anna.post(where, f"{where}/riscrivi", nuovo_testo="", scopo="request")
    assert (reply.status, '<a href="#nuovo_testo">' in await reply.text()) == (400, True)
    reply = await anna.post(where, f"{where}/request")
    assert reply.headers["Location"] == f"{where}?fatto=inviata"
    reply = await anna.post(form, f"{CASES}/nuovo", **fields)
    assert reply.status == 409
    assert "c'è già un contatto aperto" in words(await reply.text())
    assert (await anna.post(where, f"{where}/scarta")).status == 409


async def test_a_draft_is_discarded(offices: Offices) -> None:
    """Nothing of it stays, and its page is not there any more."""
    pair, anna = offices.pair, offices.seeker
    office, now = pair.seeker.town.node.office(), pair.clock()
    wish = Wish(pair.profile_id, "Cerchiamo un partner.", "request", pair.seeker.networks[0])
    case = await introduce.begin(office, wish, "anna", now, load_label_reference())
    reply = await anna.post(f"{CASES}/{case}", f"{CASES}/{case}/scarta")
    assert reply.headers["Location"] == f"{CASES}?fatto=scartata"
    await anna.get(f"{CASES}/{case}", 404)


async def test_a_wrong_beginning_says_where(offices: Offices) -> None:
    """No network, an unknown one, a text that is none, a profile that is not there, one of this office; a network is searched for."""
    pair, anna = offices.pair, offices.seeker
    form = f"{CASES}/nuovo?profilo={pair.profile_id}"
    good = {"profilo": pair.profile_id, "rete": pair.seeker.networks[0], "scopo": "request", "testo": "Cerchiamo."}
    for changes, where in (
        ({"rete": ""}, "rete"), ({"rete": UNKNOWN}, "rete"), ({"testo": " "}, "testo"), ({"scopo": "x"}, "scopo"),
        ({"profilo": UNKNOWN}, "profilo"),
    ):  # fmt: skip
        reply = await anna.post(form, f"{CASES}/nuovo", **{**good, **changes})
        assert reply.status in (400, 404), changes
        assert f'<a href="#{where}">' in await reply.text(), changes
    async with pair.seeker.town.node.pool.acquire() as conn:
        name = (await registry.read_records(conn, [good["rete"]]))[good["rete"]].name
    reply = await anna.post(form, f"{CASES}/nuovo", **{**good, "rete": "", "q": name, "vai": "cerca"})
    page = await reply.text()
    assert (reply.status, page.count(f'<option value="{good["rete"]}">')) == (200, 1)
    assert "Cerchiamo." in page
    own = words(await offices.owner.get(f"{CASES}/nuovo?profilo={pair.profile_id}"))
    assert "La scheda è di questo stesso ufficio" in own
    assert "/ufficio/contatti/nuovo" not in await offices.owner.get(f"/profili/{pair.profile_id}")


async def test_a_joint_project_makes_linked_drafts(offices: Offices) -> None:
    """One for each profile, each leading to the others; with fewer than two nothing is written."""
    pair, anna = offices.pair, offices.seeker
    other = await published(pair.owner.town, pair.owner.networks[1], pair.clock())
    await pair.seeker.town.sync()
    form = f"{CASES}/progetto?profilo={pair.profile_id}&profilo={other}"
    page = await anna.get(form)
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert token
    fields = [("csrf", token.group(1)), ("rete", pair.seeker.networks[0]), ("testo", "Un progetto."), ("scopo", "joint_project")]  # fmt: skip
    shown = [("mostrato", pair.profile_id), ("mostrato", other)]
    reply = await anna.client.post(f"{CASES}/progetto", data=[*fields, *shown, ("profilo", other)], headers=PAGE)
    assert reply.status == 400
    assert "da tre a cinque reti" in words(await reply.text())
    both = [("profilo", pair.profile_id), ("profilo", other)]
    reply = await anna.client.post(
        f"{CASES}/progetto", data=[*fields, *shown, *both], headers=PAGE, allow_redirects=False
    )
    assert reply.status == 303
    first = await anna.get(reply.headers["Location"])
    assert "Le bozze del progetto comune sono scritte" in words(first)
    sibling = re.search(r'<li><a href="(/ufficio/contatti/[0-9a-f-]{36})"', first.partition("dello stesso progetto")[2])
    assert sibling
    assert reply.headers["Location"].partition("?")[0] in await anna.get(sibling.group(1))


async def test_matches_lead_to_the_form_with_everything_filled_in(offices: Offices) -> None:
    """Of a match: the network and the profile; of the office's own profiles nothing is asked."""
    pair, anna = offices.pair, offices.seeker
    network = pair.seeker.networks[0]
    text = await anna.get(f"/ufficio/corrispondenze?per={network}")
    links = [html.unescape(link) for link in re.findall(r'href="(/ufficio/contatti/nuovo[^"]+)"', text)]
    hits = re.findall(r'<h3><a href="/profili/([0-9a-f-]{36})', text)
    assert links == [f"{CASES}/nuovo?profilo={hit}&rete={network}" for hit in hits]
    own = await offices.owner.get(f"/ufficio/corrispondenze?per={pair.owner.networks[0]}&proprie=yes")
    assert "/ufficio/contatti/nuovo" not in own
