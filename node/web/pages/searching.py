"""The page of results as values: the form as it was filled in, facets as links, chosen filters, hits, where to go from here.

In: the parameters as they came, the parsed question, its answer. Out: what the template lays out. Rules: every link is a whole
question of its own, so that the page works without a script; what was typed wrongly stays in the form, with the reason beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from node.domain import vocabulary
from node.domain.labels import KIND_TITLES, SIZE_TITLES
from node.domain.query import EXACT_FILTERS, LABEL_FILTERS, NEWEST, RELEVANCE, Query
from node.domain.theme import THEME_TITLES
from node.errors import N_
from node.flows.searching.engines import Bucket
from node.flows.searching.search import SearchResult
from node.web.pages.shown import LABEL_NAMES, HitShown, Reader, Said
from node.web.pictures.choropleth import Choropleth
from node.web.pictures.facets import region_map_of_facets

PATH: Final = "/cerca"
FOLLOW: Final = "/cerca/salva"
VIEW: Final = "vista"
LIST, MAP = "elenco", "mappa"
FACETS: Final = ("territory", "sector", "theme", "size", "kind", "owner")
# Buckets shown at once; the rest opens below.
SHOWN: Final = 6
FILTER_NAMES: Final[Mapping[str, str]] = {
    **LABEL_NAMES,
    "purpose": N_("Scopo"),
    "need": N_("Che cosa cerca"),
    "offer": N_("Che cosa offre"),
    "target_country": N_("Paese a cui guarda"),
    "language": N_("Lingua parlata"),
    "certification": N_("Certificazione"),
    "owner": N_("Ente"),
    "maturity": N_("Età della rete"),
    "since": N_("Pubblicato dal"),
    "witnessed": N_("Solo con testimoni"),
}
_LISTS: Final[Mapping[str, vocabulary.Titles]] = {
    "purpose": vocabulary.PURPOSES,
    "need": vocabulary.CATEGORIES,
    "offer": vocabulary.CATEGORIES,
    "certification": vocabulary.CERTIFICATIONS,
    "maturity": {key: titles for key, titles in vocabulary.MATURITIES.items() if key != "any"},
}
SORT_NAMES: Final = ((RELEVANCE, N_("i più pertinenti")), (NEWEST, N_("i più recenti")))


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a facet: where choosing it leads, and how many profiles have it."""

    name: str
    text: Said
    href: str
    count: int
    certain: int


@dataclass(frozen=True, slots=True)
class Facet:
    """One facet: the values shown at once, and the rest."""

    name: str
    title: str
    first: tuple[Choice, ...]
    rest: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """One filter that is on, and where the question without it is."""

    title: str
    text: Said
    href: str


@dataclass(frozen=True, slots=True)
class Links:
    """Where to go from a page of results; empty where there is nothing."""

    permalink: str
    next: str
    first: str
    csv: str
    xlsx: str
    follow: str
    list: str
    map: str
    # The same question in other words that find more, if there are any.
    suggestion: str
    sorts: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True, slots=True)
class Results:
    """All that is below the form."""

    result: SearchResult
    hits: tuple[HitShown, ...]
    facets: tuple[Facet, ...]
    chosen: tuple[Chosen, ...]
    links: Links
    stale: tuple[str, ...]
    # Where the results are, for whoever asks for territories and has not chosen one.
    picture: Choropleth | None


def href(parameters: Iterable[tuple[str, str]], path: str = PATH) -> str:
    """Return a question as a link."""
    text = urlencode(list(parameters))
    return f"{path}?{text}" if text else path


def without(query: Query, *names: str) -> list[tuple[str, str]]:
    """Return a question's parameters without some."""
    return [(name, value) for name, value in query.parameters() if name not in names]


def options(reader: Reader) -> dict[str, list[tuple[str, str]]]:
    """Return what the form's lists offer."""
    return {
        "size": [(key, reader.tr(title)) for key, title in SIZE_TITLES.items()],
        "theme": [(key, reader.tr(title)) for key, title in THEME_TITLES.items()],
        "kind": [(key, reader.tr(title)) for key, title in KIND_TITLES.items()],
        **{name: [(key, reader.title(titles, key)) for key in titles] for name, titles in _LISTS.items()},
    }


def filter_names(reader: Reader) -> dict[str, str]:
    """Return what filters are called."""
    return {name: reader.tr(title) for name, title in FILTER_NAMES.items()}


def _value(reader: Reader, name: str, value: str, members: Mapping[str, str]) -> Said:
    if name in LABEL_FILTERS:
        return reader.value(name, value)
    if name in _LISTS:
        return Said(reader.title(_LISTS[name], value))
    named = {"target_country": reader.countries, "language": reader.tongues}
    if name in named:
        return Said(named[name]([value]))
    return Said(members.get(value, value)) if name == "owner" else Said("" if name == "witnessed" else value)


def chosen(reader: Reader, query: Query, members: Mapping[str, str]) -> tuple[Chosen, ...]:
    """Return the filters that are on."""
    names = (*LABEL_FILTERS, *EXACT_FILTERS, "since", "witnessed")
    return tuple(
        Chosen(reader.tr(FILTER_NAMES[name]), _value(reader, name, value, members), href(without(query, name)))
        for name, value in query.parameters()
        if name in names
    )


def _facet(
    reader: Reader, query: Query, name: str, buckets: Sequence[Bucket], members: Mapping[str, str]
) -> Facet | None:
    asked = getattr(query, name)
    others = without(query, name)
    choices = tuple(
        Choice(
            f"{name}-{number}",
            Said(members.get(bucket.value, bucket.value)) if name == "owner" else reader.value(name, bucket.value),
            href([*others, (name, bucket.value)]),
            bucket.count,
            bucket.certain,
        )
        for number, bucket in enumerate(buckets)
        if bucket.value != asked
    )
    # A filter that is on is among the chosen ones; of a sector its divisions are offered.
    if not choices or (asked and name != "sector"):
        return None
    return Facet(name, reader.tr(FILTER_NAMES[name]), choices[:SHOWN], choices[SHOWN:])


def _links(query: Query, result: SearchResult, reader: Reader, view: str) -> Links:
    asked = list(query.parameters())
    shown = [(VIEW, view)] if view != LIST else []
    plain = without(query, "sort")
    return Links(
        permalink=href([*asked, *shown]),
        next=href([*asked, *shown, ("cursor", result.cursor)]) if result.cursor else "",
        first=href([*asked, *shown]) if query.cursor else "",
        csv=href([*asked, ("format", "csv")], "/api/v1/profiles"),
        xlsx=href([*asked, ("format", "xlsx")], "/api/v1/profiles"),
        follow=href(without(query, "sort", "limit"), FOLLOW),
        list=href(asked),
        map=href([*asked, (VIEW, MAP)]),
        suggestion=href([("q", result.suggestion), *without(query, "q")]) if result.suggestion else "",
        sorts=tuple(
            (reader.tr(title), href([*plain, ("sort", key)] if key != RELEVANCE else plain), key == query.sort)
            for key, title in SORT_NAMES
        ),
    )


def profile_href(profile_id: str, owner: str) -> str:
    """Return where a profile's page is; the owner tells apart logs that show the same identifier."""
    return href([("owner", owner)], f"/profili/{profile_id}")


def results(
    reader: Reader, query: Query, result: SearchResult, members: Mapping[str, str], view: str = LIST
) -> Results:
    """Return what is shown below the form."""
    facets = (_facet(reader, query, name, result.facets.get(name, ()), members) for name in FACETS)
    return Results(
        result=result,
        hits=tuple(reader.hit(hit, profile_href(hit.profile_id, hit.owner), members) for hit in result.hits),
        facets=tuple(facet for facet in facets if facet is not None),
        chosen=chosen(reader, query, members),
        links=_links(query, result, reader, view),
        stale=tuple(dict.fromkeys(members.get(item.owner, item.owner) for item in result.completeness.stale)),
        picture=_picture(reader, query, result) if view == MAP and not query.territory else None,
    )


def _picture(reader: Reader, query: Query, result: SearchResult) -> Choropleth:
    regions = reader.reference.territories.regions
    counted = result.facets["territory"]
    return region_map_of_facets(counted, regions, asked=query.parameters(), language=reader.language)
