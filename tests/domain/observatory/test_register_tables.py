"""The register's history in tables, from counts alone."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from node.domain.observatory import codes
from node.domain.observatory.catalogue import INDICATORS
from node.domain.observatory.figures import Status, Table
from node.domain.observatory.history import Change, Count, Places, newest_of_years, tables, wanted_pairs
from node.domain.vocabulary import CATEGORIES

A, B, C, D = (dt.date(2013, 12, 31), dt.date(2014, 6, 30), dt.date(2014, 12, 31), dt.date(2016, 3, 31))
PLACES = Places(("ITF4", "ITC1"), ("LE", "TO"), ("A", "C"))
COUNTS = [
    *(Count(day, "networks", (), value) for day, value in ((A, 10), (B, 11), (C, 12), (D, 9))),
    *(Count(day, "firms", (), value) for day, value in ((A, 40), (B, 41), (C, 0), (D, 39))),
    Count(C, "networks/region", ("ITF4",), 12),
    Count(C, "firms/region", ("ITF4",), 30),
    Count(C, "firms/region", ("?",), 3),
    Count(C, "firms/legal_form", ("DI",), 4),
]
CHANGES = [
    Change(C, A, "changes", ("born",), 3),
    Change(C, A, "changes", ("ended",), 1),
    Change(C, A, "present", ("2013",), 4),
    Change(C, A, "stayed", ("2013",), 3),
    Change(D, C, "changes", ("born",), 1),
    Change(D, C, "present", ("2013",), 4),
    Change(D, C, "stayed", ("2013",), 2),
    Change(D, C, "present", ("2014",), 2),
]


def told(ident: str) -> Table:
    """One table of the counts above."""
    return next(found for found in tables(COUNTS, CHANGES, PLACES, {(2014, "ITF4"): 70_000}) if found.ident == ident)


def values(ident: str) -> dict[tuple[str, ...], object]:
    """Its numbers."""
    return {cell.at: cell.value for cell in told(ident).cells}


def test_nothing_loaded_tells_nothing() -> None:
    """No table of noughts that nobody counted."""
    assert tables([], [], PLACES, {}) == []


def test_a_year_is_its_newest_day() -> None:
    """And a day is itself."""
    assert newest_of_years([D, B, A, C]) == {2013: A, 2014: C, 2016: D}
    assert values("networks-by-year") == {("2013",): 10, ("2014",): 12, ("2016",): 9}
    assert len(values("networks-by-day")) == 4
    assert values("firms-by-region-and-day") == {("2014-12-31", "ITF4"): 30, ("2014-12-31", "?"): 3}


def test_changes_are_wanted_from_day_to_day_and_from_year_to_year() -> None:
    """Each pair once, the later day first."""
    assert wanted_pairs([C, A, B, D]) == [(B, A), (C, A), (C, B), (D, C)]
    assert wanted_pairs([A]) == []


def test_places_have_a_cell_each_year_and_what_was_met_besides() -> None:
    """Nought where nothing was counted; a place that nobody knows where one was."""
    assert values("firms-by-region")["2014", "ITC1"] == 0
    assert values("firms-by-region")["2014", "?"] == 3
    assert ("2013", "?") not in values("firms-by-region")
    assert values("firms-by-legal-form") == {("2014", "DI"): 4}


def test_growth_needs_the_year_before() -> None:
    """Of 2015 nothing is known, so nothing of how 2016 grew; from nought nothing grows by a share."""
    assert values("networks-growth") == {("2014",): Decimal("20.0"), ("2016",): None}
    assert values("firms-growth")["2014",] == Decimal("-100.0")
    assert told("networks-growth").by_place()["2016",].status is Status.UNKNOWN


def test_births_need_the_year_before() -> None:
    """What came in two years is not told of one; an event of which none was told did not happen."""
    found = values("networks-born-and-ended")
    assert (found["2014", "born"], found["2014", "ended"], found["2014", "corrected"]) == (3, 1, 0)
    assert {value for at, value in found.items() if at[0] == "2016"} == {None}
    assert len(found) == 2 * len(codes.EVENTS)


def test_survival_is_a_product_of_steps() -> None:
    """Also over a year without edition; a cohort of which nobody was there has none."""
    assert values("survival") == {
        ("2013", "0"): Decimal("100.0"),
        ("2013", "1"): Decimal("75.0"),
        ("2013", "3"): Decimal("37.5"),
        ("2014", "0"): Decimal("100.0"),
        ("2014", "2"): Decimal("0.0"),
        ("2016", "0"): Decimal("100.0"),
    }
    uncounted = tables(COUNTS, [], PLACES, {})
    survival = next(found for found in uncounted if found.ident == "survival").by_place()
    assert survival["2013", "1"].status is survival["2013", "3"].status is Status.UNKNOWN


def test_density_needs_registered_firms() -> None:
    """Unknown where their number is."""
    found = values("density-by-region")
    assert found["2014", "ITF4"] == Decimal("4.3")
    assert found["2014", "ITC1"] is None
    assert len(found) == 6


def test_every_indicator_says_what_it_is() -> None:
    """In whole sentences or formulas; tables name one each, and their dimensions are known."""
    for found in INDICATORS.values():
        assert all((found.title, found.definition, found.formula, found.unit, found.source)), found.ident
        assert found.definition.endswith("."), found.ident
    for told_table in tables(COUNTS, CHANGES, PLACES, {}):
        assert told_table.indicator in INDICATORS
        assert set(told_table.dimensions) <= set(codes.DIMENSIONS)
        assert told_table.source == INDICATORS[told_table.indicator].source


@pytest.mark.parametrize("ident", ["introductions", "pipeline", "led-firms", "common-fund"])
def test_what_offices_tell_is_of_the_second_tier(ident: str) -> None:
    """Under disclosure control."""
    assert INDICATORS[ident].tier == 2


def test_needs_are_called_as_profiles_call_them() -> None:
    """The same words, in the same order."""
    assert {key: italian for key, (italian, _) in CATEGORIES.items()} == codes.NEEDS
