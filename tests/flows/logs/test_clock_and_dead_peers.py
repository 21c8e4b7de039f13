"""A clock that jumps, and a node that takes bytes and never answers: neither stops a log, nor anybody else's."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from node.store import highwater
from tests.federation_made import BEGIN, Clock, Town, federation

IDS = ("p_LE", "cmto", "cciaa_le")


@pytest.fixture
def clock() -> Clock:
    """The federation's time."""
    return Clock()


@pytest.fixture
async def towns(server: str, tmp_path: Path, clock: Clock) -> AsyncIterator[list[Town]]:
    """Lecce, Torino and the Chamber of Lecce, all serving."""
    async with federation(server, tmp_path, clock, IDS) as made:
        yield made


async def test_a_clock_that_jumps_back_loses_nothing_and_signs_no_size_twice(towns: list[Town], clock: Clock) -> None:
    """Ten minutes, a day and a year back: what is said then is pulled and found, each size has one root, the mark goes on."""
    lecce, torino, _ = towns
    await lecce.publish(2)
    await torino.sync(owner="p_LE")
    expected = 2
    for back in (dt.timedelta(minutes=10), dt.timedelta(days=1), dt.timedelta(days=365)):
        clock.now = BEGIN - back
        await lecce.publish(1)
        # The pause after a pull would be in the future now: a person who syncs does not wait for it.
        (report,) = await torino.sync(owner="p_LE")
        expected += 1
        assert report.error_code is None
        assert (await torino.known(), (await torino.origin("p_LE")).size) == (expected, expected)
        mark = highwater.read(lecce.node.own.mark)
        assert mark is not None
        assert mark.size == expected
    async with lecce.node.pool.acquire() as conn:
        sizes = [
            row["size"]
            for row in await conn.fetch("SELECT size FROM log.signed WHERE origin_id = $1", lecce.node.own.origin_id)
        ]
    assert len(sizes) == len(set(sizes))
    clock.now = BEGIN
    await lecce.withdraw(lecce.published[0])
    await torino.sync(owner="p_LE")
    assert await torino.known() == expected - 1


@asynccontextmanager
async def black_hole(port: int) -> AsyncIterator[list[asyncio.StreamWriter]]:
    """A server that accepts, reads, and never says a word; yields who has connected."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        await asyncio.Event().wait()

    server = await asyncio.start_server(hold, "127.0.0.1", port)
    try:
        yield held
    finally:
        server.close()
        for writer in held:
            writer.transport.abort()


async def test_a_silent_peer_keeps_nobody_else_waiting(towns: list[Town], server: str, tmp_path: Path) -> None:
    """While one node takes requests and never answers, the other's news are stored; its own row alone tells of it."""
    lecce, torino, camera = towns
    await torino.publish(3)
    await camera.publish(3)
    await torino.stop()
    async with AsyncExitStack() as stack:
        held = await stack.enter_async_context(black_hole(torino.port))
        pulling = asyncio.create_task(lecce.sync())
        async with asyncio.timeout(4):
            while not (held and await lecce.known() == 3):  # noqa: ASYNC110 - two sides that know nothing of each other
                await asyncio.sleep(0.02)
        # The silent one is still being waited for.
        assert not pulling.done()
        reports = {report.owner: report.error_code for report in await pulling}
    assert reports == {"cmto": "road-timeout", "cciaa_le": None}
    assert (await lecce.origin("cciaa_le")).failures == 0
    assert (await lecce.origin("cmto")).failures == 1
