"""The fence and the way back: a node restored from a copy never signs a second history.

In: the own log as the database has it, and what other members hold of it. Out: a verdict; when they hold more, the entries and
bodies up to there brought back from their mirrors through the same gate as anybody's, and the private decisions brought in line.
Nothing is appended or signed before that. Source: PROTOCOL 6.9.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from node.domain import officers
from node.errors import N_, LogStateError, ReteError
from node.flows.logs.append import OwnLog, doubts, mark_doubt, mark_of
from node.flows.logs.extend import Source, Target
from node.flows.logs.pull import PullReport, pull_origin, relay_road
from node.flows.logs.sync import Syncer
from node.flows.logs.trees import stored_root
from node.protocol import inconsistency, limits, tlog_proof
from node.protocol.fencing import Own, mark_missing, own_standing
from node.protocol.keys import Verifier
from node.protocol.member import Member
from node.store import evidence, fence, highwater, origins, own_log, publication
from node.store.highwater import Mark
from node.store.origins import Origin
from node.store.postgres import Connection, Pool, acquire, run_tx

logger = structlog.get_logger()
WHOLE, BEHIND, FORKED, UNHEARD = Own.WHOLE, Own.BEHIND, Own.FORKED, Own.UNHEARD


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the members' copies say of the own log: ``target`` is the largest head anybody holds."""

    state: Own
    heard: int
    asked: int
    here: int
    there: int
    target: Target | None
    holders: tuple[str, ...]
    doubt: str | None
    # The mark tells of a signature that nobody who answered has.
    missing: bool = False


async def check(syncer: Syncer, own: OwnLog) -> Verdict:
    """Ask every member what it holds of the own log, as witness and as mirror, and judge; nothing is changed."""
    peers = syncer.membership.peers if syncer.membership is not None else []
    async with acquire(syncer.pool) as conn:
        verifiers = await origins.origin_keys(conn, own.origin_id)
    answers = await asyncio.gather(*(_ask(syncer, own, verifiers, member) for member in peers))
    held = [(member.id, target) for member, found in zip(peers, answers, strict=True) for target in found or ()]
    largest = max(held, key=lambda item: item[1].checkpoint.size, default=None)
    async with acquire(syncer.pool) as conn:
        latest = await own_log.signed_latest(conn, own.origin_id)
        here = latest.size if latest is not None else 0
        there = largest[1].checkpoint.size if largest else 0
        doubt = await doubts(conn, own)
        mark = await mark_of(own)
        missing = mark_missing(mark, (latest.size, latest.root) if latest is not None else None, there)
        fits = [await _fits(conn, own, target, here) for _, target in held]
        proofs = await evidence.evidence_of(conn, own.origin_id)
    heard = sum(found is not None for found in answers)
    state = own_standing(
        here=here,
        there=there,
        fits=all(fits) and all(released is not None for *_, released in proofs),
        doubted=doubt is not None,
        missing=missing,
        heard=heard,
        members=len(peers),
    )
    holders = tuple(member for member, target in held if largest and target.checkpoint == largest[1].checkpoint)
    return Verdict(state, heard, len(peers), here, there, largest[1] if largest else None, holders, doubt, missing)


async def _ask(syncer: Syncer, own: OwnLog, verifiers: Sequence[Verifier], member: Member) -> list[Target] | None:
    """Return the heads of the own log that a member holds; None when it could not be heard."""
    client = syncer.client(str(member.url))
    name = hashlib.sha256(own.origin.encode()).hexdigest()
    found: list[Target] = []
    heard = False
    for role in ("witness", "mirror"):
        try:
            reply = await client.get(
                f"/federation/{role}/{name}/checkpoint", max_bytes=limits.CHECKPOINT_MAX_BYTES, allow=(200, 404)
            )
            heard = True
            if reply.status != 404:
                signed = tlog_proof.signed_checkpoint(reply.body, verifiers)
                found.append(Target(signed, inconsistency.bare(reply.body, verifiers)))
        except ReteError as error:
            logger.info("own_log.unheard", member=member.id, role=role, code=error.code)
    return found if heard else None


async def _fits(conn: Connection, own: OwnLog, target: Target, here: int) -> bool:
    found = target.checkpoint
    return found.size > here or await stored_root(conn, own.origin_id, found.size) == found.root


async def settle(syncer: Syncer, own: OwnLog) -> Verdict:
    """Judge the own log and act: whole, it may be written; behind, it is fenced, recovered and then may be written.

    Raises: LogStateError(log-fenced | log-forked) when it may not.
    """
    verdict = await check(syncer, own)
    now = syncer.parts.clock()
    if verdict.state == BEHIND:
        await set_fence(syncer.pool, own, N_("un altro nodo ha più voci firmate di questo registro"), now)
        await _bring_back(syncer, own, verdict)
        verdict = await check(syncer, own)
    if verdict.state == WHOLE:
        await _unfence(syncer.pool, own, now)
        return verdict
    if verdict.state == FORKED:
        what, code = N_("un altro nodo ha un'altra storia firmata di questo registro"), "log-forked"
        hint = N_("non scrivere su questo registro: «rete log rollover» ne comincia uno nuovo con i profili attivi")
    else:
        what, code = verdict.doubt or N_("il registro firmato è recintato"), "log-fenced"
        hint = N_("servono le risposte di almeno due nodi; se nessuno può rispondere, «rete log confirm --reason»")
        if verdict.missing:
            hint = N_("una firma manca qui e a chi ha risposto: servono le risposte di tutti i nodi, oppure «rete log rollover»")  # fmt: skip
    await set_fence(syncer.pool, own, what, now)
    raise LogStateError(code, what, where=own.origin, hint=hint)


async def settle_if_fenced(syncer: Syncer, own: OwnLog) -> Verdict | None:
    """Settle the own log where it is fenced; None where it may be written. Raises: as ``settle``."""
    async with acquire(syncer.pool) as conn:
        row = await origins.origin_named(conn, own.origin)
    return await settle(syncer, own) if row is not None and row.state == "fenced" else None


async def set_fence(pool: Pool, own: OwnLog, why: str, now: dt.datetime) -> None:
    """Stop writing the own log until it was settled."""

    async def work(conn: Connection) -> None:
        await origins.lock_head(conn, own.origin_id)
        await origins.set_state(conn, own.origin_id, "fenced", code="log-fenced", text=why, now=now)

    await run_tx(pool, work)
    logger.error("log.fenced", origin=own.origin)


async def _unfence(pool: Pool, own: OwnLog, now: dt.datetime) -> None:
    async def work(conn: Connection) -> Mark | None:
        _, _, _, state = await origins.lock_head(conn, own.origin_id)
        if state == "frozen":
            return None
        latest = await own_log.signed_latest(conn, own.origin_id)
        await fence.record(conn, own.origin_id, now)
        await origins.set_state(conn, own.origin_id, "ready")
        return Mark(own.origin, latest.size, latest.root) if latest is not None else None

    mark = await run_tx(pool, work)
    if mark is not None:
        await asyncio.to_thread(highwater.write, own.mark, mark)


async def confirm(pool: Pool, own: OwnLog, officer: str, reason: str, now: dt.datetime) -> None:
    """Take the own log for whole on an administrator's word, when nobody else can say; the decision is kept.

    Raises: LogStateError(log-fenced) when the high-water mark itself says that signatures are missing here or that another
    history was signed; CallerError officer-name-bad, ruling-reason-missing.
    """
    officers.check(officer)
    officers.check_reason(reason)

    async def work(conn: Connection) -> None:
        doubt = await mark_doubt(conn, own)
        if doubt is not None:
            raise LogStateError(
                "log-fenced",
                doubt,
                where=own.origin,
                hint=N_("«rete log recover» quando gli altri nodi rispondono, oppure «rete log rollover»"),
            )
        await evidence.insert_ruling(conn, own.origin_id, evidence.CONFIRMED, officer, reason, now)

    await run_tx(pool, work)
    await _unfence(pool, own, now)


async def _bring_back(syncer: Syncer, own: OwnLog, verdict: Verdict) -> PullReport:
    """Bring the own entries and bodies back from mirrors, up to the largest head that anybody holds."""
    async with acquire(syncer.pool) as conn:
        row = await origins.known_origin(conn, own.origin)
    target = verdict.target
    if target is None:
        raise LogStateError("log-fenced", N_("il registro firmato è recintato"), where=own.origin)
    roads = _mirrors(syncer, row, verdict.holders)
    # No mirror cosignature of the own log: a node's word about itself is worth nothing.
    parts = replace(syncer.parts, mirror=None)
    report = await pull_origin(
        syncer.pool, row, roads, parts, offer=target if target.checkpoint.size > row.size else None
    )
    async with acquire(syncer.pool) as conn:
        row = await origins.known_origin(conn, own.origin)
    if row.size < target.checkpoint.size:
        raise LogStateError(
            "log-unrecovered",
            N_("le voci mancanti non si sono potute riprendere: {reason}"),
            where=own.origin,
            hint=N_("riprovare quando gli altri nodi sono accesi; se nessuno le ha più, «rete log rollover»"),
            reason=report.error or "-",
        )
    now = syncer.parts.clock()

    async def work(conn: Connection) -> tuple[int, int]:
        await origins.lock_head(conn, own.origin_id)
        head = target.checkpoint
        if await stored_root(conn, own.origin_id, head.size) != head.root:
            raise LogStateError(
                "log-forked", N_("un altro nodo ha un'altra storia firmata di questo registro"), where=own.origin
            )
        await own_log.insert_signed(conn, own.origin_id, head.size, head.root, target.note, now)
        return await publication.reconcile(conn, own.origin_id, now)

    withdrawn, orphans = await run_tx(syncer.pool, work)
    logger.warning("log.recovered", origin=own.origin, size=row.size, withdrawn=withdrawn, orphans=orphans)
    return report


def _mirrors(syncer: Syncer, row: Origin, holders: Sequence[str]) -> list[Source]:
    peers = syncer.membership.peers if syncer.membership is not None else []
    ordered = sorted(peers, key=lambda member: member.id not in holders)
    return [relay_road(row, syncer.client(str(member.url)), member.id) for member in ordered]
