"""An identity provider that can lie: each of its answers, tokens and keys may be bent."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from node.flows.people.oidc import Provider

SECRET = "segreto : con segni"  # noqa: S105 - of a test
BACK = "http://127.0.0.1:8441/entra/oidc/ritorno"


@dataclass
class FalseProvider:
    """A provider, what it saw, and how it lies."""

    now: dt.datetime
    server: TestServer | None = None
    key: Any = None
    algorithm: str = "RS256"
    published: list[Any] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] | None = None
    redeemed: list[dict[str, Any]] = field(default_factory=list)
    keys_asked: int = 0

    @property
    def issuer(self) -> str:
        """Its name and address."""
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.port}"

    def provider(self, claim: str = "sub") -> Provider:
        """What a node is configured with."""
        return Provider(self.issuer, "rete", SECRET, claim, BACK)

    def rotate(self, kind: type[RSAKey | ECKey] = RSAKey) -> None:
        """Sign with a new key from now on, and publish it."""
        made = RSAKey.generate_key(2048) if kind is RSAKey else ECKey.generate_key("P-256")
        made.ensure_kid()
        self.key, self.algorithm = made, "RS256" if kind is RSAKey else "ES256"
        self.published = [made]

    def sign(self, nonce: str, /, **changes: Any) -> str:
        """A token for this nonce; a claim that is None is left out."""
        instant = int(self.now.timestamp())
        made = {"iss": self.issuer, "aud": "rete", "sub": "anna@example.it", "iat": instant, "exp": instant + 300, "nonce": nonce}  # fmt: skip
        said = {name: value for name, value in {**made, **self.claims, **changes}.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        return jwt.encode(header, said, self.key, algorithms=[self.algorithm])

    def forged(self, nonce: str) -> str:
        """A good token signed anew under HS256 whose secret is the public key, as a careless verifier would take it."""
        body = self.sign(nonce).split(".")[1]
        head = _plain(b'{"alg":"HS256","kid":"%s"}' % self.key.kid.encode())
        secret = self.key.as_pem(private=False)
        return f"{head}.{body}.{_plain(hmac.digest(secret, f'{head}.{body}'.encode(), 'sha256'))}"

    def asked(self, url: str) -> dict[str, str]:
        """What a browser was sent with."""
        return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    async def _discovery(self, _: web.Request) -> web.Response:
        made = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?realm=x",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }
        return web.json_response({**made, **self.document})

    async def _keys(self, _: web.Request) -> web.Response:
        self.keys_asked += 1
        return web.json_response(KeySet(self.published).as_dict(private=False))

    async def _token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        self.redeemed.append({**form, "login": request.headers.get("Authorization", "")})
        if self.answer is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(self.answer)


def challenge_of(verifier: str) -> str:
    """What a verifier was announced by (RFC 7636, S256)."""
    return _plain(hashlib.sha256(verifier.encode()).digest())


def _plain(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@asynccontextmanager
async def false_provider(now: dt.datetime) -> AsyncIterator[FalseProvider]:
    """A provider on this machine."""
    made = FalseProvider(now)
    app = web.Application()
    app.add_routes(
        [
            web.get("/.well-known/openid-configuration", made._discovery),
            web.get("/keys", made._keys),
            web.post("/token", made._token),
        ]
    )
    async with TestServer(app, host="127.0.0.1") as server:
        made.server = server
        made.rotate()
        yield made
