"""Signing in and out: a password, then a second factor where there is one, and a session that the database can end at any moment.

In: what somebody typed, from which address, when. Out: the id of a new session, for the browser alone; or one refusal, the same
in words, time and trace for a wrong password, a disabled account and a name that nobody has. Every attempt is counted before it is
judged. Rules: docs/accounts.md; neither passwords nor addresses stand in a log line, an error or a table.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Final

import structlog

from node.domain import accounts as rules
from node.domain.accounts import (
    ACCOUNT_LIMIT,
    ADDRESS_LIMIT,
    ATTEMPTS_KEPT_S,
    CODE_LIMIT,
    HALF_S,
    HALF_TOLD_S,
    SESSION_BYTES,
    SESSIONS_MAX,
    Limit,
)
from node.domain.roles import Role, needs_second_factor
from node.errors import N_, CallerError
from node.flows.people import second_factor
from node.flows.people.passwords import Hasher
from node.store import accounts as store
from node.store import sessions
from node.store.accounts import ACCOUNT, ADDRESS, CODE, Secrets
from node.store.postgres import Connection, Pool, acquire, transaction

logger = structlog.get_logger()
# How often a session in use is written again.
SEEN_EVERY: Final = dt.timedelta(seconds=60)
# Refusals leave this long after they began, so that what the database had to do for one cannot be told from outside.
PAD_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What sign-in needs to know of its node; ``key`` is for secrets and counters, and is derived from the node's own."""

    node: str
    key: bytes = field(repr=False)
    idle: dt.timedelta
    longest: dt.timedelta
    code_lasts: dt.timedelta
    pad_s: float = PAD_S


@dataclass(frozen=True, slots=True)
class Began:
    """A session that just began: ``secret`` is what the browser holds, and is kept nowhere."""

    secret: str = field(repr=False)
    account_id: str
    name: str
    is_whole: bool
    factor: str | None = None

    @property
    def by_recovery(self) -> bool:
        """Whether a recovery code was used up for it."""
        return self.factor == sessions.RECOVERY


@dataclass(frozen=True, slots=True)
class Session:
    """Who asks: an account, its roles as they are now, and how far this session got."""

    session_id: str
    account_id: str
    name: str
    roles: frozenset[Role]
    is_whole: bool
    method: str
    factor: str | None
    has_factor: bool

    @property
    def second_factor(self) -> bool:
        """Whether a second factor was shown for it."""
        return self.factor is not None

    @property
    def must_enrol(self) -> bool:
        """Whether this person can do nothing before registering a second factor."""
        return needs_second_factor(self.roles) and not self.second_factor

    @property
    def account(self) -> uuid.UUID:
        """The account's id as the database has it."""
        return uuid.UUID(self.account_id)


def session_hash(secret: str) -> bytes:
    """Return what is kept of a session's id."""
    return rules.digest("session", secret)


async def sign_in(
    pool: Pool, hasher: Hasher, settings: Settings, now: dt.datetime, *, name: str, password: str, address: str
) -> Began:
    """Begin a session for a name and its password; not whole where a second factor is still to come.

    Raises: CallerError sign-in-refused, sign-in-locked (with ``retry_after_s``), rate-limited.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        return await _sign_in(pool, hasher, settings, now, name, password, address)
    except CallerError:
        await asyncio.sleep(max(0.0, began + settings.pad_s - loop.time()))
        raise


async def _sign_in(
    pool: Pool, hasher: Hasher, settings: Settings, now: dt.datetime, name: str, password: str, address: str
) -> Began:
    keys = (_key(settings, ADDRESS, address), _key(settings, ACCOUNT, rules.name_key(name)))
    await _count(pool, ADDRESS, keys[0], now, ADDRESS_LIMIT)
    await _count(pool, ACCOUNT, keys[1], now, ACCOUNT_LIMIT)
    async with acquire(pool) as conn:
        account = await store.by_name(conn, rules.name_key(name))
    typed = rules.normal(password[: rules.PASSWORD_LONGEST + 1])
    try:
        fits = await hasher.fits(account.password_hash if account else None, typed)
    except CallerError:
        # Nobody judged it.
        async with transaction(pool) as conn:
            await store.return_attempt(conn, ADDRESS, keys[0], ADDRESS_LIMIT)
            await store.return_attempt(conn, ACCOUNT, keys[1], ACCOUNT_LIMIT)
        raise
    async with transaction(pool) as conn:
        held = await store.hold(conn, account.account_id) if account else None
        if (
            held is None
            or account is None
            or not fits
            or held.password_hash != account.password_hash
            or held.disabled_at
        ):
            if account is not None:
                await store.refused(conn, account.account_id, "disabled" if account.disabled_at else "password")
            made = None
        else:
            await store.forget_attempts(conn, ACCOUNT, keys[1])
            await store.return_attempt(conn, ADDRESS, keys[0], ADDRESS_LIMIT)
            made = await begin(conn, settings, held, now, method=sessions.PASSWORD)
    if made is None or account is None:
        logger.info("sign_in.refused")
        raise _refused()
    await _renew_hash(pool, hasher, account, typed)
    logger.info("sign_in.passed", account=made.account_id, whole=made.is_whole)
    return made


async def _renew_hash(pool: Pool, hasher: Hasher, account: Secrets, password: str) -> None:
    kept = account.password_hash
    if kept is None or not hasher.is_dated(kept):
        return
    try:
        newer = await hasher.hash(password)
    except CallerError:
        # Busy: the next time will do.
        return
    async with transaction(pool) as conn:
        await store.rehash_password(conn, account.account_id, kept, newer)


def _key(settings: Settings, kind: str, text: str) -> bytes:
    return rules.attempt_key(settings.key, kind, text)


def _refused() -> CallerError:
    return CallerError(
        "sign-in-refused",
        N_("nome o password non corrispondono"),
        hint=N_("controllare maiuscole e spazi; un amministratore può dare un codice per una nuova password"),
    )


async def _count(pool: Pool, kind: str, key_hash: bytes, now: dt.datetime, limit: Limit) -> None:
    # Kept whatever becomes of the attempt.
    async with transaction(pool) as conn:
        counted = await store.count_attempt(conn, kind, key_hash, now, limit)
        until = None if counted else await store.locked_until(conn, kind, key_hash)
    if not counted:
        wait = max(1, int(((until or now) - now).total_seconds()) + 1)
        logger.info("sign_in.locked", kind=kind, wait_s=wait)
        raise CallerError(
            "sign-in-locked",
            N_("troppi tentativi: riprovare tra {retry_after_s} secondi"),
            hint=N_("se non è stato lei, avvisi un amministratore del nodo"),
            retry_after_s=wait,
        )


async def begin(
    conn: Connection,
    settings: Settings,
    account: Secrets,
    now: dt.datetime,
    *,
    method: str,
    factor: str | None = None,
) -> Began:
    """Begin a session of an account that is held in this transaction: half of one where a second factor is still to come.

    ``factor``: by what a second factor was shown (node/store/sessions.py), None where it was not.
    """
    is_whole = factor is not None or account.factor_at is None
    secret = secrets.token_urlsafe(SESSION_BYTES)
    await sessions.insert(
        conn,
        session_hash(secret),
        uuid.uuid4(),
        account.account_id,
        stage=sessions.WHOLE if is_whole else sessions.HALF,
        method=method,
        factor=factor,
        now=now,
        expires_at=now + (settings.longest if is_whole else dt.timedelta(seconds=HALF_S)),
    )
    await sessions.end_oldest(conn, account.account_id, SESSIONS_MAX)
    return Began(secret, str(account.account_id), account.name, is_whole, factor)


async def enter_code(pool: Pool, settings: Settings, now: dt.datetime, *, secret: str, code: str) -> Began:
    """Make a half session whole by a code of its second factor, or a recovery code: a new id, and the old one is worth nothing.

    Raises: CallerError sign-in-needed, sign-in-code-wrong, sign-in-locked.
    """
    half = await load(pool, settings, now, secret)
    if half is None or half.is_whole:
        raise needed()
    key = _key(settings, CODE, half.account_id)
    await _count(pool, CODE, key, now, CODE_LIMIT)
    async with transaction(pool) as conn:
        account = await store.hold(conn, half.account)
        if account is None or account.disabled_at:
            raise needed()
        factor = await second_factor.use(conn, settings.key, account, code, now)
        if factor is not None:
            await sessions.complete(conn, session_hash(secret))
            await store.forget_attempts(conn, CODE, key)
            made = await begin(conn, settings, account, now, method=half.method, factor=factor)
        else:
            await store.refused(conn, account.account_id, "code")
            made = None
    if made is None:
        raise code_wrong()
    logger.info("sign_in.passed", account=made.account_id, whole=True)
    return made


def code_wrong() -> CallerError:
    """Return the refusal of a code."""
    return CallerError(
        "sign-in-code-wrong",
        N_("il codice non è valido, o è già stato usato"),
        where="codice",
        hint=N_("aspettare il prossimo codice; se l'orologio del telefono è sbagliato, correggerlo"),
    )


def needed() -> CallerError:
    """Return the refusal of whoever is not, or no longer, signed in."""
    return CallerError(
        "sign-in-needed", N_("serve aver fatto l'accesso"), hint=N_("accedere a {page} e ripetere"), page="/entra"
    )


async def load(pool: Pool, settings: Settings, now: dt.datetime, secret: str) -> Session | None:
    """Return the session of what a browser holds, and its account as it is now; None where it holds no more."""
    hashed = session_hash(secret)
    async with acquire(pool) as conn:
        found = await sessions.read(conn, hashed, now, now - settings.idle)
        if found is not None and now - found.seen_at >= SEEN_EVERY:
            await sessions.mark_seen(conn, hashed, now)
    if found is None:
        return None
    return Session(
        str(found.session_id),
        str(found.account_id),
        found.name,
        frozenset(Role(name) for name in found.roles),
        found.stage == sessions.WHOLE,
        found.method,
        found.factor,
        found.has_factor,
    )


async def sign_out(pool: Pool, secret: str) -> None:
    """End a session; once more is no error."""
    async with transaction(pool) as conn:
        await sessions.end(conn, session_hash(secret))


async def prove(
    pool: Pool, hasher: Hasher, settings: Settings, now: dt.datetime, session: Session, password: str
) -> str:
    """Make sure that whoever uses a session knows its password; return the hash that it was compared with.

    Raises: CallerError sign-in-refused, sign-in-locked, rate-limited; password-missing for an account that has none.
    """
    async with acquire(pool) as conn:
        account = await store.by_name(conn, session.name)
    if account is None:
        raise needed()
    if account.password_hash is None:
        # Who comes in by an identity provider alone proves nothing here: a session that was left open is not enough.
        raise CallerError(
            "password-missing",
            N_("questo utente non ha una password su questo nodo"),
            hint=N_("chiedere a un amministratore del nodo un codice per farne una"),
        )
    key = _key(settings, ACCOUNT, session.name)
    await _count(pool, ACCOUNT, key, now, ACCOUNT_LIMIT)
    if not await hasher.fits(account.password_hash, rules.normal(password[: rules.PASSWORD_LONGEST + 1])):
        async with transaction(pool) as conn:
            await store.refused(conn, account.account_id, "password")
        raise _refused()
    async with transaction(pool) as conn:
        await store.forget_attempts(conn, ACCOUNT, key)
    return account.password_hash


async def tidy(pool: Pool, settings: Settings, now: dt.datetime) -> None:
    """Delete what holds no more: sessions, one-time codes, counters; tell of half sessions that stayed half."""
    async with transaction(pool) as conn:
        await sessions.tidy(conn, now, now - settings.idle, now - dt.timedelta(seconds=HALF_TOLD_S))
        await store.tidy(conn, now, now - dt.timedelta(seconds=ATTEMPTS_KEPT_S))
