"""A database as one moment saw it: its snapshot for a dump, the digest of each table, the own log's signed head.

In: a DSN. Out: values. A restored database has the same digests as the moment it was dumped in, on whatever server; what is no more
true of a restored one is forgotten. The queries stand in backup.sql.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from node.errors import N_, OperatorError
from node.store import roads
from node.store.postgres import CONNECT_TIMEOUT_S, Connection, load_queries

QUERIES = load_queries("backup")
# Reading every row of the largest table that a node is meant for.
TABLE_TIMEOUT_S: Final = 3600.0
_SHORT_S: Final = 60.0
_FORGOTTEN: Final = {"ops.fence": "forget_fence", "ops.leader": "forget_leader", "office.session": "end_sessions"}


@dataclass(frozen=True, slots=True)
class Table:
    """How many rows a table has, and what they add up to."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Head:
    """The own log: its id and origin line, its entries, and the newest signed checkpoint, as far as there is one."""

    origin_id: int
    origin: str
    size: int
    signed_size: int
    root: bytes
    note: bytes


@dataclass(frozen=True, slots=True)
class Moment:
    """What a database was at one moment; ``snapshot`` lets others see it so, while it is held."""

    snapshot: str
    major: int
    version: str
    schema: int
    tables: Mapping[str, Table]
    head: Head | None

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(table.rows for table in self.tables.values())


@asynccontextmanager
async def hold(dsn: str) -> AsyncIterator[Moment]:
    """Look at a database, and hold what was seen for others until the block ends; writers are not kept waiting.

    Raises: OperatorError database-unreachable, backup-nothing.
    """
    async with _session(dsn) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        yield await _look(conn)


async def _connect(dsn: str) -> Connection:
    try:
        return await roads.connect(dsn, timeout=CONNECT_TIMEOUT_S, command_timeout=_SHORT_S)
    except (
        OSError,
        TimeoutError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        ValueError,
    ) as error:
        raise OperatorError(
            "database-unreachable",
            N_("la base dati non risponde: {reason}"),
            hint=N_("controllare [database] url, che PostgreSQL sia acceso e che ci sia spazio su disco"),
            reason=(str(error).splitlines() or [type(error).__name__])[0],
        ) from error


@asynccontextmanager
async def _session(dsn: str) -> AsyncIterator[Connection]:
    """One connection; what the server refuses on it is told by its kind alone, since its words may quote rows."""
    conn = await _connect(dsn)
    try:
        yield conn
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise OperatorError(
            "backup-nothing",
            N_("la base dati non è quella di un nodo"),
            hint=N_("controllare [database] url; «rete serve» o «rete doctor» preparano quella di un nodo nuovo"),
        ) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise OperatorError(
            "database-failed",
            N_("la base dati ha interrotto il lavoro ({kind})"),
            hint=N_("controllare che PostgreSQL sia acceso e ripetere il comando: ripeterlo è sicuro"),
            kind=type(error).__name__,
        ) from error
    finally:
        with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await asyncio.shield(conn.close(timeout=5))


async def _look(conn: Connection) -> Moment:
    await conn.fetchrow(QUERIES["settle_text"])
    snapshot = await conn.fetchval(QUERIES["export_snapshot"])
    server = await conn.fetchrow(QUERIES["server"])
    schema = await conn.fetchval(QUERIES["schema"])
    head = await conn.fetchrow(QUERIES["own_head"])
    return Moment(
        snapshot, server["major"], server["version"], schema, await _digests(conn),
        None if head is None else Head(
            head["origin_id"], head["origin"], head["size"], head["signed_size"] or 0, head["root"] or b"", head["note"] or b""
        ),
    )  # fmt: skip


async def _digests(conn: Connection) -> dict[str, Table]:
    found = {}
    for row in await conn.fetch(QUERIES["tables"]):
        # Names are quoted by the server itself.
        statement = await conn.fetchval(QUERIES["digest_statement"], row["name"])
        if statement is not None:
            table = await conn.fetchrow(statement, timeout=TABLE_TIMEOUT_S)
            found[row["name"]] = Table(table["rows"], table["digest"])
    return found


async def is_empty(dsn: str) -> tuple[bool, int]:
    """Tell whether a database has no table yet, and its server's major version. Raises: OperatorError(database-unreachable)."""
    async with _session(dsn) as conn:
        server = await conn.fetchrow(QUERIES["server"])
        return not await conn.fetch(QUERIES["tables"]), server["major"]


async def settle_functions(dsn: str) -> None:
    """Make what depends on the server's collations anew, between a restored database's tables and its rows."""
    async with _session(dsn) as conn:
        await conn.execute(QUERIES["settle_functions"])


async def take_away(dsn: str) -> None:
    """Empty again a database that was empty when a restore began in it."""
    async with _session(dsn) as conn, conn.transaction():
        for row in await conn.fetch(QUERIES["take_away"]):
            await conn.execute(row["statement"])


async def settle_restored(dsn: str) -> None:
    """Forget of a restored database what is no more true: that its log is the newest there is, and who is signed in.

    Without the first, a copy put on the server it came from would not be noticed and could sign a second history.
    """
    async with _session(dsn) as conn, conn.transaction():
        for table, name in _FORGOTTEN.items():
            # An older program's database may not have one of them yet.
            if await conn.fetchval(QUERIES["has_table"], table):
                await conn.execute(QUERIES[name])
