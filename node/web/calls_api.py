"""The JSON face of joint calls: ``/api/v1/calls``, ``/api/v1/calls/{call_id}``, ``/api/v1/calls/{call_id}/ranking``.

In: of the list ``state``, ``issuer``, ``limit``, ``cursor``; of a ranking ``limit``, ``cursor`` (domain/programme/call_query); of both ``format``.
Out, with an ETag and a Link to the next page, and stable within v1 (keys may be added); TEXT is ``{"it", "en"}``::

    {"total": 2, "items": [CALL], "cursor": "text for the next page, empty on the last"}
    CALL: {"call_id", "digest", "title": TEXT, "text": TEXT, "regions": [], "opens": time, "closes": time, "mode", "budget": euro, "max_grant": euro,
           "state": "unendorsed" | "contested" | "announced" | "open" | "closed", "is_open": false,
           "endorsements": [{"issuer", "share": euro, "state": "endorsed" | "missing" | "differs"}]}
    one: CALL with {"document": the endorsed object, "others": [{"digest", "endorsers"}], "ranking": HEAD or null}
    HEAD: {"edition", "published_by": [issuer], "is_signed": by all issuers the same bytes, "appeals_until": day, "rows": 12}
    ranking: {"call_id", "digest", **HEAD, "items": [{"rank", "office", "protocol", "points", "status", "reasons", "granted"}], "cursor"}

Rules: what the signed logs say, and nothing of any office's own: of applications only the published ranking's rows, as the page of the call shows them.
Of a contested call the text that most issuers have endorsed is shown, and the others named. Source: PROTOCOL 14; docs/calls.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from aiohttp import web

from node.domain.programme import call as rules
from node.domain.programme import call_query, published_ranking
from node.domain.roles import Permission
from node.errors import N_, NotFoundError
from node.flows.programme import issued, public_rows
from node.flows.programme.issued import Issued, Rankings
from node.store.table import csv_table
from node.web import exports
from node.web.catalogue import VARIES, accept_of, send
from node.web.cooperation import COOPERATION
from node.web.permission import needs

PATH: Final = "/api/v1/calls"
LISTED: Final = exports.tables("calls")
RANKED: Final = exports.tables("ranking")
ENDORSED, MISSING, DIFFERS = ENDORSEMENTS = ("endorsed", "missing", "differs")


def routes() -> list[web.RouteDef]:
    """Return the routes; what they share is installed by ``api``."""
    return [
        web.get(PATH, calls),
        web.get(f"{PATH}/{{call_id}}", call),
        web.get(f"{PATH}/{{call_id}}/ranking", ranking),
    ]


@needs(Permission.PUBLIC)
async def calls(request: web.Request) -> web.StreamResponse:
    """Answer one page of the calls that some issuer has endorsed, what closes last first."""
    shared = request.app[COOPERATION]
    form, asked = exports.choose(request.query.items(), accept_of(request), LISTED)
    query = call_query.parse(asked)
    async with shared.turns.turn():
        everything = await issued.read_all(shared.pool, shared.clock())
    found = [one for one in everything if query.meets(one.call, one.standing.state)]
    rest = [one for one in found if query.after is None or call_query.place_of(one.call) < query.after]
    page = rest[: query.limit]
    cursor = query.cursor_after(page[-1].call) if len(rest) > query.limit else ""
    more = {**VARIES, **exports.next_link(request.path, query.parameters(), form, cursor)}
    if form is exports.JSON:
        document = {"total": len(found), "items": [call_facts(one) for one in page], "cursor": cursor}
        return send(request, orjson.dumps(document), form, more)
    body = await asyncio.to_thread(csv_table, public_rows.CALL_COLUMNS, public_rows.calls(page))
    return send(request, body, form, more)


@needs(Permission.PUBLIC)
async def call(request: web.Request) -> web.StreamResponse:
    """Answer one call, whole."""
    call_query.parse_nothing(request.query.items())
    texts, found = await _read(request)
    return send(request, orjson.dumps(call_document(texts, found)), exports.JSON)


@needs(Permission.PUBLIC)
async def ranking(request: web.Request) -> web.StreamResponse:
    """Answer one page of a call's published ranking."""
    form, asked = exports.choose(request.query.items(), accept_of(request), RANKED)
    query = call_query.parse_rows(asked)
    texts, found = await _read(request)
    one = texts[0].call
    head = head_of(texts[0], found)
    if head is None:
        raise NotFoundError("ranking-unpublished", N_("di questo bando non è ancora pubblicata una graduatoria"))
    parts = found.shown(one)
    page, cursor = query.page([row for part in parts for row in part["rows"]], published_ranking.digest_of(parts))
    more = {**VARIES, **exports.next_link(request.path, query.parameters(), form, cursor)}
    if form is exports.JSON:
        items = [{name: row[name] for name in public_rows.RANKING_COLUMNS} for row in page]
        document = {"call_id": one.call_id, "digest": one.digest, **head, "items": items, "cursor": cursor}
        return send(request, orjson.dumps(document), form, more)
    body = await asyncio.to_thread(csv_table, public_rows.RANKING_COLUMNS, public_rows.ranking(page))
    return send(request, body, form, more)


async def _read(request: web.Request) -> tuple[Sequence[Issued], Rankings]:
    """Return the texts of a call, that which is shown first, and its ranking. Raises: NotFoundError(call-unknown)."""
    shared, text = request.app[COOPERATION], request.match_info["call_id"]
    try:
        call_id = str(uuid.UUID(text))
    except ValueError as error:
        raise issued.unknown(text) from error
    async with shared.turns.turn():
        texts = await issued.of_id(shared.pool, call_id, shared.clock())
        if not texts:
            raise issued.unknown(text)
        return texts, await issued.rankings(shared.pool, texts[0].call)


def call_facts(one: Issued) -> dict[str, Any]:
    """Return what a list shows of a call."""
    made, standing = one.call, one.standing
    return {
        "call_id": made.call_id,
        "digest": made.digest,
        "title": dict(made.title),
        "text": dict(made.text),
        "regions": list(made.regions),
        "opens": _moment(made.opens),
        "closes": _moment(made.closes),
        "mode": made.mode,
        "budget": f"{made.budget:.2f}",
        "max_grant": f"{made.max_grant:.2f}",
        "state": standing.state,
        "is_open": standing.state == rules.OPEN,
        "endorsements": [
            {"issuer": issuer.node, "share": f"{issuer.share:.2f}", "state": _endorsement(one, issuer.node)}
            for issuer in made.issuers
        ],
    }


def _endorsement(one: Issued, node: str) -> str:
    if node in one.standing.differing:
        return DIFFERS
    return MISSING if node in one.standing.missing else ENDORSED


def call_document(texts: Sequence[Issued], found: Rankings) -> dict[str, Any]:
    """Return the first text of a call with its document, the other texts by name, the head of its ranking."""
    one = texts[0]
    others = [{"digest": other.call.digest, "endorsers": list(other.endorsers)} for other in texts[1:]]
    return {**call_facts(one), "document": dict(one.document), "others": others, "ranking": head_of(one, found)}


def head_of(one: Issued, found: Rankings) -> dict[str, Any] | None:
    """Return what is to be known of a published ranking besides its rows, None before there is one."""
    parts: Sequence[Mapping[str, Any]] = found.shown(one.call)
    if not parts:
        return None
    return {
        "edition": parts[0]["edition"],
        "published_by": sorted(found.parts),
        "is_signed": found.is_signed,
        "appeals_until": parts[0]["appeals_until"],
        "rows": sum(len(part["rows"]) for part in parts),
    }


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
