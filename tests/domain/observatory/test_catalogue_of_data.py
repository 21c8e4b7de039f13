"""The catalogue by DCAT-AP_IT: valid by shapes written from the published rules, and the same facts in each of its forms.

rdflib and pySHACL read what the node writes; neither is part of the node, and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pyshacl
import pytest
import rdflib
from rdflib.compare import isomorphic, to_isomorphic

from node.domain.observatory import dcat, rdf
from node.domain.observatory.dcat import FileFacts
from node.domain.observatory.figures import Cell, Figures, table
from node.domain.observatory.rdf import Iri, Literal, Resource
from tests import observatory_data_made as made

# The two libraries of the tests warn about each other.
pytestmark = pytest.mark.filterwarnings("ignore:(Dataset|ConjunctiveGraph).*deprecated:DeprecationWarning")
SHAPES = Path(__file__).resolve().parents[2] / "data" / "dcat-ap-it.shapes.ttl"
FORMS: Mapping[str, Callable[[list[Resource]], bytes]] = {
    "turtle": rdf.turtle,
    "json-ld": rdf.json_ld,
    "xml": rdf.rdf_xml,
}
KNOWN = {"networks-by-province.csv": FileFacts(1234, "0f" * 32)}
SH = rdflib.Namespace("http://www.w3.org/ns/shacl#")
DCT = rdflib.Namespace("http://purl.org/dc/terms/")


def facts(figures: Figures | None = None, release: str | None = made.RELEASE, contact: bool = True) -> list[Resource]:
    """The catalogue of the invented figures."""
    publisher = made.PUBLISHER if contact else replace(made.PUBLISHER, contact="")
    return dcat.catalogue(figures or made.figures(), release, made.wording(), publisher, KNOWN)


def graph(raw: bytes, form: str) -> rdflib.Graph:
    """What a reader of RDF finds."""
    return rdflib.Graph().parse(data=raw, format=form)


def judged(data: rdflib.Graph) -> list[tuple[str, str, str]]:
    """What the shapes say of a graph: (severity, path, which node), without what is right."""
    _, report, _ = pyshacl.validate(data, shacl_graph=str(SHAPES), advanced=False, inference="none")
    return sorted(
        (
            str(report.value(found, SH.resultSeverity)).rpartition("#")[2],
            str(report.value(found, SH.resultPath)).rpartition("/")[2].rpartition("#")[2],
            str(report.value(found, SH.focusNode)).rpartition("#")[2],
        )
        for found in report.subjects(rdflib.RDF.type, SH.ValidationResult)
    )


def test_the_catalogue_breaks_no_rule_of_the_profile() -> None:
    """Mandatory and recommended, cardinalities and ranges; only the finer subjects, which are recommended, are left out."""
    found = judged(graph(rdf.turtle(facts()), "turtle"))
    tables = sorted(table.ident for table in made.figures().tables)
    assert found == [("Warning", "subject", ident) for ident in tables]


def test_without_a_contact_only_the_contact_is_missed() -> None:
    """A node whose office gave no mailbox has no contact point, which the profile recommends."""
    found = judged(graph(rdf.turtle(facts(release=None, contact=False)), "turtle"))
    assert {(severity, path) for severity, path, _ in found} == {("Warning", "subject"), ("Warning", "contactPoint")}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_says_the_same(form: str) -> None:
    """Turtle, JSON-LD and RDF/XML are read as the very facts that were meant, with nothing fetched."""
    resources = facts()
    meant = rdflib.Graph()
    for resource in resources:
        subject = rdflib.URIRef(resource.iri.safe)
        for kind in resource.kinds:
            meant.add((subject, rdflib.RDF.type, rdflib.URIRef(rdf.expanded(kind))))
        for name, value in resource.facts:
            meant.add((subject, rdflib.URIRef(rdf.expanded(name)), _object(value)))
    assert len(meant) > 100
    assert to_isomorphic(graph(FORMS[form](resources), form)) == to_isomorphic(meant)


def _object(value: rdf.Object) -> rdflib.URIRef | rdflib.Literal:
    if isinstance(value, Iri):
        return rdflib.URIRef(value.safe)
    datatype = rdflib.URIRef(rdf.expanded(value.datatype)) if value.datatype else None
    return rdflib.Literal(value.text, lang=value.language or None, datatype=datatype)


def test_no_text_breaks_out_of_any_form() -> None:
    """Quotes, backslashes, lines, brackets, other scripts: in texts and in addresses."""
    text = 'a "b" \\n \\ \n\t<c> & {d} ]]> é 网 \U0001f600 \u2028'
    nasty = Resource(Iri('https://x.example/<a> "b"\\^`{|}è'), ("dcat:Dataset",), (("dct:title", Literal(text, "it")), ("dct:source", Iri("https://x.example/ >;"))))  # fmt: skip
    first, *others = (graph(write([nasty]), form) for form, write in FORMS.items())
    assert str(next(first.objects(predicate=DCT.title))) == text
    assert len(first) == 3
    assert all(isomorphic(first, other) for other in others)


@pytest.mark.parametrize(
    ("kind", "without"),
    [
        ("dcatapit:Catalog", "dct:publisher"), ("dcatapit:Catalog", "dct:modified"), ("dcatapit:Catalog", "dct:title"),
        ("dcatapit:Dataset", "dcat:theme"), ("dcatapit:Dataset", "dct:rightsHolder"), ("dcatapit:Dataset", "dct:accrualPeriodicity"),
        ("dcatapit:Dataset", "dcat:distribution"), ("dcatapit:Dataset", "dct:identifier"), ("dcatapit:Distribution", "dct:license"),
        ("dcatapit:Distribution", "dct:format"), ("dcatapit:Distribution", "dcat:accessURL"), ("dcatapit:Agent", "dct:identifier"),
        ("dcatapit:Organization", "vcard:hasEmail"), ("dct:PeriodOfTime", "dcatapit:startDate"),
    ],
)  # fmt: skip
def test_the_shapes_see_what_is_missing(kind: str, without: str) -> None:
    """A shape that lets everything through would prove nothing: each mandatory property is missed when it is not there."""
    less = [
        replace(found, facts=tuple(fact for fact in found.facts if fact[0] != without))
        if kind in found.kinds
        else found
        for found in facts()
    ]
    assert ("Violation", without.partition(":")[2]) in {
        found[:2] for found in judged(graph(rdf.turtle(less), "turtle"))
    }


def test_what_is_known_of_a_file_is_told_and_nothing_else() -> None:
    """Length and SHA-256 where they are known; the release in every address."""
    raw = rdf.turtle(facts()).decode()
    assert raw.count("spdx:checksumValue") == raw.count("dcat:byteSize") == 1
    assert '"1234"^^xsd:decimal' in raw
    assert f"https://lecce.example.it/osservatorio/dati/{made.RELEASE}/networks-by-province.csv" in raw
    assert "/osservatorio/dati/ultima/networks-by-province.csv" in rdf.turtle(facts(release=None)).decode()


def test_the_period_begins_with_the_first_year() -> None:
    """Of a table without years it is its day."""
    data = graph(rdf.turtle(facts()), "turtle")
    apit = rdflib.Namespace("http://dati.gov.it/onto/dcatapit#")
    found = {
        str(subject).rpartition("#")[2]: str(data.value(subject, apit.startDate))
        for subject in data.subjects(rdflib.RDF.type, DCT.PeriodOfTime)
    }
    assert found["networks-by-province-periodo"] == "2013-01-01"
    assert found["profiles-periodo"] == made.AS_OF.isoformat()
    days = ["*", "?", "2012-12-31", "2013-06-30", "2013-02-31", "0000", "20130101x", "abcd"]
    odd = table("odd", "networks", ("year",), [Cell((day,), 1) for day in days], made.AS_OF)
    known = replace(made.figures(), tables=(odd,))
    assert '"2012-12-31"^^xsd:date' in rdf.turtle(facts(known)).decode()
