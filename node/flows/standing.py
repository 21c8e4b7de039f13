"""How profiles stand today: the census of their blocks in the newest edition of the public register.

In: a partition, or the profiles of a page. Out: counts, and why a profile is held. Nothing is written here.
Source: privacy.md P.3; the rules themselves are domain/release.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from node.config import Config
from node.domain import partition, release
from node.domain.partition import Partition
from node.domain.release import Census, Edition
from node.errors import N_, CallerError
from node.flows.versions import read_partition
from node.store import population, publication
from node.store.postgres import Connection, Pool, acquire
from node.store.publication import PublicationProfile
from node.store.reference import load_sectors, load_territories


async def census_of(conn: Connection, config: Config, built: Partition) -> Census:
    """Return where the newest edition's active networks stand in a partition, as far as they may be this node's.

    Those that the partition's own edition did not have there are left out (domain/release, rule 1).
    """
    territories = load_territories()
    provinces = partition.provinces_of(built.scope, territories)
    rows = await population.newest_networks(conn, provinces)
    previous_on = await population.previous_snapshot_day(conn)
    found = await _take(config, built, Edition(tuple(rows), previous_on))
    newest, own = await population.newest_snapshot(conn), await population.partition_version(conn, built.version)
    if newest is None or own is None or own.snapshot_id == newest.snapshot_id:
        return found
    before = await population.edition_networks(conn, own.snapshot_id, provinces)
    return found.throughout(await _take(config, built, Edition(tuple(before), None)))


async def _take(config: Config, built: Partition, edition: Edition) -> Census:
    # A whole country is a fraction of a second of work: a thread's, while the connection waits.
    owned = () if built.group else config.node.territory
    territories, sectors = load_territories(), load_sectors()
    return await asyncio.to_thread(release.take_census, built, edition, territories, sectors, territory=owned)


async def census_now(conn: Connection, config: Config, found: PublicationProfile) -> Census:
    """Return today's census of a profile's partition.

    Raises: CallerError(block-too-small | partition-missing) when too few active networks share the profile's block.
    """
    built = await read_partition(conn, found.partition_version)
    census = await census_of(conn, config, built)
    code = census.hold(found.block_id, config.privacy.k)
    if code is not None:
        raise CallerError(code, release.HOLDS[code], hint=N_("attendere la prossima edizione dell'elenco"))
    return census


async def candidates_now(conn: Connection, config: Config, found: PublicationProfile) -> int:
    """Return how many active networks share a profile's block today. Raises: as ``census_now``."""
    return (await census_now(conn, config, found)).members(found.block_id)


@dataclass(frozen=True, slots=True)
class BlockToday:
    """One block today: how many active networks, how many living own profiles show it, and why nothing may leave, if so."""

    candidates: int
    profiles: int
    held: str | None


async def blocks_today(pool: Pool, config: Config, built: Partition) -> dict[int, BlockToday]:
    """Return how each block of an own partition stands in the newest edition: firms dissolve, and blocks thin out."""
    async with acquire(pool) as conn, conn.transaction(readonly=True):
        census = await census_of(conn, config, built)
        shown = await publication.living_by_block(conn, built.version)
    return {
        block.block_id: BlockToday(
            census.members(block.block_id),
            shown.get(block.block_id, 0),
            census.hold(block.block_id, config.privacy.k),
        )
        for block in built.blocks
    }


async def list_profiles(
    conn: Connection, config: Config, *, state: str | None = None, after: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Return profiles as the store lists them, with ``candidates`` today and ``held``: why nothing more may leave.

    Of a withdrawn profile both are None.
    """
    profiles = await publication.list_profiles(conn, state=state, after=after, limit=limit)
    living = {p["partition_version"] for p in profiles if p["profile_state"] != "withdrawn"}
    counted = {
        version: await census_of(conn, config, await read_partition(conn, version)) for version in sorted(living)
    }
    found = []
    for item in profiles:
        held_code = item.pop("held_code")
        if item["profile_state"] == "withdrawn":
            found.append({**item, "candidates": None, "held": None})
            continue
        census = counted[item["partition_version"]]
        held = release.held_now(census.hold(item["block_id"], config.privacy.k), held_code)
        found.append({**item, "candidates": census.members(item["block_id"]), "held": held})
    return found


async def held_code(pool: Pool, profile_id: str) -> str | None:
    """Return why a queued version was held when its round came, None when it was not."""
    async with acquire(pool) as conn:
        version = await publication.open_version(conn, profile_id)
    return version.held_code if version is not None else None
