"""Publication rounds: the calendar of what leaves, and what a network's age may say.

In: a date, a period, labels. Out: days. Rule: everything of one round leaves together, so that the day of a publication
tells at most the round; withdrawals do not wait. Who leaves in which round: domain/release.py. Source: docs/rules.md Rounds.
"""

from __future__ import annotations

import datetime as dt

from node.domain.partition_form import ANY, Label

IMMEDIATE = "immediate"
WEEKLY, DAILY, MONTHLY = "weekly", "daily", "monthly"


def round_day(day: dt.date, period: str) -> dt.date:
    """Return the first day of the round that ``day`` belongs to (weekly rounds begin on Monday)."""
    if period == MONTHLY:
        return day.replace(day=1)
    if period == WEEKLY:
        return day - dt.timedelta(days=day.weekday())
    return day


def next_round(day: dt.date, period: str) -> dt.date:
    """Return the first day of the round after the one of ``day``; with ``immediate`` rounds, the day itself."""
    first = round_day(day, period)
    if period == MONTHLY:
        return (first + dt.timedelta(days=32)).replace(day=1)
    if period == WEEKLY:
        return first + dt.timedelta(days=7)
    return first + dt.timedelta(days=1) if period == DAILY else day


def rounds_after(day: dt.date, period: str, count: int) -> dt.date:
    """Return the first day of the ``count``-th round after the one of ``day``; with ``immediate`` rounds, the day itself."""
    for _ in range(count):
        day = next_round(day, period)
    return day


def maturity(period: Label, day: dt.date) -> str:
    """Return the age class that every year of a period label shares on ``day``, else ``any``.

    A function of the label, never of the network's own date: that date is public and would part the block.
    """
    if period.level == ANY or not period.values:
        return ANY_MATURITY
    classes = {_age_class(day.year - int(year)) for year in period.values}
    return classes.pop() if len(classes) == 1 else ANY_MATURITY


ANY_MATURITY, POTENTIAL = "any", "potential"


def _age_class(years: int) -> str:
    # Whole calendar years: a network of 2024 is "2to5" from 2026 on, whatever its day.
    if years < 2:
        return "lt2"
    return "2to5" if years <= 5 else "gt5"
