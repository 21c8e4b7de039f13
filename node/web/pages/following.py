"""Saving a search from its page: a title in, the address of a feed and the token that opens and erases it out.

In: the parameters of a search in the address, a title in a form. Out: the same saved search that the API makes
(node/web/saved.py, docs/saved-searches.md). Rules: the token is on this one page and in no address, so nothing is redirected.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from node.domain import saved as domain
from node.domain.query import Query, parse
from node.domain.roles import Permission
from node.errors import CallerError
from node.flows.searching import saved as flow
from node.web import cooperation
from node.web.cooperation import COOPERATION
from node.web.middleware import LANGUAGE_CHOICE, language_of
from node.web.pages import searching
from node.web.pages.frame import render
from node.web.pages.shown import Reader
from node.web.permission import needs
from node.web.saved import SAVED


def routes() -> list[web.RouteDef]:
    """Return the page and what its form is sent to."""
    return [web.get(searching.FOLLOW, ask), web.post(searching.FOLLOW, save)]


def _query(request: web.Request) -> Query:
    """Return the search of the address; order and page are no part of what is saved."""
    left = (LANGUAGE_CHOICE, searching.VIEW, *domain.NOT_SAVED)
    asked = [(name, value) for name, value in request.query.items() if name not in left]
    return parse(asked, request.app[COOPERATION].reference)


@needs(Permission.PUBLIC)
async def ask(request: web.Request) -> web.StreamResponse:
    """Show what would be saved and ask for a title."""
    return await _form(request, _query(request), "")


async def _form(request: web.Request, query: Query, title: str, error: str = "") -> web.Response:
    reader = Reader(language_of(request), request.app[COOPERATION].reference)
    members = (await cooperation.front(request.app[COOPERATION])).overview.members
    values: dict[str, Any] = {
        "query": query,
        "chosen": searching.chosen(reader, query, members),
        "here": searching.href(query.parameters(), searching.FOLLOW),
        "back": searching.href(query.parameters()),
        "given": title,
        "longest": domain.TITLE_MAX_CHARS,
        "errors": [("title", error)] if error else [],
    }
    return render(request, "follow.html", status=400 if error else 200, **values)


@needs(Permission.PUBLIC)
async def save(request: web.Request) -> web.StreamResponse:
    """Save the search and show, once, how it is followed and erased."""
    shared, query = request.app[SAVED], _query(request)
    title = str((await request.post()).get("title", ""))
    try:
        made = await flow.save(shared.pool, shared.settings, title, query, shared.clock())
    except CallerError as error:
        if error.code != "saved-title-bad":
            raise
        what, _, hint = error.render(Reader(language_of(request), shared.reference).tr)
        return await _form(request, query, title, ". ".join(part for part in (what, hint) if part))
    where = f"{shared.settings.base_url}/api/v1/saved-searches/{made.search_id}"
    return render(
        request,
        "followed.html",
        headers={"Cache-Control": "no-store"},
        title=made.title,
        feed=f"{where}/feed.atom",
        where=where,
        code=made.token,
        back=searching.href(query.parameters()),
    )
