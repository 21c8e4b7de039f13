"""An information session: when and where it is, how many seats it has, who may enrol until when, who may be said to have come.

In: what an officer plans, what somebody types who enrols, the moment. Out: the same checked, or which field is wrong and why. Rules: a
session is free and has a day, a place and a number of seats; a seat goes to whoever enrols first; who comes later waits in the order of
arrival, and the first who waits takes a seat that becomes free; attendance is told of people who had a seat, from the day of the session
on. Days are those of Italy: moments come here in its time. Source: docs/programme.md 1. Pure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from node.domain.introduction_texts import clean
from node.domain.network import check_tax_code
from node.domain.saved import check_email
from node.errors import N_, CallerError

TITLE_MAX: Final = 150
SUMMARY_MAX: Final = 1000
LINE_MAX: Final = 200
PHONE_MAX: Final = 40
SEATS_MAX: Final = 2000
# Who waits behind so many has no hope of a seat, and a form that anybody may use must not fill a list.
WAITING_MAX: Final = 200
LONGEST: Final = dt.timedelta(hours=24)
# The text under which an enrolment is taken; another text gets another name.
NOTICE_VERSION: Final = "sessioni-1"


class State(StrEnum):
    """What a session is: planned, open to everybody, called off."""

    DRAFT = "draft"
    OPEN = "open"
    CANCELLED = "cancelled"


class Standing(StrEnum):
    """What an enrolment is: a seat, a place in the queue, given back."""

    CONFIRMED = "confirmed"
    WAITING = "waiting"
    CANCELLED = "cancelled"


STATE_TITLES: Final[Mapping[State, str]] = {
    State.DRAFT: N_("in preparazione"),
    State.OPEN: N_("aperta"),
    State.CANCELLED: N_("annullata"),
}
STANDING_TITLES: Final[Mapping[Standing, str]] = {
    Standing.CONFIRMED: N_("posto confermato"),
    Standing.WAITING: N_("in lista d'attesa"),
    Standing.CANCELLED: N_("iscrizione annullata"),
}
# What may become of a session.
STEPS: Final[Mapping[State, frozenset[State]]] = {
    State.DRAFT: frozenset({State.OPEN, State.CANCELLED}),
    State.OPEN: frozenset({State.CANCELLED}),
    State.CANCELLED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Session:
    """What is planned; ``municipality`` is an ISTAT code, empty where a session is online alone; ``link`` is told to who has a seat."""

    title: str
    begins_at: dt.datetime
    ends_at: dt.datetime
    enrol_until: dt.date
    seats: int
    place: str
    municipality: str = ""
    online: bool = False
    summary: str = ""
    title_en: str = ""
    summary_en: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Who enrols. Private: it leaves the office to nobody."""

    name: str
    email: str
    phone: str = ""
    firm: str = ""
    tax_code: str = field(default="", repr=False)
    municipality: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return it as it is kept."""
        return {
            "name": self.name, "email": self.email, "phone": self.phone, "firm": self.firm, "tax_code": self.tax_code,
            "municipality": self.municipality,
        }  # fmt: skip


def line(where: str, text: str, most: int = LINE_MAX, *, needed: bool = False) -> str:
    """Return one line as it is kept. Raises: CallerError(field-missing | field-too-long), ``where`` the field."""
    cleaned = " ".join(clean(text).split())
    return _bounded(where, cleaned, most, needed=needed)


def prose(where: str, text: str, most: int, *, needed: bool = False) -> str:
    """Return a text of several lines as it is kept. Raises: as ``line``."""
    return _bounded(where, clean(text), most, needed=needed)


def _bounded(where: str, text: str, most: int, *, needed: bool) -> str:
    if needed and not text:
        raise CallerError("field-missing", N_("questo campo è necessario"), where=where)
    if len(text) > most:
        raise CallerError("field-too-long", N_("al massimo {most} caratteri"), where=where, most=most)
    return text


def checked(session: Session) -> Session:
    """Return a session that can be held. Raises: CallerError(field-missing | field-too-long | session-...), ``where`` the field."""
    if session.ends_at <= session.begins_at:
        raise CallerError("session-ends-early", N_("la fine precede l'inizio"), where="ends_at")
    if session.ends_at - session.begins_at > LONGEST:
        raise CallerError("session-too-long", N_("una sessione dura al massimo un giorno"), where="ends_at")
    if session.enrol_until > session.begins_at.date():
        raise CallerError("session-enrols-late", N_("le iscrizioni si chiudono entro il giorno della sessione"), where="enrol_until")  # fmt: skip
    if not 1 <= session.seats <= SEATS_MAX:
        raise CallerError("session-seats-bad", N_("i posti sono da 1 a {most}"), where="seats", most=SEATS_MAX)
    if not session.online and not session.municipality:
        raise CallerError("session-place-missing", N_("serve il comune, oppure la sessione è in linea"), where="municipality")  # fmt: skip
    return Session(
        line("title", session.title, TITLE_MAX, needed=True), session.begins_at, session.ends_at, session.enrol_until,
        session.seats, line("place", session.place, needed=True), session.municipality, session.online,
        prose("summary", session.summary, SUMMARY_MAX, needed=True), line("title_en", session.title_en, TITLE_MAX),
        prose("summary_en", session.summary_en, SUMMARY_MAX),
    )  # fmt: skip


def checked_person(person: Person) -> Person:
    """Return who enrols as it is kept. Raises: CallerError(field-... | saved-email-bad | tax-code-bad), ``where`` the field."""
    email = line("email", person.email, needed=True)
    try:
        email = check_email(email)
    except CallerError as error:
        error.where = "email"
        raise
    try:
        code = check_tax_code(clean(person.tax_code))
    except CallerError as error:
        error.where = "tax_code"
        raise
    return Person(
        line("name", person.name, needed=True), email, line("phone", person.phone, PHONE_MAX), line("firm", person.firm), code,
        line("municipality", person.municipality),
    )  # fmt: skip


def refuse_step(now: State, then: State) -> None:
    """Refuse what a session can't become. Raises: CallerError(session-step-bad)."""
    if then not in STEPS[now]:
        raise CallerError(
            "session-step-bad",
            N_("una sessione «{state}» non può diventare «{then}»"),
            state=str(now),
            then=str(then),
        )


def refuse_enrolment(state: State, session: Session, now: dt.datetime, *, by_office: bool = False) -> None:
    """Refuse an enrolment that comes too late, or to what is not open; the office enrols until the end, also who walks in.

    Raises: CallerError(session-not-open | session-closed).
    """
    if state is not State.OPEN:
        raise CallerError("session-not-open", N_("a questa sessione non ci si iscrive"))
    over = now >= session.ends_at if by_office else now >= session.begins_at or now.date() > session.enrol_until
    if over:
        raise CallerError("session-closed", N_("le iscrizioni a questa sessione sono chiuse"))


def standing_of(seats: int, taken: int, waiting: int) -> Standing:
    """Return what somebody gets who comes now. Raises: CallerError(session-full) where too many wait."""
    if taken < seats:
        # A seat that is free is never given past somebody who waits: freed seats are given at once.
        return Standing.CONFIRMED
    if waiting >= WAITING_MAX:
        raise CallerError("session-full", N_("i posti sono finiti e la lista d'attesa è lunga: non si accettano altre iscrizioni"))  # fmt: skip
    return Standing.WAITING


def freed(seats: int, taken: int, waiting: int) -> int:
    """Return how many of those who wait take a seat now."""
    return max(0, min(seats - taken, waiting))


def refuse_seats(seats: int, taken: int) -> None:
    """Refuse fewer seats than are taken. Raises: CallerError(session-seats-taken)."""
    if seats < taken:
        raise CallerError(
            "session-seats-taken",
            N_("i posti già confermati sono {taken}: non possono diventare meno"),
            where="seats",
            hint=N_("annullare prima qualche iscrizione"),
            taken=taken,
        )


def refuse_attendance(state: State, session: Session, standing: Standing, now: dt.datetime) -> None:
    """Refuse to say who came before there was anything to come to, or of whom had no seat.

    Raises: CallerError(session-not-open | session-not-begun | enrolment-no-seat).
    """
    if state is not State.OPEN:
        raise CallerError("session-not-open", N_("la sessione non è aperta: non ci sono presenze"))
    if now.date() < session.begins_at.date():
        raise CallerError("session-not-begun", N_("le presenze si segnano dal giorno della sessione"))
    if standing is not Standing.CONFIRMED:
        raise CallerError("enrolment-no-seat", N_("si segna la presenza di chi ha un posto confermato"))


def was_held(state: State, session: Session, now: dt.datetime) -> bool:
    """Tell whether a session took place: it was open, and is over."""
    return state is State.OPEN and now >= session.ends_at
