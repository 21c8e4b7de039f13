"""Aggregations and case files in the planned tables: each in its cell, nobody counted in two tables, no number moved by a single step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from node.domain.observatory.lazy import Contents
from node.domain.observatory.plan import PLAN
from node.domain.programme.aggregation import Stage, Step
from node.flows.observatory.contributions import gather
from node.flows.programme import aggregations as flow
from node.flows.programme import cases
from node.flows.registry.acting import acting
from node.store import statistics
from node.store.postgres import Pool
from tests.office_made import NOW, Office, open_office
from tests.programme_made import TODAY, firms, sheet
from tests.statistics_made import APRIL, GROUPS, HELP, JANUARY, JULY, SECRET, STATUSES, Bureau, values

DAY = dt.timedelta(days=1)


@pytest.fixture
async def office(pool: Pool, tmp_path: object) -> Office:
    """An office with a register."""
    return await open_office(pool, tmp_path)  # type: ignore[arg-type]


async def group(office: Office, number: int, *way: Stage) -> str:
    """An aggregation that went this way, a step a day."""
    with acting("anna"):
        found = await flow.begin(
            office.pool, f"Gruppo {number}", "Vendere insieme.", firms(3, 7000 + 3 * number), TODAY, "anna", NOW
        )
        for at, stage in enumerate(way, 1):
            day, end = TODAY + at * DAY, NOW + 30 * DAY
            if stage is Stage.EVALUATED:
                await flow.evaluate(office.pool, found, sheet(), "", day, "anna", end)
            else:
                await flow.take_step(
                    office.pool, found, Step(stage, day, "motivo" if stage is Stage.DROPPED else ""), "anna", end
                )
    return found


async def contents(office: Office) -> Mapping[str, Contents]:
    """What contributes now."""
    async with office.pool.acquire() as conn:
        return await gather(conn, SECRET)


def shape(found: Contents) -> dict[tuple[str, ...], int]:
    """How many records each cell has."""
    return {place: len(parts) for place, parts in found.items()}


async def test_an_aggregation_is_counted_until_it_is_a_network_and_nowhere_twice(office: Office) -> None:
    """By where it stands, or before or after which judgement it was left; once accompanied, as a network alone."""
    await group(office, 1)
    await group(office, 2, Stage.DROPPED)
    await group(office, 3, Stage.EVALUATED)
    await group(office, 4, Stage.EVALUATED, Stage.DROPPED)
    before = await contents(office)
    accompanied = await group(office, 5, Stage.EVALUATED, Stage.ACCOMPANIED)
    await group(office, 6, Stage.EVALUATED, Stage.ACCOMPANIED, Stage.DROPPED)
    after = await contents(office)
    assert shape(after[GROUPS]) == {
        ("ITF4", "potential"): 1, ("ITF4", "left-unevaluated"): 1, ("ITF4", "evaluated"): 1, ("ITF4", "left-evaluated"): 1,
    }  # fmt: skip
    assert after[GROUPS] == before[GROUPS]
    # Those two are networks that are being prepared.
    assert (
        shape(after[STATUSES]).get(("ITF4", "drafting"), 0) - shape(before[STATUSES]).get(("ITF4", "drafting"), 0) == 2
    )
    assert all(accompanied not in parts for found in after.values() for parts in found.values())
    records = [record for name in (GROUPS, STATUSES) for parts in after[name].values() for record in parts]
    assert len(records) == len(set(records))


async def test_a_case_stands_under_each_of_its_lines_and_is_one_networks_for_ever(office: Office) -> None:
    """What was opened for an aggregation and what was opened for the network that it became have one unit."""
    found = await group(office, 1, Stage.EVALUATED)
    with acting("anna"):
        first = await cases.open_case(
            office.pool, "anna", NOW, title="Prima", lines=["legal", "fiscal"], aggregation_id=found
        )
    assert shape((await contents(office))[HELP]) == {("ITF4", "legal"): 1, ("ITF4", "fiscal"): 1}
    with acting("anna"):
        await flow.take_step(office.pool, found, Step(Stage.ACCOMPANIED, TODAY + 2 * DAY), "anna", NOW + 30 * DAY)
        network = (await flow.read(office.pool, found)).found.network_id
        second = await cases.open_case(office.pool, "anna", NOW, title="Poi", lines=["legal"], network_id=network)
        third = await cases.open_case(
            office.pool, "anna", NOW, title="Altra", lines=["legal"], network_id=office.networks[0]
        )
    told = (await contents(office))[HELP]
    assert {record: part.unit for record, part in told["ITF4", "legal"].items()} == {
        first: found, second: found, third: office.networks[0],
    }  # fmt: skip
    assert set(told["ITF4", "fiscal"]) == {first}


async def test_a_single_step_moves_no_number(office: Office) -> None:
    """One group that is evaluated, one more case, quarter after quarter; three together do, and are told as they are."""
    found = [await group(office, number) for number in range(6)]
    bureau = Bureau(office.pool, office.own)
    first = await bureau.publish(JANUARY)
    assert {first[name].leaves for name in (GROUPS, HELP)} == {True}
    assert first[HELP].values == {}
    (document,) = await bureau.said(GROUPS)
    assert document["plan"] == PLAN[GROUPS].since == 2

    async def evaluate(*which: str) -> None:
        with acting("anna"):
            for each in which:
                await flow.evaluate(office.pool, each, sheet(), "", TODAY + DAY, "anna", NOW + 30 * DAY)

    await evaluate(found[0])
    with acting("anna"):
        await cases.open_case(office.pool, "anna", NOW, title="Una", lines=["legal"], aggregation_id=found[0])
    second = await bureau.publish(APRIL)
    for name in (GROUPS, HELP, STATUSES):
        assert values(second[name]) == values(first[name])
    await evaluate(*found[1:4])
    third = await bureau.publish(JULY)
    # Four were evaluated, three since the last time; so many are told, give or take three.
    assert third[GROUPS].values.get(("ITF4", "evaluated"), 0) in (0, *range(3, 8))
    assert third[GROUPS].renewed >= 1


async def test_a_record_that_is_there_stays_in_the_lists_and_one_that_is_gone_does_not(office: Office) -> None:
    """An erasure elsewhere forgets no aggregation; a case file that ends is forgotten, and no number moves."""
    groups = [await group(office, number) for number in range(4)]
    with acting("anna"):
        made = [
            await cases.open_case(office.pool, "anna", NOW, title="Una", lines=["legal"], aggregation_id=each)
            for each in groups
        ]
    bureau = Bureau(office.pool, office.own)
    told = await bureau.publish(JANUARY)

    def listed(rows: Any) -> set[str]:
        return {record for table, _, _, record in rows if table in (GROUPS, HELP)}

    assert listed(await bureau.lists()) == {*groups, *made}
    async with office.pool.acquire() as conn, conn.transaction():
        await conn.execute("DELETE FROM programme.case_step WHERE case_id = $1::uuid", made[0])
        await conn.execute("DELETE FROM programme.case_file WHERE case_id = $1::uuid", made[0])
        await statistics.forget(conn)
    assert listed(await bureau.lists()) == {*groups, *made[1:]}
    again = await bureau.publish(APRIL)
    assert values(again[HELP]) == values(told[HELP])
