"""What the benchmarks share: two nodes on one embedded cluster, one of them with a log full of profiles.

Not a benchmark by itself: running it does nothing.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from node import runtime
from node.cli.processes import Served, serving
from node.domain import partition, profile
from node.domain.chamber import parse_sheets
from node.domain.generation.enrichment import enrich
from node.domain.generation.national import generate
from node.flows.logs.append import Operation, append, sign_head
from node.flows.observatory import publish
from node.flows.profiles.draft import suggest_content
from node.flows.searching import indexing
from node.flows.upkeep.home import Facts, make_trial
from node.protocol import canonical
from node.store import embedded
from node.store import indexing as index_state
from node.store.reference import load_sectors, load_territories

CHECKOUT = str(Path(__file__).resolve().parents[1])


@dataclass(frozen=True, slots=True)
class Pair:
    """An origin that serves, and a puller's home that follows it."""

    folder: Path
    origin_home: Path
    puller_home: Path
    # The cluster of the puller; the origin's is the same one unless asked otherwise.
    cluster: embedded.Cluster
    origin_cluster: embedded.Cluster
    # The process that serves the origin.
    server_pid: int


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def documents(count: int, seed: int = 1) -> list[tuple[str, bytes]]:
    """Return (id, canonical body) of ``count`` profiles with a realistic vocabulary and real blocks."""
    territories, sectors = load_territories(), load_sectors()
    made = generate(contracts=9630, seed=seed, territories=territories, sectors=sectors)
    listed = parse_sheets({"Elenco": made.contracts}, territories, sectors)
    built = partition.build(
        listed.networks, version=1, snapshot="2024-12-31", scope=(), territories=territories, sectors=sectors
    )
    blocks = list(built.blocks)
    draw = random.Random(seed)
    found: list[tuple[str, bytes]] = []
    while len(found) < count:
        for record in enrich(listed.networks, count=4000, seed=seed + len(found)):
            profile_id = str(uuid.UUID(int=draw.getrandbits(128), version=4))
            body = profile.build_body(
                profile_id=profile_id,
                owner="origin",
                round_day=dt.date(2026, 11, 23),
                block=draw.choice(blocks),
                partition=built,
                content=profile.parse_content(suggest_content(record)),
            )
            found.append((profile_id, canonical.dumps(body)))
            if len(found) == count:
                break
    return found


async def fill(home: Path, found: list[tuple[str, bytes]], *, step: int = 5000, sign_each: bool = False) -> None:
    """Append documents to a node's own log, ``step`` at a time, and sign it at the end, or after each step."""
    async with runtime.open_node(home) as node:
        for at in range(0, len(found), step):
            operations = [Operation(item, raw) for item, raw in found[at : at + step]]
            async with node.pool.acquire() as conn, conn.transaction():
                await append(conn, node.own, operations, node.clock())
            if sign_each:
                await sign_head(node.pool, node.own, node.clock())
        await sign_head(node.pool, node.own, node.clock())


async def tell_statistics(home: Path) -> None:
    """Tell the quarter's statistics now: else the node's server does it, amid what is measured or counted."""
    async with runtime.open_node(home) as node:
        await publish.publish_due(node.pool, node.own, node.statistics_key, node.membership.terms, node.clock())


async def build_index(home: Path) -> None:
    """Build a node's own search index now: else its server does it, for minutes, beside what is measured."""
    async with runtime.open_node(home) as node:
        await indexing.follow(node.pool, node.index, node.clock(), rest=0)


async def until_indexed(home: Path) -> None:
    """Wait until a node's server has taken what it published into its own search index."""
    async with runtime.open_node(home) as node, node.pool.acquire() as conn:
        while (await index_state.state(conn)).is_behind:  # noqa: ASYNC110 - nobody tells when it has
            await asyncio.sleep(0.1)


@contextmanager
def tuned_cluster(folder: Path, settings: Mapping[str, str]) -> Iterator[embedded.Cluster]:
    """Run an embedded cluster with settings beyond the product's own, for a while."""
    with embedded.lease(folder) as cluster:
        if settings:
            with (folder / "postgresql.conf").open("a", encoding="utf-8") as conf:
                conf.write("".join(f"{key} = {value}\n" for key, value in settings.items()))
            embedded.stop(folder)
            cluster = embedded.start(folder)  # noqa: PLW2901 - the same cluster, started anew
        yield cluster


@asynccontextmanager
async def pair(
    folder: Path,
    found: list[tuple[str, bytes]],
    *,
    clusters: tuple[str, str] = ("postgres", "postgres"),
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Pair]:
    """Make both homes, fill the origin's log and serve it as a process; ``clusters``: the origin's and the puller's."""
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(tuned_cluster(folder / name, settings or {})) for name in dict.fromkeys(clusters)
        }
        ports = [free_port(), free_port()]
        homes = [folder / "origin", folder / "puller"]
        facts = [
            Facts(
                id=home.name,
                name=home.name,
                ipa_code="",
                territory=("IT",),
                authority=f"127.0.0.1:{port}",
                port=port,
                epoch=2026,
                cluster=f"../{cluster}",
                database_name=f"bench_{home.name}",
                poll_minutes=1440,
            )
            for home, port, cluster in zip(homes, ports, clusters, strict=True)
        ]
        make_trial(list(zip(homes, facts, strict=True)))
        await fill(homes[0], found)
        await tell_statistics(homes[0])
        await build_index(homes[0])
        async with serving([Served(homes[0], f"http://127.0.0.1:{ports[0]}", folder / "origin.log")]) as served:
            yield Pair(folder, *homes, running[clusters[1]], running[clusters[0]], served[0].pid)


async def reset(home: Path) -> None:
    """Forget everything the puller knows of its peer."""
    async with runtime.open_node(home) as node, node.pool.acquire() as conn:
        await conn.execute(
            "TRUNCATE coop.profile, coop.partition, log.body, log.entry, log.subtree, log.item, log.wanted, log.problem CASCADE;"
            "UPDATE log.origin SET size = 0, root = sha256(''), range_hashes = '', checkpoint = NULL, checkpoint_size = 0, etag = NULL"
        )
        await conn.execute("CHECKPOINT")


async def command(*words: str) -> tuple[int, str]:
    """Run one command of the program and return (exit status, standard output)."""
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.PIPE, cwd=CHECKOUT)
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()
