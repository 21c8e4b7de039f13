"""The invented register of many years in a database, without a file between: rows become networks by the shortest way.

That the reader of files makes the same of them is a promise of its own (test_past.py).
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
from collections.abc import Iterator, Sequence

import asyncpg

from node.domain.chamber import ENTITY_POSITIONS
from node.domain.generation.growth import Growth, Knot, Target
from node.domain.generation.history import editions
from node.domain.generation.national import GeneratedRegister
from node.domain.register import NetworkKind, RegisterFirm, RegisterNetwork, register_id
from node.domain.sector import dotted
from node.domain.theme import classify
from node.store import population
from node.store.postgres import Connection
from tests.conftest import make_template
from tests.editions_made import REGIONS, SECTORS, TERRITORIES
from tests.networks_made import NOW

theme_of = functools.lru_cache(maxsize=20_000)(classify)
# A few networks of four years, with a month between.
SMALL = Growth(
    (
        Knot(dt.date(2013, 12, 31), 60, 300, (8, 18, 10, 18, 6, 0)),
        Knot(dt.date(2016, 12, 31), 120, 620, (16, 34, 20, 37, 13, 0)),
    ),
    # Too few to be of certain regions.
    regions=(),
)
SMALL_DAYS = (
    dt.date(2013, 12, 31),
    dt.date(2014, 12, 31),
    dt.date(2015, 6, 30),
    dt.date(2015, 12, 31),
    dt.date(2016, 12, 31),
)


def grown(targets: Sequence[Target], seed: int = 1) -> Iterator[tuple[dt.date, GeneratedRegister]]:
    """Editions as they are listed."""
    for edition in editions(targets, seed, TERRITORIES, SECTORS):
        yield edition.day, edition.listed()


def _groups(rows: Sequence[Sequence[object]]) -> Iterator[list[Sequence[object]]]:
    for _, group in itertools.groupby(rows[1:], key=lambda row: row[0]):
        yield list(group)


def networks_of(made: GeneratedRegister) -> list[RegisterNetwork]:
    """The networks of an edition's rows."""
    at = ENTITY_POSITIONS
    found = [_network(rows, NetworkKind.CONTRACT) for rows in _groups(made.contracts)]
    order = [
        0, at["denominazione contratto"], at["data atto"], at["numero repertorio"], None, at["oggetto"], at["n.rea"], at["c.f."],
        at["denominazione impresa"], None, at["comune"], None, at["PV"], at["NG"], at["codice ATECO 2007"],
    ]  # fmt: skip
    for rows in _groups(made.entities):
        as_listed = [["" if n is None else row[n] for n in order] for row in rows]
        found += [_network(as_listed, NetworkKind.ENTITY)]
    return found


def _network(rows: Sequence[Sequence[object]], kind: NetworkKind) -> RegisterNetwork:
    # Most networks stand in the next edition as they stood in this one.
    return _made(kind, tuple(tuple(row[1:]) for row in rows))


@functools.lru_cache(maxsize=12_000)
def _made(kind: NetworkKind, rows: tuple[tuple[object, ...], ...]) -> RegisterNetwork:
    name, day, number, deed, text, *_ = map(str, rows[0])
    on = dt.date(int(day[6:]), int(day[3:5]), int(day[:2]))
    firms = tuple(
        RegisterFirm(
            str(row[6]), str(row[7]), str(row[5]), row[8] == "S", "", str(row[9]), str(row[11]), str(row[12]), dotted(str(row[13])),
        )
        for row in rows
    )  # fmt: skip
    lead = firms[0]
    region = REGIONS[lead.province]
    return RegisterNetwork(
        register_id(number, deed, on), number, deed, on, name, kind, text, "", lead.municipality_name, lead.province, region,
        region[:3], lead.ateco, len(firms), theme_of(text), True, firms,
    )  # fmt: skip


async def load(conn: Connection, targets: Sequence[Target], seed: int = 1) -> None:
    """Put the editions of all targets into the database, uncounted."""
    for day, made in grown(targets, seed):
        await population.insert_snapshot(conn, networks_of(made), taken_on=day, digest=day.isoformat(), now=NOW)


async def make_history_template(base: str, name: str, targets: Sequence[Target]) -> str:
    """Make a migrated database with the editions of all targets, for tests to begin with a copy of it; return its name."""
    conn = await asyncpg.connect(await make_template(base, name))
    try:
        await load(conn, targets)
    finally:
        await conn.close()
    return name
