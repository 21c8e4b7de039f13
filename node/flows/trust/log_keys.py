"""The keys of logs: which ones speak for each, and what falls with one that was withdrawn (PROTOCOL 7.10).

In: the keys that the agreement lists for a log, inside the transaction that applies it. Out: rows. A key that was stolen has perhaps spoken
already: a head, a witness's memory or an accusation that rests on nothing but its word beyond the size that it is good for is taken back,
and the log is followed anew from its beginning. What any other key of the log said stays.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import structlog

from node.errors import PeerWrongError
from node.protocol import inconsistency, keys, merkle, tlog_proof
from node.protocol.agreement import Node
from node.protocol.keys import Verifier
from node.protocol.log_name import year
from node.store import cooperation, evidence, log_life, member_keys, origins, witness
from node.store.origins import Origin
from node.store.postgres import Connection

logger = structlog.get_logger()
Held = tuple[str, int | None]


def listed(node: Node) -> dict[str, list[Held]]:
    """Return (vkey, up to which size it counts) of each log of a node, by origin line; the newest last."""
    found: dict[str, list[Held]] = {}
    # An item without an end last, wherever it stands: its keys sign, and the last of them is the newest.
    for item in sorted(node.log, key=lambda item: item.until_size is None):
        held = found.setdefault(item.origin, [])
        held += [(keys.format_vkey(verifier.name, verifier.public), item.until_size) for verifier in item.verifiers]
    return found


def renamed(origin: str, held: Iterable[Held]) -> list[Held]:
    """Return the keys with which a later log goes on: those of the one before that were not withdrawn, under its own name."""
    return [(keys.format_vkey(origin, keys.parse_vkey(vkey).public), None) for vkey, until in held if until is None]


def of_log(by_origin: Mapping[str, Sequence[Held]], origin: str) -> Sequence[Held]:
    """Return the keys of one log of a node: those listed for it or, for a later log than any listed, those of the last that is."""
    if origin in by_origin:
        return by_origin[origin]
    before = max((known for known in by_origin if year(known) < year(origin)), key=year, default=None)
    return renamed(origin, by_origin[before]) if before is not None else ()


def newest(held: Sequence[Held]) -> str:
    """Return the key that is shown: the last that was not withdrawn, or the last."""
    return next((vkey for vkey, until in reversed(held) if until is None), held[-1][0])


async def change(conn: Connection, origin: str, held: Sequence[Held], now: dt.datetime) -> bool:
    """Let exactly these keys speak for an open log, the newest last; tell whether what was held of it had to be dropped."""
    row = await origins.origin_named(conn, origin)
    after = origins.read_keys(held)
    if row is None or set(row.verifiers) == set(after):
        return False
    await origins.set_origin_keys(conn, row.origin_id, held)
    if all(verifier.until_size is None for verifier in after):
        return False
    accused = not await _is_acquitted(conn, row, after, now)
    dropped = not row.is_own and any(_is_void(signed, after) for signed in (row.checkpoint, row.pending) if signed)
    if dropped:
        await cooperation.delete_origin(conn, row.origin_id)
        await log_life.forget(conn, row.origin_id, merkle.EMPTY_ROOT)
        logger.warning("log.key_withdrawn", origin=origin, size=row.size)
    if row.state == "quarantined":
        # What was dropped is 'new' by now, which a log that stays accused must not be.
        state = "quarantined" if accused else "waiting"
        code, text = (row.error_code, row.error_text) if accused else (None, None)
        await origins.set_state(conn, row.origin_id, state, code=code, text=text, now=row.error_at if accused else None)
    remembered = await witness.witnessed_note(conn, row.origin_hash)
    if remembered is not None and _is_void(remembered, after):
        await witness.forget_witnessed(conn, row.origin_id)
    return dropped


def _is_void(signed: bytes, verifiers: Sequence[Verifier]) -> bool:
    """Tell whether a head rests on nothing but a withdrawn key's word beyond its size."""
    try:
        tlog_proof.signed_checkpoint(signed, verifiers)
    except PeerWrongError as error:
        return error.code == "checkpoint-key-withdrawn"
    return False


async def _is_acquitted(conn: Connection, row: Origin, verifiers: Sequence[Verifier], now: dt.datetime) -> bool:
    """Tell whether nothing that accuses a log proves anything any more, and note it.

    The own log stays fenced until it was held against the others' copies: every start does that, and «rete log recover».
    """
    open_ones = [raw for _, raw, _, released in await evidence.evidence_of(conn, row.origin_id) if released is None]
    if not open_ones or any(_proves(raw, verifiers) for raw in open_ones):
        return False
    await evidence.release_evidence(conn, row.origin_id, now)
    logger.warning("log.acquitted", origin=row.origin)
    return True


def _proves(raw: bytes, verifiers: Sequence[Verifier]) -> bool:
    try:
        inconsistency.verify(inconsistency.parse(raw), verifiers, kept=True)
    except PeerWrongError:
        return False
    return True


async def change_own(conn: Connection, node: Node, now: dt.datetime) -> None:
    """Let the keys that are listed for this node speak for its own logs; a later one that is not listed yet goes on under the last's."""
    by_origin = listed(node)
    for row in await origins.list_origins(conn, node.id):
        held = of_log(by_origin, row.origin) if row.is_own else ()
        if held:
            await change(conn, row.origin, held, now)


async def note_http_keys(conn: Connection, before: Sequence[Node], after: Sequence[Node], *, by_council: bool) -> None:
    """Note the request keys that members have from now on, and who took away those that are gone.

    A node gives a key up by a routine change, with its own consent: what it said with it stays said. What the council takes away was
    lost or stolen: nobody can tell any more who speaks with it (PROTOCOL 7.10).
    """
    known = {node.id: node.http for node in before}
    for node in after:
        if known.get(node.id) != node.http:
            await member_keys.keep(conn, node.id, [key.public for key in node.http], by_council=by_council)
