"""Published profiles in numbers, by the labels that they show.

In: today. Out: how many profiles carry a label, or look for or offer something, for node/domain/observatory/cooperation to lay
over places; and a stamp that is another one as soon as any of it may be. Everything counted is visible to everybody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from node.domain.observatory.cooperation import Labelled, Published, Want
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("profile_counts")
COUNT_TIMEOUT_S = 120


async def stamp(conn: Connection, today: dt.date) -> Sequence[tuple[object, ...]]:
    """Return what changes whenever anything that is counted here does."""
    return [tuple(row) for row in await conn.fetch(QUERIES["stamp"], today, timeout=COUNT_TIMEOUT_S)]


async def published(conn: Connection, today: dt.date) -> Published:
    """Return all counts of published profiles."""
    labelled = await conn.fetch(QUERIES["by_label"], today, timeout=COUNT_TIMEOUT_S)
    wants = await conn.fetch(QUERIES["wants"], today, timeout=COUNT_TIMEOUT_S)
    own = await conn.fetch(QUERIES["own_matches"], today, timeout=COUNT_TIMEOUT_S)
    return Published(
        tuple(Labelled(**dict(row)) for row in labelled),
        tuple(Want(**dict(row)) for row in wants),
        {row["territory"]: row["profiles"] for row in own},
    )
