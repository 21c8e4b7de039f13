"""WHEN flows run: timers in memory, no logic. What must survive a restart is in our own tables.

In: a Node. Out: jobs that pull peers, release publication rounds, sign and tidy up. A job that fails is logged and the
next one runs.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from node.errors import ReteError
from node.flows import publish
from node.flows.append import sign_head
from node.flows.sync import sync_peers
from node.protocol import limits
from node.runtime import Node
from node.store import log

logger = structlog.get_logger()
RELEASE_MINUTES = 5
TIDY_MINUTES = 10


def _guarded(name: str, work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except ReteError as error:
            logger.error("job.failed", job=name, code=error.code, reason=str(error))  # noqa: TRY400 - expected, no traceback
        except Exception:
            logger.exception("job.failed", job=name)

    return run


def build(node: Node, session: aiohttp.ClientSession) -> AsyncIOScheduler:
    """Return a scheduler, not yet started, with every periodic job of the node."""
    sync = node.config.sync
    scheduler = AsyncIOScheduler(
        timezone=dt.UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )

    async def pull() -> None:
        await sync_peers(
            node.pool,
            session,
            node.request_signer(),
            clock=node.clock,
            parallel=sync.parallel,
            deadline_s=sync.pull_minutes * 60,
        )

    async def release() -> None:
        await publish.release_due(node.pool, node.config, node.own, node.clock())

    async def sign() -> None:
        await sign_head(node.pool, node.own, node.clock())

    async def tidy() -> None:
        async with node.pool.acquire() as conn:
            await log.purge_nonces(conn, node.clock() - dt.timedelta(seconds=limits.NONCE_KEEP_S))

    def every(name: str, work: Callable[[], Awaitable[object]], minutes: float, **extra: Any) -> None:
        first = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
        scheduler.add_job(_guarded(name, work), "interval", minutes=minutes, id=name, next_run_time=first, **extra)

    # +- 20 %: nodes that start together do not stay in step.
    every("pull", pull, sync.poll_minutes, jitter=int(sync.poll_minutes * 60 * 0.2) or None)
    every("release", release, RELEASE_MINUTES)
    every("sign", sign, TIDY_MINUTES)
    every("tidy", tidy, TIDY_MINUTES)
    return scheduler
