"""A node whose log is served over real HTTP, for the tests of the peer-facing routes."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.flows.logs.append import Operation, OwnLog, append, sign_head
from node.protocol import canonical, keys, merkle
from node.protocol.member import Cosigner, Member, Membership
from node.store import highwater, origins
from node.store.postgres import Pool
from node.web import federation, gossip, middleware, outbox
from node.web.allowance import Allowances
from tests.profiles_made import profile

NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
AUTHORITY = "lecce.example.it"
ORIGIN = f"{AUTHORITY}/federation/log/2026"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PEER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
KEYID = "torino.example.it#http-1"
BASE = "/federation/log/2026"
COUNT = 300


@dataclass
class Live:
    """A served log and what is in it."""

    client: TestClient[web.Request, web.Application]
    pool: Pool
    own: OwnLog
    bodies: list[bytes]


def operation(number: int) -> Operation:
    """The publication of one profile."""
    profile_id = str(uuid.UUID(int=number, version=4))
    return Operation(profile_id, canonical.dumps(profile(number, id=profile_id)))


def member(name: str, http: bytes, seed: int) -> Member:
    """A member with keys of its own."""
    voices = [
        keys.Verifier(f"{name}/{role}", keys.COSIGNATURE_TYPE, key_of(seed + at).public_key().public_bytes_raw())
        for at, role in enumerate(("witness", "mirror"))
    ]
    return Member(
        name.partition(".")[0],
        f"https://{name}",
        {f"{name}#http-1": http},
        *((voice,) for voice in voices),
        seal=None,
        authorities=frozenset({name}),
    )


def key_of(seed: int) -> Ed25519PrivateKey:
    """A key that is always the same."""
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


@pytest.fixture
async def live(pool: Pool, tmp_path: Path) -> AsyncIterator[Live]:
    """A node that has published 300 profiles, and serves its log."""
    vkey = keys.format_vkey(ORIGIN, LOG_KEY.public_key().public_bytes_raw())
    operations = [operation(number) for number in range(1, COUNT + 1)]
    async with pool.acquire() as conn, conn.transaction():
        origin_id = await origins.upsert_origin(
            conn,
            origin=ORIGIN,
            owner="p_LE",
            name="Lecce",
            url=None,
            vkey=vkey,
            is_own=True,
            empty_root=merkle.EMPTY_ROOT,
        )
        own = OwnLog(
            origin_id, ORIGIN, "p_LE", {LOG_KEY.public_key().public_bytes_raw(): LOG_KEY}.get, tmp_path / highwater.FILE
        )
        await append(conn, own, operations, NOW)
    await sign_head(pool, own, NOW)
    async with TestClient(TestServer(application(pool))) as client:
        yield Live(client, pool, own, [item.raw or b"" for item in operations])


def application(pool: Pool) -> web.Application:
    """The peer-facing routes on a pool."""
    peer = member("torino.example.it", PEER_KEY.public_key().public_bytes_raw(), 1)
    membership = Membership.of(member(AUTHORITY, key_of(9).public_key().public_bytes_raw(), 4), [peer])
    app = web.Application(middlewares=[middleware.errors], client_max_size=65_536)
    app[federation.FEDERATION] = federation.Federation(
        pool,
        AUTHORITY,
        membership,
        lambda: Cosigner(f"{AUTHORITY}/witness", key_of(4)),
        lambda: NOW,
        Allowances(),
    )
    app.add_routes([*federation.routes(), *gossip.routes(), *outbox.routes()])
    return app
