"""A road that fails on purpose: a TCP proxy on this machine that delays, drops, cuts, changes, repeats and swaps what passes.

In: where to listen, where to forward, the road's weather (``peers/spells``), and what is told of each event. Out: a running proxy; its facts, one for
each event, as the lines of ``rete chaos proxy``. An administrator sets it before a node of a trial to see what the others, and the node itself, make of it;
``rete demo --chaos`` and the tests use the same one. It lives here because it opens connections, which only this room does; it passes by the
address guard on purpose, and so connects to this machine alone unless it is told otherwise (``require_loopback``). It reads no content but, for
``wrong-length``, the name of one header. Bounded: so many connections at once, so many bytes of each in memory, and the time that its caller gives it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import random
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from node.errors import N_, CallerError, OperatorError
from node.peers.spells import DRIP_EVERY_S, Bend, Fault, Weather

CONNECT_S = 5.0
CONNECTIONS_MAX = 256
PIECE_BYTES = 16_384
# So long is a piece held back for one that never comes: what is late comes after all.
HELD_S = 0.5
_LENGTH = re.compile(rb"(?i)(\r\ncontent-length: *)([0-9]{1,15})(\r\n)")
_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^\s:/@\[\]]+)):([0-9]{1,5})")
# Told of each event: its name, and facts without any content.
Told = Callable[[dict[str, object]], None]


def parse_address(text: str, *, anywhere: bool) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``. Raises: CallerError(chaos-address-bad | chaos-not-loopback)."""
    found = _ADDRESS.fullmatch(text.strip())
    if found is None or int(found[3]) > 65_535:
        raise CallerError(
            "chaos-address-bad",
            N_("«{address}» non è un indirizzo con la porta"),
            hint=N_("scriverlo così: 127.0.0.1:8441"),
            address=text[:80],
        )
    host, port = found[1] or found[2], int(found[3])
    if not anywhere:
        require_loopback(host)
    return host, port


def require_loopback(host: str) -> None:
    """Refuse any host but this machine's own addresses. Raises: CallerError(chaos-not-loopback)."""
    with contextlib.suppress(ValueError):
        if host == "localhost" or ipaddress.ip_address(host).is_loopback:
            return
    raise CallerError(
        "chaos-not-loopback",
        N_("«{host}» non è di questa macchina: il proxy dei guasti serve alle prove"),
        hint=N_("usare 127.0.0.1; --anywhere lo consente, per una rete di prova che è vostra"),
        host=host[:80],
    )


@dataclass
class Proxy:
    """One road: what passes through it, and what was done to it."""

    to: tuple[str, int]
    weather: Weather
    told: Told
    clock: Callable[[], float]
    began: float = 0.0
    opened: int = 0
    bent: dict[str, int] = field(default_factory=dict)
    live: set[asyncio.Task[None]] = field(default_factory=set)
    # Where it listens, with the port that the system chose where it was asked for none.
    listens: list[tuple[str, int]] = field(default_factory=list)

    @property
    def now_s(self) -> float:
        """Seconds since the weather began."""
        return self.clock() - self.began

    @property
    def fault(self) -> Fault:
        """What reigns now."""
        return self.weather.at(self.now_s)

    def begin(self, weather: Weather) -> None:
        """Begin another weather now."""
        self.weather, self.began = weather, self.clock()

    async def blow(self) -> None:
        """Tell each spell when it begins, until the last is over; a bad one begins by ending what is open, or kept connections would pass by it."""
        for spell in self.weather.spells:
            self.tell("spell", **spell.facts())
            if spell.fault is not Fault.CALM:
                for task in list(self.live):
                    task.cancel()
            await asyncio.sleep(max(0.0, spell.ends_s - self.now_s))

    def tell(self, event: str, **facts: object) -> None:
        """Tell one event."""
        self.told({"at_s": round(self.now_s, 3), "event": event, **facts})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection as its bend has it."""
        task = asyncio.current_task()
        if task is None or len(self.live) >= CONNECTIONS_MAX:
            _reset(writer)
            return
        self.live.add(task)
        self.opened += 1
        number, bend = self.opened, self.weather.bend(self.opened, self.now_s)
        if bend.fault is not Fault.CALM:
            self.bent[str(bend.fault)] = self.bent.get(str(bend.fault), 0) + 1
        self.tell("opened", connection=number, fault=str(bend.fault))
        passed: dict[str, object] = {}
        try:
            passed = await _Carried(self, number, bend, reader, writer).run()
        except asyncio.CancelledError:
            # The proxy ends: so does what passes through it.
            _reset(writer)
        finally:
            self.live.discard(task)
            self.tell("closed", connection=number, **passed)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close without a goodbye: the other side sees a reset."""
    made = writer.get_extra_info("socket")
    if made is not None:
        with contextlib.suppress(OSError):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class _Carried:
    """One connection through the proxy."""

    def __init__(
        self,
        proxy: Proxy,
        number: int,
        bend: Bend,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._proxy, self._number, self._bend = proxy, number, bend
        self._reader, self._writer = reader, writer
        self._draw = random.Random(f"carried {proxy.weather.seed} {number}")  # noqa: S311 - delays, no secret
        self._passed = {"question_bytes": 0, "answer_bytes": 0}
        self._done = False
        self._held = b""

    async def run(self) -> dict[str, object]:
        """Carry until either side ends, or the bend ends it; return how many bytes were passed on."""
        if self._bend.fault is Fault.REFUSE:
            self._did()
            _reset(self._writer)
        elif self._bend.fault is Fault.BLACK_HOLE:
            self._did()
            await self._swallow()
        else:
            await self._forward()
        return dict(self._passed)

    def _did(self, **facts: object) -> None:
        self._done = True
        self._proxy.tell("bent", connection=self._number, fault=str(self._bend.fault), **facts)

    async def _swallow(self) -> None:
        """Take what comes and never say a word, until the other side has had enough."""
        with contextlib.suppress(OSError):
            while await self._reader.read(PIECE_BYTES):
                pass
        self._writer.transport.abort()

    async def _forward(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                back, forth = await asyncio.open_connection(*self._proxy.to)
        except (OSError, TimeoutError):
            # Nobody listens there: to whoever asked it looks the same.
            self._proxy.tell("unreachable", connection=self._number)
            _reset(self._writer)
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(self._reader, forth, answer=False))
                group.create_task(self._pass(back, self._writer, answer=True))
        except* _CutError:
            forth.transport.abort()
        except* OSError:
            pass
        finally:
            for writer in (forth, self._writer):
                writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answer: bool) -> None:
        """Pass bytes in one direction."""
        name, bent = ("answer_bytes" if answer else "question_bytes"), self._bend.on_answer is answer
        while piece := await self._next(reader, bent):
            out = await self._bent(piece, self._passed[name], writer) if bent else piece
            if self._bend.fault is Fault.LATENCY:
                await self._wait()
            writer.write(out)
            await writer.drain()
            self._passed[name] += len(out)
        if writer.can_write_eof():
            writer.write_eof()

    async def _next(self, reader: asyncio.StreamReader, bent: bool) -> bytes:
        """Return what comes next; what was held back, where nothing does for half a second."""
        if not (bent and self._held):
            return await reader.read(PIECE_BYTES)
        try:
            async with asyncio.timeout(HELD_S):
                piece = await reader.read(PIECE_BYTES)
        except TimeoutError:
            piece = b""
        held, self._held = self._held, b""
        return piece + held

    async def _wait(self) -> None:
        if not self._done:
            self._did(late_s=round(self._bend.late_s, 3))
        await asyncio.sleep(self._bend.late_s + self._draw.uniform(0, self._bend.jitter_s))

    async def _bent(self, piece: bytes, passed: int, writer: asyncio.StreamWriter) -> bytes:
        """Return what becomes of a piece of the bent direction. Raises: _CutError where the connection ends in it."""
        fault, at = self._bend.fault, self._bend.at_byte - passed
        if fault is Fault.DRIP:
            await self._drip(piece, writer)
            return b""
        if fault is Fault.WRONG_LENGTH:
            return self._lied_length(piece)
        if self._done or at >= len(piece) or fault in (Fault.CALM, Fault.LATENCY):
            return piece
        at = max(0, at)
        self._did(at_byte=passed + at, on="answer" if self._bend.on_answer else "question")
        if fault in (Fault.TRUNCATE, Fault.RESET):
            writer.write(piece[:at])
            await writer.drain()
            writer.close() if fault is Fault.TRUNCATE else _reset(writer)
            raise _CutError
        if fault is Fault.CORRUPT:
            return piece[:at] + bytes([piece[at] ^ (1 << self._draw.randrange(8))]) + piece[at + 1 :]
        if fault is Fault.DUPLICATE:
            return piece + piece[at:]
        # What is left is to be swapped: the rest of this piece comes after the next one.
        self._held = piece[at:]
        return piece[:at]

    def _lied_length(self, piece: bytes) -> bytes:
        found = _LENGTH.search(piece)
        if self._done or found is None:
            return piece
        told = max(0, int(found[2]) + self._draw.choice((-7, -1, 1, 7)))
        self._did(length=int(found[2]), told=told)
        return piece[: found.start()] + found[1] + str(told).encode() + found[3] + piece[found.end() :]

    async def _drip(self, piece: bytes, writer: asyncio.StreamWriter) -> None:
        if not self._done:
            self._did()
        for at in range(len(piece)):
            writer.write(piece[at : at + 1])
            await writer.drain()
            self._passed["answer_bytes"] += 1
            await asyncio.sleep(DRIP_EVERY_S)


class _CutError(Exception):
    """The bend ended the connection."""


@asynccontextmanager
async def running(
    listen: tuple[str, int], to: tuple[str, int], weather: Weather, told: Told, clock: Callable[[], float] | None = None
) -> AsyncIterator[Proxy]:
    """Run a proxy for the time of a block; its weather begins now. ``clock`` counts seconds. Raises: OperatorError(port-unavailable)."""
    ticks = clock or asyncio.get_running_loop().time
    proxy = Proxy(to, weather, told, ticks, ticks())
    try:
        server = await asyncio.start_server(proxy.serve, *listen)
    except OSError as error:
        raise OperatorError(
            "port-unavailable",
            N_("la porta {port} è occupata"),
            hint=N_("usare un'altra porta, o fermare il programma che la usa"),
            port=listen[1],
        ) from error
    proxy.listens = [(str(host), int(port)) for host, port, *_ in (made.getsockname() for made in server.sockets)]
    try:
        yield proxy
    finally:
        server.close()
        tasks = list(proxy.live)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
