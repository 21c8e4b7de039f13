"""Evidence that a log told two histories, and what administrators decided about it.

In: inconsistency proofs that were verified. Out: rows; nothing here judges. Source: PROTOCOL 6.8.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from node.errors import N_
from node.store import origins
from node.store.origins import Origin
from node.store.postgres import Connection, load_queries

INCONSISTENT = "log-inconsistent"
SAID = N_("il registro ha firmato due storie diverse: c'è la prova")
QUERIES = load_queries("evidence")
RELEASED, FORGOTTEN, CONFIRMED, ROLLED_OVER = "released", "forgotten", "confirmed", "rolled-over"
ORPHAN_WITHDRAWN = "orphan-withdrawn"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What an administrator decided about a log; ``reason`` is empty once it was erased."""

    ruling_id: int
    origin: str
    owner: str
    action: str
    officer: str
    reason: str
    decided_at: dt.datetime


async def keep_evidence(conn: Connection, origin_id: int, digest: bytes, document: bytes, now: dt.datetime) -> bool:
    """Keep a proof; False when it was known."""
    return await conn.fetchval(QUERIES["keep_evidence"], origin_id, digest, document, now) is not None


async def condemn(conn: Connection, origin: Origin, digest: bytes, document: bytes, now: dt.datetime) -> bool:
    """Keep a verified proof and stop following its log, or, if it is the own one, stop writing it; False when it was known."""
    await origins.lock_head(conn, origin.origin_id)
    if not await keep_evidence(conn, origin.origin_id, digest, document, now):
        return False
    if origin.is_own:
        # Somebody holds two heads with our own signature: this node must not write a third.
        await origins.set_state(conn, origin.origin_id, "fenced", code=INCONSISTENT, text=SAID, now=now)
    else:
        await origins.record_quarantine(conn, origin.origin_id, now, INCONSISTENT, SAID)
    return True


async def evidence(conn: Connection) -> list[bytes]:
    """Return one proof per log that stands accused."""
    return [row["document"] for row in await conn.fetch(QUERIES["evidence"])]


async def evidence_of(conn: Connection, origin_id: int) -> list[tuple[bytes, bytes, dt.datetime, dt.datetime | None]]:
    """Return (digest, document, found, released) of a log's proofs."""
    return [tuple(row.values()) for row in await conn.fetch(QUERIES["evidence_of"], origin_id)]


async def count_evidence(conn: Connection) -> int:
    """Return how many logs stand accused."""
    count: int = await conn.fetchval(QUERIES["count_evidence"])
    return count


async def release_evidence(conn: Connection, origin_id: int, now: dt.datetime) -> None:
    """Mark a log's proofs as answered by an administrator."""
    await conn.execute(QUERIES["release_evidence"], origin_id, now)


async def insert_ruling(
    conn: Connection, origin_id: int, action: str, officer: str, reason: str, now: dt.datetime
) -> None:
    """Record who decided what about a log, and why."""
    await conn.execute(QUERIES["insert_ruling"], origin_id, action, officer, reason, now)


async def rulings(conn: Connection, origin_id: int | None) -> list[Ruling]:
    """Return what was decided about a log, or about any (None), the newest first."""
    return [Ruling(**dict(row)) for row in await conn.fetch(QUERIES["rulings"], origin_id)]
