"""What is no HTTP request at all, over a real connection: the answers are as clear as all others."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Iterator

import orjson
import pytest
import structlog
from aiohttp import web

from node import telemetry
from node.i18n import translator
from node.web.middleware import LANGUAGE, Handler, errors
from node.web.server import Runner

SECRET = "quoted-by-nobody"  # noqa: S105


@web.middleware
async def broken(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Fail outside of what turns failures into answers."""
    if request.path == "/broken":
        raise KeyError(SECRET)
    return await handler(request)


async def good(request: web.Request) -> web.StreamResponse:
    """Answer."""
    return web.Response(text="good")


@pytest.fixture(autouse=True)
def plain_logs() -> Iterator[None]:
    """Leave the logs as they were."""
    root = logging.getLogger()
    before = list(root.handlers)
    yield
    root.handlers[:] = before
    structlog.reset_defaults()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a server that speaks English."""
    app = web.Application(middlewares=[broken, errors])
    app[LANGUAGE] = "en"
    app.router.add_get("/", good)
    runner = Runner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    yield site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    await runner.cleanup()


async def say(port: int, raw: bytes) -> tuple[int, str, bytes]:
    """Status, content type and body of the answer to some bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    lines = head.decode().split("\r\n")
    kind = next(line.split(": ")[1] for line in lines if line.lower().startswith("content-type"))
    return int(lines[0].split()[1]), kind, rest


@pytest.mark.parametrize(
    ("raw", "status", "code", "title"),
    [
        (f"GET /{SECRET * 1000} HTTP/1.1\r\n", 400, "request-malformed", "richiesta HTTP non valida o troppo lunga"),
        (f"GET / HTTP/1.1\r\n{SECRET}: {SECRET * 1000}\r\n", 400, "request-malformed", ""),
        (f"{SECRET}@@ / HTTP/1.1\r\n", 400, "request-malformed", ""),
        (f"\x16\x03\x01{SECRET}\r\n", 400, "request-malformed", ""),
        ("DELETE / HTTP/1.1\r\n", 405, "method-not-allowed", "metodo non ammesso a questo indirizzo"),
        (f"GET /{SECRET} HTTP/1.1\r\n", 404, "not-found", "indirizzo inesistente"),
        ("GET /broken HTTP/1.1\r\n", 500, "internal-error", "errore interno"),
    ],
    ids=["long-url", "long-header", "bad-method", "tls", "other-method", "nowhere", "failed-late"],
)
async def test_whatever_is_sent_the_answer_is_a_problem_document(
    port: int,
    raw: str,
    status: int,
    code: str,
    title: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A stable code and a title in the node's language; no traceback and nothing that was sent, here or in the log."""
    telemetry.configure(stream=sys.stdout)
    with caplog.at_level(logging.DEBUG):
        got, kind, body = await say(port, f"{raw}Host: x\r\nConnection: close\r\n\r\n".encode("latin-1"))
    document = orjson.loads(body)
    assert (got, document["code"], document["status"]) == (status, code, status)
    assert kind.startswith("application/problem+json")
    if title:
        assert document["title"] == translator("en")(title) != title
    assert document["request_id"]
    out, err = capfd.readouterr()
    said = body.decode() + out + err + caplog.text
    assert SECRET not in said
    assert "Traceback" not in said
