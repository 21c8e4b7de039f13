"""A peer that can lie: serves a real log over real HTTP, and bends any reply as a test tells it to.

It shares no code path with the product's server: it builds tiles, checkpoints and bodies from plain lists.
"""

from __future__ import annotations

import asyncio
import json
import struct
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.protocol import body, canonical, entry, keys, merkle, note
from node.protocol.checkpoint import Checkpoint
from tests.profiles_made import profile

Bend = Callable[[str, bytes], bytes | web.StreamResponse]


@dataclass
class LyingPeer:
    """A log kept in lists; ``bend`` gets (path, honest bytes) and may return other bytes or a whole response."""

    owner: str = "p_XX"
    entries: list[bytes] = field(default_factory=list)
    bodies: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    key: Ed25519PrivateKey = field(default_factory=lambda: Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    authority: str = ""
    requests: list[str] = field(default_factory=list)
    bend: Bend | None = None

    @property
    def origin(self) -> str:
        """The log's origin line."""
        return f"{self.authority}/federation/log/2026"

    @property
    def url(self) -> str:
        """The peer's address."""
        return f"http://{self.authority}"

    @property
    def vkey(self) -> str:
        """The log's verification key."""
        return keys.format_vkey(self.origin, self.key.public_key().public_bytes_raw())

    def publish(self, number: int, **changes: object) -> str:
        """Append a publication of an honest profile; return its id."""
        profile_id = str(uuid.UUID(int=number, version=4))
        document = profile(number, id=profile_id, owner=self.owner) | changes
        self.append(entry.Entry("pub", profile_id, None, -1, 1, 20_000), canonical.dumps(document))
        return profile_id

    def append(self, made: entry.Entry, raw: bytes | None) -> int:
        """Append any entry, with a commitment to ``raw``; return its position."""
        index = len(self.entries)
        salt = index.to_bytes(32, "big")
        commitment = None if raw is None else body.commitment(salt, raw)
        fields = entry.Entry(made.op, made.id, commitment, made.p, made.r, made.t)
        self.entries.append(entry.encode(fields))
        if raw is not None:
            self.bodies[index] = (salt, raw)
        if made.p >= 0:
            self.bodies.pop(made.p, None)
        return index

    def checkpoint(self, size: int | None = None) -> bytes:
        """The signed checkpoint of the first ``size`` entries."""
        grown = merkle.CompactRange()
        count = len(self.entries) if size is None else size
        grown.extend(merkle.leaf_hash(raw) for raw in self.entries[:count])
        text = Checkpoint(self.origin, count, grown.root()).text()
        return note.sign(text, [keys.LogSigner(self.origin, self.key)])

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        path = request.path.removeprefix("/federation/log/2026/")
        etag = f'"{len(self.entries)}"'
        if path == "checkpoint" and request.headers.get("If-None-Match") == etag and self.bend is None:
            return web.Response(status=304)
        try:
            honest = self._bytes(path, await request.read())
        except (ValueError, KeyError):
            return web.Response(status=404, body=b'{"code":"not-found"}')
        bent = self.bend(path, honest) if self.bend is not None else honest
        if isinstance(bent, web.StreamResponse):
            return bent
        return web.Response(body=bent, headers={"ETag": etag} if path == "checkpoint" else {})

    def _bytes(self, path: str, asked: bytes) -> bytes:
        if path == "checkpoint":
            return self.checkpoint()
        if path == "bodies":
            parts = []
            for index in json.loads(asked)["i"]:
                salt, raw = self.bodies.get(index, (b"", b""))
                parts.append(b"\x00" + salt + struct.pack(">I", len(raw)) + raw if salt else b"\x01")
            return b"".join(parts)
        _, level, place = path.split("/", 2)
        number, _, width = place.partition(".p/")
        start = int(number.replace("x", "").replace("/", "")) * 256
        if level != "entries":
            return b"".join(self._tile_hash(int(level), at) for at in range(start, start + int(width or 256)))
        return b"".join(struct.pack(">H", len(raw)) + raw for raw in self.entries[start : start + int(width or 256)])

    def _tile_hash(self, level: int, index: int) -> bytes:
        leaves = self.entries[index * 256**level : (index + 1) * 256**level]
        return merkle.subtree_root([merkle.leaf_hash(raw) for raw in leaves]) if leaves else b""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[LyingPeer]:
        """Serve on a free loopback port."""
        app = web.Application(client_max_size=2**20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = site._server.sockets[0].getsockname()[:2]  # type: ignore[union-attr]
        self.authority = f"{host}:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()
            await asyncio.sleep(0)
