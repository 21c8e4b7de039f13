"""What each route asks of whoever calls it, declared where the route is written and held to by one middleware.

In: a handler marked ``@needs(Permission.X)``, and who calls (``request[USER]``, set by node/web/sessions.py). Out: the handler's
answer, or a refusal: a page of sign-in for a browser, 401 for a program, 403 for who signed in and may not, 404 where even that
there is something is not told. A route that declares nothing is refused to everybody: it fails closed, and a test walks them all.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from aiohttp import web

from node.domain.roles import Permission, Role, permissions_of
from node.errors import N_, CallerError, NotFoundError, OperatorError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
H = TypeVar("H", bound=Callable[..., Any])
SIGN_IN: Final = "/entra"
# The own account, where a second factor is registered.
OWN: Final = "/utente"
# The query parameter that says where to go after signing in.
BACK: Final = "dopo"
# Where whoever signs in goes who came from nowhere.
OFFICE: Final = "/ufficio"
_MARK: Final = "__permission__"
# Asked of nobody here: what the public sees, what a token opens and what another node signs is checked by the handler.
_OPEN: Final = frozenset({Permission.PUBLIC, Permission.TOKEN, Permission.PEER})


@dataclass(frozen=True, slots=True)
class User:
    """Who signed in: the account, its name and its roles.

    ``roles`` is empty while ``must_enrol``: somebody whose roles want a second factor has none before it is there.
    """

    id: str
    name: str
    roles: frozenset[Role]
    must_enrol: bool = False

    def may(self, permission: Permission) -> bool:
        """Tell whether this person has a right; what is open to everybody signed in, or to anybody, is theirs too."""
        return permission in (Permission.SIGNED_IN, Permission.PUBLIC) or permission in permissions_of(self.roles)


# Tells the chain of decisions what was refused to whom: (account, pattern of the address, object, code).
Told = Callable[[str, str, str | None, str], Awaitable[None]]
TELL_REFUSED: web.AppKey[Told] = web.AppKey("tell_refused", Callable)  # type: ignore[arg-type]
USER: web.RequestKey[User | None] = web.RequestKey("user", User | None)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Needed:
    """What a route declares; ``hidden``: who may not see it is told that there is nothing.

    ``invites``: who has not signed in is asked to all the same, as at any address of this form, whether there is something or not.
    """

    permission: Permission
    hidden: bool = False
    invites: bool = False


def needs(permission: Permission, *, hidden: bool = False, invites: bool = False) -> Callable[[H], H]:
    """Mark a handler with the one right that its route asks for; ``hidden``: 404 instead of 403 (``invites``: once signed in)."""

    def mark(handler: H) -> H:
        setattr(handler, _MARK, Needed(permission, hidden, invites))
        return handler

    return mark


def needed_by(handler: object) -> Needed | None:
    """Return what a handler declares, None when it declares nothing."""
    found = getattr(handler, _MARK, None)
    return found if isinstance(found, Needed) else None


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request through to a handler whose permission its caller has."""
    if USER not in request:
        request[USER] = None
    if request.match_info.http_exception is not None:
        # No route of ours: the answer is 404 or 405, whoever asks.
        return await handler(request)
    needed = needed_by(request.match_info.handler)
    if needed is None:
        raise OperatorError("permission-undeclared", N_("questo indirizzo non dice chi può usarlo: è chiuso a tutti"))
    if needed.permission in _OPEN:
        return await handler(request)
    user = request[USER]
    if user is None:
        return _sign_in(request, needed)
    if not user.may(needed.permission):
        if user.must_enrol and not needed.hidden and _is_visit(request):
            return _go(OWN)
        refusal = _refusal(needed)
        await _tell(request, user, refusal.code)
        raise refusal
    try:
        return await handler(request)
    except NotFoundError as error:
        # Of another officer, or of nobody: whoever asks is not told which, whoever checks later sees that it was asked.
        if request.match_info:
            await _tell(request, user, error.code)
        raise


def object_of(parts: Iterable[str]) -> str | None:
    """Return the last part of an address that is an identifier in its one spelling, None when none is."""
    found = None
    for part in parts:
        try:
            found = part if str(uuid.UUID(part)) == part else found
        except ValueError:
            continue
    return found


async def _tell(request: web.Request, user: User, code: str) -> None:
    resource = request.match_info.route.resource
    if TELL_REFUSED in request.app and resource is not None:
        await request.app[TELL_REFUSED](user.id, resource.canonical, object_of(request.match_info.values()), code)


def _sign_in(request: web.Request, needed: Needed) -> web.StreamResponse:
    if needed.hidden and not needed.invites:
        raise _refusal(needed)
    if _is_visit(request):
        # Only the path and query that came: nothing of it names another place.
        return _go(f"{SIGN_IN}?{urlencode({BACK: request.rel_url.raw_path_qs})}")
    raise CallerError(
        "sign-in-needed", N_("serve aver fatto l'accesso"), hint=N_("accedere a {page} e ripetere"), page=SIGN_IN
    )


def _is_visit(request: web.Request) -> bool:
    return wants_page(request) and request.method in ("GET", "HEAD")


def _go(where: str) -> web.Response:
    return web.Response(status=303, headers={"Location": where, "Cache-Control": "no-store"})


def _refusal(needed: Needed) -> CallerError:
    if needed.hidden:
        return NotFoundError("not-found", N_("indirizzo inesistente"))
    return CallerError(
        "permission-missing",
        N_("il suo ruolo non permette questa azione"),
        hint=N_("chiedere a un amministratore del nodo il ruolo che serve"),
    )


def wants_page(request: web.Request) -> bool:
    """Tell whether whoever asks reads pages: a browser, outside the paths of programs."""
    accept = request.headers.get("Accept", "")
    return "text/html" in accept and not request.path.startswith(("/api/", "/federation/"))


def back_from(text: str) -> str:
    r"""Return where to go after signing in: a path of this node and nothing else, else the start page.

    ``//host`` and ``/\host`` are other places to a browser, control characters are dropped by it.
    """
    if not text.startswith("/") or text[1:2] in ("/", "\\") or len(text) > 2000:
        return "/"
    return text if all(33 <= ord(sign) < 127 and sign != "\\" for sign in text) else "/"
