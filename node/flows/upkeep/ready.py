"""Can this node do all that a node does? Its database, its schema, its own log, its jobs: one code for each, for machines.

In: a pool, what the jobs do, the time. Out: a code for each check, ``ok`` or why not. Rules: an answer comes within ``READ_S``; nothing private,
no host, no message of a server is in it. A fenced log is a reason though pages and other nodes are still answered: nothing new is signed until
somebody has looked.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from typing import Final

from node.errors import ReteError
from node.flows.upkeep.jobs import Schedule
from node.store import origins
from node.store.postgres import DATABASE_AWAY, Connection, Pool, acquire, schema_standing

READ_S: Final = 3.0
OK: Final = "ok"
# What could not be looked at, because something before it failed; jobs that another process runs, or none.
UNKNOWN: Final = "unknown"
ELSEWHERE: Final = "elsewhere"
DATABASE: Final = "database-unavailable"
OLDER, NEWER = "schema-older", "schema-newer"
FENCED, MISSING = "log-fenced", "log-missing"
STANDING: Final = "jobs-standing"
STOPPING: Final = "stopping"
REASONS: Final = (DATABASE, OLDER, NEWER, FENCED, MISSING, STANDING, STOPPING)


@dataclass(frozen=True, slots=True)
class Ready:
    """What each check says, by a code."""

    database: str
    schema: str
    log: str
    jobs: str
    process: str = OK

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the node is not ready; empty: it is."""
        return tuple(
            code for code in (self.database, self.schema, self.log, self.jobs, self.process) if code in REASONS
        )


async def look(pool: Pool, schedule: Schedule | None, now: dt.datetime, *, is_leaving: bool = False) -> Ready:
    """Return whether a node is ready; never fails. ``is_leaving``: it was told to stop, and a balancer should send nobody any more."""
    process = STOPPING if is_leaving else OK
    jobs = ELSEWHERE if schedule is None else STANDING if schedule.standing(now) else OK
    try:
        async with asyncio.timeout(READ_S), acquire(pool) as conn:
            schema, log = await _schema(conn), await _log(conn)
    except (*DATABASE_AWAY, TimeoutError, OSError, ReteError):
        return Ready(DATABASE, UNKNOWN, UNKNOWN, jobs, process)
    return Ready(OK, schema, log, jobs, process)


async def _schema(conn: Connection) -> str:
    standing = await schema_standing(conn)
    return NEWER if standing > 0 else OLDER if standing < 0 else OK


async def _log(conn: Connection) -> str:
    own = [row for row in await origins.list_origins(conn) if row.is_own and row.state != "frozen"]
    if not own:
        return MISSING
    return FENCED if any(row.state == "fenced" for row in own) else OK
