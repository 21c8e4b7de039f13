"""Courses for everybody: somebody enrols through this office, sees how it stands, hands in the questionnaire; anybody checks a certificate.

In: an announced edition, what a person types of itself; later a code. Out: an enrolment and its code, once; later how it stands. Rules: a code stands
in no address and no link; whoever has a wrong one is told what whoever asks for an enrolment that is not there is told. Nothing here can import
private records (tests/test_house.py): all it can do is what its ``Door`` does, which node/web/pages/course_door.py hangs in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from node.domain.programme import course, questionnaire
from node.domain.programme.certificate import Certified
from node.domain.programme.course import Offered, Reason, Standing
from node.domain.roles import Permission
from node.errors import CallerError, NotFoundError
from node.i18n import translator
from node.store.reference import load_label_reference
from node.web import cooperation
from node.web.cooperation import COOPERATION
from node.web.middleware import language_of, status_of
from node.web.pages.asking import HEADERS, form_in, regions, sections
from node.web.pages.frame import SITE, render
from node.web.pages.shown import Reader
from node.web.permission import needs

ENROL: Final = "/corsi/{course_id}/{edition}/iscrizione"
STANDING: Final = "/corsi/iscrizioni/{enrolment_id}"
CHECK: Final = "/attestati"
COLLECT: Final = f"{CHECK}/ritiro/{{seat_id}}"
LEAVE, EVALUATE, CERTIFICATE = "annulla", "questionario", "attestato"
SHORT_MAX_CHARS: Final = 120
FIELDS: Final[Mapping[str, str]] = {"nome": "name", "posta": "email", "regione": "territory", "sezione": "sector"}
_AT: Final[Mapping[str, str]] = {**{name: field_ for field_, name in FIELDS.items()}, "consent": "consenso"}
_AT_CODE: Final[Mapping[str, str]] = {
    "saved-email-bad": "posta", "certificate-code-bad": "codice", "certificate-unknown": "codice", "certificate-code-over": "codice",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants a place at which edition; ``person`` by the names of the flow, private."""

    course_id: str
    edition: str
    owner: str
    form: str
    consent: bool
    language: str
    person: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stand:
    """How an enrolment stands; no name."""

    organiser: str
    title: str
    begins: str
    ends: str
    standing: Standing
    reason: Reason
    may_leave: bool
    may_evaluate: bool
    has_certificate: bool


@dataclass(frozen=True, slots=True)
class Door:
    """All that these pages can do."""

    offered: Callable[[str, str, str], Awaitable[Offered]]
    # Why nobody can enrol here now, or None.
    closed: Callable[[Offered], CallerError | None]
    enrol: Callable[[Asked], Awaitable[tuple[str, str]]]
    standing: Callable[[str, str], Awaitable[Stand]]
    leave: Callable[[str, str], Awaitable[None]]
    evaluate: Callable[[str, str, Sequence[int]], Awaitable[None]]
    verify: Callable[[str, str], Awaitable[Certified | None]]
    # A certificate's PDF: by its own code, or by the code of an enrolment; in the language of the page.
    collect: Callable[[str, str, str], Awaitable[bytes]]
    certificate: Callable[[str, str, str], Awaitable[bytes]]
    kept_days: Callable[[], int]


DOOR = web.AppKey("courses-door", Door)


def routes() -> list[web.RouteDef]:
    """Return the form of an edition, the page of a code, the pages on which a certificate is checked and collected."""
    return [
        web.get(STANDING, code_form),
        web.post(STANDING, standing),
        web.get(ENROL, form),
        web.post(ENROL, enrol),
        web.get(CHECK, check_form),
        web.post(CHECK, check),
        web.get(COLLECT, collect_form),
        web.post(COLLECT, collect),
    ]


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name, "")
    return value if isinstance(value, str) else ""


def _reader(request: web.Request) -> Reader:
    return Reader(language_of(request), load_label_reference())


def _wrong(error: CallerError, reader: Reader) -> list[tuple[str, str]]:
    what, _, hint = error.render(reader.tr)
    told = ". ".join(part[:1].upper() + part[1:] for part in (what, hint) if part)
    return [(_AT_CODE.get(error.code) or _AT.get(error.where, ""), f"{told}.")]


async def _edition(request: web.Request) -> Offered:
    info = request.match_info
    return await request.app[DOOR].offered(info["course_id"], info["edition"], request.query.get("owner", ""))


@needs(Permission.PUBLIC)
async def form(request: web.Request) -> web.StreamResponse:
    """Show the form, or why there is none."""
    return await _form(request, await _edition(request), {})


async def _form(
    request: web.Request, edition: Offered, given: Mapping[str, Any], error: CallerError | None = None
) -> web.Response:
    reader, door = _reader(request), request.app[DOOR]
    closed = door.closed(edition)
    members = (await cooperation.front(request.app[COOPERATION])).overview.members
    return render(
        request,
        "course_enrol.html",
        status=200 if error is None else status_of(error),
        headers={"Cache-Control": "no-store"},
        edition=edition,
        title=reader.said(edition.title),
        body=members.get(edition.organiser, edition.organiser),
        here=ENROL.format(course_id=edition.course_id, edition=edition.code) + f"?owner={edition.organiser}",
        course=f"/catalogo/{edition.course_id}?owner={edition.organiser}",
        closed=_wrong(closed, reader)[0][1] if closed is not None else "",
        errors=[] if error is None else _wrong(error, reader),
        given={name: _text(given, name) for name in FIELDS},
        form=form_in(given),
        regions=regions(reader),
        sections=sections(reader),
        consent=reader.tr(course.CONSENT_TEXT),
        kept_days=door.kept_days(),
        contact=request.app[SITE].contact,
        short=SHORT_MAX_CHARS,
    )


@needs(Permission.PUBLIC)
async def enrol(request: web.Request) -> web.StreamResponse:
    """Enrol somebody, and show the code, once."""
    edition, sent = await _edition(request), await request.post()
    person = {name: _text(sent, field_) for field_, name in FIELDS.items()}
    asked = Asked(
        edition.course_id, edition.code, edition.organiser, form_in(sent), _text(sent, "consenso") == "yes", language_of(request), person
    )  # fmt: skip
    try:
        enrolment_id, code = await request.app[DOOR].enrol(asked)
    except CallerError as error:
        if isinstance(error, NotFoundError):
            raise
        return await _form(request, edition, sent, error)
    return render(
        request,
        "course_enrolled.html",
        headers=HEADERS,
        title=_reader(request).said(edition.title),
        where=STANDING.format(enrolment_id=enrolment_id),
        course=f"/catalogo/{edition.course_id}?owner={edition.organiser}",
        code=code,
    )


@needs(Permission.PUBLIC)
async def code_form(request: web.Request) -> web.StreamResponse:
    """Ask for the code; the page is the same whether there is an enrolment or not."""
    return _standing_page(request, None, "")


@needs(Permission.PUBLIC)
async def standing(request: web.Request) -> web.StreamResponse:
    """Show how an enrolment stands to whoever has its code, and do what that person asks for."""
    sent, door, key = await request.post(), request.app[DOOR], request.match_info["enrolment_id"]
    code, wish = _text(sent, "codice").strip(), _text(sent, "azione")
    error: CallerError | None = None
    try:
        try:
            if wish == CERTIFICATE:
                return _file(await door.certificate(key, code, language_of(request)))
            if wish == LEAVE:
                await door.leave(key, code)
            elif wish == EVALUATE:
                given = [_text(sent, f"domanda-{name}") for name in questionnaire.QUESTIONS]
                await door.evaluate(key, code, [int(text) if text in set("12345") else 0 for text in given])
        except NotFoundError:
            raise
        except CallerError as refused:
            error = refused
        found = await door.standing(key, code)
    except NotFoundError as refused:
        return _standing_page(request, None, "", refused)
    return _standing_page(request, found, code, error)


def _standing_page(
    request: web.Request, found: Stand | None, code: str, error: CallerError | None = None
) -> web.Response:
    reader = _reader(request)
    wrong = [] if error is None else _wrong(error, reader)
    if found is None:
        wrong = [("codice", text) for _, text in wrong]
    return render(
        request,
        "course_stand.html",
        status=200 if error is None else status_of(error),
        headers=HEADERS,
        here=STANDING.format(enrolment_id=request.match_info["enrolment_id"]),
        errors=wrong,
        found=found,
        code=code,
        standing="" if found is None else reader.tr(course.STANDING_TITLES[found.standing]),
        reason="" if found is None else reader.tr(course.REASON_TITLES[found.reason]) if found.reason else "",
        questions=[(name, reader.tr(title)) for name, title in questionnaire.QUESTIONS.items()],
        scale=[str(value) for value in range(questionnaire.LOWEST, questionnaire.HIGHEST + 1)],
    )


@needs(Permission.PUBLIC)
async def check_form(request: web.Request) -> web.StreamResponse:
    """Ask for code and name of a certificate."""
    return await _check_page(request, {}, None)


@needs(Permission.PUBLIC)
async def check(request: web.Request) -> web.StreamResponse:
    """Say whether a certificate is valid."""
    sent = await request.post()
    try:
        found = await request.app[DOOR].verify(_text(sent, "codice"), _text(sent, "nome"))
    except CallerError as error:
        return await _check_page(request, sent, None, error)
    return await _check_page(request, sent, found, is_checked=True)


async def _check_page(
    request: web.Request,
    given: Mapping[str, Any],
    found: Certified | None,
    error: CallerError | None = None,
    *,
    is_checked: bool = False,
) -> web.Response:
    reader = _reader(request)
    members = (await cooperation.front(request.app[COOPERATION])).overview.members
    tr = translator(language_of(request))
    return render(
        request,
        "certificate_check.html",
        status=200 if error is None else status_of(error),
        headers=HEADERS,
        errors=[] if error is None else _wrong(error, reader),
        given={name: _text(given, name)[:200] for name in ("codice", "nome")},
        found=found,
        is_checked=is_checked,
        title=None if found is None else reader.said(found.title),
        body="" if found is None else members.get(found.owner, found.owner),
        here=CHECK,
        tr=tr,
    )


def _file(raw: bytes) -> web.Response:
    """Return a certificate, to be saved; its name says nothing of whose it is."""
    headers = {
        **HEADERS,
        "Content-Type": "application/pdf",
        "Content-Disposition": 'attachment; filename="attestato.pdf"',
    }
    return web.Response(body=raw, headers=headers)


@needs(Permission.PUBLIC)
async def collect_form(request: web.Request) -> web.StreamResponse:
    """Ask for the code that came by mail; the page is the same whether there is a certificate or not."""
    return _collect_page(request)


@needs(Permission.PUBLIC)
async def collect(request: web.Request) -> web.StreamResponse:
    """Send a certificate to who has its code."""
    sent, seat_id = await request.post(), request.match_info["seat_id"]
    try:
        return _file(await request.app[DOOR].collect(seat_id, _text(sent, "codice").strip(), language_of(request)))
    except CallerError as error:
        return _collect_page(request, error)


def _collect_page(request: web.Request, error: CallerError | None = None) -> web.Response:
    return render(
        request,
        "certificate_collect.html",
        status=200 if error is None else status_of(error),
        headers=HEADERS,
        errors=[] if error is None else _wrong(error, _reader(request)),
        here=COLLECT.format(seat_id=request.match_info["seat_id"]),
        check=CHECK,
    )
