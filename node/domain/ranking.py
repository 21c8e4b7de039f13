"""The order of hits: one formula in whole points, and what each part of it gave a hit.

In: the words that were asked, as lexemes with their likes; facts of a profile. Out: tests with their points, and an account.
A hit has at most 10,000 points::

    words      7,000 shared equally by the asked words (the first eight); each counts by the best place it stands in:
               title 100 %, theme, capability or category 70 %, summary, need or offer 50 %, description 30 %;
               a word of the same meaning counts 60 % of that
    theme      1,000 for a theme that comes first (innovation, internationalisation, certification unless configured)
    freshness  1,000 in the quarter of its publication, 700 in the next, 400 in the two after, 200 in the three after
    witnessed  1,000 when a quorum of witnesses vouches for its place in its log

Before the points comes certainty: a hit with more of the asked labels certain stands before one with fewer. Equal hits
stand in the order of their random identifiers. Nothing here depends on what else is in the database, on the order it came
in or on the engine that searches: every node that holds the same profiles shows the same order. docs/search.md.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.domain import words as texts
from node.domain.days import day_number, day_of

TOTAL: Final = 10_000
WORDS: Final = 7_000
THEME: Final = 1_000
WITNESSED: Final = 1_000
# By quarters since publication: 0, 1, 2, 3 and so on; nothing after.
FRESH: Final = (1_000, 700, 400, 400, 200, 200, 200)
FIRST_THEMES: Final = ("innovation", "internationalisation", "certification")
# Hundredths of a word's points that each place adds to the one below it.
PLACES: Final = ((texts.ALL, 30), (texts.UP_TO_C, 20), (texts.UP_TO_B, 20), (texts.TITLE, 30))
ALIKE_PERCENT: Final = 60
WEIGHED: Final = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """One asked word and the words of the same meaning (itself first)."""

    lexeme: str
    alike: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Test:
    """Points for any of some lexemes in some of the texts."""

    lexemes: tuple[str, ...]
    places: str
    points: int

    def tsquery(self) -> str:
        """Return the test as PostgreSQL asks it."""
        return texts.any_of(self.lexemes, self.places)


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of the formula gave a hit: its points, and their share of all the hit has (0 to 1)."""

    name: str
    points: int
    share: float


def tests(asked: Sequence[Asked]) -> tuple[Test, ...]:
    """Return the tests by which words earn points; what they add up to never exceeds WORDS."""
    # Whoever writes more words than these has all of them looked for, and the first of them weighed.
    asked = asked[:WEIGHED]
    if not asked:
        return ()
    each = WORDS // len(asked)
    made = []
    for word in asked:
        alone = len(word.alike) == 1
        for places, percent in PLACES:
            whole = each * percent // 100
            shared = 0 if alone else whole * ALIKE_PERCENT // 100
            if shared:
                made.append(Test(word.alike, places, shared))
            made.append(Test((word.lexeme,), places, whole - shared))
    return tuple(made)


def by_word(made: Sequence[Test]) -> tuple[tuple[Test, ...], ...]:
    """Return tests by the asked word they weigh, in their order."""
    found: list[list[Test]] = []
    for test in made:
        # A word's tests end with its title.
        if not found or (found[-1][-1].places == texts.TITLE and test.places != texts.TITLE):
            found.append([])
        found[-1].append(test)
    return tuple(map(tuple, found))


@functools.lru_cache(maxsize=10_000)
def quarter_of(day: int) -> int:
    """Return the calendar quarter of a day (days since 1970-01-01), counted from the first quarter of 1970."""
    date = day_of(day)
    return (date.year - 1970) * 4 + (date.month - 1) // 3


def quarter_begins(quarter: int) -> int:
    """Return the first day of a quarter, in days since 1970-01-01."""
    return day_number(dt.date(1970 + quarter // 4, quarter % 4 * 3 + 1, 1))


def fresh_points(published: int, today: int) -> int:
    """Return the points of a publication day; a day to come gains nothing over today's quarter, a later quarter nothing at all."""
    age = quarter_of(today) - quarter_of(published)
    return FRESH[age] if 0 <= age < len(FRESH) else 0


def freshness(today: int) -> tuple[list[int], list[int]]:
    """Return (first days of the quarters that earn points, newest last and one more that begins the next, their points)."""
    now = quarter_of(today)
    quarters = range(now - len(FRESH) + 1, now + 2)
    return [quarter_begins(quarter) for quarter in quarters], [*reversed(FRESH), 0]


def account(points: int, *, is_first: bool, published: int, today: int, witnessed: bool) -> tuple[Part, ...]:
    """Tell what each part gave to a hit of so many points; what is left when the others are known is the words'."""
    theme, fresh = THEME * is_first, fresh_points(published, today)
    vouched = WITNESSED * witnessed
    parts = {"words": points - theme - fresh - vouched, "theme": theme, "freshness": fresh, "witnessed": vouched}
    return tuple(
        Part(name, earned, round(earned / points, 4) if points else 0.0) for name, earned in parts.items() if earned
    )
