"""The proposals that a node holds, as it tells them to others (PROTOCOL 7.10).

In: documents with the signatures they have so far, or the bytes of a reply. Out: the other. Nothing in them is verified here: each proves
itself by its signatures, or is dropped. What would make the reply too large to be read is left out; it also travels by itself, when it is
submitted.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from node.errors import N_, PeerWrongError
from node.protocol import canonical, limits

_KEYS = {"p"}


def _malformed() -> PeerWrongError:
    return PeerWrongError("proposals-malformed", N_("elenco delle proposte non valido"))


def encode(documents: Iterable[bytes]) -> bytes:
    """Return the canonical list of documents, as many as a reply may hold."""
    parts: list[str] = []
    size = len(b'{"p":[]}')
    for raw in documents:
        part = base64.b64encode(raw).decode()
        # Two quotation marks and a comma.
        if size + len(part) + 3 <= limits.PROPOSALS_MAX_BYTES and len(parts) < limits.PROPOSALS_TOLD:
            parts.append(part)
            size += len(part) + 3
    return canonical.dumps({"p": parts})


def parse(raw: bytes) -> list[bytes]:
    """Return the documents of a reply, unverified. Raises: PeerWrongError(proposals-malformed | json-...)."""
    value = canonical.parse(raw, max_bytes=limits.PROPOSALS_MAX_BYTES)
    if type(value) is not dict or value.keys() != _KEYS or type(value["p"]) is not list:
        raise _malformed()
    if len(value["p"]) > limits.PROPOSALS_TOLD:
        raise _malformed()
    try:
        return [base64.b64decode(item, validate=True) for item in value["p"]]
    except (binascii.Error, TypeError, ValueError) as error:
        raise _malformed() from error
