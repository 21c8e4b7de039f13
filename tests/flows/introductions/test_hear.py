"""What another office sends: each message once and in its place, whatever else refused by its code, and nothing stopped by it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.domain.introduction import EVENTS_MAX, Kind, Party, State
from node.flows.introductions import casework, hear
from node.flows.introductions.post import Opened
from node.protocol import message
from node.protocol.message import Facts
from node.store import introductions, schemas
from tests.introductions_made import INTRODUCED, Desk, Pair

TEXT = {"text": "Quante imprese sono?"}
REQUEST = {"text": "Un progetto comune.", "purpose": "request", "seeker": {"kind": "network", "sector": "C", "territory": ""}}  # fmt: skip


@dataclass
class Told:
    """What the seeker's office could send: signed by its key, in whatever envelope."""

    pair: Pair
    case: str

    def facts(self, seq: int, kind: Kind = Kind.REQUEST, **changes: Any) -> Facts:
        """An event of the seeker."""
        at = int(self.pair.clock().timestamp())
        made = Facts(self.case, "cmto", "p_LE", self.pair.profile_id, "seeker", seq, 0, str(kind), at)
        return replace(made, **changes)

    def opened(
        self,
        facts: Facts,
        number: int = 1,
        payload: dict[str, Any] | None = None,
        key: Ed25519PrivateKey | None = None,
        **envelope: Any,
    ) -> Opened:
        """The event as it comes out of its seal."""
        signer = key or self.pair.seeker.town.node.office().key
        salt = bytes(32) if payload is not None else b""
        raw = message.encode(message.sign(facts, signer, payload=payload, salt=salt))
        return replace(Opened(number, facts.introduction, facts.seq, raw), **envelope)

    async def reach(self, *items: Opened, at: Desk | None = None, sender: str = "cmto") -> list[tuple[int, str]]:
        """Let messages arrive in one transaction; return what is refused."""
        desk = at or self.pair.owner
        async with desk.town.node.pool.acquire() as conn, conn.transaction():
            return list(await hear.receive(conn, desk.town.node.office(), sender, items, desk.clock()))

    async def events(self, at: Desk | None = None) -> Sequence[tuple[Party, int, str]]:
        """What is there of the case."""
        async with (at or self.pair.owner).town.node.pool.acquire() as conn:
            found = await introductions.timeline(conn, self.case)
        return [(step.event.by, step.event.seq, step.event.kind) for step in found]


@pytest.fixture
def told(pair: Pair) -> Told:
    """A case that nobody knows yet."""
    return Told(pair, str(uuid.uuid4()))


async def test_a_message_is_taken_once_however_often_it_comes(told: Told) -> None:
    """Twice in one batch, and again later; the node's receipt is said once."""
    first = told.opened(told.facts(1), payload=REQUEST)
    assert await told.reach(first, replace(first, number=2)) == []
    assert await told.reach(replace(first, number=3)) == []
    assert [(by, seq, kind) for by, seq, kind in await told.events() if by is Party.SEEKER] == [(Party.SEEKER, 1, "request")]  # fmt: skip
    owner = [kind for by, _, kind in await told.events() if by is Party.OWNER]
    assert owner == ["receipt"]


async def test_another_event_under_a_number_that_is_there_is_refused(told: Told) -> None:
    """The first stays; in one batch and later."""
    first = told.opened(told.facts(1), payload=REQUEST)
    forked = told.opened(told.facts(1, kind=Kind.WITHDRAW, detail="mistake"), number=2)
    assert await told.reach(first, forked) == [(2, hear.FORKED)]
    assert await told.reach(replace(forked, number=3)) == [(3, hear.FORKED)]
    assert (await told.events())[-1] == (Party.SEEKER, 1, "request")


async def test_events_that_come_in_another_order_are_one_case(told: Told) -> None:
    """The second first: the case waits for the first, and says nothing of itself until then."""
    second = told.opened(told.facts(2, kind=Kind.WITHDRAW, detail="mistake"))
    assert await told.reach(second) == []
    assert (await told.pair.owner.read(told.case)).row.state == State.SENT
    assert await told.reach(told.opened(told.facts(1), payload=REQUEST)) == []
    assert (await told.pair.owner.read(told.case)).case.state is State.WITHDRAWN


async def test_what_is_not_its_sender_s_or_its_envelope_s_is_refused(told: Told) -> None:
    """Said by the other side, to another, of another case or number; each is told, and what stands beside it is taken."""
    facts = told.facts(1)
    assert await told.reach(
        told.opened(replace(facts, by="owner"), 1),
        told.opened(replace(facts, owner="p_BR"), 2),
        told.opened(replace(facts, seeker="p_BR"), 3),
        told.opened(facts, 4, introduction=str(uuid.uuid4())),
        told.opened(facts, 5, seq=2),
        told.opened(facts, 6, key=Ed25519PrivateKey.from_private_bytes(bytes(32))),
        replace(told.opened(facts, 7), plaintext=b"{}"),
        replace(told.opened(facts, 8), plaintext=b"\xff"),
        told.opened(facts, 9, payload=REQUEST),
    ) == [
        (1, hear.SIGNATURE_BAD), (2, hear.MISMATCH), (3, hear.SIGNATURE_BAD), (4, hear.MISMATCH), (5, hear.MISMATCH),
        (6, hear.SIGNATURE_BAD),
        (7, "message-malformed"), (8, "json-malformed"),
    ]  # fmt: skip
    assert (await told.pair.owner.read(told.case)).case.state is State.RECEIVED


async def test_nobody_speaks_in_this_office_s_name(told: Told) -> None:
    """What is said in our name counts only by our own signature: given back it is taken once, signed by the sender never."""
    assert await told.reach(told.opened(told.facts(1), payload=REQUEST)) == []
    ours = told.facts(2, kind=Kind.CHECK, by="owner", seen=1)
    assert await told.reach(told.opened(ours)) == [(1, hear.SIGNATURE_BAD)]
    assert (await told.pair.owner.read(told.case)).case.state is State.RECEIVED
    key = told.pair.owner.town.node.office().key
    assert await told.reach(told.opened(ours, key=key)) == []
    assert (await told.pair.owner.read(told.case)).case.state is State.UNDER_CHECK
    # And what the sender says is signed by the sender.
    assert await told.reach(told.opened(told.facts(2, kind=Kind.WITHDRAW), key=key)) == [(1, hear.SIGNATURE_BAD)]


async def test_what_was_said_under_a_key_that_was_given_up_is_still_believed(told: Told) -> None:
    """A node changed its request key between two events: the first, which comes again later, was signed with the old one."""
    old, stolen = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (8, 9))
    membership = told.pair.owner.town.node.membership
    first = told.opened(told.facts(1), payload=REQUEST, key=old)
    assert await told.reach(first) == [(1, hear.SIGNATURE_BAD)]
    members = {
        **membership.members,
        "cmto": replace(membership.members["cmto"], former=(old.public_key().public_bytes_raw(),)),
    }
    membership.change(replace(membership.roll, members=members))
    assert await told.reach(first, told.opened(told.facts(2, kind=Kind.WITHDRAW, detail="mistake"), number=2)) == []
    assert (await told.pair.owner.read(told.case)).case.state is State.WITHDRAWN
    # One that was taken away, or never was, speaks for nobody.
    other = Told(told.pair, str(uuid.uuid4()))
    assert await other.reach(other.opened(other.facts(1), payload=REQUEST, key=stolen)) == [(1, hear.SIGNATURE_BAD)]


async def test_a_case_never_becomes_another_one(told: Told) -> None:
    """Its profile and its offices stay; nobody writes into a case of somebody else."""
    assert await told.reach(told.opened(told.facts(1), payload=REQUEST)) == []
    other = told.facts(2, kind=Kind.WITHDRAW, detail="mistake", profile=str(uuid.uuid4()))
    assert await told.reach(told.opened(other)) == [(1, hear.MISMATCH)]
    pool = told.pair.owner.town.node.pool
    await pool.execute("UPDATE office.introduction SET peer = 'p_BR'")
    mine = told.facts(2, kind=Kind.WITHDRAW, detail="mistake")
    assert await told.reach(told.opened(mine)) == [(1, hear.TOO_MANY)]
    await pool.execute("UPDATE office.introduction SET peer = 'cmto', party = 'seeker'")
    assert await told.reach(told.opened(mine)) == [(1, hear.MISMATCH)]


async def test_a_clock_that_is_ahead_ends_no_step(told: Told) -> None:
    """More than some minutes ahead is refused; as much as that is not."""
    day = int((told.pair.clock() + hear.AHEAD_MAX).timestamp())
    assert await told.reach(told.opened(told.facts(1, at=day + 1), payload=REQUEST)) == [(1, hear.FUTURE)]
    assert await told.reach(told.opened(told.facts(1, at=day), payload=REQUEST)) == []


async def test_an_office_has_so_many_events_in_a_case(told: Told) -> None:
    """The last one is taken, the one after it is not."""
    last = told.opened(told.facts(EVENTS_MAX, kind=Kind.RECEIPT))
    over = told.opened(told.facts(EVENTS_MAX + 1, kind=Kind.RECEIPT), number=2)
    assert await told.reach(last, over) == [(2, hear.TOO_MANY)]


async def test_an_office_has_so_many_cases_open_here(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are there go on; a new one waits until one has ended."""
    monkeypatch.setattr(hear, "OPEN_MAX", 1)
    other = Told(told.pair, str(uuid.uuid4()))
    assert await told.reach(told.opened(told.facts(1), payload=REQUEST)) == []
    assert await other.reach(other.opened(other.facts(1), payload=REQUEST)) == [(1, hear.TOO_MANY)]
    assert await told.reach(told.opened(told.facts(2, kind=Kind.WITHDRAW, detail="mistake"))) == []
    assert await other.reach(other.opened(other.facts(1), payload=REQUEST)) == []


async def test_an_answer_to_what_was_never_asked_is_refused(told: Told) -> None:
    """Of a case that this office would have begun there is nothing here."""
    facts = told.facts(1, kind=Kind.CHECK, by="owner", seeker="p_LE", owner="cmto")
    assert await told.reach(told.opened(facts)) == [(1, "introduction-unknown")]
    assert await told.events() == []


async def test_a_payload_that_breaks_its_schema_is_not_shown_and_its_event_counts(told: Told) -> None:
    """A request of other parts, a text where none belongs: the case goes on without them."""
    bad = {**REQUEST, "seeker": {**REQUEST["seeker"], "name": "Rete dei Frantoi"}}  # type: ignore[dict-item]
    assert await told.reach(told.opened(told.facts(1), payload=bad)) == []
    assert await told.reach(told.opened(told.facts(2, kind=Kind.RECEIPT), payload=TEXT)) == []
    opened = await told.pair.owner.read(told.case)
    assert opened.case.state is State.RECEIVED
    assert [step.payload for step in opened.steps] == [None] * len(opened.steps)
    async with told.pair.owner.town.node.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM office.introduction_event WHERE salt IS NOT NULL") == 0


async def test_a_batch_of_many_cases_is_taken_as_a_few_are(told: Told) -> None:
    """Read in a thread, each with its case and its receipt; one that is bad among them is told."""
    cases = [Told(told.pair, str(uuid.uuid4())) for _ in range(12)]
    items = [case.opened(case.facts(1), number, REQUEST) for number, case in enumerate(cases, 1)]
    items[4] = replace(items[4], plaintext=b"{}")
    assert await told.reach(*items) == [(5, "message-malformed")]
    async with told.pair.owner.town.node.pool.acquire() as conn:
        counts = {count.state: count.cases for count in await introductions.count_cases(conn, told.pair.clock())}
    assert counts == {State.RECEIVED: 11}


async def test_a_case_of_no_profile_here_is_closed_by_the_node(told: Told) -> None:
    """A profile that this office never had, or has no more: its node withdraws at once."""
    stray = told.facts(1, profile=str(uuid.uuid4()))
    assert await told.reach(told.opened(stray, payload=REQUEST)) == []
    opened = await told.pair.owner.read(told.case)
    assert (opened.case.state, opened.case.reason) == (State.WITHDRAWN, "profile-withdrawn")


async def test_everything_that_this_office_says_has_its_schema(pair: Pair) -> None:
    """Every event of a whole case, as each side signed it and as the other keeps it."""
    case = await pair.reach(
        ("owner", Kind.CHECK), ("owner", Kind.QUESTION), ("seeker", Kind.ANSWER), *INTRODUCED[1:], ("owner", Kind.FOLLOW_UP),
        ("owner", Kind.REVOKE), ("seeker", Kind.OUTCOME),
    )  # fmt: skip
    ended = await pair.reach(("owner", Kind.CHECK), ("owner", Kind.DECLINE))
    again = await pair.reach(("seeker", Kind.WITHDRAW))
    valid, kinds = schemas.introduction_validator().is_valid, set()
    for desk in pair.desks:
        public = {m.id: tuple(m.http.values()) for m in desk.town.node.office().membership.members.values()}
        async with desk.town.node.pool.acquire() as conn:
            kept = await introductions.messages_of(conn, [case, ended, again], list(range(1, 30)))
        for _, _, _, item in kept:
            raw = message.encode(casework.as_message(item))
            read = message.decode(raw, public[casework.as_message(item).facts.speaker][0])
            # A payload that was erased since is what the schema of a request wants and the protocol does not.
            assert valid(json.loads(raw)), raw
            kinds.add(read.facts.kind)
    assert kinds == set(map(str, Kind)) - {"expire"}
