"""Who is signed in now: sessions as the database keeps them, so that what ends in one process is ended in all.

In: the hash of what a browser holds. Out: rows as values. Why here and not in a cookie or in memory: docs/decisions.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("sessions")
HALF, WHOLE = "half", "whole"
PASSWORD, OIDC = "password", "oidc"
# By what a second factor was shown.
AUTHENTICATOR, RECOVERY = "authenticator", "recovery"


@dataclass(frozen=True, slots=True)
class Read:
    """One session that holds, and its account as it is now."""

    session_id: uuid.UUID
    account_id: uuid.UUID
    stage: str
    method: str
    factor: str | None
    seen_at: dt.datetime
    name: str
    has_factor: bool
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """One session as its owner sees it."""

    session_id: str
    method: str
    second_factor: bool
    factor: str | None
    made_at: dt.datetime
    seen_at: dt.datetime
    expires_at: dt.datetime


async def insert(
    conn: Connection,
    id_hash: bytes,
    session_id: uuid.UUID,
    account_id: uuid.UUID,
    *,
    stage: str,
    method: str,
    factor: str | None,
    now: dt.datetime,
    expires_at: dt.datetime,
) -> None:
    """Begin a session."""
    await conn.execute(
        QUERIES["insert_session"], id_hash, session_id, account_id, stage, method, factor, now, expires_at
    )


async def read(conn: Connection, id_hash: bytes, now: dt.datetime, seen_after: dt.datetime) -> Read | None:
    """Return the session of what a browser holds, None where none holds any more."""
    row = await conn.fetchrow(QUERIES["read_session"], id_hash, now, seen_after)
    return None if row is None else Read(**{**dict(row), "roles": tuple(row["roles"])})


async def mark_seen(conn: Connection, id_hash: bytes, now: dt.datetime) -> None:
    """Note that a session is in use."""
    await conn.execute(QUERIES["mark_seen"], id_hash, now)


async def end(conn: Connection, id_hash: bytes) -> None:
    """End the session of what a browser holds; of half a session it stays to be told that its second factor never came."""
    await conn.execute(QUERIES["end_by_id"], id_hash)
    await conn.execute(QUERIES["drop_half"], id_hash)


async def complete(conn: Connection, id_hash: bytes) -> None:
    """End half a session whose second factor came."""
    await conn.execute(QUERIES["end_half"], id_hash)


async def end_one(conn: Connection, account_id: uuid.UUID, session_id: uuid.UUID) -> bool:
    """End one session of an account; False when it has none such."""
    return bool((await conn.execute(QUERIES["end_one"], account_id, session_id)) != "DELETE 0")


async def is_there(conn: Connection, account_id: uuid.UUID, session_id: uuid.UUID) -> bool:
    """Tell whether an account has this whole session still."""
    return bool(await conn.fetchval(QUERIES["is_there"], account_id, session_id))


async def end_all(conn: Connection, account_id: uuid.UUID) -> int:
    """End all sessions of an account, half ones too; return how many whole ones those were."""
    await conn.execute(QUERIES["drop_halves"], account_id)
    return int((await conn.execute(QUERIES["end_all"], account_id)).split()[-1])


async def tell_ended(conn: Connection, account_id: uuid.UUID, times: int) -> None:
    """Tell the chain of decisions that who acts ended somebody's sessions."""
    await conn.execute(QUERIES["tell_ended"], account_id, times)


async def end_oldest(conn: Connection, account_id: uuid.UUID, keep: int) -> None:
    """End all but the newest sessions of an account."""
    await conn.execute(QUERIES["end_oldest"], account_id, keep)
    await conn.execute(QUERIES["drop_oldest"], account_id, keep)


async def list_all(conn: Connection, account_id: uuid.UUID, now: dt.datetime, seen_after: dt.datetime) -> list[Listed]:
    """Return the sessions of an account that hold, the last seen first."""
    rows = await conn.fetch(QUERIES["list_sessions"], account_id, now, seen_after)
    return [Listed(**{**dict(row), "session_id": str(row["session_id"])}) for row in rows]


async def tidy(conn: Connection, now: dt.datetime, seen_before: dt.datetime, halves_before: dt.datetime) -> None:
    """Delete sessions that hold no more; tell the chain, once for each account, of half ones made before an instant."""
    await conn.execute(QUERIES["tidy_sessions"], now, seen_before)
    await conn.execute(QUERIES["tell_abandoned"], now, halves_before)
