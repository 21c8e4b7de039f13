"""A joint call: what is refused in its text, and when it is open."""

from __future__ import annotations

import copy
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme import call as calls
from node.domain.programme.call import ANNOUNCED, CLOSED, CONTESTED, OPEN, UNENDORSED, parse, standing
from node.errors import CallerError
from tests.calls_made import CLOSES, OPENS, WEIGHTS, a_call, call_document

SECOND = dt.timedelta(seconds=1)


def test_a_call_is_read_whole() -> None:
    """Every rule of the document is a value, and the first issuer leads."""
    call = a_call()
    assert (call.lead, call.is_scored, call.opens, call.closes) == ("p_LE", True, OPENS, CLOSES)
    assert call.budget == sum((issuer.share for issuer in call.issuers), Decimal())
    assert call.rules.ceiling == calls.DE_MINIMIS_CEILING
    assert call.digest == calls.digest_of(call_document())


CRITERION = {"code": "innovation", "title": {"it": "Innovazione"}, "weight": 100}
ELIGIBLE = call_document()["rules"]
WRONG: list[dict[str, Any]] = [
    {"v": 2},
    {"v": True},
    {"id": "no"},
    {"id": "00000000-0000-1000-8000-000000000000"},
    {"id": 7},
    {"title": {"en": "only"}},
    {"title": {"it": " "}},
    {"title": {"it": "x" * 201}},
    {"text": "testo"},
    {"issuers": ["p_LE"], "shares": ["200000.00"]},
    {"issuers": "p_LE"},
    {"shares": ["200000.00"]},
    {"shares": ["100000.00", 100000]},
    {"issuers": ["p_LE", "p_LE"]},
    {"issuers": ["p_LE", "7"]},
    {"eligibility": {"it": ""}},
    {"how": None},
    {"regions": ["Puglia"]},
    {"regions": ["ITF4", "ITC1"]},
    {"budget": "200000.01"},
    {"budget": "200000"},
    {"budget": 200000},
    {"opens": "2026-11-20T08:00:00+01:00"},
    {"opens": "2026-13-20T08:00:00Z"},
    {"opens": 20261120},
    {"closes": "2026-11-20T08:00:00Z"},
    {"mode": "luck"},
    {"mode": 1},
    {"mode": "mixed"},
    {"mode": "arrival", "threshold": "60.00"},
    {"threshold": "100.01"},
    {"threshold": 60},
    {"criteria": []},
    {"criteria": [CRITERION, CRITERION]},
    {"criteria": [{**CRITERION, "weight": 99}]},
    {"criteria": [{**CRITERION, "weight": 100.0}]},
    {"criteria": [{**CRITERION, "code": "No"}]},
    {"criteria": [{**CRITERION, "weight": 50}, {**CRITERION, "weight": 50}], "ties": ["protocol"]},
    {"scale": 0},
    {"evaluators": 1},
    {"evaluators": True},
    {"rounding": {"mode": "half-up", "digits": 2}},
    {"ties": []},
    {"ties": ["arrival"]},
    {"ties": ["criterion:unknown", "protocol"]},
    {"ties": ["arrival", "arrival", "protocol"]},
    {"ties": [1, "protocol"]},
    {"last": "all"},
    {"max_grant": "0.00"},
    {"max_grant": "200000.01"},
    {"rules": {}},
    {"rules": {**ELIGIBLE, "members_min": 1}},
    {"rules": {**ELIGIBLE, "members_max": 2}},
    {"rules": {**ELIGIBLE, "provinces": ["LE", "BR"]}},
    {"rules": {**ELIGIBLE, "provinces": ["Lecce"]}},
    {"rules": {**ELIGIBLE, "kinds": []}},
    {"rules": {**ELIGIBLE, "kinds": ["circle"]}},
    {"rules": {**ELIGIBLE, "de_minimis": {}}},
    {"rules": {**ELIGIBLE, "de_minimis": {"ceiling": "-1.00", "years": 3}}},
    {"appeals_days": -1},
    {"instalments": []},
    {"instalments": [50, 40]},
]


@pytest.mark.parametrize("changes", WRONG, ids=lambda changes: str(changes)[:50])
def test_what_no_call_may_say_is_refused(changes: dict[str, Any]) -> None:
    """Under one code, with the field that is wrong."""
    with pytest.raises(CallerError) as refused:
        parse(call_document(**changes))
    assert refused.value.code == "call-bad"
    assert refused.value.where


@pytest.mark.parametrize("document", [None, [], {}, {**call_document(), "more": 1}])
def test_what_is_no_call_is_refused(document: Any) -> None:
    """Missing and foreign fields too."""
    with pytest.raises(CallerError, match="call-bad"):
        parse(document)


def test_modes_with_and_without_a_threshold() -> None:
    """Mixed has one, by score may have one, by arrival has none."""
    assert a_call(mode="mixed", threshold="60.00").threshold == 60
    assert a_call(threshold="60.00").threshold == 60
    assert not a_call(mode="arrival").is_scored


@given(st.lists(st.integers(1, 100), min_size=1, max_size=12))
def test_weights_give_a_hundred_or_there_is_no_call(weights: list[int]) -> None:
    """Whatever their number."""
    criteria = [{"code": f"c{at}", "title": {"it": "x"}, "weight": weight} for at, weight in enumerate(weights)]
    document = call_document(criteria=criteria, ties=["protocol"])
    if sum(weights) == 100:
        assert sum(criterion.weight for criterion in parse(document).criteria) == 100
    else:
        with pytest.raises(CallerError, match="call-bad"):
            parse(document)


@given(st.permutations(list(WEIGHTS)))
def test_the_digest_is_of_the_meaning(order: list[str]) -> None:
    """The order of keys changes nothing, that of criteria is the text's own."""
    document = call_document()
    assert calls.digest_of(dict(sorted(document.items(), reverse=True))) == calls.digest_of(document)
    document["criteria"] = sorted(document["criteria"], key=lambda criterion: order.index(criterion["code"]))
    assert (calls.digest_of(document) == calls.digest_of(call_document())) == (order == list(WEIGHTS))


def test_a_call_opens_when_every_issuer_has_endorsed_the_same_bytes() -> None:
    """One alone, or two that differ by a byte, open nothing; two live texts of one issuer contradict each other."""
    call = a_call()
    changed = copy.deepcopy(call_document())
    changed["text"]["it"] += "."
    other = calls.digest_of(changed)
    now, both = OPENS, {"p_LE": [call.digest], "cciaa_le": [call.digest]}
    assert standing(call, {}, now).missing == ("p_LE", "cciaa_le")
    assert standing(call, {"p_LE": [call.digest]}, now).state == UNENDORSED
    assert standing(call, {**both, "cciaa_le": [other]}, now).differing == ("cciaa_le",)
    assert standing(call, {**both, "cciaa_le": [call.digest, other]}, now).state == CONTESTED
    assert not standing(call, {**both, "cciaa_le": [other]}, now).is_endorsed
    # What a stranger says is nobody's endorsement.
    assert standing(call, {**both, "cmto": [other]}, now).state == OPEN
    assert standing(call, {"p_LE": [call.digest], "cmto": [call.digest]}, now).state == UNENDORSED


def test_a_call_is_open_from_its_opening_to_just_before_its_closing() -> None:
    """To the second."""
    call = a_call()
    both = {"p_LE": [call.digest], "cciaa_le": [call.digest]}
    states = [standing(call, both, now).state for now in (OPENS - SECOND, OPENS, CLOSES - SECOND, CLOSES)]
    assert states == [ANNOUNCED, OPEN, OPEN, CLOSED]
    assert standing(call, both, CLOSES).is_endorsed
