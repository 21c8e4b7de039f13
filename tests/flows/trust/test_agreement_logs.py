"""Suspended, gone, back again: what becomes of a node's profiles at the others, at once and when the terms say."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.domain.query import Query
from node.errors import CallerError, PeerWrongError
from node.flows.introductions import hear
from node.flows.logs import accuse, epoch
from node.flows.searching import overview
from node.flows.searching import search as searching
from node.flows.trust import agreement_logs, council, council_edits
from node.flows.trust.agreement_terms import is_agreed, roll_of
from node.flows.trust.council_edits import Edits
from node.peers.client import PeerClient
from node.protocol.agreement_values import LogKeys, Status
from node.store import cooperation, evidence, log, log_life
from node.store.reference import load_label_reference
from tests.agreed_made import Agreed, agreed, in_force, proposal
from tests.agreement_made import THREE, signed
from tests.federation_made import Clock, Town
from tests.flows.trust.test_agreement_applied import apply, place_of

IDS = ("p_LE", "bic-lazio", "cmto")


@pytest.fixture
def clock() -> Clock:
    """The time of the federation."""
    return Clock()


@pytest.fixture
async def three(server: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Agreed]:
    """Three nodes; the second has published three profiles, and both others have them."""
    async with agreed(server, tmp_path, clock, IDS) as made:
        await made.towns[1].publish(3)
        for town in (made.towns[0], made.towns[2]):
            await town.sync()
        yield made


async def decide(towns: Agreed, **edits: object) -> None:
    """Let a decision of the council come into force everywhere."""
    raw = proposal(towns.towns[0].node, Edits(**edits), *THREE)  # type: ignore[arg-type]
    for town in towns.towns:
        await apply(town, raw)


async def found(town: Town) -> int:
    """How many profiles a search finds."""
    node = town.node
    told = await searching.search(node.pool, Query(), load_label_reference(), now=node.clock(), index=node.index)
    return len(told.hits)


async def state_of(town: Town, owner: str) -> str:
    """The state of a member's newest log."""
    return (await town.origin(owner)).state


async def test_a_suspended_node_is_hidden_and_unheard_at_once(three: Agreed) -> None:
    """Its profiles leave every search, its mirror is not served, its log is not cosigned nor pulled, its requests are 403."""
    lecce, bic, torino = three
    assert await found(lecce) == 3
    line = (await lecce.origin("bic-lazio")).origin_hash
    anybody = PeerClient(torino.session, lecce.node.public_url, None)
    assert (await anybody.get(f"/federation/mirror/{line}/checkpoint", max_bytes=65_536)).status == 200
    raw = proposal(lecce.node, Edits(suspend=("bic-lazio",)), *THREE)
    for town in (lecce, torino):
        await apply(town, raw)
    assert await found(lecce) == 0
    assert [
        body.profiles
        for body in (await overview.read(lecce.node.pool, lecce.node.clock())).bodies
        if body.id == "bic-lazio"
    ] == [0]
    with pytest.raises(PeerWrongError, match="404 log-suspended"):
        await anybody.get(f"/federation/mirror/{line}/checkpoint", max_bytes=65_536)
    await bic.publish(1)
    assert [report.owner for report in await lecce.sync()] == ["cmto"]
    assert (await lecce.gossip()).reports == []
    assert "bic-lazio" not in lecce.node.membership.witnesses_of(lecce.node.own.origin, "p_LE")
    # It has not heard of it yet: it is told by whoever it asks.
    assert (await bic.announce()).cosigned == ()
    client = PeerClient(bic.session, lecce.node.public_url, bic.node.request_signer())
    with pytest.raises(PeerWrongError, match="403 member-suspended"):
        await client.get_signed("/federation/outbox", "after=0", max_bytes=65_536)
    # Still held, until the term has passed.
    assert await lecce.known() == 3


async def test_nothing_new_is_said_to_a_suspended_node_and_what_waits_there_stays(three: Agreed, clock: Clock) -> None:
    """No introduction with its office begins; what it said before is not taken, and is asked for again when it is back."""
    lecce, _, _ = three
    office = lecce.node.office()
    assert office.peer("bic-lazio").id == "bic-lazio"
    await decide(three, suspend=("bic-lazio",))
    with pytest.raises(CallerError) as caught:
        office.peer("bic-lazio")
    assert caught.value.code == "introduction-peer-cannot"
    async with lecce.node.pool.acquire() as conn:
        with pytest.raises(PeerWrongError) as gone:
            await hear.receive(conn, office, "bic-lazio", [], clock())
    assert gone.value.code == "member-gone"
    await decide(three, readmit=("bic-lazio",))
    assert office.peer("bic-lazio").id == "bic-lazio"
    async with lecce.node.pool.acquire() as conn:
        assert await hear.receive(conn, office, "bic-lazio", [], clock()) == []


async def test_what_is_held_of_a_suspended_node_is_erased_after_the_term(three: Agreed, clock: Clock) -> None:
    """Not a day before; nothing of it is in the tables then, and it stays suspended until it is admitted again."""
    lecce, _, torino = three
    await decide(three, suspend=("bic-lazio",))
    clock.forward(days=29)
    assert await agreement_logs.erase_suspended(lecce.node.pool, 30, clock()) == []
    clock.forward(days=1)
    assert len(await agreement_logs.erase_suspended(lecce.node.pool, 30, clock())) == 1
    assert await agreement_logs.erase_suspended(lecce.node.pool, 30, clock()) == []
    assert await lecce.known() == 0
    async with lecce.node.pool.acquire() as conn:
        origin = (await lecce.origin("bic-lazio")).origin_id
        for table in ("entry", "body", "item", "subtree", "wanted"):
            assert await conn.fetchval(f"SELECT count(*) FROM log.{table} WHERE origin_id = $1", origin) == 0
    assert await state_of(lecce, "bic-lazio") == "suspended"
    assert await torino.known() == 3


async def test_a_day_long_past_erases_nothing_at_once(three: Agreed, clock: Clock) -> None:
    """A suspension that bears the day of the admission, or an old one, is known today: from today the term counts, restarts or not."""
    lecce, *_ = three
    clock.forward(days=400)
    entry = in_force(lecce.node).node("bic-lazio")
    assert entry is not None
    away = replace(entry, status=Status.SUSPENDED)
    await decide(three, change=(away,), expires=clock().replace(microsecond=0) + dt.timedelta(days=365))
    erase = agreement_logs.erase_suspended
    for days in (0, 29):
        clock.forward(days=days)
        # Each later version, and each start, brings the rows in line anew.
        await decide(three, terms={"k_min": 6 + days})
        assert await erase(lecce.node.pool, 30, clock()) == []
    clock.forward(days=1)
    assert len(await erase(lecce.node.pool, 30, clock())) == 1


@pytest.mark.parametrize("erased", [False, True])
async def test_a_node_admitted_again_is_as_it_was(three: Agreed, clock: Clock, *, erased: bool) -> None:
    """Shown at once, with what it said meanwhile after the next pull; brought anew if it was erased."""
    lecce, bic, _ = three
    await decide(three, suspend=("bic-lazio",))
    if erased:
        clock.forward(days=31)
        await agreement_logs.erase_suspended(lecce.node.pool, 30, clock())
    await decide(three, readmit=("bic-lazio",))
    assert await found(lecce) == (0 if erased else 3)
    await bic.publish(1)
    reports = {report.owner: report.error for report in await lecce.sync(force=False)}
    # Said whole: on a machine that has no time for it a request may be given up, and that is no fault of the readmission.
    assert reports["bic-lazio"] is None, reports
    assert await found(lecce) == 4
    assert await state_of(lecce, "bic-lazio") == "ready"
    client = PeerClient(bic.session, lecce.node.public_url, bic.node.request_signer())
    assert (await client.get_signed("/federation/outbox", "after=0", max_bytes=65_536)).status == 200


async def test_a_lie_of_a_suspended_node_does_not_bring_it_back(three: Agreed, clock: Clock) -> None:
    """A proof found meanwhile leaves it hidden; admitted again, it is in quarantine; nobody releases it while it is suspended."""
    lecce, *_ = three
    await decide(three, suspend=("bic-lazio",))
    row = await lecce.origin("bic-lazio")
    async with lecce.node.pool.acquire() as conn, conn.transaction():
        await evidence.condemn(conn, row, b"d" * 32, b"proof", clock())
    assert await state_of(lecce, "bic-lazio") == "suspended"
    assert await found(lecce) == 0
    with pytest.raises(CallerError, match="sospeso"):
        await accuse.release(lecce.node.pool, row, "Anna Prova", "prova di riammissione", clock())
    await decide(three, readmit=("bic-lazio",))
    assert await state_of(lecce, "bic-lazio") == "quarantined"


async def test_who_leaves_takes_its_bodies_along(three: Agreed, clock: Clock) -> None:
    """Its log is frozen where the agreement says, bodies erased at once, entries kept with those of past years; nothing more is pulled."""
    lecce, bic, torino = three
    row = await lecce.origin("bic-lazio")
    entry = in_force(lecce.node).node("bic-lazio")
    assert entry is not None
    ends = {row.origin: (row.size, row.root)}
    raw = signed_leave(lecce, ends)
    for town in (lecce, bic, torino):
        await apply(town, raw)
    left = await lecce.origin("bic-lazio")
    assert (left.state, left.end_size, left.size) == ("frozen", 3, 3)
    assert await lecce.known() == 0
    async with lecce.node.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM log.body WHERE origin_id = $1", left.origin_id) == 0
        assert await conn.fetchval("SELECT count(*) FROM log.entry WHERE origin_id = $1", left.origin_id) == 3
    await bic.publish(1)
    assert [report.owner for report in await lecce.sync()] == ["cmto"]
    assert "bic-lazio" not in lecce.node.membership.members
    # Nobody knows it any more: to its signed requests it is a stranger.
    client = PeerClient(bic.session, lecce.node.public_url, bic.node.request_signer())
    with pytest.raises(PeerWrongError, match="401 signature-unknown-key"):
        await client.get_signed("/federation/outbox", "after=0", max_bytes=65_536)
    keep = lecce.node.config.federation.keep_epochs_days
    clock.forward(days=keep + 1)
    assert await epoch.prune(lecce.node.pool, dt.timedelta(days=keep), clock()) == [row.origin]


def signed_leave(town: Town, ends: dict[str, tuple[int, bytes]]) -> bytes:
    """A version by which the second node leaves, its log ending where ``ends`` says."""
    state, now = place_of(town.node).in_force, town.node.clock()
    draft = council_edits.edited(council.drafted(state), Edits(leave=("bic-lazio",)), now, ends)
    return signed(council.propose(state, draft, now))


@pytest.mark.parametrize("pruned", [False, True])
async def test_who_left_may_come_back_and_is_read_from_its_beginning(
    three: Agreed, clock: Clock, *, pruned: bool
) -> None:
    """Where no end was written down its log goes on; what was erased is brought anew, deleted entries or not."""
    lecce, bic, torino = three
    await decide(three, leave=("bic-lazio",))
    assert await lecce.known() == 0
    if pruned:
        clock.forward(days=200)
        await epoch.prune(lecce.node.pool, dt.timedelta(days=30), clock())
    await decide(three, readmit=("bic-lazio",))
    await bic.publish(1)
    await lecce.sync(force=False)
    assert await found(lecce) == 4
    assert await state_of(lecce, "bic-lazio") == "ready"
    assert await torino.known() == 0
    await torino.sync()
    assert await torino.known() == 4


async def test_a_log_goes_no_further_than_its_end(three: Agreed, clock: Clock) -> None:
    """A head beyond the end that the agreement gives is refused when it is pulled, heard, or brought to be cosigned; one before it is not."""
    lecce, bic, _ = three
    row = await lecce.origin("bic-lazio")
    async with lecce.node.pool.acquire() as conn:
        await log_life.set_end(conn, row.origin_id, row.size, row.root)
    await bic.publish(1)
    [report] = await lecce.sync(owner="bic-lazio")
    assert report.error_code == "checkpoint-beyond-end"
    assert (await lecce.origin("bic-lazio")).size == 3
    assert await lecce.known() == 3
    assert "p_LE" not in (await bic.announce()).cosigned
    async with lecce.node.pool.acquire() as conn:
        await log_life.set_end(conn, row.origin_id, 4, row.root)
    [report] = await lecce.sync(owner="bic-lazio")
    assert report.error_code == "checkpoint-beyond-end"
    async with lecce.node.pool.acquire() as conn:
        await log_life.set_end(conn, row.origin_id, 5, row.root)
    [report] = await lecce.sync(owner="bic-lazio")
    assert (report.error_code, await lecce.known()) == (None, 4)


@pytest.mark.parametrize("host", ["a.example", "127.0.0.1:1024", "zz.example"])
async def test_the_log_of_who_comes_back_follows_the_one_that_ended(three: Agreed, host: str) -> None:
    """Whatever its new address is called: the new log continues the ended one, and the ended one nothing."""
    lecce, *_ = three
    row = await lecce.origin("bic-lazio")
    await apply(lecce, signed_leave(lecce, {row.origin: (row.size, row.root)}))
    entry = in_force(lecce.node).node("bic-lazio")
    assert entry is not None
    later = f"{host}/federation/log/2027"
    (item,) = entry.log
    begun = LogKeys(later, tuple(replace(v, name=later) for v in item.verifiers), None, None)
    back = replace(entry, rev=entry.rev + 1, status=Status.ACTIVE, log=(item, begun))
    edits = Edits(change=(back,), move=(("bic-lazio", f"{'http' if host[0] == '1' else 'https'}://{host}"),))
    await apply(lecce, proposal(lecce.node, edits, *THREE))
    assert (await lecce.origin("bic-lazio")).origin == later
    async with lecce.node.pool.acquire() as conn:
        found = dict(await conn.fetch("SELECT origin, predecessor_id FROM log.origin WHERE owner = 'bic-lazio'"))
    assert found == {row.origin: None, later: row.origin_id}


async def test_an_end_takes_back_what_stood_beyond_it(three: Agreed) -> None:
    """What a stolen key had said is dropped; the log is brought again, up to its end."""
    lecce, bic, _ = three
    row = await lecce.origin("bic-lazio")
    await bic.publish(2)
    await lecce.sync()
    entry = in_force(lecce.node).node("bic-lazio")
    assert entry is not None
    ended = replace(
        entry, rev=entry.rev + 1, log=tuple(replace(item, frozen=(row.size, row.root)) for item in entry.log)
    )
    await decide(three, change=(ended,))
    after = await lecce.origin("bic-lazio")
    assert (after.size, after.end_size, await lecce.known()) == (0, 3, 0)


async def test_what_tables_named_before_is_the_agreement_s_or_nobody_s(three: Agreed) -> None:
    """A log of a member under another name is that member's now, with all it holds; a stranger's is dropped with its profiles."""
    lecce, bic, torino = three
    await torino.publish(1)
    await lecce.sync()
    async with lecce.node.pool.acquire() as conn:
        await conn.execute("UPDATE log.origin SET owner = 'bic' WHERE owner = 'bic-lazio'")
        other = "UPDATE log.origin SET owner = 'nessuno', origin = 'nessuno.example/federation/log/2026' WHERE owner = 'cmto' RETURNING origin_id"
        stranger = await conn.fetchval(other)
    await apply(lecce, proposal(lecce.node, Edits(terms={"k_min": 6}), *THREE))
    assert (await lecce.origin("bic-lazio")).state == "ready"
    assert await lecce.known() == 3
    async with lecce.node.pool.acquire() as conn:
        assert await conn.fetchval("SELECT state FROM log.origin WHERE origin_id = $1", stranger) == "closed"
        assert stranger not in await cooperation.count_by_origin(conn)
    assert (await lecce.origin("cmto")).state == "new"
    assert bic.node.membership.roll.version == 1


async def _more_types(towns: Agreed) -> None:
    """Let profiles be agreed again, everywhere."""
    state, now = place_of(towns.towns[0].node).in_force, towns.towns[0].node.clock()
    draft = council.drafted(state)
    wider = replace(draft, terms=replace(draft.terms, data=("call/1", "profile/1")))
    raw = signed(council.propose(state, wider, now))
    for town in towns.towns:
        await apply(town, raw)


async def test_types_that_are_not_agreed_are_neither_kept_nor_published(three: Agreed) -> None:
    """They are set aside with their code, and no byte of them stays; what is due of the own waits, and says why."""
    lecce, bic, _ = three
    state, now = place_of(lecce.node).in_force, lecce.node.clock()
    draft = council.drafted(state)
    raw = signed(council.propose(state, replace(draft, terms=replace(draft.terms, data=("call/1",))), now))
    for town in three.towns:
        await apply(town, raw)
    await bic.publish(2)
    [report] = await lecce.sync(owner="bic-lazio")
    assert report.error_code is None
    row = await lecce.origin("bic-lazio")
    async with lecce.node.pool.acquire() as conn:
        assert (await log.problems_by_origin(conn))[row.origin_id] == {"body-type-not-agreed": 2}
        assert (
            await conn.fetchval("SELECT count(*) FROM log.body WHERE origin_id = $1 AND idx >= 3", row.origin_id) == 0
        )
    assert lecce.node.config.agreed == ("call/1",)
    await _more_types(three)
    await lecce.sync()
    assert await lecce.known() == 5
    assert not is_agreed(("call/1",), "profile/1")
    assert not is_agreed(("call/1",), "partition/1")
    assert is_agreed(("profile/1",), "partition/1")
    assert is_agreed(None, "whatever/9")


async def test_a_roll_has_active_nodes_with_an_address(three: Agreed) -> None:
    """Suspended ones are known by their keys alone, those that left not at all; this node goes by its own keys unless it is active."""
    lecce, *_ = three
    state = place_of(lecce.node).in_force
    own = lecce.node.membership.members["p_LE"]
    roll = roll_of(state, own)
    assert set(roll.members) == set(IDS)
    assert (roll.version, roll.quorum, roll.terms) == (1, (3, 2), state.agreement.terms)
    assert roll.members["p_LE"].url is None
    node = state.node("cmto")
    assert node is not None
    for status, members, suspended in ((Status.SUSPENDED, 2, 1), (Status.LEFT, 2, 0)):
        nodes = tuple(replace(one, status=status) if one.id == "cmto" else one for one in state.nodes)
        other = roll_of(replace(state, nodes=nodes), own)
        assert (len(other.members), len(set(other.suspended.values()))) == (members, suspended)
        assert set(other.suspended_keys) == set(other.suspended)
