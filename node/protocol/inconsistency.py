"""Inconsistency proofs: two checkpoints a log signed that can't both be true (PROTOCOL 6; RFC 9162 2.1.4.2).

In: two checkpoints and hashes of the new tree, or the bytes of a proof. Out: a proof that anybody can check offline, or
the two checkpoints it shows to contradict each other. Rules: both notes carry the log's own signature over the same
origin line, each by any of the log's keys that counts for its size (checkpoint.read_signed): all of them are one voice, and a withdrawn
key beyond its size is nobody's; of the same size, the roots differ and nothing else is needed; else the proof rebuilds the new root
exactly, and with the same hashes an old root that is not the one signed. When the old size is a power of two its root
is no part of an ordinary consistency proof: here the proof begins with it, so that it too comes from the new tree.
Nobody can make one against an honest log. A claim that shows anything less is refused: it may be slander.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from node.errors import N_, PeerWrongError
from node.protocol import canonical, checkpoint, keys, limits, merkle, note, tlog_proof
from node.protocol.checkpoint import Checkpoint

# The longest path, and the old root in front of it.
HASHES_MAX = limits.PROOF_LINES_MAX + 1
_KEYS = {"cp_new", "cp_old", "origin", "proof"}


@dataclass(frozen=True, slots=True)
class Inconsistency:
    """Two signed checkpoints of one origin, and the hashes that show that the new one does not extend the old."""

    origin: str
    cp_old: bytes
    cp_new: bytes
    proof: tuple[bytes, ...]


def _malformed() -> PeerWrongError:
    return PeerWrongError("inconsistency-malformed", N_("prova di incoerenza non valida"))


def encode(value: Inconsistency) -> bytes:
    """Return the canonical bytes of ``value``. Raises: CallerError(json-unrepresentable)."""
    return canonical.dumps(
        {
            "cp_new": value.cp_new.decode(),
            "cp_old": value.cp_old.decode(),
            "origin": value.origin,
            "proof": [base64.b64encode(digest).decode() for digest in value.proof],
        }
    )


def encode_list(values: Iterable[Inconsistency]) -> bytes:
    """Return the array of ``values``, in order, leaving out what would make it too large to be read."""
    parts: list[bytes] = []
    size = 1
    for value in values:
        part = encode(value)
        # Each part brings a comma, the last one the closing bracket.
        if size + len(part) + 1 <= limits.PROOFS_MAX_BYTES:
            parts.append(part)
            size += len(part) + 1
    return b"[" + b",".join(parts) + b"]"


def _read(value: Any) -> Inconsistency:
    if type(value) is not dict or value.keys() != _KEYS:
        raise _malformed()
    origin, old, new, proof = value["origin"], value["cp_old"], value["cp_new"], value["proof"]
    if any(type(text) is not str for text in (origin, old, new)) or type(proof) is not list:
        raise _malformed()
    if len(proof) > HASHES_MAX or any(type(text) is not str for text in proof):
        raise _malformed()
    hashes = [tlog_proof.decode_hash(text) for text in proof]
    found = tuple(digest for digest in hashes if digest is not None)
    if len(found) != len(proof):
        raise _malformed()
    return Inconsistency(origin, old.encode(), new.encode(), found)


def _parse(raw: bytes, max_bytes: int) -> Any:
    try:
        return canonical.parse(raw, max_bytes=max_bytes)
    except PeerWrongError as error:
        raise _malformed() from error


def parse(raw: bytes) -> Inconsistency:
    """Return the claim of canonical bytes; nothing in it is verified yet. Raises: PeerWrongError(inconsistency-malformed)."""
    return _read(_parse(raw, limits.PROOF_MAX_BYTES))


def parse_list(raw: bytes) -> list[Inconsistency]:
    """Return the claims of a canonical array. Raises: PeerWrongError(inconsistency-malformed)."""
    values = _parse(raw, limits.PROOFS_MAX_BYTES)
    if type(values) is not list:
        raise _malformed()
    return [_read(value) for value in values]


def bare(raw: bytes, verifiers: Sequence[keys.Verifier]) -> bytes:
    """Return a signed checkpoint with only the signatures of its log that count: all that a proof needs.

    A log that fears a proof could add a stranger's line that canonical JSON can't hold. Raises: PeerWrongError note-..., checkpoint-....
    """
    parsed = note.parse(raw)
    _, good = checkpoint.read_signed(parsed, verifiers)
    first: dict[tuple[str, bytes], bytes] = {}
    for line in parsed.signatures:
        first.setdefault((line.name, line.key_id), line.blob)
    own = [note.format_line(signer.name, signer.id, first[signer.name, signer.id]) for signer in good]
    return parsed.text + b"\n" + b"".join(own)


def _contradict(old: Checkpoint, new: Checkpoint, proof: Sequence[bytes]) -> bool:
    """Tell whether the hashes show that the two can't both be true."""
    if old.size == new.size:
        return not proof and old.root != new.root
    rebuilt = merkle.roots_from_consistency(old.size, new.size, proof, None)
    return rebuilt is not None and rebuilt[1] == new.root and rebuilt[0] != old.root


def prove(old: Checkpoint, new: Checkpoint, hash_at: merkle.HashAt) -> tuple[bytes, ...] | None:
    """Return the hashes that show that ``new`` does not extend ``old``, read from the NEW tree.

    None when they do not show it: the trees agree, ``old`` is empty or larger, or what was read is not ``new``'s tree.
    """
    if not 0 < old.size <= new.size:
        return None
    proof: tuple[bytes, ...] = ()
    if old.size < new.size:
        proof = tuple(merkle.consistency_proof(old.size, new.size, hash_at))
        if old.size.bit_count() == 1:
            proof = (hash_at(old.size.bit_length() - 1, 0), *proof)
    return proof if _contradict(old, new, proof) else None


def verify(
    value: Inconsistency, verifiers: Sequence[keys.Verifier], *, kept: bool = False
) -> tuple[Checkpoint, Checkpoint]:
    """Return the old and the new checkpoint, both signed by the log, which ``value`` shows can't both be true.

    Of a withdrawn key no word counts here, of no size: whoever stole it can sign two heads of any size, and the log would stand accused
    for ever. ``kept``: the claim was good when it came, before the key was withdrawn; it stands where the key's word still counts.
    Raises: PeerWrongError(inconsistency-unproven).
    """
    unproven = PeerWrongError("inconsistency-unproven", N_("la prova non dimostra alcuna incoerenza del registro"))
    standing = [verifier for verifier in verifiers if kept or verifier.until_size is None]
    try:
        old = tlog_proof.signed_checkpoint(value.cp_old, standing)
        new = tlog_proof.signed_checkpoint(value.cp_new, standing)
    except PeerWrongError as error:
        raise unproven from error
    if not old.origin == new.origin == value.origin or not _contradict(old, new, value.proof):
        raise unproven
    return old, new


def digest(value: Inconsistency) -> bytes:
    """Return the SHA-256 of the canonical bytes: the proof's name."""
    return hashlib.sha256(encode(value)).digest()
