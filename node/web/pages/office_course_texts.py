"""The office's courses as they are written: a course's texts, its announcement, editions opened and changed.

In: forms of somebody signed in. Out: what node/flows/programme/courses and course_changes do. Rules: a form sent twice makes one course, since its
identifier stands in it; what is wrong is said at its field and what was typed stays; once a course is announced every change leaves at once, and the
page says so before. Source: docs/courses.md.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from node.domain.officers import key_of
from node.domain.programme import course, course_form
from node.domain.programme.course import ATTENDANCE_PERCENT, EditionState
from node.domain.programme.course_form import NAMES, REGIONS, Texts
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError
from node.flows.programme import course_changes, courses
from node.flows.programme.course_changes import Changes
from node.flows.programme.courses import Desk, Opened
from node.runtime import current_own
from node.store.courses import Course
from node.web.pages import desk
from node.web.pages.desk import DESK
from node.web.pages.frame import render
from node.web.permission import needs

PATH: Final = "/ufficio/corsi"
NEW: Final = f"{PATH}/nuovo"
ONE: Final = f"{PATH}/corso/{{course_id}}"
ID: Final = "identificativo"
SESSIONS_FIELD, TEACHERS = "incontri", "docenti"
# The fields of an edition, and which part of it a refusal names.
FIELDS: Final[Mapping[str, str]] = {
    "code": "codice", "seats": "posti", "begins": "comincia", "ends": "finisce", "deadline": "entro", "percent": "quota",
    "sessions": SESSIONS_FIELD,
}  # fmt: skip
# Typed numbers: nothing sensible is longer.
DIGITS_MAX: Final = 6


def routes() -> list[web.RouteDef]:
    """Return the pages on which courses are written; before those of editions, whose addresses are wider."""
    return [
        web.get(NEW, new),
        web.post(NEW, send_new),
        web.get(ONE, show),
        web.get(f"{ONE}/testi", edit),
        web.post(f"{ONE}/testi", send_edit),
        web.post(f"{ONE}/annuncio", announce),
        web.get(f"{ONE}/edizione", new_edition),
        web.post(f"{ONE}/edizione", send_edition),
        web.get(f"{PATH}/{{edition_id}}/modifica", edit_edition),
        web.post(f"{PATH}/{{edition_id}}/modifica", send_edit_edition),
    ]


async def _desk(request: web.Request) -> Desk:
    node = request.app[DESK]
    return Desk(node.pool, node.config, await current_own(node))


def _where(course_id: str) -> str:
    return ONE.format(course_id=course_id)


# --- a course ---


@needs(Permission.COURSES_WRITE)
async def new(request: web.Request) -> web.StreamResponse:
    """Show the empty form of a course."""
    return _form(request, dict.fromkeys(NAMES, ""), [], str(uuid.uuid4()), None)


@needs(Permission.COURSES_WRITE)
async def send_new(request: web.Request) -> web.StreamResponse:
    """Write a new course; nothing leaves yet."""
    sent = await desk.form_of(request)
    course_id = courses.checked_id(desk.text_in(sent, ID), courses.no_course)
    return await _send(request, sent, course_id, None)


@needs(Permission.COURSES_WRITE, hidden=True, invites=True)
async def edit(request: web.Request) -> web.StreamResponse:
    """Show the form of a course that is there."""
    found, _ = await course_changes.read(request.app[DESK].pool, request.match_info["course_id"])
    texts = Texts(found.title, found.summary, found.how, found.regions, found.trainers)
    return _form(request, course_form.fields_of(texts), found.regions, found.course_id, found)


@needs(Permission.COURSES_WRITE, hidden=True, invites=True)
async def send_edit(request: web.Request) -> web.StreamResponse:
    """Write a course's texts anew; once it is announced they leave at once."""
    found, _ = await course_changes.read(request.app[DESK].pool, request.match_info["course_id"])
    return await _send(request, await desk.form_of(request), found.course_id, found)


async def _send(request: web.Request, sent: Any, course_id: str, before: Course | None) -> web.StreamResponse:
    fields = {name: desk.text_in(sent, name) for name in NAMES}
    known = {code for code, _ in _regions(request)}
    regions = [code for code in sent.getall(REGIONS, []) if isinstance(code, str) and code in known]
    reading = course_form.read(fields, regions)
    if reading.texts is None:
        wrong = [(field, desk.explained(error, request)) for field, error in reading.wrong]
        return _form(request, fields, regions, course_id, before, wrong)
    said = reading.texts
    made = Course(course_id, said.title, said.summary, said.how, said.regions, said.roles)
    try:
        await courses.keep(await _desk(request), made, request.app[DESK].clock())
    except CallerError as error:
        return _form(request, fields, regions, course_id, before, [("", desk.explained(error, request))])
    await desk.keep_mark(request)
    return desk.go(f"{_where(course_id)}?{desk.DONE}=corso-scritto")


def _regions(request: web.Request) -> list[tuple[str, str]]:
    names = sorted((one.name, one.code) for one in desk.reader_of(request).reference.territories.regions)
    return [(code, name) for name, code in names]


def _form(
    request: web.Request, fields: Mapping[str, str], regions: Sequence[str], course_id: str, before: Course | None,
    errors: Sequence[tuple[str, str]] = (),
) -> web.Response:  # fmt: skip
    return render(
        request,
        "office/course_texts.html",
        status=400 if errors else 200,
        given=fields,
        chosen=regions,
        regions=_regions(request),
        course_id=course_id,
        before=before,
        here=NEW if before is None else f"{_where(course_id)}/testi",
        back=PATH if before is None else _where(course_id),
        errors=list(errors),
    )


@needs(Permission.COURSES_READ, hidden=True, invites=True)
async def show(request: web.Request) -> web.StreamResponse:
    """Show a course with its editions."""
    return await _page(request)


async def _page(request: web.Request, error: CallerError | None = None) -> web.Response:
    reader = desk.reader_of(request)
    found, editions = await course_changes.read(request.app[DESK].pool, request.match_info["course_id"])
    names = dict(_regions(request))
    return render(
        request,
        "office/course_written.html",
        status=200 if error is None else 400,
        course=found,
        title=reader.said(found.title),
        summary=reader.said(found.summary),
        how=reader.said(found.how),
        roles=[reader.said(role) for role in found.trainers],
        regions=", ".join(names.get(code, code) for code in found.regions),
        editions=[(one, reader.tr(course.EDITION_TITLES[one.state])) for one in editions],
        here=_where(found.course_id),
        entry=f"/catalogo/{found.course_id}?owner={request.app[DESK].config.node.id}",
        errors=[] if error is None else [("", desk.explained(error, request))],
        done=desk.said_of(request),
        may_write=desk.may(request, Permission.COURSES_WRITE),
    )


@needs(Permission.COURSES_WRITE, hidden=True, invites=True)
async def announce(request: web.Request) -> web.StreamResponse:
    """Announce a course: its editions are open for enrolment everywhere, and every change leaves at once from now on."""
    try:
        course_id = await courses.publish(
            await _desk(request), request.match_info["course_id"], request.app[DESK].clock()
        )
    except NotFoundError:
        raise
    except CallerError as error:
        return await _page(request, error)
    await desk.keep_mark(request)
    return desk.go(f"{_where(course_id)}?{desk.DONE}=corso-annunciato")


# --- an edition ---


@needs(Permission.COURSES_WRITE, hidden=True, invites=True)
async def new_edition(request: web.Request) -> web.StreamResponse:
    """Show the empty form of an edition."""
    given = {**dict.fromkeys(FIELDS.values(), ""), "quota": str(ATTENDANCE_PERCENT)}
    return await _edition_form(request, given, [], await _course(request))


async def _course(request: web.Request) -> Course:
    found, _ = await course_changes.read(request.app[DESK].pool, request.match_info["course_id"])
    return found


@needs(Permission.COURSES_WRITE, hidden=True, invites=True)
async def send_edition(request: web.Request) -> web.StreamResponse:
    """Open an edition."""
    found, sent = await _course(request), await desk.form_of(request)
    given, ticked = _given(sent)
    try:
        changes = await _changes(request, given, ticked)
        seats, days = _count(given, "seats"), (changes.begins, changes.ends, changes.deadline)
        made = courses.blank_edition(found.course_id, given["codice"].strip(), seats, days, changes.percent)
        made_id = await courses.add_edition(
            await _desk(request), made, changes.sessions, changes.trainers, request.app[DESK].clock()
        )
    except NotFoundError:
        raise
    except CallerError as error:
        return await _edition_form(request, given, ticked, found, error=error)
    await desk.keep_mark(request)
    return desk.go(f"{PATH}/{made_id}?{desk.DONE}=edizione")


@needs(Permission.COURSES_WRITE, hidden=True, invites=True)
async def edit_edition(request: web.Request) -> web.StreamResponse:
    """Show the form of an edition that is there."""
    opened = await courses.read(request.app[DESK].pool, request.match_info["edition_id"])
    one = opened.edition
    given = {
        "codice": one.code, "posti": str(one.seats), "comincia": one.begins.isoformat(), "finisce": one.ends.isoformat(),
        "entro": one.deadline.isoformat(), "quota": str(one.percent),
        SESSIONS_FIELD: "\n".join(courses.spelled_session(each) for each in opened.sessions),
    }  # fmt: skip
    return await _edition_form(request, given, [key_of(name) for name in opened.trainers], opened.course, opened)


@needs(Permission.COURSES_WRITE, hidden=True, invites=True)
async def send_edit_edition(request: web.Request) -> web.StreamResponse:
    """Change an edition that is open."""
    opened = await courses.read(request.app[DESK].pool, request.match_info["edition_id"])
    given, ticked = _given(await desk.form_of(request))
    given = {**given, "codice": opened.edition.code, "posti": str(opened.edition.seats)}
    try:
        changes = await _changes(request, given, ticked, opened.trainers)
        made_id = await course_changes.rewrite(
            await _desk(request), opened.edition.edition_id, changes, request.app[DESK].clock()
        )
    except NotFoundError:
        raise
    except CallerError as error:
        return await _edition_form(request, given, ticked, opened.course, opened, error)
    await desk.keep_mark(request)
    return desk.go(f"{PATH}/{made_id}?{desk.DONE}=corso")


def _given(sent: Any) -> tuple[dict[str, str], list[str]]:
    """Return what was typed, and whom somebody ticked."""
    ticked = [name for name in sent.getall(TEACHERS, []) if isinstance(name, str)]
    return {name: desk.text_in(sent, name) for name in FIELDS.values()}, ticked


async def _changes(
    request: web.Request, given: Mapping[str, str], ticked: Sequence[str], already: Sequence[str] = ()
) -> Changes:
    """Return what a form says of an edition. Raises: CallerError(edition-bad), ``where`` the part."""
    names = await _teachers(request, already)
    sessions = [courses.parse_session(line) for line in given[SESSIONS_FIELD].splitlines() if line.strip()]
    return Changes(
        _day(given, "begins"), _day(given, "ends"), _day(given, "deadline"), _count(given, "percent"), sessions,
        [name for key, name in names.items() if key in ticked],
    )  # fmt: skip


async def _teachers(request: web.Request, already: Sequence[str]) -> dict[str, str]:
    """Return whom an edition may be given to, by the key of the name: who may teach, and who teaches it already."""
    node = request.app[DESK]
    names = [*await course_changes.who_may_teach(node.pool, node.clock()), *already]
    return {key_of(name): name for name in sorted(names)}


def _day(given: Mapping[str, str], part: str) -> dt.date:
    text = given[FIELDS[part]].strip()
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise CallerError("edition-bad", N_("la forma attesa è, per esempio, {like}"), where=part, like="2027-01-31") from error  # fmt: skip


def _count(given: Mapping[str, str], part: str) -> int:
    """Return a number as it was typed; 0, which every part refuses, for what is none."""
    text = given[FIELDS[part]].strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < DIGITS_MAX else 0


async def _edition_form(
    request: web.Request, given: Mapping[str, str], ticked: Sequence[str], of: Course, opened: Opened | None = None,
    error: CallerError | None = None,
) -> web.Response:  # fmt: skip
    already = [] if opened is None else opened.trainers
    back = _where(of.course_id) if opened is None else f"{PATH}/{opened.edition.edition_id}"
    wrong = [] if error is None else [(FIELDS.get(error.where, ""), desk.explained(error, request))]
    return render(
        request,
        "office/course_edition.html",
        status=400 if wrong else 200,
        title=desk.reader_of(request).said(of.title),
        given=given,
        ticked=set(ticked),
        teachers=list((await _teachers(request, already)).items()),
        course=of,
        edition=None if opened is None else opened.edition,
        is_open=opened is None or opened.edition.state is EditionState.OPEN,
        here=f"{back}/edizione" if opened is None else f"{back}/modifica",
        back=back,
        errors=wrong,
    )
