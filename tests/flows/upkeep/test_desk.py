"""What waits is counted right, for whom it waits."""

from __future__ import annotations

import datetime as dt

import pytest

from node.domain.roles import Permission
from node.flows.profiles import submission
from node.flows.upkeep import desk
from node.flows.upkeep.desk import Desk
from node.store.postgres import acquire
from tests.office_made import NOW, Office

ALL = frozenset(Permission)


async def look(office: Office, name: str = "anna", may: frozenset[Permission] = ALL) -> Desk:
    """What waits for somebody."""
    return await desk.read(office.pool, name, may, NOW)


async def test_drafts_approvals_rounds_and_holds_are_counted(office: Office) -> None:
    """One's own drafts apart from those of others; what is held with its reason; what left last."""
    count = len(office.networks)
    found = await look(office)
    assert (found.networks, found.news, found.last_round) == ((count, count), (0, 0), None)
    profile_id = await office.draft()
    mine, others = await look(office, "Anna"), await look(office, "bruno")
    assert mine.work is not None
    assert others.work is not None
    assert (mine.work.own_drafts, others.work.to_approve) == (1, 0)
    await submission.submit(office.pool, office.config, profile_id, "anna", NOW)
    mine, others = await look(office, "Anna"), await look(office, "bruno")
    assert mine.work is not None
    assert others.work is not None
    assert (mine.work.own_drafts, mine.work.own_waiting, mine.work.to_approve) == (0, 1, 0)
    assert (others.work.own_drafts, others.work.own_waiting, others.work.to_approve) == (0, 0, 1)
    await office.approve(profile_id, amber_reason="prova")
    found = await look(office)
    assert found.work is not None
    assert (found.work.own_drafts, found.work.approved, found.work.queued) == (0, 1, 0)
    monday = await office.publish(profile_id)
    async with acquire(office.pool) as conn:
        await conn.execute("UPDATE publication.version SET held_code = 'block-too-small'")
        found = await look(office)
        assert found.work is not None
        assert (found.work.queued, found.work.next_round, dict(found.work.held)) == (1, None, {"block-too-small": 1})
        await conn.execute("UPDATE publication.version SET held_code = NULL")
    found = await look(office)
    assert found.work is not None
    assert (found.work.next_round, found.networks) == (monday, (count, count - 1))
    left = dt.datetime.combine(monday, dt.time(8), dt.UTC)
    assert await office.release(left) == [profile_id]
    found = await look(office)
    assert (found.last_round, found.own_log.signed_size) == ((left, 1), 2)


@pytest.mark.parametrize(
    "missing",
    [Permission.PROFILE_READ, Permission.REGISTER_READ, Permission.SEARCHES_WRITE, Permission.INTRODUCTIONS_READ],
)
async def test_what_a_right_does_not_open_is_not_there(office: Office, missing: Permission) -> None:
    """Not zero: nothing."""
    found = await look(office, may=ALL - {missing})
    parts = {
        Permission.PROFILE_READ: found.work,
        Permission.REGISTER_READ: found.networks,
        Permission.SEARCHES_WRITE: found.news,
        Permission.INTRODUCTIONS_READ: found.contacts,
    }
    assert [permission for permission, part in parts.items() if part is None] == [missing]


def test_every_hold_has_its_sentence() -> None:
    """An unknown code is shown as it is."""
    assert desk.reason_of("block-too-small").startswith("nell'ultima edizione")
    assert desk.reason_of("new-code") == "new-code"
