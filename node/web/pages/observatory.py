"""The entry of the national Observatory: what can be told today, from published profiles alone.

In: a request. Out: the page; its numbers are those of the search's facets over all profiles (node/web/cooperation.front), which
``/api/v1/facets`` answers too. Rules: nothing is counted here that the public search does not count, so that no number says more
than the profiles themselves (tier 1, docs/pages.md); each picture has its table; a profile that may be of several regions or
themes counts in each, and the page says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from node.domain.roles import Permission
from node.errors import N_
from node.flows.searching.engines import Bucket
from node.web import cooperation
from node.web.cooperation import COOPERATION, Front
from node.web.middleware import language_of
from node.web.pages import searching
from node.web.pages.frame import render
from node.web.pages.shown import Reader
from node.web.permission import needs
from node.web.pictures.bars import Bar, Bars
from node.web.pictures.facets import region_map_of_facets
from node.web.pictures.measure import Measure
from node.web.pictures.svg import Frame, Svg
from node.web.pictures.table import Row, Table

PATH: Final = "/osservatorio"


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


def routes() -> list[web.RouteDef]:
    """Return the page of the Observatory."""
    return [web.get(PATH, entry)]


@needs(Permission.PUBLIC)
async def entry(request: web.Request) -> web.StreamResponse:
    """Show what the Observatory is, and what published profiles tell today."""
    shared = request.app[COOPERATION]
    reader = Reader(language_of(request), shared.reference)
    front = await cooperation.front(shared)
    return render(request, "observatory.html", seen=see(front, reader), overview=front.overview, now=shared.clock())


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
