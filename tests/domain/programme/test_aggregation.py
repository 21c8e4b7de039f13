"""Aggregations: stages that follow on each other, groups of firms, scores with reasons."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme import aggregation as rules
from node.domain.programme.aggregation import CHECKLIST, STEPS, WAY, Firm, Given, Stage, Step
from node.domain.programme.firm_line import firms_of, lines_of
from node.errors import CallerError
from node.store.reference import load_sectors, load_territories
from tests.networks_made import code

DAY = dt.date(2013, 1, 10)
TODAY = dt.date(2013, 12, 1)


@given(st.lists(st.tuples(st.sampled_from(Stage), st.integers(0, 40), st.sampled_from(["", "perché"])), max_size=20))
def test_no_stage_is_ever_skipped(wanted: list[tuple[Stage, int, str]]) -> None:
    """Whatever steps are asked for, those that are taken are the way from its beginning, ended at most once by a drop with its reason."""
    stage: Stage | None = None
    since: dt.date | None = None
    taken: list[Step] = []
    for then, days, reason in wanted:
        try:
            step = rules.checked_step(stage, since, Step(then, DAY + dt.timedelta(days=days), reason), TODAY)
        except CallerError:
            continue
        taken.append(step)
        stage, since = step.stage, step.on_day
    passed = [step.stage for step in taken if step.stage is not Stage.DROPPED]
    assert tuple(passed) == WAY[: len(passed)]
    assert [step.stage for step in taken[:-1]] == passed[: len(taken) - 1]
    assert [step.on_day for step in taken] == sorted(step.on_day for step in taken)
    assert all(step.reason for step in taken if step.stage is Stage.DROPPED)


def test_every_stage_but_the_ends_leads_on_and_may_be_dropped() -> None:
    """The table of steps is the way and its exits."""
    for stage, then in itertools.pairwise(WAY):
        assert STEPS[stage] == {then, Stage.DROPPED}
    assert STEPS[None] == {Stage.POTENTIAL}
    assert STEPS[Stage.REGISTERED] == STEPS[Stage.DROPPED] == frozenset()


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (Step(Stage.ACCOMPANIED, DAY), "aggregation-step-bad"),
        (Step(Stage.EVALUATED, TODAY + dt.timedelta(days=1)), "aggregation-step-future"),
        (Step(Stage.EVALUATED, DAY - dt.timedelta(days=1)), "aggregation-step-early"),
        (Step(Stage.DROPPED, DAY, " "), "field-missing"),
        (Step(Stage.DROPPED, DAY, "x" * 1001), "field-too-long"),
    ],
)
def test_a_step_that_can_t_be_says_why(step: Step, expected: str) -> None:
    """Skipped, in the future, before the last one, or without a reason."""
    with pytest.raises(CallerError) as caught:
        rules.checked_step(Stage.POTENTIAL, DAY, step, TODAY)
    assert caught.value.code == expected


def answers(points: int = 3, **changes: Any) -> list[Given]:
    """The whole checklist with the same points."""
    given_ = [Given(criterion.ident, points, f"motivo di {criterion.ident}") for criterion in CHECKLIST]
    return [replace(one, **changes) if one.criterion == "sector" else one for one in given_]


def test_the_weights_are_a_hundred() -> None:
    """So that a score is a share."""
    assert sum(criterion.weight for criterion in CHECKLIST) == 100
    assert {"innovation", "internationalisation", "certification", "complementarity", "sector", "size", "feasibility"} == set(rules.CRITERIA)  # fmt: skip


@given(st.lists(st.integers(0, 5), min_size=7, max_size=7))
def test_a_score_is_the_sum_of_its_parts(points: list[int]) -> None:
    """From 0 to 100, exact, and higher points never give less."""
    given_ = [Given(criterion.ident, count, "motivo") for criterion, count in zip(CHECKLIST, points, strict=True)]
    found = rules.evaluate(reversed(given_), "")
    assert found.score == sum(Decimal(part["part"]) for part in found.to_list())
    assert found.score == Decimal(sum(c.weight * p for c, p in zip(CHECKLIST, points, strict=True))) / 5
    assert Decimal(0) <= found.score <= Decimal(100)
    assert found.advises == (found.score >= 60)
    assert [part["criterion"] for part in found.to_list()] == [criterion.ident for criterion in CHECKLIST]


@pytest.mark.parametrize(
    ("given_", "expected", "where"),
    [
        (answers()[1:], "evaluation-incomplete", "complementarity"),
        ([*answers(), answers()[0]], "evaluation-criterion", "complementarity"),
        ([*answers()[1:], Given("simpatia", 5, "x")], "evaluation-criterion", "simpatia"),
        (answers(points=6), "evaluation-points", "complementarity"),
        (answers(reason=" "), "evaluation-reason", "sector"),
    ],
)
def test_an_evaluation_answers_everything_with_reasons(given_: list[Given], expected: str, where: str) -> None:
    """Or it says which line is wrong."""
    with pytest.raises(CallerError) as caught:
        rules.evaluate(given_, "")
    assert (caught.value.code, caught.value.where) == (expected, where)


def test_a_group_of_firms_has_one_reference() -> None:
    """The first where nobody said; no firm twice, by its code or by its name."""
    one, other = Firm("Frantoio Uno", code(1)), Firm("Frantoio Due", province="LE")
    assert [firm.is_reference for firm in rules.checked_firms([one, other], least=2)] == [True, False]
    second = replace(other, is_reference=True)
    assert [firm.is_reference for firm in rules.checked_firms([one, second], least=2)] == [False, True]
    for firms, expected in (
        ([one], "aggregation-firms-few"),
        ([one, replace(one, name="Altra")], "aggregation-firm-repeated"),
        ([other, replace(other, name="frantoio  due")], "aggregation-firm-repeated"),
        ([replace(one, is_reference=True), second], "aggregation-references"),
        ([one, Firm("")], "aggregation-firm-bad"),
        ([one, Firm("Tre", "12345678901")], "aggregation-firm-bad"),
    ):
        with pytest.raises(CallerError) as caught:
            rules.checked_firms(firms, least=2)
        assert caught.value.code == expected


def test_firms_are_typed_in_lines_and_come_back_the_same() -> None:
    """With the codes of their places; what is left out is left open."""
    text = f"Frantoio Uno; {code(1)}; Lecce; LE; 10.41.10\n\nFrantoio Due;; Galatina\nFrantoio Tre; ; ; TO"
    firms = firms_of(text, load_territories(), load_sectors())
    assert [(f.name, f.municipality_name, f.province, f.region, f.is_reference) for f in firms] == [
        ("Frantoio Uno", "Lecce", "LE", "ITF4", True), ("Frantoio Due", "Galatina", "LE", "ITF4", False), ("Frantoio Tre", "", "TO", "ITC1", False),
    ]  # fmt: skip
    assert firms[0].ateco == "10.41.10"
    assert firms_of(lines_of(firms), load_territories(), load_sectors()) == firms


@pytest.mark.parametrize("text", ["A; ; Atlantide", "A; ; ; XX", "A; ; ; LE; 999", "A;;;;;", "\n".join("A" * 501)])
def test_a_line_that_says_nothing_known_is_named(text: str) -> None:
    """By its number."""
    with pytest.raises(CallerError) as caught:
        firms_of(text, load_territories(), load_sectors())
    assert caught.value.code == "firm-line-bad"
