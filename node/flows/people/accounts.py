"""Accounts as administrators keep them: made, given roles, closed and opened, a code for a new password.

In: who acts, whose account, what. Out: what became of it; sessions of whoever lost or won a right end at once, in every process.
Rules: no administrator ever knows a password; the last administrator is not taken away; each change stands in the chain of decisions.
"""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from node.domain import accounts as rules
from node.domain import officers
from node.domain.roles import Role
from node.errors import N_, CallerError, NotFoundError
from node.flows.people.sign_in import Settings
from node.store import accounts as store
from node.store import sessions
from node.store.accounts import Account, Secrets
from node.store.postgres import Connection, Pool, acquire, transaction
from node.store.sessions import Listed


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time code by which an account's password may be set; shown now and never again."""

    name: str
    code: str = field(repr=False)
    expires_at: dt.datetime


async def create(
    pool: Pool, settings: Settings, now: dt.datetime, *, name: str, roles: Iterable[Role], officer: str
) -> Code:
    """Make an account without a password, and the code by which its owner sets one.

    Raises: CallerError account-name-bad, account-exists, account-without-role.
    """
    kept, wanted = rules.check_name(name), frozenset(roles)
    _some(wanted)
    account_id = uuid.uuid4()
    async with transaction(pool) as conn:
        await store.act_as(conn, officer)
        if not await store.insert(conn, account_id, kept, now):
            raise CallerError("account-exists", N_("c'è già un utente «{name}»"), where="NOME", name=kept)
        await store.change_roles(conn, account_id, wanted, ())
        return await _new_code(conn, settings, account_id, kept, now)


def _some(roles: frozenset[Role]) -> None:
    if not roles:
        raise CallerError(
            "account-without-role",
            N_("un utente ha almeno un ruolo"),
            where="--role",
            hint=N_("ruoli: {roles}"),
            roles=", ".join(Role),
        )


async def _new_code(conn: Connection, settings: Settings, account_id: uuid.UUID, name: str, now: dt.datetime) -> Code:
    code = rules.write_code(secrets.token_bytes(rules.CODE_BYTES))
    expires = now + settings.code_lasts
    await store.put_code(conn, account_id, rules.digest("password-code", rules.read_code(code)), expires)
    return Code(name, code, expires)


async def _named(conn: Connection, name: str) -> Secrets:
    found = await store.by_name(conn, rules.name_key(name))
    if found is None:
        raise NotFoundError("account-unknown", N_("nessun utente «{name}»"), where="NOME", name=name[:60])
    return found


async def list_all(pool: Pool, now: dt.datetime) -> list[Account]:
    """Return all accounts."""
    async with acquire(pool) as conn:
        return await store.list_all(conn, now)


async def read(pool: Pool, now: dt.datetime, name: str) -> Account:
    """Return one account. Raises: NotFoundError(account-unknown)."""
    async with acquire(pool) as conn:
        found = await store.list_all(conn, now, rules.name_key(name))
    if not found:
        raise NotFoundError("account-unknown", N_("nessun utente «{name}»"), where="NOME", name=name[:60])
    return found[0]


async def set_roles(pool: Pool, *, name: str, roles: Iterable[Role], officer: str) -> frozenset[Role]:
    """Give an account exactly these roles and return those it had; where they change, its sessions end.

    Raises: NotFoundError(account-unknown), CallerError account-without-role, account-last-administrator.
    """
    wanted = frozenset(roles)
    _some(wanted)
    async with transaction(pool) as conn:
        await store.act_as(conn, officer)
        await store.hold_rights(conn)
        account = await _named(conn, name)
        present = frozenset(Role(role) for role in await store.roles_of(conn, account.account_id))
        if Role.ADMINISTRATOR in present - wanted and not account.disabled_at:
            await _not_the_last(conn, account)
        if wanted != present:
            await store.change_roles(conn, account.account_id, wanted - present, present - wanted)
            await sessions.end_all(conn, account.account_id)
    return present


async def _not_the_last(conn: Connection, account: Secrets) -> None:
    if not await store.others_with(conn, account.account_id, Role.ADMINISTRATOR):
        raise CallerError(
            "account-last-administrator",
            N_("«{name}» è l'ultimo amministratore"),
            hint=N_("dare prima il ruolo a un altro utente"),
            name=account.name,
        )


async def disable(pool: Pool, now: dt.datetime, *, name: str, officer: str) -> bool:
    """Let an account in no more, end its sessions, and make its code worth nothing; False when it was so already.

    Raises: NotFoundError(account-unknown), CallerError(account-last-administrator).
    """
    async with transaction(pool) as conn:
        await store.act_as(conn, officer)
        await store.hold_rights(conn)
        account = await _named(conn, name)
        if Role.ADMINISTRATOR in await store.roles_of(conn, account.account_id) and not account.disabled_at:
            await _not_the_last(conn, account)
        done = await store.disable(conn, account.account_id, now)
        await store.drop_code(conn, account.account_id)
        await sessions.end_all(conn, account.account_id)
    return done


async def enable(pool: Pool, *, name: str, officer: str) -> bool:
    """Let an account in again; False when it was so already. Raises: NotFoundError(account-unknown)."""
    async with transaction(pool) as conn:
        await store.act_as(conn, officer)
        return await store.enable(conn, (await _named(conn, name)).account_id)


async def new_code(pool: Pool, settings: Settings, now: dt.datetime, *, name: str, officer: str) -> Code:
    """Return a one-time code by which the owner sets a new password; the present one holds until then.

    Raises: NotFoundError(account-unknown), CallerError(account-disabled).
    """
    async with transaction(pool) as conn:
        await store.act_as(conn, officer)
        account = await _named(conn, name)
        if account.disabled_at:
            raise CallerError(
                "account-disabled",
                N_("«{name}» è disabilitato"),
                hint=N_("«rete user enable {name}» lo riabilita"),
                name=account.name,
            )
        return await _new_code(conn, settings, account.account_id, account.name, now)


async def link(pool: Pool, *, name: str, external_name: str | None, officer: str) -> None:
    """Tie an account to a name at the identity provider, or to none; its sessions end.

    Raises: NotFoundError(account-unknown), CallerError account-link-bad, account-link-taken.
    """
    wanted = None if external_name is None else external_name.strip()
    if wanted is not None and (not 0 < len(wanted) <= 200 or not wanted.isprintable()):
        raise CallerError("account-link-bad", N_("il nome presso il fornitore di identità non si legge"), where="--as")
    async with transaction(pool) as conn:
        await store.act_as(conn, officer)
        account = await _named(conn, name)
        if not await store.link(conn, account.account_id, wanted):
            raise CallerError("account-link-taken", N_("questo nome è già di un altro utente"), where="--as")
        await sessions.end_all(conn, account.account_id)


async def reset_factor(pool: Pool, *, name: str, officer: str) -> bool:
    """Take an account's second factor away, for whoever has lost it; its sessions end; False when there was none.

    Raises: NotFoundError(account-unknown).
    """
    async with transaction(pool) as conn:
        await store.act_as(conn, officer)
        account = await _named(conn, name)
        done = await store.remove_factor(conn, account.account_id)
        await sessions.end_all(conn, account.account_id)
    return done


async def list_sessions(pool: Pool, settings: Settings, now: dt.datetime, *, name: str) -> list[Listed]:
    """Return the sessions of an account. Raises: NotFoundError(account-unknown)."""
    async with acquire(pool) as conn:
        account = await _named(conn, name)
        return await sessions.list_all(conn, account.account_id, now, now - settings.idle)


async def end_sessions(pool: Pool, *, name: str, officer: str) -> int:
    """End all sessions of an account; return how many those were.

    Raises: NotFoundError(account-unknown), CallerError(officer-name-bad).
    """
    async with transaction(pool) as conn:
        await store.act_as(conn, officers.check(officer))
        account = await _named(conn, name)
        ended = await sessions.end_all(conn, account.account_id)
        if ended:
            await sessions.tell_ended(conn, account.account_id, ended)
    return ended
