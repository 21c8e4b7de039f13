r"""One message of an introduction: an event that a node signed, and the text or identity that travels beside it (PROTOCOL 11).

In: the facts of an event, or bytes that were unsealed. Out: canonical bytes, or a verified message. Rules: the event is signed by its
node's ``http`` key over ``rete/introduction/v1\n`` and its canonical bytes; no request is signed over such bytes, so the key's two uses
cannot be taken for one another. What is said beside it is bound by a salted hash, so that it can be erased and the event still be
verified. What an event means is not known here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.errors import N_, PeerWrongError
from node.protocol import canonical, limits

VERSION: Final = 1
SALT_BYTES: Final = 32
PARTIES: Final = ("seeker", "owner")
_DOMAIN: Final = b"rete/introduction/v1\n"
_PAYLOAD: Final = b"rete/introduction-payload/v1\n"
_KEYS: Final = frozenset(
    {"at", "by", "detail", "due", "hash", "introduction", "kind", "owner", "profile", "seeker", "seen", "seq", "v"}
)
_UUID4: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_WORD: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_NODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
NUMBER_MAX: Final = 10_000
# The year 5138, and day 1,000,000: what no clock and no calendar says.
AT_MAX: Final = 10**11
DUE_MAX: Final = 10**6


@dataclass(frozen=True, slots=True)
class Facts:
    """What an event says, as it is signed; ``at`` in unix seconds, ``due`` in days since 1970-01-01, -1 for none."""

    introduction: str
    seeker: str
    owner: str
    profile: str
    by: str
    seq: int
    seen: int
    kind: str
    at: int
    detail: str = ""
    due: int = -1

    @property
    def speaker(self) -> str:
        """The node that says it."""
        return self.seeker if self.by == "seeker" else self.owner

    @property
    def hearer(self) -> str:
        """The node to which it is said."""
        return self.owner if self.by == "seeker" else self.seeker


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its facts, the event's signed bytes, and what travels beside it (None: nothing, or erased since)."""

    facts: Facts
    event: bytes
    signature: bytes
    payload: Mapping[str, Any] | None = None
    salt: bytes = b""


def _malformed(what: str) -> PeerWrongError:
    return PeerWrongError("message-malformed", N_("messaggio non valido: {what}"), what=what)


def payload_hash(salt: bytes, payload: Mapping[str, Any]) -> bytes:
    """Return the 32 bytes that bind a payload to its event."""
    return hashlib.sha256(_PAYLOAD + salt + canonical.dumps(payload)).digest()


def sign(
    facts: Facts, key: Ed25519PrivateKey, *, payload: Mapping[str, Any] | None = None, salt: bytes = b""
) -> Message:
    """Return the message that says ``facts``; a payload needs a fresh ``salt`` of 32 bytes.

    Raises: CallerError(json-unrepresentable).
    """
    bound = "" if payload is None else base64.b64encode(payload_hash(salt, payload)).decode()
    event = canonical.dumps(
        {
            "at": facts.at, "by": facts.by, "detail": facts.detail, "due": facts.due, "hash": bound,
            "introduction": facts.introduction, "kind": facts.kind, "owner": facts.owner, "profile": facts.profile,
            "seeker": facts.seeker, "seen": facts.seen, "seq": facts.seq, "v": VERSION,
        }
    )  # fmt: skip
    return Message(facts, event, key.sign(_DOMAIN + event), payload, salt)


def encode(message: Message) -> bytes:
    """Return the bytes of a message, to be sealed; a payload that was erased is left out."""
    document: dict[str, Any] = {
        "event": canonical.parse(message.event, max_bytes=limits.MESSAGE_MAX_BYTES),
        "sig": base64.b64encode(message.signature).decode(),
    }
    if message.payload is not None:
        document |= {"payload": message.payload, "salt": base64.b64encode(message.salt).decode()}
    return canonical.dumps(document)


def decode(raw: bytes, public: bytes) -> Message:
    """Return the message in ``raw`` if the node with this http key (32 bytes) signed it.

    Raises: PeerWrongError message-malformed, message-signature-bad, message-payload-bad, json-....
    """
    document = canonical.parse(raw, max_bytes=limits.MESSAGE_MAX_BYTES)
    if type(document) is not dict or document.keys() - {"payload", "salt"} != {"event", "sig"}:
        raise _malformed("event, sig, payload, salt")
    facts, bound = read_event(document["event"])
    event, signature = canonical.dumps(document["event"]), _bytes(document["sig"], 64, "sig")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, _DOMAIN + event)
    except (InvalidSignature, ValueError) as error:
        raise PeerWrongError("message-signature-bad", N_("il messaggio non è firmato dal nodo che lo manda")) from error
    payload, salt = document.get("payload"), b""
    if ("payload" in document) != ("salt" in document):
        raise _malformed("salt")
    if "payload" in document:
        if payload is None:
            raise _malformed("payload")
        salt = _bytes(document["salt"], SALT_BYTES, "salt")
        if type(payload) is not dict or payload_hash(salt, payload) != bound:
            raise PeerWrongError("message-payload-bad", N_("il contenuto del messaggio non è quello firmato"))
    return Message(facts, event, signature, payload, salt)


def read_event(event: Any) -> tuple[Facts, bytes]:
    """Return the facts of an event's value and the hash of what travels beside it, empty for nothing.

    Raises: PeerWrongError(message-malformed).
    """
    if type(event) is not dict or event.keys() != _KEYS or event["v"] is True or event["v"] != VERSION:
        raise _malformed("event")
    for name in ("introduction", "profile"):
        if type(event[name]) is not str or not _UUID4.fullmatch(event[name]):
            raise _malformed(name)
    for name in ("seeker", "owner"):
        if type(event[name]) is not str or not _NODE.fullmatch(event[name]):
            raise _malformed(name)
    if event["seeker"] == event["owner"] or event["by"] not in PARTIES:
        raise _malformed("by")
    if type(event["kind"]) is not str or not _WORD.fullmatch(event["kind"]):
        raise _malformed("kind")
    if type(event["detail"]) is not str or (event["detail"] and not _WORD.fullmatch(event["detail"])):
        raise _malformed("detail")
    for name, least, most in (
        ("seq", 1, NUMBER_MAX),
        ("seen", 0, NUMBER_MAX),
        ("at", 0, AT_MAX),
        ("due", -1, DUE_MAX),
    ):
        if type(event[name]) is not int or not least <= event[name] <= most:
            raise _malformed(name)
    bound = b"" if event["hash"] == "" else _bytes(event["hash"], 32, "hash")
    names = ("introduction", "seeker", "owner", "profile", "by", "seq", "seen", "kind", "at", "detail", "due")
    return Facts(**{name: event[name] for name in names}), bound


def _bytes(text: Any, count: int, name: str) -> bytes:
    if type(text) is not str:
        raise _malformed(name)
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed(name) from error
    # Any other spelling of the same bytes is refused.
    if len(found) != count or base64.b64encode(found).decode() != text:
        raise _malformed(name)
    return found
