"""The measure of bench/soak.py: a leak is seen beside noise and steps, and what cannot be told from none is not called one."""

from __future__ import annotations

import random

import pytest

from bench.soak import FEW, slope

TIMES = [20.0 * n for n in range(45)]


def measured(mb_per_hour: float, seed: int = 1) -> list[float]:
    """A quarter of an hour of memory: a rise, noise, some wild looks."""
    draw = random.Random(seed)
    found = [130 + mb_per_hour * at / 3600 + draw.gauss(0, 0.05) for at in TIMES]
    for at in draw.sample(range(len(found)), 4):
        found[at] += draw.uniform(3, 9)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_leak_is_seen_beside_noise_and_wild_looks(seed: int) -> None:
    """Five megabytes an hour are missed, none at all is met; the interval holds what is true."""
    leak, none = slope(TIMES, measured(5, seed)), slope(TIMES, measured(0, seed))
    assert (leak.verdict(1.0), none.verdict(1.0)) == ("MISSED", "met")
    assert abs(leak.median - 5) < 0.5
    assert none.low < none.high


def test_what_is_too_noisy_or_too_short_is_not_resolved() -> None:
    """No verdict is drawn from noise, nor from a few looks."""
    draw = random.Random(1)
    assert slope(TIMES, [130 + draw.uniform(-3, 3) for _ in TIMES]).verdict(1.0) == "not resolved"
    assert slope(TIMES[: FEW - 1], measured(50)[: FEW - 1]).verdict(1.0) == "not resolved"


def test_a_value_that_never_moves_has_no_slope() -> None:
    """All ties: the interval is one point."""
    still = slope(TIMES, [130.0] * len(TIMES))
    assert (still.median, still.low, still.high, still.verdict(1.0)) == (0, 0, 0, "met")
