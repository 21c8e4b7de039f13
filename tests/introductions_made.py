"""Two offices that can introduce networks to each other: real homes, databases and servers, a published profile, our clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from node import runtime
from node.domain.introduction import Case, Kind
from node.errors import CallerError
from node.flows.introductions import asking, casefile, deeds, hear, post, remind
from node.flows.introductions.asking import Wish
from node.flows.introductions.casefile import Opened
from node.flows.introductions.casework import Office
from node.flows.introductions.deeds import Deed
from node.flows.introductions.post import Carrier
from node.flows.profiles import draft, publish, submission
from node.protocol.member import Membership
from node.protocol.sealed import SealKey, SealPrivate
from node.store import registry
from node.store.reference import load_label_reference
from tests.federation_made import Clock, Town, federation, new_database

CONTACT = {"person": "Prova Referente", "role": "referente", "email": "referente@example.org", "phone": "0832 000000"}


@dataclass
class Desk:
    """One office's people: they decide, and the post is carried when a test says so."""

    town: Town
    clock: Clock
    networks: list[str] = field(default_factory=list)
    contact: dict[str, str] = field(default_factory=lambda: dict(CONTACT))
    # After a rotation: the key that opens what comes, and those of the others as their new cards say.
    seal: SealPrivate | None = None
    cards: dict[str, SealKey] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The member's id."""
        return self.town.id

    @property
    def membership(self) -> Membership:
        """The members, with the seal keys of the cards that were taken in since."""
        known = self.town.node.membership
        members = {m.id: replace(m, seal=self.cards.get(m.id, m.seal)) for m in known.members.values()}
        return Membership(replace(known.roll, members=members))

    def office(self) -> Office:
        """What cases need; made anew each time, as a process that was started again would."""
        return replace(self.town.node.office(), membership=self.membership)

    def _seal_of(self, key_id: str) -> SealPrivate | None:
        """Only the key that this office was given, as if the old file had been destroyed."""
        return self.seal if self.seal is not None and self.seal.public.id == key_id else None

    def carrier(self, session: Any = None) -> Carrier:
        """What carries messages; made anew, too."""
        made = self.town.node.carrier(session or self.town.session, hear.exchange(self.office(), self.clock))
        return replace(
            made, membership=self.membership, seal_of=self._seal_of if self.seal is not None else made.seal_of
        )

    async def post(self, *, everyone: bool = True, session: Any = None) -> list[post.Asked]:
        """Carry what waits, as the job does."""
        origin = (await runtime.current_own(self.town.node)).origin
        return await post.turn(self.carrier(session), origin, everyone=everyone)

    async def due(self) -> None:
        """Do what time brings."""
        await remind.work_due(self.office(), self.clock())
        await remind.send_again(self.office(), self.clock())

    async def ask(
        self, profile_id: str, text: str = "Cerchiamo un partner per un progetto comune.", at: int = 0
    ) -> str:
        """Draft and endorse a request for one of the office's networks."""
        case = await self.begin(profile_id, text, at)
        await deeds.endorse(self.office(), case, "anna", self.clock())
        return case

    async def begin(
        self, profile_id: str, text: str = "Cerchiamo un partner per un progetto comune.", at: int = 0
    ) -> str:
        """Draft a request for one of the office's networks."""
        wish = Wish(profile_id, text, "joint_project", self.networks[at])
        return await asking.begin(self.office(), wish, "anna", self.clock(), load_label_reference())

    async def do(self, case: str, kind: Kind, text: str = "", detail: str = "") -> Case:
        """Decide something."""
        deed = Deed(kind, text, detail, self.contact["person"] if kind is Kind.CONSENT else "", self.contact)
        return await deeds.act(self.office(), case, deed, "anna", self.clock())

    async def read(self, case: str) -> Opened:
        """Open a case."""
        return await casefile.read(self.office(), case)


@dataclass
class Pair:
    """The seeker's and the owner's office, and a profile that the owner has published."""

    seeker: Desk
    owner: Desk
    clock: Clock
    profile_id: str

    @property
    def desks(self) -> Sequence[Desk]:
        """Both."""
        return (self.seeker, self.owner)

    async def carry(self, rounds: int = 4) -> None:
        """Carry the post until nothing more is said."""
        for _ in range(rounds):
            for desk in self.desks:
                await desk.post()

    async def reach(self, *steps: tuple[str, Kind], at: int = 0) -> str:
        """Ask, and go some steps; each arrives before the next."""
        case = await self.seeker.ask(self.profile_id, at=at)
        await self.carry()
        for who, kind in steps:
            desk = self.seeker if who == "seeker" else self.owner
            text = "Quante imprese sono?" if kind in (Kind.QUESTION, Kind.ANSWER) else ""
            detail = {
                Kind.DECLINE: "other",
                Kind.WITHDRAW: "other",
                Kind.FOLLOW_UP: "30",
                Kind.OUTCOME: "agreement",
            }.get(kind, "")
            await desk.do(case, kind, text, detail)
            await self.carry()
        return case


ACCEPTED = (("owner", Kind.CHECK), ("owner", Kind.FORWARD), ("owner", Kind.ACCEPT))
INTRODUCED = (*ACCEPTED, ("seeker", Kind.CONSENT), ("owner", Kind.CONSENT))


async def published(town: Town, network: str, now: dt.datetime) -> str:
    """Publish the profile of a network as two officers would."""
    node = town.node
    async with node.pool.acquire() as conn:
        record = (await registry.read_records(conn, [network]))[network]
    content = draft.in_closed_words(draft.suggest_content(record))
    profile_id = await draft.draft(node.pool, node.config, network, content, "anna", now)
    try:
        await submission.approve(
            node.pool, node.config, profile_id, "bruno", now, known=node.known, amber_reason="prova"
        )
    except CallerError as error:
        raise AssertionError(error.code) from error
    await publish.publish(node.pool, node.config, profile_id, "bruno", now)
    released = await publish.release_due(node.pool, node.config, await runtime.current_own(node), now, known=node.known)
    assert released == [profile_id]
    return profile_id


@asynccontextmanager
async def two_offices(server: str, template: str, folder: Path, clock: Clock) -> AsyncIterator[Pair]:
    """Lecce, which has published a profile, and Torino, which has pulled it; ``template`` is a desk's database."""
    databases = {name: await new_database(server, template) for name in ("p_LE", "cmto")}
    async with federation(server, folder, clock, ["p_LE", "cmto"], databases) as (lecce, torino):
        desks = {}
        for town in (lecce, torino):
            async with town.node.pool.acquire() as conn:
                desks[town.id] = Desk(town, clock, sorted(await registry.read_records(conn)))
        profile_id = await published(lecce, desks["p_LE"].networks[0], clock())
        await torino.sync()
        yield Pair(desks["cmto"], desks["p_LE"], clock, profile_id)
