"""The routes of news over real HTTP: heads, hints, proofs, and the witness with the statuses of its specification."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import CallerError
from node.protocol import checkpoint, heads, keys, merkle, note, tiles, witness
from node.protocol.checkpoint import Checkpoint
from node.store import origins
from node.web import federation, gossip, middleware
from node.web.allowance import CALLERS_MAX, Allowances, Rate, limiter
from tests.web.live import AUTHORITY, BASE, COUNT, NOW, ORIGIN, Live, key_of

PEER_ORIGIN = "torino.example.it/federation/log/2026"
PEER_LOG = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
ADD = "/federation/witness/add-checkpoint"
LEAVES = [merkle.leaf_hash(bytes([n])) for n in range(9)]


def tree(size: int, leaves: list[bytes] = LEAVES) -> Checkpoint:
    """The head of another node's log."""
    grown = merkle.CompactRange()
    grown.extend(leaves[:size])
    return Checkpoint(PEER_ORIGIN, size, grown.root())


def signed(head: Checkpoint, key: Ed25519PrivateKey = PEER_LOG) -> bytes:
    """Its signed note."""
    return note.sign(head.text(), [keys.LogSigner(head.origin, key)])


def proof(old: int, new: int) -> list[bytes]:
    """The consistency proof of that log."""
    return merkle.consistency_proof(
        old, new, lambda level, index: merkle.subtree_root(LEAVES[index << level : (index + 1) << level])
    )


async def enrol(live: Live) -> None:
    """Make the other log known here."""
    async with live.pool.acquire() as conn:
        await origins.upsert_origin(
            conn,
            origin=PEER_ORIGIN,
            owner="torino",
            name="Torino",
            url="https://torino.example.it",
            vkey=keys.format_vkey(PEER_ORIGIN, PEER_LOG.public_key().public_bytes_raw()),
            is_own=False,
            empty_root=merkle.EMPTY_ROOT,
        )


async def submit(live: Live, raw: bytes) -> tuple[int, str, bytes]:
    """Status, content type and body of an add-checkpoint."""
    async with live.client.post(ADD, data=raw, headers={"Content-Type": "text/plain"}) as response:
        return response.status, response.content_type, await response.read()


async def test_a_witness_cosigns_what_extends_its_last_word(live: Live) -> None:
    """200 with one cosignature line that verifies, and the same checkpoint again for whoever asks later."""
    await enrol(live)
    for old, new in ((0, 3), (3, 3), (3, 8)):
        head = tree(new)
        status, kind, line = await submit(
            live, witness.encode_submission(old, proof(old, new) if 0 < old < new else [], signed(head))
        )
        assert (status, kind) == (200, "text/plain")
        verifier = keys.Verifier(
            f"{AUTHORITY}/witness", keys.COSIGNATURE_TYPE, key_of(4).public_key().public_bytes_raw()
        )
        (found,) = witness.read_cosignatures(witness.parse_lines(line), head.text(), {"us": (verifier,)})
        assert found.at == int(NOW.timestamp())
    name = hashlib.sha256(PEER_ORIGIN.encode()).hexdigest()
    async with live.client.get(f"/federation/witness/{name}/checkpoint") as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
        kept = note.parse(await response.read())
    assert checkpoint.parse(kept.text) == tree(8)
    assert [signature.name for signature in kept.signatures] == [PEER_ORIGIN, f"{AUTHORITY}/witness"]
    async with live.client.get(f"/federation/witness/{'0' * 64}/checkpoint") as response:
        assert response.status == 404


async def test_a_witness_refuses_with_the_statuses_of_its_specification(live: Live) -> None:
    """404 unknown log, 403 no good signature, 400 old larger, 409 with the recorded size, 422 what does not extend."""
    raw = witness.encode_submission(0, [], signed(tree(3)))
    assert (await submit(live, raw))[0] == 404
    await enrol(live)
    stranger = Ed25519PrivateKey.from_private_bytes(b"\x08" * 32)
    assert (await submit(live, witness.encode_submission(0, [], signed(tree(3), stranger))))[0] == 403
    assert (await submit(live, raw))[0] == 200
    assert (await submit(live, witness.encode_submission(5, [], signed(tree(3)))))[0] == 400
    assert await submit(live, raw) == (409, "text/x.tlog.size", b"3\n")
    other = [*LEAVES[:2], merkle.leaf_hash(b"other"), *LEAVES[3:]]
    assert (await submit(live, witness.encode_submission(3, [], signed(tree(3, other)))))[0] == 422
    assert (await submit(live, witness.encode_submission(3, proof(3, 8)[:-1], signed(tree(8)))))[0] == 422
    assert (await submit(live, witness.encode_submission(3, proof(3, 8), signed(tree(8, other)))))[0] == 422
    assert (await submit(live, b"old 0\n" + b"x" * 44 + b"\n\n" + signed(tree(3))))[0] == 400
    assert (await submit(live, b""))[0] == 400
    assert (await submit(live, raw)) == (409, "text/x.tlog.size", b"3\n")


async def test_of_two_histories_at_once_one_is_cosigned(live: Live) -> None:
    """Many submissions in parallel, half of them of another history: one history alone gets cosignatures."""
    await enrol(live)
    other = [merkle.leaf_hash(b"other"), *LEAVES[1:]]
    raws = [witness.encode_submission(0, [], signed(tree(2 + n % 3, other if n % 2 else LEAVES))) for n in range(12)]
    statuses = [status for status, *_ in await asyncio.gather(*(submit(live, raw) for raw in raws))]
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 409}


async def test_heads_are_the_own_log_and_what_is_mirrored(live: Live) -> None:
    """The own checkpoint is there at once, a followed log only once it was verified whole; an ETag saves the rest."""
    await enrol(live)
    async with live.client.get("/federation/heads") as response:
        assert (response.status, response.content_type) == (200, "application/json")
        assert response.headers["Rete-Proofs"] == "0"
        (own,) = heads.parse(await response.read())
        etag = response.headers["ETag"]
    assert own.origin == ORIGIN
    assert checkpoint.parse(note.parse(own.checkpoint).text).size == COUNT
    async with live.client.get("/federation/heads", headers={"If-None-Match": etag}) as response:
        assert (response.status, response.headers["Rete-Proofs"]) == (304, "0")


async def test_a_log_that_was_never_verified_is_not_mirrored(live: Live) -> None:
    """Neither checkpoint nor tiles of a followed log before this node has cosigned it; the own log is no mirror of itself."""
    await enrol(live)
    for origin in (PEER_ORIGIN, ORIGIN):
        name = hashlib.sha256(origin.encode()).hexdigest()
        for path in ("checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1"):
            async with live.client.get(f"/federation/mirror/{name}/{path}") as response:
                assert response.status == 404


async def test_a_bundle_can_be_asked_for_from_where_one_is(live: Live) -> None:
    """A Range request gets exactly the rest, 416 past the end, and the whole when the header is no range."""
    path = f"{BASE}/tile/entries/001.p/44"
    async with live.client.get(path) as response:
        whole = await response.read()
        assert response.headers["Accept-Ranges"] == "bytes"
    known = len(tiles.encode_bundle(tiles.decode_bundle(whole, 44)[:40]))
    for asked, status, part in (
        (f"bytes={known}-", 206, whole[known:]),
        (f"bytes={known}-{known + 9}", 206, whole[known : known + 10]),
        ("bytes=-7", 206, whole[-7:]),
        (f"bytes={len(whole)}-", 416, b""),
        ("lines=1-2", 200, whole),
        ("bytes=9-3", 200, whole),
    ):
        async with live.client.get(path, headers={"Range": asked}) as response:
            read = await response.read()
            assert (asked, response.status) == (asked, status)
            if status != 416:
                assert read == part
            if status == 206:
                assert response.headers["Content-Range"].startswith("bytes ")
    shorter = whole[:known]
    async with live.client.get(f"{BASE}/tile/entries/001.p/40") as response:
        assert await response.read() == shorter


async def test_tile_levels_have_one_spelling(live: Live) -> None:
    """No leading zeros, no level beyond the tree's."""
    for level in ("00", "01", "7", "64"):
        async with live.client.get(f"{BASE}/tile/{level}/000.p/1") as response:
            assert response.status == 404
    async with live.client.get(f"{BASE}/tile/1/000.p/1") as response:
        assert len(await response.read()) == 32


def test_an_allowance_runs_out_and_fills_again() -> None:
    """After the burst a caller waits; others do not; time fills the bucket, a clock set back does not."""
    allowances = Allowances({"read": Rate(2, 3)})
    for _ in range(3):
        allowances.spend("read", "a", NOW)
    with pytest.raises(CallerError, match="rate-limited") as caught:
        allowances.spend("read", "a", NOW)
    assert caught.value.facts["retry_after_s"] == 1
    allowances.spend("read", "b", NOW)
    with pytest.raises(CallerError):
        allowances.spend("read", "a", NOW - dt.timedelta(hours=1))
    allowances.spend("read", "a", NOW + dt.timedelta(seconds=1))


def test_an_allowance_remembers_a_bounded_number_of_callers() -> None:
    """A flood of addresses costs no memory: the longest unseen is forgotten."""
    allowances = Allowances({"read": Rate(1, 1)})
    for caller in range(CALLERS_MAX + 100):
        allowances.spend("read", str(caller), NOW)
    assert len(allowances._buckets) == CALLERS_MAX


async def test_a_flood_of_hints_is_answered_with_429(live: Live) -> None:
    """Too many hints from one address: 429 with Retry-After, as a problem document."""
    shared = live.client.app
    assert shared is not None
    allowances = Allowances({"hint": Rate(0.01, 2), "read": Rate(9, 9), "witness": Rate(9, 9), "proof": Rate(9, 9)})
    app = web.Application(middlewares=[middleware.errors, limiter(allowances, lambda: NOW, behind_proxy=True)])
    app[federation.FEDERATION] = shared[federation.FEDERATION]
    app.add_routes(gossip.routes())
    body, statuses = heads.encode_hint(ORIGIN, 1), []
    async with TestClient(TestServer(app)) as client:
        for address in ("198.51.100.1",) * 3 + ("198.51.100.2",):
            headers = {"Content-Type": "application/json", "X-Forwarded-For": f"10.0.0.9, {address}"}
            async with client.post("/federation/hint", data=body, headers=headers) as response:
                statuses.append(response.status)
                if response.status == 429:
                    assert response.headers["Retry-After"] == "100"
                    assert (await response.json(content_type="application/problem+json"))["code"] == "rate-limited"
    assert statuses == [204, 204, 429, 204]
