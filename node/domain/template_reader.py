"""Reads the plain spreadsheet (domain/template) back into records.

In: the rows of one sheet. Out: checked records, and for every refused network the row, the column and the reason; doubts
are reported and do not stop it. What ``template.rows_of`` wrote comes back as the same record.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TypeVar

from node.domain import vocabulary
from node.domain.network import ContactRecord, FirmRecord, Member, NetworkRecord, WantRecord, check, check_tax_code
from node.domain.register import OBJECT_MAX, NetworkKind, register_id
from node.domain.rows import (
    LeftOut,
    RowPlace,
    RowProblem,
    ignored_columns,
    in_row_order,
    paragraphs_of,
    parse_date,
    tax_code_of,
    text_of,
)
from node.domain.sector import Sectors
from node.domain.seeking import code_of
from node.domain.template import (
    COLUMNS,
    DEED_WORDS,
    EXTRA_WORDS,
    KINDS,
    NETWORK_COLUMNS,
    PURPOSE_WORDS,
    REQUIRED,
    STATUS_WORDS,
)
from node.domain.territory import Territories, fold
from node.errors import N_, CallerError

Cells = Mapping[str, object]
Line = tuple[int, Cells]
WANTS_MAX, NAME_MAX, PROGRAMME_MAX = 5, 255, 20_000
MONEY_LIMIT = Decimal(10) ** 12
_AMOUNT = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)
_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+", re.ASCII)
# Where the rules of law (domain/network.check) found something wrong -> the column that holds it.
COLUMN_OF = {
    "name": "rete", "members": "impresa", "end_on": "fine", "deed_register_number": "repertorio", "kind": "tipo",
    "deed_form": "forma atto", "left_on": "uscita",
}  # fmt: skip
T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """What a template file contains."""

    records: tuple[NetworkRecord, ...]
    problems: tuple[RowProblem, ...]
    rows: int
    left: tuple[LeftOut, ...] = ()
    # (sheet, row) of each member of a record, by import key and in the order of its members.
    places: Mapping[str, tuple[RowPlace, ...]] = field(default_factory=dict)


class CellError(Exception):
    """A cell is wrong: its column, a code, an Italian reason."""

    def __init__(self, column: str, code: str, reason: str) -> None:
        super().__init__(column, code, reason)
        self.column, self.code, self.reason = column, code, reason


def is_template(rows: Sequence[Sequence[object]]) -> bool:
    """Tell whether a sheet has the template's header."""
    return bool(rows) and {fold(name) for name in REQUIRED} <= {fold(text_of(cell)) for cell in rows[0]}


def parse_rows(
    sheet: str, rows: Sequence[Sequence[object]], territories: Territories, sectors: Sectors
) -> TemplateFile:
    """Return the records of one sheet; a network with a wrong row is refused whole, the others go on."""
    positions, problems = _positions(sheet, rows[0])
    groups, count = _group(rows, positions)
    records: dict[str, NetworkRecord] = {}
    places: dict[str, tuple[RowPlace, ...]] = {}
    left: list[LeftOut] = []
    reader = Reader(territories, sectors)
    for lines in groups:
        problems += _differences(sheet, lines)
        number = lines[0][0]
        try:
            record = reader.network(lines[0][1])
            members = []
            for line, line_cells in lines:
                number = line
                members.append(reader.member(line_cells, record))
                problems += [RowProblem(sheet, line, *doubt, fatal=False) for doubt in reader.doubts]
            number = lines[0][0]
            record = check(replace(record, members=tuple(members)))
        except CellError as error:
            problems.append(RowProblem(sheet, number, error.column, error.code, error.reason))
            left += _left_out(lines[0][1])
        except CallerError as error:
            column = COLUMN_OF.get(error.where, error.where)
            problems.append(RowProblem(sheet, number, column, error.code, error.what))
            left += _left_out(lines[0][1])
        else:
            if record.import_key in records:
                reason = N_("la stessa rete (per atto o per nome) è già nel file")
                problems.append(RowProblem(sheet, number, "rete", "network-repeated", reason))
            else:
                records[record.import_key] = record
                places[record.import_key] = tuple((sheet, line) for line, _ in lines)
    return TemplateFile(tuple(records.values()), in_row_order(problems, (sheet,)), count, tuple(left), places)


def _left_out(cells: Cells) -> list[LeftOut]:
    """Return a refused network by what its first row says of it, nothing where it has no name."""
    name, number, day = text_of(cells.get("rete")), text_of(cells.get("repertorio")), parse_date(cells.get("data atto"))
    deed = (register_id(number, text_of(cells.get("numero atto")), day),) if number and day else ()
    return [LeftOut(name[:NAME_MAX], (*deed, f"name:{fold(name)}"))] if name else []


def _positions(sheet: str, header: Sequence[object]) -> tuple[dict[str, int], list[RowProblem]]:
    """Return column -> position, and a doubt for each column that is none of ours."""
    found = {fold(text_of(cell)): at for at, cell in enumerate(header)}
    positions = {name: found[fold(name)] for name in COLUMNS if fold(name) in found}
    return positions, ignored_columns(sheet, header, COLUMNS)


def _group(rows: Sequence[Sequence[object]], positions: Mapping[str, int]) -> tuple[list[list[Line]], int]:
    """Return the filled rows of each network, and how many rows are filled.

    A row without a name goes on with the network above it. A row with a name and nothing else of the network (no type)
    belongs to the last network of that name, wherever it stands; two networks may share a name and differ by deed.
    """
    groups: dict[str, list[Line]] = {}
    latest: dict[str, str] = {}
    current, count = "", 0
    for number, row in enumerate(rows[1:], 2):
        cells: dict[str, object] = {name: row[at] if at < len(row) else "" for name, at in positions.items()}
        if not any(text_of(cell) for cell in cells.values()):
            continue
        count += 1
        name = fold(text_of(cells.get("rete")))
        if name:
            deed = f"{text_of(cells.get('repertorio'))}/{text_of(cells.get('numero atto'))}"
            own = f"{name}/{deed}/{text_of(cells.get('data atto'))}"
            current = own if text_of(cells.get("tipo")) else latest.get(name, own)
            latest[name] = current
        groups.setdefault(current, []).append((number, cells))
    return list(groups.values()), count


def _differences(sheet: str, lines: Sequence[Line]) -> Iterator[RowProblem]:
    """Yield a doubt for each cell of a network that a later row contradicts: the first row counts, and nobody is fooled."""
    first = lines[0][1]
    reason = N_("diverso dalla prima riga della rete: vale la prima")
    for number, cells in lines[1:]:
        for column in NETWORK_COLUMNS[1:]:
            text = text_of(cells.get(column))
            if text and text != text_of(first.get(column)):
                yield RowProblem(sheet, number, column, "cell-differs", reason, fatal=False)


class Reader:
    """Reads the cells of one network and its firms."""

    def __init__(self, territories: Territories, sectors: Sectors) -> None:
        self._territories = territories
        self._sectors = sectors
        # (column, code, reason) of what is doubtful in the last firm read.
        self.doubts: list[tuple[str, str, str]] = []

    def network(self, cells: Cells) -> NetworkRecord:
        """Return a network without its members. Raises: CellError."""
        name, text = text_of(cells.get("rete")), _paragraphs(cells, "oggetto", OBJECT_MAX)
        # Of a deposited contract the public list may be silent on the object; of any other, the office says it.
        if not name or not (text or text_of(cells.get("repertorio"))):
            raise CellError("rete" if not name else "oggetto", "cell-empty", N_("cella vuota"))
        if len(name) > NAME_MAX:
            raise CellError("rete", "text-too-long", N_("testo troppo lungo"))
        return NetworkRecord(
            name=name,
            kind=_word(cells, "tipo", KINDS, NetworkKind.CONTRACT),
            status=_word(cells, "stato", STATUS_WORDS, "registered"),
            object_text=text,
            members=(),
            deed_register_number=text_of(cells.get("repertorio")),
            deed_number=text_of(cells.get("numero atto")),
            signed_on=_date(cells, "data atto"),
            deed_form=_word(cells, "forma atto", DEED_WORDS, None),
            notary=text_of(cells.get("notaio")),
            purpose=_word(cells, "finalità", PURPOSE_WORDS, None),
            programme=_paragraphs(cells, "programma", PROGRAMME_MAX),
            objectives=_items(cells, "obiettivi"),
            start_on=_date(cells, "inizio"),
            end_on=_date(cells, "fine"),
            open_to_new_members=_flag(cells, "aperta", default=True),
            has_common_fund=_flag(cells, "fondo comune", default=False),
            initial_fund=_money(cells, "fondo iniziale"),
            has_common_body=_flag(cells, "organo comune", default=False),
            common_body_kind=text_of(cells.get("tipo organo")),
            common_body_holder=text_of(cells.get("titolare organo")),
            seat_municipality=text_of(cells.get("sede")),
            own_tax_code=code_of(tax_code_of(cells.get("codice fiscale rete"))),
            own_rea=text_of(cells.get("rea rete")),
            capabilities=_known(cells, "capacità", vocabulary.CAPABILITIES.__contains__),
            languages=_known(cells, "lingue", lambda code: len(code) == 2 and code.isalpha() and code.islower()),
            target_countries=_known(
                cells, "paesi obiettivo", lambda code: len(code) == 2 and code.isalpha() and code.isupper()
            ),
            certifications=_known(cells, "certificazioni", vocabulary.CERTIFICATIONS.__contains__),
            extras=tuple(EXTRA_WORDS[word] for word in _known(cells, "qualità", EXTRA_WORDS.__contains__)),
            needs=_wants(cells, "fabbisogni"),
            offers=_wants(cells, "offerte"),
            contacts=tuple(_contact(item) for item in _items(cells, "contatti")),
        )

    def member(self, cells: Cells, network: NetworkRecord) -> Member:
        """Return one firm's part in a network; what is doubtful of it is in ``doubts``. Raises: CellError."""
        self.doubts = []
        name = text_of(cells.get("impresa"))
        if not name:
            raise CellError("impresa", "cell-empty", N_("cella vuota"))
        sigla = text_of(cells.get("provincia")).upper()
        area = self._territories.area(sigla)
        if area is None or area.level != "PRO":
            raise CellError("provincia", "province-unknown", N_("provincia sconosciuta"))
        sigla = self._territories.current(sigla)[0]
        place = text_of(cells.get("comune"))
        found = self._territories.find_municipality(place, sigla) if place else None
        if place and found is None:
            reason = N_("comune sconosciuto in questa provincia: resta la provincia")
            self.doubts.append(("comune", "municipality-unknown", reason))
        tax_code, vat_number = _tax_code(cells, "codice fiscale"), _tax_code(cells, "partita iva")
        code = text_of(cells.get("ateco 2007"))
        try:
            ateco = self._sectors.parse(code).code if code else ""
        except CallerError as error:
            raise CellError("ateco 2007", error.code, N_("codice ATECO 2007 sconosciuto")) from error
        joined = _date(cells, "adesione") or network.signed_on or network.start_on
        if joined is None:
            raise CellError("adesione", "date-missing", N_("serve la data di adesione o la data dell'atto"))
        return Member(
            firm=FirmRecord(
                tax_code=tax_code,
                name=name,
                vat_number=vat_number,
                legal_form=text_of(cells.get("forma giuridica")),
                municipality=found.istat if found else "",
                municipality_name=found.name if found else place,
                province=sigla,
                rea=text_of(cells.get("rea")),
                ateco=ateco,
            ),
            joined_on=joined,
            is_reference=_flag(cells, "riferimento", default=False),
            founding=_flag(cells, "fondatrice", default=True),
            left_on=_date(cells, "uscita"),
            registered_on=_date(cells, "iscrizione"),
            contribution=_money(cells, "conferimento"),
        )


def _word(cells: Cells, column: str, words: Mapping[str, T], default: D) -> T | D:
    text = text_of(cells.get(column)).casefold()
    if not text:
        return default
    found = {fold(word): value for word, value in words.items()}.get(fold(text))
    if found is None:
        raise CellError(column, "word-unknown", N_("parola non ammessa: vedere il foglio Istruzioni"))
    return found


def _date(cells: Cells, column: str) -> dt.date | None:
    if not text_of(cells.get(column)):
        return None
    day = parse_date(cells.get(column))
    if day is None:
        raise CellError(column, "date-bad", N_("data non valida: serve gg/mm/aaaa"))
    return day


def _flag(cells: Cells, column: str, *, default: bool) -> bool:
    text = fold(text_of(cells.get(column)))
    if not text:
        return default
    if text not in ("si", "s", "x", "1", "true", "no", "n", "0", "false"):
        raise CellError(column, "flag-bad", N_("serve sì o no"))
    return text in ("si", "s", "x", "1", "true")


def _paragraphs(cells: Cells, column: str, limit: int) -> str:
    text = paragraphs_of(cells.get(column), limit + 1)
    if len(text) > limit:
        raise CellError(column, "text-too-long", N_("testo troppo lungo"))
    return text


def _tax_code(cells: Cells, column: str) -> str:
    try:
        return check_tax_code(tax_code_of(cells.get(column)))
    except CallerError as error:
        raise CellError(column, error.code, error.what) from error


def _money(cells: Cells, column: str) -> Decimal | None:
    cell = cells.get(column)
    text = text_of(cell).replace("€", "").replace(" ", "")
    if not text:
        return None
    # As Italians write it, 1.234,56 or 1.234 (thousands); a number cell gives 1234.56 and is no text.
    if isinstance(cell, str) and ("," in text or _THOUSANDS.fullmatch(text)):
        text = text.replace(".", "").replace(",", ".")
    if not _AMOUNT.fullmatch(text) or not Decimal(text) < MONEY_LIMIT:
        raise CellError(column, "money-bad", N_("importo non valido: serve un numero come 1.234,56"))
    return Decimal(text).quantize(Decimal("0.01"))


def _items(cells: Cells, column: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text_of(cells.get(column)).split("|") if item.strip())


def _known(cells: Cells, column: str, allowed: Callable[[str], bool]) -> tuple[str, ...]:
    items = _items(cells, column)
    if not all(allowed(item) for item in items):
        raise CellError(column, "word-unknown", N_("parola non ammessa: vedere il foglio Istruzioni"))
    return items


def _wants(cells: Cells, column: str) -> tuple[WantRecord, ...]:
    found = []
    for item in _items(cells, column):
        category, _, text = item.partition(":")
        if category.strip() not in vocabulary.CATEGORIES:
            raise CellError(column, "category-unknown", N_("categoria sconosciuta: vedere il foglio Istruzioni"))
        found.append(WantRecord(category.strip(), text.strip()))
    if len(found) > WANTS_MAX:
        raise CellError(column, "too-many", N_("al massimo cinque voci"))
    return tuple(found)


def _contact(item: str) -> ContactRecord:
    parts = [part.strip() for part in item.split(";")]
    return ContactRecord(*[*parts, "", "", "", ""][:4])
