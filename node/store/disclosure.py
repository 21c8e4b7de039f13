"""What the audit of privacy reads: published versions with their private side, public bodies, public texts. Nothing is written.

In: a connection. Out: rows as values. Peer-facing code cannot import this module: it ties profiles to the register.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("disclosure")
READ_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class OwnVersion:
    """A version of an own profile that stood in the log; the days are None where a decision was lost with a database.

    ``number`` and ``position`` are None for a profile that stands in the log without a version here. ``register_id`` is
    None for what is in no register.
    """

    profile_id: str
    network_id: str
    register_id: str | None
    partition_version: int
    block_id: int
    labels: Mapping[str, Any]
    is_withdrawn: bool
    created_at: dt.datetime
    is_deferred: bool
    number: int | None
    is_standing: bool
    position: int | None
    queued_at: dt.datetime | None
    published_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class LivingBody:
    """A profile that stands published: its document, how many bytes, and whose."""

    profile_id: str
    owner: str
    is_own: bool
    position: int
    size: int
    document: Mapping[str, Any]


async def own_versions(conn: Connection) -> list[OwnVersion]:
    """Return every own version that was ever published, by profile and number."""
    rows = await conn.fetch(QUERIES["own_versions"], timeout=READ_TIMEOUT_S)
    bare = await conn.fetch(QUERIES["own_unversioned"], timeout=READ_TIMEOUT_S)
    found = [
        _version(row, row["number"], row["log_idx"], row["queued_at"], row["published_at"], stands=row["state"])
        for row in rows
    ]
    found += [_version(row, None, None, None, None, stands="published") for row in bare]
    return sorted(found, key=lambda version: (version.profile_id, version.number or 0))


def _version(
    row: asyncpg.Record,
    number: int | None,
    position: int | None,
    queued_at: dt.datetime | None,
    published_at: dt.datetime | None,
    *,
    stands: str,
) -> OwnVersion:
    return OwnVersion(
        profile_id=str(row["profile_id"]),
        network_id=str(row["network_id"]),
        register_id=row["register_id"] or None,
        partition_version=row["partition_version"],
        block_id=row["block_id"],
        labels=orjson.loads(row["labels"]),
        is_withdrawn=row["profile_state"] == "withdrawn",
        created_at=row["created_at"],
        is_deferred=row["deferred_until"] is not None,
        number=number,
        is_standing=stands == "published" and row["profile_state"] == "published",
        position=position,
        queued_at=queued_at,
        published_at=published_at,
    )


async def living_bodies(conn: Connection, *, own_only: bool) -> list[LivingBody]:
    """Return what stands published here, and in the other logs unless ``own_only``; an identifier once, the own first."""
    rows = await conn.fetch(QUERIES["living_bodies"], own_only, timeout=READ_TIMEOUT_S)
    found: dict[uuid.UUID, LivingBody] = {}
    for row in rows:
        if row["profile_id"] not in found:
            document = orjson.loads(row["body"])
            found[row["profile_id"]] = LivingBody(
                str(row["profile_id"]), row["owner"], row["is_own"], row["idx"], len(row["body"]), document
            )
    return list(found.values())


async def objects_of(conn: Connection, snapshot_id: int, register_ids: Sequence[str] | None = None) -> dict[str, str]:
    """Return the public objects of some contracts of an edition (None: all active ones), by register id."""
    wanted = None if register_ids is None else list(register_ids)
    rows = await conn.fetch(QUERIES["objects_of"], snapshot_id, wanted, timeout=READ_TIMEOUT_S)
    return {row["register_id"]: row["object_text"] for row in rows}
