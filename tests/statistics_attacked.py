"""Observers who try to see one record behind the numbers of tier 2, against three ways of telling these.

An attack is played twice in each trial, in a world without the record's step and in one with it; all else is the same, and the observer knows
all of it (the strongest observer there is, but for the record itself). The observer sees every number that was published, learns
from half of the trials which sights go with which world, and is judged on the other half: its **advantage** is how much
more often it says "yes" where yes is true than where it is not. 0 is guessing, 1 is knowing.

``threshold``: numbers below 3 are held back. ``keys``: cell keys, told anew at each release. ``both``: as the node does it.
"""

from __future__ import annotations

import itertools
import random
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from node.domain.observatory import lazy, ptable
from node.domain.observatory.lazy import Part, Parts, Place
from node.domain.observatory.plan import PLAN, telling_of

TABLE = PLAN["networks-by-status"]
CELL, OTHER, THIRD = ("ITF4", "registered"), ("ITF4", "potential"), ("ITF4", "signed")
METHODS = ("threshold", "keys", "both")
AIM = 0.05
World = dict[Place, set[str]]
# What an observer sees at one release: the number of each cell.
Sight = Mapping[Place, int]
# Of a trial's generator: the worlds of each release without the step, and with it.
Play = Callable[[random.Random], tuple[Sequence[World], Sequence[World]]]
Look = Callable[[Sequence[Sight]], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack: the worlds it is played in, and what of the sights the observer goes by; ``limit``: told, not held to the aim."""

    name: str
    play: Play
    look: Look
    limit: bool = False


def ident(rng: random.Random) -> str:
    """A random record."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def office(rng: random.Random) -> World:
    """An office with few to middling numbers in three cells."""
    return {cell: {ident(rng) for _ in range(rng.randint(0, 12))} for cell in (CELL, OTHER, THIRD)}


def with_step(world: World, cell: Place, *records: str) -> World:
    """The same with records in a cell."""
    return {place: held | set(records) if place == cell else held for place, held in world.items()}


def without(world: World, *records: str) -> World:
    """The same without records."""
    return {place: held - set(records) for place, held in world.items()}


def changes(sights: Sequence[Sight]) -> tuple[int, ...]:
    """Go by how far each cell moved from release to release."""
    pairs = itertools.pairwise(sights)
    return tuple(after.get(c, 0) - before.get(c, 0) for before, after in pairs for c in (CELL, OTHER, THIRD))


def newest(sights: Sequence[Sight]) -> tuple[int, ...]:
    """Go by the number of the cell."""
    return (sights[-1].get(CELL, 0),)


def total(sight: Sight) -> int:
    """The observer's own sum over the cells of a region: the node tells none."""
    return sum(sight.values())


def added(rng: random.Random) -> tuple[Sequence[World], Sequence[World]]:
    """A record comes."""
    world = office(rng)
    return [world, world], [world, with_step(world, CELL, ident(rng))]


def removed(rng: random.Random) -> tuple[Sequence[World], Sequence[World]]:
    """A record goes."""
    world, record = office(rng), ident(rng)
    there = with_step(world, CELL, record)
    return [there, there], [there, world]


def moved(rng: random.Random) -> tuple[Sequence[World], Sequence[World]]:
    """A record is edited: it goes from one cell to another."""
    world, record = office(rng), ident(rng)
    there = with_step(world, OTHER, record)
    return [there, there], [there, with_step(without(there, record), CELL, record)]


def back_and_forth(rng: random.Random) -> tuple[Sequence[World], Sequence[World]]:
    """A record comes, goes and comes back over five releases."""
    world, record = office(rng), ident(rng)
    there = with_step(world, CELL, record)
    return [world] * 5, [world, there, world, there, there]


def after_two_that_waited(rng: random.Random) -> tuple[Sequence[World], Sequence[World]]:
    """Two others came before the last release and wait; the record is the third."""
    world = office(rng)
    waits = with_step(world, CELL, ident(rng), ident(rng))
    return [world, waits, waits], [world, waits, with_step(waits, CELL, ident(rng))]


def churned(rng: random.Random) -> tuple[Sequence[World], Sequence[World]]:
    """Years of coming and going lie behind; in the last quarter only the record came."""
    worlds = [office(rng)]
    for _ in range(6):
        held = {cell: set(rng.sample(sorted(records), len(records) * 2 // 3)) for cell, records in worlds[-1].items()}
        worlds.append(
            {cell: records | {ident(rng) for _ in range(rng.randint(0, 4))} for cell, records in held.items()}
        )
    return [*worlds, worlds[-1]], [*worlds, with_step(worlds[-1], CELL, ident(rng))]


def beside(others: int) -> Play:
    """The record is added in a quarter in which exactly so many others came, whom the observer knows."""

    def play(rng: random.Random) -> tuple[Sequence[World], Sequence[World]]:
        world = office(rng)
        came = with_step(world, CELL, *(ident(rng) for _ in range(others)))
        return [world, came], [world, with_step(came, CELL, ident(rng))]

    return play


def first(rng: random.Random) -> tuple[Sequence[World], Sequence[World]]:
    """The very first release of an office whose cell the observer knows to hold two others."""
    world = with_step({CELL: set(), OTHER: set(), THIRD: set()}, CELL, ident(rng), ident(rng))
    return [world], [with_step(world, CELL, ident(rng))]


ATTACKS = (
    Attack("one record added", added, changes),
    Attack("one record removed", removed, changes),
    Attack("one record edited", moved, changes),
    Attack("total minus visible profiles", added, lambda s: (total(s[1]) - total(s[0]),)),
    Attack("cell and its total", moved, lambda s: (*changes(s), total(s[1]) - total(s[0]))),
    Attack("two releases, back and forth", back_and_forth, changes),
    Attack("the third after two that waited", after_two_that_waited, changes),
    Attack("after years of changes", churned, lambda s: changes(s[-2:])),
    Attack("limit: two others known that quarter", beside(2), changes, limit=True),
    Attack("limit: three others known that quarter", beside(3), changes, limit=True),
    Attack("limit: the first release, all others known", first, newest, limit=True),
)


def published(method: str, worlds: Sequence[World], secret: bytes) -> list[Sight]:
    """What is told at each release."""
    telling = lazy.Telling(_plainly) if method == "threshold" else telling_of(TABLE, secret)
    state: lazy.TableState | None = None
    sights: list[Sight] = []
    for world in worlds:
        contents: lazy.Contents = {cell: {r: Part(r) for r in sorted(held)} for cell, held in world.items()}
        state = lazy.release(state if method == "both" else None, contents, telling)
        sights.append({cell: found.value for cell, found in state.items() if found.value})
    return sights


def _plainly(parts: Parts) -> int:
    return len(parts) if len(parts) >= 3 else 0


def advantage(attack: Attack, method: str, trials: int, seed: int = 1) -> float:
    """How much better than guessing an observer is. Raises: AssertionError when a forbidden number is told."""
    rng = random.Random(f"{attack.name} {seed}")
    seen: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    for _ in range(trials):
        secret = rng.randbytes(32)
        plays = attack.play(rng)
        sights = [published(method, worlds, secret) for worlds in plays]
        told = {number for each in sights for sight in each for number in sight.values()}
        assert not told & set(ptable.FORBIDDEN)
        seen.append((attack.look(sights[0]), attack.look(sights[1])))
    return learned(seen)


def nested(method: str, trials: int, seed: int = 1) -> float:
    """What an observer would have of a cell and a part of it in two tables of one release, which the plan does not tell.

    The record is in the cell and not in its part. Why no two tables of the plan count the same records.
    """
    rng = random.Random(f"nested {seed}")
    seen = []
    for _ in range(trials):
        secret, part, record = rng.randbytes(32), {ident(rng) for _ in range(rng.randint(3, 12))}, ident(rng)
        cells = [published(method, [{CELL: held}], secret)[0].get(CELL, 0) for held in (part, part | {record})]
        seen.append(((0,), (cells[1] - cells[0],)))
    return learned(seen)


def learned(seen: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> float:
    """Learn from the first half which sights mean yes; return the advantage over the second."""
    half = len(seen) // 2
    no, yes = Counter(n for n, _ in seen[:half]), Counter(y for _, y in seen[:half])
    says = {sight for sight in yes if yes[sight] > no[sight]}
    judged = seen[half:]
    return sum((y in says) - (n in says) for n, y in judged) / len(judged)
