"""Follow one peer's log: HEAD, EXTEND, APPLY, BODIES, each crash-safe.

In: an origin's row, a client for its node, the pool. Out: a report; the origin's row moved only over verified entries.
What a crash leaves: before a commit nothing, after it all of that slice; the want-list says which bodies are missing.
Errors are recorded on the origin's row and never touch another origin. Source: PROTOCOL 6.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from node.errors import N_, PeerWrongError, ReteError, RoadWrongError
from node.flows.bodies import BodyFetcher, Progress
from node.flows.ingest import ingest_entries
from node.peers.client import NOT_MODIFIED, PeerClient
from node.protocol import feed, keys, limits, tiles
from node.protocol.checkpoint import Checkpoint
from node.store import log
from node.store.log import Origin
from node.store.postgres import Connection, Pool, run_tx

logger = structlog.get_logger()
Clock = Callable[[], dt.datetime]
QUARANTINED = "quarantined"
ETAG_MAX_CHARS = 128


@dataclass(slots=True)
class PullReport:
    """What one pull did."""

    origin: str
    owner: str
    entries: int = 0
    bodies: int = 0
    size: int = 0
    requests: int = 0
    bytes_in: int = 0
    error_code: str | None = None
    error: str | None = None


def ignore_progress(stage: str, done: int, total: int) -> None:
    """Show nothing."""


async def pull_origin(
    pool: Pool,
    origin: Origin,
    client: PeerClient,
    *,
    validators: Mapping[str, Any],
    clock: Clock,
    draw: Callable[[], float],
    progress: Progress = ignore_progress,
    deadline_s: float = limits.PULL_YIELD_S,
) -> PullReport:
    """Bring one origin up to date; never raises for a peer's or the road's fault, which the report and the row carry.

    ``draw`` returns a number in [0, 1) for the back-off's jitter.
    """
    pull = _Pull(pool, origin, client, validators, clock, progress)
    report = pull.report
    failure: ReteError | None = None
    try:
        async with asyncio.timeout(deadline_s):
            etag = await pull.run()
        async with pool.acquire() as conn:
            await log.record_success(conn, origin.origin_id, clock(), etag)
    except* TimeoutError:
        # Out of turn, not out of order: what is committed stays, the next round goes on from there.
        failure = RoadWrongError("pull-yielded", N_("tempo finito: si continua al prossimo giro"))
    except* (PeerWrongError, RoadWrongError) as errors:
        failure = _first(errors)
    if failure is not None:
        report.error_code, report.error = failure.code, str(failure)
        await _note_failure(pool, origin, failure, clock(), draw())
    report.requests, report.bytes_in = client.tally.requests, client.tally.bytes_in
    logger.info(
        "origin.pulled" if failure is None else "origin.pull_failed",
        owner=origin.owner,
        origin=origin.origin,
        entries=report.entries,
        bodies=report.bodies,
        size=report.size,
        requests=report.requests,
        bytes_in=report.bytes_in,
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


async def _note_failure(pool: Pool, origin: Origin, error: ReteError, now: dt.datetime, draw: float) -> None:
    # Full jitter between zero and the doubled ceiling: nodes that failed together do not come back together.
    ceiling = min(limits.BACKOFF_MAX_S, limits.BACKOFF_MIN_S * 2 ** min(origin.failures, 20))
    wait = dt.timedelta(seconds=max(1.0, ceiling * draw))
    what, where, _ = error.render()
    async with pool.acquire() as conn:
        await log.record_failure(
            conn,
            origin.origin_id,
            now=now,
            code=error.code,
            text=f"{what} ({where})" if where else what,
            state=QUARANTINED if error.code == "checkpoint-equivocation" else None,
            next_pull_at=now + wait,
        )


class _Pull:
    """One walk along one origin."""

    def __init__(
        self,
        pool: Pool,
        origin: Origin,
        client: PeerClient,
        validators: Mapping[str, Any],
        clock: Clock,
        progress: Progress,
    ) -> None:
        self._pool, self._origin, self._client = pool, origin, client
        self._validators, self._clock, self._progress = validators, clock, progress
        self._prefix = "/" + origin.origin.split("/", 1)[1]
        self.report = PullReport(origin.origin, origin.owner, size=origin.size)

    async def run(self) -> str | None:
        """Walk HEAD, EXTEND and BODIES; return the checkpoint's ETag for the next time."""
        etag = await self._head()
        fetcher = BodyFetcher(self._pool, self._origin, self._client, self._prefix, self._validators, self._progress)
        try:
            await fetcher.run()
        finally:
            self.report.bodies = fetcher.stored
        return etag

    async def _head(self) -> str | None:
        origin = self._origin
        reply = await self._client.get(
            f"{self._prefix}/checkpoint", max_bytes=limits.CHECKPOINT_MAX_BYTES, etag=origin.etag
        )
        if reply.status == NOT_MODIFIED:
            return origin.etag
        known = feed.Head(origin.origin, origin.size, origin.root, origin.range_hashes)
        verifier = keys.parse_vkey(origin.vkey)
        target = feed.open_checkpoint(reply.body, origin=origin.origin, verifiers=[verifier], known=known)
        if target.size > known.size:
            await self._extend(known, target, reply.body)
        return reply.etag if reply.etag and len(reply.etag) <= ETAG_MAX_CHARS else None

    async def _extend(self, known: feed.Head, target: Checkpoint, checkpoint: bytes) -> None:
        """Fetch all new entries up to ``target``; prove the root over them; only then commit them, in one transaction."""
        if target.size - known.size > limits.GROWTH_MAX_ENTRIES:
            raise PeerWrongError(
                "growth-too-large",
                N_("il registro dice di essere cresciuto di {entries} voci in una volta"),
                hint=N_("chiedere a chi gestisce il nodo se è vero"),
                entries=target.size - known.size,
            )
        first = known.size // tiles.TILE_WIDTH
        numbers = iter(range(first, (target.size - 1) // tiles.TILE_WIDTH + 1))
        found: dict[int, bytes] = {}
        # Workers share one iterator: as many requests as the host is asked at once, whatever the size it claims.
        async with asyncio.TaskGroup() as group:
            for _ in range(limits.CONNECTIONS_PER_HOST):
                group.create_task(self._bundles(numbers, found, known, target))
        bundles = [found[number] for number in sorted(found)]
        # Hashing and decoding a slice takes more than a breath: off the loop, so that a server goes on answering.
        extension = await asyncio.to_thread(feed.extend, known, target, bundles, first)
        now = self._clock()

        async def commit(conn: Connection) -> int:
            size, _, _, _ = await log.lock_head(conn, self._origin.origin_id)
            if size != known.size:
                # Another pull of the same origin was quicker; its work stands and ours is dropped.
                return 0
            await ingest_entries(conn, self._origin.origin_id, extension, checkpoint=checkpoint, now=now)
            return len(extension.entries)

        self.report.entries = await run_tx(self._pool, commit)
        self.report.size = target.size

    async def _bundles(
        self, numbers: Iterator[int], found: dict[int, bytes], known: feed.Head, target: Checkpoint
    ) -> None:
        for number in numbers:
            width = tiles.level_width(target.size, 0, number)
            path = f"{self._prefix}/tile/entries/{tiles.encode_index(number, width)}"
            found[number] = (await self._client.get(path, max_bytes=limits.BUNDLE_MAX_BYTES)).body
            seen = number * tiles.TILE_WIDTH + width - known.size
            self._progress("entries", seen, target.size - known.size)
