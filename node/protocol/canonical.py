"""Strict JSON: bytes in, values out, or one stable code for what is wrong (PROTOCOL 3.4).

Rules: the bytes must be their own canonical form (RFC 8785 restricted to ASCII keys and no floats: sorted keys, no
spaces), so that a hash of the bytes received is a hash of the meaning. Refused: duplicate keys, floats, NaN, integers
beyond 2^53-1, U+0000, lone surrogates, text that is not NFC, nesting deeper than 8, a byte order mark.
How: parse, serialise again, compare. A duplicate key, a space, another order or another spelling of a number can't
survive that; only what serialises to itself is then walked for the rules that are about meaning.
"""

from __future__ import annotations

import unicodedata
from typing import Any

import orjson

from node.errors import N_, CallerError, PeerWrongError
from node.protocol import limits

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_MALFORMED = N_("il documento non è JSON valido")


def _refuse(code: str, what: str) -> PeerWrongError:
    return PeerWrongError(code, what)


def _too_deep(raw: bytes, max_depth: int) -> bool:
    """Count brackets outside strings; only asked when there are more brackets than the depth allows."""
    depth = 0
    in_string = escaped = False
    for byte in raw:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in (0x7B, 0x5B):
            depth += 1
            if depth > max_depth:
                return True
        elif byte in (0x7D, 0x5D):
            depth -= 1
    return False


def _walk(value: Any, *, plain: bool) -> None:
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            if not key.isascii():
                raise _refuse("json-key-not-ascii", N_("chiave non ASCII"))
            _walk(item, plain=plain)
    elif kind is list:
        for item in value:
            _walk(item, plain=plain)
    elif kind is str:
        if not plain:
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


def parse(raw: bytes, *, max_bytes: int, max_depth: int = limits.JSON_MAX_DEPTH) -> Any:
    """Return the value of canonical JSON bytes. Raises: PeerWrongError json-... (see the module's rules)."""
    if len(raw) > max_bytes:
        raise _refuse("json-too-large", N_("documento troppo grande"))
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise _refuse("json-bom", N_("il documento comincia con un BOM"))
    # Before the parser: nesting is the one thing that can hurt it. Few brackets can't nest deep.
    if raw.count(b"{") + raw.count(b"[") > max_depth and _too_deep(raw, max_depth):
        raise _refuse("json-too-deep", N_("documento troppo annidato"))
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _refuse("json-malformed", _MALFORMED) from error
    # No escapes and no byte above 127: every text in it is plain ASCII, hence NFC and without U+0000.
    _walk(value, plain=raw.isascii() and b"\\" not in raw)
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
        _walk(value, plain=False)
        return orjson.dumps(value, option=_OPTIONS)
    except (orjson.JSONEncodeError, PeerWrongError, AttributeError) as error:
        raise CallerError("json-unrepresentable", N_("valore che non si può scrivere in JSON canonico")) from error
