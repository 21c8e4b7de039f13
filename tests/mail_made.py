"""A mail server that keeps what it is given, and a webhook's receiver that checks who calls."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from node.errors import CallerError
from node.protocol import request as signed


def self_signed(folder: Path, name: str = "localhost") -> tuple[ssl.SSLContext, Path]:
    """A certificate for ``name`` that nobody but itself vouches for: a server's context, and the file by which to trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / f"{name}.crt", folder / f"{name}.key"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, secret)
    return context, certificate


@dataclass
class Sink:
    """An SMTP server of a few verbs (RFC 5321); ``answers`` replaces what it says to a verb.

    With a ``context`` it offers STARTTLS (RFC 3207), and a login (RFC 4954) to whoever has taken that.
    """

    port: int = 0
    context: ssl.SSLContext | None = None
    clear: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    messages: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one conversation."""
        secure = writer.get_extra_info("ssl_object") is not None
        writer.write(b"220 sink\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.split()[0].upper()
            offered = (
                "250-sink\r\n250 AUTH PLAIN" if secure else "250-sink\r\n250 STARTTLS" if self.context else "250 ok"
            )
            usual = {"DATA": "354 go on", "QUIT": "221 bye", "EHLO": offered, "AUTH": "235 in", "STARTTLS": "220 go on"}
            said = self.answers.get(verb, usual.get(verb, "250 ok"))
            if not secure:
                self.clear.append(verb)
            if said == "hang up":
                break
            writer.write(f"{said}\r\n".encode())
            if verb == "STARTTLS" and said.startswith("220"):
                try:
                    await writer.start_tls(self.context or ssl.create_default_context())
                except OSError:
                    break
                secure = True
            if verb == "AUTH":
                _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
                self.logins.append((user, password))
            if verb == "RCPT" and said.startswith("250"):
                self.recipients.append(line.partition("<")[2].partition(">")[0])
            if verb == "DATA" and said.startswith("354"):
                raw = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                message = message_from_bytes(raw, policy=SMTP)
                assert isinstance(message, EmailMessage)
                self.raw.append(raw)
                self.messages.append(message)
                self.encrypted.append(secure)
                if self.answers.get("END") == "hang up":
                    break
                writer.write(b"250 kept\r\n")
            if verb == "QUIT":
                break
        writer.close()


@asynccontextmanager
async def mail_sink(context: ssl.SSLContext | None = None, *, at_once: bool = False) -> AsyncIterator[Sink]:
    """A sink that listens on this machine; with a context it offers STARTTLS, or speaks TLS ``at_once``."""
    sink = Sink(context=context)
    server = await asyncio.start_server(sink.speak, "127.0.0.1", 0, ssl=context if at_once else None)
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
