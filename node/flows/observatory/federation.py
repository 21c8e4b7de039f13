"""Statistics of tier 2 over the federation: what each member told, added up by whoever wants to.

In: ``statistics/1`` documents of all followed logs and the own one, as the gate let them in. Out: one table for each of the plan, and in numbers
who told. Rules: of a member the newest document of a table and day counts, whole or not at all; a member without one is missing, never
zero; a sum over nodes is the sum of what was told, so nothing can be had from it that was not public before; a cell that no node tells
is not in the table: it may be nothing, or withheld. Source: PROTOCOL 12.6 to 12.9.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from node.domain.observatory import statistics_form
from node.domain.observatory.catalogue import INDICATORS
from node.domain.observatory.codes import TOTAL
from node.domain.observatory.figures import Cell, Status, Table, table
from node.domain.observatory.lazy import Place
from node.domain.observatory.plan import PLAN, Kind, Planned, reference_day
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
OVERLAP = N_("Un'impresa può contare sotto più voci: non sommarle.")
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
    documents = await statistics.documents(conn, days[-1], days[0])
    members = await statistics.members(conn)
    retold = await statistics.retold(conn, days[-1], days[0])
    # Hundreds of members, thousands of documents: not on the loop that answers peers.
    found = await asyncio.to_thread(_picture, documents, len(members), days, now.date())
    marked = (replace(c, retold=retold.get((c.table, c.day), {})) if c.day else c for c in found.coverage)
    return replace(found, coverage=tuple(marked))


def _picture(
    documents: Mapping[tuple[str, str, dt.date], Sequence[Mapping[str, object]]],
    known: int,
    days: Sequence[dt.date],
    today: dt.date,
) -> Picture:
    said: dict[tuple[str, dt.date], list[Said]] = {}
    refused: dict[tuple[str, dt.date], list[str]] = {}
    for (owner, ident, day), parts in documents.items():
        try:
            said.setdefault((ident, day), []).append(_read(owner, parts))
        except CallerError:
            refused.setdefault((ident, day), []).append(owner)
    made: list[Table] = []
    covered: list[Coverage] = []
    for ident, planned in PLAN.items():
        spoken = _day_of(ident, days, said, today)
        found = said.get((ident, spoken), []) if spoken else []
        bad = tuple(sorted(refused.get((ident, spoken or days[0]), ())))
        covered.append(Coverage(ident, spoken, tuple(sorted(f.owner for f in found)), known, bad))
        if spoken is not None:
            made.append(_added(planned, spoken, found, complete=len(found) == known))
    return Picture(tuple(made), tuple(covered))


def _read(owner: str, parts: Sequence[Mapping[str, object]]) -> Said:
    found = statistics_form.joined(parts)
    if found.owner != owner:
        raise statistics_form.malformed("another member's")
    return found


def _day_of(
    ident: str, days: Sequence[dt.date], said: Mapping[tuple[str, dt.date], Sequence[Said]], today: dt.date
) -> dt.date | None:
    """Return the reference day to tell of, newest first: while members are still telling of it, the one before may tell more."""
    told = [(day, len(said.get((ident, day), ()))) for day in days]
    for at, (day, count) in enumerate(told):
        before = told[at + 1][1] if at + 1 < len(told) else 0
        if count and (count >= before or (today - day).days > GRACE_DAYS):
            return day
    return None


def _added(planned: Planned, day: dt.date, told: Sequence[Said], *, complete: bool) -> Table:
    sums: dict[Place, int] = {}
    for found in told:
        for place, value in found.cells.items():
            sums[place] = sums.get(place, 0) + value
    notes = [PERTURBED if planned.kind is Kind.COUNT else MOVED, ABSENT, LATE, TOTALS]
    notes += [OVERLAP] if "led" in planned.codes else []
    notes += [] if complete else [MISSING]
    cells = [Cell(place, value, Status.ESTIMATED) for place, value in _with_totals(planned, sums).items()]
    source = INDICATORS[planned.indicator].source
    return table(
        planned.ident, planned.indicator, planned.dimensions, cells, day, tier=2, source=source, notes=tuple(notes)
    )


def _with_totals(planned: Planned, told: Mapping[Place, int]) -> dict[Place, int]:
    """Return the cells with the reader's own sums over them: of what was told, so that nothing can be had from a difference.

    Not over ``led``: a firm may count under several of its codes.
    """
    summed = dict(told)
    for at, name in enumerate(planned.dimensions):
        if name != "led":
            totals: dict[Place, int] = {}
            for place, value in summed.items():
                over = (*place[:at], TOTAL, *place[at + 1 :])
                totals[over] = totals.get(over, 0) + value
            summed |= totals
    return summed


async def stamp(conn: Connection) -> str:
    """Return what changes whenever other documents count."""
    return await statistics.stamp(conn)
