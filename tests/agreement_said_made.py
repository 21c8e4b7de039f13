"""Small agreements, made of values: what the tests of words, pages and findings compare and show."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.protocol import agreement, keys
from node.protocol.agreement import Agreement, Council, HttpKey, LogKeys, Node, Status, Terms
from node.protocol.sealed import SealKey
from tests.profiles_made import NOW

TERMS = Terms(("profile/1",), introductions_days=1095, k_min=5, keep_epochs_days=730, suspended_days=30)
EXPIRES = (NOW + dt.timedelta(days=300)).replace(microsecond=0)
PDF = hashlib.sha256(b"a signed agreement").hexdigest()


def private(name: str) -> Ed25519PrivateKey:
    """The Ed25519 key of a name."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(name: str) -> bytes:
    """Its public half."""
    return private(name).public_key().public_bytes_raw()


def seal(name: str) -> SealKey:
    """The seal key of a name, its first half alone."""
    raw = hashlib.sha256(b"seal" + name.encode()).digest()
    return SealKey.of(X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw(), None)


def council(*names: str, threshold: int) -> Council:
    """A council, or a secretariat, of named keys."""
    publics = [public(name) for name in names]
    return Council({agreement.council_keyid(key): key for key in publics}, threshold)


def cosigner(authority: str, role: str, name: str) -> keys.Verifier:
    """A witness or mirror key."""
    return keys.Verifier(f"{authority}/{role}", keys.COSIGNATURE_TYPE, public(name))


def log_key(origin: str, name: str) -> keys.Verifier:
    """A key of a log."""
    return keys.Verifier(origin, keys.LOG_TYPE, public(name))


def member(node_id: str, name: str = "", **other: Any) -> Node:
    """One node with a key for every role."""
    authority = f"{node_id.lower().replace('_', '-')}.example"
    origin = f"{authority}/federation/log/2026"
    made = Node(
        id=node_id,
        rev=1,
        name=name or f"Ente {node_id}",
        ipa_code=node_id,
        url=f"https://{authority}",
        territory=("075",),
        contact="rete@ente.example",
        status=Status.ACTIVE,
        since=agreement.day_of(NOW) - 100,
        http=(HttpKey(f"{authority}#http-1", public(f"{node_id} http")),),
        log=(LogKeys(origin, (log_key(origin, f"{node_id} log"),), None, None),),
        witness=(cosigner(authority, "witness", f"{node_id} witness"),),
        mirror=(cosigner(authority, "mirror", f"{node_id} mirror"),),
        seal=seal(node_id),
    )
    return replace(made, **other)


NODES = (member("bic_LAZ", "BIC Lazio"), member("p_LE", "Provincia di Lecce"))


def document(version: int = 1, **other: Any) -> Agreement:
    """An agreement of a council of four, three of whom suffice; nobody has signed it."""
    return agreement.parse(raw(version, **other))


def raw(version: int = 1, **other: Any) -> bytes:
    """The bytes of such an agreement."""
    values: dict[str, Any] = {
        "version": version,
        "expires": EXPIRES,
        "council": council("uno", "due", "tre", "quattro", threshold=3),
        "secretariat": council("sei", "sette", "otto", threshold=2),
        "nodes": NODES,
        "quorum": (3, 2),
        "terms": TERMS,
        "pdf_sha256": PDF,
    }
    return agreement.build(**{**values, **other})


def signed(document: bytes, *names: str) -> bytes:
    """A document with the signatures of named keys beside its own."""
    return agreement.with_signatures(document, [agreement.sign(document, private(name)) for name in names])
