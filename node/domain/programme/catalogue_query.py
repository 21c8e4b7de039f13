"""What a reader asks of the catalogue: one parser for the pages, the API and the command line.

In: parameters as text (name, value). Out: a frozen ``CatalogueQuery`` whose values are all known, or one CallerError that names the parameter.
A query writes itself back as parameters, and its cursor is bound to it and to the day on which the first page was read: so the pages of one
answer fit together, whatever day it is when the next one is asked for. Source: docs/catalogue.md.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import json
import re
import unicodedata
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from node.domain.programme.announcement import KINDS, LINE_TITLES, State
from node.domain.query import INT_MAX, LIMIT_DEFAULT, LIMIT_MAX, LOGS, WORDS_MAX_CHARS
from node.domain.territory import REG, Territories
from node.errors import N_, CallerError

CURSOR_MAX_CHARS: Final = 200
# How old the first page of an answer may be when a later one is asked for.
CURSOR_DAYS: Final = 2
_ITEM_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one announcement in its answer's order; ``day``: on which the answer was read."""

    day: int
    group: int
    key: int
    item_id: str
    # The log it stands in, as a number made of its name: the same on every node.
    log: int
    index: int


@dataclass(frozen=True, slots=True)
class CatalogueQuery:
    """One question to the catalogue; empty text means "not asked"."""

    words: str = ""
    kind: str = ""
    line: str = ""
    region: str = ""
    owner: str = ""
    state: str = ""
    limit: int = LIMIT_DEFAULT
    cursor: Place | None = None

    def parameters(self) -> tuple[tuple[str, str], ...]:
        """Return the question as parameters, without its place: what a link holds."""
        defaults = CatalogueQuery()
        asked = ((f.name, getattr(self, f.name)) for f in fields(self) if f.name != "cursor")
        return tuple(
            (_PARAMETER.get(name, name), str(value)) for name, value in asked if value != getattr(defaults, name)
        )

    def keys(self) -> list[str]:
        """Return the index terms that an announcement must have, all of them; its regions are ``regions``."""
        asked = (("kind=", self.kind), ("line=", self.line), ("own=", self.owner.casefold()))
        return [prefix + value for prefix, value in asked if value]

    def cursor_after(self, place: Place) -> str:
        """Return the opaque text with which the same question goes on after ``place``."""
        told = [place.day, place.group, place.key, place.item_id, place.log, place.index]
        text = json.dumps(told, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self.seal(text) + text).rstrip(b"=").decode()

    def seal(self, text: bytes) -> bytes:
        """Return what tells a cursor of this question from a damaged or foreign one; it is no secret."""
        asked = json.dumps([p for p in self.parameters() if p[0] != "limit"]).encode()
        return hashlib.sha256(b"rete/catalogue-cursor/v1\n" + asked + b"\n" + text).digest()[:8]


_PARAMETER: Final = {"words": "q"}
PARAMETERS: Final = tuple(_PARAMETER.get(f.name, f.name) for f in fields(CatalogueQuery))


def parse(parameters: Iterable[tuple[str, str]], territories: Territories, today: int) -> CatalogueQuery:
    """Return the question that ``parameters`` ask; empty values count as not given. ``today``: days since 1970-01-01.

    Raises: CallerError query-parameter-unknown, query-parameter-repeated, query-value-unknown, query-value-bad, query-cursor-bad.
    """
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in PARAMETERS:
            hint = N_("valori ammessi: {near}")
            raise CallerError(
                "query-parameter-unknown",
                N_("parametro sconosciuto: {name}"),
                hint=hint,
                name=name,
                near=", ".join(PARAMETERS),
            )
        if name in given:
            raise CallerError("query-parameter-repeated", N_("parametro ripetuto: {name}"), where=name, name=name)
        given[name] = _clean(name, value)
    cursor = given.pop("cursor", "")
    values: dict[str, Any] = {}
    for name, text in given.items():
        if text:
            values["words" if name == "q" else name] = (
                _region(text, territories) if name == "region" else _READERS[name](name, text)
            )
    query = CatalogueQuery(**values)
    return replace(query, cursor=_place(query, cursor, today)) if cursor else query


def _place(query: CatalogueQuery, text: str, today: int) -> Place:
    refused = CallerError(
        "query-cursor-bad",
        N_("il cursore non appartiene a questa ricerca"),
        where="cursor",
        hint=N_("ripetere la ricerca dalla prima pagina, con gli stessi filtri e lo stesso ordine"),
    )
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if len(text) > CURSOR_MAX_CHARS or query.seal(raw[8:]) != raw[:8]:
            raise refused
        day, group, key, item_id, log, index = json.loads(raw[8:])
        numbers = (day, group, key, log, index)
        if any(type(n) is not int or abs(n) > INT_MAX for n in (day, group, key, index)) or type(log) is not int:
            raise refused
        if not 0 <= log < LOGS or not _ITEM_ID.fullmatch(item_id) or abs(today - day) > CURSOR_DAYS:
            raise refused
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise refused from error
    return Place(numbers[0], numbers[1], numbers[2], str(uuid.UUID(item_id)), log, index)


def _clean(name: str, value: str) -> str:
    if len(value) > max(WORDS_MAX_CHARS, CURSOR_MAX_CHARS):
        raise CallerError("query-value-bad", N_("testo troppo lungo"), where=name)
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\t\n\r" for char in value):
        raise CallerError("query-value-bad", N_("caratteri non ammessi"), where=name)
    return " ".join(unicodedata.normalize("NFC", value).split())


def _unknown(name: str, value: str, near: Collection[str]) -> CallerError:
    message, hint = N_("valore sconosciuto per {name}: {value}"), N_("valori ammessi: {near}")
    return CallerError(
        "query-value-unknown", message, where=name, hint=hint, name=name, value=value[:60], near=", ".join(near)
    )


def _choice(known: Collection[str]) -> Callable[[str, str], str]:
    def read(name: str, value: str) -> str:
        if value.casefold() not in known:
            raise _unknown(name, value, known)
        return value.casefold()

    return read


def _words(name: str, value: str) -> str:
    if len(value) > WORDS_MAX_CHARS:
        raise CallerError("query-value-bad", N_("al massimo {longest} caratteri"), where=name, longest=WORDS_MAX_CHARS)
    return value


def _region(value: str, territories: Territories) -> str:
    names = {region.name.casefold(): region.code for region in territories.regions}
    code = names.get(value.casefold(), value.upper())
    area = territories.area(code)
    if area is None or area.level != REG:
        raise _unknown("region", value, [region.code for region in territories.regions])
    return area.code


def _owner(name: str, value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,31}", value):
        raise CallerError("query-value-bad", N_("la forma attesa è, per esempio, {like}"), where=name, like="p_LE")
    return value


def _limit(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", value) or not 1 <= int(value) <= LIMIT_MAX:
        raise CallerError("query-value-bad", N_("serve un numero da 1 a {most}"), where=name, most=LIMIT_MAX)
    return int(value)


_READERS: Final[Mapping[str, Callable[[str, str], Any]]] = {
    "q": _words,
    "kind": _choice(KINDS),
    "line": _choice(tuple(LINE_TITLES)),
    "owner": _owner,
    "state": _choice(tuple(State)),
    "limit": _limit,
}


def day_asked(query: CatalogueQuery, today: dt.date) -> dt.date:
    """Return the day by which states are told: of a later page that of the first."""
    return today if query.cursor is None else dt.date(1970, 1, 1) + dt.timedelta(days=query.cursor.day)
