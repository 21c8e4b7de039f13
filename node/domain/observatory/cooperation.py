"""Published profiles in tables: where they are, what they look for and offer, which regions could meet, who covers what.

In: counts of profiles by the labels that they show (node/store/profile_counts). Out: tables of the first tier. Rule: a label is a set
of places, sectors or themes of which one is true and hidden; a profile counts in each by the share of the set that lies there, so
that sums are whole numbers of profiles; a label that says nothing counts as not known. Such parts are marked as estimated. Pure.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from node.domain.labels import ANY, UNKNOWN, LabelReference, decode
from node.domain.observatory import catalogue, codes
from node.domain.observatory.figures import Cell, Status, Table, table
from node.domain.theme import THEMES
from node.errors import N_

NEED, OFFER = "need", "offer"
PARTS_NOTE: Final = N_(
    "Un profilo che può stare in più luoghi, settori o temi conta per una parte in ognuno: i numeri sono stime, e sommano al totale"
    " salvo arrotondamenti."
)
MATCHES_NOTE: Final = N_(
    "Da: chi cerca. A: chi offre. Un profilo che cerca e offre la stessa cosa non incontra se stesso."
)
HERE_NOTE: Final = N_("Come lo vede questo nodo: gli altri possono avere copie più o meno recenti.")
# As the search finds them: whose log tells two stories is heard by nobody in new things, what it published before stands.
WHOSE_NOTE: Final = N_(
    "Contano i profili validi, come nella ricerca: anche quelli dei registri in quarantena, non quelli dei nodi sospesi o usciti."
)
TENTH: Final = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Labelled:
    """How many profiles of an owner show a label of territory and one of theme."""

    owner: str
    territory: str
    theme: str
    profiles: int


@dataclass(frozen=True, slots=True)
class Want:
    """How many profiles with these labels look for (``need``) or offer (``offer``) something."""

    side: str
    category: str
    territory: str
    sector: str
    profiles: int


@dataclass(frozen=True, slots=True)
class Published:
    """All that is counted of published profiles; ``own``: those that look for what they offer, by territory."""

    labelled: tuple[Labelled, ...]
    wants: tuple[Want, ...]
    own: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Covered:
    """One log: whose it is, how long it is here, whether that is its newest state."""

    body: str
    entries: int
    is_current: bool


class _Shares:
    """Labels laid over units: of each, which part of it lies in each unit."""

    def __init__(self, reference: LabelReference, attribute: str, units: Sequence[str]) -> None:
        self._reference, self._attribute, self._units = reference, attribute, tuple(units)
        self._known: dict[str, tuple[tuple[str, float], ...]] = {}

    def of(self, label: str) -> tuple[tuple[str, float], ...]:
        """Return (unit, share) of a label as ``labels.encode`` wrote it; shares sum to one."""
        if label not in self._known:
            self._known[label] = self._parts(decode(label)[1])
        return self._known[label]

    def _parts(self, values: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
        # The term of the whole: a label that says nothing, or something that this node can't place.
        if self._reference.terms(self._attribute, values)[-1].endswith(f"={ANY}"):
            return ((UNKNOWN, 1.0),)
        found = ((unit, self._reference.share(self._attribute, values, unit)) for unit in self._units)
        return tuple((unit, share) for unit, share in found if share > 0)


def tables(
    published: Published, covered: Iterable[Covered], reference: LabelReference, sections: Sequence[str], as_of: dt.date
) -> list[Table]:
    """Return all tables of published profiles, and how the federation is covered."""
    regions = [area.code for area in reference.territories.regions]
    places = _Shares(reference, "territory", regions)
    sectors = _Shares(reference, "sector", sections)
    themes = _Shares(reference, "theme", THEMES)
    by_region = _spread(((row.territory, row.profiles) for row in published.labelled), places, regions)
    by_theme = _spread(((row.theme, row.profiles) for row in published.labelled), themes, THEMES)
    told = [
        _estimated("profiles-by-region", "profiles", ("region",), by_region, as_of),
        _estimated("profiles-by-theme", "profiles", ("theme",), by_theme, as_of),
        *_wanted(published.wants, places, "territory", "region", "capability", as_of),
        *_wanted(published.wants, sectors, "sector", "section", "section", as_of),
        _estimated(
            "matches-between-regions",
            "matches",
            ("origin", "destination"),
            _matches(published, places, regions),
            as_of,
            MATCHES_NOTE,
        ),
    ]
    return [*told, *_bodies(published, covered, as_of)]


def _spread(counted: Iterable[tuple[str, int]], shares: _Shares, units: Sequence[str]) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {(unit,): 0.0 for unit in units}
    for label, profiles in counted:
        for unit, share in shares.of(label):
            found[unit,] = found.get((unit,), 0.0) + share * profiles
    return found


def _wanted(
    wants: Sequence[Want], shares: _Shares, attribute: str, dimension: str, named: str, as_of: dt.date
) -> list[Table]:
    sides: dict[str, dict[tuple[str, ...], float]] = {NEED: defaultdict(float), OFFER: defaultdict(float)}
    for want in wants:
        if want.category in codes.NEEDS:
            for unit, share in shares.of(want.territory if attribute == "territory" else want.sector):
                sides[want.side][want.category, unit] += share * want.profiles
    places = sorted({*sides[NEED], *sides[OFFER]})
    needs = {at: sides[NEED].get(at, 0.0) for at in places}
    offers = {at: sides[OFFER].get(at, 0.0) for at in places}
    gap = {at: needs[at] - offers[at] for at in places}
    dimensions = ("capability", dimension)
    return [
        _estimated(f"{indicator}-by-{named}", indicator, dimensions, values, as_of)
        for indicator, values in (("needs", needs), ("offers", offers), ("gap", gap))
    ]


def _matches(published: Published, places: _Shares, regions: Sequence[str]) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {(one, other): 0.0 for one in regions for other in regions}
    sides: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for want in published.wants:
        for unit, share in places.of(want.territory):
            sides[want.side, want.category][unit] += share * want.profiles
    for category in sorted({want.category for want in published.wants}):
        for origin, looking in sides[NEED, category].items():
            for destination, offering in sides[OFFER, category].items():
                found[origin, destination] = found.get((origin, destination), 0.0) + looking * offering
    for label, profiles in sorted(published.own.items()):
        parts = places.of(label)
        for origin, one in parts:
            for destination, other in parts:
                found[origin, destination] -= one * other * profiles
    return found


def _bodies(published: Published, covered: Iterable[Covered], as_of: dt.date) -> list[Table]:
    profiles: dict[str, int] = {}
    facts: dict[tuple[str, str], int] = {}
    for log in covered:
        profiles.setdefault(log.body, 0)
        facts[log.body, "entries"] = facts.get((log.body, "entries"), 0) + log.entries
        facts[log.body, "current"] = min(facts.get((log.body, "current"), 1), int(log.is_current))
    for row in published.labelled:
        profiles[row.owner] = profiles.get(row.owner, 0) + row.profiles
    by_body = [Cell((body,), count) for body, count in profiles.items()]
    # The same number in both tables.
    facts |= {(body, "profiles"): count for body, count in profiles.items()}
    coverage = [Cell(at, value) for at, value in facts.items()]
    said, notes = catalogue.FEDERATION, (HERE_NOTE, WHOSE_NOTE)
    return [
        table("profiles-by-body", "profiles", ("body",), by_body, as_of, source=catalogue.PROFILES, notes=notes),
        table("coverage-by-body", "coverage", ("body", "coverage"), coverage, as_of, source=said, notes=notes),
    ]


def _estimated(
    ident: str,
    indicator: str,
    dimensions: tuple[str, ...],
    values: Mapping[tuple[str, ...], float],
    as_of: dt.date,
    *notes: str,
) -> Table:
    """Return a table of parts: a whole number is told as such, any other to one decimal and as an estimate."""
    cells = [_part(at, value) for at, value in values.items()]
    return table(
        ident, indicator, dimensions, cells, as_of, source=catalogue.PROFILES, notes=(*notes, PARTS_NOTE, WHOSE_NOTE)
    )


def _part(at: tuple[str, ...], value: float) -> Cell:
    whole = round(value)
    if abs(value - whole) < 1e-6:
        return Cell(at, whole)
    return Cell(at, Decimal(repr(value)).quantize(TENTH) + 0, Status.ESTIMATED)
