"""Classes: ordered, equal for equals, about as full as each other; shades that differ without colour."""

from __future__ import annotations

import itertools
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.web.pictures.classes import LETTERS_ARE_LIGHT, MOST, SHADES, classify, fill, quantiles
from node.web.pictures.measure import Absent, Measure, Value
from node.web.pictures.svg import INK, PAPER

NUMBERS = st.lists(st.integers(-50, 50) | st.integers(0, 10**6), min_size=1, max_size=120)


def luminance(colour: str) -> float:
    """The relative luminance of a colour (WCAG 2.1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """How far two colours are apart (WCAG 2.1), from 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_neighbouring_shades_differ_by_a_contrast_of_three() -> None:
    """By their ground, or by a hatching that is three to one on the ground that both have."""
    for (ground, ink, _), (next_ground, next_ink, _) in itertools.pairwise(SHADES):
        if ground == next_ground:
            assert (ink, contrast(next_ground, next_ink) >= 3) == ("", True)
        else:
            assert contrast(ground, next_ground) >= 3
    assert [bool(ink) for _, ink, _ in SHADES] == [False, True, False, True, False]


def test_lines_round_areas_are_seen_on_their_shade() -> None:
    """Two areas of one shade stay two."""
    for ground, ink, line in SHADES:
        assert contrast(ground, line) >= 3
        assert not ink or contrast(ink, line) >= 1
    assert [fill("a", absent)["stroke"] for absent in Absent] == [SHADES[4][0]] * 2


def test_letters_are_read_on_every_shade() -> None:
    """Dark on light grounds, light on dark ones: three to one before their rim, which is more."""
    for shade, (ground, _, _) in enumerate(SHADES):
        assert contrast(ground, PAPER if shade in LETTERS_ARE_LIGHT else INK) >= 3


@given(NUMBERS)
def test_classes_are_ordered_none_is_empty_and_few_numbers_get_one_each(numbers: list[int]) -> None:
    """A greater number never has a lesser class or a lighter shade."""
    classes = classify(tuple(numbers), Measure())
    ordered = sorted(map(Decimal, numbers))
    assert [classes.of(n) for n in ordered] == sorted(classes.of(n) for n in ordered)
    assert [classes.shade(n) for n in ordered] == sorted(classes.shade(n) for n in ordered)
    assert {classes.of(n) for n in ordered} == set(range(len(classes.words)))
    assert len(classes.words) == min(MOST, len(set(numbers)))
    assert {shade for shade, _ in classes.legend} == {classes.shade(n) for n in ordered}


@given(st.lists(st.integers(0, 10**9), min_size=5, max_size=200, unique=True))
def test_different_numbers_are_shared_out_evenly(numbers: list[int]) -> None:
    """The fullest class has at most one more than the emptiest, but for what rounding moves."""
    bounds = quantiles(list(map(Decimal, numbers)))
    sizes = Counter(sum(n >= b for b in bounds) for n in numbers)
    assert max(sizes.values()) - min(sizes.values()) <= 2


def test_many_equal_numbers_leave_the_other_classes_to_the_rest() -> None:
    """Sixty zeros among a hundred are one class, and the forty others have four."""
    numbers = [Decimal(0)] * 60 + [Decimal(n) for n in range(1, 41)]
    assert quantiles(numbers) == (1, 11, 21, 31)


def test_given_breaks_are_the_same_whatever_the_values() -> None:
    """So the maps of two years can be compared; the legend tells the open ends."""
    values: tuple[Value, ...]
    for values in ((1, 2, 3), (Absent.UNKNOWN,), (5000,)):
        classes = classify(values, Measure(), (10, 100, 1000))
        assert classes.words == ("< 10", "10 – < 100", "100 – < 1.000", "≥ 1.000")
        assert [classes.of(Decimal(n)) for n in (-5, 9, 10, 99, 100, 1000)] == [0, 0, 1, 1, 2, 3]


@pytest.mark.parametrize("breaks", [(1, 1), (2, 1), (1, 2, 3, 4, 5), (0.1, 0.2)])
def test_breaks_that_do_not_rise_are_refused(breaks: tuple[float, ...]) -> None:
    """As the measure rounds them; and more than the shades can tell."""
    with pytest.raises(ValueError, match="breaks"):
        classify((1,), Measure(), breaks)


def test_without_numbers_there_are_no_classes() -> None:
    """Only reasons."""
    assert classify((Absent.UNKNOWN,), Measure()).legend == ()
