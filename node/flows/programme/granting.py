"""Grants: decided from a signed ranking after the appeals, paid in instalments against expenses, revoked, told to the register of aid.

In: an application of this office with a place in the ranking. Out: how its grant stands; the file for the national register of aid.
Rules: only what every issuer has published to the byte is granted, and the amount is the ranking's; not before the appeals window is over;
the de minimis ceiling is looked at once more, with what better placed applications give the same undertaking; each step is one
transaction that holds the grant. Source: PROTOCOL 14.8; docs/calls.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from node.domain.programme import eligibility, grants, published_ranking
from node.domain.programme.call import Call
from node.domain.programme.eligibility import Undertaking
from node.errors import N_, CallerError, NotFoundError
from node.flows.programme import applying, issued
from node.flows.programme import calls as texts
from node.flows.programme.calls import ITALY
from node.flows.registry.acting import tell
from node.store import call_grants, calls
from node.store.call_grants import Steps
from node.store.postgres import Connection, Pool, acquire, run_tx
from node.store.table import csv_table, csv_text

FUNDED: Final = (grants.FUNDED, grants.PART_FUNDED)
BASIS: Final = "Reg. (UE) 2023/2831"
AID_COLUMNS: Final = (
    "call_id", "application_id", "protocol", "network", "undertaking_tax_code", "legal_basis", "granted_on", "granted",
    "revoked", "paid", "aid_code",
)  # fmt: skip


async def grant(pool: Pool, application_id: str, now: dt.datetime) -> Decimal:
    """Grant what the signed ranking gives an application of this office; again changes nothing.

    Raises: NotFoundError application-unknown, call-not-kept; CallerError ranking-unsigned, ranking-old, appeals-open,
    application-unfunded, grant-over-ceiling.
    """
    found = (await applying.read(pool, application_id)).application
    call, _ = await texts.kept_call(pool, found.call_id)
    rows, edition = await _signed_rows(pool, call, now)
    row = next((row for row in rows if row["id"] == application_id), None)
    if row is None or row["status"] not in FUNDED or found.withdrawn_at is not None:
        raise CallerError(
            "application-unfunded",
            N_("la graduatoria non assegna un contributo a questa domanda"),
            where=found.protocol,
        )
    granted = Decimal(row["granted"])

    async def work(conn: Connection) -> None:
        await tell(conn)
        await calls.hold(conn, call.call_id)
        if next((one.edition for one in await calls.rankings(conn, call.call_id) if one.published_at), 0) != edition:
            raise CallerError("ranking-old", N_("questo ufficio non ha ancora pubblicato questa edizione della graduatoria"))  # fmt: skip
        await _require_room(conn, call, rows, row, now.astimezone(ITALY).date())
        await call_grants.insert(conn, application_id, call.call_id, edition, granted, now.astimezone(ITALY).date())

    await run_tx(pool, work)
    return granted


async def _signed_rows(pool: Pool, call: Call, now: dt.datetime) -> tuple[list[Mapping[str, Any]], int]:
    published = await issued.rankings(pool, call)
    if not published.is_signed:
        raise CallerError("ranking-unsigned", N_("la graduatoria non è ancora pubblicata uguale da tutti gli enti"), where=call.call_id)  # fmt: skip
    parts = published.parts[call.lead]
    until = dt.date.fromisoformat(parts[0]["appeals_until"])
    if now.astimezone(ITALY).date() <= until:
        raise CallerError("appeals-open", N_("il termine per i ricorsi scade il {day}"), where=call.call_id, day=until)
    return [row for part in parts for row in part["rows"]], parts[0]["edition"]


async def _require_room(
    conn: Connection, call: Call, rows: list[Mapping[str, Any]], row: Mapping[str, Any], day: dt.date
) -> None:
    """Refuse a grant with which, after better placed ones, an undertaking would be above the ceiling."""
    funded = [one for one in rows if one["status"] in FUNDED and one["rank"] <= row["rank"]]
    known = await calls.undertakings(conn, [one["id"] for one in funded])
    own = {one.code for one in known[row["id"]]}
    counted: list[Undertaking] = []
    for one in funded:
        split = grants.parts_of(Decimal(one["granted"]), [each.part for each in known[one["id"]]])
        counted += [
            Undertaking(each.code, part) for each, part in zip(known[one["id"]], split, strict=True) if each.code in own
        ]
    counted += [Undertaking(one.code, Decimal(), one.aids) for one in known[row["id"]]]
    if eligibility.over_ceiling(call, counted, day):
        raise CallerError(
            "grant-over-ceiling", N_("con questo contributo un'impresa unica supererebbe il massimale de minimis"),
            hint=N_("verificare gli aiuti della rete; il contributo non si concede"),
        )  # fmt: skip


async def _step(pool: Pool, application_id: str, work: Any) -> grants.Account:
    async def held(conn: Connection) -> grants.Account:
        await tell(conn)
        await applying.one(conn, application_id)
        steps = await call_grants.held(conn, application_id)
        if steps is None:
            raise NotFoundError("grant-unknown", N_("questa domanda non ha un contributo"))
        await work(conn, steps)
        after = await call_grants.held(conn, application_id)
        return steps.account if after is None else after.account

    return await run_tx(pool, held)


async def account(pool: Pool, application_id: str) -> grants.Account:
    """Return how a grant stands. Raises: NotFoundError application-unknown, grant-unknown."""

    async def look(_conn: Connection, _steps: Steps) -> None:
        return None

    return await _step(pool, application_id, look)


async def pay(pool: Pool, application_id: str, amount: Decimal, day: dt.date) -> grants.Account:
    """Note that an instalment was paid; return how the grant stands then.

    Raises: NotFoundError application-unknown, grant-unknown; CallerError amount-bad, instalment-too-much, instalment-uncovered.
    """
    _require_amount(amount)

    async def work(conn: Connection, steps: Steps) -> None:
        grants.check_payment(steps.account, amount, is_first=steps.instalments == 0)
        await call_grants.pay(conn, application_id, steps.instalments + 1, amount, day)

    return await _step(pool, application_id, work)


async def report(
    pool: Pool, application_id: str, reported: Decimal, accepted: Decimal, note: str, day: dt.date
) -> grants.Account:
    """Note an expense report and how much of it is accepted. Raises: as ``pay``, CallerError(expense-bad)."""
    _require_amount(reported)
    if not 0 <= accepted <= reported or len(note) > 1000:
        raise CallerError("expense-bad", N_("le spese accettate non superano quelle rendicontate"), where="accepted")

    async def work(conn: Connection, steps: Steps) -> None:
        await call_grants.report(conn, application_id, steps.expenses + 1, reported, accepted, note, day)

    return await _step(pool, application_id, work)


async def revoke(pool: Pool, application_id: str, amount: Decimal, reason: str, day: dt.date) -> grants.Account:
    """Revoke a grant or part of it, for a reason. Raises: as ``pay``, CallerError revocation-bad, revocation-reason-missing."""
    if not reason.strip() or len(reason) > 1000:
        raise CallerError("revocation-reason-missing", N_("serve un motivo, che resta scritto"), where="reason")

    async def work(conn: Connection, steps: Steps) -> None:
        grants.check_revocation(steps.account, amount)
        await call_grants.revoke(conn, application_id, steps.revocations + 1, amount, reason.strip(), day)

    return await _step(pool, application_id, work)


async def set_aid_code(pool: Pool, application_id: str, code: str) -> grants.Account:
    """Note the code that the national register of aid gave a grant. Raises: as ``account``, CallerError(aid-code-bad)."""
    if not code.isascii() or not code.isalnum() or len(code) > 40:
        raise CallerError("aid-code-bad", N_("il codice dell'aiuto ha lettere e cifre, al più 40"), where="code")

    async def work(conn: Connection, _steps: Steps) -> None:
        await call_grants.set_aid_code(conn, application_id, code)

    return await _step(pool, application_id, work)


def _require_amount(amount: Decimal) -> None:
    if amount <= 0:
        raise CallerError("amount-bad", N_("importo non valido"), where="amount")


async def list_all(pool: Pool, call_id: str) -> list[dict[str, Any]]:
    """Return the grants of a call at this office. Raises: NotFoundError(call-not-kept)."""
    await texts.kept_call(pool, call_id)
    async with acquire(pool) as conn:
        return await call_grants.list_all(conn, call_id)


async def aid_register(pool: Pool, call_id: str) -> bytes:
    """Return the CSV for the national register of aid: a line for each single undertaking of each grant (docs/calls.md).

    Raises: NotFoundError(call-not-kept).
    """
    found = await list_all(pool, call_id)
    async with acquire(pool) as conn:
        known = await calls.undertakings(conn, [one["application_id"] for one in found])
    lines = []
    for one in found:
        undertakings = [each for each in known[one["application_id"]] if each.part > 0]
        parts = [each.part for each in undertakings]
        split = (
            [grants.parts_of(one[name], parts) for name in ("granted", "revoked", "paid")] if parts else [[], [], []]
        )
        for undertaking, granted, revoked, paid in zip(undertakings, *split, strict=True):
            lines.append(
                (
                    call_id, one["application_id"], one["protocol"], csv_text(one["network"] or ""), undertaking.code, BASIS,
                    one["granted_on"], *(published_ranking.written(amount) for amount in (granted, revoked, paid)), one["aid_code"],
                )
            )  # fmt: skip
    return csv_table(AID_COLUMNS, lines)
