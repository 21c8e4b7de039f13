"""What was refused to somebody who had signed in stands in the chain of decisions, however often it was asked, in few events."""

from __future__ import annotations

import json
from typing import Any

from node.domain.roles import Role
from node.flows.people import refusals
from node.flows.upkeep import audit
from node.runtime import Node
from node.store.postgres import acquire
from node.web import permission
from tests.networks_made import record
from tests.register_made import add, signed_in
from tests.web.test_app import node

__all__ = ["node"]
LIST = "/ufficio/reti"
NOBODY = "0b5a3a52-0000-4000-8000-000000000000"


async def told(node: Node) -> list[dict[str, Any]]:
    """The refusals in the chain, oldest first."""
    async with acquire(node.pool) as conn:
        rows = await conn.fetch("SELECT document FROM audit.event WHERE kind = 'access-refused' ORDER BY event_id")
    return [json.loads(row["document"]) for row in rows]


async def test_an_object_that_is_not_theirs_is_told_by_route_and_object(node: Node) -> None:
    """There or not there: 404 both, and both in the chain, with who asked; what was typed is not."""
    network_id = await add(node, record())
    async with signed_in(node, Role.ANALYST, name="gina") as browser:
        for asked in (network_id, NOBODY, "Rossi-Mario"):
            await browser.get(f"{LIST}/{asked}", 404)
        # No address of ours, and one that is for everybody: nobody's object.
        await browser.get("/nulla/di/nulla", 404)
        await browser.get(f"/profili/{NOBODY}", 404)
    async with signed_in(node, Role.OFFICER, name="anna") as browser:
        await browser.get(f"{LIST}/{network_id}")
        await browser.get(f"{LIST}/{NOBODY}", 404)
        await browser.get("/amministrazione/utenti", 403)
    found = [(one["name"], one["route"], one["object"], one["why"], one["count"]) for one in await told(node)]
    route = f"{LIST}/{{network_id}}"
    assert found == [
        ("gina", route, network_id, "not-found", 1),
        ("gina", route, NOBODY, "not-found", 2),
        ("gina", route, None, "not-found", 3),
        ("anna", route, NOBODY, "network-unknown", 1),
        ("anna", "/amministrazione/utenti", None, "permission-missing", 2),
    ]
    async with acquire(node.pool) as conn:
        assert not await conn.fetchval("SELECT count(*) FROM audit.event WHERE document LIKE '%Rossi%'")
    assert (await audit.verify(node.pool, node.home)).broken is None


async def test_a_flood_of_refusals_leaves_few_events_and_another_day_begins_anew(node: Node) -> None:
    """Two thousand of one account: twenty, then each power of two; the chain is whole; the account's next day counts from one."""
    async with signed_in(node, Role.ANALYST, name="gina") as browser:
        await browser.get(f"{LIST}/{NOBODY}", 404)
    async with acquire(node.pool) as conn:
        account = await conn.fetchval("SELECT account_id::text FROM office.account WHERE name = 'gina'")
        for _ in range(1999):
            await conn.execute("SELECT audit.access_refused($1, $2, NULL, 'not-found')", account, LIST)
    assert [one["count"] for one in await told(node)] == [*range(1, 21), 32, 64, 128, 256, 512, 1024]
    async with acquire(node.pool) as conn:
        await conn.execute("UPDATE audit.refusals SET day = day - 1")
    await refusals.note(node.pool, account, LIST, None, "not-found")
    assert (await told(node))[-1]["count"] == 1
    assert (await audit.verify(node.pool, node.home)).broken is None


async def test_what_can_not_be_told_is_refused_all_the_same(node: Node) -> None:
    """A database that takes no more events, and a route that is no pattern of ours: 404 as before, never 500."""
    async with signed_in(node, Role.ANALYST, name="gina") as browser:
        async with acquire(node.pool) as conn:
            await conn.execute("ALTER FUNCTION audit.access_refused(uuid, text, uuid, text) RENAME TO gone")
        await browser.get(f"{LIST}/{NOBODY}", 404)
    assert await told(node) == []


def test_only_identifiers_in_their_own_spelling_are_objects() -> None:
    """The last of several; no words, no other spelling of one."""
    assert permission.object_of(["x", NOBODY]) == NOBODY
    assert permission.object_of([NOBODY.upper(), "{" + NOBODY + "}", "Mario Rossi", ""]) is None
