"""The office's pages of profiles in a real browser: accessible, by keyboard, without a script, on a small screen, and live with one."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from node.domain.chamber import ChamberList
from node.domain.generation.enrichment import enrich
from node.domain.roles import Role
from node.flows import draft, intake, register
from node.flows import submission as submitting
from node.store import registry
from node.store.postgres import Pool, acquire, open_pool
from tests.accounts_made import PASSWORD, SETTINGS, Desk
from tests.browser.conftest import Bench
from tests.browser.test_public_pages import SHOTS, Watched, examined, violations
from tests.browser.test_sign_in_journey import sign_in
from tests.conftest import dsn_of
from tests.office_made import SNAPSHOT, configured, lecce
from tests.pages_made import ours
from tests.profiles_made import NOW

AUTHOR, APPROVER = "olga.scrive", "piero.approva"
CONTENT = {
    "purpose": "offer",
    "title": {"it": "Pane e farine", "en": "Bread and flours"},
    "summary": {"it": "Si lavora il grano Zorbax con cura."},
    "needs": [{"category": "distribution", "text": {"it": "chi distribuisce"}}],
}


@dataclass(frozen=True, slots=True)
class Rooms:
    """The office of the node in the browser: its networks, and profiles in several states."""

    pool: Pool
    networks: list[str]
    waiting: str
    drafted: str


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rooms(bench: Bench, server: str) -> AsyncIterator[Rooms]:
    """A loaded register, ten networks, an author and an approver; one profile waits, one is a draft."""
    pool, config = await open_pool(dsn_of(server, f"t_browser_{os.getpid()}"), max_size=2), configured()
    desk = Desk(pool, SETTINGS, NOW)
    try:
        rows = lecce()
        await register.load_register(pool, config, ChamberList(tuple(rows), (), 0), SNAPSHOT, NOW)
        found = intake.IntakeFile("template", "own.xlsx", bytes(32), 0, tuple(enrich(rows, count=10, seed=1)), 0, ())
        await intake.import_networks(pool, found, NOW, apply=True)
        async with acquire(pool) as conn:
            networks = list(await registry.read_records(conn))
        for name, role in ((AUTHOR, Role.OFFICER), (APPROVER, Role.APPROVER)):
            await desk.person(name, role)
        ids = [await draft.draft(pool, config, network, CONTENT, AUTHOR, NOW) for network in networks[:2]]
        await submitting.submit(pool, config, ids[0], AUTHOR, NOW)
        yield Rooms(pool, networks, *ids)
    finally:
        pool.terminate()


@asynccontextmanager
async def at_work(bench: Bench, name: str, width: int = 1280) -> AsyncIterator[Page]:
    """A page of somebody signed in, with axe at hand."""
    page = await examined(bench, width)
    await sign_in(page, name, PASSWORD)
    await expect(page.get_by_role("link", name=name)).to_be_visible()
    yield page
    await page.context.close()


@pytest.mark.timeout(120)
async def test_no_page_of_the_office_s_profiles_breaks_a_rule(bench: Bench, rooms: Rooms) -> None:
    """Nothing for axe to find on any page in any state, in both languages and at 320 pixels; nothing runs out to the right."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    new, one = f"/ufficio/profili/nuovo?rete={rooms.networks[2]}", f"/ufficio/profili/{rooms.waiting}"
    pages = {
        AUTHOR: {
            "profiles": "/ufficio/profili",
            "profile": one,
            "begin": "/ufficio/profili/nuovo",
            "edit": f"{one}/modifica",
            "new": new,
            "withdraw": f"{one}/ritiro",
            "matches": f"/ufficio/corrispondenze?per={ours(3)['id']}",
            "groups": f"/ufficio/corrispondenze?per={ours(3)['id']}&gruppi=yes",
            "matches-wrong": "/ufficio/corrispondenze?per=x",
            "searches": "/ufficio/ricerche?ricerca=/cerca?q=olio",
        },
        APPROVER: {"approvals": "/ufficio/approvazioni", "approval": f"/ufficio/approvazioni/{rooms.waiting}"},
    }
    found, wide = {}, {}
    for name, paths in pages.items():
        async with at_work(bench, name) as page:
            watched = Watched(page, bench.url)
            for width, language in ((1280, "en"), (320, "it")):
                await page.set_viewport_size({"width": width, "height": 900})
                await page.goto(f"/utente?lang={language}")
                for shot, path in paths.items():
                    await page.goto(path)
                    assert await page.get_attribute("html", "lang") == language
                    # What is folded is read as well.
                    await page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
                    if width > 320 or shot in ("edit", "profile", "approval"):
                        found[shot, width] = await violations(page)
                    if await page.evaluate("document.documentElement.scrollWidth") > width:
                        wide[shot, width] = await page.evaluate("document.documentElement.scrollWidth")
                    await page.screenshot(path=SHOTS / f"office-{shot}-{width}.png")
            assert [text for text in watched.complaints if "Failed to load resource" not in text] == []
            assert (watched.elsewhere, watched.dialogs) == ([], [])
    assert {name: said for name, said in found.items() if said} == {}
    assert wide == {}


@pytest.mark.timeout(60)
async def test_the_preview_follows_what_one_types(bench: Bench, rooms: Rooms) -> None:
    """Once one pauses, not at every key; the focus stays where one types; when the node does not answer, what was typed stays."""
    async with at_work(bench, AUTHOR) as page:
        await page.goto(f"/ufficio/profili/nuovo?rete={rooms.networks[3]}")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/anteprima" in request.url else None)
        await page.locator("#title_it").fill("")
        await page.locator("#title_it").press_sequentially("Alfa Resine S.r.l.", delay=20)
        await expect(page.locator("#anteprima mark.rete-point-red")).to_contain_text("Alfa Resine S.r.l.")
        assert 1 <= len(asked) <= 3
        assert await page.evaluate("document.activeElement.id") == "title_it"
        assert await violations(page) == []
        await page.route("**/anteprima", lambda route: route.abort())
        await page.locator("#title_it").fill("Un titolo che resta")
        await expect(page.locator("#anteprima-vecchia")).to_be_visible()
        assert await page.input_value("#title_it") == "Un titolo che resta"
        await page.unroute("**/anteprima")
        await page.locator("#title_it").fill("Un altro titolo")
        await expect(page.locator("#anteprima-vecchia")).to_be_hidden()
        await expect(page.locator("#anteprima")).to_contain_text("Un altro titolo")


@pytest.mark.timeout(90)
async def test_a_profile_goes_from_one_desk_to_the_other_without_a_script_by_keyboard(
    bench: Bench, rooms: Rooms
) -> None:
    """Begun, previewed, saved, submitted; found in the queue, approved into a round: forms and keys alone."""
    context = await bench.context(java_script_enabled=False)
    page = await context.new_page()

    async def press(name: str) -> None:
        await page.get_by_role("main").get_by_role("button", name=name).focus()
        await page.keyboard.press("Enter")

    await sign_in(page, AUTHOR, PASSWORD)
    await page.goto(f"/ufficio/profili/nuovo?rete={rooms.networks[4]}")
    for field, text in (
        ("Titolo in italiano", "Farine macinate a pietra"),
        ("Sintesi in italiano", "Si macina e si cuoce."),
    ):
        await page.get_by_label(field).fill("")
        await page.get_by_label(field).focus()
        await page.keyboard.type(text)
    for row in range(1, 6):
        for side in ("needs", "offers"):
            await page.locator(f"#{side} summary").nth(row - 1).evaluate("part => part.parentElement.open = true")
            await page.locator(f"#{side}_{row}_it").fill("")
    await press("Vedi l'anteprima")
    await expect(page.locator("#anteprima")).to_contain_text("Farine macinate a pietra")
    await press("Salva la bozza")
    await expect(page.get_by_role("note").first).to_contain_text("La bozza è salvata")
    await press("Presenta per l'approvazione")
    await expect(page.locator("main")).to_contain_text("in attesa di approvazione")
    profile_id = re.findall(r"[0-9a-f-]{36}", page.url)[0]
    await page.get_by_role("button", name="Esci").click()
    await sign_in(page, APPROVER, PASSWORD)
    await page.goto("/ufficio/approvazioni")
    await page.get_by_role("link", name="Farine macinate a pietra").focus()
    await page.keyboard.press("Enter")
    await press("Approva per il prossimo turno")
    await expect(page).to_have_url(f"{bench.url}/ufficio/profili/{profile_id}?fatto=turno")
    assert "turno del" in await page.inner_text("main")
    await context.close()
