"""Who answers a question to the cooperation database: the database itself, or the text index that follows it.

In: a question whose words were read. Out: how many profiles meet it, by facet, and one page of them. Both engines give the
same hits in the same order; beyond a bound what is counted is an estimate and says so. Source: docs/search.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias

from node.domain.labels import KINDS, SIZES, LabelReference
from node.domain.query import NEWEST, Cursor, Query
from node.domain.theme import THEMES
from node.flows.searching.indexing import may_answer
from node.flows.searching.reading import Reading
from node.store import indexing as indexed
from node.store import search as store
from node.store import text_index, text_queries
from node.store.postgres import Connection, Pool, view
from node.store.text_folder import UnanswerableError, areas_in
from node.store.text_index import TextIndex

# An identifier's first 48 bits are random in a version-4 UUID.
_RANDOM_BITS: Final = 48
# So often the index is asked for more in place of hits that went, each time for four times as many.
LOOKS_MORE: Final = 3


@asynccontextmanager
async def snapshot(pool: Pool, *, plan_anew: bool = True) -> AsyncIterator[Connection]:
    """One read-only view of the database, in which no statement runs for long."""
    async with view(pool, statement_timeout_ms=store.STATEMENT_TIMEOUT_MS, plan_anew=plan_anew) as conn:
        yield conn


@dataclass(frozen=True, slots=True)
class Bucket:
    """One value of a facet: how many hits meet it, and how many of these surely."""

    value: str
    title: str
    count: int
    certain: int


@dataclass(frozen=True, slots=True)
class Question:
    """A query whose words were read: what an engine is asked."""

    query: Query
    reference: LabelReference
    reading: Reading
    first: Sequence[str]
    today: int

    @property
    def terms(self) -> store.Terms:
        """The question as index terms."""
        return store.terms_of(self.query, self.reference, self.reading.match, self.reading.tests, self.first)


@dataclass(frozen=True, slots=True)
class Counted:
    """How many profiles meet a question, and by facet; beyond a bound labels, and without an index the total too, are estimates."""

    total: int
    total_is_exact: bool
    facets_are_exact: bool
    facets: Mapping[str, tuple[Bucket, ...]]


Answer: TypeAlias = "tuple[Counted, list[store.Found]]"


class Engine(Protocol):
    """Whoever finds and counts: the database itself, or the index that follows it."""

    async def answer(self, asked: Question, limit: int) -> Answer:
        """Count the hits of a question and their labels; return up to ``limit`` hits after its cursor, best first."""

    async def known(self, asked: Question, lexemes: Sequence[str]) -> set[str]:
        """Return those lexemes that any profile holds which may be seen on the question's day."""


@dataclass(frozen=True, slots=True)
class InDatabase:
    """PostgreSQL, which answers everything."""

    conn: Connection

    async def answer(self, asked: Question, limit: int) -> Answer:
        """Answer as every engine does. Raises: OperatorError(search-timeout)."""
        counted, highest, stored = await store.counts(self.conn, asked.terms, today=asked.today)
        exact = counted <= store.COUNT_BOUND
        total = counted if exact else _estimate(counted, highest)
        told = Counted(total, exact, exact, _facets(asked, stored, total / counted if counted else 1.0))
        if not limit or not total:
            return told, []
        return told, await store.hits(self.conn, asked.terms, asked.query, today=asked.today, limit=limit)

    async def known(self, asked: Question, lexemes: Sequence[str]) -> set[str]:
        """Return known lexemes as every engine does. Raises: OperatorError(search-timeout)."""
        return await store.known_lexemes(self.conn, lexemes, today=asked.today)


@dataclass(frozen=True, slots=True)
class InIndex:
    """The text index, which answers what it can; what a hit shows comes from the database."""

    conn: Connection
    index: TextIndex
    hidden: list[int]
    unwitnessed: tuple[list[int], list[str]]

    async def answer(self, asked: Question, limit: int) -> Answer:
        """Answer as every engine does. Raises: UnanswerableError for what the database has to answer."""
        # In a thread: the index leaves Python's own turn to others.
        question = self._asked(asked)
        found, places = await asyncio.to_thread(self.index.answer, question, limit, store.COUNT_BOUND)
        # The database looks up what hits show while labels are told.
        shown = asyncio.create_task(self._page(question, found, places, limit))
        try:
            await asyncio.sleep(0)
            facets = _facets(asked, found.labels, found.total / (found.sampled or 1), found.areas)
        finally:
            hits = await shown
        return Counted(found.total, found.is_exact, found.sampled == found.total, facets), hits

    async def known(self, asked: Question, lexemes: Sequence[str]) -> set[str]:
        """Return known lexemes as every engine does. Raises: UnanswerableError."""
        return await asyncio.to_thread(self.index.known, self._asked(asked), lexemes)

    async def _page(
        self, asked: text_queries.Question, found: text_index.Counted, places: Sequence[text_index.Place], limit: int
    ) -> list[store.Found]:
        """Return what is shown of some places and, where some of them went a moment ago, of those after them: a page that is not full is the last one."""
        hits, wanted = await self._shown(places, asked.today), limit
        for _ in range(LOOKS_MORE):
            if len(hits) >= limit or len(places) < wanted:
                return hits[:limit]
            wanted *= 4
            after = replace(asked, cursor=places[-1].cursor)
            places = await asyncio.to_thread(self.index.more, after, wanted, found)
            hits += await self._shown(places, asked.today)
        if len(hits) < limit and len(places) == wanted:
            # Very much went at once: until the index has followed, the database answers.
            raise UnanswerableError
        return hits[:limit]

    async def _shown(self, places: Sequence[text_index.Place], today: int) -> list[store.Found]:
        if not places:
            return []
        rows = {
            f"{row['origin_id']}/{row['idx']}": row
            for row in await indexed.shown(self.conn, [(p.origin_id, p.idx) for p in places], today)
        }
        # What went a moment ago, or is not yet on a replica, is in the index still, and is not shown.
        return [_found(place, rows[place.key]) for place in places if place.key in rows]

    def _asked(self, asked: Question) -> text_queries.Question:
        terms = asked.terms
        return text_queries.Question(
            tree=asked.reading.tree,
            tests=terms.tests,
            exact=terms.exact or (),
            possible=terms.possible,
            certain=terms.certain,
            wide=terms.wide,
            first=terms.first,
            today=asked.today,
            since=terms.since,
            witnessed=terms.witnessed,
            newest=asked.query.sort == NEWEST,
            cursor=asked.query.cursor,
            hidden=self.hidden,
            unwitnessed_logs=self.unwitnessed[0],
            unwitnessed=self.unwitnessed[1],
            by_section=not asked.query.sector,
        )


def _found(place: text_index.Place, row: Mapping[str, Any]) -> store.Found:
    first, second = -place.minus_first, -place.minus_second
    return store.Found(
        place=Cursor((first, second), str(row["profile_id"]), place.log, row["idx"]),
        origin=row["origin"],
        owner=row["owner"],
        points=place.points,
        published=row["published"],
        body=row["body"],
        witnessed_at=row["witnessed_at"],
        quarantined=row["quarantined"],
    )


@dataclass(frozen=True, slots=True)
class Opened:
    """A question before it is asked: who answers it, what its words mean to the database, how current each log is."""

    engine: Engine
    meant: str
    health: Sequence[store.OriginHealth]


async def open_question(conn: Connection, words: str, index: TextIndex | None, now: dt.datetime) -> Opened:
    """Return who answers now: the index where it follows this database closely, else the database; all in one statement.

    Raises: CallerError(query-value-bad) for words that no reader can read.
    """
    opening = await indexed.opening(conn, words, asked=index is not None)
    sight = opening.sight
    if index is not None and sight.unwitnessed is not None and may_answer(index, sight.state, now):
        engine: Engine = InIndex(conn, index, sight.hidden, (sight.unwitnessed_logs, sight.unwitnessed))
    else:
        # Without an index the view was begun so.
        engine = InDatabase(conn) if index is None else await in_database(conn)
    return Opened(engine, opening.words, opening.health)


async def in_database(conn: Connection) -> InDatabase:
    """Return the database as the engine, which plans each question for what it asks."""
    await store.plan_anew(conn)
    return InDatabase(conn)


def _facets(
    asked: Question,
    stored: Mapping[str, Mapping[str, int]],
    scale: float,
    areas: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
) -> Mapping[str, tuple[Bucket, ...]]:
    reference, found = asked.reference, {}
    for name, units in _units(asked.query, reference).items():
        tally = _of_areas(areas[name], units) if name in areas else reference.tally(name, units, stored.get(name, {}))
        found[name] = _buckets(name, units, *tally, scale, reference)
    owners = ((owner, round(count * scale)) for owner, count in stored.get("owner", {}).items())
    return {**found, "owner": tuple(sorted((Bucket(o, o, count, count) for o, count in owners), key=_most_first))}


def _estimate(counted: int, highest: str) -> int:
    """Estimate how many identifiers there are when the k-th lowest is known (k minimum values; about 1 % off)."""
    reached = (int(highest.replace("-", "")[: _RANDOM_BITS // 4], 16) + 1) / (1 << _RANDOM_BITS)
    return max(counted, round((counted - 1) / reached))


def _units(query: Query, reference: LabelReference) -> Mapping[str, tuple[str, ...]]:
    """Return what each facet counts: regions; sections, or the divisions of the asked section; classes."""
    sector = [query.sector, *reference.sectors.ancestors(query.sector)][-2] if query.sector else "*"
    return {
        "territory": reference.regions,
        "sector": reference.sectors.children(sector),
        "size": SIZES,
        "theme": THEMES,
        "kind": KINDS,
    }


def _of_areas(counts: Mapping[str, int], units: tuple[str, ...]) -> tuple[Sequence[int], Sequence[int]]:
    possible, certain = [0] * len(units), [0] * len(units)
    for told, count in counts.items():
        met, held = areas_in(told, units)
        for at in met:
            possible[at] += count
        for at in held:
            certain[at] += count
    return possible, certain


def _buckets(
    name: str,
    units: tuple[str, ...],
    possible: Sequence[int],
    certain: Sequence[int],
    scale: float,
    reference: LabelReference,
) -> tuple[Bucket, ...]:
    buckets = (
        Bucket(unit, title, round(some * scale), round(every * scale))
        for unit, title, some, every in zip(units, reference.titles(name, units), possible, certain, strict=True)
        if some
    )
    return tuple(sorted(buckets, key=_most_first))


def _most_first(bucket: Bucket) -> tuple[int, str]:
    return -bucket.count, bucket.value
