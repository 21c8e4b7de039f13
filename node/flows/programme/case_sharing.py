"""Sharing a case file with a partner office: proposed by one officer, let out by another, taken back; and what others share with this one.

In: an Office, officers' words. Out: shares and copies as they stand, or one refusal. Rules: nothing leaves before a second officer approved
it (the database holds to it, migration 0054); the day and reference of the firms' consent stand with it; an office has a case once; the
partner reads, answers and leaves, and changes nothing of the case. Source: PROTOCOL 16, docs/cases.md.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from node.domain import officers
from node.domain.programme import shared_case
from node.domain.programme.case_file import Deed
from node.domain.programme.shared_case import Copy, Kind, Reply, State
from node.errors import N_, CallerError, NotFoundError, OperatorError
from node.flows.introductions.casework import Office
from node.flows.programme import case_post
from node.flows.programme.cases import absent, held, key_of, today_of
from node.store import accounts, case_documents, outbox
from node.store import shared_cases as store
from node.store.case_documents import File
from node.store.postgres import Connection, Pool, acquire, run_tx
from node.store.shared_cases import SharedRow, ShareRow

LISTED: Final = 500


@dataclass(frozen=True, slots=True)
class Share:
    """A share of an own case, with what the partner answered."""

    row: ShareRow
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """What another office shares; ``copy`` None once it is over; ``arrived``: ids of documents that came as they are, where one is read."""

    row: SharedRow
    copy: Copy | None
    replies: tuple[Reply, ...]
    arrived: frozenset[str] = frozenset()


def _absent(text: str) -> NotFoundError:
    return NotFoundError("share-unknown", N_("fascicolo condiviso sconosciuto: {id}"), id=text[:60])


def _key(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise _absent(text) from error


async def propose(
    office: Office,
    case_id: str,
    officer: str,
    now: dt.datetime,
    *,
    to: str,
    consent_on: dt.date | None,
    consent_ref: str,
    documents: Iterable[str] = (),
) -> str:
    """Propose to share a case with the office of another member, and return the share's id; nothing leaves yet.

    ``documents``: ids of those that travel as they are, where they fit. Raises: as ``cases.held``; NotFoundError(document-unknown);
    CallerError introduction-peer-cannot, share-consent-..., share-documents-many, share-there, case-words-...
    """
    key, acting = key_of(case_id), officers.key_of(officers.check(officer))
    member = office.peer(to)
    agreed, reference = shared_case.consent(consent_on, consent_ref, today_of(now))
    chosen = tuple(dict.fromkeys(key_of(one, "document-unknown") for one in documents))
    if len(chosen) > shared_case.DOCUMENTS_MAX:
        raise CallerError(
            "share-documents-many", N_("si scelgono al massimo {most} documenti"), where="documenti", most=shared_case.DOCUMENTS_MAX
        )  # fmt: skip
    row = ShareRow(
        str(uuid.uuid4()), key, member.id, chosen, agreed, reference, State.PROPOSED, acting, approved_by="", said=0, content=None,
        heard=0, acked=0, has_left=False, posted_at=None, created_at=now, changed_at=now,
    )  # fmt: skip

    async def work(conn: Connection) -> None:
        await held(conn, key, acting, Deed.PAPERS)
        there = {item.document_id for item in await case_documents.list_documents(conn, key)}
        for one in chosen:
            if one not in there:
                raise absent("document-unknown", one)
        if not await store.insert_share(conn, row):
            raise CallerError(
                "share-there", N_("il fascicolo è già condiviso con «{peer}», o lo si è già proposto"), where="ente",
                hint=N_("togliere quella condivisione, e poi ripetere"), peer=member.id,
            )  # fmt: skip
        await store.insert_step(conn, row, "share-proposed", acting, now)

    await run_tx(office.pool, work)
    return row.share_id


async def _locked(conn: Connection, key: str, officer: str) -> ShareRow:
    """Lock the partner's box, then the share; let the database know who acts. Raises: NotFoundError(share-unknown)."""
    await accounts.act_as(conn, officer)
    seen = await store.read_share(conn, key)
    if seen is None:
        raise _absent(key)
    await outbox.lock_boxes(conn, [seen.peer])
    row = await store.lock_share(conn, key)
    if row is None:
        raise _absent(key)
    return row


async def approve(
    office: Office, share_id: str, officer: str, now: dt.datetime, *, case_id: str | None = None
) -> ShareRow:
    """Let a proposed share leave, by another officer than whoever proposed it; the copy is on its way when this returns.

    ``case_id``: of which case it has to be. Raises: NotFoundError(share-unknown); CallerError share-own, share-not-proposed, introduction-peer-cannot;
    as ``cases.held``.
    """
    key, acting = _key(share_id), officers.key_of(officers.check(officer))

    async def work(conn: Connection) -> ShareRow:
        row = await _locked(conn, key, acting)
        if row.case_id is None or case_id not in (None, row.case_id):
            raise _absent(share_id)
        await held(conn, row.case_id, acting, Deed.PAPERS)
        if row.state is not State.PROPOSED:
            raise CallerError("share-not-proposed", N_("questa condivisione non è da approvare"))
        if officers.is_same(row.proposed_by, acting):
            raise CallerError(
                "share-own", N_("chi ha proposto la condivisione non la approva: serve un secondo funzionario")
            )
        office.peer(row.peer)
        row = dataclasses.replace(row, state=State.LIVE, approved_by=acting, changed_at=now)
        await store.insert_step(conn, row, "share-approved", acting, now)
        await case_post.say_owner(conn, office, row, now)
        return row

    return await run_tx(office.pool, work)


async def end(office: Office, share_id: str, officer: str, now: dt.datetime, *, case_id: str | None = None) -> bool:
    """Share a case no more: the partner's node is told to erase the copy; False when it was over already.

    Raises: NotFoundError(share-unknown), CallerError(officer-name-bad).
    """
    key, acting = _key(share_id), officers.key_of(officers.check(officer))

    async def work(conn: Connection) -> bool:
        row = await _locked(conn, key, acting)
        if case_id not in (None, row.case_id):
            raise _absent(share_id)
        if row.state is State.ENDED:
            return False
        row = dataclasses.replace(row, state=State.ENDED, changed_at=now)
        await store.insert_step(conn, row, "share-ended", acting, now)
        if row.said:
            await case_post.say_owner(conn, office, row, now)
        else:
            # What was only proposed never left: there is nobody to tell.
            await store.save_share(conn, row)
        return True

    return await run_tx(office.pool, work)


async def of_case(pool: Pool, case_id: str) -> list[Share]:
    """Return the shares of a case, newest first, with what partners answered."""
    async with acquire(pool) as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        rows = await store.list_shares(conn, key_of(case_id), LISTED)
        return [Share(row, tuple(await store.replies(conn, row.share_id))) for row in rows]


async def given(pool: Pool) -> list[ShareRow]:
    """Return all shares of the own cases, newest first."""
    async with acquire(pool) as conn:
        return await store.list_shares(conn, None, LISTED)


async def received(pool: Pool) -> list[Shared]:
    """Return what others share with this office, what changed last first."""
    async with acquire(pool) as conn:
        return [_shown(row) for row in await store.list_shared(conn, LISTED)]


async def read(pool: Pool, share_id: str) -> Shared:
    """Return what another office shares. Raises: NotFoundError(share-unknown)."""
    async with acquire(pool) as conn:
        row = await store.read_shared(conn, _key(share_id))
        if row is None:
            raise _absent(share_id)
        return dataclasses.replace(_shown(row), arrived=frozenset(await store.arrived(conn, row.share_id)))


def _shown(row: SharedRow) -> Shared:
    return Shared(row, shared_case.copy_of(row.copy) if row.copy else None, shared_case.replies_of(row.replies))


async def _held_copy(conn: Connection, share_id: str, officer: str) -> SharedRow:
    await accounts.act_as(conn, officer)
    key = _key(share_id)
    seen = await store.read_shared(conn, key)
    if seen is None:
        raise _absent(share_id)
    await outbox.lock_boxes(conn, [seen.peer])
    row = await store.lock_shared(conn, key)
    if row is None:
        raise _absent(share_id)
    if row.state is State.ENDED:
        raise CallerError(
            "share-over", N_("questo fascicolo non è più condiviso con l'ufficio"), hint=N_("sentire l'altro ufficio")
        )
    return row


async def reply(
    office: Office,
    share_id: str,
    officer: str,
    now: dt.datetime,
    *,
    kind: Kind,
    text: str,
    due_on: dt.date | None = None,
) -> int:
    """Answer a case that another office shares, by a note or a task; return the answer's number.

    Raises: NotFoundError(share-unknown); CallerError share-over, share-replies-full, case-words-...
    """
    acting = officers.key_of(officers.check(officer))

    async def work(conn: Connection) -> int:
        row = await _held_copy(conn, share_id, acting)
        kept = shared_case.replies_of(row.replies)
        made = shared_case.reply(kept, kind, text, due_on if kind is Kind.TASK else None, today_of(now))
        row = dataclasses.replace(
            row, replies=[*row.replies, shared_case.reply_document(made)], said=row.said + 1, changed=row.said + 1
        )
        await store.insert_step(conn, row, "copy-answered", acting, now)
        await case_post.say_partner(conn, office, row, now)
        return made.number

    return await run_tx(office.pool, work)


async def leave(office: Office, share_id: str, officer: str, now: dt.datetime) -> None:
    """Keep another office's case no more: the copy is erased here, and the other office told.

    Raises: NotFoundError(share-unknown), CallerError(share-over).
    """
    acting = officers.key_of(officers.check(officer))

    async def work(conn: Connection) -> None:
        row = await _held_copy(conn, share_id, acting)
        row = case_post.ended(dataclasses.replace(row, said=row.said + 1), now)
        await store.insert_step(conn, row, "copy-left", acting, now)
        await store.keep_documents(conn, row.share_id, ())
        await case_post.say_partner(conn, office, row, now)

    await run_tx(office.pool, work)


async def take_document(pool: Pool, share_id: str, document_id: str) -> File:
    """Return a document that came with a copy. Raises: NotFoundError(document-unknown), OperatorError(document-changed)."""
    async with acquire(pool) as conn:
        found = await store.read_document(conn, _key(share_id), key_of(document_id, "document-unknown"))
    if found is None:
        raise absent("document-unknown", document_id)
    if hashlib.sha256(found.content).digest() != found.sha256:
        raise OperatorError(
            "document-changed", N_("il documento non è più quello che fu aggiunto"), hint=N_("farselo mandare di nuovo")
        )
    return found
