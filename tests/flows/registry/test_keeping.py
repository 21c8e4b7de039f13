"""The register kept by hand: the rules of files, and two officers who do not undo each other's work."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace

import pytest
from networks_made import NOW, code, member, record

from node.domain import entry_form
from node.domain.network import NetworkRecord
from node.errors import CallerError, NotFoundError
from node.flows.registry import keeping
from node.store.postgres import Pool, acquire
from node.store.registry import Sought
from tests.office_made import Office

LATER = NOW + dt.timedelta(days=1)


async def add(pool: Pool, made: NetworkRecord) -> str:
    """A network by the form."""
    outcome = await keeping.write(pool, entry_form.entry_of(made), NOW)
    assert outcome.network_id, outcome.problems
    return outcome.network_id


def numbered(number: int, **changes: object) -> NetworkRecord:
    """A network of its own deed and firms."""
    members = (member(10 * number), member(10 * number + 1))
    return record(**{"name": f"Rete {number:03}", "deed_number": str(number), "members": members, **changes})


async def test_what_a_form_says_is_what_the_register_has(pool: Pool) -> None:
    """A new network whole, and written again without a change it is the same."""
    kept = await keeping.read_network(pool, await add(pool, record()))
    assert kept.record.digest() == record().digest()
    outcome = await keeping.write(pool, entry_form.entry_of(kept.record), LATER, network_id=kept.network_id, seen="old")
    assert outcome.network_id == kept.network_id


async def test_a_network_is_not_written_twice(pool: Pool) -> None:
    """Of the same deed, or of the same name and no deed; nor does a change make one the other."""
    first = await add(pool, record())
    outcome = await keeping.write(pool, entry_form.entry_of(record(name="Altro nome")), NOW)
    assert (outcome.network_id, outcome.twin, outcome.problems[0].code) == (None, first, "network-repeated")
    kept = await keeping.read_network(pool, await add(pool, numbered(2)))
    same_deed = replace(kept.record, deed_number=record().deed_number)
    outcome = await keeping.write(pool, entry_form.entry_of(same_deed), NOW, network_id=kept.network_id, seen=kept.seen)
    assert outcome.twin == first
    draft = record(status="drafting", deed_register_number="", signed_on=dt.date(2026, 1, 1))
    only = await add(pool, draft)
    assert (await keeping.write(pool, entry_form.entry_of(draft), NOW)).twin == only


async def test_the_second_of_two_officers_is_told_and_loses_nothing(pool: Pool) -> None:
    """At the same moment: one is written, the other told what differs; shown that, the other may write."""
    network_id = await add(pool, record())
    kept = await keeping.read_network(pool, network_id)
    notary, seat = replace(kept.record, notary="un altro"), replace(kept.record, seat_municipality="Bari")
    outcomes = await asyncio.gather(
        *(
            keeping.write(pool, entry_form.entry_of(made), LATER, network_id=network_id, seen=kept.seen)
            for made in (notary, seat)
        )
    )
    assert sorted(outcome.network_id is None for outcome in outcomes) == [False, True]
    second = next(outcome for outcome in outcomes if outcome.network_id is None)
    assert second.conflict is not None
    assert {column for column, _, _ in second.conflict} == {"notaio", "sede"}
    mine = seat if outcomes[1] is second else notary
    again = await keeping.write(pool, entry_form.entry_of(mine), LATER, network_id=network_id, seen=second.seen)
    assert again.network_id == network_id
    assert (await keeping.read_network(pool, network_id)).record.digest() == mine.digest()


async def test_a_membership_ends_on_a_day_and_its_history_stays(pool: Pool) -> None:
    """Of a firm that is in; not before it came, not below two firms, not on a state that is gone."""
    network_id = await add(pool, record(members=(*record().members, member(3))))
    kept = await keeping.read_network(pool, network_id)
    at = next(n for n, m in enumerate(kept.record.members) if m.firm.tax_code == code(3))
    day = dt.date(2020, 5, 1)

    async def refused(code: str, position: int, left_on: dt.date | None, seen: str) -> None:
        with pytest.raises(CallerError) as caught:
            await keeping.end_membership(pool, network_id, position, left_on, seen, LATER)
        assert caught.value.code == code

    await refused("date-bad", at, None, kept.seen)
    await refused("member-left-early", at, dt.date(2001, 1, 1), kept.seen)
    await refused("member-unknown", 9, day, kept.seen)
    await refused("network-changed", at, day, "0" * 64)
    await keeping.end_membership(pool, network_id, at, day, kept.seen, LATER)
    now = await keeping.read_network(pool, network_id)
    assert [(m.firm.tax_code, m.left_on) for m in now.record.members if m.left_on] == [(code(3), day)]
    at = next(n for n, m in enumerate(now.record.members) if m.left_on is None)
    await refused("network-too-few-members", at, day, now.seen)
    with pytest.raises(NotFoundError):
        await keeping.end_membership(pool, "niente", 0, day, now.seen, LATER)


async def test_the_list_is_asked_page_by_page_and_a_table_is_the_same_list(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each network once, in order of name, whatever the size of the page."""
    ids = [await add(pool, numbered(number)) for number in range(1, 8)]
    seen, asked = [], Sought()
    while True:
        page = await keeping.find(pool, asked, 3)
        seen += [row["network_id"] for row in page.networks]
        if page.after is None:
            break
        asked = keeping.sought(after=page.after)
    assert seen == ids
    monkeypatch.setattr(keeping, "EXPORT_PAGE", 2)
    assert [row["network_id"] async for row in keeping.find_all(pool, Sought())] == ids


async def test_a_search_finds_names_of_networks_and_firms_codes_and_closed_lists(pool: Pool) -> None:
    """Whatever the accents and the case; without a profile are all those that are not closed."""
    one = await add(pool, numbered(1, name="Caffè Salentò"))
    two = await add(pool, numbered(2, status="amended"))
    gone = tuple(replace(m, left_on=dt.date(2020, 1, 1)) for m in numbered(3).members)
    three = await add(pool, numbered(3, status="closed", members=gone))

    async def found(**asked: object) -> set[str]:
        page = await keeping.find(pool, keeping.sought(**asked))  # type: ignore[arg-type]
        return {row["network_id"] for row in page.networks}

    assert await found(words="caffe SALENTO") == {one}
    assert await found(words="impresa 20 s") == {two}
    assert await found(words=code(10)) == {one}
    assert await found(words="niente") == set()
    assert await found(status="amended") == {two}
    assert await found(kind="entity") == set()
    assert await found(province="le") == {one, two}
    assert await found(without_profile=True) == {one, two}
    assert await found() == {one, two, three}
    with pytest.raises(NotFoundError):
        keeping.sought(after="x")


async def test_a_network_tells_its_profiles_and_the_list_who_has_one(office: Office) -> None:
    """The living one with its version and why it is held; what it says is not read."""
    profile_id = await office.draft()
    await office.approve(profile_id, amber_reason="prova")
    await office.publish(profile_id)
    async with acquire(office.pool) as conn:
        await conn.execute("UPDATE publication.version SET held_code = 'block-too-small'")
    kept = await keeping.read_network(office.pool, office.networks[0])
    (profile,) = kept.profiles
    assert (profile["profile_id"], profile["profile_state"], profile["version_state"], profile["held_code"]) == (
        profile_id, "new", "queued", "block-too-small",
    )  # fmt: skip
    assert "content" not in profile
    found = (await keeping.find(office.pool, Sought())).networks
    assert [row["network_id"] for row in found if row["profile_state"]] == [office.networks[0]]
    without = (await keeping.find(office.pool, Sought(without_profile=True))).networks
    assert {row["network_id"] for row in without} == set(office.networks[1:])
