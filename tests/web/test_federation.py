"""The peer-facing routes over real HTTP: what another supplier's node may ask, and what it gets."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from aiohttp.test_utils import TestClient, TestServer

from node.flows.logs.append import Operation, append, sign_head
from node.protocol import body, checkpoint, heads, inconsistency, keys, merkle, note, request, tiles, witness
from node.store import nonces, origins
from node.web.federation import FEDERATION
from tests.web.live import (
    AUTHORITY,
    BASE,
    COUNT,
    KEYID,
    LOG_KEY,
    NOW,
    ORIGIN,
    PEER_KEY,
    Live,
    application,
    operation,
)

ROLES = (Path(__file__).resolve().parents[2] / "deploy" / "roles.sql").read_text(encoding="utf-8")


async def get(live: Live, path: str) -> bytes:
    """The body of a good answer."""
    async with live.client.get(BASE + path) as response:
        assert response.status == 200, await response.text()
        return await response.read()


async def test_the_checkpoint_is_a_signed_note_with_an_etag(live: Live) -> None:
    """text/plain, never cached, verified by the log's key; 304 for who has it."""
    async with live.client.get(f"{BASE}/checkpoint") as response:
        raw, etag = await response.read(), response.headers["ETag"]
        assert response.content_type == "text/plain"
        assert response.headers["Cache-Control"] == "no-cache"
    verifier = keys.Verifier(ORIGIN, keys.LOG_TYPE, LOG_KEY.public_key().public_bytes_raw())
    parsed = note.parse(raw)
    assert note.verify(parsed, [verifier])
    assert checkpoint.parse(parsed.text).size == COUNT
    async with live.client.get(f"{BASE}/checkpoint", headers={"If-None-Match": etag}) as response:
        assert (response.status, await response.read()) == (304, b"")


async def test_tiles_and_bundles_rebuild_the_signed_root(live: Live) -> None:
    """Level 0 is the hash of each entry, level 1 the root of each full tile; together they give the signed root."""
    first = tiles.decode_bundle(await get(live, "/tile/entries/000"), 256)
    rest = tiles.decode_bundle(await get(live, "/tile/entries/001.p/44"), 44)
    level0 = await get(live, "/tile/0/000")
    assert level0 == b"".join(merkle.leaf_hash(raw) for raw in first)
    assert await get(live, "/tile/0/001.p/44") == b"".join(merkle.leaf_hash(raw) for raw in rest)
    assert await get(live, "/tile/1/000.p/1") == merkle.subtree_root(tiles.decode_tile(level0, 256))
    grown = merkle.CompactRange()
    grown.extend(merkle.leaf_hash(raw) for raw in (*first, *rest))
    signed = checkpoint.parse(note.parse(await get(live, "/checkpoint")).text)
    assert grown.root() == signed.root


async def test_a_smaller_partial_bundle_is_the_beginning_of_a_larger(live: Live) -> None:
    """What is served for one width stays true for every larger one."""
    small = await get(live, "/tile/entries/001.p/10")
    assert (await get(live, "/tile/entries/001.p/44")).startswith(small)
    async with live.client.get(f"{BASE}/tile/entries/000") as response:
        assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        "/tile/entries/001", "/tile/entries/001.p/45", "/tile/entries/002.p/1", "/tile/0/001.p/45", "/tile/1/000.p/2", "/tile/1/000",
        "/tile/entries/1", "/tile/entries/x000/001", "/tile/entries/000.p/0", "/tile/7/000", "/tile/99/000", "/tile/0/", "/nothing",
        "/tile/entries/000.p/256", "/tile/entries/%2e%2e/000",
    ],
)  # fmt: skip
async def test_what_is_not_signed_or_not_a_tile_is_not_found(live: Live, path: str) -> None:
    """Beyond the checkpoint, or spelled otherwise: 404 with a problem document."""
    async with live.client.get(BASE + path) as response:
        assert response.status == 404
        assert response.content_type == "application/problem+json"
        assert (await response.json())["code"]


async def test_another_epoch_is_unknown(live: Live) -> None:
    """Only this year's log is served here."""
    async with live.client.get("/federation/log/2025/checkpoint") as response:
        assert (response.status, (await response.json())["code"]) == (404, "log-unknown")


async def test_what_is_appended_but_not_signed_is_not_shown(live: Live) -> None:
    """Between append and signature nothing of the new entry is served."""
    async with live.pool.acquire() as conn, conn.transaction():
        await append(conn, live.own, [operation(COUNT + 1)], NOW)
    async with live.client.get(f"{BASE}/tile/entries/001.p/45") as response:
        assert response.status == 404
    answers = await ask(live, [COUNT])
    assert answers[0].status == body.NO_SUCH_INDEX


def signed(raw: bytes, **changes: object) -> dict[str, str]:
    """Headers of a signed request for bodies."""
    parts: dict[str, object] = {
        "method": "POST",
        "authority": AUTHORITY,
        "path": f"{BASE}/bodies",
        "query": "",
        "body": raw,
        "keyid": KEYID,
        "private_key": PEER_KEY,
        "now": int(NOW.timestamp()),
        "nonce": uuid.uuid4().bytes,
    }
    headers = request.sign(**{**parts, **changes})  # type: ignore[arg-type]
    return {**headers, "Content-Type": "application/json"}


async def ask(live: Live, indices: list[int]) -> list[body.Answer]:
    """Ask for bodies as a member."""
    raw = body.encode_request(indices)
    async with live.client.post(f"{BASE}/bodies", data=raw, headers=signed(raw)) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Cache-Control"] == "no-store"
        return body.decode_reply(indices, await response.read())


async def test_a_member_gets_bodies_that_match_their_commitments(live: Live) -> None:
    """Salt and body hash to the entry's commitment; absent indices say so."""
    answers = await ask(live, [0, 299, 300])
    entries = tiles.decode_bundle(await get(live, "/tile/entries/000"), 256)
    first = answers[0]
    wanted = base64.b64encode(hashlib.sha256(b"rete/body/v1\n" + first.salt + first.body).digest())
    assert wanted in entries[0]
    assert [answer.status for answer in answers] == [body.PRESENT, body.PRESENT, body.NO_SUCH_INDEX]
    assert first.body == live.bodies[0]


async def test_a_withdrawn_body_is_gone_at_once(live: Live) -> None:
    """After a withdrawal the index answers "erased" and no table holds body or salt."""
    salt = (await ask(live, [5]))[0].salt
    async with live.pool.acquire() as conn, conn.transaction():
        await append(conn, live.own, [Operation(str(uuid.UUID(int=6, version=4)), None)], NOW)
    await sign_head(live.pool, live.own, NOW)
    assert [answer.status for answer in await ask(live, [5, COUNT])] == [body.ERASED, body.ERASED]
    async with live.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM log.body WHERE salt = $1", salt) == 0
        assert await conn.fetchval("SELECT count(*) FROM coop.profile") == COUNT - 1


async def refused(live: Live, raw: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """Status and code of a refused request."""
    async with live.client.post(f"{BASE}/bodies", data=raw, headers=headers) as response:
        document = await response.json(content_type="application/problem+json")
        assert "Date" in response.headers
        return response.status, document["code"]


async def test_requests_without_a_good_signature_get_nothing(live: Live) -> None:
    """Unsigned, strange, late, replayed, mistyped and malformed requests each get their status and code."""
    raw = body.encode_request([0])
    plain = {"Content-Type": "application/json"}
    now = int(NOW.timestamp())
    assert await refused(live, raw, plain) == (401, "signature-missing")
    assert await refused(live, raw, signed(raw, keyid="stranger#1")) == (401, "signature-unknown-key")
    assert await refused(live, raw, signed(raw, private_key=LOG_KEY)) == (401, "signature-bad")
    assert await refused(live, raw, signed(raw, authority="other.it")) == (401, "signature-bad")
    assert await refused(live, raw, signed(raw, now=now - 600)) == (401, "clock-skew")
    assert await refused(live, raw, signed(b"{}")) == (401, "digest-mismatch")
    once = signed(raw)
    async with live.client.post(f"{BASE}/bodies", data=raw, headers=once) as response:
        assert response.status == 200
    assert await refused(live, raw, once) == (409, "nonce-replayed")
    assert await refused(live, raw, {**signed(raw), "Content-Type": "text/plain"}) == (415, "content-type-bad")
    assert await refused(live, b"[]", signed(b"[]")) == (400, "bodies-request-bad")
    large = b" " * 70_000
    assert await refused(live, large, signed(large)) == (413, "request-too-large")


async def test_a_size_is_never_signed_twice(live: Live) -> None:
    """Signing again signs nothing; a damaged entry is found before its root is signed."""
    assert await sign_head(live.pool, live.own, NOW) is None
    async with live.pool.acquire() as conn:
        async with conn.transaction():
            await append(conn, live.own, [operation(COUNT + 2)], NOW)
        await conn.execute("UPDATE log.entry SET entry = entry || ' ' WHERE idx = 290")
    with pytest.raises(Exception, match="root-differs"):
        await sign_head(live.pool, live.own, NOW)


async def test_wrong_methods_are_told_so(live: Live) -> None:
    """405 with Allow, as a problem document."""
    async with live.client.post(f"{BASE}/checkpoint") as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD")


PEER_ORIGIN = "torino.example.it/federation/log/2026"


def peer_note(word: bytes) -> bytes:
    """A head of size one that the other log signed."""
    head = checkpoint.Checkpoint(PEER_ORIGIN, 1, merkle.leaf_hash(word))
    return note.sign(head.text(), [keys.LogSigner(PEER_ORIGIN, PEER_KEY)])


@pytest.fixture
async def narrow(live: Live, db: str) -> AsyncIterator[Live]:
    """The same log served by the database role of deploy/roles.sql that answers other nodes; and another log it follows."""
    vkey = keys.format_vkey(PEER_ORIGIN, PEER_KEY.public_key().public_bytes_raw())
    async with live.pool.acquire() as conn:
        await origins.upsert_origin(
            conn,
            origin=PEER_ORIGIN,
            owner="cmto",
            name="Torino",
            url="https://torino.example.it",
            vkey=vkey,
            is_own=False,
            empty_root=merkle.EMPTY_ROOT,
        )
        await conn.execute(ROLES)
    pool = await asyncpg.create_pool(db, min_size=0, max_size=2, server_settings={"role": "rete_public"})
    try:
        async with TestClient(TestServer(application(pool))) as client:
            yield Live(client, pool, live.own, live.bodies)
    finally:
        pool.terminate()


async def test_the_narrow_role_is_enough_for_every_peer_facing_route(narrow: Live) -> None:
    """Each route of logs and of news answers as it should, with the role's few rights."""
    for path in ("/checkpoint", "/tile/entries/000", "/tile/0/000", "/tile/1/000.p/1"):
        assert await get(narrow, path)
    assert [answer.status for answer in await ask(narrow, [0, COUNT])] == [body.PRESENT, body.NO_SUCH_INDEX]
    news = hashlib.sha256(PEER_ORIGIN.encode()).hexdigest()
    proof = inconsistency.Inconsistency(PEER_ORIGIN, peer_note(b"a"), peer_note(b"b"), ())
    json = {"Content-Type": "application/json"}
    sent: tuple[tuple[str, str, bytes | None, int], ...] = (
        ("GET", "heads", None, 200),
        ("POST", "hint", heads.encode_hint(PEER_ORIGIN, 9), 204),
        ("POST", "hint", heads.encode_hint("torino.example.it/federation/log/2027", 1), 204),
        ("POST", "witness/add-checkpoint", witness.encode_submission(0, (), peer_note(b"a")), 200),
        ("GET", f"witness/{news}/checkpoint", None, 200),
        ("POST", "proofs", inconsistency.encode(proof), 201),
        ("GET", "proofs", None, 200),
    )
    for method, path, raw, status in sent:
        async with narrow.client.request(method, f"/federation/{path}", data=raw, headers=json) as response:
            assert response.status == status, (path, await response.text())


async def test_while_the_database_can_not_write_bodies_are_answered_once_and_nothing_else(live: Live, db: str) -> None:
    """Read-only, as a full disk or a standby leaves it: public bodies, each request once, also after it writes again; the post gets 503."""
    raw = body.encode_request([0])
    admin = await asyncpg.connect(db)
    try:
        name = await admin.fetchval("SELECT current_database()")
        await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        await live.pool.expire_connections()
        once = signed(raw)
        async with live.client.post(f"{BASE}/bodies", data=raw, headers=once) as response:
            assert response.status == 200
        assert await refused(live, raw, once) == (409, "nonce-replayed")
        aside = live.client.app[FEDERATION].aside
        aside.most = 1
        # No room to remember one more: not answered.
        assert await refused(live, raw, signed(raw)) == (503, "database-unavailable")
        aside.most = 20_000
        async with live.client.post(f"{BASE}/bodies", data=raw, headers=signed(raw)) as response:
            assert response.status == 200
        await admin.execute("SET default_transaction_read_only = off")
        await admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        await live.pool.expire_connections()
        assert await refused(live, raw, once) == (409, "nonce-replayed")
        async with live.client.post(f"{BASE}/bodies", data=raw, headers=signed(raw)) as response:
            assert response.status == 200
        assert await admin.fetchval("SELECT count(*) FROM ops.nonce") == 1
    finally:
        await admin.close()


def test_what_a_process_remembers_by_itself_is_bounded_and_ends() -> None:
    """No more than so many that may still be repeated; those that are over make room."""
    aside = nonces.Aside(keep_s=300, most=2)
    assert aside.take("k", "a", NOW)
    assert aside.take("k", "b", NOW)
    assert not aside.take("k", "c", NOW)
    assert aside.has("k", "a")
    assert not aside.has("k", "c")
    assert aside.take("k", "c", NOW + dt.timedelta(seconds=301))
    assert not aside.has("k", "a")
