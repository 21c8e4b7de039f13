r"""What two offices say to each other of a place at a course: ``seat/1``, the plaintext of a sealed envelope (PROTOCOL 15).

In: what one says, or bytes that were unsealed. Out: canonical bytes, or a verified ``Said``. Rules: its node signs all of it by its ``http``
key over ``rete/seat/v1\n``, with both members' ids in it, so that nothing said to one office can be shown to another; the numbers inside
say what is new, so that the same message twice is the same as once. The participant's office draws the id; the organiser decides.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.errors import N_, PeerWrongError
from node.protocol import canonical, limits

# Canonical JSON sorts its keys: the bytes of every message of this family begin so, and of no introduction.
PREFIX: Final = b'{"seat":'
VERSION: Final = 1
ASK, CANCEL, EVALUATE, FORGET, ANSWER = "ask", "cancel", "evaluate", "forget", "answer"
# Numbers of messages of one enrolment: nobody who is honest comes near.
NUMBER_MAX: Final = 10_000
_DOMAIN: Final = b"rete/seat/v1\n"
_SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Said:
    """One message: who says what of which enrolment, ``at`` in unix seconds; ``seen``: the number of the other's newest that is known.

    ``person`` only when it asks; ``answers`` only when it evaluates; ``standing``, ``reason`` and ``evaluated`` only in an answer.
    """

    id: str
    sender: str
    recipient: str
    kind: str
    seq: int
    seen: int
    at: int
    course: str
    edition: str
    person: Mapping[str, Any] | None = field(default=None, repr=False)
    answers: Sequence[int] | None = field(default=None, repr=False)
    standing: str = ""
    reason: str = ""
    evaluated: bool = False


def _fields(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = {
        "at": said.at, "course": said.course, "edition": said.edition, "from": said.sender, "id": said.id, "kind": said.kind,
        "seen": said.seen, "seq": said.seq, "to": said.recipient, "v": VERSION,
    }  # fmt: skip
    if said.person is not None:
        found["person"] = dict(said.person)
    if said.answers is not None:
        found["answers"] = list(said.answers)
    if said.kind == ANSWER:
        found |= {"standing": said.standing, "reason": said.reason, "evaluated": said.evaluated}
    return found


def encode(said: Said, key: Ed25519PrivateKey) -> bytes:
    """Return the signed bytes of a message, to be sealed."""
    fields = _fields(said)
    signature = key.sign(_DOMAIN + canonical.dumps(fields))
    return canonical.dumps({"seat": fields, "sig": base64.b64encode(signature).decode()})


def _malformed() -> PeerWrongError:
    return PeerWrongError("message-malformed", N_("messaggio non valido: {what}"), what="seat")


def decode(raw: bytes, keys: Sequence[bytes], is_valid: Any) -> Said:
    """Return the message in ``raw`` if one of the sender's http keys (32 bytes each) signed it; ``is_valid`` judges it by seat.v1.json.

    Raises: PeerWrongError message-malformed, message-signature-bad, json-....
    """
    document = canonical.parse(raw, max_bytes=limits.MESSAGE_MAX_BYTES)
    if not is_valid(document):
        raise _malformed()
    try:
        signature = base64.b64decode(document["sig"], validate=True)
    except binascii.Error as error:
        raise _malformed() from error
    fields = document["seat"]
    if not any(_signed(key, signature, _DOMAIN + canonical.dumps(fields)) for key in keys):
        raise PeerWrongError("message-signature-bad", N_("il messaggio non è firmato dal nodo che lo manda"))
    return Said(
        id=fields["id"], sender=fields["from"], recipient=fields["to"], kind=fields["kind"], seq=fields["seq"], seen=fields["seen"],
        at=fields["at"], course=fields["course"], edition=fields["edition"], person=fields.get("person"), answers=fields.get("answers"),
        standing=fields.get("standing", ""), reason=fields.get("reason", ""), evaluated=fields.get("evaluated", False),
    )  # fmt: skip


def _signed(public: bytes, signature: bytes, what: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, what)
    except (InvalidSignature, ValueError):
        return False
    return len(signature) == _SIGNATURE_BYTES
