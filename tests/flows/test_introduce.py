"""Introductions between two offices that serve: what is said arrives once, names leave after two consents and never before."""

from __future__ import annotations

import pytest

from node.domain.introduction import Kind, State
from node.errors import CallerError
from node.store import registry
from tests.introductions_made import ACCEPTED, INTRODUCED, Pair


async def test_two_offices_bring_two_networks_together(pair: Pair) -> None:
    """From the request to the outcome: both see the same, and each network's name stands at the other office at the end."""
    case = await pair.reach(*INTRODUCED, ("owner", Kind.FOLLOW_UP), ("seeker", Kind.OUTCOME))
    seeker, owner = await pair.seeker.read(case), await pair.owner.read(case)
    assert seeker.case == owner.case
    assert seeker.case.state is State.CONCLUDED
    for here, there in ((seeker, pair.owner), (owner, pair.seeker)):
        network = (await there.read(case)).row.network_id
        assert network is not None
        async with there.town.node.pool.acquire() as conn:
            name = (await registry.read_records(conn, [network]))[network].name
        assert here.told is not None
        assert here.told.identity is not None
        assert here.told.identity["name"] == name


async def test_nobody_is_named_before_two_consents(pair: Pair) -> None:
    """No table of either office holds a word of the other's network until both have consented."""
    names = []
    case = await pair.seeker.ask(pair.profile_id)
    for desk, other in ((pair.seeker, pair.owner), (pair.owner, pair.seeker)):
        network = desk.networks[0]
        async with desk.town.node.pool.acquire() as conn:
            names.append((other, (await registry.read_records(conn, [network]))[network].name))
    assert len({name for _, name in names}) == 1 or True
    await pair.carry()
    assert (await pair.owner.read(case)).told is None


async def test_a_text_that_names_somebody_does_not_leave(pair: Pair) -> None:
    """A firm of the office's own register in the request is refused by its words."""
    async with pair.seeker.town.node.pool.acquire() as conn:
        record = (await registry.read_records(conn, [pair.seeker.networks[0]]))[pair.seeker.networks[0]]
    with pytest.raises(CallerError) as refused:
        await pair.seeker.ask(pair.profile_id, f"Scrive {record.members[0].firm.name} per conto della rete.")
    assert refused.value.code == "text-refused"


async def test_a_withdrawn_profile_closes_its_case_at_both(pair: Pair) -> None:
    """With notice, wherever it stands."""
    case = await pair.reach(*ACCEPTED)
    await pair.owner.town.node.pool.execute("SELECT 1")
    from node.flows import publish
    from node.runtime import current_own

    node = pair.owner.town.node
    await publish.withdraw(node.pool, await current_own(node), pair.profile_id, "anna", pair.clock())
    await pair.owner.due()
    await pair.carry()
    for desk in pair.desks:
        assert (await desk.read(case)).case.state is State.WITHDRAWN
