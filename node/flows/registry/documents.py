"""Documents of a network: add one, replace it, list, take, delete.

In: what an officer says of a file and its bytes, bounds of [documents]. Out: what is kept. Rules: domain/documents judges before
anything is written; a replaced document stays, under the new one, until somebody deletes it; each step is in the chain of decisions
with who did it and what for, without a title, a name or a byte of the file. Names travel in bodies and headers of those who may read
them, never in an address, a log line or a measure. Source: docs/office.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path

from node.config import Config
from node.domain.documents import Described, media_type_of
from node.errors import N_, CallerError, NotFoundError, OperatorError
from node.flows.registry.acting import tell
from node.store import documents
from node.store.documents import File, Kept, New
from node.store.postgres import Connection, Pool, acquire, run_tx

MB = 2**20
# Of one network, however small they are.
FILES_MAX = 500


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many bytes one file, and all files of one network, may have."""

    file: int
    network: int


def bounds_of(config: Config) -> Bounds:
    """Return the bounds that an administration chose."""
    return Bounds(config.documents.max_mb * MB, config.documents.network_mb * MB)


def read_file(path: Path, bounds: Bounds) -> bytes:
    """Return the bytes of a file, of which no more are read than may be kept.

    Raises: NotFoundError(file-not-found), CallerError file-unreadable, document-too-large.
    """
    try:
        # Without waiting for a writer; what never ends is no file to attach.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise CallerError("file-unreadable", N_("il file non si legge"), where=str(path))
            content = opened.read(bounds.file + 1)
    except FileNotFoundError as error:
        raise NotFoundError("file-not-found", N_("il file non c'è"), where=str(path)) from error
    except OSError as error:
        raise CallerError("file-unreadable", N_("il file non si legge"), where=str(path)) from error
    if len(content) > bounds.file:
        raise too_large(bounds)
    return content


def too_large(bounds: Bounds) -> CallerError:
    """Return the refusal of a file that is larger than may be."""
    return CallerError(
        "document-too-large", N_("il file ha più di {limit} MB"), where="file",
        hint=N_("salvarlo con immagini più leggere o dividerlo; il limite è [documents] max_mb"), limit=bounds.file // MB,
    )  # fmt: skip


async def add(
    pool: Pool,
    network_id: str,
    described: Described,
    content: bytes,
    bounds: Bounds,
    now: dt.datetime,
    *,
    replaces: str | None = None,
) -> str:
    """Keep a document of a network and return its id; with ``replaces`` it is the new version of another.

    Raises: NotFoundError network-unknown, document-unknown; CallerError document-... (domain/documents), document-too-large,
    document-network-full, document-repeated.
    """
    if len(content) > bounds.file:
        raise too_large(bounds)
    network_id, replaced = _network(network_id), None if replaces is None else _document(replaces)
    media_type = await asyncio.to_thread(media_type_of, content, described.file_name)
    sha256 = await asyncio.to_thread(lambda: hashlib.sha256(content).digest())
    new = New(
        uuid.uuid4(), described.title, described.kind, described.file_name, described.dated_on, media_type, sha256, content
    )  # fmt: skip

    async def work(conn: Connection) -> None:
        await tell(conn)
        if not await documents.hold_network(conn, network_id):
            raise _no_network(network_id)
        series, number = uuid.uuid4(), 1
        if replaced is not None:
            before = await documents.series_of(conn, network_id, replaced)
            if before is None:
                raise _no_document(replaced)
            series, number = before[0], before[1] + 1
        await _refuse_more(conn, network_id, new, bounds)
        await documents.insert(conn, network_id, new, now, series, number)

    await run_tx(pool, work)
    return str(new.document_id)


async def _refuse_more(conn: Connection, network_id: str, new: New, bounds: Bounds) -> None:
    twin = await documents.twin(conn, network_id, new.sha256)
    if twin is not None:
        raise CallerError(
            "document-repeated", N_("la rete ha già questo stesso file, con il titolo «{title}»"), where="file",
            hint=N_("per cambiarne titolo o genere, cancellarlo e aggiungerlo di nuovo"), title=twin,
        )  # fmt: skip
    files, size = await documents.kept(conn, network_id)
    if files >= FILES_MAX or size + len(new.content) > bounds.network:
        raise CallerError(
            "document-network-full", N_("i documenti della rete sarebbero più di {files}, o più di {limit} MB in tutto"),
            where="file", hint=N_("cancellare versioni e documenti che non servono; il limite è [documents] network_mb"),
            files=FILES_MAX, limit=bounds.network // MB,
        )  # fmt: skip


async def list_documents(pool: Pool, network_id: str) -> list[Kept]:
    """Return the documents of a network, each followed by those it replaced. Raises: NotFoundError(network-unknown)."""
    network_id = _network(network_id)
    async with acquire(pool) as conn, conn.transaction(readonly=True, isolation="repeatable_read"):
        if not await documents.network_exists(conn, network_id):
            raise _no_network(network_id)
        return await documents.list_all(conn, network_id)


async def take(pool: Pool, network_id: str, document_id: str) -> File:
    """Return a document as it was handed in; that it was taken, and by whom, is in the chain before it goes.

    Raises: NotFoundError network-unknown, document-unknown; OperatorError(document-changed).
    """
    network_id, document_id = _network(network_id), _document(document_id)

    async def work(conn: Connection) -> File:
        await tell(conn)
        found = await documents.read(conn, network_id, document_id)
        if found is None:
            raise _no_document(document_id)
        await documents.note_taken(conn, network_id, document_id)
        return found

    found = await run_tx(pool, work)
    if await asyncio.to_thread(lambda: hashlib.sha256(found.content).digest()) != found.sha256:
        raise OperatorError(
            "document-changed", N_("il documento non è più quello che fu aggiunto"),
            hint=N_("non cancellarlo: ripristinarlo da una copia di sicurezza e verificare la catena («rete audit verify»)"),
        )  # fmt: skip
    return found


async def delete(pool: Pool, network_id: str, document_id: str) -> int:
    """Delete a document, today's with all that it replaced, one of before alone; return how many files went.

    Raises: NotFoundError network-unknown, document-unknown.
    """
    network_id, document_id = _network(network_id), _document(document_id)

    async def work(conn: Connection) -> int:
        await tell(conn)
        # A replacement under way either stands already, or finds nothing to replace.
        await documents.hold_network(conn, network_id)
        return await documents.delete(conn, network_id, document_id)

    gone = await run_tx(pool, work)
    if not gone:
        raise _no_document(document_id)
    return gone


def _network(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise _no_network(text) from error


def _document(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise _no_document(text) from error


def _no_network(text: str) -> NotFoundError:
    return NotFoundError("network-unknown", N_("rete sconosciuta: {id}"), id=text[:60])


def _no_document(text: str) -> NotFoundError:
    return NotFoundError("document-unknown", N_("documento sconosciuto di questa rete: {id}"), id=text[:60])
