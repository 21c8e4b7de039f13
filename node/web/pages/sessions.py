"""Information sessions for everybody: which there are, a form to enrol, and by a code one's own enrolment, to see or to give back.

In: what somebody types who enrols; later a code. Out: a seat or a place in the queue, and the code, once. Rules: the code stands in no address
and no link; whoever has a wrong one is told what whoever asks for an enrolment that is not there is told; how many are enrolled is told
to nobody. Nothing here can import private records (tests/test_house.py): all that it can do are the functions of its ``Door``, which
node/web/pages/session_door.py hangs in. Source: docs/programme.md 1.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError
from node.i18n import translator
from node.web.middleware import language_of, status_of
from node.web.pages.frame import SITE, render
from node.web.permission import needs

PATH: Final = "/sessioni"
ENROL: Final = f"{PATH}/{{meeting_id}}/iscrizione"
STANDING: Final = f"{PATH}/iscrizioni/{{enrolment_id}}"
# The fields of the form: what somebody is called in the form, and what the flow calls it.
FIELDS: Final[Mapping[str, str]] = {
    "nome": "name", "posta": "email", "telefono": "phone", "impresa": "firm", "codice_fiscale": "tax_code", "comune": "municipality",
}  # fmt: skip
_AT: Final = {**{name: field_ for field_, name in FIELDS.items()}, "informativa": "informativa"}
FORM, FORM_CHARS = "modulo", 32
HEADERS: Final = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
UNREAD: Final = CallerError(
    "enrolment-notice-unread",
    N_("serve confermare di aver letto come l'ufficio tratta questi dati"),
    where="informativa",
)


@dataclass(frozen=True, slots=True)
class Meeting:
    """What everybody may know of a session; ``takes``: whether somebody may enrol now."""

    session_id: str
    title: str
    summary: str
    day: dt.date
    hours: str
    enrol_until: dt.date
    place: str
    online: bool
    has_seats: bool
    takes: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """An enrolment that is asked for. ``person`` is private, by the names of the flow."""

    session_id: str
    language: str
    form: str
    person: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stand:
    """How an enrolment stands: its session and a state, no name of anybody."""

    meeting: Meeting
    state: str
    is_off: bool
    can_give_back: bool


@dataclass(frozen=True, slots=True)
class Door:
    """All that these pages can do; ``enrol`` returns an identifier, a state in words, and a code (none for one that is here)."""

    kept_days: Callable[[], int]
    meetings: Callable[[str], Awaitable[Sequence[Meeting]]]
    meeting: Callable[[str, str], Awaitable[Meeting]]
    enrol: Callable[[Asked], Awaitable[tuple[str, str, str]]]
    standing: Callable[[str, str, str], Awaitable[Stand]]
    give_back: Callable[[str, str], Awaitable[None]]


DOOR = web.AppKey("sessions-door", Door)


def routes() -> list[web.RouteDef]:
    """Return the list, the form, and the page on which a code is shown."""
    return [
        web.get(PATH, listed),
        web.get(STANDING, code_form),
        web.post(STANDING, standing),
        web.get(ENROL, form),
        web.post(ENROL, enrol),
    ]


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name, "")
    return value if isinstance(value, str) else ""


def _sentence(request: web.Request, error: CallerError) -> str:
    what, _, hint = error.render(translator(language_of(request)))
    return f"{'. '.join(part[:1].upper() + part[1:] for part in (what, hint) if part)}."


@needs(Permission.PUBLIC)
async def listed(request: web.Request) -> web.StreamResponse:
    """Show the open sessions, the next first."""
    found = await request.app[DOOR].meetings(language_of(request))
    return render(request, "sessions.html", meetings=found, contact=request.app[SITE].contact)


@needs(Permission.PUBLIC)
async def form(request: web.Request) -> web.StreamResponse:
    """Show the form, or that it is closed."""
    return await _form(request, {})


async def _form(request: web.Request, given: Mapping[str, Any], error: CallerError | None = None) -> web.Response:
    door = request.app[DOOR]
    meeting = await door.meeting(request.match_info["meeting_id"], language_of(request))
    drawn = _text(given, FORM)
    return render(
        request,
        "session_enrol.html",
        status=200 if error is None else status_of(error),
        headers={"Cache-Control": "no-store"},
        meeting=meeting,
        here=ENROL.format(meeting_id=meeting.session_id),
        errors=[] if error is None else [(_AT.get(error.where, ""), _sentence(request, error))],
        given={name: _text(given, name) for name in FIELDS},
        form=drawn if len(drawn) == FORM_CHARS and drawn.isascii() else secrets.token_hex(FORM_CHARS // 2),
        kept_days=door.kept_days(),
        contact=request.app[SITE].contact,
    )


@needs(Permission.PUBLIC)
async def enrol(request: web.Request) -> web.StreamResponse:
    """Enrol, and show the code, once."""
    door, sent = request.app[DOOR], await request.post()
    if _text(sent, "informativa") != "yes":
        return await _form(request, sent, UNREAD)
    person = {name: _text(sent, field_) for field_, name in FIELDS.items()}
    asked = Asked(request.match_info["meeting_id"], language_of(request), _text(sent, FORM)[:FORM_CHARS], person)
    try:
        enrolment_id, state, code = await door.enrol(asked)
    except CallerError as error:
        if isinstance(error, NotFoundError):
            raise
        return await _form(request, sent, error)
    return render(
        request,
        "session_enrolled.html",
        headers=HEADERS,
        meeting=await door.meeting(asked.session_id, language_of(request)),
        where=STANDING.format(enrolment_id=enrolment_id),
        state=state,
        code=code,
    )


@needs(Permission.PUBLIC)
async def code_form(request: web.Request) -> web.StreamResponse:
    """Ask for the code; the page is the same whether there is an enrolment or not."""
    return _standing(request, None)


@needs(Permission.PUBLIC)
async def standing(request: web.Request) -> web.StreamResponse:
    """Show how an enrolment stands to whoever has its code; give it back where that is asked for."""
    door, sent, key = request.app[DOOR], await request.post(), request.match_info["enrolment_id"]
    code = _text(sent, "codice").strip()
    try:
        if _text(sent, "azione") == "annulla":
            await door.give_back(key, code)
        return _standing(request, await door.standing(key, code, language_of(request)), code=code)
    except CallerError as error:
        return _standing(request, None, error)


def _standing(
    request: web.Request, found: Stand | None, error: CallerError | None = None, *, code: str = ""
) -> web.Response:
    return render(
        request,
        "session_stands.html",
        status=200 if error is None else status_of(error),
        headers=HEADERS,
        here=STANDING.format(enrolment_id=request.match_info["enrolment_id"]),
        errors=[] if error is None else [("codice", _sentence(request, error))],
        found=found,
        code=code,
    )
