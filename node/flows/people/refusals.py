"""Refusals that whoever checks the office reads later: who asked, signed in, for what is not theirs or is not there (docs/audit.md).

In: an account, the pattern of an address, the object it named if that is one, why. Out: an event in the chain of decisions, of which the database
keeps few however many there are. Rules: what was typed is never kept, only identifiers of our own form; a refusal stands whether it
can be told or not.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from node.errors import OperatorError
from node.store import accounts
from node.store.postgres import Pool, transaction

logger = structlog.get_logger()
WAIT_S: Final = 3.0


async def note(pool: Pool, account_id: str, route: str, thing: str | None, why: str) -> None:
    """Tell the chain of a refusal; where that can't be done the program's log says so, by its code."""
    try:
        async with asyncio.timeout(WAIT_S), transaction(pool) as conn:
            await accounts.access_refused(conn, account_id, route, thing, why)
    except (*accounts.UNTOLD, OperatorError, OSError, TimeoutError) as error:
        logger.error("access.refusal_untold", route=route, code=why, error=type(error).__name__)  # noqa: TRY400 - the refusal itself is answered
