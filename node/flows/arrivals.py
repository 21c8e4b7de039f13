"""Up to which arrival everything is known: what saved searches and the text index read on from.

In: a pool. Out: a number below which nothing will appear any more.
"""

from __future__ import annotations

import asyncio
from typing import Final

from node.errors import N_, OperatorError
from node.store import arrivals as store
from node.store.postgres import Pool, acquire

SETTLE_S: Final = 20.0
SETTLE_STEP_S: Final = 0.05


async def settled(pool: Pool) -> int:
    """Return an arrival up to which every profile is either visible or never will be.

    Numbers are given before their writers commit. Each writer has a transaction number before it draws an arrival (it holds
    its log's row), so once all transactions older than our look have ended, nothing can appear below what we saw.
    Raises: OperatorError(saved-unsettled) when a writer takes longer than SETTLE_S.
    """
    async with acquire(pool) as conn:
        arrival = await store.last_arrival(conn)
        # Asked in a statement of its own, after the number: a writer that drew one is older than this.
        mark = await store.next_transaction(conn)
        for _ in range(int(SETTLE_S / SETTLE_STEP_S)):
            if await store.is_past(conn, mark):
                return arrival
            await asyncio.sleep(SETTLE_STEP_S)
    raise OperatorError("saved-unsettled", N_("un prelievo è ancora in corso: le novità si cercano al prossimo giro"))
