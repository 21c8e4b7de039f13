"""The one way into the tables: verified entries and bodies, whether a peer's or our own.

In: what the gate (protocol/feed) returned, inside the caller's transaction that holds the origin's row lock.
Out: entries, live items, want-list, erased bodies, cooperation rows and the new head, all in that one transaction:
a crash replays nothing and skips nothing. Source: PROTOCOL 6.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.domain.programme import announcement
from node.errors import CallerError, PeerWrongError
from node.flows.trust.agreement_terms import PARTITION, PROFILE, TYPE_NOT_AGREED
from node.protocol import feed
from node.protocol.entry import Entry, Promise
from node.store import announcements, cooperation, log, origins, partitions
from node.store.announcements import Row
from node.store.partitions import Part
from node.store.postgres import Connection
from node.store.reference import load_sectors, load_territories


@dataclass(frozen=True, slots=True)
class Body:
    """A body whose commitment matched its entry.

    ``row`` is a profile's packed row of the cooperation database, ``part`` what a partition's document is part of, ``notice`` what an
    announcement is found by.
    """

    index: int
    salt: bytes
    raw: bytes
    row: bytes | None
    part: Part | None = None
    notice: Row | None = None


async def ingest_entries(
    conn: Connection, origin_id: int, extension: feed.Extension, *, checkpoint: bytes | None, now: dt.datetime
) -> feed.Ruling:
    """Store an extension of a locked origin: entries, subtrees, items, erasures, want-list, head."""
    entries = extension.entries
    first = entries[0].index if entries else extension.head.size
    ids = {verified.entry.id for verified in entries if verified.entry is not None}
    # An empty log knows no item: nothing to look up.
    found = await log.items_by_id(conn, origin_id, ids) if first else []
    known = {item_id: feed.ItemState(last_index, revision, dead) for item_id, last_index, revision, dead in found}
    ruling = feed.apply_rules(entries, known)
    await log.copy_entries(conn, origin_id, first, (verified.raw for verified in entries))
    await log.copy_subtrees(conn, origin_id, extension.subtrees)
    items = [(item_id, state.last_index, state.revision, state.dead) for item_id, state in ruling.items.items()]
    await log.copy_items(conn, origin_id, [item for item in items if item[0] not in known])
    await log.upsert_items(conn, origin_id, [item for item in items if item[0] in known])
    gone = [verified.entry.p for verified in ruling.accepted if verified.entry is not None and verified.entry.p >= 0]
    if gone:
        # An update or a withdrawal erases what it follows, here and now; a receipt may be signed after this commit. Off the
        # want-list first: whoever is storing such a body holds its row there, and what it stored is seen by what comes after.
        await log.drop_wanted(conn, origin_id, gone)
        await log.erase_bodies(conn, origin_id, gone)
        await cooperation.delete_positions(conn, origin_id, gone)
    await log.copy_wanted(conn, origin_id, _still_wanted(ruling))
    await log.insert_problems(conn, origin_id, ruling.ignored)
    head = extension.head
    await origins.advance(
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
    origin_id: int,
    owner: str,
    entries: Mapping[int, Entry | Promise],
    replies: Sequence[tuple[int, bytes, bytes]],
    validators: Mapping[str, Any],
    agreed: Callable[[str], bool] = lambda _: True,
) -> tuple[list[Body], list[tuple[int, str]]]:
    """Check bodies against their entries (commitment, strict JSON, schema) and prepare the rows they become.

    ``agreed`` tells which types the members have agreed to keep. Returns the bodies to keep and (index, code) of what is out of search:
    kept raw, or, of a type that is not agreed, not kept at all.
    Raises: PeerWrongError(body-commitment-mismatch): such bytes are not what the log promised.
    """
    kept: list[Body] = []
    problems: list[tuple[int, str]] = []
    territories, sectors = load_territories(), load_sectors()
    for index, salt, raw in replies:
        document, problem = _open(entries[index], salt, raw, owner, validators, agreed)
        if problem is not None:
            problems.append((index, problem))
        if problem == TYPE_NOT_AGREED:
            # Not kept at all: the members have not agreed to hold such documents.
            continue
        row, part, notice = None, None, None
        if document is not None and document["type"] == PROFILE:
            row = cooperation.pack_row(cooperation.index_row(origin_id, index, document, territories, sectors))
        elif document is not None and document["type"] == PARTITION:
            part = partitions.part_of(index, document)
        elif document is not None and document["type"] in announcement.TYPES:
            notice = announcements.row_of(index, announcement.parse(document))
        kept.append(Body(index, salt, raw, row, part, notice))
    return kept, problems


def _open(
    entry: Entry | Promise,
    salt: bytes,
    raw: bytes,
    owner: str,
    validators: Mapping[str, Any],
    agreed: Callable[[str], bool],
) -> tuple[Mapping[str, Any] | None, str | None]:
    """Return (document to show or None, code of what keeps it out of search or None)."""
    try:
        document = feed.open_body(entry, salt, raw)
    except PeerWrongError as error:
        if error.code == "body-commitment-mismatch":
            raise
        # The origin did commit to these bytes: they are its own fault, set aside so that the log can go on.
        return None, error.code
    validator = validators.get(document["type"])
    if validator is None:
        return None, "body-type-unknown"
    if not agreed(document["type"]):
        return None, TYPE_NOT_AGREED
    if not validator.is_valid(document) or not _is_sound(document):
        return None, "body-schema-broken"
    # A node speaks for itself alone: a document that names another owner is not shown under that name.
    return (document, None) if document.get("owner", owner) == owner else (None, "body-foreign-owner")


def _is_sound(document: Mapping[str, Any]) -> bool:
    """Tell whether an announcement keeps what a schema cannot say of it (PROTOCOL 13.3); of other types nothing is asked here."""
    if document["type"] not in announcement.TYPES:
        return True
    try:
        announcement.parse(document)
    except CallerError:
        return False
    return True


async def ingest_bodies(
    conn: Connection, origin_id: int, bodies: Sequence[Body], problems: Sequence[tuple[int, str]]
) -> int:
    """Store bodies whose entries are still live, and index what is searched among them; return how many were stored."""
    settled = [body.index for body in bodies] + [index for index, _ in problems]
    live = await log.drop_wanted(conn, origin_id, settled)
    kept = [body for body in bodies if body.index in live]
    await log.copy_bodies(conn, origin_id, ((body.index, body.salt, body.raw) for body in kept))
    await cooperation.copy_profiles(conn, [body.row for body in kept if body.row is not None])
    parts = [body.part for body in kept if body.part is not None]
    if parts:
        await partitions.insert_parts(conn, origin_id, parts)
    notices = [body.notice for body in kept if body.notice is not None]
    if notices:
        await announcements.insert(conn, origin_id, notices)
    await log.insert_problems(conn, origin_id, [problem for problem in problems if problem[0] in live])
    return len(kept)
