r"""Routine changes as a document: TUF Targets metadata with entries of nodes, each with the node's consent (PROTOCOL 7.8).

In: bytes, or entries and keys. Out: a document in its right form, whoever signed it; what follows from it ``protocol/routine`` says. Rules: it
names the secretariat that it is signed by; each entry has the consent of its node, Ed25519 over ``rete/routine/v1\n`` || canonical JSON of the
entry, and a proof by each key that is new in it, over ``rete/routine/key/v1\n`` || the same: nobody lists a key that it does not hold.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.errors import PeerWrongError
from node.protocol import canonical, enrolment, limits, metadata
from node.protocol.agreement_node import node_json, node_of
from node.protocol.agreement_values import Agreement, Council, Node
from node.protocol.metadata import fields, items, malformed, text

_CONSENT = b"rete/routine/v1\n"
_PROOF = b"rete/routine/key/v1\n"
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{86}==")
_HEX_32 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Consented:
    """An entry, its node's consent, and the proofs of its keys, by their ``enrolment.labels``: (label, signature), by label."""

    node: Node
    consent: bytes = field(repr=False)
    proofs: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Routine:
    """A routine document in its right form; ``changes`` by id and ``rev``; ``secretariat``: the digest of the one it is for."""

    version: int
    expires: dt.datetime
    secretariat: str
    changes: tuple[Consented, ...]
    signed: bytes = field(repr=False)
    raw: bytes = field(repr=False)
    signatures: Mapping[str, str] = field(repr=False)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The entries, by id and ``rev``."""
        return tuple(change.node for change in self.changes)

    @property
    def digest(self) -> str:
        """The hex SHA-256 of what was signed."""
        return hashlib.sha256(self.signed).hexdigest()

    def is_expired(self, now: dt.datetime) -> bool:
        """Tell whether the secretariat has to sign again: what is in effect stays so, but no signatures are collected for it."""
        return now >= self.expires


def secretariat_digest(secretariat: Council) -> str:
    """Return by what a document names the secretariat that it is for: hex SHA-256 of its canonical key ids and threshold."""
    said = {"keyids": sorted(secretariat.keys), "threshold": secretariat.threshold}
    return hashlib.sha256(canonical.dumps(said)).hexdigest()


def label(node: Node) -> str:
    """Return the name of an entry's consent in the document."""
    return f"{node.id}#{node.rev}"


def _consented(node: Node, value: Any) -> Consented:
    found = fields(value, ("consent", "proofs"), "by")
    labels = [name for name, _ in enrolment.labels(node)]
    proofs = fields(found["proofs"], (), "by", optional=labels)
    signatures = {name: base64.b64decode(text(proof, _SIGNATURE, "by")) for name, proof in sorted(proofs.items())}
    return Consented(node, base64.b64decode(text(found["consent"], _SIGNATURE, "by")), tuple(signatures.items()))


def parse(raw: bytes) -> Routine:
    """Return a routine document in its right form, whoever signed it.

    Raises: PeerWrongError(routine-malformed, or as ``agreement.parse`` says of size and keys).
    """
    try:
        document = metadata.read(raw, metadata.TARGETS, metadata.TARGETS_KEYS)
        if document.body["targets"] != {}:
            raise malformed("targets")
        extension = fields(document.body["x-rete"], ("by", "nodes", "secretariat"), "x-rete")
        secretariat = text(extension["secretariat"], _HEX_32, "secretariat")
        found = tuple(node_of(item) for item in items(extension["nodes"], 0, limits.AGREEMENT_NODES, "nodes"))
        order = [(node.id, node.rev) for node in found]
        if order != sorted(set(order)):
            raise malformed("nodes")
        by = fields(extension["by"], map(label, found), "by")
        changes = tuple(_consented(node, by[label(node)]) for node in found)
    except PeerWrongError as error:
        if error.code != "agreement-malformed":
            raise
        raise PeerWrongError("routine-malformed", error.what, where=error.where) from error
    return Routine(
        document.version, document.expires, secretariat, changes, document.signed, raw, document.signatures
    )  # fmt: skip


def consent(entry: Mapping[str, Any], key: Ed25519PrivateKey, new: Mapping[bytes, Ed25519PrivateKey]) -> Consented:
    """Return an entry with its node's consent, by one of its http keys, and proved by those of its keys that are in ``new``, by public key.

    Raises: CallerError, with the codes of ``node_of``.
    """
    try:
        node = node_of(dict(entry))
    except PeerWrongError as error:
        raise metadata.refused_to_caller(error) from error
    said = canonical.dumps(node_json(node))
    proofs = {name: new[public].sign(_PROOF + said) for name, public in enrolment.labels(node) if public in new}
    return Consented(node, key.sign(_CONSENT + said), tuple(sorted(proofs.items())))


def _is_good(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def is_consented(before: Node, change: Consented) -> bool:
    """Tell whether a node, with an http key of its entry before, agreed to the entry after."""
    message = _CONSENT + canonical.dumps(node_json(change.node))
    return any(_is_good(key.public, change.consent, message) for key in before.http)


def new_keys(before: Node, after: Node) -> dict[str, bytes]:
    """Return the public keys that an entry lists and the one before does not, by label: those that have to prove themselves."""
    known = {public for _, public in enrolment.labels(before)}
    return {name: public for name, public in enrolment.labels(after) if public not in known}


def unproved(before: Node, change: Consented) -> str | None:
    """Return the label of a new key that did not sign the entry, None where all did."""
    proofs = dict(change.proofs)
    message = _PROOF + canonical.dumps(node_json(change.node))
    for name, public in new_keys(before, change.node).items():
        if name not in proofs or not _is_good(public, proofs[name], message):
            return name
    return None


def _by(change: Consented) -> dict[str, Any]:
    proofs = {name: base64.b64encode(proof).decode() for name, proof in change.proofs}
    return {"consent": base64.b64encode(change.consent).decode(), "proofs": proofs}


def build(*, version: int, expires: dt.datetime, secretariat: Council, changes: Iterable[Consented]) -> bytes:
    """Return the bytes of a routine document for a secretariat, which nobody has signed. Raises: CallerError."""
    ordered = sorted(changes, key=lambda change: (change.node.id, change.node.rev))
    extension = {
        "by": {label(change.node): _by(change) for change in ordered},
        "nodes": [node_json(change.node) for change in ordered],
        "secretariat": secretariat_digest(secretariat),
    }
    raw = metadata.unsigned(metadata.TARGETS, version, expires, {"targets": {}, "x-rete": extension})
    try:
        parse(raw)
    except PeerWrongError as error:
        raise metadata.refused_to_caller(error) from error
    return raw


def signers(draft: Routine, trusted: Agreement) -> frozenset[str]:
    """Return the ids of the secretariat's keys that signed with a good signature."""
    return metadata.good_signatures(draft.signed, draft.signatures, trusted.secretariat.keys)
