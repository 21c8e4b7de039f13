"""Who asks for a page: the session of the cookie that came, read anew at each request, and the cookie that begins or ends one.

In: a request. Out: ``request[USER]`` (nobody, or who signed in whole) and ``request[SESSION]``. Rules: the cookie holds a random
id and nothing else; only its hash is kept; what ended in the database has ended here. Why not a library: docs/decisions/0018.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from node.flows.people import sign_in
from node.flows.people.passwords import Hasher
from node.flows.people.sign_in import Began, Session, Settings
from node.flows.registry.acting import acting
from node.store.postgres import Pool
from node.web import forms
from node.web.allowance import caller_of
from node.web.permission import USER, User

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
COOKIE: Final = "rete"


@dataclass(frozen=True, slots=True)
class Access:
    """What sign-in and own accounts need of this node."""

    pool: Pool
    hasher: Hasher
    settings: Settings
    clock: Callable[[], dt.datetime]
    behind_proxy: bool


ACCESS = web.AppKey("access", Access)
SESSION: web.RequestKey[Session | None] = web.RequestKey("session", Session | None)  # type: ignore[arg-type]


def secret_of(request: web.Request) -> str:
    """Return what the browser holds of a session, empty when that is nothing or can't be one."""
    held = request.cookies.get(request.app[forms.PLACE].cookie(COOKIE), "")
    return held if len(held) <= forms.SECRET_LONGEST and held.isascii() else ""


@web.middleware
async def remember(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Know who asks, before anything is decided about it."""
    request[SESSION] = request[USER] = None
    if not forms.is_page(request):
        return await handler(request)
    await _know(request, secret_of(request))
    user = request[USER]
    with acting(user.name if user is not None else ""):
        response = await handler(request)
    forms.keep(request, response)
    return response


async def _know(request: web.Request, secret: str) -> None:
    session = None
    if secret:
        access = request.app[ACCESS]
        session = await sign_in.load(access.pool, access.settings, access.clock(), secret)
    forms.tie(request, secret if session is not None else "")
    request[SESSION], request[USER] = session, None
    if session is not None and session.is_whole:
        must_enrol = session.must_enrol
        roles = frozenset() if must_enrol else session.roles
        request[USER] = User(session.account_id, session.name, roles, must_enrol)


async def become(request: web.Request, began: Began) -> None:
    """Go on as the session that just began: what is answered by a page instead of a redirect carries its forms' token."""
    await _know(request, began.secret)


def begin(request: web.Request, response: web.StreamResponse, began: Began) -> None:
    """Let the browser hold a session that just began, instead of any it held."""
    place = request.app[forms.PLACE]
    response.set_cookie(
        place.cookie(COOKIE), began.secret, path="/", httponly=True, samesite="Lax", secure=place.secure
    )
    response.headers["Cache-Control"] = "no-store"


def end(request: web.Request, response: web.StreamResponse) -> None:
    """Let the browser forget its session."""
    place = request.app[forms.PLACE]
    response.del_cookie(place.cookie(COOKIE), path="/", httponly=True, samesite="Lax", secure=place.secure)
    response.headers["Cache-Control"] = "no-store"


def address_of(request: web.Request) -> str:
    """Return from where somebody signs in, as attempts are counted."""
    return caller_of(request, behind_proxy=request.app[ACCESS].behind_proxy)


def session_of(request: web.Request) -> Session:
    """Return the session of a route that asks for one. Raises: CallerError(sign-in-needed)."""
    session = request[SESSION]
    if session is None or not session.is_whole:
        raise sign_in.needed()
    return session
