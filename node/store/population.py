"""The public register by snapshot, and the partitions built from it.

In: networks as domain/chamber read them. Out: rows, and the rows back. Snapshots are loaded by COPY and never edited.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from node.domain.redaction.dictionary import Term
from node.domain.register import NetworkKind, RegisterNetwork
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("population")
COPY_TIMEOUT_S = 300
_NETWORK_COLUMNS = (
    "snapshot_id", "register_id", "deed_register_number", "deed_number", "registered_on", "name", "kind", "object_text",
    "municipality", "municipality_name", "province", "region", "macro", "ateco", "members", "theme", "active",
)  # fmt: skip
_FIRM_COLUMNS = (
    "snapshot_id", "register_id", "position", "tax_code", "name", "rea", "is_reference", "municipality", "municipality_name",
    "province", "legal_form", "ateco",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One loaded edition of the public register."""

    snapshot_id: int
    taken_on: dt.date
    digest: str
    networks: int
    firms: int
    loaded_at: dt.datetime


@dataclass(frozen=True, slots=True)
class StoredPartition:
    """One partition as it is published: its version, its snapshot, its bytes."""

    version: int
    snapshot_id: int
    digest: str
    document: bytes
    built_at: dt.datetime


async def snapshot_on(conn: Connection, day: dt.date) -> Snapshot | None:
    """Return the snapshot of a day."""
    row = await conn.fetchrow(QUERIES["snapshot_on"], day)
    return None if row is None else Snapshot(**dict(row))


async def newest_snapshot(conn: Connection) -> Snapshot | None:
    """Return the edition that speaks of today."""
    row = await conn.fetchrow(QUERIES["newest_snapshot"])
    return None if row is None else Snapshot(**dict(row))


async def count_networks(conn: Connection, snapshot_id: int, provinces: Sequence[str] | None) -> int:
    """Return how many active contracts an edition has in some provinces (None: all)."""
    wanted = None if provinces is None else list(provinces)
    count: int = await conn.fetchval(QUERIES["count_networks"], snapshot_id, wanted, timeout=COPY_TIMEOUT_S)
    return count


async def editions(conn: Connection) -> list[Snapshot]:
    """Return all loaded editions, oldest first."""
    return [Snapshot(**dict(row)) for row in await conn.fetch(QUERIES["editions"])]


async def list_snapshots(conn: Connection) -> list[dict[str, object]]:
    """Return all snapshots, oldest first, with the versions of their partitions."""
    return [dict(row) for row in await conn.fetch(QUERIES["list_snapshots"])]


async def insert_snapshot(
    conn: Connection, networks: Sequence[RegisterNetwork], *, taken_on: dt.date, digest: str, now: dt.datetime
) -> int:
    """Store one snapshot and return its id."""
    firms = sum(len(network.firms) for network in networks)
    snapshot_id: int = await conn.fetchval(QUERIES["insert_snapshot"], taken_on, digest, len(networks), firms, now)
    rows = (
        (
            snapshot_id, n.register_id, n.deed_register_number, n.deed_number, n.registered_on, n.name, n.kind.value,
            n.object_text, n.municipality, n.municipality_name, n.province, n.region, n.macro, n.ateco, n.members, n.theme,
            n.active,
        )
        for n in networks
    )  # fmt: skip
    await conn.copy_records_to_table(
        "network", schema_name="population", columns=_NETWORK_COLUMNS, records=rows, timeout=COPY_TIMEOUT_S
    )
    members = (
        (
            snapshot_id, n.register_id, position, f.tax_code, f.name, f.rea, f.is_reference, f.municipality,
            f.municipality_name, f.province, f.legal_form, f.ateco,
        )
        for n in networks
        for position, f in enumerate(n.firms)
    )  # fmt: skip
    await conn.copy_records_to_table(
        "firm", schema_name="population", columns=_FIRM_COLUMNS, records=members, timeout=COPY_TIMEOUT_S
    )
    return snapshot_id


async def profiles_from(conn: Connection, snapshot_id: int) -> int:
    """Return how many profiles carry labels of a snapshot's partitions."""
    count: int = await conn.fetchval(QUERIES["published_from_snapshot"], snapshot_id)
    return count


async def delete_snapshot(conn: Connection, snapshot_id: int) -> None:
    """Delete a snapshot with its partitions; the caller made sure that no profile stands on them."""
    await conn.execute(QUERIES["delete_partitions"], snapshot_id)
    await conn.execute(QUERIES["delete_snapshot"], snapshot_id, timeout=COPY_TIMEOUT_S)


def _partition(row: asyncpg.Record | None) -> StoredPartition | None:
    return None if row is None else StoredPartition(**dict(row))


async def latest_partition(conn: Connection) -> StoredPartition | None:
    """Return the partition that new profiles are drawn from."""
    return _partition(await conn.fetchrow(QUERIES["latest_partition"]))


async def partition_version(conn: Connection, version: int) -> StoredPartition | None:
    """Return one partition."""
    return _partition(await conn.fetchrow(QUERIES["partition_version"], version))


async def list_partitions(conn: Connection) -> list[StoredPartition]:
    """Return all partitions that were built here, oldest first."""
    return [StoredPartition(**dict(row)) for row in await conn.fetch(QUERIES["list_partitions"])]


async def insert_partition(
    conn: Connection, *, version: int, snapshot_id: int, digest: str, document: bytes, now: dt.datetime
) -> None:
    """Store a partition under the next version."""
    await conn.execute(QUERIES["insert_partition"], version, snapshot_id, digest, document, now)


def _network(row: asyncpg.Record) -> RegisterNetwork:
    values = dict(row)
    return RegisterNetwork(**{**values, "kind": NetworkKind(values["kind"])}, firms=())


async def find_network(conn: Connection, register_id: str) -> RegisterNetwork | None:
    """Return a contract as its newest snapshot has it, without its firms."""
    row = await conn.fetchrow(QUERIES["find_network"], register_id)
    return None if row is None else _network(row)


@dataclass(frozen=True, slots=True)
class Editions:
    """What the census of a partition depends on: its own edition, the newest one, and the day of the one before its own."""

    snapshot_id: int
    digest: str
    newest_id: int
    newest_digest: str
    previous_on: dt.date | None


async def editions_of(conn: Connection, version: int) -> Editions | None:
    """Return the editions that a partition's census is taken from."""
    row = await conn.fetchrow(QUERIES["editions_of"], version)
    return None if row is None else Editions(**dict(row))


async def count_around(
    conn: Connection, regions: Sequence[str], divisions: Sequence[str], provinces: Sequence[str] | None
) -> int:
    """Return how many active contracts the newest edition has in some regions, divisions and provinces (None: all)."""
    wanted = None if provinces is None else list(provinces)
    count: int = await conn.fetchval(QUERIES["count_around"], list(regions), list(divisions), wanted)
    return count


async def edition_networks(
    conn: Connection, snapshot_id: int, provinces: Sequence[str] | None
) -> list[RegisterNetwork]:
    """Return an edition's active contracts in some provinces (None: all), without texts and firms."""
    wanted = None if provinces is None else list(provinces)
    rows = await conn.fetch(QUERIES["edition_networks"], snapshot_id, wanted, timeout=COPY_TIMEOUT_S)
    return [_network(row) for row in rows]


async def newest_objects(conn: Connection, register_ids: Sequence[str]) -> dict[str, str]:
    """Return the public objects of some contracts by register id; those the newest edition does not have are missing."""
    rows = await conn.fetch(QUERIES["newest_objects"], list(register_ids))
    return {row["register_id"]: row["object_text"] for row in rows}


async def count_erasures(conn: Connection) -> int:
    """Return how many erasures there were: each may have taken names out of editions."""
    return int(await conn.fetchval(QUERIES["count_erasures"]))


async def listed_terms(conn: Connection, provinces: Sequence[str] | None) -> list[Term]:
    """Return the names and codes of the newest edition's firms and contracts in some provinces (None: all)."""
    wanted = None if provinces is None else list(provinces)
    rows = await conn.fetch(QUERIES["listed_terms"], wanted, timeout=COPY_TIMEOUT_S)
    return [Term(row["kind"], row["text"]) for row in rows]
