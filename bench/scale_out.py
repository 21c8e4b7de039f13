"""Searches a second of two processes of pages and one leader, against one process that does everything, on one database.

Real ``rete serve`` processes over loopback, the mixed questions of search_speed through the API, asked by so many callers without a pause. Both ways
are measured in turns in one run, on the same database and index: the ratio is printed, and what the processors were busy with (programs,
PostgreSQL, this caller), since all three share them: where they are full, no more processes help. Bounded: below two minutes.

    python bench/scale_out.py [--profiles 20000] [--callers 16] [--seconds 10] [--rounds 2] [--seed 7]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil  # type: ignore[import-untyped]

from bench import search_speed
from bench.federation import free_port
from node import runtime, telemetry
from node.flows.searching import indexing
from node.flows.upkeep.home import Facts, make_home, with_setting
from node.store import embedded, leader
from node.store.postgres import acquire

ROOT = Path(__file__).resolve().parents[1]
WAYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "one process": ((),),
    "2 web + 1 leader": (("--web",), ("--web",), ("--leader",)),
}
TARGET = 1.8
READY_S = 60.0


@dataclass(slots=True)
class Seen:
    """What callers saw in one turn, and the processor time that it took (seconds)."""

    times: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    busy: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Searches a second."""
        return len(self.times) / self.seconds


@contextlib.asynccontextmanager
async def serving(home: Path, port: int, way: Sequence[Sequence[str]]) -> AsyncIterator[list[psutil.Process]]:
    """Run the processes of one way, until all answer and one leads; at the end none is left."""
    started: list[asyncio.subprocess.Process] = []
    log = home.parent / "serve.log"
    try:
        with log.open("ab") as out:
            for words in way:
                program = (sys.executable, "-m", "node", "serve", "--home", str(home), *words, "--exit-with-parent")
                started.append(
                    await asyncio.create_subprocess_exec(
                        *program, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=out, stderr=out,
                        # The line of each request is as dear as a good part of its answer, and the same in both ways.
                        env={**os.environ, "RETE_LOG_LEVEL": "WARNING"},
                    )
                )  # fmt: skip
        async with asyncio.timeout(READY_S), aiohttp.ClientSession() as session:
            heard = 0
            while heard < 8:
                with contextlib.suppress(aiohttp.ClientError):
                    # A connection of its own each time: the system deals them out among the processes.
                    async with session.get(f"http://127.0.0.1:{port}/status", headers={"Connection": "close"}) as reply:
                        heard += reply.status == 200 and (await reply.json())["leader"]["leads"]
                await asyncio.sleep(0.2)
        await asyncio.sleep(3)
        yield [psutil.Process(process.pid) for process in started]
    finally:
        for process in started:
            if process.returncode is None:
                process.terminate()
        for process in started:
            await process.wait()


def spent(processes: Sequence[psutil.Process], postgres: Path) -> dict[str, float]:
    """Return the processor seconds that programs, PostgreSQL and this caller have taken so far."""

    def of(process: psutil.Process) -> float:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            return float(times.user + times.system)
        return 0.0

    server = psutil.Process(int((postgres / "postmaster.pid").read_text(encoding="utf-8").split()[0]))
    times = server.cpu_times()
    # What ended meanwhile is with its parent.
    ended = times.children_user + times.children_system
    return {
        "rete": sum(map(of, processes)),
        "PostgreSQL": ended + of(server) + sum(map(of, server.children())),
        "caller": of(psutil.Process()),
    }


async def ask(port: int, callers: int, seconds: float, seed: int) -> Seen:
    """Let so many callers ask without a pause."""
    asked = [parameters for kind, parameters in search_speed.questions(seed) if kind != "deep page"]
    seen, end = Seen(), time.monotonic() + seconds

    async def caller(number: int) -> None:
        draw = random.Random(seed * 1_000_003 + number)
        # A connection of its own, and an address as a proxy in front tells it: nobody is told to wait.
        async with aiohttp.ClientSession() as session:
            while time.monotonic() < end:
                person = draw.randrange(1 << 20)
                address = {"X-Forwarded-For": f"10.{person >> 16 & 255}.{person >> 8 & 255}.{person & 255}"}
                begun = time.perf_counter()
                async with session.get(
                    f"http://127.0.0.1:{port}/api/v1/profiles", params=draw.choice(asked), headers=address
                ) as reply:
                    await reply.read()
                    if reply.status == 200:
                        seen.times.append(time.perf_counter() - begun)
                    else:
                        seen.errors[str(reply.status)] += 1

    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(callers):
            group.create_task(caller(number))
    seen.seconds = time.monotonic() - begun
    return seen


def tell(way: str, turns: Sequence[Seen]) -> float:
    """Print one way; return its searches a second."""
    rate = statistics.median(turn.rate for turn in turns)
    times = [each for turn in turns for each in turn.times]
    errors: Counter[str] = sum((turn.errors for turn in turns), Counter())
    busy = {name: statistics.mean(turn.busy[name] / turn.seconds for turn in turns) for name in turns[0].busy}
    print(f"{way}: {rate:.0f} searches/s, {search_speed.spread(times)}  not answered: {dict(errors) or 0}")
    print(f"  processors busy: {', '.join(f'{name} {cores:.2f}' for name, cores in busy.items())}; {sum(busy.values()):.2f} of {os.cpu_count()}", flush=True)  # fmt: skip
    return rate


async def run(count: int, callers: int, seconds: float, rounds: int, seed: int) -> None:
    """Measure both ways in turns."""
    with tempfile.TemporaryDirectory(prefix="rete-bench-") as place:
        folder, port = Path(place), free_port()
        home, cluster = folder / "home", folder / "postgres"
        year = dt.datetime.now(dt.UTC).year
        make_home(home, Facts("reader", "reader", "", ("IT",), f"127.0.0.1:{port}", port, year, cluster="../postgres"))
        config = home / "node.toml"
        text = with_setting(config.read_text(encoding="utf-8"), "web", "behind_proxy", "true")
        config.write_text(text, encoding="utf-8")
        with embedded.lease(cluster):
            async with runtime.open_node(home) as node:
                async with acquire(node.pool) as conn:
                    stored = await search_speed.store(conn, count, seed, time.monotonic() + 60)
                await indexing.follow(node.pool, node.index, node.clock(), worth=1, rest=0)
            print(f"{stored} profiles, {callers} callers, {rounds} turns of {seconds:.0f} s each way, {os.cpu_count()} processors", flush=True)  # fmt: skip
            turns: dict[str, list[Seen]] = {way: [] for way in WAYS}
            for number in range(rounds):
                for way in WAYS if number % 2 == 0 else reversed(WAYS):
                    async with serving(home, port, WAYS[way]) as processes:
                        await ask(port, callers, 2, seed)
                        before = spent(processes, cluster)
                        seen = await ask(port, callers, seconds, seed + number)
                        after = spent(processes, cluster)
                        seen.busy = {name: after[name] - before[name] for name in after}
                        turns[way].append(seen)
            rates = {way: tell(way, found) for way, found in turns.items()}
            one, more = rates.values()
            print(f"ratio {more / one:.2f} (target {TARGET} where processors are free; a leader is replaced after {leader.SILENT_S:.0f} s of silence)")  # fmt: skip


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description="One process against several on one database.")
    parser.add_argument("--profiles", type=int, default=20_000)
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    telemetry.configure(level="ERROR")
    asyncio.run(run(given.profiles, given.callers, given.seconds, given.rounds, given.seed))


if __name__ == "__main__":
    main()
