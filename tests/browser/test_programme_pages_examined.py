"""The pages of the programme in a real browser: accessible in every state, in both languages, on a small screen."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from node.domain.programme.aggregation import Stage, Step
from node.flows.programme import aggregations, sessions
from node.flows.programme.aggregations import Interest
from node.flows.registry import register
from node.flows.registry.acting import acting
from node.runtime import current_own
from node.web import allowance
from tests import canary
from tests.browser.axe import violations
from tests.browser.conftest import Bench
from tests.browser.test_introduction_pages_examined import at_desk
from tests.browser.test_public_pages import SHOTS, Watched
from tests.federation_made import Clock
from tests.introductions_made import Desk as Office
from tests.introductions_made import two_offices
from tests.office_made import ChamberList, lecce
from tests.programme_made import firms, listed, sheet, sign, somebody, typed

SESSIONS, AGGREGATIONS = "/ufficio/sessioni", "/ufficio/aggregazioni"


@dataclass
class Scene:
    """An office with sessions and aggregations in several states."""

    office: Office
    paths: dict[str, str]


@pytest_asyncio.fixture(loop_scope="session")
async def scene(server: str, desk_listed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """Everything that a page can look like."""
    monkeypatch.setitem(allowance.RATES, "page", allowance.Rate(10_000, 100_000))
    with canary.HEARD.in_office(), acting("anna"):
        async with two_offices(server, desk_listed, tmp_path, Clock()) as pair:
            yield Scene(pair.owner, await furnished(pair.owner))


async def furnished(office: Office) -> dict[str, str]:
    """Fill an office; return its pages by name."""
    node, now = office.town.node, office.clock()
    holder, today = sessions.Office(node.pool, node.config, await current_own(node)), sessions.today_of(now)
    made = {}
    for name, days in (("draft", 20), ("coming", 9), ("today", 0)):
        day = (today + dt.timedelta(days=days)).isoformat()
        planned = sessions.session_of(typed(days, day=day, seats="1", ends="23:59"))
        made[name] = await sessions.plan(node.pool, planned, "anna", now)
        if name != "draft":
            await sessions.open_to_all(holder, made[name], now)
    first = await sessions.enrol(node.pool, made["coming"], somebody(1), now)
    await sessions.enrol(node.pool, made["coming"], somebody(2), now)
    await sessions.enrol(node.pool, made["today"], somebody(3), now, officer="anna")
    said = Interest("Vendere insieme.", "Anna Prova", "a@enti.example", firms="Frantoio Uno; ; Lecce")
    waits = await aggregations.express(node.pool, said, today, "anna", now)
    ids = {}
    for at, name in enumerate(("potential", "evaluated", "signed")):
        ids[name] = await aggregations.begin(
            node.pool, f"Gruppo {name}", "Idea.", firms(3, 7000 + 90 * at), today, "anna", now
        )
        if name != "potential":
            await aggregations.evaluate(node.pool, ids[name], sheet(), "Bene.", today, "anna", now)
    await aggregations.take_step(node.pool, ids["signed"], Step(Stage.ACCOMPANIED, today), "anna", now)
    network = (await aggregations.read(node.pool, ids["signed"])).found.network_id
    assert network
    record = await sign(node.pool, network, "15001", today, now)
    await aggregations.take_step(node.pool, ids["signed"], Step(Stage.SIGNED, today), "anna", now)
    edition = ChamberList((*lecce(), listed(record, lecce())), (), 0)
    await register.load_register(node.pool, node.config, edition, today, now, accept_shrunk=True)
    return {
        "pipeline": "/ufficio/percorso", "way": "/osservatorio/percorso", "sessions": SESSIONS, "session-new": f"{SESSIONS}/nuova", "session-draft": f"{SESSIONS}/{made['draft']}",
        "session-coming": f"{SESSIONS}/{made['coming']}", "session-today": f"{SESSIONS}/{made['today']}",
        "session-edit": f"{SESSIONS}/{made['coming']}/modifica", "session-print": f"{SESSIONS}/{made['today']}/stampa",
        "aggregations": AGGREGATIONS, "aggregation-new": f"{AGGREGATIONS}/nuova", "aggregation-of": f"{AGGREGATIONS}/nuova?manifestazione={waits}",
        "expression-new": "/ufficio/manifestazioni/nuova", "potential": f"{AGGREGATIONS}/{ids['potential']}",
        "evaluated": f"{AGGREGATIONS}/{ids['evaluated']}", "signed": f"{AGGREGATIONS}/{ids['signed']}",
        "aggregation-edit": f"{AGGREGATIONS}/{ids['potential']}/modifica", "sheet": f"{AGGREGATIONS}/{ids['evaluated']}/valutazione",
        "public": "/sessioni", "enrol": f"/sessioni/{made['coming']}/iscrizione", "code": f"/sessioni/iscrizioni/{first.enrolment_id}",
    }  # fmt: skip


# Forms that are sent empty, and where their button is.
WRONG = {
    "session-new": "main form[action$='/nuova'] button",
    "sheet": "main form[action$='/valutazione'] button",
    "enrol": "main form[action$='/iscrizione'] button",
    "expression-new": "main form[action$='/nuova'] button",
}


async def wrong(page: Page, path: str, button: str) -> None:
    """Send a form empty, past the browser's own asking, so that the page says what is missing."""
    await page.goto(path)
    await page.evaluate("document.querySelectorAll('form').forEach(f => f.noValidate = true)")
    await page.evaluate("document.querySelectorAll('main textarea').forEach(field => { field.value = ''; })")
    await page.locator(button).click()
    await expect(page.locator("#errori")).to_be_visible()


@pytest.mark.timeout(180)
async def test_no_page_of_the_programme_breaks_a_rule(bench: Bench, scene: Scene) -> None:
    """Nothing for axe to find in any state, in both languages and at 320 pixels; nothing runs out to the right."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    found, wide = {}, {}
    for width, language in ((1280, "en"), (320, "it")):
        page = await at_desk(bench, scene.office, width)
        watched = Watched(page, f"http://127.0.0.1:{scene.office.town.port}")
        await page.goto(f"/utente?lang={language}")
        for name, path in scene.paths.items():
            answer = await page.goto(path)
            assert answer is not None
            assert answer.status == 200, (path, answer.status)
            assert await page.get_attribute("html", "lang") == language
            await page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
            found[name, width] = await violations(page)
            if await page.evaluate("document.documentElement.scrollWidth") > width:
                wide[name, width] = await page.evaluate("document.documentElement.scrollWidth")
            await page.screenshot(path=SHOTS / f"programme-{name}-{width}.png", full_page=True)
        for name, button in WRONG.items():
            await wrong(page, scene.paths[name], button)
            found[name, "wrong", width] = await violations(page)
            watched.complaints.clear()
        assert (watched.elsewhere, watched.dialogs) == ([], [])
        await page.context.close()
    assert {name: said for name, said in found.items() if said} == {}
    assert wide == {}
