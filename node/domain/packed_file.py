"""What is in a zip of an office program, unpacked within bounds: names, sizes, and the first bytes of each part.

In: the bytes of a file. Out: its parts, or why it is refused. Rules: what the table of contents says of size and sum must be what
unpacking gives; parts follow one another without a gap, so that no byte is judged by nobody; no name leads out of the archive;
nothing is locked. No more than ``UNPACKED_MAX`` is ever unpacked, a piece at a time, and nothing is written. A part that is an archive
itself is handed back whole, to be judged like the one around it. Pure. Source: APPNOTE.TXT 6.3.10 (the format of zip).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

UNPACKED_MAX: Final = 150 * 2**20
# Sheets of equal rows shrink to a hundredth; what shrinks further, and is large, is made to be large.
RATIO_MAX, RATIO_FROM = 200, 10 * 2**20
PARTS_MAX: Final = 5_000
# Of one part that is searched, and of all of them.
HELD_MAX, HELD_ALL_MAX = 2**20, 4 * 2**20
HEAD: Final = 8
FED, PIECE = 2**16, 2**18
_END, _ENTRY, _LOCAL, _DESCRIPTOR = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04", b"PK\x07\x08"
_STORED, _DEFLATED = 0, 8
_LOCKED, _DESCRIBED = 0x2041, 0x0008


class DamagedError(ValueError):
    """The archive is cut off, or says of itself what is not so."""


class BombError(ValueError):
    """The archive would fill a disk."""


class LockedError(ValueError):
    """A part needs a password."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: how it begins, its size, and all of it when it was asked for or is an archive."""

    head: bytes
    content: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Room:
    """How much an archive may hold: bytes, parts, and bytes that are searched."""

    size: int = UNPACKED_MAX
    parts: int = PARTS_MAX
    held: int = HELD_ALL_MAX

    def after(self, parts: Mapping[str, Part], is_wanted: Callable[[str], bool]) -> Room:
        """Return what an archive leaves to those inside it."""
        held = sum(part.size for name, part in parts.items() if is_wanted(name))
        return Room(self.size - sum(part.size for part in parts.values()), self.parts - len(parts), self.held - held)


WHOLE_ROOM: Final = Room()


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


def parts_of(content: bytes, is_wanted: Callable[[str], bool], room: Room = WHOLE_ROOM) -> Mapping[str, Part]:
    """Return the parts by name, with all of what is wanted or an archive. Raises: DamagedError, BombError, LockedError."""
    entries, table = _entries(content, room.parts)
    if any(entry.flags & _LOCKED for entry in entries):
        raise LockedError
    total = sum(entry.size for entry in entries)
    if total > room.size or (total > RATIO_FROM and total > RATIO_MAX * len(content)):
        raise BombError
    # What is searched is searched whole.
    searched = [entry.size for entry in entries if is_wanted(entry.name)]
    if max(searched, default=0) > HELD_MAX or sum(searched) > room.held:
        raise BombError
    found: dict[str, Part] = {}
    seen: set[str] = set()
    ordered = sorted(entries, key=lambda item: item.local)
    end = 0
    for entry, after in zip(ordered, [*(item.local for item in ordered[1:]), table], strict=True):
        if entry.local != end or entry.name.casefold() in seen:
            raise DamagedError
        seen.add(entry.name.casefold())
        start = _start_of(content, entry)
        stop, end = start + entry.packed, after
        if stop > end or content[stop:end] not in _endings(entry):
            raise DamagedError
        found[entry.name] = _unpacked(content[start:stop], entry, HELD_MAX if is_wanted(entry.name) else HEAD)
    return found


def _number(content: bytes, at: int, size: int) -> int:
    return int.from_bytes(content[at : at + size], "little")


def _entries(content: bytes, parts_max: int) -> tuple[list[_Entry], int]:
    """Return what the table of contents tells, and where it begins."""
    # Nothing stands after the end: what does could be read as another file.
    end = content.rfind(_END, max(0, len(content) - 22 - 0xFFFF))
    if end < 0 or end + 22 + _number(content, end + 20, 2) != len(content):
        raise DamagedError
    count, table = _number(content, end + 10, 2), _number(content, end + 16, 4)
    at = table
    if count > parts_max:
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
    if at != end or not entries:
        raise DamagedError
    return entries, table


def _name(raw: bytes) -> str:
    name = raw.decode("utf-8", "replace")
    # A folder of its own ends in a slash.
    steps = name.removesuffix("/").split("/")
    if any(sign in name for sign in "\\:\0") or any(step in ("", ".", "..") for step in steps):
        raise DamagedError
    return name


def _start_of(content: bytes, entry: _Entry) -> int:
    at = entry.local
    name_end = at + 30 + _number(content, at + 26, 2)
    if content[at : at + 4] != _LOCAL or content[at + 30 : name_end].decode("utf-8", "replace") != entry.name:
        raise DamagedError
    # Who reads without the table must read the same.
    flags, method, packed = _number(content, at + 6, 2), _number(content, at + 8, 2), _number(content, at + 18, 4)
    if method != entry.method or (packed != entry.packed and not flags & _DESCRIBED):
        raise DamagedError
    return name_end + _number(content, at + 28, 2)


def _endings(entry: _Entry) -> tuple[bytes, ...]:
    """Return what may stand after the bytes of a part: nothing, or its sum and sizes once more."""
    if not entry.flags & _DESCRIBED:
        return (b"",)
    crc = entry.crc.to_bytes(4, "little")
    told = [crc + b"".join(size.to_bytes(wide, "little") for size in (entry.packed, entry.size)) for wide in (4, 8)]
    return (b"", *told, *(_DESCRIPTOR + each for each in told))


def _unpacked(packed: bytes, entry: _Entry, held: int) -> Part:
    """Unpack a part, piece by piece, and keep its beginning, or all of an archive."""
    if entry.method == _STORED:
        if entry.packed != entry.size or zlib.crc32(packed) != entry.crc:
            raise DamagedError
        return Part(packed[:HEAD], packed if looks_packed(packed) else packed[:held], entry.size)
    if entry.method != _DEFLATED:
        raise DamagedError
    kept, size, crc = bytearray(), 0, 0
    try:
        for piece in _pieces(packed):
            size += len(piece)
            crc = zlib.crc32(piece, crc)
            if size > entry.size:
                raise DamagedError
            kept += piece
            if not kept.startswith(_LOCAL):
                del kept[held:]
    except zlib.error as error:
        raise DamagedError from error
    if size != entry.size or crc != entry.crc:
        raise DamagedError
    return Part(bytes(kept[:HEAD]), bytes(kept), size)


def _pieces(packed: bytes) -> Iterator[bytes]:
    """Yield what a deflated part unpacks to, a little at a time. Raises: zlib.error, DamagedError."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    for at in range(0, len(packed), FED):
        fed = packed[at : at + FED]
        # All may have been eaten while there is still something to give.
        while not unpacker.eof:
            piece = unpacker.decompress(fed, PIECE)
            fed = unpacker.unconsumed_tail
            if not piece and not fed:
                break
            yield piece
        if unpacker.eof and (unpacker.unused_data or at + FED < len(packed)):
            raise DamagedError
    if not unpacker.eof:
        raise DamagedError
