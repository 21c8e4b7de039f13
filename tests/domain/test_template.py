"""The plain spreadsheet: what is written comes back the same, what is wrong is named by row and column."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks_made import PERSON_CODE, code, firm, member, record

from node.domain import template
from node.domain.network import ContactRecord, NetworkRecord, WantRecord
from node.domain.register import NetworkKind
from node.domain.template import COLUMNS, EXAMPLE, rows_of, sheets_of
from node.domain.template_reader import TemplateFile, is_template, parse_rows
from node.domain.vocabulary import CATEGORIES, CERTIFICATIONS
from node.store.reference import load_sectors, load_territories
from tests.size import size

Rows = list[list[object]]


def parse(rows: Rows, header: tuple[object, ...] = COLUMNS) -> TemplateFile:
    """Parse rows below a header."""
    return parse_rows("Reti", [list(header), *rows], load_territories(), load_sectors())


def rows(made: NetworkRecord | None = None, **cells: object) -> Rows:
    """The rows of a record with some cells changed: the network's in every row, the firm's in the first."""
    found = list(rows_of(made or record()))
    for name, value in cells.items():
        at = COLUMNS.index(name.replace("_", " "))
        for line in found if at < len(template.NETWORK_COLUMNS) else found[:1]:
            line[at] = value
    return found


def one(made: NetworkRecord | None = None, **cells: object) -> NetworkRecord:
    """The one record of rows that nothing is wrong with."""
    found = parse(rows(made, **cells))
    assert found.problems == ()
    return found.records[0]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"kind": NetworkKind.ENTITY, "status": "amended"},
        {"status": "potential", "deed_register_number": "", "deed_number": "", "signed_on": None, "deed_form": None},
        {"status": "closed", "end_on": None, "initial_fund": None, "purpose": None, "needs": (), "offers": ()},
        {"object_text": ""},
        {"members": (member(1), member(2), member(2, joined_on=dt.date(2009, 1, 1), left_on=dt.date(2011, 1, 1)))},
        {
            "members": (
                member(1, founding=False),
                member(2, firm=firm(2, tax_code="", municipality="", municipality_name="")),
            )
        },
        {
            "members": (
                member(1, firm=firm(1, tax_code=PERSON_CODE, vat_number=code(5))),
                member(2, firm=firm(2, ateco="")),
            )
        },
        {"contacts": (ContactRecord("solo nome"),), "extras": (), "languages": ()},
    ],
)
def test_a_record_written_and_read_is_the_same_record(changes: dict[str, Any]) -> None:
    """Nothing is lost or changed between export and import."""
    made = record(**changes)
    assert one(made) == made


WORDS = st.text(alphabet="abc àè'+=-@:;.,", max_size=20).map(lambda text: " ".join(text.split()))


@settings(max_examples=size(25, 60))
@given(
    texts=st.lists(WORDS, min_size=3, max_size=3),
    wants=st.lists(st.tuples(st.sampled_from(sorted(CATEGORIES)), WORDS), max_size=5),
    fund=st.none() | st.decimals(0, 999_999_999, places=2),
    days=st.lists(st.dates(dt.date(2009, 1, 1), dt.date(2030, 1, 1)), min_size=3, max_size=3).map(sorted),
    certificates=st.lists(st.sampled_from(sorted(CERTIFICATIONS)), unique=True),
    flags=st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_any_record_survives_the_journey(
    texts: list[str],
    wants: list[tuple[str, str]],
    fund: Decimal | None,
    days: list[dt.date],
    certificates: list[str],
    flags: list[bool],
) -> None:
    """Round trip, whatever officers write in texts, lists, dates and amounts."""
    made = record(
        programme=texts[0],
        notary=texts[1],
        common_body_holder=texts[2],
        needs=tuple(WantRecord(*want) for want in wants),
        initial_fund=fund,
        signed_on=days[0],
        start_on=days[1],
        end_on=days[2],
        certifications=tuple(certificates),
        open_to_new_members=flags[0],
        has_common_fund=flags[1],
        has_common_body=flags[2],
    )
    assert one(made) == made


def test_the_empty_template_explains_itself_and_its_example_is_importable() -> None:
    """Header only on the sheet to fill; every closed list in the instructions; an example that keeps all rules."""
    book = sheets_of([])
    assert list(book) == ["Reti", "Istruzioni", "Esempio"]
    assert book["Reti"] == [list(COLUMNS)]
    help_text = "\n".join(str(line[0]) for line in book["Istruzioni"])
    assert all(word in help_text for word in (*CATEGORIES, *CERTIFICATIONS, *template.STATUS_WORDS))
    assert is_template(book["Esempio"])
    found = parse(book["Esempio"][1:])
    assert (found.records, found.problems) == ((EXAMPLE,), ())


def test_only_the_templates_header_makes_a_template() -> None:
    """Case and accents apart, all required columns must be there."""
    assert is_template([[str(name).upper() for name in COLUMNS]])
    assert not is_template([[name for name in COLUMNS if name != "impresa"]])
    assert not is_template([])


@pytest.mark.parametrize(
    ("cells", "column", "problem"),
    [
        ({"rete": "x" * 256}, "rete", "text-too-long"),
        ({"oggetto": "x" * 8001}, "oggetto", "text-too-long"),
        ({"programma": "x" * 20_001}, "programma", "text-too-long"),
        ({"oggetto": "", "repertorio": ""}, "oggetto", "cell-empty"),
        ({"tipo": "altro"}, "tipo", "word-unknown"),
        ({"stato": "boh"}, "stato", "word-unknown"),
        ({"finalità": "lucro"}, "finalità", "word-unknown"),
        ({"forma_atto": "orale"}, "forma atto", "word-unknown"),
        ({"qualità": "bontà"}, "qualità", "word-unknown"),
        ({"capacità": "volare"}, "capacità", "word-unknown"),
        ({"certificazioni": "iso 9001"}, "certificazioni", "word-unknown"),
        ({"lingue": "IT"}, "lingue", "word-unknown"),
        ({"paesi_obiettivo": "Albania"}, "paesi obiettivo", "word-unknown"),
        ({"data_atto": "15/15/2013"}, "data atto", "date-bad"),
        ({"uscita": "mai"}, "uscita", "date-bad"),
        ({"uscita": "01/01/2001"}, "uscita", "member-left-early"),
        ({"aperta": "forse"}, "aperta", "flag-bad"),
        ({"fondo_iniziale": "molto"}, "fondo iniziale", "money-bad"),
        ({"fondo_iniziale": "-1"}, "fondo iniziale", "money-bad"),
        ({"fondo_iniziale": "NaN"}, "fondo iniziale", "money-bad"),
        ({"fondo_iniziale": 1e300}, "fondo iniziale", "money-bad"),
        ({"conferimento": "1e5"}, "conferimento", "money-bad"),
        ({"fabbisogni": "magia: di notte"}, "fabbisogni", "category-unknown"),
        ({"offerte": " | ".join(["logistics: a"] * 6)}, "offerte", "too-many"),
        ({"impresa": ""}, "impresa", "cell-empty"),
        ({"provincia": "ZZ"}, "provincia", "province-unknown"),
        ({"provincia": "ITF4"}, "provincia", "province-unknown"),
        ({"codice_fiscale": "99000000011"}, "codice fiscale", "tax-code-bad"),
        ({"partita_iva": "1"}, "partita iva", "tax-code-bad"),
        ({"ateco_2007": "99.99.99"}, "ateco 2007", "ateco-unknown"),
        ({"codice_fiscale": code(2)}, "impresa", "network-too-few-members"),
        ({"repertorio": "", "numero_atto": ""}, "repertorio", "network-deed-missing"),
        ({"fine": "01/01/2011"}, "fine", "network-ends-early"),
        ({"tipo": "soggetto", "sede": ""}, "tipo", "entity-incomplete"),
        (
            {"adesione": "", "data_atto": "", "inizio": "", "stato": "potenziale", "repertorio": ""},
            "adesione",
            "date-missing",
        ),
    ],
)
def test_a_wrong_cell_refuses_its_network_and_no_other(cells: dict[str, object], column: str, problem: str) -> None:
    """Row and column as the officer sees them, and an Italian reason; the next network is read."""
    wrong = rows(record(), **cells)
    for line in wrong[1:]:
        # The network's cells stand in the first row only, the name excepted.
        line[1 : len(template.NETWORK_COLUMNS)] = [""] * (len(template.NETWORK_COLUMNS) - 1)
        line[0] = wrong[0][0]
    found = parse([*wrong, *rows(record(name="Rete Due", deed_number="88"))])
    assert [r.name for r in found.records] == ["Rete Due"]
    (bad,) = [p for p in found.problems if p.fatal]
    assert (bad.sheet, bad.row, bad.column, bad.code) == ("Reti", 2, column, problem)
    assert bad.reason


def test_a_wrong_firm_is_named_by_its_own_row() -> None:
    """The third row of the sheet is the second firm."""
    made = rows()
    made[1][COLUMNS.index("provincia")] = "??"
    assert [(p.row, p.column) for p in parse(made).problems] == [(3, "provincia")]


def test_an_unknown_municipality_is_a_doubt_as_in_the_public_list() -> None:
    """The record stays importable after an export, and the officer is told."""
    found = parse(rows(comune="Atlantide"))
    assert [(p.row, p.code, p.fatal) for p in found.problems] == [(2, "municipality-unknown", False)]
    assert (found.records[0].members[0].firm.municipality, found.records[0].members[0].firm.municipality_name) == (
        "",
        "Atlantide",
    )


def test_networks_may_stand_in_the_first_row_only_or_repeat() -> None:
    """No name: the network above. A name alone: the last network of that name, wherever the row stands."""
    first, second = rows(), rows(record(name="Rete Due", deed_number="88"))
    width = len(template.NETWORK_COLUMNS)
    nameless = [["", *[""] * (width - 1), *first[1][width:]]]
    found = parse([first[0], *nameless, *second])
    assert [len(r.members) for r in found.records] == [2, 2]
    named = [["RETE UNO", *[""] * (width - 1), *first[1][width:]]]
    found = parse([first[0], *second, *named])
    assert [(r.name, len(r.members)) for r in found.records] == [("Rete Uno", 2), ("Rete Due", 2)]


def test_a_row_of_another_network_is_never_added_to_the_one_above() -> None:
    """A new name without a type is a network of its own, incomplete or not."""
    stray = rows(record(name="Rete Tre"))[:1]
    stray[0][1 : len(template.NETWORK_COLUMNS)] = [""] * (len(template.NETWORK_COLUMNS) - 1)
    found = parse([*rows(), *stray])
    assert [len(r.members) for r in found.records] == [2]
    assert [(p.row, p.code) for p in found.problems if p.fatal] == [(4, "cell-empty")]


def test_a_first_row_without_a_network_is_refused() -> None:
    """There is nothing above it to belong to."""
    found = parse([["", *rows()[0][1:]]])
    assert [(p.row, p.column, p.code) for p in found.problems] == [(2, "rete", "cell-empty")]


def test_namesakes_with_different_deeds_are_two_networks() -> None:
    """And the same deed twice is refused rather than silently merged."""
    found = parse([*rows(), *rows(record(deed_number="88"))])
    assert len(found.records) == 2
    found = parse([*rows(), *rows(record(name="Altro nome"))])
    assert len(found.records) == 1
    assert [(p.row, p.code) for p in found.problems] == [(4, "network-repeated")]


def test_a_contradiction_between_rows_is_told() -> None:
    """An officer who edits the second row learns that the first one counts."""
    made = rows()
    made[1][COLUMNS.index("oggetto")] = "tutt'altro"
    found = parse(made)
    assert [(p.row, p.column, p.code, p.fatal) for p in found.problems] == [(3, "oggetto", "cell-differs", False)]
    assert found.records[0].object_text == record().object_text


def test_unknown_columns_are_told_and_ignored_and_missing_ones_are_empty() -> None:
    """A column of the office's own is no obstacle; required columns are enough."""
    found = parse([[*line, "nota"] for line in rows()], header=(*COLUMNS, "appunti"))
    assert [(p.row, p.column, p.code) for p in found.problems] == [(1, "appunti", "column-unknown")]
    assert found.records == (record(),)
    header = ("rete", "tipo", "stato", "oggetto", "inizio", "impresa", "provincia")
    short: Rows = [["R", "contratto", "potenziale", "scopo", "01/02/2020", name, "LE"] for name in ("A", "B")]
    found = parse([*short, ["", ""]], header=header)
    assert (found.rows, found.problems) == (2, ())
    assert found.records[0].members[0].joined_on == dt.date(2020, 2, 1)
    assert found.records[0].open_to_new_members


def test_a_column_that_is_almost_ours_is_named_with_the_one_it_may_be() -> None:
    """Only columns that are not there already are offered."""
    at = COLUMNS.index("fabbisogni")
    found = parse(rows(), header=(*COLUMNS[:at], "fabisogni", *COLUMNS[at + 1 :]))
    assert [(p.column, p.text()) for p in found.problems] == [
        ("fabisogni", "colonna sconosciuta: ignorata; forse: fabbisogni")
    ]
    found = parse([[*line, ""] for line in rows()], header=(*COLUMNS, "fabisogni"))
    assert [p.text() for p in found.problems] == ["colonna sconosciuta: ignorata"]


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("1.234,56", "1234.56"),
        ("1.234", "1234.00"),
        ("1.234.567", "1234567.00"),
        ("€ 1.234,5", "1234.50"),
        ("1234.5", "1234.50"),
        ("0,005", "0.00"),
        (1.234, "1.23"),
        (1234.0, "1234.00"),
        (12, "12.00"),
    ],
)
def test_amounts_are_read_as_italians_write_them(cell: object, amount: str) -> None:
    """A point before three digits of a text is thousands; a number cell is what it is."""
    assert one(fondo_iniziale=cell).initial_fund == Decimal(amount)


@pytest.mark.parametrize("cell", [" 990.000.000-14 ", "99000000014", 99000000014])
def test_the_code_of_a_network_is_kept_bare(cell: object) -> None:
    """As the codes of firms, so that it is found as they are."""
    assert one(codice_fiscale_rete=cell).own_tax_code == "99000000014"
    assert one(codice_fiscale_rete="qrn zrn 80a41 e506z").own_tax_code == "QRNZRN80A41E506Z"


def test_dates_and_flags_may_be_cells_of_their_kind() -> None:
    """Spreadsheet programs turn what officers type into dates, booleans and numbers."""
    found = one(inizio="2013-04-02T00:00:00", aperta=False, fondo_comune="X", organo_comune="Sì")
    assert (found.start_on, found.open_to_new_members, found.has_common_fund) == (dt.date(2013, 4, 2), False, True)
    assert one(repertorio=15829.0, numero_atto=77.0).register_id == record().register_id


def test_old_provinces_become_todays() -> None:
    """A member of Forlì is a member of Forlì-Cesena."""
    assert one(provincia="fo", comune="").members[0].firm.province == "FC"


def test_a_person_is_a_contact_with_up_to_four_parts() -> None:
    """Missing parts are empty, further ones are dropped."""
    found = one(contatti="Nome; ; posta@example.org | Altro; a; b; c; d")
    assert found.contacts == (ContactRecord("Nome", "", "posta@example.org"), ContactRecord("Altro", "a", "b", "c"))


CELLS = st.one_of(st.none(), st.text(max_size=10), st.floats(), st.integers(), st.booleans(), st.dates())


@settings(max_examples=size(40, 150))
@given(st.lists(st.dictionaries(st.sampled_from(COLUMNS), CELLS, max_size=5), min_size=1, max_size=4))
def test_no_cell_can_break_the_reader(changes: list[dict[str, object]]) -> None:
    """Whatever a cell holds, its network is read or refused with its row and column."""
    made = [list(line) for _ in changes for line in rows_of(record())]
    for at, change in enumerate(changes):
        for name, value in change.items():
            made[2 * at][COLUMNS.index(name)] = value
    found = parse(made)
    assert found.records or any(p.fatal for p in found.problems)
    assert all(2 <= p.row <= len(made) + 1 and p.column in COLUMNS for p in found.problems)


def test_a_list_item_never_holds_the_mark_between_items() -> None:
    """What comes in through a cell can go out through a cell."""
    found = one(obiettivi="a|b | | c", fabbisogni="logistics | distribution: x: y")
    assert found.objectives == ("a", "b", "c")
    assert found.needs == (WantRecord("logistics"), WantRecord("distribution", "x: y"))
    assert one(found) == replace(found)
