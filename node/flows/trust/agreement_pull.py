"""How a new version of the agreement reaches this node, and the others from here (PROTOCOL 7.16).

In: a place, members to ask. Out: versions applied, or kept as a fork, or noted as refused; hints to others. An idle turn costs
nothing: what each member holds stands in the headers of the heads that it was asked for anyway. Whoever is ahead is followed version by version, at most 64 in a turn; before
anything is built upon what is here, whoever is ahead is asked for that same version, and when several are ahead, for each of theirs: two
different ones, both signed as they must be, are a fork, and the turn ends there.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
import structlog

from node.errors import PeerWrongError, ReteError
from node.flows.trust import agreement as flow
from node.flows.trust.agreement import Place
from node.peers.client import NOT_MODIFIED, PeerClient
from node.protocol import agreement, heads, limits, news
from node.protocol.agreement import Agreement
from node.protocol.heads import Standing
from node.protocol.member import Member
from node.protocol.routine import live
from node.store import agreement as store
from node.store.agreement import Fork
from node.store.postgres import Connection, Pool, acquire, run_tx

logger = structlog.get_logger()
ROOT = "/federation/agreement"
JSON = "application/json"
# Memory for versions that are not applied yet: beyond it they are applied, and the turn goes on.
HELD_MAX_BYTES = 16 * 2**20
# What was applied by another process lately is hinted by the one that serves.
TOLD_WITHIN = dt.timedelta(hours=1)
# A member asked because it hinted, beside those drawn.
HINTS_HEARD = 3
PASSED_MAX = 1_024
_random = secrets.SystemRandom()


@dataclass(slots=True)
class Memory:
    """What a process remembers between turns: what it has told the others, and the day of the last alarm.

    ``passed``: routine documents that were not taken, each with the digest of the version on which it was not.
    """

    told: tuple[int, str, tuple[str, ...]] | None = None
    alarmed: dt.date | None = None
    passed: set[tuple[str, str]] = field(default_factory=set)


@dataclass(slots=True)
class Turn:
    """What one turn did: whom it asked, how many versions came into force, how many members took a hint."""

    asked: list[Member] = field(default_factory=list)
    applied: int = 0
    hinted: int = 0


@dataclass(slots=True)
class _Ahead:
    """Somebody who holds a newer version."""

    name: str
    client: PeerClient
    found: Agreement


@dataclass(frozen=True, slots=True)
class Road:
    """By what this node asks others: ``joined`` is the address by which it joined, asked while it is no member itself."""

    pool: Pool
    place: Place
    session: aiohttp.ClientSession
    origin: str
    joined: str | None = None


async def refresh(road: Road, memory: Memory, now: dt.datetime) -> Turn:
    """Ask, follow who is ahead, tell the others; a member's fault or silence ends with that member."""
    turn, place = Turn(), road.place
    await flow.reload(road.pool, place)
    ahead: list[_Ahead] = []
    others: list[tuple[str, PeerClient, tuple[str, ...]]] = []
    for member, url in _sources(road):
        client = PeerClient(road.session, url)
        if member is not None:
            turn.asked.append(member)
        name = url if member is None else member.id
        try:
            found, changes = await _latest(road, name, client, now)
        except ReteError as error:
            logger.info("agreement.not_heard", member=name, code=error.code, reason=str(error))
            continue
        if found is not None:
            ahead.append(_Ahead(name, client, found))
        others.append((name, client, changes))
    if ahead:
        turn.applied = await _follow(road, ahead, now)
    for name, client, changes in others:
        turn.applied += await _changes(road, name, client, changes, memory, now)
    _alarm(place, memory, now)
    turn.hinted = await _tell(road, memory, now)
    return turn


def hear(place: Place, said: Mapping[str, Standing]) -> bool:
    """Note which members, by what they said beside their heads, hold something that is not here; tell whether any does.

    The same number with another digest is asked for, too: it may be a fork.
    """
    here, roll = place.in_force.agreement, place.membership.roll
    for member, standing in said.items():
        other = standing.version == here.version and standing.digest != here.digest
        if other or standing.version > here.version or not set(standing.routines) <= set(roll.routines):
            place.hinted.add(member)
    return bool(place.hinted)


def _sources(road: Road) -> list[tuple[Member | None, str]]:
    """Return whom to ask now: who hinted or was heard to hold something else, and while nobody lists this node, whom it joined by."""
    place = road.place
    peers = {member.id: member for member in place.membership.peers}
    hinted = [peers[name] for name in sorted(place.hinted) if name in peers][:HINTS_HEARD]
    place.hinted.difference_update([*(member.id for member in hinted), *(place.hinted - peers.keys())])
    sources: list[tuple[Member | None, str]] = [(member, str(member.url)) for member in hinted]
    entry = place.in_force.node(place.own.id)
    if road.joined is not None and (entry is None or entry.status is not agreement.Status.ACTIVE):
        sources.append((None, road.joined))
    return sources


def etag_of(digest: str) -> str:
    """Return the tag under which a version is served: the same at every node that holds it, whatever signatures it came with."""
    return f'"{digest}"'


async def _latest(
    road: Road, name: str, client: PeerClient, now: dt.datetime
) -> tuple[Agreement | None, tuple[str, ...]]:
    """Return the newest version of somebody who is ahead, else None; and the digests of its routine documents.

    Raises: RoadWrongError, PeerWrongError.
    """
    here = road.place.in_force.agreement
    reply = await client.get(f"{ROOT}/latest", max_bytes=limits.AGREEMENT_MAX_BYTES, etag=etag_of(here.digest))
    changes = heads.parse_routines(reply.headers.get(heads.ROUTINE_HEADER, ""))
    if reply.status == NOT_MODIFIED:
        await _settled(road, name)
        return None, changes
    try:
        found = await asyncio.to_thread(agreement.parse, reply.body)
        if found.version > here.version:
            return found, changes
        # The same number and another content is kept as a fork where it is signed; an older one is somebody who was away.
        if found.version == here.version:
            await flow.apply(road.pool, road.place, reply.body, now)
    except PeerWrongError as error:
        await _refused(road, name, here.version, error, now)
    return None, changes


async def _settled(road: Road, name: str) -> None:
    async with acquire(road.pool) as conn:
        await store.drop_refused(conn, 0, name)


async def _refused(road: Road, name: str, version: int, error: PeerWrongError, now: dt.datetime) -> None:
    logger.warning("agreement.refused", member=name, version=version, code=error.code, reason=str(error))

    async def work(conn: Connection) -> None:
        await store.put_refused(conn, name, version, error.code, now)

    await run_tx(road.pool, work)


async def _follow(road: Road, ahead: list[_Ahead], now: dt.datetime) -> int:
    """Apply what those who are ahead agree on, up to 64 versions; return how many came into force."""
    place, applied = road.place, 0
    ahead = [one for one in ahead if await _shares(road, one, now)]
    ahead.sort(key=lambda one: one.found.version, reverse=True)
    trusted, held = place.in_force.agreement, list[bytes]()
    for _ in range(limits.AGREEMENT_MAX_STEPS):
        ahead = [one for one in ahead if one.found.version > trusted.version]
        chosen = await _next(road, ahead, trusted, now)
        if chosen is None:
            break
        trusted = chosen
        held.append(chosen.raw)
        if sum(map(len, held)) > HELD_MAX_BYTES:
            applied += await _apply(road, held, now)
            held = []
    return applied + (await _apply(road, held, now) if held else 0)


async def _apply(road: Road, held: Sequence[bytes], now: dt.datetime) -> int:
    try:
        return await flow.apply_all(road.pool, road.place, held, now)
    except ReteError as error:
        logger.warning("agreement.not_applied", code=error.code, reason=str(error))
        return 0


async def _shares(road: Road, one: _Ahead, now: dt.datetime) -> bool:
    """Tell whether somebody who is ahead goes on from what is in force here; else it is a fork, or another federation."""
    here = road.place.in_force.agreement
    try:
        raw = await _version(one, here.version, here.digest)
        if raw is not None:
            # Kept as a fork where it is signed, and refused in any case.
            await flow.apply(road.pool, road.place, raw, now)
    except PeerWrongError as error:
        await _refused(road, one.name, one.found.version, error, now)
        return False
    except ReteError as error:
        logger.info("agreement.not_heard", member=one.name, code=error.code, reason=str(error))
        return False
    return True


async def _version(one: _Ahead, version: int, known: str | None = None) -> bytes | None:
    """Return somebody's document of a version, None where it is the one with the digest ``known``. Raises: RoadWrongError, PeerWrongError."""
    if version == one.found.version:
        return None if one.found.digest == known else one.found.raw
    reply = await one.client.get(
        f"{ROOT}/{version}.root.json",
        max_bytes=limits.AGREEMENT_MAX_BYTES,
        etag=None if known is None else etag_of(known),
    )
    if reply.status == NOT_MODIFIED:
        return None
    found = await asyncio.to_thread(agreement.parse, reply.body)
    return None if found.digest == known else reply.body


async def _next(road: Road, ahead: list[_Ahead], trusted: Agreement, now: dt.datetime) -> Agreement | None:
    """Return the version after ``trusted`` that those who are ahead hold; None when nobody has it, or two have different ones.

    Whoever holds what the rules refuse is asked no more in this turn.
    """
    chosen: Agreement | None = None
    for one in list(ahead):
        try:
            raw = await _version(one, trusted.version + 1, None if chosen is None else chosen.digest)
            found = None if raw is None else await asyncio.to_thread(agreement.step, trusted, raw, now)
        except PeerWrongError as error:
            ahead.remove(one)
            await _refused(road, one.name, trusted.version + 1, error, now)
            continue
        except ReteError as error:
            ahead.remove(one)
            logger.info("agreement.not_heard", member=one.name, code=error.code, reason=str(error))
            continue
        if chosen is None:
            chosen = found
        elif found is not None:
            pair = sorted((chosen, found), key=lambda version: version.digest)
            fork = Fork(
                found.version,
                pair[1].digest,
                applied=False,
                raw_applied=pair[0].raw,
                raw_other=pair[1].raw,
                found_at=now,
            )
            await flow.keep_fork(road.pool, fork)
            await _refused(road, one.name, found.version, flow.forked(found.version), now)
            return None
    return chosen


async def _changes(
    road: Road, name: str, client: PeerClient, digests: Sequence[str], memory: Memory, now: dt.datetime
) -> int:
    """Take the routine documents of somebody that are not here; return how many were taken."""
    taken, version = 0, road.place.in_force.agreement.digest
    for digest in digests:
        if digest in road.place.membership.roll.routines or (version, digest) in memory.passed:
            continue
        try:
            reply = await client.get(f"{ROOT}/routine/{digest}", max_bytes=limits.AGREEMENT_MAX_BYTES)
            before = road.place.in_force.at
            await flow.apply_routine(road.pool, road.place, reply.body, now)
            taken += road.place.in_force.at != before
        except ReteError as error:
            logger.info("routine.refused", member=name, code=error.code, reason=str(error))
            if not isinstance(error, PeerWrongError):
                continue
        # Taken, contained in what is here, or refused as long as this version stands: not asked for again.
        if len(memory.passed) >= PASSED_MAX:
            memory.passed.clear()
        memory.passed.add((version, digest))
    return taken


def _alarm(place: Place, memory: Memory, now: dt.datetime) -> None:
    """Say once a day that the agreement has expired: all goes on, but nobody joins until the council renews it; and so of routine changes in effect."""
    found, held = place.in_force.agreement, place.in_force.routine
    if memory.alarmed == now.date():
        return
    if found.is_expired(now):
        memory.alarmed = now.date()
        logger.error("agreement.expired", version=found.version, expired_at=found.expires.isoformat())
    if held is not None and held.is_expired(now) and live(found, held):
        memory.alarmed = now.date()
        logger.error("agreement.routine_expired", version=held.version, expired_at=held.expires.isoformat())


async def _tell(road: Road, memory: Memory, now: dt.datetime) -> int:
    """Hint to others what came into force here since the last turn; whether they ask is theirs to say."""
    place = road.place
    at, before = place.in_force.at, memory.told
    memory.told = at
    if before is None:
        async with acquire(road.pool) as conn:
            latest, held = await store.read_latest(conn), await store.read_routines(conn)
        newest = [*held, *([latest] if latest is not None and latest.version > 1 else [])]
        if all(now - one.applied_at > TOLD_WITHIN for one in newest):
            return 0
    if at == before:
        return 0
    body, gate = heads.encode_agreement_hint(road.origin, at[0], at[2]), asyncio.Semaphore(limits.PULLS_PARALLEL)

    async def tell(member: Member) -> bool:
        async with gate:
            client = PeerClient(road.session, str(member.url))
            try:
                await client.post(
                    "/federation/hint", body, max_bytes=limits.PROBLEM_MAX_BYTES, content_type=JSON, allow=(200, 204)
                )
            except ReteError:
                return False
            return True

    told = news.agreement_told(place.membership.peers, _random.sample)
    return sum(await asyncio.gather(*(tell(member) for member in told)))
