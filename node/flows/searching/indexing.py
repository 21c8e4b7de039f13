"""Keep the text index behind the database: build it when it is worth it, follow what comes and goes.

In: a pool, the index, the time. Out: what was done. Every step can be cut off: the index is named anew with each commit, and
the database remembers the name; whoever bears neither of the last two names is built anew. One process writes, the others
find the folder taken and leave it. Without an index the database answers every question. docs/search.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
import tantivy

from node.flows.logs.arrivals import settled
from node.store import indexing as store
from node.store.postgres import Connection, Pool, acquire, run_tx
from node.store.reference import load_label_reference
from node.store.text_folder import document_of
from node.store.text_index import TextIndex

logger = structlog.get_logger()
# Below, the database itself answers within a few milliseconds.
WORTH: Final = 20_000
REMOVED_MAX: Final = 1_000_000
# Of a processor's time a long turn takes a quarter: an index can wait, and the database answers meanwhile.
REST: Final = 3.0
SHORT: Final = 2_000
# An index that is longer behind than this is not asked.
LAG_S: Final = 60


@dataclass(frozen=True, slots=True)
class Followed:
    """What one turn did; ``built``: from nothing."""

    built: bool = False
    added: int = 0
    removed: int = 0


async def follow(pool: Pool, index: TextIndex, now: dt.datetime, *, worth: int = WORTH, rest: float = REST) -> Followed:
    """Bring the index up to what the database holds; build it when there is none and there are ``worth`` profiles.

    ``rest``: how many times as long as it works it stands back, so that pulls and answers go first.
    Raises: OperatorError(saved-unsettled) when a writer takes long; nothing is lost.
    """
    async with acquire(pool) as conn:
        state = await store.state(conn)
        known = await asyncio.to_thread(index.follows, state.token)
        if known and not state.is_behind:
            return Followed()
        if not known and not await store.is_worth_it(conn, worth):
            return Followed()
    if not known:
        return await _build(pool, index, now, rest)
    return await _catch_up(pool, index, state.arrival, state.token or "", now, rest, built=False)


async def _build(pool: Pool, index: TextIndex, now: dt.datetime, rest: float = 0.0) -> Followed:
    try:
        await asyncio.to_thread(index.begin)
    except ValueError:
        return Followed()
    # From here on the database notes what goes; writers that began before are waited for.
    token = str(uuid.uuid4())
    await run_tx(pool, lambda conn: store.follow(conn, token, -1, now, ()))
    return await _catch_up(pool, index, -1, token, now, rest, built=True)


async def _catch_up(
    pool: Pool, index: TextIndex, arrival: int, before: str, now: dt.datetime, rest: float, *, built: bool
) -> Followed:
    until = await settled(pool)
    try:
        writer = await asyncio.to_thread(index.writer)
    except ValueError:
        # Another process of this node has it.
        return Followed()
    try:
        async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            # In one view: what went and came again must not go last.
            gone = await store.removed(conn, REMOVED_MAX)
            added = await _write(conn, writer, list(gone.values()), arrival, until, rest, anew=built)
        await asyncio.to_thread(writer.commit)
    except BaseException:
        writer.rollback()
        raise
    finally:
        await asyncio.to_thread(writer.wait_merging_threads)
    token = str(uuid.uuid4())
    await asyncio.to_thread(index.keep, token, before)
    await run_tx(pool, lambda conn: store.follow(conn, token, until, now, gone))
    done = Followed(built, added, len(gone))
    logger.info("index.followed", built=built, added=added, removed=len(gone))
    return done


async def _write(
    conn: Connection, writer: tantivy.IndexWriter, gone: list[str], arrival: int, until: int, rest: float, *, anew: bool
) -> int:
    reference = load_label_reference()

    def take(rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            if not anew:
                # A turn that was cut off after its commit is taken again.
                writer.delete_documents_by_term("key", f"{row['origin_id']}/{row['idx']}")
            writer.add_document(document_of(row, reference))

    def drop() -> None:
        for key in gone:
            writer.delete_documents_by_term("key", key)

    await asyncio.to_thread(drop)
    added = 0
    async for rows in store.arrived(conn, arrival, until):
        begun = time.perf_counter()
        await asyncio.to_thread(take, rows)
        added += len(rows)
        if rest and added > SHORT:
            await asyncio.sleep(rest * (time.perf_counter() - begun))
    return added


def may_answer(index: TextIndex, state: store.State, now: dt.datetime) -> bool:
    """Tell whether the index holds what the database holds, or did a moment ago."""
    late = state.at is None or (now - state.at).total_seconds() > LAG_S
    return not (state.is_behind and late) and index.follows(state.token)
