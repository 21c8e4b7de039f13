"""Markup: every text comes back as it was, and nothing that is given becomes markup or leads away."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures_made import NASTY, read

from node.web.pictures.svg import Frame, Svg, advance, content, element, escape, fitted, label, linked, shown, title

ANY_TEXT = st.text(st.characters(codec=None))


@given(ANY_TEXT, ANY_TEXT)
def test_any_text_comes_back_from_between_tags_and_from_attributes(text: str, other: str) -> None:
    """But for what XML cannot carry and what turns the reading order, which is replaced."""
    root = read(element("text", content(text), aria_label=other))
    # A parser turns every end of line into one sign, and in attributes into a space.
    assert (root.text or "") == shown(text).replace("\r\n", "\n").replace("\r", "\n")
    assert root.get("aria-label") == shown(other).replace("\r\n", " ").translate(str.maketrans("\r\n\t", "   "))
    assert [*root] == []


@given(ANY_TEXT)
def test_escaping_is_the_same_for_html(text: str) -> None:
    """A picture stands inside a page."""
    assert html.unescape(escape(text)).replace("\ufffd", "") == html.unescape(escape(shown(text))).replace("\ufffd", "")
    assert not set("<>\"'") & set(escape(text))


def test_finished_markup_says_that_it_is() -> None:
    """Template engines ask by this name, and then escape nothing."""
    made = element("g")
    assert isinstance(made, Svg)
    assert made.__html__() == made == "<g/>"


def test_attributes_are_written_short_and_with_hyphens() -> None:
    """Numbers with at most two decimals and no zeros at the end."""
    assert label("a", 1.005, 2.0, text_anchor="end") == '<text x="1" y="2" text-anchor="end">a</text>'
    assert element("g", class_="x", stroke_width=1.25) == '<g class="x" stroke-width="1.25"/>'


@pytest.mark.parametrize("href", ["?territory=ITF4", "/", "/cerca?q=a&b=c", "#tabella", "?q=%22+%3E"])
def test_a_link_leads_within_this_node(href: str) -> None:
    """By a path, a query or a fragment; it carries its name."""
    root = read(linked(href, "Puglia: 3", title("x")))
    assert (root.get("href"), root.get("aria-label")) == (href, "Puglia: 3")


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "?a b",
        "data:x",
        "x",
        "/a\nb",
        "?\\",
    ],
)
def test_a_link_that_leads_away_is_refused(href: str) -> None:
    """Whatever was given to the page."""
    with pytest.raises(ValueError, match="no path or query"):
        linked(href, "x", title("x"))


def test_no_link_is_no_element() -> None:
    """An empty address leaves the elements as they are."""
    assert linked("", "x", title("y")) == title("y")


@pytest.mark.parametrize("ident", ["", "A", "1a", "a b", "a<b", "a_b", "-a", "a" * 65])
def test_identifiers_need_no_escaping(ident: str) -> None:
    """Small letters, digits and hyphens, a letter first."""
    with pytest.raises(ValueError, match="identifier"):
        Frame(ident, "x")


def test_a_picture_has_a_name() -> None:
    """A title of spaces is none."""
    with pytest.raises(ValueError, match="title"):
        Frame("a", "  ")


def test_title_and_description_are_escaped_and_an_own_description_comes_first() -> None:
    """The one that is made serves only where none is given."""
    for frame, described in ((Frame("a", NASTY), "made"), (Frame("a", NASTY, NASTY), shown(NASTY))):
        root = read(frame.around((), 1, 1, "made", links=False))
        assert [found.text for found in root] == [shown(NASTY), described]


@given(st.text("abcXYZ 1234", max_size=60), st.floats(20, 400))
def test_a_fitted_text_fits_or_is_one_sign(text: str, width: float) -> None:
    """It is the text or its beginning with an ellipsis."""
    made = fitted(text, width)
    assert made == text or (made.endswith("…") and text.startswith(made[:-1]))
    assert advance(made) <= max(width, advance("…"))
