"""The vectors of a whole introduction (PROTOCOL 11): our code says every message of it byte for byte, and tells the same case from it."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.domain import introduction_fold
from node.domain.introduction import Case, Event, Kind, Party
from node.errors import PeerWrongError
from node.protocol import message
from node.protocol.message import Facts
from node.store import schemas

FILE = Path(__file__).resolve().parents[1] / "vectors" / "introduction.v1.json"
KEYS = {"seeker": bytes(range(32)), "owner": bytes(range(32, 64))}
MEMBERS = {"seeker": "cmto", "owner": "p_LE"}
CASE, PROFILE = "7c9e6679-7425-40de-944b-e07fc1f90ae7", "0b8f7a52-0e58-4b6c-9c7e-1f3f5f6c7d10"
BEGUN, DAY = 1_800_000_000, 86_400
REQUEST = {
    "text": "Cerchiamo un partner per un progetto comune.", "purpose": "joint_project",
    "seeker": {"kind": "network", "sector": "C", "territory": "ITC1"},
}  # fmt: skip


def named(name: str) -> dict[str, Any]:
    """An identity as a consent releases it."""
    return {
        "name": name, "kind": "network", "office": "Ufficio di prova", "members": [{"name": "Prova S.r.l.", "municipality": "Prova"}],
        "contact": {"person": "Prova Referente", "role": "referente", "email": "referente@example.org", "phone": ""},
    }  # fmt: skip


# (who, what, how many of the other's it has seen, days since the beginning, detail, days until its own next step, beside it)
SAID: tuple[tuple[str, str, int, int, str, int | None, dict[str, Any] | None], ...] = (
    ("seeker", "request", 0, 0, "", None, REQUEST),
    ("owner", "receipt", 1, 0, "", 7, None),
    ("owner", "check", 1, 1, "", 7, None),
    ("owner", "question", 1, 1, "", None, {"text": "Quante imprese sono? È urgente?"}),
    ("seeker", "receipt", 3, 1, "", 7, None),
    ("seeker", "answer", 3, 2, "", None, {"text": "Sono tre."}),
    ("owner", "forward", 3, 3, "", 7, None),
    ("owner", "accept", 3, 6, "", 7, None),
    ("seeker", "receipt", 5, 6, "", 7, None),
    ("owner", "consent", 4, 7, "", None, None),
    # Both consent before either has heard of the other's consent.
    ("seeker", "consent", 5, 7, "", None, None),
    ("owner", "identity", 5, 8, "", None, named("Rete di Prova B")),
    ("seeker", "identity", 6, 8, "", None, named("Rete di Prova A")),
    ("owner", "follow-up", 6, 38, "30", None, {"text": "Si sono incontrate."}),
    # Not over: it changes nothing, and stays to be seen.
    ("owner", "expire", 6, 39, "", None, None),
    ("owner", "revoke", 6, 40, "", None, None),
    ("seeker", "erased", 10, 40, "", None, None),
    ("seeker", "outcome", 10, 60, "agreement", None, None),
)


def said() -> list[tuple[Event, bytes]]:
    """Every message of the case in the order in which it was said."""
    made, counts = [], {"seeker": 0, "owner": 0}
    for who, kind, seen, days, detail, ahead, payload in SAID:
        counts[who] += 1
        at = BEGUN + days * DAY + len(made)
        due = -1 if ahead is None else at // DAY + ahead
        facts = Facts(CASE, MEMBERS["seeker"], MEMBERS["owner"], PROFILE, who, counts[who], seen, kind, at, detail, due)
        salt = bytes([len(made)]) * message.SALT_BYTES if payload is not None else b""
        signed = message.sign(facts, Ed25519PrivateKey.from_private_bytes(KEYS[who]), payload=payload, salt=salt)
        made.append((Event(Party(who), counts[who], seen, kind, at, detail, due), message.encode(signed)))
    return made


def told(case: Case) -> dict[str, Any]:
    """A case as the vectors tell it."""
    return {
        "state": str(case.state),
        "turn": sorted(map(str, case.turn)),
        "due": {str(party): day for party, day in sorted(case.due.items())},
        "heard": {str(party): count for party, count in case.heard.items()},
        "consents": sorted(map(str, case.consents)),
        "disclosed": sorted(map(str, case.disclosed)),
        "erasing": sorted(map(str, case.erasing)),
        "overtaken": sorted(f"{party} {seq}" for party, seq in case.overtaken),
        "lost": sorted(map(str, case.lost)),
    }


def made() -> dict[str, Any]:
    """The vectors, made anew: nothing in them is drawn."""
    messages = said()
    arrival = list(range(len(messages)))
    random.Random(7).shuffle(arrival)
    events = [event for event, _ in messages]
    return {
        "about": "Vectors for schemas/PROTOCOL.md section 11: the http keys of two members, every message of one introduction as it is sealed (canonical JSON), and the case after each arrival: in the order in which it was said, and in another one. heard counts the events of each side that are there without a gap.",
        "private_keys_hex": {who: key.hex() for who, key in KEYS.items()},
        "public_keys_hex": {who: Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw().hex() for who, key in KEYS.items()},
        "messages": [raw.decode() for _, raw in messages],
        "order": [f"{event.by} {event.seq}" for event in introduction_fold.in_order(events)],
        "as_said": [told(introduction_fold.fold(events[: count + 1])) for count in range(len(events))],
        "arrival": arrival,
        "as_arrived": [told(introduction_fold.fold([events[at] for at in arrival[: count + 1]])) for count in range(len(events))],
    }  # fmt: skip


VECTORS = json.loads(FILE.read_text(encoding="utf-8"))


def test_the_vectors_are_what_our_code_says() -> None:
    """Every byte of every message, every order, every state."""
    assert made() == VECTORS


def test_every_message_is_read_with_the_public_keys_of_the_vectors() -> None:
    """Signature and hash hold and the schema takes it; the other side's key did not sign it."""
    for raw in VECTORS["messages"]:
        value = json.loads(raw)
        public = bytes.fromhex(VECTORS["public_keys_hex"][value["event"]["by"]])
        read = message.decode(raw.encode(), public)
        assert message.encode(read) == raw.encode()
        assert schemas.introduction_validator().is_valid(value)
        other = bytes.fromhex(VECTORS["public_keys_hex"]["owner" if value["event"]["by"] == "seeker" else "seeker"])
        with pytest.raises(PeerWrongError):
            message.decode(raw.encode(), other)


def test_both_orders_end_in_one_case() -> None:
    """Whatever came first; on the way a case never tells more than what is there without a gap."""
    assert VECTORS["as_said"][-1] == VECTORS["as_arrived"][-1]
    assert VECTORS["as_said"][-1]["state"] == "concluded"
    assert VECTORS["as_said"][-1]["overtaken"] == ["owner 9"]
    assert len({json.dumps(state) for state in VECTORS["as_said"]}) == len(SAID)
    assert {state["state"] for state in VECTORS["as_said"]} >= {
        "sent", "received", "under_check", "info_requested", "answered", "forwarded", "accepted", "consented", "introduced", "followed_up",
    }  # fmt: skip


def test_the_schema_knows_each_kind_and_what_may_travel_beside_it() -> None:
    """A text where people say something, an identity where names are told, nothing elsewhere; a request never without its own."""
    schema = json.loads(schemas.folder().joinpath("introduction.v1.json").read_text(encoding="utf-8"))
    named_in = [kind for rule in schema["allOf"] for kind in rule["if"]["properties"]["event"]["properties"]["kind"]["enum"]]  # fmt: skip
    assert sorted(named_in) == sorted(map(str, Kind))
    valid = schemas.introduction_validator().is_valid
    document = json.loads(VECTORS["messages"][0])
    salt = base64.b64encode(bytes(32)).decode()
    texts = {Kind.QUESTION, Kind.ANSWER, Kind.ACCEPT, Kind.DECLINE, Kind.FOLLOW_UP, Kind.OUTCOME, Kind.WITHDRAW}
    for kind in Kind:
        event = {"event": {**document["event"], "kind": str(kind)}, "sig": document["sig"]}
        beside = {"text": {"text": "x"}, "identity": named("x"), "request": REQUEST}
        taken = {name for name, payload in beside.items() if valid({**event, "payload": payload, "salt": salt})}
        expected = {"text"} if kind in texts else {str(kind)} & {"identity", "request"}
        assert taken == expected, kind
        assert valid(event) == (kind is not Kind.REQUEST), kind
        assert not valid({**event, "payload": {"text": ""}, "salt": salt})
        assert not valid({**event, "payload": {"text": "x" * 4001}, "salt": salt})
