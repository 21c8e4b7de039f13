"""The public register by snapshot: rows come back, the newest edition says who is active, partitions keep their bytes."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import asyncpg
import pytest
from networks_made import NOW, code, listed, pair, read

from node.domain.register import RegisterNetwork
from node.store import population
from node.store.postgres import Connection

FIRST, SECOND = dt.date(2026, 6, 30), dt.date(2026, 11, 30)


def networks() -> tuple[RegisterNetwork, ...]:
    """Two contracts of the public list."""
    return read(*pair(), *pair(name="Rete Due", deed="78", day="20/09/2026")).networks


async def put(conn: Connection, day: dt.date, rows: tuple[RegisterNetwork, ...]) -> int:
    """Store one snapshot."""
    return await population.insert_snapshot(conn, rows, taken_on=day, digest=f"d{day}", now=NOW)


async def test_a_snapshot_comes_back_with_its_counts(conn: Connection) -> None:
    """Day, digest, contracts and firms; a day without a snapshot has none."""
    snapshot_id = await put(conn, FIRST, networks())
    found = await population.snapshot_on(conn, FIRST)
    assert found == population.Snapshot(snapshot_id, FIRST, f"d{FIRST}", 2, 4, NOW)
    assert await population.snapshot_on(conn, SECOND) is None
    rows = await conn.fetch("SELECT tax_code, is_reference FROM population.firm ORDER BY register_id, position")
    assert [(r["tax_code"], r["is_reference"]) for r in rows[:2]] == [(code(1), True), (code(2), False)]


async def test_a_contract_is_found_as_the_list_has_it(conn: Connection) -> None:
    """All but its firms, which nobody asks for here."""
    made = networks()
    await put(conn, FIRST, made)
    assert await population.find_network(conn, made[0].register_id) == replace(made[0], firms=())
    assert await population.find_network(conn, "nope") is None


async def test_who_is_missing_from_the_newest_list_is_no_longer_active(conn: Connection) -> None:
    """A contract that ceased stays known and is not published any more; one that returns is active again."""
    made = networks()
    await put(conn, FIRST, made)
    newest = await put(conn, SECOND, made[1:])
    gone, kept = [await population.find_network(conn, n.register_id) for n in made]
    assert gone is not None
    assert kept is not None
    assert (gone.active, kept.active) == (False, True)
    await population.delete_snapshot(conn, newest)
    back = await population.find_network(conn, made[0].register_id)
    assert back is not None
    assert back.active


async def test_the_newest_edition_speaks_whatever_was_loaded_last(conn: Connection) -> None:
    """An older list loaded later changes nothing about today."""
    made = networks()
    await put(conn, SECOND, (replace(made[0], name="Nome di oggi"),))
    await put(conn, FIRST, made)
    found = await population.find_network(conn, made[0].register_id)
    assert found is not None
    assert (found.name, found.active) == ("Nome di oggi", True)


async def test_what_a_census_depends_on_is_read_by_edition_and_province(conn: Connection) -> None:
    """The partition's own edition, the day of the one before, the newest; active contracts of a scope."""
    made = networks()
    first = await put(conn, FIRST, made)
    for version, snapshot in ((1, first), (2, await put(conn, SECOND, (replace(made[0], name="Altro"), replace(made[1], active=False))))):  # fmt: skip
        await population.insert_partition(
            conn, version=version, snapshot_id=snapshot, digest=str(version) * 64, document=b"{}", now=NOW
        )
    of_first, of_second = await population.editions_of(conn, 1), await population.editions_of(conn, 2)
    assert of_first is not None
    assert of_second is not None
    assert (of_first.snapshot_id, of_first.previous_on, of_second.previous_on) == (first, None, FIRST)
    assert (of_first.newest_id, of_first.newest_digest) == (of_second.snapshot_id, of_second.digest)
    assert await population.editions_of(conn, 3) is None
    for provinces in (None, ("LE", "BR")):
        found = await population.edition_networks(conn, of_second.snapshot_id, provinces)
        assert found == [replace(made[0], name="Altro", object_text="", firms=())]
    assert await population.edition_networks(conn, first, ("BR",)) == []
    assert await population.count_around(conn, ["ITF4"], [made[0].ateco[:2]], None) == 1
    assert await population.count_around(conn, ["ITF4"], [made[0].ateco[:2]], ["TA"]) == 0
    assert await population.count_around(conn, ["ITC1"], [made[0].ateco[:2]], None) == 0


async def test_partitions_keep_their_bytes_and_the_latest_version_leads(conn: Connection) -> None:
    """Older versions stay readable: published profiles stand on them."""
    snapshot_id = await put(conn, FIRST, networks())
    assert await population.latest_partition(conn) is None
    for version in (1, 2):
        await population.insert_partition(
            conn, version=version, snapshot_id=snapshot_id, digest=f"p{version}", document=bytes([version]), now=NOW
        )
    latest = await population.latest_partition(conn)
    assert latest == population.StoredPartition(2, snapshot_id, "p2", b"\x02", NOW)
    first = await population.partition_version(conn, 1)
    assert first is not None
    assert first.document == b"\x01"
    assert await population.partition_version(conn, 3) is None
    listed_snapshots = await population.list_snapshots(conn)
    assert [row["partition_version"] for row in listed_snapshots] == [1, 2]
    assert await population.profiles_from(conn, snapshot_id) == 0


async def test_deleting_a_snapshot_takes_its_rows_and_partitions(conn: Connection) -> None:
    """Nothing of a wrong edition remains, and nothing of another is touched."""
    wrong, right = await put(conn, FIRST, networks()), await put(conn, SECOND, networks())
    await population.insert_partition(conn, version=1, snapshot_id=wrong, digest="p", document=b"x", now=NOW)
    await population.delete_snapshot(conn, wrong)
    for table in ("snapshot", "network", "firm"):
        ids = await conn.fetch(f"SELECT DISTINCT snapshot_id FROM population.{table}")
        assert [row["snapshot_id"] for row in ids] == [right]
    assert await conn.fetchval("SELECT count(*) FROM population.partition") == 0


async def test_one_day_has_one_edition(conn: Connection) -> None:
    """And one edition has a contract once."""
    await put(conn, FIRST, networks())
    with pytest.raises(asyncpg.UniqueViolationError):
        await put(conn, FIRST, networks())
    twice = read(listed()).networks * 2
    with pytest.raises(asyncpg.UniqueViolationError):
        await put(conn, SECOND, twice)
