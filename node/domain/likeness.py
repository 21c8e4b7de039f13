"""How much a text resembles public texts: the attack that the gate, and the audit, run against our own profiles.

In: texts. Out: cosine similarities of TF-IDF vectors over character 3-5-grams, inside words padded with one space each
side. Pure, and no library: a document is kept as the numbers of its words, a query weighs each known word once, and a
score is a sum over a document's words; 9,630 objects of contracts take some tens of milliseconds.

Source: docs/rules.md T.7; the criterion and what was measured with it: docs/decisions/0011.
"""

from __future__ import annotations

import functools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from node.domain.folding import fold

SHORTEST, LONGEST = 3, 5
# How far behind the true network another one may lie and still be as good a guess (docs/decisions/0011).
SAME_GUESS = 0.1
# A text that repeats so much of an object, by weight of its words, was made from it; fewer words than that are chance.
COPIED = 0.4
COPIED_WORDS_MIN = 4
# Scores of equal texts differ by rounding only.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Finding:
    """What the attack learns of the true network from a text.

    ``rank``: how many networks, itself included, resemble the text as much as it does or more; ties speak for the text.
    ``margin``: its score minus that of the ``crowd(k)``-th best network, negative when that many lie before it.
    ``score``: its own likeness. ``copied``: the share of its object's words, by weight, that the text repeats.
    ``found``: fewer than ``crowd(k)`` networks are as good a guess, or the text repeats the object as it repeats fewer than
    k objects of the block.
    """

    rank: int
    margin: float
    score: float
    copied: float
    found: bool


def crowd(k: int) -> int:
    """Return how many networks must be as good a guess as the true one, so that a guess is right at most 2 times in k."""
    return max(2, math.ceil(k / 2))


# Objects of contracts say the same words over and over; the counts are read, never changed.
@functools.lru_cache(maxsize=8192)
def _grams(word: str) -> Counter[str]:
    padded = f" {word} "
    return Counter(
        padded[at : at + size] for size in range(SHORTEST, LONGEST + 1) for at in range(len(padded) - size + 1)
    )


class Likeness:
    """Texts ready to be compared with any other text."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Index ``texts``; each n-gram weighs less the more of them have it."""
        self._numbers: dict[str, int] = {}
        word_grams: list[Counter[str]] = []
        documents: list[list[int]] = []
        found_in: Counter[str] = Counter()
        totals: list[Mapping[str, int]] = []
        for text in texts:
            document = []
            total: defaultdict[str, int] = defaultdict(int)
            for word, times in Counter(fold(text).split()).items():
                number = self._numbers.get(word)
                if number is None:
                    number = self._numbers[word] = len(word_grams)
                    word_grams.append(_grams(word))
                document += [number] * times
                for gram, count in word_grams[number].items():
                    total[gram] += count * times
            documents.append(document)
            totals.append(total)
            found_in.update(total.keys())
        self._weights = {gram: math.log((1 + len(texts)) / (1 + n)) + 1 for gram, n in found_in.items()}
        self._rare = math.log(1 + len(texts)) + 1
        self._documents = documents
        self._words = [frozenset(document) for document in documents]
        met = Counter(number for words in self._words for number in words)
        self._rarity = [math.log((1 + len(texts)) / (1 + met[number])) + 1 for number in range(len(word_grams))]
        self._norms = [self._norm(total) for total in totals]
        self._words_with: dict[str, list[tuple[int, int]]] = {}
        for number, grams in enumerate(word_grams):
            for gram, count in grams.items():
                self._words_with.setdefault(gram, []).append((number, count))

    def _norm(self, grams: Mapping[str, int]) -> float:
        weights, rare = self._weights, self._rare
        return math.sqrt(sum((count * weights.get(gram, rare)) ** 2 for gram, count in grams.items()))

    def scores(self, text: str) -> list[float]:
        """Return how much ``text`` resembles each text, 0 to 1, in their order; 0 where either has no words."""
        query: Counter[str] = Counter()
        for word, times in Counter(fold(text).split()).items():
            for gram, count in _grams(word).items():
                query[gram] += count * times
        norm = self._norm(query)
        affinity = [0.0] * len(self._numbers)
        for gram, times in query.items():
            weight = self._weights.get(gram)
            if weight is not None:
                squared = weight * weight * times
                for number, count in self._words_with[gram]:
                    affinity[number] += squared * count
        weigh = affinity.__getitem__
        return [
            sum(map(weigh, document)) / (norm * length) if norm and length else 0.0
            for document, length in zip(self._documents, self._norms, strict=True)
        ]

    def copied(self, text: str) -> list[float]:
        """Return how much of each text ``text`` repeats, 0 to 1: the weight of the words both have over that of all its words.

        Unlike ``scores`` it does not fall when a copy stands among other sentences.
        """
        known = {self._numbers[word] for word in fold(text).split() if word in self._numbers}
        found = []
        for words in self._words:
            shared = words & known
            whole = sum(map(self._rarity.__getitem__, words))
            few = len(shared) < COPIED_WORDS_MIN
            found.append(0.0 if few else sum(map(self._rarity.__getitem__, shared)) / whole)
        return found

    def attack(self, text: str, own: int, k: int) -> Finding:
        """Return what ``text`` tells of the ``own``-th of these texts, the one of its own network."""
        return judge(self.scores(text), self.copied(text), own, k)


def judge(scores: Sequence[float], shares: Sequence[float], own: int, k: int) -> Finding:
    """Return what the ``scores`` and ``copied`` shares of a text tell of the ``own``-th of the texts it was compared with."""
    mine, copied = scores[own], shares[own]
    ranked = sorted(scores, reverse=True)
    # Where there are fewer texts than the crowd has to count, the missing ones resemble nothing.
    last = ranked[crowd(k) - 1] if len(ranked) >= crowd(k) else 0.0
    is_copy = copied >= COPIED and _as_high(shares, copied) < k
    found = mine - last > SAME_GUESS or is_copy
    return Finding(_as_high(scores, mine), mine - last, mine, copied, found)


def _as_high(values: Iterable[float], own: float) -> int:
    return sum(value >= own - _ROUNDING for value in values)


def attack(text: str, objects: Mapping[str, str], own: str, k: int) -> Finding:
    """Return what ``text`` tells of network ``own`` to somebody who holds the public ``objects`` of its block.

    A text finds its network when fewer than ``crowd(k)`` objects score within ``SAME_GUESS`` below its own or above it: a
    reader of the others is right at most twice in k guesses. It also does when it repeats ``COPIED`` of its object and
    fewer than k objects as much. Texts without words, and blocks where all objects are alike, find nothing.
    Raises: KeyError when ``own`` is not among ``objects``.
    """
    names = list(objects)
    if own not in objects:
        raise KeyError(own)
    return Likeness([objects[name] for name in names]).attack(text, names.index(own), k)


def best(scores: Iterable[float]) -> list[int]:
    """Return the positions of the best score; all of those that share it. None where nothing scores."""
    listed = list(scores)
    top = max(listed, default=0.0)
    return [at for at, score in enumerate(listed) if score >= top - _ROUNDING] if top > 0 else []
