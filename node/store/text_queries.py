"""What the text index is asked, as its own queries: what must be met, what earns points, which parts of the hits to look at first.

In: a question whose words were read by the database. Out: tantivy queries whose scores are sums of whole numbers (text_index says why).
Hits are parted into cells that have the same points apart from their words': whoever has at least so many points must have words
well placed, so that most hits need not be looked at. Source: domain/ranking (the formula), docs/decisions/0013.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import tantivy
from tantivy import FieldType, Occur

from node.domain import ranking, words
from node.domain.query import Cursor
from node.store.text_folder import PHRASE_GAP_MAX, UnanswerableError, nodes_of

# One more label that is certain outweighs all points.
TIER: Final = 1 << 17
# So few terms are read side by side as far as they are needed, more are put together first.
SIDE_BY_SIDE: Final = 8
# From the best place down.
_FIELDS: Final = {words.TITLE: "words_a", words.UP_TO_B: "words_b", words.UP_TO_C: "words_c", words.ALL: "words"}
_PLACES: Final = tuple(_FIELDS)
_TEXTS: Final = frozenset((*_FIELDS.values(), "terms", "wide"))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, as lexemes and index terms (store/search.Terms says what they are), and what of it may be seen.

    ``hidden``: logs whose profiles are not shown. ``unwitnessed``: whole logs, and single places as "origin/idx", for which no
    quorum of witnesses vouches. ``by_section``: sectors are told by section, else by label.
    """

    tree: words.Tree | None
    tests: Sequence[ranking.Test]
    exact: Sequence[str]
    possible: Sequence[Sequence[str] | None]
    certain: Sequence[str | None]
    wide: Sequence[str | None]
    first: Sequence[str]
    today: int
    since: int | None
    witnessed: bool
    newest: bool
    cursor: Cursor | None
    hidden: Sequence[int]
    unwitnessed_logs: Sequence[int]
    unwitnessed: Sequence[str]
    by_section: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """Hits that have the same points apart from their words'.

    ``witnessed``, ``theme``: with witnesses, of a first theme, or not (None: all alike); ``quarters``: of these, none: of none that
    earns points.
    """

    witnessed: bool | None
    theme: bool | None
    quarters: tuple[int, ...]
    points: int


@dataclass(frozen=True, slots=True)
class Hits:
    """Hits by what they have and don't have: side by side, so that the engine begins with whatever is rarest."""

    musts: tuple[tantivy.Query, ...]
    must_nots: tuple[tantivy.Query, ...]

    def within(self, *windows: tantivy.Query) -> Hits:
        """Return those that also lie in some windows."""
        return Hits((*self.musts, *windows), self.must_nots)

    def query(self, worths: Iterable[tuple[tantivy.Query, int]] = (), granted: int = 0) -> tantivy.Query:
        """Ask for them; each scores what is granted and what it has of the worths."""
        return all_of(self.musts, self.must_nots, worths, granted)


@dataclass(frozen=True, slots=True)
class Queries:
    """The queries of one question at one state of the index."""

    searcher: tantivy.Searcher
    schema: tantivy.Schema
    asked: Question
    # The tests that any profile passes, by word; the terms of certain labels that any profile has.
    tests: Sequence[Sequence[ranking.Test]]
    certain: Sequence[str]

    @classmethod
    def of(cls, index: tantivy.Index, asked: Question) -> Queries:
        """Read a question."""
        searcher = index.searcher()

        def any_has(name: str, values: Sequence[str]) -> bool:
            return any(searcher.doc_freq(name, value) for value in values)

        tests = [
            [test for test in word if any_has(_FIELDS[test.places], test.lexemes)]
            for word in ranking.by_word(asked.tests)
        ]
        certain = [term for term in asked.certain if term is not None and any_has("terms", [term])]
        return cls(searcher, index.schema, asked, tests, certain)

    # --- which hits ---

    def hits(self) -> Hits:
        """Return all hits."""
        return Hits(tuple(self._musts()), tuple(self.must_nots()))

    def scored(self, *, few: bool) -> tantivy.Query:
        """Ask for all hits with their scores; ``few``: there are some thousands of them at most."""
        # What every hit has anyway is given to all of them with the first thing they must have.
        granted, worths = self.worths()
        if few and not self._sets():
            # What gives points is looked for among the hits: alone it would be read in all profiles. Sets of terms would be
            # read in all of them each time instead.
            worths = [(self.hits().within(part).query(), points) for part, points in worths]
        return self.hits().query(worths, granted)

    def cells(self) -> list[Cell]:
        """Return the parts of the hits, those that may have the most points first."""
        now = ranking.quarter_of(self.asked.today)
        by_points: dict[int, tuple[int, ...]] = {}
        for age, points in enumerate(ranking.FRESH):
            by_points[points] = (*by_points.get(points, ()), now - age)
        # Nearly all have witnesses.
        parted = any(True for _ in self._unwitnessed()) and not self.asked.witnessed
        cells = [
            Cell(
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

    def of_cell(self, cell: Cell, tier: int, *, best: bool = False) -> Hits:
        """Return the hits of a cell and a tier; ``best``: those that have all that their words can earn."""
        placed = list(self._best_placed()) if best else []
        musts, must_nots = [*self._musts(tree=not self._implied(placed))], [*self.must_nots()]
        musts += [self.passed(test) for test in placed]
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
        return Hits(tuple(musts), tuple(must_nots))

    def _best_placed(self) -> Iterable[ranking.Test]:
        """Return the tests that what has all of its words' points passes, and with them all others."""
        for word in self.tests:
            asked: list[set[str]] = []
            for test in reversed(word):
                # A word of the title stands in all other places too.
                if not any(lexemes <= set(test.lexemes) for lexemes in asked):
                    yield test
                    asked.append(set(test.lexemes))

    def _implied(self, placed: Sequence[ranking.Test]) -> bool:
        """Tell whether whatever passes some tests has the asked words, too: a frequent word need not be read for that."""
        return _is_plain(self.asked.tree) and all(
            any(set(test.lexemes) <= some for test in placed) for some in _met_anyway(self.asked.tree)
        )

    def placed(self, lack: int) -> Iterable[tantivy.Query]:
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

    def beyond(self, left: int) -> Iterable[tantivy.Query]:
        """Ask for hits whose words earn more than what is left after the cursor: all words themselves, so well placed."""
        for place in reversed(_PLACES):
            lower = _PLACES[_PLACES.index(place) :]
            if sum(test.points for word in self.tests for test in word if test.places in lower) > left:
                own = [(word[-1].lexemes[0],) for word in self.tests if word]
                yield self._least(_FIELDS[place], own, len(own))
                return

    def _musts(self, *, tree: bool = True) -> Iterable[tantivy.Query]:
        asked = self.asked
        if asked.tree is not None and tree:
            yield self._met(asked.tree)
        for term in asked.exact:
            yield self.term("terms", term)
        for field, terms in self._areas():
            yield self._any(field, terms)
        if asked.since is not None:
            yield self.range("published", asked.since, None)
        if asked.tree is None and not asked.exact and not any(terms is not None for terms in asked.possible):
            yield tantivy.Query.all_query()

    def must_nots(self) -> Iterable[tantivy.Query]:
        """Ask for what may not be seen."""
        yield tantivy.Query.range_query(self.schema, "valid", FieldType.Integer, None, self.asked.today, include_upper=False, use_inverted_index=True)  # fmt: skip
        if self.asked.hidden:
            yield self._any("origin", self.asked.hidden)
        if self.asked.witnessed:
            yield from self._unwitnessed()

    def _all_present(self) -> bool:
        met = _met_anyway(self.asked.tree)
        return all(any(some <= set(test.lexemes) for some in met for test in word) for word in self.tests)

    def _unwitnessed(self) -> Iterable[tantivy.Query]:
        if self.asked.unwitnessed_logs:
            yield self._any("origin", self.asked.unwitnessed_logs)
        if self.asked.unwitnessed:
            yield self._any("key", self.asked.unwitnessed)

    # --- their points ---

    @property
    def words_most(self) -> int:
        """The most points that words may earn."""
        return sum(test.points for word in self.tests for test in word)

    def word_worths(self) -> tuple[int, list[tuple[tantivy.Query, int]]]:
        """Return the points of words that each hit has anyway, and what gives the others."""
        granted, present = 0, _met_anyway(self.asked.tree)
        worths: list[tuple[tantivy.Query, int]] = []
        for test in (test for word in self.tests for test in word):
            if test.places == words.ALL and any(some <= set(test.lexemes) for some in present):
                granted += test.points
            else:
                worths.append((self.passed(test), test.points))
        return granted, worths

    def worths(self, *, fresh: bool = True) -> tuple[int, list[tuple[tantivy.Query, int]]]:
        """Return the points that each hit has anyway, and what gives the others; without ``fresh`` but for those of its day."""
        granted, worths = self.word_worths()
        # Nearly all are witnessed: those that are not lose what everybody is given (_order_of).
        worths += [(part, -ranking.WITNESSED) for part in self._unwitnessed()]
        worths += [(self.term("terms", term), TIER) for term in self.certain]
        if self.asked.first:
            worths.append((self._any("terms", self.asked.first), ranking.THEME))
        now = ranking.quarter_of(self.asked.today)
        earning = ranking.FRESH if fresh else ()
        worths += [(self.term("quarter", now - age), points) for age, points in enumerate(earning)]
        return granted, worths

    def passed(self, test: ranking.Test) -> tantivy.Query:
        """Ask for what passes a test."""
        return self._any(_FIELDS[test.places], test.lexemes)

    # --- how many at most ---

    def at_most(self) -> int:
        """Return a number that the hits do not exceed."""
        by_terms = [self.searcher.doc_freq("terms", term) for term in self.asked.exact]
        by_terms += [sum(self.searcher.doc_freq(field, term) for term in terms) for field, terms in self._areas()]
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

    def read_each_time(self) -> int:
        """Return about how many places of the index every query reads, however few hits it has."""
        lists = [test.lexemes for word in self.tests for test in word[:1]]
        by_words = sum(self.searcher.doc_freq("words", lexeme) for lexemes in lists for lexeme in lexemes)
        return by_words + sum(self.searcher.doc_freq("terms", term) for terms in self._sets() for term in terms)

    def _sets(self) -> list[Sequence[str]]:
        return [terms for _, terms in self._areas() if len(terms) > 1]

    def _areas(self) -> Iterable[tuple[str, Sequence[str]]]:
        """Return what may lie in each asked area, as terms of a field: one where it is wide, else any of several."""
        for wide, terms in zip(self.asked.wide, self.asked.possible, strict=True):
            if wide is not None:
                yield "wide", [wide]
            elif terms is not None:
                yield "terms", terms

    # --- in the index's words ---

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
            return self.term(name, values[0])
        if len(values) <= SIDE_BY_SIDE:
            return tantivy.Query.boolean_query([(Occur.Should, self.term(name, value)) for value in values])
        return tantivy.Query.term_set_query(self.schema, name, list(values))

    def term(self, name: str, value: object) -> tantivy.Query:
        """Ask for what has a term."""
        return tantivy.Query.term_query(self.schema, name, value, "basic")

    def range(self, name: str, low: int | None, high: int | None) -> tantivy.Query:
        """Ask for what lies from ``low`` on and below ``high``."""
        return tantivy.Query.range_query(self.schema, name, FieldType.Integer, low, high, include_upper=high is None)

    def buckets(self, begin: int, end: int) -> tantivy.Query:
        """Ask for identifiers that begin in some of BUCKETS ways, ``end`` excluded."""
        nodes = nodes_of(begin, end)
        return tantivy.Query.all_query() if nodes == [1] else self._any("begins", nodes)

    def _met(self, tree: words.Tree) -> tantivy.Query:
        match tree:
            case words.Word(lexeme):
                return self.term("words", whole(lexeme))
            case words.Phrase():
                placed: list[str | tuple[int, str]] = [(place, whole(lexeme)) for place, lexeme in _laid_out(tree)]
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


def whole(lexeme: str) -> str:
    """Return a lexeme that the index can hold. Raises: UnanswerableError."""
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


def _is_plain(tree: words.Tree | None) -> bool:
    """Tell whether a tree asks for words alone, all of them or one of a few of the same meaning."""
    match tree:
        case words.Word():
            return True
        case words.EitherOf(parts):
            return all(isinstance(part, words.Word) for part in parts)
        case words.AllOf(parts):
            return all(map(_is_plain, parts))
        case _:
            return False


def all_of(
    musts: Iterable[tantivy.Query],
    must_nots: Iterable[tantivy.Query],
    worths: Iterable[tuple[tantivy.Query, int]] = (),
    granted: int = 0,
) -> tantivy.Query:
    """Ask for what has all of some, none of others; each scores what is granted and what it has of the worths."""
    clauses = [(Occur.Must, _worth(part, 0 if at else granted)) for at, part in enumerate(musts)]
    clauses += [(Occur.MustNot, part) for part in must_nots]
    clauses += [(Occur.Should, _worth(part, points)) for part, points in worths]
    return tantivy.Query.boolean_query(clauses)


def _worth(query: tantivy.Query, points: int) -> tantivy.Query:
    return tantivy.Query.const_score_query(query, float(points))


def within(query: tantivy.Query, window: tantivy.Query) -> tantivy.Query:
    """Ask for what also lies in a window, without points for that."""
    return tantivy.Query.boolean_query([(Occur.Must, query), (Occur.Must, _worth(window, 0))])
