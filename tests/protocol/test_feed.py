"""The gate: what a log may say, and what is refused or set aside, with nothing kept in between."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import PeerWrongError
from node.protocol import body, canonical, entry, feed, keys, merkle, note, tiles
from node.protocol.checkpoint import Checkpoint
from node.protocol.edge import Edge
from node.protocol.feed import Head, ItemState

ORIGIN = "lecce.example.it/federation/log/2026"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = keys.LogSigner(ORIGIN, PRIVATE)
VERIFIERS = [keys.Verifier(ORIGIN, keys.LOG_TYPE, PRIVATE.public_key().public_bytes_raw())]
EMPTY = Head.empty(ORIGIN)
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def item(number: int) -> str:
    """A fixed UUIDv4."""
    return str(uuid.UUID(int=number, version=4))


def pub(number: int, day: int = 20_000) -> bytes:
    """A publication entry."""
    return entry.encode(entry.Entry("pub", item(number), bytes([number % 256]) * 32, -1, 1, day))


RAWS = [pub(number) for number in range(700)]


def head_of(raws: list[bytes]) -> Head:
    """The head after some entries."""
    grown = merkle.CompactRange()
    grown.extend(merkle.leaf_hash(raw) for raw in raws)
    return Head(ORIGIN, len(raws), grown.root(), grown.hashes)


def target_of(raws: list[bytes]) -> Checkpoint:
    """The checkpoint after some entries."""
    head = head_of(raws)
    return Checkpoint(ORIGIN, head.size, head.root)


def signed(target: Checkpoint) -> bytes:
    """A signed checkpoint."""
    return note.sign(target.text(), [SIGNER])


def opened(raw: bytes, known: Head = EMPTY, *, from_origin: bool = True) -> Checkpoint:
    """Open a checkpoint as a puller would."""
    return feed.open_checkpoint(raw, origin=ORIGIN, verifiers=VERIFIERS, known=known, from_origin=from_origin)


def refusal(raw: bytes, known: Head = EMPTY) -> str:
    """The code with which a checkpoint is refused."""
    with pytest.raises(PeerWrongError) as caught:
        opened(raw, known)
    return caught.value.code


def test_a_good_checkpoint_is_opened() -> None:
    """Signed by the log's key, over its origin line, not smaller than known."""
    assert opened(signed(target_of(RAWS[:5])), head_of(RAWS[:3])).size == 5
    assert opened(signed(target_of(RAWS[:5])), head_of(RAWS[:5])).size == 5


def test_a_refusal_says_what_is_wrong_inside() -> None:
    """Of a note, and of a body: the sentence of the part that could not be read."""
    for call in (
        lambda: opened(b"nonsense"),
        lambda: opened(target_of(RAWS[:5]).text() + b"\n"),
        lambda: feed.open_body(committed(b"{ }"), SALT, b"{ }"),
    ):
        with pytest.raises(PeerWrongError) as caught:
            call()
        inside = caught.value.__cause__
        assert isinstance(inside, PeerWrongError)
        assert caught.value.what == inside.render()[0] != ""


def test_each_wrong_checkpoint_has_its_code() -> None:
    """Stranger's key, other log, shrunk tree, two roots for one size: each refused by name."""
    target = target_of(RAWS[:5])
    stranger = keys.LogSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert refusal(note.sign(target.text(), [stranger])) == "checkpoint-bad-signature"
    assert refusal(b"nonsense") == "checkpoint-malformed"
    other = replace(target, origin=ORIGIN + "x")
    assert refusal(note.sign(other.text(), [SIGNER])) == "checkpoint-other-origin"
    assert refusal(signed(target), head_of(RAWS[:6])) == "checkpoint-rollback"
    assert refusal(signed(target), head_of(RAWS[1:6])) == "checkpoint-equivocation"
    assert refusal(signed(replace(target, size=2**53))) == "checkpoint-too-large"


def test_old_news_from_a_relay_is_no_offence() -> None:
    """A smaller checkpoint from a relay is simply old."""
    assert opened(signed(target_of(RAWS[:5])), head_of(RAWS[:6]), from_origin=False).size == 5


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 700), st.integers(0, 700))
def test_any_growth_is_verified_to_the_signed_root(start: int, more: int) -> None:
    """From any size to any larger one, over bundle borders, the new head is the signed one."""
    end = min(700, start + more)
    known, target = head_of(RAWS[:start]), target_of(RAWS[:end])
    grown = feed.extend_entries(known, target, RAWS[start:end])
    assert grown.head == head_of(RAWS[:end])
    assert [verified.raw for verified in grown.entries] == RAWS[start:end]
    assert [verified.index for verified in grown.entries] == list(range(start, end))


def test_every_flipped_byte_of_a_bundle_is_refused() -> None:
    """Whatever byte of an entry bundle changes, nothing of it is accepted."""
    raws = RAWS[:4]
    raw = tiles.encode_bundle(raws)
    target = target_of(raws)
    for at in range(len(raw)):
        with pytest.raises(PeerWrongError) as caught:
            bent = tiles.decode_bundle(raw[:at] + bytes([raw[at] ^ 0x20]) + raw[at + 1 :], len(raws))
            feed.extend_entries(EMPTY, target, bent)
        assert caught.value.code in ("root-mismatch", "bundle-malformed")


def test_missing_reordered_or_repeated_entries_are_refused() -> None:
    """The same entries in another order, one fewer, or one twice do not give the root."""
    target = target_of(RAWS[:4])
    for raws in (RAWS[1::-1] + RAWS[2:4], RAWS[:3], RAWS[:5], [*RAWS[:3], RAWS[2]]):
        with pytest.raises(PeerWrongError) as caught:
            feed.extend_entries(EMPTY, target, raws)
        assert caught.value.code == "root-mismatch"


def ruled(raws: list[bytes], known: dict[str, ItemState] | None = None) -> feed.Ruling:
    """The ruling on some entries of a fresh log."""
    return feed.apply_rules(feed.extend_entries(EMPTY, target_of(raws), raws).entries, known or {})


def after(op: str, number: int, p: int, r: int) -> bytes:
    """An update or withdrawal."""
    return entry.encode(entry.Entry(op, item(number), None if op == "wd" else bytes(32), p, r, 20_001))


def test_a_life_from_publication_to_withdrawal_counts() -> None:
    """pub, upd and wd that follow one another are accepted, within one batch or over several."""
    ruling = ruled([pub(1), after("upd", 1, 0, 2), after("wd", 1, 1, 3)])
    assert [verified.index for verified in ruling.accepted] == [0, 1, 2]
    assert ruling.items == {item(1): ItemState(2, 3, dead=True)}
    later = ruled([after("upd", 1, 7, 3)], {item(1): ItemState(7, 2, dead=False)})
    assert later.items == {item(1): ItemState(0, 3, dead=False)}


@pytest.mark.parametrize(
    ("raws", "code"),
    [
        ([b"poison"], "json-malformed"),
        ([b'{"op":"pub"}'], "entry-malformed"),
        ([pub(1), pub(1)], "entry-id-reused"),
        ([after("pub", 1, 0, 1)], "entry-not-a-beginning"),
        ([after("pub", 1, -1, 2)], "entry-not-a-beginning"),
        ([after("upd", 1, 0, 2)], "entry-id-unknown"),
        ([after("wd", 1, 0, 2)], "entry-id-unknown"),
        ([pub(1), after("upd", 1, 0, 3)], "entry-out-of-order"),
        ([pub(1), after("upd", 1, 1, 2)], "entry-out-of-order"),
        ([pub(1), after("wd", 1, 0, 2), after("upd", 1, 1, 3)], "entry-id-dead"),
        ([pub(1), after("wd", 1, 0, 2), pub(1)], "entry-id-reused"),
    ],
)
def test_what_breaks_the_rules_is_set_aside_and_the_log_goes_on(raws: list[bytes], code: str) -> None:
    """The last entry is ignored with its code; one after it still counts."""
    ruling = ruled([*raws, pub(99)])
    assert ruling.ignored == [(len(raws) - 1, code)]
    assert ruling.accepted[-1].index == len(raws)


DOCUMENT = canonical.dumps({"id": item(1), "type": "profile/1"})
SALT = b"s" * 32


def committed(raw: bytes) -> entry.Entry:
    """An entry that commits to a body."""
    return entry.Entry("pub", item(1), body.commitment(SALT, raw), -1, 1, 20_000)


def test_the_committed_body_opens() -> None:
    """Salt and body that match the entry give the document."""
    assert feed.open_body(committed(DOCUMENT), SALT, DOCUMENT) == {"id": item(1), "type": "profile/1"}


def test_every_flipped_byte_of_salt_or_body_is_refused() -> None:
    """No other salt or body passes for the committed one."""
    for at in range(len(DOCUMENT)):
        changed = DOCUMENT[:at] + bytes([DOCUMENT[at] ^ 1]) + DOCUMENT[at + 1 :]
        with pytest.raises(PeerWrongError) as caught:
            feed.open_body(committed(DOCUMENT), SALT, changed)
        assert caught.value.code == "body-commitment-mismatch"
    with pytest.raises(PeerWrongError):
        feed.open_body(committed(DOCUMENT), b"t" * 32, DOCUMENT)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"id": 1}', "body-not-canonical"),
        (b"[]", "body-type-missing"),
        (canonical.dumps({"id": item(1)}), "body-type-missing"),
        (canonical.dumps({"id": item(1), "type": 1}), "body-type-missing"),
        (canonical.dumps({"id": item(2), "type": "x/1"}), "body-id-mismatch"),
        (b'"' + b"a" * 65_536 + b'"', "body-too-large"),
    ],
)
def test_committed_nonsense_is_still_refused(raw: bytes, code: str) -> None:
    """An origin may commit to anything; only a document about its own id is one."""
    with pytest.raises(PeerWrongError) as caught:
        feed.open_body(committed(raw), SALT, raw)
    assert caught.value.code == code


def edge_of(target: Checkpoint) -> Edge:
    """What is certain of a tree whose every tile was read."""
    leaves = [merkle.leaf_hash(raw) for raw in RAWS[: target.size]]
    roots = [merkle.subtree_root(leaves[at : at + 256]) for at in range(0, len(leaves) // 256 * 256, 256)]
    rows = {0: leaves[len(leaves) // 256 * 256 :], 1: roots}
    return Edge(target, {level: row for level, row in rows.items() if row})


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 700), st.integers(1, 700))
def test_a_slice_grows_the_head_to_a_bundle_border_or_to_the_end(start: int, size: int) -> None:
    """From any size, the entries up to the next border of a bundle, or to the signed end, are accepted; others are not."""
    start = min(start, size - 1)
    target = target_of(RAWS[:size])
    edge = edge_of(target)
    end = min((start // 256 + 1) * 256, size)
    grown = feed.extend_slice(head_of(RAWS[:start]), target, RAWS[start:end], edge.hash_of)
    assert grown.head == head_of(RAWS[:end])
    assert [verified.index for verified in grown.entries] == list(range(start, end))
    bent = [*RAWS[start : end - 1], RAWS[end - 1] + b" "]
    for wrong in (bent, RAWS[start : end - 1]):
        # Nothing at all, at a border, is a slice like any other.
        if wrong or start % 256:
            with pytest.raises(PeerWrongError, match="root-mismatch"):
                feed.extend_slice(head_of(RAWS[:start]), target, wrong, edge.hash_of)


def test_a_slice_finds_out_a_past_that_changed() -> None:
    """A head over another past does not fit the first bundle that is completed."""
    target = target_of(RAWS[:600])
    known = head_of([*RAWS[:99], b"another", *RAWS[100:200]])
    with pytest.raises(PeerWrongError, match="root-mismatch"):
        feed.extend_slice(known, target, RAWS[200:256], edge_of(target).hash_of)


def test_a_slice_never_passes_the_signed_end() -> None:
    """More entries than were signed are refused, though the bundles before them are good."""
    target = target_of(RAWS[:256])
    with pytest.raises(PeerWrongError, match="root-mismatch"):
        feed.extend_slice(EMPTY, target, RAWS[:512], edge_of(target).hash_of)


def test_an_empty_head_knows_nothing_but_its_line() -> None:
    """RFC 6962 2.1: the root of no leaves is the hash of nothing."""
    assert Head.empty(ORIGIN) == Head(ORIGIN, 0, bytes.fromhex(EMPTY_SHA256), ())


def test_a_smaller_head_is_a_rollback_unless_a_relay_says_it() -> None:
    """Whoever does not say where a head is from gets the strict answer, with both sizes."""
    known = head_of(RAWS[:5])
    with pytest.raises(PeerWrongError) as caught:
        feed.open_checkpoint(signed(target_of(RAWS[:3])), origin=ORIGIN, verifiers=VERIFIERS, known=known)
    assert (caught.value.code, caught.value.facts) == ("checkpoint-rollback", {"found": 3, "known": 5})


def test_two_roots_of_one_size_are_told_with_the_size() -> None:
    """What an administrator is to see."""
    other = [*RAWS[:4], pub(999)]
    with pytest.raises(PeerWrongError) as caught:
        opened(signed(target_of(other)), head_of(RAWS[:5]))
    assert (caught.value.code, caught.value.facts) == ("checkpoint-equivocation", {"size": 5})


def test_a_bad_signature_is_told_apart_from_a_bad_form() -> None:
    """The right name and key id over another text; a line that no known key made; no lines at all."""
    raw = signed(target_of(RAWS[:3]))
    text, _, lines = raw.rpartition(b"\n\n")
    forged = signed(target_of(RAWS[:4])).rpartition(b"\n\n")[2]
    assert refusal(text + b"\n\n" + forged) == "checkpoint-bad-signature"
    stranger = note.sign(text + b"\n", [keys.LogSigner("x.example/log", PRIVATE)])
    assert refusal(stranger) == "checkpoint-bad-signature"
    assert refusal(text + b"\n") == "checkpoint-malformed"
    assert opened(text + b"\n\n" + lines).size == 3


def test_extensions_tell_the_subtrees_they_complete() -> None:
    """Every 256 leaves one, at its level and place, whether proved at once or slice by slice."""
    wanted = [(1, at // 256, head_of(RAWS[at : at + 256]).root) for at in (0, 256)]
    whole = feed.extend_entries(EMPTY, target_of(RAWS[:600]), RAWS[:600])
    assert [found for found in whole.subtrees if found[0] == 1] == wanted
    target = target_of(RAWS[:600])
    first = feed.extend_slice(EMPTY, target, RAWS[:512], edge_of(target).hash_of)
    assert [found for found in first.subtrees if found[0] == 1] == wanted


def test_an_entry_without_a_reason_is_malformed() -> None:
    """What could not be read is set aside with a code in any case."""
    unread = feed.VerifiedEntry(7, b"x", None, None)
    assert feed.apply_rules([unread], {}).ignored == [(7, "entry-malformed")]


def test_a_body_may_be_as_large_as_the_limit() -> None:
    """Exactly 64 KiB opens; a byte more does not (PROTOCOL 5)."""

    def opened_body(size: int) -> dict[str, object]:
        frame = len(canonical.dumps({"id": item(1), "text": "", "type": "x/1"}))
        raw = canonical.dumps({"id": item(1), "text": "a" * (size - frame), "type": "x/1"})
        assert len(raw) == size
        found = entry.Entry("pub", item(1), body.commitment(bytes(32), raw), -1, 1, 20_000)
        return feed.open_body(found, bytes(32), raw)

    assert opened_body(65_536)["type"] == "x/1"
    with pytest.raises(PeerWrongError) as caught:
        opened_body(65_537)
    assert caught.value.code == "body-too-large"


def test_what_can_not_be_read_is_kept_as_it_came() -> None:
    """A malformed entry is a leaf like any other: its bytes are what the root is over."""
    raws = [RAWS[0], b"{}", RAWS[1]]
    found = feed.extend_entries(EMPTY, target_of(raws), raws).entries
    assert [(verified.raw, verified.entry is None) for verified in found] == list(
        zip(raws, [False, True, False], strict=True)
    )
    assert found[1].problem == "entry-malformed"
