"""Cosignatures: what witnesses said of the own log, what this node said of others' as a witness, and erasure receipts.

In: cosignatures that were verified. Out: rows. The flow or the handler opens the transaction; a witness's row is locked
from the check to the commit, so that it never cosigns two histories. Source: PROTOCOL 2.7, 6.6, 6.7.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("witness")


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What one witness last cosigned of the own log."""

    member: str
    size: int
    signed_at: dt.datetime
    line: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """One member's mirror cosignature of the own log: up to ``size`` it holds all that lives and nothing erased."""

    member: str
    size: int
    signed_at: dt.datetime
    note: bytes


async def own_cosignatures(conn: Connection, origin_id: int) -> list[Acknowledged]:
    """Return what each witness last said of the own log."""
    return [Acknowledged(**dict(row)) for row in await conn.fetch(QUERIES["own_cosignatures"], origin_id)]


async def keep_cosignature(
    conn: Connection, origin_id: int, member: str, size: int, signed_at: dt.datetime, line: bytes
) -> None:
    """Keep a witness's newest cosignature of the own log."""
    await conn.execute(QUERIES["keep_cosignature"], origin_id, member, size, signed_at, line)


async def lock_witnessed(conn: Connection, origin_id: int) -> tuple[int, bytes]:
    """Lock what this node last cosigned of a log until the transaction ends; return (size, root), of the empty tree at first."""
    await conn.execute(QUERIES["begin_witnessing"], origin_id)
    row = await conn.fetchrow(QUERIES["lock_witnessed"], origin_id)
    return row["size"], row["root"]


async def keep_witnessed(
    conn: Connection, origin_id: int, size: int, root: bytes, note: bytes, now: dt.datetime
) -> None:
    """Record what this node is about to cosign of a locked log."""
    await conn.execute(QUERIES["keep_witnessed"], origin_id, size, root, note, now)


async def forget_witnessed(conn: Connection, origin_id: int) -> None:
    """Forget what this node cosigned of a log: a withdrawn key had signed it beyond the size that it counts for."""
    await conn.execute(QUERIES["forget_witnessed"], origin_id)


async def witnessed_note(conn: Connection, origin_hash: str) -> bytes | None:
    """Return the note this node last cosigned of a log, None when there is none."""
    note: bytes | None = await conn.fetchval(QUERIES["witnessed_note"], origin_hash)
    return note


async def keep_receipt(
    conn: Connection, origin_id: int, member: str, size: int, signed_at: dt.datetime, note: bytes
) -> None:
    """Keep a member's newest receipt for the own log; sizes never go back."""
    await conn.execute(QUERIES["keep_receipt"], origin_id, member, size, signed_at, note)


async def receipts(conn: Connection, origin_id: int) -> list[Receipt]:
    """Return each member's newest receipt for the own log."""
    return [Receipt(**dict(row)) for row in await conn.fetch(QUERIES["receipts"], origin_id)]
