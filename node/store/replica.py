"""Which server answers a question that may be a moment old: the read replica, or the primary.

In: the DSN of a server that follows the primary ([database] read_url), and the primary's pool. Out: a pool for reading whose connections are the
replica's while it may answer, else the primary's. Rules: the replica answers while it follows the very same database, no further behind than
``max_lag_s``, and has what the asker has written (``asking``): looked at on each connection that is lent, so a promoted or lagging one is
never asked; whatever is wrong with it, the primary answers, and the replica again once it is well. It is no part of readiness:
a node without it is slower, not broken. docs/processes.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import structlog

from node.store import roads
from node.store.postgres import Connection, Pool, acquire, load_queries, make_pool, newest_migration

logger = structlog.get_logger()
QUERIES = load_queries("replica")
# How often the replica is looked at, how long a look may take, and how long a connection of it is waited for.
EVERY_S: Final = 1.0
LOOK_S: Final = 2.0
REACH_S: Final = 1.0
# A look at one moment waits so long for the replica to come as far as the primary was.
CLOSELY_S: Final = 3.0
OK: Final = "ok"
UNKNOWN: Final = "unknown"
AWAY, LAGGING, PAUSED = "replica-away", "replica-lagging", "replica-paused"
PROMOTED, OTHER = "replica-promoted", "replica-other"
STATES: Final = (OK, UNKNOWN, AWAY, LAGGING, PAUSED, PROMOTED, OTHER)
# Why the primary answered what the replica might have.
FULL, BEHIND, ASKED, AGAIN = "full", "behind", "asked", "again"
REPLICA: Final = "replica"
_LOST: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
# What a question on a replica may meet that it would not on the primary: a connection that ends, a cancelled query (40001), a closed pool.
LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
# Whatever keeps a server from saying how far it is.
UNSAID: Final = (*_LOST, *LOST)


@dataclass(frozen=True, slots=True)
class Sight:
    """What was last seen of the replica: a code of ``STATES``, and how far it is behind; None: not to be told."""

    state: str = UNKNOWN
    lag_bytes: int | None = None
    lag_s: float | None = None
    is_paused: bool = False


@dataclass(slots=True)
class Asking:
    """What one asker has to see at least (``since``, a position in the primary's journal), and what came of it."""

    since: int = 0
    of_primary: str = ""
    used: bool = False


# For all that is read below one request, like who acts (flows/registry/acting). Nobody asking: the primary.
_asking: ContextVar[Asking | None] = ContextVar("asking", default=None)


@contextmanager
def asking(asked: Asking) -> Iterator[Asking]:
    """Let what is read in the block come from the replica, as far as ``asked`` allows."""
    token = _asking.set(asked)
    try:
        yield asked
    finally:
        _asking.reset(token)


async def written(pool: Pool) -> int:
    """Return up to where the primary has been written: who has just written has to see at least this."""
    async with acquire(pool) as conn:
        return int(await conn.fetchval(QUERIES["written"]))


@dataclass(slots=True)
class Replica:
    """The read replica of one process, watched as long as ``watch`` runs; ``read`` counts who answered, by reason."""

    dsn: str
    primary: Pool
    max_size: int
    max_lag_s: float
    application: str = "rete-read"
    monotonic: Callable[[], float] = time.monotonic
    sight: Sight = Sight()
    read: dict[str, int] = field(default_factory=dict)
    _pool: Pool | None = None
    _conn: Connection | None = None
    _mark: Any = None
    # One look at a time: both use one connection.
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    # Where the primary was, when: what the replica has to have reached.
    _past: deque[tuple[float, int]] = field(default_factory=deque)

    @property
    def is_well(self) -> bool:
        """Whether the replica may be asked."""
        return self.sight.state == OK

    @property
    def floor(self) -> int:
        """How far a connection has to be at least, so that nothing older than ``max_lag_s`` is told."""
        limit = self.monotonic() - self.max_lag_s
        return max((at for when, at in self._past if when <= limit), default=0)

    def count(self, why: str) -> None:
        """Count one reading by who answered it."""
        self.read[why] = self.read.get(why, 0) + 1

    async def watch(self) -> None:
        """Look at the replica for ever; what changes is said once."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(EVERY_S)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the replica."""
        if self._conn is not None:
            self._conn.terminate()
            self._conn = None
        if self._pool is not None:
            # What somebody still asks there ends at once, and is asked again of the primary.
            self._pool.terminate()
            self._pool = None

    async def look(self) -> Sight:
        """Look at both servers; return what there is to see. Never fails."""
        async with self._turn:
            return await self._look()

    async def _look(self) -> Sight:
        await self._look_at_primary()
        try:
            async with asyncio.timeout(LOOK_S):
                row = await self._seen()
        except _LOST as error:
            self.close()
            return self._is(Sight(AWAY), reason=type(error).__name__)
        found = self._judged(row)
        if found.state in (PROMOTED, OTHER):
            # Of several servers that the DSN names another one may follow now.
            self.close()
        return self._is(found)

    async def look_closely(self) -> Sight:
        """Look once, and wait a little for a replica that is behind: how long it needs is how late it is. Never fails."""
        async with self._turn:
            begun = self.monotonic()
            found = await self._look()
            while found.state in (OK, LAGGING) and found.lag_bytes and self.monotonic() - begun < CLOSELY_S:
                await asyncio.sleep(EVERY_S / 10)
                try:
                    async with asyncio.timeout(LOOK_S):
                        found = self._judged(await self._seen())
                except _LOST:
                    return await self._look()
            return self._is(found)

    async def _look_at_primary(self) -> None:
        """Remember where the primary is. One that does not answer tells nothing: the replica then has all there is to have."""
        try:
            async with asyncio.timeout(LOOK_S), acquire(self.primary) as conn:
                row = await conn.fetchrow(QUERIES["primary"])
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the primary, its pool tells whoever needs it
            logger.debug("replica.primary_unseen", reason=type(error).__name__)
            return
        if row is None:
            return
        now = self.monotonic()
        self._mark = row
        self._past.append((now, row["written"]))
        # The newest of those that are too old is the floor.
        while len(self._past) > 1 and self._past[1][0] <= now - self.max_lag_s:
            self._past.popleft()

    async def _seen(self) -> Any:
        if self._conn is None or self._conn.is_closed():
            self._conn = await roads.connect(
                self.dsn,
                timeout=LOOK_S,
                command_timeout=LOOK_S,
                server_settings={"application_name": f"{self.application}-watch", "TimeZone": "UTC"},
            )
        return await self._conn.fetchrow(QUERIES["replica"])

    def _judged(self, row: Any) -> Sight:
        now, mark = self.monotonic(), self._mark
        if mark is None:
            # Not even which database it should be is known.
            return Sight(UNKNOWN)
        if row is None or (row["system_id"], row["name"]) != (mark["system_id"], mark["name"]):
            return Sight(OTHER)
        if not row["follows"]:
            return Sight(PROMOTED)
        lag_bytes = max(0, mark["written"] - row["replayed"])
        lag_s = self._late(row, now)
        # A migration that has not come there yet: what this program asks could not be answered.
        is_near = lag_s <= self.max_lag_s and row["schema"] == newest_migration()
        state = OK if is_near else PAUSED if row["paused"] else LAGGING
        return Sight(state, lag_bytes, lag_s, row["paused"])

    def _late(self, row: Any, now: float) -> float:
        """Return for how long something has been written that is not there yet, by the clock of this process."""
        missing = [when for when, at in self._past if at > row["replayed"]]
        late = now - missing[0] if missing else 0.0
        is_unseen = self._past[-1][0] <= now - self.max_lag_s and row["received"] > row["replayed"]
        if is_unseen or (missing and len(missing) == len(self._past)):
            # All that is known of the primary is missing, or it was not seen for long and the replica has more than it shows: the
            # replica tells since when, by its own clock.
            late = max(late, row["since_s"] or 0.0)
        # A server that followed another primary than today's, and goes on from there, has positions of its own; it does not have the signs
        # of life that today's leader gives (store/leader).
        beat = (
            (self._mark["seen_at"] - row["seen_at"]).total_seconds()
            if self._mark["seen_at"] and row["seen_at"]
            else 0.0
        )
        return max(late, beat if beat > self.max_lag_s else 0.0)

    def _is(self, found: Sight, **facts: object) -> Sight:
        if found.state != self.sight.state:
            tell = logger.info if found.state == OK else logger.warning
            tell("replica.state_changed", state=found.state, before=self.sight.state, lag_bytes=found.lag_bytes, lag_s=found.lag_s, **facts)  # fmt: skip
        self.sight = found
        return found

    async def lend(self, since: int) -> tuple[Pool, Connection] | None:
        """Return a connection of the replica that has ``since``, and the pool it goes back to; None: ask the primary. Never fails."""
        if not self.is_well:
            self.count(self.sight.state)
            return None
        if self._pool is None:
            self._pool = await make_pool(self.dsn, max_size=self.max_size, application=self.application)
        pool = self._pool
        if _is_full(pool):
            self.count(FULL)
            return None
        conn = None
        try:
            async with asyncio.timeout(REACH_S):
                conn = await pool.acquire()
                is_good = await conn.fetchval(QUERIES["may_answer"], max(since, self.floor))
        except _LOST as error:
            if conn is not None:
                await give_back(pool, conn)
            elif _is_full(pool):
                self.count(FULL)
                return None
            self._is(Sight(AWAY), reason=type(error).__name__)
            self.count(AWAY)
            return None
        except BaseException:
            # The asker's own time is over.
            if conn is not None:
                await give_back(pool, conn)
            raise
        if not is_good:
            await give_back(pool, conn)
            self.count(BEHIND)
            return None
        self.count(REPLICA)
        return pool, conn


def _is_full(pool: Pool) -> bool:
    return bool(pool.get_idle_size() == 0 and pool.get_size() >= pool.get_max_size())


async def give_back(pool: Pool, conn: Connection) -> None:
    """Give a connection back to a pool of a replica, which may be gone or stand still meanwhile: what was read is read."""
    with contextlib.suppress(*_LOST):
        await pool.release(conn, timeout=REACH_S)


class Reading:
    """What flows take for a pool: of the replica where it may answer the one who is asking, else of the primary."""

    def __init__(self, replica: Replica) -> None:
        """Lend nothing yet."""
        self.replica = replica
        self._lent: dict[int, Pool] = {}

    async def acquire(self, *, timeout: float | None = None) -> Connection:  # noqa: ASYNC109 - as pools take it
        """Return a connection. Raises: as the primary's pool."""
        asked = _asking.get()
        if asked is not None and not asked.of_primary:
            lent = await self.replica.lend(asked.since)
            if lent is not None:
                asked.used = True
                pool, conn = lent
                self._lent[id(conn)] = pool
                return conn
        elif asked is not None:
            self.replica.count(asked.of_primary)
        return await self.replica.primary.acquire(timeout=timeout)

    async def release(self, conn: Connection) -> None:
        """Take a connection back."""
        pool = self._lent.pop(id(conn), None)
        if pool is None:
            await self.replica.primary.release(conn)
        else:
            await give_back(pool, conn)

    def get_max_size(self) -> int:
        """Return how many questions may be asked at once: as many as the primary alone could answer."""
        return int(self.replica.primary.get_max_size())
