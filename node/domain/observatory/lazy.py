"""Lazy release: a number that was told is told again until enough has changed that the change is nobody's.

In: of a table, what each cell was told as and what it was based on; what contributes now. Out: the cells as they are told now. Rules:

1. The first release of a table tells what is there.
2. After it a cell is told anew only when enough differs from what its number was BASED on, and also from what was SEEN at the last release, told
   anew or not. The first keeps two different numbers three networks apart; the second that nobody's single step is the third that tips the
   scale after two that waited. Enough are records of 3 networks; of a sum the table says more (sums.py).
3. What differs is found by comparing lists, never by counting events: who goes and comes back has not changed.
4. A network counts once, however many of its records changed (its firms, its cases). Whom a record was given to before and whom it is given to now
   are one; of records of whom nothing is known nobody can tell whose they are, so that they never make one more.
5. Numbers that were published and whose lists are lost are adopted as they stand, with what is there now as their basis.

Source: docs/statistics.md 3. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

CHANGED_MIN: Final = 3
# The unit of a record of whom nothing is known. Of all units it is the least.
NOBODY: Final = "00000000-0000-0000-0000-000000000000"
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
Enough = Callable[[Parts, Parts], bool]


@dataclass(frozen=True, slots=True)
class CellState:
    """A cell as it was told: its number (0: not told), what that was based on, and what was seen at the last release."""

    value: int = 0
    base: Parts = field(default_factory=dict)
    seen: Parts = field(default_factory=dict)


# What a table was told as; None before its first release.
TableState = Mapping[Place, CellState]
NOTHING: Final = CellState()


def known(units: Iterable[str]) -> frozenset[str]:
    """Return who is behind units: whoever is not known may be one of the others."""
    found = frozenset(units)
    return found - {NOBODY} or found


def naming(before: Parts, now: Parts) -> Callable[[str], str]:
    """Return what gives units that are one the same name: those of a record that the two lists give to different ones."""
    one_as: dict[str, str] = {}

    def name(unit: str) -> str:
        while unit in one_as:
            unit = one_as[unit]
        return unit

    for record in before.keys() & now.keys():
        # NOBODY stays the name of all that it is one with.
        least, other = sorted((name(before[record].unit), name(now[record].unit)))
        if least != other:
            one_as[other] = least
    return name


def changed_units(before: Parts, now: Parts) -> frozenset[str]:
    """Return whose records came, went, or give another amount."""
    name = naming(before, now)
    units = set()
    for record in before.keys() | now.keys():
        found = [parts[record] for parts in (before, now) if record in parts]
        if len(found) == 1 or found[0].amount != found[1].amount:
            units.add(name(found[0].unit))
    return known(units)


def are_three(before: Parts, now: Parts) -> bool:
    """Tell whether records of three networks differ."""
    return len(changed_units(before, now)) >= CHANGED_MIN


@dataclass(frozen=True, slots=True)
class Telling:
    """How a table is told: what makes a number of a cell's records, and whether two lists differ enough for another number."""

    measure: Measure
    enough: Enough = are_three


def may_refresh(cell: CellState, now: Parts, enough: Enough = are_three) -> bool:
    """Tell whether a cell may be told anew."""
    return all(enough(before, now) for before in (cell.base, cell.seen))


def release(state: TableState | None, contents: Contents, telling: Telling) -> dict[Place, CellState]:
    """Return a table as it is told now, cells in order of their codes; those that never held anything are left out."""
    measure = telling.measure
    if state is None:
        return {place: CellState(measure(now), now, now) for place, now in sorted(contents.items()) if now}
    told: dict[Place, CellState] = {}
    for place in sorted(state.keys() | contents.keys()):
        cell, now = state.get(place, NOTHING), contents.get(place, {})
        anew = may_refresh(cell, now, telling.enough)
        cell = CellState(measure(now), now, now) if anew else CellState(cell.value, cell.base, now)
        if cell.value or cell.base or cell.seen:
            told[place] = cell
    return told


def adopt(values: Mapping[Place, int], contents: Contents) -> dict[Place, CellState]:
    """Return the state of a table whose numbers were published and whose lists are lost: they stand, on what is there now."""
    places = sorted(values.keys() | {place for place, now in contents.items() if now})
    return {
        place: CellState(values.get(place, 0), contents.get(place, {}), contents.get(place, {})) for place in places
    }
