"""The PostgreSQL that comes with the installation: a holder of its lease brings it back when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import pytest

from node.store import embedded
from node.store.embedded import Cluster
from node.store.postgres import acquire, open_pool


def postmaster(cluster: Cluster) -> int:
    """The number of the server's first process."""
    return int((cluster.folder / "postmaster.pid").read_text(encoding="utf-8").split()[0])


async def answered(cluster: Cluster, statement: str) -> object:
    """The answer of the server, once it has one again."""
    async with asyncio.timeout(60):
        while True:
            try:
                conn = await asyncpg.connect(cluster.dsn("postgres"), timeout=5)
                try:
                    return await conn.fetchval(statement)
                finally:
                    await conn.close()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(0.05)


@pytest.mark.timeout(150)
async def test_a_killed_server_is_started_again_by_those_who_hold_its_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two holders watch: one server comes back, twice, with what was committed; a pool opened before goes on."""
    monkeypatch.setattr(embedded, "WATCH_S", 0.1)
    with embedded.lease(tmp_path / "cluster") as cluster, embedded.lease(tmp_path / "cluster"):
        pool = await open_pool(cluster.dsn("postgres"), max_size=2)
        async with acquire(pool) as conn:
            await conn.execute("CREATE TABLE kept AS SELECT 7 AS n")
        holders = [
            asyncio.create_task(embedded.keep(cluster.folder, cluster.dsn("postgres"))) for _ in range(2)
        ]  # fmt: skip
        for _ in range(2):
            before = postmaster(cluster)
            os.kill(before, signal.SIGKILL)
            assert await answered(cluster, "SELECT n FROM kept") == 7
            assert postmaster(cluster) != before
        async with acquire(pool) as conn:
            assert await conn.fetchval("SELECT n FROM kept") == 7
        pool.terminate()
        for holder in holders:
            holder.cancel()
        await asyncio.gather(*holders, return_exceptions=True)
    # The last one to let go still stops it: perhaps a restart that was under way.
    for _ in range(600):
        if not (cluster.folder / "postmaster.pid").exists():
            break
        await asyncio.sleep(0.05)
    assert not (cluster.folder / "postmaster.pid").exists()


@pytest.mark.timeout(120)
def test_a_pid_file_that_names_another_program_is_not_believed(tmp_path: Path) -> None:
    """After a power cut the number of the old server may be anybody's: the server is started all the same."""
    with embedded.lease(tmp_path / "cluster") as cluster:
        pid_file = cluster.folder / "postmaster.pid"
        text = pid_file.read_text(encoding="utf-8")
    pid_file.write_text("\n".join([str(os.getpid()), *text.split("\n")[1:]]), encoding="utf-8")
    with embedded.lease(tmp_path / "cluster") as cluster:
        assert postmaster(cluster) != os.getpid()


async def test_only_silence_means_that_a_server_is_gone(server: str, tmp_path: Path) -> None:
    """A server that answers, even with a refusal, is there; a socket nobody listens on is not."""
    assert not await embedded._is_gone(server)
    assert not await embedded._is_gone(server.replace("/postgres?", "/nothing_here?"))
    assert await embedded._is_gone(f"postgresql://postgres@/postgres?host={tmp_path}")


@pytest.mark.timeout(120)
async def test_a_cluster_of_an_earlier_version_gets_the_settings_it_lacks(tmp_path: Path) -> None:
    """Without a restart: its log quotes no refused row any more; what it had set stays, and nothing is written twice."""
    with embedded.lease(tmp_path / "cluster") as cluster:
        path = cluster.folder / "postgresql.conf"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text(
            "".join(line for line in lines if not line.startswith("log_error_verbosity =")), encoding="utf-8"
        )
    with embedded.lease(tmp_path / "cluster") as cluster:
        started = postmaster(cluster)
        written = path.read_text(encoding="utf-8")
        with embedded.lease(tmp_path / "cluster"):
            assert path.read_text(encoding="utf-8") == written
        for _ in range(100):
            found = await answered(cluster, "SHOW log_error_verbosity")
            if found == "terse":
                break
            await asyncio.sleep(0.05)
        assert found == "terse"
        assert postmaster(cluster) == started
