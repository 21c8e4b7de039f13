"""A firm asks for a contact through this office, on a page of everybody's; and sees how its request stands, by the code it was given.

In: a profile, what a firm writes of itself and what it looks for; later a code. Out: a draft for an officer to look at, and the code,
once; later states and dates, no words of anybody. Rules: the code stands in no address and no link; whoever has a wrong one is told what
whoever asks for a request that is not there is told. Nothing here can import private records (tests/test_house.py): all that it can do
is to call the two functions of its ``Door``, which node/web/pages/door.py hangs in.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from node.domain import vocabulary
from node.domain.days import moment_of
from node.domain.introduction import CLOSED, Event, Kind, State
from node.domain.introduction_texts import KIND_TITLES, STATE_TITLES
from node.domain.roles import Permission
from node.errors import N_, CallerError, NotFoundError
from node.flows.searching.search import Hit
from node.i18n import translator
from node.protocol.member import Membership
from node.store.reference import load_sectors, load_territories
from node.web import cooperation
from node.web.cooperation import COOPERATION
from node.web.middleware import language_of, status_of
from node.web.pages.frame import SITE, render
from node.web.pages.searching import href, profile_href
from node.web.pages.shown import Reader
from node.web.permission import needs

ONE: Final = "/profili/{profile_id}/contatto"
STANDING: Final = "/contatti/{introduction_id}"
TEXT_MAX_CHARS: Final = 4000
SHORT_MAX_CHARS: Final = 300
# The fields of the form: what an applicant is called in the form, and what the flow calls it.
FIELDS: Final[Mapping[str, str]] = {
    "impresa": "name", "persona": "person", "posta": "email", "telefono": "phone", "codice_fiscale": "tax_code",
    "comune": "municipality", "regione": "region", "sezione": "section",
}  # fmt: skip
_AT: Final[Mapping[str, str]] = {
    **{name: field_ for field_, name in FIELDS.items()}, "text": "testo", "purpose": "scopo", "informativa": "informativa",
}  # fmt: skip
_AT_CODE: Final[Mapping[str, str]] = {"saved-email-bad": "posta"}
# What is drawn for each form that is shown: two clicks are one request.
FORM, FORM_CHARS = "modulo", 32
OWN, NO_KEY, OFF = "own", "no-key", "off"
WHY_NOT: Final[Mapping[str, str]] = {
    OWN: N_("La scheda è di questo stesso ufficio: per parlarne basta rivolgersi a noi."),
    NO_KEY: N_("Con l'ufficio che l'ha pubblicata questo nodo non può ancora scambiare messaggi riservati."),
    OFF: N_("Questo ufficio non riceve richieste dal sito: rivolgersi di persona, per telefono o per posta."),
}
UNREAD: Final = CallerError(
    "introduction-notice-unread",
    N_("serve confermare di aver letto come l'ufficio tratta questi dati"),
    where="informativa",
)
HEADERS: Final = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a firm asks for, by the names of the flow; ``applicant`` is private, and leaves after two consents or never."""

    profile_id: str
    text: str
    purpose: str
    owner: str
    form: str
    applicant: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stand:
    """How a request stands: no word of anybody, no name."""

    profile_id: str
    owner: str
    state: State
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Door:
    """All that these pages can do: write a request and return its id and code (none for one that is here), and tell how one stands.

    ``requests``: whether this office takes any; ``kept_days``: how long they are kept once closed.
    """

    requests: bool
    kept_days: Callable[[], int]
    ask: Callable[[Asked], Awaitable[tuple[str, str]]]
    standing: Callable[[str, str], Awaitable[Stand]]


DOOR = web.AppKey("introductions-door", Door)


def routes() -> list[web.RouteDef]:
    """Return the form, what it is sent to, and the page on which a code is shown."""
    return [web.get(ONE, form), web.post(ONE, ask), web.get(STANDING, code_form), web.post(STANDING, standing)]


def why_not(membership: Membership | None, owner: str) -> str:
    """Return why no introduction about a member's profile can begin here, empty where one can."""
    if membership is None:
        return NO_KEY
    if owner == membership.own_id:
        return OWN
    member = membership.members.get(owner)
    return "" if member is not None and member.seal is not None else NO_KEY


async def _hit(request: web.Request) -> Hit:
    owner = request.query.get("owner", "")
    return (await cooperation.one(request.app[COOPERATION], request.match_info["profile_id"], owner))[0]


@needs(Permission.PUBLIC)
async def form(request: web.Request) -> web.StreamResponse:
    """Show the form, or why there is none."""
    return await _form(request, await _hit(request), {})


async def _form(
    request: web.Request, hit: Hit, given: Mapping[str, Any], error: CallerError | None = None
) -> web.Response:
    shared, door = request.app[COOPERATION], request.app[DOOR]
    reader = Reader(language_of(request), shared.reference)
    closed = why_not(shared.membership, hit.owner) or ("" if door.requests else OFF)
    members = (await cooperation.front(shared)).overview.members
    return render(
        request,
        "asking.html",
        status=200 if error is None else status_of(error),
        headers={"Cache-Control": "no-store"},
        title=reader.said(hit.document["title"]),
        profile=profile_href(hit.profile_id, hit.owner),
        here=href([("owner", hit.owner)], ONE.format(profile_id=hit.profile_id)),
        body=members.get(hit.owner, hit.owner),
        closed=reader.tr(WHY_NOT[closed]) if closed else "",
        errors=[] if error is None else [(_field_of(error), _sentence(error, reader))],
        given={name: _text(given, name) for name in (*FIELDS, "testo", "scopo")},
        form=form_in(given),
        purposes=[(key, reader.title(vocabulary.PURPOSES, key)) for key in vocabulary.PURPOSES],
        regions=regions(reader),
        sections=sections(reader),
        kept_days=door.kept_days(),
        contact=request.app[SITE].contact,
        longest=TEXT_MAX_CHARS,
        short=SHORT_MAX_CHARS,
    )


def regions(reader: Reader) -> list[tuple[str, str]]:
    """Return the regions of Italy, by name."""
    found = [(area.code, reader.value("territory", area.code).text) for area in load_territories().regions]
    return sorted(found, key=lambda region: region[1])


def sections(reader: Reader) -> list[tuple[str, str]]:
    """Return the sections of ATECO, by letter, in Italian: they have no other titles."""
    sectors = load_sectors()
    return [(code, reader.value("sector", code).text) for code in sectors.children("*")]


def _field_of(error: CallerError) -> str:
    return _AT_CODE.get(error.code) or _AT.get(error.where, "")


def _sentence(error: CallerError, reader: Reader) -> str:
    what, _, hint = error.render(reader.tr)
    return f"{'. '.join(part[:1].upper() + part[1:] for part in (what, hint) if part)}."


def form_in(given: Mapping[str, Any]) -> str:
    """Return what was drawn for a form, for one that has nothing yet a new one."""
    drawn = _text(given, FORM)
    return drawn if len(drawn) == FORM_CHARS and drawn.isascii() else secrets.token_hex(FORM_CHARS // 2)


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name, "")
    return value if isinstance(value, str) else ""


@needs(Permission.PUBLIC)
async def ask(request: web.Request) -> web.StreamResponse:
    """Write the request down for an officer, and show its code, once."""
    door, hit, sent = request.app[DOOR], await _hit(request), await request.post()
    applicant = {name: _text(sent, field_) for field_, name in FIELDS.items()}
    asked = Asked(hit.profile_id, _text(sent, "testo"), _text(sent, "scopo"), hit.owner, form_in(sent), applicant)
    if _text(sent, "informativa") != "yes":
        return await _form(request, hit, sent, UNREAD)
    try:
        introduction_id, code = await door.ask(asked)
    except CallerError as error:
        if isinstance(error, NotFoundError):
            raise
        return await _form(request, hit, sent, error)
    reader = Reader(language_of(request), request.app[COOPERATION].reference)
    return render(
        request,
        "asked.html",
        headers=HEADERS,
        title=reader.said(hit.document["title"]),
        profile=profile_href(hit.profile_id, hit.owner),
        where=STANDING.format(introduction_id=introduction_id),
        code=code,
    )


@needs(Permission.PUBLIC)
async def code_form(request: web.Request) -> web.StreamResponse:
    """Ask for the code; the page is the same whether there is a request or not."""
    return _standing_page(request, None)


@needs(Permission.PUBLIC)
async def standing(request: web.Request) -> web.StreamResponse:
    """Show how a request stands to whoever has its code."""
    code = _text(await request.post(), "codice").strip()
    try:
        found = await request.app[DOOR].standing(request.match_info["introduction_id"], code)
    except NotFoundError as error:
        return _standing_page(request, None, error)
    members = (await cooperation.front(request.app[COOPERATION])).overview.members
    return _standing_page(request, found, body=members.get(found.owner, found.owner))


# What a firm is told of: who has it now and what became of it; not what offices write to each other.
_STEPS: Final = frozenset({str(kind) for kind in Kind} - {Kind.RECEIPT})


def _standing_page(
    request: web.Request, found: Stand | None, error: CallerError | None = None, *, body: str = ""
) -> web.Response:
    reader = Reader(language_of(request), request.app[COOPERATION].reference)
    tr = translator(language_of(request))
    steps = [] if found is None else [event for event in found.events if event.kind in _STEPS]
    return render(
        request,
        "asking_stands.html",
        status=200 if error is None else 404,
        headers=HEADERS,
        here=STANDING.format(introduction_id=request.match_info["introduction_id"]),
        errors=[] if error is None else [("codice", _sentence(error, reader))],
        found=found,
        state="" if found is None else tr(STATE_TITLES[found.state]),
        is_draft=found is not None and found.state is State.DRAFT,
        is_closed=found is not None and found.state in CLOSED,
        body=body,
        profile="" if found is None else profile_href(found.profile_id, found.owner),
        steps=[
            (moment_of(event.at), tr(KIND_TITLES.get(event.kind, event.kind)), event.by == "seeker") for event in steps
        ],
    )
