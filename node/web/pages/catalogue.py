"""The catalogue for everybody: what the administrations announce, with filters, and each announcement with where it stands and its proof.

In: requests. Out: pages of the same values as the JSON routes (node/web/catalogue.py). Rules: every list is a whole question of its own, so that it
works without a script; texts of other nodes are shown as text, and the only ways out of here are the pages of this node and the owner's own page,
at the address under which the federation knows it. Source: docs/catalogue.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from node.domain.programme.announcement import KIND_TITLES, LINE_TITLES, STATE_TITLES
from node.domain.programme.catalogue_query import PARAMETERS, CatalogueQuery
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError
from node.flows.programme import catalogue as flow
from node.flows.programme.catalogue import Found, Item
from node.web import catalogue as shared_routes
from node.web import cooperation
from node.web.catalogue import FED, FEED, PAGES
from node.web.cooperation import COOPERATION
from node.web.middleware import LANGUAGE_CHOICE, language_of
from node.web.pages import announced
from node.web.pages.frame import render
from node.web.pages.shown import Reader
from node.web.permission import needs

PROOF: Final = "text/plain; charset=utf-8"


def routes() -> list[web.RouteDef]:
    """Return the pages of the catalogue."""
    return [
        web.get(PAGES, catalogue),
        web.get(f"{PAGES}/{{item_id}}", announcement),
        web.get(f"{PAGES}/{{item_id}}/prova", proof),
    ]


def _reader(request: web.Request) -> Reader:
    return Reader(language_of(request), request.app[COOPERATION].reference)


def _link(parameters: Iterable[tuple[str, str]], path: str = PAGES) -> str:
    text = urlencode(list(parameters))
    return f"{path}?{text}" if text else path


@needs(Permission.PUBLIC)
async def catalogue(request: web.Request) -> web.StreamResponse:
    """Show a form and what it finds."""
    shared, reader = request.app[COOPERATION], _reader(request)
    members = (await cooperation.front(shared)).overview.members
    asked = [(name, value) for name, value in request.query.items() if name != LANGUAGE_CHOICE]
    values: dict[str, Any] = {
        "given": {name: value for name, value in asked if name in PARAMETERS},
        "options": _options(reader, members),
        "errors": [],
        "found": None,
        "shown": (),
        "next": "",
        "first": "",
        "here": PAGES,
        "feed": FEED,
    }
    try:
        query = flow.read_query(asked, shared.clock())
    except CallerError as error:
        what, where, hint = error.render(reader.tr)
        sentence = ". ".join(part for part in (what[:1].upper() + what[1:], hint) if part)
        values["errors"] = [(where if where in PARAMETERS else "", sentence)]
        return render(request, "catalogue.html", status=400, **values)
    found = await shared_routes.found(shared, query)
    values |= {
        "given": dict(query.parameters()),
        "found": found,
        "shown": [announced.shown(reader, item, members) for item in found.items],
        **_links(query, found),
    }
    return render(request, "catalogue.html", **values)


def _options(reader: Reader, members: dict[str, str]) -> dict[str, list[tuple[str, str]]]:
    regions = sorted((region.name, region.code) for region in reader.reference.territories.regions)
    return {
        "kind": [(key, reader.tr(title)) for key, title in KIND_TITLES.items()],
        "line": [(key, reader.tr(title)) for key, title in LINE_TITLES.items()],
        "state": [(key.value, reader.tr(title)) for key, title in STATE_TITLES.items()],
        "region": [(code, name) for name, code in regions],
        "owner": sorted(members.items(), key=lambda item: item[1]),
    }


def _links(query: CatalogueQuery, found: Found) -> dict[str, str]:
    asked = list(query.parameters())
    return {
        "next": _link([*asked, ("cursor", found.cursor)]) if found.cursor else "",
        "first": _link(asked) if query.cursor else "",
        "here": _link(asked),
        "feed": _link([item for item in asked if item[0] in FED], FEED),
    }


async def _one(request: web.Request) -> tuple[Item, str | None]:
    return await shared_routes.read(
        request.app[COOPERATION], request.match_info["item_id"], request.query.get("owner", "")
    )


@needs(Permission.PUBLIC)
async def announcement(request: web.Request) -> web.StreamResponse:
    """Show one announcement: what it says, whose it is, who witnessed it."""
    shared, reader = request.app[COOPERATION], _reader(request)
    item, proof_text = await _one(request)
    members = (await cooperation.front(shared)).overview.members
    witnesses = shared_routes.witnesses(shared, item, proof_text)
    return render(
        request,
        "announcement.html",
        item=item,
        shown=announced.shown(reader, item, members),
        detail=announced.detail(reader, item),
        witnesses=[(members.get(member, member), at) for member, at in witnesses.items()],
        proof_href=announced.href(item.id, item.owner, "/prova") if proof_text is not None else "",
        json_href=f"{shared_routes.PATH}/{item.id}?{urlencode({'owner': item.owner})}",
        owner_page=_owner_page(request, item),
    )


def _owner_page(request: web.Request, item: Item) -> str:
    """Return the owner's own page of an announcement, at the address that the federation knows; empty for this node's own."""
    membership = request.app[COOPERATION].membership
    member = None if membership is None else membership.members.get(item.owner)
    return "" if member is None or not member.url else member.url + announced.href(item.id, item.owner)


@needs(Permission.PUBLIC)
async def proof(request: web.Request) -> web.StreamResponse:
    """Answer the proof of an announcement as a file, for anybody to check offline."""
    item, text = await _one(request)
    if text is None:
        raise NotFoundError(
            "proof-not-yet",
            N_("di questo annuncio non c'è ancora una prova"),
            hint=N_("c'è quando il registro è firmato di nuovo: riprovare tra qualche minuto"),
        )
    name = f"annuncio-{item.id}.tlog-proof"
    headers = {"Content-Type": PROOF, "Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-cache"}  # fmt: skip
    return web.Response(body=text.encode(), headers=headers)
