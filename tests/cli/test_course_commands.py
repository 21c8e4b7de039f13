"""``rete course`` as an officer types it: from the file of a course to a certificate that is checked."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.test_log_commands import read, rete
from tests.courses_made import COURSE
from tests.federation_made import Clock, Town, federation

BY = ("--by", "anna")


@pytest.fixture
async def town(server: str, tmp_path: Path) -> AsyncIterator[Town]:
    """One node; commands read the true clock."""
    async with federation(server, tmp_path, Clock(dt.datetime.now(dt.UTC)), ["p_LE"]) as (made,):
        yield made


@pytest.mark.timeout(180)
async def test_a_course_from_its_file_to_a_certificate(town: Town, tmp_path: Path) -> None:
    """Written, opened, announced, enrolled in, attended, concluded, certified, verified; each command with its documented keys."""
    file = tmp_path / "corso.json"
    texts = {
        "title": COURSE.title,
        "summary": COURSE.summary,
        "how": COURSE.how,
        "regions": ["ITF4"],
        "trainers": list(COURSE.trainers),
    }
    file.write_text(
        json.dumps({name: texts[name] if isinstance(texts[name], list) else dict(texts[name]) for name in texts}),
        encoding="utf-8",
    )
    course_id = (await read(town, "course", "add", str(file), *BY))["course_id"]
    today = dt.datetime.now(dt.UTC).date()
    days = ("--begins", str(today), "--ends", str(today), "--deadline", str(today))
    opened = await read(
        town, "course", "edition", course_id, "--code", "a", "--seats", "1", *days, "--session", f"{today} 09:30 Sala", "--trainer", "Docente Prova", *BY
    )  # fmt: skip
    edition_id = opened["edition_id"]
    assert await read(town, "course", "announce", course_id, *BY) == {"course_id": course_id}
    enrol = ("course", "enrol", course_id, "a", "--region", "ITF4", "--section", "C")
    status, _, err = await rete(town, *enrol, "--name", "Persona Prova", "--email", "a@example.org", "--json")
    assert (status, "course-consent" in err) == (1, True)
    first = await read(town, *enrol, "--name", "Persona Prova", "--email", "a@example.org", "--consent")
    second = await read(town, *enrol, "--name", "Persona Seconda", "--email", "b@example.org", "--consent")
    assert (first["standing"], second["standing"], len(first["token"])) == ("placed", "waiting", 43)
    assert (await read(town, "course", "seats", edition_id, "2", *BY))["seats"] == 2
    assert (await read(town, "course", "leave", second["enrolment_id"]))["standing"] == "cancelled"
    assert [e["standing"] for e in (await read(town, "course", "enrolments"))["enrolments"]] == ["cancelled", "placed"]
    (session,) = (await read(town, "course", "show", edition_id))["sessions"]
    marked = await read(town, "course", "attend", session["session_id"], "--present", first["enrolment_id"], *BY)
    assert marked == {"edition_id": edition_id, "marked": 1}
    notes = tmp_path / "appunti.txt"
    notes.write_text("Il contratto di rete.\n", encoding="utf-8")
    (material,) = (await read(town, "course", "materials", edition_id, "--add", str(notes), *BY))["materials"]
    assert material["file_name"] == "appunti.txt"
    assert (await read(town, "course", "conclude", edition_id, *BY))["state"] == "held"
    told = await read(town, "course", "questionnaire", edition_id, *BY)
    assert told == {"released": None, "answers": 0, "questions": []}
    out = tmp_path / "attestati"
    made = await read(town, "course", "certify", edition_id, "--out", str(out), *BY)
    assert made == {"edition_id": edition_id, "issued": 1, "certificates": 1, "files": 1}
    (pdf,) = out.iterdir()
    assert pdf.read_bytes().startswith(b"%PDF-1.7")
    assert await read(town, "course", "verify", "A" * 27, "--name", "Persona Prova") == {"is_valid": False}
    (listed,) = (await read(town, "course", "list"))["editions"]
    assert (listed["placed"], listed["waiting"], listed["state"]) == (1, 0, "held")
    for words in (("list",), ("show", edition_id), ("enrolments",), ("materials", edition_id, *BY)):
        status, text, err = await rete(town, "course", *words)
        assert (status, bool(text)) == (0, True), err
