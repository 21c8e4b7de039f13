"""What the Observatory's pages read: the newest build and the releases, made ready for pages once and kept for the next one.

In: what the flow decoded (node/flows/observatory/read.py), which files and the API read too. Out: an ``Edition``, the same value for
every request until another build stands in its place. Rules: a request costs at most two small questions (which build is the newest, which
releases there are); what takes time is done off the event loop, once for all who wait for it; only the few last ones that were
asked for are kept.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from aiohttp import web

from node.domain.observatory.figures import Cell, Figures, Table
from node.errors import NotFoundError
from node.flows.observatory.read import RELEASES_KEPT, Reading, Shown
from node.store.observatory import Release

# The newest build and as many releases as are decoded; and for each edition the pictures of so many choices, some 30 KB each.
MOST: Final = RELEASES_KEPT + 1
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


def edition(shown: Shown) -> Edition:
    """Return figures as pages read them."""
    tables = {table.ident: table for table in shown.figures.tables}
    places = {ident: table.by_place() for ident, table in tables.items()}
    return Edition(shown.figures, shown.release or "", shown.digest, tables, places)


class Editions:
    """The editions that one process has at hand."""

    def __init__(self, reading: Reading) -> None:
        """Begin with none."""
        self._reading, self._making = reading, asyncio.Lock()
        self._kept: OrderedDict[tuple[str | None, str], Edition] = OrderedDict()

    async def newest(self) -> Edition | None:
        """Return the newest build, None before the first. Raises: OperatorError(observatory-unreadable)."""
        try:
            shown = await self._reading.figures()
        except NotFoundError:
            return None
        return await self._of(shown)

    async def released(self, release_id: str) -> Edition:
        """Return a release. Raises: NotFoundError(observatory-release-unknown), OperatorError observatory-unreadable, observatory-busy."""
        return await self._of(await self._reading.figures(release_id))

    async def _of(self, shown: Shown) -> Edition:
        key = (shown.release, shown.digest)
        if key not in self._kept:
            # Short, and once for all who wait: nobody is refused for it.
            async with self._making:
                if key not in self._kept:
                    self._kept[key] = await asyncio.to_thread(edition, shown)
        self._kept.move_to_end(key)
        found = self._kept[key]
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return found

    async def releases(self) -> list[Release]:
        """Return all releases, the newest first."""
        return await self._reading.releases()


EDITIONS = web.AppKey("observatory-editions", Editions)
