"""Introductions in the office's pages: two offices that serve, their people in browsers, from the draft to the outcome."""

from __future__ import annotations

import asyncio
import datetime as dt
import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import ClientResponse, CookieJar
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from node.domain.days import day_of
from node.domain.introduction import Kind, Party
from node.domain.introduction_texts import CONSENT_TEXTS, CONSENT_VERSION
from node.domain.roles import Role
from node.domain.seeking import MASK
from node.flows.introductions import asking as flow
from node.flows.introductions import deeds
from node.flows.introductions.asking import Wish
from node.flows.introductions.casework import ITALY
from node.flows.profiles import draft
from node.i18n import translator
from node.store import registry
from node.store.reference import load_label_reference
from node.web import allowance
from node.web.introduction_documents import case_document
from node.web.pages import asking, office_introductions, office_matches
from node.web.permission import USER, User
from tests import canary
from tests.accounts_made import Desk
from tests.admin_made import session
from tests.federation_made import Clock
from tests.introductions_made import ACCEPTED, CONTACT, INTRODUCED, Pair, published, two_offices
from tests.pages_made import XSS
from tests.profiles_made import label, profile, store
from tests.web.pages.test_office_profiles import UNKNOWN, words
from tests.web.test_account_pages import PAGE, Browser, served

CASES = "/ufficio/contatti"


def hidden(page: str, action: str) -> dict[str, str]:
    """What stands hidden in a form of a page, the session's token apart."""
    form = page.partition(f' action="{action}"')[2].partition("</form>")[0]
    found = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', form))
    return {name: value for name, value in found.items() if name != "csrf"}


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
        """Send a form of a case's page, with what stands hidden in it."""
        one, browser = f"{CASES}/{case}", getattr(self, who)
        return await browser.post(one, f"{one}/{kind}", **{**hidden(await browser.get(one), f"{one}/{kind}"), **fields})

    async def step(self, who: str, case: str, kind: Kind, **fields: str) -> None:
        """Send a form of a case's page, which is done, and let it arrive."""
        reply = await self.deed(who, case, kind, **fields)
        assert reply.status == 303, words(await reply.text())
        await self.pair.carry()


@pytest.fixture
async def offices(
    server: str, desk_listed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Offices]:
    """Torino asks, Lecce has a profile."""
    monkeypatch.setitem(allowance.RATES, "page", allowance.Rate(10_000, 100_000))
    with canary.HEARD.in_office():
        async with two_offices(server, desk_listed, tmp_path, Clock()) as pair:
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


async def test_a_follow_up_that_is_due_waits_in_list_and_count_as_on_its_page(offices: Offices) -> None:
    """From the thirtieth day on, at each office until it has told it; and again on the ninetieth."""
    pair = offices.pair
    case = await pair.reach(*INTRODUCED)
    days = "chiedere come procede e registrare la verifica dopo {days} giorni"
    for passed, told in ((29, 0), (1, 30), (60, 90)):
        await offices.forward(days=passed)
        listed = await offices.owner.get(CASES)
        page = words(await offices.owner.get(f"{CASES}/{case}"))
        assert (case in listed) is (told > 0), told
        assert f"Aspettano noi ({1 if told else 0})" in words(listed), told
        assert (days.format(days=told) in page) is (told > 0), told
        if told:
            assert "tocca a noi" in words(listed)
            await offices.step("owner", case, Kind.FOLLOW_UP, scelta=str(told))
            assert case not in await offices.owner.get(CASES)
            assert case in await offices.seeker.get(CASES)


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
    page = await reply.text()
    assert 'id="question-sicuro"' in page
    ticked = {"sicuro": "yes", **hidden(page, f"{CASES}/{case}/question")}
    # Every word that is confirmed was shown, and a tick counts for the text under which it stood.
    more = f"{doubtful} Oppure Ildebrando Zuccherato?"
    reply = await offices.deed("owner", case, Kind.QUESTION, testo=more, **ticked)
    page = words(await reply.text())
    assert reply.status == 400
    assert all(name in page.partition("ossibili nomi propri:")[2][:300] for name in ("Quattrocchi", "Zuccherato"))
    assert (await offices.deed("owner", case, Kind.QUESTION, testo=doubtful, **ticked)).status == 303


async def test_nobody_endorses_a_draft_that_they_have_not_read(offices: Offices) -> None:
    """Written anew by a colleague in between: 409, the new words, and nothing has left; a doubtful word is put right in the draft."""
    pair, anna = offices.pair, offices.seeker
    case = await pair.seeker.begin(pair.profile_id)
    one = f"{CASES}/{case}"
    read = hidden(await anna.get(one), f"{one}/request")
    office = pair.seeker.town.node.office()
    await deeds.rewrite(office, case, "Cerchiamo Ermenegildo Quattrocchi.", "request", pair.clock())
    for fields in (read, {}):
        reply = await anna.post(one, f"{one}/request", **fields)
        page = words(await reply.text())
        assert reply.status == 409
        assert "la bozza è cambiata da quando è stata letta" in page.lower()
        assert "Cerchiamo Ermenegildo Quattrocchi." in page
    reply = await offices.deed("seeker", case, Kind.REQUEST)
    page = await reply.text()
    assert (reply.status, 'href="#request-sicuro"' in page) == (400, True)
    await deeds.rewrite(office, case, "Cerchiamo un partner.", "request", pair.clock())
    assert (await offices.deed("seeker", case, Kind.REQUEST)).status == 303


async def test_what_the_gate_finds_in_a_draft_leads_to_its_text(offices: Offices) -> None:
    """The link of the refusal is a field of the page."""
    pair = offices.pair
    case = await pair.seeker.begin(pair.profile_id)
    pool = pair.seeker.town.node.pool
    named = '{"text": "Scrivere a prova@example.org", "purpose": "request"}'
    await pool.execute("UPDATE office.introduction SET request = $2 WHERE introduction_id = $1", case, named)
    page = await (await offices.deed("seeker", case, Kind.REQUEST)).text()
    assert '<a href="#nuovo_testo">' in page
    assert 'id="nuovo_testo"' in page


async def test_a_consent_lets_out_nothing_that_came_in_since_it_was_read(offices: Offices) -> None:
    """The register changes between page and click: 409, the new name shown, no consent; then it is read and recorded."""
    pair = offices.pair
    case = await pair.reach(*ACCEPTED)
    one = f"{CASES}/{case}"
    read = hidden(await offices.owner.get(one), f"{one}/consent")
    pool = pair.owner.town.node.pool
    await pool.execute(
        "UPDATE registry.network SET name = name || ' Plus' WHERE network_id = $1", pair.owner.networks[0]
    )
    reply = await offices.owner.post(one, f"{one}/consent", **CONSENT, **read)
    page = words(await reply.text())
    assert reply.status == 409
    assert "il consenso non è registrato" in page
    assert " Plus" in page
    assert (await pair.owner.read(case)).consent is None
    await offices.step("owner", case, Kind.CONSENT, **CONSENT)


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
    reply = await offices.deed("seeker", where.rpartition("/")[2], Kind.REQUEST)
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
    case = await flow.begin(office, wish, "anna", now, load_label_reference())
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
    async with pair.seeker.town.node.pool.acquire() as conn, conn.transaction():
        content = draft.suggest_content((await registry.read_records(conn, [network]))[network])
        wants = {side: [{"category": want["category"]} for want in content[side]] for side in ("needs", "offers")}
        made = profile(7, owner="p_LE", needs=wants["offers"], offers=wants["needs"], territory=label("REG", "ITF4"))
        origin = await conn.fetchval("SELECT origin_id FROM log.origin WHERE owner = 'p_LE'")
        await store(conn, origin, [made], first=500)
    text = await anna.get(f"/ufficio/corrispondenze?per={network}")
    links = [html.unescape(link) for link in re.findall(r'href="(/ufficio/contatti/nuovo[^"]+)"', text)]
    assert links == [f"{CASES}/nuovo?profilo=p_LE:{made['id']}&rete={network}"]
    for network in pair.owner.networks:
        own = await offices.owner.get(f"/ufficio/corrispondenze?per={network}&proprie=yes")
        assert "/ufficio/contatti/nuovo" not in own


async def test_a_group_becomes_a_joint_project(offices: Offices) -> None:
    """The link of a group names the other offices' profiles and the own network."""
    pair, anna = offices.pair, offices.seeker
    documents = [{"owner": "cmto", "id": pair.seeker.networks[0]}] + [{"owner": "p_LE", "id": UNKNOWN, "type": "x"}] * 2
    item = SimpleNamespace(documents=documents)
    app = anna.client.app
    assert app is not None
    request = make_mocked_request("GET", "/ufficio/corrispondenze", app=app)
    request[USER] = User("1", "anna", frozenset({Role.OFFICER}))
    linked = await office_matches._propose_link(request, item)
    assert linked == f"{CASES}/progetto?profilo=p_LE:{UNKNOWN}&profilo=p_LE:{UNKNOWN}&rete={pair.seeker.networks[0]}"
    for documents_ in (documents[:2], [*documents, {"owner": "x_BAD", "id": UNKNOWN, "type": "x"}]):
        assert await office_matches._propose_link(request, SimpleNamespace(documents=documents_)) == ""


async def test_whoever_may_only_read_is_offered_nothing(offices: Offices) -> None:
    """An approver sees the case without a form, and may send none."""
    pair = offices.pair
    case = await pair.reach()
    node = pair.owner.town.node
    people = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
    offices.owner.hold(await session(people, "bruno", Role.APPROVER))
    page = await offices.owner.get(f"{CASES}/{case}")
    assert "Che cosa si può fare" not in words(page)
    assert f'action="{CASES}/' not in page
    assert (await offices.owner.post(f"{CASES}/{case}", f"{CASES}/{case}/check")).status == 404
    await offices.owner.get(f"{CASES}/{case}/stampa")
    await offices.owner.get(f"{CASES}/nuovo", 403)


async def test_a_consent_is_recorded_with_whom_to_call_and_revoked_with_a_warning(offices: Offices) -> None:
    """The text in both languages, exactly what leaves, the contact of the register; without a person it is refused; then revoked."""
    pair = offices.pair
    case = await pair.reach(*ACCEPTED)
    page = await offices.owner.get(f"{CASES}/{case}")
    async with pair.owner.town.node.pool.acquire() as conn:
        record = (await registry.read_records(conn, [pair.owner.networks[0]]))[pair.owner.networks[0]]
    for member in record.members:
        assert member.firm.name in html.unescape(page)
    for contact in record.contacts[:1]:
        assert contact.person in html.unescape(page)
    for language in ("it", "en"):
        assert translator(language)(CONSENT_TEXTS[CONSENT_VERSION]) in html.unescape(page)
    for changes, where in (
        ({"persona": ""}, "consent-persona"), ({"contatto_posta": "x@"}, "consent-contatto_posta"),
        ({"contatto_persona": ""}, "consent-contatto_persona"), ({"contatto_ruolo": "x" * 301}, "consent-contatto_ruolo"),
        ({"contatto_posta": "", "contatto_telefono": ""}, "consent-contatto_posta"),
    ):  # fmt: skip
        reply = await offices.deed("owner", case, Kind.CONSENT, **{**CONSENT, **changes})
        page = await reply.text()
        assert (reply.status, f'<a href="#{where}">' in page) == (400, True), changes
        assert f'id="{where}"' in page
    await offices.step("owner", case, Kind.CONSENT, **CONSENT)
    page = words(await offices.owner.get(f"{CASES}/{case}"))
    assert "manca quello dell'altra parte" in page
    assert "Nessun nome è ancora uscito" in page
    await offices.step("owner", case, Kind.REVOKE)
    assert "Consenso revocato da una delle parti" in words(await offices.seeker.get(f"{CASES}/{case}"))


@pytest.mark.parametrize("applicant", [None, {"name": f"{MASK} 1"}])
async def test_a_case_without_anybody_to_name_can_still_be_closed(
    offices: Offices, applicant: dict[str, str] | None
) -> None:
    """Its network left the register, or the firm was erased: the page says so, a consent is refused, withdrawing is not."""
    pair = offices.pair
    case = await pair.reach(*ACCEPTED)
    await pair.seeker.town.node.pool.execute(
        "UPDATE office.introduction SET network_id = NULL, applicant = $2 WHERE introduction_id = $1",
        case, None if applicant is None else json.dumps(applicant),
    )  # fmt: skip
    assert "Non c'è più nessuno da nominare" in words(await offices.seeker.get(f"{CASES}/{case}"))
    reply = await offices.deed("seeker", case, Kind.CONSENT, **CONSENT)
    assert (reply.status, 'id="consent-persona"' in await reply.text()) == (400, True)
    await offices.step("seeker", case, Kind.WITHDRAW, scelta="other")
    page = words(await offices.seeker.get(f"{CASES}/{case}"))
    assert "ritirato" in page
    assert "Il contatto si è chiuso prima che si scambiassero i nomi" in page
    assert "Nessun nome finora" not in page


async def test_names_are_erased_from_the_page_once_a_consent_is_revoked(offices: Offices) -> None:
    """The warning says what cannot be undone; afterwards the other office's page names nobody and says when they were erased."""
    pair = offices.pair
    case = await pair.reach(*INTRODUCED)
    told = (await pair.seeker.read(case)).told
    assert told is not None
    assert told.identity is not None
    assert told.identity["name"] in words(await offices.seeker.get(f"{CASES}/{case}"))
    assert "I nomi sono già usciti" in words(await offices.owner.get(f"{CASES}/{case}"))
    await offices.step("owner", case, Kind.REVOKE)
    other = await pair.seeker.read(case)
    assert other.told is not None
    assert other.told.identity is None
    for path in (f"{CASES}/{case}", f"{CASES}/{case}/stampa"):
        page = (await offices.seeker.get(path)).partition("L&#39;altra parte</h2>")[2].partition("<h2>")[0]
        assert "sono stati cancellati" in page
        assert told.identity["contact"]["email"] not in page
    assert "e poi cancellato: c'è la ricevuta" in words(await offices.owner.get(f"{CASES}/{case}"))


@pytest.mark.parametrize("language", ["it", "en"])
async def test_what_another_office_wrote_is_text(offices: Offices, language: str) -> None:
    """Every piece of the corpus in the request, a question, an identity: none of it is on any page as it was written."""
    pair = offices.pair
    case = await pair.reach(*INTRODUCED)
    loud = "\n".join(XSS)
    pool = pair.owner.town.node.pool
    async with pool.acquire() as conn:
        # As a message would bring them that no gate of ours has seen.
        await conn.execute("ALTER TABLE office.introduction_event DISABLE TRIGGER ALL")
        await conn.execute(
            "UPDATE office.introduction_event SET payload = jsonb_build_object('text', $1::text, 'purpose', $1, "
            "'seeker', jsonb_build_object('kind', $1, 'territory', $1, 'sector', $1)) WHERE payload ? 'text'", loud,
        )  # fmt: skip
        await conn.execute("UPDATE office.introduction_event SET detail = 'x-y', kind = 'z-' || seq WHERE party = 'seeker' AND seq > 1")  # fmt: skip
        identity = {
            "name": loud, "kind": loud, "office": loud, "members": [{"name": loud, "municipality": loud}],
            "contact": dict.fromkeys(("person", "role", "email", "phone"), loud),
        }  # fmt: skip
        await conn.execute("UPDATE office.introduction_identity SET identity = $1::jsonb", json.dumps(identity))
    dangerous = [text for text in XSS if set(text) & set("<>\"'")]
    for path in (CASES, f"{CASES}?vista=tutti", f"{CASES}/{case}", f"{CASES}/{case}/stampa", "/ufficio"):
        text = await offices.owner.get(f"{path}{'&' if '?' in path else '?'}lang={language}")
        assert [piece for piece in dangerous if piece in text] == [], path
        assert "\u202e" not in text
    assert "&lt;script&gt;" in await offices.owner.get(f"{CASES}/{case}")


FIRM = {
    "scopo": "request", "testo": "Cerchiamo chi distribuisce olio.", "regione": "ITC1", "sezione": "C", "impresa": "Prova Ventosa",
    "persona": "Prova Scrivente", "posta": "scrivente@example.org", "telefono": "011 000000", "codice_fiscale": "",
    "comune": "Torino", "informativa": "yes",
}  # fmt: skip


async def test_a_firm_asks_through_its_office_and_sees_how_it_stands(offices: Offices) -> None:
    """By the code it was shown once: states and dates, no word of anybody; nothing leaves before an officer endorses it."""
    pair = offices.pair
    form = f"/profili/{pair.profile_id}/contatto?owner=p_LE"
    async with stranger(offices.seeker) as firm:
        public = await firm.get(f"/profili/{pair.profile_id}")
        assert html.escape(form) in public
        for changes, where in (
            ({"informativa": ""}, "informativa"), ({"impresa": ""}, "impresa"), ({"posta": "x"}, "posta"),
            ({"testo": ""}, "testo"), ({"regione": "ITF45"}, "regione"), ({"sezione": "z"}, "sezione"), ({"scopo": ""}, "scopo"),
        ):  # fmt: skip
            reply = await firm.post(form, form, **{**FIRM, **changes})
            page = await reply.text()
            assert (reply.status, f'<a href="#{where}">' in page) == (400, True), changes
            assert "Prova Scrivente" in page
        reply = await firm.post(form, form, **FIRM)
        page = await reply.text()
        assert (reply.status, reply.headers["Cache-Control"]) == (200, "no-store")
        found = re.search(r"<code>([A-Za-z0-9_-]{43})</code>", page)
        where_ = re.search(r'href="(/contatti/[0-9a-f-]{36})"', page)
        assert found
        assert where_
        stands, code = where_.group(1), found.group(1)
        reply = await firm.post(stands, stands, codice=code)
        assert "non l'ha ancora convalidata" in words(await reply.text())
        case = stands.rpartition("/")[2]
        anna = words(await offices.seeker.get(f"{CASES}/{case}"))
        for text in ("Prova Ventosa", "scrivente@example.org", "Cerchiamo chi distribuisce olio.", "Piemonte"):
            assert text in anna, text
        assert "chiesto dal sito" in words(await offices.seeker.get(CASES))
        await offices.step("seeker", case, Kind.REQUEST)
        await offices.step("owner", case, Kind.CHECK)
        await offices.step("owner", case, Kind.QUESTION, testo="Quante imprese sono?")
        page = words(await (await firm.post(stands, stands, codice=code)).text())
        for text in ("chiesti chiarimenti", "presa in esame", "24 novembre 2026"):
            assert text in page, text
        assert "Quante imprese" not in page
        for where, given in ((stands, "x" * 43), (stands, ""), (f"/contatti/{UNKNOWN}", code), ("/contatti/x", code)):
            reply = await firm.post(where, where, codice=given)
            assert (reply.status, "codice sbagliato" in await reply.text()) == (404, True), where
        owner = words(await offices.owner.get(f"{CASES}/{case}"))
        assert "Prova" not in owner.replace("Prova di", "")


async def test_two_clicks_are_one_request(offices: Offices) -> None:
    """Of a firm: the second answer has no code and the first one's holds; of an officer: both lead to one draft; other words are another."""
    pair = offices.pair
    pool = pair.seeker.town.node.pool
    form = f"/profili/{pair.profile_id}/contatto?owner=p_LE"
    async with stranger(offices.seeker) as firm:
        drawn = hidden(await firm.get(form), html.escape(form))
        assert len(drawn["modulo"]) == 32
        pages = [await (await firm.post(form, form, **{**FIRM, **drawn})).text() for _ in range(2)]
        found = re.search(r"<code>([A-Za-z0-9_-]{43})</code>", pages[0])
        stands = re.findall(r'href="(/contatti/[0-9a-f-]{36})"', pages[0] + pages[1])
        assert found
        assert stands[0] == stands[1]
        assert "<code>" not in pages[1]
        assert "Questa richiesta è già stata ricevuta" in words(pages[1])
        reply = await firm.post(stands[0], stands[0], codice=found.group(1))
        assert "non l'ha ancora convalidata" in words(await reply.text())
        assert await pool.fetchval("SELECT count(*) FROM office.introduction") == 1
        await firm.post(form, form, **{**FIRM, **drawn, "testo": "Cerchiamo chi distribuisce vino."})
        assert await pool.fetchval("SELECT count(*) FROM office.introduction") == 2
    anna, new = offices.seeker, f"{CASES}/nuovo"
    asked = f"{new}?profilo={pair.profile_id}"
    fields = {"profilo": pair.profile_id, "rete": pair.seeker.networks[0], "scopo": "request", "testo": "Cerchiamo."}
    fields |= hidden(await anna.get(asked), new)
    replies = await asyncio.gather(*(anna.post(asked, new, **fields) for _ in range(3)))
    assert len({reply.headers["Location"] for reply in replies}) == 1
    assert await pool.fetchval("SELECT count(*) FROM office.introduction") == 3


async def test_where_nothing_can_be_asked_the_page_says_why(offices: Offices) -> None:
    """At the profile's own office; where this office takes no requests; nothing is written."""
    pair = offices.pair
    form = f"/profili/{pair.profile_id}/contatto"
    own = words(await offices.owner.get(form))
    assert "La scheda è di questo stesso ufficio" in own
    app = offices.seeker.client.app
    assert app is not None
    door = app[asking.DOOR]
    assert form in await _public(offices.seeker, f"/profili/{pair.profile_id}")
    app._frozen = False
    app[asking.DOOR] = replace(door, requests=False)
    assert "non riceve richieste dal sito" in words(await offices.seeker.get(form))
    assert form not in await _public(offices.seeker, f"/profili/{pair.profile_id}")


@asynccontextmanager
async def stranger(browser: Browser) -> AsyncIterator[Browser]:
    """Somebody without a session at the same node."""
    client = TestClient(browser.client.server, cookie_jar=CookieJar(unsafe=True))
    yield Browser(client)
    await client.session.close()


async def _public(browser: Browser, path: str) -> str:
    """A page as somebody without a session sees it."""
    async with stranger(browser) as firm:
        return await firm.get(path)


async def test_days_are_italy_s_wherever_a_case_is_shown(offices: Offices) -> None:
    """Half an hour after midnight in Rome it is the last day on the page and in the document, though not yet by UTC."""
    pair = offices.pair
    case = await pair.reach(("owner", Kind.CHECK))
    due = (await pair.owner.read(case)).case.due[Party.OWNER]
    midnight = dt.datetime.combine(day_of(due), dt.time(0, 30), ITALY)
    await offices.forward(seconds=(midnight - pair.clock()).total_seconds())
    assert pair.clock().astimezone(dt.UTC).date() == day_of(due - 1)
    assert "ultimo giorno" in words(await offices.owner.get(f"{CASES}/{case}"))
    assert case_document(await pair.owner.read(case), pair.clock(), None)["urgency"] == "last-day"


async def test_what_was_typed_into_a_case_outlives_the_session(offices: Offices) -> None:
    """The page that says that the session ended still holds the question."""
    pair = offices.pair
    case = await pair.reach(("owner", Kind.CHECK))
    page = await offices.owner.get(f"{CASES}/{case}")
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert token
    pair.clock.forward(hours=2)
    origin = str(offices.owner.client.make_url("/")).rstrip("/")
    reply = await offices.owner.client.post(
        f"{CASES}/{case}/question", data={"csrf": token.group(1), "testo": "Una domanda lunga."},
        headers={**PAGE, "Sec-Fetch-Site": "same-origin", "Origin": origin}, allow_redirects=False,
    )  # fmt: skip
    assert reply.status in (401, 403)
    assert "Una domanda lunga." in await reply.text()
