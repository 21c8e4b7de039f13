"""A case by the beginning of its identifier, as people read it from a list and type it.

In: hexadecimal digits, with or without hyphens. Out: the whole identifier of the one case that begins so.
"""

from __future__ import annotations

import re
import uuid
from typing import Final

from node.errors import N_, CallerError
from node.flows.introductions import casework
from node.flows.introductions.casework import Office
from node.store import introductions
from node.store.postgres import acquire

# Shorter ones name another case tomorrow.
_SHORTEST: Final = 6
_DIGITS: Final = 32
_HEX: Final = re.compile(rf"[0-9a-f]{{{_SHORTEST},{_DIGITS}}}")


async def whole_id(office: Office, text: str) -> str:
    """Return the identifier that begins with ``text``. Raises: introduction-unknown, introduction-ambiguous."""
    digits = text.strip().lower().replace("-", "")
    if not _HEX.fullmatch(digits):
        raise casework.unknown(text)
    first, last = (str(uuid.UUID(digits.ljust(_DIGITS, filler))) for filler in "0f")
    async with acquire(office.pool) as conn:
        found = await introductions.beginning(conn, first, last)
    if not found:
        raise casework.unknown(text)
    if len(found) > 1:
        raise CallerError(
            "introduction-ambiguous",
            N_("più contatti cominciano con «{beginning}»"),
            hint=N_("scrivere qualche cifra in più dell'identificativo"),
            beginning=text[:60],
        )
    return found[0]
