"""The administrator's pages in a real browser: accessible in every state, on a small screen, by keyboard, without a script."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from node.domain.roles import Role
from node.flows.people import accounts
from node.store.postgres import open_pool
from node.web.pages import admin_frame
from node.web.pages.admin_frame import DESK
from tests.accounts_made import Desk
from tests.admin_made import session
from tests.agreement_shown_made import fill_agreement
from tests.browser.axe import AXE, violations
from tests.browser.conftest import Bench
from tests.browser.test_public_pages import SHOTS, Watched
from tests.conftest import dsn_of
from tests.profiles_made import NOW

HOME = admin_frame.HOME
PAGES = {
    "overview": HOME,
    "peers": f"{HOME}/enti",
    "peer": f"{HOME}/enti/bic-lazio",
    "road": f"{HOME}/enti/bic-lazio/strada",
    "quarantine": f"{HOME}/quarantena",
    "release": f"{HOME}/quarantena/x_BAD",
    "agreement": f"{HOME}/protocollo",
    "agreement-first": f"{HOME}/protocollo/versioni/1",
    "log": f"{HOME}/registro",
    "jobs": f"{HOME}/programma",
    "users": f"{HOME}/utenti",
    "user-new": f"{HOME}/utenti/nuovo",
    "decisions": f"{HOME}/verifica",
    "decisions-none": f"{HOME}/verifica?persona=nobody",
    "decisions-wrong": f"{HOME}/verifica?scheda=x",
    "backups": f"{HOME}/copie",
    "doctor": f"{HOME}/diagnosi",
}
SMALL = ("overview", "peers", "backups", "agreement", "agreement-refused", "user", "user-refused", "verified")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desk(bench: Bench, server: str) -> AsyncIterator[Desk]:
    """The desk of the node in the browser, which knows where one of its peers should answer."""
    pool = await open_pool(dsn_of(server, f"t_browser_{os.getpid()}"), max_size=2)
    try:
        await pool.execute("UPDATE log.origin SET url = 'http://127.0.0.1:9' WHERE owner = 'bic-lazio'")
        yield Desk(pool, now=NOW)
    finally:
        pool.terminate()


async def entered(
    bench: Bench, desk: Desk, name: str, role: Role, width: int = 1280, **settings: object
) -> BrowserContext:
    """A browser in which somebody has signed in."""
    context = await bench.context(width, **settings)
    secret = await session(desk, name, role)
    await context.add_cookies(
        [{"name": "rete", "value": secret, "url": bench.url, "httpOnly": True, "sameSite": "Lax"}]
    )
    return context


async def submitted(page: Page, path: str, button: str) -> None:
    """Open a page and press a button of it."""
    await page.goto(path)
    await page.get_by_role("main").get_by_role("button", name=button).click()


@pytest.mark.parametrize(("language", "width"), [("it", 1280), ("en", 320)])
@pytest.mark.timeout(120)
async def test_no_state_breaks_a_rule_of_accessibility(bench: Bench, desk: Desk, language: str, width: int) -> None:
    """Axe finds nothing on any page, nor where something is refused, asked again or shown once; nothing is wider than a telephone."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    context = await entered(bench, desk, f"ada.{language}", Role.ADMINISTRATOR, width)
    await context.add_init_script(AXE)
    page = await context.new_page()
    watched, found, wide = Watched(page, bench.url), {}, []

    async def look(name: str) -> None:
        assert await page.get_attribute("html", "lang") == language, name
        if await page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(name)
        # The same templates in another language and width: there axe looks at what is laid out otherwise.
        if language == "it" or name in SMALL:
            found[name] = await violations(page)
        if language == "it":
            await page.screenshot(path=SHOTS / f"admin-{name}.png")

    await page.goto(f"{HOME}?lang={language}")
    one = f"{HOME}/utenti/{(await accounts.read(desk.pool, NOW, f'ada.{language}')).account_id}"
    await page.goto(PAGES["agreement"])
    await look("agreement-none")
    papers = await fill_agreement(bench.app[DESK].node)
    proposal = f"{PAGES['agreement']}/proposte/{papers.proposal}"
    for name, path in {**PAGES, "user": one, "confirm": f"{one}/disabilitato", "agreement-proposal": proposal}.items():
        await page.goto(path)
        await look(name)
    words = {
        "it": ("Aggiungi e mostra il codice", "Mostra il codice", "Verifica tutta la catena"),
        "en": ("Add and show the code", "Show the code", "Verify the whole chain"),
    }[language]
    await page.goto(PAGES["user-new"])
    await page.locator("#nome").fill("senza.ruolo")
    await page.get_by_role("button", name=words[0]).click()
    await look("user-refused")
    await page.goto(PAGES["agreement"])
    await page.locator("#file").set_input_files({"name": "x.json", "mimeType": "application/json", "buffer": b"{}"})
    await page.locator("form[enctype] button").click()
    await look("agreement-refused")
    await desk.pool.execute(
        "TRUNCATE agreement.document, agreement.routine, agreement.proposal, agreement.signature, agreement.fork, agreement.request, agreement.refused"
    )
    await submitted(page, f"{one}/password", words[1])
    await look("code")
    await submitted(page, PAGES["decisions"], words[2])
    await look("verified")
    await context.close()
    assert {name: said for name, said in found.items() if said} == {}
    assert wide == []
    assert [text for text in watched.complaints if "Failed to load resource" not in text] == []
    assert (watched.elsewhere, watched.dialogs) == ([], [])


@pytest.mark.timeout(60)
async def test_an_auditor_verifies_and_changes_nothing(bench: Bench, desk: Desk) -> None:
    """Reads users and peers without a button that changes them; takes the chain away as a file."""
    context = await entered(bench, desk, "rita.revisore", Role.AUDITOR)
    page = await context.new_page()
    await page.goto(f"{HOME}/utenti")
    await expect(page.get_by_role("link", name="Aggiungi un utente")).to_have_count(0)
    await page.goto(f"{HOME}/enti/bic-lazio")
    await expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)
    await page.goto(f"{HOME}/verifica")
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="Esporta la catena").click()
    file = await (await waiting.value).path()
    assert file.read_bytes().startswith(b'{"event_id":1,')
    await context.close()
