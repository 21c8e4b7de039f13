"""The Observatory with figures, in a real browser: accessible, gone along by keys and without a script, whole on a small screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from node.domain.observatory.figures import Figures
from node.store.postgres import acquire
from node.web.app import NODE
from tests import figures_made
from tests.browser.axe import examined, violations
from tests.browser.conftest import Bench
from tests.browser.test_public_pages import Watched

SHOTS = Path(__file__).resolve().parents[2] / "artefacts" / "pages"
INDICATORS, TABLES = "/osservatorio/indicatori", "/osservatorio/tabelle"
# Every page, and every kind of picture.
PAGES = {
    "observatory-figures": "/osservatorio?anno=2020",
    "observatory-release": f"/osservatorio?release={figures_made.RELEASE}",
    "indicator-maps": f"{INDICATORS}/networks?anno=2019",
    "indicator-flows": f"{INDICATORS}/introductions?outcome=agreement",
    "indicator-choices": f"{INDICATORS}/pipeline",
    "indicator-ages": f"{INDICATORS}/survival?cohort=2016",
    "indicator-days": f"{INDICATORS}/firms",
    "indicator-below-zero": f"{INDICATORS}/gap",
    "indicator-bars": f"{INDICATORS}/networks-by-size",
    "indicator-bodies": f"{INDICATORS}/profiles",
    "indicator-wrong": f"{INDICATORS}/networks?anno=1999",
    "indicator-missing": f"{INDICATORS}/niente",
    "table": f"{TABLES}/networks-by-province",
    "table-long": f"{TABLES}/introductions-between-regions?pagina=2",
    "releases": "/osservatorio/rilasci",
    "way": "/osservatorio/percorso",
}
REFUSED = {"indicator-wrong": 400, "indicator-missing": 404}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told(bench: Bench) -> AsyncIterator[Figures]:
    """Figures at the node of all browser tests, which other tests of it do not expect."""
    pool = bench.app[NODE].pool
    yield await figures_made.publish(bench.app[NODE])
    async with acquire(pool) as conn:
        await conn.execute("DELETE FROM observatory.figures")
        await conn.execute("DELETE FROM observatory.release")


@pytest.mark.parametrize("language", ["it", "en"])
@pytest.mark.timeout(120)
async def test_no_page_of_figures_breaks_a_rule_of_accessibility(bench: Bench, told: Figures, language: str) -> None:
    """axe-core finds nothing on any of them, and there is no complaint in the console."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page = await examined(bench)
    watched = Watched(page, bench.url)
    await page.goto(f"/?lang={language}")
    found = {}
    for name, path in PAGES.items():
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status == REFUSED.get(name, 200), name
        assert await page.get_attribute("html", "lang") == language
        found[name] = await violations(page)
        if language == "it":
            await page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
    await page.context.close()
    assert {name: said for name, said in found.items() if said} == {}
    assert [text for text in watched.complaints if "Failed to load resource" not in text] == []
    assert (watched.elsewhere, watched.dialogs) == ([], [])


@pytest.mark.timeout(120)
async def test_figures_fit_a_small_screen(bench: Bench, told: Figures) -> None:
    """At 320 pixels nothing runs out to the right, and the rules still hold."""
    page = await examined(bench, 320)
    wide, found = {}, {}
    for name, path in PAGES.items():
        await page.goto(path)
        width = await page.evaluate("document.documentElement.scrollWidth")
        if width > 320:
            wide[name] = width
        found[name] = await violations(page)
        if name in ("observatory-figures", "indicator-flows"):
            await page.screenshot(path=SHOTS / f"{name}-320.png", full_page=True)
    await page.context.close()
    assert wide == {}
    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.timeout(60)
async def test_the_years_are_gone_along_by_keys_without_a_script(bench: Bench, told: Figures) -> None:
    """The slider is moved by arrows and sent by Return; the page comes back at the map, of that year; the row of years leads on."""
    context = await bench.context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{INDICATORS}/networks?lang=it")
    figure = page.locator("#networks-by-region")
    slider = figure.get_by_role("slider")
    await slider.focus()
    for key in ("ArrowLeft", "ArrowLeft", "Enter"):
        await page.keyboard.press(key)
    await page.wait_for_url("**anno=2024*")
    assert page.url.endswith("#networks-by-region")
    await expect(figure.get_by_role("slider")).to_have_value("2024")
    current = figure.locator("nav a[aria-current]")
    await expect(current).to_have_text("2024")
    await figure.get_by_role("link", name="2015", exact=True).press("Enter")
    await page.wait_for_url("**anno=2015*")
    await expect(figure.locator("nav a[aria-current]")).to_have_text("2015")
    await context.close()


@pytest.mark.timeout(60)
async def test_figures_are_printed_whole(bench: Bench, told: Figures) -> None:
    """On paper there is no slider and no row of years, and the pictures and how they are read stay."""
    context = await bench.context()
    page = await context.new_page()
    await page.goto(f"{INDICATORS}/networks?lang=it")
    await page.emulate_media(media="print")
    figure = page.locator("#networks-by-region")
    assert await figure.get_by_role("slider").count() == 0
    assert await figure.locator("nav").is_hidden()
    assert await figure.locator("svg.picture").first.is_visible()
    assert await figure.get_by_text("Come si legge").first.is_visible()
    await context.close()
