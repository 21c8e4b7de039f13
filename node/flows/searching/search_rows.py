"""Hits as a table: the one function behind the CSV and the XLSX of a search, by the API and by the command.

In: hits of flows/searching/search. Out: rows of plain values under COLUMNS; numbers, days and times stay what they are, a writer gives
them their form (store/table). Rules: only what the JSON face of the same hit tells, in the order of the result, so a table
tells no more than the page it comes from; names of columns are stable, new ones come at the end. Source: docs/exports.md.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from node.domain.labels import ATTRIBUTES, LabelReference
from node.domain.query import LIMIT_MAX, Query, parse
from node.domain.ranking import FIRST_THEMES
from node.flows.searching.search import Hit, SearchResult, search
from node.store.postgres import Pool
from node.store.table import Cell
from node.store.text_index import TextIndex

# More than a page, and still a list that a person reads; whoever needs all follows the cursor.
ROWS_MAX: Final = 1_000
CODES_APART: Final = " "


def _title(name: str) -> Callable[[Hit], Cell]:
    return lambda hit: hit.labels[name].title


def _codes(name: str) -> Callable[[Hit], Cell]:
    return lambda hit: CODES_APART.join(hit.labels[name].values)


_CELLS: Final[tuple[tuple[str, Callable[[Hit], Cell]], ...]] = (
    ("profile_id", lambda hit: hit.profile_id),
    ("owner", lambda hit: hit.owner),
    ("origin", lambda hit: hit.origin),
    ("index", lambda hit: hit.index),
    ("published", lambda hit: hit.published),
    ("title", lambda hit: hit.title),
    ("summary", lambda hit: hit.summary),
    ("purpose", lambda hit: hit.purpose),
    *((name, _title(name)) for name in ATTRIBUTES),
    *((f"{name}_code", _codes(name)) for name in ATTRIBUTES),
    ("match", lambda hit: hit.match),
    ("rank", lambda hit: hit.rank),
    ("witnessed_at", lambda hit: _moment(hit.witnessed_at)),
    ("quarantined", lambda hit: hit.quarantined),
    ("why", lambda hit: " ".join(f"{part.name}={part.points}" for part in hit.why)),
)
COLUMNS: Final = tuple(name for name, _ in _CELLS)


def _moment(moment: dt.datetime | None) -> dt.datetime | None:
    # To the second, as JSON tells it.
    return None if moment is None else moment.astimezone(dt.UTC).replace(microsecond=0)


def rows(hits: Iterable[Hit]) -> Iterator[tuple[Cell, ...]]:
    """Yield one row per hit, its cells in the order of COLUMNS."""
    for hit in hits:
        yield tuple(cell(hit) for _, cell in _CELLS)


async def follow(
    pool: Pool,
    query: Query,
    result: SearchResult,
    reference: LabelReference,
    *,
    now: dt.datetime,
    most: int = ROWS_MAX,
    first: Sequence[str] = FIRST_THEMES,
    index: TextIndex | None = None,
) -> SearchResult:
    """Return ``result`` with the hits of its next pages too, ``most`` in all at most; its cursor goes on after the last.

    Each page is read in a view of its own: what changes its place meanwhile may be missing, nothing is told twice.
    Raises: OperatorError(search-timeout).
    """
    hits, cursor = {(hit.origin, hit.profile_id): hit for hit in result.hits}, result.cursor
    asked = [(name, value) for name, value in query.parameters() if name != "limit"]
    while cursor and len(hits) < most:
        limit = str(min(LIMIT_MAX, most - len(hits)))
        further = parse([*asked, ("limit", limit), ("cursor", cursor)], reference)
        page = await search(pool, further, reference, now=now, first=first, index=index)
        for hit in page.hits:
            # A profile that was updated meanwhile comes again, further down: it stays where it was first.
            hits.setdefault((hit.origin, hit.profile_id), hit)
        cursor = page.cursor
    return dataclasses.replace(result, hits=tuple(hits.values()), cursor=cursor)
