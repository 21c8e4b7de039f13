"""A form is read by the rules of files, and says all that is wrong at once."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from networks_made import firm, member, record

from node.domain import entry_form
from node.domain.entry_form import Entry, Reading
from node.domain.template import sheets_of
from node.domain.template_reader import parse_rows
from node.store.reference import load_sectors, load_territories


def read(entry: Entry, *, terms_only: bool = False) -> Reading:
    """Read a form by the tables of Italy."""
    return entry_form.read(entry, load_territories(), load_sectors(), terms_only=terms_only)


def changed(entry: Entry, at: int | None = None, **cells: str) -> Entry:
    """A form with other cells, of the network or of one firm; «_» stands for a space."""
    typed = {name.replace("_", " "): text for name, text in cells.items()}
    if at is None:
        return replace(entry, network={**entry.network, **typed})
    return replace(entry, firms=tuple({**f, **typed} if n == at else f for n, f in enumerate(entry.firms)))


WHOLE = entry_form.entry_of(record())


def test_a_record_comes_back_from_its_form() -> None:
    """Whatever it holds, with firms that have left."""
    kept = record(members=(*record().members, member(3, left_on=dt.date(2015, 1, 1))))
    assert read(entry_form.entry_of(kept)).record == kept
    assert read(WHOLE).problems == ()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (changed(WHOLE, data_atto="31/02/2013"), (0, "data atto", "date-bad")),
        (changed(WHOLE, rete=""), (0, "rete", "cell-empty")),
        (changed(WHOLE, repertorio=""), (0, "repertorio", "network-deed-missing")),
        (changed(WHOLE, tipo="soggetto", sede=""), (0, "tipo", "entity-incomplete")),
        (changed(WHOLE, fine="01/01/2001"), (0, "fine", "network-ends-early")),
        (changed(WHOLE, 1, provincia="XX"), (2, "provincia", "province-unknown")),
        (changed(WHOLE, 1, codice_fiscale="123"), (2, "codice fiscale", "tax-code-bad")),
        (changed(WHOLE, 0, uscita="01/01/2001"), (1, "uscita", "member-left-early")),
        (changed(WHOLE, 1, uscita="01/01/2021"), (1, "impresa", "network-too-few-members")),
        (replace(WHOLE, firms=(*WHOLE.firms, WHOLE.firms[0])), (3, "impresa", "firm-repeated")),
        (replace(WHOLE, firms=()), (1, "impresa", "network-too-few-members")),
    ],
)
def test_what_is_wrong_is_said_at_its_field(entry: Entry, problem: tuple[int, str, str]) -> None:
    """With the code that a file would be refused with, and the number of the firm."""
    reading = read(entry)
    assert reading.record is None
    assert [(p.row, p.column, p.code) for p in reading.wrong] == [problem]


def test_a_form_and_a_file_refuse_by_the_same_codes() -> None:
    """Each wrong cell of a form, as a file with that cell alone."""
    wrong = {
        "stato": "boh",
        "data atto": "x",
        "fondo iniziale": "tanto",
        "fabbisogni": "niente: x",
        "lingue": "italiano",
    }
    for column, text in wrong.items():
        cells = {**WHOLE.network, column: text}
        sheet = sheets_of([record()])["Reti"]
        header = [str(name) for name in sheet[0]]
        rows = [sheet[0], *([cells.get(name, row[at]) for at, name in enumerate(header)] for row in sheet[1:])]
        filed = [p.code for p in parse_rows("Reti", rows, load_territories(), load_sectors()).problems if p.fatal]
        assert [p.code for p in read(Entry(cells, WHOLE.firms)).wrong] == filed, column


def test_everything_wrong_is_said_at_once() -> None:
    """Of the network and of each firm; nothing that follows from another mistake is said beside it."""
    entry = changed(
        changed(WHOLE, rete="", oggetto="", repertorio="", data_atto="ieri"), 1, provincia="", impresa="", adesione=""
    )
    assert [(p.row, p.column) for p in read(entry).wrong] == [
        (0, "rete"), (0, "oggetto"), (0, "data atto"), (2, "impresa"), (2, "provincia"),
    ]  # fmt: skip


def test_the_first_step_asks_for_no_firm() -> None:
    """Nor is what stands of firms looked at; the network's own rules hold."""
    assert read(replace(WHOLE, firms=()), terms_only=True).problems == ()
    assert [p.code for p in read(changed(WHOLE, repertorio=""), terms_only=True).wrong] == ["network-deed-missing"]


def test_an_empty_box_is_no_firm_and_a_number_stays_its_own() -> None:
    """Boxes in between are passed over; what is ticked from the beginning is nothing typed."""
    blank = {"fondatrice": "sì", "riferimento": "no"}
    entry = replace(WHOLE, firms=(WHOLE.firms[0], blank, {**WHOLE.firms[1], "provincia": "??"}))
    assert [(p.row, p.column) for p in read(entry).wrong] == [(3, "provincia")]


def test_a_doubt_does_not_stop_a_form() -> None:
    """A municipality that nobody knows, and a firm that is described in two ways."""
    again = {**WHOLE.firms[0], "impresa": "Altro nome", "adesione": "01/01/2020"}
    first = {**WHOLE.firms[0], "uscita": "01/01/2015", "comune": "Atlantide"}
    reading = read(replace(WHOLE, firms=(first, WHOLE.firms[1], again)))
    assert reading.record is not None
    assert [(p.row, p.code) for p in reading.problems] == [(1, "municipality-unknown"), (3, "firm-differs")]
    assert {m.firm.name for m in reading.record.members} == {firm(1).name, firm(2).name}


def test_differences_are_told_by_column() -> None:
    """Cells of the network as each says them, firms by what only one of them has."""
    other = record(notary="", members=(*record().members, member(3)))
    found = entry_form.differences(record(), other)
    assert [(column, mine) for column, mine, _ in found] == [("notaio", "studio notarile"), ("imprese", "")]
    assert firm(3).name in found[1][2]
    assert entry_form.differences(record(), record()) == []
