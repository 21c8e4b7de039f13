"""The programme in tables, as the signed catalogue announces it: sessions, calls, what came out of them, courses.

In: what was announced, counted or judged by somebody else (node/flows/observatory/announced). Out: tables of the first tier: all of it is public,
at every node alike. Rules: a year is that of the day on which something takes place; who is announced for one region counts there, by the
municipality first; for several regions or for all Italy under "?"; a number that is not there, of a year and a region or a body that
have others, is nought: here nothing is hidden. Pure.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from node.domain.labels import UNKNOWN
from node.domain.observatory import catalogue, codes
from node.domain.observatory.figures import Cell, Number, Table, table
from node.domain.observatory.placing import region_of
from node.domain.territory import Territories
from node.errors import N_

HELD, AHEAD = "held", "ahead"
NOT_WITHDRAWN: Final = N_("Ciò che un ente ha ritirato non conta; vale ciò che si legge oggi nei registri firmati.")
ONE_REGION: Final = N_("Ciò che è annunciato per più regioni, o per tutta Italia, sta tra i non noti.")
SEVERAL_ISSUERS: Final = N_("Un bando conta per ognuno degli enti che lo emettono: non sommarli.")
Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meeting:
    """An information session or an edition of a course: whose, when it begins, where; ``course``: the course's id, "" of a session."""

    owner: str
    begins: dt.date
    regions: tuple[str, ...]
    municipality: str = ""
    course: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A call that all its issuers endorse and that has opened; ``opened``: the day."""

    issuers: tuple[str, ...]
    regions: tuple[str, ...]
    opened: dt.date


@dataclass(frozen=True, slots=True)
class Applied:
    """One row of a ranking that all issuers have published: at which office, for which regions, what became of it."""

    office: str
    regions: tuple[str, ...]
    published: dt.date
    result: str
    granted: Decimal


@dataclass(frozen=True, slots=True)
class Announced:
    """All that is counted."""

    sessions: Sequence[Meeting] = ()
    editions: Sequence[Meeting] = ()
    calls: Sequence[Opened] = ()
    applications: Sequence[Applied] = ()


def tables(found: Announced, territories: Territories, today: dt.date) -> list[Table]:
    """Return the tables of what is announced; of what nobody ever announced there is none."""
    said = _Told(tuple(area.code for area in territories.regions), territories, today)
    return [*said.meetings(found), *said.calls(found), *said.results(found)]


class _Told:
    def __init__(self, regions: tuple[str, ...], territories: Territories, today: dt.date) -> None:
        self._regions, self._territories, self._today = regions, territories, today

    def meetings(self, found: Announced) -> Iterable[Table]:
        for indicator, meetings in (("sessions", found.sessions), ("editions", found.editions)):
            by_region = _counted((_year(m.begins), self._place(m), self._when(m)) for m in meetings)
            by_body = _counted((_year(m.begins), m.owner, self._when(m)) for m in meetings)
            yield from self._told(f"{indicator}-by-region", indicator, "region", ("when", codes.WHEN), by_region)
            yield from self._told(f"{indicator}-by-body", indicator, "body", ("when", codes.WHEN), by_body)
        courses = {(_year(m.begins), m.owner, m.course) for m in found.editions}
        yield from self._told("courses-by-body", "courses", "body", None, _counted(each[:2] for each in courses))

    def calls(self, found: Announced) -> Iterable[Table]:
        by_region = _counted((_year(call.opened), self._one(call.regions)) for call in found.calls)
        by_body = _counted((_year(call.opened), body) for call in found.calls for body in call.issuers)
        yield from self._told("calls-by-region", "calls", "region", None, by_region)
        yield from self._told("calls-by-body", "calls", "body", None, by_body, SEVERAL_ISSUERS)

    def results(self, found: Announced) -> Iterable[Table]:
        rows = found.applications
        by_region = _counted((_year(row.published), self._one(row.regions), row.result) for row in rows)
        by_body = _counted((_year(row.published), row.office, row.result) for row in rows)
        results = ("result", codes.RESULTS)
        yield from self._told("applications-by-region", "applications", "region", results, by_region)
        yield from self._told("applications-by-body", "applications", "body", results, by_body)
        sums: dict[str, dict[Place, Number]] = {"region": {}, "body": {}}
        for row in rows:
            for name, code in (("region", self._one(row.regions)), ("body", row.office)):
                at = (_year(row.published), code)
                sums[name][at] = sums[name].get(at, Decimal("0.00")) + row.granted
        for name, counted in sums.items():
            yield from self._told(f"grants-by-{name}", "grants", name, None, counted)

    def _when(self, meeting: Meeting) -> str:
        return HELD if meeting.begins < self._today else AHEAD

    def _place(self, meeting: Meeting) -> str:
        found = region_of(meeting.municipality, self._territories)
        return self._one(meeting.regions) if found == UNKNOWN else found

    def _one(self, regions: Sequence[str]) -> str:
        # What another node announces may name a region that there is not.
        return regions[0] if len(regions) == 1 and regions[0] in self._regions else UNKNOWN

    def _told(
        self,
        ident: str,
        indicator: str,
        name: str,
        more: tuple[str, Mapping[str, str]] | None,
        counted: Mapping[Place, Number],
        *notes: str,
    ) -> Iterable[Table]:
        if not counted:
            return
        nought: Number = Decimal("0.00") if indicator == "grants" else 0
        years = {at[0] for at in counted}
        places = {at[1] for at in counted} | (set(self._regions) if name == "region" else set())
        ends: list[Place] = [(code,) for code in more[1]] if more else [()]
        cells = [
            Cell((year, place, *end), counted.get((year, place, *end), nought))
            for year in years
            for place in places
            for end in ends
        ]
        dimensions = ("year", name, *((more[0],) if more else ()))
        told = (*notes, *((ONE_REGION,) if name == "region" else ()), NOT_WITHDRAWN)
        yield table(ident, indicator, dimensions, cells, self._today, source=catalogue.ANNOUNCED, notes=told)


def _year(day: dt.date) -> str:
    return f"{day.year:04}"


def _counted(places: Iterable[Place]) -> Mapping[Place, Number]:
    return dict(Counter(places))
