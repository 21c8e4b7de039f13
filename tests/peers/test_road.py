"""The road below HTTP: each step says what it found or why it ends, and none passes by the guard."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import OperatorError, PeerWrongError, ReteError, RoadWrongError
from node.flows.logs.ping import ping, remedy
from node.peers import road as module
from node.peers.client import PeerClient, open_session
from node.peers.guard import socket_factory
from node.peers.road import Road
from node.protocol import keys, note
from node.protocol.checkpoint import Checkpoint
from node.store.origins import Origin

NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[int]]]:
    """A server on loopback that says nothing: its port, and one item for each connection made to it."""
    made: list[int] = []

    def serve() -> asyncio.Protocol:
        made.append(1)
        return asyncio.Protocol()

    server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1], made
    finally:
        server.close()
        await server.wait_closed()


def to(port: int, host: str = "127.0.0.1", *, loopback: bool = True) -> Road:
    """A road to this machine."""
    return Road(host, port, socket_factory(loopback=loopback))


async def ends(step: Callable[[], object]) -> RoadWrongError:
    """The error with which a step ends; it always says what to do."""
    with pytest.raises(RoadWrongError) as caught:
        await step()  # type: ignore[misc]
    assert caught.value.hint
    return caught.value


async def test_a_road_that_holds_is_walked() -> None:
    """The addresses, then a connection to one of them."""
    async with listening() as (port, made):
        addresses = await to(port).resolve()
        assert {info[4] for info in addresses} == {("127.0.0.1", port)}
        await to(port).connect(addresses)
        async with asyncio.timeout(5):
            while not made:  # noqa: ASYNC110 - a protocol has no event to wait for
                await asyncio.sleep(0.01)
        assert made == [1]


async def test_a_refused_address_is_never_connected_to() -> None:
    """Loopback outside development, by its address and by a name: no connection reaches the listener."""
    async with listening() as (port, made):
        for host in ("127.0.0.1", "localhost"):
            road = to(port, host, loopback=False)
            addresses = await road.resolve()
            assert (await ends(lambda r=road, a=addresses: r.connect(a))).code == "road-address-refused"
            assert (await ends(lambda r=road, a=addresses: r.encrypt(a))).code == "road-address-refused"
        assert made == []


async def test_nobody_listening_and_no_such_name_are_told_apart() -> None:
    """A closed port; a name that does not resolve, or can't be one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        road = to(probe.getsockname()[1])
        addresses = await road.resolve()
        assert (await ends(lambda: road.connect(addresses))).code == "road-refused"
    for name in ("nobody.invalid", "a" * 80):
        road = to(1, name)
        assert (await ends(road.resolve)).code == "road-dns"


async def test_a_silent_host_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that accepts and never speaks TLS: the step ends in the named time."""
    monkeypatch.setattr(module, "STEP_TIMEOUT_S", 0.1)
    async with listening() as (port, _), asyncio.timeout(5):
        addresses = await to(port).resolve()
        assert (await ends(lambda: to(port).encrypt(addresses))).code == "road-tls"


def certificate(folder: Path) -> Path:
    """A file with a key and a certificate for ``localhost`` that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "both.pem"
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none) + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


async def test_a_certificate_must_be_good_for_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown to this machine: refused with the reason. Known: the version, and only for its own name."""
    file = certificate(tmp_path)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(file)
    async with listening(served) as (port, _):
        addresses = await to(port).resolve()
        error = await ends(lambda: to(port, "localhost").encrypt(addresses))
        assert (error.code, "self" in error.where) == ("road-tls", True)
        trusting = ssl.create_default_context(cafile=str(file))
        monkeypatch.setattr(module.ssl, "create_default_context", lambda: trusting)
        assert (await to(port, "localhost").encrypt(addresses)).startswith("TLSv1.")
        assert (await ends(lambda: to(port, "other.example").encrypt(addresses))).code == "road-tls"


def origin_of(owner: str = "cmto") -> Origin:
    """As much of a log's row as ping reads."""
    origin = object.__new__(Origin)
    vkey = keys.format_vkey("torino.example.it/federation/log/2026", PUBLIC)
    read = {"owner": owner, "origin": "torino.example.it/federation/log/2026", "vkey": vkey}
    for name, value in {**read, "vkeys": (vkey,), "until_sizes": (None,), "end_size": None}.items():
        object.__setattr__(origin, name, value)
    return origin


async def test_ping_ends_at_the_guard() -> None:
    """The steps up to the one that fails, with its remedy; the listener hears nothing."""
    async with listening() as (port, made), open_session(loopback=False) as session:
        client = PeerClient(session, f"http://127.0.0.1:{port}")
        steps = await ping(origin_of(), client, lambda: NOW)
        assert [(step.name, step.ok) for step in steps] == [("dns", True), ("tcp", False)]
        assert steps[-1].remedy is not None
        assert "[[peer]]" in steps[-1].remedy.template
        assert made == []


@pytest.mark.parametrize("skew_s", [0, 3600])
async def test_ping_ends_where_the_road_ends_and_says_what_to_do(skew_s: int) -> None:
    """Clocks that differ end it; a node that does not know this one is to be sent the card; ids are stable words."""
    head = Checkpoint("torino.example.it/federation/log/2026", 1, bytes(32))
    text = note.sign(head.text(), [keys.LogSigner(head.origin, PRIVATE)])

    async def checkpoint(request: web.Request) -> web.Response:
        return web.Response(body=text)

    async def bodies(request: web.Request) -> web.Response:
        return web.json_response({"code": "signature-unknown-key"}, status=401)

    app = web.Application()
    app.router.add_get("/federation/log/2026/checkpoint", checkpoint)
    app.router.add_post("/federation/log/2026/bodies", bodies)
    async with TestServer(app) as server, open_session(loopback=True) as session:
        client = PeerClient(session, f"http://127.0.0.1:{server.port}", lambda *_: {})
        now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=skew_s)
        steps = await ping(origin_of(), client, lambda: now)
    failed = steps[-1]
    assert [step.ok for step in steps] == [True] * (len(steps) - 1) + [False]
    assert [step.name for step in steps] == ["dns", "tcp", "tls", "checkpoint", "clock", "signature"][: len(steps)]
    assert failed.error is not None
    assert failed.remedy is not None
    told = failed.remedy.template.format(**failed.remedy.facts)
    if skew_s:
        assert (failed.name, failed.error.code, "NTP" in told) == ("clock", "clock-skew", True)
    else:
        assert (failed.name, told) == ("signature", "mandare il proprio «rete peer card» a chi gestisce cmto")


@pytest.mark.parametrize("kind", [PeerWrongError, RoadWrongError, OperatorError])
@pytest.mark.parametrize("code", ["checkpoint-bad-signature", "never-seen-before", "reply-status"])
def test_every_failure_has_a_remedy_in_words(kind: type[ReteError], code: str) -> None:
    """Also one that nobody foresaw: a sentence with the peer's name, never a bare code."""
    for problem in ("", "epoch-gone", "something-new"):
        said = remedy(kind(code, "x", problem=problem), "cmto")
        told = said.template.format(**said.facts)
        assert "cmto" in told
        assert " " in told
