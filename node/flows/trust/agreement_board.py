"""How the agreement stands here, for people: what is in force, what waits for signatures, who asks to join, what was refused (PROTOCOL 7).

In: a pool and the time. Out: values for the administrator's page and the doctor; None where the node lives by [[peer]] tables. Rules: read only,
but for the note that a person saw a request (``note_looked``);
all of it is public; every difference is told in plain words, of a proposal against what is in effect, so that what is already true is not
told as news. What is not for a person to read whole (old versions) is read one at a time.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from node.errors import CallerError, PeerWrongError, ReteError, Said
from node.flows.trust import ballot as ballots
from node.flows.trust.agreement_said import changes, differences, routine_differences
from node.flows.trust.agreement_terms import InForce
from node.flows.trust.ballot import Ballot
from node.flows.trust.public_keys import fingerprint
from node.protocol import agreement, enrolment, routine
from node.protocol.agreement_values import Agreement, Node
from node.protocol.routine import Changes
from node.store import agreement as store
from node.store.agreement import Document, Fork, Proposal, Refused, Request, RoutineFork
from node.store.postgres import Connection, Pool, acquire

# From here on an administrator is told that it ends; and told loudly.
EXPIRES_SOON: Final = dt.timedelta(days=60)
EXPIRES_NOW: Final = dt.timedelta(days=30)
VERSIONS_SHOWN: Final = 10
ROUTINE: Final = store.ROUTINE


@dataclass(frozen=True, slots=True)
class Standing:
    """What is in force: the newest version, when it was applied here, the routine changes since, and the nodes as both say.

    ``applied_at`` is of the version.
    """

    agreement: Agreement
    applied_at: dt.datetime
    changes: Changes | None
    nodes: tuple[Node, ...]

    @property
    def words(self) -> list[str]:
        """The fingerprint to compare by telephone, in lines."""
        return words_of(self.agreement.digest)

    @property
    def state(self) -> InForce:
        """The same, as proposals are weighed against it."""
        return InForce.of(self.agreement, self.changes)

    def days_left(self, now: dt.datetime) -> int:
        """Return the whole days until it has to be renewed; negative when it is over."""
        return (self.agreement.expires - now).days


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open proposal: what it changes, who of those that decide has signed and who has not; ``error`` where it can't come into force."""

    proposal: Proposal
    differences: tuple[Said, ...]
    ballot: Ballot | None
    error: ReteError | None

    @property
    def raw(self) -> bytes:
        """The document with the signatures that it has."""
        return agreement.with_signatures(self.proposal.raw, self.proposal.signatures)

    @property
    def signed(self) -> list[str]:
        """The keys of those that decide now or then and have signed."""
        return sorted(self._all & self._signed)

    @property
    def missing(self) -> list[str]:
        """Those that have not."""
        return sorted(self._all - self._signed)

    @property
    def _all(self) -> frozenset[str]:
        counts = [] if self.ballot is None else [self.ballot.now, self.ballot.then]
        return frozenset(keyid for count in counts if count for keyid in count.council.keys)

    @property
    def _signed(self) -> frozenset[str]:
        counts = [] if self.ballot is None else [self.ballot.now, self.ballot.then]
        return frozenset(keyid for count in counts if count for keyid in count.signed)


@dataclass(frozen=True, slots=True)
class Asking:
    """An enrolment request: who asks, its keys, and the words to compare by telephone; ``node`` None where it can't be read any more."""

    request: Request
    node: Node | None
    words: list[str]
    keys: tuple[tuple[str, str, str], ...]
    is_listed: bool


@dataclass(frozen=True, slots=True)
class Forked:
    """Two documents for one version, and what the second says otherwise than the first."""

    fork: Fork
    digests: tuple[str, str]
    differences: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """An applied version: what it changed of the one before it, and which of its council signed."""

    agreement: Agreement
    applied_at: dt.datetime
    differences: tuple[Said, ...]
    signed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """All that the page shows; of ``versions`` the newest."""

    standing: Standing
    proposals: tuple[Waiting, ...]
    requests: tuple[Asking, ...]
    forks: tuple[Forked, ...]
    refused: tuple[Refused, ...]
    versions: tuple[Version, ...]
    changes: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Glance:
    """What the doctor looks at: what is in force, and how much waits."""

    standing: Standing
    forks: tuple[Fork, ...]
    refused: tuple[Refused, ...]
    proposals: int
    requests: int
    routine_forks: tuple[RoutineFork, ...] = ()
    # This node's public keys on disk, by role; None where they can't be read, which another check tells.
    own_keys: Mapping[str, tuple[bytes, ...]] | None = None


def words_of(digest: str) -> list[str]:
    """Return the words that stand for a digest, in lines."""
    return enrolment.grouped(enrolment.words(bytes.fromhex(digest)))


def keys_of(node: Node) -> tuple[tuple[str, str, str], ...]:
    """Return a node's keys as (role, name, fingerprint)."""
    found = [("http", key.keyid, fingerprint(key.public)) for key in node.http]
    for item in node.log:
        found += [("log", item.origin, fingerprint(verifier.public)) for verifier in item.verifiers]
    for role, held in (("witness", node.witness), ("mirror", node.mirror)):
        found += [(role, verifier.name, fingerprint(verifier.public)) for verifier in held]
    if node.seal is not None:
        found.append(("seal", node.seal.id, fingerprint(node.seal.x25519 + (node.seal.mlkem768 or b""))))
    return tuple(found)


async def standing(conn: Connection) -> Standing | None:
    """Return what is in force; None where the node lives by [[peer]] tables."""
    latest, changes = await store.read_latest(conn), await store.read_routines(conn)
    # Some hundred nodes take longer to read than others should wait.
    return None if latest is None else await asyncio.to_thread(_stands, latest, changes)


def _stands(latest: Document, changes: Sequence[Document]) -> Standing:
    found = agreement.parse(latest.raw)
    changed = routine.joined(found, [routine.parse(one.raw) for one in changes])
    return Standing(found, latest.applied_at, changed, routine.effective(found, changed))


async def read(pool: Pool, now: dt.datetime) -> Board | None:
    """Return all of the page; None where the node lives by [[peer]] tables."""
    async with acquire(pool) as conn:
        found = await standing(conn)
        if found is None:
            return None
        proposals, asked = await store.read_proposals(conn), await store.read_requests(conn)
        forks, refused = await store.read_forks(conn), await store.read_refused(conn)
        first = max(1, found.agreement.version - VERSIONS_SHOWN)
        documents = await store.versions_from(conn, first, VERSIONS_SHOWN + 1)

    def work() -> Board:
        return Board(
            standing=found,
            proposals=tuple(waiting(found, one, now) for one in proposals),
            requests=tuple(_asking(found, one) for one in asked),
            forks=tuple(forked(fork) for fork in forks),
            refused=tuple(refused),
            versions=tuple(versions(documents)),
            changes=tuple(routine_differences(found.agreement, None, found.changes)) if found.changes else (),
        )

    return await asyncio.to_thread(work)


async def note_looked(pool: Pool, board: Board, now: dt.datetime) -> None:
    """Note that a person saw the requests of the page: a flood of others does not put them out."""
    if board.requests:
        async with acquire(pool) as conn:
            await store.look_at_requests(conn, [one.request.fingerprint for one in board.requests], now)


async def glance(conn: Connection) -> Glance | None:
    """Return what the doctor looks at, this node's own keys aside."""
    found = await standing(conn)
    if found is None:
        return None
    return Glance(
        standing=found,
        forks=tuple(fork for fork in await store.read_forks(conn) if fork.settled_at is None),
        routine_forks=tuple(await store.read_routine_forks(conn)),
        refused=tuple(await store.read_refused(conn)),
        proposals=await store.count_proposals(conn),
        requests=len(await store.read_requests(conn)),
    )


def waiting(found: Standing, proposal: Proposal, now: dt.datetime) -> Waiting:
    """Return how a kept proposal stands."""
    state = found.state
    raw = agreement.with_signatures(proposal.raw, proposal.signatures)
    error: ReteError | None = None
    ballot = None
    try:
        ballot = ballots.weigh(state, raw, now)
    except (CallerError, PeerWrongError) as refused:
        error = refused
    return Waiting(proposal, tuple(_changes(found, proposal)), ballot, error)


def _changes(found: Standing, proposal: Proposal) -> list[Said]:
    try:
        if proposal.kind == store.ROUTINE:
            return routine_differences(found.agreement, found.changes, routine.parse(proposal.raw))
        return changes(found.agreement, found.nodes, agreement.parse(proposal.raw))
    except PeerWrongError:
        return []


def _asking(found: Standing, request: Request) -> Asking:
    try:
        node = enrolment.parse(request.raw).node
    except PeerWrongError:
        return Asking(request, None, words_of(request.fingerprint), (), is_listed=False)
    return Asking(
        request, node, words_of(request.fingerprint), keys_of(node), is_listed=found.agreement.node(node.id) is not None
    )


def forked(fork: Fork) -> Forked:
    """Return a fork with what its documents say."""
    one, other = agreement.parse(fork.raw_applied), agreement.parse(fork.raw_other)
    return Forked(fork, (one.digest, other.digest), tuple(differences(one, other)))


def versions(documents: list[Document]) -> list[Version]:
    """Return what versions changed, newest first; the oldest is only compared with, unless it is the first of all."""
    found: list[Version] = []
    before: Agreement | None = None
    for document in documents:
        now = agreement.parse(document.raw)
        if before is not None or now.version == 1:
            found.append(_version(before, now, document.applied_at))
        before = now
    return found[::-1]


def _version(before: Agreement | None, now: Agreement, applied_at: dt.datetime) -> Version:
    signed = agreement.signers(now, now.council)
    if before is not None:
        signed |= agreement.signers(now, before.council)
    return Version(now, applied_at, tuple(differences(before, now)), tuple(sorted(signed)))
