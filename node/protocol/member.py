"""Who belongs: the members of the federation with the keys by which each vouches for others (PROTOCOL 1.2, 7).

In: what the member list says of each node. Out: a frozen ``Roll``, and who witnesses a log. No key serves two roles or two members: a key
that did would let one voice count as two. While a key is being changed a member has two for one role: either is its voice, and both are one.

``Membership`` is the one value of a process that changes: when the agreement has a new version it is given another roll, as a whole and
between two waits. Whoever holds it asks it anew each time and keeps nothing of its answers across a wait.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import N_, CallerError
from node.protocol import keys, limits, witness
from node.protocol.agreement_values import Status, Terms
from node.protocol.sealed import SealKey


@dataclass(frozen=True, slots=True)
class Member:
    """One node: its id, its address (None for this node), and its public keys by role; none where it has none.

    ``http``: request keys by key id. ``authorities``: under which its logs and keys are named, ``host[:port]`` each.
    Without a seal key nobody can write to it, so it takes part in no introduction. ``log``: the raw keys that sign its log, the newest last.
    ``former``: request keys that it gave up of its own accord: what it signed with them stays said, and nothing new is (PROTOCOL 7.10).
    """

    id: str
    url: str | None
    http: Mapping[str, bytes]
    witness: tuple[keys.Verifier, ...]
    mirror: tuple[keys.Verifier, ...]
    seal: SealKey | None
    authorities: frozenset[str] = frozenset()
    log: tuple[bytes, ...] = ()
    former: tuple[bytes, ...] = ()

    @property
    def voices(self) -> tuple[bytes, ...]:
        """The keys of which any may have signed what it once said."""
        return (*self.http.values(), *self.former)


@dataclass(frozen=True, slots=True)
class Cosigner:
    """This node's own voice in one role: the key's name and the key."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Roll:
    """All members at one moment, this node among them.

    ``suspended``: ids of those that are known and may not call, by the key id of their request keys; ``suspended_keys`` those keys.
    ``quorum``: how many witnesses a log has, and how many of them suffice. ``version``, ``terms`` and ``expires``: of the
    agreement, ``routine`` and ``routines``: number and digests of the routine documents, 0 and None where members are [[peer]] tables.
    ``own_status``: this node's own by the agreement, None where that does not name it.
    """

    own_id: str
    members: Mapping[str, Member]
    suspended: Mapping[str, str] = field(default_factory=dict)
    suspended_keys: Mapping[str, bytes] = field(default_factory=dict)
    quorum: tuple[int, int] = (limits.WITNESSES, limits.WITNESS_QUORUM)
    version: int = 0
    routine: int = 0
    routines: tuple[str, ...] = ()
    terms: Terms | None = None
    expires: dt.datetime | None = None
    own_status: Status | None = None

    @classmethod
    def of(
        cls,
        own: Member,
        others: Iterable[Member],
        suspended: Iterable[Member] = (),
        quorum: tuple[int, int] = (limits.WITNESSES, limits.WITNESS_QUORUM),
    ) -> Roll:
        """Return the roll. Raises: CallerError(member-key-reused)."""
        members = {member.id: member for member in (own, *others)}
        away = list(suspended)
        seen: set[bytes] = set()
        for member in (*members.values(), *away):
            held = [*member.http.values(), *(v.public for v in (*member.witness, *member.mirror))]
            if member.seal is not None:
                # Whoever shared a seal key would read what is meant for the other.
                held += [half for half in (member.seal.x25519, member.seal.mlkem768) if half is not None]
            if len(set(held)) != len(held) or seen.intersection(held):
                raise CallerError(
                    "member-key-reused",
                    N_("la stessa chiave serve due ruoli o due nodi"),
                    where=member.id,
                    hint=N_("ogni nodo deve avere chiavi proprie, una per ruolo: «rete init» le crea"),
                )
            seen.update(held)
        return cls(
            own.id,
            members,
            {keyid: member.id for member in away for keyid in member.http},
            {keyid: public for member in away for keyid, public in member.http.items()},
            quorum,
        )


class Membership:
    """Who belongs now, as the whole process sees it."""

    __slots__ = ("_callers", "_http_keys", "_roll")

    def __init__(self, roll: Roll) -> None:
        """Begin with a roll."""
        self.change(roll)

    @classmethod
    def of(cls, own: Member, others: Iterable[Member]) -> Membership:
        """Return the membership of a list that does not change. Raises: CallerError(member-key-reused)."""
        return cls(Roll.of(own, others))

    def change(self, roll: Roll) -> None:
        """Let another roll stand, from the next question on."""
        others = [member for member in roll.members.values() if member.id != roll.own_id]
        self._http_keys = {keyid: public for member in others for keyid, public in member.http.items()}
        self._callers = {keyid: member.id for member in others for keyid in member.http}
        self._roll = roll

    @property
    def roll(self) -> Roll:
        """All that is known now, as one value that does not change."""
        return self._roll

    @property
    def own_id(self) -> str:
        """This node's id."""
        return self._roll.own_id

    @property
    def members(self) -> Mapping[str, Member]:
        """All members by id, this node among them."""
        return self._roll.members

    @property
    def terms(self) -> Terms | None:
        """By which terms the members work; None where they are [[peer]] tables."""
        return self._roll.terms

    @property
    def quorum(self) -> int:
        """How many of a log's witnesses suffice."""
        return self._roll.quorum[1]

    @property
    def peers(self) -> list[Member]:
        """The other members that have an address, by id."""
        return sorted((m for m in self.members.values() if m.id != self.own_id and m.url), key=lambda m: m.id)

    @property
    def http_keys(self) -> Mapping[str, bytes]:
        """The request keys of the other members, by key id."""
        return self._http_keys

    @property
    def callers(self) -> Mapping[str, str]:
        """The ids of the other members, by the key id of their request keys."""
        return self._callers

    def member_at(self, authority: str) -> Member | None:
        """Return the other member under whose authority a log or key is named; None for nobody's."""
        others = (m for m in self.members.values() if m.id != self.own_id)
        return next((member for member in others if authority in member.authorities), None)

    def witnesses_of(self, origin: str, owner: str) -> dict[str, tuple[keys.Verifier, ...]]:
        """Return the cosignature keys of the log's witnesses, by member id; never its owner."""
        able = {m.id: m.witness for m in self.members.values() if m.witness and m.id != owner}
        return {member: able[member] for member in witness.choose(origin, able, self._roll.quorum[0])}


def cosigner_key(text: str, role: str) -> keys.Verifier | None:
    """Return the verifier of a member's witness or mirror key, None for "". Raises: CallerError(vkey-malformed, ...)."""
    if not text:
        return None
    found = keys.parse_vkey(text)
    if found.kind != keys.COSIGNATURE_TYPE or not found.name.endswith(f"/{role}"):
        raise CallerError("vkey-malformed", N_("chiave di verifica non valida"), where=text[:120])
    return found
