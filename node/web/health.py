"""What machines ask a node every few seconds: ``/livez``, does the process answer; ``/readyz``, can it do all that a node does.

In: nothing but the address. Out: a small JSON value of codes, never kept by anybody. Rules: ``/livez`` touches nothing else, so that whoever
restarts what does not answer never restarts a node whose database is away; probes of this machine are not counted against anybody
(node/web/allowance.py). ``/status`` is for people and other systems, and stays as it is. docs/monitoring.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from node.domain.roles import Permission
from node.flows.upkeep import ready
from node.flows.upkeep.jobs import Schedule
from node.store.postgres import Pool
from node.store.replica import Replica
from node.web.permission import needs

NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Health:
    """What is looked at."""

    pool: Pool
    clock: Callable[[], dt.datetime]
    schedule: Callable[[], Schedule | None] | None
    replica: Replica | None = None
    # Whether this process was told to stop, and answers only what still comes.
    leaving: Callable[[], bool] | None = None


HEALTH = web.AppKey("health", Health)


def install(app: web.Application, health: Health) -> None:
    """Let an application answer probes."""
    app[HEALTH] = health
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz)])


@needs(Permission.PUBLIC)
async def livez(_: web.Request) -> web.StreamResponse:
    """Answer that the process answers."""
    return web.json_response({"status": "alive"}, headers=NO_STORE)


@needs(Permission.PUBLIC)
async def readyz(request: web.Request) -> web.StreamResponse:
    """Answer 200 where the node is ready, else 503 and why not."""
    health = request.app[HEALTH]
    found = await ready.look(
        health.pool,
        health.schedule() if health.schedule else None,
        health.clock(),
        is_leaving=health.leaving is not None and health.leaving(),
    )
    document: dict[str, Any] = {
        "status": "unready" if found.reasons else "ready",
        "reasons": list(found.reasons),
        "checks": {
            "database": found.database,
            "schema": found.schema,
            "log": found.log,
            "jobs": found.jobs,
            "process": found.process,
        },
    }
    if health.replica is not None:
        # Told, and no reason: without its replica a node is slower, and does all that it does.
        document["checks"]["replica"] = health.replica.sight.state
    headers = {**NO_STORE, "Retry-After": "10"} if found.reasons else NO_STORE
    return web.json_response(document, status=503 if found.reasons else 200, headers=headers)
