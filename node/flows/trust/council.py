"""A proposal that collects signatures: have it weighed (``ballot``), keep it, and let it come into force when enough have signed.

In: the bytes of a next version of the agreement, or of routine changes, with any number of signatures, from a person here or from another
node. Out: how it stands. Rules: only what could come into force next and what somebody who may decide has signed is kept, so that strangers
fill nothing; of signatures only the good ones are kept; so many proposals and no more, and of one key's own only a few. At the threshold it
is applied here, by ``flows/trust/agreement``, as everywhere else: no node decides it. A document is weighed off the loop, one at a time, before any lock, and
only once somebody who may decide has signed it; what is kept is counted by its rows alone. Two proposals of one version may collect side by side; the
first to be complete here is applied here, and if elsewhere it was the other one, that is a fork. Source: PROTOCOL 7.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass, replace

import structlog

from node.errors import N_, CallerError, OperatorError, PeerWrongError, ReteError
from node.flows.trust import agreement as in_force
from node.flows.trust import ballot as ballots
from node.flows.trust.agreement_terms import InForce
from node.flows.trust.ballot import Ballot, Opened
from node.flows.trust.council_draft import Draft, begin, build
from node.protocol import agreement, agreement_steps, metadata
from node.store import agreement as store
from node.store.agreement import Proposal, Tally
from node.store.postgres import Connection, Pool, acquire, run_tx

logger = structlog.get_logger()
PROPOSALS_MAX = 50
REQUESTS_KEPT_FOR = dt.timedelta(days=30)
# So that one key, stolen, does not keep all others from proposing.
PROPOSALS_OF_A_KEY = 8


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a proposal that somebody brought: how it stands, whether anything of it was new here, whether it is in force."""

    version: int
    digest: str
    have: int
    need: int
    is_new: bool
    applied: bool


def place_of(place: in_force.Place | None) -> in_force.Place:
    """Return where this node sits in its federation. Raises: CallerError(agreement-none)."""
    if place is None:
        raise CallerError(
            "agreement-none",
            N_("questo nodo non ha un protocollo d'intesa: vive delle tabelle [[peer]]"),
            hint=N_("«rete join URL» entra in una federazione; «rete agreement init» ne prepara una nuova"),
        )
    return place


def propose(state: InForce, draft: Draft, now: dt.datetime) -> bytes:
    """Return the unsigned next version that says what a draft says. Raises: CallerError(proposal-empty), what the rules refuse."""
    raw = build(state.agreement, state.routine, draft)
    try:
        agreement_steps.check(state.agreement, agreement.parse(raw), now)
        agreement_steps.check_open(state.agreement, agreement.parse(raw), now)
    except PeerWrongError as error:
        raise metadata.refused_to_caller(error) from error
    return raw


def drafted(state: InForce) -> Draft:
    """Return a draft of the next version that changes nothing yet."""
    return begin(state.agreement, state.routine)


async def receive(pool: Pool, place: in_force.Place, raw: bytes, now: dt.datetime, by_member: str = "") -> Taken:
    """Keep a proposal and its good signatures; apply it when they are enough. Safe to repeat.

    Raises: CallerError(agreement-none | proposal-old | proposal-ahead | proposal-unsigned | proposals-full), PeerWrongError as ``weigh``.
    """
    try:
        kept = await _kept(pool, place, raw, now, by_member)
    except CallerError as error:
        if error.code == "proposal-old" and await asyncio.to_thread(ballots.kind_of, raw) == store.ROOT:
            # Perhaps the other document of a fork: that is told there, and kept.
            await _look_for_fork(pool, place, raw, now)
        if error.code != "proposal-applied":
            raise
        there = place.in_force.agreement
        return Taken(there.version, there.digest, 0, 0, is_new=False, applied=True)
    if isinstance(kept, Taken):
        return kept
    ballot, is_new = kept
    applied = ballot.is_complete and await _apply(pool, place, ballot, now)
    if is_new or applied:
        logger.info(
            "proposal.signed",
            kind=ballot.kind,
            version=ballot.version,
            digest=ballot.digest,
            have=ballot.waiting.have,
            need=ballot.waiting.need,
            applied=applied,
        )
    return Taken(ballot.version, ballot.digest, ballot.waiting.have, ballot.waiting.need, is_new, applied)


async def _look_for_fork(pool: Pool, place: in_force.Place, raw: bytes, now: dt.datetime) -> None:
    """Keep what is signed as well as the version of its number that is in force. Raises: PeerWrongError(agreement-forked)."""
    try:
        await in_force.apply(pool, place, raw, now)
    except PeerWrongError as error:
        if error.code != "agreement-version-old":
            raise


async def _kept(
    pool: Pool, place: in_force.Place, raw: bytes, now: dt.datetime, by_member: str
) -> tuple[Ballot, bool] | Taken:  # fmt: skip
    for _ in range(in_force.TRIES):
        await in_force.reload(pool, place)
        state = place.in_force
        weighed = await _weighed(pool, place, state, raw, now)
        if isinstance(weighed, Taken):
            return weighed
        ballot, bare = weighed
        proposal = Proposal(
            ballot.digest,
            ballot.kind,
            ballot.version,
            bare,
            now,
            by_member,
            then_keyids=sorted(ballot.then.council.keys) if ballot.then else (),
            then_need=ballot.then.need if ballot.then else 0,
        )

        async def work(
            conn: Connection, state: InForce = state, ballot: Ballot = ballot, proposal: Proposal = proposal
        ) -> tuple[Ballot, bool] | None:
            await store.lock(conn)
            # Another process applied something between our look and our lock.
            is_ours = await store.latest_version(conn) == (state.agreement.version, state.agreement.digest)
            return await _keep(conn, ballot, proposal) if is_ours else None

        found = await run_tx(pool, work)
        if found is not None:
            return await _with_all(pool, *found)
    raise OperatorError("agreement-busy", N_("un altro processo sta applicando il protocollo d'intesa: riprovare"))


async def _weighed(
    pool: Pool, place: in_force.Place, state: InForce, raw: bytes, now: dt.datetime
) -> tuple[Ballot, bytes] | Taken:
    """Return how a proposal stands by the signatures that it brings, and its bytes without any; or all, where it brings nothing new.

    The costliest steps are the last.
    """
    async with place.weighing:
        found = await asyncio.to_thread(ballots.opened, raw)
        async with acquire(pool) as conn:
            tallies = await store.read_tallies(conn, found.digest)
        known = _as_kept(state, found, tallies[0]) if tallies else None
        if known is not None:
            return known

        def work() -> tuple[Ballot, bytes]:
            ballots.check_may_stand(state, found, is_known=bool(tallies))
            ballot = ballots.weigh(state, raw, now)
            return ballot, ballots.unsigned_of(ballot.raw)

        return await asyncio.to_thread(work)


def _as_kept(state: InForce, found: Opened, tally: Tally) -> Taken | None:
    """Return how a kept proposal stands when these signatures of it are all here already; None when it has to be weighed."""
    council = state.agreement.secretariat if found.kind == store.ROUTINE else state.agreement.council
    deciding = council.keys.keys() | tally.then_keyids
    if not found.document.signatures.keys() & deciding <= tally.signed:
        return None
    have, then = len(tally.signed & council.keys.keys()), len(tally.signed & tally.then_keyids)
    if have < council.threshold:
        return Taken(found.document.version, found.digest, have, council.threshold, is_new=False, applied=False)
    if then < tally.then_need:
        return Taken(found.document.version, found.digest, then, tally.then_need, is_new=False, applied=False)
    # Complete, and not in force: that is tried again.
    return None


async def _keep(conn: Connection, brought: Ballot, proposal: Proposal) -> tuple[Ballot, bool]:
    """Keep what is good of a proposal beside what was kept of it; return how it stands now, and whether there was anything new.

    All counted by rows: others wait for this lock.
    """
    stored = await store.read_tallies(conn, brought.digest)
    ballot = ballots.counted(brought, stored[0].signed) if stored else brought
    if not ballot.now.signed:
        raise ballots.unsigned()
    if not stored:
        await _room(conn, ballot)
        await store.put_proposal(conn, proposal)
    more = await store.put_signatures(conn, ballot.digest, ballots.signatures_of(brought).items(), proposal.received_at)
    return ballot, not stored or more > 0


async def _with_all(pool: Pool, ballot: Ballot, is_new: bool) -> tuple[Ballot, bool]:
    """Return a complete proposal with all the signatures that are kept of it, to be applied."""
    if not ballot.is_complete:
        return ballot, is_new
    async with acquire(pool) as conn:
        stored = await store.read_proposals(conn, ballot.digest)
    if not stored:
        # Another process was quicker, and applied it.
        return ballot, is_new
    raw = await asyncio.to_thread(metadata.with_signatures, ballot.raw, stored[0].signatures)
    return replace(ballot, raw=raw), is_new


async def _room(conn: Connection, ballot: Ballot) -> None:
    """Refuse one proposal more where there are enough, of all or of the same keys. Raises: CallerError(proposals-full)."""
    open_ones = await store.read_tallies(conn)
    # What is kept of signatures was verified when it came.
    own = [sum(keyid in other.signed for other in open_ones) for keyid in ballot.now.signed]
    if len(open_ones) >= PROPOSALS_MAX or min(own) >= PROPOSALS_OF_A_KEY:
        raise CallerError(
            "proposals-full",
            N_("ci sono già {count} proposte aperte: non se ne accolgono altre"),
            hint=N_("firmare o lasciar cadere quelle aperte: si chiudono tutte con la prossima versione"),
            count=len(open_ones),
        )


async def read_open(
    conn: Connection, state: InForce, now: dt.datetime, digest: str | None = None
) -> list[Ballot | Proposal]:
    """Return the open proposals, or the one of that digest, weighed; as it was kept, one that can't come into force any more."""
    found: list[Ballot | Proposal] = []
    for proposal in await store.read_proposals(conn, digest):
        try:
            raw = await asyncio.to_thread(metadata.with_signatures, proposal.raw, proposal.signatures)
            found.append(await asyncio.to_thread(ballots.weigh, state, raw, now))
        except (CallerError, PeerWrongError):
            found.append(proposal)
    return found


async def settle(pool: Pool, place: in_force.Place, now: dt.datetime) -> int:
    """Apply what is complete and was not applied, as after a crash between the two; return how many were.

    Requests to join that nobody has looked at for so long are forgotten: they would keep out others.
    """
    await in_force.reload(pool, place)
    async with acquire(pool) as conn:
        await store.drop_requests_before(conn, now - REQUESTS_KEPT_FOR)
        complete = [one for one in await store.read_tallies(conn) if _is_complete(place.in_force, one)]
    for tally in complete:
        async with place.weighing, acquire(pool) as conn:
            found = await read_open(conn, place.in_force, now, tally.digest)
        if any([await _apply(pool, place, one, now) for one in found if isinstance(one, Ballot) and one.is_complete]):
            return 1
    return 0


def _is_complete(state: InForce, tally: Tally) -> bool:
    """Tell by its rows whether a proposal may be complete: of either kind, so that whoever weighs it decides."""
    then_met = len(tally.signed & tally.then_keyids) >= tally.then_need
    councils = (state.agreement.council, state.agreement.secretariat)
    return then_met and any(
        len(tally.signed & council.keys.keys()) >= council.threshold for council in councils if council.keys
    )


async def apply(pool: Pool, place: in_force.Place, raw: bytes, now: dt.datetime) -> None:
    """Let a fully signed document of either kind come into force. Raises: PeerWrongError as ``flows/trust/agreement`` does."""
    if await asyncio.to_thread(ballots.kind_of, raw) == store.ROUTINE:
        await in_force.apply_routine(pool, place, raw, now)
    else:
        await in_force.apply(pool, place, raw, now)


async def _apply(pool: Pool, place: in_force.Place, ballot: Ballot, now: dt.datetime) -> bool:
    """Let a complete proposal come into force; False where another was quicker, or a fork forbids it."""
    try:
        await apply(pool, place, ballot.raw, now)
    except ReteError as error:
        # Whatever it is, it must not stop the round, in which all others are heard.
        logger.warning("proposal.not_applied", digest=ballot.digest, code=error.code)
        return False
    return True
