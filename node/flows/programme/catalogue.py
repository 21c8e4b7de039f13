"""The catalogue: what all members announce, found by words, kind, line, region, owner and state.

In: a pool, a parsed ``CatalogueQuery``, the time. Out: values; pages, API and command line only lay them out. Rules: states are told by the day in
Rome; all pages of an answer by the day of the first; what an item shows comes from the verified body's bytes. Source: docs/catalogue.md.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from node.domain.days import day_number
from node.domain.programme import announcement, catalogue_query
from node.domain.programme.announcement import Announcement, State
from node.domain.programme.catalogue_query import CatalogueQuery
from node.domain.words import apart
from node.errors import N_, CallerError, NotFoundError
from node.flows.searching.engines import snapshot
from node.store import announcements as store
from node.store import search as words_store
from node.store.announcements import Stored
from node.store.postgres import Connection, Pool
from node.store.reference import load_territories

ROME: Final = ZoneInfo("Europe/Rome")
FEED_MAX: Final = 50
BEGINNING_MIN: Final = 6
UNKNOWN: Final = N_("nessun annuncio con questo identificativo")
_BEGINNING: Final = re.compile(rf"[0-9a-f]{{{BEGINNING_MIN},32}}")


@dataclass(frozen=True, slots=True)
class Item:
    """One announcement of the catalogue: what it says, whose it is, where in which log, and what can be done about it on the day.

    ``witnessed_at``: since when a quorum of the log's witnesses vouches for it; ``quarantined``: its log told two histories.
    """

    announcement: Announcement
    document: Mapping[str, Any]
    owner: str
    origin: str
    index: int
    state: State
    announced: dt.date
    witnessed_at: dt.datetime | None
    quarantined: bool

    @property
    def id(self) -> str:
        """The identifier, which its owner never changes."""
        return self.announcement.id


@dataclass(frozen=True, slots=True)
class Found:
    """One page of the catalogue; ``cursor`` is empty on the last one, ``words_ignored`` tells stop words alone."""

    total: int
    total_is_exact: bool
    items: tuple[Item, ...]
    cursor: str
    words_ignored: bool


def today(now: dt.datetime) -> dt.date:
    """Return the day in Rome, by which announcements open and close."""
    return now.astimezone(ROME).date()


def read_query(parameters: list[tuple[str, str]], now: dt.datetime) -> CatalogueQuery:
    """Return the question that parameters ask. Raises: CallerError query-..."""
    return catalogue_query.parse(parameters, load_territories(), day_number(today(now)))


def day_of(query: CatalogueQuery, now: dt.datetime) -> dt.date:
    """Return the day by which the states of an answer are told: of a later page that of the first."""
    return catalogue_query.day_asked(query, today(now))


async def search(pool: Pool, query: CatalogueQuery, now: dt.datetime) -> Found:
    """Answer a question. Raises: CallerError(query-value-bad), OperatorError(search-timeout)."""
    day = day_of(query, now)
    async with snapshot(pool) as conn:
        match = await words_store.read_words(conn, apart(query.words)) if query.words else ""
        # One more than asked tells whether there is a next page.
        rows = await store.search(conn, query, match or None, day, query.limit + 1)
        total = await store.count(conn, query, match or None, day)
    page = rows[: query.limit]
    return Found(
        total=min(total, store.COUNT_BOUND),
        total_is_exact=total <= store.COUNT_BOUND,
        items=tuple(_item(stored, day) for _, stored in page),
        cursor=query.cursor_after(page[-1][0]) if len(rows) > query.limit else "",
        words_ignored=bool(query.words) and not match,
    )


async def read(pool: Pool, item_id: str, now: dt.datetime, owner: str | None = None) -> Item:
    """Return one announcement; ``owner`` tells apart logs that hold the same identifier. Raises: NotFoundError(announcement-unknown)."""
    async with snapshot(pool) as conn:
        return await _read(conn, item_id, now, owner)


async def find(pool: Pool, beginning: str, now: dt.datetime, owner: str | None = None) -> Item:
    """Return the one announcement whose identifier begins like this, as people copy it from a table.

    Raises: NotFoundError(announcement-unknown), CallerError(announcement-ambiguous | announcement-id-bad).
    """
    digits = beginning.replace("-", "").lower()
    if not _BEGINNING.fullmatch(digits):
        raise CallerError(
            "announcement-id-bad",
            N_("«{text}» non è l'inizio di un identificativo"),
            hint=N_("servono almeno {count} cifre esadecimali"),
            text=beginning[:40],
            count=BEGINNING_MIN,
        )
    async with snapshot(pool) as conn:
        found = await store.ids(conn, digits, owner)
        if len(found) > 1:
            raise CallerError(
                "announcement-ambiguous",
                N_("più annunci cominciano con «{text}»"),
                hint=N_("scrivere qualche cifra in più: --json le mostra tutte"),
                text=beginning,
            )
        return await _read(conn, found[0] if found else "0" * 32, now, owner)


async def newest(pool: Pool, query: CatalogueQuery, now: dt.datetime) -> list[Item]:
    """Return what was announced last and is not over, the newest first; words as for a search. Raises: OperatorError(search-timeout)."""
    day = today(now)
    async with snapshot(pool) as conn:
        match = await words_store.read_words(conn, apart(query.words)) if query.words else ""
        return [_item(stored, day) for stored in await store.newest(conn, query, match or None, day, FEED_MAX)]


async def _read(conn: Connection, item_id: str, now: dt.datetime, owner: str | None) -> Item:
    stored = await store.one(conn, item_id, owner)
    if stored is None:
        raise NotFoundError(
            "announcement-unknown",
            UNKNOWN,
            hint=N_("può essere stato ritirato"),
        )
    return _item(stored, today(now))


def _item(stored: Stored, day: dt.date) -> Item:
    document: Mapping[str, Any] = orjson.loads(stored.body)
    made = announcement.parse(document)
    return Item(
        announcement=made,
        document=document,
        owner=stored.owner,
        origin=stored.origin,
        index=stored.index,
        state=made.state(day),
        announced=stored.announced,
        witnessed_at=stored.witnessed_at,
        quarantined=stored.quarantined,
    )
