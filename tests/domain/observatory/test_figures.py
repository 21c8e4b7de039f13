"""Promises of node/domain/observatory/figures."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from node.domain.observatory.figures import Cell, Figures, Status, Table, decode, encode, table
from node.errors import CallerError

DAY = dt.date(2024, 12, 31)
MADE = dt.datetime(2025, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def figures() -> Figures:
    """Two tables with each kind of cell."""
    cells = [
        Cell(("2024", "ITF4"), 12),
        Cell(("2023", "ITF4"), None, Status.WITHHELD),
        Cell(("2024", "ITC1"), None, Status.UNKNOWN),
    ]
    rates = [Cell(("2024",), Decimal("1.250")), Cell(("2023",), 3, Status.ESTIMATED)]
    found = (
        table("networks-by-region", "networks", ("year", "region"), cells, DAY, source="s", notes=("n",)),
        table("density", "density", ("year",), rates, DAY, tier=2),
    )
    return Figures(DAY, MADE, "abc", {"editions": 2}, tuple(sorted(found, key=lambda one: one.ident)))


def test_what_is_written_is_read_again() -> None:
    """Decimals keep their digits, cells without a number their reason."""
    assert decode(encode(figures())) == figures()


def test_the_same_numbers_are_the_same_bytes() -> None:
    """In whatever order the cells were counted and the tables built."""
    one, other = figures(), figures()
    turned = Figures(DAY, MADE, "abc", {"editions": 2}, tuple(reversed(other.tables)))
    assert encode(one) == encode(turned)


def test_a_cell_has_a_number_or_a_reason() -> None:
    """Never both, never none, never a code that could stand for something else."""
    for at, value, status in (((), None, Status.GIVEN), ((), 1, Status.WITHHELD), (("a b",), 1, Status.GIVEN)):
        with pytest.raises(ValueError, match=r"cell|code"):
            Cell(at, value, status)


def test_cells_stand_once_and_in_order() -> None:
    """Else two readers could see two numbers in one place."""
    twice = (Cell(("a",), 1), Cell(("a",), 2))
    for cells in (twice, (Cell(("b",), 1), Cell(("a",), 2)), (Cell(("a", "b"), 1),)):
        with pytest.raises(ValueError, match=r"each|dimension"):
            Table("t", "i", ("kind",), cells, DAY)


@pytest.mark.parametrize(
    "document", [b"", b"{}", b"[]", b'{"type":"other/1"}', encode(figures()).replace(b'"1.250"', b'"x"')]
)
def test_what_is_no_document_is_refused(document: bytes) -> None:
    """With a code, not with a traceback."""
    with pytest.raises(CallerError) as refused:
        decode(document)
    assert refused.value.code == "observatory-malformed"
