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

from node.domain.labels import ATTRIBUTES, encode
from node.domain.profile import SENSITIVE
from node.errors import N_, CallerError
from node.store.postgres import Connection, load_queries
from node.store.reference import load_label_reference

QUERIES = load_queries("publication")
ONE_ROW = "UPDATE 1"


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
    deferred_until: dt.date | None = None
    withdrawn_at: dt.datetime | None = None
    withdrawn_by: str | None = None
    potential: bool = False


@dataclass(frozen=True, slots=True)
class OpenVersion:
    """The version of a profile that is under way; ``held_code`` says why it did not leave when its round came."""

    profile_id: str
    number: int
    state: str
    content: Mapping[str, Any]
    content_hash: bytes
    author: str
    approver: str | None
    release_day: int | None
    held_code: str | None = None


@dataclass(frozen=True, slots=True)
class DueVersion:
    """An approved version whose round has come; ``amber`` doubtful points were answered for when it was approved."""

    profile_id: str
    network_id: str
    register_id: str
    number: int
    content: Mapping[str, Any]
    content_hash: bytes
    approver: str
    partition_version: int
    block_id: int
    labels: Mapping[str, Any]
    potential: bool = False
    amber: int = 0
    held_code: str | None = None


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
        deferred_until=row["deferred_until"],
        withdrawn_at=row["withdrawn_at"],
        withdrawn_by=row["withdrawn_by"],
        potential=row["potential"],
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
            profile.potential,
        )
    except asyncpg.UniqueViolationError as error:
        raise CallerError("profile-exists", N_("la rete ha già un profilo")) from error


async def living_profile(conn: Connection, network_id: str) -> PublicationProfile | None:
    """Return the network's profile that is not withdrawn."""
    return _profile(await conn.fetchrow(QUERIES["living_profile"], uuid.UUID(network_id)))


async def lock_profile(conn: Connection, profile_id: str) -> PublicationProfile | None:
    """Return one profile and lock it until the transaction ends."""
    return _profile(await conn.fetchrow(QUERIES["lock_profile"], uuid.UUID(profile_id)))


async def find_profile(conn: Connection, profile_id: str) -> PublicationProfile | None:
    """Return one profile as it stands, without holding anybody up."""
    return _profile(await conn.fetchrow(QUERIES["find_profile"], uuid.UUID(profile_id)))


async def last_withdrawn(conn: Connection, network_id: str) -> PublicationProfile | None:
    """Return the network's profile that was withdrawn last."""
    return _profile(await conn.fetchrow(QUERIES["last_withdrawn"], uuid.UUID(network_id)))


async def defer(conn: Connection, profile_id: str, until: dt.date) -> None:
    """Keep the one deferral of a profile; what was drawn before stays."""
    await conn.execute(QUERIES["defer_profile"], uuid.UUID(profile_id), until)


def _version(row: asyncpg.Record | None) -> OpenVersion | None:
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
        held_code=row["held_code"],
    )


async def open_version(conn: Connection, profile_id: str) -> OpenVersion | None:
    """Return the version under way, if any."""
    return _version(await conn.fetchrow(QUERIES["open_version"], uuid.UUID(profile_id)))


async def shown_version(conn: Connection, profile_id: str) -> OpenVersion | None:
    """Return the version under way, else the published one."""
    return _version(await conn.fetchrow(QUERIES["shown_version"], uuid.UUID(profile_id)))


def _not_open() -> CallerError:
    return CallerError("profile-not-open", N_("nessuna versione in lavorazione per questo profilo"))


async def save_draft(
    conn: Connection, profile_id: str, content: bytes, content_hash: bytes, author: str, now: dt.datetime
) -> int:
    """Store a draft; an open version is replaced and must be approved again. Return its number.

    The caller holds the profile's lock. Raises: CallerError(profile-not-open) when the open version is open no more.
    """
    key = uuid.UUID(profile_id)
    current = await open_version(conn, profile_id)
    if current is not None:
        number = current.number
        done = await conn.execute(QUERIES["replace_draft"], key, number, content.decode(), content_hash, author, now)
        if done != ONE_ROW:
            raise _not_open()
        return number
    number = int(await conn.fetchval(QUERIES["last_number"], key)) + 1
    await conn.execute(QUERIES["insert_version"], key, number, content.decode(), content_hash, author, now)
    return number


async def approve(conn: Connection, profile_id: str, number: int, approver: str, now: dt.datetime) -> None:
    """Approve a draft. Raises: CallerError(same-officer | profile-not-open): one officer, or no draft any more."""
    try:
        done = await conn.execute(QUERIES["approve_version"], uuid.UUID(profile_id), number, approver, now)
    except asyncpg.CheckViolationError as error:
        if error.constraint_name != "four_eyes":
            raise
        raise CallerError(
            "same-officer",
            N_("chi approva deve essere diverso da chi ha scritto"),
            hint=N_("far approvare a un altro funzionario (--by)"),
        ) from error
    if done != ONE_ROW:
        raise _not_open()


async def queue(conn: Connection, profile_id: str, number: int, release_day: int) -> None:
    """Put an approved version into the round that begins on ``release_day`` (days since 1970-01-01).

    Raises: CallerError(profile-not-open) when it is approved no more.
    """
    if await conn.execute(QUERIES["queue_version"], uuid.UUID(profile_id), number, release_day) != ONE_ROW:
        raise _not_open()


async def due_versions(conn: Connection, day: int) -> list[DueVersion]:
    """Return the queued versions whose round has come by ``day``; their profiles stay locked."""
    locked = [row["profile_id"] for row in await conn.fetch(QUERIES["lock_due_profiles"], day)]
    return [
        DueVersion(
            profile_id=str(row["profile_id"]),
            network_id=str(row["network_id"]),
            register_id=row["register_id"],
            number=row["number"],
            content=orjson.loads(row["content"]),
            content_hash=row["content_hash"],
            approver=row["approver"],
            partition_version=row["partition_version"],
            block_id=row["block_id"],
            labels=orjson.loads(row["labels"]),
            potential=row["potential"],
            amber=row["amber"],
            held_code=row["held_code"],
        )
        for row in await conn.fetch(QUERIES["due_versions"], day, locked)
    ]


async def hold(conn: Connection, held: Sequence[tuple[str, int, str]]) -> None:
    """Note (profile id, version, code) of queued versions that do not leave, and why."""
    ids, numbers, codes = [uuid.UUID(item[0]) for item in held], [item[1] for item in held], [item[2] for item in held]
    await conn.execute(QUERIES["hold_versions"], ids, numbers, codes)


async def published_among(conn: Connection, versions: Sequence[tuple[str, int]]) -> list[str]:
    """Return the profile ids of those (profile id, version) that are published."""
    ids, numbers = [uuid.UUID(item[0]) for item in versions], [item[1] for item in versions]
    return [str(row["profile_id"]) for row in await conn.fetch(QUERIES["published_among"], ids, numbers)]


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
    reason: str | None = None,
    gate: Mapping[str, Any] | None = None,
) -> None:
    """Keep who decided what, when, why, how many register networks shared the block then, and what the text gate measured."""
    key = uuid.UUID(profile_id)
    measured = None if gate is None else orjson.dumps(gate).decode()
    await conn.execute(
        QUERIES["insert_decision"],
        key,
        number,
        action,
        officer,
        now,
        candidates,
        content_hash,
        reason or None,
        measured,
    )


async def classes_in_block(
    conn: Connection, labels: Mapping[str, Any], kind: str, without: Sequence[str]
) -> list[Mapping[str, list[str]]]:
    """Return the sensitive classes that each living profile of a block shows in the federation, as this node knows it.

    ``labels`` and ``kind`` are a profile document's; profiles whose ids are in ``without`` are left out.
    """
    reference = load_label_reference()
    columns = [encode(labels[name]["level"], labels[name]["values"]) for name in ATTRIBUTES[:-1]]
    values = {name: tuple(labels[name]["values"]) for name in ATTRIBUTES[:-1]} | {"kind": (kind,)}
    # One exact term of each label is enough for the index to find the block; the columns then compare whole labels.
    terms = [min(t for t in reference.terms(name, found) if t[1] == "=") for name, found in values.items()]
    ids = [uuid.UUID(profile_id) for profile_id in without]
    rows = await conn.fetch(QUERIES["classes_in_block"], terms, *columns, encode("KIND", (kind,)), ids)
    return [{name: orjson.loads(row[name]) for name in SENSITIVE} for row in rows]


async def last_action(conn: Connection, profile_id: str, number: int) -> str | None:
    """Return what was decided last about one version."""
    found: str | None = await conn.fetchval(QUERIES["last_action"], uuid.UUID(profile_id), number)
    return found


async def list_versions(conn: Connection, profile_id: str) -> list[Mapping[str, Any]]:
    """Return all versions of a profile, the newest first: number, state, who wrote and approved, when, content hash."""
    return [dict(row) for row in await conn.fetch(QUERIES["list_versions"], uuid.UUID(profile_id))]


async def list_decisions(conn: Connection, profile_id: str) -> list[Mapping[str, Any]]:
    """Return what was decided about a profile, the newest first."""
    rows = await conn.fetch(QUERIES["list_decisions"], uuid.UUID(profile_id))
    return [{**dict(row), "gate": orjson.loads(row["gate"]) if row["gate"] else None} for row in rows]


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


async def profiles_of_network(conn: Connection, network_id: str) -> list[dict[str, Any]]:
    """Return a network's profiles, the living one first."""
    rows = await conn.fetch(QUERIES["profiles_of_network"], uuid.UUID(network_id))
    return [{**dict(row), "profile_id": str(row["profile_id"])} for row in rows]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is under way; ``own_...`` are one officer's, ``to_approve`` what others submitted; ``next_release_day`` is a day number."""

    own_drafts: int
    own_waiting: int
    to_approve: int
    approved: int
    queued: int
    next_release_day: int | None


async def waiting(conn: Connection, officer: str) -> Waiting:
    """Return what is under way, as one officer looks at it."""
    return Waiting(**dict(await conn.fetchrow(QUERIES["waiting"], officer)))


async def held(conn: Connection) -> dict[str, int]:
    """Return how many versions wait past their round, by the code of why."""
    return {row["held_code"]: row["profiles"] for row in await conn.fetch(QUERIES["held"])}


async def last_round(conn: Connection) -> tuple[dt.datetime, int] | None:
    """Return when profiles last left and how many, None before the first."""
    row = await conn.fetchrow(QUERIES["last_round"])
    return None if row is None else (row["decided_at"], row["profiles"])


async def living_by_block(conn: Connection, partition_version: int) -> dict[int, int]:
    """Return how many living profiles show each block of a partition."""
    rows = await conn.fetch(QUERIES["living_by_block"], partition_version)
    return {row["block_id"]: row["profiles"] for row in rows}


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
