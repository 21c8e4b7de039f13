"""A firm's own request for an introduction, over HTTP: ``/api/v1/introduction-requests``.

``POST`` with ``{"profile_id", "owner"?, "text", "purpose"?, "applicant": {"name", "person", "email", "phone"?, "tax_code"?, "municipality"?,
"region"?, "section"?}}`` answers 201, and the token only here and now: ``{"introduction_id", "state": "draft", "token"}``. Nothing
leaves this office before an officer has endorsed it. ``GET /{introduction_id}`` wants ``Authorization: Bearer TOKEN`` and answers states,
days and kinds of events; a wrong token and an unknown request are the same 404.

Rules: nothing here can import the register or a case; what writes and reads one is handed in (node/web/introductions.py). No private
word is answered, not even the firm's own. Counted like a search that is saved (node/web/allowance.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, CallerError
from node.web import json_requests
from node.web.permission import needs

PATH: Final = "/api/v1/introduction-requests"
NEEDED: Final = frozenset({"profile_id", "text", "applicant"})
KEYS: Final = NEEDED | {"purpose", "owner"}
APPLICANT_NEEDED: Final = frozenset({"name", "person", "email"})
APPLICANT_KEYS: Final = (*sorted(APPLICANT_NEEDED), "phone", "tax_code", "municipality", "region", "section")
PURPOSE: Final = "request"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a firm asks."""

    profile_id: str
    text: str
    purpose: str
    owner: str
    applicant: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Requests:
    """What takes a request and returns its id and token, and what tells how one stands by both."""

    ask: Callable[[Asked], Awaitable[tuple[str, str]]]
    standing: Callable[[str, str], Awaitable[Mapping[str, Any]]]


REQUESTS = web.AppKey("introduction-requests", Requests)


def install(app: web.Application, requests: Requests) -> None:
    """Add the routes and what they share to ``app``."""
    app[REQUESTS] = requests
    app.add_routes([web.post(PATH, create), web.get(f"{PATH}/{{introduction_id}}", show, allow_head=False)])


@needs(Permission.PUBLIC)
async def create(request: web.Request) -> web.StreamResponse:
    """Keep a firm's request for an officer to look at."""
    asked = read_asked(await json_requests.document(request, bad_body()))
    introduction_id, token = await request.app[REQUESTS].ask(asked)
    told = {"introduction_id": introduction_id, "state": "draft", "token": token}
    # The token is in this answer alone.
    headers = {"Location": f"{PATH}/{introduction_id}", "Cache-Control": "no-store"}
    return web.Response(body=orjson.dumps(told), status=201, content_type="application/json", headers=headers)


@needs(Permission.TOKEN)
async def show(request: web.Request) -> web.StreamResponse:
    """Answer how a request stands to whoever has its token."""
    token = json_requests.bearer_of(request)
    told = await request.app[REQUESTS].standing(request.match_info["introduction_id"], token)
    return web.Response(body=orjson.dumps(told), content_type="application/json", headers={"Cache-Control": "no-store"})


def bad_body() -> CallerError:
    """Return the refusal of a body that is not as the API describes it."""
    return CallerError(
        "introduction-body-bad",
        N_("il corpo della richiesta non è quello che serve"),
        hint=N_("le chiavi sono in /api/v1/openapi.json; i valori sono testi"),
    )


def read_asked(document: Mapping[str, Any]) -> Asked:
    """Return what a body asks. Raises: CallerError(introduction-body-bad)."""
    applicant = document.get("applicant")
    if not set(document) >= NEEDED or set(document) - KEYS or not isinstance(applicant, dict):
        raise bad_body()
    if not set(applicant) >= APPLICANT_NEEDED or set(applicant) - set(APPLICANT_KEYS):
        raise bad_body()
    texts = {
        "purpose": PURPOSE,
        "owner": "",
        **{name: value for name, value in document.items() if name != "applicant"},
    }
    if not all(isinstance(value, str) for value in (*texts.values(), *applicant.values())):
        raise bad_body()
    return Asked(texts["profile_id"], texts["text"], texts["purpose"], texts["owner"], applicant)
