"""Rows by COPY in PostgreSQL's binary format, packed here: one buffer per some thousand rows instead of one value at a time.

In: rows packed by their subject's module, fields in the order of its columns. Out: rows in the table, in the caller's
transaction. Why: a pull is bound by the processor, and packing is where a row's shape is known best.
Source: PostgreSQL manual, COPY, binary format; the send and receive functions of its types.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final, TypeVar

from node.store.postgres import Connection

V = TypeVar("V")
_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER: Final = b"\xff\xff"
# While the server stores one piece the next one is packed; a million rows never stand in memory twice.
_ROWS_AT_ONCE: Final = 2048
_length = struct.Struct(">i").pack


async def copy_packed(
    conn: Connection, schema: str, table: str, columns: Sequence[str], rows: Iterable[bytes], *, timeout_s: float
) -> None:
    """Append packed rows to ``schema.table``; each row begins with its number of fields."""
    await conn.copy_to_table(
        table, schema_name=schema, columns=columns, source=_pieces(rows), format="binary", timeout=timeout_s
    )


async def _pieces(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    waiting = iter(rows)
    before = _SIGNATURE
    while piece := b"".join(itertools.islice(waiting, _ROWS_AT_ONCE)):
        yield before + piece
        before = b""
    yield before + _TRAILER


def pack_text(text: str) -> bytes:
    """Return a field of type text."""
    raw = text.encode()
    return _length(len(raw)) + raw


class Remembered(dict[str, V]):
    """What a pure function makes of texts that come often; at most ``most`` of them are kept.

    Reading it costs half of what a call through functools.lru_cache does, and a row is made of some forty of them.
    """

    def __init__(self, make: Callable[[str], V], most: int) -> None:
        """Remember nothing yet."""
        super().__init__()
        self._make, self._most = make, most

    def __missing__(self, text: str) -> V:
        """Make it; what was remembered goes when it is too much: a peer must not fill the memory."""
        if len(self) >= self._most:
            self.clear()
        value = self[text] = self._make(text)
        return value


# A field of type text that comes often: a code, a term.
pack_known_text = Remembered(pack_text, 8192).__getitem__


def pack_uuid(text: str) -> bytes:
    """Return the 16 bytes of a canonical uuid, without a field's length."""
    return bytes.fromhex(text.replace("-", ""))
