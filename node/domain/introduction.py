"""An introduction: two offices bring two networks together, and nobody is named before both have consented.

In: the events that each office has added to a case. Out: the case, what each office may do next, and what its node must do by itself.

Rules:

1. Each office adds events of its own, numbered 1, 2, 3 ...; ``seen`` is how many of the other's it knew. Nobody else can add to a case.
2. A case is a pure function of its events, in one order that both offices compute alike: by Lamport number (one more than the office's event
   before and than the last one it had seen), the seeker's first among equals. So whatever the road loses, repeats or turns round, whoever
   holds the same events holds the same case.
3. An event that does not fit the state it meets changes nothing and stays visible as overtaken: the other office was quicker.
4. An identity leaves once, by an office that sees both consents and no end that anybody has said, in whatever place. One that crosses an end on the road is erased where it
   arrives, with a receipt: so is one whose consent is revoked after the introduction.
5. Whose turn it is says by when it will act (``due``, a day it computes by its own calendar); when that day is over either office may close the
   case, the other one only after reading what was said until then. While the office in turn has not had the news, nothing runs: it was
   down. After ``UNREACHABLE_DAYS`` it does not come back.

Source: docs/introductions.md; PROTOCOL 11. Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System" (1978).
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from node.domain.days import day_number
from node.errors import N_, UNSEEN

# A case has few steps; more are somebody's mistake or malice. Receipts end first, then steps: what protects somebody never does.
EVENTS_MAX: Final = 120
STEPS_MAX: Final = 100
RECEIPTS_MAX: Final = 80
# How far ahead a step may be due, and how long an office may stay silent, in days.
DUE_MAX_DAYS: Final = 60
UNREACHABLE_DAYS: Final = 60
FOLLOW_UP_DAYS: Final = (30, 90, 180)
NO_DAY: Final = -1
# Closed without a word when nobody tells how it went, in days from the introduction.
UNTOLD_DAYS: Final = 240
# What a text may hold, and a name or any other line.
TEXT_MAX_CHARS: Final = 4000
SHORT_MAX_CHARS: Final = 300
_DAY_S: Final = 86_400


class Party(StrEnum):
    """The office that looks for a partner, and the one whose profile was found."""

    SEEKER = "seeker"
    OWNER = "owner"

    @property
    def other(self) -> Party:
        """The office on the other side."""
        return Party.OWNER if self is Party.SEEKER else Party.SEEKER


class Kind(StrEnum):
    """What an event says."""

    REQUEST = "request"
    RECEIPT = "receipt"
    CHECK = "check"
    QUESTION = "question"
    ANSWER = "answer"
    FORWARD = "forward"
    ACCEPT = "accept"
    DECLINE = "decline"
    CONSENT = "consent"
    IDENTITY = "identity"
    REVOKE = "revoke"
    ERASED = "erased"
    FOLLOW_UP = "follow-up"
    OUTCOME = "outcome"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"


class State(StrEnum):
    """Where a case stands. The first two are the seeker's alone: nothing has left yet."""

    DRAFT = "draft"
    ENDORSED = "endorsed"
    SENT = "sent"
    RECEIVED = "received"
    UNDER_CHECK = "under_check"
    INFO_REQUESTED = "info_requested"
    ANSWERED = "answered"
    FORWARDED = "forwarded"
    ACCEPTED = "accepted"
    CONSENTED = "consented"
    INTRODUCED = "introduced"
    FOLLOWED_UP = "followed_up"
    CONCLUDED = "concluded"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


SEEKER, OWNER = Party.SEEKER, Party.OWNER
_K, _T = Kind, State
LOCAL: Final = frozenset({_T.DRAFT, _T.ENDORSED})
# Ended without an introduction: whatever identity crossed the end on the road is erased.
ENDED: Final = frozenset({_T.DECLINED, _T.EXPIRED, _T.WITHDRAWN})
CLOSED: Final = ENDED | {_T.CONCLUDED}
KNOWN: Final = frozenset({_T.INTRODUCED, _T.FOLLOWED_UP})
# Where people have something to do, and who.
TURNS: Final[Mapping[State, Party]] = {
    _T.SENT: OWNER, _T.RECEIVED: OWNER, _T.UNDER_CHECK: OWNER, _T.INFO_REQUESTED: SEEKER, _T.ANSWERED: OWNER, _T.FORWARDED: OWNER,
}  # fmt: skip
# (kind, who) -> (from, to); consents, identities, revocations, endings and receipts have rules of their own below.
STEPS: Final[Mapping[tuple[str, Party], tuple[frozenset[State], State]]] = {
    (_K.REQUEST, SEEKER): (frozenset({_T.ENDORSED}), _T.SENT),
    (_K.CHECK, OWNER): (frozenset({_T.RECEIVED}), _T.UNDER_CHECK),
    (_K.QUESTION, OWNER): (frozenset({_T.RECEIVED, _T.UNDER_CHECK, _T.ANSWERED}), _T.INFO_REQUESTED),
    (_K.ANSWER, SEEKER): (frozenset({_T.INFO_REQUESTED}), _T.ANSWERED),
    (_K.FORWARD, OWNER): (frozenset({_T.UNDER_CHECK, _T.ANSWERED}), _T.FORWARDED),
    (_K.ACCEPT, OWNER): (frozenset({_T.FORWARDED}), _T.ACCEPTED),
    (_K.OUTCOME, SEEKER): (KNOWN, _T.CONCLUDED),
    (_K.OUTCOME, OWNER): (KNOWN, _T.CONCLUDED),
}
DECLINABLE: Final = frozenset({_T.RECEIVED, _T.UNDER_CHECK, _T.INFO_REQUESTED, _T.ANSWERED, _T.FORWARDED})
DECLINE_REASONS: Final[Mapping[str, str]] = {
    "not-suitable": N_("la proposta non è adatta"),
    "no-capacity": N_("in questo momento la rete non può"),
    "has-partner": N_("la rete ha già trovato un partner"),
    "unclear": N_("la richiesta non è chiara"),
    "no-answer": N_("la rete non ha risposto"),
    "other": N_("altro motivo"),
}
PROFILE_WITHDRAWN: Final = "profile-withdrawn"
WITHDRAW_REASONS: Final[Mapping[str, str]] = {
    "found-elsewhere": N_("ha trovato un partner altrove"),
    "not-interested": N_("non è più interessata"),
    "mistake": N_("richiesta fatta per errore"),
    PROFILE_WITHDRAWN: N_("la scheda è stata ritirata"),
    "other": N_("altro motivo"),
}
CONSENT_REVOKED: Final = "consent-revoked"
OUTCOMES: Final[Mapping[str, str]] = {
    "agreement": N_("accordo concluso"),
    "talks": N_("contatti in corso"),
    "none": N_("nessun seguito"),
}

PARTY_TITLES: Final[Mapping[Party, str]] = {
    Party.SEEKER: N_("ufficio che chiede"),
    Party.OWNER: N_("ufficio della scheda"),
}
STATE_TITLES: Final[Mapping[State, str]] = {
    State.DRAFT: N_("bozza"),
    State.ENDORSED: N_("pronto a partire"),
    State.SENT: N_("inviato"),
    State.RECEIVED: N_("ricevuto"),
    State.UNDER_CHECK: N_("in esame"),
    State.INFO_REQUESTED: N_("chiesti chiarimenti"),
    State.ANSWERED: N_("chiarimenti dati"),
    State.FORWARDED: N_("proposto alla rete"),
    State.ACCEPTED: N_("accettato: si raccolgono i consensi"),
    State.CONSENTED: N_("consensi dati: si scambiano i nomi"),
    State.INTRODUCED: N_("presentate"),
    State.FOLLOWED_UP: N_("seguite dopo la presentazione"),
    State.CONCLUDED: N_("concluso"),
    State.DECLINED: N_("rifiutato"),
    State.EXPIRED: N_("scaduto"),
    State.WITHDRAWN: N_("ritirato"),
}
# What an event says, as a line of a timeline has it; then what a button says.
KIND_TITLES: Final[Mapping[str, str]] = {
    Kind.REQUEST: N_("richiesta di contatto"),
    Kind.RECEIPT: N_("ricevuta del nodo"),
    Kind.CHECK: N_("presa in esame"),
    Kind.QUESTION: N_("domanda"),
    Kind.ANSWER: N_("risposta"),
    Kind.FORWARD: N_("proposta alla rete, senza nomi"),
    Kind.ACCEPT: N_("la rete accetta"),
    Kind.DECLINE: N_("rifiuto"),
    Kind.CONSENT: N_("consenso registrato"),
    Kind.IDENTITY: N_("nomi e recapiti comunicati, sigillati"),
    Kind.REVOKE: N_("consenso revocato"),
    Kind.ERASED: N_("nomi e recapiti ricevuti cancellati"),
    Kind.FOLLOW_UP: N_("verifica dopo la presentazione"),
    Kind.OUTCOME: N_("esito"),
    Kind.WITHDRAW: N_("ritiro"),
    Kind.EXPIRE: N_("chiuso perché il tempo è passato"),
}
DEED_TITLES: Final[Mapping[Kind, str]] = {
    Kind.REQUEST: N_("Convalidare e inviare"),
    Kind.CHECK: N_("Prendere in esame"),
    Kind.QUESTION: N_("Chiedere chiarimenti"),
    Kind.ANSWER: N_("Rispondere"),
    Kind.FORWARD: N_("Segnare che è stato proposto alla rete"),
    Kind.ACCEPT: N_("La rete accetta"),
    Kind.DECLINE: N_("Rifiutare"),
    Kind.CONSENT: N_("Registrare il consenso"),
    Kind.FOLLOW_UP: N_("Registrare come procede"),
    Kind.OUTCOME: N_("Registrare l'esito"),
    Kind.WITHDRAW: N_("Ritirare la richiesta"),
    Kind.REVOKE: N_("Revocare il consenso"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that an office said: its number in that office's row, how many of the other's it had seen, when (unix seconds).

    ``detail`` is a word of a closed list (a reason, an outcome, a day of follow-up); ``due`` is the day (since 1970-01-01) by which the
    office that speaks will take the next step, NO_DAY where the step is not its own.
    """

    by: Party
    seq: int
    seen: int
    kind: str
    at: int
    detail: str = ""
    due: int = NO_DAY


@dataclass(frozen=True, slots=True)
class Case:
    """A case as its events tell it.

    ``turn``: who has something to do, ``due``: by which day each of them will, where it said so; ``since``: when the state was reached;
    ``heard``: how many events of each office are here without a gap, ``seen``: how many of the other's each has said it knows.
    ``disclosed``: whose identity left; ``erasing``: who still has to erase the other's; ``overtaken``: events that changed nothing.
    """

    state: State = State.ENDORSED
    turn: frozenset[Party] = frozenset()
    due: Mapping[Party, int] = field(default_factory=dict)
    since: int = 0
    heard: Mapping[Party, int] = field(default_factory=lambda: {SEEKER: 0, OWNER: 0})
    seen: Mapping[Party, int] = field(default_factory=lambda: {SEEKER: 0, OWNER: 0})
    reason: str = ""
    ended_by: Party | None = None
    outcome: str = ""
    introduced_at: int = 0
    consents: frozenset[Party] = frozenset()
    disclosed: frozenset[Party] = frozenset()
    # Whose consent was revoked, and who has said an end of any kind: also in events that still wait for their place in the order.
    revoked: frozenset[Party] = frozenset()
    quit: frozenset[Party] = frozenset()
    erased: frozenset[Party] = frozenset()
    follow_ups: frozenset[tuple[Party, int]] = frozenset()
    overtaken: frozenset[tuple[Party, int]] = frozenset()
    # Somebody has seen events of an office that that office does not have any more: its database is an old copy.
    lost: frozenset[Party] = frozenset()

    @property
    def is_open(self) -> bool:
        """Whether anything can still happen to it but erasures."""
        return self.state not in CLOSED

    @property
    def erasing(self) -> frozenset[Party]:
        """Which offices hold an identity that they have to erase."""
        return frozenset(
            party
            for party in Party
            if party.other in self.disclosed
            and party not in self.erased
            and (party.other in self.revoked or self.state in ENDED)
        )

    @property
    def is_quit(self) -> bool:
        """Whether anybody has said an end, wherever it stands in the order: nobody is named from then on."""
        return bool(self.quit)

    def withholds(self, party: Party) -> bool:
        """Tell whether what an office has said of its identity must not travel any more."""
        return party in self.revoked or self.state in ENDED

    def shows(self, party: Party) -> bool:
        """Tell whether an office may hold and read the other's identity."""
        hidden = party in self.erased or party.other in self.revoked or self.state in ENDED
        return party.other in self.disclosed and not hidden


class _Fold:
    """A case under way: what ``fold`` changes from event to event."""

    def __init__(self) -> None:
        self.state = State.ENDORSED
        self.since = 0
        self.now = 0
        self.reason, self.outcome = "", ""
        self.ended_by: Party | None = None
        self.introduced_at = 0
        self.consents: set[Party] = set()
        self.disclosed: set[Party] = set()
        # By which of its events each office named its side.
        self.named: dict[Party, int] = {}
        self.revoked: set[Party] = set()
        self.erased: set[Party] = set()
        self.follow_ups: set[tuple[Party, int]] = set()
        self.overtaken: set[tuple[Party, int]] = set()
        # The event that opened the present step, and by when each office said it would take it.
        self.opened: tuple[Party, int] | None = None
        self.due: dict[Party, int] = {}

    def apply(self, event: Event) -> None:
        """Let one event happen, if it can; none happens before those that it comes after, whatever its clock says."""
        self.now = max(self.now, event.at)
        event = replace(event, at=self.now)
        rule = _RULES.get(event.kind, _step)
        if not rule(self, event):
            self.overtaken.add((event.by, event.seq))
        self._note_due(event)

    def move(self, state: State, event: Event) -> bool:
        """Reach a state by an event."""
        self.state, self.since = state, event.at
        self.opened, self.due = (event.by, event.seq), {}
        return True

    def end(self, state: State, event: Event, reason: str) -> bool:
        """End the case without an introduction."""
        self.reason, self.ended_by, self.introduced_at = reason, event.by, 0
        return self.move(state, event)

    def is_unaware(self, event: Event) -> bool:
        """Tell whether an office speaks that has not heard of the introduction: for it the other side has no name yet."""
        return self.state in KNOWN and event.seen < self.named.get(event.by.other, 0)

    def turn(self) -> frozenset[Party]:
        """Return who has something to do now."""
        if self.state is State.ACCEPTED:
            return frozenset(set(Party) - self.consents)
        return frozenset({TURNS[self.state]}) if self.state in TURNS else frozenset()

    def _note_due(self, event: Event) -> None:
        # Said with the event that opened the step, or with the first that knows of it.
        opened = self.opened
        knows = opened is not None and (opened[0] is event.by or event.seen >= opened[1])
        if knows and event.by in self.turn() and event.by not in self.due and event.due > event.at // _DAY_S:
            self.due[event.by] = min(event.due, event.at // _DAY_S + DUE_MAX_DAYS)


def _step(fold: _Fold, event: Event) -> bool:
    step = STEPS.get((event.kind, event.by))
    if step is None or fold.state not in step[0]:
        return False
    if event.kind == Kind.OUTCOME:
        if event.detail not in OUTCOMES:
            return False
        fold.outcome = event.detail
    return fold.move(step[1], event)


def _reason(event: Event, allowed: Mapping[str, str]) -> str:
    return event.detail if event.detail in allowed else "other"


def _decline(fold: _Fold, event: Event) -> bool:
    # The network may think better of it until its consent is recorded; after that it revokes.
    late = fold.state is State.ACCEPTED and OWNER not in fold.consents
    if event.by is not OWNER or not (late or fold.state in DECLINABLE):
        return False
    return fold.end(State.DECLINED, event, _reason(event, DECLINE_REASONS))


def _receipt(fold: _Fold, event: Event) -> bool:
    if fold.state is State.SENT and event.by is OWNER:
        fold.move(State.RECEIVED, event)
    return True


def _consent(fold: _Fold, event: Event) -> bool:
    if fold.state is not State.ACCEPTED or event.by in fold.consents or event.by in fold.revoked:
        return False
    fold.consents.add(event.by)
    fold.due.pop(event.by, None)
    return fold.move(State.CONSENTED, event) if fold.consents == set(Party) else True


def _identity(fold: _Fold, event: Event) -> bool:
    # Named without two consents: not heard. Named across an end that was on the road: to be erased.
    if fold.state is not State.CONSENTED and fold.state not in ENDED:
        return False
    fold.disclosed.add(event.by)
    fold.named.setdefault(event.by, event.seq)
    if fold.state in ENDED:
        return False
    if fold.disclosed == set(Party):
        fold.introduced_at = event.at
        fold.move(State.INTRODUCED, event)
    return True


def _revoke(fold: _Fold, event: Event) -> bool:
    if event.by not in fold.consents or event.by in fold.revoked:
        return False
    fold.revoked.add(event.by)
    if fold.state in (State.ACCEPTED, State.CONSENTED) or fold.is_unaware(event):
        fold.end(State.WITHDRAWN, event, CONSENT_REVOKED)
    return True


def _erased(fold: _Fold, event: Event) -> bool:
    fold.erased.add(event.by)
    return True


def _follow_up(fold: _Fold, event: Event) -> bool:
    if fold.state not in KNOWN or event.detail not in {str(day) for day in FOLLOW_UP_DAYS}:
        return False
    fold.follow_ups.add((event.by, int(event.detail)))
    fold.state = State.FOLLOWED_UP
    return True


def _withdraw(fold: _Fold, event: Event) -> bool:
    # Said in ignorance of the names that were on the road, it is heeded: what travelled is erased.
    if fold.state in CLOSED | LOCAL or (fold.state in KNOWN and not fold.is_unaware(event)):
        return False
    return fold.end(State.WITHDRAWN, event, _reason(event, WITHDRAW_REASONS))


def _expire(fold: _Fold, event: Event) -> bool:
    # Whether the day was over is the speaker's to judge, by what it knew: judged again here, by what others said meanwhile, an end
    # that it rightly said could be undone, and a name follow it.
    if fold.state in CLOSED | LOCAL:
        return False
    if fold.state in KNOWN and not fold.is_unaware(event):
        late = is_over(fold.state, frozenset(), {}, fold.since, fold.introduced_at, event.at)
        return fold.move(State.CONCLUDED, event) if late else False
    return fold.end(State.EXPIRED, event, "")


_RULES: Final[Mapping[str, Callable[[_Fold, Event], bool]]] = {
    Kind.RECEIPT: _receipt,
    Kind.DECLINE: _decline,
    Kind.CONSENT: _consent,
    Kind.IDENTITY: _identity,
    Kind.REVOKE: _revoke,
    Kind.ERASED: _erased,
    Kind.FOLLOW_UP: _follow_up,
    Kind.WITHDRAW: _withdraw,
    Kind.EXPIRE: _expire,
}


def is_over(
    state: State, turn: frozenset[Party], due: Mapping[Party, int], since: int, introduced_at: int, at: int
) -> bool:
    """Tell whether a case may be closed at a moment because nothing came: the day of a step is over, or an office is out of reach."""
    if state in CLOSED | LOCAL:
        return False
    if state in KNOWN:
        return at >= introduced_at + UNTOLD_DAYS * _DAY_S
    if at >= since + UNREACHABLE_DAYS * _DAY_S:
        return True
    return any(party in due and at // _DAY_S > due[party] for party in turn)


def _whole(events: Iterable[Event]) -> dict[Party, list[Event]]:
    """Return each office's events from its first without a gap."""
    held: dict[Party, dict[int, Event]] = {SEEKER: {}, OWNER: {}}
    for event in events:
        held[event.by].setdefault(event.seq, event)
    rows: dict[Party, list[Event]] = {}
    for party, numbered in held.items():
        rows[party] = []
        while (found := numbered.get(len(rows[party]) + 1)) is not None:
            rows[party].append(found)
    return rows


def in_order(events: Iterable[Event]) -> list[Event]:
    """Return the events that are here without a gap, in the one order of rule 2."""
    rows = _whole(events)
    numbers: dict[Party, list[int]] = {SEEKER: [0], OWNER: [0]}
    placed: list[tuple[int, str, Event]] = []
    left = {party: list(reversed(row)) for party, row in rows.items()}
    moved = True
    while moved:
        moved = False
        for party in (SEEKER, OWNER):
            while left[party] and left[party][-1].seen < len(numbers[party.other]):
                event = left[party].pop()
                number = 1 + max(numbers[party][-1], numbers[party.other][event.seen])
                numbers[party].append(number)
                placed.append((number, "0" if party is SEEKER else "1", event))
                moved = True
    return [event for _, _, event in sorted(placed, key=lambda item: item[:2])]


def fold(events: Iterable[Event]) -> Case:
    """Return the case that some events tell; the order in which they are given does not matter."""
    given = list(events)
    ordered = in_order(given)
    state = _Fold()
    heard, seen = {SEEKER: 0, OWNER: 0}, {SEEKER: 0, OWNER: 0}
    for event in ordered:
        heard[event.by] = event.seq
        seen[event.by] = max(seen[event.by], event.seen)
        state.apply(event)
    turn = state.turn()
    lost = frozenset(event.by.other for event in given if event.seen > heard[event.by.other])
    # What protects somebody counts from its arrival, whether or not it has its place in the order yet.
    revoked = state.revoked | {event.by for event in given if event.kind == Kind.REVOKE}
    ends = {event.by for event in given if event.kind in _ENDS}
    return Case(
        state=state.state,
        turn=turn,
        due={party: day for party, day in state.due.items() if party in turn},
        since=state.since,
        heard=heard,
        seen=seen,
        reason=state.reason,
        ended_by=state.ended_by,
        outcome=state.outcome,
        introduced_at=state.introduced_at,
        consents=frozenset(state.consents),
        disclosed=frozenset(state.disclosed),
        revoked=frozenset(revoked),
        quit=frozenset(ends),
        erased=frozenset(state.erased),
        follow_ups=frozenset(state.follow_ups),
        overtaken=frozenset(state.overtaken),
        lost=lost,
    )


# What ends a case or takes something back; and what people can do even where their own events are lost, to protect somebody.
_ENDS: Final = frozenset({Kind.EXPIRE, Kind.WITHDRAW, Kind.DECLINE, Kind.REVOKE})
PROTECTING: Final = frozenset({Kind.WITHDRAW, Kind.DECLINE, Kind.REVOKE})


def _allowed(case: Case, me: Party, kind: Kind) -> bool:
    """Tell whether a person of an office may say this now."""
    step = STEPS.get((kind, me))
    if step is not None:
        return case.state in step[0]
    if kind is Kind.DECLINE:
        return me is OWNER and (case.state in DECLINABLE or (case.state is State.ACCEPTED and me not in case.consents))
    if kind is Kind.CONSENT:
        return case.state is State.ACCEPTED and me not in case.consents
    if kind is Kind.REVOKE:
        return me in case.consents and me not in case.revoked and case.state not in ENDED
    if kind is Kind.FOLLOW_UP:
        return case.state in KNOWN and len([day for party, day in case.follow_ups if party is me]) < len(FOLLOW_UP_DAYS)
    if kind is Kind.WITHDRAW:
        return case.is_open and case.state not in KNOWN | LOCAL and me is SEEKER
    return False


# What people do, in the order in which a page offers it; the rest is the node's.
HUMAN: Final = (
    Kind.REQUEST, Kind.CHECK, Kind.QUESTION, Kind.ANSWER, Kind.FORWARD, Kind.ACCEPT, Kind.CONSENT, Kind.FOLLOW_UP, Kind.OUTCOME,
    Kind.DECLINE, Kind.WITHDRAW, Kind.REVOKE,
)  # fmt: skip


def may(case: Case, me: Party) -> tuple[Kind, ...]:
    """Return what people of an office may do now."""
    allowed = tuple(kind for kind in HUMAN if _allowed(case, me, kind))
    if me in case.lost or case.heard[me] >= STEPS_MAX:
        return tuple(kind for kind in allowed if kind in PROTECTING)
    return allowed


def owed(
    case: Case,
    me: Party,
    now: int,
    *,
    profile_live: bool,
    unreceipted: bool,
    asked_at: int | None = None,
    read_at: int | None = None,
) -> Kind | None:
    """Return the next thing that an office's node has to say by itself, None when nothing.

    ``unreceipted``: whether the other office said more than receipts since this one last spoke. ``asked_at``, ``read_at``: when the other
    was last asked for its messages, and when they were read to the end (None: now).
    """
    if me in case.lost or case.heard[me] >= EVENTS_MAX:
        return None
    if me in case.erasing:
        return Kind.ERASED
    if me is OWNER and not profile_live and case.is_open and case.state not in KNOWN | LOCAL:
        return Kind.WITHDRAW
    if _may_close(case, me, now, now if asked_at is None else asked_at, now if read_at is None else read_at):
        return Kind.EXPIRE
    if case.heard[me] >= STEPS_MAX:
        return None
    if case.state is State.CONSENTED and me not in case.disclosed and not case.is_quit:
        return Kind.IDENTITY
    return Kind.RECEIPT if unreceipted and case.heard[me] < RECEIPTS_MAX else None


def _may_close(case: Case, me: Party, now: int, asked_at: int, read_at: int) -> bool:
    """Tell whether an office's node closes a case in which nothing came: the road's delays, or its own, are nobody's silence."""
    # Whoever waits for the other closes a day later, for what the other does on its last day is on the road, and only after reading
    # what the other said until then: a node that was down itself does not begin by closing what was answered long ago.
    others = frozenset({me.other}) if me not in case.turn else frozenset()
    late = {party: day + (party in others) for party, day in case.due.items()}
    if read_at // _DAY_S <= late.get(me.other, NO_DAY):
        late.pop(me.other, None)
    if any(party in late and now // _DAY_S > late[party] for party in case.turn):
        return True
    # Out of reach, or nothing told for months: asked once more first.
    return is_over(case.state, case.turn, {}, case.since, case.introduced_at, min(now, asked_at))


class Urgency(StrEnum):
    """How near the end of a step is."""

    CALM = "calm"
    SOON = "soon"
    LAST_DAY = "last-day"
    OVER = "over"


# So many days before the end of a step both offices are reminded; on its last day it goes up.
SOON_DAYS: Final = 2


def urgency(case: Case, party: Party, today: dt.date) -> Urgency:
    """Return how near the end of an office's step is; both offices see the same."""
    due = case.due.get(party)
    if due is None:
        return Urgency.CALM
    left = due - day_number(today)
    if left < 0:
        return Urgency.OVER
    return Urgency.LAST_DAY if left == 0 else Urgency.SOON if left <= SOON_DAYS else Urgency.CALM


def follow_up_due(case: Case, party: Party, now: int) -> int:
    """Return the follow-up (30, 90 or 180) that an office still has to tell, 0 for none; of several the latest."""
    if case.state not in KNOWN:
        return 0
    passed = [day for day in FOLLOW_UP_DAYS if now >= case.introduced_at + day * _DAY_S]
    return passed[-1] if passed and (party, passed[-1]) not in case.follow_ups else 0


_LINES: Final = re.compile(r"\n{3,}")


def clean(text: str) -> str:
    """Return a text as it may travel: one form of every sign, no controls but line ends, no blanks around."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    seen = "".join(" " if sign == "\t" else sign for sign in lines if sign in "\n\t" or not UNSEEN.match(sign))
    # After what is not seen went: without it, signs may compose.
    seen = unicodedata.normalize("NFC", seen)
    return _LINES.sub("\n\n", "\n".join(line.rstrip() for line in seen.split("\n"))).strip()
