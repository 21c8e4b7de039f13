"""Witnesses: their choice, what they are asked, each refusal the specification names, and what their lines are worth."""

from __future__ import annotations

import base64
import hashlib
import itertools
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.errors import CallerError, PeerWrongError
from node.protocol import checkpoint, keys, limits, merkle, note, witness
from node.protocol.checkpoint import Checkpoint
from node.protocol.witness import Cosigned, Submission, WitnessConflictError
from tests.merkle_oracle import mth

ORIGIN = "lecce.example.it/federation/log/2026"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
SIGNER = keys.LogSigner(ORIGIN, PRIVATE)
VERIFIERS = [keys.Verifier(ORIGIN, keys.LOG_TYPE, PRIVATE.public_key().public_bytes_raw())]
HASHES = [merkle.leaf_hash(f"entry {n}".encode()) for n in range(3_000)]
PLACES = [f"{name}.example.it" for name in ("bari", "como", "lecce", "lodi", "pisa", "roma", "terni", "torino")]
SPEC_REQUEST = (
    "old 20852014\n"
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
    "\n"
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeM"
    "cTOAYQ8=\n"
).encode()
SPEC_REPLY = (
    "— witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6"
    "Up69HVOw==\n"
    "— witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpy"
    "sAdyP3wQ==\n"
).encode()


def head_of(size: int) -> Checkpoint:
    """The log's head after some entries."""
    return Checkpoint(ORIGIN, size, mth(HASHES[:size]))


def signed(head: Checkpoint) -> bytes:
    """The note of a head with the log's signature."""
    return note.sign(head.text(), [SIGNER])


def path(old: int, new: int) -> tuple[bytes, ...]:
    """The consistency proof between two sizes of the log."""
    proof = merkle.consistency_proof(old, new, lambda level, i: mth(HASHES[i << level : (i + 1) << level]))
    return tuple(proof)


def asked(old: int, new: int) -> Submission:
    """What an honest log asks that grew from one size to another."""
    return Submission(old, path(old, new) if old else (), signed(head_of(new)))


def judged(found: Submission, recorded: int | None = None, root: bytes | None = None) -> str:
    """The code of a witness that last cosigned the recorded size (the one asked for, when None); "" for its consent."""
    size = found.old if recorded is None else recorded
    try:
        target = witness.judge(found, VERIFIERS, size, mth(HASHES[:size]) if root is None else root)
    except CallerError as error:
        return error.code
    assert note.parse(found.checkpoint).text == target.text()
    return ""


def refused_request(raw: bytes) -> str:
    """The code with which a request is refused unread."""
    with pytest.raises(CallerError) as caught:
        witness.parse_submission(raw)
    return caught.value.code


# -- choice --


def test_the_members_of_largest_hash_witness_best_first() -> None:
    """The choice is the plain sorting of SHA-256(origin || member) as bytes, three unless told."""
    ranked = sorted(PLACES, key=lambda place: hashlib.sha256((ORIGIN + place).encode()).hexdigest())[::-1]
    assert witness.choose(ORIGIN, PLACES) == tuple(ranked[:3])
    assert witness.choose(ORIGIN, iter(PLACES), 5) == tuple(ranked[:5])
    assert witness.choose(ORIGIN, PLACES, 99) == tuple(ranked)
    assert witness.choose(ORIGIN, [], 3) == ()


def test_a_member_named_twice_is_one_witness() -> None:
    """Repeating a name gives it no second place."""
    assert witness.choose(ORIGIN, PLACES * 2, 99) == witness.choose(ORIGIN, PLACES, 99)


@given(st.permutations(PLACES), st.sampled_from(PLACES), st.integers(0, 50))
def test_one_member_more_or_less_changes_at_most_its_own_place(members: list[str], gone: str, year: int) -> None:
    """The order of names is nothing; without one member the others keep their order."""
    origin = f"{ORIGIN}{year}"
    whole = witness.choose(origin, members, len(PLACES))
    assert whole == witness.choose(origin, PLACES, len(PLACES))
    rest = witness.choose(origin, [member for member in members if member != gone], 3)
    assert rest == tuple(member for member in whole if member != gone)[:3]


def test_different_logs_have_different_witnesses() -> None:
    """The origin is part of the hash, so that the work is spread."""
    assert len({witness.choose(f"{ORIGIN}{n}", PLACES) for n in range(20)}) > 10


# -- requests --


def test_the_specification_s_request_is_read_and_written() -> None:
    """The example of tlog-witness: size, four hashes, origin; encoding gives the same bytes."""
    found = witness.parse_submission(SPEC_REQUEST)
    assert (found.old, len(found.proof), found.origin) == (20_852_014, 4, "example.com/behind-the-sofa")
    assert witness.encode_submission(found.old, found.proof, found.checkpoint) == SPEC_REQUEST


def test_an_origin_that_is_no_text_is_an_unknown_one() -> None:
    """Bytes that are not UTF-8 name no log, and asking for the name is no failure."""
    assert Submission(0, (), b"\xff\n1\n").origin == "\ufffd"


@given(st.integers(0, 2**53 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_requests_read_back(old: int, proof: list[bytes]) -> None:
    """Whatever size and up to 63 hashes are written, they are read."""
    note_bytes = signed(head_of(3))
    raw = witness.encode_submission(old, iter(proof), note_bytes)
    assert witness.parse_submission(raw) == Submission(old, tuple(proof), note_bytes)


def test_a_request_holds_63_hashes_and_no_more() -> None:
    """63 lines are read, 64 refused."""
    whole = witness.encode_submission(1, HASHES[:63], signed(head_of(3)))
    assert len(witness.parse_submission(whole).proof) == 63
    assert refused_request(witness.encode_submission(1, HASHES[:64], signed(head_of(3)))) == "witness-request-bad"


def test_the_largest_request_fits_its_limit() -> None:
    """A checkpoint of the largest size with 63 hashes before it stays below the limit for requests."""
    note_bytes = signed(head_of(3))
    stranger = note.format_line("w" * 300, b"abcd", bytes(600))
    many = note_bytes + stranger * 50
    assert len(many) < limits.CHECKPOINT_MAX_BYTES
    padding = limits.CHECKPOINT_MAX_BYTES - len(many) - len(note.format_line("", b"abcd", bytes(602)))
    many += note.format_line("v" * padding, b"abcd", bytes(602))
    raw = witness.encode_submission(2**53 - 1, HASHES[:63], many)
    assert len(many) == limits.CHECKPOINT_MAX_BYTES == 65_536
    assert len(raw) <= limits.WITNESS_REQUEST_MAX_BYTES == 73_728
    assert witness.parse_submission(raw).checkpoint == many
    one_more = witness.encode_submission(1, [], many.replace(b"v", b"vv", 1))
    assert refused_request(one_more) == "witness-request-bad"


LINE = base64.b64encode(HASHES[0])
NOTE = signed(head_of(3))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n" + NOTE,
        b"old 1",
        b"old 1\n",
        b"old 1\n\n",
        b"old 1\n" + NOTE,
        b"old 01\n\n" + NOTE,
        b"old 00\n\n" + NOTE,
        b"old +1\n\n" + NOTE,
        b"old -1\n\n" + NOTE,
        b"old  1\n\n" + NOTE,
        b"old 1 \n\n" + NOTE,
        b"old\t1\n\n" + NOTE,
        b"old 1\r\n\n" + NOTE,
        b"old \n\n" + NOTE,
        b"old\n\n" + NOTE,
        b"Old 1\n\n" + NOTE,
        b" old 1\n\n" + NOTE,
        b"old 0x1\n\n" + NOTE,
        b"old 1.0\n\n" + NOTE,
        "old ١\n\n".encode() + NOTE,
        b"old 9007199254740992\n\n" + NOTE,
        b"old 10000000000000000\n\n" + NOTE,
        b"old 1\n" + LINE[:-1] + b"\n\n" + NOTE,
        b"old 1\n" + LINE + b"=\n\n" + NOTE,
        b"old 1\n " + LINE + b"\n\n" + NOTE,
        b"old 1\n" + LINE + b" \n\n" + NOTE,
        b"old 1\n" + LINE + b"\r\n\n" + NOTE,
        b"old 1\n" + LINE[:-2] + b"/=\n\n" + NOTE,
        b"old 1\n" + base64.b64encode(bytes(31)) + b"\n\n" + NOTE,
        b"old 1\n" + base64.b64encode(bytes(33)) + b"\n\n" + NOTE,
        b"old 1\n" + base64.urlsafe_b64encode(b"\xff" * 32) + b"\n\n" + NOTE,
        b"old 1\n" + LINE + LINE + b"\n\n" + NOTE,
        b"old 1\n\n\n" + NOTE[:-1],
        b"old 1\n\n" + NOTE[:-1],
        b"old 1\n\n" + head_of(3).text(),
        b"old 1\n\n" + NOTE + b"\x00\n",
        b"old 1\n\n\xff" + NOTE,
    ],
)
def test_other_spellings_of_a_request_are_refused(raw: bytes) -> None:
    """Sizes, hashes and line ends have one spelling each, and what follows the blank line is a signed note."""
    assert refused_request(raw) == "witness-request-bad"


def test_the_largest_size_can_be_asked_for() -> None:
    """2^53 - 1 is a size; one more is not (above)."""
    assert witness.parse_submission(b"old 9007199254740991\n\n" + NOTE).old == 2**53 - 1


# -- judgement --


@given(st.integers(0, 3_000), st.data())
def test_growth_of_an_honest_log_is_cosigned(new: int, data: st.DataObject) -> None:
    """From any size to any larger or equal one; with one hash more, one fewer or one bit changed it is not."""
    old = data.draw(st.integers(0, new))
    found = asked(old, new)
    assert judged(found) == ""
    assert judged(replace(found, proof=(*found.proof, HASHES[0]))) == "witness-inconsistent"
    if found.proof:
        at = data.draw(st.integers(0, len(found.proof) - 1))
        bit = data.draw(st.integers(0, 255))
        changed = (int.from_bytes(found.proof[at], "big") ^ 1 << bit).to_bytes(32, "big")
        assert judged(replace(found, proof=found.proof[:-1])) == "witness-inconsistent"
        bent = (*found.proof[:at], changed, *found.proof[at + 1 :])
        assert judged(replace(found, proof=bent)) == "witness-inconsistent"
    if old:
        assert judged(found, old, root=HASHES[0][::-1]) == "witness-inconsistent"


def test_every_flipped_byte_of_a_request_is_refused() -> None:
    """Whatever byte of an honest request changes, nothing is cosigned."""
    raw = witness.encode_submission(100, path(100, 300), signed(head_of(300)))
    assert judged(witness.parse_submission(raw), 100) == ""
    codes = set()
    for at, bit in itertools.product(range(len(raw)), (1, 0x20)):
        changed = raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :]
        try:
            codes.add(judged(witness.parse_submission(changed), 100))
        except CallerError as error:
            codes.add(error.code)
    assert codes == {"witness-request-bad", "witness-unsigned", "witness-conflict", "witness-inconsistent"}


def test_only_the_origin_s_own_key_makes_a_checkpoint_count() -> None:
    """A stranger's signature, a bad one of the log's key, another log's or a cosigner's: 403. Strangers beside are ignored."""
    text = head_of(5).text()
    other = keys.LogSigner(ORIGIN, STRANGER)
    assert judged(Submission(0, (), note.sign(text, [other]))) == "witness-unsigned"
    assert judged(Submission(0, (), note.sign(text, [other, SIGNER]))) == ""
    bad = note.format_line(ORIGIN, SIGNER.id, bytes(64))
    assert judged(Submission(0, (), text + b"\n" + bad)) == "witness-unsigned"
    elsewhere = Checkpoint(ORIGIN + "x", 5, head_of(5).root)
    assert judged(Submission(0, (), signed(elsewhere))) == "witness-unsigned"
    cosigner = keys.Verifier(ORIGIN, keys.COSIGNATURE_TYPE, PRIVATE.public_key().public_bytes_raw())
    line = note.format_line(ORIGIN, cosigner.id, PRIVATE.sign(text))
    with pytest.raises(CallerError) as caught:
        witness.judge(Submission(0, (), text + b"\n" + line), [cosigner], 0, merkle.EMPTY_ROOT)
    assert caught.value.code == "witness-unsigned"


def test_a_malformed_checkpoint_is_a_bad_request_even_when_signed() -> None:
    """An extension line, a size past the limit or no note at all: 400."""
    text = head_of(5).text()
    assert judged(Submission(0, (), note.sign(text + b"extension\n", [SIGNER]))) == "witness-request-bad"
    assert judged(Submission(0, (), signed(replace(head_of(5), size=2**53)))) == "witness-request-bad"
    assert judged(Submission(0, (), text)) == "witness-request-bad"


def test_the_checks_come_in_the_specification_s_order() -> None:
    """403 before 400, 400 before 409, 409 before 422."""
    unsigned = note.sign(head_of(5).text(), [keys.LogSigner(ORIGIN, STRANGER)])
    assert judged(Submission(6, (), unsigned), 4) == "witness-unsigned"
    assert judged(Submission(6, HASHES[:1], signed(head_of(5))), 4) == "witness-request-bad"
    assert judged(Submission(5, HASHES[:1], signed(head_of(5))), 4) == "witness-conflict"
    assert judged(Submission(5, HASHES[:1], signed(head_of(5))), 5) == "witness-inconsistent"


@pytest.mark.parametrize(("old", "recorded"), [(0, 3), (2, 3), (4, 3), (5, 0), (3, 9)])
def test_a_request_that_starts_elsewhere_is_told_where_this_witness_is(old: int, recorded: int) -> None:
    """The conflict carries the recorded size, also when it is larger than the checkpoint."""
    with pytest.raises(WitnessConflictError) as caught:
        witness.judge(asked(old, 5), VERIFIERS, recorded, mth(HASHES[:recorded]))
    assert caught.value.code == "witness-conflict"
    assert caught.value.recorded_size == recorded
    assert f" {recorded} " in caught.value.render()[0]


def test_from_nothing_no_proof_is_wanted_nor_allowed() -> None:
    """Old size 0: the proof is empty, and what the caller has as the root of nothing is no matter."""
    assert judged(asked(0, 7)) == ""
    assert judged(asked(0, 7), 0, root=b"") == ""
    assert judged(replace(asked(0, 7), proof=(HASHES[0],))) == "witness-inconsistent"


def test_the_same_size_again_needs_the_same_root_and_no_proof() -> None:
    """Asking again is how a cosignature is made fresh; another root of that size is an offence."""
    assert judged(asked(7, 7)) == ""
    assert judged(replace(asked(7, 7), proof=(HASHES[0],))) == "witness-inconsistent"
    assert judged(asked(7, 7), 7, root=mth(HASHES[1:8])) == "witness-inconsistent"


def test_an_empty_log_has_one_root() -> None:
    """Size 0 with the empty tree's root is cosigned; with any other it is not."""
    assert judged(asked(0, 0)) == ""
    other = Checkpoint(ORIGIN, 0, HASHES[0])
    assert judged(Submission(0, (), signed(other))) == "witness-inconsistent"
    assert judged(Submission(0, (), signed(other)), 0, root=HASHES[0]) == "witness-inconsistent"


# -- replies --


def cosigner(place: str, private: Ed25519PrivateKey = PRIVATE) -> keys.Verifier:
    """A member's witness key."""
    return keys.Verifier(f"{place}/witness", keys.COSIGNATURE_TYPE, private.public_key().public_bytes_raw())


def line_of(place: str, at: int, private: Ed25519PrivateKey = PRIVATE, text: bytes = head_of(5).text()) -> bytes:
    """A member's cosignature of a head."""
    return witness.cosign(f"{place}/witness", private, text, at)


def read(raw: bytes, members: dict[str, keys.Verifier], text: bytes = head_of(5).text()) -> list[Cosigned]:
    """What the lines are worth."""
    return witness.read_cosignatures(
        witness.parse_lines(raw), text, {member: (verifier,) for member, verifier in members.items()}
    )


MEMBERS = {"roma": cosigner("roma.it"), "lodi": cosigner("lodi.it", STRANGER)}


def test_a_cosignature_is_the_specified_line() -> None:
    """The line is the name, and base64 of key id, time and signature over header, time line and text."""
    text = head_of(5).text()
    blob = PRIVATE.sign(b"cosignature/v1\ntime 1700000000\n" + text)
    whole = cosigner("roma.it").id + (1_700_000_000).to_bytes(8, "big") + blob
    assert line_of("roma.it", 1_700_000_000) == f"— roma.it/witness {base64.b64encode(whole).decode()}\n".encode()


def test_cosignatures_of_known_members_count_by_member() -> None:
    """Each good line gives member, time and line, sorted by member whatever their order."""
    roma, lodi = line_of("roma.it", 10), line_of("lodi.it", 20, STRANGER)
    assert read(roma + lodi, MEMBERS) == [Cosigned("lodi", 20, lodi), Cosigned("roma", 10, roma)]
    assert read(lodi + roma, MEMBERS) == [Cosigned("lodi", 20, lodi), Cosigned("roma", 10, roma)]
    assert read(roma, {}) == []


def test_of_one_member_the_newest_counts() -> None:
    """Older lines of the same key are nothing, before or after the newest."""
    older, newer = line_of("roma.it", 10), line_of("roma.it", 11)
    assert read(older + newer, MEMBERS) == read(newer + older, MEMBERS) == [Cosigned("roma", 11, newer)]


def test_of_two_keys_of_one_member_and_second_the_first_counts() -> None:
    """While a key changes both are good; which line is kept depends on the reply alone."""
    keyed = {"roma": (cosigner("roma.it"), cosigner("roma.it", STRANGER))}
    one, other = line_of("roma.it", 10), line_of("roma.it", 10, STRANGER)
    for first, second in ((one, other), (other, one)):
        lines = witness.parse_lines(first + second)
        assert witness.read_cosignatures(lines, head_of(5).text(), keyed) == [Cosigned("roma", 10, first)]


def test_unknown_and_bad_lines_count_for_nothing_and_hurt_nothing() -> None:
    """A stranger's, another text's, a wrong key's or a cut line beside a good one leaves the good one."""
    good = line_of("roma.it", 10)
    stranger = line_of("pisa.it", 30)
    elsewhere = line_of("lodi.it", 30, STRANGER, head_of(6).text())
    name, key = "lodi.it/witness", MEMBERS["lodi"]
    wrong = note.format_line(name, key.id, note.parse_line(good.decode()[:-1]).blob)
    cut = note.format_line(name, key.id, bytes(71))
    newer_but_bad = note.format_line("roma.it/witness", MEMBERS["roma"].id, (99).to_bytes(8, "big") + bytes(64))
    renamed = note.format_line(name, MEMBERS["roma"].id, note.parse_line(good.decode()[:-1]).blob)
    raw = stranger + elsewhere + wrong + cut + newer_but_bad + renamed + good
    assert read(raw, MEMBERS) == [Cosigned("roma", 10, good)]


def test_a_log_key_is_no_cosigner() -> None:
    """A verifier of another kind is passed over, even one whose key made the line."""
    public = PRIVATE.public_key().public_bytes_raw()
    verifier = keys.Verifier("roma.it/witness", keys.LOG_TYPE, public)
    signer = checkpoint.CosignatureSigner("roma.it/witness", PRIVATE, 10)
    line = note.format_line("roma.it/witness", verifier.id, signer.sign(head_of(5).text()))
    assert read(line, {"roma": verifier}) == []


@pytest.mark.parametrize(
    ("at", "counts"), [(0, False), (1, True), (2**63 - 1, True), (2**63, False), (2**64 - 1, False)]
)
def test_a_cosignature_has_a_moment(at: int, counts: bool) -> None:
    """Time 0 says nothing, and past 2^63 - 1 the specification has no time."""
    assert [found.at for found in read(line_of("roma.it", at), MEMBERS)] == ([at] if counts else [])


def test_every_flipped_byte_of_a_cosignature_makes_it_worthless() -> None:
    """Whatever byte of the line changes, it counts for nothing."""
    raw = line_of("roma.it", 10)
    for at, bit in itertools.product(range(len(raw)), (1, 0x20)):
        try:
            assert read(raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :], MEMBERS) == []
        except PeerWrongError as error:
            assert error.code == "cosignature-malformed"


def test_the_specification_s_reply_is_read() -> None:
    """The example of tlog-witness: names, key ids and blobs of timestamp and signature."""
    lines = witness.parse_lines(SPEC_REPLY)
    assert [line.name for line in lines] == ["witness.example/w1", "witness.example/w2"]
    assert [len(line.blob) for line in lines] == [72, 72]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        SPEC_REPLY[:-1],
        b"\n" + SPEC_REPLY,
        SPEC_REPLY + b"\n",
        SPEC_REPLY + b"\n" + SPEC_REPLY,
        b"text\n\n" + SPEC_REPLY,
        SPEC_REPLY.replace(b"\n", b"\r\n"),
        SPEC_REPLY.replace("—".encode(), b"-", 1),
        b"200 OK\n",
        b"\xff\n",
        "— na\x01me AAAAAAAA\n".encode(),
        "— name AAAAAAAA\n".encode() * 65,
        "— name ".encode() + b"A" * 65_536 + b"\n",
    ],
)
def test_other_replies_are_refused(raw: bytes) -> None:
    """A reply is one to 64 signature lines that could stand in a note, and nothing else."""
    with pytest.raises(PeerWrongError) as caught:
        witness.parse_lines(raw)
    assert caught.value.code == "cosignature-malformed"


def test_a_reply_may_have_as_many_lines_as_a_note() -> None:
    """64 lines are read."""
    assert len(witness.parse_lines("— name AAAAAAAA\n".encode() * 64)) == 64


# -- quorum --


@pytest.mark.parametrize(
    ("times", "quorum", "since"),
    [([], 2, None), ([5], 2, None), ([5, 9], 2, 5), ([9, 5, 7], 2, 7), ([9, 5, 7], 3, 5), ([9, 5, 7], 1, 9), ([7, 7, 1], 2, 7)],
)  # fmt: skip
def test_a_quorum_vouches_since_its_last_member_did(times: list[int], quorum: int, since: int | None) -> None:
    """The quorum-th newest time counts; with too few there is none."""
    assert witness.quorum_time(times, quorum) == since


@given(st.lists(st.integers(0, 2**40)), st.integers(1, 5))
def test_at_least_a_quorum_cosigned_at_or_after_that_time(times: list[int], quorum: int) -> None:
    """It is the latest moment at or after which at least a quorum of cosignatures was made."""
    since = witness.quorum_time(iter(times), quorum)
    if since is None:
        assert len(times) < quorum
    else:
        assert sum(at >= since for at in times) >= quorum
        assert sum(at > since for at in times) < quorum


def test_two_of_three_witnesses_are_a_quorum() -> None:
    """The numbers of the wire: three witnesses, two of them, for a day."""
    assert (limits.WITNESSES, limits.WITNESS_QUORUM, limits.FRESH_S) == (3, 2, 86_400)
    assert witness.quorum_time([9, 5, 7]) == 7
