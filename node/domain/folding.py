"""A text folded for comparing: without case, accents, punctuation and disguises, each character knowing where it stood.

In: a text as an officer wrote it. Out: lower-case letters and digits between single spaces, with offsets into the text as
given. NFKC first (wide and ligature forms), then what hides a name from a plain comparison is dropped or replaced:
zero-width characters, loose accents, Cyrillic and Greek letters that look Latin. Source: docs/rules.md T.1.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Letters of other alphabets that are read as Latin ones (Unicode TR39 confusables, the lower-case ones that matter), and
# Latin letters that no decomposition takes apart.
LOOKALIKES = str.maketrans(
    {
        "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "ѐ": "e", "ё": "e", "һ": "h", "н": "h", "і": "i", "ї": "i", "ј": "j",
        "к": "k", "ӏ": "l", "м": "m", "о": "o", "р": "p", "ԛ": "q", "ѕ": "s", "т": "t", "у": "y", "х": "x", "ԝ": "w", "г": "r",
        "п": "n", "ь": "b", "α": "a", "β": "b", "ε": "e", "η": "n", "ι": "i", "κ": "k", "ν": "v", "ο": "o", "ρ": "p", "τ": "t",
        "υ": "u", "χ": "x", "γ": "y", "ω": "w", "μ": "m", "ϲ": "c", "ϳ": "j", "ı": "i", "ȷ": "j", "ł": "l", "ø": "o", "đ": "d",
        "ɡ": "g", "ɑ": "a", "ɩ": "i", "ʟ": "l", "ɴ": "n", "ʀ": "r", "ᴀ": "a", "ᴄ": "c", "ᴅ": "d", "ᴇ": "e", "ᴊ": "j", "ᴋ": "k",
        "ᴍ": "m", "ᴏ": "o", "ᴘ": "p", "ᴛ": "t", "ᴜ": "u", "ᴠ": "v", "ᴡ": "w", "ᴢ": "z", "æ": "ae", "œ": "oe", "ß": "ss",
    }
)  # fmt: skip


_GAP = re.compile(r"[^a-z0-9]+")
_RUN = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def _unless_mark(found: re.Match[str]) -> str:
    return "" if unicodedata.combining(found.group()) else found.group()


def unaccented(text: str) -> str:
    """Return ``text`` decomposed, without case and accents: for lists of names where nobody hides anything."""
    folded = text.casefold()
    if folded.isascii():
        return folded
    return _BEYOND_ASCII.sub(_unless_mark, unicodedata.normalize("NFKD", folded))


def readable(char: str) -> str:
    """Return one character as a reader takes it: compatibility forms and look-alikes replaced, what is invisible dropped."""
    if unicodedata.category(char) in ("Cf", "Mn", "Me"):
        # Zero-width characters, soft hyphens and loose accents hide names from a plain comparison.
        return ""
    if unicodedata.category(char) == "Pd":
        return "-"
    shown = unicodedata.normalize("NFKC", char)
    alike = shown.casefold().translate(LOOKALIKES)
    if alike != shown.casefold() and len(shown) == 1:
        return alike.upper() if shown.isupper() else alike
    return shown


@lru_cache(maxsize=4096)
def _plain(char: str) -> str:
    """Return the letters and digits one character is compared by, a space for what stands between words, or nothing."""
    seen = readable(char)
    if not seen:
        return ""
    shown = unicodedata.normalize("NFKD", seen.casefold()).translate(LOOKALIKES)
    kept = "".join(c if c.isalnum() else " " for c in shown if not unicodedata.combining(c))
    return kept if kept.strip() else " "


class Folded:
    """A text folded for comparing, with the position in the original of every folded character."""

    __slots__ = ("at", "text")

    def __init__(self, original: str) -> None:
        """Fold ``original``."""
        pieces: list[str] = []
        at: list[int] = []
        space = True
        for found in _RUN.finditer(original):
            position, run = found.start(), found.group()
            if run.isascii() and run.isalnum():
                # Nearly all of a text: its letters stand for themselves.
                pieces.append(run.lower())
                at += range(position, found.end())
                space = False
                continue
            for c in _plain(run):
                if c != " " or not space:
                    pieces.append(c)
                    at.append(position)
                    space = c == " "
        self.text = "".join(pieces)
        self.at = at

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the original [start, end) of a folded [start, end)."""
        return self.at[start], self.at[end - 1] + 1


def fold(text: str) -> str:
    """Return ``text`` as names are compared."""
    if text.isascii():
        return _GAP.sub(" ", text.lower()).strip()
    return Folded(text).text.strip()
