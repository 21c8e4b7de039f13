"""Documents of networks as the database keeps them: rows with their bytes, in the private register.

In: connections inside transactions that the flow opened and told who acts (the database's own triggers write each addition and
deletion into the chain of decisions, migration 0031). Out: what is known of documents; the bytes of one. Every question is about one
network: a document of another is not there. No public or peer-facing route can import this (tests/test_house.py).
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("documents")
# Of some megabytes, over a slow road.
TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a document; ``is_newest``: nothing has replaced it."""

    document_id: str
    title: str
    kind: str
    file_name: str
    media_type: str
    dated_on: dt.date | None
    bytes: int
    sha256: str
    added_at: dt.datetime
    officer: str | None
    series_id: str
    number: int
    is_newest: bool


@dataclass(frozen=True, slots=True)
class New:
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


async def hold_network(conn: Connection, network_id: str) -> bool:
    """Let nobody else add to a network, or delete of it, until this transaction ends; False when there is no such network."""
    return await conn.fetchval(QUERIES["hold_network"], uuid.UUID(network_id)) is not None


async def network_exists(conn: Connection, network_id: str) -> bool:
    """Tell whether there is a network of this id."""
    return bool(await conn.fetchval(QUERIES["network_exists"], uuid.UUID(network_id)))


async def kept(conn: Connection, network_id: str) -> tuple[int, int]:
    """Return how many documents a network has, and their bytes."""
    row = await conn.fetchrow(QUERIES["kept"], uuid.UUID(network_id))
    return (row["files"], row["bytes"])


async def twin(conn: Connection, network_id: str, sha256: bytes) -> str | None:
    """Return the title under which a network has this very file, None when it has not."""
    found: str | None = await conn.fetchval(QUERIES["twin"], uuid.UUID(network_id), sha256)
    return found


async def series_of(conn: Connection, network_id: str, document_id: str) -> tuple[uuid.UUID, int] | None:
    """Return the series of a document and the number of its newest, None when the network has no such document."""
    row = await conn.fetchrow(QUERIES["series_of"], uuid.UUID(network_id), uuid.UUID(document_id))
    return None if row is None else (row["series_id"], row["newest"])


async def insert(
    conn: Connection, network_id: str, new: New, now: dt.datetime, series_id: uuid.UUID, number: int
) -> None:
    """Keep a document."""
    await conn.execute(
        QUERIES["insert"], new.document_id, uuid.UUID(network_id), new.title, new.kind, new.file_name, new.dated_on,
        new.media_type, new.sha256, new.content, now, series_id, number, timeout=TIMEOUT_S,
    )  # fmt: skip


async def list_all(conn: Connection, network_id: str) -> list[Kept]:
    """Return the documents of a network, each followed by those that it replaced."""
    rows = await conn.fetch(QUERIES["list"], uuid.UUID(network_id))
    return [
        Kept(**{
            **dict(row), "document_id": str(row["document_id"]), "series_id": str(row["series_id"]),
            "sha256": row["sha256"].hex(),
        })
        for row in rows
    ]  # fmt: skip


async def read(conn: Connection, network_id: str, document_id: str) -> File | None:
    """Return a document with its bytes, None when the network has no such document."""
    row = await conn.fetchrow(QUERIES["read"], uuid.UUID(network_id), uuid.UUID(document_id), timeout=TIMEOUT_S)
    return None if row is None else File(**dict(row))


async def note_taken(conn: Connection, network_id: str, document_id: str) -> None:
    """Write into the chain that whoever acts took a document away."""
    await conn.execute(QUERIES["taken"], uuid.UUID(network_id), uuid.UUID(document_id))


async def delete(conn: Connection, network_id: str, document_id: str) -> int:
    """Delete a document, today's with all that it replaced; return how many files went."""
    done = await conn.execute(QUERIES["delete"], uuid.UUID(network_id), uuid.UUID(document_id))
    return int(done.split()[-1])
