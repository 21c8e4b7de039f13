"""Sums of amounts: withheld where they would betray somebody, else told with the greatest contributions moved.

In: what each contributor gives (cents), its key, the key of the cell. Out: the sum in euro that is told, 0 where none is. Rules: fewer than 3
contributors, or one whose amount the second greatest could tell to less than p per cent by taking away its own (p% rule): withheld; else the
two greatest are moved by 10 to 15 per cent, up or down as their own keys say and for ever, by how much as the cell's key says with theirs,
and the sum is rounded to whole thousands. Nothing tells a sum that is withheld from one of nothing. Source: docs/statistics.md 4. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

CONTRIBUTORS_MIN: Final = 3
P_PER_CENT: Final = 10
MOVED: Final = 2
MOVE_MIN_PER_MILLE, MOVE_MAX_PER_MILLE = 100, 150
ROUND_EURO: Final = 1000
WITHHELD: Final = 0


def is_sensitive(amounts: Sequence[int]) -> bool:
    """Tell whether a sum of these amounts would betray a contributor."""
    if len(amounts) < CONTRIBUTORS_MIN:
        return True
    ranked = sorted(amounts, reverse=True)
    return sum(ranked[2:]) * 100 < P_PER_CENT * ranked[0]


def move_per_mille(key: int, cell_key: int) -> int:
    """Return by how many thousandths a contribution is moved in a cell, negative for down."""
    mixed = hashlib.sha256(key.to_bytes(8, "big") + cell_key.to_bytes(8, "big")).digest()
    size = MOVE_MIN_PER_MILLE + int.from_bytes(mixed[:8], "big") % (MOVE_MAX_PER_MILLE - MOVE_MIN_PER_MILLE + 1)
    return size if key >> 63 else -size


def told(amounts: Sequence[tuple[int, int]], cell_key: int) -> int:
    """Return the sum in euro that is told of (key, cents) pairs; ``WITHHELD`` for none.

    Of equal amounts the greater key goes first, so that the order in which they came says nothing.
    """
    given = [(cents, key) for key, cents in amounts if cents > 0]
    if is_sensitive([cents for cents, _ in given]):
        return WITHHELD
    ranked = sorted(given, reverse=True)
    moved = sum(cents * move_per_mille(key, cell_key) for cents, key in ranked[:MOVED])
    thousandths = 1000 * sum(cents for cents, _ in ranked) + moved
    step = 1000 * 100 * ROUND_EURO
    return (thousandths + step // 2) // step * ROUND_EURO
