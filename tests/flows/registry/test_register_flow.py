"""The public register: generated, loaded by snapshot, partitioned; loading twice changes nothing, replacing is asked for."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from networks_made import NOW, pair, read, sheets

from node import config as configuration
from node.domain import partition
from node.domain.chamber import ChamberList
from node.domain.register import NetworkKind, RegisterNetwork
from node.errors import CallerError
from node.flows.profiles import partitions
from node.flows.registry import register
from node.store import population
from node.store.postgres import Pool
from node.store.spreadsheet import read_sheets, write_sheets

EXAMPLE = (Path(__file__).parents[3] / "nodes.example.toml").read_text("utf-8")
CONFIG = configuration.parse(EXAMPLE, file="x")
FIRST, SECOND = dt.date(2026, 6, 30), dt.date(2026, 10, 31)


def rows_of(count: int, **changes: object) -> ChamberList:
    """A list with ``count`` contracts of Lecce."""
    return read(*(row for n in range(count) for row in pair(deed=str(n), **changes)))


def without(found: ChamberList, count: int) -> ChamberList:
    """The same list without its last contracts."""
    return replace(found, networks=found.networks[:-count])


async def load(
    pool: Pool, found: ChamberList, day: dt.date = FIRST, *, swap: bool = False, shrunk: bool = False
) -> register.Loaded:
    """Load a snapshot at Provincia di Lecce."""
    return await register.load_register(pool, CONFIG, found, day, NOW, replace=swap, accept_shrunk=shrunk)


async def stand_on(pool: Pool, version: int) -> None:
    """Make a profile that carries labels of a partition."""
    network_id = uuid.uuid4()
    async with pool.acquire() as conn:
        await conn.execute(
            "INSERT INTO registry.network (network_id, status, name, name_key, kind, object_text, source, digest, updated_at)"
            " VALUES ($1, 'potential', 'n', 'n', 'contract', '', 'officer', $2, $3)",
            network_id,
            bytes(32),
            NOW,
        )
        await conn.execute(
            "INSERT INTO publication.profile (profile_id, network_id, register_id, partition_version, block_id, labels, created_at)"
            " VALUES ($1, $1, 'r', $3, 0, '{}', $2)",
            network_id,
            NOW,
            version,
        )


async def latest(pool: Pool) -> partition.Partition | None:
    """The partition that new profiles are drawn from."""
    async with pool.acquire() as conn:
        stored = await population.latest_partition(conn)
    return None if stored is None else partition.load(stored.document)


async def test_loading_stores_the_snapshot_and_its_partition(pool: Pool) -> None:
    """Counts of what was stored, version 1, every block large enough."""
    done = await load(pool, rows_of(20))
    assert (done.networks, done.firms, done.stored, done.partition_version, done.refusal) == (20, 40, True, 1, None)
    built = await latest(pool)
    assert built is not None
    assert (built.snapshot, built.scope, len(built.blocks)) == ("2026-06-30", ("LE",), done.blocks)
    assert all(block.count >= CONFIG.privacy.k_build for block in built.blocks)


async def test_loading_the_same_edition_again_changes_nothing(pool: Pool) -> None:
    """Also when its rows come in another order."""
    found = rows_of(20)
    await load(pool, found)
    again = await load(pool, replace(found, networks=found.networks[::-1]))
    assert (again.stored, again.partition_version) == (False, 1)


async def test_another_edition_of_the_same_day_is_refused_unless_it_replaces(pool: Pool) -> None:
    """Also one that differs only in a name; the hint says how."""
    found = rows_of(20)
    await load(pool, found)
    corrected = replace(found, networks=(replace(found.networks[0], name="Corretta"), *found.networks[1:]))
    with pytest.raises(CallerError) as caught:
        await load(pool, corrected)
    assert (caught.value.code, "--replace" in caught.value.hint) == ("snapshot-differs", True)
    done = await load(pool, corrected, swap=True)
    assert done.stored
    async with pool.acquire() as conn:
        known = await population.find_network(conn, found.networks[0].register_id)
    assert known is not None
    assert known.name == "Corretta"


async def test_an_edition_on_which_profiles_stand_is_not_replaced(pool: Pool) -> None:
    """Published labels must stay explainable."""
    await load(pool, rows_of(20))
    await stand_on(pool, 1)
    with pytest.raises(CallerError, match="snapshot-in-use"):
        await load(pool, rows_of(19), swap=True)
    assert (await load(pool, rows_of(20))).stored is False


async def test_a_newer_edition_makes_a_new_version_and_ends_who_is_missing(pool: Pool) -> None:
    """Old versions stay; a contract that is no longer listed is not active."""
    found = rows_of(20)
    await load(pool, found)
    done = await load(pool, without(found, 2), SECOND)
    assert (done.stored, done.partition_version) == (True, 2)
    async with pool.acquire() as conn:
        gone = await population.find_network(conn, found.networks[-1].register_id)
        assert await population.partition_version(conn, 1) is not None
    assert gone is not None
    assert not gone.active


async def test_an_older_edition_loaded_later_does_not_lead(pool: Pool) -> None:
    """It is kept for history and claims no partition; new profiles are drawn from the newest, which is named."""
    await load(pool, rows_of(20), SECOND)
    done = await load(pool, rows_of(30), FIRST)
    assert (done.stored, done.partition_version, done.blocks) == (True, None, 0)
    assert (done.superseded_by, done.partition_day) == (SECOND, "2026-10-31")
    built = await latest(pool)
    assert built is not None
    assert (built.version, built.snapshot) == (1, "2026-10-31")


async def test_an_older_edition_does_not_lead_where_the_newest_gave_no_partition(pool: Pool) -> None:
    """Today's networks are too few: those of some time ago say nothing against that."""
    await load(pool, rows_of(5), SECOND)
    done = await load(pool, rows_of(30), FIRST)
    assert (done.partition_version, done.superseded_by, done.partition_day) == (None, SECOND, None)
    assert await latest(pool) is None


async def test_a_day_to_come_is_refused_and_today_is_today_in_italy(pool: Pool) -> None:
    """A mistyped year would lead for ever; just after midnight in Rome the clock of the server still says yesterday."""
    with pytest.raises(CallerError) as caught:
        await load(pool, rows_of(20), dt.date(2099, 12, 31))
    assert caught.value.code == "snapshot-in-future"
    late = dt.datetime(2026, 11, 24, 23, 30, tzinfo=dt.UTC)
    done = await register.load_register(pool, CONFIG, rows_of(20), dt.date(2026, 11, 25), late)
    assert done.stored
    with pytest.raises(CallerError, match="snapshot-in-future"):
        await register.load_register(pool, CONFIG, rows_of(20), dt.date(2026, 11, 26), late)


async def test_a_list_that_lost_many_contracts_is_not_taken_for_today_s(pool: Pool) -> None:
    """Below seven in ten it is refused unless accepted; an older edition may be small, for it does not lead."""
    await load(pool, rows_of(20), FIRST)
    with pytest.raises(CallerError) as caught:
        await load(pool, rows_of(13), SECOND)
    what, _, hint = caught.value.render()
    assert (caught.value.code, "--accept-shrunk" in hint) == ("register-shrunk", True)
    assert what == "l'elenco ha 13 contratti in tutto, quello del 2026-06-30 ne ha 20: sembra incompleto"
    with pytest.raises(CallerError, match="register-shrunk"):
        await load(pool, rows_of(13), FIRST, swap=True)
    assert (await load(pool, rows_of(14), SECOND)).stored
    assert (await load(pool, rows_of(3), dt.date(2026, 1, 1))).superseded_by == SECOND
    assert (await load(pool, rows_of(3), dt.date(2026, 11, 1), shrunk=True)).stored


async def test_a_list_without_most_of_the_own_territory_is_refused(pool: Pool) -> None:
    """Its size in all may be right: what matters here is what lies in the node's scope."""
    elsewhere = read(*(row for n in range(100) for row in pair(deed=f"9{n}", pv="TO", place="TORINO")))
    whole = rows_of(20)
    await load(pool, replace(whole, networks=(*whole.networks, *elsewhere.networks)), FIRST)
    with pytest.raises(CallerError, match="nel territorio del nodo"):
        await load(pool, replace(whole, networks=(*whole.networks[:10], *elsewhere.networks)), SECOND)


async def test_an_edition_nothing_depends_on_can_be_removed(pool: Pool) -> None:
    """With its partition; the one before leads again, and the true edition can be loaded."""
    await load(pool, rows_of(20), FIRST)
    await load(pool, rows_of(40), SECOND)
    assert await register.remove_snapshot(pool, SECOND) == register.Removed(SECOND, FIRST, 1)
    assert (await load(pool, rows_of(22), SECOND)).partition_version == 2
    with pytest.raises(CallerError, match="snapshot-unknown"):
        await register.remove_snapshot(pool, dt.date(2020, 1, 1))


async def test_an_edition_in_use_is_not_removed(pool: Pool) -> None:
    """Profiles stand on it, or the newest edition has no partition and goes on with this one's."""
    await load(pool, rows_of(20), FIRST)
    await load(pool, rows_of(5), SECOND, shrunk=True)
    with pytest.raises(CallerError, match="snapshot-in-use"):
        await register.remove_snapshot(pool, FIRST)
    await register.remove_snapshot(pool, SECOND)
    await stand_on(pool, 1)
    with pytest.raises(CallerError, match="snapshot-in-use"):
        await register.remove_snapshot(pool, FIRST)
    assert await latest(pool) is not None


async def test_a_territory_with_too_few_networks_is_told_and_keeps_its_snapshot(pool: Pool) -> None:
    """Profiles are held, nothing fails; with more networks the partition comes."""
    done = await load(pool, rows_of(5))
    assert (done.stored, done.partition_version, done.blocks) == (True, None, 0)
    assert done.refusal
    assert "5" in done.refusal
    done = await load(pool, rows_of(20), SECOND)
    assert (done.partition_version, done.refusal) == (1, None)


async def test_a_load_cut_between_snapshot_and_partition_is_finished_by_the_next(pool: Pool) -> None:
    """What a crash just there leaves: rows without a partition, and nothing a second run cannot mend."""
    await load(pool, rows_of(20))
    async with pool.acquire() as conn:
        await conn.execute("DELETE FROM population.partition")
    done = await load(pool, rows_of(20))
    assert (done.stored, done.partition_version) == (False, 1)
    assert await latest(pool) is not None


def test_a_file_without_a_readable_contract_is_refused(tmp_path: Path) -> None:
    """An empty register would be no population."""
    path = tmp_path / "x.csv"
    write_sheets(path, sheets(*pair(day="mai")))
    with pytest.raises(CallerError, match="file-empty"):
        register.read_list(path)


@pytest.fixture(scope="module")
def national(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated register of a size that tests bear."""
    path = tmp_path_factory.mktemp("national") / "statistiche.xls"
    assert register.generate_file(path, contracts=800, seed=11) > 3000
    return path


def test_a_generated_register_is_read_whole(national: Path) -> None:
    """Every contract comes back, with the traps of the real list reported and none refused."""
    found = register.read_list(national)
    assert len(found.networks) == 800
    assert not [p for p in found.problems if p.fatal]
    assert Counter(p.code for p in found.problems)["tax-code-odd"] > 0
    kinds = Counter(n.kind for n in found.networks)
    assert 0.10 < kinds[NetworkKind.ENTITY] / 800 < 0.20
    numbers = Counter(n.deed_register_number for n in found.networks)
    assert max(numbers.values()) > 1


def test_the_same_seed_writes_the_same_list_in_every_format(national: Path, tmp_path: Path) -> None:
    """xls, xlsx and csv say the same contracts; another seed says others."""

    def facts(found: ChamberList) -> set[tuple[object, ...]]:
        return {_facts(n) for n in found.networks}

    expected = facts(register.read_list(national))
    for ending in ("xlsx", "csv"):
        path = tmp_path / f"elenco.{ending}"
        register.generate_file(path, contracts=800, seed=11)
        assert facts(register.read_list(path)) == expected
    register.generate_file(tmp_path / "altro.csv", contracts=800, seed=12)
    assert facts(register.read_list(tmp_path / "altro.csv")) != expected


def _facts(network: RegisterNetwork) -> tuple[object, ...]:
    # A single sheet cannot tell entities apart.
    return (network.register_id, network.name, network.municipality, network.ateco, network.members, network.theme)


def test_the_layout_is_the_chambers(national: Path) -> None:
    """Two sheets, eighteen and twenty columns, dates as text, ATECO without dots."""
    found = read_sheets(national)
    assert list(found) == ["Elenco", "Sogg. Giu."]
    header, row = found["Elenco"][0], found["Elenco"][1]
    assert (len(header), len(found["Sogg. Giu."][0])) == (18, 20)
    assert header[:5] == ["progr.", "denominazione contratto", "data atto", "numero repertorio", "numero atto"]
    assert str(row[2]).count("/") == 2
    assert "." not in str(row[14])


def test_a_format_that_cannot_be_written_is_said_and_leaves_no_file(tmp_path: Path) -> None:
    """Before anything is generated."""
    with pytest.raises(CallerError) as caught:
        register.generate_file(tmp_path / "x.pdf", contracts=1, seed=1)
    assert caught.value.code == "file-type-unknown"
    assert list(tmp_path.iterdir()) == []


async def test_a_slow_load_of_an_older_edition_does_not_lead(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two loads at once, the older one written last: new profiles stand on the newest edition all the same."""
    made, go = partitions.build_for, asyncio.Event()

    async def slow(pool: Pool, config: configuration.Config, networks: Sequence[RegisterNetwork], snapshot: int, day: dt.date, now: dt.datetime) -> object:  # fmt: skip
        if day == FIRST:
            await go.wait()
        return await made(pool, config, networks, snapshot, day, now)

    monkeypatch.setattr(partitions, "build_for", slow)
    older = asyncio.create_task(load(pool, rows_of(40)))
    await asyncio.sleep(0.3)
    newer = await load(pool, rows_of(39), SECOND, shrunk=True)
    go.set()
    late = await older
    assert late.partition_version is not None
    assert newer.partition_version is not None
    assert late.partition_version > newer.partition_version
    async with pool.acquire() as conn:
        latest = await population.latest_partition(conn)
    assert latest is not None
    assert latest.version == newer.partition_version
