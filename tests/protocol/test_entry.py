"""Entries and bodies: exactly the specified keys, commitments that hide, replies that may stop early."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import CallerError, PeerWrongError
from node.protocol import body, entry
from node.store import schemas

ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
PUB = entry.Entry("pub", ID, bytes(32), -1, 1, 20_000)
RAW = entry.encode(PUB)
WITHDRAWAL = entry.encode(entry.Entry("wd", ID, None, 4, 2, 20_000))


def test_entries_are_written_as_specified() -> None:
    """The bytes are the documented canonical object."""
    b64 = base64.b64encode(bytes(32)).decode()
    assert RAW == f'{{"b":"{b64}","id":"{ID}","op":"pub","p":-1,"r":1,"t":20000,"v":1}}'.encode()
    assert WITHDRAWAL == f'{{"id":"{ID}","op":"wd","p":4,"r":2,"t":20000,"v":1}}'.encode()
    assert entry.decode(RAW) == PUB


def changed(**fields: object) -> bytes:
    """The publication entry with some fields replaced (None: removed)."""
    value = {**json.loads(RAW), **fields}
    kept = {key: item for key, item in value.items() if item is not None}
    return json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"[]", b"1", b"null", changed(b=None), changed(x=1), changed(op="del"), changed(op="wd"), changed(op=1), changed(v=2), changed(v=True),
        changed(id=ID.upper()), changed(id=ID.replace("-4", "-1", 1)), changed(id=ID + "0"), changed(id=ID + "\n"), changed(id=1), changed(p=-2),
        changed(p=True), changed(p="1"), changed(r=0), changed(r=True), changed(t=-1), changed(t=2_932_897), changed(b=""),
        changed(b="A" * 44), changed(b="A" * 42 + "B="), changed(b="!" * 44), changed(b=1), changed(b="A" * 43 + "=" * 5),
        WITHDRAWAL.replace(b'"id"', b'"b":"","id"'), RAW + b" ", RAW.replace(b":1,", b":1.0,"), b"x" * 1025,
    ],
)  # fmt: skip
def test_any_other_entry_is_malformed(raw: bytes) -> None:
    """Other keys, types, ranges or spellings make an entry malformed."""
    with pytest.raises(PeerWrongError):
        entry.decode(raw)


def test_the_schema_and_the_decoder_agree() -> None:
    """schemas/entry.v1.json accepts what the decoder accepts, and says no where keys and ranges are wrong."""
    schema = json.loads(schemas.folder().joinpath("entry.v1.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(json.loads(RAW))
    assert validator.is_valid(json.loads(WITHDRAWAL))
    for wrong in (
        changed(b=None),
        changed(x=1),
        changed(op="del"),
        changed(v=2),
        changed(id=ID + "\n"),
        changed(p=-2),
        changed(r=0),
        changed(b=""),
    ):
        assert not validator.is_valid(json.loads(wrong))


@given(
    st.sampled_from(["pub", "upd"]), st.uuids(version=4), st.binary(min_size=32, max_size=32),
    st.integers(-1, 20) | st.integers(10**14, 2**53 - 1), st.integers(1, 20) | st.integers(10**14, 2**53 - 1),
    st.integers(0, 2_932_896), st.integers(0, 200), st.sampled_from(b'\x00 "+/=-019AQRaq:{},\xff'),
)  # fmt: skip
def test_the_short_way_reads_what_the_long_way_reads(
    op: str, item: uuid.UUID, b: bytes, p: int, r: int, t: int, at: int, byte: int
) -> None:
    """Usual entries take a short way; entries with one byte bent are read, or refused, as the long way does."""
    found = entry.Entry(op, str(item), b, p, r, t)
    raw = entry.encode(found)
    assert entry.decode(raw) == entry._decode_slowly(raw) == found
    assert entry.promised(raw) == (found.id, found.b)
    bent = raw[:at] + bytes([byte]) + raw[at + 1 :]
    try:
        slow: object = entry._decode_slowly(bent)
    except PeerWrongError as error:
        with pytest.raises(PeerWrongError) as caught:
            entry.decode(bent)
        assert caught.value.code == error.code
    else:
        assert entry.decode(bent) == slow


def test_a_withdrawal_promises_no_body() -> None:
    """There is nothing that its bytes could be held against."""
    raw = entry.encode(entry.Entry("wd", "7c9e6679-7425-40de-944b-e07fc1f90ae7", None, 3, 2, 20_000))
    assert entry.promised(raw) == ("7c9e6679-7425-40de-944b-e07fc1f90ae7", None)


def test_what_we_could_not_read_we_do_not_write() -> None:
    """An entry outside the rules is refused before it becomes bytes."""
    with pytest.raises(PeerWrongError):
        entry.encode(entry.Entry("pub", "not-an-id", bytes(32), -1, 1, 20_000))


def test_a_commitment_binds_salt_and_body() -> None:
    """The commitment is the specified hash; another salt or body gives another."""
    salt = bytes(range(32))
    assert body.commitment(salt, b"{}") == hashlib.sha256(b"rete/body/v1\n" + salt + b"{}").digest()
    assert len({body.commitment(salt, b"{}"), body.commitment(bytes(32), b"{}"), body.commitment(salt, b"[]")}) == 3


def test_requests_ask_for_ascending_indices() -> None:
    """A request is read back; any other shape is the caller's fault."""
    assert body.decode_request(body.encode_request([0, 5, 9])) == [0, 5, 9]
    for raw in (
        b'{"i":[]}',
        b'{"i":[1,1]}',
        b'{"i":[2,1]}',
        b'{"i":[-1]}',
        b'{"i":[true]}',
        b'{"i":1}',
        b'{"j":[1]}',
        b"[]",
        b'{"i": [1]}',
        b'{"i":["1"]}',
        b"x",
    ):
        with pytest.raises(CallerError):
            body.decode_request(raw)
    with pytest.raises(CallerError):
        body.decode_request(body.encode_request(list(range(257))))


def test_replies_read_back_and_may_stop_early() -> None:
    """Answers come in the order asked; a full reply leaves the rest for the next request."""
    answers = [
        body.Answer(1, body.PRESENT, b"s" * 32, b"{}"),
        body.Answer(2, body.ERASED),
        body.Answer(3, body.NOT_HELD),
        body.Answer(9, body.NO_SUCH_INDEX),
        body.Answer(10, body.PRESENT, b"t" * 32, b"x" * 100),
    ]
    asked = [answer.index for answer in answers]
    assert body.decode_reply(asked, body.encode_reply(answers, max_bytes=10_000)) == answers
    assert body.decode_reply(asked, body.encode_reply(answers, max_bytes=45)) == answers[:4]
    assert body.decode_reply(asked, body.encode_reply(answers[4:], max_bytes=1)) == [
        body.Answer(1, body.PRESENT, b"t" * 32, b"x" * 100)
    ]


@pytest.mark.parametrize(
    "raw", [b"\x04", b"\x00", b"\x00" + b"s" * 36, b"\x01\x01", b"\x00" + b"s" * 32 + b"\x00\x00\x00\x05ab", b"\x00" + b"s" * 32 + b"\xff\xff\xff\xff"]
)  # fmt: skip
def test_malformed_replies_are_refused(raw: bytes) -> None:
    """Unknown statuses, cut answers, more answers than asked and lengths beyond the limit are refused."""
    with pytest.raises(PeerWrongError) as caught:
        body.decode_reply([1], raw)
    assert caught.value.code == "bodies-malformed"
