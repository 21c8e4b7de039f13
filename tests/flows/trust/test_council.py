"""A proposal collects signatures at any node, and comes into force at all of them when they are enough, and not before."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from node.errors import CallerError, PeerWrongError, ReteError
from node.flows.trust import agreement as in_force_flow
from node.flows.trust import council, council_card, council_draft, council_road
from node.flows.trust.council_edits import CouncilEdits, Edits
from node.flows.trust.council_road import Memory
from node.peers.client import PeerClient
from node.protocol import agreement, metadata, proposals, routine
from node.protocol.agreement_values import Status
from node.store import agreement as store
from tests.agreed_made import Agreed, agreed, cards, in_force, proposal
from tests.agreement_made import OFFICE, THREE, private, public, signed
from tests.federation_made import Clock, Town

IDS = ("p_LE", "cmto", "bic-lazio")


@pytest.fixture
def clock() -> Clock:
    """The time of the federation."""
    return Clock()


@pytest.fixture
async def three(server: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Agreed]:
    """Three nodes that follow one agreement, all serving."""
    async with agreed(server, tmp_path, clock, IDS) as made:
        yield made


def suspending(town: Town, node_id: str = "bic-lazio", *by: str) -> bytes:
    """A proposal to suspend a node."""
    return proposal(town.node, Edits(suspend=(node_id,)), *by)


async def bring(town: Town, raw: bytes, by: str = "") -> council.Taken:
    """Bring a proposal to a node, as a person or another node does."""
    return await council.receive(town.node.pool, council.place_of(town.node.agreement), raw, town.node.clock(), by)


async def kept(town: Town) -> list[store.Proposal]:
    """The proposals that a node keeps."""
    async with town.node.pool.acquire() as conn:
        return await store.read_proposals(conn)


async def test_signatures_meet_at_one_node_and_the_version_comes_into_force_there(three: Agreed) -> None:
    """Two files with one signature each are, together, the two that are needed; one alone changes nothing."""
    lecce, _, _ = three
    raw = suspending(lecce)
    first = await bring(lecce, signed(raw, ["lecce"]))
    assert (first.have, first.need, first.applied, first.is_new) == (1, 2, False, True)
    assert in_force(lecce.node).version == 1
    second = await bring(lecce, signed(raw, ["bari"]))
    assert (second.have, second.applied) == (2, True)
    assert in_force(lecce.node).version == 2
    found = in_force(lecce.node).node("bic-lazio")
    assert found is not None
    assert found.status is Status.SUSPENDED
    # What came into force is no proposal any more; to bring it again is no fault.
    assert await kept(lecce) == []
    assert (await bring(lecce, signed(raw, THREE))).applied


async def test_the_same_signature_twice_is_one(three: Agreed) -> None:
    """Whoever signs again, or sends what is known, adds nothing."""
    lecce, _, _ = three
    raw = suspending(lecce, "bic-lazio", "lecce")
    assert (await bring(lecce, raw)).is_new
    again = await bring(lecce, raw)
    assert (again.have, again.is_new, again.applied) == (1, False, False)


@pytest.mark.parametrize("by", [(), ("s1", "s2"), ("stranger",)], ids=["nobody", "secretariat", "stranger"])
async def test_what_nobody_who_decides_has_signed_is_not_kept(three: Agreed, by: tuple[str, ...]) -> None:
    """An unsigned proposal, or one signed by others, fills nothing."""
    lecce, _, _ = three
    with pytest.raises(CallerError) as refused:
        await bring(lecce, suspending(lecce, "bic-lazio", *by))
    assert refused.value.code == "proposal-unsigned"
    assert await kept(lecce) == []


async def test_a_bad_signature_beside_a_good_one_is_left_out(three: Agreed) -> None:
    """One key's signature under another key's id does not count and is not kept."""
    lecce, _, _ = three
    raw = suspending(lecce)
    _, forged = agreement.sign(raw, private("lecce"))
    mixed = agreement.with_signatures(signed(raw, ["lecce"]), [(agreement.council_keyid(public("bari")), forged)])
    taken = await bring(lecce, mixed)
    assert (taken.have, taken.applied) == (1, False)
    assert [len(one.signatures) for one in await kept(lecce)] == [1]


async def test_a_new_council_signs_too(three: Agreed) -> None:
    """The threshold of the council that will decide has to be met as well as that of the present one."""
    lecce, _, _ = three
    edits = Edits(council=CouncilEdits(add=tuple(cards(["roma", "milano"])), remove=(keyid_of("bari"),), threshold=4))
    raw = proposal(lecce.node, edits)
    taken = await bring(lecce, signed(raw, ["lecce", "torino"]))
    assert (taken.have, taken.need, taken.applied) == (2, 4, False)
    assert not (await bring(lecce, signed(raw, ["roma"]))).applied
    assert (await bring(lecce, signed(raw, ["milano"]))).applied
    assert in_force(lecce.node).council.threshold == 4
    # From now on the old threshold decides nothing.
    assert not (await bring(lecce, suspending(lecce, "bic-lazio", "lecce", "torino"))).applied


def keyid_of(name: str) -> str:
    """The id of the key of that name."""
    return agreement.council_keyid(public(name))


async def test_what_no_rule_allows_is_refused_before_it_is_kept(three: Agreed, clock: Clock) -> None:
    """A version that follows nothing, or breaks a rule, collects no signatures, and a document that is none is refused."""
    lecce, _, _ = three
    now = in_force(lecce.node)
    values: dict[str, Any] = {
        "expires": now.expires, "council": now.council, "secretariat": now.secretariat, "quorum": now.quorum,
        "terms": now.terms, "pdf_sha256": now.pdf_sha256,
    }  # fmt: skip
    for version, nodes, code in (
        (1, now.nodes[:2], "proposal-old"),
        (3, now.nodes, "proposal-ahead"),
        (2, now.nodes[:2], "agreement-rule-broken"),
    ):
        raw = signed(agreement.build(version=version, nodes=nodes, **values), THREE)
        with pytest.raises((CallerError, PeerWrongError)) as refused:
            await bring(lecce, raw)
        assert refused.value.code == code, version
    for raw, code in (
        (b"{}", "agreement-malformed"),
        (b"x", "agreement-malformed"),
        (b" " * (4 * 2**20 + 1), "agreement-too-large"),
    ):
        with pytest.raises(PeerWrongError) as malformed:
            await bring(lecce, raw)
        assert malformed.value.code == code
    assert await kept(lecce) == []
    assert clock() == lecce.node.clock()


async def test_a_submitted_proposal_reaches_all_that_answer_and_comes_into_force_everywhere(three: Agreed) -> None:
    """By signed requests; a node that is down misses it and is named."""
    lecce, torino, lazio = three
    await lazio.stop()
    raw = suspending(lecce, "bic-lazio", "lecce")
    sent = await submit(lecce, raw)
    assert (sent.told, list(sent.failed)) == (("cmto",), ["bic-lazio"])
    assert [one.by_member for one in await kept(torino)] == ["p_LE"]
    # The second signature arrives at another node, and both apply it by themselves.
    done = await submit(torino, signed(raw, ["torino"]))
    assert done.taken.applied
    await in_force_flow.reload(lecce.node.pool, council.place_of(lecce.node.agreement))
    assert in_force(lecce.node).version == in_force(torino.node).version == 2
    assert in_force(lazio.node).version == 1


async def submit(town: Town, raw: bytes) -> council_road.Sent:
    """Submit a proposal at a node."""
    return await council_road.submit(town.node.council_road(town.session), raw, town.node.clock())


async def test_a_round_brings_what_others_keep(three: Agreed) -> None:
    """Each asks the others for their proposals; what has not changed is asked for conditionally and weighed once."""
    lecce, torino, lazio = three
    raw = suspending(lecce)
    await bring(lecce, signed(raw, ["lecce"]))
    await bring(lazio, signed(raw, ["bari"]))
    memory = Memory()
    peers = torino.node.membership.peers
    road = torino.node.council_road(torino.session)
    assert await council_road.collect(road, peers, memory, torino.node.clock()) == 2
    assert in_force(torino.node).version == 2
    assert await council_road.collect(road, peers, memory, torino.node.clock()) == 0
    assert set(memory.etags) == {"p_LE", "bic-lazio"}
    async with torino.session.get(f"{lecce.node.public_url}/federation/heads") as reply:
        tag = reply.headers["Rete-Proposals"]
    assert not memory.is_news("p_LE", tag)
    assert memory.is_news("p_LE", "0" * 32)
    assert not memory.is_news("p_LE", None)


async def test_what_is_complete_and_was_not_applied_is_applied_in_the_next_round(three: Agreed) -> None:
    """A crash between keeping the last signature and applying loses nothing."""
    lecce, _, _ = three
    raw = suspending(lecce, "bic-lazio", "lecce")
    await bring(lecce, raw)
    digest = agreement.parse(raw).digest
    async with lecce.node.pool.acquire() as conn, conn.transaction():
        await store.put_signatures(conn, digest, [agreement.sign(raw, private("bari"))], lecce.node.clock())
    place = council.place_of(lecce.node.agreement)
    assert await council.settle(lecce.node.pool, place, lecce.node.clock()) == 1
    assert in_force(lecce.node).version == 2
    assert await council.settle(lecce.node.pool, place, lecce.node.clock()) == 0


async def test_documents_are_read_off_the_loop_and_never_under_the_lock(
    three: Agreed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of megabytes takes a second: whoever brings it keeps nobody else waiting, neither here nor for the lock."""
    lecce, _, _ = three
    raw, other = suspending(lecce), suspending(lecce, "cmto")
    on_loop: list[str] = []
    locked = False
    strict, keep = metadata.strict, council._keep

    def watched(raw: bytes) -> Any:
        if threading.current_thread() is threading.main_thread() or locked:
            on_loop.append("".join(traceback.format_stack(limit=6)))
        return strict(raw)

    async def keeping(*given: Any) -> Any:
        nonlocal locked
        locked = True
        try:
            return await keep(*given)
        finally:
            locked = False

    monkeypatch.setattr(metadata, "strict", watched)
    monkeypatch.setattr(council, "_keep", keeping)
    place = council.place_of(lecce.node.agreement)
    one, two, fork = await asyncio.to_thread(
        lambda: (signed(raw, ["lecce"]), signed(raw, ["bari"]), signed(other, ["lecce", "torino"]))
    )
    await bring(lecce, one)
    await bring(lecce, one)
    await council.settle(lecce.node.pool, place, lecce.node.clock())
    assert (await bring(lecce, two)).applied
    assert (await bring(lecce, two)).applied
    with pytest.raises(PeerWrongError):
        await bring(lecce, fork)
    assert on_loop == []


async def test_what_needs_no_reading_is_not_read(three: Agreed, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody who decides signed, what brings nothing new, what is open and not complete: no node of it is looked at."""
    lecce, torino, _ = three
    raw, bare = suspending(lecce, "bic-lazio", "lecce"), suspending(lecce, "cmto")
    await bring(lecce, raw)
    stranger = signed(raw, ["stranger"])

    def parse(_: bytes) -> Any:
        pytest.fail("read")

    monkeypatch.setattr(agreement, "parse", parse)
    for again in (raw, stranger):
        taken = await bring(lecce, again)
        assert (taken.have, taken.need, taken.is_new, taken.applied) == (1, 2, False, False)
    with pytest.raises(CallerError) as refused:
        await bring(torino, signed(bare, ["stranger"]))
    assert refused.value.code == "proposal-unsigned"
    place = council.place_of(lecce.node.agreement)
    assert await council.settle(lecce.node.pool, place, lecce.node.clock()) == 0


async def test_a_member_that_brings_what_is_refused_is_heard_less(three: Agreed, clock: Clock) -> None:
    """Ten at once, one a minute: then 429 before anything is read, for that member alone."""
    lecce, torino, lazio = three
    bare = suspending(lecce)

    async def post(town: Town, raw: bytes) -> int:
        member = PeerClient(town.session, f"http://127.0.0.1:{torino.port}", town.node.request_signer())
        try:
            return (await member.post_signed(council_road.SIGNATURES, raw, max_bytes=9_999)).status
        except ReteError as error:
            return int(error.facts["status"])

    assert [await post(lecce, bare) for _ in range(11)] == [403] * 10 + [429]
    good = signed(bare, ["lecce"])
    assert [await post(lecce, good), await post(lazio, good)] == [429, 200]
    clock.forward(minutes=1)
    assert [await post(lecce, good), await post(lecce, bare), await post(lecce, good)] == [200, 200, 200]


async def test_requests_that_nobody_looks_at_are_forgotten_after_thirty_days(three: Agreed, clock: Clock) -> None:
    """Until then they wait; after it there is room for others."""
    lecce, _, _ = three
    place = council.place_of(lecce.node.agreement)
    for days, waiting in ((0, 1), (29, 1), (2, 0)):
        clock.forward(days=days)
        async with lecce.node.pool.acquire() as conn:
            if not days:
                await store.put_request(conn, "ab" * 32, b"{}", clock(), store.Asker("p_AR", "ar.example", b""))
            await council.settle(lecce.node.pool, place, clock())
            assert len(await store.read_requests(conn)) == waiting, days


async def test_two_proposals_collect_side_by_side_and_the_other_complete_one_is_a_fork(three: Agreed) -> None:
    """The first to be complete is in force; the second, signed as well, is kept as a fork and changes nothing."""
    lecce, _, _ = three
    one, other = suspending(lecce, "bic-lazio"), suspending(lecce, "cmto")
    await bring(lecce, signed(one, ["lecce"]))
    await bring(lecce, signed(other, ["torino"]))
    assert len(await kept(lecce)) == 2
    assert (await bring(lecce, signed(one, ["bari"]))).applied
    assert await kept(lecce) == []
    with pytest.raises(CallerError) as old:
        await bring(lecce, signed(other, ["lecce"]))
    assert old.value.code == "proposal-old"
    with pytest.raises(PeerWrongError) as forked:
        await bring(lecce, signed(other, ["lecce", "torino"]))
    assert forked.value.code == "agreement-forked"
    async with lecce.node.pool.acquire() as conn:
        assert [fork.digest for fork in await store.read_forks(conn)] == [agreement.parse(other).digest]


async def test_one_key_cannot_fill_the_list(three: Agreed, clock: Clock) -> None:
    """Of proposals that only the same key has signed a few are kept; another key's still finds room."""
    lecce, _, _ = three
    for days in range(council.PROPOSALS_OF_A_KEY):
        edits = Edits(expires=clock().replace(microsecond=0) + dt.timedelta(days=100 + days))
        await bring(lecce, proposal(lecce.node, edits, "lecce"))
    more = proposal(lecce.node, Edits(expires=clock().replace(microsecond=0) + dt.timedelta(days=99)))
    with pytest.raises(CallerError) as full:
        await bring(lecce, signed(more, ["lecce"]))
    assert full.value.code == "proposals-full"
    assert (await bring(lecce, signed(more, ["bari"]))).is_new
    # A signature more on one that is kept is always welcome.
    assert (await bring(lecce, signed(more, ["lecce"]))).applied


async def test_routine_changes_go_the_same_road_with_the_secretariat_s_threshold(three: Agreed) -> None:
    """A node's own change of its entry, two of the secretariat: in force without the council; neither of them alone."""
    lecce, _, _ = three
    before = in_force(lecce.node).node("p_LE")
    assert before is not None
    entry = agreement.node_json(before) | {"name": "Provincia di Lecce, rete", "rev": 2}
    own = routine.consent(entry, lecce.node.keys.signing["http"], {})
    found = in_force(lecce.node)
    raw = routine.build(version=1, expires=found.expires, secretariat=found.secretariat, changes=[own])
    with pytest.raises(CallerError) as refused:
        await bring(lecce, signed(raw, ["lecce", "bari"]))
    assert refused.value.code == "proposal-unsigned"
    assert not (await bring(lecce, signed(raw, OFFICE[:1]))).applied
    assert (await bring(lecce, signed(raw, OFFICE[1:2]))).applied
    state = council.place_of(lecce.node.agreement).in_force
    named = state.node("p_LE")
    assert named is not None
    assert (named.name, state.agreement.version) == ("Provincia di Lecce, rete", 1)
    # The next version says it too, and no entry's count goes back.
    folded = agreement.parse(proposal(lecce.node, Edits(suspend=("cmto",)))).node("p_LE")
    assert folded == named


async def test_nobody_is_admitted_on_an_expired_version(three: Agreed, clock: Clock) -> None:
    """Whatever day is written: no signatures are collected for it, here nor of what others bring, until the council has renewed."""
    lecce, _, _ = three
    await bring(lecce, proposal(lecce.node, Edits(leave=("cmto",)), *THREE))
    early = proposal(lecce.node, Edits(readmit=("cmto",)), "lecce")
    clock.forward(days=400)
    entry = in_force(lecce.node).node("cmto")
    assert entry is not None
    edits = Edits(change=(replace(entry, status=Status.ACTIVE),))
    with pytest.raises(CallerError) as refused:
        proposal(lecce.node, edits)
    assert refused.value.code == "agreement-expired"
    with pytest.raises(PeerWrongError) as brought:
        await bring(lecce, early)
    assert brought.value.code == "agreement-expired"
    later = lecce.node.clock().replace(microsecond=0) + dt.timedelta(days=365)
    assert (await bring(lecce, proposal(lecce.node, Edits(expires=later), *THREE))).applied
    assert (await bring(lecce, proposal(lecce.node, edits, *THREE))).applied


async def test_what_cannot_be_lived_by_does_not_stop_the_round(three: Agreed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Complete, and refused here for a reason of this node's own: told, not applied, and the round goes on."""
    lecce, _, _ = three
    raw = suspending(lecce, "bic-lazio", "lecce")
    await bring(lecce, raw)
    place = council.place_of(lecce.node.agreement)
    stranger = place.own
    other = in_force(lecce.node).node("cmto")
    assert other is not None
    # A node that no version lists, and that holds a key of a member.
    monkeypatch.setattr(place, "own", replace(stranger, id="nobody", http={"x#http-1": other.http[0].public}))
    taken = await bring(lecce, signed(raw, THREE))
    assert not taken.applied
    assert await council.settle(lecce.node.pool, place, lecce.node.clock()) == 0


async def test_routine_proposals_of_one_time_do_not_close_each_other(three: Agreed) -> None:
    """Two nodes' changes collect side by side; one comes into force, and the other goes on collecting; then neither is kept."""
    lecce, torino, _ = three
    raws = []
    for town in (lecce, torino):
        found = in_force(town.node)
        entry = found.node(town.id)
        assert entry is not None
        after = agreement.node_json(entry) | {"name": "Altro nome", "rev": 2}
        own = routine.consent(after, town.node.signing_key(), {})
        raws.append(routine.build(version=1, expires=found.expires, secretariat=found.secretariat, changes=[own]))
    for raw in raws:
        await bring(lecce, signed(raw, OFFICE[:1]))
    assert (await bring(lecce, signed(raws[0], OFFICE[1:2]))).applied
    assert len(await kept(lecce)) == 1
    assert (await bring(lecce, signed(raws[1], OFFICE[1:2]))).applied
    assert await kept(lecce) == []
    with pytest.raises(CallerError) as old:
        await bring(lecce, signed(raws[0], OFFICE))
    assert old.value.code == "proposal-old"


async def test_the_route_takes_members_signed_documents_and_nobody_else_s(three: Agreed) -> None:
    """401 without a request signature, 403 for a proposal that nobody signed, 409 for an old one, 200 with numbers."""
    lecce, torino, _ = three
    url = f"http://127.0.0.1:{torino.port}"
    raw = suspending(lecce, "bic-lazio", "lecce")
    stranger = PeerClient(lecce.session, url)
    with pytest.raises(PeerWrongError) as unsigned:
        await stranger.post(council_road.SIGNATURES, raw, max_bytes=9_999, content_type="application/json")
    assert (unsigned.value.facts["status"], unsigned.value.facts["problem"]) == (401, "signature-missing")
    member = PeerClient(lecce.session, url, lecce.node.request_signer())
    reply = await member.post_signed(council_road.SIGNATURES, raw, max_bytes=9_999)
    assert reply.body == b'{"version": 2, "have": 1, "need": 2, "applied": false}'
    for document, status, problem in (
        (suspending(lecce, "cmto"), 403, "proposal-unsigned"),
        (b"{}", 400, "agreement-malformed"),
    ):
        with pytest.raises(PeerWrongError) as refused:
            await member.post_signed(council_road.SIGNATURES, document, max_bytes=9_999)
        assert (refused.value.facts["status"], refused.value.facts["problem"]) == (status, problem)


def test_a_card_says_what_its_key_is_and_nothing_else() -> None:
    """It comes back whole; a changed name is another's affair, a changed key, id or fingerprint is refused."""
    card = council_card.card_of("Provincia di Lecce", public("lecce"))
    value = council_card.card_json(card)
    assert council_card.parse(orjson.dumps(value), "x") == card
    other = council_card.card_json(council_card.card_of("", public("bari")))
    for key in ("keyid", "public", "fingerprint"):
        with pytest.raises(CallerError) as bad:
            council_card.parse(orjson.dumps(value | {key: other[key]}), "x")
        assert bad.value.code == "council-card-bad"
    for raw in (b"", b"[]", b"{}", orjson.dumps(value | {"more": 1}), b" " * 20_000):
        with pytest.raises(CallerError):
            council_card.parse(raw, "x")


async def test_a_draft_counts_changes_and_refuses_what_makes_no_sense(three: Agreed) -> None:
    """A changed entry's count grows by one, others' stay; an unknown node, a state that does not fit, no change at all."""
    lecce, _, _ = three
    made = agreement.parse(suspending(lecce))
    assert {node.id: node.rev for node in made.nodes} == {"p_LE": 1, "cmto": 1, "bic-lazio": 2}
    for edits, code in (
        (Edits(), "proposal-empty"),
        (Edits(suspend=("nobody",)), "agreement-node-unknown"),
        (Edits(readmit=("cmto",)), "agreement-status-wrong"),
        (Edits(council=CouncilEdits(threshold=4)), "council-threshold"),
        (Edits(council=CouncilEdits(add=tuple(cards(["lecce"])))), "council-key-there"),
        (Edits(council=CouncilEdits(remove=("0000",))), "council-key-unknown"),
        (Edits(terms={"k": 6}), "agreement-term-unknown"),
        (Edits(terms={"k_min": 4}), "agreement-term-bad"),
    ):
        with pytest.raises(CallerError) as refused:
            proposal(lecce.node, edits)
        assert refused.value.code == code
    moved = council_draft.move(
        council.drafted(council.place_of(lecce.node.agreement).in_force), "cmto", "https://to.example.it"
    )
    assert [key.keyid for key in moved.nodes["cmto"].http] == ["to.example.it#http-1"]


def test_a_list_of_proposals_comes_back_as_it_was_told() -> None:
    """Documents in their order, as many as a reply may hold; anything else is refused."""
    documents = [b"{}", b"x" * 1_000]
    assert proposals.parse(proposals.encode(documents)) == documents
    assert len(proposals.parse(proposals.encode([b"x" * 2**20] * 5))) == 2
    assert len(proposals.parse(proposals.encode([b"x"] * 100))) == 64
    for raw in (
        b"[]",
        b'{"p":1}',
        b'{"p":[1]}',
        b'{"p":["*"]}',
        b'{"p":[],"q":1}',
        b'{"p":[' + b",".join([b'""'] * 65) + b"]}",
    ):
        with pytest.raises(PeerWrongError):
            proposals.parse(raw)
