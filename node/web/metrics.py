"""The node's numbers for Prometheus, on a port of their own: ``/metrics`` and nothing else.

In: what node/flows/upkeep/measures.py reads. Out: text by node/exposition.py, OpenMetrics for who asks for it. Rules: nobody is asked who they
are, so the port is this machine's unless the configuration says otherwise ([metrics]); one reading at a time, and not more often than once
in ``EVERY_S``: who asks faster is told the last one again. docs/monitoring.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from node.domain.roles import Permission
from node.exposition import OPEN_TYPE, PLAIN_TYPE, Family, render
from node.flows.upkeep import measures
from node.web.middleware import errors
from node.web.permission import guard, needs

PATH: Final = "/metrics"
EVERY_S: Final = 1.0


@dataclass(slots=True)
class _Last:
    """The last reading."""

    reading: measures.Reading
    families: Sequence[Family] = ()
    at: float = float("-inf")
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self) -> Sequence[Family]:
        """Return the numbers, read now or a moment ago."""
        async with self.turn:
            if time.monotonic() - self.at >= EVERY_S:
                self.families = await measures.read(self.reading)
                self.at = time.monotonic()
            return self.families


LAST = web.AppKey("last_reading", _Last)


@needs(Permission.PUBLIC)
async def metrics(request: web.Request) -> web.StreamResponse:
    """Answer all numbers."""
    wants_open = "application/openmetrics-text" in request.headers.get("Accept", "")
    text = render(await request.app[LAST].read(), openmetrics=wants_open)
    headers = {"Content-Type": OPEN_TYPE if wants_open else PLAIN_TYPE, "Cache-Control": "no-store"}
    return web.Response(body=text.encode(), headers=headers)


def build(reading: measures.Reading) -> web.Application:
    """Return the application of the port."""
    app = web.Application(middlewares=[errors, guard])
    app[LAST] = _Last(reading)
    app.add_routes([web.get(PATH, metrics)])
    return app
