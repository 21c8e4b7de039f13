"""Applications in pages: one comes in with its documents, is looked at, given to evaluators, withdrawn, granted.

In: forms of officers. Out: what node/flows/programme does. Rules: no more of a file is read than may be kept; documents leave as files to
be saved and are never shown; points appear once all evaluators have given theirs; an application that takes no part says why.
Source: docs/calls.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from node.domain import documents as kinds
from node.domain import vocabulary
from node.domain.documents import Described
from node.domain.programme.eligibility import told
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError, ReteError
from node.flows.programme import applying, evaluating, granting, issued
from node.flows.programme.applying import Wish
from node.flows.programme.calls import ITALY
from node.flows.registry import documents as files
from node.flows.registry.documents import Bounds
from node.store import registry
from node.store.documents import File
from node.store.postgres import acquire
from node.web import forms
from node.web.pages import desk
from node.web.pages.desk import DESK
from node.web.pages.frame import render
from node.web.pages.office_calls import PATH, application_line
from node.web.pages.office_documents import FORM_BYTES, HEADERS, disposition
from node.web.permission import needs

NEW: Final = f"{PATH}/{{call_id}}/domanda"
ALL: Final = "/ufficio/domande"
ONE: Final = f"{ALL}/{{application_id}}"
# Documents of one form; more are sent by command.
FILES: Final = 5
SHOWN_MAX: Final = 500
DONE: Final[Mapping[str, str]] = {
    "affidata": N_("La domanda è affidata."),
    "ritirata": N_("La domanda è ritirata."),
    "concesso": N_("Il contributo è concesso."),
    "annotato": N_("Annotato."),
}


def routes() -> list[web.RouteDef]:
    """Return the pages of applications."""
    return [
        web.get(NEW, new), web.post(NEW, send), web.get(ONE, application), web.post(f"{ONE}/affida", assign),
        web.post(f"{ONE}/ritira", withdraw), web.get(f"{ONE}/allegati/{{attachment_id}}", take, allow_head=False),
        web.post(f"{ONE}/concedi", grant), web.post(f"{ONE}/rata", pay), web.post(f"{ONE}/rendiconto", report),
        web.post(f"{ONE}/revoca", revoke),
    ]  # fmt: skip


def _bounds(request: web.Request) -> Bounds:
    return files.bounds_of(request.app[DESK].config)


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
async def new(request: web.Request) -> web.StreamResponse:
    """Show the empty form of an application."""
    return await _form(request, {})


async def _form(request: web.Request, given: Mapping[str, Any], error: ReteError | None = None) -> web.Response:
    node, reader = request.app[DESK], desk.reader_of(request)
    one = await issued.read(node.pool, request.match_info["call_id"], node.clock())
    async with acquire(node.pool) as conn:
        networks = await registry.read_records(conn)
    language = reader.language
    return render(
        request,
        "office/application_new.html",
        status=400 if error else 200,
        errors=[("", desk.explained(error, request))] if error else [],
        title=reader.said(one.call.title),
        here=f"{PATH}/{one.call.call_id}",
        networks=[(key, record.name) for key, record in networks.items()][:SHOWN_MAX],
        given={name: desk.text_in(given, name) for name in ("rete", "importo", "imprese")},
        kinds=[(key, vocabulary.title(kinds.KINDS, key, language)) for key in kinds.KINDS],
        files=range(1, FILES + 1),
        wanted=[
            vocabulary.title(kinds.KINDS, kind, language) for kind in one.call.rules.documents if kind in kinds.KINDS
        ],
        accepted=kinds.ACCEPTED,
    )


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
@forms.takes(
    max_bytes=lambda request: min(_bounds(request).network, FILES * _bounds(request).file) + FORM_BYTES,
    too_large=lambda request: files.too_large(_bounds(request)),
)
async def send(request: web.Request) -> web.StreamResponse:
    """Receive an application."""
    node, call_id = request.app[DESK], request.match_info["call_id"]
    form = await request.post()
    given = {name: value for name, value in form.items() if isinstance(value, str)}
    bounds = _bounds(request)
    try:
        wish = Wish(
            given.get("rete", ""),
            applying.amount(given.get("importo", ""), "importo"),
            applying.undertaking_lines(given.get("imprese", "")),
            tuple([one async for one in _attached(form, given, bounds)]),
        )
        found = await applying.apply(node.pool, node.config.node.id, call_id, wish, bounds, node.clock())
    except CallerError as error:
        if error.code == "call-unknown":
            raise
        return await _form(request, given, error)
    await desk.keep_mark(request)
    return desk.go(f"{ALL}/{found.application_id}")


async def _attached(form: Mapping[str, Any], given: Mapping[str, str], bounds: Bounds) -> Any:
    for number in range(1, FILES + 1):
        sent = form.get(f"file-{number}")
        if isinstance(sent, web.FileField) and sent.filename:
            content = await asyncio.to_thread(sent.file.read, bounds.file + 1)
            yield _described(sent.filename, given.get(f"genere-{number}", "")), content


def _described(file_name: str, kind: str) -> Described:
    return kinds.describe(file_name.rpartition(".")[0] or file_name, kind, None, file_name)


@needs(Permission.CALLS_READ, hidden=True, invites=True)
async def application(request: web.Request) -> web.StreamResponse:
    """Show an application."""
    return await _show(request)


async def _show(request: web.Request, error: ReteError | None = None) -> web.Response:
    node, reader = request.app[DESK], desk.reader_of(request)
    application_id = request.match_info["application_id"]
    opened = await applying.read(node.pool, application_id)
    one = opened.application
    try:
        account = await granting.account(node.pool, application_id)
    except NotFoundError:
        account = None
    scores = await evaluating.shown(node.pool, application_id)
    asked = request.query.get(desk.DONE, "")
    return render(
        request,
        "office/application.html",
        status=400 if error else 200,
        errors=[("", desk.explained(error, request))] if error else [],
        done=reader.tr(DONE[asked]) if asked in DONE else "",
        one=application_line(reader.tr, one),
        here=f"{ALL}/{application_id}",
        call=f"{PATH}/{one.call_id}",
        takes_part=one.takes_part,
        is_withdrawn=one.withdrawn_at is not None,
        reasons=[reader.tr(sentence) for sentence in told(one.reasons)],
        undertakings=[(each.code, f"{each.part:.2f}", f"{sum(aid.amount for aid in each.aids):.2f}") for each in opened.undertakings],
        attached=[(each["document_id"], each["title"], vocabulary.title(kinds.KINDS, each["kind"], reader.language)) for each in opened.documents],
        judges=[(each.alias, each.evaluator, each.conflict, each.has_scored) for each in await evaluating.assigned(node.pool, application_id)],
        scores=[(score.alias, code, points, score.reasons.get(code, "")) for score in scores for code, points in score.points.items()],
        account=None if account is None else [
            (reader.tr(name), f"{value:.2f}")
            for name, value in (
                (N_("Concesso"), account.granted), (N_("Revocato"), account.revoked), (N_("Pagato"), account.paid),
                (N_("Spese accettate"), account.accepted), (N_("Da recuperare"), account.to_recover),
            )
        ],
        may_write=desk.may(request, Permission.CALLS_WRITE),
    )  # fmt: skip


async def _decide(
    request: web.Request, work: Callable[[str, Mapping[str, Any]], Awaitable[object]], done: str
) -> web.StreamResponse:
    application_id = request.match_info["application_id"]
    form = await desk.form_of(request)
    try:
        await work(application_id, form)
    except NotFoundError:
        raise
    except CallerError as error:
        return await _show(request, error)
    await desk.keep_mark(request)
    return desk.go(f"{ALL}/{application_id}?{desk.DONE}={done}")


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
async def assign(request: web.Request) -> web.StreamResponse:
    """Give an application to evaluators, named one a line."""
    node = request.app[DESK]

    async def work(application_id: str, form: Mapping[str, Any]) -> None:
        names = [name.strip() for name in desk.text_in(form, "valutatori").splitlines() if name.strip()]
        if not names:
            raise CallerError("evaluator-missing", N_("scrivere almeno un nome, uno per riga"), where="valutatori")
        await evaluating.assign(node.pool, node.config.node.id, [application_id], names, node.clock())

    return await _decide(request, work, "affidata")


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
async def withdraw(request: web.Request) -> web.StreamResponse:
    """Take an application out for ever, once somebody has ticked that they mean it."""
    node = request.app[DESK]

    async def work(application_id: str, form: Mapping[str, Any]) -> None:
        if not desk.text_in(form, "per-sempre"):
            raise CallerError(
                "confirmation-missing", N_("confermare con la casella che la domanda si ritira per sempre")
            )
        await applying.withdraw(node.pool, application_id, node.clock())

    return await _decide(request, work, "ritirata")


@needs(Permission.CALLS_READ, hidden=True, invites=True)
async def take(request: web.Request) -> web.StreamResponse:
    """Send a document as it came, to be saved."""
    info = request.match_info
    return as_file(await applying.take(request.app[DESK].pool, info["application_id"], info["attachment_id"]))


def as_file(found: File) -> web.Response:
    """Return a document as a file to be saved, with nothing allowed to it."""
    headers = {**HEADERS, "Content-Type": found.media_type, "Content-Disposition": disposition(found.file_name)}
    return web.Response(body=found.content, headers=headers)


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
async def grant(request: web.Request) -> web.StreamResponse:
    """Grant what the ranking signed by all gives."""
    node = request.app[DESK]
    return await _decide(request, lambda ident, _form: granting.grant(node.pool, ident, node.clock()), "concesso")


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
async def pay(request: web.Request) -> web.StreamResponse:
    """Note an instalment."""
    node = request.app[DESK]

    async def work(application_id: str, form: Mapping[str, Any]) -> None:
        amount = applying.amount(desk.text_in(form, "importo"), "importo")
        await granting.pay(node.pool, application_id, amount, node.clock().astimezone(ITALY).date())

    return await _decide(request, work, "annotato")


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
async def report(request: web.Request) -> web.StreamResponse:
    """Note an expense report."""
    node = request.app[DESK]

    async def work(application_id: str, form: Mapping[str, Any]) -> None:
        reported, accepted = (applying.amount(desk.text_in(form, name), name) for name in ("importo", "accettato"))
        day = node.clock().astimezone(ITALY).date()
        await granting.report(node.pool, application_id, reported, accepted, desk.text_in(form, "nota").strip(), day)

    return await _decide(request, work, "annotato")


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
async def revoke(request: web.Request) -> web.StreamResponse:
    """Revoke a grant or part of it."""
    node = request.app[DESK]

    async def work(application_id: str, form: Mapping[str, Any]) -> None:
        amount = applying.amount(desk.text_in(form, "importo"), "importo")
        day = node.clock().astimezone(ITALY).date()
        await granting.revoke(node.pool, application_id, amount, desk.text_in(form, "motivo"), day)

    return await _decide(request, work, "annotato")
