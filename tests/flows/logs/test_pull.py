"""Following a peer over real HTTP into a real database: what is true comes in, what is not leaves no trace but its reason."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from node.flows.logs.ingest import ingest_bodies, ingest_entries, open_bodies
from node.flows.logs.pull import Parts, PullReport, own_road, pull_origin
from node.peers.client import PeerClient, open_session
from node.protocol import canonical, entry, feed, keys, merkle, note
from node.protocol.checkpoint import Checkpoint
from node.store import cooperation, log, origins, schemas
from node.store.postgres import Connection, Pool
from tests.every_table import everything
from tests.simulator import LyingPeer

NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)


def no_signature(method: str, authority: str, path: str, query: str, body: bytes | None) -> dict[str, str]:
    """The simulator asks for none."""
    return {}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The product's own HTTP session, with short limits."""
    async with open_session(loopback=True, total_s=2) as opened:
        yield opened


@pytest.fixture
async def peer() -> AsyncIterator[LyingPeer]:
    """A peer with three honest profiles."""
    async with LyingPeer().serving() as running:
        for number in (1, 2, 3):
            running.publish(number)
        yield running


async def follow(pool: Pool, peer: LyingPeer) -> origins.Origin:
    """Make the peer known, as it is in the table now."""
    async with pool.acquire() as conn:
        await origins.upsert_origin(
            conn, origin=peer.origin, owner=peer.owner, name="Prova", url=peer.url, vkey=peer.vkey, is_own=False, empty_root=merkle.EMPTY_ROOT
        )  # fmt: skip
        return await origins.known_origin(conn, peer.origin)


async def pull(pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession) -> PullReport:
    """Pull once."""
    origin = await follow(pool, peer)
    client = PeerClient(session, peer.url, no_signature)
    parts = Parts(schemas.validators(), clock=lambda: NOW, draw=lambda: 0.5, deadline_s=5)
    return await pull_origin(pool, origin, [own_road(origin, client)], parts)


async def test_a_first_pull_brings_entries_bodies_and_search_rows(
    pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession
) -> None:
    """Three profiles: one checkpoint, one bundle, one request for bodies, and nothing left to want."""
    report = await pull(pool, peer, session)
    assert (report.error, report.entries, report.bodies, report.size, report.requests) == (None, 3, 3, 3, 3)
    origin = await follow(pool, peer)
    assert (origin.state, origin.size, origin.error_code) == ("ready", 3, None)
    async with pool.acquire() as conn:
        assert await cooperation.count_by_origin(conn) == {origin.origin_id: 3}
        assert await log.count_wanted(conn, origin.origin_id) == 0


async def test_nothing_new_is_one_request(pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession) -> None:
    """A pull with no change asks for the checkpoint only, and gets 304."""
    await pull(pool, peer, session)
    peer.requests.clear()
    report = await pull(pool, peer, session)
    assert (report.requests, report.bytes_in, peer.requests) == (1, 0, ["GET /federation/log/2026/checkpoint"])


async def test_one_change_costs_three_requests_over_a_tile_border(
    pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession
) -> None:
    """After 300 profiles, one more costs checkpoint, one partial bundle, one body."""
    for number in range(4, 301):
        peer.publish(number)
    assert (await pull(pool, peer, session)).bodies == 300
    peer.publish(301)
    report = await pull(pool, peer, session)
    assert (report.entries, report.bodies, report.requests) == (1, 1, 3)


async def test_a_withdrawal_leaves_neither_body_nor_salt_in_any_table(
    pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession
) -> None:
    """What was withdrawn is gone from every table; its neighbours stay."""
    secret = peer.publish(7, title={"it": "Titolo da dimenticare"})
    await pull(pool, peer, session)
    salt = peer.bodies[3][0]
    async with pool.acquire() as conn:
        before = await everything(conn)
    assert "dimenticare" in before
    assert salt.hex() in before
    peer.append(entry.Entry("wd", secret, None, 3, 2, 20_001), None)
    report = await pull(pool, peer, session)
    async with pool.acquire() as conn:
        after = await everything(conn)
        assert sum((await cooperation.count_by_origin(conn)).values()) == 3
    assert (report.entries, report.bodies) == (1, 0)
    assert "dimenticare" not in after
    assert salt.hex() not in after


async def test_an_update_replaces_the_body(pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession) -> None:
    """The new text is found, the old one is nowhere."""
    updated = peer.publish(7, title={"it": "Prima versione"})
    await pull(pool, peer, session)
    document = canonical.parse(peer.bodies[3][1], max_bytes=65_536) | {"title": {"it": "Seconda versione"}}
    peer.append(entry.Entry("upd", updated, None, 3, 2, 20_001), canonical.dumps(document))
    await pull(pool, peer, session)
    async with pool.acquire() as conn:
        rows = await everything(conn)
    assert "Seconda versione" in rows
    assert "Prima versione" not in rows


FLIPS = {
    "checkpoint": ("checkpoint", "checkpoint-bad-signature"),
    "bundle": ("tile/entries", "root-mismatch"),
    "body": ("bodies", "body-commitment-mismatch"),
}


@pytest.mark.parametrize("what", FLIPS)
async def test_one_flipped_byte_is_refused_and_the_cursor_stays(
    pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession, what: str
) -> None:
    """A changed byte in a checkpoint, a bundle or a body: refused, with the reason on the peer's row."""
    part, code = FLIPS[what]

    def bend(path: str, honest: bytes) -> bytes:
        if not path.startswith(part):
            return honest
        at = 10 if what == "checkpoint" else len(honest) - 30
        return honest[:at] + bytes([honest[at] ^ 1]) + honest[at + 1 :]

    peer.bend = bend
    report = await pull(pool, peer, session)
    origin = await follow(pool, peer)
    assert report.error_code == origin.error_code == code
    assert origin.error_text
    assert origin.next_pull_at is not None
    # Entries are true before their bodies are asked for: only a false body finds the head already moved.
    assert origin.size == (3 if what == "body" else 0)
    async with pool.acquire() as conn:
        assert await cooperation.count_by_origin(conn) == {}
        assert await conn.fetchval("SELECT count(*) FROM log.body") == 0
    peer.bend = None
    assert (await pull(pool, peer, session)).error is None
    assert (await follow(pool, peer)).error_code is None


async def test_a_shrunk_log_is_an_alarm_and_a_forked_one_is_quarantined(
    pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession
) -> None:
    """Fewer entries than before: refused. The same number with another root: set aside until a person decides."""
    await pull(pool, peer, session)
    last = peer.entries.pop()
    peer.bend = lambda path, honest: honest
    assert (await pull(pool, peer, session)).error_code == "checkpoint-rollback"
    assert (await follow(pool, peer)).size == 3
    peer.entries.append(last.replace(b'"t":20000', b'"t":20001'))
    report = await pull(pool, peer, session)
    assert report.error_code == "log-inconsistent"
    assert report.contradiction is not None
    assert (await follow(pool, peer)).state == "quarantined"


async def test_poison_entries_and_bodies_are_set_aside_and_the_rest_goes_on(
    pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession
) -> None:
    """Malformed entries, wrong successions, foreign owners and broken schemas are counted, never shown, never fatal."""
    peer.entries.append(b"poison")
    peer.publish(1)
    peer.publish(20, owner="p_ZZ")
    peer.publish(21, title="not an object")
    peer.publish(22, type="novelty/9")
    peer.append(
        entry.Entry("pub", "7c9e6679-7425-40de-944b-e07fc1f90ae7", None, -1, 1, 20_000), b'{"not": "canonical"}'
    )
    peer.publish(23)
    report = await pull(pool, peer, session)
    origin = await follow(pool, peer)
    assert (report.error, origin.size) == (None, len(peer.entries))
    async with pool.acquire() as conn:
        assert await cooperation.count_by_origin(conn) == {origin.origin_id: 4}
        problems = (await log.problems_by_origin(conn))[origin.origin_id]
    assert problems == {
        "body-foreign-owner": 1,
        "body-not-canonical": 1,
        "body-schema-broken": 1,
        "body-type-unknown": 1,
        "entry-id-reused": 1,
        "json-malformed": 1,
    }


async def test_whole_pages_of_rejects_move_the_cursor_on(
    pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession
) -> None:
    """Six hundred entries of which none counts, and a good one behind them: nothing is asked for twice, the good one is found."""
    peer.entries += [b"poison %d" % number for number in range(600)]
    peer.publish(99)
    report = await pull(pool, peer, session)
    origin = await follow(pool, peer)
    assert (report.error, origin.size) == (None, len(peer.entries))
    async with pool.acquire() as conn:
        assert await cooperation.count_by_origin(conn) == {origin.origin_id: 4}
        assert await log.problems_by_origin(conn) == {origin.origin_id: {"json-malformed": 600}}
    peer.requests.clear()
    assert (await pull(pool, peer, session)).error is None
    assert len(peer.requests) == 1


def endless(_: str, honest: bytes) -> web.StreamResponse:
    """A reply of 300 MB in chunks."""

    class Endless(web.StreamResponse):
        async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002 - aiohttp's signature
            """Write until the puller hangs up."""
            for _ in range(300):
                await self.write(b"x" * 2**20)

    return Endless()


def dripping(_: str, honest: bytes) -> web.StreamResponse:
    """One byte every half second, for ever."""

    class Dripping(web.StreamResponse):
        async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002 - aiohttp's signature
            """Drip until the puller hangs up."""
            for _ in range(100):
                await self.write(b"x")
                await asyncio.sleep(0.5)

    return Dripping()


LIES = {
    "endless": (endless, "reply-too-large"),
    "dripping": (dripping, "road-timeout"),
    "announced too large": (lambda p, h: web.Response(body=b"x" * 200_000), "reply-too-large"),
    "gzip bomb": (lambda p, h: web.Response(body=gzip.compress(b"0" * 30_000_000), headers={"Content-Encoding": "gzip"}), "reply-encoded"),
    "redirect to loopback": (lambda p, h: web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), "reply-status"),
    "not found": (lambda p, h: web.Response(status=404, body=b'{"code":"log-unknown"}'), "reply-status"),
    "busy": (lambda p, h: web.Response(status=503, headers={"Retry-After": "3"}), "road-unavailable"),
    "nonsense": (lambda p, h: b"<html>hello</html>", "checkpoint-malformed"),
    "empty": (lambda p, h: b"", "checkpoint-malformed"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
async def test_whatever_a_peer_answers_only_its_own_row_suffers(
    pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession, lie: str
) -> None:
    """Bombs, drips, redirects and nonsense end in a stable code within the time limit, with nothing stored."""
    bend, code = LIES[lie]
    peer.bend = bend  # type: ignore[assignment]
    report = await pull(pool, peer, session)
    assert report.error_code == code
    assert (await follow(pool, peer)).size == 0


@pytest.mark.parametrize(
    ("bent", "code"),
    [
        (b"", "bodies-reply-empty"),
        (b"\x09", "bodies-malformed"),
        (b"\x01" * 300, "bodies-malformed"),
        (b"\x00" * 40, "bodies-malformed"),
    ],
)
async def test_lies_about_bodies_are_refused(
    pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession, bent: bytes, code: str
) -> None:
    """No answer, unknown statuses and cut bodies are refused by name, and the want-list stays."""
    peer.bend = lambda path, honest: bent if path == "bodies" else honest
    assert (await pull(pool, peer, session)).error_code == code
    origin = await follow(pool, peer)
    async with pool.acquire() as conn:
        assert await log.count_wanted(conn, origin.origin_id) == 3


async def test_a_signed_size_alone_costs_nothing(pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession) -> None:
    """A checkpoint over 2^53-1 entries with nothing behind it is refused at the first tile, before a single bundle."""
    text = Checkpoint(peer.origin, 2**53 - 1, bytes(32)).text()
    signed = note.sign(text, [keys.LogSigner(peer.origin, peer.key)])
    peer.bend = lambda path, honest: signed if path == "checkpoint" else honest
    report = await pull(pool, peer, session)
    assert report.error_code == "tile-malformed"
    assert peer.requests == [f"GET /federation/log/2026/{path}" for path in ("checkpoint", "tile/6/000.p/31")]


async def test_an_erased_body_that_was_wanted_does_not_stop_the_others(
    pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession
) -> None:
    """A body withdrawn between entries and bodies is simply not there yet; the next pull hears of the withdrawal."""
    del peer.bodies[1]
    report = await pull(pool, peer, session)
    assert (report.error, report.bodies) == (None, 2)


async def test_a_dead_peer_backs_off_and_recovers(pool: Pool, session: aiohttp.ClientSession) -> None:
    """Refused connections are the road's fault: longer and longer pauses, forgotten at the first success."""
    async with LyingPeer().serving() as peer:
        peer.publish(1)
        await follow(pool, peer)
        address = peer.authority
    first = await pull(pool, peer, session)
    second = await pull(pool, peer, session)
    origin = await follow(pool, peer)
    assert first.error_code == second.error_code == "road-refused"
    assert (origin.failures, origin.state) == (2, "waiting")
    assert origin.next_pull_at == NOW + dt.timedelta(seconds=60)
    assert address in (origin.error_text or "")


async def test_one_new_log_met_by_many_hands_at_once_is_one_log(pool: Pool) -> None:
    """Inserting or updating never fails because another does the same; thirty times, for a race shows itself seldom."""

    async def meet(name: str) -> int:
        async with pool.acquire() as conn:
            return await origins.upsert_origin(
                conn, origin=f"{name}.example/federation/log/2026", owner="p_XX", name=name, url=None, vkey="k",
                is_own=False, empty_root=merkle.EMPTY_ROOT,
            )  # fmt: skip

    for turn in range(30):
        met = await asyncio.gather(*(meet(f"n{turn}") for _ in range(8)))
        assert len(set(met)) == 1


async def test_two_pulls_at_once_store_everything_once(
    pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession
) -> None:
    """The quicker one's work stands; the other neither doubles nor loses anything."""
    reports = await asyncio.gather(*(pull(pool, peer, session) for _ in range(3)))
    assert [report.error for report in reports] == [None] * 3
    origin = await follow(pool, peer)
    async with pool.acquire() as conn:
        assert await cooperation.count_by_origin(conn) == {origin.origin_id: 3}
        assert await conn.fetchval("SELECT count(*) FROM log.entry") == 3


class PatientPeer(LyingPeer):
    """Keeps its last bundle back until somebody has asked for a body."""

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/entries/004.p/1"):
            async with asyncio.timeout(1):
                # The other request comes to this very peer: nothing else tells of it.
                while not any(asked.endswith("/bodies") for asked in self.requests):  # noqa: ASYNC110
                    await asyncio.sleep(0)
        return await super()._answer(request)


@pytest.fixture
async def far_peer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LyingPeer]:
    """A peer with more entries than one commit takes."""
    monkeypatch.setattr("node.protocol.limits.EXTEND_MAX_ENTRIES", 300)
    monkeypatch.setattr("node.flows.logs.extend.SLICE_BUNDLES", 1)
    async with PatientPeer().serving() as running:
        for number in range(4 * 256 + 1):
            running.publish(number)
        yield running


async def test_bodies_come_while_entries_of_a_far_head_still_do(
    pool: Pool, far_peer: LyingPeer, session: aiohttp.ClientSession
) -> None:
    """What one slice committed is fetched while the next ones are on their way; in the end all is there, once."""
    report = await pull(pool, far_peer, session)
    assert (report.error, report.entries, report.bodies, report.size) == (None, 1025, 1025, 1025)
    origin = await follow(pool, far_peer)
    async with pool.acquire() as conn:
        assert await cooperation.count_by_origin(conn) == {origin.origin_id: 1025}
        assert await log.count_wanted(conn, origin.origin_id) == 0


async def test_what_went_wrong_with_bodies_on_the_way_is_heard_at_the_end(
    pool: Pool, far_peer: LyingPeer, session: aiohttp.ClientSession
) -> None:
    """A lie about a body stops no entry; it is asked for again, and refused by name."""
    far_peer.bend = lambda path, honest: b"\x09" if path == "bodies" else honest
    report = await pull(pool, far_peer, session)
    assert (report.error_code, report.entries, report.bodies) == ("bodies-malformed", 1025, 0)
    origin = await follow(pool, far_peer)
    async with pool.acquire() as conn:
        assert await log.count_wanted(conn, origin.origin_id) == 1025


async def test_a_lie_about_entries_ends_what_fetches_bodies(
    pool: Pool, far_peer: LyingPeer, session: aiohttp.ClientSession
) -> None:
    """No task outlives the pull, and nothing of the slice that did not prove is kept."""
    far_peer.bend = lambda path, honest: honest[::-1] if path.endswith("/entries/003") else honest
    report = await pull(pool, far_peer, session)
    assert report.error_code in ("bundle-malformed", "root-mismatch")
    assert not any("_fetch_bodies" in repr(task) for task in asyncio.all_tasks())
    assert (await follow(pool, far_peer)).size == 3 * 256


@pytest.mark.parametrize("body_first", [True, False])
async def test_a_body_that_is_erased_while_it_is_stored_is_gone(
    pool: Pool, peer: LyingPeer, session: aiohttp.ClientSession, body_first: bool
) -> None:
    """A withdrawal and its body's arrival meet at the want-list: whichever is first, neither body nor search row stays."""
    profile_id = str(uuid.UUID(int=1, version=4))
    salt, raw = peer.bodies[0]
    peer.bend = lambda path, honest: b"" if path == "bodies" else honest
    await pull(pool, peer, session)
    origin = await follow(pool, peer)
    bodies, problems = open_bodies(
        origin.origin_id, peer.owner, {0: entry.decode(peer.entries[0])}, [(0, salt, raw)], schemas.validators()
    )
    withdrawal = entry.Entry("wd", profile_id, None, 0, 2, 20_001)
    head = feed.Head(origin.origin, 4, bytes(32), ())
    grown = feed.Extension(head, [feed.VerifiedEntry(3, entry.encode(withdrawal), withdrawal, None)], [])

    async def bring(conn: Connection) -> None:
        await origins.share_head(conn, origin.origin_id)
        await ingest_bodies(conn, origin.origin_id, bodies, problems)

    async def withdraw(conn: Connection) -> None:
        await origins.lock_growth(conn, origin.origin_id)
        await ingest_entries(conn, origin.origin_id, grown, checkpoint=None, now=NOW)

    async def after(work: Callable[[Connection], Awaitable[None]]) -> None:
        async with pool.acquire() as conn, conn.transaction():
            await work(conn)

    first, second = (bring, withdraw) if body_first else (withdraw, bring)
    async with pool.acquire() as conn, pool.acquire() as watch:
        async with conn.transaction():
            await first(conn)
            waiting = asyncio.create_task(after(second))
            # Only the server knows that somebody waits for a lock.
            while not await watch.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                assert not waiting.done()
        await waiting
        left = await watch.fetchrow(
            "SELECT (SELECT count(*) FROM log.body) AS bodies, (SELECT count(*) FROM coop.profile) AS profiles,"
            " (SELECT count(*) FROM log.wanted WHERE idx = 0) AS wanted"
        )
        assert tuple(left) == (0, 0, 0)
