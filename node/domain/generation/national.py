"""A realistic national register in exactly the chamber's layout, from a seed.

In: how many contracts, a seed, the tables of places and sectors. Out: the rows of both sheets, traps included. The
distributions follow the published figures (docs/rules.md F.4): growth by year, sizes, regions, sectors, one/two/more provinces,
sole traders, legal-entity networks. The real list may not be redistributed; this one may.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
from dataclasses import dataclass, field

from node.domain.chamber import CONTRACT_COLUMNS
from node.domain.generation.firms import InventedFirm, invent
from node.domain.generation.listing import Places, Row, contract_row, entity_header, entity_row, leaves
from node.domain.generation.texts import object_text, words_for
from node.domain.register import register_id
from node.domain.sector import Sectors
from node.domain.territory import Territories
from node.domain.theme import THEMES

# New contracts per year: 1,298 by the end of 2013, about 3,000 in 2016, 4,978 in October 2018, 8,382 in March 2023, 9,630 in 2024.
YEARS = {
    2010: 25, 2011: 190, 2012: 430, 2013: 653, 2014: 640, 2015: 660, 2016: 760, 2017: 1000,
    2018: 840, 2019: 800, 2020: 700, 2021: 800, 2022: 780, 2023: 700, 2024: 652,
}  # fmt: skip
REGIONS = {
    "ITC4": 2647, "ITI1": 1544, "ITH5": 1509, "ITH3": 1373, "ITI4": 1342, "ITF3": 950, "ITF4": 900, "ITC1": 800, "ITG1": 600,
    "ITI3": 550, "ITF1": 550, "ITH4": 500, "ITG2": 400, "ITF6": 400, "ITC3": 350, "ITI2": 350, "ITF5": 150, "ITH2": 130,
    "ITH1": 100, "ITF2": 80, "ITC2": 30,
}  # fmt: skip
# Divisions by weight; agri-food 21.8 %, construction 14 %, trade 12.6 %.
DIVISIONS = {
    "01": 110, "10": 82, "11": 26, "41": 60, "43": 80, "46": 66, "47": 60, "25": 62, "28": 46, "14": 34, "31": 28, "22": 16,
    "27": 16, "62": 62, "71": 48, "70": 40, "74": 18, "49": 34, "52": 14, "55": 42, "56": 26, "38": 24, "35": 12, "86": 26,
    "88": 14, "82": 26, "85": 12, "96": 14, "93": 10, "81": 20, "42": 10,
}  # fmt: skip
THEME_WEIGHTS = (14, 12, 7, 14, 14, 7, 6, 6, 8, 4, 6, 2)
ENTITY_SHARE = 0.15
# (members from, to, weight): 54 % below five, 90 % below ten, a few above fifty; 5.2 members on average.
SIZES = (
    (2, 2, 140),
    (3, 3, 220),
    (4, 4, 180),
    (5, 5, 150),
    (6, 6, 110),
    (7, 7, 60),
    (8, 9, 50),
    (10, 14, 74),
    (15, 30, 14),
    (51, 90, 2),
)
SPREAD = ((1, 40), (2, 34), (3, 26))
REPEATED_FIRM, EMPTY_TAX_CODE, SHARED_REGISTER_NUMBER, ODD_MUNICIPALITY = 0.06, 0.004, 0.01, 0.01
_PLACE_WORDS = ("Rete", "Contratto di rete", "Network", "Rete d'imprese", "Alleanza", "Polo")
_BRANDS = (
    "Aurora",
    "Ponente",
    "Levante",
    "Quadrifoglio",
    "Arcobaleno",
    "Meridiana",
    "Orizzonte",
    "Sinergia",
    "Filo Rosso",
    "Ancora",
    "Bussola",
    "Girasole",
    "Lanterna",
    "Mosaico",
    "Ellisse",
    "Zenit",
    "Radici",
    "Vela",
    "Fucina",
    "Telaio",
)


@dataclass(slots=True)
class GeneratedRegister:
    """Rows of both sheets, headers first."""

    contracts: list[list[object]] = field(default_factory=list)
    entities: list[list[object]] = field(default_factory=list)


def generate(
    *, contracts: int, seed: int, territories: Territories, sectors: Sectors, until: dt.date = dt.date(2024, 12, 31)
) -> GeneratedRegister:
    """Return a register of exactly ``contracts`` networks, the same for the same arguments."""
    return _Generator(contracts, seed, territories, sectors, until).run()


class _Generator:
    def __init__(self, contracts: int, seed: int, territories: Territories, sectors: Sectors, until: dt.date) -> None:
        self._draw = random.Random(f"rete-delle-reti/{seed}")  # noqa: S311 - demonstration data from a seed
        self._count = contracts
        self._until = until
        self._places = Places(territories, REGIONS)
        self._region_numbers = {m.region: m.istat[:3] for m in territories.municipalities}
        self._codes = {division: leaves(sectors, division) for division in DIVISIONS}
        self._sectors = sectors
        self._firms: list[tuple[InventedFirm, str, str]] = []
        self._serial = itertools.count(1)
        self._regions = list(REGIONS)
        self._years = [(y, w) for y, w in YEARS.items() if y <= until.year]

    def run(self) -> GeneratedRegister:
        draw = self._draw
        made = GeneratedRegister([list(CONTRACT_COLUMNS)], [entity_header()])
        dates = sorted(self._date() for _ in range(self._count))
        seen: set[str] = set()
        last_number = ""
        for day in dates:
            entity = draw.random() < ENTITY_SHARE
            number, deed = self._numbers(last_number if draw.random() < SHARED_REGISTER_NUMBER else "")
            while (key := register_id(number, "" if entity else deed, day)) in seen:
                number, deed = self._numbers("")
            seen.add(key)
            last_number = number
            self._network(made, day, number, "" if entity else deed, entity=entity)
        return made

    def _date(self) -> dt.date:
        year = self._draw.choices([y for y, _ in self._years], [w for _, w in self._years])[0]
        first, last = dt.date(year, 1, 7), min(dt.date(year, 12, 30), self._until)
        return first + dt.timedelta(days=self._draw.randrange((last - first).days + 1))

    def _numbers(self, repeat: str) -> tuple[str, str]:
        draw = self._draw
        number = repeat or str(draw.randint(1_000, 299_999))
        if not repeat and draw.random() < 0.25:
            number = f"{draw.choice(('FO', 'MI', 'LE', 'TO', 'BO', 'RM'))}-{number}"
        return number, str(draw.randint(100, 99_999))

    def _network(self, made: GeneratedRegister, day: dt.date, number: str, deed: str, *, entity: bool) -> None:
        draw = self._draw
        low, high, _ = draw.choices(SIZES, [weight for _, _, weight in SIZES])[0]
        size = draw.randint(low, high)
        provinces = self._provinces(size)
        division = draw.choices(list(DIVISIONS), list(DIVISIONS.values()))[0]
        theme = draw.choices(THEMES, THEME_WEIGHTS)[0]
        if division in ("55", "56") and draw.random() < 0.5:
            theme = "tourism"
        text = object_text(draw, theme, division)
        name = network_name(draw, division)
        sheet = made.entities if entity else made.contracts
        # Each sheet counts its own contracts, so that the same number means two things.
        progr = int(str(sheet[-1][0])) + 1 if len(sheet) > 1 else 1
        taken: set[str] = set()
        for position in range(size):
            firm, sigla, municipality = self._member(provinces[position % len(provinces)], taken)
            taken.add(firm.tax_code)
            code = draw.choice(self._codes[division]) if position == 0 or draw.random() < 0.6 else self._related()
            tax_code = "" if position and draw.random() < EMPTY_TAX_CODE else firm.tax_code
            shown = f"  {municipality.lower()} " if draw.random() < ODD_MUNICIPALITY else municipality.upper()
            row = Row(progr, name, day, number, deed, text, firm, tax_code, position == 0, shown, sigla, code)
            sheet.append(entity_row(row) if entity else contract_row(row, self._sectors))

    def _provinces(self, size: int) -> list[str]:
        draw = self._draw
        region = draw.choices(self._regions, list(REGIONS.values()))[0]
        choices = self._places.provinces[region]
        weights = [len(self._places.by_province[p]) ** 0.5 for p in choices]
        first = draw.choices(choices, weights)[0]
        spread = min(size, draw.choices([n for n, _ in SPREAD], [w for _, w in SPREAD])[0])
        found = [first]
        while len(found) < spread:
            near = draw.random() < 0.7
            found.append(
                draw.choice(self._places.neighbours[first])
                if near
                else draw.choice(self._places.provinces[draw.choice(self._regions)])
            )
        return found

    def _member(self, sigla: str, taken: set[str]) -> tuple[InventedFirm, str, str]:
        draw = self._draw
        if self._firms and draw.random() < REPEATED_FIRM:
            # Firms belong to several networks; those met lately are likelier to meet again.
            known = draw.choice(self._firms[-2000:])
            if known[0].tax_code not in taken:
                return known
        made = (invent(draw, next(self._serial), sigla), sigla, self._places.municipality(draw, sigla))
        self._firms.append(made)
        return made

    def _related(self) -> str:
        division = self._draw.choices(list(DIVISIONS), list(DIVISIONS.values()))[0]
        return self._draw.choice(self._codes[division])


def network_name(draw: random.Random, division: str) -> str:
    """Return a name for a network of a division."""
    product = draw.choice(words_for(division)[0]).split()[0].title()
    return f"{draw.choice(_PLACE_WORDS)} {draw.choice(_BRANDS)} {product} {draw.randint(1, 999)}"
