"""The plain spreadsheet: one row per network and firm, Italian headers, everything an office may want to bring in.

In: rows of cells. Out: records, and for every refused network the row, the column and the reason. And back: a record as
rows, so that what is exported can be edited and imported again without loss.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from node.domain import vocabulary
from node.domain.chamber import RowProblem, parse_date, text_of
from node.domain.network import (
    EXTRAS,
    PURPOSES,
    STATUSES,
    ContactRecord,
    FirmRecord,
    Member,
    NetworkRecord,
    WantRecord,
    check,
    check_tax_code,
)
from node.domain.register import NetworkKind
from node.domain.sector import Sectors
from node.domain.territory import Territories, fold
from node.errors import N_, CallerError

SHEET, HELP_SHEET = "Reti", "Istruzioni"
NETWORK_COLUMNS = (
    "rete", "tipo", "stato", "oggetto", "programma", "obiettivi", "finalità", "repertorio", "numero atto", "data atto", "forma atto",
    "notaio", "inizio", "fine", "aperta", "fondo comune", "fondo iniziale", "organo comune", "tipo organo", "titolare organo",
    "sede", "codice fiscale rete", "rea rete", "capacità", "lingue", "paesi obiettivo", "certificazioni", "qualità",
    "fabbisogni", "offerte", "contatti",
)  # fmt: skip
FIRM_COLUMNS = (
    "impresa", "codice fiscale", "partita iva", "forma giuridica", "comune", "provincia", "rea", "ateco 2007", "riferimento",
    "fondatrice", "adesione", "iscrizione", "uscita", "conferimento",
)  # fmt: skip
COLUMNS = NETWORK_COLUMNS + FIRM_COLUMNS
REQUIRED = ("rete", "tipo", "stato", "oggetto", "impresa", "provincia")
KINDS = {"contratto": NetworkKind.CONTRACT, "soggetto": NetworkKind.ENTITY}
STATUS_WORDS = dict(
    zip(("potenziale", "in preparazione", "firmata", "iscritta", "modificata", "chiusa"), STATUSES, strict=True)
)
PURPOSE_WORDS = dict(zip(("crescita", "solidarietà", "agricola"), PURPOSES, strict=True))
DEED_WORDS = {"pubblico": "public", "autenticato": "authenticated", "digitale": "digital"}
EXTRA_WORDS = dict(zip(("innovazione", "internazionalizzazione", "certificazione"), EXTRAS, strict=True))
YES, NO = "sì", "no"
HELP = (
    ("Una riga per ogni impresa di ogni rete; i dati della rete si ripetono o si scrivono solo nella prima riga.",),
    ("tipo: contratto | soggetto",),
    ("stato: " + " | ".join(STATUS_WORDS),),
    ("date: gg/mm/aaaa; sì/no nelle colonne aperta, fondo comune, organo comune, riferimento, fondatrice",),
    ("elenchi separati da « | »; fabbisogni e offerte come «categoria: testo»",),
    ("categorie: " + ", ".join(vocabulary.CATEGORIES),),
    ("capacità: " + ", ".join(vocabulary.CAPABILITIES),),
    ("certificazioni: " + ", ".join(vocabulary.CERTIFICATIONS),),
    ("contatti: «persona; ruolo; posta; telefono». Nulla di questo foglio esce dal nodo.",),
)
Cells = Mapping[str, object]
WANTS_MAX = 5
T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """What a template file contains."""

    records: tuple[NetworkRecord, ...]
    problems: tuple[RowProblem, ...]
    rows: int


class _CellError(Exception):
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
    header = {fold(text_of(cell)): at for at, cell in enumerate(rows[0])}
    unknown = [text_of(c) for c in rows[0] if text_of(c) and fold(text_of(c)) not in {fold(n) for n in COLUMNS}]
    problems = [
        RowProblem(sheet, 1, name[:60], "column-unknown", N_("colonna sconosciuta: ignorata"), fatal=False)
        for name in unknown
    ]
    positions = {name: header[fold(name)] for name in COLUMNS if fold(name) in header}
    groups: dict[str, list[tuple[int, Cells]]] = {}
    current, count = "", 0
    for number, row in enumerate(rows[1:], 2):
        cells: dict[str, object] = {name: row[at] if at < len(row) else "" for name, at in positions.items()}
        if not any(text_of(cell) for cell in cells.values()):
            continue
        count += 1
        name = text_of(cells.get("rete"))
        if name:
            current = (
                f"{fold(name)}/{text_of(cells.get('repertorio'))}/{text_of(cells.get('numero atto'))}"
                if text_of(cells.get("tipo"))
                else current or name
            )
        groups.setdefault(current, []).append((number, cells))
    records = []
    reader = _Reader(territories, sectors)
    for lines in groups.values():
        number = lines[0][0]
        try:
            record = reader.network(lines[0][1])
            members = []
            for line, line_cells in lines:
                number = line
                members.append(reader.member(line_cells, record))
            number = lines[0][0]
            records.append(check(replace(record, members=tuple(members))))
        except _CellError as error:
            problems.append(RowProblem(sheet, number, error.column, error.code, error.reason))
        except CallerError as error:
            problems.append(RowProblem(sheet, number, error.where, error.code, error.render()[0]))
    return TemplateFile(tuple(records), tuple(problems), count)


class _Reader:
    """Reads the cells of one network and its firms."""

    def __init__(self, territories: Territories, sectors: Sectors) -> None:
        self._territories = territories
        self._sectors = sectors

    def network(self, cells: Cells) -> NetworkRecord:
        name, text = text_of(cells.get("rete")), str(cells.get("oggetto") or "").strip()
        if not name or not text:
            raise _CellError("rete" if not name else "oggetto", "cell-empty", N_("cella vuota"))
        return NetworkRecord(
            name=name[:255],
            kind=_word(cells, "tipo", KINDS, NetworkKind.CONTRACT),
            status=_word(cells, "stato", STATUS_WORDS, "registered"),
            object_text=text[:8000],
            members=(),
            deed_register_number=text_of(cells.get("repertorio")),
            deed_number=text_of(cells.get("numero atto")),
            signed_on=_date(cells, "data atto"),
            deed_form=_word(cells, "forma atto", DEED_WORDS, None),
            notary=text_of(cells.get("notaio")),
            purpose=_word(cells, "finalità", PURPOSE_WORDS, None),
            programme=str(cells.get("programma") or "").strip(),
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
            own_tax_code=text_of(cells.get("codice fiscale rete")),
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
        name = text_of(cells.get("impresa"))
        if not name:
            raise _CellError("impresa", "cell-empty", N_("cella vuota"))
        sigla = text_of(cells.get("provincia")).upper()
        area = self._territories.area(sigla)
        if area is None or area.level != "PRO":
            raise _CellError("provincia", "province-unknown", N_("provincia sconosciuta"))
        sigla = self._territories.current(sigla)[0]
        place = text_of(cells.get("comune"))
        found = self._territories.find_municipality(place, sigla) if place else None
        if place and found is None:
            raise _CellError("comune", "municipality-unknown", N_("comune sconosciuto in questa provincia"))
        try:
            tax_code = check_tax_code(text_of(cells.get("codice fiscale")))
            vat_number = check_tax_code(text_of(cells.get("partita iva")))
        except CallerError as error:
            raise _CellError("codice fiscale", error.code, error.what) from error
        code = text_of(cells.get("ateco 2007"))
        try:
            ateco = self._sectors.parse(code).code if code else ""
        except CallerError as error:
            raise _CellError("ateco 2007", error.code, N_("codice ATECO 2007 sconosciuto")) from error
        joined = _date(cells, "adesione") or network.signed_on or network.start_on
        if joined is None:
            raise _CellError("adesione", "date-missing", N_("serve la data di adesione o la data dell'atto"))
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
        raise _CellError(column, "word-unknown", N_("parola non ammessa: vedere il foglio Istruzioni"))
    return found


def _date(cells: Cells, column: str) -> dt.date | None:
    if not text_of(cells.get(column)):
        return None
    day = parse_date(cells.get(column))
    if day is None:
        raise _CellError(column, "date-bad", N_("data non valida: serve gg/mm/aaaa"))
    return day


def _flag(cells: Cells, column: str, *, default: bool) -> bool:
    text = fold(text_of(cells.get(column)))
    if not text:
        return default
    if text not in ("si", "s", "x", "1", "true", "no", "n", "0", "false"):
        raise _CellError(column, "flag-bad", N_("serve sì o no"))
    return text in ("si", "s", "x", "1", "true")


def _money(cells: Cells, column: str) -> Decimal | None:
    cell = cells.get(column)
    text = text_of(cell)
    if not text:
        return None
    # 1.234,56 as Italians write it, or 1234.56 as a number cell gives it.
    plain = text.replace(".", "").replace(",", ".") if "," in text else text
    try:
        amount = Decimal(plain).quantize(Decimal("0.01"))
    except InvalidOperation as error:
        raise _CellError(column, "money-bad", N_("importo non valido")) from error
    if not 0 <= amount < Decimal(10) ** 12:
        raise _CellError(column, "money-bad", N_("importo non valido"))
    return amount


def _items(cells: Cells, column: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text_of(cells.get(column)).split("|") if item.strip())


def _known(cells: Cells, column: str, allowed: Callable[[str], bool]) -> tuple[str, ...]:
    items = _items(cells, column)
    if not all(allowed(item) for item in items):
        raise _CellError(column, "word-unknown", N_("parola non ammessa: vedere il foglio Istruzioni"))
    return items


def _wants(cells: Cells, column: str) -> tuple[WantRecord, ...]:
    found = []
    for item in _items(cells, column):
        category, _, text = item.partition(":")
        if category.strip() not in vocabulary.CATEGORIES:
            raise _CellError(column, "category-unknown", N_("categoria sconosciuta: vedere il foglio Istruzioni"))
        found.append(WantRecord(category.strip(), text.strip()))
    if len(found) > WANTS_MAX:
        raise _CellError(column, "too-many", N_("al massimo cinque voci"))
    return tuple(found)


def _contact(item: str) -> ContactRecord:
    parts = [part.strip() for part in item.split(";")]
    return ContactRecord(*[*parts, "", "", "", ""][:4])


def _back(words: Mapping[str, object], value: object) -> str:
    return next((word for word, known in words.items() if known == value), "")


def _day(day: dt.date | None) -> str:
    return day.strftime("%d/%m/%Y") if day else ""


def _amount(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:.2f}".replace(".", ",")


def _yes(flag: bool) -> str:
    return YES if flag else NO


def rows_of(record: NetworkRecord) -> Iterator[list[object]]:
    """Yield one row of COLUMNS for each firm of a record."""
    shared: list[object] = [
        record.name,
        _back(KINDS, record.kind),
        _back(STATUS_WORDS, record.status),
        record.object_text,
        record.programme,
        " | ".join(record.objectives),
        _back(PURPOSE_WORDS, record.purpose),
        record.deed_register_number,
        record.deed_number,
        _day(record.signed_on),
        _back(DEED_WORDS, record.deed_form),
        record.notary,
        _day(record.start_on),
        _day(record.end_on),
        _yes(record.open_to_new_members),
        _yes(record.has_common_fund),
        _amount(record.initial_fund),
        _yes(record.has_common_body),
        record.common_body_kind,
        record.common_body_holder,
        record.seat_municipality,
        record.own_tax_code,
        record.own_rea,
        " | ".join(record.capabilities),
        " | ".join(record.languages),
        " | ".join(record.target_countries),
        " | ".join(record.certifications),
        " | ".join(_back(EXTRA_WORDS, extra) for extra in record.extras),
        " | ".join(f"{want.category}: {want.text}".rstrip(": ") for want in record.needs),
        " | ".join(f"{want.category}: {want.text}".rstrip(": ") for want in record.offers),
        " | ".join(f"{c.person}; {c.role}; {c.email}; {c.phone}".rstrip("; ") for c in record.contacts),
    ]
    for member in record.members:
        firm = member.firm
        yield [
            *shared,
            firm.name,
            firm.tax_code,
            firm.vat_number,
            firm.legal_form,
            firm.municipality_name,
            firm.province,
            firm.rea,
            firm.ateco,
            _yes(member.is_reference),
            _yes(member.founding),
            _day(member.joined_on),
            _day(member.registered_on),
            _day(member.left_on),
            _amount(member.contribution),
        ]


def sheets_of(records: Iterator[NetworkRecord] | Sequence[NetworkRecord]) -> dict[str, list[list[object]]]:
    """Return the workbook of some records (none: the empty template)."""
    rows: list[list[object]] = [list(COLUMNS)]
    for record in records:
        rows += rows_of(record)
    return {SHEET: rows, HELP_SHEET: [list(line) for line in HELP]}
