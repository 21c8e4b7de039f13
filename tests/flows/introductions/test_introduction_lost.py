"""What the road loses, turns round or says twice: it is sent again until it is known, no longer, and names are neither lost nor told late."""

from __future__ import annotations

import asyncio

from node.domain.introduction import OWNER, SEEKER, Kind, State
from node.flows.introductions import deeds, post, remind
from node.flows.introductions.deeds import Deed
from node.protocol import post as wire
from node.store import introductions, outbox
from tests.introductions_made import ACCEPTED, INTRODUCED, Desk, Pair

K = Kind


async def sent(desk: Desk) -> int:
    """How many messages an office ever put out."""
    async with desk.town.node.pool.acquire() as conn:
        return sum(box.sent for box in await outbox.boxes(conn))


async def lose(desk: Desk) -> int:
    """Lose what waits at an office, as a recipient does that was given it and is put back; return how much it was."""
    async with desk.town.node.pool.acquire() as conn:
        return int((await conn.execute("DELETE FROM post.outbox")).split()[-1])


async def copy(desk: Desk, other: Desk, after: int = 0) -> bytes:
    """Take a copy of what waits at an office."""
    return await post.export(desk.town.node.pool, other.id, after)


async def hand(sender: Desk, recipient: Desk, raw: bytes) -> None:
    """Bring a copy to the other office."""
    assert (await post.import_(recipient.carrier(), sender.id, raw)).refused == 0


async def test_offices_that_know_all_send_nothing_more(pair: Pair) -> None:
    """A receipt is the last word: in a week nothing is put out again, by either."""
    case = await pair.reach(("owner", K.CHECK))
    before = [await sent(desk) for desk in pair.desks]
    for _ in range(28):
        pair.clock.forward(hours=6.1)
        for desk in pair.desks:
            await desk.due()
        await pair.carry(1)
    assert [await sent(desk) for desk in pair.desks] == before
    assert (await pair.owner.read(case)).case.state is State.UNDER_CHECK


async def test_a_receipt_that_was_lost_comes_when_the_request_is_sent_again(pair: Pair) -> None:
    """The seeker sends again what nobody acknowledged; the owner, who has it, says again that it has."""
    case = await pair.seeker.ask(pair.profile_id)
    await pair.owner.post()
    assert await lose(pair.owner) == 1
    await pair.carry()
    assert (await pair.seeker.read(case)).case.state is State.SENT
    pair.clock.forward(hours=6.1)
    await pair.seeker.due()
    await pair.carry()
    assert (await pair.seeker.read(case)).case == (await pair.owner.read(case)).case
    assert (await pair.seeker.read(case)).case.state is State.RECEIVED


async def test_what_is_said_twice_is_answered_once(pair: Pair) -> None:
    """Copies of one request carried over and over bring one more receipt, not as many."""
    await pair.seeker.ask(pair.profile_id)
    raw = await copy(pair.seeker, pair.owner)
    await pair.carry()
    before = await sent(pair.owner)
    for _ in range(5):
        await hand(pair.seeker, pair.owner, raw)
        await pair.carry(1)
    assert await sent(pair.owner) == before + 1


async def test_names_that_come_before_the_consent_are_read_when_it_comes(pair: Pair) -> None:
    """Carried by hand, the later message first: it waits unread, and nothing of it is lost."""
    case = await pair.reach(*ACCEPTED, ("owner", K.CONSENT))
    await pair.seeker.do(case, K.CONSENT)
    first = await copy(pair.seeker, pair.owner)
    async with pair.seeker.town.node.pool.acquire() as conn:
        count = next(box.sent for box in await outbox.boxes(conn))
    # Consent and names, of which the names alone are brought.
    await hand(pair.seeker, pair.owner, await copy(pair.seeker, pair.owner, count - 1))
    early = await pair.owner.read(case)
    assert early.case.state is State.ACCEPTED
    assert early.told is None
    assert all(step.event.kind != K.IDENTITY for step in early.steps)
    await hand(pair.seeker, pair.owner, first)
    late = await pair.owner.read(case)
    assert late.told is not None
    assert late.told.identity is not None
    assert late.case.state is State.INTRODUCED


async def test_names_whose_consent_was_revoked_are_not_sent_again(pair: Pair) -> None:
    """They were lost on the road and the consent is revoked before they are sent once more: then without them."""
    case = await pair.reach(*ACCEPTED, ("owner", K.CONSENT))
    await pair.seeker.do(case, K.CONSENT)
    assert await lose(pair.seeker) == 2
    await pair.seeker.do(case, K.REVOKE)
    await lose(pair.seeker)
    pair.clock.forward(hours=6.1)
    await pair.seeker.due()
    raw = await copy(pair.seeker, pair.owner)
    seals = pair.owner.town.node.ring.seal_of
    opened, _ = post.open_messages(wire.parse(raw, 0).messages, pair.seeker.id, pair.owner.id, seals)
    named = [item for item in opened if b'"kind":"identity"' in item.plaintext]
    assert len(named) == 1
    assert b"payload" not in named[0].plaintext
    await pair.carry()
    assert (await pair.owner.read(case)).case == (await pair.seeker.read(case)).case
    assert (await pair.owner.read(case)).case.state is State.WITHDRAWN
    assert (await pair.owner.read(case)).told is None


async def test_whoever_decides_waits_for_the_box_before_the_case(pair: Pair) -> None:
    """Whoever receives has the box and wants the case: an officer at the case has not locked it while waiting for the box."""
    case = await pair.reach()
    pool, peer = pair.owner.town.node.pool, pair.seeker.id
    async with pool.acquire() as conn, conn.transaction():
        await outbox.lock(conn, peer)
        deed = asyncio.create_task(deeds.act(pair.owner.office(), case, Deed(K.CHECK), "anna", pair.clock()))
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        async with asyncio.timeout(10), pool.acquire() as other:
            while not await other.fetchval(waiting):
                assert not deed.done()
        await conn.execute("SET LOCAL lock_timeout = '2s'")
        assert case in await introductions.lock_cases(conn, [case])
    assert (await deed).state is State.UNDER_CHECK


async def test_many_cases_with_nothing_to_say_hold_up_none(pair: Pair) -> None:
    """Those whose day is over are closed although as many as fill a page come before them and can say nothing."""
    first, second = await pair.reach(), await pair.reach(at=1)
    stuck, free = sorted((first, second))
    async with pair.owner.town.node.pool.acquire() as conn:
        # As after an old copy was put back: it says nothing more, and stays due.
        await conn.execute("UPDATE office.introduction SET own_due = 1 WHERE introduction_id = $1", stuck)
        await conn.execute("DELETE FROM office.introduction_event WHERE introduction_id = $1", stuck)
    pair.clock.forward(days=30)
    page, remind.PAGE = remind.PAGE, 1  # type: ignore[misc]
    try:
        await remind.work_due(pair.owner.office(), pair.clock())
    finally:
        remind.PAGE = page  # type: ignore[misc]
    assert (await pair.owner.read(free)).case.state is State.EXPIRED


async def test_networks_that_met_are_looked_at_again_when_the_case_may_close(pair: Pair) -> None:
    """After two months an introduction is no step that takes too long; after eight it closes unsaid."""
    case = await pair.reach(*INTRODUCED)
    for days, expected in ((61, State.INTRODUCED), (180, State.CONCLUDED)):
        pair.clock.forward(days=days)
        await pair.owner.post()
        await pair.owner.due()
        assert (await pair.owner.read(case)).case.state is expected


async def test_who_withdraws_without_knowing_of_the_introduction_is_not_introduced(pair: Pair) -> None:
    """The seeker withdraws while the owner, which has seen both consents, names its network: the end counts, both hold nobody's names."""
    case = await pair.reach(*ACCEPTED, ("owner", K.CONSENT))
    await pair.seeker.do(case, K.CONSENT)
    page = wire.parse(await copy(pair.seeker, pair.owner), 0)
    # The consent alone arrives; the names behind it are still waiting when the seeker thinks better of it.
    await hand(pair.seeker, pair.owner, wire.encode([(m.number, m.sealed) for m in page.messages[:1]], more=False))
    assert SEEKER in (await pair.owner.read(case)).case.consents
    assert OWNER in (await pair.owner.read(case)).case.disclosed
    assert (await pair.seeker.do(case, K.WITHDRAW, detail="mistake")).state is State.WITHDRAWN
    await pair.carry()
    for desk in pair.desks:
        found = await desk.read(case)
        assert found.case.state is State.WITHDRAWN
        assert found.told is None or found.told.identity is None
    assert (await pair.seeker.read(case)).case == (await pair.owner.read(case)).case
