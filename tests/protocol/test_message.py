"""Messages of introductions: signed over their domain, bound to what travels beside them, in one form; whatever else is refused."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.errors import PeerWrongError
from node.protocol import canonical, limits, message
from node.protocol.message import Facts

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
SALT = bytes(range(100, 132))
FACTS = Facts(
    "7c9e6679-7425-40de-944b-e07fc1f90ae7", "cmto", "p_LE", "0b8f7a52-0e58-4b6c-9c7e-1f3f5f6c7d10", "seeker", 3, 2, "question",
    1_800_000_000, "", 20_840,
)  # fmt: skip
TEXT = {"text": "Quante imprese sono? È \U0001f33f"}


def raw_of(**changes: Any) -> bytes:
    """A signed message with a text, some of whose parts are others; a part that is None is left out."""
    document = json.loads(message.encode(message.sign(FACTS, KEY, payload=TEXT, salt=SALT)))
    return canonical.dumps({name: value for name, value in {**document, **changes}.items() if value is not None})


def refused(raw: bytes, public: bytes = PUBLIC) -> str:
    """The code by which bytes are refused."""
    with pytest.raises(PeerWrongError) as caught:
        message.decode(raw, public)
    return caught.value.code


def signed(event: dict[str, Any]) -> bytes:
    """A message whose event says anything, signed as it should be."""
    raw = canonical.dumps(event)
    signature = base64.b64encode(KEY.sign(b"rete/introduction/v1\n" + raw)).decode()
    return canonical.dumps({"event": event, "sig": signature})


def event_of(**changes: Any) -> dict[str, Any]:
    """An event without payload, some of whose fields are others; a field that is None is left out."""
    event = json.loads(message.sign(FACTS, KEY).event)
    return {name: value for name, value in {**event, **changes}.items() if value is not None}


def test_a_message_is_read_back_as_it_was_said() -> None:
    """With what travels beside it, and without: then only its hash is left."""
    said = message.sign(FACTS, KEY, payload=TEXT, salt=SALT)
    assert message.decode(message.encode(said), PUBLIC) == said
    bare = message.decode(message.encode(replace(said, payload=None, salt=b"")), PUBLIC)
    assert (bare.facts, bare.event, bare.payload, bare.salt) == (FACTS, said.event, None, b"")
    assert message.read_event(json.loads(said.event)) == (FACTS, message.payload_hash(SALT, TEXT))
    silent = message.sign(FACTS, KEY)
    assert message.decode(message.encode(silent), PUBLIC) == silent
    assert message.read_event(json.loads(silent.event))[1] == b""


def test_who_speaks_and_who_hears() -> None:
    """By the side that the event is said by."""
    assert (FACTS.speaker, FACTS.hearer) == ("cmto", "p_LE")
    assert (replace(FACTS, by="owner").speaker, replace(FACTS, by="owner").hearer) == ("p_LE", "cmto")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("at", 1_800_000_001), ("by", "owner"), ("detail", "other"), ("due", 20_841), ("hash", base64.b64encode(bytes(32)).decode()),
        ("introduction", "7c9e6679-7425-40de-944b-e07fc1f90ae8"), ("kind", "answer"), ("owner", "p_BR"),
        ("profile", "0b8f7a52-0e58-4b6c-9c7e-1f3f5f6c7d11"), ("seeker", "cmrm"), ("seen", 3), ("seq", 4), ("v", 2),
    ],
)  # fmt: skip
def test_no_field_can_be_another_than_was_signed(name: str, value: Any) -> None:
    """Each is under the signature; another version is none that we know."""
    event = json.loads(message.sign(FACTS, KEY, payload=TEXT, salt=SALT).event)
    assert set(event) == {
        "at", "by", "detail", "due", "hash", "introduction", "kind", "owner", "profile", "seeker", "seen", "seq", "v",
    }  # fmt: skip
    code = refused(raw_of(event={**event, name: value}))
    assert code == ("message-malformed" if name == "v" else "message-signature-bad")


def test_only_its_node_signs_it_and_over_this_domain() -> None:
    """Another key, a signature of other bytes, a key that is none."""
    raw = raw_of()
    assert refused(raw, OTHER.public_key().public_bytes_raw()) == "message-signature-bad"
    assert refused(raw, b"short") == "message-signature-bad"
    plain = base64.b64encode(KEY.sign(message.sign(FACTS, KEY, payload=TEXT, salt=SALT).event)).decode()
    assert refused(raw_of(sig=plain)) == "message-signature-bad"


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": {"text": "Quante imprese sono?"}},
        {"payload": {}},
        {"payload": [TEXT]},
        {"payload": "x"},
        {"salt": base64.b64encode(bytes(32)).decode()},
    ],
)
def test_what_travels_beside_it_is_what_was_bound(changes: dict[str, Any]) -> None:
    """Another text, no object, another salt."""
    assert refused(raw_of(**changes)) == "message-payload-bad"


@pytest.mark.parametrize(
    "changes",
    [
        {"event": None}, {"sig": None}, {"payload": None}, {"salt": None}, {"more": 1}, {"event": []}, {"event": "x"}, {"sig": 1}, {"sig": ""},
        {"sig": base64.b64encode(bytes(63)).decode()}, {"sig": "A" * 85 + "B=="}, {"sig": "?" * 88}, {"salt": 5}, {"salt": ""},
        {"salt": base64.b64encode(bytes(31)).decode()},
    ],
)  # fmt: skip
def test_a_document_has_one_form(changes: dict[str, Any]) -> None:
    """Its parts, each with its spelling; a payload never without its salt, nor a salt alone."""
    assert refused(raw_of(**changes)) == "message-malformed"


@pytest.mark.parametrize("text", [1, None, "?" * 88, "AAA", "è" * 44, base64.b64encode(bytes(31)).decode()])
@pytest.mark.parametrize("name", ["hash", "salt", "sig"])
def test_the_refusal_names_the_field_that_is_no_bytes(name: str, text: Any) -> None:
    """No text, no base64, another length: whoever wrote it is told where to look."""
    document = {**json.loads(raw_of()), name: text}
    raw = signed({**event_of(), "hash": text}) if name == "hash" else canonical.dumps(document)
    with pytest.raises(PeerWrongError) as caught:
        message.decode(raw, PUBLIC)
    assert (caught.value.code, caught.value.facts) == ("message-malformed", {"what": name})


def test_a_payload_that_is_null_is_no_payload() -> None:
    """Left out is the one way to say nothing."""
    document = json.loads(raw_of())
    assert refused(canonical.dumps({**document, "payload": None})) == "message-malformed"
    assert refused(canonical.dumps({**document, "payload": None, "salt": None})) == "message-malformed"


@pytest.mark.parametrize(
    "changes",
    [
        {name: wrong}
        for name, wrongs in {
            "introduction": ["", "7C9E6679-7425-40DE-944B-E07FC1F90AE7", "7c9e6679-7425-10de-944b-e07fc1f90ae7", 1],
            "profile": ["x", "0b8f7a52-0e58-4b6c-9c7e-1f3f5f6c7d10\n", False],
            "seeker": ["", "1x", "a" * 33, "p_LE", 1, "è"],
            "owner": ["", "cmto", []],
            "by": ["both", "", 1],
            "kind": ["", "Question", "-x", "a" * 41, 1, "è"],
            "detail": ["Other", " ", "a b", 1],
            "seq": [0, -1, 10_001, "1", True],
            "seen": [-1, 10_001, "0", False],
            "at": [-1, 10**11 + 1, "0", True],
            "due": [-2, 10**6 + 1, "0", True],
            "hash": ["x", base64.b64encode(bytes(31)).decode(), 1, "A" * 43],
            "v": [0, 2, "1", True],
        }.items()
        for wrong in wrongs
    ],
    ids=str,
)
def test_each_field_has_its_form(changes: dict[str, Any]) -> None:
    """Whatever else is refused, although it is signed."""
    assert refused(signed(event_of(**changes))) == "message-malformed"


@pytest.mark.parametrize("name", sorted(json.loads(message.sign(FACTS, KEY).event)))
def test_no_field_is_left_out_and_none_is_added(name: str) -> None:
    """All of them, and no more."""
    assert refused(signed(event_of(**{name: None}))) == "message-malformed"
    assert refused(signed({**event_of(), f"{name}x": event_of()[name]})) == "message-malformed"


def test_the_least_and_the_most_are_good() -> None:
    """Both ends of each number, the shortest and the longest words."""
    for changes in (
        {"seq": 1, "seen": 0, "at": 0, "due": -1, "kind": "a", "detail": "0", "seeker": "a"},
        {"seq": 10_000, "seen": 10_000, "at": 10**11, "due": 10**6, "kind": "a" * 40, "owner": "b" * 32},
    ):  # fmt: skip
        facts = message.decode(signed(event_of(**changes)), PUBLIC).facts
        assert {name: getattr(facts, name) for name in changes} == changes


def test_only_canonical_json_is_read() -> None:
    """Other spellings of the same document, and bytes that are none."""
    raw = raw_of()
    assert json.loads(raw) == json.loads(json.dumps(json.loads(raw)))
    for other in (
        json.dumps(json.loads(raw)).encode(),
        raw + b" ",
        b"",
        b"\xff",
        b"[]",
        b"x" * (limits.MESSAGE_MAX_BYTES + 1),
    ):
        assert refused(other).startswith(("json-", "message-malformed")), other[:20]


@given(
    st.dictionaries(
        st.text("abz_", max_size=5),
        st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.sampled_from(["è", "\n", '"']),
        max_size=4,
    ),
    st.binary(min_size=32, max_size=32),
)
def test_whatever_is_said_is_bound(payload: dict[str, Any], salt: bytes) -> None:
    """Any object and salt come back; with any other salt they do not fit."""
    said = message.sign(FACTS, KEY, payload=payload, salt=salt)
    assert message.decode(message.encode(said), PUBLIC) == said
    other = bytes([salt[0] ^ 1]) + salt[1:]
    assert refused(message.encode(replace(said, salt=other))) == "message-payload-bad"
