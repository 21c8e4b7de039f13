"""How many messages of whole introductions pass between two offices, and how soon one that an officer sends is at the other.

Two ``rete serve`` processes with databases of their own and a published profile; officers decide through the flows, as pages and
commands do, from this process. Throughput: requests are endorsed, checked, forwarded, accepted, consented to by both, each step for all
cases before the next, until both offices have introduced the networks of every case; counted are the signed events that were sealed,
asked for, opened, verified, applied and, where they want it, receipted. The reference of the same run moves as many rows without any of
that: INSERT one per transaction, SELECT and DELETE by 256, INSERT at the other, by asyncpg. Three runs, median and spread. Latency: twenty
requests, each alone, from before the officer's transaction until its event is committed at the other office; its reference is a row that
is inserted, notified and inserted at the other by a listener. Bounded to two minutes.

    python bench/introductions.py [--cases 40]
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import asyncpg

from bench.federation import free_port
from bench.post import RUNS, SINGLE, TABLE, TARGET_PER_S, moved_plainly, told
from node import runtime, telemetry
from node.cli.processes import Served, serving
from node.domain.introduction import KNOWN, Kind, Party, State
from node.flows import introduce
from node.flows.home import Facts, make_trial
from node.flows.introduce import Deed
from node.runtime import Node
from node.store import embedded, introductions, registry
from node.store.introductions import NewCase
from node.store.postgres import acquire
from tests.introductions_made import CONTACT, published
from tests.office_made import furnish, lecce

BOUND_S, LATENCY_TARGET_MS, AT_ONCE = 120, 2_000, 4
REQUEST = {"text": "Cerchiamo un partner per un progetto comune.", "purpose": "joint_project"}
COUNT = "SELECT count(*) FROM office.introduction WHERE introduction_id = ANY($1::uuid[]) AND state = ANY($2::text[])"
CAME = "SELECT count(*) FROM office.introduction_event WHERE introduction_id = $1"
SIDES = ("cmto", "p_LE")


@dataclass
class Offices:
    """Torino, which looks for a partner, and Lecce, whose profile is published."""

    seeker: Node
    owner: Node
    network: str
    profile: str

    async def draft(self, count: int) -> list[str]:
        """Write drafts, all for one network, which a page would not let happen."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        made = [
            NewCase(key, Party.SEEKER, SIDES[1], self.profile, str(State.DRAFT), self.network, None, REQUEST, None, None, "anna")
            for key in ids
        ]  # fmt: skip
        async with acquire(self.seeker.pool) as conn, conn.transaction():
            await introductions.open_cases(conn, made, self.seeker.clock())
        return ids

    async def decide(self, node: Node, ids: Sequence[str], kind: Kind) -> None:
        """Let some officers of one office decide the same in all cases."""
        deed = Deed(kind, person=CONTACT["person"] if kind is Kind.CONSENT else "", contact=CONTACT)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(key: str) -> None:
            async with gate:
                await introduce.act(node.office(), key, deed, "anna", node.clock())

        async with asyncio.TaskGroup() as group:
            for key in ids:
                group.create_task(one(key))

    async def until(self, node: Node, ids: Sequence[str], *states: State) -> None:
        """Wait until an office sees all cases in a state."""
        async with acquire(node.pool) as conn:
            while await conn.fetchval(COUNT, ids, [str(state) for state in states]) < len(ids):  # noqa: ASYNC110 - it rings no bell here
                await asyncio.sleep(0.01)

    async def introduce(self, count: int) -> tuple[int, float]:
        """Introduce two networks so many times; return the messages that passed, and the seconds."""
        ids = await self.draft(count)
        begun = time.perf_counter()
        await self.decide(self.seeker, ids, Kind.REQUEST)
        await self.until(self.owner, ids, State.RECEIVED)
        for kind in (Kind.CHECK, Kind.FORWARD, Kind.ACCEPT, Kind.CONSENT):
            await self.decide(self.owner, ids, kind)
        await self.until(self.seeker, ids, State.ACCEPTED)
        await self.decide(self.seeker, ids, Kind.CONSENT)
        for node in (self.seeker, self.owner):
            await self.until(node, ids, *KNOWN)
        took = time.perf_counter() - begun
        async with acquire(self.owner.pool) as conn:
            return int(await conn.fetchval("SELECT count(*) FROM office.introduction_event WHERE introduction_id = ANY($1::uuid[])", ids)), took  # fmt: skip


async def throughput(offices: Offices, cases: int) -> None:
    """Print how many messages pass, beside the same rows moved plainly."""
    rates, plain, each = [], [], 0.0
    for _ in range(RUNS):
        messages, took = await offices.introduce(cases)
        each = messages / cases
        plain.append(messages / await moved_plainly(offices.seeker, offices.owner, messages))
        rates.append(messages / took)
    ratios = [ours / theirs for ours, theirs in zip(rates, plain, strict=True)]
    good = "met" if statistics.median(rates) >= TARGET_PER_S else "MISSED"
    print(
        f"messages of whole introductions: {told(rates)}, {cases} cases of {each:.1f}, target {TARGET_PER_S}/s {good}"
    )
    print(f"the same rows by asyncpg alone: {told(plain)}")
    print(f"ratio: {statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f}), median of {RUNS}")


async def timed(what: Callable[[int], Awaitable[None]]) -> list[float]:
    """Milliseconds of each of some single messages; nothing is under way when one begins."""
    times = []
    for at in range(SINGLE):
        begun = time.perf_counter()
        await what(at)
        times.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(0.2)
    return sorted(times)


async def latency(offices: Offices) -> None:
    """Print how soon a request is at the other office, beside a row that is notified and inserted there."""
    ids = await offices.draft(SINGLE)
    async with acquire(offices.owner.pool) as there, acquire(offices.seeker.pool) as here:

        async def send(at: int) -> None:
            await introduce.act(offices.seeker.office(), ids[at], Deed(Kind.REQUEST), "anna", offices.seeker.clock())
            while not await there.fetchval(CAME, ids[at]):  # noqa: ASYNC110 - it rings no bell here
                await asyncio.sleep(0.002)

        found = await timed(send)
        came: asyncio.Queue[str] = asyncio.Queue()
        listener = await asyncpg.connect(offices.seeker.dsn)
        await listener.add_listener("bench_plain", lambda *facts: came.put_nowait(str(facts[-1])))

        async def plainly(at: int) -> None:
            async with here.transaction():
                await here.execute("INSERT INTO public.waits (seq, plaintext) VALUES ($1, $2)", at, b"x" * 600)
                await here.execute("SELECT pg_notify('bench_plain', $1)", str(at))
            seq = int(await came.get())
            row = await listener.fetchrow("SELECT seq, plaintext FROM public.waits WHERE seq = $1", seq)
            await there.execute("INSERT INTO public.plain (seq, plaintext) VALUES ($1, $2)", *row)

        plain = await timed(plainly)
        await listener.close()
    good = "met" if found[-1] < LATENCY_TARGET_MS else "MISSED"
    for name, times in (("a request at the other office", found), ("a row by asyncpg alone", plain)):
        p95 = times[int(SINGLE * 0.95) - 1]
        print(f"{name}: p50 {statistics.median(times):.0f} ms, p95 {p95:.0f} ms, max {times[-1]:.0f} ms of {SINGLE}")
    print(f"target {LATENCY_TARGET_MS} ms {good}")


def homes(folder: Path) -> list[tuple[Path, Facts]]:
    """Two homes on one cluster."""
    found = []
    for name in SIDES:
        port = free_port()
        facts = Facts(
            id=name, name=name, ipa_code="", territory=("LE",), authority=f"127.0.0.1:{port}", port=port, epoch=dt.date.today().year,  # noqa: DTZ011
            cluster="../postgres", database_name=f"bench_{name.lower()}", round="immediate",
        )  # fmt: skip
        found.append((folder / name, facts))
    return found


async def main(cases: int) -> None:
    """Make both offices and measure."""
    telemetry.configure(level="ERROR")
    with tempfile.TemporaryDirectory() as name, embedded.lease(Path(name) / "postgres"):
        folder = Path(name)
        made = homes(folder)
        make_trial(made)
        rows = lecce()
        async with runtime.open_node(made[0][0]) as seeker, runtime.open_node(made[1][0]) as owner:
            for node in (seeker, owner):
                await furnish(node.pool, rows)
            async with acquire(owner.pool) as there, acquire(seeker.pool) as conn:
                networks = sorted(await registry.read_records(conn))
                await conn.execute(TABLE.format("waits"))
                await there.execute(TABLE.format("plain"))
                own = sorted(await registry.read_records(there))
            town: Any = SimpleNamespace(node=owner)
            profile = await published(town, own[0], owner.clock())
            offices = Offices(seeker, owner, networks[0], profile)
            served = [
                Served(home, f"http://127.0.0.1:{facts.port}", folder / f"{facts.id}.log") for home, facts in made
            ]
            async with serving(served):
                # Whoever comes first also waits for the first turns of both.
                await offices.introduce(1)
                await throughput(offices, cases)
                await latency(offices)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=40)

    async def bounded() -> None:
        """Stop in time, whatever happens."""
        async with asyncio.timeout(BOUND_S):
            await main(parser.parse_args().cases)

    asyncio.run(bounded())
