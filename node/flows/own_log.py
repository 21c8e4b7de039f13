"""The own log as an administrator sees it: how long, how far signed and witnessed, its years, whether it may be written.

In: a pool, the own log, the members. Out: one value, the same for ``rete log show`` and for its page. Nothing private is in it: of
keys, the public half. Source: PROTOCOL 1, 2, 6.9.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from node.errors import N_, NotFoundError
from node.flows.append import OwnLog
from node.flows.key_ring import KeyRing
from node.protocol import keys, limits
from node.protocol.member import Membership
from node.protocol.sealed import SealKey
from node.store import evidence, highwater, log, witness
from node.store.evidence import Ruling
from node.store.highwater import Mark
from node.store.log import Origin, Signed
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


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of one of this node's keys: its role, its text as other nodes write it, a short print to compare aloud."""

    role: str
    text: str
    fingerprint: str


async def read(pool: Pool, own: OwnLog, membership: Membership) -> OwnState:
    """Return how the own log stands. Raises: NotFoundError(log-unknown), OperatorError(highwater-bad)."""
    async with acquire(pool) as conn:
        rows = await log.list_origins(conn)
        row = next((found for found in rows if found.origin == own.origin), None)
        if row is None:
            raise NotFoundError("log-unknown", N_("questo nodo non ha quel registro"))
        signed = await log.signed_latest(conn, own.origin_id)
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


def public_keys(ring: KeyRing, authority: str, vkey: str) -> list[PublicKey]:
    """Return the keys by which others know this node now, one of each role; ``vkey`` is the newest of its log."""
    keyid, request_key = ring.request_key(authority)
    cosigners = {role: ring.cosigner(role, authority) for role in ("witness", "mirror")}
    public = {role: voice.key.public_key().public_bytes_raw() for role, voice in cosigners.items()}
    public |= {"log": keys.parse_vkey(vkey).public, "http": request_key.public_key().public_bytes_raw()}
    texts = {
        "log": vkey,
        **{r: keys.format_vkey(voice.name, public[r], keys.COSIGNATURE_TYPE) for r, voice in cosigners.items()},
        "http": f"{keyid} {base64.b64encode(public['http']).decode()}",
    }
    shown = [PublicKey(role, text, fingerprint(public[role])) for role, text in texts.items()]
    return [*shown, seal_shown(ring.seal().public)]


def seal_shown(seal: SealKey) -> PublicKey:
    """Return a seal key as others know it."""
    halves = {"x25519": seal.x25519, "mlkem768": seal.mlkem768}
    told = [f"{name} {base64.b64encode(half).decode()}" for name, half in halves.items() if half is not None]
    # One key in two halves: both are in the fingerprint, as they are in the id.
    return PublicKey("seal", " ".join((seal.id, *told)), fingerprint(seal.x25519 + (seal.mlkem768 or b"")))


def fingerprint(public: bytes) -> str:
    """Return SHA-256 of a public key, its first half in groups of four, to be compared by people."""
    digits = hashlib.sha256(public).hexdigest()[:32]
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
