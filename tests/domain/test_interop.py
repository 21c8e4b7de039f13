"""The rules that another administration's token is held to: each by itself, on both of its sides."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import pytest

from node.domain import interop
from node.domain.interop import Consumer, Rules, Trust
from node.errors import CallerError

NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.UTC)
AT = int(NOW.timestamp())
RULES = Rules("https://node.example.it/api/v1", 300, 30)
TRUST = Trust("regione", "https://regione.example.it", frozenset({"osservatorio"}))
GOOD = {
    "iss": TRUST.issuer,
    "sub": "osservatorio",
    "aud": RULES.audience,
    "iat": AT,
    "nbf": AT,
    "exp": AT + 60,
    "jti": "x",
}
PURPOSE = "1b361d49-33f4-4f1e-a88b-4e12661f2300"
CLIENT = "9b361d49-33f4-4f1e-a88b-4e12661f2309"
VOUCHER = {**GOOD, "iss": "interop.pagopa.it", "sub": CLIENT, "client_id": CLIENT, "purposeId": PURPOSE}


def token(header: Any) -> str:
    """A token with this header, and nothing good in it."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return f"{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}.e30.AA"


def why(caught: pytest.ExceptionInfo[CallerError]) -> str:
    """The code, and the word for the log where there is one."""
    word = caught.value.facts.get("why", "")
    return f"{caught.value.code.removeprefix('interop-')}{f'/{word}' if word else ''}"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"alg": "none", "typ": "JWT"}, "algorithm"),
        ({"alg": "HS256", "typ": "JWT", "kid": "k"}, "algorithm"),
        ({"alg": ["RS256"], "typ": "JWT", "kid": "k"}, "algorithm"),
        ({"alg": "PS256", "typ": "JWT", "kid": "k"}, "algorithm"),
        ({"typ": "JWT"}, "algorithm"),
        ({"alg": "RS256", "kid": "k"}, "type"),
        ({"alg": "RS256", "typ": "dpop+jwt", "kid": "k"}, "type"),
        ({"alg": "RS256", "typ": "JWT", "kid": "k", "crit": ["exp"]}, "critical"),
        ({"alg": "RS256", "typ": "JWT", "kid": "k", "b64": False}, "critical"),
        ({"alg": "RS256", "typ": "JWT", "kid": 7}, "key-name"),
        ({"alg": "RS256", "typ": "JWT", "kid": "k" * 301}, "key-name"),
        (["RS256"], "malformed"),
        (b"[" * 4_000, "malformed"),
        (b"\xff", "malformed"),
        ({"alg": "RS256", "typ": "JWT", "kid": "k", "x": "a" * 7_000}, "too-long"),
    ],
)
def test_a_header_that_is_not_of_ours_is_refused_before_any_key_is_looked_for(header: Any, expected: str) -> None:
    """Algorithms and types are a short list; what must be understood is not; and all that is said outside is one code."""
    with pytest.raises(CallerError) as caught:
        interop.read_head(token(header), ("RS256", "ES256", "HS256"))
    assert why(caught) == f"token-refused/{expected}"
    assert expected not in "".join(caught.value.render())


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "a.b.", "à.b.c", "a b.c.d"])
def test_what_is_no_token_at_all_is_refused(text: str) -> None:
    """Three parts of base64url, nothing else."""
    with pytest.raises(CallerError) as caught:
        interop.read_head(text, interop.ALGORITHMS)
    assert why(caught) == "token-refused/malformed"


def test_a_good_header_chooses_a_key_by_kid_or_by_certificate_and_names_no_place() -> None:
    """Type and algorithm as the guidelines write them; jku, x5u and jwk are not even kept."""
    said = {"alg": "RS256", "typ": "jwt", "kid": "k", "jku": "https://evil.example", "jwk": {"kty": "oct"}}
    head = interop.read_head(token(said), interop.ALGORITHMS)
    assert head == interop.Head("RS256", interop.SIGNED, "k", "")
    chained = interop.read_head(
        token({"alg": "ES256", "typ": "application/at+jwt", "x5c": ["AAAA"]}), interop.ALGORITHMS
    )
    assert (chained.kind, chained.kid, len(chained.thumbprint)) == (interop.VOUCHER, "", 43)
    assert interop.thumbprint_of("AAAA") == chained.thumbprint
    assert interop.thumbprint_of("not base64!") == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"iss": "https://other.example.it"}, "token-refused/issuer"),
        ({"aud": "https://other.example.it"}, "token-refused/audience"),
        ({"aud": [f"{RULES.audience}/"]}, "token-refused/audience"),
        ({"aud": None}, "token-refused/audience"),
        ({"exp": AT - 30}, "token-expired"),
        ({"iat": AT - 330, "nbf": None}, "token-expired"),
        ({"nbf": AT + 31}, "token-expired"),
        ({"iat": AT + 31}, "token-expired"),
        ({"exp": None}, "token-refused/times"),
        ({"iat": None}, "token-refused/times"),
        ({"exp": "soon"}, "token-refused/times"),
        ({"exp": True}, "token-refused/times"),
        ({"exp": float("inf")}, "token-refused/times"),
        ({"exp": 10**30}, "token-refused/times"),
        ({"jti": None}, "token-refused/jti"),
        ({"jti": ""}, "token-refused/jti"),
        ({"jti": "a\x00"}, "token-refused/jti"),
        ({"sub": "altro"}, "forbidden"),
        ({"sub": None}, "forbidden"),
    ],
)
def test_a_claim_that_is_not_as_it_must_be_refuses_the_token(changes: dict[str, Any], expected: str) -> None:
    """For whom, from whom, when, once."""
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    with pytest.raises(CallerError) as caught:
        interop.accept(claims, TRUST, RULES, NOW)
    assert why(caught) == expected


@pytest.mark.parametrize(
    ("changes", "until"),
    [
        ({}, 90),
        ({"aud": ["https://other.example.it", RULES.audience]}, 90),
        ({"exp": AT - 29}, 1),
        ({"iat": AT - 329, "exp": AT + 10**9}, 1),
        ({"nbf": AT + 30, "iat": AT + 30}, 90),
        # However long it says that it lasts, it is remembered for the window.
        ({"exp": AT + 600_000}, 330),
    ],
)
def test_a_good_token_is_accepted_until_it_can_not_count_any_more(changes: dict[str, Any], until: int) -> None:
    """Clocks may differ by the skew; the window bounds how long its jti has to be remembered."""
    accepted = interop.accept({**GOOD, **changes}, TRUST, RULES, NOW)
    assert accepted == interop.Accepted(Consumer("regione", TRUST.issuer), "x", NOW + dt.timedelta(seconds=until))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"iss": "evil.example.it"}, "token-refused/issuer"),
        ({"aud": "https://eservice.example.it"}, "token-refused/audience"),
        ({"exp": AT - 31}, "token-expired"),
        ({"purposeId": None}, "token-refused/voucher"),
        ({"client_id": "a b\n"}, "token-refused/voucher"),
        ({"jti": None}, "token-refused/voucher"),
        ({"purposeId": "1b361d49-33f4-4f1e-a88b-000000000000"}, "forbidden"),
    ],
)
def test_a_voucher_is_held_to_what_its_producer_checks(changes: dict[str, Any], expected: str) -> None:
    """Issuer, audience, times, client and purpose; one that is good counts for its whole life, again and again."""
    good = interop.accept_voucher(VOUCHER, "interop.pagopa.it", [PURPOSE], RULES, NOW)
    assert good.consumer == Consumer(f"pdnd:{CLIENT}", CLIENT, PURPOSE)
    assert good.jti == ""
    assert (
        interop.accept_voucher({**VOUCHER, "iat": AT - 900}, "interop.pagopa.it", [], RULES, NOW).consumer.purpose
        == PURPOSE
    )
    claims = {name: value for name, value in {**VOUCHER, **changes}.items() if value is not None}
    with pytest.raises(CallerError) as caught:
        interop.accept_voucher(claims, "interop.pagopa.it", [PURPOSE], RULES, NOW)
    assert why(caught) == expected


BODY = b'{"a": 1}'
DIGEST = interop.digest_of(BODY)
SENT = [("Digest", DIGEST), ("Content-Type", "application/json"), ("Accept", "*/*")]
SIGNED = [{"digest": DIGEST}, {"content-type": "application/json"}]


@pytest.mark.parametrize(
    ("signed", "headers", "body", "expected"),
    [
        (SIGNED, SENT, BODY, ""),
        ([{"Digest": DIGEST}, {"Content-Type": "application/json"}, {"accept": "*/*"}], SENT, BODY, ""),
        (SIGNED, SENT, b'{"a": 2}', "digest"),
        ([SIGNED[1]], SENT, BODY, "header-unsigned"),
        ([SIGNED[0]], SENT, BODY, "header-unsigned"),
        (SIGNED, [*SENT, ("Content-Encoding", "gzip")], BODY, "header-unsigned"),
        ([SIGNED[1]], SENT[1:], BODY, "header-unsigned"),
        (SIGNED, SENT[1:], BODY, "signed-header"),
        (SIGNED, [*SENT, ("digest", DIGEST)], BODY, "signed-header"),
        ([*SIGNED, {"x-more": "1"}], SENT, BODY, "signed-header"),
        ([{"digest": interop.digest_of(b"other")}, SIGNED[1]], SENT, BODY, "signed-header"),
        ([*SIGNED, {"DIGEST": DIGEST}], SENT, BODY, "signed-headers"),
        ([{"digest": DIGEST, "content-type": "application/json"}], SENT, BODY, "signed-headers"),
        ([{"digest": 1}], SENT, BODY, "signed-headers"),
        ([], SENT, BODY, "signed-headers"),
        (None, SENT, BODY, "signed-headers"),
        ("digest", SENT, BODY, "signed-headers"),
        ([{f"x-{n}": "1"} for n in range(17)], SENT, BODY, "signed-headers"),
        ([{"accept": "*/*"}], SENT[2:], b"", ""),
    ],
)
def test_what_is_signed_is_so_and_all_that_counts_is_signed(
    signed: Any, headers: list[tuple[str, str]], body: bytes, expected: str
) -> None:
    """INTEGRITY_REST_01: digest, content-type and content-encoding where they are there, each once, each as it was sent."""
    if not expected:
        interop.check_integrity({"signed_headers": signed}, headers, body)
        return
    with pytest.raises(CallerError) as caught:
        interop.check_integrity({"signed_headers": signed}, headers, body)
    assert why(caught) == f"integrity-refused/{expected}"


@pytest.mark.parametrize(
    ("digest", "is_good"),
    [
        (DIGEST, True),
        (DIGEST.replace("SHA-256", "sha-256"), True),
        (f"unixsum=30637, {DIGEST}", True),
        ("unixsum=30637", False),
        (DIGEST.rstrip("="), False),
        (f"{DIGEST}, SHA-512=AAAA", False),
        ("SHA-256=è", False),
    ],
)
def test_a_digest_counts_by_the_algorithms_that_we_know(digest: str, is_good: bool) -> None:
    """All of those must fit, and one must be there (RFC 3230)."""
    claims, headers = {"signed_headers": [{"digest": digest}]}, [("Digest", digest)]
    if is_good:
        interop.check_integrity(claims, headers, BODY)
    else:
        with pytest.raises(CallerError) as caught:
            interop.check_integrity(claims, headers, BODY)
        assert why(caught) == "integrity-refused/digest"


@pytest.mark.parametrize("payload", [b"", b"[]", b"\xff", b"[" * 6_000])
def test_claims_are_an_object_or_nothing(payload: bytes) -> None:
    """Also under a good signature."""
    with pytest.raises(CallerError) as caught:
        interop.read_claims(payload)
    assert why(caught) == "token-refused/malformed"
