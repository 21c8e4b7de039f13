"""Reading from a replica, a real one that follows by streaming: who wrote sees it, and whatever becomes of the replica no page fails."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import pytest
from aiohttp import ClientSession, CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from node.domain.roles import Permission
from node.errors import OperatorError
from node.flows.logs.append import Operation, append, sign_head
from node.flows.searching import indexing
from node.flows.searching.engines import InIndex, open_question
from node.flows.upkeep import measures, replica_check
from node.flows.upkeep.home import Facts, make_home, with_setting
from node.protocol import canonical
from node.runtime import Node, open_node
from node.store import embedded, leader, replica
from node.store.embedded import Cluster
from node.store.postgres import acquire, newest_migration, open_pool
from node.web import app as application
from node.web import reading
from node.web.permission import needs
from tests import standby_made
from tests.cli.test_serve import ROOT, until
from tests.conftest import EXTERNAL, _fast_place
from tests.federation_made import free_ports
from tests.profiles_made import profile
from tests.standby_made import Standby

pytestmark = pytest.mark.skipif(bool(EXTERNAL), reason="a server of its own is copied, stopped and promoted")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder of this file's own."""
    folder = Path(tempfile.mkdtemp(prefix="rete-test-", dir=_fast_place()))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def primary(place: Path) -> Iterator[tuple[Cluster, str]]:
    """A server that is written, and the DSN of the node's database on it."""
    with standby_made.server_at(place / "primary") as cluster:
        yield cluster, asyncio.run(standby_made.begin(cluster))


@dataclass
class Place:
    """A node with a replica, and a browser."""

    node: Node
    standby: Standby
    client: TestClient[web.Request, web.Application]

    @property
    def replica(self) -> replica.Replica:
        """What the node knows of its replica."""
        assert self.node.replica is not None
        return self.node.replica

    async def publish(self) -> str:
        """Publish a profile; return its identifier."""
        return await publish(self.node)

    async def sees(self, profile_id: str) -> bool:
        """Whether the browser finds a profile by page and by API alike."""
        statuses = set()
        for path in (f"/api/v1/profiles/{profile_id}", f"/profili/{profile_id}"):
            async with self.client.get(path) as reply:
                assert reply.status in (200, 404), await reply.text()
                statuses.add(reply.status == 200)
        assert len(statuses) == 1
        return statuses.pop()

    def reads(self) -> int:
        """How often the replica answered."""
        return self.replica.read.get(replica.REPLICA, 0)

    async def until(self, state: str) -> None:
        """Wait until the replica is seen in a state."""
        async with asyncio.timeout(20):
            while (await self.replica.look()).state != state:  # noqa: ASYNC110 - the database moves by itself
                await asyncio.sleep(0.02)


async def publish(node: Node) -> str:
    """Publish a profile as an officer's page does; return its identifier."""
    one = str(uuid.uuid4())
    document = canonical.dumps(profile(1, id=one, owner="p_LE"))
    async with node.pool.acquire() as conn, conn.transaction():
        await append(conn, node.own, [Operation(one, document)], node.clock())
    await sign_head(node.pool, node.own, node.clock())
    return one


@needs(Permission.PUBLIC)
async def write(request: web.Request) -> web.Response:
    """Publish for whoever posts, as officers' pages do behind their desk."""
    return web.Response(text=await publish(request.app[application.NODE]))


@pytest.fixture(scope="module")
def home(place: Path, primary: tuple[Cluster, str]) -> Path:
    """The home of the one node whose database it is."""
    made = place / "home"
    make_home(made, Facts("p_LE", "Provincia di Lecce", "p_LE", ("LE",), "127.0.0.1:8441", 8441, 2026, primary[1]))
    return made


@pytest.fixture(scope="module")
def standby(place: Path, primary: tuple[Cluster, str]) -> Iterator[Standby]:
    """A server that follows, whatever a test has done to it."""
    with standby_made.standby_of(primary[0], place / "standby") as made:
        yield made


@asynccontextmanager
async def placed(home: Path, standby: Standby, lag_s: float = 10) -> AsyncIterator[Place]:
    """The node with a replica that follows, seen once."""
    text = (home / "node.toml").read_text(encoding="utf-8")
    text = with_setting(text, "database", "read_url", f'"{standby.dsn}"')
    text = with_setting(text, "database", "read_max_lag_s", str(lag_s))
    (home / "node.toml").write_text(text, encoding="utf-8")
    async with open_node(home) as node:
        app = application.build(node)
        app.add_routes([web.post("/api/v1/write", write)])
        async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
            made = Place(node, standby, client)
            await made.until(replica.OK)
            try:
                yield made
            finally:
                # Whatever became of a test: the next one finds it following.
                with contextlib.suppress(asyncpg.ObjectNotInPrerequisiteStateError):
                    await standby.tell("SELECT pg_wal_replay_resume()")


@pytest.fixture
async def made(home: Path, standby: Standby) -> AsyncIterator[Place]:
    """The node with a replica that follows."""
    async with placed(home, standby) as found:
        yield found


async def test_who_has_just_written_reads_it_from_the_primary_and_others_from_the_replica(made: Place) -> None:
    """With the replay paused: the writer sees the own writing by every face, a stranger what the replica has; then the replica answers all."""
    old = await made.publish()
    await standby_made.until_follows(made.node.dsn, made.standby)
    before = made.reads()
    assert await made.sees(old)
    assert made.reads() > before
    await made.standby.tell("SELECT pg_wal_replay_pause()")
    async with made.client.post("/api/v1/write") as reply:
        assert reply.status == 200
        new = await reply.text()
    cookie = next(one for one in made.client.session.cookie_jar if one.key == reading.COOKIE)
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", str(reading.KEPT_S))
    before = made.reads()
    assert await made.sees(new)
    async with made.client.get("/api/v1/profiles?limit=100") as reply:
        assert new in await reply.text()
    assert made.reads() == before
    assert made.replica.read[replica.BEHIND] > 0
    held = {reading.COOKIE: cookie.value}
    made.client.session.cookie_jar.clear()
    # Who wrote nothing is served by the replica, which does not have it yet.
    assert not await made.sees(new)
    assert made.reads() > before
    await made.standby.tell("SELECT pg_wal_replay_resume()")
    await standby_made.until_follows(made.node.dsn, made.standby)
    made.client.session.cookie_jar.update_cookies(held)
    before, behind = made.reads(), made.replica.read[replica.BEHIND]
    assert await made.sees(new)
    assert made.reads() > before
    assert made.replica.read[replica.BEHIND] == behind


async def test_the_text_index_answers_on_a_replica_too(made: Place) -> None:
    """Also long after something came last: the replica stands where the index does, though its sequences run ahead of their numbers."""
    node = made.node
    await made.publish()
    await indexing.follow(node.pool, node.index, node.clock(), worth=1, rest=0)
    await standby_made.until_follows(node.dsn, made.standby)
    later = node.clock() + dt.timedelta(seconds=2 * indexing.LAG_S)
    before = made.reads()
    for pool in (node.pool, node.reading):
        with replica.asking(replica.Asking()):
            async with acquire(pool) as conn:
                opened = await open_question(conn, "rete", node.index, later)
                assert isinstance(opened.engine, InIndex)
    assert made.reads() == before + 1


async def test_a_cookie_that_is_not_ours_means_nothing(made: Place) -> None:
    """Invented, cut or too long: the replica answers, and nothing fails."""
    one = await made.publish()
    await standby_made.until_follows(made.node.dsn, made.standby)
    for number, held in enumerate(("", "x", "=" * 40, "A" * 48, "9" * 4000, "%00", "é")):
        before = made.reads()
        async with made.client.get(f"/api/v1/profiles/{one}", cookies={reading.COOKIE: held}) as reply:
            assert reply.status == 200, number
        assert made.reads() > before, number


async def test_a_replica_that_lags_is_not_asked_and_says_so(home: Path, standby: Standby) -> None:
    """Beyond the bound the primary answers strangers too; probe, status, doctor and numbers name it; it heals by itself."""
    async with placed(home, standby, lag_s=1) as made:
        await made.standby.tell("SELECT pg_wal_replay_pause()")
        new = await made.publish()
        await made.until(replica.PAUSED)
        before = made.reads()
        assert await made.sees(new)
        assert made.reads() == before
        async with made.client.get("/readyz") as reply:
            assert (await reply.json())["checks"]["replica"] == "replica-paused"
        async with made.client.get("/status") as reply:
            told = (await reply.json())["replica"]
        assert told["state"] == "replica-paused"
        assert told["lag_s"] >= 1
        assert await judged(made) == "replica-paused"
        families = {family.name: family.samples for family in measures._of_replica(made.replica)}
        assert families["rete_replica_state"][0].labels == {"state": "replica-paused"}
        assert families["rete_replica_lag_bytes"][0].value > 0
        assert families["rete_replica_lag_seconds"][0].value > 1
        await made.standby.tell("SELECT pg_wal_replay_resume()")
        await made.until(replica.OK)
        assert await judged(made) == "replica"
        assert await made.sees(new)
        assert made.reads() > before


async def test_even_between_two_looks_no_connection_older_than_the_bound_is_lent(home: Path, standby: Standby) -> None:
    """The state is what it was a moment ago; each connection is asked for itself how far it is."""
    async with placed(home, standby, lag_s=1) as made:
        await made.standby.tell("SELECT pg_wal_replay_pause()")
        new = await made.publish()
        # The primary alone is looked at, as if the replica's look were still under way.
        await made.replica._look_at_primary()
        later = made.replica.monotonic() + 5
        made.replica.monotonic = lambda: later
        assert made.replica.is_well
        before = made.reads()
        assert await made.sees(new)
        assert made.reads() == before
        await made.standby.tell("SELECT pg_wal_replay_resume()")


async def test_a_replica_that_shows_less_than_it_has_is_not_asked_though_the_primary_is_not_seen(
    home: Path, standby: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All connections to the primary are busy, so nobody sees how far it is: what was published or withdrawn since is on the replica, not shown."""

    async def unseen(_: replica.Replica) -> None:
        return

    async with placed(home, standby, lag_s=1) as made:
        await made.standby.tell("SELECT pg_wal_replay_pause()")
        await made.replica.look()
        monkeypatch.setattr(replica.Replica, "_look_at_primary", unseen)
        new = await made.publish()
        await asyncio.sleep(1.2)
        assert (await made.replica.look()).state == replica.PAUSED
        assert await made.sees(new)
        monkeypatch.undo()
        await made.standby.tell("SELECT pg_wal_replay_resume()")
        await made.until(replica.OK)


async def test_a_killed_replica_fails_no_page_and_is_asked_again_when_it_is_back(made: Place) -> None:
    """SIGKILL under the questions of many: all are answered; a new start of it is found by itself."""
    one = await made.publish()
    await standby_made.until_follows(made.node.dsn, made.standby)
    watch = asyncio.create_task(made.replica.watch())
    stop = asyncio.Event()
    answered = 0

    async def ask() -> None:
        nonlocal answered
        while not stop.is_set():
            async with made.client.get(f"/profili/{one}") as reply:
                assert reply.status == 200, await reply.text()
            async with made.client.get("/api/v1/profiles") as reply:
                assert reply.status == 200, await reply.text()
            answered += 1
            # Slower than what one address is allowed, however quick the answers.
            await asyncio.sleep(0.2)

    try:
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(ask())
            await asyncio.sleep(0.5)
            folder = made.standby.cluster.folder
            await asyncio.to_thread(standby_made.kill, folder)
            while made.replica.sight.state != replica.AWAY:  # noqa: ASYNC110 - the watch sees it
                await asyncio.sleep(0.05)
            assert await judged(made) == "replica-away"
            before, answered = made.reads(), 0
            while answered < 10:  # noqa: ASYNC110 - others ask
                await asyncio.sleep(0.05)
            assert made.reads() == before
            await asyncio.to_thread(embedded.start, folder)
            while made.reads() == before:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.05)
            stop.set()
    finally:
        watch.cancel()


async def test_a_replica_that_stands_still_holds_nobody_up_for_long(made: Place) -> None:
    """SIGSTOP under a question: within some seconds it is asked again of the primary, and the replica is not asked meanwhile."""
    one = await made.publish()
    await standby_made.until_follows(made.node.dsn, made.standby)
    watch = asyncio.create_task(made.replica.watch())
    assert await made.sees(one)
    try:
        with standby_made.stopped(made.standby.cluster.folder):
            begun = time.monotonic()
            async with made.client.get(f"/profili/{one}") as reply:
                assert reply.status == 200
            assert time.monotonic() - begun < 8
            while made.replica.sight.state != replica.AWAY:  # noqa: ASYNC110 - the watch sees it
                await asyncio.sleep(0.05)
            begun = time.monotonic()
            assert await made.sees(one)
            assert time.monotonic() - begun < 2
        while made.replica.sight.state != replica.OK:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.05)
    finally:
        watch.cancel()


async def test_a_server_of_another_database_is_no_replica(made: Place, db: str) -> None:
    """Whatever answers at the address: it has to be the very same server's copy."""
    made.replica.close()
    made.replica.dsn = db
    assert (await made.replica.look()).state == replica.OTHER
    assert await judged(made) == "replica-other"
    one = await made.publish()
    assert await made.sees(one)


async def test_the_replica_answers_while_the_primary_is_away(made: Place, primary: tuple[Cluster, str]) -> None:
    """The public goes on reading; what is written waits; nothing older than what was there is told."""
    one = await made.publish()
    await standby_made.until_follows(made.node.dsn, made.standby)
    await asyncio.to_thread(standby_made.kill, primary[0].folder)
    try:
        assert (await made.replica.look()).state == replica.OK
        assert await made.sees(one)
        async with made.client.post("/api/v1/write") as reply:
            assert reply.status == 503
        async with made.client.get("/readyz") as reply:
            assert reply.status == 503
    finally:
        await asyncio.to_thread(embedded.start, primary[0].folder)
    async with made.client.post("/api/v1/write") as reply:
        assert reply.status == 200


async def test_a_promoted_replica_is_never_asked(primary: tuple[Cluster, str], home: Path) -> None:
    """From its promotion on, before anybody has looked too: what is written there by mistake is told by nobody."""
    with standby_made.standby_of(primary[0], home.parent / "promoted") as standby:
        async with placed(home, standby) as made:
            one = await made.publish()
            await standby_made.until_follows(made.node.dsn, made.standby)
            assert await made.sees(one)
            await asyncio.to_thread(standby_made.promote, made.standby.cluster.folder)
            await made.standby.tell("UPDATE log.origin SET state = 'suspended'")
            assert made.replica.is_well
            before = made.reads()
            assert await made.sees(one)
            assert made.reads() == before
            await made.until(replica.PROMOTED)
            assert await made.sees(one)
            assert made.reads() == before
            assert await judged(made) == "replica-promoted"


async def test_a_replica_without_today_s_tables_is_not_asked(made: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that was just brought forward asks the primary until its migrations have come there."""
    monkeypatch.setattr(replica, "newest_migration", lambda: newest_migration() + 1)
    assert (await made.replica.look()).state == replica.LAGGING
    monkeypatch.undo()
    assert (await made.replica.look()).state == replica.OK


async def test_what_was_written_is_answered_though_nobody_can_say_how_far(made: Place, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """The primary goes away just after: no error, and who wrote is kept away from the replica."""

    async def away(_: object) -> int:
        raise OperatorError("database-unreachable", "x")

    monkeypatch.setattr(reading, "written", away)
    async with made.client.post("/api/v1/write") as reply:
        assert reply.status == 200
        one = await reply.text()
    monkeypatch.undo()
    await standby_made.until_follows(made.node.dsn, made.standby)
    before = made.reads()
    assert await made.sees(one)
    assert made.reads() == before


async def test_a_served_node_watches_its_replica_by_itself(home: Path, standby: Standby, tmp_path: Path) -> None:
    """As a process of its own, from its start on."""
    (port,) = free_ports(1)
    served = tmp_path / "home"
    shutil.copytree(home, served)
    text = with_setting((served / "node.toml").read_text(encoding="utf-8"), "database", "read_url", f'"{standby.dsn}"')
    (served / "node.toml").write_text(with_setting(text, "web", "port", str(port)), encoding="utf-8")
    words = (sys.executable, "-u", "-m", "node")
    log = tmp_path / "log"
    with log.open("wb") as out:
        program = (*words, "serve", "--web", "--home", str(served))
        process = await asyncio.create_subprocess_exec(*program, cwd=ROOT, stdout=out, stderr=out)
    try:
        await until(f"http://127.0.0.1:{port}/readyz", 200)
        async with asyncio.timeout(30), ClientSession() as session:
            while True:
                async with session.get(f"http://127.0.0.1:{port}/status") as reply:
                    if (await reply.json())["replica"]["state"] == "ok":
                        break
                await asyncio.sleep(0.1)
        process.terminate()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        # Shown only when the test fails.
        sys.stdout.write(log.read_text(encoding="utf-8"))


async def test_who_goes_away_meanwhile_takes_no_connection_along(made: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Askers whose time is over while the replica is asked how far it is: each connection comes back."""
    slow = "SELECT pg_sleep(0.5) IS NOT NULL AND $1::bigint >= 0"
    monkeypatch.setattr(replica, "QUERIES", {**replica.QUERIES, "may_answer": slow})
    for _ in range(made.replica.max_size):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await made.replica.lend(0)
    monkeypatch.undo()
    lent = await made.replica.lend(0)
    assert lent is not None, made.replica.read
    await replica.give_back(*lent)


async def test_how_far_was_written_is_known_of_a_server_that_follows_too(standby: Standby) -> None:
    """A node whose own server was taken back answers what it can: no answer fails for its bookkeeping."""
    pool = await open_pool(standby.dsn, max_size=1)
    try:
        assert await replica.written(pool) > 0
    finally:
        pool.terminate()


async def test_an_address_that_cannot_be_read_is_a_replica_that_is_away(made: Place, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """A stroke in a password that was not written as %2F: the node runs without its replica, and tells nothing of the password."""
    made.replica.close()
    made.replica.dsn = "postgresql://rete:sesam/e@127.0.0.1/rete"
    assert (await made.replica.look()).state == replica.AWAY
    made.replica.sight = replica.Sight(replica.OK)
    assert await made.replica.lend(0) is None
    assert "sesam" not in capsys.readouterr().out
    with pytest.raises(OperatorError) as caught:
        await open_pool(made.replica.dsn)
    assert "sesam" not in str(caught.value)


async def test_nobody_leads_on_a_replica(standby: Standby) -> None:
    """A real one: its lock is anybody's there, and the lead is not taken; who stands for it is told so at once."""
    conn = await asyncpg.connect(standby.dsn)
    try:
        assert await conn.fetchval("SELECT pg_try_advisory_lock($1)", leader.LEAD_LOCK)
        assert await leader.try_take(conn, "a 1") is None
    finally:
        await conn.close()
    with pytest.raises(leader.GONE):
        await leader.connect(standby.dsn, lambda: None)


async def judged(made: Place) -> str:
    """The code under which the doctor tells of the replica."""
    sight = await made.replica.look_closely()
    [found] = replica_check.check(SimpleNamespace(replica=sight, config=made.node.config))
    assert (found.remedy is None) == (found.level == "ok")
    found.said.told()
    return found.code
