"""What one node holds of every log, in values that can be held against another node's: two that agree have the same.

In: a pool. Out: for each log its size, root and state, how many bodies are still missing, and one digest of all that lives in it. Nothing is changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import orjson

from node.store import evidence, log, origins
from node.store.postgres import Pool, acquire

# The documents that tell of a network, in whichever version.
PROFILES = "profile/"


@dataclass(frozen=True, slots=True)
class Held:
    """One log as one node has it; ``profiles`` are the ids of those that live. ``living``: SHA-256 (hex) over ids and bodies of all that lives, by id."""

    origin: str
    owner: str
    state: str
    size: int
    root: str
    missing: int
    profiles: frozenset[str]
    living: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """How far a node is with each log, by owner, and how many it has set aside for having told two histories."""

    entries: dict[str, int]
    quarantined: int


async def sizes(pool: Pool) -> Sizes:
    """Return how far each log is applied; quick enough to be asked every second."""
    async with acquire(pool) as conn:
        rows = await origins.list_origins(conn)
    return Sizes({row.owner: row.size for row in rows}, sum(row.state == "quarantined" for row in rows))


async def proofs(pool: Pool) -> int:
    """Return how many proofs of two histories a node keeps."""
    async with acquire(pool) as conn:
        return await evidence.count_evidence(conn)


async def holdings(pool: Pool) -> dict[str, Held]:
    """Return every log that a node holds, by origin line."""
    found = {}
    async with acquire(pool) as conn:
        for row in await origins.list_origins(conn):
            living = sorted(await log.live_bodies(conn, row.origin_id))
            digest = hashlib.sha256()
            for item, body in living:
                digest.update(item.encode() + len(body).to_bytes(4, "big") + body)
            found[row.origin] = Held(
                row.origin,
                row.owner,
                row.state,
                row.size,
                row.root.hex(),
                await log.count_wanted(conn, row.origin_id),
                frozenset(item for item, body in living if orjson.loads(body)["type"].startswith(PROFILES)),
                digest.hexdigest(),
            )
    return found
