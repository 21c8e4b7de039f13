"""How much the random and the long tests try: less in ``make test``, all of it with RETE_FULL=1 (``make prove``, ``make test-all``)."""

from __future__ import annotations

import os

FULL = os.environ.get("RETE_FULL", "") not in ("", "0")


def size(quick: int, full: int) -> int:
    """The one in ``make test``, which can still fail; the other where there is time."""
    return full if FULL else quick
