"""The JSON face of the catalogue, and its feed: ``/api/v1/announcements``, ``/api/v1/announcements/{id}``, ``/catalogo.atom``.

In: query parameters ``q``, ``kind``, ``line``, ``region``, ``owner``, ``state``, ``from``, ``until``, ``limit``, ``cursor``
(domain/programme/catalogue_query), ``format`` (CSV: one row an announcement); the feed takes all that chooses but ``state``. Out, with an ETag and a Link to the next page, and stable within v1 (keys may be added)::

    {"total": 12, "total_is_exact": true, "words_ignored": false, "items": [ITEM], "cursor": "text for the next page, empty on the last"}
    ITEM: {"id", "type", "kind", "owner", "origin", "index", "revision", "title": {"it", "en"}, "summary": {"it", "en"}, "regions": [],
           "begins": day or null, "ends", "deadline", "state": "upcoming" | "open" | "closed", "announced": day,
           "witnessed_at": time or null, "quarantined": false}

``/announcements/{id}`` answers one item with its whole ``document`` and ``proof``, its tlog-proof (PROTOCOL 2.8; null while no signed checkpoint
holds it); ``owner`` tells apart logs that hold the same identifier. Errors become problem+json in the middleware. Source: docs/catalogue.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from aiohttp import web

from node.domain.programme import catalogue_feed
from node.domain.programme.catalogue_feed import Source, Told
from node.domain.programme.catalogue_query import CatalogueQuery
from node.domain.roles import Permission
from node.errors import NotFoundError
from node.flows.logs import prove
from node.flows.programme import catalogue, public_rows
from node.flows.programme.catalogue import Found, Item
from node.store.table import csv_table
from node.web import cooperation, exports
from node.web.cooperation import COOPERATION, Cooperation
from node.web.exports import Form
from node.web.permission import needs

PATH: Final = "/api/v1/announcements"
PAGES: Final = "/catalogo"
FEED: Final = "/catalogo.atom"
FED: Final = ("q", "kind", "line", "region", "owner", "from", "until")
FORMS: Final = exports.tables("announcements")
ATOM: Final = Form("atom", "application/atom+xml")
VARIES: Final = {"Vary": "Accept"}
SOURCE: web.AppKey[tuple[str, str]] = web.AppKey("catalogue-source", tuple)


def install(app: web.Application, url: str, name: str) -> None:
    """Add the routes; ``url`` and ``name`` are this node's, as its feed says them. What they share is installed by ``api``."""
    app[SOURCE] = (url, name)
    app.add_routes([web.get(PATH, announcements), web.get(f"{PATH}/{{item_id}}", one), web.get(FEED, feed)])


async def found(shared: Cooperation, query: CatalogueQuery) -> Found:
    """Return one page of the catalogue. Raises: OperatorError search-busy, search-timeout."""
    async with shared.turns.turn():
        return await catalogue.search(shared.pool, query, shared.clock())


def id_of(text: str) -> str:
    """Return an identifier in its one spelling. Raises: NotFoundError(announcement-unknown)."""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise NotFoundError("announcement-unknown", catalogue.UNKNOWN) from error


async def read(shared: Cooperation, item_id: str, owner: str) -> tuple[Item, str | None]:
    """Return one announcement and its proof; ``owner`` empty: of any. Raises: NotFoundError, CallerError(query-value-bad)."""
    wanted = id_of(item_id)
    whose = catalogue.read_query([("owner", owner)], shared.clock()).owner
    item = await catalogue.read(shared.pool, wanted, shared.clock(), whose or None)
    return item, await prove.proof_text(shared.pool, item.id, item.origin, item.index)


def witnesses(shared: Cooperation, item: Item, proof: str | None) -> Mapping[str, dt.datetime]:
    """Return who witnessed the head of an announcement's proof, and when, by member."""
    return {} if proof is None or shared.membership is None else prove.vouched(proof, shared.membership, item.owner)


@needs(Permission.PUBLIC)
async def announcements(request: web.Request) -> web.StreamResponse:
    """Answer one page of the catalogue."""
    shared = request.app[COOPERATION]
    form, asked = exports.choose(request.query.items(), accept_of(request), FORMS)
    query = catalogue.read_query(asked, shared.clock())
    result = await found(shared, query)
    more = {**VARIES, **exports.next_link(request.path, query.parameters(), form, result.cursor)}
    if form is exports.JSON:
        return send(request, orjson.dumps(found_document(result)), form, more)
    body = await asyncio.to_thread(csv_table, public_rows.ITEM_COLUMNS, public_rows.items(result.items))
    return send(request, body, form, more)


@needs(Permission.PUBLIC)
async def one(request: web.Request) -> web.StreamResponse:
    """Answer one announcement, whole."""
    owners = request.query.getall("owner", [])
    shared = request.app[COOPERATION]
    # Of several owners none is meant more than another: a parameter that is repeated is refused.
    owner = catalogue.read_query([("owner", value) for value in owners], shared.clock()).owner
    item, proof = await read(shared, request.match_info["item_id"], owner)
    return send(request, orjson.dumps(item_document(item, proof)), exports.JSON)


@needs(Permission.PUBLIC)
async def feed(request: web.Request) -> web.StreamResponse:
    """Answer what was announced last and is not over, as Atom."""
    shared = request.app[COOPERATION]
    given = [(name, value) for name, value in request.query.items() if name in FED]
    query = catalogue.read_query(given, shared.clock())
    async with shared.turns.turn():
        items = await catalogue.newest(shared.pool, query, shared.clock())
    members = (await cooperation.front(shared)).overview.members
    url, name = request.app[SOURCE]
    asked = urlencode(query.parameters())
    source = Source(url, name, f"{FEED}?{asked}" if asked else FEED, PAGES)
    told = [_told(item, members) for item in items]
    return send(request, catalogue_feed.atom(told, source), ATOM)


def _told(item: Item, members: Mapping[str, str]) -> Told:
    made = item.announcement
    return Told(
        item.id,
        item.owner,
        members.get(item.owner, item.owner),
        made.kind,
        made.title["it"],
        made.summary["it"],
        item.announced,
    )


def send(request: web.Request, body: bytes, form: Form, more: Mapping[str, str] | None = None) -> web.Response:
    """Answer with bytes in a form, or that whoever asks has them already."""
    status, told, headers = exports.answer(body, more or {}, request.headers.get("If-None-Match", ""), form)
    return web.Response(status=status, body=told or None, headers=headers)


def accept_of(request: web.Request) -> str:
    """Return which forms whoever asks takes."""
    return ",".join(request.headers.getall("Accept", []))


def found_document(result: Found) -> dict[str, Any]:
    """Return a page of the catalogue as the JSON value described above; the command line prints the same."""
    return {
        "total": result.total,
        "total_is_exact": result.total_is_exact,
        "words_ignored": result.words_ignored,
        "items": [item_facts(item) for item in result.items],
        "cursor": result.cursor,
    }


def item_document(item: Item, proof: str | None) -> dict[str, Any]:
    """Return one item with its whole document and its tlog-proof; the command line prints the same."""
    return {**item_facts(item), "document": item.document, "proof": proof}


def item_facts(item: Item) -> dict[str, Any]:
    """Return what a list shows of one item."""
    made = item.announcement
    return {
        "id": item.id,
        "type": f"{made.kind}/1",
        "kind": made.kind,
        "owner": item.owner,
        "origin": item.origin,
        "index": item.index,
        "revision": made.revision,
        "title": dict(made.title),
        "summary": dict(made.summary),
        "regions": list(made.regions),
        "begins": _day(made.begins),
        "ends": _day(made.ends),
        "deadline": _day(made.deadline),
        "state": item.state.value,
        "announced": item.announced.isoformat(),
        "witnessed_at": None
        if item.witnessed_at is None
        else item.witnessed_at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "quarantined": item.quarantined,
    }


def _day(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()
