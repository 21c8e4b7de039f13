"""A text as its reader takes it: invisible characters gone, look-alike letters Latin, "(at)" and "punto it" undone.

In: a text as given. Out: the readable text, with the place in the given one of every character, so that patterns look
for what is meant and hits are marked where it was written. Source: docs/rules.md T.1.
"""

from __future__ import annotations

import re
from functools import lru_cache

from node.domain.folding import readable

SHOUTED_MIN, SHOUTED_SHARE = 20, 0.6
_TLD = r"(?:it|com|eu|org|net|info|biz|shop|farm|example|online|store|coop|uk|de|fr|al)\b"
# What is written for "@" and "." by who means an address to be read by people only.
_DISGUISES = (
    (re.compile(r"\s*[\[({<]\s*(?:at|chiocciola|chiocciolina|et)\s*[\])}>]\s*", re.IGNORECASE), "@"),
    (re.compile(r"(?<=\w)\s+chiocciol(?:a|ina)\s+(?=\w)", re.IGNORECASE), "@"),
    (re.compile(r"\s*[\[({<]\s*(?:dot|punto)\s*[\])}>]\s*", re.IGNORECASE), "."),
    (re.compile(rf"(?<=\w)\s+(?:punto|dot)\s+(?={_TLD})", re.IGNORECASE), "."),
    (re.compile(rf"(?<=\w)\s+at\s+(?=[\w-]+(?:\.[\w-]+)*\.{_TLD})", re.IGNORECASE), "@"),
)


_seen = lru_cache(maxsize=4096)(readable)


class Plain:
    """A readable text and where each of its characters stood."""

    __slots__ = ("at", "text")

    def __init__(self, original: str) -> None:
        """Read ``original``."""
        pieces: list[str] = []
        at: list[int] = []
        for position, char in enumerate(original):
            shown = char if " " <= char <= "~" else _seen(char)
            pieces.append(shown)
            at += [position] * len(shown)
        text = "".join(pieces)
        for pattern, meant in _DISGUISES:
            text, at = _undo(text, at, pattern, meant)
        self.text, self.at = text, at

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the original [start, end) of a readable [start, end)."""
        return self.at[start], self.at[end - 1] + 1


def shouts(text: str) -> bool:
    """Tell whether a text is written in capitals, so that a capital says nothing."""
    capitals = sum(map(str.isupper, text))
    return capitals > SHOUTED_MIN and capitals > SHOUTED_SHARE * sum(map(str.isalpha, text))


def _undo(text: str, at: list[int], pattern: re.Pattern[str], meant: str) -> tuple[str, list[int]]:
    parts: list[str] = []
    where: list[int] = []
    last = 0
    for match in pattern.finditer(text):
        parts += [text[last : match.start()], meant]
        where += [*at[last : match.start()], at[match.start()]]
        last = match.end()
    if not last:
        return text, at
    return "".join((*parts, text[last:])), where + at[last:]
