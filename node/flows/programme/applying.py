"""Applications to a joint call at this office: received or refused, always under a protocol number; withdrawn; read.

In: a network of this office's register, what it asks, its single undertakings, its documents. Out: an application as it is kept. Rules:
documents are judged by domain/documents before anything is written; an application that takes no part is kept with every reason, and
told them; the protocol number is the database's, one after the other; whether the call is open is read from the logs at the moment of
arrival; nothing of an application is ever changed, and a withdrawal is for ever. Source: PROTOCOL 14.4; docs/calls.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from node.domain.documents import Described, media_type_of
from node.domain.network import NetworkRecord
from node.domain.programme import call as rules
from node.domain.programme.eligibility import Aid, Applicant, Undertaking, reasons_against
from node.errors import N_, CallerError, NotFoundError, OperatorError
from node.flows.programme import issued
from node.flows.programme.calls import ITALY
from node.flows.registry.acting import tell
from node.flows.registry.documents import Bounds, too_large
from node.store import calls, registry
from node.store.calls import Application, Arrived
from node.store.documents import File, New
from node.store.postgres import Connection, Pool, acquire, run_tx

DOCUMENTS_MAX, UNDERTAKINGS_MAX, AIDS_MAX = 50, 500, 200
_CODE = re.compile(r"[A-Z0-9]{8,16}")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a network hands in."""

    network_id: str
    requested: Decimal
    undertakings: tuple[Undertaking, ...]
    documents: tuple[tuple[Described, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """An application with all that is in it."""

    application: Application
    undertakings: tuple[Undertaking, ...]
    documents: tuple[Mapping[str, Any], ...]


def amount(text: str, where: str) -> Decimal:
    """Return an amount as people write it. Raises: CallerError(amount-bad)."""
    plain = text.strip().replace("€", "").replace(" ", "")
    if "," in plain or re.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{3})+", plain):
        plain = plain.replace(".", "").replace(",", ".")
    if not re.fullmatch(r"[0-9]{1,10}(?:\.[0-9]{1,2})?", plain):
        raise CallerError(
            "amount-bad", N_("importo non valido"), where=where, hint=N_("in euro, per esempio 15000 o 15000,50")
        )
    return Decimal(plain).quantize(Decimal("0.01"))


def undertaking_lines(text: str) -> tuple[Undertaking, ...]:
    """Return single undertakings, one a line: tax code; part; then day=amount of each aid it had, each after a semicolon.

    Raises: CallerError undertakings-bad, amount-bad.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        code, *rest = [part.strip() for part in line.split(";")]
        code = code.upper()
        if not rest or not _CODE.fullmatch(code) or len(rest) > AIDS_MAX:
            raise _undertakings_bad(number)
        found.append(
            Undertaking(code, amount(rest[0], f"{number}"), tuple(_aid(one, number) for one in rest[1:] if one))
        )
    if len(found) > UNDERTAKINGS_MAX:
        raise _undertakings_bad(UNDERTAKINGS_MAX)
    return tuple(found)


def _aid(text: str, number: int) -> Aid:
    day, sign, told = text.partition("=")
    try:
        granted_on = dt.date.fromisoformat(day.strip())
    except ValueError as error:
        raise _undertakings_bad(number) from error
    if not sign:
        raise _undertakings_bad(number)
    return Aid(granted_on, amount(told, f"{number}"))


def _undertakings_bad(number: int) -> CallerError:
    return CallerError(
        "undertakings-bad", N_("riga {number}: impresa unica non valida"), where=f"{number}",
        hint=N_("per ogni impresa unica una riga: codice fiscale; parte in euro; aaaa-mm-gg=importo di ogni aiuto avuto"),
        number=number,
    )  # fmt: skip


async def apply(pool: Pool, own_id: str, call_id: str, wish: Wish, bounds: Bounds, arrived: dt.datetime) -> Application:
    """Receive an application, or refuse it: either way it is kept, with its number and every reason against it.

    Raises: NotFoundError call-unknown, network-unknown; CallerError call-foreign, document-... and applications-documents-many:
    then nothing is kept.
    """
    text = await issued.read(pool, call_id, arrived)
    if own_id not in {issuer.node for issuer in text.call.issuers}:
        raise CallerError("call-foreign", N_("questo ente non è tra quelli che emettono il bando"), where=call_id)
    kept = await _judged(wish, bounds)
    application_id = str(uuid.uuid4())

    async def work(conn: Connection) -> None:
        await tell(conn)
        if await calls.read(conn, call_id) is None:
            raise CallerError("call-not-kept", N_("questo ufficio non ha ancora approvato il bando"), where=call_id)
        records = await registry.read_records(conn, [wish.network_id]) if _is_uuid(wish.network_id) else {}
        if wish.network_id not in records:
            raise NotFoundError("network-unknown", N_("rete sconosciuta: {id}"), id=wish.network_id[:60])
        record = records[wish.network_id]
        year = arrived.astimezone(ITALY).year
        # From here on this office's applications are one after the other, until this one is there.
        number = await calls.next_number(conn, year)
        has_applied = await calls.has_applied(conn, call_id, record.import_key)
        reasons = reasons_against(
            text.call, text.standing, applicant_of(record, wish), arrived, has_applied=has_applied
        )
        told = Arrived(application_id, call_id, wish.network_id, record.import_key, arrived, wish.requested, reasons)
        await calls.insert_application(conn, told, year, number, wish.undertakings, kept)

    await run_tx(pool, work)
    return (await read(pool, application_id)).application


def applicant_of(record: NetworkRecord, wish: Wish) -> Applicant:
    """Return what is judged of an application, from the register's own record."""
    members = [member.firm for member in record.members if member.left_on is None]
    return Applicant(
        kind=record.kind.value,
        members=len(members),
        provinces=frozenset(firm.province for firm in members),
        requested=wish.requested,
        documents=frozenset(described.kind for described, _ in wish.documents),
        undertakings=wish.undertakings,
    )


async def _judged(wish: Wish, bounds: Bounds) -> list[New]:
    """Return the documents as they may be kept. Raises: CallerError document-..., application-documents-many."""
    size = sum(len(content) for _, content in wish.documents)
    if len(wish.documents) > DOCUMENTS_MAX or size > bounds.network:
        raise CallerError(
            "application-documents-many", N_("i documenti sono più di {files}, o troppo grandi in tutto"), where="file",
            hint=N_("unirli o alleggerirli"), files=DOCUMENTS_MAX,
        )  # fmt: skip
    found: dict[bytes, New] = {}
    for described, content in wish.documents:
        if len(content) > bounds.file:
            raise too_large(bounds)
        media_type = await asyncio.to_thread(media_type_of, content, described.file_name)
        sha256 = await asyncio.to_thread(_sha256, content)
        if sha256 in found:
            raise CallerError("document-repeated", N_("lo stesso file è allegato due volte"), where="file")
        found[sha256] = New(
            uuid.uuid4(), described.title, described.kind, described.file_name, described.dated_on, media_type, sha256, content
        )  # fmt: skip
    return list(found.values())


async def withdraw(pool: Pool, application_id: str, now: dt.datetime) -> Application:
    """Take an application out of the call, for ever. Raises: NotFoundError(application-unknown)."""

    async def work(conn: Connection) -> None:
        await tell(conn)
        await one(conn, application_id)
        await calls.withdraw(conn, application_id, now)

    await run_tx(pool, work)
    return (await read(pool, application_id)).application


async def list_all(pool: Pool, call_id: str) -> list[Application]:
    """Return the applications of a call at this office, as they arrived. Raises: NotFoundError(call-unknown)."""
    if not rules.is_id(call_id):
        raise issued.unknown(call_id)
    async with acquire(pool) as conn:
        return await calls.applications(conn, call_id)


async def read(pool: Pool, application_id: str) -> Opened:
    """Return an application with what is in it. Raises: NotFoundError(application-unknown)."""
    async with acquire(pool) as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        found = await one(conn, application_id)
        undertakings = await calls.undertakings(conn, [application_id])
        return Opened(found, tuple(undertakings[application_id]), tuple(await calls.documents(conn, application_id)))


async def take_document(conn: Connection, application_id: str, document_id: str) -> File:
    """Return a document of an application as it was handed in. Raises: NotFoundError(document-unknown), OperatorError(document-changed)."""
    row = None
    if _is_uuid(document_id) and _is_uuid(application_id):
        row = await calls.document(conn, application_id, document_id)
    if row is None:
        raise NotFoundError(
            "document-unknown", N_("documento sconosciuto di questa domanda: {id}"), id=document_id[:60]
        )
    found = File(**dict(row))
    if await asyncio.to_thread(_sha256, found.content) != found.sha256:
        raise OperatorError("document-changed", N_("il documento non è più quello che fu consegnato"))
    return found


async def take(pool: Pool, application_id: str, document_id: str) -> File:
    """Return a document to an officer. Raises: as ``take_document``."""
    async with acquire(pool) as conn:
        return await take_document(conn, application_id, document_id)


async def one(conn: Connection, application_id: str) -> Application:
    """Return an application. Raises: NotFoundError(application-unknown)."""
    found = await calls.application(conn, application_id) if _is_uuid(application_id) else None
    if found is None:
        raise NotFoundError("application-unknown", N_("domanda sconosciuta: {id}"), id=application_id[:60])
    return found


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
