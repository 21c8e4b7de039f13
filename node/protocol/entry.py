"""Log entries: one canonical JSON object per change of a profile (PROTOCOL 3.1).

Exactly these keys, <= 1024 bytes: ``{"b":base64(32),"id":uuid4,"op":"pub|upd|wd","p":int,"r":int,"t":days,"v":1}``;
``wd`` has no ``b``. Day-granular time, no length, no category: nothing that links to a firm.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import NamedTuple

from node.errors import N_, PeerWrongError
from node.protocol import canonical, limits

VERSION = 1
COMMITMENT_BYTES = 32
DAY_MAX = 2_932_896  # 9999-12-31
OPERATIONS = ("pub", "upd", "wd")
_KEYS = {"b", "id", "op", "p", "r", "t", "v"}
_WITHDRAWAL_KEYS = _KEYS - {"b"}
_UUID4_TEXT = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_UUID4 = re.compile(_UUID4_TEXT)
# The canonical bytes of a usual entry, every field inside its limits: what matches needs no parser. The last sign of a
# commitment holds four bits; numbers are shorter than their limits, so that no digits need be compared.
_USUAL = re.compile(
    rb'{"b":"([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048])=",'
    + f'"id":"({_UUID4_TEXT})"'.encode()
    + rb',"op":"(pub|upd)","p":(-1|0|[1-9][0-9]{0,14}),"r":([1-9][0-9]{0,14}),"t":(0|[1-9][0-9]{0,5}),"v":1}'
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: operation, item id, body commitment (None for wd), previous index, revision, day since 1970."""

    op: str
    id: str
    b: bytes | None
    p: int
    r: int
    t: int


class Promise(NamedTuple):
    """What an entry says of its body: whose it is, and the commitment that its bytes must match."""

    id: str
    b: bytes | None


def encode(entry: Entry) -> bytes:
    """Return the canonical bytes of ``entry``; what this writes, ``decode`` accepts."""
    fields: dict[str, object] = {
        "id": entry.id,
        "op": entry.op,
        "p": entry.p,
        "r": entry.r,
        "t": entry.t,
        "v": VERSION,
    }
    if entry.b is not None:
        fields["b"] = base64.b64encode(entry.b).decode()
    raw = canonical.dumps(fields)
    decode(raw)
    return raw


def _refuse() -> PeerWrongError:
    return PeerWrongError("entry-malformed", N_("voce del registro non valida"))


def _is_index(value: object, low: int, high: int) -> bool:
    # bool is an int in Python; on the wire true is not 1.
    return type(value) is int and low <= value <= high


def decode(raw: bytes) -> Entry:
    """Return the entry of canonical bytes. Raises: PeerWrongError(entry-malformed | json-...)."""
    usual = _USUAL.fullmatch(raw)
    if usual is not None:
        text, item, op, p, r, t = usual.groups()
        return Entry(op.decode(), item.decode(), binascii.a2b_base64(text + b"="), int(p), int(r), int(t))
    return _decode_slowly(raw)


def promised(raw: bytes) -> Promise:
    """Return what an entry with a body says of it, of bytes that ``decode`` accepted before: both stand in their places."""
    text, between, item = raw[6:50], raw[50:58], raw[58:94]
    if raw[:6] != b'{"b":"' or between != b'","id":"':
        found = decode(raw)
        return Promise(found.id, found.b)
    return Promise(item.decode(), binascii.a2b_base64(text))


def _decode_slowly(raw: bytes) -> Entry:
    value = canonical.parse(raw, max_bytes=limits.ENTRY_MAX_BYTES)
    if type(value) is not dict:
        raise _refuse()
    op = value.get("op")
    expected = _WITHDRAWAL_KEYS if op == "wd" else _KEYS
    if op not in OPERATIONS or value.keys() != expected or not _is_index(value["v"], VERSION, VERSION):
        raise _refuse()
    item = value["id"]
    if (
        type(item) is not str
        or not _UUID4.fullmatch(item)
        or not _is_index(value["p"], -1, limits.TREE_SIZE_MAX)
        or not _is_index(value["r"], 1, limits.TREE_SIZE_MAX)
        or not _is_index(value["t"], 0, DAY_MAX)
    ):
        raise _refuse()
    return Entry(op, item, None if op == "wd" else _commitment(value["b"]), value["p"], value["r"], value["t"])


def _commitment(text: object) -> bytes:
    if type(text) is not str or len(text) != 44:
        raise _refuse()
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refuse() from error
    if len(raw) != COMMITMENT_BYTES or base64.b64encode(raw).decode() != text:
        raise _refuse()
    return raw
