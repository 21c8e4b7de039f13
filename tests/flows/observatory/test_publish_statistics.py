"""Statistics leave once a quarter, as they may, and nothing moves a number that must stand."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import uuid
from dataclasses import replace
from decimal import Decimal

import pytest

from node.domain.observatory import lazy
from node.domain.observatory.lazy import Part
from node.domain.observatory.placing import region_of_label
from node.domain.observatory.plan import PLAN, telling_of
from node.errors import LogStateError, OperatorError
from node.flows.logs import epoch
from node.flows.observatory import contributions, federation, publish
from node.flows.observatory.contributions import gather
from node.flows.observatory.publish import Way
from node.flows.profiles import publish as profiles
from node.flows.registry import gdpr
from node.flows.trust.council_draft import TERMS
from node.store import publication, statistics
from node.store.postgres import Pool
from node.store.reference import load_territories
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
    expected = telling_of(PLAN[STATUSES], SECRET).measure({n: Part(n) for n in bureau.networks})
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
    """Eight funds of some ten thousand euro, each moved by 15 % at most: near eighty thousand, in whole thousands."""
    turn = (await bureau.publish(JANUARY))[FUNDS]
    (value,) = turn.values.values()
    assert value % 1000 == 0
    assert 68_000 <= value <= 92_000


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
    expected = telling_of(PLAN[STATUSES], SECRET).measure({n: Part(n) for n in bureau.networks})
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
    await bureau.keep(4)
    await bureau.run(
        "UPDATE registry.firm SET led_by = '{foreign}' WHERE firm_id IN"
        " (SELECT firm_id FROM registry.membership WHERE network_id = ANY($1::uuid[]))",
        bureau.networks[8:],
    )
    await bureau.run(
        "UPDATE registry.network SET status = 'closed' WHERE network_id = ANY($1::uuid[])", bureau.networks[8:]
    )
    told = (await bureau.publish(JANUARY))[FIRMS].values
    assert 13 <= told["ITF4", "women"] <= 19
    # Of closed networks nobody is counted.
    assert ("ITF4", "foreign") not in told
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
    for now in (JANUARY, APRIL):
        with pytest.raises(LogStateError) as caught:
            await bureau.publish(now)
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


CASE = """
INSERT INTO office.introduction (introduction_id, party, peer, profile_id, network_id, applicant, state, outcome, since, created_at, changed_at)
VALUES (gen_random_uuid(), $1, 'p_TO', gen_random_uuid(), $2::text::uuid, $3::text::jsonb, $4, $5, now(), now(), now())
"""


async def test_cases_are_counted_by_the_office_that_asked(bureau: Bureau) -> None:
    """By the region of the network, or of what a firm said of itself, and by how they ended; the other side's and drafts are not."""
    for number in range(4):
        await bureau.run(CASE, "seeker", bureau.networks[number], None, "concluded", "agreement")
        await bureau.run(CASE, "owner", bureau.networks[number], None, "declined", "")
        await bureau.run(CASE, "seeker", bureau.networks[number], None, "draft", "")
        applicant = f'{{"name": "Impresa {number}", "tax_code": "{code(50 + number)}", "region": "ITC1"}}'
        await bureau.run(CASE, "seeker", None, applicant, "under_check", "")
        await bureau.run(
            CASE, "seeker", None, f'{{"name": "Sola", "tax_code": "{code(90)}", "region": "ITI4"}}', "sent", ""
        )
    async with bureau.pool.acquire() as conn:
        found = (await gather(conn, SECRET))[CASES]
    assert {place: (len(parts), len({p.unit for p in parts.values()})) for place, parts in found.items()} == {
        ("ITF4", "?", "agreement"): (4, 4),
        ("ITC1", "?", "open"): (4, 4),
        # One firm that asked four times is one.
        ("ITI4", "?", "open"): (4, 1),
    }
    told = (await bureau.publish(JANUARY))[CASES].values
    assert told.get(("ITI4", "?", "open"), 0) in (0, 3)


async def test_where_a_case_goes_is_what_the_profile_shows(bureau: Bureau) -> None:
    """The one region in which its label lies; a label of several regions, or none, is unknown."""
    territories = load_territories()
    for label, region in {
        "REG:ITC1": "ITC1",
        "PRO:LE,BA": "ITF4",
        "COM:075035": "ITF4",
        "REG:ITC1,ITC4": "?",
        "RIP:ITC": "?",
        "*": "?",
        "": "?",
        "PRO:ZZ": "?",
    }.items():
        assert region_of_label(label, territories) == region, label


async def test_a_record_without_a_cell_stops_everything(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """A status that the plan does not know: nothing is told, with a code."""
    monkeypatch.setattr(contributions, "outcome_of", lambda _state, _outcome: "unheard-of")
    await bureau.run(CASE, "seeker", bureau.networks[0], None, "sent", "")
    with pytest.raises(LogStateError) as caught:
        await bureau.publish(JANUARY)
    assert caught.value.code == "statistics-off-plan"
    assert await bureau.said(STATUSES) == []


async def test_two_processes_tell_once(bureau: Bureau) -> None:
    """Both are asked at the same moment; one of them finds nothing to do."""
    both = await asyncio.gather(bureau.publish(JANUARY), bureau.publish(JANUARY))
    assert sorted(turns[STATUSES].way for turns in both) == [Way.FIRST, Way.NOT_DUE]
    assert len(await bureau.said(STATUSES)) == 1


async def test_the_next_years_log_goes_on_with_what_was_told(bureau: Bureau) -> None:
    """A new log begins with the documents of the old one, and neither tells a day twice nor forgets a number."""
    first = await bureau.publish(JANUARY)
    bureau.own = await epoch.rollover(bureau.pool, bureau.own, 2027, "anna", JANUARY)
    assert {turn.way for turn in (await bureau.publish(JANUARY)).values()} == {Way.NOT_DUE}
    await bureau.keep(1)
    later = await bureau.publish(APRIL)
    assert {t: values(turn) for t, turn in later.items()} == {t: values(turn) for t, turn in first.items()}
    async with bureau.pool.acquire() as conn:
        assert {c.told for c in (await federation.read(conn, APRIL)).coverage} == {("p_LE",)}
        assert {t.as_of for t in await federation.tables(conn, APRIL)} == {dt.date(2027, 3, 31)}


async def test_what_ends_with_its_term_is_forgotten_too(bureau: Bureau) -> None:
    """A closed network that is emptied leaves no amount behind, one that is deleted nothing; no number moves."""
    first = await bureau.publish(JANUARY)
    gone = bureau.networks[:2]
    await bureau.run(
        "UPDATE registry.network SET status = 'closed', updated_at = $2 WHERE network_id = ANY($1::uuid[])",
        gone,
        JANUARY - dt.timedelta(days=9000),
    )
    ended = await gdpr.end_over(bureau.pool, "closed_networks", JANUARY - dt.timedelta(days=8000))
    assert ended == 2
    assert not {record for _, _, _, record in await bureau.lists()} & set(gone)
    later = await bureau.publish(APRIL)
    assert {t: values(turn) for t, turn in later.items()} == {t: values(turn) for t, turn in first.items()}


async def test_a_retired_table_in_the_own_log_stops_nothing(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a table said before it was retired stays in the log, and the others go on."""
    await bureau.publish(JANUARY)
    fewer = {ident: planned for ident, planned in PLAN.items() if ident != FUNDS}
    monkeypatch.setattr(publish, "PLAN", fewer)
    assert set(await bureau.publish(APRIL)) == set(fewer)


async def test_a_clock_that_ran_ahead_tells_nothing_twice(bureau: Bureau) -> None:
    """Told too early for the next quarter: when the time is right again nothing is due until that quarter has passed."""
    await bureau.publish(APRIL)
    for now in (JANUARY, APRIL):
        assert {turn.way for turn in (await bureau.publish(now)).values()} == {Way.NOT_DUE}


async def test_while_own_documents_are_on_their_way_nothing_is_told(bureau: Bureau) -> None:
    """A recovered log whose bodies are still to come may hold what was told: making it anew would tell it twice."""
    await bureau.run(
        "INSERT INTO log.wanted (origin_id, idx, item_id) VALUES ($1, 0, gen_random_uuid())", bureau.own.origin_id
    )
    with pytest.raises(LogStateError) as caught:
        await bureau.publish(JANUARY)
    assert caught.value.code == "statistics-waits"


ASKED = """
INSERT INTO office.introduction (introduction_id, party, peer, profile_id, network_id, applicant, state, outcome, since, created_at, changed_at)
VALUES ($1::text::uuid, 'seeker', 'p_TO', gen_random_uuid(), NULL, $2::text::jsonb, 'sent', '', now(), now(), now())
"""


async def ask(bureau: Bureau, number: int, tax_code: str | None = None) -> str:
    """Let a firm ask by itself; return the case."""
    ident = str(uuid.uuid4())
    said = {"name": f"Impresa {number}", "tax_code": code(50 + number) if tax_code is None else tax_code}
    await bureau.run(ASKED, ident, json.dumps({**said, "region": "ITC1"}))
    return ident


async def differing(bureau: Bureau) -> dict[tuple[str, ...], int]:
    """How many networks differ from the basis, by cell of the cases."""
    async with bureau.pool.acquire() as conn:
        state, now = await statistics.read_state(conn, CASES), (await gather(conn, SECRET))[CASES]
    return {
        place: len(lazy.changed_units(state.get(place, lazy.NOTHING).base, now.get(place, {})))
        for place in state.keys() | now.keys()
    }


async def test_two_firms_are_two_whichever_of_their_cases_come_and_go(bureau: Bureau) -> None:
    """A case ends, another is begun, the first one is deleted with its term, a code is written with spaces: no firm counts twice."""
    ids = [await ask(bureau, number) for number in range(7)]
    first = (await bureau.publish(JANUARY))[CASES]
    for number in (0, 1):
        await bureau.run("UPDATE office.introduction SET state = 'expired' WHERE introduction_id = $1", ids[number])
        for written in (code(50 + number), f" {code(50 + number)[:5]} {code(50 + number)[5:]}"):
            await ask(bureau, number, written)
    assert (await differing(bureau))["ITC1", "?", "open"] == 2
    await bureau.run("DELETE FROM office.introduction WHERE introduction_id = ANY($1::uuid[])", ids[:2])
    assert (await differing(bureau))["ITC1", "?", "open"] == 2
    assert values((await bureau.publish(APRIL))[CASES]) == values(first)


async def test_erased_firms_are_nobody_that_counts(bureau: Bureau) -> None:
    """Of three erased firms the cases are one another's; nothing of their codes stays behind the numbers, and no number moves."""
    ids = [await ask(bureau, number) for number in range(7)]
    await bureau.publish(JANUARY)
    for number in range(3):
        await gdpr.erase(bureau.pool, bureau.own, code(50 + number), "anna", "richiesta dell'interessato", JANUARY)
    async with bureau.pool.acquire() as conn:
        rows = await conn.fetch(
            "SELECT DISTINCT record_id::text AS record, unit_id::text AS unit FROM statistics.part WHERE table_id = $1",
            CASES,
        )
    units = {row["record"]: row["unit"] for row in rows}
    assert {units[ident] for ident in ids[:3]} == {lazy.NOBODY}
    assert len({units[ident] for ident in ids[3:]}) == 4
    # Where they asked from is gone too: three went, of whom nobody can say that they were three.
    assert set((await differing(bureau)).values()) == {1}
    # Their cases end; with those of two that are known, two.
    await bureau.run(
        "UPDATE office.introduction SET state = 'expired' WHERE introduction_id = ANY($1::uuid[])", ids[:3]
    )
    assert (await differing(bureau))["ITC1", "?", "open"] == 1
    await bureau.run(
        "UPDATE office.introduction SET state = 'expired' WHERE introduction_id = ANY($1::uuid[])", ids[3:5]
    )
    assert (await differing(bureau))["ITC1", "?", "open"] == 2
    # Whoever gave no code is nobody either.
    for number in range(20, 23):
        await ask(bureau, number, "")
    assert (await differing(bureau))["ITC1", "?", "open"] == 2


async def test_alterations_by_a_cent_hide_nobodys_fund(bureau: Bureau) -> None:
    """Two funds altered by a cent and one new one: the sum stands; two real ones beside it, and it is told."""
    first = (await bureau.publish(JANUARY))[FUNDS]
    await bureau.run(
        "UPDATE registry.network SET initial_fund = initial_fund + 0.01 WHERE network_id = ANY($1::text[]::uuid[])",
        bureau.networks[-2:],
    )
    await bureau.keep(1, initial_fund=Decimal(9_000))
    assert values((await bureau.publish(APRIL))[FUNDS]) == values(first)
    await bureau.keep(3, initial_fund=Decimal(9_000))
    assert (await bureau.publish(JULY))[FUNDS].renewed == 1


async def test_a_clock_far_ahead_tells_nothing(bureau: Bureau) -> None:
    """A year after the last signature nothing leaves, with a code, until the clock is right or somebody says that it is."""
    await bureau.publish(JANUARY)
    far = JANUARY.replace(year=2028)
    with pytest.raises(OperatorError) as caught:
        await bureau.publish(far)
    assert caught.value.code == "statistics-clock"
    assert {turn.day for turn in (await bureau.publish(APRIL)).values()} == {dt.date(2027, 3, 31)}
    turns = await publish.publish_due(bureau.pool, bureau.own, SECRET, None, far, trust_clock=True)
    assert {turn.day for turn in turns} == {dt.date(2027, 12, 31)}


async def test_the_clocks_of_others_count_before_the_own(bureau: Bureau) -> None:
    """A witness that signed last winter does not carry a node whose own signatures are of next year; one that signed now does."""
    await bureau.publish(JANUARY)
    signed = (
        "INSERT INTO log.cosignature (origin_id, member, size, signed_at, line) VALUES ($1, 'p_TO', 1, $2, '')"
        " ON CONFLICT (origin_id, member) DO UPDATE SET signed_at = excluded.signed_at"
    )
    await bureau.run(signed, bureau.own.origin_id, JANUARY)
    far = JANUARY.replace(year=2028)
    await bureau.run("UPDATE log.signed SET signed_at = $1", far)
    with pytest.raises(OperatorError):
        await bureau.publish(far)
    # What is not due needs no clock.
    assert {turn.way for turn in (await bureau.publish(JANUARY)).values()} == {Way.NOT_DUE}
    await bureau.run(signed, bureau.own.origin_id, far)
    assert {turn.way for turn in (await bureau.publish(far)).values()} == {Way.AGAIN}
    async with bureau.pool.acquire() as conn:
        assert await statistics.newest_day(conn) == dt.date(2027, 12, 31)
