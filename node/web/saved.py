"""Saved searches over HTTP: ``/api/v1/saved-searches``.

``POST /api/v1/saved-searches`` with ``{"title": "...", "query": {"q": "olio", "territory": "ITF4"}}`` (the parameters of
``/api/v1/profiles``, without order and page) answers 201, and the token only here and now::

    {"search_id", "title", "query": {}, "created_at", "feed": "https://.../feed.atom", "token"}

``GET`` and ``DELETE /api/v1/saved-searches/{id}`` want ``Authorization: Bearer TOKEN``; a wrong token and an unknown search are the
same 404. ``GET /{id}/feed.atom`` is open to whoever knows the random identifier, and shows what the public search shows.
What is made here tells nobody by itself: e-mail and webhooks are the office's («rete saved add»), and searches that have one
have no feed, since their title is the office's own.

The page on which a recipient leaves is node/web/pages/leaving.py.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson
from aiohttp import web

from node.domain import saved as domain
from node.domain.labels import LabelReference
from node.domain.query import parse
from node.domain.roles import Permission
from node.errors import N_, CallerError
from node.flows.searching import saved as flow
from node.store.postgres import Pool
from node.store.reference import load_label_reference
from node.store.saved import Saved
from node.web import json_requests
from node.web.permission import needs

KEYS: Final = {"title", "query"}


@dataclass(frozen=True, slots=True)
class SavedSearches:
    """What these routes need."""

    pool: Pool
    clock: Callable[[], dt.datetime]
    settings: flow.Settings
    reference: LabelReference


SAVED = web.AppKey("saved-searches", SavedSearches)


def install(app: web.Application, pool: Pool, clock: Callable[[], dt.datetime], settings: flow.Settings) -> None:
    """Add the routes and what they share to ``app``."""
    app[SAVED] = SavedSearches(pool, clock, settings, load_label_reference())
    app.add_routes(
        [
            web.post("/api/v1/saved-searches", create),
            web.get("/api/v1/saved-searches/{search_id}", show, allow_head=False),
            web.delete("/api/v1/saved-searches/{search_id}", remove),
            web.get("/api/v1/saved-searches/{search_id}/feed.atom", feed),
        ]
    )


@needs(Permission.PUBLIC)
async def create(request: web.Request) -> web.StreamResponse:
    """Save a search without anybody to tell."""
    shared = request.app[SAVED]
    title, parameters = _read_body(request, await json_requests.body(request))
    query = parse(parameters, shared.reference)
    made = await flow.save(shared.pool, shared.settings, title, query, shared.clock())
    where = f"/api/v1/saved-searches/{made.search_id}"
    document = {
        "search_id": made.search_id,
        "title": made.title,
        "query": domain.read_query(made.query),
        "created_at": _moment(shared.clock()),
        "feed": f"{shared.settings.base_url}{where}/feed.atom",
        "token": made.token,
    }
    # The token is in this answer alone.
    headers = {"Location": where, "Cache-Control": "no-store"}
    return web.Response(body=orjson.dumps(document), status=201, content_type="application/json", headers=headers)


def _read_body(request: web.Request, body: bytes) -> tuple[str, list[tuple[str, str]]]:
    refused = CallerError(
        "saved-body-bad",
        N_("il corpo della richiesta non è una ricerca da salvare"),
        hint=N_('serve {{"title": "...", "query": {{"q": "..."}}}}, con i parametri della ricerca come testi'),
    )
    if request.query_string:
        raise refused
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise refused from error
    if not isinstance(document, dict) or set(document) != KEYS:
        raise refused
    title, asked = document["title"], document["query"]
    if not isinstance(title, str) or not isinstance(asked, dict) or not all(isinstance(v, str) for v in asked.values()):
        raise refused
    unwanted = sorted(set(asked) & set(domain.NOT_SAVED))
    if unwanted:
        raise CallerError(
            "query-parameter-unknown",
            N_("parametro sconosciuto: {name}"),
            hint=N_("una ricerca salvata non ha ordine né pagine"),
            name=unwanted[0],
        )
    return title, list(asked.items())


async def _open(request: web.Request) -> Saved:
    shared = request.app[SAVED]
    token = json_requests.bearer_of(request)
    return await flow.open_with(shared.pool, request.match_info["search_id"], token)


@needs(Permission.TOKEN)
async def show(request: web.Request) -> web.StreamResponse:
    """Answer a search to whoever has its token."""
    found = await _open(request)
    document = {
        "search_id": found.search_id,
        "title": found.title,
        "query": domain.read_query(found.query),
        "created_at": _moment(found.created_at),
        "feed": f"{request.app[SAVED].settings.base_url}/api/v1/saved-searches/{found.search_id}/feed.atom",
    }
    return _tagged(request, orjson.dumps(document), "application/json", "private, no-cache")


@needs(Permission.TOKEN)
async def remove(request: web.Request) -> web.StreamResponse:
    """Erase a search for whoever has its token."""
    found = await _open(request)
    await flow.delete(request.app[SAVED].pool, found.search_id)
    return web.Response(status=204, headers={"Cache-Control": "no-store"})


@needs(Permission.TOKEN)
async def feed(request: web.Request) -> web.StreamResponse:
    """Answer the newest profiles of a search as Atom."""
    shared = request.app[SAVED]
    sheet, items = await flow.feed(
        shared.pool, shared.settings, request.match_info["search_id"], shared.reference, shared.clock()
    )
    return _tagged(request, domain.atom(sheet, items), "application/atom+xml", "no-cache")


def _tagged(request: web.Request, body: bytes, content_type: str, cache: str) -> web.Response:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": cache}
    asked = {tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")}
    if etag in asked or "*" in asked:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type=content_type, charset="utf-8" if "xml" in content_type else None, headers=headers)  # fmt: skip


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
