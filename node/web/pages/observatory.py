"""The pages of the national Observatory: the picture of the country, each indicator, each table, the releases.

In: a request. Out: pages of what was told once (node/store/observatory.py): nothing is counted here. What published profiles tell
today stands on the first page too, from the search's facets over all profiles (node/web/cooperation.front), which
``/api/v1/facets`` answers as well. Rules: no number says more than the tables do, or the public search; each picture has its table; pages work
without a script; ``?release=`` shows the numbers of one release on every page, and the page says which numbers one looks at and
how they are cited; a profile that may be of several regions or themes counts in each, and the page says so.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_, NotFoundError
from node.flows.observatory.read import Reading
from node.flows.searching.engines import Bucket
from node.store.observatory import Release
from node.web import cooperation, forms
from node.web.cooperation import COOPERATION, Front
from node.web.middleware import Handler, language_of
from node.web.pages import observatory_views as views
from node.web.pages import searching
from node.web.pages.frame import render
from node.web.pages.observatory_choice import RELEASE, Asked, asked_of
from node.web.pages.observatory_editions import EDITIONS, Edition, Editions
from node.web.pages.observatory_views import INDICATORS_PATH, PATH, TABLES_PATH
from node.web.pages.observatory_words import Words
from node.web.pages.shown import Reader
from node.web.permission import needs
from node.web.pictures.bars import Bar, Bars
from node.web.pictures.facets import region_map_of_facets
from node.web.pictures.measure import Measure
from node.web.pictures.svg import Frame, Svg
from node.web.pictures.table import Row, Table

RELEASES_PATH: Final = f"{PATH}/rilasci"
PAGE: Final = "pagina"
_RELEASE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PAGE: Final = re.compile(r"[1-9][0-9]{0,5}")
_NO_PAGE: Final = N_("La pagina di una tabella è un numero da 1; qui si vede la prima.")


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture, what it is called on the page and in addresses, and the table behind it."""

    ident: str
    title: str
    picture: Svg
    table: Table


@dataclass(frozen=True, slots=True)
class Seen:
    """What is told: how many profiles, in how many registers, whether these were counted, and the figures."""

    profiles: int
    is_exact: bool
    bodies: int
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Which numbers a page shows: a release (empty: the newest build), and the release that says the same for ever, if any.

    ``newest`` is the newest release of all, ``cite`` the whole address by which this page's numbers are cited.
    """

    edition: Edition
    release: str
    same: str
    newest: str
    cite: str


class _Missing(Exception):  # noqa: N818 - no error: what was asked for is not there, and the page says what is
    """What was asked for is not there: a status, a title and a sentence (catalogue ids)."""

    def __init__(self, status: int, title: str, sentence: str) -> None:
        super().__init__(title)
        self.status, self.title, self.sentence = status, title, sentence


def routes() -> list[web.RouteDef]:
    """Return the pages of the Observatory."""
    return [
        web.get(PATH, entry),
        web.get(f"{INDICATORS_PATH}/{{indicator}}", indicator),
        web.get(f"{TABLES_PATH}/{{table}}", table),
        web.get(RELEASES_PATH, releases),
    ]


def install(app: web.Application, reading: Reading) -> None:
    """Let an application answer with these pages; ``reading`` is shared with the files and the API."""
    app[EDITIONS] = Editions(reading)
    app.add_routes(routes())


def reader_of(request: web.Request) -> Reader:
    """Return what says things in the reader's language."""
    return Reader(language_of(request), request.app[COOPERATION].reference)


async def standing_of(request: web.Request, there: list[Release]) -> Standing | None:
    """Return which numbers are asked for; None before the first build. Raises: _Missing."""
    wanted = request.query.get(RELEASE, "")
    if wanted and not _RELEASE.fullmatch(wanted):
        raise _Missing(400, N_("Rilascio non valido"), N_("Un rilascio si chiama come il suo giorno: AAAA-MM-GG."))
    newest = there[0].release_id if there else ""
    try:
        edition = await (request.app[EDITIONS].released(wanted) if wanted else request.app[EDITIONS].newest())
    except NotFoundError as error:
        raise _Missing(404, N_("Rilascio inesistente"), N_("Nessun rilascio ha questo nome.")) from error
    if edition is None:
        return None
    same = wanted or next((each.release_id for each in there if each.digest == edition.digest), "")
    return Standing(edition, wanted, same, newest, _cited(request, same) if same else "")


def _cited(request: web.Request, release: str) -> str:
    (origin,) = request.app[forms.PLACE].origins
    kept = [(name, value) for name, value in request.query.items() if name not in (RELEASE, "lang")]
    return origin + searching.href([*kept, (RELEASE, release)], request.path)


def or_what_is_there(handler: Handler) -> Handler:
    """Let a page that finds not what was asked for answer with what there is."""

    @functools.wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except _Missing as missing:
            return await _missing(request, missing)

    return answer


async def _missing(request: web.Request, missing: _Missing) -> web.Response:
    edition = await request.app[EDITIONS].newest()
    return render(
        request,
        "observatory_missing.html",
        status=missing.status,
        headers={"Cache-Control": "no-store"},
        missing=missing,
        groups=() if edition is None else views.indicators(edition, Asked(), Words(reader_of(request))),
        releases=await request.app[EDITIONS].releases(),
    )


async def _words(request: web.Request, edition: Edition, idents: Iterable[str]) -> Words:
    """Return the words for some tables; the names of bodies are read only where one of them has bodies."""
    words = Words(reader_of(request))
    named = {ident for table_ident in idents for ident in edition.tables[table_ident].dimensions}
    if any(words.dimension(ident).kind == "body" for ident in named):
        front = await cooperation.front(request.app[COOPERATION])
        return Words(words.reader, front.overview.members)
    return words


@needs(Permission.PUBLIC)
@or_what_is_there
async def entry(request: web.Request) -> web.StreamResponse:
    """Show the picture of the country: key numbers, a map, the years, all indicators, what profiles tell today."""
    shared, reader = request.app[COOPERATION], reader_of(request)
    there = await request.app[EDITIONS].releases()
    standing = await standing_of(request, there)
    front = await cooperation.front(shared)
    values: dict[str, Any] = {"errors": [], "figures": (), "cards": (), "groups": ()}
    if standing is not None:
        edition, words = standing.edition, Words(reader, front.overview.members)
        tables = [edition.tables[ident] for ident in views.NATIONAL if ident in edition.tables]
        asked, values["errors"] = asked_of(request.query.items(), tables, words, standing.release)
        values["figures"] = await asyncio.to_thread(views.national, edition, asked, words)
        values["cards"] = views.cards(edition, asked, words)
        values["groups"] = views.indicators(edition, asked, words)
        values["coverage"] = words.coverage(edition.figures.coverage)
    return render(
        request,
        "observatory.html",
        status=400 if values["errors"] else 200,
        seen=await asyncio.to_thread(see, front, reader),
        overview=front.overview,
        now=shared.clock(),
        standing=standing,
        **values,
    )


@needs(Permission.PUBLIC)
@or_what_is_there
async def indicator(request: web.Request) -> web.StreamResponse:
    """Show all tables of an indicator in pictures, of the chosen year."""
    ident = request.match_info["indicator"]
    standing = await standing_of(request, await request.app[EDITIONS].releases())
    tables = () if standing is None else views.tables_of(standing.edition, ident)
    if standing is None or not tables:
        raise _Missing(404, N_("Indicatore inesistente"), N_("Nessun indicatore con numeri ha questo nome."))
    edition = standing.edition
    words = await _words(request, edition, (found.ident for found in tables))
    asked, errors = asked_of(request.query.items(), tables, words, standing.release)
    return render(
        request,
        "observatory_indicator.html",
        status=400 if errors else 200,
        title=words.tr(words.indicator(ident).title),
        figures=await asyncio.to_thread(views.figures, edition, tables, asked, words, f"{INDICATORS_PATH}/{ident}"),
        standing=standing,
        errors=errors,
    )


@needs(Permission.PUBLIC)
@or_what_is_there
async def table(request: web.Request) -> web.StreamResponse:
    """Show a whole table, page by page where it is long, and where its files are."""
    ident, page = request.match_info["table"], request.query.get(PAGE, "1")
    standing = await standing_of(request, await request.app[EDITIONS].releases())
    found = None if standing is None else standing.edition.tables.get(ident)
    if standing is None or found is None:
        raise _Missing(404, N_("Tabella inesistente"), N_("Nessuna tabella ha questo nome."))
    edition, is_page = standing.edition, bool(_PAGE.fullmatch(page))
    words = await _words(request, edition, (ident,))
    asked = Asked(release=standing.release)
    whole = await asyncio.to_thread(views.whole, edition, found, words, int(page) if is_page else 1)
    here = f"{TABLES_PATH}/{ident}"
    return render(
        request,
        "observatory_table.html",
        status=200 if is_page else 400,
        title=words.title(found),
        indicator=(
            asked.href(f"{INDICATORS_PATH}/{found.indicator}"),
            words.tr(words.indicator(found.indicator).title),
        ),
        whole=whole,
        pages=[
            views.Step(str(number), asked.href(here, **{PAGE: str(number)}), number == whole.page)
            for number in range(1, whole.pages + 1)
        ],
        reading=views.reading(edition, found, found.cells, words),
        files=views.files_of(edition, ident),
        standing=standing,
        errors=[] if is_page else [("", words.tr(_NO_PAGE))],
    )


@needs(Permission.PUBLIC)
async def releases(request: web.Request) -> web.StreamResponse:
    """Show all releases, the newest first."""
    return render(request, "observatory_releases.html", releases=await request.app[EDITIONS].releases())


def see(front: Front, reader: Reader) -> Seen:
    """Return all that the page tells, from what the first page has read."""
    found, names = front.newest, front.overview.members
    figures = (
        _regions(reader, found.facets["territory"]),
        _bars(reader, "theme", N_("Profili per tema"), found.facets["theme"], lambda code: reader.value("theme", code).text),
        _bars(reader, "owner", N_("Profili per ente"), found.facets["owner"], lambda owner: names.get(owner, owner)),
    )  # fmt: skip
    return Seen(found.total, found.total_is_exact and found.facets_are_exact, len(front.overview.bodies), figures)


def _regions(reader: Reader, buckets: tuple[Bucket, ...]) -> Figure:
    regions = reader.reference.territories.regions
    found = region_map_of_facets(buckets, regions, path=searching.PATH, ident="regioni", language=reader.language)
    by_code = {bucket.value: bucket for bucket in buckets}
    table = _surely(reader, found.table_behind(), (by_code.get(region.code) for region in regions))
    return Figure(found.frame.ident, found.frame.title, found.svg(), table)


def _bars(reader: Reader, name: str, title: str, buckets: tuple[Bucket, ...], called: Callable[[str], str]) -> Figure:
    measure = Measure(reader.language, unit=reader.tr(N_("Profili")))
    bars = tuple(
        Bar(called(bucket.value), bucket.count, searching.href([(name, bucket.value)]) if bucket.count else "")
        for bucket in buckets
    )
    kinds: Mapping[str, str] = searching.FILTER_NAMES
    found = Bars(Frame(f"per-{name}", reader.tr(title)), measure, reader.tr(kinds[name]), bars)
    table = found.table_behind()
    # Whose a profile is, is never in doubt.
    return Figure(
        found.frame.ident, found.frame.title, found.svg(), table if name == "owner" else _surely(reader, table, buckets)
    )


def _surely(reader: Reader, table: Table, buckets: Iterable[Bucket | None]) -> Table:
    """Return a table with one more column: how many of the profiles are surely there."""
    measure = Measure(reader.language)
    rows = (
        Row(row.head, (*row.cells, measure.say(bucket.certain if bucket else 0)), row.href)
        for row, bucket in zip(table.rows, buckets, strict=True)
    )
    return Table(table.caption, (*table.columns, reader.tr(N_("di cui certi"))), tuple(rows))
