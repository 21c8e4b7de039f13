r"""What two offices say to each other of a case file that one of them shares: ``share/1``, the plaintext of a sealed envelope (PROTOCOL 16).

In: what one says, or bytes that were unsealed. Out: canonical bytes, or a verified ``Said``. Rules: its node signs all of it by its ``http``
key over ``rete/share/v1\n``, with both members' ids in it; each message is the whole of what its sender says of the share, so that the
newest counts and nothing has to come in order. The sharing office draws the id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.protocol import spoken

# Canonical JSON sorts its keys: the bytes of every message of this family begin so, and of no other.
PREFIX: Final = b'{"share":'
VERSION: Final = 1
# Of the sharing office: the case as it is, and that nothing is shared any more. Of the partner: what it answers, and that it keeps no copy.
COPY, END, ANSWER, LEAVE = "copy", "end", "answer", "leave"
OF_OWNER: Final = frozenset({COPY, END})
NUMBER_MAX: Final = 100_000
_DOMAIN: Final = b"rete/share/v1\n"


@dataclass(frozen=True, slots=True)
class Said:
    """One message: who says what of which share, ``at`` in unix seconds; ``seen``: the number of the other's newest that is known.

    ``case`` only in a copy, ``replies`` only in an answer or a leave.
    """

    id: str
    sender: str
    recipient: str
    kind: str
    seq: int
    seen: int
    at: int
    case: Mapping[str, Any] | None = field(default=None, repr=False)
    replies: Sequence[Mapping[str, Any]] | None = field(default=None, repr=False)


def _fields(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = {
        "at": said.at, "from": said.sender, "id": said.id, "kind": said.kind, "seen": said.seen, "seq": said.seq, "to": said.recipient,
        "v": VERSION,
    }  # fmt: skip
    if said.case is not None:
        found["case"] = dict(said.case)
    if said.replies is not None:
        found["replies"] = [dict(reply) for reply in said.replies]
    return found


def encode(said: Said, key: Ed25519PrivateKey) -> bytes:
    """Return the signed bytes of a message, to be sealed."""
    return spoken.encode("share", _DOMAIN, _fields(said), key)


def decode(raw: bytes, keys: Sequence[bytes], is_valid: Callable[[Any], bool]) -> Said:
    """Return the message in ``raw`` if one of the sender's http keys (32 bytes each) signed it; ``is_valid`` judges it by share.v1.json.

    Raises: PeerWrongError message-malformed, message-signature-bad, json-....
    """
    fields = spoken.decode("share", _DOMAIN, raw, keys, is_valid)
    return Said(
        id=fields["id"], sender=fields["from"], recipient=fields["to"], kind=fields["kind"], seq=fields["seq"], seen=fields["seen"],
        at=fields["at"], case=fields.get("case"), replies=fields.get("replies"),
    )  # fmt: skip
