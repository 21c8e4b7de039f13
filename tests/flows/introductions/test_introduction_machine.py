"""Two offices and a bad road: hypothesis draws what people, clocks, crashes and the road do to introductions between two real nodes.

Two databases, the real flows, seals and signatures; in memory is the road alone (tests/introductions_road.py). After each step both
databases are read as they are: rows are what the events tell, nobody is named before two consents, what has to be erased is. At
the end all is delivered and time goes by: both offices hold the same, nothing is lost, nothing is said for ever. Runs are not shrunk:
the steps are printed as they happened. RETE_RUNS sets how many runs (``make prove``: 1,000).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from node.domain import introduction, introduction_fold
from node.domain.introduction import CLOSED, ENDED, OWNER, SEEKER, Case, Event, Kind, Party, State
from node.errors import CallerError
from node.flows.introductions import post
from node.protocol.sealed import SealPrivate
from node.store import introductions, outbox
from node.store.postgres import Connection
from tests.federation_made import BEGIN, Clock
from tests.introductions_made import Desk, published, two_offices
from tests.introductions_road import Line, client

RUNS = int(os.environ.get("RETE_RUNS", "12"))
STEPS = 30
# People do few things; each of them makes the nodes say little: a receipt each, names, an end, erasures.
SAID_MAX = 4
REFUSALS = {"introduction-not-now", "introduction-there", "introduction-unknown"}
# Where a process may die inside a transaction: before or after each of these is done.
PLACES = (
    (introductions, "insert_events"), (introductions, "keep_states"), (introductions, "keep_identities"),
    (introductions, "keep_consent"), (outbox, "put"), (outbox, "mark_read"),
)  # fmt: skip
ENDING = introduction.PROTECTING
FORWARD = (Kind.CHECK, Kind.FORWARD, Kind.ACCEPT, Kind.CONSENT, Kind.REQUEST)
READ = """SELECT i.introduction_id::text AS id, i.party, i.state, i.reason, i.outcome, i.turn, i.own_due, i.other_due, i.since,
    i.introduced_at, i.own_events, i.other_events, i.known_events, i.peer, t.identity::text AS told, t.erased_at
    FROM office.introduction i LEFT JOIN office.introduction_identity t USING (introduction_id) ORDER BY 1"""
EVENTS = """SELECT introduction_id::text AS id, party, seq, seen, kind, at, detail, due, event, payload::text AS payload
    FROM office.introduction_event ORDER BY 1, party, seq"""
# All that a node holds of introductions but its own consents and its own names.
TEXTS = """SELECT i::text AS row FROM office.introduction i UNION ALL SELECT n::text FROM office.introduction_notice n
    UNION ALL SELECT e::text FROM office.introduction_event e WHERE e.kind <> 'identity'
    UNION ALL SELECT convert_from(o.sealed, 'UTF8') FROM post.outbox o UNION ALL SELECT r::text FROM post.refused r"""
EMPTY = "TRUNCATE office.introduction, office.introduction_event, office.introduction_consent, office.introduction_identity, office.introduction_notice, post.outbox, post.box, post.refused"  # fmt: skip


class KilledError(Exception):
    """A process died here."""


@dataclass
class Held:
    """One case as a database has it."""

    row: dict[str, Any]
    events: list[Event] = field(default_factory=list)
    raw: dict[tuple[Party, int], bytes] = field(default_factory=dict)
    payloads: dict[tuple[Party, int], str] = field(default_factory=dict)

    @property
    def me(self) -> Party:
        """Who the office is."""
        return Party(self.row["party"])

    @property
    def case(self) -> Case:
        """What the events tell."""
        return introduction_fold.fold(self.events)


class World:
    """Two offices for the life of the module; each run begins with no case, at the same hour."""

    def __init__(self, server: str, template: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.runner = asyncio.Runner()
        self.clock = Clock()
        self.stack = AsyncExitStack()
        self.bomb: tuple[str, bool] | None = None
        self.deeds = 0
        self.copies: list[tuple[Desk, Desk, bytes]] = []
        self.seals = [SealPrivate(X25519PrivateKey.generate(), MLKEM768PrivateKey.generate()) for _ in range(8)]
        self.run(self._open(server, template, folder))
        patch.setattr(post, "PeerClient", client)
        for module, name in PLACES:
            patch.setattr(module, name, self._mined(name, getattr(module, name)))

    def run(self, work: Any) -> Any:
        """Run a coroutine in this world's loop."""
        return self.runner.run(work)

    async def _open(self, server: str, template: str, folder: Path) -> None:
        pair = await self.stack.enter_async_context(two_offices(server, template, folder, self.clock))
        self.desks = [pair.seeker, pair.owner]
        self.profiles = [
            (pair.owner, pair.profile_id),
            (pair.owner, await published(pair.owner.town, pair.owner.networks[1], self.clock())),
            (pair.seeker, await published(pair.seeker.town, pair.seeker.networks[2], self.clock())),
        ]
        for desk in self.desks:
            await desk.town.sync()
        for desk in self.desks:
            await desk.town.stop()
            desk.contact = {"person": f"Zq{desk.id}qz Referente", "role": "", "email": f"zq{desk.id}qz@example.org"}
            async with desk.town.node.pool.acquire() as conn:
                # Both have the same networks: names of their own tell whose was told.
                await conn.execute("SET session_replication_role = replica")
                await conn.execute("UPDATE registry.network SET name = $1 || name", f"Zq{desk.id}qz ")
                await conn.execute("UPDATE registry.firm SET name = $1 || name", f"Zq{desk.id}qz ")
                await conn.execute("RESET session_replication_role")

    def _mined(self, name: str, real: Any) -> Any:
        async def work(*args: Any, **more: Any) -> Any:
            if self.bomb == (name, False):
                self.bomb = None
                raise KilledError
            done = await real(*args, **more)
            if self.bomb == (name, True):
                self.bomb = None
                raise KilledError
            return done

        return work

    async def begin(self, seed: int) -> None:
        """No case, no post, all profiles published, the first hour; a road with troubles of its own."""
        luck = random.Random(seed)
        self.clock.now, self.bomb, self.deeds, self.copies = BEGIN, None, 0, []
        by_url = {f"http://127.0.0.1:{desk.town.port}": desk for desk in self.desks}
        troubles = luck.choice((0.0, 0.2, 0.6))
        self.lines = {desk.id: Line(desk, by_url, luck, troubles) for desk in self.desks}
        for desk in self.desks:
            desk.seal, desk.cards = None, {}
            async with desk.town.node.pool.acquire() as conn:
                await conn.execute(EMPTY)
        for desk, profile_id in self.profiles:
            await self.set_profile(desk, profile_id, "published")

    async def set_profile(self, desk: Desk, profile_id: str, state: str) -> None:
        """Say in its row that a profile is published or withdrawn, as its own flows do once and for ever."""
        async with desk.town.node.pool.acquire() as conn:
            await conn.execute("SET session_replication_role = replica")
            try:
                await conn.execute("UPDATE publication.profile SET state = $2 WHERE profile_id = $1", profile_id, state)
            finally:
                await conn.execute("RESET session_replication_role")

    def other(self, desk: Desk) -> Desk:
        """The one across."""
        return next(one for one in self.desks if one is not desk)

    def word(self, desk: Desk) -> str:
        """What stands in every name of an office's side, and nowhere else."""
        return f"q{desk.id}qz".lower()

    async def post(self, desk: Desk, *, everyone: bool = True) -> None:
        """Let one node carry its post."""
        await desk.post(everyone=everyone, session=self.lines[desk.id])

    async def rotate(self, desk: Desk, seal: SealPrivate) -> None:
        """Give a node another seal key; what was sealed for the one before it never opens again."""
        desk.seal = seal
        desk.cards[desk.id] = seal.public

    async def learn(self) -> None:
        """Take in the other's present card."""
        for desk in self.desks:
            other = self.other(desk)
            if other.seal is not None:
                desk.cards[other.id] = other.seal.public

    async def held(self, desk: Desk) -> dict[str, Held]:
        """All cases of a database."""
        async with desk.town.node.pool.acquire() as conn, conn.transaction(isolation="repeatable_read"):
            found = {row["id"]: Held(dict(row)) for row in await conn.fetch(READ)}
            for row in await conn.fetch(EVENTS):
                one, party = found[row["id"]], Party(row["party"])
                one.events.append(Event(party, row["seq"], row["seen"], row["kind"], row["at"], row["detail"], row["due"]))  # fmt: skip
                one.raw[party, row["seq"]] = row["event"]
                if row["payload"] is not None:
                    one.payloads[party, row["seq"]] = row["payload"]
            await self._names_nobody(conn, desk)
        return found

    async def _names_nobody(self, conn: Connection, desk: Desk) -> None:
        said = "\n".join(row["row"] for row in await conn.fetch(TEXTS)).lower()
        assert self.word(self.other(desk)) not in said
        # What waits for the other is sealed, whatever it is; drafts and events hold no name of our own either.
        assert "referente" not in said

    async def judge(self) -> dict[str, dict[str, Held]]:
        """Hold both databases against what they promise at every moment."""
        found = {desk.id: await self.held(desk) for desk in self.desks}
        for desk in self.desks:
            mine, theirs = found[desk.id], found[self.other(desk).id]
            for key, one in mine.items():
                check_row(one)
                check_names(one, theirs.get(key), self.word(desk), self.word(self.other(desk)))
                check_invented(one, theirs.get(key))
        return found

    def close(self) -> None:
        """End."""
        self.run(self.stack.aclose())
        self.runner.close()


def at(seconds: int) -> dt.datetime | None:
    """A moment of a row."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC) if seconds else None


def check_row(one: Held) -> None:
    """The row is what the events tell."""
    row, case, me = one.row, one.case, one.me
    if not one.events:
        assert row["state"] == State.DRAFT
        assert me is SEEKER
        return
    state = State.SENT if case.state is State.ENDORSED else case.state
    assert (row["state"], row["reason"], row["outcome"]) == (state, case.reason, case.outcome)
    assert row["turn"] == introduction.turn_of(case)
    assert (row["own_due"], row["other_due"]) == (case.due.get(me), case.due.get(me.other))
    assert (row["own_events"], row["other_events"]) == (case.heard[me], case.heard[me.other])
    assert row["known_events"] == case.seen[me.other]
    assert row["introduced_at"] == at(case.introduced_at)
    if case.since:
        assert row["since"] == at(case.since)


def identity_of(one: Held, party: Party) -> Event | None:
    """The event by which a party named itself; there is at most one."""
    found = [event for event in one.events if event.by is party and event.kind == Kind.IDENTITY]
    assert len(found) <= 1
    return found[0] if found else None


def check_names(one: Held, across: Held | None, own_word: str, other_word: str) -> None:
    """Names left after two consents that their own office had seen, and are held only while the case shows them."""
    mine, theirs = identity_of(one, one.me), identity_of(one, one.me.other)
    if mine is not None:
        before = [
            event
            for event in one.events
            if (event.by is one.me and event.seq < mine.seq) or (event.by is not one.me and event.seq <= mine.seen)
        ]
        case = introduction_fold.fold(before)
        assert case.consents == {SEEKER, OWNER}
        assert not case.revoked
        assert case.state is State.CONSENTED
        assert own_word in one.payloads[one.me, mine.seq].lower()
    told, shows = one.row["told"], one.case.shows(one.me)
    if theirs is None:
        assert told is None
        return
    assert across is not None
    assert identity_of(across, one.me.other) == theirs
    beside = one.payloads.get((one.me.other, theirs.seq))
    waits = theirs.seq > one.case.heard[one.me.other]
    # Taken back before it was fetched it comes without names; that it was taken back may still be on the road.
    bare = beside is None and across.case.withholds(across.me)
    assert (told is not None) == (shows and not bare)
    # Of one that waits for what was said before it nobody knows yet whether it may be read.
    assert (beside is not None) == ((shows or waits) and not bare)
    for text in (told, beside):
        assert text is None or (other_word in text.lower() and own_word not in text.lower())
    if one.case.state in ENDED and not waits:
        assert one.row["told"] is None


def check_invented(one: Held, across: Held | None) -> None:
    """Whatever is here of the other office is there, to the byte."""
    for (party, seq), raw in one.raw.items():
        if party is not one.me:
            assert across is not None
            assert across.raw[party, seq] == raw


class Run(RuleBasedStateMachine):
    """What happens to some introductions."""

    world: ClassVar[World]
    happened: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.begun = False
        self.luck = random.Random()

    def name(self, seed: int) -> None:
        """Begin, at the first step: with one to three drafts, most of them of Torino's, some of which have come far already."""
        self.begun, self.luck = True, random.Random(seed)
        world = self.world
        world.run(world.begin(seed))
        seeker, owner = world.desks
        wishes = [(seeker, 0, 0), (seeker, 0, 1), (seeker, 1, 0), (owner, 2, 0)]
        for desk, profile, network in self.luck.sample(wishes, self.luck.choice((1, 1, 2, 3))):
            key = world.run(desk.begin(world.profiles[profile][1], at=network))
            world.run(self.go_ahead(desk, key, self.luck.choice((0, 0, 1, 3, 5, 6, 7, 8))))

    async def go_ahead(self, seeker: Desk, key: str, count: int) -> None:
        """Let the first steps of a case go as they should."""
        world, owner = self.world, self.world.other(seeker)
        steps = (
            (seeker, Kind.REQUEST), (owner, Kind.CHECK), (owner, Kind.QUESTION), (seeker, Kind.ANSWER), (owner, Kind.FORWARD),
            (owner, Kind.ACCEPT), (seeker, Kind.CONSENT), (owner, Kind.CONSENT),
        )  # fmt: skip
        for desk, kind in steps[:count]:
            # The last of them is still on its way.
            await desk.post(session=replace(world.lines[desk.id], troubles=0))
            assert await self.attempt(desk, key, kind) == "done"
            world.deeds += 1

    @rule(seed=st.integers(0, 2**64))
    def happens(self, seed: int) -> None:
        """One of all that can. One rule, since hypothesis leaves whole rules out of a run."""
        if not self.begun:
            note(f"begin {seed}")
            self.name(seed)
            return
        self.luck = random.Random(seed)
        names = (
            self.deed,
            self.post,
            self.time,
            self.copy,
            self.carry,
            self.rotate,
            self.learn,
            self.withdraw,
            self.down,
        )
        work = self.luck.choices(names, (16, 16, 4, 2, 3, 0.5, 1.5, 0.1, 0.7))[0]
        told = self.world.run(work())
        note(f"{work.__name__}: {told}")

    async def deed(self) -> str:
        """Somebody decides something, allowed or not, and the process may die at it."""
        world, luck = self.world, self.luck
        desk = luck.choice(world.desks)
        found = await world.held(desk)
        if not found:
            return "nothing"
        key = luck.choice(list(found))
        one = found[key]
        kinds = list(introduction.may(one.case, one.me)) if one.events else [Kind.REQUEST] * (one.me is SEEKER)
        if luck.random() < 0.1 or not kinds:
            kinds = list(introduction.HUMAN)
        kind = luck.choices(kinds, [10 if k in FORWARD else 4 if k is Kind.ANSWER else 1 for k in kinds])[0]
        if kind in ENDING and luck.random() < 0.7:
            return "thought better of it"
        self.arm()
        done = await self.attempt(desk, key, kind)
        world.bomb = None
        after = (await world.held(desk))[key]
        if done == "done":
            world.deeds += 1
            assert after.events != one.events
        else:
            assert (after.row, after.events) == (one.row, one.events)
        return f"{desk.id} {kind} {key[:8]} {done} {after.case.state}"

    def arm(self) -> bool:
        """Now and then let the process die somewhere in what comes next."""
        luck = self.luck
        self.world.bomb = (luck.choice(PLACES)[1], luck.random() < 0.5) if luck.random() < 0.15 else None
        return self.world.bomb is not None

    async def attempt(self, desk: Desk, key: str, kind: Kind) -> str:
        """Do it; a refusal in words is fine."""
        text = "Quante imprese sono?" if kind in (Kind.QUESTION, Kind.ANSWER) else ""
        details = {
            Kind.DECLINE: introduction.DECLINE_REASONS, Kind.OUTCOME: introduction.OUTCOMES,
            Kind.WITHDRAW: ("found-elsewhere", "mistake"), Kind.FOLLOW_UP: ("30", "90", "180"),
        }  # fmt: skip
        try:
            await desk.do(key, kind, text, self.luck.choice(list(details[kind])) if kind in details else "")
        except CallerError as error:
            assert error.code in REFUSALS, error.code
            return error.code
        except KilledError:
            self.happened["killed at a deed"] += 1
            return "killed"
        return "done"

    async def post(self) -> str:
        """A node carries its post; it may die in the middle."""
        world, luck = self.world, self.luck
        desk = luck.choice(world.desks)
        armed = self.arm()
        await world.post(desk, everyone=luck.random() < 0.7)
        self.happened["killed at the post"] += armed and world.bomb is None
        world.bomb = None
        return desk.id

    async def time(self) -> str:
        """Hours or days go by, and the jobs of one or both nodes run."""
        luck, clock = self.luck, self.world.clock
        hours = luck.choice((1, 7, 7, 7, 30, 30, 24 * 4, luck.choice((1, 1, 24 * 16, 24 * 61))))
        clock.forward(hours=hours)
        desks = luck.sample(self.world.desks, luck.choice((1, 2)))
        for desk in desks:
            self.arm()
            try:
                await desk.due()
            except KilledError:
                self.happened["killed at a job"] += 1
            self.world.bomb = None
        return f"{hours} h, {[desk.id for desk in desks]}"

    async def copy(self) -> str:
        """Somebody takes a copy of what waits, or of the later part of it."""
        desk = self.luck.choice(self.world.desks)
        other = self.world.other(desk)
        async with desk.town.node.pool.acquire() as conn:
            sent = next((box.sent for box in await outbox.boxes(conn) if box.peer == other.id), 0)
        after = self.luck.randint(max(0, sent - 3), sent)
        raw = await post.export(desk.town.node.pool, other.id, after)
        self.world.copies.append((desk, other, raw))
        return f"{desk.id} after {after}"

    async def carry(self) -> str:
        """Somebody carries a copy across, for the first time or again."""
        if not self.world.copies:
            return "nothing"
        sender, recipient, raw = self.luck.choice(self.world.copies)
        asked = await post.import_(recipient.carrier(), sender.id, raw)
        return f"{sender.id}: {asked.received}, refused {asked.refused}"

    async def rotate(self) -> str:
        """A node gets another key, of which the other has not heard yet."""
        desk = self.luck.choice(self.world.desks)
        await self.world.rotate(desk, self.luck.choice(self.world.seals))
        if desk.seal is not None and self.world.other(desk).seal is desk.seal:
            # No key serves two.
            await self.world.rotate(desk, next(s for s in self.world.seals if s is not desk.seal))
        self.happened["keys rotated"] += 1
        return desk.id

    async def learn(self) -> str:
        """The new cards arrive."""
        await self.world.learn()
        return ""

    async def withdraw(self) -> str:
        """A profile is withdrawn."""
        desk, profile = self.luck.choice(self.world.profiles)
        await self.world.set_profile(desk, profile, "withdrawn")
        self.happened["profiles withdrawn"] += 1
        return profile[:8]

    async def down(self) -> str:
        """A node reaches nobody, or somebody again."""
        line = self.world.lines[self.luck.choice(self.world.desks).id]
        line.down = not line.down
        return f"{line.desk.id} {line.down}"

    @invariant()
    def both_keep_their_promises(self) -> None:
        """After each step."""
        if self.begun:
            self.world.run(self.world.judge())

    def teardown(self) -> None:
        """Deliver all, let time go by, and look at what is left."""
        if self.begun:
            self.world.run(self._end())

    async def _end(self) -> None:
        world = self.world
        await world.learn()
        for line in world.lines.values():
            line.down, line.troubles = False, 0.0
        await self._quiet()
        found = await world.judge()
        self._agree(found)
        # All that is still open ends by itself: unanswered, or never told how it went.
        for days in (61, 250):
            world.clock.forward(days=days)
            await self._quiet()
        found = await world.judge()
        self._agree(found)
        for one in found[world.desks[0].id].values():
            assert not one.events or one.case.state in CLOSED
            assert not one.case.erasing
        self._count(found)

    async def _quiet(self) -> None:
        """Let both nodes work until for hours nothing more is said."""
        world, silent = self.world, 0
        for _ in range(20):
            world.clock.forward(hours=7)
            before = await self._said()
            for desk in world.desks:
                # A node closes nothing before it has asked what the other said.
                await world.post(desk)
                await desk.due()
            for desk in world.desks:
                await world.post(desk)
            # Twice: what an office closes because nothing came, it closes after it has asked once more.
            silent = silent + 1 if await self._said() == before else 0
            if silent == 2:
                return
        raise AssertionError(f"the offices never fall silent: {before}")

    async def _said(self) -> list[tuple[str, int, int]]:
        """How many messages each ever put out, and how many still wait."""
        found = []
        for desk in self.world.desks:
            async with desk.town.node.pool.acquire() as conn:
                found += [(desk.id, box.sent, box.waiting) for box in await outbox.boxes(conn)]
        return found

    def _agree(self, found: dict[str, dict[str, Held]]) -> None:
        """Both hold the same events, the same case; nothing waits; nothing was said more often than there was something to say."""
        mine, theirs = (found[desk.id] for desk in self.world.desks)
        drafts = {key for held in (mine, theirs) for key, one in held.items() if not one.events}
        assert mine.keys() - drafts == theirs.keys() - drafts
        for key in mine.keys() - drafts:
            one, other = mine[key], theirs[key]
            assert one.raw == other.raw
            assert one.case == other.case
            assert not one.case.lost
            assert one.row["own_events"] == sum(party is one.me for party, _ in one.raw)
            for name in ("state", "turn", "reason", "outcome", "since", "introduced_at"):
                assert one.row[name] == other.row[name]
            assert (one.row["own_due"], one.row["other_due"]) == (other.row["other_due"], other.row["own_due"])
            people = sum(event.kind in introduction.HUMAN for event in one.events)
            assert len(one.events) <= SAID_MAX * people + 8
            kinds = Counter((event.by, event.kind) for event in one.events)
            for party in Party:
                assert kinds[party, Kind.IDENTITY] <= 1
                assert kinds[party, Kind.ERASED] <= 1

    def _count(self, found: dict[str, dict[str, Held]]) -> None:
        for one in found[self.world.desks[0].id].values():
            case, happened = one.case, self.happened
            happened["cases"] += 1
            happened["events"] += len(one.events)
            happened[f"ended {case.state}"] += 1
            happened["introduced"] += case.introduced_at > 0
            happened["overtaken"] += bool(case.overtaken)
            happened["erased"] += bool(case.erased)
            happened["crossed an end"] += bool(case.disclosed) and not case.introduced_at
            happened["revoked after"] += bool(case.introduced_at and case.revoked)


def go(world: World, runs: int) -> Counter[str]:
    """Go through some runs and return what happened in them; the first one that hypothesis draws is all zeros, and is extra."""
    happened: Counter[str] = Counter()
    kind = type("OneRun", (Run,), {"world": world, "happened": happened})
    with structlog.testing.capture_logs():
        run_state_machine_as_test(
            kind,
            settings=settings(
                max_examples=runs + 1, stateful_step_count=STEPS, deadline=None, phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck), database=None, print_blob=False,
            ),
        )  # fmt: skip
    return happened


@pytest.fixture
def world(server: str, desk_listed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Two offices."""
    found = World(server, desk_listed, tmp_path, monkeypatch)
    yield found
    found.close()


@pytest.mark.timeout(max(120, RUNS * 4))
def test_whatever_happens_two_offices_end_with_the_same_and_nobody_is_named_too_early(world: World) -> None:
    """Runs of thirty steps each; among them are introductions, ends of each kind, erasures and crashes, or nothing was tried."""
    happened = go(world, RUNS)
    sys.stdout.write(f"{dict(sorted(happened.items()))}\n")
    assert happened["cases"] > 0
    assert happened["events"] > 0
    # Of a dozen runs chance may leave out any one thing.
    if RUNS >= 100:
        assert happened["introduced"] >= RUNS // 10
        assert happened["killed at the post"] + happened["killed at a deed"] >= RUNS // 5
    if RUNS >= 200:
        for name in ("erased", "overtaken", "revoked after", "crossed an end", "keys rotated", "profiles withdrawn"):
            assert happened[name] > 0, name
