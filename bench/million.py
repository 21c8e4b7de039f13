"""A first pull of 1,000,000 entries, killed ten times at random and resumed each time, must end identical and stay small.

The origin's log is built by COPY, as the product stores it, and signed by the product; a tenth of what was ever published lives.
The puller is the product's own pull in processes that are killed. Prints one line per claim and fails when one does not hold.
Usage: python bench/million.py [entries] [kills]
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import random
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.federation import documents, free_port, tell_statistics
from node import runtime
from node.cli.processes import Served, serving
from node.flows.logs.append import sign_head
from node.flows.logs.ingest import ingest_bodies, open_bodies
from node.flows.upkeep.home import Facts, make_trial
from node.protocol import body, entry, merkle, tiles
from node.runtime import Node
from node.store import embedded, log, origins, schemas
from tests.crash import Driver, Job, Life, digests, driver

SEED = 2012
TEMPLATES = 2000
DAY = 20_780
CHUNK = 65_536
RSS_MAX_MB = 400
TIME_MAX_S = 900
# The worker is forked by a process that has loaded the program; what it shares with it counts as its own.
LIFE_S = 600
HELD = "SELECT size, (SELECT count(*) FROM log.body b WHERE b.origin_id = o.origin_id) FROM log.origin o WHERE origin_id = $1"


@dataclass(frozen=True, slots=True)
class History:
    """What happened to whom: (op, item, previous position, revision) at each position; where each item ended, and if it lives."""

    steps: list[tuple[str, int, int, int]]
    last: list[tuple[int, int, bool]]

    @property
    def live(self) -> list[int]:
        """Items that live, in the order of their positions."""
        return sorted((n for n, (_, _, dead) in enumerate(self.last) if not dead), key=lambda n: self.last[n][0])


def history(size: int, alive: int, seed: int) -> History:
    """Publications, updates and withdrawals at random, at the end of which ``alive`` items live."""
    draw = random.Random(seed)
    steps: list[tuple[str, int, int, int]] = []
    last: list[tuple[int, int, bool]] = []
    living: list[int] = []
    for at in range(size):
        rest, missing = size - at - 1, alive - len(living)
        # Whatever is drawn, the steps that remain must be able to end with so many alive; until then a few more come than go.
        chances = {"pub": (-1, 50), "upd": (0, 20), "wd": (1, 45 if missing <= 0 else 20)}
        able = {op: n for op, (step, n) in chances.items() if abs(missing + step) <= rest and (living or op == "pub")}
        (op,) = draw.choices(list(able), list(able.values()))
        if op == "pub":
            item = len(last)
            living.append(item)
            last.append((-1, 0, False))
        else:
            place = draw.randrange(len(living))
            item = living[place]
            if op == "wd":
                living[place] = living[-1]
                living.pop()
        before, revision, _ = last[item]
        steps.append((op, item, before, revision + 1))
        last[item] = (at, revision + 1, op == "wd")
    return History(steps, last)


def raw_entries(found: History, ids: list[str], commitments: dict[int, bytes], draw: random.Random) -> Iterator[bytes]:
    """Yield the entries' canonical bytes; what no longer lives committed to a body that nobody has any more."""
    for at, (op, item, before, revision) in enumerate(found.steps):
        tail = f'"id":"{ids[item]}","op":"{op}","p":{before},"r":{revision},"t":{DAY},"v":1}}'
        if op == "wd":
            yield ("{" + tail).encode()
        else:
            digest = commitments.get(at) or draw.randbytes(32)
            yield f'{{"b":"{base64.b64encode(digest).decode()}",{tail}'.encode()


async def build(node: Node, size: int, alive: int) -> None:
    """Fill a node's own log as its appends would have, and sign it."""
    found, draw = history(size, alive, SEED), random.Random(SEED)
    ids = [str(uuid.UUID(int=draw.getrandbits(128), version=4)) for _ in found.last]
    templates = documents(min(TEMPLATES, alive))
    replies, commitments = [], {}
    for number, item in enumerate(found.live):
        old, raw = templates[number % len(templates)]
        at, salt, mine = found.last[item][0], draw.randbytes(32), raw.replace(old.encode(), ids[item].encode())
        replies.append((at, salt, mine))
        commitments[at] = body.commitment(salt, mine)
    grown, first, origin_id = tiles.TiledRange(0, ()), 0, node.own.origin_id
    stream, kept = raw_entries(found, ids, commitments, draw), {}
    async with node.pool.acquire() as conn, conn.transaction():
        while raws := list(itertools.islice(stream, CHUNK)):
            assert entry.encode(entry.decode(raws[0])) == raws[0]
            kept |= {at: raws[at - first] for at in range(first, first + len(raws)) if at in commitments}
            subtrees = grown.extend([merkle.leaf_hash(raw) for raw in raws])
            await log.copy_entries(conn, origin_id, first, raws)
            await log.copy_subtrees(conn, origin_id, subtrees)
            first += len(raws)
        rows = [(origin_id, uuid.UUID(ids[n]), *found.last[n]) for n in range(len(ids))]
        await conn.copy_records_to_table(
            "item",
            schema_name="log",
            columns=("origin_id", "item_id", "last_idx", "revision", "dead"),
            records=rows,
            timeout=300,
        )
        await origins.advance(
            conn, origin_id, size=size, root=grown.root(), range_hashes=grown.hashes, checkpoint=None, now=node.clock()
        )
    await store_bodies(node, replies, {at: entry.decode(raw) for at, raw in kept.items()}, found, ids)
    assert await sign_head(node.pool, node.own, node.clock()) == size


async def store_bodies(
    node: Node, replies: list[tuple[int, bytes, bytes]], entries: dict[int, entry.Entry], found: History, ids: list[str]
) -> None:
    """Bodies and what is searched in, through the gate."""
    origin_id = node.own.origin_id
    for at in range(0, len(replies), 4096):
        some = replies[at : at + 4096]
        async with node.pool.acquire() as conn, conn.transaction():
            await log.copy_wanted(conn, origin_id, [(index, ids[found.steps[index][1]]) for index, _, _ in some])
            bodies, problems = open_bodies(origin_id, node.own.owner, entries, some, schemas.validators())
            assert not problems
            await ingest_bodies(conn, origin_id, bodies, problems)


async def reach(dsn: str, owner: str, size: int, alive: int, point: float) -> None:
    """Wait until a pull has done such a part of its work: half of it entries, half of it bodies."""
    conn = await asyncpg.connect(dsn)
    try:
        while True:
            row = await conn.fetchrow(
                "SELECT o.size, (SELECT count(*) FROM log.wanted w WHERE w.origin_id = o.origin_id) AS wanted"
                " FROM log.origin o WHERE owner = $1 AND NOT is_own",
                owner,
            )
            bodies = alive - row["wanted"] if row["size"] == size else 0
            if row["size"] / size / 2 + bodies / alive / 2 >= point:
                # Anywhere between two commits.
                await asyncio.sleep(random.Random(f"{SEED}{point}").uniform(0, min(1.0, size / 1_000_000)))
                return
            await asyncio.sleep(0.1)
    finally:
        await conn.close()


async def pull_killed(
    workers: Driver, home: Path, dsn: str, size: int, alive: int, kills: int
) -> tuple[list[Life], list[float]]:
    """Pull to the end, killed at so many random points of the work on the way."""
    draw = random.Random(SEED)
    points = sorted(draw.uniform(0.01, 0.97) for _ in range(kills))
    job: Job = {
        "kind": "pull", "home": str(home), "owner": "origin", "once": True, "sliced": False, "small": False, "life_s": LIFE_S
    }  # fmt: skip
    lives: list[Life] = []
    for point in points:
        life = await workers.run(job, kill_when=reach(dsn, "origin", size, alive, point))
        assert not life.failures, life.failures
        lives.append(life)
    lives.append(await workers.run(job))
    assert not lives[-1].failures, lives[-1].failures
    return lives, points


async def main(size: int, kills: int) -> None:
    """Build, pull, compare, print."""
    alive = size // 10
    folder = Path(tempfile.mkdtemp(prefix="rete-million-"))
    try:
        with embedded.lease(folder / "postgres"):
            homes, ports = [folder / "origin", folder / "puller"], [free_port(), free_port()]
            make_trial(
                [
                    (home, Facts(
                        id=home.name, name=home.name, ipa_code="", territory=("IT",), authority=f"127.0.0.1:{port}", port=port,
                        epoch=2026, cluster="../postgres", database_name=home.name, poll_minutes=1440,
                    ))
                    for home, port in zip(homes, ports, strict=True)
                ]
            )  # fmt: skip
            began = time.perf_counter()
            async with runtime.open_node(homes[0]) as node:
                await build(node, size, alive)
            await tell_statistics(homes[0])
            async with runtime.open_node(homes[0]) as node, node.pool.acquire() as conn:
                await conn.execute("VACUUM ANALYZE", timeout=300)
                truth = await digests(conn, node.own.origin_id)
                # With the few documents of statistics that a served node tells besides.
                size, alive = await conn.fetchrow(HELD, node.own.origin_id)
            built = time.perf_counter() - began
            print(
                f"a log of {size:,} entries, {alive:,} of {truth['item'].split(':')[0]} profiles living, built and signed in {built:.0f} s",
                flush=True,
            )
            async with runtime.open_node(homes[1]) as node:
                dsn = node.dsn
            served = [Served(homes[0], f"http://127.0.0.1:{ports[0]}", folder / "origin.log")]
            async with serving(served), driver(folder / "workers.log") as workers:
                lives, points = await pull_killed(workers, homes[1], dsn, size, alive, kills)
            report(lives, points, truth, size, alive)
    except BaseException:
        for name in ("workers.log", "origin.log"):
            if (folder / name).exists():
                sys.stderr.write((folder / name).read_text(encoding="utf-8", errors="replace")[-3000:])
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def report(lives: list[Life], points: list[float], truth: dict[str, str], size: int, alive: int) -> None:
    """Print each claim; fail when one does not hold."""
    last = lives[-1].said[-1]
    landed = sum(life.killed for life in lives)
    where = ", ".join(f"{point:.0%} {life.stage}" for point, life in zip(points, lives, strict=False))
    took = sum(life.seconds for life in lives)
    peak = max([life.peak_mb for life in lives] + [last["peak_mb"]])
    same = last["digests"] == truth
    print(
        f"first pull killed {landed} times ({where}): resumed each time, {took:.0f} s in all, {size / took:,.0f} entries/s, error {last['error']}, bodies missing {last['wanting']}"
    )
    print(f"digests of head, entries, subtrees, items, bodies with salts, cooperation rows identical: {same}")
    print(f"puller: peak RSS {peak:.0f} MB over {len(lives)} processes (target < {RSS_MAX_MB})")
    assert landed == len(points)
    assert (same, last["error"], last["wanting"], last["size"]) == (True, None, False, size)
    assert last["digests"]["body"].startswith(f"{alive}:")
    assert peak < RSS_MAX_MB


async def bounded(size: int, kills: int) -> None:
    """Run the whole within its time."""
    # A line for each of ten thousand requests would be measured too.
    os.environ.setdefault("RETE_LOG_LEVEL", "WARNING")
    async with asyncio.timeout(TIME_MAX_S):
        await main(size, kills)


if __name__ == "__main__":
    asyncio.run(
        bounded(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, int(sys.argv[2]) if len(sys.argv) > 2 else 10)
    )
