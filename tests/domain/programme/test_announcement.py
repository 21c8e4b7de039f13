"""What an announcement is: one envelope, days that fit, a state for each day, and a form that says the same."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme import announcement, service_form
from node.domain.programme.announcement import Announcement, State
from node.errors import CallerError
from node.protocol import canonical
from node.store import schemas
from tests.announcements_made import service, session

VECTOR = Path(__file__).resolve().parents[2] / "vectors" / "announcement.v1.json"
DAY = dt.date(2026, 12, 10)
DAYS = st.one_of(st.none(), st.dates(dt.date(2026, 1, 1), dt.date(2027, 12, 31)))
LINES = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "Zs"), include_characters="àèò.,-'"), min_size=1, max_size=80
)
WORDS = LINES.filter(lambda text: text.strip() and "www." not in text.casefold())


def made(document: dict[str, Any]) -> Announcement:
    """A document as its owner announces it first."""
    return announcement.parse({**document, "owner": "p_LE", "revision": 1})


@given(DAYS, DAYS, DAYS, st.dates(dt.date(2026, 1, 1), dt.date(2027, 12, 31)), st.sampled_from(["service", "ranking"]))
def test_every_day_has_one_state_and_states_come_in_order(
    begins: dt.date | None, ends: dt.date | None, deadline: dt.date | None, day: dt.date, kind: str
) -> None:
    """Upcoming, then open, then closed: as days pass nothing opens again."""
    item = replace(made(service()), kind=kind, begins=begins, ends=ends, deadline=deadline)
    order = [State.UPCOMING, State.OPEN, State.CLOSED]
    here, later = (order.index(item.state(day + dt.timedelta(days=n))) for n in (0, 40))
    assert here <= later
    last = deadline or ends
    assert (item.state(day) is State.CLOSED) == (last is not None and last < day)


def test_one_enrols_in_a_session_until_its_deadline_else_until_its_day() -> None:
    """Enrolment is open from the announcement on, whenever the session is held."""
    held = made(session())
    assert [held.state(DAY + dt.timedelta(days=n)) for n in (-300, -1, 0)] == [State.OPEN, State.OPEN, State.CLOSED]
    free = made(session(deadline=None))
    assert [free.state(DAY + dt.timedelta(days=n)) for n in (0, 1)] == [State.OPEN, State.CLOSED]


@given(
    st.dictionaries(st.sampled_from(["it", "en"]), WORDS, min_size=1),
    st.sets(st.sampled_from(["ITF4", "ITC1", "ITH1"])),
)
def test_a_document_survives_being_read_and_written(title: dict[str, str], regions: set[str]) -> None:
    """Canonical bytes to value to the same bytes; the revision alone makes no difference in what is said."""
    document = announcement.composed(
        {**service(title={"it": "x", **title}, regions=sorted(regions)), "owner": "p_LE", "revision": 3}
    )
    read = announcement.parse(document)
    assert announcement.build(read) == document
    assert canonical.dumps(announcement.build(read)) == canonical.dumps(document)
    assert announcement.is_same(read, replace(read, revision=4))
    assert not announcement.is_same(read, replace(read, ends=DAY))


def test_letters_and_accents_typed_apart_are_put_together() -> None:
    """Wherever in a document they stand; numbers, days and the rest stay as they are."""
    apart = {"a": "perche\u0301", "b": [{"c": "e\u0300", "d": 1, "e": None, "f": True}]}
    assert announcement.composed(apart) == {"a": "perch\u00e9", "b": [{"c": "\u00e8", "d": 1, "e": None, "f": True}]}


@pytest.mark.parametrize("kind", ["session", "service", "call", "course"])
@pytest.mark.parametrize("text", ["https://truffa.example", "WWW.truffa", "<b>", "a\u202eb", "a\x07b", "", "x" * 201])
def test_no_text_holds_a_link_or_a_hidden_sign(kind: str, text: str) -> None:
    """In the title of any kind; the schema refuses it, at every node alike."""
    schema = json.loads(schemas.folder().joinpath(f"{kind}.v1.json").read_text(encoding="utf-8"))
    assert schema["$defs"]["line"]["pattern"] == json.loads(schemas.folder().joinpath("session.v1.json").read_text(encoding="utf-8"))["$defs"]["line"]["pattern"]  # fmt: skip
    whole = {**service(), "owner": "p_LE", "revision": 1}
    assert schemas.validators()["service/1"].is_valid(whole)
    assert not schemas.validators()["service/1"].is_valid({**whole, "title": {"it": text}})


@pytest.mark.parametrize(
    "unknown", [{"colour": "red"}, {"title": {"it": "x", "de": "y"}}, {"service": {**service()["service"], "url": "x"}}]
)
def test_unknown_keys_are_refused(unknown: dict[str, Any]) -> None:
    """At every depth."""
    assert not schemas.validators()["service/1"].is_valid({**service(), "owner": "p_LE", "revision": 1, **unknown})


FIELDS = {
    "titolo": "Assistenza", "sintesi": "In breve.\r\nDue righe.", "descrizione": "Si fa così.", "come": "Allo sportello.", "linea": "legal",
    "costo": "", "dal": "2026-12-01", "al": "", "titolo_en": "Help",
}  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "cost"),
    [("", "free"), ("0", "free"), ("0,00", "free"), ("120", "120.00"), ("120,5", "120.50"), ("1.250,00 €", "1250.00"), ("1250.75", "1250.75"), ("1.250", "1250.00")],
)  # fmt: skip
def test_a_cost_is_read_as_people_write_it(typed: str, cost: str) -> None:
    """Euro with cents, or free; the document that comes out is valid and comes back as the same form."""
    reading = service_form.read({**FIELDS, "costo": typed}, ["ITF4", "ITF4"], service()["id"])
    assert reading.wrong == ()
    assert reading.document is not None
    assert reading.document["service"]["cost"] == cost
    assert reading.document["regions"] == ["ITF4"]
    whole = {**reading.document, "owner": "p_LE", "revision": 1}
    assert schemas.validators()["service/1"].is_valid(whole)
    again = service_form.read(service_form.fields_of(announcement.parse(whole)), ["ITF4"], whole["id"])
    assert again.document == reading.document


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"titolo": " "}, "titolo"),
        ({"titolo": "x" * 201}, "titolo"),
        ({"sintesi_en": "www.x"}, "sintesi_en"),
        ({"come": "Su https://x.example"}, "come"),
        ({"linea": "altro"}, "linea"),
        ({"costo": "dieci"}, "costo"),
        ({"costo": "-1"}, "costo"),
        ({"dal": "2026-02-30"}, "dal"),
        ({"al": "2026-11-30"}, "al"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(change: dict[str, str], field: str) -> None:
    """One field, one reason, and no document."""
    reading = service_form.read({**FIELDS, **change}, [], service()["id"])
    assert reading.document is None
    assert [name for name, _ in reading.wrong] == [field]


def test_what_is_no_announcement_is_refused() -> None:
    """Another type, a missing key, a day that is none."""
    for document in (
        {"type": "profile/1"},
        {**service(), "owner": "x"},
        {**session(), "owner": "x", "revision": 1, "ends": "2026-13-01"},
    ):
        with pytest.raises(CallerError) as caught:
            announcement.parse(document)
        assert caught.value.code == "announcement-malformed"


def test_the_vector_is_read_refused_and_told_as_it_says() -> None:
    """What another program may try itself on (PROTOCOL 13): bodies, bodies that break a rule, and the state of each day."""
    vector = json.loads(VECTOR.read_text(encoding="utf-8"))
    for raw in vector["read"]:
        document = canonical.parse(raw.encode(), max_bytes=65_536)
        assert sound(document)
        assert canonical.dumps(announcement.build(announcement.parse(document))).decode() == raw
    for case in vector["refused"]:
        assert not sound(case["document"]), case["why"]
    for case in vector["states"]:
        assert sound(case["document"])
        read = announcement.parse(case["document"])
        assert read.state(dt.date.fromisoformat(case["day"])) == case["state"], case


def sound(document: dict[str, Any]) -> bool:
    """Tell whether a node takes a document into its catalogue."""
    if not schemas.validators()[document["type"]].is_valid(document):
        return False
    try:
        announcement.parse(document)
    except CallerError:
        return False
    return True
