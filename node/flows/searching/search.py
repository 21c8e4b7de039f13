"""Search the cooperation database: one question in, hits with facets, total and completeness out.

In: a pool, a parsed Query, the label reference, the time. Out: values; the API, the CLI and the pages only lay them out.
Rules: everything is read in one snapshot; a total above the bound is an estimate and says so, and so are its facets;
what a hit shows comes from the verified body's bytes. Source: domain/query.py, docs/search.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

import orjson

from node import trace
from node.domain import ranking
from node.domain.days import day_number, day_of
from node.domain.labels import ATTRIBUTES, LabelReference
from node.domain.query import Cursor, Query
from node.domain.ranking import Part
from node.domain.words import apart
from node.errors import N_, CallerError, NotFoundError
from node.flows.searching.currency import Completeness, completeness_of
from node.flows.searching.engines import (
    Answer,
    Bucket,
    Counted,
    Engine,
    Opened,
    Question,
    in_database,
    open_question,
    snapshot,
)
from node.flows.searching.reading import RARE, Reading, put_right, read, read_meant, suggest
from node.store import search as store
from node.store.postgres import Connection, Pool
from node.store.text_folder import UnanswerableError
from node.store.text_index import TextIndex

# One question, whatever it takes to answer it.
QUESTION_S: Final = 8.0
CERTAIN: Final = "certain"
POSSIBLE: Final = "possible"
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
class SearchResult:
    """The answer to one Query; ``cursor`` is empty on the last page, ``words_ignored`` tells stop words alone.

    ``words_corrected`` is what was searched instead of words with typing errors, empty when nothing was put right;
    ``words_relaxed`` tells that no profile has all the words, and that hits have some of them; ``suggestion`` is what else may
    be meant and finds more: nothing was searched by it.
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
    suggestion: str
    completeness: Completeness


async def _ask(
    opened: Opened, conn: Connection, asked: Question, limit: int, *, as_written: bool = False
) -> tuple[Question, Answer]:
    """Return the question as it is answered, and its answer.

    When its words find nothing, their typing errors are put right; when that finds nothing, some of the words are enough. What
    finds nothing either is not told: the question stays as it was asked. A later page reads the words as the first one did,
    whatever has come or gone since.
    """
    engine = opened.engine
    asked = replace(asked, reading=await read_meant(conn, opened.meant))
    if asked.query.cursor is not None:
        asked = replace(asked, reading=await _as_before(conn, asked.reading, asked.query.cursor))
        return asked, await engine.answer(asked, limit)
    answer = await engine.answer(asked, limit)
    if answer[0].total or asked.reading.tree is None or as_written:
        return asked, answer
    right = await put_right(conn, asked.query.words, asked.reading, partial(engine.known, asked))
    wider = (right or asked.reading).less_strict()
    for reading in (right, wider):
        if reading is not None:
            other = replace(asked, reading=reading)
            found = await engine.answer(other, limit)
            if found[0].total:
                return other, found
    return asked, answer


async def _suggestion(engine: Engine, conn: Connection, asked: Question, counted: Counted) -> str:
    """Return what else the words of a first page may mean, if that finds more; empty where enough was found as it was written."""
    reading, total = asked.reading, 0 if asked.reading.relaxed else counted.total
    if total > RARE or reading.tree is None or reading.corrected or asked.query.cursor is not None:
        return ""
    text = await suggest(conn, asked.query.words, reading, today=asked.today)
    if not text:
        return ""
    other = replace(asked, reading=await read(conn, text))
    return text if (await engine.answer(other, 0))[0].total > total else ""


async def _as_before(conn: Connection, reading: Reading, cursor: Cursor) -> Reading:
    if cursor.corrected:
        reading = replace(await read(conn, cursor.corrected), corrected=cursor.corrected)
    return (reading.less_strict() or reading) if cursor.relaxed else reading


_T = TypeVar("_T")


async def _by(
    pool: Pool,
    words: str,
    index: TextIndex | None,
    now: dt.datetime,
    work: Callable[[Connection, Opened], Awaitable[_T]],
) -> _T:
    """Have the index answer if it may and can, else the database; everything else is read in one view."""
    try:
        index = index if index is not None and index.is_there() else None
        async with asyncio.timeout(QUESTION_S), snapshot(pool, plan_anew=index is None) as conn:
            opened = await open_question(conn, apart(words), index, now)
            try:
                return await work(conn, opened)
            except UnanswerableError:
                return await work(conn, replace(opened, engine=await in_database(conn)))
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

    ``as_written``: nothing is put right, suggested nor asked less strictly, as for questions that stand for a long time; ``first``: themes that come first; ``index``: what may answer instead of the database, in the same order.
    Raises: OperatorError(search-timeout).
    """
    asked = Question(query, reference, Reading(None, ()), first, day_number(now.date()))

    async def work(conn: Connection, opened: Opened) -> tuple[Question, Answer, str, Sequence[store.OriginHealth]]:
        # One more than asked tells whether there is a next page.
        told, answer = await _ask(opened, conn, asked, query.limit + 1, as_written=as_written)
        other = "" if as_written else await _suggestion(opened.engine, conn, told, answer[0])
        return told, answer, other, opened.health

    with trace.span("search") as span:
        asked, (counted, found), suggestion, health = await _by(pool, query.words, index, now, work)
        span.tell({"rete.hits": len(found)})
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
        suggestion=suggestion,
        completeness=completeness_of(health, now),
    )


def _with_reading(place: Cursor, reading: Reading) -> Cursor:
    return replace(place, relaxed=reading.relaxed, corrected=reading.corrected)


async def facets(
    pool: Pool, query: Query, reference: LabelReference, *, now: dt.datetime, index: TextIndex | None = None
) -> Counted:
    """Count ``query`` without its hits. Raises: OperatorError(search-timeout)."""
    asked = Question(query, reference, Reading(None, ()), (), day_number(now.date()))

    async def work(conn: Connection, opened: Opened) -> Counted:
        return (await _ask(opened, conn, asked, 0))[1][0]

    with trace.span("facets"):
        return await _by(pool, query.words, index, now, work)


async def read_profile(
    pool: Pool, profile_id: str, reference: LabelReference, *, now: dt.datetime, owner: str | None = None
) -> Hit:
    """Return one visible profile by its identifier. Raises: NotFoundError(profile-unknown)."""
    async with snapshot(pool) as conn:
        stored = await store.profile(conn, profile_id, owner, today=day_number(now.date()))
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
        found = await store.profile_ids(conn, digits, owner, today=day_number(now.date()))
    if len(found) > 1:
        raise CallerError(
            "profile-ambiguous",
            N_("più profili cominciano con «{text}»"),
            hint=N_("scrivere qualche cifra in più: --json le mostra tutte"),
            text=beginning,
        )
    return await read_profile(pool, found[0] if found else digits.ljust(32, "0"), reference, now=now, owner=owner)


def _hit(found: store.Found, asked: Question) -> Hit:
    def why(labels: Mapping[str, Label]) -> tuple[Part, ...]:
        theme = labels["theme"].values
        return ranking.account(
            found.points,
            is_first=any(asked.reference.matches("theme", theme, first)[1] for first in asked.first),
            published=found.published,
            today=asked.today,
            witnessed=found.witnessed_at is not None,
        )

    return _shown(found, found.place.index, asked.query, asked.reference, rank=found.points / ranking.TOTAL, why=why)


def _shown(
    stored: store.Found | store.Stored,
    index: int,
    query: Query,
    reference: LabelReference,
    *,
    rank: float = 0.0,
    why: Callable[[Mapping[str, Label]], tuple[Part, ...]] = lambda _: (),
) -> Hit:
    document: Mapping[str, Any] = orjson.loads(stored.body)
    labels = {name: _label(name, document, getattr(query, name), reference) for name in ATTRIBUTES}
    possible = any(label.match == POSSIBLE for label in labels.values())
    return Hit(
        profile_id=document["id"],
        owner=stored.owner,
        origin=stored.origin,
        index=index,
        title=document["title"]["it"],
        summary=document["summary"]["it"],
        purpose=document["purpose"],
        match=POSSIBLE if possible else CERTAIN,
        rank=rank,
        why=why(labels),
        published=day_of(max(0, min(document["round"], 2_000_000))),
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

    def made() -> Label:
        match, share = "", 1.0
        if asked:
            _, certain = reference.matches(name, values, asked)
            match = CERTAIN if certain else POSSIBLE
            share = 1.0 if certain else round(reference.share(name, values, asked), 4)
        return Label(level, values, reference.describe(name, values), match, share)

    # A page shows some hundred labels, and few of them are new.
    return reference.remember("shown", name, values, (level, asked), made)
