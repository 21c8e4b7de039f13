"""Follow one peer's log: HEAD, EXTEND, APPLY, BODIES, each crash-safe.

In: an origin's row, a client for its node, the pool. Out: a report; the origin's row moved only over verified entries.
What a crash leaves: before a commit nothing, after it all of that slice; the want-list says which bodies are missing.
Errors are recorded on the origin's row and never touch another origin. Source: PROTOCOL 6.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from node.errors import N_, PeerWrongError, ReteError, RoadWrongError
from node.flows.ingest import ingest_bodies, ingest_entries, open_bodies
from node.peers.client import NOT_MODIFIED, PeerClient
from node.protocol import body, entry, feed, keys, limits, tiles
from node.protocol.checkpoint import Checkpoint
from node.store import log
from node.store.log import Origin
from node.store.postgres import Connection, Pool, run_tx

logger = structlog.get_logger()
Clock = Callable[[], dt.datetime]
Progress = Callable[[str, int, int], None]

# Entries verified and committed together: large enough that the transaction's cost vanishes, small enough for memory.
SLICE_ENTRIES = 64 * tiles.TILE_WIDTH
BODY_BATCHES_IN_FLIGHT = 2
# Batches of bodies committed together; the fetching of the next ones goes on meanwhile.
QUARANTINE = "quarantined"


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
    changed: bool = False
    error_code: str | None = None
    error: str | None = None
    problems: dict[str, int] = field(default_factory=dict)


def _ignore_progress(stage: str, done: int, total: int) -> None:
    """Show nothing."""


async def pull_origin(
    pool: Pool,
    origin: Origin,
    client: PeerClient,
    *,
    validators: Mapping[str, Any],
    clock: Clock,
    draw: Callable[[], float],
    progress: Progress = _ignore_progress,
    deadline_s: float = limits.PULL_YIELD_S,
) -> PullReport:
    """Bring one origin up to date; never raises for a peer's or the road's fault, which the report and the row carry.

    ``draw`` returns a number in [0, 1) for the back-off's jitter.
    """
    report = PullReport(origin.origin, origin.owner, size=origin.size)
    try:
        async with asyncio.timeout(deadline_s):
            etag = await _pull(pool, origin, client, validators, clock, progress, report)
        async with pool.acquire() as conn:
            await log.record_success(conn, origin.origin_id, clock(), etag)
    except TimeoutError:
        # Out of turn, not out of order: what is committed stays, the next round goes on from there.
        report.error_code, report.error = "pull-yielded", str(N_("tempo finito: si continua al prossimo giro"))
        await _note_failure(
            pool,
            origin,
            RoadWrongError("pull-yielded", N_("tempo finito: si continua al prossimo giro")),
            clock(),
            draw(),
        )
    except (PeerWrongError, RoadWrongError) as error:
        report.error_code, report.error = error.code, str(error)
        await _note_failure(pool, origin, error, clock(), draw())
    report.requests, report.bytes_in = client.tally.requests, client.tally.bytes_in
    logger.info(
        "origin.pulled" if report.error_code is None else "origin.pull_failed",
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
            state=QUARANTINE if error.code == "checkpoint-equivocation" else None,
            next_pull_at=now + wait,
        )


async def _pull(
    pool: Pool,
    origin: Origin,
    client: PeerClient,
    validators: Mapping[str, Any],
    clock: Clock,
    progress: Progress,
    report: PullReport,
) -> str | None:
    prefix = "/" + origin.origin.split("/", 1)[1]
    reply = await client.get(f"{prefix}/checkpoint", max_bytes=limits.CHECKPOINT_MAX_BYTES, etag=origin.etag)
    if reply.status == NOT_MODIFIED:
        etag = origin.etag
    else:
        etag = reply.etag if reply.etag and len(reply.etag) <= 128 else None
        known = feed.Head(origin.origin, origin.size, origin.root, origin.range_hashes)
        verifier = keys.parse_vkey(origin.vkey)
        target = feed.open_checkpoint(reply.body, origin=origin.origin, verifiers=[verifier], known=known)
        if target.size > known.size:
            await _extend(pool, origin, known, target, reply.body, client, prefix, clock, progress, report)
    await _fetch_bodies(pool, origin, client, prefix, validators, progress, report)
    return etag


async def _extend(
    pool: Pool,
    origin: Origin,
    known: feed.Head,
    target: Checkpoint,
    checkpoint: bytes,
    client: PeerClient,
    prefix: str,
    clock: Clock,
    progress: Progress,
    report: PullReport,
) -> None:
    """Fetch and check all new entries up to ``target``, then commit them in one transaction (PROTOCOL 6.2).

    Nothing is written before the root is proven. More than MAX_EXTEND entries come later as pending heads.
    """
    bundles: list[bytes] = []
    first = known.size // tiles.TILE_WIDTH
    last = (target.size - 1) // tiles.TILE_WIDTH
    gate = asyncio.Semaphore(limits.CONNECTIONS_PER_HOST)

    async def fetch(number: int) -> bytes:
        async with gate:
            width = min(tiles.TILE_WIDTH, target.size - number * tiles.TILE_WIDTH)
            path = f"{prefix}/tile/entries/{tiles.encode_index(number, width)}"
            got = await client.get(path, max_bytes=limits.BUNDLE_MAX_BYTES)
            progress(
                "entries", min(target.size, (number + 1) * tiles.TILE_WIDTH) - known.size, target.size - known.size
            )
            return got.body

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(number)) for number in range(first, last + 1)]
    bundles = [task.result() for task in tasks]
    # Hashing and decoding a slice takes more than a breath: off the loop, so that the server goes on answering.
    extension = await asyncio.to_thread(feed.extend, known, target, bundles, first)
    now = clock()

    async def commit(conn: Connection) -> int:
        size, _, _, _ = await log.lock_head(conn, origin.origin_id)
        if size != known.size:
            # Another pull of the same origin was quicker; its work stands and ours is dropped.
            return 0
        await ingest_entries(conn, origin.origin_id, extension, checkpoint=checkpoint, now=now)
        return len(extension.entries)

    added = await run_tx(pool, commit)
    report.entries += added
    report.size = max(report.size, target.size)
    report.changed = report.changed or added > 0


async def _fetch_bodies(
    pool: Pool,
    origin: Origin,
    client: PeerClient,
    prefix: str,
    validators: Mapping[str, Any],
    progress: Progress,
    report: PullReport,
) -> None:
    """Empty the want-list in batches; fetching the next batch overlaps with storing this one."""
    async with pool.acquire() as conn:
        total = await log.count_wanted(conn, origin.origin_id)
    if not total:
        return
    queue: asyncio.Queue[tuple[dict[int, entry.Entry], body.BodiesReply] | None] = asyncio.Queue(BODY_BATCHES_IN_FLIGHT)

    async def read() -> None:
        after = -1
        while True:
            async with pool.acquire() as conn:
                wanted = await log.list_wanted(conn, origin.origin_id, after, limits.BODIES_PER_REQUEST)
            if not wanted:
                await queue.put(None)
                return
            after = await _ask(wanted, after)

    async def _ask(wanted: list[tuple[int, bytes]], after: int) -> int:
        asked = [index for index, _ in wanted]
        reply = await client.post_signed(
            f"{prefix}/bodies", body.encode_request(asked), max_bytes=limits.BODIES_REPLY_MAX_BYTES
        )
        answers = body.decode_reply(asked, reply.body)
        if not answers:
            raise PeerWrongError("bodies-reply-empty", N_("il nodo non risponde su nessuno dei profili chiesti"))
        entries = {index: entry.decode(raw) for index, raw in wanted[: len(answers)]}
        await queue.put((entries, answers))
        # The peer may stop early (a full reply): what it left out is asked again from there.
        return max(after, asked[len(answers) - 1])

    async def write() -> None:
        done = 0
        while (item := await queue.get()) is not None:
            entries, answers = item
            done += await _store(entries, answers)
            progress("bodies", min(done, total), total)

    async def _store(entries: dict[int, entry.Entry], answers: body.BodiesReply) -> int:
        present = [(a.index, a.salt, a.body) for a in answers if a.status == body.PRESENT]
        missing = [(a.index, "body-not-served") for a in answers if a.status in (body.NOT_HELD, body.NO_SUCH_INDEX)]
        kept, problems = await asyncio.to_thread(open_bodies, entries, present, validators)

        async def commit(conn: Connection) -> int:
            # The row lock orders this against an extension that may just be erasing one of these bodies.
            await log.lock_head(conn, origin.origin_id)
            stored = await ingest_bodies(conn, origin.origin_id, origin.owner, kept, problems)
            await log.insert_problems(conn, origin.origin_id, missing)
            return stored

        stored = await run_tx(pool, commit)
        report.bodies += stored
        report.changed = report.changed or stored > 0
        return len(answers)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            group.create_task(write())
    except* (PeerWrongError, RoadWrongError) as errors:
        raise _first(errors) from errors


def _first(errors: BaseExceptionGroup[ReteError]) -> ReteError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ReteError):
        return error
    raise error
