"""Follow the other logs: which are due, by which roads, several at once, one failure never another's.

In: a Node's parts. Out: one report per log. Safe to run twice and beside another process.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import Callable, Mapping, Sequence

import aiohttp
import structlog

from node import trace
from node.errors import N_, ReteError, RoadWrongError
from node.flows.logs import accuse
from node.flows.logs.bodies import Progress
from node.flows.logs.extend import UNFOLLOWED, Source, Target
from node.flows.logs.pull import Parts, PullReport, ignore_progress, own_road, pull_origin, relay_road
from node.peers.client import PeerClient, RequestSigner
from node.protocol.member import Membership
from node.store import origins
from node.store.origins import Origin
from node.store.postgres import Pool, acquire

logger = structlog.get_logger()
_random = secrets.SystemRandom()
# Roads beside a log's own node: so many members are asked for their mirror when it does not answer.
RELAYS = 2


def is_due(origin: Origin, now: dt.datetime) -> bool:
    """Tell whether a log should be pulled without anyone's news: never pulled, cut short, hinted at, or after its back-off."""
    if origin.is_own or origin.url is None or origin.state in UNFOLLOWED:
        return False
    if origin.next_pull_at is not None:
        return origin.next_pull_at <= now
    return origin.state == "new" or origin.pending is not None or origin.wanting


class Syncer:
    """Pulls logs for one node: what all pulls share, built once."""

    def __init__(
        self,
        pool: Pool,
        session: aiohttp.ClientSession,
        signer: RequestSigner,
        parts: Parts,
        parallel: int,
        progress: Callable[[str], Progress] | None = None,
        counted: Callable[[str, str], None] | None = None,
    ) -> None:
        """``parallel`` bounds how many logs are pulled at once; ``counted`` is told whose log was pulled and the code of what went wrong."""
        self.pool, self.session, self.parts = pool, session, parts
        self._signer, self._progress, self._counted = signer, progress, counted
        # A pull at work needs two connections: never more pulls than the pool can feed.
        self._gate = asyncio.Semaphore(max(1, min(parallel, pool.get_max_size() // 2)))

    @property
    def membership(self) -> Membership | None:
        """Whom this node knows."""
        return self.parts.membership

    def client(self, url: str) -> PeerClient:
        """Return a client that signs as this node."""
        return PeerClient(self.session, url, self._signer)

    async def pull_all(self, rows: Sequence[Origin], offers: Mapping[str, tuple[str, Target]]) -> list[PullReport]:
        """Pull these logs, by id of the member that offered a newer head where one did; spread what proves a lie."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._guarded(origin, offers.get(origin.origin))) for origin in rows]
        reports = [task.result() for task in tasks]
        for report in reports:
            if self._counted is not None:
                self._counted(report.owner, report.error_code or "")
            if report.contradiction is not None and self.membership is not None:
                await accuse.spread(self.session, self.membership, report.contradiction)
        return reports

    async def _guarded(self, origin: Origin, offer: tuple[str, Target] | None) -> PullReport:
        """Pull one log; whatever goes wrong in it, the others' pulls go on."""
        with trace.span("pull") as span:
            report = await self._at_its_turn(origin, offer)
            span.tell({"rete.peer": report.owner, "rete.entries": report.entries, "rete.bodies": report.bodies})
            if report.error_code:
                span.fail(report.error_code)
            return report

    async def _at_its_turn(self, origin: Origin, offer: tuple[str, Target] | None) -> PullReport:
        async with self._gate:
            try:
                shown = self._progress(origin.name) if self._progress else ignore_progress
                roads = self._roads(origin, None if offer is None else offer[0])
                return await pull_origin(
                    self.pool, origin, roads, self.parts, offer=None if offer is None else offer[1], progress=shown
                )
            except ReteError as error:
                failure = error
            except Exception:
                logger.exception("origin.pull_broke", origin=origin.origin)
                failure = RoadWrongError(
                    "pull-broke", N_("prelievo interrotto da un errore interno: vedere il registro")
                )
            return PullReport(
                origin.origin, origin.owner, size=origin.size, error_code=failure.code, error=str(failure)
            )

    def _roads(self, origin: Origin, offered_by: str | None) -> list[Source]:
        """Return the roads to a log, its own node first unless it is known to be down and somebody else offers the news."""
        own = [own_road(origin, self.client(str(origin.url)))] if origin.url else []
        if self.membership is None:
            return own
        others = [m for m in self.membership.peers if m.id != origin.owner and m.mirror]
        chosen = [m for m in others if m.id == offered_by]
        rest = [m for m in others if m.id != offered_by]
        chosen += _random.sample(rest, min(RELAYS, len(rest)))
        relays = [relay_road(origin, self.client(str(m.url)), m.id) for m in chosen]
        resting = origin.next_pull_at is not None and origin.next_pull_at > self.parts.clock()
        return [*relays, *own] if offered_by is not None and resting else [*own, *relays]


async def sync_peers(syncer: Syncer, *, owner: str | None = None, force: bool = False) -> list[PullReport]:
    """Pull all logs that are due (``force``: all that are not set aside), or those of one owner."""
    async with acquire(syncer.pool) as conn:
        rows = await origins.list_origins(conn, owner)
    now = syncer.parts.clock()
    chosen = [o for o in rows if is_due(o, now) or (force and not o.is_own and o.state not in UNFOLLOWED)]
    return await syncer.pull_all(chosen, {})
