"""A case file: what an office does for a network, or for firms that may become one, and what may be done in which state of it.

In: words, days, hours and amounts as an officer types them. Out: values that may be kept, or one refusal with a stable code; the
report with which a case is closed. Rules: a case is open, stands still, or is closed, and what is closed stays so; work is done in
an open case alone; no case is closed while a task is under way; hours and money are decimals, never floats. Pure. Source:
docs/cases.md.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from node.domain.vocabulary import Titles
from node.errors import N_, UNSEEN, CallerError

LINES: Titles = {
    "technical": ("Assistenza tecnica", "Technical assistance"),
    "guidance": ("Orientamento", "Guidance"),
    "design": ("Progettazione", "Project design"),
    "management": ("Gestione", "Management"),
    "governance": ("Governo dei processi", "Process governance"),
    "certification": ("Certificazione", "Certification"),
    "administrative": ("Assistenza amministrativa", "Administrative assistance"),
    "legal": ("Assistenza legale", "Legal assistance"),
    "fiscal": ("Assistenza fiscale", "Fiscal assistance"),
}
OUTCOMES: Titles = {
    "contract-signed": ("Contratto firmato", "Contract signed"),
    "contract-registered": ("Contratto iscritto nel registro delle imprese", "Contract entered in the business register"),
    "advice-given": ("Assistenza conclusa", "Assistance completed"),
    "abandoned": ("Rinuncia delle imprese", "Given up by the firms"),
    "not-feasible": ("Non realizzabile", "Not feasible"),
}  # fmt: skip
TITLE_LONGEST: Final = 200
NOTE_LONGEST: Final = 4000
SHORT_LONGEST: Final = 500
PLACE_LONGEST: Final = 200
OFFICE_LONGEST: Final = 120
CLAUSE_LONGEST: Final = 8000
HOURS_MAX: Final = Decimal(24)
AMOUNT_LIMIT: Final = Decimal(10) ** 12
APPOINTMENT_LONGEST: Final = dt.timedelta(days=7)
# Days before the end of a task from which it is due soon.
SOON_DAYS: Final = 3
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:[.,][0-9]{1,2})?")
_CENT: Final = Decimal("0.01")


class State(StrEnum):
    """How a case file stands."""

    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class TaskState(StrEnum):
    """How a task stands; the first two are under way."""

    OPEN = "open"
    DOING = "doing"
    DONE = "done"
    DROPPED = "dropped"


class Deed(StrEnum):
    """What may be done in a case file."""

    WORK = "work"
    PAPERS = "papers"
    SUSPEND = "suspend"
    RESUME = "resume"
    HAND_OVER = "hand-over"
    CLOSE = "close"


STATE_TITLES: Titles = {
    State.OPEN: ("aperto", "open"),
    State.SUSPENDED: ("sospeso", "suspended"),
    State.CLOSED: ("chiuso", "closed"),
}
TASK_TITLES: Titles = {
    TaskState.OPEN: ("da fare", "to do"),
    TaskState.DOING: ("in corso", "under way"),
    TaskState.DONE: ("fatto", "done"),
    TaskState.DROPPED: ("lasciato cadere", "dropped"),
}
STEP_TITLES: Titles = {
    "opened": ("Fascicolo aperto", "Case file opened"),
    "suspended": ("Fascicolo sospeso", "Case file suspended"),
    "resumed": ("Fascicolo ripreso", "Case file resumed"),
    "handed-over": ("Passaggio di consegne", "Handover"),
    "closed": ("Fascicolo chiuso", "Case file closed"),
}
UNDER_WAY: Final = frozenset({TaskState.OPEN, TaskState.DOING})
_MAY: Final[Mapping[State, frozenset[Deed]]] = {
    State.OPEN: frozenset({Deed.WORK, Deed.PAPERS, Deed.SUSPEND, Deed.HAND_OVER, Deed.CLOSE}),
    State.SUSPENDED: frozenset({Deed.PAPERS, Deed.RESUME, Deed.HAND_OVER, Deed.CLOSE}),
    State.CLOSED: frozenset(),
}
# The state to which a deed leads.
LEADS: Final[Mapping[Deed, State]] = {
    Deed.SUSPEND: State.SUSPENDED,
    Deed.RESUME: State.OPEN,
    Deed.CLOSE: State.CLOSED,
}


def may(state: State) -> frozenset[Deed]:
    """Return what may be done in a state."""
    return _MAY[state]


def require(state: State, deed: Deed) -> None:
    """Let pass what may be done in a state. Raises: CallerError case-closed, case-suspended, case-not-suspended."""
    if deed in _MAY[state]:
        return
    if state is State.CLOSED:
        raise CallerError(
            "case-closed", N_("il fascicolo è chiuso"), hint=N_("se serve altro lavoro, aprirne uno nuovo per la stessa rete")
        )  # fmt: skip
    if state is State.SUSPENDED:
        raise CallerError("case-suspended", N_("il fascicolo è sospeso"), hint=N_("riprenderlo, e poi ripetere"))
    raise CallerError("case-not-suspended", N_("il fascicolo non è sospeso"))


def words(text: str, where: str, longest: int, *, needed: bool = False) -> str:
    """Return one line of words. Raises: CallerError case-words-missing, case-words-long."""
    said = " ".join(unicodedata.normalize("NFC", UNSEEN.sub(" ", text)).split())
    return _bounded(said, where, longest, needed)


def lines_of_text(text: str, where: str, longest: int, *, needed: bool = False) -> str:
    """Return words of several lines, without what nobody sees. Raises: CallerError case-words-missing, case-words-long."""
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    said = "\n".join(UNSEEN.sub(" ", line).rstrip() for line in plain.split("\n")).strip("\n")
    return _bounded(said, where, longest, needed)


def _bounded(said: str, where: str, longest: int, needed: bool) -> str:
    if needed and not said.strip():
        raise CallerError("case-words-missing", N_("mancano le parole"), where=where, hint=N_("scriverle in breve"))
    if len(said) > longest:
        raise CallerError(
            "case-words-long", N_("il testo ha più di {longest} caratteri"), where=where, hint=N_("accorciarlo"), longest=longest
        )  # fmt: skip
    return said


def line(key: str, where: str = "linea") -> str:
    """Return a service line. Raises: CallerError(case-line-unknown)."""
    if key not in LINES:
        raise CallerError(
            "case-line-unknown", N_("non c'è questa linea di assistenza"), where=where, hint=N_("linee: {lines}"), lines=", ".join(LINES)
        )  # fmt: skip
    return key


def lines(keys: Iterable[str], where: str = "linee") -> tuple[str, ...]:
    """Return service lines, each once, in their order. Raises: CallerError case-line-unknown, case-line-missing."""
    asked = {line(key, where) for key in keys}
    if not asked:
        raise CallerError("case-line-missing", N_("serve almeno una linea di assistenza"), where=where)
    return tuple(key for key in LINES if key in asked)


def outcome(key: str) -> str:
    """Return an outcome. Raises: CallerError(case-outcome-unknown)."""
    if key not in OUTCOMES:
        raise CallerError(
            "case-outcome-unknown", N_("non c'è questo esito"), where="esito", hint=N_("esiti: {outcomes}"), outcomes=", ".join(OUTCOMES)
        )  # fmt: skip
    return key


def task_state(key: str) -> TaskState:
    """Return how a task stands. Raises: CallerError(task-state-unknown)."""
    try:
        return TaskState(key)
    except ValueError as error:
        raise CallerError(
            "task-state-unknown", N_("non c'è questo stato di un'attività"), where="stato", hint=N_("stati: {states}"),
            states=", ".join(TaskState),
        ) from error  # fmt: skip


def hours(text: str) -> Decimal:
    """Return hours as they are typed, 1,5 or 1.5. Raises: CallerError(case-hours-bad)."""
    plain = text.strip()
    found = Decimal(plain.replace(",", ".")) if _NUMBER.fullmatch(plain) else Decimal(0)
    if not 0 < found <= HOURS_MAX:
        raise CallerError(
            "case-hours-bad", N_("le ore di un giorno sono un numero da 0,01 a 24"), where="ore", hint=N_("per esempio 1,5")
        )  # fmt: skip
    return found.quantize(_CENT)


def amount(text: str) -> Decimal:
    """Return an amount of euro as it is typed, with at most two decimals. Raises: CallerError(case-amount-bad)."""
    plain = text.strip()
    # Points between thousands, as people write them beside a comma.
    if re.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]{1,2})?", plain):
        plain = plain.replace(".", "")
    found = Decimal(plain.replace(",", ".")) if _NUMBER.fullmatch(plain) else Decimal(0)
    if not 0 < found < AMOUNT_LIMIT:
        raise CallerError(
            "case-amount-bad", N_("l'importo non va bene: serve un numero di euro maggiore di zero"), where="importo",
            hint=N_("per esempio 1250,00"),
        )  # fmt: skip
    return found.quantize(_CENT)


@dataclass(frozen=True, slots=True)
class TaskWords:
    """A task as an officer wrote it."""

    title: str
    line: str
    owner: str
    due_on: dt.date | None
    state: TaskState
    note: str


def task(title: str, line_: str, owner: str, due_on: dt.date | None, state: str, note: str) -> TaskWords:
    """Return a task that may be kept. Raises: CallerError case-words-..., case-line-unknown, task-state-unknown."""
    return TaskWords(
        words(title, "titolo", TITLE_LONGEST, needed=True),
        line(line_),
        owner,
        due_on,
        task_state(state),
        lines_of_text(note, "nota", NOTE_LONGEST),
    )


@dataclass(frozen=True, slots=True)
class Meeting:
    """An appointment as an officer wrote it; moments with a zone."""

    title: str
    place: str
    begins: dt.datetime
    ends: dt.datetime
    note: str


def meeting(title: str, place: str, begins: dt.datetime, ends: dt.datetime, note: str) -> Meeting:
    """Return an appointment that may be kept. Raises: CallerError case-words-..., appointment-ends-early, appointment-too-long."""
    if ends <= begins:
        raise CallerError("appointment-ends-early", N_("l'appuntamento finisce prima di cominciare"), where="fine")
    if ends - begins > APPOINTMENT_LONGEST:
        raise CallerError(
            "appointment-too-long", N_("un appuntamento dura al massimo {days} giorni"), where="fine", days=APPOINTMENT_LONGEST.days
        )  # fmt: skip
    return Meeting(
        words(title, "titolo", TITLE_LONGEST, needed=True),
        words(place, "luogo", PLACE_LONGEST),
        begins,
        ends,
        lines_of_text(note, "nota", 2000),
    )


class Urgency(StrEnum):
    """How near the day of a task is."""

    CALM = "calm"
    SOON = "soon"
    OVER = "over"


def urgency(state: TaskState, due_on: dt.date | None, today: dt.date) -> Urgency:
    """Return how near the day of a task is; one that is not under way waits for nobody."""
    if due_on is None or state not in UNDER_WAY:
        return Urgency.CALM
    if due_on < today:
        return Urgency.OVER
    return Urgency.SOON if (due_on - today).days <= SOON_DAYS else Urgency.CALM


@dataclass(frozen=True, slots=True)
class LineSum:
    """What was done in one service line."""

    line: str
    hours: Decimal
    cost: Decimal
    tasks_done: int
    tasks_dropped: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a case came to: by line, and in all."""

    outcome: str
    words: str
    days: int
    lines: tuple[LineSum, ...]
    documents: int
    appointments: int
    handovers: int

    @property
    def hours(self) -> Decimal:
        """All hours."""
        return sum((item.hours for item in self.lines), Decimal("0.00"))

    @property
    def cost(self) -> Decimal:
        """All costs, in euro."""
        return sum((item.cost for item in self.lines), Decimal("0.00"))

    def document(self) -> dict[str, object]:
        """Return it as it is kept and shown: decimals as text."""
        return {
            "outcome": self.outcome,
            "words": self.words,
            "days": self.days,
            "hours": str(self.hours),
            "cost": str(self.cost),
            "documents": self.documents,
            "appointments": self.appointments,
            "handovers": self.handovers,
            "lines": [
                {
                    "line": item.line,
                    "hours": str(item.hours),
                    "cost": str(item.cost),
                    "tasks_done": item.tasks_done,
                    "tasks_dropped": item.tasks_dropped,
                }
                for item in self.lines
            ],
        }


def sums(
    covered: Iterable[str],
    hours_of: Iterable[tuple[str, Decimal]],
    costs_of: Iterable[tuple[str, Decimal]],
    tasks_of: Sequence[tuple[str, TaskState]],
) -> tuple[LineSum, ...]:
    """Return what was done in each line that a case covers, or in which something was done all the same."""
    worked: dict[str, Decimal] = {}
    spent: dict[str, Decimal] = {}
    for at, value in hours_of:
        worked[at] = worked.get(at, Decimal("0.00")) + value
    for at, value in costs_of:
        spent[at] = spent.get(at, Decimal("0.00")) + value
    touched = {*covered, *worked, *spent, *(at for at, _ in tasks_of)}
    return tuple(
        LineSum(
            key,
            worked.get(key, Decimal("0.00")),
            spent.get(key, Decimal("0.00")),
            sum(at == key and state is TaskState.DONE for at, state in tasks_of),
            sum(at == key and state is TaskState.DROPPED for at, state in tasks_of),
        )
        for key in LINES
        if key in touched
    )
