"""The catalogue of the Observatory's open data by DCAT-AP_IT, so that national and European catalogues can harvest it.

In: the tables of a release or of the newest build, how things are called, who publishes, and of each file its size and digest. Out: facts
(``rdf``). Rules: one dataset a table, one distribution a file; all properties that the profile makes mandatory, and those it recommends
but ``dct:subject`` (docs/open-data.md says why); themes, frequency, formats, languages and places are addresses of the
vocabularies of the European Union. Source: DCAT-AP_IT 2.0 (ontology of 23 June 2022, guidelines for catalogues of AgID). Pure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from node.domain.observatory.figures import Figures, Table
from node.domain.observatory.rdf import Iri, Literal, Object, Resource
from node.domain.observatory.wording import LICENCE, LICENCE_NAME, Publisher, Wording, codes_of
from node.errors import N_

_EU: Final = "http://publications.europa.eu/resource/authority/"
PATH: Final = "/osservatorio"
CATALOGUE: Final = f"{PATH}/catalogo"
FILES: Final = f"{PATH}/dati"
# The page of a table.
TABLES: Final = f"{PATH}/tabelle"
NEWEST: Final = "ultima"
# Editions of the register come when they come.
_FREQUENCY: Final = "IRREG"
_THEMES: Final = ("ECON", "REGI")
TITLE: Final = N_("Osservatorio nazionale delle reti d'impresa")
DESCRIPTION: Final = N_(
    "I dati aperti dell'Osservatorio: quante sono le reti d'impresa italiane e le loro imprese, dove, in quali settori, come nascono e "
    "quanto durano, e che cosa cercano le reti che hanno pubblicato un profilo."
)
_KEYWORDS: Final = (N_("reti d'impresa"), N_("imprese"), N_("territorio"))


@dataclass(frozen=True, slots=True)
class FileKind:
    """One form of a table: how its file ends, its media type, its name in the Union's list of file types, its title."""

    ending: str
    media_type: str
    file_type: str
    title: str


CSV: Final = FileKind("csv", "text/csv", "CSV", N_("{title}: CSV"))
JSON: Final = FileKind("json", "application/json", "JSON", N_("{title}: JSON-stat 2.0"))
XLSX: Final = FileKind(
    "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "XLSX", N_("{title}: cartella di lavoro XLSX")
)  # fmt: skip
KINDS: Final = (CSV, JSON, XLSX)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known of a file: its length in bytes and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


def catalogue(
    figures: Figures,
    release: str | None,
    wording: Wording,
    publisher: Publisher,
    files: Mapping[str, FileFacts],
) -> list[Resource]:
    """Return the catalogue of some figures; ``files`` are told by their names, ``release`` is None for the newest build."""
    place = _Place(publisher, release or NEWEST, figures.made_at.astimezone(dt.UTC).date(), wording)
    found = [place.catalogue(figures), place.body(), *place.contact(), _licence()]
    for table in sorted(figures.tables, key=lambda table: table.ident):
        found += place.dataset(table, release)
        found += [
            one for kind in KINDS for one in place.distribution(table, kind, files.get(f"{table.ident}.{kind.ending}"))
        ]
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    publisher: Publisher
    folder: str
    made_on: dt.date
    wording: Wording

    def own(self, name: str) -> Iri:
        return Iri(f"{self.publisher.url}{CATALOGUE}#{name}")

    def texts(self, name: str, both: Mapping[str, str]) -> list[tuple[str, Object]]:
        return [(name, Literal(text, language)) for language, text in both.items()]

    def catalogue(self, figures: Figures) -> Resource:
        facts: list[tuple[str, Object]] = [
            *self.texts("dct:title", self.wording.both(TITLE)),
            *self.texts("dct:description", self.wording.both(DESCRIPTION)),
            ("dct:publisher", self.own("ente")),
            ("dct:modified", _day(self.made_on)),
            ("foaf:homepage", Iri(self.publisher.url + PATH)),
            *_languages(),
            ("dcat:themeTaxonomy", Iri(f"{_EU}data-theme")),
            ("dct:license", Iri(LICENCE)),
            *(("dcat:dataset", self.own(ident)) for ident in sorted(table.ident for table in figures.tables)),
        ]
        return Resource(self.own("catalogo"), ("dcatapit:Catalog", "dcat:Catalog"), tuple(facts))

    def body(self) -> Resource:
        facts = (("dct:identifier", Literal(self.publisher.code)), ("foaf:name", Literal(self.publisher.name, "it")))
        return Resource(self.own("ente"), ("dcatapit:Agent", "foaf:Agent"), facts)

    def contact(self) -> list[Resource]:
        if not self.publisher.contact:
            return []
        facts = (
            ("vcard:fn", Literal(self.publisher.name)),
            ("vcard:hasEmail", Iri(f"mailto:{self.publisher.contact}")),
            ("vcard:hasURL", Iri(self.publisher.url + PATH)),
        )
        return [Resource(self.own("contatto"), ("dcatapit:Organization", "vcard:Organization", "vcard:Kind"), facts)]

    def dataset(self, table: Table, release: str | None) -> list[Resource]:
        period = self.own(f"{table.ident}-periodo")
        facts: list[tuple[str, Object]] = [
            # The national catalogue gives its own number; this one is ours, and stays.
            ("dct:identifier", Literal(f"{self.publisher.code}:{table.ident}")),
            *self.texts("dct:title", self.wording.titles(table)),
            *self.texts("dct:description", self.wording.descriptions(table)),
            ("dct:modified", _day(self.made_on)),
            *(("dcat:theme", Iri(f"{_EU}data-theme/{theme}")) for theme in _THEMES),
            *((("dcat:keyword"), text) for word in _KEYWORDS for text in _tagged(self.wording.both(word))),
            ("dct:rightsHolder", self.own("ente")),
            ("dct:publisher", self.own("ente")),
            ("dct:creator", self.own("ente")),
            ("dct:accrualPeriodicity", Iri(f"{_EU}frequency/{_FREQUENCY}")),
            *([("dcat:contactPoint", self.own("contatto"))] if self.publisher.contact else []),
            ("dct:temporal", period),
            ("dct:spatial", Iri(f"{_EU}country/ITA")),
            *_languages(),
            (
                "dcat:landingPage",
                Iri(f"{self.publisher.url}{TABLES}/{table.ident}" + (f"?release={release}" if release else "")),
            ),
            *([("owl:versionInfo", Literal(release))] if release else []),
            *(("dcat:distribution", self.own(f"{table.ident}-{kind.ending}")) for kind in KINDS),
        ]
        kinds = ("dcatapit:Dataset", "dcat:Dataset")
        start, end = _period(table, self.wording)
        lasted = (("dcatapit:startDate", _day(start)), ("dcatapit:endDate", _day(end)))
        return [
            Resource(self.own(table.ident), kinds, tuple(facts)),
            Resource(period, ("dct:PeriodOfTime",), lasted),
        ]

    def distribution(self, table: Table, kind: FileKind, known: FileFacts | None) -> list[Resource]:
        ident = f"{table.ident}-{kind.ending}"
        address = Iri(f"{self.publisher.url}{FILES}/{self.folder}/{table.ident}.{kind.ending}")
        says = self.wording.languages()
        titles = {
            language: says[language](kind.title).format(title=title)
            for language, title in self.wording.titles(table).items()
        }
        facts: list[tuple[str, Object]] = [
            *self.texts("dct:title", titles),
            *self.texts("dct:description", self.wording.descriptions(table)),
            ("dct:format", Iri(f"{_EU}file-type/{kind.file_type}")),
            ("dcat:mediaType", Iri(f"http://www.iana.org/assignments/media-types/{kind.media_type}")),
            ("dcat:accessURL", address),
            ("dcat:downloadURL", address),
            ("dct:license", Iri(LICENCE)),
            ("dct:modified", _day(self.made_on)),
        ]
        kinds = ("dcatapit:Distribution", "dcat:Distribution")
        if known is None:
            return [Resource(self.own(ident), kinds, tuple(facts))]
        digest = self.own(f"{ident}-sha256")
        facts += [
            ("dcat:byteSize", Literal(str(known.size), datatype="xsd:decimal")),
            ("spdx:checksum", digest),
        ]
        told = (
            ("spdx:algorithm", Iri("http://spdx.org/rdf/terms#checksumAlgorithm_sha256")),
            ("spdx:checksumValue", Literal(known.sha256, datatype="xsd:hexBinary")),
        )
        return [Resource(self.own(ident), kinds, tuple(facts)), Resource(digest, ("spdx:Checksum",), told)]


def _licence() -> Resource:
    facts = (
        ("dct:type", Iri("http://purl.org/adms/licencetype/Attribution")),
        ("foaf:name", Literal(LICENCE_NAME)),
        ("owl:versionInfo", Literal("4.0")),
    )
    return Resource(Iri(LICENCE), ("dcatapit:LicenseDocument", "dct:LicenseDocument"), facts)


def _languages() -> list[tuple[str, Object]]:
    return [("dct:language", Iri(f"{_EU}language/{code}")) for code in ("ITA", "ENG")]


def _tagged(both: Mapping[str, str]) -> Sequence[Literal]:
    return [Literal(text, language) for language, text in both.items()]


def _day(day: dt.date) -> Literal:
    return Literal(day.isoformat(), datatype="xsd:date")


def _period(table: Table, wording: Wording) -> tuple[dt.date, dt.date]:
    """Return the days that a table speaks of: from its first year, else its own day."""
    codes = codes_of(table)
    times = [code for i in table.dimensions if wording.dimension(i).kind == "time" for code in codes[i]]
    return min([*filter(None, map(_begin, times)), table.as_of]), table.as_of


def _begin(code: str) -> dt.date | None:
    """Return the first day of a year, or the day, that a code is; None for what is neither."""
    try:
        return dt.date.fromisoformat(f"{code}-01-01" if len(code) == len("2013") else code)
    except ValueError:
        return None
