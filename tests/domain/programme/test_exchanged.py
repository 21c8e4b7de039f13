"""What issuing offices tell each other: read back as it was said, and refused where it could not be said here."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from node.domain.programme import exchanged
from node.domain.programme.eligibility import Aid, Undertaking
from node.domain.programme.exchanged import Heading, Told
from node.errors import CallerError
from tests.calls_made import CLOSES, OPENS, a_call, a_sheet, an_entry, applied

CALL = a_call()
HEADING = Heading("cciaa_le", "p_LE", CLOSES + dt.timedelta(hours=1), 1, 2)
TOLD = Told(
    applied(an_entry(1, [a_sheet("cciaa_le-1", 1, 2, 3, 4)], office="cciaa_le")),
    (Undertaking("01234567890", Decimal("20000.00"), (Aid(dt.date(2025, 1, 2), Decimal("7.50")),)),),
)


def test_what_is_said_is_read_back() -> None:
    """An application with its facts, and the number of all."""
    assert exchanged.parse(CALL, exchanged.build(CALL, HEADING, TOLD)) == (HEADING, TOLD)
    count = Heading("cciaa_le", "p_LE", HEADING.at, 0, 2)
    assert exchanged.parse(CALL, exchanged.build(CALL, count, None)) == (count, None)


def put(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    """Something else in one place."""

    def change(document: dict[str, Any]) -> None:
        at: Any = document
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = to

    return change


ONE = ("application",)
SHEET = {"by": "v1", "points": {}}


@pytest.mark.parametrize(
    "change",
    [
        put("v", to=2),
        put("v", to=True),
        put("more", to=1),
        put("call", to="0" * 64),
        put("call_id", to="x"),
        put("n", to="1"),
        put("n", to=3),
        put("n", to=0),
        put("from", to="cmto"),
        put("to", to="cmto"),
        put("at", to="2026"),
        put("application", to=None),
        put("application", to={}),
        put(*ONE, "id", to="1"),
        put(*ONE, "protocol", to="1"),
        put(*ONE, "network", to=""),
        put(*ONE, "network", to="x" * 601),
        put(*ONE, "reasons", to=["because"]),
        put(*ONE, "reasons", to="no"),
        put(*ONE, "withdrawn", to=0),
        put(*ONE, "requested", to="20000"),
        put(*ONE, "requested", to="20000.01"),
        put(*ONE, "arrived", to="x"),
        put(*ONE, "arrived", to="2026-12-20T11:00:00.000000Z"),
        put(*ONE, "sheets", to=None),
        put(*ONE, "sheets", to=[{"by": "v1"}]),
        put(*ONE, "sheets", to=[SHEET]),
        put(*ONE, "sheets", 0, "by", to="1 2"),
        put(*ONE, "sheets", 0, "by", to=7),
        put(*ONE, "sheets", 0, "points", "innovation", to="10.01"),
        put(*ONE, "sheets", 0, "points", "innovation", to=7),
        put(*ONE, "sheets", 0, "points", to=[]),
        put(*ONE, "undertakings", to=7),
        put(*ONE, "undertakings", 0, "code", to="a b"),
        put(*ONE, "undertakings", 0, "part", to="1"),
        put(*ONE, "undertakings", 0, "aids", to=[["2025-02-30", "1.00"]]),
        put(*ONE, "undertakings", 0, "aids", to=[["2025-02-03"]]),
    ],
)
def test_what_no_office_can_say_is_refused(change: Callable[[dict[str, Any]], None]) -> None:
    """Under one code."""
    document = copy.deepcopy(exchanged.build(CALL, HEADING, TOLD))
    change(document)
    with pytest.raises(CallerError, match="sheet-bad"):
        exchanged.parse(CALL, document)


def test_an_evaluator_speaks_once() -> None:
    """Two sheets under one name are refused, and more than five."""
    for count, aliases in ((2, ["v1", "v1"]), (6, [f"v{at}" for at in range(6)])):
        document = exchanged.build(CALL, HEADING, TOLD)
        sheet = document["application"]["sheets"][0]
        document["application"]["sheets"] = [{**sheet, "by": aliases[at]} for at in range(count)]
        with pytest.raises(CallerError, match="sheet-bad"):
            exchanged.parse(CALL, document)


def test_a_late_one_may_be_told_with_its_reason() -> None:
    """What takes no part may have come at any time, and ask anything."""
    late = Told(
        applied(an_entry(1, arrived=CLOSES, requested=Decimal(0), office="cciaa_le"), reasons=("application-late",)), ()
    )
    assert exchanged.parse(CALL, exchanged.build(CALL, HEADING, late))[1] == late
    assert OPENS < CLOSES
