"""The only outbound HTTP: requests to other nodes, each bounded in time and bytes.

In: a peer's base URL, a path, limits. Out: a reply read to its end, or an error that says whether the peer is wrong
or the road is. Rules: no redirects, no proxies from the environment, no compression (so bytes on the wire are bytes in
memory), the address guard on every connection. Source: PROTOCOL 4 and 5.
"""

from __future__ import annotations

import asyncio
import io
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

import aiohttp
import orjson

from node import trace
from node.errors import N_, OperatorError, PeerWrongError, RoadWrongError
from node.peers.guard import AddressRefusedError, socket_factory
from node.peers.road import Road
from node.protocol import limits

OK, PARTIAL_CONTENT, NOT_MODIFIED = 200, 206, 304
_CODE = re.compile(r"[a-z][a-z0-9-]{0,63}")
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,120}"')
_SECONDS = re.compile(r"[0-9]{1,6}")
_STRICT = socket_factory(loopback=False)
# Where nodes answer nodes (PROTOCOL 5).
NODES: Final = "/federation/"


class RequestSigner(Protocol):
    """Signs one request; the clock and the nonce are inside, so that callers need neither."""

    def __call__(self, method: str, authority: str, path: str, query: str, body: bytes | None) -> Mapping[str, str]:
        """Return the headers that authenticate the request (PROTOCOL 4)."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole reply: status, the headers we use, the body (identity encoding)."""

    status: int
    body: bytes
    etag: str | None
    date: str | None
    headers: Mapping[str, str]


@dataclass(slots=True)
class Tally:
    """What a pull has cost so far."""

    requests: int = 0
    bytes_in: int = 0


class _Guarded(aiohttp.TCPConnector):
    """The connector of ``open_session``: it remembers its guard, for what goes to a peer without HTTP."""

    def __init__(self, *, loopback: bool) -> None:
        self.make_socket = socket_factory(loopback=loopback)
        super().__init__(
            limit=0,
            limit_per_host=limits.CONNECTIONS_PER_HOST,
            socket_factory=self.make_socket,
            ttl_dns_cache=60,
        )


def open_session(*, loopback: bool, total_s: float = limits.REQUEST_TOTAL_TIMEOUT_S) -> aiohttp.ClientSession:
    """Open the session all pulls share; ``loopback`` admits this machine's own addresses (development only)."""
    timeout = aiohttp.ClientTimeout(
        total=total_s, sock_connect=limits.CONNECT_TIMEOUT_S, sock_read=limits.READ_TIMEOUT_S
    )
    return aiohttp.ClientSession(
        connector=_Guarded(loopback=loopback),
        timeout=timeout,
        trust_env=False,
        auto_decompress=False,
        headers={"User-Agent": "rete-delle-reti", "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def _port_of(parts: SplitResult) -> int | None:
    """Return the port, 0 for the scheme's own, None for one that can't be."""
    try:
        return parts.port or 0
    except ValueError:
        return None


class PeerClient:
    """Requests to one peer."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, signer: RequestSigner | None = None) -> None:
        """``base_url`` is scheme and authority only, as the member list gives it."""
        parts = urlsplit(base_url)
        port = _port_of(parts)
        if parts.path not in ("", "/") or parts.query or parts.username or not parts.netloc or port is None:
            raise OperatorError(
                "peer-url-bad", N_("l'indirizzo del nodo deve avere solo schema e host"), where=base_url
            )
        self.authority = parts.netloc
        self.tally = Tally()
        self._session = session
        self._base = f"{parts.scheme}://{parts.netloc}"
        self._signer = signer
        self.encrypted = parts.scheme == "https"
        guard = session.connector.make_socket if isinstance(session.connector, _Guarded) else _STRICT
        self.road = Road(parts.hostname or "", port or (443 if self.encrypted else 80), guard)

    async def get(
        self, path: str, *, max_bytes: int, etag: str | None = None, skip_bytes: int = 0, allow: tuple[int, ...] = (OK,)
    ) -> Reply:
        """GET ``path``; with ``etag`` a 304 is a good answer, with ``skip_bytes`` a 206 of exactly the rest.

        Raises: RoadWrongError, PeerWrongError.
        """
        headers = {"If-None-Match": etag} if etag else {}
        if skip_bytes:
            headers["Range"] = f"bytes={skip_bytes}-"
            allow = (*allow, PARTIAL_CONTENT)
        return await self._request("GET", path, None, headers, max_bytes, allow)

    async def get_signed(self, path: str, query: str, *, max_bytes: int) -> Reply:
        """GET ``path`` with ``query`` and this node's signature. Raises: RoadWrongError, PeerWrongError."""
        signed = self._sign("GET", path, query, None)
        return await self._request("GET", f"{path}?{query}", None, signed, max_bytes, (OK,))

    async def post(
        self,
        path: str,
        body: bytes,
        *,
        max_bytes: int,
        content_type: str,
        authorization: str = "",
        allow: tuple[int, ...] = (OK,),
    ) -> Reply:
        """POST ``body`` without a signature: what proves itself, or a login. Raises: RoadWrongError, PeerWrongError."""
        headers = {"Content-Type": content_type, **({"Authorization": authorization} if authorization else {})}
        return await self._request("POST", path, body, headers, max_bytes, allow)

    async def post_signed(self, path: str, body: bytes, *, max_bytes: int, allow: tuple[int, ...] = (OK,)) -> Reply:
        """POST JSON ``body`` with this node's signature. Raises: RoadWrongError, PeerWrongError."""
        headers = {**self._sign("POST", path, "", body), "Content-Type": "application/json"}
        return await self._request("POST", path, body, headers, max_bytes, allow)

    def _sign(self, method: str, path: str, query: str, body: bytes | None) -> Mapping[str, str]:
        if self._signer is None:
            raise OperatorError("signer-missing", N_("manca la chiave http di questo nodo"))
        return self._signer(method, self.authority, path, query, body)

    async def _request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        max_bytes: int,
        allow: tuple[int, ...],
    ) -> Reply:
        # The number by which both logs tell of the same request goes to nodes alone, not to whom a saved search tells or who signs people in.
        if not path.startswith(NODES):
            return await self._exchange(method, path, body, headers, max_bytes, allow)
        with trace.span(f"{method} node", trace.CLIENT) as span:
            numbered = {**headers, **trace.outgoing()}
            reply = await self._exchange(method, path, body, numbered, max_bytes, allow)
            span.tell({"http.request.method": method, "http.response.status_code": reply.status})
            return reply

    async def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        max_bytes: int,
        allow: tuple[int, ...],
    ) -> Reply:
        where = f"{self.authority}{path}"
        self.tally.requests += 1
        try:
            # As bytes a body of more than a megabyte would be written in one go, and aiohttp warns of it.
            sent = io.BytesIO(body) if body else body
            async with self._session.request(
                method, self._base + path, data=sent, headers=headers, allow_redirects=False
            ) as response:
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise PeerWrongError("reply-encoded", N_("risposta compressa non richiesta"), where=where)
                content = await self._read(response, max_bytes, where)
        except (aiohttp.ClientError, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise _road_error(error, where) from error
        status = response.status
        if status == PARTIAL_CONTENT and status in allow and not _continues(response.headers, headers["Range"]):
            raise PeerWrongError(
                "reply-range", N_("il nodo risponde con un'altra parte di quella chiesta"), where=where
            )
        if status in allow or (status == NOT_MODIFIED and "If-None-Match" in headers):
            etag = response.headers.get("ETag", "")
            # The peer's words go into our tables and its own next request: printable or nothing.
            kept = etag if _ETAG.fullmatch(etag) else None
            return Reply(status, content, kept, response.headers.get("Date"), response.headers)
        raise _status_error(status, content, where, response.headers.get("Retry-After", ""))

    async def _read(self, response: aiohttp.ClientResponse, max_bytes: int, where: str) -> bytes:
        # An error reply needs only its problem document; nobody may make us hold more than we asked for.
        cap = max_bytes if response.status in (OK, PARTIAL_CONTENT) else limits.PROBLEM_MAX_BYTES
        if (response.content_length or 0) > cap:
            raise PeerWrongError("reply-too-large", N_("risposta più grande di {cap} byte"), where=where, cap=cap)
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            self.tally.bytes_in += len(part)
            if size > cap:
                raise PeerWrongError("reply-too-large", N_("risposta più grande di {cap} byte"), where=where, cap=cap)
            parts.append(part)
        return b"".join(parts)


def _road_error(error: BaseException, where: str) -> RoadWrongError:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, AddressRefusedError):
        cause = getattr(cause, "os_error", None) or cause.__cause__
    if cause is not None:
        return RoadWrongError("road-address-refused", N_("indirizzo non ammesso per un nodo"), where=where)
    if isinstance(error, TimeoutError):
        return RoadWrongError("road-timeout", N_("nessuna risposta nel tempo previsto"), where=where)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return RoadWrongError("road-dns", N_("nome dell'host non trovato"), where=where)
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, ssl.SSLError)):
        return RoadWrongError("road-tls", N_("certificato o connessione TLS non validi"), where=where)
    if isinstance(error, aiohttp.ClientConnectorError):
        return RoadWrongError(
            "road-refused",
            N_("connessione rifiutata: il nodo è spento o irraggiungibile"),
            where=where,
            hint=N_("controllare l'indirizzo e riprovare; se dura, avvisare chi gestisce quel nodo"),
        )
    if isinstance(error, aiohttp.ClientPayloadError):
        return RoadWrongError("road-cut", N_("risposta interrotta prima della fine"), where=where)
    return RoadWrongError("road-broken", N_("connessione interrotta ({kind})"), where=where, kind=type(error).__name__)


def _continues(answered: Mapping[str, str], asked: str) -> bool:
    """Tell whether a 206 begins where it was asked to; where it ends is for the reader of its bytes to judge."""
    start = asked.removeprefix("bytes=")
    return answered.get("Content-Range", "").startswith(f"bytes {start}")


def _status_error(status: int, content: bytes, where: str, retry_after: str = "") -> PeerWrongError | RoadWrongError:
    try:
        problem = orjson.loads(content)
        said = str(problem.get("code", "")) if isinstance(problem, dict) else ""
        # The peer's words reach a terminal and a log: only a code in our own alphabet passes.
        code = said if _CODE.fullmatch(said) else ""
    except orjson.JSONDecodeError:
        code = ""
    if status in (429, 500, 502, 503, 504):
        seconds = int(retry_after) if _SECONDS.fullmatch(retry_after) else 0
        return RoadWrongError(
            "road-unavailable",
            N_("il nodo risponde {status}: riprovare più tardi"),
            where=where,
            status=status,
            retry_after_s=seconds,
        )
    return PeerWrongError(
        "reply-status", N_("il nodo risponde {status} {problem}"), where=where, status=status, problem=code
    )
