"""Strict JSON: what passes is its own canonical form, everything else has its code."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from node.errors import CallerError, PeerWrongError
from node.protocol import canonical

TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
BOMB = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"a":1,"a":2}', "json-not-canonical"),
        (b'{"b":1,"a":2}', "json-not-canonical"),
        (b'{"a": 1}', "json-not-canonical"),
        (b'{"a":1}\n', "json-not-canonical"),
        (b'"\\u0041"', "json-not-canonical"),
        (b'"\\/"', "json-not-canonical"),
        (b"[-0]", "json-not-canonical"),
        (b"1.0", "json-float"),
        (b"[1e2]", "json-float"),
        (b"1e999", "json-malformed"),
        (b"NaN", "json-malformed"),
        (b"[Infinity]", "json-malformed"),
        (b"[9007199254740992]", "json-integer-range"),
        (b"[-9007199254740992]", "json-integer-range"),
        (b"[18446744073709551616]", "json-float"),
        (b"1" * 5000, "json-malformed"),
        (b'"\\u0000"', "json-nul"),
        (b'"\\ud800"', "json-malformed"),
        (b'"\xed\xa0\x80"', "json-malformed"),
        ('"e\u0301"'.encode(), "json-not-nfc"),
        ('"\\n\u0301"'.encode(), "json-not-canonical-or-fine"),
        ('{"è":1}'.encode(), "json-key-not-ascii"),
        (b"\xef\xbb\xbf{}", "json-bom"),
        ("{}".encode("utf-16"), "json-bom"),
        (b"[[[[[[[[[1]]]]]]]]]", "json-too-deep"),
        (BOMB, "json-too-deep"),
        (b'{"a":' * 50_000, "json-too-deep"),
        (b"", "json-malformed"),
        (b"{", "json-malformed"),
        (b'{"a":1}x', "json-malformed"),
        (b'"' + b"a" * 300_000 + b'"', "json-too-large"),
    ],
)
def test_what_is_not_strict_is_refused_with_its_code(raw: bytes, code: str) -> None:
    """Every way to write JSON loosely, and every bomb, ends in one stable code."""
    if code == "json-not-canonical-or-fine":
        # A newline is text like any other: the accent after it has nothing to compose with.
        assert canonical.parse(raw, max_bytes=100) == "\n\u0301"
        return
    with pytest.raises(PeerWrongError) as caught:
        canonical.parse(raw, max_bytes=262_144)
    assert caught.value.code == code
    assert caught.value.what


def test_depth_counts_brackets_outside_strings_only() -> None:
    """Brackets inside a text are text."""
    raw = canonical.dumps({"a": '[[[[[[[[[[\\"[[[['})
    assert canonical.parse(raw, max_bytes=100) == {"a": '[[[[[[[[[[\\"[[[['}
    assert canonical.parse(b"[[[[[[[[1]]]]]]]]", max_bytes=100)


def by(way: Callable[[], object]) -> object:
    """What a way of parsing says: the value, or the code of its refusal."""
    try:
        return way()
    except PeerWrongError as error:
        return error.code


LOOSE = VALUES | st.recursive(
    st.floats(allow_nan=False) | st.integers(-(2**70), 2**70) | st.text(max_size=6) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('aè:"\\ue1.[\n\u0301', max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("key", ["è", "aè", "èa", "è:", "è:a", ":è", "a:è::", r"è\"x", r"x\"è", r"è\\", r"\"è:"])
def test_a_key_beyond_ascii_is_refused_wherever_it_stands(key: str) -> None:
    """Colons in a key, and texts that end in such a sign before it, hide nothing."""
    for raw in (f'{{"{key}":1}}', f'{{"a":["è","è:"],"{key}":"è"}}', f'{{"a":{{"{key}":{{}}}},"b":"è:"}}'):
        with pytest.raises(PeerWrongError) as caught:
            canonical.parse(raw.encode(), max_bytes=1000)
        assert caught.value.code == "json-key-not-ascii"
    assert canonical.parse('{"a":"è:","b":["è","x"],"c":{"d":":è"}}'.encode(), max_bytes=1000)["a"] == "è:"


def test_nothing_composes_below_the_combining_signs() -> None:
    """Whatever stands beside each other below U+0300 is in NFC: what the short way takes for granted."""
    below = [chr(code) for code in range(0x300)]
    assert all(unicodedata.is_normalized("NFC", first + other) for first in below for other in below)
    assert max("\u02ff".encode()) < max("\u0300".encode()) == 0xCC


@given(
    LOOSE, st.booleans(), st.integers(0, 400), st.sampled_from([b"", b"{", b"]", b'"', b"\\", b".", b"\xcc\x81", b"1"])
)
def test_the_short_way_says_what_the_long_way_says(value: object, tidy: bool, at: int, extra: bytes) -> None:
    """Whatever the bytes, well-formed or bent: the short way for usual documents never changes the answer."""
    text = json.dumps(value, ensure_ascii=not tidy, sort_keys=tidy, separators=(",", ":") if tidy else None)
    raw = text.encode("utf-8", "surrogatepass")
    raw = raw[:at] + extra + raw[at:]
    fast = by(lambda: canonical.parse(raw, max_bytes=100_000))
    slow = by(lambda: canonical._parse_slowly(raw, canonical.limits.JSON_MAX_DEPTH))
    assert fast == slow
    assert type(fast) is type(slow)


@given(VALUES)
def test_what_we_write_is_what_the_oracle_writes(value: object) -> None:
    """For texts in NFC our bytes are RFC 8785's, and they parse back to the value."""
    try:
        raw = canonical.dumps(value)
    except CallerError:
        return
    assert raw == rfc8785.dumps(value)  # type: ignore[arg-type]
    try:
        assert canonical.parse(raw, max_bytes=100_000) == value
    except PeerWrongError as error:
        assert error.code == "json-too-deep"


@pytest.mark.parametrize("value", [1.5, math.nan, {1: 2}, {"è": 1}, "\ud800", 2**53, object(), "e\u0301"])
def test_what_cannot_be_canonical_is_not_written(value: object) -> None:
    """A value outside the rules never becomes bytes."""
    with pytest.raises(CallerError):
        canonical.dumps(value)


@pytest.mark.parametrize(
    "raw",
    [
        b"1.5",
        b"1e+16",
        b'{"a":1.5}',
        b'{"a":5e-324}',
        b"[1,2,1e+16]",
        b'{"a":"x","b":"y","c":1.5}',
        b'{"a":"x y","b":1.5}',
        b'{"a":"x y","b":1.5,"c":"z w"}',
        b'{"a":"x, y: z","b":[1.5,"z"]}',
        b'{"a":"x\\"","b":1.5}',
        b'{"a":"x\\"","b":1e+16}',
        b'{"a":"\\\\","b":1.5}',
        b'{"a":true,"b":1e+16}',
    ],
)
def test_a_float_is_found_wherever_it_stands(raw: bytes) -> None:
    """Each of these is its own canonical form: only the rule against floats refuses it (PROTOCOL 3.4)."""
    with pytest.raises(PeerWrongError) as caught:
        canonical.parse(raw, max_bytes=1024)
    assert caught.value.code == "json-float"


@pytest.mark.parametrize("before", [b"", b"[],[],[],", b'{},{"a":[]},', b'"[[","]]",'])
def test_nesting_is_counted_whatever_was_closed_before(before: bytes) -> None:
    """Eight levels are read, nine are not, in short documents and behind many small ones."""
    inside = b"[" * 7 + b"]" * 7
    assert canonical.parse(b"[" + before + inside + b"]", max_bytes=1024)
    for raw in (b"[" + before + b"[" + inside + b"]]", b"[" + before + b"[" * 8 + b"1" + b"]" * 8 + b"]"):
        with pytest.raises(PeerWrongError) as caught:
            canonical.parse(raw, max_bytes=1024)
        assert caught.value.code == "json-too-deep"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"[" * 8, "json-malformed"),
        (b"[" * 9, "json-too-deep"),
        (b"[" + b"[]," * 9, "json-malformed"),
        (b"[" + b'{"a":[[[[[[[', "json-too-deep"),
        (b"]" * 20 + b"[" * 20, "json-malformed"),
        (b"]" * 20 + b"[" * 29, "json-too-deep"),
    ],
)
def test_what_is_not_closed_is_too_deep_only_where_it_is(raw: bytes, code: str) -> None:
    """The ninth level that is open at once, whatever was closed before; less is no JSON."""
    with pytest.raises(PeerWrongError) as caught:
        canonical.parse(raw, max_bytes=1024)
    assert caught.value.code == code


def test_depth_is_told_of_any_spelling() -> None:
    """For parsers of other JSON than ours: spaces and signs in texts do not count."""
    raw = b' { "a" : [ [ ] , "[[[[" , "\\"{{{" ] } \n'
    assert canonical.nests_deeper(raw, 2)
    assert not canonical.nests_deeper(raw, 3)


def test_the_long_way_keeps_the_same_bounds() -> None:
    """Integers to 2^53 - 1 on both sides of nothing; a byte order mark of any kind is told as such; what is no JSON too."""
    for number in (2**53 - 1, 1 - 2**53):
        assert canonical._parse_slowly(str(number).encode(), 8) == number
    for number in (2**53, -(2**53)):
        with pytest.raises(PeerWrongError) as caught:
            canonical._parse_slowly(str(number).encode(), 8)
        assert caught.value.code == "json-integer-range"
    for raw, code in (
        (b"\xfe\xff\x00{\x00}", "json-bom"),
        (b"\xff\xfe{\x00}\x00", "json-bom"),
        (b"\xef\xbb\xbf{}", "json-bom"),
        (b"{", "json-malformed"),
        (b"", "json-malformed"),
    ):
        with pytest.raises(PeerWrongError) as caught:
            canonical._parse_slowly(raw, 8)
        assert caught.value.code == code
