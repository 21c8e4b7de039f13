"""The redaction set: marked sentences, the dictionary they are measured with, and the measure.

An identifier is found when marks cover at least three quarters of its letters and digits. What a register or a check digit
knows must be red; names that no register gave us and postal codes count as found also when amber. A mark is right when it
touches an identifier; every other one, red or amber, is a false one.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from node.domain.redaction.dictionary import Dictionary, Layer, Term
from node.domain.redaction.gate import scan
from node.domain.redaction.hits import RED, Hit
from node.flows.profiles.gate import common_words
from node.store.reference import load_territories
from tests.national_made import national

FOLDER = Path(__file__).parent / "data" / "redaction"
MAY_BE_AMBER = {"loose", "cap"}
_MARKED = re.compile(r"\[([a-z]+)\|((?:[^\[\]]|\[[^\]]*\])*)\]")


@dataclass(frozen=True)
class Sentence:
    """One sentence and its identifiers: (start, end, kind)."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    origin: str


@dataclass
class Measure:
    """What a half of the set shows of the gate."""

    found: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    right: int = 0
    false: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Identifiers found of all."""
        return self.found.total() / self.total.total()

    @property
    def precision(self) -> float:
        """Right marks of all."""
        return self.right / (self.right + len(self.false))


def read(name: str) -> list[Sentence]:
    """The sentences of one file."""
    found = []
    for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        shown = re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match.group(1), 16)), line)
        text, spans, last = "", [], 0
        for match in _MARKED.finditer(shown):
            text += shown[last : match.start()]
            spans.append((len(text), len(text) + len(match.group(2)), match.group(1)))
            text += match.group(2)
            last = match.end()
        found.append(Sentence(text + shown[last:], tuple(spans), name))
    return found


@functools.cache
def dictionary() -> Dictionary:
    """The office's terms of the set, the firms of a region's generated register, all municipalities of Italy."""
    lines = (FOLDER / "terms.txt").read_text(encoding="utf-8").splitlines()
    own = [Term(*line.split("\t")) for line in lines]
    local = [network for network in national() if network.region == "ITF4"]
    listed = {Term("person" if len(f.tax_code) == 16 else "firm", f.name) for n in local for f in n.firms}
    listed |= {Term("network", n.name) for n in local}
    common = common_words()
    return Dictionary(
        [
            Layer.of_terms(own, common, own=True),
            Layer.of_terms(listed, common, own=False),
            Layer.of_towns((m.name for m in load_territories().municipalities), common),
        ]
    )


def covered(sentence: Sentence, start: int, end: int, hits: list[Hit]) -> float:
    """The share of the letters and digits of [start, end) that the hits cover."""
    wanted = [at for at in range(start, end) if sentence.text[at].isalnum()]
    return sum(any(hit.start <= at < hit.end for hit in hits) for at in wanted) / len(wanted)


def measure(*names: str) -> Measure:
    """Run the gate over some files of the set."""
    found = Measure()
    for sentence in (sentence for name in names for sentence in read(name)):
        hits = scan(sentence.text, dictionary())
        for start, end, kind in sentence.spans:
            found.total[kind] += 1
            able = [hit for hit in hits if hit.severity == RED or kind in MAY_BE_AMBER]
            if covered(sentence, start, end, able) >= 0.75:
                found.found[kind] += 1
            else:
                found.missed.append(f"{kind}: {sentence.text[start:end]} | {sentence.text}")
        for hit in hits:
            if any(hit.start < end and start < hit.end for start, end, _ in sentence.spans):
                found.right += 1
            else:
                found.false.append(
                    f"{hit.severity} {hit.reason}: {sentence.text[hit.start : hit.end]} | {sentence.text}"
                )
    return found
