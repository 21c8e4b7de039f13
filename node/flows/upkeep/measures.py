"""What a node tells Prometheus of itself: its logs, its jobs, its database, its backups, its process.

In: what the doctor looks at, what the process counted, the time. Out: families of node/exposition.py. Rules:
ids of members, years, names of jobs and states are labels, and nothing else: no name, no address, no word that anybody typed; whatever can't
be read is left out, and ``rete_database_up`` says why most of it is missing. docs/monitoring.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

import structlog

from node import exposition
from node.errors import ReteError
from node.exposition import Family, gauge, one
from node.flows.logs import own_log
from node.flows.logs.append import OwnLog
from node.flows.logs.board import SUSPENDED, state_of
from node.flows.logs.own_log import OwnState
from node.flows.trust import agreement_board
from node.flows.upkeep import checkup
from node.flows.upkeep.backup_shelf import Shelf
from node.flows.upkeep.checkup import Place
from node.flows.upkeep.jobs import Schedule
from node.meters import Meters
from node.store import doctor, indexing, origins, outbox, process
from node.store.doctor import Server
from node.store.indexing import State
from node.store.origins import Origin
from node.store.outbox import Box
from node.store.postgres import DATABASE_AWAY, acquire
from node.store.replica import Replica
from node.version import VERSION

logger = structlog.get_logger()
READ_S: Final = 8.0
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the numbers of a node come from; ``own`` says which log it writes now, ``schedule`` what its jobs do, if this process runs them."""

    place: Callable[[], Place]
    meters: Meters
    own: Callable[[], Awaitable[OwnLog]]
    clock: Callable[[], dt.datetime]
    schedule: Callable[[], Schedule | None] | None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the database said."""

    server: Server
    log: OwnState | None
    logs: tuple[Origin, ...]
    boxes: tuple[Box, ...]
    index: State
    expires: dt.datetime | None


async def read(reading: Reading) -> list[Family]:
    """Return all numbers, within ``READ_S`` seconds; those of the database are missing where it does not answer."""
    now, place = reading.clock(), reading.place()
    seen = None
    try:
        async with asyncio.timeout(READ_S):
            seen = await _look(place, await reading.own())
    except (*DATABASE_AWAY, TimeoutError, OSError, ReteError) as error:
        logger.warning("metrics.database_unread", reason=getattr(error, "code", type(error).__name__))
    pool = place.pool
    idle = pool.get_idle_size()
    return [
        *reading.meters.families(),
        gauge("rete_build_info", "The program's version.", [({"version": VERSION}, 1)]),
        one("rete_database_up", "1: the database answered.", int(seen is not None)),
        gauge("rete_database_pool_connections", "Connections to the database that are open, by state.", [({"state": "idle"}, idle), ({"state": "used"}, pool.get_size() - idle)]),
        one("rete_database_pool_limit", "How many connections may be open.", pool.get_max_size()),
        *(_of_replica(place.replica) if place.replica is not None else []),
        *(_of_database(seen, now) if seen else []),
        *_of_jobs(reading.schedule() if reading.schedule else None, now),
        *await _of_backups(place, now),
        *await _of_machine(place, now),
    ]  # fmt: skip


async def _look(place: Place, own: OwnLog) -> _Seen:
    pool = place.pool
    log: OwnState | None = None
    try:
        log = await own_log.read(pool, own, place.membership)
    except ReteError as error:
        # The doctor tells what is wrong with it; the others' logs are read all the same.
        logger.warning("metrics.log_unread", code=error.code)
    async with acquire(pool) as conn:
        standing = await agreement_board.standing(conn)
        return _Seen(
            server=await doctor.server(conn),
            log=log,
            logs=tuple(row for row in await origins.list_origins(conn) if not row.is_own),
            boxes=tuple(await outbox.boxes(conn)),
            index=await indexing.state(conn),
            expires=standing.agreement.expires if standing else None,
        )


def _of_database(seen: _Seen, now: dt.datetime) -> Iterator[Family]:
    yield one("rete_database_bytes", "Size of the database.", seen.server.bytes)
    yield from _of_own_log(seen.log, now)
    yield from _of_logs(seen.logs, now)
    state = seen.index
    lag = _since(state.at, now) if state.token and state.is_behind else 0.0
    yield one("rete_index_lag_seconds", "For how long the index of searches is behind the database.", lag)
    waiting = [(({"peer": box.peer}), box) for box in seen.boxes]
    yield gauge(
        "rete_outbox_messages",
        "Sealed messages that a member has not collected.",
        [(peer, box.waiting) for peer, box in waiting],
    )
    yield gauge(
        "rete_outbox_oldest_seconds",
        "For how long the oldest of them has waited.",
        [(peer, _since(box.oldest, now)) for peer, box in waiting],
    )
    if seen.expires is not None:
        yield one("rete_agreement_expiry_days", "Days until the agreement ends; negative: it is over.", (seen.expires - now).total_seconds() / DAY_S)  # fmt: skip


def _of_replica(found: Replica) -> Iterator[Family]:
    sight = found.sight
    yield gauge("rete_replica_state", "1 for the state of the read replica.", [({"state": sight.state}, 1)])
    yield one(
        "rete_replica_lag_seconds",
        "For how long something has been written that the read replica does not have.",
        sight.lag_s,
    )
    yield one("rete_replica_lag_bytes", "How much of what was written the read replica does not have.", sight.lag_bytes)
    yield exposition.counter(
        "rete_replica_reads",
        "Readings that the read replica may answer, by who did: replica, or why the primary.",
        [({"answered": why}, count) for why, count in sorted(found.read.items())],
    )


def _of_own_log(log: OwnState | None, now: dt.datetime) -> Iterator[Family]:
    if log is None:
        return
    row, signed = log.row, log.signed.size if log.signed else 0
    yield one("rete_own_log_entries", "Entries of the own log.", row.size)
    yield one("rete_own_log_signed_entries", "Entries of the own log that its newest signature covers.", signed)
    yield one(
        "rete_own_log_unsigned_seconds",
        "For how long entries have waited to be signed.",
        _since(row.advanced_at, now) if row.size > signed else 0.0,
    )
    yield one(
        "rete_own_log_witnessed_entries",
        "Entries of the own log for which a quorum of witnesses vouches.",
        row.witnessed_size,
    )
    yield one(
        "rete_own_log_fenced", "1: nothing may be signed until the log has been recovered.", int(row.state == "fenced")
    )


def _of_logs(logs: tuple[Origin, ...], now: dt.datetime) -> Iterator[Family]:
    # One that moved to another address has two logs of a year: the newest is last.
    rows = {(row.owner, row.origin.rpartition("/")[2]): row for row in logs}
    told = [({"peer": peer, "epoch": epoch}, row) for (peer, epoch), row in rows.items()]
    live = [(labels, row) for labels, row in told if row.state not in ("frozen", SUSPENDED)]
    yield gauge(
        "rete_log_lag_seconds",
        "Seconds since it was last confirmed that nothing newer of a member's log is missing here.",
        [(labels, _since(row.confirmed_at, now)) for labels, row in live if row.confirmed_at],
    )
    yield gauge(
        "rete_log_entries", "Entries of a member's log that are here.", [(labels, row.size) for labels, row in told]
    )
    yield gauge(
        "rete_log_failures",
        "Pulls of a member's log that failed one after another.",
        [(labels, row.failures) for labels, row in live],
    )
    yield gauge(
        "rete_log_state",
        "1 for the state of a member's log.",
        [({**labels, "state": state_of(row, now)}, 1) for labels, row in told],
    )


def _of_jobs(schedule: Schedule | None, now: dt.datetime) -> Iterator[Family]:
    if schedule is None:
        return
    # Prometheus keeps the label "job" for itself.
    # Prometheus keeps the label "job" for itself.
    turns = [({"task": str(turn.name)}, turn) for turn in schedule.turns]
    standing = set(map(id, schedule.standing(now)))
    yield gauge(
        "rete_job_began_seconds",
        "Seconds since the last turn of a job began.",
        [(job, _since(turn.began_at, now)) for job, turn in turns if turn.began_at],
    )
    yield gauge(
        "rete_job_ended_seconds",
        "Seconds since the last turn of a job ended.",
        [(job, _since(turn.ended_at, now)) for job, turn in turns if turn.ended_at],
    )
    yield gauge(
        "rete_job_failures",
        "Turns of a job that failed one after another.",
        [(job, turn.failures) for job, turn in turns],
    )
    yield gauge("rete_job_interval_seconds", "How often a job runs.", [(job, turn.every_s) for job, turn in turns])
    yield gauge(
        "rete_job_standing",
        "1: no turn has begun for five of them, or one hangs.",
        [(job, int(id(turn) in standing)) for job, turn in turns],
    )


async def _of_backups(place: Place, now: dt.datetime) -> list[Family]:
    shelf = await checkup.backups(place)
    found = [one("rete_backup_enabled", "1: this node makes backups by itself.", int(shelf is not None))]
    if not isinstance(shelf, Shelf):
        return found
    newest, tried = shelf.newest, shelf.tried
    checked = tried.checked if tried else None
    return [
        *found,
        one("rete_backup_copies", "Backups in the folder.", len(shelf.copies)),
        one("rete_backup_age_seconds", "Age of the newest backup.", _since(newest.made_at, now) if newest else None),
        one("rete_backup_trial_age_seconds", "Seconds since a backup was last restored on trial.", _since(checked.at, now) if checked else None),
        one("rete_backup_trial_good", "1: the last trial restore succeeded.", int(checked.ok) if checked else None),
    ]  # fmt: skip


async def _of_machine(place: Place, now: dt.datetime) -> list[Family]:
    own, disk = await asyncio.to_thread(lambda: (process.read(), shutil.disk_usage(place.home)))
    end = await checkup.certificate_end(place.home, place.config)
    return [
        one("rete_certificate_expiry_days", "Days until the site's certificate ends.", (end - now).total_seconds() / DAY_S if isinstance(end, dt.datetime) else None),
        one("rete_disk_free_bytes", "Room that is left on the disk of the home.", disk.free),
        one("rete_disk_bytes", "Size of the disk of the home.", disk.total),
        one("process_resident_memory_bytes", "Memory of the process.", own.resident_bytes),
        one("process_open_fds", "Open files of the process.", own.open_fds),
        exposition.counter("process_cpu_seconds", "Processor time of the process.", [({}, own.cpu_s)]),
        one("process_start_time_seconds", "When the process began, in seconds since 1970.", own.started_at),
    ]  # fmt: skip


def _since(then: dt.datetime | None, now: dt.datetime) -> float:
    return max(0.0, (now - then).total_seconds()) if then else 0.0
