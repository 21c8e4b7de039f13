"""The JSON face of search, for offices' own systems and for the pages: ``/api/v1/profiles``, ``/{id}``, ``/facets``, ``/matches``.

In: query parameters ``q``, ``territory``, ``sector``, ``period``, ``size``, ``theme``, ``kind``, ``purpose``, ``need``,
``offer``, ``target_country``, ``language``, ``certification``, ``owner``, ``maturity``, ``since``, ``witnessed``, ``sort``, ``limit``, ``cursor`` (domain/query),
``format`` (web/exports: CSV and XLSX of a page, GeoJSON of facets).
Out, with an ETag and a Link to the next page, and stable within v1 (keys may be added)::

    {"total": 42, "total_is_exact": true, "facets_are_exact": true, "words_ignored": false,
     "words_corrected": "what was searched instead, empty when nothing was put right", "words_relaxed": false,
     "suggestion": "what else may be meant and finds more; empty when nothing is asked back",
     "hits": [{"profile_id", "owner", "origin", "index", "title", "summary", "purpose", "published",
               "rank": points of 10,000 as a share (docs/search.md), "why": [{"part", "points", "share"}],
               "match": "certain" | "possible", "witnessed_at": time or null, "quarantined": false,
               "labels": {"territory" | "sector" | "period" | "size" | "theme" | "kind":
                          {"level", "values", "title", "match": "certain" | "possible" | "", "share"}}}],
     "facets": {"territory" | "sector" | "size" | "theme" | "kind" | "owner": [{"value", "title", "count", "certain"}]},
     "cursor": "text for the next page, empty on the last",
     "completeness": {"nodes": 4, "current": 3, "stale": [{"owner", "origin", "state", "since"}]}}

``/profiles/{id}`` answers one hit with the whole ``document`` and ``proof``, its tlog-proof (PROTOCOL 2.8; null while no signed
checkpoint holds it); ``/facets`` answers total and facets without hits;
``/matches``: web/matches.py.
Errors are raised as ReteError and become problem+json in the middleware. Source: docs/rules.md F.7 (ModI).
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from aiohttp import web

from node.domain.query import parse
from node.domain.ranking import FIRST_THEMES
from node.domain.roles import Permission
from node.flows.searching.engines import Bucket
from node.flows.searching.search import Hit, SearchResult
from node.protocol.member import Membership
from node.store.postgres import Pool
from node.store.reference import load_label_reference
from node.store.text_index import TextIndex
from node.web import cooperation, exports, matches, openapi
from node.web.cooperation import COOPERATION, WAITING, Cooperation
from node.web.permission import needs
from node.web.turns import Turns

DESCRIPTION: web.AppKey[Mapping[str, Any]] = web.AppKey("openapi", Mapping)
_VARIES: Final = {"Vary": "Accept"}


def install(
    app: web.Application,
    pool: Pool,
    clock: Callable[[], dt.datetime],
    server: tuple[str, bool] = (openapi.SANDBOX, True),
    first_themes: Sequence[str] = FIRST_THEMES,
    index: TextIndex | None = None,
    membership: Membership | None = None,
) -> None:
    """Add the routes and what they share to ``app``; ``server``: where they answer, and whether that is a trial's address."""
    # Half of the connections are for everything else.
    turns = Turns(max(1, pool.get_max_size() // 2), WAITING)
    app[COOPERATION] = Cooperation(pool, load_label_reference(), clock, turns, first_themes, index, membership)
    app[DESCRIPTION] = openapi.document(server[0], sandbox=server[1])
    app.add_routes(
        [
            web.get("/api/v1/profiles", profiles),
            web.get("/api/v1/profiles/{profile_id}", profile),
            web.get("/api/v1/facets", counts),
            web.get("/api/v1/matches", partners),
            web.get("/api/v1/openapi.json", description),
        ]
    )


@needs(Permission.PUBLIC)
async def profiles(request: web.Request) -> web.StreamResponse:
    """Answer one page of profiles."""
    shared = request.app[COOPERATION]
    form, asked = exports.choose(request.query.items(), _accept(request), exports.PROFILES)
    query = parse(asked, shared.reference)
    result = await cooperation.found(shared, query)
    link = exports.next_link(request.path, query.parameters(), form, result.cursor)
    if form is exports.JSON:
        return _send(request, orjson.dumps(search_document(result)), form, **_VARIES, **link)
    # Some 10 ms a page, and more where a stranger's labels are long: others should not wait for it.
    body = await asyncio.to_thread(exports.table, form, result)
    return _send(request, body, form, **_VARIES, **link)


@needs(Permission.PUBLIC)
async def counts(request: web.Request) -> web.StreamResponse:
    """Answer how many profiles there are, in all and per facet."""
    shared = request.app[COOPERATION]
    form, asked = exports.choose(request.query.items(), _accept(request), exports.FACETS)
    query = parse(asked, shared.reference)
    told = await cooperation.counted(shared, query)
    if form is exports.GEOJSON:
        regions = exports.regions(told.total, told.facets, exact=told.facets_are_exact)
        return _send(request, orjson.dumps(regions), form, **_VARIES)
    document = {
        "total": told.total,
        "total_is_exact": told.total_is_exact,
        "facets_are_exact": told.facets_are_exact,
        "facets": _facets(told.facets),
    }
    return _send(request, orjson.dumps(document), form, **_VARIES)


@needs(Permission.PUBLIC)
async def profile(request: web.Request) -> web.StreamResponse:
    """Answer one profile; ``owner`` tells apart logs that show the same identifier."""
    shared = request.app[COOPERATION]
    # Of several, none is meant more than another: a parameter that is repeated is refused.
    owner = parse([item for item in request.query.items() if item[0] == "owner"], shared.reference).owner
    hit, proof = await cooperation.one(shared, request.match_info["profile_id"], owner)
    return _reply(request, profile_document(hit, proof))


@needs(Permission.PUBLIC)
async def description(request: web.Request) -> web.StreamResponse:
    """Answer the OpenAPI document."""
    return _reply(request, request.app[DESCRIPTION])


@needs(Permission.PUBLIC)
async def partners(request: web.Request) -> web.StreamResponse:
    """Answer the partners of one profile, or groups around it."""
    shared = request.app[COOPERATION]
    asked = matches.parse(request.query.items())
    if asked.suggest:
        return _reply(request, matches.suggestions_document(await cooperation.groups(shared, asked)))
    return _reply(request, matches.matches_document(await cooperation.partners(shared, asked)))


def _accept(request: web.Request) -> str:
    return ",".join(request.headers.getall("Accept", []))


def _reply(request: web.Request, document: Mapping[str, Any]) -> web.Response:
    return _send(request, orjson.dumps(document), exports.JSON)


def _send(request: web.Request, body: bytes, form: exports.Form, **more: str) -> web.Response:
    status, told, headers = exports.answer(body, more, request.headers.get("If-None-Match", ""), form)
    return web.Response(status=status, body=told or None, headers=headers)


def profile_document(hit: Hit, proof: str | None) -> dict[str, Any]:
    """Return one hit with its whole document and its tlog-proof; the command line prints the same."""
    return {**_hit(hit), "document": hit.document, "proof": proof}


def search_document(result: SearchResult) -> dict[str, Any]:
    """Return a search result as the JSON value described above; the command line prints the same."""
    return {
        "total": result.total,
        "total_is_exact": result.total_is_exact,
        "facets_are_exact": result.facets_are_exact,
        "words_ignored": result.words_ignored,
        "words_corrected": result.words_corrected,
        "words_relaxed": result.words_relaxed,
        "suggestion": result.suggestion,
        "hits": [_hit(hit) for hit in result.hits],
        "facets": _facets(result.facets),
        "cursor": result.cursor,
        "completeness": {
            "nodes": result.completeness.nodes,
            "current": result.completeness.current,
            "stale": [
                {"owner": item.owner, "origin": item.origin, "state": item.state, "since": _moment(item.since)}
                for item in result.completeness.stale
            ],
        },
    }


def _moment(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "profile_id": hit.profile_id,
        "owner": hit.owner,
        "origin": hit.origin,
        "index": hit.index,
        "title": hit.title,
        "summary": hit.summary,
        "purpose": hit.purpose,
        "published": hit.published.isoformat(),
        "rank": hit.rank,
        "why": [{"part": part.name, "points": part.points, "share": part.share} for part in hit.why],
        "match": hit.match,
        "witnessed_at": _moment(hit.witnessed_at),
        "quarantined": hit.quarantined,
        "labels": {
            name: {
                "level": label.level,
                "values": list(label.values),
                "title": label.title,
                "match": label.match,
                "share": label.share,
            }
            for name, label in hit.labels.items()
        },
    }


def _facets(counted: Mapping[str, tuple[Bucket, ...]]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [{"value": b.value, "title": b.title, "count": b.count, "certain": b.certain} for b in buckets]
        for name, buckets in counted.items()
    }
