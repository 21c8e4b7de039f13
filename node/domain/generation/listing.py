"""How an invented register is written: rows in exactly the chamber's layout, and where its municipalities are.

In: one firm of one network. Out: a row of either sheet (docs/rules.md F.4). Shared by the register of one day and by a history.
"""

from __future__ import annotations

import datetime as dt
import functools
import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from node.domain.chamber import ENTITY_WIDTH
from node.domain.generation.firms import InventedFirm
from node.domain.sector import Sectors
from node.domain.territory import Territories, fold


class Places:
    """Municipalities by province, the chief town first."""

    def __init__(self, territories: Territories, regions: Iterable[str]) -> None:
        """Index the municipalities, and the provinces of ``regions``."""
        self.by_province: dict[str, list[tuple[str, str]]] = {}
        for m in territories.municipalities:
            self.by_province.setdefault(m.province, []).append((m.name, m.istat))
        for area in territories.provinces:
            chief = fold(area.name.replace("Città metropolitana di ", "").split("/")[0].split(" ")[0])
            self.by_province[area.code].sort(key=lambda place: (not fold(place[0]).startswith(chief), place[0]))
        self.provinces = {code: territories.children(code) for code in regions}
        self.neighbours = {
            p: [q for q in children if q != p] or list(children)
            for children in self.provinces.values()
            for p in children
        }

    def municipality(self, draw: random.Random, sigla: str) -> str:
        """Return a municipality of a province, the chief town more often than any other."""
        places = self.by_province[sigla]
        return places[0][0] if draw.random() < 0.3 else draw.choice(places)[0]


@functools.lru_cache(maxsize=10_000)
def written(day: dt.date) -> str:
    """Return a day as the list writes it; the same few thousand days come back in every row."""
    return day.strftime("%d/%m/%Y")


class Row(NamedTuple):
    """One firm of one network, as it is listed."""

    progr: int
    name: str
    day: dt.date
    number: str
    deed: str
    text: str
    firm: InventedFirm
    tax_code: str
    is_reference: bool
    municipality: str
    sigla: str
    ateco: str


def leaves(sectors: Sectors, division: str) -> list[str]:
    """Return the six-digit codes of a division, sorted."""
    found: list[str] = []
    queue = [division]
    while queue:
        code = queue.pop()
        children = sectors.children(code)
        queue += children
        if not children and len(code) == 8:
            found.append(code)
    return sorted(found)


def _branch(section: str) -> str:
    groups = {"A": "AGRICOLTURA", "F": "COSTRUZIONI", "G": "COMMERCIO", "I": "TURISMO"}
    return groups.get(section, "INDUSTRIA" if section in "BCDE" else "SERVIZI")


def entity_header() -> list[object]:
    """Return the first row of the second sheet."""
    names: Sequence[str] = (
        "progr.", "denominazione", "PV sede", "stato", "data atto", "rep. iscrizione", "n. REA rete", "c.f. rete", "data iscrizione",
        "numero repertorio", "oggetto", "n. imprese", "n.rea", "c.f.", "denominazione impresa", "comune", "REG", "PV", "NG",
        "codice ATECO 2007",
    )  # fmt: skip
    return list(names)


@functools.lru_cache(maxsize=5_000)
def _activity(ateco: str, sectors: Sectors) -> tuple[str, str, str, str]:
    """Return the last four cells of a row: code, branch, section, title; some hundreds of codes come back in every row."""
    section = sectors.ancestors(ateco)[-2]
    return ateco.replace(".", ""), _branch(section), section, sectors.title(ateco)[:120]


def contract_row(row: Row, sectors: Sectors) -> list[object]:
    """Return a row of the first sheet."""
    return [
        row.progr, row.name, written(row.day), row.number, row.deed, row.text, row.firm.rea, row.tax_code,
        row.firm.name, "S" if row.is_reference else "N", row.municipality, "", row.sigla, row.firm.legal_form,
        *_activity(row.ateco, sectors),
    ]  # fmt: skip


def entity_row(row: Row) -> list[object]:
    """Return a row of the second sheet."""
    cells: list[object] = [""] * ENTITY_WIDTH
    values: dict[int, object] = {
        0: row.progr, 1: row.name, 2: row.sigla, 3: "ATTIVA", 4: written(row.day), 5: row.number, 9: row.number,
        10: row.text, 12: row.firm.rea, 13: row.tax_code, 14: row.firm.name, 15: row.municipality, 17: row.sigla,
        18: row.firm.legal_form, 19: row.ateco.replace(".", ""),
    }  # fmt: skip
    for at, value in values.items():
        cells[at] = value
    return cells
