"""The ranking of a joint call: computed, computed again by the other issuers, published by a second officer of each.

In: the call, this office's applications, what the other issuers told of theirs. Out: a proposal; entries of the own log. Rules: the first
issuer draws the ranking's id, moment and edition; the others compute their own from the same facts and go on only if it is the same to the
byte; whoever published is not whoever proposed, at every issuer; what was published is never changed, and a new edition says what became of
it. Source: PROTOCOL 14.7; docs/calls.md.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from node.config import Config
from node.domain import officers
from node.domain.programme import call as rules
from node.domain.programme import exchanged, published_ranking
from node.domain.programme.call import Call
from node.domain.programme.published_ranking import Applied, Head, moment_of
from node.errors import N_, CallerError
from node.flows.logs.append import OwnLog, sign_head
from node.flows.programme import announce, call_sheets, issued
from node.flows.programme import calls as texts
from node.flows.registry.acting import tell
from node.store import calls
from node.store.calls import Proposal
from node.store.postgres import Connection, Pool, acquire, run_tx

CLOCKS_APART = dt.timedelta(minutes=10)
Parts = Sequence[Mapping[str, Any]]


async def propose(pool: Pool, own_id: str, call_id: str, now: dt.datetime) -> Proposal:
    """Compute the ranking and keep it for a second officer to publish.

    Raises: NotFoundError(call-not-kept); CallerError ranking-early, call-not-endorsed, sheets-missing, scores-missing,
    ranking-lead-missing, ranking-differs, ranking-published.
    """
    call, _ = await texts.kept_call(pool, call_id)
    await _require_closed(pool, call, now)
    lead = None if own_id == call.lead else await _lead(pool, call)

    async def work(conn: Connection) -> None:
        await tell(conn)
        await calls.hold(conn, call_id)
        before = await calls.rankings(conn, call_id)
        head = _drawn(before, now) if lead is None else _head(lead)
        if not call.closes <= head.at <= now + CLOCKS_APART:
            raise CallerError(
                "ranking-early", N_("la graduatoria si calcola dopo la scadenza del bando"), where=call_id
            )
        if any(one.edition == head.edition and one.published_at for one in before):
            raise CallerError(
                "ranking-published", N_("questa edizione della graduatoria è già pubblicata"), where=call_id
            )
        rows = published_ranking.compute(call, await _applied(conn, own_id, call))
        parts = published_ranking.documents(call, head, rows)
        if lead is not None and published_ranking.digest_of(parts) != published_ranking.digest_of(lead):
            raise CallerError(
                "ranking-differs", N_("la graduatoria calcolata qui non è quella di {lead}: prima differenza, domanda {id}"),
                where=call_id, hint=N_("scambiare di nuovo le schede («rete call export-sheets») e ripetere"), lead=call.lead,
                id=published_ranking.first_difference(parts, lead) or "-",
            )  # fmt: skip
        await calls.propose(conn, call_id, head, parts, published_ranking.digest_of(parts), now)

    await run_tx(pool, work)
    return (await proposals(pool, call_id))[0]


async def _require_closed(pool: Pool, call: Call, now: dt.datetime) -> None:
    found = {one.call.digest: one for one in await issued.of_id(pool, call.call_id, now)}
    standing = found[call.digest].standing if call.digest in found else None
    if standing is None or not standing.is_endorsed:
        raise CallerError("call-not-endorsed", N_("il bando non è approvato nello stesso testo da tutti gli enti"), where=call.call_id)  # fmt: skip
    if standing.state != rules.CLOSED:
        raise CallerError(
            "ranking-early", N_("la graduatoria si calcola dopo la scadenza del bando"), where=call.call_id
        )


async def _lead(pool: Pool, call: Call) -> Parts:
    parts = published_ranking.whole((await issued.rankings(pool, call)).parts.get(call.lead, ()))
    if parts is None:
        raise CallerError(
            "ranking-lead-missing", N_("{lead}, che calcola per primo, non ha ancora pubblicato la graduatoria"),
            where=call.call_id, hint=N_("«rete sync» rilegge il suo registro"), lead=call.lead,
        )  # fmt: skip
    return parts


def _drawn(before: Sequence[Proposal], now: dt.datetime) -> Head:
    published = [one.edition for one in before if one.published_at]
    return Head(str(uuid.uuid4()), now, max(published, default=0) + 1)


def _head(lead: Parts) -> Head:
    return Head(lead[0]["id"], moment_of(lead[0]["at"]), lead[0]["edition"])


async def _applied(conn: Connection, own_id: str, call: Call) -> list[Applied]:
    """Return all applications of all issuers. Raises: CallerError sheets-missing, scores-missing."""
    missing = {issuer.node for issuer in call.issuers} - {own_id} - await calls.offices(conn, call.call_id)
    if missing:
        raise CallerError(
            "sheets-missing", N_("mancano le schede di {offices}"), where=call.call_id,
            hint=N_("farsele mandare («rete call export-sheets») e leggerle («rete call import-sheets»)"),
            offices=", ".join(sorted(missing)),
        )  # fmt: skip
    own = [item.applied for item in await call_sheets.own_applications(conn, own_id, call)]
    others = [
        exchanged.read_facts(call, row.office, {**row.facts, "network": row.network_key or "-"}).applied
        for row in await calls.sheets(conn, call.call_id)
    ]
    return own + others


async def proposals(pool: Pool, call_id: str) -> list[Proposal]:
    """Return the rankings that this office computed, the newest first."""
    async with acquire(pool) as conn:
        return await calls.rankings(conn, call_id)


async def publish(
    pool: Pool, config: Config, own: OwnLog, call_id: str, digest: str, officer: str, now: dt.datetime
) -> Proposal:
    """Put the proposed ranking into the own log, by another officer than whoever proposed it, who says which one by its digest.

    Raises: NotFoundError(call-not-kept); CallerError ranking-none, ranking-digest-other, ranking-own; as ``announce.put``.
    """
    call, _ = await texts.kept_call(pool, call_id)

    async def work(conn: Connection) -> None:
        await tell(conn)
        await calls.hold(conn, call_id)
        newest = next(iter(await calls.rankings(conn, call_id)), None)
        if newest is None:
            raise CallerError("ranking-none", N_("non c'è una graduatoria da pubblicare"), where=call_id)
        if newest.digest != digest:
            raise CallerError(
                "ranking-digest-other", N_("la graduatoria proposta non è quella con questa impronta"), where=call_id,
                hint=N_("rileggerla e indicare la sua impronta"),
            )  # fmt: skip
        if newest.published_at is None:
            if officers.is_same(newest.proposed_by, officer):
                raise CallerError("ranking-own", N_("chi ha proposto la graduatoria non la pubblica: serve un secondo funzionario"))  # fmt: skip
            await calls.publish(conn, call_id, newest.edition, now)
        await _announce(conn, config, own, call, newest, now)

    await run_tx(pool, work)
    await sign_head(pool, own, now)
    return (await proposals(pool, call_id))[0]


async def _announce(
    conn: Connection, config: Config, own: OwnLog, call: Call, newest: Proposal, now: dt.datetime
) -> None:
    items, beyond = await calls.ranking_items(conn, call.call_id, len(newest.parts))
    for item_id, part in zip(items, newest.parts, strict=True):
        document = {
            "type": "ranking/1", "id": item_id, "title": {"it": f"Graduatoria: {call.title['it']}"[:200]},
            "summary": {"it": f"Parte {part['part']} di {part['parts']}, edizione {part['edition']}."}, "regions": list(call.regions),
            "begins": None, "ends": None, "deadline": part["appeals_until"], "ranking": part,
        }  # fmt: skip
        await announce.put(conn, config, own, now, document)
    for item_id in beyond:
        await announce.take_back(conn, own, now, item_id)
