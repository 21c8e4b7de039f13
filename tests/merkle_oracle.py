"""The Merkle tree by its definition (RFC 6962 2.1), to hold the program's against: nothing here is shared with it."""

from __future__ import annotations

import hashlib


def mth(hashes: list[bytes]) -> bytes:
    """The Merkle tree hash over leaf hashes, by its definition."""
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + mth(hashes[:split]) + mth(hashes[split:])).digest()
