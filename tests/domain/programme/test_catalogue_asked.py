"""Questions to the catalogue and to the calls: read as they were asked, written back, refused by the name of their parameter; cursors of another question too."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme import call as rules
from node.domain.programme import call_query, catalogue_query, parameters
from node.domain.programme.announcement import KINDS, LINE_TITLES
from node.domain.query import LIMIT_MAX
from node.errors import CallerError
from node.store.reference import load_territories
from tests.calls_made import a_call

TERRITORIES = load_territories()
TODAY = 20_000
PLACE = catalogue_query.Place(TODAY, 1, 20_030, "3f6c2f8e-1111-4111-8111-111111111111", 7, 3)


def asked(*pairs: tuple[str, str], today: int = TODAY) -> catalogue_query.CatalogueQuery:
    """A question to the catalogue."""
    return catalogue_query.parse(pairs, TERRITORIES, today)


def test_a_question_writes_itself_back() -> None:
    """With the region by its name, words with their spaces put right, a kind in any case; its terms are those of the index."""
    query = asked(("q", " bando   olio "), ("kind", KINDS[0].upper()), ("line", next(iter(LINE_TITLES))), ("region", "Puglia"), ("owner", "p_LE"), ("limit", "7"), ("from", "2027-01-01"), ("until", ""))  # fmt: skip
    assert (query.words, query.region, query.limit, query.last) == ("bando olio", "ITF4", 7, "")
    assert asked(*query.parameters()) == query
    assert query.keys() == [f"kind={KINDS[0]}", f"line={next(iter(LINE_TITLES))}", "own=p_le"]
    assert catalogue_query.days_asked(query) == (dt.date(2027, 1, 1), None)
    assert catalogue_query.day_asked(query, dt.date(2026, 12, 1)) == dt.date(2026, 12, 1)


@pytest.mark.parametrize(
    ("pair", "code"),
    [
        (("colour", "red"), "query-parameter-unknown"),
        (("q", "a" * 5000), "query-value-bad"),
        (("q", "a" * 400), "query-value-bad"),
        (("q", "a\x00b"), "query-value-bad"),
        (("kind", "party"), "query-value-unknown"),
        (("region", "Atlantide"), "query-value-unknown"),
        (("region", "LE"), "query-value-unknown"),
        (("owner", "1 e"), "query-value-bad"),
        (("from", "01/02/2027"), "query-value-bad"),
        (("until", "2027-02-30"), "query-value-bad"),
        (("limit", "0"), "query-value-bad"),
        (("limit", str(LIMIT_MAX + 1)), "query-value-bad"),
        (("limit", "٣"), "query-value-bad"),
        (("cursor", "AAAA"), "query-cursor-bad"),
        (("cursor", "*"), "query-cursor-bad"),
    ],
)
def test_what_can_not_be_asked_is_named(pair: tuple[str, str], code: str) -> None:
    """By the code of its kind."""
    with pytest.raises(CallerError) as caught:
        asked(pair)
    assert caught.value.code == code
    assert pair[0] in {caught.value.where, caught.value.facts.get("name"), "cursor"}


def test_a_parameter_twice_and_days_in_the_wrong_order_are_refused() -> None:
    """Each by its own code."""
    for pairs, code in (
        ((("q", "a"), ("q", "b")), "query-parameter-repeated"),
        ((("from", "2027-02-01"), ("until", "2027-01-31")), "query-value-bad"),
    ):
        with pytest.raises(CallerError) as caught:
            asked(*pairs)
        assert caught.value.code == code


def test_a_cursor_goes_on_with_its_own_question_alone() -> None:
    """For two days: the day by which states are told goes with it."""
    text = asked(("q", "olio")).cursor_after(PLACE)
    query = asked(("q", "olio"), ("cursor", text), today=TODAY + catalogue_query.CURSOR_DAYS)
    assert query.cursor == PLACE
    assert catalogue_query.day_asked(query, dt.date(2099, 1, 1)) == dt.date(1970, 1, 1) + dt.timedelta(days=TODAY)
    for pairs, today in (((("q", "vino"),), TODAY), ((("q", "olio"),), TODAY + catalogue_query.CURSOR_DAYS + 1)):
        with pytest.raises(CallerError, match="query-cursor-bad"):
            asked(*pairs, ("cursor", text), today=today)


@pytest.mark.parametrize(
    "change",
    [{"group": 3}, {"group": -1}, {"key": 10**8}, {"index": -1}, {"index": 2**63}, {"log": -1}, {"item_id": "x"}],
)
def test_a_cursor_holds_no_place_that_there_can_not_be(change: dict[str, Any]) -> None:
    """Its seal is no secret: whoever makes one gets a refusal, and no error of the database."""
    with pytest.raises(CallerError, match="query-cursor-bad"):
        asked(("cursor", asked().cursor_after(replace(PLACE, **change))))


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.text(max_size=5)), max_size=3),
    st.integers(),
    st.text(max_size=9),
)
def test_a_cursor_is_read_as_it_was_made(question: list[tuple[str, str]], number: int, text: str) -> None:
    """By its own question and its own list, and each value as its kind; changed at its end it is refused."""
    made = parameters.cursor(question, b"one\n", [number, text])
    if len(made) > parameters.CURSOR_MAX_CHARS:
        return
    assert parameters.place(question, b"one\n", made, (int, str)) == [number, text]
    for domain, kinds, what in (
        (b"other\n", (int, str), made),
        (b"one\n", (int, int), made),
        (b"one\n", (int, str), made[:-2]),
    ):
        with pytest.raises(CallerError, match="query-cursor-bad"):
            parameters.place(question, domain, what, kinds)


def test_calls_are_asked_for_by_state_and_issuer() -> None:
    """An issuer in any case of its letters; a page goes on after its last call."""
    call = a_call()
    query = call_query.parse([("state", "open"), ("issuer", call.issuers[0].node.upper()), ("limit", "3")])
    assert query.meets(call, rules.OPEN)
    assert not query.meets(call, rules.CLOSED)
    assert not call_query.CallQuery(issuer="nobody").meets(call, rules.OPEN)
    again = call_query.parse([*query.parameters(), ("cursor", query.cursor_after(call))])
    assert again.after == call_query.place_of(call)
    assert call_query.parse([]) == call_query.CallQuery()
    for pair in (("state", "asleep"), ("issuer", "?"), ("limit", "x"), ("cursor", query.cursor_after(call))):
        with pytest.raises(CallerError, match="query-"):
            call_query.parse([pair])


def test_rows_of_a_ranking_come_page_by_page() -> None:
    """Each once, in their order; a cursor of another ranking, or of no place in it, is refused."""
    rows, found, cursor = list(range(25)), [], ""
    while True:
        page, cursor = call_query.parse_rows([("limit", "10"), ("cursor", cursor)]).page(rows, "digest")
        found += page
        if not cursor:
            break
    assert found == rows
    _, cursor = call_query.parse_rows([("limit", "10")]).page(rows, "digest")
    for asked_rows, digest in ((rows, "other"), (rows[:10], "digest")):
        with pytest.raises(CallerError, match="query-cursor-bad"):
            call_query.parse_rows([("limit", "10"), ("cursor", cursor)]).page(asked_rows, digest)
    assert call_query.parse_rows([]).parameters() == ()
    with pytest.raises(CallerError, match="query-parameter-unknown"):
        call_query.parse_nothing([("limit", "1")])
