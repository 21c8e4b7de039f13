"""The invented register over the years: each day says what it must, from what was there the day before."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.chamber import parse_sheets
from node.domain.generation.growth import (
    BRANCHES,
    CLASSES,
    FIRST_YEAR,
    LAST_YEAR,
    MONTHS,
    PUBLISHED,
    Growth,
    Knot,
    days_of,
    portion,
    targets,
)
from node.domain.register import RegisterNetwork
from node.errors import CallerError
from tests.editions_made import SECTORS, TERRITORIES, distinct_firms
from tests.history_made import SMALL, SMALL_DAYS, grown, networks_of

WIDE = Growth(
    (
        Knot(dt.date(2013, 12, 31), 300, 1_600, (40, 90, 50, 90, 29, 1)),
        Knot(dt.date(2014, 12, 31), 420, 2_600, (50, 110, 70, 130, 58, 2)),
    )
)
# Fewer firms, in more networks: those that there are must let some go. So many cannot leave certain regions besides.
LEAVING = replace(
    WIDE, knots=(*WIDE.knots, Knot(dt.date(2015, 12, 31), 440, 2_450, (52, 112, 72, 140, 62, 2))), regions=()
)


def of_day(networks: list[RegisterNetwork]) -> tuple[object, ...]:
    """What a target tells, counted of an edition."""
    firms = distinct_firms(tuple(networks))
    classes = Counter(next(at for at, (_, high) in enumerate(CLASSES) if n.members <= high) for n in networks)
    spread = Counter(min(3, len({firm.province for firm in n.firms})) for n in networks)
    branch_of = {division: name for name, divisions in BRANCHES.items() for division in divisions}
    regions = Counter(TERRITORIES.ancestors(firm.province)[0] for firm in firms)
    return (
        len(networks),
        len(firms),
        [classes[at] for at in range(len(CLASSES))],
        [spread[at] for at in (1, 2, 3)],
        sum(firm.legal_form == "DI" for firm in firms),
        {code: regions[code] for code, _ in PUBLISHED.regions},
        Counter(branch_of.get(n.ateco[:2]) for n in networks),
        Counter(branch_of.get(firm.ateco[:2]) for firm in firms),
    )


@pytest.mark.parametrize("growth", [WIDE, LEAVING])
def test_each_day_says_what_it_must(growth: Growth) -> None:
    """Networks, firms, classes, spread, sole traders, regions, and sectors of networks and of firms."""
    wanted = targets(growth, [knot.day for knot in growth.knots])
    for target, (_, made) in zip(wanted, grown(wanted, seed=2), strict=True):
        networks, firms, classes, spread, sole, regions, branches, firm_branches = of_day(networks_of(made))
        assert (networks, firms, classes, spread) == (
            target.networks, target.firms, list(target.classes), list(target.spread),
        )  # fmt: skip
        assert isinstance(regions, dict)
        assert sole == target.sole_traders
        assert {code: regions[code] for code in target.regions} == dict(target.regions)
        for found, told in ((branches, target.branches), (firm_branches, target.firm_branches)):
            assert isinstance(found, Counter)
            assert {name: found[name] for name in told} == dict(told)


def test_the_list_has_its_traps_and_is_read_all_the_same() -> None:
    """No row is refused; some firms have no code, numbers come back, deeds stay one network's."""
    seen: set[str] = set()
    for _, made in grown(targets(WIDE, [knot.day for knot in WIDE.knots]), seed=2):
        found = parse_sheets({"Elenco": made.contracts, "Sogg. Giu.": made.entities}, TERRITORIES, SECTORS)
        assert not [problem for problem in found.problems if problem.fatal]
        seen |= {problem.code for problem in found.problems}
        ids = [network.register_id for network in found.networks]
        assert len(ids) == len(set(ids))
        assert 0.05 < sum(network.kind == "entity" for network in found.networks) / len(ids) < 0.3
    assert "tax-code-odd" in seen


def test_what_cannot_be_is_refused() -> None:
    """More provinces than firms allow, fewer firms than networks need, a region that nobody can leave."""
    (target,) = targets(SMALL, SMALL_DAYS[:1])
    for wrong in (
        replace(target, spread=(0, 0, 60)),
        replace(target, firms=60),
        replace(target, firms=3_000),
        replace(target, classes=(60, 18, 10, 18, 6, 0)),
        replace(target, sole_traders=4_000),
        replace(target, regions={"ITC2": 299}),
        replace(target, firm_branches={"trade": 0}),
    ):
        with pytest.raises(CallerError, match="history-unreachable"):
            list(grown([wrong]))


def test_the_published_days_are_those_of_the_years() -> None:
    """Each year's end, and four months between, of which something was published."""
    days = days_of(FIRST_YEAR, LAST_YEAR)
    assert len(days) == 16
    assert set(MONTHS) <= set(days)
    assert days_of(2014, 2015) == [dt.date(2014, 12, 31), dt.date(2015, 12, 31)]
    for knot in PUBLISHED.knots:
        assert (sum(knot.classes), PUBLISHED.target(knot.day).classes) == (knot.networks, knot.classes)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 500), min_size=1, max_size=8).filter(any))
def test_a_whole_is_shared_out_exactly(whole: int, weights: list[int]) -> None:
    """Each part next to its share, and all parts the whole."""
    parts = portion(whole, weights)
    assert sum(parts) == whole
    assert all(abs(part - whole * weight / sum(weights)) < 1 for part, weight in zip(parts, weights, strict=True))


@settings(max_examples=20)
@given(st.dates(dt.date(2012, 1, 1), dt.date(2026, 1, 1)))
def test_every_day_has_a_target_that_adds_up(day: dt.date) -> None:
    """Before the first knot and after the last one theirs holds."""
    target = PUBLISHED.target(day)
    assert sum(target.classes) == sum(target.spread) == target.networks
    assert 995 <= target.networks <= 9630
    assert 5000 <= target.firms <= 50298
