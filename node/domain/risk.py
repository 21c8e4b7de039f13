"""Re-identification risks as statisticians name them, of a sample of profiles against the population that hides them.

In: for each profile the networks it may be, and the class of profiles that look alike. Out: three risks and the measures of
the sample alone. Journalist: who picks any profile is right one time in F, its networks in the register. Marketer: how many
of all would be right. Prosecutor: who knows that a network has a profile here is right one time in f, the profiles alike;
the rule of this house bounds the first two (k-map), not the third: an administration's own few records hide nobody.
Source: docs/rules.md P; Sweeney 2002 (k-map), El Emam and Dankar 2008 (the three names).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Risks:
    """Greatest and mean risk of one profile; ``marketer`` is the part of all that would be found, by the population."""

    journalist: float
    marketer: float
    prosecutor: float
    prosecutor_mean: float


def risks(hidden_by: Sequence[int], alike: Sequence[Hashable]) -> Risks | None:
    """Return the risks of profiles by how many networks hide each (0 counts as found) and what they look like."""
    if not hidden_by:
        return None
    single = [1 / max(1, networks) for networks in hidden_by]
    classes = Counter(alike)
    own = [1 / classes[look] for look in alike]
    return Risks(max(single), math.fsum(single) / len(single), max(own), math.fsum(own) / len(own))


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample by itself: k-anonymity, distinct and entropy l-diversity (whole part), and alpha of (alpha, k)-anonymity."""

    profiles: int
    classes: int
    k: int
    distinct: int
    entropy: int
    alpha: float


def sample(alike: Sequence[Hashable], sensitive: Sequence[str]) -> Sample | None:
    """Return the measures of profiles by what they look like and what they say that is sensitive."""
    if not alike:
        return None
    groups: defaultdict[Hashable, Counter[str]] = defaultdict(Counter)
    for look, said in zip(alike, sensitive, strict=True):
        groups[look][said] += 1
    shares = [[n / group.total() for n in group.values()] for group in groups.values()]
    # Rounding must not take a whole number for a little less.
    entropies = [math.exp(-math.fsum(p * math.log(p) for p in of)) + 1e-9 for of in shares]
    return Sample(
        profiles=len(alike),
        classes=len(groups),
        k=min(group.total() for group in groups.values()),
        distinct=min(map(len, groups.values())),
        entropy=int(min(entropies)),
        alpha=max(map(max, shares)),
    )
