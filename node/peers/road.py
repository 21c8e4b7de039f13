"""The road to a peer below HTTP, step by step: name, connection, encryption.

In: a host and a port, and the socket factory that holds the address guard. Out: what each step found, or the error that
says why it ends there and what to do. Each step is bounded in time; nothing is sent but what TLS itself says.
Source: PROTOCOL 5.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from node.errors import N_, RoadWrongError
from node.peers.guard import AddressRefusedError

STEP_TIMEOUT_S = 5.0
# (family, kind, protocol, canonical name, address), as getaddrinfo gives it.
AddressInfo: TypeAlias = tuple[Any, Any, int, str, Any]
SocketFactory: TypeAlias = Callable[[AddressInfo], socket.socket]


@dataclass(frozen=True, slots=True)
class Road:
    """The way to one host and port, through the guard."""

    host: str
    port: int
    make_socket: SocketFactory

    @property
    def where(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    async def resolve(self) -> list[AddressInfo]:
        """Return the host's addresses. Raises: RoadWrongError(road-dns)."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(STEP_TIMEOUT_S):
                return list(await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM))
        except (OSError, TimeoutError, UnicodeError) as error:
            hint = N_("il nome non si risolve: controllare l'indirizzo nel [[peer]] e il DNS")
            raise RoadWrongError("road-dns", N_("nome dell'host non trovato"), where=self.host, hint=hint) from error

    async def connect(self, addresses: Sequence[AddressInfo]) -> None:
        """Open and close a connection. Raises: RoadWrongError(road-address-refused | road-refused)."""
        (await self._open(addresses)).close()

    async def encrypt(self, addresses: Sequence[AddressInfo]) -> str:
        """Return the TLS version agreed with the host, whose certificate is good for its name.

        Raises: RoadWrongError(road-address-refused | road-refused | road-tls).
        """
        made = await self._open(addresses)
        try:
            async with asyncio.timeout(STEP_TIMEOUT_S):
                _, writer = await asyncio.open_connection(
                    sock=made, ssl=ssl.create_default_context(), server_hostname=self.host
                )
        except (OSError, TimeoutError) as error:
            made.close()
            raise self._unencrypted(error) from error
        version = str(writer.get_extra_info("ssl_object").version())
        writer.transport.abort()
        return version

    def _unencrypted(self, error: OSError) -> RoadWrongError:
        what = N_("certificato o connessione TLS non validi")
        if isinstance(error, ssl.SSLCertVerificationError):
            hint = N_("certificato non valido per questo nome o scaduto")
            return RoadWrongError("road-tls", what, where=f"{self.host}: {error.verify_message}", hint=hint)
        return RoadWrongError("road-tls", what, where=self.where, hint=N_("la connessione cifrata non riesce"))

    async def _open(self, addresses: Sequence[AddressInfo]) -> socket.socket:
        """Return a connected socket to the first address that answers; the step's time is for all of them."""
        loop = asyncio.get_running_loop()
        failed: OSError | None = None
        try:
            async with asyncio.timeout(STEP_TIMEOUT_S):
                for info in addresses:
                    try:
                        return await _connected(loop, self.make_socket(info), info)
                    except OSError as error:
                        failed = error
        except TimeoutError as error:
            failed = error
        if isinstance(failed, AddressRefusedError):
            what = N_("indirizzo non ammesso per un nodo")
            hint = N_("un nodo non si collega a indirizzi privati o riservati: controllare l'indirizzo nel [[peer]]")
            raise RoadWrongError("road-address-refused", what, where=self.where, hint=hint) from failed
        what = N_("connessione rifiutata: il nodo è spento o irraggiungibile")
        hint = N_("nessuno ascolta o un firewall blocca: avvisare chi gestisce il nodo")
        raise RoadWrongError("road-refused", what, where=self.where, hint=hint) from failed


async def _connected(loop: asyncio.AbstractEventLoop, made: socket.socket, info: AddressInfo) -> socket.socket:
    # The event loop wants sockets that never block.
    made.settimeout(0)
    try:
        await loop.sock_connect(made, info[4])
    except BaseException:
        made.close()
        raise
    return made
