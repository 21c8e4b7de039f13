"""One process leads, by a lock of its session and a number; what an earlier leader still writes is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from node.errors import LeadLostError
from node.flows.logs.append import Operation, append, sign_head
from node.flows.upkeep.home import Facts, make_home
from node.protocol import canonical
from node.runtime import Node, beside_leader, leading, open_node
from node.store import leader, own_log, wake
from node.store.postgres import Connection, Pool, listen, run_tx, transaction
from tests.profiles_made import profile
from tests.web.test_app import NOW, clock

PROFILE = "0198c0de-0000-4000-8000-000000000001"


@pytest.fixture
async def first(db: str) -> AsyncIterator[Connection]:
    """A session that wants to lead."""
    conn = await leader.connect(db, lambda: None)
    yield conn
    conn.terminate()


@pytest.fixture
async def node(db: str, tmp_path: Path) -> AsyncIterator[Node]:
    """An open node."""
    home = tmp_path / "home"
    make_home(home, Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), "127.0.0.1:8441", 8441, 2026, db))
    async with open_node(home, clock=clock) as node:
        yield node


@pytest.fixture
async def second(db: str) -> AsyncIterator[Connection]:
    """Another one."""
    conn = await leader.connect(db, lambda: None)
    yield conn
    conn.terminate()


async def silent(conn: Connection) -> None:
    """Let the leader have given no sign of life for as long as matters."""
    await conn.execute(f"UPDATE ops.leader SET seen_at = clock_timestamp() - interval '{leader.SILENT_S + 1} s'")


async def write(node: Node) -> None:
    """Append one profile to the own log."""
    document = profile(1, id=PROFILE, owner="p_LE")
    async with transaction(node.pool) as conn:
        await append(conn, node.own, [Operation(PROFILE, canonical.dumps(document))], NOW)


async def signed(pool: Pool, node: Node) -> int:
    """How large the newest own checkpoint is."""
    async with pool.acquire() as conn:
        latest = await own_log.signed_latest(conn, node.own.origin_id)
    return latest.size if latest else 0


async def test_one_leads_and_the_next_takes_the_next_number(first: Connection, second: Connection, db: str) -> None:
    """While one holds the lead nobody else gets it; when it gives it back, or its session just ends, another one does."""
    told = asyncio.Event()
    waiting = await leader.connect(db, told.set)
    assert (await leader.standing(second)).leads is False
    assert await leader.try_take(first, "a 1") == 1
    assert await leader.try_take(second, "b 2") is None
    stood = await leader.standing(second)
    assert (stood.epoch, stood.holder, stood.leads, stood.held) == (1, "a 1", True, True)
    await leader.leave(first, 1)
    async with asyncio.timeout(5):
        await told.wait()
    stood = await leader.standing(second)
    assert (stood.holder, stood.leads) == ("", False)
    assert await leader.try_take(second, "b 2") == 2
    second.terminate()
    async with asyncio.timeout(5):
        while (epoch := await leader.try_take(waiting, "c 3")) is None:  # noqa: ASYNC110 - another session ends
            await asyncio.sleep(0.02)
    assert epoch == 3
    assert await leader.beat(waiting, 3)
    assert not await leader.beat(waiting, 2)
    waiting.terminate()


async def test_who_gives_no_sign_of_life_is_put_out_of_its_sessions(
    first: Connection, second: Connection, db: str
) -> None:
    """Its lock session and what its jobs have open end before the number is taken; one that is alive is left alone."""
    assert await leader.try_take(first, "a 1") == 1
    await silent(second)
    assert await leader.beat(first, 1)
    assert await leader.try_take(second, "b 2") is None
    await silent(second)
    assert await leader.try_take(second, "b 2") == 2
    with pytest.raises(leader.GONE):
        await leader.beat(first, 1)
    assert (await leader.standing(second)).holder == "b 2"


async def test_an_earlier_leader_can_neither_write_nor_sign(node: Node, first: Connection, second: Connection) -> None:
    """Stopped in the middle of a transaction, or before one: nothing of it is kept, and the log has one history."""
    assert await leader.try_take(first, "a 1") == 1
    async with leading(node, 1) as old:
        await write(old)
        assert await sign_head(old.pool, old.own, NOW) == 1
        # It stands still inside a transaction, holding its number and the head of the log.
        with pytest.raises(leader.GONE):
            async with transaction(old.pool) as stopped:
                await append(stopped, old.own, [Operation(PROFILE, None)], NOW)
                await silent(second)
                assert await leader.try_take(second, "b 2") == 2
                await stopped.execute("SELECT 1")
        for work in (write(old), sign_head(old.pool, old.own, NOW), run_tx(old.pool, lambda c: wake.wake(c, "pull"))):
            with pytest.raises(LeadLostError) as refused:
                await work
            assert refused.value.code == "lead-lost"
    async with leading(node, 2) as new:
        async with transaction(new.pool) as conn:
            await append(conn, new.own, [Operation(PROFILE, None)], NOW)
        assert await sign_head(new.pool, new.own, NOW) == 2
    async with node.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM log.entry") == 2
        assert [row["size"] for row in await conn.fetch("SELECT size FROM log.signed ORDER BY size")] == [1, 2]


async def test_a_sign_of_life_waits_for_no_write_of_the_leader(node: Node, first: Connection) -> None:
    """A long transaction under the number does not silence who leads."""
    assert await leader.try_take(first, "a 1") == 1
    async with leading(node, 1) as lead, transaction(lead.pool) as conn:
        await conn.execute("SELECT 1")
        async with asyncio.timeout(2):
            assert await leader.beat(first, 1)


async def test_what_a_face_publishes_is_signed_by_whoever_leads(node: Node, db: str) -> None:
    """A process that does not sign writes the entry and wakes the others; a command, which is nobody's leader, signs by itself."""
    heard: list[str] = []
    again = asyncio.Event()
    ear = asyncio.create_task(listen(db, wake.CHANNEL, heard.append, again.set))
    try:
        async with asyncio.timeout(10):
            while "ready" not in heard:
                await run_tx(node.pool, lambda conn: wake.wake(conn, "ready"))
                await asyncio.sleep(0.02)
            face = beside_leader(node)
            await write(face)
            assert await sign_head(face.pool, face.own, NOW) is None
            assert await signed(node.pool, node) == 0
            while wake.ANNOUNCE not in heard:  # noqa: ASYNC110 - the server tells
                await asyncio.sleep(0.02)
            assert await sign_head(node.pool, replace(face.own, signs=True), NOW) == 1
            await run_tx(node.pool, lambda conn: wake.wake(conn, wake.AGREEMENT, "cmto"))
            while "agreement cmto" not in heard:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.02)
            # Who has not listened for a while is told that there may be something.
            assert not again.is_set()
            ended = await node.pool.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
            )
            assert ended == 1
            await again.wait()
    finally:
        ear.cancel()
        with suppress(asyncio.CancelledError):
            await ear


async def test_nobody_leads_on_a_server_that_follows_another(first: Connection) -> None:
    """A standby of the server gives its locks to anybody: the lead is not taken there, nor is anything written."""
    await first.execute(
        "CREATE SCHEMA standby; SET search_path = standby, pg_catalog;"
        " CREATE FUNCTION standby.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true'"
    )
    assert await leader.try_take(first, "a 1") is None
    stood = await leader.standing(first)
    assert (stood.epoch, stood.held) == (0, False)
    await first.execute("RESET search_path")
    assert await leader.try_take(first, "a 1") == 1
