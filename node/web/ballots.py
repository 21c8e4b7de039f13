"""The peer-facing routes that take something about the agreement: a proposal with signatures, a request to join.

In: a signed request of a member with a document; or a request of a stranger, which proves the keys in it and no more. Out: how the proposal
stands; that the request waits for people to look at it. What becomes of a proposal is the work of a function that is hung in: these
handlers reach no flow, and nothing private. Source: PROTOCOL 7.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping

import orjson
import structlog
from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, CallerError, PeerWrongError
from node.protocol import enrolment, limits, metadata
from node.protocol.member import Roll
from node.store import agreement as store
from node.store.agreement import Asker
from node.store.postgres import Connection, run_tx
from node.web.federation import FEDERATION, authenticate, require_json
from node.web.permission import needs

logger = structlog.get_logger()
# A document, and who brought it -> how it stands.
Receive = Callable[[bytes, str], Awaitable[Mapping[str, object]]]
REFUSED = "ballot-refused"
RECEIVE: web.AppKey[Receive] = web.AppKey("receive", Callable)  # type: ignore[arg-type]


def install(app: web.Application, receive: Receive) -> None:
    """Add the routes; ``receive`` keeps a proposal, and applies it when it is complete."""
    app[RECEIVE] = receive
    app.add_routes(
        [
            web.post("/federation/agreement/signatures", signatures),
            web.post("/federation/agreement/requests", request_to_join),
        ]
    )


@needs(Permission.PEER)
async def signatures(request_: web.Request) -> web.StreamResponse:
    """Take a proposal with signatures from a member, and answer how many of them there are now."""
    federation = request_.app[FEDERATION]
    require_json(request_)
    raw = await _whole(request_, limits.AGREEMENT_MAX_BYTES)
    keyid = await authenticate(request_, raw)
    member = federation.membership.callers.get(keyid, "")
    allowances, now = federation.allowances, federation.clock()
    if allowances.look(REFUSED, keyid, now).remaining < 1:
        # Refused before it costs anything.
        allowances.spend(REFUSED, keyid, now)
    try:
        answer = await request_.app[RECEIVE](raw, member)
    except (CallerError, PeerWrongError):
        allowances.spend(REFUSED, keyid, now)
        raise
    return web.json_response(dict(answer), headers={"Cache-Control": "no-store"})


async def _whole(request_: web.Request, max_bytes: int) -> bytes:
    """Return a body that may be larger than others. Raises: CallerError(request-too-large)."""
    parts: list[bytes] = []
    size = 0
    async for part in request_.content.iter_any():
        size += len(part)
        if size > max_bytes:
            raise CallerError("request-too-large", N_("richiesta troppo grande"))
        parts.append(part)
    return b"".join(parts)


def _check_open(roll: Roll, now: dt.datetime) -> None:
    """Refuse requests where nobody could be let in. Raises: CallerError(agreement-none | agreement-expired)."""
    if roll.expires is None:
        raise CallerError("agreement-none", N_("questo nodo non segue un protocollo d'intesa: non accoglie richieste"))
    if now >= roll.expires:
        raise CallerError(
            "agreement-expired",
            N_("il protocollo d'intesa è scaduto: finché non è rinnovato nessuno entra"),
            hint=N_("ripetere la richiesta quando il consiglio lo ha rinnovato"),
        )


@needs(Permission.PEER)
async def request_to_join(request_: web.Request) -> web.StreamResponse:
    """Keep a stranger's request to join until people have compared its words: 201 when it is new, 200 when it waits already."""
    federation = request_.app[FEDERATION]
    require_json(request_)
    raw, now = await _whole(request_, limits.ENROLMENT_MAX_BYTES), federation.clock()
    # By what this process lives by: a stranger costs no reading of the agreement.
    _check_open(federation.membership.roll, now)
    try:
        # Hundreds of keys may prove themselves, each with a signature.
        found = await asyncio.to_thread(enrolment.parse, raw)
    except PeerWrongError as error:
        raise metadata.refused_to_caller(error) from error
    node, fingerprint = found.node, enrolment.digest_of(found.node).hex()
    asker = Asker(node.id, node.authority, node.http[0].public)

    async def work(conn: Connection) -> bool:
        if await store.put_request(conn, fingerprint, raw, now, asker):
            return True
        if not await store.has_request(conn, fingerprint):
            raise CallerError(
                "enrolment-too-many",
                N_("ci sono già troppe richieste di adesione in attesa"),
                hint=N_("mandare il file della richiesta alla segreteria per PEC"),
            )
        return False

    is_new = await run_tx(federation.pool, work)
    if is_new:
        logger.info("enrolment.received", node=node.id, fingerprint=fingerprint)
    body = orjson.dumps({"fingerprint": fingerprint})
    return web.Response(
        body=body,
        status=201 if is_new else 200,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
