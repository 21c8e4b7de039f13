"""Twenty minutes of ordinary work at two real nodes: whether memory, descriptors, connections or threads grow.

Two ``rete serve`` processes, each with a database of its own, on one embedded PostgreSQL. Meanwhile, at a modest rate, officers publish, update and withdraw profiles
(as many stay as were there), people search and read pages at both nodes, the nodes pull from each other at every hint and round, and whole introductions go from request
to both consents. After a warm-up, at double the rate, in which caches fill, descriptors, connections, threads and PostgreSQL's sessions are looked at every five
seconds, and memory every twenty: anonymous memory (``RssAnon``) after the process has run its collector and given free memory back (bench/trimmed). What it gives back is
told beside it: the allocator keeps some MB for later, in steps, and in so short a time that looks like a leak (measured: 22 to 29 MB/h over a quarter of an hour, all
of it given back when asked).

The slope is Theil and Sen's (the median of all slopes between two samples); its interval of 95 % is Sen's, by Kendall's variance: what so short a time can tell from
none. Three verdicts: ``met`` (the whole interval is below the target), ``MISSED`` (the whole interval is above it: a leak), ``not resolved`` (run it for longer).
Exit status 1 where anything is missed.

    python bench/soak.py [--minutes 20] [--warm-up 5] [--rate 1.5] [--seed 7] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import itertools
import json
import math
import os
import random
import signal
import statistics
import sys
import tempfile
import time
import uuid
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import aiohttp
import psutil  # type: ignore[import-untyped]

from bench import introductions as meetings
from bench.federation import documents
from node import runtime, telemetry
from node.cli.processes import Served, ready
from node.errors import ReteError
from node.flows.logs.append import Operation, append, sign_head
from node.flows.upkeep.home import make_trial
from node.protocol import canonical
from node.runtime import Node
from node.store import embedded, registry
from node.store.postgres import acquire
from tests.introductions_made import published
from tests.office_made import furnish, lecce

ROOT = Path(__file__).resolve().parents[1]
TARGET_MB_H, LOOK_S, TRIM_EVERY, FEW = 1.0, 5.0, 4, 8
# So long a process has for giving back.
TRIM_S = 0.7
# Profiles that live at a node, whatever is published and withdrawn meanwhile.
LIVE, BATCH = 400, 4
# How far the counted things may have moved at the end: pools and keep-alive connections come and go.
SLACK = {"descriptors": 8, "connections": 8, "threads": 2, "sessions": 6}
WORDS = (
    "export",
    "olio",
    "capacità produttiva",
    "turismo",
    "legno",
    "partner",
    "meccanica",
    "vino",
    "software",
    "restauro",
)
PAGES = (
    "/",
    "/cerca?q={word}",
    "/profili/{profile}",
    "/enti",
    "/stato",
    "/catalogo",
    "/api/v1/profiles?q={word}",
    "/osservatorio",
)
# Of ten things that people do: searches, pages, a publication, and now and then a meeting of two offices.
MEETING_EVERY_S, PUBLISH_EVERY_S = 45.0, 4.0


@dataclass(frozen=True, slots=True)
class Slope:
    """A rise by the hour: the median one, and between which two it lies with 95 % confidence."""

    median: float
    low: float
    high: float

    def verdict(self, target: float) -> str:
        """Tell what it says of a target that it should stay below."""
        if self.high < target:
            return "met"
        return "MISSED" if self.low > target else "not resolved"

    def __str__(self) -> str:
        """For people."""
        return f"{self.median:+.2f} MB/h (95 %: {self.low:+.2f} to {self.high:+.2f})"


def slope(times_s: Sequence[float], values: Sequence[float]) -> Slope:
    """Return Theil and Sen's slope per hour of values at rising times, with Sen's interval (Kendall's variance, ties counted).

    Of fewer than eight values the interval has no ends.
    """
    pairs = itertools.combinations(zip(times_s, values, strict=True), 2)
    rises = sorted((later - before) / (end - begun) * 3600 for (begun, before), (end, later) in pairs)
    count = len(values)
    tied = sum(n * (n - 1) * (2 * n + 5) for n in Counter(values).values())
    spread = 1.96 * math.sqrt((count * (count - 1) * (2 * count + 5) - tied) / 18)
    if count < FEW:
        return Slope(statistics.median(rises) if rises else 0.0, -math.inf, math.inf)
    low = max(0, math.floor((len(rises) - spread) / 2))
    high = min(len(rises) - 1, math.ceil((len(rises) + spread) / 2))
    return Slope(statistics.median(rises), rises[low], rises[high])


@dataclass(frozen=True, slots=True)
class Look:
    """One process at one moment: megabytes of its own and resident ones, how many it holds open, and what it gave back just before, where it was asked to."""

    at_s: float
    own_mb: float
    resident_mb: float
    counts: dict[str, int]
    gave_mb: float | None = None


@dataclass
class Work:
    """What went on meanwhile, and what was refused."""

    done: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    # Above one in the warm-up.
    haste: float = 1.0


def look(pid: int, sessions: int, begun: float) -> Look:
    """Look at a process."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    said = dict(line.split(":", 1) for line in lines)
    process = psutil.Process(pid)
    counts = {
        "descriptors": process.num_fds(),
        "connections": sum(c.status == psutil.CONN_ESTABLISHED for c in process.net_connections("tcp")),
        "threads": process.num_threads(),
        "sessions": sessions,
    }
    own, resident = (int(said[name].split()[0]) / 1024 for name in ("RssAnon", "VmRSS"))
    return Look(time.monotonic() - begun, own, resident, counts)


@dataclass
class Office:
    """One node whose profiles come and go."""

    node: Node
    url: str
    pid: int
    live: deque[str] = field(default_factory=deque)

    async def publish(self, made: Sequence[tuple[str, bytes]], draw: random.Random) -> None:
        """Publish some profiles, update one that is there, withdraw as many of the oldest; signed as a command would."""
        operations = [Operation(item, raw) for item, raw in made]
        self.live.extend(item for item, _ in made)
        while len(self.live) > LIVE:
            operations.append(Operation(self.live.popleft(), None))
        if len(self.live) > 2 * BATCH:
            item = self.live[draw.randrange(BATCH, len(self.live) - BATCH)]
            raw = json.loads(draw.choice(made)[1]) | {"id": item}
            operations.append(Operation(item, canonical.dumps(raw)))
        own, now = await runtime.current_own(self.node), self.node.clock()
        async with acquire(self.node.pool) as conn, conn.transaction():
            await append(conn, own, operations, now)
        await sign_head(self.node.pool, own, now)


class Stock:
    """Profiles without end: realistic ones, under new ids."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._bodies = [json.loads(raw) for _, raw in documents(400, seed)]

    def take(self, count: int, owner: str) -> list[tuple[str, bytes]]:
        """Return (id, body) of so many."""
        made = []
        for _ in range(count):
            item = str(uuid.UUID(int=self._draw.getrandbits(128), version=4))
            made.append((item, canonical.dumps(self._draw.choice(self._bodies) | {"id": item, "owner": owner})))
        return made


async def again(every_s: float, work: Work, name: str, what: Callable[[], Awaitable[object]]) -> None:
    """Do something again and again, for ever; what is refused is counted by its code."""
    while True:
        await asyncio.sleep(every_s / work.haste)
        try:
            await what()
            work.done[name] += 1
        except ReteError as error:
            work.wrong[f"{name}: {error.code}"] += 1
        except (aiohttp.ClientError, TimeoutError) as error:
            work.wrong[f"{name}: {type(error).__name__}"] += 1


async def read(session: aiohttp.ClientSession, offices: Sequence[Office], draw: random.Random, work: Work) -> None:
    """Read a page of one of the nodes, as somebody who comes by does."""
    office = draw.choice(offices)
    path = draw.choice(PAGES).format(word=draw.choice(WORDS), profile=draw.choice(draw.choice(offices).live))
    async with session.get(office.url + path) as reply:
        await reply.read()
        # A profile that was withdrawn a moment ago is gone here, or not yet there.
        if reply.status not in (200, 404, 410):
            work.wrong[f"page: {reply.status}"] += 1


async def sessions_of(node: Node) -> int:
    """Return how many sessions PostgreSQL has with a node's database."""
    async with acquire(node.pool) as conn:
        return int(await conn.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"))


async def watch(offices: Sequence[Office], seconds: float, begun: float) -> dict[int, list[Look]]:
    """Look at both processes every five seconds, for a while; every fourth time after they gave back what they do not need."""
    looks: dict[int, list[Look]] = {office.pid: [] for office in offices}
    end = time.monotonic() + seconds
    for turn in itertools.count():
        if time.monotonic() >= end:
            return looks
        for office in offices:
            found = look(office.pid, await sessions_of(office.node), begun)
            if turn % TRIM_EVERY == 0:
                before = found.own_mb
                os.kill(office.pid, signal.SIGUSR2)
                await asyncio.sleep(TRIM_S)
                found = look(office.pid, found.counts["sessions"], begun)
                found = replace(found, gave_mb=before - found.own_mb)
            looks[office.pid].append(found)
        await asyncio.sleep(LOOK_S)
    return looks


def tell(office: Office, looks: Sequence[Look]) -> list[dict[str, Any]]:
    """Print one line per claim about one node; return them."""
    name = office.node.config.node.id
    trimmed = [found for found in looks if found.gave_mb is not None]
    rise = slope([found.at_s for found in trimmed], [found.own_mb for found in trimmed])
    gave = [found.gave_mb or 0.0 for found in trimmed[1:]] or [0.0]
    held = (
        f"{trimmed[0].own_mb:.1f} MB at first, {trimmed[-1].own_mb:.1f} at last; given back each time {statistics.median(gave):.1f} (at most {max(gave):.1f}),"
        f" {max(f.resident_mb for f in looks):.0f} resident at most"
    )
    told: list[dict[str, Any]] = [
        {
            "node": name,
            "claim": "memory",
            "verdict": rise.verdict(TARGET_MB_H),
            "text": f"{rise}, target < {TARGET_MB_H:g}; {held}",
            "slope_mb_h": (rise.median, rise.low, rise.high),
            "looks": [(round(f.at_s), round(f.own_mb, 3), round(f.gave_mb or 0, 3)) for f in trimmed],
        }
    ]
    third = max(1, len(looks) // 3)
    for what, slack in SLACK.items():
        first = [found.counts[what] for found in looks[:third]]
        last = [found.counts[what] for found in looks[-third:]]
        moved = statistics.median(last) - statistics.median(first)
        good = "met" if moved <= slack else "MISSED"
        text = f"median {statistics.median(first):g} in the first third, {statistics.median(last):g} in the last (at most {max(first + last)}), target <= +{slack}"
        told.append({"node": name, "claim": what, "verdict": good, "moved": moved, "text": text})
    for claim in told:
        print(f"{claim['node']} {claim['claim']}: {claim['text']}: {claim['verdict']}", flush=True)
    return told


async def soak(offices: Sequence[Office], met: meetings.Offices, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Let people and nodes work, look, and tell."""
    draw, stock, work = random.Random(given.seed), Stock(given.seed), Work(haste=2.0)
    begun = time.monotonic()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session, asyncio.TaskGroup() as group:
        for office in offices:
            await office.publish(stock.take(LIVE, office.node.config.node.id), draw)

        def some(office: Office) -> Awaitable[None]:
            return office.publish(stock.take(BATCH, office.node.config.node.id), draw)

        async def meet() -> None:
            async with asyncio.timeout(30):
                await met.introduce(1)

        busy = [
            group.create_task(again(1 / given.rate, work, "page", lambda: read(session, offices, draw, work))),
            group.create_task(again(MEETING_EVERY_S, work, "introduction", meet)),
        ]
        busy += [group.create_task(again(PUBLISH_EVERY_S, work, "publication", lambda o=o: some(o))) for o in offices]
        await asyncio.sleep(given.warm_up * 60)
        work.haste = 1.0
        print(f"warm-up of {given.warm_up:g} min at double rate: {dict(work.done)}, refused {dict(work.wrong) or 0}", flush=True)  # fmt: skip
        work.done.clear()
        looks = await watch(offices, (given.minutes - given.warm_up) * 60, begun)
        for task in busy:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*busy, return_exceptions=True)
    print(f"{given.minutes - given.warm_up:g} min: {dict(work.done)}, refused {dict(work.wrong) or 0}; machine's load {os.getloadavg()[1]:.1f}", flush=True)  # fmt: skip
    told = [claim for office in offices for claim in tell(office, looks[office.pid])]
    good = "met" if all(work.done.values()) and not work.wrong else "MISSED"
    print(f"all was answered: {sum(work.done.values())} deeds, {sum(work.wrong.values())} refused: {good}", flush=True)
    return [*told, {"node": "", "claim": "answered", "verdict": good, "text": dict(work.wrong)}]


@contextlib.asynccontextmanager
async def trimmable(nodes: Sequence[Served]) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Run the nodes as processes that give back what they are asked to; at the end none is left."""
    started: list[asyncio.subprocess.Process] = []
    try:
        for node in nodes:
            with node.log.open("ab") as log:
                program = (
                    sys.executable,
                    "-m",
                    "bench.trimmed",
                    "serve",
                    "--home",
                    str(node.home),
                    "--exit-with-parent",
                )
                started.append(
                    await asyncio.create_subprocess_exec(
                        *program, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log, env={**os.environ, "RETE_LOG_LEVEL": "WARNING"}
                    )
                )  # fmt: skip
        for node, process in zip(nodes, started, strict=True):
            await ready(node, process)
        yield started
    finally:
        for process in started:
            if process.returncode is None:
                process.terminate()
        for process in started:
            await process.wait()


async def run(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Make both nodes and let them work."""
    with tempfile.TemporaryDirectory(prefix="rete-soak-") as place, embedded.lease(Path(place) / "postgres"):
        folder = Path(place)
        made = meetings.homes(folder)
        make_trial([(home, facts) for home, facts in made])
        for home, _ in made:
            config = home / "node.toml"
            config.write_text(config.read_text(encoding="utf-8").replace("poll_minutes = 15", "poll_minutes = 1"), encoding="utf-8")  # fmt: skip
        rows = lecce()
        async with runtime.open_node(made[0][0]) as seeker, runtime.open_node(made[1][0]) as owner:
            for node in (seeker, owner):
                await furnish(node.pool, rows)
            async with acquire(owner.pool) as there, acquire(seeker.pool) as conn:
                network = min(await registry.read_records(conn))
                own = min(await registry.read_records(there))
            town: Any = SimpleNamespace(node=owner)
            met = meetings.Offices(seeker, owner, network, await published(town, own, owner.clock()))
            served = [Served(home, f"http://127.0.0.1:{f.port}", folder / f"{f.id}.log") for home, f in made]
            async with trimmable(served) as processes:
                offices = [
                    Office(node, each.url, process.pid)
                    for node, each, process in zip((seeker, owner), served, processes, strict=True)
                ]
                return await soak(offices, met, given)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description="Memory, descriptors, connections and threads of two nodes at work.")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--warm-up", type=float, default=5)
    parser.add_argument("--rate", type=float, default=1.5, help="pages a second, over both nodes")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    telemetry.configure(level="ERROR")
    print(f"two nodes, {given.minutes:g} min of which {given.warm_up:g} of warm-up, seed {given.seed}; {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC", flush=True)  # fmt: skip
    told = asyncio.run(run(given))
    if given.json:
        given.json.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    sys.exit(any(claim["verdict"] == "MISSED" for claim in told))


if __name__ == "__main__":
    main()
