"""A road that cuts, miscounts, repeats and floods: raw bytes from a socket, each ending in one code of the road or of the peer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from node.errors import ReteError, RoadWrongError
from node.peers.client import PeerClient, open_session

LIMIT = 1000
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
TOTAL_S = 1.0


@asynccontextmanager
async def saying(raw: bytes, *, reset: bool = False, dwell: bool = False) -> AsyncIterator[str]:
    """A server that reads a request and says ``raw``, then closes, resets the connection, or stays silent; yields its URL."""
    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        if dwell:
            await over.wait()
        elif reset:
            await asyncio.sleep(0.05)
            writer.transport.abort()
            return
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        over.set()
        server.close()


async def told(url: str) -> bytes | str:
    """The body of an answer, or the code of the refusal."""
    async with open_session(loopback=True, total_s=TOTAL_S) as session:
        try:
            return (await PeerClient(session, url).get("/x", max_bytes=LIMIT)).body
        except ReteError as error:
            return error.code


@pytest.mark.parametrize("after", [0, 10, len(GOOD) - 5, len(GOOD) - 1])
async def test_a_connection_that_ends_after_some_bytes_is_the_road_s_fault(after: int) -> None:
    """Reset or closed within the status line, the headers or the body: no part of an answer is taken for one."""
    for reset in (False, True):
        async with saying(GOOD[:after], reset=reset) as url:
            assert await told(url) in ("road-cut", "road-broken", "road-refused"), (after, reset)
    async with saying(GOOD) as url:
        assert await told(url) == b"hello"


async def test_a_wrong_length_never_makes_a_whole_answer() -> None:
    """More announced than sent is a cut road, silence after it ends in the named time; nothing beyond the length is read."""
    short = HEAD + b"Content-Length: 6\r\n\r\nhello"
    async with saying(short) as url:
        assert await told(url) == "road-cut"
    async with saying(short, dwell=True) as url, asyncio.timeout(5 * TOTAL_S):
        assert await told(url) == "road-timeout"
    async with saying(HEAD + b"Content-Length: 4\r\n\r\nhello") as url:
        assert await told(url) in (b"hell", "road-broken")
    for length in (b"-1", b"x", b"9223372036854775808", b"5\r\nContent-Length: 6"):
        async with saying(HEAD + b"Content-Length: " + length + b"\r\n\r\nhello") as url:
            assert await told(url) in ("road-broken", "road-cut", "reply-too-large"), length


async def test_an_answer_that_comes_twice_is_read_once_or_refused() -> None:
    """What follows a whole answer belongs to no request of ours; the next request gets its own answer."""
    async with saying(GOOD * 3) as url, open_session(loopback=True, total_s=TOTAL_S) as session:
        client = PeerClient(session, url)
        for _ in range(3):
            with contextlib.suppress(RoadWrongError):
                assert (await client.get("/x", max_bytes=LIMIT)).body == b"hello"
        assert client.tally.bytes_in in (0, 15)


@pytest.mark.parametrize(
    "headers",
    [b"".join(b"X-%d: y\r\n" % n for n in range(10_000)), b"X: " + b"y" * 2**20 + b"\r\n", b"X: y\x00z\r\n", b"no colon\r\n"],
    ids=["ten-thousand", "one-of-a-megabyte", "nul", "none"],
)  # fmt: skip
async def test_headers_without_end_or_form_are_refused(headers: bytes) -> None:
    """By number, by size, by their signs: one code, before any body is read."""
    async with saying(HEAD + headers + b"Content-Length: 5\r\n\r\nhello") as url:
        assert await told(url) == "road-broken"


@pytest.mark.parametrize("size", [b"ffffffffffffffff", b"400", b"zz"], ids=["huge", "more-than-asked", "no-number"])
async def test_chunks_hold_no_more_than_was_asked_for(size: bytes) -> None:
    """A chunk may call itself as large as it likes: what is read is bounded by bytes and by time."""
    raw = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\n" + b"y" * 1025
    async with saying(raw) as url, asyncio.timeout(5 * TOTAL_S):
        assert await told(url) in ("reply-too-large", "road-cut", "road-broken")
