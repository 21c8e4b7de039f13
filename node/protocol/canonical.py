"""Strict JSON: bytes in, values out, or one stable code for what is wrong (PROTOCOL 3.4).

Rules: the bytes must be their own canonical form (RFC 8785 restricted to ASCII keys and no floats: sorted keys, no
spaces), so that a hash of the bytes received is a hash of the meaning. Refused: duplicate keys, floats, NaN, integers
beyond 2^53-1, U+0000, lone surrogates, text that is not NFC, nesting deeper than 8, a byte order mark.
How: parse, serialise again, compare. A duplicate key, a space, another order or another spelling of a number can't
survive that. The rules about meaning are checked on the bytes where that is enough, else on the value. Usual documents
take a short way through the same rules; whatever is not plainly good takes the long one, which names what is wrong.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import orjson

from node.errors import N_, CallerError, PeerWrongError
from node.protocol import limits

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_MALFORMED = N_("il documento non è JSON valido")
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_BRACKETS = bytes.maketrans(b"[]", b"{}")
_OPEN = ord("{")
# A key with a sign beyond ASCII: from that sign to the end of its text, and a colon.
_ODD_KEY = re.compile(rb'[\x80-\xff][^"\\]*+(?:\\.[^"\\]*+)*+":', re.DOTALL)
# The same where no text has an escape and all of ASCII was left out but quotes and colons: some dozens of bytes to look at
# instead of all. What follows a text that is no key begins with none of the two, or with the next text's quote.
_NOT_MARKS = bytes(set(range(0x80)) - set(b'":'))
_ODD_MARKS = re.compile(rb'[\x80-\xff]:*+":')
# No byte of a sign below U+0300 is higher, and below it nothing composes: such a text is in NFC.
_BELOW_0300 = bytes(range(0xCC))
_UNUSUAL = object()


def _refuse(code: str, what: str) -> PeerWrongError:
    return PeerWrongError(code, what)


def _too_deep(structure: bytes, max_depth: int) -> bool:
    """Tell whether brackets nest deeper than ``max_depth``, peeling the innermost pairs one level at a time."""
    brackets = rest = structure.translate(_BRACKETS, _NOT_BRACKETS)
    for _ in range(max_depth):
        rest = rest.replace(b"{}", b"")
        if not rest:
            return False
    # Deeper, or not balanced: count. What is malformed is the parser's to say.
    depth = 0
    for byte in brackets:
        depth += 1 if byte == _OPEN else -1
        if depth > max_depth:
            return True
    return False


def nests_deeper(raw: bytes, max_depth: int) -> bool:
    """Tell whether JSON bytes, in any spelling, nest deeper than ``max_depth``: to be asked before a parser that recurses."""
    return _too_deep(_STRINGS.sub(b"", raw), max_depth)


def _walk(value: Any) -> None:
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            if not key.isascii():
                raise _refuse("json-key-not-ascii", N_("chiave non ASCII"))
            _walk(item)
    elif kind is list:
        for item in value:
            _walk(item)
    elif kind is str:
        _check_text(value)
    elif kind is float:
        raise _refuse("json-float", N_("numero con la virgola: ammessi solo interi"))
    elif kind is int and not -limits.JSON_INTEGER_MAX <= value <= limits.JSON_INTEGER_MAX:
        raise _refuse("json-integer-range", N_("intero fuori dai limiti"))


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise _refuse("json-nul", N_("carattere U+0000 nel testo"))
    if not unicodedata.is_normalized("NFC", text):
        raise _refuse("json-not-nfc", N_("testo non in forma NFC"))


def _parse_usual(raw: bytes, max_depth: int) -> Any:
    """Return the value of bytes that plainly keep every rule; _UNUSUAL asks for the long way, whatever the reason."""
    escaped = b"\\" in raw
    if escaped and b"\\u" in raw:
        return _UNUSUAL
    # Without escapes every second piece between quotes is outside strings.
    structure = _STRINGS.sub(b"", raw) if escaped else b"".join(raw.split(b'"')[::2])
    if b"e" in structure:
        structure = structure.replace(b"true", b"").replace(b"false", b"")
    # A float serialises with a point or an exponent; an integer beyond the limits does not serialise at all.
    if b"." in structure or b"e" in structure or _too_deep(structure, max_depth):
        return _UNUSUAL
    try:
        value = orjson.loads(raw)
        if orjson.dumps(value, option=_OPTIONS) != raw:
            return _UNUSUAL
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return _UNUSUAL
    return value if raw.isascii() or _is_plain(raw, escaped=escaped) else _UNUSUAL


def _is_plain(raw: bytes, *, escaped: bool) -> bool:
    """Tell whether a document with signs beyond ASCII has none in its keys, and plainly all texts in NFC."""
    marks = raw if escaped else raw.translate(None, _NOT_MARKS)
    if (_ODD_KEY if escaped else _ODD_MARKS).search(marks):
        return False
    # Pieces of a text in NFC are in NFC; escapes can only make the whole look worse than its pieces.
    return not marks.translate(None, _BELOW_0300) or unicodedata.is_normalized("NFC", raw.decode())


def parse(raw: bytes, *, max_bytes: int, max_depth: int = limits.JSON_MAX_DEPTH) -> Any:
    """Return the value of canonical JSON bytes. Raises: PeerWrongError json-... (see the module's rules)."""
    if len(raw) > max_bytes:
        raise _refuse("json-too-large", N_("documento troppo grande"))
    value = _parse_usual(raw, max_depth)
    return _parse_slowly(raw, max_depth) if value is _UNUSUAL else value


def _parse_slowly(raw: bytes, max_depth: int) -> Any:
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise _refuse("json-bom", N_("il documento comincia con un BOM"))
    structure = _STRINGS.sub(b"", raw)
    # Before the parser: nesting is the one thing that can hurt it.
    if _too_deep(structure, max_depth):
        raise _refuse("json-too-deep", N_("documento troppo annidato"))
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _refuse("json-malformed", _MALFORMED) from error
    _walk(value)
    try:
        again = orjson.dumps(value, option=_OPTIONS)
    except orjson.JSONEncodeError as error:
        raise _refuse("json-malformed", _MALFORMED) from error
    if again != raw:
        raise _refuse("json-not-canonical", N_("il documento non è nella sua forma canonica"))
    return value


def dumps(value: Any) -> bytes:
    """Return the canonical bytes of ``value``. Raises: CallerError(json-unrepresentable)."""
    try:
        _walk(value)
        return orjson.dumps(value, option=_OPTIONS)
    except (orjson.JSONEncodeError, PeerWrongError, AttributeError) as error:
        raise CallerError("json-unrepresentable", N_("valore che non si può scrivere in JSON canonico")) from error
