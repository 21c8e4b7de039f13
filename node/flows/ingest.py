"""The one way into the tables: verified entries and bodies, whether a peer's or our own.

In: what the gate (protocol/feed) returned, inside the caller's transaction that holds the origin's row lock.
Out: entries, live items, want-list, erased bodies, cooperation rows and the new head, all in that one transaction:
a crash replays nothing and skips nothing. Source: PROTOCOL 6.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.errors import PeerWrongError
from node.protocol import feed
from node.protocol.entry import Entry
from node.store import cooperation, log
from node.store.postgres import Connection
from node.store.reference import load_sectors, load_territories

PROFILE = "profile/1"


@dataclass(frozen=True, slots=True)
class Body:
    """A body whose commitment matched its entry."""

    index: int
    salt: bytes
    raw: bytes
    document: Mapping[str, Any]


async def ingest_entries(
    conn: Connection, origin_id: int, extension: feed.Extension, *, checkpoint: bytes | None, now: dt.datetime
) -> feed.Ruling:
    """Store an extension of a locked origin: entries, subtrees, items, erasures, want-list, head."""
    entries = extension.entries
    first = entries[0].index if entries else extension.head.size
    ids = {verified.entry.id for verified in entries if verified.entry is not None}
    known = {
        item_id: feed.ItemState(last_index, revision, dead)
        for item_id, last_index, revision, dead in await log.items_by_id(conn, origin_id, ids)
    }
    ruling = feed.apply_rules(entries, known)
    await log.copy_entries(conn, origin_id, first, (verified.raw for verified in entries))
    await log.copy_subtrees(conn, origin_id, extension.subtrees)
    await log.upsert_items(
        conn,
        origin_id,
        [(item_id, state.last_index, state.revision, state.dead) for item_id, state in ruling.items.items()],
    )
    gone = [verified.entry.p for verified in ruling.accepted if verified.entry is not None and verified.entry.p >= 0]
    if gone:
        # An update or a withdrawal erases what it follows, here and now; a receipt may be signed after this commit.
        await log.erase_bodies(conn, origin_id, gone)
        await log.drop_wanted(conn, origin_id, gone)
        await cooperation.delete_positions(conn, origin_id, gone)
    await log.copy_wanted(conn, origin_id, _still_wanted(ruling))
    await log.insert_problems(conn, origin_id, ruling.ignored)
    head = extension.head
    await log.advance(
        conn,
        origin_id,
        size=head.size,
        root=head.root,
        range_hashes=head.range_hashes,
        checkpoint=checkpoint,
        now=now,
    )
    return ruling


def _still_wanted(ruling: feed.Ruling) -> list[tuple[int, str]]:
    wanted = []
    for verified in ruling.accepted:
        entry = verified.entry
        if entry is None or entry.op == "wd":
            continue
        state = ruling.items[entry.id]
        # Only the last word of each item inside this batch is worth fetching.
        if not state.dead and state.last_index == verified.index:
            wanted.append((verified.index, entry.id))
    return wanted


def open_bodies(
    entries: Mapping[int, Entry], replies: Sequence[tuple[int, bytes, bytes]], validators: Mapping[str, Any]
) -> tuple[list[Body], list[tuple[int, str]]]:
    """Check bodies against their entries: commitment, strict JSON, schema.

    Returns the bodies to keep and (index, code) of those that break their schema: kept raw, out of search.
    Raises: PeerWrongError(body-commitment-mismatch) and the like: such bytes are not what the log promised.
    """
    kept: list[Body] = []
    problems: list[tuple[int, str]] = []
    for index, salt, raw in replies:
        try:
            document = feed.open_body(entries[index], salt, raw)
        except PeerWrongError as error:
            if error.code == "body-commitment-mismatch":
                raise
            # The origin did commit to these bytes: they are its own fault, set aside so that the log can go on.
            problems.append((index, error.code))
            kept.append(Body(index, salt, raw, {}))
            continue
        kind = str(document["type"])
        validator = validators.get(kind)
        if validator is None:
            problems.append((index, "body-type-unknown"))
        elif not validator.is_valid(document):
            problems.append((index, "body-schema-broken"))
            document = {}
        kept.append(Body(index, salt, raw, document))
    return kept, problems


async def ingest_bodies(
    conn: Connection, origin_id: int, owner: str, bodies: Sequence[Body], problems: Sequence[tuple[int, str]]
) -> int:
    """Store bodies whose entries are still live, and index the profiles among them; return how many were stored."""
    live = await log.drop_wanted(conn, origin_id, [body.index for body in bodies])
    kept = [body for body in bodies if body.index in live]
    await log.copy_bodies(conn, origin_id, ((body.index, body.salt, body.raw) for body in kept))
    territories, sectors = load_territories(), load_sectors()
    # A node speaks for itself alone: a profile that names another owner is not shown under that name.
    refused = [(b.index, "body-foreign-owner") for b in kept if b.document and b.document.get("owner") != owner]
    rows = [
        cooperation.index_row(origin_id, body.index, body.document, territories, sectors)
        for body in kept
        if body.document.get("type") == PROFILE and body.document.get("owner") == owner
    ]
    await cooperation.insert_profiles(conn, rows)
    await log.insert_problems(conn, origin_id, [p for p in problems if p[0] in live] + refused)
    return len(kept)
