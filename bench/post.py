"""How many sealed messages pass from one office to another, and how soon one arrives.

Two nodes with databases of their own; the sender answers as a ``rete serve`` process, the recipient in this one, by the scheduler's own
job. Throughput: messages of 600 bytes are sealed and put one per transaction, as events of introductions are, from this process into
the sender's database; notified, hinted, asked for by signed requests, opened and inserted into a table of the recipient, until the last
one is there. The reference of the same run moves the same bytes without any of that: INSERT one per transaction into one
database, SELECT and DELETE by 256, INSERT into the other, by asyncpg. Three runs, median and spread. Latency: twenty messages, each put
when nothing else is under way, from before the transaction to the recipient's hands. Bounded to 60 seconds.

    python bench/post.py [--messages 1000]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from aiohttp import web

from bench.federation import free_port
from node import runtime, scheduler, telemetry
from node.cli.processes import Served, serving
from node.flows.introductions.post import Exchange, Opened
from node.flows.upkeep.home import Facts, make_trial
from node.protocol import sealed
from node.protocol.sealed import Header
from node.runtime import Node
from node.store import embedded, outbox, wake
from node.store.outbox import Posted
from node.store.postgres import Connection, acquire, listen
from node.web import app as application

TARGET_PER_S, BOUND_S, RUNS, SINGLE = 200, 60, 3, 20
TEXT = b"x" * 600
CASE = str(uuid.UUID(int=1, version=4))
TABLE = "CREATE TABLE public.{} (seq int PRIMARY KEY, plaintext bytea NOT NULL)"


@dataclass(slots=True)
class Received:
    """What the recipient has: the number of the last message, and a bell for whoever waits."""

    last: int = 0
    bell: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def receive(self, conn: Connection, _: str, opened: Sequence[Opened]) -> Sequence[tuple[int, str]]:
        """Keep what came, as an office does."""
        rows = [(item.seq, item.plaintext) for item in opened]
        await conn.executemany("INSERT INTO public.came (seq, plaintext) VALUES ($1, $2)", rows)
        async with self.bell:
            self.last = max(self.last, opened[-1].seq)
            self.bell.notify_all()
        return ()

    async def until(self, seq: int) -> None:
        """Wait for a message."""
        async with self.bell:
            await self.bell.wait_for(lambda: self.last >= seq)


@asynccontextmanager
async def answering(node: Node, received: Received) -> AsyncIterator[None]:
    """Serve a node and carry its messages, as ``rete serve`` does."""
    async with node.session() as session:
        jobs = scheduler.build(node, session, Exchange(receive=received.receive))
        runner = web.AppRunner(application.build(node), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", node.config.web.port).start()
        heard = asyncio.create_task(listen(node.dsn, wake.CHANNEL, jobs.wake))
        for job in jobs.timers.get_jobs():
            if job.id != "post":
                job.remove()
        jobs.timers.start()
        try:
            yield
        finally:
            heard.cancel()
            jobs.timers.shutdown(wait=False)
            await runner.cleanup()


async def put(sender: Node, recipient: Node, first: int, count: int) -> None:
    """Seal and put messages, one per transaction."""
    key = recipient.keys.seal.public
    async with acquire(sender.pool) as conn:
        for seq in range(first, first + count):
            header = Header(sender.membership.own_id, recipient.membership.own_id, CASE, seq)
            envelope = sealed.seal(header, TEXT, key)
            async with conn.transaction():
                posted = [Posted(CASE, seq, key.id, envelope)]
                await outbox.put(conn, header.recipient, posted, sender.clock())


async def moved_plainly(sender: Node, recipient: Node, count: int) -> float:
    """Seconds in which asyncpg alone moves as many rows from one database to the other."""
    async with acquire(sender.pool) as conn, acquire(recipient.pool) as there:
        begun = time.perf_counter()
        for seq in range(1, count + 1):
            await conn.execute("INSERT INTO public.waits (seq, plaintext) VALUES ($1, $2)", seq, TEXT)
        while rows := await conn.fetch("SELECT seq, plaintext FROM public.waits ORDER BY seq LIMIT 256"):
            async with there.transaction():
                await there.executemany(
                    "INSERT INTO public.plain (seq, plaintext) VALUES ($1, $2)", [tuple(row) for row in rows]
                )
            await conn.execute("DELETE FROM public.waits WHERE seq <= $1", rows[-1]["seq"])
        took = time.perf_counter() - begun
        await there.execute("TRUNCATE public.plain")
    return took


def told(rates: Sequence[float]) -> str:
    """Median and spread."""
    return f"{statistics.median(rates):.0f}/s ({min(rates):.0f}-{max(rates):.0f})"


async def measure(sender: Node, recipient: Node, received: Received, messages: int) -> None:
    """Print what was measured."""
    seq = 1
    # The first one also waits for the recipient's first turn.
    await put(sender, recipient, seq, 1)
    await received.until(seq)
    rates, plain = [], []
    for _ in range(RUNS):
        plain.append(messages / await moved_plainly(sender, recipient, messages))
        begun = time.perf_counter()
        await put(sender, recipient, seq + 1, messages)
        seq += messages
        await received.until(seq)
        rates.append(messages / (time.perf_counter() - begun))
    ratios = [ours / theirs for ours, theirs in zip(rates, plain, strict=True)]
    good = "met" if statistics.median(rates) >= TARGET_PER_S else "MISSED"
    print(f"put, hinted, fetched, received: {told(rates)} of {messages} messages, target {TARGET_PER_S}/s {good}")
    print(f"the same rows by asyncpg alone: {told(plain)}")
    print(f"ratio: {statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f}), median of {RUNS}")
    times = []
    for _ in range(SINGLE):
        begun = time.perf_counter()
        seq += 1
        await put(sender, recipient, seq, 1)
        await received.until(seq)
        times.append((time.perf_counter() - begun) * 1000)
        # Until the turn that acknowledges is over: each message finds nothing under way.
        await asyncio.sleep(0.3)
    ranked = sorted(times)
    print(
        f"latency of one message with its hint: p50 {statistics.median(times):.0f} ms,"
        f" p95 {ranked[int(SINGLE * 0.95) - 1]:.0f} ms, max {ranked[-1]:.0f} ms of {SINGLE}"
    )


async def main(messages: int) -> None:
    """Make both nodes and measure."""
    telemetry.configure(level="ERROR")
    with tempfile.TemporaryDirectory() as name, embedded.lease(Path(name) / "postgres"):
        folder, ports = Path(name), [free_port(), free_port()]
        homes = [folder / "sender", folder / "recipient"]
        facts = [
            Facts(
                id=home.name,
                name=home.name,
                ipa_code="",
                territory=("IT",),
                authority=f"127.0.0.1:{port}",
                port=port,
                epoch=2026,
                cluster="../postgres",
                database_name=f"bench_{home.name}",
            )
            for home, port in zip(homes, ports, strict=True)
        ]
        make_trial(list(zip(homes, facts, strict=True)))
        received = Received()
        async with runtime.open_node(homes[0]) as sender, runtime.open_node(homes[1]) as recipient:
            async with acquire(sender.pool) as conn, acquire(recipient.pool) as there:
                await conn.execute(TABLE.format("waits"))
                await there.execute(TABLE.format("came"))
                await there.execute(TABLE.format("plain"))
            served = Served(homes[0], f"http://127.0.0.1:{ports[0]}", folder / "sender.log")
            async with serving([served]), answering(recipient, received):
                await measure(sender, recipient, received, messages)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1000)

    async def bounded() -> None:
        """Stop in time, whatever happens."""
        async with asyncio.timeout(BOUND_S):
            await main(parser.parse_args().messages)

    asyncio.run(bounded())
