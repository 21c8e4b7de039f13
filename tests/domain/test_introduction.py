"""The case of an introduction: what its events tell, in whatever order they come; nobody named before both have consented."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.days import day_of
from node.domain.introduction import (
    CONSENT_REVOKED,
    DUE_MAX_DAYS,
    ENDED,
    EVENTS_MAX,
    FOLLOW_UP_DAYS,
    HUMAN,
    KNOWN,
    OWNER,
    PROTECTING,
    RECEIPTS_MAX,
    SEEKER,
    STEPS_MAX,
    UNREACHABLE_DAYS,
    UNTOLD_DAYS,
    Case,
    Event,
    Kind,
    Party,
    State,
    Urgency,
    follow_up_due,
    may,
    owed,
    urgency,
)
from node.domain.introduction_fold import fold, in_order
from tests.size import size

DAY = 86_400
BEGIN = 20_000 * DAY
K = Kind


class Office:
    """One office of a case with no store: its own events, those of the other that arrived, and a clock."""

    def __init__(self, me: Party) -> None:
        """Know nothing."""
        self.me = me
        self.own: list[Event] = []
        self.others: dict[int, Event] = {}
        self.live = True

    @property
    def events(self) -> list[Event]:
        """All that is here."""
        return [*self.own, *self.others.values()]

    @property
    def case(self) -> Case:
        """The case as it is seen from here."""
        return fold(self.events)

    def heard(self) -> int:
        """How many of the other's events are here without a gap."""
        return next(n for n in range(len(self.others) + 1) if n + 1 not in self.others)

    def say(self, kind: Kind, at: int = BEGIN, detail: str = "", due: int = -1) -> Event:
        """Add an event of one's own."""
        event = Event(self.me, len(self.own) + 1, self.heard(), kind, at, detail, due)
        self.own.append(event)
        return event

    def hear(self, *events: Event) -> None:
        """Take events of the other."""
        for event in events:
            self.others[event.seq] = event

    def unreceipted(self) -> bool:
        """Whether something was said that this office has not yet said it knows."""
        seen = self.own[-1].seen if self.own else 0
        return any(self.others[n].kind != K.RECEIPT for n in range(seen + 1, self.heard() + 1))

    def work(self, at: int = BEGIN) -> None:
        """Say whatever the node says by itself."""
        while (
            kind := owed(self.case, self.me, at, profile_live=self.live, unreceipted=self.unreceipted())
        ) is not None:
            self.say(kind, at)


def exchange(seeker: Office, owner: Office) -> None:
    """Let both hear all that the other said, until neither has anything to add."""
    before = -1
    while before != len(seeker.own) + len(owner.own):
        before = len(seeker.own) + len(owner.own)
        for one, other in ((seeker, owner), (owner, seeker)):
            other.hear(*one.own)
            other.work()


def reach(*steps: tuple[Party, Kind], details: dict[Kind, str] | None = None) -> tuple[Office, Office]:
    """Two offices after some steps, each of which was allowed and reached the other before the next."""
    offices = {SEEKER: Office(SEEKER), OWNER: Office(OWNER)}
    for party, kind in steps:
        assert kind in may(offices[party].case, party), (kind, offices[party].case.state)
        offices[party].say(kind, detail=(details or {}).get(kind, ""))
        exchange(offices[SEEKER], offices[OWNER])
    return offices[SEEKER], offices[OWNER]


ASKED = ((SEEKER, K.REQUEST),)
ACCEPTED = (*ASKED, (OWNER, K.CHECK), (OWNER, K.QUESTION), (SEEKER, K.ANSWER), (OWNER, K.FORWARD), (OWNER, K.ACCEPT))
INTRODUCED = (*ACCEPTED, (SEEKER, K.CONSENT), (OWNER, K.CONSENT))


def test_the_straight_way_ends_with_an_agreement() -> None:
    """From the request to the outcome, both offices see every state alike."""
    seen = []
    steps = (*INTRODUCED, (OWNER, K.FOLLOW_UP), (SEEKER, K.OUTCOME))
    for count in range(1, len(steps) + 1):
        seeker, owner = reach(*steps[:count], details={K.FOLLOW_UP: "30", K.OUTCOME: "agreement"})
        assert seeker.case == owner.case
        seen.append(seeker.case.state)
    assert seen == [
        State.RECEIVED, State.UNDER_CHECK, State.INFO_REQUESTED, State.ANSWERED, State.FORWARDED, State.ACCEPTED, State.ACCEPTED,
        State.INTRODUCED, State.FOLLOWED_UP, State.CONCLUDED,
    ]  # fmt: skip
    assert seeker.case.outcome == "agreement"
    assert not seeker.case.overtaken
    assert not may(seeker.case, SEEKER)[:-1]


def test_no_identity_leaves_before_both_have_consented() -> None:
    """One consent is not enough, and the second alone makes both nodes name their network, once."""
    seeker, owner = reach(*ACCEPTED, (SEEKER, K.CONSENT))
    assert not seeker.case.disclosed
    owner.say(K.CONSENT)
    exchange(seeker, owner)
    assert seeker.case.disclosed == {SEEKER, OWNER}
    assert [e.kind for e in (*seeker.own, *owner.own)].count(K.IDENTITY) == 2
    assert seeker.case.shows(SEEKER)
    assert owner.case.shows(OWNER)


@pytest.mark.parametrize("party", [SEEKER, OWNER])
def test_a_consent_revoked_before_the_introduction_stops_everything(party: Party) -> None:
    """The other may consent on the same day without knowing: no identity is kept anywhere."""
    seeker, owner = reach(*ACCEPTED, (party, K.CONSENT))
    offices = {SEEKER: seeker, OWNER: owner}
    offices[party].say(K.REVOKE)
    offices[party.other].say(K.CONSENT)
    # Sees two consents and no revocation: it names its network, rightly, and that crosses the revocation on the road.
    offices[party.other].work()
    exchange(seeker, owner)
    for office in (seeker, owner):
        assert office.case.state is State.WITHDRAWN
        assert office.case.reason == CONSENT_REVOKED
        assert not office.case.shows(office.me)
    assert party in seeker.case.erased


def test_a_consent_revoked_after_the_introduction_has_the_identity_erased_with_a_receipt() -> None:
    """Only that of whoever revokes; the case itself goes on."""
    seeker, owner = reach(*INTRODUCED, (SEEKER, K.REVOKE))
    assert seeker.case.state is State.INTRODUCED
    assert seeker.case.erased == {OWNER}
    assert not owner.case.shows(OWNER)
    assert seeker.case.shows(SEEKER)
    assert K.REVOKE not in may(seeker.case, SEEKER)


@pytest.mark.parametrize("count", range(1, len(ACCEPTED) + 1))
def test_a_withdrawn_profile_closes_the_case_with_notice(count: int) -> None:
    """Wherever it stands before the introduction; both see why."""
    seeker, owner = reach(*ACCEPTED[:count])
    owner.live = False
    owner.work()
    exchange(seeker, owner)
    assert seeker.case.state is State.WITHDRAWN
    assert seeker.case.ended_by is OWNER
    assert seeker.case == owner.case


def test_a_withdrawn_profile_undoes_no_introduction() -> None:
    """Who has met has met."""
    _, owner = reach(*INTRODUCED)
    owner.live = False
    owner.work()
    assert owner.case.state is State.INTRODUCED


def test_of_two_ends_that_cross_both_offices_see_the_same() -> None:
    """The seeker withdraws while the owner accepts: one end, and the other event stays visible as overtaken."""
    seeker, owner = reach(*ACCEPTED[:-1])
    seeker.say(K.WITHDRAW, detail="found-elsewhere")
    late = owner.say(K.ACCEPT)
    exchange(seeker, owner)
    assert seeker.case == owner.case
    assert seeker.case.state is State.WITHDRAWN
    assert (OWNER, late.seq) in seeker.case.overtaken


def test_a_step_that_is_not_due_changes_nothing() -> None:
    """Whoever skips steps, or takes the other's, is not heard."""
    for kind in (K.ACCEPT, K.FORWARD, K.CONSENT, K.IDENTITY, K.OUTCOME, K.ANSWER, K.CHECK):
        owner = Event(OWNER, 1, 1, kind, BEGIN)
        case = fold([Event(SEEKER, 1, 0, K.REQUEST, BEGIN), owner])
        assert case.state is State.SENT, kind
        assert (OWNER, 1) in case.overtaken, kind
        assert not case.shows(SEEKER)


def test_an_unknown_kind_is_passed_over() -> None:
    """A newer office says what an older one does not know: what follows is heard all the same."""
    case = fold(
        [
            Event(SEEKER, 1, 0, K.REQUEST, BEGIN),
            Event(OWNER, 1, 1, "greeting", BEGIN),
            Event(OWNER, 2, 1, K.RECEIPT, BEGIN),
        ]
    )
    assert case.state is State.RECEIVED
    assert case.overtaken == {(OWNER, 1)}


def test_after_a_gap_nothing_is_heard() -> None:
    """The third event waits for the second."""
    seeker, owner = reach(*ACCEPTED)
    without = [e for e in owner.own if e.seq != 2]
    case = fold([*seeker.own, *without])
    assert case.heard[OWNER] == 1
    assert OWNER in case.lost
    assert fold([*seeker.own, *owner.own]).heard[OWNER] == len(owner.own)


def test_an_office_that_lost_its_events_can_only_end_and_revoke() -> None:
    """Its database is an old copy: the other has seen more of it than it has itself; its node says nothing by itself."""
    _, owner = reach(*ACCEPTED)
    owner.own = owner.own[:-2]
    assert owner.case.lost == {OWNER}
    assert set(may(owner.case, OWNER)) <= PROTECTING
    assert owed(owner.case, OWNER, BEGIN + 90 * DAY, profile_live=False, unreceipted=True) is None


def test_a_step_ends_when_its_day_is_over_and_not_before() -> None:
    """The office in turn closes the case the day after; the other, for which a last word may be on the road, a day later."""
    due = BEGIN // DAY + 7
    seeker, owner = Office(SEEKER), Office(OWNER)
    seeker.say(K.REQUEST)
    owner.hear(*seeker.own)
    owner.say(K.RECEIPT, due=due)
    seeker.hear(*owner.own)
    assert seeker.case.due == owner.case.due == {OWNER: due}
    for day, here, there in (
        (due, State.RECEIVED, State.RECEIVED),
        (due + 1, State.EXPIRED, State.RECEIVED),
        (due + 2, State.EXPIRED, State.EXPIRED),
    ):
        owner.work(day * DAY)
        seeker.work(day * DAY)
        assert (owner.case.state, seeker.case.state) == (here, there)
    exchange(seeker, owner)
    assert seeker.case == owner.case


def test_while_the_office_in_turn_has_heard_nothing_no_day_runs() -> None:
    """A week down costs nobody the case; two months do."""
    seeker = Office(SEEKER)
    seeker.say(K.REQUEST)
    seeker.work(BEGIN + 7 * DAY)
    assert seeker.case.state is State.SENT
    seeker.work(BEGIN + UNREACHABLE_DAYS * DAY)
    assert seeker.case.state is State.EXPIRED


def test_nobody_gives_themselves_more_time_than_there_is() -> None:
    """A day beyond the bound is cut, and one in the past is none."""
    for due, kept in ((10**9, BEGIN // DAY + DUE_MAX_DAYS), (BEGIN // DAY, None), (-1, None)):
        case = fold([Event(SEEKER, 1, 0, K.REQUEST, BEGIN), Event(OWNER, 1, 1, K.RECEIPT, BEGIN, due=due)])
        assert case.due.get(OWNER) == kept


def test_the_day_is_that_of_the_first_word_after_the_step_was_opened() -> None:
    """What the office in turn says later does not move it."""
    first, later = BEGIN // DAY + 5, BEGIN // DAY + 9
    case = fold(
        [
            Event(SEEKER, 1, 0, K.REQUEST, BEGIN),
            Event(OWNER, 1, 1, K.RECEIPT, BEGIN, due=first),
            Event(OWNER, 2, 1, K.RECEIPT, BEGIN, due=later),
        ]
    )
    assert case.due == {OWNER: first}


def test_both_are_reminded_alike() -> None:
    """Two days before, on the day, and when it is over."""
    due = BEGIN // DAY + 10
    case = fold([Event(SEEKER, 1, 0, K.REQUEST, BEGIN), Event(OWNER, 1, 1, K.RECEIPT, BEGIN, due=due)])
    told = [urgency(case, OWNER, day_of(due + n)) for n in (-3, -2, -1, 0, 1)]
    assert told == [Urgency.CALM, Urgency.SOON, Urgency.SOON, Urgency.LAST_DAY, Urgency.OVER]
    assert urgency(case, SEEKER, day_of(due + 1)) is Urgency.CALM


def test_follow_ups_come_after_30_90_and_180_days() -> None:
    """Each office is asked by itself, for the latest one that is due."""
    seeker, owner = reach(*INTRODUCED)
    at = seeker.case.introduced_at
    asked = [follow_up_due(seeker.case, SEEKER, at + days * DAY) for days in (0, 29, 30, 89, 90, 180)]
    assert asked == [0, 0, 30, 30, 90, 180]
    seeker.say(K.FOLLOW_UP, at + 30 * DAY, detail="30")
    assert follow_up_due(seeker.case, SEEKER, at + 31 * DAY) == 0
    assert follow_up_due(seeker.case, OWNER, at + 31 * DAY) == 30
    assert fold([*owner.events, Event(OWNER, 99, 1, K.FOLLOW_UP, at, detail="31")]).state is State.INTRODUCED
    assert FOLLOW_UP_DAYS == (30, 90, 180)


def test_an_introduction_of_which_nobody_tells_is_concluded_without_an_outcome() -> None:
    """Half a year and two months later."""
    seeker, _ = reach(*INTRODUCED)
    at = seeker.case.introduced_at
    seeker.work(at + UNTOLD_DAYS * DAY - 1)
    assert seeker.case.state is State.INTRODUCED
    seeker.work(at + UNTOLD_DAYS * DAY)
    assert seeker.case.state is State.CONCLUDED
    assert seeker.case.outcome == ""


def test_a_case_has_an_end_of_events() -> None:
    """Nobody fills the other's disk by one case."""
    events = [Event(SEEKER, 1, 0, K.REQUEST, BEGIN)]
    events += [Event(OWNER, n, 1, K.RECEIPT, BEGIN) for n in range(1, EVENTS_MAX + 1)]
    case = fold(events)
    assert set(may(case, OWNER)) <= PROTECTING
    assert owed(case, OWNER, BEGIN + 90 * DAY, profile_live=False, unreceipted=True) is None


@pytest.mark.parametrize(("count", "said"), [(RECEIPTS_MAX, None), (STEPS_MAX, None), (RECEIPTS_MAX - 1, K.RECEIPT)])
def test_receipts_end_before_steps_and_steps_before_what_protects(count: int, said: Kind | None) -> None:
    """Whoever makes the other's node talk for ever takes away neither its decisions nor its revocations."""
    seeker, owner = reach(*INTRODUCED)
    while len(owner.own) < count:
        owner.say(K.RECEIPT)
    assert owed(owner.case, OWNER, BEGIN, profile_live=True, unreceipted=True) is said
    assert K.REVOKE in may(owner.case, OWNER)
    assert (K.OUTCOME in may(owner.case, OWNER)) is (count < STEPS_MAX)
    owner.say(K.REVOKE)
    seeker.hear(*owner.own)
    assert not seeker.case.shows(SEEKER)


def test_an_end_that_was_said_is_undone_by_no_earlier_number() -> None:
    """Half a year after the case expired the other consents as if it had never heard of it: no name leaves."""
    seeker, owner = reach(*ACCEPTED, (OWNER, K.CONSENT))
    seen = next(e.seq for e in owner.own if e.kind == K.ACCEPT)
    owner.say(K.EXPIRE, BEGIN + 90 * DAY)
    late = Event(SEEKER, len(seeker.own) + 1, seen, K.CONSENT, BEGIN + 200 * DAY)
    owner.hear(late)
    owner.work(BEGIN + 200 * DAY)
    assert K.IDENTITY not in {e.kind for e in owner.own}
    seeker.own.append(late)
    exchange(seeker, owner)
    assert not seeker.case.disclosed
    assert seeker.case == owner.case


def test_a_revocation_counts_before_its_place_in_the_order_is_known() -> None:
    """It speaks of events that are not here (any more): the identity is hidden all the same."""
    _, owner = reach(*INTRODUCED)
    assert owner.case.shows(OWNER)
    owner.hear(Event(SEEKER, owner.heard() + 1, len(owner.own) + 3, K.REVOKE, BEGIN))
    assert not owner.case.shows(OWNER)


def test_nobody_takes_the_way_out_from_the_other() -> None:
    """A message that claims to have seen what was never said: the office can still revoke and withdraw."""
    seeker, owner = reach(*INTRODUCED)
    seeker.hear(Event(OWNER, len(owner.own) + 1, 99, "greeting", BEGIN))
    assert SEEKER in seeker.case.lost
    assert K.REVOKE in may(seeker.case, SEEKER)


def test_no_clock_turns_back_the_time_of_a_case() -> None:
    """An event that says 1970 happens when what it comes after has happened."""
    case = fold([Event(SEEKER, 1, 0, K.REQUEST, BEGIN), Event(OWNER, 1, 1, K.RECEIPT, 1)])
    assert case.since == BEGIN


@given(st.randoms(use_true_random=False))
@settings(max_examples=size(25, 60))
def test_the_order_in_which_events_arrive_does_not_matter(chance: random.Random) -> None:
    """Shuffled and repeated, the same events tell the same case."""
    seeker, owner = reach(*INTRODUCED)
    events: list[Event] = [*seeker.own, *owner.own]
    mixed = events + chance.choices(events, k=5)
    chance.shuffle(mixed)
    assert fold(mixed) == fold(events)
    assert in_order(mixed) == in_order(events)


def _two_offices(
    chance: random.Random, steps: int
) -> tuple[Office, Office, list[tuple[Party, Event, frozenset[Party]]]]:
    """Two offices that do whatever they may at random, over a road that loses, repeats and turns round what it carries."""
    offices = {SEEKER: Office(SEEKER), OWNER: Office(OWNER)}
    road: dict[Party, list[Event]] = {SEEKER: [], OWNER: []}
    named: list[tuple[Party, Event, frozenset[Party]]] = []
    now = BEGIN
    for _ in range(steps):
        me = chance.choice((SEEKER, OWNER))
        office, before = offices[me], len(offices[me].own)
        what = chance.random()
        if what < 0.45:
            kinds = may(office.case, me)
            if kinds and (kind := chance.choice(kinds)) is not None:
                detail = {K.FOLLOW_UP: "30", K.OUTCOME: "none"}.get(kind, "other")
                office.say(kind, now, detail=detail, due=now // DAY + chance.randint(1, 9))
        elif what < 0.75 and road[me]:
            office.hear(chance.choice(road[me]))
        elif what < 0.8:
            now += chance.randint(0, 6) * DAY
        elif what < 0.82:
            offices[OWNER].live = False
        view = office.case
        office_said = office.own[before:]
        while (
            kind := owed(office.case, me, now, profile_live=office.live, unreceipted=office.unreceipted())
        ) is not None:
            view = office.case
            office_said.append(office.say(kind, now))
            if kind is K.IDENTITY:
                named.append(
                    (
                        me,
                        office_said[-1],
                        view.consents if not view.revoked and view.state not in ENDED else frozenset(),
                    )
                )
        road[me.other] += [event for event in office_said for _ in range(chance.choice((0, 1, 1, 2)))]
    return offices[SEEKER], offices[OWNER], named


def _is_sound(seeker: Office, owner: Office) -> None:
    assert seeker.case == owner.case
    case = seeker.case
    assert not case.lost
    assert not case.erasing
    if case.state in ENDED:
        assert not seeker.case.shows(SEEKER)
        assert not owner.case.shows(OWNER)
    if case.state in KNOWN:
        assert case.consents == {SEEKER, OWNER}


@given(st.randoms(use_true_random=False), st.integers(5, 60))
@settings(max_examples=size(100, 400))
@pytest.mark.many
def test_two_offices_over_a_bad_road_agree_at_the_end(chance: random.Random, steps: int) -> None:
    """Whatever was lost, repeated or turned round: once all has come, one case, and no identity before two consents."""
    seeker, owner, named = _two_offices(chance, steps)
    exchange(seeker, owner)
    _is_sound(seeker, owner)
    for party, _event, consents in named:
        assert consents == {SEEKER, OWNER}, party
    for office in (seeker, owner):
        assert [e.kind for e in office.own].count(K.IDENTITY) <= 1
        assert [e.kind for e in office.own].count(K.CONSENT) <= 1


def test_every_kind_a_person_can_say_is_offered_somewhere() -> None:
    """No step stands in the list that no state allows."""
    offered: set[Kind] = set()
    for count in range(len(INTRODUCED) + 1):
        seeker, owner = reach(*INTRODUCED[:count])
        offered |= {*may(seeker.case, SEEKER), *may(owner.case, OWNER)}
    assert offered == set(HUMAN)


def test_what_is_offered_can_be_done() -> None:
    """Each step that is offered changes the case, and is not overtaken at once."""
    for count in range(len(INTRODUCED) + 1):
        for party in Party:
            for kind in may(reach(*INTRODUCED[:count])[0 if party is SEEKER else 1].case, party):
                seeker, owner = reach(*INTRODUCED[:count])
                office = seeker if party is SEEKER else owner
                event = office.say(kind, detail={K.FOLLOW_UP: "30", K.OUTCOME: "none"}.get(kind, "other"))
                assert (party, event.seq) not in office.case.overtaken, (kind, count)


def test_an_office_closes_for_the_others_silence_only_after_reading_what_it_said() -> None:
    """The owner's day is over and its outbox unread since: nothing; read a day after that day, or after its own day: the end."""
    due = BEGIN // DAY + 5
    seeker = Office(SEEKER)
    seeker.say(K.REQUEST)
    seeker.hear(Event(OWNER, 1, 1, K.RECEIPT, BEGIN, due=due))
    now = (due + 9) * DAY

    def node(party: Party, read_at: int) -> Kind | None:
        return owed(seeker.case, party, now, profile_live=True, unreceipted=False, asked_at=now, read_at=read_at)

    for read_at in (0, due * DAY, (due + 2) * DAY - 1):
        assert node(SEEKER, read_at) is None
    assert node(SEEKER, (due + 2) * DAY) is K.EXPIRE
    assert node(OWNER, 0) is K.EXPIRE


def test_an_office_that_was_down_for_months_asks_before_it_closes() -> None:
    """Sixty days are over by its clock; but it has not asked since they were."""
    seeker = Office(SEEKER)
    seeker.say(K.REQUEST)
    over = BEGIN + UNREACHABLE_DAYS * DAY
    for asked_at, expected in ((BEGIN, None), (over - 1, None), (over, K.EXPIRE)):
        told = owed(
            seeker.case, SEEKER, over + DAY, profile_live=True, unreceipted=False, asked_at=asked_at, read_at=BEGIN
        )
        assert told is expected
