"""Pictures made for tests, and how a test reads one."""

from __future__ import annotations

from decimal import Decimal
from xml.etree import ElementTree as ET

from node.domain.territory import PRO, REG
from node.store.reference import load_territories
from node.web.pictures.bars import Bar, Bars
from node.web.pictures.choropleth import AreaValue, Choropleth
from node.web.pictures.flows import Flows
from node.web.pictures.lines import Lines, Series
from node.web.pictures.measure import Absent, Measure
from node.web.pictures.svg import Frame, Svg

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "Öl & <b>\"Käse\"</b> 'x' \u202e]]>"
Picture = Choropleth | Bars | Lines | Flows


def read(svg: Svg) -> ET.Element:
    """The picture as a tree; a fault in its form would raise."""
    return ET.fromstring(svg)  # noqa: S314 - our own bytes


def texts(svg: Svg) -> set[str]:
    """Every text of a picture: titles, descriptions, letters."""
    return {found.text or "" for found in read(svg).iter()}


def region_map(language: str = "it", href: str = "") -> Choropleth:
    """Regions with a number each, the first unknown, the second withheld."""
    regions = load_territories().regions
    values = [Absent.UNKNOWN, Absent.WITHHELD, *(n * n * 97 for n in range(len(regions) - 2))]
    areas = tuple(
        AreaValue(r.code, r.name, v, href and f"{href}{r.code}") for r, v in zip(regions, values, strict=True)
    )
    return Choropleth(Frame("map", "Reti per regione"), Measure(language, unit="Reti"), REG, areas)


def province_map(language: str = "it") -> Choropleth:
    """Provinces with a broken number each."""
    areas = tuple(AreaValue(p.code, p.name, Decimal(n) / 7) for n, p in enumerate(load_territories().provinces))
    return Choropleth(Frame("provinces", "Reti per provincia"), Measure(language, "Quota", 1, "%"), PRO, areas)


def bars(language: str = "it") -> Bars:
    """Bars above and below zero, one withheld, one with a name that is markup."""
    values = (Bar("Costruzioni", 1234567), Bar("Altro", -12), Bar("Commercio", Absent.WITHHELD), Bar(NASTY * 4, 0))
    return Bars(Frame("bars", "Reti per settore"), Measure(language, "Reti"), "Settore", values)


def lines(language: str = "it") -> Lines:
    """Two series over twelve years, with a gap."""
    one = Series("Italia", tuple(1298 + 757 * n for n in range(12)))
    other = Series(NASTY, tuple(Absent.UNKNOWN if n == 4 else n / 3 for n in range(12)))
    years = tuple(str(2013 + n) for n in range(12))
    return Lines(Frame("lines", "Reti e imprese"), Measure(language, "Reti", 2), "Anno", years, (one, other))


def flows(language: str = "it") -> Flows:
    """Four origins, three destinations, one cell withheld."""
    values = tuple(tuple(Absent.WITHHELD if i == j == 1 else 1000 * i + j for j in range(3)) for i in range(4))
    places = ("Piemonte", "Puglia", "Provincia autonoma di Bolzano/Bozen", NASTY)
    return Flows(Frame("flows", "Incontri"), Measure(language, "Presentazioni"), places, places[:3], values)


def one_of_each(language: str = "it") -> tuple[Picture, ...]:
    """One picture of each kind."""
    return region_map(language), province_map(language), bars(language), lines(language), flows(language)
