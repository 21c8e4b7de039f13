"""The address guard: which IP addresses this node's own requests may reach.

In: the address a connection is about to open. Out: a socket, or a refusal. It sits in the connector's socket factory
because a resolver never sees literal addresses, nor odd spellings of them; here every spelling has become one address.
Source: PROTOCOL 5.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

# Ranges that translate or tunnel to an IPv4 address of the writer's choice, or are shared, yet count as global in places.
_TUNNELS = tuple(
    ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "100.64.0.0/10")
)


class AddressRefusedError(OSError):
    """The address is not one that a peer may have."""


def is_allowed(address: str, *, loopback: bool) -> bool:
    """Tell whether ``address`` may be connected to; ``loopback`` admits 127.0.0.0/8 and ::1 (development only)."""
    try:
        ip: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        ip = mapped
    if ip.is_loopback:
        return loopback and mapped is None
    if any(ip.version == network.version and ip in network for network in _TUNNELS):
        return False
    return ip.is_global and not ip.is_multicast


def socket_factory(*, loopback: bool) -> Callable[[Any], socket.socket]:
    """Return a factory for the HTTP connector that opens sockets only towards allowed addresses."""

    def make(address_info: Any) -> socket.socket:
        family, kind, proto, _, address = address_info
        if not is_allowed(str(address[0]), loopback=loopback):
            raise AddressRefusedError(f"address {address[0]} is not allowed")
        made = socket.socket(family=family, type=kind, proto=proto)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return made

    return make
