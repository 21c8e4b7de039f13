"""Count each edition of the public list once, and what changed between two, so that history outlives the rows.

In: the editions that are loaded and what was counted before. Out: what was counted anew. Rules: an edition is counted when it is
loaded, and again only where another took its day; between which editions changes are wanted, ``domain/observatory/history``
says; where the rows of one are gone, what was counted while they were here stands. Work is proportional to what is new.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import structlog

from node.domain.observatory.history import wanted_pairs
from node.store import edition_counts, population
from node.store.postgres import Connection, Pool, run_tx
from node.store.reference import load_sectors, load_territories

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Counted:
    """Which editions were counted now, and between which (later, earlier) it was counted what changed."""

    editions: tuple[dt.date, ...]
    changes: tuple[tuple[dt.date, dt.date], ...]


async def settle(conn: Connection, now: dt.datetime) -> Counted:
    """Count all that is loaded and not counted yet."""
    await edition_counts.alone(conn)
    loaded = {found.taken_on: found for found in await population.editions(conn)}
    known = await edition_counts.editions(conn)
    anew = [day for day, edition in loaded.items() if known.get(day) != edition.digest]
    territories, sectors = load_territories(), load_sectors()
    for day in anew:
        await edition_counts.count_edition(conn, loaded[day], territories, sectors, now)
    done = await edition_counts.pairs(conn)
    pairs = [
        (later, earlier)
        for later, earlier in wanted_pairs({*known, *loaded})
        if (later, earlier) not in done and later in loaded and earlier in loaded
    ]
    for later, earlier in pairs:
        await edition_counts.count_changes(conn, loaded[later], loaded[earlier])
    if anew or pairs:
        logger.info("editions.counted", editions=len(anew), changes=len(pairs))
    return Counted(tuple(anew), tuple(pairs))


async def settle_all(pool: Pool, now: dt.datetime) -> Counted:
    """Count all that is loaded and not counted yet, in one transaction."""

    async def work(conn: Connection) -> Counted:
        return await settle(conn, now)

    return await run_tx(pool, work)


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed since the edition before: by event, None where nobody could count it; ``since`` None for the first of all."""

    since: dt.date | None
    changes: dict[str, int] | None


async def difference(conn: Connection, taken_on: dt.date) -> Difference:
    """Return how an edition differs from the one before it."""
    since = max((day for day in await edition_counts.editions(conn) if day < taken_on), default=None)
    changes = await edition_counts.changes_between(conn, taken_on, since) if since else {}
    return Difference(since, changes or None)
