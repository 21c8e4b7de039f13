"""What a reader asks of the catalogue: one parser for the pages, the API and the command line.

In: parameters as text (name, value). Out: a frozen ``CatalogueQuery`` whose values are all known, or one CallerError that names the parameter.
A query writes itself back as parameters, and its cursor is bound to it and to the day on which the first page was read: so the pages of one
answer fit together, whatever day it is when the next one is asked for. Source: docs/catalogue.md.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from node.domain.programme import parameters as read
from node.domain.programme.announcement import KINDS, LINE_TITLES, State
from node.domain.query import INT_MAX, LIMIT_DEFAULT, LOGS
from node.domain.territory import REG, Territories
from node.errors import N_, CallerError

# How old the first page of an answer may be when a later one is asked for.
CURSOR_DAYS: Final = 2
GROUP_MAX: Final = 2
KEY_MAX: Final = 10_000_000
_ITEM_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DOMAIN: Final = b"rete/catalogue-cursor/v1\n"


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
    # Days between which it takes place or can be asked for, each empty or YYYY-MM-DD.
    first: str = ""
    last: str = ""
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
        told = (place.day, place.group, place.key, place.item_id, place.log, place.index)
        return read.cursor(self.parameters(), _DOMAIN, told)


_PARAMETER: Final = {"words": "q", "first": "from", "last": "until"}
_FIELD: Final = {parameter: field for field, parameter in _PARAMETER.items()}
PARAMETERS: Final = tuple(_PARAMETER.get(f.name, f.name) for f in fields(CatalogueQuery))


def parse(parameters: Iterable[tuple[str, str]], territories: Territories, today: int) -> CatalogueQuery:
    """Return the question that ``parameters`` ask; empty values count as not given. ``today``: days since 1970-01-01.

    Raises: CallerError query-parameter-unknown, query-parameter-repeated, query-value-unknown, query-value-bad, query-cursor-bad.
    """
    given = read.given(parameters, PARAMETERS)
    cursor = given.pop("cursor", "")
    values: dict[str, Any] = {
        _FIELD.get(name, name): _region(text, territories) if name == "region" else _READERS[name](name, text)
        for name, text in given.items()
    }
    query = CatalogueQuery(**values)
    if query.first and query.last and query.last < query.first:
        raise CallerError(
            "query-value-bad",
            N_("l'ultimo giorno viene prima del primo"),
            where="until",
            hint=N_("scambiare i due giorni"),
        )
    return replace(query, cursor=_place(query, cursor, today)) if cursor else query


def _place(query: CatalogueQuery, text: str, today: int) -> Place:
    day, group, key, item_id, log, index = read.place(query.parameters(), _DOMAIN, text, (int, int, int, str, int, int))
    # Days count from 1970 in the key, and what has no end counts as ten million.
    small = 0 <= group <= GROUP_MAX and abs(key) <= KEY_MAX and 0 <= index <= INT_MAX
    if not small or not 0 <= log < LOGS or not _ITEM_ID.fullmatch(item_id) or abs(today - day) > CURSOR_DAYS:
        raise read.bad_cursor()
    return Place(day, group, key, str(uuid.UUID(item_id)), log, index)


def _region(value: str, territories: Territories) -> str:
    names = {region.name.casefold(): region.code for region in territories.regions}
    code = names.get(value.casefold(), value.upper())
    area = territories.area(code)
    if area is None or area.level != REG:
        raise read.unknown("region", value, [region.code for region in territories.regions])
    return area.code


_READERS: Final[Mapping[str, Callable[[str, str], Any]]] = {
    "q": read.words,
    "kind": read.choice(KINDS),
    "line": read.choice(tuple(LINE_TITLES)),
    "owner": read.member,
    "state": read.choice(tuple(State)),
    "from": read.day,
    "until": read.day,
    "limit": read.limit,
}


def days_asked(query: CatalogueQuery) -> tuple[dt.date | None, dt.date | None]:
    """Return the days between which an announcement is to have something, None for no bound."""
    first, last = (dt.date.fromisoformat(day) if day else None for day in (query.first, query.last))
    return first, last


def day_asked(query: CatalogueQuery, today: dt.date) -> dt.date:
    """Return the day by which states are told: of a later page that of the first."""
    return today if query.cursor is None else dt.date(1970, 1, 1) + dt.timedelta(days=query.cursor.day)
