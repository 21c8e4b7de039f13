"""How fast are searches over many profiles: the search function with facets and permission checks, with the index and without.

The corpus is search_quality's (words of ATECO and templates) with random labels, owners and days, seeded. 200 mixed questions:
one common word, one rare word, three words, filters alone, words with filters, typing errors, deep pages, newest first. Each is
asked of the product's own search function (median of three), and its words of tantivy's own BM25 over the same index in the same
run: the ratio is printed with p50, p95 and p99. Then the same questions go through HTTP to the application. Bounded: it prints
what it has after ``--minutes``. 100,000 profiles take about two minutes, a million about fifteen, most of it to store them:
``--keep FOLDER`` stores them there once, and asks them again in later runs of the same number and seed.

    python bench/search_speed.py [--profiles 100000] [--seed 7] [--minutes 30] [--database] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import tantivy
from aiohttp import web
from aiohttp.test_utils import TestServer

from bench.search_quality import NOW, TODAY, corpus, document_of, misspelt, trades
from node import telemetry
from node.domain.query import Query, parse
from node.flows.searching import indexing, reading
from node.flows.searching.search import search
from node.store import cooperation, embedded
from node.store.postgres import Connection, Pool, migrate, open_pool
from node.store.reference import load_label_reference, load_sectors, load_territories
from node.store.text_index import TextIndex
from node.web import api
from node.web.middleware import errors

BATCH = 10_000
OWNERS = [f"p_{code}" for code in ("LE", "TO", "RM", "MI", "BO", "NA", "BA", "FI", "GE", "VE", "PA", "CA")]
COMMON = ("imprese", "rete", "collaborazioni", "settore", "clienti", "qualità", "esperienza")
FILTERS: Sequence[dict[str, str]] = (
    {"territory": "ITF4"}, {"territory": "LE"}, {"sector": "C"}, {"sector": "10"}, {"theme": "innovation"}, {"kind": "contract"},
    {"territory": "ITC", "sector": "C"}, {"size": "10+"}, {"owner": "p_TO"}, {"maturity": "lt2"}, {"target_country": "AL"},
)  # fmt: skip


def labelled(document: dict[str, Any], draw: random.Random, places: Sequence[str], divisions: Sequence[str]) -> dict[str, Any]:  # fmt: skip
    """Give a document labels as partitions give them, an owner and a day."""

    def label(level: str, *values: str) -> dict[str, Any]:
        return {"level": level, "values": sorted(values)}

    territory = draw.choice((label("REG", *draw.sample(places, draw.randint(1, 2))), label("RIP", draw.choice(("ITC", "ITF", "ITH")))))  # fmt: skip
    sector = draw.choice((label("A2", *draw.sample(divisions, draw.randint(1, 2))), label("SEZ", draw.choice("ACFGI"))))
    document["labels"] = {
        "territory": territory,
        "sector": sector,
        "period": label("*"),
        "size": label("SIZE", draw.choice(("2-3", "4-9", "10+"))) if draw.random() < 0.2 else label("*"),
        "theme": label("THEME", draw.choice(("innovation", "energy", "tourism")))
        if draw.random() < 0.3
        else label("*"),
    }
    document |= {
        "round": TODAY - 7 * draw.randint(0, 100),
        "kind": draw.choice(("contract", "contract", "entity")),
        "maturity": draw.choice(("lt2", "2to5", "gt5", "any")),
        "target_countries": draw.sample(("AL", "DE", "FR", "US"), draw.randint(0, 2)),
    }
    return document


async def store(conn: Connection, count: int, seed: int, stop: float) -> int:
    """Store the corpus as logs of a dozen administrations, nearly all of it witnessed; return how many profiles."""
    territories, sectors, draw = load_territories(), load_sectors(), random.Random(seed)
    places = [region.code for region in territories.regions]
    divisions = [division for section in "ACFGIJM" for division in sectors.children(section)]
    known = trades()
    origins = [
        await conn.fetchval(
            "INSERT INTO log.origin (origin, owner, name, vkey, state, root, checked_at, confirmed_at)"
            " VALUES ($1 || '.example/federation/log/2026', $2, $2, 'k', 'ready', $3, $4, $4) RETURNING origin_id",
            owner.lower().replace("_", "-"), owner, bytes(32), NOW,
        )
        for owner in OWNERS
    ]  # fmt: skip
    sizes = dict.fromkeys(origins, 0)
    stored = 0
    while stored < count and time.monotonic() < stop:
        bodies, rows = [], []
        for made in corpus(min(BATCH, count - stored), draw, known):
            at = draw.randrange(len(origins))
            document = labelled({**document_of(made), "owner": OWNERS[at]}, draw, places, divisions)
            origin, idx = origins[at], sizes[origins[at]]
            sizes[origin] += 1
            bodies.append((origin, idx, bytes(32), orjson.dumps(document)))
            rows.append(cooperation.index_row(origin, idx, document, territories, sectors))
        await conn.copy_records_to_table("body", schema_name="log", records=bodies)
        await cooperation.copy_profiles(conn, map(cooperation.pack_row, rows))
        stored += len(rows)
    for origin, size in sizes.items():
        await conn.execute("UPDATE log.origin SET size = $2, witnessed_size = $2::bigint - 5, witnessed_at = $3 WHERE origin_id = $1", origin, size, NOW)  # fmt: skip
    await conn.execute("VACUUM ANALYZE coop.profile", timeout=1800)
    return stored


def questions(seed: int) -> list[tuple[str, dict[str, str]]]:
    """Two hundred questions of eight kinds, each as (kind, parameters)."""
    draw = random.Random(seed + 1)
    own = [word for _, words in trades().values() for word in words]
    made: list[tuple[str, dict[str, str]]] = []
    for n in range(25):
        common, rare = draw.choice(COMMON), draw.choice(own)
        made += [
            ("common word", {"q": common}),
            ("rare word", {"q": rare}),
            ("three words", {"q": f"{common} {draw.choice(COMMON)} {rare}"}),
            ("filters", draw.choice(FILTERS)),
            ("words, filters", {"q": draw.choice((common, rare)), **draw.choice(FILTERS)}),
            ("typing error", {"q": misspelt(draw.choice([w for w in own if len(w) >= 8]), draw)}),
            ("deep page", {"q": common if n % 2 else rare, "page": str(draw.randint(5, 50))}),
            ("newest", {"q": draw.choice((common, rare)), "sort": "newest"}),
        ]
    return made


def spread(seconds: Sequence[float]) -> str:
    """Tell p50, p95, p99 and the worst of some times, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return f"p50 {cuts[49] * 1e3:7.2f}  p95 {cuts[94] * 1e3:7.2f}  p99 {cuts[98] * 1e3:7.2f}  worst {max(seconds) * 1e3:7.2f} ms"


async def timed(work: Callable[[], Awaitable[Any]], rounds: int) -> float:
    """Return the median time of some calls."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        await work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


async def at_page(pool: Pool, parameters: dict[str, str], index: TextIndex | None) -> Query:
    """Return the question at its page: cursors are what pages are asked by."""
    reference = load_label_reference()
    asked = {name: value for name, value in parameters.items() if name != "page"}
    cursor = ""
    for _ in range(int(parameters.get("page", "1")) - 1):
        result = await search(
            pool, parse({**asked, "cursor": cursor}.items(), reference), reference, now=NOW, index=index
        )
        if not result.cursor:
            break
        cursor = result.cursor
    return parse({**asked, "cursor": cursor}.items(), reference)


async def measure(pool: Pool, asked: Sequence[tuple[str, dict[str, str]]], index: TextIndex | None, stop: float) -> dict[str, list[float]]:  # fmt: skip
    """Time every question; stop asking when the time is over."""
    reference = load_label_reference()
    times: dict[str, list[float]] = {}
    for kind, parameters in asked:
        if time.monotonic() > stop:
            print("  time is over: fewer questions")
            break
        query = await at_page(pool, parameters, index)
        took = await timed(partial(search, pool, query, reference, now=NOW, index=index), 3)
        times.setdefault(kind, []).append(took)
        times.setdefault("all", []).append(took)
    return times


async def bm25(pool: Pool, asked: Sequence[tuple[str, dict[str, str]]], folder: Path) -> list[float]:
    """Time tantivy's own ranking of the same words over the same index, 21 hits and their number; no facets, no permissions."""
    index = tantivy.Index.open(str(folder))
    index.reload()
    searcher, times = index.searcher(), []
    for _, parameters in asked:
        async with pool.acquire() as conn:
            meant = await reading.read(conn, parameters.get("q", ""))
        lexemes = [test.lexemes[0] for test in meant.tests if test.places == "A"]
        parts = [(tantivy.Occur.Must, tantivy.Query.term_query(index.schema, "words", lexeme, "freq")) for lexeme in dict.fromkeys(lexemes)]  # fmt: skip
        query = tantivy.Query.boolean_query(parts) if parts else tantivy.Query.all_query()

        async def ask(query: tantivy.Query = query) -> None:
            searcher.search(query, 21)

        times.append(await timed(ask, 3))
    return times


@contextlib.contextmanager
def said(what: str) -> Iterator[None]:
    """Tell how long something took."""
    begun = time.perf_counter()
    yield
    print(f"{what}: {time.perf_counter() - begun:.1f} s", flush=True)


async def through_http(pool: Pool, asked: Sequence[tuple[str, dict[str, str]]], index: TextIndex) -> list[float]:
    """Time the same questions through the application's own routes, one after the other."""
    app = web.Application(middlewares=[errors])
    api.install(app, pool, lambda: NOW, index=index)
    times = []
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        for _, parameters in asked:
            query = await at_page(pool, parameters, index)
            place = {"cursor": query.cursor_after(query.cursor)} if query.cursor else {}
            url = server.make_url("/api/v1/profiles").with_query({n: v for n, v in parameters.items() if n != "page"} | place)  # fmt: skip

            async def ask(url: Any = url) -> None:
                async with session.get(url) as reply:
                    assert reply.status == 200, await reply.text()
                    await reply.read()

            times.append(await timed(ask, 3))
    return times


async def stored_in(conn: Connection, folder: Path, count: int, seed: int, stop: float) -> int:
    """Return how many profiles there are, stored now or by an earlier run of the same number and seed."""
    note, what = folder / "stored.txt", f"{count} {seed}"
    if note.exists():
        if note.read_text() != what:
            raise SystemExit(f"{folder} holds other profiles: {note.read_text()} (number, seed)")
        print(f"asked again: stored on {dt.datetime.fromtimestamp(note.stat().st_mtime, dt.UTC):%Y-%m-%d}")
        return sum((await cooperation.count_by_origin(conn)).values())
    with said("stored"):
        stored = await store(conn, count, seed, stop)
    if stored == count:
        note.write_text(what)
    return stored


async def run(count: int, seed: int, minutes: float, *, database: bool, keep: Path | None) -> None:
    """Store, index, ask."""
    stop = time.monotonic() + minutes * 60
    asked = questions(seed)
    with (
        tempfile.TemporaryDirectory(prefix="rete-bench-")
        if keep is None
        else contextlib.nullcontext(str(keep)) as folder,
        embedded.lease(Path(folder) / "cluster") as cluster,
    ):
        pool = await open_pool(await embedded.ensure_database(cluster, "speed"), max_size=4)
        async with pool.acquire() as conn:
            await migrate(conn)
            stored = await stored_in(conn, Path(folder), count, seed, stop)
        index = TextIndex(Path(folder) / "index")
        with said("indexed"):
            await indexing.follow(pool, index, NOW, worth=1, rest=0)
        size = sum(file.stat().st_size for file in index.folder.iterdir()) / 1e6
        print(f"{stored} profiles, index of {size:.0f} MB, {len(asked)} questions, seed {seed}")
        if keep is not None:
            # A server that was only just started has nothing in memory yet; one that has just stored everything has.
            await measure(pool, asked, index, stop)
        ours = await measure(pool, asked, index, stop)
        print("search function with facets and permission checks, by the index:")
        for kind, times in ours.items():
            print(f"  {kind:15} {spread(times)}")
        plain = await bm25(pool, asked, index.folder)
        ratio = statistics.median(a / b for a, b in zip(ours["all"], plain, strict=False))
        print(f"  BM25 alone      {spread(plain)}  (search function / BM25 alone: {ratio:.1f}, median)")
        print(f"  through HTTP    {spread(await through_http(pool, asked, index))}")
        if database:
            print("by the database alone:")
            for kind, times in (await measure(pool, asked[:: max(1, stored // 100_000)], None, stop)).items():
                print(f"  {kind:15} {spread(times)}" if len(times) > 1 else f"  {kind:15} {times[0] * 1e3:.2f} ms")
        pool.terminate()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description="Speed of search.")
    parser.add_argument("--profiles", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--database", action="store_true", help="Ask the database alone, too.")
    parser.add_argument("--keep", type=Path, help="Store there, and ask again what is stored there.")
    given = parser.parse_args()
    telemetry.configure(level="ERROR")
    if given.keep is not None:
        given.keep.mkdir(parents=True, exist_ok=True)
    asyncio.run(run(given.profiles, given.seed, given.minutes, database=given.database, keep=given.keep))


if __name__ == "__main__":
    main()
