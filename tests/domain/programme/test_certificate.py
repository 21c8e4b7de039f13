"""Codes and commitments of certificates: read as typed, wrong ones seen, other facts another commitment."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.programme import certificate
from node.domain.programme.certificate import Facts
from node.errors import CallerError

CODES = st.binary(min_size=16, max_size=16)
FACTS = Facts("p_LE", "3f6c2f8e-1111-4111-8111-111111111111", "2026-1", "Partecipante Prova")


@given(CODES)
def test_a_code_is_read_as_it_is_written(code: bytes) -> None:
    """With or without its dashes, in small letters, with spaces."""
    text = certificate.spelled(code)
    for typed in (text, text.replace("-", ""), text.lower(), f" {text.replace('-', ' ')} "):
        assert certificate.read_code(typed) == code


@given(CODES, st.integers(0, 26), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_a_wrong_sign_is_seen(code: bytes, at: int, sign: str) -> None:
    """One sign typed wrong is no other certificate's code: it is said to be badly written."""
    plain = certificate.spelled(code).replace("-", "")
    if plain[at] != sign:
        with pytest.raises(CallerError):
            certificate.read_code(plain[:at] + sign + plain[at + 1 :])


@given(CODES, CODES)
def test_a_commitment_binds_code_and_facts(code: bytes, other: bytes) -> None:
    """Another code, person, course, edition or owner is another commitment; another spelling of the name is not."""
    held = certificate.commitment(code, FACTS)
    assert held == certificate.commitment(code, replace(FACTS, name="  PARTECIPANTE   pròva "))
    changed = [replace(FACTS, **{name: "x"}) for name in ("owner", "course", "edition", "name")]
    assert held not in {certificate.commitment(code, facts) for facts in changed}
    assert (held == certificate.commitment(other, FACTS)) == (code == other)


def test_facts_cannot_be_shifted_into_one_another() -> None:
    """The lengths keep where one ends and the next begins."""
    one, two = Facts("a", "b", "c", "d e"), Facts("a", "bc", "", "d e")
    assert certificate.commitment(bytes(16), one) != certificate.commitment(bytes(16), two)
