"""Proofs of inclusion that stand alone: one spelling, the log's own signature, and a path to the signed root."""

from __future__ import annotations

import base64
import itertools
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.errors import PeerWrongError
from node.protocol import keys, limits, merkle, note, tlog_proof
from node.protocol.checkpoint import Checkpoint
from node.protocol.tlog_proof import InclusionProof
from tests.merkle_oracle import mth

ORIGIN = "lecce.example.it/federation/log/2026"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
SIGNER = keys.LogSigner(ORIGIN, PRIVATE)
VERIFIERS = [keys.Verifier(ORIGIN, keys.LOG_TYPE, PUBLIC)]
HASHES = [merkle.leaf_hash(f"entry {n}".encode()) for n in range(3_000)]


def path(index: int, hashes: list[bytes]) -> tuple[bytes, ...]:
    """The audit path from the leaf up, by its definition."""
    if len(hashes) <= 1:
        return ()
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    if index < split:
        return (*path(index, hashes[:split]), mth(hashes[split:]))
    return (*path(index - split, hashes[split:]), mth(hashes[:split]))


def signed(size: int) -> bytes:
    """The signed head after some entries."""
    return note.sign(Checkpoint(ORIGIN, size, mth(HASHES[:size])).text(), [SIGNER])


def proof_of(index: int, size: int, extra: bytes | None = None) -> InclusionProof:
    """The proof that an entry is in the log."""
    return InclusionProof(index, path(index, HASHES[:size]), signed(size), extra)


def refusal(proof: InclusionProof, leaf: bytes, verifiers: list[keys.Verifier] = VERIFIERS) -> str:
    """The code with which a proof is refused."""
    with pytest.raises(PeerWrongError) as caught:
        tlog_proof.verify(proof, leaf, verifiers)
    return caught.value.code


def malformed(raw: bytes) -> bool:
    """Tell whether a text is refused as a proof."""
    with pytest.raises(PeerWrongError) as caught:
        tlog_proof.parse(raw)
    return caught.value.code == "proof-malformed"


def test_a_proof_is_the_specified_text() -> None:
    """Header, extra line when there is extra, index, hashes from the leaf up, blank line, checkpoint verbatim."""
    proof = proof_of(1, 3, b"age")
    lines = [base64.b64encode(HASHES[0]).decode(), base64.b64encode(HASHES[2]).decode()]
    text = f"c2sp.org/tlog-proof@v1\nextra YWdl\nindex 1\n{lines[0]}\n{lines[1]}\n\n".encode()
    assert tlog_proof.encode(proof) == text + signed(3)
    assert tlog_proof.encode(replace(proof, extra=None)) == text.replace(b"extra YWdl\n", b"") + signed(3)
    assert tlog_proof.encode(proof_of(0, 1)) == b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + signed(1)


def test_extra_of_no_bytes_is_no_extra() -> None:
    """Without bytes there is no line, so an empty line is another spelling."""
    assert tlog_proof.parse(tlog_proof.encode(proof_of(1, 3, b""))).extra is None
    assert malformed(tlog_proof.encode(proof_of(1, 3)).replace(b"index", b"extra \nindex", 1))


@given(
    st.integers(0, 2**53 - 2),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.binary(max_size=200),
    st.none() | st.binary(min_size=1, max_size=200),
)
def test_proofs_read_back(index: int, hashes: list[bytes], signed_note: bytes, extra: bytes | None) -> None:
    """Whatever is written is read, the checkpoint as the bytes it is."""
    proof = InclusionProof(index, tuple(hashes), signed_note, extra)
    assert tlog_proof.parse(tlog_proof.encode(proof)) == proof


@given(st.integers(1, 3_000), st.data())
def test_a_proof_shows_its_leaf_at_its_place_and_nothing_else(size: int, data: st.DataObject) -> None:
    """Any leaf of any tree verifies; another leaf, place, or one hash more, fewer or bent does not."""
    index = data.draw(st.integers(0, size - 1))
    proof, leaf = proof_of(index, size, data.draw(st.none() | st.just(b"x"))), HASHES[index]
    found = tlog_proof.verify(tlog_proof.parse(tlog_proof.encode(proof)), leaf, VERIFIERS)
    assert found == Checkpoint(ORIGIN, size, mth(HASHES[:size]))
    assert refusal(proof, HASHES[(index + 1) % 3_000]) == "proof-false"
    assert refusal(replace(proof, index=size), leaf) == "proof-false"
    assert refusal(replace(proof, hashes=(*proof.hashes, HASHES[0])), leaf) == "proof-false"
    if proof.hashes:
        assert refusal(replace(proof, hashes=proof.hashes[:-1]), leaf) == "proof-false"
        assert refusal(replace(proof, index=index ^ 1), leaf) == "proof-false"
        at, bit = data.draw(st.integers(0, len(proof.hashes) - 1)), data.draw(st.integers(0, 255))
        bent = (int.from_bytes(proof.hashes[at], "big") ^ 1 << bit).to_bytes(32, "big")
        assert (
            refusal(replace(proof, hashes=(*proof.hashes[:at], bent, *proof.hashes[at + 1 :])), leaf) == "proof-false"
        )


def test_every_flipped_byte_of_a_proof_is_refused() -> None:
    """Whatever byte changes but the extra data, which nobody vouches for, the proof shows nothing."""
    raw = tlog_proof.encode(proof_of(77, 300, b"some extra data"))
    start = raw.index(b"extra ") + 6
    end = raw.index(b"\n", start)
    codes = set()
    for at, bit in itertools.product(range(len(raw)), (1, 0x20)):
        if start <= at < end:
            continue
        with pytest.raises(PeerWrongError) as caught:
            changed = raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :]
            tlog_proof.verify(tlog_proof.parse(changed), HASHES[77], VERIFIERS)
        codes.add(caught.value.code)
    assert codes == {"proof-malformed", "proof-false", "note-malformed", "note-bad-signature", "note-unsigned"}


LINE = base64.b64encode(HASHES[0])
HEAD = b"c2sp.org/tlog-proof@v1\n"
NOTE = signed(3)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        HEAD,
        HEAD + b"\n" + NOTE,
        HEAD + b"extra YWdl\n\n" + NOTE,
        HEAD[:-1],
        HEAD + b"index 0",
        HEAD + b"index 0\n",
        HEAD + b"index 0\n" + NOTE,
        b"c2sp.org/tlog-proof@v2\nindex 0\n\n" + NOTE,
        b"\n" + HEAD + b"index 0\n\n" + NOTE,
        b"index 0\n\n" + NOTE,
        HEAD + b"index 00\n\n" + NOTE,
        HEAD + b"index 01\n\n" + NOTE,
        HEAD + b"index -1\n\n" + NOTE,
        HEAD + b"index +1\n\n" + NOTE,
        HEAD + b"index  1\n\n" + NOTE,
        HEAD + b"index 1 \n\n" + NOTE,
        HEAD + b"index 1\r\n\n" + NOTE,
        HEAD + b"index\n\n" + NOTE,
        HEAD + b"Index 1\n\n" + NOTE,
        HEAD + b"index 9007199254740991\n\n" + NOTE,
        HEAD + b"index 10000000000000000\n\n" + NOTE,
        HEAD + b"index 0\nindex 0\n\n" + NOTE,
        HEAD + b"extra YWdl\nextra YWdl\nindex 0\n\n" + NOTE,
        HEAD + b"index 0\nextra YWdl\n\n" + NOTE,
        HEAD + b"extra YWd\nindex 0\n\n" + NOTE,
        HEAD + b"extra YWd=\nindex 0\n\n" + NOTE,
        HEAD + b"extra YW e\nindex 0\n\n" + NOTE,
        HEAD + b"extra  YWdl\nindex 0\n\n" + NOTE,
        HEAD + b"extra\nindex 0\n\n" + NOTE,
        HEAD + b"extra !!!!\nindex 0\n\n" + NOTE,
        HEAD + b"index 0\n" + LINE[:-1] + b"\n\n" + NOTE,
        HEAD + b"index 0\n" + LINE + b" \n\n" + NOTE,
        HEAD + b"index 0\n" + LINE + b"\r\n\n" + NOTE,
        HEAD + b"index 0\n" + base64.b64encode(bytes(31)) + b"\n\n" + NOTE,
        HEAD + b"index 0\n" + base64.b64encode(bytes(33)) + b"\n\n" + NOTE,
        HEAD + b"index 0\n" + LINE[:-2] + b"/=\n\n" + NOTE,
        HEAD + b"index 0\n" + (LINE + b"\n") * 64 + b"\n" + NOTE,
    ],
)
def test_other_spellings_of_a_proof_are_refused(raw: bytes) -> None:
    """Each part has one spelling and one place, and a path has at most 63 hashes."""
    assert malformed(raw)


def test_the_largest_proof_is_read() -> None:
    """63 hashes, index 2^53 - 2, one MiB in all; one byte more is refused."""
    proof = InclusionProof(2**53 - 2, tuple(HASHES[:63]), b"", b"x")
    room = limits.PROOF_MAX_BYTES - len(tlog_proof.encode(proof))
    whole = tlog_proof.encode(replace(proof, checkpoint=b"n" * room))
    assert len(whole) == 1_048_576
    assert len(tlog_proof.parse(whole).hashes) == 63
    assert malformed(whole + b"n")


def test_hashes_have_one_text() -> None:
    """Exactly 32 bytes in canonical base64, as text or bytes; a list of up to 63 of them."""
    assert tlog_proof.decode_hash(LINE) == tlog_proof.decode_hash(LINE.decode()) == HASHES[0]
    assert tlog_proof.decode_hash(LINE[:-2] + b"/=") is None
    assert tlog_proof.decode_hash(base64.b64encode(bytes(33))) is None
    assert tlog_proof.decode_hash("è") is None
    assert tlog_proof.decode_hashes([LINE] * 63) == (HASHES[0],) * 63
    assert tlog_proof.decode_hashes([LINE] * 64) is None
    assert tlog_proof.decode_hashes([LINE, b""]) is None
    assert tlog_proof.decode_hashes([]) == ()
    assert limits.PROOF_LINES_MAX == 63


def test_the_checkpoint_must_be_signed_by_its_log() -> None:
    """A stranger's signature, a bad one, a cosigner's, or another log's over this origin: each refused by name."""
    proof = proof_of(1, 3)
    text = note.parse(proof.checkpoint).text
    stranger = keys.LogSigner(ORIGIN, STRANGER)
    assert refusal(replace(proof, checkpoint=note.sign(text, [stranger])), HASHES[1]) == "note-unsigned"
    bad = text + b"\n" + note.format_line(ORIGIN, SIGNER.id, bytes(64))
    assert refusal(replace(proof, checkpoint=bad), HASHES[1]) == "note-bad-signature"
    elsewhere = keys.Verifier(ORIGIN + "x", keys.LOG_TYPE, STRANGER.public_key().public_bytes_raw())
    other = keys.LogSigner(ORIGIN + "x", STRANGER)
    alone = replace(proof, checkpoint=note.sign(text, [other]))
    assert refusal(alone, HASHES[1], [elsewhere, *VERIFIERS]) == "checkpoint-other-origin"
    both = replace(proof, checkpoint=note.sign(text, [other, SIGNER]))
    assert tlog_proof.verify(both, HASHES[1], [elsewhere, *VERIFIERS]).size == 3
    cosigner = keys.Verifier(ORIGIN, keys.COSIGNATURE_TYPE, PUBLIC)
    line = note.format_line(ORIGIN, cosigner.id, PRIVATE.sign(text))
    assert refusal(replace(proof, checkpoint=text + b"\n" + line), HASHES[1], [cosigner]) == "note-unsigned"


def test_a_witness_among_the_verifiers_does_not_spoil_its_own_line() -> None:
    """A cosignature beside the log's signature is not taken for a bad signature of a known key."""
    witness = keys.Verifier("roma.it/witness", keys.COSIGNATURE_TYPE, PUBLIC)
    line = note.format_line(witness.name, witness.id, bytes(72))
    proof = replace(proof_of(1, 3), checkpoint=signed(3) + line)
    assert tlog_proof.verify(proof, HASHES[1], [witness, *VERIFIERS]).size == 3


def test_a_signed_text_that_is_no_checkpoint_proves_nothing() -> None:
    """An extension line, or a note that is none: the errors of note and checkpoint pass through."""
    proof = proof_of(1, 3)
    text = note.parse(proof.checkpoint).text + b"extension\n"
    assert refusal(replace(proof, checkpoint=note.sign(text, [SIGNER])), HASHES[1]) == "checkpoint-malformed"
    assert refusal(replace(proof, checkpoint=b"nonsense"), HASHES[1]) == "note-malformed"
