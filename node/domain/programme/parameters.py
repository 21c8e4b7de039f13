"""What questions to the public lists of the programme have in common: their parameters as text, and cursors bound to the question.

In: pairs of name and value; what a cursor holds. Out: checked values, each refused with the name of its parameter. Rules: an empty value counts as
not given; a cursor of another question, or a damaged one, is refused. Pure.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

from node.domain.query import LIMIT_MAX, WORDS_MAX_CHARS
from node.errors import N_, CallerError

CURSOR_MAX_CHARS: Final = 200
_SEAL_BYTES: Final = 8
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OWNER: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


def given(parameters: Iterable[tuple[str, str]], known: Sequence[str]) -> dict[str, str]:
    """Return the parameters that are not empty, cleaned, by name.

    Raises: CallerError query-parameter-unknown, query-parameter-repeated, query-value-bad.
    """
    found: dict[str, str] = {}
    for name, value in parameters:
        if name not in known:
            raise CallerError(
                "query-parameter-unknown",
                N_("parametro sconosciuto: {name}"),
                hint=N_("valori ammessi: {near}"),
                name=name,
                near=", ".join(known),
            )
        if name in found:
            raise CallerError("query-parameter-repeated", N_("parametro ripetuto: {name}"), where=name, name=name)
        found[name] = _clean(name, value)
    return {name: value for name, value in found.items() if value}


def _clean(name: str, value: str) -> str:
    if len(value) > max(WORDS_MAX_CHARS, CURSOR_MAX_CHARS):
        raise CallerError("query-value-bad", N_("testo troppo lungo"), where=name)
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\t\n\r" for char in value):
        raise CallerError("query-value-bad", N_("caratteri non ammessi"), where=name)
    return " ".join(unicodedata.normalize("NFC", value).split())


def unknown(name: str, value: str, near: Collection[str]) -> CallerError:
    """Return the refusal of a value that is not among those of its parameter."""
    message, hint = N_("valore sconosciuto per {name}: {value}"), N_("valori ammessi: {near}")
    return CallerError(
        "query-value-unknown", message, where=name, hint=hint, name=name, value=value[:60], near=", ".join(near)
    )


def choice(known: Collection[str]) -> Callable[[str, str], str]:
    """Return the reader of one of these words. It raises: CallerError(query-value-unknown)."""

    def read(name: str, value: str) -> str:
        if value.casefold() not in known:
            raise unknown(name, value, known)
        return value.casefold()

    return read


def words(name: str, value: str) -> str:
    """Return words within their length. Raises: CallerError(query-value-bad)."""
    if len(value) > WORDS_MAX_CHARS:
        raise CallerError("query-value-bad", N_("al massimo {longest} caratteri"), where=name, longest=WORDS_MAX_CHARS)
    return value


def member(name: str, value: str) -> str:
    """Return a member's id. Raises: CallerError(query-value-bad)."""
    if not _OWNER.fullmatch(value):
        raise CallerError("query-value-bad", N_("la forma attesa è, per esempio, {like}"), where=name, like="p_LE")
    return value


def day(name: str, value: str) -> str:
    """Return a day, YYYY-MM-DD. Raises: CallerError(query-value-bad)."""
    try:
        if _DAY.fullmatch(value):
            return dt.date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise CallerError("query-value-bad", N_("la forma attesa è, per esempio, {like}"), where=name, like="2027-01-31")


def limit(name: str, value: str) -> int:
    """Return how many there may be on a page. Raises: CallerError(query-value-bad)."""
    if not re.fullmatch(r"[0-9]{1,4}", value) or not 1 <= int(value) <= LIMIT_MAX:
        raise CallerError("query-value-bad", N_("serve un numero da 1 a {most}"), where=name, most=LIMIT_MAX)
    return int(value)


def seal(asked: Iterable[tuple[str, str]], domain: bytes, text: bytes) -> bytes:
    """Return what tells a cursor of this question from a damaged or foreign one; it is no secret. ``domain``: which list."""
    question = json.dumps([list(pair) for pair in asked if pair[0] != "limit"]).encode()
    return hashlib.sha256(domain + question + b"\n" + text).digest()[:_SEAL_BYTES]


def cursor(asked: Iterable[tuple[str, str]], domain: bytes, place: Sequence[int | str]) -> str:
    """Return the opaque text with which the same question goes on after ``place``."""
    text = json.dumps(list(place), separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(seal(asked, domain, text) + text).rstrip(b"=").decode()


def place(asked: Iterable[tuple[str, str]], domain: bytes, text: str, kinds: Sequence[type]) -> list[Any]:
    """Return what a cursor of this question holds, each value of its kind. Raises: CallerError(query-cursor-bad)."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if len(text) <= CURSOR_MAX_CHARS and seal(asked, domain, raw[_SEAL_BYTES:]) == raw[:_SEAL_BYTES]:
            found = json.loads(raw[_SEAL_BYTES:])
            if type(found) is list and [type(value) for value in found] == list(kinds):
                return found
    except (binascii.Error, ValueError, RecursionError) as error:
        raise bad_cursor() from error
    raise bad_cursor()


def bad_cursor() -> CallerError:
    """Return the refusal of a cursor."""
    return CallerError(
        "query-cursor-bad",
        N_("il cursore non appartiene a questa ricerca"),
        where="cursor",
        hint=N_("ripetere la ricerca dalla prima pagina, con gli stessi filtri e lo stesso ordine"),
    )
