"""What saved searches of the catalogue know of each announcement: how much of it was told, and what waits.

In: connections inside transactions that the flow opened. Out: rows as values. Rules: what is to be told is what the catalogue says now, held against
what was told; no word of an announcement is kept. Nothing that serves the public may import this. Source: docs/saved-searches.md.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from node.domain.programme.catalogue_query import CatalogueQuery, days_asked
from node.store.announcements import asked
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("watching")
BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is to be told of one announcement; ``revision`` 0 and no body: it was withdrawn."""

    owner: str
    item_id: str
    kind: str
    waits: str
    revision: int
    closes: dt.date | None
    body: bytes | None = field(repr=False)


async def due(conn: Connection, now: dt.datetime) -> list[str]:
    """Return the searches of the catalogue whose message may go now."""
    return [str(row["search_id"]) for row in await conn.fetch(QUERIES["due"], now)]


async def find(
    conn: Connection, search_id: str, query: CatalogueQuery, match: str | None, day: dt.date, *, is_told: bool
) -> None:
    """Come to know what a question finds; ``is_told``: as if it had been told."""
    arguments = asked(query, match, day)
    await conn.execute(QUERIES["find"], uuid.UUID(search_id), *arguments, is_told, *days_asked(query))


async def weigh(conn: Connection, search_id: str, day: dt.date, near: dt.date) -> int:
    """Settle what is to be told of all that a search knows; return how much that is. ``near``: up to which day a last one is near."""
    key = uuid.UUID(search_id)
    await conn.execute(QUERIES["weigh"], key, day, near)
    await conn.execute(QUERIES["forget_untold"], key)
    return int(await conn.fetchval(QUERIES["count_waiting"], key))


async def waiting(conn: Connection, search_id: str, limit: int) -> list[Waiting]:
    """Return what the next message tells."""
    return [
        Waiting(**{**dict(row), "item_id": str(row["item_id"]), "revision": row["revision"] or 0})
        for row in await conn.fetch(QUERIES["notices"], uuid.UUID(search_id), limit)
    ]


async def mark(conn: Connection, search_id: str, told: Sequence[Waiting], near: dt.date) -> None:
    """Note that a message has arrived."""
    key = uuid.UUID(search_id)
    there = [one for one in told if one.body is not None]
    gone = [one for one in told if one.body is None]
    days = [one.closes if one.closes is not None and one.closes <= near else None for one in there]
    columns = [[one.owner for one in there], [uuid.UUID(one.item_id) for one in there], [one.revision for one in there]]
    await conn.execute(QUERIES["told"], key, *columns, days)
    await conn.execute(QUERIES["gone"], key, [one.owner for one in gone], [uuid.UUID(one.item_id) for one in gone])


async def delete_left(conn: Connection) -> int:
    """Forget a batch of what searches knew whose readers have left; return how many."""
    return int((await conn.execute(QUERIES["delete_left"], BATCH)).split()[-1])
