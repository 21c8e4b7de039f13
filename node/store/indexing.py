"""What the database tells a text index: how far it got, what came, what went; and what a hit shows.

In: connections. Out: values. The queries stand in indexing.sql.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

import asyncpg

from node.store import search
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("indexing")
TIMEOUT_S = 600
STREAM = 1_000
# More profiles than these that nobody vouches for yet are the database's to part from the others.
UNWITNESSED_MAX = 2_000


@dataclass(frozen=True, slots=True)
class State:
    """The index that follows this database (None: none does), up to which arrival and when; what there is to do."""

    token: str | None
    arrival: int
    at: dt.datetime | None
    last_arrival: int
    removed: bool

    @property
    def is_behind(self) -> bool:
        """Whether something came or went since."""
        return self.removed or self.last_arrival > self.arrival


@dataclass(frozen=True, slots=True)
class Sight:
    """The state of the index, and what of it may be seen.

    ``hidden``: logs that are not shown. ``unwitnessed_logs``, ``unwitnessed``: logs and single places ("origin/idx") for which
    no quorum vouches; the places are None when they are too many to be named.
    """

    state: State
    hidden: list[int]
    unwitnessed_logs: list[int]
    unwitnessed: list[str] | None


@dataclass(frozen=True, slots=True)
class Opening:
    """What a question begins with: its words as the database means them (text of a tsquery), the logs' health, the index."""

    words: str
    health: list[search.OriginHealth]
    sight: Sight


async def state(conn: Connection) -> State:
    """Return how far the index of this database got."""
    return State(**dict(await conn.fetchrow(QUERIES["state"])))


async def opening(conn: Connection, words: str, *, asked: bool) -> Opening:
    """Return what a question begins with; ``asked``: whether an index may answer it, else what of it may be seen is left open.

    Raises: CallerError(query-value-bad), OperatorError(search-timeout).
    """
    try:
        row = dict(await conn.fetchrow(QUERIES["opening"], UNWITNESSED_MAX + 1 if asked else 0, words))
    except asyncpg.InternalServerError as error:
        raise search.unreadable() from error
    except asyncpg.QueryCanceledError as error:
        raise search.took_too_long() from error
    hidden, logs, places = (row.pop(name) for name in ("hidden", "unwitnessed_logs", "unwitnessed"))
    meant, health = str(row.pop("words")), [search.OriginHealth(*found) for found in row.pop("health")]
    seen = Sight(State(**row), hidden, logs, places if asked and len(places) <= UNWITNESSED_MAX else None)
    return Opening(meant, health, seen)


async def is_worth_it(conn: Connection, least: int) -> bool:
    """Tell whether there are at least so many profiles."""
    return bool(await conn.fetchval(QUERIES["is_worth_it"], least))


async def removed(conn: Connection, limit: int) -> dict[int, str]:
    """Return the keys of profiles that went, by the number of their removal. A lower number may still be to come."""
    rows = await conn.fetch(QUERIES["removed"], limit, timeout=TIMEOUT_S)
    return {row["removal_id"]: f"{row['origin_id']}/{row['idx']}" for row in rows}


async def arrived(conn: Connection, after: int, until: int) -> AsyncIterator[list[asyncpg.Record]]:
    """Yield profiles that arrived after one number and up to another, some at a time."""
    cursor = await conn.cursor(QUERIES["arrived"], after, until, timeout=TIMEOUT_S)
    while rows := await cursor.fetch(STREAM, timeout=TIMEOUT_S):
        yield rows


async def follow(conn: Connection, token: str, arrival: int, now: dt.datetime, removals: Collection[int]) -> None:
    """Note how far the index got; the removals that it has seen need no note any more."""
    await conn.execute(QUERIES["follow"], token, arrival, now)
    if removals:
        await conn.execute(QUERIES["forget_removed"], list(removals), timeout=TIMEOUT_S)


async def shown(conn: Connection, places: Sequence[tuple[int, int]], today: int) -> list[asyncpg.Record]:
    """Return what hits show, for those of some places that are there and may be seen today."""
    return list(await conn.fetch(QUERIES["shown"], [p[0] for p in places], [p[1] for p in places], today))
