"""Introductions for officers' own programs and pages: ``/api/v1/introductions``, by the session of whoever signed in.

``GET /api/v1/introductions?state=&party=&peer=&waiting=1&limit=&cursor=`` answers ``{"introductions": [...], "cursor"}``, what changed
last first; ``GET /{introduction_id}`` one case whole; ``POST /{introduction_id}/events`` with ``{"kind", "text"?, "detail"?, "person"?,
"contact"?: {"person", "role", "email", "phone"}, "sure"?, "seen"?}`` does one deed and answers 201 with the case as it stands then (409
``introduction-not-now``). Documents: node/web/introduction_documents.py.

Rules: a session's cookie alone changes nothing: every POST carries the session's token in ``X-CSRF-Token``, comes from no other site
(node/web/forms.py) and is JSON. The token is in the header of that name of every GET here, which another site cannot read.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, Final

import orjson
from aiohttp import web

from node.domain.introduction import HUMAN, Kind, Party, State
from node.domain.officers import key_of
from node.domain.roles import Permission
from node.errors import N_, CallerError
from node.flows.introductions import asking, casefile, deeds
from node.flows.introductions.asking import Applicant, Wish
from node.flows.introductions.casefile import list_cases
from node.flows.introductions.deeds import Deed
from node.flows.upkeep import audit
from node.runtime import Node
from node.store.introductions import Listed, Sought
from node.store.reference import load_label_reference
from node.web import forms, introduction_requests, json_requests
from node.web.introduction_documents import case_document, listed_document, standing_document
from node.web.introduction_requests import Asked, Requests, bad_body
from node.web.openapi_introductions import CONTACT, CURSOR_MAX_CHARS, LIMIT_DEFAULT, LIMIT_MAX, PATH
from node.web.permission import USER, needs

FIRST_YEAR, LAST_YEAR = 2000, 9000
PARAMETERS: Final = ("state", "party", "peer", "waiting", "limit", "cursor")
TEXTS: Final = ("kind", "text", "detail", "person", "seen")
NODE = web.AppKey("introductions-node", Node)


def install(app: web.Application, node: Node) -> None:
    """Add the routes of officers and of firms, and what they share, to ``app``."""
    app[NODE] = node
    introduction_requests.install(app, _requests(node))
    app.add_routes(
        [
            web.get(PATH, listed, allow_head=False),
            web.get(f"{PATH}/{{introduction_id}}", show, allow_head=False),
            web.post(f"{PATH}/{{introduction_id}}/events", act),
        ]
    )


def _requests(node: Node) -> Requests:
    async def ask(asked: Asked) -> tuple[str, str]:
        applicant = Applicant(**asked.applicant)
        wish = Wish(asked.profile_id, asked.text, asked.purpose, applicant=applicant, owner=asked.owner)
        return await asking.ask(node.office(), wish, node.clock(), load_label_reference())

    async def standing(introduction_id: str, token: str) -> Mapping[str, Any]:
        return standing_document(await casefile.standing(node.office(), introduction_id, token))

    return Requests(ask, standing)


@needs(Permission.INTRODUCTIONS_READ)
async def listed(request: web.Request) -> web.StreamResponse:
    """Answer a page of cases."""
    sought, limit = read_sought(request.query.items())
    # One more than asked for says whether there is another page.
    found = await list_cases(request.app[NODE].office(), sought, limit + 1, request.app[NODE].clock())
    page = found[:limit]
    cursor = write_cursor(page[-1]) if len(found) > limit else ""
    return _answer(request, {"introductions": [listed_document(item) for item in page], "cursor": cursor})


@needs(Permission.INTRODUCTIONS_READ)
async def show(request: web.Request) -> web.StreamResponse:
    """Answer one case, whole."""
    return _answer(request, await _case(request))


@needs(Permission.INTRODUCTIONS_WRITE)
async def act(request: web.Request) -> web.StreamResponse:
    """Do what an officer decided in a case."""
    node, user = request.app[NODE], request[USER]
    # The name that pages and commands write.
    officer = key_of(user.name) if user else ""
    deed = read_deed(await json_requests.document(request, bad_body()))
    introduction_id = request.match_info["introduction_id"]
    try:
        introduction_id = str(uuid.UUID(introduction_id))
    except ValueError:
        # Refused as one that is not there.
        await casefile.read(node.office(), introduction_id)
    await deeds.act(node.office(), introduction_id, deed, officer, node.clock())
    await audit.keep_mark(node.pool, node.home)
    return _answer(request, await _case(request), 201, Location=f"{PATH}/{introduction_id}")


async def _case(request: web.Request) -> dict[str, Any]:
    node = request.app[NODE]
    opened = await casefile.read(node.office(), request.match_info["introduction_id"])
    return case_document(opened, node.clock(), await casefile.offered(node.office(), opened.row, opened.may))


def _answer(request: web.Request, document: Mapping[str, Any], status: int = 200, **more: str) -> web.Response:
    headers = {"Cache-Control": "no-store", forms.HEADER: forms.token(request), **more}
    return web.Response(
        body=orjson.dumps(document, default=str), status=status, content_type="application/json", headers=headers
    )


def read_deed(document: Mapping[str, Any]) -> Deed:
    """Return what a body says is done. Raises: CallerError(introduction-body-bad)."""
    contact, sure = document.get("contact", {}), document.get("sure", False)
    texts = {name: document.get(name, "") for name in TEXTS}
    seen = texts["seen"] if "seen" in document else None
    if set(document) - {*TEXTS, "contact", "sure"} or not isinstance(sure, bool):
        raise bad_body()
    if not isinstance(contact, dict) or set(contact) - set(CONTACT):
        raise bad_body()
    if not all(isinstance(value, str) for value in (*texts.values(), *contact.values())):
        raise bad_body()
    if texts["kind"] not in {str(kind) for kind in HUMAN}:
        raise bad_body()
    return Deed(Kind(texts["kind"]), texts["text"], texts["detail"], texts["person"], contact, sure, seen)


def read_sought(given: Any) -> tuple[Sought, int]:
    """Return which cases are asked for and how many. Raises: CallerError(query-parameter-unknown, query-parameter-repeated, query-value-bad)."""
    asked: dict[str, str] = {}
    for name, value in given:
        if name not in PARAMETERS:
            raise CallerError("query-parameter-unknown", N_("parametro sconosciuto: {name}"), name=name[:60])
        if name in asked:
            raise CallerError("query-parameter-repeated", N_("parametro ripetuto: {name}"), name=name)
        asked[name] = value
    asked = {name: value for name, value in asked.items() if value}
    try:
        state, party = asked.get("state"), asked.get("party")
        sought = Sought(
            None if party is None else Party(party),
            None if state is None else (State(state),),
            {"1": True, "0": False}[asked.get("waiting", "0")],
            asked.get("peer"),
            read_cursor(asked["cursor"]) if "cursor" in asked else None,
        )
        limit = int(asked.get("limit", LIMIT_DEFAULT))
    except (ValueError, KeyError) as error:
        raise _value() from error
    if not 1 <= limit <= LIMIT_MAX:
        raise _value()
    return sought, limit


def _value() -> CallerError:
    return CallerError(
        "query-value-bad",
        N_("un parametro ha un valore che non può avere"),
        hint=N_("i valori ammessi sono in /api/v1/openapi.json"),
    )


def write_cursor(item: Listed) -> str:
    """Return where a page ends, as text of an address: a moment and a random identifier, nothing private."""
    raw = f"{item.changed_at.isoformat()}|{item.introduction_id}"
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def read_cursor(text: str) -> tuple[dt.datetime, str]:
    """Return where a page ended. Raises: ValueError."""
    if len(text) > CURSOR_MAX_CHARS or not text.isascii():
        raise ValueError("cursor")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("cursor") from error
    moment, _, introduction_id = raw.partition("|")
    at = dt.datetime.fromisoformat(moment)
    # Times near the ends of the calendar are none of ours, and have no place in another zone.
    if at.tzinfo is None or not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError("cursor")
    return at, str(uuid.UUID(introduction_id))
