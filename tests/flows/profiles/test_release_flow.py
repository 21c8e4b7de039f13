"""What may leave today: k in the newest edition, one deferral, one bad version among good ones, commits in doubt."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from node.domain import partition
from node.domain.register import RegisterNetwork
from node.errors import CallerError
from node.flows.profiles import standing
from node.store import population, postgres, publication
from node.store.postgres import Connection, Pool
from node.store.reference import load_sectors
from tests.office_made import NOW, Office, lecce, make_office
from tests.tampering import unguarded

LATER = dt.date(2026, 6, 30)
MONDAY = NOW + dt.timedelta(days=6)


async def doubles(office: Office, at: int = 0) -> tuple[list[RegisterNetwork], RegisterNetwork]:
    """The other register networks of one network's block, and its own row."""
    async with office.pool.acquire() as conn:
        stored = await population.latest_partition(conn)
        own_id = await conn.fetchval(
            "SELECT register_id FROM registry.network WHERE network_id::text = $1", office.networks[at]
        )
    assert stored is not None
    built = partition.load(stored.document)
    own = next(row for row in lecce() if row.register_id == own_id)
    block = built.lookup(own, load_sectors())
    return [row for row in lecce() if built.find(row, load_sectors()) == block and row != own], own


async def thin(office: Office, left: int, day: dt.date = LATER, at: int = 0) -> None:
    """Load an edition in which only ``left`` networks of the block are still active."""
    others, _ = await doubles(office, at)
    gone = {row.register_id for row in others[left - 1 :]}
    await office.load([row for row in lecce() if row.register_id not in gone], day)


async def held(office: Office) -> list[tuple[int | None, str | None]]:
    """What the officer's list says of each profile: candidates today, and why it is held."""
    async with office.pool.acquire() as conn:
        profiles = await standing.list_profiles(conn, office.config)
    return [(item["candidates"], item["held"]) for item in profiles]


async def row(office: Office, profile_id: str) -> publication.PublicationProfile:
    """A profile as it is stored."""
    async with office.pool.acquire() as conn:
        found = await publication.find_profile(conn, profile_id)
    assert found is not None
    return found


async def refused(work: Any) -> str:
    """The code of a refusal."""
    with pytest.raises(CallerError) as caught:
        await work
    return caught.value.code


async def test_a_block_that_fell_below_k_stops_at_every_step(office: Office) -> None:
    """Draft, approval and release ask the newest edition, not the one of the build; the officer sees number and reason."""
    drafted = await office.draft()
    await thin(office, 4)
    assert await refused(office.approve(drafted)) == "block-too-small"
    assert await refused(office.draft(title="Un altro titolo")) == "block-too-small"
    await office.load(lecce(), LATER + dt.timedelta(days=1))
    assert await office.queued() == drafted
    await thin(office, 4, LATER + dt.timedelta(days=2))
    assert await office.release(MONDAY) == []
    assert await held(office) == [(4, "block-too-small")]
    seen = await office.preview(drafted)
    assert (seen.state, seen.candidates, seen.k, seen.held) == ("queued", 4, 5, "block-too-small")
    assert "trattenuta" in seen.sentence
    await office.load(lecce(), LATER + dt.timedelta(days=3))
    assert [code for _, code in await held(office)] == [None]
    assert await office.release(MONDAY) == [drafted]


async def test_at_k_a_block_still_leaves(office: Office) -> None:
    """The other side: five active members are enough, and the decisions say that they were five."""
    waiting = await office.queued()
    await thin(office, 5)
    assert (await office.preview(waiting)).candidates == 5
    assert await office.release(MONDAY) == [waiting]
    async with office.pool.acquire() as conn:
        counted = await conn.fetchval("SELECT candidates FROM publication.decision WHERE action = 'published'")
    assert counted == 5


async def test_a_published_profile_whose_block_thinned_out_is_not_updated(office: Office) -> None:
    """Coarsening what was seen gains nothing: it stays as it is, and the officer is shown it with its number."""
    profile_id = await office.queued()
    await office.release(MONDAY)
    await thin(office, 3)
    assert await refused(office.draft(title="Aggiornata")) == "block-too-small"
    assert await held(office) == [(3, "block-too-small")]
    seen = await office.preview(profile_id)
    assert (seen.state, seen.candidates, seen.held) == ("published", 3, "block-too-small")


async def test_an_edition_that_gives_no_partition_holds_everything(office: Office) -> None:
    """Seven networks of one block are more than k; the scope they leave says too little about anybody."""
    waiting = await office.queued()
    others, own = await doubles(office)
    done = await office.load([own, *others[:6]], LATER)
    assert done.refusal
    assert await office.release(MONDAY) == []
    assert await held(office) == [(7, "partition-missing")]
    assert await refused(office.draft(1)) in ("partition-missing", "out-of-scope")
    assert (await office.preview(waiting)).held == "partition-missing"


async def newcomer(office: Office) -> int:
    """Load the edition of the eve of a network's registration; return a network that then stands out in its block."""
    for at in range(len(office.networks)):
        others, own = await doubles(office, at)
        if sum(other.registered_on >= own.registered_on for other in others) < 5:
            eve = own.registered_on - dt.timedelta(days=1)
            await office.load([r for r in lecce() if r.registered_on <= eve], eve)
            return at
    raise AssertionError


async def test_a_deferral_is_drawn_once_for_the_life_of_the_profile(office: Office) -> None:
    """Editing and queueing again finds the same wait; what is shown is the round in which it will leave."""
    at = await newcomer(office)
    profile_id = await office.draft(at)
    await office.approve(profile_id)
    day = await office.publish(profile_id)
    weeks = (day - dt.date(2026, 11, 30)).days / 7
    assert weeks in (1, 2, 3, 4)
    for number in range(6):
        await office.draft(at, title=f"Titolo {'abcdef'[number]}")
        seen = await office.preview(profile_id)
        assert seen.document["round"] == (day - dt.date(1970, 1, 1)).days
        await office.approve(profile_id)
        assert await office.publish(profile_id) == day
    assert (await row(office, profile_id)).deferred_until == day
    assert await office.release(MONDAY) == []
    late = dt.datetime.combine(day, dt.time(10), dt.UTC)
    assert await office.release(late) == [profile_id]
    await office.draft(at, title="Aggiornata")
    await office.approve(profile_id)
    assert await office.publish(profile_id, late) == day + dt.timedelta(days=7)


async def test_the_preview_of_a_queued_version_shows_its_own_round(office: Office) -> None:
    """Whatever day it is looked at; once held over its day, the round of today."""
    profile_id = await office.queued()
    epoch, monday = dt.date(1970, 1, 1), dt.date(2026, 11, 30)
    async with office.pool.acquire() as conn, unguarded(conn):
        await conn.execute("UPDATE publication.version SET release_day = release_day + 21")
    for later, shown in ((0, 21), (10, 21), (40, 28)):
        seen = await office.preview(profile_id, NOW + dt.timedelta(days=later))
        assert seen.document["round"] == (monday - epoch).days + shown


async def test_a_withdrawn_network_returns_to_its_own_block(office: Office) -> None:
    """Also when a newer edition has another partition: two blocks for one network would be their intersection."""
    profile_id = await office.queued()
    await office.release(MONDAY)
    await office.withdraw(profile_id, MONDAY)
    others, own = await doubles(office)
    moved = [replace(r, theme="training", members=40) if r not in (*others, own) else r for r in lecce()]
    done = await office.load(moved, LATER)
    assert done.partition_version == 2
    again = await office.draft(now=MONDAY + dt.timedelta(days=15))
    before, after = await row(office, profile_id), await row(office, again)
    assert again != profile_id
    assert (after.partition_version, after.block_id, after.labels) == (1, before.block_id, before.labels)
    await office.withdraw(again, MONDAY)
    await thin(office, 4, LATER + dt.timedelta(days=1))
    assert await refused(office.draft(now=MONDAY + dt.timedelta(days=30))) == "block-too-small"


SPOILED = (
    "UPDATE publication.version SET content = '{}' WHERE profile_id::text = $1",
    "UPDATE publication.version SET content = jsonb_set(content, '{title,it}', '\"Altro\"') WHERE profile_id::text = $1",
    "UPDATE publication.profile SET block_id = 9999 WHERE profile_id::text = $1",
    "INSERT INTO log.item SELECT origin_id, $1::text::uuid, 0, 1, true FROM log.origin WHERE is_own",
)


async def test_one_bad_version_does_not_stop_its_round(office: Office) -> None:
    """Set aside with a reason that the officer sees, still queued; everybody else leaves."""
    ids = [await office.queued(at) for at in range(5)]
    async with office.pool.acquire() as conn, unguarded(conn):
        for at, statement in enumerate(SPOILED):
            await conn.execute(statement, ids[at])
    assert await office.release(MONDAY) == [ids[4]]
    async with office.pool.acquire() as conn:
        codes = {
            str(found["profile_id"]): found["held_code"]
            for found in await conn.fetch(
                "SELECT profile_id, held_code FROM publication.version WHERE state = 'queued'"
            )
        }
    expected = ("profile-field-bad", "content-changed", "block-none", "item-not-live")
    assert codes == dict(zip(ids[:4], expected, strict=True))
    assert (await office.preview(ids[1])).held == "content-changed"
    assert await office.draft(1) == ids[1]
    assert (await office.preview(ids[1])).held is None
    await office.withdraw(ids[0])
    async with office.pool.acquire() as conn:
        left = await conn.fetch("SELECT profile_id, state FROM publication.version WHERE held_code IS NOT NULL")
    assert {str(found["profile_id"]) for found in left} == {ids[2], ids[3]}


async def pair(office: Office) -> tuple[int, int]:
    """Two networks of the office that stand in one block."""
    seen: dict[str, int] = {}
    for at in range(len(office.networks)):
        others, own = await doubles(office, at)
        key = min(other.register_id for other in (*others, own))
        if key in seen:
            return seen[key], at
        seen[key] = at
    raise AssertionError


async def apart(office: Office, one: int) -> int:
    """A network of the office that stands in another block."""
    others, own = await doubles(office, one)
    for at in range(len(office.networks)):
        if (await doubles(office, at))[1] not in (*others, own):
            return at
    raise AssertionError


async def shown(office: Office) -> list[tuple[list[str], list[str]]]:
    """Themes and certifications of every profile in the log."""
    async with office.pool.acquire() as conn:
        rows = await conn.fetch("SELECT body FROM log.body JOIN coop.profile USING (origin_id, idx) ORDER BY idx")
    bodies = [orjson.loads(found["body"]) for found in rows]
    return [(body["themes"], body["certifications"]) for body in bodies]


ALIKE = {"themes": ["energy"], "certifications": ["soa"]}


async def test_what_a_whole_block_would_show_does_not_leave(office: Office) -> None:
    """Two profiles of one block in one round with the same classes: neither shows them; other blocks are not concerned."""
    first, second = await pair(office)
    far = await apart(office, first)
    for at in (first, second, far):
        await office.queued(at, **ALIKE)
    await office.release(MONDAY)
    assert sorted(await shown(office)) == [([], []), ([], []), (["energy"], ["soa"])]


async def test_what_stands_published_counts_too_and_the_preview_says_so(office: Office) -> None:
    """The second profile of a block learns from the first; with another class of its own it shows it."""
    first, second = await pair(office)
    await office.queued(first, **ALIKE)
    await office.release(MONDAY)
    late = await office.draft(second, themes=["energy"], certifications=["emas"])
    seen = await office.preview(late)
    assert seen.withheld == ("themes",)
    assert (seen.document["themes"], seen.document["certifications"]) == ([], ["emas"])
    await office.approve(late, amber_reason="prova")
    await office.publish(late, MONDAY)
    await office.release(MONDAY + dt.timedelta(days=7))
    assert await shown(office) == [(["energy"], ["soa"]), ([], ["emas"])]


async def test_an_update_is_not_compared_with_itself(office: Office) -> None:
    """A profile alone in its block goes on showing what it showed."""
    profile_id = await office.queued(**ALIKE)
    await office.release(MONDAY)
    assert (await office.preview(profile_id)).withheld == ()
    await office.queued(**ALIKE, title="Aggiornata")
    await office.release(MONDAY + dt.timedelta(days=7))
    assert await shown(office) == [(["energy"], ["soa"])]


async def test_approval_is_bound_to_what_was_seen(office: Office) -> None:
    """The hash of the preview approves that content and no other; without one the approval says what it approved."""
    profile_id = await office.draft()
    seen = (await office.preview(profile_id)).content_hash
    await office.draft(title="Cambiato nel frattempo")
    now = (await office.preview(profile_id)).content_hash
    assert seen != now
    for wrong in (seen, seen[:12], now[:7], "", "zz"):
        assert await refused(office.approve(profile_id, expected_hash=wrong)) == "content-hash-differs"
    assert await office.approve(profile_id, expected_hash=f" {now[:12].upper()}") == now
    assert await office.approve(profile_id) == now


async def test_the_reason_for_a_doubtful_text_is_kept_with_the_decision(office: Office) -> None:
    """Who approved what, and why it gives nobody away."""
    profile_id = await office.draft(summary="Prodotti nel segno di Zambrella per tutti")
    await office.approve(profile_id, amber_reason="è una varietà di pianta")
    async with office.pool.acquire() as conn:
        rows = await conn.fetch("SELECT action, reason FROM publication.decision ORDER BY decision_id")
    assert [tuple(found) for found in rows] == [("drafted", None), ("approved", "è una varietà di pianta")]


@pytest.fixture
def lose_answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Arrange that the next commit happens and its answer is lost, so that the work runs again."""
    real, armed = postgres.transaction, []

    @asynccontextmanager
    async def lossy(pool: Pool) -> AsyncIterator[Connection]:
        async with real(pool) as conn:
            yield conn
        if armed:
            armed.pop()
            raise asyncpg.ConnectionDoesNotExistError("the answer is lost")

    monkeypatch.setattr(postgres, "transaction", lossy)
    return lambda: armed.append(True)


async def test_a_commit_in_doubt_is_no_failure(office: Office, lose_answer: Callable[[], None]) -> None:
    """Each decision found already taken, by the same officer, is taken once; what was written is reported and signed."""
    lose_answer()
    profile_id = await office.draft()
    lose_answer()
    await office.approve(profile_id)
    lose_answer()
    await office.publish(profile_id)
    lose_answer()
    assert await office.release(MONDAY) == [profile_id]
    assert await office.log_size() == 2
    lose_answer()
    await office.withdraw(profile_id)
    assert await office.log_size() == 3
    async with office.pool.acquire() as conn:
        rows = await conn.fetch("SELECT action FROM publication.decision ORDER BY decision_id")
    assert [found["action"] for found in rows] == ["drafted", "approved", "queued", "published", "withdrawn"]


async def _waiting(office: Office) -> None:
    """Return once some statement waits for a lock."""
    async with office.pool.acquire() as conn:
        while not await conn.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await conn.execute("SELECT pg_sleep(0.005)")


async def test_a_draft_that_races_with_a_withdrawal_is_refused(office: Office) -> None:
    """It neither revives what was withdrawn nor begins another profile in its place."""
    profile_id = await office.draft()
    async with office.pool.acquire() as conn:
        async with unguarded(conn), conn.transaction():
            await publication.lock_profile(conn, profile_id)
            late = asyncio.create_task(office.draft(title="Troppo tardi"))
            await _waiting(office)
            await publication.withdraw(conn, profile_id, "anna", NOW)
        assert await refused(late) == "profile-withdrawn"
        assert await conn.fetchval("SELECT count(*) FROM publication.profile") == 1


async def test_a_draft_that_races_with_a_release_leaves_what_was_published(office: Office) -> None:
    """What stands in the log is not written over: the edit is another version, to be approved."""
    profile_id = await office.queued()
    async with office.pool.acquire() as conn:
        async with unguarded(conn), conn.transaction():
            await publication.due_versions(conn, 100_000)
            late = asyncio.create_task(office.draft(title="Troppo tardi"))
            await _waiting(office)
            await publication.mark_published(conn, [(profile_id, 1, 0)])
        assert await late == profile_id
        rows = await conn.fetch("SELECT number, state, content FROM publication.version ORDER BY number")
    assert [(found["number"], found["state"]) for found in rows] == [(1, "published"), (2, "draft")]
    assert "Troppo tardi" not in rows[0]["content"]


async def test_what_is_decided_no_more_is_not_written(office: Office) -> None:
    """Replacing, approving and queueing ask for the state they change, and say when it is gone."""
    profile_id = await office.queued()
    await office.release(MONDAY)
    async with office.pool.acquire() as conn:
        done = await conn.execute(publication.QUERIES["replace_draft"], profile_id, 1, "{}", bytes(32), "anna", NOW)
        assert done == "UPDATE 0"
        for work in (
            publication.approve(conn, profile_id, 1, "bruno", NOW),
            publication.queue(conn, profile_id, 1, 0),
        ):
            assert await refused(work) == "profile-not-open"


async def test_what_is_learned_after_the_approval_is_asked_at_the_release(office: Office) -> None:
    """A new firm of the register whose name stands in an approved text, a new public object like it: both are held."""
    named = await office.queued(summary="Vendiamo insieme a Quintiloro Salentina", title="Collaborazioni", needs=[], offers=[])  # fmt: skip
    told = "Cerchiamo botteghe artigiane che restaurino antichi strumenti musicali per scuole e teatri"
    copied = await office.queued(1, summary=told, title="Collaborazioni", needs=[], offers=[])
    _, own = await doubles(office, 1)
    rows = [replace(row, object_text=told) if row == own else row for row in lecce()]
    first = rows[0]
    renamed = replace(first.firms[0], name="QUINTILORO SALENTINA S.R.L.")
    rows[0] = replace(first, firms=(renamed, *first.firms[1:]))
    await office.load(rows, LATER)
    assert await office.release(MONDAY) == []
    async with office.pool.acquire() as conn:
        found = {item["profile_id"]: item["held"] for item in await standing.list_profiles(conn, office.config)}
    assert found == {named: "text-refused", copied: "text-finds-network"}
    assert await office.draft(summary="Vendiamo insieme ad altri", title="Collaborazioni", needs=[], offers=[]) == named
    assert [code for _, code in await held(office)].count(None) == 1


async def test_a_newcomer_to_the_register_is_nobodys_double_in_an_older_partition(office: Office) -> None:
    """Who was not in the edition cannot be behind its profiles, however like it looks: only those who stay count."""
    waiting = await office.queued()
    others, own = await doubles(office)
    gone = {row.register_id for row in others[3:]}
    twins = [
        replace(own, register_id=f"{at}/NEW/2026-01-01", deed_number=f"NEW{at}", registered_on=own.registered_on)
        for at in range(20)
    ]
    await office.load([*(row for row in lecce() if row.register_id not in gone), *twins], LATER)
    assert await office.release(MONDAY) == []
    assert await held(office) == [(4, "block-too-small")]
    assert (await office.preview(waiting)).candidates == 4


async def test_a_network_that_left_the_register_is_not_released(office: Office) -> None:
    """Its block is as large as ever; it is not among those who could be behind the profile."""
    waiting = await office.queued()
    _, own = await doubles(office)
    await office.load([row for row in lecce() if row != own], LATER)
    assert await office.release(MONDAY) == []
    assert [code for _, code in await held(office)] == ["network-ceased"]
    assert await refused(office.draft(title="Altro titolo")) == "network-ceased"
    await office.load(lecce(), LATER + dt.timedelta(days=1))
    assert await office.release(MONDAY) == [waiting]


async def test_newcomers_do_not_fill_a_block_up_again(office: Office) -> None:
    """Four of the block cease and as many are registered: who intersects both editions has four left, so nothing leaves."""
    profile_id = await office.queued()
    await office.release(MONDAY)
    others, _ = await doubles(office)
    gone = {row.register_id for row in others[3:]}
    stay = [row for row in lecce() if row.register_id not in gone]
    newcomers = [replace(row, register_id=f"N{row.register_id}") for row in others[3:]]
    await office.load([*stay, *newcomers], LATER)
    assert await refused(office.draft(title="Aggiornata")) == "block-too-small"
    assert await held(office) == [(4, "block-too-small")]
    assert (await office.preview(profile_id)).candidates == 4


async def test_a_network_that_its_own_office_closed_does_not_leave(pool: Pool, tmp_path: Path) -> None:
    """The public register may take months to say so; nor can another draft of it be approved meanwhile."""
    office = await make_office(pool, lecce(), tmp_path)
    waiting = await office.queued(0)
    async with pool.acquire() as conn:
        await conn.execute("UPDATE registry.network SET status = 'closed' WHERE network_id::text = $1", office.networks[0])  # fmt: skip
    assert await office.release(NOW + dt.timedelta(days=6)) == []
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT held_code FROM publication.version WHERE profile_id = $1", waiting) == "network-ceased"  # fmt: skip
        await conn.execute("UPDATE registry.network SET status = 'registered' WHERE network_id::text = $1", office.networks[0])  # fmt: skip
    assert await office.release(NOW + dt.timedelta(days=7)) == [waiting]
