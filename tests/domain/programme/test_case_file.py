"""Rules of case files: states and deeds, what is typed, sums by line, the report."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme import case_file
from node.domain.programme.case_file import LINES, Deed, LineSum, Report, State, TaskState, Urgency
from node.errors import CallerError


def assert_refused(code: str, work: object, *args: object) -> None:
    """A call is refused by its code."""
    with pytest.raises(CallerError) as caught:
        work(*args)  # type: ignore[operator]
    assert caught.value.code == code


def test_the_nine_lines_are_those_of_the_field() -> None:
    """No other, in their order."""
    assert list(LINES) == [
        "technical", "guidance", "design", "management", "governance", "certification", "administrative", "legal", "fiscal",
    ]  # fmt: skip


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("deed", list(Deed))
def test_each_deed_in_each_state_passes_or_says_why_not(state: State, deed: Deed) -> None:
    """Work in an open case alone; of a closed one nothing is done any more."""
    if deed in case_file.may(state):
        case_file.require(state, deed)
        return
    with pytest.raises(CallerError) as caught:
        case_file.require(state, deed)
    wanted = {State.CLOSED: "case-closed", State.SUSPENDED: "case-suspended", State.OPEN: "case-not-suspended"}
    assert caught.value.code == wanted[state]


def test_where_deeds_lead_something_else_may_be_done() -> None:
    """Closed is the end; what stands still can go on."""
    assert not case_file.may(case_file.LEADS[Deed.CLOSE])
    assert Deed.RESUME in case_file.may(case_file.LEADS[Deed.SUSPEND])
    assert Deed.WORK in case_file.may(case_file.LEADS[Deed.RESUME])


@pytest.mark.parametrize(("text", "value"), [("1", "1.00"), ("1,5", "1.50"), ("0.25", "0.25"), (" 24 ", "24.00")])
def test_hours_are_read_as_people_write_them(text: str, value: str) -> None:
    """With a comma or a point."""
    assert case_file.hours(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "0", "0,00", "24,01", "-1", "1e1", "NaN", "1,555", "uno", "١", "1 000"])
def test_what_is_no_day_of_work_is_refused(text: str) -> None:
    """Never rounded, never guessed."""
    assert_refused("case-hours-bad", case_file.hours, text)


@pytest.mark.parametrize(
    ("text", "value"), [("1250", "1250.00"), ("1250,5", "1250.50"), ("1.250,50", "1250.50"), ("1.250", "1250.00"), ("12.5", "12.50")]
)  # fmt: skip
def test_amounts_are_decimals(text: str, value: str) -> None:
    """Points between thousands are none of the number."""
    assert case_file.amount(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "0", "-5", "1.2500", "1,234,5", "Infinity", "1000000000000", "€ 5"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """With what is expected."""
    assert_refused("case-amount-bad", case_file.amount, text)


def test_lines_come_once_and_in_their_order() -> None:
    """However they were ticked; none, and an unknown one, are refused."""
    assert case_file.lines(["fiscal", "technical", "fiscal"]) == ("technical", "fiscal")
    assert_refused("case-line-missing", case_file.lines, [])
    assert_refused("case-line-unknown", case_file.lines, ["plumbing"])
    assert_refused("case-outcome-unknown", case_file.outcome, "won")
    assert_refused("task-state-unknown", case_file.task_state, "late")


@given(st.text(max_size=300))
def test_words_are_one_line_or_refused(text: str) -> None:
    """Nothing unseen stays; what is kept is kept again as it is."""
    try:
        said = case_file.words(text, "titolo", 200, needed=True)
    except CallerError as error:
        assert error.code in ("case-words-missing", "case-words-long")
        return
    assert 0 < len(said) <= 200
    assert "\n" not in said
    assert case_file.words(said, "titolo", 200) == said


def test_a_text_of_several_lines_keeps_them() -> None:
    """Without what turns a line round."""
    assert case_file.lines_of_text("a \r\nb\u202ec\n", "nota", 100) == "a\nb c"


def test_an_appointment_ends_after_it_begins() -> None:
    """And within a week."""
    begins = dt.datetime(2026, 12, 1, 9, 0, tzinfo=dt.UTC)
    made = case_file.meeting(" Incontro ", "Lecce", begins, begins + dt.timedelta(hours=1), "")
    assert (made.title, made.place) == ("Incontro", "Lecce")
    assert_refused("appointment-ends-early", case_file.meeting, "x", "", begins, begins, "")
    assert_refused("appointment-too-long", case_file.meeting, "x", "", begins, begins + dt.timedelta(days=8), "")
    assert_refused("case-words-missing", case_file.meeting, " ", "", begins, begins + dt.timedelta(hours=1), "")


def test_how_near_a_day_is() -> None:
    """Over, soon, calm; what is done waits for nobody."""
    today = dt.date(2026, 12, 1)
    told = [case_file.urgency(TaskState.OPEN, today + dt.timedelta(days=days), today) for days in (-1, 0, 3, 4)]
    assert told == [Urgency.OVER, Urgency.SOON, Urgency.SOON, Urgency.CALM]
    assert case_file.urgency(TaskState.DONE, dt.date(2020, 1, 1), today) is Urgency.CALM
    assert case_file.urgency(TaskState.OPEN, None, today) is Urgency.CALM


@given(
    st.lists(st.tuples(st.sampled_from(list(LINES)), st.decimals("0.01", "24", places=2)), max_size=20),
    st.lists(st.tuples(st.sampled_from(list(LINES)), st.decimals("0.01", "9999", places=2)), max_size=20),
)
def test_sums_by_line_lose_no_cent(hours: list[tuple[str, Decimal]], costs: list[tuple[str, Decimal]]) -> None:
    """The lines add up to the whole, whatever order entries have."""
    made = case_file.sums(["legal"], hours, costs, [("legal", TaskState.DONE), ("legal", TaskState.DROPPED)])
    report = Report("advice-given", "", 3, made, 0, 0, 0)
    assert report.hours == sum((value for _, value in hours), Decimal(0))
    assert report.cost == sum((value for _, value in costs), Decimal(0))
    assert made == case_file.sums(["legal"], reversed(hours), reversed(costs), [("legal", TaskState.DROPPED), ("legal", TaskState.DONE)])  # fmt: skip
    assert [item.line for item in made] == [key for key in LINES if key in {item.line for item in made}]


def test_a_report_says_decimals_as_text() -> None:
    """No float anywhere."""
    item = LineSum("legal", Decimal("1.50"), Decimal("10.00"), 1, 0)
    told = Report("abandoned", "Le imprese rinunciano.", 12, (item,), 2, 3, 1).document()
    assert told == {
        "outcome": "abandoned", "words": "Le imprese rinunciano.", "days": 12, "hours": "1.50", "cost": "10.00", "documents": 2,
        "appointments": 3, "handovers": 1,
        "lines": [{"line": "legal", "hours": "1.50", "cost": "10.00", "tasks_done": 1, "tasks_dropped": 0}],
    }  # fmt: skip
