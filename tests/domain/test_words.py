"""Words as trees: what a tsquery says, said again, widened and asked less strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import words
from node.domain.words import AllOf, EitherOf, Not, Phrase, Word

LEXEMES = st.text(alphabet="ab'\\\\ :&|!()<>1", min_size=1, max_size=6)
TREES = st.recursive(
    LEXEMES.map(Word),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: EitherOf(tuple(parts))),
        st.tuples(LEXEMES.map(Word), st.integers(1, 9), LEXEMES.map(Word)).map(lambda part: Phrase(*part)),
    ),
    max_leaves=8,
)


def flat(tree: words.Tree) -> words.Tree:
    """The same tree without one kind directly inside its own kind: brackets say nothing there."""
    if isinstance(tree, Not):
        return Not(flat(tree.part))
    if isinstance(tree, AllOf | EitherOf):
        parts = [flat(part) for part in tree.parts]
        kind = type(tree)
        return kind(tuple(inner for part in parts for inner in (part.parts if isinstance(part, kind) else (part,))))
    return tree


@given(TREES)
def test_what_is_written_is_read_again(tree: words.Tree) -> None:
    """Whatever signs a lexeme has: they stay inside its quotes."""
    read = words.parse(words.tsquery(tree).replace("\\\\", "\\"))
    assert read is not None
    assert flat(read) == flat(tree)


@pytest.mark.parametrize("text", ["'a' &", "& 'a'", "('a'", "'a')", "a", "'a' 'b'", "!", "'a' <x> 'b'"])
def test_what_is_no_tsquery_is_refused(text: str) -> None:
    """The engine never says such a thing; nothing is guessed."""
    with pytest.raises(ValueError, match=r".*"):
        words.parse(text)


def test_only_free_words_are_widened() -> None:
    """A phrase and an exclusion mean what they say."""
    tree = words.parse("'oli' & !'oli' & 'oli' <-> 'vin'")
    assert tree is not None
    wide = words.widened(tree, lambda lexeme: ("oli", "oleari") if lexeme == "oli" else (lexeme,))
    assert words.tsquery(wide) == "(('oli' | 'oleari') & !('oli') & ('oli' <1> 'vin'))"
    assert words.asked_words(tree) == ("oli", "vin")


def test_all_becomes_any_and_exclusions_stay() -> None:
    """One word can't be asked for less strictly."""
    tree = words.parse("'a' & 'b' & !'c'")
    assert tree is not None
    less = words.relaxed(tree)
    assert less is not None
    assert words.tsquery(less) == "(('a' | 'b') & !('c'))"
    for text in ("'a'", "'a' & !'c'", "'a' | 'b'"):
        tree = words.parse(text)
        assert tree is not None
        assert words.relaxed(tree) is None
    assert words.parse("") is None
    assert words.asked_words(None) == ()


@given(st.text("aà1/.- \n_", max_size=12))
def test_texts_that_join_nothing_are_left_as_they_are(text: str) -> None:
    """Passing over a text from sign to sign gives the same, whatever the short way thinks of it."""
    assert words.apart(text) == words._TOGETHER.sub(" ", text)
