"""Every route x every role x objects that are there and objects that are not: who has no right is told and changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from node.domain import documents as kinds
from node.domain.introduction import Party
from node.domain.programme.eligibility import Undertaking
from node.domain.roles import Permission, Role, permissions_of
from node.flows.programme import announce, applying, calls, cases, courses
from node.flows.programme.applying import Wish
from node.flows.registry import documents
from node.flows.registry.acting import acting
from node.runtime import Node, current_own
from node.store import introductions
from node.store.introductions import NewCase
from node.store.postgres import acquire
from node.web import allowance
from node.web.permission import needed_by
from tests import canary, figures_made
from tests.accounts_made import Desk
from tests.admin_made import session
from tests.agreement_shown_made import fill_agreement
from tests.announcements_made import service
from tests.calls_made import call_document
from tests.courses_made import CODE, COURSE, School
from tests.desk_made import Staff, networks_of
from tests.documents_made import TEXT
from tests.programme_made import took_part
from tests.protocol.test_share_vectors import CASE as SHARED
from tests.web.test_account_pages import PAGE, Browser, served

OPEN = {Permission.PUBLIC, Permission.SIGNED_IN, Permission.TOKEN, Permission.PEER}
NOBODY = "0b5a3a52-0000-4000-8000-000000000000"
_VARIABLE = re.compile(r"[0-9a-f]{8}(?:[0-9a-f-]{8,})|[0-9a-f]{8,}")
# What changes while somebody only looks: sessions, and what is told of who came in.
MOVING = ("office.account", "office.session", "office.sign_in_attempt", "audit.")


async def objects(node: Node, staff: Staff) -> Mapping[str, str]:
    """One thing of each kind that an address names, by the name of its place in the address."""
    profile_id = await staff.waiting()
    page = "/ufficio/ricerche"
    assert (await staff["anna"].post(page, page, titolo="Olio", collegamento="/cerca?q=olio")).status == 303
    async with acquire(node.pool) as conn:
        account = await conn.fetchval("SELECT account_id::text FROM office.account LIMIT 1")
        one = await conn.fetchval("SELECT session_id::text FROM office.session LIMIT 1")
        search = await conn.fetchval("SELECT search_id::text FROM office.saved_search LIMIT 1")
    network_id = (await networks_of(node))[0]
    told = kinds.describe("Verbale", "minutes", None, "verbale.txt")
    bounds = documents.bounds_of(node.config)
    document_id = await documents.add(node.pool, network_id, told, TEXT, bounds, node.clock())
    introduction_id = "0b5a3a52-0000-4000-8000-000000000001"
    case = NewCase(introduction_id, Party.SEEKER, "a_WELL", NOBODY, "draft", network_id, created_by="anna")
    async with acquire(node.pool) as conn, conn.transaction():
        await introductions.open_cases(conn, [case], node.clock())
    item = await announce.announce(node.pool, node.config, await current_own(node), node.clock(), service())
    async with acquire(node.pool) as conn, conn.transaction():
        enrolment = await took_part(conn, "Persona Prova", "", "Un gruppo di imprese.")
        meeting = await conn.fetchval("SELECT session_id::text FROM programme.info_session")
        expression = await conn.fetchval("SELECT expression_id::text FROM programme.expression")
        aggregation = await conn.fetchval("SELECT aggregation_id::text FROM programme.aggregation")
    case_id = await cases.open_case(
        node.pool, "anna", node.clock(), title="Prova", lines=["legal"], network_id=network_id
    )
    with acting("anna"):
        call = await calls.write(node.pool, node.config.node.id, call_document(), node.clock())
        own = await current_own(node)
        with acting("bruno"):
            await calls.endorse(node.pool, node.config, own, call.call_id, call.digest, node.clock())
        wish = Wish(network_id, Decimal(1000), (Undertaking("01234567890", Decimal(1000)),), ((told, TEXT),))
        application = await applying.apply(node.pool, node.config.node.id, call.call_id, wish, bounds, node.clock())
        opened = await applying.read(node.pool, application.application_id)
    # One id for both sides: an own case that is shared, and another office's.
    async with acquire(node.pool) as conn:
        await conn.execute(
            "INSERT INTO programme.case_share (share_id, case_id, peer, consent_on, consent_ref, proposed_by, looked_at, created_at, changed_at)"
            " VALUES ($1, $1, 'a_WELL', '2026-01-01', 'prot. 1', 'anna', $2, $2, $2)", case_id, node.clock(),
        )  # fmt: skip
        await conn.execute(
            "INSERT INTO programme.shared_case (share_id, peer, state, copy, heard, came_at, changed_at) VALUES ($1, 'a_WELL', 'live', $2::jsonb, 1, $3, $3)",
            case_id, json.dumps(SHARED), node.clock(),
        )  # fmt: skip
    paper = await fill_agreement(node)
    await figures_made.publish(node)
    return {
        # Of the Observatory.
        "indicator": "networks",
        "table": "networks-by-year",
        "meeting_id": meeting,
        "enrolment_id": enrolment,
        "expression_id": expression,
        "aggregation_id": aggregation,
        "call_id": call.call_id,
        "application_id": application.application_id,
        "attachment_id": opened.documents[0]["document_id"],
        # Versions, proposals, requests to join.
        "version": "2",
        "digest": paper.proposal,
        "fingerprint": paper.fingerprint,
        "introduction_id": introduction_id,
        "kind": "check",
        "item_id": item.id,
        "network_id": network_id,
        "document_id": document_id,
        "profile_id": profile_id,
        "account": account,
        "session_id": one,
        "search_id": search,
        "peer": "a_WELL",
        "owner": "a_WELL",
        "step": "chiudi",
        **await course_objects(node),
        "path": "rete.css",
        "case_id": case_id,
        "share_id": case_id,
        "deed": "ore",
        "thing": NOBODY,
        "point": "decisions",
    }


async def course_objects(node: Node) -> dict[str, str]:
    """An edition with somebody in it and a file, and something that is done to it."""
    school = School(cast("Any", SimpleNamespace(node=node)))
    desk, today = await school.desk(), node.clock().date()
    course_id = await courses.keep(desk, COURSE, node.clock())
    edition = courses.blank_edition(course_id, CODE, 3, (today, today, today))
    held = [courses.parse_session(f"{today} 09:30 Sala")]
    edition_id = await courses.add_edition(desk, edition, held, [], node.clock())
    await courses.publish(desk, course_id, node.clock())
    seat_id = await school.enrol(course_id, "a")
    await courses.add_material(
        node.pool, edition_id, "Appunti", "a.txt", b"Appunti.\n", documents.bounds_of(node.config), node.clock()
    )
    (material,) = (await courses.read(node.pool, edition_id)).materials
    return {
        "course_id": course_id,
        "edition_id": edition_id,
        "seat_id": seat_id,
        "material_id": material.material_id,
        "deed": "concludi",
    }


def closed_routes(app: web.Application, role: Role | None) -> Iterator[tuple[str, str]]:
    """Every (method, address) that a role has no right to."""
    may = permissions_of([role] if role else [])
    for route in app.router.routes():
        needed = needed_by(route.handler)
        if route.resource is None or needed is None or needed.permission in OPEN or needed.permission in may:
            continue
        if route.method in {"GET", "POST"}:
            yield route.method, route.resource.canonical


async def rows(node: Node) -> dict[str, str]:
    """A digest of every table that only deeds change."""
    async with acquire(node.pool) as conn:
        names = [
            row[0]
            for row in await conn.fetch(
                "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
            )
        ]
        return {
            name: await conn.fetchval(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {name} t"
            )
            for name in names
            if not name.startswith(MOVING)
        }


@pytest.mark.timeout(120)
@pytest.mark.parametrize("role", [None, *Role])
async def test_who_has_no_right_cannot_tell_what_is_there_and_changes_nothing(
    node: Node, staff: Staff, monkeypatch: pytest.MonkeyPatch, role: Role | None
) -> None:
    """Each closed address, by GET and POST, with an object that is there and one that is not: one answer, and no row moves."""
    for kind in ("page", "api"):
        monkeypatch.setitem(allowance.RATES, kind, allowance.Rate(10_000, 100_000))
    known = await objects(node, staff)
    desk = Desk(node.pool, replace(node.sign_in_settings(), pad_s=0), node.clock())
    app = served(node)
    asked = 0
    async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
        with canary.HEARD.in_office():
            browser = Browser(client)
            if role is not None:
                browser.hold(await session(desk, f"persona {role}", role))
            page = await browser.get("/utente" if role else "/entra")
            token = page.partition('name="csrf" value="')[2][:64]
            before = await rows(node)
            for method, path in closed_routes(app, role):
                names = re.findall(r"\{(\w+)[^}]*\}", path)
                assert set(names) <= known.keys(), f"{path}: an object of a new kind, make one above"
                said = []
                for each in (known, dict.fromkeys(known, NOBODY)):
                    address = path
                    for name in names:
                        address = re.sub(rf"\{{{name}[^}}]*\}}", each[name], address)
                    data = {"csrf": token} if method == "POST" else None
                    reply = await client.request(method, address, headers=PAGE, data=data, allow_redirects=False)
                    refused = {303, 401} if role is None else {403, 404}
                    assert reply.status in refused, (method, address, reply.status)
                    if reply.status == 303:
                        assert reply.headers["Location"].startswith("/entra"), (method, address)
                    # The address itself is on the page, as the link to the other language.
                    text = (await reply.text()).replace(address, "").replace(quote(address, safe=""), "")
                    said.append((reply.status, _VARIABLE.sub("", text)))
                    asked += 1
                assert not names or said[0] == said[1], (method, path)
            assert await rows(node) == before
    assert asked > 10
