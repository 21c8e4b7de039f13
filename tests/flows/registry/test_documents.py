"""Documents of a network in the register: kept, replaced, taken, deleted, each step in the chain; and what is refused."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
import uuid
from pathlib import Path

import orjson
import pytest
from networks_made import NOW, record

from node.domain import documents as kinds
from node.domain import entry_form
from node.errors import CallerError, NotFoundError, OperatorError
from node.flows.registry import documents, keeping
from node.flows.registry.acting import acting
from node.flows.registry.documents import Bounds
from node.flows.upkeep import audit
from node.store import documents as kept_documents
from node.store.postgres import Pool, acquire
from tests.documents_made import HONEST, PDF, TEXT

SMALL = Bounds(2000, 4000)
LATER = NOW + dt.timedelta(days=1)


async def network(pool: Pool, number: int = 1) -> str:
    """A network of its own."""
    made = record(name=f"Rete {number}", deed_number=str(number))
    outcome = await keeping.write(pool, entry_form.entry_of(made), NOW)
    assert outcome.network_id, outcome.problems
    return outcome.network_id


async def add(
    pool: Pool, network_id: str, content: bytes = PDF, name: str = "contratto.pdf", **more: str | None
) -> str:
    """A document by Anna."""
    told = kinds.describe(more.pop("title", None) or "Contratto", "contract", dt.date(2026, 3, 1), name)
    with acting("anna"):
        return await documents.add(pool, network_id, told, content, SMALL, NOW, **more)


async def events(pool: Pool, kind: str = "document") -> list[dict[str, object]]:
    """What the chain tells."""
    async with acquire(pool) as conn:
        rows = await conn.fetch("SELECT document FROM audit.event WHERE kind = $1 ORDER BY event_id", kind)
    return [orjson.loads(row["document"]) for row in rows]


async def refused(code: str, work: object) -> CallerError:
    """Nothing happens, and why."""
    with pytest.raises(CallerError) as caught:
        await work  # type: ignore[misc]
    assert caught.value.code == code
    return caught.value


async def test_a_document_is_kept_as_it_came_and_told_without_its_words(pool: Pool, tmp_path: Path) -> None:
    """Bytes, name, hash, who and when; the chain has who, which and what kind, and no title, no name."""
    one = await network(pool)
    document_id = await add(pool, one, title="Contratto di Zeta Srl")
    (kept,) = await documents.list_documents(pool, one)
    assert (kept.document_id, kept.title, kept.kind, kept.media_type) == (document_id, "Contratto di Zeta Srl", "contract", kinds.PDF)  # fmt: skip
    assert (kept.bytes, kept.sha256, kept.officer, kept.added_at) == (len(PDF), hashlib.sha256(PDF).hexdigest(), "anna", NOW)  # fmt: skip
    with acting("bruno"):
        found = await documents.take(pool, one, document_id)
    assert (found.content, found.file_name) == (PDF, "contratto.pdf")
    told = await events(pool)
    assert [(e["action"], e["officer"], e["document"], e["network"]) for e in told] == [
        ("added", "anna", document_id, one), ("taken", "bruno", document_id, one),
    ]  # fmt: skip
    assert "Zeta" not in str(told)
    assert "contratto.pdf" not in str(told)
    assert hashlib.sha256(PDF).hexdigest() not in str(told)
    assert (await audit.verify(pool, tmp_path)).ok


async def test_nobody_without_a_name_takes_a_document(pool: Pool) -> None:
    """It fails closed: what can't be told does not happen."""
    one = await network(pool)
    document_id = await add(pool, one)
    with pytest.raises(Exception, match="officer's name"):
        await documents.take(pool, one, document_id)


async def test_a_replaced_document_stays_under_the_new_one_until_it_is_deleted(pool: Pool, tmp_path: Path) -> None:
    """One of before goes alone, today's with all of them; each leaves its event."""
    one = await network(pool)
    first = await add(pool, one)
    second = await add(pool, one, PDF + b"\n", replaces=first)
    third = await add(pool, one, PDF + b"\n\n", replaces=first)
    other = await add(pool, one, TEXT, "verbale.txt")
    kept = await documents.list_documents(pool, one)
    series = [k for k in kept if k.document_id != other]
    assert [(k.document_id, k.number, k.is_newest) for k in series] == [(third, 3, True), (second, 2, False), (first, 1, False)]  # fmt: skip
    with acting("anna"):
        assert await documents.delete(pool, one, second) == 1
        assert await documents.delete(pool, one, third) == 2
    assert [k.document_id for k in await documents.list_documents(pool, one)] == [other]
    assert [e["action"] for e in await events(pool)] == ["added", "replaced", "replaced", "added", *["deleted"] * 3]
    assert (await audit.verify(pool, tmp_path)).ok


async def test_a_deletion_waits_for_a_replacement_under_way(pool: Pool) -> None:
    """And a replacement for a deletion: none becomes number two of a series that is gone."""
    one = await network(pool)
    first = await add(pool, one)
    with acting("anna"):
        async with acquire(pool) as conn, acquire(pool) as watch, conn.transaction():
            assert await kept_documents.hold_network(conn, one)
            waiting = asyncio.create_task(documents.delete(pool, one, first))
            # Only the server knows that somebody waits for a lock.
            while not waiting.done() and not await watch.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await watch.execute("SELECT pg_sleep(0.005)")
            assert not waiting.done()
        assert await waiting == 1
        await refused("document-unknown", add(pool, one, TEXT, "a.txt", replaces=first))


async def test_a_document_of_another_network_is_not_there(pool: Pool) -> None:
    """Nor one of no network, nor one that has no form of an id: for taking, replacing and deleting."""
    one, two = await network(pool), await network(pool, 2)
    document_id = await add(pool, one)
    with acting("anna"):
        for where, which in (
            (two, document_id),
            (str(uuid.uuid4()), document_id),
            (one, str(uuid.uuid4())),
            (one, "x"),
        ):
            for work in (documents.take, documents.delete):
                assert isinstance(await refused("document-unknown", work(pool, where, which)), NotFoundError)
        await refused("document-unknown", add(pool, two, TEXT, "a.txt", replaces=document_id))
        for where in ("x", str(uuid.uuid4())):
            await refused("network-unknown", documents.list_documents(pool, where))
            await refused("network-unknown", add(pool, where))
    assert [k.document_id for k in await documents.list_documents(pool, one)] == [document_id]


async def test_what_is_too_much_is_refused(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file, all files of a network, too many of them, the same twice; also when two come at the same moment."""
    one = await network(pool)
    await refused("document-too-large", add(pool, one, b"a" * 2001, "a.txt"))
    await add(pool, one, b"a" * 1900, "a.txt", title="Primo")
    error = await refused("document-repeated", add(pool, one, b"a" * 1900, "b.txt"))
    assert error.facts["title"] == "Primo"
    at_once = [add(pool, one, sign * 1900, "a.txt") for sign in (b"b", b"c", b"d")]
    ends = await asyncio.gather(*at_once, return_exceptions=True)
    assert sorted(getattr(end, "code", "") for end in ends) == ["", "document-network-full", "document-network-full"]
    monkeypatch.setattr(documents, "FILES_MAX", 2)
    await refused("document-network-full", add(pool, one, b"e", "e.txt"))
    await refused("document-name-mismatch", add(pool, one, TEXT, "verbale.pdf"))


async def test_every_form_comes_back_byte_by_byte(pool: Pool) -> None:
    """Of each kind that is accepted."""
    one = await network(pool)
    bounds = Bounds(10**6, 10**8)
    with acting("anna"):
        for name, content in HONEST.items():
            content = content + (b"\n" if name == "firma.jpeg" else b"")  # noqa: PLW2901
            told = kinds.describe("x", "other", None, name)
            document_id = await documents.add(pool, one, told, content, bounds, NOW)
            found = await documents.take(pool, one, document_id)
            assert (found.content, found.file_name) == (content, name)


async def test_a_file_of_the_machine_is_read_up_to_the_bound(tmp_path: Path) -> None:
    """What never ends is no file; one byte more than may be is too much; what is not there is said."""
    path = tmp_path / "atto.txt"
    path.write_bytes(b"a" * 2000)
    assert len(documents.read_file(path, SMALL)) == 2000
    with path.open("r+b") as sparse:
        sparse.truncate(2**30)
    os.mkfifo(tmp_path / "tubo")
    for where, code in (
        (path, "document-too-large"),
        (Path("/dev/zero"), "file-unreadable"),
        (tmp_path / "tubo", "file-unreadable"),
        (tmp_path, "file-unreadable"),
        (tmp_path / "niente", "file-not-found"),
    ):
        with pytest.raises(CallerError) as caught:
            documents.read_file(where, SMALL)
        assert caught.value.code == code


async def test_what_was_done_behind_the_program_s_back_is_found(pool: Pool, tmp_path: Path) -> None:
    """A file put instead of another, one taken out, one brought in, a history told otherwise: the chain says otherwise."""
    one = await network(pool)
    document_id = await add(pool, one)
    other = await add(pool, one, TEXT, "a.txt")
    for statement in ("UPDATE registry.document SET title = 'x'", "UPDATE registry.change SET officer = 'x'"):
        async with acquire(pool) as conn:
            with pytest.raises(Exception, match=r"never changed|told otherwise"):
                await conn.execute(statement)

    async def meddled(statement: str, *facts: object) -> tuple[str | None, str | None]:
        async with acquire(pool) as conn, conn.transaction():
            await conn.execute("SET LOCAL session_replication_role = replica")
            await conn.execute(statement, *facts)
        found = await audit.verify(pool, tmp_path)
        return found.broken, found.profile

    key = uuid.UUID(document_id)
    swapped = await meddled("UPDATE registry.document SET content = 'y' WHERE document_id = $1", key)
    assert swapped == (audit.UNKEPT, document_id)
    with acting("anna"), pytest.raises(OperatorError) as caught:
        await documents.take(pool, one, document_id)
    assert caught.value.code == "document-changed"
    mended = await meddled("UPDATE registry.document SET content = $2 WHERE document_id = $1", key, PDF)
    assert mended == (None, None)
    assert await meddled("DELETE FROM registry.document WHERE document_id = $1", uuid.UUID(other)) == (
        audit.UNKEPT,
        other,
    )
    with acting("anna"):
        await documents.delete(pool, one, document_id)
    assert (await meddled("UPDATE registry.change SET officer = 'altri'"))[0] == audit.UNTOLD_CHANGE
    assert (await meddled("DELETE FROM registry.change"))[0] == audit.ORPHANED
