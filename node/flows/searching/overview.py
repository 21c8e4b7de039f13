"""How the federation stands as seen from this node: whose logs it holds, how many profiles of each, which are current.

In: a pool, the time. Out: values, the same for the page and for ``/status``. Rules: only what every member may know of another;
what a pull's error said stays with the administrator. Source: PROTOCOL 6 (staleness).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from node.flows.searching.currency import is_current
from node.flows.searching.engines import snapshot
from node.store import cooperation, indexing, origins, own_log
from node.store.origins import Origin
from node.store.postgres import Connection, Pool

# Its node's profiles are hidden, though some are held until the term has passed.
SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Standing:
    """The logs this node knows, and how long its own signed one is; ``own`` is empty before it has one."""

    own: str
    signed_size: int
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """One log of a body of the federation; ``grown_at`` is when it last grew here, None if never."""

    id: str
    name: str
    origin: str
    is_own: bool
    state: str
    is_current: bool
    entries: int
    profiles: int
    grown_at: dt.datetime | None
    witnessed_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """All logs, the own one first, and what they hold together."""

    bodies: tuple[Body, ...]

    @property
    def profiles(self) -> int:
        """How many profiles this node can find."""
        return sum(body.profiles for body in self.bodies)

    @property
    def members(self) -> dict[str, str]:
        """The name of each body by its id."""
        return {body.id: body.name for body in reversed(self.bodies)}

    @property
    def behind(self) -> tuple[Body, ...]:
        """The logs whose newest state this node does not have."""
        return tuple(body for body in self.bodies if not body.is_current and body.state != SUSPENDED)

    @property
    def suspended(self) -> tuple[Body, ...]:
        """The logs that are hidden here, their node being suspended."""
        return tuple(body for body in self.bodies if body.state == SUSPENDED)


async def standing(conn: Connection) -> Standing:
    """Return the logs as they stand."""
    own = await own_log.current(conn)
    signed = None if own is None else await own_log.signed_latest(conn, own.origin_id)
    return Standing(own.origin if own else "", signed.size if signed else 0, tuple(await origins.list_origins(conn)))


async def read(pool: Pool, now: dt.datetime) -> Overview:
    """Return how the federation stands now."""
    async with snapshot(pool) as conn:
        stood = await standing(conn)
        profiles = await cooperation.count_by_origin(conn)
        current = {
            item.origin: is_current(item, now) for item in (await indexing.opening(conn, "", asked=False)).health
        }
    return Overview(
        tuple(
            Body(
                id=origin.owner,
                name=origin.name,
                origin=origin.origin,
                is_own=origin.is_own,
                state=origin.state,
                # A log that another one follows is whole.
                is_current=current.get(origin.origin, True),
                entries=origin.size,
                profiles=0 if origin.state == SUSPENDED else profiles.get(origin.origin_id, 0),
                grown_at=origin.advanced_at,
                witnessed_at=origin.witnessed_at,
            )
            for origin in stood.origins
        )
    )
