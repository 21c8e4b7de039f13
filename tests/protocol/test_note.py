"""Signed notes and checkpoints: the specifications' vectors, and every byte that can be wrong."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import PeerWrongError
from node.protocol import checkpoint, keys, note
from node.protocol.checkpoint import Checkpoint

SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Z"
    "tg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NAME = "lecce.example.it/federation/log/2026"
SIGNER = keys.LogSigner(NAME, PRIVATE)
VERIFIER = keys.Verifier(NAME, keys.LOG_TYPE, PRIVATE.public_key().public_bytes_raw())
OTHER = keys.LogSigner("other", Ed25519PrivateKey.from_private_bytes(bytes(32)))
HEAD = Checkpoint(NAME, 70_000, bytes(range(32)))


def refused(raw: bytes) -> str:
    """The code with which a note is refused."""
    with pytest.raises(PeerWrongError) as caught:
        note.verify(note.parse(raw), [VERIFIER])
    return caught.value.code


def test_the_published_vector_verifies() -> None:
    """The example of the signed-note specification is good."""
    assert note.verify(note.parse(SPEC_NOTE), [keys.parse_vkey(SPEC_VKEY)])


def test_what_is_signed_verifies_and_unknown_lines_are_ignored() -> None:
    """A note with a stranger's line beside ours is good; with only strangers it is unsigned."""
    assert note.verify(note.parse(note.sign(HEAD.text(), [OTHER, SIGNER])), [VERIFIER]) == [VERIFIER]
    assert refused(note.sign(HEAD.text(), [OTHER])) == "note-unsigned"


def test_a_known_key_with_a_bad_signature_rejects_the_note() -> None:
    """A bad line of a known key is an offence even beside a good one."""
    bad = note.format_line(NAME, SIGNER.id, bytes(64))
    assert refused(HEAD.text() + b"\n" + bad) == "note-bad-signature"
    # The first line of a key decides; a repeated key id changes nothing.
    good = note.sign(HEAD.text(), [SIGNER])
    assert note.verify(note.parse(good + bad), [VERIFIER])


def test_text_and_signatures_part_at_the_last_blank_line() -> None:
    """A text may hold blank lines of its own."""
    text = b"one\n\ntwo\n"
    assert note.parse(note.sign(text, [SIGNER])).text == text


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "manca la riga vuota"),
        (b"no blank line\n", "manca la riga vuota"),
        (b"text\n\n", "manca la riga vuota"),
        (b"text\n\n\xe2\x80\x94 a AAAA", "manca la riga vuota"),
        (b"text\n\n- name AAAAAAAA\n", "riga di firma"),
        (b"text\n\n\xe2\x80\x94 na+me AAAAAAAA\n", "riga di firma"),
        (b"text\n\n\xe2\x80\x94 name AAAA\n", "riga di firma"),
        (b"text\n\n\xe2\x80\x94 na me AAAAAAAA\n", "base64"),
        (b"text\n\n\xe2\x80\x94 name !!!!\n", "base64"),
        (b"text\n\n\xe2\x80\x94 name AAAAAAB=\n", "riga di firma"),
        (b"te\x00xt\n\n\xe2\x80\x94 name AAAAAAAA\n", "caratteri di controllo"),
        (b"te\txt\n\n\xe2\x80\x94 name AAAAAAAA\n", "caratteri di controllo"),
        (b"te\x7fxt\n\n\xe2\x80\x94 name AAAAAAAA\n", "caratteri di controllo"),
        (b"\xff\n\n\xe2\x80\x94 name AAAAAAAA\n", "UTF-8"),
        (b"text\n\n" + b"\xe2\x80\x94 name AAAAAAAA\n" * 65, "troppe firme"),
    ],
)
def test_malformed_notes_are_refused(raw: bytes, reason: str) -> None:
    """No other shape is a note; the refusal says which part has another."""
    with pytest.raises(PeerWrongError) as caught:
        note.parse(raw)
    assert (caught.value.code, caught.value.facts) == ("note-malformed", {"reason": reason})


def test_a_note_has_a_size() -> None:
    """More than 64 KiB is not read."""
    assert refused(b"x" * 65_537) == "note-too-large"


def test_every_flipped_byte_of_a_signed_checkpoint_is_refused() -> None:
    """Whatever single byte is changed, the checkpoint no longer counts as the same one."""
    raw = note.sign(HEAD.text(), [SIGNER])
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        try:
            parsed = note.parse(changed)
            note.verify(parsed, [VERIFIER])
            assert checkpoint.parse(parsed.text) == HEAD
            # Only a byte that means nothing may pass: there is none in a note.
            assert changed == raw
        except PeerWrongError:
            continue


def test_checkpoints_read_back_what_they_write() -> None:
    """Text and value are one to one."""
    assert checkpoint.parse(HEAD.text()) == HEAD
    assert HEAD.text() == f"{NAME}\n70000\n{base64.b64encode(HEAD.root).decode()}\n".encode()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"o\n1\n", "checkpoint-malformed"),
        (b"o\n01\n" + b"A" * 43 + b"=\n", "checkpoint-malformed"),
        (b"o\n+1\n" + b"A" * 43 + b"=\n", "checkpoint-malformed"),
        (b"\n1\n" + b"A" * 43 + b"=\n", "checkpoint-malformed"),
        (b"o\n1\nAAAA\n", "checkpoint-malformed"),
        (b"o\n1\n!!!!\n", "checkpoint-malformed"),
        (b"o\n1\n" + b"A" * 42 + b"B=\n", "checkpoint-malformed"),
        (b"o\n1\n" + b"A" * 43 + b"=\nextension\n", "checkpoint-malformed"),
        (b"o\n1\n" + b"A" * 43 + b"=", "checkpoint-malformed"),
        (b"o\n9007199254740992\n" + b"A" * 43 + b"=\n", "checkpoint-too-large"),
        (b"o\n99999999999999999\n" + b"A" * 43 + b"=\n", "checkpoint-malformed"),
    ],
)
def test_other_spellings_of_a_checkpoint_are_refused(text: bytes, code: str) -> None:
    """Leading zeros, extension lines, other base64 and huge sizes are no checkpoints."""
    with pytest.raises(PeerWrongError) as caught:
        checkpoint.parse(text)
    assert caught.value.code == code


def test_cosignatures_carry_their_time() -> None:
    """A cosignature verifies with its own time and text only."""
    signer = checkpoint.CosignatureSigner("w.it/witness", PRIVATE, 1_700_000_000)
    blob = signer.sign(HEAD.text())
    verifier = keys.Verifier("w.it/witness", keys.COSIGNATURE_TYPE, PRIVATE.public_key().public_bytes_raw())
    assert signer.id == verifier.id
    assert checkpoint.verify_cosignature(verifier, HEAD.text(), blob) == 1_700_000_000
    assert checkpoint.verify_cosignature(verifier, HEAD.text(), b"\x00" * 8 + blob[8:]) is None
    assert checkpoint.verify_cosignature(verifier, HEAD.text() + b"x", blob) is None
    assert checkpoint.verify_cosignature(verifier, HEAD.text(), blob[:-1]) is None


def test_a_signature_is_at_least_a_byte_behind_its_key_id() -> None:
    """Four bytes of id and one more are a line of some unknown algorithm; the id alone is none (c2sp.org/signed-note)."""

    def line(raw: bytes) -> str:
        return f"— x {base64.b64encode(raw).decode()}"

    found = note.parse_line(line(b"abcde"))
    assert (found.name, found.key_id, found.blob) == ("x", b"abcd", b"e")
    for wrong in (line(b"abcd"), line(b"") + "A", line(b"abcde") + " ", line(b"abcde").replace("=", "!=")):
        with pytest.raises(PeerWrongError) as caught:
            note.parse_line(wrong)
        assert caught.value.code == "note-malformed"
