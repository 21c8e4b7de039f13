"""All rows of all tables of a database, as text: what a leak would be found in."""

from __future__ import annotations

from node.store.postgres import Connection


async def everything(conn: Connection) -> str:
    """Every row of every table; bytes stand as hexadecimal digits."""
    tables = await conn.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
    )
    rows = [await conn.fetch(f"SELECT t::text AS row FROM {table['name']} t") for table in tables]
    return "\n".join(row["row"] for found in rows for row in found)
