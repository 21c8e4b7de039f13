"""Several keys of one log: any of them speaks for it, a withdrawn one for no more than its size, wherever a checkpoint is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import CallerError, PeerWrongError
from node.protocol import checkpoint, feed, inconsistency, keys, merkle, note, tlog_proof, witness
from node.protocol.checkpoint import Checkpoint
from node.protocol.inconsistency import Inconsistency
from node.protocol.tlog_proof import InclusionProof
from node.protocol.witness import Submission

ORIGIN = "lecce.example.it/federation/log/2026"
OLD, NEW, STRANGER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))
ENTRIES = [f"entry {n}".encode() for n in range(40)]
HASHES = [merkle.leaf_hash(raw) for raw in ENTRIES]
UNTIL = 20


def verifier(key: Ed25519PrivateKey, until_size: int | None = None, name: str = ORIGIN) -> keys.Verifier:
    """What checks a key's signatures."""
    return keys.Verifier(name, keys.LOG_TYPE, key.public_key().public_bytes_raw(), until_size)


BOTH = [verifier(OLD), verifier(NEW)]
WITHDRAWN = [verifier(OLD, UNTIL), verifier(NEW)]


def head(size: int, *, forked: bool = False) -> Checkpoint:
    """The head of so many entries, of the log or of another history of it."""
    hashes = [merkle.leaf_hash(b"y"), *HASHES[1:]] if forked else HASHES
    return Checkpoint(ORIGIN, size, root(hashes[:size]))


def root(hashes: list[bytes]) -> bytes:
    """The root of any number of leaves."""
    grown = merkle.CompactRange()
    grown.extend(hashes)
    return grown.root()


def signed(found: Checkpoint, *by: Ed25519PrivateKey) -> bytes:
    """The note of a head with the signatures of those keys."""
    return note.sign(found.text(), [keys.LogSigner(ORIGIN, key) for key in by])


def opened(raw: bytes, verifiers: list[keys.Verifier]) -> Checkpoint:
    """As a pull reads a head."""
    return feed.open_checkpoint(raw, origin=ORIGIN, verifiers=verifiers, known=feed.Head.empty(ORIGIN))


def proved(raw: bytes, verifiers: list[keys.Verifier]) -> Checkpoint:
    """As a proof of inclusion reads a head, of its first entry."""
    size = checkpoint.parse(note.parse(raw).text).size
    hashes = tuple(merkle.inclusion_proof(0, size, lambda level, at: root(HASHES[at << level : (at + 1) << level])))
    return tlog_proof.verify(InclusionProof(0, hashes, raw), HASHES[0], verifiers)


def judged(raw: bytes, verifiers: list[keys.Verifier]) -> Checkpoint:
    """As a witness reads a head that it never saw."""
    try:
        return witness.judge(Submission(0, (), raw), verifiers, 0, merkle.EMPTY_ROOT)
    except CallerError as error:
        assert error.code == "witness-unsigned"
        raise PeerWrongError("checkpoint-key-withdrawn", error.what) from error


READERS = [opened, tlog_proof.signed_checkpoint, proved, judged]
Reader = Callable[[bytes, list[keys.Verifier]], Checkpoint]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("by", [(OLD,), (NEW,), (OLD, NEW), (NEW, STRANGER)])
def test_any_key_of_a_log_speaks_for_it(read: Reader, by: tuple[Ed25519PrivateKey, ...]) -> None:
    """One of the listed keys is enough, whichever it is and whoever else signed; also for those that know only one of them."""
    found = head(30)
    assert read(signed(found, *by), BOTH) == found
    assert opened(signed(found, OLD, NEW), [verifier(OLD)]) == opened(signed(found, OLD, NEW), [verifier(NEW)]) == found


@pytest.mark.parametrize("read", READERS)
def test_a_withdrawn_key_speaks_up_to_its_size_and_no_further(read: Reader) -> None:
    """At the size itself it still counts, one entry later it is nobody's word; the new key's counts on both sides."""
    for size in (1, UNTIL - 1, UNTIL):
        assert read(signed(head(size), OLD), WITHDRAWN) == head(size)
    for size in (UNTIL + 1, 39):
        with pytest.raises(PeerWrongError, match="checkpoint-key-withdrawn"):
            read(signed(head(size), OLD), WITHDRAWN)
        assert read(signed(head(size), NEW), WITHDRAWN) == head(size)
        assert read(signed(head(size), OLD, NEW), WITHDRAWN) == head(size)


def test_a_refusal_tells_up_to_where_a_withdrawn_key_counts() -> None:
    """The farthest of those that signed, and how far the checkpoint goes."""
    for verifiers, until in (
        ([verifier(OLD, 7)], 7),
        ([verifier(OLD, 7), verifier(NEW, 9)], 9),
        ([verifier(OLD, 0)], 0),
    ):
        with pytest.raises(PeerWrongError) as caught:
            opened(signed(head(30), OLD, NEW), verifiers)
        assert (caught.value.code, caught.value.facts) == ("checkpoint-key-withdrawn", {"until": until, "size": 30})


def test_of_a_withdrawn_key_with_size_nothing_only_the_empty_log_is_left() -> None:
    """Until 0 entries there is one tree only: whoever has the key can say nothing with it."""
    void = [verifier(OLD, 0), verifier(NEW)]
    empty = Checkpoint(ORIGIN, 0, merkle.EMPTY_ROOT)
    assert opened(signed(empty, OLD), void) == empty
    with pytest.raises(PeerWrongError, match="checkpoint-key-withdrawn"):
        opened(signed(head(1), OLD), void)


def test_a_key_that_is_listed_no_more_is_a_stranger_s() -> None:
    """After the overlap the old key signs nothing any more, at any size."""
    with pytest.raises(PeerWrongError, match="checkpoint-bad-signature"):
        opened(signed(head(5), OLD), [verifier(NEW)])


def test_a_bad_signature_of_a_listed_key_spoils_the_note_also_where_it_would_not_count() -> None:
    """A known key with a bad signature rejects the note (PROTOCOL 2.1), withdrawn or not."""
    bent = signed(head(30), NEW) + note.format_line(ORIGIN, verifier(OLD).id, bytes(64))
    for verifiers in (BOTH, WITHDRAWN):
        with pytest.raises(PeerWrongError, match="checkpoint-bad-signature"):
            opened(bent, verifiers)
    assert opened(bent, [verifier(NEW)]) == head(30)


def test_what_is_handed_on_has_only_the_signatures_that_count() -> None:
    """A relay and a proof carry the word of every key that counts for this size, and of no other."""
    whole = signed(head(30), OLD, NEW, STRANGER)
    assert inconsistency.bare(whole, BOTH) == signed(head(30), OLD, NEW)
    assert inconsistency.bare(whole, WITHDRAWN) == signed(head(30), NEW)
    assert inconsistency.bare(signed(head(UNTIL), OLD, NEW), WITHDRAWN) == signed(head(UNTIL), OLD, NEW)


def test_two_keys_of_one_log_are_one_voice_in_a_proof_against_it() -> None:
    """Two heads that can't both be true accuse the log, each by another of its keys."""
    claim = Inconsistency(ORIGIN, signed(head(15), OLD), signed(head(15, forked=True), NEW), ())
    assert [found.size for found in inconsistency.verify(claim, BOTH)] == [15, 15]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("size", [1, UNTIL, 30])
def test_a_stolen_key_accuses_nobody_at_any_size(size: int, swapped: bool) -> None:
    """What a thief signs is no word of the log's, also where the key's old heads still count: slander fails."""
    notes = [signed(head(size), NEW), signed(head(size, forked=True), OLD)]
    if swapped:
        notes.reverse()
    claim = Inconsistency(ORIGIN, notes[0], notes[1], ())
    assert inconsistency.verify(claim, BOTH)
    with pytest.raises(PeerWrongError, match="inconsistency-unproven"):
        inconsistency.verify(claim, WITHDRAWN)
    if size <= UNTIL:
        assert inconsistency.verify(claim, WITHDRAWN, kept=True)
    else:
        with pytest.raises(PeerWrongError, match="inconsistency-unproven"):
            inconsistency.verify(claim, WITHDRAWN, kept=True)
    alone = Inconsistency(ORIGIN, signed(head(size), OLD), signed(head(size, forked=True), OLD), ())
    with pytest.raises(PeerWrongError, match="inconsistency-unproven"):
        inconsistency.verify(alone, WITHDRAWN)


def test_a_key_of_another_log_does_not_speak_for_this_one() -> None:
    """A key counts under its own log's name, and a cosigner's key is none of the log's, whatever its end."""
    other = replace(verifier(OLD), name="lecce.example.it/federation/log/2027")
    cosigner = keys.Verifier(ORIGIN, keys.COSIGNATURE_TYPE, OLD.public_key().public_bytes_raw())
    for wrong in (other, cosigner):
        with pytest.raises(PeerWrongError):
            checkpoint.read_signed(note.parse(signed(head(5), OLD)), [wrong])
    crossed = note.sign(head(5).text(), [keys.LogSigner(other.name, OLD)])
    with pytest.raises(PeerWrongError, match="checkpoint-other-origin"):
        checkpoint.read_signed(note.parse(crossed), [other, verifier(NEW)])
