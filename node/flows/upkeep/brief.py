"""The node in a few lines: what runs, how its log and the others' stand, what comes next, the doctor's lights.

In: what the doctor has seen and found, how the federation stands, what the serving process answers to a probe. Out: one value. Rules: every
fact comes from the function that the pages and the doctor have it from; what comes next is what the database and the configuration know:
the turns of the jobs are known to the process that runs them alone. docs/administration.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from node.domain.rounds import next_round
from node.errors import ReteError
from node.flows.logs.own_log import OwnState
from node.flows.searching.overview import Body, Overview
from node.flows.upkeep.backup_shelf import EVERY, Shelf
from node.flows.upkeep.findings import AREAS, OK, Finding, Seen, worst
from node.peers.client import OK as ANSWERED
from node.peers.client import PeerClient
from node.store.backup_folder import Copy

READYZ: Final = "/readyz"
UNREADY: Final = 503
PROBE_MAX_BYTES: Final = 10_000
RUNS, STANDS, UNREADY_YET = "running", "stopped", "unready"


@dataclass(frozen=True, slots=True)
class Serving:
    """Whether a process serves this node: ``state`` running, unready (for these reasons) or stopped (nobody answers)."""

    state: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Next:
    """What happens by itself, and when: ``what`` release, pull, backup or trial."""

    what: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Light:
    """One area of the doctor: its level, and the codes of what is not well."""

    area: str
    level: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Brief:
    """The node in a few lines."""

    serving: Serving
    log: OwnState | None
    others: tuple[Body, ...]
    late: tuple[Body, ...]
    profiles: int
    own_profiles: int
    backup: Copy | None
    next: tuple[Next, ...]
    lights: tuple[Light, ...]

    @property
    def level(self) -> str:
        """The light that stands for all."""
        levels = [light.level for light in self.lights]
        return next((level for level in ("danger", "warning") if level in levels), OK)


async def ask(client: PeerClient) -> Serving:
    """Ask the process that serves this node, on this machine, whether it is ready."""
    try:
        reply = await client.get(READYZ, max_bytes=PROBE_MAX_BYTES, allow=(ANSWERED, UNREADY))
        told = orjson.loads(reply.body)
        reasons = tuple(str(code)[:64] for code in told["reasons"])
    except (ReteError, ValueError, TypeError, KeyError):
        return Serving(STANDS)
    return Serving(UNREADY_YET if reasons else RUNS, reasons)


def tell(seen: Seen, found: Sequence[Finding], stood: Overview, serving: Serving) -> Brief:
    """Return the node in a few lines."""
    others = tuple(body for body in stood.bodies if not body.is_own)
    shelf = seen.backups if isinstance(seen.backups, Shelf) else None
    return Brief(
        serving=serving,
        log=seen.log if isinstance(seen.log, OwnState) else None,
        others=others,
        late=tuple(body for body in stood.behind if not body.is_own),
        profiles=stood.profiles,
        own_profiles=sum(body.profiles for body in stood.bodies if body.is_own),
        backup=shelf.newest if shelf else None,
        next=tuple(sorted(_next(seen, shelf), key=lambda one: (one.at, one.what))),
        lights=tuple(_light(area, [one for one in found if one.area == area]) for area in AREAS),
    )


def _light(area: str, found: Sequence[Finding]) -> Light:
    return Light(area, worst(found), tuple(dict.fromkeys(one.code for one in found if one.level != OK)))


def _next(seen: Seen, shelf: Shelf | None) -> list[Next]:
    period = seen.config.privacy.round
    day = next_round(seen.now.date(), period)
    found = [Next("release", dt.datetime.combine(day, dt.time(), dt.UTC))] if day > seen.now.date() else []
    pulls = [peer.row.next_pull_at for peer in seen.peers if not peer.row.is_own and peer.row.next_pull_at]
    found += [Next("pull", min(pulls))] if pulls else []
    if shelf is not None:
        newest, tried = shelf.newest, shelf.tried
        found.append(Next("backup", newest.made_at + EVERY if newest else seen.now))
        every = dt.timedelta(days=seen.config.backup.verify_days)
        if every and newest:
            found.append(Next("trial", tried.checked.at + every if tried and tried.checked else seen.now))
    return found
