"""The JSON face of the Observatory: ``/api/v1/observatory/indicators``, ``/tables``, ``/tables/{table}``, ``/releases``.

In: ``release`` (a day, YYYY-MM-DD; empty or ``ultima``: the newest build); of one table ``limit`` (1 to 10,000) and ``cursor``.
Out, with an ETag and a Link to the licence and the next page, and stable within v1 (keys may be added); TEXT is ``{"it", "en"}``::

    {"indicators": [{"ident", "title": TEXT, "definition": TEXT, "formula": TEXT, "unit": TEXT, "source": TEXT, "tier": 1, "decimals": 0}]}
    {"release": day or null, "as_of", "made_at", "digest", "coverage": {"editions": 2}, "licence",
     "tables": [{"ident", "indicator", "title": TEXT, "dimensions": [ident], "as_of", "tier", "cells": 42, "files": {"csv": path}}]}
    {"release", "ident", "indicator", "title", "unit": TEXT, "source": TEXT, "notes": [TEXT], "as_of", "tier", "licence", "cells_total",
     "dimensions": [{"ident", "title": TEXT, "codes": [{"code", "name": TEXT}]}],
     "cells": [{"at": {"year": "2013"}, "value": 12 or null, "status": "given" | "estimated" | "withheld" | "unknown"}], "cursor"}
    {"releases": [{"release", "as_of", "made_at", "digest", "archive": path}]}

Errors are raised as ReteError and become problem+json in the middleware. Source: docs/rules.md F.7 (ModI), docs/open-data.md.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from aiohttp import web

from node.domain.observatory import dcat, release_feed
from node.domain.observatory.figures import Cell, Table
from node.domain.observatory.jsonstat import plain
from node.domain.observatory.wording import LICENCE, Wording, codes_of
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError
from node.flows.observatory import files
from node.flows.observatory.read import Shown
from node.store.observatory import Release
from node.web.observatory_data import FILES, LICENSED, send
from node.web.permission import needs

PATH: Final = "/api/v1/observatory"
LIMIT_DEFAULT: Final = 1_000
LIMIT_MAX: Final = 10_000
# Of which cells it is a page, and the position in them.
_CURSOR: Final = re.compile(r"([0-9a-f]{16})-([0-9]{1,9})")
CURSOR_MAX_CHARS: Final = 26
_JSON: Final = {"Content-Type": "application/json"}


def routes() -> list[web.RouteDef]:
    """Return the routes; what they share is installed by ``observatory_data``."""
    return [
        web.get(f"{PATH}/indicators", indicators),
        web.get(f"{PATH}/tables", tables),
        web.get(f"{PATH}/tables/{{table}}", table),
        web.get(f"{PATH}/releases", releases),
    ]


@needs(Permission.PUBLIC)
async def indicators(request: web.Request) -> web.StreamResponse:
    """Answer what each number is."""
    _given(request, ())
    return _reply(request, indicators_document(files.plain_wording()))


@needs(Permission.PUBLIC)
async def tables(request: web.Request) -> web.StreamResponse:
    """Answer which tables there are."""
    shared = request.app[FILES]
    shown = await shared.reading.figures(_release(_given(request, ("release",))))
    return _reply(request, tables_document(shown, await files.wording(shared.pool)))


@needs(Permission.PUBLIC)
async def table(request: web.Request) -> web.StreamResponse:
    """Answer one page of a table, with what its codes are called."""
    shared = request.app[FILES]
    given = _given(request, ("release", "limit", "cursor"))
    limit = _limit(given.get("limit", ""))
    shown = await shared.reading.figures(_release(given))
    found = shown.figures.named(request.match_info["table"])
    if found is None:
        raise NotFoundError(
            "observatory-table-unknown",
            N_("non c'è una tabella con questo nome: {name}"),
            hint=N_("l'elenco è in {path}"),
            name=request.match_info["table"][:80],
            path=f"{PATH}/tables",
        )
    start = _start(given.get("cursor", ""), shown.cells_digest(found))
    document = table_document(shown, found, await files.wording(shared.pool), start, limit)
    if not document["cursor"]:
        return _reply(request, document)
    query = {**given, "cursor": document["cursor"]}
    return _reply(request, document, f'<{request.path}?{urlencode(query)}>; rel="next"')


@needs(Permission.PUBLIC)
async def releases(request: web.Request) -> web.StreamResponse:
    """Answer which releases there are, the newest first."""
    _given(request, ())
    return _reply(request, releases_document(await request.app[FILES].reading.releases()))


def _reply(request: web.Request, document: Mapping[str, Any], link: str = "") -> web.Response:
    return send(request, _written(document), {**_JSON, "Link": f"{LICENSED}, {link}" if link else LICENSED})


def _written(document: Mapping[str, Any]) -> bytes:
    """Return JSON; also of whole numbers that the fast writer does not know (beyond 64 bits)."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _given(request: web.Request, allowed: Iterable[str]) -> dict[str, str]:
    """Return the parameters that are filled. Raises: CallerError query-parameter-unknown, query-parameter-repeated."""
    given: dict[str, str] = {}
    for name, value in request.query.items():
        if name not in allowed:
            raise CallerError(
                "query-parameter-unknown",
                N_("parametro sconosciuto: {name}"),
                hint=N_("valori ammessi: {near}"),
                name=name[:60],
                near=", ".join(allowed),
            )
        if name in given:
            raise CallerError("query-parameter-repeated", N_("parametro ripetuto: {name}"), where=name, name=name)
        given[name] = value.strip()
    return {name: value for name, value in given.items() if value}


def _release(given: Mapping[str, str]) -> str | None:
    release = given.get("release", dcat.NEWEST)
    return None if release == dcat.NEWEST else release


def _limit(text: str) -> int:
    if not text:
        return LIMIT_DEFAULT
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= LIMIT_MAX:
        raise CallerError("query-value-bad", N_("serve un numero da 1 a {most}"), where="limit", most=LIMIT_MAX)
    return int(text)


def _start(cursor: str, digest: str) -> int:
    if not cursor:
        return 0
    found = _CURSOR.fullmatch(cursor)
    # A cursor of other cells would skip or repeat some without saying so; a build that left this table as it was is no reason to begin anew.
    if found is None or found.group(1) != digest[:16]:
        raise CallerError(
            "query-cursor-bad",
            N_("il cursore non è di questi dati"),
            where="cursor",
            hint=N_("ricominciare dalla prima pagina"),
        )
    return int(found.group(2))


def indicators_document(told: Wording) -> dict[str, Any]:
    """Return all indicators as the JSON value described above."""
    return {
        "indicators": [
            {
                "ident": found.ident,
                "title": told.both(found.title),
                "definition": told.both(found.definition),
                "formula": told.both(found.formula),
                "unit": told.both(found.unit),
                "source": told.both(found.source),
                "tier": found.tier,
                "decimals": found.decimals,
            }
            for found in told.indicators.values()
        ]
    }


def tables_document(shown: Shown, told: Wording) -> dict[str, Any]:
    """Return the tables of some figures, without their cells, as the JSON value described above."""
    folder = f"{dcat.FILES}/{shown.release or dcat.NEWEST}"
    return {
        "release": shown.release,
        "as_of": shown.figures.as_of.isoformat(),
        "made_at": _moment(shown.figures.made_at),
        "digest": shown.digest,
        "licence": LICENCE,
        "coverage": dict(shown.figures.coverage),
        "tables": [
            {
                "ident": found.ident,
                "indicator": found.indicator,
                "title": told.titles(found),
                "dimensions": list(found.dimensions),
                "as_of": found.as_of.isoformat(),
                "tier": found.tier,
                "cells": len(found.cells),
                "files": {kind.ending: f"{folder}/{found.ident}.{kind.ending}" for kind in dcat.KINDS},
            }
            for found in sorted(shown.figures.tables, key=lambda found: found.ident)
        ],
    }


def table_document(shown: Shown, found: Table, told: Wording, start: int, limit: int) -> dict[str, Any]:
    """Return some cells of a table, with all of its codes, as the JSON value described above."""
    end = start + limit
    return {
        "release": shown.release,
        "ident": found.ident,
        "indicator": found.indicator,
        "title": told.titles(found),
        "unit": told.both(told.indicator(found).unit),
        "source": told.both(told.source(found)),
        "notes": [told.both(note) for note in found.notes],
        "as_of": found.as_of.isoformat(),
        "tier": found.tier,
        "licence": LICENCE,
        "dimensions": [
            {
                "ident": ident,
                "title": told.both(told.dimension(ident).title),
                "codes": [{"code": code, "name": told.both(told.name(ident, code))} for code in codes],
            }
            for ident, codes in codes_of(found).items()
        ],
        "cells_total": len(found.cells),
        "cells": [_cell(found, cell) for cell in found.cells[start:end]],
        "cursor": f"{shown.cells_digest(found)[:16]}-{end}" if end < len(found.cells) else "",
    }


def _cell(found: Table, cell: Cell) -> dict[str, Any]:
    return {
        "at": dict(zip(found.dimensions, cell.at, strict=True)),
        "value": plain(cell.value),
        "status": cell.status.value,
    }


def releases_document(released: Iterable[Release]) -> dict[str, Any]:
    """Return releases as the JSON value described above."""
    return {
        "releases": [
            {
                "release": found.release_id,
                "as_of": found.as_of.isoformat(),
                "made_at": _moment(found.made_at),
                "digest": found.digest,
                "archive": f"{dcat.FILES}/{found.release_id}/{release_feed.ARCHIVE}",
            }
            for found in released
        ]
    }


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
