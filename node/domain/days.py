"""Days as the log and the profiles count them: whole days since 1970-01-01. Pure."""

from __future__ import annotations

import datetime as dt
from typing import Final

EPOCH: Final = dt.date(1970, 1, 1)
_LAST_S: Final = 253_402_300_799


def day_number(day: dt.date) -> int:
    """Return the days from 1970-01-01 to ``day``."""
    return (day - EPOCH).days


def day_of(number: int) -> dt.date:
    """Return the day that is ``number`` days after 1970-01-01. Raises: OverflowError past the year 9999."""
    return EPOCH + dt.timedelta(days=number)


def moment_of(seconds: int) -> dt.datetime:
    """Return the moment that many seconds after 1970-01-01, the last of the year 9999 for any later one."""
    return dt.datetime.fromtimestamp(min(seconds, _LAST_S), dt.UTC)
