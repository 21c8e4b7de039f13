"""An administration's office for tests: its register loaded, ten of its networks imported, two officers, a clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import config as configuration
from node.domain.chamber import ChamberList
from node.domain.generation.enrichment import enrich
from node.domain.register import RegisterNetwork
from node.errors import CallerError
from node.flows.logs.append import OwnLog
from node.flows.profiles import draft, preview, publish, submission
from node.flows.registry import intake, register
from node.flows.trust.membership import enrol_members
from node.flows.upkeep.home import Facts, config_text
from node.store import highwater, own_log, registry
from node.store.postgres import Pool, open_pool
from tests.conftest import TEMPLATE, make_template
from tests.national_made import national

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
SNAPSHOT = dt.date(2024, 12, 31)
FACTS = Facts(
    id="p_LE", name="Provincia di Lecce", ipa_code="p_LE", territory=("LE",), authority="127.0.0.1:8441", port=8441, epoch=2026, round="weekly"
)  # fmt: skip


@dataclass
class Office:
    """A node's office: register loaded, ten networks imported."""

    pool: Pool
    config: configuration.Config
    own: OwnLog
    networks: list[str]

    async def draft(self, at: int = 0, now: dt.datetime = NOW, **changes: Any) -> str:
        """Draft the profile of one network."""
        async with self.pool.acquire() as conn:
            record = (await registry.read_records(conn, [self.networks[at]]))[self.networks[at]]
        content = {**draft.suggest_content(record), **changes}
        return await draft.draft(self.pool, self.config, self.networks[at], content, "anna", now)

    async def approve(self, profile_id: str, officer: str = "bruno", **more: Any) -> str:
        """Approve as another officer."""
        return await submission.approve(self.pool, self.config, profile_id, officer, NOW, **more)

    async def preview(self, profile_id: str, now: dt.datetime = NOW) -> preview.Preview:
        """See what would leave."""
        return await preview.preview(self.pool, self.config, profile_id, now)

    async def publish(self, profile_id: str, now: dt.datetime = NOW) -> dt.date:
        """Queue for the next round."""
        return await publish.publish(self.pool, self.config, profile_id, "bruno", now)

    async def queued(self, at: int = 0, **changes: Any) -> str:
        """Draft, approve and queue the profile of one network."""
        profile_id = await self.draft(at, **changes)
        try:
            await self.approve(profile_id, amber_reason="prova")
        except CallerError as error:
            assert error.code == "text-finds-network", error
            async with self.pool.acquire() as conn:
                record = (await registry.read_records(conn, [self.networks[at]]))[self.networks[at]]
            told = draft.in_closed_words(draft.suggest_content(record))
            await self.draft(at, **{**told, **changes})
            await self.approve(profile_id, amber_reason="prova")
        await self.publish(profile_id)
        return profile_id

    async def release(self, now: dt.datetime) -> list[str]:
        """Let a round leave."""
        return await publish.release_due(self.pool, self.config, self.own, now)

    async def withdraw(self, profile_id: str, now: dt.datetime = NOW, officer: str = "anna") -> None:
        """Withdraw at once."""
        await publish.withdraw(self.pool, self.own, profile_id, officer, now)

    async def load(self, rows: Sequence[RegisterNetwork], day: dt.date, now: dt.datetime = NOW) -> register.Loaded:
        """Load another edition of the public register."""
        found = ChamberList(tuple(rows), (), 0)
        return await register.load_register(self.pool, self.config, found, day, now, accept_shrunk=True)

    async def log_size(self) -> int:
        """Size of the signed log."""
        async with self.pool.acquire() as conn:
            signed = await own_log.signed_latest(conn, self.own.origin_id)
        return signed.size if signed else 0


def configured(**changes: Any) -> configuration.Config:
    """The office's configuration."""
    return configuration.parse(config_text(replace(FACTS, **changes)))


async def make_office(pool: Pool, rows: Sequence[RegisterNetwork], folder: Path) -> Office:
    """Lecce's office with weekly rounds, on an edition of the public register."""
    await furnish(pool, rows)
    return await open_office(pool, folder)


async def furnish(pool: Pool, rows: Sequence[RegisterNetwork]) -> None:
    """Load an edition of the public register and import ten networks of Lecce."""
    config = configured()
    await register.load_register(pool, config, ChamberList(tuple(rows), (), 0), SNAPSHOT, NOW)
    local = [row for row in rows if row.province == "LE"]
    records = enrich(local, count=10, seed=1)
    found = intake.IntakeFile("template", "own.xlsx", bytes(32), 0, tuple(records), 0, ())
    await intake.import_networks(pool, found, NOW, apply=True)


async def open_office(pool: Pool, folder: Path) -> Office:
    """The office that was made in this database, or in the one that this is a copy of."""
    config = configured()
    origin_id, origin = await enrol_members(pool, config, KEY.public_key().public_bytes_raw())
    async with pool.acquire() as conn:
        networks = list(await registry.read_records(conn))
    own = OwnLog(
        origin_id, origin, config.node.id, {KEY.public_key().public_bytes_raw(): KEY}.get, folder / highwater.FILE
    )
    return Office(pool, config, own, networks)


async def make_office_template(server: str, name: str, rows: Sequence[RegisterNetwork]) -> str:
    """A database with an office in it, to make copies of; return its name."""
    pool = await open_pool(await make_template(server, name, TEMPLATE), max_size=2)
    await make_office(pool, rows, Path())
    await pool.close()
    return name


async def make_desk_template(server: str, name: str, rows: Sequence[RegisterNetwork]) -> str:
    """A database with a register and ten networks, and no node's log yet; return its name."""
    pool = await open_pool(await make_template(server, name, TEMPLATE), max_size=2)
    await furnish(pool, rows)
    await pool.close()
    return name


def lecce() -> list[RegisterNetwork]:
    """The generated national list's contracts of one province."""
    return [row for row in national() if row.province == "LE"]
