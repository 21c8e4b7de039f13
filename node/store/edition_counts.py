"""What each edition of the public list says in numbers, and what changed between two: counted once, where the rows are, and kept.

In: an edition whose rows are in the database. Out: counts by measure and codes (node/domain/observatory/history.py says what they
mean). Rules: an edition's counts outlive its rows; they go when another edition takes its day, or when it is removed as a mistake.
All is counted by sets, no row leaves the database. Transactions are the flows' to open.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from node.domain.observatory.history import Change, Count
from node.domain.sector import ANY, Sectors
from node.domain.territory import Territories
from node.store.population import Snapshot
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("edition_counts")
COUNT_TIMEOUT_S = 300
WORK_MEMORY = "64MB"
# A network's number of members and a code without a name are told as they are, whatever they are.
_Codes = tuple[list[str], list[str], list[str], list[str]]


def _codes(territories: Territories, sectors: Sectors) -> _Codes:
    places = [(area.code, territories.ancestors(area.code)[0]) for area in territories.provinces]
    branches = [(division, section) for section in sectors.children(ANY) for division in sectors.children(section)]
    return [p for p, _ in places], [r for _, r in places], [d for d, _ in branches], [s for _, s in branches]


async def alone(conn: Connection) -> None:
    """Wait until nobody else counts; what they counted is seen from then on, until the end of the transaction."""
    await conn.execute(QUERIES["alone"], timeout=COUNT_TIMEOUT_S)


async def count_edition(
    conn: Connection, edition: Snapshot, territories: Territories, sectors: Sectors, now: dt.datetime
) -> None:
    """Count an edition, in the place of what was counted of its day."""
    await forget(conn, edition.taken_on)
    await conn.execute(QUERIES["add_edition"], edition.taken_on, edition.digest, now)
    codes = _codes(territories, sectors)
    await conn.execute(QUERIES["by_sets"], "off", WORK_MEMORY)
    for name in ("count_networks", "count_firms"):
        await conn.execute(QUERIES[name], edition.snapshot_id, edition.taken_on, *codes, timeout=COUNT_TIMEOUT_S)
    await conn.execute(QUERIES["by_sets"], "on", None)


async def count_changes(conn: Connection, edition: Snapshot, since: Snapshot) -> None:
    """Count what changed from one edition to a later one; both are counted already, their change is not."""
    await conn.execute(QUERIES["by_sets"], "off", WORK_MEMORY)
    await conn.execute(
        QUERIES["count_changes"],
        edition.snapshot_id,
        edition.taken_on,
        since.snapshot_id,
        since.taken_on,
        timeout=COUNT_TIMEOUT_S,
    )
    await conn.execute(QUERIES["by_sets"], "on", None)


async def forget(conn: Connection, taken_on: dt.date) -> None:
    """Forget what was counted of a day, and all changes from it and to it."""
    await conn.execute(QUERIES["forget_edition"], taken_on)


async def editions(conn: Connection) -> dict[dt.date, str]:
    """Return the digest of each edition that was counted, by its day, oldest first."""
    return {row["taken_on"]: row["digest"] for row in await conn.fetch(QUERIES["list_editions"])}


async def pairs(conn: Connection) -> set[tuple[dt.date, dt.date]]:
    """Return of which editions it is counted what changed, as (later, earlier)."""
    return {(row["taken_on"], row["since"]) for row in await conn.fetch(QUERIES["list_pairs"])}


async def counts(conn: Connection) -> Sequence[Count]:
    """Return all counts of all editions."""
    return [
        Count(row["taken_on"], row["measure"], tuple(row["codes"]), row["value"])
        for row in await conn.fetch(QUERIES["counts"])
    ]


async def changes(conn: Connection) -> Sequence[Change]:
    """Return all changes that were counted."""
    return [
        Change(row["taken_on"], row["since"], row["measure"], tuple(row["codes"]), row["value"])
        for row in await conn.fetch(QUERIES["changes"])
    ]


async def changes_between(conn: Connection, taken_on: dt.date, since: dt.date) -> dict[str, int]:
    """Return how many networks and memberships changed between two editions, by event; empty where nobody counted it."""
    return {row["event"]: row["value"] for row in await conn.fetch(QUERIES["changes_between"], taken_on, since)}
