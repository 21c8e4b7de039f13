"""What the gate finds in a text: places that would give somebody away, how gravely, and how they are shown.

In: hits of the gate's steps. Out: the ones that stand, the text with markers instead, the text with the hits marked.
Markers have no numbers: "[impresa 1]" twice would say that two sentences speak of the same firm. Source: docs/rules.md T.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from node.errors import N_

RED, AMBER = "red", "amber"
SEVERITIES = {RED: N_("rosso"), AMBER: N_("ambra")}
MARKERS = {
    "firm": "[impresa]",
    "brand": "[marchio]",
    "network": "[rete]",
    "person": "[persona]",
    "place": "[luogo]",
    "contact": "[contatto]",
    "code": "[codice]",
    "name": "[nome]",
}


@dataclass(frozen=True, slots=True)
class Hit:
    """One place in a text that would give something away: [start, end) in the text as given.

    ``kind`` is a key of MARKERS, ``severity`` RED (never leaves) or AMBER (needs a reason), ``reason`` a catalogue id.
    """

    start: int
    end: int
    kind: str
    severity: str
    reason: str


# Hits in several texts: the place of each text, the text, one hit in it.
Hits: TypeAlias = Sequence[tuple[str, str, Hit]]


def settle(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """Return the hits that stand, in order of place, none overlapping another.

    Red ones that overlap become one, named by the longest, so that nothing of either is left over; amber beside red is
    dropped, for the text is to be written again anyway.
    """
    red = _joined(hit for hit in hits if hit.severity == RED)
    amber = _joined(hit for hit in hits if hit.severity != RED)
    free = [hit for hit in amber if all(hit.end <= other.start or other.end <= hit.start for other in red)]
    return tuple(sorted((*red, *free), key=lambda hit: hit.start))


def _joined(hits: Iterable[Hit]) -> list[Hit]:
    found: list[Hit] = []
    longest = 0
    for hit in sorted(hits, key=lambda hit: (hit.start, hit.start - hit.end, hit.kind)):
        if not found or hit.start >= found[-1].end:
            found.append(hit)
            longest = hit.end - hit.start
        else:
            leading = hit if hit.end - hit.start > longest else found[-1]
            longest = max(longest, hit.end - hit.start)
            found[-1] = replace(leading, start=found[-1].start, end=max(found[-1].end, hit.end))
    return found


def suggest(text: str, hits: Iterable[Hit]) -> str:
    """Return the text with every hit replaced by an unnumbered marker, for the officer to start from."""
    parts: list[str] = []
    last = 0
    for hit in hits:
        parts += [text[last : hit.start], MARKERS.get(hit.kind, MARKERS["name"])]
        last = hit.end
    return "".join((*parts, text[last:]))
