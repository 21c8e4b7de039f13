"""Nodes that are down for days: nothing is lost, nobody's time runs before they have the news, and an end comes on its day at both.

Real servers that stop and start, the clock ours; every hour each node that is up does what its jobs do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from node.domain.days import day_of
from node.domain.introduction import Kind, Party, State
from node.store import outbox
from node.store.outbox import Box
from tests.introductions_made import ACCEPTED, Desk, Pair

K = Kind
SEEKER, OWNER = Party.SEEKER, Party.OWNER


def moment(month: int, day: int, hour: int = 10, year: int = 2026) -> dt.datetime:
    """A moment, UTC."""
    return dt.datetime(year, month, day, hour, tzinfo=dt.UTC)


async def live(pair: Pair, until: dt.datetime, up: Sequence[Desk] | None = None, hours: int = 1) -> None:
    """Let time pass; those who are up work, as their timers let them."""
    while pair.clock.now < until:
        pair.clock.now = min(until, pair.clock.now + dt.timedelta(hours=hours))
        for desk in pair.desks if up is None else up:
            await desk.due()
            await desk.post(everyone=False)


async def back(pair: Pair, *desks: Desk) -> None:
    """Start again, as a process does: it asks everybody once; then both do what they are woken for."""
    for desk in desks:
        await desk.town.start()
        await desk.due()
        await desk.post()
    for _ in range(3):
        for desk in pair.desks:
            await desk.post(everyone=False)


async def box(desk: Desk, other: Desk) -> Box:
    """How the post with the other stands."""
    async with desk.town.node.pool.acquire() as conn:
        return next(found for found in await outbox.boxes(conn) if found.peer == other.id)


async def stands(pair: Pair, case: str) -> tuple[State, dict[Party, dt.date]]:
    """State and days, which both see alike."""
    one, other = (await pair.seeker.read(case)).case, (await pair.owner.read(case)).case
    # All but how many receipts each has.
    assert (one.state, one.turn, one.due, one.since) == (other.state, other.turn, other.due, other.since)
    return one.state, {party: day_of(day) for party, day in one.due.items()}


async def test_an_owner_that_is_down_for_a_week_has_its_whole_time_when_it_is_back(pair: Pair) -> None:
    """Asked on Friday 4 December, back on the 11th: its five working days end on the 18th, and the case with them, not a day before."""
    pair.clock.now = moment(12, 4)
    await pair.owner.town.stop()
    case = await pair.seeker.ask(pair.profile_id)
    await live(pair, moment(12, 11), [pair.seeker])
    waiting = await box(pair.seeker, pair.owner)
    assert (await pair.seeker.read(case)).case.state is State.SENT
    assert waiting.waiting == 1
    # Told again and again, ever more rarely, down to four times a day.
    assert 25 <= waiting.hints <= 36
    assert waiting.hint_at is not None
    assert dt.timedelta(0) < waiting.hint_at - pair.clock.now <= outbox.HINT_LONGEST
    await back(pair, pair.owner)
    assert await stands(pair, case) == (State.RECEIVED, {OWNER: dt.date(2026, 12, 18)})
    assert (await box(pair.seeker, pair.owner)).waiting == 0
    await live(pair, moment(12, 18, 23), hours=6)
    assert (await stands(pair, case))[0] is State.RECEIVED
    await live(pair, moment(12, 19, 1))
    assert await stands(pair, case) == (State.EXPIRED, {})


async def test_a_seeker_that_is_down_after_a_question_answers_in_its_own_time(pair: Pair) -> None:
    """Asked on 18 December, back on Christmas: until 4 January; then the owner has until the 12th. Feasts are no working days.

    The owner's own step was to end on the 21st: the node that was down reads that it was taken before it closes anything.
    """
    pair.clock.now = moment(12, 14)
    case = await pair.reach(("owner", K.CHECK))
    pair.clock.now = moment(12, 18)
    await pair.seeker.town.stop()
    await pair.owner.do(case, K.QUESTION, "Quante imprese sono?")
    await live(pair, moment(12, 25), [pair.owner])
    assert (await pair.owner.read(case)).case.state is State.INFO_REQUESTED
    assert not (await pair.owner.read(case)).case.due
    # Asked less and less often, and at once when a hint comes.
    assert (await box(pair.owner, pair.seeker)).failures >= 10
    await back(pair, pair.seeker)
    assert (await box(pair.owner, pair.seeker)).failures == 0
    assert await stands(pair, case) == (State.INFO_REQUESTED, {SEEKER: dt.date(2027, 1, 4)})
    await live(pair, moment(1, 4, 20, year=2027), hours=6)
    assert (await stands(pair, case))[0] is State.INFO_REQUESTED
    await pair.seeker.do(case, K.ANSWER, "Sono cinque imprese.")
    await live(pair, moment(1, 4, 22, year=2027))
    assert await stands(pair, case) == (State.ANSWERED, {OWNER: dt.date(2027, 1, 12)})


async def test_names_on_their_way_wait_while_both_are_down(pair: Pair) -> None:
    """Both have consented, neither has heard it, both are down for a week over the 8th: the names arrive when both are back."""
    pair.clock.now = moment(12, 3)
    case = await pair.reach(*ACCEPTED)
    for desk in pair.desks:
        await desk.do(case, K.CONSENT)
        await desk.town.stop()
    await live(pair, moment(12, 10), [])
    await back(pair, pair.seeker, pair.owner)
    assert await stands(pair, case) == (State.INTRODUCED, {})
    for desk in pair.desks:
        told = (await desk.read(case)).told
        assert told is not None
        assert told.identity is not None


async def test_an_office_that_never_comes_back_ends_the_case_after_sixty_days(pair: Pair) -> None:
    """Not on the fifty-ninth; and when it does come, it finds the request and its end, and has nothing to do."""
    await pair.owner.town.stop()
    begun = pair.clock.now
    case = await pair.seeker.ask(pair.profile_id)
    await live(pair, begun + dt.timedelta(days=59, hours=23), [pair.seeker], hours=24)
    assert (await pair.seeker.read(case)).case.state is State.SENT
    # Asked once more when they are over, as often as one that never answers is asked.
    await live(pair, begun + dt.timedelta(days=60, hours=8), [pair.seeker])
    assert (await pair.seeker.read(case)).case.state is State.EXPIRED
    await back(pair, pair.owner)
    assert await stands(pair, case) == (State.EXPIRED, {})
    found = await pair.owner.read(case)
    assert not found.may
    assert [step.event.kind for step in found.steps][:2] == [K.REQUEST, K.EXPIRE]


async def test_a_week_without_the_other_costs_no_day_of_what_is_agreed_already(pair: Pair) -> None:
    """The owner accepted and told its own day; while the seeker is down only the owner's time runs out, and both end on that day."""
    pair.clock.now = moment(12, 4)
    case = await pair.reach(*ACCEPTED[:-1])
    await pair.seeker.town.stop()
    await pair.owner.do(case, K.ACCEPT)
    await live(pair, moment(12, 14, 23), [pair.owner], hours=6)
    assert (await pair.owner.read(case)).case.state is State.ACCEPTED
    await live(pair, moment(12, 15, 1), [pair.owner])
    assert (await pair.owner.read(case)).case.state is State.EXPIRED
    await back(pair, pair.seeker)
    assert await stands(pair, case) == (State.EXPIRED, {})
