"""The office's joint calls: their texts, endorsements, applications, sheets of the other issuers, the ranking.

In: forms of somebody signed in. Out: what node/flows/programme does, on the page of the call. Rules: whoever endorses or publishes sends the
digest of what the page showed, and is another officer than whoever wrote the text or proposed the ranking; files leave as files, never as pages.
Source: docs/calls.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from node.domain import officers
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError, ReteError
from node.flows.programme import applying, call_ranking, call_sheets, granting, issued
from node.flows.programme import calls as texts
from node.flows.programme.issued import Issued
from node.protocol import limits
from node.runtime import current_own
from node.store.calls import Application, Kept
from node.web import forms
from node.web.pages import calls as public
from node.web.pages import desk
from node.web.pages.desk import DESK
from node.web.pages.frame import render
from node.web.pages.office_documents import HEADERS, disposition
from node.web.permission import needs

PATH: Final = "/ufficio/bandi"
ONE: Final = f"{PATH}/{{call_id}}"
FIELD: Final = "file"
# A file of sheets by a form; larger ones by command.
SHEETS_MAX_BYTES: Final = 32 * 2**20
DONE: Final = {
    "tenuto": N_("Il testo del bando è tenuto: lo rilegge e lo approva un altro funzionario."),
    "approvato": N_("Il bando è approvato: il suo testo sta nel registro firmato."),
    "ritirato": N_("L'approvazione è ritirata: il bando è chiuso."),
    "schede": N_("Le schede dell'altro ente sono lette."),
    "proposta": N_("La graduatoria è proposta: la pubblica un altro funzionario."),
    "pubblicata": N_("La graduatoria è pubblicata nel registro firmato."),
    "domanda": N_("La domanda è ricevuta, con il suo numero di protocollo."),
}
APPLICATION_STATES: Final = {
    "withdrawn": N_("ritirata"),
    "refused": N_("esclusa"),
    "scored": N_("valutata"),
    "assigned": N_("in valutazione"),
    "received": N_("ricevuta"),
}


def routes() -> list[web.RouteDef]:
    """Return the pages of calls."""
    return [
        web.get(PATH, calls), web.post(PATH, draft), web.get(ONE, call), web.post(f"{ONE}/prendi", adopt),
        web.post(f"{ONE}/approva", endorse), web.post(f"{ONE}/ritira", retract), web.post(f"{ONE}/schede", take_sheets),
        web.get(f"{ONE}/schede/{{peer}}", give_sheets, allow_head=False), web.post(f"{ONE}/graduatoria", propose),
        web.post(f"{ONE}/pubblica", publish), web.get(f"{ONE}/aiuti", aid_register, allow_head=False),
    ]  # fmt: skip


def said_of(request: web.Request) -> str:
    """Return what the redirect that led here says was done."""
    asked = request.query.get(desk.DONE, "")
    return desk.reader_of(request).tr(DONE[asked]) if asked in DONE else ""


@needs(Permission.CALLS_READ)
async def calls(request: web.Request) -> web.StreamResponse:
    """Show the calls of this office and of the logs."""
    return await _calls(request)


async def _calls(request: web.Request, error: ReteError | None = None) -> web.Response:
    node, reader = request.app[DESK], desk.reader_of(request)
    own = node.config.node.id
    kept = await texts.kept_calls(node.pool)
    ids = {found.call_id for found, _ in kept}
    said = await issued.read_all(node.pool, node.clock())
    states = {one.call.call_id: public.line(reader, one) for one in said}
    return render(
        request,
        "office/calls.html",
        status=400 if error else 200,
        errors=[(FIELD, desk.explained(error, request))] if error else [],
        done=said_of(request),
        kept=[(found.call_id, reader.said(found.title), states.get(found.call_id)) for found, _ in kept],
        others=[
            public.line(reader, one)
            for one in said
            if own in {issuer.node for issuer in one.call.issuers} and one.call.call_id not in ids
        ],
        may_write=desk.may(request, Permission.CALLS_WRITE),
    )


def _too_large(_request: web.Request) -> CallerError:
    return CallerError("call-file-large", N_("il file è più grande di quanto può essere"), where=FIELD)


@needs(Permission.CALLS_WRITE)
@forms.takes(max_bytes=limits.BODY_MAX_BYTES + 4096, too_large=_too_large)
async def draft(request: web.Request) -> web.StreamResponse:
    """Keep the text of a call from a file."""
    node = request.app[DESK]
    try:
        raw = await file_of(request, limits.BODY_MAX_BYTES)
        _, document = texts.read_document(raw)
        found = await texts.write(node.pool, node.config.node.id, document, node.clock())
    except CallerError as error:
        return await _calls(request, error)
    await desk.keep_mark(request)
    return desk.go(f"{PATH}/{found.call_id}?{desk.DONE}=tenuto")


async def file_of(request: web.Request, most: int) -> bytes:
    """Return the bytes of the one file of a form, of which no more are read than may be. Raises: CallerError file-missing, call-file-large."""
    sent = (await request.post()).get(FIELD)
    if not isinstance(sent, web.FileField) or not sent.filename:
        raise CallerError("file-missing", N_("manca il file"), where=FIELD, hint=N_("scegliere un file da inviare"))
    raw = await asyncio.to_thread(sent.file.read, most + 1)
    if len(raw) > most:
        raise _too_large(request)
    return raw


@needs(Permission.CALLS_READ, hidden=True, invites=True)
async def call(request: web.Request) -> web.StreamResponse:
    """Show one call with its applications and its ranking."""
    return await show(request, request.match_info["call_id"])


async def show(request: web.Request, call_id: str, error: ReteError | None = None) -> web.Response:
    """Return the page of a call, with a refusal on top of it. Raises: NotFoundError(call-unknown)."""
    node, reader = request.app[DESK], desk.reader_of(request)
    one, kept = await _text(request, call_id)
    is_kept = kept is not None
    found = await applying.list_all(node.pool, call_id)
    newest = next(iter(await call_ranking.proposals(node.pool, call_id)), None)
    officer = desk.officer_of(request)
    own = node.config.node.id
    return render(
        request,
        "office/call.html",
        status=400 if error else 200,
        errors=[("", desk.explained(error, request))] if error else [],
        done=said_of(request),
        shown=public.text_of(reader, one),
        is_kept=is_kept,
        is_endorsed=own in one.endorsers,
        written_by="" if kept is None else kept.written_by,
        is_own=kept is not None and officers.is_same(kept.written_by, officer),
        is_closed=node.clock() >= one.call.closes,
        is_taking=one.standing.state == "open",
        applications=[application_line(reader.tr, each) for each in found],
        others=[issuer.node for issuer in one.call.issuers if issuer.node != own],
        proposal=None if newest is None else {
            "digest": newest.digest, "by": newest.proposed_by, "edition": newest.edition, "published": newest.published_at,
            "is_own": newest.proposed_by == officer,
            "rows": public.rows_of(reader, [row for part in newest.parts for row in part["rows"]]),
        },
        ranking=public.ranking_of(reader, one, await issued.rankings(node.pool, one.call)),
        grants=await granting.list_all(node.pool, call_id) if is_kept else [],
        may_write=desk.may(request, Permission.CALLS_WRITE),
    )  # fmt: skip


async def _text(request: web.Request, call_id: str) -> tuple[Issued, Kept | None]:
    """Return a call and this office's copy if it keeps one: that copy first, endorsed by anybody or not yet."""
    node = request.app[DESK]
    said = await issued.of_id(node.pool, call_id, node.clock())
    try:
        found, kept = await texts.kept_call(node.pool, call_id)
    except NotFoundError:
        if not said:
            raise issued.unknown(call_id) from None
        return said[0], None
    for one in said:
        if one.call.digest == found.digest:
            return one, kept
    return issued.unsaid(found, texts.stored(kept)[1], said, node.clock()), kept


def application_line(tr: Callable[[str], str], one: Application) -> dict[str, Any]:
    """Return an application as a line of a list."""
    state = "received"
    if one.withdrawn_at is not None:
        state = "withdrawn"
    elif one.reasons:
        state = "refused"
    elif one.is_scored:
        state = "scored"
    elif one.assigned:
        state = "assigned"
    return {
        "application_id": one.application_id, "protocol": one.protocol, "network": one.network or tr(N_("rete cancellata")),
        "requested": f"{one.requested:.2f}", "arrived": one.arrived_at, "state": tr(APPLICATION_STATES[state]),
    }  # fmt: skip


async def _decide(request: web.Request, work: Callable[[str], Awaitable[object]], done: str) -> web.StreamResponse:
    call_id = request.match_info["call_id"]
    try:
        await work(call_id)
    except NotFoundError:
        raise
    except ReteError as error:
        return await show(request, call_id, error)
    await desk.keep_mark(request)
    return desk.go(f"{PATH}/{call_id}?{desk.DONE}={done}")


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
async def adopt(request: web.Request) -> web.StreamResponse:
    """Keep the text that another issuer has endorsed."""
    node = request.app[DESK]
    return await _decide(
        request, lambda call_id: texts.adopt(node.pool, node.config.node.id, call_id, node.clock()), "tenuto"
    )


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
async def endorse(request: web.Request) -> web.StreamResponse:
    """Put the text that the page showed into the own log."""
    node = request.app[DESK]
    digest = desk.text_in(await desk.form_of(request), "impronta")

    async def work(call_id: str) -> None:
        await texts.endorse(node.pool, node.config, await current_own(node), call_id, digest, node.clock())

    return await _decide(request, work, "approvato")


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
async def retract(request: web.Request) -> web.StreamResponse:
    """Withdraw the endorsement for ever, once somebody has ticked that they mean it."""
    node = request.app[DESK]
    is_meant = bool(desk.text_in(await desk.form_of(request), "per-sempre"))

    async def work(call_id: str) -> None:
        if not is_meant:
            raise CallerError("confirmation-missing", N_("confermare con la casella che l'approvazione si ritira per sempre"))  # fmt: skip
        await texts.take_back(node.pool, await current_own(node), call_id, node.clock())

    return await _decide(request, work, "ritirato")


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
@forms.takes(max_bytes=SHEETS_MAX_BYTES + 4096, too_large=_too_large)
async def take_sheets(request: web.Request) -> web.StreamResponse:
    """Read the sheets of another issuer."""
    node = request.app[DESK]

    async def work(call_id: str) -> None:
        raw = await file_of(request, SHEETS_MAX_BYTES)
        await call_sheets.take(node.call_desk(), call_id, raw, node.clock())

    return await _decide(request, work, "schede")


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
async def give_sheets(request: web.Request) -> web.StreamResponse:
    """Send the sheets for another issuer, to be saved."""
    node, call_id, peer = request.app[DESK], request.match_info["call_id"], request.match_info["peer"]
    try:
        raw = await call_sheets.export(node.call_desk(), call_id, peer, node.clock())
    except NotFoundError:
        raise
    except CallerError as error:
        return await show(request, call_id, error)
    return _file(raw, f"schede-{node.config.node.id}-{peer}.json", "application/json")


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
async def propose(request: web.Request) -> web.StreamResponse:
    """Compute the ranking."""
    node = request.app[DESK]
    return await _decide(
        request, lambda call_id: call_ranking.propose(node.pool, node.config.node.id, call_id, node.clock()), "proposta"
    )


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
async def publish(request: web.Request) -> web.StreamResponse:
    """Publish the ranking that the page showed."""
    node = request.app[DESK]
    digest = desk.text_in(await desk.form_of(request), "impronta")

    async def work(call_id: str) -> None:
        own, officer = await current_own(node), desk.officer_of(request)
        await call_ranking.publish(node.pool, node.config, own, call_id, digest, officer, node.clock())

    return await _decide(request, work, "pubblicata")


@needs(Permission.CALLS_WRITE, hidden=True, invites=True)
async def aid_register(request: web.Request) -> web.StreamResponse:
    """Send the file for the national register of aid."""
    call_id = request.match_info["call_id"]
    return _file(await granting.aid_register(request.app[DESK].pool, call_id), f"aiuti-{call_id}.csv", "text/csv")


def _file(raw: bytes, name: str, media_type: str) -> web.Response:
    headers = {**HEADERS, "Content-Type": media_type, "Content-Disposition": disposition(name)}
    return web.Response(body=raw, headers=headers)
