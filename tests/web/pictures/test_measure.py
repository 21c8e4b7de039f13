"""Numbers: said as the language says them, rounded once, refused where they are none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.web.pictures.measure import Absent, Measure, present, summary


@pytest.mark.parametrize(
    ("measure", "value", "said"),
    [
        (Measure(), 1234567, "1.234.567"),
        (Measure("en"), 1234567, "1,234,567"),
        (Measure("it", decimals=1, sign="%"), 12.35, "12,3\u00a0%"),
        (Measure("en", decimals=1, sign="%"), 12.35, "12.3%"),
        (Measure("it", decimals=2), Decimal("0.005"), "0,00"),
        (Measure("it", decimals=2), 3, "3,00"),
        (Measure(), -0.4, "0"),
        (Measure(), -12, "-12"),
        (Measure("fr"), 1000, "1.000"),
        (Measure(), Absent.UNKNOWN, "nessun dato"),
        (Measure("en"), Absent.WITHHELD, "not published"),
    ],
)
def test_a_number_is_said_as_its_language_says_it(measure: Measure, value: float, said: str) -> None:
    """With as many decimals as the measure has, a zero without a sign; where there is none, with the reason."""
    assert measure.say(value) == said


@given(st.decimals(-(10**14), 10**14, allow_nan=False, places=7), st.integers(0, 6), st.sampled_from(["it", "en"]))
def test_what_is_said_is_what_is_drawn(value: Decimal, decimals: int, language: str) -> None:
    """Read back, the words are the rounded number, to the last decimal."""
    measure = Measure(language, decimals=decimals)
    said = measure.say(value)
    plain = said.replace(".", "").replace(",", ".") if language == "it" else said.replace(",", "")
    assert Decimal(plain) == measure.rounded(value)
    assert abs(measure.rounded(value) - value) * 2 <= Decimal(1).scaleb(-decimals)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("-Infinity")])
def test_what_is_no_number_is_refused(value: float) -> None:
    """A picture must not guess."""
    with pytest.raises(ValueError, match="no number"):
        Measure().say(value)


@given(st.integers(-(10**60), 10**60), st.integers(0, 6))
def test_a_number_beyond_reason_is_said_exactly(value: int, decimals: int) -> None:
    """To the last digit: whoever told it, nobody else's page breaks on it."""
    said = Measure("en", decimals=decimals).say(value)
    assert Decimal(said.replace(",", "")) == value


def test_decimals_are_few() -> None:
    """None below zero, none beyond six."""
    for decimals in (-1, 7):
        with pytest.raises(ValueError, match="no number"):
            Measure(decimals=decimals).rounded(1)


def test_absent_values_are_no_numbers() -> None:
    """They take part in no scale."""
    assert present((1, Absent.UNKNOWN, 2.5, Absent.WITHHELD), Measure()) == [1, 2]


def test_a_summary_tells_how_many_and_both_ends() -> None:
    """Of equals the first; without numbers it says so."""
    values = [("a", 3), ("b", 9), ("c", 9), ("d", Absent.WITHHELD)]
    assert summary(values, Measure()) == "Valori: 3. Il più alto: b (9). Il più basso: a (3)."
    assert summary(values, Measure("en")) == "Values: 3. The highest: b (9). The lowest: a (3)."
    assert summary(values[3:], Measure()) == "Nessun valore."
