"""An office in a browser's hands: a node, people of every role, and forms as their pages send them."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import ClientResponse, FormData

from node.domain import entry_form
from node.domain.network import NetworkRecord
from node.domain.roles import Role
from node.flows.registry import keeping
from node.runtime import Node
from tests import canary
from tests.accounts_made import Desk
from tests.web.test_account_pages import PAGE, Browser, browsing

Pairs = list[tuple[str, str]]


@asynccontextmanager
async def signed_in(node: Node, *roles: Role, name: str = "anna.verdi") -> AsyncIterator[Browser]:
    """A browser of somebody with these roles."""
    desk = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
    await desk.person(name, *roles)
    with canary.HEARD.in_office():
        async with browsing(node) as browser:
            assert (await browser.enter(name)).status == 303
            yield browser


async def add(node: Node, record: NetworkRecord) -> str:
    """A network in the register."""
    outcome = await keeping.write(node.pool, entry_form.entry_of(record), node.clock())
    assert outcome.network_id, outcome.problems
    return outcome.network_id


def form_of(page: str, action: str) -> Pairs:
    """What the browser would send of a page's form as it stands, without a button."""
    found = re.search(rf'<form method="post" action="{re.escape(action)}".*?</form>', page, re.DOTALL)
    assert found, action
    pairs: Pairs = []
    for tag in re.findall(r"<input[^>]*>|<textarea[^>]*>.*?</textarea>|<select.*?</select>", found.group(), re.DOTALL):
        name = re.search(r'name="([^"]+)"', tag)
        if name is None or 'type="file"' in tag or ('type="checkbox"' in tag and " checked" not in tag):
            continue
        if tag.startswith("<textarea"):
            value = re.sub(r"^<textarea[^>]*>\n?|</textarea>$", "", tag)
        elif tag.startswith("<select"):
            chosen = re.search(r'<option value="([^"]*)" selected', tag) or re.search(r'<option value="([^"]*)"', tag)
            value = chosen.group(1) if chosen else ""
        else:
            held = re.search(r'value="([^"]*)"', tag)
            value = held.group(1) if held else "on"
        pairs.append((name.group(1), html.unescape(value)))
    return pairs


def changed(pairs: Pairs, **fields: str) -> Pairs:
    """The same with other values, «_» for «-»; the button among them."""
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    left = [(name, given.pop(name, value)) for name, value in pairs]
    return [*left, *given.items()]


async def send(browser: Browser, action: str, pairs: Sequence[tuple[str, str]]) -> ClientResponse:
    """Send a form."""
    return await browser.client.post(action, data=FormData(list(pairs)), headers=PAGE, allow_redirects=False)


def words(page: str) -> str:
    """What a page's main part says, without its markup."""
    main = page.partition("<main")[2].partition("</main>")[0] or page
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())
