"""Documents in the database: what it refuses whoever asks, and what belongs to which network."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid

import asyncpg
import pytest
from networks_made import NOW, record

from node.store import accounts, documents, registry
from node.store.documents import New
from node.store.postgres import Connection

ONE, TWO = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


@pytest.fixture
async def networks(conn: Connection) -> None:
    """Two networks."""
    async with conn.transaction():
        staged = [(ONE, record()), (TWO, record(name="Due", deed_number="2"))]
        await registry.apply_import(conn, staged, source="template", now=NOW)


def new(content: bytes = b"a", title: str = "Atto") -> New:
    """A document to be kept."""
    sha256 = hashlib.sha256(content).digest()
    return New(uuid.uuid4(), title, "contract", "atto.txt", dt.date(2026, 1, 1), "text/plain", sha256, content)


async def keep(
    conn: Connection, network_id: str, document: New, number: int = 1, series: uuid.UUID | None = None
) -> uuid.UUID:
    """Keep a document as Anna."""
    async with conn.transaction():
        await accounts.act_as(conn, "anna")
        assert await documents.hold_network(conn, network_id)
        key = series or uuid.uuid4()
        await documents.insert(conn, network_id, document, NOW + dt.timedelta(minutes=number), key, number)
    return key


@pytest.mark.usefixtures("networks")
async def test_documents_are_their_network_s_alone(conn: Connection) -> None:
    """Counted, found, listed and deleted there and nowhere else; the series that was touched last stands first."""
    first, second, other = new(b"a"), new(b"bb"), new(b"ccc", "Altro")
    series = await keep(conn, ONE, first)
    await keep(conn, ONE, other, 2)
    await keep(conn, ONE, second, 3, series)
    assert (await documents.kept(conn, ONE), await documents.kept(conn, TWO)) == ((3, 6), (0, 0))
    assert [(k.document_id, k.number, k.is_newest) for k in await documents.list_all(conn, ONE)] == [
        (str(second.document_id), 3, True), (str(first.document_id), 1, False), (str(other.document_id), 2, True),
    ]  # fmt: skip
    assert await documents.series_of(conn, ONE, str(first.document_id)) == (series, 3)
    assert await documents.twin(conn, ONE, first.sha256) == "Atto"
    for where in (TWO, str(uuid.uuid4())):
        assert await documents.read(conn, where, str(first.document_id)) is None
        assert await documents.series_of(conn, where, str(first.document_id)) is None
        assert await documents.twin(conn, where, first.sha256) is None
        assert await documents.delete(conn, where, str(first.document_id)) == 0
        assert await documents.list_all(conn, where) == []
    found = await documents.read(conn, ONE, str(first.document_id))
    assert found is not None
    assert (found.content, found.sha256) == (b"a", first.sha256)
    assert "content" not in repr(found)
    assert await documents.delete(conn, ONE, str(second.document_id)) == 2
    assert not await documents.hold_network(conn, str(uuid.uuid4()))


@pytest.mark.usefixtures("networks")
async def test_the_database_refuses_what_is_no_document(conn: Connection) -> None:
    """A kind of no list, a name too long, the same version twice, an officer whose name nobody can read, a network that is not there."""
    made = new()
    series = await keep(conn, ONE, made)
    for refused, change in (
        (asyncpg.CheckViolationError, {"kind": "romanzo"}),
        (asyncpg.CheckViolationError, {"file_name": "x" * 151}),
        (asyncpg.CheckViolationError, {"sha256": b"short"}),
        (asyncpg.CheckViolationError, {"officer": "an\u202ena"}),
        (asyncpg.CheckViolationError, {"number": 0}),
        (asyncpg.UniqueViolationError, {"series_id": series}),
        (asyncpg.ForeignKeyViolationError, {"network_id": uuid.uuid4()}),
    ):
        row = {
            "document_id": uuid.uuid4(), "network_id": uuid.UUID(ONE), "title": "x", "media_type": "x", "sha256": bytes(32),
            "content": b"x", "added_at": NOW, **change,
        }  # fmt: skip
        places = ", ".join(f"${at}" for at in range(1, len(row) + 1))
        with pytest.raises(refused):
            await conn.execute(f"INSERT INTO registry.document ({', '.join(row)}) VALUES ({places})", *row.values())
    with pytest.raises(asyncpg.CheckViolationError):
        await conn.execute("UPDATE registry.document SET kind = 'letter'")
    assert await conn.fetchval("SELECT count(*) FROM registry.document") == 1


@pytest.mark.usefixtures("networks")
async def test_documents_and_changes_go_with_their_network_and_the_chain_stays(conn: Connection) -> None:
    """At the end of its term: nothing of it is left but the events, which name nobody."""
    await keep(conn, ONE, new())
    async with conn.transaction():
        await conn.execute("DELETE FROM registry.membership WHERE network_id = $1", uuid.UUID(ONE))
        await conn.execute("DELETE FROM registry.network WHERE network_id = $1", uuid.UUID(ONE))
    for table in ("document", "change"):
        assert await conn.fetchval(f"SELECT count(*) FROM registry.{table} WHERE network_id = $1", uuid.UUID(ONE)) == 0
    actions = [row["action"] for row in await conn.fetch("SELECT document::jsonb ->> 'action' AS action FROM audit.event WHERE kind = 'document' ORDER BY event_id")]  # fmt: skip
    assert actions == ["added", "deleted"]
