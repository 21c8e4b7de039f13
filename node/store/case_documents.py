"""Documents of case files: kept as they were handed in, each with its digest. Private.

In: connections inside transactions that the flow opened and told who acts. Out: values. Every question is about one case: what belongs to
another is not there. No public or peer-facing route can import this (tests/test_house.py).
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("case_documents")
# Of some megabytes, over a slow road.
TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """What is known of a document."""

    document_id: str
    title: str
    kind: str
    file_name: str
    dated_on: dt.date | None
    media_type: str
    sha256: str
    bytes: int
    officer: str
    added_at: dt.datetime


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to be kept, judged already."""

    document_id: uuid.UUID
    title: str
    kind: str
    file_name: str
    dated_on: dt.date | None
    media_type: str
    sha256: bytes
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class File:
    """A document as it was handed in."""

    file_name: str
    media_type: str
    sha256: bytes
    content: bytes = field(repr=False)


async def documents_kept(conn: Connection, case_id: str) -> tuple[int, int]:
    """Return how many documents a case has, and their bytes."""
    row = await conn.fetchrow(QUERIES["documents_kept"], uuid.UUID(case_id))
    return (row["files"], row["bytes"])


async def document_twin(conn: Connection, case_id: str, sha256: bytes) -> str | None:
    """Return the title under which a case has this very file, None when it has not."""
    found: str | None = await conn.fetchval(QUERIES["document_twin"], uuid.UUID(case_id), sha256)
    return found


async def insert_document(conn: Connection, case_id: str, new: NewDocument, officer: str, now: dt.datetime) -> None:
    """Keep a document."""
    await conn.execute(
        QUERIES["insert_document"], new.document_id, uuid.UUID(case_id), new.title, new.kind, new.file_name, new.dated_on,
        new.media_type, new.sha256, new.content, officer, now, timeout=TIMEOUT_S,
    )  # fmt: skip


async def list_documents(conn: Connection, case_id: str) -> list[DocumentRow]:
    """Return the documents of a case, oldest first."""
    return [DocumentRow(**dict(row)) for row in await conn.fetch(QUERIES["list_documents"], uuid.UUID(case_id))]


async def read_document(conn: Connection, case_id: str, document_id: str) -> File | None:
    """Return a document with its bytes, None when the case has no such document."""
    row = await conn.fetchrow(QUERIES["read_document"], uuid.UUID(case_id), uuid.UUID(document_id), timeout=TIMEOUT_S)
    return None if row is None else File(**dict(row))


async def note_taken(conn: Connection, case_id: str, document_id: str) -> None:
    """Write into the chain that whoever acts took a document away."""
    await conn.execute(QUERIES["document_taken"], uuid.UUID(case_id), uuid.UUID(document_id))


async def delete_document(conn: Connection, case_id: str, document_id: str) -> bool:
    """Delete a document; False when the case has no such."""
    done = await conn.execute(QUERIES["delete_document"], uuid.UUID(case_id), uuid.UUID(document_id))
    return bool(done.endswith(" 1"))
