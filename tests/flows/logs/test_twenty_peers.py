"""One node of twenty takes every request and never answers: what that costs the other nineteen."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.config import TABLES
from node.flows.logs.pull import Parts
from node.flows.logs.sync import Syncer, sync_peers
from node.peers.client import open_session
from node.protocol import merkle
from node.store import cooperation, origins, schemas
from node.store.postgres import Pool, open_pool
from tests.simulator import LyingPeer

PEERS = 20
DATABASE, SYNC = TABLES["database"], TABLES["sync"]
# What a request takes on a line of an office; without it the test would measure the machine it runs on.
LATENCY_S = 0.1
NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)


@dataclass
class FarPeer(LyingPeer):
    """A peer at the end of a line; a mute one never answers."""

    mute: bool = False

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(LATENCY_S)
        if self.mute:
            await asyncio.Event().wait()
        return await super()._answer(request)


def no_signature(method: str, authority: str, path: str, query: str, body: bytes | None) -> dict[str, str]:
    """The simulator asks for none."""
    return {}


async def follow(pool: Pool, peers: Sequence[FarPeer]) -> None:
    """Make the peers known."""
    async with pool.acquire() as conn:
        for peer in peers:
            await origins.upsert_origin(
                conn, origin=peer.origin, owner=peer.owner, name=peer.owner, url=peer.url, vkey=peer.vkey, is_own=False, empty_root=merkle.EMPTY_ROOT
            )  # fmt: skip


async def lag(pool: Pool, syncer: Syncer, expected: int) -> float:
    """Pull from all; return the seconds until so many profiles are there, whoever is still waited for."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    pulling = asyncio.create_task(sync_peers(syncer, force=True))
    try:
        while True:
            async with pool.acquire() as conn:
                if sum((await cooperation.count_by_origin(conn)).values()) == expected:
                    return loop.time() - begun
            await asyncio.sleep(0.02)
    finally:
        pulling.cancel()
        await asyncio.gather(pulling, return_exceptions=True)


@pytest.fixture
async def wide(db: str) -> AsyncIterator[Pool]:
    """A pool as a node has it unless it is told otherwise: four logs are pulled at once."""
    pool = await open_pool(db, max_size=DATABASE["max_connections"][1])
    try:
        yield pool
    finally:
        pool.terminate()


@pytest.mark.timeout(60)
async def test_one_dead_peer_of_twenty_costs_the_others_less_than_twice_their_lag(wide: Pool) -> None:
    """The same news from twenty living nodes, then from nineteen beside a mute one."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(loopback=True, total_s=30))
        peers = []
        for number in range(PEERS):
            key = Ed25519PrivateKey.from_private_bytes(bytes([number + 1] * 32))
            peers.append(await stack.enter_async_context(FarPeer(owner=f"p_{number:02}", key=key).serving()))
        parts = Parts(schemas.validators(), clock=lambda: NOW, draw=lambda: 0.5, deadline_s=30)
        syncer = Syncer(wide, session, no_signature, parts, SYNC["parallel"][1])
        await follow(wide, peers)
        # What a process does once is over after the first time.
        taken = []
        for turn in range(3):
            for number, peer in enumerate(peers):
                peer.publish(1 + turn * PEERS + number)
            peers[0].mute = turn == 2
            taken.append(await lag(wide, syncer, (turn + 1) * PEERS - peers[0].mute))
    assert taken[2] < 2 * taken[1], taken
    assert peers[0].requests
