"""Check an inconsistency proof with nothing of ours: ``python check_inconsistency.py PROOF.json VKEY``.

Exit 0: the log of that key signed two checkpoints that can't both be true. Exit 1: the file does not show it.
Written from the formats' documents alone: what it and the product both accept is what is meant.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def decode(text: str, length: int) -> bytes:
    """Return exactly ``length`` bytes of canonical base64."""
    raw = base64.b64decode(text, validate=True)
    if len(raw) != length or base64.b64encode(raw).decode() != text:
        raise ValueError(text)
    return raw


def checkpoint(signed: str, origin: str, vkey: str) -> tuple[int, bytes]:
    """Return the size and root of a note that the key signed over this origin."""
    name, key_id, key = vkey.split("+", 2)
    public = decode(key, 33)
    made = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4]
    text, _, signatures = signed.rpartition("\n\n")
    *lines, last = signatures.split("\n")
    own = [line.split(" ")[2] for line in lines if line.startswith(f"\u2014 {name} ")]
    mine, *_ = [blob for blob in own if base64.b64decode(blob, validate=True)[:4] == made]
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(decode(mine, 68)[4:], text.encode() + b"\n")
    first, size, root = text.split("\n")
    if (name, first, public[0], made.hex(), str(int(size)), last) != (origin, origin, 1, key_id, size, ""):
        raise ValueError(text)
    return int(size), decode(root, 32)


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 6962 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def roots(old: int, new: int, hashes: list[bytes]) -> tuple[bytes, bytes]:
    """Return the roots of the first ``old`` and of all ``new`` leaves, undoing SUBPROOF of RFC 6962 2.1.2."""
    if old == new:
        (only,) = hashes
        return only, only
    *rest, last = hashes
    split = 1 << ((new - 1).bit_length() - 1)
    if old <= split:
        first, second = roots(old, split, rest)
        return first, node(second, last)
    first, second = roots(old - split, new - split, rest)
    return node(last, first), node(last, second)


def contradicts(raw: bytes, vkey: str) -> bool:
    """Tell whether the file shows that the log lied."""
    proof = json.loads(raw)
    if json.dumps(proof, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() != raw:
        return False
    hashes = [decode(text, 32) for text in proof["proof"]]
    (old, before), (new, after) = (checkpoint(proof[name], proof["origin"], vkey) for name in ("cp_old", "cp_new"))
    if not 0 < old < new:
        return old == new and before != after and not hashes
    first, second = roots(old, new, hashes)
    return second == after and first != before


if __name__ == "__main__":
    try:
        sys.exit(0 if contradicts(Path(sys.argv[1]).read_bytes(), sys.argv[2]) else 1)
    except (ValueError, KeyError, IndexError, TypeError, InvalidSignature):
        sys.exit(1)
