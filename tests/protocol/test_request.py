"""Signed requests: RFC 9421 as a second implementation would write it, and each way to get it wrong."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import CallerError
from node.protocol import request

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()
AUTHORITY, PATH, QUERY, BODY = "lecce.example.it", "/federation/log/2026/bodies", "", b'{"i":[0]}'
KEYID = "torino.example.it#http-1"
NOW = 1_800_000_000
NONCE = base64.b64encode(bytes(16)).decode()


def verify(headers: dict[str, str], **changes: object) -> request.VerifiedRequest:
    """Verify a request to this node, with some parts changed."""
    parts: dict[str, object] = {
        "method": "POST",
        "configured_authority": AUTHORITY,
        "path": PATH,
        "query": QUERY,
        "headers": headers,
        "body": BODY,
        "resolve_key": {KEYID: PUBLIC}.get,
        "now": NOW,
    }
    return request.verify(**{**parts, **changes})  # type: ignore[arg-type]


def by_hand(
    *,
    covered: tuple[str, ...] = ("@method", "@authority", "@path", "@query", "content-digest"),
    created: int = NOW,
    expires: int = NOW + 60,
    nonce: str = NONCE,
    tag: str = "rete-sync-1",
    alg: str = ';alg="ed25519"',
    label: str = "sig1",
    digest: str = "",
    without: str = "",
) -> dict[str, str]:
    """A request signed by following RFC 9421 section 2.5 word by word, without the library and one parameter."""
    digest = digest or f"sha-256=:{base64.b64encode(hashlib.sha256(BODY).digest()).decode()}:"
    values = {"@method": "POST", "@authority": AUTHORITY, "@path": PATH, "@query": "?", "content-digest": digest}
    listed = " ".join(f'"{name}"' for name in covered)
    parameters = f'({listed});created={created};expires={expires};nonce="{nonce}";keyid="{KEYID}"{alg};tag="{tag}"'
    parameters = re.sub(rf';{without}=("[^"]*"|[0-9]+)', "", parameters) if without else parameters
    base = "".join(f'"{name}": {values[name]}\n' for name in covered) + f'"@signature-params": {parameters}'
    signature = base64.b64encode(PRIVATE.sign(base.encode())).decode()
    return {
        "Content-Digest": digest,
        "Signature-Input": f"{label}={parameters}",
        "Signature": f"{label}=:{signature}:",
    }


def ours(**changes: object) -> dict[str, str]:
    """A request signed by the product."""
    parts: dict[str, object] = {
        "method": "POST",
        "authority": AUTHORITY,
        "path": PATH,
        "query": QUERY,
        "body": BODY,
        "keyid": KEYID,
        "private_key": PRIVATE,
        "now": NOW,
        "nonce": bytes(16),
    }
    return request.sign(**{**parts, **changes})  # type: ignore[arg-type]


def refusal(headers: dict[str, str], **changes: object) -> str:
    """The code with which a request is refused."""
    with pytest.raises(CallerError) as caught:
        verify(headers, **changes)
    assert caught.value.what
    return caught.value.code


def test_both_ways_of_signing_are_understood() -> None:
    """Our own signatures and ones made by hand from the RFC verify to the same facts."""
    wanted = request.VerifiedRequest(KEYID, NONCE, NOW, NOW + 60)
    assert verify(ours()) == wanted
    assert verify(by_hand()) == wanted


def test_a_request_without_body_needs_no_digest() -> None:
    """GET requests are signed over method, authority, path and query."""
    headers = ours(method="GET", body=None, query="after=3")
    assert "Content-Digest" not in headers
    assert verify(headers, method="GET", body=None, query="after=3").keyid == KEYID
    assert refusal(headers, method="GET", body=None, query="after=4") == "signature-bad"


def test_a_proxy_may_change_case_and_order_of_headers() -> None:
    """Header names are compared without case, and others do not matter."""
    assert verify({"X-Other": "1", **{name.upper(): value for name, value in ours().items()}})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"path": "/other"}, "signature-bad"),
        ({"method": "PUT"}, "signature-bad"),
        ({"query": "a=1"}, "signature-bad"),
        ({"configured_authority": "other.example.it"}, "signature-bad"),
        ({"body": b"{}"}, "digest-mismatch"),
        ({"resolve_key": {}.get}, "signature-unknown-key"),
        ({"resolve_key": {KEYID: bytes(range(32))}.get}, "signature-bad"),
        ({"now": NOW - 61}, "clock-skew"),
        ({"now": NOW + 121}, "signature-expired"),
        ({"now": NOW + 1000}, "clock-skew"),
    ],
)
def test_a_request_counts_for_its_own_time_place_and_content(changes: dict[str, object], code: str) -> None:
    """Whatever else it is used for, it is refused by name."""
    assert refusal(by_hand(), **changes) == code


def test_skew_and_lifetime_have_edges() -> None:
    """60 seconds of skew on either side are allowed, a second more is not; no signature lives over 60 seconds."""
    assert verify(by_hand(), now=NOW - 60)
    assert verify(by_hand(), now=NOW + 120)
    assert refusal(by_hand(expires=NOW + 61)) == "signature-lifetime"
    assert refusal(by_hand(expires=NOW)) == "signature-lifetime"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "signature-missing"),
        ({"Content-Digest": by_hand()["Content-Digest"], "Signature": "x"}, "signature-missing"),
        (by_hand(covered=("@method", "@authority", "@path", "content-digest")), "signature-wrong-components"),
        (by_hand(covered=("@method", "@authority", "@path", "@query")), "signature-wrong-components"),
        (by_hand(tag="other"), "signature-bad"),
        (by_hand(label="sig2"), "signature-bad"),
        (by_hand(alg=""), "signature-malformed"),
        (by_hand(nonce="AAAA"), "signature-malformed"),
        (by_hand(nonce="no base64"), "signature-malformed"),
        ({**by_hand(), "Signature": "sig1=:AAAA:"}, "signature-bad"),
        ({**by_hand(), "Signature-Input": "sig1=((("}, "signature-bad"),
        (
            {**by_hand(), "Signature-Input": by_hand()["Signature-Input"].replace(f"created={NOW};", "")},
            "signature-bad",
        ),
    ],
)
def test_loose_signatures_are_refused(headers: dict[str, str], code: str) -> None:
    """Missing parts, other labels or tags, and nonsense are refused by name, never an error of ours."""
    assert refusal({"Content-Digest": by_hand()["Content-Digest"], **headers}) == code


@pytest.mark.parametrize("missing", ["created", "expires", "nonce", "alg"])
def test_each_parameter_is_needed_whatever_the_others(missing: str) -> None:
    """One that is not there is told as such, and is never a TypeError (PROTOCOL 4)."""
    assert refusal(by_hand(without=missing)) == "signature-malformed"


def test_a_nonce_has_no_signs_beside_its_own() -> None:
    """A decoder that passes over other signs would make many nonces of one."""
    for nonce in (NONCE[:4] + "!" + NONCE[4:], NONCE[:4] + " " + NONCE[4:], NONCE[:-4], ""):
        assert refusal(by_hand(nonce=nonce)) == "signature-malformed"


def test_a_field_that_comes_twice_is_one_list() -> None:
    """Another's signature beside ours, in a field of its own, takes nothing away (RFC 9110 5.3)."""
    headers = by_hand()
    other = {
        "signature-input": 'other=("@method");created=1;keyid="x"',
        "signature": f"other=:{base64.b64encode(bytes(64)).decode()}:",
    }
    assert verify({**headers, **other}).keyid == KEYID
    assert verify({**other, **headers}).keyid == KEYID


def test_clocks_are_told_by_how_much() -> None:
    """The seconds stand in the refusal; a signature later than any nonce is kept is a clock that is wrong."""

    def told(created: int) -> tuple[str, object]:
        with pytest.raises(CallerError) as caught:
            verify(by_hand(created=created, expires=created + 60))
        return caught.value.code, caught.value.facts["seconds"]

    assert verify(by_hand(created=NOW + 60, expires=NOW + 120)).created == NOW + 60
    assert told(NOW + 61) == ("clock-skew", 61)
    assert verify(by_hand(created=NOW - 120, expires=NOW - 60)).created == NOW - 120
    assert told(NOW - 121) == ("signature-expired", 61)
    assert told(NOW - 360) == ("signature-expired", 300)
    assert told(NOW - 361) == ("clock-skew", 301)
    with pytest.raises(CallerError) as caught:
        verify({})
    assert (caught.value.code, caught.value.facts["seconds"]) == ("signature-missing", 0)
