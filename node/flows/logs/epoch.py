"""Epochs instead of compaction: each year a new log that begins with the live profiles; the old one is frozen and later deleted.

In: the own log, or a head that a member shows of a log not known yet. Out: the own next log with one ``pub`` per live profile,
in one transaction; a peer's next log followed after its last, under the same key. Source: PROTOCOL 6.10.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import replace

import structlog

from node.domain import officers
from node.errors import N_, CallerError, LogStateError, PeerWrongError
from node.flows.logs.append import Operation, OwnLog, append, sign_head
from node.protocol import keys, merkle, tlog_proof
from node.protocol.heads import Offered
from node.protocol.member import Member
from node.store import evidence, log, log_life, origins, publication
from node.store.origins import Origin
from node.store.postgres import Connection, Pool, run_tx

logger = structlog.get_logger()
_ORIGIN = re.compile(r"([^/]+)/federation/log/([0-9]{4})")
_BATCH = 5_000
_NO_KEY = N_(
    "tutte le chiavi di questo registro sono state ritirate: il protocollo d'intesa deve prima elencarne una nuova"
)


def split(origin: str) -> tuple[str, int] | None:
    """Return (authority, epoch) of an origin line, None when it has another form."""
    match = _ORIGIN.fullmatch(origin)
    return (match.group(1), int(match.group(2))) if match else None


async def enrol_successor(
    pool: Pool, member: Member, item: Offered, known: Mapping[str, Origin], owner: str | None = None
) -> Origin | None:
    """Begin to follow the log that continues a known one: same authority, later year, signed by one of its keys; else None.

    ``owner``: the member that is known under the new log's authority: when it has moved, its log goes on there under another one.
    A key that was withdrawn begins nothing.
    """
    found = split(item.origin)
    if found is None:
        return None
    authority, year = found
    earlier = [
        (at[1], o)
        for o in known.values()
        if (at := split(o.origin)) and at[1] < year and (at[0] == authority or o.owner == owner) and not o.is_own
    ]
    before = max(earlier, key=lambda found: found[0], default=(0, None))[1]
    if before is None or not _goes_on(before):
        return None
    held = continued(before, item.origin)
    if not held:
        return None
    try:
        tlog_proof.signed_checkpoint(item.checkpoint, origins.read_keys(held))
    except PeerWrongError:
        return None

    async def work(conn: Connection) -> Origin:
        origin_id = await origins.upsert_origin(
            conn,
            origin=item.origin,
            owner=before.owner,
            name=before.name,
            url=before.url,
            vkey=held[-1][0],
            is_own=False,
            empty_root=merkle.EMPTY_ROOT,
        )
        await origins.set_origin_keys(conn, origin_id, held)
        await log_life.set_predecessor(conn, origin_id, before.origin_id)
        return await origins.known_origin(conn, item.origin)

    enrolled = await run_tx(pool, work)
    logger.info("log.continued", origin=item.origin, predecessor=before.origin, member=member.id)
    return enrolled


def continued(before: Origin, origin: str) -> list[tuple[str, int | None]]:
    """Return the keys with which a log goes on under another line: all of its keys that were not withdrawn, the newest last."""
    live = [v for v in before.verifiers if v.until_size is None]
    newest = keys.parse_vkey(before.vkey).public
    live.sort(key=lambda verifier: verifier.public == newest)
    return [(keys.format_vkey(origin, verifier.public), None) for verifier in live]


def _goes_on(before: Origin) -> bool:
    """Tell whether a later log may follow by its keys alone: what the agreement hid, sent away or ended needs its word."""
    return before.state != "suspended" and before.state_before is None and before.end_size is None


async def retire_predecessor(pool: Pool, origin: Origin, now: dt.datetime) -> bool:
    """Freeze the log that ``origin`` continues, once nothing of the new one is missing: its profiles live on there."""

    async def work(conn: Connection) -> bool:
        return await log_life.freeze(conn, int(origin.predecessor_id or 0), now)

    frozen = await run_tx(pool, work)
    if frozen:
        logger.info("log.frozen", successor=origin.origin)
    return frozen


async def rollover(pool: Pool, own: OwnLog, year: int, officer: str, now: dt.datetime, authority: str = "") -> OwnLog:
    """Freeze the own log and begin the next with its live profiles, in one transaction; sign it; return it.

    ``authority``: where the node answers now, which names the new log; that of the old one where it is not given.

    Raises: CallerError epoch-not-later, officer-name-bad.
    """
    officers.check(officer)
    at = split(own.origin)
    if at is None or year <= at[1]:
        raise CallerError(
            "epoch-not-later",
            N_("il registro in uso è già dell'anno {year}"),
            hint=N_("un nuovo registro si comincia per un anno successivo"),
            year=at[1] if at else 0,
        )
    origin = f"{authority or at[0]}/federation/log/{year}"

    async def work(conn: Connection) -> OwnLog:
        await origins.lock_head(conn, own.origin_id)
        before = await origins.known_origin(conn, own.origin)
        held = continued(before, origin)
        if not held:
            raise LogStateError("log-key-missing", _NO_KEY, where=own.origin)
        live = await log.live_bodies(conn, own.origin_id)
        await log_life.freeze(conn, own.origin_id, now)
        origin_id = await origins.upsert_origin(
            conn,
            origin=origin,
            owner=own.owner,
            name=before.name,
            url=None,
            vkey=held[-1][0],
            is_own=True,
            empty_root=merkle.EMPTY_ROOT,
        )
        await origins.set_origin_keys(conn, origin_id, held)
        await log_life.set_predecessor(conn, origin_id, own.origin_id)
        begun = replace(own, origin_id=origin_id, origin=origin)
        for first in range(0, len(live), _BATCH):
            batch = [Operation(item, raw) for item, raw in live[first : first + _BATCH]]
            await append(conn, begun, batch, now)
        await publication.move_positions(conn, origin_id)
        reason = f"{own.origin} -> {origin}"
        await evidence.insert_ruling(conn, own.origin_id, evidence.ROLLED_OVER, officer, reason, now)
        return begun

    begun = await run_tx(pool, work)
    await sign_head(pool, begun, now)
    logger.info("log.rolled_over", origin=origin)
    return begun


async def prune(pool: Pool, keep: dt.timedelta, now: dt.datetime) -> list[str]:
    """Delete the logs that were frozen longer ago than ``keep``; return their origins."""

    async def work(conn: Connection) -> list[str]:
        gone = []
        for origin_id, origin in await log_life.frozen_before(conn, now - keep):
            await log_life.delete_frozen(conn, origin_id)
            gone.append(origin)
        return gone

    pruned = await run_tx(pool, work)
    if pruned:
        logger.info("log.pruned", origins=pruned)
    return pruned
