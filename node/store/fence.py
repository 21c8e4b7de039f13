"""The fence: on which server the own log was last written, to notice that a database came back from a copy.

In: an open transaction. Out: whether the server is another than when the log was last found whole. Source: PROTOCOL 6.9.
"""

from __future__ import annotations

import datetime as dt

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("fence")


async def changed(conn: Connection, origin_id: int) -> bool:
    """Tell whether the server's identity or timeline is not the recorded one; a log without record counts as changed."""
    known = await conn.fetchrow(QUERIES["fence"], origin_id)
    server = await conn.fetchrow(QUERIES["server"])
    return known is None or (known["system_id"], known["timeline"]) != (server["system_id"], server["timeline"])


async def record(conn: Connection, origin_id: int, now: dt.datetime) -> None:
    """Record that the own log is whole on this server."""
    server = await conn.fetchrow(QUERIES["server"])
    await conn.execute(QUERIES["record"], origin_id, server["system_id"], server["timeline"], now)
