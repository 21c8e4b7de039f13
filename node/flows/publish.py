"""Publishing approved profiles in rounds, and withdrawing them at once.

In: officers' decisions, the clock. Out: entries in the own log, written in the same transaction as the decision. Rules
(privacy.md P): what leaves, leaves in rounds and in random order; who would stand out waits; withdrawals do not wait.
"""

from __future__ import annotations

import datetime as dt
import secrets

import structlog

from node.config import Config
from node.domain import partition, profile, rounds
from node.domain.partition import Partition
from node.domain.register import RegisterNetwork
from node.errors import N_, CallerError, NotFoundError
from node.flows.append import Operation, OwnLog, append, sign_head
from node.flows.versions import checked_id, frozen_block, open_profile, read_partition
from node.protocol import canonical
from node.store import population, publication
from node.store.postgres import Connection, Pool, run_tx
from node.store.publication import DueVersion, PublicationProfile
from node.store.reference import load_sectors

logger = structlog.get_logger()
EPOCH_DAY = dt.date(1970, 1, 1)
_random = secrets.SystemRandom()


def day_number(day: dt.date) -> int:
    """Return days since 1970-01-01."""
    return (day - EPOCH_DAY).days


async def publish(pool: Pool, config: Config, profile_id: str, officer: str, now: dt.datetime) -> dt.date:
    """Queue the approved version for its round and return the round's day (with ``immediate`` rounds, today)."""

    async def work(conn: Connection) -> dt.date:
        found, version = await open_profile(conn, profile_id)
        if version.state == "queued":
            return EPOCH_DAY + dt.timedelta(days=version.release_day or 0)
        if version.state != "approved":
            raise CallerError(
                "profile-not-approved",
                N_("la versione non è ancora approvata"),
                hint=N_("un altro funzionario usi «rete profile approve»"),
            )
        day = await _release_day(conn, config, found, now)
        await publication.queue(conn, found.profile_id, version.number, day_number(day))
        built = await read_partition(conn, found.partition_version)
        await publication.record_decision(
            conn,
            found.profile_id,
            version.number,
            action="queued",
            officer=officer,
            now=now,
            candidates=built.by_id[found.block_id].count,
            content_hash=version.content_hash,
        )
        return day

    return await run_tx(pool, work)


async def _release_day(conn: Connection, config: Config, found: PublicationProfile, now: dt.datetime) -> dt.date:
    period = config.privacy.round
    day = rounds.next_round(now.date(), period)
    row = await population.find_network(conn, found.register_id)
    stored = await population.partition_version(conn, found.partition_version)
    if row is None or stored is None or found.state != "new" or period == rounds.IMMEDIATE:
        return day
    previous = await population.previous_snapshot_day(conn, stored.snapshot_id)
    fresh = 0
    if previous is not None and row.registered_on > previous:
        built = partition.load(stored.document)
        for other in await population.registered_after(conn, stored.snapshot_id, previous):
            if other.register_id != row.register_id:
                fresh += _in_block(built, other, found.block_id)
        # Kept with the queue entry: drawn once, never again.
        draw = _random.randint(*rounds.DEFERRAL_ROUNDS)
        for _ in range(rounds.deferral(row.registered_on, previous, fresh, config.privacy.k, draw)):
            day = rounds.next_round(day, period)
    return day


def _in_block(built: Partition, row: RegisterNetwork, block_id: int) -> bool:
    try:
        return built.lookup(row, load_sectors()).block_id == block_id
    except CallerError:
        return False


async def release_due(pool: Pool, config: Config, own: OwnLog, now: dt.datetime) -> list[str]:
    """Write every queued version whose round has come, in random order, sign the log, and return the profile ids."""
    today = now.date()

    async def work(conn: Connection) -> list[str]:
        due = await publication.due_versions(conn, day_number(today))
        if not due:
            return []
        # The order inside a round must not repeat the order of records or of work.
        _random.shuffle(due)
        partitions: dict[int, Partition] = {}
        operations = []
        for item in due:
            if item.partition_version not in partitions:
                partitions[item.partition_version] = await read_partition(conn, item.partition_version)
            operations.append(_operation(item, partitions[item.partition_version], config, today))
        positions = await append(conn, own, operations, now)
        await publication.mark_published(
            conn, [(item.profile_id, item.number, at) for item, at in zip(due, positions, strict=True)]
        )
        for item in due:
            await publication.record_decision(
                conn,
                item.profile_id,
                item.number,
                action="published",
                officer=item.approver,
                now=now,
                candidates=partitions[item.partition_version].by_id[item.block_id].count,
                content_hash=item.content_hash,
            )
        return [item.profile_id for item in due]

    released = await run_tx(pool, work)
    if released:
        await sign_head(pool, own, now)
        logger.info("round.released", profiles=len(released))
    return released


def _operation(item: DueVersion, built: Partition, config: Config, today: dt.date) -> Operation:
    body = profile.build_body(
        profile_id=item.profile_id,
        owner=config.node.id,
        round_day=rounds.round_day(today, config.privacy.round),
        block=frozen_block(item, built),
        partition=built,
        content=profile.parse_content(item.content),
    )
    return Operation(item.profile_id, canonical.dumps(body))


async def withdraw(pool: Pool, own: OwnLog, profile_id: str, officer: str, now: dt.datetime) -> None:
    """Withdraw a profile at once: its body and its approved text are erased here and, with the log, everywhere."""

    async def work(conn: Connection) -> None:
        found = await publication.lock_profile(conn, checked_id(profile_id))
        if found is None:
            raise NotFoundError("profile-unknown", N_("profilo sconosciuto: {id}"), id=profile_id)
        if found.state == "withdrawn":
            raise CallerError("profile-withdrawn", N_("il profilo è già ritirato"))
        if found.state == "published":
            await append(conn, own, [Operation(found.profile_id, None)], now)
        number, hashed = await publication.last_version(conn, found.profile_id)
        await publication.withdraw(conn, found.profile_id, officer, now)
        await publication.record_decision(
            conn,
            found.profile_id,
            number,
            action="withdrawn",
            officer=officer,
            now=now,
            candidates=0,
            content_hash=hashed,
        )

    await run_tx(pool, work)
    await sign_head(pool, own, now)
    logger.info("profile.withdrawn", profile_id=profile_id)
