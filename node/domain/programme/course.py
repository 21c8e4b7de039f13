"""Courses and their editions: who gets a place, who waits, who moves up, and how much attendance a certificate needs.

In: the facts of an edition, who holds a place and who waits, a day. Out: decisions as values. Rules: a place is a number from one to the
seats, and two people never hold the same one; nobody waits while a place is free; whoever has waited longest moves up first, by the order
in which the organiser decided and by no clock of anybody else's. Source: docs/courses.md.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from node.errors import N_

# Of one edition: a page that anybody may use must not fill the organiser's list.
WAITING_MAX: Final = 500
ATTENDANCE_PERCENT: Final = 70
CODE_FORM: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
# The words that a participant agreed to; a change of the words is another version.
CONSENT_VERSION: Final = "2026-1"
CONSENT_TEXT: Final = N_(
    "Acconsento che il mio nome, l'indirizzo e-mail, la regione e il settore della mia impresa siano mandati all'ente che organizza il corso, solo per l'iscrizione, le presenze e l'attestato."
)


class EditionState(StrEnum):
    """What became of an edition."""

    OPEN = "open"
    CANCELLED = "cancelled"
    HELD = "held"


class Standing(StrEnum):
    """How a participant stands; ``asked`` is known at the own office only, until the organiser has decided."""

    ASKED = "asked"
    PLACED = "placed"
    WAITING = "waiting"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why there is no place, as it travels and as pages tell it."""

    NONE = ""
    LATE = "late"
    UNKNOWN = "unknown"
    CLOSED = "closed"
    FULL = "full"
    THERE = "there"
    OWN_WISH = "own-wish"
    COURSE_CANCELLED = "course-cancelled"


STANDING_TITLES: Final[Mapping[Standing, str]] = {
    Standing.ASKED: N_("in attesa di risposta dall'ente organizzatore"),
    Standing.PLACED: N_("iscritto"),
    Standing.WAITING: N_("in lista d'attesa"),
    Standing.REFUSED: N_("non accolta"),
    Standing.CANCELLED: N_("annullata"),
}
REASON_TITLES: Final[Mapping[Reason, str]] = {
    Reason.NONE: "",
    Reason.LATE: N_("le iscrizioni erano già chiuse"),
    Reason.UNKNOWN: N_("l'ente organizzatore non conosce questa edizione"),
    Reason.CLOSED: N_("l'edizione non accetta più iscrizioni"),
    Reason.FULL: N_("anche la lista d'attesa è piena"),
    Reason.THERE: N_("con questo indirizzo c'è già un'iscrizione a questa edizione"),
    Reason.OWN_WISH: N_("su richiesta di chi si era iscritto"),
    Reason.COURSE_CANCELLED: N_("l'edizione è stata annullata dall'ente organizzatore"),
}
EDITION_TITLES: Final[Mapping[EditionState, str]] = {
    EditionState.OPEN: N_("aperta"),
    EditionState.CANCELLED: N_("annullata"),
    EditionState.HELD: N_("conclusa"),
}
# Who counts against an address: the same person twice.
HOLDING: Final = frozenset({Standing.PLACED, Standing.WAITING})


@dataclass(frozen=True, slots=True)
class Room:
    """What decides about a place of an edition: its seats, its state, until when it can be asked for."""

    seats: int
    state: EditionState
    deadline: dt.date


@dataclass(frozen=True, slots=True)
class Decision:
    """What the organiser decides about one who asks; ``place`` is 0 without a place."""

    standing: Standing
    place: int = 0
    reason: Reason = Reason.NONE


@dataclass(frozen=True, slots=True)
class Offered:
    """An edition as its organiser announced it."""

    organiser: str
    course_id: str
    code: str
    title: Mapping[str, str]
    begins: dt.date
    ends: dt.date
    deadline: dt.date | None
    state: EditionState
    sessions: Sequence[Mapping[str, Any]] = ()

    def is_open(self, today: dt.date) -> bool:
        """Tell whether a place can be asked for on a day, by what the announcement says."""
        return self.state is EditionState.OPEN and (self.deadline is None or today <= self.deadline)


@dataclass(frozen=True, slots=True)
class Announced:
    """An edition with all that its announcement says of it; ``percent`` None: of attendance nothing is said."""

    offered: Offered
    seats: int
    percent: int | None
    certificates: int


def offered_of(document: Mapping[str, Any], one: Mapping[str, Any]) -> Offered:
    """Return an edition of a course's announcement, which its schema let pass."""
    last = one.get("deadline") or document["deadline"]
    day = dt.date.fromisoformat
    return Offered(
        document["owner"], document["id"], one["code"], document["title"], day(one["begins"]), day(one["ends"]),
        day(last) if last else None, EditionState(one.get("state", "open")), one["sessions"],
    )  # fmt: skip


def announced_of(document: Mapping[str, Any]) -> tuple[Announced, ...]:
    """Return the editions of a course's announcement, in its order."""
    return tuple(
        Announced(offered_of(document, one), one["seats"], one.get("attendance"), len(one.get("certificates", ())))
        for one in document["course"]["editions"]
    )


def decide(room: Room, taken: Collection[int], waiting: int, today: dt.date, *, is_there: bool = False) -> Decision:
    """Return what becomes of one who asks now; ``taken``: the places that are held, ``is_there``: the address holds one or waits."""
    if room.state is EditionState.CANCELLED:
        return Decision(Standing.REFUSED, reason=Reason.COURSE_CANCELLED)
    if room.state is not EditionState.OPEN:
        return Decision(Standing.REFUSED, reason=Reason.CLOSED)
    if today > room.deadline:
        return Decision(Standing.REFUSED, reason=Reason.LATE)
    if is_there:
        return Decision(Standing.REFUSED, reason=Reason.THERE)
    free = free_places(room.seats, taken)
    # Whoever waits already comes first: a place that is free for a moment is theirs.
    if free and not waiting:
        return Decision(Standing.PLACED, free[0])
    if waiting >= WAITING_MAX:
        return Decision(Standing.REFUSED, reason=Reason.FULL)
    return Decision(Standing.WAITING)


def free_places(seats: int, taken: Collection[int]) -> list[int]:
    """Return the numbers of the places that nobody holds, ascending."""
    held = set(taken)
    return [place for place in range(1, seats + 1) if place not in held]


def promote(seats: int, taken: Collection[int], waiting: Sequence[str]) -> list[tuple[str, int]]:
    """Return who moves up to which place; ``waiting``: ids, whoever has waited longest first."""
    return list(zip(waiting, free_places(seats, taken), strict=False))


def reached(present: int, held: int, percent: int) -> bool:
    """Tell whether somebody was at enough of the sessions for a certificate; without any session nobody was."""
    return held > 0 and present * 100 >= held * percent
