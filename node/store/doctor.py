"""What the database server tells of itself to whoever asks whether all is well.

In: connections. Out: values; nothing of anybody's is among them. The queries stand in doctor.sql.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("doctor")


@dataclass(frozen=True, slots=True)
class Server:
    """The database server: its version, its clock, whether this login may do everything, the schema's number, the size."""

    version: str
    now: dt.datetime
    superuser: bool
    schema: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Mailed:
    """How many saved searches tell by mail, and for how many the last attempt failed."""

    mailed: int
    failing: int


@dataclass(frozen=True, slots=True)
class Introductions:
    """How many introductions are open, and in how many something waits for this office's people, of each kind."""

    open: int = 0
    drafts: int = 0
    due: int = 0
    lost: int = 0


async def server(conn: Connection) -> Server:
    """Return what the server tells of itself."""
    return Server(**dict(await conn.fetchrow(QUERIES["server"])))


async def schema(conn: Connection) -> int:
    """Return the number of the newest migration that was applied, 0 for a database without one."""
    return int(await conn.fetchval(QUERIES["schema"]) or 0)


async def mailed(conn: Connection) -> Mailed:
    """Return how telling by mail goes."""
    return Mailed(**dict(await conn.fetchrow(QUERIES["mailed"])))


async def introductions(conn: Connection, today: int) -> Introductions:
    """Return how introductions stand on a day (node/domain/days.py)."""
    return Introductions(**dict(await conn.fetchrow(QUERIES["introductions"], today)))
