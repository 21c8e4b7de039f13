"""Answers of a questionnaire: nothing below three, nothing that tells what everybody or one alone answered."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme import questionnaire
from node.errors import CallerError

ANSWERS = st.tuples(*[st.integers(1, 5)] * len(questionnaire.QUESTIONS))


@given(st.lists(ANSWERS, max_size=2))
def test_below_three_answers_nothing_is_told(given_: list[tuple[int, ...]]) -> None:
    """None, one and two look all the same."""
    assert questionnaire.release(given_) == questionnaire.Result(0, ())


@given(st.lists(ANSWERS, min_size=3, max_size=30), st.randoms())
def test_what_is_told_hides_one_and_all(given_: list[tuple[int, ...]], random: object) -> None:
    """No group of one or two, no group of everybody, no mean at an end of the scale; the order of the answers says nothing."""
    result = questionnaire.release(given_)
    assert result == questionnaire.release(list(reversed(given_)))
    for told in result.told:
        assert Decimal("1.5") <= told.mean <= Decimal("4.5")
        assert (told.mean * 2) % 1 == 0
        if told.bands is not None:
            assert sum(told.bands) == len(given_)
            assert all(count == 0 or 3 <= count < len(given_) for count in told.bands)


def test_one_of_another_mind_is_not_shown() -> None:
    """Eight satisfied and one not: the group of one would be a person."""
    result = questionnaire.release([(5,) * 5] * 8 + [(1,) * 5])
    assert {told.bands for told in result.told} == {None}
    assert {told.mean for told in result.told} == {Decimal("4.5")}


@pytest.mark.parametrize("answers", [(), (1, 2, 3, 4), (0, 1, 1, 1, 1), (6, 1, 1, 1, 1), (True, 1, 1, 1, 1)])
def test_half_a_questionnaire_is_refused(answers: tuple[int, ...]) -> None:
    """Every question has an answer of the scale."""
    with pytest.raises(CallerError) as caught:
        questionnaire.checked(answers)
    assert caught.value.code == "questionnaire-bad"
