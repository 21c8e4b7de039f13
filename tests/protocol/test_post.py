"""The pages of an outbox: one form, and everything else refused by one code."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import CallerError, PeerWrongError
from node.protocol import canonical, limits, post
from node.protocol.post import Numbered, Page
from node.store import schemas


def malformed(raw: bytes, after: int = 0) -> bool:
    """Tell whether bytes are refused as a page."""
    with pytest.raises(PeerWrongError) as caught:
        post.parse(raw, after)
    return caught.value.code == "outbox-malformed"


def test_a_page_is_joined_as_bytes_and_read_back() -> None:
    """Each envelope stays byte by byte what it was."""
    raw = b'{"m":[{"n":17,"s":{"ct":"eA==","v":1}},{"n":19,"s":[]}],"more":true}'
    assert post.encode([(17, b'{"ct":"eA==","v":1}'), (19, b"[]")], more=True) == raw
    assert post.parse(raw, 16) == Page((Numbered(17, b'{"ct":"eA==","v":1}'), Numbered(19, b"[]")), more=True)
    assert post.encode([], more=False) == b'{"m":[],"more":false}'
    assert post.parse(b'{"m":[],"more":false}', 5) == Page((), more=False)


@given(
    st.sets(st.integers(1, 999_999), max_size=20),
    st.dictionaries(st.sampled_from("abc"), st.integers(-9, 9) | st.text('è"\\\n', max_size=5), max_size=3),
)
def test_pages_read_back(numbers: set[int], envelope: dict[str, object]) -> None:
    """Whatever canonical envelopes under whatever ascending numbers."""
    messages = [(number, canonical.dumps(envelope)) for number in sorted(numbers)]
    page = post.parse(post.encode(messages, more=False), 0)
    assert [(message.number, message.sealed) for message in page.messages] == messages


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"m":[]}',
        b'{"m":{},"more":false}',
        b'{"m":[],"more":0}',
        b'{"m":[],"more":true}',
        b'{"m":[],"more":false,"z":1}',
        b'{"more":false,"m":[]}',
        b'{"m":[],"more":false}\n',
        b'{"m":[1],"more":false}',
        b'{"m":[{"n":1}],"more":false}',
        b'{"m":[{"n":"1","s":{}}],"more":false}',
        b'{"m":[{"n":true,"s":{}}],"more":false}',
        b'{"m":[{"n":1,"s":{},"z":1}],"more":false}',
        b'{"m":[{"n":1,"s":{"b":1,"a":1}}],"more":false}',
        b'{"m":[{"n":0,"s":{}}],"more":false}',
        b'{"m":[{"n":-1,"s":{}}],"more":false}',
        b'{"m":[{"n":2,"s":{}},{"n":1,"s":{}}],"more":false}',
        b'{"m":[{"n":2,"s":{}},{"n":2,"s":{}}],"more":false}',
        b'{"m":[{"n":9007199254740992,"s":{}}],"more":false}',
        b'{"m":[{"n":1000001,"s":{}}],"more":false}',
    ],
)
def test_other_pages_are_refused(raw: bytes) -> None:
    """Exactly these keys and types, canonical, numbers ascending and not beyond all measure."""
    assert malformed(raw)


def test_numbers_begin_after_the_one_asked_for() -> None:
    """The same page is good for who asked before it; by hand any number may come."""
    raw = post.encode([(1_000_000, b"{}")], more=False)
    assert len(post.parse(raw, 0).messages) == 1
    assert malformed(raw, 1_000_000)
    far = post.encode([(2**53 - 1, b"{}")], more=False)
    assert malformed(far)
    assert post.parse(far, 0, ahead=None).messages[0].number == 2**53 - 1


def test_a_page_reaches_as_far_from_the_number_asked_for_as_from_the_first() -> None:
    """A million further, wherever that is, and not one more."""
    for number, good in ((7_000_001, True), (8_000_000, True), (8_000_001, False)):
        raw = post.encode([(number, b"{}")], more=False)
        if good:
            assert post.parse(raw, 7_000_000).messages[0].number == number
        else:
            assert malformed(raw, 7_000_000)


def test_a_page_has_256_messages_and_four_mebibytes_at_most() -> None:
    """One more is refused."""
    messages = [(number, b"{}") for number in range(1, 258)]
    assert len(post.parse(post.encode(messages[:256], more=True), 0).messages) == limits.OUTBOX_MESSAGES
    assert malformed(post.encode(messages, more=False))
    room = limits.OUTBOX_REPLY_MAX_BYTES - len(post.encode([(1, b'""')], more=False))
    assert post.parse(post.encode([(1, b'"' + b"x" * room + b'"')], more=False), 0).messages
    assert malformed(post.encode([(1, b'"' + b"x" * (room + 1) + b'"')], more=False))
    # What may be handed out at once fits, with the longest numbers.
    item = len(post.encode([(2**53 - 1, b"")], more=False))
    assert limits.OUTBOX_MAX_BYTES + item * limits.OUTBOX_MESSAGES <= limits.OUTBOX_REPLY_MAX_BYTES


@pytest.mark.parametrize("number", [0, 1, 17, 2**53 - 1])
def test_the_number_asked_after_has_one_spelling(number: int) -> None:
    """Written as it is read."""
    assert post.parse_after(post.encode_after(number)) == number


@pytest.mark.parametrize(
    "query",
    ["", "after=", "after=-1", "after=+1", "after=01", "after=00", "after=1.0", "after=1&after=2", "after=1&x=2", "x=2&after=1",
     "after=%31", "AFTER=1", "after=١", "after=9007199254740992", "after=99999999999999999", "after=1 "],
)  # fmt: skip
def test_other_spellings_are_refused(query: str) -> None:
    """Nothing before, after or between."""
    with pytest.raises(CallerError) as caught:
        post.parse_after(query)
    assert caught.value.code == "outbox-after-bad"


def test_the_schema_says_what_the_parser_says() -> None:
    """schemas/outbox.v1.json takes our pages and refuses what it can see of the others."""
    document = json.loads(schemas.folder().joinpath("outbox.v1.json").read_text(encoding="utf-8"))
    schema = jsonschema_rs.validator_for(document)
    for messages, more in (([], False), ([(1, b"{}"), (2**53 - 1, b"[]")], True)):
        assert schema.is_valid(json.loads(post.encode(messages, more=more)))
    for raw in (
        b"[]",
        b'{"m":[]}',
        b'{"m":[],"more":true}',
        b'{"m":[{"n":0,"s":{}}],"more":false}',
        b'{"m":[{"n":1}],"more":false}',
        b'{"m":[{"n":1,"s":{},"z":1}],"more":false}',
        post.encode([(n, b"1") for n in range(1, 258)], more=False),
    ):
        assert not schema.is_valid(json.loads(raw)), raw


def test_what_is_damaged_spoils_no_page() -> None:
    """Bytes that are no canonical JSON any more stand as an empty object under their number; the others are as they were."""
    good = canonical.dumps({"ct": "abc"})
    for bad in (b"", b"{", good[:-1] + b" }", good.replace(b"a", b"\xff"), good + good):
        page = post.parse(post.encode([(1, good), (2, bad), (3, good)], more=False), 0)
        assert [message.sealed for message in page.messages] == [good, b"{}", good]
