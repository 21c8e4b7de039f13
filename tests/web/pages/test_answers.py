"""What answers a form stands at no address: no link of such a page leads to the same page in another language."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import cast

import pytest
from aiohttp import ClientResponse

from node.domain.roles import Permission, Role
from node.flows.people import accounts
from node.runtime import Node
from node.web.allowance import RATES, Rate
from node.web.permission import needed_by
from tests import canary
from tests.accounts_made import PASSWORD, Desk
from tests.admin_made import session
from tests.networks_made import record
from tests.register_made import add
from tests.web.test_account_pages import PAGE, Browser, browsing

NOBODY = "00000000-0000-4000-8000-000000000000"
# Routes of programs and of other nodes answer no page.
_NO_PAGES = (Permission.PEER,)


async def held_to(reply: ClientResponse) -> bool:
    """Hold an answer to a form to what its page may lead to; tell whether it was a whole page."""
    page = await reply.text()
    if reply.status == 303 or reply.content_type != "text/html" or "<html" not in page:
        return False
    assert "hreflang" not in page, reply.url
    assert not re.search(r'href="[^"]*[?&](amp;)?lang=', page), reply.url
    # Which language this is, is still said.
    assert '<span aria-current="true" lang="it">' in page, reply.url
    return True


@pytest.mark.timeout(120)
async def test_no_answer_to_a_form_links_to_itself_in_another_language(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every route that takes a form, walked with empty fields, with and without its token, by somebody with every role and by nobody."""
    # Faster than any reader.
    monkeypatch.setitem(cast("dict[str, Rate]", RATES), "page", Rate(1_000, 10_000))
    desk = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
    network_id = await add(node, record())
    with canary.HEARD.in_office():
        async with browsing(node) as everybody, browsing(node) as nobody:
            everybody.hold(await session(desk, "tutta", *Role))
            account = (await accounts.read(node.pool, node.clock(), "tutta")).account_id
            kept = {"network_id": network_id, "account": account, "step": "niente", "peer": "x_LIED", "session_id": NOBODY,
                "profile_id": NOBODY, "search_id": NOBODY, "mark": "x"}  # fmt: skip
            app = everybody.client.app
            assert app is not None
            walked, pages = 0, 0
            for route in app.router.routes():
                needed = needed_by(route.handler)
                path = route.resource.canonical if route.resource else ""
                if (
                    route.method != "POST"
                    or needed is None
                    or needed.permission in _NO_PAGES
                    or path.startswith("/api/")
                ):
                    continue
                if path in ("/esci", "/entra"):
                    continue
                walked += 1
                where = path.format_map(_Any(kept))
                for browser in (everybody, nobody):
                    pages += await held_to(await browser.post("/entra/password", where))
                    pages += await held_to(await browser.client.post(where, headers=PAGE, allow_redirects=False))
            assert walked >= 35
            assert pages >= 3 * walked


class _Any(dict[str, str]):
    """What an address is filled in with: something that is nowhere, for what is not named."""

    def __missing__(self, key: str) -> str:
        return NOBODY


async def test_pages_that_are_shown_once_lead_nowhere_that_loses_them(node: Node) -> None:
    """The key and the codes of a second factor, a code for a password, the token of a saved search, a list that was searched for."""
    desk = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
    await desk.person("anna.verdi", Role.OFFICER)
    async with browsing(node) as browser:
        await browser.enter()
        once = [
            await browser.post("/utente", "/utente/fattore", password=PASSWORD),
            await browser.post("/cerca/salva?q=olio", "/cerca/salva?q=olio", title="Olio"),
            await browser.post("/utente", "/ufficio/reti", q="olio"),
        ]
        browser.hold(await session(desk, "capo", Role.ADMINISTRATOR))
        once.append(await browser.post("/utente", "/utente/recupero", password=PASSWORD))
        fields = {"nome": "nuova", "ruoli": "analyst"}
        once.append(await browser.post("/amministrazione/utenti/nuovo", "/amministrazione/utenti/nuovo", **fields))
        for reply in once:
            assert (reply.status, await held_to(reply)) == (200, True), reply.url
        await _is_switched(browser)


async def _is_switched(browser: Browser) -> None:
    """What has an address is there in the other language."""
    page = await browser.get("/utente")
    link = re.search(r'href="([^"]+)" lang="en" hreflang="en"', page)
    assert link
    assert "My account" in await browser.get(link.group(1))
