"""Requests to join: who asks holds the keys; the words by which two people compare them (PROTOCOL 7.9)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from node.errors import CallerError, PeerWrongError, Said
from node.protocol import agreement, canonical, enrolment, keys
from node.protocol.agreement import LogKeys, Node, Status
from node.store import schemas
from tests import agreement_made as made

AREZZO = made.node("arezzo")
RAW = enrolment.make(AREZZO, made.proving("arezzo"))
GOOD = json.loads(RAW)


def code_of(call: Callable[[], object]) -> str:
    """The code of a refusal."""
    with pytest.raises(PeerWrongError) as caught:
        call()
    assert str(caught.value)
    return caught.value.code


def with_node(node: Node, proving: Any = None) -> bytes:
    """A request that nobody checked while it was made."""
    message = b"rete/enrolment/v1\n" + hashlib.sha256(canonical.dumps(agreement.node_json(node))).digest()
    proofs = {
        name: base64.b64encode(key.sign(message)).decode() for name, key in (proving or made.proving(node.id)).items()
    }
    return canonical.dumps({"node": agreement.node_json(node), "proofs": proofs, "v": 1})


def test_a_request_is_the_entry_and_a_proof_by_each_key() -> None:
    """Over SHA-256 of the canonical entry, under a prefix of its own: made by hand it is the same, byte for byte."""
    assert with_node(AREZZO) == RAW
    found = enrolment.parse(RAW)
    assert (found.node, found.raw) == (AREZZO, RAW)
    assert GOOD["proofs"].keys() == set(made.ROLES)


def test_every_key_of_a_role_proves_itself() -> None:
    """The first by the role, others by their number in it; one log key of several years once; roles that are not there never."""
    node = replace(
        AREZZO,
        http=(made.http_key("arezzo"), made.http_key("arezzo", 2)),
        log=(
            *AREZZO.log,
            LogKeys(
                made.origin("arezzo", 2027),
                (made.log_verifier("arezzo", 1, 2027), made.log_verifier("arezzo", 3, 2027)),
                None,
                None,
            ),
        ),
        mirror=(),
    )
    proving = {
        "http": made.private("arezzo http 1"), "http#2": made.private("arezzo http 2"), "log": made.private("arezzo log 1"),
        "log#2": made.private("arezzo log 3"), "witness": made.private("arezzo witness 1"),
    }  # fmt: skip
    assert [name for name, _ in enrolment.labels(node)] == list(proving)
    assert enrolment.parse(enrolment.make(node, proving)).node == node
    for name in proving:
        fewer = {other: key for other, key in proving.items() if other != name}
        assert code_of(lambda fewer=fewer: enrolment.parse(with_node(node, fewer))) == "enrolment-malformed"
    more = {**proving, "mirror": made.private("arezzo mirror 1")}
    assert code_of(lambda: enrolment.parse(with_node(node, more))) == "enrolment-malformed"


@pytest.mark.parametrize("role", made.ROLES)
def test_nobody_asks_with_anothers_key(role: str) -> None:
    """A key that the asker does not hold, or that signed another entry, proves nothing."""
    proving = {**made.proving("arezzo"), role: made.private("somebody")}
    with pytest.raises(PeerWrongError) as caught:
        enrolment.parse(with_node(AREZZO, proving))
    assert (caught.value.code, caught.value.where, caught.value.facts) == (
        "enrolment-unproved",
        "arezzo",
        {"role": role},
    )
    other = json.loads(with_node(replace(AREZZO, name="Altro")))["proofs"][role]
    raw = canonical.dumps({**GOOD, "proofs": {**GOOD["proofs"], role: other}})
    assert code_of(lambda: enrolment.parse(raw)) == "enrolment-unproved"


def test_a_proof_is_no_signature_of_anything_else() -> None:
    """Over the bare digest, or under another prefix, it does not count."""
    digest = enrolment.digest_of(AREZZO)
    for message in (digest, b"rete/routine/v1\n" + digest, b"rete/enrolment/v1\n" + canonical.dumps(GOOD["node"])):
        proof = base64.b64encode(made.private("arezzo http 1").sign(message)).decode()
        raw = canonical.dumps({**GOOD, "proofs": {**GOOD["proofs"], "http": proof}})
        assert code_of(lambda raw=raw: enrolment.parse(raw)) == "enrolment-unproved"


def changed(**values: Any) -> bytes:
    """The request with other values beside each other."""
    return canonical.dumps({**GOOD, **values})


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"null", json.dumps(GOOD).encode(), RAW + b" ", RAW + b" " * 70_000, changed(v=2), changed(v=True), changed(zz=1), changed(node={}), changed(node=[]), changed(proofs=[]),
        changed(proofs={}), changed(proofs={**GOOD["proofs"], "http": "x"}), changed(proofs={**GOOD["proofs"], "http": None}), changed(proofs={**GOOD["proofs"], "seal": GOOD["proofs"]["http"]}),
        with_node(replace(AREZZO, status=Status.SUSPENDED)), with_node(replace(AREZZO, status=Status.LEFT)), with_node(replace(AREZZO, rev=2)),
        with_node(replace(AREZZO, name="a\u202eb")), with_node(replace(AREZZO, name="a\tb")), with_node(replace(AREZZO, url="http://arezzo.example")),
        with_node(replace(AREZZO, witness=(replace(AREZZO.witness[0], public=made.public("arezzo mirror 1")),)), {**made.proving("arezzo"), "witness": made.private("arezzo mirror 1")}),
        with_node(replace(AREZZO, witness=(keys.Verifier("arezzo.example/witness", keys.COSIGNATURE_TYPE, bytes(32)),))),
    ],
)  # fmt: skip
def test_a_request_of_another_form_is_malformed(raw: bytes) -> None:
    """Not canonical, too large, not active, not the first, signs that do not show, a key twice, a key of low order; the sentence says which."""
    assert code_of(lambda: enrolment.parse(raw)) == "enrolment-malformed"


@pytest.mark.parametrize(
    ("raw", "where", "inside"),
    [
        (changed(zz=1), "enrolment", "agreement-malformed"),
        (changed(v=2), "v", "agreement-malformed"),
        (with_node(replace(AREZZO, rev=2)), "arezzo: status", "agreement-malformed"),
        (changed(proofs={}), "arezzo: proofs", "agreement-malformed"),
        (with_node(replace(AREZZO, url="http://arezzo.example")), "arezzo: url", "agreement-malformed"),
        (RAW + b" ", "", "json-not-canonical"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(raw: bytes, where: str, inside: str) -> None:
    """The sentence of the part that is wrong stands in the one about the request."""
    with pytest.raises(PeerWrongError) as caught:
        enrolment.parse(raw)
    reason = caught.value.__cause__
    assert isinstance(reason, PeerWrongError)
    assert (reason.code, caught.value.where) == (inside, where)
    assert caught.value.facts == {"reason": Said(reason.what, reason.facts)}


def test_our_own_mistakes_are_told_to_us() -> None:
    """A key that is missing, or another's; an entry that nobody would take."""
    for node, proving, code in (
        (AREZZO, {}, "enrolment-malformed"),
        (AREZZO, made.proving("lecce"), "enrolment-unproved"),
        (replace(AREZZO, rev=2), made.proving("arezzo"), "enrolment-malformed"),
        (replace(AREZZO, name="\ud800"), made.proving("arezzo"), "json-unrepresentable"),
    ):
        with pytest.raises(CallerError) as caught:
            enrolment.make(node, proving)
        assert caught.value.code == code


def test_names_are_read_back_as_digits() -> None:
    """As people write them, whatever the case; anything else is taken as digits."""
    digest = bytes(range(16)) * 2
    assert enrolment.digits_of(" ".join(enrolment.words(digest)).upper()) == digest.hex()[:32]
    assert enrolment.digits_of("Ancona, Bologna\nComo") == "012"
    assert enrolment.digits_of("C565 5958") == "c5655958"
    assert enrolment.digits_of("Ancona Bari") == "anconabari"
    assert enrolment.digits_of("") == ""


def test_words_are_the_first_128_bits() -> None:
    """One city for each hexadecimal digit, 32 of them, in lines of four: no two begin alike."""
    assert enrolment.words(bytes.fromhex("0123456789abcdef" * 2 + "ff" * 16)) == [*enrolment.CITIES] * 2
    assert len({city[0] for city in enrolment.CITIES}) == 16
    assert enrolment.CITIES[0] == "Ancona"
    assert enrolment.CITIES[15] == "Venezia"
    lines = enrolment.grouped(enrolment.words(bytes(32)))
    assert lines == ["Ancona Ancona Ancona Ancona"] * 8
    assert enrolment.grouped(enrolment.words(bytes.fromhex("fedcba9876543210" * 2)))[0] == "Venezia Torino Roma Palermo"


def test_the_fingerprint_is_of_the_entry() -> None:
    """Another key is another fingerprint; a request with a bad proof has none."""
    digest = hashlib.sha256(canonical.dumps(agreement.node_json(AREZZO))).digest()
    assert enrolment.fingerprint(RAW) == enrolment.words(digest)
    other = replace(AREZZO, http=(made.http_key("arezzo", 2),))
    assert enrolment.fingerprint(enrolment.make(other, made.proving("arezzo", {"http": 2}))) != enrolment.fingerprint(
        RAW
    )
    assert code_of(lambda: enrolment.fingerprint(b"{}")) == "enrolment-malformed"


def test_the_schema_says_what_the_parser_does() -> None:
    """schemas/agreement.v1.json takes our requests, and refuses what it can see."""
    validator = jsonschema_rs.validator_for(
        json.loads(schemas.folder().joinpath("agreement.v1.json").read_text(encoding="utf-8"))
    )
    assert validator.is_valid(GOOD)
    for raw in (
        changed(v=2),
        changed(zz=1),
        changed(node={}),
        changed(proofs={}),
        changed(proofs={**GOOD["proofs"], "seal": GOOD["proofs"]["http"]}),
    ):
        assert not validator.is_valid(json.loads(raw))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(field=st.sampled_from(sorted(GOOD["node"])), value=json_values)
def test_whatever_an_entry_says_nothing_worse_than_a_refusal_happens(field: str, value: Any) -> None:
    """Never another exception."""
    assume(value != GOOD["node"][field])
    raw = json.dumps(
        {**GOOD, "node": {**GOOD["node"], field: value}}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode(errors="replace")
    assert code_of(lambda: enrolment.parse(raw)) in ("enrolment-malformed", "enrolment-unproved")


@given(raw=st.binary(max_size=60), start=st.integers(0, len(RAW)))
def test_any_bytes_are_refused_and_nothing_worse(raw: bytes, start: int) -> None:
    """Alone, and behind a part of a good request."""
    assert code_of(lambda: enrolment.parse(raw)) == "enrolment-malformed"
    assert code_of(lambda: enrolment.parse(RAW[:start] + raw + b"x")) == "enrolment-malformed"
