"""The page on which a recipient of a saved search's messages leaves: ``/unsubscribe/{id}/{mark}``.

In: the address of a message. Out: GET asks, POST does it (RFC 8058: without a session, a question or a second page); both are the same
however often. Rules: nothing here reads an address; the page is in the reader's language first and then in the other, since
whoever comes from a message chose none; its own address is told to nobody and kept by no cache.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, NotFoundError
from node.flows.searching import saved as flow
from node.i18n import LANGUAGES, translator
from node.web.middleware import language_of
from node.web.pages.frame import render
from node.web.permission import needs
from node.web.saved import SAVED

PATH: Final = "/unsubscribe/{search_id}/{mark}"
HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
TITLE: Final = N_("Disiscrizione")


def routes() -> list[web.RouteDef]:
    """Return the question and what its form is sent to."""
    return [web.get(PATH, ask, allow_head=False), web.post(PATH, leave)]


@needs(Permission.TOKEN)
async def ask(request: web.Request) -> web.StreamResponse:
    """Ask on a page: opening a link, as mail scanners do, changes nothing."""
    try:
        flow.check_link(request.app[SAVED].settings, request.match_info["search_id"], request.match_info["mark"])
    except NotFoundError:
        return _no_link(request)
    return _page(request, N_("Vuole smettere di ricevere i messaggi di questa ricerca?"), button=N_("Non ricevere più"))


@needs(Permission.TOKEN)
async def leave(request: web.Request) -> web.StreamResponse:
    """Erase the address; the same answer however often."""
    shared = request.app[SAVED]
    search_id, mark = request.match_info["search_id"], request.match_info["mark"]
    try:
        await flow.unsubscribe(shared.pool, shared.settings, search_id, mark, shared.clock())
    except NotFoundError:
        return _no_link(request)
    return _page(request, N_("Fatto: l'indirizzo è stato cancellato e non arriveranno altri messaggi."))


def _no_link(request: web.Request) -> web.Response:
    text = N_("Il collegamento non è valido. Copiarlo intero dal messaggio, o scrivere all'ufficio che lo ha mandato.")
    return _page(request, text, status=404)


def _page(request: web.Request, text: str, *, button: str = "", status: int = 200) -> web.Response:
    own = language_of(request)
    said = [
        {"lang": language, "title": tr(TITLE), "text": tr(text), "button": tr(button) if button else ""}
        for language in (own, *(other for other in LANGUAGES if other != own))
        for tr in (translator(language),)
    ]
    return render(request, "leaving.html", status=status, headers=HEADERS, said=said)
