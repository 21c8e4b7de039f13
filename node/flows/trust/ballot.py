"""A ballot: how a proposal stands against what is in force, by its own bytes alone (PROTOCOL 7.14).

In: what is in force, and the bytes of a next version or of routine changes. Out: who of those that decide has signed it with a good signature, of how
many that must; or the refusal. Nothing here reads or writes anything. Rules: only what could come into force next is weighed, and only once
somebody who may decide has signed it; of signatures the good ones count and no others.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, replace

from node.errors import N_, CallerError, PeerWrongError
from node.flows.trust.agreement_terms import InForce
from node.protocol import agreement, agreement_steps, metadata, routine
from node.protocol.agreement_values import Agreement, Council
from node.protocol.routine import Routine
from node.store import agreement as store


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
        return store.digest_of(self.document.signed)


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


def check_may_stand(state: InForce, found: Opened, *, is_known: bool) -> None:
    """Refuse a version that is not the next, and what nobody who decides has signed, before more of it is read.

    Raises: CallerError(proposal-old | proposal-ahead | proposal-applied | proposal-unsigned).
    """
    council = state.agreement.secretariat
    if found.kind == store.ROOT:
        council = state.agreement.council
        _next(found.document.version, state.agreement.version, state.agreement.digest == found.digest)
    # Of one that is kept, those who will decide may bring theirs alone.
    if not is_known and not metadata.good_signatures(found.document.signed, found.document.signatures, council.keys):
        raise unsigned()


def unsigned() -> CallerError:
    """Return the refusal of what nobody who decides has signed."""
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
        store.ROUTINE,
        found.version,
        store.digest_of(found.signed),
        _only(raw, good),
        Count(signed, council),
        None,
        found,
    )


def _only(raw: bytes, good: dict[str, str]) -> bytes:
    """Return a document with these signatures and no others."""
    value = metadata.strict(raw)
    signatures = [{"keyid": keyid, "sig": good[keyid]} for keyid in sorted(good)]
    # Kept and sent to many: nobody reads it as it is.
    return metadata.encode({"signatures": signatures, "signed": value["signed"]}, compact=True)


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


def counted(ballot: Ballot, kept: Collection[str]) -> Ballot:
    """Return a proposal with signatures that were verified when they came: an id is of one key and no other."""

    def counted(count: Count) -> Count:
        return Count(count.signed | (count.council.keys.keys() & kept), count.council)

    return replace(ballot, now=counted(ballot.now), then=None if ballot.then is None else counted(ballot.then))


def _old_routine(version: int, applied: int) -> CallerError:
    return CallerError(
        "proposal-old",
        N_("le modifiche ordinarie sono della versione {version}, e qui è già in vigore la {applied} di esse"),
        hint=N_("rifare la modifica su ciò che è in vigore, e raccogliere di nuovo le firme"),
        version=version,
        applied=applied,
    )
