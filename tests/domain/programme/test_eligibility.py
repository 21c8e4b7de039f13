"""Who may apply: every reason against an application, and a network's second."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme import eligibility
from node.domain.programme.call import CLOSED, OPEN, UNENDORSED, Standing
from node.domain.programme.eligibility import (
    Aid,
    Applicant,
    Arrival,
    Undertaking,
    over_ceiling,
    reasons_against,
    repeated,
)
from tests.calls_made import CLOSES, OPENS, a_call, call_document

HOUR = dt.timedelta(hours=1)
RULES = call_document()["rules"]
CALL = a_call(rules={**RULES, "members_max": 9, "provinces": ["LE"], "kinds": ["contract"], "documents": ["contract"]})


def applicant(**changes: Any) -> Applicant:
    """One against which there is nothing."""
    told: dict[str, Any] = {
        "kind": "contract", "members": 3, "provinces": frozenset({"LE", "TA"}), "requested": Decimal("20000.00"),
        "documents": frozenset({"contract", "other"}),
        "undertakings": (Undertaking("a", Decimal("12000.00")), Undertaking("b", Decimal("8000.00"))),
    }  # fmt: skip
    return Applicant(**{**told, **changes})


def against(
    moment: dt.datetime = OPENS, state: str = OPEN, has_applied: bool = False, **changes: Any
) -> tuple[str, ...]:
    """The reasons against an application."""
    return reasons_against(CALL, Standing(state), applicant(**changes), moment, has_applied=has_applied)


def test_a_good_application_takes_part() -> None:
    """Nothing speaks against it."""
    assert against() == ()
    assert eligibility.is_taking(Standing(OPEN))
    assert not eligibility.is_taking(Standing(CLOSED))


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (eligibility.NOT_ENDORSED, {"state": UNENDORSED}),
        (eligibility.EARLY, {"moment": OPENS - HOUR}),
        (eligibility.LATE, {"moment": CLOSES}),
        (eligibility.DUPLICATE, {"has_applied": True}),
        (eligibility.FEW, {"members": 2}),
        (eligibility.MANY, {"members": 10}),
        (eligibility.ELSEWHERE, {"provinces": frozenset({"TO"})}),
        (eligibility.KIND, {"kind": "entity"}),
        (eligibility.DOCUMENTS, {"documents": frozenset({"other"})}),
        (eligibility.PARTS, {"undertakings": ()}),
        (eligibility.PARTS, {"undertakings": (Undertaking("a", Decimal("19999.99")),)}),
        (eligibility.PARTS, {"undertakings": (Undertaking("a", Decimal(30000)), Undertaking("b", Decimal(-10000)))}),
        (eligibility.AMOUNT, {"requested": Decimal("20000.01"), "undertakings": (Undertaking("a", Decimal("20000.01")),)}),
        (eligibility.AMOUNT, {"requested": Decimal(), "undertakings": (Undertaking("a", Decimal()),)}),
    ],
)  # fmt: skip
def test_each_reason_has_its_code_and_sentence(code: str, changes: dict[str, Any]) -> None:
    """Alone where it is alone."""
    assert against(**changes) == (code,)
    assert eligibility.told([code]) == [eligibility.REASONS[code]]


def test_all_reasons_are_told_at_once() -> None:
    """Nobody learns of the second by putting the first right."""
    assert against(CLOSES, members=1, kind="entity") == (eligibility.LATE, eligibility.FEW, eligibility.KIND)


def test_the_ceiling_is_of_each_single_undertaking() -> None:
    """What it had in three years, and its part, are together at most the ceiling; older aid does not count."""
    day = OPENS.date()
    before = Aid(day - dt.timedelta(days=100), Decimal("288000.00"))
    old = Aid(eligibility.years_before(day, 3), Decimal("288000.00"))
    assert against(undertakings=(Undertaking("a", Decimal(12000), (before,)), Undertaking("b", Decimal(8000)))) == ()
    assert (
        against(undertakings=(Undertaking("a", Decimal(12000), (before, old)), Undertaking("b", Decimal(8000)))) == ()
    )
    more = Aid(day, Decimal("0.01"))
    assert against(
        undertakings=(Undertaking("a", Decimal(12000), (before, more)), Undertaking("b", Decimal(8000)))
    ) == (eligibility.OVER_CEILING,)
    # Two firms of one undertaking are one.
    twice = (Undertaking("a", Decimal(12000), (before,)), Undertaking("a", Decimal(8000)))
    assert over_ceiling(CALL, twice, day) == ["a"]


def test_three_years_before_the_last_of_february() -> None:
    """A day that the year has not is the one before."""
    assert eligibility.years_before(dt.date(2028, 2, 29), 3) == dt.date(2025, 2, 28)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.sampled_from(("p_LE", "cciaa_le"))), max_size=12)
)
def test_of_a_network_the_first_application_stands_at_whatever_office(told: list[tuple[str, int, str]]) -> None:
    """Whatever the order in which they are handed in, exactly one of each network is left."""
    found = [
        Arrival(str(at), network, OPENS + minute * HOUR, office, f"2026-{at:06}")
        for at, (network, minute, office) in enumerate(told)
    ]
    again = repeated(found)
    assert again == repeated(found[::-1])
    left = [one for one in found if one.application_id not in again]
    assert sorted(one.network for one in left) == sorted({one.network for one in found})
    for one in left:
        assert all(one.arrived <= other.arrived for other in found if other.network == one.network)
