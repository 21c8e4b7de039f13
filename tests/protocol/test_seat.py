"""Messages about places: read as they were said, and nothing else; no bytes of an introduction, no bytes of another's."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.errors import PeerWrongError
from node.protocol import canonical, seat
from node.protocol.seat import Said
from node.store import schemas

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
ID = "3f6c2f8e-1111-4111-8111-111111111111"
PERSON = {"name": "Persona Prova", "email": "a@example.org", "territory": "ITF4", "sector": "", "consent": {"version": "v1", "day": "2026-12-01"}}  # fmt: skip
ASK = Said(ID, "cmto", "p_LE", seat.ASK, 1, 0, 1_700_000_000, ID, "2026-1", person=PERSON)


def read(raw: bytes, key: bytes = PUBLIC) -> Said:
    """What a node reads."""
    return seat.decode(raw, [key], schemas.seat_validator().is_valid)


@given(st.integers(1, 10_000), st.integers(0, 10_000), st.lists(st.integers(1, 5), min_size=5, max_size=5))
def test_each_kind_is_read_as_it_was_said(seq: int, seen: int, answers: list[int]) -> None:
    """Every kind, each with what it carries; the family is known by the first bytes."""
    bare = replace(ASK, seq=seq, seen=seen, person=None)
    for said in (
        replace(ASK, seq=seq, seen=seen),
        replace(bare, kind=seat.CANCEL),
        replace(bare, kind=seat.FORGET),
        replace(bare, kind=seat.EVALUATE, answers=answers),
        replace(bare, kind=seat.ANSWER, standing="waiting", reason="", evaluated=True),
        replace(bare, kind=seat.ANSWER, standing="refused", reason="late"),
    ):
        raw = seat.encode(said, KEY)
        assert raw.startswith(seat.PREFIX)
        assert read(raw) == said


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "shout"},
        {"seq": 0},
        {"seq": True},
        {"from": "1"},
        {"id": "x"},
        {"person": {**PERSON, "tax_code": "1"}},
        {"person": {**PERSON, "name": "a\nb"}},
        {"answers": [1, 2, 3, 4, 5]},
        {"standing": "placed"},
        {"colour": "red"},
    ],
)
def test_what_has_not_its_form_is_refused(change: dict[str, Any]) -> None:
    """Also when it is well signed."""
    fields = {**json.loads(seat.encode(ASK, KEY))["seat"], **change}
    raw = canonical.dumps({"seat": fields, "sig": "A" * 86 + "=="})
    with pytest.raises(PeerWrongError) as caught:
        read(raw)
    assert (caught.value.code, caught.value.facts["what"]) == ("message-malformed", "seat")


def test_another_key_and_another_word_are_seen() -> None:
    """A changed byte, and a message that somebody else signed."""
    raw = seat.encode(ASK, KEY)
    other = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32).public_key().public_bytes_raw()
    for changed, key in ((raw, other), (raw.replace(b"ITF4", b"ITF5"), PUBLIC)):
        with pytest.raises(PeerWrongError) as caught:
            read(changed, key)
        assert caught.value.code == "message-signature-bad"


def test_a_signature_is_spelt_in_one_way() -> None:
    """Whatever the form lets pass: signs that are none of base64's are not left out."""
    message = json.loads(seat.encode(ASK, KEY))
    raw = canonical.dumps({**message, "sig": "*" + message["sig"]})
    with pytest.raises(PeerWrongError) as caught:
        seat.decode(raw, [PUBLIC], lambda _: True)
    assert (caught.value.code, caught.value.facts["what"]) == ("message-malformed", "seat")
