"""The open data of the Observatory: files of each release and of the newest build, their catalogue, the feed of releases.

``GET /osservatorio/dati/{release}/{file}``: ``release`` is a day (YYYY-MM-DD), whose numbers never change, or ``ultima``, the newest build;
``file`` is ``TABLE.csv``, ``TABLE.csv-metadata.json``, ``TABLE.json`` (JSON-stat 2.0), ``TABLE.xlsx``, ``catalogo.ttl|jsonld|rdf`` or
``tutto.zip``. ``GET /osservatorio/catalogo.ttl|jsonld|rdf`` (DCAT-AP_IT; without an ending by ``Accept``) tells the newest release, and
the newest build while there is none. ``GET /osservatorio/rilasci.atom``. Everything has an ETag, and says its licence in a Link.
Rules: nothing is counted here, and nothing is told but what was built (node/flows/observatory/files.py). Source: docs/open-data.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from node.domain.observatory import csvw, dcat, release_feed
from node.domain.observatory.wording import LICENCE, Publisher
from node.domain.roles import Permission
from node.flows.observatory import files
from node.flows.observatory.files import Files, Made
from node.store.postgres import Pool
from node.web import exports
from node.web.permission import needs

FILES: web.AppKey[Files] = web.AppKey("observatory-files", Files)
LICENSED: Final = f'<{LICENCE}>; rel="license"'
AGAIN: Final = "no-cache"
# Numbers and codes of a release stay as they are for ever; what they are called in a file may change with a body's name or with the
# program, and the catalogue's digests with it.
A_WHILE: Final = "public, max-age=300"
_MEDIA_TYPES: Final[Mapping[str, str]] = {
    "csv": "text/csv; charset=utf-8; header=present",
    f"csv{csvw.SUFFIX}": "application/csvm+json",
    "json": "application/json",
    "xlsx": dcat.XLSX.media_type,
    "zip": "application/zip",
    "ttl": "text/turtle; charset=utf-8",
    "jsonld": "application/ld+json",
    "rdf": "application/rdf+xml",
}
# What a browser had better keep than show.
_KEPT: Final = ("csv", "xlsx", "zip")
# The first is given to whom all are equally welcome.
_BY_ACCEPT: Final = (("text/turtle", "ttl"), ("application/ld+json", "jsonld"), ("application/rdf+xml", "rdf"))


def install(app: web.Application, pool: Pool, publisher: Publisher) -> None:
    """Add the routes and what they share to ``app``."""
    app[FILES] = Files(pool, publisher)
    app.add_routes(
        [
            web.get(f"{dcat.FILES}/{{release}}/{{file}}", file),
            web.get(dcat.CATALOGUE, catalogue),
            *(web.get(f"{dcat.CATALOGUE}.{ending}", catalogue) for _, ending in _BY_ACCEPT),
            web.get(release_feed.FEED, feed),
        ]
    )


@needs(Permission.PUBLIC)
async def file(request: web.Request) -> web.StreamResponse:
    """Answer one file of a release, or of the newest build."""
    release = request.match_info["release"]
    found = await request.app[FILES].file(None if release == dcat.NEWEST else release, request.match_info["file"])
    return _hand(request, found, AGAIN if found.release is None else A_WHILE)


@needs(Permission.PUBLIC)
async def catalogue(request: web.Request) -> web.StreamResponse:
    """Answer the catalogue of the newest release, or of the newest build while nothing was released."""
    shared = request.app[FILES]
    released = await shared.reading.releases()
    _, _, ending = request.path.rpartition("/")[2].partition(".")
    found = await shared.file(
        released[0].release_id if released else None, f"{files.CATALOGUE}.{ending or _accepted(request)}"
    )
    answer = _hand(request, found, AGAIN)
    if not ending:
        answer.headers["Vary"] = "Accept"
    return answer


def _accepted(request: web.Request) -> str:
    """Return the form that the caller likes best (RFC 9110, 12.5.1), Turtle where none is asked for."""
    accept = ",".join(request.headers.getall("Accept", []))
    liked = {ending: exports.welcome(media_type, accept) for media_type, ending in _BY_ACCEPT}
    return max(liked, key=lambda ending: liked[ending])


@needs(Permission.PUBLIC)
async def feed(request: web.Request) -> web.StreamResponse:
    """Answer the newest releases as Atom."""
    shared = request.app[FILES]
    released = await shared.reading.releases()
    entries = [release_feed.Entry(found.release_id, found.as_of, found.made_at, found.digest) for found in released]
    return send(
        request,
        release_feed.atom(entries, shared.publisher),
        {"Content-Type": "application/atom+xml; charset=utf-8"},
    )


def _hand(request: web.Request, found: Made, cache: str) -> web.Response:
    stem, _, ending = found.name.partition(".")
    headers = {"Content-Type": _MEDIA_TYPES[ending], "Cache-Control": cache, "ETag": found.etag}
    if ending in _KEPT:
        headers["Content-Disposition"] = f'attachment; filename="{found.name}"'
    if ending == "csv":
        described = f'<{stem}.csv{csvw.SUFFIX}>; rel="describedby"; type="application/csvm+json"'
        headers["Link"] = f"{LICENSED}, {described}"
    return send(request, found.body, headers)


def send(request: web.Request, body: bytes, headers: Mapping[str, str]) -> web.Response:
    """Answer with a licence and an entity tag, or that nothing has changed."""
    told = {"Cache-Control": AGAIN, "Link": LICENSED, **headers}
    told.setdefault("ETag", f'"{hashlib.sha256(body).hexdigest()[:32]}"')
    asked = {tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")}
    if told["ETag"] in asked or "*" in asked:
        kept = {name: told[name] for name in ("ETag", "Cache-Control", "Link")}
        return web.Response(status=304, headers=kept)
    return web.Response(body=body, headers=told)
