"""Follow every peer: which are due, several at once, one failure never another's.

In: a Node's parts. Out: one report per peer. Safe to run twice and beside another process.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import Callable, Sequence

import aiohttp
import structlog

from node.flows.bodies import Progress
from node.flows.pull import Clock, PullReport, pull_origin
from node.peers.client import PeerClient, RequestSigner
from node.store import log, schemas
from node.store.postgres import Pool

logger = structlog.get_logger()
_random = secrets.SystemRandom()


def is_due(origin: log.Origin, now: dt.datetime) -> bool:
    """Tell whether a scheduled round should walk this origin: not ours, not set aside, not in back-off."""
    if origin.is_own or origin.url is None or origin.state in ("quarantined", "suspended", "closed"):
        return False
    return origin.next_pull_at is None or origin.next_pull_at <= now


async def sync_peers(
    pool: Pool,
    session: aiohttp.ClientSession,
    signer: RequestSigner,
    *,
    clock: Clock,
    parallel: int,
    deadline_s: float,
    owner: str | None = None,
    force: bool = False,
    progress: Callable[[str], Progress] | None = None,
) -> list[PullReport]:
    """Pull all due peers (``force``: all that are not set aside), at most ``parallel`` at once."""
    async with pool.acquire() as conn:
        origins: Sequence[log.Origin] = await log.list_origins(conn, owner)
    now = clock()
    chosen = [o for o in origins if is_due(o, now) or (force and not o.is_own and o.state != "quarantined")]
    # One pull at a time per process needs this many connections: never more pulls than the pool can feed.
    gate = asyncio.Semaphore(max(1, min(parallel, pool.get_max_size() // 2)))

    async def one(origin: log.Origin) -> PullReport:
        async with gate:
            client = PeerClient(session, str(origin.url), signer)
            shown = {"progress": progress(origin.name)} if progress else {}
            return await pull_origin(
                pool,
                origin,
                client,
                validators=schemas.validators(),
                clock=clock,
                draw=_random.random,
                deadline_s=deadline_s,
                **shown,
            )

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(origin)) for origin in chosen]
    return [task.result() for task in tasks]
