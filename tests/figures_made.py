"""Invented figures of the Observatory: every table of the catalogue, plausible, with cells of each status, always the same."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import random
from collections.abc import Sequence
from decimal import Decimal

from node.domain.observatory.codes import DIMENSIONS, OUTCOMES, STATUSES, TOTAL
from node.domain.observatory.figures import Cell, Figures, Status, Table, encode, table
from node.domain.territory import Territories
from node.domain.theme import THEMES
from node.runtime import Node
from node.store import observatory as store
from node.store.postgres import Pool, acquire
from node.store.reference import load_sectors, load_territories

AS_OF = dt.date(2026, 10, 31)
MADE_AT = dt.datetime(2026, 11, 20, 6, 30, tzinfo=dt.UTC)
YEARS = tuple(str(year) for year in range(2015, 2027))
RELEASE = "2026-06-30"
COVERAGE = {"editions": len(YEARS), "nodes": 40, "nodes_current": 38, "profiles": 5200}
# (ident, indicator, dimensions, tier); what else a code may be stands in ``codes_of``.
TABLES: tuple[tuple[str, str, tuple[str, ...], int], ...] = (
    ("networks-by-year", "networks", ("year",), 1),
    ("firms-by-year", "firms", ("year",), 1),
    ("networks-growth", "growth", ("year",), 1),
    ("networks-by-day", "networks", ("day",), 1),
    ("networks-by-region", "networks", ("year", "region"), 1),
    ("networks-by-province", "networks", ("year", "province"), 1),
    ("firms-by-region", "firms", ("year", "region"), 1),
    ("firms-by-province", "firms", ("year", "province"), 1),
    ("firms-by-region-and-day", "firms", ("day", "region"), 1),
    ("networks-by-size", "networks-by-size", ("year", "size_class"), 1),
    ("networks-by-spread", "networks-by-spread", ("year", "spread"), 1),
    ("networks-by-provinces", "networks-by-spread", ("year", "provinces"), 1),
    ("networks-by-section", "networks", ("year", "section"), 1),
    ("networks-by-division", "networks", ("year", "division"), 1),
    ("firms-by-section", "firms", ("year", "section"), 1),
    ("networks-by-kind", "networks", ("year", "kind"), 1),
    ("firms-by-legal-form", "firms-by-legal-form", ("year", "legal_form"), 1),
    ("networks-by-theme", "networks-by-theme", ("year", "theme"), 1),
    ("networks-born-and-ended", "born-and-ended", ("year", "event"), 1),
    ("survival", "survival", ("cohort", "age"), 1),
    ("density-by-region", "density", ("year", "region"), 1),
    ("profiles-by-region", "profiles", ("region",), 1),
    ("profiles-by-theme", "profiles", ("theme",), 1),
    ("profiles-by-body", "profiles", ("body",), 1),
    ("needs-by-capability", "needs", ("capability", "region"), 1),
    ("offers-by-section", "offers", ("capability", "section"), 1),
    ("gap-by-capability", "gap", ("capability", "region"), 1),
    ("matches-between-regions", "matches", ("origin", "destination"), 1),
    ("coverage-by-body", "coverage", ("body", "coverage"), 1),
    ("introductions-between-regions", "introductions", ("origin", "destination", "outcome"), 2),
    ("networks-by-status", "pipeline", ("region", "status"), 2),
    ("led-firms", "led-firms", ("region", "led"), 2),
    ("common-fund", "common-fund", ("region", "kind"), 2),
    ("pipeline-by-region", "aggregations", ("region", "stage"), 2),
    ("assistance-by-line", "assistance", ("region", "line"), 2),
    ("sessions-by-region", "sessions", ("year", "region", "when"), 1),
    ("sessions-by-body", "sessions", ("year", "body", "when"), 1),
    ("courses-by-body", "courses", ("year", "body"), 1),
    ("editions-by-region", "editions", ("year", "region", "when"), 1),
    ("editions-by-body", "editions", ("year", "body", "when"), 1),
    ("calls-by-region", "calls", ("year", "region"), 1),
    ("calls-by-body", "calls", ("year", "body"), 1),
    ("applications-by-region", "applications", ("year", "region", "result"), 1),
    ("applications-by-body", "applications", ("year", "body", "result"), 1),
    ("grants-by-region", "grants", ("year", "region"), 1),
    ("grants-by-body", "grants", ("year", "body"), 1),
)
_OTHER = {
    "day": tuple(f"{year}-{day}" for year in YEARS for day in ("06-30", "12-31")),
    "cohort": YEARS,
    "age": tuple(str(age) for age in range(len(YEARS))),
    "theme": THEMES,
    "outcome": (TOTAL, *OUTCOMES),
    "status": (TOTAL, *STATUSES),
}
_RARE = {1: (Status.GIVEN,) * 40 + (Status.UNKNOWN, Status.ESTIMATED), 2: (Status.GIVEN,) * 6 + (Status.WITHHELD, Status.ESTIMATED)}  # fmt: skip


def codes_of(ident: str, territories: Territories, bodies: Sequence[str]) -> tuple[str, ...]:
    """The codes of a dimension."""
    if ident == "year":
        return YEARS
    if ident in ("region", "origin", "destination"):
        return tuple(area.code for area in territories.regions) + (("?",) if ident == "region" else ())
    if ident == "province":
        return (*(area.code for area in territories.provinces), "?")
    if ident == "section":
        return tuple(load_sectors().children("*"))
    if ident == "division":
        return tuple(code for section in load_sectors().children("*") for code in load_sectors().children(section))
    if ident == "body":
        return tuple(bodies)
    return _OTHER.get(ident) or tuple(DIMENSIONS[ident].names)


def _number(ident: str, at: tuple[str, ...], place: int, wide: int) -> int | Decimal:
    """A number of this table: one that each code keeps, and that grows over time."""
    timed = ident not in ("survival", "networks-growth") and at[0][:2] == "20"
    draw = random.Random(f"{ident} {at[1:] if timed else at}")
    if ident == "survival":
        return Decimal(100) - Decimal(place * draw.randrange(40, 70)) / 10
    if ident == "gap-by-capability":
        return Decimal(draw.randrange(-300, 300)) / 10
    if ident in ("networks-growth", "density-by-region"):
        return Decimal(draw.randrange(100, 999)) / 10
    return (1 + draw.randrange(9_000 // wide + 2)) * (10 + place) // 10


def _totals(ident: str, place: int) -> int:
    """A number of the whole country, 0 for tables that are not of it."""
    first = {"networks-by-year": 4000, "networks-by-day": 4000, "firms-by-year": 21000}.get(ident, 0)
    return first and first + first // 8 * place


def made_table(spec: tuple[str, str, tuple[str, ...], int], territories: Territories, bodies: Sequence[str]) -> Table:
    """One table, the same at each call."""
    ident, indicator, dimensions, tier = spec
    draw = random.Random(ident)
    codes = [codes_of(name, territories, bodies) for name in dimensions]
    wide = max(1, len(codes[-1]))
    cells = []
    for at in itertools.product(*codes):
        if ident == "survival" and int(at[0]) + int(at[1]) > int(YEARS[-1]):
            continue
        place = codes[0].index(at[0]) if dimensions[0] in ("year", "day") else int(at[1]) if ident == "survival" else 0
        number = _totals(ident, place) or _number(ident, at, place, wide)
        status = draw.choice(_RARE[tier])
        if dimensions == ("year",):
            status = Status.ESTIMATED if ident == "firms-by-year" and at[0] == YEARS[0] else Status.GIVEN
        cells.append(Cell(at, None if status in (Status.WITHHELD, Status.UNKNOWN) else number, status))
    return table(ident, indicator, dimensions, cells, AS_OF, tier=tier)


def figures(
    as_of: dt.date = AS_OF, bodies: Sequence[str] = ("p_LE", "cmto"), inputs: str = "made", more: Sequence[Table] = ()
) -> Figures:
    """All tables of the contract, and ``more``."""
    territories = load_territories()
    tables = {spec[0]: made_table(spec, territories, bodies) for spec in TABLES} | {
        found.ident: found for found in more
    }
    return Figures(as_of, MADE_AT, inputs, COVERAGE, tuple(tables[ident] for ident in sorted(tables)))


async def keep(pool: Pool, made: Figures) -> None:
    """Put figures in the place of the newest build."""
    async with acquire(pool) as conn:
        await store.keep(conn, store.Kept(made.as_of, made.made_at, made.inputs, encode(made)))


async def freeze(pool: Pool, made: Figures, release_id: str = RELEASE) -> str:
    """Freeze figures as a release; return its digest."""
    document = encode(made)
    digest = hashlib.sha256(document).hexdigest()
    async with acquire(pool) as conn:
        await store.add_release(conn, store.Release(release_id, made.as_of, made.made_at, digest), document)
    return digest


async def publish(node: Node) -> Figures:
    """Give a node a newest build and one release of different numbers; return the newest."""
    made = figures()
    older = figures(dt.date(2026, 6, 30), inputs="older")
    tables = tuple(found for found in older.tables if found.ident != "networks-by-year")
    frozen = table(
        "networks-by-year", "networks", ("year",), [Cell((year,), 1000 + int(year)) for year in YEARS], older.as_of
    )
    await freeze(node.pool, Figures(older.as_of, MADE_AT, "older", COVERAGE, (*tables, frozen)))
    await keep(node.pool, made)
    return made
