"""Witnesses: who they are, what they are asked, how they judge, what they answer (C2SP tlog-witness; PROTOCOL 2, 6).

In: requests and replies as bytes, keys, what this witness last cosigned. Out: verified values, cosignature lines, or
the refusal the specification names. Rules, in its order: one of the origin's own keys that counts
for this size signed the checkpoint; old size <= size;
old size = the size last cosigned; size 0 has the empty tree's root; the proof shows that the one extends the other.
Judging is pure; checking again and storing, in one transaction before the reply, is the caller's. So is a limit on
times in the future: nothing here reads a clock.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import N_, CallerError, PeerWrongError
from node.protocol import checkpoint, keys, limits, merkle, note, tlog_proof
from node.protocol.checkpoint import Checkpoint

# The specification's last moment; also the largest number a database column holds.
TIME_MAX = 2**63 - 1
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,15})")
_UNSIGNED = ("note-unsigned", "note-bad-signature", "checkpoint-other-origin", "checkpoint-key-withdrawn")


class WitnessConflictError(CallerError):
    """The submission does not start where this witness is: it says where that is (409)."""

    def __init__(self, recorded_size: int) -> None:
        """Keep the size last cosigned, which is the reply."""
        super().__init__(
            "witness-conflict",
            N_("qui l'ultimo checkpoint firmato ha {recorded} voci: ripartire da lì"),
            recorded=recorded_size,
        )
        self.recorded_size = recorded_size


@dataclass(frozen=True, slots=True)
class Submission:
    """What a witness is asked: the size to start from, the consistency proof from there, the signed checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    @property
    def origin(self) -> str:
        """The log that the checkpoint says it is of."""
        return self.checkpoint.partition(b"\n")[0].decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A good cosignature: whose, when (unix seconds), and its line with the newline."""

    member: str
    at: int
    line: bytes


def choose(origin: str, members: Iterable[str], count: int = limits.WITNESSES) -> tuple[str, ...]:
    """Return the ``count`` members that witness a log, best first; the caller leaves its owner out.

    Rendezvous hashing: who joins or leaves changes only the choices it wins or loses.
    """

    def weight(member: str) -> bytes:
        return hashlib.sha256((origin + member).encode()).digest()

    return tuple(sorted(set(members), key=weight, reverse=True)[:count])


def encode_submission(old: int, proof: Iterable[bytes], signed: bytes) -> bytes:
    """Return the body of add-checkpoint."""
    return f"old {old}\n".encode() + tlog_proof.encode_hashes(proof) + b"\n" + signed


def _bad_request() -> CallerError:
    return CallerError("witness-request-bad", N_("richiesta al testimone non valida"))


def parse_submission(raw: bytes) -> Submission:
    """Return the request of an add-checkpoint body; nothing is verified yet. Raises: CallerError(witness-request-bad)."""
    head, _, signed = raw.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    old = _OLD.fullmatch(first)
    proof = tlog_proof.decode_hashes(lines)
    if old is None or proof is None:
        raise _bad_request()
    size = int(old.group(1))
    if size > limits.TREE_SIZE_MAX:
        raise _bad_request()
    try:
        note.parse(signed)
    except PeerWrongError as error:
        raise _bad_request() from error
    return Submission(size, proof, signed)


def judge(
    found: Submission, verifiers: Sequence[keys.Verifier], recorded_size: int, recorded_root: bytes
) -> Checkpoint:
    """Return the checkpoint to cosign, given the keys trusted for its origin and what was last cosigned (or size 0).

    Raises: CallerError witness-unsigned (403), witness-request-bad (400), witness-inconsistent (422);
    WitnessConflictError (409).
    """
    try:
        target = tlog_proof.signed_checkpoint(found.checkpoint, verifiers)
    except PeerWrongError as error:
        if error.code in _UNSIGNED:
            raise CallerError("witness-unsigned", N_("checkpoint senza la firma valida del registro")) from error
        raise _bad_request() from error
    if found.old > target.size:
        raise _bad_request()
    if found.old != recorded_size:
        raise WitnessConflictError(recorded_size)
    # Of the empty tree there is one root, whatever was recorded: with it, size 0 needs no rule of its own.
    before = recorded_root if found.old else merkle.EMPTY_ROOT
    if not merkle.verify_consistency(found.old, target.size, before, target.root, found.proof):
        raise CallerError("witness-inconsistent", N_("il checkpoint non prosegue quello già firmato qui"))
    return target


def cosign(name: str, key: Ed25519PrivateKey, checkpoint_text: bytes, timestamp: int) -> bytes:
    """Return the signature line of a witness or mirror over a checkpoint's text at one moment (unix seconds)."""
    signer = checkpoint.CosignatureSigner(name, key, timestamp)
    return note.format_line(signer.name, signer.id, signer.sign(checkpoint_text))


def parse_lines(raw: bytes) -> tuple[note.SignatureLine, ...]:
    """Return the lines of an add-checkpoint reply. Raises: PeerWrongError(cosignature-malformed)."""
    # Read as the end of a note, so that a line accepted here can stand in one.
    text = b"-\n"
    try:
        parsed = note.parse(text + b"\n" + raw)
    except PeerWrongError as error:
        raise PeerWrongError("cosignature-malformed", N_("risposta del testimone non valida")) from error
    if parsed.text != text:
        raise PeerWrongError("cosignature-malformed", N_("risposta del testimone non valida"))
    return parsed.signatures


def read_cosignatures(
    lines: Iterable[note.SignatureLine], text: bytes, verifiers: Mapping[str, Sequence[keys.Verifier]]
) -> list[Cosigned]:
    """Return the newest good cosignature of each member (id -> its cosigner's keys) over a checkpoint's text, by member.

    Lines of unknown keys, bad ones, and ones of no moment (0, or past the specification's last) count for nothing.
    """
    known = {
        (verifier.name, verifier.id): (member, verifier)
        for member, held in verifiers.items()
        for verifier in held
        if verifier.kind == keys.COSIGNATURE_TYPE
    }
    newest: dict[str, Cosigned] = {}
    for line in lines:
        member, verifier = known.get((line.name, line.key_id), ("", None))
        at = checkpoint.verify_cosignature(verifier, text, line.blob) if verifier else None
        if at is None or not 0 < at <= TIME_MAX:
            continue
        if member not in newest or newest[member].at < at:
            newest[member] = Cosigned(member, at, note.format_line(line.name, line.key_id, line.blob))
    return [newest[member] for member in sorted(newest)]


def quorum_time(times: Iterable[int], quorum: int = limits.WITNESS_QUORUM) -> int | None:
    """Return since when a quorum vouches: the ``quorum``-th newest time, None when there are fewer."""
    newest_first = sorted(times, reverse=True)
    return newest_first[quorum - 1] if len(newest_first) >= quorum else None
