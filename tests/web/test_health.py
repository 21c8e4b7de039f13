"""What machines ask: does it live, is it ready; and what that costs and tells."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from node.flows.upkeep import ready
from node.flows.upkeep.jobs import Schedule, Turn
from node.runtime import Node
from node.store.postgres import acquire, newest_migration, open_pool
from node.web import app as application
from node.web import openapi, openapi_health
from node.web.allowance import RATES, is_probe
from node.web.sessions import COOKIE
from tests.web.test_app import NOW, node
from tests.web.test_openapi import resolved

__all__ = ["node"]
Client = TestClient[web.Request, web.Application]
MIGRATIONS = Path(__file__).resolve().parents[2] / "node" / "store" / "migrations"


def schedule_of(began: dt.datetime) -> Schedule:
    """A job of every minute that began a turn at a time."""
    return Schedule(NOW - dt.timedelta(days=1), (Turn("due", 60, began_at=began, ended_at=began),))


@pytest.fixture
async def client(node: Node) -> AsyncIterator[Client]:
    """A client of a node whose jobs run."""
    async with TestClient(TestServer(application.build(node, lambda: schedule_of(NOW)))) as client:
        yield client


async def said(client: Client) -> tuple[int, list[str], dict[str, str]]:
    """What /readyz answers, held against the OpenAPI document."""
    reply = await client.get("/readyz")
    document = openapi.document("http://x", sandbox=True)
    answer = resolved(document["paths"]["/readyz"]["get"]["responses"][str(reply.status)], document)
    told = await reply.json()
    jsonschema.validate(told, answer["content"]["application/json"]["schema"], cls=jsonschema.Draft202012Validator)
    assert reply.headers["Cache-Control"] == "no-store"
    assert set(answer["headers"]) <= set(reply.headers)
    assert (told["status"] == "ready") == (reply.status == 200) == (not told["reasons"])
    return reply.status, told["reasons"], told["checks"]


async def test_a_node_that_can_do_all_is_ready(client: Client) -> None:
    """Database, schema, own log and jobs."""
    assert await said(client) == (
        200,
        [],
        {"database": "ok", "schema": "ok", "log": "ok", "jobs": "ok", "process": "ok"},
    )


async def test_a_process_without_jobs_says_that_they_are_elsewhere(node: Node) -> None:
    """And is ready for what it does."""
    async with TestClient(TestServer(application.build(node))) as client:
        status, reasons, checks = await said(client)
    assert (status, reasons, checks["jobs"]) == (200, [], "elsewhere")


async def test_each_thing_that_is_missing_has_its_code(node: Node, client: Client) -> None:
    """The schema of another program, a fenced log, no log, jobs that stand; several at once."""
    async with acquire(node.pool) as conn:
        await conn.execute("UPDATE log.origin SET state = 'fenced' WHERE is_own")
        assert (await said(client))[:2] == (503, ["log-fenced"])
        await conn.execute("UPDATE ops.migration SET number = 9999 WHERE number = $1", newest_migration())
        assert (await said(client))[:2] == (503, ["schema-newer", "log-fenced"])
        await conn.execute("DELETE FROM ops.migration WHERE number = 9999")
        await conn.execute("UPDATE log.origin SET state = 'closed' WHERE is_own")
        assert (await said(client))[:2] == (503, ["schema-older", "log-missing"])
    late = schedule_of(NOW - dt.timedelta(minutes=8))
    async with TestClient(TestServer(application.build(node, lambda: late))) as standing:
        assert "jobs-standing" in (await said(standing))[1]


async def test_a_database_that_stands_still_is_told_in_time_and_livez_does_not_care(
    node: Node, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No connection is to be had: 503 in the named time, with one code; the process lives; then it heals by itself."""
    monkeypatch.setattr(ready, "READ_S", 0.2)
    async with AsyncExitStack() as stack:
        for _ in range(node.pool.get_max_size()):
            await stack.enter_async_context(acquire(node.pool))
        status, reasons, checks = await said(client)
        assert (status, reasons) == (503, ["database-unavailable"])
        assert (checks["schema"], checks["log"]) == ("unknown", "unknown")
        alive = await client.get("/livez")
        assert (alive.status, await alive.json()) == (200, {"status": "alive"})
        assert alive.headers["Cache-Control"] == "no-store"
    assert (await said(client))[0] == 200


async def test_livez_reaches_for_nothing(node: Node) -> None:
    """Over a pool that is closed, and with the cookie of a session, it answers; no cookie is given."""
    pool = await open_pool(node.dsn)
    await pool.close()
    closed = replace(node, pool=pool)
    async with TestClient(TestServer(application.build(closed, lambda: schedule_of(NOW)))) as client:
        reply = await client.get("/livez", headers={"Cookie": f"{COOKIE}=" + "x" * 43})
        assert (reply.status, "Set-Cookie" in reply.headers) == (200, False)
        assert (await client.get("/readyz")).status == 503


async def test_this_machine_asks_as_often_as_it_likes_and_others_do_not(node: Node) -> None:
    """Behind a proxy the others are told by the address that it saw; pages of this machine are counted as ever."""
    behind = replace(node, configured=replace(node.configured, web=replace(node.configured.web, behind_proxy=True)))
    many = int(RATES["api"].burst) + 10
    async with TestClient(TestServer(application.build(behind))) as client:
        assert {(await client.get("/livez")).status for _ in range(many)} == {200}
        outside = {"X-Forwarded-For": "192.0.2.7"}
        assert {(await client.get("/livez", headers=outside)).status for _ in range(many)} == {200, 429}
        assert {(await client.get("/status")).status for _ in range(many)} == {200, 429}
    assert is_probe("/readyz", "127.0.0.1")
    assert is_probe("/readyz", "::/64")
    assert not is_probe("/readyz", "2001:db8::/64")
    assert not is_probe("/readyz", "unknown")
    assert not is_probe("/cerca", "127.0.0.1")


def test_the_codes_of_the_document_are_those_that_are_given() -> None:
    """In both places, and the newest migration is the last file."""
    assert set(openapi_health.REASONS) == set(ready.REASONS)
    assert newest_migration() == max(int(file.name[:4]) for file in MIGRATIONS.glob("*.sql"))
