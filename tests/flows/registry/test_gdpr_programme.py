"""Rights of those who enrolled or were part of an aggregation: found by code and by address, erased, gone after their term."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from node.domain.programme.session import Standing
from node.domain.subject import subject_of
from node.errors import CallerError, NotFoundError
from node.flows.programme import aggregations, sessions
from node.flows.registry import gdpr
from node.flows.registry.acting import acting
from node.flows.upkeep import audit
from tests.every_table import everything
from tests.office_made import NOW, Office
from tests.programme_made import TODAY, firms, opened, sheet, somebody, took_part

NAME, CODE, WHY = "Zefirina Quarantotti", "QRNZRN80A41E506Z", "richiesta dell'interessato"


async def said(office: Office) -> str:
    """All rows of all tables."""
    async with office.pool.acquire() as conn:
        return (await everything(conn)).lower()


async def test_an_address_finds_what_was_left_with_it_and_no_longer_one(office: Office) -> None:
    """Who enrolled without a code is found by the address; one that only ends alike is somebody else's."""
    session_id = await opened(office, seats="1")
    mine = await sessions.enrol(office.pool, session_id, somebody(1, email="a.rossi@enti.example"), NOW)
    other = await sessions.enrol(office.pool, session_id, somebody(2, email="maria.rossi@enti.example"), NOW)
    third = await sessions.enrol(office.pool, session_id, somebody(3, email="a.rossi@enti.example.com"), NOW)
    found = await gdpr.access(office.pool, " A.Rossi@enti.example ")
    assert [row["enrolment_id"] for row in found.found["programme.enrolment"]] == [mine.enrolment_id]
    done = await gdpr.erase(office.pool, office.own, "a.rossi@enti.example", "anna", WHY, NOW)
    assert done.counts == {"programme.enrolment": 1}
    text = await said(office)
    assert "persona numero1" not in text
    assert "maria.rossi@enti.example" in text
    # The seat is free, and the first who waits has it at the next turn.
    assert await sessions.fill(office.pool, NOW) == 1
    row, people = await sessions.read(office.pool, session_id)
    assert {each.enrolment_id for each in people if each.standing is Standing.CONFIRMED} == {other.enrolment_id}
    assert (row.taken, row.waiting) == (1, 1)
    assert third.standing is Standing.WAITING
    with pytest.raises(NotFoundError):
        await gdpr.access(office.pool, "a.rossi@enti.example")


async def test_a_code_finds_and_erases_everything_of_the_programme(office: Office) -> None:
    """In each of its tables; scores, stages and counts stay, and the chain is whole."""
    async with office.pool.acquire() as conn:
        await took_part(conn, NAME, CODE, f"parla con {NAME.upper()} ({CODE})")
    found = await gdpr.access(office.pool, CODE)
    assert {table for table in found.found if table.startswith("programme.")} == {
        "programme.info_session", "programme.enrolment", "programme.expression", "programme.aggregation", "programme.aggregation_member",
        "programme.evaluation", "programme.stage_change",
    }  # fmt: skip
    await gdpr.erase(office.pool, office.own, CODE, "anna", WHY, NOW)
    text = await said(office)
    for word in (NAME, "quarantotti", CODE, "z@example.org", "0832 7654321", "borgolontano"):
        assert word.lower() not in text, word
    assert (await audit.verify(office.pool, office.own.mark.parent)).ok
    (kept,) = await aggregations.list_all(office.pool)
    detail = await aggregations.read(office.pool, kept.aggregation_id)
    assert (detail.evaluations[0].score, detail.evaluations[0].answers[0]["points"]) == (4, 2)


async def test_terms_take_people_and_firms_and_leave_figures(office: Office) -> None:
    """Enrolments a year after their session, aggregations five years after their end: the funnel says the same."""
    session_id = await opened(office)
    made = await sessions.enrol(office.pool, session_id, somebody(1), NOW)
    await sessions.attend(office.pool, session_id, {made.enrolment_id: True}, NOW + dt.timedelta(days=10))
    with acting("anna"):
        interest = aggregations.Interest(
            "Vendere insieme.", "Anna Prova", "anna.prova@enti.example", firms="Frantoio Segreto; ; Lecce"
        )
        expression = await aggregations.express(office.pool, interest, TODAY, "anna", NOW)
        found = await aggregations.take_up(office.pool, expression, "Nome segreto", TODAY, "anna", NOW)
        await aggregations.evaluate(office.pool, found, sheet(), "Parere segreto", TODAY, "anna", NOW)
        dropped = aggregations.Step(aggregations.Stage.DROPPED, TODAY, "motivo segreto")
        await aggregations.take_step(office.pool, found, dropped, "anna", NOW)
        await aggregations.begin(office.pool, "In corso", "Idea", firms(2), TODAY, "anna", NOW)
    before = await aggregations.count(office.pool, NOW + dt.timedelta(days=4000))
    for late, over in ((300, (0, 0, 0)), (380, (1, 0, 0)), (1830, (1, 1, 1))):
        terms = {
            t.what: t.over
            for t in await gdpr.retention(office.pool, office.config, NOW + dt.timedelta(days=late), apply=False)
        }
        assert tuple(terms[name] for name in ("enrolments", "expressions", "aggregations")) == over, late
    for ended in ((1, 1, 1), (0, 0, 0)):
        terms = {
            t.what: t.ended
            for t in await gdpr.retention(office.pool, office.config, NOW + dt.timedelta(days=1830), apply=True)
        }
        assert tuple(terms[name] for name in ("enrolments", "expressions", "aggregations")) == ended
    text = await said(office)
    for word in ("segreto", "persona1@enti.example", "anna.prova@enti.example"):
        assert word not in text, word
    assert "in corso" in text
    after = await aggregations.count(office.pool, NOW + dt.timedelta(days=4000))
    assert (after.levels, after.before) == (before.levels, before.before)
    assert (await audit.verify(office.pool, office.own.mark.parent)).ok
    assert (await sessions.read(office.pool, session_id))[1][0].person.name == ""


@pytest.mark.parametrize("text", ["@", "a@b", "due@enti.example altro@enti.example", "a b@enti.example"])
def test_what_is_no_address_is_no_subject(text: Any) -> None:
    """With a refusal of its own."""
    with pytest.raises(CallerError) as caught:
        subject_of(text)
    assert caught.value.code == "saved-email-bad"
