"""However a private name is disguised, it does not pass: names of firms, tax codes, persons, domains in honest sentences."""

from __future__ import annotations

import functools
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from node.domain.folding import fold
from node.domain.redaction.dictionary import Dictionary, Layer, Term
from node.domain.redaction.gate import scan
from node.domain.redaction.hits import RED, suggest
from node.flows.profiles.gate import common_words, town_layer
from tests.national_made import national
from tests.redaction_set import FOLDER, read
from tests.size import size

OWN = [Term(*line.split("\t")) for line in (FOLDER / "terms.txt").read_text(encoding="utf-8").splitlines()]
CLEAN = [sentence.text for sentence in read("tuned_clean")]
# What stands between two letters of a name without making another name of it.
BETWEEN = ("", "", "", " ", "-", ".", "\u200b", "\u00ad", "\u2060", "\ufeff", "_", "·", "\u2011", "\u00a0")
ACCENTS = ("", "", "", "\u0301", "\u0300", "\u0308")
ALIKE = {"a": "а", "e": "е", "o": "о", "p": "р", "c": "с", "i": "і", "x": "х"}


@functools.cache
def listed() -> list[Term]:
    """What the public list names: some of its firms, and their codes."""
    terms = {
        Term(kind, text)
        for network in national()[::97]
        for firm in network.firms
        for kind, text in (("person" if len(firm.tax_code) == 16 else "firm", firm.name), ("code", firm.tax_code))
        if text
    }
    return sorted(terms, key=lambda term: (term.kind, term.text))


@functools.cache
def known() -> Dictionary:
    """The office's own names, those of the list, and the towns."""
    own = Layer.of_terms(OWN, common_words(), own=True)
    return Dictionary((own, Layer.of_terms(listed(), common_words(), own=False), town_layer()))


@st.composite
def disguised(draw: st.DrawFn, name: str) -> str:
    """The name with another case, other letters that look alike, accents, and things between its letters."""
    case = draw(st.sampled_from((str, str.upper, str.lower, str.title, str.swapcase)))
    ways = draw(st.sets(st.sampled_from(("between", "accents", "alike", "nfd", "wide")), max_size=3))
    written = []
    for char in case(name):
        shown = char
        if "alike" in ways and draw(st.booleans()):
            shown = ALIKE.get(shown, shown)
        if "wide" in ways and "!" <= shown <= "~" and draw(st.booleans()):
            shown = chr(ord(shown) + 0xFEE0)
        if "accents" in ways and char.isalpha():
            shown += draw(st.sampled_from(ACCENTS))
        if "between" in ways:
            shown += draw(st.sampled_from(BETWEEN))
        written.append(shown)
    text = "".join(written)
    return unicodedata.normalize("NFD", text) if "nfd" in ways else text


@st.composite
def betrayals(draw: st.DrawFn) -> tuple[Term, str]:
    """An honest sentence with one private name in it, disguised."""
    term = draw(st.sampled_from((*OWN, *listed())))
    sentence = draw(st.sampled_from(CLEAN))
    words = sentence.split(" ")
    at = draw(st.integers(0, len(words)))
    name = draw(disguised(term.text))
    return term, " ".join((*words[:at], name, *words[at:]))


def tight(text: str) -> str:
    """The text folded, without spaces."""
    return fold(text).replace(" ", "")


@pytest.mark.many
@settings(max_examples=size(250, 800), deadline=None)
@given(betrayed=betrayals())
@example(betrayed=(Term("firm", "Gea S.p.A."), "Fornisce G e a s.p-a le macchine"))
@example(betrayed=(Term("firm", "Rossi S.n.c."), "Vini di Ro\u200bssi-S N C da sempre"))
@example(betrayed=(Term("firm", "B&B Arredi S.r.l."), "Mobili b.&.b.-arredi su misura"))
def test_no_private_name_passes_in_any_disguise(betrayed: tuple[Term, str]) -> None:
    """A red hit is there, and what is left when red hits are replaced does not hold the name, folded and without spaces."""
    term, text = betrayed
    red = [hit for hit in scan(text, known()) if hit.severity == RED]
    assert red, f"passed: {text!r}"
    assert tight(term.text) not in tight(suggest(text, red))


def test_the_honest_sentences_pass_without_names() -> None:
    """What the property is tried on has no red hit of its own: the hits there are the names'."""
    assert [text for text in CLEAN if scan(text, known())] == []


def test_a_disguise_that_nothing_undoes_is_not_found() -> None:
    """The property can fail: letters replaced by digits are another word to the gate."""
    assert not [hit for hit in scan("la m3t4l5ud produce", known()) if hit.severity == RED]
