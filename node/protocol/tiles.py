"""Tiles and entry bundles: paths and bytes (C2SP tlog-tiles; PROTOCOL 2).

A tile holds up to 256 hashes, a bundle up to 256 entries of uint16-BE length and bytes. Paths write the number in groups
of three digits, all but the last with an ``x``; a partial one ends in ``.p/<width>``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from node.errors import N_, NotFoundError, PeerWrongError
from node.protocol import limits
from node.protocol.merkle import HASH_BYTES, CompactRange

TILE_WIDTH = 256
_INDEX = re.compile(r"((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


def encode_index(number: int, width: int = TILE_WIDTH) -> str:
    """Return the path of tile ``number`` with ``width`` (1..256) hashes, for example ``x001/234.p/5``."""
    groups = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03d}")
    return "/".join(groups) + ("" if width == TILE_WIDTH else f".p/{width}")


def decode_index(path: str) -> tuple[int, int]:
    """Return (number, width) of a tile path. Raises: NotFoundError(tile-path-bad) for every other spelling."""
    match = _INDEX.fullmatch(path)
    number = int(re.sub(r"[x/]", "", match.group(1))) if match else 0
    width = int(match.group(2)) if match and match.group(2) else TILE_WIDTH
    if (
        match is None
        or width > TILE_WIDTH
        or (match.group(2) and width == TILE_WIDTH)
        or encode_index(number, width) != path
    ):
        raise NotFoundError("tile-path-bad", N_("percorso di tile non valido"))
    return number, width


def level_width(size: int, level: int, number: int) -> int:
    """Return how many hashes tile ``number`` of ``level`` has in a tree of ``size`` leaves (0..256)."""
    return max(0, min(TILE_WIDTH, (size >> (8 * level)) - number * TILE_WIDTH))


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return the bundle of up to 256 entries."""
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def decode_bundle(raw: bytes, width: int) -> list[bytes]:
    """Return exactly ``width`` entries. Raises: PeerWrongError(bundle-malformed)."""
    entries: list[bytes] = []
    at, end = 0, len(raw)
    while at < end and len(entries) < width:
        if at + 2 > end:
            break
        length = (raw[at] << 8) | raw[at + 1]
        at += 2
        if length > limits.ENTRY_MAX_BYTES or at + length > end:
            break
        entries.append(raw[at : at + length])
        at += length
    if at != end or len(entries) != width:
        raise PeerWrongError("bundle-malformed", N_("pacchetto di voci non valido: attese {width}"), width=width)
    return entries


def decode_tile(raw: bytes, width: int) -> list[bytes]:
    """Return exactly ``width`` hashes. Raises: PeerWrongError(tile-malformed)."""
    if len(raw) != width * HASH_BYTES:
        raise PeerWrongError("tile-malformed", N_("tile non valido: attesi {width} hash"), width=width)
    return [raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES)]


class TiledRange:
    """A compact range that also tells the root of every 256^k subtree as it is completed. Mutable.

    It is kept as one range per tile level, like the digits of the size in base 256: a full digit becomes one unit of
    the next. Read one after the other, highest level first, they are the compact range of the whole tree.
    """

    __slots__ = ("_digits", "size")

    def __init__(self, size: int, hashes: Sequence[bytes]) -> None:
        """Load the compact range of ``size`` leaves. Raises: CallerError(range-malformed)."""
        whole = CompactRange.load(size, hashes)
        self.size = size
        self._digits: list[CompactRange] = []
        rest, end = size, len(whole.hashes)
        while rest:
            digit = rest % TILE_WIDTH
            start = end - digit.bit_count()
            self._digits.append(CompactRange.load(digit, whole.hashes[start:end]))
            rest, end = rest // TILE_WIDTH, start

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Roots of the complete subtrees, largest first."""
        return tuple(digest for digit in reversed(self._digits) for digest in digit.hashes)

    def extend(self, leaf_hashes: Sequence[bytes]) -> list[tuple[int, int, bytes]]:
        """Append leaf hashes; return (level, index, root) of each subtree of 256^level leaves completed by them."""
        completed: list[tuple[int, int, bytes]] = []
        at = 0
        while at < len(leaf_hashes):
            if not self._digits:
                self._digits.append(CompactRange())
            lowest = self._digits[0]
            step = min(TILE_WIDTH - lowest.size, len(leaf_hashes) - at)
            lowest.extend(leaf_hashes[at : at + step])
            at += step
            self.size += step
            self._carry(completed)
        return completed

    def _carry(self, completed: list[tuple[int, int, bytes]]) -> None:
        level = 0
        while self._digits[level].size == TILE_WIDTH:
            root = self._digits[level].root()
            self._digits[level] = CompactRange()
            level += 1
            completed.append((level, (self.size >> (8 * level)) - 1, root))
            if len(self._digits) == level:
                self._digits.append(CompactRange())
            self._digits[level].append(root)

    def root(self) -> bytes:
        """Return the root hash of the whole tree."""
        return CompactRange.load(self.size, self.hashes).root()
