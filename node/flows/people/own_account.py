"""What people do with their own account: a password by a one-time code, another password, a second factor, their sessions.

In: a session, or a one-time code. Out: a new session where a right was changed (the old ids are worth nothing then, in every
process). Rules: whoever changes what lets somebody in shows the password; docs/accounts.md.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field

from node.domain import accounts as rules
from node.domain.roles import needs_second_factor
from node.errors import N_, CallerError, NotFoundError
from node.flows.people import second_factor
from node.flows.people.passwords import Hasher
from node.flows.people.sign_in import Began, Session, Settings, begin, code_wrong, needed, prove
from node.store import accounts as store
from node.store import sessions
from node.store.accounts import ACCOUNT, Secrets
from node.store.postgres import Connection, Pool, acquire, transaction
from node.store.sessions import Listed


@dataclass(frozen=True, slots=True)
class Proposal:
    """A second factor that waits for its first code; shown now and never again."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A second factor in use: the new session, and the codes for whoever loses it, shown now and never again."""

    began: Began
    recovery: tuple[str, ...] = field(repr=False)


async def set_password(
    pool: Pool, hasher: Hasher, settings: Settings, now: dt.datetime, *, code: str, password: str
) -> str:
    """Set a password by a one-time code and return whose account that is; all its sessions end.

    Raises: CallerError password-code-bad, password-bad, rate-limited.
    """
    hashed = rules.digest("password-code", rules.read_code(code))
    async with acquire(pool) as conn:
        account = await store.by_code(conn, hashed, now)
    if account is None or account.disabled_at:
        raise _code_bad()
    kept = await hasher.hash(rules.check_password(password, account.name))
    async with transaction(pool) as conn:
        # Whoever has the code: who made it stands in the chain, and whose hands it came to is not known.
        await store.act_as(conn, "")
        if await store.take_code(conn, hashed, now) is None:
            raise _code_bad()
        await store.set_password(conn, account.account_id, kept, now)
        await sessions.end_all(conn, account.account_id)
        await store.forget_attempts(conn, ACCOUNT, rules.attempt_key(settings.key, ACCOUNT, account.name))
    return account.name


def _code_bad() -> CallerError:
    return CallerError(
        "password-code-bad",
        N_("il codice non è valido, è già stato usato o è scaduto"),
        where="codice",
        hint=N_("chiederne uno nuovo a un amministratore del nodo"),
    )


async def change_password(
    pool: Pool, hasher: Hasher, settings: Settings, now: dt.datetime, session: Session, *, old: str, new: str
) -> Began:
    """Replace the own password: all sessions end, and this one goes on under a new id.

    Raises: CallerError sign-in-refused, sign-in-locked, password-bad, rate-limited.
    """
    kept = rules.check_password(new, session.name)
    proved = await prove(pool, hasher, settings, now, session, old)
    hashed = await hasher.hash(kept)
    async with transaction(pool) as conn:
        await store.act_as(conn, session.name)
        account = await _held(conn, session, proved)
        await store.set_password(conn, account.account_id, hashed, now)
        await store.drop_code(conn, account.account_id)
        await sessions.end_all(conn, account.account_id)
        return await begin(conn, settings, account, now, method=session.method, factor=session.factor)


async def propose_factor(
    pool: Pool, hasher: Hasher, settings: Settings, now: dt.datetime, session: Session, *, password: str
) -> Proposal:
    """Begin to register a second factor. Raises: CallerError second-factor-there, and those of ``prove``."""
    proved = await prove(pool, hasher, settings, now, session, password)
    secret = second_factor.new_secret()
    async with transaction(pool) as conn:
        await store.act_as(conn, session.name)
        await _held(conn, session, proved)
        if not await store.propose_factor(
            conn, session.account, second_factor.seal(settings.key, session.account, secret)
        ):
            raise CallerError(
                "second-factor-there",
                N_("c'è già un secondo fattore"),
                hint=N_("toglierlo prima di registrarne un altro"),
            )
    return Proposal(secret, second_factor.uri_of(secret, session.name, settings.node))


async def confirm_factor(pool: Pool, settings: Settings, now: dt.datetime, session: Session, *, code: str) -> Confirmed:
    """Put the proposed second factor in use by its first code: all sessions end, and this one goes on under a new id.

    Raises: CallerError sign-in-code-wrong.
    """
    async with transaction(pool) as conn:
        await store.act_as(conn, session.name)
        account = await _held(conn, session)
        if account.factor_sealed is None or account.factor_at is not None:
            raise code_wrong()
        secret = second_factor.unseal(settings.key, account.account_id, account.factor_sealed)
        step = second_factor.step_of(secret, code, now)
        if step is None or not await store.confirm_factor(conn, account.account_id, account.factor_sealed, step, now):
            raise code_wrong()
        await sessions.end_all(conn, account.account_id)
        # After the sessions: it takes the chain's lock, and whoever tidies takes that one last too.
        recovery = await second_factor.new_recovery(conn, account.account_id)
        began = await begin(conn, settings, account, now, method=session.method, factor=sessions.AUTHENTICATOR)
    return Confirmed(began, tuple(recovery))


async def remove_factor(
    pool: Pool, hasher: Hasher, settings: Settings, now: dt.datetime, session: Session, *, password: str
) -> Began:
    """Take the own second factor away. Raises: CallerError second-factor-required, and those of ``prove``."""
    if needs_second_factor(session.roles):
        raise CallerError("second-factor-required", N_("il suo ruolo chiede un secondo fattore: non si può togliere"))
    proved = await prove(pool, hasher, settings, now, session, password)
    async with transaction(pool) as conn:
        await store.act_as(conn, session.name)
        account = await _held(conn, session, proved)
        await store.remove_factor(conn, session.account)
        await sessions.end_all(conn, account.account_id)
        return await begin(conn, settings, account, now, method=session.method)


async def renew_recovery(
    pool: Pool, hasher: Hasher, settings: Settings, now: dt.datetime, session: Session, *, password: str
) -> tuple[str, ...]:
    """Replace the own recovery codes. Raises: those of ``prove``; CallerError(sign-in-needed) without a second factor."""
    if not session.second_factor:
        raise needed()
    proved = await prove(pool, hasher, settings, now, session, password)
    async with transaction(pool) as conn:
        await store.act_as(conn, session.name)
        await _held(conn, session, proved)
        return tuple(await second_factor.new_recovery(conn, session.account))


async def _held(conn: Connection, session: Session, proved: str | None = None) -> Secrets:
    """Hold the account of a session until the transaction ends; while a password was compared neither may have changed.

    ``proved``: the hash that was compared. Raises: CallerError(sign-in-needed).
    """
    account = await store.hold(conn, session.account)
    if account is None or account.disabled_at or (proved is not None and account.password_hash != proved):
        raise needed()
    if not await sessions.is_there(conn, session.account, uuid.UUID(session.session_id)):
        raise needed()
    return account


async def recovery_left(pool: Pool, session: Session) -> int:
    """Return how many recovery codes are left."""
    async with acquire(pool) as conn:
        return await store.count_recovery(conn, session.account)


async def list_sessions(pool: Pool, settings: Settings, now: dt.datetime, session: Session) -> list[Listed]:
    """Return the own sessions."""
    async with acquire(pool) as conn:
        return await sessions.list_all(conn, session.account, now, now - settings.idle)


async def end_session(pool: Pool, session: Session, session_id: str) -> None:
    """End one of the own sessions; somebody else's is not there. Raises: NotFoundError(session-unknown)."""
    try:
        key = uuid.UUID(session_id)
    except ValueError as error:
        raise _session_unknown() from error
    async with transaction(pool) as conn:
        if not await sessions.end_one(conn, session.account, key):
            raise _session_unknown()


def _session_unknown() -> NotFoundError:
    return NotFoundError("session-unknown", N_("nessuna sessione con questo identificativo"))
