"""A log that told two histories: find the proof, keep it, stop following the log, tell the others.

In: two signed heads that do not fit, and where to read the tree of the larger. Out: an inconsistency proof that anyone can check
offline, kept in our tables; the log is quarantined until an administrator decides. Without a proof nobody is accused: tiles that
do not fit may be the road's fault. Source: PROTOCOL 6.8.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable

import aiohttp
import structlog

from node.domain import officers
from node.errors import N_, CallerError, NotFoundError, PeerWrongError, ReteError
from node.flows.logs import trees
from node.flows.logs.extend import Source, Target
from node.peers.client import PeerClient
from node.protocol import inconsistency, limits, merkle, tlog_proof
from node.protocol.checkpoint import Checkpoint
from node.protocol.inconsistency import Inconsistency
from node.protocol.member import Membership
from node.store import cooperation, evidence, log_life, origins
from node.store.origins import Origin
from node.store.postgres import Connection, Pool, acquire, run_tx

logger = structlog.get_logger()
ACCEPTED = (200, 202, 204)
JSON = "application/json"


async def find(pool: Pool, origin: Origin, target: Target, sources: Iterable[Source]) -> Inconsistency | None:
    """Return the proof that ``target`` and a head known here can't both be true, None when none is to be had."""
    verifiers = origin.verifiers
    for known_note in filter(None, (origin.checkpoint, origin.pending)):
        try:
            known = Target(tlog_proof.signed_checkpoint(known_note, verifiers), known_note)
        except PeerWrongError:
            # Signed by a key that counts no more: it shows nothing to anybody.
            continue
        old, new = sorted((known, target), key=lambda item: item.checkpoint.size)
        hashes = await _prove(pool, origin, old.checkpoint, new.checkpoint, () if new is known else sources)
        if hashes is not None:
            bare = [inconsistency.bare(item.note, verifiers) for item in (old, new)]
            return Inconsistency(origin.origin, bare[0], bare[1], hashes)
    return None


async def _prove(
    pool: Pool, origin: Origin, old: Checkpoint, new: Checkpoint, sources: Iterable[Source]
) -> tuple[bytes, ...] | None:
    def make(hash_at: merkle.HashAt) -> tuple[bytes, ...] | None:
        return inconsistency.prove(old, new, hash_at)

    def asks(hash_at: merkle.HashAt) -> object:
        # Which hashes a proof reads depends on the sizes; whether it proves anything, on their values.
        return (merkle.consistency_proof(old.size, new.size, hash_at), _old_root(old, hash_at))

    if old.size == new.size or not old.size:
        return make(lambda _, __: merkle.EMPTY_ROOT)
    if new.size <= origin.size:
        async with acquire(pool) as conn:
            return make(await trees.stored_hashes(conn, origin.origin_id, asks))
    for source in sources:
        try:
            found = make(await trees.peer_hashes(source.client, source.prefix, new.size, asks))
        except ReteError:
            continue
        if found is not None:
            return found
    return None


def _old_root(old: Checkpoint, hash_at: merkle.HashAt) -> bytes | None:
    return hash_at(old.size.bit_length() - 1, 0) if old.size.bit_count() == 1 else None


async def quarantine(pool: Pool, claim: Inconsistency, now: dt.datetime) -> bool:
    """Verify a proof, keep it and stop following its log; False when it was known.

    Raises: NotFoundError(log-unknown), PeerWrongError(inconsistency-unproven).
    """

    async def work(conn: Connection) -> bool:
        origin = await origins.known_origin(conn, claim.origin)
        inconsistency.verify(claim, origin.verifiers)
        return await evidence.condemn(conn, origin, inconsistency.digest(claim), inconsistency.encode(claim), now)

    fresh = await run_tx(pool, work)
    if fresh:
        logger.error("log.quarantined", origin=claim.origin, code=evidence.INCONSISTENT)
    return fresh


async def spread(session: aiohttp.ClientSession, membership: Membership, claim: Inconsistency) -> int:
    """Give a proof to every other member, several at once; return how many took it. A member that can't be reached asks later."""
    document = inconsistency.encode(claim)
    gate = asyncio.Semaphore(limits.PULLS_PARALLEL)

    async def give(url: str) -> bool:
        async with gate:
            try:
                await PeerClient(session, url).post(
                    "/federation/proofs",
                    document,
                    max_bytes=limits.PROBLEM_MAX_BYTES,
                    content_type=JSON,
                    allow=ACCEPTED,
                )
            except ReteError:
                return False
            return True

    return sum(await asyncio.gather(*(give(str(member.url)) for member in membership.peers)))


async def fetch(pool: Pool, client: PeerClient, now: dt.datetime) -> list[Inconsistency]:
    """Read a peer's proofs and act on those that prove something; return the new ones."""
    reply = await client.get("/federation/proofs", max_bytes=limits.PROOFS_MAX_BYTES)
    fresh = []
    for claim in inconsistency.parse_list(reply.body):
        try:
            if await quarantine(pool, claim, now):
                fresh.append(claim)
        except (PeerWrongError, NotFoundError):
            # A log unknown here, or a claim that proves nothing: no matter of ours.
            continue
    return fresh


async def release_peer(
    pool: Pool, owner: str, officer: str, reason: str, now: dt.datetime, *, forget: bool = False
) -> list[str]:
    """Release every quarantined log of one node; return their origin lines.

    Raises: NotFoundError(peer-not-quarantined), CallerError officer-name-bad, ruling-reason-missing.
    """
    async with acquire(pool) as conn:
        held = [origin for origin in await origins.list_origins(conn, owner) if origin.state == "quarantined"]
    if not held:
        raise NotFoundError(
            "peer-not-quarantined", N_("nessun registro di «{peer}» è in quarantena"), peer=owner[:60],
            hint=N_("«rete peer list» mostra lo stato di ciascuno"),
        )  # fmt: skip
    for origin in held:
        await release(pool, origin, officer, reason, now, forget=forget)
    return [origin.origin for origin in held]


async def release(
    pool: Pool, origin: Origin, officer: str, reason: str, now: dt.datetime, *, forget: bool = False
) -> None:
    """Follow a quarantined log again, from where it stands or, with ``forget``, from its beginning; the decision is kept.

    Raises: CallerError officer-name-bad, ruling-reason-missing.
    """
    officers.check(officer)
    officers.check_reason(reason)

    async def work(conn: Connection) -> None:
        _, _, _, state = await origins.lock_head(conn, origin.origin_id)
        await evidence.release_evidence(conn, origin.origin_id, now)
        if state == "suspended":
            # Its node was suspended meanwhile: it stays hidden, and is followed from its beginning when it comes back.
            raise CallerError(
                "peer-suspended", N_("«{peer}» è sospeso dal protocollo d'intesa"), peer=origin.owner[:60]
            )
        if forget:
            await cooperation.delete_origin(conn, origin.origin_id)
            await log_life.forget(conn, origin.origin_id, merkle.EMPTY_ROOT)
        else:
            await origins.set_state(conn, origin.origin_id, "waiting")
        action = evidence.FORGOTTEN if forget else evidence.RELEASED
        await evidence.insert_ruling(conn, origin.origin_id, action, officer, reason, now)

    await run_tx(pool, work)
    logger.warning("log.released", origin=origin.origin, forget=forget)
