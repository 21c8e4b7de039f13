"""Checkpoints and their cosignatures (C2SP tlog-checkpoint, tlog-cosignature; PROTOCOL 2).

In: note text, or (origin, size, root). Out: a value, or the exact text. No extension lines: any is refused. Whether a log's signature
counts is said here, once for all who ask: a log may have several keys at a time, and one that was withdrawn speaks only for the trees of
up to the size that it was withdrawn with (PROTOCOL 7).
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import N_, PeerWrongError
from node.protocol import keys, limits, note

ROOT_BYTES = 32
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
TIMESTAMP_BYTES = 8


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: origin line, number of entries, root hash of 32 bytes."""

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """Return the note text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()


def parse(text: bytes) -> Checkpoint:
    """Return the checkpoint of a note text. Raises: PeerWrongError(checkpoint-malformed | checkpoint-too-large)."""
    lines = text.decode("utf-8", errors="replace").split("\n")
    if len(lines) != 4 or lines[3] or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise PeerWrongError("checkpoint-malformed", N_("checkpoint non valido"))
    try:
        root = base64.b64decode(lines[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise PeerWrongError("checkpoint-malformed", N_("checkpoint non valido: radice")) from error
    size = int(lines[1])
    if size > limits.TREE_SIZE_MAX:
        raise PeerWrongError("checkpoint-too-large", N_("checkpoint con dimensione oltre il limite"))
    parsed = Checkpoint(lines[0], size, root)
    # Byte for byte its own form: another spelling of the same root would be another text to sign.
    if len(root) != ROOT_BYTES or parsed.text() != text:
        raise PeerWrongError("checkpoint-malformed", N_("checkpoint non valido: radice"))
    return parsed


def read_signed(parsed: note.Note, verifiers: Sequence[keys.Verifier]) -> tuple[Checkpoint, tuple[keys.Verifier, ...]]:
    """Return the checkpoint of a note, and which of its log's keys vouch for it: one at least.

    Whoever has a withdrawn key can sign whatever it likes with it: beyond ``until_size`` that is nobody's word.
    Raises: PeerWrongError note-bad-signature, note-unsigned, checkpoint-malformed, -too-large, -other-origin, -key-withdrawn.
    """
    # A cosigner's key signs another message than the note's text: it can't speak for the log.
    good = note.verify(parsed, [verifier for verifier in verifiers if verifier.kind == keys.LOG_TYPE])
    found = parse(parsed.text)
    own = [verifier for verifier in good if verifier.name == found.origin]
    if not own:
        raise PeerWrongError("checkpoint-other-origin", N_("il checkpoint è di un altro registro"))
    vouching = tuple(v for v in own if v.until_size is None or found.size <= v.until_size)
    if not vouching:
        raise PeerWrongError(
            "checkpoint-key-withdrawn",
            N_("checkpoint firmato con una chiave ritirata, che vale fino a {until} voci: qui sono {size}"),
            hint=N_("la chiave di quel registro può essere in mano ad altri: avvisare chi gestisce il nodo"),
            until=max(v.until_size or 0 for v in own),
            size=found.size,
        )
    return found, vouching


def cosignature_message(timestamp: int, checkpoint_text: bytes) -> bytes:
    """Return what a witness or mirror signs: header, time line, checkpoint text."""
    return f"cosignature/v1\ntime {timestamp}\n".encode() + checkpoint_text


@dataclass(frozen=True, slots=True)
class CosignatureSigner:
    """Cosigns checkpoint texts at one moment (unix seconds) with a witness or mirror key (type 0x04)."""

    name: str
    key: Ed25519PrivateKey
    timestamp: int

    @property
    def id(self) -> bytes:
        """The 4-byte key id."""
        return keys.key_id(self.name, keys.COSIGNATURE_TYPE, self.key.public_key().public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        """Return the 8-byte time and the signature."""
        return struct.pack(">Q", self.timestamp) + self.key.sign(cosignature_message(self.timestamp, text))


def verify_cosignature(verifier: keys.Verifier, checkpoint_text: bytes, blob: bytes) -> int | None:
    """Return the unix time of a good cosignature, None for a bad one."""
    if len(blob) != TIMESTAMP_BYTES + keys.SIGNATURE_BYTES:
        return None
    (timestamp,) = struct.unpack(">Q", blob[:TIMESTAMP_BYTES])
    good = verifier.verify(cosignature_message(timestamp, checkpoint_text), blob[TIMESTAMP_BYTES:])
    return timestamp if good else None
