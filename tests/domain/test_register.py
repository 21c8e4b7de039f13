"""The key of a public contract: the same deed is one contract however it is written, and two deeds are two."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.register import normal_number, register_id

DAY = dt.date(2013, 3, 15)


@pytest.mark.parametrize(
    "written", ["176969", "FO-176969", "fo - 176969", " FO -176969 ", "0176969", "FO-0176969", "176 969"]
)
def test_office_prefix_spaces_case_and_zeros_do_not_make_another_deed(written: str) -> None:
    """However offices write a register number, it is one number."""
    assert normal_number(written) == "176969"
    assert register_id(written, "77", DAY) == "176969/77/2013-03-15"


def test_a_number_of_zeros_or_letters_stays_something() -> None:
    """Normalising never leaves an empty number, and a longer prefix is part of the number."""
    assert normal_number("000") == "000"
    assert normal_number("abc-12") == "ABC-12"


def test_each_part_of_the_key_counts() -> None:
    """Register number, deed number and date: any of them makes another contract (docs/rules.md F.4: repertorio is not unique)."""
    keys = {
        register_id("15829", "77", DAY),
        register_id("15830", "77", DAY),
        register_id("15829", "78", DAY),
        register_id("15829", "77", DAY + dt.timedelta(days=1)),
        register_id("15829", "", DAY),
    }
    assert len(keys) == 5


@given(st.text(alphabet="ABZ019- ", max_size=20))
def test_normalising_twice_changes_nothing_but_a_second_prefix(text: str) -> None:
    """A normal number without an office prefix is its own normal form."""
    once = normal_number(text)
    if not once[:2].isalpha():
        assert normal_number(once) == once
