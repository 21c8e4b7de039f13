"""How long the Observatory's figures take: 10,000 networks by 12 years, counted for the first time, and when nothing is new.

The editions are the invented register's (COPY, as the product stores them), as large each year. A build counts every edition that was
not counted before, what changed from year to year, and makes all tables; medians of three. The peer of the ratio is what PostgreSQL
takes to count the same rows once, by year and province, in the same run: how much dearer are all tables than one of them?
Usage: python bench/observatory_build.py [networks]
"""

from __future__ import annotations

import asyncio
import datetime as dt
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from node import config as configuration
from node import telemetry
from node.domain.generation.growth import Growth, Knot, portion
from node.flows.observatory.build import Built, build
from node.store import edition_counts, embedded
from node.store.postgres import Connection, Pool, migrate_at, open_pool
from tests.history_made import load
from tests.networks_made import NOW

TARGET_S = 5.0
TIMES = 3
YEARS = range(2013, 2025)
CLASSES = (1450, 2130, 1620, 3205, 1205, 20)
PLAIN = (
    "SELECT s.taken_on, n.province, count(*) FROM population.network n JOIN population.snapshot s USING (snapshot_id) GROUP BY 1, 2",
    "SELECT s.taken_on, f.province, count(*) FROM population.firm f JOIN population.snapshot s USING (snapshot_id) GROUP BY 1, 2",
)
CONFIG = configuration.parse(
    (Path(__file__).resolve().parents[1] / "nodes.example.toml").read_text(encoding="utf-8"), file="x"
)


def growth(networks: int) -> Growth:
    """Return a register that is as large in every year."""
    classes = tuple(portion(networks, CLASSES))
    ends = (dt.date(YEARS[0], 12, 31), dt.date(YEARS[-1], 12, 31))
    return Growth(tuple(Knot(day, networks, networks * 52 // 10, classes) for day in ends), regions=())


async def median(work: Callable[[], Awaitable[object]]) -> float:
    """Return the median of the seconds that some work takes."""
    taken = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


async def measure(pool: Pool, conn: Connection) -> bool:
    """Print what each takes, and tell whether the target is met."""
    hours = iter(range(10**6))

    async def anew() -> Built:
        return await build(pool, CONFIG, NOW + dt.timedelta(seconds=next(hours)))

    async def one_more() -> None:
        await edition_counts.forget(conn, dt.date(YEARS[-1], 12, 31))
        # What it tells is what was told, so that nothing is made of it.
        assert not (await anew()).is_new

    async def recount() -> None:
        for day in await edition_counts.editions(conn):
            await edition_counts.forget(conn, day)
        await anew()

    async def same() -> None:
        assert not (await anew()).is_new

    async def plain() -> None:
        for statement in PLAIN:
            await conn.fetch(statement)

    async def next_day() -> None:
        assert (await build(pool, CONFIG, NOW + dt.timedelta(days=1 + next(hours)))).is_new

    reference = await median(plain)
    begun = time.perf_counter()
    await anew()
    once = time.perf_counter() - begun

    counted = await median(recount)
    print(f"plain count of the same rows by year and province: {reference:.2f} s")
    print(
        f"first build, all editions counted: {once:.2f} s once, {counted:.2f} s median ({counted / reference:.1f} times the plain count)"
    )
    print(f"one edition more: {await median(one_more):.2f} s")
    print(f"nothing new: {await median(same):.3f} s")
    tables = await median(next_day)
    print(f"all tables anew, nothing to count: {tables:.2f} s ({tables / reference:.2f} times)")
    return max(once, counted) < TARGET_S


async def main(networks: int) -> None:
    """Make the editions, measure, and fail where the target is missed."""
    telemetry.configure(level="WARNING")
    with tempfile.TemporaryDirectory() as folder, embedded.lease(Path(folder) / "cluster") as cluster:
        dsn = cluster.dsn("postgres")
        await migrate_at(dsn)
        pool = await open_pool(dsn, max_size=4)
        try:
            async with pool.acquire() as conn:
                begun = time.perf_counter()
                await load(conn, [growth(networks).target(dt.date(year, 12, 31)) for year in YEARS])
                rows = await conn.fetchval("SELECT count(*) FROM population.firm")
                print(
                    f"{networks} networks x {len(YEARS)} years, {rows} rows, made in {time.perf_counter() - begun:.0f} s"
                )
                met = await measure(pool, conn)
        finally:
            await pool.close()
    if not met:
        raise SystemExit(f"a build takes {TARGET_S:.0f} s or more")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
