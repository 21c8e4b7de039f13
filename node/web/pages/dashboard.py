"""The office's first page: what waits for whoever looks, in plain words.

In: who signed in. Out: a page of node/flows/upkeep/desk. Rules: what a right does not open is not counted; a link leads to a page that
this node has, and that the reader may open.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from node.domain.roles import Permission, permissions_of
from node.errors import N_
from node.flows.upkeep import desk
from node.web.pages.frame import render
from node.web.pages.office_register import OFFICE, pages_of
from node.web.pages.office_words import Titled
from node.web.permission import USER, needs

PATH: Final = "/ufficio"
LOG_STATES: Final = {
    "": N_("non c'è ancora"),
    "new": N_("in ordine"),
    "ready": N_("in ordine"),
    "fenced": N_("fermo: il nodo è stato ripristinato e riprende il suo registro firmato dagli altri"),
    "quarantined": N_("fermo: il suo stato è in dubbio"),
}


def routes() -> list[web.RouteDef]:
    """Return the dashboard."""
    return [web.get(PATH, show)]


@needs(Permission.OFFICE_READ)
async def show(request: web.Request) -> web.StreamResponse:
    """Show what waits."""
    office, user = request.app[OFFICE], request[USER]
    may = permissions_of(user.roles) if user is not None else frozenset()
    found = await desk.read(office.pool, user.name if user else "", may, office.clock())
    return render(
        request,
        "office/dashboard.html",
        desk=found,
        log=Titled(LOG_STATES.get(found.log_state, found.log_state), None),
        held=[Titled(desk.reason_of(code), count) for code, count in found.work.held.items()] if found.work else [],
        may={permission.value for permission in may},
        there=pages_of(request.app),
        news_days=desk.NEWS_DAYS,
    )
