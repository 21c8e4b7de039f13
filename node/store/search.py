"""Questions to the cooperation database: one page of hits, counts, one profile, how complete the answer is.

In: a Query's index terms, inside a read-only transaction that the flow opened. Out: rows as values, bodies as bytes.
Rules: no statement runs longer than 5 s; texts are bound, never glued; every order is total.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from node.domain import ranking
from node.domain.labels import LabelReference
from node.domain.query import LABEL_FILTERS, NEWEST, Cursor, Query
from node.errors import N_, CallerError, OperatorError
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("search")
STATEMENT_TIMEOUT_MS: Final = 5_000
COUNT_BOUND: Final = 10_000


@dataclass(frozen=True, slots=True)
class Terms:
    """A Query as index terms; None where it asks nothing. Possible, certain and wide are in the order of LABEL_FILTERS.

    ``match`` is what the words must meet, as tsquery; ``tests`` are what their points are earned by; ``first`` are the terms
    of the themes that come first.
    """

    match: str | None
    tests: tuple[ranking.Test, ...]
    exact: list[str] | None
    possible: tuple[list[str] | None, ...]
    certain: tuple[str | None, ...]
    wide: tuple[str | None, ...]
    first: list[str]
    since: int | None = None
    witnessed: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One hit: its place in the order, whose it is, its points and its body."""

    place: Cursor
    origin: str
    owner: str
    points: int
    published: int
    body: bytes
    witnessed_at: dt.datetime | None
    quarantined: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """One profile by its identifier."""

    profile_id: str
    origin: str
    owner: str
    index: int
    body: bytes
    witnessed_at: dt.datetime | None
    quarantined: bool


@dataclass(frozen=True, slots=True)
class OriginHealth:
    """How current this node's copy of one log is."""

    owner: str
    name: str
    origin: str
    state: str
    is_own: bool
    confirmed_at: dt.datetime | None
    advanced_at: dt.datetime | None
    error_at: dt.datetime | None
    wanted: int


def terms_of(
    query: Query, reference: LabelReference, match: str | None, tests: tuple[ranking.Test, ...], first: Sequence[str]
) -> Terms:
    """Return the index terms of a query whose words were read already; ``first``: themes that come first."""
    asked = [reference.asked(name, value) if (value := getattr(query, name)) else None for name in LABEL_FILTERS]
    themes = [reference.asked("theme", theme) for theme in first]
    return Terms(
        match=match,
        tests=tests,
        exact=list(query.exact_terms()) or None,
        possible=tuple(None if a is None else list(a.possible) for a in asked),
        certain=tuple(None if a is None else a.certain for a in asked),
        wide=tuple(None if a is None else a.wide for a in asked),
        first=[theme.certain for theme in themes if theme is not None],
        since=query.since_day,
        witnessed=bool(query.witnessed),
    )


async def bound_time(conn: Connection) -> None:
    """Limit every statement of this transaction, and plan each for its own arguments."""
    await conn.execute(QUERIES["bound_time"], str(STATEMENT_TIMEOUT_MS))


async def plan_anew(conn: Connection) -> None:
    """Plan each statement of this transaction for its own arguments: neutral ones fold away."""
    await conn.execute(QUERIES["plan_anew"])


async def read_words(conn: Connection, words: str) -> str:
    """Return what the words mean to the index, as the text of a tsquery; empty for stop words and punctuation alone.

    Raises: CallerError(query-value-bad) for what no reader can read.
    """
    try:
        return str(await conn.fetchval(QUERIES["read_words"], words))
    except asyncpg.InternalServerError as error:
        raise unreadable() from error


def unreadable() -> CallerError:
    """Return what is said of words with too many exclusions or brackets in each other for the server's own reader."""
    return CallerError("query-value-bad", N_("queste parole non si possono leggere"), where="q")


async def lexemes(conn: Connection, words: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return each word with its lexemes (none for a stop word), in the order given."""
    rows = await conn.fetch(QUERIES["lexemes"], list(words))
    return [(row["word"], tuple(row["lexemes"])) for row in rows]


async def known_lexemes(conn: Connection, asked: Sequence[str], *, today: int) -> set[str]:
    """Return those lexemes that any profile holds which may be seen today. Raises: OperatorError(search-timeout)."""
    return {row["lexeme"] for row in await _fetch(conn, "known_lexemes", [list(asked), today])}


async def lexeme_counts(conn: Connection, asked: Sequence[str], *, today: int, most: int) -> dict[str, int]:
    """Return how many profiles hold each lexeme that may be seen today, at most ``most``. Raises: OperatorError(search-timeout)."""
    return {row["lexeme"]: row["count"] for row in await _fetch(conn, "lexeme_counts", [list(asked), today, most])}


def _hits_arguments(terms: Terms, query: Query, today: int, limit: int) -> list[object]:
    labels = [part for pair in zip(terms.possible, terms.certain, strict=True) for part in pair]
    place = query.cursor
    after: list[object] = [None] * 5
    if place is not None:
        after = [*place.keys, place.profile_id, place.log, place.index]
    return [
        terms.match,
        terms.exact,
        *labels,
        today,
        query.sort == NEWEST,
        *after,
        limit,
        terms.since,
        terms.witnessed,
        [test.tsquery() for test in terms.tests],
        [test.points for test in terms.tests],
        terms.first,
        *ranking.freshness(today),
        ranking.THEME,
        ranking.WITNESSED,
    ]


async def hits(conn: Connection, terms: Terms, query: Query, *, today: int, limit: int) -> list[Found]:
    """Return up to ``limit`` hits after the query's cursor, best first. ``today``: days since 1970-01-01.

    Raises: OperatorError(search-timeout).
    """
    rows = await _fetch(conn, "hits", _hits_arguments(terms, query, today, limit))
    return [
        Found(
            place=Cursor((row["first"], row["second"]), str(row["profile_id"]), row["log"], row["idx"]),
            origin=row["origin"],
            owner=row["owner"],
            points=row["points"],
            published=row["published"],
            body=row["body"],
            witnessed_at=row["witnessed_at"],
            quarantined=row["quarantined"],
        )
        for row in rows
    ]


async def counts(conn: Connection, terms: Terms, *, today: int) -> tuple[int, str, dict[str, dict[str, int]]]:
    """Return (counted, highest identifier counted, counts by facet and stored label).

    At most COUNT_BOUND + 1 profiles are counted, those with the lowest identifiers. Raises: OperatorError(search-timeout).
    """
    arguments = [terms.match, terms.exact, *terms.possible, today, COUNT_BOUND + 1, terms.since, terms.witnessed]
    facets: dict[str, dict[str, int]] = {}
    for row in await _fetch(conn, "counts", arguments):
        facets.setdefault(row["facet"], {})[row["value"] or ""] = row["count"]
    highest, total = next(iter(facets.pop("total").items()))
    return total, highest, facets


async def _fetch(conn: Connection, name: str, arguments: Sequence[object]) -> list[asyncpg.Record]:
    try:
        rows: list[asyncpg.Record] = await conn.fetch(QUERIES[name], *arguments)
    except asyncpg.QueryCanceledError as error:
        raise took_too_long() from error
    return rows


def took_too_long() -> OperatorError:
    """Return what is said of a question that takes too long."""
    hint = N_("aggiungere parole o filtri, o riprovare tra poco")
    return OperatorError("search-timeout", N_("la ricerca impiega troppo tempo"), hint=hint)


async def profile(conn: Connection, profile_id: str, owner: str | None, *, today: int) -> Stored | None:
    """Return one visible profile by its identifier, optionally of this owner only."""
    rows = await _fetch(conn, "profile", [profile_id, owner, today])
    if not rows:
        return None
    row = rows[0]
    return Stored(
        str(row["profile_id"]),
        row["origin"],
        row["owner"],
        row["idx"],
        row["body"],
        row["witnessed_at"],
        row["quarantined"],
    )


async def profile_ids(conn: Connection, beginning: str, owner: str | None, *, today: int) -> list[str]:
    """Return at most two visible identifiers that begin with these hexadecimal digits (at most 32)."""
    low, high = beginning.ljust(32, "0"), beginning.ljust(32, "f")
    rows = await _fetch(conn, "profile_ids", [low, high, owner, today])
    return [str(row["profile_id"]) for row in rows]
