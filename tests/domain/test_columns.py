"""Headers that are not what they should be: the missing named, the near offered, the far left alone."""

from __future__ import annotations

from node.domain.columns import Shortfall, closest, nearest, refusal, unknown

LAYOUT = ("rete", "tipo", "oggetto", "provincia")


def test_a_name_is_near_whatever_its_case_and_accents() -> None:
    """And a name like none has no neighbour."""
    assert nearest("PROVINCIÀ", LAYOUT) == "provincia"
    assert nearest("ogetto", LAYOUT) == "oggetto"
    assert nearest("appunti", LAYOUT) == ""
    assert nearest("x" * 10_000, LAYOUT) == ""


def test_only_columns_that_lack_are_offered() -> None:
    """A second column of almost the same name is no misspelling of one that is there."""
    assert unknown(["rete", "retee", ""], LAYOUT) == [("retee", "")]
    assert unknown(["retee"], LAYOUT) == [("retee", "rete")]


def test_the_sheet_and_layout_that_are_nearest_are_chosen() -> None:
    """Of two sheets and two layouts; none when all are far, or nothing is missing."""
    headers = {"A": ["x", "y"], "B": ["rete", "tipo", "ogetto", "z"]}
    assert closest(headers, [("a", "b"), LAYOUT]) == Shortfall("B", ("oggetto", "provincia"), (("ogetto", "oggetto"),))
    assert closest({"A": ["x"]}, [LAYOUT]) is None
    assert closest({"A": list(LAYOUT)}, [LAYOUT]) is None
    assert closest({}, [LAYOUT]) is None


def test_a_refusal_names_what_lacks_and_what_to_do() -> None:
    """With or without something to rename."""
    error = refusal(Shortfall("A", ("oggetto",), ()), "x.xlsx!A")
    assert error.render() == ("mancano colonne: «oggetto»", "x.xlsx!A", "aggiungerle in prima riga")
    error = refusal(Shortfall("A", ("oggetto",), (("ogetto", "oggetto"),)), "x")
    assert error.render()[2] == "rinominare, se sono queste: «ogetto» → «oggetto»"
