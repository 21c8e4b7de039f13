"""Who belongs: the members of the federation with the keys by which each vouches for others (PROTOCOL 1.2, 7).

In: what the member list says of each node. Out: frozen values, and who witnesses a log. No key serves two roles or two
members: a key that did would let one voice count as two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import N_, CallerError
from node.protocol import keys, witness
from node.protocol.sealed import SealKey


@dataclass(frozen=True, slots=True)
class Member:
    """One node: its id, its address (None for this node), and its public keys by role; None where it has none.

    Without a seal key nobody can write to it, so it takes part in no introduction.
    """

    id: str
    url: str | None
    http_keyid: str
    http_public: bytes
    witness: keys.Verifier | None
    mirror: keys.Verifier | None
    seal: SealKey | None


@dataclass(frozen=True, slots=True)
class Cosigner:
    """This node's own voice in one role: the key's name and the key."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Membership:
    """All members, this node among them."""

    own_id: str
    members: Mapping[str, Member]

    @classmethod
    def of(cls, own: Member, others: Iterable[Member]) -> Membership:
        """Return the membership. Raises: CallerError(member-key-reused)."""
        members = {member.id: member for member in (own, *others)}
        seen: set[bytes] = set()
        for member in members.values():
            held = [member.http_public, *(v.public for v in (member.witness, member.mirror) if v is not None)]
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
        return cls(own.id, members)

    @property
    def peers(self) -> list[Member]:
        """The other members that have an address, by id."""
        return sorted((m for m in self.members.values() if m.id != self.own_id and m.url), key=lambda m: m.id)

    def witnesses_of(self, origin: str, owner: str) -> dict[str, keys.Verifier]:
        """Return the cosignature keys of the log's witnesses, by member id; never its owner."""
        able = {m.id: m.witness for m in self.members.values() if m.witness is not None and m.id != owner}
        return {member: able[member] for member in witness.choose(origin, able)}

    def http_keys(self) -> dict[str, bytes]:
        """Return the request keys of the other members, by key id."""
        return {m.http_keyid: m.http_public for m in self.members.values() if m.id != self.own_id}

    def callers(self) -> dict[str, str]:
        """Return the ids of the other members, by the key id of their request keys."""
        return {m.http_keyid: m.id for m in self.members.values() if m.id != self.own_id}


def cosigner_key(text: str, role: str) -> keys.Verifier | None:
    """Return the verifier of a member's witness or mirror key, None for "". Raises: CallerError(vkey-malformed, ...)."""
    if not text:
        return None
    found = keys.parse_vkey(text)
    if found.kind != keys.COSIGNATURE_TYPE or not found.name.endswith(f"/{role}"):
        raise CallerError("vkey-malformed", N_("chiave di verifica non valida"), where=text[:120])
    return found
