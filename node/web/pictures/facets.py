"""The map of a search's results: how many profiles in each region, each region a link to the search within it.

In: the territory facet of a search, all regions by code and name, and the search's own parameters. Out: a Choropleth. Rules: a
region without hits is shown as zero and leads nowhere; following a region keeps what else was asked, and begins at the first page.
A profile that may be in several regions counts in each, so counts may add up to more than the hits there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol
from urllib.parse import urlencode

from node.domain.territory import REG, Area
from node.errors import N_
from node.web.pictures.choropleth import AreaValue, Choropleth
from node.web.pictures.measure import Measure
from node.web.pictures.svg import Frame

_DROPPED: Final = ("territory", "cursor")


class Counted(Protocol):
    """One value of a facet, as a search gives it (flows/searching/engines.Bucket): a code and how many hits meet it."""

    @property
    def value(self) -> str:
        """The code of the area."""

    @property
    def count(self) -> int:
        """How many hits meet it."""


def region_map_of_facets(
    facets: Iterable[Counted],
    regions: Sequence[Area],
    *,
    asked: Iterable[tuple[str, str]] = (),
    path: str = "",
    ident: str = "regions",
    language: str = "it",
) -> Choropleth:
    """Return the map of a facet's counts; ``asked`` are the parameters of the search, of which links keep the others.

    ``path`` is where the search is; empty: the page that the map stands on.
    """
    counts = {bucket.value: bucket.count for bucket in facets}
    kept = [(name, value) for name, value in asked if name not in _DROPPED]
    measure = Measure(language)
    measure = Measure(language, unit=measure.word(N_("Profili")))
    areas = tuple(
        AreaValue(
            region.code,
            region.name,
            counts.get(region.code, 0),
            f"{path}?" + urlencode([*kept, ("territory", region.code)]) if counts.get(region.code) else "",
        )
        for region in regions
    )
    return Choropleth(Frame(ident, measure.word(N_("Profili per regione"))), measure, REG, areas)
