"""Brings the log tables in line with the agreement: who is followed, who is hidden, who has gone (PROTOCOL 7).

In: the nodes in effect, inside the transaction that applies them. Out: states of ``log.origin``, each safe to set again: an active node's logs
are followed; a suspended one's are hidden and not followed, and erased when the term has passed (``erase_suspended``); those of one that left
are frozen, their bodies erased at once, their entries with those of past years. What an agreement never named is closed and dropped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import structlog

from node.domain.days import day_of
from node.errors import N_, PeerWrongError
from node.flows.trust import log_keys
from node.flows.trust.log_keys import Held
from node.protocol import merkle
from node.protocol.agreement import LogKeys, Node, Status
from node.protocol.checkpoint import Checkpoint
from node.protocol.log_name import year
from node.store import cooperation, log_life, origins
from node.store.log_life import Followed
from node.store.origins import Origin
from node.store.postgres import Connection, Pool, run_tx

logger = structlog.get_logger()
# Frozen because a later log continues it, or dropped since: it is not followed again.
PAST = ("frozen", "closed")


async def enrol(conn: Connection, nodes: Sequence[Node], own_id: str, now: dt.datetime) -> None:
    """Follow, hide or freeze the logs of all other nodes as the agreement says; drop those of strangers."""
    # [[peer]] tables may have named a node otherwise: a log is whose the agreement says.
    owners = {origin: node.id for node in nodes for origin in node.origins}
    known: dict[str, list[Followed]] = {}
    for row in await log_life.followed(conn):
        known.setdefault(owners.get(row.origin, row.owner), []).append(row)
    for node in nodes:
        held = known.pop(node.id, [])
        if node.id == own_id:
            await log_keys.change_own(conn, node, now)
            continue
        if node.status is Status.ACTIVE:
            await _follow(conn, node, held, now)
        elif node.status is Status.SUSPENDED:
            # The term begins no sooner than it is known here: the council may have written a day that has long passed.
            for row in held:
                await log_life.suspend(conn, row.origin_id, day_of(node.since), now.astimezone(dt.UTC).date())
        else:
            await _let_go(conn, node, held, now)
    for row in (row for rows in known.values() for row in rows if row.state != "closed"):
        # Nobody would hear of its withdrawals any more: what it published is erased.
        await cooperation.delete_origin(conn, row.origin_id)
        await log_life.forget(conn, row.origin_id, merkle.EMPTY_ROOT)
        await origins.set_state(conn, row.origin_id, "closed")


async def _follow(conn: Connection, node: Node, held: Iterable[Followed], now: dt.datetime) -> None:
    by_origin = {row.origin: row for row in held}
    for row in by_origin.values():
        if row.state == "suspended":
            await log_life.restore(conn, row.origin_id, now)
    listed, ended = log_keys.listed(node), _ends(node.log)
    open_ones: dict[str, Sequence[Held]] = {o: held_keys for o, held_keys in listed.items() if o not in ended}
    for origin, end in ended.items():
        # One that ended before it was ever known here has nothing that lives.
        if origin in by_origin and by_origin[origin].state not in PAST:
            await _end_at(conn, by_origin[origin], *end)
    for origin in by_origin.keys() - listed.keys():
        # A later year's log, which its node began under the same keys (PROTOCOL 6.10), at its new address where it has moved.
        if held_keys := log_keys.of_log(open_ones, origin):
            open_ones[origin] = held_keys
    followed = {
        origin: await _known(conn, node, origin, held_keys, now)
        for origin, held_keys in sorted(open_ones.items())
        if await _is_followed(conn, by_origin.get(origin))
    }
    # Of two logs of one year, at two addresses, the one that was known later.
    newest = max(followed, key=lambda o: (year(o), followed[o]), default=None)
    last = max((o for o in ended if o in by_origin), key=lambda o: (year(o), by_origin[o].origin_id), default=None)
    if newest is not None and last is not None and year(last) <= year(newest):
        await log_life.set_predecessor(conn, followed[newest], by_origin[last].origin_id)


async def _is_followed(conn: Connection, row: Followed | None) -> bool:
    """Tell whether an open log is to be followed; one whose node had left begins anew."""
    if row is None or row.state not in PAST:
        return True
    if row.state_before is not None:
        await log_life.come_back(conn, row.origin_id, merkle.EMPTY_ROOT)
        return True
    # Continued by a later one, and perhaps deleted since; only what was dropped as a stranger's is empty.
    return row.state == "closed" and not row.size


def _ends(items: Iterable[LogKeys]) -> Mapping[str, tuple[int, bytes]]:
    return {item.origin: item.frozen for item in items if item.frozen is not None}


async def _known(conn: Connection, node: Node, origin: str, held: Sequence[Held], now: dt.datetime) -> int:
    origin_id = await origins.upsert_origin(
        conn,
        origin=origin,
        owner=node.id,
        name=node.name,
        url=node.url,
        vkey=log_keys.newest(held),
        is_own=False,
        empty_root=merkle.EMPTY_ROOT,
    )
    await log_keys.change(conn, origin, held, now)
    return origin_id


async def _end_at(conn: Connection, row: Followed, size: int, root: bytes) -> None:
    if row.size > size:
        # What stands here beyond the end was never the node's own word: brought again, up to the end.
        await cooperation.delete_origin(conn, row.origin_id)
        await log_life.forget(conn, row.origin_id, merkle.EMPTY_ROOT)
    await log_life.set_end(conn, row.origin_id, size, root)


async def _let_go(conn: Connection, node: Node, held: Iterable[Followed], now: dt.datetime) -> None:
    ends = _ends(node.log)
    for row in held:
        if row.origin in ends:
            await log_life.set_end(conn, row.origin_id, *ends[row.origin])
        if row.state in PAST:
            continue
        await cooperation.delete_origin(conn, row.origin_id)
        await log_life.depart(conn, row.origin_id, now)
        logger.info("log.left", origin=row.origin, owner=node.id)


async def erase_suspended(pool: Pool, days: int, now: dt.datetime) -> list[str]:
    """Erase what is held of nodes suspended for longer than the terms say; return the origins. They stay suspended."""
    day = now.astimezone(dt.UTC).date() - dt.timedelta(days=days)

    async def work(conn: Connection) -> list[str]:
        gone = []
        for origin_id, origin in await log_life.suspended_until(conn, day):
            if await log_life.erase_suspended(conn, origin_id, day, merkle.EMPTY_ROOT):
                await cooperation.delete_origin(conn, origin_id)
                gone.append(origin)
        return gone

    erased = await run_tx(pool, work)
    if erased:
        logger.info("log.suspended_erased", origins=erased)
    return erased


def check_end(origin: Origin, found: Checkpoint) -> None:
    """Refuse a head beyond the end that the agreement gives a log, or another at the end. Raises: PeerWrongError(checkpoint-beyond-end)."""
    if origin.end_size is None or found.size < origin.end_size:
        return
    if found.size > origin.end_size or found.root != origin.end_root:
        raise PeerWrongError(
            "checkpoint-beyond-end",
            N_("il registro è chiuso a {end} voci dal protocollo d'intesa: questo checkpoint va oltre"),
            where=origin.origin,
            end=origin.end_size,
        )
