"""The funnel of this office: how many aggregations came to each stage, how many stay there or were dropped there, how long it took.

In: a request. Out: a picture with its table, and the same numbers as ``rete pipeline`` (docs/programme.md 3). Rules: these are the office's own
numbers, unprotected and for nobody else; what the Observatory tells of them leaves through its planned tables alone.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from node.domain.programme.aggregation import STAGE_TITLES
from node.domain.programme.funnel import Funnel, Level
from node.domain.roles import Permission
from node.errors import N_
from node.flows.programme import aggregations as flow
from node.web.pages import desk
from node.web.pages.desk import DESK
from node.web.pages.frame import render
from node.web.pages.office_aggregations import PATH as AGGREGATIONS
from node.web.pages.office_sessions import PATH as SESSIONS
from node.web.pages.shown import Reader
from node.web.permission import needs
from node.web.pictures.bars import Bar, Bars
from node.web.pictures.measure import Measure
from node.web.pictures.svg import Frame
from node.web.pictures.table import Row, Table

PATH: Final = "/ufficio/percorso"


def routes() -> list[web.RouteDef]:
    """Return the page of the funnel."""
    return [web.get(PATH, pipeline)]


@needs(Permission.PROGRAMME_READ)
async def pipeline(request: web.Request) -> web.StreamResponse:
    """Show the funnel as it is now."""
    node, reader = request.app[DESK], desk.reader_of(request)
    found = await flow.count(node.pool, node.clock())
    picture = picture_of(found, reader)
    return render(
        request,
        "office/pipeline.html",
        found=found,
        picture=picture.svg(),
        bars=picture.table_behind(),
        times=times_of(found, reader),
    )


def picture_of(found: Funnel, reader: Reader) -> Bars:
    """Return the funnel as bars, from the sessions to the register."""
    before = found.before
    first = (
        (N_("sessioni tenute"), before.sessions, SESSIONS), (N_("iscritti con un posto"), before.enrolled, SESSIONS),
        (N_("presenti"), before.attended, SESSIONS), (N_("manifestazioni d'interesse"), before.expressions, AGGREGATIONS),
    )  # fmt: skip
    bars = [Bar(reader.tr(title), count, href) for title, count, href in first]
    bars += [Bar(reader.tr(STAGE_TITLES[v.stage]), v.reached, f"{AGGREGATIONS}?passo={v.stage}") for v in found.levels]
    frame = Frame("percorso", reader.tr(N_("Dalla prima sessione al registro")))
    return Bars(frame, Measure(reader.language), reader.tr(N_("Passo")), tuple(bars))


def times_of(found: Funnel, reader: Reader) -> Table:
    """Return what became of those who reached each stage, and the days that led to it."""
    columns = (N_("Passo"), N_("Arrivate"), N_("Ora qui"), N_("Lasciate da qui"), N_("Giorni dal passo prima, metà"))
    rows = tuple(Row(reader.tr(STAGE_TITLES[v.stage]), _cells(v, reader)) for v in found.levels)
    return Table(reader.tr(N_("Tempi e uscite per passo")), tuple(reader.tr(name) for name in columns), rows)


def _cells(level: Level, reader: Reader) -> tuple[str, ...]:
    say = Measure(reader.language).say
    # The middle of two is a half at most.
    halves = Measure(reader.language, decimals=0 if level.days is None or level.days % 1 == 0 else 1)
    days = "" if level.days is None else halves.say(level.days)
    return (say(level.reached), say(level.here), say(level.dropped), days)
