"""Saved searches as the public has them: kept, opened by their token, followed by feed, left.

In: a pool, a parsed Query, the time. Out: values. Rules: what is made here tells nobody by itself, and nothing here can read
an address or send anything: that is flows/searching/tell, which no public route reaches. No token stands in a log line or an error.
Source: docs/saved-searches.md, RFC 8058.
"""

from __future__ import annotations

import datetime as dt
import hmac
import secrets
import uuid
from dataclasses import dataclass, field, replace
from typing import Final

import structlog

from node.domain import saved as domain
from node.domain.labels import LabelReference
from node.domain.programme.catalogue_query import CatalogueQuery
from node.domain.query import NEWEST, Query, parse
from node.domain.saved import Item, Sheet
from node.errors import N_, CallerError, NotFoundError
from node.flows.searching.engines import snapshot
from node.flows.searching.search import search
from node.store import saved as store
from node.store import search as search_store
from node.store.postgres import Connection, Pool, transaction
from node.store.saved import API, PROFILES, Saved

logger = structlog.get_logger()
TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """What saved searches need to know of their node; ``leave_key`` signs unsubscribe links."""

    node: str
    base_url: str
    leave_key: bytes = field(repr=False)
    max_searches: int
    digest_hour: int
    loopback: bool

    def leave_url(self, search_id: str) -> str:
        """Return where a recipient leaves, by GET to see and by POST to do it."""
        return f"{self.base_url}/unsubscribe/{search_id}/{domain.leave_mark(self.leave_key, search_id)}"


@dataclass(frozen=True, slots=True)
class Made:
    """A search that was just saved; ``token`` is shown now and never again."""

    search_id: str
    title: str
    query: str
    token: str = field(repr=False)


async def save(pool: Pool, settings: Settings, title: str, query: Query, now: dt.datetime) -> Made:
    """Save a search of the public, which tells nobody by itself.

    When there are as many as there may be, the longest unread of those that nobody ever came back to makes room.
    Raises: CallerError saved-title-bad, saved-too-many.
    """
    made = prepare(title, query)
    async with transaction(pool) as conn:
        await search_store.bound_time(conn)
        # It tells nobody by itself, so it needs no mark of what arrived.
        await insert(conn, settings, made, now, made_by=API, arrival=0)
    logger.info("search.saved", search_id=made.search_id, made_by=API, channels=[])
    return made


def prepare(title: str, query: Query | CatalogueQuery) -> Made:
    """Return a search that is not kept yet, with its names. Raises: CallerError(saved-title-bad)."""
    kept = domain.write_query(query.parameters())
    return Made(str(uuid.uuid4()), domain.check_title(title), kept, secrets.token_urlsafe(TOKEN_BYTES))


async def insert(
    conn: Connection,
    settings: Settings,
    made: Made,
    now: dt.datetime,
    *,
    made_by: str,
    arrival: int,
    corpus: str = PROFILES,
) -> None:
    """Keep a search that has looked at everything up to ``arrival``. Raises: CallerError(saved-too-many)."""
    await store.hold_count(conn)
    over = await store.count(conn, made_by) + 1 - settings.max_searches
    dropped = await store.drop_unread(conn, over) if made_by == API and over > 0 else 0
    if dropped < over:
        raise CallerError(
            "saved-too-many",
            N_("questo nodo tiene già {most} ricerche salvate"),
            hint=N_("cancellare quelle che non servono, o riprovare più avanti"),
            most=settings.max_searches,
        )
    hashed = domain.token_hash(made.token)
    await store.insert(conn, made.search_id, made.title, made.query, hashed, made_by, now, arrival, corpus)
    if dropped:
        logger.info("searches.dropped", count=dropped)


def _unknown() -> NotFoundError:
    return NotFoundError("saved-unknown", N_("nessuna ricerca salvata con questo identificativo"))


async def _read(pool: Pool, text: str) -> Saved:
    search_id = domain.search_id_of(text)
    if search_id is None:
        raise _unknown()
    async with snapshot(pool) as conn:
        found = await store.read(conn, search_id)
    if found is None:
        raise _unknown()
    return found


async def open_with(pool: Pool, search_id: str, token: str) -> Saved:
    """Return the search that a token opens; a wrong token and an unknown search are the same answer.

    Raises: NotFoundError(saved-unknown).
    """
    found = await _read(pool, search_id)
    if not hmac.compare_digest(found.token_hash, domain.token_hash(token)):
        raise _unknown()
    return found


async def delete(pool: Pool, text: str) -> None:
    """Erase a search, with its addresses and all that was noted for it. Raises: NotFoundError(saved-unknown)."""
    search_id = domain.search_id_of(text)
    if search_id is None:
        raise _unknown()
    async with transaction(pool) as conn:
        await search_store.bound_time(conn)
        if not await store.delete(conn, search_id):
            raise _unknown()
    logger.info("search.deleted", search_id=search_id)


async def unsubscribe(pool: Pool, settings: Settings, text: str, mark: str, now: dt.datetime) -> None:
    """Erase the address to which a search is mailed; once more is no error, and neither is a search that is gone.

    Raises: NotFoundError(saved-unknown) when the link is not ours.
    """
    search_id = check_link(settings, text, mark)
    async with transaction(pool) as conn:
        await search_store.bound_time(conn)
        if await store.unsubscribe(conn, search_id, now):
            logger.info("search.unsubscribed", search_id=search_id)


def check_link(settings: Settings, text: str, mark: str) -> str:
    """Return the search that an unsubscribe link is for. Raises: NotFoundError(saved-unknown)."""
    search_id = domain.search_id_of(text)
    if search_id is None or not domain.may_leave(settings.leave_key, search_id, mark):
        raise _unknown()
    return search_id


async def feed(
    pool: Pool, settings: Settings, search_id: str, reference: LabelReference, now: dt.datetime
) -> tuple[Sheet, tuple[Item, ...]]:
    """Return what the feed of a public search shows: its newest visible profiles.

    A search with somebody to tell has no feed: its title is the office's own. Raises: NotFoundError(saved-unknown),
    OperatorError(search-timeout).
    """
    found = await _read(pool, search_id)
    if found.told_to:
        raise _unknown()
    query = replace(question(found.query, reference), sort=NEWEST, limit=domain.FEED_ENTRIES)
    result = await search(pool, query, reference, now=now, as_written=True)
    if found.read_on < now.date():
        async with transaction(pool) as conn:
            await store.mark_read(conn, found.search_id, now.date())
    items = tuple(
        domain.item_of(hit.owner, hit.origin, hit.index, hit.document, hit.published, quarantined=hit.quarantined)
        for hit in result.hits
    )
    return Sheet(found.search_id, found.title, found.created_at, settings.node, settings.base_url), items


def question(text: str, reference: LabelReference) -> Query:
    """Return a kept question. Raises: CallerError when it means nothing any more."""
    return parse(domain.read_query(text).items(), reference)
