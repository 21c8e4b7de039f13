"""The log tables: origins with their verified heads, entries, subtrees, live items, bodies, own checkpoints.

In: values that the gate (protocol/feed) has verified. Out: rows, or the bytes that tiles and bundles are made of.
Transactions are the flows' to open; nothing here commits. Source: PROTOCOL 3 and 6.
"""

from __future__ import annotations

import datetime as dt
import functools
import struct
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import asyncpg

from node.errors import N_, NotFoundError
from node.protocol import keys
from node.protocol.keys import Verifier
from node.store.copying import copy_packed, pack_uuid
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("log")
HASH_BYTES = 32
COPY_TIMEOUT_S = 120.0
# The keys of a federation are few, and read again with every row of a log.
_REMEMBERED = 8192
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
    # Where the agreement says that the log ends: nothing beyond is taken.
    end_size: int | None
    end_root: bytes | None
    # Of a log whose node is suspended or has left: its state until then.
    state_before: str | None
    vkeys: tuple[str, ...]
    until_sizes: tuple[int | None, ...]

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """All keys that speak for the log, each for as much of it as it counts for."""
        return read_keys(zip(self.vkeys, self.until_sizes, strict=True))


@dataclass(frozen=True, slots=True)
class Followed:
    """What the agreement's changes need to know of a log of another node, a closed one too."""

    origin_id: int
    origin: str
    owner: str
    state: str
    size: int
    state_before: str | None
    end_size: int | None
    predecessor_id: int | None


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
    values["vkeys"], values["until_sizes"] = tuple(values["vkeys"]), tuple(values["until_sizes"])
    return Origin(**values)


def read_keys(held: Iterable[tuple[str, int | None]]) -> tuple[Verifier, ...]:
    """Return the verifiers of (vkey, until_size) pairs."""
    return tuple(replace(_verifier(vkey), until_size=until) for vkey, until in held)


@functools.lru_cache(maxsize=_REMEMBERED)
def _verifier(vkey: str) -> Verifier:
    return keys.parse_vkey(vkey)


async def upsert_origin(
    conn: Connection, *, origin: str, owner: str, name: str, url: str | None, vkey: str, is_own: bool, empty_root: bytes
) -> int:
    """Make sure the log is known under its current key and address; return its id. Keys that it had stay: ``set_origin_keys``."""
    origin_id: int = await conn.fetchval(QUERIES["upsert_origin"], origin, owner, name, url, vkey, is_own, empty_root)
    await conn.execute(QUERIES["add_origin_key"], origin_id, vkey)
    return origin_id


async def set_origin_keys(conn: Connection, origin_id: int, held: Sequence[tuple[str, int | None]]) -> None:
    """Let exactly these keys, (vkey, until_size) with the newest last, speak for a log; one that is not withdrawn is what is shown."""
    await conn.execute(QUERIES["drop_origin_keys"], origin_id, [vkey for vkey, _ in held])
    await conn.execute(QUERIES["put_origin_keys"], origin_id, [v for v, _ in held], [until for _, until in held])
    newest = next((vkey for vkey, until in reversed(held) if until is None), None)
    if newest is not None:
        await conn.execute(QUERIES["show_origin_key"], origin_id, newest)


async def origin_keys(conn: Connection, origin_id: int) -> tuple[Verifier, ...]:
    """Return all keys that speak for a log."""
    return read_keys([(row["vkey"], row["until_size"]) for row in await conn.fetch(QUERIES["origin_keys"], origin_id)])


async def close_absent_origins(conn: Connection, present: Sequence[str]) -> list[int]:
    """Close the logs of authorities that are no longer configured; return the ids that were open until now."""
    return [row["origin_id"] for row in await conn.fetch(QUERIES["close_absent_origins"], list(present))]


async def list_origins(conn: Connection, owner: str | None = None) -> list[Origin]:
    """Return the open logs, the own one first, optionally only those of one owner."""
    return [_origin(row) for row in await conn.fetch(QUERIES["list_origins"], owner, None)]


async def origin_named(conn: Connection, line: str) -> Origin | None:
    """Return the open log with this origin line, None where there is none."""
    row = await conn.fetchrow(QUERIES["list_origins"], None, line)
    return None if row is None else _origin(row)


async def known_origin(conn: Connection, line: str) -> Origin:
    """Return the open log with this origin line. Raises: NotFoundError(log-unknown)."""
    found = await origin_named(conn, line)
    if found is None:
        raise NotFoundError("log-unknown", N_("registro sconosciuto"))
    return found


async def own_log(conn: Connection) -> OwnRow | None:
    """Return the log this node writes, None before it has one."""
    row = await conn.fetchrow(QUERIES["own_log"])
    return None if row is None else OwnRow(**dict(row))


async def lock_head(conn: Connection, origin_id: int) -> tuple[int, bytes, tuple[bytes, ...], str]:
    """Have the log for oneself until the transaction ends; return (size, root, range hashes, state)."""
    return _head(await conn.fetchrow(QUERIES["lock_origin"], origin_id))


async def _alone(conn: Connection, origin_id: int) -> None:
    # Whoever is storing bodies ends first: a statement that drops them must see them.
    await conn.execute(QUERIES["lock_origin"], origin_id)


async def lock_growth(conn: Connection, origin_id: int) -> tuple[int, bytes, tuple[bytes, ...], str]:
    """Hold off whoever else would move the head, as ``lock_head`` does, but not those who bring bodies (``share_head``)."""
    return _head(await conn.fetchrow(QUERIES["lock_growth"], origin_id))


def _head(row: asyncpg.Record) -> tuple[int, bytes, tuple[bytes, ...], str]:
    return row["size"], row["root"], split_hashes(row["range_hashes"]), row["state"]


async def share_head(conn: Connection, origin_id: int) -> None:
    """Hold off whoever would have the log for oneself, until the transaction ends; others may share the hold."""
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


async def all_due(conn: Connection, now: dt.datetime) -> None:
    """Make every followed log due at once, whatever its back-off."""
    await conn.execute(QUERIES["all_due"], now)


async def wake_owner(conn: Connection, owner: str, now: dt.datetime) -> bool:
    """Make a node's logs due at once that were refused or out of reach the last time; tell whether there are any."""
    return bool(await conn.fetch(QUERIES["wake_owner"], owner, now))


async def served_log(
    conn: Connection, *, origin_hash: str | None = None, origin: str | None = None, own_epoch: str | None = None
) -> Served | None:
    """Return what may be shown of one log, by the hash of its origin line, by the line itself, or by the year of an own one."""
    row = await conn.fetchrow(QUERIES["served_log"], origin_hash, origin, own_epoch)
    return None if row is None else Served(**dict(row))


async def heads(conn: Connection, since: int = -1) -> list[tuple[str, int, bool, bytes | None]]:
    """Return (origin, id, own, mirror note) of the logs this node can vouch for and whose head changed after ``since``."""
    return [tuple(row.values()) for row in await conn.fetch(QUERIES["heads"], since)]


async def heads_moment(conn: Connection) -> tuple[int, int]:
    """Return (when the server started, number of the newest change of a head)."""
    row = await conn.fetchrow(QUERIES["heads_moment"])
    return row["started"], row["changed"]


async def head_changed(conn: Connection, origin_id: int) -> None:
    """Give the next number to a change of what is said of a log."""
    await conn.execute(QUERIES["head_changed"], origin_id)


async def bundle_bytes(conn: Connection, origin_id: int, start: int, end: int) -> int:
    """Return how many bytes the entries [start, end) take in a bundle."""
    size: int = await conn.fetchval(QUERIES["bundle_bytes"], origin_id, start, end)
    return size


async def forget(conn: Connection, origin_id: int, empty_root: bytes) -> None:
    """Drop all that is held of a followed log, so that it can be followed from its beginning."""
    await _alone(conn, origin_id)
    await conn.execute(QUERIES["delete_log"], origin_id, timeout=600)
    await conn.execute(QUERIES["forget_origin"], origin_id, empty_root)


async def set_predecessor(conn: Connection, origin_id: int, predecessor_id: int) -> None:
    """Note which log this one continues."""
    await conn.execute(QUERIES["set_predecessor"], origin_id, predecessor_id)


async def freeze(conn: Connection, origin_id: int, now: dt.datetime) -> bool:
    """Stop a log for good and erase its bodies; False when it was stopped already."""
    await _alone(conn, origin_id)
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
    await _alone(conn, origin_id)
    await conn.execute(QUERIES["delete_log"], origin_id, timeout=600)
    await conn.execute(QUERIES["close_origin"], origin_id)


async def followed(conn: Connection) -> list[Followed]:
    """Return every log of another node that was ever known, by origin line."""
    return [Followed(**dict(row)) for row in await conn.fetch(QUERIES["followed"])]


async def suspend(conn: Connection, origin_id: int, since: dt.date, known: dt.date) -> None:
    """Hide a log and stop following it, until ``restore``; its state is remembered. A closed or frozen one stays as it is.

    ``known``: the day on which it is heard here, before which no term begins.
    """
    await conn.execute(QUERIES["suspend_origin"], origin_id, since, known)
    await conn.execute(QUERIES["suspended_since"], origin_id, since)


async def restore(conn: Connection, origin_id: int, now: dt.datetime) -> None:
    """Let a suspended log be what it was, and make it due."""
    await conn.execute(QUERIES["restore_origin"], origin_id, now)


async def depart(conn: Connection, origin_id: int, now: dt.datetime) -> None:
    """Freeze a log whose node has left: bodies go now, entries when frozen logs go; ``come_back`` is possible."""
    await conn.execute(QUERIES["note_departure"], origin_id)
    await freeze(conn, origin_id, now)


async def come_back(conn: Connection, origin_id: int, empty_root: bytes) -> None:
    """Let a log whose node had left be followed anew from its beginning."""
    await forget(conn, origin_id, empty_root)
    await conn.execute(QUERIES["note_return"], origin_id)


async def set_end(conn: Connection, origin_id: int, size: int, root: bytes) -> None:
    """Note where a log ends: nothing beyond is taken of it."""
    await conn.execute(QUERIES["set_end"], origin_id, size, root)


async def want_again(conn: Connection, code: str) -> None:
    """Put back on the want-lists what was set aside of others' logs under a code, where it still lives."""
    await conn.execute(QUERIES["want_again"], code, timeout=COPY_TIMEOUT_S)


async def suspended_until(conn: Connection, day: dt.date) -> list[tuple[int, str]]:
    """Return (id, origin) of the logs whose node has been suspended since ``day`` or longer, and that are still held."""
    return [(row["origin_id"], row["origin"]) for row in await conn.fetch(QUERIES["suspended_until"], day)]


async def erase_suspended(conn: Connection, origin_id: int, day: dt.date, empty_root: bytes) -> bool:
    """Drop all that is held of a log suspended since ``day`` or longer; False when it no longer is. It stays suspended."""
    await _alone(conn, origin_id)
    row = await conn.fetchrow(QUERIES["suspension_of"], origin_id, day)
    if row is None:
        return False
    await forget(conn, origin_id, empty_root)
    await conn.execute(QUERIES["erased_suspended"], origin_id, row["state_before"], row["suspended_since"])
    return True


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


async def signed_latest(conn: Connection, origin_id: int) -> Signed | None:
    """Return the newest own checkpoint."""
    row = await conn.fetchrow(QUERIES["signed_latest"], origin_id)
    return None if row is None else Signed(row["size"], row["root"], row["note"], row["signed_at"])


async def insert_signed(
    conn: Connection, origin_id: int, size: int, root: bytes, note: bytes, now: dt.datetime
) -> None:
    """Record an own checkpoint; the primary key makes signing one size twice impossible."""
    await conn.execute(QUERIES["insert_signed"], origin_id, size, root, note, now)


async def sign_again(conn: Connection, origin_id: int, size: int, root: bytes, note: bytes) -> None:
    """Let the newest own checkpoint carry other signatures; its size and root are what they were."""
    await conn.execute(QUERIES["sign_again"], origin_id, size, root, note)


async def find_item(conn: Connection, item_id: str, *, own: bool | None = None) -> tuple[int, str, int, bool] | None:
    """Return (log id, origin, last position, withdrawn) of an item, optionally only in own or only in others' logs."""
    row = await conn.fetchrow(QUERIES["find_item"], uuid.UUID(item_id), own)
    return None if row is None else tuple(row.values())
