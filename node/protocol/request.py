"""Requests signed by a member (RFC 9421, RFC 9530; PROTOCOL 4).

In: the parts of one request. Out: headers, or the verified (key id, nonce, times). Covered: ``@method``, ``@authority``,
``@path``, ``@query`` and ``content-digest`` when there is a body. Not ``@target-uri``: a TLS proxy changes the scheme.
The nonce is remembered by the caller, and only after this verification.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

from node.errors import N_, CallerError
from node.protocol import limits

LABEL = "sig1"
TAG = "rete-sync-1"
COVERED = ("@method", "@authority", "@path", "@query")
DIGEST = "content-digest"


@dataclass(slots=True)
class _Message:
    """What the library signs: method, absolute URL, headers."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VerifiedRequest:
    """A request that a member really made, at most 60 s of skew ago; the nonce is the caller's to remember."""

    keyid: str
    nonce: str
    created: int
    expires: int


class _Signing(HTTPSignatureKeyResolver):
    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:  # noqa: ARG002 - one key only
        """Return the one key."""
        return self._key


class _Verifying(HTTPSignatureKeyResolver):
    def __init__(self, resolve: Callable[[str], bytes | None]) -> None:
        self._resolve = resolve
        # The library turns every error into "invalid"; an unknown key is another thing and has its own code.
        self.unknown = False

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        """Return a member's key, None for a stranger."""
        public = self._resolve(key_id)
        self.unknown = public is None
        return None if public is None else Ed25519PublicKey.from_public_bytes(public)


class _TimelessVerifier(HTTPMessageVerifier):
    """Leaves the times to us: the library reads the machine's clock, we are given one and allow our own skew."""

    def validate_created_and_expires(self, sig_input: object, max_age: object = None) -> None:
        """Judge nothing."""


def content_digest(body: bytes) -> str:
    """Return the Content-Digest header of ``body`` (RFC 9530, sha-256)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _url(authority: str, path: str, query: str) -> str:
    # The scheme is not covered; any will do to build the derived components.
    return f"https://{authority}{path}" + (f"?{query}" if query else "")


def sign(
    *,
    method: str,
    authority: str,
    path: str,
    query: str,
    body: bytes | None,
    keyid: str,
    private_key: Ed25519PrivateKey,
    now: int,
    nonce: bytes,
) -> dict[str, str]:
    """Return the headers that authenticate a request made at ``now`` (unix seconds) with a fresh 16-byte ``nonce``."""
    message = _Message(method, _url(authority, path, query))
    covered: tuple[str, ...] = COVERED
    if body is not None:
        message.headers["Content-Digest"] = content_digest(body)
        covered = (*COVERED, DIGEST)
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=_Signing(private_key))
    signer.sign(
        message,
        key_id=keyid,
        created=dt.datetime.fromtimestamp(now, dt.UTC),
        expires=dt.datetime.fromtimestamp(now + limits.SIGNATURE_LIFETIME_S, dt.UTC),
        nonce=base64.b64encode(nonce).decode(),
        label=LABEL,
        tag=TAG,
        include_alg=True,
        covered_component_ids=covered,
        use_existing_digest=body is not None,
    )
    return message.headers


def _refuse(code: str, what: str, seconds: int = 0) -> CallerError:
    return CallerError(code, what, seconds=seconds)


def verify(
    *,
    method: str,
    configured_authority: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes | None,
    resolve_key: Callable[[str], bytes | None],
    now: int,
) -> VerifiedRequest:
    """Return who made the request. ``resolve_key`` maps a key id to a raw Ed25519 public key of a member, or None.

    Raises: CallerError signature-missing, -malformed, -unknown-key, -bad, -wrong-components, -expired, -lifetime,
    digest-mismatch, clock-skew (with the measured skew in seconds).
    """
    lowered: dict[str, str] = {}
    for name, value in headers.items():
        # Repeated fields are one list in order (RFC 9110 5.3).
        key = name.lower()
        lowered[key] = f"{lowered[key]}, {value}" if key in lowered else value
    if "signature" not in lowered or "signature-input" not in lowered:
        raise _refuse("signature-missing", N_("richiesta non firmata"))
    if body is not None and lowered.get(DIGEST) != content_digest(body):
        raise _refuse("digest-mismatch", N_("Content-Digest non corrisponde al corpo"))
    message = _Message(method, _url(configured_authority, path, query), lowered)
    parameters = _verify_signature(message, resolve_key, body is not None)
    created, expires = parameters.get("created"), parameters.get("expires")
    keyid, nonce = parameters.get("keyid"), parameters.get("nonce")
    if (
        type(created) is not int
        or type(expires) is not int
        or not isinstance(keyid, str)
        or not isinstance(nonce, str)
        or parameters.get("alg") != "ed25519"
    ):
        raise _refuse("signature-malformed", N_("firma senza created, expires, keyid, nonce o alg"))
    _check_times(created, expires, now)
    _check_nonce(nonce)
    return VerifiedRequest(keyid, nonce, created, expires)


def _verify_signature(
    message: _Message, resolve_key: Callable[[str], bytes | None], has_body: bool
) -> Mapping[str, object]:
    resolver = _Verifying(resolve_key)
    verifier = _TimelessVerifier(signature_algorithm=algorithms.ED25519, key_resolver=resolver)
    try:
        result = verifier.verify(message, max_age=None, expect_label=LABEL, expect_tag=TAG)[0]
    except (HTTPMessageSignaturesException, ValueError, KeyError, TypeError, RecursionError) as error:
        if resolver.unknown:
            raise _refuse("signature-unknown-key", N_("chiave sconosciuta: il nodo non è tra i membri")) from error
        raise _refuse("signature-bad", N_("firma della richiesta non valida")) from error
    expected = {f'"{name}"' for name in ((*COVERED, DIGEST) if has_body else COVERED)}
    if not expected <= set(result.covered_components):
        raise _refuse("signature-wrong-components", N_("la firma non copre tutto ciò che deve"))
    parameters: Mapping[str, object] = result.parameters
    return parameters


def _check_times(created: int, expires: int, now: int) -> None:
    if not created < expires <= created + limits.SIGNATURE_LIFETIME_S:
        raise _refuse("signature-lifetime", N_("la firma deve scadere entro 60 secondi"))
    skew = created - now
    if skew > limits.CLOCK_SKEW_S:
        raise _refuse("clock-skew", N_("orologio avanti di {seconds} secondi"), skew)
    if now > expires + limits.CLOCK_SKEW_S:
        late = now - expires
        if late > limits.NONCE_KEEP_S:
            raise _refuse("clock-skew", N_("orologio indietro di {seconds} secondi"), late)
        raise _refuse("signature-expired", N_("firma scaduta da {seconds} secondi"), late)


def _check_nonce(nonce: str) -> None:
    try:
        raw = base64.b64decode(nonce, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != limits.NONCE_BYTES:
        raise _refuse("signature-malformed", N_("il nonce deve avere 16 byte"))
