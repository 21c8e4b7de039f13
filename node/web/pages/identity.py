"""Signing in by the administration's identity provider: out to it and back (node/flows/people/oidc.py).

In: a click on the page of sign-in; the provider's redirect. Out: redirects. What the browser keeps on the way is sealed, lasts ten
minutes and belongs to one answer. Without [web.oidc] none of these addresses is there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, NotFoundError
from node.flows.people import oidc, sign_in
from node.web import forms, sessions
from node.web.permission import BACK, OFFICE, SIGN_IN, back_from, needs
from node.web.sessions import ACCESS

OUT: Final = f"{SIGN_IN}/oidc"
IN: Final = f"{OUT}/ritorno"
COOKIE: Final = "rete-oidc"


@dataclass(slots=True)
class Outside:
    """The provider, if there is one, what is remembered of it, and the road to it while the application runs."""

    provider: oidc.Provider | None
    known: oidc.Known = field(default_factory=oidc.Known)
    session: aiohttp.ClientSession | None = None


OUTSIDE = web.AppKey("outside", Outside)


def routes() -> list[web.RouteDef]:
    """Return the way out and the way back."""
    return [web.get(OUT, leave, allow_head=False), web.get(IN, come_back, allow_head=False)]


def opener(make: Callable[[], aiohttp.ClientSession]) -> Callable[[web.Application], AsyncIterator[None]]:
    """Return what opens the road to the provider for as long as the application runs."""

    async def keep(app: web.Application) -> AsyncIterator[None]:
        async with make() as session:
            app[OUTSIDE].session = session
            yield

    return keep


def _there(request: web.Request) -> tuple[aiohttp.ClientSession, oidc.Provider, oidc.Known]:
    outside = request.app[OUTSIDE]
    if outside.provider is None or outside.session is None:
        raise NotFoundError("not-found", N_("indirizzo inesistente"))
    return outside.session, outside.provider, outside.known


def _cookie(request: web.Request) -> tuple[str, dict[str, Any]]:
    place = request.app[forms.PLACE]
    return place.cookie(COOKIE), {"path": "/", "httponly": True, "samesite": "Lax", "secure": place.secure}


def _go(where: str) -> web.Response:
    return web.Response(status=303, headers={"Location": where, "Cache-Control": "no-store"})


@needs(Permission.PUBLIC)
async def leave(request: web.Request) -> web.StreamResponse:
    """Send the browser to the provider."""
    session, provider, known = _there(request)
    access = request.app[ACCESS]
    back = back_from(request.query.get(BACK, OFFICE))
    leaving = await oidc.leave(session, provider, known, access.settings, access.clock(), back)
    response = _go(leaving.url)
    name, how = _cookie(request)
    response.set_cookie(name, leaving.kept, max_age=oidc.LEAVE_S, **how)
    return response


@needs(Permission.PUBLIC)
async def come_back(request: web.Request) -> web.StreamResponse:
    """Take what the provider sent back, and begin a session; a new id whatever the browser held before."""
    session, provider, known = _there(request)
    access = request.app[ACCESS]
    name, how = _cookie(request)
    began, back = await oidc.come_back(
        access.pool,
        session,
        provider,
        known,
        access.settings,
        access.clock(),
        kept=request.cookies.get(name, "")[:4096],
        answer=request.query,
    )
    held = sessions.secret_of(request)
    if held:
        await sign_in.sign_out(access.pool, held)
    response = _go(back if began.is_whole else f"{SIGN_IN}/codice?{urlencode({BACK: back})}")
    response.del_cookie(name, **how)
    sessions.begin(request, response, began)
    return response
