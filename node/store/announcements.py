"""The catalogue's rows: what living announcements of every log are found and ordered by.

In: an announcement that passed the gate and its schema, at its log position. Out: rows of coop.announcement, bodies.
Transactions are the flows' to open. Source: docs/catalogue.md, PROTOCOL 13.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from node.domain.programme.announcement import Announcement, texts
from node.domain.words import apart
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("announcements")
ANYWHERE: Final = "reg=*"
_TITLE, _SUMMARY = "title", "summary"


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
