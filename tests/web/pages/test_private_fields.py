"""Every page of the application, asked by every role: nobody reads what is private without the right to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from node.domain.network import NetworkRecord
from node.domain.roles import Permission, Role, permissions_of
from node.flows.profiles import draft
from node.runtime import Node
from node.store import registry
from node.store.postgres import acquire
from node.web import allowance
from node.web.permission import needed_by
from tests import canary
from tests.accounts_made import Desk
from tests.admin_made import session
from tests.desk_made import networks_of
from tests.web.test_account_pages import PAGE, Browser, served

OPEN = {Permission.PUBLIC, Permission.SIGNED_IN, Permission.TOKEN}
# Who may read the register, or the office's own work on profiles, reads names there.
READS = {Permission.REGISTER_READ, Permission.PROFILE_READ}
NOBODY = "0b5a3a52-0000-4000-8000-000000000000"


def private(records: dict[str, NetworkRecord]) -> set[str]:
    """Names, codes and contacts of the register."""
    found: set[str] = set()
    for record in records.values():
        found.add(record.name)
        for member in record.members:
            found |= {member.firm.name, member.firm.tax_code}
        for contact in record.contacts:
            found |= {contact.person, contact.email or "", contact.phone or ""}
    return {text for text in found if len(text) > 5}


def pages(app: web.Application, known: dict[str, str]) -> Iterator[tuple[str, Permission]]:
    """Every address that answers GET, with its permission; parameters filled in with what is there."""
    for route in app.router.routes():
        if route.method != "GET" or route.resource is None:
            continue
        path = route.resource.canonical
        needed = needed_by(route.handler)
        if path.startswith(("/federation", "/static")) or needed is None:
            continue
        yield re.sub(r"\{(\w+)[^}]*\}", lambda found: known.get(found[1], NOBODY), path), needed.permission


@pytest.mark.usefixtures("furnished")
@pytest.mark.timeout(120)
async def test_no_page_shows_a_private_field_to_a_role_without_right(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All GET addresses as a visitor and as each role alone: closed ones say nothing, open ones name no firm and no person."""
    for kind in ("page", "api"):
        # The clock stands still, and a bucket never fills again.
        monkeypatch.setitem(allowance.RATES, kind, allowance.Rate(10_000, 100_000))
    networks = await networks_of(node)
    async with acquire(node.pool) as conn:
        records = await registry.read_records(conn)
    content = draft.in_closed_words(draft.suggest_content(records[networks[0]]))
    profile_id = await draft.draft(node.pool, node.config, networks[0], content, "anna", node.clock())
    secrets = private(records)
    assert len(secrets) > 50
    desk = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
    app = served(node)
    known = {"network_id": networks[0], "profile_id": profile_id, "peer": "a_WELL", "step": "chiudi"}
    asked, shown, closed = 0, set(), 0
    with canary.HEARD.in_office():
        async with TestServer(app) as server:
            for role in (None, *Role):
                browser = Browser(TestClient(server, cookie_jar=CookieJar(unsafe=True)))
                may = permissions_of([role] if role else [])
                if role is not None:
                    browser.hold(await session(desk, f"persona {role}", role))
                for path, permission in pages(app, known):
                    if permission is Permission.PUBLIC and role not in {None, Role.OFFICER, Role.ANALYST}:
                        # What everybody may see knows of who looks but the name.
                        continue
                    reply = await browser.client.get(path, headers=PAGE, allow_redirects=False)
                    body = await reply.read()
                    asked += 1
                    assert reply.status < 500, (role, path, reply.status)
                    assert reply.status != 429, path
                    said = {text for text in secrets if text.encode() in body}
                    if permission not in OPEN and permission not in may:
                        # A program that has not signed in is told so; a browser is led to it.
                        refused = {303, 403, 404} | ({401} if role is None else set())
                        assert reply.status in refused, (role, path, reply.status)
                        closed += 1
                    if not READS & may:
                        assert not said, (role, path, sorted(said)[:3])
                    shown |= said
                await browser.client.session.close()
    # The check can fail: whoever has the right does read names, and most doors are closed to most roles.
    assert len(shown) > 10
    assert closed > asked // 4
