"""Past the guards of the database: how a test makes what no program may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from node.store.postgres import Connection


@asynccontextmanager
async def unguarded(conn: Connection) -> AsyncIterator[None]:
    """No trigger fires on this connection for a while (a superuser's doing)."""
    await conn.execute("SET session_replication_role = replica")
    try:
        yield
    finally:
        await conn.execute("RESET session_replication_role")
