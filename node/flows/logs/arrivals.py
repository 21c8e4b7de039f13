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

    Numbers are given before their writers commit, so a look waits for the writers there are. Who they are, the locks tell:

    - A number is the default of a column of coop.profile and is drawn nowhere else. INSERT and COPY lock the table (ROW
      EXCLUSIVE) when the statement is analysed or its kept plan is taken up; defaults are evaluated afterwards, row by row.
      So whoever drew a number held the lock by then.
    - The lock is given back at the transaction's end, after its rows have become visible; when it is given back earlier (to a
      savepoint) the rows are gone as well. So a writer of before is either on the list or done.
    - The list is made after the number was read, by a statement of its own: who comes later draws a higher number. Locks are
      read where they are kept, not from a snapshot.

    For the same reason a DELETE that is not on the list sees what was committed before the look, as the text index needs.
    Transactions of other databases and of other tables hold no such lock and are not waited for. Between looks the connection
    is given back. Raises: OperatorError(saved-unsettled) when a writer takes longer than SETTLE_S.
    """
    async with acquire(pool) as conn:
        arrival = await store.last_arrival(conn)
        writers = await store.writers(conn)
    writing: list[int] = []
    for _ in range(max(1, round(SETTLE_S / SETTLE_STEP_S)) if writers else 0):
        async with acquire(pool) as conn:
            writing = await store.still_writing(conn, writers)
        if not writing:
            break
        await asyncio.sleep(SETTLE_STEP_S)
    if writing:
        raise OperatorError(
            "saved-unsettled",
            N_(
                "una transazione che scrive le schede è aperta da più di {seconds} secondi (processi di PostgreSQL: {pids})"
            ),
            hint=N_("di solito finisce da sé e si riprova al prossimo giro; altrimenti cercarla in pg_stat_activity"),
            seconds=round(SETTLE_S),
            pids=", ".join(map(str, writing)),
        )
    return arrival
