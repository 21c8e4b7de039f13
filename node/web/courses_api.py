"""The JSON face of courses, and the check of certificates: ``/api/v1/courses``, ``/{course_id}``, ``POST /api/v1/certificates/checks``.

In: of the list ``q``, ``region``, ``owner``, ``state``, ``from``, ``until``, ``limit``, ``cursor`` as of announcements, and ``format`` (CSV: one row an
edition); of one course ``owner``; of a check a JSON object ``{"code", "name"}``. Out, with an ETag, stable within v1 (keys may be added)::

    {"total", "total_is_exact", "words_ignored", "items": [COURSE], "cursor"}
    COURSE: an announcement's facts (node/web/catalogue.py) with {"editions": [EDITION]}
    EDITION: {"code", "state": "open" | "cancelled" | "held", "is_open": places can be asked for today, "begins": day, "ends": day, "deadline": day or
              null, "seats": 20, "attendance": per cent or null, "certificates": 12, "sessions": 2}
    one: COURSE with {"trainers": [TEXT], "how": TEXT, "proof"}, each edition's "meetings" [{"day", "hour", "place", "municipality", "title": TEXT, "online"}]
    a check: {"is_valid": false}, or {"is_valid": true, "owner", "course_id", "title": TEXT, "edition", "begins", "ends"}

Rules: only what the courses' announcements say: no participant, and not how many places are left, which no log tells. Code and name of a certificate
are in no address, and nothing that is sent is kept. What is checked is checked by the door of the pages (node/web/pages/course_door.py).
Source: docs/courses.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from aiohttp import web

from node.domain.programme import parameters as read
from node.domain.programme.announcement import COURSE
from node.domain.programme.catalogue_query import PARAMETERS
from node.domain.programme.certificate import Certified
from node.domain.programme.course import Announced, announced_of
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError
from node.flows.programme import catalogue as flow
from node.flows.programme import public_rows
from node.flows.programme.catalogue import Item
from node.store.table import csv_table
from node.web import catalogue, exports, json_requests
from node.web.catalogue import VARIES, accept_of, item_facts, send
from node.web.cooperation import COOPERATION
from node.web.pages.courses import DOOR
from node.web.permission import needs

PATH: Final = "/api/v1/courses"
CHECKS: Final = "/api/v1/certificates/checks"
FORMS: Final = exports.tables("courses")
ASKED: Final = tuple(name for name in PARAMETERS if name not in ("kind", "line"))
CHECKED: Final = ("code", "name")
FIELD_MAX_CHARS: Final = 200


def routes() -> list[web.RouteDef]:
    """Return the routes; what they share is installed by ``api`` and by the pages of courses."""
    return [web.get(PATH, courses), web.get(f"{PATH}/{{course_id}}", course), web.post(CHECKS, check)]


@needs(Permission.PUBLIC)
async def courses(request: web.Request) -> web.StreamResponse:
    """Answer one page of the courses that members announce."""
    shared = request.app[COOPERATION]
    form, asked = exports.choose(request.query.items(), accept_of(request), FORMS)
    # Kinds and lines are no parameters of courses, also where their value would be right.
    read.given(asked, ASKED)
    query = flow.read_query([*asked, ("kind", COURSE)], shared.clock())
    result = await catalogue.found(shared, query)
    # Of all pages by the day of the first, as their states are.
    today = flow.day_of(query, shared.clock())
    found = [(item, announced_of(item.document)) for item in result.items]
    told = [pair for pair in query.parameters() if pair[0] != "kind"]
    more = {**VARIES, **exports.next_link(request.path, told, form, result.cursor)}
    if form is exports.JSON:
        document = {
            "total": result.total,
            "total_is_exact": result.total_is_exact,
            "words_ignored": result.words_ignored,
            "items": [course_facts(item, editions, today) for item, editions in found],
            "cursor": result.cursor,
        }
        return send(request, orjson.dumps(document), form, more)
    body = await asyncio.to_thread(csv_table, public_rows.EDITION_COLUMNS, public_rows.editions(found, today))
    return send(request, body, form, more)


@needs(Permission.PUBLIC)
async def course(request: web.Request) -> web.StreamResponse:
    """Answer one course, whole; ``owner`` tells apart logs that hold the same identifier."""
    shared = request.app[COOPERATION]
    owner = read.given(request.query.items(), ("owner",)).get("owner", "")
    item, proof = await catalogue.read(shared, request.match_info["course_id"], owner)
    if item.announcement.kind != COURSE:
        raise NotFoundError("announcement-unknown", flow.UNKNOWN)
    return send(request, orjson.dumps(course_document(item, proof, flow.today(shared.clock()))), exports.JSON)


@needs(Permission.PUBLIC)
async def check(request: web.Request) -> web.StreamResponse:
    """Say whether some member's log holds a certificate of this code and name."""
    refused = CallerError(
        "certificate-check-bad",
        N_("il corpo della richiesta non è un attestato da verificare"),
        hint=N_('serve {{"code": "...", "name": "..."}}, come stanno sull\'attestato'),
    )
    document = await json_requests.document(request, refused)
    given = [document.get(name) for name in CHECKED]
    if set(document) != set(CHECKED) or not all(isinstance(text, str) and len(text) <= FIELD_MAX_CHARS for text in given):  # fmt: skip
        raise refused
    found = await request.app[DOOR].verify(document["code"], document["name"])
    told = orjson.dumps(verdict_document(found))
    return web.Response(body=told, content_type="application/json", headers={"Cache-Control": "no-store"})


def course_facts(item: Item, editions: Sequence[Announced], today: dt.date) -> dict[str, Any]:
    """Return what a list shows of a course."""
    return {**item_facts(item), "editions": [_edition(one, today) for one in editions]}


def course_document(item: Item, proof: str | None, today: dt.date) -> dict[str, Any]:
    """Return a course with the meetings of its editions, its trainers' roles and its tlog-proof."""
    editions = announced_of(item.document)
    detail = item.announcement.detail
    told = [{**_edition(one, today), "meetings": [_meeting(held) for held in one.offered.sessions]} for one in editions]
    return {**item_facts(item), "editions": told, "trainers": detail["trainers"], "how": detail["how"], "proof": proof}


def _edition(one: Announced, today: dt.date) -> dict[str, Any]:
    made = one.offered
    return {
        "code": made.code,
        "state": made.state.value,
        "is_open": made.is_open(today),
        "begins": made.begins.isoformat(),
        "ends": made.ends.isoformat(),
        "deadline": None if made.deadline is None else made.deadline.isoformat(),
        "seats": one.seats,
        "attendance": one.percent,
        "certificates": one.certificates,
        "sessions": len(made.sessions),
    }


def _meeting(held: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "day": held["day"],
        "hour": held["hour"],
        "place": held["place"],
        "municipality": held.get("municipality"),
        "title": held.get("title"),
        "online": held.get("online", False),
    }


def verdict_document(found: Certified | None) -> dict[str, Any]:
    """Return what the logs say of a certificate; the command line prints the same."""
    if found is None:
        return {"is_valid": False}
    return {
        "is_valid": True,
        "owner": found.owner,
        "course_id": found.course_id,
        "title": dict(found.title),
        "edition": found.edition,
        "begins": found.begins.isoformat(),
        "ends": found.ends.isoformat(),
    }
