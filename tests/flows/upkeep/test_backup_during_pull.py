"""A backup taken while a pull is under way: one moment of it, restored in a new home, fenced, recovered, equal to the last byte."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node.errors import LogStateError
from node.flows.logs import bodies, recover
from node.flows.upkeep import backup, backup_restore
from node.protocol import limits
from node.runtime import open_node
from node.store import backup_file
from tests.crash import digests
from tests.federation_made import Clock, Town, federation
from tests.flows.upkeep.test_backup import WORDS, fast

__all__ = ["fast"]
ENTRIES = 600


async def of(town: Town, owner: str) -> dict[str, str]:
    """Digests of one log as a node has it."""
    origin = await town.origin(owner)
    async with town.node.pool.acquire() as conn:
        return await digests(conn, origin.origin_id)


async def spread(towns: list[Town]) -> None:
    """Everybody hears everybody, until mirrors relay what is newest."""
    for _ in range(2):
        for town in towns:
            await town.announce()
            await town.gossip()
            await town.sync()


@pytest.mark.timeout(180)
async def test_a_backup_in_the_middle_of_a_pull_comes_back_fenced_and_goes_on_to_equal_digests(
    server: str, tmp_path: Path, fast: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half the bodies are in it; the node of before goes on and publishes; the new home takes its own log from mirrors, the rest of the pull from its origin."""
    monkeypatch.setattr(backup_file, "COST", (2, 1, 1))
    monkeypatch.setattr(limits, "BODIES_PER_REQUEST", 32)
    monkeypatch.setattr(bodies, "COMMIT_BODIES", 64)
    clock = Clock()
    async with federation(server, tmp_path, clock, ("p_LE", "cmto", "bic-lazio")) as towns:
        origin, puller, third = towns
        await puller.publish(3)
        await third.publish(1)
        await spread(towns)
        await origin.publish(ENTRIES)
        before = await puller.known()
        copy = tmp_path / "copy"
        pulling = asyncio.create_task(puller.sync(owner="p_LE"))
        while await puller.known() < before + 100:
            assert not pulling.done(), pulling.result()
            await asyncio.sleep(0.01)
        made = await backup.create(puller.node.kept(), copy, WORDS, clock())
        (report,) = await pulling
        assert (report.error_code, await puller.known()) == (None, before + ENTRIES)
        assert (await backup.verify(copy, WORDS, fast)).problems == ()
        await puller.publish(2)
        await spread(towns)
        home = fast / "new"
        assert (await backup_restore.restore(copy, home, WORDS, "")).log_size == made.log_size == 3
        # The home of before is off for ever.
        await puller.stop()
        async with open_node(home, clock=clock) as node:
            again = Town(home, node, puller.session, puller.port)
            half = await again.known()
            assert before + 100 <= half < before + ENTRIES
            with pytest.raises(LogStateError, match="log-fenced"):
                await again.publish(1)
            assert (await again.settle()).state == recover.WHOLE
            await again.start()
            try:
                for owner in ("p_LE", "bic-lazio"):
                    for report in await again.sync(owner=owner):
                        assert report.error_code is None
                assert await of(again, "p_LE") == await of(origin, "p_LE") == await of(third, "p_LE")
                assert await of(again, "cmto") == await of(third, "cmto") == await of(puller, "cmto")
                await again.publish(1)
                await third.sync(owner="cmto")
                assert await of(again, "cmto") == await of(third, "cmto")
                assert (await third.origin("cmto")).state == "ready"
            finally:
                await again.stop()
