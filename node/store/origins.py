"""The rows of log.origin: every log that is known here, with its verified head, its keys and how it was last reached.

In: values that the gate (protocol/feed) has verified. Out: rows. Rules: transactions are the flows' to open, nothing here commits; a head
moves while its row is held. How a log ends stands in ``store/log_life``. Source: PROTOCOL 3, 5 and 6.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import asyncpg

from node.errors import N_, NotFoundError
from node.protocol import keys
from node.protocol.keys import Verifier
from node.protocol.merkle import HASH_BYTES
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("origins")
# The keys of a federation are few, and read again with every row of a log.
_REMEMBERED = 8192


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
class Served:
    """What a peer-facing route may know of one log: ``relayed`` is this node's mirror note, None of the own log."""

    origin_id: int
    origin: str
    state: str
    is_own: bool
    checkpoint_size: int
    relayed: bytes | None
    frozen_at: dt.datetime | None


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


async def lock_head(conn: Connection, origin_id: int) -> tuple[int, bytes, tuple[bytes, ...], str]:
    """Have the log for oneself until the transaction ends; return (size, root, range hashes, state)."""
    return _head(await conn.fetchrow(QUERIES["lock_origin"], origin_id))


async def hold_alone(conn: Connection, origin_id: int) -> None:
    """Have the log for oneself until the transaction ends: whoever is storing bodies ends first, so that what drops them sees them."""
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
