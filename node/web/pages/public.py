"""The pages that everybody may see: start, search, profile, bodies, state, help, privacy, accessibility, the API in words.

In: requests. Out: pages of the same values as the JSON routes (node/web/cooperation.py). Rules: what stands here is public at
every member; a wrong question is shown with its form, not thrown away; nothing here can import private records (tests/test_house.py).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from node.domain import vocabulary
from node.domain.query import PARAMETERS, parse
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError
from node.flows.searching.search import Hit, SearchResult
from node.web import cooperation, matches
from node.web.api import DESCRIPTION
from node.web.cooperation import COOPERATION
from node.web.middleware import LANGUAGE_CHOICE, language_of
from node.web.pages import asking, searching
from node.web.pages.frame import SITE, is_fragment, render
from node.web.pages.shown import FIT_NAMES, MANY, STATE_NAMES, Reader, day_of
from node.web.permission import USER, needs

PARTNERS: Final = 10
ENTRIES: Final = 3
PROOF: Final = "text/plain; charset=utf-8"


def routes() -> list[web.RouteDef]:
    """Return the public pages."""
    return [
        web.get("/", home),
        web.get(searching.PATH, search),
        web.get("/profili/{profile_id}", profile),
        web.get("/profili/{profile_id}/prova", proof),
        web.get("/profili/{profile_id}/partner", partners),
        web.get("/enti", bodies),
        web.get("/stato", state),
        web.get("/aiuto", help_page),
        web.get("/privacy", privacy),
        web.get("/accessibilita", accessibility),
        web.get("/api", interface),
    ]


def _reader(request: web.Request) -> Reader:
    return Reader(language_of(request), request.app[COOPERATION].reference)


@needs(Permission.PUBLIC)
async def home(request: web.Request) -> web.StreamResponse:
    """Show the search box, how the federation stands, and what was published last."""
    shared, reader = request.app[COOPERATION], _reader(request)
    front = await cooperation.front(shared)
    members = front.overview.members
    hits = [
        reader.hit(hit, searching.profile_href(hit.profile_id, hit.owner), members)
        for hit in front.newest.hits[:ENTRIES]
    ]
    return render(
        request,
        "home.html",
        overview=front.overview,
        newest=hits,
        begin=[*_entries(reader, "territory", front.newest), *_entries(reader, "sector", front.newest)],
    )


def _entries(reader: Reader, name: str, newest: SearchResult) -> list[tuple[str, str, int]]:
    """Return where most profiles surely are, as (link into the search, name, how many)."""
    most = sorted((bucket for bucket in newest.facets[name] if bucket.certain), key=lambda bucket: -bucket.certain)
    return [
        (searching.href([(name, bucket.value)]), reader.value(name, bucket.value).text, bucket.count)
        for bucket in most[:ENTRIES]
    ]


@needs(Permission.PUBLIC)
async def search(request: web.Request) -> web.StreamResponse:
    """Show a form and what it finds; only what is below the form to a script that refines the question."""
    shared, reader = request.app[COOPERATION], _reader(request)
    given = {name: value for name, value in request.query.items() if name in PARAMETERS}
    view = searching.MAP if request.query.get(searching.VIEW) == searching.MAP else searching.LIST
    values: dict[str, Any] = {
        "given": given,
        "names": searching.filter_names(reader),
        "options": searching.options(reader),
        "view": view,
        "errors": [],
        "found": None,
    }
    try:
        query = parse(_asked(request), shared.reference)
    except CallerError as error:
        what, where, hint = error.render(reader.tr)
        sentence = ". ".join(part for part in (what[:1].upper() + what[1:], hint) if part)
        values["errors"] = [(where if where in PARAMETERS else "", sentence)]
        return render(request, "search.html", status=400, **values)
    result = await cooperation.found(shared, query)
    members = (await cooperation.front(shared)).overview.members
    values["found"] = searching.results(reader, query, result, members, view)
    values["given"] = {**given, **dict(query.parameters())}
    return render(request, "results.html" if is_fragment(request) else "search.html", **values)


def _asked(request: web.Request) -> list[tuple[str, str]]:
    ours = (LANGUAGE_CHOICE, searching.VIEW)
    return [(name, value) for name, value in request.query.items() if name not in ours]


async def _profile(request: web.Request) -> tuple[Hit, str | None]:
    return await cooperation.one(
        request.app[COOPERATION], request.match_info["profile_id"], request.query.get("owner", "")
    )


@needs(Permission.PUBLIC)
async def profile(request: web.Request) -> web.StreamResponse:
    """Show one profile: what it says, how anonymous it is, who published and who witnessed it."""
    shared, reader = request.app[COOPERATION], _reader(request)
    hit, proof_text = await _profile(request)
    members = (await cooperation.front(shared)).overview.members
    document = hit.document
    return render(
        request,
        "profile.html",
        hit=hit,
        title=reader.said(document["title"]),
        summary=reader.said(document["summary"]),
        description=reader.said(document.get("description")),
        purpose=reader.title(vocabulary.PURPOSES, hit.purpose),
        labels=reader.labels(hit, MANY),
        facts=reader.facts(document),
        needs_=reader.wants(document["needs"]),
        offers=reader.wants(document["offers"]),
        valid_until=day_of(document.get("valid_until")),
        deadline=day_of(document.get("deadline")),
        body=members.get(hit.owner, hit.owner),
        witnesses=_named(cooperation.witnesses(shared, hit, proof_text), members),
        has_proof=proof_text is not None,
        here=searching.profile_href(hit.profile_id, hit.owner),
        proof_href=searching.href([("owner", hit.owner)], f"/profili/{hit.profile_id}/prova"),
        partners_href=searching.href([("owner", hit.owner)], f"/profili/{hit.profile_id}/partner"),
        **_contact(request, hit),
    )


def _contact(request: web.Request, hit: Hit) -> dict[str, Any]:
    """Return where whoever looks asks for a contact, or why they cannot."""
    user, closed = request.get(USER), asking.why_not(request.app[COOPERATION].membership, hit.owner)
    for_office = user is not None and user.may(Permission.INTRODUCTIONS_WRITE)
    takes = for_office or request.app[asking.DOOR].requests
    where = searching.href([("owner", hit.owner)], asking.ONE.format(profile_id=hit.profile_id))
    office = searching.href([("profilo", f"{hit.owner}:{hit.profile_id}")], "/ufficio/contatti/nuovo")
    return {
        "is_own": closed == asking.OWN,
        "why_no_contact": _reader(request).tr(asking.WHY_NOT[closed]) if closed else "",
        "for_office": for_office,
        "ask_href": "" if closed or not takes else office if for_office else where,
    }


def _named(witnesses: Mapping[str, dt.datetime], members: Mapping[str, str]) -> list[tuple[str, dt.datetime]]:
    return [(members.get(member, member), at) for member, at in witnesses.items()]


@needs(Permission.PUBLIC)
async def proof(request: web.Request) -> web.StreamResponse:
    """Answer the proof of a profile as a file, for anybody to check offline."""
    hit, text = await _profile(request)
    if text is None:
        raise NotFoundError(
            "proof-not-yet",
            N_("di questo profilo non c'è ancora una prova"),
            hint=N_("c'è quando il registro è firmato di nuovo: riprovare tra qualche minuto"),
        )
    name = f"profilo-{hit.profile_id}.tlog-proof"
    headers = {"Content-Type": PROOF, "Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-cache"}  # fmt: skip
    return web.Response(body=text.encode(), headers=headers)


@needs(Permission.PUBLIC)
async def partners(request: web.Request) -> web.StreamResponse:
    """Show the partners of a profile, with the reasons; only the list to a script that asks for it."""
    shared, reader = request.app[COOPERATION], _reader(request)
    hit, _ = await _profile(request)
    members = (await cooperation.front(shared)).overview.members
    fits: list[dict[str, Any]] = []
    if hit.document["needs"] or hit.document["offers"]:
        matched = await cooperation.partners(shared, matches.Asked(hit.profile_id, PARTNERS, suggest=False))
        fits = [_fit(reader, fit, members) for fit in matched.fits]
    return render(
        request,
        "partner_list.html" if is_fragment(request) else "partners.html",
        title=reader.said(hit.document["title"]),
        here=searching.profile_href(hit.profile_id, hit.owner),
        fits=fits,
    )


def _fit(reader: Reader, fit: Any, members: Mapping[str, str]) -> dict[str, Any]:
    return {
        "href": searching.profile_href(fit.document["id"], fit.owner),
        "title": reader.said(fit.document["title"]),
        "summary": reader.said(fit.document["summary"]),
        "body": members.get(fit.owner, fit.owner),
        "score": fit.match.score,
        "reasons": [reader.tr(FIT_NAMES.get(part.name, part.name)) for part in fit.match.parts if part.share > 0],
        "links": reader.titles(
            vocabulary.CATEGORIES, dict.fromkeys(link.category for link in fit.match.links)
        ),
    }  # fmt: skip


@needs(Permission.PUBLIC)
async def bodies(request: web.Request) -> web.StreamResponse:
    """Show the bodies of the federation, and how many profiles each has published."""
    front = await cooperation.front(request.app[COOPERATION])
    return render(request, "bodies.html", overview=front.overview, search=searching.href)


@needs(Permission.PUBLIC)
async def state(request: web.Request) -> web.StreamResponse:
    """Show how the federation stands as seen from this node."""
    shared = request.app[COOPERATION]
    front = await cooperation.front(shared)
    roll = shared.membership.roll if shared.membership else None
    return render(
        request,
        "state.html",
        overview=front.overview,
        states=STATE_NAMES,
        agreement=roll if roll and roll.version else None,
        own_status=roll.own_status.value if roll and roll.own_status else "",
    )


@needs(Permission.PUBLIC)
async def help_page(request: web.Request) -> web.StreamResponse:
    """Show how to search, and what the words on the pages mean."""
    return render(request, "help.html")


@needs(Permission.PUBLIC)
async def privacy(request: web.Request) -> web.StreamResponse:
    """Show what is kept of whoever visits, and how profiles stay anonymous."""
    return render(request, "privacy.html")


@needs(Permission.PUBLIC)
async def accessibility(request: web.Request) -> web.StreamResponse:
    """Show the accessibility statement, with where to write."""
    return render(request, "accessibility.html", contact=request.app[SITE].contact)


@needs(Permission.PUBLIC)
async def interface(request: web.Request) -> web.StreamResponse:
    """Show the OpenAPI document in words."""
    return render(request, "interface.html", document=request.app[DESCRIPTION], operations=_operations(request))


def _operations(request: web.Request) -> list[dict[str, Any]]:
    document = request.app[DESCRIPTION]
    return [
        {"path": path, "method": method.upper(), **operation}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
