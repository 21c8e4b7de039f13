"""The page for whoever sent a form after their session had ended: what happened, what to do, and what they typed, still there.

In: a refusal, and what was typed (node/web/typed.py). Out: a page of the refusal's own status that no cache keeps. It sends nothing
by itself: whoever has signed in again, here or in another tab, presses a button, and the form goes where it was going with the
token of the new session. A button that is pressed too early leads back to this page.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from node.web import forms
from node.web.middleware import ERROR_PAGE
from node.web.pages import frame
from node.web.pages.identity import OUTSIDE
from node.web.permission import OFFICE, USER, back_from
from node.web.typed import TYPED, Typed

TEMPLATE: Final = "kept.html"


def install(app: web.Application) -> None:
    """Let an application's failures show what was typed."""
    app[ERROR_PAGE] = error_page


def error_page(request: web.Request, status: int, code: str, title: str, detail: str) -> web.Response:
    """Return a failure as a page; what was typed stands in it, where that may be sent again."""
    kept = request.get(TYPED)
    if kept is None:
        return frame.error_page(request, status, code, title, detail)
    response = page(request, kept, status)
    # The refusal went past what else keeps this cookie.
    forms.keep(request, response)
    return response


def page(request: web.Request, kept: Typed, status: int = 200, *, recovery_left: int | None = None) -> web.Response:
    """Return what was typed as a form that waits to be sent: at once by whoever is signed in, else after signing in.

    ``recovery_left``: how many codes are left to whoever just came in by one.
    """
    return frame.render(
        request,
        TEMPLATE,
        status=status,
        headers={"Cache-Control": "no-store"},
        kept=kept,
        shown=[(name, value) for name, value in kept.fields if value.strip()],
        outside=request.app[OUTSIDE].provider is not None,
        is_in=request[USER] is not None,
        recovery_left=recovery_left,
        form=_form_of(request),
    )


def _form_of(request: web.Request) -> str:
    """Return the page that the form stood on, as far as the browser tells of a page of ours."""
    came = urlsplit(request.headers.get("Referer", ""))
    path = back_from(came.path) if came.netloc == request.host else "/"
    return OFFICE if path == "/" or path.startswith("/entra") else path
