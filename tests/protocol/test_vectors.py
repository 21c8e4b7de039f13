"""The vectors that other suppliers build against: our code reads and writes every one of them, byte for byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from node.protocol import body, checkpoint, entry, keys, merkle, note, request, tiles

VECTORS = json.loads((Path(__file__).resolve().parents[1] / "vectors" / "wire.v1.json").read_text(encoding="utf-8"))
RAWS = [text.encode() for text in VECTORS["entries"]]


def test_entries_hashes_and_roots() -> None:
    """Entries decode and encode back; leaf hashes and the root of each size follow from plain SHA-256."""
    assert [entry.encode(entry.decode(raw)) for raw in RAWS] == RAWS
    assert [hashlib.sha256(b"\x00" + raw).hexdigest() for raw in RAWS] == VECTORS["leaf_hashes_hex"]
    grown = merkle.CompactRange()
    roots = [grown.root().hex()]
    for raw in RAWS:
        grown.append(merkle.leaf_hash(raw))
        roots.append(grown.root().hex())
    assert roots == VECTORS["roots_hex_by_size"]
    assert tiles.encode_bundle(RAWS).hex() == VECTORS["bundle_hex"]


def test_checkpoint_and_cosignature() -> None:
    """The signed note verifies with the vkey; the cosignature with the witness's, at its time."""
    parsed = note.parse(VECTORS["checkpoint_note"].encode())
    assert note.verify(parsed, [keys.parse_vkey(VECTORS["vkey"])])
    head = checkpoint.parse(parsed.text)
    assert (head.origin, head.size, head.root.hex()) == (VECTORS["origin"], 3, VECTORS["roots_hex_by_size"][3])
    line = note.parse_line(VECTORS["cosignature_line"].rstrip("\n"))
    witness = keys.parse_vkey(VECTORS["witness_vkey"])
    assert line.key_id == witness.id
    assert checkpoint.verify_cosignature(witness, parsed.text, line.blob) == 1_800_000_000


def test_bodies_and_paths() -> None:
    """Commitment, request, reply and tile paths are the written ones."""
    vector = VECTORS["body"]
    assert body.commitment(bytes.fromhex(vector["salt_hex"]), vector["body"].encode()).hex() == vector["commitment_hex"]
    assert body.decode_request(VECTORS["bodies_request"].encode()) == [0, 1]
    answers = body.decode_reply([0, 1], bytes.fromhex(VECTORS["bodies_reply_hex"]))
    assert [answer.status for answer in answers] == [body.ERASED, body.PRESENT]
    for number, width, path in VECTORS["tile_paths"]:
        assert tiles.encode_index(number, width) == path
        assert tiles.decode_index(path) == (number, width)


def test_the_signed_request() -> None:
    """The headers verify at their time."""
    vector = VECTORS["request"]
    verified = request.verify(
        method=vector["method"],
        configured_authority=vector["authority"],
        path=vector["path"],
        query=vector["query"],
        headers=vector["headers"],
        body=vector["body"].encode(),
        resolve_key=lambda _: bytes.fromhex(VECTORS["public_hex"]),
        now=vector["now"],
    )
    assert verified.keyid == "torino.example.it#http-1"
