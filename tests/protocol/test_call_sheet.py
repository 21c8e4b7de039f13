"""Sheets between issuers: signed by who says them, and by nobody else's key."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import PeerWrongError
from node.protocol import call_sheet, canonical

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
PUBLIC, STRANGER = (key.public_key().public_bytes_raw() for key in (KEY, OTHER))
DOCUMENT = {"v": 1, "call": "x", "n": 0}


def test_a_sheet_is_read_by_any_key_of_its_sender() -> None:
    """One of them signed it."""
    raw = call_sheet.sign(DOCUMENT, KEY)
    assert call_sheet.decode(raw, [STRANGER, PUBLIC]) == DOCUMENT


def test_what_the_sender_did_not_sign_is_refused() -> None:
    """Another key, another byte, no key, a key that is none."""
    raw = call_sheet.sign(DOCUMENT, KEY)
    changed = raw.replace(b'"n":0', b'"n":1')
    for message, keys in ((raw, [STRANGER]), (changed, [PUBLIC]), (raw, []), (raw, [b"short"])):
        with pytest.raises(PeerWrongError, match="sheet-signature-bad"):
            call_sheet.decode(message, keys)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ([], "sheet, sig"),
        ({"sheet": {}}, "sheet, sig"),
        ({"sheet": [], "sig": ""}, "sheet, sig"),
        ({"sheet": {}, "sig": 1}, "sig"),
        ({"sheet": {}, "sig": "*"}, "sig"),
    ],
)
def test_what_has_not_the_form_is_refused(value: object, what: str) -> None:
    """Before any key is asked, and it is said where."""
    with pytest.raises(PeerWrongError) as caught:
        call_sheet.decode(canonical.dumps(value), [PUBLIC])
    assert (caught.value.code, caught.value.facts["what"]) == ("sheet-malformed", what)
