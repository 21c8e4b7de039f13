"""Vouching: who vouches for a log's head, and this node's own word as its mirror.

In: an origin's row whose head was reached as a whole. Out: since when a quorum of its witnesses vouches, and the note this node
serves as a mirror: the checkpoint with its mirror cosignature. That cosignature is the erasure receipt: it is made only after the
commit that erased what the log withdrew up to there. Source: PROTOCOL 6.6, 6.7.
"""

from __future__ import annotations

import datetime as dt

from node.flows.logs.extend import Target
from node.protocol import inconsistency, limits, note, witness
from node.protocol.member import Cosigner, Membership
from node.store import origins
from node.store.origins import Origin
from node.store.postgres import Connection, Pool, run_tx

# A cosignature from further ahead than clocks may differ says nothing about now.
_AHEAD = dt.timedelta(seconds=limits.CLOCK_SKEW_S)


async def vouch(
    pool: Pool, origin: Origin, membership: Membership | None, mirror: Cosigner | None, now: dt.datetime
) -> None:
    """Read what the witnesses say of the head that was just reached, and add this node's word as a mirror."""

    async def work(conn: Connection) -> None:
        row = await origins.origin_named(conn, origin.origin)
        if row is not None and row.checkpoint is not None and row.checkpoint_size == row.size:
            await _keep(conn, row, row.checkpoint, membership, mirror, now)

    await run_tx(pool, work)


async def refresh(
    pool: Pool, origin: Origin, target: Target, membership: Membership | None, mirror: Cosigner | None, now: dt.datetime
) -> None:
    """Keep a known head's note with newer cosignatures; a witness's silence never replaces its word."""
    if origin.checkpoint is None or target.note == origin.checkpoint:
        return
    if _merged(origin, target.note, membership, now)[0] == origin.checkpoint:
        return

    async def work(conn: Connection) -> None:
        await _keep(conn, origin, target.note, membership, mirror, now)

    await run_tx(pool, work)


def _merged(origin: Origin, fresh: bytes, membership: Membership | None, now: dt.datetime) -> tuple[bytes, list[int]]:
    """Return the note with the log's own line and the newest good cosignature of each of its witnesses, and their times.

    Nothing else is carried on: strangers' lines would let a log swell what every relay repeats.
    """
    verifiers = {} if membership is None else membership.witnesses_of(origin.origin, origin.owner)
    parsed = note.parse(fresh)
    known = note.parse(origin.checkpoint) if origin.checkpoint else parsed
    lines = [*parsed.signatures, *(known.signatures if known.text == parsed.text else ())]
    cosigned = [c for c in witness.read_cosignatures(lines, parsed.text, verifiers) if _timely(c, now)]
    # Of several keys one line may be missing here and another there: what two nodes hold of the log's own word adds up.
    log_keys = {(verifier.name, verifier.id) for verifier in origin.verifiers}
    # In one order, whichever came first: or two nodes would tell each other the same thing for ever.
    own = sorted((line for line in lines if (line.name, line.key_id) in log_keys), key=lambda line: line.key_id)
    said = [note.format_line(line.name, line.key_id, line.blob) for line in own]
    bare = inconsistency.bare(parsed.text + b"\n" + b"".join(said), origin.verifiers)
    return bare + b"".join(c.line for c in cosigned), [c.at for c in cosigned]


def _timely(found: witness.Cosigned, now: dt.datetime) -> bool:
    return found.at <= (now + _AHEAD).timestamp()


async def _keep(
    conn: Connection,
    origin: Origin,
    fresh: bytes,
    membership: Membership | None,
    mirror: Cosigner | None,
    now: dt.datetime,
) -> None:
    merged, times = _merged(origin, fresh, membership, now)
    origin_id, size = origin.origin_id, origin.checkpoint_size
    await origins.set_checkpoint(conn, origin_id, merged, size)
    quorum = limits.WITNESS_QUORUM if membership is None else membership.quorum
    since = moment(witness.quorum_time(times, quorum))
    await origins.set_witnessed(conn, origin_id, size, since, moment(max(times, default=None)))
    if mirror is not None and not origin.is_own:
        line = witness.cosign(mirror.name, mirror.key, note.parse(merged).text, int(now.timestamp()))
        await origins.set_relayed(conn, origin_id, merged + line, size)


def moment(seconds: int | None) -> dt.datetime | None:
    """Return a time in unix seconds as a moment."""
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)
