"""Another administration's system that asks a node by signed tokens, and PDND that gives it vouchers; both can lie."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

AUDIENCE = "https://rete.lecce.example.it/api/v1"
PDND = "interop.pagopa.it"
PURPOSE = "1b361d49-33f4-4f1e-a88b-4e12661f2300"
CLIENT = "9b361d49-33f4-4f1e-a88b-4e12661f2309"
KINDS = {"RS256": RSAKey, "PS256": RSAKey, "ES256": ECKey}


class _Long(jws.JWSRegistry):
    max_header_length = 100_000
    max_payload_length = 100_000


def made_key(algorithm: str) -> Any:
    """A new key for an algorithm."""
    return RSAKey.generate_key(2048) if KINDS[algorithm] is RSAKey else ECKey.generate_key("P-256")


def plain(raw: bytes) -> str:
    """Base64url without its padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class System:
    """One administration's system: its key, the name by which the node knows it, and the time it believes it is."""

    now: dt.datetime
    issuer: str = "https://regione.example.it"
    subject: str = "osservatorio"
    algorithm: str = "ES256"
    kid: str = "regione-1"
    key: Any = field(default=None)

    def __post_init__(self) -> None:
        """Make a key."""
        self.key = self.key or made_key(self.algorithm)

    def jwks(self, **more: Any) -> dict[str, Any]:
        """What it gives to the node's administration."""
        public = {**self.key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": self.algorithm}
        return {"iss": self.issuer, "sub": [self.subject], "keys": [public], **more}

    def write(self, folder: Path, name: str = "regione") -> None:
        """Put its keys where the node reads them."""
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(self.jwks()), encoding="utf-8")

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good token; one that is None is left out."""
        issued = int(self.now.timestamp())
        good = {
            "iss": self.issuer, "sub": self.subject, "aud": AUDIENCE, "iat": issued, "nbf": issued, "exp": issued + 120, "jti": str(uuid.uuid4()),
        }  # fmt: skip
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """A token over these claims."""
        head = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid, **header}
        told = {name: value for name, value in head.items() if value is not None}
        registry = _Long(algorithms=[self.algorithm], strict_check_header=False)
        return jws.serialize_compact(told, json.dumps(claims).encode(), self.key, registry=registry)

    def token(self, **changes: Any) -> str:
        """A good token with some claims changed."""
        return self.sign(self.claims(**changes))

    def bearer(self, **changes: Any) -> dict[str, str]:
        """The header of a request with such a token."""
        return {"Authorization": f"Bearer {self.token(**changes)}"}

    def unsigned(self) -> str:
        """A token that says of itself that nobody signed it."""
        head = plain(json.dumps({"alg": "none", "typ": "JWT"}).encode())
        return f"{head}.{plain(json.dumps(self.claims()).encode())}."

    def forged(self) -> str:
        """A token under HS256 whose secret is the public key, as a careless verifier would take it."""
        head = plain(json.dumps({"alg": "HS256", "typ": "JWT", "kid": self.kid}).encode())
        body = plain(json.dumps(self.claims()).encode())
        secret = self.key.as_pem(private=False)
        return f"{head}.{body}.{plain(hmac.digest(secret, f'{head}.{body}'.encode(), 'sha256'))}"

    def signature(self, body: bytes, content_type: str = "", **changes: Any) -> dict[str, str]:
        """The headers of INTEGRITY_REST_01 for a body; ``changes`` to the claims."""
        digest = "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()
        signed = [{"digest": digest}, *([{"content-type": content_type}] if content_type else [])]
        told = self.token(**{"signed_headers": signed, **changes})
        return {
            "Digest": digest,
            "Agid-JWT-Signature": told,
            **({"Content-Type": content_type} if content_type else {}),
        }


def pdnd(now: dt.datetime) -> System:
    """PDND's authorisation server."""
    return System(now, issuer=PDND, subject=CLIENT, algorithm="RS256", kid="pdnd-1")


def voucher(authority: System, **changes: Any) -> str:
    """A voucher as PDND gives it, with some claims changed."""
    more = {
        "client_id": CLIENT, "purposeId": PURPOSE, "producerId": str(uuid.UUID(int=1)), "consumerId": str(uuid.UUID(int=2)),
        "eserviceId": str(uuid.UUID(int=3)), "descriptorId": str(uuid.UUID(int=4)),
    }  # fmt: skip
    return authority.sign(authority.claims(**{**more, **changes}), typ="at+jwt")
