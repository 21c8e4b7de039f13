"""Partners for a network or a profile of the office, with the reasons, and groups for a joint project.

In: an identifier (``per``), whether groups are wanted (``gruppi``). Out: a page of what ``rete match`` prints, with where an introduction
begins. Rules: an own network that is not published is compared here and leaves by nothing; such questions wait for their turn at the
database as the public's do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from node.domain import vocabulary
from node.domain.matching import ABROAD, ANSWERED, ASKED, COMPLEMENTARY, THEMES, Part
from node.domain.roles import Permission
from node.errors import CallerError
from node.flows.introductions.asking import GROUP
from node.flows.searching import match as flow
from node.flows.searching import seek
from node.flows.searching.match import Fit, Matches, Suggestion
from node.store import publication
from node.store.postgres import acquire
from node.web import cooperation
from node.web.cooperation import COOPERATION
from node.web.middleware import status_of
from node.web.pages import asking, desk, office_asking
from node.web.pages.desk import DESK, MATCHES
from node.web.pages.frame import render
from node.web.pages.searching import profile_href
from node.web.pages.shown import FIT_NAMES, Reader
from node.web.permission import needs

SHOWN: Final = 20
GROUPS: Final = 5
LONGEST: Final = 60


def routes() -> list[web.RouteDef]:
    """Return the page of matches."""
    return [web.get(MATCHES, matches)]


@needs(Permission.MATCHES_READ)
async def matches(request: web.Request) -> web.StreamResponse:
    """Show partners or groups for whom is asked, and for nobody groups around the office's own profiles."""
    shared, reader = request.app[COOPERATION], desk.reader_of(request)
    subject = request.query.get("per", "").strip()[:LONGEST]
    wants_groups = request.query.get("gruppi") == "yes"
    values: dict[str, Any] = {
        "subject": subject, "wants_groups": wants_groups, "own_too": request.query.get("proprie") == "yes",
        "errors": [], "fits": None, "groups": None, "of": None, "compared": 0, "complete": True,
    }  # fmt: skip
    try:
        found, groups = await _ask(request, subject, groups=wants_groups, own_too=values["own_too"])
    except CallerError as error:
        values["errors"] = [("per", desk.explained(error, request))]
        return render(request, "office/matches.html", status=status_of(error), **values)
    members = (await cooperation.front(shared)).overview.members
    if found is not None:
        values |= {"compared": found.compared, "complete": found.complete, "of": reader.said(found.document["title"])}
        network = await _network_of(request, found.document)
        values["fits"] = [
            {**_fit(reader, fit, members), "ask": _ask_link(request, fit.document, network)} for fit in found.fits
        ]
    if groups is not None:
        values["groups"] = [
            {**_group(reader, item, members), "propose": await _propose_link(request, item)} for item in groups
        ]
    return render(request, "office/matches.html", **values)


async def _network_of(request: web.Request, document: Mapping[str, Any]) -> str:
    """Return the network of this office that a document stands for, empty for another office's profile."""
    node = request.app[DESK]
    if document["owner"] != node.config.node.id:
        return ""
    if document.get("type") is None:
        return str(document["id"])
    async with acquire(node.pool) as conn:
        found = await publication.find_profile(conn, document["id"])
    return "" if found is None else found.network_id


def _may_ask(request: web.Request, document: Mapping[str, Any]) -> bool:
    """Tell whether an introduction about a profile can begin here."""
    membership = request.app[COOPERATION].membership
    return desk.may(request, Permission.INTRODUCTIONS_WRITE) and not asking.why_not(membership, document["owner"])


def _named(document: Mapping[str, Any]) -> str:
    return office_asking.named(document["owner"], document["id"])


def _ask_link(request: web.Request, document: Mapping[str, Any], network: str) -> str:
    return office_asking.link([_named(document)], network) if _may_ask(request, document) else ""


async def _propose_link(request: web.Request, item: Suggestion) -> str:
    """Return where a group becomes a joint project, empty where one of it cannot be asked."""
    own_id = request.app[DESK].config.node.id
    own = [document for document in item.documents if document["owner"] == own_id]
    others = [document for document in item.documents if document["owner"] != own_id]
    if not GROUP[0] <= len(others) <= GROUP[1] or not all(_may_ask(request, document) for document in others):
        return ""
    network = await _network_of(request, own[0]) if own else ""
    return office_asking.link([_named(document) for document in others], network, office_asking.PROJECT)


async def _ask(
    request: web.Request, subject: str, *, groups: bool, own_too: bool
) -> tuple[Matches | None, list[Suggestion] | None]:
    node, shared = request.app[DESK], request.app[COOPERATION]
    now, reference = node.clock(), shared.reference
    if not subject and not groups:
        return None, None
    async with shared.turns.turn():
        if not subject:
            return None, await flow.suggest_own(node.pool, node.config, reference, now=now, limit=GROUPS)
        document = await seek.document_of(node.pool, node.config, subject, reference, now)
        if groups:
            return None, await flow.suggest(node.pool, document, reference, now=now, limit=GROUPS)
        return await flow.match(node.pool, document, reference, now=now, limit=SHOWN, own_too=own_too), None


def _fit(reader: Reader, fit: Fit, members: Mapping[str, str]) -> dict[str, Any]:
    return {
        **_member(reader, fit.document, members),
        "summary": reader.said(fit.document["summary"]),
        "score": fit.match.score,
        "reasons": [
            (reader.tr(FIT_NAMES[part.name]), _values(reader, part), part.share)
            for part in fit.match.parts
            if part.share > 0 and part.name in FIT_NAMES
        ],
    }


def _values(reader: Reader, part: Part) -> str:
    if part.name in (ANSWERED, ASKED):
        return reader.titles(vocabulary.CATEGORIES, part.values)
    if part.name == COMPLEMENTARY:
        return reader.titles(vocabulary.CAPABILITIES, part.values)
    if part.name == THEMES:
        return reader.themes(part.values)
    return reader.countries(part.values) if part.name == ABROAD else ""


def _member(reader: Reader, document: Mapping[str, Any], members: Mapping[str, str]) -> dict[str, Any]:
    """Return one partner; an own network that is not published has no page of the public."""
    published = document.get("type") is not None
    territory = reader.reference.describe(
        "territory", document["labels"]["territory"]["values"], limit=3, translate=reader.tr
    )
    return {
        "href": profile_href(document["id"], document["owner"]) if published else "",
        "title": reader.said(document["title"]),
        "body": members.get(document["owner"], document["owner"]),
        "territory": territory if published else "",
    }


def _group(reader: Reader, item: Suggestion, members: Mapping[str, str]) -> dict[str, Any]:
    titles = {document["id"]: reader.said(document["title"]).text for document in item.documents}
    return {
        "score": item.group.score,
        "members": [_member(reader, document, members) for document in item.documents],
        "links": [
            (
                titles[link.offers],
                titles[link.needs],
                reader.title(vocabulary.CATEGORIES, link.category),
            )
            for link in item.group.links
        ],
        "countries": reader.countries(item.group.countries),
    }
