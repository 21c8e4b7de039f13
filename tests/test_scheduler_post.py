"""Sealed messages by the scheduler's own job: hinted, asked for and received within seconds, without anybody's timer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from node import scheduler
from node.flows.introductions.post import Exchange, Opened
from node.store import wake
from node.store.postgres import Connection, listen
from tests.federation_made import Clock, Town, federation
from tests.post_made import write

SOON_S = 2.0
# The first turn comes a second after the start.
START_S = 10.0


@asynccontextmanager
async def carrying(town: Town, exchange: Exchange) -> AsyncIterator[scheduler.Jobs]:
    """The job of sealed messages of a town at work, as in ``rete serve``; the others rest."""
    jobs = scheduler.build(town.node, town.session, exchange)
    for job in jobs.timers.get_jobs():
        if job.id != "post":
            job.remove()
    heard = asyncio.create_task(listen(town.node.dsn, wake.CHANNEL, jobs.wake))
    jobs.timers.start()
    try:
        yield jobs
    finally:
        heard.cancel()
        jobs.timers.shutdown(wait=False)


async def test_a_message_is_received_within_two_seconds_of_its_commit(server: str, tmp_path: Path) -> None:
    """Put, notified, hinted, asked for, received; and so is the answer that the recipient's office gives meanwhile."""
    async with federation(server, tmp_path, Clock(), ["here", "there"]) as (here, there), AsyncExitStack() as stack:
        came: dict[str, asyncio.Queue[bytes]] = {town.id: asyncio.Queue() for town in (here, there)}

        def receiver(town: Town) -> Exchange:
            async def receive(_: Connection, __: str, opened: Sequence[Opened]) -> Sequence[tuple[int, str]]:
                for item in opened:
                    came[town.id].put_nowait(item.plaintext)
                return ()

            return Exchange(receive=receive)

        jobs = [await stack.enter_async_context(carrying(town, receiver(town))) for town in (here, there)]
        await write(there, here, 1, 1)
        assert await asyncio.wait_for(came["here"].get(), START_S) == b"message 1"
        for seq, sender, recipient in ((2, there, here), (3, here, there), (4, there, here)):
            begun = time.perf_counter()
            await write(sender, recipient, seq, seq)
            assert await asyncio.wait_for(came[recipient.id].get(), SOON_S) == b"message %d" % seq
            assert time.perf_counter() - begun < SOON_S
        assert not [turn.code for made in jobs for turn in made.schedule().turns if turn.code]


async def test_the_first_turn_of_a_process_asks_everybody(server: str, tmp_path: Path) -> None:
    """Whatever was planned before; the next one only whom it is time to ask."""
    async with federation(server, tmp_path, Clock(), ["here", "there"]) as (here, there):
        asked: list[str] = []

        async def receive(_: Connection, sender: str, __: Sequence[Opened]) -> Sequence[tuple[int, str]]:
            asked.append(sender)
            return ()

        for turns in (1, 2):
            await write(there, here, turns, turns)
            run = scheduler.build(here.node, here.session, Exchange(receive=receive)).timers.get_job("post").func
            await run()
            await write(there, here, turns + 10, turns + 10)
            await run()
            assert asked == ["there"] * turns, "what was put between the turns waits for the next start"
