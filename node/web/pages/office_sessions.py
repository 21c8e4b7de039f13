"""Information sessions in the office's pages: planned, opened, changed, called off; who enrolled, who came, a sheet to print.

In: what an officer types. Out: what ``rete session`` does, by the same flow (docs/programme.md 1). Rules: who enrolled is shown to whoever
may read the programme, and stands in no address and no redirect; a form that is refused comes back with what was typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from node.domain.programme.session import STANDING_TITLES, STATE_TITLES, Person, Standing, State
from node.domain.roles import Permission
from node.errors import CallerError, NotFoundError
from node.flows.programme import session_mail
from node.flows.programme import sessions as flow
from node.flows.programme.sessions import Office, Typed
from node.runtime import current_own
from node.store.info_sessions import Enrolment, SessionRow
from node.web.middleware import language_of, status_of
from node.web.pages import desk
from node.web.pages.desk import DESK
from node.web.pages.frame import render
from node.web.pages.shown import Reader
from node.web.permission import needs

PATH: Final = "/ufficio/sessioni"
ONE: Final = f"{PATH}/{{meeting_id}}"
# The fields of a session's form, by those of the flow.
FIELDS: Final[Mapping[str, str]] = {
    "titolo": "title", "testo": "summary", "giorno": "day", "inizio": "begins", "fine": "ends", "iscrizioni": "enrol_until",
    "posti": "seats", "luogo": "place", "comune": "municipality", "provincia": "province", "titolo_en": "title_en",
    "testo_en": "summary_en",
}  # fmt: skip
PERSON: Final[Mapping[str, str]] = {
    "nome": "name", "posta": "email", "telefono": "phone", "impresa": "firm", "codice_fiscale": "tax_code", "comune": "municipality",
}  # fmt: skip
_AT: Final = {
    **{name: field for field, name in FIELDS.items()},
    "begins_at": "inizio",
    "ends_at": "fine",
}
_PERSON_AT: Final = {name: field for field, name in PERSON.items()}
CAME: Final[Mapping[str, bool | None]] = {"si": True, "no": False, "": None}
BADGES: Final[Mapping[State, str]] = {State.DRAFT: "secondary", State.OPEN: "success", State.CANCELLED: "danger"}


def routes() -> list[web.RouteDef]:
    """Return the pages of sessions and what their forms are sent to."""
    return [
        web.get(PATH, listed),
        web.get(f"{PATH}/nuova", new),
        web.post(f"{PATH}/nuova", add),
        web.get(ONE, show),
        web.get(f"{ONE}/stampa", sheet),
        web.get(f"{ONE}/modifica", edit),
        web.post(f"{ONE}/modifica", change),
        web.post(f"{ONE}/apri", announce),
        web.post(f"{ONE}/annulla", cancel),
        web.post(f"{ONE}/iscrivi", enrol),
        web.post(f"{ONE}/presenze", attend),
        web.post(f"{ONE}/iscrizioni/{{enrolment_id}}/annulla", give_back),
    ]


def _page(session_id: str) -> str:
    return ONE.format(meeting_id=session_id)


async def _office(request: web.Request) -> Office:
    node = request.app[DESK]
    return Office(node.pool, node.config, await current_own(node))


def said_of_session(reader: Reader, row: SessionRow) -> dict[str, Any]:
    """Return a session as a page shows it."""
    return {
        "session_id": row.session_id,
        "title": row.session.title,
        "day": row.session.begins_at.date(),
        "hours": f"{row.session.begins_at:%H:%M}-{row.session.ends_at:%H:%M}",
        "place": session_mail.place_in(row.session),
        "online": row.session.online,
        "summary": row.session.summary,
        "enrol_until": row.session.enrol_until,
        "seats": row.session.seats,
        "taken": row.taken,
        "waiting": row.waiting,
        "attended": row.attended,
        "state": reader.tr(STATE_TITLES[row.state]),
        "badge": BADGES[row.state],
        "is_draft": row.state is State.DRAFT,
        "is_open": row.state is State.OPEN,
        "is_off": row.state is State.CANCELLED,
    }


@needs(Permission.PROGRAMME_READ)
async def listed(request: web.Request) -> web.StreamResponse:
    """Show all sessions, the latest first."""
    node, reader = request.app[DESK], desk.reader_of(request)
    found = await flow.list_all(node.pool)
    return render(
        request,
        "office/sessions.html",
        done=desk.said_of(request),
        rows=[said_of_session(reader, row) for row in found],
        may_write=desk.may(request, Permission.PROGRAMME_WRITE),
    )


@needs(Permission.PROGRAMME_WRITE)
async def new(request: web.Request) -> web.StreamResponse:
    """Show an empty form."""
    return _form(request, {}, "")


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def edit(request: web.Request) -> web.StreamResponse:
    """Show the form of a session."""
    row, _ = await flow.read(request.app[DESK].pool, request.match_info["meeting_id"])
    typed = flow.typed_of(row.session)
    given: dict[str, Any] = {field: getattr(typed, name) for field, name in FIELDS.items()}
    return _form(request, {**given, "in_linea": "yes" if typed.online else ""}, row.session_id)


def _form(
    request: web.Request, given: Mapping[str, Any], session_id: str, error: CallerError | None = None
) -> web.Response:
    return render(
        request,
        "office/session_form.html",
        status=200 if error is None else status_of(error),
        errors=[] if error is None else [(_AT.get(error.where, "titolo"), desk.explained(error, request))],
        given={name: desk.text_in(given, name) for name in (*FIELDS, "in_linea")},
        session_id=session_id,
        here=f"{_page(session_id)}/modifica" if session_id else f"{PATH}/nuova",
    )


def _typed(sent: Mapping[str, Any]) -> Typed:
    said = {name: desk.text_in(sent, field) for field, name in FIELDS.items()}
    return Typed(**said, online=desk.text_in(sent, "in_linea") == "yes")


@needs(Permission.PROGRAMME_WRITE)
async def add(request: web.Request) -> web.StreamResponse:
    """Plan a session."""
    node, sent = request.app[DESK], await desk.form_of(request)
    try:
        planned = flow.session_of(_typed(sent))
    except CallerError as error:
        return _form(request, sent, "", error)
    made = await flow.plan(node.pool, planned, desk.officer_of(request), node.clock())
    return desk.go(f"{_page(made)}?{desk.DONE}=sessione")


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def change(request: web.Request) -> web.StreamResponse:
    """Change a session."""
    node, sent, session_id = request.app[DESK], await desk.form_of(request), request.match_info["meeting_id"]
    try:
        await flow.change(await _office(request), session_id, flow.session_of(_typed(sent)), node.clock())
    except CallerError as error:
        if isinstance(error, NotFoundError):
            raise
        return _form(request, sent, session_id, error)
    return await _done(request, session_id, "sessione-cambiata")


async def _done(request: web.Request, session_id: str, word: str) -> web.Response:
    await desk.keep_mark(request)
    return desk.go(f"{_page(session_id)}?{desk.DONE}={word}")


@needs(Permission.PROGRAMME_READ, hidden=True, invites=True)
async def show(request: web.Request) -> web.StreamResponse:
    """Show a session, who enrolled and who came."""
    return await _show(request, {})


async def _show(request: web.Request, given: Mapping[str, Any], error: CallerError | None = None) -> web.Response:
    node, reader = request.app[DESK], desk.reader_of(request)
    row, people = await flow.read(node.pool, request.match_info["meeting_id"])
    today = flow.today_of(node.clock())
    return render(
        request,
        "office/session.html",
        status=200 if error is None else status_of(error),
        done=desk.said_of(request) if error is None else "",
        errors=[] if error is None else [(_PERSON_AT.get(error.where, "nome"), desk.explained(error, request))],
        given={name: desk.text_in(given, name) for name in PERSON},
        session=said_of_session(reader, row),
        people=[_line(reader, found) for found in people],
        has_begun=row.session.begins_at.date() <= today,
        may_write=desk.may(request, Permission.PROGRAMME_WRITE),
    )


def _line(reader: Reader, found: Enrolment) -> dict[str, Any]:
    return {
        "enrolment_id": found.enrolment_id,
        "name": found.person.name,
        "firm": found.person.firm,
        "email": found.person.email,
        "phone": found.person.phone,
        "standing": reader.tr(STANDING_TITLES[found.standing]),
        "has_seat": found.standing is Standing.CONFIRMED,
        "is_out": found.standing is Standing.CANCELLED,
        "came": next(word for word, value in CAME.items() if value is found.attended),
        "enrolled_at": found.enrolled_at,
    }


@needs(Permission.PROGRAMME_READ, hidden=True, invites=True)
async def sheet(request: web.Request) -> web.StreamResponse:
    """Show the sheet that people sign."""
    reader = desk.reader_of(request)
    row, people = await flow.read(request.app[DESK].pool, request.match_info["meeting_id"])
    seated = sorted((p.person for p in people if p.standing is Standing.CONFIRMED), key=lambda person: person.name)
    return render(request, "office/session_print.html", session=said_of_session(reader, row), people=seated)


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def announce(request: web.Request) -> web.StreamResponse:
    """Open a session to everybody."""
    session_id = request.match_info["meeting_id"]
    try:
        announced = await flow.open_to_all(await _office(request), session_id, request.app[DESK].clock())
    except CallerError as error:
        if isinstance(error, NotFoundError):
            raise
        return await _show(request, {}, error)
    return await _done(request, session_id, "sessione-annunciata" if announced else "sessione-aperta")


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def cancel(request: web.Request) -> web.StreamResponse:
    """Call a session off."""
    session_id = request.match_info["meeting_id"]
    await flow.call_off(await _office(request), session_id, request.app[DESK].clock())
    return await _done(request, session_id, "sessione-annullata")


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def enrol(request: web.Request) -> web.StreamResponse:
    """Enrol somebody by hand."""
    node, sent, session_id = request.app[DESK], await desk.form_of(request), request.match_info["meeting_id"]
    person = Person(**{name: desk.text_in(sent, field) for field, name in PERSON.items()})
    try:
        await flow.enrol(
            node.pool, session_id, person, node.clock(), language=language_of(request), officer=desk.officer_of(request)
        )
    except CallerError as error:
        if isinstance(error, NotFoundError):
            raise
        return await _show(request, sent, error)
    return desk.go(f"{_page(session_id)}?{desk.DONE}=iscritto")


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def attend(request: web.Request) -> web.StreamResponse:
    """Note who came: the fields are named after enrolments."""
    node, sent, session_id = request.app[DESK], await desk.form_of(request), request.match_info["meeting_id"]
    _, people = await flow.read(node.pool, session_id)
    said = {p.enrolment_id: desk.text_in(sent, p.enrolment_id) for p in people if p.enrolment_id in sent}
    try:
        await flow.attend(node.pool, session_id, {key: CAME.get(word) for key, word in said.items()}, node.clock())
    except CallerError as error:
        if isinstance(error, NotFoundError):
            raise
        return await _show(request, {}, error)
    return desk.go(f"{_page(session_id)}?{desk.DONE}=presenze")


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def give_back(request: web.Request) -> web.StreamResponse:
    """Give somebody's seat back."""
    session_id = request.match_info["meeting_id"]
    try:
        await flow.give_back(request.app[DESK].pool, request.match_info["enrolment_id"], request.app[DESK].clock())
    except CallerError as error:
        if isinstance(error, NotFoundError):
            raise
        return await _show(request, {}, error)
    return desk.go(f"{_page(session_id)}?{desk.DONE}=posto-liberato")
