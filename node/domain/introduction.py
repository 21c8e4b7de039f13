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
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from node.domain.days import day_number
from node.errors import N_

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
DAY_S: Final = 86_400


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


def turn_of(case: Case) -> str:
    """Return whose turn it is as one word: seeker, owner, both, or nothing."""
    return "both" if len(case.turn) > 1 else next((str(party) for party in case.turn), "")


def state_for(case: Case, me: Party) -> State:
    """Return where a case stands for an office: one whose first events are still on the road was sent, for all its owner knows."""
    return State.SENT if me is Party.OWNER and case.state in LOCAL else case.state


def is_over(
    state: State, turn: frozenset[Party], due: Mapping[Party, int], since: int, introduced_at: int, at: int
) -> bool:
    """Tell whether a case may be closed at a moment because nothing came: the day of a step is over, or an office is out of reach."""
    if state in CLOSED | LOCAL:
        return False
    if state in KNOWN:
        return at >= introduced_at + UNTOLD_DAYS * DAY_S
    if at >= since + UNREACHABLE_DAYS * DAY_S:
        return True
    return any(party in due and at // DAY_S > due[party] for party in turn)


# What ends a case or takes something back; and what people can do even where their own events are lost, to protect somebody.
ENDS: Final = frozenset({Kind.EXPIRE, Kind.WITHDRAW, Kind.DECLINE, Kind.REVOKE})
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
    if read_at // DAY_S <= late.get(me.other, NO_DAY):
        late.pop(me.other, None)
    if any(party in late and now // DAY_S > late[party] for party in case.turn):
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
    passed = [day for day in FOLLOW_UP_DAYS if now >= case.introduced_at + day * DAY_S]
    return passed[-1] if passed and (party, passed[-1]) not in case.follow_ups else 0
