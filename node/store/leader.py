"""Who leads: one process for each database, by a lock of its session and a number that grows.

In: a DSN, who asks. Out: the lead and its number, or who has it. Rules: the lock says who leads, and ends with the leader's session, however that
ends; the number (``epoch``) fences what an earlier leader still wants to write (``postgres.transaction``); a leader that gives no sign
of life for ``SILENT_S`` is put out of its sessions by whoever wants to take over. Times are the server's: machines' clocks may differ.
A server that only follows another one has no leader. docs/processes.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import asyncpg

from node.store import roads
from node.store.postgres import CONNECT_TIMEOUT_S, Connection, load_queries

QUERIES = load_queries("leader")
# Arbitrary, constant for ever, below 2^32: the advisory lock of whoever leads.
LEAD_LOCK: Final = 0x72657466
CHANNEL: Final = "rete_lead"
# How often a leader gives a sign of life, how long one may take, and after what silence another takes its place.
BEAT_S: Final = 2.0
BEAT_TIMEOUT_S: Final = 6.0
SILENT_S: Final = 9.0
# How long a session may take to end, and a number to be taken.
EVICT_MS: Final = 2_000
# By these names the sessions of a leader's jobs are found: the number follows.
JOBS_NAME: Final = "rete-jobs-"
# What says that a session, or the way to the server, is gone.
GONE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


@dataclass(frozen=True, slots=True)
class Standing:
    """Who leads, as everybody sees it: ``held`` tells whether anybody does, ``silent_s`` for how long it has said nothing."""

    epoch: int
    holder: str
    since: dt.datetime | None
    seen_at: dt.datetime | None
    silent_s: float | None
    held: bool

    @property
    def leads(self) -> bool:
        """Whether somebody leads and is alive."""
        return self.held and self.silent_s is not None and self.silent_s <= SILENT_S


async def standing(conn: Connection) -> Standing:
    """Return who leads."""
    return Standing(**dict(await conn.fetchrow(QUERIES["standing"], LEAD_LOCK)))


async def connect(dsn: str, freed: Callable[[], None]) -> Connection:
    """Return a session of its own for who wants to lead; ``freed`` is called when a leader says that it goes. Raises: one of GONE."""
    conn = await roads.connect(
        dsn,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=BEAT_TIMEOUT_S,
        server_settings={"application_name": "rete-lead", "TimeZone": "UTC"},
    )
    try:
        await conn.add_listener(CHANNEL, lambda *_: freed())
    except BaseException:
        conn.terminate()
        raise
    return conn


async def try_take(conn: Connection, holder: str) -> int | None:
    """Return the number under which this session leads from now on, None while another one leads.

    A crash after the lock and before the number leaves the old number without a leader: the next one takes another.
    Raises: one of GONE; the session has nothing then.
    """
    if not await conn.fetchval(QUERIES["lock"], LEAD_LOCK):
        found = await standing(conn)
        if not found.held or found.silent_s is None or found.silent_s <= SILENT_S:
            return None
        # Stopped, cut off or frozen. What it has open ends below, before the number is taken.
        await conn.fetch(QUERIES["evict_holder"], LEAD_LOCK, EVICT_MS)
        if not await conn.fetchval(QUERIES["lock"], LEAD_LOCK):
            return None
    await conn.fetch(QUERIES["evict_jobs"], JOBS_NAME + "%", EVICT_MS)
    epoch: int = await conn.fetchval(QUERIES["take"], holder)
    return epoch


async def beat(conn: Connection, epoch: int) -> bool:
    """Give a sign of life; tell whether this session still leads. Raises: one of GONE."""
    return await conn.fetchval(QUERIES["beat"], epoch) is not None


async def leave(conn: Connection, epoch: int) -> None:
    """Give the lead back, so that another process takes it at once. Raises: one of GONE."""
    await conn.execute(QUERIES["leave"], epoch)
    await conn.fetchval(QUERIES["unlock"], LEAD_LOCK)
    await conn.fetchval(QUERIES["told"], CHANNEL)


async def close(conn: Connection) -> None:
    """End the session; the lock ends with it."""
    try:
        async with asyncio.timeout(BEAT_TIMEOUT_S):
            await conn.close()
    except GONE:
        conn.terminate()
