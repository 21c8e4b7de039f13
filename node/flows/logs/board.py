"""The board of peers: how each log that this node knows stands, what it waits for, what went wrong and what to do about it.

In: a pool, the own log, the time. Out: one value per log, the same for ``rete peer list`` and for its page. Rules: what a log is
called stale by is here alone; whatever went wrong comes with what to do. Source: PROTOCOL 6 (states), 6.6, 6.7.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from node.errors import N_, NotFoundError, Said
from node.flows.logs import ping
from node.flows.logs.append import OwnLog
from node.protocol import limits
from node.store import cooperation, evidence, log, origins, wake, witness
from node.store.evidence import Ruling
from node.store.origins import Origin
from node.store.postgres import Connection, Pool, acquire, transaction
from node.store.witness import Acknowledged, Receipt

STATES: Final[Mapping[str, str]] = {
    "new": N_("nuovo"),
    "ready": N_("aggiornato"),
    "waiting": N_("in attesa"),
    "stale": N_("vecchio"),
    "quarantined": N_("in quarantena"),
    "suspended": N_("sospeso"),
    "frozen": N_("chiuso"),
    "fenced": N_("recintato"),
}
QUARANTINED: Final = "quarantined"
STALE: Final = "stale"
SUSPENDED: Final = "suspended"
_JUDGE: Final = N_(
    "sentire chi gestisce {peer} e le altre amministrazioni; se la causa è chiarita, liberarlo con un motivo"
    " («rete peer release {peer} --reason …»)"
)
_SILENT: Final = N_("«rete peer ping {peer}» percorre la strada passo per passo; se dura, avvisare chi gestisce {peer}")


@dataclass(frozen=True, slots=True)
class Peer:
    """One log: its row, the state to show, what is here of it, and what its node last said of the own log.

    ``cause`` and ``remedy`` are there where something is wrong. ``acknowledged`` is its word as a witness, ``receipt`` as a mirror.
    """

    row: Origin
    state: str
    profiles: int
    waiting: int
    set_aside: Mapping[str, int]
    cause: Said | None
    remedy: Said | None
    acknowledged: Acknowledged | None
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Held:
    """One log in quarantine: its row, when each proof against it was found, what was decided about it before."""

    row: Origin
    found: tuple[dt.datetime, ...]
    rulings: tuple[Ruling, ...]


def state_of(row: Origin, now: dt.datetime) -> str:
    """Return the state to show: a log whose witnesses have been silent for a day is stale, whatever the road says."""
    silent = row.cosigned_at is not None and (now - row.cosigned_at).total_seconds() > limits.FRESH_S
    return STALE if silent and row.state == "ready" else row.state


def cause_of(row: Origin, state: str, now: dt.datetime) -> Said | None:
    """Return in words what is wrong with another node's log, None where nothing is."""
    if row.is_own or state == "frozen":
        return None
    if state == SUSPENDED:
        # Whatever went wrong before: nobody asks it any more.
        return Said(N_("è sospeso: non lo si segue, e i suoi profili qui sono nascosti"))
    if state == QUARANTINED or row.error_code:
        return _stored(row.error_text or N_("è in quarantena"))
    if state == STALE:
        return Said(N_("da un giorno i suoi testimoni tacciono"))
    return Said(N_("da un giorno non se ne hanno notizie confermate")) if is_silent(row, now) else None


def is_silent(row: Origin, now: dt.datetime) -> bool:
    """Tell whether nobody has confirmed for a day that there is nothing newer of a log."""
    return row.confirmed_at is not None and (now - row.confirmed_at).total_seconds() > limits.FRESH_S


def _stored(text: str) -> Said:
    """Return what a failure said when it was kept: a sentence, and perhaps its place in brackets."""
    what, opened, where = text.rpartition(" (")
    if opened and where.endswith(")"):
        return Said(N_("{what} ({where})"), {"what": Said(what), "where": where[:-1]})
    return Said(text)


def remedy_of(row: Origin, state: str) -> Said:
    """Return what to do about what is wrong with a log."""
    facts = {"peer": row.owner}
    if state == QUARANTINED:
        return Said(_JUDGE, facts)
    if state == SUSPENDED:
        return Said(N_("lo ha deciso il consiglio: nulla da fare qui"))
    return ping.remedy_by_code(row.error_code or "", row.owner) or Said(_SILENT, facts)


async def read(pool: Pool, own: OwnLog, now: dt.datetime, owner: str | None = None) -> list[Peer]:
    """Return how the logs stand, the own one first; ``owner``: those of one node."""
    async with acquire(pool) as conn:
        counts = _Counts(
            profiles=await cooperation.count_by_origin(conn),
            waiting=await log.wanted_by_origin(conn),
            set_aside=await log.problems_by_origin(conn),
            said={one.member: one for one in await witness.own_cosignatures(conn, own.origin_id)},
            kept={one.member: one for one in await witness.receipts(conn, own.origin_id)},
        )
        return [_peer(row, now, counts) for row in await origins.list_origins(conn, owner)]


@dataclass(frozen=True, slots=True)
class _Counts:
    """What is counted of all logs at once, by log; what was said of the own one, by member."""

    profiles: Mapping[int, int]
    waiting: Mapping[int, int]
    set_aside: Mapping[int, Mapping[str, int]]
    said: Mapping[str, Acknowledged]
    kept: Mapping[str, Receipt]


def _peer(row: Origin, now: dt.datetime, counts: _Counts) -> Peer:
    state = state_of(row, now)
    cause = cause_of(row, state, now)
    return Peer(
        row=row,
        state=state,
        profiles=counts.profiles.get(row.origin_id, 0),
        waiting=counts.waiting.get(row.origin_id, 0),
        set_aside=counts.set_aside.get(row.origin_id, {}),
        cause=cause,
        remedy=None if cause is None else remedy_of(row, state),
        acknowledged=None if row.is_own else counts.said.get(row.owner),
        receipt=None if row.is_own else counts.kept.get(row.owner),
    )


async def held(pool: Pool, owner: str | None = None) -> list[Held]:
    """Return the logs in quarantine, with the proofs and what was decided about them."""
    async with acquire(pool) as conn:
        return [await _held(conn, row) for row in await origins.list_origins(conn, owner) if row.state == QUARANTINED]


async def _held(conn: Connection, row: Origin) -> Held:
    proofs = await evidence.evidence_of(conn, row.origin_id)
    found = tuple(at for _, _, at, released in proofs if released is None)
    return Held(row, found, tuple(await evidence.rulings(conn, row.origin_id)))


async def rulings(pool: Pool) -> list[Ruling]:
    """Return what administrators decided about logs, the newest first."""
    async with acquire(pool) as conn:
        return await evidence.rulings(conn, None)


async def pull_soon(pool: Pool, owner: str, now: dt.datetime) -> int:
    """Make a node's logs due at once, whatever their back-off, and wake the server; return how many those are.

    Nothing happens to logs that are set aside. Raises: NotFoundError(peer-unknown).
    """
    async with transaction(pool) as conn:
        rows = [row for row in await origins.list_origins(conn, owner) if not row.is_own]
        if not rows:
            raise NotFoundError("peer-unknown", N_("nodo sconosciuto: {peer}"), peer=owner[:60])
        woken = [await origins.wake_origin(conn, row.origin, limits.TREE_SIZE_MAX, now) for row in rows]
        await wake.wake(conn, wake.PULL)
    return sum(woken)
