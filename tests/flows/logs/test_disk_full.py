"""The disk of the database is really full: on a small file system in memory, mounted for this test by whoever may."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from node import runtime
from node.errors import ReteError
from node.flows.logs.append import Operation
from node.protocol import body, canonical
from node.store import embedded
from tests.federation_made import Town, federation, new_database
from tests.profiles_made import profile

DISK_MB, LEFT_MB, BATCH = 256, 2, 20
ORIGIN, PULLER = "p_LE", "cmto"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    place = tmp_path / "small"
    place.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    options = f"size={DISK_MB}m,mode=755"
    if mount is None or umount is None or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    if subprocess.run(
        [mount, "-t", "tmpfs", "-o", options, "tmpfs", place], check=False, capture_output=True
    ).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield place
    finally:
        subprocess.run([umount, "-l", place], check=True)


def fill(place: Path) -> Path:
    """Leave a few megabytes free; return the file that holds the rest."""
    ballast = place / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(place).free - LEFT_MB * 2**20)
    return ballast


async def publish_until_refused(town: Town) -> tuple[list[str], BaseException]:
    """Publish batches; return the ids that were acknowledged and the refusal."""
    acknowledged: list[str] = []
    while True:
        ids = [str(uuid.uuid4()) for _ in range(BATCH)]
        try:
            await town.write(*(Operation(i, canonical.dumps(profile(1, id=i, owner=ORIGIN))) for i in ids))
        except (ReteError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            return acknowledged, error
        acknowledged += ids


async def ids_of(town: Town) -> set[str]:
    """The ids of the profiles whose bodies a node has."""
    async with town.node.pool.acquire() as conn:
        return {row["id"] for row in await conn.fetch("SELECT profile_id::text AS id FROM coop.profile")}


async def refuse_a_replay(origin: Town, puller: Town) -> None:
    """The same signed request for bodies twice: answered, then refused; for the sealed post not even once."""
    url, path = f"127.0.0.1:{origin.port}", "/federation/log/2026/bodies"
    raw = body.encode_request([0])
    headers = {**puller.node.request_signer()("POST", url, path, "", raw), "Content-Type": "application/json"}
    for status in (200, 409):
        async with origin.session.post(f"http://{url}{path}", data=raw, headers=headers) as reply:
            assert reply.status == status, await reply.text()
    signed = puller.node.request_signer()("GET", url, "/federation/outbox", "after=0", None)
    async with origin.session.get(f"http://{url}/federation/outbox?after=0", headers=signed) as reply:
        assert (reply.status, reply.headers.get("Retry-After")) == (503, "10"), await reply.text()


async def reckon(origin: Town, puller: Town, acknowledged: set[str]) -> None:
    """With room again: the node publishes, the other has all of it, what was acknowledged is there, and nothing twice."""
    after = await origin.publish(BATCH)
    (report,) = await puller.sync(owner=ORIGIN)
    assert report.error_code is None
    async with origin.node.pool.acquire() as conn:
        rows = await conn.fetch("SELECT item_id::text AS id FROM log.item WHERE NOT dead")
        entries = await conn.fetchval("SELECT count(*) FROM log.entry")
    there = [row["id"] for row in rows]
    assert len(there) == len(set(there)) == entries == await puller.known()
    assert acknowledged | set(after) <= set(there)
    # At most the batches whose entries were in before their head could be signed.
    assert len(there) - len(acknowledged) - len(after) <= 2 * BATCH


async def recovered(dsn: str) -> None:
    """Wait until a server has gone through its log again."""
    async with asyncio.timeout(60):
        while True:
            try:
                await (await asyncpg.connect(dsn)).close()
            except (asyncpg.CannotConnectNowError, OSError):
                await asyncio.sleep(0.1)
            else:
                return


@pytest.mark.timeout(120)
async def test_a_full_disk_of_tables_refuses_writes_and_loses_none(
    small_disk: Path, server: str, tmp_path: Path
) -> None:
    """No room for rows: refused again and again, search and checkpoint still answer; with room the node goes on by itself."""
    with embedded.lease(tmp_path / "own" / "cluster") as cluster:
        tables = small_disk / "tables"
        tables.mkdir()
        shutil.chown(tables, cluster.folder.stat().st_uid)
        admin = await asyncpg.connect(cluster.dsn("postgres"))
        await admin.execute(f"CREATE TABLESPACE small LOCATION '{tables}'")
        await admin.execute('CREATE DATABASE "node" TABLESPACE small')
        await admin.close()
        databases = {ORIGIN: await embedded.ensure_database(cluster, "node"), PULLER: await new_database(server)}
        async with federation(server, tmp_path, runtime.utc_now, (ORIGIN, PULLER), databases) as (origin, puller):
            acknowledged = set(await origin.publish(BATCH))
            ballast = await asyncio.to_thread(fill, small_disk)
            for _ in range(2):
                more, refusal = await publish_until_refused(origin)
                assert isinstance(refusal, asyncpg.DiskFullError), repr(refusal)
                acknowledged |= set(more)
                for path in ("/federation/log/2026/checkpoint", "/api/v1/profiles?q=rete"):
                    async with origin.session.get(f"http://127.0.0.1:{origin.port}{path}") as reply:
                        assert reply.status == 200, path
                # Bodies too: that the request came is remembered by the process, while the database can't.
                (report,) = await puller.sync(owner=ORIGIN)
                assert report.error_code is None, report.error
                assert acknowledged <= await ids_of(puller)
                await refuse_a_replay(origin, puller)
            ballast.unlink()
            await reckon(origin, puller, acknowledged)


@pytest.mark.timeout(120)
async def test_a_full_disk_of_the_write_ahead_log_loses_nothing_that_was_acknowledged(
    small_disk: Path, server: str, tmp_path: Path
) -> None:
    """PostgreSQL stops by itself there: one error, no answer. Whoever keeps it, as a served node does, tries again and again; with room all is there once, by nobody's hands."""
    with embedded.lease(small_disk / "cluster") as cluster:
        databases = {ORIGIN: await embedded.ensure_database(cluster, "node"), PULLER: await new_database(server)}
        async with federation(server, tmp_path, runtime.utc_now, (ORIGIN, PULLER), databases) as (origin, puller):
            acknowledged = set(await origin.publish(BATCH))
            ballast = await asyncio.to_thread(fill, small_disk)
            more, refusal = await publish_until_refused(origin)
            assert isinstance(refusal, (ReteError, asyncpg.PostgresError, asyncpg.InterfaceError)), repr(refusal)
            assert more
            keeping = asyncio.create_task(embedded.keep(cluster.folder, databases[ORIGIN]))
            try:
                # Without room it may come up, and stop again at the next write: nobody has to do anything about it.
                await asyncio.sleep(embedded.WATCH_S + 1)
                ballast.unlink()
                await recovered(databases[ORIGIN])
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
            await reckon(origin, puller, acknowledged | set(more))
