"""The partition in the signed log: once, before the first profile that shows it, and rebuilt by whoever has the register."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from node import runtime
from node.domain import partition_parts
from node.domain.chamber import ChamberList
from node.domain.generation.enrichment import enrich
from node.domain.register import RegisterNetwork
from node.errors import CallerError, NotFoundError
from node.flows.logs import epoch
from node.flows.logs.append import Operation
from node.flows.profiles import partitions, standing
from node.flows.registry import intake, register
from node.protocol import canonical
from node.store import population, registry
from node.store.postgres import Pool
from tests.federation_made import Clock, Town, federation
from tests.national_made import national
from tests.office_made import NOW, SNAPSHOT, Office, configured, lecce, make_office
from tests.profiles_made import profile
from tests.tampering import unguarded

MONDAY = NOW + dt.timedelta(days=6)


async def kinds(pool: Pool) -> list[str]:
    """The types of the own log's bodies, in the order of the log."""
    async with pool.acquire() as conn:
        return [orjson.loads(row["body"])["type"] for row in await conn.fetch("SELECT body FROM log.body ORDER BY idx")]


async def test_the_partition_stands_before_its_first_profile_and_once(office: Office) -> None:
    """Two rounds on one partition: its document comes first, the second round brings profiles alone."""
    await office.queued(0)
    assert await kinds(office.pool) == []
    await office.release(MONDAY)
    await office.queued(1)
    await office.release(MONDAY + dt.timedelta(days=7))
    assert await kinds(office.pool) == ["partition/1", "profile/1", "profile/1"]


async def test_a_long_partition_is_written_in_parts(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several bodies, each with an identifier of its own; read back they are the partition that was built."""
    monkeypatch.setattr(partition_parts, "parts_of", lambda built: PARTS_OF(built, 1_200))
    await office.queued(0)
    await office.release(MONDAY)
    found = await kinds(office.pool)
    assert found.count("partition/1") > 1
    assert found[-1] == "profile/1"
    known, built = await partitions.find(office.pool, office.config.node.id, None)
    async with office.pool.acquire() as conn:
        stored = await population.latest_partition(conn)
    assert stored is not None
    assert (known.logged, built.document) == (True, stored.document)


PARTS_OF = partition_parts.parts_of


async def test_rounds_at_once_write_the_partition_once(office: Office) -> None:
    """Four releases in the same moment: one document, every profile once."""
    for at in range(3):
        await office.queued(at)
    await asyncio.gather(*(office.release(MONDAY) for _ in range(4)))
    assert sorted(await kinds(office.pool)) == ["partition/1", "profile/1", "profile/1", "profile/1"]


async def test_a_new_edition_brings_its_partition_with_the_first_new_profile(office: Office) -> None:
    """Updates of an old profile stay on the old partition; a new profile brings the new one."""
    first = await office.queued(0)
    await office.release(MONDAY)
    await office.load(lecce()[:-3], dt.date(2026, 6, 30))
    second = await office.queued(1)
    await office.release(MONDAY + dt.timedelta(days=7))
    assert await kinds(office.pool) == ["partition/1", "profile/1", "partition/1", "profile/1"]
    assert first != second
    found = await partitions.list_known(office.pool, office.config.node.id)
    assert [(known.version, known.snapshot, known.logged) for known in found] == [
        (1, SNAPSHOT.isoformat(), True),
        (2, "2026-06-30", True),
    ]


async def test_while_the_own_log_awaits_bodies_what_needs_a_partition_waits(office: Office) -> None:
    """A recovered log may hold the partition in a body that is not here yet: nothing is written twice, nothing is lost."""
    profile_id = await office.queued(0)
    async with office.pool.acquire() as conn:
        await conn.execute(
            "INSERT INTO log.wanted (origin_id, idx, item_id) VALUES ($1, 0, gen_random_uuid())", office.own.origin_id
        )
    assert await office.release(MONDAY) == []
    assert await standing.held_code(office.pool, profile_id) == "partition-waits"
    async with office.pool.acquire() as conn:
        await conn.execute("DELETE FROM log.wanted")
    assert await office.release(MONDAY) == [profile_id]
    assert await standing.held_code(office.pool, profile_id) is None


async def test_a_forgotten_partition_is_taken_up_under_its_number(office: Office) -> None:
    """After a restore the log knows a version that the database does not: the same edition gets it back, another a new one."""
    await office.load(lecce()[:-3], dt.date(2026, 6, 30))
    await office.queued(0)
    await office.release(MONDAY)
    async with office.pool.acquire() as conn:
        assert await conn.fetchval("SELECT partition_version FROM publication.profile") == 2
        # What a dump from before the second edition looks like: profile and partition are not in it, the log is.
        async with unguarded(conn):
            await conn.execute("TRUNCATE publication.decision, publication.version, publication.profile")
        await conn.execute("DELETE FROM population.partition WHERE version = 2")
        await conn.execute("DELETE FROM population.snapshot WHERE taken_on = '2026-06-30'")
    again = await office.load(lecce()[:-3], dt.date(2026, 6, 30))
    assert again.partition_version == 2
    assert (await office.load(lecce()[:-4], dt.date(2026, 7, 1))).partition_version == 3
    async with office.pool.acquire() as conn:
        await conn.execute("DELETE FROM population.partition WHERE version > 1")
    assert (await office.load(lecce()[:-5], dt.date(2026, 7, 2))).partition_version == 3


async def test_a_new_year_takes_the_partition_along(office: Office) -> None:
    """After a rollover the new log holds the document, and the next profile does not bring it again."""
    await office.queued(0)
    await office.release(MONDAY)
    begun = await epoch.rollover(office.pool, office.own, 2027, "anna", MONDAY)
    again = replace(office, own=begun)
    await again.queued(1)
    await again.release(MONDAY + dt.timedelta(days=7))
    async with office.pool.acquire() as conn:
        rows = await conn.fetch("SELECT body FROM log.body WHERE origin_id = $1 ORDER BY idx", begun.origin_id)
    assert sorted(orjson.loads(row["body"])["type"] for row in rows) == ["partition/1", "profile/1", "profile/1"]
    verdicts = await partitions.verify(office.pool, office.config.node.id)
    assert {(v.state, v.wrong) for v in verdicts} == {(partitions.SAME, False)}


@asynccontextmanager
async def two_offices(server: str, folder: Path) -> AsyncIterator[tuple[Town, Office, Town]]:
    """An office that publishes, and a node that follows it."""
    clock = Clock(NOW)
    async with federation(server, folder, clock, ["anna", "bruno"]) as (town, other):
        await register.load_register(
            town.node.pool, town.node.config, ChamberList(tuple(lecce()), (), 0), SNAPSHOT, NOW
        )
        found = intake.IntakeFile("template", "own.xlsx", bytes(32), 0, tuple(enrich(lecce(), count=10, seed=1)), 0, ())
        await intake.import_networks(town.node.pool, found, NOW, apply=True)
        async with town.node.pool.acquire() as conn:
            networks = list(await registry.read_records(conn))
        own = await runtime.current_own(town.node)
        yield town, Office(town.node.pool, town.node.config, own, networks), other


async def load(town: Town, rows: list[RegisterNetwork], day: dt.date = SNAPSHOT) -> None:
    """Load an edition at a node."""
    await register.load_register(town.node.pool, town.node.config, ChamberList(tuple(rows), (), 0), day, NOW)


async def test_a_peer_rebuilds_the_partition_bit_for_bit(server: str, tmp_path: Path) -> None:
    """Without the edition nothing is claimed; with it the partition is the same; with another one of that day it is said."""
    async with two_offices(server, tmp_path) as (_, office, other):
        for at in range(3):
            await office.queued(at)
        await office.release(NOW)
        await other.sync()
        (verdict,) = await partitions.verify(other.node.pool, "bruno", of="anna")
        assert (verdict.state, verdict.profiles, verdict.wrong) == (partitions.NO_EDITION, 3, False)
        await load(other, lecce()[:-1])
        (verdict,) = await partitions.verify(other.node.pool, "bruno", of="anna")
        assert (verdict.state, verdict.wrong) == (partitions.OTHER_EDITION, False)
        async with other.node.pool.acquire() as conn:
            await conn.execute("DELETE FROM population.partition")
            await conn.execute("DELETE FROM population.snapshot")
        await load(other, lecce())
        (verdict,) = await partitions.verify(other.node.pool, "bruno", of="anna")
        assert (verdict.state, verdict.astray, verdict.wrong) == (partitions.SAME, 0, False)
        assert await other.known() == 3


async def test_a_peer_that_bends_its_partition_is_found_out(server: str, tmp_path: Path) -> None:
    """A count moved from one leaf to another keeps the form, and is seen by whoever rebuilds."""
    async with two_offices(server, tmp_path) as (town, office, other):
        await office.queued(0)
        await office.release(NOW)
        _, built = await partitions.find(town.node.pool, "anna", None)
        fields = json.loads(built.document)
        leaves = [node for node in fields["nodes"] if "n" in node]
        leaves[0]["n"], leaves[1]["n"] = leaves[0]["n"] + 1, leaves[1]["n"] - 1
        forged = partitions.partition.load(partitions.partition.canonical({**fields, "version": 7}))
        item = "11111111-1111-4111-8111-111111111111"
        (part,) = partition_parts.parts_of(forged)
        await town.write(Operation(item, canonical.dumps({**part, "id": item})))
        await other.sync()
        await load(other, lecce())
        verdicts = {v.known.version: v for v in await partitions.verify(other.node.pool, "bruno", of="anna")}
        assert (verdicts[1].state, verdicts[1].wrong) == (partitions.SAME, False)
        assert (verdicts[7].state, verdicts[7].wrong) == (partitions.DIFFERS, True)


async def test_a_profile_with_labels_of_no_block_is_named(server: str, tmp_path: Path) -> None:
    """A peer's profile that shows a finer place than its block is found, with its identifier."""
    async with two_offices(server, tmp_path) as (town, office, other):
        await office.queued(0)
        await office.release(NOW)
        _, built = await partitions.find(town.node.pool, "anna", None)
        item = "22222222-2222-4222-8222-222222222222"
        block = built.blocks[0]
        labels = {n: {"level": label.level, "values": list(label.values)} for n, label in block.labels.items()}
        labels["territory"] = {"level": "COM", "values": ["075035"]}
        document = profile(1, id=item, owner="anna", labels=labels, kind=block.kind)
        document["partition"] = {"version": built.version, "digest": built.digest}
        await town.write(Operation(item, canonical.dumps(document)))
        await other.sync()
        await load(other, lecce())
        (verdict,) = await partitions.verify(other.node.pool, "bruno", of="anna")
        assert (verdict.state, verdict.astray, verdict.example, verdict.wrong) == (partitions.SAME, 1, item, True)


@pytest.mark.parametrize(
    ("change", "state"),
    [({"parts": 2}, partitions.INCOMPLETE), ({"nodes": [{"n": 8, "kind": "any", "s": []}] * 2}, partitions.MALFORMED)],
)
async def test_documents_that_are_no_partition_stop_nobody(
    change: dict[str, object], state: str, server: str, tmp_path: Path
) -> None:
    """A part that never comes, nodes that are no tree: the pull goes on, the administrator reads what it is."""
    async with two_offices(server, tmp_path) as (town, office, other):
        _, built = await partitions.find(town.node.pool, "anna", None)
        (part,) = partition_parts.parts_of(built)
        item = "33333333-3333-4333-8333-333333333333"
        await town.write(Operation(item, canonical.dumps({**part, "id": item, "digest": "0" * 64, **change})))
        await office.queued(0)
        await office.release(NOW)
        (report,) = await other.sync()
        assert report.error is None
        assert await other.known() == 1
        found = [v for v in await partitions.verify(other.node.pool, "bruno", of="anna") if v.known.digest == "0" * 64]
        assert [(v.state, v.wrong) for v in found] == [(state, state in partitions.WRONG)]


async def test_nothing_known_is_said(pool: Pool) -> None:
    """Before any register and any peer there is nothing to show or check."""
    for call in (partitions.verify(pool, "p_LE"), partitions.find(pool, "p_LE", None)):
        with pytest.raises(NotFoundError) as caught:
            await call
        assert caught.value.code == "partition-unknown"


async def test_outside_the_own_territory_nobody_hides_a_profile(pool: Pool, tmp_path: Path) -> None:
    """A scope of a whole region without a group counts only the own province's networks; with a group it counts all."""
    alone = replace(configured(), privacy=replace(configured().privacy, scope=("ITF4",)))
    together = replace(alone, privacy=replace(alone.privacy, group=("p_BR",)))
    rows = [row for row in national_south() if row.active]
    local = sum(row.province == "LE" for row in rows)
    await make_office(pool, lecce(), tmp_path)
    counts = []
    for config, day in ((alone, dt.date(2026, 1, 1)), (together, dt.date(2026, 1, 2))):
        await register.load_register(pool, config, ChamberList(tuple(rows), (), 0), day, NOW, accept_shrunk=True)
        async with pool.acquire() as conn:
            census = await standing.census_of(conn, config, await standing.read_partition(conn))
        counts.append((census.in_scope, sum(len(block) for block in census.blocks.values())))
    assert counts == [(len(rows), local), (len(rows), len(rows))]
    assert 0 < local < len(rows)


def national_south() -> list[RegisterNetwork]:
    """The generated list's contracts of one region."""
    return [row for row in national() if row.region == "ITF4"]


async def test_a_block_of_strangers_holds_the_profile(pool: Pool, tmp_path: Path) -> None:
    """Of a region of strangers and the own province, only blocks with k of the own networks show a profile."""
    config = replace(configured(), privacy=replace(configured().privacy, scope=("ITF4",)))
    office = replace(await make_office(pool, lecce(), tmp_path), config=config)
    # Four of the own province alone: whatever block they are in, the others in it are not this node's to publish.
    async with pool.acquire() as conn:
        mine = {row["register_id"] for row in await conn.fetch("SELECT register_id FROM registry.network LIMIT 4")}
    strangers = [row for row in national_south() if row.province != "LE"]
    rows = strangers + [row for row in lecce() if row.register_id in mine]
    await office.load(rows, dt.date(2026, 1, 1))
    codes = set()
    for at in range(10):
        try:
            await office.draft(at)
        except CallerError as error:
            codes.add(error.code)
    assert codes == {"block-too-small", "out-of-scope"}
    # The same networks are hidden well enough where the whole region is published together.
    grouped = replace(office, config=replace(config, privacy=replace(config.privacy, group=("p_BR",))))
    await grouped.load(rows[:-1] + rows[-1:], dt.date(2026, 1, 2))
    async with pool.acquire() as conn:
        census = await standing.census_of(conn, grouped.config, await standing.read_partition(conn))
    assert all(len(members) >= 5 for members in census.blocks.values())
