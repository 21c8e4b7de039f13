"""Shared case files as the database keeps them: shares of the own cases, and the copies that others share with this office.

In: connections inside transactions of the flow, which has locked the other office's box first. Out: rows as values. What becomes of a
share is told to the chain of decisions by the database (migration 0054). No public or peer-facing route can import this.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from node.domain.programme.shared_case import Kind, Reply, State
from node.store.case_documents import File
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("shared_cases")
TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class ShareRow:
    """An own case that is shared with an office; ``case_id`` None once the case is gone.

    ``said``, ``content``: number and digest of our newest message; ``heard``: the partner's newest; ``acked``: which of ours it knows.
    """

    share_id: str
    case_id: str | None
    peer: str
    documents: tuple[str, ...]
    consent_on: dt.date
    consent_ref: str
    state: State
    proposed_by: str
    approved_by: str
    said: int
    content: bytes | None
    heard: int
    acked: int
    has_left: bool
    posted_at: dt.datetime | None
    created_at: dt.datetime
    changed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class SharedRow:
    """A case that another office shares with this one: its newest copy, {} once it is ended, and the own answers.

    ``changed``: the number of our newest message with something new in it; ``posted``: the newest that was put out.
    """

    share_id: str
    peer: str
    state: State
    copy: Mapping[str, Any] = field(repr=False)
    replies: Sequence[Mapping[str, Any]] = field(repr=False)
    heard: int
    said: int
    changed: int
    acked: int
    posted: int
    posted_at: dt.datetime | None
    came_at: dt.datetime
    changed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Arrived:
    """A document that came with a copy, judged already."""

    document_id: str
    file_name: str
    media_type: str
    sha256: bytes
    content: bytes = field(repr=False)


def _share(row: Any) -> ShareRow | None:
    if row is None:
        return None
    return ShareRow(**{**dict(row), "documents": tuple(map(str, row["documents"])), "state": State(row["state"])})


def _shared(row: Any) -> SharedRow | None:
    if row is None:
        return None
    return SharedRow(**{
        **dict(row), "state": State(row["state"]), "copy": orjson.loads(row["copy"]), "replies": orjson.loads(row["replies"]),
    })  # fmt: skip


async def insert_share(conn: Connection, row: ShareRow) -> bool:
    """Keep a proposed share; False where this case has one with that office already."""
    done = await conn.execute(
        QUERIES["insert_share"], uuid.UUID(row.share_id), uuid.UUID(row.case_id), row.peer, [uuid.UUID(key) for key in row.documents],
        row.consent_on, row.consent_ref, row.proposed_by, row.created_at,
    )  # fmt: skip
    return bool(done.endswith(" 1"))


async def lock_share(conn: Connection, share_id: str) -> ShareRow | None:
    """Return a share that nobody else changes until this transaction ends, None when there is none."""
    return _share(await conn.fetchrow(QUERIES["lock_share"], uuid.UUID(share_id)))


async def read_share(conn: Connection, share_id: str) -> ShareRow | None:
    """Return a share, None when there is none."""
    return _share(await conn.fetchrow(QUERIES["read_share"], uuid.UUID(share_id)))


async def list_shares(conn: Connection, case_id: str | None, limit: int) -> list[ShareRow]:
    """Return shares of one case or of all, newest first."""
    key = None if case_id is None else uuid.UUID(case_id)
    rows = await conn.fetch(QUERIES["list_shares"], key, limit)
    return [found for row in rows if (found := _share(row)) is not None]


async def save_share(conn: Connection, row: ShareRow) -> None:
    """Keep how a share stands."""
    await conn.execute(
        QUERIES["save_share"], uuid.UUID(row.share_id), str(row.state), row.approved_by, row.said, row.content, row.heard, row.acked,
        row.has_left, row.posted_at, row.changed_at,
    )  # fmt: skip


async def mark_looked(conn: Connection, share_id: str, now: dt.datetime) -> None:
    """Note when a share was last compared with its case."""
    await conn.execute(QUERIES["mark_looked"], uuid.UUID(share_id), now)


async def to_look(conn: Connection, limit: int) -> list[tuple[str, str]]:
    """Return (share, partner) of what may have to be told anew, longest ago first."""
    return [(row["share_id"], row["peer"]) for row in await conn.fetch(QUERIES["to_look"], limit)]


async def replies(conn: Connection, share_id: str) -> list[Reply]:
    """Return what the partner answered, in its order."""
    rows = await conn.fetch(QUERIES["replies"], uuid.UUID(share_id))
    return [Reply(row["number"], Kind(row["kind"]), row["words"], row["due_on"], row["on_day"]) for row in rows]


async def keep_replies(conn: Connection, share_id: str, case_id: str, told: Sequence[Reply]) -> bool:
    """Keep what the partner answers now: what it says no more goes, what is there stays as it is; return whether anything changed."""
    key = uuid.UUID(share_id)
    done = [await conn.execute(QUERIES["drop_replies"], key, [reply.number for reply in told])]
    done += [
        await conn.execute(
            QUERIES["insert_reply"],
            key,
            item.number,
            uuid.UUID(case_id),
            str(item.kind),
            item.words,
            item.due_on,
            item.on,
        )
        for item in told
    ]
    return any(not one.endswith(" 0") for one in done)


async def insert_step(conn: Connection, row: ShareRow | SharedRow, action: str, officer: str, now: dt.datetime) -> None:
    """Tell what became of a share; ``officer`` "" where the node did it by itself."""
    case = uuid.UUID(row.case_id) if isinstance(row, ShareRow) and row.case_id is not None else None
    await conn.execute(QUERIES["insert_step"], uuid.UUID(row.share_id), case, row.peer, now, officer, action)


async def contents(conn: Connection, case_id: str, ids: Iterable[str], max_bytes: int) -> dict[str, bytes]:
    """Return the bytes of those documents of a case that are no larger than ``max_bytes``."""
    keys = [uuid.UUID(key) for key in ids]
    if not keys:
        return {}
    rows = await conn.fetch(QUERIES["document_contents"], uuid.UUID(case_id), keys, max_bytes, timeout=TIMEOUT_S)
    return {row["document_id"]: row["content"] for row in rows}


async def drop_waiting(conn: Connection, peer: str, share_id: str) -> None:
    """Take out of an office's box what waits there of a share."""
    await conn.execute(QUERIES["drop_waiting"], peer, uuid.UUID(share_id))


async def lock_shared(conn: Connection, share_id: str) -> SharedRow | None:
    """Return a copy that nobody else changes until this transaction ends, None when there is none."""
    return _shared(await conn.fetchrow(QUERIES["lock_shared"], uuid.UUID(share_id)))


async def read_shared(conn: Connection, share_id: str) -> SharedRow | None:
    """Return a copy, None when there is none."""
    return _shared(await conn.fetchrow(QUERIES["read_shared"], uuid.UUID(share_id)))


async def list_shared(conn: Connection, limit: int) -> list[SharedRow]:
    """Return what others share with this office, what changed last first, what is over at the end."""
    return [found for row in await conn.fetch(QUERIES["list_shared"], limit) if (found := _shared(row)) is not None]


async def insert_shared(conn: Connection, row: SharedRow) -> None:
    """Keep a copy of another office's case."""
    await conn.execute(
        QUERIES["insert_shared"], uuid.UUID(row.share_id), row.peer, str(row.state), orjson.dumps(row.copy).decode(), row.heard, row.said,
        row.changed, row.came_at,
    )  # fmt: skip


async def save_shared(conn: Connection, row: SharedRow) -> None:
    """Keep how a copy stands."""
    await conn.execute(
        QUERIES["save_shared"], uuid.UUID(row.share_id), str(row.state), orjson.dumps(row.copy).decode(), orjson.dumps(row.replies).decode(),
        row.heard, row.said, row.changed, row.acked, row.posted, row.posted_at, row.changed_at,
    )  # fmt: skip


async def begun_since(conn: Connection, peer: str, since: dt.datetime) -> int:
    """Return how many cases an office began to share since a moment."""
    return int(await conn.fetchval(QUERIES["begun_since"], peer, since))


async def to_say(conn: Connection, before: dt.datetime, limit: int) -> list[tuple[str, str]]:
    """Return (share, sharing office) of what this office has to say, or to say again because it was put out ``before``."""
    return [(row["share_id"], row["peer"]) for row in await conn.fetch(QUERIES["to_say"], before, limit)]


async def keep_documents(conn: Connection, share_id: str, documents: Iterable[Arrived]) -> None:
    """Keep the documents of a copy, and no others."""
    key = uuid.UUID(share_id)
    await conn.execute(QUERIES["clear_documents"], key)
    for item in documents:
        await conn.execute(
            QUERIES["insert_document"], key, uuid.UUID(item.document_id), item.file_name, item.media_type, item.sha256, item.content
        )  # fmt: skip


async def arrived(conn: Connection, share_id: str) -> list[str]:
    """Return the ids of the documents that came with a copy."""
    return [row["document_id"] for row in await conn.fetch(QUERIES["arrived"], uuid.UUID(share_id))]


async def read_document(conn: Connection, share_id: str, document_id: str) -> File | None:
    """Return a document that came with a copy, None where there is none."""
    row = await conn.fetchrow(QUERIES["read_document"], uuid.UUID(share_id), uuid.UUID(document_id), timeout=TIMEOUT_S)
    return None if row is None else File(**dict(row))


async def live_peers(conn: Connection) -> set[str]:
    """Return the offices with which something is shared now."""
    return {row["peer"] for row in await conn.fetch(QUERIES["live_peers"])}
