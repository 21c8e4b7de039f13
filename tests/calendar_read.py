"""A reader of iCalendar, written from RFC 5545 alone: what a calendar program would see of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_ESCAPED = re.compile(r"\\(.)")


@dataclass
class Read:
    """A calendar: its own properties, the zones it defines, its events by property (parameters and all)."""

    head: dict[str, str] = field(default_factory=dict)
    zones: list[str] = field(default_factory=list)
    events: list[dict[str, str]] = field(default_factory=list)


def _text(value: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found.group(1) in "nN" else found.group(1), value)


def read(raw: bytes) -> Read:
    """Return what stands in a calendar; a component that is left open or closed twice fails."""
    assert raw.endswith(b"\r\n")
    # A folded line goes on behind one space; the fold is taken out before anything is decoded (RFC 5545 3.1).
    lines = raw.replace(b"\r\n ", b"").decode().split("\r\n")[:-1]
    found, stack = Read(), []
    for line in lines:
        name, sign, value = line.partition(":")
        assert sign, line
        if name == "BEGIN":
            stack.append(value)
            if value == "VEVENT":
                found.events.append({})
        elif name == "END":
            assert stack.pop() == value
        elif stack[-1] == "VEVENT":
            assert name not in found.events[-1], name
            found.events[-1][name] = _text(value)
        elif stack[-1] == "VTIMEZONE" and name == "TZID":
            found.zones.append(value)
        elif stack == ["VCALENDAR"]:
            found.head[name] = _text(value)
    assert not stack
    return found
