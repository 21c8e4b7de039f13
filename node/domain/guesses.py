"""The attacks on what was published, as guesses: how often the first one is right, and whether an order tells another.

In: guesses that somebody made and which were right; positions and what they might follow. Out: a share against its bound, or
how far an order is from chance. A few right guesses are luck: a bound of shares counts as broken only where the share is
above it and chance would hardly bring it there. Source: docs/rules.md, Attacks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

TEXT, SIZE, ORDER = "text", "size", "order"
# A share above its bound that a fair guesser at the bound would reach this rarely is no luck.
LUCK = 0.05
# Two orders further apart from chance than so many standard deviations tell of each other (one in 15,000 by chance).
DEVIATIONS = 4.0


@dataclass(frozen=True, slots=True)
class Guesses:
    """First guesses of one attack: how many, how many right (a tie counts its part), what blind guessing would give."""

    attack: str
    tried: int
    right: float
    chance: float
    bound: float

    @property
    def share(self) -> float | None:
        """The part that was right."""
        return self.right / self.tried if self.tried else None

    @property
    def broken(self) -> bool:
        """Whether more were right than may be, and not by luck."""
        return self.right > self.bound * self.tried and _at_least(self.right, self.tried, self.bound) < LUCK


def _at_least(hits: float, tried: int, share: float) -> float:
    """Return how probable ``hits`` or more of ``tried`` are at a share: the binomial's upper tail."""
    if share >= 1:
        return 1.0
    # A part of a hit, of a tie, counts for luck.
    whole = math.floor(hits + 1e-9)
    one, other = math.log(share), math.log1p(-share)
    terms = (
        math.lgamma(tried + 1) - math.lgamma(n + 1) - math.lgamma(tried - n + 1) + n * one + (tried - n) * other
        for n in range(whole, tried + 1)
    )
    return math.fsum(map(math.exp, terms))


@dataclass(frozen=True, slots=True)
class Order:
    """How far the order inside the rounds follows another: pairs compared, and standard deviations from chance."""

    attack: str
    tried: int
    deviations: float | None
    follows: str | None
    bound: float = DEVIATIONS

    @property
    def broken(self) -> bool:
        """Whether it follows."""
        return self.deviations is not None and abs(self.deviations) > self.bound


def concordance(rounds: Sequence[Sequence[float | str]]) -> tuple[int, float | None]:
    """Return (pairs, deviations from chance) of values that stand in the order of their rounds.

    Kendall's S, summed over rounds: pairs that rise minus pairs that fall; without ties its variance by chance is
    n(n-1)(2n+5)/18. Ties say nothing and make it smaller, so that the answer errs towards silence by little.
    """
    pairs, score, variance = 0, 0, 0.0
    for values in rounds:
        number = len(values)
        ranks = _ranks(values)
        rising = sum((a < b) - (a > b) for at, a in enumerate(ranks) for b in ranks[at + 1 :])
        pairs += number * (number - 1) // 2
        score += rising
        variance += number * (number - 1) * (2 * number + 5) / 18
    return pairs, (score / math.sqrt(variance) if variance else None)


def _ranks(values: Sequence[float | str]) -> list[int]:
    places = {value: rank for rank, value in enumerate(sorted(set(values)))}
    return [places[value] for value in values]


def nearest(sizes: Sequence[float], told: float) -> list[int]:
    """Return the positions of the sizes nearest to ``told``."""
    best = min((abs(size - told) for size in sizes), default=0.0)
    return [at for at, size in enumerate(sizes) if abs(size - told) <= best]
