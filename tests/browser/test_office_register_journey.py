"""The office's register in a real browser: accessible in every state, by keyboard and without a script, told while one types."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from networks_made import firm, member, record
from playwright.async_api import BrowserContext, Page, expect

from node.domain import entry_form, template
from node.domain.roles import Role
from node.flows.people import accounts, own_account
from node.flows.registry import keeping
from node.store.postgres import Pool, open_pool
from node.store.spreadsheet import write_sheets
from tests.accounts_made import PASSWORD, SETTINGS, cheap_hasher
from tests.browser.axe import AXE, violations
from tests.browser.conftest import Bench
from tests.browser.test_public_pages import SHOTS
from tests.browser.test_sign_in_journey import sign_in
from tests.conftest import dsn_of
from tests.profiles_made import NOW

OFFICER = "olga"
SEEN = "Rete che si guarda"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kept(bench: Bench, server: str) -> AsyncIterator[tuple[Pool, str, dict[str, object]]]:
    """The node's database with a network in it; and the cookies of an officer who signed in."""
    pool, hasher = await open_pool(dsn_of(server, f"t_browser_{os.getpid()}"), max_size=2), cheap_hasher()
    made = await accounts.create(pool, SETTINGS, NOW, name=OFFICER, roles=[Role.OFFICER], officer="prova")
    await own_account.set_password(pool, hasher, SETTINGS, NOW, code=made.code, password=PASSWORD)
    members = (member(1, is_reference=True), member(2), member(3, firm=firm(3, tax_code="")))
    outcome = await keeping.write(pool, entry_form.entry_of(record(name=SEEN, members=members)), NOW)
    assert outcome.network_id
    context = await bench.context()
    await sign_in(await context.new_page(), OFFICER)
    state = await context.storage_state()
    await context.close()
    try:
        yield pool, outcome.network_id, dict(state)
    finally:
        hasher.close()
        pool.terminate()


async def office(bench: Bench, state: dict[str, object], width: int = 1280, **settings: object) -> BrowserContext:
    """A browser in which the officer has signed in."""
    return await bench.context(width, storage_state=state, **settings)


async def fill(page: Page, **fields: str) -> None:
    """Type into fields by their ids, «_» for «-»."""
    for name, text in fields.items():
        await page.locator(f"#{name.replace('_', '-')}").fill(text)


class Look:
    """Goes through pages, and notes what axe finds and what runs out of the screen."""

    def __init__(self, page: Page, width: int) -> None:
        """Look at a page of a width."""
        self.page, self.width = page, width
        self.found: dict[str, list[str]] = {}
        self.wide: dict[str, int] = {}

    async def at(self, name: str, path: str = "") -> None:
        """Look at what is there now, or at an address."""
        if path:
            await self.page.goto(path)
        if said := await violations(self.page):
            self.found[name] = said
        reached = await self.page.evaluate("document.documentElement.scrollWidth")
        if reached > self.width:
            self.wide[name] = reached
        await self.page.screenshot(path=SHOTS / f"office-{name}.png")

    async def press(self, value: str) -> None:
        """Press the visible button of a step."""
        await self.page.locator(f"button.btn[value={value}]").click()


async def attach(page: Page, look: Look, network_id: str, folder: Path) -> None:
    """Attach a document, be refused its new version, and look at all that unfolds."""
    await page.goto(f"/ufficio/reti/{network_id}")
    await page.get_by_text("Aggiungere un documento").click()
    path = folder / "verbale.txt"
    for text, title in (("deciso", "Verbale"), ("", "Verbale vuoto")):
        path.write_text(text)
        form = page.locator("details[open] form")
        await form.get_by_label("Titolo").fill(title)
        await form.get_by_label("Che documento è").select_option("minutes")
        await form.get_by_label("File").set_input_files(path)
        await form.locator("button").click()
        await expect(page.get_by_role("heading", name="Verbale", exact=True)).to_be_visible()
        if text:
            await page.get_by_text("Sostituire con una nuova versione").click()
    await expect(page.get_by_role("alert")).to_contain_text("Il file è vuoto")
    await page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    await look.at("documents")


@pytest.mark.timeout(120)
async def test_no_page_of_the_register_breaks_a_rule_of_accessibility(
    bench: Bench, kept: tuple[Pool, str, dict[str, object]], tmp_path: Path
) -> None:
    """The first page, list, network, each step of the form with and without mistakes, import, dry run: axe finds nothing."""
    pool, network_id, state = kept
    SHOTS.mkdir(parents=True, exist_ok=True)
    context = await office(bench, state, 320)
    await context.add_init_script(AXE)
    page = await context.new_page()
    look = Look(page, 320)
    await look.at("desk", "/ufficio")
    await look.at("networks", "/ufficio/reti")
    await look.at("network", f"/ufficio/reti/{network_id}")
    await page.locator("summary").first.click()
    await fill(page, uscita_0="boh")
    await page.locator("details[open] button").click()
    await look.at("end-refused")
    await attach(page, look, network_id, tmp_path)
    await page.goto("/ufficio/reti/nuova")
    await fill(page, rete="Rete nuova", oggetto="Olio", data_atto="boh")
    await look.press("imprese")
    await look.at("form-wrong")
    assert await page.evaluate("document.activeElement.id") == "errori"
    await fill(page, data_atto="15/03/2026")
    await look.press("imprese")
    await fill(page, impresa_1="Prima", provincia_1="LE", impresa_2="Seconda", provincia_2="ZZ")
    await look.press("controllo")
    await look.at("firms-wrong")
    await look.at("edit", f"/ufficio/reti/{network_id}/modifica")
    seen = await keeping.read_network(pool, network_id)
    entry = entry_form.entry_of(seen.record)
    changed = entry_form.Entry({**entry.network, "notaio": "di un altro"}, entry.firms)
    assert (await keeping.write(pool, changed, NOW, network_id=network_id, seen=seen.seen)).network_id
    await fill(page, sede="Gallipoli")
    for value in ("imprese", "controllo", "salva"):
        await look.press(value)
    await expect(page.get_by_role("alert")).to_contain_text("di un altro")
    await look.at("conflict")
    await look.at("import", "/ufficio/importa?lang=en")
    path = tmp_path / "reti.xlsx"
    new = record(name="Da file", deed_number="5", members=(member(5), member(6)))
    write_sheets(path, template.sheets_of([new, record(name="Storta", deed_register_number="")]))
    await page.locator("#file").set_input_files(path)
    await page.locator("main button").click()
    assert await page.get_attribute("html", "lang") == "en"
    await look.at("dry-run")
    await context.close()
    assert (look.found, look.wide) == ({}, {})


@pytest.mark.timeout(60)
async def test_mistakes_are_told_while_one_types_and_nothing_typed_is_lost(
    bench: Bench, kept: tuple[Pool, str, dict[str, object]]
) -> None:
    """At the next field; mended, it goes; when the node can't be reached, the form stays as it is."""
    context = await office(bench, kept[2])
    page = await context.new_page()
    await page.goto("/ufficio/reti/nuova")
    told = page.locator("#avvisi")
    await fill(page, rete="Scritta finora", data_atto="31/02/2026")
    await page.keyboard.press("Tab")
    await expect(told).to_contain_text("Data atto: data non valida")
    await told.get_by_role("link").click()
    assert await page.evaluate("document.activeElement.id") == "data-atto"
    await fill(page, data_atto="28/02/2026")
    await page.keyboard.press("Tab")
    await expect(told).to_be_empty()
    await context.set_offline(True)
    async with page.expect_event("requestfailed"):
        await fill(page, data_atto="30/02/2026")
        await page.keyboard.press("Tab")
    await context.set_offline(False)
    await fill(page, data_atto="31/02/2026")
    await page.keyboard.press("Tab")
    await expect(told).to_contain_text("data non valida")
    assert await page.input_value("#rete") == "Scritta finora"
    await context.close()
