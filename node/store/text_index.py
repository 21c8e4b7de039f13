"""A text index beside the database: the same profiles, the same lexemes, the same points, found faster (tantivy).

In: rows of the cooperation database, and questions whose words were read by it. Out: places of hits in the very order that
the database would give, counts, and counts by label. Derived: it holds what the database held up to an arrival; lost or
doubtful, it is built anew (flows/indexing). Words are cut and stemmed by PostgreSQL alone: documents are made of tsvectors.

Order: every score is a sum of whole numbers that a 32-bit float holds exactly, so it does not depend on segments, on what was
deleted or on the order of additions; equals stand in the order of their random identifiers, which is looked up where a page
ends among equals. bench/search_speed.py holds it against tantivy's own BM25.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import tantivy
from tantivy import FieldType, Occur

from node.domain import ranking, words
from node.domain.query import Cursor
from node.store.marks import replace_in_turn

# A new number has every index built anew: what is indexed has changed, or how the database cuts words.
VERSION: Final = 3
META: Final = "rete.json"
WRITER_BYTES: Final = 128_000_000
# One more label that is certain outweighs all points.
TIER: Final = 1 << 17
# Identifiers as two numbers that a column holds; their last four bits decide no order.
PART_BITS: Final = 62
WHOLE: Final = 1 << PART_BITS
# Identifiers are random: as many of them begin alike in each of so many ways.
BUCKETS: Final = 4096
BUCKET_SHIFT: Final = PART_BITS - 12
NEWEST_BITS: Final = 44
DAY_MAX: Final = (1 << 18) - 1
# Hits looked at first, of equals at once, and at most before the database is asked instead.
FIRST_LOOK: Final = 256
EQUALS_LOOK: Final = 1024
DEEPEST: Final = 20_000
LABELS: Final = ("territory", "sector", "size", "theme", "kind", "owner")
LABELS_MAX: Final = 60_000
PHRASE_GAP_MAX: Final = 8
_GAP: Final = "\u00b7"
_LEXEME: Final = re.compile(r"'((?:[^'\\]|''|\\.)*)':([0-9ABCD,]+)")
_FIELDS: Final = {words.ALL: "words", words.UP_TO_C: "words_c", words.UP_TO_B: "words_b", words.TITLE: "words_a"}


class UnanswerableError(Exception):
    """A question that this index leaves to the database."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, as lexemes and index terms (store/search.Terms says what they are), and what of it may be seen.

    ``hidden``: logs whose profiles are not shown. ``unwitnessed``: whole logs, and single places as "origin/idx", for which no
    quorum of witnesses vouches.
    """

    tree: words.Tree | None
    tests: Sequence[ranking.Test]
    exact: Sequence[str]
    possible: Sequence[Sequence[str] | None]
    certain: Sequence[str | None]
    first: Sequence[str]
    today: int
    since: int | None
    witnessed: bool
    newest: bool
    cursor: Cursor | None
    hidden: Sequence[int]
    unwitnessed_logs: Sequence[int]
    unwitnessed: Sequence[str]


class Place(NamedTuple):
    """Where a hit stands, in the order of hits: what comes first is smaller; and its points."""

    minus_first: int
    minus_second: int
    high: int
    low: int
    log: int
    idx: int
    points: int = 0
    origin_id: int = 0

    @property
    def key(self) -> str:
        """Its place in its log, as the index names it."""
        return f"{self.origin_id}/{self.idx}"


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of the hits: what they have, what a hit outside scores at most, and the lexemes one of which is in each one's title."""

    musts: tuple[tantivy.Query, ...]
    bound: int
    title: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """How many hits there are, of how many of them labels were counted, and by which stored label."""

    total: int
    sampled: int
    labels: Mapping[str, Mapping[str, int]]


def parts_of(profile_id: str) -> tuple[int, int]:
    """Return an identifier as two numbers of 62 bits whose order is its own."""
    whole = uuid.UUID(profile_id).int
    return whole >> (128 - PART_BITS), (whole >> 4) & (WHOLE - 1)


def newest_key(published: int, high: int) -> int:
    """Return a number that grows with the day and, on one day, falls with the identifier."""
    short = high >> (PART_BITS - NEWEST_BITS)
    return min(published, DAY_MAX) << NEWEST_BITS | ((1 << NEWEST_BITS) - 1 - short)


def _schema() -> tantivy.Schema:
    build = tantivy.SchemaBuilder()
    build.add_text_field("key", tokenizer_name="raw", index_option="basic")
    build.add_text_field("words", tokenizer_name="whitespace", index_option="position")
    for name in ("words_c", "words_b", "words_a"):
        build.add_text_field(name, tokenizer_name="whitespace", index_option="basic")
    build.add_text_field("terms", tokenizer_name="raw", index_option="basic")
    for name in LABELS:
        build.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in ("quarter", "valid", "bucket"):
        build.add_integer_field(name, indexed=True)
    for name in ("origin", "published"):
        build.add_integer_field(name, indexed=True, fast=True)
    for name in ("idx", "high", "low", "newest", "log"):
        build.add_integer_field(name, fast=True)
    return build.build()


def document_of(row: Mapping[str, Any]) -> tantivy.Document:
    """Return a row of ``arrived`` as the index keeps it."""
    high, low = parts_of(str(row["profile_id"]))
    placed: dict[int, str] = {}
    by_weight: dict[str, list[str]] = {"A": [], "B": [], "C": [], "D": []}
    for quoted, places in _LEXEME.findall(row["words"]):
        lexeme = quoted.replace("''", "'").replace("\\\\", "\\")
        weights = set()
        for place in places.split(","):
            weights.add(place[-1] if place[-1] in "ABC" else "D")
            placed.setdefault(int(place.rstrip("ABCD")), lexeme)
        by_weight[min(weights)].append(lexeme)
    title, listed, said = by_weight["A"], by_weight["B"], by_weight["C"]
    document = tantivy.Document(
        key=f"{row['origin_id']}/{row['idx']}",
        words=_in_order(placed),
        words_a=" ".join(title),
        words_b=" ".join((*title, *listed)),
        words_c=" ".join((*title, *listed, *said)),
        quarter=ranking.quarter_of(min(row["published"], DAY_MAX)),
        valid=row["valid_until"],
        origin=row["origin_id"],
        log=row["log"],
        published=row["published"],
        idx=row["idx"],
        high=high,
        low=low,
        bucket=high >> BUCKET_SHIFT,
        newest=newest_key(row["published"], high),
        **{name: row[name] for name in LABELS},
    )
    for term in row["keys"]:
        document.add_text("terms", term)
    return document


def _in_order(placed: Mapping[int, str]) -> str:
    """Return lexemes at their distances from each other, as far as a phrase may reach."""
    told: list[str] = []
    before = 0
    for place in sorted(placed):
        told.extend([_GAP] * min(place - before - 1, PHRASE_GAP_MAX))
        told.append(placed[place])
        before = place
    return " ".join(told)


class TextIndex:
    """One folder: written by one process, read by all of the node's."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is opened yet."""
        self.folder = folder
        self._index: tantivy.Index | None = None
        self._tokens: tuple[str, ...] = ()

    # --- following the database ---

    def is_there(self) -> bool:
        """Tell whether there may be an index at all: most nodes are too small for one."""
        return bool(self._tokens) or (self.folder / META).exists()

    def follows(self, token: str | None) -> bool:
        """Tell whether this index follows the database that names itself so; what was committed last is read from now on."""
        if token is None:
            return False
        if token not in self._tokens:
            self._open()
        return token in self._tokens

    def _open(self) -> None:
        try:
            meta = orjson.loads((self.folder / META).read_bytes())
            if meta["version"] != VERSION:
                raise ValueError  # noqa: TRY301 - as good as absent
            if self._index is None:
                self._index = tantivy.Index.open(str(self.folder))
            self._index.reload()
            self._tokens = (str(meta["token"]), str(meta["before"]))
        except (OSError, ValueError, KeyError, TypeError):
            # Absent, damaged, half-built, of another version: the database answers, and the writer builds it anew.
            self._index, self._tokens = None, ()

    def begin(self) -> None:
        """Begin anew, with nothing in it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._tokens = ()
        for file in [self.folder / META, *self.folder.iterdir()]:
            # A lock is its holder's; a file that a reader has open lives on for that reader.
            if file.is_file() and file.suffix != ".lock":
                file.unlink(missing_ok=True)
        self._index = tantivy.Index(_schema(), path=str(self.folder))

    def writer(self) -> tantivy.IndexWriter:
        """Return the one writer. Raises: ValueError while another process has it."""
        return self._opened().writer(WRITER_BYTES, 1)

    def keep(self, token: str, before: str) -> None:
        """Name what was committed, and what stood before it: at a crash the database may have noted either."""
        meta = orjson.dumps({"version": VERSION, "token": token, "before": before})
        replace_in_turn(self.folder / META, lambda _: meta)
        self._opened().reload()
        self._tokens = (token, before)

    def _opened(self) -> tantivy.Index:
        if self._index is None:
            raise UnanswerableError
        return self._index

    # --- questions ---

    def find(self, asked: Question, limit: int) -> list[Place]:
        """Return up to ``limit`` places after the cursor, best first. Raises: UnanswerableError."""
        searcher = self._opened().searcher()
        if asked.newest:
            return self._find_newest(searcher, asked, limit)
        after = _after(asked)
        for narrow in self._narrower(asked):
            # Nothing outside scores more than the bound: whoever scores more inside stands before all of it.
            if asked.cursor is None or _total(after) > narrow.bound:
                query = self._query(asked, scored=True, within=narrow)
                found = self._best(searcher, query, after, limit)
                if len(found) == limit and _total(found[-1]) > narrow.bound:
                    return found
        return self._best(searcher, self._query(asked, scored=True), after, limit)

    def _narrower(self, asked: Question) -> Iterable[_Part]:
        """Yield parts of the hits that are likely to hold the best ones, the smallest first."""
        certain = [self._term("terms", term) for term in asked.certain if term is not None]
        sure = len(certain) * TIER
        title = tuple(
            dict.fromkeys(lexeme for test in asked.tests if test.places == words.TITLE for lexeme in test.lexemes)
        )
        named = [tantivy.Query.term_set_query(self._schema, "words_a", list(title))] if title else []
        rest = (ranking.WORDS if title else 0) + ranking.WITNESSED
        untitled = (
            ranking.WORDS * ranking.UNTITLED_PERCENT // 100 + ranking.THEME + ranking.FRESH[0] + ranking.WITNESSED
        )
        now = ranking.quarter_of(asked.today)
        if asked.first:
            # Named in the title, of a first theme, of this quarter: whoever lacks one of these has less.
            theme, fresh = (
                tantivy.Query.term_set_query(self._schema, "terms", list(asked.first)),
                self._term("quarter", now),
            )
            lacks = [rest + ranking.FRESH[0], rest + ranking.THEME + ranking.FRESH[1], *([untitled] if title else [])]
            yield _Part((*certain, *named, theme, fresh), sure + max(lacks), title)
        if title:
            yield _Part((*certain, *named), sure + untitled, title)
        else:
            fresh = tantivy.Query.term_set_query(self._schema, "quarter", [now, now - 1])
            yield _Part((*certain, fresh), sure + rest + ranking.FRESH[2] + ranking.THEME, ())
        if certain:
            yield _Part(tuple(certain), sure - TIER + ranking.TOTAL, ())

    def _best(self, searcher: tantivy.Searcher, query: tantivy.Query, after: Place, limit: int) -> list[Place]:
        look = FIRST_LOOK
        while look < limit:
            look *= 4
        while look <= DEEPEST:
            hits = searcher.search(query, look, count=False).hits
            found = sorted(place for place in self._places(searcher, hits) if place > after)
            if len(hits) < look:
                return found[:limit]
            # Whatever scores more than the last one is here; of its equals there may be others.
            last = _order_of(hits[-1][0])
            sure = [place for place in found if place[:2] < last]
            if len(sure) >= limit:
                return sure[:limit]
            if after[:2] <= last:
                sure += self._equals(searcher, query, last, after, limit - len(sure))
                if len(sure) == limit:
                    return sure
            look *= 4
        raise UnanswerableError

    def count(self, asked: Question, bound: int) -> Counted:
        """Count hits, and their labels: of all, or of the lowest identifiers when there are more than ``bound``. Raises: UnanswerableError."""
        searcher = self._opened().searcher()
        query = self._query(asked, scored=False)
        total = _number(searcher, query)
        if total > bound:
            query = _within(query, self._buckets(0, max(1, BUCKETS * bound // total)))
        told = searcher.aggregate(query, {name: {"terms": {"field": name, "size": LABELS_MAX}} for name in LABELS})
        labels = {name: {b["key"]: b["doc_count"] for b in told[name]["buckets"]} for name in LABELS}
        return Counted(total, sum(labels["kind"].values()), labels)

    def _find_newest(self, searcher: tantivy.Searcher, asked: Question, limit: int) -> list[Place]:
        query = self._query(asked, scored=False)
        if _number(searcher, _within(query, self._range("published", asked.today + 1, None))):
            # Rounds of the future come last, whatever they say: the database sorts them.
            raise UnanswerableError
        after = _after(asked)
        if asked.cursor is not None:
            query = _within(query, self._range("newest", None, newest_key(-after.minus_first, after.high) + 1))
        # Some more: those whose identifiers begin alike are put in order here.
        hits = searcher.search(query, limit + FIRST_LOOK, count=False, order_by_field="newest").hits
        days = searcher.fast_field_values("published", [address for _, address in hits])
        bare = self._places(searcher, [(0.0, address) for _, address in hits])
        dated = (
            place._replace(minus_first=-int(day or 0), minus_second=0) for place, day in zip(bare, days, strict=True)
        )
        found = [place for place in sorted(dated) if place > after][:limit]
        if not found:
            return []
        # By day alone; what each is worth is told all the same.
        these = tantivy.Query.term_set_query(self._schema, "key", [place.key for place in found])
        scored = searcher.search(_within(self._query(asked, scored=True), these), len(found), count=False).hits
        points = {place.key: place.points for place in self._places(searcher, scored)}
        return [place._replace(points=points[place.key]) for place in found]

    def _equals(
        self, searcher: tantivy.Searcher, query: tantivy.Query, order: tuple[int, int], after: Place, wanted: int
    ) -> list[Place]:
        """Return the first ``wanted`` hits of one place in the order, by their identifiers; fewer when there are no more."""
        begin = after.high >> BUCKET_SHIFT if after[:2] == order else 0
        # More of them than a look shows: a part of the identifiers at a time, a smaller one whenever some could be missing.
        width = BUCKETS // 16
        found: list[Place] = []
        while begin < BUCKETS and len(found) < wanted:
            end = min(begin + width, BUCKETS)
            hits = searcher.search(_within(query, self._buckets(begin, end)), EQUALS_LOOK, count=False).hits
            if len(hits) == EQUALS_LOOK and _order_of(hits[-1][0]) <= order:
                if width == 1:
                    raise UnanswerableError
                width = max(1, width // 8)
                continue
            here = [place for place in self._places(searcher, hits) if place[:2] == order and place > after]
            found += sorted(here)
            begin = end
            if not here:
                width *= 4
        return found[:wanted]

    def _places(self, searcher: tantivy.Searcher, hits: Sequence[tuple[Any, Any]]) -> list[Place]:
        addresses = [address for _, address in hits]
        columns = [searcher.fast_field_values(name, addresses) for name in ("high", "low", "log", "idx", "origin")]
        found = []
        for (score, _), *values in zip(hits, *columns, strict=True):
            high, low, log, idx, origin_id = (int(value or 0) for value in values)
            first, second = _order_of(score)
            found.append(Place(first, second, high, low, log, idx, -second, origin_id))
        return found

    def _query(self, asked: Question, *, scored: bool, within: _Part | None = None) -> tantivy.Query:
        musts = [*self._musts(asked), *(within.musts if within else ())]
        # What every hit has anyway is given to all of them with the first thing they must have.
        granted = sum(test.points for test in asked.tests if _is_granted(test, asked, within)) if scored else 0
        clauses = [(Occur.Must, _worth(part, 0 if at else granted)) for at, part in enumerate(musts)]
        clauses += [(Occur.MustNot, part) for part in self._must_nots(asked)]
        if scored:
            clauses += [(Occur.Should, _worth(part, points)) for part, points in self._worths(asked, within)]
        return tantivy.Query.boolean_query(clauses)

    def _musts(self, asked: Question) -> Iterable[tantivy.Query]:
        if asked.tree is not None:
            yield self._met(asked.tree)
        for term in asked.exact:
            yield self._term("terms", term)
        for terms in asked.possible:
            if terms is not None:
                yield tantivy.Query.term_set_query(self._schema, "terms", list(terms))
        if asked.since is not None:
            yield self._range("published", asked.since, None)
        if asked.tree is None and not asked.exact and not any(terms is not None for terms in asked.possible):
            yield tantivy.Query.all_query()

    def _must_nots(self, asked: Question) -> Iterable[tantivy.Query]:
        yield tantivy.Query.range_query(self._schema, "valid", FieldType.Integer, None, asked.today, include_upper=False, use_inverted_index=True)  # fmt: skip
        if asked.hidden:
            yield tantivy.Query.term_set_query(self._schema, "origin", list(asked.hidden))
        if asked.witnessed:
            yield from self._unwitnessed(asked)

    def _worths(self, asked: Question, within: _Part | None) -> Iterable[tuple[tantivy.Query, int]]:
        for term in asked.certain:
            if term is not None:
                yield self._term("terms", term), TIER
        for test in asked.tests:
            if _is_granted(test, asked, within):
                continue
            name = _FIELDS[test.places]
            one = len(test.lexemes) == 1
            yield self._term(name, test.lexemes[0]) if one else tantivy.Query.term_set_query(self._schema, name, list(test.lexemes)), test.points  # fmt: skip
        if asked.first:
            yield tantivy.Query.term_set_query(self._schema, "terms", list(asked.first)), ranking.THEME
        now = ranking.quarter_of(asked.today)
        for age, points in enumerate(ranking.FRESH):
            yield self._term("quarter", now - age), points
        # Nearly all are witnessed: those that are not lose what everybody is given (_order_of).
        for part in self._unwitnessed(asked):
            yield part, -ranking.WITNESSED

    def _unwitnessed(self, asked: Question) -> Iterable[tantivy.Query]:
        if asked.unwitnessed_logs:
            yield tantivy.Query.term_set_query(self._schema, "origin", list(asked.unwitnessed_logs))
        if asked.unwitnessed:
            yield tantivy.Query.term_set_query(self._schema, "key", list(asked.unwitnessed))

    @property
    def _schema(self) -> tantivy.Schema:
        return self._opened().schema

    def _term(self, name: str, value: object) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, name, value, "basic")

    def _range(self, name: str, low: int | None, high: int | None) -> tantivy.Query:
        return tantivy.Query.range_query(self._schema, name, FieldType.Integer, low, high, include_upper=high is None)

    def _buckets(self, begin: int, end: int) -> tantivy.Query:
        return tantivy.Query.range_query(
            self._schema, "bucket", FieldType.Integer, begin, end, include_upper=False, use_inverted_index=True
        )

    def _met(self, tree: words.Tree) -> tantivy.Query:
        match tree:
            case words.Word(lexeme):
                return self._term("words", _whole(lexeme))
            case words.Phrase():
                placed: list[str | tuple[int, str]] = [(place, _whole(lexeme)) for place, lexeme in _laid_out(tree)]
                return tantivy.Query.phrase_query(self._schema, "words", placed)
            case words.EitherOf(parts):
                return tantivy.Query.boolean_query([(Occur.Should, self._met(part)) for part in parts])
            case words.AllOf(parts):
                wanted = [(Occur.Must, self._met(part)) for part in parts if not isinstance(part, words.Not)]
                unwanted = [(Occur.MustNot, self._met(part.part)) for part in parts if isinstance(part, words.Not)]
                return tantivy.Query.boolean_query([*(wanted or [(Occur.Must, tantivy.Query.all_query())]), *unwanted])
            case words.Not(part):
                return tantivy.Query.boolean_query(
                    [(Occur.Must, tantivy.Query.all_query()), (Occur.MustNot, self._met(part))]
                )


def _number(searcher: tantivy.Searcher, query: tantivy.Query) -> int:
    # The package's own types leave this attribute out.
    found: Any = searcher.search(query, 1, count=True)
    return int(found.count)


def _whole(lexeme: str) -> str:
    if not lexeme or lexeme.split() != [lexeme]:
        # Cut at its spaces here, and not by the database.
        raise UnanswerableError
    return lexeme


def _laid_out(tree: words.Tree, start: int = 0) -> list[tuple[int, str]]:
    """Return a phrase's lexemes with their places."""
    match tree:
        case words.Word(lexeme):
            return [(start, lexeme)]
        case words.Phrase(left, distance, right) if distance <= PHRASE_GAP_MAX:
            begun = _laid_out(left, start)
            return [*begun, *_laid_out(right, begun[-1][0] + distance)]
        case _:
            raise UnanswerableError


def _worth(query: tantivy.Query, points: int) -> tantivy.Query:
    return tantivy.Query.const_score_query(query, float(points))


def _within(query: tantivy.Query, window: tantivy.Query) -> tantivy.Query:
    return tantivy.Query.boolean_query([(Occur.Must, query), (Occur.Must, _worth(window, 0))])


def _is_granted(test: ranking.Test, asked: Question, within: _Part | None) -> bool:
    """Tell whether every hit passes a test: it has the asked word, in its title where only those are looked at."""
    if within is not None and within.title and set(within.title) <= set(test.lexemes):
        return True
    met = {part.lexeme for part in asked.tree.parts if isinstance(part, words.Word)} if isinstance(asked.tree, words.EitherOf) else set()  # fmt: skip
    if isinstance(asked.tree, words.Word):
        met = {asked.tree.lexeme}
    return test.places == words.ALL and bool(met) and met <= set(test.lexemes)


def _total(place: Place) -> int:
    return -place.minus_first * TIER - place.minus_second


def _order_of(score: float) -> tuple[int, int]:
    total = int(score) + ranking.WITNESSED
    return -(total // TIER), -(total % TIER)


def _after(asked: Question) -> Place:
    if asked.cursor is None:
        return Place(-WHOLE, 0, 0, 0, 0, 0)
    first, second = asked.cursor.keys
    # Whatever its points are told as: the hit itself is not after itself.
    high, low = parts_of(asked.cursor.profile_id)
    return Place(-first, -second, high, low, asked.cursor.log, asked.cursor.index, TIER)
