"""The public halves of a node's keys, as other nodes write them and as people compare them aloud.

In: the key ring, or one key. Out: a text and a fingerprint. Nothing private passes here. Source: PROTOCOL 7.3, 7.10.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from node.flows.trust.key_ring import KeyRing
from node.protocol import keys
from node.protocol.sealed import SealKey


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of one of this node's keys: its role, its text as other nodes write it, a short print to compare aloud."""

    role: str
    text: str
    fingerprint: str


def current(ring: KeyRing, authority: str, vkey: str) -> list[PublicKey]:
    """Return the keys by which others know this node now, one of each role; ``vkey`` is the newest of its log."""
    keyid, request_key = ring.request_key(authority)
    cosigners = {role: ring.cosigner(role, authority) for role in ("witness", "mirror")}
    public = {role: voice.key.public_key().public_bytes_raw() for role, voice in cosigners.items()}
    public |= {"log": keys.parse_vkey(vkey).public, "http": request_key.public_key().public_bytes_raw()}
    texts = {
        "log": vkey,
        **{r: keys.format_vkey(voice.name, public[r], keys.COSIGNATURE_TYPE) for r, voice in cosigners.items()},
        "http": f"{keyid} {base64.b64encode(public['http']).decode()}",
    }
    shown = [PublicKey(role, text, fingerprint(public[role])) for role, text in texts.items()]
    return [*shown, seal_shown(ring.seal().public)]


def seal_shown(seal: SealKey) -> PublicKey:
    """Return a seal key as others know it."""
    halves = {"x25519": seal.x25519, "mlkem768": seal.mlkem768}
    told = [f"{name} {base64.b64encode(half).decode()}" for name, half in halves.items() if half is not None]
    # One key in two halves: both are in the fingerprint, as they are in the id.
    return PublicKey("seal", " ".join((seal.id, *told)), fingerprint(seal.x25519 + (seal.mlkem768 or b"")))


def fingerprint(public: bytes) -> str:
    """Return SHA-256 of a public key, its first half in groups of four, to be compared by people."""
    digits = hashlib.sha256(public).hexdigest()[:32]
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
