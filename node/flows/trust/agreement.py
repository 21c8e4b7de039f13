"""The agreement in force here: read at the opening, taken from the council's documents, one version after the other (PROTOCOL 7).

In: the pin, documents as received, this node's own keys. Out: the roll that the process lives by (``Membership``), rows of the agreement and of
the logs. Rules: what is applied is applied in one transaction: the document, who is followed, hidden or gone; a crash leaves all of it or
nothing, and a refused document nothing at all, also after a restart. Versions are applied one after the other under one lock. Two documents of
one version are both kept and neither is built upon until a person decides (``agreement_fork``). Other processes of this node are woken, and
read what is in force anew (``reload``).
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import orjson
import structlog

from node.config import Config
from node.errors import N_, OperatorError, PeerWrongError
from node.flows.trust import agreement_logs, log_keys
from node.flows.trust.agreement_terms import TYPE_NOT_AGREED, InForce, check_group, roll_of
from node.flows.trust.membership import enrol_own
from node.protocol import agreement, routine
from node.protocol.agreement import Agreement, Status
from node.protocol.member import Member, Membership
from node.protocol.routine import Changes, Routine, effective
from node.store import agreement as store
from node.store import log, member_keys, origins, pin, wake
from node.store.agreement import Fork, RoutineFork
from node.store.postgres import Connection, Pool, acquire, run_tx
from node.version import VERSION

logger = structlog.get_logger()
# Another process may apply between our look and our lock: so often it is looked again.
TRIES = 5


@dataclass(slots=True)
class Place:
    """Where this node sits: what is in force as this process sees it, and the roll made of it, which all its parts ask.

    ``own``: this node by its own keys. ``hinted``: members that said they hold a newer version. ``weighing``: who weighs a proposal.
    """

    own: Member
    membership: Membership
    in_force: InForce
    hinted: set[str] = field(default_factory=set)
    # Documents of megabytes are weighed one at a time: whoever sends many waits for its own.
    weighing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    def take(self, in_force: InForce) -> None:
        """Live by what is in force now. Raises: CallerError(member-key-reused)."""
        self.membership.change(roll_of(in_force, self.own))
        self.in_force = in_force


async def none_here(pool: Pool) -> None:
    """Refuse to go back to [[peer]] tables where an agreement is in force: everybody's profiles would be dropped.

    Raises: OperatorError(agreement-pin-missing).
    """
    async with acquire(pool) as conn:
        if await store.latest_version(conn) is not None:
            raise OperatorError(
                "agreement-pin-missing",
                N_("questo nodo vive di un protocollo d'intesa, e manca il file {file}"),
                hint=N_(
                    "rimetterlo dalla copia di sicurezza: è la prima versione, da cui tutte le altre si verificano; se era quella sbagliata, dopo averlo rimesso: «rete agreement unpin»"
                ),
                file=pin.FILE,
            )


async def load(
    pool: Pool, pinned: bytes, config: Config, own: Member, own_public: bytes, now: dt.datetime
) -> tuple[Place, int, str]:
    """Return what is in force here, beginning with the pin where nothing is yet, and the own log's id and origin; bring the logs in line.

    ``own`` is this node by its own first keys, ``own_public`` the one of its log.
    Raises: OperatorError agreement-pin-bad, agreement-pin-other, config-bad-value, own-log-...; CallerError(member-key-reused).
    """

    async def work(conn: Connection) -> tuple[InForce, int, str]:
        await store.lock(conn)
        begun = await store.read_version(conn, 1)
        # Judged once: a file that is what it was needs no look at its hundreds of keys at each command.
        first = None if begun is not None and begun.raw == pinned else _first(pinned)
        if begun is None and first is not None:
            await store.insert_document(conn, first.version, first.digest, pinned, now)
            await log_keys.note_http_keys(conn, (), first.nodes, by_council=True)
        elif begun is not None and first is not None and begun.digest != first.digest:
            raise OperatorError(
                "agreement-pin-other",
                N_("la prima versione fissata in questa cartella non è quella da cui questo nodo è partito"),
                where=pin.FILE,
                hint=N_(
                    "rimettere il file di prima; se quella era una prima versione sbagliata, e non c'è ancora nulla sopra: «rete agreement unpin», poi «rete agreement apply» con la giusta"
                ),
            )
        in_force = await _read(conn)
        check_group(config, (node.id for node in in_force.nodes))
        entry = in_force.node(own.id)
        enrolled = await enrol_own(conn, config, own_public, None if entry is None else log_keys.listed(entry))
        await _enrol(conn, in_force, own.id, now)
        return in_force, *enrolled

    in_force, origin_id, origin = await run_tx(pool, work)
    return Place(own, Membership(roll_of(in_force, own)), in_force), origin_id, origin


async def _enrol(conn: Connection, in_force: InForce, own_id: str, now: dt.datetime) -> None:
    """Bring the logs in line, unless this program has done so with the very same."""
    version, digest, changes = in_force.at
    what = f"{VERSION} {own_id} {version} {digest} {changes}"
    if await store.enrolled(conn) != what:
        await agreement_logs.enrol(conn, in_force.nodes, own_id, now)
        await store.note_enrolled(conn, what)


def _first(pinned: bytes) -> Agreement:
    try:
        found = agreement.first(pinned)
    except PeerWrongError as error:
        raise pin.bad(pin.PATH) from error
    if found.version != 1:
        raise pin.bad(pin.PATH)
    return found


async def _read(conn: Connection) -> InForce:
    latest = await store.read_latest(conn)
    if latest is None:
        raise OperatorError("agreement-none", N_("questo nodo non ha ancora un protocollo d'intesa"))
    former = await member_keys.former(conn)
    held = await store.read_routines(conn)

    def work() -> InForce:
        return InForce.of(agreement.parse(latest.raw), _changes_of(held), former)

    # Some hundred nodes take longer to read than others should wait.
    return await asyncio.to_thread(work)


async def held_routines(conn: Connection) -> Changes | None:
    """Return the routine documents that are held."""
    return _changes_of(await store.read_routines(conn))


def _changes_of(found: Sequence[store.Document]) -> Changes | None:
    return Changes(tuple(routine.parse(one.raw) for one in found)) if found else None


async def reload(pool: Pool, place: Place) -> bool:
    """Live by what is in force in the database, if another process applied it; tell whether anything changed."""
    async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        if await _at(conn) == place.in_force.at:
            return False
        found = await _read(conn)
    place.take(found)
    return True


async def _at(conn: Connection) -> tuple[int, str, tuple[str, ...]]:
    version, digest = await store.latest_version(conn) or (0, "")
    return version, digest, await store.routine_digests(conn)


async def apply(pool: Pool, place: Place, raw: bytes, now: dt.datetime) -> None:
    """Let the next version come into force; one that is in force already changes nothing.

    Raises: PeerWrongError(agreement-forked, or as ``agreement.step``).
    """
    await apply_all(pool, place, [raw], now)


async def apply_all(pool: Pool, place: Place, raws: Sequence[bytes], now: dt.datetime) -> int:
    """Let versions that follow each other come into force, up to the first that is refused; return how many did.

    Raises: PeerWrongError(agreement-forked, or as ``agreement.step``) when none did.
    """
    for _ in range(TRIES):
        await reload(pool, place)
        base = place.in_force
        fresh = [raw for raw in raws if not await _stands(pool, base.agreement, raw, now)]
        if not fresh:
            return 0
        # Signatures of dozens of versions take longer than a breath.
        chain = await asyncio.to_thread(_verified, base.agreement, fresh, now)
        after = InForce.of(chain[-1], base.routine)
        if await _commit(pool, place, base, after, chain, now):
            return len(chain)
    raise _busy()


def _busy() -> OperatorError:
    return OperatorError("agreement-busy", N_("un altro processo sta applicando il protocollo d'intesa: riprovare"))


def _verified(trusted: Agreement, raws: Sequence[bytes], now: dt.datetime) -> list[Agreement]:
    """Return the versions that follow, up to the first that is refused. Raises: PeerWrongError when that is the first of all."""
    chain: list[Agreement] = []
    for raw in raws:
        try:
            trusted = agreement.step(trusted, raw, now)
        except PeerWrongError as error:
            if not chain:
                raise
            logger.warning("agreement.refused", code=error.code, reason=str(error))
            break
        chain.append(trusted)
    return chain


async def _stands(pool: Pool, trusted: Agreement, raw: bytes, now: dt.datetime) -> bool:
    """Tell whether a document is in force already; another one of that version, signed as well, is kept as a fork.

    Raises: PeerWrongError(agreement-forked).
    """
    found = await asyncio.to_thread(agreement.parse, raw)
    if found.version > trusted.version:
        return False
    async with acquire(pool) as conn:
        here = await store.read_version(conn, found.version)
        before = await store.read_version(conn, found.version - 1)
        is_settled = await store.is_fork_settled(conn, found.version)
    if here is not None and here.digest == found.digest:
        return True
    # Whoever still shows what people have decided against has something old, and no more.
    if here is not None and before is not None and not is_settled:
        documents = here, before

        def is_fork() -> bool:
            applied, previous = (agreement.parse(document.raw) for document in documents)
            return agreement.is_fork(applied, raw, previous, now)

        if await asyncio.to_thread(is_fork):
            fork = Fork(found.version, found.digest, applied=True, raw_applied=here.raw, raw_other=raw, found_at=now)
            await keep_fork(pool, fork)
            raise forked(found.version)
    # Older, and not what was signed then: the step says so.
    return False


def forked(version: int) -> PeerWrongError:
    """Return the refusal to build upon a version of which there are two."""
    return PeerWrongError(
        "agreement-forked",
        N_(
            "del protocollo d'intesa ci sono due versioni {version} diverse, entrambe firmate: nulla si applica finché non si decide"
        ),
        hint=N_("«rete agreement history» mostra le due; chiedere al consiglio quale vale"),
        version=version,
    )


async def keep_fork(pool: Pool, fork: Fork) -> None:
    """Keep both documents of a version, for people to decide. Safe to repeat."""

    async def work(conn: Connection) -> bool:
        return await store.put_fork(conn, fork)

    if await run_tx(pool, work):
        logger.error("agreement.forked", version=fork.version, digest=fork.digest, applied=fork.applied)


async def _commit(
    pool: Pool, place: Place, base: InForce, after: InForce, chain: Sequence[Agreement], now: dt.datetime
) -> bool:
    """Write down what comes into force after ``base`` and all that follows from it; False when something else did meanwhile.

    ``base`` is what the chain was verified from: another task of this process may have changed ``place`` since.
    """
    # Before anything is written: a roll that can't be made refuses the document.
    roll_of(after, place.own)

    async def work(conn: Connection) -> InForce | None:
        await store.lock(conn)
        if await _at(conn) != base.at:
            return None
        if await store.has_open_fork(conn, base.agreement.version):
            raise forked(base.agreement.version)
        before = base.nodes
        for version in chain:
            await store.insert_document(conn, version.version, version.digest, version.raw, now)
            nodes = effective(version, base.routine)
            await log_keys.note_http_keys(conn, before, nodes, by_council=True)
            before = nodes
        return await settle_rows(conn, place, after, now)

    settled = await run_tx(pool, work)
    if settled is None:
        return False
    place.take(settled)
    for version in chain:
        logger.info("agreement.applied", version=version.version, digest=version.digest)
    return True


async def settle_rows(conn: Connection, place: Place, after: InForce, now: dt.datetime) -> InForce:
    """Bring all rows in line with what comes into force in this transaction, wake whoever lives by it; return it as the rows say it."""
    version = after.agreement.version
    await _enrol(conn, after, place.own.id, now)
    if not set(after.agreement.terms.data) <= set(place.in_force.agreement.terms.data):
        # Of types that are agreed from now on, what was passed over is asked for.
        await log.want_again(conn, TYPE_NOT_AGREED)
    await store.drop_proposals_below(conn, version + 1)
    await _settle_routines(conn, after)
    await store.drop_refused(conn, version, "")
    listed = {node.id for node in after.nodes if node.status is Status.ACTIVE}
    for request in await store.read_requests(conn):
        if orjson.loads(request.raw)["node"]["id"] in listed:
            await store.drop_request(conn, request.fingerprint)
    if _is_active(after, place.own.id) and not _is_active(place.in_force, place.own.id):
        # Let in: until now the others refused what a member may ask.
        await origins.all_due(conn, now)
    # Our own head may have to be signed by another key, and what waits be sealed for another one.
    for what in (wake.AGREEMENT, wake.PULL, wake.ANNOUNCE, wake.POST):
        await wake.wake(conn, what)
    return replace(after, former=await member_keys.former(conn))


async def _settle_routines(conn: Connection, after: InForce) -> None:
    """Hold only the routine documents that count now; forget proposals that would say nothing new, and forks that are none any more."""
    trusted, held = after.agreement, after.routine
    await store.keep_routines(conn, held.digests if held else ())
    for proposal in await store.read_proposals(conn):
        if proposal.kind == store.ROUTINE and not routine.brings_news(trusted, held, routine.parse(proposal.raw)):
            await store.drop_proposal(conn, proposal.digest)
    for fork in await store.read_routine_forks(conn):
        try:
            routine.take(trusted, held, fork.raw)
        except PeerWrongError as error:
            if error.code == "routine-forked":
                continue
        await store.drop_routine_fork(conn, fork.digest)


def _is_active(in_force: InForce, node_id: str) -> bool:
    entry = in_force.node(node_id)
    return entry is not None and entry.status is Status.ACTIVE


async def apply_routine(pool: Pool, place: Place, raw: bytes, now: dt.datetime) -> None:
    """Let routine changes come into force beside those that are; what is said already changes nothing.

    Raises: PeerWrongError(agreement-forked, or as ``routine.take``).
    """
    for _ in range(TRIES):
        await reload(pool, place)
        base = place.in_force
        try:
            held = await asyncio.to_thread(routine.take, base.agreement, base.routine, raw)
        except PeerWrongError as error:
            if error.code == "routine-forked":
                await _keep_routine_fork(pool, raw, str(error.where), now)
            raise
        found = await asyncio.to_thread(routine.parse, raw)
        if found.digest not in held.digests or (base.routine is not None and held.digests == base.routine.digests):
            return
        if await _commit_routine(pool, place, base, InForce.of(base.agreement, held), found, now):
            logger.info("agreement.routine_applied", version=found.version, digest=found.digest)
            return
    raise _busy()


async def _keep_routine_fork(pool: Pool, raw: bytes, node: str, now: dt.datetime) -> None:
    fork = RoutineFork(routine.parse(raw).digest, node, raw, now)

    async def work(conn: Connection) -> bool:
        return await store.put_routine_fork(conn, fork)

    if await run_tx(pool, work):
        logger.error("agreement.routine_forked", node=node, digest=fork.digest)


async def _commit_routine(
    pool: Pool, place: Place, base: InForce, after: InForce, found: Routine, now: dt.datetime
) -> bool:
    roll_of(after, place.own)

    async def work(conn: Connection) -> InForce | None:
        await store.lock(conn)
        if await _at(conn) != base.at:
            return None
        # Upon which of two versions it would stand, people have to decide first.
        if await store.has_open_fork(conn, base.agreement.version):
            raise forked(base.agreement.version)
        await store.put_routine(conn, found.version, found.digest, found.raw, now)
        await log_keys.note_http_keys(conn, base.nodes, after.nodes, by_council=False)
        return await settle_rows(conn, place, after, now)

    settled = await run_tx(pool, work)
    if settled is not None:
        place.take(settled)
    return settled is not None
