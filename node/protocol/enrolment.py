r"""What a new administration asks with: its entry, and the proof that it holds the keys in it (PROTOCOL 7.9).

In: a node's entry and its private keys, or the bytes of a request. Out: the request's canonical bytes, or the verified entry. Rules: each
Ed25519 key of the entry signs ``rete/enrolment/v1\n`` || SHA-256(canonical entry), so that nobody asks with another's key; seal keys
prove nothing, since they cannot sign. A request says who holds the keys, not who that is: the people compare the fingerprint's words by
telephone. Thirty-two names of cities for 128 bits: whoever wants an entry with the same ones as another's has to try 2^128, and whoever makes
both, to show one and have the other signed, 2^64. That is much and not beyond everybody: of a first version, which whoever prepares it may
turn as often as it likes, the whole digest in digits is the better thing to compare (``rete join --expect``).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.errors import N_, PeerWrongError, Said
from node.protocol import canonical, limits, metadata
from node.protocol.agreement_form import check_nodes
from node.protocol.agreement_node import node_json, node_of
from node.protocol.agreement_values import Node, Status

_DOMAIN = b"rete/enrolment/v1\n"
_VERSION = 1
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{86}==")
# One for each hexadecimal digit, in order; from the alphabet that Italians spell by, each with another initial.
CITIES = (
    "Ancona", "Bologna", "Como", "Domodossola", "Empoli", "Firenze", "Genova", "Imola",
    "Livorno", "Milano", "Napoli", "Otranto", "Palermo", "Roma", "Torino", "Venezia",
)  # fmt: skip
WORDS = 32
GROUP = 4


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A request whose keys are proved."""

    node: Node
    raw: bytes = field(repr=False)


def words(digest: bytes) -> list[str]:
    """Return the 32 names that stand for the first 128 bits of a digest, to be compared by telephone."""
    return [CITIES[int(digit, 16)] for digit in digest.hex()[:WORDS]]


def grouped(names: Sequence[str]) -> list[str]:
    """Return names in lines of four, as they are read out."""
    return [" ".join(names[at : at + GROUP]) for at in range(0, len(names), GROUP)]


def digits_of(text: str) -> str:
    """Return the digits for which names stand, as people write them; a text that is not of those names as it is, in small letters."""
    digit = {city.lower(): f"{at:x}" for at, city in enumerate(CITIES)}
    told = text.lower().replace(",", " ").split()
    return "".join(digit[word] for word in told) if told and all(word in digit for word in told) else "".join(told)


def digest_of(node: Node) -> bytes:
    """Return the SHA-256 of the canonical entry."""
    return hashlib.sha256(canonical.dumps(node_json(node))).digest()


def labels(node: Node) -> Iterator[tuple[str, bytes]]:
    """Yield the keys that prove themselves: ``http``, ``log``, ``witness``, ``mirror``; a role's second is ``http#2``."""
    roles = {
        "http": [key.public for key in node.http],
        # In the order in which they stand, once each: one key may serve the logs of several years.
        "log": list(dict.fromkeys(verifier.public for item in node.log for verifier in item.verifiers)),
        "witness": [verifier.public for verifier in node.witness],
        "mirror": [verifier.public for verifier in node.mirror],
    }
    counted: Counter[str] = Counter()
    for role, publics in roles.items():
        for public in publics:
            counted[role] += 1
            yield (role if counted[role] == 1 else f"{role}#{counted[role]}"), public


def make(node: Node, keys: Mapping[str, Ed25519PrivateKey]) -> bytes:
    """Return the request of a node with the private key of each of its ``labels``. Raises: CallerError(enrolment-...)."""
    message = _DOMAIN + digest_of(node)
    proofs = {name: base64.b64encode(key.sign(message)).decode() for name, key in keys.items()}
    raw = canonical.dumps({"node": node_json(node), "proofs": proofs, "v": _VERSION})
    try:
        parse(raw)
    except PeerWrongError as error:
        raise metadata.refused_to_caller(error) from error
    return raw


def _malformed(reason: Said, where: str) -> PeerWrongError:
    return PeerWrongError(
        "enrolment-malformed", N_("richiesta di adesione non valida: {reason}"), where=where, reason=reason
    )


def _read(raw: bytes) -> tuple[Node, Mapping[str, str]]:
    value = canonical.parse(raw, max_bytes=limits.ENROLMENT_MAX_BYTES)
    metadata.check_texts(value)
    metadata.fields(value, ("node", "proofs", "v"), "enrolment")
    metadata.whole(value["v"], _VERSION, _VERSION, "v")
    node = node_of(value["node"])
    check_nodes([node])
    if node.status is not Status.ACTIVE or node.rev != 1:
        raise metadata.malformed(f"{node.id}: status")
    proofs = metadata.fields(value["proofs"], (name for name, _ in labels(node)), f"{node.id}: proofs")
    return node, {name: metadata.text(proof, _SIGNATURE, f"{node.id}: proofs") for name, proof in proofs.items()}


def parse(raw: bytes) -> Enrolment:
    """Return a request whose keys are all proved. Raises: PeerWrongError(enrolment-malformed | enrolment-unproved)."""
    try:
        node, proofs = _read(raw)
    except PeerWrongError as error:
        raise _malformed(Said(error.what, error.facts), error.where) from error
    message = _DOMAIN + digest_of(node)
    for name, public in labels(node):
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(proofs[name]), message)
        except InvalidSignature as error:
            raise PeerWrongError(
                "enrolment-unproved",
                N_("chi chiede non ha dimostrato di avere la chiave «{role}»"),
                where=node.id,
                role=name,
            ) from error
    return Enrolment(node, raw)


def fingerprint(raw: bytes) -> list[str]:
    """Return the names by which two people compare a request. Raises: PeerWrongError, as ``parse`` does."""
    return words(digest_of(parse(raw).node))
