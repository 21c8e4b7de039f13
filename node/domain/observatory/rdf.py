"""Facts about named things in the three forms that catalogues of data harvest: Turtle, JSON-LD and RDF/XML.

In: resources, each an address with its kinds and facts. Out: bytes, equal for equal facts. Rules: every resource has an address, there
are no blank nodes; names are written with the prefixes below and no other; the JSON-LD brings its context with it, so that nobody
has to fetch one. Own and small, since this node only writes what it knows, and a library that reads RDF also fetches
(docs/open-data.md); the tests read all three with such a library and find the same facts. Pure.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

PREFIXES: Final[Mapping[str, str]] = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatapit": "http://dati.gov.it/onto/dcatapit#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_XML: Final = "{http://www.w3.org/XML/1998/namespace}"
# What an address may hold as it is, in all three forms.
_IRI_SAFE: Final = ":/?#[]@!$&'()*+,;=%-._~"


@dataclass(frozen=True, slots=True)
class Iri:
    """An address, of a resource of ours or of another's."""

    text: str

    @property
    def safe(self) -> str:
        """Return the address with what none may hold written by its number."""
        return quote(self.text, safe=_IRI_SAFE)


@dataclass(frozen=True, slots=True)
class Literal:
    """A text: in a language, or of a datatype (a prefixed name), or neither."""

    text: str
    language: str = ""
    datatype: str = ""


Object = Iri | Literal


@dataclass(frozen=True, slots=True)
class Resource:
    """A thing: its address, its kinds and its facts, by prefixed names."""

    iri: Iri
    kinds: tuple[str, ...]
    facts: tuple[tuple[str, Object], ...]


def expanded(name: str) -> str:
    """Return the whole address of a prefixed name."""
    prefix, _, rest = name.partition(":")
    return PREFIXES[prefix] + rest


def turtle(resources: Iterable[Resource]) -> bytes:
    """Return Turtle."""
    lines = [f"@prefix {prefix}: <{space}> ." for prefix, space in PREFIXES.items()]
    for resource in resources:
        lines += ["", f"<{resource.iri.safe}>", f"    a {', '.join(resource.kinds)} ;"]
        facts = [f"    {name} {_turtle_object(value)}" for name, value in resource.facts]
        lines += [*(fact + " ;" for fact in facts), "    ."]
    return ("\n".join(lines) + "\n").encode()


def _turtle_object(value: Object) -> str:
    if isinstance(value, Iri):
        return f"<{value.safe}>"
    # The escapes of JSON are among those of Turtle.
    text = json.dumps(value.text, ensure_ascii=False)
    if value.language:
        return f"{text}@{value.language}"
    return f"{text}^^{value.datatype}" if value.datatype else text


def json_ld(resources: Iterable[Resource]) -> bytes:
    """Return JSON-LD 1.1 with its context inside."""
    document = {"@context": dict(PREFIXES), "@graph": [_json_node(found) for found in resources]}
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _json_node(resource: Resource) -> dict[str, Any]:
    node: dict[str, Any] = {"@id": resource.iri.safe, "@type": list(resource.kinds)}
    for name, value in resource.facts:
        node.setdefault(name, []).append(_json_object(value))
    return node


def _json_object(value: Object) -> dict[str, str]:
    if isinstance(value, Iri):
        return {"@id": value.safe}
    more = {"@language": value.language} if value.language else {"@type": value.datatype} if value.datatype else {}
    return {"@value": value.text, **more}


def rdf_xml(resources: Sequence[Resource]) -> bytes:
    """Return RDF/XML."""
    for prefix, space in PREFIXES.items():
        ET.register_namespace(prefix, space)
    root = ET.Element(_tag("rdf:RDF"))
    about, resource, datatype = _tag("rdf:about"), _tag("rdf:resource"), _tag("rdf:datatype")
    for found in resources:
        node = ET.SubElement(root, _tag("rdf:Description"), {about: found.iri.safe})
        for kind in found.kinds:
            ET.SubElement(node, _tag("rdf:type"), {resource: expanded(kind)})
        for name, value in found.facts:
            if isinstance(value, Iri):
                ET.SubElement(node, _tag(name), {resource: value.safe})
                continue
            attributes = {f"{_XML}lang": value.language} if value.language else {}
            attributes |= {datatype: expanded(value.datatype)} if value.datatype else {}
            ET.SubElement(node, _tag(name), attributes).text = value.text
    ET.indent(root, " ")
    made: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return made + b"\n"


def _tag(name: str) -> str:
    prefix, _, rest = name.partition(":")
    return f"{{{PREFIXES[prefix]}}}{rest}"
