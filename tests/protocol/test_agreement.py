"""The agreement's form: what a document must be before anybody asks who signed it (PROTOCOL 7.1-7.4)."""

from __future__ import annotations

import base64
import copy
import datetime as dt
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.formats import encode_canonical

from node.errors import CallerError, PeerWrongError
from node.protocol import agreement, keys, metadata
from node.protocol.agreement import Council, HttpKey, LogKeys, Node, Status, Terms
from node.protocol.sealed import SealKey
from node.store import schemas
from tests import agreement_made as made

FULL = made.node(
    "lecce",
    http=(made.http_key("lecce"), made.http_key("lecce", 7)),
    log=(
        LogKeys(made.origin("lecce", 2025), (made.log_verifier("lecce", 1, 2025),), 900, (1000, b"r" * 32)),
        LogKeys(made.origin("lecce"), (made.log_verifier("lecce"),), 55, None),
        LogKeys(made.origin("lecce"), (made.log_verifier("lecce", 2), made.log_verifier("lecce", 3)), None, None),
    ),
    witness=(made.verifier("lecce", "witness"), made.verifier("lecce", "witness", 2)),
)
RAW = made.root(nodes=[FULL, made.node("torino", seal=None, ipa_code="", contact="")])
GOOD = json.loads(RAW)
LOW_ORDER = bytes(32)
X_RETE = ("signed", "x-rete")
LECCE = (*X_RETE, "nodes", 0)
OPTIONAL = {"until_size", "frozen", "mlkem768"}


def refusal(call: Callable[[], object]) -> str:
    """The code with which bytes of others are refused."""
    with pytest.raises(PeerWrongError) as caught:
        call()
    return caught.value.code


def mistake(call: Callable[[], object]) -> str:
    """The code with which values of our own are refused."""
    with pytest.raises(CallerError) as caught:
        call()
    return caught.value.code


def raw_of(document: Any) -> bytes:
    """A document in bytes."""
    return json.dumps(document).encode()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a document."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    """The value at a path."""
    for key in path:
        document = document[key]
    return document


def put(path: tuple[Any, ...], value: Any, document: Any = None) -> bytes:
    """The document with another value at a path."""
    changed = copy.deepcopy(GOOD if document is None else document)
    at(changed, path[:-1])[path[-1]] = value
    return raw_of(changed)


def named(path: tuple[Any, ...]) -> set[str]:
    """By which names a refusal may tell where a value stands; of what python-tuf takes apart, perhaps the whole, or a key's role."""
    match path:
        case ("signed", "x-rete", "nodes", _, name, *_) if name != "id":
            return {f"{at(GOOD, path[:4])['id']}: {name}"}
        case ("signed", "x-rete", "terms", name, *_) | ("signed", "x-rete", name, *_):
            return {name}
        case ("signed", "keys", *keyid):
            return {"keys", "root", "targets", "signed", *keyid[:1]}
        case ("signed", "roles", *role):
            return {"roles", "signed", *role[:1]}
        case ("signed", "expires"):
            return {"expires", "signed"}
        case ("signed", name, *_) | (name, *_):
            return {name}
    return {"signed"}


PLACES = list(places(GOOD))
OBJECTS = [path for path in PLACES if isinstance(at(GOOD, path), dict)]


def test_a_document_becomes_values_and_back() -> None:
    """Every field; what was signed is TUF's canonical JSON, the same in any spelling of the document."""
    found = agreement.parse(RAW)
    assert (found.version, found.expires, found.quorum, found.terms) == (1, made.EXPIRES, (3, 2), made.TERMS)
    assert found.pdf_sha256 == made.PDF
    assert found.council == made.council(made.THREE, 2)
    assert found.secretariat == made.council(made.OFFICE, 2)
    assert found.nodes[0] == FULL
    assert found.node("torino") == made.node("torino", seal=None, ipa_code="", contact="")
    assert found.node("nobody") is None
    assert found.raw == RAW
    assert set(found.signatures) == set(made.council(made.THREE, 2).keys)
    compact = raw_of(GOOD)
    assert compact != RAW
    assert (agreement.parse(compact).signed, agreement.parse(compact).digest) == (found.signed, found.digest)
    assert json.loads(found.signed) == GOOD["signed"]
    assert (FULL.authority, FULL.origins) == ("lecce.example", {made.origin("lecce", 2025), made.origin("lecce")})


def test_a_version_says_what_it_was_built_of() -> None:
    """Each value in its own place."""
    terms = Terms(("a/1", "b/2"), 11, 7, 13, 17)
    council, office = made.council(("x", "y"), 1), made.council(("z",), 1)
    found = agreement.parse(
        made.unsigned(
            7, quorum=(5, 4), terms=terms, pdf_sha256="a" * 64, council=council, secretariat=office, nodes=TWO[::-1]
        )
    )
    assert (found.version, found.expires, found.quorum, found.terms) == (7, made.EXPIRES, (5, 4), terms)
    assert (found.council, found.secretariat, found.nodes) == (council, office, TWO)
    assert (found.pdf_sha256, found.signatures) == ("a" * 64, {})


def test_an_entry_becomes_a_node_and_back() -> None:
    """With and without what may be missing."""
    for node in (FULL, made.node("bari", seal=None, witness=(), mirror=(), status=Status.LEFT)):
        assert agreement.node_of(agreement.node_json(node)) == node
        assert agreement.node_of(json.loads(json.dumps(agreement.node_json(node)))) == node
    one_half = replace(FULL, seal=SealKey(made.seal_of("lecce").public.x25519, None))
    assert agreement.node_json(one_half)["seal"].keys() == {"x25519"}
    assert agreement.node_of(agreement.node_json(one_half)) == one_half


def test_expiry_is_a_moment_that_is_given() -> None:
    """From that second on; nothing reads a clock."""
    found = agreement.parse(RAW)
    assert found.is_expired(made.EXPIRES)
    assert not found.is_expired(made.EXPIRES - dt.timedelta(seconds=1))


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"\xff", b"\xef\xbb\xbf" + RAW, RAW.decode().encode("utf-16"), RAW + b"x", RAW[:-3],
        RAW.replace(b'"version"', b'"version": 1, "version"'),
        RAW.replace(b'"expires"', b'"_type": "root", "expires"'),
        RAW.replace(b'"threshold": 2', b'"threshold": 2.0'),
        RAW.replace(b'"threshold": 2', b'"threshold": 2e0'),
        RAW.replace(b'"threshold": 2', b'"threshold": NaN'),
        RAW.replace(b'"threshold": 2', b'"threshold": Infinity'),
        RAW.replace(b'"threshold": 2', b'"threshold": ' + b"2" * 20),
        RAW.replace(b'"threshold": 2', b'"threshold": ' + b"2" * 5000),
        RAW.replace(b'"contact": ""', b'"contact": "a\\u0007b"'),
        RAW.replace(b'"contact": ""', b'"contact": "a\\u202eb"'),
        RAW.replace(b'"contact": ""', b'"contact": "\\ud800"'),
        RAW.replace(b'"contact": ""', b'"contact": "e\\u0301"'),
        RAW.replace(b'"contact": ""', b'"contact": "a\nb"'),
        RAW.replace(b'"contact": ""', b'"e\\u0301": "", "contact": ""'),
        b"[" * 100_000, b'{"a":' * 100_000, b"[" * 17 + b"]" * 17,
    ],
)  # fmt: skip
def test_json_that_two_readers_could_read_as_two_is_malformed(raw: bytes) -> None:
    """Other encodings, keys twice, numbers with a point, signs that do not show, nesting; the refusal says that it is all of it."""
    assert raw != RAW
    with pytest.raises(PeerWrongError) as caught:
        agreement.parse(raw)
    assert (caught.value.code, caught.value.where) == ("agreement-malformed", "JSON")


def test_json_has_its_depth_size_and_digits() -> None:
    """Sixteen levels, 4 MiB, seventeen digits: both sides of each."""
    assert metadata.strict(b"[" * 16 + b"]" * 16)
    assert metadata.strict(b'"\xc3\xa9"') == "é"
    assert metadata.strict(b"1" * 17) == 11111111111111111
    assert refusal(lambda: metadata.strict(b"1" * 18)) == "agreement-malformed"
    assert refusal(lambda: metadata.strict(b"[" * 17 + b"]" * 17)) == "agreement-malformed"
    wide = RAW + b" " * (4 * 2**20 - len(RAW))
    assert agreement.parse(wide).digest == agreement.parse(RAW).digest
    assert refusal(lambda: agreement.parse(wide + b" ")) == "agreement-too-large"


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: "/".join(map(str, path)) or "document")
def test_every_object_has_exactly_its_keys(path: tuple[Any, ...]) -> None:
    """One more is refused, and one less, wherever it stands: nothing is signed that somebody does not read."""
    more = copy.deepcopy(GOOD)
    at(more, path)["zz"] = {"keyids": [], "threshold": 1}
    others = [more]
    for key in at(GOOD, path).keys() - OPTIONAL:
        others.append(copy.deepcopy(GOOD))
        del at(others[-1], path)[key]
    for other in others:
        with pytest.raises(PeerWrongError) as caught:
            agreement.parse(raw_of(other))
        assert caught.value.code == "agreement-malformed"
        assert caught.value.where in named(path)


ODD: tuple[Any, ...] = (None, True, 0, -1, "", "x", "é", [], [None], {}, {"a": 1}, [[]], 2**53, "0" * 64)


@pytest.mark.parametrize("path", PLACES[1:], ids=lambda path: "/".join(map(str, path)))
def test_no_value_of_another_kind_gets_through(path: tuple[Any, ...]) -> None:
    """Whatever stands in its place is refused with a code and the place, or is a document that says just that."""
    for odd in ODD:
        try:
            found = agreement.parse(put(path, odd))
        except PeerWrongError as error:
            assert error.where in named(path), (odd, error.code)
            continue
        assert json.loads(found.signed) == json.loads(put(path, odd))["signed"]
        assert type(odd) is type(at(GOOD, path)) or (path[-1] == "seal" and odd is None), (path, odd)


BASE64 = base64.b64encode(bytes(range(32))).decode()
NOT_KEYS = ["", "x", BASE64[:-1], BASE64 + "\n", BASE64[:-2] + "9=", base64.b64encode(bytes(31)).decode(), 7]


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        (("signed", "_type"), ["root"], ["targets", "snapshot", "Root", "mirrors"]),
        (("signed", "version"), [1, 2, 2**31 - 1], [0, -1, 2**31, "1", True]),
        (("signed", "spec_version"), ["1.0.31", "1.0.0", "1.2.3"], ["2.0.0", "1.0", "1", "1.0.x", "1.0.٣", "", "1.0.31 "]),
        (
            ("signed", "expires"),
            ["2028-01-01T00:00:00Z", "2999-12-31T23:59:59Z"],
            [
                "2028-1-1T00:00:00Z", "2028-01-01T00:00:00", "2028-01-01T00:00:00+00:00", "2028-02-30T00:00:00Z", "1999-01-01T00:00:00Z",
                "2028-01-01T00:00:60Z", "2028-01-01T24:00:00Z", "2028-01-01T00:00:00Z ", "2028-01-01",
            ],
        ),
        (("signed", "consistent_snapshot"), [True], [False, 1, None]),
        ((*X_RETE, "agreement_sha256"), ["0" * 64, "f" * 64], ["0" * 63, "0" * 65, "F" * 64, "g" * 64]),
        ((*X_RETE, "quorum"), [{"k": 1, "q": 1}, {"k": 9, "q": 9}, {"k": 9, "q": 1}], [{"k": 0, "q": 0}, {"k": 10, "q": 1}, {"k": 3, "q": 0}, {"k": 3, "q": 4}]),
        ((*X_RETE, "terms", "k_min"), [5, 1000], [4, 0, 1001]),
        ((*X_RETE, "terms", "introductions_days"), [1, 36_500], [0, 36_501]),
        ((*X_RETE, "terms", "keep_epochs_days"), [1, 36_500], [0, 36_501]),
        ((*X_RETE, "terms", "suspended_days"), [1, 36_500], [0, 36_501]),
        (
            (*X_RETE, "terms", "data"),
            [["profile/1"], ["call/12", "profile/1"], [f"t/{n}" for n in range(1, 33)]],
            [[], ["profile"], ["profile/0"], ["Profile/1"], ["profile/1", "profile/1"], "profile/1", [f"t/{n}" for n in range(1, 34)]],
        ),
        ((*LECCE, "id"), ["A", "l" * 31 + "x", "lecce_1-x"], ["", "1a", "_a", "a b", "l" * 33, "lè", "a\n"]),
        ((*LECCE, "rev"), [1, 2**31 - 1], [0, -1, 2**31]),
        ((*LECCE, "name"), ["x", "Città metropolitana di Torino", "x" * 200], ["", " x", "x ", "x" * 201]),
        ((*LECCE, "ipa_code"), ["", "p_LE", "x" * 32], ["x" * 33, "a b", "è"]),
        ((*LECCE, "territory"), [["LE"], ["BR", "LE"], ["123456"]], [[], ["LE", "BR"], ["LE", "LE"], ["le"], ["L"], ["1234567"], "LE", [f"{n:03}" for n in range(201)]]),
        ((*LECCE, "contact"), ["", "reti@provincia.le.it", "x" * 254], ["x" * 255]),
        ((*LECCE, "status"), ["active", "suspended", "left"], ["gone", "Active", ""]),
        ((*LECCE, "since"), [0, 1_000_000], [-1, 1_000_001]),
        ((*LECCE, "seal"), [None], ["", {}]),
        ((*LECCE, "seal", "x25519"), [BASE64], NOT_KEYS),
        ((*LECCE, "http", 0, "pub"), [], NOT_KEYS),
        ((*LECCE, "http", 0, "keyid"), ["lecce.example#http-2", "lecce.example#http-9999"], ["lecce.example#http-0", "lecce.example#http-01", "lecce.example#http-10000", "torino.example#http-1", "lecce.example#http-", "lecce.example#log-1", "lecce.example#http-7"]),
        ((*LECCE, "log", 0, "until_size"), [0, 2**53 - 1], [-1, 2**53]),
        ((*LECCE, "log", 0, "frozen"), [{"size": 0, "root": BASE64}, {"size": 2**53 - 1, "root": BASE64}], [{"size": -1, "root": BASE64}, {"size": 2**53, "root": BASE64}, {"size": 1, "root": base64.b64encode(bytes(31)).decode()}, {"size": 1, "root": BASE64[:-1]}]),
    ],
    ids=lambda value: "/".join(map(str, value[1:])) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_values_keep_their_bounds(path: tuple[Any, ...], good: list[Any], bad: list[Any]) -> None:
    """Both sides of each."""
    for value in good:
        assert json.loads(agreement.parse(put(path, value)).signed) == json.loads(put(path, value))["signed"]
    for value in bad:
        with pytest.raises(PeerWrongError) as caught:
            agreement.parse(put(path, value))
        assert caught.value.code in ("agreement-malformed", "key-bad", "key-low-order", "seal-key-bad"), value
        assert caught.value.where in ({"JSON"} if "\n" in str(value) else named(path)), value


def at_address(url: str) -> Node:
    """A node that answers there."""
    authority = url.partition("://")[2]
    return made.node("lecce", url=url, http=(made.http_key("lecce", 1, authority),))


def test_addresses_are_https_without_anything_behind_the_port() -> None:
    """Loopback may be http, for trials; no path, no user, no capitals."""
    for url in (
        "https://lecce.example",
        "https://lecce.example:8443",
        "https://[2001:db8::1]:8443",
        "http://127.0.0.1:8001",
        "http://localhost",
        "http://[::1]:9",
        "https://[2001:db8::1]",
        "https://[1:2:3:4:5:6:7:8]",
        "https://lecce.example:65535",
        f"https://{'a' * 63}.b-1.example",
        f"https://{'.'.join(['abc'] * 63)}.a",
    ):
        assert agreement.node_of(agreement.node_json(at_address(url))).url == url
    for url in (
        "http://lecce.example",
        "https://lecce.example/",
        "https://a@lecce.example",
        "https://Lecce.example",
        "ftp://lecce.example",
        "https://lecce.example:0",
        "https://lecce.example:65536",
        "https://lecce..example",
        "https://-lecce.example",
        "https://lecce-.example",
        "https://lecce.example.",
        "https://[:::::]",
        "https://[12345::1]",
        "https://[1::12345]",
        f"https://{'a' * 64}.example",
        f"https://{'.'.join(['abc'] * 63)}.ab",
        "https://",
        "https://x?y",
        "http://127.0.0.1.example",
    ):
        assert (
            refusal(lambda url=url: agreement.node_of(agreement.node_json(at_address(url)))) == "agreement-malformed"
        ), url


COSIGNATURE = keys.COSIGNATURE_TYPE


@pytest.mark.parametrize(
    "changed",
    [
        {"witness": (keys.Verifier("lecce.example/mirror", COSIGNATURE, made.public("a")),)},
        {"mirror": (keys.Verifier("lecce.example/witness", COSIGNATURE, made.public("a")),)},
        {"witness": (keys.Verifier("lecce.example/witness", keys.LOG_TYPE, made.public("a")),)},
        {"witness": (keys.Verifier("/witness", COSIGNATURE, made.public("a")),)},
        {"witness": tuple(made.verifier("lecce", "witness", n) for n in range(5))},
        {"mirror": tuple(made.verifier("lecce", "mirror", n) for n in range(5))},
        {"http": ()},
        {"http": tuple(made.http_key("lecce", n) for n in range(1, 6))},
        {"http": (made.http_key("lecce", 1), HttpKey("lecce.example#http-1", made.public("a")))},
        {"log": ()},
        {"log": (LogKeys(made.origin("lecce"), (), None, None),)},
        {"log": (LogKeys(made.origin("lecce"), tuple(made.log_verifier("lecce", n) for n in range(5)), None, None),)},
        {"log": (LogKeys(made.origin("lecce"), (made.log_verifier("lecce", 1, 2025),), None, None),)},
        {"log": (LogKeys(made.origin("lecce"), (replace(made.log_verifier("lecce"), kind=COSIGNATURE),), None, None),)},
        {"log": (LogKeys("lecce.example/log/2026", (keys.Verifier("lecce.example/log/2026", 1, made.public("a")),), None, None),)},
        {"log": (LogKeys(made.origin("lecce"), (made.log_verifier("lecce"),), None, None), LogKeys(made.origin("lecce"), (made.log_verifier("lecce"),), 4, None))},
        {"log": (LogKeys(made.origin("lecce"), (made.log_verifier("lecce"),), None, None), LogKeys(made.origin("lecce"), (made.log_verifier("lecce", 2),), None, None))},
        {"log": (LogKeys(made.origin("lecce"), (made.log_verifier("lecce"),), 4, (4, bytes(32))), LogKeys(made.origin("lecce"), (made.log_verifier("lecce", 2),), None, None))},
        {"log": tuple(LogKeys(made.origin("lecce", 2000 + n), (made.log_verifier("lecce", 1, 2000 + n),), None, None) for n in range(65))},
    ],
)  # fmt: skip
def test_keys_bear_the_names_of_their_role(changed: dict[str, Any]) -> None:
    """Of each role so many, each of its kind, each named once; what is said of one log's end is said once."""
    assert (
        refusal(lambda: agreement.node_of(agreement.node_json(made.node("lecce", **changed)))) == "agreement-malformed"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"witness": tuple(made.verifier("lecce", "witness", n) for n in range(4))},
        {"mirror": ()},
        {"http": tuple(made.http_key("lecce", n) for n in range(1, 5))},
        {"log": (LogKeys(made.origin("lecce"), tuple(made.log_verifier("lecce", n) for n in range(4)), None, None),)},
        {"log": (LogKeys(made.origin("lecce"), (made.log_verifier("lecce"),), 4, None), LogKeys(made.origin("lecce"), (made.log_verifier("lecce", 2),), 9, None))},
        {"log": tuple(LogKeys(made.origin("lecce", 2000 + n), (made.log_verifier("lecce", 1, 2000 + n),), None, None) for n in range(64))},
    ],
)  # fmt: skip
def test_keys_may_be_several_while_they_change(changed: dict[str, Any]) -> None:
    """Up to four of a role; one log key may serve the logs of several years, each under its own name."""
    node = made.node("lecce", **changed)
    assert agreement.parse(made.unsigned(nodes=[node])).nodes == (node,)


TWO = made.node("lecce"), made.node("torino")
KEYED: dict[str, Callable[[Node, bytes], Node]] = {
    "http": lambda node, key: replace(node, http=(node.http[0], HttpKey(f"{node.authority}#http-2", key))),
    "log": lambda node, key: replace(node, log=(*node.log, LogKeys(made.origin(node.id, 2027), (keys.Verifier(made.origin(node.id, 2027), 1, key),), None, None))),
    "witness": lambda node, key: replace(node, witness=(*node.witness, replace(node.witness[0], public=key))),
    "mirror": lambda node, key: replace(node, mirror=(*node.mirror, replace(node.mirror[0], public=key))),
    "x25519": lambda node, key: replace(node, seal=SealKey(key, None)),
}  # fmt: skip
HELD = {
    "council": made.public("lecce"),
    "secretariat": made.public("s1"),
    **{f"{node.id} {role}": made.public(f"{node.id} {role} 1") for node in TWO for role in made.ROLES},
    "torino x25519": made.seal_of("torino").public.x25519,
}


@pytest.mark.parametrize(("role", "held"), list(itertools.product(KEYED, HELD)))
def test_a_key_stands_once_in_the_whole_agreement(role: str, held: str) -> None:
    """Of the council, the secretariat, another node or another role: one voice would count as two."""
    lecce = KEYED[role](TWO[0], HELD[held])
    if (role, held) == ("log", "lecce log"):
        assert agreement.parse(made.unsigned(nodes=[lecce, TWO[1]])).nodes[0] == lecce
        return
    # Half of all Ed25519 keys have a last bit that X25519 knows only as zero.
    unfit = role == "x25519" and HELD[held][31] & 0x80
    with pytest.raises(CallerError) as caught:
        made.unsigned(nodes=[lecce, TWO[1]])
    # Whoever is listed after the other has it twice.
    second = "torino" if held.startswith("torino") else "lecce"
    wanted = ("seal-key-low-order", "lecce: seal") if unfit else ("agreement-key-reused", second)
    assert (caught.value.code, caught.value.where) == wanted
    fresh = KEYED[role](TWO[0], made.public("fresh"))
    assert agreement.parse(made.unsigned(nodes=[fresh, TWO[1]])).nodes[0] == fresh


def test_seal_halves_and_signers_stand_once_too() -> None:
    """The second half of a seal key; a council key that is of the secretariat as well."""
    halves = made.seal_of("torino").public
    lecce = replace(TWO[0], seal=SealKey(made.seal_of("lecce").public.x25519, halves.mlkem768))
    assert mistake(lambda: made.unsigned(nodes=[lecce, TWO[1]])) == "agreement-key-reused"
    both = made.council(("s1", "s2", "bari"), 2)
    assert mistake(lambda: made.unsigned(secretariat=both)) == "agreement-key-reused"


def test_keys_for_which_anybody_can_sign_are_refused() -> None:
    """In every role of every kind."""
    for role, change in KEYED.items():
        code = mistake(lambda change=change: made.unsigned(nodes=[change(TWO[0], LOW_ORDER)]))
        assert code == ("seal-key-low-order" if role == "x25519" else "key-low-order")
    for role in ("root", "targets"):
        assert refusal(lambda role=role: agreement.parse(with_key(role, LOW_ORDER))) == "key-low-order"
    with pytest.raises(CallerError, match="key-low-order"):
        agreement.council_keyid(LOW_ORDER)
    with pytest.raises(CallerError, match="key-bad"):
        agreement.council_keyid(b"x")


def with_key(role: str, public: bytes, keyid: str = "", **other: Any) -> bytes:
    """An agreement with one more key in a role, which nobody checked."""
    value: dict[str, Any] = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public.hex()}, **other}
    found = keyid or hashlib.sha256(str(encode_canonical(value)).encode()).hexdigest()
    changed = copy.deepcopy(GOOD)
    changed["signed"]["keys"][found] = value
    for name in ("root", "snapshot", "timestamp") if role == "root" else ("targets",):
        changed["signed"]["roles"][name]["keyids"].append(found)
    return raw_of(changed)


def test_keys_have_tufs_own_id_and_no_other() -> None:
    """So one key has one id, and its holder one voice."""
    fresh = made.public("fresh")
    found = agreement.parse(with_key("root", fresh))
    assert found.council.keys[agreement.council_keyid(fresh)] == fresh
    assert agreement.parse(with_key("targets", fresh)).secretariat.keys.keys() > found.secretariat.keys.keys()
    for raw in (
        with_key("root", fresh, keyid="a" * 64),
        with_key("root", made.public("lecce"), keyid="a" * 64),
        with_key("root", fresh, keytype="rsa"),
        with_key("root", fresh, scheme="ecdsa"),
        with_key("root", fresh, keytype="ecdsa", scheme="ecdsa-sha2-nistp256"),
        # Under the id of the Ed25519 key that it says not to be.
        with_key("root", fresh, agreement.council_keyid(fresh), keytype="ecdsa", scheme="ecdsa-sha2-nistp256"),
        with_key("root", fresh, keyval={"public": fresh.hex().upper()}),
        with_key("root", fresh, keyval={"public": fresh.hex()[:62]}),
    ):
        with pytest.raises(PeerWrongError) as caught:
            agreement.parse(raw)
        assert caught.value.code == "agreement-malformed"
        # What python-tuf does not know as a key either, it refuses as a whole.
        assert caught.value.where in ("keys", "signed")


ROLES_AT = ("signed", "roles")
COUNCIL_IDS = GOOD["signed"]["roles"]["root"]["keyids"]
OFFICE_IDS = GOOD["signed"]["roles"]["targets"]["keyids"]


def with_roles(**roles: tuple[list[Any], Any]) -> bytes:
    """The agreement with other roles."""
    changed = copy.deepcopy(GOOD)
    for name, (keyids, threshold) in roles.items():
        changed["signed"]["roles"][name] = {"keyids": keyids, "threshold": threshold}
    return raw_of(changed)


def council_roles(keyids: list[Any], threshold: Any) -> dict[str, tuple[list[Any], Any]]:
    """The three roles that are the council's."""
    return dict.fromkeys(("root", "snapshot", "timestamp"), (keyids, threshold))


def test_roles_are_the_council_and_the_secretariat() -> None:
    """Snapshot and timestamp are the council's; thresholds can be met; every key has a role and no role an unknown key."""
    for threshold in (1, 3):
        assert agreement.parse(with_roles(**council_roles(COUNCIL_IDS, threshold))).council.threshold == threshold
        assert agreement.parse(with_roles(targets=(OFFICE_IDS, threshold))).secretariat.threshold == threshold
    refusals: list[tuple[dict[str, tuple[list[Any], Any]], str]] = [
        (council_roles(COUNCIL_IDS, 4), "root"),
        # Of these two python-tuf says no more.
        (council_roles(COUNCIL_IDS, 0), "signed"),
        (council_roles([*COUNCIL_IDS, COUNCIL_IDS[0]], 2), "signed"),
        (council_roles(COUNCIL_IDS[:2], 2), "keys"),
        (council_roles([*COUNCIL_IDS, "a" * 64], 2), "root"),
        (council_roles([*COUNCIL_IDS, None], 2), "root"),
        ({"root": (COUNCIL_IDS, 3)}, "snapshot"),
        ({"snapshot": (COUNCIL_IDS, 1)}, "snapshot"),
        ({"timestamp": (COUNCIL_IDS[:2], 2)}, "timestamp"),
        ({"targets": (OFFICE_IDS, 4)}, "targets"),
        ({"targets": ([], 2)}, "targets"),
    ]
    for roles, where in refusals:
        with pytest.raises(PeerWrongError) as caught:
            agreement.parse(with_roles(**roles))
        assert (caught.value.code, caught.value.where) == ("agreement-malformed", where), roles
    # Of several that are of both, the first by its id.
    with pytest.raises(PeerWrongError) as caught:
        agreement.parse(with_roles(targets=([*OFFICE_IDS, *COUNCIL_IDS[::-1]], 2)))
    assert (caught.value.code, caught.value.where) == ("agreement-key-reused", min(COUNCIL_IDS))


def test_a_federation_may_be_small_and_has_its_largest_size() -> None:
    """No secretariat, no nodes, one signatory; 32 signatories, and not 33; 1,000 nodes, and not 1,001."""
    small = agreement.parse(made.unsigned(council=made.council(("lecce",), 1), secretariat=Council({}, 1), nodes=[]))
    assert (len(small.council.keys), small.secretariat, small.nodes) == (1, Council({}, 1), ())
    assert mistake(lambda: made.unsigned(council=Council({}, 1))) == "agreement-malformed"
    many = [f"k{n}" for n in range(33)]
    full = agreement.parse(
        made.unsigned(council=made.council(many[:32], 17), secretariat=made.council([f"s{n}" for n in range(32)], 2))
    )
    assert len(full.council.keys) == len(full.secretariat.keys) == 32
    assert mistake(lambda: made.unsigned(council=made.council(many, 17))) == "agreement-malformed"
    assert (
        mistake(lambda: made.unsigned(secretariat=made.council([f"s{n}" for n in range(33)], 2)))
        == "agreement-malformed"
    )
    nodes = [made.node(f"n{n:04}", seal=None, witness=(), mirror=()) for n in range(1001)]
    assert len(agreement.parse(made.unsigned(nodes=nodes[1:])).nodes) == 1000
    assert mistake(lambda: made.unsigned(nodes=nodes)) == "agreement-malformed"


def test_nodes_stand_by_id_once_each() -> None:
    """Another order, or a node twice, is another document with the same meaning."""
    lecce, torino = map(agreement.node_json, TWO)
    for nodes in ([torino, lecce], [lecce, lecce], [lecce, torino, torino]):
        assert refusal(lambda nodes=nodes: agreement.parse(put((*X_RETE, "nodes"), nodes))) == "agreement-malformed"


def called(node_id: str, authority: str, **changed: Any) -> Node:
    """A node whose keys and logs are named after an authority."""
    origin = f"{authority}/federation/log/2026"
    return made.node(
        node_id,
        url=f"https://{authority}",
        http=(made.http_key(node_id, 1, authority),),
        log=(LogKeys(origin, (keys.Verifier(origin, keys.LOG_TYPE, made.public(f"{node_id} log 1")),), None, None),),
        witness=(),
        mirror=(),
        **changed,
    )


def test_an_authority_is_one_nodes() -> None:
    """Nobody lists a log or a cosigner, or answers, in another's name; who left keeps its names, and its address may be another's."""
    lecce = called("lecce", "lecce.example")
    torino = called("torino", "torino.example")
    moved = replace(torino, url="https://lecce.example", http=(made.http_key("torino", 1, "lecce.example"),))
    forged = replace(torino, witness=(keys.Verifier("lecce.example/witness", COSIGNATURE, made.public("a")),))
    relay = replace(torino, mirror=(keys.Verifier("lecce.example/mirror", COSIGNATURE, made.public("a")),))
    taken = replace(
        called("torino", "torino.example"),
        log=(
            LogKeys(
                made.origin("lecce", 2027),
                (replace(made.log_verifier("lecce", 9, 2027), public=made.public("a")),),
                None,
                None,
            ),
        ),
    )
    gone = replace(lecce, status=Status.LEFT)
    for before, other in [
        (lecce, called("torino", "lecce.example")),
        *itertools.product((lecce, gone), (moved, forged, relay, taken)),
    ]:
        with pytest.raises(CallerError) as caught:
            made.unsigned(nodes=[before, other])
        assert (caught.value.code, caught.value.where) == ("agreement-malformed", "torino: url")
    # It answered elsewhere at the end, where nothing is named after it.
    away = replace(gone, url="https://old.example", http=(made.http_key("lecce", 1, "old.example"),))
    heir = replace(torino, url="https://old.example", http=(made.http_key("torino", 1, "old.example"),))
    assert len(agreement.parse(made.unsigned(nodes=[away, heir])).nodes) == 2
    assert mistake(lambda: made.unsigned(nodes=[replace(away, status=Status.SUSPENDED), heir])) == "agreement-malformed"


@pytest.mark.parametrize(
    "signatures",
    [
        [{"keyid": "a" * 64, "sig": "0" * 126}],
        [{"keyid": "a" * 64, "sig": "0" * 130}],
        [{"keyid": "a" * 64, "sig": "A" * 128}],
        [{"keyid": "a" * 63, "sig": "0" * 128}],
        [{"keyid": "A" * 64, "sig": "0" * 128}],
        [{"keyid": "a" * 64, "sig": "0" * 128}, {"keyid": "a" * 64, "sig": "1" * 128}],
        [{"keyid": f"{n:064x}", "sig": "0" * 128} for n in range(129)],
        {"a" * 64: "0" * 128},
    ],
)
def test_signatures_have_their_form(signatures: Any) -> None:
    """Of one key one; of strangers up to the limit, and they count nothing."""
    raw = put(("signatures",), signatures)
    with pytest.raises(PeerWrongError) as caught:
        agreement.parse(raw)
    assert (caught.value.code, caught.value.where) == ("agreement-malformed", "signatures")
    if isinstance(signatures, list):
        more = [(item["keyid"], item["sig"]) for item in signatures]
        if len({keyid for keyid, _ in more}) == len(more):
            assert refusal(lambda: agreement.with_signatures(made.unsigned(), more)) == "agreement-malformed"
    strangers = put(("signatures",), [{"keyid": f"{n:064x}", "sig": "0" * 128} for n in range(128)])
    assert len(agreement.parse(strangers).signatures) == 128
    assert not agreement.signers(agreement.parse(strangers), agreement.parse(strangers).council)


def test_signatures_are_added_by_anybody_in_any_order() -> None:
    """One after the other, or all at once: the same bytes, by key id; the one that is added replaces the one of the same key."""
    raw = made.unsigned()
    pairs = [agreement.sign(raw, made.private(name)) for name in made.THREE]
    at_once = agreement.with_signatures(raw, pairs)
    one_by_one = raw
    for pair in reversed(pairs):
        one_by_one = agreement.with_signatures(one_by_one, [pair])
    assert at_once == one_by_one == made.root()
    keyids = [item["keyid"] for item in json.loads(at_once)["signatures"]]
    assert keyids == sorted(keyids)
    bad = agreement.with_signatures(raw, [(pairs[0][0], "0" * 128)])
    assert agreement.with_signatures(bad, pairs) == at_once
    assert agreement.parse(at_once).signed == agreement.parse(raw).signed


def test_who_signed_is_told_by_good_signatures_alone() -> None:
    """A signature over other bytes, or by a stranger, is none."""
    draft = agreement.parse(made.root(by=("lecce", "bari", "s1", "stranger")))
    ids = {name: agreement.council_keyid(made.public(name)) for name in ("lecce", "torino", "bari", "s1")}
    assert agreement.signers(draft, draft.council) == {ids["lecce"], ids["bari"]}
    assert agreement.signers(draft, draft.secretariat) == {ids["s1"]}
    other = agreement.sign(made.unsigned(2), made.private("torino"))
    mixed = agreement.parse(agreement.with_signatures(draft.raw, [other]))
    assert other[0] in mixed.signatures
    assert agreement.signers(mixed, mixed.council) == {ids["lecce"], ids["bari"]}


def test_nothing_is_signed_that_nobody_would_read() -> None:
    """A document of neither kind, or of none."""
    for raw in (
        b"",
        b"{}",
        b"[]",
        put(("signed",), []),
        put(("signed", "_type"), "snapshot"),
        put(("signed", "keys"), None),
        put(("signed", "roles"), {"root": 1}),
    ):
        assert refusal(lambda raw=raw: agreement.sign(raw, made.private("lecce"))) == "agreement-malformed"
    for raw, where in ((b"", "JSON"), (b"{}", "signed"), (b"[]", "signed")):
        for call in (
            lambda raw=raw: agreement.with_signatures(raw, []),
            lambda raw=raw: agreement.sign(raw, made.private("lecce")),
        ):
            with pytest.raises(PeerWrongError) as caught:
                call()
            assert (caught.value.code, caught.value.where) == ("agreement-malformed", where)


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("signed", "keys"), None, "keys"), (("signed", "keys"), {"a": 1}, "keys"), (("signed", "keys", "a"), {}, "signed"), (("signed", "roles"), [], "roles"),
        (("signed", "roles", "root"), 1, "roles"), (("signed", "roles", "root"), {}, "signed"),
    ],
)  # fmt: skip
def test_a_refusal_tells_what_could_not_be_taken_apart(path: tuple[Any, ...], value: Any, where: str) -> None:
    """Keys or roles that are no objects, by their name; what is no key or role inside, python-tuf refuses as a whole."""
    with pytest.raises(PeerWrongError) as caught:
        agreement.parse(put(path, value))
    assert (caught.value.code, caught.value.where) == ("agreement-malformed", where)


def test_what_signatures_would_make_too_large_is_refused() -> None:
    """Better the signer hears of it than all others; what fits on one line only stays on it, and so collects signatures up to the limit."""
    signature = ("0" * 64, "0" * 128)

    def of(size: int) -> bytes:
        raw = json.dumps({"signatures": [], "signed": ["x" * 100] * 40_000}, separators=(",", ":")).encode()
        return raw.replace(b"x", b"y" * (1 + size - len(raw)), 1)

    # One signature is 213 bytes.
    fits = of(4 * 2**20 - 213)
    assert len(metadata.encode(json.loads(fits)).splitlines()) == 1
    assert len(agreement.with_signatures(fits, [signature])) == 4 * 2**20
    assert refusal(lambda: agreement.with_signatures(of(4 * 2**20 - 212), [signature])) == "agreement-too-large"


def test_signatures_leave_the_spelling_as_it_is() -> None:
    """On one line, or for people to read: what was small enough to be sent does not grow by being signed."""
    assert agreement.with_signatures(b'{"signatures":[],"signed":1}', []) == b'{"signatures":[],"signed":1}'
    spelled = b'{\n "signatures": [],\n "signed": 1\n}\n'
    assert agreement.with_signatures(spelled, []) == spelled


def test_our_own_mistakes_are_told_to_us() -> None:
    """Building with values that no reader takes is the caller's mistake, with the reader's code and place."""
    with pytest.raises(CallerError) as caught:
        made.unsigned(nodes=[made.node("lecce", territory=())])
    assert (caught.value.code, caught.value.where) == ("agreement-malformed", "lecce: territory")
    assert mistake(lambda: made.unsigned(0)) == "agreement-malformed"
    assert mistake(lambda: made.unsigned(terms=Terms(("profile/1",), 1, 4, 1, 1))) == "agreement-malformed"


def test_the_schema_says_what_the_parser_does() -> None:
    """schemas/agreement.v1.json takes our documents; keys too many, and values out of their bounds, it refuses."""
    validator = jsonschema_rs.validator_for(
        json.loads(schemas.folder().joinpath("agreement.v1.json").read_text(encoding="utf-8"))
    )
    for raw in (RAW, made.root(), made.unsigned(nodes=[])):
        assert validator.is_valid(json.loads(raw))
    for path in OBJECTS:
        changed = copy.deepcopy(GOOD)
        at(changed, path)["zz"] = 1
        assert not validator.is_valid(changed), path
    for path, odd in (
        (("signed", "version"), 0), (("signed", "expires"), "2028"), ((*X_RETE, "terms", "k_min"), 4), ((*LECCE, "id"), "1"),
        ((*LECCE, "url"), "http://lecce.example"), ((*LECCE, "status"), "gone"), (("signed", "consistent_snapshot"), False),
    ):  # fmt: skip
        assert not validator.is_valid(json.loads(put(path, odd))), path


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


def survives(call: Callable[[], object]) -> bool:
    """Run what may be refused as a peer's mistake, and in no other way."""
    try:
        call()
    except PeerWrongError as error:
        return bool(str(error))
    return True


@pytest.mark.many
@given(path=st.sampled_from(PLACES[1:]), value=json_values)
def test_whatever_stands_anywhere_nothing_worse_than_a_refusal_happens(path: tuple[Any, ...], value: Any) -> None:
    """Never another exception, of python-tuf or of anybody."""
    raw = put(path, value)
    for call in (
        agreement.parse,
        agreement.first,
        lambda raw: agreement.sign(raw, made.private("lecce")),
        lambda raw: agreement.with_signatures(raw, []),
    ):
        assert survives(lambda call=call: call(raw))


@given(path=st.sampled_from(OBJECTS), key=st.text(max_size=8), value=json_values, gone=st.booleans())
def test_whatever_key_comes_or_goes_nothing_worse_than_a_refusal_happens(
    path: tuple[Any, ...], key: str, value: Any, gone: bool
) -> None:
    """In any object of the document."""
    changed = copy.deepcopy(GOOD)
    found = at(changed, path)
    if gone:
        found.pop(next(iter(found)))
    found[key] = value
    assert survives(lambda: agreement.parse(raw_of(changed)))


@given(value=json_values)
def test_any_json_is_refused_and_nothing_worse(value: Any) -> None:
    """As a document, and as an entry."""
    assert refusal(lambda: agreement.parse(raw_of(value))) == "agreement-malformed"
    assert refusal(lambda: agreement.node_of(value)) == "agreement-malformed"


@given(start=st.integers(0, len(RAW) - 1), raw=st.binary(max_size=40), length=st.integers(0, 40))
def test_any_bytes_are_refused_and_nothing_worse(start: int, raw: bytes, length: int) -> None:
    """Alone, and written over a good document."""
    assert survives(lambda: agreement.parse(raw))
    assert survives(lambda: agreement.first(RAW[:start] + raw + RAW[start + length :]))
