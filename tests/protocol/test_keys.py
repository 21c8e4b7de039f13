"""Keys: names, ids, vkeys; keys for which anybody can sign are refused."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import CallerError
from node.protocol import keys

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()


def test_the_published_vector_parses_and_formats_back() -> None:
    """The vkey of the signed-note specification is read and written byte for byte."""
    verifier = keys.parse_vkey(VKEY)
    assert (verifier.name, verifier.id.hex()) == ("example.com/foo", "530d903a")
    assert keys.format_vkey(verifier.name, verifier.public) == VKEY


def test_a_key_id_is_the_hash_of_name_type_and_key() -> None:
    """The id is the first four bytes of SHA-256(name, newline, type, key)."""
    wanted = hashlib.sha256(b"a.it/x\n\x04" + PUBLIC).digest()[:4]
    assert keys.key_id("a.it/x", keys.COSIGNATURE_TYPE, PUBLIC) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "x+y", VKEY + "=", VKEY[:-1], VKEY.replace("530d903a", "530D903A"), VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("example.com/foo", "exa mple"), "+530d903a+" + VKEY.split("+")[2], "a+00000000+Ag==", "a+zz+Ag==", "a+00000000+",
    ],
)  # fmt: skip
def test_a_wrong_vkey_is_refused(text: str) -> None:
    """No other spelling of a vkey is accepted."""
    with pytest.raises(CallerError) as caught:
        keys.parse_vkey(text)
    assert caught.value.code in ("vkey-malformed", "key-bad")


LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.parametrize("encoded", LOW_ORDER)
def test_keys_of_low_order_are_refused(encoded: str) -> None:
    """The eight points of small order, and non-canonical spellings, are no keys."""
    with pytest.raises(CallerError) as caught:
        keys.check_public(bytes.fromhex(encoded))
    assert caught.value.code == "key-low-order"


def test_ordinary_keys_pass_and_short_ones_do_not() -> None:
    """A real key passes; 31 bytes or bytes that are no point do not."""
    assert keys.check_public(PUBLIC) == PUBLIC
    with pytest.raises(CallerError):
        keys.check_public(PUBLIC[:31])
    with pytest.raises(CallerError):
        keys.check_name("with space")


def test_a_verifier_says_no_to_other_bytes() -> None:
    """A signature counts for its own message only."""
    verifier = keys.Verifier("a", keys.LOG_TYPE, PUBLIC)
    signature = keys.LogSigner("a", PRIVATE).sign(b"text\n")
    assert verifier.verify(b"text\n", signature)
    assert not verifier.verify(b"tExt\n", signature)
    assert not verifier.verify(b"text\n", signature[:-1])
