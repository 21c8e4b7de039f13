"""Spans for an administration's own collector: OpenTelemetry over OTLP/HTTP, sent in batches by a thread of its own.

In: an address. Out: a recorder for node/trace.py. This module alone imports OpenTelemetry, which is an extra (``rete-delle-reti[otel]``):
it is imported only where [telemetry] names a collector. Rules: the number of a trace is the one in our logs and in ``traceparent``; nothing
is told of a span but what our code tells, nothing of the machine, the process or its environment; a collector that is away costs spans
and nothing else. Source: docs/monitoring.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import requests
import structlog
from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from node import trace
from node.version import VERSION

logger = structlog.get_logger()
# A collector is near: what it does not take in this time is lost, also when the node stops.
TIMEOUT_S = 3
QUEUE_MAX = 4_096
BATCH_MAX = 512
EVERY_MS = 2_000
_KINDS = {
    trace.SERVER: api.SpanKind.SERVER,
    trace.CLIENT: api.SpanKind.CLIENT,
    trace.INTERNAL: api.SpanKind.INTERNAL,
}


class _Numbers(RandomIdGenerator):  # type: ignore[misc]  # the extra may not be installed
    """Numbers of traces are ours."""

    def generate_trace_id(self) -> int:
        """Return the number under which this task works."""
        return int(trace.current() or trace.new(), 16)


class _Begun:
    """One span that is recorded."""

    def __init__(self, span: api.Span) -> None:
        self._span = span

    @property
    def place(self) -> str:
        """Return its number."""
        return f"{self._span.get_span_context().span_id:016x}"

    def tell(self, facts: trace.Facts, name: str = "") -> None:
        """Add facts, and name it by what is known by now."""
        self._span.set_attributes(dict(facts))
        if name:
            self._span.update_name(name)

    def fail(self, code: str) -> None:
        """Say that it failed."""
        self._span.set_attribute("error.type", code)
        self._span.set_status(api.StatusCode.ERROR)


class _Told(SpanExporter):  # type: ignore[misc]  # the extra may not be installed
    """An exporter of which the log says when it begins to fail and when it works again, not each time."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        result = self._exporter.export(spans)
        is_away = result is not SpanExportResult.SUCCESS
        if is_away and not self._is_away:
            logger.warning("telemetry.collector_away")
        elif self._is_away and not is_away:
            logger.info("telemetry.collector_back")
        self._is_away = is_away
        return result

    def shutdown(self) -> None:
        """End."""
        self._exporter.shutdown()


class Collector:
    """Records spans and sends them until it is closed."""

    def __init__(self, exporter: SpanExporter, node: str) -> None:
        """``node`` is the id by which the federation knows this node."""
        # Made without looking around: no name of the machine, no command line, nothing of the environment.
        resource = Resource({"service.name": "rete", "service.version": VERSION, "service.instance.id": node})
        limits = SpanLimits(max_attributes=16, max_attribute_length=200)
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=resource,
            shutdown_on_exit=False,
            id_generator=_Numbers(),
            span_limits=limits,
        )
        self._batches = BatchSpanProcessor(_Told(exporter), QUEUE_MAX, EVERY_MS, BATCH_MAX, TIMEOUT_S * 1_000)
        self._provider.add_span_processor(self._batches)
        self._tracer = self._provider.get_tracer("rete", VERSION)

    @contextmanager
    def begin(self, name: str, kind: str, number: str, parent: str) -> Iterator[trace.Span]:
        """Begin a span that ends with the block."""
        around = Context()
        if parent:
            known = api.SpanContext(int(number, 16), int(parent, 16), is_remote=True, trace_flags=api.TraceFlags(1))
            around = api.set_span_in_context(api.NonRecordingSpan(known), around)
        with trace.working(number, parent):
            span = self._tracer.start_span(name, context=around, kind=_KINDS[kind])
        try:
            yield _Begun(span)
        finally:
            span.end()

    def close(self) -> None:
        """Send what is left, for a bounded time."""
        self._provider.shutdown()


def collector(endpoint: str, node: str) -> Collector:
    """Return what sends spans to a collector at ``endpoint``, the whole address."""
    session = requests.Session()
    # Neither a proxy nor a password of the environment, and no other place than the one that was named.
    session.trust_env = False
    session.max_redirects = 0
    return Collector(OTLPSpanExporter(endpoint=endpoint, timeout=TIMEOUT_S, session=session), node)
