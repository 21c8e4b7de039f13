"""What the logs say of calls and rankings: public documents, and nothing else.

In: a connection. Out: the living documents of a kind, each with the owner of the log that carries it. Source: PROTOCOL 14.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg
import orjson

from node.store.postgres import Connection, load_queries
from node.store.search import took_too_long

QUERIES = load_queries("issued")


async def documents(conn: Connection, kind: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the living documents of a kind (``call``, ``ranking``) in all logs, each with the owner of its log.

    Raises: OperatorError(search-timeout) where the connection bounds its statements.
    """
    try:
        rows = await conn.fetch(QUERIES["endorsements"], kind)
    except asyncpg.QueryCanceledError as error:
        raise took_too_long() from error
    return [(row["owner"], orjson.loads(row["body"])) for row in rows]
