"""Heads and hints: one canonical array each origin once, and a hint in any spelling that says exactly two things."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import CallerError, PeerWrongError
from node.protocol import heads, limits
from node.protocol.heads import Offered

ORIGIN = "lecce.example.it/federation/log/2026"
ORIGINS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="+"), min_size=1, max_size=300)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\n")).map(str.encode)


def malformed(raw: bytes) -> bool:
    """Tell whether bytes are refused as a list of heads."""
    with pytest.raises(PeerWrongError) as caught:
        heads.parse(raw)
    return caught.value.code == "heads-malformed"


def bad_hint(raw: bytes) -> bool:
    """Tell whether bytes are refused as a hint."""
    with pytest.raises(CallerError) as caught:
        heads.parse_hint(raw)
    return caught.value.code == "hint-bad"


def test_heads_are_a_canonical_array_by_origin() -> None:
    """Sorted by origin, two keys each; what is written is read."""
    items = [Offered("b/log", b"b\n"), Offered("a/log", "a\n— è\n".encode())]
    raw = '[{"cp":"a\\n— è\\n","o":"a/log"},{"cp":"b\\n","o":"b/log"}]'.encode()
    assert heads.encode(iter(items)) == raw
    assert heads.parse(raw) == items[::-1]
    assert heads.encode([]) == b"[]"
    assert heads.parse(b"[]") == []


@given(st.dictionaries(ORIGINS, TEXTS, max_size=20))
def test_heads_read_back(offered: dict[str, bytes]) -> None:
    """Whatever notes of whatever origins are written, they are read."""
    items = [Offered(origin, text) for origin, text in offered.items()]
    assert heads.parse(heads.encode(items)) == sorted(items, key=lambda item: item.origin)


def test_a_peer_may_offer_in_any_order() -> None:
    """The order of the array is the peer's."""
    raw = b'[{"cp":"","o":"b"},{"cp":"","o":"a"}]'
    assert [item.origin for item in heads.parse(raw)] == ["b", "a"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"{}",
        b'{"cp":"x","o":"a"}',
        b"[1]",
        b"[[]]",
        b"[null]",
        b"[{}]",
        b'[{"cp":"x"}]',
        b'[{"o":"a"}]',
        b'[{"cp":"x","o":"a","z":1}]',
        b'[{"cp":1,"o":"a"}]',
        b'[{"cp":"x","o":1}]',
        b'[{"cp":null,"o":"a"}]',
        b'[{"cp":"x","o":["a"]}]',
        b'[{"o":"a","cp":"x"}]',
        b'[{"cp":"x","o":"a"}]\n',
        b'[{"cp":"x","o":"a"},{"cp":"y","o":"a"}]',
        b'[{"cp":"x","o":"a"},{"cp":"x","o":"b"},{"cp":"x","o":"a"}]',
        b'[{"cp":"x","cp":"x","o":"a"}]',
    ],
)
def test_other_lists_are_refused(raw: bytes) -> None:
    """Exactly these keys, of type text, in canonical bytes, each origin once."""
    assert malformed(raw)


def test_a_list_names_ten_thousand_logs_and_no_more() -> None:
    """10,000 are read, 10,001 refused, and no more than can be read are written."""
    items = [Offered(f"{n:05d}", b"x") for n in range(10_001)]
    raw = heads.encode(items)
    assert heads.parse(raw) == items[:10_000]
    assert malformed(raw[:-1] + b',{"cp":"x","o":"10000"}]')


def test_a_list_has_a_size_and_what_does_not_fit_is_left_out() -> None:
    """One MiB is read and written; one byte more is refused, and never written: a later, smaller head still goes."""
    room = limits.HEADS_MAX_BYTES - len(heads.encode([Offered("a", b""), Offered("b", b"")]))
    exact = heads.encode([Offered("a", b"x" * room), Offered("b", b"")])
    assert len(exact) == limits.HEADS_MAX_BYTES == 1_048_576
    assert len(heads.parse(exact)) == 2
    assert malformed(exact.replace(b"x", b"xx", 1))
    over = [Offered("a", b""), Offered("b", b"x" * (room + 1)), Offered("c", b"")]
    assert [item.origin for item in heads.parse(heads.encode(over))] == ["a", "c"]
    assert [item.origin for item in heads.parse(heads.encode(over[:2]))] == ["a"]


@pytest.mark.parametrize("text", [b"\xff", "e\u0301".encode(), b"\x00"])
def test_a_head_that_no_canonical_text_can_hold_spoils_only_itself(text: bytes) -> None:
    """A log that breaks its own checkpoint's text is left out; the others are told."""
    raw = heads.encode([Offered("a", b"x"), Offered("b", text), Offered("c", b"y")])
    assert heads.parse(raw) == [Offered("a", b"x"), Offered("c", b"y")]


def test_a_hint_is_an_origin_and_a_size() -> None:
    """Written canonical, read in any spelling."""
    raw = b'{"o":"lecce.example.it/federation/log/2026","size":70000}'
    assert heads.encode_hint(ORIGIN, 70_000) == raw
    assert heads.parse_hint(raw) == (ORIGIN, 70_000)
    assert heads.parse_hint(b' {"size": 0, "o": "a\\u002fb"}\n') == ("a/b", 0)


@given(ORIGINS, st.integers(0, 2**53 - 1))
def test_hints_read_back(origin: str, size: int) -> None:
    """Any name of a log and any size of a tree are read as they were written."""
    assert heads.parse_hint(heads.encode_hint(origin, size)) == (origin, size)


def test_a_hint_of_an_outbox_is_an_origin_and_a_yes() -> None:
    """Written canonical, read in any spelling; it has no size."""
    raw = b'{"o":"lecce.example.it/federation/log/2026","outbox":true}'
    assert heads.encode_outbox_hint(ORIGIN) == raw
    assert heads.parse_hint(raw) == (ORIGIN, None)
    assert heads.parse_hint(b' {"outbox": true, "o": "a\\u002fb"}\n') == ("a/b", None)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"o":"a","outbox":false}',
        b'{"o":"a","outbox":1}',
        b'{"o":"a","outbox":null}',
        b'{"o":1,"outbox":true}',
        b'{"o":"","outbox":true}',
        b'{"o":"a","outbox":true,"size":1}',
        b'{"outbox":true}',
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"o":"a"}',
        b'{"size":1}',
        b'{"o":"a","size":1,"z":1}',
        b'{"o":"a","Size":1}',
        b'{"o":1,"size":1}',
        b'{"o":null,"size":1}',
        b'{"o":["a"],"size":1}',
        b'{"o":"a","size":"1"}',
        b'{"o":"a","size":true}',
        b'{"o":"a","size":1.0}',
        b'{"o":"a","size":null}',
        b'{"o":"a","size":-1}',
        b'{"o":"a","size":9007199254740992}',
        b'{"o":"a","size":99999999999999999999999999}',
        b'{"o":"","size":1}',
        b'{"o":"a b","size":1}',
        b'{"o":"a+b","size":1}',
        b'{"o":"a\\u0000","size":1}',
        b'{"o":"a\\n","size":1}',
        b'{"o":"\\ud800","size":1}',
        b'{"o":"\xff","size":1}',
        b'{"o":"a","size":1}{}',
        b'{"o":"a","size":NaN}',
        b"[" * 1024,
        b'{"o":' * 200,
    ],
)
def test_other_hints_are_refused(raw: bytes) -> None:
    """Exactly two keys; the origin can be a log's name, the size a tree's; true is not 1; nothing nests."""
    assert bad_hint(raw)


def test_a_hint_has_a_size() -> None:
    """1024 bytes are read, 1025 refused; the largest size is a size."""
    raw = heads.encode_hint("a", 2**53 - 1)
    assert heads.parse_hint(raw + b" " * (1024 - len(raw))) == ("a", 2**53 - 1)
    assert bad_hint(raw + b" " * (1025 - len(raw)))
    assert json.loads(raw) == {"o": "a", "size": 9_007_199_254_740_991}


def test_a_hint_of_the_agreement_is_read_strictly() -> None:
    """As it is written; anything else is no hint of the agreement, and for the other reader to judge."""
    line = "lecce.example.it/federation/log/2026"
    one, two = "a" * 64, "b" * 64
    raw = heads.encode_agreement_hint(line, 7, [one, two])
    assert raw == b'{"agreement":7,"o":"lecce.example.it/federation/log/2026","routine":["%s","%s"]}' % (
        one.encode(),
        two.encode(),
    )
    assert heads.parse_agreement_hint(raw) == (line, 7, (one, two))
    assert heads.parse_agreement_hint(heads.encode_agreement_hint(line, 7, [one] * 9)) is None
    assert heads.parse_agreement_hint(heads.encode_agreement_hint(line, 7, [one[1:]])) is None
    for other in (
        b"", b"[]", b"7", b"{", b'{"o":"a","size":1}', raw[:-1] + b',"x":1}', raw.replace(b"7", b"0"), raw.replace(b"7", b"true"),
        raw.replace(b"7", b"1.5"), raw.replace(b'"bbbb', b'"Bbbb'), raw[:-1].partition(b"[")[0] + b"2}", raw.replace(b',"b', b',1,"b'), raw.replace(b"7", b"2147483648"), raw.replace(b"lecce", b"le cce"),
        raw.replace(line.encode(), b"x" * 2000), raw.replace(b'"lecce.example.it/federation/log/2026"', b"3"),
    ):  # fmt: skip
        assert heads.parse_agreement_hint(other) is None, other


def test_a_header_names_routine_documents_or_none() -> None:
    """Up to eight digests; what is of another form names none."""
    names = tuple(f"{number:064x}" for number in range(8))
    assert heads.parse_routines(heads.encode_routines(names)) == names
    assert heads.encode_routines(()) == "none"
    for said in ("", "none", "0", " ".join([*names, names[0]]), names[0] + " ", names[0] + "\n", names[0] + "x"):
        assert heads.parse_routines(said) == ()


def test_a_hint_of_the_agreement_has_bounds() -> None:
    """Both sides of each: 1024 bytes, versions from the first to the last, eight routine documents."""
    names = [f"{number:064x}" for number in range(8)]
    raw = heads.encode_agreement_hint("a", 7, names)
    assert heads.parse_agreement_hint(raw + b" " * (1024 - len(raw))) == ("a", 7, tuple(names))
    assert heads.parse_agreement_hint(raw + b" " * (1025 - len(raw))) is None
    assert limits.ROUTINE_DOCUMENTS == 8
    for version, good in ((0, False), (1, True), (2**31 - 1, True), (2**31, False)):
        found = heads.parse_agreement_hint(heads.encode_agreement_hint("a", version, ()))
        assert found == (("a", version, ()) if good else None)


DIGEST, TAG = "1a" * 32, "2b" * 16


def test_headers_tell_how_the_agreement_stands() -> None:
    """Version and digest, routine documents, the tag of the open proposals: written as they are read."""
    names = ("3c" * 32, "4d" * 32)
    said = heads.encode_version(7, DIGEST), heads.encode_routines(names), heads.encode_tag("2b" * 32)
    assert said == (f"7 {DIGEST}", f"{names[0]} {names[1]}", TAG)
    assert heads.parse_standing(*said) == heads.Standing(7, DIGEST, names, TAG)
    assert heads.parse_standing(f"7 {DIGEST}", "none", TAG) == heads.Standing(7, DIGEST, (), TAG)
    last = heads.parse_standing(f"2147483647 {DIGEST}", "none", TAG)
    assert last == heads.Standing(2**31 - 1, DIGEST, (), TAG)


@pytest.mark.parametrize(
    "version",
    ["", "7", DIGEST, f"0 {DIGEST}", f"07 {DIGEST}", f"-7 {DIGEST}", f"7  {DIGEST}", f"7 {DIGEST}\n", f"7 {DIGEST[1:]}", f"7 {DIGEST}0",
     f"7 {DIGEST.upper()}", f"٧ {DIGEST}", f"2147483648 {DIGEST}", f"10000000000 {DIGEST}"],
)  # fmt: skip
def test_where_no_agreement_stands_nothing_is_told(version: str) -> None:
    """Whatever the other headers say; a number past the last is none."""
    assert heads.parse_standing(version, "none", TAG) is None


@pytest.mark.parametrize("tag", ["", "none", TAG[1:], TAG + "0", TAG.upper(), TAG + "\n", " " + TAG])
def test_a_tag_has_one_form(tag: str) -> None:
    """Thirty-two hexadecimal digits; without them nothing is told."""
    assert heads.parse_standing(f"7 {DIGEST}", "none", tag) is None
