r"""Bodies apart from the log: commitment, request, reply (PROTOCOL 3.2, 3.3).

``b = SHA-256("rete/body/v1\n" || salt32 || body)`` with a fresh salt per revision. Salt and body are erased together:
what stays in the log is unlinkable randomness. A reply answers indices in the order asked and may stop early.
"""

from __future__ import annotations

import hashlib
import itertools
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from node.errors import N_, CallerError, PeerWrongError
from node.protocol import canonical, limits

SALT_BYTES = 32
PRESENT, ERASED, NOT_HELD, NO_SUCH_INDEX = range(4)
_DOMAIN = b"rete/body/v1\n"


def commitment(salt: bytes, body: bytes) -> bytes:
    """Return the 32-byte commitment to ``body`` under a 32-byte ``salt``."""
    return hashlib.sha256(_DOMAIN + salt + body).digest()


@dataclass(frozen=True, slots=True)
class Answer:
    """One index of a reply; salt and body are empty unless ``status`` is PRESENT."""

    index: int
    status: int
    salt: bytes = b""
    body: bytes = b""


BodiesReply = list[Answer]


def encode_request(indices: Sequence[int]) -> bytes:
    """Return the request for up to 256 strictly ascending indices."""
    return canonical.dumps({"i": list(indices)})


def decode_request(raw: bytes) -> list[int]:
    """Return the indices asked for. Raises: CallerError(bodies-request-bad)."""
    try:
        value = canonical.parse(raw, max_bytes=limits.BODIES_REQUEST_MAX_BYTES)
    except PeerWrongError as error:
        raise CallerError("bodies-request-bad", N_('richiesta non valida: serve {{"i":[indici]}} canonico')) from error
    indices = value.get("i") if type(value) is dict and value.keys() == {"i"} else None
    if (
        type(indices) is not list
        or not 1 <= len(indices) <= limits.BODIES_PER_REQUEST
        or any(type(i) is not int or not 0 <= i <= limits.TREE_SIZE_MAX for i in indices)
        or any(a >= b for a, b in itertools.pairwise(indices))
    ):
        raise CallerError("bodies-request-bad", N_("servono da 1 a 256 indici crescenti"))
    return indices


def encode_answer(answer: Answer) -> bytes:
    """Return the bytes of one answer."""
    part = bytes([answer.status])
    if answer.status == PRESENT:
        part += answer.salt + struct.pack(">I", len(answer.body)) + answer.body
    return part


def encode_reply(answers: Iterable[Answer], *, max_bytes: int) -> bytes:
    """Return the reply; stops early rather than pass ``max_bytes``, but always answers the first index."""
    return join_answers(map(encode_answer, answers), max_bytes=max_bytes)


def join_answers(encoded: Iterable[bytes], *, max_bytes: int) -> bytes:
    """Return the reply of encoded answers; stops early rather than pass ``max_bytes``, but always has the first."""
    parts: list[bytes] = []
    size = 0
    for part in encoded:
        if parts and size + len(part) > max_bytes:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def decode_reply(asked: Sequence[int], raw: bytes) -> BodiesReply:
    """Return the answers of a reply to ``asked``, in order, perhaps fewer. Raises: PeerWrongError(bodies-malformed)."""
    answers: BodiesReply = []
    at, end = 0, len(raw)
    while at < end:
        status = raw[at]
        at += 1
        if len(answers) == len(asked) or status > NO_SUCH_INDEX:
            raise PeerWrongError("bodies-malformed", N_("risposta sui profili non valida"))
        index = asked[len(answers)]
        if status != PRESENT:
            answers.append(Answer(index, status))
            continue
        start = at + SALT_BYTES + 4
        if start > end:
            raise PeerWrongError("bodies-malformed", N_("risposta sui profili non valida"))
        length = int.from_bytes(raw[start - 4 : start], "big")
        if length > limits.BODY_MAX_BYTES or start + length > end:
            raise PeerWrongError("bodies-malformed", N_("risposta sui profili non valida"))
        answers.append(Answer(index, PRESENT, raw[at : at + SALT_BYTES], raw[start : start + length]))
        at = start + length
    return answers
