"""A federation in one process: real homes, real databases, real HTTP servers on loopback; only the clock is ours."""

from __future__ import annotations

import datetime as dt
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg
from aiohttp import web

from node import runtime
from node.flows.logs import announce, gossip, recover
from node.flows.logs.append import Operation, append, sign_head
from node.flows.logs.pull import PullReport
from node.flows.logs.sync import Syncer, sync_peers
from node.flows.upkeep.home import Facts, make_trial
from node.peers.client import open_session
from node.protocol import canonical, keys
from node.runtime import Node
from node.store import cooperation, origins
from node.store.origins import Origin
from node.web import app as application
from tests.conftest import TEMPLATE, dsn_of
from tests.every_table import everything
from tests.profiles_made import profile

BEGIN = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)


@dataclass
class Clock:
    """The time of a federation; it moves when a test says so."""

    now: dt.datetime = BEGIN

    def __call__(self) -> dt.datetime:
        """Tell the time."""
        return self.now

    def forward(self, **much: float) -> None:
        """Let time pass."""
        self.now += dt.timedelta(**much)


@dataclass
class Town:
    """One node of the federation, and its server while it is up."""

    home: Path
    node: Node
    session: aiohttp.ClientSession
    port: int
    runner: web.AppRunner | None = None
    heard: gossip.Memory = field(default_factory=gossip.Memory)
    announced: announce.Memory = field(default_factory=announce.Memory)
    published: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The member's id."""
        return self.node.config.node.id

    @property
    def verifier(self) -> keys.Verifier:
        """What checks the signatures of its first log by its first key."""
        public = self.node.ring.held.signing["log"][1].public_key().public_bytes_raw()
        return keys.Verifier(self.node.own.origin, keys.LOG_TYPE, public)

    @property
    def syncer(self) -> Syncer:
        """What pulls for this node."""
        return self.node.syncer(self.session)

    async def start(self) -> None:
        """Serve, as ``rete serve`` would, without timers."""
        self.runner = web.AppRunner(application.build(self.node), access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        """Go down; the database stays."""
        if self.runner is not None:
            await self.runner.cleanup()
            self.runner = None

    async def write(self, *operations: Operation) -> None:
        """Append to the own log and sign."""
        own = await runtime.current_own(self.node)
        async with self.node.pool.acquire() as conn, conn.transaction():
            await append(conn, own, operations, self.node.clock())
        await sign_head(self.node.pool, own, self.node.clock())

    async def publish(self, count: int = 1, **changes: object) -> list[str]:
        """Publish profiles; return their ids."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        documents = [profile(n, id=i, owner=self.id) | changes for n, i in enumerate(ids, 1)]
        await self.write(*(Operation(i, canonical.dumps(d)) for i, d in zip(ids, documents, strict=True)))
        self.published += ids
        return ids

    async def withdraw(self, profile_id: str) -> None:
        """Withdraw one profile."""
        await self.write(Operation(profile_id, None))

    async def announce(self) -> announce.Announced:
        """Ask the witnesses and hint the peers."""
        own = await runtime.current_own(self.node)
        return await announce.announce(
            self.node.pool, self.session, own, self.node.membership, self.node.clock(), self.announced
        )

    async def gossip(self) -> gossip.Round:
        """Run one round."""
        return await gossip.gossip(self.syncer, await runtime.current_own(self.node), self.heard)

    async def sync(self, *, owner: str | None = None, force: bool = True) -> list[PullReport]:
        """Pull now."""
        return await sync_peers(self.syncer, owner=owner, force=force)

    async def settle(self) -> recover.Verdict:
        """Judge the own log as at a start."""
        return await recover.settle(self.syncer, await runtime.current_own(self.node))

    async def origin(self, owner: str) -> Origin:
        """The newest log of a member, as this node knows it."""
        async with self.node.pool.acquire() as conn:
            return max(await origins.list_origins(conn, owner), key=lambda o: o.origin.rpartition("/")[2])

    async def known(self) -> int:
        """How many profiles this node can find."""
        async with self.node.pool.acquire() as conn:
            return sum((await cooperation.count_by_origin(conn)).values())

    async def everything(self) -> str:
        """All rows of all tables, as text: what a leak would be found in."""
        async with self.node.pool.acquire() as conn:
            return await everything(conn)


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


# The databases that are there, oldest first: (server, name).
MADE: list[tuple[str, str]] = []


async def new_database(server: str, template: str = TEMPLATE) -> str:
    """The DSN of a fresh, migrated database, or of a copy of another one; it is dropped after the test (tests/conftest.py)."""
    name = f"f_{uuid.uuid4().hex[:16]}"
    admin = await asyncpg.connect(dsn_of(server, "postgres"))
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    finally:
        await admin.close()
    MADE.append((server, name))
    return dsn_of(server, name)


async def drop_since(count: int) -> None:
    """Drop all databases but the first ``count``: each is 11 MB, and whoever has two processors has perhaps 8 GB."""
    for server, name in MADE[count:]:
        admin = await asyncpg.connect(dsn_of(server, "postgres"))
        try:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            await admin.close()
    del MADE[count:]


@asynccontextmanager
async def federation(
    server: str,
    folder: Path,
    clock: Callable[[], dt.datetime],
    ids: Sequence[str],
    databases: Mapping[str, str] | None = None,
) -> AsyncIterator[list[Town]]:
    """Nodes that know each other, all serving; ``databases`` gives some of them, by id, a database that is there already."""
    ports = free_ports(len(ids))
    homes = [folder / name for name in ids]
    facts = [
        Facts(
            id=name,
            name=name,
            ipa_code="",
            territory=("LE",),
            authority=f"127.0.0.1:{port}",
            port=port,
            epoch=2026,
            database_url=(databases or {}).get(name) or await new_database(server),
            round="immediate",
        )
        for name, port in zip(ids, ports, strict=True)
    ]
    make_trial(list(zip(homes, facts, strict=True)))
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(loopback=True, total_s=5))
        towns = [
            Town(home, await stack.enter_async_context(runtime.open_node(home, clock=clock)), session, port)
            for home, port in zip(homes, ports, strict=True)
        ]
        for town in towns:
            await town.start()
            stack.push_async_callback(town.stop)
        yield towns
