"""The office's introductions: what waits for us, what we asked, what was asked of us, what is closed.

In: which of them (``vista``), after which one (``dopo``: a moment and an identifier, nothing that anybody typed). Out: a page of what
node/flows/introductions/casefile tells command and API too. Rules: who may read introductions reads whose they are; the other side has a name once
it was told, and never here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from node.domain.introduction import CLOSED, Party, State
from node.domain.introduction_texts import STATE_TITLES
from node.domain.roles import Permission
from node.errors import N_, CallerError
from node.flows.introductions import casefile
from node.flows.introductions.casefile import today_of
from node.store.introductions import Listed, Sought
from node.web import cooperation
from node.web.cooperation import COOPERATION
from node.web.introductions import read_cursor, write_cursor
from node.web.pages import case_words, desk
from node.web.pages.desk import CASES, DESK
from node.web.pages.frame import render
from node.web.pages.shown import Reader
from node.web.permission import needs

SHOWN: Final = 25
OPEN: Final = tuple(state for state in State if state not in CLOSED)
WAITING, ASKED, RECEIVED, ENDED, ALL = "aspettano", "chiesti", "ricevuti", "chiusi", "tutti"
VIEWS: Final[Mapping[str, tuple[str, Sought]]] = {
    WAITING: (N_("Aspettano noi"), Sought(waiting=True)),
    ASKED: (N_("Chiesti da noi"), Sought(party=Party.SEEKER, states=OPEN)),
    RECEIVED: (N_("Chiesti a noi"), Sought(party=Party.OWNER, states=OPEN)),
    ENDED: (N_("Chiusi"), Sought(states=tuple(CLOSED))),
    ALL: (N_("Tutti"), Sought()),
}
EMPTY: Final[Mapping[str, str]] = {
    WAITING: N_("Nessun contatto aspetta questo ufficio. Quelli in corso stanno in «Chiesti da noi» e «Chiesti a noi»."),
    ASKED: N_("L'ufficio non ha contatti chiesti e ancora aperti. Si comincia da una scheda trovata con la ricerca, o dalle corrispondenze."),
    RECEIVED: N_("Nessun altro ufficio ha un contatto aperto con una nostra scheda. Quando ne arriva uno, sta qui."),
    ENDED: N_("Nessun contatto è ancora chiuso."),
    ALL: N_("L'ufficio non ha ancora contatti. Si comincia da una scheda trovata con la ricerca, o dalle corrispondenze."),
}  # fmt: skip


def routes() -> list[web.RouteDef]:
    """Return the list."""
    return [web.get(CASES, listed)]


def place_in(text: str) -> tuple[dt.datetime, str] | None:
    """Return a place in the list, None for its beginning. Raises: CallerError(cursor-bad)."""
    if not text:
        return None
    try:
        return read_cursor(text)
    except ValueError as error:
        raise CallerError(
            "cursor-bad", N_("questo punto dell'elenco non c'è"), hint=N_("riprendere l'elenco dall'inizio")
        ) from error


@needs(Permission.INTRODUCTIONS_READ)
async def listed(request: web.Request) -> web.StreamResponse:
    """Show a page of cases, what changed last first."""
    node, reader = request.app[DESK], desk.reader_of(request)
    office, wanted = node.office(), request.query.get("vista", WAITING)
    view = wanted if wanted in VIEWS else WAITING
    after = place_in(request.query.get("dopo", ""))
    sought = VIEWS[view][1]
    page = Sought(sought.party, sought.states, sought.waiting, None, after)
    found = await casefile.list_cases(office, page, SHOWN + 1, node.clock())
    totals = await casefile.totals(office, node.clock())
    members = (await cooperation.front(request.app[COOPERATION])).overview.members
    today = today_of(node.clock())
    counts = dict(zip(VIEWS, (totals.waiting, totals.asked, totals.received, totals.closed, totals.all), strict=True))
    more = write_cursor(found[SHOWN - 1]) if len(found) > SHOWN else ""
    return render(
        request,
        "office/introductions.html",
        done=desk.said_of(request),
        view=view,
        views=[(name, reader.tr(title), counts[name]) for name, (title, _) in VIEWS.items()],
        rows=[row(reader, case, members, today) for case in found[:SHOWN]],
        empty=reader.tr(EMPTY[view]),
        next=f"{CASES}?{urlencode([('vista', view), ('dopo', more)])}" if more else "",
        first=f"{CASES}?{urlencode([('vista', view)])}" if after else "",
        may_write=desk.may(request, Permission.INTRODUCTIONS_WRITE),
    )


def row(reader: Reader, case: Listed, members: Mapping[str, str], today: dt.date) -> dict[str, Any]:
    """Return a case as a line of a list."""
    mine, theirs = case_words.until(reader, case.own_due, today), case_words.until(reader, case.other_due, today)
    own_turn = case.is_our_turn
    return {
        "introduction_id": case.introduction_id,
        "body": members.get(case.peer, case.peer),
        "asks": case.party is Party.SEEKER,
        "for_whom": case.network or case.applicant or "",
        "is_firm": case.network is None and case.applicant is not None,
        "from_public": case.state is State.DRAFT and not case.created_by,
        "state": reader.tr(STATE_TITLES[case.state]),
        "badge": case_words.BADGES.get(case.state, "primary"),
        "why": case_words.reason(reader, case.reason or case.outcome) if case.state in CLOSED else "",
        "turn": case_words.turn(reader, case.party, case.turn or (str(case.party) if own_turn else "")),
        "is_our_turn": own_turn,
        "until": mine if own_turn and mine.day else theirs,
        "changed_at": case.changed_at,
        "project": case.project_id is not None,
    }
