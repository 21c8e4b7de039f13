"""Introductions between two offices that serve: what is said arrives once, names leave after two consents and never before."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from node.domain.introduction import Kind, Party, State
from node.errors import CallerError
from node.flows.introductions import asking
from node.flows.introductions.asking import Wish
from node.flows.profiles import publish
from node.runtime import current_own
from node.store import introductions, registry
from node.store.reference import load_label_reference
from tests.introductions_made import ACCEPTED, INTRODUCED, Desk, Pair
from tests.profiles_made import profile, store


async def test_two_offices_bring_two_networks_together(pair: Pair) -> None:
    """From the request to the outcome: both see the same, and each network's name stands at the other office at the end."""
    case = await pair.reach(*INTRODUCED, ("owner", Kind.FOLLOW_UP), ("seeker", Kind.OUTCOME))
    seeker, owner = await pair.seeker.read(case), await pair.owner.read(case)
    assert seeker.case == owner.case
    assert seeker.case.state is State.CONCLUDED
    for here, there in ((seeker, pair.owner), (owner, pair.seeker)):
        network = (await there.read(case)).row.network_id
        assert network is not None
        async with there.town.node.pool.acquire() as conn:
            name = (await registry.read_records(conn, [network]))[network].name
        assert here.told is not None
        assert here.told.identity is not None
        assert here.told.identity["name"] == name


async def _name_at(desk: Desk, at: int = 0) -> str:
    async with desk.town.node.pool.acquire() as conn:
        return (await registry.read_records(conn, [desk.networks[at]]))[desk.networks[at]].name


async def test_nobody_is_named_before_two_consents(pair: Pair) -> None:
    """No event of a case holds a name at the other office until both have consented, and then exactly one does."""
    # Both offices were made of one database: the seeker speaks for a network that the owner's profile is not about.
    case, name = await pair.reach(*ACCEPTED, ("seeker", Kind.CONSENT), at=3), await _name_at(pair.seeker, 3)
    heard = "SELECT count(*) FROM office.introduction_event WHERE payload::text LIKE '%' || $1 || '%'"
    told = "SELECT count(*) FROM office.introduction_identity WHERE identity::text LIKE '%' || $1 || '%'"
    pool = pair.owner.town.node.pool
    assert await pool.fetchval(heard, name) == await pool.fetchval(told, name) == 0
    await pair.owner.do(case, Kind.CONSENT)
    await pair.carry()
    assert await pool.fetchval(heard, name) == await pool.fetchval(told, name) == 1


async def test_an_identity_that_still_waits_is_taken_back(pair: Pair) -> None:
    """Whoever revokes before the other office has fetched it: the event arrives and the name does not."""
    case = await pair.reach(*ACCEPTED, ("owner", Kind.CONSENT))
    await pair.seeker.do(case, Kind.CONSENT)
    name = await _name_at(pair.seeker)
    assert (await pair.seeker.read(case)).case.disclosed == {Party.SEEKER}
    await pair.seeker.do(case, Kind.REVOKE)
    await pair.carry()
    owner = await pair.owner.read(case)
    assert owner.case.state is State.WITHDRAWN
    assert owner.case.disclosed == {Party.SEEKER}
    said = next(step for step in owner.steps if step.event.kind == Kind.IDENTITY)
    assert said.payload is None
    pool = pair.owner.town.node.pool
    sent = (
        "SELECT count(*) FROM office.introduction_event WHERE party = 'seeker' AND payload::text LIKE '%' || $1 || '%'"
    )
    assert await pool.fetchval(sent, name) == 0


async def test_a_revoked_consent_has_the_identity_erased_at_the_other_office(pair: Pair) -> None:
    """Its row, and what travelled beside its event; the receipt tells that it was done."""
    case = await pair.reach(*INTRODUCED)
    assert (await pair.owner.read(case)).told is not None
    await pair.seeker.do(case, Kind.REVOKE)
    await pair.carry()
    owner, seeker = await pair.owner.read(case), await pair.seeker.read(case)
    assert owner.told is not None
    assert owner.told.identity is None
    assert owner.told.erased_at == pair.clock()
    assert seeker.case.erased == {Party.OWNER}
    left = "SELECT count(*) FROM office.introduction_event WHERE party = 'seeker' AND kind = 'identity' AND payload IS NOT NULL"
    assert await pair.owner.town.node.pool.fetchval(left) == 0


async def test_a_network_may_think_better_of_it_until_its_consent(pair: Pair) -> None:
    """It has accepted, the seeker has consented: declined all the same, and nobody was named."""
    case = await pair.reach(*ACCEPTED, ("seeker", Kind.CONSENT), ("owner", Kind.DECLINE))
    for desk in pair.desks:
        opened = await desk.read(case)
        assert opened.case.state is State.DECLINED
        assert not opened.case.disclosed


async def test_what_was_lost_at_the_other_office_is_said_again(pair: Pair) -> None:
    """A message that was fetched and is gone comes once more after six hours, and a lost receipt makes nobody go on for ever."""
    case = await pair.seeker.ask(pair.profile_id)
    lost = "DELETE FROM post.outbox"
    await pair.seeker.town.node.pool.execute(lost)
    pair.clock.forward(hours=7)
    await pair.seeker.due()
    await pair.owner.post()
    assert (await pair.owner.read(case)).case.state is State.RECEIVED
    # Now the receipt is lost; the seeker says it again, the owner answers again.
    await pair.owner.town.node.pool.execute(lost)
    pair.clock.forward(hours=7)
    await pair.seeker.due()
    await pair.carry()
    assert (await pair.seeker.read(case)).case.state is State.RECEIVED
    pair.clock.forward(hours=7)
    for desk in pair.desks:
        await desk.due()
        assert await desk.town.node.pool.fetchval("SELECT count(*) FROM post.outbox") == 0


async def test_a_double_click_says_nothing_twice(pair: Pair) -> None:
    """The second of two equal decisions is told that it cannot be done now."""
    case = await pair.reach()
    await pair.owner.do(case, Kind.CHECK)
    with pytest.raises(CallerError) as refused:
        await pair.owner.do(case, Kind.CHECK)
    assert refused.value.code == "introduction-not-now"


@pytest.mark.parametrize("one_form", [True, False])
async def test_what_begins_at_one_moment_begins_once(pair: Pair, *, one_form: bool) -> None:
    """Eight at once: of one form all get the one case; of eight officers with one network one begins and seven are told that it is there."""
    reference = load_label_reference()
    for network in pair.seeker.networks[:3]:
        wish = Wish(pair.profile_id, "Cerchiamo.", "request", network, form="0" * 32)
        wishes = [wish if one_form else replace(wish, form=f"{turn:032d}") for turn in range(8)]
        office, now = pair.seeker.office(), pair.clock()
        tasks = [asking.begin(office, each, "anna", now, reference) for each in wishes]
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        refused = [end.code for end in ended if isinstance(end, CallerError)]
        assert refused == ([] if one_form else ["introduction-there"] * 7)
        assert len({end for end in ended if isinstance(end, str)}) == 1


async def test_a_text_that_names_somebody_does_not_leave(pair: Pair) -> None:
    """A firm of the office's own register in the request is refused by its words."""
    async with pair.seeker.town.node.pool.acquire() as conn:
        record = (await registry.read_records(conn, [pair.seeker.networks[0]]))[pair.seeker.networks[0]]
    with pytest.raises(CallerError) as refused:
        await pair.seeker.ask(pair.profile_id, f"Scrive {record.members[0].firm.name} per conto della rete.")
    assert refused.value.code == "text-refused"


async def test_of_two_offices_with_one_identifier_the_one_that_was_read_is_asked(pair: Pair) -> None:
    """By the wish's owner, also in a joint project; an open case with the one keeps nobody from asking the other."""
    node = pair.seeker.town.node
    made = profile(7, owner="cmto") | {"id": pair.profile_id}
    async with node.pool.acquire() as conn, conn.transaction():
        origin = await conn.fetchval("SELECT origin_id FROM log.origin WHERE owner = 'cmto'")
        await store(conn, origin, [made], first=500)
    reference, network = load_label_reference(), pair.seeker.networks[0]
    wish = Wish(pair.profile_id, "Cerchiamo.", "request", network, owner="p_LE")
    case = await asking.begin(pair.seeker.office(), wish, "anna", pair.clock(), reference)
    assert (await pair.seeker.read(case)).row.peer == "p_LE"
    with pytest.raises(CallerError) as refused:
        await asking.begin(pair.seeker.office(), replace(wish, owner="cmto"), "anna", pair.clock(), reference)
    assert refused.value.code == "introduction-own-profile"
    with pytest.raises(CallerError) as refused:
        named = [f"p_LE:{pair.profile_id}", f"cmto:{pair.profile_id}"]
        await asking.propose(pair.seeker.office(), pair.seeker.networks[1], named, "Uno.", "anna", pair.clock(), reference)  # fmt: skip
    assert refused.value.code == "introduction-own-profile"
    async with node.pool.acquire() as conn:
        assert await introductions.has_open_case(conn, "p_LE", pair.profile_id, network)
        assert not await introductions.has_open_case(conn, "cmto", pair.profile_id, network)


async def test_a_withdrawn_profile_closes_its_case_at_both(pair: Pair) -> None:
    """With notice, wherever it stands."""
    case = await pair.reach(*ACCEPTED)
    await pair.owner.town.node.pool.execute("SELECT 1")

    node = pair.owner.town.node
    await publish.withdraw(node.pool, await current_own(node), pair.profile_id, "anna", pair.clock())
    await pair.owner.due()
    await pair.carry()
    for desk in pair.desks:
        assert (await desk.read(case)).case.state is State.WITHDRAWN
