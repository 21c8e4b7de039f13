"""Follow one log: HEAD, EXTEND, APPLY, BODIES, each crash-safe, from its own node or from a member that mirrors it.

In: an origin's row, the roads to it, the pool. Out: a report; the origin's row moved only over verified entries.
What a crash leaves: before a commit nothing, after it all of that slice; the want-list says which bodies are missing.
Errors are recorded on the origin's row and never touch another origin. Source: PROTOCOL 6.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from node.errors import N_, PeerWrongError, ReteError, RoadWrongError
from node.flows.logs import accuse, epoch, vouch
from node.flows.logs.bodies import BodyFetcher, Growth, Progress
from node.flows.logs.extend import Clock, Extender, Source, Target, head_of
from node.flows.logs.trees import stored_root
from node.flows.trust.agreement_logs import check_end
from node.flows.trust.agreement_terms import is_agreed
from node.peers.client import NOT_MODIFIED, PeerClient
from node.protocol import feed, limits
from node.protocol.inconsistency import Inconsistency
from node.protocol.member import Cosigner, Membership
from node.store import evidence, log, origins
from node.store.origins import Origin
from node.store.postgres import Connection, Pool, acquire

logger = structlog.get_logger()


@dataclass(slots=True)
class PullReport:
    """What one pull did; ``relay`` is the member that served it when the log's own node did not."""

    origin: str
    owner: str
    entries: int = 0
    bodies: int = 0
    size: int = 0
    requests: int = 0
    bytes_in: int = 0
    relay: str | None = None
    error_code: str | None = None
    error: str | None = None
    # A proof found on the way, for the caller to spread.
    contradiction: Inconsistency | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Parts:
    """What every pull of a node shares: who vouches, in whose voice, by which schemas, and the clock."""

    validators: Mapping[str, Any]
    clock: Clock
    # Returns a number in [0, 1) for the back-off's jitter.
    draw: Callable[[], float]
    membership: Membership | None = None
    # Asked at each signature, since it may be another key by then.
    mirror: Callable[[], Cosigner] | None = None
    deadline_s: float = limits.PULL_YIELD_S

    @property
    def voice(self) -> Cosigner | None:
        """Whose word is given for what was pulled, None for nobody's."""
        return None if self.mirror is None else self.mirror()


def ignore_progress(stage: str, done: int, total: int) -> None:
    """Show nothing."""


def own_road(origin: Origin, client: PeerClient) -> Source:
    """Return the road to a log's own node."""
    return Source(client, "/" + origin.origin.partition("/")[2])


def relay_road(origin: Origin, client: PeerClient, member: str) -> Source:
    """Return the road to a member's mirror of a log."""
    return Source(client, f"/federation/mirror/{origin.origin_hash}", member)


async def pull_origin(
    pool: Pool,
    origin: Origin,
    roads: Sequence[Source],
    parts: Parts,
    *,
    offer: Target | None = None,
    progress: Progress = ignore_progress,
) -> PullReport:
    """Bring one log up to date; never raises for a peer's or the road's fault, which the report and the row carry.

    ``roads`` are tried in turn, the log's own node first if it is among them. ``offer`` is a signed head that a member showed:
    with it no checkpoint is asked for.
    """
    pull = _Pull(pool, origin, roads, parts, progress)
    failure: ReteError | None = None
    try:
        async with asyncio.timeout(parts.deadline_s) as time:
            await pull.run(offer)
    except* TimeoutError:
        if not time.expired():
            raise
        # Out of turn, not out of order: what is committed stays, the next round goes on from there.
        failure = RoadWrongError("pull-yielded", N_("tempo finito: si continua al prossimo giro"))
    except* (PeerWrongError, RoadWrongError) as errors:
        failure = _first(errors)
    report = pull.report
    await _conclude(pool, pull, failure or pull.road_error, parts)
    report.requests = sum(road.client.tally.requests for road in roads)
    report.bytes_in = sum(road.client.tally.bytes_in for road in roads)
    logger.info(
        "origin.pulled" if report.error_code is None else "origin.pull_failed",
        owner=origin.owner,
        origin=origin.origin,
        entries=report.entries,
        bodies=report.bodies,
        size=report.size,
        requests=report.requests,
        bytes_in=report.bytes_in,
        relay=report.relay,
        code=report.error_code,
        reason=report.error,
    )
    return report


def _first(errors: BaseExceptionGroup[PeerWrongError | RoadWrongError]) -> ReteError:
    """Return the first single error of a group: one is enough to stop a pull, and to tell why."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, ReteError):
        raise error
    return error


async def _conclude(pool: Pool, pull: _Pull, failure: ReteError | None, parts: Parts) -> None:
    """Write on the origin's row how the walk ended."""
    now, report, origin_id = parts.clock(), pull.report, pull.origin.origin_id
    async with acquire(pool) as conn:
        if failure is None and report.relay is None:
            await origins.record_success(conn, origin_id, now, pull.etag)
            return
        if report.relay is not None:
            await origins.record_relayed(conn, origin_id, now, report.relay)
        if failure is not None:
            report.error_code, report.error = failure.code, str(failure)
            await _note_failure(conn, pull.origin, failure, now, parts.draw())


async def _note_failure(conn: Connection, origin: Origin, error: ReteError, now: dt.datetime, draw: float) -> None:
    # Full jitter between zero and the doubled ceiling: nodes that failed together do not come back together.
    ceiling = min(limits.BACKOFF_MAX_S, limits.BACKOFF_MIN_S * 2 ** min(origin.failures, 20))
    asked = error.facts.get("retry_after_s", 0)
    wait_s = max(1.0, ceiling * draw, min(float(asked) if isinstance(asked, int) else 0, limits.BACKOFF_MAX_S))
    if error.code == "pull-yielded":
        wait_s = 0
    what, where, _ = error.render()
    await origins.record_failure(
        conn,
        origin.origin_id,
        now=now,
        code=error.code,
        text=f"{what} ({where})" if where else what,
        state=None,
        next_pull_at=now + dt.timedelta(seconds=wait_s),
    )


class _Pull:
    """One walk along one log."""

    def __init__(self, pool: Pool, origin: Origin, roads: Sequence[Source], parts: Parts, progress: Progress) -> None:
        self.origin = origin
        self.etag: str | None = None
        # What is wrong with the log's own node, though a relay helped out.
        self.road_error: ReteError | None = None
        self.report = PullReport(origin.origin, origin.owner, size=origin.size)
        self._pool, self._roads, self._parts, self._progress = pool, roads, parts, progress
        self._verifiers = origin.verifiers
        self._ahead: asyncio.Task[ReteError | None] | None = None

    async def run(self, offer: Target | None) -> None:
        """Walk HEAD, EXTEND and BODIES."""
        try:
            await self._run(offer)
        finally:
            if self._ahead is not None:
                self._ahead.cancel()
                await asyncio.gather(self._ahead, return_exceptions=True)

    async def _run(self, offer: Target | None) -> None:
        target = self.read(offer.note, from_origin=False) if offer is not None else await self._ask_heads()
        if target is not None:
            await self._reach(target)
        await self._bodies()
        if self.origin.predecessor_id is not None and not self.origin.is_own:
            await self._succeed()

    def read(self, note: bytes, *, from_origin: bool) -> Target:
        """Return a signed head. Raises: PeerWrongError checkpoint-..."""
        nothing = feed.Head.empty(self.origin.origin)
        found = feed.open_checkpoint(
            note, origin=self.origin.origin, verifiers=self._verifiers, known=nothing, from_origin=from_origin
        )
        check_end(self.origin, found)
        return Target(found, note)

    async def _ask_heads(self) -> Target | None:
        """Return a head that is news, from the first road that has one; None when nothing is new."""
        answered = False
        for road in self._roads:
            try:
                target = await self._ask_head(road)
            except RoadWrongError as error:
                self.road_error = self.road_error or error
                continue
            except PeerWrongError:
                if road.relay is None:
                    raise
                continue
            answered = True
            if target is not None or road.relay is None:
                return target
        if not answered and self.road_error is not None:
            raise self.road_error
        return None

    async def _ask_head(self, road: Source) -> Target | None:
        origin, own = self.origin, road.relay is None
        etag = origin.etag if own and origin.pending is None else None
        reply = await road.client.get(f"{road.prefix}/checkpoint", max_bytes=limits.CHECKPOINT_MAX_BYTES, etag=etag)
        if reply.status == NOT_MODIFIED:
            self.etag = origin.etag
            return None
        target = self.read(reply.body, from_origin=own)
        if own:
            self.etag = reply.etag
        return target if await self._is_news(target, from_origin=own) else None

    async def _is_news(self, target: Target, *, from_origin: bool) -> bool:
        """Tell whether a signed head has entries we lack; what contradicts ours is proved and punished here."""
        known, found = head_of(self.origin), target.checkpoint
        if found.size > known.size:
            return True
        async with acquire(self._pool) as conn:
            root = (
                known.root if found.size == known.size else await stored_root(conn, self.origin.origin_id, found.size)
            )
        if root != found.root:
            await self._contradicted(target)
            raise PeerWrongError("root-mismatch", N_("le voci ricevute non danno la radice firmata"))
        if found.size < known.size:
            if not from_origin or self.origin.pending is not None:
                return False
            raise PeerWrongError(
                "checkpoint-rollback",
                N_("il registro è tornato indietro: {found} voci, qui già {known}"),
                hint=N_("forse il nodo è stato ripristinato da una copia: avvisare chi lo gestisce"),
                found=found.size,
                known=known.size,
            )
        if self.origin.checkpoint_size < found.size:
            # The slices reached this head, which was signed meanwhile: nothing is missing but its note.
            return True
        await vouch.refresh(
            self._pool, self.origin, target, self._parts.membership, self._parts.voice, self._parts.clock()
        )
        return False

    async def _contradicted(self, target: Target) -> None:
        """Look for the proof that the log told two histories; with it, quarantine. Raises: PeerWrongError(log-inconsistent)."""
        claim = await accuse.find(self._pool, self.origin, target, self._roads)
        if claim is None:
            return
        await accuse.quarantine(self._pool, claim, self._parts.clock())
        self.report.contradiction = claim
        raise PeerWrongError(
            evidence.INCONSISTENT, evidence.SAID, hint=N_("il nodo è messo in quarantena; decide l'amministratore")
        )

    async def _reach(self, target: Target) -> None:
        """Bring in the entries up to a signed head, from the first road that has them."""
        failure: ReteError | None = None
        for road in self._roads:
            error = await self._walk(target, road)
            if error is None:
                # That its own node was no help is told, though somebody else was.
                self.road_error = self.road_error or failure
                return
            # The log's own word on what is wrong counts more than a relay's.
            failure = error if failure is None or road.relay is None else failure
            if error.code == "growth-throttled":
                break
        if failure is not None:
            if failure.code == "root-mismatch":
                await self._contradicted(target)
            raise failure

    async def _walk(self, target: Target, road: Source) -> ReteError | None:
        """Try one road; return what stopped it. What it committed before that stays."""
        growth = Growth()
        walk = Extender(
            self._pool,
            self.origin,
            road,
            target,
            self._parts.clock,
            self._progress,
            lambda: self._go_ahead(road, growth),
        )
        error: ReteError | None = None
        try:
            await walk.run()
        except* (PeerWrongError, RoadWrongError) as errors:
            error = _first(errors)
        finally:
            growth.end()
        self.report.entries += walk.entries
        if error is None:
            await self._arrived(target, road, walk)
        elif walk.entries:
            await self._reload()
        return error

    def _go_ahead(self, road: Source, growth: Growth) -> None:
        """Fetch bodies of what is committed while more entries are proved and stored: the one leaves a processor idle."""
        if self._ahead is None:
            # What it can't get is still wanted: it is asked for again after the entries, and what was wrong is told then.
            self._ahead = asyncio.create_task(self._fetch_bodies(road, growth))
        growth.tell()

    async def _arrived(self, target: Target, road: Source, walk: Extender) -> None:
        if not walk.entries and target.checkpoint.size > self.origin.size:
            # Another pull was quicker: its head stands, and what we were told belongs to it.
            self.etag = None
            return
        self.report.size = target.checkpoint.size
        self.report.relay = road.relay
        await vouch.vouch(self._pool, self.origin, self._parts.membership, self._parts.voice, self._parts.clock())

    async def _succeed(self) -> None:
        """Freeze the log that this one continues, once this one is here as a whole."""
        await self._reload()
        if self.origin.checkpoint_size == self.origin.size > 0 and not self.origin.wanting:
            await epoch.retire_predecessor(self._pool, self.origin, self._parts.clock())

    async def _reload(self) -> None:
        async with acquire(self._pool) as conn:
            # A log that was closed meanwhile says nothing new.
            self.origin = await origins.origin_named(conn, self.origin.origin) or self.origin

    async def _bodies(self) -> None:
        """Fetch the bodies still wanted, from each road in turn while any is missing."""
        if self._ahead is not None:
            await self._ahead
        failure: ReteError | None = None
        for road in self._roads:
            error = await self._fetch_bodies(road)
            failure = failure or error
            if isinstance(error, PeerWrongError) and road.relay is None:
                # The log's own node gives something else than it signed: that is to be known, not to be got around.
                raise error
            async with acquire(self._pool) as conn:
                if not await log.count_wanted(conn, self.origin.origin_id):
                    self.road_error = self.road_error or failure
                    return
        if failure is not None:
            raise failure

    async def _fetch_bodies(self, road: Source, growth: Growth | None = None) -> ReteError | None:
        error: ReteError | None = None
        terms = self._parts.membership.terms if self._parts.membership is not None else None
        allowed = None if terms is None else terms.data
        fetcher = BodyFetcher(
            self._pool,
            self.origin,
            road.client,
            road.prefix,
            self._parts.validators,
            self._progress,
            growth,
            lambda body_type: is_agreed(allowed, body_type),
        )
        try:
            await fetcher.run()
        except* (PeerWrongError, RoadWrongError) as errors:
            error = _first(errors)
        finally:
            self.report.bodies += fetcher.stored
        return error
