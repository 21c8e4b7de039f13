"""A proposal that collects signatures: weigh it, keep it, and let it come into force when enough have signed.

In: the bytes of a next version of the agreement, or of routine changes, with any number of signatures, from a person here or from another
node. Out: how it stands. Rules: only what could come into force next and what somebody who may decide has signed is kept, so that strangers
fill nothing; of signatures only the good ones are kept; so many proposals and no more, and of one key's own only a few. At the threshold it
is applied here, by ``flows/agreement``, as everywhere else: no node decides it. A document is weighed off the loop, one at a time, before any lock, and
only once somebody who may decide has signed it; what is kept is counted by its rows alone. Two proposals of one version may collect side by side; the
first to be complete here is applied here, and if elsewhere it was the other one, that is a fork. Source: PROTOCOL 7.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace

import structlog

from node.errors import N_, CallerError, OperatorError, PeerWrongError, ReteError
from node.flows import agreement as in_force
from node.flows.agreement_terms import InForce
from node.flows.council_draft import Draft, begin, build
from node.protocol import agreement, agreement_steps, metadata, routine
from node.protocol.agreement_values import Agreement, Council
from node.protocol.routine import Routine
from node.store import agreement as store
from node.store.agreement import Proposal, Tally
from node.store.postgres import Connection, Pool, acquire, run_tx

logger = structlog.get_logger()
PROPOSALS_MAX = 50
REQUESTS_KEPT_FOR = dt.timedelta(days=30)
# So that one key, stolen, does not keep all others from proposing.
PROPOSALS_OF_A_KEY = 8


@dataclass(frozen=True, slots=True)
class Count:
    """How many of one council's keys have signed, and how many must."""

    signed: frozenset[str]
    council: Council

    @property
    def have(self) -> int:
        """How many have signed."""
        return len(self.signed)

    @property
    def need(self) -> int:
        """How many must."""
        return self.council.threshold

    @property
    def is_met(self) -> bool:
        """Tell whether enough have."""
        return self.have >= self.need


@dataclass(frozen=True, slots=True)
class Ballot:
    """How a proposal stands: who of those that decide now has signed it, and of those that will decide after it (None: nobody else does).

    ``raw``: the proposal with all good signatures.
    """

    kind: str
    version: int
    digest: str
    raw: bytes
    now: Count
    then: Count | None
    document: Agreement | Routine

    @property
    def waiting(self) -> Count:
        """The count that is not met yet, else that of those who decide now: what "2 of 3" says."""
        return self.then if self.now.is_met and self.then is not None and not self.then.is_met else self.now

    @property
    def is_complete(self) -> bool:
        """Tell whether it comes into force."""
        return self.now.is_met and (self.then is None or self.then.is_met)


@dataclass(frozen=True, slots=True)
class Opened:
    """A proposal of the right outer form, its nodes and rules unread."""

    kind: str
    document: metadata.Document

    @property
    def digest(self) -> str:
        """By what it is known, whoever signed it."""
        return digest_of(self.document.signed)


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


def kind_of(raw: bytes) -> str:
    """Return whether bytes are a version of the agreement or routine changes. Raises: PeerWrongError(agreement-malformed, ...)."""
    value = metadata.strict(raw)
    signed = value.get("signed") if type(value) is dict else None
    return store.ROUTINE if type(signed) is dict and signed.get("_type") == metadata.TARGETS else store.ROOT


def weigh(state: InForce, raw: bytes, now: dt.datetime) -> Ballot:
    """Return how a proposal stands against what is in force; its good signatures alone are kept.

    Raises: CallerError(proposal-old | proposal-ahead), PeerWrongError as ``agreement.parse`` and the rules between versions do.
    """
    if kind_of(raw) == store.ROUTINE:
        return _weigh_routine(state, raw, now)
    found, trusted = agreement.parse(raw), state.agreement
    _next(found.version, trusted.version, trusted.digest == found.digest)
    agreement_steps.check(trusted, found, now)
    agreement_steps.check_open(trusted, found, now)
    then = Count(agreement.signers(found, found.council), found.council)
    same = found.council == trusted.council
    present = then if same else Count(agreement.signers(found, trusted.council), trusted.council)
    good = {keyid: found.signatures[keyid] for keyid in present.signed | then.signed}
    return Ballot(
        store.ROOT, found.version, found.digest, _only(raw, good), present, None if same else then, found
    )  # fmt: skip


def opened(raw: bytes) -> Opened:
    """Return what can be told of a proposal before its nodes are read. Raises: PeerWrongError as its ``parse`` does."""
    kind = kind_of(raw)
    try:
        if kind == store.ROUTINE:
            return Opened(kind, metadata.read(raw, metadata.TARGETS, metadata.TARGETS_KEYS))
        return Opened(kind, metadata.read(raw, metadata.ROOT, metadata.ROOT_KEYS))
    except PeerWrongError:
        # Says the same in its own words.
        _ = routine.parse(raw) if kind == store.ROUTINE else agreement.parse(raw)
        raise


def _check_may_stand(state: InForce, found: Opened, *, is_known: bool) -> None:
    """Refuse a version that is not the next, and what nobody who decides has signed, before more of it is read.

    Raises: CallerError(proposal-old | proposal-ahead | proposal-applied | proposal-unsigned).
    """
    council = state.agreement.secretariat
    if found.kind == store.ROOT:
        council = state.agreement.council
        _next(found.document.version, state.agreement.version, state.agreement.digest == found.digest)
    # Of one that is kept, those who will decide may bring theirs alone.
    if not is_known and not metadata.good_signatures(found.document.signed, found.document.signatures, council.keys):
        raise _unsigned()


def _unsigned() -> CallerError:
    return CallerError(
        "proposal-unsigned",
        N_("nessuna firma valida di chi decide ora: la proposta non è accolta"),
        hint=N_("prima firma chi la propone: «rete agreement sign FILE --key CHIAVE»"),
    )


def _weigh_routine(state: InForce, raw: bytes, now: dt.datetime) -> Ballot:
    found = routine.parse(raw)
    if not routine.brings_news(state.agreement, state.routine, found):
        raise _old_routine(found.version, state.routine.version if state.routine is not None else 0)
    council = state.agreement.secretariat
    # All its rules but the number of signatures: that one is what is being waited for.
    routine.check(state.agreement, state.routine, raw, now, collecting=True)
    signed = routine.signers(found, state.agreement)
    good = {keyid: found.signatures[keyid] for keyid in signed}
    return Ballot(
        store.ROUTINE, found.version, digest_of(found.signed), _only(raw, good), Count(signed, council), None, found
    )


def digest_of(signed: bytes) -> str:
    """Return the hex digest by which a document is known, whoever signed it."""
    return hashlib.sha256(signed).hexdigest()


def _only(raw: bytes, good: dict[str, str]) -> bytes:
    """Return a document with these signatures and no others."""
    value = metadata.strict(raw)
    signatures = [{"keyid": keyid, "sig": good[keyid]} for keyid in sorted(good)]
    # Kept and sent to many: nobody reads it as it is.
    return metadata.encode({"signatures": signatures, "signed": value["signed"]}, compact=True)


def _old_routine(version: int, applied: int) -> CallerError:
    return CallerError(
        "proposal-old",
        N_("le modifiche ordinarie sono della versione {version}, e qui è già in vigore la {applied} di esse"),
        hint=N_("rifare la modifica su ciò che è in vigore, e raccogliere di nuovo le firme"),
        version=version,
        applied=applied,
    )


def _old(version: int, applied: int) -> CallerError:
    return CallerError(
        "proposal-old",
        N_("la proposta è della versione {version}, e qui è già in vigore la {applied}"),
        hint=N_("rifare la proposta su ciò che è in vigore, e raccogliere di nuovo le firme"),
        version=version,
        applied=applied,
    )


def _next(version: int, applied: int, is_same: bool) -> None:
    if is_same:
        raise CallerError("proposal-applied", N_("la versione {version} è già in vigore"), version=version)
    if version <= applied:
        raise _old(version, applied)
    if version > applied + 1:
        raise CallerError(
            "proposal-ahead",
            N_("la proposta è della versione {version}, e qui è in vigore la {applied}: mancano quelle di mezzo"),
            hint=N_(
                "il nodo è indietro: attendere che le riceva, o darle con «rete agreement apply»; dove si firma con --base, prendere la base nuova: «rete agreement show -o base.json»"
            ),
            version=version,
            applied=applied,
        )


def unsigned_of(raw: bytes) -> bytes:
    """Return a document without any signature."""
    return _only(raw, {})


def signatures_of(ballot: Ballot) -> dict[str, str]:
    """Return the good signatures of a proposal, hex by key id."""
    found = ballot.document.signatures
    return {keyid: found[keyid] for keyid in ballot.now.signed | (ballot.then.signed if ballot.then else frozenset())}


async def receive(pool: Pool, place: in_force.Place, raw: bytes, now: dt.datetime, by_member: str = "") -> Taken:
    """Keep a proposal and its good signatures; apply it when they are enough. Safe to repeat.

    Raises: CallerError(agreement-none | proposal-old | proposal-ahead | proposal-unsigned | proposals-full), PeerWrongError as ``weigh``.
    """
    try:
        kept = await _kept(pool, place, raw, now, by_member)
    except CallerError as error:
        if error.code == "proposal-old" and await asyncio.to_thread(kind_of, raw) == store.ROOT:
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
        found = await asyncio.to_thread(opened, raw)
        async with acquire(pool) as conn:
            tallies = await store.read_tallies(conn, found.digest)
        known = _as_kept(state, found, tallies[0]) if tallies else None
        if known is not None:
            return known

        def work() -> tuple[Ballot, bytes]:
            _check_may_stand(state, found, is_known=bool(tallies))
            ballot = weigh(state, raw, now)
            return ballot, unsigned_of(ballot.raw)

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
    ballot = _counted(brought, stored[0].signed) if stored else brought
    if not ballot.now.signed:
        raise _unsigned()
    if not stored:
        await _room(conn, ballot)
        await store.put_proposal(conn, proposal)
    more = await store.put_signatures(conn, ballot.digest, signatures_of(brought).items(), proposal.received_at)
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


def _counted(ballot: Ballot, kept: Collection[str]) -> Ballot:
    """Return a proposal with signatures that were verified when they came: an id is of one key and no other."""

    def counted(count: Count) -> Count:
        return Count(count.signed | (count.council.keys.keys() & kept), count.council)

    return replace(ballot, now=counted(ballot.now), then=None if ballot.then is None else counted(ballot.then))


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
            found.append(await asyncio.to_thread(weigh, state, raw, now))
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
    """Let a fully signed document of either kind come into force. Raises: PeerWrongError as ``flows/agreement`` does."""
    if await asyncio.to_thread(kind_of, raw) == store.ROUTINE:
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
