"""The peer-facing routes of the agreement: every applied version, the routine changes, open proposals, whether a request waits.

In: requests of anybody, unsigned: all of it is public. Out: the documents as their bytes came, which prove themselves. Every node answers the
same, so that whoever joins may ask any of them. The handlers know the agreement's tables and nothing of the private registry.
Source: PROTOCOL 7.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, NotFoundError
from node.protocol import heads, limits, metadata, proposals
from node.store import agreement as store
from node.store.agreement import Proposal
from node.store.postgres import acquire
from node.web.federation import FEDERATION, IMMUTABLE, has_etag
from node.web.permission import needs

_JSON = "application/json"


@dataclass(slots=True)
class Told:
    """The list of open proposals as it was made last, under its tag; who asks while it is being made waits for it."""

    etag: str = ""
    body: bytes = b""
    making: asyncio.Lock = field(default_factory=asyncio.Lock)


TOLD: web.AppKey[Told] = web.AppKey("told", Told)


def install(app: web.Application) -> None:
    """Add the routes of the agreement under /federation."""
    app[TOLD] = Told()
    app.add_routes(_routes())


def _routes() -> list[web.RouteDef]:
    return [
        web.get("/federation/agreement/latest", latest),
        web.get("/federation/agreement/{version:[1-9][0-9]{0,9}}.root.json", version),
        web.get("/federation/agreement/routine", routine),
        web.get("/federation/agreement/routine/{digest:[0-9a-f]{64}}", routine),
        web.get("/federation/agreement/proposals", open_proposals),
        web.get("/federation/agreement/requests/{fingerprint:[0-9a-f]{64}}", request_state),
    ]


def _none() -> NotFoundError:
    return NotFoundError("agreement-none", N_("questo nodo vive delle tabelle [[peer]]: non ha un protocollo d'intesa"))


def _reply(request_: web.Request, etag: str, raw: bytes | None, headers: dict[str, str]) -> web.StreamResponse:
    """Answer a document, or 304 when the caller has it; without ``raw`` nothing else is possible."""
    headers = {"ETag": etag, **headers}
    if raw is None or has_etag(request_, etag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=raw, content_type=_JSON, headers=headers)


@needs(Permission.PEER)
async def latest(request_: web.Request) -> web.StreamResponse:
    """Answer the newest version; a header names the routine documents that are here. The tag is the digest of what was signed."""
    async with acquire(request_.app[FEDERATION].pool) as conn:
        newest = await store.latest_version(conn)
        if newest is None:
            raise _none()
        etag, changes = f'"{newest[1]}"', await store.routine_digests(conn)
        found = None if has_etag(request_, etag) else await store.read_version(conn, newest[0])
    headers = {"Cache-Control": "no-cache", heads.ROUTINE_HEADER: heads.encode_routines(changes)}
    return _reply(request_, etag, None if found is None else found.raw, headers)


@needs(Permission.PEER)
async def version(request_: web.Request) -> web.StreamResponse:
    """Answer one version, for ever the same."""
    number = int(request_.match_info["version"])
    async with acquire(request_.app[FEDERATION].pool) as conn:
        found = await store.read_version(conn, number) if number <= limits.AGREEMENT_VERSION_MAX else None
        if found is None:
            if await store.latest_version(conn) is None:
                raise _none()
            raise NotFoundError("agreement-version-unknown", N_("questa versione del protocollo d'intesa qui non c'è"))
    return _reply(request_, f'"{found.digest}"', found.raw, {"Cache-Control": IMMUTABLE})


@needs(Permission.PEER)
async def routine(request_: web.Request) -> web.StreamResponse:
    """Answer the newest routine document that is held, or the one of that digest."""
    digest = request_.match_info.get("digest")
    async with acquire(request_.app[FEDERATION].pool) as conn:
        found = await store.read_routine(conn, digest)
    if found is None:
        raise NotFoundError("routine-none", N_("non ci sono modifiche ordinarie"))
    return _reply(request_, f'"{found.digest}"', found.raw, {"Cache-Control": "no-cache"})


@needs(Permission.PEER)
async def open_proposals(request_: web.Request) -> web.StreamResponse:
    """Answer what collects signatures, each with those it has; made once for all who ask, when something has changed."""
    pool, told = request_.app[FEDERATION].pool, request_.app[TOLD]
    async with acquire(pool) as conn:
        if await store.latest_version(conn) is None:
            raise _none()
        etag = _tag(await store.proposals_tag(conn))
    headers = {"Cache-Control": "no-cache"}
    if has_etag(request_, etag):
        return _reply(request_, etag, None, headers)
    async with told.making:
        if told.etag != etag:
            async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
                etag, found = _tag(await store.proposals_tag(conn)), await store.read_proposals(conn)
            # Megabytes of JSON, read and written again.
            told.body = await asyncio.to_thread(_encoded, found)
            told.etag = etag
        return _reply(request_, told.etag, told.body, headers)


def _tag(digest: str) -> str:
    return f'"{heads.encode_tag(digest)}"'


def _encoded(found: Sequence[Proposal]) -> bytes:
    def documents() -> Iterator[bytes]:
        room = limits.PROPOSALS_MAX_BYTES
        for one in found:
            # What would not fit is not even read.
            if len(one.raw) * 4 // 3 <= room:
                raw = metadata.with_signatures(one.raw, one.signatures)
                room -= len(base64.b64encode(raw))
                yield raw

    return proposals.encode(documents())


@needs(Permission.PEER)
async def request_state(request_: web.Request) -> web.StreamResponse:
    """Answer that an enrolment request waits here; 404 when it does not, or no more."""
    async with acquire(request_.app[FEDERATION].pool) as conn:
        waiting = await store.has_request(conn, request_.match_info["fingerprint"])
    if not waiting:
        raise NotFoundError("enrolment-gone", N_("qui non c'è una richiesta di ingresso con quell'impronta"))
    return web.json_response({"status": "pending"}, headers={"Cache-Control": "no-store"})
