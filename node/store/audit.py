"""The chain of decisions as the database keeps it: events in pages, and rows that do not match their events.

In: places in the chain. Out: events in the very words that were hashed. Nothing here writes: the database's own triggers do
(migration 0015).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import asyncpg

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("audit")
TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Event:
    """One link of the chain; ``document`` is JSON, kept as it was hashed."""

    event_id: int
    at: str
    kind: str
    document: str
    previous: bytes
    hash: bytes


def _event(row: asyncpg.Record) -> Event:
    return Event(**dict(row))


async def read_page(conn: Connection, after: int, limit: int) -> list[Event]:
    """Return the events after one."""
    return [_event(row) for row in await conn.fetch(QUERIES["page"], after, limit, timeout=TIMEOUT_S)]


@dataclass(frozen=True, slots=True)
class Sought:
    """Which events are asked for: of a profile, of a kind, of an officer; None: of any."""

    profile_id: str | None = None
    kind: str | None = None
    officer: str | None = None


async def list_events(conn: Connection, after: int, sought: Sought, limit: int) -> list[Event]:
    """Return the events after one, in their order."""
    return await _list(conn, "list_events", after, sought, limit)


async def list_events_back(conn: Connection, before: int, sought: Sought, limit: int) -> list[Event]:
    """Return the events before one, the newest first."""
    return await _list(conn, "list_events_back", before, sought, limit)


async def _list(conn: Connection, query: str, edge: int, sought: Sought, limit: int) -> list[Event]:
    key = None if sought.profile_id is None else uuid.UUID(sought.profile_id)
    rows = await conn.fetch(QUERIES[query], edge, key, sought.kind, sought.officer, limit, timeout=TIMEOUT_S)
    return [_event(row) for row in rows]


async def event_at(conn: Connection, event_id: int) -> Event | None:
    """Return one event."""
    row = await conn.fetchrow(QUERIES["event_at"], event_id)
    return None if row is None else _event(row)


async def newest(conn: Connection) -> Event | None:
    """Return the last event of the chain."""
    row = await conn.fetchrow(QUERIES["newest"])
    return None if row is None else _event(row)


async def chain_id(conn: Connection) -> str:
    """Return the random name of this database's chain."""
    return str(await conn.fetchval(QUERIES["chain"]))


async def untold(conn: Connection) -> tuple[str, int] | None:
    """Return (decision | ruling, its number) of the first row whose event is missing or different, None when there is none."""
    row = await conn.fetchrow(QUERIES["untold"], timeout=TIMEOUT_S)
    return None if row is None else (row["kind"], row["subject"])


async def untold_change(conn: Connection) -> int | None:
    """Return the first change of the register by hand whose event is missing or different, None when there is none."""
    found: int | None = await conn.fetchval(QUERIES["untold_change"], timeout=TIMEOUT_S)
    return found


async def untold_introduction(conn: Connection) -> int | None:
    """Return the first step of an introduction whose event is missing or different, or that nobody decided, None when there is none."""
    found: int | None = await conn.fetchval(QUERIES["untold_introduction"], timeout=TIMEOUT_S)
    return found


async def untold_stage(conn: Connection) -> int | None:
    """Return the first stage or evaluation of an aggregation whose event is missing or different, None when there is none."""
    found: int | None = await conn.fetchval(QUERIES["untold_stage"], timeout=TIMEOUT_S)
    return found


async def untold_announcement(conn: Connection) -> int | None:
    """Return the first announcement or withdrawal whose event is missing or different, None when there is none."""
    found: int | None = await conn.fetchval(QUERIES["untold_announcement"], timeout=TIMEOUT_S)
    return found


async def untold_share(conn: Connection) -> int | None:
    """Return the first step of a shared case file whose event is missing or different, None when there is none."""
    found: int | None = await conn.fetchval(QUERIES["untold_share"], timeout=TIMEOUT_S)
    return found


async def unkept(conn: Connection) -> str | None:
    """Return the first document that is not as its event tells, or is gone and nobody deleted it, None when there is none."""
    found: str | None = await conn.fetchval(QUERIES["unkept"], timeout=TIMEOUT_S)
    return found


async def orphaned(conn: Connection) -> int | None:
    """Return the first event whose decision or ruling is gone, None when there is none."""
    found: int | None = await conn.fetchval(QUERIES["orphaned"], timeout=TIMEOUT_S)
    return found


async def undecided(conn: Connection) -> tuple[str, int] | None:
    """Return (profile, number) of the first version whose approval or publication has no decision, None when there is none."""
    row = await conn.fetchrow(QUERIES["undecided"], timeout=TIMEOUT_S)
    return None if row is None else (row["profile_id"], row["number"])


async def unaccounted(conn: Connection) -> tuple[str, int] | None:
    """Return (profile, its position) of the first live item of the own log that no decision published, None when there is none."""
    row = await conn.fetchrow(QUERIES["unaccounted"], timeout=TIMEOUT_S)
    return None if row is None else (row["profile_id"], row["last_idx"])


async def ungranted(conn: Connection) -> str | None:
    """Return the first account with a role that nobody gave it, None when there is none."""
    found: str | None = await conn.fetchval(QUERIES["ungranted"], timeout=TIMEOUT_S)
    return found
