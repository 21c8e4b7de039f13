"""What logs hold: entries, subtrees, live items, bodies and the want-list, problems.

In: values that the gate (protocol/feed) has verified. Out: rows, or the bytes that tiles and bundles are made of.
Transactions are the flows' to open; nothing here commits. Source: PROTOCOL 3 and 6.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable, Sequence

from node.protocol.merkle import HASH_BYTES
from node.store.copying import copy_packed, pack_uuid
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("log")
COPY_TIMEOUT_S = 120.0
# Rows for COPY: the number of fields, then each field's length and value, in the order of the columns.
_ENTRY = struct.Struct(">hiiiqi").pack
_ITEM = struct.Struct(">hiii16siqiii?").pack
_BODY = struct.Struct(">hiiiqi32si").pack
_WANTED = struct.Struct(">hiiiqi16s").pack


async def bundle_bytes(conn: Connection, origin_id: int, start: int, end: int) -> int:
    """Return how many bytes the entries [start, end) take in a bundle."""
    size: int = await conn.fetchval(QUERIES["bundle_bytes"], origin_id, start, end)
    return size


async def live_bodies(conn: Connection, origin_id: int) -> list[tuple[str, bytes]]:
    """Return (item id, body) of everything that lives in a log, by id, which is random: the order tells nothing."""
    rows = await conn.fetch(QUERIES["live_bodies"], origin_id, timeout=600)
    return [(str(row["item_id"]), row["body"]) for row in rows]


async def want_again(conn: Connection, code: str) -> None:
    """Put back on the want-lists what was set aside of others' logs under a code, where it still lives."""
    await conn.execute(QUERIES["want_again"], code, timeout=COPY_TIMEOUT_S)


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


async def wanted_by_origin(conn: Connection) -> dict[int, int]:
    """Return how many bodies of each origin are still to be fetched, where there are any."""
    return {row["origin_id"]: row["count"] for row in await conn.fetch(QUERIES["wanted_by_origin"])}


async def problems_by_origin(conn: Connection) -> dict[int, dict[str, int]]:
    """Return how many things of each origin were set aside, by code, where there are any."""
    found: dict[int, dict[str, int]] = {}
    for row in await conn.fetch(QUERIES["problems_by_origin"]):
        found.setdefault(row["origin_id"], {})[row["code"]] = row["count"]
    return found


async def insert_problems(conn: Connection, origin_id: int, problems: Sequence[tuple[int, str]]) -> None:
    """Record entries or bodies set aside, given as (index, code)."""
    if problems:
        indices, codes = [p[0] for p in problems], [p[1] for p in problems]
        await conn.execute(QUERIES["insert_problems"], origin_id, indices, codes)


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


async def find_item(
    conn: Connection, item_id: str, *, own: bool | None = None, origin: str | None = None
) -> tuple[int, str, int, bool] | None:
    """Return (log id, origin, last position, withdrawn) of an item, optionally only in own or only in others' logs, or in one."""
    row = await conn.fetchrow(QUERIES["find_item"], uuid.UUID(item_id), own, origin)
    return None if row is None else tuple(row.values())
