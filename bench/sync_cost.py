"""What following a log costs: requests, bytes, the puller's processor time and memory, by the number of changes and by the log's size.

The origin is a ``rete serve`` process with its own database. The puller is a process of its own that holds nothing else, opened once
and warmed; its processor time is ``time.process_time`` around one call of ``sync_peers``, database driver included, database server
not. Bytes are counted on the socket, headers and all. Three logs (bench/logs_made.py says how they are made): one of live
profiles, a small one and a large one of mostly withdrawn ones; every head carries three witnesses' cosignatures.
Usage: python bench/sync_cost.py [profiles] [large] [rounds]
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.federation import CHECKOUT
from bench.logs_made import Made, log_of, profiles
from node import telemetry
from node.store import embedded

SMALL, LARGE, LIVE = 10_000, 1_000_000, 2_000
ANSWER_S = 120
PULLER = """
import asyncio, gc, json, sys, time
from pathlib import Path
from aiohttp.client_proto import ResponseHandler
from node import runtime, telemetry
from node.flows.logs.sync import sync_peers
from node.peers.client import open_session
wire = 0
received = ResponseHandler.data_received
def counted(self, part):
    global wire
    wire += len(part)
    received(self, part)
ResponseHandler.data_received = counted
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
async def main():
    global wire
    telemetry.configure(level="WARNING")
    async with runtime.open_node(Path(sys.argv[1])) as node, open_session(loopback=True) as session:
        syncer = node.syncer(session)
        while await asyncio.to_thread(sys.stdin.readline):
            open("/proc/self/clear_refs", "w").write("5")
            wire, began, cpu = 0, time.perf_counter(), time.process_time()
            (r,) = await sync_peers(syncer, owner="origin", force=True)
            used, took = time.process_time() - cpu, time.perf_counter() - began
            print(json.dumps({"cpu_ms": used * 1000, "s": took, "rss_mb": peak(), "requests": r.requests, "wire": wire,
                              "entries": r.entries, "bodies": r.bodies, "error": r.error}), flush=True)
asyncio.run(main())
"""
Cost = dict[str, float]


class Puller:
    """The process that follows one log."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Speak with it through its pipes."""
        self._process = process

    async def pull(self) -> Cost:
        """Let it pull once; return what that cost."""
        writer, reader = self._process.stdin, self._process.stdout
        assert writer is not None
        assert reader is not None
        writer.write(b"pull\n")
        await writer.drain()
        line = await asyncio.wait_for(reader.readline(), ANSWER_S)
        cost: Cost = json.loads(line)
        assert not cost.pop("error"), line
        return cost


@asynccontextmanager
async def puller(home: Path) -> AsyncIterator[Puller]:
    """Start a puller of one home and stop it at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PULLER,
        str(home),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=CHECKOUT,
    )
    try:
        yield Puller(process)
    finally:
        process.stdin.close()  # type: ignore[union-attr]  # it was asked for
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


def spread(values: list[float], digits: int = 1) -> str:
    """Return median and range."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def say(claim: str, figure: str, target: str, value: float, holds: Callable[[float], bool]) -> None:
    """Print one claim with its figure, its target, and whether it holds."""
    print(f"{claim}: {figure} (target {target}) {'ok' if holds(value) else 'MISSED'}", flush=True)


async def measure(made: Made, one: Puller, changes: int, rounds: int) -> list[Cost]:
    """Change, pull, and return what each pull cost; ``beyond`` is what came besides the new bodies."""
    costs = []
    for _ in range(rounds):
        size = await made.change(changes) if changes else 0
        cost = await one.pull()
        assert (cost["entries"], cost["bodies"]) == (changes, changes)
        costs.append(cost | {"beyond": cost["wire"] - size})
    return costs


def of(costs: list[Cost], what: str) -> list[float]:
    """Return one figure of each."""
    return [cost[what] for cost in costs]


async def main(count: int, large: int, rounds: int) -> None:
    """Measure and print."""
    telemetry.configure(level="WARNING")
    folder = Path(tempfile.mkdtemp(prefix="rete-bench-"))
    began = time.perf_counter()
    try:
        async with AsyncExitStack() as stack:
            cluster = stack.enter_context(embedded.lease(folder / "postgres"))
            found = profiles(count)
            pairs = []
            for name, dead, live in (
                ("whole", 0, found),
                ("small", SMALL - LIVE, found[:LIVE]),
                ("large", large - LIVE, found[:LIVE]),
            ):
                made = await stack.enter_async_context(log_of(folder, cluster, name, dead=dead, live=live))
                one = await stack.enter_async_context(puller(made.puller_home))
                # What the origin told besides, once.
                await one.pull()
                pairs.append((made, one))
            print(
                f"made logs of {count}, {SMALL} and {large} entries in {time.perf_counter() - began:.0f} s", flush=True
            )
            await by_changes(*pairs[0], count, rounds)
            await by_size(pairs[1], pairs[2], large, rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def by_changes(made: Made, one: Puller, count: int, rounds: int) -> None:
    """Print what 0, 1, 100 and 10,000 changes of a log of ``count`` profiles cost."""
    for changes in (0, 1, 0, 100, 0):
        await measure(made, one, changes, 3)
    idle, single = [], []
    for _ in range(rounds * 3):
        idle += await measure(made, one, 0, 1)
        single += await measure(made, one, 1, 1)
    for changes, costs in ((0, idle), (1, single), (100, await measure(made, one, 100, rounds))):
        tell(changes, count, costs)
    # More of this would take minutes; what it shows is far from any limit.
    tell(10_000, count, await measure(made, one, min(10_000, count), max(1, rounds // 2)))
    say("no change: requests", f"{max(of(idle, 'requests')):.0f}", "1", max(of(idle, "requests")), lambda v: v == 1)
    say("no change: CPU ms", spread(of(idle, "cpu_ms")), "< 3", statistics.median(of(idle, "cpu_ms")), lambda v: v < 3)
    name = f"1 change of {count}"
    most, beyond, cpu = max(of(single, "requests")), of(single, "beyond"), of(single, "cpu_ms")
    say(f"{name}: requests", f"{most:.0f}", "<= 4", most, lambda v: v <= 4)
    say(f"{name}: bytes beyond the body", spread(beyond, 0), "<= 3072", max(beyond), lambda v: v <= 3072)
    say(f"{name}: CPU ms", spread(cpu), "< 15", statistics.median(cpu), lambda v: v < 15)


def tell(changes: int, count: int, costs: list[Cost]) -> None:
    """Print the cost of one number of changes."""
    print(
        f"{changes} changes of {count}: {spread(of(costs, 'requests'), 0)} requests,"
        f" {spread(of(costs, 'wire'), 0)} bytes in, CPU {spread(of(costs, 'cpu_ms'))} ms,"
        f" {spread(of(costs, 's'), 3)} s, peak RSS {max(of(costs, 'rss_mb')):.0f} MB ({len(costs)} runs)",
        flush=True,
    )


async def by_size(small: tuple[Made, Puller], big: tuple[Made, Puller], large: int, rounds: int) -> None:
    """Print what one change costs at a large log against one at a small one, in turns."""
    for made, one in (small, big):
        await measure(made, one, 1, 5)
    few: list[Cost] = []
    many: list[Cost] = []
    for _ in range(rounds * 5):
        few += await measure(*small, 1, 1)
        many += await measure(*big, 1, 1)
    print(f"1 change at {SMALL}: CPU {spread(of(few, 'cpu_ms'))} ms; at {large}: {spread(of(many, 'cpu_ms'))} ms")
    for what, unit in (("cpu_ms", "CPU"), ("wire", "bytes"), ("requests", "requests")):
        ratios = [b[what] / a[what] for a, b in zip(few, many, strict=True)]
        ratio = statistics.median(of(many, what)) / statistics.median(of(few, what))
        figure = f"{ratio:.2f} (pairs {spread(ratios, 2)})"
        say(f"1 change at {large} / at {SMALL}: {unit}", figure, "<= 1.2", ratio, lambda v: v <= 1.2)


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    asyncio.run(main(*(words + [100_000, LARGE, 5][len(words) :])))
