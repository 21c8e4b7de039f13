"""Sealed messages between real nodes: in order, once, whatever breaks; what cannot be opened stops nothing."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.errors import NotFoundError, PeerWrongError
from node.flows.introductions import post as flow
from node.flows.introductions.post import Exchange, Opened
from node.peers.client import open_session
from node.protocol import post
from node.protocol.member import Member
from node.protocol.sealed import SealPrivate
from node.store import outbox, wake
from node.store.outbox import Waiting
from node.store.postgres import Connection
from tests.federation_made import BEGIN, Clock, Town, federation
from tests.post_made import POISON, Office, envelope, put, write

MINUTE = dt.timedelta(minutes=1)


@dataclass
class Scene:
    """Two towns and their offices, and a third town beside."""

    here: Office
    there: Office
    aside: Town
    clock: Clock


@pytest.fixture
async def scene(server: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """Three nodes that know each other."""
    clock = Clock()
    async with federation(server, tmp_path, clock, ["here", "there", "aside"]) as (here, there, aside):
        yield Scene(await Office(here).open(), await Office(there).open(), aside, clock)


async def test_messages_arrive_in_order_and_are_erased_where_they_waited(scene: Scene) -> None:
    """One asking brings all pages and tells the sender that it has them; nothing comes twice."""
    here, there = scene.here, scene.there
    texts = await write(there.town, here.town, 1, 300)
    asked = (await here.collect())["there"]
    assert (asked.received, asked.refused, asked.code) == (300, 0, "")
    assert await here.kept() == texts
    assert here.calls == [256, 44]
    sent, read = await there.box(here.town), await here.box(there.town)
    assert (sent.sent, sent.waiting, sent.hint_at) == (300, 0, None)
    assert (read.received, read.next_at) == (300, BEGIN + 360 * MINUTE)
    assert (await here.collect())["there"].received == 0
    texts += await write(there.town, here.town, 301, 301)
    assert (await here.collect())["there"].received == 1
    assert await here.kept() == texts


async def test_a_third_node_gets_nothing_of_it(scene: Scene) -> None:
    """Neither by asking nor in any of its tables."""
    await write(scene.there.town, scene.here.town, 1, 3)
    office = await Office(scene.aside).open()
    assert {asked.received for asked in (await office.collect()).values()} == {0}
    assert (await scene.there.box(scene.here.town)).waiting == 3


async def test_what_breaks_before_the_commit_leaves_neither_effect_nor_number(scene: Scene) -> None:
    """Nothing was received, nothing erased; the same messages come again when it works."""
    here, there = scene.here, scene.there
    texts = await write(there.town, here.town, 1, 3)
    here.breaks = True
    assert (await here.collect())["there"].code == "post-broke"
    assert (await here.kept(), (await here.box(there.town)).received) == ([], 0)
    assert (await there.box(here.town)).waiting == 3
    here.breaks = False
    assert (await here.collect())["there"].received == 3
    assert await here.kept() == texts


async def test_what_breaks_after_the_commit_is_not_received_again(scene: Scene) -> None:
    """The sender goes down while its messages are received: they stay received, and are erased at the next asking."""
    here, there = scene.here, scene.there
    texts = await write(there.town, here.town, 1, 3)

    async def receive(conn: Connection, sender: str, opened: Sequence[Opened]) -> Sequence[tuple[int, str]]:
        await there.town.stop()
        return await here.receive(conn, sender, opened)

    (asked,) = [a for a in await flow.collect(here.carrier(Exchange(receive=receive))) if a.member == "there"]
    assert (asked.received, asked.code) == (3, "road-refused")
    await there.town.start()
    assert (await there.box(here.town)).waiting == 3
    assert (await here.collect())["there"].received == 0
    assert (await here.kept(), here.calls) == (texts, [3])
    assert (await there.box(here.town)).waiting == 0


async def test_what_cannot_be_opened_or_applied_is_counted_and_passed_over(scene: Scene) -> None:
    """No envelope at all, another's key, another's message, another sender, a broken seal, a refused event: the good ones come."""
    here, there, aside = scene.here.town, scene.there.town, scene.aside
    other = SealPrivate(X25519PrivateKey.generate(), None).public
    good = envelope(there, here, 1, b"first")
    await put(
        there,
        here,
        good,
        b'{"x":1}',
        envelope(there, here, 2, b"x", other),
        envelope(there, aside, 3, b"x"),
        envelope(aside, here, 4, b"x"),
        envelope(there, here, 5, b"x").replace(b'"seq":5', b'"seq":6'),
        envelope(there, here, 7, POISON),
        b"[]",
        envelope(there, here, 8, b"last"),
        good,
    )
    asked = (await scene.here.collect())["there"]
    assert (asked.received, asked.refused, asked.code) == (10, 7, "")
    assert await scene.here.kept() == [b"first", b"last"]
    assert await scene.here.refused(there) == {
        2: "sealed-malformed", 3: "seal-key-unknown", 4: "seal-not-for-us", 5: "seal-sender-wrong", 6: "seal-broken",
        7: "event-bad", 8: "sealed-malformed",
    }  # fmt: skip
    box = await scene.here.box(there)
    assert (box.received, box.refused, box.failures) == (10, 7, 0)
    assert (await scene.there.box(here)).waiting == 0


async def test_a_node_without_introductions_refuses_all_by_one_code(scene: Scene) -> None:
    """What is not wired yet counts what comes, and stops nobody."""
    await write(scene.there.town, scene.here.town, 1, 2)
    await flow.collect(scene.here.carrier(Exchange()), everyone=True)
    assert await scene.here.refused(scene.there.town) == dict.fromkeys((1, 2), "introductions-unavailable")


async def test_two_processes_that_ask_at_once_receive_each_message_once(scene: Scene) -> None:
    """Whoever finds that the other has read on takes nothing."""
    texts = await write(scene.there.town, scene.here.town, 1, 300)
    both = await asyncio.gather(scene.here.collect(), scene.here.collect())
    assert sum(asked["there"].received for asked in both) == 300
    assert await scene.here.kept() == texts
    assert (await scene.here.box(scene.there.town)).received == 300


async def test_what_is_put_while_it_is_asked_for_comes_once_and_in_order(scene: Scene) -> None:
    """Four writers at once and an asker that never rests: no number is passed over, whoever commits first."""
    here, there = scene.here, scene.there
    await asyncio.gather(
        *(write_each(there.town, here.town, turn * 100, 25) for turn in range(4)), ask_until(here, 100)
    )
    kept = [int(text.split()[1]) for text in await here.kept()]
    for turn in range(4):
        assert [seq for seq in kept if seq // 100 == turn] == list(range(turn * 100, turn * 100 + 25))
    assert (len(kept), (await here.box(there.town)).received, (await there.box(here.town)).waiting) == (100, 100, 0)


async def write_each(sender: Town, recipient: Town, first: int, count: int) -> None:
    """Write messages, each in a transaction of its own."""
    for seq in range(first, first + count):
        await write(sender, recipient, seq, seq)


async def ask_until(office: Office, count: int) -> None:
    """Ask until so many have come."""
    while sum(office.calls) < count:
        await office.collect()


async def test_a_member_that_is_down_is_asked_ever_more_rarely_until_a_hint(scene: Scene) -> None:
    """After 30 s, 1, 2, 4 minutes by an even chance; not before; a hint resumes at once, and a good answer forgets it all."""
    here, there = scene.here, scene.there
    await there.town.stop()
    for failures, wait_s in enumerate((30, 60, 120, 240), 1):
        assert (await here.collect(everyone=False))["there"].code == "road-refused"
        box = await here.box(there.town)
        assert (box.failures, box.error_code) == (failures, "road-refused")
        assert box.next_at == scene.clock.now + dt.timedelta(seconds=wait_s)
        scene.clock.forward(seconds=wait_s - 1)
        assert "there" not in await here.collect(everyone=False, close=frozenset({"there"}))
        scene.clock.forward(seconds=1)
    assert (await here.collect(everyone=False))["there"].code == "road-refused"
    await there.town.start()
    texts = await write(there.town, here.town, 1, 1)
    assert "there" not in await here.collect(everyone=False)
    assert await flow.hint_waiting(there.carrier(), there.town.node.own.origin) == 1
    assert (await here.collect(everyone=False))["there"].received == 1
    box = await here.box(there.town)
    assert (await here.kept(), box.failures, box.error_code) == (texts, 0, None)


async def test_members_are_told_again_until_they_have_what_waits(scene: Scene) -> None:
    """A recipient that is down hears of it later, at growing intervals; once it has all it is told no more."""
    here, there = scene.here, scene.there
    origin = there.town.node.own.origin
    await write(there.town, here.town, 1, 1)
    await here.town.stop()
    assert await flow.hint_waiting(there.carrier(), origin) == 0
    assert (await there.box(here.town)).hint_at == scene.clock.now + MINUTE
    await here.town.start()
    scene.clock.forward(seconds=59)
    assert await flow.hint_waiting(there.carrier(), origin) == 0
    scene.clock.forward(seconds=1)
    assert await flow.hint_waiting(there.carrier(), origin) == 1
    assert (await there.box(here.town)).hint_at == scene.clock.now + 2 * MINUTE
    assert (await here.collect(everyone=False))["there"].received == 1
    assert (await there.box(here.town)).hint_at is None
    scene.clock.forward(minutes=5)
    assert await flow.hint_waiting(there.carrier(), origin) == 0


async def test_a_member_that_never_ends_is_left_for_the_next_turn(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many pages the others' turn comes; the member stays due, and the next turn is called for at once."""
    monkeypatch.setattr(flow, "PAGES", 1)
    texts = await write(scene.there.town, scene.here.town, 1, 300)
    listener, heard = await asyncpg.connect(scene.here.town.node.dsn), asyncio.Queue[str]()
    try:
        await listener.add_listener(wake.CHANNEL, lambda *told: heard.put_nowait(str(told[3])))
        assert (await scene.here.collect())["there"].received == 256
        assert await asyncio.wait_for(heard.get(), 5) == wake.POST
    finally:
        await listener.close()
    assert (await scene.here.collect(everyone=False))["there"].received == 44
    assert await scene.here.kept() == texts


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def lying(town: Town, answer: Answer) -> AsyncIterator[None]:
    """In a town's place, a server that answers as a test tells it to."""
    await town.stop()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", town.port, reuse_address=True).start()
    try:
        yield
    finally:
        await runner.cleanup()
        await town.start()


def says(body: bytes, status: int = 200, **headers: str) -> Answer:
    """A server that always says the same."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})  # fmt: skip

    return answer


async def promises_a_gibibyte(request: web.Request) -> web.StreamResponse:
    """By its header."""
    response = web.StreamResponse(headers={"Content-Length": str(2**30)})
    await response.prepare(request)
    await response.write(b" " * 1000)
    return response


async def sends_without_end(request: web.Request) -> web.StreamResponse:
    """Until the other hangs up."""
    response = web.StreamResponse()
    await response.prepare(request)
    with pytest.raises(ConnectionError):
        for _ in range(2**14):
            await response.write(b" " * 2**16)
    return response


async def drips(request: web.Request) -> web.StreamResponse:
    """A byte at a time, each before the reader loses patience with a silent one."""
    response = web.StreamResponse()
    await response.prepare(request)
    with pytest.raises(ConnectionError):
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)
    return response


ITEM = b'{"n":%d,"s":{}}'


def page(*numbers: int, more: bytes = b"false") -> bytes:
    """A page with envelopes that say nothing."""
    return b'{"m":[%s],"more":%s}' % (b",".join(ITEM % number for number in numbers), more)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (says(b""), "outbox-malformed"),
        (says(b"\xff" * 100), "outbox-malformed"),
        (says(b"[" * 10_000), "outbox-malformed"),
        (says(page(2, 1)), "outbox-malformed"),
        (says(page(1, 1)), "outbox-malformed"),
        (says(page(0)), "outbox-malformed"),
        (says(page(1_000_001)), "outbox-malformed"),
        (says(page(more=b"true")), "outbox-malformed"),
        (says(page(*range(1, 258))), "outbox-malformed"),
        (says(page(1).replace(b":", b": ")), "outbox-malformed"),
        (says(b"x", 302, Location="https://example.org/"), "reply-status"),
        (says(b"{}", 503, Retry_After="7200"), "road-unavailable"),
        (says(b'{"code":"outbox-ahead"}', 409), "outbox-ahead"),
        (says(b'{"code":"Evil\\u001b[31m"}', 409), "reply-status"),
        (says(b"x", 401), "reply-status"),
        (says(b"x", Content_Encoding="br"), "reply-encoded"),
        (promises_a_gibibyte, "reply-too-large"),
        (sends_without_end, "reply-too-large"),
    ],
)
async def test_a_peer_that_lies_is_refused_by_a_code_and_spoils_no_other(
    scene: Scene, answer: Answer, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of it is received, no number moves; the third node's message comes in the same turn."""
    here = scene.here
    texts = await write(scene.aside, here.town, 1, 1)
    async with lying(scene.there.town, answer):
        asked = await here.collect()
    assert (asked["there"].code, asked["there"].received, asked["aside"].received) == (code, 0, 1)
    box = await here.box(scene.there.town)
    assert (box.received, box.failures, box.error_code) == (0, 1, code)
    assert box.next_at is not None
    assert box.next_at - BEGIN == (dt.timedelta(hours=2) if code == "road-unavailable" else dt.timedelta(seconds=30))
    assert await here.kept() == texts
    assert "Traceback" not in "".join(capsys.readouterr())


async def test_a_peer_that_drips_is_left_in_time(scene: Scene) -> None:
    """The whole request has an end, though bytes keep coming."""
    async with open_session(loopback=True, total_s=0.4) as session, lying(scene.there.town, drips):
        carrier = replace(scene.here.carrier(), session=session)
        codes = {asked.member: asked.code for asked in await flow.collect(carrier, everyone=True)}
    assert codes == {"there": "road-timeout", "aside": ""}


async def test_what_waits_for_a_changed_key_is_sealed_anew(scene: Scene) -> None:
    """By the office, each in its place; what it cannot seal stays as it is."""
    here, there = scene.here.town, scene.there.town
    old = SealPrivate(X25519PrivateKey.generate(), None).public
    await put(there, here, *(envelope(there, here, seq, b"x", old) for seq in range(3)), key_id=old.id)
    await put(there, here, envelope(there, here, 9, b"new"), key_id=here.node.keys.seal.public.id)

    async def seal_again(_: Connection, member: Member, waiting: Waiting) -> bytes | None:
        assert member.seal == here.node.keys.seal.public
        return None if waiting.seq == 1 else envelope(there, here, waiting.seq, b"again %d" % waiting.seq)

    carrier = scene.there.carrier(Exchange(seal_again=seal_again))
    assert await flow.reseal(carrier) == 2
    assert await flow.reseal(replace(carrier, exchange=Exchange())) == 0
    await scene.here.collect()
    assert await scene.here.kept() == [b"again 0", b"again 2", b"new"]
    assert await scene.here.refused(there) == {2: "seal-key-unknown"}


async def test_an_office_that_cannot_seal_anew_holds_up_nobody(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether it says so or breaks: what waits stays, and the turn goes on."""
    here, there = scene.here.town, scene.there.town
    await put(there, here, envelope(there, here, 1, b"x"), key_id="f" * 16)
    texts = await write(here, there, 1, 1)

    def failing(error: Exception) -> Exchange:
        async def seal_again(_: Connection, __: Member, ___: Waiting) -> bytes | None:
            raise error

        return Exchange(receive=scene.there.receive, seal_again=seal_again)

    for error in (NotFoundError("case-gone", "x"), LookupError()):
        assert await flow.reseal(scene.there.carrier(failing(error))) == 0
    await flow.turn(scene.there.carrier(failing(LookupError())), there.node.own.origin)
    assert await scene.there.kept() == texts
    assert (await scene.there.box(here)).waiting == 1
    assert "case-gone" in "".join(capsys.readouterr())


async def test_messages_carried_by_hand_are_received_once_and_move_no_number(scene: Scene) -> None:
    """Before or after the outbox is asked; of a stranger, or malformed, nothing is taken."""
    here, there = scene.here, scene.there
    texts = await write(there.town, here.town, 1, 3)
    carried = await flow.export(there.town.node.pool, here.town.id)
    for _ in range(2):
        asked = await flow.import_(here.carrier(), "there", carried)
        assert (asked.received, asked.refused) == (3, 0)
    assert (await here.kept(), (await there.box(here.town)).waiting) == (texts, 3)
    assert (await here.collect())["there"].received == 3
    assert (await here.kept(), (await here.box(there.town)).received) == (texts, 3)
    await flow.import_(here.carrier(), "there", carried)
    assert (await here.box(there.town)).received == 3
    assert await flow.export(there.town.node.pool, here.town.id) == post.encode([], more=False)
    wrong = await flow.import_(here.carrier(), "aside", carried)
    assert (wrong.refused, set((await here.refused(scene.aside)).values())) == (3, {"seal-sender-wrong"})
    for sender in ("here", "stranger"):
        with pytest.raises(NotFoundError, match="peer-unknown"):
            await flow.import_(here.carrier(), sender, carried)
    with pytest.raises(PeerWrongError, match="outbox-malformed"):
        await flow.import_(here.carrier(), "there", carried + b"\n")


async def test_a_restored_sender_s_messages_come_and_old_ones_do_nothing(scene: Scene) -> None:
    """Its copy knows less than we do: what waits there gets numbers after ours, what we had comes again without effect."""
    here, there = scene.here, scene.there
    await write(there.town, here.town, 1, 4)
    await here.collect()
    async with there.town.node.pool.acquire() as conn:
        # The copy is of when the third message had just been put, and nothing asked for.
        await conn.execute("UPDATE post.box SET sent = 0, served = 0 WHERE peer = 'here'")
    await write(there.town, here.town, 3, 3)
    await write(there.town, here.town, 5, 5)
    assert (await here.collect())["there"].received == 2
    assert [text[-1:] for text in await here.kept()] == [b"1", b"2", b"3", b"4", b"5"]
    sent = await there.box(here.town)
    assert (sent.sent, sent.waiting, (await here.box(there.town)).received) == (6, 0, 6)


async def test_a_turn_tells_asks_and_seals_anew(scene: Scene) -> None:
    """In both directions, and a member with an open case is asked every quarter of an hour."""
    here, there = scene.here, scene.there
    await write(there.town, here.town, 1, 1)
    await write(here.town, there.town, 2, 2)

    async def close(_: Connection) -> frozenset[str]:
        return frozenset({"there"})

    carrier = here.carrier(Exchange(receive=here.receive, close=close))
    origin = here.town.node.own.origin
    assert {asked.member: asked.received for asked in await flow.turn(carrier, origin)} == {"there": 1, "aside": 0}
    async with there.town.node.pool.acquire() as conn:
        assert {box.peer for box in await outbox.boxes(conn) if box.next_at} == {"here"}
    scene.clock.forward(minutes=14)
    assert await flow.turn(carrier, origin) == []
    scene.clock.forward(minutes=1)
    assert [asked.member for asked in await flow.turn(carrier, origin)] == ["there"]
