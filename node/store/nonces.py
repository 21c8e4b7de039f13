"""The nonces of signed requests: who made each one, so that none is made twice.

In: the key id and nonce of a request that was verified. Out: whether it is new. Source: PROTOCOL 4.
"""

from __future__ import annotations

import datetime as dt

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("nonces")


async def keep(conn: Connection, keyid: str, nonce: str, now: dt.datetime) -> bool:
    """Remember a verified request's nonce; False when it was seen before."""
    return await conn.fetchval(QUERIES["keep"], keyid, nonce, now) is not None


async def purge(conn: Connection, before: dt.datetime) -> None:
    """Forget nonces older than any signature may be."""
    await conn.execute(QUERIES["purge"], before)
