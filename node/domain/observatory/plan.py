"""The plan: the few tables that a node tells of its private records, fixed before anybody looks at a record.

In: nothing. Out: each table with its dimensions, the codes that these may have, and how a cell is told. Rules: a plan has a version; what a
version says of a table never changes, so a document names the version in which its table came (``since``) and readers of that version go on
reading it; the ident of a table that is told no more is retired and never means anything else; no two tables count the same records, so that no cell is part of another one and nothing can be had by taking one
from the other; nothing is told of sums over cells: readers add up what was told. Source: docs/statistics.md 1. Pure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from node.domain.labels import KINDS, UNKNOWN
from node.domain.network import STATUSES
from node.domain.observatory import cell_key, lazy, ptable, sums
from node.domain.observatory.lazy import Parts, Place, Telling

PLAN_VERSION: Final = 2
# NUTS2, and what nobody knows.
REGIONS: Final = (
    UNKNOWN, "ITC1", "ITC2", "ITC3", "ITC4", "ITF1", "ITF2", "ITF3", "ITF4", "ITF5", "ITF6", "ITG1", "ITG2", "ITH1", "ITH2", "ITH3",
    "ITH4", "ITH5", "ITI1", "ITI2", "ITI3", "ITI4",
)  # fmt: skip
# From the first day of a quarter always into the next one.
NEXT_QUARTER_DAYS: Final = 95
LED: Final = ("women", "youth", "foreign")
OUTCOMES: Final = ("open", "declined", "introduced", "agreement", "talks", "none", "ended")
# Where an aggregation stands that is no network of the private register: one that became one is counted there, and there alone.
STAGES: Final = ("potential", "evaluated", "left-unevaluated", "left-evaluated")
LINES: Final = (
    "technical", "guidance", "design", "management", "governance", "certification", "administrative", "legal", "fiscal",
)  # fmt: skip
# One record may stand under several codes of these: nobody adds them up.
OVERLAPPING: Final = frozenset({"led", "line"})


class Kind(StrEnum):
    """How a cell is told: a perturbed count of records, or a sum of amounts in euro."""

    COUNT = "count"
    SUM = "sum"


# The greatest number of a cell: with it all cells of 1,000 members (PROTOCOL 5) add up to less than 10^15, which any reader's numbers
# hold exactly. Beyond what an office can have; one that has more tells it by silence.
MOST: Final[Mapping[Kind, int]] = {Kind.COUNT: 10**6, Kind.SUM: 10**10}


@dataclass(frozen=True, slots=True)
class Planned:
    """One table of the plan: ``records`` names what is counted, ``codes`` has the closed list of each dimension, in its order.

    ``indicator``: what it is told as (catalogue.py). ``since``: the version of the plan in which it came, which its documents name.
    """

    ident: str
    kind: Kind
    records: str
    codes: Mapping[str, tuple[str, ...]]
    indicator: str
    since: int = 1

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The names of the dimensions."""
        return tuple(self.codes)

    @property
    def most(self) -> int:
        """The greatest number that a cell may have."""
        return MOST[self.kind]

    def holds(self, place: Place) -> bool:
        """Tell whether a place is a cell of this table."""
        return len(place) == len(self.codes) and all(
            code in codes for code, codes in zip(place, self.codes.values(), strict=True)
        )

    def may_tell(self, value: int) -> bool:
        """Tell whether a number may stand in a document: never one that is told by silence, a forbidden one or one beyond reason."""
        in_bounds = max(ptable.FORBIDDEN) < value <= self.most
        return in_bounds and (self.kind is Kind.COUNT or value % sums.ROUND_EURO == 0)


_ALL: Final = (
    Planned(
        "introductions-between-regions",
        Kind.COUNT,
        "introduction",
        {"origin": REGIONS, "destination": REGIONS, "outcome": OUTCOMES},
        "introductions",
    ),
    Planned("networks-by-status", Kind.COUNT, "network", {"region": REGIONS, "status": STATUSES}, "pipeline"),
    Planned("led-firms", Kind.COUNT, "firm", {"region": REGIONS, "led": LED}, "led-firms"),
    Planned("common-fund", Kind.SUM, "fund", {"region": REGIONS, "kind": KINDS}, "common-fund"),
    Planned("pipeline-by-region", Kind.COUNT, "aggregation", {"region": REGIONS, "stage": STAGES}, "aggregations", 2),
    Planned("assistance-by-line", Kind.COUNT, "case", {"region": REGIONS, "line": LINES}, "assistance", 2),
)
PLAN: Final[Mapping[str, Planned]] = {found.ident: found for found in _ALL}
# Idents of tables that are told no more: never used again.
RETIRED: Final[frozenset[str]] = frozenset()


def telling_of(planned: Planned, secret: bytes) -> Telling:
    """Return how a table is told: its numbers, and when they may be told anew.

    Where fewer than 3 networks stand behind more records than that, each counts once: three cases of one network are no three.
    """

    def count(parts: Parts) -> int:
        units = lazy.known(part.unit for part in parts.values())
        key = cell_key.cell_key(cell_key.record_key(secret, record) for record in parts)
        return ptable.told(len(parts) if len(units) >= lazy.CHANGED_MIN else len(units), key)

    def add(parts: Parts) -> int:
        return sums.told([(cell_key.record_key(secret, unit), cents) for unit, cents in _by_unit(parts).items()])

    measure = count if planned.kind is Kind.COUNT else add

    def told(parts: Parts) -> int:
        value = measure(parts)
        # A slip of the pen in one fund must not keep all the others from being told.
        return value if value <= planned.most else sums.WITHHELD

    return Telling(told) if planned.kind is Kind.COUNT else Telling(told, _may_follow)


def _by_unit(parts: Parts, name: Callable[[str], str] = str) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts.values():
        unit = name(part.unit)
        found[unit] = found.get(unit, 0) + part.amount
    return found


def _may_follow(before: Parts, now: Parts) -> bool:
    """Tell whether a sum may be told after another: its changes betray nobody either."""
    name = lazy.naming(before, now)
    old, new = _by_unit(before, name), _by_unit(now, name)
    return sums.may_follow([(old.get(unit, 0), new.get(unit, 0)) for unit in lazy.known(old.keys() | new.keys())])


def reference_day(today: dt.date) -> dt.date:
    """Return the last day of a quarter that is over."""
    return dt.date(today.year, (today.month - 1) // 3 * 3 + 1, 1) - dt.timedelta(days=1)


def is_reference_day(day: dt.date) -> bool:
    """Tell whether a day is the last of a quarter."""
    return reference_day(day + dt.timedelta(days=1)) == day


def is_ahead(day: dt.date, last_seen: dt.date) -> bool:
    """Tell whether a reference day lies after the end of the quarter in which somebody was last seen to sign: no clock that is right gets there."""
    return day > reference_day(reference_day(last_seen) + dt.timedelta(days=1 + NEXT_QUARTER_DAYS))
