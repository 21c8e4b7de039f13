"""The nonces of signed requests: who made each one, so that none is made twice.

In: the key id and nonce of a request that was verified. Out: whether it is new. Source: PROTOCOL 4.

A database that takes no writes (a full disk, a standby) can't remember one. What only hands out public bodies is then remembered by the
process itself (``Aside``), bounded, for as long as a signature could be good: within this process nothing is answered twice. Another process,
or this one after a restart, may answer the same request once more within its 60 seconds; whoever overheard it gets what everybody reads in
the search. So nothing else is ever answered on such a memory: neither the sealed post nor anything that changes something.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("nonces")
# What a database says that reads and does not write.
UNWRITABLE: Final = (asyncpg.DiskFullError, asyncpg.ReadOnlySQLTransactionError)
ASIDE_MOST: Final = 20_000


async def keep(conn: Connection, keyid: str, nonce: str, now: dt.datetime) -> bool:
    """Remember a verified request's nonce; False when it was seen before."""
    return await conn.fetchval(QUERIES["keep"], keyid, nonce, now) is not None


async def purge(conn: Connection, before: dt.datetime) -> None:
    """Forget nonces older than any signature may be."""
    await conn.execute(QUERIES["purge"], before)


@dataclass(slots=True)
class Aside:
    """What a process remembers by itself while its database can't; the oldest first."""

    keep_s: float
    most: int = ASIDE_MOST
    _seen: dict[tuple[str, str], dt.datetime] = field(default_factory=dict)

    def has(self, keyid: str, nonce: str) -> bool:
        """Tell whether a nonce was taken here: also when the database writes again, which never heard of it."""
        return (keyid, nonce) in self._seen

    def take(self, keyid: str, nonce: str, now: dt.datetime) -> bool:
        """Remember a new nonce; False when there is no room for one more that may still be repeated: it is not answered then."""
        while self._seen and (now - next(iter(self._seen.values()))).total_seconds() > self.keep_s:
            self._seen.pop(next(iter(self._seen)))
        if len(self._seen) >= self.most:
            return False
        self._seen[keyid, nonce] = now
        return True
