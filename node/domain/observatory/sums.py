"""Sums of amounts: withheld where they would betray somebody, else told with every contribution moved.

In: what each contributor gives (cents) and its key; for a sum that is told again also what each gave before. Out: the sum in euro that is told, 0
where none is; whether it may be told after the one before. Rules: fewer than 3 contributors, or one whose amount the second greatest could tell
to less than p per cent by taking away its own (p% rule): withheld; else each amount is moved by 10 to 15 per cent, up or down as its
contributor's key says and for ever, by how much as that key says with all that contribute and what they give; the sum is
rounded to whole thousands. A sum that is told after another tells their difference: so the changes have to pass the
same rule. Nothing tells a sum that is withheld from one of nothing. Source: docs/statistics.md 4. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Final

CONTRIBUTORS_MIN: Final = 3
P_PER_CENT: Final = 10
# Less than this of its own amount, before or after, is no change of a contributor: a cent would make one of anybody.
CHANGE_MIN_PER_CENT: Final = 10
MOVE_MIN_PER_MILLE, MOVE_MAX_PER_MILLE = 100, 150
ROUND_EURO: Final = 1000
WITHHELD: Final = 0


def is_sensitive(amounts: Collection[int]) -> bool:
    """Tell whether a sum of these amounts would betray a contributor."""
    if len(amounts) < CONTRIBUTORS_MIN:
        return True
    ranked = sorted(amounts, reverse=True)
    return sum(ranked[2:]) * 100 < P_PER_CENT * ranked[0]


def may_follow(amounts: Collection[tuple[int, int]]) -> bool:
    """Tell whether the difference of two sums would betray nobody: (cents before, cents now) of each contributor.

    Great changes have to hide each other without the small ones, and no small one of somebody great may stand out among all.
    """
    changes = [(abs(now - before), max(before, now)) for before, now in amounts if before != now]
    real = [change for change, amount in changes if change * 100 >= CHANGE_MIN_PER_CENT * amount]
    return not is_sensitive(real) and not is_sensitive([change for change, _ in changes])


def release_key(amounts: Sequence[tuple[int, int]]) -> int:
    """Return what is drawn from: 64 bits that are the same for the same (key, cents) pairs in any order, and for no others."""
    text = ";".join(f"{key}:{cents}" for key, cents in sorted(amounts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def move_per_mille(key: int, release: int) -> int:
    """Return by how many thousandths a contribution is moved in a release, negative for down."""
    mixed = hashlib.sha256(key.to_bytes(8, "big") + release.to_bytes(8, "big")).digest()
    size = MOVE_MIN_PER_MILLE + int.from_bytes(mixed[:8], "big") % (MOVE_MAX_PER_MILLE - MOVE_MIN_PER_MILLE + 1)
    return size if key >> 63 else -size


def told(amounts: Sequence[tuple[int, int]]) -> int:
    """Return the sum in euro that is told of (key, cents) pairs; ``WITHHELD`` for none."""
    given = [(key, cents) for key, cents in amounts if cents > 0]
    if is_sensitive([cents for _, cents in given]):
        return WITHHELD
    release = release_key(given)
    thousandths = sum(cents * (1000 + move_per_mille(key, release)) for key, cents in given)
    step = 1000 * 100 * ROUND_EURO
    return (thousandths + step // 2) // step * ROUND_EURO
