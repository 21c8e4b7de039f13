"""A person's decision about a fork: which of two documents of one version of the agreement stands (PROTOCOL 7.9).

In: the version and the digest of the document that stands, as the council says when asked. Out: nothing else changes where it is the one that is
applied; where neither is, it is applied; where the other one is, it takes its place, as long as nothing was built upon it.
"""

from __future__ import annotations

import datetime as dt

import structlog

from node.errors import N_, CallerError, NotFoundError
from node.flows.trust import agreement as flow
from node.flows.trust import log_keys
from node.flows.trust.agreement import Place
from node.flows.trust.agreement_terms import InForce, roll_of
from node.protocol import agreement
from node.protocol.agreement import Agreement
from node.store import agreement as store
from node.store.agreement import Fork
from node.store.postgres import Connection, Pool, run_tx

logger = structlog.get_logger()


async def settle(pool: Pool, place: Place, version: int, digest: str, now: dt.datetime) -> bool:
    """Let one document of a forked version stand; tell whether what is in force here changed by it.

    Raises: NotFoundError(fork-unknown), CallerError(fork-built-upon), PeerWrongError as ``agreement.step``.
    """
    await flow.reload(pool, place)

    async def work(conn: Connection) -> InForce | None:
        await store.lock(conn)
        forks = [fork for fork in await store.read_forks(conn) if fork.version == version and fork.settled_at is None]
        chosen = next(
            (raw for fork in forks for raw in _documents(fork) if agreement.parse(raw).digest == digest), None
        )
        if chosen is None:
            raise NotFoundError("fork-unknown", N_("nessuna biforcazione aperta con quella versione e quell'impronta"))
        await store.settle_forks(conn, version, now)
        here = await store.read_version(conn, version)
        if here is not None and here.digest == digest:
            return None
        return await _replace(conn, place, chosen, version, now)

    settled = await run_tx(pool, work)
    if settled is not None:
        place.take(settled)
    logger.warning("agreement.fork_settled", version=version, digest=digest, changed=settled is not None)
    return settled is not None


def _documents(fork: Fork) -> tuple[bytes, bytes]:
    return fork.raw_applied, fork.raw_other


async def _replace(conn: Connection, place: Place, raw: bytes, version: int, now: dt.datetime) -> InForce:
    """Let a document be the version that is in force, after the one before it."""
    latest, before = await store.latest_version(conn), await store.read_version(conn, version - 1)
    if latest is None or before is None or latest[0] not in (version, version - 1):
        raise CallerError(
            "fork-built-upon",
            N_("sulla versione {version} ne sono già state applicate altre: qui non si torna indietro"),
            hint=N_("si può solo tenere quella che è in vigore"),
            version=version,
        )
    await store.delete_document(conn, version)
    found: Agreement = agreement.step(agreement.parse(before.raw), raw, now)
    after = InForce.of(found, await flow.held_routines(conn))
    roll_of(after, place.own)
    await store.insert_document(conn, found.version, found.digest, raw, now)
    await log_keys.note_http_keys(conn, place.in_force.nodes, after.nodes, by_council=True)
    return await flow.settle_rows(conn, place, after, now)
