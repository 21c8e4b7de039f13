"""Saved searches as the public may have them: who asked what, without whom to tell.

In: connections inside transactions that the flow opened. Out: rows as values. Rules: no statement here reads an address;
those that do stand in telling.sql, which no public route can reach.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Final

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("saved")
API, OFFICE = "api", "office"
# What a search asks.
PROFILES, CATALOGUE = "profiles", "catalogue"
BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Saved:
    """One saved search without its addresses."""

    search_id: str
    title: str
    query: str
    token_hash: bytes
    made_by: str
    created_at: dt.datetime
    read_on: dt.date
    told_to: bool


async def hold_count(conn: Connection) -> None:
    """Let nobody else count and save until this transaction ends."""
    await conn.execute(QUERIES["hold_count"])


async def count(conn: Connection, made_by: str) -> int:
    """Return how many searches the public, or the office, has saved."""
    return int(await conn.fetchval(QUERIES["count_searches"], made_by))


async def insert(
    conn: Connection,
    search_id: str,
    title: str,
    query: str,
    token_hash: bytes,
    made_by: str,
    at: dt.datetime,
    arrival: int,
    corpus: str = PROFILES,
) -> None:
    """Save a search that has looked at everything up to ``arrival``."""
    key = uuid.UUID(search_id)
    await conn.execute(QUERIES["insert_search"], key, title, query, token_hash, made_by, at, arrival, corpus)


async def read(conn: Connection, search_id: str) -> Saved | None:
    """Return one search, None when there is none."""
    row = await conn.fetchrow(QUERIES["read_search"], uuid.UUID(search_id))
    return None if row is None else Saved(**{**dict(row), "search_id": str(row["search_id"])})


async def mark_read(conn: Connection, search_id: str, day: dt.date) -> None:
    """Note that somebody reads a search's feed; once a day is enough."""
    await conn.execute(QUERIES["mark_read"], uuid.UUID(search_id), day)


async def delete(conn: Connection, search_id: str) -> bool:
    """Erase a search with everything that hangs on it; return whether there was one."""
    return bool((await conn.execute(QUERIES["delete_search"], uuid.UUID(search_id))) != "DELETE 0")


async def delete_unread(conn: Connection, until: dt.date) -> int:
    """Erase a batch of public searches that nobody has read since a day; return how many."""
    return int((await conn.execute(QUERIES["delete_unread"], until, BATCH)).split()[-1])


async def drop_unread(conn: Connection, limit: int) -> int:
    """Erase public searches that nobody has read since the day they were made; return how many."""
    return int((await conn.execute(QUERIES["drop_unread"], limit)).split()[-1])


async def unsubscribe(conn: Connection, search_id: str, at: dt.datetime) -> bool:
    """Erase a search's e-mail address; return whether there was one."""
    return bool((await conn.execute(QUERIES["unsubscribe"], uuid.UUID(search_id), at)) != "UPDATE 0")
