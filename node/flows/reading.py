"""Asked words read as a person means them: words of the same meaning, typing errors put right, and less strictly when need be.

In: a connection, the words. Out: what must be met and what earns points, and what was done to the words, to be told.
Rules: words are put right only when they find nothing, and only those that no profile has; towards words of the field (ATECO,
the closed lists, synonyms), by one changed sign, two in long words, if some profile has that one or one of its meaning. Phrases
and exclusions mean what they say. Source: docs/search.md.
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
    # What stands in quotation marks or is excluded means what it says.
    typed = list(dict.fromkeys(_WORD.findall(_MEANT_SO.sub(" ", text)))) if lost else []
    right = text
    for word, lexemes in await store.lexemes(conn, typed):
        if lexemes and set(lexemes) <= lost:
            near = await _nearest(conn, word, alike, known)
            right = re.sub(rf"\b{re.escape(word)}\b", near, right) if near else right
    return right


async def _nearest(conn: Connection, word: str, alike: Mapping[str, tuple[str, ...]], known: Known) -> str:
    folded = fold(word)
    found = process.extract(
        folded,
        list(field_words()),
        scorer=OSA.distance,
        score_cutoff=2 if len(folded) >= LONG else 1,
        limit=CANDIDATES,
    )
    # The nearest first; of equals one that begins alike, then the commoner, then by the alphabet: the same on every node.
    ordered = sorted(found, key=lambda item: (item[1], item[0][0] != folded[0], -field_words()[item[0]], item[0]))
    candidates = await store.lexemes(conn, [str(item[0]) for item in ordered])
    near = {lexeme: {lexeme, *alike.get(lexeme, ())} for _, lexemes in candidates for lexeme in lexemes}
    held = await known(sorted(set().union(*near.values())))
    return next((word for word, lexemes in candidates if lexemes and all(near[each] & held for each in lexemes)), "")


@functools.lru_cache(maxsize=1)
def field_words() -> Mapping[str, int]:
    """Return the words of the field, folded, with how often they stand there: what typing errors are put right towards."""
    titles = list(load_sectors().titles())
    lists = (vocabulary.PURPOSES, vocabulary.CAPABILITIES, vocabulary.CATEGORIES, vocabulary.ROLES)
    titles += [title for found in lists for pair in found.values() for title in pair]
    titles += [*THEME_TITLES.values(), *(word for group in load_synonyms() for word in group)]
    return Counter(word for title in titles for word in _WORD.findall(fold(title)))
