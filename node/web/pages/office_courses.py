"""The office's courses in pages: editions with places; of one, who has a place and who waits, attendance, materials, results, certificates.

In: forms of somebody signed in. Out: what node/flows/programme does. Rules: a trainer sees and marks the editions it teaches and no other;
files go out as files to be saved, never as a page; before the release nothing of the answers is shown, not even how many. Source: docs/courses.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from node.domain.officers import key_of
from node.domain.programme import course, questionnaire
from node.domain.programme.course import EditionState, Standing
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError
from node.flows.programme import certificate_delivery, certificates, course_changes, course_evaluation, courses
from node.flows.programme.course_seats import today_of
from node.flows.programme.courses import Desk, Opened
from node.flows.registry import documents
from node.runtime import Node, current_own
from node.web import cooperation, forms
from node.web.cooperation import COOPERATION
from node.web.course_documents import released_document
from node.web.middleware import language_of, status_of
from node.web.pages import desk
from node.web.pages.desk import DESK
from node.web.pages.frame import render
from node.web.pages.office_documents import FIELD, FORM_BYTES, HEADERS, disposition
from node.web.permission import needs

PATH: Final = "/ufficio/corsi"
ONE: Final = PATH + "/{edition_id}"
_BADGES: Final[Mapping[Standing, str]] = {Standing.PLACED: "success", Standing.WAITING: "warning"}
# What an officer does to an edition, by the last part of the address.
Deed = Callable[[web.Request, Desk, str, Mapping[str, Any]], Awaitable[object]]


def routes() -> list[web.RouteDef]:
    """Return the pages of courses."""
    return [
        web.get(PATH, listed),
        web.get(ONE, show),
        web.post(f"{ONE}/presenze", attend),
        web.post(f"{ONE}/materiali", add_material),
        web.get(f"{ONE}/materiali/{{material_id}}", material, allow_head=False),
        web.post(f"{ONE}/materiali/{{material_id}}/togli", drop_material),
        web.get(f"{ONE}/attestati/{{seat_id}}", certificate, allow_head=False),
        web.post(f"{ONE}/attestati/{{seat_id}}/manda", send_again),
        web.post(f"{ONE}/{{deed}}", deed),
    ]


def _teaches_only(request: web.Request) -> bool:
    return not desk.may(request, Permission.COURSES_WRITE) and desk.may(request, Permission.COURSES_TEACH)


@needs(Permission.COURSES_READ)
async def listed(request: web.Request) -> web.StreamResponse:
    """Show the editions, to a trainer those that it teaches."""
    node, reader = request.app[DESK], desk.reader_of(request)
    trainer = desk.officer_of(request) if _teaches_only(request) else None
    rows = [
        {
            "edition": one.edition, "title": reader.said(one.title), "placed": one.placed, "waiting": one.waiting,
            "state": reader.tr(course.EDITION_TITLES[one.edition.state]),
            "badge": "success" if one.edition.state is EditionState.OPEN else "secondary",
        }
        for one in await courses.listed(node.pool, trainer=trainer)
    ]  # fmt: skip
    written = [] if trainer is not None else await course_changes.listed(node.pool)
    return render(
        request,
        "office/courses.html",
        rows=rows,
        teaches_only=trainer is not None,
        written=[(course_id, reader.said(title), is_said, count) for course_id, title, is_said, count in written],
        may_write=desk.may(request, Permission.COURSES_WRITE),
    )


async def _opened(request: web.Request) -> Opened:
    """Return the edition that an address names. Raises: edition-unknown, also to a trainer who does not teach it."""
    edition_id = request.match_info["edition_id"]
    opened = await courses.read(request.app[DESK].pool, edition_id)
    if _teaches_only(request) and key_of(desk.officer_of(request)) not in map(key_of, opened.trainers):
        raise courses.no_edition(edition_id)
    return opened


@needs(Permission.COURSES_READ, hidden=True, invites=True)
async def show(request: web.Request) -> web.StreamResponse:
    """Show one edition."""
    return await _page(request, await _opened(request))


async def _page(request: web.Request, opened: Opened, error: CallerError | None = None) -> web.Response:
    reader, edition = desk.reader_of(request), opened.edition
    members = (await cooperation.front(request.app[COOPERATION])).overview.members
    people = [
        {
            "seat": seat, "name": seat.person.get("name") or reader.tr(N_("senza nome")), "email": seat.person.get("email", ""),
            "office": members.get(seat.office, seat.office), "standing": reader.tr(course.STANDING_TITLES[seat.standing]),
            "badge": _BADGES.get(seat.standing, "secondary"), "reason": reader.tr(course.REASON_TITLES[seat.reason]) if seat.reason else "",
            "present": sum(opened.attendance.get((one.session_id, seat.seat_id), False) for one in opened.sessions),
            "is_certified": seat.seat_id in opened.certificates,
        }
        for seat in opened.seats
    ]  # fmt: skip
    today = today_of(request.app[DESK].clock())
    told = released_document(opened.released)
    return render(
        request,
        "office/course.html",
        status=200 if error is None else status_of(error),
        title=reader.said(opened.course.title),
        opened=opened,
        edition=edition,
        here=f"{PATH}/{edition.edition_id}",
        state=reader.tr(course.EDITION_TITLES[edition.state]),
        people=people,
        placed=[one for one in people if one["seat"].standing is Standing.PLACED],
        waiting=sum(one["seat"].standing is Standing.WAITING for one in people),
        sessions=[(one, one.day <= today) for one in opened.sessions],
        told=told,
        questions={name: reader.tr(title) for name, title in questionnaire.QUESTIONS.items()},
        errors=[] if error is None else [("", desk.explained(error, request))],
        done=desk.said_of(request),
        is_open=edition.state is EditionState.OPEN,
        is_held=edition.state is EditionState.HELD,
        may_write=desk.may(request, Permission.COURSES_WRITE),
        may_teach=desk.may(request, Permission.COURSES_TEACH),
    )


async def _done(request: web.Request, work: Awaitable[object]) -> web.StreamResponse:
    """Do something to an edition, and show the page again, with what is wrong if something is."""
    edition_id = request.match_info["edition_id"]
    try:
        await work
    except CallerError as error:
        if isinstance(error, NotFoundError):
            raise
        return await _page(request, await _opened(request), error)
    await desk.keep_mark(request)
    return desk.go(f"{PATH}/{edition_id}?{desk.DONE}=corso")


@needs(Permission.COURSES_TEACH, hidden=True, invites=True)
async def attend(request: web.Request) -> web.StreamResponse:
    """Mark who was at a session: ticked was there, not ticked was not."""
    node, opened, sent = request.app[DESK], await _opened(request), await desk.form_of(request)
    ticked = {text for text in sent.getall("presente", []) if isinstance(text, str)}
    present = {seat.seat_id: seat.seat_id in ticked for seat in opened.seats if seat.standing is Standing.PLACED}
    session = desk.text_in(sent, "incontro")
    if session not in {one.session_id for one in opened.sessions}:
        raise courses.no_edition(opened.edition.edition_id)
    only_own, name = _teaches_only(request), desk.officer_of(request)
    return await _done(request, courses.attend(node.pool, session, present, name, node.clock(), only_own=only_own))


def _bounds(request: web.Request) -> documents.Bounds:
    return documents.bounds_of(request.app[DESK].config)


@needs(Permission.COURSES_TEACH, hidden=True, invites=True)
@forms.takes(
    max_bytes=lambda request: _bounds(request).file + FORM_BYTES,
    too_large=lambda request: documents.too_large(_bounds(request)),
)
async def add_material(request: web.Request) -> web.StreamResponse:
    """Keep a file for the participants."""
    node, opened, form = request.app[DESK], await _opened(request), await desk.form_of(request)
    bounds = _bounds(request)

    async def work() -> None:
        sent = form.get(FIELD)
        if not isinstance(sent, web.FileField) or not sent.filename:
            raise CallerError("file-missing", N_("manca il file"), where=FIELD, hint=N_("scegliere un file da inviare"))
        content = await asyncio.to_thread(sent.file.read, bounds.file + 1)
        title, edition_id = desk.text_in(form, "titolo"), opened.edition.edition_id
        await courses.add_material(node.pool, edition_id, title, sent.filename, content, bounds, node.clock())

    return await _done(request, work())


@needs(Permission.COURSES_TEACH, hidden=True, invites=True)
async def drop_material(request: web.Request) -> web.StreamResponse:
    """Take a file out."""
    node, opened = request.app[DESK], await _opened(request)
    material_id = request.match_info["material_id"]
    return await _done(request, course_changes.drop_material(node.pool, opened.edition.edition_id, material_id))


@needs(Permission.COURSES_READ, hidden=True, invites=True)
async def material(request: web.Request) -> web.StreamResponse:
    """Send a file as it came, to be saved."""
    opened = await _opened(request)
    found = await courses.material(request.app[DESK].pool, opened.edition.edition_id, request.match_info["material_id"])
    name, media_type, content = found
    return web.Response(
        body=content, headers={**HEADERS, "Content-Type": media_type, "Content-Disposition": disposition(name)}
    )


@needs(Permission.COURSES_WRITE, hidden=True, invites=True)
async def certificate(request: web.Request) -> web.StreamResponse:
    """Send a certificate, to be saved."""
    node, opened, seat_id = request.app[DESK], await _opened(request), request.match_info["seat_id"]
    raw = certificates.pdf(opened, seat_id, node.config.node.name, node.public_url, language_of(request))
    name = disposition("attestato.pdf")
    return web.Response(body=raw, headers={**HEADERS, "Content-Type": "application/pdf", "Content-Disposition": name})


@needs(Permission.COURSES_WRITE, hidden=True, invites=True)
async def send_again(request: web.Request) -> web.StreamResponse:
    """Have a participant told anew of a certificate, with a new code."""
    node, edition_id = request.app[DESK], request.match_info["edition_id"]
    return await _done(request, certificate_delivery.send_again(node.pool, edition_id, request.match_info["seat_id"]))


async def _desk(node: Node) -> Desk:
    return Desk(node.pool, node.config, await current_own(node))


async def _seats(request: web.Request, made: Desk, edition_id: str, sent: Mapping[str, Any]) -> object:
    node, text = request.app[DESK], desk.text_in(sent, "posti").strip()
    return await courses.widen(made, node.office(), edition_id, int(text) if text.isdigit() and len(text) < 6 else 0, node.clock())  # fmt: skip


async def _conclude(request: web.Request, made: Desk, edition_id: str, _sent: Mapping[str, Any]) -> object:
    return await courses.conclude(made, edition_id, request.app[DESK].clock())


async def _cancel(request: web.Request, made: Desk, edition_id: str, sent: Mapping[str, Any]) -> object:
    if desk.text_in(sent, "conferma") != "yes":
        raise CallerError(
            "confirmation-missing", N_("serve la conferma: chi è iscritto viene avvisato e non si torna indietro")
        )
    return await courses.cancel_edition(made, request.app[DESK].office(), edition_id, request.app[DESK].clock())


async def _release(request: web.Request, made: Desk, edition_id: str, _sent: Mapping[str, Any]) -> object:
    return await course_evaluation.release(made.pool, edition_id, desk.officer_of(request), request.app[DESK].clock())


async def _certify(request: web.Request, made: Desk, edition_id: str, _sent: Mapping[str, Any]) -> object:
    return await certificates.issue(made, edition_id, desk.officer_of(request), request.app[DESK].clock())


_DEEDS: Final[Mapping[str, Deed]] = {
    "posti": _seats, "concludi": _conclude, "annulla": _cancel, "questionario": _release, "attestati": _certify,
}  # fmt: skip


@needs(Permission.COURSES_WRITE, hidden=True, invites=True)
async def deed(request: web.Request) -> web.StreamResponse:
    """Do what an officer decides about an edition."""
    work = _DEEDS.get(request.match_info["deed"])
    if work is None:
        raise web.HTTPNotFound
    sent = await desk.form_of(request)
    return await _done(request, work(request, await _desk(request.app[DESK]), request.match_info["edition_id"], sent))
