"""What a contract has to say, from records with and without each thing; and the draft that is put together from it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from networks_made import firm, member, record

from node.domain.programme import checklist, dossier
from node.domain.programme.checklist import POINTS, Known, Objective, Point, Standing
from node.domain.programme.dossier import Grid, Heading, Paragraph

DAY = dt.date(2026, 12, 1)
MEASURED = (
    Objective("esportare", "fatturato estero", "+10 %", dt.date(2028, 12, 31)),
    Objective("certificare", "certificati"),
)
FUNDED = {
    "has_common_fund": True, "initial_fund": Decimal("10000.00"),
    "members": (member(1, contribution=Decimal("6000.00")), member(2, contribution=Decimal("4000.00"))),
    "has_common_body": True, "common_body_kind": "comitato", "common_body_holder": "Impresa 1 S.r.l.",
}  # fmt: skip


def found(
    measured: tuple[Objective, ...] = MEASURED, clauses: dict[str, str] | None = None, **changes: Any
) -> dict[str, Point]:
    """The points of a record that has everything, but for some changes."""
    made = record(**{**FUNDED, "open_to_new_members": False, **changes})
    return {point.key: point for point in checklist.points(Known(made, measured, clauses or {}))}


def test_the_points_are_those_of_the_law_in_its_order() -> None:
    """Letters a to f, each with at least one."""
    letters = [letter for letter, _ in POINTS.values()]
    assert letters == sorted(letters)
    assert set(letters) == set("abcdef")
    assert [letter for letter, _ in dossier.ARTICLES] == sorted(set(letters))


def test_a_whole_record_lacks_only_what_no_register_says() -> None:
    """Rights and duties, rules of the fund, powers of the body, decisions: texts of the office fill them."""
    points = found()
    missing = {key for key, point in points.items() if point.standing is Standing.MISSING}
    assert missing == {"rights", "fund-rules", "body-powers", "decisions"}
    assert not checklist.is_complete(points.values())
    points = found(clauses=dict.fromkeys(missing, "testo"))
    assert {points[key].standing for key in missing} == {Standing.DRAFTED}
    assert checklist.is_complete(points.values())


@pytest.mark.parametrize(
    ("key", "changes", "about"),
    [
        ("parties", {"members": (member(1), member(2, firm=firm(2, tax_code="")))}, "Impresa 2 S.r.l."),
        ("parties", {"members": (member(1), member(2, firm=firm(2, municipality="", municipality_name="")))}, "Impresa 2 S.r.l."),
        ("parties", {"members": (member(1), member(2, left_on=dt.date(2020, 1, 1)))}, ""),
        ("objectives", {"objectives": (), "_without": True}, ""),
        ("measurement", {"_measure": ""}, "esportare"),
        ("programme", {"programme": ""}, ""),
        ("fund", {"initial_fund": None}, ""),
        ("fund", {"members": (member(1, contribution=Decimal(1)), member(2))}, "Impresa 2 S.r.l."),
        ("duration", {"end_on": None}, ""),
        ("joining", {"open_to_new_members": True}, ""),
        ("body", {"common_body_holder": ""}, ""),
        ("body", {"common_body_kind": ""}, ""),
    ],
)  # fmt: skip
def test_each_thing_that_is_not_there_is_missing(key: str, changes: dict[str, Any], about: str) -> None:
    """With whom it is missing of; with it, the point is there; a text of the office fills it as well."""
    changes = dict(changes)
    objectives = () if changes.pop("_without", False) else MEASURED
    if "_measure" in changes:
        objectives = (replace(MEASURED[0], measure=changes.pop("_measure")), MEASURED[1])
    assert found()[key].standing is Standing.PRESENT
    point = found(objectives, **changes)[key]
    assert (point.standing, point.lacks[0].about) == (Standing.MISSING, about)
    assert found(objectives, {key: "come segue"}, **changes)[key].standing is Standing.DRAFTED


def test_fund_and_body_are_asked_for_where_the_network_has_them() -> None:
    """Others need none, and the draft says so."""
    points = found(has_common_fund=False, has_common_body=False)
    assert {key for key, point in points.items() if point.standing is Standing.NOT_NEEDED} == {
        "fund", "fund-rules", "body", "body-powers",
    }  # fmt: skip


def test_an_aggregation_has_nothing_yet() -> None:
    """Every point waits for its text."""
    points = checklist.points(Known(None, (), {"programme": "Fiere insieme"}))
    assert {point.standing for point in points if point.key != "programme"} == {Standing.MISSING}
    made = dossier.blocks("Olio del Salento", None, points, "Provincia", DAY)
    assert made[0] == Heading(0, "Contratto di rete «Olio del Salento»")
    assert Paragraph("Fiere insieme") in made


def test_amounts_are_written_as_contracts_write_them() -> None:
    """Points between thousands, a comma, two decimals."""
    assert checklist.euro(Decimal("1234567.8")) == "1.234.567,80 euro"


def test_a_draft_holds_every_fact_and_names_what_is_missing() -> None:
    """In its place, marked, and again in a table at the end; the same facts give the same draft."""
    points = found()
    made = dossier.blocks("x", record(**FUNDED), list(points.values()), "Provincia di Lecce", DAY)
    assert made == dossier.blocks("x", record(**FUNDED), list(points.values()), "Provincia di Lecce", DAY)
    (parties,) = [
        block for block in made if isinstance(block, Grid) and block.head[0] == "Impresa" and len(block.head) == 5
    ]
    assert [row[0] for row in parties.rows] == ["Impresa 1 S.r.l.", "Impresa 2 S.r.l."]
    texts = [block.text for block in made if isinstance(block, Paragraph)]
    assert "esportare: fatturato estero, traguardo +10 %, entro il 31/12/2028" in texts
    assert "Fondo patrimoniale comune iniziale: 10.000,00 euro" in texts
    marked = [block.text for block in made if isinstance(block, Paragraph) and block.marked]
    assert len(marked) == 4
    assert isinstance(made[-1], Grid)
    assert [row[0] for row in made[-1].rows] == ["lettera c)", "lettera c)", "lettera e)", "lettera f)"]
