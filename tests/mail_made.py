"""A mail server that keeps what it is given, and a webhook's receiver that checks who calls."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import orjson
from aiohttp import web

from node.errors import CallerError
from node.protocol import request as signed


@dataclass
class Sink:
    """An SMTP server of a few verbs (RFC 5321); ``answers`` replaces what it says to a verb."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one conversation."""
        writer.write(b"220 sink\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.split()[0].upper()
            said = self.answers.get(verb, {"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 ok"))
            if said == "hang up":
                break
            writer.write(f"{said}\r\n".encode())
            if verb == "RCPT" and said.startswith("250"):
                self.recipients.append(line.partition("<")[2].partition(">")[0])
            if verb == "DATA" and said.startswith("354"):
                raw = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                message = message_from_bytes(raw, policy=SMTP)
                assert isinstance(message, EmailMessage)
                self.raw.append(raw)
                self.messages.append(message)
                if self.answers.get("END") == "hang up":
                    break
                writer.write(b"250 kept\r\n")
            if verb == "QUIT":
                break
        writer.close()


@asynccontextmanager
async def mail_sink() -> AsyncIterator[Sink]:
    """A sink that listens on this machine."""
    sink = Sink()
    server = await asyncio.start_server(sink.speak, "127.0.0.1", 0)
    sink.port = int(server.sockets[0].getsockname()[1])
    async with server:
        yield sink


@dataclass
class Hook:
    """A receiver of webhooks: what it accepted, what it refused and why, and with which status it answers."""

    clock: Callable[[], dt.datetime]
    keys: Mapping[str, bytes]
    url: str = ""
    status: int = 204
    heard: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    async def hear(self, request: web.Request) -> web.Response:
        """Check the signature as a member would, then keep the document."""
        body = await request.read()
        try:
            signed.verify(
                method=request.method,
                configured_authority=self.url.split("/")[2],
                path=request.raw_path,
                query="",
                headers=request.headers,
                body=body,
                resolve_key=self.keys.get,
                now=int(self.clock().timestamp()),
            )
        except CallerError as error:
            self.refused.append(error.code)
            return web.Response(status=401)
        if self.status < 300:
            self.heard.append(orjson.loads(body))
        return web.Response(status=self.status, headers={"Location": "http://127.0.0.1/"} if self.status == 302 else {})


@asynccontextmanager
async def webhook(clock: Callable[[], dt.datetime], keys: Mapping[str, bytes]) -> AsyncIterator[Hook]:
    """A receiver that listens on this machine."""
    hook = Hook(clock, keys)
    app = web.Application()
    app.router.add_post("/hooks/news", hook.hear)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/news"
    try:
        yield hook
    finally:
        await runner.cleanup()
