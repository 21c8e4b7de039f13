"""The office's services of assistance in the catalogue: listed, announced, changed, withdrawn.

In: forms of somebody signed in. Out: ``service/1`` in the own signed log (node/flows/programme/announce), at once. Rules: a form says which revision it
has read, so that nobody overwrites what a colleague wrote meanwhile; sent twice, it announces once, since its identifier stands in it; what should not
stand in an announcement is shown and may stay, links may not. Source: docs/catalogue.md.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from node.domain.programme import service_form
from node.domain.programme.announcement import LINE_TITLES, SERVICE
from node.domain.programme.service_form import NAMES, REGIONS
from node.domain.redaction.hits import Hits
from node.domain.roles import Permission
from node.errors import CallerError, NotFoundError
from node.flows.programme import announce as flow
from node.flows.programme import catalogue
from node.flows.programme.catalogue import Item
from node.runtime import current_own
from node.web.catalogue import id_of
from node.web.pages import announced, desk
from node.web.pages.desk import DESK
from node.web.pages.frame import render
from node.web.permission import needs

PATH: Final = "/ufficio/servizi"
NEW: Final = f"{PATH}/nuovo"
# More than an office will ever offer.
SHOWN_MAX: Final = 100
SEEN, ID = "visto", "identificativo"


def routes() -> list[web.RouteDef]:
    """Return the pages of services."""
    one = f"{PATH}/{{item_id}}"
    return [
        web.get(PATH, services),
        web.get(NEW, new),
        web.post(NEW, send_new),
        web.get(one, edit),
        web.post(one, send_edit),
        web.get(f"{one}/ritiro", ask_withdraw),
        web.post(f"{one}/ritiro", withdraw),
    ]


@needs(Permission.PROGRAMME_READ)
async def services(request: web.Request) -> web.StreamResponse:
    """Show the office's services, those that can be asked for first."""
    node, reader = request.app[DESK], desk.reader_of(request)
    now = node.clock()
    asked = [("kind", SERVICE), ("owner", node.config.node.id), ("limit", str(SHOWN_MAX))]
    found = await catalogue.search(node.pool, catalogue.read_query(asked, now), now)
    names = {node.config.node.id: node.config.node.name}
    rows = [
        (announced.shown(reader, item, names), reader.tr(LINE_TITLES[item.announcement.detail["line"]]))
        for item in found.items
    ]
    return render(
        request,
        "office/services.html",
        rows=rows,
        done=desk.said_of(request),
        may_write=desk.may(request, Permission.PROGRAMME_WRITE),
        more=bool(found.cursor),
    )


async def _own(request: web.Request) -> Item:
    """Return the own service that an address names. Raises: NotFoundError(announcement-unknown)."""
    node = request.app[DESK]
    item = await catalogue.read(node.pool, id_of(request.match_info["item_id"]), node.clock(), node.config.node.id)
    if item.announcement.kind != SERVICE:
        raise NotFoundError("announcement-unknown", catalogue.UNKNOWN)
    return item


@needs(Permission.PROGRAMME_WRITE)
async def new(request: web.Request) -> web.StreamResponse:
    """Show the empty form."""
    return _form(request, dict.fromkeys(NAMES, ""), [], str(uuid.uuid4()))


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def edit(request: web.Request) -> web.StreamResponse:
    """Show the form of a service that is there."""
    item = await _own(request)
    made = item.announcement
    return _form(request, service_form.fields_of(made), list(made.regions), made.id, seen=made.revision)


@needs(Permission.PROGRAMME_WRITE)
async def send_new(request: web.Request) -> web.StreamResponse:
    """Announce a new service."""
    sent = await desk.form_of(request)
    return await _send(request, sent, id_of(desk.text_in(sent, ID)), None)


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def send_edit(request: web.Request) -> web.StreamResponse:
    """Announce a service as it is now."""
    item = await _own(request)
    return await _send(request, await desk.form_of(request), item.id, item)


async def _send(request: web.Request, sent: Any, item_id: str, item: Item | None) -> web.StreamResponse:
    node, fields = request.app[DESK], {name: desk.text_in(sent, name) for name in NAMES}
    regions = [code for code in sent.getall(REGIONS, []) if isinstance(code, str)]
    seen = int(text) if (text := desk.text_in(sent, SEEN)).isdigit() and len(text) < 8 else 0
    reading = service_form.read(fields, regions, item_id, item.announcement if item else None)
    if reading.document is None:
        wrong = [(field, desk.explained(error, request)) for field, error in reading.wrong]
        return _form(request, fields, regions, item_id, seen=seen, errors=wrong)
    try:
        done = await flow.announce(
            node.pool, node.config, await current_own(node), node.clock(), reading.document, seen=seen
        )
    except CallerError as error:
        if error.code == "announcement-changed" and await _is_said(request, item_id, reading.document):
            # The same form a second time.
            return desk.go(f"{PATH}?{desk.DONE}=annunciato")
        said = [("", desk.explained(error, request))]
        return _form(request, fields, regions, item_id, seen=seen, errors=said)
    await desk.keep_mark(request)
    if done.doubts and done.announcement is not None:
        made = done.announcement
        return _form(
            request,
            service_form.fields_of(made),
            list(made.regions),
            made.id,
            seen=made.revision,
            doubts=done.doubts,
        )
    return desk.go(f"{PATH}?{desk.DONE}=annunciato")


async def _is_said(request: web.Request, item_id: str, document: Mapping[str, Any]) -> bool:
    """Tell whether the catalogue already says what a form says."""
    node = request.app[DESK]
    try:
        item = await catalogue.read(node.pool, item_id, node.clock(), node.config.node.id)
    except NotFoundError:
        return False
    return all(item.document[name] == said for name, said in document.items())


def _form(
    request: web.Request,
    fields: Mapping[str, str],
    regions: list[str],
    item_id: str,
    *,
    seen: int = 0,
    errors: list[tuple[str, str]] | None = None,
    doubts: Hits = (),
) -> web.Response:
    reader = desk.reader_of(request)
    names = sorted((region.name, region.code) for region in reader.reference.territories.regions)
    return render(
        request,
        "office/service.html",
        status=400 if errors else 200,
        given=fields,
        chosen=regions,
        regions=[(code, name) for name, code in names],
        lines=[(key, reader.tr(title)) for key, title in LINE_TITLES.items()],
        item_id=item_id,
        seen=seen,
        action=f"{PATH}/{item_id}" if seen else NEW,
        errors=errors or [],
        doubts=[(text[hit.start : hit.end], reader.tr(hit.reason)) for _, text, hit in doubts],
    )


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def ask_withdraw(request: web.Request) -> web.StreamResponse:
    """Ask whether a service is to be withdrawn."""
    item, reader = await _own(request), desk.reader_of(request)
    return render(
        request, "office/service_withdraw.html", title=reader.said(item.announcement.title), here=f"{PATH}/{item.id}"
    )


@needs(Permission.PROGRAMME_WRITE, hidden=True, invites=True)
async def withdraw(request: web.Request) -> web.StreamResponse:
    """Withdraw a service for ever."""
    item, node = await _own(request), request.app[DESK]
    await flow.withdraw(node.pool, await current_own(node), node.clock(), item.id)
    await desk.keep_mark(request)
    return desk.go(f"{PATH}?{desk.DONE}=annuncio-ritirato")
