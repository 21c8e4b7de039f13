"""Statistics of tier 2 over the federation: what each member told, added up by whoever wants to.

In: ``statistics/1`` documents of all followed logs and the own one, as the gate let them in. Out: one table for each of the plan, and in numbers
who told. Rules: of a member the newest document of a table and day counts, whole or not at all; a member without one is missing, never
zero; a sum over nodes is the sum of what was told, so nothing can be had from it that was not public before; a cell that no node tells
is not in the table: it may be nothing, or withheld. Source: PROTOCOL 12.6 to 12.9.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from node.domain.observatory import statistics_form
from node.domain.observatory.catalogue import INDICATORS
from node.domain.observatory.codes import TOTAL
from node.domain.observatory.figures import Cell, Status, Table, table
from node.domain.observatory.lazy import Place
from node.domain.observatory.plan import OVERLAPPING, PLAN, Kind, Planned, reference_day
from node.domain.observatory.statistics_form import Said
from node.errors import N_, CallerError
from node.store import statistics
from node.store.postgres import Connection

PERTURBED = N_(
    "Numeri modificati per il segreto statistico: al più 3 unità in ogni cella di ogni ente; 1 e 2 non compaiono mai."
)
MOVED = N_(
    "Somme delle sole celle che gli enti comunicano: dove un ente ha meno di tre reti, o una sola domina, la sua parte manca;"
    " le altre sono arrotondate e modificate."
)
TOTALS = N_("I totali sono le somme dei numeri comunicati.")
ABSENT = N_("Una cella che manca è vuota oppure coperta dal segreto: non si distingue, ed è voluto.")
LATE = N_("Un numero cambia solo quando cambiano almeno tre reti: può dire la situazione di un trimestre precedente.")
OVERLAPS = {
    "led": N_("Un'impresa può contare sotto più voci: non sommarle."),
    "line": N_("Un'assistenza può contare sotto più linee: non sommarle."),
}
MISSING = N_("Mancano enti che non hanno comunicato questa tabella per questa data: il totale non è nazionale.")
# How long after a reference day a picture with fewer members than the one before does not take its place.
GRACE_DAYS = 30
# How many quarters are looked back for a picture.
QUARTERS = 5


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of one table: the day it speaks of; how many members told, of how many known; whose documents could not be read.

    ``retold``: who told other numbers for that day, and how often; the newest count.
    """

    table: str
    day: dt.date | None
    told: tuple[str, ...]
    known: int
    refused: tuple[str, ...]
    retold: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Picture:
    """All of tier 2 as it is known here."""

    tables: tuple[Table, ...]
    coverage: tuple[Coverage, ...]

    def numbers(self) -> dict[str, int]:
        """Return the coverage as a build tells it: members known, and by table how many told."""
        known = max((found.known for found in self.coverage), default=0)
        return {"nodes_known": known, **{f"told_{found.table}": len(found.told) for found in self.coverage}}


async def tables(conn: Connection, now: dt.datetime) -> tuple[Table, ...]:
    """Return the tables of tier 2 over the federation; one that nobody told is left out."""
    return (await read(conn, now)).tables


async def coverage(conn: Connection, now: dt.datetime) -> Mapping[str, int]:
    """Return how many members are known and, by table, how many told."""
    return (await read(conn, now)).numbers()


async def read(conn: Connection, now: dt.datetime) -> Picture:
    """Return the tables of tier 2 over the federation, and who told."""
    days = [reference_day(now.date())]
    while len(days) < QUARTERS:
        days.append(reference_day(days[-1]))
    known = len(await statistics.members(conn))
    retold = await statistics.retold(conn, days[-1], days[0])
    made: list[Table] = []
    covered: list[Coverage] = []
    for planned in PLAN.values():
        day, heard = await _spoken(conn, planned, days, now.date())
        told = tuple(sorted(found.owner for found in heard.said))
        again = retold.get((planned.ident, day), {}) if day is not None else {}
        covered.append(Coverage(planned.ident, day, told, known, heard.refused, again))
        if day is not None:
            made.append(_added(planned, day, heard.said, complete=len(told) == known))
    return Picture(tuple(made), tuple(covered))


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the members told of one table at one day, and whose documents could not be read."""

    said: tuple[Said, ...]
    refused: tuple[str, ...]


async def _spoken(
    conn: Connection, planned: Planned, days: Sequence[dt.date], today: dt.date
) -> tuple[dt.date | None, _Heard]:
    """Return the reference day to tell of, newest first, and what is told: while members are still telling of it, the one before may tell more."""
    newest = heard = await _heard(conn, planned, days[0])
    for at, day in enumerate(days):
        # No more than two days are held at a time.
        before = await _heard(conn, planned, days[at + 1]) if at + 1 < len(days) else _Heard((), ())
        if heard.said and (len(heard.said) >= len(before.said) or (today - day).days > GRACE_DAYS):
            return day, heard
        heard = before
    return None, _Heard((), newest.refused)


async def _heard(conn: Connection, planned: Planned, day: dt.date) -> _Heard:
    documents = await statistics.documents(conn, planned.ident, day)
    # Hundreds of members, thousands of documents: not on the loop that answers peers.
    return await asyncio.to_thread(_sorted_out, documents)


def _sorted_out(documents: Sequence[tuple[str, bytes]]) -> _Heard:
    said: list[Said] = []
    refused: list[str] = []
    for owner, parts in itertools.groupby(documents, key=lambda row: row[0]):
        try:
            said.append(_read(owner, [orjson.loads(raw) for _, raw in parts]))
        except CallerError:
            refused.append(owner)
    return _Heard(tuple(said), tuple(refused))


def _read(owner: str, parts: Sequence[Mapping[str, object]]) -> Said:
    found = statistics_form.joined(parts)
    if found.owner != owner:
        raise statistics_form.malformed("another member's")
    return found


def _added(planned: Planned, day: dt.date, told: Sequence[Said], *, complete: bool) -> Table:
    sums: dict[Place, int] = {}
    for found in told:
        for place, value in found.cells.items():
            sums[place] = sums.get(place, 0) + value
    notes = [PERTURBED if planned.kind is Kind.COUNT else MOVED, ABSENT, LATE, TOTALS]
    notes += [OVERLAPS[name] for name in planned.codes if name in OVERLAPPING]
    notes += [] if complete else [MISSING]
    cells = [Cell(place, value, Status.ESTIMATED) for place, value in _with_totals(planned, sums).items()]
    source = INDICATORS[planned.indicator].source
    return table(
        planned.ident, planned.indicator, planned.dimensions, cells, day, tier=2, source=source, notes=tuple(notes)
    )


def _with_totals(planned: Planned, told: Mapping[Place, int]) -> dict[Place, int]:
    """Return the cells with the reader's own sums over them: of what was told, so that nothing can be had from a difference.

    Not where one record may count under several codes: a firm under ``led``, a case under ``line``.
    """
    summed = dict(told)
    for at, name in enumerate(planned.dimensions):
        if name not in OVERLAPPING:
            totals: dict[Place, int] = {}
            for place, value in summed.items():
                over = (*place[:at], TOTAL, *place[at + 1 :])
                totals[over] = totals.get(over, 0) + value
            summed |= totals
    return summed


async def stamp(conn: Connection) -> str:
    """Return what changes whenever other documents count."""
    return await statistics.stamp(conn)
