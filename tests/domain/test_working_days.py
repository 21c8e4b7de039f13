"""Working days: weekends and national holidays are none, and the patron saint of a town is one like any other."""

from __future__ import annotations

import datetime as dt

import pytest

from node.domain.working_days import add_working_days, is_working


@pytest.mark.parametrize(
    ("day", "working"),
    [
        ("2026-11-30", True),
        ("2026-11-28", False),
        ("2026-11-29", False),
        ("2026-12-08", False),
        ("2026-12-24", True),
        ("2026-12-25", False),
        ("2026-12-26", False),
        ("2027-01-01", False),
        ("2027-01-06", False),
        ("2026-04-05", False),
        ("2026-04-06", False),
        ("2027-03-29", False),
        ("2026-04-25", False),
        ("2026-05-01", False),
        ("2026-06-02", False),
        # Saint Francis: a working day until 2025, a holiday by law from 2026; in 2027 it is a Monday.
        ("2024-10-04", True),
        ("2026-10-04", False),
        ("2027-10-04", False),
        # Good Friday is none in Italy; Saint Ambrose is Milan's own.
        ("2026-04-03", True),
        ("2026-12-07", True),
    ],
)
def test_offices_are_open_from_monday_to_friday_but_for_holidays(day: str, working: bool) -> None:
    """As the law says them, movable ones with Easter."""
    assert is_working(dt.date.fromisoformat(day)) is working


@pytest.mark.parametrize(
    ("day", "count", "ends"),
    [
        ("2026-11-30", 0, "2026-11-30"),
        ("2026-11-30", 1, "2026-12-01"),
        ("2026-11-27", 1, "2026-11-30"),
        ("2026-11-28", 1, "2026-11-30"),
        # Over the eighth of December, a Tuesday.
        ("2026-12-04", 3, "2026-12-10"),
        # Christmas on a Friday, Saint Stephen on a Saturday; then New Year's Day on a Friday, and the Epiphany.
        ("2026-12-23", 10, "2027-01-11"),
        # From Maundy Thursday over Easter Monday.
        ("2026-04-02", 2, "2026-04-07"),
        ("2027-10-01", 1, "2027-10-05"),
    ],
)
def test_a_step_ends_after_so_many_working_days(day: str, count: int, ends: str) -> None:
    """The day on which it begins does not count; across weeks, feasts and years."""
    assert add_working_days(dt.date.fromisoformat(day), count).isoformat() == ends
