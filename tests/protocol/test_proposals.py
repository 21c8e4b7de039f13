"""The list of open proposals: one form, no more than a reply may hold, and nothing in it verified (PROTOCOL 7.10)."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import PeerWrongError
from node.protocol import limits, proposals

MOST = 4 * 1024 * 1024
# What stands around four documents: {"p":[]}, eight quotation marks and three commas. A comma more is counted.
AROUND_FOUR = 8 + 8 + 3 + 1


def refusal(raw: bytes) -> str:
    """The code with which bytes are refused as a list of proposals."""
    with pytest.raises(PeerWrongError) as caught:
        proposals.parse(raw)
    assert caught.value.what
    return caught.value.code


def of_length(text: int) -> bytes:
    """A document whose base64 has so many signs, a multiple of four."""
    return bytes(text // 4 * 3)


def test_a_list_is_canonical_and_read_back() -> None:
    """Documents in base64, in their order, byte by byte what they were."""
    documents = [b'{"signed":1}', b"", "è".encode()]
    raw = b'{"p":["eyJzaWduZWQiOjF9","","w6g="]}'
    assert proposals.encode(iter(documents)) == raw
    assert proposals.parse(raw) == documents
    assert proposals.encode([]) == b'{"p":[]}'
    assert proposals.parse(b'{"p":[]}') == []


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_lists_read_back(documents: list[bytes]) -> None:
    """Whatever bytes they are: what a document says is not known here."""
    assert proposals.parse(proposals.encode(documents)) == documents


@pytest.mark.parametrize(
    "raw",
    [
        b"null", b"[]", b"1", b'"p"', b"{}", b'{"P":[]}', b'{"q":[]}', b'{"p":[],"q":[]}', b'{"p":null}', b'{"p":{}}', b'{"p":"eA=="}',
        b'{"p":[1]}', b'{"p":[null]}', b'{"p":[["eA=="]]}', b'{"p":["eA="]}', b'{"p":["eA"]}', b'{"p":["e!A=="]}', b'{"p":["eA== "]}',
        b'{"p":["e-A_"]}', '{"p":["è==="]}'.encode(), b'{"p":["eA==","?"]}',
    ],
)  # fmt: skip
def test_other_lists_are_refused(raw: bytes) -> None:
    """Exactly one key, a list, of texts, in base64 without signs beside its own."""
    assert refusal(raw) == "proposals-malformed"


@pytest.mark.parametrize(
    ("raw", "code"), [(b"", "json-malformed"), (b'{"p": []}', "json-not-canonical"), (b'{"p":[1.5]}', "json-float")]
)
def test_what_is_no_canonical_json_keeps_its_own_code(raw: bytes, code: str) -> None:
    """As everywhere on the wire."""
    assert refusal(raw) == code


def test_a_list_tells_sixty_four_proposals_and_no_more() -> None:
    """64 are read, 65 refused; the first 64 are written."""
    documents = [b"%d" % number for number in range(66)]
    raw = proposals.encode(documents)
    assert proposals.parse(raw) == documents[:64]
    assert limits.PROPOSALS_TOLD == 64
    assert refusal(raw[:-2] + b',"eA=="]}') == "proposals-malformed"


def test_a_list_of_four_mebibytes_is_read_and_a_byte_more_is_not() -> None:
    """Before anything else is looked at."""
    assert limits.PROPOSALS_MAX_BYTES == MOST
    frame = len(b'{"p":["","",""]}')
    raw = b'{"p":["%s","",""]}' % (b"A" * (MOST - frame))
    assert len(raw) == MOST
    assert [len(document) for document in proposals.parse(raw)] == [(MOST - frame) // 4 * 3, 0, 0]
    assert refusal(raw + b" ") == "json-too-large"


def test_what_would_be_too_large_is_left_out_and_the_rest_is_told() -> None:
    """Up to the last byte that may be filled, with a comma for each; a later, smaller document still goes."""
    room = MOST - AROUND_FOUR
    first, second, third = 400_000, 1_200_000, 2_000_000
    rest = room - first - second - third
    assert rest % 4 == 0
    fit = [of_length(text) for text in (first, second, third, rest)]
    raw = proposals.encode(fit)
    assert len(raw) == MOST - 1
    assert proposals.parse(raw) == fit
    over = [*fit[:3], of_length(rest + 4), b"x"]
    raw = proposals.encode(over)
    assert json.loads(raw)["p"] == [base64.b64encode(document).decode() for document in (*fit[:3], b"x")]
    assert proposals.parse(proposals.encode([of_length(MOST), b"x"])) == [b"x"]
