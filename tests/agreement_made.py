"""A small federation of our own making: a council of three, a secretariat of three, nodes with keys that are always the same."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.protocol import agreement, keys, routine
from node.protocol.agreement import Council, HttpKey, LogKeys, Node, Status, Terms
from node.protocol.routine import Consented
from node.protocol.sealed import SealPrivate

NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
TODAY = (NOW.date() - dt.date(1970, 1, 1)).days
EXPIRES = dt.datetime(2028, 1, 1, tzinfo=dt.UTC)
PDF = hashlib.sha256(b"protocollo d'intesa").hexdigest()
TERMS = Terms(("profile/1", "call/1"), 1095, 5, 730, 30)
ROLES = ("http", "log", "witness", "mirror")


def private(name: str) -> Ed25519PrivateKey:
    """The key of that name, always the same."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"key " + name.encode()).digest())


def public(name: str) -> bytes:
    """The public half of the key of that name."""
    return private(name).public_key().public_bytes_raw()


def council(names: Iterable[str], threshold: int) -> Council:
    """The council of the keys of those names."""
    return Council({agreement.council_keyid(public(name)): public(name) for name in names}, threshold)


THREE = ("lecce", "torino", "bari")
OFFICE = ("s1", "s2", "s3")


def seal_of(node_id: str) -> SealPrivate:
    """A node's seal key, both halves."""
    seed = hashlib.sha512(b"seal " + node_id.encode()).digest()
    return SealPrivate(X25519PrivateKey.from_private_bytes(seed[:32]), MLKEM768PrivateKey.from_seed_bytes(seed))


def http_key(node_id: str, number: int = 1, authority: str = "") -> HttpKey:
    """A node's http key of that number."""
    return HttpKey(f"{authority or f'{node_id}.example'}#http-{number}", public(f"{node_id} http {number}"))


def verifier(node_id: str, role: str, number: int = 1) -> keys.Verifier:
    """A node's witness or mirror key of that number."""
    return keys.Verifier(f"{node_id}.example/{role}", keys.COSIGNATURE_TYPE, public(f"{node_id} {role} {number}"))


def origin(node_id: str, epoch: int = 2026) -> str:
    """A node's log of that year."""
    return f"{node_id}.example/federation/log/{epoch}"


def log_verifier(node_id: str, number: int = 1, epoch: int = 2026) -> keys.Verifier:
    """A node's log key of that number, under the name of its log of that year."""
    return keys.Verifier(origin(node_id, epoch), keys.LOG_TYPE, public(f"{node_id} log {number}"))


def node(node_id: str, **changed: Any) -> Node:
    """An active node with one key of each role, admitted a year ago."""
    made = Node(
        id=node_id,
        rev=1,
        name=f"Provincia di {node_id.capitalize()}",
        ipa_code=f"p_{node_id}",
        url=f"https://{node_id}.example",
        territory=("LE",),
        contact=f"reti@{node_id}.example",
        status=Status.ACTIVE,
        since=TODAY - 365,
        http=(http_key(node_id),),
        log=(LogKeys(origin(node_id), (log_verifier(node_id),), None, None),),
        witness=(verifier(node_id, "witness"),),
        mirror=(verifier(node_id, "mirror"),),
        seal=seal_of(node_id).public,
    )
    return replace(made, **changed)


def unsigned(version: int = 1, **changed: Any) -> bytes:
    """A version of the agreement, which nobody has signed."""
    values: dict[str, Any] = {
        "version": version,
        "expires": EXPIRES,
        "council": council(THREE, 2),
        "secretariat": council(OFFICE, 2),
        "nodes": [node("lecce"), node("torino")],
        "quorum": (3, 2),
        "terms": TERMS,
        "pdf_sha256": PDF,
    }
    return agreement.build(**{**values, **changed})


def signed(raw: bytes, names: Sequence[str] = THREE) -> bytes:
    """A document with the signatures of the keys of those names."""
    return agreement.with_signatures(raw, [agreement.sign(raw, private(name)) for name in names])


def root(version: int = 1, by: Sequence[str] = THREE, **changed: Any) -> bytes:
    """A version of the agreement that those have signed."""
    return signed(unsigned(version, **changed), by)


def held_by(*node_ids: str) -> dict[bytes, Ed25519PrivateKey]:
    """The private keys of nodes, nine of each role, by public key."""
    names = [f"{node_id} {role} {number}" for node_id in node_ids for role in ROLES for number in range(1, 10)]
    return {public(name): private(name) for name in names}


def consented(entry: Node, number: int = 1) -> Consented:
    """An entry with the node's own consent, by its http key of that number, and proved by all its keys."""
    return routine.consent(agreement.node_json(entry), private(f"{entry.id} http {number}"), held_by(entry.id))


def changes(
    version: int,
    *entries: Consented,
    by: Sequence[str] = OFFICE,
    expires: dt.datetime = EXPIRES,
    office: Council | None = None,
) -> bytes:
    """A routine document that those of the secretariat have signed; ``office``: the secretariat it is for."""
    named = council(OFFICE, 2) if office is None else office
    return signed(routine.build(version=version, expires=expires, secretariat=named, changes=entries), by)


def proving(node_id: str, numbers: Mapping[str, int] | None = None) -> dict[str, Ed25519PrivateKey]:
    """The private keys of a node with one key of each role, by role."""
    return {role: private(f"{node_id} {role} {(numbers or {}).get(role, 1)}") for role in ROLES}
