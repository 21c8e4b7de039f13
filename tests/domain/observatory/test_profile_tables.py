"""Published profiles in tables: parts of labels, and sums that stay whole."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.observatory.cooperation import WHOSE_NOTE, Covered, Labelled, Published, Want, tables
from node.domain.observatory.figures import Status, Table
from node.domain.sector import ANY
from node.store.reference import load_label_reference, load_sectors

DAY = dt.date(2026, 11, 24)
REFERENCE = load_label_reference()
SECTIONS = load_sectors().children(ANY)
PUGLIA, TWO, ITALY, ODD = "REG:ITF4", "REG:ITC1,ITF4", "IT:IT", "REG:XX9"
LABELS = (PUGLIA, TWO, ITALY, ODD, "PRO:LE,TO,MI", "RIP:ITF", "*:")
THEMES = ("THEME:innovation", "THEME:energy,tourism", "*:")
SECTORS = ("A2:10", "SEZ:A,C", "*:", "A2:10,41")


def told(published: Published, *covered: Covered) -> dict[str, Table]:
    """All tables by their names."""
    return {found.ident: found for found in tables(published, covered, REFERENCE, SECTIONS, DAY)}


def total(found: Table) -> float:
    """The sum of a table."""
    return float(sum(Decimal(cell.value or 0) for cell in found.cells))


def test_a_profile_counts_where_it_may_be() -> None:
    """Wholly where its label is one place, by parts where it is several, nowhere known where it says nothing."""
    rows = tuple(Labelled("p_LE", label, "*:", 2) for label in (PUGLIA, TWO, ITALY, ODD))
    found = told(Published(rows, (), {}))["profiles-by-region"].by_place()
    assert found["?",].value == 4
    assert found["ITC1",].status is found["ITF4",].status is Status.ESTIMATED
    assert Decimal(found["ITC1",].value or 0) + Decimal(found["ITF4",].value or 0) == 4
    assert (found["ITF3",].value, found["ITF3",].status) == (0, Status.GIVEN)
    assert told(Published(rows, (), {}))["profiles-by-theme"].by_place()["?",].value == 8


def test_needs_meet_offers_of_other_profiles() -> None:
    """Of each thing that is looked for; who offers what it looks for does not meet itself; unknown words are left out."""
    wants = (
        Want("need", "logistics", PUGLIA, "A2:10", 2),
        Want("offer", "logistics", "REG:ITC1", "A2:10", 3),
        Want("offer", "logistics", PUGLIA, "A2:41", 1),
        Want("need", "a word of tomorrow", PUGLIA, "A2:10", 9),
    )
    found = told(Published((), wants, {PUGLIA: 1}))
    matches = found["matches-between-regions"].by_place()
    assert (matches["ITF4", "ITC1"].value, matches["ITF4", "ITF4"].value, matches["ITC1", "ITF4"].value) == (6, 1, 0)
    assert {cell.at: cell.value for cell in found["gap-by-capability"].cells} == {
        ("logistics", "ITC1"): -3,
        ("logistics", "ITF4"): 1,
    }
    assert {cell.at: cell.value for cell in found["needs-by-section"].cells} == {
        ("logistics", "C"): 2,
        ("logistics", "F"): 0,
    }
    assert found["offers-by-section"].by_place()["logistics", "F"].value == 1


def test_each_body_is_told_with_what_is_held_of_it() -> None:
    """All its logs together; it is current when all of them are; one without profiles is told with nought."""
    rows = (Labelled("p_LE", PUGLIA, "*:", 2), Labelled("p_LE", TWO, "*:", 1))
    logs = (Covered("p_LE", 10, True), Covered("p_LE", 5, False), Covered("cmto", 0, True))
    found = told(Published(rows, (), {}), *logs)
    assert {cell.at: cell.value for cell in found["profiles-by-body"].cells} == {("cmto",): 0, ("p_LE",): 3}
    assert {cell.at: cell.value for cell in found["coverage-by-body"].cells} == {
        ("cmto", "current"): 1, ("cmto", "entries"): 0, ("cmto", "profiles"): 0,
        ("p_LE", "current"): 0, ("p_LE", "entries"): 15, ("p_LE", "profiles"): 3,
    }  # fmt: skip
    # Which profiles these are, each table of them says.
    assert all(WHOSE_NOTE in table.notes for table in found.values())


ROWS = st.lists(
    st.builds(Labelled, st.just("p_LE"), st.sampled_from(LABELS), st.sampled_from(THEMES), st.integers(1, 9))
)
WANTS = st.lists(
    st.builds(
        Want, st.sampled_from(("need", "offer")), st.sampled_from(("logistics", "energy")), st.sampled_from(LABELS),
        st.sampled_from(SECTORS), st.integers(1, 9),
    )
)  # fmt: skip


@settings(max_examples=60)
@given(ROWS, WANTS)
def test_parts_sum_to_whole_profiles(rows: list[Labelled], wants: list[Want]) -> None:
    """But for rounding, in every table; the gap is what is needed without what is offered."""
    found = told(Published(tuple(rows), tuple(wants), {}))
    profiles = sum(row.profiles for row in rows)
    for ident in ("profiles-by-region", "profiles-by-theme"):
        assert abs(total(found[ident]) - profiles) <= 0.05 * len(found[ident].cells), ident
    for ident, side in (("needs", "need"), ("offers", "offer")):
        wanted = sum(want.profiles for want in wants if want.side == side)
        for by in ("capability", "section"):
            table = found[f"{ident}-by-{by}"]
            assert abs(total(table) - wanted) <= 0.05 * len(table.cells), ident
    needs, offers, gap = (found[f"{name}-by-capability"].by_place() for name in ("needs", "offers", "gap"))
    for at, cell in gap.items():
        assert abs(float(cell.value or 0) - float(needs[at].value or 0) + float(offers[at].value or 0)) < 0.11
