"""The chamber system's public list: its layout, and how its rows become networks or are refused one by one.

In: sheets as rows of cells. Out: networks with their firms, and for every row that was refused its sheet, row, column,
and reason; the rest goes on. The column map is a value, so that another edition needs no code. Traps kept in mind:
(register number, tax code) is not unique, ``progr.`` is numbered apart on each sheet, "NA" is Napoli. Source: docs/rules.md F.4.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from node.domain import columns
from node.domain.register import (
    OBJECT_MAX,
    NetworkKind,
    RegisterFirm,
    RegisterNetwork,
    has_tax_code_form,
    normal_number,
    register_id,
)
from node.domain.rows import (
    Cell,
    RowPlace,
    RowProblem,
    Rows,
    ignored_columns,
    in_row_order,
    paragraphs_of,
    parse_date,
    tax_code_of,
    text_of,
)
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
# The second sheet's headers vary; its positions do not (docs/rules.md F.4).
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
TAX_CODE_MAX = 16
EARLIEST = dt.date(2009, 1, 1)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where an edition of the list keeps each column: headers of the first sheet, positions on the second."""

    headers: Mapping[str, str]
    entities_sheet: str
    entity_positions: Mapping[str, int]


DEFAULT_LAYOUT = Layout({name: name for name in CONTRACT_COLUMNS}, ENTITIES_SHEET, ENTITY_POSITIONS)


@dataclass(frozen=True, slots=True)
class ChamberList:
    """What a file of the chamber's list contains."""

    networks: tuple[RegisterNetwork, ...]
    problems: tuple[RowProblem, ...]
    rows: int
    # (sheet, row) of each firm of a contract, by register_id and in the order of its firms.
    places: Mapping[str, tuple[RowPlace, ...]] = field(default_factory=dict)

    @property
    def incomplete(self) -> frozenset[str]:
        """The contracts (register_id) of which a row was refused: who is missing there has not left."""
        return frozenset(key for problem in self.problems if problem.fatal for key in problem.about)


@dataclass(slots=True)
class _Group:
    register_id: str
    name: str
    register_number: str
    deed_number: str
    day: dt.date
    object_text: str
    kind: NetworkKind
    firms: dict[tuple[str, str], RegisterFirm] = field(default_factory=dict)
    places: list[RowPlace] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Line:
    """One row as far as it can be read: ``day`` and ``sigla`` are None where they are bad."""

    place: RowPlace
    cells: Mapping[str, Cell]
    name: str
    register_number: str
    deed_number: str
    day: dt.date | None
    firm_name: str
    sigla: str | None


def _deed(register_number: str, deed_number: str) -> str:
    return f"{normal_number(register_number)}/{normal_number(deed_number)}"


def is_chamber_layout(sheets: Mapping[str, Rows], layout: Layout = DEFAULT_LAYOUT) -> bool:
    """Tell whether a workbook (or a CSV, whose only sheet has any name) is in the chamber's layout."""
    return any(_header_map(rows, layout) is not None for rows in sheets.values())


def _header_map(rows: Rows, layout: Layout) -> dict[str, int] | None:
    """Return column -> position from the header row, None when it is not the chamber's."""
    if not rows:
        return None
    found = {fold(text_of(cell)): at for at, cell in reversed(list(enumerate(rows[0])))}
    positions = {name: found[fold(header)] for name, header in layout.headers.items() if fold(header) in found}
    return positions if all(name in positions for name in REQUIRED) else None


def parse_sheets(
    sheets: Mapping[str, Rows], territories: Territories, sectors: Sectors, layout: Layout = DEFAULT_LAYOUT
) -> ChamberList:
    """Return the networks of a file. Raises: CallerError(columns-missing) when no sheet has the list's columns."""
    if not is_chamber_layout(sheets, layout):
        raise not_the_list(sheets, "", layout)
    reader = _Reader(territories, sectors)
    for name, rows in sheets.items():
        positions = _header_map(rows, layout)
        if positions is not None:
            reader.note(ignored_columns(name, rows[0], tuple(layout.headers.values())))
            reader.read(name, rows, positions, NetworkKind.CONTRACT)
        elif fold(name) == fold(layout.entities_sheet) and rows and len(rows[0]) >= ENTITY_WIDTH:
            reader.read(name, rows, layout.entity_positions, NetworkKind.ENTITY)
    return reader.finish()


def required_headers(layout: Layout = DEFAULT_LAYOUT) -> tuple[str, ...]:
    """Return the headers without which a sheet is not the list."""
    return tuple(layout.headers[name] for name in REQUIRED)


def headers_of(sheets: Mapping[str, Rows]) -> dict[str, list[str]]:
    """Return the first row of each sheet as text."""
    return {name: [text_of(cell) for cell in rows[0]] if rows else [] for name, rows in sheets.items()}


def not_the_list(sheets: Mapping[str, Rows], where: str, layout: Layout = DEFAULT_LAYOUT) -> CallerError:
    """Return the refusal of a file that is not in the chamber's layout: what it lacks, or all that is expected."""
    short = columns.closest(headers_of(sheets), [required_headers(layout)])
    if short is not None:
        return columns.refusal(short, f"{where}!{short.sheet}" if where else short.sheet)
    return CallerError(
        "columns-missing",
        N_("il file non ha le colonne dell'elenco dei contratti di rete"),
        where=where,
        hint=N_("colonne attese: {columns}"),
        columns=", ".join(layout.headers.values()),
    )


class _Reader:
    """Collects rows into networks; one bad row never stops the next."""

    def __init__(self, territories: Territories, sectors: Sectors) -> None:
        self._territories = territories
        self._sectors = sectors
        self._groups: dict[str, _Group] = {}
        self._problems: list[RowProblem] = []
        # Refused rows wait for the end: only then is it known which networks they belong to.
        self._refused: list[tuple[_Line, RowProblem]] = []
        self._by_deed: dict[str, list[_Group]] = {}
        self._by_name: dict[str, list[_Group]] = {}
        self._sheets: list[str] = []
        self._rows = 0
        # The same few thousand spellings come back in every row.
        self._places: dict[tuple[str, str], tuple[str, str]] = {}
        self._codes: dict[str, str] = {}
        self._siglas: dict[str, str | None] = {}

    def note(self, doubts: Iterable[RowProblem]) -> None:
        self._problems += doubts

    def read(self, sheet: str, rows: Rows, positions: Mapping[str, int], kind: NetworkKind) -> None:
        self._sheets.append(sheet)
        width = max(positions.values())
        for number, row in enumerate(rows[1:], 2):
            if not any(cell not in (None, "") for cell in row):
                continue
            self._rows += 1
            cells = row if len(row) > width else [*row, *([""] * (width + 1 - len(row)))]
            named = {name: cells[at] for name, at in positions.items()}
            line = self._line((sheet, number), named)
            problem = self._problem(line)
            if problem is not None:
                self._refused.append((line, RowProblem(sheet, number, *problem, province=line.sigla or "")))
            else:
                self._firm(line, self._group(line, kind))

    def _line(self, place: RowPlace, cells: Mapping[str, Cell]) -> _Line:
        day = parse_date(cells["data atto"])
        return _Line(
            place=place,
            cells=cells,
            name=text_of(cells["denominazione contratto"])[:255].rstrip(),
            register_number=text_of(cells["numero repertorio"]),
            deed_number=text_of(cells.get("numero atto")),
            day=day if day is not None and day >= EARLIEST else None,
            firm_name=text_of(cells["denominazione impresa"]),
            sigla=self._sigla(text_of(cells["PV"])),
        )

    def _problem(self, line: _Line) -> tuple[str, str, str] | None:
        """Return (column, code, reason) of a row that is refused."""
        for column, value in (
            ("denominazione contratto", line.name),
            ("numero repertorio", line.register_number),
            ("denominazione impresa", line.firm_name),
        ):
            if not value:
                return column, "cell-empty", N_("cella vuota")
        if line.day is None:
            return "data atto", "date-bad", N_("data non valida: serve gg/mm/aaaa, dal 2009 in poi")
        if line.sigla is None:
            return "PV", "province-unknown", N_("provincia sconosciuta")
        return None

    def _group(self, line: _Line, kind: NetworkKind) -> _Group:
        """Return the network of a good row, begun if it is the first."""
        day = line.day or EARLIEST  # a good row has one
        key = register_id(line.register_number, line.deed_number, day)
        group = self._groups.get(key)
        if group is None:
            text = paragraphs_of(line.cells["oggetto"], OBJECT_MAX)
            group = self._groups[key] = _Group(key, line.name, line.register_number, line.deed_number, day, text, kind)
        elif group.name != line.name and fold(group.name) != fold(line.name):
            reason = N_("lo stesso atto ha già un altro nome di rete: vale il primo")
            self._doubt(line, group, "denominazione contratto", "name-differs", reason)
        return group

    def _doubt(self, line: _Line, group: _Group, column: str, code: str, reason: str) -> None:
        about = (group.register_id,)
        self._problems.append(RowProblem(*line.place, column, code, reason, fatal=False, about=about))

    def _firm(self, line: _Line, group: _Group) -> None:
        """Add the row's firm to its network; what is doubtful about it is reported, and it still counts."""
        cells, sigla = line.cells, line.sigla or ""
        tax_code = tax_code_of(cells.get("c.f."))
        municipality_name, municipality = self._place(text_of(cells.get("comune")), sigla)
        if not municipality:
            reason = N_("comune sconosciuto in questa provincia: resta la provincia")
            self._doubt(line, group, "comune", "municipality-unknown", reason)
        if not tax_code or len(tax_code) > TAX_CODE_MAX:
            reason = N_("codice fiscale mancante o troppo lungo: l'impresa conta per nome")
            self._doubt(line, group, "c.f.", "tax-code-odd", reason)
            tax_code = ""
        elif not has_tax_code_form(tax_code):
            # The public row stays as it is listed; the private record counts the firm by its name.
            reason = N_("codice fiscale di forma sconosciuta: nel registro l'impresa conta per nome")
            self._doubt(line, group, "c.f.", "tax-code-odd", reason)
        firm_key = ("c", tax_code) if tax_code else ("n", fold(line.firm_name))
        if firm_key in group.firms:
            reason = N_("la stessa impresa è già in questo contratto: riga ripetuta")
            self._doubt(line, group, "c.f.", "firm-repeated", reason)
            return
        group.places.append(line.place)
        group.firms[firm_key] = RegisterFirm(
            tax_code=tax_code,
            name=line.firm_name,
            rea=text_of(cells.get("n.rea")),
            is_reference=fold(text_of(cells.get("impresa di riferimento"))) in YES,
            municipality=municipality,
            municipality_name=municipality_name,
            province=sigla,
            legal_form=text_of(cells.get("NG")),
            ateco=self._ateco(text_of(cells.get("codice ATECO 2007"))),
        )

    def _concerned(self, line: _Line) -> tuple[str, ...]:
        """Return the networks read from other rows that a refused row belongs to, or may belong to.

        By deed where the row has one whole; by what it has of one, and then by name, where a part of the deed is bad.
        """
        if line.register_number and line.day is not None:
            key = register_id(line.register_number, line.deed_number, line.day)
            return (key,) if key in self._groups else ()
        if line.register_number:
            near = self._by_deed.get(_deed(line.register_number, line.deed_number), [])
            named = [group for group in near if fold(group.name) == fold(line.name)]
            return tuple(group.register_id for group in named or near)
        near = self._by_name.get(fold(line.name), []) if line.name else []
        return tuple(group.register_id for group in near if line.day in (None, group.day))

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
        for group in self._groups.values():
            self._by_deed.setdefault(_deed(group.register_number, group.deed_number), []).append(group)
            self._by_name.setdefault(fold(group.name), []).append(group)
        self._problems += [replace(problem, about=self._concerned(line)) for line, problem in self._refused]
        networks = [self._network(group) for group in self._groups.values()]
        places = {group.register_id: tuple(group.places) for group in self._groups.values()}
        return ChamberList(tuple(networks), in_row_order(self._problems, self._sheets), self._rows, places)

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
