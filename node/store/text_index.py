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
from dataclasses import dataclass, replace
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
FIRST_LOOK: Final = 64
EQUALS_LOOK: Final = 512
DEEPEST: Final = 20_000
LABELS_MAX: Final = 60_000
# The newest hits are looked for in each of so many quarters.
QUARTERS: Final = 8
# So many hits are looked at as they are.
FEW: Final = 20_000
# Beyond so many, how many there are is told from a sample.
COUNTED_MAX: Final = 50_000
# From the best place down.
_FIELDS: Final = {words.TITLE: "words_a", words.UP_TO_B: "words_b", words.UP_TO_C: "words_c", words.ALL: "words"}
_PLACES: Final = tuple(_FIELDS)
_TEXTS: Final = frozenset((*_FIELDS.values(), "terms"))


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
class _Cell:
    """Hits that have the same points apart from their words'.

    ``witnessed``, ``theme``: with witnesses, of a first theme, or not (None: all alike); ``quarters``: of these, none: of none that
    earns points.
    """

    witnessed: bool | None
    theme: bool | None
    quarters: tuple[int, ...]
    points: int


@dataclass(frozen=True, slots=True)
class Counted:
    """How many hits there are (about, where not exact), of how many of them labels were counted, and by which stored label."""

    total: int
    is_exact: bool
    sampled: int
    labels: Mapping[str, Mapping[str, int]]


class TextIndex(IndexFolder):
    """The text index of a node and its questions."""

    def answer(self, asked: Question, limit: int, bound: int) -> tuple[Counted, list[Place]]:
        """Count hits and their labels (of a sample when there are more than ``bound``); return the first ``limit`` after the cursor.

        Raises: UnanswerableError.
        """
        search = _Search.of(self.opened(), asked)
        counted = search.count(bound)
        if not limit or not counted.total:
            return counted, []
        return counted, search.newest(limit) if asked.newest else search.best(limit, counted)

    def known(self, asked: Question, lexemes: Sequence[str]) -> set[str]:
        """Return those lexemes that any profile holds which may be seen; of the question only what may be seen counts."""
        search = _Search.of(self.opened(), asked)
        return {lexeme for lexeme in lexemes if search.holds(lexeme)}


@dataclass(frozen=True, slots=True)
class _Search:
    """One question at one state of the index."""

    searcher: tantivy.Searcher
    schema: tantivy.Schema
    asked: Question
    # The tests that any profile passes, by word; the terms of certain labels that any profile has.
    tests: Sequence[Sequence[ranking.Test]]
    certain: Sequence[str]

    @classmethod
    def of(cls, index: tantivy.Index, asked: Question) -> _Search:
        """Begin a search."""
        searcher = index.searcher()

        def any_has(name: str, values: Sequence[str]) -> bool:
            return any(searcher.doc_freq(name, value) for value in values)

        tests = [
            [test for test in word if any_has(_FIELDS[test.places], test.lexemes)]
            for word in ranking.by_word(asked.tests)
        ]
        certain = [term for term in asked.certain if term is not None and any_has("terms", [term])]
        return cls(searcher, index.schema, asked, tests, certain)

    def holds(self, lexeme: str) -> bool:
        """Tell whether any profile that may be seen has this word: one of a few of them, mostly."""
        query = _all_of([self._term("words", _whole(lexeme))], self._must_nots())
        few = _within(query, self._buckets(0, BUCKETS // 64))
        return self.searcher.doc_freq("words", lexeme) > 0 and bool(self._number(few) or self._number(query))

    # --- the best hits ---

    def best(self, limit: int, counted: Counted) -> list[Place]:
        """Return the first hits after the cursor."""
        after = _after(self.asked)
        # Where what is asked is rare a cell costs next to nothing; of what is frequent and seldom meets each costs as much as all.
        if counted.is_exact and counted.total <= FEW < self._read_each_time():
            return self._best(self._scored(), after, limit)
        found: list[Place] = []
        for tier in range(len(self.certain), -1, -1):
            if tier <= -after.minus_first or self.asked.cursor is None:
                found += self._best_of(tier, after, limit - len(found), counted.total)
                if len(found) == limit:
                    break
        return found

    def _best_of(self, tier: int, after: Place, limit: int, total: int) -> list[Place]:
        """Return the first hits with so many certain labels: cell by cell, as long as a cell may hold any of them."""
        # With fewer hits than these no cell is likely to hold a page of them that are alike.
        alike = total > EQUALS_LOOK
        found: list[Place] = []
        for cell in self._cells():
            most = cell.points + self._words_most
            reached = -found[-1].minus_second if len(found) == limit else None
            if reached is not None and reached > most:
                break
            found = sorted(found + self._best_in(cell, tier, reached, after, limit, alike=alike))[:limit]
        return found

    def _cells(self) -> list[_Cell]:
        """Return the parts of the hits, those that may have the most points first."""
        now = ranking.quarter_of(self.asked.today)
        by_points: dict[int, tuple[int, ...]] = {}
        for age, points in enumerate(ranking.FRESH):
            by_points[points] = (*by_points.get(points, ()), now - age)
        # Nearly all have witnesses.
        parted = any(True for _ in self._unwitnessed()) and not self.asked.witnessed
        cells = [
            _Cell(
                witnessed,
                theme,
                quarters,
                fresh + bool(theme) * ranking.THEME + (witnessed is not False) * ranking.WITNESSED,
            )
            for fresh, quarters in {**by_points, 0: ()}.items()
            for theme in ((True, False) if self.asked.first else (None,))
            for witnessed in ((True, False) if parted else (None,))
        ]
        return sorted(cells, key=lambda cell: -cell.points)

    def _best_in(
        self, cell: _Cell, tier: int, reached: int | None, after: Place, limit: int, *, alike: bool
    ) -> list[Place]:
        """Return the first hits of a cell; those with fewer points than are ``reached`` already may be left out."""
        most = cell.points + self._words_most
        # What its words may earn in hits that stand after the cursor.
        left = -after.minus_second - cell.points if after.minus_first == -tier else self._words_most
        granted, worths = self._word_worths()
        if left < granted:
            return []
        best: list[Place] = []
        # What stands out has all that its words can earn; of common words that is a page and more.
        if alike and reached in {None, most} and left >= self._words_most:
            best = self._outstanding(cell, tier, after, limit)
            if len(best) == limit or reached == most:
                return best
        musts, must_nots = self._of_cell(cell, tier)
        must_nots += self._beyond(left)
        if reached is not None:
            musts += self._placed(most - reached)
        points = tier * TIER + cell.points - ranking.WITNESSED + granted
        return self._best(_all_of(musts, must_nots, worths, points), after, limit)

    def _outstanding(self, cell: _Cell, tier: int, after: Place, limit: int) -> list[Place]:
        """Return the first of those hits of a cell that have the most points: all the same, so by identifier alone."""
        musts, must_nots = self._of_cell(cell, tier)
        points = cell.points + self._words_most
        for word in self.tests:
            asked: list[set[str]] = []
            for test in reversed(word):
                # A word of the title stands in all other places too.
                if not any(lexemes <= set(test.lexemes) for lexemes in asked):
                    musts.append(self._passed(test))
                    asked.append(set(test.lexemes))
        query = _all_of(musts, must_nots)
        if after.minus_first != -tier or -after.minus_second != points:
            return self._by_identifier(query, after, limit, tier, points)[:limit]
        # From the cursor on: first those whose identifiers begin like its own, then ever larger parts of the others.
        found: list[Place] = []
        begin, width = after.high >> BUCKET_SHIFT, 1
        while begin < BUCKETS and len(found) < limit:
            end = min(begin + width, BUCKETS)
            part = _within(query, self._buckets(begin, end))
            found += self._by_identifier(part, after, limit if found or width > 1 else EQUALS_LOOK, tier, points)
            begin, width = end, width * 8
        return found[:limit]

    def _by_identifier(self, query: tantivy.Query, after: Place, limit: int, tier: int, points: int) -> list[Place]:
        # Some more: of those of the same identifier the logs decide.
        hits = self.searcher.search(
            query, limit + FIRST_LOOK, count=False, order_by_field="high", order=tantivy.Order.Asc
        ).hits
        bare = self._places([(0.0, address) for _, address in hits])
        placed = [place._replace(minus_first=-tier, minus_second=-points, points=points) for place in bare]
        if len(hits) == limit + FIRST_LOOK and max(placed) <= after:
            raise UnanswerableError
        return [place for place in sorted(placed) if place > after]

    def _beyond(self, left: int) -> Iterable[tantivy.Query]:
        """Ask for hits whose words earn more than what is left after the cursor: all words themselves, so well placed."""
        for place in reversed(_PLACES):
            lower = _PLACES[_PLACES.index(place) :]
            if sum(test.points for word in self.tests for test in word if test.places in lower) > left:
                own = [(word[-1].lexemes[0],) for word in self.tests if word]
                yield self._least(_FIELDS[place], own, len(own))
                return

    def _of_cell(self, cell: _Cell, tier: int) -> tuple[list[tantivy.Query], list[tantivy.Query]]:
        """Return what hits of a cell and a tier have, and what they don't."""
        musts, must_nots = [*self._musts()], [*self._must_nots()]
        certain = [(term,) for term in self.certain]
        if tier:
            musts.append(self._least("terms", certain, tier))
        if tier < len(certain):
            must_nots.append(self._least("terms", certain, tier + 1))
        if cell.theme is not None:
            (musts if cell.theme else must_nots).append(self._any("terms", self.asked.first))
        if cell.witnessed is not None:
            unwitnessed = tantivy.Query.boolean_query([(Occur.Should, part) for part in self._unwitnessed()])
            (must_nots if cell.witnessed else musts).append(unwitnessed)
        now = ranking.quarter_of(self.asked.today)
        earning = [now - age for age in range(len(ranking.FRESH))]
        (musts if cell.quarters else must_nots).append(self._any("quarter", cell.quarters or earning))
        return musts, must_nots

    def _placed(self, lack: int) -> Iterable[tantivy.Query]:
        """Ask for what every hit has that lacks no more of its words' points: so many of them at least so well placed."""
        better = 0
        for at, place in enumerate(_PLACES):
            # What a word loses that stands lower.
            losses = sorted(
                sum(test.points for test in word if _PLACES.index(test.places) <= at) for word in self.tests
            )
            lost = free = 0
            for loss in losses:
                lost += loss
                free += lost <= lack
            least = len(losses) - free
            if least > better and not (place == words.ALL and self._all_present()):
                groups: dict[str, Sequence[str]] = {}
                for test in (test for word in self.tests for test in word if test.places == place):
                    # First with the words of the same meaning, then without them.
                    groups.setdefault(test.lexemes[0], test.lexemes)
                yield self._least(_FIELDS[place], list(groups.values()), least)
            better = max(better, least)

    @property
    def _words_most(self) -> int:
        """The most points that words may earn."""
        return sum(test.points for word in self.tests for test in word)

    def _read_each_time(self) -> int:
        """Return about how many places of the index every query reads, however few hits it has."""
        lists = [test.lexemes for word in self.tests for test in word[:1]]
        sets = [terms for terms in self.asked.possible if terms is not None and len(terms) > 1]
        by_words = sum(self.searcher.doc_freq("words", lexeme) for lexemes in lists for lexeme in lexemes)
        return by_words + sum(self.searcher.doc_freq("terms", term) for terms in sets for term in terms)

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
        query = self._unscored()
        if self._number(_within(query, self._range("published", self.asked.today + 1, None))):
            # Rounds of the future come last, whatever they say: the database sorts them.
            raise UnanswerableError
        after = _after(self.asked)
        if self.asked.cursor is not None:
            query = _within(query, self._range("newest", None, newest_key(-after.minus_first, after.high) + 1))
        found: list[Place] = []
        last = ranking.quarter_of(min(self.asked.today, -after.minus_first if self.asked.cursor else self.asked.today))
        # A quarter at a time, as most pages end within the first.
        for quarter in range(last, last - QUARTERS, -1):
            found += self._latest(_within(query, self._term("quarter", quarter)), after, limit - len(found))
            if len(found) == limit:
                break
        else:
            older = self._range("published", None, ranking.quarter_begins(last - QUARTERS + 1))
            found += self._latest(_within(query, older), after, limit - len(found))
        if not found:
            return []
        # By day alone; what each is worth is told all the same.
        these = tantivy.Query.term_set_query(self.schema, "key", [place.key for place in found])
        granted, worths = self._worths()
        scored = self.searcher.search(_all_of([these], (), worths, granted), len(found), count=False).hits
        points = {place.key: place.points for place in self._places(scored)}
        return [place._replace(points=points[place.key]) for place in found]

    def _latest(self, query: tantivy.Query, after: Place, limit: int) -> list[Place]:
        # Some more: those whose identifiers begin alike are put in order here.
        hits = self.searcher.search(query, limit + FIRST_LOOK, count=False, order_by_field="newest").hits
        days = self.searcher.fast_field_values("published", [address for _, address in hits])
        bare = self._places([(0.0, address) for _, address in hits])
        dated = (
            place._replace(minus_first=-int(day or 0), minus_second=0) for place, day in zip(bare, days, strict=True)
        )
        return [place for place in sorted(dated) if place > after][:limit]

    # --- how many ---

    def count(self, bound: int) -> Counted:
        """Count hits, and their labels: of all, or of a sample when there are more than ``bound``, half as many.

        Of very many their number is told from the sample too: some thousands of random identifiers, 1 or 2 % off.
        """
        query, at_most = self._unscored(), self._at_most()
        # Of several words together there may be far fewer than of the rarest.
        if at_most > COUNTED_MAX and not isinstance(self.asked.tree, words.AllOf):
            counted = self._sample(query, max(1, BUCKETS * bound // 2 // at_most))
            if counted.total > COUNTED_MAX:
                return counted
        total = self._number(query) if at_most > bound else None
        # A large part of all identifiers costs more to name than the rest to count.
        if total is not None and total > bound * 3 // 2:
            counted = self._sample(query, max(1, BUCKETS * bound // 2 // total))
            return replace(counted, total=total, is_exact=True)
        labels = {} if total == 0 else self._labels(query)
        total = sum(labels.get("kind", {}).values())
        return Counted(total, is_exact=True, sampled=total, labels=labels)

    def _sample(self, query: tantivy.Query, share: int) -> Counted:
        labels = self._labels(_within(query, self._buckets(0, share)))
        sampled = sum(labels["kind"].values())
        return Counted(round(sampled * BUCKETS / share), is_exact=False, sampled=sampled, labels=labels)

    def _labels(self, query: tantivy.Query) -> Mapping[str, Mapping[str, int]]:
        told = self.searcher.aggregate(query, {name: {"terms": {"field": name, "size": LABELS_MAX}} for name in LABELS})
        return {name: {b["key"]: b["doc_count"] for b in told[name]["buckets"]} for name in LABELS}

    def _number(self, query: tantivy.Query) -> int:
        # The package's own types leave this attribute out.
        found: Any = self.searcher.search(query, 1, count=True)
        return int(found.count)

    # --- queries ---

    def _unscored(self) -> tantivy.Query:
        return _all_of(self._musts(), self._must_nots())

    def _scored(self) -> tantivy.Query:
        """Ask for all hits with their scores."""
        # What every hit has anyway is given to all of them with the first thing they must have.
        granted, worths = self._worths()
        return _all_of(self._musts(), self._must_nots(), worths, granted)

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

    def _passed(self, test: ranking.Test) -> tantivy.Query:
        return self._any(_FIELDS[test.places], test.lexemes)

    def _all_present(self) -> bool:
        met = _met_anyway(self.asked.tree)
        return all(any(some <= set(test.lexemes) for some in met for test in word) for word in self.tests)

    def _word_worths(self) -> tuple[int, list[tuple[tantivy.Query, int]]]:
        """Return the points of words that each hit has anyway, and what gives the others."""
        granted, present = 0, _met_anyway(self.asked.tree)
        worths: list[tuple[tantivy.Query, int]] = []
        for test in (test for word in self.tests for test in word):
            if test.places == words.ALL and any(some <= set(test.lexemes) for some in present):
                granted += test.points
            else:
                worths.append((self._passed(test), test.points))
        return granted, worths

    def _worths(self) -> tuple[int, list[tuple[tantivy.Query, int]]]:
        """Return the points that each hit has anyway, and what gives the others."""
        granted, worths = self._word_worths()
        # Nearly all are witnessed: those that are not lose what everybody is given (_order_of).
        worths += [(part, -ranking.WITNESSED) for part in self._unwitnessed()]
        worths += [(self._term("terms", term), TIER) for term in self.certain]
        if self.asked.first:
            worths.append((self._any("terms", self.asked.first), ranking.THEME))
        now = ranking.quarter_of(self.asked.today)
        worths += [(self._term("quarter", now - age), points) for age, points in enumerate(ranking.FRESH)]
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
        if name in _TEXTS:
            # What no profile has costs a set and finds nothing.
            values = [value for value in values if self.searcher.doc_freq(name, value)]
        if not values:
            return tantivy.Query.empty_query()
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
    musts: Iterable[tantivy.Query],
    must_nots: Iterable[tantivy.Query],
    worths: Iterable[tuple[tantivy.Query, int]] = (),
    granted: int = 0,
) -> tantivy.Query:
    clauses = [(Occur.Must, _worth(part, 0 if at else granted)) for at, part in enumerate(musts)]
    clauses += [(Occur.MustNot, part) for part in must_nots]
    clauses += [(Occur.Should, _worth(part, points)) for part, points in worths]
    return tantivy.Query.boolean_query(clauses)


def _worth(query: tantivy.Query, points: int) -> tantivy.Query:
    return tantivy.Query.const_score_query(query, float(points))


def _within(query: tantivy.Query, window: tantivy.Query) -> tantivy.Query:
    return tantivy.Query.boolean_query([(Occur.Must, query), (Occur.Must, _worth(window, 0))])


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
