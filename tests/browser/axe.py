"""What axe-core says of a page, and which addresses it has looked at, so that none is forgotten."""

from __future__ import annotations

from importlib import resources
from urllib.parse import urlsplit

from playwright.async_api import Locator, Page

from tests.browser.conftest import Bench

AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
# Told in few words: what axe has to say of a page is longer than the page. For contrast it asks of every element and its ancestors
# whether something is painted before or after it, which takes three quarters of its time, and then says nothing of the text there:
# not asking is stricter, and quicker.
EXAMINE = """async rules => {
  axe.configure({checks: [{id: "color-contrast", options: {ignorePseudo: true}}]});
  const said = await axe.run(document, {runOnly: {type: "tag", values: rules}, resultTypes: ["violations"]});
  const found = said.violations.map(
    rule => rule.id + ": " + rule.nodes.slice(0, 3).map(node => node.html.slice(0, 120)).join(" "));
  return [performance.getEntriesByType("navigation")[0].responseStatus, found];
}"""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
# The paths of whole pages that axe has looked at in this run; one that was refused is not that page.
SEEN: set[str] = set()


async def violations(page: Page) -> list[str]:
    """What axe finds against the rules, each with the elements it is about."""
    status, found = await page.evaluate(EXAMINE, RULES)
    if status < 400:
        SEEN.add(urlsplit(page.url).path)
    return list(found)


async def follow(page: Page, leads: Locator) -> None:
    """Click what leads to another page, and wait until that one is there: axe asks whatever page it finds."""
    async with page.expect_navigation():
        await leads.click()


async def examined(bench: Bench, width: int = 1280) -> Page:
    """A page with axe in it: it comes by the debugger's door, since the pages' own policy lets no stranger's script in."""
    context = await bench.context(width)
    await context.add_init_script(AXE)
    return await context.new_page()
