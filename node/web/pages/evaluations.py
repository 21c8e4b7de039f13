"""An evaluator's pages: what was given to them, a declaration, the content, their points.

In: forms of somebody with the role. Out: what node/flows/programme/evaluating.py shows them. Rules: before the declaration a number alone;
after one of a conflict nothing; others' points once all are in. Whose name it is, the account says, never a field. Source: docs/calls.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from node.domain import documents as kinds
from node.domain import vocabulary
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError, ReteError
from node.flows.programme import calls, evaluating
from node.web.pages import desk
from node.web.pages.desk import DESK
from node.web.pages.frame import render
from node.web.pages.office_applications import as_file
from node.web.permission import needs

PATH: Final = "/ufficio/valutazioni"
ONE: Final = f"{PATH}/{{application_id}}"
DONE: Final[Mapping[str, str]] = {
    "dichiarato": N_("La dichiarazione è scritta."),
    "punti": N_("I punti sono dati."),
}
DECLARED: Final = {None: N_("da dichiarare"), True: N_("conflitto dichiarato"), False: N_("nessun conflitto")}


def routes() -> list[web.RouteDef]:
    """Return an evaluator's pages."""
    return [
        web.get(PATH, evaluations), web.get(ONE, evaluation), web.post(f"{ONE}/dichiara", declare), web.post(f"{ONE}/punti", score),
        web.get(f"{ONE}/allegati/{{attachment_id}}", take, allow_head=False),
    ]  # fmt: skip


@needs(Permission.CALLS_SCORE)
async def evaluations(request: web.Request) -> web.StreamResponse:
    """Show what somebody is to judge."""
    node, reader = request.app[DESK], desk.reader_of(request)
    found = await evaluating.tasks(node.pool, desk.officer_of(request))
    titles = {call.call_id: reader.said(call.title) for call, _ in await calls.kept_calls(node.pool)}
    rows = [
        (f"{PATH}/{task.application_id}", task.protocol, titles[task.call_id], reader.tr(DECLARED[task.conflict]), task.has_scored)
        for task in found
    ]  # fmt: skip
    return render(request, "office/evaluations.html", rows=rows)


@needs(Permission.CALLS_SCORE, hidden=True, invites=True)
async def evaluation(request: web.Request) -> web.StreamResponse:
    """Show one application as its evaluator may see it."""
    return await _show(request, {})


async def _show(request: web.Request, given: Mapping[str, Any], error: ReteError | None = None) -> web.Response:
    node, reader = request.app[DESK], desk.reader_of(request)
    name = desk.officer_of(request)
    seen = await evaluating.read(node.pool, request.match_info["application_id"], name)
    task, opened, asked = seen.task, seen.opened, request.query.get(desk.DONE, "")
    return render(
        request,
        "office/evaluation.html",
        status=400 if error else 200,
        errors=[(error.where if error.where.startswith(("punti-", "perche-")) else "", desk.explained(error, request))] if error else [],
        done=reader.tr(DONE[asked]) if asked in DONE else "",
        here=f"{PATH}/{task.application_id}",
        protocol=task.protocol,
        title=reader.said(seen.call.title),
        conflict=task.conflict,
        has_scored=task.has_scored,
        is_closed=node.clock() >= seen.call.closes,
        closes=seen.call.closes,
        scale=seen.call.scale,
        criteria=[
            (each.code, reader.said(each.title).text, each.weight, desk.text_in(given, f"punti-{each.code}"), desk.text_in(given, f"perche-{each.code}"))
            for each in seen.call.criteria
        ],
        facts=[] if opened is None else [
            (reader.tr(N_("Rete")), opened.application.network or "-"),
            (reader.tr(N_("Contributo chiesto, in euro")), f"{opened.application.requested:.2f}"),
        ],
        attached=[] if opened is None else [
            (each["document_id"], each["title"], vocabulary.title(kinds.KINDS, each["kind"], reader.language)) for each in opened.documents
        ],
        scores=[(each.alias, code, points, each.reasons.get(code, "")) for each in seen.scores for code, points in each.points.items()],
    )  # fmt: skip


@needs(Permission.CALLS_SCORE, hidden=True, invites=True)
async def declare(request: web.Request) -> web.StreamResponse:
    """Keep a declaration."""
    node, application_id = request.app[DESK], request.match_info["application_id"]
    told = desk.text_in(await desk.form_of(request), "conflitto")
    if told not in ("si", "no"):
        error = CallerError("declaration-missing", N_("scegliere se c'è un conflitto di interessi"), where="conflitto")
        return await _show(request, {}, error)
    await evaluating.declare(
        node.pool, application_id, desk.officer_of(request), conflict=told == "si", now=node.clock()
    )
    await desk.keep_mark(request)
    return desk.go(f"{PATH}/{application_id}?{desk.DONE}=dichiarato")


@needs(Permission.CALLS_SCORE, hidden=True, invites=True)
async def score(request: web.Request) -> web.StreamResponse:
    """Keep points."""
    node, application_id = request.app[DESK], request.match_info["application_id"]
    form, name = await desk.form_of(request), desk.officer_of(request)
    fields = {key: value for key, value in form.items() if isinstance(value, str)}
    points, reasons = (
        {key.removeprefix(start): value for key, value in fields.items() if key.startswith(start)}
        for start in ("punti-", "perche-")
    )
    try:
        await evaluating.score(node.pool, application_id, name, points, reasons, node.clock())
    except NotFoundError:
        raise
    except CallerError as error:
        return await _show(request, fields, error)
    await desk.keep_mark(request)
    return desk.go(f"{PATH}/{application_id}?{desk.DONE}=punti")


@needs(Permission.CALLS_SCORE, hidden=True, invites=True)
async def take(request: web.Request) -> web.StreamResponse:
    """Send a document to an evaluator who has declared."""
    info = request.match_info
    name = desk.officer_of(request)
    found = await evaluating.take(request.app[DESK].pool, info["application_id"], info["attachment_id"], name)
    return as_file(found)
