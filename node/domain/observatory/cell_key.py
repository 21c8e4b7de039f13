"""Keys of records and of cells: what makes the same contributors give the same number, for ever and in every table.

In: the secret of this node's statistics, and the id of a record. Out: 64 bits that nobody else can compute and that never change; the sum of
those of a cell's records, modulo 2^64. Of a firm without a network, by its tax code: a unit that is the same for ever, whichever of its records come
and go, and that says nothing to whoever has not got the secret. Source: docs/statistics.md 2. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from collections.abc import Iterable
from typing import Final

MODULUS: Final = 2**64
KEY_BYTES: Final = 8
# What the secret is derived for (node/domain/accounts.derive_key).
PURPOSE: Final = "statistics"
_CODE: Final = re.compile(r"[0-9A-Z]{11}|[0-9A-Z]{16}")


def record_key(secret: bytes, record_id: str) -> int:
    """Return the key of a record: the first 8 bytes of HMAC-SHA256 of its UUID."""
    return int.from_bytes(hmac.digest(secret, uuid.UUID(record_id).bytes, hashlib.sha256)[:KEY_BYTES], "big")


def cell_key(keys: Iterable[int]) -> int:
    """Return the key of a cell: the sum of its records' keys, whatever their order."""
    return sum(keys) % MODULUS


def unit_of(secret: bytes, tax_code: str) -> str | None:
    """Return the unit of whoever has this tax code, however it is written; None for what is no code (none given, or erased)."""
    code = "".join(c for c in tax_code.upper() if c.isascii() and c.isalnum())
    if not _CODE.fullmatch(code):
        return None
    # No UUID is as long: no unit can be a record's key.
    mixed = hmac.digest(secret, b"unit:" + code.encode(), hashlib.sha256)
    return str(uuid.UUID(bytes=mixed[:16], version=4))
