"""The question: one parser, known values only, permalinks that read back, cursors that can't be bent."""

from __future__ import annotations

import base64
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import query as q
from node.domain.labels import LabelReference
from node.domain.query import Cursor, Query, parse
from node.errors import CallerError
from node.store.reference import load_sectors, load_territories

REFERENCE = LabelReference(load_territories(), load_sectors())
PLACE = Cursor((2, 6079), str(uuid.UUID(int=7, version=4)), 3, 41)


def ask(*parameters: tuple[str, str]) -> Query:
    """Parse parameters with the package's own tables."""
    return parse(parameters, REFERENCE)


def refused(*parameters: tuple[str, str]) -> CallerError:
    """Return the error that these parameters give."""
    with pytest.raises(CallerError) as caught:
        ask(*parameters)
    caught.value.render()
    return caught.value


def test_nothing_asked_is_a_question_too() -> None:
    """No parameter, or empty ones, ask for everything."""
    assert ask() == ask(("q", " "), ("territory", "")) == Query()


def test_all_parameters_are_read_and_made_canonical() -> None:
    """Case, spaces and dots are the writer's; the query holds one form."""
    query = ask(
        ("q", "  olio \n export "),
        ("territory", "le"),
        ("sector", "1041"),
        ("period", "2013"),
        ("size", "4-9"),
        ("theme", "Innovation"),
        ("kind", "CONTRACT"),
        ("purpose", "joint-project"),
        ("need", "Distribution"),
        ("offer", "distribution"),
        ("target_country", "al"),
        ("language", "EN"),
        ("certification", "ISO_9001"),
        ("owner", "p_LE"),
        ("maturity", "LT2"),
        ("since", "2026-01-31"),
        ("witnessed", "yes"),
        ("sort", "newest"),
        ("limit", "100"),
    )
    assert (query.words, query.territory, query.sector, query.period) == ("olio export", "LE", "10.41", "2013")
    assert (query.size, query.theme, query.kind, query.purpose) == ("4-9", "innovation", "contract", "joint_project")
    assert (query.need, query.offer, query.target_country, query.language) == (
        "distribution", "distribution", "AL", "en",
    )  # fmt: skip
    assert (query.certification, query.owner, query.sort, query.limit) == ("iso_9001", "p_LE", "newest", 100)
    assert "own=p_le" in query.exact_terms()
    assert len(query.exact_terms()) == 8
    assert (query.maturity, query.since_day, query.witnessed) == ("lt2", 20484, "yes")
    assert dict(query.labels())["sector"] == "10.41"
    assert parse(query.parameters(), REFERENCE) == query


@pytest.mark.parametrize(
    ("text", "code"), [("ITF4", "ITF4"), ("itf", "ITF"), ("Puglia", "ITF4"), ("075035", "075035"), ("it", "IT")]
)
def test_territories_by_code_or_name(text: str, code: str) -> None:
    """Any level, in code or in words."""
    assert ask(("territory", text)).territory == code


def test_an_unescaped_plus_in_a_url_is_forgiven() -> None:
    """``size=10+`` arrives as ``10`` and a space."""
    assert ask(("size", "10+")) == ask(("size", "10 "))


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("teritory", "LE", "query-parameter-unknown"),
        ("territory", "Pulgia", "query-value-unknown"),
        ("territory", "??", "query-value-unknown"),
        ("sector", "ZZ", "query-value-unknown"),
        ("theme", "inovation", "query-value-unknown"),
        ("theme", "zzzzzzzz", "query-value-unknown"),
        ("kind", "contratto", "query-value-unknown"),
        ("size", "5", "query-value-unknown"),
        ("sort", "random", "query-value-unknown"),
        ("period", "1900", "query-value-unknown"),
        ("limit", "0", "query-value-bad"),
        ("limit", "101", "query-value-bad"),
        ("limit", "-1", "query-value-bad"),
        ("limit", "٣", "query-value-bad"),
        ("language", "eng", "query-value-bad"),
        ("target_country", "A1", "query-value-bad"),
        ("need", "'; drop", "query-value-unknown"),
        ("certification", "iso_9002", "query-value-unknown"),
        ("owner", "9", "query-value-bad"),
        ("q", "x" * 201, "query-value-bad"),
        ("q", "x" * 5000, "query-value-bad"),
        ("q", "a\x00b", "query-value-bad"),
        ("q", "a\udc80b", "query-value-bad"),
    ],
)
def test_what_is_not_known_is_refused_by_name(name: str, value: str, code: str) -> None:
    """Nothing is ignored: one code, the parameter's name, and nothing half-read."""
    error = refused((name, value))
    assert error.code == code
    assert name in (error.where, error.facts.get("name"))


@pytest.mark.parametrize(
    ("name", "value", "near"),
    [
        ("teritory", "LE", "territory"),
        ("theme", "inovation", "innovation"),
        ("territory", "Pulgia", "ITF4"),
        ("territory", "Leccce", "LE"),
    ],
)
def test_a_near_value_is_suggested(name: str, value: str, near: str) -> None:
    """A typing error gets a "did you mean"."""
    assert near in refused((name, value)).render()[2]


def test_a_parameter_given_twice_is_refused() -> None:
    """Two values for one filter can't both be meant."""
    assert refused(("size", "4-9"), ("size", "2-3")).code == "query-parameter-repeated"


def test_a_cursor_goes_on_with_its_own_question() -> None:
    """The next page of the same question, also with another page length, begins after the place."""
    text = ask(("q", "olio")).cursor_after(PLACE)
    assert ask(("q", "olio"), ("limit", "5"), ("cursor", text)).cursor == PLACE
    assert ask(("q", "olio"), ("cursor", text)).parameters() == (("q", "olio"),)


def test_a_cursor_of_another_question_is_refused() -> None:
    """Its place means nothing in another order."""
    text = ask(("q", "olio")).cursor_after(PLACE)
    assert refused(("q", "vino"), ("cursor", text)).code == "query-cursor-bad"
    assert refused(("q", "olio"), ("sort", "newest"), ("cursor", text)).code == "query-cursor-bad"


@given(st.integers(0, 200), st.sampled_from("AZaz09-_=+/é"))
def test_a_bent_cursor_is_refused(at: int, char: str) -> None:
    """Any changed character is noticed."""
    text = Query().cursor_after(PLACE)
    at %= len(text)
    bent = text[:at] + char + text[at + 1 :]
    if bent.rstrip("=") == text:
        return
    read, code = None, ""
    try:
        read = ask(("cursor", bent)).cursor
    except CallerError as error:
        code = error.code
    # The last character has bits that carry nothing: there, and only there, another spelling reads the same.
    assert code == "query-cursor-bad" or (read == PLACE and at == len(text) - 1)


@pytest.mark.parametrize(
    "place",
    [
        b"[]",
        b"null",
        b"[1,2,3]",
        b'[1,2,"x",1,1,0,""]',
        b"[true,1,1,1,1,0,1]",
        b'[1,2,"' + b"0" * 32 + b'",-1,1,0,""]',
        b'[1,2,"' + b"0" * 32 + b'",1,1,0,"a\\u0000"]',
        b'[1,2,"' + b"0" * 32 + b'",1,1,0,"' + b"a" * 401 + b'"]',
        b"[" * 200,
    ],
)
def test_a_forged_cursor_is_refused_in_peace(place: bytes) -> None:
    """Even with a right seal, only typed values pass."""
    text = base64.urlsafe_b64encode(Query()._seal(place) + place).decode()
    assert refused(("cursor", text)).code == "query-cursor-bad"


@given(st.lists(st.tuples(st.sampled_from(q.PARAMETERS), st.text(max_size=30)), max_size=4))
def test_any_text_is_a_question_or_one_clear_error(parameters: list[tuple[str, str]]) -> None:
    """No input leads to anything but a Query or a CallerError that renders."""
    query, said = None, ""
    try:
        query = ask(*parameters)
    except CallerError as error:
        said = error.render()[0]
    assert said or (query and parse(query.parameters(), REFERENCE).parameters() == query.parameters())


@pytest.mark.parametrize(
    ("name", "value"),
    [("maturity", "any"), ("maturity", "vecchia"), ("since", "ieri"), ("since", "2026-02-30"), ("since", "20260131"), ("witnessed", "no")],
)  # fmt: skip
def test_what_is_no_age_day_or_yes_is_refused(name: str, value: str) -> None:
    """With the parameter's name; nothing is guessed."""
    assert refused((name, value)).where == name
