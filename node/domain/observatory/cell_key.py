"""Keys of records and of cells: what makes the same contributors give the same number, for ever and in every table.

In: the secret of this node's statistics, and the id of a record. Out: 64 bits that nobody else can compute and that never change; the sum of
those of a cell's records, modulo 2^64. Source: docs/statistics.md 2. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Iterable
from typing import Final

MODULUS: Final = 2**64
KEY_BYTES: Final = 8
# What the secret is derived for (node/domain/accounts.derive_key).
PURPOSE: Final = "statistics"


def record_key(secret: bytes, record_id: str) -> int:
    """Return the key of a record: the first 8 bytes of HMAC-SHA256 of its UUID."""
    return int.from_bytes(hmac.digest(secret, uuid.UUID(record_id).bytes, hashlib.sha256)[:KEY_BYTES], "big")


def cell_key(keys: Iterable[int]) -> int:
    """Return the key of a cell: the sum of its records' keys, whatever their order."""
    return sum(keys) % MODULUS
