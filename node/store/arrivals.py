"""Who may still be giving numbers to arriving profiles.

In: a connection. Out: rows as values. The reasons stand in flows/arrivals.
"""

from __future__ import annotations

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("arrivals")


async def last_arrival(conn: Connection) -> int:
    """Return the highest number that an arriving profile was given; its writer may still be at work."""
    return int(await conn.fetchval(QUERIES["last_arrival"]))


async def next_transaction(conn: Connection) -> str:
    """Return a transaction number above that of every writer there is."""
    return str(await conn.fetchval(QUERIES["next_transaction"]))


async def is_past(conn: Connection, transaction: str) -> bool:
    """Tell whether every writer with a lower transaction number has ended."""
    return bool(await conn.fetchval(QUERIES["is_past"], transaction))
