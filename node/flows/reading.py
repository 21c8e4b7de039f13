"""Asked words read as a person means them: words of the same meaning, typing errors put right, and less strictly when need be.

In: a connection, the words. Out: what must be met and what earns points, and what was done to the words, to be told.
Rules: a word is put right only when no profile has it; towards words of the field (ATECO, the closed lists, synonyms), by one
changed sign, two in long words, and only if some profile has that one. Source: docs/search.md.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from node.domain import ranking, vocabulary, words
from node.domain.folding import fold
from node.domain.theme import THEME_TITLES
from node.store import search as store
from node.store.postgres import Connection
from node.store.reference import load_sectors, load_synonyms

_WORD: Final = re.compile(r"[^\W\d_]{4,}")
LONG: Final = 7
CANDIDATES: Final = 12


@dataclass(frozen=True, slots=True)
class Reading:
    """What asked words mean: the tree to meet (None: nothing), its tests, the text it was read from when it was put right."""

    tree: words.Tree | None
    tests: tuple[ranking.Test, ...]
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
    """Read words; a tree of None means that they say nothing."""
    tree = words.parse(await store.read_words(conn, text)) if text else None
    if tree is None:
        return Reading(None, ())
    alike = await meanings.alike(conn)
    asked = words.asked_words(tree)
    known = await store.known_lexemes(
        conn, sorted({other for lexeme in asked for other in (lexeme, *alike.get(lexeme, ()))})
    )
    lost = {lexeme for lexeme in asked if not known & {lexeme, *alike.get(lexeme, ())}}
    corrected = await _put_right(conn, text, lost) if lost else ""
    if corrected:
        tree = words.parse(await store.read_words(conn, corrected)) or tree
    return replace(_meant(tree, alike), corrected=corrected)


def _meant(tree: words.Tree, alike: Mapping[str, tuple[str, ...]]) -> Reading:
    def others(lexeme: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((lexeme, *alike.get(lexeme, ()))))

    tests = ranking.tests([ranking.Asked(lexeme, others(lexeme)) for lexeme in words.asked_words(tree)])
    return Reading(words.widened(tree, others), tests)


async def _put_right(conn: Connection, text: str, lost: set[str]) -> str:
    """Return the text with its unknown words put right; empty when none can be."""
    typed = list(dict.fromkeys(_WORD.findall(text)))
    unknown = [word for word, lexemes in await store.lexemes(conn, typed) if lexemes and set(lexemes) <= lost]
    right = text
    for word in unknown:
        near = await _nearest(conn, word)
        if near:
            right = re.sub(rf"\b{re.escape(word)}\b", near, right)
    return right if right != text else ""


async def _nearest(conn: Connection, word: str) -> str:
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
    candidates = [str(item[0]) for item in ordered]
    lexemes = await store.lexemes(conn, candidates)
    known = await store.known_lexemes(conn, sorted({lexeme for _, found in lexemes for lexeme in found}))
    return next((word for word, found in lexemes if found and set(found) <= known), "")


@functools.lru_cache(maxsize=1)
def field_words() -> Mapping[str, int]:
    """Return the words of the field, folded, with how often they stand there: what typing errors are put right towards."""
    titles = list(load_sectors().titles())
    lists = (vocabulary.PURPOSES, vocabulary.CAPABILITIES, vocabulary.CATEGORIES, vocabulary.ROLES)
    titles += [title for found in lists for pair in found.values() for title in pair]
    titles += [*THEME_TITLES.values(), *(word for group in load_synonyms() for word in group)]
    return Counter(word for title in titles for word in _WORD.findall(fold(title)))
