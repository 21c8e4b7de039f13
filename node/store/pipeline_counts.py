"""What the Observatory's planned tables of the programme are made of: aggregations by stage, case files by service line, and nothing else of them.

In: a connection inside the publishing transaction. Out: one row a record. Rule: these are private; they leave only through the planned tables
of tier 2 (docs/statistics.md), never as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("pipeline_counts")
COUNT_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Group:
    """One aggregation that is no network yet: its random id, the region of its reference firm (NUTS2, "" where nobody knows), where it stands."""

    record: str
    region: str
    stage: str


@dataclass(frozen=True, slots=True)
class Assisted:
    """One case file in one of its service lines; ``unit``: whose it is. ``region``: of an aggregation, where there is no network with a province."""

    record: str
    line: str
    unit: str
    province: str
    region: str


async def aggregations(conn: Connection) -> list[Group]:
    """Return the aggregations that are no networks of the private register."""
    return [Group(**dict(row)) for row in await conn.fetch(QUERIES["aggregations"], timeout=COUNT_TIMEOUT_S)]


async def assistance(conn: Connection) -> list[Assisted]:
    """Return each case file in each of its service lines."""
    return [Assisted(**dict(row)) for row in await conn.fetch(QUERIES["assistance"], timeout=COUNT_TIMEOUT_S)]
