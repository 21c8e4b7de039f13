"""The address guard: which addresses a node's own requests may reach."""

from __future__ import annotations

import socket

import pytest

from node.errors import OperatorError, RoadWrongError
from node.peers.client import PeerClient, open_session
from node.peers.guard import AddressRefusedError, is_allowed, socket_factory

REFUSED = [
    "127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
    "255.255.255.255", "192.0.2.1", "not an address", "0x7f.1",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_private_special_and_tunnelled_addresses_are_refused(address: str) -> None:
    """No private, loopback, shared, reserved, multicast or translated address, in any spelling."""
    assert not is_allowed(address, loopback=False)


def test_public_addresses_pass_and_loopback_only_when_developing() -> None:
    """Ordinary addresses pass; 127.0.0.1 and ::1 only where the environment is development."""
    assert is_allowed("93.184.216.34", loopback=False)
    assert is_allowed("2606:2800:220:1::1", loopback=False)
    assert is_allowed("127.0.0.1", loopback=True)
    assert is_allowed("::1", loopback=True)
    assert not is_allowed("::ffff:127.0.0.1", loopback=True)
    assert not is_allowed("10.0.0.1", loopback=True)


def test_the_factory_opens_no_socket_to_a_refused_address() -> None:
    """The connector gets an error instead of a socket."""
    info = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))
    with pytest.raises(AddressRefusedError):
        socket_factory(loopback=False)(info)
    made = socket_factory(loopback=True)(info)
    assert made.fileno() >= 0
    made.close()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "http://[::ffff:127.0.0.1]:9", "http://2130706433:9", "http://0x7f.1:9"]
)
async def test_odd_spellings_of_loopback_are_refused_when_connecting(url: str) -> None:
    """Literals never pass a resolver; the guard sees them all the same."""
    async with open_session(loopback=False, total_s=2) as session:
        with pytest.raises(RoadWrongError) as caught:
            await PeerClient(session, url).get("/x", max_bytes=10)
    assert caught.value.code in ("road-address-refused", "road-dns", "road-broken")


@pytest.mark.parametrize(
    "url", ["http://user@host", "http://host/path", "http://host?q", "nothing", "http://host:99999", "http://host:x"]
)
async def test_a_peer_url_is_scheme_and_authority_only(url: str) -> None:
    """User information, paths and queries are refused before anything is asked."""
    async with open_session(loopback=False) as session:
        with pytest.raises(OperatorError):
            PeerClient(session, url)
