"""The own log: append in the business transaction, then sign, then show.

In: operations (publish, update, withdraw) with their bodies. Out: entries, bodies and cooperation rows in the caller's
transaction; later, in a transaction of its own, one signed checkpoint. Own data passes the same gate as a peer's. While a key is being
changed the log has two, and each checkpoint both signatures: whoever knows only one of them can follow (PROTOCOL 7).
Source: PROTOCOL 6 (own append, signing).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.domain.days import day_number
from node.errors import N_, LogStateError
from node.flows.logs.ingest import ingest_bodies, ingest_entries, open_bodies
from node.flows.logs.trees import stored_root
from node.protocol import body, entry, feed, fencing, keys, merkle, note
from node.protocol.checkpoint import Checkpoint
from node.store import fence, highwater, log, origins, own_log, schemas, wake
from node.store.highwater import Mark
from node.store.postgres import Connection, Pool, run_tx

logger = structlog.get_logger()
# States in which the own log takes no entry and no signature.
_SAID = {
    fencing.Doubt.FEWER: N_("il registro firmato ha meno voci di quante ne furono firmate"),
    fencing.Doubt.OTHER: N_("il registro firmato non è quello che fu firmato"),
}
UNWRITABLE = ("quarantined", "closed", "frozen", "fenced")


@dataclass(frozen=True, slots=True)
class OwnLog:
    """What writing the own log takes: its row and line, whose it is, the keys, and the file of its high-water mark.

    ``private`` gives the private key of a public one, None where it is not here; which keys sign, the log's row says each time.
    ``signs``: whether this process signs by itself; else whoever leads does, and is woken (docs/processes.md).
    """

    origin_id: int
    origin: str
    owner: str
    private: Callable[[bytes], Ed25519PrivateKey | None] = field(repr=False)
    mark: Path
    signs: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to write: ``raw`` is the canonical body, None for a withdrawal."""

    item_id: str
    raw: bytes | None


async def append(conn: Connection, own: OwnLog, operations: Sequence[Operation], now: dt.datetime) -> list[int]:
    """Append operations to the own log inside the caller's transaction; return their positions.

    Order is the caller's (it shuffles a round). Raises: LogStateError when the log is fenced or not writable, or when the
    gate refuses our own entries.
    """
    origin_id, owner = own.origin_id, own.owner
    size, root, range_hashes, state = await origins.lock_head(conn, origin_id)
    if state in UNWRITABLE:
        raise LogStateError(
            "log-fenced" if state == "fenced" else "log-not-writable",
            N_("il registro firmato è nello stato {state}: non si scrive"),
            hint=N_("«rete log show» dice perché, «rete log recover» riprende le voci dagli altri nodi"),
            state=state,
        )
    await require_whole(conn, own)
    known = {
        i: (last, rev, dead)
        for i, last, rev, dead in await log.items_by_id(conn, origin_id, {o.item_id for o in operations})
    }
    day = day_number(now.date())
    raws: list[bytes] = []
    replies: list[tuple[int, bytes, bytes]] = []
    for index, operation in enumerate(operations, size):
        last, revision, dead = known.get(operation.item_id, (-1, 0, False))
        if dead or (operation.raw is None and last < 0):
            raise LogStateError("item-not-live", N_("il profilo non è più attivo nel registro firmato"))
        salt = secrets.token_bytes(body.SALT_BYTES)
        op = "wd" if operation.raw is None else ("pub" if last < 0 else "upd")
        commitment = None if operation.raw is None else body.commitment(salt, operation.raw)
        raws.append(entry.encode(entry.Entry(op=op, id=operation.item_id, b=commitment, p=last, r=revision + 1, t=day)))
        known[operation.item_id] = (index, revision + 1, op == "wd")
        if operation.raw is not None:
            replies.append((index, salt, operation.raw))
    extension = _through_the_gate(feed.Head(own.origin, size, root, range_hashes), raws)
    ruling = await ingest_entries(conn, origin_id, extension, checkpoint=None, now=now)
    if ruling.ignored:
        raise LogStateError(
            "own-entry-refused", N_("il controllo rifiuta le nostre stesse voci: {code}"), code=ruling.ignored[0][1]
        )
    entries = {verified.index: verified.entry for verified in ruling.accepted if verified.entry is not None}
    bodies, problems = open_bodies(origin_id, owner, entries, replies, schemas.validators())
    if problems:
        raise LogStateError(
            "own-body-refused", N_("il controllo rifiuta un nostro profilo: {code}"), code=problems[0][1]
        )
    await ingest_bodies(conn, origin_id, bodies, problems)
    return list(range(size, size + len(operations)))


def _through_the_gate(known: feed.Head, raws: Sequence[bytes]) -> feed.Extension:
    grown = merkle.CompactRange.load(known.size, known.range_hashes)
    grown.extend(merkle.leaf_hash(raw) for raw in raws)
    target = Checkpoint(known.origin, grown.size, grown.root())
    return feed.extend_entries(known, target, raws)


async def require_whole(conn: Connection, own: OwnLog) -> None:
    """Refuse to write when this database may be an older copy of itself.

    Raises: LogStateError(log-fenced) with what does not fit: the high-water mark, or the server's identity.
    """
    doubt = await doubts(conn, own)
    if doubt is not None:
        raise LogStateError(
            "log-fenced",
            doubt,
            where=own.origin,
            hint=N_("forse la base dati viene da una copia: «rete log recover» riprende le voci dagli altri nodi"),
        )


async def doubts(conn: Connection, own: OwnLog) -> str | None:
    """Return why the database can't be taken for the newest there was (a catalogue id), None when all fits."""
    doubt = await mark_doubt(conn, own)
    if doubt is not None:
        return doubt
    if await own_log.signed_latest(conn, own.origin_id) is not None and await fence.changed(conn, own.origin_id):
        return N_("il server della base dati non è più quello di prima")
    return None


async def mark_of(own: OwnLog) -> tuple[int, bytes] | None:
    """Return size and root of the newest own signature as the file outside the database tells them; None where it tells nothing of this log."""
    mark = await asyncio.to_thread(highwater.read, own.mark)
    return None if mark is None or mark.origin != own.origin else (mark.size, mark.root)


async def mark_doubt(conn: Connection, own: OwnLog) -> str | None:
    """Return how the database contradicts the high-water mark (a catalogue id), None when it does not: nobody's word mends that."""
    mark = await mark_of(own)
    latest = None if mark is None else await own_log.signed_latest(conn, own.origin_id)
    found = fencing.mark_doubt(mark, None if latest is None else (latest.size, latest.root))
    return None if found is None else _SAID[found]


async def sign_head(pool: Pool, own: OwnLog, now: dt.datetime) -> int | None:
    """Sign the own head if it is not signed yet, or not by each of the log's keys; return its size when it was signed.

    The root is recomputed from the stored entries and subtree roots first: a flipped bit must never be signed.
    A crash before the commit leaves the old checkpoint; the next call signs. A crash after it leaves an old high-water
    mark, which accuses nobody. A process that does not sign wakes the one that leads, and returns None.
    Raises: LogStateError(root-differs | log-fenced | log-key-missing); LeadLostError when another process leads now.
    """
    if not own.signs:
        await run_tx(pool, lambda conn: wake.wake(conn, wake.ANNOUNCE))
        return None

    async def work(conn: Connection) -> Mark | None:
        size, root, _, state = await origins.lock_head(conn, own.origin_id)
        latest = await own_log.signed_latest(conn, own.origin_id)
        if state in UNWRITABLE or (latest is not None and latest.size > size):
            return None
        live = [v for v in await origins.origin_keys(conn, own.origin_id) if v.until_size is None]
        # Of the same size there are signatures already: only what a new key has not said yet is added.
        again = latest if latest is not None and latest.size == size else None
        said = _said(again.note, live) if again is not None else []
        signers = _signers(own, live, {line.key_id for line in said})
        if again is not None and not signers:
            return None
        await require_whole(conn, own)
        if await stored_root(conn, own.origin_id, size) != root or (again is not None and again.root != root):
            raise LogStateError(
                "root-differs",
                N_("le voci conservate non danno la radice attesa: la base dati è danneggiata"),
                hint=N_("non firmare; ripristinare la base dati e controllare il disco"),
            )
        if not signers:
            raise LogStateError(
                "log-key-missing",
                N_("nessuna delle chiavi con cui questo registro si firma è in questa cartella"),
                where=own.origin,
                hint=N_("ripristinare la chiave dalla copia di sicurezza; se è perduta, «rete keys rotate log --lost»"),
            )
        kept = b"".join(note.format_line(line.name, line.key_id, line.blob) for line in said)
        signed = note.sign(Checkpoint(own.origin, size, root).text(), signers) + kept
        if again is not None:
            await own_log.sign_again(conn, own.origin_id, size, root, signed)
        else:
            await own_log.insert_signed(conn, own.origin_id, size, root, signed, now)
        await fence.record(conn, own.origin_id, now)
        await origins.head_changed(conn, own.origin_id)
        await wake.wake(conn, wake.ANNOUNCE)
        return Mark(own.origin, size, root)

    mark = await run_tx(pool, work)
    if mark is None:
        return None
    await asyncio.to_thread(highwater.write, own.mark, mark)
    logger.info("checkpoint.signed", size=mark.size)
    return mark.size


def _said(signed: bytes, live: Sequence[keys.Verifier]) -> list[note.SignatureLine]:
    """Return the signatures on an own checkpoint by keys that still count."""
    known = {(verifier.name, verifier.id) for verifier in live}
    return [line for line in note.parse(signed).signatures if (line.name, line.key_id) in known]


def _signers(own: OwnLog, live: Sequence[keys.Verifier], spoken: Collection[bytes]) -> list[keys.Signer]:
    """Return what signs with each of the log's keys that is here and has not spoken yet."""
    held = [own.private(verifier.public) for verifier in live if verifier.id not in spoken]
    return [keys.LogSigner(own.origin, key) for key in held if key is not None]
