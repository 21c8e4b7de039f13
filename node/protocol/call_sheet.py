"""What an issuing office says to another of one application to a joint call: signed, then sealed (PROTOCOL 14.6, 9).

In: a document and the office's http key; or bytes and the keys of whoever says it. Out: the bytes of a message; or the document. No
request (4) and no event of an introduction (11.3) is signed over such bytes. Pure.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.errors import N_, PeerWrongError
from node.protocol import canonical, limits

_DOMAIN = b"rete/call-sheet/v1\n"
# A file of all sheets of an office for another.
FILE_MAX_BYTES = 256 * 1024 * 1024


def sign(document: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """Return the message that says a document. Raises: CallerError(json-unrepresentable)."""
    signature = key.sign(_DOMAIN + canonical.dumps(document))
    return canonical.dumps({"sheet": document, "sig": base64.b64encode(signature).decode()})


def decode(raw: bytes, publics: Iterable[bytes]) -> dict[str, Any]:
    """Return the document of a message if one of these http keys (32 bytes) signed it.

    Raises: PeerWrongError sheet-malformed, sheet-signature-bad, json-....
    """
    message = canonical.parse(raw, max_bytes=limits.MESSAGE_MAX_BYTES)
    if type(message) is not dict or message.keys() != {"sheet", "sig"} or type(message["sheet"]) is not dict:
        raise malformed("sheet, sig")
    try:
        signature = base64.b64decode(message["sig"], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise malformed("sig") from error
    signed = _DOMAIN + canonical.dumps(message["sheet"])
    if not any(_is_by(public, signature, signed) for public in publics):
        raise PeerWrongError("sheet-signature-bad", N_("la scheda non è firmata dall'ufficio che la manda"))
    return dict(message["sheet"])


def _is_by(public: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def malformed(what: str) -> PeerWrongError:
    """Return the refusal of what has not the form of a sheet or of a file of them."""
    return PeerWrongError("sheet-malformed", N_("scheda non valida: {what}"), what=what)
