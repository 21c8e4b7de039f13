"""The chamber system's public list: its layout, and how its rows become networks or are refused one by one.

In: sheets as rows of cells. Out: networks with their firms, and for every row that was refused its sheet, row, column,
and reason; the rest goes on. The column map is a value, so that another edition needs no code. Traps kept in mind:
(register number, tax code) is not unique, ``progr.`` is numbered apart on each sheet, "NA" is Napoli. Source: domain.md 4.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from node.domain.register import NetworkKind, RegisterFirm, RegisterNetwork, has_tax_code_form, register_id
from node.domain.sector import Sectors, dotted
from node.domain.territory import Territories, fold
from node.domain.theme import classify
from node.errors import N_, CallerError

CONTRACTS_SHEET, ENTITIES_SHEET = "Elenco", "Sogg. Giu."
CONTRACT_COLUMNS = (
    "progr.",
    "denominazione contratto",
    "data atto",
    "numero repertorio",
    "numero atto",
    "oggetto",
    "n.rea",
    "c.f.",
    "denominazione impresa",
    "impresa di riferimento",
    "comune",
    "REG",
    "PV",
    "NG",
    "codice ATECO 2007",
    "settore attivita'",
    "sezione attivita'",
    "attivita'",
)
# The second sheet's headers vary; its positions do not (domain.md 4).
ENTITY_POSITIONS: Mapping[str, int] = {
    "denominazione contratto": 1,
    "data atto": 4,
    "numero repertorio": 9,
    "oggetto": 10,
    "n.rea": 12,
    "c.f.": 13,
    "denominazione impresa": 14,
    "comune": 15,
    "REG": 16,
    "PV": 17,
    "NG": 18,
    "codice ATECO 2007": 19,
}
ENTITY_WIDTH = 20
REQUIRED = ("denominazione contratto", "data atto", "numero repertorio", "oggetto", "denominazione impresa", "PV")
YES = frozenset({"s", "si", "x", "1", "y", "r"})
TAX_CODE_MAX, COMPANY_CODE_LENGTH, COMPANY_CODE_ZEROS_MAX = 16, 11, 4
OBJECT_MAX = 8000
_DATE = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})|(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?")
EARLIEST = dt.date(2009, 1, 1)

Cell = object
Rows = Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where an edition of the list keeps each column: headers of the first sheet, positions on the second."""

    headers: Mapping[str, str]
    entities_sheet: str
    entity_positions: Mapping[str, int]


DEFAULT_LAYOUT = Layout({name: name for name in CONTRACT_COLUMNS}, ENTITIES_SHEET, ENTITY_POSITIONS)


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why one row was refused, or accepted with a doubt (``fatal`` False); ``row`` counts from 1 with the header."""

    sheet: str
    row: int
    column: str
    code: str
    reason: str
    fatal: bool = True


@dataclass(frozen=True, slots=True)
class ChamberList:
    """What a file of the chamber's list contains."""

    networks: tuple[RegisterNetwork, ...]
    problems: tuple[RowProblem, ...]
    rows: int
    # (sheet, row) where each contract begins, by register_id.
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Group:
    place: tuple[str, int]
    register_id: str
    name: str
    register_number: str
    deed_number: str
    day: dt.date
    object_text: str
    kind: NetworkKind
    firms: dict[tuple[str, str], RegisterFirm] = field(default_factory=dict)


def text_of(cell: Cell) -> str:
    """Return a cell as text: whole floats without their ``.0``, dates as ISO, single spaces."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat()
    if isinstance(cell, dt.date):
        return cell.isoformat()
    return " ".join(str(cell).split())


def paragraphs_of(cell: Cell, limit: int = OBJECT_MAX) -> str:
    """Return a cell as text that keeps its lines, at most ``limit`` characters."""
    return str("" if cell is None else cell).replace("\r\n", "\n").strip()[:limit].rstrip()


def tax_code_of(cell: Cell) -> str:
    """Return a tax code without spaces, upper case, with the leading zeros that a number cell loses."""
    code = text_of(cell).replace(" ", "").upper()
    if code.isdigit() and 0 < COMPANY_CODE_LENGTH - len(code) <= COMPANY_CODE_ZEROS_MAX:
        return code.zfill(COMPANY_CODE_LENGTH)
    return code


def parse_date(cell: Cell) -> dt.date | None:
    """Return the day of ``dd/mm/yyyy`` text or of a real date cell, None when it is neither or impossible."""
    if isinstance(cell, dt.datetime):
        return cell.date()
    if isinstance(cell, dt.date):
        return cell
    match = _DATE.fullmatch(text_of(cell))
    if match is None:
        return None
    day, month, year = match.group(1, 2, 3) if match.group(3) else match.group(6, 5, 4)
    try:
        return dt.date(int(year), int(month), int(day))
    except ValueError:
        return None


def is_chamber_layout(sheets: Mapping[str, Rows], layout: Layout = DEFAULT_LAYOUT) -> bool:
    """Tell whether a workbook (or a CSV, whose only sheet has any name) is in the chamber's layout."""
    return any(_header_map(rows, layout) is not None for rows in sheets.values())


def _header_map(rows: Rows, layout: Layout) -> dict[str, int] | None:
    """Return column -> position from the header row, None when it is not the chamber's."""
    if not rows:
        return None
    found = {fold(text_of(cell)): at for at, cell in reversed(list(enumerate(rows[0])))}
    columns = {name: found[fold(header)] for name, header in layout.headers.items() if fold(header) in found}
    return columns if all(name in columns for name in REQUIRED) else None


def parse_sheets(
    sheets: Mapping[str, Rows], territories: Territories, sectors: Sectors, layout: Layout = DEFAULT_LAYOUT
) -> ChamberList:
    """Return the networks of a file. Raises: CallerError(columns-missing) when no sheet has the list's columns."""
    if not is_chamber_layout(sheets, layout):
        raise CallerError(
            "columns-missing",
            N_("il file non ha le colonne dell'elenco dei contratti di rete"),
            hint=N_("colonne attese: {columns}"),
            columns=", ".join(layout.headers.values()),
        )
    reader = _Reader(territories, sectors)
    for name, rows in sheets.items():
        columns = _header_map(rows, layout)
        if columns is not None:
            reader.read(name, rows, columns, NetworkKind.CONTRACT)
        elif fold(name) == fold(layout.entities_sheet) and rows and len(rows[0]) >= ENTITY_WIDTH:
            reader.read(name, rows, layout.entity_positions, NetworkKind.ENTITY)
    return reader.finish()


class _Reader:
    """Collects rows into networks; one bad row never stops the next."""

    def __init__(self, territories: Territories, sectors: Sectors) -> None:
        self._territories = territories
        self._sectors = sectors
        self._groups: dict[str, _Group] = {}
        self._problems: list[RowProblem] = []
        self._rows = 0
        # The same few thousand spellings come back in every row.
        self._places: dict[tuple[str, str], tuple[str, str]] = {}
        self._codes: dict[str, str] = {}
        self._siglas: dict[str, str | None] = {}

    def read(self, sheet: str, rows: Rows, columns: Mapping[str, int], kind: NetworkKind) -> None:
        width = max(columns.values())
        for number, row in enumerate(rows[1:], 2):
            if not any(cell not in (None, "") for cell in row):
                continue
            self._rows += 1
            cells = row if len(row) > width else [*row, *([""] * (width + 1 - len(row)))]
            problem = self._row(sheet, number, {name: cells[at] for name, at in columns.items()}, kind)
            if problem is not None:
                column, code, reason = problem
                self._problems.append(RowProblem(sheet, number, column, code, reason))

    def _row(
        self, sheet: str, number: int, cells: Mapping[str, Cell], kind: NetworkKind
    ) -> tuple[str, str, str] | None:
        """Add one row to its network; return (column, code, reason) when it is refused."""
        name = text_of(cells["denominazione contratto"])[:255].rstrip()
        register_number = text_of(cells["numero repertorio"])
        firm_name = text_of(cells["denominazione impresa"])
        for column, value in (
            ("denominazione contratto", name),
            ("numero repertorio", register_number),
            ("denominazione impresa", firm_name),
        ):
            if not value:
                return column, "cell-empty", N_("cella vuota")
        day = parse_date(cells["data atto"])
        if day is None or day < EARLIEST:
            return "data atto", "date-bad", N_("data non valida: serve gg/mm/aaaa, dal 2009 in poi")
        sigla = self._sigla(text_of(cells["PV"]))
        if sigla is None:
            return "PV", "province-unknown", N_("provincia sconosciuta")
        deed_number = text_of(cells.get("numero atto"))
        key = register_id(register_number, deed_number, day)
        group = self._groups.get(key)
        if group is None:
            text = paragraphs_of(cells["oggetto"])
            group = self._groups[key] = _Group(
                (sheet, number), key, name, register_number, deed_number, day, text, kind
            )
        elif group.name != name and fold(group.name) != fold(name):
            reason = N_("lo stesso atto ha già un altro nome di rete: vale il primo")
            self._doubt(sheet, number, "denominazione contratto", "name-differs", reason)
        self._firm(sheet, number, cells, group, firm_name, sigla)
        return None

    def _doubt(self, sheet: str, number: int, column: str, code: str, reason: str) -> None:
        self._problems.append(RowProblem(sheet, number, column, code, reason, fatal=False))

    def _firm(
        self, sheet: str, number: int, cells: Mapping[str, Cell], group: _Group, firm_name: str, sigla: str
    ) -> None:
        """Add the row's firm to its network; what is doubtful about it is reported, and it still counts."""
        tax_code = tax_code_of(cells.get("c.f."))
        municipality_name, municipality = self._place(text_of(cells.get("comune")), sigla)
        if not municipality:
            reason = N_("comune sconosciuto in questa provincia: resta la provincia")
            self._doubt(sheet, number, "comune", "municipality-unknown", reason)
        if not tax_code or len(tax_code) > TAX_CODE_MAX:
            reason = N_("codice fiscale mancante o troppo lungo: l'impresa conta per nome")
            self._doubt(sheet, number, "c.f.", "tax-code-odd", reason)
            tax_code = ""
        elif not has_tax_code_form(tax_code):
            # The public row stays as it is listed; the private record counts the firm by its name.
            reason = N_("codice fiscale di forma sconosciuta: nel registro l'impresa conta per nome")
            self._doubt(sheet, number, "c.f.", "tax-code-odd", reason)
        firm_key = ("c", tax_code) if tax_code else ("n", fold(firm_name))
        if firm_key in group.firms:
            reason = N_("la stessa impresa è già in questo contratto: riga ripetuta")
            self._doubt(sheet, number, "c.f.", "firm-repeated", reason)
            return
        group.firms[firm_key] = RegisterFirm(
            tax_code=tax_code,
            name=firm_name,
            rea=text_of(cells.get("n.rea")),
            is_reference=fold(text_of(cells.get("impresa di riferimento"))) in YES,
            municipality=municipality,
            municipality_name=municipality_name,
            province=sigla,
            legal_form=text_of(cells.get("NG")),
            ateco=self._ateco(text_of(cells.get("codice ATECO 2007"))),
        )

    def _sigla(self, text: str) -> str | None:
        if text not in self._siglas:
            area = self._territories.area(text) if len(text) == 2 else None
            current = self._territories.current(area.code) if area is not None and area.level == "PRO" else ()
            self._siglas[text] = current[0] if current else None
        return self._siglas[text]

    def _place(self, name: str, sigla: str) -> tuple[str, str]:
        """Return (name as listed, ISTAT code or empty)."""
        if (name, sigla) not in self._places:
            found = self._territories.find_municipality(name, sigla)
            self._places[name, sigla] = (found.name, found.istat) if found else (name, "")
        return self._places[name, sigla]

    def _ateco(self, text: str) -> str:
        if text not in self._codes:
            # Spreadsheets eat the leading zero of a number.
            code = dotted(text.zfill(6) if text.isdigit() and len(text) == 5 else text)
            try:
                self._codes[text] = self._sectors.parse(code).code if code else ""
            except CallerError:
                self._codes[text] = ""
        return self._codes[text]

    def finish(self) -> ChamberList:
        networks = [self._network(group) for group in self._groups.values()]
        places = {group.register_id: group.place for group in self._groups.values()}
        return ChamberList(tuple(networks), tuple(self._problems), self._rows, places)

    def _network(self, group: _Group) -> RegisterNetwork:
        firms = tuple(group.firms.values())
        # Place and sector are the reference firm's; a list without one shows them by its first row.
        lead = next((firm for firm in firms if firm.is_reference), firms[0])
        region, macro = (*self._territories.ancestors(lead.province), "", "")[:2]
        return RegisterNetwork(
            register_id=group.register_id,
            deed_register_number=group.register_number,
            deed_number=group.deed_number,
            registered_on=group.day,
            name=group.name,
            kind=group.kind,
            object_text=group.object_text,
            municipality=lead.municipality,
            municipality_name=lead.municipality_name,
            province=lead.province,
            region=region,
            macro=macro,
            ateco=lead.ateco,
            members=len(firms),
            theme=classify(group.object_text),
            active=True,
            firms=firms,
        )
