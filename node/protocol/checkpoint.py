"""Checkpoints and their cosignatures (C2SP tlog-checkpoint, tlog-cosignature; PROTOCOL 2).

In: note text, or (origin, size, root). Out: a value, or the exact text. No extension lines: any is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import N_, PeerWrongError
from node.protocol import keys, limits

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
