"""Who may still be giving numbers to arriving profiles: the last number, and the transactions that write them.

In: a connection. Out: rows as values. The reasons stand in flows/logs/arrivals.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("arrivals")


async def last_arrival(conn: Connection) -> int:
    """Return the highest number that an arriving profile was given; its writer may still be at work."""
    return int(await conn.fetchval(QUERIES["last_arrival"]))


async def writers(conn: Connection) -> list[str]:
    """Return the open transactions of this database that may have given numbers."""
    return [row["writer"] for row in await conn.fetch(QUERIES["writers"])]


async def still_writing(conn: Connection, writers: Sequence[str]) -> list[int]:
    """Return the server processes of those of some writers that have not ended."""
    return [row["pid"] for row in await conn.fetch(QUERIES["still_writing"], writers)]
