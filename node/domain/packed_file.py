"""What is in a zip of an office program, unpacked within bounds: names, sizes, and the first bytes of each part.

In: the bytes of a file. Out: its parts, or why it is refused. Rules: what the table of contents says of size and sum must be what
unpacking gives; parts do not overlap; no name leads out of the archive; nothing is locked. No more than ``UNPACKED_MAX`` is ever
unpacked, a piece at a time, and nothing is written. Pure. Source: APPNOTE.TXT 6.3.10 (the format of zip).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

UNPACKED_MAX: Final = 150 * 2**20
# Sheets of equal rows shrink to a hundredth; what shrinks further, and is large, is made to be large.
RATIO_MAX, RATIO_FROM = 200, 10 * 2**20
PARTS_MAX: Final = 5_000
HELD_MAX: Final = 2**20
HEAD: Final = 8
FED, PIECE = 2**16, 2**18
_END, _ENTRY, _LOCAL = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_STORED, _DEFLATED = 0, 8
_LOCKED: Final = 0x2041


class DamagedError(ValueError):
    """The archive is cut off, or says of itself what is not so."""


class BombError(ValueError):
    """The archive would fill a disk."""


class LockedError(ValueError):
    """A part needs a password."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: how it begins, and all of it when it was asked for."""

    head: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    local: int


def looks_packed(content: bytes) -> bool:
    """Tell whether bytes begin as a zip does."""
    return content.startswith(_LOCAL)


def parts_of(content: bytes, wanted: frozenset[str]) -> Mapping[str, Part]:
    """Return the parts by name; those ``wanted`` with their content, HELD_MAX of each. Raises: DamagedError, BombError, LockedError."""
    entries = _entries(content)
    if any(entry.flags & _LOCKED for entry in entries):
        raise LockedError
    total = sum(entry.size for entry in entries)
    if total > UNPACKED_MAX or (total > RATIO_FROM and total > RATIO_MAX * len(content)):
        raise BombError
    found: dict[str, Part] = {}
    end = 0
    for entry in sorted(entries, key=lambda item: item.local):
        if entry.local < end or entry.name in found:
            raise DamagedError
        start = _start_of(content, entry)
        end = start + entry.packed
        if end > len(content):
            raise DamagedError
        found[entry.name] = _unpacked(content[start:end], entry, HELD_MAX if entry.name in wanted else HEAD)
    return found


def _number(content: bytes, at: int, size: int) -> int:
    return int.from_bytes(content[at : at + size], "little")


def _entries(content: bytes) -> list[_Entry]:
    # Nothing stands after the end: what does could be read as another file.
    end = content.rfind(_END, max(0, len(content) - 22 - 0xFFFF))
    if end < 0 or end + 22 + _number(content, end + 20, 2) != len(content):
        raise DamagedError
    count, at = _number(content, end + 10, 2), _number(content, end + 16, 4)
    if count > PARTS_MAX:
        raise BombError
    entries = []
    for _ in range(count):
        if content[at : at + 4] != _ENTRY or at + 46 > end:
            raise DamagedError
        name_end = at + 46 + _number(content, at + 28, 2)
        entries.append(
            _Entry(
                name=_name(content[at + 46 : name_end]),
                flags=_number(content, at + 8, 2),
                method=_number(content, at + 10, 2),
                crc=_number(content, at + 16, 4),
                packed=_number(content, at + 20, 4),
                size=_number(content, at + 24, 4),
                local=_number(content, at + 42, 4),
            )
        )
        at = name_end + _number(content, at + 30, 2) + _number(content, at + 32, 2)
    if at != end:
        raise DamagedError
    return entries


def _name(raw: bytes) -> str:
    name = raw.decode("utf-8", "replace")
    if not name or name.startswith("/") or "\\" in name or ":" in name or "\0" in name or ".." in name.split("/"):
        raise DamagedError
    return name


def _start_of(content: bytes, entry: _Entry) -> int:
    at = entry.local
    name_end = at + 30 + _number(content, at + 26, 2)
    if content[at : at + 4] != _LOCAL or content[at + 30 : name_end].decode("utf-8", "replace") != entry.name:
        raise DamagedError
    return name_end + _number(content, at + 28, 2)


def _unpacked(packed: bytes, entry: _Entry, held: int) -> Part:
    """Unpack a part, piece by piece, and keep its beginning."""
    if entry.method == _STORED:
        if entry.packed != entry.size or zlib.crc32(packed) != entry.crc:
            raise DamagedError
        return Part(packed[:HEAD], packed[:held])
    if entry.method != _DEFLATED:
        raise DamagedError
    kept, size, crc = b"", 0, 0
    try:
        for piece in _pieces(packed):
            size += len(piece)
            crc = zlib.crc32(piece, crc)
            kept += piece[: held - len(kept)]
            if size > entry.size:
                raise DamagedError
    except zlib.error as error:
        raise DamagedError from error
    if size != entry.size or crc != entry.crc:
        raise DamagedError
    return Part(kept[:HEAD], kept)


def _pieces(packed: bytes) -> Iterator[bytes]:
    """Yield what a deflated part unpacks to, a little at a time. Raises: zlib.error, DamagedError."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    for at in range(0, len(packed), FED):
        fed = packed[at : at + FED]
        while fed:
            yield unpacker.decompress(fed, PIECE)
            fed = unpacker.unconsumed_tail
    if not unpacker.eof or unpacker.unused_data:
        raise DamagedError
