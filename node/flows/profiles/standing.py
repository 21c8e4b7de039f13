"""How profiles stand today: how many networks could be behind each, and why one may not leave.

In: a profile or a partition. Out: counts, and the code under which something is held. Nothing is written here. Who counts are
the networks of the partition's own edition that are still active and alike: one that came later had no place in that
partition.
Source: docs/rules.md P.3; the rules themselves are domain/release.py, those of aggregations not yet signed domain/potential.py.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.config import Config
from node.domain import network, partition, potential, release
from node.domain.partition import Partition
from node.domain.release import Census, Edition, Standing
from node.errors import N_, CallerError
from node.flows.profiles.versions import read_partition
from node.store import population, publication, registry
from node.store.population import Editions
from node.store.postgres import Connection, Pool, acquire
from node.store.publication import DueVersion, PublicationProfile
from node.store.reference import load_sectors, load_territories

# One per partition that is in use, and one for its newest edition.
KEPT = 16
_counted: OrderedDict[tuple[object, ...], Census] = OrderedDict()


async def census_of(conn: Connection, config: Config, built: Partition) -> Census:
    """Return which networks of a partition's edition still stand where they stood, as far as they may be this node's.

    The same editions give the same census: it is kept under what it was made of.
    """
    editions = await population.editions_of(conn, built.version)
    if editions is None:
        # Built and not stored: nobody stands in it.
        return Census({}, 0, built.k, built.k_build, None)
    # A profile names its owner, and everybody knows its territory (release, rule 6).
    owned = () if built.group else config.node.territory
    key = (built.digest, editions.digest, editions.newest_digest, editions.previous_on, owned)
    found = _counted.get(key)
    if found is None:
        found = _counted[key] = await _take(conn, built, editions, owned)
        while len(_counted) > KEPT:
            _counted.popitem(last=False)
    _counted.move_to_end(key)
    return found


async def _take(conn: Connection, built: Partition, editions: Editions, owned: Sequence[str]) -> Census:
    territories, sectors = load_territories(), load_sectors()
    provinces = partition.provinces_of(built.scope, territories)

    async def count(snapshot_id: int) -> Census:
        rows = await population.edition_networks(conn, snapshot_id, provinces)
        edition = Edition(tuple(rows), editions.previous_on)
        # A whole country is a fraction of a second of work: a thread's, while the connection waits.
        return await asyncio.to_thread(release.take_census, built, edition, territories, sectors, territory=owned)

    newest = await count(editions.newest_id)
    if editions.snapshot_id == editions.newest_id:
        return newest
    # Who was not there when the partition was made is not behind its profiles (release, rule 1).
    return newest.throughout(await count(editions.snapshot_id))


async def stand_of(
    conn: Connection, config: Config, found: PublicationProfile | DueVersion, built: Partition
) -> Standing:
    """Return how a profile of partition ``built`` stands today."""
    if found.potential:
        return await _stand_potential(conn, config, found)
    census = await census_of(conn, config, built)
    members = census.blocks.get(found.block_id, {})
    held = census.hold(found.block_id, config.privacy.k)
    if held is None and found.register_id not in members:
        # Nobody looks for it among the others any more.
        held = release.NETWORK_CEASED
    if held is None and (await registry.status_of(conn, found.network_id))[0] == network.CLOSED:
        # Its own office knows before the register does.
        held = release.NETWORK_CEASED
    return Standing(census.members(found.block_id), max(config.privacy.k, built.k), held, members)


async def _stand_potential(conn: Connection, config: Config, found: PublicationProfile | DueVersion) -> Standing:
    """Return how many listed networks stand where a potential aggregation is said to be, and whether it still is one."""
    status, register_id = await registry.status_of(conn, found.network_id)
    candidates = await count_around(conn, config, found.labels["territory"]["values"], found.labels["sector"]["values"])
    listed = register_id is not None and await population.find_network(conn, register_id) is not None
    held = None
    if status not in potential.STATUSES or listed:
        held = release.POTENTIAL_OVER
    elif candidates < config.privacy.k:
        held = release.BLOCK_TOO_SMALL
    return Standing(candidates, config.privacy.k, held, ())


async def count_around(conn: Connection, config: Config, regions: Sequence[str], sections: Sequence[str]) -> int:
    """Return how many networks of the newest edition are in some regions and sections, as far as they may be this node's."""
    divisions = [division for section in sections for division in load_sectors().children(section)]
    provinces = partition.provinces_of(config.node.territory, load_territories())
    return await population.count_around(conn, regions, divisions, provinces)


async def stand_now(conn: Connection, config: Config, found: PublicationProfile) -> Standing:
    """Return how a profile stands today.

    Raises: CallerError block-too-small, partition-missing, network-ceased, potential-over when nothing of it may leave.
    """
    standing = await stand_of(conn, config, found, await read_partition(conn, found.partition_version))
    if standing.held is not None:
        waits = standing.held in (release.BLOCK_TOO_SMALL, release.PARTITION_MISSING)
        hint = N_("attendere la prossima edizione dell'elenco") if waits else ""
        raise CallerError(standing.held, release.HOLDS[standing.held], hint=hint)
    return standing


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
    found = []
    built: dict[int, Partition] = {}
    for item in await publication.list_profiles(conn, state=state, after=after, limit=limit):
        noted, version = item.pop("held_code"), item["partition_version"]
        if item["profile_state"] == "withdrawn":
            found.append({**item, "candidates": None, "held": None})
            continue
        if version not in built:
            built[version] = await read_partition(conn, version)
        stands = await stand_of(conn, config, _identity(item), built[version])
        found.append({**item, "candidates": stands.candidates, "held": release.held_now(stands.held, noted)})
    return found


def _identity(item: Mapping[str, Any]) -> PublicationProfile:
    names = ("profile_id", "network_id", "register_id", "partition_version", "block_id", "labels", "potential")
    return PublicationProfile(**{name: item[name] for name in names}, state=item["profile_state"])


async def held_code(pool: Pool, profile_id: str) -> str | None:
    """Return why a queued version was held when its round came, None when it was not."""
    async with acquire(pool) as conn:
        version = await publication.open_version(conn, profile_id)
    return version.held_code if version is not None else None
