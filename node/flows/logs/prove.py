"""Proofs that stand alone: that an entry is in a log, for anyone to check offline; and who has confirmed an erasure.

In: a profile's id. Out: a tlog-proof of its last entry under the newest signed checkpoint, with the entry itself as extra data;
or, for an own profile, each member's receipt. Source: PROTOCOL 2.8, 6.7.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.errors import N_, CallerError, NotFoundError, PeerWrongError
from node.flows.logs import trees
from node.protocol import checkpoint, entry, keys, log_name, merkle, note, tlog_proof, witness
from node.protocol.entry import Entry
from node.protocol.member import Membership
from node.protocol.tlog_proof import InclusionProof
from node.store import log, origins, own_log
from node.store import witness as store
from node.store.postgres import Connection, Pool, acquire


@dataclass(frozen=True, slots=True)
class Proved:
    """What a proof shows: which entry, where in which log, and which members' witnesses vouch for it since when."""

    origin: str
    size: int
    index: int
    entry: Entry
    cosigned: Mapping[str, dt.datetime]


@dataclass(frozen=True, slots=True)
class Receipts:
    """Who has confirmed that a withdrawal or an update was carried out: member -> time, None for those who have not."""

    profile_id: str
    origin: str
    index: int
    withdrawn: bool
    members: Mapping[str, dt.datetime | None]


async def inclusion(pool: Pool, profile_id: str, origin: str | None = None) -> InclusionProof:
    """Return the proof that an item's last entry is in its log, or in the log that is meant. Raises: NotFoundError(profile-unknown), CallerError(proof-too-early)."""
    async with acquire(pool) as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        found = await log.find_item(conn, profile_id, origin=origin)
        row = None if found is None else await origins.origin_named(conn, found[1])
        if found is None or row is None:
            raise NotFoundError("profile-unknown", N_("profilo sconosciuto: {id}"), id=profile_id)
        origin_id, _, index, _ = found
        size, signed = await _signed(conn, row)
        if signed is None or index >= size:
            raise CallerError("proof-too-early", N_("la voce non è ancora in un checkpoint firmato"))

        def prove(hash_at: merkle.HashAt) -> list[bytes]:
            return merkle.inclusion_proof(index, size, hash_at)

        hashes = prove(await trees.stored_hashes(conn, origin_id, prove))
        (raw,) = await log.entries_between(conn, origin_id, index, index + 1)
    return InclusionProof(index, tuple(hashes), signed, raw)


async def proof_text(pool: Pool, profile_id: str, origin: str, index: int) -> str | None:
    """Return the tlog-proof of an entry as text, None while no signed checkpoint holds it or where another log is meant."""
    try:
        made = await inclusion(pool, profile_id, origin)
    except (NotFoundError, CallerError):
        return None
    # An identifier is public: another log may repeat it, and its proof would be of something else.
    same = made.index == index and made.checkpoint.startswith(f"{origin}\n".encode())
    return tlog_proof.encode(made).decode() if same else None


def vouched(proof: str, membership: Membership, owner: str) -> Mapping[str, dt.datetime]:
    """Return which of its log's witnesses signed the head of a proof that this node made, and when, by member."""
    parsed = note.parse(tlog_proof.parse(proof.encode()).checkpoint)
    origin = parsed.text.decode().partition("\n")[0]
    read = witness.read_cosignatures(parsed.signatures, parsed.text, membership.witnesses_of(origin, owner))
    return {found.member: dt.datetime.fromtimestamp(found.at, dt.UTC) for found in read}


async def _signed(conn: Connection, row: origins.Origin) -> tuple[int, bytes | None]:
    if not row.is_own:
        return row.checkpoint_size, row.checkpoint
    signed = await own_log.signed_latest(conn, row.origin_id)
    if signed is None:
        return 0, None
    acknowledged = await store.own_cosignatures(conn, row.origin_id)
    return signed.size, signed.note + b"".join(ack.line for ack in acknowledged if ack.size == signed.size)


def check(
    raw: bytes,
    verifiers: Sequence[keys.Verifier],
    witnesses: Mapping[str, Sequence[keys.Verifier]],
    membership: Membership | None,
) -> Proved:
    """Return what a proof's bytes show, offline. ``membership`` narrows the witnesses to the log's own three, if it is known.

    Raises: PeerWrongError proof-malformed, proof-false, note-..., checkpoint-..., entry-malformed.
    """
    proof = tlog_proof.parse(raw)
    if not proof.extra:
        raise CallerError(
            "proof-without-entry",
            N_("la prova non contiene la voce che dimostra"),
            hint=N_("rifarla con «rete log proof»"),
        )
    head = tlog_proof.verify(proof, merkle.leaf_hash(proof.extra), verifiers)
    parsed = note.parse(proof.checkpoint)
    known = witnesses
    if membership is not None:
        authority = log_name.authority(head.origin)
        owner = next((m.id for m in membership.members.values() if authority in m.authorities), "")
        known = membership.witnesses_of(head.origin, owner)
    _refuse_bent(parsed, known)
    cosigned = {
        c.member: dt.datetime.fromtimestamp(c.at, dt.UTC)
        for c in witness.read_cosignatures(parsed.signatures, parsed.text, known)
    }
    return Proved(head.origin, head.size, proof.index, entry.decode(proof.extra), cosigned)


def _refuse_bent(parsed: note.Note, known: Mapping[str, Sequence[keys.Verifier]]) -> None:
    """Refuse a note in which a known witness's line is bad: somebody changed it (PROTOCOL 2.1)."""
    for line in parsed.signatures:
        for verifier in (verifier for held in known.values() for verifier in held):
            if (line.name, line.key_id) != (verifier.name, verifier.id):
                continue
            if checkpoint.verify_cosignature(verifier, parsed.text, line.blob) is None:
                raise PeerWrongError("note-bad-signature", N_("firma non valida di una chiave nota"))


async def receipts(pool: Pool, membership: Membership, profile_id: str) -> Receipts:
    """Return which members have confirmed the last entry of an own profile. Raises: NotFoundError(profile-unknown)."""
    async with acquire(pool) as conn:
        found = await log.find_item(conn, profile_id, own=True)
        if found is None:
            raise NotFoundError("profile-unknown", N_("profilo sconosciuto: {id}"), id=profile_id)
        origin_id, origin, index, withdrawn = found
        given = {r.member: r for r in await store.receipts(conn, origin_id)}
    members: dict[str, dt.datetime | None] = {}
    for member in membership.peers:
        receipt = given.get(member.id)
        members[member.id] = receipt.signed_at if receipt is not None and receipt.size > index else None
    return Receipts(profile_id, origin, index, withdrawn, members)
