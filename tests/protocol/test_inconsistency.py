"""Inconsistency proofs: every fork can be proven, no honest log can be slandered, and a stranger's script agrees."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.errors import CallerError, PeerWrongError
from node.protocol import inconsistency, keys, limits, merkle, note
from node.protocol.checkpoint import Checkpoint
from node.protocol.inconsistency import Inconsistency
from tests.merkle_oracle import mth

ORIGIN = "lecce.example.it/federation/log/2026"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
SIGNER = keys.LogSigner(ORIGIN, PRIVATE)
PUBLIC = PRIVATE.public_key().public_bytes_raw()
VERIFIERS = [keys.Verifier(ORIGIN, keys.LOG_TYPE, PUBLIC)]
VKEY = keys.format_vkey(ORIGIN, PUBLIC)
HASHES = [merkle.leaf_hash(f"entry {n}".encode()) for n in range(3_000)]
OTHER = merkle.leaf_hash(b"another entry")
SCRIPT = Path(__file__).resolve().parents[1] / "check_inconsistency.py"


def stranger_s_check() -> Callable[[bytes, str], bool]:
    """The stand-alone script's own judgement, as an exit status would tell it."""
    spec = importlib.util.spec_from_file_location("check_inconsistency", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def check(raw: bytes, vkey: str = VKEY) -> bool:
        try:
            return bool(module.contradicts(raw, vkey))
        except (ValueError, KeyError, IndexError, TypeError, InvalidSignature):
            return False

    return check


CHECK = stranger_s_check()


def reader(hashes: list[bytes]) -> merkle.HashAt:
    """What reads complete subtrees of a tree."""
    return lambda level, index: mth(hashes[index << level : (index + 1) << level])


def head_of(hashes: list[bytes]) -> Checkpoint:
    """The head of a log with these leaves."""
    return Checkpoint(ORIGIN, len(hashes), mth(hashes))


def signed(head: Checkpoint) -> bytes:
    """The note of a head with the log's signature."""
    return note.sign(head.text(), [SIGNER])


def claim(old: Checkpoint, new: Checkpoint, proof: tuple[bytes, ...]) -> Inconsistency:
    """The claim that two signed heads contradict each other."""
    return Inconsistency(old.origin, signed(old), signed(new), proof)


def forked(old: int, at: int) -> list[bytes]:
    """The first leaves of the log with one of them another."""
    return [*HASHES[:at], OTHER, *HASHES[at + 1 : old]]


def proven(old: list[bytes], new: list[bytes]) -> Inconsistency:
    """The proof that two trees of the log contradict each other."""
    proof = inconsistency.prove(head_of(old), head_of(new), reader(new))
    assert proof is not None
    return claim(head_of(old), head_of(new), proof)


def unproven(value: Inconsistency) -> bool:
    """Tell whether a claim is refused, by us and by the stranger."""
    with pytest.raises(PeerWrongError) as caught:
        inconsistency.verify(value, VERIFIERS)
    return caught.value.code == "inconsistency-unproven" and not CHECK(inconsistency.encode(value))


# -- every fork can be proven --


@given(st.integers(1, 3_000), st.data())
def test_every_fork_is_proven(new: int, data: st.DataObject) -> None:
    """Any old tree with one other leaf than the new one's beginning: proof, verification and the stranger agree."""
    old = data.draw(st.one_of(st.integers(1, new), st.sampled_from([1 << k for k in range(new.bit_length())])))
    tree = forked(old, data.draw(st.integers(0, old - 1)))
    value = proven(tree, HASHES[:new])
    assert inconsistency.verify(value, VERIFIERS) == (head_of(tree), head_of(HASHES[:new]))
    assert inconsistency.parse(inconsistency.encode(value)) == value
    assert CHECK(inconsistency.encode(value))
    assert bool(value.proof) == (old < new)
    power_of_two = old < new and old & (old - 1) == 0
    assert not power_of_two or value.proof[0] == mth(HASHES[:old])


@given(st.integers(1, 3_000), st.data())
def test_an_honest_log_can_not_be_slandered(new: int, data: st.DataObject) -> None:
    """Between two heads of one tree there is no proof, and neither its true path nor a bent one passes for one."""
    old = data.draw(st.one_of(st.integers(1, new), st.sampled_from([1 << k for k in range(new.bit_length())])))
    before, after = head_of(HASHES[:old]), head_of(HASHES[:new])
    assert inconsistency.prove(before, after, reader(HASHES[:new])) is None
    ordinary = tuple(merkle.consistency_proof(old, new, reader(HASHES[:new])))
    assert unproven(claim(before, after, ordinary))
    assert unproven(claim(before, after, (before.root, *ordinary)))
    assert unproven(claim(before, after, (OTHER, *ordinary)))
    assert unproven(claim(before, after, ()))
    assert unproven(claim(after, before, ordinary)) or old == new
    if ordinary:
        at = data.draw(st.integers(0, len(ordinary) - 1))
        assert unproven(claim(before, after, (*ordinary[:at], OTHER, *ordinary[at + 1 :])))
        assert unproven(claim(before, after, (before.root, *ordinary[:at], OTHER, *ordinary[at + 1 :])))
        assert unproven(claim(before, after, ordinary[:-1]))


@given(st.integers(1, 3_000), st.data())
def test_a_proof_of_a_fork_has_no_hash_to_spare(new: int, data: st.DataObject) -> None:
    """One hash more, one fewer, one bent or two changed over: nothing is shown."""
    old = data.draw(st.integers(1, new))
    value = proven(forked(old, data.draw(st.integers(0, old - 1))), HASHES[:new])
    assert unproven(replace(value, proof=(*value.proof, OTHER)))
    assert unproven(replace(value, proof=(OTHER, *value.proof)))
    if value.proof:
        at, bit = data.draw(st.integers(0, len(value.proof) - 1)), data.draw(st.integers(0, 255))
        bent = (int.from_bytes(value.proof[at], "big") ^ 1 << bit).to_bytes(32, "big")
        assert unproven(replace(value, proof=(*value.proof[:at], bent, *value.proof[at + 1 :])))
        assert unproven(replace(value, proof=value.proof[1:]))
        assert unproven(replace(value, proof=value.proof[:-1]))
        assert unproven(replace(value, proof=value.proof[::-1])) or len(value.proof) == 1


def test_two_roots_of_one_size_need_no_hashes() -> None:
    """Same size and different roots contradict each other as they are; with any hash it is no proof."""
    value = proven(forked(7, 3), HASHES[:7])
    assert value.proof == ()
    assert inconsistency.verify(value, VERIFIERS)
    assert unproven(replace(value, proof=(OTHER,)))
    assert inconsistency.prove(head_of(HASHES[:7]), head_of(HASHES[:7]), reader(HASHES)) is None


def test_tiles_that_are_not_the_new_tree_s_prove_nothing() -> None:
    """Hashes read from the old tree, or from any other, do not rebuild the new root."""
    for old in (4, 5, 8):
        tree = forked(old, 2)
        other = [*tree, *HASHES[old:12]]
        assert inconsistency.prove(head_of(tree), head_of(HASHES[:12]), reader(other)) is None
        assert inconsistency.prove(head_of(tree), head_of(HASHES[:12]), reader(HASHES[1:13])) is None


def test_nothing_is_proven_from_an_empty_or_a_larger_old_tree() -> None:
    """Size 0 is consistent with all, and a smaller tree can't contradict a larger one."""
    wrong = Checkpoint(ORIGIN, 0, OTHER)
    assert inconsistency.prove(wrong, head_of(HASHES[:5]), reader(HASHES)) is None
    assert inconsistency.prove(head_of([]), head_of([]), reader(HASHES)) is None
    assert inconsistency.prove(wrong, head_of([]), reader(HASHES)) is None
    assert inconsistency.prove(head_of(forked(6, 0)), head_of(HASHES[:5]), reader(HASHES)) is None
    assert unproven(claim(wrong, head_of(HASHES[:5]), (OTHER,)))
    assert unproven(claim(head_of(HASHES[:5]), head_of(forked(4, 0)), (OTHER,)))


# -- who signed --


def test_both_heads_are_signed_by_the_log_itself() -> None:
    """A stranger's, a bad, a cosigner's or no signature on either head: nothing is shown."""
    value = proven(forked(5, 2), HASHES[:9])
    for name, head in (("cp_old", head_of(forked(5, 2))), ("cp_new", head_of(HASHES[:9]))):
        stranger = note.sign(head.text(), [keys.LogSigner(ORIGIN, STRANGER)])
        bad = head.text() + b"\n" + note.format_line(ORIGIN, SIGNER.id, bytes(64))
        extended = note.sign(head.text() + b"extension\n", [SIGNER])
        for other in (stranger, bad, extended, head.text(), b""):
            assert unproven(replace(value, **{name: other}))


def test_both_heads_are_of_the_log_that_is_accused() -> None:
    """Another origin in the claim, in the old or in the new head: nothing is shown, whoever signed."""
    other = ORIGIN + "x"
    public = STRANGER.public_key().public_bytes_raw()
    verifiers = [*VERIFIERS, keys.Verifier(other, keys.LOG_TYPE, public)]
    value = proven(forked(5, 2), HASHES[:5])

    def signed_by_other(head: Checkpoint) -> bytes:
        return note.sign(replace(head, origin=other).text(), [keys.LogSigner(other, STRANGER)])

    old, new = signed_by_other(head_of(forked(5, 2))), signed_by_other(head_of(HASHES[:5]))
    assert inconsistency.verify(Inconsistency(other, old, new, ()), verifiers)
    for origin, first, second in (
        (other, value.cp_old, value.cp_new),
        (ORIGIN, old, value.cp_new),
        (other, old, value.cp_new),
        (ORIGIN, value.cp_old, new),
        (other, value.cp_old, new),
        (ORIGIN, old, new),
    ):
        with pytest.raises(PeerWrongError) as caught:
            inconsistency.verify(Inconsistency(origin, first, second, ()), verifiers)
        assert caught.value.code == "inconsistency-unproven"
    # One log's key over another's origin line accuses neither.
    crossed = note.sign(head_of(forked(5, 2)).text(), [keys.LogSigner(other, STRANGER)])
    with pytest.raises(PeerWrongError):
        inconsistency.verify(replace(value, cp_old=crossed), verifiers)


def test_a_proof_needs_only_the_log_s_own_lines() -> None:
    """Strangers' lines, cosignatures and repetitions are dropped, so that none of them can keep a proof from being told."""
    head = head_of(HASHES[:5])
    cosigner = keys.Verifier("roma.it/witness", keys.COSIGNATURE_TYPE, PUBLIC)
    strange = note.format_line("e\u0301", b"abcd", bytes(64)) + note.format_line(cosigner.name, cosigner.id, bytes(72))
    again = note.format_line(ORIGIN, SIGNER.id, bytes(64))
    crowded = note.sign(head.text(), [keys.LogSigner(ORIGIN, STRANGER), SIGNER]) + strange + again
    with pytest.raises(CallerError):
        inconsistency.encode(replace(proven(forked(5, 2), HASHES[:5]), cp_new=crowded))
    assert inconsistency.bare(crowded, VERIFIERS) == signed(head)
    both = [*VERIFIERS, keys.Verifier(ORIGIN, keys.LOG_TYPE, STRANGER.public_key().public_bytes_raw())]
    two = note.sign(head.text(), [keys.LogSigner(ORIGIN, STRANGER), SIGNER])
    assert inconsistency.bare(crowded, both) == two
    for refused in (head.text() + b"\n" + again, head.text() + b"\n" + strange, b""):
        with pytest.raises(PeerWrongError):
            inconsistency.bare(refused, VERIFIERS)


# -- bytes --

VALUE = proven(forked(100, 7), HASHES[:300])
RAW = inconsistency.encode(VALUE)
HASH_TEXT = base64.b64encode(OTHER).decode()


def written(**changes: Any) -> bytes:
    """The proof as plain JSON with some fields changed."""
    fields = json.loads(RAW) | changes
    kept = {name: value for name, value in fields.items() if value is not ...}
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def malformed(raw: bytes) -> bool:
    """Tell whether bytes are refused as one claim, and as one of a list."""
    codes = []
    for parse, claimed in ((inconsistency.parse, raw), (inconsistency.parse_list, b"[" + raw + b"]")):
        with pytest.raises(PeerWrongError) as caught:
            parse(claimed)
        codes.append(caught.value.code)
    return codes == ["inconsistency-malformed"] * 2


def test_a_proof_is_the_canonical_object() -> None:
    """Four keys in order, notes as text, hashes in base64; its name is the SHA-256 of the bytes."""
    assert written() == RAW
    assert RAW.startswith(b'{"cp_new":"lecce.example.it/federation/log/2026\\n300\\n')
    assert json.loads(RAW)["proof"][0] == base64.b64encode(VALUE.proof[0]).decode()
    assert inconsistency.digest(VALUE) == hashlib.sha256(RAW).digest()


@pytest.mark.parametrize("power_of_two", [True, False])
def test_every_flipped_byte_of_a_proof_is_refused(power_of_two: bool) -> None:
    """Whatever byte changes, neither we nor the stranger take it for a proof."""
    value = proven(forked(4, 1), HASHES[:7]) if power_of_two else proven(forked(5, 1), HASHES[:7])
    raw = inconsistency.encode(value)
    codes = set()
    for at, bit in itertools.product(range(len(raw)), (1, 0x20)):
        changed = raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :]
        assert not CHECK(changed)
        with pytest.raises(PeerWrongError) as caught:
            inconsistency.verify(inconsistency.parse(changed), VERIFIERS)
        codes.add(caught.value.code)
    assert codes == {"inconsistency-malformed", "inconsistency-unproven"}


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b"null",
        b'"text"',
        b"[]",
        RAW + b"\n",
        RAW.replace(b":[", b": [", 1),
        json.dumps(dict(reversed(json.loads(RAW).items())), separators=(",", ":")).encode(),
        *(written(**{name: ...}) for name in ("cp_new", "cp_old", "origin", "proof")),
        *(written(**{name: None}) for name in ("cp_new", "cp_old", "origin", "proof")),
        *(written(**{name: 1}) for name in ("cp_new", "cp_old", "origin", "proof")),
        written(more=1),
        written(proof=HASH_TEXT),
        written(proof={}),
        written(proof=[1]),
        written(proof=[None]),
        written(proof=[[HASH_TEXT]]),
        written(proof=[""]),
        written(proof=[HASH_TEXT[:-1]]),
        written(proof=[HASH_TEXT + "\n"]),
        written(proof=[HASH_TEXT, base64.b64encode(bytes(33)).decode()]),
        written(proof=[base64.b64encode(bytes(31)).decode(), HASH_TEXT]),
        written(proof=[HASH_TEXT[:-2] + "/="]),
        written(proof=[HASH_TEXT] * 65),
        written(origin="e\u0301"),
    ],
)
def test_other_objects_are_no_proof(raw: bytes) -> None:
    """Exactly these keys, of these types, in canonical bytes, with up to 64 hashes of 32 bytes."""
    assert malformed(raw)


def test_the_largest_proof_is_read() -> None:
    """64 hashes and one MiB; one byte more is refused, one and in a list."""
    whole = written(proof=[HASH_TEXT] * 64, cp_old="")
    room = limits.PROOF_MAX_BYTES - len(whole)
    largest = written(proof=[HASH_TEXT] * 64, cp_old="x" * room)
    assert len(largest) == 1_048_576
    assert len(inconsistency.parse(largest).proof) == 64
    assert malformed(written(proof=[HASH_TEXT] * 64, cp_old="x" * (room + 1)))
    listed = b"[" + written(proof=[], cp_old="") + b"]"
    largest = listed.replace(b'"cp_old":"', b'"cp_old":"' + b"x" * (limits.PROOFS_MAX_BYTES - len(listed)))
    assert len(largest) == 1_048_576
    assert len(inconsistency.parse_list(largest)) == 1
    with pytest.raises(PeerWrongError):
        inconsistency.parse_list(largest.replace(b"x", b"xx", 1))


def test_no_bytes_are_no_proof() -> None:
    """Nothing is not a claim."""
    with pytest.raises(PeerWrongError) as caught:
        inconsistency.parse(b"")
    assert caught.value.code == "inconsistency-malformed"


def test_lists_read_back_in_their_order() -> None:
    """A list of none, one or two is the canonical array of them; anything else is no list."""
    second = proven(forked(5, 1), HASHES[:7])
    for values in ([], [VALUE], [VALUE, second], [second, VALUE]):
        raw = inconsistency.encode_list(iter(values))
        assert raw == b"[" + b",".join(map(inconsistency.encode, values)) + b"]"
        assert inconsistency.parse_list(raw) == values
    for raw in (RAW, b"{}", b"null", b"", b"[1]", b"[[]]", b"[null]"):
        with pytest.raises(PeerWrongError) as caught:
            inconsistency.parse_list(raw)
        assert caught.value.code == "inconsistency-malformed"


def test_a_list_stays_within_what_a_peer_reads() -> None:
    """What would not fit is left out, what fits to the byte stays, and a small one after a large one still goes."""
    small = proven(forked(5, 1), HASHES[:7])
    room = limits.PROOFS_MAX_BYTES - len(inconsistency.encode_list([small, small]))
    # The second may grow by exactly what is left.
    fits = replace(small, cp_old=small.cp_old + b"x" * room)
    over = replace(small, cp_old=small.cp_old + b"x" * (room + 1))
    exact = inconsistency.encode_list([small, fits])
    assert len(exact) == limits.PROOFS_MAX_BYTES
    assert inconsistency.parse_list(exact) == [small, fits]
    assert inconsistency.parse_list(inconsistency.encode_list([small, over])) == [small]
    assert inconsistency.parse_list(inconsistency.encode_list([small, over, small])) == [small, small]


# -- the stranger's script --


def exit_status(folder: Path, raw: bytes, vkey: str) -> int:
    """How the script ends on a file."""
    file = folder / "proof.json"
    file.write_bytes(raw)
    return subprocess.run([sys.executable, str(SCRIPT), str(file), vkey], check=False, cwd=folder).returncode


def test_a_stranger_s_script_tells_good_proofs_from_bent_ones(tmp_path: Path) -> None:
    """Without any of our code: 0 for forks of any kind, 1 for honest heads, bent bytes and another key."""
    honest = claim(head_of(HASHES[:4]), head_of(HASHES[:7]), (mth(HASHES[:4]), mth(HASHES[4:7])))
    for value, status in (
        (VALUE, 0),
        (proven(forked(4, 1), HASHES[:7]), 0),
        (proven(forked(7, 6), HASHES[:7]), 0),
        (honest, 1),
        (replace(VALUE, proof=(*VALUE.proof[:-1], OTHER)), 1),
        (replace(VALUE, origin=ORIGIN + "x"), 1),
    ):
        assert exit_status(tmp_path, inconsistency.encode(value), VKEY) == status
    stranger = keys.format_vkey(ORIGIN, STRANGER.public_key().public_bytes_raw())
    assert exit_status(tmp_path, RAW, stranger) == 1
    assert exit_status(tmp_path, b"nonsense", VKEY) == 1


def test_the_script_shares_nothing_with_the_product() -> None:
    """It imports none of our modules and can be read in one sitting."""
    source = SCRIPT.read_text(encoding="utf-8")
    assert "import node" not in source
    assert "from node" not in source
    assert len(source.splitlines()) < 80
