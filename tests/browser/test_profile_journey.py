"""The office's pages of profiles in a real browser: accessible, by keyboard, without a script, on a small screen, and live with one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, expect

from tests.accounts_made import PASSWORD
from tests.browser.axe import examined, violations
from tests.browser.conftest import APPROVER, AUTHOR, Bench, Rooms
from tests.browser.test_public_pages import SHOTS, Watched
from tests.browser.test_sign_in_journey import sign_in
from tests.pages_made import ANNOUNCED, ours


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
            "services": "/ufficio/servizi",
            "service-new": "/ufficio/servizi/nuovo",
            "service": f"/ufficio/servizi/{ANNOUNCED[0]}",
            "service-withdraw": f"/ufficio/servizi/{ANNOUNCED[0]}/ritiro",
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
