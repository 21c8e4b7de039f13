"""The funnel: how many came to each stage, how many stay there, how many were dropped there, and how long the way there took.

In: the steps of each aggregation, in their order. Out: one line for each stage. Rules: who reached a stage went on to the next, was
dropped from it, or stands at it: the three add up; a stage's days are those since the stage before, and the middle of them is told with
how many they are. Worked example (SalentoNet): 20 potential aggregations, 20 evaluated, 2 accompanied to contract and register, with 23
firms; 18 dropped. Source: docs/programme.md 3. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from node.domain.programme.aggregation import WAY, Stage, Step
from node.errors import N_, LogStateError


@dataclass(frozen=True, slots=True)
class Level:
    """One stage: who reached it, who stands at it, who was dropped from it; ``days`` is the median of the days since the stage before."""

    stage: Stage
    reached: int
    here: int
    dropped: int
    days: Decimal | None
    timed: int


@dataclass(frozen=True, slots=True)
class Before:
    """What comes before the first stage: sessions held, enrolments to them, people who came, expressions of interest."""

    sessions: int
    enrolled: int
    attended: int
    expressions: int


@dataclass(frozen=True, slots=True)
class Funnel:
    """The whole of it; ``firms`` are those of aggregations that came to a contract."""

    before: Before
    levels: tuple[Level, ...]
    dropped: int
    firms: int


def median(values: Sequence[int]) -> Decimal | None:
    """Return the middle of some numbers, of an even count the mean of the two in the middle; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return Decimal(ordered[half])
    return Decimal(ordered[half - 1] + ordered[half]) / 2


def funnel(ways: Iterable[Sequence[Step]], before: Before, firms: int) -> Funnel:
    """Return the funnel of some aggregations, each told by its steps in their order. Raises: LogStateError(funnel-way-bad)."""
    reached = dict.fromkeys(WAY, 0)
    here = dict.fromkeys(WAY, 0)
    dropped = dict.fromkeys(WAY, 0)
    days: dict[Stage, list[int]] = {stage: [] for stage in WAY}
    for way in ways:
        passed = [step for step in way if step.stage is not Stage.DROPPED]
        if tuple(step.stage for step in passed) != WAY[: len(passed)] or not passed or len(way) - len(passed) > 1:
            raise LogStateError("funnel-way-bad", N_("i passi di un'aggregazione non sono in ordine"))
        for number, step in enumerate(passed):
            reached[step.stage] += 1
            if number:
                days[step.stage].append((step.on_day - passed[number - 1].on_day).days)
        ends = dropped if len(way) > len(passed) else here
        ends[passed[-1].stage] += 1
    levels = tuple(
        Level(stage, reached[stage], here[stage], dropped[stage], median(days[stage]), len(days[stage]))
        for stage in WAY
    )
    return Funnel(before, levels, sum(dropped.values()), firms)
