"""The formula: whole points, never more than there are, the same account from both ends."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right

from hypothesis import given
from hypothesis import strategies as st

from node.domain import ranking

DAYS = st.integers(18_000, 30_000)


@given(st.lists(st.tuples(st.text("ab", min_size=1, max_size=3), st.booleans()), min_size=1, max_size=40))
def test_words_never_earn_more_than_their_part(asked: list[tuple[str, bool]]) -> None:
    """Every test passed, as in a title with every word and all its likes: at most the whole."""
    words = [ranking.Asked(word, (word, "x") if alike else (word,)) for word, alike in asked]
    assert ranking.WORDS * 0.95 - len(asked) * 8 <= sum(test.points for test in ranking.tests(words)) <= ranking.WORDS
    assert ranking.tests([]) == ()
    assert ranking.WORDS + ranking.THEME + ranking.WITNESSED + max(ranking.FRESH) == ranking.TOTAL


def test_a_like_word_counts_less_than_the_word_itself() -> None:
    """In the title: 60 % of it."""
    (own, like) = (
        sum(test.points for test in ranking.tests([ranking.Asked("oli", ("oli", "oleari"))]) if lexeme in test.lexemes)
        for lexeme in ("oli", "oleari")
    )
    assert (own, like) == (7000, 4200)


@given(DAYS, DAYS)
def test_the_database_is_told_the_same_freshness(published: int, today: int) -> None:
    """The quarters as bounds give each day the points that the formula gives it."""
    begins, points = ranking.freshness(today)
    at = bisect_right(begins, published)
    assert (points[at - 1] if at else 0) == ranking.fresh_points(published, today)
    assert begins == sorted(begins)


def test_quarters_are_of_the_calendar() -> None:
    """The last day of March and the first of April are two."""
    days = [(dt.date(2026, *day) - dt.date(1970, 1, 1)).days for day in ((3, 31), (4, 1), (6, 30), (7, 1))]
    first = ranking.quarter_of(days[0])
    assert [ranking.quarter_of(day) - first for day in days] == [0, 1, 1, 2]
    assert ranking.quarter_begins(first + 1) == days[1]


@given(st.integers(0, 7000), st.booleans(), DAYS, DAYS, st.booleans())
def test_an_account_adds_up(words: int, first: bool, published: int, today: int, witnessed: bool) -> None:
    """Parts that gave nothing are not named; the shares are of the whole."""
    points = words + ranking.THEME * first + ranking.fresh_points(published, today) + ranking.WITNESSED * witnessed
    parts = ranking.account(points, is_first=first, published=published, today=today, witnessed=witnessed)
    assert sum(part.points for part in parts) == points
    assert all(part.points > 0 for part in parts)
    assert {part.name: part.points for part in parts}.get("words", 0) == words
    assert not parts or abs(sum(part.share for part in parts) - 1) < 0.001
