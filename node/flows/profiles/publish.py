"""Publishing approved profiles in rounds, and withdrawing them at once.

In: officers' decisions, the clock. Out: entries in the own log, written in the same transaction as the decision. Rules
(docs/rules.md P): what leaves, leaves in rounds and in random order; who would stand out waits; withdrawals do not wait. Each
flow may run twice, also after a commit of which nobody knows whether it happened: what already stands is done, and the
head is signed in any case.
"""

from __future__ import annotations

import datetime as dt
import secrets

import structlog

from node import trace
from node.config import Config
from node.domain import officers, release
from node.domain.days import day_number, day_of
from node.domain.release import Departure
from node.errors import N_, CallerError, LogStateError, NotFoundError
from node.flows.logs.append import Operation, OwnLog, append, sign_head
from node.flows.profiles import partitions
from node.flows.profiles.gate import KnownNames
from node.flows.profiles.sift import Ready, sift
from node.flows.profiles.standing import census_of, held_code, stand_of
from node.flows.profiles.versions import checked_id, open_profile, read_partition
from node.store import announcements, evidence, log, population, publication, statistics
from node.store import partitions as parts
from node.store.postgres import Connection, Pool, run_tx
from node.store.publication import DueVersion, PublicationProfile

logger = structlog.get_logger()
# What the log refuses of one profile; anything else it refuses concerns them all.
ONE_PROFILE = ("item-not-live", "own-entry-refused", "own-body-refused")
_random = secrets.SystemRandom()


async def publish(pool: Pool, config: Config, profile_id: str, officer: str, now: dt.datetime) -> dt.date:
    """Queue the approved version for its round and return the round's day (with ``immediate`` rounds, today)."""
    officers.check(officer)

    async def work(conn: Connection) -> dt.date:
        found, version = await open_profile(conn, profile_id)
        if version.state == "queued":
            return day_of(version.release_day or 0)
        if version.state != "approved":
            raise CallerError(
                "profile-not-approved",
                N_("la versione non è ancora approvata"),
                hint=N_("un altro funzionario usi «rete profile approve»"),
            )
        left, candidates = await _departure(conn, config, found, now)
        if left.deferred_until is not None:
            await publication.defer(conn, found.profile_id, left.deferred_until)
        await publication.queue(conn, found.profile_id, version.number, day_number(left.day))
        await publication.record_decision(
            conn,
            found.profile_id,
            version.number,
            action="queued",
            officer=officer,
            now=now,
            candidates=candidates,
            content_hash=version.content_hash,
        )
        return left.day

    return await run_tx(pool, work)


async def publish_and_release(
    pool: Pool,
    config: Config,
    own: OwnLog,
    profile_id: str,
    officer: str,
    now: dt.datetime,
    *,
    known: KnownNames | None = None,
) -> tuple[dt.date, bool, str | None]:
    """Queue the approved version, and release all whose round has come: also where no server runs that would do it.

    Returns the round's day, whether the version left, and why not if it is held. Raises: as ``publish``.
    """
    day = await publish(pool, config, profile_id, officer, now)
    released = await release_due(pool, config, own, now, known=known)
    return day, profile_id in released, await held_code(pool, profile_id)


async def _departure(
    conn: Connection, config: Config, found: PublicationProfile, now: dt.datetime
) -> tuple[Departure, int]:
    """Return when a version leaves that is queued now, and how many networks share its block."""
    built = await read_partition(conn, found.partition_version)
    standing = await stand_of(conn, config, found, built)
    census = await census_of(conn, config, built)
    row = await population.find_network(conn, found.register_id)
    # An update says nothing about when its network was registered.
    stands_out = (
        found.state == "new"
        and row is not None
        and census.stands_out(found.block_id, row.register_id, row.registered_on, config.privacy.k)
    )
    left = release.departure(
        now.date(),
        config.privacy.round,
        stands_out=stands_out,
        draw=_random.randint(*release.DEFERRAL_ROUNDS),
        deferred_until=found.deferred_until,
    )
    return left, standing.candidates


async def release_due(
    pool: Pool, config: Config, own: OwnLog, now: dt.datetime, *, known: KnownNames | None = None
) -> list[str]:
    """Write every queued version whose round has come and that may leave, in random order; return the profile ids.

    What may not leave stays queued with its reason. The log's head is signed in any case. ``known``: as for ``submission.approve``.
    """
    today = now.date()
    # What an earlier run of ``work`` wrote, if its commit happened and its answer was lost.
    tried: list[tuple[str, int]] = []
    held: list[tuple[DueVersion, str]] = []

    async def work(conn: Connection) -> list[str]:
        before = await publication.published_among(conn, tried)
        due = await publication.due_versions(conn, day_number(today))
        # The order inside a round must not repeat the order of records or of work.
        _random.shuffle(due)
        found = await sift(conn, config, due, today, known)
        leaving, waiting = await _with_partition(conn, own, found.ready, now)
        written, refused = await _write(conn, own, leaving, now)
        await publication.mark_published(
            conn, [(ready.due.profile_id, ready.due.number, position) for ready, position in written]
        )
        for ready, _ in written:
            await publication.record_decision(
                conn,
                ready.due.profile_id,
                ready.due.number,
                action="published",
                officer=ready.due.approver,
                now=now,
                candidates=ready.candidates,
                content_hash=ready.due.content_hash,
            )
        held[:] = [*found.held, *((item.due, code) for item, code in (*waiting, *refused))]
        await publication.hold(conn, [(item.profile_id, item.number, code) for item, code in held])
        tried[:] = [(ready.due.profile_id, ready.due.number) for ready, _ in written]
        return [*before, *(profile_id for profile_id, _ in tried)]

    with trace.span("publish") as span:
        released = await run_tx(pool, work)
        await sign_head(pool, own, now)
        span.tell({"rete.profiles": len(released), "rete.held": len(held)})
    for item, code in held:
        if code != item.held_code:
            logger.warning("profile.held", profile_id=item.profile_id, code=code)
    if released:
        logger.info("round.released", profiles=len(released))
    return released


async def _with_partition(
    conn: Connection, own: OwnLog, ready: list[Ready], now: dt.datetime
) -> tuple[list[Ready], list[tuple[Ready, str]]]:
    """Write down the partitions that a round shows; return what may leave and (profile, code) of what must wait for its own."""
    if not ready:
        return [], []
    kept_back = await partitions.write_down(conn, own, {item.due.partition_version for item in ready}, now)
    waiting = [(item, kept_back[v]) for item in ready if (v := item.due.partition_version) in kept_back]
    return [item for item in ready if item.due.partition_version not in kept_back], waiting


async def _write(
    conn: Connection, own: OwnLog, ready: list[Ready], now: dt.datetime
) -> tuple[list[tuple[Ready, int]], list[tuple[Ready, str]]]:
    """Append a round; return (profile, log position) of what was written and (profile, code) of what the log refused.

    All at once; when the log refuses one of them, one by one, so that the others still leave.
    Raises: LogStateError when the log takes nothing at all.
    """
    if not ready:
        return [], []
    try:
        async with conn.transaction():
            operations = [Operation(item.due.profile_id, item.raw) for item in ready]
            positions = await append(conn, own, operations, now)
        return list(zip(ready, positions, strict=True)), []
    except LogStateError as error:
        if error.code not in ONE_PROFILE:
            raise
        if len(ready) == 1:
            return [], [(ready[0], error.code)]
    written: list[tuple[Ready, int]] = []
    refused: list[tuple[Ready, str]] = []
    for item in ready:
        done, not_done = await _write(conn, own, [item], now)
        written += done
        refused += not_done
    return written, refused


async def withdraw(pool: Pool, own: OwnLog, profile_id: str, officer: str, now: dt.datetime) -> None:
    """Withdraw a profile at once: its body and its approved text are erased here and, with the log, everywhere.

    Withdrawing again is no error for who did it. A profile that a restored database has forgotten and its log has not is
    withdrawn from the log, with a ruling. Raises: profile-unknown, profile-withdrawn (by somebody else).
    """
    officers.check(officer)

    async def work(conn: Connection) -> None:
        found = await publication.lock_profile(conn, checked_id(profile_id))
        if found is None:
            await _withdraw_orphan(conn, own, checked_id(profile_id), officer, now)
            return
        if found.state == "withdrawn" and officers.is_same(found.withdrawn_by or "", officer):
            return
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


async def _withdraw_orphan(conn: Connection, own: OwnLog, profile_id: str, officer: str, now: dt.datetime) -> None:
    known = await log.items_by_id(conn, own.origin_id, [profile_id])
    last = known[0][1] if known and not known[0][3] else None
    if (
        last is None
        or await parts.is_part(conn, own.origin_id, last)
        or await statistics.is_document(conn, own.origin_id, last)
        or await announcements.own(conn, own.origin_id, profile_id) is not None
    ):
        raise NotFoundError("profile-unknown", N_("profilo sconosciuto: {id}"), id=profile_id)
    await append(conn, own, [Operation(profile_id, None)], now)
    await evidence.insert_ruling(conn, own.origin_id, evidence.ORPHAN_WITHDRAWN, officer, profile_id, now)
