"""Lazy release: a number that was told is told again until enough has changed that the change is nobody's.

In: of a table, what each cell was told as and what it was based on; what contributes now. Out: the cells as they are told now. Rules:

1. The first release of a table tells what is there.
2. After it a cell is told anew only when records of 3 networks or more differ from those that its number was BASED on, and also 3 or more from
   those SEEN at the last release, told anew or not. The first keeps two different numbers three networks apart; the second that nobody's single
   step is the third that tips the scale after two that waited.
3. What differs is found by comparing lists, never by counting events: who goes and comes back has not changed.
4. A network counts once, however many of its records changed (its firms, its cases).
5. Numbers that were published and whose lists are lost are adopted as they stand, with what is there now as their basis.

Source: docs/statistics.md 3. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

CHANGED_MIN: Final = 3
# The codes of a cell.
Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What one record gives to a cell: ``unit`` is whom it must not betray (a network); ``amount`` is 1, or cents."""

    unit: str
    amount: int = 1


# Records by id.
Parts = Mapping[str, Part]
# What contributes to each cell of a table.
Contents = Mapping[Place, Parts]
Measure = Callable[[Parts], int]


@dataclass(frozen=True, slots=True)
class CellState:
    """A cell as it was told: its number (0: not told), what that was based on, and what was seen at the last release."""

    value: int = 0
    base: Parts = field(default_factory=dict)
    seen: Parts = field(default_factory=dict)


# What a table was told as; None before its first release.
TableState = Mapping[Place, CellState]
NOTHING: Final = CellState()


def changed_units(before: Parts, now: Parts) -> frozenset[str]:
    """Return whose records came, went, or give another amount."""
    units: set[str] = set()
    for record in before.keys() | now.keys():
        old, new = before.get(record), now.get(record)
        if old is None or new is None or old.amount != new.amount:
            found = new or old
            units.add(found.unit if found else record)
    return frozenset(units)


def may_refresh(cell: CellState, now: Parts) -> bool:
    """Tell whether a cell may be told anew."""
    return all(len(changed_units(before, now)) >= CHANGED_MIN for before in (cell.base, cell.seen))


def release(state: TableState | None, contents: Contents, measure: Measure) -> dict[Place, CellState]:
    """Return a table as it is told now, cells in order of their codes; those that never held anything are left out."""
    if state is None:
        return {place: CellState(measure(now), now, now) for place, now in sorted(contents.items()) if now}
    told: dict[Place, CellState] = {}
    for place in sorted(state.keys() | contents.keys()):
        cell, now = state.get(place, NOTHING), contents.get(place, {})
        cell = CellState(measure(now), now, now) if may_refresh(cell, now) else CellState(cell.value, cell.base, now)
        if cell.value or cell.base or cell.seen:
            told[place] = cell
    return told


def adopt(values: Mapping[Place, int], contents: Contents) -> dict[Place, CellState]:
    """Return the state of a table whose numbers were published and whose lists are lost: they stand, on what is there now."""
    places = sorted(values.keys() | {place for place, now in contents.items() if now})
    return {
        place: CellState(values.get(place, 0), contents.get(place, {}), contents.get(place, {})) for place in places
    }
