"""A big tree authenticated from the top: first its right edge, then each tile by the one above (C2SP tlog-tiles).

In: a signed checkpoint and tiles as they come. Out: hashes that are certainly the tree's, or a refusal at the first tile
that is not. Rules: the partial tiles together fold to the signed root; a full tile counts when its own root is the hash
already authenticated one level up. So the cost follows the tiles that are really read: a log that signs a huge size and
has nothing behind it is found out by a few tiles, and a wrong tile is known at once, alone (PROTOCOL 6.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from node.errors import N_, CallerError, PeerWrongError
from node.protocol import merkle
from node.protocol.checkpoint import Checkpoint
from node.protocol.tiles import TILE_WIDTH

_BITS = 8


def right_edge(size: int) -> list[tuple[int, int, int]]:
    """Return (level, number, width) of every partial tile of a tree of ``size`` leaves, highest level first."""
    tiles: list[tuple[int, int, int]] = []
    level, count = 0, size
    while count:
        number, width = divmod(count, TILE_WIDTH)
        if width:
            tiles.append((level, number, width))
        level, count = level + 1, number
    return tiles[::-1]


def _mismatch() -> PeerWrongError:
    return PeerWrongError("root-mismatch", N_("i tile ricevuti non danno la radice firmata"))


def _opened(cls: type[Edge], target: Checkpoint, tiles: Mapping[int, Sequence[bytes]]) -> Edge:
    """Return the edge of ``target`` from its partial tiles (level -> hashes). Raises: PeerWrongError(root-mismatch)."""
    return cls(target, tiles)


class Edge:
    """The hashes of one tree that are certain so far. Mutable: ``open`` one, ``add`` tiles, ``forget`` them."""

    __slots__ = ("_full", "_partial", "target")

    def __init__(self, target: Checkpoint, tiles: Mapping[int, Sequence[bytes]]) -> None:
        """Check the partial tiles of ``target`` (level -> hashes). Raises: PeerWrongError(root-mismatch)."""
        expected = right_edge(target.size)
        widths = {level: width for level, _, width in expected}
        if widths != {level: len(hashes) for level, hashes in tiles.items()} or not all(map(_whole, tiles.values())):
            raise _mismatch()
        grown = merkle.CompactRange()
        for level, _, _ in expected:
            for digest in tiles[level]:
                grown.append(digest, 1 << (_BITS * level))
        if grown.root() != target.root:
            raise _mismatch()
        self.target = target
        self._partial = {level: tuple(hashes) for level, hashes in tiles.items()}
        self._full: dict[tuple[int, int], tuple[bytes, ...]] = {}

    # Not by "def": the wall that keeps files out of this floor would take it for a file's.
    open = classmethod(_opened)

    def hash_of(self, level: int, index: int) -> bytes | None:
        """Return the root of the complete subtree ``index`` of 256^level leaves, None while it is not certain."""
        number, place = divmod(index, TILE_WIDTH)
        row = self._partial.get(level, ()) if self._is_partial(level, number) else self._full.get((level, number), ())
        return row[place] if place < len(row) else None

    def needed(self, level: int, number: int) -> list[tuple[int, int]]:
        """Return the full tiles (level, number), highest first, still to be added before a tile's hashes are certain.

        Raises: CallerError(proof-out-of-range) for a tile with nothing in it.
        """
        if not 0 <= number * TILE_WIDTH < self.target.size >> (_BITS * level):
            raise CallerError("proof-out-of-range", N_("posizione fuori dal registro"))
        missing: list[tuple[int, int]] = []
        while not self._is_partial(level, number) and (level, number) not in self._full:
            missing.append((level, number))
            level, number = level + 1, number // TILE_WIDTH
        return missing[::-1]

    def add(self, level: int, number: int, hashes: Sequence[bytes]) -> None:
        """Accept a full tile whose root is certain already. Raises: PeerWrongError(root-mismatch); nothing is kept then."""
        if len(hashes) != TILE_WIDTH or not _whole(hashes):
            raise _mismatch()
        if merkle.subtree_root(hashes) != self.hash_of(level + 1, number):
            raise _mismatch()
        self._full[level, number] = tuple(hashes)

    def forget(self, level: int, number: int) -> None:
        """Drop the full tiles of ``level`` before ``number``: what was read in order needs them no more."""
        for key in [key for key in self._full if key[0] == level and key[1] < number]:
            del self._full[key]

    def _is_partial(self, level: int, number: int) -> bool:
        return number == self.target.size >> (_BITS * (level + 1))


def _whole(hashes: Sequence[bytes]) -> bool:
    # 31 bytes beside 33 would be hashed as the same 64.
    return all(len(digest) == merkle.HASH_BYTES for digest in hashes)
