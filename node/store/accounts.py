"""Accounts as the database keeps them: who may sign in, with which roles, and what was tried without success.

In: connections inside transactions that the flow opened, after ``act_as`` where somebody acts: the database's own triggers write
what is done to accounts into the chain of decisions (migration 0025). Out: rows as values; hashes and sealed secrets, never a
password. No public or peer-facing route can import this (tests/test_house.py).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import asyncpg

from node.domain.accounts import Limit
from node.store.postgres import Connection, load_queries

QUERIES = load_queries("accounts")
# Whatever hinders an event: the refusal that it tells of stands all the same.
UNTOLD = (asyncpg.PostgresError, asyncpg.InterfaceError)
ACCOUNT, ADDRESS, CODE = "account", "address", "code"


@dataclass(frozen=True, slots=True)
class Account:
    """An account as administrators see it."""

    account_id: str
    name: str
    created_at: dt.datetime
    disabled_at: dt.datetime | None
    has_password: bool
    factor_at: dt.datetime | None
    external_name: str | None
    roles: tuple[str, ...]
    sessions: int


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a sign-in is judged by."""

    account_id: uuid.UUID
    name: str
    disabled_at: dt.datetime | None
    password_hash: str | None = field(repr=False)
    factor_sealed: bytes | None = field(repr=False)
    factor_at: dt.datetime | None


async def act_as(conn: Connection, officer: str) -> None:
    """Tell the database who acts in this transaction."""
    await conn.execute(QUERIES["act_as"], officer)


async def insert(conn: Connection, account_id: uuid.UUID, name: str, now: dt.datetime) -> bool:
    """Make an account that can't do anything yet; False when the name is taken."""
    return bool((await conn.execute(QUERIES["insert_account"], account_id, name, now)) != "INSERT 0 0")


async def list_all(conn: Connection, now: dt.datetime, name: str | None = None) -> list[Account]:
    """Return all accounts, or the one of a name."""
    rows = await conn.fetch(QUERIES["list_accounts"], now, name)
    return [
        Account(**{**dict(row), "account_id": str(row["account_id"]), "roles": tuple(row["roles"])}) for row in rows
    ]


def _secrets(row: asyncpg.Record | None) -> Secrets | None:
    return None if row is None else Secrets(**dict(row))


async def by_name(conn: Connection, name: str) -> Secrets | None:
    """Return what the account of a name is judged by."""
    return _secrets(await conn.fetchrow(QUERIES["secrets_of_name"], name))


async def hold(conn: Connection, account_id: uuid.UUID) -> Secrets | None:
    """Return what an account is judged by; nobody changes it until this transaction ends."""
    return _secrets(await conn.fetchrow(QUERIES["hold_account"], account_id))


async def by_external(conn: Connection, name: str) -> Secrets | None:
    """Return the account that an identity provider knows by a name."""
    return _secrets(await conn.fetchrow(QUERIES["secrets_of_external"], name))


async def by_code(conn: Connection, code_hash: bytes, now: dt.datetime) -> Secrets | None:
    """Return the account whose password a one-time code may set."""
    return _secrets(await conn.fetchrow(QUERIES["secrets_of_code"], code_hash, now))


async def hold_rights(conn: Connection) -> None:
    """Let nobody else change rights until this transaction ends."""
    await conn.execute(QUERIES["hold_rights"])


async def roles_of(conn: Connection, account_id: uuid.UUID) -> frozenset[str]:
    """Return the roles of an account."""
    return frozenset(row["role"] for row in await conn.fetch(QUERIES["roles_of"], account_id))


async def change_roles(conn: Connection, account_id: uuid.UUID, grant: Iterable[str], revoke: Iterable[str]) -> None:
    """Grant and revoke roles; who acts must have been told."""
    if granted := sorted(grant):
        await conn.execute(QUERIES["grant_roles"], account_id, granted)
    if revoked := sorted(revoke):
        await conn.execute(QUERIES["revoke_roles"], account_id, revoked)


async def others_with(conn: Connection, account_id: uuid.UUID, role: str) -> int:
    """Return how many other accounts that are not disabled hold a role."""
    return int(await conn.fetchval(QUERIES["others_with"], account_id, role))


async def disable(conn: Connection, account_id: uuid.UUID, now: dt.datetime) -> bool:
    """Let an account in no more; False when it was so already."""
    return bool((await conn.execute(QUERIES["disable"], account_id, now)) != "UPDATE 0")


async def enable(conn: Connection, account_id: uuid.UUID) -> bool:
    """Let an account in again; False when it was so already."""
    return bool((await conn.execute(QUERIES["enable"], account_id)) != "UPDATE 0")


async def link(conn: Connection, account_id: uuid.UUID, external_name: str | None) -> bool:
    """Tie an account to a name at the identity provider, or to none; False when the name is another account's."""
    try:
        async with conn.transaction():
            await conn.execute(QUERIES["link"], account_id, external_name)
    except asyncpg.UniqueViolationError:
        return False
    return True


async def put_code(conn: Connection, account_id: uuid.UUID, code_hash: bytes, expires_at: dt.datetime) -> None:
    """Keep the one code by which an account's password may be set; the one before is worth nothing any more."""
    await conn.execute(QUERIES["put_code"], account_id, code_hash, expires_at)


async def take_code(conn: Connection, code_hash: bytes, now: dt.datetime) -> uuid.UUID | None:
    """Use up a code and return whose it was, None when there is none that still holds."""
    found: uuid.UUID | None = await conn.fetchval(QUERIES["take_code"], code_hash, now)
    return found


async def drop_code(conn: Connection, account_id: uuid.UUID) -> None:
    """Make an account's code worth nothing."""
    await conn.execute(QUERIES["drop_code"], account_id)


async def set_password(conn: Connection, account_id: uuid.UUID, password_hash: str, now: dt.datetime) -> None:
    """Replace an account's password."""
    await conn.execute(QUERIES["set_password"], account_id, password_hash, now)


async def rehash_password(conn: Connection, account_id: uuid.UUID, old: str, new: str) -> None:
    """Keep the same password under a newer hash, if it is still the same."""
    await conn.execute(QUERIES["rehash_password"], account_id, old, new)


async def propose_factor(conn: Connection, account_id: uuid.UUID, sealed: bytes) -> bool:
    """Keep a second factor that waits for its first code; False where one is in use."""
    return bool((await conn.execute(QUERIES["propose_factor"], account_id, sealed)) != "UPDATE 0")


async def confirm_factor(conn: Connection, account_id: uuid.UUID, sealed: bytes, step: int, now: dt.datetime) -> bool:
    """Put the proposed second factor in use; False when it is another by now."""
    return bool((await conn.execute(QUERIES["confirm_factor"], account_id, now, step, sealed)) != "UPDATE 0")


async def remove_factor(conn: Connection, account_id: uuid.UUID) -> bool:
    """Take an account's second factor away, with its recovery codes; False when there was none."""
    await conn.execute(QUERIES["drop_recovery"], account_id)
    return bool((await conn.execute(QUERIES["remove_factor"], account_id)) != "UPDATE 0")


async def use_step(conn: Connection, account_id: uuid.UUID, step: int) -> bool:
    """Use up the code of an interval; False when it, or a later one, was used."""
    return bool((await conn.execute(QUERIES["use_step"], account_id, step)) != "UPDATE 0")


async def put_recovery(conn: Connection, account_id: uuid.UUID, hashes: Sequence[bytes]) -> None:
    """Replace an account's recovery codes."""
    await conn.execute(QUERIES["drop_recovery"], account_id)
    await conn.execute(QUERIES["put_recovery"], account_id, list(hashes))


async def use_recovery(conn: Connection, account_id: uuid.UUID, code_hash: bytes) -> bool:
    """Use up a recovery code; False when there is none such."""
    return bool((await conn.execute(QUERIES["use_recovery"], account_id, code_hash)) != "DELETE 0")


async def count_recovery(conn: Connection, account_id: uuid.UUID) -> int:
    """Return how many recovery codes are left."""
    return int(await conn.fetchval(QUERIES["count_recovery"], account_id))


async def count_attempt(conn: Connection, kind: str, key_hash: bytes, now: dt.datetime, limit: Limit) -> bool:
    """Count an attempt before it is judged; False when it is locked."""
    found: float | None = await conn.fetchval(
        QUERIES["count_attempt"],
        kind,
        key_hash,
        now,
        limit.free,
        limit.first_s,
        limit.longest_s,
        limit.forgive_s,
    )
    return found is not None


async def locked_until(conn: Connection, kind: str, key_hash: bytes) -> dt.datetime | None:
    """Return until when attempts are refused."""
    found: dt.datetime | None = await conn.fetchval(QUERIES["locked_until"], kind, key_hash)
    return found


async def forget_attempts(conn: Connection, kind: str, key_hash: bytes) -> None:
    """Begin to count anew."""
    await conn.execute(QUERIES["forget_attempts"], kind, key_hash)


async def return_attempt(conn: Connection, kind: str, key_hash: bytes, limit: Limit) -> None:
    """Take back one attempt, which was none after all."""
    await conn.execute(QUERIES["return_attempt"], kind, key_hash, limit.free)


async def refused(conn: Connection, account_id: uuid.UUID, why: str) -> None:
    """Tell the chain of decisions that an account was refused."""
    await conn.execute(QUERIES["refused"], account_id, why)


async def access_refused(conn: Connection, account_id: str, route: str, thing: str | None, why: str) -> None:
    """Tell the chain that an account was refused an address, and which object that named; of very many it keeps few."""
    named = uuid.UUID(thing) if thing else None
    await conn.execute(QUERIES["access_refused"], uuid.UUID(account_id), route, named, why)


async def tidy(conn: Connection, now: dt.datetime, before: dt.datetime) -> None:
    """Forget attempts of before an instant, and codes that are worth nothing any more."""
    await conn.execute(QUERIES["tidy_attempts"], before)
    await conn.execute(QUERIES["tidy_codes"], now)
