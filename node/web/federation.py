"""The peer-facing routes: checkpoint, tiles, entry bundles, bodies.

In: requests of other nodes. Out: bytes straight from the log tables. These handlers know the log and the member list
and nothing of the private registry (wall 3 of tests/test_house.py). Only positions below the newest signed checkpoint
are shown: what is not signed is not yet said. Source: PROTOCOL 1, 2, 3.3, 4.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from node.errors import N_, CallerError, NotFoundError
from node.protocol import body, limits, merkle, request, tiles
from node.store import log
from node.store.postgres import Connection, Pool

IMMUTABLE = "public, max-age=31536000, immutable"
OCTETS = "application/octet-stream"
_NO_SUCH_INDEX = bytes([body.NO_SUCH_INDEX])
_JSON = re.compile(r"application/json\s*(;.*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Federation:
    """What the peer-facing routes need, and no more."""

    pool: Pool
    origin_id: int
    authority: str
    epoch: int
    # Key id -> raw Ed25519 public key of the members that may call.
    http_keys: Mapping[str, bytes]
    clock: Callable[[], dt.datetime]


FEDERATION = web.AppKey("federation", Federation)


def routes() -> list[web.RouteDef]:
    """Return the routes under /federation."""
    return [
        web.get("/federation/log/{epoch:[0-9]{4}}/checkpoint", checkpoint),
        web.get("/federation/log/{epoch:[0-9]{4}}/tile/entries/{index:.+}", entry_bundle),
        web.get("/federation/log/{epoch:[0-9]{4}}/tile/{level:[0-9]{1,2}}/{index:.+}", tile),
        web.post("/federation/log/{epoch:[0-9]{4}}/bodies", bodies),
    ]


def _served(request_: web.Request) -> Federation:
    federation = request_.app[FEDERATION]
    if int(request_.match_info["epoch"]) != federation.epoch:
        raise NotFoundError("log-unknown", N_("questo nodo non ha un registro per quell'anno"))
    return federation


async def _signed(conn: Connection, federation: Federation) -> log.Signed:
    signed = await log.signed_latest(conn, federation.origin_id)
    if signed is None:
        raise NotFoundError("log-empty", N_("il registro non ha ancora un checkpoint firmato"))
    return signed


async def checkpoint(request_: web.Request) -> web.StreamResponse:
    """Answer the newest signed checkpoint; 304 when the caller has it."""
    federation = _served(request_)
    async with federation.pool.acquire() as conn:
        signed = await _signed(conn, federation)
    etag = f'"{signed.size}-{signed.root[:8].hex()}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if request_.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=signed.note, headers={**headers, "Content-Type": "text/plain; charset=utf-8"})


def _span(index: str, size: int, leaves: int = 1) -> tuple[int, int]:
    """Return [start, end) of a tile's hashes or entries, each ``leaves`` wide; 404 beyond the signed size."""
    number, width = tiles.decode_index(index)
    start, end = number * tiles.TILE_WIDTH, number * tiles.TILE_WIDTH + width
    if end * leaves > size:
        raise NotFoundError("tile-beyond-checkpoint", N_("il checkpoint firmato non arriva fin lì"))
    return start, end


async def entry_bundle(request_: web.Request) -> web.StreamResponse:
    """Answer up to 256 entries as uint16-BE length and bytes each."""
    federation = _served(request_)
    async with federation.pool.acquire() as conn:
        signed = await _signed(conn, federation)
        start, end = _span(request_.match_info["index"], signed.size)
        _, bundle = await log.entry_bundle(conn, federation.origin_id, start, end)
    return web.Response(body=bundle, content_type=OCTETS, headers={"Cache-Control": IMMUTABLE})


async def tile(request_: web.Request) -> web.StreamResponse:
    """Answer the hashes of one tile of any level."""
    federation = _served(request_)
    level = int(request_.match_info["level"])
    if level > limits.TILE_LEVEL_MAX:
        raise NotFoundError("tile-level-unknown", N_("livello inesistente"))
    async with federation.pool.acquire() as conn:
        signed = await _signed(conn, federation)
        start, end = _span(request_.match_info["index"], signed.size, tiles.TILE_WIDTH**level)
        if level == 0:
            hashes = [
                merkle.leaf_hash(raw) for raw in await log.entries_between(conn, federation.origin_id, start, end)
            ]
        else:
            hashes = await log.subtrees_between(conn, federation.origin_id, level, start, end)
    return web.Response(body=b"".join(hashes), content_type=OCTETS, headers={"Cache-Control": IMMUTABLE})


async def authenticate(request_: web.Request, raw: bytes | None) -> str:
    """Return the key id of the member that signed this request, once and in time (PROTOCOL 4).

    Raises: CallerError signature-..., digest-mismatch, clock-skew, nonce-replayed.
    """
    federation = request_.app[FEDERATION]
    now = federation.clock()
    verified = request.verify(
        method=request_.method,
        configured_authority=federation.authority,
        path=request_.rel_url.raw_path,
        query=request_.rel_url.raw_query_string,
        headers=request_.headers,
        body=raw,
        resolve_key=federation.http_keys.get,
        now=int(now.timestamp()),
    )
    async with federation.pool.acquire() as conn:
        # Kept only after the signature proved good: strangers can't fill the table.
        if not await log.keep_nonce(conn, verified.keyid, verified.nonce, now):
            raise CallerError("nonce-replayed", N_("richiesta già ricevuta"))
    return verified.keyid


async def bodies(request_: web.Request) -> web.StreamResponse:
    """Answer salts and bodies for up to 256 positions of a signed request."""
    federation = _served(request_)
    if not _JSON.fullmatch(request_.headers.get("Content-Type", "")):
        raise CallerError("content-type-bad", N_("serve Content-Type: application/json"))
    raw = await request_.read()
    await authenticate(request_, raw)
    asked = body.decode_request(raw)
    async with federation.pool.acquire() as conn:
        signed = await _signed(conn, federation)
        within = [index for index in asked if index < signed.size]
        held = await log.body_answers(conn, federation.origin_id, within)
    answers = (held.get(index, _NO_SUCH_INDEX) for index in asked)
    reply = body.join_answers(answers, max_bytes=limits.BODIES_REPLY_MAX_BYTES)
    return web.Response(body=reply, content_type=OCTETS, headers={"Cache-Control": "no-store"})
