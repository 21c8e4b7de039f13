"""The own log as an administrator sees it: how long, how far signed and witnessed, its years, whether it may be written.

In: a pool, the own log, the members. Out: one value, the same for ``rete log show`` and for its page. Nothing private is in it.
Source: PROTOCOL 1, 2, 6.9.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from node.errors import N_, NotFoundError
from node.flows.logs.append import OwnLog
from node.protocol import limits
from node.protocol.member import Membership
from node.store import evidence, highwater, origins, own_log, witness
from node.store.evidence import Ruling
from node.store.highwater import Mark
from node.store.origins import Origin
from node.store.own_log import Signed
from node.store.postgres import Pool, acquire
from node.store.witness import Acknowledged, Receipt


@dataclass(frozen=True, slots=True)
class OwnState:
    """The own log: its row, its newest signature, the mark outside the database, what witnesses and mirrors said of it.

    ``quorum`` of its witnesses suffice; ``witnesses`` has every witness, with None for one that never spoke; ``years`` are all own logs, this one among them.
    """

    row: Origin
    vkey: str
    signed: Signed | None
    mark: Mark | None
    witnesses: Mapping[str, Acknowledged | None]
    receipts: tuple[Receipt, ...]
    years: tuple[Origin, ...]
    rulings: tuple[Ruling, ...]
    quorum: int = limits.WITNESS_QUORUM


async def read(pool: Pool, own: OwnLog, membership: Membership) -> OwnState:
    """Return how the own log stands. Raises: NotFoundError(log-unknown), OperatorError(highwater-bad)."""
    async with acquire(pool) as conn:
        rows = await origins.list_origins(conn)
        row = next((found for found in rows if found.origin == own.origin), None)
        if row is None:
            raise NotFoundError("log-unknown", N_("questo nodo non ha quel registro"))
        signed = await own_log.signed_latest(conn, own.origin_id)
        said = {one.member: one for one in await witness.own_cosignatures(conn, own.origin_id)}
        receipts = tuple(await witness.receipts(conn, own.origin_id))
        rulings = tuple(await evidence.rulings(conn, own.origin_id))
    return OwnState(
        row=row,
        vkey=row.vkey,
        signed=signed,
        mark=await asyncio.to_thread(highwater.read, own.mark),
        witnesses={member: said.get(member) for member in membership.witnesses_of(own.origin, own.owner)},
        receipts=receipts,
        years=tuple(found for found in rows if found.is_own),
        rulings=rulings,
        quorum=membership.quorum,
    )
