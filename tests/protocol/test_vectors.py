"""The vectors that other suppliers build against: our code reads and writes every one of them, byte for byte."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from node.protocol import (
    body,
    canonical,
    checkpoint,
    entry,
    heads,
    inconsistency,
    keys,
    merkle,
    note,
    request,
    sealed,
    tiles,
    tlog_proof,
    witness,
)

FOLDER = Path(__file__).resolve().parents[1] / "vectors"
VECTORS = json.loads((FOLDER / "wire.v1.json").read_text(encoding="utf-8"))
SEALED = json.loads((FOLDER / "sealed.v1.json").read_text(encoding="utf-8"))
VERIFIERS = [keys.parse_vkey(VECTORS["vkey"])]
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


def test_what_a_witness_is_asked_and_answers() -> None:
    """The submission is judged good from the recorded root; of the reply's two lines the known witness's counts."""
    vector = VECTORS["witness_submission"]
    found = witness.parse_submission(vector["body"].encode())
    assert (found.old, found.origin) == (vector["old"], VECTORS["origin"])
    assert witness.encode_submission(found.old, found.proof, found.checkpoint) == vector["body"].encode()
    target = witness.judge(found, VERIFIERS, vector["old"], bytes.fromhex(vector["recorded_root_hex"]))
    reply = VECTORS["witness_reply"]
    lines = witness.parse_lines(reply["body"].encode())
    known = {"torino": (keys.parse_vkey(VECTORS["witness_vkey"]),)}
    good = witness.read_cosignatures(lines, target.text(), known)
    assert good == [witness.Cosigned("torino", reply["at"], VECTORS["cosignature_line"].encode())]
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["private_seed_hex"]))
    assert witness.cosign(known["torino"][0].name, key, target.text(), reply["at"]) == good[0].line


def test_the_choice_of_witnesses() -> None:
    """Each log's witnesses are the members of largest SHA-256(origin || member), best first."""
    for vector in VECTORS["witness_choice"]:
        assert list(witness.choose(vector["origin"], vector["members"])) == vector["chosen"]
        weights = {hashlib.sha256((vector["origin"] + name).encode()).digest(): name for name in vector["members"]}
        assert [weights[weight] for weight in sorted(weights)[::-1][:3]] == vector["chosen"]


def test_the_proof_of_inclusion() -> None:
    """The proof is read, written and shows its entry under the signed root."""
    vector = VECTORS["tlog_proof"]
    proof = tlog_proof.parse(vector["text"].encode())
    assert tlog_proof.encode(proof) == vector["text"].encode()
    assert (proof.index, proof.extra) == (vector["index"], vector["extra"].encode())
    found = tlog_proof.verify(proof, merkle.leaf_hash(RAWS[proof.index]), VERIFIERS)
    assert found.root.hex() == VECTORS["roots_hex_by_size"][3]


def test_the_proofs_of_inconsistency() -> None:
    """Each of the three kinds is read, written, named and shown."""
    kinds = VECTORS["inconsistency"]
    found = {kind: inconsistency.parse(vector["document"].encode()) for kind, vector in kinds.items()}
    for kind, value in found.items():
        assert inconsistency.encode(value) == kinds[kind]["document"].encode()
        assert inconsistency.digest(value).hex() == kinds[kind]["digest_hex"]
    sizes = {kind: [head.size for head in inconsistency.verify(value, VERIFIERS)] for kind, value in found.items()}
    assert sizes == {"same_size": [3, 3], "power_of_two": [2, 3], "other_size": [3, 5]}
    raw = inconsistency.encode_list(found.values())
    assert inconsistency.parse_list(raw) == list(found.values())


def test_heads_and_hint() -> None:
    """The heads are read and written, each signed by its log; the hint too."""
    items = heads.parse(VECTORS["heads"].encode())
    assert heads.encode(items) == VECTORS["heads"].encode()
    assert items[1] == heads.Offered(VECTORS["origin"], VECTORS["checkpoint_note"].encode())
    public = bytes.fromhex(VECTORS["public_hex"])
    for item in items:
        verifiers = [keys.Verifier(item.origin, keys.LOG_TYPE, public)]
        assert tlog_proof.signed_checkpoint(item.checkpoint, verifiers).origin == item.origin
    assert heads.parse_hint(VECTORS["hint"].encode()) == (VECTORS["origin"], 3)
    assert heads.encode_hint(VECTORS["origin"], 3) == VECTORS["hint"].encode()


def private_keys() -> tuple[X25519PrivateKey, MLKEM768PrivateKey]:
    """The recipient's two keys, whose public halves are the written ones."""
    x25519 = X25519PrivateKey.from_private_bytes(bytes.fromhex(SEALED["x25519_private_hex"]))
    mlkem768 = MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(SEALED["mlkem768_seed_hex"]))
    assert x25519.public_key().public_bytes_raw().hex() == SEALED["x25519_public_hex"]
    assert mlkem768.public_key().public_bytes_raw().hex() == SEALED["mlkem768_public_hex"]
    return x25519, mlkem768


@pytest.mark.parametrize("suite", [1, 2])
def test_sealed_messages(suite: int) -> None:
    """The envelope is read, is for the written key, and opens to the written message."""
    vector = SEALED["suites"][str(suite)]
    x25519, mlkem768 = private_keys()
    held = sealed.SealPrivate(x25519, mlkem768 if suite == 2 else None)
    found = sealed.parse(vector["envelope"].encode())
    assert (found.header, found.suite) == (sealed.Header(**SEALED["header"]), suite)
    assert found.key_id == held.public.id == vector["key_id"]
    assert sealed.unseal(found, found.header.recipient, held) == SEALED["plaintext"].encode()


def expand(key: bytes, text: bytes, size: int) -> bytes:
    """HKDF-Expand of RFC 5869."""
    out, block = b"", b""
    for count in range(1, -(-size // 32) + 1):
        block = hmac.digest(key, block + text + bytes([count]), "sha256")
        out += block
    return out[:size]


def hpke_labels(suite: bytes, salt: bytes, steps: dict[str, bytes]) -> dict[str, bytes]:
    """LabeledExtract of RFC 9180 4 for some labels."""
    return {
        name: hmac.digest(salt, b"HPKE-v1" + suite + name.encode() + value, "sha256") for name, value in steps.items()
    }


@pytest.mark.parametrize("suite", [1, 2])
def test_sealed_messages_open_by_the_text_of_the_rfc(suite: int) -> None:
    """HPKE base mode, KEM 0x0020 or 0x647a, KDF 0x0001, AEAD 0x0003, step by step without the library's HPKE."""
    vector = SEALED["suites"][str(suite)]
    fields = json.loads(vector["envelope"])
    ciphertext = sealed.parse(vector["envelope"].encode()).ciphertext
    x25519, mlkem768 = private_keys()
    public = x25519.public_key().public_bytes_raw()
    at = 0 if suite == 1 else 1088
    point, text = ciphertext[at : at + 32], ciphertext[at + 32 :]
    shared = x25519.exchange(X25519PublicKey.from_public_bytes(point))
    if suite == 1:
        kem = b"KEM\x00\x20"
        eae = hpke_labels(kem, b"", {"eae_prk": shared})["eae_prk"]
        secret = expand(eae, b"\x00\x20HPKE-v1" + kem + b"shared_secret" + point + public, 32)
    else:
        parts = mlkem768.decapsulate(ciphertext[:1088]) + shared + point + public
        secret = hashlib.sha3_256(parts + b"\\.//^\\").digest()
    ours = b"HPKE" + (b"\x00\x20" if suite == 1 else b"\x64\x7a") + b"\x00\x01\x00\x03"
    bound = b"rete/seal/v1\n" + canonical.dumps({name: fields[name] for name in fields if name != "ct"})
    assert bound == vector["info"].encode()
    hashes = hpke_labels(ours, b"", {"psk_id_hash": b"", "info_hash": bound})
    context = b"\x00" + hashes["psk_id_hash"] + hashes["info_hash"]
    start = hpke_labels(ours, secret, {"secret": b""})["secret"]
    key = expand(start, b"\x00\x20HPKE-v1" + ours + b"key" + context, 32)
    nonce = expand(start, b"\x00\x0cHPKE-v1" + ours + b"base_nonce" + context, 12)
    padded = ChaCha20Poly1305(key).decrypt(nonce, text, None)
    message = SEALED["plaintext"].encode()
    assert padded == (len(message).to_bytes(4, "big") + message).ljust(vector["padded_bytes"], b"\0")
