"""The log tables: origins with their verified heads, entries, subtrees, live items, bodies, own checkpoints.

In: values that the gate (protocol/feed) has verified. Out: rows, or the bytes that tiles and bundles are made of.
Transactions are the flows' to open; nothing here commits. Source: PROTOCOL 3 and 6.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import asyncpg

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("log")
HASH_BYTES = 32
# What a running node listens to (a hint between processes; what matters is in the tables).
WAKE_CHANNEL = "rete_wake"
WAKE_PULL, WAKE_GOSSIP, WAKE_ANNOUNCE = "pull", "gossip", "announce"


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
    origin_hash: str
    checkpoint_size: int
    pending: bytes | None
    witnessed_size: int
    witnessed_at: dt.datetime | None
    cosigned_at: dt.datetime | None
    confirmed_at: dt.datetime | None
    relay: str | None
    grown_on: dt.date | None
    grown: int
    predecessor_id: int | None
    frozen_at: dt.datetime | None
    wanting: bool


@dataclass(frozen=True, slots=True)
class Served:
    """What a peer-facing route may know of one log: ``relayed`` is this node's mirror note, None of the own log."""

    origin_id: int
    origin: str
    state: str
    is_own: bool
    checkpoint_size: int
    relayed: bytes | None
    frozen_at: dt.datetime | None


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
    """Close the logs of authorities that are no longer configured; return the ids that were open until now."""
    return [row["origin_id"] for row in await conn.fetch(QUERIES["close_absent_origins"], list(present))]


async def list_origins(conn: Connection, owner: str | None = None) -> list[Origin]:
    """Return the open logs, the own one first, optionally only those of one owner (or one origin line)."""
    return [_origin(row) for row in await conn.fetch(QUERIES["list_origins"], owner)]


async def own_log(conn: Connection) -> OwnRow | None:
    """Return the log this node writes, None before it has one."""
    row = await conn.fetchrow(QUERIES["own_log"])
    return None if row is None else OwnRow(**dict(row))


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


async def wake(conn: Connection, what: str) -> None:
    """Tell this node's server, once the transaction commits, that there is something to pull or to announce."""
    await conn.execute(QUERIES["wake"], WAKE_CHANNEL, what)


async def wanted_among(conn: Connection, origin_id: int, indices: Sequence[int]) -> set[int]:
    """Return which of these positions live but have no body here yet."""
    return {row["idx"] for row in await conn.fetch(QUERIES["wanted_among"], origin_id, list(indices))}


async def has_authority(conn: Connection, authority: str) -> bool:
    """Tell whether any log of this authority is known."""
    return bool(await conn.fetchval(QUERIES["has_authority"], authority))


async def set_pending(conn: Connection, origin_id: int, note: bytes | None) -> None:
    """Remember the signed head towards which bundles are being brought in, or that there is none."""
    await conn.execute(QUERIES["set_pending"], origin_id, note)


async def set_checkpoint(conn: Connection, origin_id: int, note: bytes, size: int) -> None:
    """Keep the checkpoint of the head that is already here with newer cosignatures."""
    await conn.execute(QUERIES["set_checkpoint"], origin_id, note, size)


async def set_witnessed(
    conn: Connection, origin_id: int, size: int, witnessed_at: dt.datetime | None, cosigned_at: dt.datetime | None
) -> None:
    """Note up to where a quorum of witnesses vouches (None: none for this size) and when any of them spoke."""
    await conn.execute(QUERIES["set_witnessed"], origin_id, size, witnessed_at, cosigned_at)


async def set_relayed(conn: Connection, origin_id: int, note: bytes, size: int) -> None:
    """Keep the note that this node serves as a mirror; nothing happens if the head has moved meanwhile."""
    await conn.execute(QUERIES["set_relayed"], origin_id, note, size)


async def record_relayed(conn: Connection, origin_id: int, now: dt.datetime, relay: str) -> None:
    """Note that a relay served what is new, or confirmed that nothing is."""
    await conn.execute(QUERIES["record_relayed"], origin_id, now, relay)


async def record_confirmed(conn: Connection, origin_ids: Sequence[int], now: dt.datetime) -> None:
    """Note that somebody else knows of no newer head of these logs."""
    await conn.execute(QUERIES["record_confirmed"], list(origin_ids), now)


async def record_quarantine(conn: Connection, origin_id: int, now: dt.datetime, code: str, text: str) -> None:
    """Stop following a log that was shown to lie, and stop vouching for it."""
    await conn.execute(QUERIES["record_quarantine"], origin_id, now, code, text[:500])


async def wake_origin(conn: Connection, origin: str, size: int, now: dt.datetime) -> bool:
    """Make a log that is said to have grown due at once, whatever its back-off; tell whether it may be news."""
    return bool(await conn.fetch(QUERIES["wake_origin"], origin, size, now))


async def served_log(conn: Connection, *, origin_hash: str | None = None, origin: str | None = None) -> Served | None:
    """Return what may be shown of one log, by the hash of its origin line or by the line itself."""
    row = await conn.fetchrow(QUERIES["served_log"], origin_hash, origin)
    return None if row is None else Served(**dict(row))


async def heads(conn: Connection) -> list[tuple[str, int, bool, bytes | None]]:
    """Return (origin, id, own, mirror note) of the logs this node can vouch for, by origin."""
    return [tuple(row.values()) for row in await conn.fetch(QUERIES["heads"])]


async def bundle_bytes(conn: Connection, origin_id: int, start: int, end: int) -> int:
    """Return how many bytes the entries [start, end) take in a bundle."""
    size: int = await conn.fetchval(QUERIES["bundle_bytes"], origin_id, start, end)
    return size


async def forget(conn: Connection, origin_id: int, empty_root: bytes) -> None:
    """Drop all that is held of a followed log, so that it can be followed from its beginning."""
    await conn.execute(QUERIES["delete_log"], origin_id, timeout=600)
    await conn.execute(QUERIES["forget_origin"], origin_id, empty_root)


async def set_predecessor(conn: Connection, origin_id: int, predecessor_id: int) -> None:
    """Note which log this one continues."""
    await conn.execute(QUERIES["set_predecessor"], origin_id, predecessor_id)


async def freeze(conn: Connection, origin_id: int, now: dt.datetime) -> bool:
    """Stop a log for good and erase its bodies; False when it was stopped already."""
    return bool(await conn.fetch(QUERIES["freeze"], origin_id, now))


async def live_bodies(conn: Connection, origin_id: int) -> list[tuple[str, bytes]]:
    """Return (item id, body) of everything that lives in a log, by id, which is random: the order tells nothing."""
    rows = await conn.fetch(QUERIES["live_bodies"], origin_id, timeout=600)
    return [(str(row["item_id"]), row["body"]) for row in rows]


async def frozen_before(conn: Connection, moment: dt.datetime) -> list[tuple[int, str]]:
    """Return (id, origin) of the logs frozen before a moment."""
    return [(row["origin_id"], row["origin"]) for row in await conn.fetch(QUERIES["frozen_before"], moment)]


async def delete_frozen(conn: Connection, origin_id: int) -> None:
    """Delete all that is held of a frozen log; its row stays, so that its paths answer "gone"."""
    await conn.execute(QUERIES["delete_log"], origin_id, timeout=600)
    await conn.execute(QUERIES["close_origin"], origin_id)


async def set_state(
    conn: Connection, origin_id: int, state: str, *, code: str | None = None, text: str | None = None,
    now: dt.datetime | None = None,
) -> None:  # fmt: skip
    """Set a log's state with its reason."""
    await conn.execute(QUERIES["set_state"], origin_id, state, code, text, now)


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
    rows = ((origin_id, index, raw) for index, raw in enumerate(entries, first))
    await conn.copy_records_to_table(
        "entry", schema_name="log", columns=("origin_id", "idx", "entry"), records=rows, timeout=120
    )


async def copy_subtrees(conn: Connection, origin_id: int, subtrees: Iterable[tuple[int, int, bytes]]) -> None:
    """Append roots of complete subtrees given as (level, index, hash)."""
    rows = [(origin_id, level, index, digest) for level, index, digest in subtrees]
    if rows:
        await conn.copy_records_to_table(
            "subtree", schema_name="log", columns=("origin_id", "level", "idx", "hash"), records=rows, timeout=60
        )


async def items_by_id(conn: Connection, origin_id: int, ids: Iterable[str]) -> list[tuple[str, int, int, bool]]:
    """Return (id, last index, revision, dead) of the known ones among ``ids``."""
    wanted = [uuid.UUID(item) for item in ids]
    rows = await conn.fetch(QUERIES["items_by_id"], origin_id, wanted)
    return [(str(row["item_id"]), row["last_idx"], row["revision"], row["dead"]) for row in rows]


async def upsert_items(conn: Connection, origin_id: int, items: Sequence[tuple[str, int, int, bool]]) -> None:
    """Store the new state of items given as (id, last index, revision, dead)."""
    if not items:
        return
    ids = [uuid.UUID(item[0]) for item in items]
    indices, revisions, dead = ([item[at] for item in items] for at in (1, 2, 3))
    await conn.execute(QUERIES["upsert_items"], origin_id, ids, indices, revisions, dead, timeout=120)


async def erase_bodies(conn: Connection, origin_id: int, indices: Sequence[int]) -> None:
    """Erase bodies with their salts; what stays in the entry is a commitment to unknown randomness."""
    await conn.execute(QUERIES["erase_bodies"], origin_id, list(indices))


async def copy_bodies(conn: Connection, origin_id: int, bodies: Iterable[tuple[int, bytes, bytes]]) -> None:
    """Store verified bodies given as (index, salt, body)."""
    rows = ((origin_id, index, salt, body) for index, salt, body in bodies)
    await conn.copy_records_to_table(
        "body", schema_name="log", columns=("origin_id", "idx", "salt", "body"), records=rows, timeout=120
    )


async def copy_wanted(conn: Connection, origin_id: int, wanted: Iterable[tuple[int, str]]) -> None:
    """Put live entries without body on the want-list, given as (index, id)."""
    rows = [(origin_id, index, uuid.UUID(item)) for index, item in wanted]
    await conn.copy_records_to_table(
        "wanted", schema_name="log", columns=("origin_id", "idx", "item_id"), records=rows, timeout=120
    )


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


async def bodies_by_index(
    conn: Connection, origin_id: int, indices: Sequence[int]
) -> dict[int, tuple[bytes, bytes] | None]:
    """Return, for each position that exists, its (salt, body), or None where the body is gone."""
    rows = await conn.fetch(QUERIES["bodies_by_index"], origin_id, list(indices))
    return {row["idx"]: None if row["salt"] is None else (row["salt"], row["body"]) for row in rows}


async def signed_latest(conn: Connection, origin_id: int) -> Signed | None:
    """Return the newest own checkpoint."""
    row = await conn.fetchrow(QUERIES["signed_latest"], origin_id)
    return None if row is None else Signed(row["size"], row["root"], row["note"], row["signed_at"])


async def insert_signed(
    conn: Connection, origin_id: int, size: int, root: bytes, note: bytes, now: dt.datetime
) -> None:
    """Record an own checkpoint; the primary key makes signing one size twice impossible."""
    await conn.execute(QUERIES["insert_signed"], origin_id, size, root, note, now)


async def find_item(conn: Connection, item_id: str, *, own: bool | None = None) -> tuple[int, str, int, bool] | None:
    """Return (log id, origin, last position, withdrawn) of an item, optionally only in own or only in others' logs."""
    row = await conn.fetchrow(QUERIES["find_item"], uuid.UUID(item_id), own)
    return None if row is None else tuple(row.values())


async def keep_nonce(conn: Connection, keyid: str, nonce: str, now: dt.datetime) -> bool:
    """Remember a verified request's nonce; False when it was seen before."""
    return await conn.fetchval(QUERIES["keep_nonce"], keyid, nonce, now) is not None


async def purge_nonces(conn: Connection, before: dt.datetime) -> None:
    """Forget nonces older than any signature may be."""
    await conn.execute(QUERIES["purge_nonces"], before)
