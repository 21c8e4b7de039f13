"""Make the Observatory's figures: all tables of the register's history, of published profiles and of the offices, kept as one document.

In: what was counted of each edition, published profiles, the tables of the second tier. Out: ``Figures``, kept in the place of the
build before, and only where what they rest on changed. Rules: editions are counted once (flows/registry/counting), so a build reads
some thousands of numbers and no row of the list; whether anything changed is asked first, by a digest that costs a few questions.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from node.config import Config
from node.domain.observatory import cooperation, history
from node.domain.observatory.figures import Figures, Table, decode, encode
from node.domain.sector import ANY
from node.flows.observatory import announced, federation
from node.flows.registry import counting
from node.flows.searching import overview
from node.flows.searching.overview import Overview
from node.store import edition_counts, observatory, profile_counts
from node.store.observatory import Kept
from node.store.postgres import Connection, Pool, acquire, run_tx
from node.store.reference import (
    label_reference,
    load_registered_firms,
    load_sectors,
    load_territories,
    registered_firms_digest,
)

logger = structlog.get_logger()
# Another number where the same inputs make other tables.
RULES: Final = "observatory-build/2"
ITALY: Final = ZoneInfo("Europe/Rome")


@dataclass(frozen=True, slots=True)
class More:
    """Tables that another flow makes: ``stamp`` changes whenever ``tables`` may, and costs little."""

    stamp: Callable[[Connection], Awaitable[str]]
    tables: Callable[[Connection, dt.datetime], Awaitable[Sequence[Table]]]


@dataclass(frozen=True, slots=True)
class Built:
    """The newest figures, and whether this build made them."""

    figures: Figures
    is_new: bool


async def build(pool: Pool, config: Config, now: dt.datetime, more: Sequence[More] = ()) -> Built:
    """Return the newest figures, made anew where what they rest on changed since.

    ``more``: where the tables of the second tier come in (docs/observatory.md).
    """
    del config  # nothing of the first tier is a matter of configuration
    await counting.settle_all(pool, now)
    stands = await overview.read(pool, now)
    today = now.astimezone(ITALY).date()
    async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        inputs = await _inputs(conn, stands, today, more)
        stamp = await observatory.stamp(conn)
        if stamp is not None and stamp[1] == inputs:
            kept = await observatory.newest(conn)
            if kept is not None:
                return Built(decode(kept.document), is_new=False)
        figures = await _made(conn, stands, today, now, inputs, more)
    document = await asyncio.to_thread(encode, figures)

    async def work(conn: Connection) -> None:
        await observatory.keep(conn, Kept(figures.as_of, figures.made_at, figures.inputs, document))

    await run_tx(pool, work)
    logger.info("observatory.built", tables=len(figures.tables), editions=figures.coverage["editions"])
    return Built(figures, is_new=True)


async def _inputs(conn: Connection, stands: Overview, today: dt.date, more: Sequence[More]) -> str:
    """Return the digest of all that the figures rest on."""
    said = [
        RULES,
        today,
        registered_firms_digest(),
        sorted((await edition_counts.editions(conn)).items()),
        sorted(await edition_counts.pairs(conn)),
        await profile_counts.stamp(conn, today),
        # How long each log is changes with every entry of anybody, and is told as it was at the build: each day makes one.
        [(body.origin, body.is_current) for body in stands.bodies],
        [await item.stamp(conn) for item in more],
    ]
    return hashlib.sha256(json.dumps(said, default=str).encode()).hexdigest()


async def _made(
    conn: Connection, stands: Overview, today: dt.date, now: dt.datetime, inputs: str, more: Sequence[More]
) -> Figures:
    counts, changes = await edition_counts.counts(conn), await edition_counts.changes(conn)
    published = await profile_counts.published(conn, today)
    others = [found for item in more for found in await item.tables(conn, now)]
    firsts = await asyncio.to_thread(_tables, counts, changes, published, stands, today)
    coverage = {
        "editions": len({count.taken_on for count in counts}),
        "nodes": len(stands.members),
        "nodes_current": len(stands.members) - len({body.id for body in stands.behind}),
        "profiles": sum(row.profiles for row in published.labelled),
    }
    tables = tuple(sorted((*firsts, *others), key=lambda found: found.ident))
    return Figures(today, now.replace(microsecond=0), inputs, coverage, tables)


def _tables(
    counts: Sequence[history.Count],
    changes: Sequence[history.Change],
    published: cooperation.Published,
    stands: Overview,
    today: dt.date,
) -> list[Table]:
    territories, sectors = load_territories(), load_sectors()
    sections = sectors.children(ANY)
    places = history.Places(
        tuple(area.code for area in territories.regions), tuple(area.code for area in territories.provinces), sections
    )
    covered = [cooperation.Covered(body.id, body.entries, body.is_current) for body in stands.bodies]
    reference = label_reference(territories, sectors)
    return [
        *history.tables(counts, changes, places, load_registered_firms()),
        *cooperation.tables(published, covered, reference, sections, today),
    ]


def more_tables() -> Sequence[More]:
    """Return the makers of tables that are made elsewhere (the announced programme, the second tier), for the command and the scheduler alike."""
    return (More(announced.stamp, announced.tables), More(federation.stamp, federation.tables))
