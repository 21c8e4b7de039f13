"""The log tables: origins with their verified heads, entries, subtrees, live items, bodies, own checkpoints.

In: values that the gate (protocol/feed) has verified. Out: rows, or the bytes that tiles and bundles are made of.
Transactions are the flows' to open; nothing here commits. Source: PROTOCOL 3 and 6.
"""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import asyncpg

from node.store.copying import copy_packed, pack_uuid
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("log")
HASH_BYTES = 32
COPY_TIMEOUT_S = 120.0
# Rows for COPY: the number of fields, then each field's length and value, in the order of the columns.
_ENTRY = struct.Struct(">hiiiqi").pack
_ITEM = struct.Struct(">hiii16siqiii?").pack
_BODY = struct.Struct(">hiiiqi32si").pack
_WANTED = struct.Struct(">hiiiqi16s").pack


@dataclass(frozen=True, slots=True)
class Origin:
    """One followed log (or the own one) as its row says."""

    origin_id: int
    origin: str
    owner: str
    name: str
    url: str | None
    vkey: str
    is_own: bool
    state: str
    size: int
    root: bytes
    range_hashes: tuple[bytes, ...]
    checkpoint: bytes | None
    etag: str | None
    checked_at: dt.datetime | None
    advanced_at: dt.datetime | None
    failures: int
    next_pull_at: dt.datetime | None
    error_code: str | None
    error_text: str | None
    error_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Signed:
    """One own checkpoint that has been signed."""

    size: int
    root: bytes
    note: bytes
    signed_at: dt.datetime


def split_hashes(packed: bytes) -> tuple[bytes, ...]:
    """Cut concatenated 32-byte hashes apart."""
    return tuple(packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES))


def _origin(row: asyncpg.Record) -> Origin:
    values = dict(row)
    values["range_hashes"] = split_hashes(values["range_hashes"])
    return Origin(**values)


async def upsert_origin(
    conn: Connection, *, origin: str, owner: str, name: str, url: str | None, vkey: str, is_own: bool, empty_root: bytes
) -> int:
    """Make sure the log is known under its current key and address; return its id."""
    origin_id: int = await conn.fetchval(QUERIES["upsert_origin"], origin, owner, name, url, vkey, is_own, empty_root)
    return origin_id


async def close_absent_origins(conn: Connection, present: Sequence[str]) -> list[int]:
    """Close the logs that are no longer configured; return the ids that were open until now."""
    return [row["origin_id"] for row in await conn.fetch(QUERIES["close_absent_origins"], list(present))]


async def list_origins(conn: Connection, owner: str | None = None) -> list[Origin]:
    """Return the open logs, the own one first, optionally only those of one owner (or one origin line)."""
    return [_origin(row) for row in await conn.fetch(QUERIES["list_origins"], owner)]


async def own_origin_id(conn: Connection) -> int | None:
    """Return the id of the node's own open log."""
    row = await conn.fetchrow(QUERIES["own_origin"])
    return None if row is None else int(row["origin_id"])


async def lock_head(conn: Connection, origin_id: int) -> tuple[int, bytes, tuple[bytes, ...], str]:
    """Lock the origin's row until the transaction ends; return (size, root, range hashes, state)."""
    row = await conn.fetchrow(QUERIES["lock_origin"], origin_id)
    return row["size"], row["root"], split_hashes(row["range_hashes"]), row["state"]


async def share_head(conn: Connection, origin_id: int) -> None:
    """Hold off whoever would move the head, until the transaction ends; others may share the hold."""
    await conn.execute(QUERIES["share_origin"], origin_id)


async def advance(
    conn: Connection,
    origin_id: int,
    *,
    size: int,
    root: bytes,
    range_hashes: Iterable[bytes],
    checkpoint: bytes | None,
    now: dt.datetime,
) -> None:
    """Move the verified head of a locked origin."""
    await conn.execute(QUERIES["advance_origin"], origin_id, size, root, b"".join(range_hashes), checkpoint, now)


async def record_success(conn: Connection, origin_id: int, now: dt.datetime, etag: str | None) -> None:
    """Note that the peer answered and that all it said was true."""
    await conn.execute(QUERIES["record_success"], origin_id, now, etag)


async def record_failure(
    conn: Connection,
    origin_id: int,
    *,
    now: dt.datetime,
    code: str,
    text: str,
    state: str | None,
    next_pull_at: dt.datetime | None,
) -> None:
    """Note why the peer could not be followed; the cursor stays where it was."""
    await conn.execute(QUERIES["record_failure"], origin_id, now, code, text[:500], state, next_pull_at)


async def copy_entries(conn: Connection, origin_id: int, first: int, entries: Iterable[bytes]) -> None:
    """Append raw entries at consecutive positions from ``first``."""
    rows = (_ENTRY(3, 4, origin_id, 8, index, len(raw)) + raw for index, raw in enumerate(entries, first))
    await copy_packed(conn, "log", "entry", ("origin_id", "idx", "entry"), rows, timeout_s=COPY_TIMEOUT_S)


async def copy_subtrees(conn: Connection, origin_id: int, subtrees: Iterable[tuple[int, int, bytes]]) -> None:
    """Append roots of complete subtrees given as (level, index, hash)."""
    rows = [(origin_id, level, index, digest) for level, index, digest in subtrees]
    if rows:
        await conn.copy_records_to_table(
            "subtree", schema_name="log", columns=("origin_id", "level", "idx", "hash"), records=rows, timeout=60
        )


async def items_by_id(conn: Connection, origin_id: int, ids: Iterable[str]) -> list[tuple[str, int, int, bool]]:
    """Return (id, last index, revision, dead) of the known ones among ``ids``."""
    rows = await conn.fetch(QUERIES["items_by_id"], origin_id, list(ids))
    return [(str(row["item_id"]), row["last_idx"], row["revision"], row["dead"]) for row in rows]


async def copy_items(conn: Connection, origin_id: int, items: Iterable[tuple[str, int, int, bool]]) -> None:
    """Store the state of items that ``items_by_id`` does not know, given as (id, last index, revision, dead)."""
    rows = (
        _ITEM(5, 4, origin_id, 16, pack_uuid(item), 8, index, 4, revision, 1, dead)
        for item, index, revision, dead in items
    )
    columns = ("origin_id", "item_id", "last_idx", "revision", "dead")
    await copy_packed(conn, "log", "item", columns, rows, timeout_s=COPY_TIMEOUT_S)


async def upsert_items(conn: Connection, origin_id: int, items: Sequence[tuple[str, int, int, bool]]) -> None:
    """Store the new state of items given as (id, last index, revision, dead)."""
    if not items:
        return
    ids, indices, revisions, dead = ([item[at] for item in items] for at in range(4))
    await conn.execute(QUERIES["upsert_items"], origin_id, ids, indices, revisions, dead, timeout=COPY_TIMEOUT_S)


async def erase_bodies(conn: Connection, origin_id: int, indices: Sequence[int]) -> None:
    """Erase bodies with their salts; what stays in the entry is a commitment to unknown randomness."""
    await conn.execute(QUERIES["erase_bodies"], origin_id, list(indices))


async def copy_bodies(conn: Connection, origin_id: int, bodies: Iterable[tuple[int, bytes, bytes]]) -> None:
    """Store verified bodies given as (index, salt, body)."""
    rows = (_BODY(4, 4, origin_id, 8, index, HASH_BYTES, salt, len(body)) + body for index, salt, body in bodies)
    await copy_packed(conn, "log", "body", ("origin_id", "idx", "salt", "body"), rows, timeout_s=COPY_TIMEOUT_S)


async def copy_wanted(conn: Connection, origin_id: int, wanted: Iterable[tuple[int, str]]) -> None:
    """Put live entries without body on the want-list, given as (index, id)."""
    rows = (_WANTED(3, 4, origin_id, 8, index, 16, pack_uuid(item)) for index, item in wanted)
    await copy_packed(conn, "log", "wanted", ("origin_id", "idx", "item_id"), rows, timeout_s=COPY_TIMEOUT_S)


async def drop_wanted(conn: Connection, origin_id: int, indices: Sequence[int]) -> set[int]:
    """Take indices off the want-list; return those that were on it, that is, still live."""
    return {row["idx"] for row in await conn.fetch(QUERIES["drop_wanted"], origin_id, list(indices))}


async def list_wanted(conn: Connection, origin_id: int, after: int, limit: int) -> list[tuple[int, bytes]]:
    """Return up to ``limit`` wanted (index, raw entry) after index ``after``."""
    return [(row["idx"], row["entry"]) for row in await conn.fetch(QUERIES["list_wanted"], origin_id, after, limit)]


async def count_wanted(conn: Connection, origin_id: int) -> int:
    """Return how many bodies of this origin are still to be fetched."""
    count: int = await conn.fetchval(QUERIES["count_wanted"], origin_id)
    return count


async def insert_problems(conn: Connection, origin_id: int, problems: Sequence[tuple[int, str]]) -> None:
    """Record entries or bodies set aside, given as (index, code)."""
    if problems:
        indices, codes = [p[0] for p in problems], [p[1] for p in problems]
        await conn.execute(QUERIES["insert_problems"], origin_id, indices, codes)


async def count_problems(conn: Connection, origin_id: int) -> dict[str, int]:
    """Return how many things of this origin were set aside, by code."""
    return {row["code"]: row["count"] for row in await conn.fetch(QUERIES["count_problems"], origin_id)}


async def entry_bundle(conn: Connection, origin_id: int, start: int, end: int) -> tuple[int, bytes]:
    """Return (how many entries, bundle bytes) of the positions [start, end) (PROTOCOL 2, entry bundle)."""
    row = await conn.fetchrow(QUERIES["entry_bundle"], origin_id, start, end)
    return row["width"], row["bundle"] or b""


async def entries_between(conn: Connection, origin_id: int, start: int, end: int) -> list[bytes]:
    """Return raw entries at [start, end)."""
    return [row["entry"] for row in await conn.fetch(QUERIES["entries_between"], origin_id, start, end)]


async def subtrees_between(conn: Connection, origin_id: int, level: int, start: int, end: int) -> list[bytes]:
    """Return the roots of complete subtrees of 256^level leaves at [start, end)."""
    return [row["hash"] for row in await conn.fetch(QUERIES["subtrees_between"], origin_id, level, start, end)]


async def body_answers(conn: Connection, origin_id: int, indices: Sequence[int]) -> dict[int, bytes]:
    """Return, for each position that exists, its answer as the wire wants it (PROTOCOL 3.3)."""
    rows = await conn.fetch(QUERIES["body_answers"], origin_id, indices)
    return {row["idx"]: row["answer"] for row in rows}


async def signed_latest(conn: Connection, origin_id: int) -> Signed | None:
    """Return the newest own checkpoint."""
    row = await conn.fetchrow(QUERIES["signed_latest"], origin_id)
    return None if row is None else Signed(row["size"], row["root"], row["note"], row["signed_at"])


async def insert_signed(
    conn: Connection, origin_id: int, size: int, root: bytes, note: bytes, now: dt.datetime
) -> None:
    """Record an own checkpoint; the primary key makes signing one size twice impossible."""
    await conn.execute(QUERIES["insert_signed"], origin_id, size, root, note, now)


async def item_position(conn: Connection, origin_id: int, item_id: str) -> tuple[int, int, bool] | None:
    """Return (last index, revision, dead) of one item."""
    row = await conn.fetchrow(QUERIES["item_position"], origin_id, uuid.UUID(item_id))
    return None if row is None else (row["last_idx"], row["revision"], row["dead"])


async def keep_nonce(conn: Connection, keyid: str, nonce: str, now: dt.datetime) -> bool:
    """Remember a verified request's nonce; False when it was seen before."""
    return await conn.fetchval(QUERIES["keep_nonce"], keyid, nonce, now) is not None


async def purge_nonces(conn: Connection, before: dt.datetime) -> None:
    """Forget nonces older than any signature may be."""
    await conn.execute(QUERIES["purge_nonces"], before)
