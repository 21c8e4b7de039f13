"""One number for what belongs together, also across nodes: the request that asked and every request that it made others answer.

In: the header ``traceparent`` of a request (W3C Trace Context, version 00). Out: the number of this request or job (32 hexadecimal digits), in
every line of the log that is written meanwhile, and the header of the requests that leave; and, for whoever records them
(node/peers/collector.py), spans: what took how long, inside what. Rules: what others send is taken only in its one
exact form, else a new number is drawn; nothing of it is kept as text. A number says nothing of anybody: it is random.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Final, Protocol

import structlog

from node.errors import ReteError

HEADER: Final = "traceparent"
# The key under which the lines of the log carry it.
KEY: Final = "request_id"
_FORM: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}", re.ASCII)
_NOTHING: Final = (32 * "0", 16 * "0")
_current: ContextVar[str] = ContextVar("trace", default="")
# Inside which span this task works, here or at whoever asked: 16 hexadecimal digits, empty outside of any.
_place: ContextVar[str] = ContextVar("trace_place", default="")
# What a span is of: a request that is answered, one that is made, work of our own.
SERVER, CLIENT, INTERNAL = "server", "client", "internal"
Facts = Mapping[str, str | int]


class Span(Protocol):
    """Something that takes time; what is told of it is what a log line may tell: templates, codes and counts."""

    @property
    def place(self) -> str:
        """Its number, 16 hexadecimal digits."""

    def tell(self, facts: Facts, name: str = "") -> None:
        """Add facts, and name it by what is known by now."""

    def fail(self, code: str) -> None:
        """Say that it failed, by a stable code."""


class Recorder(Protocol):
    """Whoever keeps spans: ``number`` is the trace, ``parent`` the span around it, empty for none."""

    def begin(self, name: str, kind: str, number: str, parent: str) -> AbstractContextManager[Span]:
        """Begin a span that ends with the block."""


class _Untold:
    """A span that nobody records."""

    place = ""

    def tell(self, facts: Facts, name: str = "") -> None:
        """Do nothing."""

    def fail(self, code: str) -> None:
        """Do nothing."""


_UNTOLD: Final = _Untold()
_recorder: ContextVar[Recorder | None] = ContextVar("trace_recorder", default=None)


def new() -> str:
    """Return a number that nobody has used."""
    return secrets.token_hex(16)


def read(header: str) -> str | None:
    """Return the number that a ``traceparent`` carries, None for anything that is not one to the letter."""
    found = _FORM.fullmatch(header)
    if found is None or found[1] == _NOTHING[0] or found[2] == _NOTHING[1]:
        return None
    return found[1]


def heard(headers: list[str]) -> str:
    """Return the number of a request by its ``traceparent`` headers: the one that it carries, else a new one."""
    return (read(headers[0]) if len(headers) == 1 else None) or new()


def asked_in(headers: list[str]) -> str:
    """Return the place in which somebody else asked, by the ``traceparent`` headers of a request; empty for none."""
    return headers[0].split("-")[2] if len(headers) == 1 and read(headers[0]) else ""


def current() -> str:
    """Return the number under which this task works, empty where none was begun."""
    return _current.get()


def outgoing() -> dict[str, str]:
    """Return the header for a request to another node: the current number, else a new one, and a place of its own in it.

    The place is the span's in which it is made, where spans are recorded; the last digit says whether they are.
    """
    recorded = _recorder.get() is not None and _place.get() != "" and current() != ""
    place = _place.get() if recorded else secrets.token_hex(8)
    return {HEADER: f"00-{current() or new()}-{place}-{'01' if recorded else '00'}"}


@contextmanager
def working(number: str, asked_in: str = "") -> Iterator[None]:
    """Work under a number for the time of the block: the log's lines carry it, and the requests that leave.

    ``asked_in`` is the place of whoever asked, the parent of the first span.
    """
    token, place = _current.set(number), _place.set(asked_in)
    try:
        with structlog.contextvars.bound_contextvars(**{KEY: number}):
            yield
    finally:
        _place.reset(place)
        _current.reset(token)


@contextmanager
def recording(recorder: Recorder | None) -> Iterator[None]:
    """Have spans recorded for the time of the block, in all that is begun in it."""
    token = _recorder.set(recorder)
    try:
        yield
    finally:
        _recorder.reset(token)


@contextmanager
def span(name: str, kind: str = INTERNAL) -> Iterator[Span]:
    """Do the block as one span, inside the one around it; what it breaks on is told by its code and by nothing else."""
    recorder = _recorder.get()
    if recorder is None:
        yield _UNTOLD
        return
    number = current() or new()
    with recorder.begin(name, kind, number, _place.get()) as begun:
        # Outside of any work the span is the beginning of one.
        token, place = _current.set(number), _place.set(begun.place)
        try:
            yield begun
        except ReteError as error:
            begun.fail(error.code)
            raise
        except Exception:
            begun.fail("internal-error")
            raise
        finally:
            _place.reset(place)
            _current.reset(token)
