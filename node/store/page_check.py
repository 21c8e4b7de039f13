"""Every page of the database looked at, by PostgreSQL's own amcheck: which table or index holds what it should not.

In: a connection and a time. Out: the relations that are damaged, by name, and how many there was no time for. Rules: nothing stays changed: where
amcheck is not installed it is installed for the time of a transaction that is taken back; each relation is looked at under a savepoint that
is taken back too, so that no lock outlasts the look. What amcheck quotes of a row is not passed on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import asyncpg

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("page_check")
# What a damaged page, a tree out of order, or a file that is too short say of themselves.
DAMAGED: Final = (
    asyncpg.DataCorruptedError,
    asyncpg.IndexCorruptedError,
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,
)
DENIED: Final = (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedFileError, asyncpg.FeatureNotSupportedError)


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen. ``damaged``: names of relations; ``unseen``: those there was no time for; ``hindered``: why nothing could be looked at."""

    relations: int = 0
    bytes: int = 0
    damaged: tuple[str, ...] = ()
    unseen: int = 0
    checksums: bool = True
    hindered: str = ""


async def look(conn: Connection, limit_s: float) -> Looked:
    """Look at every page, for at most so many seconds."""
    home = await conn.fetchrow(QUERIES["home"])
    if home["schema"] is None and not home["available"]:
        return Looked(checksums=home["checksums"], hindered="missing")
    whole = conn.transaction()
    await whole.start()
    try:
        if home["schema"] is None:
            await conn.execute("CREATE EXTENSION amcheck WITH SCHEMA pg_catalog")
        return await _all(conn, home["schema"] or "pg_catalog", home["checksums"], limit_s)
    except DENIED:
        return Looked(checksums=home["checksums"], hindered="denied")
    finally:
        if not conn.is_closed():
            await whole.rollback()


async def _all(conn: Connection, schema: str, checksums: bool, limit_s: float) -> Looked:
    place = '"' + schema.replace('"', '""') + '"'
    tree = f"SELECT {place}.bt_index_check($1::bigint::oid::regclass, false)"
    # Of the first finding only that there is one: its words may quote a row.
    heap = f"SELECT true FROM {place}.verify_heapam($1::bigint::oid::regclass, on_error_stop => true) LIMIT 1"  # noqa: S608 - a schema that the server named, quoted
    loop = asyncio.get_running_loop()
    ends, rows = loop.time() + limit_s, await conn.fetch(QUERIES["relations"])
    damaged: list[str] = []
    seen = seen_bytes = 0
    for row in rows:
        left = ends - loop.time()
        if left <= 0:
            break
        part = conn.transaction()
        await part.start()
        try:
            await conn.execute(f"SET LOCAL statement_timeout = {max(1, int(left * 1000))}")
            if (
                await conn.fetchval(tree if row["is_index"] else heap, row["oid"], timeout=left + 5)
                and not row["is_index"]
            ):
                damaged.append(row["name"])
        except (asyncpg.QueryCanceledError, TimeoutError):
            break
        except DAMAGED:
            damaged.append(row["name"])
        except asyncpg.UndefinedTableError:
            # Gone since it was listed.
            continue
        finally:
            await part.rollback()
        seen, seen_bytes = seen + 1, seen_bytes + row["bytes"]
    return Looked(seen, seen_bytes, tuple(damaged), len(rows) - seen, checksums)
