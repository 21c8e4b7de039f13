"""Walk the road to a peer step by step, and say at which step it ends: DNS, TCP, TLS, checkpoint, signature, clock, schema.

In: a peer's row and a client. Out: one line per step with what was found and, at a failure, what to do.
Nothing is stored.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from node.errors import N_, ReteError
from node.peers.client import PeerClient
from node.protocol import body, entry, feed, keys, limits, tiles
from node.store.log import Origin

STEP_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the walk: its name, whether it held, what was found, what to do when it did not."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def _good(name: str, found: str) -> Step:
    return Step(name=name, ok=True, found=found)


def _bad(name: str, found: str, remedy: str) -> Step:
    return Step(name=name, ok=False, found=found, remedy=remedy)


async def ping(origin: Origin, client: PeerClient, clock: Callable[[], dt.datetime]) -> list[Step]:
    """Return the steps up to and including the first that fails."""
    parts = urlsplit(str(origin.url))
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    steps = [await _dns(host, port)]
    if steps[-1].ok:
        steps.append(await _tcp(host, port))
    if steps[-1].ok:
        steps.append(await _tls(host, port) if parts.scheme == "https" else _good("TLS", N_("http, solo per prove")))
    if steps[-1].ok:
        steps += await _protocol(origin, client, clock)
    return steps


async def _dns(host: str, port: int) -> Step:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(STEP_TIMEOUT_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        return _bad("DNS", host, N_("il nome non si risolve: controllare l'indirizzo nel [[peer]] e il DNS"))
    return _good("DNS", ", ".join(sorted({str(item[4][0]) for item in found})))


async def _tcp(host: str, port: int) -> Step:
    try:
        async with asyncio.timeout(STEP_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
    except (OSError, TimeoutError):
        return Step(
            name="TCP",
            ok=False,
            found=f"{host}:{port}",
            remedy=N_("nessuno ascolta o un firewall blocca: avvisare chi gestisce il nodo"),
        )
    return _good("TCP", f"{host}:{port}")


async def _tls(host: str, port: int) -> Step:
    try:
        async with asyncio.timeout(STEP_TIMEOUT_S):
            _, writer = await asyncio.open_connection(
                host, port, ssl=ssl.create_default_context(), server_hostname=host
            )
        version = writer.get_extra_info("ssl_object").version()
        writer.close()
    except ssl.SSLCertVerificationError as error:
        return _bad("TLS", str(error.verify_message), N_("certificato non valido per questo nome o scaduto"))
    except (OSError, TimeoutError):
        return _bad("TLS", host, N_("la connessione cifrata non riesce"))
    return _good("TLS", str(version))


async def _protocol(origin: Origin, client: PeerClient, clock: Callable[[], dt.datetime]) -> list[Step]:
    steps: list[Step] = []
    prefix = "/" + origin.origin.split("/", 1)[1]
    name = "checkpoint"
    try:
        reply = await client.get(f"{prefix}/checkpoint", max_bytes=limits.CHECKPOINT_MAX_BYTES)
        known = feed.Head.empty(origin.origin)
        head = feed.open_checkpoint(
            reply.body, origin=origin.origin, verifiers=[keys.parse_vkey(origin.vkey)], known=known
        )
        steps.append(_good("checkpoint", str(head.size)))
        steps.append(_clock_step(reply.date, clock()))
        name = N_("firma delle richieste")
        await client.post_signed(f"{prefix}/bodies", body.encode_request([0]), max_bytes=limits.BODIES_REPLY_MAX_BYTES)
        steps.append(_good(name, N_("riconosciuta")))
        name = "schema"
        if head.size:
            width = min(head.size, tiles.TILE_WIDTH)
            path = f"{prefix}/tile/entries/{tiles.encode_index(0, width)}"
            bundle = await client.get(path, max_bytes=limits.BUNDLE_MAX_BYTES)
            entry.decode(tiles.decode_bundle(bundle.body, width)[0])
        steps.append(_good(name, "entry/1"))
    except ReteError as error:
        what, where, hint = error.render()
        steps.append(_bad(name, f"{what} ({where})" if where else what, hint or error.code))
    return steps


def _clock_step(date: str | None, now: dt.datetime) -> Step:
    try:
        skew = abs((parsedate_to_datetime(date or "") - now).total_seconds())
    except (TypeError, ValueError):
        return _good(N_("orologio"), N_("il nodo non dice l'ora"))
    found = f"{skew:.0f} s"
    if skew > limits.CLOCK_SKEW_S:
        return _bad(N_("orologio"), found, N_("regolare l'orologio (NTP) di questo nodo o dell'altro"))
    return _good(N_("orologio"), found)
