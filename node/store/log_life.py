"""How a log ends, is hidden and comes back: followed on, frozen, suspended, departed, forgotten.

In: what a later log, the agreement or an administrator says of one. Out: rows. Rules: whoever erases what a log holds has it alone; its
row in log.origin stays, so that its paths answer "gone"; nothing here commits. Source: PROTOCOL 6 and 7.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from node.store import origins
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("log_life")


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


async def forget(conn: Connection, origin_id: int, empty_root: bytes) -> None:
    """Drop all that is held of a followed log, so that it can be followed from its beginning."""
    await origins.hold_alone(conn, origin_id)
    await conn.execute(QUERIES["delete_log"], origin_id, timeout=600)
    await conn.execute(QUERIES["forget_origin"], origin_id, empty_root)


async def set_predecessor(conn: Connection, origin_id: int, predecessor_id: int) -> None:
    """Note which log this one continues."""
    await conn.execute(QUERIES["set_predecessor"], origin_id, predecessor_id)


async def freeze(conn: Connection, origin_id: int, now: dt.datetime) -> bool:
    """Stop a log for good and erase its bodies; False when it was stopped already."""
    await origins.hold_alone(conn, origin_id)
    return bool(await conn.fetch(QUERIES["freeze"], origin_id, now))


async def frozen_before(conn: Connection, moment: dt.datetime) -> list[tuple[int, str]]:
    """Return (id, origin) of the logs frozen before a moment."""
    return [(row["origin_id"], row["origin"]) for row in await conn.fetch(QUERIES["frozen_before"], moment)]


async def delete_frozen(conn: Connection, origin_id: int) -> None:
    """Delete all that is held of a frozen log; its row stays, so that its paths answer "gone"."""
    await origins.hold_alone(conn, origin_id)
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


async def suspended_until(conn: Connection, day: dt.date) -> list[tuple[int, str]]:
    """Return (id, origin) of the logs whose node has been suspended since ``day`` or longer, and that are still held."""
    return [(row["origin_id"], row["origin"]) for row in await conn.fetch(QUERIES["suspended_until"], day)]


async def erase_suspended(conn: Connection, origin_id: int, day: dt.date, empty_root: bytes) -> bool:
    """Drop all that is held of a log suspended since ``day`` or longer; False when it no longer is. It stays suspended."""
    await origins.hold_alone(conn, origin_id)
    row = await conn.fetchrow(QUERIES["suspension_of"], origin_id, day)
    if row is None:
        return False
    await forget(conn, origin_id, empty_root)
    await conn.execute(QUERIES["erased_suspended"], origin_id, row["state_before"], row["suspended_since"])
    return True
