"""What the text gate costs: building the dictionary, and scanning a text of about 600 characters.

30,000 firms with names as varied as real ones and all municipalities of Italy; texts of honest sentences, and of sentences
full of identifiers. The reference of the same run: the same names in a bare Aho-Corasick automaton over the lower-case text,
which finds exact names and nothing else, and the same names in one regular expression of alternatives.
``python bench/text_gate.py [--firms 30000] [--texts 400]``, some seconds.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Callable

import ahocorasick_rs

from node.domain.generation.firms import _NAMES, _SURNAMES, _TRADES, LEGAL_FORMS
from node.domain.likeness import Likeness
from node.domain.redaction.dictionary import Dictionary, Layer, Term
from node.domain.redaction.gate import scan
from node.flows.profiles.gate import common_words
from node.store.reference import load_territories
from tests.redaction_set import read
from tests.texts_made import register

SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "la",
    "me",
    "ni",
    "po",
    "ru",
    "sa",
    "te",
    "vi",
    "zo",
    "bra",
    "cla",
    "stre",
    "pri",
    "gno",
    "lu",
)
CHARACTERS = 600


def firms(count: int, draw: random.Random) -> list[Term]:
    """Invented firms, one in eight a person."""
    found: dict[str, Term] = {}
    while len(found) < count:
        head = "".join(draw.choice(SYLLABLES) for _ in range(draw.randint(2, 4)))
        form = draw.choices(LEGAL_FORMS, [weight for _, _, weight in LEGAL_FORMS])[0][1]
        if draw.random() < 0.125:
            term = Term("person", f"{head} {draw.choice(_NAMES)}")
        elif draw.random() < 0.3:
            term = Term(
                "firm", f"{head} {draw.choice(_TRADES)} di {draw.choice(_SURNAMES)} {draw.choice(_NAMES)} & C. {form}"
            )
        else:
            term = Term("firm", f"{head} {draw.choice(_TRADES)} {form}".strip())
        found[term.text] = term
    return list(found.values())


def texts(names: tuple[str, ...], count: int, draw: random.Random) -> list[str]:
    """Texts of about 600 characters from the sentences of some files of the redaction set."""
    pool = [sentence.text for name in names for sentence in read(name)]
    made = []
    for _ in range(count):
        text = ""
        while len(text) < CHARACTERS:
            text += draw.choice(pool) + " "
        made.append(text[: CHARACTERS + 50])
    return made


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def spread(work: Callable[[str], object], over: list[str]) -> tuple[float, float]:
    """Return the median and the 95th percentile of one call, in milliseconds."""
    took = sorted(timed(lambda text=text: work(text)) * 1000 for text in over)
    return took[len(took) // 2], took[len(took) * 95 // 100]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--firms", type=int, default=30_000)
    parser.add_argument("--texts", type=int, default=400)
    given = parser.parse_args()
    draw = random.Random("text-gate")
    terms = firms(given.firms, draw)
    towns = [m.name for m in load_territories().municipalities]
    common = common_words()
    layers: list[Layer] = []
    for name, build in (
        ("office's own firms", lambda: layers.append(Layer.of_terms(terms, common, own=True))),
        ("public list's firms", lambda: layers.append(Layer.of_terms(terms, common, own=False))),
        ("municipalities", lambda: layers.append(Layer.of_towns(towns, common))),
    ):
        took = timed(build)
        print(f"build {name:20} {took:7.3f} s  {layers[-1].size:8,} spellings")
    lower = [term.text.lower() for term in terms] + [town.lower() for town in towns]
    took = timed(lambda: ahocorasick_rs.AhoCorasick(lower))
    bare = ahocorasick_rs.AhoCorasick(lower)
    print(f"build {'bare Aho-Corasick':20} {took:7.3f} s  {len(lower):8,} names")
    known = Dictionary(layers)
    wanted = re.compile("|".join(map(re.escape, lower)))
    for kind, names in (("honest", ("tuned_clean",)), ("full of identifiers", ("tuned_hand", "tuned_made"))):
        sample = texts(names, given.texts, draw)
        rows = (
            ("the gate, whole", lambda text: scan(text, known), sample),
            ("its dictionary alone", lambda text: list(known.find(text)), sample),
            ("bare Aho-Corasick", lambda text: bare.find_matches_as_indexes(text.lower(), overlapping=True), sample),
            ("one regular expression", lambda text: list(wanted.finditer(text.lower())), sample[:5]),
        )
        for name, work, over in rows:
            median, high = spread(work, over)
            print(f"scan {kind:20} {name:24} p50 {median:8.3f} ms  p95 {high:8.3f} ms")
    objects = [row.object_text for row in register(7)]
    found: list[Likeness] = []
    took = timed(lambda: found.append(Likeness(objects)))
    median, high = spread(found[0].scores, draw.sample(objects, 100))
    print(
        f"likeness: {len(objects):,} objects indexed in {took:.2f} s; one text against all p50 {median:.1f} ms  p95 {high:.1f} ms"
    )
    block = objects[:12]
    median, high = spread(lambda text: Likeness(block).attack(text, 0, 5), draw.sample(objects, 200))
    print(f"likeness: one text against a block of 12, index included, p50 {median:.2f} ms  p95 {high:.2f} ms")


if __name__ == "__main__":
    main()
