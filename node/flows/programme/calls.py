"""Write a call, endorse it: this office's copy, and the same bytes in its own log.

In: the inner document of a call, or the id of one that another issuer has endorsed. Out: this office's copy; the entry in the log. Rules:
only an issuer endorses; what was endorsed here is never written anew (it is withdrawn for ever, and a new call is another call); an
endorsement takes the bytes of this office's copy and of nothing else; whoever endorses is not whoever wrote or took the text here, which the
database refuses too (``call_four_eyes``); endorsing again changes nothing. Source: PROTOCOL 14, docs/calls.md.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Final
from zoneinfo import ZoneInfo

from node.config import Config
from node.domain import officers
from node.domain.programme import call as rules
from node.domain.programme.call import Call
from node.errors import N_, CallerError, NotFoundError, ReteError
from node.flows.logs.append import OwnLog, sign_head
from node.flows.programme import announce, issued
from node.flows.programme.announce import Announced
from node.flows.registry.acting import tell, who
from node.protocol import canonical, limits
from node.store import calls
from node.store.calls import Kept
from node.store.postgres import Connection, Pool, acquire, run_tx

ITALY: Final = ZoneInfo("Europe/Rome")


def read_document(raw: bytes) -> tuple[Call, dict[str, Any]]:
    """Return the call of a JSON file, however it is laid out. Raises: CallerError(call-bad)."""
    try:
        # Whatever lies in it that a log does not carry (fractions, odd texts) is refused by the canonical form.
        document = canonical.parse(canonical.dumps(json.loads(raw)), max_bytes=limits.BODY_MAX_BYTES)
    except (ValueError, RecursionError, ReteError) as error:
        raise rules.bad("call", N_("il testo non è JSON come serve a un registro firmato")) from error
    return rules.parse(document), document


async def write(pool: Pool, own_id: str, document: dict[str, Any], now: dt.datetime) -> Call:
    """Keep a call that this office writes, or writes anew before anybody here endorsed it.

    Raises: CallerError call-bad, call-foreign, call-endorsed.
    """
    call = rules.parse(document)
    _require_issuer(call, own_id)
    raw = rules.encode(document)

    async def work(conn: Connection) -> bool:
        await tell(conn)
        if await calls.insert(conn, call.call_id, raw, call.digest, call.evaluators, now):
            return True
        kept = await calls.read(conn, call.call_id)
        return (kept is not None and kept.digest == call.digest) or await calls.rewrite(
            conn, call.call_id, raw, call.digest, call.evaluators, now
        )

    if not await run_tx(pool, work):
        raise CallerError(
            "call-endorsed", N_("questo bando è già approvato qui: il suo testo non cambia"), where=call.call_id,
            hint=N_("ritirarlo dal registro, o scriverne uno nuovo con un altro identificativo"),
        )  # fmt: skip
    return call


async def adopt(pool: Pool, own_id: str, call_id: str, now: dt.datetime) -> Call:
    """Keep the text of a call that another issuer has endorsed, to be read and endorsed here.

    Raises: NotFoundError(call-unknown), CallerError call-contested, call-foreign, call-endorsed.
    """
    texts = await issued.of_id(pool, call_id, now)
    if not texts:
        raise issued.unknown(call_id)
    if len(texts) > 1:
        raise CallerError("call-contested", N_("gli enti hanno approvato testi diversi di questo bando"), where=call_id)
    return await write(pool, own_id, dict(texts[0].document), now)


async def endorse(
    pool: Pool, config: Config, own: OwnLog, call_id: str, digest: str, now: dt.datetime
) -> tuple[Call, Announced]:
    """Put this office's copy of a call into its own log, if it has the digest that whoever endorses has read.

    Raises: NotFoundError(call-not-kept); CallerError call-digest-other, call-own, officer-name-bad, call-late, and as ``announce.put``.
    """

    async def work(conn: Connection) -> tuple[Call, Announced]:
        await tell(conn)
        kept = await _kept(conn, call_id)
        if kept.digest != digest:
            raise CallerError(
                "call-digest-other", N_("il testo tenuto qui non è quello con questa impronta"), where=call_id,
                hint=N_("rileggere il bando («rete call show») e indicare la sua impronta"),
            )  # fmt: skip
        if kept.endorsed_at is None and officers.is_same(kept.written_by, officers.check(who())):
            raise CallerError(
                "call-own", N_("chi ha scritto il bando, o ne ha preso il testo, non lo approva: serve un secondo funzionario"), where=call_id,
            )  # fmt: skip
        call, document = stored(kept)
        if now >= call.closes:
            raise CallerError("call-late", N_("il bando è già scaduto: non si approva più"), where=call_id)
        first, last = (moment.astimezone(ITALY).date() for moment in (call.opens, call.closes))
        envelope = {**rules.announced(call, document, first, last), "id": kept.item_id}
        done = await announce.put(conn, config, own, now, envelope)
        await calls.endorse(conn, call_id, now)
        return call, done

    found = await run_tx(pool, work)
    await sign_head(pool, own, now)
    return found


async def take_back(pool: Pool, own: OwnLog, call_id: str, now: dt.datetime) -> None:
    """Withdraw this office's endorsement for ever: the call is closed from then on.

    Raises: NotFoundError call-not-kept, announcement-unknown.
    """

    async def work(conn: Connection) -> None:
        await tell(conn)
        kept = await _kept(conn, call_id)
        await announce.take_back(conn, own, now, kept.item_id)

    await run_tx(pool, work)
    await sign_head(pool, own, now)


async def kept_calls(pool: Pool) -> list[tuple[Call, Kept]]:
    """Return this office's copies."""
    async with acquire(pool) as conn:
        return [(stored(one)[0], one) for one in await calls.list_all(conn)]


async def kept_call(pool: Pool, call_id: str) -> tuple[Call, Kept]:
    """Return this office's copy of a call. Raises: NotFoundError(call-not-kept)."""
    async with acquire(pool) as conn:
        kept = await _kept(conn, call_id)
    return stored(kept)[0], kept


async def _kept(conn: Connection, call_id: str) -> Kept:
    kept = await calls.read(conn, call_id) if rules.is_id(call_id) else None
    if kept is None:
        raise NotFoundError(
            "call-not-kept", N_("questo ufficio non ha quel bando: {id}"), id=call_id[:60],
            hint=N_("«rete call draft --from-log» prende il testo che un altro ente ha approvato"),
        )  # fmt: skip
    return kept


def stored(kept: Kept) -> tuple[Call, dict[str, Any]]:
    """Return the call of an office's copy."""
    document = canonical.parse(kept.document, max_bytes=limits.BODY_MAX_BYTES)
    return rules.parse(document), document


def _require_issuer(call: Call, own_id: str) -> None:
    if own_id not in {issuer.node for issuer in call.issuers}:
        raise CallerError(
            "call-foreign", N_("questo ente non è tra quelli che emettono il bando"), where="issuers",
        )  # fmt: skip
