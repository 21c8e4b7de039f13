"""Search the cooperation database: one question in, hits with facets, total and completeness out.

In: a pool, a parsed Query, the label reference, the time. Out: values; the API, the CLI and the pages only lay them out.
Rules: everything is read in one snapshot; a total above the bound is an estimate and says so, and so are its facets;
what a hit shows comes from the verified body's bytes. Source: PROTOCOL 6 (staleness), domain/query.py.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import orjson

from node.domain import ranking
from node.domain.labels import ATTRIBUTES, KINDS, SIZES, LabelReference, decode
from node.domain.query import NEWEST, Cursor, Query
from node.domain.ranking import Part
from node.domain.theme import THEMES
from node.errors import N_, CallerError, NotFoundError
from node.flows.indexing import may_answer
from node.flows.reading import Reading, put_right, read
from node.store import indexing as indexed
from node.store import search as store
from node.store import text_index
from node.store.postgres import Connection, Pool, acquire
from node.store.text_index import TextIndex, UnanswerableError

EPOCH: Final = dt.date(1970, 1, 1)
# A log not looked at for this long may have grown or erased unseen (PROTOCOL 6, STALE).
STALE_AFTER: Final = dt.timedelta(hours=24)
# One question, whatever it takes to answer it.
QUESTION_S: Final = 8.0
CERTAIN: Final = "certain"
POSSIBLE: Final = "possible"
# An identifier's first 48 bits are random in a version-4 UUID.
_RANDOM_BITS: Final = 48
BEGINNING_MIN: Final = 6
_BEGINNING: Final = re.compile(rf"[0-9a-f]{{{BEGINNING_MIN},32}}")


@dataclass(frozen=True, slots=True)
class Label:
    """One label of a profile: as published, in words, and how it meets what was asked (empty when not asked)."""

    level: str
    values: tuple[str, ...]
    title: str
    match: str
    share: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One profile of a result: whose, where in which log, what it says, how well it matches."""

    profile_id: str
    owner: str
    origin: str
    index: int
    title: str
    summary: str
    purpose: str
    match: str
    # Its points of 10,000 (domain/ranking), and what gave them.
    rank: float
    why: tuple[Part, ...]
    published: dt.date
    # Since when a quorum of its log's witnesses vouches for its position; None: not witnessed.
    witnessed_at: dt.datetime | None
    # Its log was shown to tell two histories: shown, with that warning.
    quarantined: bool
    labels: Mapping[str, Label]
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bucket:
    """One value of a facet: how many hits meet it, and how many of these surely."""

    value: str
    title: str
    count: int
    certain: int


@dataclass(frozen=True, slots=True)
class Stale:
    """A log whose newest state this node does not have; ``since`` is when it last grew here, None if never."""

    owner: str
    origin: str
    state: str
    since: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Completeness:
    """How many logs the answer rests on, and which of them are not current."""

    nodes: int
    current: int
    stale: tuple[Stale, ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one Query; ``cursor`` is empty on the last page, ``words_ignored`` tells stop words alone.

    ``words_corrected`` is what was searched instead of words with typing errors, empty when nothing was put right;
    ``words_relaxed`` tells that no profile has all the words, and that hits have some of them.
    """

    total: int
    total_is_exact: bool
    facets_are_exact: bool
    hits: tuple[Hit, ...]
    facets: Mapping[str, tuple[Bucket, ...]]
    cursor: str
    words_ignored: bool
    words_corrected: str
    words_relaxed: bool
    completeness: Completeness


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Connection]:
    """One read-only view of the database, in which no statement runs for long."""
    async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        await store.bound_time(conn)
        yield conn


@dataclass(frozen=True, slots=True)
class _Question:
    """A query whose words were read: what an engine is asked."""

    query: Query
    reference: LabelReference
    reading: Reading
    first: Sequence[str]
    today: int

    @property
    def terms(self) -> store.Terms:
        return store.terms_of(self.query, self.reference, self.reading.match, self.reading.tests, self.first)


@dataclass(frozen=True, slots=True)
class Counted:
    """How many profiles meet a question, and by facet; beyond a bound labels, and without an index the total too, are estimates."""

    total: int
    total_is_exact: bool
    facets_are_exact: bool
    facets: Mapping[str, tuple[Bucket, ...]]


_Answer: TypeAlias = "tuple[Counted, list[store.Found]]"


class _Engine(Protocol):
    """Whoever finds and counts: the database itself, or the index that follows it."""

    async def answer(self, asked: _Question, limit: int) -> _Answer:
        """Count the hits of a question and their labels; return up to ``limit`` hits after its cursor, best first."""


@dataclass(frozen=True, slots=True)
class _Database:
    conn: Connection

    async def answer(self, asked: _Question, limit: int) -> _Answer:
        counted, highest, stored = await store.counts(self.conn, asked.terms, today=asked.today)
        exact = counted <= store.COUNT_BOUND
        total = counted if exact else _estimate(counted, highest)
        told = Counted(total, exact, exact, _facets(asked, stored, total / counted if counted else 1.0))
        if not limit or not total:
            return told, []
        return told, await store.hits(self.conn, asked.terms, asked.query, today=asked.today, limit=limit)


@dataclass(frozen=True, slots=True)
class _Indexed:
    conn: Connection
    index: TextIndex
    hidden: list[int]
    unwitnessed: tuple[list[int], list[str]]

    async def answer(self, asked: _Question, limit: int) -> _Answer:
        question = self._asked(asked)
        # Side by side: neither needs the other, and the index leaves Python's own turn to others.
        counting = asyncio.to_thread(self.index.count, question, store.COUNT_BOUND)
        finding = asyncio.to_thread(self.index.find, question, limit) if limit else _nothing()
        found, places = await asyncio.gather(counting, finding)
        exact = found.sampled == found.total
        facets = _facets(asked, found.labels, found.total / (found.sampled or 1))
        told = Counted(found.total, total_is_exact=True, facets_are_exact=exact, facets=facets)
        return told, await self._shown(places, asked.today) if places else []

    async def _shown(self, places: Sequence[text_index.Place], today: int) -> list[store.Found]:
        rows = {
            f"{row['origin_id']}/{row['idx']}": row
            for row in await indexed.shown(self.conn, [(p.origin_id, p.idx) for p in places], today)
        }
        # What went a moment ago is in the index still, and is not shown.
        return [_found(place, rows[place.key]) for place in places if place.key in rows]

    def _asked(self, asked: _Question) -> text_index.Question:
        terms = asked.terms
        return text_index.Question(
            tree=asked.reading.tree,
            tests=terms.tests,
            exact=terms.exact or (),
            possible=terms.possible,
            certain=terms.certain,
            first=terms.first,
            today=asked.today,
            since=terms.since,
            witnessed=terms.witnessed,
            newest=asked.query.sort == NEWEST,
            cursor=asked.query.cursor,
            hidden=self.hidden,
            unwitnessed_logs=self.unwitnessed[0],
            unwitnessed=self.unwitnessed[1],
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


async def _engine(conn: Connection, index: TextIndex | None, now: dt.datetime) -> _Engine:
    if index is not None and index.is_there():
        sight = await indexed.sight(conn)
        if sight.unwitnessed is not None and may_answer(index, sight.state, now):
            return _Indexed(conn, index, sight.hidden, (sight.unwitnessed_logs, sight.unwitnessed))
    return _Database(conn)


async def _nothing() -> list[text_index.Place]:
    return []


async def _ask(
    engine: _Engine, conn: Connection, asked: _Question, limit: int, *, as_written: bool = False
) -> tuple[_Question, _Answer]:
    """Return the question as it is answered, and its answer.

    When its words find nothing, their typing errors are put right; when that finds nothing, some of the words are enough. A
    later page reads them as the first one did, whatever has come or gone since.
    """
    asked = replace(asked, reading=await read(conn, asked.query.words))
    if asked.query.cursor is not None:
        asked = replace(asked, reading=await _as_before(conn, asked.reading, asked.query.cursor))
        return asked, await engine.answer(asked, limit)
    answer = await engine.answer(asked, limit)
    if answer[0].total or asked.reading.tree is None or as_written:
        return asked, answer
    right = await put_right(conn, asked.query.words, asked.reading, today=asked.today)
    if right is not None:
        asked = replace(asked, reading=right)
        answer = await engine.answer(asked, limit)
    wider = asked.reading.less_strict()
    if answer[0].total or wider is None:
        return asked, answer
    asked = replace(asked, reading=wider)
    return asked, await engine.answer(asked, limit)


async def _as_before(conn: Connection, reading: Reading, cursor: Cursor) -> Reading:
    if cursor.corrected:
        reading = replace(await read(conn, cursor.corrected), corrected=cursor.corrected)
    return (reading.less_strict() or reading) if cursor.relaxed else reading


_T = TypeVar("_T")


async def _by(
    pool: Pool, index: TextIndex | None, now: dt.datetime, work: Callable[[Connection, _Engine], Awaitable[_T]]
) -> _T:
    """Have the index answer if it may and can, else the database; everything else is read in one view."""
    try:
        async with asyncio.timeout(QUESTION_S), snapshot(pool) as conn:
            engine = await _engine(conn, index, now)
            try:
                return await work(conn, engine)
            except UnanswerableError:
                return await work(conn, _Database(conn))
    except TimeoutError as error:
        # Each of its statements was short enough, and all of them together were not.
        raise store.took_too_long() from error


async def search(
    pool: Pool,
    query: Query,
    reference: LabelReference,
    *,
    now: dt.datetime,
    first: Sequence[str] = ranking.FIRST_THEMES,
    index: TextIndex | None = None,
    as_written: bool = False,
) -> SearchResult:
    """Answer ``query`` from this node's copy of all logs.

    ``as_written``: nothing is put right nor asked less strictly, as for questions that stand for a long time; ``first``: themes that come first; ``index``: what may answer instead of the database, in the same order.
    Raises: OperatorError(search-timeout).
    """
    asked = _Question(query, reference, Reading(None, ()), first, (now.date() - EPOCH).days)

    async def work(conn: Connection, engine: _Engine) -> tuple[_Question, _Answer, list[store.OriginHealth]]:
        # One more than asked tells whether there is a next page.
        told = await _ask(engine, conn, asked, query.limit + 1, as_written=as_written)
        return *told, await store.completeness(conn)

    asked, (counted, found), health = await _by(pool, index, now, work)
    page = found[: query.limit]
    return SearchResult(
        total=counted.total,
        total_is_exact=counted.total_is_exact,
        facets_are_exact=counted.facets_are_exact,
        hits=tuple(_hit(item, asked) for item in page),
        facets=counted.facets,
        cursor=query.cursor_after(_with_reading(page[-1].place, asked.reading)) if len(found) > query.limit else "",
        words_ignored=bool(query.words) and asked.reading.tree is None,
        words_corrected=asked.reading.corrected,
        words_relaxed=asked.reading.relaxed,
        completeness=_completeness(health, now),
    )


def _with_reading(place: Cursor, reading: Reading) -> Cursor:
    return replace(place, relaxed=reading.relaxed, corrected=reading.corrected)


async def facets(
    pool: Pool, query: Query, reference: LabelReference, *, now: dt.datetime, index: TextIndex | None = None
) -> Counted:
    """Count ``query`` without its hits. Raises: OperatorError(search-timeout)."""
    asked = _Question(query, reference, Reading(None, ()), (), (now.date() - EPOCH).days)

    async def work(conn: Connection, engine: _Engine) -> Counted:
        return (await _ask(engine, conn, asked, 0))[1][0]

    return await _by(pool, index, now, work)


async def read_profile(
    pool: Pool, profile_id: str, reference: LabelReference, *, now: dt.datetime, owner: str | None = None
) -> Hit:
    """Return one visible profile by its identifier. Raises: NotFoundError(profile-unknown)."""
    async with snapshot(pool) as conn:
        stored = await store.profile(conn, profile_id, owner, today=(now.date() - EPOCH).days)
    if stored is None:
        message = N_("nessun profilo visibile con questo identificativo")
        raise NotFoundError("profile-unknown", message, hint=N_("può essere scaduto o ritirato"))
    return _shown(stored, stored.index, Query(), reference)


async def find_profile(
    pool: Pool, beginning: str, reference: LabelReference, *, now: dt.datetime, owner: str | None = None
) -> Hit:
    """Return the one visible profile whose identifier begins like this, as people copy it from a table.

    Raises: NotFoundError(profile-unknown), CallerError(profile-ambiguous | profile-id-bad).
    """
    digits = beginning.replace("-", "").lower()
    if not _BEGINNING.fullmatch(digits):
        raise CallerError(
            "profile-id-bad",
            N_("«{text}» non è l'inizio di un identificativo"),
            hint=N_("servono almeno {count} cifre esadecimali, come nella colonna «profilo»"),
            text=beginning[:40],
            count=BEGINNING_MIN,
        )
    async with snapshot(pool) as conn:
        found = await store.profile_ids(conn, digits, owner, today=(now.date() - EPOCH).days)
    if len(found) > 1:
        raise CallerError(
            "profile-ambiguous",
            N_("più profili cominciano con «{text}»"),
            hint=N_("scrivere qualche cifra in più: --json le mostra tutte"),
            text=beginning,
        )
    return await read_profile(pool, found[0] if found else digits.ljust(32, "0"), reference, now=now, owner=owner)


def _hit(found: store.Found, asked: _Question) -> Hit:
    hit = _shown(found, found.place.index, asked.query, asked.reference)
    level = hit.labels["theme"]
    is_first = any(asked.reference.matches("theme", level.values, theme)[1] for theme in asked.first)
    why = ranking.account(
        found.points,
        is_first=is_first,
        published=found.published,
        today=asked.today,
        witnessed=found.witnessed_at is not None,
    )
    return replace(hit, rank=found.points / ranking.TOTAL, why=why)


def _shown(stored: store.Found | store.Stored, index: int, query: Query, reference: LabelReference) -> Hit:
    document: Mapping[str, Any] = orjson.loads(stored.body)
    labels = {name: _label(name, document, getattr(query, name), reference) for name in ATTRIBUTES}
    return Hit(
        profile_id=document["id"],
        owner=stored.owner,
        origin=stored.origin,
        index=index,
        title=document["title"]["it"],
        summary=document["summary"]["it"],
        purpose=document["purpose"],
        match=POSSIBLE if any(label.match == POSSIBLE for label in labels.values()) else CERTAIN,
        rank=0.0,
        why=(),
        published=EPOCH + dt.timedelta(days=max(0, min(document["round"], 2_000_000))),
        witnessed_at=stored.witnessed_at,
        quarantined=stored.quarantined,
        labels=labels,
        document=document,
    )


def _label(name: str, document: Mapping[str, Any], asked: str, reference: LabelReference) -> Label:
    if name == "kind":
        level, values = "KIND", (str(document["kind"]),)
    else:
        label = document["labels"][name]
        level, values = label["level"], tuple(label["values"])
    match, share = "", 1.0
    if asked:
        _, certain = reference.matches(name, values, asked)
        match = CERTAIN if certain else POSSIBLE
        share = 1.0 if certain else round(reference.share(name, values, asked), 4)
    return Label(level, values, reference.describe(name, values), match, share)


def _facets(
    asked: _Question, stored: Mapping[str, Mapping[str, int]], scale: float
) -> Mapping[str, tuple[Bucket, ...]]:
    units = _units(asked.query, asked.reference)
    found = {name: _buckets(name, stored.get(name, {}), units[name], scale, asked.reference) for name in units}
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
        "territory": tuple(region.code for region in reference.territories.regions),
        "sector": reference.sectors.children(sector),
        "size": SIZES,
        "theme": THEMES,
        "kind": KINDS,
    }


def _buckets(
    name: str, stored: Mapping[str, int], units: tuple[str, ...], scale: float, reference: LabelReference
) -> tuple[Bucket, ...]:
    possible: dict[str, int] = dict.fromkeys(units, 0)
    certain: dict[str, int] = dict.fromkeys(units, 0)
    for label, count in stored.items():
        for unit, inside in reference.buckets(name, decode(label)[1], units):
            possible[unit] += count
            certain[unit] += count * inside
    buckets = (
        Bucket(unit, reference.title(name, unit), round(possible[unit] * scale), round(certain[unit] * scale))
        for unit in units
        if possible[unit]
    )
    return tuple(sorted(buckets, key=_most_first))


def _most_first(bucket: Bucket) -> tuple[int, str]:
    return -bucket.count, bucket.value


def _completeness(health: list[store.OriginHealth], now: dt.datetime) -> Completeness:
    stale = tuple(
        Stale(item.owner, item.origin, item.state, item.advanced_at) for item in health if not _is_current(item, now)
    )
    return Completeness(len(health), len(health) - len(stale), stale)


def _is_current(item: store.OriginHealth, now: dt.datetime) -> bool:
    if item.is_own:
        return True
    if item.confirmed_at is None or now - item.confirmed_at > STALE_AFTER or item.wanted:
        return False
    # Whoever confirmed it since: its own node, or a member that has the same head.
    helped = item.state == "waiting" and item.error_at is not None and item.confirmed_at >= item.error_at
    return item.state == "ready" or helped
