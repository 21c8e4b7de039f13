"""iCalendar: lines of 75 octets, texts that begin no line of their own, hours of Italy; read back by a reader of our own."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme import calendar
from node.domain.programme.calendar import Entry
from tests.calendar_read import read

STAMP = dt.datetime(2026, 12, 1, 9, 0, tzinfo=dt.UTC)
BEGINS = dt.datetime(2026, 12, 3, 10, 30)  # noqa: DTZ001 - local time of Rome
ENDS = dt.datetime(2026, 12, 3, 11, 30)  # noqa: DTZ001 - local time of Rome


def entry(**changes: object) -> Entry:
    """An appointment."""
    fields: dict[str, object] = {
        "uid": "1@p_LE.rete",
        "changed_at": STAMP,
        "begins": BEGINS,
        "ends": ENDS,
        "title": "Incontro",
    }
    return Entry(**{**fields, **changes})  # type: ignore[arg-type]


def test_an_appointment_is_read_back() -> None:
    """With its zone, its count of changes, its text; and one called off as such."""
    raw = calendar.write([entry(place="Via Umberto I, 13; Lecce", text="a\nb", sequence=2, url="https://x/1"), entry(uid="2@x", is_cancelled=True)], "Fascicolo")  # fmt: skip
    found = read(raw)
    first, second = found.events
    assert (first["UID"], first["SEQUENCE"], first["STATUS"], first["SUMMARY"]) == (
        "1@p_LE.rete",
        "2",
        "CONFIRMED",
        "Incontro",
    )
    assert (first["LOCATION"], first["DESCRIPTION"]) == ("Via Umberto I, 13; Lecce", "a\nb")
    assert first["DTSTART;TZID=Europe/Rome"] == "20261203T103000"
    assert first["DTSTAMP"] == "20261201T090000Z"
    assert second["STATUS"] == "CANCELLED"
    assert found.head["VERSION"] == "2.0"
    assert found.zones == ["Europe/Rome"]


def test_a_day_is_a_day() -> None:
    """Whole, without a zone; its end is the day after."""
    (found,) = read(calendar.write([entry(begins=dt.date(2026, 12, 3), ends=dt.date(2026, 12, 4))], "x")).events
    assert (found["DTSTART;VALUE=DATE"], found["DTEND;VALUE=DATE"]) == ("20261203", "20261204")


@given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=50))
def test_no_text_begins_a_line_of_its_own(title: str, place: str, name: str) -> None:
    """Whatever is typed: one event, lines of 75 octets at most, whole signs; what can be written comes back."""
    raw = calendar.write([entry(title=title, place=place)], name)
    assert raw == calendar.write([entry(title=title, place=place)], name)
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    raw.decode("utf-8")
    (found,) = read(raw).events
    plain = calendar.escaped(title).encode("utf-8", "replace").decode()
    assert calendar.escaped(found["SUMMARY"]) == plain


def test_what_somebody_types_is_no_line_of_a_calendar() -> None:
    """No second event, no alarm, no attendee."""
    evil = "x\r\nEND:VEVENT\r\nBEGIN:VALARM\nATTENDEE:mailto:a@b\u2028BEGIN:VEVENT"
    found = read(calendar.write([entry(title=evil, text=evil, place=evil)], evil))
    assert len(found.events) == 1
    assert set(found.events[0]) == {
        "UID", "DTSTAMP", "LAST-MODIFIED", "SEQUENCE", "DTSTART;TZID=Europe/Rome", "DTEND;TZID=Europe/Rome", "SUMMARY", "STATUS",
        "LOCATION", "DESCRIPTION",
    }  # fmt: skip
