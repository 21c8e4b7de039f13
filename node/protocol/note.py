"""Signed notes: text, blank line, signature lines (C2SP signed-note; PROTOCOL 2).

Rules: the text ends in a newline; text and signatures part at the LAST blank line; an unknown (name, key id) is
ignored; a known key with a bad signature rejects the note; no good signature at all rejects it; at most 64 lines.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from node.errors import N_, PeerWrongError
from node.protocol import keys, limits

PREFIX = "\u2014 "


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature line: the key's name, its 4-byte id, and the signature blob."""

    name: str
    key_id: bytes
    blob: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note as read: nothing in it is verified yet."""

    text: bytes
    signatures: tuple[SignatureLine, ...]


def _malformed(reason: str) -> PeerWrongError:
    return PeerWrongError("note-malformed", N_("nota firmata non valida: {reason}"), reason=reason)


def sign(text: bytes, signers: Sequence[keys.Signer]) -> bytes:
    """Return ``text`` (which ends in a newline) with one line per signer."""
    lines = [format_line(signer.name, signer.id, signer.sign(text)) for signer in signers]
    return text + b"\n" + b"".join(lines)


def format_line(name: str, key_id: bytes, blob: bytes) -> bytes:
    """Return one signature line with its newline."""
    return f"{PREFIX}{name} {base64.b64encode(key_id + blob).decode()}\n".encode()


def parse_line(line: str) -> SignatureLine:
    """Return a signature line without its newline. Raises: PeerWrongError(note-malformed)."""
    if not line.startswith(PREFIX):
        raise _malformed("riga di firma")
    name, _, encoded = line[len(PREFIX) :].partition(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("base64") from error
    if (
        not name
        or "+" in name
        or any(c.isspace() for c in name)
        or len(raw) < 5
        or base64.b64encode(raw).decode() != encoded
    ):
        raise _malformed("riga di firma")
    return SignatureLine(name, raw[:4], raw[4:])


def parse(raw: bytes) -> Note:
    """Split a note into its text and its signature lines. Raises: PeerWrongError(note-malformed | note-too-large)."""
    if len(raw) > limits.CHECKPOINT_MAX_BYTES:
        raise PeerWrongError("note-too-large", N_("nota firmata troppo grande"))
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("UTF-8") from error
    if any(ord(c) < 0x20 and c != "\n" for c in whole) or "\x7f" in whole:
        raise _malformed("caratteri di controllo")
    head, blank, tail = whole.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise _malformed("manca la riga vuota")
    lines = tail[:-1].split("\n")
    if len(lines) > limits.NOTE_SIGNATURES_MAX:
        raise _malformed("troppe firme")
    return Note((head + "\n").encode(), tuple(parse_line(line) for line in lines))


def verify(note: Note, verifiers: Sequence[keys.Verifier]) -> list[keys.Verifier]:
    """Return the verifiers whose signature on the note is good. Raises: PeerWrongError(note-bad-signature | note-unsigned)."""
    known = {(verifier.name, verifier.id): verifier for verifier in verifiers}
    good: list[keys.Verifier] = []
    for line in note.signatures:
        verifier = known.get((line.name, line.key_id))
        if verifier is None or verifier in good:
            continue
        if not verifier.verify(note.text, line.blob):
            raise PeerWrongError("note-bad-signature", N_("firma non valida di una chiave nota"))
        good.append(verifier)
    if not good:
        raise PeerWrongError("note-unsigned", N_("nessuna firma di una chiave nota"))
    return good
