"""Grants of a joint call at this office: instalments, expense reports, revocations.

In: connections inside transactions that the flow told who acts. Out: how each grant stands. Each step is added, none is changed; the
chain of decisions has each (migration 0049).
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from node.domain.programme.grants import Account
from node.store.calls import protocol_of
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("call_grants")


@dataclass(frozen=True, slots=True)
class Steps:
    """How a grant stands, and how many steps of each sort there were."""

    account: Account
    instalments: int
    expenses: int
    revocations: int


async def insert(
    conn: Connection, application_id: str, call_id: str, edition: int, granted: Decimal, day: dt.date
) -> bool:
    """Grant; False when it is granted already."""
    key = uuid.UUID(application_id)
    return await conn.fetchval(QUERIES["insert"], key, uuid.UUID(call_id), edition, granted, day) is not None


async def held(conn: Connection, application_id: str) -> Steps | None:
    """Return how a grant stands, which nobody else changes until this transaction ends; None where nothing is granted."""
    key = uuid.UUID(application_id)
    if await conn.fetchval(QUERIES["hold"], key) is None:
        return None
    row = dict(await conn.fetchrow(QUERIES["account"], key))
    account = Account(row["granted"], row["revoked"], row["paid"], row["accepted"])
    return Steps(account, row["instalments"], row["expenses"], row["revocations"])


async def pay(conn: Connection, application_id: str, number: int, amount: Decimal, day: dt.date) -> None:
    """Note an instalment."""
    await conn.execute(QUERIES["pay"], uuid.UUID(application_id), number, amount, day)


async def report(
    conn: Connection, application_id: str, number: int, reported: Decimal, accepted: Decimal, note: str, day: dt.date
) -> None:
    """Note an expense report."""
    await conn.execute(QUERIES["report"], uuid.UUID(application_id), number, reported, accepted, note, day)


async def revoke(
    conn: Connection, application_id: str, number: int, amount: Decimal, reason: str, day: dt.date
) -> None:
    """Note a revocation."""
    await conn.execute(QUERIES["revoke"], uuid.UUID(application_id), number, amount, reason, day)


async def set_aid_code(conn: Connection, application_id: str, code: str) -> None:
    """Note the code that the national register of aid gave."""
    await conn.execute(QUERIES["set_aid_code"], uuid.UUID(application_id), code)


async def list_all(conn: Connection, call_id: str) -> list[dict[str, Any]]:
    """Return the grants of a call at this office."""
    return [
        {**dict(row), "application_id": str(row["application_id"]), "protocol": protocol_of(row["year"], row["number"])}
        for row in await conn.fetch(QUERIES["list"], uuid.UUID(call_id))
    ]
