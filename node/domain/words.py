"""What asked words mean: the search engine's reading of them as a tree, widened by words of the same meaning.

In: the text of a PostgreSQL ``tsquery`` (what websearch_to_tsquery made of the words). Out: the same tree as values, and
texts of tsquery again: what a hit must hold, and by which tests its words earn points (domain/ranking).
Rules: exclusions and phrases mean what they say and are never widened; every lexeme stays quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

# Title; themes, capabilities, categories; summary, needs, offers; description.
ALL, UP_TO_C, UP_TO_B, TITLE = "", "ABC", "AB", "A"


@dataclass(frozen=True, slots=True)
class Word:
    """One lexeme."""

    lexeme: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """Parts that follow each other at a distance."""

    left: Tree
    distance: int
    right: Tree


@dataclass(frozen=True, slots=True)
class Not:
    """What must not be there."""

    part: Tree


@dataclass(frozen=True, slots=True)
class EitherOf:
    """One of several."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of several."""

    parts: tuple[Tree, ...]


Tree: TypeAlias = "Word | Phrase | Not | EitherOf | AllOf"
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|<->|<(?P<distance>\d+)>|[&|!()])")


# Written together, and read by the database's own parser as one path, host or negative number.
# The sign stands first in the pattern: texts are passed over from sign to sign.
_TOGETHER = re.compile(r"[/.-](?:(?<=\w/)(?=\w)|(?<=\d-)(?=\d)|(?<=[^\W\d_]\.)(?=[^\W\d_]))")


def apart(text: str) -> str:
    """Return a text in which words that only a slash, a point or a range joins stand apart, as they are looked for."""
    ended = text.count(". ") + text.count(".\n") + text.endswith(".")
    # Most texts join nothing: points that only end sentences are counted faster than they are looked at.
    if text.count(".") == ended and "/" not in text and "-" not in text:
        return text
    return _TOGETHER.sub(" ", text)


def parse(text: str) -> Tree | None:
    """Return the tree of a tsquery's text; None for the empty one. Raises: ValueError for what is no tsquery."""
    tokens, place = [], 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise ValueError(text[place : place + 20])
        tokens.append(found[1])
        place = found.end()
    if not tokens:
        return None
    tree, rest = _either(tokens)
    if rest:
        raise ValueError(rest[0])
    return tree


def _either(tokens: list[str]) -> tuple[Tree, list[str]]:
    parts, rest = _several(tokens, "|", _several_all)
    return (parts[0] if len(parts) == 1 else EitherOf(tuple(parts))), rest


def _several_all(tokens: list[str]) -> tuple[Tree, list[str]]:
    parts, rest = _several(tokens, "&", _following)
    return (parts[0] if len(parts) == 1 else AllOf(tuple(parts))), rest


def _several(
    tokens: list[str], sign: str, inner: Callable[[list[str]], tuple[Tree, list[str]]]
) -> tuple[list[Tree], list[str]]:
    part, rest = inner(tokens)
    parts = [part]
    while rest and rest[0] == sign:
        part, rest = inner(rest[1:])
        parts.append(part)
    return parts, rest


def _following(tokens: list[str]) -> tuple[Tree, list[str]]:
    tree, rest = _single(tokens)
    while rest and rest[0].startswith("<"):
        distance = 1 if rest[0] == "<->" else int(rest[0][1:-1])
        right, rest = _single(rest[1:])
        tree = Phrase(tree, distance, right)
    return tree, rest


def _single(tokens: list[str]) -> tuple[Tree, list[str]]:
    if not tokens:
        raise ValueError
    first, rest = tokens[0], tokens[1:]
    if first == "!":
        part, rest = _single(rest)
        return Not(part), rest
    if first == "(":
        tree, rest = _either(rest)
        if not rest or rest[0] != ")":
            raise ValueError(first)
        return tree, rest[1:]
    if not first.startswith("'"):
        raise ValueError(first)
    return Word(first[1:-1].replace("''", "'")), rest


def asked_words(tree: Tree | None) -> tuple[str, ...]:
    """Return the lexemes that a hit may earn points by, each once, in the order they were asked."""
    return tuple(dict.fromkeys(_words(tree))) if tree is not None else ()


def _words(tree: Tree) -> Iterable[str]:
    match tree:
        case Word(lexeme):
            yield lexeme
        case Phrase(left, _, right):
            yield from _words(left)
            yield from _words(right)
        case EitherOf(parts) | AllOf(parts):
            for part in parts:
                yield from _words(part)
        case Not(_):
            return


def free_words(tree: Tree | None) -> tuple[str, ...]:
    """Return the asked lexemes that stand in no phrase: those that may mean something near."""
    match tree:
        case Word(lexeme):
            return (lexeme,)
        case EitherOf(parts) | AllOf(parts):
            return tuple(dict.fromkeys(lexeme for part in parts for lexeme in free_words(part)))
        case _:
            return ()


def widened(tree: Tree, alike: Callable[[str], tuple[str, ...]]) -> Tree:
    """Return the tree in which each free word is met by any word of the same meaning."""
    match tree:
        case Word(lexeme):
            others = tuple(Word(other) for other in alike(lexeme) if other != lexeme)
            return EitherOf((tree, *others)) if others else tree
        case EitherOf(parts):
            return EitherOf(tuple(widened(part, alike) for part in parts))
        case AllOf(parts):
            return AllOf(tuple(widened(part, alike) for part in parts))
        case _:
            return tree


def relaxed(tree: Tree) -> Tree | None:
    """Return what asks for any of the words instead of all, exclusions kept; None when not at least two were asked together."""
    if not isinstance(tree, AllOf):
        return None
    wanted = tuple(part for part in tree.parts if not isinstance(part, Not))
    unwanted = tuple(part for part in tree.parts if isinstance(part, Not))
    if len(wanted) < 2:
        return None
    either = EitherOf(wanted)
    return AllOf((either, *unwanted)) if unwanted else either


def tsquery(tree: Tree) -> str:
    """Return the text of a tsquery."""
    match tree:
        case Word(lexeme):
            return quoted(lexeme)
        case Phrase(left, distance, right):
            return f"({tsquery(left)} <{distance}> {tsquery(right)})"
        case Not(part):
            return f"!({tsquery(part)})"
        case EitherOf(parts):
            return "(" + " | ".join(map(tsquery, parts)) + ")"
        case AllOf(parts):
            return "(" + " & ".join(map(tsquery, parts)) + ")"


def quoted(lexeme: str, places: str = ALL) -> str:
    """Return a lexeme as tsquery writes it, looked for in some of the texts only."""
    text = "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
    return f"{text}:{places}" if places else text


def any_of(lexemes: Iterable[str], places: str = ALL) -> str:
    """Return the tsquery text of any of these lexemes, in some of the texts only."""
    return " | ".join(quoted(lexeme, places) for lexeme in lexemes)
