"""How an introduction begins in the office: for one of its networks about a profile, or about several as a joint project.

In: profiles by their identifiers (from a profile's page, a match, a group), a network of the register, a text. Out: drafts, which leave
only when somebody endorses them on their own page. Rules: what a network is searched by is posted and stands in no address; what the gate
refuses is said at the text, and what was typed stays; a profile whose office cannot be written to is said before anything is typed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from node.domain import vocabulary
from node.domain.introduction import TEXT_MAX_CHARS
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError
from node.flows.introductions import asking as flow
from node.flows.introductions import own_side
from node.flows.introductions.asking import GROUP, Wish
from node.flows.registry import keeping
from node.flows.searching.search import Hit, find_profile
from node.web import cooperation
from node.web.cooperation import COOPERATION
from node.web.middleware import language_of, status_of
from node.web.pages import asking, desk
from node.web.pages.desk import CASES, DESK
from node.web.pages.frame import render
from node.web.pages.office_case import case_path
from node.web.pages.office_profiles import network_name
from node.web.pages.office_register import sentence
from node.web.pages.searching import profile_href
from node.web.permission import needs

NEW: Final = f"{CASES}/nuovo"
PROJECT: Final = f"{CASES}/progetto"
# Networks in the list of the form; of more, some are searched for.
NETWORKS_MAX: Final = 200
LOOK: Final = "cerca"
# OFFICE:IDENTIFIER, as links and forms name a profile: two offices may publish one identifier.
NAMED_LONGEST: Final = 69
# What stands in the text to begin with: it may leave as it is.
FIRST_WORDS: Final = (
    "Una nostra rete vorrebbe conoscere la rete di questa scheda, per vedere se c'è un lavoro da fare insieme."
)
PROJECT_WORDS: Final = "Una nostra rete propone un progetto comune alle reti di queste schede: ciascuna con ciò che offre e ciò che cerca."  # fmt: skip
_AT: Final[Mapping[str, str]] = {"text": "testo", "purpose": "scopo", "network": "rete"}
_AT_CODE: Final[Mapping[str, str]] = {
    "text-doubtful": "testo",
    "network-unknown": "rete",
    "introduction-there": "rete",
    "introduction-project-size": "profilo",
    "profile-unknown": "profilo",
}


def routes() -> list[web.RouteDef]:
    """Return the two forms and what they are sent to; they come before the page of a case in the list of routes."""
    return [web.get(NEW, new), web.post(NEW, write), web.get(PROJECT, project), web.post(PROJECT, propose)]


def link(profiles: Sequence[str], network_id: str, path: str = NEW) -> str:
    """Return where a form is, with profiles and a network filled in."""
    found = [*(("profilo", profile) for profile in profiles), *([("rete", network_id)] if network_id else [])]
    return f"{path}?{'&'.join(f'{name}={value}' for name, value in found)}"


def named(owner: str, profile_id: str) -> str:
    """Return how a link or a form names a profile (flows/introductions/asking.profile_in)."""
    return f"{owner}:{profile_id}"


async def _hit(request: web.Request, text: str) -> Hit:
    node, reader = request.app[DESK], desk.reader_of(request)
    owner, profile_id = flow.profile_in(text[:NAMED_LONGEST])
    return await find_profile(node.pool, profile_id, reader.reference, now=node.clock(), owner=owner or None)


async def _hits(request: web.Request, ids: Sequence[str]) -> list[Hit]:
    """Return the profiles that are asked about. Raises: profile-unknown, profile-ambiguous, profile-id-bad."""
    return [await _hit(request, one) for one in ids[: GROUP[1] + 1]]


@needs(Permission.INTRODUCTIONS_WRITE)
async def new(request: web.Request) -> web.StreamResponse:
    """Show the form of an introduction about one profile."""
    profile_id = request.query.get("profilo", "").strip()
    given = {"rete": request.query.get("rete", ""), "testo": FIRST_WORDS, "scopo": "request"}
    return await _page(request, [profile_id] if profile_id else [], given)


@needs(Permission.INTRODUCTIONS_WRITE)
async def project(request: web.Request) -> web.StreamResponse:
    """Show the form of a joint project about several profiles."""
    given = {"rete": request.query.get("rete", ""), "testo": PROJECT_WORDS, "scopo": "joint_project"}
    return await _page(request, request.query.getall("profilo", []), given, is_project=True)


async def _page(
    request: web.Request,
    ids: Sequence[str],
    given: Mapping[str, Any],
    error: CallerError | None = None,
    *,
    is_project: bool = False,
) -> web.Response:
    reader, shared = desk.reader_of(request), request.app[COOPERATION]
    members = (await cooperation.front(shared)).overview.members
    hits: list[Hit] = []
    try:
        hits = await _hits(request, ids)
    except CallerError as refused:
        error = error or refused
    words = desk.text_in(given, "q").strip()
    networks, more = await _networks(request, words, desk.text_in(given, "rete"))
    closed = [asking.WHY_NOT[why] for hit in hits if (why := asking.why_not(shared.membership, hit.owner))]
    errors = [] if error is None else [(_field_of(error), sentence(error, language_of(request)))]
    return render(
        request,
        "office/asking.html",
        status=200 if error is None else status_of(error),
        errors=errors,
        is_project=is_project,
        here=PROJECT if is_project else NEW,
        profiles=[
            {
                "named": named(hit.owner, hit.profile_id),
                "title": reader.said(hit.document["title"]),
                "summary": reader.said(hit.document["summary"]),
                "body": members.get(hit.owner, hit.owner),
                "href": profile_href(hit.profile_id, hit.owner),
            }
            for hit in hits
        ],
        asked_id=(ids[0] if ids and not hits else "")[:NAMED_LONGEST],
        closed=reader.tr(closed[0]) if closed else "",
        form=asking.form_in(given),
        networks=networks,
        more=more,
        words=words,
        given={name: desk.text_in(given, name) for name in ("rete", "testo", "scopo")},
        purposes=[(key, reader.title(vocabulary.PURPOSES, key)) for key in vocabulary.PURPOSES],
        longest=TEXT_MAX_CHARS,
        least=GROUP[0],
        most=GROUP[1],
    )


def _field_of(error: CallerError) -> str:
    return _AT_CODE.get(error.code) or _AT.get(error.where, "")


async def _networks(request: web.Request, words: str, chosen: str) -> tuple[list[tuple[str, str]], bool]:
    """Return networks to choose from, the chosen one among them, and whether there are more."""
    page = await keeping.find(request.app[DESK].pool, keeping.sought(words=words), NETWORKS_MAX)
    found = [(row["network_id"], row["name"]) for row in page.networks]
    if chosen and chosen not in dict(found):
        name = await network_name(request, chosen)
        found = [(chosen, name), *found] if name else found
    return found, page.after is not None or bool(words)


@needs(Permission.INTRODUCTIONS_WRITE)
async def write(request: web.Request) -> web.StreamResponse:
    """Write the draft of an introduction, or search for a network and show the form again."""
    node, sent = request.app[DESK], await desk.form_of(request)
    profile_id = desk.text_in(sent, "profilo").strip()
    ids = [profile_id] if profile_id else []
    if desk.text_in(sent, "vai") == LOOK:
        return await _page(request, ids, sent)
    owner, one = flow.profile_in(profile_id)
    text, purpose, network = (desk.text_in(sent, name) for name in ("testo", "scopo", "rete"))
    wish = Wish(one, text, purpose, network or None, owner=owner, form=asking.form_in(sent))
    reference = request.app[COOPERATION].reference
    try:
        made = await flow.begin(node.office(), wish, desk.officer_of(request), node.clock(), reference)
    except CallerError as error:
        return await _page(request, ids, sent, _said(error))
    return desk.go(case_path(made, "contatto"))


@needs(Permission.INTRODUCTIONS_WRITE)
async def propose(request: web.Request) -> web.StreamResponse:
    """Write the drafts of a joint project, one for the office of each profile."""
    node, sent = request.app[DESK], await desk.form_of(request)
    ids = [value for value in sent.getall("profilo", []) if isinstance(value, str)]
    shown = [value for value in sent.getall("mostrato", []) if isinstance(value, str)] or ids
    if desk.text_in(sent, "vai") == LOOK:
        return await _page(request, shown, sent, is_project=True)
    network, text, purpose = (desk.text_in(sent, name) for name in ("rete", "testo", "scopo"))
    if not network:
        return await _page(request, shown, sent, own_side.who(), is_project=True)
    try:
        _, made = await flow.propose(
            node.office(), network, ids, text, desk.officer_of(request), node.clock(),
            request.app[COOPERATION].reference, purpose, asking.form_in(sent),
        )  # fmt: skip
    except CallerError as error:
        return await _page(request, shown, sent, _said(error), is_project=True)
    return desk.go(case_path(made[0], "progetto"))


def _said(error: CallerError) -> CallerError:
    """Return a refusal in the words of the page, where the flow's are a command's."""
    if error.code == "network-unknown":
        return NotFoundError(error.code, N_("questa rete non è nel registro"), hint=N_("sceglierla dall'elenco"))
    return error
