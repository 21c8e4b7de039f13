"""Sealed messages: what opens, for whom, and that everything else has its code (PROTOCOL 9)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.errors import CallerError, PeerWrongError
from node.protocol import canonical, limits, sealed
from node.protocol.sealed import Header, SealKey, SealPrivate
from node.store import schemas

OWN = "cmto"
HEADER = Header("p_LE", OWN, "7c9e6679-7425-40de-944b-e07fc1f90ae7", 7)
X25519 = X25519PrivateKey.from_private_bytes(bytes(range(32)))
PLAIN = SealPrivate(X25519, None)
HYBRID = SealPrivate(X25519, MLKEM768PrivateKey.from_seed_bytes(bytes(range(64))))
BOTH = pytest.mark.parametrize("keys", [PLAIN, HYBRID], ids=["suite-1", "suite-2"])
FIELD = 2**255 - 19
ENVELOPES = {keys.public.suite: sealed.seal(HEADER, b"un messaggio", keys.public) for keys in (PLAIN, HYBRID)}


def opened(raw: bytes, keys: SealPrivate, own_id: str = OWN) -> bytes:
    """What a recipient reads in an envelope."""
    return sealed.unseal(sealed.parse(raw), own_id, keys)


def refusal(work: Callable[[], object]) -> str:
    """The code with which a peer's bytes are refused."""
    with pytest.raises(PeerWrongError) as caught:
        work()
    return caught.value.code


def changed(raw: bytes, **fields: Any) -> bytes:
    """An envelope with other fields, canonical again."""
    return canonical.dumps({**json.loads(raw), **fields})


@BOTH
@given(plaintext=st.binary(max_size=5000))
def test_what_is_sealed_opens_for_its_recipient(keys: SealPrivate, plaintext: bytes) -> None:
    """Whatever the bytes, with the header that was given, in the suite of the key."""
    raw = sealed.seal(HEADER, plaintext, keys.public)
    found = sealed.parse(raw)
    assert (found.header, found.key_id, found.suite) == (HEADER, keys.public.id, 1 if keys is PLAIN else 2)
    assert sealed.unseal(found, OWN, keys) == plaintext


@BOTH
def test_no_two_seals_are_alike(keys: SealPrivate) -> None:
    """The same message twice cannot be told from two messages."""
    one, two = (json.loads(sealed.seal(HEADER, b"x", keys.public)) for _ in range(2))
    assert one.pop("ct") != two.pop("ct")
    assert one == two


@BOTH
@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("from", "p_BR", "seal-broken"),
        ("id", "16fd2706-8baf-433b-82eb-8c7fada847da", "seal-broken"),
        ("seq", 8, "seal-broken"),
        ("to", "p_BR", "seal-not-for-us"),
        ("key", "0" * 16, "seal-key-unknown"),
        ("suite", 3, "seal-suite-unknown"),
        ("v", 2, "sealed-malformed"),
        ("ct", "", "seal-broken"),
    ],
)
def test_every_field_is_bound(keys: SealPrivate, field: str, value: object, code: str) -> None:
    """Another sender, another introduction, another number: the same bytes do not open there."""
    assert refusal(lambda: opened(changed(ENVELOPES[keys.public.suite], **{field: value}), keys)) == code


@BOTH
def test_a_message_for_another_does_not_open_here(keys: SealPrivate) -> None:
    """Neither as it is, nor readdressed by somebody on the way."""
    raw = ENVELOPES[keys.public.suite]
    assert refusal(lambda: opened(raw, keys, "p_BR")) == "seal-not-for-us"
    assert refusal(lambda: opened(changed(raw, to="p_BR"), keys, "p_BR")) == "seal-broken"


@BOTH
@given(draw=st.data())
def test_one_byte_changed_breaks_the_seal(keys: SealPrivate, draw: st.DataObject) -> None:
    """In the one-time key, in the text, in the tag: wherever it is."""
    found = sealed.parse(ENVELOPES[keys.public.suite])
    at = draw.draw(st.integers(0, len(found.ciphertext) - 1))
    bit = draw.draw(st.integers(0, 7))
    # Also the highest bit of a point, which X25519 ignores: the secret is drawn from the bytes too.
    spoiled = bytearray(found.ciphertext)
    spoiled[at] ^= 1 << bit
    assert refusal(lambda: sealed.unseal(replace(found, ciphertext=bytes(spoiled)), OWN, keys)) == "seal-broken"


@BOTH
@given(ciphertext=st.binary(max_size=2500))
def test_any_bytes_are_broken_and_nothing_worse(keys: SealPrivate, ciphertext: bytes) -> None:
    """Too short for a one-time key, or for a tag: one code, never a traceback."""
    found = sealed.parse(ENVELOPES[keys.public.suite])
    assert refusal(lambda: sealed.unseal(replace(found, ciphertext=ciphertext), OWN, keys)) == "seal-broken"


@BOTH
def test_a_one_time_key_of_small_order_opens_nothing(keys: SealPrivate) -> None:
    """A secret that everybody knows is refused by the key exchange."""
    found = sealed.parse(ENVELOPES[keys.public.suite])
    at = 0 if keys is PLAIN else 1088
    for point in (0, 1, FIELD - 1):
        poor = found.ciphertext[:at] + point.to_bytes(32, "little") + found.ciphertext[at + 32 :]
        assert refusal(lambda poor=poor: sealed.unseal(replace(found, ciphertext=poor), OWN, keys)) == "seal-broken"  # type: ignore[misc]


def test_an_old_key_is_told_by_its_id() -> None:
    """After a rotation of either half what was sealed before says which key it wants."""
    other = X25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
    for new in (replace(HYBRID, x25519=other), replace(HYBRID, mlkem768=MLKEM768PrivateKey.generate()), PLAIN):
        assert refusal(lambda new=new: opened(ENVELOPES[2], new)) == "seal-key-unknown"  # type: ignore[misc]


def test_nobody_is_talked_down_to_the_weaker_suite() -> None:
    """A key with two halves opens nothing that was sealed for one of them, and a key with one half nothing for two."""
    half = json.loads(sealed.seal(HEADER, b"x", SealKey(HYBRID.public.x25519, None)))
    assert refusal(lambda: opened(canonical.dumps({**half, "key": HYBRID.public.id}), HYBRID)) == "seal-suite-unknown"
    both = changed(ENVELOPES[2], key=PLAIN.public.id)
    assert refusal(lambda: opened(both, PLAIN)) == "seal-suite-unknown"
    relabelled = changed(canonical.dumps(half), key=HYBRID.public.id, suite=2)
    assert refusal(lambda: opened(relabelled, HYBRID)) == "seal-broken"


@BOTH
def test_lengths_show_as_one_of_four(keys: SealPrivate) -> None:
    """From nothing to the longest message there are four sizes of an envelope, and the edges fall where they should."""
    edges = [0, 1, 1020, 1021, 4092, 4093, 16380, 16381, limits.MESSAGE_MAX_BYTES]
    sizes = [len(sealed.parse(sealed.seal(HEADER, bytes(n), keys.public)).ciphertext) for n in edges]
    over = sizes[0] - 1024
    assert [size - over for size in sizes] == [1024] * 3 + [4096] * 2 + [16384] * 2 + [49152] * 2
    with pytest.raises(CallerError, match="message-too-large"):
        sealed.seal(HEADER, bytes(limits.MESSAGE_MAX_BYTES + 1), keys.public)


@BOTH
def test_the_longest_envelope_is_read(keys: SealPrivate) -> None:
    """With the longest names and the greatest number; one byte more than the limit is not even looked at."""
    header = Header("p" + "x" * 31, "c" * 32, HEADER.introduction, limits.JSON_INTEGER_MAX)
    message = os.urandom(limits.MESSAGE_MAX_BYTES)
    raw = sealed.seal(header, message, keys.public)
    assert len(raw) <= limits.SEALED_MAX_BYTES
    assert opened(raw, keys, header.recipient) == message
    longer = changed(raw, ct="A" * limits.SEALED_MAX_BYTES)
    assert refusal(lambda: sealed.parse(longer)) == "sealed-malformed"


@BOTH
@pytest.mark.parametrize(
    "padded",
    [
        b"",
        b"\0\0\0",
        b"\0\0\0\1x",
        (1).to_bytes(4, "big") + b"x" + bytes(1020),
        (1).to_bytes(4, "big") + b"x" + bytes(1018) + b"\1",
        (1021).to_bytes(4, "big") + bytes(1020),
        b"\xff" * 1024,
        bytes(2048),
    ],
)
def test_a_padding_of_another_kind_is_refused(
    keys: SealPrivate, padded: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A size that is none of ours, a length beyond it, something hidden behind the message."""
    monkeypatch.setattr(sealed, "_padded", lambda plaintext: plaintext)
    raw = sealed.seal(HEADER, padded, keys.public)
    assert refusal(lambda: opened(raw, keys)) == "seal-padding-bad"


@BOTH
def test_a_larger_class_than_needed_opens(keys: SealPrivate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wants to hide more may."""
    monkeypatch.setattr(sealed, "_padded", lambda plaintext: (1).to_bytes(4, "big") + plaintext + bytes(4091))
    assert opened(sealed.seal(HEADER, b"x", keys.public), keys) == b"x"


GOOD = ENVELOPES[1]
MALFORMED = [
    b"",
    b"[]",
    b"null",
    GOOD + b"\n",
    GOOD.replace(b",", b", ", 1),
    json.dumps(dict(reversed(json.loads(GOOD).items())), separators=(",", ":")).encode(),
    canonical.dumps({k: v for k, v in json.loads(GOOD).items() if k != "v"}),
    changed(GOOD, more=1),
    *(changed(GOOD, **{name: None}) for name in ("ct", "from", "id", "key", "seq", "suite", "to", "v")),
    changed(GOOD, **{"from": "p LE"}),
    changed(GOOD, to=""),
    changed(GOOD, to="c" * 33),
    changed(GOOD, id=HEADER.introduction.upper()),
    changed(GOOD, id=HEADER.introduction.replace("-", "")),
    changed(GOOD, key="0" * 15),
    changed(GOOD, key="G" * 16),
    changed(GOOD, key="a" * 16 + "\n"),
    changed(GOOD, seq=-1),
    changed(GOOD, seq=True),
    changed(GOOD, seq="7"),
    changed(GOOD, suite=0),
    changed(GOOD, v=True),
]


@pytest.mark.parametrize("raw", MALFORMED)
def test_what_has_not_the_form_is_malformed(raw: bytes) -> None:
    """Other keys, types or spellings than the one."""
    assert refusal(lambda: sealed.parse(raw)) == "sealed-malformed"


@pytest.mark.parametrize("ct", ["AA==\n", "AA", "AB==", "A A=", "-_==", "é"])
def test_base64_has_one_spelling(ct: str) -> None:
    """Line feeds, missing padding, loose bits, other alphabets."""
    assert refusal(lambda: sealed.parse(changed(GOOD, ct=ct))) == "sealed-malformed"


@given(raw=st.binary(max_size=300))
def test_any_bytes_are_malformed_and_nothing_worse(raw: bytes) -> None:
    """Never a traceback."""
    assert refusal(lambda: sealed.parse(raw)) == "sealed-malformed"


def test_the_schema_says_what_the_parser_does() -> None:
    """schemas/sealed.v1.json takes our envelopes; what it can see of the malformed ones, and suites that are not, it refuses."""
    schema = json.loads(schemas.folder().joinpath("sealed.v1.json").read_text(encoding="utf-8"))
    validator = jsonschema_rs.validator_for(schema)
    for raw in ENVELOPES.values():
        assert validator.is_valid(json.loads(raw))
    # From the seventh on they are canonical JSON with something else than an envelope in it.
    for raw in [b"[]", b"null", *MALFORMED[6:], changed(GOOD, suite=3)]:
        assert not validator.is_valid(json.loads(raw)), raw


@pytest.mark.parametrize(
    "header",
    [
        replace(HEADER, sender=""),
        replace(HEADER, recipient="c m"),
        replace(HEADER, introduction="x"),
        replace(HEADER, seq=-1),
        replace(HEADER, seq=2**53),
    ],
)
def test_no_header_is_sealed_that_nobody_would_read(header: Header) -> None:
    """What the parser refuses, the sender hears of at once."""
    with pytest.raises(CallerError, match="sealed-header-bad"):
        sealed.seal(header, b"x", PLAIN.public)


@pytest.mark.parametrize("seq", [0, 2**53 - 1])
def test_messages_are_numbered_from_nought_to_the_largest_integer(seq: int) -> None:
    """Sealed and read; one before and one after are neither (above)."""
    assert sealed.parse(sealed.seal(replace(HEADER, seq=seq), b"x", PLAIN.public)).header.seq == seq


def test_a_key_has_one_id_and_one_suite() -> None:
    """Of both halves together; each half changes it."""
    assert (PLAIN.public.suite, HYBRID.public.suite) == (1, 2)
    assert PLAIN.public.x25519 == HYBRID.public.x25519
    assert len({PLAIN.public.id, HYBRID.public.id}) == 2
    for keys in (PLAIN, HYBRID):
        public = keys.public
        assert SealKey.of(public.x25519, public.mlkem768) == public
        assert json.loads(ENVELOPES[public.suite])["key"] == public.id


@pytest.mark.parametrize(
    "point",
    [
        0,
        1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
        FIELD - 1,
        FIELD,
        FIELD + 1,
        FIELD + 9,
        2**255 + 9,
        2**256 - 1,
    ],
)
def test_points_of_small_order_and_second_spellings_are_no_keys(point: int) -> None:
    """Whoever seals for them seals for everybody; whoever spells a key twice has two ids for it."""
    with pytest.raises(CallerError, match="seal-key-low-order"):
        SealKey.of(point.to_bytes(32, "little"), None)


@pytest.mark.parametrize(
    ("x25519", "mlkem768"),
    [(b"", None), (b"x" * 31, None), (b"x" * 33, None), (b"\x09" + bytes(31), b""), (b"\x09" + bytes(31), b"x" * 1183),
     (b"\x09" + bytes(31), b"\xff" * 1184)],
)  # fmt: skip
def test_bytes_that_are_no_key_are_refused(x25519: bytes, mlkem768: bytes | None) -> None:
    """Of another length, or with numbers that ML-KEM does not know."""
    with pytest.raises(CallerError, match="seal-key-bad"):
        SealKey.of(x25519, mlkem768)


def test_a_private_key_says_nothing_of_itself() -> None:
    """Not in a repr, which ends in logs."""
    assert repr(HYBRID) == "SealPrivate(...)"


def test_nothing_of_the_message_shows() -> None:
    """Neither plain nor in base64."""
    raw = sealed.seal(HEADER, b"Rossi & C. " * 10, HYBRID.public)
    assert b"Rossi" not in raw + base64.b64decode(json.loads(raw)["ct"])
