"""How shared case files travel: sealed messages of the family ``share/1``: copies of the own cases, and what partners answer.

In: an Office, opened messages, the time. Out: copies and answers kept, messages in outboxes. Rules: a message is its sender's own, signed by
its node, of the id and number that the envelope says; each is the whole of what its sender says, so the newest counts, and what waits of an
older one is taken out; a box is locked before a share, a share before its case. A copy is made anew when what it tells has changed; what is
not acknowledged in six hours is said again. What was taken back or left stays so, whatever comes later. Source: PROTOCOL 16, docs/cases.md.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import orjson

from node.domain.documents import media_type_of
from node.domain.programme import shared_case
from node.domain.programme.shared_case import Closure, Copy, Document, State, Task
from node.errors import N_, CallerError, PeerWrongError, ReteError
from node.flows.introductions.casework import Office
from node.flows.introductions.hear import AHEAD_MAX
from node.flows.introductions.post import Exchange, Opened
from node.flows.programme import case_papers, cases
from node.flows.programme.cases import today_of
from node.protocol import sealed, share
from node.protocol.member import Member
from node.protocol.share import ANSWER, COPY, END, LEAVE, OF_OWNER, Said
from node.store import outbox, schemas
from node.store import shared_cases as store
from node.store.outbox import Posted, Waiting
from node.store.postgres import Connection, acquire, run_tx
from node.store.shared_cases import Arrived, SharedRow, ShareRow

AGAIN: Final = dt.timedelta(hours=6)
PAGE: Final = 200
BEGUN_MAX: Final = 100
# Larger ones never fit; whether a smaller one does is seen when the copy is made.
DOCUMENT_BYTES: Final = 36_000
MISMATCH, UNKNOWN, FUTURE, TOO_MANY, DOCUMENT_BAD = (
    "share-mismatch", "share-unknown", "share-future", "share-too-many", "share-document-bad",
)  # fmt: skip
MALFORMED: Final = "message-malformed"


def shares_exchange(office: Office, clock: Callable[[], dt.datetime]) -> Exchange:
    """Return what this office does with messages about shared case files."""

    async def take(conn: Connection, sender: str, opened: Sequence[Opened]) -> Sequence[tuple[int, str]]:
        return await receive(conn, office, sender, opened, clock())

    async def close(conn: Connection) -> AbstractSet[str]:
        return await store.live_peers(conn)

    async def seal_again(conn: Connection, member: Member, waiting: Waiting) -> bytes | None:
        said = await _said_now(conn, office, member.id, waiting, clock())
        return None if said is None or member.seal is None else _sealed(office, member, said).sealed

    return Exchange(take, close, seal_again)


async def receive(
    conn: Connection, office: Office, sender: str, opened: Sequence[Opened], now: dt.datetime
) -> list[tuple[int, str]]:
    """Take what an office sent about shared cases; return (number, code) of what is refused."""
    member = office.membership.members.get(sender)
    if member is None:
        raise PeerWrongError("member-gone", N_("il nodo non fa più parte della federazione, o è sospeso"), where=sender)
    refused: list[tuple[int, str]] = []
    for item in opened:
        try:
            said = share.decode(item.plaintext, member.voices, schemas.share_validator().is_valid)
        except ReteError as error:
            refused.append((item.number, error.code))
            continue
        if (said.sender, said.recipient, said.id, said.seq) != (sender, office.own_id, item.introduction, item.seq):
            code = MISMATCH
        elif said.at > (now + AHEAD_MAX).timestamp():
            code = FUTURE
        else:
            code = await (_hear_owner if said.kind in OF_OWNER else _hear_partner)(conn, office, said, now)
        if code:
            refused.append((item.number, code))
    return refused


# --- the partner's side: what another office shares with this one ---


async def _hear_owner(conn: Connection, office: Office, said: Said, now: dt.datetime) -> str:
    """Take a copy, or that it is taken back; an older one than is known changes nothing, and is answered again."""
    row = await store.lock_shared(conn, said.id)
    if (row is not None and row.peer != said.sender) or await store.read_share(conn, said.id) is not None:
        return MISMATCH
    parsed: Copy | None = None
    documents: list[Arrived] = []
    if said.kind == COPY:
        try:
            parsed = shared_case.copy_of(said.case or {})
        except ValueError:
            return MALFORMED
        judged = await _judged(parsed.documents)
        if judged is None:
            return DOCUMENT_BAD
        documents = judged
    if row is None:
        if await store.begun_since(conn, said.sender, now - dt.timedelta(days=1)) >= BEGUN_MAX:
            return TOO_MANY
        # Also what is taken back before it came is remembered: its copy may still be on some road.
        state = State.LIVE if parsed is not None else State.ENDED
        row = SharedRow(
            said.id,
            said.sender,
            state,
            _kept(said) if parsed else {},
            (),
            0,
            said.seen,
            0,
            said.seen,
            said.seen,
            None,
            now,
            now,
        )
        await store.insert_shared(conn, row)
        if parsed is not None:
            await store.insert_step(conn, row, "copy-received", "", now)
    elif said.seen > row.said:
        # The other office has heard more of us than this database knows to have said: it is an older copy, and goes on after that.
        row = dataclasses.replace(row, said=said.seen, posted=said.seen)
    row = dataclasses.replace(row, acked=max(row.acked, said.seen))
    if said.seq <= row.heard:
        await store.save_shared(conn, row)
        return await _say_again(conn, office, row, now)
    changed = row.state is State.LIVE and parsed is None
    row = dataclasses.replace(row, heard=said.seq, said=row.said + 1)
    if changed:
        row = ended(row, now)
        await store.insert_step(conn, row, "copy-taken-back", "", now)
    elif row.state is State.LIVE and parsed is not None:
        row = dataclasses.replace(row, copy=_kept(said), changed_at=now)
    if changed or row.state is State.LIVE:
        await store.keep_documents(conn, row.share_id, documents if row.state is State.LIVE else ())
    await say_partner(conn, office, row, now)
    return ""


def _kept(said: Said) -> dict[str, Any]:
    """Return a copy as it is kept: documents' bytes stand in rows of their own."""
    case = dict(said.case or {})
    case["documents"] = [
        {name: value for name, value in item.items() if name != "content"} for item in case["documents"]
    ]
    return case


async def _judged(documents: Sequence[Document]) -> list[Arrived] | None:
    """Return the documents that came, each judged as one that is added here would be; None where one may not be kept."""
    found: list[Arrived] = []
    for item in documents:
        if item.content is None:
            continue
        try:
            media_type = await asyncio.to_thread(media_type_of, item.content, item.file_name)
        except CallerError:
            return None
        found.append(Arrived(item.document_id, item.file_name, media_type, bytes.fromhex(item.sha256), item.content))
    return found


def ended(row: SharedRow, now: dt.datetime) -> SharedRow:
    """Return a copy that is no more; its next message says so."""
    return dataclasses.replace(row, state=State.ENDED, copy={}, changed=row.said, changed_at=now)


async def say_partner(conn: Connection, office: Office, row: SharedRow, now: dt.datetime) -> int:
    """Keep a copy's row and put out what this office says of it now; the other's box is locked. Return how many messages that was."""
    done = await _put(conn, office, row.peer, _saying_partner(office, row, now), now)
    if done:
        row = dataclasses.replace(row, posted=row.said, posted_at=now)
    await store.save_shared(conn, row)
    return int(done)


def _saying_partner(office: Office, row: SharedRow, now: dt.datetime) -> Said:
    kind = ANSWER if row.state is State.LIVE else LEAVE
    # A row that says nothing yet says its first.
    return Said(
        row.share_id, office.own_id, row.peer, kind, max(row.said, 1), row.heard, int(now.timestamp()), replies=tuple(row.replies)
    )  # fmt: skip


async def _say_again(conn: Connection, office: Office, row: SharedRow | ShareRow, now: dt.datetime) -> str:
    """Put out once more what was said, unless it still waits: whoever repeats itself has not heard it."""
    if row.said > 0 and not await outbox.waiting_of(conn, row.peer, [row.share_id]):
        if isinstance(row, SharedRow):
            await say_partner(conn, office, row, now)
        else:
            await say_owner(conn, office, row, now, again=True)
    return ""


# --- the sharing office's side ---


async def _hear_partner(conn: Connection, office: Office, said: Said, now: dt.datetime) -> str:
    """Take what a partner answers, or that it keeps no copy any more."""
    row = await store.lock_share(conn, said.id)
    if row is None:
        return UNKNOWN
    if row.peer != said.sender or row.said == 0:
        # Nothing has left yet: nobody can answer it.
        return MISMATCH
    try:
        replies = shared_case.replies_of(said.replies or ())
    except ValueError:
        return MALFORMED
    if said.seen > row.said:
        row = dataclasses.replace(row, said=said.seen, content=None)
    row = dataclasses.replace(row, acked=max(row.acked, said.seen))
    if said.seq <= row.heard:
        await store.save_share(conn, row)
        return await _say_again(conn, office, row, now)
    row, changed = dataclasses.replace(row, heard=said.seq), False
    if row.case_id is not None and await store.keep_replies(conn, row.share_id, row.case_id, replies):
        changed = True
        await store.insert_step(conn, row, "share-answered", "", now)
    if said.kind == LEAVE and not row.has_left:
        if row.state is State.LIVE:
            await store.insert_step(conn, row, "share-left", "", now)
        row, changed = dataclasses.replace(row, state=State.ENDED, has_left=True, changed_at=now), True
    if changed:
        # The partner says again what it was not told to have been heard.
        row = dataclasses.replace(row, content=None)
    await say_owner(conn, office, row, now)
    return ""


async def say_owner(conn: Connection, office: Office, row: ShareRow, now: dt.datetime, *, again: bool = False) -> int:
    """Keep a share's row and put out what this office says of it, if that is news; the partner's box is locked. Return how many messages."""
    kind, case = await _content(conn, row)
    digest = hashlib.sha256(orjson.dumps([kind, case], option=orjson.OPT_SORT_KEYS)).digest()
    if digest != row.content:
        row = dataclasses.replace(row, said=row.said + 1, content=digest, posted_at=None, changed_at=now)
    elif not again and row.posted_at is not None:
        await store.save_share(conn, row)
        return 0
    said = Said(row.share_id, office.own_id, row.peer, kind, row.said, row.heard, int(now.timestamp()), case=case)
    done = await _put(conn, office, row.peer, said, now)
    await store.save_share(conn, dataclasses.replace(row, posted_at=now if done else None))
    return int(done)


async def _content(conn: Connection, row: ShareRow) -> tuple[str, dict[str, Any] | None]:
    if row.state is not State.LIVE or row.case_id is None:
        return END, None
    return COPY, await asyncio.to_thread(shared_case.compose, await told_of(conn, row))


async def told_of(conn: Connection, row: ShareRow) -> Copy:
    """Return what a share tells of its case now. Raises: NotFoundError(case-unknown)."""
    key = str(row.case_id)
    opened, contract = await cases.read_in(conn, key), await case_papers.contract_in(conn, key)
    chosen = await store.contents(conn, key, row.documents, DOCUMENT_BYTES)
    case, report = opened.row, opened.row.report
    closure = None
    if case.closed_at is not None and report is not None:
        closure = Closure(today_of(case.closed_at), case.outcome, str(report.get("words", "")))
    return Copy(
        case.title, case.network or "", case.lines, str(case.state), today_of(case.opened_at), row.consent_on, row.consent_ref, closure,
        tuple(Task(item.title, item.line, item.due_on, str(item.state), item.note) for item in opened.tasks),
        tuple((point.key, str(point.standing)) for point in contract.points),
        tuple(
            Document(item.document_id, item.title, item.kind, item.file_name, item.bytes, item.sha256, chosen.get(item.document_id))
            for item in opened.documents
        ),
    )  # fmt: skip


# --- both ---


async def _said_now(conn: Connection, office: Office, peer: str, waiting: Waiting, now: dt.datetime) -> Said | None:
    key = waiting.introduction_id
    row = await store.read_share(conn, key)
    if row is not None and row.peer == peer and row.said == waiting.seq:
        kind, case = await _content(conn, row)
        return Said(key, office.own_id, peer, kind, row.said, row.heard, int(now.timestamp()), case=case)
    copy = await store.read_shared(conn, key)
    return (
        _saying_partner(office, copy, now)
        if copy is not None and (copy.peer, copy.said) == (peer, waiting.seq)
        else None
    )


def _sealed(office: Office, member: Member, said: Said) -> Posted:
    if member.seal is None:
        raise PeerWrongError(
            "member-gone", N_("il nodo non fa più parte della federazione, o è sospeso"), where=member.id
        )
    header = sealed.Header(office.own_id, member.id, said.id, said.seq)
    return Posted(said.id, said.seq, member.seal.id, sealed.seal(header, share.encode(said, office.key), member.seal))


async def _put(conn: Connection, office: Office, peer: str, said: Said, now: dt.datetime) -> bool:
    """Seal a message for an office whose box is locked, in the place of those that wait; False where it cannot be written to now."""
    member = office.membership.members.get(peer)
    await store.drop_waiting(conn, peer, said.id)
    if member is None or member.seal is None:
        return False
    await outbox.put(conn, peer, [await asyncio.to_thread(_sealed, office, member, said)], now)
    return True


async def carry_due(office: Office, now: dt.datetime) -> int:
    """Tell what has changed in shared cases, take back what is gone, say again what was not heard; return how many messages."""
    async with acquire(office.pool) as conn:
        looks, says = await store.to_look(conn, PAGE), await store.to_say(conn, now - AGAIN, PAGE)
    count = 0
    for key, peer in looks:

        async def look(conn: Connection, key: str = key, peer: str = peer) -> int:
            await outbox.lock_boxes(conn, [peer])
            row = await store.lock_share(conn, key)
            await store.mark_looked(conn, key, now)
            if row is None:
                return 0
            if row.state is State.LIVE and row.case_id is None:
                await store.insert_step(conn, row, "share-case-gone", "", now)
                row = dataclasses.replace(row, state=State.ENDED, changed_at=now)
            late = row.acked < row.said and row.posted_at is not None and row.posted_at < now - AGAIN
            again = late and not await outbox.waiting_of(conn, peer, [key])
            return await say_owner(conn, office, row, now, again=again)

        count += await run_tx(office.pool, look)
    for key, peer in says:

        async def say(conn: Connection, key: str = key, peer: str = peer) -> int:
            await outbox.lock_boxes(conn, [peer])
            row = await store.lock_shared(conn, key)
            if row is None or (row.posted >= row.said and await outbox.waiting_of(conn, peer, [key])):
                return 0
            return await say_partner(conn, office, row, now)

        count += await run_tx(office.pool, say)
    return count
