"""Standing for the lead, holding it, losing it: what a process does that runs the node's jobs when nobody else does.

In: a DSN, a name for people, what to do while leading. Out: never returns; the work runs while this process leads and is ended when it does
not. Rules: no work before the number is taken; no lead is given back before the work has ended; a sign of life that fails ends
the work at once, whatever has become of the lead. What the work still writes after that is refused (``store/leader``). docs/processes.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from node.errors import ReteError
from node.store import leader
from node.store.leader import GONE
from node.store.postgres import Connection

logger = structlog.get_logger()
# How often is looked whether the lead is free; a leader that goes in good order says so.
TRY_S: Final = 1.0
# Who has seen a leader at work this lately, on a session that still lasts, takes over the very database that it left.
CALM_S: Final = 60.0
END_S: Final = 5.0
# After work that could not begin, or broke: another process may fare better.
REST_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Term:
    """One time at the lead; ``is_calm``: another process was seen leading a moment ago, so nobody has put an old database in its place."""

    epoch: int
    is_calm: bool


Work = Callable[[Term], Awaitable[None]]


@dataclass(slots=True)
class Campaign:
    """What stands for the lead: ``decided`` is set once it is known whether somebody else has it; ``term`` is None while others lead."""

    dsn: str
    holder: str
    work: Work = field(repr=False)
    decided: asyncio.Event = field(default_factory=asyncio.Event)
    term: Term | None = None
    _said: str = ""

    async def run(self) -> None:
        """Stand for the lead for ever, whatever becomes of the database; to stop, cancel: the lead is given back.

        Raises: what the very first work raised before ``decided``: whoever starts the process must see it.
        """
        while True:
            freed = asyncio.Event()
            try:
                conn = await leader.connect(self.dsn, freed.set)
            except GONE as error:
                self._say("lead.no_database", reason=type(error).__name__)
                await asyncio.sleep(TRY_S)
                continue
            try:
                await self._stand(conn, freed)
            except GONE as error:
                self._say("lead.session_lost", reason=type(error).__name__)
            finally:
                await leader.close(conn)
            await asyncio.sleep(TRY_S)

    def _say(self, event: str, **facts: object) -> None:
        """Say each change once, not every second."""
        if event != self._said:
            self._said = event
            logger.warning(event, **facts)

    async def _stand(self, conn: Connection, freed: asyncio.Event) -> None:
        """Wait for the lead and hold it; return when it was lost. Raises: one of GONE."""
        seen_at = None
        while True:
            freed.clear()
            epoch = await leader.try_take(conn, self.holder)
            if epoch is not None:
                is_calm = seen_at is not None and time.monotonic() - seen_at < CALM_S
                await self._hold(conn, Term(epoch, is_calm))
                return
            found = await leader.standing(conn)
            if found.leads:
                seen_at = time.monotonic()
            if self._said != "lead.standby":
                self._said = "lead.standby"
                logger.info("lead.standby", epoch=found.epoch, holder=found.holder)
            self.decided.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TRY_S):
                    await freed.wait()

    async def _hold(self, conn: Connection, term: Term) -> None:
        self._said, self.term = "lead.taken", term
        logger.info("lead.taken", epoch=term.epoch, holder=self.holder, calm=term.is_calm)
        work = asyncio.ensure_future(self.work(term))
        is_ours = True
        try:
            while not work.done() and is_ours:
                is_ours = await leader.beat(conn, term.epoch)
                await asyncio.wait([work], timeout=leader.BEAT_S)
        except GONE:
            is_ours = False
            raise
        finally:
            self.term = None
            failed = await _ended(work)
            if is_ours:
                with contextlib.suppress(*GONE):
                    await leader.leave(conn, term.epoch)
                logger.info("lead.given_back", epoch=term.epoch)
            else:
                logger.warning("lead.lost", epoch=term.epoch)
        if failed is not None:
            if not self.decided.is_set():
                raise failed
            reason = str(failed) if isinstance(failed, ReteError) else type(failed).__name__
            logger.error("lead.failed", epoch=term.epoch, reason=reason, exc_info=failed)
            await asyncio.sleep(REST_S)


async def _ended(work: asyncio.Future[None]) -> BaseException | None:
    """End the work and wait for it; return what went wrong in it."""
    work.cancel()
    await asyncio.wait([work], timeout=END_S)
    return None if not work.done() or work.cancelled() else work.exception()
