"""The ranking and its grants: computed again by an independent script, whatever the applications and the mode."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme import call as calls
from node.domain.programme import grants, published_ranking
from node.domain.programme.call import Call
from node.domain.programme.grants import Account, check_payment, check_revocation, parts_of
from node.domain.programme.published_ranking import Applied, Head, compute, documents
from node.errors import CallerError
from tests import recompute_ranking
from tests.calls_made import CALL_ID, OPENS, a_call, a_sheet, an_entry, applied, call_document

HEAD = Head("6a0f3f4e-8a55-4c0e-9d5c-2a8b8a1b9c02", OPENS + dt.timedelta(days=60), 1)
POINTS = st.integers(0, 20).map(lambda halves: Decimal(halves) / 2)


@st.composite
def many(draw: st.DrawFn) -> list[Applied]:
    """Applications at two offices, some refused, some withdrawn, many of them equal."""
    found = []
    for number in range(1, draw(st.integers(0, 12)) + 1):
        sheets = [
            a_sheet(by, *draw(st.tuples(*[POINTS] * 4)))
            for by in draw(st.sampled_from((("v1", "v2"), ("v1", "v2", "v3"))))
        ]
        entry = an_entry(
            number, sheets, office=draw(st.sampled_from(("p_LE", "cciaa_le"))),
            arrived=OPENS + dt.timedelta(minutes=draw(st.integers(0, 3))),
            requested=Decimal(draw(st.integers(1, 2_000_000))) / 100,
        )  # fmt: skip
        told = applied(
            entry, reasons=draw(st.sampled_from(((), (), (), ("application-late",)))),
            is_withdrawn=draw(st.integers(0, 9)) == 0, network=f"n{draw(st.integers(0, 30))}",
        )  # fmt: skip
        found.append(told)
    return found


@st.composite
def a_document(draw: st.DrawFn) -> dict[str, Any]:
    """A call of any mode and any rule for the last one."""
    mode = draw(st.sampled_from(("score", "arrival", "mixed")))
    threshold = (
        None if mode == "arrival" else draw(st.sampled_from(("50.00", "61.25") if mode == "mixed" else (None, "50.00")))
    )
    return call_document(
        mode=mode, threshold=threshold, last=draw(st.sampled_from(calls.LAST_RULES)), budget="60000.00",
        shares=["40000.00", "20000.00"],
        ties=draw(st.sampled_from((["criterion:innovation", "arrival", "protocol"], ["protocol"]))),
    )  # fmt: skip


def published(call: Call, found: Sequence[Applied]) -> list[dict[str, Any]]:
    """The parts, as a reader of the log has them."""
    read: list[dict[str, Any]] = json.loads(json.dumps(documents(call, HEAD, compute(call, found))))
    return read


@pytest.mark.many
@given(a_document(), many(), st.randoms(use_true_random=False))
def test_a_ranking_is_computed_again_from_what_is_published(
    document: dict[str, Any], found: list[Applied], chance: Any
) -> None:
    """By a script that has nothing of ours, to the byte; and from the same applications in any order."""
    call = calls.parse(document)
    parts = published(call, found)
    rows = [row for part in parts for row in part["rows"]]
    chance.shuffle(found)
    assert published(call, found) == parts
    chance.shuffle(shaken := list(rows))
    assert recompute_ranking.recompute(document, shaken) == rows
    assert recompute_ranking.digest(document) == call.digest
    assert sum(Decimal(row["granted"]) for row in rows) <= call.budget
    assert [row["rank"] for row in rows if row["rank"]] == list(
        range(1, sum(row["rank"] is not None for row in rows) + 1)
    )


@pytest.mark.many
@given(a_document(), many(), st.integers(0, 11))
def test_a_withdrawal_ranks_the_others_anew_and_keeps_their_order(
    document: dict[str, Any], found: list[Applied], at: int
) -> None:
    """Whoever withdraws leaves its place to the next; nobody overtakes anybody, and no points change."""
    call = calls.parse(document)
    if not found:
        return
    gone = found[at % len(found)]
    # A network's second application is its first where that one goes.
    others = [one for one in found if one is gone or one.network != gone.network]
    before = compute(call, others)
    after = compute(call, [replace(one, is_withdrawn=True) if one is gone else one for one in others])
    left = [
        row.entry for row in before if row.rank is not None and row.entry.application_id != gone.entry.application_id
    ]
    assert [row.entry for row in after if row.rank is not None] == left
    points = {row.entry.application_id: row.points for row in after}
    assert all(points[row.entry.application_id] == row.points for row in before if row.entry in left)
    row = next(row for row in after if row.entry.application_id == gone.entry.application_id)
    assert (row.status, row.rank, row.granted) == (grants.WITHDRAWN, None, 0)
    assert not row.entry.sheets


def scored(number: int, points: object, **changes: Any) -> Applied:
    """An application to which two evaluators give so much of everything."""
    return applied(an_entry(number, [a_sheet(by, *[points] * 4) for by in ("v1", "v2")], **changes))


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("partial", [("funded", "20000.00"), ("part-funded", "5000.00"), ("admitted", "0.00"), ("admitted", "0.00")]),
        ("skip", [("funded", "20000.00"), ("admitted", "0.00"), ("funded", "4000.00"), ("admitted", "0.00")]),
        ("stop", [("funded", "20000.00"), ("admitted", "0.00"), ("admitted", "0.00"), ("admitted", "0.00")]),
    ],
)
def test_what_the_budget_no_longer_covers(last: str, expected: list[tuple[str, str]]) -> None:
    """The call says it: the rest in part, the next that fits, or nothing more."""
    call = a_call(
        last=last, budget="25000.00", shares=["15000.00", "10000.00"]
    )  # fmt: skip
    asked = [scored(1, 9), scored(2, 8), scored(3, 7, requested=Decimal(4000)), scored(4, 6, requested=Decimal(9000))]
    rows = compute(call, asked)
    assert [(row.status, str(row.granted.quantize(Decimal("0.01")))) for row in rows] == expected


def test_a_network_s_second_application_is_not_admitted() -> None:
    """Also where the first arrived at the other office."""
    first, second = scored(1, 5, office="cciaa_le"), scored(2, 9)
    rows = compute(a_call(), [replace(second, network="n"), replace(first, network="n")])
    assert [(row.entry.protocol, row.status, row.reasons) for row in rows] == [
        ("2026-000001", "funded", ()),
        ("2026-000002", "not-admitted", ("application-duplicate",)),
    ]
    with pytest.raises(CallerError, match="application-repeated"):
        compute(a_call(), [first, first])


def test_a_large_ranking_goes_in_parts_that_fit() -> None:
    """Each part's rows stay under the bound, and the parts make one ranking again."""
    call = a_call()
    parts = documents(call, HEAD, compute(call, [scored(number, 5) for number in range(1, 301)]))
    assert len(parts) > 1
    assert all(len(calls.encode(part)) < 60_000 for part in parts)
    ordered = published_ranking.whole(parts[::-1])
    assert ordered == parts
    assert published_ranking.whole(parts[1:]) is None
    assert published_ranking.whole([]) is None
    assert published_ranking.whole([*parts, parts[0]]) is None
    assert published_ranking.whole([{**parts[0], "edition": 2}, *parts[1:]]) is None


def test_a_ranking_is_signed_when_all_issuers_have_published_the_same() -> None:
    """A byte more in one of them, or a part that is missing, and it is not."""
    call = a_call()
    parts = documents(call, HEAD, compute(call, [scored(1, 5), scored(2, 6)]))
    other = documents(call, replace(HEAD, edition=2), compute(call, [scored(1, 5), scored(2, 6)]))
    assert published_ranking.signed_by_all(call, {"p_LE": parts, "cciaa_le": parts})
    assert not published_ranking.signed_by_all(call, {"p_LE": parts, "cciaa_le": other})
    assert not published_ranking.signed_by_all(call, {"p_LE": parts})
    assert (parts[0]["appeals_until"], parts[0]["call_id"]) == ("2027-02-18", CALL_ID)


def test_the_row_that_differs_is_named() -> None:
    """The first of them, also where one ranking is longer."""
    call = a_call()
    ours, theirs = (documents(call, HEAD, compute(call, [scored(1, 5), scored(2, points)])) for points in (4, 4.5))
    assert published_ranking.first_difference(ours, ours) == ""
    assert published_ranking.first_difference(ours, theirs) == scored(2, 4).entry.application_id
    short = documents(call, HEAD, compute(call, [scored(1, 5)]))
    assert published_ranking.first_difference(short, ours) == scored(2, 4).entry.application_id


@given(st.integers(0, 10**9), st.lists(st.integers(1, 10**9), min_size=1, max_size=8))
def test_what_is_split_gives_the_whole(amount: int, weights: list[int]) -> None:
    """To the cent, and nobody is a cent away from its part; among nobody there is nothing to split."""
    assert parts_of(Decimal(amount), []) == []
    cents, parts = Decimal(amount) / 100, parts_of(Decimal(amount) / 100, [Decimal(weight) for weight in weights])
    assert sum(parts) == cents
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - cents * weight / sum(weights)) < Decimal("0.0100000001")


def test_issuers_share_a_grant_and_instalments_split_it() -> None:
    """In proportion to what they put in, and as the call says."""
    call = a_call()
    assert grants.shared(call, Decimal("1000.01")) == {"p_LE": Decimal("600.01"), "cciaa_le": Decimal("400.00")}
    assert grants.instalments_of(call, Decimal("1000.01")) == [Decimal("400.00"), Decimal("600.01")]


def test_payments_are_covered_and_revocations_bounded() -> None:
    """All but the first are paid against accepted expenses; what was paid beyond the rest is to be recovered."""
    fresh = Account(Decimal(1000))
    check_payment(fresh, Decimal(400), is_first=True)
    with pytest.raises(CallerError, match="instalment-too-much"):
        check_payment(fresh, Decimal(1001), is_first=True)
    paid = replace(fresh, paid=Decimal(400))
    with pytest.raises(CallerError, match="instalment-uncovered"):
        check_payment(paid, Decimal(600), is_first=False)
    check_payment(replace(paid, accepted=Decimal(400)), Decimal(600), is_first=False)
    for amount in (0, 1001):
        with pytest.raises(CallerError, match="revocation-bad"):
            check_revocation(fresh, Decimal(amount))
    check_revocation(fresh, Decimal(1000))
    assert (paid.to_recover, replace(paid, revoked=Decimal(800)).to_recover) == (0, 200)


def test_moments_are_written_one_way() -> None:
    """And read in no other."""
    assert published_ranking.moment_of(published_ranking.told(OPENS)) == OPENS
    for wrong in (None, "x", "2026-11-20T08:00:00Z", "2026-11-20T08:00:00.000000"):
        with pytest.raises(CallerError, match="moment-bad"):
            published_ranking.moment_of(wrong)
    assert published_ranking.sheet_of("v1", {"innovation": "7.50"}).points["innovation"] == Decimal("7.5")
