"""The agreement's vectors that other suppliers build against: our code makes and reads every one of them, byte for byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.protocol import agreement, canonical, enrolment, routine
from tests import agreement_made as made

FILE = Path(__file__).resolve().parents[1] / "vectors" / "agreement.v1.json"
PEOPLE = (*made.THREE, *made.OFFICE, "roma")
NODES = ("arezzo", "lecce", "torino")
COUNCIL = made.council(("lecce", "bari", "roma"), 2)


def documents() -> dict[str, bytes]:
    """A first version; the next one, by which a node joins and a signatory is exchanged; routine changes on it; a request."""
    both = made.node("lecce", rev=2, http=(made.http_key("lecce"), made.http_key("lecce", 2)))
    alone = made.node("lecce", rev=3, http=(made.http_key("lecce", 2),))
    nodes = [made.node("lecce"), made.node("torino"), made.node("arezzo", since=made.TODAY)]
    return {
        "first": made.root(),
        "step": made.root(2, by=("torino", "bari", "roma"), council=COUNCIL, nodes=nodes),
        "routine": made.changes(1, made.consented(both), made.consented(alone), by=("s1", "s3")),
        "enrolment": enrolment.make(made.node("arezzo", since=made.TODAY), made.proving("arezzo")),
    }


def vectors() -> dict[str, Any]:
    """The vectors, made anew: nothing in them is drawn."""
    found = documents()
    first = agreement.first(found["first"])
    step = agreement.step(first, found["step"], made.NOW)
    changes = routine.check(step, None, found["routine"], made.NOW)
    names = [*PEOPLE, *(f"{node} {role} 1" for node in NODES for role in made.ROLES), "lecce http 2"]
    return {
        "about": "Vectors for schemas/PROTOCOL.md section 7: private keys (Ed25519 seeds) of two councils (lecce, torino, bari; then lecce, bari, roma: 2 must sign), of the secretariat (s1, s2, s3: 2) and of the nodes; a first version of the agreement; the next one; a routine document on it, by which lecce exchanges its http key in two changes; a request to join, which the next version granted. signed is the text that signatures are over, consents what the node signs for each change, proofs what each key that is new in it signs, effective the entries that count then.",
        "now": int(made.NOW.timestamp()),
        "private_keys_hex": {name: made.private(name).private_bytes_raw().hex() for name in names},
        "key_ids": {name: agreement.council_keyid(made.public(name)) for name in PEOPLE},
        "documents": {name: raw.decode() for name, raw in found.items()},
        "signed": {"first": first.signed.decode(), "step": step.signed.decode(), "routine": changes.signed.decode()},
        "signers": {"first": sorted(agreement.signers(first, first.council)), "step_by_first": sorted(agreement.signers(step, first.council)), "step_by_step": sorted(agreement.signers(step, step.council)), "routine": sorted(routine.signers(changes, step))},
        "digests": {"first": first.digest, "step": step.digest},
        "words": {"first": enrolment.words(bytes.fromhex(first.digest)), "enrolment": enrolment.fingerprint(found["enrolment"])},
        "consents": [f"rete/routine/v1\n{canonical.dumps(agreement.node_json(node)).decode()}" for node in changes.nodes],
        "proofs": [f"rete/routine/key/v1\n{canonical.dumps(agreement.node_json(node)).decode()}" for node in changes.nodes],
        "secretariat": changes.secretariat,
        "effective": [agreement.node_json(node) for node in routine.effective(step, changes)],
        "enrolment_digest": hashlib.sha256(canonical.dumps(json.loads(found["enrolment"])["node"])).hexdigest(),
    }  # fmt: skip


VECTORS = json.loads(FILE.read_text(encoding="utf-8"))


def test_the_vectors_are_what_our_code_says() -> None:
    """Every byte of every document, every signer, every word."""
    assert vectors() == VECTORS


def test_signatures_of_the_vectors_are_over_their_texts() -> None:
    """By nothing of ours: Ed25519 over the text that is told, hex in the document."""
    keys = {
        VECTORS["key_ids"][name]: Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["private_keys_hex"][name]))
        for name in PEOPLE
    }
    for name, text in VECTORS["signed"].items():
        for item in json.loads(VECTORS["documents"][name])["signatures"]:
            assert keys[item["keyid"]].sign(text.encode()).hex() == item["sig"]
