"""Observers who want the amount of one network from the sums that are told, against three ways of telling these.

The observer knows every other amount of the cell, before and after, and all rules; not the node's secret, nor the one amount. It sees two sums (or
twelve), takes away what it knows, and says an amount; where the sum was not told anew it has nothing to go by. It may also guess
that the amount was moved up, or down, and undo that. Judged by the best of the three: how far off it is in the middle of all draws,
and how often no more than a tenth.

``two``: the two greatest are moved, each its own way for ever, and any three that changed let the sum be told anew. ``anew``: they are moved another
way in each release; changes are held to the node's rule. ``all``: as the node does it.
"""

from __future__ import annotations

import hashlib
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from node.domain.observatory import lazy, sums
from node.domain.observatory.lazy import Part, Parts
from node.domain.observatory.plan import PLAN, telling_of
from tests.statistics_attacked import ident

METHODS = ("two", "anew", "all")
PLACE = ("ITF4", "contract")
# The amount is to be missed by a tenth in the middle, and hit to a tenth no more often than by a coin.
MISSED_MIN, HIT_MAX = 0.10, 0.5
NEAR = 0.10
UNDONE = (1.0, 1.125, 0.875)
RELEASES = 12
# Cents by network.
World = Mapping[str, int]
# Of a trial's generator: what contributes at each release, and whose amount is wanted.
Play = Callable[[random.Random], tuple[Sequence[World], str]]


@dataclass(frozen=True, slots=True)
class Found:
    """How far off the best observer is in the middle, and how often within a tenth."""

    missed: float
    hit: float

    @property
    def is_held(self) -> bool:
        """Whether that is within the aim."""
        return self.missed >= MISSED_MIN and self.hit <= HIT_MAX


def funds(rng: random.Random, count: int) -> dict[str, int]:
    """Networks with funds as they are: many small, some great."""
    return {ident(rng): round(100 * rng.lognormvariate(10.5, 0.7)) for _ in range(count)}


def by_a_cent(rng: random.Random) -> tuple[Sequence[World], str]:
    """Two others are altered by a cent when the newcomer comes: among eight of 50,000 euro, two of them of twice that."""
    before = {ident(rng): 10_000_000 if n < 2 else 5_000_000 for n in range(8)}
    newcomer, altered = ident(rng), list(before)[-2:]
    return [before, before | {name: before[name] + 1 for name in altered} | {newcomer: 9_000_000}], newcomer


def a_little(rng: random.Random) -> tuple[Sequence[World], str]:
    """Two others change by an eighth of what they have, known to the observer."""
    before = funds(rng, rng.randint(4, 12))
    changed = rng.sample(sorted(before), 2)
    newcomer = ident(rng)
    return [before, before | {n: before[n] * 9 // 8 for n in changed} | funds_of(rng, newcomer)], newcomer


def beside(others: int) -> Play:
    """So many others come with the newcomer, known to the observer."""

    def play(rng: random.Random) -> tuple[Sequence[World], str]:
        before, newcomer = funds(rng, rng.randint(4, 12)), ident(rng)
        return [before, before | funds(rng, others) | funds_of(rng, newcomer)], newcomer

    return play


def one_for_another(rng: random.Random) -> tuple[Sequence[World], str]:
    """Two known ones go when the newcomer comes."""
    before, newcomer = funds(rng, rng.randint(6, 12)), ident(rng)
    gone = set(rng.sample(sorted(before), 2))
    return [before, {n: c for n, c in before.items() if n not in gone} | funds_of(rng, newcomer)], newcomer


def for_years(rng: random.Random) -> tuple[Sequence[World], str]:
    """Over three years others come and go, all known; the greatest stays, and its amount is averaged out of all sums."""
    worlds: list[World] = [funds(rng, 9)]
    wanted = max(worlds[0], key=lambda name: worlds[0][name])
    while len(worlds) < RELEASES:
        last = worlds[-1]
        gone = set(rng.sample(sorted(set(last) - {wanted}), 3))
        worlds.append({name: cents for name, cents in last.items() if name not in gone} | funds(rng, 3))
    return worlds, wanted


def funds_of(rng: random.Random, name: str) -> dict[str, int]:
    """One network's fund."""
    return {name: next(iter(funds(rng, 1).values()))}


ATTACKS: Mapping[str, Play] = {
    "two altered by a cent": by_a_cent,
    "two altered by an eighth": a_little,
    "two others come": beside(2),
    "three others come": beside(3),
    "two others go": one_for_another,
    "the greatest, averaged over three years": for_years,
}


def _key(secret: bytes, text: str) -> int:
    return int.from_bytes(hashlib.sha256(secret + text.encode()).digest()[:8], "big")


def _telling(method: str, secret: bytes) -> lazy.Telling:
    if method == "all":
        return telling_of(PLAN["common-fund"], secret)

    def two_greatest(parts: Parts) -> int:
        given = sorted(((part.amount, _key(secret, unit)) for unit, part in parts.items()), reverse=True)
        if sums.is_sensitive([cents for cents, _ in given]):
            return sums.WITHHELD
        release = _key(secret, ";".join(sorted(parts)))
        moved = 0
        for cents, key in given[:2]:
            # Another way in each release: the sign hangs on the release too.
            drawn = _key(secret, f"{key} {release}") if method == "anew" else key
            moved += cents * sums.move_per_mille(drawn, release)
        total = 1000 * sum(cents for cents, _ in given) + moved
        return round(total / 100_000_000) * 1000

    enough = telling_of(PLAN["common-fund"], secret).enough if method == "anew" else lazy.are_three
    return lazy.Telling(two_greatest, enough)


def attacked(name: str, method: str, trials: int, seed: int = 1) -> Found:
    """Play an attack; return what the best observer has."""
    rng = random.Random(f"{name} {seed}")
    errors: dict[float, list[float]] = {undone: [] for undone in UNDONE}
    for _ in range(trials):
        worlds, wanted = ATTACKS[name](rng)
        seen = _published(method, worlds, rng.randbytes(32))
        amount = worlds[-1][wanted]
        guess = _averaged(worlds, seen, wanted) if len(worlds) > 2 else _difference(worlds, seen, wanted)
        for undone in UNDONE:
            errors[undone].append(abs(guess / undone - amount) / amount)
    return Found(
        min(statistics.median(found) for found in errors.values()),
        max(sum(error <= NEAR for error in found) / trials for found in errors.values()),
    )


def _published(method: str, worlds: Sequence[World], secret: bytes) -> list[tuple[World, int]]:
    """Of each release what the number is based on (the observer works out whether it was told anew), and the number in cents."""
    telling, state, seen = _telling(method, secret), None, []
    for world in worlds:
        state = lazy.release(state, {PLACE: {name: Part(name, cents) for name, cents in world.items()}}, telling)
        cell = state[PLACE]
        seen.append(({name: part.amount for name, part in cell.base.items()}, cell.value * 100))
    return seen


def _difference(worlds: Sequence[World], seen: Sequence[tuple[World, int]], wanted: str) -> float:
    (_, before), (base, now) = seen
    if wanted not in base or not before or not now:
        return 0
    others = sum(cents for name, cents in worlds[1].items() if name != wanted)
    return now - before - (others - sum(worlds[0].values()))


def _averaged(worlds: Sequence[World], seen: Sequence[tuple[World, int]], wanted: str) -> float:
    told = {
        value: value - sum(cents for name, cents in base.items() if name != wanted) for base, value in seen if value
    }
    return statistics.fmean(told.values()) if told else 0


def cost(method: str, count: int, trials: int, seed: int = 1) -> float:
    """How far a told sum of so many funds is from the true one, on average, as a share of it."""
    rng = random.Random(f"cost {seed}")
    off = []
    while len(off) < trials:
        world = funds(rng, count)
        ((_, told),) = _published(method, [world], rng.randbytes(32))
        if told:
            off.append(abs(told - sum(world.values())) / sum(world.values()))
    return statistics.fmean(off)
