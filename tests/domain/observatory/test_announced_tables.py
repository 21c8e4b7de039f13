"""The programme in tables, from what is announced: each thing once, in its year, at its place, and nought where there is none."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from node.domain.observatory import codes
from node.domain.observatory.announced import Announced, Applied, Meeting, Opened, tables
from node.domain.observatory.catalogue import INDICATORS
from node.domain.observatory.figures import Table
from node.domain.programme import case_file, grants
from node.store.reference import load_territories

TODAY = dt.date(2026, 12, 1)
PUGLIA, PIEMONTE = ("ITF4",), ("ITC1",)
DAY = TODAY - dt.timedelta(days=1)


def told(found: Announced) -> dict[str, Table]:
    """The tables by name."""
    return {each.ident: each for each in tables(found, load_territories(), TODAY)}


def values(table: Table) -> dict[tuple[str, ...], object]:
    """The numbers that are not nought."""
    return {cell.at: cell.value for cell in table.cells if cell.value}


def test_nothing_announced_tells_nothing() -> None:
    """No table of noughts."""
    assert told(Announced()) == {}


def test_a_session_is_held_once_its_day_is_over() -> None:
    """Today's is still ahead; all others are counted in the year of their day."""
    days = (dt.date(2025, 3, 1), DAY, DAY, TODAY, dt.date(2027, 1, 9))
    found = told(Announced(sessions=[Meeting("p_LE", day, PUGLIA) for day in days]))
    assert values(found["sessions-by-region"]) == {
        ("2025", "ITF4", "held"): 1, ("2026", "ITF4", "held"): 2, ("2026", "ITF4", "ahead"): 1, ("2027", "ITF4", "ahead"): 1,
    }  # fmt: skip
    assert values(found["sessions-by-body"])["2026", "p_LE", "held"] == 2


def test_a_place_is_the_municipality_else_the_one_region_else_not_known() -> None:
    """A session counts in one region, whatever it is announced for."""
    meetings = [
        Meeting("p_LE", DAY, (), "075035"),
        Meeting("p_LE", DAY, PIEMONTE, "075035"),
        Meeting("p_TO", DAY, PIEMONTE),
        Meeting("p_TO", DAY, PIEMONTE, "999999"),
        Meeting("p_TO", DAY, (*PIEMONTE, *PUGLIA)),
        Meeting("p_TO", DAY, ()),
        Meeting("p_TO", DAY, ("ITZ9",)),
    ]
    table = told(Announced(sessions=meetings))["sessions-by-region"]
    assert values(table) == {("2026", "ITF4", "held"): 2, ("2026", "ITC1", "held"): 2, ("2026", "?", "held"): 3}
    # Where there is none that is known, and said.
    assert table.by_place()["2026", "ITG2", "held"].value == 0
    assert len(table.cells) == (len(load_territories().regions) + 1) * 2


def test_courses_and_editions() -> None:
    """Two editions in a year are one course."""
    editions = [Meeting("p_LE", day, PUGLIA, course=course) for day, course in ((DAY, "a"), (TODAY, "a"), (DAY, "b"))]
    found = told(Announced(editions=editions))
    assert values(found["courses-by-body"]) == {("2026", "p_LE"): 2}
    assert values(found["editions-by-body"]) == {("2026", "p_LE", "held"): 2, ("2026", "p_LE", "ahead"): 1}


def test_calls_and_what_came_out_of_them() -> None:
    """A call is each issuer's; an application its office's; grants are exact to the cent."""
    rows = [
        Applied("p_LE", PUGLIA, DAY, "funded", Decimal("1000.10")),
        Applied("p_LE", PUGLIA, DAY, "funded", Decimal("2000.20")),
        Applied("p_BR", PUGLIA, DAY, "below-threshold", Decimal("0.00")),
    ]
    found = told(Announced(calls=[Opened(("p_LE", "p_BR"), PUGLIA, DAY)], applications=rows))
    assert values(found["calls-by-region"]) == {("2026", "ITF4"): 1}
    assert values(found["calls-by-body"]) == {("2026", "p_LE"): 1, ("2026", "p_BR"): 1}
    assert values(found["applications-by-body"]) == {
        ("2026", "p_LE", "funded"): 2, ("2026", "p_BR", "below-threshold"): 1,
    }  # fmt: skip
    assert values(found["grants-by-region"]) == {("2026", "ITF4"): Decimal("3000.30")}
    for table in found.values():
        assert INDICATORS[table.indicator].tier == table.tier == 1
        assert table.source


def test_words_are_those_of_the_programme() -> None:
    """Each code of a ranking and of a case file has its name."""
    assert set(codes.RESULTS) == set(grants.STATUSES)
    assert set(codes.LINES) == set(case_file.LINES)
