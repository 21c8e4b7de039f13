"""What the Observatory's planned table of the pipeline is made of: each aggregation with its region and stage, and nothing else of it.

In: a connection inside the publishing transaction. Out: one contribution for each aggregation. Rule: these are private; they leave only
through the planned tables of tier 2 (docs/statistics.md), never as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("pipeline_counts")
COUNT_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Contribution:
    """One aggregation: its random id, the region of its reference firm ("?" where nobody knows), its stage."""

    record: str
    region: str
    stage: str


async def contributions(conn: Connection) -> list[Contribution]:
    """Return each aggregation with its region and stage."""
    return [Contribution(**dict(row)) for row in await conn.fetch(QUERIES["contributions"], timeout=COUNT_TIMEOUT_S)]
