"""One subject found in words and in bytes, however people wrote its names and codes.

In: codes in normal form, names, and the longer names of others that hold one of these. Out: where a text names the subject, and
the text with a mask there. One search for access, erasure and the check after it. Texts are compared folded (domain/folding):
case, accents, signs and disguises are nothing; the words of a name count in any order, whole; codes may be parted by signs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from html import unescape
from itertools import permutations
from typing import Any

from node.domain.folding import LOOKALIKES, Folded, fold

# What stands where a name stood.
MASK = "[cancellato]"
# Words that people write joined with the next one: D'Amico, DAmico.
_ELIDED = frozenset(("d", "l", "o", "dell", "dall", "nell", "all", "sant"))
_FORMS = frozenset(("srl", "srls", "spa", "snc", "sas", "sapa", "scarl", "scrl", "ss", "scpa"))
# Names of more words are sought as they stand and with the first or last word moved: the rest would be too many.
_ANY_ORDER = 5
_PIECE, _OVERLAP = 1 << 20, 1000
# A text of one word is no longer, whatever signs stand around it.
_WORD_MAX = 300
_SIGNS = bytes(sign for sign in range(128) if not chr(sign).isalnum())
_ALIKE = re.compile(f"[{''.join(map(chr, LOOKALIKES))}]")
_NEVER = re.compile(r"(?!)")
_ADDRESS = r"(?<![A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-])(?:{})(?![A-Za-z0-9-]|\.[A-Za-z0-9])"


def code_of(text: str) -> str:
    """Return a code without the signs people part it with, in capitals."""
    return re.sub(r"[\W_]+", "", text).upper()


def _code_letters(word: str, *, given: bool) -> str:
    """Return the three letters that a person's tax code has of a surname, or of a given name. Source: DM 12 marzo 1974."""
    consonants = "".join(sign for sign in word if sign not in "aeiou ")
    if given and len(consonants) > 3:
        consonants = consonants[0] + consonants[2:]
    return (consonants + "".join(sign for sign in word if sign in "aeiou") + "xxx")[:3]


def person_in(name: str, code: str) -> str | None:
    """Return the person's own name in a sole trader's ("Bar Sport di Rossi Mario"), None where the tax code knows none.

    Up to three words each of surname and given name, in either order, and a short one of both before a long one.
    """
    words = fold(name).split()
    if len(code) != 16:
        return None
    surname, given = code[:3].lower(), code[3:6].lower()
    for size in range(2, 7):
        for at in range(len(words) - size + 1):
            for cut in range(max(1, size - 3), min(4, size)):
                pair = " ".join(words[at : at + cut]), " ".join(words[at + cut : at + size])
                for last, first in (pair, pair[::-1]):
                    if _code_letters(last, given=False) == surname and _code_letters(first, given=True) == given:
                        return f"{pair[0]} {pair[1]}"
    return None


def _squeezed(text: str) -> bytes:
    """Return letters and digits alone: what a folded text holds stands here too, at a hundredth of the price."""
    if not text.isascii():
        # The one loose sign that would turn into a letter.
        text = unicodedata.normalize("NFKD", text.replace("\u0345", "")).casefold()
        if _ALIKE.search(text):
            text = text.translate(LOOKALIKES)
    return text.encode("ascii", "ignore").lower().translate(None, _SIGNS)


def _orders(words: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    if len(words) <= _ANY_ORDER:
        return permutations(words)
    return (words, (*words[1:], words[0]), (words[-1], *words[:-1]))


def _expression(words: tuple[str, ...]) -> str:
    pieces = []
    for at, word in enumerate(words):
        pieces.append(" ?".join(word) if word in _FORMS else re.escape(word))
        if at + 1 < len(words):
            pieces.append(" ?" if len(word) == 1 or word in _ELIDED else " ")
    return "".join(pieces)


def _any_of(terms: Iterable[str], frame: str) -> re.Pattern[str]:
    # Longest first, so that no part of a longer name is left over.
    told = sorted(set(terms), key=lambda term: (-len(term), term))
    return re.compile(frame.format("|".join(told))) if told else _NEVER


def _code_expression(code: str) -> str:
    parted = " ?".join(code.lower())
    return rf"(?<![0-9]){parted}(?![0-9])" if code.isdigit() else parted


class Seeker:
    """Finds one subject."""

    def __init__(self, codes: Iterable[str], names: Iterable[str], others: Iterable[str] = ()) -> None:
        """Seek some codes and names; where a longer name of ``others`` stands, the subject is not meant.

        A name of one word may be a word of the language: it counts only where nothing else stands.
        """
        self.codes = frozenset(codes)
        told = {tuple(fold(name).split()) for name in names if MASK not in name} - {(), tuple(fold(MASK).split())}
        several = [words for words in told if len(words) > 1]
        orders = [order for words in several for order in _orders(words)]
        self._single = frozenset(words[0] for words in told if len(words) == 1)
        self._names = _any_of(map(_expression, orders), r"(?:^|(?<= ))(?:{})(?= |$)")
        # In an address the words stand joined, and a year may follow: zefirinaquarantotti80@.
        self._joined = _any_of((" ?".join(map(re.escape, o)) for o in orders), r"(?:^|(?<= ))(?:{})[0-9]*(?= |$)")
        self._coded = _any_of(map(_code_expression, (code for code in self.codes if "@" not in code)), "(?:{})")
        # An address is one whole: what stands before or after it as part of a longer one is somebody else's.
        addresses = sorted(re.escape(code) for code in self.codes if "@" in code)
        self._addressed = re.compile(_ADDRESS.format("|".join(addresses)), re.IGNORECASE) if addresses else _NEVER
        self._others = _any_of(
            (_expression(tuple(fold(other).split())) for other in others), r"(?:^|(?<= ))(?:{})(?= |$)"
        )
        anchors = [max(words, key=len) for words in several] + [code.lower() for code in self.codes]
        self._anchors = tuple({_squeezed(anchor) for anchor in anchors})

    def is_name(self, text: str) -> bool:
        """Tell whether a text is one of the names and nothing else."""
        folded = fold(text)
        return bool(self._names.fullmatch(folded)) or folded in self._single

    def spans(self, text: str, *, alone: bool = True) -> list[tuple[int, int]]:
        """Return where a text names the subject, in order; ``alone``: also as the one word that it is."""
        single = alone and bool(self._single) and len(text) <= _WORD_MAX and fold(text) in self._single
        if not single and not self._may_hold(text):
            return []
        folded = Folded(text)
        found = [m.span() for m in self._names.finditer(folded.text)] + [m.span() for m in self._coded.finditer(folded.text)]  # fmt: skip
        found += [m.span() for m in self._joined.finditer(folded.text) if self._in_address(text, folded, *m.span())]
        other = [m.span() for m in self._others.finditer(folded.text)]
        found = [(a, b) for a, b in found if not any(x <= a and b <= y and y - x > b - a for x, y in other)]
        if single:
            found.append((0, len(folded.text.rstrip())))
        merged: list[tuple[int, int]] = []
        places = [folded.span(*span) for span in found] + [m.span() for m in self._addressed.finditer(text)]
        for start, end in sorted(places):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return [(start, _past_marks(text, end)) for start, end in merged]

    def in_text(self, text: str, *, alone: bool = True) -> bool:
        """Tell whether a text names the subject; a long one is read piece by piece."""
        if len(text) <= _PIECE:
            return bool(self.spans(text, alone=alone))
        pieces = (text[at : at + _PIECE + _OVERLAP] for at in range(0, len(text), _PIECE))
        return any(self.spans(piece, alone=False) for piece in pieces)

    def masked(self, text: str) -> str:
        """Return a text with a mask wherever it names the subject."""
        while found := self.spans(text):
            for start, end in reversed(found):
                text = text[:start] + MASK + text[end:]
        return text

    def in_value(self, value: Any) -> bool:
        """Tell whether any string of a JSON value names the subject, read as the text that it stands for."""
        return any(self.in_text(text, alone=False) for text in strings_of(value))

    def forgotten(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return a JSON object with a mask wherever a text of its own names the subject.

        An object within it that names the subject is of the subject: whatever else it says, a telephone above all, is blanked.
        """
        return {
            name: self._forgotten(item) if type(item) is not str else self.masked(item) for name, item in value.items()
        }

    def _forgotten(self, item: Any) -> Any:
        if isinstance(item, str):
            return self.masked(item)
        if isinstance(item, list):
            return [self._forgotten(each) for each in item]
        if not isinstance(item, dict):
            return item
        told = self.forgotten(item)
        of_subject = any(told[name] != item[name] for name in item if type(item[name]) is str)
        return {
            name: "" if of_subject and type(each) is str and told[name] == each else told[name]
            for name, each in item.items()
        }

    def in_bytes(self, data: bytes) -> bool:
        """Tell whether bytes name the subject, in whatever encoding; never fails. What is compressed is not opened."""
        return any(self.in_text(text, alone=False) for text in _readings(data))

    def _may_hold(self, text: str) -> bool:
        squeezed = _squeezed(text)
        return any(anchor in squeezed for anchor in self._anchors)

    def _in_address(self, text: str, folded: Folded, start: int, end: int) -> bool:
        first, last = folded.span(start, end)
        return text[last : last + 1] == "@" or (first > 0 and text[first - 1] == "@")


def _past_marks(text: str, end: int) -> int:
    # A loose accent goes with its letter.
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return end


def strings_of(value: Any) -> Iterator[str]:
    """Yield every string of a JSON value, keys too; numbers as they are written."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str | int):
            yield str(item)
        elif isinstance(item, dict):
            stack += item.keys()
            stack += item.values()
        elif isinstance(item, list):
            stack += item


def _readings(data: bytes) -> Iterator[str]:
    text = data.decode("utf-8", errors="replace")
    yield text
    if "&" in text and "\ufffd" not in text:
        # A page writes letters by their names.
        yield unescape(text)
    if not data.isascii():
        yield data.decode("latin-1")
    if zeros := data.count(0):
        # Two bytes a character, from either end and from any place: of Italian letters one of the two is zero.
        yield data.replace(b"\x00", b"").decode("latin-1")
        if data[:2] in (b"\xff\xfe", b"\xfe\xff") or zeros * 4 > len(data):
            yield data.decode("utf-16-le", errors="replace")
            yield data.decode("utf-16-be", errors="replace")
