"""The verified pull against PostgreSQL's own logical replication of the same tables, between the same two clusters.

Reference: PUBLICATION / SUBSCRIPTION of log.entry, log.subtree, log.item, log.body and coop.profile, binary, from the
cluster that the origin's `rete serve` reads into a database of the puller's cluster with the same migrated schema and all
its indexes; log.origin is prepared by hand. What favours the reference stays: its workers skip foreign keys (replica
role), apply with synchronous_commit = off (its default), copy tables side by side, and retry at once. The search words are
a generated column: neither side ships it, both compute it. What the origin's server does for its own pages, its search index,
is done before either side begins: the reference needs no server, and would have those processor seconds for itself. The pull keeps its defaults: it verifies and commits for good.

1. First copy: from CREATE SUBSCRIPTION to all rows there; against one pull into an empty node, in a process of its own that
   is started and waits for the word, as the subscriber's server does.
2. Streaming: commits of 500 profiles at the origin while both followers run and wait, the subscriber's worker at a lock and the
   puller for its turn; then from the word to all rows there. That is what each can carry; with the follower at work meanwhile both
   would measure the origin's writing. Both have taken in one batch before: what a new process or connection pays once (types,
   dictionaries) belongs to no batch.
3. Following: the follower runs while the origin commits, and signs, without a pause; how long after the last one it has all
   rows. Without a signature nothing can be pulled.

Prints one line per claim with the ratio, medians and spread. Rounds take turns in which side goes first.
Usage: python bench/sync_vs_logical_replication.py [profiles [streamed [rounds]]]; by default 100000, 8000 in 3 rounds.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.federation import Pair, documents, fill, pair, reset, until_indexed
from node import telemetry
from node.store import embedded
from node.store.postgres import migrate

# Both clusters run with these; waits of the replication's own workers are made as short as they can be.
SETTINGS = {
    "wal_level": "logical",
    "max_worker_processes": "16",
    "max_logical_replication_workers": "8",
    "max_sync_workers_per_subscription": "4",
    "wal_retrieve_retry_interval": "'5ms'",
}
TABLES = ("log.entry", "log.subtree", "log.item", "log.body", "coop.profile")
APPEND = 500
MANY = 100_000
POLL_S = 0.01
WAIT_S = 300.0
# Pulls until the log has as many entries as each line asks for, and none of their bodies is missing.
PULL = """
import asyncio, json, os, sys, time
from pathlib import Path
from node import runtime, telemetry
from node.flows.logs.sync import sync_peers
from node.peers.client import open_session
from node.store import reference, schemas
async def main(home):
    # A node has read its tables and schemas long before it pulls.
    reference.load_label_reference(), schemas.validators()
    telemetry.configure(level="ERROR")
    async with runtime.open_node(home) as node, open_session(loopback=True) as session:
        runtime.settle_memory()
        print("ready", flush=True)
        while line := sys.stdin.readline():
            size, began, cpu, pulls, reached = int(line), time.perf_counter(), time.process_time(), 0, 0
            while reached < size:
                (r,) = await sync_peers(node.syncer(session), force=True)
                assert r.error is None, r.error
                reached, pulls = r.size, pulls + 1
            took, used = time.perf_counter() - began, time.process_time() - cpu
            # getrusage would count the parent's memory at the fork; the kernel's own high-water mark does not.
            rss = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
            print(json.dumps({"s": took, "cpu_s": used, "rss_mb": rss, "pulls": pulls, "at": time.time()}), flush=True)
asyncio.run(main(Path(sys.argv[1])))
"""


@dataclass(slots=True)
class Times:
    """Seconds of both sides, round by round."""

    reference: list[float] = field(default_factory=list)
    pull: list[float] = field(default_factory=list)

    def line(self, what: str, target: float | None = None) -> str:
        """Return the claim: ratio, medians, spread."""
        ratios = [theirs / ours for theirs, ours in zip(self.reference, self.pull, strict=True)]
        aim = "" if target is None else f" (target >= {target})"
        return (
            f"{what}: pull speed / logical replication speed {spread(ratios)}{aim};"
            f" logical replication s {spread(self.reference)}; verified pull s {spread(self.pull)}"
        )


def spread(values: list[float]) -> str:
    """Return median and range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


class Cpu:
    """Processor seconds of process trees since this was made."""

    def __init__(self, **pids: int) -> None:
        """Begin to count."""
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._began = {name: self._spent(process) for name, process in self._processes.items()}

    @staticmethod
    def _spent(process: psutil.Process) -> float:
        spent = 0.0
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                spent += times.user + times.system + times.children_user + times.children_system
        return spent

    def text(self) -> str:
        """Return the seconds spent until now."""
        spent = {name: self._spent(process) - self._began[name] for name, process in self._processes.items()}
        return ", ".join(f"{name} {seconds:.2f}" for name, seconds in spent.items())


def postmaster(cluster: embedded.Cluster) -> int:
    """Return the process id of a cluster's server."""
    return int((cluster.folder / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])


class Replica:
    """The subscriber: a database of the puller's cluster, fed by logical replication of the origin's database."""

    def __init__(self, nodes: Pair) -> None:
        """Take the two clusters."""
        self._nodes = nodes
        self._conn: asyncpg.Connection
        self._source: asyncpg.Connection

    async def open(self) -> None:
        """Make the publication and the migrated, empty subscriber."""
        self._source = await asyncpg.connect(self._nodes.origin_cluster.dsn("bench_origin"))
        self._conn = await asyncpg.connect(await embedded.ensure_database(self._nodes.cluster, "bench_replica"))
        await migrate(self._conn)
        for row in await self._source.fetch("SELECT origin_id, origin, owner, name, vkey, root FROM log.origin"):
            await self._conn.execute(
                "INSERT INTO log.origin (origin_id, origin, owner, name, vkey, root) OVERRIDING SYSTEM VALUE"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                *row.values(),
            )
        await self._source.execute(f"CREATE PUBLICATION bench FOR TABLE {', '.join(TABLES)}")

    async def close(self) -> None:
        """Drop the subscription with its slot."""
        await self._conn.execute("DROP SUBSCRIPTION IF EXISTS bench")
        await self._conn.close()
        await self._source.close()

    async def counts(self, conn: asyncpg.Connection) -> list[int]:
        """Return how many rows each table has."""
        return [await conn.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES]

    async def wanted(self) -> list[int]:
        """Return how many rows each table of the origin has."""
        return await self.counts(self._source)

    async def subscribe(self) -> None:
        """Begin the first copy."""
        host = self._nodes.origin_cluster.socket_dir
        await self._conn.execute(
            f"CREATE SUBSCRIPTION bench CONNECTION 'host={host} user=postgres dbname=bench_origin'"
            " PUBLICATION bench WITH (binary = true, copy_data = true)"
        )

    async def empty(self) -> None:
        """Forget the subscription and its rows."""
        await self._conn.execute("DROP SUBSCRIPTION bench")
        await self._conn.execute(f"TRUNCATE {', '.join(TABLES)}, coop.partition CASCADE")

    async def turn(self, on: str) -> None:
        """ENABLE or DISABLE the subscription."""
        await self._conn.execute(f"ALTER SUBSCRIPTION bench {on}")

    async def caught_up(self, wanted: list[int]) -> float:
        """Wait until all rows are there; return the time of day."""
        deadline = time.monotonic() + WAIT_S
        # A row of the last commit is there when all are; counting all of them is left for the end.
        last = await self._source.fetchval("SELECT max(idx) FROM coop.profile")
        while not await self._conn.fetchval("SELECT EXISTS (SELECT FROM coop.profile WHERE idx = $1)", last):
            assert time.monotonic() < deadline
            await asyncio.sleep(POLL_S)
        while await self.counts(self._conn) != wanted:
            assert time.monotonic() < deadline
            await asyncio.sleep(POLL_S)
        return time.time()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Let the worker wait at a lock until what is given is called: a running follower that does nothing."""
        holder = await asyncpg.connect(self._nodes.cluster.dsn("bench_replica"))
        waiting = holder.transaction()
        await waiting.start()
        await holder.execute("LOCK TABLE log.entry IN SHARE MODE")
        try:
            yield waiting.rollback
        finally:
            await holder.close()

    async def idle(self) -> None:
        """Wait until no worker runs: the other side has the machine for itself."""
        await self._until_none("SELECT FROM pg_stat_subscription WHERE pid IS NOT NULL")

    async def copied(self) -> None:
        """Wait until each table's first copy has handed over to streaming."""
        await self._until_none("SELECT FROM pg_subscription_rel WHERE srsubstate <> 'r'")

    async def _until_none(self, query: str) -> None:
        while await self._conn.fetchval(f"SELECT EXISTS ({query})"):  # noqa: ASYNC110 - nobody tells when a worker ends
            await asyncio.sleep(POLL_S)

    async def checkpoint(self) -> None:
        """Let neither side pay for what the other left to be written."""
        await self._conn.execute("CHECKPOINT")
        await self._source.execute("CHECKPOINT")


class Puller:
    """A pulling process, started and waiting for the word."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Take a started process."""
        self._process = process

    @classmethod
    async def start(cls, home: Path) -> Puller:
        """Start a process that will pull when it is told to."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PULL, str(home),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[1],
        )  # fmt: skip
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
        return cls(process)

    def go(self, size: int) -> None:
        """Give the word: until ``size`` entries are there."""
        assert self._process.stdin
        self._process.stdin.write(b"%d\n" % size)

    async def result(self) -> dict[str, float]:
        """Return what the process measured."""
        assert self._process.stdout
        return dict(json.loads(await self._process.stdout.readline()))

    async def end(self) -> None:
        """Let the process end."""
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()
        assert self._process.returncode == 0


async def in_turn(round_: int, *sides: Callable[[], Awaitable[None]]) -> None:
    """Run both sides, the first one first in even rounds."""
    for side in sides if round_ % 2 == 0 else sides[::-1]:
        await side()


async def first_copy(nodes: Pair, replica: Replica, rounds: int) -> Times:
    """Measure the first copy; between rounds both sides are emptied again."""
    times = Times()
    wanted = await replica.wanted()
    pids = {"reader's PostgreSQL": postmaster(nodes.cluster), "origin's PostgreSQL": postmaster(nodes.origin_cluster)}

    async def pull() -> None:
        puller = await Puller.start(nodes.puller_home)
        await replica.checkpoint()
        cpu = Cpu(**pids, server=nodes.server_pid)
        puller.go(wanted[0])
        result = await puller.result()
        times.pull.append(result["s"])
        print(
            f"first pull: peak RSS {result['rss_mb']:.0f} MB (target < 300);"
            f" CPU s: puller {result['cpu_s']:.2f}, {cpu.text()}"
        )
        await puller.end()

    async def reference() -> None:
        await replica.checkpoint()
        cpu, began = Cpu(**pids), time.time()
        await replica.subscribe()
        times.reference.append(await replica.caught_up(wanted) - began)
        print(f"first logical copy: CPU s: {cpu.text()}")
        await replica.copied()
        await replica.turn("DISABLE")
        await replica.idle()

    for number in range(rounds):
        if number:
            await replica.empty()
            await reset(nodes.puller_home)
        await in_turn(number, pull, reference)
    return times


async def stream(nodes: Pair, replica: Replica, batches: list[list[tuple[str, bytes]]]) -> Times:
    """Measure how fast each side takes in what was committed while it waited; the first batch is for neither."""
    times = Times()
    await replica.turn("ENABLE")
    puller = await Puller.start(nodes.puller_home)
    for number, batch in enumerate(batches):
        async with replica.held() as release:
            await fill(nodes.origin_home, batch, step=APPEND)
            await until_indexed(nodes.origin_home)
            wanted = await replica.wanted()
            await replica.checkpoint()

            async def reference(wanted: list[int] = wanted, release: Callable[[], Awaitable[None]] = release) -> None:
                began = time.time()
                await release()
                times.reference.append(await replica.caught_up(wanted) - began)

            async def pull(wanted: list[int] = wanted) -> None:
                puller.go(wanted[0])
                times.pull.append((await puller.result())["s"])

            await in_turn(number, reference, pull)
    await puller.end()
    await replica.turn("DISABLE")
    await replica.idle()
    return Times(times.reference[1:], times.pull[1:])


async def follow(nodes: Pair, replica: Replica, halves: list[list[tuple[str, bytes]]]) -> Times:
    """Measure how long after the last commit each side has all rows, when it runs while the origin writes."""
    times = Times()
    await replica.turn("ENABLE")
    await fill(nodes.origin_home, halves[0], step=APPEND, sign_each=True)
    ended, wanted = time.time(), await replica.wanted()
    times.reference.append(await replica.caught_up(wanted) - ended)
    await replica.turn("DISABLE")
    await replica.idle()
    # Both start level: the puller first takes in what the other side got.
    puller = await Puller.start(nodes.puller_home)
    puller.go(wanted[0])
    await puller.result()
    puller.go(wanted[0] + len(halves[1]))
    await fill(nodes.origin_home, halves[1], step=APPEND, sign_each=True)
    ended = time.time()
    times.pull.append((await puller.result())["at"] - ended)
    await puller.end()
    return times


async def main(folder: Path, count: int, streamed: int, rounds: int) -> None:
    """Measure and print."""
    # Beyond this many rows one round is what the time allows.
    copies = rounds if count * rounds <= MANY else 1
    telemetry.configure(level="ERROR")
    try:
        found = await asyncio.to_thread(documents, count + streamed * (rounds + 3))
        async with pair(folder, found[:count], clusters=("publisher", "subscriber"), settings=SETTINGS) as nodes:
            replica = Replica(nodes)
            await replica.open()
            try:
                print((await first_copy(nodes, replica, copies)).line(f"first copy of {count} profiles", 1.0))
                batches = [found[at : at + streamed] for at in range(count, len(found), streamed)]
                times = await stream(nodes, replica, batches[: rounds + 1])
                print(times.line(f"streaming, {streamed} profiles in commits of {APPEND}", 2.0))
                lag = await follow(nodes, replica, batches[rounds + 1 :])
                print(
                    f"following {streamed} profiles as they are committed, s behind the last commit:"
                    f" logical replication {lag.reference[0]:.2f}, verified pull {lag.pull[0]:.2f}"
                )
            finally:
                await replica.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    place = Path(tempfile.mkdtemp(prefix="rete-bench-"))
    asyncio.run(main(place, *given, *(100_000, 8_000, 3)[len(given) :]))
