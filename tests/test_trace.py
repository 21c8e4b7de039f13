"""One number for what belongs together: read only in its one form, carried to other nodes, written beside every line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from node import trace
from node.peers.client import PeerClient, open_session
from node.web.middleware import errors
from tests.federation_made import Clock, federation

NUMBER = "4bf92f3577b34da6a3ce929d0e0e4736"
GOOD = f"00-{NUMBER}-00f067aa0ba902b7-01"
BAD = [
    "",
    NUMBER,
    GOOD.upper(),
    f"{GOOD} ",
    f"{GOOD}-more",
    GOOD.replace("00-", "01-", 1),
    GOOD.replace("00-", "ff-", 1),
    f"00-{'0' * 32}-00f067aa0ba902b7-01",
    f"00-{NUMBER}-{'0' * 16}-01",
    f"00-{NUMBER}\u0661-00f067aa0ba902b7-01",
    GOOD.replace("4", "\uff14"),
    "Caseificio Segreto",
    f"00-{NUMBER}-00f067aa0ba902b7-0g",
]


def test_a_number_is_read_in_its_one_form_alone() -> None:
    """As the specification writes it; anything else, and two of them, are as if there were none."""
    assert trace.read(GOOD) == NUMBER
    assert [trace.read(text) for text in BAD] == [None] * len(BAD)
    assert trace.heard([GOOD]) == NUMBER
    for headers in ([], [GOOD, GOOD], *([text] for text in BAD)):
        assert re.fullmatch(r"[0-9a-f]{32}", trace.heard(headers))
        assert trace.heard(headers) not in (NUMBER, trace.heard(headers))


def test_what_leaves_carries_the_number_of_what_asked() -> None:
    """With a place of its own each time; outside of any work a new one."""
    with trace.working(NUMBER):
        first, second = (trace.outgoing()["traceparent"] for _ in range(2))
        with trace.working("f" * 32):
            assert trace.current() == "f" * 32
    assert trace.read(first) == trace.read(second) == NUMBER
    assert first != second
    assert trace.current() == ""
    assert trace.read(trace.outgoing()["traceparent"]) not in (None, NUMBER)


async def test_an_answer_a_problem_and_the_log_say_the_same_number(capsys: pytest.CaptureFixture[str]) -> None:
    """The one that came, if it is one; nothing of a malformed one is said again anywhere."""

    async def handler(request: web.Request) -> web.StreamResponse:
        structlog.get_logger().info("thing.done")
        raise web.HTTPNotFound

    app = web.Application(middlewares=[errors])
    app.router.add_get("/x", handler)
    async with TestClient(TestServer(app)) as client:
        for sent, expected in ((GOOD, NUMBER), ("00-secret-words-01", None), (None, None)):
            with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
                reply = await client.get("/x", headers={"traceparent": sent} if sent else {})
            said = (await reply.json())["request_id"]
            assert said == reply.headers["X-Request-Id"]
            assert {line["request_id"] for line in lines} == {said}
            assert {line["event"] for line in lines} == {"thing.done", "request.answered"}
            assert (said == expected) if expected else re.fullmatch(r"[0-9a-f]{32}", said)
            assert "secret" not in str(lines) + str(reply.headers) + said
    assert "secret" not in "".join(capsys.readouterr())


async def test_only_nodes_are_told_the_number() -> None:
    """Whom a saved search tells, and who signs people in, see no header of ours."""
    seen: dict[str, str | None] = {}

    async def handler(request: web.Request) -> web.StreamResponse:
        seen[request.path] = request.headers.get("traceparent")
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", handler)
    async with TestServer(app) as server, open_session(loopback=True) as session:
        client = PeerClient(session, f"http://127.0.0.1:{server.port}")
        with trace.working(NUMBER):
            await client.get("/federation/heads", max_bytes=100)
            await client.get("/token", max_bytes=100)
            await client.post("/hook", b"{}", max_bytes=100, content_type="application/json")
    assert trace.read(seen["/federation/heads"] or "") == NUMBER
    assert seen["/token"] is seen["/hook"] is None


@pytest.mark.timeout(120)
async def test_a_pull_stands_in_both_logs_under_one_number(server: str, tmp_path: Path) -> None:
    """What Lecce asks of Torino in one turn, Torino's lines tell by Lecce's number; another turn has another."""
    async with federation(server, tmp_path, Clock(), ["p_LE", "cmto"]) as (lecce, torino):
        await torino.publish(2)
        told: dict[str, list[Any]] = {}
        for number in ("a" * 32, "b" * 32):
            merge = [structlog.contextvars.merge_contextvars]
            with structlog.testing.capture_logs(processors=merge) as lines, trace.working(number):
                await lecce.sync()
            told[number] = [line for line in lines if line["event"] == "request.answered"]
        assert all(lines for lines in told.values())
        for number, lines in told.items():
            assert {line["request_id"] for line in lines} == {number}
            assert all(line["route"].startswith("/federation/") for line in lines)
