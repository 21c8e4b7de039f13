"""Appointments and days as a calendar program reads them: iCalendar, in the hours of Italy.

In: entries with local times of Rome (whoever calls has turned them) or whole days. Out: bytes. Rules: the same entries give the same
bytes; an entry keeps its UID for ever and counts its changes; what was called off stays, as CANCELLED; what people typed is text and
can begin no line of its own; lines are of 75 octets at most, no sign is cut in two. Pure. Source: RFC 5545 (3.1, 3.3.11, 3.6.1,
3.6.5, 3.8); the rule of summer time of directive 2000/84/EC.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

ZONE: Final = "Europe/Rome"
MEDIA_TYPE: Final = "text/calendar; charset=utf-8"
OCTETS_MAX: Final = 75
# Times before this rule came into force are of no appointment.
_ZONE_LINES: Final = (
    "BEGIN:VTIMEZONE", f"TZID:{ZONE}",
    "BEGIN:DAYLIGHT", "DTSTART:19960331T020000", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
    "TZOFFSETFROM:+0100", "TZOFFSETTO:+0200", "TZNAME:CEST", "END:DAYLIGHT",
    "BEGIN:STANDARD", "DTSTART:19961027T030000", "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
    "TZOFFSETFROM:+0200", "TZOFFSETTO:+0100", "TZNAME:CET", "END:STANDARD",
    "END:VTIMEZONE",
)  # fmt: skip
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\u0085\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; ``begins`` and ``ends`` are local times of Rome, or days, of which the last is not in it any more."""

    uid: str
    changed_at: dt.datetime
    begins: dt.datetime | dt.date
    ends: dt.datetime | dt.date
    title: str
    place: str = ""
    text: str = ""
    url: str = ""
    sequence: int = 0
    is_cancelled: bool = False


def write(entries: Iterable[Entry], title: str) -> bytes:
    """Return a calendar with some entries."""
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Rete delle Reti//Fascicoli//IT", "CALSCALE:GREGORIAN", "METHOD:PUBLISH",
        f"X-WR-CALNAME:{escaped(title)}", *_ZONE_LINES,
    ]  # fmt: skip
    for entry in entries:
        lines += _event(entry)
    lines.append("END:VCALENDAR")
    return b"".join(folded(line) for line in lines)


def _event(entry: Entry) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{escaped(entry.uid)}"
    stamp = entry.changed_at.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    yield f"DTSTAMP:{stamp}"
    yield f"LAST-MODIFIED:{stamp}"
    yield f"SEQUENCE:{entry.sequence}"
    yield f"DTSTART{_moment(entry.begins)}"
    yield f"DTEND{_moment(entry.ends)}"
    yield f"SUMMARY:{escaped(entry.title)}"
    yield f"STATUS:{'CANCELLED' if entry.is_cancelled else 'CONFIRMED'}"
    for name, text in (("LOCATION", entry.place), ("DESCRIPTION", entry.text)):
        if text:
            yield f"{name}:{escaped(text)}"
    if entry.url:
        yield f"URL:{entry.url}"
    yield "END:VEVENT"


def _moment(value: dt.datetime | dt.date) -> str:
    if isinstance(value, dt.datetime):
        return f";TZID={ZONE}:{value:%Y%m%dT%H%M%S}"
    return f";VALUE=DATE:{value:%Y%m%d}"


def escaped(text: str) -> str:
    """Return a text as a value that ends at its line's end, whatever stands in it (RFC 5545 3.3.11)."""
    plain = _UNWRITABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return plain.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def folded(line: str) -> bytes:
    """Return a line in pieces of 75 octets at most, the further ones behind a space; no sign is cut in two."""
    pieces: list[bytes] = []
    piece = b""
    for sign in line:
        raw = sign.encode("utf-8", "replace")
        # The space that begins a further piece counts.
        if len(piece) + len(raw) > OCTETS_MAX:
            pieces.append(piece)
            piece = b" "
        piece += raw
    return b"\r\n".join([*pieces, piece]) + b"\r\n"
