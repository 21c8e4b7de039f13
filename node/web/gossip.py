"""The peer-facing routes of news: heads, hints, proofs, and the witness.

In: requests of other nodes, unsigned, since what matters in them proves itself. Out: what this node can vouch for; or a proof
kept, a pull woken, a checkpoint cosigned. None of these can do more than their sender could prove. Source: PROTOCOL 1.3, 2.7, 6.
"""

from __future__ import annotations

import hashlib
import re

import structlog
from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError, PeerWrongError
from node.protocol import heads as wire
from node.protocol import inconsistency, witness
from node.protocol.inconsistency import Inconsistency
from node.protocol.log_name import authority
from node.store import agreement, evidence, origins, outbox, own_log, wake
from node.store import witness as store
from node.store.origins import Origin
from node.store.postgres import Connection, acquire, run_tx
from node.web.federation import FEDERATION, Federation, has_etag, note_reply, require_json
from node.web.permission import needs

logger = structlog.get_logger()
SIZE = "text/x.tlog.size"
NOTE = "text/plain; charset=utf-8"
PROOFS_HEADER = "Rete-Proofs"
SINCE_HEADER = "Rete-Since"
# Changes are numbered before they are committed: so many that may have been under way are told twice.
OVERLAP = 16
_SINCE = re.compile(r"([0-9]{1,12})-([0-9]{1,18})")


def routes() -> list[web.RouteDef]:
    """Return the routes of news under /federation."""
    return [
        web.get("/federation/heads", heads),
        web.post("/federation/hint", hint),
        web.get("/federation/proofs", proofs),
        web.post("/federation/proofs", accuse),
        web.post("/federation/witness/add-checkpoint", add_checkpoint),
        web.get("/federation/witness/{hash:[0-9a-f]{64}}/checkpoint", witnessed),
    ]


@needs(Permission.PEER)
async def heads(request_: web.Request) -> web.StreamResponse:
    """Answer the last verified head of every log: the own one, and the mirrored ones with this node's cosignature.

    ``since``, from an earlier answer, leaves out the heads that have not changed.
    """
    federation = request_.app[FEDERATION]
    async with acquire(federation.pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        started, changed = await origins.heads_moment(conn)
        offered = [
            wire.Offered(origin, note)
            for origin, origin_id, is_own, relayed in await origins.heads(conn, _since(request_, started, changed))
            if (note := await _own_note(conn, origin_id) if is_own else relayed)
        ]
        accused = await evidence.count_evidence(conn)
        standing = await _standing(conn)
    document = wire.encode(offered)
    etag = f'"{hashlib.sha256(document).hexdigest()[:32]}"'
    # The proofs are few and rarely asked for; their number tells whether to ask.
    headers = {
        "ETag": etag,
        "Cache-Control": "no-cache",
        PROOFS_HEADER: str(accused),
        SINCE_HEADER: f"{started}-{max(0, changed - OVERLAP)}",
        **standing,
    }
    if has_etag(request_, etag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=document, content_type="application/json", headers=headers)


async def _standing(conn: Connection) -> dict[str, str]:
    """Return the headers that tell how the agreement stands here: whoever asks for heads need not ask for that, too."""
    newest = await agreement.latest_version(conn)
    if newest is None:
        return {}
    return {
        wire.AGREEMENT_HEADER: wire.encode_version(*newest),
        wire.ROUTINE_HEADER: wire.encode_routines(await agreement.routine_digests(conn)),
        wire.PROPOSALS_HEADER: wire.encode_tag(await agreement.proposals_tag(conn)),
    }


def _since(request_: web.Request, started: int, changed: int) -> int:
    """Return the number after which changes are asked for; -1, all, for what this server did not say."""
    match = _SINCE.fullmatch(request_.query.get("since", ""))
    if match is None or int(match.group(1)) != started or int(match.group(2)) > changed:
        return -1
    return int(match.group(2))


async def _own_note(conn: Connection, origin_id: int) -> bytes | None:
    signed = await own_log.signed_latest(conn, origin_id)
    if signed is None:
        return None
    acknowledged = await store.own_cosignatures(conn, origin_id)
    return signed.note + b"".join(ack.line for ack in acknowledged if ack.size == signed.size)


@needs(Permission.PEER)
async def hint(request_: web.Request) -> web.StreamResponse:
    """Wake the pull of a log that is said to have grown, or the asking of an outbox; nothing is believed."""
    federation = request_.app[FEDERATION]
    require_json(request_)
    raw = await request_.read()
    told = wire.parse_agreement_hint(raw)
    if told is not None:
        return await _wake_agreement(federation, *told)
    origin, size = wire.parse_hint(raw)
    if size is None:
        return await _wake_asking(federation, origin)
    async with acquire(federation.pool) as conn, conn.transaction():
        if await origins.served_log(conn, origin=origin) is None:
            # Perhaps a member's next log, which a round of heads will bring; of a member that moved, under another name.
            address = authority(origin)
            known = federation.membership.member_at(address) is not None or await origins.has_authority(conn, address)
            if not known:
                raise NotFoundError("log-unknown", N_("questo nodo non ha quel registro"))
            await wake.wake(conn, wake.GOSSIP)
        elif await origins.wake_origin(conn, origin, size, federation.clock()):
            await wake.wake(conn, wake.PULL)
    return web.Response(status=204)


async def _wake_agreement(
    federation: Federation, origin: str, version: int, routine: tuple[str, ...]
) -> web.StreamResponse:
    """Wake the asking of a node that says it holds a newer version, or other routine changes; what it holds is verified like anybody's."""
    found = federation.membership.member_at(authority(origin))
    roll = federation.membership.roll
    if found is None or not roll.version:
        raise NotFoundError("log-unknown", N_("questo nodo non ha quel registro"))
    if version > roll.version or not set(routine) <= set(roll.routines):
        federation.allowances.spend("hint", found.id, federation.clock())
        federation.hinted.add(found.id)
        async with acquire(federation.pool) as conn, conn.transaction():
            # Whoever asks it may be another process.
            await wake.wake(conn, wake.AGREEMENT, found.id)
    elif version == roll.version and set(routine) == set(roll.routines):
        # It has just come to what is in force here. Until then it may have refused what only a member may ask, if that is
        # the version which lets this node in.
        async with acquire(federation.pool) as conn, conn.transaction():
            if await origins.wake_owner(conn, found.id, federation.clock()):
                federation.allowances.spend("hint", found.id, federation.clock())
                await wake.wake(conn, wake.PULL)
    return web.Response(status=204)


async def _wake_asking(federation: Federation, origin: str) -> web.StreamResponse:
    """Wake the asking of the outbox of the node that writes a log, whichever of its logs it names."""
    found = federation.membership.member_at(authority(origin))
    member = "" if found is None else found.id
    if not member:
        raise NotFoundError("log-unknown", N_("questo nodo non ha quel registro"))
    # Anybody can send a hint in anybody's name, and each costs a request: they are counted against whom they name, too.
    federation.allowances.spend("hint", member, federation.clock())
    async with acquire(federation.pool) as conn, conn.transaction():
        await outbox.wake_asking(conn, member, federation.clock())
    return web.Response(status=204)


@needs(Permission.PEER)
async def proofs(request_: web.Request) -> web.StreamResponse:
    """Answer one proof for each log that told two histories."""
    federation = request_.app[FEDERATION]
    async with acquire(federation.pool) as conn:
        documents = await evidence.evidence(conn)
    body = inconsistency.encode_list([inconsistency.parse(raw) for raw in documents])
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-cache"})


@needs(Permission.PEER)
async def accuse(request_: web.Request) -> web.StreamResponse:
    """Take a proof against a log: 201 when it was new, 200 when it was known, 422 when it proves nothing."""
    federation = request_.app[FEDERATION]
    require_json(request_)
    raw = await request_.read()
    try:
        claim = inconsistency.parse(raw)
    except PeerWrongError as error:
        raise CallerError("inconsistency-malformed", N_("prova di incoerenza non valida")) from error
    fresh = await _keep(federation, claim)
    if fresh:
        logger.error("log.quarantined", origin=claim.origin, code=evidence.INCONSISTENT)
    return web.Response(status=201 if fresh else 200)


async def _keep(federation: Federation, claim: Inconsistency) -> bool:
    now = federation.clock()

    async def work(conn: Connection) -> bool:
        known = await origins.origin_named(conn, claim.origin)
        if known is None:
            raise NotFoundError("log-unknown", N_("questo nodo non ha quel registro"))
        try:
            inconsistency.verify(claim, known.verifiers)
        except PeerWrongError as error:
            message = N_("la prova non dimostra alcuna incoerenza del registro")
            raise CallerError("inconsistency-unproven", message) from error
        return await evidence.condemn(conn, known, inconsistency.digest(claim), inconsistency.encode(claim), now)

    return await run_tx(federation.pool, work)


@needs(Permission.PEER)
async def add_checkpoint(request_: web.Request) -> web.StreamResponse:
    """Cosign a checkpoint that extends the last one cosigned here (C2SP tlog-witness)."""
    federation = request_.app[FEDERATION]
    found = witness.parse_submission(await request_.read())
    now = federation.clock()

    async def work(conn: Connection) -> bytes:
        origin = await origins.origin_named(conn, found.origin)
        if origin is None:
            raise NotFoundError("log-unknown", N_("questo nodo non ha quel registro"))
        _refuse_unheard(origin)
        # The row is locked from the check to the commit, and the reply comes after it: two histories are never cosigned.
        size, root = await store.lock_witnessed(conn, origin.origin_id)
        target = witness.judge(found, origin.verifiers, size, root)
        past = origin.end_size is not None and target.size >= origin.end_size
        if past and (target.size, target.root) != (origin.end_size, origin.end_root):
            raise CallerError(
                "witness-left",
                N_("il registro è chiuso dal protocollo d'intesa prima di questo checkpoint, o con un'altra radice"),
            )
        voice = federation.witness()
        line = witness.cosign(voice.name, voice.key, target.text(), int(now.timestamp()))
        note = inconsistency.bare(found.checkpoint, origin.verifiers) + line
        await store.keep_witnessed(conn, origin.origin_id, target.size, target.root, note, now)
        return line

    try:
        line = await run_tx(federation.pool, work)
    except witness.WitnessConflictError as conflict:
        return web.Response(status=409, body=f"{conflict.recorded_size}\n".encode(), headers={"Content-Type": SIZE})
    return web.Response(body=line, headers={"Content-Type": NOTE})


def _refuse_unheard(origin: Origin) -> None:
    """Refuse to vouch for a log that is not followed any more, or not for now. Raises: CallerError witness-quarantined, ..."""
    if origin.state == "quarantined":
        raise CallerError("witness-quarantined", N_("il registro è in quarantena: qui non lo si firma"))
    if origin.state == "suspended":
        raise CallerError("witness-suspended", N_("il nodo del registro è sospeso: qui non lo si firma"))
    if origin.state == "frozen" and origin.state_before is not None:
        raise CallerError("witness-left", N_("il nodo del registro è uscito dalla federazione: qui non lo si firma"))


@needs(Permission.PEER)
async def witnessed(request_: web.Request) -> web.StreamResponse:
    """Answer the checkpoint that this node last cosigned of a log, with that cosignature."""
    federation = request_.app[FEDERATION]
    async with acquire(federation.pool) as conn:
        note = await store.witnessed_note(conn, request_.match_info["hash"])
    if note is None:
        raise NotFoundError("log-not-witnessed", N_("questo nodo non ha mai firmato quel registro"))
    return note_reply(request_, note)
