"""Asked words read as a person means them: words of the same meaning, typing errors put right, and less strictly when need be.

In: a connection, the words. Out: what must be met and what earns points, and what was done to the words, to be told.
Rules: words are put right only when they find nothing, and only those that no profile has; towards words of the field (ATECO,
the closed lists, synonyms), by one changed sign, two in long words, if some profile has that one or one of its meaning. What finds little is only asked
about: a rare word that is none of the field's, when one sign away stands a much commoner one that is. Phrases and exclusions
mean what they say. Source: docs/search.md.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from rapidfuzz import process
from rapidfuzz.distance import OSA

from node.domain import ranking, vocabulary, words
from node.domain.folding import fold
from node.domain.theme import THEME_TITLES
from node.store import search as store
from node.store.postgres import Connection
from node.store.reference import load_sectors, load_synonyms

# Shorter words have too many neighbours.
_WORD: Final = re.compile(r"[^\W\d_]{5,}")
_MEANT_SO: Final = re.compile(r'"[^"]*"|(?:^|(?<=\s))-\S+')
LONG: Final = 7
CANDIDATES: Final = 12
# A word that few profiles have may be a typing error of theirs too, when another is so many times as common.
RARE: Final = 10
TIMES: Final = 10
# As many as earn points.
ASKED_ABOUT: Final = 8
Known: TypeAlias = Callable[[Sequence[str]], Awaitable[set[str]]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What asked words mean: the tree to meet (None: nothing) and its tests.

    ``free``: the lexemes that stand in no phrase; ``corrected``: the text it was read from when that was put right.
    """

    tree: words.Tree | None
    tests: tuple[ranking.Test, ...]
    free: tuple[str, ...] = ()
    corrected: str = ""
    relaxed: bool = False

    @property
    def match(self) -> str | None:
        """The tree as tsquery."""
        return None if self.tree is None else words.tsquery(self.tree)

    def less_strict(self) -> Reading | None:
        """Return the reading that any of the words meets, None when they can't be asked for less strictly."""
        tree = None if self.tree is None else words.relaxed(self.tree)
        return None if tree is None else replace(self, tree=tree, relaxed=True)


class Meanings:
    """Synonyms as lexemes, asked of the database once: they change with the program only."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._alike: Mapping[str, tuple[str, ...]] | None = None

    async def alike(self, conn: Connection) -> Mapping[str, tuple[str, ...]]:
        """Return each lexeme that has words of the same meaning, with all of them."""
        if self._alike is None:
            groups = load_synonyms()
            found = iter(await store.lexemes(conn, [word for group in groups for word in group]))
            alike: dict[str, tuple[str, ...]] = {}
            for group in groups:
                lexemes = dict.fromkeys(lexeme for _ in group for lexeme in next(found)[1])
                for lexeme in lexemes:
                    alike[lexeme] = tuple(dict.fromkeys((*alike.get(lexeme, ()), *lexemes)))
            self._alike = alike
        return self._alike


MEANINGS: Final = Meanings()


async def read(conn: Connection, text: str, meanings: Meanings = MEANINGS) -> Reading:
    """Read words as they are written, with those of the same meaning; a tree of None means that they say nothing.

    Raises: CallerError(query-value-bad).
    """
    return await read_meant(conn, await store.read_words(conn, words.apart(text)) if text else "", meanings)


async def read_meant(conn: Connection, meant: str, meanings: Meanings = MEANINGS) -> Reading:
    """Read words that the database has read already: ``meant`` is the text of its tsquery."""
    tree = words.parse(meant)
    if tree is None:
        return Reading(None, ())
    alike = await meanings.alike(conn)

    def others(lexeme: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((lexeme, *alike.get(lexeme, ()))))

    tests = ranking.tests([ranking.Asked(lexeme, others(lexeme)) for lexeme in words.asked_words(tree)])
    return Reading(words.widened(tree, others), tests, words.free_words(tree))


async def put_right(
    conn: Connection, text: str, found: Reading, known: Known, meanings: Meanings = MEANINGS
) -> Reading | None:
    """Return how words that found nothing read with their typing errors put right; None when there is nothing to put right.

    ``known``: tells which of some lexemes any profile has that may be seen.
    """
    right = await _right_text(conn, text, found, await meanings.alike(conn), known) if found.free else text
    return replace(await read(conn, right, meanings), corrected=right) if right != text else None


async def _right_text(
    conn: Connection, text: str, found: Reading, alike: Mapping[str, tuple[str, ...]], known: Known
) -> str:
    around = {lexeme: (lexeme, *alike.get(lexeme, ())) for lexeme in found.free}
    held = await known(sorted({lexeme for near in around.values() for lexeme in near}))
    lost = {lexeme for lexeme, near in around.items() if not held & set(near)}
    right = text
    for word, lexemes in await store.lexemes(conn, _typed(text) if lost else []):
        if lexemes and set(lexemes) <= lost:
            near = await _nearest(conn, word, alike, known)
            right = _replaced(right, word, near) if near else right
    return right


def _typed(text: str) -> list[str]:
    """Return the words that may be asked about: what stands in quotation marks or is excluded means what it says."""
    return list(dict.fromkeys(_WORD.findall(_MEANT_SO.sub(" ", text))))


def _replaced(text: str, word: str, near: str) -> str:
    either = rf"{_MEANT_SO.pattern}|\b{re.escape(word)}\b"
    return re.sub(either, lambda found: near if found[0] == word else found[0], text)


async def _nearest(conn: Connection, word: str, alike: Mapping[str, tuple[str, ...]], known: Known) -> str:
    candidates = await store.lexemes(conn, [near for near, _ in _near(word)])
    near = {lexeme: {lexeme, *alike.get(lexeme, ())} for _, lexemes in candidates for lexeme in lexemes}
    held = await known(sorted(set().union(*near.values())))
    return next((word for word, lexemes in candidates if lexemes and all(near[each] & held for each in lexemes)), "")


def _near(word: str) -> list[tuple[str, float]]:
    """Return words of the field with their distance.

    The nearest first; of equals one that begins alike, then the commoner, then by the alphabet: the same on every node.
    """
    folded = fold(word)
    known = field_words()
    cutoff = 2 if len(folded) >= LONG else 1
    found = process.extract(folded, list(known), scorer=OSA.distance, score_cutoff=cutoff, limit=CANDIDATES)
    ordered = sorted(found, key=lambda item: (item[1], item[0][0] != folded[0], -known[item[0]], item[0]))
    return [(str(near), distance) for near, distance, _ in ordered]


async def suggest(conn: Connection, text: str, found: Reading, *, today: int) -> str:
    """Return the text with rare words exchanged for much commoner ones that may be meant; empty when there are none.

    Asked of words that found little: whoever has one of them can't be many.
    """
    unknown = [word for word in _typed(text)[:ASKED_ABOUT] if fold(word) not in field_words()]
    around = {word: near for word in unknown if (near := _near(word))}
    if not around:
        return ""
    others = {other for near in around.values() for other, _ in near}
    lexemes = dict(await store.lexemes(conn, sorted({*around, *others})))
    candidates: dict[str, list[str]] = {}
    for word, near in around.items():
        # A form of a word of the field is a word of the field.
        is_known = any(lexemes[other] == lexemes[word] for other, _ in near)
        if lexemes[word] and set(lexemes[word]) <= set(found.free) and not is_known:
            candidates[word] = [other for other, distance in near if distance == 1 and lexemes[other]]
    asked = {lexeme for word, told in candidates.items() for each in (word, *told) for lexeme in lexemes[each]}
    counts = await store.lexeme_counts(conn, sorted(asked), today=today, most=RARE * TIMES) if asked else {}

    def held(word: str) -> int:
        return min(counts[lexeme] for lexeme in lexemes[word])

    meant = text
    for word, told in candidates.items():
        least = TIMES * max(1, held(word))
        other = next((each for each in told if held(word) <= RARE and held(each) >= least), "")
        meant = _replaced(meant, word, other) if other else meant
    return meant if meant != text else ""


@functools.lru_cache(maxsize=1)
def field_words() -> Mapping[str, int]:
    """Return the words of the field, folded, with how often they stand there: what typing errors are put right towards."""
    titles = list(load_sectors().titles())
    lists = (vocabulary.PURPOSES, vocabulary.CAPABILITIES, vocabulary.CATEGORIES, vocabulary.ROLES)
    titles += [title for found in lists for pair in found.values() for title in pair]
    titles += [*THEME_TITLES.values(), *(word for group in load_synonyms() for word in group)]
    return Counter(word for title in titles for word in _WORD.findall(fold(title)))
