"""Who asks of this node by a signed token: the rules that a token of another administration is held to.

In: the header and claims of a token, headers and body of the request that brought it, the time, what this node trusts. Out: who asks, or
a refusal. Pure: the signature itself is checked in flows/people/consumers.py, always by a key of a local file, whatever the token names.
Codes: ``interop-token-refused`` says nothing more to whoever holds no key of ours (``why`` is for the log); what is wrong with a token
whose signature is good is told by a code of its own, since only its owner can see it.
Sources: AgID, "Linee guida sull'interoperabilità tecnica delle Pubbliche Amministrazioni", patterns ID_AUTH_REST_01/02 and
INTEGRITY_REST_01; PDND, "Verifiche di un voucher Bearer da parte di un erogatore"; RFC 7519, RFC 8725, RFC 9068, RFC 3230.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from node.errors import N_, CallerError

# Those of the guidelines and of PDND; never "none", never a shared secret.
ALGORITHMS: Final = ("RS256", "ES256", "PS256")
SIGNED, VOUCHER = "JWT", "at+jwt"
TOKEN_MAX_CHARS: Final = 7_000
TEXT_MAX_CHARS: Final = 300
SIGNED_HEADERS_MAX: Final = 16
# What an answer or a request with a body must have among its signed headers where it has them at all.
COVERED: Final = ("digest", "content-type", "content-encoding")
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# A client or a purpose of PDND: both are UUIDs.
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_HASHES: Final = {"sha-256": "sha256", "sha-512": "sha512"}
# The years that a moment may lie in; beyond them dates can't be computed.
_LAST_S: Final = 253_370_764_800


@dataclass(frozen=True, slots=True)
class Head:
    """The header of a token, as far as it decides anything: what else it says (jku, x5u, jwk) is not read.

    ``kid`` and ``thumbprint`` (of a certificate, base64url) only choose among our own keys; either may be empty.
    """

    algorithm: str
    kind: str
    kid: str
    thumbprint: str


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose keys a file holds: ``name`` is ours for them, ``subjects`` empty admits any."""

    name: str
    issuer: str
    subjects: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rules:
    """What every token must fit: for whom it is, and for how many seconds after it was made it counts."""

    audience: str
    window_s: int
    skew_s: int


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who asks: ``name`` for limits and logs, ``party`` as which it signs and to which answers are addressed, ``purpose`` of a voucher."""

    name: str
    party: str
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A token that counts; ``jti`` is the caller's to remember until ``until``, empty for a voucher, which is shown many times."""

    consumer: Consumer
    jti: str
    until: dt.datetime


def refused(why: str) -> CallerError:
    """Return the refusal that tells whoever made a token nothing; ``why`` is a constant word for the log."""
    return CallerError(
        "interop-token-refused",
        N_("il token non è valido per questo servizio"),
        hint=N_("chi amministra il nodo trova il motivo nel registro (docs/interoperability.md)"),
        why=why,
    )


def _decoded(part: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError) as error:
        raise refused("malformed") from error


def read_head(token: str, algorithms: Sequence[str]) -> Head:
    """Return the header of a compact JWS. Raises: CallerError(interop-token-refused)."""
    if len(token) > TOKEN_MAX_CHARS:
        raise refused("too-long")
    if not _COMPACT.fullmatch(token):
        raise refused("malformed")
    header = _decoded(token.partition(".")[0])
    if not isinstance(header, dict):
        raise refused("malformed")
    if "crit" in header or "b64" in header:
        # What must be understood here is understood already: nothing is.
        raise refused("critical")
    algorithm, kind = header.get("alg"), header.get("typ")
    if algorithm not in algorithms or algorithm not in ALGORITHMS:
        raise refused("algorithm")
    # RFC 7515 4.1.9: a media type, whose "application/" is left out, in any case.
    named = kind.lower().removeprefix("application/") if isinstance(kind, str) else ""
    known = {SIGNED.lower(): SIGNED, VOUCHER: VOUCHER}
    if named not in known:
        raise refused("type")
    kid, thumbprint = header.get("kid", ""), header.get("x5t#S256", "")
    chain = header.get("x5c")
    if not thumbprint and isinstance(chain, list) and chain and isinstance(chain[0], str):
        thumbprint = thumbprint_of(chain[0])
    if not _is_text(kid, empty=True) or not _is_text(thumbprint, empty=True):
        raise refused("key-name")
    return Head(algorithm, known[named], kid, thumbprint)


def thumbprint_of(certificate: str) -> str:
    """Return ``x5t#S256`` of a certificate as ``x5c`` carries it (base64 of DER), empty for what is none (RFC 7515 4.1.8)."""
    try:
        der = base64.b64decode(certificate, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


def read_claims(payload: bytes) -> Mapping[str, Any]:
    """Return the claims of a token whose signature is good. Raises: CallerError(interop-token-refused)."""
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise refused("malformed") from error
    if not isinstance(claims, dict):
        raise refused("malformed")
    return claims


def accept(claims: Mapping[str, Any], trust: Trust, rules: Rules, now: dt.datetime) -> Accepted:
    """Hold a token signed by a consumer itself to ID_AUTH_REST_02.

    Raises: CallerError(interop-token-refused | interop-token-expired | interop-forbidden).
    """
    if claims.get("iss") != trust.issuer:
        raise refused("issuer")
    _check_audience(claims, rules)
    until = _last_moment(claims, rules, now, rules.window_s)
    jti = claims.get("jti")
    if not _is_text(jti):
        raise refused("jti")
    if trust.subjects and claims.get("sub") not in trust.subjects:
        raise forbidden()
    return Accepted(Consumer(trust.name, trust.issuer), jti, until)


def accept_voucher(
    claims: Mapping[str, Any], issuer: str, purposes: Sequence[str], rules: Rules, now: dt.datetime
) -> Accepted:
    """Hold a voucher of PDND to what its producer checks; ``purposes`` empty admits any.

    Raises: CallerError(interop-token-refused | interop-token-expired | interop-forbidden).
    """
    if claims.get("iss") != issuer:
        raise refused("issuer")
    _check_audience(claims, rules)
    # It lives as long as PDND says: it is shown with each request until it ends.
    until = _last_moment(claims, rules, now, None)
    client, purpose, jti = claims.get("client_id"), claims.get("purposeId"), claims.get("jti")
    if not _is_text(jti) or not _is_identifier(client) or not _is_identifier(purpose):
        raise refused("voucher")
    if purposes and purpose not in purposes:
        raise forbidden()
    return Accepted(Consumer(f"pdnd:{client}", client, purpose), "", until)


def forbidden() -> CallerError:
    """Return the refusal of somebody whom we know and who may not."""
    return CallerError(
        "interop-forbidden", N_("questo nodo non ammette il soggetto o la finalità del token a questo servizio")
    )


def _check_audience(claims: Mapping[str, Any], rules: Rules) -> None:
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    if rules.audience not in named:
        raise refused("audience")


def _last_moment(claims: Mapping[str, Any], rules: Rules, now: dt.datetime, window_s: int | None) -> dt.datetime:
    """Return until when a token counts. Raises: CallerError(interop-token-expired | interop-token-refused)."""
    issued, ends, begins = claims.get("iat"), claims.get("exp"), claims.get("nbf", claims.get("iat"))
    if not _is_time(issued) or not _is_time(ends) or not _is_time(begins):
        raise refused("times")
    last = (ends if window_s is None else min(ends, issued + window_s)) + rules.skew_s
    instant = now.timestamp()
    if instant >= last or max(issued, begins) > instant + rules.skew_s:
        raise CallerError(
            "interop-token-expired",
            N_("il token è scaduto, troppo vecchio o non ancora valido"),
            hint=N_("farne uno nuovo per ogni richiesta, con l'orologio regolato"),
        )
    return dt.datetime.fromtimestamp(min(last, _LAST_S), dt.UTC)


def check_integrity(claims: Mapping[str, Any], headers: Sequence[tuple[str, str]], body: bytes) -> None:
    """Hold a request to its ``Agid-JWT-Signature`` by INTEGRITY_REST_01: all that it signs is so, and all that counts is signed.

    ``headers`` are those of the request, in any case of letters. Raises: CallerError(interop-integrity-refused).
    """
    there: dict[str, list[str]] = {}
    for name, value in headers:
        there.setdefault(name.lower(), []).append(value.strip())
    signed = _signed_headers(claims.get("signed_headers"))
    for name, value in signed.items():
        if there.get(name) != [value]:
            raise _unlike("signed-header")
    needed = {name for name in COVERED if name in there} | ({"digest"} if body else set())
    if needed - signed.keys():
        raise _unlike("header-unsigned")
    if "digest" in signed:
        _check_digest(signed["digest"], body)


def digest_of(body: bytes) -> str:
    """Return the ``Digest`` header of a body (RFC 3230)."""
    return f"SHA-256={base64.b64encode(hashlib.sha256(body).digest()).decode()}"


def _signed_headers(said: object) -> dict[str, str]:
    if not isinstance(said, list) or not 0 < len(said) <= SIGNED_HEADERS_MAX:
        raise _unlike("signed-headers")
    found: dict[str, str] = {}
    for item in said:
        if not isinstance(item, dict) or len(item) != 1:
            raise _unlike("signed-headers")
        ((name, value),) = item.items()
        if not isinstance(value, str) or name.lower() in found:
            raise _unlike("signed-headers")
        found[name.lower()] = value.strip()
    return found


def _check_digest(header: str, body: bytes) -> None:
    """Hold a body to its digests: each whose algorithm we know, one at least."""
    known = 0
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        algorithm = _HASHES.get(name.lower())
        if algorithm is None:
            continue
        known += 1
        made = base64.b64encode(hashlib.new(algorithm, body).digest())
        if not hmac.compare_digest(made, value.encode("utf-8", "replace")):
            raise _unlike("digest")
    if not known:
        raise _unlike("digest")


def _unlike(why: str) -> CallerError:
    return CallerError(
        "interop-integrity-refused",
        N_("la richiesta non è quella firmata in Agid-JWT-Signature"),
        hint=N_("firmare digest, content-type e content-encoding così come partono (docs/interoperability.md)"),
        why=why,
    )


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _LAST_S


def _is_text(value: object, *, empty: bool = False) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= TEXT_MAX_CHARS and (empty or bool(value)) and "\x00" not in value


def _is_identifier(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(_IDENTIFIER.fullmatch(value))


def answer_claims(
    issuer: str, consumer: Consumer, headers: Sequence[tuple[str, str]], now: dt.datetime, lasts_s: int, jti: str
) -> dict[str, Any]:
    """Return the claims by which this node signs an answer with these headers to a consumer (INTEGRITY_REST_01)."""
    issued = int(now.timestamp())
    return {
        "iss": issuer,
        "sub": issuer,
        "aud": consumer.party,
        "iat": issued,
        "nbf": issued,
        "exp": issued + lasts_s,
        "jti": jti,
        "signed_headers": [{name.lower(): value} for name, value in headers],
    }
