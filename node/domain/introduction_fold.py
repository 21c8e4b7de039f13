"""The case that events tell: put in one order that both offices compute alike, and let happen one after the other.

In: the events of a case, in whatever order they came. Out: the case (domain/introduction.py, whose rules 1 to 4 are kept here). Source:
PROTOCOL 11.5; Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System" (1978).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from node.domain.introduction import (
    CLOSED,
    CONSENT_REVOKED,
    DAY_S,
    DECLINABLE,
    DECLINE_REASONS,
    DUE_MAX_DAYS,
    ENDED,
    ENDS,
    FOLLOW_UP_DAYS,
    KNOWN,
    LOCAL,
    OUTCOMES,
    OWNER,
    SEEKER,
    STEPS,
    TURNS,
    WITHDRAW_REASONS,
    Case,
    Event,
    Kind,
    Party,
    State,
    is_over,
)


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
        if knows and event.by in self.turn() and event.by not in self.due and event.due > event.at // DAY_S:
            self.due[event.by] = min(event.due, event.at // DAY_S + DUE_MAX_DAYS)


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
    if (event.by, int(event.detail)) in fold.follow_ups:
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
    ends = {event.by for event in given if event.kind in ENDS}
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
