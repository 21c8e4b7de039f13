"""The own log: append in the business transaction, then sign, then show.

In: operations (publish, update, withdraw) with their bodies. Out: entries, bodies and cooperation rows in the caller's
transaction; later, in a transaction of its own, one signed checkpoint. Own data passes the same gate as a peer's.
Source: PROTOCOL 6 (own append, signing).
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import N_, LogStateError
from node.flows.ingest import ingest_bodies, ingest_entries, open_bodies
from node.protocol import body, entry, feed, keys, merkle, note, tiles
from node.protocol.checkpoint import Checkpoint
from node.store import log, schemas
from node.store.postgres import Connection, Pool, run_tx

logger = structlog.get_logger()
EPOCH_DAY = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing to write: ``raw`` is the canonical body, None for a withdrawal."""

    item_id: str
    raw: bytes | None


async def append(
    conn: Connection, origin_id: int, owner: str, operations: Sequence[Operation], now: dt.datetime
) -> list[int]:
    """Append operations to the own log inside the caller's transaction; return their positions.

    Order is the caller's (it shuffles a round). Raises: LogStateError when the gate refuses our own entries.
    """
    size, root, range_hashes, state = await log.lock_head(conn, origin_id)
    if state in ("quarantined", "closed"):
        raise LogStateError(
            "log-not-writable", N_("il registro firmato è nello stato {state}: non si scrive"), state=state
        )
    origin = await _origin_line(conn)
    known = {
        i: (last, rev, dead)
        for i, last, rev, dead in await log.items_by_id(conn, origin_id, {o.item_id for o in operations})
    }
    day = (now.date() - EPOCH_DAY).days
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
    extension = _through_the_gate(feed.Head(origin, size, root, range_hashes), raws)
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


async def _origin_line(conn: Connection) -> str:
    own = [o for o in await log.list_origins(conn) if o.is_own]
    return own[0].origin


def _through_the_gate(known: feed.Head, raws: Sequence[bytes]) -> feed.Extension:
    grown = merkle.CompactRange.load(known.size, known.range_hashes)
    grown.extend(merkle.leaf_hash(raw) for raw in raws)
    target = Checkpoint(known.origin, grown.size, grown.root())
    return feed.extend_entries(known, target, raws)


async def sign_head(pool: Pool, origin_id: int, key: Ed25519PrivateKey, now: dt.datetime) -> int | None:
    """Sign the own head if it is not signed yet; return its size when a new checkpoint was made.

    The root is recomputed from the stored entries and subtree roots first: a flipped bit must never be signed.
    A crash before the commit leaves the old checkpoint; the next call signs. Raises: LogStateError(root-differs).
    """

    async def work(conn: Connection) -> int | None:
        size, root, _, state = await log.lock_head(conn, origin_id)
        latest = await log.signed_latest(conn, origin_id)
        if state in ("quarantined", "closed") or (latest is not None and latest.size >= size):
            return None
        if await _stored_root(conn, origin_id, size) != root:
            raise LogStateError(
                "root-differs",
                N_("le voci conservate non danno la radice attesa: la base dati è danneggiata"),
                hint=N_("non firmare; ripristinare la base dati e controllare il disco"),
            )
        origin = await _origin_line(conn)
        text = Checkpoint(origin, size, root).text()
        signed = note.sign(text, [keys.LogSigner(origin, key)])
        await log.insert_signed(conn, origin_id, size, root, signed, now)
        return size

    size = await run_tx(pool, work)
    if size is not None:
        logger.info("checkpoint.signed", size=size)
    return size


async def _stored_root(conn: Connection, origin_id: int, size: int) -> bytes:
    full, tail = divmod(size, tiles.TILE_WIDTH)
    grown = merkle.CompactRange()
    for digest in await _all_subtrees(conn, origin_id, full):
        grown.append(digest, tiles.TILE_WIDTH)
    for raw in await log.entries_between(conn, origin_id, full * tiles.TILE_WIDTH, full * tiles.TILE_WIDTH + tail):
        grown.append(merkle.leaf_hash(raw))
    return grown.root()


async def _all_subtrees(conn: Connection, origin_id: int, full: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < full:
        part = await log.subtrees_between(conn, origin_id, 1, len(found), full)
        if not part:
            break
        found += part
    return found
