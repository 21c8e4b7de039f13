"""EXTEND: bring the entries between a verified head and a signed checkpoint into the tables.

In: an origin's row, a signed target, one source of bundles and tiles. Out: how many entries were committed. Up to 65,536 new
entries are proved by the root over all of them and committed at once. For more, the target's upper tiles are proved first, the
target is kept as *pending*, and bundles are checked and committed slice by slice: memory is bounded, and a pull that is cut
goes on where it was. Nothing is committed that the target's root does not cover. Source: PROTOCOL 6.2, 6.3.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from node.errors import N_, RoadWrongError
from node.flows.logs.ingest import ingest_entries
from node.flows.logs.trees import fetch_tile
from node.peers.client import PARTIAL_CONTENT, PeerClient
from node.protocol import feed, limits, tiles
from node.protocol.checkpoint import Checkpoint
from node.protocol.edge import Edge, right_edge
from node.store import log, origins
from node.store.origins import Origin
from node.store.postgres import Connection, Pool, acquire, run_tx

Clock = Callable[[], dt.datetime]
Progress = Callable[[str, int, int], None]
# One commit per so many bundles of a far head: 16,384 entries, a few megabytes.
SLICE_BUNDLES = 64
# States in which nobody pulls a log.
UNFOLLOWED = ("quarantined", "suspended", "closed", "frozen")


@dataclass(frozen=True, slots=True)
class Source:
    """One road to a log: the log's own node, or a member (``relay``) that mirrors it."""

    client: PeerClient
    prefix: str
    relay: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A signed checkpoint to reach, and its note as received."""

    checkpoint: Checkpoint
    note: bytes


def _slice_end(start: int) -> int:
    return (start // tiles.TILE_WIDTH + SLICE_BUNDLES) * tiles.TILE_WIDTH


def head_of(origin: Origin) -> feed.Head:
    """Return how far a log is applied here."""
    return feed.Head(origin.origin, origin.size, origin.root, origin.range_hashes)


class Extender:
    """One walk from a head to a target along one source."""

    def __init__(
        self,
        pool: Pool,
        origin: Origin,
        source: Source,
        target: Target,
        clock: Clock,
        progress: Progress,
        stored: Callable[[], None],
    ) -> None:
        """Begin at the origin's row as it was read; ``stored`` is called after each slice of several."""
        self._pool, self._origin, self._source, self._target = pool, origin, source, target
        self._clock, self._progress, self._stored = clock, progress, stored
        self._began = origin.size
        self.head = head_of(origin)
        self.entries = 0

    async def run(self) -> int:
        """Bring in what is new; return how many entries were committed, 0 when another pull was quicker.

        Raises: PeerWrongError(root-mismatch | bundle-malformed | tile-malformed), RoadWrongError; what was committed stays.
        """
        goal, allowed = self._target.checkpoint, self._allowance()
        if goal.size - self.head.size <= min(limits.EXTEND_MAX_ENTRIES, allowed):
            await self._whole()
        else:
            await self._sliced(min(goal.size, self.head.size + allowed))
        return self.entries

    def _allowance(self) -> int:
        """Return how many entries may still come today: a log met for the first time brings its whole past."""
        if self._origin.checkpoint_size == 0:
            return max(0, limits.FIRST_PULL_MAX_ENTRIES - self._origin.size)
        today = self._clock().astimezone(dt.UTC).date()
        grown = self._origin.grown if self._origin.grown_on == today else 0
        return max(0, limits.ENTRIES_PER_DAY_MAX - grown)

    async def _whole(self) -> None:
        known, goal = self.head, self._target.checkpoint
        raws = await self._fetch(known.size, goal.size)
        # Hashing and decoding a slice takes more than a breath: off the loop, so that a server goes on answering.
        extension = await asyncio.to_thread(feed.extend_entries, known, goal, raws)
        await self._commit(extension, self._target.note)

    async def _sliced(self, until: int) -> None:
        goal = self._target.checkpoint
        edge = Edge(goal, {level: await self._tile(level, number) for level, number, _ in right_edge(goal.size)})
        async with acquire(self._pool) as conn:
            await origins.set_pending(conn, self._origin.origin_id, self._target.note)
        start, coming = self.head.size, asyncio.create_task(self._slice(edge, self.head.size))
        try:
            while start < until:
                raws, start = await coming, min(_slice_end(start), goal.size)
                if start < until:
                    # While one slice is proved and stored, the next is on its way; what is wrong with it is heard later.
                    coming = asyncio.create_task(self._slice(edge, start))
                if not await self._store(edge, raws):
                    return
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        if self.head.size < goal.size:
            raise RoadWrongError(
                "growth-throttled",
                N_("il registro cresce troppo in fretta: oggi {entries} voci, le altre domani"),
                hint=N_("chiedere a chi gestisce il nodo se è vero"),
                entries=self.head.size - self._began,
            )

    async def _slice(self, edge: Edge, start: int) -> list[bytes]:
        """Return the entries of the slice that begins at ``start``; the hashes of its bundles are certain then."""
        end = min(_slice_end(start), self._target.checkpoint.size)
        await self._authenticate(edge, start // tiles.TILE_WIDTH, end)
        return await self._fetch(start, end)

    async def _store(self, edge: Edge, raws: list[bytes]) -> bool:
        """Prove a slice and commit it; False when the head is no longer where this walk left it."""
        goal = self._target.checkpoint
        extension = await asyncio.to_thread(feed.extend_slice, self.head, goal, raws, edge.hash_of)
        ended = extension.head.size == goal.size
        if not await self._commit(extension, self._target.note if ended else None):
            return False
        self.head = extension.head
        self._stored()
        return True

    async def _authenticate(self, edge: Edge, first: int, end: int) -> None:
        """Make the hashes of the full bundles in this slice certain, from the top down."""
        last = end // tiles.TILE_WIDTH - 1
        for number in range(first // tiles.TILE_WIDTH, last // tiles.TILE_WIDTH + 1) if last >= first else ():
            for level, wanted in edge.needed(1, number):
                edge.add(level, wanted, await self._tile(level, wanted))
        # The slice before this one may still be under proof.
        for level in range(1, limits.TILE_LEVEL_MAX + 1):
            edge.forget(level, (first - SLICE_BUNDLES) >> (8 * level))

    async def _tile(self, level: int, number: int) -> list[bytes]:
        size = self._target.checkpoint.size
        return await fetch_tile(self._source.client, self._source.prefix, size, level, number)

    async def _fetch(self, start: int, end: int) -> list[bytes]:
        """Return the raw entries [start, end) of the target's tree, in bundles, several requests at once."""
        if start == end:
            return []
        first = start // tiles.TILE_WIDTH
        numbers = iter(range(first, (end - 1) // tiles.TILE_WIDTH + 1))
        found: dict[int, list[bytes]] = {}
        # Workers share one iterator: as many requests as the host is asked at once, whatever the size it claims.
        async with asyncio.TaskGroup() as group:
            for _ in range(limits.CONNECTIONS_PER_HOST):
                group.create_task(self._bundles(numbers, found, start))
        return [raw for number in sorted(found) for raw in found[number]]

    async def _bundles(self, numbers: Iterator[int], found: dict[int, list[bytes]], start: int) -> None:
        goal = self._target.checkpoint.size
        for number in numbers:
            width = tiles.level_width(goal, 0, number)
            known = max(0, start - number * tiles.TILE_WIDTH)
            path = f"{self._source.prefix}/tile/entries/{tiles.encode_index(number, width)}"
            skip = await self._bytes_known(number, known)
            reply = await self._source.client.get(path, max_bytes=limits.BUNDLE_MAX_BYTES, skip_bytes=skip)
            if reply.status == PARTIAL_CONTENT:
                found[number] = tiles.decode_bundle(reply.body, width - known)
            else:
                found[number] = tiles.decode_bundle(reply.body, width)[known:]
            self._progress("entries", number * tiles.TILE_WIDTH + width - self._began, goal - self._began)

    async def _bytes_known(self, number: int, known: int) -> int:
        """Return how many bytes of a bundle are here already: one new entry should not cost the whole bundle again."""
        if not known:
            return 0
        start = number * tiles.TILE_WIDTH
        async with acquire(self._pool) as conn:
            return await log.bundle_bytes(conn, self._origin.origin_id, start, start + known)

    async def _commit(self, extension: feed.Extension, note: bytes | None) -> bool:
        """Store a slice in one transaction; False when the head is no longer where this walk found it."""
        expected, now = extension.head.size - len(extension.entries), self._clock()
        ran = False

        async def work(conn: Connection) -> bool:
            nonlocal ran
            size, root, _, state = await origins.lock_growth(conn, self._origin.origin_id)
            if ran and (size, root) == (extension.head.size, extension.head.root):
                # The first run was committed; the connection was lost before the answer.
                return True
            ran = True
            if size != expected or state in UNFOLLOWED:
                # Another pull was quicker, or somebody decided meanwhile: that stands and ours is dropped.
                return False
            await ingest_entries(conn, self._origin.origin_id, extension, checkpoint=note, now=now)
            return True

        if not await run_tx(self._pool, work):
            return False
        self.entries += len(extension.entries)
        return True
