"""The private side of publishing: identities, versions, decisions. Peer-facing code cannot import this module.

In: profile contents as domain/profile parsed them. Out: rows. The database itself keeps four eyes: an approver who is
the author, or an approval of other text than what stands there, is refused by constraints (privacy rule T.8).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from node.errors import N_, CallerError
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("publication")


@dataclass(frozen=True, slots=True)
class PublicationProfile:
    """One identity under which a network is, or will be, published; labels are frozen for its life."""

    profile_id: str
    network_id: str
    register_id: str
    partition_version: int
    block_id: int
    labels: Mapping[str, Any]
    state: str


@dataclass(frozen=True, slots=True)
class OpenVersion:
    """The version of a profile that is under way."""

    profile_id: str
    number: int
    state: str
    content: Mapping[str, Any]
    content_hash: bytes
    author: str
    approver: str | None
    release_day: int | None


@dataclass(frozen=True, slots=True)
class DueVersion:
    """An approved version whose round has come."""

    profile_id: str
    number: int
    content: Mapping[str, Any]
    content_hash: bytes
    approver: str
    partition_version: int
    block_id: int
    labels: Mapping[str, Any]


def _profile(row: asyncpg.Record | None) -> PublicationProfile | None:
    if row is None:
        return None
    return PublicationProfile(
        profile_id=str(row["profile_id"]),
        network_id=str(row["network_id"]),
        register_id=row["register_id"],
        partition_version=row["partition_version"],
        block_id=row["block_id"],
        labels=orjson.loads(row["labels"]),
        state=row["state"],
    )


async def insert_profile(conn: Connection, profile: PublicationProfile, now: dt.datetime) -> None:
    """Begin an identity. Raises: CallerError(profile-exists) when the network has a living one."""
    try:
        await conn.execute(
            QUERIES["insert_profile"],
            uuid.UUID(profile.profile_id),
            uuid.UUID(profile.network_id),
            profile.register_id,
            profile.partition_version,
            profile.block_id,
            orjson.dumps(profile.labels).decode(),
            now,
        )
    except asyncpg.UniqueViolationError as error:
        raise CallerError("profile-exists", N_("la rete ha già un profilo")) from error


async def living_profile(conn: Connection, network_id: str) -> PublicationProfile | None:
    """Return the network's profile that is not withdrawn."""
    return _profile(await conn.fetchrow(QUERIES["living_profile"], uuid.UUID(network_id)))


async def lock_profile(conn: Connection, profile_id: str) -> PublicationProfile | None:
    """Return one profile and lock it until the transaction ends."""
    return _profile(await conn.fetchrow(QUERIES["lock_profile"], uuid.UUID(profile_id)))


async def last_withdrawal(conn: Connection, network_id: str) -> dt.datetime | None:
    """Return when the network's last profile was withdrawn."""
    at: dt.datetime | None = await conn.fetchval(QUERIES["last_withdrawal"], uuid.UUID(network_id))
    return at


async def open_version(conn: Connection, profile_id: str) -> OpenVersion | None:
    """Return the version under way, if any."""
    row = await conn.fetchrow(QUERIES["open_version"], uuid.UUID(profile_id))
    if row is None:
        return None
    return OpenVersion(
        profile_id=str(row["profile_id"]),
        number=row["number"],
        state=row["state"],
        content=orjson.loads(row["content"]),
        content_hash=row["content_hash"],
        author=row["author"],
        approver=row["approver"],
        release_day=row["release_day"],
    )


async def save_draft(
    conn: Connection, profile_id: str, content: bytes, content_hash: bytes, author: str, now: dt.datetime
) -> int:
    """Store a draft; an open version is replaced and must be approved again. Return its number."""
    key = uuid.UUID(profile_id)
    current = await open_version(conn, profile_id)
    if current is not None:
        number = current.number
        await conn.execute(QUERIES["replace_draft"], key, number, content.decode(), content_hash, author, now)
        return number
    number = int(await conn.fetchval(QUERIES["last_number"], key)) + 1
    await conn.execute(QUERIES["insert_version"], key, number, content.decode(), content_hash, author, now)
    return number


async def approve(conn: Connection, profile_id: str, number: int, approver: str, now: dt.datetime) -> None:
    """Approve a draft. Raises: CallerError(same-officer) when the database sees author and approver are one."""
    try:
        await conn.execute(QUERIES["approve_version"], uuid.UUID(profile_id), number, approver, now)
    except asyncpg.CheckViolationError as error:
        raise CallerError(
            "same-officer",
            N_("chi approva deve essere diverso da chi ha scritto"),
            hint=N_("far approvare a un altro funzionario (--by)"),
        ) from error


async def queue(conn: Connection, profile_id: str, number: int, release_day: int) -> None:
    """Put an approved version into the round that begins on ``release_day`` (days since 1970-01-01)."""
    await conn.execute(QUERIES["queue_version"], uuid.UUID(profile_id), number, release_day)


async def due_versions(conn: Connection, day: int) -> list[DueVersion]:
    """Return and lock the queued versions whose round has come by ``day``."""
    return [
        DueVersion(
            profile_id=str(row["profile_id"]),
            number=row["number"],
            content=orjson.loads(row["content"]),
            content_hash=row["content_hash"],
            approver=row["approver"],
            partition_version=row["partition_version"],
            block_id=row["block_id"],
            labels=orjson.loads(row["labels"]),
        )
        for row in await conn.fetch(QUERIES["due_versions"], day)
    ]


async def mark_published(conn: Connection, published: Sequence[tuple[str, int, int]]) -> None:
    """Note (profile id, version, log position) as published; the content of the version before is erased."""
    ids = [uuid.UUID(item[0]) for item in published]
    await conn.execute(QUERIES["supersede_published"], ids)
    await conn.execute(QUERIES["mark_published"], ids, [item[1] for item in published], [item[2] for item in published])
    await conn.execute(QUERIES["mark_profiles_published"], ids)


async def withdraw(conn: Connection, profile_id: str, officer: str, now: dt.datetime) -> None:
    """Close an identity for ever and erase the approved texts with it."""
    await conn.execute(QUERIES["erase_versions"], uuid.UUID(profile_id))
    await conn.execute(QUERIES["withdraw_profile"], uuid.UUID(profile_id), now, officer)


async def last_version(conn: Connection, profile_id: str) -> tuple[int, bytes]:
    """Return (number, content hash) of the newest version."""
    row = await conn.fetchrow(QUERIES["last_version"], uuid.UUID(profile_id))
    return row["number"], row["content_hash"]


async def record_decision(
    conn: Connection,
    profile_id: str,
    number: int,
    *,
    action: str,
    officer: str,
    now: dt.datetime,
    candidates: int,
    content_hash: bytes,
) -> None:
    """Keep who decided what, when, and how many register networks shared the block then."""
    await conn.execute(
        QUERIES["insert_decision"], uuid.UUID(profile_id), number, action, officer, now, candidates, content_hash
    )


async def list_profiles(
    conn: Connection, *, state: str | None = None, after: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Return profiles with their newest version, by id, after ``after``."""
    rows = await conn.fetch(QUERIES["list_profiles"], state, uuid.UUID(after) if after else None, limit)
    return [
        {
            **dict(row),
            "profile_id": str(row["profile_id"]),
            "network_id": str(row["network_id"]),
            "labels": orjson.loads(row["labels"]),
        }
        for row in rows
    ]


async def reconcile(conn: Connection, origin_id: int, now: dt.datetime) -> tuple[int, int]:
    """Bring decisions in line with the own log after it was recovered; return (withdrawn, published without a decision)."""
    gone = [row["profile_id"] for row in await conn.fetch(QUERIES["reconcile_withdrawn"], origin_id, now)]
    await conn.execute(QUERIES["reconcile_erased"], gone)
    await conn.execute(QUERIES["reconcile_reopened"], origin_id)
    await conn.execute(QUERIES["reconcile_published"], origin_id)
    await conn.execute(QUERIES["reconcile_positions"], origin_id)
    orphans: int = await conn.fetchval(QUERIES["count_orphans"], origin_id)
    return len(gone), orphans


async def move_positions(conn: Connection, origin_id: int) -> None:
    """Write down where published versions stand in the log that was just begun with them."""
    await conn.execute(QUERIES["reconcile_positions"], origin_id)
