"""Signing in and one's own account in a real browser: accessible, by keyboard, without a script, on a small screen."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pyotp
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from node.domain.roles import Role
from node.flows.people import accounts
from node.store.postgres import open_pool
from tests.accounts_made import PASSWORD, SETTINGS
from tests.browser.axe import examined, violations
from tests.browser.conftest import Bench
from tests.browser.test_public_pages import SHOTS
from tests.conftest import dsn_of
from tests.profiles_made import NOW

ROLES = {"capo": Role.ADMINISTRATOR, "gina": Role.ANALYST, "ortensia": Role.OFFICER}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def codes(bench: Bench, server: str) -> AsyncIterator[dict[str, str]]:
    """Accounts of the node in the browser, each with a code for its password."""
    pool = await open_pool(dsn_of(server, f"t_browser_{os.getpid()}"), max_size=1)
    try:
        made = {
            name: (await accounts.create(pool, SETTINGS, NOW, name=name, roles=[role], officer="prova")).code
            for name, role in ROLES.items()
        }
        yield made
    finally:
        pool.terminate()


async def set_password(page: Page, code: str) -> None:
    """Fill in the form of a new password."""
    await page.goto("/entra/password")
    await page.get_by_label("Codice").fill(code)
    await page.get_by_label("Nuova password").fill(PASSWORD)
    await page.get_by_role("button", name="Salva").click()


async def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Fill in the form of sign-in."""
    await page.goto("/entra")
    await page.get_by_label("Nome utente").fill(name)
    await page.get_by_label("Password", exact=False).fill(password)
    await page.get_by_role("main").get_by_role("button", name="Accedi").click()


@pytest.mark.timeout(120)
async def test_an_administrator_s_first_day_breaks_no_rule_of_accessibility(
    bench: Bench, codes: dict[str, str]
) -> None:
    """Password by code, sign-in, refusals, second factor, recovery codes, own account, sign-out: axe finds nothing on any of it."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page, found, wide = await examined(bench, 320), {}, {}

    async def look(name: str) -> None:
        found[name] = await violations(page)
        width = await page.evaluate("document.documentElement.scrollWidth")
        if width > 320:
            wide[name] = width
        await page.screenshot(path=SHOTS / f"account-{name}.png")

    await page.goto("/entra/password")
    await look("code-asked")
    await set_password(page, "X")
    await look("code-refused")
    await set_password(page, codes["capo"])
    await look("sign-in")
    await sign_in(page, "capo", "un'altra frase lunga")
    await expect(page.get_by_role("alert")).to_contain_text("Nome o password non corrispondono")
    await look("refused")
    await sign_in(page, "capo")
    await page.goto("/utente")
    await look("must-enrol")
    await page.locator("#password-fattore").fill(PASSWORD)
    await page.get_by_role("button", name="Registra un secondo fattore").click()
    await look("second-factor")
    # Large and plain enough for a phone's camera, also where the screen is narrow.
    square = await page.get_by_role("img", name="Figura da inquadrare").bounding_box()
    assert square
    assert square["width"] == square["height"]
    assert 200 <= square["width"] <= 320
    key = await page.locator("dl.rete-facts dd").first.inner_text()
    await page.get_by_label("Codice").fill(pyotp.TOTP(key.replace(" ", "")).at(NOW))
    await page.get_by_role("button", name="Conferma").click()
    await look("recovery")
    recovery = await page.locator("ol code").first.inner_text()
    await page.get_by_role("link", name="Li ho messi al sicuro").click()
    await look("own-account")
    await page.get_by_role("button", name="Esci").click()
    await sign_in(page, "capo")
    await look("code")
    await page.get_by_label("Codice").fill("123456")
    await page.get_by_role("button", name="Continua").click()
    await look("code-wrong")
    await page.get_by_label("Codice").fill(recovery)
    await page.get_by_role("button", name="Continua").click()
    await expect(page.get_by_text("Codici di recupero rimasti: 9.")).to_be_visible()
    await look("recovery-used")
    await page.get_by_role("main").get_by_role("link", name="Continua").click()
    await expect(page.get_by_role("link", name="capo")).to_be_visible()
    await page.context.close()
    assert {name: said for name, said in found.items() if said} == {}
    assert wide == {}


@pytest.mark.timeout(60)
async def test_the_session_s_cookie_is_out_of_a_script_s_reach(bench: Bench, codes: dict[str, str]) -> None:
    """And in the other language everything is said in it."""
    context = await bench.context()
    page = await context.new_page()
    await set_password(page, codes["gina"])
    await sign_in(page, "gina")
    held = {cookie["name"]: cookie for cookie in await context.cookies()}
    assert (held["rete"]["httpOnly"], held["rete"]["sameSite"], held["rete"]["expires"]) == (True, "Lax", -1)
    assert "rete" not in await page.evaluate("document.cookie")
    await page.goto("/utente?lang=en")
    await expect(page.get_by_role("heading", name="My account")).to_be_visible()
    assert "Sessioni" not in await page.inner_text("main")
    await context.close()


@pytest.mark.timeout(90)
@pytest.mark.parametrize("elsewhere", [False, True])
async def test_what_was_typed_is_still_there_after_the_session_ended(
    bench: Bench, codes: dict[str, str], elsewhere: bool
) -> None:
    """Somebody left in another tab: the form comes back whole, after signing in on that page or in a tab again; axe finds nothing."""
    page = await examined(bench, 320)
    if not elsewhere:
        await set_password(page, codes["ortensia"])
    await sign_in(page, "ortensia")
    await page.goto("/ufficio/reti/nuova")
    await page.get_by_label("Nome della rete").fill("Rete «dell'Olio»")
    other = await page.context.new_page()
    await other.goto("/utente")
    await other.get_by_role("button", name="Esci").click()
    await page.get_by_role("button", name="Continua").click()
    await expect(page.get_by_role("heading", name="La sessione è finita")).to_be_visible()
    found = {"over": await violations(page)}
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await page.screenshot(path=SHOTS / "account-session-over.png", full_page=True)
    if elsewhere:
        await sign_in(other, "ortensia")
        await page.get_by_role("button", name="Continua: invia").click()
    else:
        await page.get_by_label("Nome utente").fill("ortensia")
        await page.get_by_label("Password", exact=False).fill(PASSWORD)
        await page.get_by_role("button", name="Accedi e conserva").click()
    await expect(page.get_by_role("heading", name="Ciò che ha scritto è ancora qui")).to_be_visible()
    found["in-again"] = await violations(page)
    await page.get_by_role("button", name="Continua: invia").click()
    await expect(page.get_by_role("heading", name="Aggiungere una rete")).to_be_visible()
    held = await page.locator('[name="rete"]').input_value()
    await page.context.close()
    assert (held, found) == ("Rete «dell'Olio»", {"over": [], "in-again": []})
