"""What the messages of the later families of the sealed post have alike: one object, signed by its node, as canonical JSON.

In: fields, the name under which they stand, the words that part one family's signatures from all others; or bytes that were unsealed.
Out: canonical bytes, or fields whose form and signature are good. Source: PROTOCOL 15.1, 15.2, 16.1, 16.2.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.errors import N_, PeerWrongError
from node.protocol import canonical, limits

_SIGNATURE_BYTES: Final = 64


def encode(name: str, domain: bytes, fields: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """Return the signed bytes of a message, to be sealed; ``name`` comes before ``sig`` in the order of canonical JSON."""
    signature = key.sign(domain + canonical.dumps(dict(fields)))
    return canonical.dumps({name: dict(fields), "sig": base64.b64encode(signature).decode()})


def malformed(name: str) -> PeerWrongError:
    """Return the refusal of a message that has not its form."""
    return PeerWrongError("message-malformed", N_("messaggio non valido: {what}"), what=name)


def decode(
    name: str, domain: bytes, raw: bytes, keys: Sequence[bytes], is_valid: Callable[[Any], bool]
) -> dict[str, Any]:
    """Return the fields in ``raw`` if one of the sender's http keys (32 bytes each) signed them; ``is_valid`` judges the whole.

    Raises: PeerWrongError message-malformed, message-signature-bad, json-....
    """
    document = canonical.parse(raw, max_bytes=limits.MESSAGE_MAX_BYTES)
    if not is_valid(document):
        raise malformed(name)
    try:
        signature = base64.b64decode(document["sig"], validate=True)
    except binascii.Error as error:
        raise malformed(name) from error
    fields: dict[str, Any] = document[name]
    if not any(_signed(key, signature, domain + canonical.dumps(fields)) for key in keys):
        raise PeerWrongError("message-signature-bad", N_("il messaggio non è firmato dal nodo che lo manda"))
    return fields


def _signed(public: bytes, signature: bytes, what: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, what)
    except (InvalidSignature, ValueError):
        return False
    return len(signature) == _SIGNATURE_BYTES
