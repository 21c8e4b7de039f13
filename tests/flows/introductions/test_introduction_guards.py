"""What protects people in introductions beside the order of events: texts, regions, quotas, consents that are gone, offices that left."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from node.domain.introduction import Kind, State
from node.errors import CallerError
from node.flows.introductions import asking, casefile, deeds, hear, own_side, remind
from node.flows.introductions.asking import Applicant, Wish
from node.protocol.member import Membership
from node.store import population, registry
from node.store.reference import load_label_reference, load_sectors, load_territories
from tests.introductions_made import ACCEPTED, INTRODUCED, Desk, Pair


async def _record(desk: Desk, at: int = 0) -> registry.NetworkRecord:
    async with desk.town.node.pool.acquire() as conn:
        return (await registry.read_records(conn, [desk.networks[at]]))[desk.networks[at]]


async def test_a_text_that_repeats_the_public_object_does_not_leave(pair: Pair) -> None:
    """It names nobody, and whoever has the public list finds the network by it."""
    record = await _record(pair.seeker)
    with pytest.raises(CallerError) as refused:
        await pair.seeker.ask(pair.profile_id, record.object_text)
    assert refused.value.code in {"text-finds-network", "text-refused"}
    objects = [await _record(pair.seeker, at) for at in range(1, 4)]
    codes = set()
    for at, other in enumerate(objects, 1):
        try:
            await pair.seeker.ask(pair.profile_id, other.object_text, at=at)
        except CallerError as error:
            codes.add(error.code)
    assert "text-finds-network" in codes | {refused.value.code}


async def test_a_network_is_described_by_no_more_than_k_networks_share(pair: Pair) -> None:
    """The region and section of its reference firm, as far as k networks of the public list have them; nothing where fewer do."""
    node = pair.seeker.town.node
    office = node.office()
    strict = replace(office, configured=replace(office.config, privacy=replace(office.config.privacy, k=10**6)))
    row, told = (await casefile.read(office, await pair.seeker.ask(pair.profile_id))).row, []
    async with node.pool.acquire() as conn:
        for network in pair.seeker.networks:
            other = replace(row, network_id=network)
            told.append(await own_side.described(conn, office, other))
            assert await own_side.described(conn, strict, other) == {"territory": "", "sector": ""}
        for said in told:
            if said["sector"]:
                divisions = list(load_sectors().children(said["sector"]))
                # A network that lies in several regions tells none: then it is one of all that have its section anywhere.
                places = (
                    [said["territory"]] if said["territory"] else [area.code for area in load_territories().regions]
                )
                assert await population.count_around(conn, places, divisions, None) >= office.config.privacy.k
    assert {said["territory"] for said in told} <= {"", "ITF4"}
    assert any(said["territory"] and said["sector"] for said in told)


async def test_an_office_begins_so_many_cases_in_a_day(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond is refused and counted, and nothing that was there is touched."""
    monkeypatch.setattr(hear, "BEGUN_MAX", 2)
    cases = [await pair.seeker.ask(pair.profile_id, at=at) for at in range(1, 5)]
    await pair.carry()
    pool = pair.owner.town.node.pool
    assert await pool.fetchval("SELECT count(*) FROM office.introduction") == 2
    codes = await pool.fetch("SELECT code FROM post.refused")
    assert {row["code"] for row in codes} == {hear.TOO_MANY}
    pair.clock.forward(days=1, hours=1)
    await pair.seeker.due()
    await pair.carry()
    assert await pool.fetchval("SELECT count(*) FROM office.introduction") == len(cases)


async def test_a_consent_that_is_gone_is_revoked_for_both(pair: Pair) -> None:
    """Two consents in the events and none in the table: the node says so, and nobody stays named alone."""
    case = await pair.reach(*ACCEPTED, ("seeker", Kind.CONSENT))
    await pair.seeker.town.node.pool.execute("DELETE FROM office.introduction_consent")
    await pair.owner.do(case, Kind.CONSENT)
    await pair.carry()
    for desk in pair.desks:
        opened = await desk.read(case)
        assert opened.case.state is State.WITHDRAWN
        assert opened.told is None or opened.told.identity is None


async def test_a_case_with_an_office_that_left_ends_by_time(pair: Pair) -> None:
    """Nobody asks it any more: its silence is as long as it is."""
    case = await pair.reach()
    office = pair.owner.town.node.office()
    alone = replace(office, membership=Membership.of(office.membership.members[office.own_id], []))
    pair.clock.forward(days=61)
    await remind.work_due(alone, pair.clock())
    assert (await pair.owner.read(case)).case.state is State.EXPIRED


async def test_a_follow_up_is_told_once(pair: Pair) -> None:
    """The second of the same day changes nothing."""
    case = await pair.reach(*INTRODUCED, ("owner", Kind.FOLLOW_UP))
    await pair.owner.do(case, Kind.FOLLOW_UP, detail="30")
    opened = await pair.owner.read(case)
    said = [step.event for step in opened.steps if step.event.kind == Kind.FOLLOW_UP]
    assert len(said) == 2
    assert (said[1].by, said[1].seq) in opened.case.overtaken


async def test_a_firm_s_own_name_is_in_no_request(pair: Pair) -> None:
    """It typed it into the text: the officer who endorses is told, and until then the name keeps no word out of others' texts."""
    node = pair.seeker.town.node
    firm = Applicant("Officine Zibaldone", "Prova Referente", "prova@example.org")
    wish = Wish(pair.profile_id, "Officine Zibaldone cerca un distributore.", applicant=firm)
    case, _ = await asking.ask(node.office(), wish, pair.clock(), load_label_reference())
    with pytest.raises(CallerError) as refused:
        await deeds.endorse(node.office(), case, "anna", pair.clock(), sure=True)
    assert refused.value.code == "text-refused"
    async with node.pool.acquire() as conn:
        assert "Officine Zibaldone" not in {term.text for term in await registry.secret_terms(conn)}
    await deeds.rewrite(node.office(), case, "Si cerca un distributore.", "request", pair.clock())
    await deeds.endorse(node.office(), case, "anna", pair.clock(), sure=True)
    async with node.pool.acquire() as conn:
        assert "Officine Zibaldone" in {term.text for term in await registry.secret_terms(conn)}


async def test_whoever_has_put_back_an_old_copy_is_told_all_once_in_six_hours(pair: Pair) -> None:
    """Asking again and again for less does not fill the outbox."""
    await pair.reach(*ACCEPTED)
    pool, office = pair.owner.town.node.pool, pair.owner.town.node.office()
    said = []
    for _ in range(3):
        await pool.execute("UPDATE post.box SET rewound = true")
        said.append(await remind.give_back(office, pair.clock()))
    assert said[0] > 5
    assert said[1:] == [0, 0]
    await pool.execute("DELETE FROM post.outbox")
    assert await remind.give_back(office, pair.clock() + dt.timedelta(hours=7)) == said[0]


async def test_what_was_lost_before_a_node_was_down_for_months_is_said_all_the_same(pair: Pair) -> None:
    """The outcome was on the road when it went down: two months later it is said again."""
    case = await pair.reach(*INTRODUCED)
    await pair.seeker.do(case, Kind.OUTCOME, detail="agreement")
    await pair.seeker.town.node.pool.execute("DELETE FROM post.outbox")
    pair.clock.forward(days=61)
    await pair.seeker.due()
    await pair.carry()
    assert (await pair.owner.read(case)).case.outcome == "agreement"
