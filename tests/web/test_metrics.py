"""The numbers of a node: whole and well formed, bounded, and never a word of anybody's."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from node import runtime
from node.exposition import OPEN_TYPE, PLAIN_TYPE
from node.flows.upkeep import measures
from node.flows.upkeep.jobs import Schedule, Turn
from node.flows.upkeep.measures import Reading
from node.runtime import Node
from node.store.postgres import acquire
from node.web import app as application
from node.web import metrics
from tests import canary
from tests.exposition_read import Read, read
from tests.federation_made import Clock, Town, federation
from tests.flows.profiles.test_canary import furnish

OPEN = {"Accept": "application/openmetrics-text; version=1.0.0"}


def reading(node: Node, schedule: Callable[[], Schedule] | None = None) -> Reading:
    """Where the numbers of a node come from."""
    return Reading(node.place, node.meters, lambda: runtime.current_own(node), node.clock, schedule)


async def scrape(node: Node, schedule: Callable[[], Schedule] | None = None) -> dict[str, Read]:
    """The numbers of a node, read in both forms, which say the same."""
    async with TestClient(TestServer(metrics.build(reading(node, schedule)))) as client:
        plain = await client.get("/metrics")
        opened = await client.get("/metrics", headers=OPEN)
        assert (plain.status, plain.headers["Content-Type"]) == (200, PLAIN_TYPE)
        assert (opened.status, opened.headers["Content-Type"]) == (200, OPEN_TYPE)
        assert plain.headers["Cache-Control"] == "no-store"
        found = read(await plain.text(), openmetrics=False)
        assert read(await opened.text(), openmetrics=True) == {name: replace_help(name, one, found) for name, one in found.items()}  # fmt: skip
        return found


def replace_help(name: str, one: Read, found: dict[str, Read]) -> Read:
    """The same family: only help texts are quoted otherwise."""
    return Read(one.kind, found[name].help, one.samples)


@pytest.fixture
async def towns(server: str, tmp_path: Path) -> AsyncIterator[list[Town]]:
    """Two nodes that have something to tell each other."""
    async with federation(server, tmp_path, Clock(), ["p_LE", "cmto"]) as made:
        await made[1].publish(3)
        await made[0].publish(2)
        yield made


async def test_a_node_tells_how_its_logs_its_jobs_and_itself_are(towns: list[Town]) -> None:
    """Every number is the one that the database, the configuration or the process has."""
    lecce = towns[0]
    clock: Any = lecce.node.clock
    await lecce.sync()
    clock.forward(minutes=5)
    turn = Turn("due", 60, began_at=clock() - dt.timedelta(seconds=30), ended_at=clock() - dt.timedelta(seconds=20))
    bad = Turn("post", 60, began_at=clock() - dt.timedelta(hours=2), ended_at=clock(), code="x", failures=4)
    found = await scrape(lecce.node, lambda: Schedule(clock() - dt.timedelta(hours=3), (turn, bad)))
    assert found["rete_database_up"].value() == 1
    assert found["rete_log_lag_seconds"].value(peer="cmto", epoch="2026") == 300
    assert found["rete_log_entries"].value(peer="cmto", epoch="2026") == 3
    assert found["rete_log_state"].value(peer="cmto", epoch="2026", state="ready") == 1
    assert found["rete_own_log_entries"].value() == found["rete_own_log_signed_entries"].value() == 2
    assert found["rete_own_log_fenced"].value() == 0
    assert found["rete_pulls"].value(peer="cmto", outcome="ok") == 1
    assert found["rete_job_ended_seconds"].value(task="due") == 20
    assert found["rete_job_failures"].value(task="post") == 4
    assert found["rete_job_standing"].value(task="due") == 0
    assert found["rete_job_standing"].value(task="post") == 1
    assert found["rete_backup_enabled"].value() == 0
    assert "rete_backup_age_seconds" not in found
    assert found["rete_database_pool_limit"].value() == 8
    assert found["process_resident_memory_bytes"].value() > 10_000_000
    assert found["process_open_fds"].value() > 3
    async with acquire(lecce.node.pool) as conn:
        await conn.execute("UPDATE log.origin SET state = 'fenced' WHERE is_own")
    assert (await scrape(lecce.node))["rete_own_log_fenced"].value() == 1


async def test_a_pull_that_fails_is_counted_by_its_code(towns: list[Town]) -> None:
    """Beside those that succeeded, by member."""
    lecce, torino = towns
    await torino.stop()
    await lecce.sync()
    pulls = (await scrape(lecce.node))["rete_pulls"]
    ((_, labels),) = pulls.samples
    assert dict(labels)["peer"] == "cmto"
    assert dict(labels)["outcome"].startswith("road-")


async def test_without_the_database_the_process_still_tells(towns: list[Town], monkeypatch: pytest.MonkeyPatch) -> None:
    """In time; what is missing is missing, and one number says why."""
    node = towns[0].node
    monkeypatch.setattr(measures, "READ_S", 0.2)
    held = [await node.pool.acquire() for _ in range(node.pool.get_max_size())]
    try:
        found = await scrape(node)
    finally:
        for conn in held:
            await node.pool.release(conn)
    assert found["rete_database_up"].value() == 0
    assert found["rete_database_pool_connections"].value(state="used") == 8
    assert not {name for name in found if name.startswith(("rete_log_", "rete_own_log", "rete_outbox"))}
    assert found["process_open_fds"].value() > 3


async def test_no_secret_and_no_typed_word_is_ever_among_the_numbers(towns: list[Town]) -> None:
    """Every private text replaced by a secret, secrets typed in paths, queries and headers: none stands in any number's name or label."""
    node = towns[0].node
    await furnish(node)
    typed = [canary.word() for _ in range(4)]
    async with TestClient(TestServer(application.build(node))) as client:
        for path in (f"/cerca?q={typed[0]}", f"/profili/{typed[1]}", f"/{typed[2]}", f"/api/v1/profiles?q={typed[0]}"):
            await client.get(path, headers={"traceparent": typed[3], "X-Request-Id": typed[3]})
        await client.request(typed[3].upper(), "/cerca")
    async with acquire(node.pool) as conn:
        planted = await canary.plant(conn)
    assert len(planted) > 1000
    async with TestClient(TestServer(metrics.build(reading(node)))) as client:
        text = await (await client.get("/metrics")).read()
        elsewhere = await client.get(f"/{typed[0]}")
    found = read(text.decode(), openmetrics=False)
    assert not canary.found(text, [*planted, *typed])
    assert elsewhere.status == 404
    assert found["rete_requests"].value(route="/profili/{profile_id}", status="4xx") >= 1
    routes = {r.resource.canonical for r in application.build(node).router.routes() if r.resource is not None}
    told = {dict(labels)["route"] for _, labels in found["rete_requests"].samples}
    assert told <= routes | {"unknown"}
    # No name of a body either: ids alone.
    assert node.config.node.name.encode() not in text or node.config.node.name == node.config.node.id


async def test_who_asks_too_often_is_told_the_last_reading(towns: list[Town], monkeypatch: pytest.MonkeyPatch) -> None:
    """One reading at a time: a flood costs the database nothing."""
    read_ones = 0
    real = measures.read

    async def counted(of: Reading) -> Any:
        nonlocal read_ones
        read_ones += 1
        return await real(of)

    monkeypatch.setattr(measures, "read", counted)
    monkeypatch.setattr(metrics, "EVERY_S", 60.0)
    app: web.Application = metrics.build(reading(towns[0].node))
    async with TestClient(TestServer(app)) as client:
        assert {(await client.get("/metrics")).status for _ in range(20)} == {200}
    assert read_ones == 1
