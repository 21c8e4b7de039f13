"""Questions to the text index: the hits that the database would give, in its very order, found faster (tantivy).

In: questions whose words were read by the database. Out: places of hits, counts, and counts by label.

Order: every score is a sum of whole numbers that a 32-bit float holds exactly, so it does not depend on segments, on what was
deleted or on the order of additions; equals stand in the order of their random identifiers, which is looked up where a page
ends among equals. Few hits are looked at: cell by cell (text_queries), from the one that may have the most points down, until no
cell can hold a hit that still enters the page. bench/search_speed.py holds it against tantivy's own BM25.
"""

from __future__ import annotations

import bisect
import threading
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import tantivy

from node.domain import ranking, words
from node.domain.query import Cursor
from node.store.text_folder import (
    AREAS,
    BUCKET_SHIFT,
    BUCKETS,
    LABELS,
    PART_BITS,
    WHOLE,
    IndexFolder,
    UnanswerableError,
    newest_key,
    parts_of,
)
from node.store.text_queries import TIER, Cell, Hits, Queries, Question, all_of, whole, within

# Hits looked at first, of equals at once, and at most before the database is asked instead.
FIRST_LOOK: Final = 64
LATER_LOOK: Final = 1024
EQUALS_LOOK: Final = 512
# Of more hits than these so small a part is looked at first for those that are alike.
MANY: Final = 100_000
FIRST_PART: Final = 16
DEEPEST: Final = 20_000
LABELS_MAX: Final = 60_000
# The newest hits are looked for in each of so many quarters.
QUARTERS: Final = 8
# So many hits are looked at as they are, and so many where less is read for them.
FEW: Final = 20_000
FEWER: Final = 6_000
# Beyond so many, how many there are is told from a sample.
COUNTED_MAX: Final = 50_000
# Where there may be more, they are taken to be too many to be looked at as they are.
GUESSED: Final = COUNTED_MAX
# So many questions at once are counted and looked up side by side; more would only wait for each other.
BESIDE: Final = 2


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

    @property
    def cursor(self) -> Cursor:
        """The place after which to go on; of its identifier as much as decides an order."""
        identifier = uuid.UUID(int=self.high << (128 - PART_BITS) | self.low << 4)
        return Cursor((-self.minus_first, -self.minus_second), str(identifier), self.log, self.idx)


@dataclass(frozen=True, slots=True)
class Counted:
    """How many hits there are (about, where not exact), of how many of them labels were counted, and by which stored label.

    ``areas``: by attribute, how many meet the same areas (text_folder.areas_in).
    """

    total: int
    is_exact: bool
    sampled: int
    labels: Mapping[str, Mapping[str, int]]
    areas: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class TextIndex(IndexFolder):
    """The text index of a node and its questions."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is opened yet."""
        super().__init__(folder)
        self._beside = ThreadPoolExecutor(BESIDE, thread_name_prefix="rete-index")
        self._free = threading.BoundedSemaphore(BESIDE)

    def answer(self, asked: Question, limit: int, bound: int) -> tuple[Counted, list[Place]]:
        """Count hits and their labels (of a sample when there are more than ``bound``); return the first ``limit`` after the cursor.

        Raises: UnanswerableError.
        """
        search = _Search(Queries.of(self.opened(), asked))
        guess = search.guess() if limit else None
        # Counting and looking take about as long: side by side, where the numbers known beforehand decide how to look.
        if guess is None or not self._free.acquire(blocking=False):
            counted = search.count(bound)
            return counted, search.page(limit, counted) if limit and counted.total else []
        try:
            looking = self._beside.submit(search.page, limit, guess)
            try:
                counted = search.count(bound)
            finally:
                # Whatever became of counting, nobody looks on when the answer is given.
                wait((looking,))
        finally:
            self._free.release()
        if not counted.total:
            return counted, []
        if not asked.newest and search.is_few(guess) != search.is_few(counted):
            return counted, search.page(limit, counted)
        return counted, looking.result()

    def more(self, asked: Question, limit: int, counted: Counted) -> list[Place]:
        """Return the first ``limit`` hits after the cursor, of a question whose hits were counted. Raises: UnanswerableError."""
        return _Search(Queries.of(self.opened(), asked)).page(limit, counted)

    def known(self, asked: Question, lexemes: Sequence[str]) -> set[str]:
        """Return those lexemes that any profile holds which may be seen; of the question only what may be seen counts."""
        search = _Search(Queries.of(self.opened(), asked))
        return {lexeme for lexeme in lexemes if search.holds(lexeme)}


@dataclass(frozen=True, slots=True)
class _Search:
    """One question at one state of the index."""

    of: Queries

    def holds(self, lexeme: str) -> bool:
        """Tell whether any profile that may be seen has this word: one of a few of them, mostly."""
        query = all_of([self.of.term("words", whole(lexeme))], self.of.must_nots())
        few = within(query, self.of.buckets(0, BUCKETS // 64))
        return self.of.searcher.doc_freq("words", lexeme) > 0 and bool(self._number(few) or self._number(query))

    def page(self, limit: int, counted: Counted) -> list[Place]:
        """Return the first hits after the cursor, in the order that is asked for."""
        return self.newest(limit) if self.of.asked.newest else self.best(limit, counted)

    def guess(self) -> Counted | None:
        """Return what counting will say as far as it decides how to look; None where that is open.

        The page is the same either way: a guess that proves wrong has only looked the longer way.
        """
        at_most = self.of.at_most()
        if self.of.asked.newest or at_most <= FEWER:
            return Counted(at_most, is_exact=True, sampled=at_most, labels={})
        # Of several words together there may be far fewer than of the rarest.
        if at_most > GUESSED and not isinstance(self.of.asked.tree, words.AllOf):
            return Counted(at_most, is_exact=False, sampled=0, labels={})
        return None

    # --- the best hits ---

    def is_few(self, counted: Counted) -> bool:
        """Tell whether hits are so few that they are quicker looked at than parted.

        Of what is frequent and seldom meets, each part costs as much as all.
        """
        most = FEW if self.of.read_each_time() > FEW else FEWER
        return counted.is_exact and counted.total <= most

    def best(self, limit: int, counted: Counted) -> list[Place]:
        """Return the first hits after the cursor."""
        after = _after(self.of.asked)
        if self.is_few(counted):
            return self._best(
                self.of.scored(few=counted.total <= FEWER),
                after,
                limit,
                FIRST_LOOK if self.of.asked.cursor is None else LATER_LOOK,
            )
        found: list[Place] = []
        for tier in range(len(self.of.certain), -1, -1):
            if tier <= -after.minus_first or self.of.asked.cursor is None:
                found += self._best_of(tier, after, limit - len(found), counted.total)
                if len(found) == limit:
                    break
        return found

    def _best_of(self, tier: int, after: Place, limit: int, total: int) -> list[Place]:
        """Return the first hits with so many certain labels: cell by cell, as long as a cell may hold any of them."""
        found: list[Place] = []
        for cell in self.of.cells():
            most = cell.points + self.of.words_most
            reached = -found[-1].minus_second if len(found) == limit else None
            if reached is not None and reached > most:
                break
            found = sorted(found + self._best_in(cell, tier, reached, after, limit, total))[:limit]
        return found

    def _best_in(self, cell: Cell, tier: int, reached: int | None, after: Place, limit: int, total: int) -> list[Place]:
        """Return the first hits of a cell; those with fewer points than are ``reached`` already may be left out."""
        most = cell.points + self.of.words_most
        # What its words may earn in hits that stand after the cursor.
        left = -after.minus_second - cell.points if after.minus_first == -tier else self.of.words_most
        granted, worths = self.of.word_worths()
        if left < granted:
            return []
        best: list[Place] = []
        # What stands out has all that its words can earn; of common words that is a page and more. With fewer hits than these no cell is
        # likely to hold a page of them that are alike.
        if total > EQUALS_LOOK and reached in {None, most} and left >= self.of.words_most:
            best = self._outstanding(cell, tier, after, limit, total)
            if len(best) == limit or reached == most:
                return best
        hits = self.of.of_cell(cell, tier)
        hits = Hits(hits.musts, (*hits.must_nots, *self.of.beyond(left)))
        if reached is not None:
            hits = hits.within(*self.of.placed(most - reached))
        points = tier * TIER + cell.points - ranking.WITNESSED + granted
        return self._best(hits.query(worths, points), after, limit)

    def _outstanding(self, cell: Cell, tier: int, after: Place, limit: int, total: int) -> list[Place]:
        """Return the first of those hits of a cell that have the most points: all the same, so by identifier alone."""
        hits = self.of.of_cell(cell, tier, best=True)
        points = cell.points + self.of.words_most
        if after.minus_first != -tier or -after.minus_second != points:
            # They are random: of very many that are alike a small part has a page, and is read in a fraction of the time.
            first = hits.within(self.of.buckets(0, BUCKETS // FIRST_PART))
            found = self._by_identifier(first, after, limit, tier, points)[:limit] if total > MANY else []
            return found if len(found) == limit else self._by_identifier(hits, after, limit, tier, points)[:limit]
        # From the cursor on: first those whose identifiers begin like its own, then ever larger parts of the others.
        found = []
        begin, width = after.high >> BUCKET_SHIFT, 1
        while begin < BUCKETS and len(found) < limit:
            end = min(begin + width, BUCKETS)
            part = hits.within(self.of.buckets(begin, end))
            found += self._by_identifier(part, after, limit if found or width > 1 else EQUALS_LOOK, tier, points)
            begin, width = end, width * 8
        return found[:limit]

    def _by_identifier(self, hits: Hits, after: Place, limit: int, tier: int, points: int) -> list[Place]:
        # Some more: of those of the same identifier the logs decide.
        found = self.of.searcher.search(
            hits.query(), limit + FIRST_LOOK, count=False, order_by_field="high", order=tantivy.Order.Asc
        ).hits
        bare = self._places([(0.0, address) for _, address in found])
        placed = [place._replace(minus_first=-tier, minus_second=-points, points=points) for place in bare]
        if len(found) == limit + FIRST_LOOK and max(placed) <= after:
            raise UnanswerableError
        return [place for place in sorted(placed) if place > after]

    def _best(self, query: tantivy.Query, after: Place, limit: int, look: int = FIRST_LOOK) -> list[Place]:
        while look < limit:
            look *= 4
        wide = FIRST_LOOK
        while look <= DEEPEST:
            hits = self.of.searcher.search(query, look, count=False).hits
            # What stands before the cursor is known by its score alone, and what stands far behind is not needed.
            begin = bisect.bisect_left(hits, after[:2], key=lambda hit: _order_of(hit[0]))
            near = hits[begin : begin + limit + wide]
            found = sorted(place for place in self._places(near) if place > after)
            if len(hits) < look and begin + len(near) == len(hits):
                return found[:limit]
            # Whatever scores more than the last one is here; of its equals there may be others.
            last = _order_of((near or hits)[-1][0])
            sure = [place for place in found if place[:2] < last]
            if len(sure) >= limit:
                return sure[:limit]
            if after[:2] <= last:
                sure += self._equals(query, last, after, limit - len(sure))
                if len(sure) == limit:
                    return sure
            look, wide = look * 4, wide * 16
        raise UnanswerableError

    def _equals(self, query: tantivy.Query, order: tuple[int, int], after: Place, wanted: int) -> list[Place]:
        """Return the first ``wanted`` hits of one place in the order, by their identifiers; fewer when there are no more."""
        begin = after.high >> BUCKET_SHIFT if after[:2] == order else 0
        # More of them than a look shows: a part of the identifiers at a time, a smaller one whenever some could be missing.
        width = BUCKETS // 16
        found: list[Place] = []
        while begin < BUCKETS and len(found) < wanted:
            end = min(begin + width, BUCKETS)
            hits = self.of.searcher.search(within(query, self.of.buckets(begin, end)), EQUALS_LOOK, count=False).hits
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
        columns = [
            self.of.searcher.fast_field_values(name, addresses) for name in ("high", "low", "log", "idx", "origin")
        ]
        found = []
        for (score, _), *values in zip(hits, *columns, strict=True):
            high, low, log, idx, origin_id = (int(value or 0) for value in values)
            first, second = _order_of(score)
            found.append(Place(first, second, high, low, log, idx, -second, origin_id))
        return found

    # --- the newest hits ---

    def newest(self, limit: int) -> list[Place]:
        """Return the first hits after the cursor by day."""
        hits = self.of.hits()
        if self._number(hits.within(self.of.range("published", self.of.asked.today + 1, None)).query()):
            # Rounds of the future come last, whatever they say: the database sorts them.
            raise UnanswerableError
        after = _after(self.of.asked)
        if self.of.asked.cursor is not None:
            hits = hits.within(self.of.range("newest", None, newest_key(-after.minus_first, after.high) + 1))
        found: list[Place] = []
        last = ranking.quarter_of(
            min(self.of.asked.today, -after.minus_first if self.of.asked.cursor else self.of.asked.today)
        )
        # A quarter at a time, as most pages end within the first.
        for quarter in range(last, last - QUARTERS, -1):
            found += self._latest(hits.within(self.of.term("quarter", quarter)), after, limit - len(found))
            if len(found) == limit:
                break
        else:
            older = self.of.range("published", None, ranking.quarter_begins(last - QUARTERS + 1))
            found += self._latest(hits.within(older), after, limit - len(found))
        if not found:
            return []
        # By day alone; what each is worth is told all the same.
        these = tantivy.Query.term_set_query(self.of.schema, "key", [place.key for place in found])
        granted, worths = self.of.worths(fresh=False)
        scored = self.of.searcher.search(all_of([these], (), worths, granted), len(found), count=False).hits
        points = {place.key: place.points for place in self._places(scored)}
        today = self.of.asked.today
        return [
            place._replace(points=points[place.key] + ranking.fresh_points(-place.minus_first, today))
            for place in found
        ]

    def _latest(self, hits: Hits, after: Place, limit: int) -> list[Place]:
        # Some more: those whose identifiers begin alike are put in order here.
        query, look = hits.query(), limit + FIRST_LOOK
        found = self.of.searcher.search(query, look, count=False, order_by_field="newest").hits
        days = self.of.searcher.fast_field_values("published", [address for _, address in found])
        bare = self._places([(0.0, address) for _, address in found])
        dated = (
            place._replace(minus_first=-int(day or 0), minus_second=0) for place, day in zip(bare, days, strict=True)
        )
        return [place for place in sorted(dated) if place > after][:limit]

    # --- how many ---

    def count(self, bound: int) -> Counted:
        """Count hits, and their labels: of all, or of a sample when there are more than ``bound``, half as many.

        Of very many their number is told from the sample too: some thousands of random identifiers, 1 or 2 % off.
        """
        hits, at_most = self.of.hits(), self.of.at_most()
        # Of several words together there may be far fewer than of the rarest.
        if at_most > COUNTED_MAX and not isinstance(self.of.asked.tree, words.AllOf):
            counted = self._sample(hits, _share_of(bound // 2, at_most))
            if counted.total > COUNTED_MAX:
                return counted
        total = self._number(hits.query()) if at_most > bound else None
        # Little less than all is counted as soon.
        if total is not None and total > bound * 3 // 2:
            counted = self._sample(hits, _share_of(bound // 2, total))
            return replace(counted, total=total, is_exact=True)
        return Counted(0, is_exact=True, sampled=0, labels={}) if total == 0 else self._labels(hits)

    def _sample(self, hits: Hits, share: int) -> Counted:
        counted = self._labels(hits.within(self.of.buckets(0, share)))
        return replace(counted, total=round(counted.sampled * BUCKETS / share), is_exact=False)

    def _labels(self, hits: Hits) -> Counted:
        """Count hits, and their labels."""
        by_area = {name: areas for name, areas in AREAS.items() if name != "sector" or self.of.asked.by_section}
        fields = {name: by_area.get(name, name) for name in LABELS}
        told = self.of.searcher.aggregate(
            hits.query(), {name: {"terms": {"field": field, "size": LABELS_MAX}} for name, field in fields.items()}
        )
        by = {name: {b["key"]: b["doc_count"] for b in told[name]["buckets"]} for name in fields}
        number = sum(by["kind"].values())
        areas = {name: by.pop(name) for name in by_area}
        return Counted(number, is_exact=True, sampled=number, labels=by, areas=areas)

    def _number(self, query: tantivy.Query) -> int:
        # The package's own types leave this attribute out.
        found: Any = self.of.searcher.search(query, 1, count=True)
        return int(found.count)


def _share_of(wanted: int, number: int) -> int:
    """Return how many buckets hold at least so many of a number of hits, on average: one term of the index."""
    return min(BUCKETS, 1 << max(0, (BUCKETS * wanted // number - 1).bit_length()))


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
