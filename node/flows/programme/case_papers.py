"""Papers of a case file: documents, the points of the contract, and the draft that is put together from them.

In: files and texts of an officer, the bounds of [documents]. Out: what is kept; the points of the law with what is missing; the draft as
DOCX. Rules: domain/documents judges before anything is written; who adds, takes or deletes a document is in the chain of decisions,
without a title, a name or a byte; the draft is made anew each time, and is the same bytes for the same facts of the same day.
Source: docs/cases.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import uuid
from dataclasses import dataclass

from node.domain import officers
from node.domain.documents import Described, media_type_of
from node.domain.programme import case_file, checklist, dossier
from node.domain.programme.case_file import Deed
from node.domain.programme.checklist import POINTS, Known, Objective, Point
from node.errors import N_, CallerError, OperatorError
from node.flows.programme.cases import absent, held, key_of, today_of
from node.flows.registry.documents import FILES_MAX, MB, Bounds, too_large
from node.store import accounts, case_documents, cases, docx, registry
from node.store.case_documents import File, NewDocument
from node.store.cases import CaseRow
from node.store.postgres import Connection, Pool, acquire, run_tx


async def add_document(
    pool: Pool, case_id: str, officer: str, described: Described, content: bytes, bounds: Bounds, now: dt.datetime
) -> str:
    """Keep a document of a case and return its id.

    Raises: as ``cases.held``; CallerError document-... (domain/documents), document-too-large, document-case-full, document-repeated.
    """
    if len(content) > bounds.file:
        raise too_large(bounds)
    key, acting = key_of(case_id), officers.key_of(officers.check(officer))
    media_type = await asyncio.to_thread(media_type_of, content, described.file_name)
    sha256 = await asyncio.to_thread(lambda: hashlib.sha256(content).digest())
    new = NewDocument(
        uuid.uuid4(), described.title, described.kind, described.file_name, described.dated_on, media_type, sha256, content
    )  # fmt: skip

    async def work(conn: Connection) -> None:
        await held(conn, key, acting, Deed.PAPERS)
        twin = await case_documents.document_twin(conn, key, sha256)
        if twin is not None:
            raise CallerError(
                "document-repeated", N_("il fascicolo ha già questo stesso file, con il titolo «{title}»"), where="file",
                hint=N_("per cambiarne titolo o genere, cancellarlo e aggiungerlo di nuovo"), title=twin,
            )  # fmt: skip
        files, size = await case_documents.documents_kept(conn, key)
        if files >= FILES_MAX or size + len(content) > bounds.network:
            raise CallerError(
                "document-case-full", N_("i documenti del fascicolo sarebbero più di {files}, o più di {limit} MB in tutto"),
                where="file", hint=N_("cancellare documenti che non servono; il limite è [documents] network_mb"),
                files=FILES_MAX, limit=bounds.network // MB,
            )  # fmt: skip
        await case_documents.insert_document(conn, key, new, acting, now)
        await cases.touch(conn, key, now)

    await run_tx(pool, work)
    return str(new.document_id)


async def take_document(pool: Pool, case_id: str, document_id: str, officer: str) -> File:
    """Return a document as it was handed in; that it was taken, and by whom, is in the chain before it goes.

    Raises: NotFoundError document-unknown; OperatorError(document-changed).
    """
    key, one = key_of(case_id), key_of(document_id, "document-unknown")

    async def work(conn: Connection) -> File:
        await accounts.act_as(conn, officers.key_of(officers.check(officer)))
        found = await case_documents.read_document(conn, key, one)
        if found is None:
            raise absent("document-unknown", document_id)
        await case_documents.note_taken(conn, key, one)
        return found

    found = await run_tx(pool, work)
    if await asyncio.to_thread(lambda: hashlib.sha256(found.content).digest()) != found.sha256:
        raise OperatorError(
            "document-changed", N_("il documento non è più quello che fu aggiunto"),
            hint=N_("non cancellarlo: ripristinarlo da una copia di sicurezza e verificare la catena («rete audit verify»)"),
        )  # fmt: skip
    return found


async def delete_document(pool: Pool, case_id: str, document_id: str, officer: str, now: dt.datetime) -> None:
    """Delete a document for ever. Raises: as ``cases.held``; NotFoundError(document-unknown)."""
    key, one = key_of(case_id), key_of(document_id, "document-unknown")

    async def work(conn: Connection) -> None:
        await held(conn, key, officers.key_of(officers.check(officer)), Deed.PAPERS)
        if not await case_documents.delete_document(conn, key, one):
            raise absent("document-unknown", document_id)
        await cases.touch(conn, key, now)

    await run_tx(pool, work)


@dataclass(frozen=True, slots=True)
class Contract:
    """The points of a case's contract as they stand, with what is known."""

    row: CaseRow
    known: Known
    points: tuple[Point, ...]
    # By point, how often its text was changed: what somebody who changes it has to have seen.
    revisions: dict[str, int]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return checklist.is_complete(self.points)


async def contract(pool: Pool, case_id: str) -> Contract:
    """Return the points of the contract of a case. Raises: NotFoundError(case-unknown)."""
    key = key_of(case_id)
    async with acquire(pool) as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        return await contract_in(conn, key)


async def contract_in(conn: Connection, key: str) -> Contract:
    """Return the points of the contract of a case as one transaction sees them. Raises: NotFoundError(case-unknown)."""
    row = await cases.read_case(conn, key)
    if row is None:
        raise absent("case-unknown", key)
    record, objectives = None, await _objectives(conn, row)
    if row.network_id is not None:
        record = (await registry.read_records(conn, [row.network_id])).get(row.network_id)
    written = await cases.list_clauses(conn, key)
    known = Known(record, objectives, {item.point: item.text for item in written})
    return Contract(row, known, checklist.points(known), {item.point: item.revision for item in written})


async def _objectives(conn: Connection, row: CaseRow) -> tuple[Objective, ...]:
    return () if row.network_id is None else await cases.objectives(conn, row.network_id)


async def write_clause(
    pool: Pool, case_id: str, officer: str, now: dt.datetime, *, point: str, text: str, seen: int
) -> None:
    """Write the text of a point of the contract, or take it out where it is empty; ``seen``: its revision, 0 where there was none.

    Raises: as ``cases.held``; CallerError case-point-unknown, case-words-long, clause-changed.
    """
    key, acting = key_of(case_id), officers.key_of(officers.check(officer))
    if point not in POINTS:
        raise CallerError(
            "case-point-unknown", N_("non c'è questo punto del contratto"), where="punto", hint=N_("punti: {points}"),
            points=", ".join(POINTS),
        )  # fmt: skip
    said = case_file.lines_of_text(text, "testo", case_file.CLAUSE_LONGEST)

    async def work(conn: Connection) -> None:
        await held(conn, key, acting, Deed.PAPERS)
        if not await cases.write_clause(conn, key, point, said, acting, now, seen):
            raise CallerError(
                "clause-changed", N_("questo testo è stato cambiato intanto: non è stato scritto nulla"), where="testo",
                hint=N_("guardare com'è ora, e poi ripetere"),
            )  # fmt: skip
        await cases.touch(conn, key, now)

    await run_tx(pool, work)


async def draft(pool: Pool, case_id: str, office: str, now: dt.datetime) -> bytes:
    """Return the draft of the contract as DOCX, as of today. Raises: NotFoundError(case-unknown)."""
    found = await contract(pool, case_id)
    made = dossier.blocks(found.row.title, found.known.record, found.points, office, today_of(now))
    return await asyncio.to_thread(docx.write, made)
