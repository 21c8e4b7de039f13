"""What living announcements of sessions and courses give to the Observatory's tables: public facts, one row each.

In: a connection. Out: who, when, where. Calls and rankings are judged, not counted: node/store/issued. Source: PROTOCOL 13.
"""

from __future__ import annotations

from node.domain.observatory.announced import Meeting
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("catalogue_counts")
TIMEOUT_S = 300


async def stamp(conn: Connection) -> str:
    """Return another text whenever other announcements count."""
    return str(await conn.fetchval(QUERIES["stamp"], timeout=TIMEOUT_S))


async def sessions(conn: Connection) -> list[Meeting]:
    """Return each information session that is announced."""
    rows = await conn.fetch(QUERIES["sessions"], timeout=TIMEOUT_S)
    return [Meeting(row["owner"], row["begins"], tuple(row["regions"]), row["municipality"]) for row in rows]


async def editions(conn: Connection) -> list[Meeting]:
    """Return each edition of each course that is announced, without the cancelled ones."""
    rows = await conn.fetch(QUERIES["editions"], timeout=TIMEOUT_S)
    return [
        Meeting(row["owner"], row["begins"], tuple(row["regions"]), row["municipality"], row["course"]) for row in rows
    ]
