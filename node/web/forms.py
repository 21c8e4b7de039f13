"""Forms that only our own pages can send: a token tied to what the browser holds, and a look at where the request comes from.

In: a request. Out: the token that its forms carry (``csrf`` in templates); a refusal of what was posted from elsewhere. Whoever is
signed in has a token of the session; anybody else one of a cookie that is made when a form asks for it. Routes of programs are not
asked, since they take no cookie as proof of anything; those of the API that need a role do, and are. Source: OWASP, Cross-Site Request Forgery Prevention.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiohttp import web
from multidict import MultiDictProxy

from node.domain.accounts import csrf_of
from node.domain.roles import Permission
from node.errors import N_, CallerError
from node.web.permission import needed_by

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
FIELD: Final = "csrf"
HEADER: Final = "X-CSRF-Token"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
SECRET_BYTES: Final = 32
CHARSET: Final = "utf-8"
SECRET_LONGEST: Final = 100
# Paths of programs, and what every browser asks for without being asked anything.
_NOT_PAGES: Final = ("/api/", "/federation/", "/static/", "/status", "/livez", "/readyz")


@dataclass(frozen=True, slots=True)
class Place:
    """Where this node answers: by which origins its own pages call it, and whether its cookies travel by https alone."""

    origins: frozenset[str]
    secure: bool
    trial: bool

    def cookie(self, name: str) -> str:
        """Return a cookie's name: nobody but this very host can set one whose name begins with ``__Host-``."""
        return f"__Host-{name}" if self.secure else name


PLACE = web.AppKey("place", Place)
_TAKES: Final = "__takes__"
H = TypeVar("H", bound=Callable[..., Any])
# What the forms of this request are tied to; and that it was made just now, and has to be kept by the browser.
SECRET = web.RequestKey("form_secret", str)
NEW = web.RequestKey("form_secret_new", bool)
# The fields of a form that was read, also when it was refused (node/web/typed.py).
SENT: web.RequestKey[MultiDictProxy[Any]] = web.RequestKey("form_sent", MultiDictProxy)
FORM_COOKIE: Final = "rete-form"
# What a script of ours says when it asks for a part of a page.
FRAGMENT: Final = "HX-Request"


@dataclass(frozen=True, slots=True)
class Takes:
    """How large the forms of a handler may be, by its request; ``too_large`` is how a larger one is refused."""

    max_bytes: Callable[[web.Request], int] | int | None = None
    max_fields: int | None = None
    too_large: Callable[[web.Request], CallerError] | None = None


def takes(
    *,
    max_bytes: Callable[[web.Request], int] | int | None = None,
    max_fields: int | None = None,
    too_large: Callable[[web.Request], CallerError] | None = None,
) -> Callable[[H], H]:
    """Mark a handler whose forms are larger than others; whoever may not send them is refused before they are read."""

    def mark(handler: H) -> H:
        setattr(handler, _TAKES, Takes(max_bytes, max_fields, too_large))
        return handler

    return mark


def _with_limits(request: web.Request) -> web.Request:
    """Return a request that takes as much as its handler says. Raises: what the handler says of one that tells it is larger."""
    taken = getattr(request.match_info.handler, _TAKES, Takes())
    max_bytes = taken.max_bytes(request) if callable(taken.max_bytes) else taken.max_bytes
    limits = {"client_max_size": max_bytes, "client_max_fields": taken.max_fields}
    given: dict[str, Any] = {name: limit for name, limit in limits.items() if limit is not None}
    if taken.too_large and max_bytes is not None and (request.content_length or 0) > max_bytes:
        raise taken.too_large(request)
    return request.clone(**given) if given else request


def is_page(request: web.Request) -> bool:
    """Tell whether a request is one where cookies mean something: for a page, or for what the API keeps for who signed in."""
    if request.match_info.http_exception is not None:
        return not request.path.startswith(_NOT_PAGES)
    needed = needed_by(request.match_info.handler)
    asked = None if needed is None else needed.permission
    if asked in (Permission.TOKEN, Permission.PEER):
        return False
    return not request.path.startswith(_NOT_PAGES) or asked not in (None, Permission.PUBLIC)


class Token:
    """The token of a request's forms, made when a template writes it."""

    def __init__(self, request: web.Request) -> None:
        """Make nothing yet: a page without a form sets no cookie."""
        self._request = request

    def __str__(self) -> str:
        return token(self._request)


def token(request: web.Request) -> str:
    """Return the token that forms answered to this request carry."""
    if SECRET not in request:
        request[SECRET] = secrets.token_urlsafe(SECRET_BYTES)
        request[NEW] = True
    return csrf_of(request[SECRET])


def tie(request: web.Request, session_secret: str) -> None:
    """Tie the forms of a request to a session, else to the form cookie that came, else to nothing yet."""
    kept = session_secret or request.cookies.get(request.app[PLACE].cookie(FORM_COOKIE), "")
    if 0 < len(kept) <= SECRET_LONGEST and kept.isascii():
        request[SECRET] = kept


def keep(request: web.Request, response: web.StreamResponse) -> None:
    """Let the browser keep what the forms of an answer are tied to, if that was made just now."""
    if request.get(NEW) and not response.prepared:
        place = request.app[PLACE]
        response.set_cookie(
            place.cookie(FORM_COOKIE), request[SECRET], path="/", httponly=True, samesite="Lax", secure=place.secure
        )


@web.middleware
async def own_forms(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let through what asks for nothing to be changed, and what our own pages sent."""
    came = request
    if request.method in SAFE or not is_page(request) or request.match_info.http_exception is not None:
        return await handler(request)
    _same_place(request)
    if SECRET not in request:
        raise _refused()
    request = _with_limits(request)
    try:
        form = await _posted(request)
    except web.HTTPRequestEntityTooLarge as error:
        taken = getattr(request.match_info.handler, _TAKES, Takes())
        if taken.too_large:
            raise taken.too_large(request) from error
        raise
    except (ValueError, LookupError) as error:
        # Bytes that are no text, a character set that is not ours, parts without a name.
        raise CallerError(
            "request-malformed", N_("il modulo inviato non si legge"), hint=N_("ricaricare la pagina e riprovare")
        ) from error
    came[SENT] = form
    try:
        sent = request.headers.get(HEADER)
        if sent is None:
            sent = str(form.get(FIELD, ""))
        if not hmac.compare_digest(sent.encode("utf-8", "replace"), csrf_of(request[SECRET]).encode()):
            raise _refused()
        return await handler(request)
    finally:
        for value in form.values():
            if isinstance(value, web.FileField):
                value.file.close()


async def read(request: web.Request) -> MultiDictProxy[Any]:
    """Return the fields of a form that nobody has read yet, within the limits of its handler. Raises: as aiohttp; CallerError."""
    return await _posted(_with_limits(request))


async def _posted(request: web.Request) -> MultiDictProxy[Any]:
    """Return the fields of a form of ours: in UTF-8, as every page asks for. Raises: as aiohttp; ValueError."""
    if (request.charset or CHARSET).lower() != CHARSET:
        raise ValueError(request.charset)
    form = await request.post()
    for name, value in form.items():
        # A part may name another character set, and by some of them half a sign is text: nothing could write it down.
        name.encode(CHARSET)
        if isinstance(value, str):
            value.encode(CHARSET)
    return form


def is_surely_ours(request: web.Request) -> bool:
    """Tell whether the browser itself says that a page of ours sent this: silence is no word of it."""
    try:
        _same_place(request)
    except CallerError:
        return False
    return "Origin" in request.headers or request.headers.get("Sec-Fetch-Site") == "same-origin"


def _same_place(request: web.Request) -> None:
    place = request.app[PLACE]
    origin = request.headers.get("Origin")
    # In a trial the node answers at whatever name it is called by on this machine.
    known = place.origins | ({f"http://{request.host}"} if place.trial else set())
    if origin is not None and origin not in known:
        raise _refused()
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise _refused()


def _refused() -> CallerError:
    return CallerError(
        "form-not-ours",
        N_("il modulo non viene da questa sessione"),
        hint=N_("tornare alla pagina, ricaricarla e ripetere; i cookie di questo sito devono essere ammessi"),
    )
