"""One document of the agreement at a time, as it was received: to be read, kept or signed somewhere else (PROTOCOL 7).

In: a version, or a digest. Out: the document, or that it is not here. Read only; all of it is public.
"""

from __future__ import annotations

import asyncio
import datetime as dt

from node.errors import N_, NotFoundError
from node.flows.trust import agreement_board as board
from node.flows.trust.agreement_board import Version, Waiting
from node.protocol import limits, routine
from node.protocol.routine import Routine
from node.store import agreement as store
from node.store.agreement import Request
from node.store.postgres import Pool, acquire


async def read_version(pool: Pool, version: int) -> Version:
    """Return one applied version. Raises: NotFoundError(agreement-version-unknown)."""
    async with acquire(pool) as conn:
        documents = (
            await store.versions_from(conn, max(1, version - 1), 2) if version <= limits.AGREEMENT_VERSION_MAX else []
        )
    told = await asyncio.to_thread(board.versions, documents)
    found = next((one for one in told if one.agreement.version == version), None)
    if found is None:
        raise NotFoundError(
            "agreement-version-unknown",
            N_("qui non c'è la versione {version} del protocollo d'intesa"),
            version=version,
        )
    return found


async def newest(pool: Pool) -> int:
    """Return the number of the version in force, 0 where there is none."""
    async with acquire(pool) as conn:
        found = await store.latest_version(conn)
    return 0 if found is None else found[0]


async def read_changes(pool: Pool) -> Routine:
    """Return the routine changes in force. Raises: NotFoundError(routine-none)."""
    async with acquire(pool) as conn:
        found = await store.read_routine(conn)
    if found is None:
        raise NotFoundError("routine-none", N_("non ci sono modifiche ordinarie"))
    return routine.parse(found.raw)


async def read_proposal(pool: Pool, digest: str, now: dt.datetime) -> Waiting:
    """Return one open proposal. Raises: NotFoundError(proposal-unknown)."""
    async with acquire(pool) as conn:
        found = await board.standing(conn)
        listed = await store.read_proposals(conn, digest) if found is not None else []
    if found is None or not listed:
        raise NotFoundError("proposal-unknown", N_("questa proposta non c'è, o non è più aperta"))
    return await asyncio.to_thread(board.waiting, found, listed[0], now)


async def read_request(pool: Pool, fingerprint: str) -> Request:
    """Return one enrolment request that waits. Raises: NotFoundError(enrolment-unknown)."""
    async with acquire(pool) as conn:
        listed = await store.read_requests(conn, fingerprint)
    if not listed:
        raise NotFoundError("enrolment-unknown", N_("questa richiesta di adesione non c'è, o non aspetta più"))
    return listed[0]


async def read_fork(pool: Pool, version: int, digest: str) -> bytes:
    """Return one document of a fork. Raises: NotFoundError(fork-unknown)."""
    async with acquire(pool) as conn:
        kept = [fork for fork in await store.read_forks(conn) if fork.version == version]
    for one in [await asyncio.to_thread(board.forked, fork) for fork in kept]:
        for known, raw in zip(one.digests, (one.fork.raw_applied, one.fork.raw_other), strict=True):
            if known == digest:
                return raw
    raise NotFoundError("fork-unknown", N_("qui non c'è questo documento"))
