"""The road that fails on purpose: each fault does what it is called, the same seed does the same, and other machines are out of reach."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from node.errors import CallerError, OperatorError, ReteError
from node.peers import chaos_proxy, spells
from node.peers.client import PeerClient, open_session
from node.peers.spells import Bend, Fault, Spell, Weather

BODY = bytes(range(256)) * 8
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(BODY) + BODY
AT = 500


@dataclass(frozen=True, slots=True)
class Fixed(Weather):
    """A weather whose every connection is bent in one way."""

    one: Bend = spells.STRAIGHT

    def bend(self, number: int, seconds: float) -> Bend:  # noqa: ARG002 - as the parent has it
        """Always the same."""
        return self.one


@asynccontextmanager
async def behind(bend: Bend) -> AsyncIterator[tuple[str, list[dict[str, object]], list[bytes]]]:
    """A server that says GOOD, behind a proxy; yields the proxy's URL, what it tells, and the questions that came to the server."""
    questions: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(3):
                questions.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(GOOD)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    told: list[dict[str, object]] = []
    weather = Fixed(1, (Spell(0, 60, bend.fault),), bend)
    to = server.sockets[0].getsockname()[:2]
    try:
        async with chaos_proxy.running(("127.0.0.1", 0), to, weather, told.append) as made:
            yield f"http://127.0.0.1:{made.listens[0][1]}", told, questions
    finally:
        server.close()


async def asked(url: str, total_s: float = 1.0) -> bytes | str:
    """The body that a node's own client takes, or the code of its refusal."""
    async with open_session(loopback=True, total_s=total_s) as session:
        try:
            return (await PeerClient(session, url).get("/x", max_bytes=10_000)).body
        except ReteError as error:
            return error.code


@pytest.mark.parametrize(
    ("bend", "ends"),
    [
        (Bend(Fault.CALM), {BODY}),
        (Bend(Fault.LATENCY, late_s=0.05, jitter_s=0.05), {BODY}),
        (Bend(Fault.REFUSE), {"road-broken", "road-cut", "road-refused"}),
        (Bend(Fault.BLACK_HOLE), {"road-timeout"}),
        (Bend(Fault.TRUNCATE, at_byte=AT), {"road-cut"}),
        (Bend(Fault.RESET, at_byte=AT), {"road-cut", "road-broken"}),
        (Bend(Fault.DRIP), {"road-timeout"}),
        (Bend(Fault.TRUNCATE, on_answer=False, at_byte=20), {"road-cut", "road-broken", "road-timeout"}),
    ],
    ids=lambda value: f"{value.fault}{'' if value.on_answer else '-question'}" if isinstance(value, Bend) else "",
)
async def test_each_fault_of_the_road_ends_in_a_whole_answer_or_in_a_code(bend: Bend, ends: set[bytes | str]) -> None:
    """As a node's own client sees it; and the proxy says what it did."""
    async with behind(bend) as (url, told, _):
        begun = time.monotonic()
        found = await asked(url)
        took = time.monotonic() - begun
    assert found in ends
    assert took < 5
    # A client may ask once more where a connection ends before its answer began: that one is bent too.
    events = Counter(fact["event"] for fact in told)
    assert 1 <= events["opened"] <= 2
    assert events["bent"] == (events["opened"] if bend.fault is not Fault.CALM else 0)
    if bend.fault is Fault.LATENCY:
        assert took >= 2 * bend.late_s


@pytest.mark.parametrize("fault", [Fault.CORRUPT, Fault.DUPLICATE, Fault.REORDER, Fault.WRONG_LENGTH])
async def test_what_is_changed_on_the_way_arrives_changed(fault: Fault) -> None:
    """One bit, a part that comes twice, parts that change places, a length that is not so: never the whole, true answer unseen."""
    async with behind(Bend(fault, at_byte=AT)) as (url, told, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(5):
            raw = await reader.read()
        writer.close()
    (bent,) = [fact for fact in told if fact["event"] == "bent"]
    assert raw != GOOD or fault is Fault.REORDER
    if fault is Fault.CORRUPT:
        changed = [at for at, (a, b) in enumerate(zip(raw, GOOD, strict=True)) if a != b]
        assert changed == [AT]
    elif fault is Fault.DUPLICATE:
        assert (raw[: len(GOOD)], len(raw) > len(GOOD)) == (GOOD, True)
    elif fault is Fault.REORDER:
        assert (len(raw), bent["at_byte"]) == (len(GOOD), AT)
    else:
        assert len(BODY) != bent["told"]


async def test_a_piece_that_is_held_back_comes_after_the_next() -> None:
    """Two pieces that the server sends apart change places from the byte on."""
    asking = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"abcdef")
        await writer.drain()
        await asking.wait()
        writer.write(b"GHI")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    told: list[dict[str, object]] = []
    weather = Fixed(1, (), Bend(Fault.REORDER, at_byte=2))
    async with chaos_proxy.running(("127.0.0.1", 0), server.sockets[0].getsockname()[:2], weather, told.append) as made:
        reader, writer = await asyncio.open_connection(*made.listens[0])
        assert await reader.readexactly(2) == b"ab"
        asking.set()
        async with asyncio.timeout(5):
            assert await reader.read() == b"GHIcdef"
        writer.close()
    server.close()


def test_the_same_seed_draws_the_same_spells_and_bends() -> None:
    """Another draws others; every fault comes, the last seconds are calm, and no moment is left out."""
    one, same, other = (Weather.drawn(seed, spells.ALL, 600, 60) for seed in (7, 7, 8))
    assert one == same != other
    assert {spell.fault for spell in one.spells} == set(Fault)
    assert [one.bend(n, 30) for n in range(20)] == [same.bend(n, 30) for n in range(20)]
    assert [spell.ends_s for spell in one.spells[:-1]] == [spell.begins_s for spell in one.spells[1:]]
    assert (one.spells[0].begins_s, one.spells[-1].ends_s) == (0, 600)
    assert {one.at(at) for at in range(540, 700)} == {Fault.CALM}


def test_names_of_faults_are_read_or_refused() -> None:
    """All, or some once each; an unknown one is named, with those that there are."""
    assert spells.parse_faults("all") == spells.ALL
    assert spells.parse_faults("drip, reset,drip") == (Fault.DRIP, Fault.RESET)
    for wrong in ("rain", "", "drip,calm"):
        with pytest.raises(CallerError, match="guasto") as told:
            spells.parse_faults(wrong)
        assert told.value.code == "chaos-fault-unknown"


@pytest.mark.parametrize("address", ["192.0.2.1:80", "example.org:80", "10.0.0.1:80", "0.0.0.0:80", "[2001:db8::1]:80"])
def test_only_this_machine_is_within_reach(address: str) -> None:
    """Unless it is asked for by name."""
    with pytest.raises(CallerError) as told:
        chaos_proxy.parse_address(address, anywhere=False)
    assert told.value.code == "chaos-not-loopback"
    assert chaos_proxy.parse_address(address, anywhere=True)[1] == 80
    assert chaos_proxy.parse_address("[::1]:8441", anywhere=False) == ("::1", 8441)


@pytest.mark.parametrize("address", ["", "127.0.0.1", "127.0.0.1:99999", "http://127.0.0.1:80", "a b:80"])
def test_what_is_no_address_is_refused(address: str) -> None:
    """With an example of one."""
    with pytest.raises(CallerError) as told:
        chaos_proxy.parse_address(address, anywhere=True)
    assert told.value.code == "chaos-address-bad"


async def test_a_port_that_is_taken_and_a_server_that_is_away_are_told() -> None:
    """The first stops the proxy, the second only its connection."""
    told: list[dict[str, object]] = []
    calm = Weather.drawn(1, (), 60)
    async with chaos_proxy.running(("127.0.0.1", 0), ("127.0.0.1", 1), calm, told.append) as made:
        with pytest.raises(OperatorError) as taken:
            async with chaos_proxy.running(made.listens[0], ("127.0.0.1", 1), calm, told.append):
                pass
        assert taken.value.code == "port-unavailable"
        host, port = made.listens[0]
        assert await asked(f"http://{host}:{port}") in ("road-broken", "road-cut", "road-refused")
    assert [fact["event"] for fact in told[:3]] == ["opened", "unreachable", "closed"]


async def test_a_bad_spell_ends_what_is_open() -> None:
    """A connection that was kept from a calm one is no way around it."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    weather = Weather(1, (Spell(0, 0.2, Fault.CALM), Spell(0.2, 0.4, Fault.REFUSE)))
    told: list[dict[str, object]] = []
    async with chaos_proxy.running(("127.0.0.1", 0), server.sockets[0].getsockname()[:2], weather, told.append) as made:
        blowing = asyncio.create_task(made.blow())
        reader, writer = await asyncio.open_connection(*made.listens[0])
        async with asyncio.timeout(5):
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
        writer.close()
        await blowing
    server.close()
    assert [fact["fault"] for fact in told if fact["event"] == "spell"] == ["calm", "refuse"]
