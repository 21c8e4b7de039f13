"""What the Observatory's pages read: the newest build and the releases, each decoded once and kept for the next page.

In: a pool. Out: an ``Edition``, the same value for every request until another build stands in its place. Rules: a request costs at most
two small questions (which build is the newest, which releases there are); a document is decoded off the event loop, once for all
who wait for it; a release never changes, so it is asked for once; of releases only the few last ones that were asked for are kept.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from aiohttp import web

from node.domain.observatory.figures import Cell, Figures, Table, decode
from node.errors import N_, CallerError, NotFoundError, OperatorError
from node.store import observatory as store
from node.store.postgres import Pool, acquire

# Decoded releases that are kept: some megabytes each; and for each edition the pictures of so many choices, some 30 KB each.
MOST: Final = 4
MOST_DRAWN: Final = 200
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Edition:
    """One build, read: ``release_id`` is empty for the newest one, ``digest`` is the SHA-256 of its document.

    It never changes in what it tells; it only remembers what was drawn of it, as most readers look at the same.
    """

    figures: Figures
    release_id: str
    digest: str
    tables: Mapping[str, Table]
    places: Mapping[str, Mapping[tuple[str, ...], Cell]]
    _drawn: dict[Hashable, object] = field(default_factory=dict, compare=False, repr=False)

    def remember(self, choice: Hashable, work: Callable[[], T]) -> T:
        """Return what was made of a choice before, else have it made; it hangs on this edition and the choice alone."""
        found = self._drawn.get(choice)
        if found is None:
            found = work()
            if len(self._drawn) >= MOST_DRAWN:
                self._drawn.clear()
            self._drawn[choice] = found
        return found  # type: ignore[return-value]


def read(document: bytes, release_id: str = "") -> Edition:
    """Return an edition from its document. Raises: OperatorError(observatory-unreadable)."""
    try:
        figures = decode(document)
    except CallerError as error:
        # It is this node's own: nobody who asks for a page can mend it.
        raise OperatorError("observatory-unreadable", N_("i numeri dell'Osservatorio non sono leggibili")) from error
    tables = {table.ident: table for table in figures.tables}
    places = {ident: table.by_place() for ident, table in tables.items()}
    return Edition(figures, release_id, hashlib.sha256(document).hexdigest(), tables, places)


class Editions:
    """The editions that one process has read."""

    def __init__(self, pool: Pool) -> None:
        """Begin with none."""
        self._pool, self._reading = pool, asyncio.Lock()
        self._stamp: tuple[dt.datetime, str] | None = None
        self._newest: Edition | None = None
        self._released: OrderedDict[str, Edition] = OrderedDict()

    async def newest(self) -> Edition | None:
        """Return the newest build, None before the first. Raises: OperatorError(observatory-unreadable)."""
        async with acquire(self._pool) as conn:
            stamp = await store.stamp(conn)
        if stamp is None or stamp == self._stamp:
            return None if stamp is None else self._newest
        async with self._reading:
            if stamp != self._stamp:
                async with acquire(self._pool) as conn:
                    kept = await store.newest(conn)
                if kept is None:
                    return None
                self._newest = await asyncio.to_thread(read, kept.document)
                # What was read may be newer than what was asked for.
                self._stamp = (kept.made_at, kept.inputs)
            return self._newest

    async def released(self, release_id: str) -> Edition:
        """Return a release. Raises: NotFoundError(observatory-release-unknown), OperatorError(observatory-unreadable)."""
        async with self._reading:
            found = self._released.pop(release_id, None)
            if found is None:
                async with acquire(self._pool) as conn:
                    frozen = await store.release(conn, release_id)
                if frozen is None:
                    raise NotFoundError("observatory-release-unknown", N_("nessun rilascio con questo nome"))
                found = await asyncio.to_thread(read, frozen[1], release_id)
            self._released[release_id] = found
            while len(self._released) > MOST:
                self._released.popitem(last=False)
            return found

    async def releases(self) -> list[store.Release]:
        """Return all releases, the newest first."""
        async with acquire(self._pool) as conn:
            return await store.releases(conn)


EDITIONS = web.AppKey("observatory-editions", Editions)
