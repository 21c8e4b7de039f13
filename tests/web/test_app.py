"""The whole application of one node, over its database."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from node.flows.upkeep.home import Facts, make_home
from node.i18n import translator
from node.runtime import Node, open_node
from node.store import postgres
from node.store.postgres import acquire
from node.web import api
from node.web import app as application

Client = TestClient[web.Request, web.Application]
NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)


def clock() -> dt.datetime:
    """A clock that stands."""
    return NOW


@pytest.fixture
async def node(db: str, tmp_path: Path) -> AsyncIterator[Node]:
    """An open node."""
    home = tmp_path / "home"
    make_home(home, Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), "127.0.0.1:8441", 8441, 2026, db))
    async with open_node(home, clock=clock) as node:
        yield node


@pytest.fixture
async def client(node: Node) -> AsyncIterator[Client]:
    """A client of its application."""
    async with TestClient(TestServer(application.build(node))) as client:
        yield client


async def test_every_route_reads_the_node_s_own_clock(node: Node, client: Client) -> None:
    """What a profile's age is asked of is the clock the node was opened with."""
    assert client.app is not None
    assert client.app[api.COOPERATION].clock is clock


async def test_status_is_503_in_time_when_the_database_stands_still(
    node: Node, client: Client, db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query that waits and a pool without a free connection: an answer in the named time; then it heals by itself."""
    assert (await client.get("/status")).status == 200
    monkeypatch.setattr(application, "POOL_ALIVE_TIMEOUT_S", 0.2)
    keeper = await asyncpg.connect(db)
    await keeper.execute("BEGIN")
    await keeper.execute("LOCK TABLE log.origin IN ACCESS EXCLUSIVE MODE")
    reply = await client.get("/status")
    assert (reply.status, (await reply.json())["code"]) == (503, "database-unavailable")
    assert reply.headers["Retry-After"]
    await keeper.close()
    async with AsyncExitStack() as stack:
        for _ in range(node.pool.get_max_size()):
            await stack.enter_async_context(acquire(node.pool))
        assert (await client.get("/status")).status == 503
        monkeypatch.setattr(postgres, "CONNECT_TIMEOUT_S", 0.1)
        for path in ("/api/v1/profiles", "/federation/heads", "/federation/proofs", "/federation/log/2026/checkpoint"):
            reply = await client.get(path)
            assert (reply.status, (await reply.json())["code"]) == (503, "database-unreachable"), path
    monkeypatch.undo()
    assert (await client.get("/status")).status == 200
    assert (await client.get("/api/v1/profiles")).status == 200


async def test_problems_speak_the_reader_s_language_or_the_node_s(node: Node) -> None:
    """A node that speaks English answers in English unless the reader prefers Italian."""
    english = replace(node, configured=replace(node.config, node=replace(node.config.node, language="en")))
    async with TestClient(TestServer(application.build(english))) as client:
        seen = [
            (await (await client.get("/api/v1/profiles/x", headers=headers)).json())["title"]
            for headers in ({}, {"Accept-Language": "it-IT,en;q=0.5"}, {"Accept-Language": "fr"})
        ]
    message = "nessun profilo visibile con questo identificativo"
    assert seen == [translator("en")(message), message, translator("en")(message)]
