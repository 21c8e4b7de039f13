"""The funnel: counts that add up, days in the middle, the figures of SalentoNet."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme.aggregation import WAY, Stage, Step
from node.domain.programme.funnel import Before, funnel, median
from node.errors import LogStateError

DAY = dt.date(2011, 10, 1)
NOTHING = Before(0, 0, 0, 0)


def way(gaps: list[int], *, dropped: bool) -> list[Step]:
    """A way whose stages come so many days one after the other."""
    day, steps = DAY, []
    for stage, gap in zip(WAY, gaps, strict=False):
        day += dt.timedelta(days=gap)
        steps.append(Step(stage, day))
    return [*steps, Step(Stage.DROPPED, day, "motivo")] if dropped else steps


WAYS = st.lists(
    st.tuples(st.lists(st.integers(0, 400), min_size=1, max_size=len(WAY)), st.booleans()).map(
        lambda found: way(found[0], dropped=found[1] and len(found[0]) < len(WAY))
    ),
    max_size=40,
)


@given(WAYS)
def test_who_reached_a_stage_went_on_stands_there_or_was_dropped(ways: list[list[Step]]) -> None:
    """At each stage the three add up, and nobody is lost."""
    found = funnel(ways, NOTHING, 0)
    after = [level.reached for level in found.levels[1:]] + [0]
    assert found.levels[0].reached == len(ways)
    for level, on in zip(found.levels, after, strict=True):
        assert level.reached == on + level.here + level.dropped
    assert found.dropped == sum(level.dropped for level in found.levels)
    assert all(level.timed == level.reached for level in found.levels[1:])


@given(st.lists(st.integers(0, 1000), min_size=1))
def test_half_is_not_over_the_median_and_half_not_below(values: list[int]) -> None:
    """Whatever their order."""
    middle = median(values)
    assert middle is not None
    assert sum(value <= middle for value in values) * 2 >= len(values)
    assert sum(value >= middle for value in values) * 2 >= len(values)
    assert median(values[::-1]) == middle


def test_the_figures_of_salentonet() -> None:
    """Ten sessions, twenty aggregations evaluated, two networks with 23 firms."""
    ways = [way([0, 30], dropped=True) for _ in range(18)] + [way([0, 30, 10, 90, 45], dropped=False) for _ in range(2)]
    found = funnel(ways, Before(10, 200, 150, 20), 23)
    assert [(level.stage, level.reached) for level in found.levels] == [
        (Stage.POTENTIAL, 20), (Stage.EVALUATED, 20), (Stage.ACCOMPANIED, 2), (Stage.SIGNED, 2), (Stage.REGISTERED, 2),
    ]  # fmt: skip
    assert (found.dropped, found.firms, found.before.sessions) == (18, 23, 10)
    assert [level.days for level in found.levels] == [None, Decimal(30), Decimal(10), Decimal(90), Decimal(45)]


@pytest.mark.parametrize(
    "steps",
    [
        [Step(Stage.EVALUATED, DAY)],
        [Step(Stage.POTENTIAL, DAY), Step(Stage.SIGNED, DAY)],
        [Step(Stage.DROPPED, DAY, "x")],
        [],
    ],
)
def test_a_way_out_of_order_is_no_way(steps: list[Step]) -> None:
    """Rows that no program wrote are not counted as if they were."""
    with pytest.raises(LogStateError):
        funnel([steps], NOTHING, 0)
