"""Proofs of inclusion that stand alone, and the lines of hashes they share with witnesses (C2SP tlog-proof; PROTOCOL 2).

In: an index, an audit path and the checkpoint above it, or the bytes of all three. Out: the same, or the checkpoint
under which a leaf hash is shown to be. Rules: one spelling only, so what is read encodes back to the same bytes; the
checkpoint counts only with a good signature of the log that its origin line names; the path must give its root.
``extra`` is carried and never trusted. Which cosignatures suffice is for who asks: ``witness.read_cosignatures``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from node.errors import N_, PeerWrongError
from node.protocol import checkpoint, keys, limits, merkle, note
from node.protocol.checkpoint import Checkpoint

HEADER = b"c2sp.org/tlog-proof@v1"
_INDEX = re.compile(rb"index (0|[1-9][0-9]{0,15})")
_EXTRA = b"extra "


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """Leaf ``index``, its audit path from the leaf upwards, the signed checkpoint, and unauthenticated extra data."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None


def encode_hashes(hashes: Iterable[bytes]) -> bytes:
    """Return one line of base64 per hash."""
    return b"".join(base64.b64encode(digest) + b"\n" for digest in hashes)


def decode_hash(text: bytes | str) -> bytes | None:
    """Return the 32 bytes of one canonical base64 text, None for any other text."""
    encoded = text.encode() if isinstance(text, str) else text
    try:
        digest = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    # The last digit has bits that decode to nothing: only one spelling of a hash is one.
    return digest if len(digest) == merkle.HASH_BYTES and base64.b64encode(digest) == encoded else None


def decode_hashes(lines: Sequence[bytes | str]) -> tuple[bytes, ...] | None:
    """Return the hashes of up to 63 base64 texts, None when one is not a hash or there are more."""
    if len(lines) > limits.PROOF_LINES_MAX:
        return None
    hashes = tuple(digest for digest in map(decode_hash, lines) if digest is not None)
    return hashes if len(hashes) == len(lines) else None


def encode(proof: InclusionProof) -> bytes:
    """Return the text of ``proof``; extra data of no bytes has no line."""
    extra = _EXTRA + base64.b64encode(proof.extra) + b"\n" if proof.extra else b""
    index = f"index {proof.index}\n".encode()
    return HEADER + b"\n" + extra + index + encode_hashes(proof.hashes) + b"\n" + proof.checkpoint


def parse(raw: bytes) -> InclusionProof:
    """Return the proof of a text; nothing in it is verified yet. Raises: PeerWrongError(proof-malformed)."""
    proof = _read(raw) if len(raw) <= limits.PROOF_MAX_BYTES else None
    # Another header, another spelling, or a piece that was passed over, does not encode back.
    if proof is None or encode(proof) != raw:
        raise PeerWrongError("proof-malformed", N_("prova di inclusione non valida"))
    return proof


def _read(raw: bytes) -> InclusionProof | None:
    head, _, signed = raw.partition(b"\n\n")
    lines = head.split(b"\n")[1:]
    encoded = lines.pop(0)[len(_EXTRA) :] if lines and lines[0].startswith(_EXTRA) else b""
    index = _INDEX.fullmatch(lines[0]) if lines else None
    hashes = decode_hashes(lines[1:])
    try:
        extra = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    if index is None or hashes is None or int(index.group(1)) >= limits.TREE_SIZE_MAX:
        return None
    return InclusionProof(int(index.group(1)), hashes, signed, extra or None)


def signed_checkpoint(raw: bytes, verifiers: Sequence[keys.Verifier]) -> Checkpoint:
    """Return the checkpoint of a note signed by the log that its origin line names.

    Raises: PeerWrongError note-..., checkpoint-malformed, checkpoint-too-large, checkpoint-other-origin, checkpoint-key-withdrawn.
    """
    return checkpoint.read_signed(note.parse(raw), verifiers)[0]


def verify(proof: InclusionProof, leaf_hash: bytes, verifiers: Sequence[keys.Verifier]) -> Checkpoint:
    """Return the checkpoint under which ``leaf_hash`` is at ``proof.index``.

    Raises: PeerWrongError(proof-false), or as ``signed_checkpoint``.
    """
    found = signed_checkpoint(proof.checkpoint, verifiers)
    if not merkle.verify_inclusion(leaf_hash, proof.index, found.size, proof.hashes, found.root):
        raise PeerWrongError("proof-false", N_("la prova non porta alla radice firmata"))
    return found
