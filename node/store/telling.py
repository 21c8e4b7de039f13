"""Whom saved searches tell: their addresses, what was found for them and what they were told.

In: connections inside transactions that the flow opened. Out: rows as values. Rules: what is new is found by arrival and by
what witnesses came to vouch for, never by asking the whole corpus. Nothing that serves the public may import this.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from node.errors import N_, OperatorError
from node.store import search
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("telling")
# Profiles that one search looks at in one transaction; the rest is for the next.
LOOK_MAX: Final = 5_000
BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Channel:
    """Where one search is told, and how that goes."""

    search_id: str
    channel: str
    address: str
    unsubscribed_at: dt.datetime | None
    next_at: dt.datetime
    told_at: dt.datetime | None
    failures: int
    error_code: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """One saved search as an officer sees it."""

    search_id: str
    title: str
    query: str
    made_by: str
    created_at: dt.datetime
    read_on: dt.date
    corpus: str
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class Looking:
    """A search that is being looked after, and the arrival up to which it has looked."""

    query: str
    arrival: int


@dataclass(frozen=True, slots=True)
class Leased:
    """An attempt that is ours for a while."""

    address: str
    failures: int
    told_at: dt.datetime | None
    title: str
    query: str
    created_at: dt.datetime
    corpus: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A profile of a delivery that is visible now."""

    owner: str
    profile_id: str
    origin: str
    idx: int
    published: int
    body: bytes
    quarantined: bool


async def insert_channel(conn: Connection, search_id: str, channel: str, address: str, next_at: dt.datetime) -> None:
    """Add somebody to tell."""
    await conn.execute(QUERIES["insert_channel"], uuid.UUID(search_id), channel, address, next_at)


async def insert_marks(conn: Connection, search_id: str) -> None:
    """Note what witnesses vouch for now, for a search of vouched profiles."""
    await conn.execute(QUERIES["insert_marks"], uuid.UUID(search_id))


async def delete_left(conn: Connection, until: dt.datetime) -> int:
    """Forget a batch of news that are of no use any more; return how many."""
    return int((await conn.execute(QUERIES["delete_left"], until, BATCH)).split()[-1])


async def list_all(conn: Connection, after: str | None, limit: int) -> list[Listed]:
    """Return searches with their channels, by identifier, after one of them."""
    rows = await conn.fetch(QUERIES["list_searches"], uuid.UUID(after) if after else None, limit)
    channels: dict[str, list[Channel]] = {}
    for row in await conn.fetch(QUERIES["list_channels"], [row["search_id"] for row in rows]):
        found = Channel(**{**dict(row), "search_id": str(row["search_id"])})
        channels.setdefault(found.search_id, []).append(found)
    return [
        Listed(
            **{**dict(row), "search_id": str(row["search_id"])}, channels=tuple(channels.get(str(row["search_id"]), ()))
        )
        for row in rows
    ]


async def count_news(conn: Connection, made_by: str, since: dt.datetime) -> tuple[int, int]:
    """Return how many searches found something since then, and how many profiles."""
    row = await conn.fetchrow(QUERIES["count_news"], made_by, since)
    return (row["searches"], row["profiles"])


async def behind(conn: Connection, arrival: int) -> list[str]:
    """Return the searches with somebody to tell that may have something new."""
    return [str(row["search_id"]) for row in await conn.fetch(QUERIES["behind"], arrival)]


async def lock(conn: Connection, search_id: str) -> Looking | None:
    """Hold one search; None when it is gone or somebody else holds it."""
    row = await conn.fetchrow(QUERIES["lock_search"], uuid.UUID(search_id))
    return None if row is None else Looking(row["query"], row["arrival"])


async def arrived(conn: Connection, after: int, until: int) -> tuple[list[tuple[int, int]], int]:
    """Return (positions that arrived after one number and up to another, the number up to which that is all)."""
    rows = await conn.fetch(QUERIES["arrived"], after, until, LOOK_MAX)
    return [(row["origin_id"], row["idx"]) for row in rows], rows[-1]["arrival"] if len(rows) == LOOK_MAX else until


async def vouched(conn: Connection, search_id: str) -> list[tuple[int, int]]:
    """Return positions for which witnesses have come to vouch, at most LOOK_MAX of each log, and move the marks behind them."""
    key = uuid.UUID(search_id)
    rows = [(row["origin_id"], row["idx"]) for row in await conn.fetch(QUERIES["vouched"], key, LOOK_MAX)]
    by_origin: dict[int, list[int]] = {}
    for origin_id, idx in rows:
        by_origin.setdefault(origin_id, []).append(idx)
    cut = {origin_id: found[-1] + 1 for origin_id, found in by_origin.items() if len(found) == LOOK_MAX}
    await conn.execute(QUERIES["move_marks"], key, list(cut), list(cut.values()))
    return rows


async def move_arrival(conn: Connection, search_id: str, arrival: int) -> None:
    """Note up to which arrival a search has looked."""
    await conn.execute(QUERIES["move_arrival"], uuid.UUID(search_id), arrival)


async def matching(
    conn: Connection, terms: search.Terms, positions: Sequence[tuple[int, int]], *, today: int
) -> list[tuple[str, str]]:
    """Return (owner, profile) of those positions that a question finds. Raises: OperatorError(search-timeout)."""
    origins, indices = [origin for origin, _ in positions], [index for _, index in positions]
    wanted = [terms.match, terms.exact, *terms.possible, today, terms.since, terms.witnessed]
    try:
        rows = await conn.fetch(QUERIES["matching"], origins, indices, *wanted)
    except asyncpg.QueryCanceledError as error:
        message, hint = N_("la ricerca impiega troppo tempo"), N_("aggiungere parole o filtri, o riprovare tra poco")
        raise OperatorError("search-timeout", message, hint=hint) from error
    return [(row["owner"], str(row["profile_id"])) for row in rows]


async def insert_news(conn: Connection, search_id: str, found: Sequence[tuple[str, str]], at: dt.datetime) -> int:
    """Put profiles into the outbox of each of a search's channels; what was there once is not put again."""
    owners, profiles = [owner for owner, _ in found], [uuid.UUID(profile) for _, profile in found]
    return int((await conn.execute(QUERIES["insert_news"], uuid.UUID(search_id), owners, profiles, at)).split()[-1])


async def due(conn: Connection, now: dt.datetime, limit: int) -> list[tuple[str, str]]:
    """Return (search, channel) of what is to be told now, the longest waiting first."""
    return [(str(row["search_id"]), row["channel"]) for row in await conn.fetch(QUERIES["due"], now, limit)]


async def lease(conn: Connection, search_id: str, channel: str, now: dt.datetime, until: dt.datetime) -> Leased | None:
    """Take an attempt until then; None when another process has it."""
    row = await conn.fetchrow(QUERIES["lease"], uuid.UUID(search_id), channel, now, until)
    return None if row is None else Leased(**dict(row))


async def delivery(conn: Connection, search_id: str, channel: str, limit: int) -> str:
    """Return the delivery that was begun and not ended, or begin one with the longest waiting news."""
    key = uuid.UUID(search_id)
    found = await conn.fetchval(QUERIES["pending_delivery"], key, channel)
    if found is None:
        found = uuid.uuid4()
        await conn.execute(QUERIES["begin_delivery"], key, channel, found, limit)
    return str(found)


async def delivery_hits(conn: Connection, search_id: str, channel: str, delivery_id: str, *, today: int) -> list[Shown]:
    """Return what of a delivery is visible now."""
    rows = await conn.fetch(QUERIES["delivery_hits"], uuid.UUID(search_id), channel, uuid.UUID(delivery_id), today)
    return [Shown(**{**dict(row), "profile_id": str(row["profile_id"])}) for row in rows]


async def succeed(
    conn: Connection, search_id: str, channel: str, delivery_id: str, now: dt.datetime, next_at: dt.datetime
) -> None:
    """Note that a delivery arrived."""
    key = uuid.UUID(search_id)
    await conn.execute(QUERIES["end_delivery"], key, channel, uuid.UUID(delivery_id), now)
    await conn.execute(QUERIES["succeed"], key, channel, next_at, now)


async def fail(conn: Connection, search_id: str, channel: str, next_at: dt.datetime, code: str) -> None:
    """Note that a delivery did not arrive, why, and when it is tried again."""
    await conn.execute(QUERIES["fail"], uuid.UUID(search_id), channel, next_at, code)


async def pass_digest(conn: Connection, now: dt.datetime, next_at: dt.datetime) -> None:
    """Let those who have no news today wait for the next digest."""
    await conn.execute(QUERIES["pass_digest"], now, next_at)
