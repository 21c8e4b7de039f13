"""Requests to a peer: a large body goes out as a small one does."""

from __future__ import annotations

import hashlib

from aiohttp import web
from aiohttp.test_utils import TestServer

from node.peers.client import PeerClient, open_session


async def test_a_body_of_megabytes_arrives_whole_and_nobody_is_warned() -> None:
    """Warnings are errors in these tests, and aiohttp has one for large bodies that are given as bytes; an empty one arrives empty."""

    async def digest(request: web.Request) -> web.Response:
        body = await request.read()
        return web.Response(text=f"{request.content_type} {request.content_length} {hashlib.sha256(body).hexdigest()}")

    app = web.Application(client_max_size=8 * 2**20)
    app.add_routes([web.post("/", digest)])
    async with TestServer(app) as server, open_session(loopback=True) as session:
        client = PeerClient(session, f"http://127.0.0.1:{server.port}")
        for size in (0, 1, 3 * 2**20):
            body = b"x" * size
            reply = await client.post("/", body, max_bytes=999, content_type="application/json")
            assert reply.body.decode() == f"application/json {size} {hashlib.sha256(body).hexdigest()}"
