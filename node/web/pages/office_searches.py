"""Saved searches of the office: saved from the link of a search, told by feed, daily digest or webhook, erased.

In: a search's link, a title, whom to tell. Out: what ``rete saved`` keeps, by the same flow (docs/saved-searches.md). Rules: only the
office's own searches stand here and are erased here; an address is in no address bar and no redirect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from node.domain import saved as domain
from node.domain.programme.catalogue_query import PARAMETERS as IN_CATALOGUE
from node.domain.programme.catalogue_query import CatalogueQuery
from node.domain.query import PARAMETERS, Query, parse
from node.domain.roles import Permission
from node.domain.saved import EMAIL, WEBHOOK
from node.errors import N_, CallerError, NotFoundError
from node.flows.programme import catalogue
from node.flows.searching import saved as flow
from node.flows.searching import tell, watch
from node.store.saved import CATALOGUE, OFFICE
from node.store.telling import Channel, Listed
from node.web import cooperation
from node.web.catalogue import FEED, PAGES
from node.web.catalogue import PATH as ANNOUNCEMENTS
from node.web.cooperation import COOPERATION
from node.web.middleware import status_of
from node.web.pages import announced, desk, searching
from node.web.pages.desk import DESK, SEARCHES
from node.web.pages.frame import render
from node.web.pages.shown import Reader
from node.web.permission import needs

FIELDS: Final = ("collegamento", "titolo", "posta", "webhook")
_AT: Final[Mapping[str, str]] = {
    "saved-title-bad": "titolo",
    "saved-email-bad": "posta",
    "saved-mail-missing": "posta",
    "saved-webhook-bad": "webhook",
    "saved-catalogue-email": "posta",
    "saved-too-many": "",
}
LINK_MAX_CHARS: Final = 2_000
CATALOGUES: Final = (PAGES, FEED, ANNOUNCEMENTS)


def routes() -> list[web.RouteDef]:
    """Return the page of saved searches and what its forms are sent to."""
    return [
        web.get(SEARCHES, searches),
        web.post(SEARCHES, save),
        web.post(f"{SEARCHES}/{{search_id}}/togli", remove),
    ]


@needs(Permission.SEARCHES_WRITE)
async def searches(request: web.Request) -> web.StreamResponse:
    """Show the office's saved searches, whom they tell and how that goes, and a form for one more."""
    return await _page(request, {"collegamento": request.query.get("ricerca", "")[:LINK_MAX_CHARS]})


async def _page(request: web.Request, given: Mapping[str, Any], error: CallerError | None = None) -> web.Response:
    node, reader = request.app[DESK], desk.reader_of(request)
    members = (await cooperation.front(request.app[COOPERATION])).overview.members
    has_mail = bool(node.config.mail.host)
    # Without a server there is no field for an address to which a summary of errors could lead.
    at = "" if error is None else _AT.get(error.code, "collegamento")
    listed = [item for item in await tell.list_all(node.pool) if item.made_by == OFFICE]
    return render(
        request,
        "office/searches.html",
        status=200 if error is None else status_of(error),
        done=desk.said_of(request) if error is None else "",
        errors=[]
        if error is None
        else [("" if at == "posta" and not has_mail else at, desk.explained(error, request))],
        given={name: desk.text_in(given, name) for name in FIELDS},
        rows=[_row(reader, item, members, node.public_url) for item in listed],
        has_mail=has_mail,
        hour=node.config.saved.digest_hour,
        longest=domain.TITLE_MAX_CHARS,
    )


def _row(reader: Reader, item: Listed, members: Mapping[str, str], base_url: str) -> dict[str, Any]:
    parameters = domain.read_query(item.query)
    is_catalogue = item.corpus == CATALOGUE
    try:
        if is_catalogue:
            chosen, words = announced.chosen(reader, parameters, members), parameters.get("q", "")
        else:
            query = parse(parameters.items(), reader.reference)
            chosen = [(found.title, found.text) for found in searching.chosen(reader, query, members)]
            words = query.words
    except CallerError:
        # What it asked for is in no list any more.
        chosen, words = [], " ".join(parameters.values())
    by = {channel.channel: channel for channel in item.channels}
    feed = "" if item.channels else f"{base_url}/api/v1/saved-searches/{item.search_id}/feed.atom"
    return {
        "search_id": item.search_id,
        "title": item.title,
        "href": searching.href(parameters.items(), PAGES) if is_catalogue else searching.href(parameters.items()),
        "is_catalogue": is_catalogue,
        "words": words,
        "chosen": chosen,
        "created_at": item.created_at,
        "feed": feed,
        "email": _channel(reader, by.get(EMAIL)),
        "webhook": _channel(reader, by.get(WEBHOOK)),
    }


def _channel(reader: Reader, channel: Channel | None) -> dict[str, Any] | None:
    if channel is None:
        return None
    return {
        "address": channel.address or reader.tr(N_("disiscritto")),
        "told_at": channel.told_at,
        "error": channel.error_code or "",
    }


def question_of(link: str, request: web.Request) -> Query | CatalogueQuery:
    """Return the search that a link of this node's page of results, or of the catalogue, shows. Raises: CallerError(saved-link-bad), query-...."""
    text = link.strip()
    try:
        parts = urlsplit(text)
        fields = parse_qsl(parts.query, keep_blank_values=False, max_num_fields=50)
    except ValueError as error:
        raise _bad_link() from error
    if parts.path in CATALOGUES and len(text) <= LINK_MAX_CHARS:
        found = [(name, value) for name, value in fields if name in IN_CATALOGUE and name not in domain.NOT_SAVED]
        return catalogue.read_query(found, request.app[DESK].clock())
    if len(text) > LINK_MAX_CHARS or parts.path not in (searching.PATH, searching.FOLLOW, "/api/v1/profiles"):
        raise _bad_link()
    asked = [(name, value) for name, value in fields if name in PARAMETERS and name not in domain.NOT_SAVED]
    return parse(asked, request.app[COOPERATION].reference)


def _bad_link() -> CallerError:
    return CallerError(
        "saved-link-bad",
        N_("questo non è il collegamento di una ricerca"),
        where="collegamento",
        hint=N_("copiarlo da «Collegamento a questa ricerca», in fondo ai risultati, o dal catalogo"),
    )


@needs(Permission.SEARCHES_WRITE)
async def save(request: web.Request) -> web.StreamResponse:
    """Save a search of the office."""
    node, sent = request.app[DESK], await desk.form_of(request)
    title, email = desk.text_in(sent, "titolo"), desk.text_in(sent, "posta").strip() or None
    webhook, has_mail = desk.text_in(sent, "webhook").strip() or None, bool(node.config.mail.host)
    try:
        asked = question_of(desk.text_in(sent, "collegamento"), request)
        settings, now = node.saved_settings(), node.clock()
        if isinstance(asked, CatalogueQuery):
            await watch.save(
                node.pool, settings, title, asked, now, email=email, has_mail=has_mail, is_hooked=webhook is not None
            )
        else:
            await tell.save(node.pool, settings, title, asked, now, email=email, webhook=webhook, has_mail=has_mail)
    except CallerError as error:
        return await _page(request, sent, error)
    return desk.go(f"{SEARCHES}?{desk.DONE}=salvata")


@needs(Permission.SEARCHES_WRITE, hidden=True, invites=True)
async def remove(request: web.Request) -> web.StreamResponse:
    """Erase a search of the office; one of the public's is not there."""
    node, search_id = request.app[DESK], domain.search_id_of(request.match_info["search_id"])
    if not any(item.search_id == search_id and item.made_by == OFFICE for item in await tell.list_all(node.pool)):
        raise NotFoundError("saved-unknown", N_("nessuna ricerca salvata con questo identificativo"))
    await flow.delete(node.pool, search_id or "")
    return desk.go(f"{SEARCHES}?{desk.DONE}=tolta")
