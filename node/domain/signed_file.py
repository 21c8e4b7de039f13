"""The document inside a signed file (CAdES, ``.p7m``): where it stands in the envelope, without judging the signature.

In: the bytes of a file. Out: the bytes of the signed document, or why there is none. Both forms of BER are read: lengths written out
(DER), and open ends with the content in pieces, as many signers make it. Bounded in depth and in elements. Pure. Source: RFC 5652
section 5; ITU-T X.690.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")
DATA: Final = bytes.fromhex("2a864886f70d010701")
SEQUENCE, INTEGER, OID, OCTETS, OCTET_PIECES, TAGGED = 0x30, 0x02, 0x06, 0x04, 0x24, 0xA0
DEPTH_MAX, ELEMENTS_MAX = 16, 200_000


class EnvelopeError(ValueError):
    """These bytes are no signed file, or one that is cut off."""


@dataclass(frozen=True, slots=True)
class _Element:
    tag: int
    start: int
    # None: open, until two zero bytes.
    stop: int | None


def looks_signed(content: bytes) -> bool:
    """Tell whether bytes begin as a signed file does, whole or cut off."""
    return content[:1] == bytes([SEQUENCE]) and bytes([OID, len(SIGNED_DATA)]) + SIGNED_DATA in content[:20]


def document_in(content: bytes) -> bytes:
    """Return the signed document; empty where the envelope holds a signature alone. Raises: EnvelopeError."""
    reader = _Reader(content)
    if reader.skip(0, len(content), 0) != len(content):
        raise EnvelopeError
    at = reader.enter(0, SEQUENCE)
    at = reader.past(at, OID, SIGNED_DATA)
    at = reader.enter(reader.enter(at, TAGGED), SEQUENCE)
    at = reader.skip(reader.past(at, INTEGER), len(content), 0)
    at = reader.past(reader.enter(at, SEQUENCE), OID, DATA)
    if at >= len(content) or content[at] != TAGGED:
        return b""
    return reader.octets(reader.enter(at, TAGGED))


class _Reader:
    """Reads elements; whatever is not as it should be raises."""

    def __init__(self, content: bytes) -> None:
        self._content, self._read = content, 0

    def head(self, at: int, end: int) -> _Element:
        """Return the element that begins at a place."""
        self._read += 1
        if self._read > ELEMENTS_MAX or at + 2 > end:
            raise EnvelopeError
        tag, length, start = self._content[at], self._content[at + 1], at + 2
        if tag & 0x1F == 0x1F:
            raise EnvelopeError
        if length == 0x80:
            return _Element(tag, start, None)
        if length > 0x80:
            size = length - 0x80
            if size > 4 or start + size > end:
                raise EnvelopeError
            length = int.from_bytes(self._content[start : start + size], "big")
            start += size
        if start + length > end:
            raise EnvelopeError
        return _Element(tag, start, start + length)

    def skip(self, at: int, end: int, depth: int) -> int:
        """Return where the next element begins."""
        found = self.head(at, end)
        if found.stop is not None:
            return found.stop
        if depth >= DEPTH_MAX or not found.tag & 0x20:
            raise EnvelopeError
        at = found.start
        while self._content[at : at + 2] != b"\0\0":
            at = self.skip(at, end, depth + 1)
        return at + 2

    def enter(self, at: int, tag: int) -> int:
        """Return where the content of an element begins, which must be of a kind."""
        found = self.head(at, len(self._content))
        if found.tag != tag:
            raise EnvelopeError
        return found.start

    def past(self, at: int, tag: int, value: bytes | None = None) -> int:
        """Return where the next element begins after one of a kind, and perhaps of a value."""
        found = self.head(at, len(self._content))
        if found.tag != tag or found.stop is None or value not in (None, self._content[found.start : found.stop]):
            raise EnvelopeError
        return found.stop

    def octets(self, at: int) -> bytes:
        """Return the bytes of an octet string, whole or in pieces."""
        found = self.head(at, len(self._content))
        if found.tag == OCTETS and found.stop is not None:
            return self._content[found.start : found.stop]
        if found.tag != OCTET_PIECES:
            raise EnvelopeError
        pieces, at = [], found.start
        end = len(self._content) if found.stop is None else found.stop
        while at < end and not (found.stop is None and self._content[at : at + 2] == b"\0\0"):
            piece = self.head(at, end)
            if piece.tag != OCTETS or piece.stop is None:
                raise EnvelopeError
            pieces.append(self._content[piece.start : piece.stop])
            at = piece.stop
        return b"".join(pieces)
