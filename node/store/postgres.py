"""The road to PostgreSQL: pool, transactions that may be retried, named queries, forward-only migrations.

In: a DSN and SQL kept beside its module. Out: connections on which store functions run.
Rules: every wait is bounded; one retry on the errors that a dying backend or a serialisation conflict gives;
migrations run once, in order, under an advisory lock, and an old program refuses a newer schema that does not say it may stay.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import resources
from typing import TypeAlias, TypeVar

import asyncpg

from node.errors import N_, LeadLostError, OperatorError
from node.store import migrating, roads

T = TypeVar("T")
Connection: TypeAlias = asyncpg.Connection
Pool: TypeAlias = asyncpg.Pool

MINIMUM_SERVER = 150000
CONNECT_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 60.0
LISTEN_RETRY_S = 2.0
# Arbitrary, constant for ever: the advisory lock that serialises migrations of one database.
MIGRATION_LOCK = 0x72657465
_RETRYABLE = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # What a query meets between the server's last word and the end of its connection.
    asyncpg.InternalClientError,
)
# The server is stopping, starting, full, a standby, or gone: whoever asks again later may be answered.
DATABASE_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
# A server that refuses, is full, is starting or gone, and a DSN that names none.
_GONE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_CONNECT_ERRORS = (*_GONE, ValueError)
# Our own fault or a caller's, not the server's: a value that no column can hold. (asyncpg counts it among InterfaceErrors.)
UNWRITABLE_VALUE = asyncpg.DataError
VALUE_BAD = N_("un valore ha caratteri o cifre che nessun campo può contenere")
# Against a sign of life (the row changes, its key does not) this lock holds nobody up.
_LEAD_HELD = "SELECT true FROM ops.leader WHERE epoch = $1 FOR KEY SHARE"
_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)\s*$", re.MULTILINE)


def load_queries(subject: str) -> Mapping[str, str]:
    """Return the named queries of ``node/store/<subject>.sql`` (blocks that start with ``-- name: x``)."""
    text = resources.files("node.store").joinpath(f"{subject}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)
    return {parts[i]: parts[i + 1].strip().rstrip(";") for i in range(1, len(parts), 2)}


def _unreachable(error: Exception) -> OperatorError:
    return OperatorError(
        "database-unreachable",
        N_("la base dati non risponde: {reason}"),
        hint=N_("controllare [database] url, che PostgreSQL sia acceso e che ci sia spazio su disco"),
        reason=(str(error).splitlines() or [type(error).__name__])[0],
    )


async def make_pool(dsn: str, *, max_size: int, application: str, kind: type[Connection] = asyncpg.Connection) -> Pool:
    """Return a pool on ``dsn`` with bounded waits that has reached nobody yet. Raises: OperatorError(database-unreachable) for a DSN that names nothing."""
    try:
        return await asyncpg.create_pool(
            dsn,
            connect=roads.connect,
            # None kept in reserve: a pool that refills itself logs tracebacks while a server is down.
            min_size=0,
            max_size=max_size,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            connection_class=kind,
            server_settings={"application_name": application, "jit": "off", "TimeZone": "UTC"},
        )
    except _CONNECT_ERRORS as error:
        raise _unreachable(error) from error


async def open_pool(dsn: str, *, max_size: int = 8, application: str = "rete", epoch: int | None = None) -> Pool:
    """Open a pool on ``dsn`` with keepalives and bounded waits; the transactions of one with an ``epoch`` are its leader's alone.

    Raises: OperatorError(database-unreachable | database-too-old).
    """
    # Read again by each transaction: the number that fences a leader's writes (store/leader).
    kind = asyncpg.Connection if epoch is None else type("LedConnection", (asyncpg.Connection,), {"lead_epoch": epoch})
    pool = await make_pool(dsn, max_size=max_size, application=application, kind=kind)
    async with acquire(pool) as conn:
        version = int(await conn.fetchval("SHOW server_version_num"))
    if version < MINIMUM_SERVER:
        pool.terminate()
        raise OperatorError(
            "database-too-old",
            N_("PostgreSQL {version} è troppo vecchio: serve almeno la versione 15"),
            version=version // 10000,
        )
    return pool


@asynccontextmanager
async def acquire(pool: Pool) -> AsyncIterator[Connection]:
    """One connection of the pool for a while, waited for at most CONNECT_TIMEOUT_S and given back in as long.

    Raises: OperatorError(database-unreachable) when no connection is to be had in that time.
    """
    try:
        conn = await pool.acquire(timeout=CONNECT_TIMEOUT_S)
    except _CONNECT_ERRORS as error:
        raise _unreachable(error) from error
    try:
        yield conn
    finally:
        await pool.release(conn)


@asynccontextmanager
async def view(pool: Pool, *, statement_timeout_ms: int, plan_anew: bool) -> AsyncIterator[Connection]:
    """One connection that sees one state of the database and changes nothing; no statement of it runs for longer than said.

    ``plan_anew``: whether each statement is planned for its own arguments, else once for all: planning what a question by the
    index begins with takes longer than answering it. All in one journey to the server.
    Raises: OperatorError(database-unreachable) when no connection is to be had.
    """
    async with acquire(pool) as conn:
        mode = "force_custom_plan" if plan_anew else "force_generic_plan"
        limits = f"SET LOCAL statement_timeout = {int(statement_timeout_ms)}; SET LOCAL plan_cache_mode = {mode}"
        await conn.execute(f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {limits}")
        try:
            yield conn
        finally:
            # Nothing was written: one that failed ends by the same word. On a machine that stands still the word may itself run out of
            # its time: the view is over then, too, and what went wrong before it is what is told.
            if not conn.is_closed():
                with contextlib.suppress(asyncpg.QueryCanceledError):
                    await conn.execute("COMMIT")


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """One connection inside one transaction, for flows that must not be retried as a whole.

    Raises: OperatorError(database-unreachable) when no connection is to be had; LeadLostError when the pool is that of a leader
    whose place another process has taken.
    """
    async with acquire(pool) as conn:
        # A COPY that waits for room to write is not woken when the server dies, unless told that it may write: then it
        # meets the loss as every other statement does. The task itself is never cancelled, so nothing needs undoing.
        wake = conn._protocol.resume_writing  # noqa: SLF001 - there is no public way

        def on_lost(_: Connection) -> None:
            wake()

        conn.add_termination_listener(on_lost)
        try:
            async with conn.transaction():
                await _require_lead(conn)
                yield conn
        finally:
            # Of a lost connection only the shell is left, and the listeners went with it.
            with contextlib.suppress(asyncpg.InterfaceError):
                conn.remove_termination_listener(on_lost)


async def _require_lead(conn: Connection) -> None:
    """Hold the number under which this connection's process leads until the transaction ends: nobody takes the next one before.

    Raises: LeadLostError.
    """
    epoch = getattr(conn, "lead_epoch", None)
    if epoch is not None and not await conn.fetchval(_LEAD_HELD, epoch):
        raise LeadLostError(
            "lead-lost", N_("questo processo non guida più il nodo: un altro ne ha preso il posto"), epoch=epoch
        )


async def run_tx(pool: Pool, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Run ``work`` in one transaction; on a lost backend or a conflict run it once more on a new connection.

    ``work`` must be idempotent up to its commit: it may run twice, only one of the runs is kept.
    """
    try:
        async with transaction(pool) as conn:
            return await work(conn)
    except UNWRITABLE_VALUE:
        raise
    except _RETRYABLE:
        await asyncio.sleep(0.05)
        async with transaction(pool) as conn:
            return await work(conn)


async def listen(
    dsn: str, channel: str, heard: Callable[[str], None], missed: Callable[[], None] | None = None
) -> None:
    """Call ``heard`` with what others notify on ``channel``, for ever; a lost connection is made anew.

    A hint only: what was notified while nobody listened is in the tables; ``missed`` is called when somebody listens again.
    """
    is_again = False
    while True:
        try:
            conn = await roads.connect(dsn, timeout=CONNECT_TIMEOUT_S)
        except _GONE:
            # Among them that of several servers none takes writes just now.
            await asyncio.sleep(LISTEN_RETRY_S)
            continue
        lost = asyncio.Event()
        conn.add_termination_listener(lambda *_, lost=lost: lost.set())
        try:
            await conn.add_listener(channel, lambda *said: heard(str(said[3])))
            if is_again and missed is not None:
                missed()
            is_again = True
            await lost.wait()
        except _GONE:
            await asyncio.sleep(LISTEN_RETRY_S)
        finally:
            conn.terminate()


def _migrations() -> list[tuple[int, str, str]]:
    folder = resources.files("node.store").joinpath("migrations")
    names = sorted(item.name for item in folder.iterdir() if re.fullmatch(r"\d{4}_[a-z_]+\.sql", item.name))
    return [(int(name[:4]), name, folder.joinpath(name).read_text(encoding="utf-8")) for name in names]


@functools.cache
def newest_migration() -> int:
    """Return the number of the newest migration that this program brings."""
    return max(number for number, _, _ in _migrations())


async def migrate_at(dsn: str) -> None:
    """Bring the schema at ``dsn`` forward, by a connection of its own.

    Raises: OperatorError(database-unreachable | schema-newer | migration-busy | migration-blocked).
    """

    async def connect() -> Connection:
        return await roads.connect(dsn, timeout=CONNECT_TIMEOUT_S)

    try:
        conn = await connect()
    except _CONNECT_ERRORS as error:
        raise _unreachable(error) from error
    try:
        await migrate(conn, connect)
    finally:
        await conn.close()


async def migrate(conn: Connection, another: migrating.Another | None = None) -> list[str]:
    """Bring the schema forward to this program's version; return the names of the migrations applied.

    Each file commits with its own row in ops.migration, so that a killed migration resumes where it stopped; others read and write
    meanwhile (store/migrating). ``another`` opens a second connection to the same database.
    Raises: OperatorError(schema-newer) when a newer program changed what this one needs; OperatorError(migration-busy | migration-blocked).
    """
    # Most starts find all done: they take no lock of a session, which behind a pooler of transactions nobody would give back.
    if await conn.fetchval("SELECT to_regclass('ops.migration') IS NOT NULL"):
        there = {row["number"] for row in await conn.fetch("SELECT number FROM ops.migration ORDER BY number")}
        if there == {number for number, _, _ in _migrations()}:
            return []
    # The lock is taken before the bookkeeping table exists: two first starts must not race on CREATE.
    await migrating.take_turn(conn, MIGRATION_LOCK)
    try:
        # Whoever only reads and writes rows may open a database that is up to date (deploy/roles.sql): nothing is created
        # that is there.
        if await conn.fetchval("SELECT to_regclass('ops.migration') IS NULL"):
            await conn.execute("CREATE SCHEMA IF NOT EXISTS ops")
            await conn.execute(
                "CREATE TABLE IF NOT EXISTS ops.migration (number int PRIMARY KEY, name text NOT NULL,"
                " applied_at timestamptz NOT NULL DEFAULT now())"
            )
        done = await migrating.taken(conn)
        files = [migrating.Step(*file) for file in _migrations()]
        if beyond := migrating.beyond(done, (step.number for step in files)):
            raise OperatorError(
                "schema-newer",
                N_("la base dati è stata usata da una versione più nuova del programma (schema {found}, qui {known})"),
                hint=N_("aggiornare il programma; non si torna indietro di versione"),
                found=max(beyond),
                known=max((step.number for step in files), default=0),
            )
        applied = []
        for step in files:
            if step.number not in done:
                await migrating.take(conn, step, another)
                applied.append(step.name)
        return applied
    finally:
        if not conn.is_closed():
            await conn.execute("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK)


async def schema_standing(conn: Connection) -> int:
    """Return how a database's schema stands to this program: 0 as it needs it, below 0 older, above 0 newer than it can work with."""
    done, known = await migrating.taken(conn), {number for number, _, _ in _migrations()}
    return 1 if migrating.beyond(done, known) else -1 if known - done.keys() else 0
