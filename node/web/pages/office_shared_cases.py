"""Case files that two offices see, in pages: the deeds of sharing an own one, and what other offices share with this one.

In: requests of officers. Out: pages, redirects, files. Rules: the same flows as the command's; what another office wrote is shown as text;
a document that came goes out as a file to be saved. Source: docs/cases.md, PROTOCOL 16.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from node.domain.documents import KINDS
from node.domain.programme import case_file
from node.domain.programme.case_file import LINES, OUTCOMES, TASK_TITLES
from node.domain.programme.checklist import POINTS, Standing
from node.domain.programme.shared_case import KIND_TITLES, STATE_TITLES, WORDS_LONGEST, Kind, State
from node.domain.roles import Permission
from node.errors import CallerError, NotFoundError
from node.flows.programme import case_sharing, case_work
from node.flows.programme.case_sharing import Shared
from node.i18n import translator
from node.web.middleware import language_of, status_of
from node.web.pages import desk
from node.web.pages.desk import DESK
from node.web.pages.frame import render
from node.web.pages.office_case_file import ONE as CASE
from node.web.pages.office_case_file import STANDINGS, page
from node.web.pages.office_case_sharing import BADGES
from node.web.pages.office_cases import BADGES as CASE_BADGES
from node.web.pages.office_documents import HEADERS, disposition
from node.web.pages.office_register import sentence
from node.web.pages.office_words import Words
from node.web.permission import needs

PATH: Final = "/ufficio/fascicoli-condivisi"
ONE: Final = PATH + "/{share_id}"
SHARES: Final = f"{CASE}/condivisioni"
SHARE: Final = SHARES + "/{share_id}"
_GONE: Final = frozenset({"case-unknown", "share-unknown"})


def routes() -> list[web.RouteDef]:
    """Return the deeds of sharing, and the pages of what others share; before those of one case file, which take any deed."""
    return [
        web.post(SHARES, propose),
        web.post(f"{SHARE}/approva", approve),
        web.post(f"{SHARE}/togli", end),
        web.get(PATH, listed),
        web.get(ONE, one),
        web.get(f"{ONE}/documenti/{{document_id}}", take_document, allow_head=False),
        web.post(f"{ONE}/risposte", reply),
        web.post(f"{ONE}/lascia", leave),
    ]


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def propose(request: web.Request) -> web.StreamResponse:
    """Propose to share a case."""
    node, case_id, form = request.app[DESK], request.match_info["case_id"], await desk.form_of(request)
    given = {name: desk.text_in(form, name) for name in ("ente", "consenso", "riferimento")}
    documents = [value for value in form.getall("documenti", []) if isinstance(value, str)]
    try:
        await case_sharing.propose(
            node.office(), case_id, desk.officer_of(request), node.clock(), to=given["ente"],
            consent_on=case_work.day_of(given["consenso"], "consenso"), consent_ref=given["riferimento"], documents=documents,
        )  # fmt: skip
    except CallerError as error:
        if error.code in _GONE:
            raise
        return await page(request, error, "condividi", given)
    return await _done(request)


async def _done(request: web.Request) -> web.Response:
    await desk.keep_mark(request)
    return desk.go(f"/ufficio/fascicoli/{request.match_info['case_id']}?{desk.DONE}=scritto#condivisione")


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def approve(request: web.Request) -> web.StreamResponse:
    """Let a proposed share leave."""
    node, info = request.app[DESK], request.match_info
    try:
        await case_sharing.approve(
            node.office(), info["share_id"], desk.officer_of(request), node.clock(), case_id=info["case_id"]
        )
    except CallerError as error:
        if error.code in _GONE:
            raise
        return await page(request, error)
    return await _done(request)


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def end(request: web.Request) -> web.StreamResponse:
    """Share a case no more."""
    node, info = request.app[DESK], request.match_info
    await case_sharing.end(
        node.office(), info["share_id"], desk.officer_of(request), node.clock(), case_id=info["case_id"]
    )
    return await _done(request)


@needs(Permission.PROGRAMME_READ)
async def listed(request: web.Request) -> web.StreamResponse:
    """Show what other offices share with this one."""
    words = Words(language_of(request))
    found = await case_sharing.received(request.app[DESK].pool)
    rows = [
        {
            "shared": item,
            "state": words.title(STATE_TITLES, item.row.state),
            "badge": BADGES[item.row.state],
            "lines": ", ".join(_title(words, LINES, line) for line in item.copy.lines) if item.copy else "",
            "under_way": sum(task.state in case_file.UNDER_WAY for task in item.copy.tasks) if item.copy else 0,
        }
        for item in found
    ]
    return render(request, "office/shared_cases.html", rows=rows)


def _title(words: Words, titles: Mapping[str, Any], key: str) -> str:
    """Return a word of a list in the reader's language; one of a newer program as it came."""
    return words.title(titles, key) if key in titles else key


@needs(Permission.PROGRAMME_READ, hidden=True, invites=True)
async def one(request: web.Request) -> web.StreamResponse:
    """Show a case that another office shares."""
    return await _page(request)


async def _page(
    request: web.Request, error: CallerError | None = None, given: Mapping[str, str] | None = None
) -> web.Response:
    node, language = request.app[DESK], language_of(request)
    found = await case_sharing.read(node.pool, request.match_info["share_id"])
    words = Words(language)
    return render(
        request,
        "office/shared_case.html",
        status=200 if error is None else status_of(error),
        here=f"{PATH}/{found.row.share_id}",
        shared=found,
        state=words.title(STATE_TITLES, found.row.state),
        badge=BADGES[found.row.state],
        may_write=found.row.state is State.LIVE and desk.may(request, Permission.PROGRAMME_WRITE),
        done=desk.said_of(request) if error is None else "",
        errors=[] if error is None else [(f"risposta-{error.where}" if error.where else "", sentence(error, language))],
        given=given or {},
        longest=WORDS_LONGEST,
        kinds=[(str(kind), words.title(KIND_TITLES, kind)) for kind in Kind],
        replies=[(words.title(KIND_TITLES, item.kind), item) for item in found.replies],
        **_copy_values(found, words, language),
    )


def _copy_values(found: Shared, words: Words, language: str) -> dict[str, Any]:
    copy, tr = found.copy, translator(language)
    if copy is None:
        return {"copy": None}
    standings = {str(standing): (kind, tr(title)) for standing, (kind, title) in STANDINGS.items()}
    return {
        "copy": copy,
        "case_state": words.title(case_file.STATE_TITLES, copy.state),
        "case_badge": CASE_BADGES[case_file.State(copy.state)],
        "lines": ", ".join(_title(words, LINES, line) for line in copy.lines),
        "outcome": _title(words, OUTCOMES, copy.closure.outcome) if copy.closure else "",
        "tasks": [(task, _title(words, LINES, task.line), words.title(TASK_TITLES, task.state)) for task in copy.tasks],
        "points": [
            (tr(POINTS[point][1]) if point in POINTS else point, *standings[standing])
            for point, standing in copy.points
            if standing != Standing.NOT_NEEDED
        ],
        "documents": [(item, _title(words, KINDS, item.kind)) for item in copy.documents],
        "came": found.arrived,
    }


@needs(Permission.PROGRAMME_READ, hidden=True, invites=True)
async def take_document(request: web.Request) -> web.StreamResponse:
    """Send a document that came with a copy, to be saved."""
    info = request.match_info
    found = await case_sharing.take_document(request.app[DESK].pool, info["share_id"], info["document_id"])
    headers = {**HEADERS, "Content-Type": found.media_type, "Content-Disposition": disposition(found.file_name)}
    return web.Response(body=found.content, headers=headers)


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def reply(request: web.Request) -> web.StreamResponse:
    """Answer a case that another office shares."""
    node, form = request.app[DESK], await desk.form_of(request)
    given = {name: desk.text_in(form, name) for name in ("genere", "testo", "scadenza")}
    try:
        await case_sharing.reply(
            node.office(), request.match_info["share_id"], desk.officer_of(request), node.clock(),
            kind=Kind.TASK if given["genere"] == Kind.TASK else Kind.NOTE, text=given["testo"],
            due_on=case_work.day_of(given["scadenza"], "scadenza"),
        )  # fmt: skip
    except NotFoundError:
        raise
    except CallerError as error:
        return await _page(request, error, given)
    await desk.keep_mark(request)
    return desk.go(f"{PATH}/{request.match_info['share_id']}?{desk.DONE}=scritto#risposte")


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def leave(request: web.Request) -> web.StreamResponse:
    """Keep another office's case no more."""
    node = request.app[DESK]
    try:
        await case_sharing.leave(node.office(), request.match_info["share_id"], desk.officer_of(request), node.clock())
    except NotFoundError:
        raise
    except CallerError as error:
        return await _page(request, error)
    await desk.keep_mark(request)
    return desk.go(f"{PATH}?{desk.DONE}=scritto")
