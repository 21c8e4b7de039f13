"""One number for what belongs together, also across nodes: the request that asked and every request that it made others answer.

In: the header ``traceparent`` of a request (W3C Trace Context, version 00). Out: the number of this request or job (32 hexadecimal digits), in
every line of the log that is written meanwhile, and the header of the requests that leave. Rules: what others send is taken only in its one
exact form, else a new number is drawn; nothing of it is kept as text. A number says nothing of anybody: it is random.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import structlog

HEADER: Final = "traceparent"
# The key under which the lines of the log carry it.
KEY: Final = "request_id"
_FORM: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}", re.ASCII)
_NOTHING: Final = (32 * "0", 16 * "0")
_current: ContextVar[str] = ContextVar("trace", default="")


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


def current() -> str:
    """Return the number under which this task works, empty where none was begun."""
    return _current.get()


def outgoing() -> dict[str, str]:
    """Return the header for a request to another node: the current number, else a new one, and a place of its own in it."""
    return {HEADER: f"00-{current() or new()}-{secrets.token_hex(8)}-00"}


@contextmanager
def working(number: str) -> Iterator[None]:
    """Work under a number for the time of the block: the log's lines carry it, and the requests that leave."""
    token = _current.set(number)
    try:
        with structlog.contextvars.bound_contextvars(**{KEY: number}):
            yield
    finally:
        _current.reset(token)
