"""The register's history in tables: stock, growth, births, ends and survival, from what was counted of each edition.

In: counts of editions and of what changed between two (node/store/edition_counts). Out: tables of the first tier. Rules: a year is
told by its newest edition, a day by its own; a number is never guessed: what no edition told is unknown. Measures are ``networks``,
``firms``, ``memberships``, and of the first two by one dimension: ``networks/region``. Changes are ``changes`` by event, and
``present`` and ``stayed`` by year of the deed: networks of the earlier edition, and those of them still there in the later one. Pure.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from node.domain.labels import KINDS
from node.domain.observatory import catalogue, codes
from node.domain.observatory.figures import Cell, Number, Status, Table, table
from node.domain.theme import THEMES
from node.errors import N_

TENTH: Final = Decimal("0.1")
YEAR_NOTE: Final = N_("Ogni anno è quello della sua ultima edizione caricata; l'anno in corso è fino a quella data.")
FIRM_NOTE: Final = N_(
    "Ogni impresa conta una volta sola, con i dati della rete più recente: le parti sommano al totale."
)
LEAD_NOTE: Final = N_("Luogo e settore di una rete sono quelli dell'impresa di riferimento.")
GAP_NOTE: Final = N_("Dove manca l'edizione dell'anno prima il numero non è noto.")
REFERENCE_NOTE: Final = N_("Dove manca il numero delle imprese registrate il rapporto non è noto.")


@dataclass(frozen=True, slots=True)
class Count:
    """One number of an edition."""

    taken_on: dt.date
    measure: str
    codes: tuple[str, ...]
    value: int


@dataclass(frozen=True, slots=True)
class Change:
    """One number of what changed between the edition of ``since`` and a later one."""

    taken_on: dt.date
    since: dt.date
    measure: str
    codes: tuple[str, ...]
    value: int


@dataclass(frozen=True, slots=True)
class Places:
    """The codes that have a cell in each year, also where nothing was counted."""

    regions: tuple[str, ...]
    provinces: tuple[str, ...]
    sections: tuple[str, ...]


def newest_of_years(days: Iterable[dt.date]) -> dict[int, dt.date]:
    """Return the newest day of each year, oldest year first."""
    found: dict[int, dt.date] = {}
    for day in sorted(days):
        found[day.year] = day
    return found


def wanted_pairs(days: Iterable[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """Return between which editions the changes are wanted, as (later, earlier).

    Of each day, since the one before it; and of the newest of each year, since the newest of the year before that was told.
    """
    ordered = sorted(days)
    steps = {(later, earlier) for earlier, later in itertools.pairwise(ordered)}
    years = list(newest_of_years(ordered).values())
    return sorted(steps | {(later, earlier) for earlier, later in itertools.pairwise(years)})


class _History:
    """What was counted, by what it is asked for."""

    def __init__(self, counts: Iterable[Count], changes: Iterable[Change]) -> None:
        self.values: dict[str, dict[dt.date, dict[tuple[str, ...], int]]] = {}
        for count in counts:
            self.values.setdefault(count.measure, {}).setdefault(count.taken_on, {})[count.codes] = count.value
        self.changes: dict[tuple[dt.date, dt.date], dict[str, dict[str, int]]] = {}
        for change in changes:
            pair = self.changes.setdefault((change.taken_on, change.since), {})
            pair.setdefault(change.measure, {})[change.codes[0]] = change.value
        self.days = sorted(self.values.get("networks", {}))
        self.years = newest_of_years(self.days)

    def at(self, measure: str, day: dt.date) -> dict[tuple[str, ...], int]:
        return self.values.get(measure, {}).get(day, {})

    def total(self, measure: str, day: dt.date) -> int:
        return self.at(measure, day).get((), 0)


# (table, indicator, measure, the codes that always have a cell, note)
_Plan = tuple[str, str, str, tuple[str, ...], str]


def _plans(places: Places) -> tuple[_Plan, ...]:
    firm, lead = FIRM_NOTE, LEAD_NOTE
    return (
        ("networks-by-region", "networks", "networks/region", places.regions, lead),
        ("networks-by-province", "networks", "networks/province", places.provinces, lead),
        ("networks-by-section", "networks", "networks/section", places.sections, lead),
        ("networks-by-division", "networks", "networks/division", (), lead),
        ("networks-by-kind", "networks", "networks/kind", KINDS, ""),
        ("networks-by-theme", "networks-by-theme", "networks/theme", THEMES, ""),
        ("networks-by-members", "networks-by-size", "networks/members", tuple(codes.MEMBERS)[1:], ""),
        ("networks-by-size", "networks-by-size", "networks/size_class", tuple(codes.SIZE_CLASSES)[1:], ""),
        ("networks-by-spread", "networks-by-spread", "networks/spread", tuple(codes.SPREADS), ""),
        ("networks-by-provinces", "networks-by-spread", "networks/provinces", tuple(codes.PROVINCES), ""),
        ("firms-by-region", "firms", "firms/region", places.regions, firm),
        ("firms-by-province", "firms", "firms/province", places.provinces, firm),
        ("firms-by-section", "firms", "firms/section", places.sections, firm),
        ("firms-by-division", "firms", "firms/division", (), firm),
        ("firms-by-legal-form", "firms-by-legal-form", "firms/legal_form", (), firm),
    )


def tables(
    counts: Iterable[Count],
    changes: Iterable[Change],
    places: Places,
    registered: Mapping[tuple[int, str], int],
) -> list[Table]:
    """Return all tables of the register's history; none before the first edition.

    ``registered``: firms registered by year and region, for the density.
    """
    history = _History(counts, changes)
    if not history.days:
        return []
    return [
        *_totals(history),
        *(_by(history, plan) for plan in _plans(places)),
        _born_and_ended(history),
        _survival(history),
        _density(history, places, registered),
    ]


def _totals(history: _History) -> list[Table]:
    as_of, found = history.days[-1], []
    for measure in ("networks", "firms", "memberships"):
        by_year = {str(year): history.total(measure, day) for year, day in history.years.items()}
        by_day = {day.isoformat(): history.total(measure, day) for day in history.days}
        found += [
            _told(f"{measure}-by-year", measure, ("year",), _cells(by_year), as_of, YEAR_NOTE),
            _told(f"{measure}-by-day", measure, ("day",), _cells(by_day), as_of),
        ]
        if measure != "memberships":
            found.append(_told(f"{measure}-growth", "growth", ("year",), _growth(history, measure), as_of, GAP_NOTE))
    by_region = [
        Cell((day.isoformat(), *at), value)
        for day in history.days
        for at, value in history.at("firms/region", day).items()
    ]
    return [*found, _told("firms-by-region-and-day", "firms", ("day", "region"), by_region, as_of, FIRM_NOTE)]


def _cells(values: Mapping[str, Number]) -> list[Cell]:
    return [Cell((code,), value) for code, value in values.items()]


def _growth(history: _History, measure: str) -> list[Cell]:
    cells = []
    for year, day in list(history.years.items())[1:]:
        before = history.years.get(year - 1)
        was = history.total(measure, before) if before else 0
        cells.append(_rate((str(year),), 100 * (history.total(measure, day) - was), was))
    return cells


def _rate(at: tuple[str, ...], above: int, below: int) -> Cell:
    """Return a quotient to one decimal; unknown where nothing stands below."""
    if not below:
        return Cell(at, None, Status.UNKNOWN)
    return Cell(at, (Decimal(above) / Decimal(below)).quantize(TENTH))


def _by(history: _History, plan: _Plan) -> Table:
    ident, indicator, measure, always, note = plan
    cells = []
    for year, day in history.years.items():
        found = {(code,): 0 for code in always} | history.at(measure, day)
        cells += [Cell((str(year), *at), value) for at, value in found.items()]
    dimension = measure.partition("/")[2]
    return _told(ident, indicator, ("year", dimension), cells, history.days[-1], YEAR_NOTE, note)


def _told(
    ident: str, indicator: str, dimensions: tuple[str, ...], cells: list[Cell], as_of: dt.date, *notes: str
) -> Table:
    source = catalogue.INDICATORS[indicator].source
    said = tuple(note for note in notes if note)
    return table(ident, indicator, dimensions, cells, as_of, source=source, notes=said)


def _year_steps(history: _History) -> list[tuple[int, int, Mapping[str, Mapping[str, int]] | None]]:
    """Return (year, the year told before it, what changed between their editions), None where nobody counted it."""
    years = list(history.years.items())
    return [
        (year, last, history.changes.get((day, before))) for (last, before), (year, day) in itertools.pairwise(years)
    ]


def _born_and_ended(history: _History) -> Table:
    cells = []
    for year, last, pair in _year_steps(history):
        told = pair["changes"] if pair is not None and last == year - 1 else None
        for event in codes.EVENTS:
            at = (str(year), event)
            cells.append(Cell(at, None, Status.UNKNOWN) if told is None else Cell(at, told.get(event, 0)))
    notes = (YEAR_NOTE, GAP_NOTE)
    return _told("networks-born-and-ended", "born-and-ended", ("year", "event"), cells, history.days[-1], *notes)


def _survival(history: _History) -> Table:
    cells: list[Cell] = []
    steps = _year_steps(history)
    for cohort in history.years:
        cells.append(Cell((str(cohort), "0"), Decimal(100).quantize(TENTH)))
        cells += _survivors(cohort, [step for step in steps if step[0] > cohort])
    notes = (YEAR_NOTE, GAP_NOTE)
    return _told("survival", "survival", ("cohort", "age"), cells, history.days[-1], *notes)


def _survivors(cohort: int, steps: Sequence[tuple[int, int, Mapping[str, Mapping[str, int]] | None]]) -> list[Cell]:
    """Return the cohort's cells after its own year: the product of who stayed over who was there, step by step."""
    cells, stayed, present = [], 100, 1
    for year, _, pair in steps:
        here = 0 if pair is None else pair.get("present", {}).get(str(cohort), 0)
        if pair is not None and here:
            stayed *= pair.get("stayed", {}).get(str(cohort), 0)
        present *= here
        cells.append(_rate((str(cohort), str(year - cohort)), stayed, present))
    return cells


def _density(history: _History, places: Places, registered: Mapping[tuple[int, str], int]) -> Table:
    cells = []
    for year, day in history.years.items():
        found = history.at("firms/region", day)
        for region in places.regions:
            here = found.get((region,), 0)
            cells.append(_rate((str(year), region), 10_000 * here, registered.get((year, region), 0)))
    notes = (YEAR_NOTE, FIRM_NOTE, REFERENCE_NOTE)
    return _told("density-by-region", "density", ("year", "region"), cells, history.days[-1], *notes)
