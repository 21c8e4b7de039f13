"""What the Observatory tells, read for whoever shows it: the newest build, or one release.

In: a pool, the name of a release (None: the newest build). Out: decoded Figures with their digest, so that pages and files say of
which document they are. Rules: the newest build is read again only when its stamp has changed, a release never changes; a bounded
number of decoded documents is kept; decoding happens off the event loop, once for all who ask at the same moment.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from node.domain.observatory.figures import Figures, Table, cells_digest, decode
from node.errors import N_, CallerError, NotFoundError, OperatorError
from node.store import observatory as store
from node.store.observatory import Release
from node.store.postgres import Pool, acquire

# Decoded releases that are kept beside the newest build: some megabytes each.
RELEASES_KEPT: Final = 4
# Who may wait for a decoding, or for a file: some seconds each.
WAITING_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class Shown:
    """Figures to show; ``release`` is None for the newest build, ``digest`` the document's SHA-256 in hexadecimal."""

    figures: Figures
    release: str | None
    digest: str
    _cells: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def cells_digest(self, table: Table) -> str:
        """Return the digest of a table's cells, worked out once for each table of these figures."""
        if table.ident not in self._cells:
            self._cells[table.ident] = cells_digest(table)
        return self._cells[table.ident]

    @property
    def etag(self) -> str:
        """Return an entity tag of this document (RFC 9110, 8.8.3); what is rendered from it adds in which form."""
        return f'"{self.digest[:32]}"'


async def figures(pool: Pool, release_id: str | None = None) -> Shown:
    """Return the newest build or one release. Raises: NotFoundError(observatory-empty | observatory-release-unknown), OperatorError."""
    if release_id is not None:
        return await _release(pool, release_id)
    async with acquire(pool) as conn:
        kept = await store.newest(conn)
    if kept is None:
        raise _empty()
    return await _shown(kept.document, None)


async def releases(pool: Pool) -> list[Release]:
    """Return all releases without their documents, the newest first."""
    async with acquire(pool) as conn:
        return await store.releases(conn)


class OneAtATime:
    """A piece of work for one at a time, and for no more than a few who wait: others are refused at once, not kept for minutes."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._lock, self._waiting = asyncio.Lock(), 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and keep it for a while. Raises: OperatorError(observatory-busy)."""
        if self._waiting >= WAITING_MAX:
            raise OperatorError("observatory-busy", N_("ci sono troppe richieste di dati insieme"))
        self._waiting += 1
        try:
            async with self._lock:
                yield
        finally:
            self._waiting -= 1


class Reading:
    """The same, with what was decoded before; one for each process."""

    def __init__(self, pool: Pool) -> None:
        """Begin with nothing kept."""
        self._pool = pool
        self._newest: tuple[tuple[dt.datetime, str], Shown] | None = None
        self._releases: OrderedDict[str, Shown] = OrderedDict()
        # Two who ask for what is not kept wait for one decoding. However many wait for the newest build, it is one; of releases each may ask
        # for another.
        self._reading_newest, self._decoding = asyncio.Lock(), OneAtATime()

    async def figures(self, release_id: str | None = None) -> Shown:
        """Return the newest build or one release. Raises: as the function of this name; OperatorError observatory-busy, -unreadable."""
        return await (self._latest() if release_id is None else self._frozen(release_id))

    async def releases(self) -> list[Release]:
        """Return all releases without their documents, the newest first."""
        return await releases(self._pool)

    async def _latest(self) -> Shown:
        async with acquire(self._pool) as conn:
            stamp = await store.stamp(conn)
        if self._newest is not None and self._newest[0] == stamp:
            return self._newest[1]
        async with self._reading_newest:
            # Meanwhile another may have decoded it.
            if self._newest is not None and self._newest[0] == stamp:
                return self._newest[1]
            async with acquire(self._pool) as conn:
                kept = await store.newest(conn)
            if kept is None:
                raise _empty()
            found = await _shown(kept.document, None)
            # Under the stamp of what was read: a build that came between the two statements is not told as older.
            self._newest = ((kept.made_at, kept.inputs), found)
            return found

    async def _frozen(self, release_id: str) -> Shown:
        if release_id in self._releases:
            self._releases.move_to_end(release_id)
            return self._releases[release_id]
        async with self._decoding.turn():
            found = self._releases.get(release_id) or await _release(self._pool, release_id)
            self._releases[release_id] = found
            while len(self._releases) > RELEASES_KEPT:
                self._releases.popitem(last=False)
            return found


async def _release(pool: Pool, release_id: str) -> Shown:
    async with acquire(pool) as conn:
        found = await store.release(conn, release_id)
    if found is None:
        raise NotFoundError(
            "observatory-release-unknown",
            N_("non c'è un rilascio di questo giorno: {release}"),
            hint=N_("l'elenco è in {path}"),
            release=release_id[:20],
            path="/api/v1/observatory/releases",
        )
    return await _shown(found[1], release_id)


async def _shown(document: bytes, release_id: str | None) -> Shown:
    try:
        return await asyncio.to_thread(
            lambda: Shown(decode(document), release_id, hashlib.sha256(document).hexdigest())
        )
    except CallerError as error:
        # It is this node's own: nobody who asks can mend it.
        raise OperatorError("observatory-unreadable", N_("i numeri dell'Osservatorio non sono leggibili")) from error


def _empty() -> NotFoundError:
    return NotFoundError("observatory-empty", N_("l'Osservatorio non ha ancora numeri da mostrare"))
