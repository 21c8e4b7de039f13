"""From a private record to a published profile and away again, on a real database, with two officers and a clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import asyncpg
import orjson
import pytest

from node.domain.chamber import ChamberList
from node.domain.generation.enrichment import enrich
from node.errors import CallerError, NotFoundError
from node.flows.profiles import draft, preview, publish
from node.flows.registry import intake, register
from node.flows.trust.membership import enrol_members
from node.store import publication, registry
from node.store.postgres import Pool
from tests.every_table import everything
from tests.national_made import national
from tests.office_made import KEY, NOW, SNAPSHOT, Office, configured
from tests.tampering import unguarded


@pytest.fixture
def begun(italy_listed: str) -> str:
    """All Italy's list."""
    return italy_listed


def refusal(caught: pytest.ExceptionInfo[CallerError]) -> str:
    """The code of a refusal."""
    return caught.value.code


async def test_the_whole_way_from_draft_to_withdrawal(office: Office) -> None:
    """Draft, preview, second officer, Monday's round, the signed log; then gone, body and approved text alike."""
    profile_id = await office.draft()
    seen = await preview.preview(office.pool, office.config, profile_id, NOW)
    assert seen.candidates >= 8
    assert (seen.document["id"], seen.document["owner"], seen.state) == (profile_id, "p_LE", "draft")
    await office.approve(profile_id)
    monday = await office.publish(profile_id)
    assert monday == dt.date(2026, 11, 30)
    assert await office.publish(profile_id) == monday
    assert await office.release(NOW + dt.timedelta(days=5)) == []
    assert await office.release(NOW + dt.timedelta(days=6)) == [profile_id]
    # The partition and the profile.
    assert await office.log_size() == 2
    async with office.pool.acquire() as conn:
        raw = await conn.fetchval("SELECT body FROM log.body ORDER BY idx DESC LIMIT 1")
        assert await conn.fetchval("SELECT count(*) FROM coop.profile") == 1
    assert orjson.loads(raw) == {**seen.document, "round": (monday - dt.date(1970, 1, 1)).days}
    await office.withdraw(profile_id)
    assert await office.log_size() == 3
    async with office.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM log.body") == await conn.fetchval(
            "SELECT count(*) FROM coop.partition"
        )
        assert await conn.fetchval("SELECT count(*) FROM coop.profile") == 0
        assert await conn.fetchval("SELECT count(*) FROM publication.version WHERE content IS NOT NULL") == 0
        actions = [
            row["action"] for row in await conn.fetch("SELECT action FROM publication.decision ORDER BY decision_id")
        ]
    assert actions == ["drafted", "approved", "queued", "published", "withdrawn"]
    await office.withdraw(profile_id)
    with pytest.raises(CallerError) as caught:
        await office.withdraw(profile_id, officer="bruno")
    assert refusal(caught) == "profile-withdrawn"
    assert await office.log_size() == 3


async def test_what_is_put_into_a_round_leaves_only_when_that_has_come(office: Office) -> None:
    """Asked before its round nothing leaves; whoever puts another one in on the day of the round releases it, also where no server runs."""
    other = await office.queued(1)
    profile_id = await office.draft()
    await office.approve(profile_id)
    monday = NOW + dt.timedelta(days=6)

    async def ask(now: dt.datetime) -> tuple[dt.date, bool, str | None]:
        return await publish.publish_and_release(office.pool, office.config, office.own, profile_id, "bruno", now)

    async def left() -> set[str]:
        async with office.pool.acquire() as conn:
            return {str(row["id"]) for row in await conn.fetch("SELECT profile_id AS id FROM coop.profile")}

    assert await ask(NOW) == (monday.date(), False, None)
    assert (await office.log_size(), await left()) == (0, set())
    third = await office.draft(2)
    await office.approve(third)
    tuesday = monday + dt.timedelta(days=1)
    day, gone, held = await publish.publish_and_release(office.pool, office.config, office.own, third, "bruno", tuesday)
    assert (day, gone, held) == (monday.date() + dt.timedelta(days=7), False, None)
    assert await left() == {profile_id, other}


async def test_what_the_agreement_does_not_let_leave_waits(office: Office) -> None:
    """Where profiles are none of the agreed types what is due stays queued and says why; it leaves when they are."""
    profile_id = await office.draft()
    await office.approve(profile_id)
    await office.publish(profile_id)
    due = NOW + dt.timedelta(days=6)
    narrow = replace(office, config=replace(office.config, agreed=("call/1",)))
    assert await narrow.release(due) == []
    async with office.pool.acquire() as conn:
        held = await conn.fetchval("SELECT held_code FROM publication.version WHERE profile_id = $1", profile_id)
    assert held == "body-type-not-agreed"
    wide = replace(office, config=replace(office.config, agreed=("call/1", "profile/1")))
    assert await wide.release(due) == [profile_id]


async def test_what_officers_withdraw_is_in_no_table(office: Office) -> None:
    """Drafted, approved, published, updated, withdrawn: the texts that left and their salts are in no table of the node."""
    titles = ["Lavanda essiccata in fiore", "Rosmarino distillato in corrente"]
    profile_id = await office.draft(title=titles[0])
    found: list[str] = []
    for number, title in enumerate(titles):
        if number:
            await office.draft(title=title)
        await office.approve(profile_id, amber_reason="nomi di piante")
        await office.publish(profile_id)
        assert await office.release(NOW + dt.timedelta(days=6 + 7 * number)) == [profile_id]
        async with office.pool.acquire() as conn:
            row = await conn.fetchrow("SELECT salt, body FROM log.body ORDER BY idx DESC LIMIT 1")
            assert title in await everything(conn)
        found += [row["salt"].hex(), row["body"].hex()]
    await office.withdraw(profile_id, NOW + dt.timedelta(days=20))
    async with office.pool.acquire() as conn:
        after = await everything(conn)
    assert [secret[:40] for secret in (*titles, *found) if secret in after] == []


async def test_the_author_never_approves(office: Office) -> None:
    """Not in any spelling, and not by writing to the table either."""
    profile_id = await office.draft()
    for name, code in (("anna", "same-officer"), ("ANNA", "same-officer"), (" Anna ", "same-officer"), ("\uff41nna", "officer-name-bad")):  # fmt: skip
        with pytest.raises(CallerError) as caught:
            await office.approve(profile_id, name)
        assert refusal(caught) == code
    async with office.pool.acquire() as conn:
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(
                "UPDATE publication.version SET approver = author, approved_at = now(), state = 'approved'"
            )
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute("UPDATE publication.version SET state = 'queued'")


async def test_an_edit_reopens_the_approval(office: Office) -> None:
    """A changed text is a draft again, and nothing unapproved is queued."""
    profile_id = await office.draft()
    await office.approve(profile_id)
    assert await office.draft(title="Un altro titolo") == profile_id
    with pytest.raises(CallerError) as caught:
        await office.publish(profile_id)
    assert refusal(caught) == "profile-not-approved"
    assert await office.approve(profile_id) == await office.approve(profile_id, "BRUNO")
    with pytest.raises(CallerError) as caught:
        await office.approve(profile_id, "carla")
    assert refusal(caught) == "profile-already-approved"


async def test_texts_that_name_somebody_are_refused(office: Office) -> None:
    """The own register's firms, persons and networks never pass; a doubtful name needs a reason."""
    async with office.pool.acquire() as conn:
        firm = await conn.fetchval(
            "SELECT name FROM registry.firm WHERE NOT natural_person ORDER BY length(name) DESC LIMIT 1"
        )
    profile_id = await office.draft(summary=f"Prodotti della {firm.title()} per tutti")
    seen = await preview.preview(office.pool, office.config, profile_id, NOW)
    assert any(hit.severity == "red" for _, _, hit in seen.hits)
    assert "correggere" in seen.sentence
    with pytest.raises(CallerError) as caught:
        await office.approve(profile_id, amber_reason="non importa")
    assert refusal(caught) == "text-refused"
    await office.draft(summary="Prodotti nel segno di Zambrella per tutti")
    with pytest.raises(CallerError) as caught:
        await office.approve(profile_id)
    assert refusal(caught) == "text-doubtful"
    await office.approve(profile_id, amber_reason="è una varietà di pianta")


async def test_labels_are_frozen_for_the_life_of_the_id(office: Office) -> None:
    """An update carries the labels of the first day, whatever the private record says meanwhile."""
    profile_id = await office.draft()
    await office.approve(profile_id)
    await office.publish(profile_id)
    await office.release(NOW + dt.timedelta(days=7))
    first = await _body(office)
    async with office.pool.acquire() as conn:
        await conn.execute("UPDATE registry.firm SET province = 'MI', ateco = '62.01.00', municipality = ''")
    assert await office.draft(title="Titolo nuovo") == profile_id
    await office.approve(profile_id)
    await office.publish(profile_id)
    await office.release(NOW + dt.timedelta(days=14))
    second = await _body(office)
    assert (second["labels"], second["title"]["it"]) == (first["labels"], "Titolo nuovo")
    async with office.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM log.body") == 1 + 1
        assert await conn.fetchval("SELECT count(*) FROM log.entry") == 1 + 2


async def _body(office: Office) -> dict[str, Any]:
    async with office.pool.acquire() as conn:
        return dict(orjson.loads(await conn.fetchval("SELECT body FROM log.body ORDER BY idx DESC LIMIT 1")))


async def test_other_private_records_do_not_change_what_leaves(office: Office) -> None:
    """The exported bytes of a record are the same with and without its neighbours in the register."""
    profile_id = await office.draft()
    before = await preview.preview(office.pool, office.config, profile_id, NOW)
    async with office.pool.acquire() as conn:
        await conn.execute(
            "UPDATE registry.network SET object_text = 'x', name = name || ' bis' WHERE network_id::text <> $1",
            office.networks[0],
        )
    after = await preview.preview(office.pool, office.config, profile_id, NOW)
    assert orjson.dumps(before.document) == orjson.dumps(after.document)


async def test_a_withdrawn_network_comes_back_late_and_as_another(office: Office) -> None:
    """Two rounds later, under a new id in the same block; never the old id."""
    profile_id = await office.draft()
    await office.withdraw(profile_id)
    with pytest.raises(CallerError) as caught:
        await office.draft()
    assert refusal(caught) == "republish-too-early"
    async with office.pool.acquire() as conn, unguarded(conn):
        await conn.execute("UPDATE publication.profile SET withdrawn_at = $1", NOW - dt.timedelta(days=15))
        old = await publication.lock_profile(conn, profile_id)
    again = await office.draft()
    async with office.pool.acquire() as conn:
        new = await publication.lock_profile(conn, again)
    assert again != profile_id
    assert old is not None
    assert new is not None
    assert (new.block_id, new.labels) == (old.block_id, old.labels)


async def test_networks_outside_the_register_are_held(office: Office) -> None:
    """Unknown networks, networks not in the public list, and other territories: held with the reason."""
    with pytest.raises(NotFoundError):
        await draft.draft(
            office.pool,
            office.config,
            "7c9e6679-7425-40de-944b-e07fc1f90ae7",
            {"title": "x", "summary": "y"},
            "anna",
            NOW,
        )
    async with office.pool.acquire() as conn:
        await conn.execute(
            "UPDATE registry.network SET register_id = NULL WHERE network_id::text = $1", office.networks[0]
        )
        await conn.execute(
            "UPDATE population.network SET province = 'TO', region = 'ITC1', macro = 'ITC', municipality = ''"
            " WHERE register_id = (SELECT register_id FROM registry.network WHERE network_id::text = $1)",
            office.networks[1],
        )
    for at, code in ((0, "not-in-register"), (1, "out-of-scope")):
        with pytest.raises(CallerError) as caught:
            await office.draft(at)
        assert refusal(caught) == code


async def test_without_a_partition_nothing_is_drafted(pool: Pool) -> None:
    """A scope with too few networks holds its profiles instead of weakening them."""
    config = configured(territory=("AO",))
    await enrol_members(pool, config, KEY.public_key().public_bytes_raw())
    few = ChamberList(tuple(row for row in national() if row.province == "AO")[:5], (), 0)
    done = await register.load_register(pool, config, few, SNAPSHOT, NOW)
    assert done.partition_version is None
    assert done.refusal
    own = enrich(few.networks, count=1, seed=1)
    await intake.import_networks(
        pool, intake.IntakeFile("template", "x", bytes(32), 0, tuple(own), 0, ()), NOW, apply=True
    )
    async with pool.acquire() as conn:
        network_id = next(iter(await registry.read_records(conn)))
    with pytest.raises(CallerError) as caught:
        await draft.draft(pool, config, network_id, {"title": "x", "summary": "y"}, "anna", NOW)
    assert refusal(caught) == "partition-missing"


@pytest.mark.parametrize("profile_id", ["nonsense", "7c9e6679-7425-40de-944b-e07fc1f90ae7"])
async def test_unknown_profiles_are_not_found(office: Office, profile_id: str) -> None:
    """Every decision about a profile that is not there is refused alike."""
    for decide in (office.approve, office.publish, office.withdraw):
        with pytest.raises(NotFoundError):
            await decide(profile_id)


async def test_a_changed_log_key_is_noticed_before_anything_is_signed(office: Office) -> None:
    """A node whose log began with another key does not start."""
    profile_id = await office.draft()
    await office.approve(profile_id)
    await office.publish(profile_id)
    await office.release(NOW + dt.timedelta(days=7))
    with pytest.raises(Exception, match="own-log-key-changed"):
        await enrol_members(office.pool, office.config, bytes(range(32)))
