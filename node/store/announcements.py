"""The catalogue's rows: what living announcements of every log are found and ordered by.

In: an announcement that passed the gate and its schema, at its log position; questions. Out: rows of coop.announcement; bodies with where they stand.
Transactions are the flows' to open. Source: docs/catalogue.md, PROTOCOL 13.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import orjson

from node.domain.days import day_number, day_of
from node.domain.programme.announcement import Announcement, State, texts
from node.domain.programme.catalogue_query import CatalogueQuery, Place, days_asked
from node.domain.words import apart
from node.protocol import entry
from node.store.postgres import Connection, load_queries
from node.store.search import took_too_long

QUERIES = load_queries("announcements")
ANYWHERE: Final = "reg=*"
COUNT_BOUND: Final = 10_000
_TITLE, _SUMMARY = "title", "summary"
# In the order in which they are shown, which is that of the queries.
_GROUPS: Final = (State.OPEN, State.UPCOMING, State.CLOSED)


@dataclass(frozen=True, slots=True)
class Row:
    """One announcement at its log position; ``regions`` and ``keys`` are joined by spaces."""

    idx: int
    item_id: str
    kind: str
    owner: str
    revision: int
    title: str
    regions: str
    begins: dt.date | None
    ends: dt.date | None
    deadline: dt.date | None
    opens: dt.date | None
    closes: dt.date | None
    keys: str
    text_a: str
    text_b: str
    text_c: str


_NAMES: Final = (
    "idx", "item_id", "kind", "owner", "revision", "title", "regions", "begins", "ends", "deadline", "opens", "closes", "keys", "text_a",
    "text_b", "text_c",
)  # fmt: skip


def row_of(idx: int, made: Announcement) -> Row:
    """Return the row of an announcement."""
    places: dict[str, list[str]] = {_TITLE: [], _SUMMARY: []}
    for place, text in texts(made):
        places.setdefault(place.partition(".")[0], []).append(text)
    words = {name: apart(" \n".join(found)) for name, found in places.items()}
    return Row(
        idx=idx,
        item_id=made.id,
        kind=made.kind,
        owner=made.owner,
        revision=made.revision,
        title=made.title["it"],
        regions=" ".join(made.regions),
        begins=made.begins,
        ends=made.ends,
        deadline=made.deadline,
        opens=made.opens,
        closes=made.closes,
        keys=" ".join(keys_of(made)),
        text_a=words[_TITLE],
        text_b=words[_SUMMARY],
        text_c=words.get(made.kind, ""),
    )


def keys_of(made: Announcement) -> list[str]:
    """Return the index terms of an announcement; one for no region is for all."""
    regions = [f"reg={code}" for code in made.regions] or [ANYWHERE]
    line = made.detail.get("line")
    lines = [f"line={line}"] if isinstance(line, str) else []
    return [f"kind={made.kind}", f"own={made.owner.casefold()}", *regions, *lines]


async def insert(conn: Connection, origin_id: int, rows: Sequence[Row]) -> None:
    """Add announcements; their bodies are in log.body already."""
    columns = [[getattr(row, name) for row in rows] for name in _NAMES]
    await conn.execute(QUERIES["insert"], origin_id, *columns)


async def own(conn: Connection, origin_id: int, item_id: str) -> Mapping[str, Any] | None:
    """Return the document that a log holds under an identifier, None when it holds no living announcement there."""
    raw = await conn.fetchval(QUERIES["own"], origin_id, item_id)
    return None if raw is None else orjson.loads(raw)


@dataclass(frozen=True, slots=True)
class Stored:
    """One announcement as it was signed, and where it stands; ``announced``: the day of its entry."""

    origin: str
    owner: str
    index: int
    body: bytes
    witnessed_at: dt.datetime | None
    quarantined: bool
    announced: dt.date


def asked(query: CatalogueQuery, match: str | None, day: dt.date) -> list[object]:
    """Return what a question asks as arguments: words as the text of a tsquery, terms, terms of which one, the day, the state."""
    regions = [f"reg={query.region}", ANYWHERE] if query.region else None
    group = _GROUPS.index(State(query.state)) if query.state else None
    return [match, query.keys() or None, regions, day, group]


async def search(
    conn: Connection, query: CatalogueQuery, match: str | None, day: dt.date, limit: int
) -> list[tuple[Place, Stored]]:
    """Return up to ``limit`` announcements after the query's place, in its order; ``match``: its words as the text of a tsquery.

    Raises: OperatorError(search-timeout).
    """
    after: list[object] = [None] * 5
    if (place := query.cursor) is not None:
        after = [place.group, place.key, place.item_id, place.log, place.index]
    rows = await _fetch(conn, "search", [*asked(query, match, day), *after, limit, *days_asked(query)])
    today = day_number(day)
    return [
        (Place(today, row["grp"], row["key"], str(row["item_id"]), row["log"], row["idx"]), _stored(row))
        for row in rows
    ]


def _stored(row: Mapping[str, Any]) -> Stored:
    announced = day_of(entry.decode(row["entry"]).t)
    return Stored(
        row["origin"], row["owner"], row["idx"], row["body"], row["witnessed_at"], row["quarantined"], announced
    )


async def count(conn: Connection, query: CatalogueQuery, match: str | None, day: dt.date) -> int:
    """Return how many announcements meet a question, at most COUNT_BOUND + 1. Raises: OperatorError(search-timeout)."""
    (row,) = await _fetch(conn, "count", [*asked(query, match, day), COUNT_BOUND + 1, *days_asked(query)])
    return int(row["count"])


async def _fetch(conn: Connection, name: str, arguments: Sequence[object]) -> list[asyncpg.Record]:
    try:
        rows: list[asyncpg.Record] = await conn.fetch(QUERIES[name], *arguments)
    except asyncpg.QueryCanceledError as error:
        raise took_too_long() from error
    return rows


async def one(conn: Connection, item_id: str, owner: str | None) -> Stored | None:
    """Return one announcement by its identifier, optionally of this owner only."""
    row = await conn.fetchrow(QUERIES["one"], item_id, owner)
    return None if row is None else _stored(row)


async def ids(conn: Connection, beginning: str, owner: str | None) -> list[str]:
    """Return at most two identifiers that begin with these hexadecimal digits (at most 32)."""
    rows = await conn.fetch(QUERIES["ids"], beginning.ljust(32, "0"), beginning.ljust(32, "f"), owner)
    return [str(row["item_id"]) for row in rows]


async def newest(conn: Connection, query: CatalogueQuery, match: str | None, day: dt.date, limit: int) -> list[Stored]:
    """Return what came last and is not closed, of all that a question asks for but its state. Raises: OperatorError(search-timeout)."""
    _, keys, regions, _, _ = asked(query, None, day)
    rows = await _fetch(conn, "newest", [keys, regions, day, limit, match, *days_asked(query)])
    return [_stored(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about an item of this office, by whom."""

    action: str
    revision: int
    officer: str | None
    at: dt.datetime


async def note(conn: Connection, made: Announcement, action: str, at: dt.datetime) -> None:
    """Keep that an item was announced, changed or withdrawn; who acts, the transaction has been told."""
    await conn.execute(QUERIES["note"], made.id, made.kind, action, made.revision, at)


async def decided(conn: Connection, item_id: str, limit: int = 100) -> list[Decision]:
    """Return what was decided about an item, the newest first."""
    return [Decision(**dict(row)) for row in await conn.fetch(QUERIES["decided"], item_id, limit)]
