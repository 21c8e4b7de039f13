"""Statistics leave once a quarter, as they may, and nothing moves a number that must stand."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from node.domain.observatory.lazy import Part
from node.domain.observatory.plan import PLAN, measure_of
from node.errors import LogStateError
from node.flows.observatory import publish
from node.flows.observatory.publish import Way
from node.flows.profiles import publish as profiles
from node.flows.registry import gdpr
from node.flows.trust.council_draft import TERMS
from node.store import publication, statistics
from node.store.postgres import Pool
from tests.networks_made import code
from tests.office_made import open_office
from tests.statistics_made import APRIL, CASES, FIRMS, FUNDS, JANUARY, JULY, OCTOBER, SECRET, STATUSES, Bureau, values

REGISTERED = ("ITF4", "registered")


@pytest.fixture
async def bureau(pool: Pool, tmp_path: object) -> Bureau:
    """An office that keeps eight networks of Lecce."""
    office = await open_office(pool, tmp_path)  # type: ignore[arg-type]
    made = Bureau(pool, office.own)
    await made.keep(8)
    return made


async def test_every_table_of_the_plan_is_told_once_a_quarter(bureau: Bureau) -> None:
    """A document for each, of the last quarter that is over, whose numbers are those of the records; asked again, nothing leaves."""
    turns = await bureau.publish(JANUARY)
    assert set(turns) == set(PLAN)
    assert {turn.way for turn in turns.values()} == {Way.FIRST}
    expected = measure_of(PLAN[STATUSES], SECRET)({n: Part(n) for n in bureau.networks})
    assert turns[STATUSES].values == ({REGISTERED: expected} if expected else {})
    (document,) = await bureau.said(STATUSES)
    assert document == {
        "type": "statistics/1",
        "id": document["id"],
        "owner": "p_LE",
        "plan": 1,
        "table": STATUSES,
        "day": "2026-12-31",
        "part": 1,
        "parts": 1,
        "digest": document["digest"],
        "cells": [[list(REGISTERED), expected]],
    }
    for later in (JANUARY, JANUARY + dt.timedelta(days=80)):
        assert {turn.way for turn in (await bureau.publish(later)).values()} == {Way.NOT_DUE}
    assert len(await bureau.said(STATUSES)) == 1


async def test_a_sum_is_told_moved_and_rounded(bureau: Bureau) -> None:
    """Eight funds of some ten thousand euro: near eighty thousand, in whole thousands, and not what they add up to."""
    turn = (await bureau.publish(JANUARY))[FUNDS]
    (value,) = turn.values.values()
    assert value % 1000 == 0
    assert 76_000 <= value <= 84_000


async def test_one_more_one_less_or_another_changes_no_number(bureau: Bureau) -> None:
    """Quarter after quarter with one step each: every table says what it said."""
    first = await bureau.publish(JANUARY)
    await bureau.keep(1)
    second = await bureau.publish(APRIL)
    await bureau.run("UPDATE registry.network SET status = 'amended' WHERE network_id = $1", bureau.networks[0])
    third = await bureau.publish(JULY)
    await bureau.run("UPDATE registry.network SET initial_fund = 90000 WHERE network_id = $1", bureau.networks[1])
    fourth = await bureau.publish(OCTOBER)
    for turns in (second, third, fourth):
        assert {turn.way for turn in turns.values()} == {Way.AGAIN}
        assert {t: values(turn) for t, turn in turns.items()} == {t: values(turn) for t, turn in first.items()}
        assert not any(turn.renewed for turn in turns.values())
    assert [d["day"] for d in await bureau.said(STATUSES)] == ["2026-12-31", "2027-03-31", "2027-06-30", "2027-09-30"]


async def test_three_that_change_together_are_told(bureau: Bureau) -> None:
    """The number is then that of all who are there."""
    await bureau.publish(JANUARY)
    await bureau.keep(5)
    turn = (await bureau.publish(APRIL))[STATUSES]
    expected = measure_of(PLAN[STATUSES], SECRET)({n: Part(n) for n in bureau.networks})
    assert turn.values == {REGISTERED: expected}


async def test_who_leads_a_firm_is_counted_by_firms_and_protected_by_networks(bureau: Bureau) -> None:
    """Firms of eight networks are counted; of two networks, four firms count as two and may be told as 0 or 3."""
    await bureau.run(
        "UPDATE registry.firm SET led_by = '{women}' WHERE firm_id IN (SELECT firm_id FROM registry.membership)"
    )
    await bureau.run(
        "UPDATE registry.firm SET led_by = led_by || '{youth}' WHERE firm_id IN"
        " (SELECT firm_id FROM registry.membership WHERE network_id = ANY($1::uuid[]))",
        bureau.networks[:2],
    )
    told = (await bureau.publish(JANUARY))[FIRMS].values
    assert 13 <= told["ITF4", "women"] <= 19
    assert told.get(("ITF4", "youth"), 0) in (0, 3)


async def test_an_erased_firm_leaves_the_lists_and_moves_no_number(bureau: Bureau) -> None:
    """In the transaction of the erasure; and its going is no change that could help two others to tip a number."""
    await bureau.run(
        "UPDATE registry.firm SET led_by = '{women}' WHERE firm_id IN (SELECT firm_id FROM registry.membership)"
    )
    first = (await bureau.publish(JANUARY))[FIRMS].values
    async with bureau.pool.acquire() as conn:
        gone = await conn.fetchval("SELECT firm_id::text FROM registry.firm WHERE tax_code = $1", code(2))
    assert sum(record == gone for _, _, _, record in await bureau.lists()) == 2
    await gdpr.erase(bureau.pool, bureau.own, code(2), "anna", "richiesta dell'interessato", JANUARY)
    assert not any(record == gone for _, _, _, record in await bureau.lists())
    async with bureau.pool.acquire() as conn:
        assert (
            await conn.fetchval("SELECT count(*) FROM statistics.cell WHERE table_id = 'led-firms' AND value > 0") == 1
        )
    # Two more go: with the erased one they would be three.
    await bureau.run("UPDATE registry.firm SET led_by = '{}' WHERE tax_code = ANY($1)", [code(4), code(6)])
    assert (await bureau.publish(APRIL))[FIRMS].values == first


async def test_a_database_without_the_lists_takes_the_published_numbers_over(bureau: Bureau) -> None:
    """A copy from before, or of another program: what the log says stands, though the register has changed, and is told again."""
    first = await bureau.publish(JANUARY)
    await bureau.run("DELETE FROM statistics.told")
    await bureau.keep(6)
    again = await bureau.publish(JANUARY + dt.timedelta(days=10))
    assert {turn.way for turn in again.values()} == {Way.ADOPTED}
    later = await bureau.publish(APRIL, secret=b"another secret, the first is lost")
    assert {t: values(turn) for t, turn in later.items()} == {t: values(turn) for t, turn in first.items()}
    async with bureau.pool.acquire() as conn:
        told = await statistics.told(conn)
    assert {found.adopted for found in told.values()} == {False}
    # From what was taken over on, changes count as ever.
    await bureau.keep(4)
    assert (await bureau.publish(JULY))[STATUSES].values[REGISTERED] >= 15


async def test_an_older_state_gives_way_to_the_log(bureau: Bureau) -> None:
    """The database was put back to January's, the log kept April's: April's numbers stand."""
    await bureau.publish(JANUARY)
    await bureau.keep(5)
    april = await bureau.publish(APRIL)
    await bureau.run("UPDATE statistics.told SET day = '2026-12-31'")
    await bureau.run("UPDATE statistics.cell SET value = 0")
    july = await bureau.publish(JULY)
    assert values(july[STATUSES]) == values(april[STATUSES])


async def test_what_the_log_lost_is_said_again_as_it_stands(bureau: Bureau) -> None:
    """Numbers are not made anew for a reference day that was told."""
    first = await bureau.publish(JANUARY)
    await bureau.run("DELETE FROM coop.statistics")
    await bureau.keep(5)
    again = await bureau.publish(JANUARY + dt.timedelta(days=10))
    assert {turn.way for turn in again.values()} == {Way.REPEATED}
    assert {t: values(turn) for t, turn in again.items()} == {t: values(turn) for t, turn in first.items()}


async def test_a_state_that_is_not_what_was_published_stops_everything(bureau: Bureau) -> None:
    """Somebody changed a number in the database: nothing leaves, with a code."""
    await bureau.publish(JANUARY)
    await bureau.run("UPDATE statistics.cell SET value = value + 10 WHERE table_id = 'networks-by-status'")
    size = len(await bureau.said(FUNDS))
    with pytest.raises(LogStateError) as caught:
        await bureau.publish(APRIL)
    assert caught.value.code == "statistics-differs"
    assert len(await bureau.said(FUNDS)) == size


async def test_a_crash_before_the_commit_leaves_nothing(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither state nor document; the next run tells all."""
    kept = publish.append

    async def fails(*given: object) -> list[int]:
        await kept(*given)  # type: ignore[arg-type]
        raise RuntimeError("crash")

    monkeypatch.setattr(publish, "append", fails)
    with pytest.raises(RuntimeError):
        await bureau.publish(JANUARY)
    assert await bureau.lists() == []
    assert await bureau.said(STATUSES) == []
    monkeypatch.setattr(publish, "append", kept)
    assert {turn.way for turn in (await bureau.publish(JANUARY)).values()} == {Way.FIRST}


async def test_nothing_is_told_that_the_members_have_not_agreed(bureau: Bureau) -> None:
    """The agreement lists the types; without this one the numbers stay."""
    with pytest.raises(LogStateError) as caught:
        await bureau.publish(JANUARY, terms=replace(TERMS, data=("profile/1",)))
    assert caught.value.code == "statistics-not-agreed"
    assert {t.way for t in (await bureau.publish(JANUARY, terms=TERMS)).values()} == {Way.FIRST}


async def test_a_look_ahead_changes_nothing(bureau: Bureau) -> None:
    """What would leave is what leaves; looking writes neither state nor document."""
    seen = await publish.preview(bureau.pool, bureau.own, SECRET, None, JANUARY)
    assert await bureau.lists() == []
    assert await bureau.said(STATUSES) == []
    assert {turn.table: values(turn) for turn in seen} == {
        t: values(turn) for t, turn in (await bureau.publish(JANUARY)).items()
    }


async def test_documents_are_no_profiles_that_nobody_knows(bureau: Bureau) -> None:
    """Neither counted as orphans nor withdrawn as such."""
    await bureau.publish(JANUARY)
    (document,) = await bureau.said(STATUSES)
    async with bureau.pool.acquire() as conn:
        assert await publication.reconcile(conn, bureau.own.origin_id, JANUARY) == (0, 0)
    with pytest.raises(Exception, match="sconosciuto"):
        await profiles.withdraw(bureau.pool, bureau.own, document["id"], "anna", JANUARY)


async def test_no_document_names_a_record(bureau: Bureau) -> None:
    """No id of a network or firm, and nothing that is not in the form."""
    await bureau.publish(JANUARY)
    async with bureau.pool.acquire() as conn:
        bodies = b"".join(row["body"] for row in await conn.fetch("SELECT body FROM log.body"))
        ids = await conn.fetch(
            "SELECT network_id::text AS id FROM registry.network UNION SELECT firm_id::text FROM registry.firm"
        )
    assert not [row["id"] for row in ids if row["id"].encode() in bodies]
    assert CASES.encode() in bodies
