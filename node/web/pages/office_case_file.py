"""One case file in pages: what is in it, what is done in it, the points of its contract, its papers; and a form to print.

In: requests of officers. Out: pages, redirects, files. Rules: each form is one deed of the flows; after a refusal the page is read again, so
that an old page shows how things stand by now, and what was typed is still there; a document goes out as a file to be saved, never as a
page (node/web/pages/office_documents.py). Source: docs/cases.md.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from node.domain import documents as kinds
from node.domain.documents import ACCEPTED, KINDS
from node.domain.programme import case_file
from node.domain.programme.case_file import LINES, OUTCOMES, STATE_TITLES, STEP_TITLES, TASK_TITLES, Deed, TaskState
from node.domain.programme.checklist import Standing
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError
from node.flows.programme import case_calendar, case_papers, case_sharing, case_work, cases
from node.flows.programme.cases import ZONE, Opened
from node.flows.registry import documents
from node.i18n import translator
from node.runtime import Node
from node.store import docx
from node.web import forms
from node.web.middleware import language_of, status_of
from node.web.pages import desk, office_case_sharing
from node.web.pages.desk import DESK
from node.web.pages.frame import render
from node.web.pages.office_cases import BADGES, PATH, ics
from node.web.pages.office_documents import FIELD, FORM_BYTES, HEADERS, disposition
from node.web.pages.office_register import sentence
from node.web.pages.office_words import Words
from node.web.permission import needs

ONE: Final = PATH + "/{case_id}"
CONTRACT: Final = f"{ONE}/contratto"
FILES: Final = f"{ONE}/documenti"
FILE: Final = FILES + "/{document_id}"
Form = Mapping[str, str]
STANDINGS: Final = {
    Standing.PRESENT: ("success", N_("c'è")),
    Standing.DRAFTED: ("primary", N_("scritto dall'ufficio")),
    Standing.MISSING: ("warning", N_("manca")),
    Standing.NOT_NEEDED: ("secondary", N_("non serve")),
}
# What is not there at all: no page to show it on.
_GONE: Final = frozenset({"case-unknown"})


@dataclass(frozen=True, slots=True)
class Act:
    """One deed: on what, by whom, with what was typed."""

    node: Node
    case_id: str
    thing: str
    officer: str
    form: Form

    def seen(self) -> int:
        """Return the revision that the form was made with; none that ever was, where it says none."""
        text = self.form.get("visto", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def routes() -> list[web.RouteDef]:
    """Return the page of a case file, its papers, and what its forms are sent to."""
    return [
        web.get(ONE, one),
        web.get(f"{ONE}/stampa", printed),
        web.get(f"{ONE}/calendario.ics", case_ics),
        web.get(f"{ONE}/bozza.docx", draft),
        web.get(CONTRACT, contract),
        web.post(CONTRACT + "/{point}", write_clause),
        web.post(FILES, add_document),
        web.get(FILE, take_document, allow_head=False),
        web.post(f"{FILE}/elimina", delete_document),
        web.post(ONE + "/{deed}", act),
        web.post(ONE + "/{deed}/{thing}", act),
    ]


async def _task(at: Act) -> str:
    told = _task_words(at.form)
    if at.thing:
        await case_work.change_task(
            at.node.pool, at.case_id, at.thing, at.officer, told, at.node.clock(), seen=at.seen()
        )
    else:
        await case_work.add_task(
            at.node.pool, at.case_id, at.officer, told, at.node.clock(), task_id=at.form.get("voce") or None
        )
    return "attivita"


def _task_words(form: Form) -> case_file.TaskWords:
    return case_file.task(
        form.get("titolo", ""),
        form.get("linea", ""),
        form.get("incaricato", ""),
        case_work.day_of(form.get("scadenza", ""), "scadenza"),
        form.get("stato", TaskState.OPEN),
        form.get("nota", ""),
    )


async def _hours(at: Act) -> str:
    form = at.form
    await case_work.add_hours(
        at.node.pool, at.case_id, at.officer, at.node.clock(), hours=form.get("ore", ""), line=form.get("linea", ""),
        day=case_work.day_of(form.get("data", "")), task_id=form.get("attivita", ""), note=form.get("nota", ""),
        entry_id=form.get("voce") or None,
    )  # fmt: skip
    return "ore"


async def _cost(at: Act) -> str:
    form = at.form
    await case_work.add_cost(
        at.node.pool, at.case_id, at.officer, at.node.clock(), amount=form.get("importo", ""), line=form.get("linea", ""),
        what=form.get("causale", ""), day=case_work.day_of(form.get("data", "")), entry_id=form.get("voce") or None,
    )  # fmt: skip
    return "ore"


async def _entry(at: Act) -> str:
    await case_work.delete_entry(at.node.pool, at.case_id, at.thing, at.officer, at.node.clock())
    return "ore"


async def _appointment(at: Act) -> str:
    form = at.form
    told = case_file.meeting(
        form.get("titolo", ""),
        form.get("luogo", ""),
        case_work.moment_of(form.get("giorno", ""), form.get("inizio", ""), "inizio"),
        case_work.moment_of(form.get("giorno", ""), form.get("fine", ""), "fine"),
        form.get("nota", ""),
    )
    if at.thing:
        await case_work.change_appointment(
            at.node.pool, at.case_id, at.thing, at.officer, told, at.node.clock(), seen=at.seen()
        )
    else:
        await case_work.add_appointment(
            at.node.pool, at.case_id, at.officer, told, at.node.clock(), appointment_id=form.get("voce") or None
        )
    return "appuntamenti"


async def _cancel(at: Act) -> str:
    await case_work.cancel_appointment(at.node.pool, at.case_id, at.thing, at.officer, at.node.clock())
    return "appuntamenti"


async def _hand_over(at: Act) -> str:
    form = at.form
    await cases.hand_over(
        at.node.pool, at.case_id, at.officer, at.node.clock(), to=form.get("responsabile", ""), office=form.get("sportello", ""),
        note=form.get("nota", ""), seen=at.seen(),
    )  # fmt: skip
    return "storia"


async def _suspend(at: Act) -> str:
    await cases.suspend(
        at.node.pool, at.case_id, at.officer, at.node.clock(), note=at.form.get("nota", ""), seen=at.seen()
    )
    return "storia"


async def _resume(at: Act) -> str:
    await cases.resume(
        at.node.pool, at.case_id, at.officer, at.node.clock(), note=at.form.get("nota", ""), seen=at.seen()
    )
    return "storia"


async def _close(at: Act) -> str:
    await cases.close(
        at.node.pool, at.case_id, at.officer, at.node.clock(), outcome=at.form.get("esito", ""), note=at.form.get("nota", ""),
        seen=at.seen(),
    )  # fmt: skip
    return "resoconto"


# By the last part of the address; whether one thing of the case may, or must, be named behind it.
DEEDS: Final[Mapping[str, tuple[Callable[[Act], Awaitable[str]], bool, bool]]] = {
    "attivita": (_task, True, True),
    "ore": (_hours, True, False),
    "costi": (_cost, True, False),
    "togli": (_entry, False, True),
    "appuntamenti": (_appointment, True, True),
    "disdici": (_cancel, False, True),
    "passa": (_hand_over, True, False),
    "sospendi": (_suspend, True, False),
    "riprendi": (_resume, True, False),
    "chiudi": (_close, True, False),
}


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def act(request: web.Request) -> web.StreamResponse:
    """Do something in a case."""
    info = request.match_info
    deed, thing = info["deed"], info.get("thing", "")
    found = DEEDS.get(deed)
    if found is None or not (found[2] if thing else found[1]):
        raise NotFoundError("not-found", N_("indirizzo inesistente"))
    form = {name: value for name, value in (await desk.form_of(request)).items() if isinstance(value, str)}
    at = Act(request.app[DESK], info["case_id"], thing, desk.officer_of(request), form)
    try:
        anchor = await found[0](at)
    except CallerError as error:
        if error.code in _GONE:
            raise
        return await page(request, error, "-".join(filter(None, (deed, thing))), form)
    await desk.keep_mark(request)
    return desk.go(f"{PATH}/{info['case_id']}?{desk.DONE}=scritto#{anchor}")


@needs(Permission.PROGRAMME_READ, hidden=True, invites=True)
async def one(request: web.Request) -> web.StreamResponse:
    """Show a case."""
    return await page(request)


async def page(
    request: web.Request, error: CallerError | None = None, form: str = "", given: Form | None = None
) -> web.Response:
    """Return the page of a case, perhaps with what is wrong with one of its forms, in which what was typed still is."""
    node, language = request.app[DESK], language_of(request)
    opened = await cases.read(node.pool, request.match_info["case_id"])
    may = case_file.may(opened.row.state) if desk.may(request, Permission.PROGRAMME_WRITE) else frozenset()
    where = "" if error is None or not error.where else f"{form}-{error.where}"
    return render(
        request,
        "office/case_file.html",
        status=200 if error is None else status_of(error),
        done=desk.said_of(request) if error is None else "",
        errors=[] if error is None else [(where, sentence(error, language))],
        at_form=form,
        given=given or {},
        may={str(deed) for deed in may},
        may_write=desk.may(request, Permission.PROGRAMME_WRITE),
        fresh=lambda: str(uuid.uuid4()),
        document_kinds=[(key, Words(language).title(KINDS, key)) for key in KINDS],
        limits={"file": node.config.documents.max_mb, "all": node.config.documents.network_mb},
        accepted=ACCEPTED,
        sharing=office_case_sharing.values(node, await case_sharing.of_case(node.pool, opened.row.case_id), language),
        **_values(opened, language, node),
    )


def _values(opened: Opened, language: str, node: Node) -> dict[str, Any]:
    """Return what the page of a case and its printed form both show."""
    words, row, today = Words(language), opened.row, cases.today_of(node.clock())

    def clock(moment: Any) -> str:
        return f"{moment.astimezone(ZONE):%H:%M}"

    return {
        "opened": opened,
        "case": row,
        "here": f"{PATH}/{row.case_id}",
        "about": row.network or "",
        "state": words.title(STATE_TITLES, row.state),
        "badge": BADGES[row.state],
        "covered": words.titles(LINES, row.lines),
        "line_titles": {key: words.title(LINES, key) for key in LINES},
        "lines": [(key, words.title(LINES, key)) for key in (*row.lines, *(key for key in LINES if key not in row.lines))],
        "task_states": [(str(key), words.title(TASK_TITLES, key)) for key in TaskState],
        "task_titles": {key: words.title(TASK_TITLES, key) for key in TaskState},
        "outcomes": [(key, words.title(OUTCOMES, key)) for key in OUTCOMES],
        "outcome": words.title(OUTCOMES, row.outcome) if row.outcome else "",
        "urgent": {
            item.task_id: str(case_file.urgency(item.state, item.due_on, today))
            for item in opened.tasks
            if case_file.urgency(item.state, item.due_on, today) is not case_file.Urgency.CALM
        },
        "money": words.amount,
        "written_day": lambda value: f"{value:%d/%m/%Y}" if value else "",
        "local_day": lambda value: value.astimezone(ZONE).date(),
        "clock": clock,
        "step_titles": {key: words.title(STEP_TITLES, key) for key in STEP_TITLES},
        "kind_titles": {key: words.title(KINDS, key) for key in KINDS},
        "total": case_file.Report("", "", 0, opened.sums, 0, 0, 0),
    }  # fmt: skip


@needs(Permission.PROGRAMME_READ, hidden=True, invites=True)
async def printed(request: web.Request) -> web.StreamResponse:
    """Show a case as it is printed, with the points of its contract."""
    node, language = request.app[DESK], language_of(request)
    opened = await cases.read(node.pool, request.match_info["case_id"])
    found = await case_papers.contract(node.pool, opened.row.case_id)
    values = _values(opened, language, node)
    return render(
        request, "office/case_file_print.html", printed_at=node.clock(), points=_points(found, language), **values
    )


def _points(found: case_papers.Contract, language: str) -> list[dict[str, Any]]:
    tr = translator(language)
    return [
        {
            "key": item.key,
            "letter": item.letter,
            "title": tr(item.title),
            "kind": STANDINGS[item.standing][0],
            "standing": tr(STANDINGS[item.standing][1]),
            "is_needed": item.standing is not Standing.NOT_NEEDED,
            "facts": item.facts,
            "lacks": [tr(lack.message).format(about=lack.about) for lack in item.lacks],
            "clause": item.clause,
            "revision": found.revisions.get(item.key, 0),
        }
        for item in found.points
    ]


@needs(Permission.PROGRAMME_READ, hidden=True, invites=True)
async def case_ics(request: web.Request) -> web.StreamResponse:
    """Send the appointments of a case as a calendar."""
    node = request.app[DESK]
    opened = await cases.read(node.pool, request.match_info["case_id"])
    raw = case_calendar.of_case(opened, node.config.node.id, f"{node.public_url}{PATH}/{opened.row.case_id}")
    return ics(raw, "fascicolo.ics")


@needs(Permission.PROGRAMME_READ, hidden=True, invites=True)
async def draft(request: web.Request) -> web.StreamResponse:
    """Send the draft of the contract."""
    node = request.app[DESK]
    raw = await case_papers.draft(node.pool, request.match_info["case_id"], node.config.node.name, node.clock())
    headers = {**HEADERS, "Content-Type": docx.MEDIA_TYPE, "Content-Disposition": disposition("bozza-contratto.docx")}
    return web.Response(body=raw, headers=headers)


@needs(Permission.PROGRAMME_READ, hidden=True, invites=True)
async def contract(request: web.Request) -> web.StreamResponse:
    """Show what the contract has to say, and what is missing."""
    return await _contract_page(request)


async def _contract_page(
    request: web.Request, error: CallerError | None = None, point: str = "", text: str = ""
) -> web.Response:
    node, language = request.app[DESK], language_of(request)
    found = await case_papers.contract(node.pool, request.match_info["case_id"])
    may = Deed.PAPERS in case_file.may(found.row.state) and desk.may(request, Permission.PROGRAMME_WRITE)
    return render(
        request,
        "office/case_contract.html",
        status=200 if error is None else status_of(error),
        case=found.row,
        here=f"{PATH}/{found.row.case_id}",
        points=_points(found, language),
        is_complete=found.is_complete,
        may_write=may,
        done=desk.said_of(request) if error is None else "",
        errors=[] if error is None else [(f"testo-{point}", sentence(error, language))],
        at_point=point,
        typed=text,
    )


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def write_clause(request: web.Request) -> web.StreamResponse:
    """Write the text of a point of the contract."""
    node, form, info = request.app[DESK], await desk.form_of(request), request.match_info
    text, seen = desk.text_in(form, "testo"), desk.text_in(form, "visto")
    at = Act(node, info["case_id"], "", desk.officer_of(request), {"visto": seen})
    try:
        await case_papers.write_clause(
            node.pool, at.case_id, at.officer, node.clock(), point=info["point"], text=text, seen=at.seen()
        )
    except CallerError as error:
        if error.code in ("case-unknown", "case-point-unknown"):
            raise NotFoundError("not-found", N_("indirizzo inesistente")) from error
        return await _contract_page(request, error, info["point"], text)
    return desk.go(f"{PATH}/{info['case_id']}/contratto?{desk.DONE}=scritto#{info['point']}")


def _bounds(request: web.Request) -> documents.Bounds:
    return documents.bounds_of(request.app[DESK].config)


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
@forms.takes(
    max_bytes=lambda request: _bounds(request).file + FORM_BYTES,
    too_large=lambda request: documents.too_large(_bounds(request)),
)
async def add_document(request: web.Request) -> web.StreamResponse:
    """Take a file into a case."""
    node, case_id = request.app[DESK], request.match_info["case_id"]
    form = await request.post()
    given = {name: value for name, value in form.items() if isinstance(value, str)}
    sent = form.get(FIELD)
    try:
        if not isinstance(sent, web.FileField) or not sent.filename:
            raise CallerError("file-missing", N_("manca il file"), where=FIELD, hint=N_("scegliere un file da inviare"))  # noqa: TRY301 - told at its field, as all others
        bounds = _bounds(request)
        content = await asyncio.to_thread(sent.file.read, bounds.file + 1)
        day = case_work.day_of(given.get("data", ""))
        told = kinds.describe(given.get("titolo", ""), given.get("genere", ""), day, sent.filename)
        await case_papers.add_document(
            node.pool, case_id, desk.officer_of(request), told, content, bounds, node.clock()
        )
    except CallerError as error:
        if error.code in _GONE:
            raise
        return await page(request, error, "documenti", given)
    await desk.keep_mark(request)
    return desk.go(f"{PATH}/{case_id}?{desk.DONE}=scritto#documenti")


@needs(Permission.PROGRAMME_READ, hidden=True, invites=True)
async def take_document(request: web.Request) -> web.StreamResponse:
    """Send a document as it came, to be saved."""
    info = request.match_info
    found = await case_papers.take_document(
        request.app[DESK].pool, info["case_id"], info["document_id"], desk.officer_of(request)
    )
    headers = {**HEADERS, "Content-Type": found.media_type, "Content-Disposition": disposition(found.file_name)}
    return web.Response(body=found.content, headers=headers)


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def delete_document(request: web.Request) -> web.StreamResponse:
    """Delete a document for ever."""
    info, node = request.match_info, request.app[DESK]
    try:
        await case_papers.delete_document(
            node.pool, info["case_id"], info["document_id"], desk.officer_of(request), node.clock()
        )
    except CallerError as error:
        if isinstance(error, NotFoundError):
            raise
        return await page(request, error)
    await desk.keep_mark(request)
    return desk.go(f"{PATH}/{info['case_id']}?{desk.DONE}=scritto#documenti")
