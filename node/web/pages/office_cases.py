"""Case files in pages: their list, a new one, and the calendar that an officer's program follows.

In: requests of officers; for the calendar, whoever knows its address. Out: pages, redirects, iCalendar. Rules: the same flows as the
command's; a form that is sent twice opens once; the address of a calendar is shown once, to whose it is, and says nothing but when.
Source: docs/cases.md.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from node.domain.programme import calendar, case_file
from node.domain.programme.case_file import LINES, STATE_TITLES, State
from node.domain.roles import Permission
from node.errors import N_, CallerError
from node.flows.programme import aggregations, case_calendar, cases
from node.flows.registry import keeping
from node.store.cases import CaseRow, Sought
from node.web.middleware import language_of, status_of
from node.web.pages import desk
from node.web.pages.desk import DESK
from node.web.pages.frame import render
from node.web.pages.office_register import sentence
from node.web.pages.office_words import Words
from node.web.permission import needs

PATH: Final = "/ufficio/fascicoli"
NEW: Final = f"{PATH}/nuovo"
FEED: Final = f"{PATH}/calendario"
FOLLOWED: Final = "/calendario/{token}.ics"
SHOWN: Final = 50
VIEWS: Final[Mapping[str, tuple[str, tuple[State, ...] | None]]] = {
    "miei": (N_("Seguiti da me"), (State.OPEN, State.SUSPENDED)),
    "aperti": (N_("Aperti"), (State.OPEN,)),
    "sospesi": (N_("Sospesi"), (State.SUSPENDED,)),
    "chiusi": (N_("Chiusi"), (State.CLOSED,)),
    "tutti": (N_("Tutti"), None),
}
BADGES: Final = {State.OPEN: "primary", State.SUSPENDED: "warning", State.CLOSED: "secondary"}


def routes() -> list[web.RouteDef]:
    """Return the list, the form of a new case file, and the calendar."""
    return [
        web.get(PATH, listed),
        web.get(NEW, new),
        web.post(NEW, send_new),
        web.get(FEED, feed),
        web.post(FEED, make_feed),
        web.post(f"{FEED}/fine", end_feed),
        web.get(FOLLOWED, followed),
    ]


def _place(text: str) -> tuple[dt.datetime, str] | None:
    """Return the last case of the page before, as its link says it. Raises: CallerError(cursor-bad)."""
    if not text:
        return None
    at, _, case_id = text.partition(" ")
    try:
        moment = dt.datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError  # noqa: TRY301 - as whatever else is no moment
        return moment, str(uuid.UUID(case_id))
    except ValueError as error:
        raise CallerError(
            "cursor-bad", N_("questo punto dell'elenco non c'è"), hint=N_("riprendere l'elenco dall'inizio")
        ) from error


@needs(Permission.PROGRAMME_READ)
async def listed(request: web.Request) -> web.StreamResponse:
    """Show a page of case files, what changed last first."""
    node, words = request.app[DESK], Words(language_of(request))
    asked = request.query.get("vista", "miei")
    view = asked if asked in VIEWS else "miei"
    officer = desk.officer_of(request) if view == "miei" else None
    sought = Sought(VIEWS[view][1], officer, None, _place(request.query.get("dopo", "")))
    found = await cases.find(node.pool, sought, SHOWN + 1)
    last = found[SHOWN - 1] if len(found) > SHOWN else None
    after = "" if last is None else f"{last.changed_at.isoformat()} {last.case_id}"
    return render(
        request,
        "office/case_files.html",
        view=view,
        views=[(name, words.say(title)) for name, (title, _) in VIEWS.items()],
        rows=[_row(words, row, cases.today_of(node.clock())) for row in found[:SHOWN]],
        next=f"{PATH}?{urlencode([('vista', view), ('dopo', after)])}" if after else "",
        may_write=desk.may(request, Permission.PROGRAMME_WRITE),
    )


def _row(words: Words, row: CaseRow, today: dt.date) -> dict[str, Any]:
    near = case_file.urgency(case_file.TaskState.OPEN, row.next_due, today)
    return {
        "case": row,
        "lines": words.titles(LINES, row.lines),
        "state": words.title(STATE_TITLES, row.state),
        "badge": BADGES[row.state],
        "is_over": near is case_file.Urgency.OVER,
        "is_soon": near is case_file.Urgency.SOON,
    }


@needs(Permission.PROGRAMME_WRITE)
async def new(request: web.Request) -> web.StreamResponse:
    """Show the form of a new case file of a network or an aggregation."""
    return await _form(request, {"rete": request.query.get("rete", ""), "aggregazione": request.query.get("aggregazione", ""), "voce": str(uuid.uuid4())})  # fmt: skip


async def _form(
    request: web.Request, given: Mapping[str, str], lines: tuple[str, ...] = (), error: CallerError | None = None
) -> web.Response:
    node, language = request.app[DESK], language_of(request)
    network = given.get("rete", "")
    name = (await keeping.read_network(node.pool, network)).record.name if network else ""
    group = given.get("aggregazione", "")
    called = (await aggregations.read(node.pool, group)).found.name if group and not network else ""
    words = Words(language)
    return render(
        request,
        "office/case_file_new.html",
        status=200 if error is None else status_of(error),
        given=given,
        network=name,
        aggregation=called,
        ticked=lines,
        lines=[(key, words.title(LINES, key)) for key in LINES],
        errors=[] if error is None else [(error.where, sentence(error, language))],
    )


@needs(Permission.PROGRAMME_WRITE)
async def send_new(request: web.Request) -> web.StreamResponse:
    """Open a case file."""
    node, form = request.app[DESK], await desk.form_of(request)
    given = {name: desk.text_in(form, name) for name in ("titolo", "rete", "aggregazione", "responsabile", "sportello", "voce")}  # fmt: skip
    lines = tuple(value for value in form.getall("linee", []) if isinstance(value, str))
    try:
        case_id = await cases.open_case(
            node.pool, desk.officer_of(request), node.clock(), title=given["titolo"], lines=lines,
            network_id=given["rete"] or None, aggregation_id=given["aggregazione"] or None, owner=given["responsabile"],
            office=given["sportello"], case_id=given["voce"] or None,
        )  # fmt: skip
    except CallerError as error:
        if error.code in ("network-unknown", "aggregation-unknown", "case-unknown"):
            raise
        return await _form(request, given, lines, error)
    await desk.keep_mark(request)
    return desk.go(f"{PATH}/{case_id}?{desk.DONE}=fascicolo")


@needs(Permission.PROGRAMME_READ)
async def feed(request: web.Request) -> web.StreamResponse:
    """Show whether one's own calendar is followed, and what a program would see."""
    return await _feed_page(request)


async def _feed_page(request: web.Request, address: str = "") -> web.Response:
    node = request.app[DESK]
    made_at = await case_calendar.feed_made_at(node.pool, desk.officer_of(request))
    return render(request, "office/case_calendar.html", made_at=made_at, address=address, done=desk.said_of(request))


@needs(Permission.PROGRAMME_READ)
async def make_feed(request: web.Request) -> web.StreamResponse:
    """Make a new address for one's own calendar, and show it this once."""
    node = request.app[DESK]
    secret = await case_calendar.make_feed(node.pool, desk.officer_of(request), node.clock())
    return await _feed_page(request, f"{node.public_url}{FOLLOWED.format(token=secret)}")


@needs(Permission.PROGRAMME_READ)
async def end_feed(request: web.Request) -> web.StreamResponse:
    """Let nobody follow one's own calendar."""
    await case_calendar.end_feed(request.app[DESK].pool, desk.officer_of(request))
    return desk.go(f"{FEED}?{desk.DONE}=calendario-tolto")


@needs(Permission.TOKEN)
async def followed(request: web.Request) -> web.StreamResponse:
    """Send the calendar of an address to the program that follows it."""
    node = request.app[DESK]
    raw = await case_calendar.feed(
        node.pool, request.match_info["token"], node.config.node.id, node.public_url, node.clock()
    )
    return ics(raw, "fascicoli.ics")


def ics(raw: bytes, name: str) -> web.Response:
    """Return a calendar as a file, in no cache."""
    headers = {
        "Content-Type": calendar.MEDIA_TYPE,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    }
    return web.Response(body=raw, headers=headers)
