"""Living by what another process of this node has applied: a process that runs no jobs sees the agreement change within seconds.

In: a pool, the place, a sign that something was applied. Out: the place's roll as the database has it. A sign is a hint only: what was said
while nobody heard is found a few seconds later.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import structlog

from node.errors import ReteError
from node.flows.trust import agreement
from node.flows.trust.agreement import Place
from node.store.postgres import DATABASE_AWAY, Pool

logger = structlog.get_logger()
EVERY_S: Final = 5.0


async def follow(pool: Pool, place: Place, told: asyncio.Event, is_due: Callable[[], bool]) -> None:
    """Look for ever at what is in force, at once when ``told``; not while ``is_due`` says no: then the jobs of this process do."""
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EVERY_S):
                await told.wait()
        told.clear()
        if not is_due():
            continue
        try:
            if await agreement.reload(pool, place):
                logger.info("agreement.followed", version=place.in_force.agreement.version)
        except ReteError as error:
            logger.warning("agreement.not_followed", code=error.code)
        except (OSError, TimeoutError, *DATABASE_AWAY) as error:
            logger.warning("agreement.not_followed", code=type(error).__name__)
