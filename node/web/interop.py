"""Consumers that ask the public API by signed tokens: who they are, what they may ask at once, and the signature of what they are told.

In: requests below ``/api/v1/`` that anybody may make, with ``Authorization: Bearer`` (a JWT of the consumer's own, or a voucher of PDND)
and ``Agid-JWT-Signature``. Out: the same answers, signed where this node has a key for it, counted by consumer; or 401 and 403 as problem
documents. Rules: nothing of this is there while [interop] names no audience; saved searches have tokens of their own and are left alone.
Which token counts is for node/domain/interop.py to say. Source: docs/interoperability.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import orjson
import structlog
from aiohttp import web

from node.domain import interop as rules
from node.domain.interop import Consumer
from node.domain.roles import Permission
from node.errors import N_, CallerError
from node.flows.people import consumers
from node.runtime import Node
from node.store.postgres import Pool
from node.web import exports, openapi_interop
from node.web.allowance import COUNTED, Allowances, caller_of
from node.web.api import DESCRIPTION
from node.web.permission import needed_by, needs

logger = structlog.get_logger()
SIGNATURE: Final = "Agid-JWT-Signature"
CONSUMER: web.RequestKey[Consumer] = web.RequestKey("consumer", Consumer)


@dataclass(frozen=True, slots=True)
class Interop:
    """What these rules need of their node."""

    pool: Pool
    door: consumers.Door
    signer: consumers.Signer | None
    allowances: Allowances
    clock: Callable[[], dt.datetime]
    behind_proxy: bool


INTEROP = web.AppKey("interop", Interop)


def install(app: web.Application, node: Node, allowances: Allowances) -> None:
    """Read the keys and add what is needed, where [interop] names an audience. Raises: OperatorError interop-..., key-file-...."""
    settings = node.consumer_settings()
    if settings is None:
        return
    signer = node.answer_signer()
    door = consumers.open_door(settings)
    app[INTEROP] = Interop(node.pool, door, signer, allowances, node.clock, node.config.web.behind_proxy)
    app[DESCRIPTION] = openapi_interop.secured(
        app[DESCRIPTION],
        tokens=settings.consumers is not None,
        vouchers=settings.pdnd_keys is not None,
        required=settings.is_required,
        integrity=settings.needs_integrity,
        signs=signer is not None,
    )
    if signer is not None:
        app.add_routes([web.get(openapi_interop.JWKS, jwks)])
        app.on_response_prepare.append(_sign)


@needs(Permission.PUBLIC)
async def jwks(request: web.Request) -> web.StreamResponse:
    """Answer the keys by which this node signs its answers."""
    signer = request.app[INTEROP].signer
    body = orjson.dumps({} if signer is None else signer.jwks())
    status, told, headers = exports.answer(body, {}, request.headers.get("If-None-Match", ""), exports.JSON)
    return web.Response(status=status, body=told or None, headers=headers)


def brings_token(request: web.Request) -> bool:
    """Tell whether a request is to be judged by a token: it is counted by whom that names."""
    return INTEROP in request.app and _is_guarded(request) and (_bearer(request) != "" or SIGNATURE in request.headers)


def _is_guarded(request: web.Request) -> bool:
    needed = needed_by(request.match_info.handler)
    is_public = needed is not None and needed.permission is Permission.PUBLIC
    return is_public and request.path.startswith(openapi_interop.BASE) and request.path not in openapi_interop.OPEN


def _bearer(request: web.Request) -> str:
    """Return the bearer's token, empty for none. Raises: nothing; two of them make one that is none."""
    for header in request.headers.getall("Authorization", []):
        scheme, _, token = header.strip().partition(" ")
        if scheme.lower() == "bearer":
            return token.strip() or "?"
    return ""


@web.middleware
async def identify(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Find out who asks, where that counts."""
    if INTEROP in request.app and _is_guarded(request):
        if brings_token(request):
            await _admit(request, request.app[INTEROP])
        elif request.app[INTEROP].door.settings.is_required:
            raise CallerError(
                "interop-token-missing",
                N_("questo servizio risponde solo a chi presenta un token"),
                hint=N_("Authorization: Bearer, secondo ID_AUTH_REST_02 o con un voucher PDND (/api/v1/openapi.json)"),
            )
    return await handler(request)


async def _admit(request: web.Request, interop: Interop) -> None:
    now = interop.clock()
    try:
        request[CONSUMER] = consumer = await _who(request, interop, now)
    except CallerError:
        # Whoever is refused is nobody, and counted as such.
        interop.allowances.spend("api", caller_of(request, behind_proxy=interop.behind_proxy), now)
        raise
    request[COUNTED] = ("consumer", consumer.name)
    interop.allowances.spend(*request[COUNTED], now)
    resource = request.match_info.route.resource
    route = resource.canonical if resource else ""
    # The line that says who was told what; how it ended stands in the request's own, under the same number.
    logger.info("interop.admitted", consumer=consumer.name, purpose=consumer.purpose, route=route)


async def _who(request: web.Request, interop: Interop, now: dt.datetime) -> Consumer:
    signatures, authorizations = (request.headers.getall(name, []) for name in (SIGNATURE, "Authorization"))
    if len(signatures) > 1 or len(authorizations) > 1:
        raise rules.refused("repeated")
    if signatures and request.headers.get("Content-Encoding", "identity").lower() != "identity":
        # The server has unpacked it: what was signed is not there any more.
        raise CallerError("content-type-bad", N_("una richiesta firmata non può essere compressa"))
    body = await request.read()
    signature = signatures[0].strip() if signatures else ""
    return await consumers.admit(
        interop.pool, interop.door, _bearer(request), signature, list(request.headers.items()), body, now
    )


async def _sign(request: web.Request, response: web.StreamResponse) -> None:
    """Sign what a consumer is told, refusals too; an answer without a body has nothing to sign."""
    interop, consumer = request.app[INTEROP], request.get(CONSUMER)
    body = response.body if isinstance(response, web.Response) else None
    if consumer is None or interop.signer is None or not isinstance(body, bytes) or not body:
        return
    response.headers["Digest"] = rules.digest_of(body)
    # Made for one reader: nobody else's to be given.
    response.headers["Cache-Control"] = "private, no-cache"
    headers = [(name, response.headers[name]) for name in ("Digest", "Content-Type") if name in response.headers]
    response.headers[SIGNATURE] = consumers.sign_answer(interop.signer, consumer, headers, interop.clock())
