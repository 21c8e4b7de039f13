"""What the name of a log says."""

from __future__ import annotations

import pytest

from node.protocol import log_name


@pytest.mark.parametrize(
    ("origin", "authority", "year"),
    [
        ("reti.provincia.le.it/federation/log/2026", "reti.provincia.le.it", "2026"),
        ("127.0.0.1:8080/federation/log/2027", "127.0.0.1:8080", "2027"),
        ("a/b/c", "a", "c"),
        ("alone", "alone", "alone"),
    ],
)
def test_a_name_says_whose_address_and_which_year(origin: str, authority: str, year: str) -> None:
    """The address before the first stroke, the year after the last."""
    assert (log_name.authority(origin), log_name.year(origin)) == (authority, year)
