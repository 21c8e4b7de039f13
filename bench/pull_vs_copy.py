"""A first pull of 20,000 profiles against a bare COPY of the same rows into the same indexed tables, in one run.

Prints, for each claim, one line with the ratio, medians and the spread. The pull verifies everything and runs in a process
of its own; the reference only copies rows that are already there, in PostgreSQL's binary format.
Usage: python bench/pull_vs_copy.py [profiles] [rounds]
"""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.federation import command, documents, pair, reset
from node import runtime
from node.store import cooperation, embedded
from node.store.postgres import migrate

TABLES = (
    ("log", "entry", ("origin_id", "idx", "entry")),
    ("log", "subtree", ("origin_id", "level", "idx", "hash")),
    ("log", "item", ("origin_id", "item_id", "last_idx", "revision", "dead")),
    ("log", "body", ("origin_id", "idx", "salt", "body")),
    ("coop", "profile", cooperation.COLUMNS),
)
PULL = """
import asyncio, json, sys, time
from pathlib import Path
from node import runtime
from node.flows.logs.sync import sync_peers
from node.peers.client import open_session
async def main():
    async with runtime.open_node(Path(sys.argv[1])) as node, open_session(loopback=True) as session:
        began, cpu = time.perf_counter(), time.process_time()
        reports = await sync_peers(node.syncer(session), force=True)
        took, used = time.perf_counter() - began, time.process_time() - cpu
        r = reports[0]
        # getrusage would count the parent's memory at the fork; the kernel's own high-water mark does not.
        rss = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
        print(json.dumps({"s": took, "cpu_s": used, "rss_mb": rss, "requests": r.requests, "bodies": r.bodies, "error": r.error}))
asyncio.run(main())
"""


async def export(dsn: str) -> list[bytes]:
    """Return each table's rows in COPY's binary format."""
    conn = await asyncpg.connect(dsn)
    try:
        parts = []
        for schema, table, columns in TABLES:
            out = io.BytesIO()
            await conn.copy_from_query(
                f"SELECT {', '.join(columns)} FROM {schema}.{table}", output=out, format="binary"
            )
            parts.append(out.getvalue())
        return parts
    finally:
        await conn.close()


async def bare_copy(cluster: embedded.Cluster, name: str, parts: list[bytes]) -> float:
    """Return the seconds that a bare COPY of the rows takes in a fresh database with all indexes."""
    dsn = await embedded.ensure_database(cluster, name)
    conn = await asyncpg.connect(dsn)
    try:
        await migrate(conn)
        await conn.execute(
            "INSERT INTO log.origin (origin, owner, name, vkey, root)"
            " SELECT 'o' || n, 'x', 'x', 'x', decode(repeat('00', 32), 'hex') FROM generate_series(1, 2) n"
        )
        began = time.perf_counter()
        async with conn.transaction():
            for (schema, table, columns), part in zip(TABLES, parts, strict=True):
                await conn.copy_to_table(
                    table,
                    schema_name=schema,
                    columns=list(columns),
                    source=io.BytesIO(part),
                    format="binary",
                    timeout=600,
                )
        return time.perf_counter() - began
    finally:
        await conn.close()


def spread(values: list[float]) -> str:
    """Return median and range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


async def main(count: int, rounds: int) -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="rete-bench-"))
    try:
        async with pair(folder, documents(count)) as nodes:
            pulls, copies, results = [], [], []
            parts: list[bytes] = []
            for turn in range(rounds):
                await reset(nodes.puller_home)
                _, out = await command("-c", PULL, str(nodes.puller_home))
                results.append(json.loads(out.strip().splitlines()[-1]))
                pulls.append(results[-1]["s"])
                async with runtime.open_node(nodes.puller_home) as node:
                    dsn = node.dsn
                    parts = parts or await export(dsn)
                copies.append(await bare_copy(nodes.cluster, f"copy_{turn}", parts))
            _, out = await command("-c", PULL, str(nodes.puller_home))
            idle = json.loads(out.strip().splitlines()[-1])
        ratios = [copied / pulled for copied, pulled in zip(copies, pulls, strict=True)]
        assert all(result["bodies"] == count and not result["error"] for result in results)
        print(f"profiles {count}; bare COPY s: {spread(copies)}; verified pull s: {spread(pulls)}")
        print(f"pull speed / bare COPY speed: {spread(ratios)} (target >= 0.5)")
        print(
            f"puller: peak RSS {max(r['rss_mb'] for r in results):.0f} MB (target < 300), CPU {results[-1]['cpu_s']:.2f} s, {results[-1]['requests']} requests"
        )
        print(f"pull with no change: {idle['requests']} request(s), CPU {idle['cpu_s'] * 1000:.1f} ms (target 1)")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000, int(sys.argv[2]) if len(sys.argv) > 2 else 3))
