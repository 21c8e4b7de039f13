r"""Routine changes: what the secretariat may change of a node's entry, if the node itself agrees (PROTOCOL 7.8; TUF ``targets``).

In: the trusted agreement, the routine document before, bytes. Out: the next routine document; and the nodes as they are in effect. Rules:
signed by the threshold of the agreement's secretariat; for each node a chain of whole entries, each with a greater ``rev`` and with the
consent of the node, by an http key of the entry before it: ``rete/routine/v1\n`` || canonical JSON of the entry. So neither the secretariat
nor a node changes anything alone, and whoever joins later checks the whole chain from the agreement's own entry. Only address, name,
contact, keys and ends change; everything about belonging is the council's. A document replaces the one before it and must keep what is
still in effect of it. Keys that are lost or stolen are the council's too.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.errors import N_, PeerWrongError
from node.protocol import agreement_steps, canonical, limits, metadata
from node.protocol.agreement_form import check_nodes
from node.protocol.agreement_node import node_json, node_of
from node.protocol.agreement_values import Agreement, Node
from node.protocol.metadata import encode, fields, items, malformed

__all__ = ["Routine", "build", "check", "consent", "effective", "encode", "parse", "signers"]

_DOMAIN = b"rete/routine/v1\n"
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{86}==")


@dataclass(frozen=True, slots=True)
class Routine:
    """A routine document in its right form: entries by id and ``rev``, and each one's consent, in the same order."""

    version: int
    expires: dt.datetime
    nodes: tuple[Node, ...]
    consents: tuple[bytes, ...] = field(repr=False)
    signed: bytes = field(repr=False)
    raw: bytes = field(repr=False)
    signatures: Mapping[str, str] = field(repr=False)

    def is_expired(self, now: dt.datetime) -> bool:
        """Tell whether the secretariat has to sign again before anybody new accepts it."""
        return now >= self.expires


def label(node: Node) -> str:
    """Return the name of an entry's consent in the document."""
    return f"{node.id}#{node.rev}"


def _consent(value: Any) -> bytes:
    if type(value) is not str or not _SIGNATURE.fullmatch(value):
        raise malformed("by")
    return base64.b64decode(value)


def parse(raw: bytes) -> Routine:
    """Return a routine document in its right form, whoever signed it.

    Raises: PeerWrongError(routine-malformed, or as ``agreement.parse`` says of size and keys).
    """
    try:
        document = metadata.read(raw, metadata.TARGETS, metadata.TARGETS_KEYS)
        if document.body["targets"] != {}:
            raise malformed("targets")
        extension = fields(document.body["x-rete"], ("by", "nodes"), "x-rete")
        found = tuple(node_of(item) for item in items(extension["nodes"], 0, limits.AGREEMENT_NODES, "nodes"))
        order = [(node.id, node.rev) for node in found]
        if order != sorted(set(order)):
            raise malformed("nodes")
        by = fields(extension["by"], map(label, found), "by")
        consents = tuple(_consent(by[label(node)]) for node in found)
    except PeerWrongError as error:
        if error.code != "agreement-malformed":
            raise
        raise PeerWrongError("routine-malformed", error.what, where=error.where) from error
    return Routine(
        document.version, document.expires, found, consents, document.signed, raw, document.signatures
    )  # fmt: skip


def _message(node: Node) -> bytes:
    return _DOMAIN + canonical.dumps(node_json(node))


def consent(entry: Mapping[str, Any], key: Ed25519PrivateKey) -> str:
    """Return a node's consent to an entry, by one of its http keys. Raises: CallerError, with the codes of ``node_of``."""
    try:
        node = node_of(dict(entry))
    except PeerWrongError as error:
        raise metadata.refused_to_caller(error) from error
    return base64.b64encode(key.sign(_message(node))).decode()


def consented(before: Node, after: Node, signature: bytes) -> bool:
    """Tell whether a node, with an http key of its entry before, agreed to the entry after."""
    message = _message(after)
    for key in before.http:
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
        except InvalidSignature:
            continue
        return True
    return False


def build(*, version: int, expires: dt.datetime, changes: Iterable[tuple[Node, str]]) -> bytes:
    """Return the bytes of a routine document that nobody has signed, of (entry, consent). Raises: CallerError."""
    ordered = sorted(changes, key=lambda change: (change[0].id, change[0].rev))
    extension = {
        "by": {label(node): signature for node, signature in ordered},
        "nodes": [node_json(node) for node, _ in ordered],
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


def _as_the_council_says(root: Node, entry: Node) -> Node:
    """Return an entry with all about belonging as in the agreement."""
    return replace(
        entry, status=root.status, since=root.since, territory=root.territory, ipa_code=root.ipa_code
    )  # fmt: skip


def _broken(node_id: str, what: str) -> PeerWrongError:
    return PeerWrongError("routine-rule-broken", what, where=node_id)


def _check_follows(before: Node, after: Node, signature: bytes) -> None:
    """Refuse an entry that does not follow the one in effect, whoever of the two offices wrote it."""
    if not consented(before, after, signature):
        raise PeerWrongError(
            "routine-unconsented", N_("il nodo non ha firmato questa modifica con una sua chiave http"), where=after.id
        )
    if {(item.origin, item.frozen) for item in after.log} != {(item.origin, item.frozen) for item in before.log}:
        raise _broken(after.id, N_("quali registri ci sono e dove finiscono lo decide il consiglio"))
    try:
        agreement_steps.check_logs(before, after)
    except PeerWrongError as error:
        raise _broken(after.id, error.what) from error


def _chains(routine: Routine, trusted: Agreement) -> dict[str, list[tuple[Node, bytes]]]:
    """Return the entries that are newer than the agreement's own, by node, with their consents."""
    chains: dict[str, list[tuple[Node, bytes]]] = {}
    roots = {node.id: node for node in trusted.nodes}
    for node, signature in zip(routine.nodes, routine.consents, strict=True):
        root = roots.get(node.id)
        if root is not None and node.rev > root.rev:
            chains.setdefault(node.id, []).append((node, signature))
    return chains


def check(trusted: Agreement, before: Routine | None, raw: bytes, now: dt.datetime) -> Routine:
    """Return the routine document after ``before``.

    Raises: PeerWrongError(routine-version-old | routine-unsigned | routine-expired | routine-rule-broken | routine-unconsented |
    agreement-key-reused, or as ``parse``).
    """
    found = parse(raw)
    if before is not None and found.version <= before.version:
        raise PeerWrongError(
            "routine-version-old",
            N_("la versione {version} delle modifiche ordinarie c'è già: si è alla {trusted}"),
            version=found.version,
            trusted=before.version,
        )
    have = len(signers(found, trusted))
    if have < trusted.secretariat.threshold:
        raise PeerWrongError(
            "routine-unsigned",
            N_("firme valide della segreteria: {have}, ne servono {need}"),
            have=have,
            need=trusted.secretariat.threshold,
        )
    if found.is_expired(now):
        raise PeerWrongError(
            "routine-expired", N_("le modifiche ordinarie sono scadute: la segreteria le firma di nuovo")
        )
    by_id = {node.id: node for node in trusted.nodes}
    for node in found.nodes:
        if node.id not in by_id:
            raise _broken(node.id, N_("il nodo non è nel protocollo d'intesa"))
    for node_id, chain in _chains(found, trusted).items():
        root = current = by_id[node_id]
        if len(chain) > limits.ROUTINE_CHANGES:
            raise _broken(node_id, N_("troppe modifiche ordinarie: il consiglio le riprende nel protocollo d'intesa"))
        for entry, signature in chain:
            if _as_the_council_says(root, entry) != entry:
                raise _broken(node_id, N_("stato, territorio e codice IPA li decide il consiglio"))
            _check_follows(current, entry, signature)
            current = entry
    _check_kept(trusted, before, found)
    publics = (*trusted.council.keys.values(), *trusted.secretariat.keys.values())
    check_nodes(effective(trusted, found), publics)
    return found


def _check_kept(trusted: Agreement, before: Routine | None, found: Routine) -> None:
    """Refuse a document that does not go on from what is in effect: by another way a key of before could consent again."""
    if before is None:
        return
    later = _in_effect(trusted, found)
    for node_id, entries in _in_effect(trusted, before).items():
        if later.get(node_id, [])[: len(entries)] != entries:
            raise _broken(node_id, N_("una modifica ordinaria già in vigore non si toglie"))


def _in_effect(trusted: Agreement, routine: Routine) -> dict[str, list[Node]]:
    """Return the entries that count, by node: each follows the one before it, the first the agreement's own."""
    found: dict[str, list[Node]] = {}
    roots = {node.id: node for node in trusted.nodes}
    for node_id, chain in _chains(routine, trusted).items():
        current, entries = roots[node_id], []
        for entry, signature in chain:
            try:
                _check_follows(current, entry, signature)
            except PeerWrongError:
                break
            entries.append(entry)
            current = entry
        found[node_id] = entries
    return found


def effective(trusted: Agreement, routine: Routine | None) -> tuple[Node, ...]:
    """Return the nodes as they are now: of each the newest entry that follows, belonging as the agreement says; by id.

    A function of the two documents alone: entries that another version of the agreement has overtaken are passed over by all alike.
    """
    if routine is None:
        return trusted.nodes
    newer = _in_effect(trusted, routine)
    return tuple(
        _as_the_council_says(root, newer[root.id][-1]) if newer.get(root.id) else root for root in trusted.nodes
    )
