"""One firm, one set of facts: the first row of a file holds, blanks are filled, and who differs is told."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from networks_made import firm, member, record

from node.domain.firms import CHAMBER_FACTS, TEMPLATE_FACTS, contradicts, same, settle
from node.domain.network import FirmRecord

ONE, TWO = record(members=(member(1), member(2))), record(name="Due", deed_number="88", members=(member(1), member(3)))


def places(first: int, second: int) -> dict[str, tuple[tuple[str, int], ...]]:
    """Rows of the two networks, from where each begins."""
    return {r.import_key: (("Reti", at), ("Reti", at + 1)) for r, at in ((ONE, first), (TWO, second))}


def told(record_: FirmRecord) -> FirmRecord:
    """The shared firm when the second network has it otherwise."""
    two = replace(TWO, members=(member(1, firm=record_), member(3)))
    (one, other), _ = settle((ONE, two), places(2, 4), ("Reti",), TEMPLATE_FACTS)
    assert one.members[0].firm == other.members[0].firm
    return one.members[0].firm


def test_rows_that_agree_change_nothing() -> None:
    """The very records come back, without a doubt."""
    assert settle((ONE, TWO), places(2, 4), ("Reti",), TEMPLATE_FACTS) == ((ONE, TWO), [])


def test_the_first_row_of_the_file_holds_not_the_first_network() -> None:
    """Rows of two networks may be mixed."""
    two = replace(TWO, members=(member(1, firm=firm(1, rea="LE-9")), member(3)))
    records, (doubt,) = settle((ONE, two), places(4, 2), ("Reti",), TEMPLATE_FACTS)
    assert {r.members[0].firm.rea for r in records} == {"LE-9"}
    assert (doubt.row, doubt.column, doubt.facts["row"], doubt.facts["first"]) == (4, "rea", 2, "LE-9")


def test_a_blank_says_nothing_and_a_place_is_one_fact() -> None:
    """A municipality is never put into another province."""
    assert told(firm(1, rea="", ateco="")) == firm(1)
    bare = record(members=(member(1, firm=firm(1, municipality="", municipality_name="", vat_number="")), member(2)))
    bari = firm(1, municipality="072006", municipality_name="Bari", province="BA", vat_number="99000000010")
    two = replace(TWO, members=(member(1, firm=bari), member(3)))
    records, doubts = settle((bare, two), places(2, 4), ("Reti",), TEMPLATE_FACTS)
    known = records[1].members[0].firm
    assert (known.municipality, known.province, known.vat_number) == ("", "LE", "99000000010")
    assert [p.column for p in doubts] == ["provincia"]


@given(
    st.lists(
        st.sampled_from([firm(1), firm(1, rea="x"), firm(1, name="Y", ateco=""), firm(1, province="BA")]), min_size=1
    )
)
def test_settling_twice_is_settling_once(said: list[FirmRecord]) -> None:
    """Whatever rows say, one value remains, and it contradicts nothing any more."""
    records = [record(deed_number=str(n), members=(member(1, firm=f), member(2))) for n, f in enumerate(said)]
    rows = {r.import_key: (("Reti", 2 * n + 2), ("Reti", 2 * n + 3)) for n, r in enumerate(records)}
    settled, _ = settle(records, rows, ("Reti",), TEMPLATE_FACTS)
    assert len({r.members[0].firm for r in settled}) == 1
    assert settle(settled, rows, ("Reti",), TEMPLATE_FACTS) == (settled, [])


def test_spelling_is_no_difference_and_a_blank_only_where_it_counts() -> None:
    """The public list is silent on much; a file of the office is the whole truth."""
    assert same(firm(1, name="CITTÀ D'ARTE"), firm(1, name="Citta d arte"), "name")
    stored = record()
    blank = record(members=(member(1, firm=firm(1, rea="")), member(2)))
    assert contradicts(blank, stored, CHAMBER_FACTS, blanks=False) == frozenset()
    assert contradicts(blank, stored, TEMPLATE_FACTS, blanks=True) == {firm(1).key}
    assert contradicts(record(members=(member(8), member(9))), stored, TEMPLATE_FACTS, blanks=True) == frozenset()
