"""Names, passwords and codes of accounts, as rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import accounts as rules
from node.errors import CallerError


@pytest.mark.parametrize("password", ["breve", "a" * 11, "", "x" * 257, "per anna.verdi 2026", "ANNA VERDI ciao", "idrev.anna 1234567"])  # fmt: skip
def test_a_password_that_anybody_would_try_is_refused(password: str) -> None:
    """Too short, too long, or the name itself however it is written; with what would do instead."""
    with pytest.raises(CallerError) as caught:
        rules.check_password(password, "anna.verdi")
    assert (caught.value.code, caught.value.where) == ("password-bad", "password")
    assert password not in str(caught.value.render()) or not password


@pytest.mark.parametrize(
    "password", ["a" * 12, "quattro parole a caso", "perché così 123 è", "        x   y", "x" * 256]
)
def test_nothing_is_asked_but_length(password: str) -> None:
    """No capitals, digits or signs by rule."""
    assert rules.check_password(password, "anna.verdi") == rules.normal(password)


def test_a_short_name_may_stand_in_a_password_by_chance() -> None:
    """Otherwise nobody called «io» could have one."""
    assert rules.check_password("miorologio vecchio", "io")


def test_one_password_is_one_however_it_is_typed() -> None:
    """A composed accent and a letter with an accent after it are the same."""
    assert rules.normal("perche\u0301 cosi\u0300") == rules.normal("perché così")


@pytest.mark.parametrize("name", ["", " ", "a" * 65, "an\x00na", "анна", "a\u200bnna", "<b>"])
def test_what_is_no_name_is_refused(name: str) -> None:
    """The rule is that of the officers who sign decisions."""
    with pytest.raises(CallerError) as caught:
        rules.check_name(name)
    assert caught.value.code == "account-name-bad"


def test_one_name_has_one_spelling() -> None:
    """Small letters, single spaces, compatibility forms."""
    assert rules.check_name("  Anna   VERDI ") == rules.check_name("anna verdi") == "anna verdi"


@given(st.binary(min_size=10, max_size=20))
def test_codes_are_read_back_however_they_are_copied(raw: bytes) -> None:
    """Small letters, without hyphens, with spaces, with zero for O."""
    code = rules.write_code(raw)
    for typed in (code, code.lower(), code.replace("-", ""), code.replace("-", " "), code.replace("O", "0")):
        assert rules.read_code(typed) == rules.read_code(code)


def test_what_is_kept_tells_nothing_of_what_else_is_kept() -> None:
    """The same secret for two purposes has two hashes, and counters of a name and an address never meet."""
    assert rules.digest("session", "x") != rules.digest("recovery", "x")
    key = rules.derive_key(bytes(32), "sign-in")
    assert rules.attempt_key(key, "account", "x") != rules.attempt_key(key, "address", "x")
    assert rules.csrf_of("one") != rules.csrf_of("other")
    assert "one" not in rules.csrf_of("one")
