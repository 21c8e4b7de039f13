"""Networks for tests: rows in the chamber's layout, and private records."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from stdnum import luhn

from node.domain.chamber import CONTRACT_COLUMNS, ENTITY_POSITIONS, ENTITY_WIDTH, ChamberList, parse_sheets
from node.domain.network import ContactRecord, FirmRecord, Member, NetworkRecord, WantRecord
from node.domain.register import NetworkKind
from node.store.reference import load_sectors, load_territories

NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
# No person: no surname and no name begin so, and no place has this code.
PERSON_CODE = "XXXXXX80A01Z999G"


def code(number: int) -> str:
    """A company's tax code that is valid in form and never issued."""
    base = f"99{number:08d}"
    return base + str(luhn.calc_check_digit(base))


def listed(**changes: Any) -> list[object]:
    """One row of the sheet ``Elenco``; keywords: name, day, number, deed, text, rea, code, firm, lead, place, pv, ateco."""
    cells = {
        "progr.": 1,
        "denominazione contratto": changes.get("name", "Rete Uno"),
        "data atto": changes.get("day", "15/03/2013"),
        "numero repertorio": changes.get("number", "15829"),
        "numero atto": changes.get("deed", "77"),
        "oggetto": changes.get("text", "Olio extravergine certificato e venduto in comune"),
        "n.rea": changes.get("rea", "LE-1"),
        "c.f.": changes.get("code", code(1)),
        "denominazione impresa": changes.get("firm", "PRIMA S.R.L."),
        "impresa di riferimento": changes.get("lead", "N"),
        "comune": changes.get("place", "LECCE"),
        "PV": changes.get("pv", "LE"),
        "NG": "SR",
        "codice ATECO 2007": changes.get("ateco", "104110"),
    }
    return [cells.get(name, "") for name in CONTRACT_COLUMNS]


def listed_entity(**changes: Any) -> list[object]:
    """One row of the sheet ``Sogg. Giu.``, by position."""
    row = dict(zip(CONTRACT_COLUMNS, listed(**{"name": "Soggetto Uno", "number": "500", **changes}), strict=True))
    cells: list[object] = [""] * ENTITY_WIDTH
    for name, at in ENTITY_POSITIONS.items():
        cells[at] = row[name]
    return cells


def pair(**changes: Any) -> list[list[object]]:
    """Two firms of one contract."""
    return [
        listed(**{"lead": "S", **changes}),
        listed(**{"code": code(2), "firm": "SECONDA S.P.A.", "rea": "LE-2", **changes, "lead": "N"}),
    ]


def sheets(*rows: list[object], entities: list[list[object]] | None = None) -> dict[str, list[list[object]]]:
    """A workbook in the chamber's layout."""
    book: dict[str, list[list[object]]] = {"Elenco": [list(CONTRACT_COLUMNS), *rows]}
    if entities is not None:
        book["Sogg. Giu."] = [[f"colonna {at}" for at in range(ENTITY_WIDTH)], *entities]
    return book


def read(*rows: list[object], entities: list[list[object]] | None = None) -> ChamberList:
    """Parse rows of the chamber's layout."""
    return parse_sheets(sheets(*rows, entities=entities), load_territories(), load_sectors())


def firm(number: int, **changes: Any) -> FirmRecord:
    """A firm of Lecce."""
    fields = {
        "tax_code": code(number),
        "name": f"Impresa {number} S.r.l.",
        "legal_form": "SR",
        "municipality": "075035",
        "municipality_name": "Lecce",
        "province": "LE",
        "rea": f"LE-{number}",
        "ateco": "10.41.10",
    }
    return FirmRecord(**{**fields, **changes})


def member(number: int, **changes: Any) -> Member:
    """A founding member; keywords of Member, or ``firm``."""
    return Member(**{"firm": firm(number), "joined_on": dt.date(2013, 3, 15), **changes})


def record(**changes: Any) -> NetworkRecord:
    """A whole record with two firms; every field that a file can carry is filled."""
    fields: dict[str, Any] = {
        "name": "Rete Uno",
        "kind": NetworkKind.CONTRACT,
        "status": "registered",
        "object_text": "Olio certificato\ne venduto in comune",
        "members": (
            member(1, is_reference=True, registered_on=dt.date(2013, 3, 20), contribution=Decimal("1234.50")),
            member(2, registered_on=dt.date(2013, 4, 2)),
        ),
        "deed_register_number": "FO-15829",
        "deed_number": "77",
        "signed_on": dt.date(2013, 3, 15),
        "deed_form": "authenticated",
        "notary": "studio notarile",
        "purpose": "growth",
        "programme": "Primo anno: fiere.\nSecondo anno: magazzino.",
        "objectives": ("esportare", "certificare"),
        "start_on": dt.date(2013, 4, 2),
        "end_on": dt.date(2030, 12, 31),
        "open_to_new_members": False,
        "has_common_fund": True,
        "initial_fund": Decimal("10000.00"),
        "has_common_body": True,
        "common_body_kind": "comitato",
        "common_body_holder": "presidente pro tempore",
        "seat_municipality": "Lecce",
        "own_tax_code": code(900),
        "own_rea": "LE-900",
        "capabilities": ("production",),
        "languages": ("it", "en"),
        "target_countries": ("AL", "TN"),
        "certifications": ("iso_9001",),
        "extras": ("innovation",),
        "needs": (WantRecord("distribution", "distributori di olio: Nord Europa:"), WantRecord("logistics")),
        "offers": (WantRecord("production_capacity", "linea di confezionamento"),),
        "contacts": (
            ContactRecord("referente B", "tecnico", "b@example.org", "+39 000 2"),
            ContactRecord("referente A", "", "a@example.org", ""),
        ),
    }
    return NetworkRecord(**{**fields, **changes})
