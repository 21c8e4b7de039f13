"""``rete session``, ``rete aggregation`` and ``rete pipeline`` as an officer types them."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.domain.programme.aggregation import CHECKLIST
from node.domain.programme.firm_line import lines_of
from tests.cli.test_log_commands import read, rete
from tests.federation_made import Clock, Town, federation
from tests.programme_made import firms


@pytest.fixture
async def town(server: str, tmp_path: Path) -> AsyncIterator[Town]:
    """One node."""
    async with federation(server, tmp_path, Clock(), ["p_LE"]) as (made,):
        yield made


@pytest.mark.timeout(120)
async def test_a_session_from_plan_to_attendance(town: Town) -> None:
    """Planned, announced, enrolled to, counted, called off; what is wrong says which option."""
    # The commands have the machine's clock.
    day = (dt.datetime.now(dt.UTC) + dt.timedelta(days=9)).date().isoformat()
    plan = ("--title", "Fare rete", "--day", day, "--begins", "10:00", "--ends", "12:00", "--seats", "1", "--place", "Sala", "--summary", "Contratti.")  # fmt: skip
    status, _, err = await rete(town, "session", "add", *plan, "--municipality", "Atlantide")
    assert (status, "municipality-unknown" in err) == (1, True)
    made = (await read(town, "session", "add", *plan, "--municipality", "Lecce"))["session_id"]
    assert await read(town, "session", "announce", made) == {"session_id": made, "state": "open", "announced": True}
    first = await read(town, "session", "enrol", made, "--name", "Anna Prova", "--email", "anna@enti.example")
    second = await read(town, "session", "enrol", made, "--name", "Bruno Prova", "--email", "bruno@enti.example")
    assert (first["standing"], second["standing"]) == ("confirmed", "waiting")
    done = await read(town, "session", "give-back", first["enrolment_id"])
    assert done["promoted"] == [second["enrolment_id"]]
    changed = await read(town, "session", "change", made, "--seats", "5")
    assert (changed["seats"], changed["taken"], changed["title"]) == (5, 1, "Fare rete")
    status, _, err = await rete(town, "session", "attend", made, "--came", second["enrolment_id"])
    assert (status, "session-not-begun" in err) == (1, True)
    shown = await read(town, "session", "show", made)
    assert [(p["name"], p["standing"]) for p in shown["enrolments"]] == [
        ("Bruno Prova", "confirmed"),
        ("Anna Prova", "cancelled"),
    ]
    (listed,) = (await read(town, "session", "list", "--coming"))["sessions"]
    assert (listed["state"], listed["taken"]) == ("open", 1)
    assert await read(town, "session", "cancel", made) == {"session_id": made, "state": "cancelled"}
    assert (await rete(town, "session", "list"))[0] == 0


@pytest.mark.timeout(120)
async def test_an_aggregation_from_interest_to_accompaniment(town: Town) -> None:
    """Expressed, taken up, evaluated, accompanied; the pipeline counts it, and what can't be says so."""
    given = [word for line in lines_of(firms(3)).splitlines() for word in ("--firm", line)]
    expressed = (await read(town, "aggregation", "express", "--text", "Vendere.", "--person", "Anna Prova", *given))[
        "expression_id"
    ]
    found = await read(town, "aggregation", "add", "--name", "Concerto", "--expression", expressed)
    key = found["aggregation_id"]
    assert (found["stage"], found["firms"], found["region"]) == ("potential", 3, "ITF4")
    answers = [word for c in CHECKLIST for word in ("--answer", f"{c.ident}=4:motivo: {c.ident}")]
    status, _, err = await rete(town, "aggregation", "evaluate", key, *answers[2:])
    assert (status, "evaluation-incomplete" in err) == (1, True)
    made = await read(town, "aggregation", "evaluate", key, *answers, "--conclusion", "Bene")
    assert (made["score"], made["advised"], made["stage"]) == ("80.00", True, "evaluated")
    status, _, err = await rete(town, "aggregation", "step", key, "signed")
    assert (status, "aggregation-step-bad" in err) == (1, True)
    step = await read(town, "aggregation", "step", key, "accompanied")
    assert step["network_id"]
    status, _, err = await rete(town, "aggregation", "link", key, "x")
    assert (status, "aggregation-step-bad" in err) == (1, True)
    shown = await read(town, "aggregation", "show", key)
    assert [s["stage"] for s in shown["steps"]] == ["potential", "evaluated", "accompanied"]
    assert shown["evaluations"][0]["score"] == "80.00"
    other = await read(town, "aggregation", "add", "--name", "Altra", "--idea", "Idea", "--firm", "Uno; ; Lecce")
    other_key = other["aggregation_id"]
    assert (await read(town, "aggregation", "change", other_key, "--name", "Diversa"))["name"] == "Diversa"
    assert (await read(town, "aggregation", "step", other_key, "dropped", "--reason", "rinuncia"))["stage"] == "dropped"
    declined = (await read(town, "aggregation", "express", "--text", "No.", "--person", "Anna", "--firm", "X"))[
        "expression_id"
    ]
    await read(town, "aggregation", "decline", declined, "--reason", "fuori tema")
    assert len((await read(town, "aggregation", "list", "--expressions"))["expressions"]) == 2
    assert (await read(town, "aggregation", "list", "--proposals"))["proposals"] == []
    assert len((await read(town, "aggregation", "list", "--stage", "accompanied"))["aggregations"]) == 1
    told = await read(town, "pipeline")
    assert [(s["stage"], s["reached"], s["here"], s["dropped"]) for s in told["stages"]] == [
        ("potential", 2, 0, 1), ("evaluated", 1, 0, 0), ("accompanied", 1, 1, 0), ("signed", 0, 0, 0), ("registered", 0, 0, 0),
    ]  # fmt: skip
    assert (told["expressions"], told["dropped"], told["stages"][1]["median_days"]) == (2, 1, "0")
    for words in (
        ("pipeline",),
        ("aggregation", "list"),
        ("aggregation", "show", key),
        ("aggregation", "list", "--expressions"),
    ):
        assert (await rete(town, *words))[0] == 0, words
