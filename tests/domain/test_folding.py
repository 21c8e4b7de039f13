"""Folding: the quick ways say what the long way says, character by character."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from node.domain.folding import Folded, _plain, unaccented

# What people write, and what somebody puts between to hide it.
TEXTS = st.text(
    st.one_of(st.sampled_from("aZ09 -'.\u00e0\u0301\u200b\u0430\ufb01\u00df\u0130"), st.characters()), max_size=40
)


@given(TEXTS)
def test_letters_that_stand_for_themselves_are_taken_as_a_whole(text: str) -> None:
    """The folded text, and where each of its characters stood, are those of one character after the other."""
    pairs: list[tuple[str, int]] = []
    for position, char in enumerate(text):
        for c in _plain(char):
            if c != " " or (pairs and pairs[-1][0] != " "):
                pairs.append((c, position))
    folded = Folded(text)
    assert (folded.text, folded.at) == ("".join(c for c, _ in pairs), [at for _, at in pairs])


@given(TEXTS)
def test_accents_are_dropped_and_nothing_else(text: str) -> None:
    """Of the decomposed text without case, all that is no combining mark."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    assert unaccented(text) == "".join(c for c in plain if not unicodedata.combining(c))
