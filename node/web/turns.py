"""So many questions at once and no more: whoever asks the public routes never takes the database away from the rest of the node.

In: how many at once, how many may wait. Out: a turn, or a refusal at once when there are too many already.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from node.errors import N_, OperatorError

WAIT_S: Final = 5.0


class Turns:
    """Turns at the database for public questions of one process."""

    def __init__(self, at_once: int, waiting: int) -> None:
        """Allow ``at_once`` questions, and ``waiting`` more to wait for theirs."""
        self._free = asyncio.Semaphore(at_once)
        self._waiting, self._may_wait = 0, waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and keep it for a while. Raises: OperatorError(search-busy)."""
        if self._free.locked() and self._waiting >= self._may_wait:
            raise _busy()
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await self._free.acquire()
        except TimeoutError as error:
            raise _busy() from error
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()


def _busy() -> OperatorError:
    return OperatorError(
        "search-busy",
        N_("ci sono troppe ricerche insieme"),
        hint=N_("aggiungere parole o filtri, o riprovare tra poco"),
    )
