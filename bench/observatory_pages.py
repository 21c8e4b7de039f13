"""The Observatory's pages at full size: how long a reader waits, alone and with others, beside a page that shows a small table.

Invented figures of a register of some 10,000 networks in twelve editions (networks by 107 provinces, by 88 divisions, flows between 21 regions), kept in a
real PostgreSQL as the newest build and as a release; a real ``rete serve`` process answers over loopback. 300 pages, mixed, in both
languages, of many years: the first page, indicators with maps, bars and flows, whole tables, a release. Before that, the very first page after a start,
which decodes the document. The reference of the same run is ``/stato``. Target: p95 below 150 ms. About a minute.

    python bench/observatory_pages.py [--pages 300] [--profiles 2000] [--seed 7]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp

from bench import search_speed
from bench.federation import free_port
from bench.web_load import Seen, one
from node import runtime, telemetry
from node.cli.processes import Served, serving
from node.domain.observatory.figures import encode
from node.flows.upkeep.home import Facts, make_trial
from node.store import embedded
from node.store import observatory as store
from node.store.postgres import Pool, acquire
from tests import figures_made

P95_S = 0.150
TOGETHER = 8
BUILD_S = 60.0
INDICATORS = "/osservatorio/indicatori"
TABLES = "/osservatorio/tabelle"
PAGES = (
    "/osservatorio", f"{INDICATORS}/networks", f"{INDICATORS}/firms", f"{INDICATORS}/density", f"{INDICATORS}/survival",
    f"{INDICATORS}/networks-by-size", f"{INDICATORS}/introductions", f"{INDICATORS}/matches", f"{INDICATORS}/gap",
    f"{TABLES}/networks-by-province", f"{TABLES}/networks-by-division", f"{TABLES}/introductions-between-regions",
)  # fmt: skip


def asked_for(count: int, seed: int) -> list[tuple[str, dict[str, str]]]:
    """Return pages and their parameters: every page in turn, years and languages drawn, one in five of a release."""
    draw = random.Random(seed)
    found = []
    for path in itertools.islice(itertools.cycle(PAGES), count):
        parameters = {"lang": draw.choice(("it", "en")), "anno": draw.choice(figures_made.YEARS)}
        if draw.random() < 0.2:
            parameters["release"] = figures_made.RELEASE
        found.append((path, parameters))
    draw.shuffle(found)
    return found


@contextlib.asynccontextmanager
async def observatory(folder: Path, profiles: int, seed: int) -> AsyncIterator[str]:
    """Serve one node with figures and profiles as a process; yield its address."""
    port = free_port()
    facts = Facts(
        id="bench", name="bench", ipa_code="", territory=("IT",), authority=f"127.0.0.1:{port}", port=port,
        epoch=dt.datetime.now(dt.UTC).year, cluster="../postgres", database_name="bench", poll_minutes=1440,
    )  # fmt: skip
    home = folder / "node"
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(embedded.lease(folder / "postgres"))
        make_trial([(home, facts)])
        config = home / "node.toml"
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("behind_proxy = false", "behind_proxy = true"), encoding="utf-8")
        node = await stack.enter_async_context(runtime.open_node(home))
        async with acquire(node.pool) as conn:
            stored = await search_speed.store(conn, profiles, seed, time.monotonic() + 120)
        url = f"http://127.0.0.1:{port}"
        await stack.enter_async_context(serving([Served(home, url, folder / "node.log")]))
        await _built(node.pool)
        made = figures_made.figures()
        await figures_made.freeze(node.pool, figures_made.figures(inputs="older"))
        await figures_made.keep(node.pool, made)
        cells = sum(len(found.cells) for found in made.tables)
        print(f"{len(made.tables)} tables, {cells} cells, {len(encode(made)) / 1e6:.1f} MB; {stored} profiles")
        yield url


async def _built(pool: Pool) -> None:
    """Wait for the node's own first build, which would take the place of invented figures; the next comes in an hour."""
    end = time.monotonic() + BUILD_S
    while time.monotonic() < end:
        async with acquire(pool) as conn:
            if await store.stamp(conn) is not None:
                return
        await asyncio.sleep(0.2)


async def in_turn(session: aiohttp.ClientSession, url: str, asked: Sequence[tuple[str, dict[str, str]]]) -> Seen:
    """Ask for pages one after the other."""
    seen = Seen()
    for number, (path, parameters) in enumerate(asked):
        await one(session, f"{url}{path}", parameters, number, seen)
    return seen


async def together(session: aiohttp.ClientSession, url: str, asked: Sequence[tuple[str, dict[str, str]]]) -> Seen:
    """Ask for pages, several at a time."""
    seen, free = Seen(), asyncio.Semaphore(TOGETHER)

    async def reader(number: int, path: str, parameters: dict[str, str]) -> None:
        async with free:
            await one(session, f"{url}{path}", parameters, number, seen)

    async with asyncio.TaskGroup() as group:
        for number, (path, parameters) in enumerate(asked):
            group.create_task(reader(number, path, parameters))
    return seen


def p95(seen: Seen) -> float:
    """Return the time within which 95 of 100 pages came."""
    return statistics.quantiles(seen.times, n=100, method="inclusive")[94]


async def run(count: int, profiles: int, seed: int) -> None:
    """Measure all claims."""
    with tempfile.TemporaryDirectory(prefix="rete-bench-") as folder:
        async with observatory(Path(folder), profiles, seed) as url, aiohttp.ClientSession() as session:
            first = await in_turn(session, url, [(f"{INDICATORS}/networks", {})])
            print(f"the first page after a start, which decodes: {first.times[0] * 1e3:.0f} ms")
            asked = asked_for(count, seed)
            reference = await in_turn(
                session, url, [("/stato", {"lang": parameters["lang"]}) for _, parameters in asked]
            )
            reference.tell("reference: /stato")
            seen = await in_turn(session, url, asked)
            seen.tell("pages of the Observatory, one after the other")
            for path in PAGES if len(seen.times) == len(asked) else ():
                own = [took for (other, _), took in zip(asked, seen.times, strict=True) if other == path]
                print(f"  {path}: median {statistics.median(own) * 1e3:.1f} ms ({min(own) * 1e3:.1f}-{max(own) * 1e3:.1f})")  # fmt: skip
            (await together(session, url, asked)).tell(f"the same, {TOGETHER} at a time")
            ratio = statistics.median(seen.times) / statistics.median(reference.times)
            print(f"p95 {p95(seen) * 1e3:.0f} ms (target {P95_S * 1e3:.0f}); median {ratio:.1f} times that of /stato, p95 {p95(seen) / p95(reference):.1f} times; errors {sum(seen.errors.values())} (target 0)")  # fmt: skip


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description="Readers of the Observatory.")
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--profiles", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    telemetry.configure(level="ERROR")
    asyncio.run(run(given.pages, given.profiles, given.seed))


if __name__ == "__main__":
    main()
