"""The chamber's list: its traps are read, its bad rows are named, and the rest goes on."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks_made import PERSON_CODE, code, listed, listed_entity, pair, read, sheets

from node.domain import chamber
from node.domain.chamber import CONTRACT_COLUMNS, DEFAULT_LAYOUT, parse_sheets
from node.domain.generation.national import generate
from node.domain.register import NetworkKind
from node.domain.rows import parse_date, text_of
from node.errors import CallerError
from node.store.reference import load_sectors, load_territories
from tests.size import size


def test_rows_of_one_deed_become_one_network_seen_from_its_reference_firm() -> None:
    """Place and sector are the reference firm's, wherever its row stands; members are distinct firms."""
    rows = [listed(code=code(2), firm="ALTRA", place="TORINO", pv="TO", ateco="620100"), listed(lead="S")]
    found = read(*rows)
    assert [(n.municipality, n.province, n.region, n.macro) for n in found.networks] == [
        ("075035", "LE", "ITF4", "ITF")
    ]
    network = found.networks[0]
    assert (network.ateco, network.members, network.kind) == ("10.41.10", 2, NetworkKind.CONTRACT)
    assert network.registered_on == dt.date(2013, 3, 15)
    assert network.active
    assert found.problems == ()
    assert found.places == {network.register_id: (("Elenco", 2), ("Elenco", 3))}


def test_without_a_reference_firm_the_first_row_speaks() -> None:
    """A list that marks nobody still has a place for every network."""
    found = read(listed(place="TORINO", pv="TO"), listed(code=code(2), firm="ALTRA"))
    assert found.networks[0].province == "TO"


def test_register_number_and_tax_code_do_not_identify_a_row() -> None:
    """The same register number under two deed numbers is two contracts; with and without office prefix it is one."""
    two = read(*pair(), *pair(deed="78"))
    assert len(two.networks) == 2
    one = read(listed(number="FO-15829"), listed(number="15829", code=code(2), firm="ALTRA"))
    assert [n.members for n in one.networks] == [2]


def test_the_second_sheet_is_read_by_position_as_entities() -> None:
    """Legal-entity networks come from their own sheet, whose progressive numbers mean nothing to the first."""
    entities = [listed_entity(), listed_entity(code=code(2), firm="ALTRA")]
    found = read(*pair(), entities=entities)
    assert [(n.kind.value, n.members, n.name) for n in found.networks] == [
        ("contract", 2, "Rete Uno"),
        ("entity", 2, "Soggetto Uno"),
    ]
    assert found.rows == 4


@pytest.mark.parametrize(
    ("changes", "column", "problem"),
    [
        ({"name": ""}, "denominazione contratto", "cell-empty"),
        ({"number": " "}, "numero repertorio", "cell-empty"),
        ({"firm": None}, "denominazione impresa", "cell-empty"),
        ({"day": "31/02/2013"}, "data atto", "date-bad"),
        ({"day": "2013"}, "data atto", "date-bad"),
        ({"day": "01/01/1999"}, "data atto", "date-bad"),
        ({"pv": "XX"}, "PV", "province-unknown"),
        ({"pv": ""}, "PV", "province-unknown"),
        ({"pv": "ITF4"}, "PV", "province-unknown"),
    ],
)
def test_a_bad_row_is_refused_with_its_place_and_the_rest_goes_on(
    changes: dict[str, object], column: str, problem: str
) -> None:
    """Sheet, row as the spreadsheet counts it, column, code and an Italian reason; the good contract is there."""
    found = read(*pair(), listed(**{"deed": "other", **changes}), *pair(deed="99"))
    assert len(found.networks) == 2
    (bad,) = [p for p in found.problems if p.fatal]
    assert (bad.sheet, bad.row, bad.column, bad.code) == ("Elenco", 4, column, problem)
    assert bad.reason


@pytest.mark.parametrize(
    ("bad", "deeds"),
    [
        ({"deed": "77", "pv": "??"}, ["77"]),
        ({"deed": "99", "pv": "??"}, []),
        ({"deed": "77", "name": ""}, ["77"]),
        ({"deed": "77", "day": "?"}, ["77"]),
        ({"deed": "77", "day": "?", "name": "Rete Due"}, ["77"]),
        ({"deed": "78", "day": "?", "name": "Rete Uno"}, ["78"]),
        ({"deed": "78", "number": "FO-", "day": "?"}, []),
        ({"number": "", "name": "Rete Uno"}, ["77", "78"]),
        ({"number": "", "name": "Rete Uno", "day": "01/01/2020"}, []),
        ({"number": "", "name": ""}, []),
    ],
)
def test_a_refused_row_is_said_of_the_networks_it_may_belong_to(bad: dict[str, object], deeds: list[str]) -> None:
    """By its deed; where a part of that is bad, by the rest and the name."""
    found = read(listed(**{"firm": "ALFA", **bad, "code": code(3)}), *pair(), *pair(deed="78"))
    known = {n.register_id: n.deed_number for n in found.networks if n.register_id in found.incomplete}
    assert sorted(known.values()) == deeds


def test_problems_come_in_the_order_of_rows() -> None:
    """Refusals and doubts alike, sheet after sheet."""
    rows = [listed(pv="??", deed="5"), *pair(place="ATLANTIDE"), listed(name="")]
    found = read(*rows, entities=[listed_entity(day="x"), listed_entity(place="X")])
    assert [(p.sheet, p.row) for p in found.problems] == [
        ("Elenco", 2), ("Elenco", 3), ("Elenco", 4), ("Elenco", 5), ("Sogg. Giu.", 2), ("Sogg. Giu.", 3),
    ]  # fmt: skip


def test_napoli_is_not_a_missing_value() -> None:
    """The sigla NA is a province."""
    assert read(*pair(pv="NA", place="NAPOLI")).networks[0].province == "NA"


@pytest.mark.parametrize("sigla", ["FO", "PS"])
def test_old_siglas_become_todays(sigla: str) -> None:
    """Lists still carry provinces that have changed their sigla."""
    province = read(*pair(pv=sigla, place="")).networks[0].province
    assert province == load_territories().current(sigla)[0] != sigla


def test_an_unknown_municipality_keeps_its_province_and_is_reported() -> None:
    """A doubt, not a refusal: province labels still hold."""
    found = read(*pair(place="ATLANTIDE"))
    assert (found.networks[0].municipality, found.networks[0].municipality_name) == ("", "ATLANTIDE")
    assert Counter(p.code for p in found.problems) == {"municipality-unknown": 2}
    assert not any(p.fatal for p in found.problems)


def test_odd_tax_codes_count_by_name() -> None:
    """Empty and over-long codes do not merge different firms, nor split one firm into two."""
    rows = [listed(code="", firm="ALFA"), listed(code="", firm="Alfà"), listed(code="9" * 17, firm="BETA"), listed()]
    found = read(*rows)
    assert found.networks[0].members == 3
    assert Counter(p.code for p in found.problems) == {"tax-code-odd": 3, "firm-repeated": 1}


def test_a_person_is_sixteen_characters_and_stays() -> None:
    """Sole traders are listed under their personal code."""
    assert read(listed(code=PERSON_CODE.lower()), listed()).networks[0].firms[0].tax_code == PERSON_CODE


def test_a_number_cell_gets_its_leading_zeros_back() -> None:
    """Spreadsheets eat zeros of tax codes and ATECO codes, and make numbers of register numbers."""
    rows = [listed(code=1234567890.0, ateco=11110.0, number=15829.0, deed=77.0), listed(number="15829", firm="ALTRA")]
    network = read(*rows).networks[0]
    assert network.register_id == "15829/77/2013-03-15"
    assert network.firms[0].tax_code == "01234567890"
    assert network.ateco == "01.11.10"


def test_an_unusable_ateco_code_is_empty() -> None:
    """The sector of a network may be unknown; that refuses nothing."""
    found = read(*pair(ateco="zz"))
    assert found.networks[0].ateco == ""
    assert found.problems == ()


def test_two_names_for_one_deed_are_reported_and_the_first_holds() -> None:
    """Spelling apart, a contract has one name."""
    same = read(listed(name="Rete Uno"), listed(name="RETE  UNO'", code=code(2)))
    assert same.problems == ()
    other = read(listed(name="Rete Uno"), listed(name="Rete Due", code=code(2)))
    assert [n.name for n in other.networks] == ["Rete Uno"]
    assert Counter(p.code for p in other.problems) == {"name-differs": 1}


def test_headers_are_met_whatever_their_case_accents_apostrophes_and_order() -> None:
    """Real files vary in all of these."""
    header = [name.upper().replace("'", "’") for name in reversed(CONTRACT_COLUMNS)]
    rows = [list(reversed(row)) for row in pair()]
    found = parse_sheets({"Foglio1": [header, *rows]}, load_territories(), load_sectors())
    assert [n.members for n in found.networks] == [2]


def test_another_edition_needs_another_layout_and_no_code() -> None:
    """The column map is a value."""
    headers = {**DEFAULT_LAYOUT.headers, "PV": "sigla provincia", "c.f.": "codice fiscale"}
    layout = replace(DEFAULT_LAYOUT, headers=headers)
    book = {"2030": [list(headers.values()), *pair()]}
    assert not chamber.is_chamber_layout(book)
    assert [n.members for n in parse_sheets(book, load_territories(), load_sectors(), layout).networks] == [2]


@pytest.mark.parametrize("book", [{}, {"Elenco": []}, {"Elenco": [["a", "b"]]}])
def test_a_file_without_the_columns_is_refused_with_the_columns_it_needs(book: dict[str, list[list[object]]]) -> None:
    """A wrong file is one clear line."""
    with pytest.raises(CallerError) as caught:
        parse_sheets(book, load_territories(), load_sectors())
    assert caught.value.code == "columns-missing"
    assert "numero repertorio" in caught.value.render()[2]


def test_a_renamed_column_is_told_with_the_one_it_may_be() -> None:
    """Where the file can do without, it is ignored with a doubt; where not, the refusal names both."""
    header = list(CONTRACT_COLUMNS)
    header[header.index("comune")] = "comuni"
    found = parse_sheets({"Elenco": [header, *pair()]}, load_territories(), load_sectors())
    assert [(p.row, p.column, p.text()) for p in found.problems if p.code == "column-unknown"] == [
        (1, "comuni", "colonna sconosciuta: ignorata; forse: comune")
    ]
    header[header.index("oggetto")] = "ogetto"
    header.remove("PV")
    with pytest.raises(CallerError) as caught:
        parse_sheets({"Elenco": [header]}, load_territories(), load_sectors())
    what, where, hint = caught.value.render()
    assert (caught.value.code, where) == ("columns-missing", "Elenco")
    assert what == "mancano colonne: «oggetto», «PV»"
    assert hint == "rinominare, se sono queste: «ogetto» → «oggetto»"


def test_blank_rows_and_short_rows_are_no_trouble() -> None:
    """Trailing blanks are skipped, missing trailing cells are empty, and row numbers stay right."""
    blank: list[object] = ["", None] * 9
    found = read(blank, listed()[:13], blank, listed(name=""))
    assert (found.rows, len(found.networks)) == (2, 1)
    assert [(p.row, p.code) for p in found.problems if p.fatal] == [(5, "cell-empty")]


def test_objects_keep_their_lines_and_their_limit() -> None:
    """Line ends are one kind, and 8,000 characters are the field's width."""
    found = read(*pair(text=" a\r\nb" + "x" * 9000))
    assert found.networks[0].object_text.startswith("a\nbx")
    assert len(found.networks[0].object_text) == 8000


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("15/03/2013", dt.date(2013, 3, 15)),
        ("5.3.2013", dt.date(2013, 3, 5)),
        ("2013-03-15", dt.date(2013, 3, 15)),
        ("2013-03-15T00:00:00", dt.date(2013, 3, 15)),
        (dt.datetime(2013, 3, 15, 8, 0), dt.date(2013, 3, 15)),  # noqa: DTZ001 - spreadsheets know no zone
        (dt.date(2013, 3, 15), dt.date(2013, 3, 15)),
        ("15/03/13", None),
        ("00/01/2013", None),
        (41348.0, None),
        ("", None),
        (None, None),
    ],
)
def test_dates_are_days_or_nothing(cell: object, day: dt.date | None) -> None:
    """Text as Italians write it, ISO, or a date cell."""
    assert parse_date(cell) == day


def test_cells_become_text_as_people_see_it() -> None:
    """Whole numbers lose their point, dates are ISO, spaces are single."""
    cells = [None, 12.0, 1.5, True, dt.date(2013, 1, 2), dt.datetime(2013, 1, 2, 3), "  a \n b "]  # noqa: DTZ001
    assert [text_of(cell) for cell in cells] == ["", "12", "1.5", "True", "2013-01-02", "2013-01-02", "a b"]


CELLS = st.one_of(
    st.none(), st.text(max_size=12), st.floats(), st.integers(), st.booleans(), st.dates(), st.datetimes()
)


@settings(max_examples=size(40, 150))
@given(st.lists(st.lists(CELLS, max_size=22), max_size=6))
def test_no_cell_can_break_the_reader(rows: list[list[object]]) -> None:
    """Whatever a sheet holds, each filled row is in a network or refused with its place."""
    book = sheets(*rows, *pair(), entities=rows)
    found = parse_sheets(book, load_territories(), load_sectors())
    assert found.networks
    assert len([p for p in found.problems if p.fatal]) <= found.rows
    assert all(p.sheet in book and p.row >= 2 for p in found.problems)


@pytest.mark.many
def test_fifty_thousand_rows_take_a_few_seconds() -> None:
    """A national list is read while a person waits; every generated contract comes back whole."""
    made = generate(contracts=2000, seed=3, territories=load_territories(), sectors=load_sectors())
    book = {"Elenco": made.contracts, "Sogg. Giu.": made.entities}
    start = time.process_time()
    found = parse_sheets(book, load_territories(), load_sectors())
    spent = time.process_time() - start
    assert len(found.networks) == 2000
    assert not any(p.fatal for p in found.problems)
    assert spent / found.rows * 50_000 < 10
