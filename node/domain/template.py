"""The plain spreadsheet: one row per network and firm, Italian headers, everything an office may want to bring in.

In: records. Out: rows and sheets (instructions and an example included) that domain/template_reader reads back without
loss, so that what is exported can be edited and imported again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from node.domain import vocabulary
from node.domain.network import (
    EXTRAS,
    PURPOSES,
    STATUSES,
    ContactRecord,
    FirmRecord,
    Member,
    NetworkRecord,
    WantRecord,
)
from node.domain.register import NetworkKind

SHEET, HELP_SHEET, EXAMPLE_SHEET = "Reti", "Istruzioni", "Esempio"
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
    ("Si importa il foglio «Reti»; il foglio «Esempio» mostra una rete compilata e non si importa.",),
    ("contatti: «persona; ruolo; posta; telefono». Nulla di questo foglio esce dal nodo.",),
)


EXAMPLE = NetworkRecord(
    name="Rete di esempio",
    kind=NetworkKind.CONTRACT,
    status="registered",
    object_text="Le imprese lavorano insieme il prodotto, lo certificano e lo vendono in comune.",
    members=(
        Member(
            FirmRecord(
                tax_code="99000000010", name="Prima impresa di esempio S.r.l.", legal_form="SR", municipality="075035",
                municipality_name="Lecce", province="LE", rea="LE-000001", ateco="10.41.10",
            ),
            joined_on=dt.date(2013, 3, 15), is_reference=True, registered_on=dt.date(2013, 3, 28),
            contribution=Decimal("5000.00"),
        ),
        Member(
            FirmRecord(
                tax_code="99000000028", name="Seconda impresa di esempio S.p.A.", legal_form="SP", municipality="072006",
                municipality_name="Bari", province="BA", rea="BA-000002", ateco="46.33.20",
            ),
            joined_on=dt.date(2013, 3, 15), registered_on=dt.date(2013, 4, 2), contribution=Decimal("5000.00"),
        ),
    ),
    deed_register_number="12345",
    deed_number="678",
    signed_on=dt.date(2013, 3, 15),
    deed_form="authenticated",
    purpose="growth",
    programme="Primo anno: certificazione; secondo anno: fiere e magazzino comune.",
    objectives=("raddoppiare la quota venduta all'estero", "una certificazione comune"),
    start_on=dt.date(2013, 4, 2),
    end_on=dt.date(2023, 12, 31),
    has_common_fund=True,
    initial_fund=Decimal("10000.00"),
    capabilities=("production",),
    languages=("it", "en"),
    target_countries=("AL", "TN"),
    certifications=("iso_9001",),
    extras=("internationalisation",),
    needs=(WantRecord("distribution", "distributori per prodotti alimentari di qualità"),),
    offers=(WantRecord("production_capacity", "capacità di trasformazione in piccoli lotti"),),
    contacts=(ContactRecord("nome e cognome", "referente", "posta@example.org", "numero di telefono"),),
)  # fmt: skip


def _back(words: Mapping[str, object], value: object) -> str:
    return next((word for word, known in words.items() if known == value), "")


def _day(day: dt.date | None) -> str:
    return day.strftime("%d/%m/%Y") if day else ""


def _amount(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:.2f}".replace(".", ",")


def _yes(flag: bool) -> str:
    return YES if flag else NO


def _listed(wants: Sequence[WantRecord]) -> str:
    return " | ".join(f"{want.category}: {want.text}" if want.text else want.category for want in wants)


def network_cells(record: NetworkRecord) -> list[object]:
    """Return the cells of NETWORK_COLUMNS of a record."""
    return [
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
        _listed(record.needs),
        _listed(record.offers),
        " | ".join(f"{c.person}; {c.role}; {c.email}; {c.phone}".rstrip("; ") for c in record.contacts),
    ]


def rows_of(record: NetworkRecord) -> Iterator[list[object]]:
    """Yield one row of COLUMNS for each firm of a record."""
    shared = network_cells(record)
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
    """Return the workbook of some records, with the instructions and an example on sheets of their own."""
    rows: list[list[object]] = [list(COLUMNS)]
    for record in records:
        rows += rows_of(record)
    example: list[list[object]] = [list(COLUMNS), *rows_of(EXAMPLE)]
    return {SHEET: rows, HELP_SHEET: [list(line) for line in HELP], EXAMPLE_SHEET: example}
