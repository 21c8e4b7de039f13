"""The way from the first session to the register, as the whole country walks it; beside it, to who may see it, the own office's.

In: a request. Out: a page of what was told once: sessions that were announced and held and what the public register has are exact; what stands
between comes from private records and is told by the planned tables alone (docs/statistics.md). For who signed in and may read the
programme, the exact numbers of this office stand beside them, as ``rete pipeline`` counts them. Rules: these are read for that one answer,
which nothing keeps, and stand in no file, release or log; nobody else's page has a sign of them; no number is made here but sums of what is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from node.domain.observatory.announced import HELD
from node.domain.observatory.codes import TOTAL
from node.domain.observatory.figures import Cell, Status
from node.domain.programme.aggregation import STAGE_TITLES
from node.domain.programme.funnel import Funnel
from node.domain.roles import Permission
from node.errors import N_
from node.flows.programme import aggregations as flow
from node.web.pages import observatory_views as views
from node.web.pages.desk import DESK
from node.web.pages.frame import render
from node.web.pages.observatory import or_what_is_there, reader_of, standing_of
from node.web.pages.observatory_choice import Asked
from node.web.pages.observatory_editions import EDITIONS, Edition
from node.web.pages.observatory_pictures import Behind, Drawn, Line
from node.web.pages.observatory_words import Words
from node.web.pages.shown import Reader, Said
from node.web.permission import USER, needs
from node.web.pictures.bars import Bar, Bars
from node.web.pictures.measure import Absent, Measure
from node.web.pictures.svg import Frame

PATH: Final = f"{views.PATH}/percorso"
# Nothing between the office and this node, and no browser, keeps it.
PRIVATE: Final = {"Cache-Control": "private, no-store"}
_TITLE: Final = N_("Il percorso: dalla prima sessione al registro")
_UNTOLD: Final = "—"
_TIERS: Final[Mapping[int, str]] = {1: N_("esatto"), 2: N_("modificato per il segreto statistico")}


@dataclass(frozen=True, slots=True)
class Level:
    """One step of the way: its name for machines, its title, the table that tells it, and which of its cells make a region's number.

    ``takes`` is given the codes of a cell after region and year; ``newest``: of the last year alone, else of all years.
    """

    figure: str
    title: str
    table: str
    takes: Callable[[tuple[str, ...]], bool]
    newest: bool = False


def _is(*codes: str) -> Callable[[tuple[str, ...]], bool]:
    return lambda rest: rest[0] in codes


LEVELS: Final = (
    Level("sessions", N_("Sessioni informative tenute"), "sessions-by-region", _is(HELD)),
    Level("potential", N_("Aggregazioni da valutare"), "pipeline-by-region", _is("potential")),
    Level("evaluated", N_("Aggregazioni valutate"), "pipeline-by-region", _is("evaluated", "left-evaluated")),
    Level("accompanied", N_("Reti in preparazione"), "networks-by-status", _is("drafting")),
    Level("signed", N_("Reti firmate, non ancora iscritte"), "networks-by-status", _is("signed")),
    Level("registered", N_("Reti nel registro"), "networks-by-region", lambda _: True, newest=True),
    Level("firms", N_("Imprese in rete nel registro"), "firms-by-region", lambda _: True, newest=True),
)
# Tens beside ten thousands: bars of both say nothing of either.
_DRAWN: Final = ("sessions", "potential", "evaluated", "accompanied", "signed")


@dataclass(frozen=True, slots=True)
class Key:
    """One number of the page: what machines find it by, its words, where it leads; ``is_told`` false: there is none."""

    figure: str
    title: str
    number: str
    is_told: bool
    tier: int
    more: str
    href: str


@dataclass(frozen=True, slots=True)
class Files:
    """Where a table and its files are."""

    title: str
    whole: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Country:
    """What the page shows of everybody: key numbers, a picture, a table by region, how it is read."""

    keys: tuple[Key, ...]
    drawn: Drawn
    behind: Behind
    notes: tuple[str, ...]
    coverage: tuple[tuple[str, int], ...]
    files: tuple[Files, ...]


def routes() -> list[web.RouteDef]:
    """Return the page of the way."""
    return [web.get(PATH, funnel)]


@needs(Permission.PUBLIC)
@or_what_is_there
async def funnel(request: web.Request) -> web.StreamResponse:
    """Show the way of the country, and to who may read the programme the own office's."""
    standing = await standing_of(request, await request.app[EDITIONS].releases())
    words = Words(reader_of(request))
    country = None if standing is None else await asyncio.to_thread(of_country, standing.edition, words)
    user, node = request.get(USER), request.app.get(DESK)
    # A release is of its day; the own numbers are of today.
    sees_own = user is not None and user.may(Permission.PROGRAMME_READ) and not (standing and standing.release)
    own = await flow.count(node.pool, node.clock()) if sees_own and node is not None else None
    return render(
        request,
        "observatory_funnel.html",
        headers=PRIVATE if user is not None else {},
        title=words.tr(_TITLE),
        standing=standing,
        country=country,
        own=None if own is None else of_office(own, words.reader),
    )


def of_office(found: Funnel, reader: Reader) -> tuple[tuple[str, str, str], ...]:
    """Return the office's own numbers: (what machines find it by, title, number); of each stage how many reached it."""
    say, before = Measure(reader.language).say, found.before
    told = (
        ("sessions", N_("sessioni tenute"), before.sessions),
        ("enrolled", N_("iscritti con un posto"), before.enrolled),
        ("attended", N_("presenti"), before.attended),
        ("expressions", N_("manifestazioni d'interesse"), before.expressions),
        *((str(level.stage), STAGE_TITLES[level.stage], level.reached) for level in found.levels),
        ("dropped", N_("lasciate"), found.dropped),
        ("firms", N_("imprese nelle reti con un contratto"), found.firms),
    )
    return tuple((figure, reader.tr(title), say(count)) for figure, title, count in told)


def of_country(edition: Edition, words: Words) -> Country:
    """Return what the newest build, or a release, tells of the way."""
    found = {level.figure: _by_region(edition, level) for level in LEVELS}
    keys = tuple(_key(edition, level, found[level.figure].get(TOTAL), words) for level in LEVELS)
    told = [table for level in LEVELS if (table := edition.tables.get(level.table)) is not None]
    tables = tuple({table.ident: table for table in told}.values())
    notes = dict.fromkeys(words.tr(note) for table in tables if table.tier == 2 for note in table.notes)
    return Country(
        keys,
        _drawn(found, words),
        _behind(found, words),
        tuple(notes),
        words.coverage(edition.figures.coverage),
        tuple(
            Files(words.title(t), f"{views.TABLES_PATH}/{t.ident}", views.files_of(edition, t.ident)) for t in tables
        ),
    )


def _by_region(edition: Edition, level: Level) -> dict[str, Cell]:
    """Return a step's number by region and, under ``*``, of all; what is told by silence is not there."""
    table = edition.tables.get(level.table)
    if table is None:
        return {}
    years = [cell.at[0] for cell in table.cells] if table.dimensions[0] == "year" else []
    summed: dict[str, list[Cell]] = {}
    for cell in table.cells:
        at = cell.at[1:] if years else cell.at
        is_of_it = level.takes(at[1:]) and not (level.newest and cell.at[0] != max(years))
        if is_of_it and cell.value is not None and at[0] != TOTAL:
            summed.setdefault(at[0], []).append(cell)
            summed.setdefault(TOTAL, []).append(cell)
    return {region: _added(cells) for region, cells in summed.items()}


def _added(cells: Iterable[Cell]) -> Cell:
    values = [(cell.value or 0, cell.status) for cell in cells]
    estimated = any(status is Status.ESTIMATED for _, status in values)
    return Cell((), sum(value for value, _ in values), Status.ESTIMATED if estimated else Status.GIVEN)


def _key(edition: Edition, level: Level, total: Cell | None, words: Words) -> Key:
    table = edition.tables.get(level.table)
    tier = 1 if table is None else table.tier
    number = _UNTOLD if total is None or total.value is None else Measure(words.reader.language).say(total.value)
    href = "" if table is None else Asked(release=edition.release_id).href(f"{views.TABLES_PATH}/{table.ident}")
    more = words.tr(N_("nessun numero") if total is None else _TIERS[tier])
    return Key(level.figure, words.tr(level.title), number, total is not None, tier, more, href)


def _drawn(found: Mapping[str, Mapping[str, Cell]], words: Words) -> Drawn:
    title, measure = words.tr(N_("Il percorso in Italia, prima del registro")), Measure(words.reader.language)
    steps = [(level, found[level.figure].get(TOTAL)) for level in LEVELS if level.figure in _DRAWN]
    names = [_name(level, cell, words) for level, cell in steps]
    values = [Absent.UNKNOWN if cell is None or cell.value is None else cell.value for _, cell in steps]
    bars = Bars(
        Frame("percorso", title),
        measure,
        words.tr(N_("Passo")),
        tuple(Bar(name, value) for name, value in zip(names, values, strict=True)),
    )
    behind = bars.table_behind()
    lines = tuple(Line(Said(row.head), "", row.cells) for row in behind.rows)
    return Drawn("percorso", title, bars.svg(), Behind(title, tuple(Said(name) for name in behind.columns), lines))


def _name(level: Level, cell: Cell | None, words: Words) -> str:
    name = words.tr(level.title)
    return words.estimated(name) if cell is not None and cell.status is Status.ESTIMATED else name


def _behind(found: Mapping[str, Mapping[str, Cell]], words: Words) -> Behind:
    measure = Measure(words.reader.language)
    regions = words.ordered("region", {region for cells in found.values() for region in cells})
    columns = (Said(words.heading("region")), *(Said(words.tr(level.title)) for level in LEVELS))
    lines = tuple(
        Line(
            words.code("region", region),
            region,
            tuple(
                _UNTOLD if (cell := found[level.figure].get(region)) is None else words.say(cell, measure)
                for level in LEVELS
            ),
        )
        for region in regions
    )
    return Behind(words.tr(N_("Il percorso per regione")), columns, lines)
