r"""What two offices say to each other of a place at a course: ``seat/1``, the plaintext of a sealed envelope (PROTOCOL 15).

In: what one says, or bytes that were unsealed. Out: canonical bytes, or a verified ``Said``. Rules: its node signs all of it by its ``http``
key over ``rete/seat/v1\n``, with both members' ids in it, so that nothing said to one office can be shown to another; the numbers inside
say what is new, so that the same message twice is the same as once. The participant's office draws the id; the organiser decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.protocol import spoken

# Canonical JSON sorts its keys: the bytes of every message of this family begin so, and of no introduction.
PREFIX: Final = b'{"seat":'
VERSION: Final = 1
ASK, CANCEL, EVALUATE, FORGET, ANSWER = "ask", "cancel", "evaluate", "forget", "answer"
# Numbers of messages of one enrolment: nobody who is honest comes near.
NUMBER_MAX: Final = 10_000
_DOMAIN: Final = b"rete/seat/v1\n"


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
    return spoken.encode("seat", _DOMAIN, _fields(said), key)


def decode(raw: bytes, keys: Sequence[bytes], is_valid: Callable[[Any], bool]) -> Said:
    """Return the message in ``raw`` if one of the sender's http keys (32 bytes each) signed it; ``is_valid`` judges it by seat.v1.json.

    Raises: PeerWrongError message-malformed, message-signature-bad, json-....
    """
    fields = spoken.decode("seat", _DOMAIN, raw, keys, is_valid)
    return Said(
        id=fields["id"], sender=fields["from"], recipient=fields["to"], kind=fields["kind"], seq=fields["seq"], seen=fields["seen"],
        at=fields["at"], course=fields["course"], edition=fields["edition"], person=fields.get("person"), answers=fields.get("answers"),
        standing=fields.get("standing", ""), reason=fields.get("reason", ""), evaluated=fields.get("evaluated", False),
    )  # fmt: skip
