"""Spans for a collector: one trace through two nodes, nothing private in it, nothing lost but spans when the collector is away."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer

import node.peers
from node import config as configuration
from node import runtime, trace
from node.errors import CallerError, OperatorError
from node.flows.upkeep.home import example_text, with_setting
from tests.federation_made import Clock, federation

NUMBER = "4bf92f3577b34da6a3ce929d0e0e4736"
PLACE = "00f067aa0ba902b7"
SECRET = "caseificio-segreto"  # noqa: S105 - a word that a person might type


class Kept:
    """What a collector keeps: the spans of a recorder, by name."""

    def __init__(self) -> None:
        pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")
        pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not installed")
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        from node.peers.collector import Collector

        self._memory = InMemorySpanExporter()
        self.collector = Collector(self._memory, "p_LE")

    def spans(self) -> list[Any]:
        """All that ended so far."""
        self.collector._provider.force_flush(5_000)
        return list(self._memory.get_finished_spans())

    def one(self, name: str) -> Any:
        """The only span of a name."""
        (found,) = [span for span in self.spans() if span.name == name]
        return found


@pytest.fixture
def kept() -> Iterator[Kept]:
    """A recorder that keeps spans in memory."""
    found = Kept()
    with trace.recording(found.collector):
        yield found
    found.collector.close()


def parent_of(span: Any) -> str:
    """The number of the span around one."""
    return f"{span.parent.span_id:016x}" if span.parent else ""


def place_of(span: Any) -> str:
    """The number of a span."""
    return f"{span.context.span_id:016x}"


def trace_of(span: Any) -> str:
    """The number of a span's trace."""
    return f"{span.context.trace_id:032x}"


def test_work_inside_work_is_a_child_under_the_number_of_our_logs(kept: Kept) -> None:
    """The first span of a job begins the trace under its number; what leaves names the innermost; a failure tells its code alone."""
    with trace.working(NUMBER), trace.span("outer") as outer:
        with pytest.raises(CallerError), trace.span("inner"):
            sent = trace.outgoing()["traceparent"]
            raise CallerError("query-value-bad", SECRET, where=SECRET)
        with pytest.raises(ValueError), trace.span("broken"):
            raise ValueError(SECRET)
    first, inner, broken = (kept.one(name) for name in ("outer", "inner", "broken"))
    assert {trace_of(span) for span in (first, inner, broken)} == {NUMBER}
    assert (parent_of(first), parent_of(inner), parent_of(broken)) == ("", place_of(first), place_of(first))
    assert outer.place == place_of(first)
    assert sent == f"00-{NUMBER}-{place_of(inner)}-01"
    assert (dict(inner.attributes), dict(broken.attributes)) == ({"error.type": "query-value-bad"}, {"error.type": "internal-error"})  # fmt: skip
    assert SECRET not in "".join(span.to_json() for span in kept.spans())
    assert trace.current() == ""


def test_without_a_collector_nothing_is_recorded_and_what_leaves_is_as_ever() -> None:
    """A span that nobody keeps costs and changes nothing."""
    with trace.working(NUMBER, PLACE), trace.span("work") as span:
        span.tell({"a": 1}, "b")
        span.fail("x")
        sent = trace.outgoing()["traceparent"]
        assert span.place == ""
    assert sent.startswith(f"00-{NUMBER}-")
    assert sent.endswith("-00")
    assert PLACE not in sent
    assert trace.asked_in([f"00-{NUMBER}-{PLACE}-01"]) == PLACE
    assert [trace.asked_in(told) for told in ([], ["x"], [f"00-{NUMBER}-{PLACE}-01"] * 2)] == ["", "", ""]


async def test_a_request_and_a_pull_are_spans_of_one_trace_through_two_nodes(
    kept: Kept, server: str, tmp_path: Path
) -> None:
    """The request's parent is whoever asked; the other node's answers are children of our own requests; words stay out of it."""
    async with federation(server, tmp_path, Clock(), ["p_LE", "cmto"]) as (lecce, torino):
        await torino.publish(2)
        url = f"http://127.0.0.1:{lecce.port}/api/v1/profiles"
        headers = {"traceparent": f"00-{NUMBER}-{PLACE}-00"}
        async with aiohttp.ClientSession() as session:
            async with session.get(url, params={"q": SECRET}, headers=headers) as reply:
                assert reply.status == 200
            async with session.request("PURGE", f"{url}/{SECRET}", headers=headers) as reply:
                assert reply.status == 405
        asked = kept.one("GET /api/v1/profiles")
        assert (trace_of(asked), parent_of(asked), asked.kind.name) == (NUMBER, PLACE, "SERVER")
        assert dict(asked.attributes) == {
            "http.request.method": "GET", "http.route": "/api/v1/profiles", "http.response.status_code": 200,
        }  # fmt: skip
        search = kept.one("search")
        assert (parent_of(search), dict(search.attributes)) == (place_of(asked), {"rete.hits": 0})
        refused = next(span for span in kept.spans() if span.name.startswith("_OTHER"))
        assert refused.attributes["rete.code"] == "method-not-allowed"
        with trace.working("ab" * 16):
            (report,) = await lecce.sync()
        assert report.error_code is None
        pull = kept.one("pull")
        assert (trace_of(pull), parent_of(pull)) == ("ab" * 16, "")
        assert pull.attributes["rete.peer"] == "cmto"
        assert pull.attributes["rete.bodies"] == report.bodies == 2
        made = [span for span in kept.spans() if span.kind.name == "CLIENT"]
        assert made
        assert {parent_of(span) for span in made} == {place_of(pull)}
        answers = [span for span in kept.spans() if span.kind.name == "SERVER" and trace_of(span) == "ab" * 16]
        assert len(answers) == len(made) == report.requests
        assert {parent_of(span) for span in answers} == {place_of(span) for span in made}
        told = "".join(span.to_json() for span in kept.spans()).lower()
        assert SECRET not in told
        assert "127.0.0.1" not in told
        assert not [word for word in torino.published if word in told]


async def test_a_collector_is_told_over_the_wire_and_may_be_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """OTLP over http to the one address that is named, whatever the environment says; one that is not there costs nothing but spans."""
    Kept().collector.close()
    taken: list[tuple[str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        taken.append((request.content_type, await request.read()))
        return web.Response(content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", f"host.name={SECRET}")
    async with TestServer(app) as server:
        endpoint = str(server.make_url("/v1/traces"))
        config = configuration.parse(with_setting(example_text(), "telemetry", "endpoint", f'"{endpoint}"'))
        async with runtime.spans(config):
            with trace.working(NUMBER), trace.span("work"):
                await asyncio.sleep(0)
    ((kind, body),) = taken
    assert kind == "application/x-protobuf"
    assert bytes.fromhex(NUMBER) in body
    assert b"p_LE" in body
    assert SECRET.encode() not in body
    # Nobody is there any more.
    loop = asyncio.get_running_loop()
    began = loop.time()
    with structlog.testing.capture_logs() as lines:
        async with runtime.spans(config):
            with trace.span("lost"):
                pass
    assert loop.time() - began < 30
    assert [line["event"] for line in lines] == ["telemetry.collector_away"]


async def test_a_collector_without_the_extra_is_refused_at_the_start_and_no_setting_needs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A code and what to install; http elsewhere is refused with its line."""
    monkeypatch.delitem(sys.modules, "node.peers.collector", raising=False)
    monkeypatch.delattr(node.peers, "collector", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    async with runtime.spans(configuration.parse(example_text())):
        assert trace.outgoing()["traceparent"].endswith("-00")
    asked = with_setting(example_text(), "telemetry", "endpoint", '"http://127.0.0.1:4318/v1/traces"')
    with pytest.raises(OperatorError) as caught:
        async with runtime.spans(configuration.parse(asked)):
            pass
    assert caught.value.code == "telemetry-missing"
    assert "rete-delle-reti[otel]" in caught.value.render()[2]
    with pytest.raises(OperatorError) as caught:
        configuration.parse(asked.replace("127.0.0.1:4318", "collector.example.it:4318"), file="node.toml")
    line = next(number for number, text in enumerate(asked.splitlines(), 1) if text.startswith("endpoint ="))
    assert (caught.value.code, caught.value.where) == ("config-insecure-url", f"node.toml:{line}")
