"""What every page is laid out in: templates that escape all they are given, the reader's language, headers that forbid the rest.

In: a request, a template's name, values. Out: an HTML response. Templates find here ``_`` (a sentence of the catalogue with its
facts), ``day``, ``moment``, ``number``, ``percent``, ``asset``, ``place`` (this page in another language), ``user``, ``csrf`` and ``site``.
Rules: a name that was not given is an error, not an empty text; text in another language says so; scripts and styles come from
this node's files alone. Source: docs/pages.md.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import jinja2
from aiohttp import web
from babel import Locale

from node import i18n
from node.errors import UNSEEN
from node.i18n import LANGUAGES, translator
from node.web import forms
from node.web.assets import ASSETS, ICONS
from node.web.middleware import ERROR_PAGE, LANGUAGE_CHOICE, LANGUAGE_COOKIE, REQUEST_ID, language_of
from node.web.pages.navigation import entries_for
from node.web.permission import USER

LANGUAGE_COOKIE_S: Final = 365 * 24 * 3600
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Accept, Accept-Encoding, Accept-Language, Cookie",
}
HSTS: Final = "max-age=31536000"
HISTORY: Final = "HX-History-Restore-Request"


@dataclass(frozen=True, slots=True)
class Site:
    """What every page says of the node it is on."""

    name: str
    contact: str
    production: bool


SITE = web.AppKey("site", Site)


@functools.cache
def environment() -> jinja2.Environment:
    """Return the templates, read once."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("node", "web/templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["icons"] = frozenset(ICONS)
    made.filters["refuse"] = _refuse
    return made


def _visible(value: object) -> object:
    """Return what a template shows without signs that turn a line round or can't be seen; lines stay."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return UNSEEN.sub(lambda found: found.group() if found.group() in "\n\t" else "", value)


def _refuse(message: str) -> str:
    raise jinja2.TemplateRuntimeError(message)


def _sentence(language: str) -> Callable[..., str]:
    tr = translator(language)

    def say(message: str, /, **facts: object) -> str:
        # A fact is text: what templates do with the whole escapes it.
        return tr(message).format(**facts) if facts else tr(message)

    return say


def is_fragment(request: web.Request) -> bool:
    """Tell whether a script of ours asks for a part of a page; the browser's «back» wants the whole one."""
    return forms.FRAGMENT in request.headers and HISTORY not in request.headers


def place_in(request: web.Request, language: str) -> str:
    """Return this very page in a language."""
    asked = [(name, value) for name, value in request.query.items() if name != LANGUAGE_CHOICE]
    # One stroke alone: two would name another host.
    path = "/" + request.rel_url.raw_path.lstrip("/\\")
    return f"{path}?{urlencode([*asked, (LANGUAGE_CHOICE, language)])}"


def _context(request: web.Request, language: str) -> dict[str, Any]:
    assets = request.app[ASSETS]
    site = request.app[SITE]
    return {
        "_": _sentence(language),
        "lang": language,
        "languages": {other: Locale.parse(other).get_display_name(other) for other in LANGUAGES},
        "place": functools.partial(place_in, request),
        # What answers a form is at no address: the same page in another language would be another page, or none.
        "has_place": request.method in forms.SAFE,
        "path": request.path,
        "site": site,
        "asset": assets.url,
        "logo": assets.url(assets.logo),
        "favicon": assets.url(assets.favicon),
        "navigation": entries_for(request.get(USER)),
        "user": request.get(USER),
        "csrf": forms.Token(request),
        "request_id": request.get(REQUEST_ID, ""),
        "number": lambda value: i18n.number(value, language),
        "percent": lambda value: i18n.percent(value, language),
        "day": lambda value: i18n.day(value, language),
        "moment": lambda value: i18n.moment(value, language) if isinstance(value, dt.datetime) else "",
    }


def render(
    request: web.Request,
    template: str,
    /,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> web.Response:
    """Return a template as a page in the reader's language."""
    language = language_of(request)
    text = environment().get_template(template).render({**_context(request, language), **values})
    user = request.get(USER)
    keep = "no-cache" if user is None else "no-store"
    response = web.Response(
        text=text,
        status=status,
        content_type="text/html",
        headers={**HEADERS, "Content-Language": language, "Cache-Control": keep, **(headers or {})},
    )
    site = request.app[SITE]
    if site.production:
        response.headers["Strict-Transport-Security"] = HSTS
    if request.query.get(LANGUAGE_CHOICE) == language:
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=LANGUAGE_COOKIE_S, httponly=True, samesite="Lax", secure=site.production
        )
    # What is secret on a page of somebody's own is not packed together with what came from outside (BREACH).
    if user is None:
        response.enable_compression()
    return response


def error_page(request: web.Request, status: int, code: str, title: str, detail: str) -> web.Response:
    """Return a failure as a page, with what to do and the number to tell whoever has to look."""
    return render(
        request,
        "error.html",
        status=status,
        headers={"Cache-Control": "no-store"},
        code=code,
        title=title,
        detail=detail,
        status_code=status,
    )


def install(app: web.Application, site: Site) -> None:
    """Let an application answer with pages."""
    environment()
    app[SITE] = site
    app[ERROR_PAGE] = error_page
