"""Questions to the text index: the hits that the database would give, in its very order, found faster (tantivy).

In: questions whose words were read by the database. Out: places of hits, counts, and counts by label.

Order: every score is a sum of whole numbers that a 32-bit float holds exactly, so it does not depend on segments, on what was
deleted or on the order of additions; equals stand in the order of their random identifiers, which is looked up where a page
ends among equals. Few hits are looked at: whoever has at least so many points must have a word in its title, be of a first
theme or be fresh (``_needed``), so the best page is looked for among those first. bench/search_speed.py holds it against
tantivy's own BM25.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import tantivy
from tantivy import FieldType, Occur

from node.domain import ranking, words
from node.domain.query import Cursor
from node.store.text_folder import (
    BUCKET_SHIFT,
    BUCKETS,
    LABELS,
    PHRASE_GAP_MAX,
    WHOLE,
    IndexFolder,
    UnanswerableError,
    newest_key,
    parts_of,
)

# One more label that is certain outweighs all points.
TIER: Final = 1 << 17
# Hits looked at first, of equals at once, and at most before the database is asked instead.
FIRST_LOOK: Final = 256
EQUALS_LOOK: Final = 1024
DEEPEST: Final = 20_000
LABELS_MAX: Final = 60_000
# So many hits are looked at as they are.
FEW: Final = 3_000
# How far below the most points that a hit may have the best page is looked for, in turn.
SLACKS: Final = (0, 999, 2_000, 3_300, 4_700)
_FIELDS: Final = {words.ALL: "words", words.UP_TO_C: "words_c", words.UP_TO_B: "words_b", words.TITLE: "words_a"}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, as lexemes and index terms (store/search.Terms says what they are), and what of it may be seen.

    ``hidden``: logs whose profiles are not shown. ``unwitnessed``: whole logs, and single places as "origin/idx", for which no
    quorum of witnesses vouches.
    """

    tree: words.Tree | None
    tests: Sequence[ranking.Test]
    weighed: Sequence[ranking.Weighed]
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
class _Needed:
    """What every hit with at least so many points has: all sure labels, so many asked words, so many in its title, a first theme, one of these quarters."""

    certain: int = 0
    present: int = 0
    titled: int = 0
    theme: bool = False
    quarters: tuple[int, ...] = ()


ANYTHING: Final = _Needed()


@dataclass(frozen=True, slots=True)
class Counted:
    """How many hits there are, of how many of them labels were counted, and by which stored label."""

    total: int
    sampled: int
    labels: Mapping[str, Mapping[str, int]]


class TextIndex(IndexFolder):
    """The text index of a node and its questions."""

    def find(self, asked: Question, limit: int) -> list[Place]:
        """Return up to ``limit`` places after the cursor, best first. Raises: UnanswerableError."""
        search = _Search(self.opened().searcher(), self.opened().schema, asked)
        return search.newest(limit) if asked.newest else search.best(limit)

    def count(self, asked: Question, bound: int) -> Counted:
        """Count hits, and their labels: of all, or of the lowest identifiers when there are more than ``bound``. Raises: UnanswerableError."""
        return _Search(self.opened().searcher(), self.opened().schema, asked).count(bound)


@dataclass(frozen=True, slots=True)
class _Search:
    """One question at one state of the index."""

    searcher: tantivy.Searcher
    schema: tantivy.Schema
    asked: Question

    # --- the best hits ---

    def best(self, limit: int) -> list[Place]:
        """Return the first hits after the cursor: among those that have the most, if these are enough, else among more."""
        after = _after(self.asked)
        known: _Needed | None = None
        for least in self._guesses(after):
            needed = self._needed(least)
            if needed == ANYTHING:
                break
            if needed == known:
                continue
            known = needed
            found = self._best(self._query(needed, scored=True), after, limit)
            if len(found) == limit:
                # So many have at least this: whoever stands before them has it too.
                reached = _total(found[-1])
                sure = reached >= least or self._needed(reached) == needed
                return found if sure else self._best(self._query(self._needed(reached), scored=True), after, limit)
        return self._best(self._query(ANYTHING, scored=True), after, limit)

    def _guesses(self, after: Place) -> Iterable[int]:
        """Yield totals that the last hit of the page may reach, the highest first."""
        if self._at_most() <= FEW:
            return
        certain = [term for term in self.asked.certain if term is not None]
        for tier in range(len(certain), -1, -1):
            if tier == len(certain) > 0 and min(self.searcher.doc_freq("terms", term) for term in certain) == 0:
                continue
            highest = tier * TIER + self._most()
            if self.asked.cursor is not None:
                highest = min(highest, _total(after))
            if highest >= tier * TIER:
                yield from (highest - slack for slack in SLACKS if highest - slack >= tier * TIER)

    def _at_most(self) -> int:
        """Return a number that the hits do not exceed."""
        by_terms = [self.searcher.doc_freq("terms", term) for term in self.asked.exact]
        by_terms += [
            sum(self.searcher.doc_freq("terms", term) for term in terms)
            for terms in self.asked.possible
            if terms is not None
        ]
        return min([self.searcher.num_docs, *by_terms, self._holding(self.asked.tree)])

    def _holding(self, tree: words.Tree | None) -> int:
        match tree:
            case words.Word(lexeme):
                return self.searcher.doc_freq("words", lexeme)
            case words.EitherOf(parts):
                return sum(map(self._holding, parts))
            case words.AllOf(parts):
                return min(map(self._holding, parts))
            case words.Phrase(left, _, right):
                return min(self._holding(left), self._holding(right))
            case _:
                return int(self.searcher.num_docs)

    def _most(self) -> int:
        """Return the most points that a hit may have."""
        theme = ranking.THEME if self.asked.first else 0
        return sum(word.points for word in self.asked.weighed) + theme + ranking.FRESH[0] + ranking.WITNESSED

    def _needed(self, least: int) -> _Needed:
        """Return what every hit with at least so many points has."""
        certain = -(-(least - self._most()) // TIER)
        # Of its own tier: what it may lack and still have that many points.
        lack = max(certain, 0) * TIER + self._most() - least
        if certain < 0 or lack >= TIER:
            return ANYTHING
        asked = self.asked.weighed
        each, untitled = (asked[0].points, asked[0].untitled) if asked else (0, 0)
        whole = each * len(asked)
        quarters = [age for age, points in enumerate(ranking.FRESH) if ranking.FRESH[0] - points <= lack]
        now = ranking.quarter_of(self.asked.today)
        return _Needed(
            certain=certain,
            present=next(n for n in range(len(asked) + 1) if whole - n * each <= lack),
            titled=next(n for n in range(len(asked) + 1) if whole - n * each - (len(asked) - n) * untitled <= lack),
            theme=bool(self.asked.first) and lack < ranking.THEME,
            quarters=tuple(now - age for age in quarters) if lack < ranking.FRESH[0] else (),
        )

    def _best(self, query: tantivy.Query, after: Place, limit: int) -> list[Place]:
        look = FIRST_LOOK
        while look < limit:
            look *= 4
        while look <= DEEPEST:
            hits = self.searcher.search(query, look, count=False).hits
            found = sorted(place for place in self._places(hits) if place > after)
            if len(hits) < look:
                return found[:limit]
            # Whatever scores more than the last one is here; of its equals there may be others.
            last = _order_of(hits[-1][0])
            sure = [place for place in found if place[:2] < last]
            if len(sure) >= limit:
                return sure[:limit]
            if after[:2] <= last:
                sure += self._equals(query, last, after, limit - len(sure))
                if len(sure) == limit:
                    return sure
            look *= 4
        raise UnanswerableError

    def _equals(self, query: tantivy.Query, order: tuple[int, int], after: Place, wanted: int) -> list[Place]:
        """Return the first ``wanted`` hits of one place in the order, by their identifiers; fewer when there are no more."""
        begin = after.high >> BUCKET_SHIFT if after[:2] == order else 0
        # More of them than a look shows: a part of the identifiers at a time, a smaller one whenever some could be missing.
        width = BUCKETS // 16
        found: list[Place] = []
        while begin < BUCKETS and len(found) < wanted:
            end = min(begin + width, BUCKETS)
            hits = self.searcher.search(_within(query, self._buckets(begin, end)), EQUALS_LOOK, count=False).hits
            if len(hits) == EQUALS_LOOK and _order_of(hits[-1][0]) <= order:
                if width == 1:
                    raise UnanswerableError
                width = max(1, width // 8)
                continue
            here = [place for place in self._places(hits) if place[:2] == order and place > after]
            found += sorted(here)
            begin = end
            if not here:
                width *= 4
        return found[:wanted]

    def _places(self, hits: Sequence[tuple[Any, Any]]) -> list[Place]:
        addresses = [address for _, address in hits]
        columns = [self.searcher.fast_field_values(name, addresses) for name in ("high", "low", "log", "idx", "origin")]
        found = []
        for (score, _), *values in zip(hits, *columns, strict=True):
            high, low, log, idx, origin_id = (int(value or 0) for value in values)
            first, second = _order_of(score)
            found.append(Place(first, second, high, low, log, idx, -second, origin_id))
        return found

    # --- the newest hits ---

    def newest(self, limit: int) -> list[Place]:
        """Return the first hits after the cursor by day."""
        query = self._query(ANYTHING, scored=False)
        if self._number(_within(query, self._range("published", self.asked.today + 1, None))):
            # Rounds of the future come last, whatever they say: the database sorts them.
            raise UnanswerableError
        after = _after(self.asked)
        if self.asked.cursor is not None:
            query = _within(query, self._range("newest", None, newest_key(-after.minus_first, after.high) + 1))
        # Some more: those whose identifiers begin alike are put in order here.
        hits = self.searcher.search(query, limit + FIRST_LOOK, count=False, order_by_field="newest").hits
        days = self.searcher.fast_field_values("published", [address for _, address in hits])
        bare = self._places([(0.0, address) for _, address in hits])
        dated = (
            place._replace(minus_first=-int(day or 0), minus_second=0) for place, day in zip(bare, days, strict=True)
        )
        found = [place for place in sorted(dated) if place > after][:limit]
        if not found:
            return []
        # By day alone; what each is worth is told all the same.
        these = tantivy.Query.term_set_query(self.schema, "key", [place.key for place in found])
        scored = self.searcher.search(_within(self._query(ANYTHING, scored=True), these), len(found), count=False).hits
        points = {place.key: place.points for place in self._places(scored)}
        return [place._replace(points=points[place.key]) for place in found]

    # --- how many ---

    def count(self, bound: int) -> Counted:
        """Count hits, and their labels: of all, or of the lowest identifiers when there are more than ``bound``."""
        query = self._query(ANYTHING, scored=False)
        total = self._number(query)
        if total > bound:
            query = _within(query, self._buckets(0, max(1, BUCKETS * bound // total)))
        told = self.searcher.aggregate(query, {name: {"terms": {"field": name, "size": LABELS_MAX}} for name in LABELS})
        labels = {name: {b["key"]: b["doc_count"] for b in told[name]["buckets"]} for name in LABELS}
        return Counted(total, sum(labels["kind"].values()), labels)

    def _number(self, query: tantivy.Query) -> int:
        # The package's own types leave this attribute out.
        found: Any = self.searcher.search(query, 1, count=True)
        return int(found.count)

    # --- queries ---

    def _query(self, needed: _Needed, *, scored: bool) -> tantivy.Query:
        certain = [self._term("terms", term) for term in self.asked.certain if term is not None]
        musts, granted = [*self._musts()], 0
        if needed.certain == len(certain):
            musts += [*certain, *self._having(needed)]
            granted = needed.certain * TIER
            shown, certain = needed, []
        else:
            # One more certain label outweighs all else.
            either = [
                (
                    Occur.Should,
                    self._least("terms", [(term,) for term in self.asked.certain if term], needed.certain + 1),
                )
            ]
            conditions = list(self._having(needed))
            if conditions:
                either.append((Occur.Should, tantivy.Query.boolean_query([(Occur.Must, part) for part in conditions])))
                musts.append(tantivy.Query.boolean_query(either))
            shown = ANYTHING
        if not scored:
            return _all_of(musts, self._must_nots(), (), 0)
        # What every hit has anyway is given to all of them with the first thing they must have.
        more, worths = self._worths(shown)
        worths += [(term, TIER) for term in certain]
        return _all_of(musts, self._must_nots(), worths, granted + more)

    def _musts(self) -> Iterable[tantivy.Query]:
        asked = self.asked
        if asked.tree is not None:
            yield self._met(asked.tree)
        for term in asked.exact:
            yield self._term("terms", term)
        for terms in asked.possible:
            if terms is not None:
                yield self._any("terms", terms)
        if asked.since is not None:
            yield self._range("published", asked.since, None)
        if asked.tree is None and not asked.exact and not any(terms is not None for terms in asked.possible):
            yield tantivy.Query.all_query()

    def _must_nots(self) -> Iterable[tantivy.Query]:
        yield tantivy.Query.range_query(self.schema, "valid", FieldType.Integer, None, self.asked.today, include_upper=False, use_inverted_index=True)  # fmt: skip
        if self.asked.hidden:
            yield self._any("origin", self.asked.hidden)
        if self.asked.witnessed:
            yield from self._unwitnessed()

    def _having(self, needed: _Needed) -> Iterable[tantivy.Query]:
        lexemes = [word.lexemes for word in self.asked.weighed]
        if needed.present and not self._all_present():
            yield self._least("words", lexemes, needed.present)
        if needed.titled:
            yield self._least("words_a", lexemes, needed.titled)
        if needed.theme:
            yield self._any("terms", self.asked.first)
        if needed.quarters:
            yield self._any("quarter", needed.quarters)

    def _all_present(self) -> bool:
        met = _met_anyway(self.asked.tree)
        return all(any(some <= set(word.lexemes) for some in met) for word in self.asked.weighed)

    def _worths(self, needed: _Needed) -> tuple[int, list[tuple[tantivy.Query, int]]]:
        """Return the points that each of the hits has that have what is needed, and what gives the others."""
        asked, granted, worths = self.asked, 0, []
        present = _met_anyway(asked.tree)
        titled = [set(word.lexemes) for word in asked.weighed] if needed.titled == len(asked.weighed) else []
        for test in asked.tests:
            lexemes = set(test.lexemes)
            anyway = any(some <= lexemes for some in titled) or (
                test.places == words.ALL and any(some <= lexemes for some in present)
            )
            if anyway:
                granted += test.points
            else:
                worths.append((self._any(_FIELDS[test.places], test.lexemes), test.points))
        if needed.theme:
            granted += ranking.THEME
        elif asked.first:
            worths.append((self._any("terms", asked.first), ranking.THEME))
        now = ranking.quarter_of(asked.today)
        if len(needed.quarters) == 1:
            granted += ranking.FRESH[now - needed.quarters[0]]
        else:
            ages = [now - quarter for quarter in needed.quarters] or range(len(ranking.FRESH))
            worths += [(self._term("quarter", now - age), ranking.FRESH[age]) for age in ages]
        # Nearly all are witnessed: those that are not lose what everybody is given (_order_of).
        worths += [(part, -ranking.WITNESSED) for part in self._unwitnessed()]
        return granted, worths

    def _unwitnessed(self) -> Iterable[tantivy.Query]:
        if self.asked.unwitnessed_logs:
            yield self._any("origin", self.asked.unwitnessed_logs)
        if self.asked.unwitnessed:
            yield self._any("key", self.asked.unwitnessed)

    def _least(self, name: str, groups: Sequence[Sequence[str]], least: int) -> tantivy.Query:
        """Ask for some of at least so many of the groups."""
        each = [self._any(name, group) for group in groups]
        if least == len(each) == 1:
            return each[0]
        if least == len(each):
            return tantivy.Query.boolean_query([(Occur.Must, part) for part in each])
        return tantivy.Query.boolean_query([(Occur.Should, part) for part in each], minimum_number_should_match=least)

    def _any(self, name: str, values: Sequence[Any]) -> tantivy.Query:
        if len(values) == 1:
            return self._term(name, values[0])
        return tantivy.Query.term_set_query(self.schema, name, list(values))

    def _term(self, name: str, value: object) -> tantivy.Query:
        return tantivy.Query.term_query(self.schema, name, value, "basic")

    def _range(self, name: str, low: int | None, high: int | None) -> tantivy.Query:
        return tantivy.Query.range_query(self.schema, name, FieldType.Integer, low, high, include_upper=high is None)

    def _buckets(self, begin: int, end: int) -> tantivy.Query:
        return tantivy.Query.range_query(
            self.schema, "bucket", FieldType.Integer, begin, end, include_upper=False, use_inverted_index=True
        )

    def _met(self, tree: words.Tree) -> tantivy.Query:
        match tree:
            case words.Word(lexeme):
                return self._term("words", _whole(lexeme))
            case words.Phrase():
                placed: list[str | tuple[int, str]] = [(place, _whole(lexeme)) for place, lexeme in _laid_out(tree)]
                return tantivy.Query.phrase_query(self.schema, "words", placed)
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


def _met_anyway(tree: words.Tree | None) -> list[set[str]]:
    """Return sets of lexemes of each of which every hit has one."""
    match tree:
        case words.Word(lexeme):
            return [{lexeme}]
        case words.EitherOf(parts) if all(isinstance(part, words.Word) for part in parts):
            return [{part.lexeme for part in parts if isinstance(part, words.Word)}]
        case words.AllOf(parts):
            return [met for part in parts for met in _met_anyway(part)]
        case _:
            return []


def _all_of(
    musts: Sequence[tantivy.Query],
    must_nots: Iterable[tantivy.Query],
    worths: Iterable[tuple[tantivy.Query, int]],
    granted: int,
) -> tantivy.Query:
    clauses = [(Occur.Must, _worth(part, 0 if at else granted)) for at, part in enumerate(musts)]
    clauses += [(Occur.MustNot, part) for part in must_nots]
    clauses += [(Occur.Should, _worth(part, points)) for part, points in worths]
    return tantivy.Query.boolean_query(clauses)


def _worth(query: tantivy.Query, points: int) -> tantivy.Query:
    return tantivy.Query.const_score_query(query, float(points))


def _within(query: tantivy.Query, window: tantivy.Query) -> tantivy.Query:
    return tantivy.Query.boolean_query([(Occur.Must, query), (Occur.Must, _worth(window, 0))])


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
