"""Two offices that issue a call together: real homes, databases and servers, networks in both registers, people who act, our clock."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from node import runtime
from node.domain.chamber import ChamberList
from node.domain.documents import describe
from node.domain.generation.enrichment import enrich
from node.domain.programme.call import Call
from node.domain.programme.eligibility import Undertaking
from node.flows.programme import applying, call_ranking, call_sheets, calls, evaluating, issued
from node.flows.programme.applying import Wish
from node.flows.registry import intake, register
from node.flows.registry.acting import acting
from node.flows.registry.documents import Bounds
from node.store import registry
from node.store.calls import Application, Proposal
from node.store.postgres import open_pool
from tests.calls_made import call_document
from tests.conftest import TEMPLATE, make_template
from tests.federation_made import Clock, Town, federation, new_database
from tests.office_made import NOW, SNAPSHOT, configured, lecce

BOUNDS = Bounds(2**20, 4 * 2**20)
# A day of the federation's clock, and the next.
OPENS, CLOSES = "2026-11-24T08:00:00Z", "2026-11-25T08:00:00Z"
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


async def make_call_template(server: str, name: str, count: int = 30) -> str:
    """A database with a register and so many networks of Lecce, and no node's log yet; return its name."""
    pool = await open_pool(await make_template(server, name, TEMPLATE), max_size=2)
    rows = lecce()
    await register.load_register(pool, configured(), ChamberList(tuple(rows), (), 0), SNAPSHOT, NOW)
    records = [one for one in enrich(rows, count=count + 20, seed=1) if len(one.members) >= 3][:count]
    assert len(records) == count
    found = intake.IntakeFile("template", "own.xlsx", bytes(32), 0, tuple(records), 0, ())
    await intake.import_networks(pool, found, NOW, apply=True)
    await pool.close()
    return name


@dataclass
class CallOffice:
    """One issuer's people."""

    town: Town
    clock: Clock
    networks: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The member's id."""
        return self.town.id

    @property
    def pool(self) -> Any:
        """Its database."""
        return self.town.node.pool

    @property
    def desk(self) -> call_sheets.Desk:
        """What exchanges sheets."""
        return self.town.node.call_desk()

    async def write(self, document: dict[str, Any]) -> Call:
        """Write a call."""
        with acting("anna"):
            return await calls.write(self.pool, self.id, document, self.clock())

    async def adopt(self, call_id: str) -> Call:
        """Take another issuer's text."""
        with acting("anna"):
            return await calls.adopt(self.pool, self.id, call_id, self.clock())

    async def endorse(self, call: Call) -> None:
        """Endorse."""
        own = await runtime.current_own(self.town.node)
        with acting("bruno"):
            await calls.endorse(self.pool, self.town.node.config, own, call.call_id, call.digest, self.clock())

    async def standing(self, call_id: str) -> str:
        """How a call stands here."""
        return (await issued.read(self.pool, call_id, self.clock())).standing.state

    async def apply(self, call_id: str, at: int, **changes: Any) -> Application:
        """Apply for one network."""
        amount = Decimal(changes.pop("requested", "10000.00"))
        told: dict[str, Any] = {
            "network_id": self.networks[at], "requested": amount,
            "undertakings": (Undertaking(f"0000000{at:04}", amount),),
            "documents": ((describe("Contratto", "contract", None, "contratto.pdf"), PDF + f"%{at}".encode()),),
        }  # fmt: skip
        wish = Wish(**{**told, **changes})
        with acting("anna"):
            return await applying.apply(self.pool, self.id, call_id, wish, BOUNDS, self.clock())

    async def assign(self, applications: Sequence[str], *evaluators: str) -> int:
        """Give applications to evaluators."""
        with acting("anna"):
            return await evaluating.assign(self.pool, self.id, applications, evaluators, self.clock())

    async def declare(self, application: str, evaluator: str, *, conflict: bool = False) -> bool:
        """Declare."""
        with acting(evaluator):
            return await evaluating.declare(self.pool, application, evaluator, conflict=conflict, now=self.clock())

    async def score(self, application: str, evaluator: str, points: Mapping[str, Any], why: str = "motivato") -> None:
        """Give points."""
        with acting(evaluator):
            await evaluating.score(self.pool, application, evaluator, points, dict.fromkeys(points, why), self.clock())

    async def export(self, call_id: str, other: CallOffice) -> bytes:
        """Make the file of sheets."""
        return await call_sheets.export(self.desk, call_id, other.id, self.clock())

    async def take(self, call_id: str, raw: bytes) -> tuple[str, int]:
        """Read the other's file."""
        with acting("anna"):
            return await call_sheets.take(self.desk, call_id, raw, self.clock())

    async def rank(self, call_id: str, officer: str = "anna") -> Proposal:
        """Compute."""
        with acting(officer):
            return await call_ranking.propose(self.pool, self.id, call_id, self.clock())

    async def publish(self, call_id: str, digest: str, officer: str = "bruno") -> Proposal:
        """Publish."""
        own = await runtime.current_own(self.town.node)
        with acting(officer):
            return await call_ranking.publish(
                self.pool, self.town.node.config, own, call_id, digest, officer, self.clock()
            )


@dataclass
class Issuers:
    """The Province, which leads, and the Chamber."""

    province: CallOffice
    chamber: CallOffice
    clock: Clock

    @property
    def both(self) -> tuple[CallOffice, CallOffice]:
        """Both."""
        return self.province, self.chamber

    async def meet(self) -> None:
        """Each reads the other's log."""
        for office in self.both:
            await office.town.sync()

    async def issued(self, **changes: Any) -> Call:
        """A call that both have endorsed, and that is open."""
        document = call_document(**{"id": str(uuid.uuid4()), "opens": OPENS, "closes": CLOSES, **changes})
        call = await self.province.write(document)
        await self.province.endorse(call)
        await self.meet()
        await self.chamber.endorse(await self.chamber.adopt(call.call_id))
        await self.meet()
        return call

    def close(self) -> None:
        """Let the deadline pass."""
        self.clock.now = dt.datetime.fromisoformat(CLOSES) + dt.timedelta(hours=1)

    async def exchange(self, call_id: str) -> None:
        """Each tells the other of its applications."""
        for one, other in (self.both, self.both[::-1]):
            await other.take(call_id, await one.export(call_id, other))


@asynccontextmanager
async def issuers(server: str, template: str, folder: Path) -> AsyncIterator[Issuers]:
    """Both offices; ``template`` is a database of ``make_call_template``."""
    clock = Clock()
    databases = {name: await new_database(server, template) for name in ("p_LE", "cciaa_le")}
    async with federation(server, folder, clock, ["p_LE", "cciaa_le"], databases) as towns:
        found = []
        for town in towns:
            async with town.node.pool.acquire() as conn:
                found.append(CallOffice(town, clock, sorted(await registry.read_records(conn))))
        yield Issuers(found[0], found[1], clock)
