"""Aggregations at an office: from an expression of interest to a contract of the register, and the figures of SalentoNet."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from node.domain.programme.aggregation import WAY, Answer, Firm, Stage, Step
from node.domain.programme.firm_line import lines_of
from node.errors import CallerError, NotFoundError
from node.flows.observatory import announced
from node.flows.profiles import draft
from node.flows.programme import aggregations as flow
from node.flows.programme import sessions
from node.flows.programme.aggregations import Interest
from node.flows.registry import keeping
from node.flows.registry.acting import acting
from node.flows.upkeep import audit
from node.store import pipeline_counts, registry
from node.store.postgres import acquire
from tests.office_made import NOW, Office, lecce
from tests.programme_made import TODAY, firms, listed, opened, sheet, sign, somebody

DAYS = dt.timedelta(days=1)


async def rows(office: Office, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """What the database says."""
    async with office.pool.acquire() as conn:
        return [tuple(row) for row in await conn.fetch(query, *values)]


async def begun(office: Office, name: str = "Concerto", members: int = 3, first: int = 7000) -> str:
    """A potential aggregation; return its id."""
    with acting("anna"):
        return await flow.begin(
            office.pool, name, "Vendere insieme in Albania.", firms(members, first), TODAY, "anna", NOW
        )


async def evaluated(office: Office, points: int = 4, **more: Any) -> str:
    """One that is evaluated."""
    found = await begun(office, **more)
    with acting("anna"):
        await flow.evaluate(office.pool, found, sheet(points), "Si può fare.", TODAY, "anna", NOW)
    return found


async def step(office: Office, aggregation_id: str, stage: Stage, reason: str = "", **more: Any) -> None:
    """Take a step today."""
    with acting("anna"):
        await flow.take_step(office.pool, aggregation_id, Step(stage, TODAY, reason), "anna", NOW, **more)


async def signed(office: Office, number: str = "15001", **more: Any) -> tuple[str, Any]:
    """One whose contract is signed; return its id and what the registry says of it."""
    found = await evaluated(office, **more)
    await step(office, found, Stage.ACCOMPANIED)
    network = (await flow.read(office.pool, found)).found.network_id
    assert network
    with acting("anna"):
        record = await sign(office.pool, network, number, TODAY, NOW)
    await step(office, found, Stage.SIGNED)
    return found, record


async def test_from_an_expression_to_the_register(office: Office) -> None:
    """Each stage with its day and who took it; the network of the registry goes on as any other; what was taken is not taken again."""
    with acting("anna"):
        said = Interest("Vendere insieme.", "Anna Prova", "a@enti.example", firms=lines_of(firms(3)))
        expression = await flow.express(office.pool, said, TODAY, "anna", NOW)
        found = await flow.take_up(office.pool, expression, "Concerto", TODAY, "anna", NOW)
        assert await flow.take_up(office.pool, expression, "Concerto", TODAY, "anna", NOW) == found
        made = await flow.evaluate(office.pool, found, sheet(), "Bene.", TODAY, "anna", NOW)
        await flow.evaluate(office.pool, found, sheet(), "Bene.", TODAY, "anna", NOW)
    assert made.score == Decimal(80)
    await step(office, found, Stage.ACCOMPANIED)
    await step(office, found, Stage.ACCOMPANIED)
    detail = await flow.read(office.pool, found)
    assert detail.found.network_id
    kept = await keeping.read_network(office.pool, detail.found.network_id)
    assert (kept.record.status, kept.record.name, len(kept.record.members)) == ("drafting", "Concerto", 3)
    assert [m.firm.tax_code for m in kept.record.members if m.is_reference] == [firms(1)[0].tax_code]
    # While it is being drafted it may be published as what it is.
    assert await draft.draft(office.pool, office.config, detail.found.network_id, draft.in_closed_words(draft.suggest_content(kept.record)), "anna", NOW, as_potential=True)  # fmt: skip
    with pytest.raises(CallerError) as caught:
        await step(office, found, Stage.SIGNED)
    assert caught.value.code == "aggregation-not-signed"
    with acting("anna"):
        record = await sign(office.pool, detail.found.network_id, "15001", TODAY, NOW)
    await step(office, found, Stage.SIGNED)
    assert await flow.proposals(office.pool) == []
    await office.load([*lecce(), listed(record, lecce())], TODAY)
    (proposal,) = await flow.proposals(office.pool)
    assert (proposal.aggregation_id, proposal.by_deed, proposal.firms) == (found, True, 3)
    with acting("anna"):
        for _ in range(2):
            done = await flow.link(office.pool, found, proposal.register_id, "anna", NOW)
    assert (done.stage, done.register_id) == (Stage.REGISTERED, record.register_id)
    assert (await keeping.read_network(office.pool, detail.found.network_id)).record.status == "registered"
    steps = (await flow.read(office.pool, found)).steps
    assert [each.step.stage for each in steps] == list(WAY)
    assert {each.officer for each in steps} == {"anna"}
    verdict = await audit.verify(office.pool, office.own.mark.parent)
    assert verdict.ok, verdict


async def test_an_aggregation_is_found_in_the_register_by_its_reference_firm(office: Office) -> None:
    """Where the deed that the office noted is not the one of the register, an officer sees what they share and confirms."""
    found, record = await signed(office)
    await office.load([*lecce(), listed(registered_as(record, "LE-99"), lecce())], TODAY)
    (proposal,) = (await flow.read(office.pool, found)).proposals
    assert (proposal.by_deed, proposal.by_reference, proposal.firms) == (False, True, 3)
    with acting("anna"), pytest.raises(CallerError) as caught:
        await flow.link(office.pool, found, lecce()[0].register_id, "anna", NOW)
    assert caught.value.code == "aggregation-not-this-contract"
    with acting("anna"):
        done = await flow.link(office.pool, found, proposal.register_id, "anna", NOW)
    assert done.network_id
    after = (await keeping.read_network(office.pool, done.network_id)).record
    assert (after.deed_register_number, after.status) == ("LE-99", "registered")
    # A contract is one aggregation's.
    assert await flow.proposals(office.pool) == []


def registered_as(record: Any, number: str) -> Any:
    """The same network under another number of the register."""
    return registry.NetworkRecord(
        **{name: getattr(record, name) for name in record.__slots__} | {"deed_register_number": number}
    )


async def test_a_network_of_the_registry_may_be_the_one(office: Office) -> None:
    """Instead of a new one; it is one aggregation's alone, and no name is written twice."""
    one, other = await evaluated(office), await evaluated(office, name="Seconda", first=7100)
    await step(office, one, Stage.ACCOMPANIED, network_id=office.networks[0])
    with pytest.raises(CallerError) as caught:
        await step(office, other, Stage.ACCOMPANIED, network_id=office.networks[0])
    assert caught.value.code == "aggregation-network-taken"
    with pytest.raises(NotFoundError):
        await step(office, other, Stage.ACCOMPANIED, network_id=other)
    await step(office, other, Stage.ACCOMPANIED)
    third = await evaluated(office, name="Seconda", first=7200)
    with pytest.raises(CallerError) as caught:
        await step(office, third, Stage.ACCOMPANIED)
    assert caught.value.code == "aggregation-network-there"
    assert (await flow.read(office.pool, third)).found.stage is Stage.EVALUATED


async def test_what_lacks_places_or_codes_does_not_go_on(office: Office) -> None:
    """The registry wants a province of each firm, a contract a tax code."""
    with acting("anna"):
        vague = await flow.begin(office.pool, "Vaga", "Idea.", [Firm("Uno"), Firm("Due")], TODAY, "anna", NOW)
        await flow.evaluate(office.pool, vague, sheet(), "", TODAY, "anna", NOW)
    with pytest.raises(CallerError) as caught:
        await step(office, vague, Stage.ACCOMPANIED)
    assert caught.value.code == "aggregation-network-bad"
    with acting("anna"):
        placed = [Firm("Uno", province="LE"), Firm("Due", province="LE")]
        await flow.rewrite(office.pool, vague, "Vaga", "Idea.", placed, NOW)
    await step(office, vague, Stage.ACCOMPANIED)
    network = (await flow.read(office.pool, vague)).found.network_id
    assert network
    with acting("anna"):
        await sign(office.pool, network, "16000", TODAY, NOW)
    with pytest.raises(CallerError) as caught:
        await step(office, vague, Stage.SIGNED)
    assert caught.value.code == "aggregation-firms-unnamed"
    with acting("anna"), pytest.raises(CallerError) as caught:
        await flow.rewrite(office.pool, vague, "Altra", "Idea.", placed, NOW)
    assert caught.value.code == "aggregation-in-registry"


async def test_dropped_for_a_reason_and_for_good(office: Office) -> None:
    """From any stage before the end; nothing follows."""
    for made in (begun, evaluated):
        found = await made(office, name=f"Nome {made.__name__}")
        with pytest.raises(CallerError):
            await step(office, found, Stage.DROPPED)
        await step(office, found, Stage.DROPPED, "le imprese hanno rinunciato")
        for stage in (Stage.ACCOMPANIED, Stage.SIGNED):
            with pytest.raises(CallerError) as caught:
                await step(office, found, stage)
            assert caught.value.code == "aggregation-step-bad"
    for stage in (Stage.POTENTIAL, Stage.EVALUATED, Stage.REGISTERED):
        with pytest.raises(CallerError) as caught:
            await step(office, found, stage)
        assert caught.value.code == "aggregation-step-form"


async def test_an_expression_is_answered_once(office: Office) -> None:
    """Taken up or declined; a session that is not there is none."""
    said = Interest("Vendere insieme.", "Anna Prova", firms="Frantoio Uno; ; Lecce")
    with acting("anna"):
        with pytest.raises(NotFoundError):
            await flow.express(
                office.pool, Interest("x", "y", firms="z", session_id=office.networks[0]), TODAY, "anna", NOW
            )
        with pytest.raises(CallerError):
            await flow.express(office.pool, said, TODAY + DAYS, "anna", NOW)
        one, other = [await flow.express(office.pool, said, TODAY, "anna", NOW) for _ in range(2)]
        await flow.decline(office.pool, one, "fuori tema", NOW)
        await flow.decline(office.pool, one, "fuori tema", NOW)
        with pytest.raises(CallerError):
            await flow.take_up(office.pool, one, "Nome", TODAY, "anna", NOW)
        await flow.take_up(office.pool, other, "Nome", TODAY, "anna", NOW)
        with pytest.raises(CallerError):
            await flow.decline(office.pool, other, "no", NOW)
        with pytest.raises(CallerError) as caught:
            await flow.begin(office.pool, "Nome", "Idea.", firms(2), TODAY + DAYS, "anna", NOW)
    assert caught.value.code == "aggregation-step-future"
    assert {each.answer for each in await flow.list_expressions(office.pool)} == {Answer.DECLINED, Answer.TAKEN_UP}


async def test_two_officers_take_one_step_once(office: Office) -> None:
    """At the same time: one network, one change."""
    found = await evaluated(office)

    async def go(name: str) -> None:
        with acting(name):
            await flow.take_step(office.pool, found, Step(Stage.ACCOMPANIED, TODAY), name, NOW)

    await asyncio.gather(*(go(name) for name in ("anna", "bruno", "carla")))
    assert await rows(office, "SELECT count(*) FROM programme.stage_change WHERE stage = 'accompanied'") == [(1,)]
    assert await rows(office, "SELECT count(*) FROM registry.network WHERE name = 'Concerto'") == [(1,)]


async def test_the_database_moves_nothing_by_another_way(office: Office) -> None:
    """No stage is skipped, set by hand, changed or deleted, whatever program asks."""
    found = await begun(office)
    insert = "INSERT INTO programme.stage_change (aggregation_id, number, stage, on_day, reason, officer, changed_at) VALUES ($1::uuid, 1, $2, $3, 'x', 'anna', now()) RETURNING 1"  # fmt: skip
    for query, values, rule in (
        (insert, (found, "signed", TODAY), "stage_follows"),
        (insert, (found, "evaluated", TODAY), "stage_evaluated"),
        (insert, (found, "dropped", TODAY - DAYS), "stage_day_follows"),
        ("UPDATE programme.aggregation SET stage = 'registered' RETURNING 1", (), "stage_by_change"),
        ("DELETE FROM programme.stage_change RETURNING 1", (), "append_only"),
        ("UPDATE programme.stage_change SET on_day = on_day - 1 RETURNING 1", (), "append_only"),
    ):
        with pytest.raises(asyncpg.CheckViolationError) as caught:
            await rows(office, query, *values)
        assert caught.value.constraint_name == rule, query


async def test_a_changed_reason_is_found_by_the_chain(office: Office) -> None:
    """Where somebody switched the triggers off."""
    found = await begun(office)
    await step(office, found, Stage.DROPPED, "le imprese hanno rinunciato")
    assert (await audit.verify(office.pool, office.own.mark.parent)).ok
    async with office.pool.acquire() as conn:
        await conn.execute("ALTER TABLE programme.stage_change DISABLE TRIGGER decided_kept; UPDATE programme.stage_change SET reason = 'altro' WHERE stage = 'dropped'")  # fmt: skip
    verdict = await audit.verify(office.pool, office.own.mark.parent)
    assert (verdict.ok, verdict.broken) == (False, audit.UNTOLD_STAGE)


async def test_salentonet(office: Office) -> None:
    """Ten sessions, twenty aggregations evaluated, two networks with 23 firms signed and registered: just these figures."""
    end = NOW + 60 * DAYS
    for number in range(10):
        session = await opened(office, days=number + 1, title=f"Incontro {number}")
        people = [await sessions.enrol(office.pool, session, somebody(10 * number + n), NOW) for n in range(4)]
        on_the_day = NOW + (number + 1) * DAYS
        await sessions.attend(office.pool, session, {each.enrolment_id: True for each in people[:3]}, on_the_day)
    networks = []
    for number in range(20):
        size = {0: 11, 1: 12}.get(number, 3)
        name = {0: "Diversità in Concerto", 1: "Apulia Experience"}.get(number, f"Aggregazione {number}")
        said = Interest("Vendere insieme.", "Anna Prova", firms=lines_of(firms(size, 7000 + 20 * number)))
        with acting("anna"):
            expression = await flow.express(office.pool, said, TODAY, "anna", NOW)
            found = await flow.take_up(office.pool, expression, name, TODAY, "anna", NOW)
            await flow.evaluate(office.pool, found, sheet(4 if number < 2 else 2), "", TODAY + 14 * DAYS, "anna", end)
            if number >= 2:
                await flow.take_step(
                    office.pool, found, Step(Stage.DROPPED, TODAY + 15 * DAYS, "punti pochi"), "anna", end
                )
                continue
            await flow.take_step(office.pool, found, Step(Stage.ACCOMPANIED, TODAY + 20 * DAYS), "anna", end)
            network = (await flow.read(office.pool, found)).found.network_id
            assert network
            record = await sign(office.pool, network, f"1500{number}", TODAY + 40 * DAYS, end)
            await flow.take_step(office.pool, found, Step(Stage.SIGNED, TODAY + 40 * DAYS), "anna", end)
            networks.append((found, record))
    await office.load([*lecce(), *(listed(record, lecce()) for _, record in networks)], TODAY + 50 * DAYS, end)
    for found, record in networks:
        with acting("anna"):
            await flow.link(office.pool, found, record.register_id or "", "anna", end)
    seen = await flow.count(office.pool, end)
    assert (seen.before.sessions, seen.before.enrolled, seen.before.attended, seen.before.expressions) == (
        10,
        40,
        30,
        20,
    )
    assert [(level.stage, level.reached, level.here, level.dropped) for level in seen.levels] == [
        (Stage.POTENTIAL, 20, 0, 0), (Stage.EVALUATED, 20, 0, 18), (Stage.ACCOMPANIED, 2, 0, 0), (Stage.SIGNED, 2, 0, 0), (Stage.REGISTERED, 2, 2, 0),
    ]  # fmt: skip
    assert [level.days for level in seen.levels] == [None, 14, 6, 20, 10]
    assert (seen.dropped, seen.firms) == (18, 23)
    async with acquire(office.pool) as conn:
        told = await pipeline_counts.aggregations(conn)
        public = {each.ident: each for each in await announced.tables(conn, end)}
    # The two that became networks are counted as networks of the private register, and there alone.
    assert {(each.region, each.stage) for each in told} == {("ITF4", "left-evaluated")}
    assert len({each.record for each in told}) == 18
    held = {cell.at: cell.value for cell in public["sessions-by-region"].cells if cell.value}
    assert held == {("2026", "ITF4", "held"): 10}
    assert (await audit.verify(office.pool, office.own.mark.parent)).ok
