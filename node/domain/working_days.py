"""Working days of Italian offices: Monday to Friday without national holidays. Pure.

In: a day and how many working days a step takes. Out: the day on which it ends. The holidays come from the package ``holidays``, which
follows the law (Saint Francis is one again from 2026); the patron saint of a town is not among them. Source: art. 2 L. 260/1949 and later laws.
"""

from __future__ import annotations

import datetime as dt
import functools


@functools.cache
def _holidays(year: int) -> frozenset[dt.date]:
    # A tenth of a second of every command's start otherwise; few commands ask for a day.
    from holidays import country_holidays  # noqa: PLC0415

    return frozenset(country_holidays("IT", years=year))


def is_working(day: dt.date) -> bool:
    """Tell whether offices are open on a day."""
    return day.weekday() < 5 and day not in _holidays(day.year)


def add_working_days(day: dt.date, count: int) -> dt.date:
    """Return the last of ``count`` working days that follow ``day``."""
    while count > 0:
        day += dt.timedelta(days=1)
        count -= is_working(day)
    return day
