"""Points and their order: exact until the one rounding, ties by the call's rules, the same whatever the order of hearing."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme import scoring
from node.domain.programme.scoring import points_of, reasons_of, rounded, total
from node.errors import CallerError
from tests.calls_made import WEIGHTS, a_call, a_sheet, an_entry

CALL = a_call()


def test_points_are_weighted_and_averaged() -> None:
    """Two evaluators, four criteria: 40/20/25/15 of a hundred."""
    sheets = [a_sheet("one", 10, 5, 8, 6), a_sheet("two", 9, 5, 7, 6)]
    # (40+10+20+9 + 36+10+17.5+9) / 2
    assert total(CALL, sheets) == Decimal("75.75")


@given(st.integers(0, 10**7), st.integers(1, 10**4))
def test_rounding_is_half_to_even_and_once(above: int, below: int) -> None:
    """As Decimal does from a value with enough digits, where the fraction has that many; ties go to the even digit."""
    value = Fraction(above, below)
    found = rounded(value)
    assert abs(Fraction(found) - value) <= Fraction(1, 200)
    if abs(Fraction(found) - value) == Fraction(1, 200):
        assert int(found * 100) % 2 == 0
    exact = Decimal(above) / Decimal(below)
    if Fraction(exact) == value:
        assert found == exact.quantize(Decimal("0.01"), ROUND_HALF_EVEN)


@pytest.mark.parametrize(("hundredths", "text"), [("0.005", "0.00"), ("0.015", "0.02"), ("99.995", "100.00")])
def test_halves_go_to_the_even_digit(hundredths: str, text: str) -> None:
    """Written with two digits."""
    assert str(rounded(Fraction(hundredths))) == text


def test_a_sheet_says_all_criteria_and_no_other() -> None:
    """In points of the scale, with two decimals at most, each with its reason."""
    assert points_of(CALL, dict.fromkeys(WEIGHTS, "7,5"))["innovation"] == Decimal("7.50")
    whole: dict[str, Any] = dict.fromkeys(WEIGHTS, "7")
    for wrong in ({**whole, "more": "1"}, {"innovation": "7"}, *({**whole, "innovation": bad} for bad in ("10.01", "-1", "1.234", "NaN", ""))):  # fmt: skip
        with pytest.raises(CallerError, match="score-bad"):
            points_of(CALL, wrong)
    assert reasons_of(CALL, dict.fromkeys(WEIGHTS, " bene \n motivato "))["innovation"] == "bene motivato"
    for why in ("", "x" * 1001):
        with pytest.raises(CallerError, match="score-reason-bad"):
            reasons_of(CALL, {**dict.fromkeys(WEIGHTS, "bene"), "innovation": why})


def test_ties_are_parted_by_the_rules_of_the_call() -> None:
    """Equal points: more innovation first, then who came first, then the lower protocol."""
    # 40*5/10 + 20*7/10 = 34; 40*7/10 + 20*3/10 = 34.
    plain = [a_sheet("one", 5, 7, 5, 5), a_sheet("two", 5, 7, 5, 5)]
    bold = [a_sheet("one", 7, 3, 5, 5), a_sheet("two", 7, 3, 5, 5)]
    early, late, new = an_entry(1, plain), an_entry(2, plain), an_entry(3, bold)
    twin = an_entry(4, plain, arrived=early.arrived, office="cciaa_le")
    order = [entry for entry, _ in scoring.ordered(CALL, [late, twin, early, new])]
    assert len({points for _, points in scoring.ordered(CALL, [late, early, new])}) == 1
    assert order == [new, twin, early, late]


def test_without_enough_sheets_there_is_no_order() -> None:
    """One evaluator is too few; one who speaks twice is one; by arrival nobody is needed."""
    one = a_sheet("one", 5, 5, 5, 5)
    for sheets in ([], [one], [one, one]):
        with pytest.raises(CallerError, match="scores-missing"):
            scoring.ordered(CALL, [an_entry(1, sheets)])
    order = scoring.ordered(a_call(mode="arrival"), [an_entry(2), an_entry(1)])
    assert order == [(an_entry(1), None), (an_entry(2), None)]


def test_mixed_orders_by_arrival() -> None:
    """Points only open the door."""
    call = a_call(mode="mixed", threshold="60.00")
    low, high = ([a_sheet(by, *[points] * 4) for by in ("one", "two")] for points in (7, 9))
    order = scoring.ordered(call, [an_entry(2, high), an_entry(1, low)])
    assert [(entry.protocol, points) for entry, points in order] == [("2026-000001", 70), ("2026-000002", 90)]
