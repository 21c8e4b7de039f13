"""What an office announces stands in its log at once, is counted, found elsewhere after a pull, and gone when it is withdrawn."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from node import runtime
from node.domain.programme import announcement
from node.errors import CallerError, NotFoundError
from node.flows.logs import append as writing
from node.flows.logs import epoch
from node.flows.logs.append import Operation
from node.flows.profiles import publish
from node.flows.programme import announce
from node.flows.programme.announce import Announced
from node.flows.registry.acting import acting
from node.flows.trust.council_draft import TERMS
from node.flows.upkeep import audit
from node.protocol import canonical
from node.protocol.agreement_values import Terms
from node.store import announcements, postgres, publication, schemas
from tests.announcements_made import service, session
from tests.federation_made import Clock, Town, federation
from tests.tampering import unguarded


async def put(town: Town, document: dict[str, Any], **more: Any) -> Announced:
    """Announce from a town's office."""
    own = await runtime.current_own(town.node)
    return await announce.announce(town.node.pool, town.node.config, own, town.node.clock(), document, **more)


async def titles(town: Town) -> list[tuple[str, str, int]]:
    """What a town's catalogue holds."""
    async with town.node.pool.acquire() as conn:
        rows = await conn.fetch("SELECT owner, title, revision FROM coop.announcement ORDER BY owner, title, idx")
        return [tuple(row) for row in rows]


@pytest.fixture
async def towns(server: str, tmp_path: Path) -> Any:
    """Two offices that know each other."""
    async with federation(server, tmp_path, Clock(), ("p_LE", "p_TO")) as found:
        yield found


async def test_an_announcement_is_found_by_the_other_and_goes_when_it_is_withdrawn(towns: list[Town]) -> None:
    """New, changed, withdrawn: each after one pull."""
    lecce, torino = towns
    document = session()
    first = await put(lecce, document)
    assert (first.changed, first.announcement and first.announcement.revision) == (True, 1)
    await torino.sync()
    assert await titles(torino) == [("p_LE", "Incontro informativo sui contratti di rete", 1)]
    await put(lecce, document | {"title": {"it": "Incontro rinviato"}})
    await torino.sync()
    assert await titles(torino) == [("p_LE", "Incontro rinviato", 2)]
    own = await runtime.current_own(lecce.node)
    for changed in (True, False):
        done = await announce.withdraw(lecce.node.pool, own, lecce.node.clock(), document["id"])
        assert (done.changed, done.announcement) == (changed, None)
    await torino.sync()
    assert await titles(torino) == await titles(lecce) == []
    with pytest.raises(CallerError) as caught:
        await put(lecce, document)
    assert caught.value.code == "announcement-withdrawn"


async def test_saying_the_same_again_changes_nothing(towns: list[Town]) -> None:
    """No entry, the same revision, whatever revision the caller writes."""
    lecce, _ = towns
    document = service()
    first = await put(lecce, document)
    again = await put(lecce, document | {"revision": 7, "owner": "p_LE"})
    assert (again.changed, again.index) == (False, first.index)


async def test_of_two_at_once_both_count_and_a_stale_one_is_refused(towns: list[Town]) -> None:
    """The lock of the log orders them; whoever says what it has seen is told when that is old."""
    lecce, _ = towns
    document = service()
    both = await asyncio.gather(*(put(lecce, document | {"title": {"it": f"Versione {n}"}}) for n in range(4)))
    assert sorted(done.announcement.revision for done in both if done.announcement) == [1, 2, 3, 4]
    raced = await asyncio.gather(
        *(put(lecce, document | {"title": {"it": f"Altra {n}"}}, seen=4) for n in range(4)), return_exceptions=True
    )
    assert [r.code for r in raced if isinstance(r, CallerError)] == ["announcement-changed"] * 3
    assert [row[2] for row in await titles(lecce)] == [5]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"owner": "p_TO"}, "announcement-foreign-owner"),
        ({"type": "profile/1"}, "announcement-type-unknown"),
        ({"type": ["session/1"]}, "announcement-type-unknown"),
        ({"colour": "red"}, "announcement-malformed"),
        ({"title": {"it": "www.truffa"}}, "announcement-malformed"),
        ({"title": {"it": ""}}, "announcement-malformed"),
        ({"begins": "2026-02-30"}, "announcement-malformed"),
        ({"begins": "2026-12-11"}, "announcement-malformed"),
        ({"ends": "2026-12-01"}, "announcement-malformed"),
        ({"regions": ["ITF4", "ITC1"]}, "announcement-malformed"),
        ({"id": "1"}, "announcement-malformed"),
    ],
)
async def test_what_is_not_in_order_does_not_leave(towns: list[Town], change: dict[str, Any], code: str) -> None:
    """Each refusal has its code, and the log does not grow."""
    lecce, _ = towns
    with pytest.raises(CallerError) as caught:
        await put(lecce, session(**change))
    assert caught.value.code == code
    assert (await lecce.origin("p_LE")).size == 0


async def test_only_agreed_types_leave_and_are_kept(towns: list[Town]) -> None:
    """Where the members have not agreed on services, none is published."""
    lecce, _ = towns
    narrow = replace(lecce.node.config, agreed=("profile/1", "session/1"))
    own = await runtime.current_own(lecce.node)
    with pytest.raises(CallerError) as caught:
        await announce.announce(lecce.node.pool, narrow, own, lecce.node.clock(), service())
    assert caught.value.code == "body-type-not-agreed"
    assert (await announce.announce(lecce.node.pool, narrow, own, lecce.node.clock(), session())).changed


async def test_an_identifier_of_something_else_is_not_taken_over(towns: list[Town]) -> None:
    """Neither a profile's, nor another kind's; and nothing but an announcement is withdrawn here."""
    lecce, _ = towns
    (profile_id,) = await lecce.publish()
    held = await put(lecce, service())
    for document in (session(id=profile_id), session(id=held.id)):
        with pytest.raises(CallerError) as caught:
            await put(lecce, document)
        assert caught.value.code == "announcement-id-taken"
    own = await runtime.current_own(lecce.node)
    for item_id in (profile_id, str(uuid.uuid4())):
        with pytest.raises(NotFoundError):
            await announce.withdraw(lecce.node.pool, own, lecce.node.clock(), item_id)


async def test_what_a_peer_says_badly_is_kept_out_of_the_catalogue(towns: list[Town]) -> None:
    """A hostile log's bodies: not by its schema, with an impossible day, in another's name; the good one beside them is found."""
    lecce, torino = towns
    bad = [
        session(owner="p_LE", revision=1, begins="2026-02-31"),
        session(owner="p_TO", revision=1),
        service(owner="p_LE"),
    ]
    await _raw(lecce, [*bad, service(owner="p_LE", revision=1)])
    await torino.sync()
    assert await titles(torino) == [("p_LE", "Assistenza per la certificazione di filiera", 1)]
    async with torino.node.pool.acquire() as conn:
        codes = await conn.fetch("SELECT code FROM log.problem ORDER BY idx")
    assert [row["code"] for row in codes] == ["body-schema-broken", "body-foreign-owner", "body-schema-broken"]


async def _raw(town: Town, documents: list[dict[str, Any]]) -> None:
    """Write what the own gate would refuse: the gate is a hostile node's to leave out."""
    gate = writing.open_bodies
    try:
        writing.open_bodies = lambda *args: (gate(*args)[0], [])
        await town.write(*(Operation(d["id"], canonical.dumps(d)) for d in documents))
    finally:
        writing.open_bodies = gate


async def test_who_decided_stands_in_the_chain_and_the_chain_is_held_to(towns: list[Town]) -> None:
    """Each announcement, change and withdrawal is an event with its officer; a row that was changed or taken away is found."""
    lecce, _ = towns
    document = session()
    with acting("anna"):
        await put(lecce, document)
    with acting("bruno"):
        await put(lecce, document | {"title": {"it": "Un altro titolo"}})
        await announce.withdraw(
            lecce.node.pool, await runtime.current_own(lecce.node), lecce.node.clock(), document["id"]
        )
    async with lecce.node.pool.acquire() as conn:
        told = await announcements.decided(conn, document["id"])
    assert [(d.action, d.revision, d.officer) for d in told] == [
        ("withdrawn", 2, "bruno"),
        ("changed", 2, "bruno"),
        ("announced", 1, "anna"),
    ]
    assert (await audit.verify(lecce.node.pool, lecce.node.home)).ok
    for meddling, why in (
        ("UPDATE programme.announced SET officer = 'altri' WHERE revision = 1", "untold-announcement"),
        ("DELETE FROM programme.announced WHERE action = 'withdrawn'", "orphaned"),
    ):
        async with lecce.node.pool.acquire() as conn:
            with pytest.raises(asyncpg.CheckViolationError):
                await conn.execute(meddling)
            async with unguarded(conn):
                await conn.execute(meddling)
        assert (await audit.verify(lecce.node.pool, lecce.node.home)).broken == why


async def test_an_announcement_is_no_orphan_of_the_profiles(towns: list[Town]) -> None:
    """It lives in the own log without a profile's decision, and is neither counted nor withdrawn as one that lost it."""
    lecce, _ = towns
    done = await put(lecce, service())
    own = await runtime.current_own(lecce.node)
    async with lecce.node.pool.acquire() as conn:
        assert await conn.fetchval(publication.QUERIES["count_orphans"], own.origin_id) == 0
    with pytest.raises(NotFoundError):
        await publish.withdraw(lecce.node.pool, own, done.id, "anna", lecce.node.clock())
    assert (await audit.verify(lecce.node.pool, lecce.node.home)).ok


async def test_the_next_year_goes_on_with_what_was_announced(towns: list[Town]) -> None:
    """A new log begins with the living announcements, whose revisions go on; the other node finds each once."""
    lecce, torino = towns
    document = service()
    await put(lecce, document)
    await torino.sync()
    own = await runtime.current_own(lecce.node)
    await epoch.rollover(lecce.node.pool, own, 2027, "anna", lecce.node.clock())
    again = await put(lecce, document | {"title": {"it": "Nel nuovo anno"}})
    assert again.announcement is not None
    assert again.announcement.revision == 2
    await torino.gossip()
    await torino.sync()
    assert await titles(torino) == [("p_LE", "Nel nuovo anno", 2)]


async def test_what_came_before_it_was_known_is_read_after_an_upgrade(towns: list[Town]) -> None:
    """A node that kept announcements raw, as types it did not know, asks for them once more."""
    lecce, torino = towns
    await put(lecce, session())
    await put(lecce, service())
    await torino.sync()
    migration = next(text for number, _, text in postgres._migrations() if number == 46)
    async with torino.node.pool.acquire() as conn:
        # As an older program would have left it.
        await conn.execute(
            "INSERT INTO log.problem (origin_id, idx, code) SELECT origin_id, idx, 'body-type-unknown' FROM coop.announcement"
        )
        await conn.execute("DELETE FROM coop.announcement")
        await conn.execute(migration[migration.index("WITH gone AS") :])
        assert await conn.fetchval("SELECT count(*) FROM log.problem") == 0
    assert await titles(torino) == []
    await torino.sync()
    assert len(await titles(torino)) == 2


async def test_what_is_not_agreed_is_not_kept_and_comes_once_it_is(towns: list[Town]) -> None:
    """The other node drops a type that its terms do not name."""
    lecce, torino = towns
    roll = torino.node.membership.roll
    narrow = Terms(("profile/1",), introductions_days=1095, k_min=5, keep_epochs_days=730, suspended_days=30)
    torino.node.membership.change(replace(roll, terms=narrow))
    await put(lecce, service())
    await torino.sync()
    assert await titles(torino) == []
    async with torino.node.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM log.body") == 0
        assert await conn.fetchval("SELECT code FROM log.problem") == "body-type-not-agreed"


async def test_what_should_not_stand_there_is_pointed_at(towns: list[Town]) -> None:
    """A person's name, a tax code, a telephone outside of «how»: told to the officer; the office's own address in «how» is not."""
    lecce, _ = towns
    done = await put(lecce, service(summary={"it": "Con la dott.ssa Rossi, tel. 0832 123456; codice 00743110157"}))
    assert {(place, text[hit.start : hit.end]) for place, text, hit in done.doubts} == {
        ("summary.it", "dott.ssa Rossi"),
        ("summary.it", "tel. 0832 123456"),
        ("summary.it", "00743110157"),
    }
    assert (await put(lecce, session())).doubts == []


def test_new_agreements_allow_the_catalogue() -> None:
    """Whoever writes an agreement without naming types can announce all of them."""
    assert {*announcement.TYPES} <= set(TERMS.data)


@pytest.mark.parametrize("kind", ["session", "service", "call", "course"])
def test_all_kinds_share_one_envelope(kind: str) -> None:
    """What is not the kind's own is the same in every schema; nothing unknown passes, no text holds a link."""
    read = {k: json.loads(schemas.folder().joinpath(f"{k}.v1.json").read_text()) for k in ("session", kind)}
    for name in announcement.ENVELOPE:
        if name != "type":
            assert read[kind]["properties"][name] == read["session"]["properties"][name]
    assert set(read[kind]["properties"]) == set(read[kind]["required"]) == {*announcement.ENVELOPE, kind}
    for name in ("text", "line", "lines", "texts", "day", "day_or_none", "member"):
        assert read[kind]["$defs"][name] == read["session"]["$defs"][name]
