"""Accounts for tests: an access desk with cheap hashes, people with passwords, an authenticator in the hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyotp

from node.domain.roles import Role
from node.flows.people import accounts, own_account, sign_in
from node.flows.people.passwords import Hasher
from node.flows.people.sign_in import Began, Session, Settings
from node.store.postgres import Pool

NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
PASSWORD = "cavallo pila graffetta giusto"  # noqa: S105 - of a test
ADDRESS = "192.0.2.1"
SETTINGS = Settings(
    node="Provincia di Lecce",
    key=bytes(range(32)),
    idle=dt.timedelta(minutes=30),
    longest=dt.timedelta(hours=10),
    code_lasts=dt.timedelta(hours=48),
    pad_s=0,
)


def cheap_hasher(**more: Any) -> Hasher:
    """Argon2id at a cost that tests can pay."""
    return Hasher(**{"memory_kib": 64, "passes": 1, **more})


@dataclass
class Desk:
    """Everything that sign-in takes, and a clock that is set by hand."""

    pool: Pool
    settings: Settings = SETTINGS
    now: dt.datetime = NOW
    hasher: Hasher = field(default_factory=cheap_hasher)

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.now += dt.timedelta(**time)

    async def person(self, name: str = "anna.verdi", *roles: Role, password: str = PASSWORD) -> str:
        """An account with a password."""
        made = await accounts.create(
            self.pool, self.settings, self.now, name=name, roles=roles or [Role.OFFICER], officer="capo"
        )
        return await own_account.set_password(
            self.pool, self.hasher, self.settings, self.now, code=made.code, password=password
        )

    async def enter(self, name: str = "anna.verdi", password: str = PASSWORD, address: str = ADDRESS) -> Began:
        """Sign in by name and password."""
        return await sign_in.sign_in(
            self.pool, self.hasher, self.settings, self.now, name=name, password=password, address=address
        )

    async def code(self, secret: str, code: str) -> Began:
        """Show the second factor."""
        return await sign_in.enter_code(self.pool, self.settings, self.now, secret=secret, code=code)

    async def load(self, secret: str) -> Session | None:
        """Whose session it is."""
        return await sign_in.load(self.pool, self.settings, self.now, secret)

    async def session(self, secret: str) -> Session:
        """A session that must hold."""
        found = await self.load(secret)
        assert found is not None
        return found

    async def enrol(self, secret: str, password: str = PASSWORD) -> tuple[pyotp.TOTP, own_account.Confirmed]:
        """Register an authenticator in a session."""
        session = await self.session(secret)
        proposed = await own_account.propose_factor(
            self.pool, self.hasher, self.settings, self.now, session, password=password
        )
        phone = pyotp.TOTP(proposed.secret)
        confirmed = await own_account.confirm_factor(
            self.pool, self.settings, self.now, session, code=phone.at(self.now)
        )
        return phone, confirmed

    async def set_roles(self, name: str, roles: Iterable[Role]) -> None:
        """An administrator changes roles."""
        await accounts.set_roles(self.pool, name=name, roles=roles, officer="capo")
