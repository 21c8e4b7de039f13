"""Hashes of a log's tree for proofs: from our own tables, or from another node's tiles.

In: a function that reads hashes (to make a proof, say). Out: the hashes it reads, loaded. It is run once beforehand, only to hear
which hashes it asks for: that depends on sizes alone. Source: PROTOCOL 2.4, 2.5.
"""

from __future__ import annotations

from collections.abc import Callable

from node.peers.client import PeerClient
from node.protocol import limits, merkle, tiles
from node.protocol.merkle import HashAt
from node.store import log
from node.store.postgres import Connection

# (binary level, index) of a complete subtree.
Place = tuple[int, int]
_TILE_BITS = 8


def _asked_by(asks: Callable[[HashAt], object]) -> list[Place]:
    asked: dict[Place, None] = {}

    def listen(level: int, index: int) -> bytes:
        asked[level, index] = None
        return merkle.EMPTY_ROOT

    asks(listen)
    return list(asked)


def _span(place: Place) -> tuple[int, int, int]:
    """Return (tile level, first hash, number of hashes) under a subtree of 2^level leaves."""
    level, index = place
    tile_level, rest = divmod(level, _TILE_BITS)
    return tile_level, index << rest, 1 << rest


async def stored_hashes(conn: Connection, origin_id: int, asks: Callable[[HashAt], object]) -> HashAt:
    """Return the hashes that ``asks`` reads, of a stored log; costs O(log size) short reads."""
    found: dict[Place, bytes] = {}
    for place in _asked_by(asks):
        level, first, count = _span(place)
        if level == 0:
            entries = await log.entries_between(conn, origin_id, first, first + count)
            hashes = [merkle.leaf_hash(raw) for raw in entries]
        else:
            hashes = await log.subtrees_between(conn, origin_id, level, first, first + count)
        found[place] = merkle.subtree_root(hashes)
    return lambda level, index: found[level, index]


async def peer_hashes(client: PeerClient, prefix: str, size: int, asks: Callable[[HashAt], object]) -> HashAt:
    """Return the hashes that ``asks`` reads, as a node's tiles give them for a tree of ``size`` leaves; unverified.

    Raises: RoadWrongError, PeerWrongError.
    """
    held: dict[tuple[int, int], list[bytes]] = {}
    found: dict[Place, bytes] = {}
    for place in _asked_by(asks):
        level, first, count = _span(place)
        number, at = divmod(first, tiles.TILE_WIDTH)
        if (level, number) not in held:
            held[level, number] = await fetch_tile(client, prefix, size, level, number)
        found[place] = merkle.subtree_root(held[level, number][at : at + count])
    return lambda level, index: found[level, index]


async def fetch_tile(client: PeerClient, prefix: str, size: int, level: int, number: int) -> list[bytes]:
    """Return the hashes of one tile of a tree of ``size`` leaves, full or partial. Raises: PeerWrongError(tile-malformed)."""
    width = tiles.level_width(size, level, number)
    path = f"{prefix}/tile/{level}/{tiles.encode_index(number, width)}"
    reply = await client.get(path, max_bytes=limits.TILE_MAX_BYTES)
    return tiles.decode_tile(reply.body, width)


async def stored_root(conn: Connection, origin_id: int, size: int) -> bytes:
    """Return the root of the first ``size`` entries, recomputed from what is stored; costs O(log size) short reads."""
    grown = merkle.CompactRange()
    level = 0
    while size >> (_TILE_BITS * (level + 1)):
        level += 1
    start = 0
    for at in range(level, -1, -1):
        # The digits of the size in base 256, highest first: complete subtrees, then single entries.
        end = size >> (_TILE_BITS * at)
        if at:
            hashes = await log.subtrees_between(conn, origin_id, at, start, end)
        else:
            hashes = [merkle.leaf_hash(raw) for raw in await log.entries_between(conn, origin_id, start, end)]
        if len(hashes) != end - start:
            # A row is missing: no root can be told, least of all a shorter tree's.
            return b""
        for digest in hashes:
            grown.append(digest, 1 << (_TILE_BITS * at))
        start = end << _TILE_BITS
    return grown.root()
