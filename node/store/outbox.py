"""What waits for other members, sealed, and how far this node has read what waits for it at theirs.

In: sealed messages as bytes, numbers, times. Out: rows of the schema ``post``: ciphertext and numbers, so that what answers other
nodes may read it. Rules: numbers of one recipient grow by one, under a lock on its box held until they are committed; what the
recipient says to have is erased. The flow or the handler opens the transaction. Source: PROTOCOL 10.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from node.protocol import limits
from node.store import wake
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("outbox")
# What was refused and is remembered of each member; the newest stay.
REFUSED_KEPT = 1_000
HINT_FIRST, HINT_LONGEST = dt.timedelta(minutes=1), dt.timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Posted:
    """One message to be sent: which event of which introduction it carries, for which key, and the envelope."""

    introduction_id: str
    seq: int
    key_id: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Numbers:
    """How far a box is: the last number given, the last handed out, the last read of the other side's."""

    sent: int
    served: int
    received: int


@dataclass(frozen=True, slots=True)
class Due:
    """A member whose outbox is asked now, from which number on; ``next_at`` is when it is asked again, unless something happens."""

    peer: str
    received: int
    failures: int
    next_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message in the outbox, without its envelope."""

    number: int
    introduction_id: str
    seq: int
    key_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that came and could not be opened or applied."""

    peer: str
    number: int
    code: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Box:
    """How the post with one member stands."""

    peer: str
    sent: int
    served: int
    received: int
    next_at: dt.datetime | None
    asked_at: dt.datetime | None
    failures: int
    error_code: str | None
    hint_at: dt.datetime | None
    hints: int
    waiting: int
    # When the oldest of these was put there.
    oldest: dt.datetime | None
    refused: int


async def put(conn: Connection, recipient: str, messages: Sequence[Posted], now: dt.datetime) -> range:
    """Give messages to a member's outbox in their order, and wake whoever tells the member if it is to be told; return their numbers."""
    if not messages:
        return range(0)
    columns = zip(*((m.introduction_id, m.seq, m.key_id, m.sealed) for m in messages), strict=True)
    row = await conn.fetchrow(QUERIES["put"], recipient, len(messages), now, *map(list, columns))
    before: int = row["before"]
    if row["is_due"]:
        await wake.wake(conn, wake.POST)
    return range(before + 1, before + len(messages) + 1)


async def look(conn: Connection, peer: str) -> Numbers:
    """Return how far a member's box is now; nothing where there is none yet."""
    row = await conn.fetchrow(QUERIES["look"], peer)
    return Numbers(0, 0, 0) if row is None else Numbers(**dict(row))


async def lock(conn: Connection, peer: str) -> Numbers:
    """Lock a member's box until the transaction ends; an empty one where there is none yet, which nothing locks."""
    row = await conn.fetchrow(QUERIES["lock"], peer)
    return Numbers(0, 0, 0) if row is None else Numbers(**dict(row))


async def lock_boxes(conn: Connection, peers: Sequence[str]) -> None:
    """Lock the boxes of members until the transaction ends, always in one order: before anything of theirs is locked."""
    locked = await conn.fetch(QUERIES["lock_boxes"], peers) if peers else ()
    if len(locked) < len(set(peers)):
        # The first word with a member: nobody else holds its box yet.
        await conn.execute(QUERIES["open_boxes"], peers)
        await conn.execute(QUERIES["lock_boxes"], peers)


async def numbers_of(conn: Connection, recipient: str, introduction_id: str, seq: int) -> list[int]:
    """Return under which numbers one event waits for a member."""
    rows = await conn.fetch(QUERIES["numbers_of"], recipient, introduction_id, seq)
    return [row["number"] for row in rows]


async def waiting_of(conn: Connection, recipient: str, ids: Sequence[str]) -> set[str]:
    """Return those of some introductions of which something waits for a member."""
    return {str(row["introduction_id"]) for row in await conn.fetch(QUERIES["waiting_of"], recipient, ids)}


async def mark_acked(conn: Connection, recipient: str, number: int) -> None:
    """Note how far a member says it has read; a member that has read less than before is told all again (flows/introductions/remind)."""
    await conn.execute(QUERIES["mark_acked"], recipient, number)


async def rewound(conn: Connection, before: dt.datetime) -> list[str]:
    """Return the members that have put back an older copy of their database, and were last told all of it ``before``."""
    return [row["peer"] for row in await conn.fetch(QUERIES["rewound"], before)]


async def mark_given(conn: Connection, peer: str, now: dt.datetime) -> None:
    """Note that a member was told all again."""
    await conn.execute(QUERIES["mark_given"], peer, now)


async def drop(conn: Connection, recipient: str, numbers: Sequence[int]) -> None:
    """Take messages out of a member's outbox."""
    if numbers:
        await conn.execute(QUERIES["drop"], recipient, numbers)


async def acknowledge(conn: Connection, recipient: str, after: int) -> None:
    """Erase what a member says to have: its messages up to ``after``."""
    await conn.execute(QUERIES["acknowledge"], recipient, after)


async def renumber(conn: Connection, recipient: str, after: int) -> None:
    """Give what waits for a member new numbers, from ``after`` + 1 on, and count on from there."""
    await conn.execute(QUERIES["begin_at"], recipient, after)
    await conn.execute(QUERIES["renumber"], recipient, after)


async def after(
    conn: Connection, recipient: str, number: int, *, limit: int, max_bytes: int
) -> tuple[list[tuple[int, bytes]], bool]:
    """Return a member's messages after ``number``, as many as the bounds allow and at least one, and whether there are more."""
    rows = await conn.fetch(QUERIES["after"], recipient, number, limit, max_bytes)
    found = [(row["number"], row["sealed"]) for row in rows if row["sealed"] is not None]
    return found, len(found) < len(rows)


async def mark_served(conn: Connection, recipient: str, number: int) -> None:
    """Note up to which number messages were handed out."""
    await conn.execute(QUERIES["mark_served"], recipient, number)


async def mark_empty(conn: Connection, recipient: str, number: int) -> bool:
    """Note that nothing waits for a member beyond ``number``: it is not told again. False if something was put meanwhile."""
    return await conn.fetchval(QUERIES["mark_empty"], recipient, number) is not None


async def wake_asking(conn: Connection, peer: str, now: dt.datetime) -> None:
    """Make a member due at once, whatever its back-off, and wake whoever asks it."""
    await conn.execute(QUERIES["wake"], peer, now)
    await wake.wake(conn, wake.POST)


async def claim_due(
    conn: Connection,
    next_times: Mapping[str, dt.datetime],
    close: AbstractSet[str],
    now: dt.datetime,
    *,
    everyone: bool,
    close_since: dt.datetime,
) -> list[Due]:
    """Take the members that are due, each put off to its next time; ``close``: those asked again if not since ``close_since``."""
    peers = sorted(next_times)
    await conn.execute(QUERIES["open_boxes"], peers)
    times, near = [next_times[peer] for peer in peers], [peer in close for peer in peers]
    rows = await conn.fetch(QUERIES["claim_due"], now, peers, times, near, everyone, close_since)
    return [Due(**dict(row)) for row in rows]


async def mark_good(conn: Connection, peer: str, read_at: dt.datetime | None) -> None:
    """Note that a member answered, and, if its outbox was read to its end, when that was begun."""
    await conn.execute(QUERIES["mark_good"], peer, read_at)


async def mark_failed(conn: Connection, due: Due, code: str, next_at: dt.datetime) -> None:
    """Note that asking failed and when to ask again, unless a hint came meanwhile."""
    await conn.execute(QUERIES["mark_failed"], due.peer, code, due.next_at, next_at)


async def mark_read(conn: Connection, peer: str, number: int) -> None:
    """Note how far a member's outbox is read."""
    await conn.execute(QUERIES["mark_read"], peer, number)


async def ask_again(conn: Connection, peer: str, now: dt.datetime) -> None:
    """Make a member due again at once: there was more than one turn takes."""
    await conn.execute(QUERIES["ask_again"], peer, now)
    await wake.wake(conn, wake.POST)


async def keep_refused(conn: Connection, peer: str, refused: Sequence[tuple[int, str]], now: dt.datetime) -> None:
    """Remember (number, code) of what could not be opened or applied; the newest REFUSED_KEPT of each member stay."""
    if refused:
        # The last word on a number is kept: one statement can't write a row twice.
        codes = dict(refused)
        await conn.execute(QUERIES["keep_refused"], peer, now, list(codes), list(codes.values()))
        await conn.execute(QUERIES["forget_refused"], peer, REFUSED_KEPT)


async def refused(conn: Connection, peer: str, *, below: int = limits.TREE_SIZE_MAX, limit: int = 100) -> list[Refused]:
    """Return what was refused of a member, the newest first."""
    return [Refused(**dict(row)) for row in await conn.fetch(QUERIES["refused"], peer, below, limit)]


async def claim_hints(conn: Connection, now: dt.datetime) -> list[str]:
    """Return the members to be told now that something waits for them, each put off to a time that doubles."""
    # Locked first, looked at by another statement: what is put meanwhile is seen, or comes after and is due again.
    locked = [row["peer"] for row in await conn.fetch(QUERIES["lock_hints_due"], now)]
    if not locked:
        return []
    rows = await conn.fetch(QUERIES["claim_hints"], locked, now, HINT_FIRST, HINT_LONGEST)
    return sorted(row["peer"] for row in rows if row["waits"])


async def stale(conn: Connection, key_ids: Mapping[str, str]) -> list[str]:
    """Return the members for whom something waits that was sealed for another key than theirs is now."""
    rows = await conn.fetch(QUERIES["stale"], list(key_ids), list(key_ids.values()))
    return [row["recipient"] for row in rows]


async def sealed_otherwise(conn: Connection, recipient: str, key_id: str, number: int, limit: int) -> list[Waiting]:
    """Return a member's messages after ``number`` that were sealed for another key than this one."""
    rows = await conn.fetch(QUERIES["sealed_otherwise"], recipient, number, key_id, limit)
    return [Waiting(**{**dict(row), "introduction_id": str(row["introduction_id"])}) for row in rows]


async def reseal(conn: Connection, recipient: str, anew: Mapping[int, tuple[str, bytes]]) -> None:
    """Put (key id, envelope) in the place of what stands under these numbers."""
    keys, envelopes = [key for key, _ in anew.values()], [sealed for _, sealed in anew.values()]
    await conn.execute(QUERIES["reseal"], recipient, list(anew), keys, envelopes)


async def boxes(conn: Connection) -> list[Box]:
    """Return how the post with each member stands, by id."""
    return [Box(**dict(row)) for row in await conn.fetch(QUERIES["boxes"])]


@dataclass(frozen=True, slots=True)
class RefusedCount:
    """How many messages of a member were refused for one reason, and when the newest was."""

    peer: str
    code: str
    count: int
    newest: dt.datetime


async def refused_by_code(conn: Connection, since: dt.datetime) -> list[RefusedCount]:
    """Return what was refused since then, by member and code."""
    return [RefusedCount(**dict(row)) for row in await conn.fetch(QUERIES["refused_by_code"], since)]
