"""Everything with a name that must not stand in a text, ready to be looked for at once.

In: terms of the office's registers, of the public register in scope, municipalities. Out: hits. Names are compared
folded, by whole words and also without spaces, so that "M e t a l s u d" and "metal-sud" are found like "Metalsud". A
layer is built once from what it holds and never changed: what has not changed is not built again. Source: docs/rules.md T.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import ahocorasick_rs

from node.domain.folding import Folded, fold
from node.domain.redaction import spelling, towns
from node.domain.redaction.hits import RED, Hit
from node.domain.redaction.plain import shouts
from node.domain.redaction.spelling import Evidence, Spelling
from node.errors import N_

OWN = N_("nome presente nei registri dell'ufficio")
LISTED = N_("nome presente nell'elenco pubblico")
TOWN = N_("comune")
_SHORTEST_NEIGHBOUR = 4
_BEGINS_SENTENCE = re.compile(r"(?:^|[.!?:;•*\n])[\s\"«“'(\[]*$")
_BEFORE_PLACE = re.compile(r"(?:^| )(?:ad?|da|di|in|per|tra|fra|presso|verso|to|from|near|at|of) $")
_BEFORE_TOWN = re.compile(
    r"(?:^| )(?:comun[ei]|citta|paese|abitato|municipio|provincia|town|village|city|municipality) (?:di|of) $"
)
_NEXT_NAME = re.compile(r"\s+[A-ZÀ-Ý][\w'’-]{3,}")
_LAST_NAME = re.compile(r"(?:^|\s)([A-ZÀ-Ý][\w'’-]{3,})\s+(?:[A-Z]['’])?$")


@dataclass(frozen=True, slots=True)
class Term:
    """One private thing to look for: its kind (a key of MARKERS) and how it is written."""

    kind: str
    text: str


def _spell(term: Term, common: frozenset[str], *, own: bool) -> Iterator[Spelling]:
    if term.kind in ("firm", "network", "brand"):
        yield from spelling.of_firm(term.text, common, own=own)
    elif term.kind == "person":
        yield from spelling.of_person(term.text, common, own=own)
    elif folded := fold(term.text):
        tight = folded.replace(" ", "")
        if len(tight) >= spelling.SURE_ALONE:
            yield Spelling(folded, Evidence.NONE, joined=True, inside=True)


class Layer:
    """Names of one source, indexed."""

    __slots__ = ("_joined", "_joined_terms", "_reason", "_word_terms", "_words", "size")

    def __init__(self, spellings: Iterable[tuple[str, Spelling]], reason: str) -> None:
        """Index (kind, spelling) pairs; of a spelling that several names share the surest counts."""
        words: dict[str, tuple[str, Evidence]] = {}
        joined: dict[str, tuple[str, bool]] = {}
        for kind, found in spellings:
            padded = f" {found.text} "
            known = words.get(padded)
            if known is None or found.evidence < known[1]:
                words[padded] = (kind, found.evidence)
            if found.joined:
                tight = found.text.replace(" ", "")
                before = joined.get(tight)
                joined[tight] = (kind, found.inside or (before is not None and before[1]))
        self._reason = reason
        self._word_terms, self._joined_terms = list(words.values()), list(joined.values())
        self._words = ahocorasick_rs.AhoCorasick(list(words), store_patterns=False) if words else None
        self._joined = ahocorasick_rs.AhoCorasick(list(joined), store_patterns=False) if joined else None
        self.size = len(words) + len(joined)

    @classmethod
    def of_terms(cls, terms: Iterable[Term], common: frozenset[str] = frozenset(), *, own: bool) -> Layer:
        """Return the layer of the office's ``own`` terms, or of the public register's; ``common`` words alone say nothing."""
        spelled = ((term.kind, found) for term in terms for found in _spell(term, common, own=own))
        return cls(spelled, OWN if own else LISTED)

    @classmethod
    def of_towns(cls, names: Iterable[str], common: frozenset[str] = frozenset()) -> Layer:
        """Return the layer of municipalities."""
        return cls((("place", found) for found in towns.spellings(names, common)), TOWN)

    def find(self, text: _Looked) -> Iterator[Hit]:
        """Yield the layer's hits."""
        if self._words is not None:
            for number, start, end in self._words.find_matches_as_indexes(text.padded, overlapping=True):
                kind, evidence = self._word_terms[number]
                # One space of padding stands before the text; the pattern's own spaces are not part of the hit.
                last = min(end - 2, len(text.folded.text))
                span = text.span_if(start, text.with_form(last) if kind == "firm" else last, evidence)
                if span is not None:
                    yield Hit(*span, kind, RED, self._reason)
        if self._joined is not None:
            for number, start, end in self._joined.find_matches_as_indexes(text.tight, overlapping=True):
                kind, inside = self._joined_terms[number]
                first, last = text.positions[start], text.positions[end - 1] + 1
                if inside or text.stands_alone(first, last):
                    whole = text.with_form(last) if kind == "firm" else last
                    yield Hit(*text.folded.span(first, whole), kind, RED, self._reason)


class _Looked:
    """A text as the layers look at it: folded, padded, and without spaces."""

    __slots__ = ("folded", "original", "padded", "positions", "shouts", "tight")

    def __init__(self, original: str) -> None:
        self.original = original
        self.folded = Folded(original)
        self.padded = f" {self.folded.text} "
        self.tight = self.folded.text.replace(" ", "")
        self.shouts = shouts(original)
        self.positions = [at for at, char in enumerate(self.folded.text) if char != " "]

    def stands_alone(self, first: int, last: int) -> bool:
        """Tell whether a folded [first, last) begins and ends with words."""
        return self.padded[first] == " " and self.padded[last + 1] == " "

    def with_form(self, last: int) -> int:
        """Return where a firm's name that ends at a folded ``last`` ends with its legal form."""
        found = spelling.FORM_AFTER.match(self.folded.text, last)
        return found.end() if found else last

    def span_if(self, first: int, last: int, evidence: Evidence) -> tuple[int, int] | None:
        """Return the original span of a folded one where its evidence is given, None where it is not."""
        start, end = self.folded.span(first, last)
        if evidence == Evidence.NONE:
            return start, end
        if evidence == Evidence.PLACE:
            before = self.folded.text[max(0, first - 24) : first]
            is_place = not self.shouts and self.original[start].isupper() and _BEFORE_PLACE.search(before)
            return (start, end) if is_place or _BEFORE_TOWN.search(before) else None
        words = [self.original[self.folded.at[at]] for at in self._beginnings(first, last)]
        if not all(letter.isupper() or letter.isdigit() for letter in words):
            return None
        if len(words) == 1 and " " not in self.folded.text[first:last]:
            if self.shouts:
                return None
            if _BEGINS_SENTENCE.search(self.original, max(0, start - 8), start) or (
                start < 8 and _BEGINS_SENTENCE.search(self.original[:start])
            ):
                return None
            return self._whole_name(start, end)
        return start, end

    def _beginnings(self, first: int, last: int) -> Iterator[int]:
        """Yield where the words of a folded [first, last) begin; of small words only the first counts."""
        at = first
        for word in self.folded.text[first:last].split(" "):
            if len(word) >= _SHORTEST_NEIGHBOUR or at == first:
                yield at
            at += len(word) + 1

    def _whole_name(self, start: int, end: int) -> tuple[int, int]:
        """Return a span with the capitalised words beside it: the rest of the name."""
        while following := _NEXT_NAME.match(self.original, end):
            end = following.end()
        while before := _LAST_NAME.search(self.original[:start]):
            start = before.start(1)
        return start, end


class Dictionary:
    """Layers of names."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        """Put ``layers`` side by side."""
        self.layers = tuple(layers)

    @classmethod
    def build(cls, terms: Iterable[Term], common: frozenset[str] = frozenset()) -> Dictionary:
        """Return the dictionary of the office's own ``terms`` alone."""
        return cls((Layer.of_terms(terms, common, own=True),))

    def find(self, text: str) -> Iterator[Hit]:
        """Yield every name of every layer."""
        looked = _Looked(text)
        for layer in self.layers:
            yield from layer.find(looked)
