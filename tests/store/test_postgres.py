"""Connections and transactions on a real server that is killed, full or gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from node.errors import OperatorError
from node.store import embedded, postgres
from node.store.postgres import Connection, Pool, acquire, open_pool, run_tx

# Far more than a socket's buffers hold: a COPY into a locked table must stand still, waiting for room to write.
ROWS = [(number, "x" * 2000) for number in range(8000)]


@pytest.fixture
async def admin(db: str) -> AsyncIterator[Connection]:
    """A connection apart from the pool; meanwhile table ``locked`` can't be written, table ``free`` can."""
    admin, keeper = await asyncpg.connect(db), await asyncpg.connect(db)
    await admin.execute("CREATE TABLE locked (n int, word text)")
    await admin.execute("CREATE TABLE free (n int, word text)")
    await keeper.execute("BEGIN")
    await keeper.execute("LOCK TABLE locked IN SHARE MODE")
    yield admin
    await keeper.close()
    await admin.close()


async def end_the_waiting_backend(admin: Connection, pause_s: float) -> None:
    """Terminate the backend that waits for the lock, ``pause_s`` after it was first seen."""
    waiting = None
    while waiting is None:
        await asyncio.sleep(0.005)
        waiting = await admin.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
    await asyncio.sleep(pause_s)
    await admin.execute("SELECT pg_terminate_backend($1)", waiting)


@pytest.mark.parametrize("pause_s", [0.0, 0.01, 0.1])
async def test_a_copy_whose_backend_dies_runs_again_and_leaves_no_trace_on_its_task(
    pool: Pool, admin: Connection, pause_s: float
) -> None:
    """Ten times each: the second run succeeds, nothing is stored twice, and the task is not left half cancelled."""
    task = asyncio.current_task()
    assert task is not None
    for turn in range(1, 11):
        tables = iter(("locked", "free"))

        async def work(conn: Connection, tables: Iterator[str] = tables) -> None:
            await conn.execute("INSERT INTO free VALUES (0, 'once')")
            await conn.copy_records_to_table(next(tables), records=ROWS)

        killer = asyncio.create_task(end_the_waiting_backend(admin, pause_s))
        async with asyncio.timeout(10):
            await run_tx(pool, work)
        await killer
        assert task.cancelling() == 0
        # A task left half cancelled would see its own time limit as somebody's cancellation.
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.sleep(1)
        assert await admin.fetchval("SELECT count(*) FROM free WHERE word = 'once'") == turn


@pytest.mark.timeout(120)
async def test_a_copy_whose_server_dies_ends_in_one_clear_error(tmp_path: Path) -> None:
    """The whole server is killed under it: the retry finds nobody, the operator is told, the task is whole."""
    task = asyncio.current_task()
    assert task is not None
    with embedded.lease(tmp_path / "cluster") as cluster:
        pool = await open_pool(cluster.dsn("postgres"), max_size=3)
        postmaster = int((cluster.folder / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        async with acquire(pool) as conn:
            await conn.execute("CREATE TABLE locked (n int, word text)")
            await conn.execute("BEGIN")
            await conn.execute("LOCK TABLE locked IN SHARE MODE")

            async def work(writer: Connection) -> None:
                asyncio.get_running_loop().call_later(0.3, os.kill, postmaster, signal.SIGQUIT)
                await writer.copy_records_to_table("locked", records=ROWS)

            with pytest.raises(OperatorError) as caught:
                async with asyncio.timeout(20):
                    await run_tx(pool, work)
        pool.terminate()
    assert (caught.value.code, task.cancelling()) == ("database-unreachable", 0)


async def test_a_pool_without_a_free_connection_is_not_waited_for_for_ever(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All connections are in use: one clear error after the named time; then the pool serves again."""
    monkeypatch.setattr(postgres, "CONNECT_TIMEOUT_S", 0.05)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(pool.get_max_size()):
            await stack.enter_async_context(acquire(pool))
        with pytest.raises(OperatorError) as caught:
            await stack.enter_async_context(acquire(pool))
        assert caught.value.code == "database-unreachable"
    async with acquire(pool) as conn:
        assert await conn.fetchval("SELECT 1") == 1


async def test_a_server_that_refuses_is_one_clear_error(db: str) -> None:
    """A database that is not there, and nobody listening."""
    for dsn in (db.replace("/t_", "/absent_"), "postgresql://127.0.0.1:9/rete", "postgresql://h:port/rete"):
        with pytest.raises(OperatorError) as caught:
            await open_pool(dsn)
        assert caught.value.code == "database-unreachable"
