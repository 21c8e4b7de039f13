"""A new version reaches everybody by itself; who is far behind comes back; two of one version are told apart and built upon by nobody."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from node import runtime, scheduler
from node.errors import CallerError, NotFoundError, PeerWrongError
from node.flows.logs import gossip
from node.flows.trust import agreement as flow
from node.flows.trust import agreement_fork, agreement_pull
from node.flows.trust.agreement_pull import Memory, Turn
from node.flows.trust.council_edits import Edits
from node.peers.client import PeerClient
from node.protocol import agreement, heads, limits, routine
from node.protocol.agreement_values import Agreement
from node.store import agreement as store
from node.store import joined, wake
from node.store.agreement import Fork
from node.store.postgres import listen
from tests.agreed_made import Agreed, agreed, in_force, proposal
from tests.agreement_made import OFFICE, THREE, changes, council, signed
from tests.federation_made import Clock, Town
from tests.flows.trust.test_agreement_applied import apply, place_of

IDS = ("p_LE", "bic-lazio", "cmto")


@pytest.fixture
def clock() -> Clock:
    """The time of the federation."""
    return Clock()


@pytest.fixture
async def three(server: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Agreed]:
    """Three nodes that follow one agreement."""
    async with agreed(server, tmp_path, clock, IDS) as made:
        yield made


async def turn(town: Town, memory: Memory | None = None, *, hinted: tuple[str, ...] = ()) -> Turn:
    """One turn of asking at a node; ``hinted``: who is asked, else everybody."""
    place_of(town.node).hinted.update(hinted or [member.id for member in town.node.membership.peers])
    road = town.node.agreement_road(town.session, town.node.own.origin)
    return await agreement_pull.refresh(road, memory or Memory(), town.node.clock())


def terms(town: Town, k_min: int) -> bytes:
    """The next version at a node, with another least k."""
    return proposal(town.node, Edits(terms={"k_min": k_min}), *THREE)


async def stored(town: Town) -> list[tuple[int, str]]:
    """The versions that a node has applied."""
    async with town.node.pool.acquire() as conn:
        return [(one.version, one.digest) for one in await store.versions_from(conn, 1, 1000)]


async def forks(town: Town) -> list[Fork]:
    """The forks that a node has seen."""
    async with town.node.pool.acquire() as conn:
        return await store.read_forks(conn)


async def test_a_new_version_is_asked_for_and_handed_on(three: Agreed) -> None:
    """Whoever applied it hints to all; a hinted node asks the one that hinted, applies, and lives by it; then nobody has anything to say."""
    lecce, bic, torino = three
    memories = {town.id: Memory() for town in three.towns}
    for town in three.towns:
        assert (await turn(town, memories[town.id])).hinted == 0
    await apply(lecce, terms(lecce, 7))
    assert (await turn(lecce, memories["p_LE"])).hinted == 2
    for town in (bic, torino):
        assert "p_LE" in place_of(town.node).hinted
        done = await turn(town, memories[town.id])
        assert (done.applied, done.hinted) == (1, 2)
        assert "p_LE" in [member.id for member in done.asked]
        assert town.node.config.privacy.k == 7
    for town in three.towns:
        done = await turn(town, memories[town.id])
        assert (done.applied, done.hinted) == (0, 0)
    assert await stored(lecce) == await stored(bic) == await stored(torino)


async def test_an_idle_turn_is_one_question_without_an_answer_s_body(three: Agreed) -> None:
    """One member, one request, 304, whatever signatures the member's copy came with."""
    lecce, bic, torino = three
    raw = terms(lecce, 7)
    await apply(lecce, raw)
    for town in (bic, torino):
        await apply(town, signed(agreement.with_signatures(raw, []), THREE[1:]))
    road = lecce.node.agreement_road(lecce.session, lecce.node.own.origin)
    asked: list[tuple[str, int, int]] = []
    for member in lecce.node.membership.peers:
        client = PeerClient(lecce.session, str(member.url))
        assert await agreement_pull._latest(road, member.id, client, lecce.node.clock()) == (None, ())
        asked.append((member.id, client.tally.requests, client.tally.bytes_in))
    assert asked == [("bic-lazio", 1, 0), ("cmto", 1, 0)]
    assert [member.id for member in (await agreement_pull.refresh(road, Memory(), lecce.node.clock())).asked] == []


async def test_what_members_say_beside_their_heads_tells_whom_to_ask(three: Agreed) -> None:
    """Nobody while all hold the same; whoever holds a newer version, another of the same number, or changes that are not here."""
    lecce, bic, _ = three
    memory, place = gossip.Memory(), place_of(lecce.node)
    await gossip.gossip(lecce.node.syncer(lecce.session), lecce.node.own, memory)
    assert {said.version for said in memory.standing.values()} == {1}
    assert len({said.proposals for said in memory.standing.values()}) == 1
    assert not agreement_pull.hear(place, memory.standing)
    await apply(bic, terms(bic, 7))
    await gossip.gossip(lecce.node.syncer(lecce.session), lecce.node.own, memory)
    assert agreement_pull.hear(place, memory.standing)
    assert place.hinted == {"bic-lazio"}
    road = lecce.node.agreement_road(lecce.session, lecce.node.own.origin)
    assert (await agreement_pull.refresh(road, Memory(), lecce.node.clock())).applied == 1
    here = memory.standing["bic-lazio"]
    assert not agreement_pull.hear(place, {"bic-lazio": here})
    for other in (replace(here, digest="0" * 64), replace(here, routines=("1" * 64,)), replace(here, version=3)):
        place.hinted.clear()
        assert agreement_pull.hear(place, {"bic-lazio": other})
        assert place.hinted == {"bic-lazio"}


async def test_who_is_a_hundred_versions_behind_comes_back_by_itself(three: Agreed) -> None:
    """Sixty-four in one turn, the rest in the next; every one of them is kept, and none is missing."""
    lecce, bic, torino = three
    await _advance(lecce, 101)
    await apply(bic, await _document(lecce, 2))
    done = await turn(torino, hinted=("p_LE", "bic-lazio"))
    assert done.applied == limits.AGREEMENT_MAX_STEPS == 64
    assert in_force(torino.node).version == 65
    assert (await turn(torino, hinted=("p_LE",))).applied == 36
    assert await stored(torino) == await stored(lecce)
    assert in_force(torino.node).version == 101


async def _advance(town: Town, until: int) -> None:
    """Let versions come into force at a node, up to one."""
    raws, trusted = [], in_force(town.node)
    for version in range(trusted.version + 1, until + 1):
        raws.append(_renewed(trusted, version))
        trusted = agreement.parse(raws[-1])
    for at in range(0, len(raws), 50):
        await flow.apply_all(town.node.pool, place_of(town.node), raws[at : at + 50], town.node.clock())


def _renewed(base: Agreement, version: int, **changed: object) -> bytes:
    values: dict[str, object] = {
        "version": version,
        "expires": base.expires + dt.timedelta(seconds=1),
        "council": base.council,
        "secretariat": base.secretariat,
        "nodes": base.nodes,
        "quorum": base.quorum,
        "terms": base.terms,
        "pdf_sha256": base.pdf_sha256,
    }
    return signed(agreement.build(**{**values, **changed}))  # type: ignore[arg-type]


async def _document(town: Town, version: int) -> bytes:
    async with town.node.pool.acquire() as conn:
        found = await store.read_version(conn, version)
    assert found is not None
    return found.raw


async def test_of_two_next_versions_none_is_applied_and_both_are_kept(three: Agreed) -> None:
    """Heard in one turn from two members: no version stands, both documents are there, and a person's decision applies one."""
    lecce, bic, torino = three
    first, second = terms(lecce, 7), terms(bic, 8)
    await apply(lecce, first)
    await apply(bic, second)
    assert (await turn(torino, hinted=("p_LE", "bic-lazio"))).applied == 0
    assert in_force(torino.node).version == 1
    [fork] = await forks(torino)
    assert (fork.version, fork.applied, fork.settled_at) == (2, False, None)
    assert {fork.raw_applied, fork.raw_other} == {first, second}
    # Nor does the one or the other come into force by another road, until somebody decides.
    for raw in (first, second):
        with pytest.raises(PeerWrongError) as caught:
            await apply(torino, raw)
        assert caught.value.code == "agreement-forked"
    place, now = place_of(torino.node), torino.node.clock()
    with pytest.raises(NotFoundError):
        await agreement_fork.settle(torino.node.pool, place, 2, "0" * 64, now)
    assert await agreement_fork.settle(torino.node.pool, place, 2, agreement.parse(second).digest, now)
    assert in_force(torino.node).digest == agreement.parse(second).digest
    assert torino.node.config.privacy.k == 8
    await apply(torino, terms(torino, 9))


async def test_a_fork_of_what_is_applied_stops_all_that_follows(three: Agreed) -> None:
    """What is applied stays; nothing is built upon it until a person decides, for the one or for the other."""
    lecce, bic, _ = three
    first, second = terms(lecce, 7), terms(bic, 8)
    await apply(lecce, first)
    await apply(bic, second)
    for town, other in ((lecce, "bic-lazio"), (bic, "p_LE")):
        await turn(town, hinted=(other,))
        [fork] = await forks(town)
        assert (fork.version, fork.applied) == (2, True)
        assert {fork.raw_applied, fork.raw_other} == {first, second}
        with pytest.raises(PeerWrongError, match="nulla si applica"):
            await apply(town, terms(town, 9))
        assert in_force(town.node).version == 2
    async with lecce.node.pool.acquire() as conn:
        [refused] = await store.read_refused(conn)
    assert (refused.member, refused.version, refused.code) == ("bic-lazio", 2, "agreement-forked")
    digest, now = agreement.parse(second).digest, lecce.node.clock()
    assert not await agreement_fork.settle(bic.node.pool, place_of(bic.node), 2, digest, now)
    assert await agreement_fork.settle(lecce.node.pool, place_of(lecce.node), 2, digest, now)
    assert await stored(lecce) == await stored(bic)
    await apply(bic, terms(bic, 9))
    assert (await turn(lecce, hinted=("bic-lazio",))).applied == 1
    assert in_force(lecce.node).version == 3


async def test_who_is_ahead_on_another_branch_is_not_followed(three: Agreed) -> None:
    """Its later versions would fit ours by their signatures: it is asked for the one we have, first."""
    lecce, bic, _ = three
    await apply(lecce, terms(lecce, 7))
    await apply(bic, terms(bic, 8))
    await _advance(bic, 5)
    assert (await turn(lecce, hinted=("bic-lazio",))).applied == 0
    assert in_force(lecce.node).version == 2
    [fork] = await forks(lecce)
    assert (fork.version, fork.applied) == (2, True)


async def test_nobody_goes_back_behind_what_was_built_upon(three: Agreed) -> None:
    """A fork found out late can only be settled for the version that others follow."""
    lecce, bic, _ = three
    await apply(lecce, terms(lecce, 7))
    await apply(bic, terms(bic, 8))
    other = await _document(bic, 2)
    await _advance(lecce, 4)
    with pytest.raises(PeerWrongError, match="due versioni 2"):
        await apply(lecce, other)
    place, now = place_of(lecce.node), lecce.node.clock()
    with pytest.raises(CallerError, match="non si torna indietro"):
        await agreement_fork.settle(lecce.node.pool, place, 2, agreement.parse(other).digest, now)
    assert not await agreement_fork.settle(lecce.node.pool, place, 2, (await stored(lecce))[1][1], now)
    await _advance(lecce, 5)


@pytest.mark.parametrize("others", [("bic-lazio",), ("bic-lazio", "cmto")])
async def test_whoever_shows_what_is_not_signed_is_passed_over(three: Agreed, others: tuple[str, ...]) -> None:
    """It changes nothing here, is noted with its code, and does not keep us from following an honest one."""
    lecce, bic, torino = three
    raw = agreement.build(**_unsigned(in_force(bic.node)))
    async with bic.node.pool.acquire() as conn:
        draft = agreement.parse(raw)
        await store.insert_document(conn, 2, draft.digest, signed(raw, (THREE[0],)), bic.node.clock())
    if "cmto" in others:
        await apply(torino, terms(torino, 7))
    done = await turn(lecce, hinted=others)
    assert done.applied == len(others) - 1
    async with lecce.node.pool.acquire() as conn:
        noted = [(one.member, one.version, one.code) for one in await store.read_refused(conn)]
    # What was noted of a version is forgotten when that version stands.
    assert noted == ([] if "cmto" in others else [("bic-lazio", 2, "agreement-unsigned")])
    assert await forks(lecce) == []


def _unsigned(base: Agreement) -> dict[str, object]:
    return {
        "version": 2,
        "expires": base.expires + dt.timedelta(days=1),
        "council": base.council,
        "secretariat": base.secretariat,
        "nodes": base.nodes,
        "quorum": base.quorum,
        "terms": base.terms,
        "pdf_sha256": base.pdf_sha256,
    }


async def test_routine_changes_travel_with_the_same_question(three: Agreed, clock: Clock) -> None:
    """A header says that there are some; they are fetched, verified and in force."""
    lecce, bic, torino = three
    raw = changes(1, by=OFFICE[:2], expires=clock().replace(microsecond=0) + dt.timedelta(days=9))
    await flow.apply_routine(lecce.node.pool, place_of(lecce.node), raw, clock())
    memory = Memory()
    assert (await turn(bic, memory, hinted=("p_LE",))).applied == 1
    assert bic.node.membership.roll.routine == 1
    assert (await turn(torino, hinted=("cmto",))).asked != []
    assert (await turn(bic, memory, hinted=("p_LE",))).applied == 0


def renamed(town: Town, name: str, version: int = 1) -> bytes:
    """A routine document by which a node changes its name, of its own entry as it was admitted."""
    entry = in_force(town.node).node(town.id)
    assert entry is not None
    after = agreement.node_json(entry) | {"name": name, "rev": 2}
    office = in_force(town.node).secretariat
    expires = in_force(town.node).expires
    own = routine.consent(after, town.node.signing_key(), {})
    return signed(routine.build(version=version, expires=expires, secretariat=office, changes=[own]), OFFICE)


def names(town: Town) -> dict[str, str]:
    """The names that are in effect at a node."""
    return {node.id: node.name for node in place_of(town.node).in_force.nodes}


async def apply_routine(town: Town, raw: bytes) -> None:
    """Let routine changes come into force at one node."""
    await flow.apply_routine(town.node.pool, place_of(town.node), raw, town.node.clock())


async def test_two_routine_documents_of_one_number_meet_everywhere(three: Agreed) -> None:
    """Two nodes change at once, and some apply the one first, some the other: after a question each has both, and the same."""
    lecce, bic, torino = three
    await apply_routine(lecce, renamed(lecce, "Lecce"))
    await apply_routine(bic, renamed(bic, "Lazio"))
    memories = {town.id: Memory() for town in three.towns}
    # Whoever has another one at the same number hears of it, and asks.
    for town in three.towns:
        await turn(town, memories[town.id], hinted=("p_LE", "bic-lazio"))
    for town in three.towns:
        await turn(town, memories[town.id], hinted=("p_LE", "bic-lazio"))
        assert names(town) == {"p_LE": "Lecce", "bic-lazio": "Lazio", "cmto": "cmto"}
        assert len(town.node.membership.roll.routines) == 2
    assert len({place_of(town.node).in_force.at for town in three.towns}) == 1
    async with lecce.node.pool.acquire() as conn:
        assert await store.read_routine_forks(conn) == []
    # The next one says both again, and is the only one that is held.
    state = place_of(torino.node).in_force
    found = in_force(torino.node)
    whole = routine.build(
        version=2,
        expires=found.expires,
        secretariat=found.secretariat,
        changes=routine.in_effect(found, state.routine),
    )
    await apply_routine(torino, signed(whole, OFFICE))
    assert (await turn(lecce, memories["p_LE"], hinted=("cmto",))).applied == 1
    assert len(lecce.node.membership.roll.routines) == 1


async def test_two_different_changes_of_one_node_are_kept_and_told_and_the_council_ends_it(three: Agreed) -> None:
    """Each node goes on with what it has; the other document is kept, asked for once, and forgotten when a version decides."""
    lecce, bic, _ = three
    await apply_routine(bic, renamed(lecce, "Altro"))
    await apply_routine(lecce, renamed(lecce, "Lecce"))
    memory = Memory()
    assert (await turn(lecce, memory, hinted=("bic-lazio",))).applied == 0
    assert names(lecce)["p_LE"] == "Lecce"
    async with lecce.node.pool.acquire() as conn:
        [fork] = await store.read_routine_forks(conn)
    assert (fork.node, fork.raw) == ("p_LE", renamed(lecce, "Altro"))
    assert len(memory.passed) == 1
    entry = place_of(lecce.node).in_force.node("p_LE")
    assert entry is not None
    raw = proposal(lecce.node, Edits(change=(entry,), terms={"k_min": 6}), *THREE)
    await apply(lecce, raw)
    await apply(bic, raw)
    for town in (lecce, bic):
        assert names(town)["p_LE"] == "Lecce"
        async with town.node.pool.acquire() as conn:
            assert await store.read_routine_forks(conn) == []


async def test_a_new_secretariat_begins_with_nothing_at_every_node(three: Agreed) -> None:
    """The documents of the one before are held no more, whoever had them; its changes stay where the council took them up."""
    lecce, bic, torino = three
    for town in (lecce, bic):
        await apply_routine(town, renamed(lecce, "Lecce", 2**31 - 1))
    nodes = place_of(lecce.node).in_force.nodes
    raw = _renewed(in_force(lecce.node), 2, secretariat=council(OFFICE[:2], 2), nodes=nodes)
    for town in three.towns:
        await apply(town, raw)
        assert (names(town)["p_LE"], town.node.membership.roll.routines) == ("Lecce", ())
        async with town.node.pool.acquire() as conn:
            assert await store.read_routines(conn) == []
    await apply_routine(torino, renamed(bic, "Lazio"))
    assert (await turn(lecce, hinted=("cmto",))).applied == 1
    assert names(lecce)["bic-lazio"] == "Lazio"


async def test_whoever_comes_late_takes_changes_that_have_expired(three: Agreed, clock: Clock) -> None:
    """The others live by them; all are told once a day."""
    lecce, bic, _ = three
    await apply_routine(lecce, renamed(lecce, "Lecce"))
    clock.forward(days=400)
    assert (await turn(bic, hinted=("p_LE",))).applied == 1
    assert names(bic)["p_LE"] == "Lecce"


async def test_no_routine_change_comes_into_force_on_an_open_fork(three: Agreed) -> None:
    """Upon which version it would stand is not decided yet; settled for the other version, it stands upon that one."""
    lecce, bic, _ = three
    await apply_routine(lecce, renamed(lecce, "Lecce"))
    first, second = terms(lecce, 7), terms(lecce, 8)
    await apply(lecce, first)
    with pytest.raises(PeerWrongError, match="due versioni 2"):
        await apply(lecce, second)
    with pytest.raises(PeerWrongError, match="due versioni 2"):
        await apply_routine(lecce, renamed(bic, "Lazio"))
    digest = agreement.parse(second).digest
    assert await agreement_fork.settle(lecce.node.pool, place_of(lecce.node), 2, digest, lecce.node.clock())
    await apply_routine(lecce, renamed(bic, "Lazio"))
    assert names(lecce) == {"p_LE": "Lecce", "bic-lazio": "Lazio", "cmto": "cmto"}


async def test_a_fork_that_was_settled_is_not_opened_again(three: Agreed) -> None:
    """A member that still shows the other document, or a third one, has something old; what follows the chosen one is applied."""
    lecce, bic, torino = three
    first, second, third = terms(lecce, 7), terms(lecce, 8), terms(lecce, 9)
    await apply(lecce, first)
    await apply(bic, second)
    await apply(torino, third)
    await turn(lecce, hinted=("bic-lazio",))
    digest = agreement.parse(second).digest
    assert await agreement_fork.settle(lecce.node.pool, place_of(lecce.node), 2, digest, lecce.node.clock())
    for raw in (first, third):
        with pytest.raises(PeerWrongError) as caught:
            await apply(lecce, raw)
        assert caught.value.code == "agreement-version-old"
    await turn(lecce, hinted=("cmto",))
    late = Fork(2, "0" * 64, applied=True, raw_applied=second, raw_other=third, found_at=lecce.node.clock())
    await flow.keep_fork(lecce.node.pool, late)
    assert all(fork.settled_at is not None for fork in await forks(lecce))
    await apply(bic, terms(bic, 10))
    assert (await turn(lecce, hinted=("bic-lazio", "cmto"))).applied == 1
    assert in_force(lecce.node).version == 3


async def test_a_fork_found_late_stops_nothing(three: Agreed) -> None:
    """Others were applied upon it: it is kept and told, and the next version is applied all the same."""
    lecce, bic, _ = three
    await apply(lecce, terms(lecce, 7))
    await apply(bic, terms(bic, 8))
    other = await _document(bic, 2)
    await _advance(lecce, 3)
    with pytest.raises(PeerWrongError, match="due versioni 2"):
        await apply(lecce, other)
    assert [(fork.version, fork.settled_at) for fork in await forks(lecce)] == [(2, None)]
    await _advance(lecce, 4)


async def test_who_is_no_member_asks_whom_it_joined_by(three: Agreed) -> None:
    """While nobody lists it, the address it joined by is asked beside the members; a member asks members only."""
    lecce, bic, _ = three
    joined.write(bic.home, lecce.node.public_url, b"{}")
    road = bic.node.agreement_road(bic.session, bic.node.own.origin)
    assert [url for member, url in agreement_pull._sources(road) if member is None] == []
    raw = proposal(lecce.node, Edits(suspend=("bic-lazio",)), *THREE)
    await apply(bic, raw)
    assert [url for member, url in agreement_pull._sources(road) if member is None] == [lecce.node.public_url]
    await apply(lecce, raw)
    await apply(lecce, proposal(lecce.node, Edits(readmit=("bic-lazio",)), *THREE))
    await turn(bic)
    assert in_force(bic.node).version == 3


async def test_expiry_is_told_once_a_day(three: Agreed, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """In the log, by every node, until the council renews it."""
    lecce, *_ = three
    memory = Memory()
    clock.forward(days=400)
    for hours in (0, 1, 24):
        clock.forward(hours=hours)
        await turn(lecce, memory)
    assert "".join(capsys.readouterr()).count("agreement.expired") == 2


async def test_a_hint_in_a_stranger_s_name_or_of_old_news_wakes_nobody(three: Agreed) -> None:
    """404 for a log of nobody; what is here already is no news; what is malformed is refused."""
    lecce, bic, _ = three
    client = PeerClient(bic.session, lecce.node.public_url)

    async def hint(body: bytes) -> int:
        reply = await client.post(
            "/federation/hint", body, max_bytes=1000, content_type="application/json", allow=(204, 400, 404)
        )
        return reply.status

    assert await hint(heads.encode_agreement_hint("nessuno.example/federation/log/2026", 9, [])) == 404
    assert await hint(heads.encode_agreement_hint(bic.node.own.origin, 1, [])) == 204
    assert place_of(lecce.node).hinted == set()
    assert await hint(heads.encode_agreement_hint(bic.node.own.origin, 1, ["a" * 64])) == 204
    assert place_of(lecce.node).hinted == {"bic-lazio"}
    assert await hint(b'{"agreement":0,"o":"a.example/federation/log/2026","routine":[]}') == 400


async def test_who_comes_to_the_same_version_is_asked_again_at_once(three: Agreed, clock: Clock) -> None:
    """A member that had not heard yet that this node is let in refused it: its hint ends the waiting, and nobody else's."""
    lecce, bic, _ = three
    later = clock() + dt.timedelta(hours=1)

    async def wait(failures: int) -> dt.datetime | None:
        async with lecce.node.pool.acquire() as conn:
            await conn.execute(
                "UPDATE log.origin SET failures = $1, next_pull_at = $2 WHERE NOT is_own", failures, later
            )
        body = heads.encode_agreement_hint(bic.node.own.origin, 1, [])
        client = PeerClient(bic.session, lecce.node.public_url)
        await client.post("/federation/hint", body, max_bytes=1000, content_type="application/json", allow=(204,))
        assert (await lecce.origin("cmto")).next_pull_at == later
        return (await lecce.origin("bic-lazio")).next_pull_at

    assert await wait(1) == clock()
    assert await wait(0) == later


async def test_the_scheduler_s_job_applies_what_a_hint_told_of(three: Agreed) -> None:
    """The job is there where an agreement is, and does the whole of it."""
    lecce, bic, _ = three
    await apply(bic, terms(bic, 7))
    async with lecce.node.session() as session:
        jobs = scheduler.build(lecce.node, session)
        place_of(lecce.node).hinted.add("bic-lazio")
        await jobs.timers.get_job("agreement").func()
        assert scheduler.JOBS["agreement"] == "agreement"
        assert jobs.turns["agreement"].code == ""
    assert in_force(lecce.node).version == 2


async def test_a_server_hears_what_a_command_applied(three: Agreed, clock: Clock) -> None:
    """The commit wakes the server's job, and after it the server lives by the new version: who is suspended is refused at once."""
    lecce, bic, _ = three
    heard: asyncio.Queue[str] = asyncio.Queue()
    listening = asyncio.create_task(listen(lecce.node.dsn, wake.CHANNEL, heard.put_nowait))
    try:
        async with asyncio.timeout(15), runtime.open_node(lecce.home, clock=clock) as command:
            while heard.empty():
                async with command.pool.acquire() as conn:
                    await wake.wake(conn, wake.GOSSIP)
                await asyncio.sleep(0)
            raw = proposal(command, Edits(suspend=("bic-lazio",)), *THREE)
            await flow.apply(command.pool, place_of(command), raw, clock())
            while await heard.get() != wake.AGREEMENT:
                pass
        async with lecce.node.session() as session:
            await scheduler.build(lecce.node, session).timers.get_job(scheduler.JOBS[wake.AGREEMENT]).func()
    finally:
        listening.cancel()
    assert in_force(lecce.node).version == 2
    client = PeerClient(bic.session, lecce.node.public_url, bic.node.request_signer())
    with pytest.raises(PeerWrongError, match="403 member-suspended"):
        await client.get_signed("/federation/outbox", "after=0", max_bytes=65_536)
