"""What every node adds up is what anybody adds up from the logs: whole documents of members that told, and nothing else."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from node import runtime
from node.domain.accounts import derive_key
from node.domain.observatory import cell_key, statistics_form
from node.domain.observatory.codes import TOTAL
from node.domain.observatory.figures import Status, Table
from node.domain.observatory.plan import OUTCOMES, PLAN, REGIONS
from node.flows.logs.append import Operation
from node.flows.observatory import build as building
from node.flows.observatory import federation as picture
from node.flows.observatory.federation import GRACE_DAYS, MISSING, Picture
from node.protocol import canonical
from node.store import postgres, schemas, statistics
from node.store.postgres import Pool
from tests.federation_made import Clock, Town, federation
from tests.statistics_made import APRIL, CASES, FIRMS, GROUPS, HELP, JANUARY, STATUSES, Bureau

TESTS = Path(__file__).resolve().parents[2]
VECTOR = TESTS / "vectors" / "statistics.v1.json"
IDS = ("p_LE", "p_TO", "p_RM", "p_AR")


async def bureau_of(town: Town) -> Bureau:
    """The town's office."""
    return Bureau(town.node.pool, await runtime.current_own(town.node))


async def tell(town: Town) -> None:
    """Let what is due leave."""
    bureau = await bureau_of(town)
    await bureau.publish(town.node.clock(), derive_key(town.node.ring.secret, cell_key.PURPOSE))


async def seen_by(town: Town) -> Picture:
    """Tier 2 as a town knows it."""
    async with town.node.pool.acquire() as conn:
        return await picture.read(conn, town.node.clock())


async def bodies_of(town: Town, folder: Path) -> None:
    """Write the statistical bodies of all logs as files."""
    async with town.node.pool.acquire() as conn:
        for found in await statistics.bodies(conn, PLAN):
            place = folder / found.owner / found.origin.rpartition("/")[2]
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{found.idx}.json").write_bytes(found.body)


def summed(folder: Path, *more: str) -> Mapping[str, Any]:
    """What the script adds up, in a process that has nothing of ours."""
    told = subprocess.run(
        [sys.executable, "-I", str(TESTS / "sum_statistics.py"), str(VECTOR), str(folder), *more],
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
    )
    found: Mapping[str, Any] = json.loads(told.stdout)
    return found


def cells(table: Table) -> list[list[Any]]:
    """Cells as the script gives them: without the reader's totals."""
    return [[list(cell.at), cell.value] for cell in table.cells if TOTAL not in cell.at]


async def test_four_offices_add_up_to_what_anybody_adds_up(server: str, tmp_path: Path) -> None:
    """Each node, and a script that reads the bodies: the same sums, and the same members who told."""
    clock = Clock(JANUARY)
    async with federation(server, tmp_path, clock, IDS) as towns:
        for number, town in enumerate(towns):
            bureau = await bureau_of(town)
            await bureau.keep(6 + 5 * number)
            if number:
                await bureau.run("UPDATE registry.firm SET province = $1", ("TO", "RM", "AR")[number - 1])
            await bureau.run("UPDATE registry.firm SET led_by = '{women}'")
        # The last office has told nothing yet.
        for town in towns[:3]:
            await tell(town)
        for town in towns:
            await town.sync()
        await bodies_of(towns[3], tmp_path / "bodies")
        script = summed(tmp_path / "bodies")
        for town in towns:
            found = await seen_by(town)
            assert {t.ident: cells(t) for t in found.tables} == {name: each["cells"] for name, each in script.items()}
            assert {c.table: list(c.told) for c in found.coverage} == {n: each["told"] for n, each in script.items()}
            assert {c.known for c in found.coverage} == {4}
            assert all(MISSING in t.notes and t.tier == 2 for t in found.tables)
            assert {cell.status for t in found.tables for cell in t.cells} == {Status.ESTIMATED}
        assert set(script) == set(PLAN)
        networks = next(t for t in found.tables if t.ident == STATUSES).by_place()
        told = [value for _, value in script[STATUSES]["cells"]]
        assert networks[TOTAL, TOTAL].value == sum(told)
        assert not any(cell.at[1] == TOTAL for t in found.tables if t.ident == FIRMS for cell in t.cells)
        assert script[STATUSES]["told"] == ["p_LE", "p_RM", "p_TO"]
        async with AsyncExitStack() as stack:
            conn = await stack.enter_async_context(towns[0].node.pool.acquire())
            assert await picture.tables(conn, clock()) == (await seen_by(towns[0])).tables
            assert await picture.coverage(conn, clock()) == {"nodes_known": 4, **{f"told_{name}": 3 for name in PLAN}}
        await tell(towns[3])
        await towns[0].sync()
        whole = await seen_by(towns[0])
        assert {len(c.told) for c in whole.coverage} == {4}
        assert not any(MISSING in t.notes for t in whole.tables)
        async with towns[0].node.pool.acquire() as conn:
            await conn.execute("UPDATE log.origin SET state = 'quarantined' WHERE owner = 'p_TO'")
        # Caught with two stories: known, and told nothing.
        assert {(c.told, c.known) for c in (await seen_by(towns[0])).coverage} == {(("p_AR", "p_LE", "p_RM"), 4)}


async def test_a_new_quarter_takes_over_when_as_many_have_told_or_a_month_has_passed(
    server: str, tmp_path: Path
) -> None:
    """While members are still telling, the picture is of the quarter before; a member that falls silent does not stop it for ever."""
    clock = Clock(JANUARY)
    async with federation(server, tmp_path, clock, IDS[:2]) as towns:
        for town in towns:
            await (await bureau_of(town)).keep(6)
            await tell(town)
        await towns[0].sync()
        clock.now = APRIL
        await tell(towns[0])
        assert {t.as_of.isoformat() for t in (await seen_by(towns[0])).tables} == {"2026-12-31"}
        clock.forward(days=GRACE_DAYS)
        late = await seen_by(towns[0])
        assert {t.as_of.isoformat() for t in late.tables} == {"2027-03-31"}
        assert {c.told for c in late.coverage} == {("p_LE",)}
        await tell(towns[1])
        await towns[0].sync()
        assert {len(c.told) for c in (await seen_by(towns[0])).coverage} == {2}


@pytest.mark.parametrize("cells", [[[["ITF4", "*"], 9]], [[["ITF4", "signed"], 9], [["ITF4", "registered"], 9]]])
async def test_what_breaks_the_rules_counts_as_missing(server: str, tmp_path: Path, cells: list[Any]) -> None:
    """A total where none is told, cells out of order: the member is named, and none of its numbers is added."""
    clock = Clock(JANUARY)
    async with federation(server, tmp_path, clock, IDS[:2]) as (honest, other):
        await (await bureau_of(honest)).keep(6)
        await tell(honest)
        document = {
            "type": "statistics/1",
            "id": "7d8f2f0e-5a54-4c39-9d43-0d8bb5f1a001",
            "owner": other.id,
            "plan": 1,
            "table": STATUSES,
            "day": "2026-12-31",
            "part": 1,
            "parts": 1,
            "digest": statistics_form.digest_of(other.id, STATUSES, 1, "2026-12-31", cells),
            "cells": cells,
        }
        await other.write(Operation(str(document["id"]), canonical.dumps(document)))
        await honest.sync()
        found = {c.table: c for c in (await seen_by(honest)).coverage}[STATUSES]
        assert (found.told, found.refused) == ((honest.id,), (other.id,))


async def test_who_tells_other_numbers_for_the_same_day_is_named(server: str, tmp_path: Path) -> None:
    """The newest count, and everybody sees that they are not the first."""
    clock = Clock(JANUARY)
    async with federation(server, tmp_path, clock, IDS[:2]) as (honest, other):
        for town in (honest, other):
            await (await bureau_of(town)).keep(6)
            await tell(town)
        cells: list[Any] = [[["ITF4", "signed"], 9]]
        digest = statistics_form.digest_of(other.id, STATUSES, 1, "2026-12-31", cells)
        document = {
            "type": "statistics/1", "id": "7d8f2f0e-5a54-4c39-9d43-0d8bb5f1a001", "owner": other.id, "plan": 1, "table": STATUSES,
            "day": "2026-12-31", "part": 1, "parts": 1, "digest": digest, "cells": cells,
        }  # fmt: skip
        await other.write(Operation(str(document["id"]), canonical.dumps(document)))
        await honest.sync()
        found = {c.table: c for c in (await seen_by(honest)).coverage}
        assert {name: dict(c.retold) for name, c in found.items() if c.retold} == {STATUSES: {other.id: 1}}
        assert set(found[STATUSES].told) == {honest.id, other.id}


def test_forbidden_numbers_do_not_pass_the_schema() -> None:
    """A document with a 2 in it is kept raw and counts nowhere, like any body that breaks its schema; the own log does not even take it."""
    vector = json.loads(VECTOR.read_text())
    (case,) = (case for case in vector["refused"] if case["why"] == "a forbidden number")
    assert not schemas.validators()["statistics/1"].is_valid(case["documents"][0])


async def test_statistics_that_came_before_they_were_known_are_read_after_an_upgrade(
    server: str, tmp_path: Path
) -> None:
    """A node that kept them raw, as a type it did not know, asks for them once more."""
    clock = Clock(JANUARY)
    async with federation(server, tmp_path, clock, IDS[:2]) as (old, other):
        await (await bureau_of(other)).keep(6)
        await tell(other)
        await other.publish(1)
        await old.sync()
        migration = next(text for number, _, text in postgres._migrations() if number == 44)
        async with old.node.pool.acquire() as conn:
            # As an older program would have left it.
            await conn.execute(
                "INSERT INTO log.problem (origin_id, idx, code) SELECT origin_id, idx, 'body-type-unknown' FROM coop.statistics"
            )
            await conn.execute("DELETE FROM coop.statistics")
            await conn.execute(migration[migration.index("WITH gone AS") :])
            assert await conn.fetchval("SELECT count(*) FROM log.problem") == 0
        assert (await seen_by(old)).tables == ()
        await old.sync()
        assert {c.told for c in (await seen_by(old)).coverage} == {(other.id,)}
        assert await old.known() == 1


async def test_the_observatory_shows_what_was_told(server: str, tmp_path: Path) -> None:
    """The build takes tier 2 in, makes it anew when another document came, and every page of it can be read."""
    clock = Clock(JANUARY)
    async with federation(server, tmp_path, clock, IDS[:2]) as towns:
        town, node = towns[0], towns[0].node
        for each in towns:
            bureau = await bureau_of(each)
            await bureau.keep(7)
            await bureau.run("UPDATE registry.firm SET led_by = '{women}'")
        await tell(town)
        first = await building.build(node.pool, node.config, clock(), building.more_tables())
        assert {t.ident for t in first.figures.tables if t.tier == 2} == set(PLAN)
        assert not (await building.build(node.pool, node.config, clock(), building.more_tables())).is_new
        await tell(towns[1])
        await town.sync()
        second = await building.build(node.pool, node.config, clock(), building.more_tables())
        assert second.is_new
        one, both = (found.figures.named(STATUSES) for found in (first, second))
        assert one is not None
        assert both is not None
        assert both.by_place()["*", "*"].value > one.by_place()["*", "*"].value  # type: ignore[operator]
        for planned in PLAN.values():
            for path in (f"indicatori/{planned.indicator}", f"tabelle/{planned.ident}"):
                url = f"http://127.0.0.1:{town.port}/osservatorio/{path}"
                async with town.session.get(url, headers={"Accept": "text/html"}) as answer:
                    assert answer.status == 200, path
                    # Nobody has contacts, aggregations or case files here.
                    assert "Puglia" in await answer.text() or planned.ident in (CASES, GROUPS, HELP)


async def flood(conn: asyncpg.Connection, owner: str, document: Mapping[str, Any], rows: int) -> None:
    """A member's log with one document ``rows`` times over: every other one under a table that nobody knows."""
    raw = orjson.dumps(document)
    await conn.execute("SET session_replication_role = replica")
    origin = await conn.fetchval(
        "INSERT INTO log.origin (origin, owner, name, vkey, is_own, root, state)"
        " VALUES ($1, $2, 'n', 'k', false, decode(repeat('00', 32), 'hex'), 'new') RETURNING origin_id",
        f"{owner}.example/federation/log/2026",
        owner,
    )
    await conn.execute(
        "INSERT INTO log.body (origin_id, idx, salt, body) SELECT $1, g, decode(repeat('00', 32), 'hex'), $2 FROM generate_series(1, $3::int) g",
        origin,
        raw,
        rows,
    )
    await conn.execute(
        "INSERT INTO coop.statistics SELECT $1, g, CASE WHEN g % 2 = 0 THEN $2 ELSE 'zz-' || g END, 1, $3::date, $4, $5, $6"
        " FROM generate_series(1, $7::int) g",
        origin,
        document["table"],
        dt.date.fromisoformat(document["day"]),
        document["part"],
        document["parts"],
        document["digest"],
        rows,
    )


async def test_a_flood_of_one_member_is_read_once_and_pushes_nobody_out(pool: Pool) -> None:
    """Repeats of a part and tables of its own invention: each part is fetched once, and who comes after it is heard."""
    planned, day = PLAN[CASES], dt.date(2026, 9, 30)
    wide = {(a, b, o): 1000 for a in REGIONS for b in REGIONS for o in OUTCOMES}
    async with pool.acquire() as conn:
        hostile = statistics_form.build("aaa", planned, day, wide)[0]
        await flood(conn, "aaa", {**hostile, "id": "x"}, 300)
        honest = statistics_form.build("zzz", planned, day, {("ITC1", "ITF4", "open"): 12})[0]
        await flood(conn, "zzz", {**honest, "id": "x"}, 4)
        assert [owner for owner, _ in await statistics.documents(conn, CASES, day)] == ["aaa", "zzz"]
        assert [found.owner for found in await statistics.bodies(conn, PLAN)] == ["aaa", "zzz"]
        found = await picture.read(conn, dt.datetime(2026, 12, 1, tzinfo=dt.UTC))
    covered = next(each for each in found.coverage if each.table == CASES)
    # One part of four is no table.
    assert (covered.told, covered.refused) == (("zzz",), ("aaa",))
    assert {cell.value for table in found.tables for cell in table.cells} == {12}
