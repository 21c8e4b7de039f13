"""Both sides of bounds that other tests only pass by: bundles, vkeys, times, empty trees, hints."""

from __future__ import annotations

import base64
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import CallerError, PeerWrongError
from node.protocol import checkpoint, keys, merkle, news, tiles, tlog_proof

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()


@pytest.mark.parametrize("length", [0, 1, 255, 256, 300, 511, 512, 1024])
def test_entries_of_any_allowed_length_are_read_from_a_bundle(length: int) -> None:
    """uint16, big-endian, then the entry (c2sp.org/tlog-tiles)."""
    entries = [b"a" * length, b"b"]
    assert tiles.decode_bundle(tiles.encode_bundle(entries), 2) == entries


@pytest.mark.parametrize(
    ("raw", "width"),
    [
        (struct.pack(">H", 1025) + b"a" * 1025, 1),
        (b"\x00\x05ab", 1),
        (b"\x00\x01a", 2),
        (b"\x00\x01a\x00\x01b", 1),
        (b"\x00\x01a\x00", 2),
        (b"\x00\x01a\x00", 1),
        (b"", 1),
    ],
)
def test_a_bundle_holds_exactly_its_entries(raw: bytes, width: int) -> None:
    """Too long, cut short, one missing, one too many, half a length."""
    with pytest.raises(PeerWrongError) as caught:
        tiles.decode_bundle(raw, width)
    assert caught.value.code == "bundle-malformed"


def test_a_vkey_has_one_spelling() -> None:
    """No bytes, other signs between them, another length of its id: none is a key."""
    good = keys.format_vkey("example.com/foo", PUBLIC)
    assert keys.parse_vkey(good).public == PUBLIC
    name, keyid, key64 = good.split("+", 2)
    for bad in (f"{name}+{keyid}+", f"{name}+{keyid}+{key64[:4]}!{key64[4:]}", f"{name}+{keyid}00+{key64}"):
        with pytest.raises(CallerError):
            keys.parse_vkey(bad)


def test_a_cosignature_counts_seconds_to_the_end_of_its_eight_bytes() -> None:
    """uint64 (c2sp.org/tlog-cosignature): a time with its first bit set is far, not negative."""
    text, at = b"x/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", 2**63 + 5
    blob = struct.pack(">Q", at) + PRIVATE.sign(checkpoint.cosignature_message(at, text))
    verifier = keys.Verifier("x/witness", keys.COSIGNATURE_TYPE, PUBLIC)
    assert checkpoint.verify_cosignature(verifier, text, blob) == at


def test_every_tree_goes_on_from_the_empty_one_and_nothing_else() -> None:
    """No proof is needed from nothing to one leaf; nothing has not grown to nothing by a proof."""
    one = merkle.leaf_hash(b"a")
    assert merkle.verify_consistency(0, 1, merkle.EMPTY_ROOT, one, [])
    assert not merkle.verify_consistency(0, 1, merkle.EMPTY_ROOT, one, [one])
    assert not merkle.verify_consistency(0, 1, one, one, [])
    assert not merkle.verify_consistency(0, 0, merkle.EMPTY_ROOT, one, [])
    assert not merkle.verify_consistency(0, -1, merkle.EMPTY_ROOT, one, [])


def test_extra_data_of_a_proof_has_no_signs_beside_its_own() -> None:
    """Another spelling of the same bytes is another text."""
    good = tlog_proof.encode(tlog_proof.InclusionProof(0, [], b"x\n", b"abc"))
    assert tlog_proof.parse(good).extra == b"abc"
    spelled = base64.b64encode(b"abc")
    for other in (spelled[:2] + b"!" + spelled[2:], spelled + b" "):
        with pytest.raises(PeerWrongError) as caught:
            tlog_proof.parse(good.replace(spelled, other))
        assert caught.value.code == "proof-malformed"


def test_a_federation_just_as_large_as_the_hints_is_told_as_a_whole() -> None:
    """Nobody is drawn where everybody is told: of a log, and of the agreement."""

    def never(members: object, count: int) -> list[str]:
        raise AssertionError((members, count))

    members = [str(number) for number in range(news.HINTS_MIN)]
    assert news.told(members, never) == members
    assert news.agreement_told(members[: news.AGREEMENT_TOLD], never) == members[: news.AGREEMENT_TOLD]


def test_a_window_is_one_window_at_every_second_of_it() -> None:
    """Six hours: fresh until the last second, and not in the first of the next."""
    start = 100 * news.WINDOW_S
    assert news.is_fresh(5, start + 1, 5, start + news.WINDOW_S - 1)
    assert not news.is_fresh(5, start + news.WINDOW_S - 1, 5, start + news.WINDOW_S)
    assert not news.is_fresh(4, start, 5, start)


def test_a_checkpoint_may_be_of_the_largest_tree_and_is_never_another_encoding() -> None:
    """2^53 - 1 leaves, not one more; bytes that are no UTF-8 are a malformed checkpoint, not an error of ours."""
    text = f"x/log\n{2**53 - 1}\n{base64.b64encode(merkle.EMPTY_ROOT).decode()}\n".encode()
    assert checkpoint.parse(text).size == 2**53 - 1
    beyond = text.replace(b"991\n", b"992\n")
    assert beyond != text
    for bad, code in (
        (beyond, "checkpoint-too-large"),
        (b"\xff" + text, "checkpoint-malformed"),
        (text.replace(b"x/log", b"x/\xc3\x28"), "checkpoint-malformed"),
    ):
        with pytest.raises(PeerWrongError) as caught:
            checkpoint.parse(bad)
        assert caught.value.code == code
