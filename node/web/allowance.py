"""How many requests one caller may make: a token bucket per caller and kind, in this process's memory.

In: a kind of request, who makes it, when. Out: nothing, or a refusal with the seconds to wait. A flood of one costs the others
nothing; the number of callers remembered is bounded, the longest unseen forgotten first. Source: PROTOCOL 4.4, 5.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from node.errors import N_, CallerError
from node.web.middleware import PROBES

# Under which kind and name a request is counted, where that is not its address.
COUNTED: web.RequestKey[tuple[str, str]] = web.RequestKey("counted", tuple[str, str])
CALLERS_MAX = 10_000
CALLER_PREFIX = 64
# What a stranger leaves for people to look at is counted by the /48 that one customer gets.
SITE_PREFIX = 48
# What caller_of makes of ::1.
_OWN_NETWORK = str(ipaddress.IPv6Network(("::1", CALLER_PREFIX), strict=False))


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests a second in the long run, so many at once."""

    per_s: float
    burst: float


# A first pull makes a few hundred requests a second; nobody honest needs many hints or submissions.
RATES: Mapping[str, Rate] = {
    "read": Rate(500, 2_000),
    "heads": Rate(10, 120),
    "signed": Rate(300, 1_000),
    "hint": Rate(5, 100),
    "witness": Rate(20, 200),
    "proof": Rate(1, 20),
    # Documents of megabytes, with a dozen signatures to check; and requests of strangers, which people look at.
    "ballot": Rate(1, 60),
    # Those that were refused, by the member that brought them: an honest one is behind or ahead now and then.
    "ballot-refused": Rate(1 / 60, 10),
    "join": Rate(1 / 60, 10),
    # Each member asks once in a round; several may come from one address.
    "proposals": Rate(2, 120),
    # Searches of people and of offices' systems; one page asks a few.
    "api": Rate(20, 200),
    # Requests with a signed token, by address while nobody knows whose it is, and by consumer from then on (docs/interoperability.md).
    "token": Rate(100, 1_000),
    "consumer": Rate(100, 1_000),
    # Pages, without their files: a whole office may come from one address.
    "page": Rate(20, 300),
    # Searches that somebody saves, contacts that firms ask for, courses that people enrol in; pages on which somebody leaves, or shows a code.
    "save": Rate(1 / 60, 10),
    "leave": Rate(1, 60),
    # Forms of sign-in; who guesses is also counted in the database (docs/accounts.md).
    "sign-in": Rate(1 / 2, 60),
}


@dataclass(frozen=True, slots=True)
class Left:
    """How many requests a caller may make at once, how many are left, and the seconds until all are there again."""

    limit: int
    remaining: int
    reset_s: int


class Allowances:
    """The buckets of all callers."""

    def __init__(self, rates: Mapping[str, Rate] = RATES) -> None:
        """Begin with full buckets."""
        self._rates = rates
        self._buckets: OrderedDict[tuple[str, str], tuple[float, dt.datetime]] = OrderedDict()

    def spend(self, kind: str, caller: str, now: dt.datetime) -> Left:
        """Take one token and return what is left. Raises: CallerError(rate-limited) with ``retry_after_s``."""
        rate = self._rates[kind]
        tokens, seen = self._buckets.pop((kind, caller), (rate.burst, now))
        # A clock that was set back fills nothing and empties nothing.
        tokens = min(rate.burst, tokens + rate.per_s * max(0.0, (now - seen).total_seconds()))
        allowed = tokens >= 1
        self._buckets[kind, caller] = (tokens - 1 if allowed else tokens, now)
        while len(self._buckets) > CALLERS_MAX:
            self._buckets.popitem(last=False)
        if not allowed:
            wait = max(1, math.ceil((1 - tokens) / rate.per_s))
            message = N_("troppe richieste: riprovare tra {retry_after_s} secondi")
            raise CallerError("rate-limited", message, retry_after_s=wait)
        return Left(int(rate.burst), int(tokens - 1), math.ceil((rate.burst - tokens + 1) / rate.per_s))

    def look(self, kind: str, caller: str, now: dt.datetime) -> Left:
        """Return what is left, without taking anything."""
        rate = self._rates[kind]
        tokens, seen = self._buckets.get((kind, caller), (rate.burst, now))
        tokens = min(rate.burst, tokens + rate.per_s * max(0.0, (now - seen).total_seconds()))
        return Left(int(rate.burst), int(tokens), math.ceil((rate.burst - tokens) / rate.per_s))


_KINDS = {
    "GET /federation/heads": "heads",
    "POST /federation/hint": "hint",
    "POST /federation/proofs": "proof",
    "POST /federation/witness/add-checkpoint": "witness",
    "GET /federation/agreement/proposals": "proposals",
    "POST /federation/agreement/signatures": "ballot",
    "POST /federation/agreement/requests": "join",
}


# Whoever is nobody leaves something here for somebody to look at.
_SAVES = frozenset({"/api/v1/saved-searches", "/cerca/salva", "/api/v1/introduction-requests"})


def caller_of(request: web.Request, *, behind_proxy: bool, prefix: int = CALLER_PREFIX) -> str:
    """Return who made a request, by the address of the connection, or the last that our own proxy saw.

    Of IPv6 its /64, or of another ``prefix``: whoever has one address there has all of them.
    """
    # A proxy may add a line of its own after the caller's: the last of all lines is what it saw.
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", [])).rpartition(",")[2].strip()
    text = (forwarded[:64] if behind_proxy and forwarded else request.remote) or "unknown"
    try:
        # Without brackets and zone, and with nothing that a network can't be made of.
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped or ipaddress.IPv6Network((address, prefix), strict=False))


def _by_nobody(_: web.Request) -> bool:
    return False


def limiter(
    allowances: Allowances,
    clock: Callable[[], dt.datetime],
    *,
    behind_proxy: bool,
    brings_token: Callable[[web.Request], bool] = _by_nobody,
) -> Any:
    """Return the middleware that counts requests against their sender's address; of the API those apart that ``brings_token``."""

    @web.middleware
    async def limit(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        kind = kind_of(request)
        if kind == "api" and brings_token(request):
            kind = "token"
        if kind is not None:
            prefix = SITE_PREFIX if kind == "join" else CALLER_PREFIX
            caller = caller_of(request, behind_proxy=behind_proxy, prefix=prefix)
            if not is_probe(request.path, caller):
                allowances.spend(kind, caller, clock())
        return await handler(request)

    return limit


def _asks(path: str) -> bool:
    # A firm's request for a contact, on the page of a profile; an enrolment to a session or at a course.
    return (path.startswith("/profili/") and path.endswith("/contatto")) or (
        path.startswith(("/sessioni/", "/corsi/")) and path.endswith("/iscrizione")
    )


def _guesses(path: str) -> bool:
    # Codes are typed here: of certificates and of enrolments.
    return path in ("/attestati", "/api/v1/certificates/checks") or path.startswith(
        ("/attestati/", "/corsi/iscrizioni/")
    )


def is_probe(path: str, caller: str) -> bool:
    """Tell whether this machine asks whether all is well: as often as it likes."""
    try:
        return path in PROBES and ipaddress.ip_address(caller).is_loopback
    except ValueError:
        # Of IPv6 the caller is a network: of this machine's own address too.
        return path in PROBES and caller == _OWN_NETWORK


def kind_of(request: web.Request) -> str | None:
    """Return under which kind a request is counted, None when it is not."""
    if request.path.startswith("/federation/"):
        return _KINDS.get(f"{request.method} {request.path}", "read")
    if request.path.startswith("/unsubscribe/") or (
        request.path.startswith("/sessioni/iscrizioni/") and request.method == "POST"
    ):
        return "leave"
    if request.path.startswith("/entra") and request.method == "POST":
        return "sign-in"
    if request.method == "POST" and (request.path in _SAVES or _asks(request.path)):
        return "save"
    if request.method == "POST" and _guesses(request.path):
        return "leave"
    if request.path.startswith("/api/") or request.path in ("/status", *PROBES):
        return "api"
    return None if request.path.startswith("/static/") or request.path == "/favicon.ico" else "page"


def teller(allowances: Allowances, clock: Callable[[], dt.datetime], *, behind_proxy: bool) -> Any:
    """Return what tells callers of the API how many requests they have left, on every answer, also on a refusal."""

    async def tell(request: web.Request, response: web.StreamResponse) -> None:
        kind = kind_of(request)
        if kind in ("api", "save") or (kind is not None and request.path.startswith("/api/")):
            kind, caller = request.get(COUNTED) or (kind, caller_of(request, behind_proxy=behind_proxy))
            left = allowances.look(kind, caller, clock())
            response.headers["X-RateLimit-Limit"] = str(left.limit)
            response.headers["X-RateLimit-Remaining"] = str(left.remaining)
            response.headers["X-RateLimit-Reset"] = str(left.reset_s)

    return tell
