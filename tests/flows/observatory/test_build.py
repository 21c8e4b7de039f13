"""The Observatory's figures: made from what was counted, kept, and made anew only where something changed."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from node import config as configuration
from node.domain.observatory import codes
from node.domain.observatory.catalogue import INDICATORS
from node.domain.observatory.figures import Cell, Figures, Table, table
from node.flows.observatory.build import More, build
from node.flows.observatory.release import release
from node.store import observatory, population
from node.store.postgres import Connection, Pool
from tests.editions_made import edition, store
from tests.networks_made import NOW
from tests.profiles_made import add_origin, label, profile
from tests.profiles_made import store as publish

CONFIG = configuration.parse((Path(__file__).parents[3] / "nodes.example.toml").read_text("utf-8"), file="x")
DAYS = (dt.date(2013, 7, 31), dt.date(2013, 12, 31), dt.date(2014, 12, 31), dt.date(2016, 12, 31))
LATER = NOW + dt.timedelta(hours=1)


async def figures(pool: Pool, now: dt.datetime = NOW) -> Figures:
    """The newest figures."""
    return (await build(pool, CONFIG, now)).figures


def cells(found: Figures, ident: str) -> dict[tuple[str, ...], object]:
    """The numbers of a table."""
    named = found.named(ident)
    assert named is not None
    return {cell.at: cell.value for cell in named.cells}


@pytest.fixture
async def listed(pool: Pool) -> Pool:
    """A database with editions of three years, two of one of them."""
    draw, before = random.Random(3), ()
    async with pool.acquire() as conn:
        for number, day in enumerate(DAYS):
            before = edition(draw, before)
            await store(conn, before, day, f"d{number}")
    return pool


async def test_a_node_without_anything_has_figures(pool: Pool) -> None:
    """Those of published profiles, all of them nought; none of a history that nobody loaded."""
    found = await figures(pool)
    assert found.named("networks-by-year") is None
    assert set(cells(found, "profiles-by-region").values()) == {0}
    assert found.coverage["editions"] == 0


async def test_each_year_is_told_by_its_newest_edition(listed: Pool) -> None:
    """And each edition by its own day; parts sum to the whole."""
    found = await figures(listed)
    by_day, by_year = cells(found, "networks-by-day"), cells(found, "networks-by-year")
    assert list(by_day) == [(day.isoformat(),) for day in DAYS]
    assert by_year == {(str(day.year),): by_day[day.isoformat(),] for day in DAYS[1:]}
    for ident in (
        "region",
        "province",
        "size",
        "spread",
        "provinces",
        "section",
        "division",
        "kind",
        "theme",
        "members",
    ):
        parts = cells(found, f"networks-by-{ident}")
        for (year,), total in by_year.items():
            assert sum(int(str(value)) for at, value in parts.items() if at[0] == year) == total, ident
    for ident in ("region", "province", "section", "legal-form", "division"):
        parts = cells(found, f"firms-by-{ident}")
        for (year,), total in cells(found, "firms-by-year").items():
            assert sum(int(str(value)) for at, value in parts.items() if at[0] == year) == total, ident


async def test_what_no_edition_told_is_unknown(listed: Pool) -> None:
    """Of 2015 there is none: what began and ended in 2016 alone, nobody knows."""
    found = await figures(listed)
    events = cells(found, "networks-born-and-ended")
    assert {value for at, value in events.items() if at[0] == "2016"} == {None}
    assert None not in {value for at, value in events.items() if at[0] == "2014"}
    assert set(cells(found, "density-by-region").values()) == {None}
    assert cells(found, "networks-growth")["2016",] is None


async def test_networks_are_those_before_and_born_and_not_ended(listed: Pool) -> None:
    """The account of a year is even."""
    found = await figures(listed)
    stock, events = cells(found, "networks-by-year"), cells(found, "networks-born-and-ended")
    before, born, ended, now = (
        int(str(value)) for value in (stock["2013",], events["2014", "born"], events["2014", "ended"], stock["2014",])
    )
    assert before + born - ended == now


async def test_every_table_has_its_indicator_and_its_dimensions(listed: Pool) -> None:
    """Whose codes have names, or are names themselves."""
    found = await figures(listed)
    for told in found.tables:
        assert INDICATORS[told.indicator].tier == told.tier == 1, told.ident
        assert told.source, told.ident
        for at, name in enumerate(told.dimensions):
            dimension = codes.DIMENSIONS[name]
            known = {cell.at[at] for cell in told.cells} - {"?"}
            if dimension.kind == "closed" and name != "legal_form":
                assert known <= set(dimension.names), told.ident


async def test_a_build_when_nothing_changed_is_the_one_before(listed: Pool) -> None:
    """Byte for byte, and says so; a new edition makes another."""
    first = await build(listed, CONFIG, NOW)
    again = await build(listed, CONFIG, LATER)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.figures == first.figures
    async with listed.acquire() as conn:
        await store(conn, edition(random.Random(5)), dt.date(2017, 12, 31), "new")
    third = await build(listed, CONFIG, LATER)
    assert third.is_new
    assert cells(third.figures, "networks-by-year").keys() - cells(first.figures, "networks-by-year").keys() == {
        ("2017",)
    }


async def test_two_that_build_at_once_count_once(listed: Pool) -> None:
    """The command and the scheduler do not get in each other's way, and tell the same."""
    one, other = await asyncio.gather(build(listed, CONFIG, NOW), build(listed, CONFIG, NOW))
    assert one.figures == other.figures


async def test_editions_whose_term_is_over_keep_their_numbers(listed: Pool) -> None:
    """All of them, also what changed from one to the next."""
    first = await figures(listed)
    async with listed.acquire() as conn:
        for found in await population.editions(conn):
            await population.delete_snapshot(conn, found.snapshot_id)
    # The next day makes a new build, of counts alone.
    after = await figures(listed, NOW + dt.timedelta(days=1))
    assert after.inputs != first.inputs
    for told in first.tables:
        if told.source.startswith("Elenco"):
            assert after.named(told.ident) == told


async def test_a_release_stays_as_it_was(listed: Pool) -> None:
    """Asked again the same day it is the same one, whatever changed; the next day has its own."""
    first = await release(listed, CONFIG, NOW)
    async with listed.acquire() as conn:
        await store(conn, edition(random.Random(5)), dt.date(2017, 12, 31), "new")
    again = await release(listed, CONFIG, LATER)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.release == first.release
    other = await release(listed, CONFIG, NOW + dt.timedelta(days=1))
    assert other.release.digest != first.release.digest
    async with listed.acquire() as conn:
        assert [found.release_id for found in await observatory.releases(conn)] == ["2026-11-25", "2026-11-24"]


async def test_other_tables_come_in_and_make_a_build_new(pool: Pool) -> None:
    """Those of the second tier, by a stamp that says whether they may have changed."""
    stamp = "a"

    async def stamped(_: Connection) -> str:
        return stamp

    async def made(_: Connection, now: dt.datetime) -> Sequence[Table]:
        return [table("led-firms", "led-firms", ("led",), [Cell(("women",), 3)], now.date(), tier=2)]

    more = [More(stamped, made)]
    first = await build(pool, CONFIG, NOW, more)
    assert first.figures.named("led-firms") is not None
    assert not (await build(pool, CONFIG, LATER, more)).is_new
    stamp = "b"
    assert (await build(pool, CONFIG, LATER, more)).is_new


async def test_profiles_count_by_their_parts(pool: Pool) -> None:
    """One that may be in two regions is half in each; one that may be anywhere is nowhere known; sums are whole."""
    async with pool.acquire() as conn:
        origin = await add_origin(conn)
        wants = {
            "needs": [{"category": "logistics"}],
            "offers": [{"category": "distribution"}],
        }
        documents = [
            profile(1, territory=label("REG", "ITF4"), **wants),
            profile(
                2,
                territory=label("REG", "ITC1", "ITF4"),
                needs=[{"category": "distribution"}],
                offers=[{"category": "logistics"}],
            ),
            profile(3, territory=label("IT", "IT"), needs=[], offers=[]),
        ]
        await publish(conn, origin, documents)
    found = await figures(pool)
    regions = cells(found, "profiles-by-region")
    assert sum(map(float, map(str, regions.values()))) == 3
    assert regions["?",] == 1
    assert float(str(regions["ITF4",])) > 1
    assert sum(float(str(value)) for value in cells(found, "matches-between-regions").values()) == pytest.approx(
        2, abs=0.2
    )
    gap = cells(found, "gap-by-capability")
    needs, offers = cells(found, "needs-by-capability"), cells(found, "offers-by-capability")
    at = ("logistics", "ITF4")
    assert float(str(gap[at])) == pytest.approx(float(str(needs[at])) - float(str(offers[at])))


async def test_an_entry_that_is_no_profile_makes_no_new_build(pool: Pool) -> None:
    """Logs grow every hour somewhere: a build that nothing else changed is the one before, until the next day."""
    async with pool.acquire() as conn:
        origin = await add_origin(conn)
        await publish(conn, origin, [profile(1, territory=label("REG", "ITF4"))])
    assert (await build(pool, CONFIG, NOW)).is_new
    async with pool.acquire() as conn:
        await conn.execute("UPDATE log.origin SET size = size + 1")
    assert not (await build(pool, CONFIG, NOW + dt.timedelta(hours=1))).is_new
    assert (await build(pool, CONFIG, NOW + dt.timedelta(days=1))).is_new


async def test_both_tables_of_bodies_tell_the_same_profiles(pool: Pool) -> None:
    """Those that are valid, of quarantined logs too, as the search finds them; expired ones and those of suspended nodes in neither."""
    async with pool.acquire() as conn:
        origin = await add_origin(conn)
        await publish(conn, origin, [profile(1), profile(2), profile(3, valid_until="2026-01-31")])
        await conn.execute("UPDATE log.origin SET state = 'quarantined'")
    for state, count in (("quarantined", 2), ("suspended", 0)):
        async with pool.acquire() as conn:
            await conn.execute("UPDATE log.origin SET state = $1", state)
        found = await figures(pool)
        (by_body,) = cells(found, "profiles-by-body").items()
        assert by_body[1] == count
        assert cells(found, "coverage-by-body")[by_body[0][0], "profiles"] == count
