"""The peer-facing routes of logs: checkpoint, tiles, entry bundles, bodies, of the own log and of those this node mirrors.

In: requests of other nodes. Out: bytes straight from the log tables. These handlers know the log and the member list
and nothing of the private registry (PEER_FACING in tests/test_house.py). Only positions below the newest signed checkpoint
are shown, and of a mirrored log only up to this node's own mirror cosignature: what nobody signed is not yet said.
Source: PROTOCOL 1, 2, 3.3, 4.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError
from node.protocol import body, limits, merkle, request, tiles
from node.protocol.member import Cosigner, Membership
from node.store import log, nonces, origins, own_log
from node.store import witness as store
from node.store.origins import Served
from node.store.postgres import Connection, Pool, acquire
from node.web.allowance import Allowances
from node.web.permission import needs

IMMUTABLE = "public, max-age=31536000, immutable"
OCTETS = "application/octet-stream"
NOTE = "text/plain; charset=utf-8"
_NO_SUCH_INDEX = bytes([body.NO_SUCH_INDEX])
_JSON = re.compile(r"application/json\s*(;.*)?", re.IGNORECASE)
_LOGS = ("/federation/log/{epoch:[0-9]{4}}", "/federation/mirror/{hash:[0-9a-f]{64}}")


@dataclass(frozen=True, slots=True)
class Federation:
    """What the peer-facing routes need, and no more."""

    pool: Pool
    authority: str
    membership: Membership
    # Asked at each signature: the agreement may list another key while this runs.
    witness: Callable[[], Cosigner]
    clock: Callable[[], dt.datetime]
    allowances: Allowances
    # Members that said they hold a newer version of the agreement, for the next turn of asking.
    hinted: set[str] = field(default_factory=set)
    # Nonces of requests for what is public, while the database can't write.
    aside: nonces.Aside = field(default_factory=lambda: nonces.Aside(limits.NONCE_KEEP_S))

    @property
    def authorities(self) -> tuple[str, ...]:
        """Under which addresses this node is asked: the configured one first."""
        own = self.membership.members.get(self.membership.own_id)
        listed = own.authorities if own is not None else frozenset()
        return (self.authority, *sorted(listed - {self.authority}))

    def key_of(self, keyid: str) -> bytes | None:
        """Return the raw Ed25519 public key of a member's request key; a suspended member's too, so that it is told why."""
        found = self.membership.http_keys.get(keyid)
        return found if found is not None else self.membership.roll.suspended_keys.get(keyid)


FEDERATION = web.AppKey("federation", Federation)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What may be said of one log now: its row, its size, and its note with cosignatures."""

    origin_id: int
    size: int
    note: bytes
    is_own: bool


def routes() -> list[web.RouteDef]:
    """Return the routes of logs under /federation."""
    return [
        route
        for log_path in _LOGS
        for route in (
            web.get(f"{log_path}/checkpoint", checkpoint),
            web.get(f"{log_path}/tile/entries/{{index:.+}}", entry_bundle),
            web.get(f"{log_path}/tile/{{level:[0-9]{{1,2}}}}/{{index:.+}}", tile),
            web.post(f"{log_path}/bodies", bodies),
        )
    ]


async def _shown(conn: Connection, request_: web.Request) -> _Shown:
    name = request_.match_info.get("hash")
    # The own log by its year alone: it keeps the name that it began with when the node moves to another address.
    served = await origins.served_log(conn, origin_hash=name, own_epoch=request_.match_info.get("epoch"))
    if served is None or (served.is_own and name) or (not served.is_own and not name):
        raise NotFoundError("log-unknown", N_("questo nodo non ha quel registro"))
    if served.state == "closed":
        raise NotFoundError(
            "epoch-gone", N_("il registro di quell'anno è stato cancellato alla fine della sua conservazione")
        )
    if served.state == "suspended":
        raise NotFoundError("log-suspended", N_("il nodo di quel registro è sospeso: qui non lo si rilancia"))
    return await (_own(conn, served) if served.is_own else _mirrored(served))


async def _own(conn: Connection, served: Served) -> _Shown:
    signed = await own_log.signed_latest(conn, served.origin_id)
    if signed is None:
        raise NotFoundError("log-empty", N_("il registro non ha ancora un checkpoint firmato"))
    acknowledged = await store.own_cosignatures(conn, served.origin_id)
    lines = b"".join(ack.line for ack in acknowledged if ack.size == signed.size)
    return _Shown(served.origin_id, signed.size, signed.note + lines, is_own=True)


async def _mirrored(served: Served) -> _Shown:
    if served.relayed is None:
        raise NotFoundError("log-not-mirrored", N_("questo nodo non rilancia quel registro"))
    return _Shown(served.origin_id, served.checkpoint_size, served.relayed, is_own=False)


@needs(Permission.PEER)
async def checkpoint(request_: web.Request) -> web.StreamResponse:
    """Answer the newest signed checkpoint with its cosignatures; 304 when the caller has it."""
    federation = request_.app[FEDERATION]
    async with acquire(federation.pool) as conn:
        shown = await _shown(conn, request_)
    return note_reply(request_, shown.note)


def note_reply(request_: web.Request, note: bytes) -> web.StreamResponse:
    """Answer a signed note as text, or 304 when the caller has exactly these bytes."""
    etag = f'"{hashlib.sha256(note).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if has_etag(request_, etag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=note, headers={**headers, "Content-Type": NOTE})


def has_etag(request_: web.Request, etag: str) -> bool:
    """Tell whether the caller already has this version (If-None-Match, weak comparison)."""
    asked = {tag.strip().removeprefix("W/") for tag in request_.headers.get("If-None-Match", "").split(",")}
    return etag in asked or "*" in asked


def _span(index: str, size: int, leaves: int = 1) -> tuple[int, int]:
    """Return [start, end) of a tile's hashes or entries, each ``leaves`` wide; 404 beyond the signed size."""
    number, width = tiles.decode_index(index)
    start, end = number * tiles.TILE_WIDTH, number * tiles.TILE_WIDTH + width
    if end * leaves > size:
        raise NotFoundError("tile-beyond-checkpoint", N_("il checkpoint firmato non arriva fin lì"))
    return start, end


@needs(Permission.PEER)
async def entry_bundle(request_: web.Request) -> web.StreamResponse:
    """Answer up to 256 entries as uint16-BE length and bytes each; a Range request gets the rest it lacks."""
    federation = request_.app[FEDERATION]
    async with acquire(federation.pool) as conn:
        shown = await _shown(conn, request_)
        start, end = _span(request_.match_info["index"], shown.size)
        _, bundle = await log.entry_bundle(conn, shown.origin_id, start, end)
    return _ranged(request_, bundle)


def _ranged(request_: web.Request, whole: bytes) -> web.StreamResponse:
    """Answer bytes, or the one range of them that was asked for (RFC 9110 14); what is no range is ignored."""
    headers = {"Cache-Control": IMMUTABLE, "Accept-Ranges": "bytes"}
    try:
        asked = request_.http_range
    except ValueError:
        asked = slice(None)
    if asked.start is None and asked.stop is None:
        return web.Response(body=whole, content_type=OCTETS, headers=headers)
    start, end, _ = asked.indices(len(whole))
    if start >= end:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(whole)}"})
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(whole)}"
    return web.Response(status=206, body=whole[start:end], content_type=OCTETS, headers=headers)


@needs(Permission.PEER)
async def tile(request_: web.Request) -> web.StreamResponse:
    """Answer the hashes of one tile of any level."""
    federation = request_.app[FEDERATION]
    level = int(request_.match_info["level"])
    if level > limits.TILE_LEVEL_MAX or str(level) != request_.match_info["level"]:
        raise NotFoundError("tile-level-unknown", N_("livello inesistente"))
    async with acquire(federation.pool) as conn:
        shown = await _shown(conn, request_)
        start, end = _span(request_.match_info["index"], shown.size, tiles.TILE_WIDTH**level)
        if level == 0:
            hashes = [merkle.leaf_hash(raw) for raw in await log.entries_between(conn, shown.origin_id, start, end)]
        else:
            hashes = await log.subtrees_between(conn, shown.origin_id, level, start, end)
    return web.Response(body=b"".join(hashes), content_type=OCTETS, headers={"Cache-Control": IMMUTABLE})


async def authenticate(request_: web.Request, raw: bytes | None, *, asks_public: bool = False) -> str:
    """Return the key id of the member that signed this request, once and in time (PROTOCOL 4).

    ``asks_public``: the answer holds only what everybody may read and nothing is changed, so that it is given, once in this process, while
    the database can't remember the request (store/nonces).
    Raises: CallerError signature-..., digest-mismatch, clock-skew, nonce-replayed, rate-limited.
    """
    federation = request_.app[FEDERATION]
    now = federation.clock()
    verified = _verified(request_, federation, raw, int(now.timestamp()))
    if verified.keyid in federation.membership.roll.suspended:
        # Known, and answered nothing: said only to whoever proved who it is.
        raise CallerError(
            "member-suspended", N_("questo nodo è sospeso dal protocollo d'intesa: le sue richieste non sono accolte")
        )
    federation.allowances.spend("signed", verified.keyid, now)
    if not await _is_new(federation, verified, now, asks_public=asks_public):
        raise CallerError("nonce-replayed", N_("richiesta già ricevuta"))
    return verified.keyid


async def _is_new(
    federation: Federation, verified: request.VerifiedRequest, now: dt.datetime, *, asks_public: bool
) -> bool:
    """Remember a request whose signature proved good (strangers can't fill what remembers); False when it came before."""
    said = (verified.keyid, verified.nonce)
    if federation.aside.has(*said):
        return False
    try:
        async with acquire(federation.pool) as conn:
            return await nonces.keep(conn, *said, now)
    except nonces.UNWRITABLE:
        # Without room to remember it, or for anything else: 503, and the caller comes again.
        if not asks_public or federation.aside.has(*said) or not federation.aside.take(*said, now):
            raise
    return True


def _verified(request_: web.Request, federation: Federation, raw: bytes | None, now: int) -> request.VerifiedRequest:
    """Return who signed a request to this node, under whichever of its own addresses the caller knows it.

    When a node moves, some callers have the newest agreement and some have not yet.
    """
    refusal: CallerError | None = None
    for authority in federation.authorities:
        try:
            return request.verify(
                method=request_.method,
                configured_authority=authority,
                path=request_.rel_url.raw_path,
                query=request_.rel_url.raw_query_string,
                headers=request_.headers,
                body=raw,
                resolve_key=federation.key_of,
                now=now,
            )
        except CallerError as error:
            if error.code != "signature-bad":
                raise
            refusal = refusal or error
    raise refusal or CallerError("signature-bad", N_("firma della richiesta non valida"))


def require_json(request_: web.Request) -> None:
    """Refuse a body that is not called JSON. Raises: CallerError(content-type-bad)."""
    if not _JSON.fullmatch(request_.headers.get("Content-Type", "")):
        raise CallerError("content-type-bad", N_("serve Content-Type: application/json"))


@needs(Permission.PEER)
async def bodies(request_: web.Request) -> web.StreamResponse:
    """Answer salts and bodies for up to 256 positions of a signed request."""
    federation = request_.app[FEDERATION]
    require_json(request_)
    raw = await request_.read()
    await authenticate(request_, raw, asks_public=True)
    asked = body.decode_request(raw)
    async with acquire(federation.pool) as conn:
        shown = await _shown(conn, request_)
        within = [index for index in asked if index < shown.size]
        held = await log.body_answers(conn, shown.origin_id, within)
    answers = (held.get(index, _NO_SUCH_INDEX) for index in asked)
    reply = body.join_answers(answers, max_bytes=limits.BODIES_REPLY_MAX_BYTES)
    return web.Response(body=reply, content_type=OCTETS, headers={"Cache-Control": "no-store"})
