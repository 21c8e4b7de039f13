"""What hangs together on the way to a network: an aggregation, the network that it becomes, its case files, its profile.

In: an aggregation, or a network of the registry; the pool. Out: the others, as rows. Why: whoever is at one of them goes on to the next
without looking for it. A case file that was opened for an aggregation is its network's too, once there is one. Source: docs/programme.md 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.store import aggregations, cases, publication
from node.store.aggregations import Aggregation
from node.store.cases import CaseRow, Sought
from node.store.postgres import Connection, Pool, acquire

CASES_MAX = 50


@dataclass(frozen=True, slots=True)
class Linked:
    """``aggregation``: None where there is none; the newest case files; ``profile_id`` of the profile that is not withdrawn, None for none."""

    aggregation: Aggregation | None
    cases: Sequence[CaseRow]
    profile_id: str | None


async def of_aggregation(pool: Pool, found: Aggregation) -> Linked:
    """Return what hangs together with an aggregation."""
    async with acquire(pool) as conn:
        if found.network_id is None:
            return Linked(
                found, await cases.list_cases(conn, Sought(aggregation_id=found.aggregation_id), CASES_MAX), None
            )
        return await _of(conn, found, found.network_id)


async def of_network(pool: Pool, network_id: str) -> Linked:
    """Return what hangs together with a network of the registry, given by its whole id."""
    async with acquire(pool) as conn:
        key = await aggregations.of_network(conn, network_id)
        found = None if key is None else await aggregations.read_aggregation(conn, key)
        return await _of(conn, found, network_id)


async def _of(conn: Connection, found: Aggregation | None, network_id: str) -> Linked:
    living = await publication.living_profile(conn, network_id)
    files = await cases.list_cases(conn, Sought(network_id=network_id), CASES_MAX)
    return Linked(found, files, None if living is None else living.profile_id)
