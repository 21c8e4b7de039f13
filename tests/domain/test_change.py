"""What a change of the register tells: names of fields, firms that came and went, and no value of either."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from networks_made import member, record

from node.domain.change import Change, Part, change_of, creation_of, refresh_of

DAY = dt.date(2026, 3, 1)


def part(firm: str, **changes: object) -> Part:
    """A firm's time in a network."""
    return replace(Part(firm, DAY, None, True, False, None, None), **changes)


def test_a_new_network_tells_who_is_in_it() -> None:
    """No field is named: all of them are new."""
    assert creation_of([part("b"), part("a")]) == Change("created", (), ("a", "b"), (), ())


def test_nothing_changed_is_no_change() -> None:
    """Also when people are listed in another order."""
    one = record()
    turned = replace(one, contacts=tuple(reversed(one.contacts)))
    assert change_of(one, turned, [part("a")], [part("a")]) is None


@pytest.mark.parametrize(
    ("changes", "names", "action"),
    [
        ({"notary": "Dott. Segreto", "seat_municipality": "Luogo segreto"}, ("notaio", "sede"), "changed"),
        ({"status": "closed"}, ("stato",), "closed"),
        ({"objectives": ("altro",)}, ("obiettivi",), "changed"),
    ],
)
def test_fields_are_told_by_name_alone(changes: dict[str, object], names: tuple[str, ...], action: str) -> None:
    """What stood or stands in them is nowhere."""
    found = change_of(record(), replace(record(), **changes), [], [])
    assert found == Change(action, names, (), (), ())
    assert "egreto" not in repr(found)


def test_firms_come_go_and_are_put_right() -> None:
    """By the day they left, by coming back, by another day of joining; what a firm is called is one fact of all."""
    was = [part("a"), part("b"), part("c"), part("d", left_on=DAY)]
    now = [part("a", is_reference=True), part("b", left_on=DAY), part("c"), part("d", left_on=DAY), part("e")]
    now.append(part("d", joined_on=DAY + dt.timedelta(days=9)))
    assert change_of(record(), record(), was, now) == Change("members", (), ("d", "e"), ("b",), ("a",))
    one = record(members=(member(1), member(2)))
    firm = replace(one.members[0].firm, name="Altro nome")
    renamed = replace(one, members=(replace(one.members[0], firm=firm), one.members[1]))
    assert change_of(one, renamed, [], []) == Change("changed", ("imprese",), (), (), ())


def test_a_network_that_was_not_written_tells_whose_data_changed() -> None:
    """Nobody came or went; something else is said of a firm that it holds."""
    assert refresh_of(["a", "b"]) == Change("changed", ("imprese",), (), (), ("a", "b"))
