"""The agreement's document, between bytes and value: its form alone, no signatures (PROTOCOL 7.1-7.4).

In: a TUF Root as received, or values. Out: an ``Agreement``; or the bytes of a version that nobody has signed yet. Rules: the four TUF roles
are the council (root, snapshot, timestamp) and the secretariat (targets); keys are Ed25519 under TUF's own ids, so that no key has two
names; every public key, and each half of a seal key, stands once in the whole document, so that no voice counts twice; a node's address
and its logs are under no other node's authority.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from node.errors import N_, CallerError, PeerWrongError
from node.protocol import agreement_node, keys, limits, metadata
from node.protocol.agreement_values import Agreement, Council, Node, Status, Terms
from node.protocol.metadata import fields, from_peer, items, malformed, text, whole

ROLES = ("root", "snapshot", "targets", "timestamp")
_EXTENSION = ("agreement_sha256", "nodes", "quorum", "terms")
_TERMS = ("data", "introductions_days", "k_min", "keep_epochs_days", "suspended_days")
_HEX_32 = re.compile(r"[0-9a-f]{64}")
_TYPE = re.compile(r"[a-z][a-z_-]{0,30}/[1-9][0-9]{0,3}")
_TYPES_MAX = 32
_DAYS_MAX = 36_500
_K_LEAST, _K_MOST = 5, 1_000
# From where to where each number of the terms goes.
TERM_BOUNDS: Final = {
    "introductions_days": (1, _DAYS_MAX),
    "k_min": (_K_LEAST, _K_MOST),
    "keep_epochs_days": (1, _DAYS_MAX),
    "suspended_days": (1, _DAYS_MAX),
}
_WITNESSES_MAX = 9


def _reused(where: str) -> PeerWrongError:
    return PeerWrongError(
        "agreement-key-reused", N_("la stessa chiave compare due volte nel protocollo d'intesa"), where=where[:200]
    )


def council_keyid(public: bytes) -> str:
    """Return TUF's id of a raw Ed25519 public key. Raises: CallerError(key-bad | key-low-order)."""
    return metadata.key_of(keys.check_public(public)).keyid


def _public(keyid: str, value: Any) -> bytes:
    fields(value, ("keytype", "keyval", "scheme"), "keys")
    public = fields(value["keyval"], ("public",), "keys")["public"]
    if (value["keytype"], value["scheme"]) != ("ed25519", "ed25519"):
        raise malformed("keys")
    raw = bytes.fromhex(text(public, _HEX_32, "keys"))
    try:
        own_id = council_keyid(raw)
    except CallerError as error:
        raise from_peer(error, keyid) from error
    if own_id != keyid:
        raise malformed("keys")
    return raw


def _role(value: Any, name: str, publics: Mapping[str, bytes], least: int) -> Council:
    fields(value, ("keyids", "threshold"), name)
    keyids = items(value["keyids"], least, limits.AGREEMENT_COUNCIL_KEYS, name)
    if any(type(keyid) is not str or keyid not in publics for keyid in keyids) or len(set(keyids)) != len(keyids):
        raise malformed(name)
    return Council(
        {keyid: publics[keyid] for keyid in sorted(keyids)}, whole(value["threshold"], 1, max(1, len(keyids)), name)
    )


def _councils(body: Mapping[str, Any]) -> tuple[Council, Council]:
    """Return the council and the secretariat."""
    publics = {keyid: _public(keyid, value) for keyid, value in body["keys"].items()}
    roles = fields(body["roles"], ROLES, "roles")
    council = _role(roles["root"], "root", publics, 1)
    secretariat = _role(roles["targets"], "targets", publics, 0)
    for name in ("snapshot", "timestamp"):
        if _role(roles[name], name, publics, 1) != council:
            raise malformed(name)
    both = council.keys.keys() & secretariat.keys.keys()
    if both:
        raise _reused(min(both))
    if council.keys.keys() | secretariat.keys.keys() != publics.keys():
        raise malformed("keys")
    return council, secretariat


def _term(value: Any, name: str) -> int:
    least, most = TERM_BOUNDS[name]
    return whole(value[name], least, most, name)


def _terms(value: Any) -> Terms:
    fields(value, _TERMS, "terms")
    listed = tuple(text(item, _TYPE, "data") for item in items(value["data"], 1, _TYPES_MAX, "data"))
    if len(set(listed)) != len(listed):
        raise malformed("data")
    return Terms(
        data=listed,
        introductions_days=_term(value, "introductions_days"),
        k_min=_term(value, "k_min"),
        keep_epochs_days=_term(value, "keep_epochs_days"),
        suspended_days=_term(value, "suspended_days"),
    )


def _quorum(value: Any) -> tuple[int, int]:
    fields(value, ("k", "q"), "quorum")
    witnesses = whole(value["k"], 1, _WITNESSES_MAX, "quorum")
    return witnesses, whole(value["q"], 1, witnesses, "quorum")


def _nodes(value: Any) -> tuple[Node, ...]:
    found = tuple(agreement_node.node_of(item) for item in items(value, 0, limits.AGREEMENT_NODES, "nodes"))
    ids = [node.id for node in found]
    if ids != sorted(set(ids)):
        raise malformed("nodes")
    return found


def check_nodes(nodes: Iterable[Node], seen: Iterable[bytes] = ()) -> None:
    """Refuse nodes that share a key with another, or with ``seen``, or an authority.

    Raises: PeerWrongError(agreement-key-reused | agreement-malformed).
    """
    used = set(seen)
    owners: dict[str, str] = {}
    for node in nodes:
        for public in agreement_node.publics_of(node):
            if public in used:
                raise _reused(node.id)
            used.add(public)
        # What is named after a node stays its own for ever; the address alone of one that left may be given to another.
        names = (*node.origins, *(verifier.name for verifier in (*node.witness, *node.mirror)))
        named = {agreement_node.authority_of(name) for name in names}
        if node.status is not Status.LEFT:
            named.add(node.authority)
        for authority in named:
            if owners.setdefault(authority, node.id) != node.id:
                raise malformed(f"{node.id}: url")


def parse(raw: bytes) -> Agreement:
    """Return a version in its right form, whoever signed it.

    Raises: PeerWrongError(agreement-too-large | agreement-malformed | agreement-key-reused | key-low-order | key-bad | vkey-malformed |
    seal-key-bad | seal-key-low-order).
    """
    document = metadata.read(raw, metadata.ROOT, metadata.ROOT_KEYS)
    if document.body["consistent_snapshot"] is not True:
        raise malformed("consistent_snapshot")
    council, secretariat = _councils(document.body)
    extension = fields(document.body["x-rete"], _EXTENSION, "x-rete")
    nodes = _nodes(extension["nodes"])
    # Two ids of one council key are refused with the ids: each is computed from its key.
    check_nodes(nodes, (*council.keys.values(), *secretariat.keys.values()))
    return Agreement(
        version=document.version,
        expires=document.expires,
        council=council,
        secretariat=secretariat,
        nodes=nodes,
        quorum=_quorum(extension["quorum"]),
        terms=_terms(extension["terms"]),
        pdf_sha256=text(extension["agreement_sha256"], _HEX_32, "agreement_sha256"),
        signed=document.signed,
        raw=raw,
        signatures=document.signatures,
    )


def _role_json(council: Council) -> dict[str, Any]:
    return {"keyids": sorted(council.keys), "threshold": council.threshold}


def build(
    *,
    version: int,
    expires: dt.datetime,
    council: Council,
    secretariat: Council,
    nodes: Iterable[Node],
    quorum: tuple[int, int],
    terms: Terms,
    pdf_sha256: str,
) -> bytes:
    """Return the bytes of a version that nobody has signed yet. Raises: CallerError, with the codes of ``parse``."""
    publics = {**council.keys, **secretariat.keys}
    raw = metadata.unsigned(
        metadata.ROOT,
        version,
        expires,
        {
            "consistent_snapshot": True,
            "keys": {
                keyid: {"keytype": "ed25519", "keyval": {"public": public.hex()}, "scheme": "ed25519"}
                for keyid, public in publics.items()
            },
            "roles": {name: _role_json(secretariat if name == "targets" else council) for name in ROLES},
            "x-rete": {
                "agreement_sha256": pdf_sha256,
                "nodes": [agreement_node.node_json(node) for node in sorted(nodes, key=lambda node: node.id)],
                "quorum": {"k": quorum[0], "q": quorum[1]},
                "terms": {
                    "data": list(terms.data),
                    "introductions_days": terms.introductions_days,
                    "k_min": terms.k_min,
                    "keep_epochs_days": terms.keep_epochs_days,
                    "suspended_days": terms.suspended_days,
                },
            },
        },
    )
    try:
        parse(raw)
    except PeerWrongError as error:
        raise metadata.refused_to_caller(error) from error
    return raw
