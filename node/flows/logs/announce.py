"""Announcing the own log: ask its witnesses to cosign the newest checkpoint, then wake the peers.

In: the signed head, the members. Out: cosignatures kept (they are served with the checkpoint) and hints sent. Nobody's answer is
needed for the log to go on: too few cosignatures are shown, not waited for. A witness that has seen more of our own log than we
have is how a restored backup is found out. Source: PROTOCOL 1.3 (hint), 6.6, 6.9.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import aiohttp
import structlog

from node.errors import N_, LogStateError, PeerWrongError, ReteError
from node.flows.logs import trees, vouch
from node.flows.logs.append import OwnLog, sign_head
from node.flows.logs.extend import Clock
from node.flows.logs.recover import set_fence
from node.peers.client import PeerClient
from node.protocol import heads, limits, merkle, news, note, witness
from node.protocol.keys import Verifier
from node.protocol.member import Member, Membership
from node.store import origins, own_log
from node.store import witness as store
from node.store.own_log import Signed
from node.store.postgres import Connection, Pool, acquire, run_tx

logger = structlog.get_logger()
RETRY_MIN_S, RETRY_MAX_S = 60.0, 3600.0
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
OK, CONFLICT, INCONSISTENT = 200, 409, 422
_random = secrets.SystemRandom()


@dataclass(slots=True)
class Memory:
    """What an announcing process remembers between turns; losing it costs a few requests."""

    hinted_size: int = -1
    failures: dict[str, int] = field(default_factory=dict)
    retry_at: dict[str, dt.datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Announced:
    """What one turn did: members that cosigned anew, and members that took a hint."""

    cosigned: tuple[str, ...]
    hinted: int


async def sign_and_announce(
    pool: Pool,
    session: aiohttp.ClientSession,
    own: OwnLog,
    membership: Membership,
    clock: Clock,
    memory: Memory,
) -> Announced:
    """Sign the newest head of the own log and announce it; fence the log where a witness has seen more of it. Raises: as ``announce``."""
    await sign_head(pool, own, clock())
    try:
        return await announce(pool, session, own, membership, clock(), memory)
    except LogStateError as error:
        await set_fence(pool, own, error.render()[0], clock())
        raise


async def announce(
    pool: Pool,
    session: aiohttp.ClientSession,
    own: OwnLog,
    membership: Membership,
    now: dt.datetime,
    memory: Memory,
) -> Announced:
    """Bring the newest own checkpoint to its witnesses and hint it to the peers, if that was not done yet.

    Raises: LogStateError(log-fenced) when a witness has cosigned more of our log than there is here.
    """
    async with acquire(pool) as conn:
        signed = await own_log.signed_latest(conn, own.origin_id)
        acknowledged = {ack.member: ack for ack in await store.own_cosignatures(conn, own.origin_id)}
    if signed is None:
        return Announced((), 0)
    chosen = membership.witnesses_of(own.origin, own.owner)
    due = [
        (membership.members[member], verifiers)
        for member, verifiers in chosen.items()
        if membership.members[member].url
        and not _is_fresh(acknowledged.get(member), signed, now)
        and memory.retry_at.get(member, now) <= now
    ]
    known = {member: ack.size for member, ack in acknowledged.items()}
    asked = [_ask(pool, session, own, member, held, signed, known.get(member.id, 0)) for member, held in due]
    results = await asyncio.gather(*(_remembered(memory, m.id, now, a) for (m, _), a in zip(due, asked, strict=True)))
    if any(results):
        await _reckon(pool, own, signed, set(chosen), membership.quorum)
    hinted = await _hint(session, own, membership, signed.size, memory)
    return Announced(tuple(sorted(m.id for (m, _), good in zip(due, results, strict=True) if good)), hinted)


def _is_fresh(ack: store.Acknowledged | None, signed: Signed, now: dt.datetime) -> bool:
    if ack is None:
        return False
    return news.is_fresh(ack.size, int(ack.signed_at.timestamp()), signed.size, int(now.timestamp()))


async def _remembered(memory: Memory, member: str, now: dt.datetime, ask: Awaitable[bool]) -> bool:
    """Run one request; what fails is tried again after a growing pause, and never stops the others."""
    try:
        good = await ask
    except LogStateError:
        raise
    except ReteError as error:
        failures = memory.failures[member] = memory.failures.get(member, 0) + 1
        pause = min(RETRY_MAX_S, RETRY_MIN_S * 2 ** min(failures - 1, 10))
        memory.retry_at[member] = now + dt.timedelta(seconds=pause * (0.5 + _random.random() / 2))
        logger.warning("witness.failed", member=member, code=error.code, reason=str(error))
        return False
    memory.failures.pop(member, None)
    memory.retry_at.pop(member, None)
    return good


async def _ask(
    pool: Pool,
    session: aiohttp.ClientSession,
    own: OwnLog,
    member: Member,
    verifiers: Sequence[Verifier],
    signed: Signed,
    known: int,
) -> bool:
    """Ask one witness, starting from where it is; twice, since it may be elsewhere than we think."""
    client = PeerClient(session, str(member.url))
    for _ in range(2):
        request = witness.encode_submission(known, await _consistency(pool, own, known, signed.size), signed.note)
        reply = await client.post(
            "/federation/witness/add-checkpoint",
            request,
            max_bytes=limits.CHECKPOINT_MAX_BYTES,
            content_type=TEXT,
            allow=(OK, CONFLICT, INCONSISTENT),
        )
        if reply.status == OK:
            return await _accept(pool, own, member.id, verifiers, signed, reply.body)
        if reply.status == INCONSISTENT:
            raise LogStateError(
                "log-fenced",
                N_("un testimone ha firmato un'altra storia di questo registro"),
                where=member.id,
                hint=N_("non scrivere: «rete log show» dice che cosa i testimoni hanno firmato"),
            )
        known = _recorded(reply.body)
        if known > signed.size:
            raise LogStateError(
                "log-fenced",
                N_("un testimone ha firmato {there} voci di questo registro, qui ce ne sono {here}"),
                where=member.id,
                hint=N_("forse la base dati viene da una copia: «rete log recover» riprende le voci dagli altri nodi"),
                there=known,
                here=signed.size,
            )
    return False


def _recorded(body: bytes) -> int:
    text = body.decode("ascii", "replace")
    digits = text.removesuffix("\n")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 16 or text == digits:
        raise PeerWrongError("cosignature-malformed", N_("risposta del testimone non valida"))
    return int(digits)


async def _consistency(pool: Pool, own: OwnLog, old: int, new: int) -> list[bytes]:
    if not 0 < old < new:
        return []

    def prove(hash_at: merkle.HashAt) -> list[bytes]:
        return merkle.consistency_proof(old, new, hash_at)

    async with acquire(pool) as conn:
        return prove(await trees.stored_hashes(conn, own.origin_id, prove))


async def _accept(
    pool: Pool, own: OwnLog, member: str, verifiers: Sequence[Verifier], signed: Signed, reply: bytes
) -> bool:
    text = note.parse(signed.note).text
    good = witness.read_cosignatures(witness.parse_lines(reply), text, {member: verifiers})
    if not good:
        raise PeerWrongError("cosignature-bad", N_("il testimone non ha firmato con la sua chiave"), where=member)
    at = vouch.moment(good[0].at)

    async def work(conn: Connection) -> None:
        await store.keep_cosignature(conn, own.origin_id, member, signed.size, at or signed.signed_at, good[0].line)
        await origins.head_changed(conn, own.origin_id)

    await run_tx(pool, work)
    logger.info("checkpoint.cosigned", member=member, size=signed.size)
    return True


async def _reckon(pool: Pool, own: OwnLog, signed: Signed, chosen: set[str], quorum: int) -> None:
    """Note since when a quorum vouches for the own head."""

    async def work(conn: Connection) -> None:
        acks = await store.own_cosignatures(conn, own.origin_id)
        times = [int(a.signed_at.timestamp()) for a in acks if a.size == signed.size and a.member in chosen]
        since, newest = vouch.moment(witness.quorum_time(times, quorum)), vouch.moment(max(times, default=None))
        await origins.set_witnessed(conn, own.origin_id, signed.size, since, newest)

    await run_tx(pool, work)


async def _hint(session: aiohttp.ClientSession, own: OwnLog, membership: Membership, size: int, memory: Memory) -> int:
    """Tell members that the log has grown; whether they hear it is theirs to say."""
    if size <= memory.hinted_size:
        return 0
    memory.hinted_size = size
    told = news.told(membership.peers, _random.sample)
    body, gate = heads.encode_hint(own.origin, size), asyncio.Semaphore(limits.PULLS_PARALLEL)

    async def tell(member: Member) -> bool:
        async with gate:
            client: Callable[..., Awaitable[object]] = PeerClient(session, str(member.url)).post
            try:
                await client(
                    "/federation/hint",
                    body,
                    max_bytes=limits.PROBLEM_MAX_BYTES,
                    content_type=JSON,
                    allow=(OK, 202, 204),
                )
            except ReteError:
                return False
            return True

    return sum(await asyncio.gather(*(tell(member) for member in told)))
