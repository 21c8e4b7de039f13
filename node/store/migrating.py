"""How one step of the schema is taken while others read and write: briefly, again, and with a clear word when it can't be.

In: connections of a database and the files of node/store/migrations. Out: a database that has taken a step wholly, or not at all. Rules: whoever
waits for a lock on a table makes all others wait behind it, so no step waits longer than LOCK_S at once; it gives way and comes again, for at
most PATIENCE_S, then says who holds the table. A step that says ``-- expands`` leaves programs that do not know it at work; one that says
``-- concurrently`` builds indexes without any lock that a writer meets, and is repeated from its beginning when it was cut off. Why, and which
statements such steps may hold: docs/decisions/0026-expand-then-contract.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from node.errors import N_, OperatorError

LOCK_S: Final = 3.0
PATIENCE_S: Final = 90.0
# Between two attempts: what was kept waiting meanwhile goes first.
REST_S: Final = 1.0
TURN_S: Final = 300.0
STEP_S: Final = 600.0
# Builds beside the work of others wait for each transaction that was there before them.
BESIDE_S: Final = 3600.0
LOOK_S: Final = 0.3
EXPANDS, BESIDE = "-- expands", "-- concurrently"
# As a row of it is, whether the column is there yet (migration 0062) or not.
_TAKEN = "SELECT m.number, coalesce((to_jsonb(m) ->> 'expands')::boolean, false) AS expands FROM ops.migration m ORDER BY m.number"
_HOLDERS = (
    "SELECT a.pid, coalesce(a.application_name, '') AS program, coalesce(a.usename, '') AS login, a.xact_start AS since"
    " FROM pg_catalog.pg_stat_activity a WHERE a.pid = ANY (pg_catalog.pg_blocking_pids($1)) ORDER BY a.pid LIMIT 5"
)
_UNFINISHED = (
    "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid WHERE n.nspname = $1 AND c.relname = $2 AND NOT i.indisvalid"
)
_BUILD = re.compile(
    r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS (?P<index>[a-z_]+)\s+ON (?P<schema>[a-z_]+)\.[a-z_]+\b.*",
    re.DOTALL,
)
_TAKE_AWAY = re.compile(r"DROP INDEX CONCURRENTLY IF EXISTS [a-z_]+\.[a-z_]+")
_REMARK = re.compile(r"--.*$", re.MULTILINE)
Another = Callable[[], Awaitable[asyncpg.Connection]]


@dataclass(frozen=True, slots=True)
class Step:
    """One file: its number, its name, its words."""

    number: int
    name: str
    sql: str

    @property
    def expands(self) -> bool:
        """Whether a program that does not know this step goes on beside it: the file says so in a line of its own."""
        return EXPANDS in self.sql.splitlines()

    @property
    def beside(self) -> bool:
        """Whether its indexes are built beside the work of others, outside of any transaction."""
        return BESIDE in self.sql.splitlines()

    def statements(self) -> list[str]:
        """Return what is done beside the work of others, one by one. Raises: ValueError for any other statement."""
        found = [part.strip() for part in _REMARK.sub("", self.sql).split(";") if part.strip()]
        for one in found:
            if not _BUILD.fullmatch(one) and not _TAKE_AWAY.fullmatch(one):
                raise ValueError(self.name)
        return found


async def taken(conn: asyncpg.Connection) -> dict[int, bool]:
    """Return the numbers of the steps that a database has taken, and whether each leaves older programs at work."""
    return {row["number"]: row["expands"] for row in await conn.fetch(_TAKEN)}


def beyond(done: dict[int, bool], known: Iterable[int]) -> list[int]:
    """Return the steps of a database beside which a program that knows only some of them may not work."""
    unknown = done.keys() - set(known)
    return sorted(number for number in unknown if not done[number])


async def take_turn(conn: asyncpg.Connection, lock: int) -> None:
    """Take the lock of whoever changes the schema, a session's own. Raises: OperatorError(migration-busy).

    Asked for again and again: a session that waits for it inside a statement would be waited for by an index built beside it.
    """
    try:
        async with asyncio.timeout(TURN_S):
            while not await conn.fetchval("SELECT pg_try_advisory_lock($1)", lock):  # noqa: ASYNC110 - another process holds it
                await asyncio.sleep(LOOK_S)
    except TimeoutError as error:
        raise OperatorError(
            "migration-busy",
            N_("un altro processo sta aggiornando la base dati da più di {seconds} secondi"),
            hint=N_("attendere che finisca; se non c'è più, la sua connessione al server è da chiudere"),
            seconds=round(TURN_S),
        ) from error


async def take(conn: asyncpg.Connection, step: Step, another: Another | None = None) -> None:
    """Take one step; ``another`` opens a second connection, by which it is seen who holds what this one waits for.

    Raises: OperatorError(migration-blocked) when the tables were never free for long enough; nothing of the step is there then.
    """
    if step.beside:
        await _build(conn, step)
        return
    loop = asyncio.get_running_loop()
    begun, holders = loop.time(), ""
    while True:
        watch = _Watch(another, conn)
        try:
            async with watch.awake():
                await _in_one(conn, step)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            holders = watch.seen or holders
            waited = loop.time() - begun
            if waited > PATIENCE_S:
                raise _blocked(step, waited, holders) from error
            await asyncio.sleep(REST_S)
        else:
            return


async def _in_one(conn: asyncpg.Connection, step: Step) -> None:
    async with conn.transaction():
        await conn.execute(f"SET LOCAL lock_timeout = {int(LOCK_S * 1000)}")
        await conn.execute(step.sql, timeout=STEP_S)
        await _note(conn, step)


async def _note(conn: asyncpg.Connection, step: Step) -> None:
    await conn.execute("INSERT INTO ops.migration (number, name) VALUES ($1, $2)", step.number, step.name)
    if step.expands:
        await conn.execute("UPDATE ops.migration SET expands = true WHERE number = $1", step.number)


async def _build(conn: asyncpg.Connection, step: Step) -> None:
    """Build indexes; what a cut-off attempt left behind, which nobody reads and everybody writes, goes first."""
    for statement in step.statements():
        built = _BUILD.fullmatch(statement)
        if built is not None and await conn.fetchval(_UNFINISHED, built["schema"], built["index"]):
            await conn.execute(f"DROP INDEX CONCURRENTLY {built['schema']}.{built['index']}", timeout=BESIDE_S)
        await conn.execute(statement, timeout=BESIDE_S)
    # A kill before this line leaves finished indexes, which the next attempt finds.
    await _note(conn, step)


def _blocked(step: Step, waited: float, holders: str) -> OperatorError:
    return OperatorError(
        "migration-blocked",
        N_(
            "la base dati non si può aggiornare ({step}): da {seconds} secondi qualcuno tiene le tabelle che servono: {holders}"
        ),
        hint=N_(
            "nulla è cambiato: far finire o fermare quel processo (SELECT pg_terminate_backend(numero) come amministratore della base dati), poi ripetere"
        ),
        step=step.name,
        seconds=round(waited),
        holders=holders or "?",
    )


class _Watch:
    """Who holds what a connection waits for, as last seen."""

    def __init__(self, another: Another | None, waiting: asyncpg.Connection) -> None:
        self._another = another
        self._pid = waiting.get_server_pid()
        self.seen = ""

    @contextlib.asynccontextmanager
    async def awake(self) -> AsyncIterator[None]:
        """Look for the time of a block."""
        task = asyncio.create_task(self._look(self._another)) if self._another is not None else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _look(self, another: Another) -> None:
        # Most steps wait for nobody: a connection is opened for those that do.
        await asyncio.sleep(LOOK_S)
        conn = await another()
        try:
            while True:
                self.seen = _told(await conn.fetch(_HOLDERS, self._pid)) or self.seen
                await asyncio.sleep(LOOK_S)
        finally:
            conn.terminate()


def _told(rows: Sequence[asyncpg.Record]) -> str:
    return "; ".join(
        " ".join(
            part
            for part in (
                str(row["pid"]),
                row["program"],
                f"({row['login']})" if row["login"] else "",
                row["since"].isoformat(timespec="seconds") if row["since"] else "",
            )
            if part
        )
        for row in rows
    )
