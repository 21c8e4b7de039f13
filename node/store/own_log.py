"""The log that this node writes: its row, and the checkpoints that were signed of it.

In: heads and notes that the flow has signed. Out: rows. Rules: one size is signed once, and what was signed of it never changes; nothing
here commits. The fence has a room of its own (``store/fence``). Source: PROTOCOL 3 and 6.9.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("own_log")


@dataclass(frozen=True, slots=True)
class OwnRow:
    """The log this node writes."""

    origin_id: int
    origin: str
    vkey: str
    size: int


@dataclass(frozen=True, slots=True)
class Signed:
    """One own checkpoint that has been signed."""

    size: int
    root: bytes
    note: bytes
    signed_at: dt.datetime


async def current(conn: Connection) -> OwnRow | None:
    """Return the log this node writes, None before it has one."""
    row = await conn.fetchrow(QUERIES["current"])
    return None if row is None else OwnRow(**dict(row))


async def signed_latest(conn: Connection, origin_id: int) -> Signed | None:
    """Return the newest own checkpoint."""
    row = await conn.fetchrow(QUERIES["signed_latest"], origin_id)
    return None if row is None else Signed(row["size"], row["root"], row["note"], row["signed_at"])


async def insert_signed(
    conn: Connection, origin_id: int, size: int, root: bytes, note: bytes, now: dt.datetime
) -> None:
    """Record an own checkpoint; the primary key makes signing one size twice impossible."""
    await conn.execute(QUERIES["insert_signed"], origin_id, size, root, note, now)


async def sign_again(conn: Connection, origin_id: int, size: int, root: bytes, note: bytes) -> None:
    """Let the newest own checkpoint carry other signatures; its size and root are what they were."""
    await conn.execute(QUERIES["sign_again"], origin_id, size, root, note)
