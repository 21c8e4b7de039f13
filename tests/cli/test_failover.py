"""The written server dies under load and the one that follows takes its place: nothing that was confirmed is lost, and the log has one history.

A primary and a synchronous standby, for real; fifty writes a second through the flows of pages, signed by a ``rete serve --leader`` of its
own; SIGKILL, ``pg_ctl promote``; the node finds the new primary by the several hosts of its DSN. ``RETE_FAILOVERS`` (1): how often, the old
primary made anew as the standby each time; ``RETE_FAILOVER_S`` (1.5): for how long is written before and after.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from node import runtime
from node.errors import ReteError
from node.flows.logs.append import Operation, append, sign_head
from node.flows.logs.trees import stored_root
from node.protocol import canonical
from node.runtime import Node, utc_now
from node.store import embedded
from node.store.postgres import Connection, run_tx
from tests import standby_made
from tests.cli.test_serve import ROOT, until_told
from tests.conftest import EXTERNAL
from tests.federation_made import federation
from tests.profiles_made import profile

ROUNDS = int(os.environ.get("RETE_FAILOVERS", "1"))
SPAN_S = float(os.environ.get("RETE_FAILOVER_S", "1.5"))
RATE = 50
WRITERS = 4
RECOVERY_S = 30.0
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError, ReteError)
pytestmark = pytest.mark.skipif(bool(EXTERNAL), reason="servers of its own are copied, killed and promoted")


@dataclass
class Pair:
    """Two places of servers, of which one is written and one follows."""

    folder: Path
    primary: str = "a"
    standby: str = "b"

    @property
    def dsn(self) -> str:
        """Whichever of them is written."""
        places = ",".join(str(self.folder / name) for name in "ab")
        return f"postgresql://postgres@/{standby_made.DATABASE}?host={places}&target_session_attrs=read-write"

    async def follow(self) -> None:
        """Have the standby follow the primary, which confirms nothing any more that the standby does not have."""
        cluster = await asyncio.to_thread(embedded.start, self.folder / self.primary)
        place = self.folder / self.standby
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
        await asyncio.to_thread(standby_made.copy, cluster, place, self.standby)
        await asyncio.to_thread(embedded.start, place)
        admin = await asyncpg.connect(cluster.dsn("postgres"))
        try:
            # After the copy: a server that was promoted alone waits for nobody.
            await admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{self.standby}'")
            await admin.execute("SELECT pg_reload_conf()")
            async with asyncio.timeout(20):
                while await admin.fetchval("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") != 1:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        finally:
            await admin.close()

    async def fail_over(self) -> None:
        """Kill the primary, and let the standby take its place."""
        await asyncio.to_thread(standby_made.kill, self.folder / self.primary)
        await asyncio.to_thread(standby_made.promote, self.folder / self.standby)
        self.primary, self.standby = self.standby, self.primary

    def stop(self) -> None:
        """End whatever runs."""
        for name in "ab":
            standby_made.kill(self.folder / name)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A server with an empty database of a node."""
    tmp_path.chmod(0o755)
    made = Pair(tmp_path)
    try:
        asyncio.run(standby_made.begin(embedded.start(tmp_path / "a")))
        yield made
    finally:
        made.stop()


@dataclass
class Load:
    """What was written: what was confirmed, when; what failed meanwhile; what was signed, as it was seen."""

    node: Node
    confirmed: dict[str, int] = field(default_factory=dict)
    at: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    signed: dict[int, bytes] = field(default_factory=dict)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self) -> None:
        """Publish one profile after another; one that fails is sent again, as people do."""
        face = runtime.beside_leader(self.node)
        while not self.ended.is_set():
            one = str(uuid.uuid4())
            document = canonical.dumps(profile(1, id=one, owner="p_LE"))
            while not self.ended.is_set():
                began = time.monotonic()
                try:
                    [self.confirmed[one]] = await run_tx(face.pool, self._append(one, document))
                    self.at.append(time.monotonic())
                    await sign_head(face.pool, face.own, face.clock())
                    break
                except LOST as error:
                    self.failed[getattr(error, "code", type(error).__name__)] += 1
                    if one in self.confirmed:
                        break
                    await asyncio.sleep(0.1)
            await asyncio.sleep(max(0.0, WRITERS / RATE - (time.monotonic() - began)))

    def _append(self, one: str, document: bytes):  # noqa: ANN202 - a transaction's work
        async def work(conn: Connection) -> list[int]:
            return await append(conn, self.node.own, [Operation(one, document)], self.node.clock())

        return work

    async def watch(self) -> None:
        """Keep every signed head that anybody could have seen."""
        while not self.ended.is_set():
            with contextlib.suppress(*LOST):
                for row in await self.node.pool.fetch("SELECT size, root FROM log.signed"):
                    assert self.signed.setdefault(row["size"], row["root"]) == row["root"], row["size"]
            await asyncio.sleep(0.05)

    async def newest(self) -> int:
        """The largest size that was signed."""
        with contextlib.suppress(*LOST):
            return int(await self.node.pool.fetchval("SELECT max(size) FROM log.signed") or 0)
        return 0


@asynccontextmanager
async def leader(home: Path, log: Path) -> AsyncIterator[None]:
    """A process that signs."""
    words = ("-u", "-m", "node", "serve", "--home", str(home), "--leader")
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT, stdout=out, stderr=out)
    try:
        await until_told(log, "lead.taken")
        yield
        process.terminate()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        # Shown only when the test fails.
        sys.stdout.write(log.read_text(encoding="utf-8")[-8000:])


@pytest.mark.timeout(120 + 60 * ROUNDS + 2 * ROUNDS * SPAN_S)
async def test_nothing_confirmed_is_lost_when_the_primary_dies_and_the_log_has_one_history(server: str, pair: Pair, tmp_path: Path) -> None:  # fmt: skip
    """Under fifty writes a second; the node goes on by itself on the server that took over, and another node's copy follows."""
    await pair.follow()
    gaps, signings = [], []
    async with federation(server, tmp_path / "homes", utc_now, ["p_LE", "cmto"], {"p_LE": pair.dsn}) as (town, other):
        async with leader(town.home, tmp_path / "leader.log"):
            load = Load(town.node)
            async with asyncio.TaskGroup() as group:
                group.create_task(load.watch())
                for _ in range(WRITERS):
                    group.create_task(load.write())
                for number in range(ROUNDS):
                    if number:
                        await pair.follow()
                    await asyncio.sleep(SPAN_S)
                    await other.sync()
                    before, size = len(load.at), await load.newest()
                    assert before > 10
                    killed = time.monotonic()
                    await pair.fail_over()
                    async with asyncio.timeout(RECOVERY_S):
                        while not any(at > killed + 0.2 for at in load.at[before:]):  # noqa: ASYNC110 - others write
                            await asyncio.sleep(0.02)
                        gaps.append(next(at for at in load.at[before:] if at > killed + 0.2) - killed)
                        while await load.newest() <= size:  # noqa: ASYNC110 - another process signs
                            await asyncio.sleep(0.05)
                        signings.append(time.monotonic() - killed)
                    await asyncio.sleep(SPAN_S)
                load.ended.set()
            async with asyncio.timeout(RECOVERY_S):
                while await load.newest() < max(load.confirmed.values()) + 1:  # noqa: ASYNC110 - likewise
                    await asyncio.sleep(0.05)
        await other.sync()
        async with town.node.pool.acquire() as conn:
            there = {
                (str(row["profile_id"]), row["idx"])
                for row in await conn.fetch("SELECT profile_id, idx FROM coop.profile")
            }
            heads = {row["size"]: row["root"] for row in await conn.fetch("SELECT size, root FROM log.signed")}
            for size, root in heads.items():
                assert await stored_root(conn, town.node.own.origin_id, size) == root
        lost = {one for one in load.confirmed.items() if one not in there}
        assert not lost
        # Whatever anybody could have seen signed is signed so still.
        assert {size: heads.get(size) for size in load.signed} == load.signed
        assert (await other.origin("p_LE")).size == max(heads)
    sys.stdout.write(
        f"{len(load.confirmed)} confirmed, {ROUNDS} failovers, none lost; writes again after"
        f" {max(gaps):.1f} s at most (median {sorted(gaps)[len(gaps) // 2]:.1f}), signed again after {max(signings):.1f} s;"
        f" meanwhile: {dict(load.failed)}\n"
    )
