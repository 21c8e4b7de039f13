"""Signing in by the administration's identity provider: OpenID Connect, authorisation code with PKCE, for accounts that are linked.

In: the provider of [web.oidc], what its redirect brought back, what this browser was given when it left. Out: a session as after a
password: half of one where a second factor is still to come. Rules: the answer is this browser's, for this request, once; the token
is the provider's, for us, of now, under a key it publishes; nobody comes in who has no account. Source: OpenID Connect Core 3.1,
RFC 7636, RFC 9700.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import orjson
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from node.config_checks import is_loopback_url
from node.domain.accounts import derive_key
from node.errors import N_, CallerError, PeerWrongError
from node.flows.people.sign_in import Began, Settings, begin
from node.peers.client import PeerClient
from node.store import accounts as store
from node.store import sessions
from node.store.postgres import Pool, transaction

logger = structlog.get_logger()
DOCUMENT_MAX_BYTES: Final = 256 * 1024
# Signatures by a key that the provider publishes; never "none", never a shared secret.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEAVE_S: Final = 600
CLOCKS_S: Final = 60
NONCE_BYTES: Final = 12
DISCOVERED_S: Final = 3_600
# Keys that a token names and nobody knows are asked for again, and not more often.
KEYS_AGAIN_S: Final = 60


@dataclass(frozen=True, slots=True)
class Provider:
    """Whom we ask, who we are to it, which claim names an account, and where it sends people back."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    claim: str
    redirect_uri: str


@dataclass(slots=True)
class Known:
    """What a process remembers of the provider: its addresses and its keys, and since when."""

    document: Mapping[str, Any] = field(default_factory=dict)
    read_at: dt.datetime | None = None
    keys: KeySet | None = None
    keys_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Leaving:
    """Where the browser goes, and what it keeps until it comes back."""

    url: str
    kept: str = field(repr=False)


async def leave(
    session: aiohttp.ClientSession, provider: Provider, known: Known, settings: Settings, now: dt.datetime, back: str
) -> Leaving:
    """Return where to send a browser that wants to sign in. Raises: RoadWrongError, CallerError(oidc-refused)."""
    document = await _discover(session, provider, known, now)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": provider.redirect_uri,
        "scope": "openid profile email",
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    where = document["authorization_endpoint"]
    until = int(now.timestamp()) + LEAVE_S
    kept = {"state": state, "nonce": nonce, "verifier": verifier, "back": back, "until": until}
    return Leaving(f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}", _seal(settings, kept))


async def come_back(
    pool: Pool,
    session: aiohttp.ClientSession,
    provider: Provider,
    known: Known,
    settings: Settings,
    now: dt.datetime,
    *,
    kept: str,
    answer: Mapping[str, str],
) -> tuple[Began, str]:
    """Begin a session for whom the provider names; return it with where to go.

    Raises: CallerError oidc-refused, oidc-unlinked; RoadWrongError.
    """
    left = _unseal(settings, kept)
    if left is None or now.timestamp() > left["until"]:
        raise _refused("left")
    if not hmac.compare_digest(answer.get("state", "").encode("utf-8", "replace"), left["state"].encode()):
        raise _refused("state")
    # RFC 9207: whoever names an issuer names ours.
    if answer.get("iss", provider.issuer) != provider.issuer or "error" in answer or not answer.get("code"):
        raise _refused("answer")
    document = await _discover(session, provider, known, now)
    token = await _redeem(session, provider, document, answer["code"], left["verifier"])
    claims = await _claims(session, provider, known, now, token)
    name = judge(claims, provider, left["nonce"], now)
    return await _enter(pool, settings, now, name), left["back"]


async def _enter(pool: Pool, settings: Settings, now: dt.datetime, name: str) -> Began:
    async with transaction(pool) as conn:
        found = await store.by_external(conn, name)
        held = await store.hold(conn, found.account_id) if found else None
        # Once more, now that nobody changes it.
        linked = await store.by_external(conn, name)
        if held is None or linked is None or linked.account_id != held.account_id:
            made = None
        elif held.disabled_at:
            await store.refused(conn, held.account_id, "disabled")
            made = None
        else:
            made = await begin(conn, settings, held, now, method=sessions.OIDC)
    if made is None:
        logger.info("sign_in.refused", method=sessions.OIDC)
        raise CallerError(
            "oidc-unlinked",
            N_("a questa identità non corrisponde nessun utente di questo nodo"),
            hint=N_("un amministratore del nodo può legarla a un utente con «rete user link»"),
        )
    logger.info("sign_in.passed", account=made.account_id, whole=made.is_whole, method=sessions.OIDC)
    return made


def judge(claims: Mapping[str, Any], provider: Provider, nonce: str, now: dt.datetime) -> str:
    """Return the name that verified claims give. Raises: CallerError(oidc-refused) for a token that is not for us, now.

    Source: OpenID Connect Core 3.1.3.7.
    """
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    party = claims.get("azp")
    instant, expires, issued = now.timestamp(), claims.get("exp"), claims.get("iat")
    if claims.get("iss") != provider.issuer:
        raise _refused("issuer")
    if provider.client_id not in audiences or (len(audiences) > 1 and party is None):
        raise _refused("audience")
    if party is not None and party != provider.client_id:
        raise _refused("party")
    if not _is_time(expires) or instant > expires + CLOCKS_S:
        raise _refused("expired")
    if not _is_time(issued) or not -CLOCKS_S <= instant - issued <= LEAVE_S + CLOCKS_S:
        raise _refused("issued")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode("utf-8", "replace"), nonce.encode()):
        raise _refused("nonce")
    name = claims.get(provider.claim)
    if not isinstance(name, str) or not 0 < len(name) <= 200 or not name.isprintable():
        raise _refused("claim")
    return name


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _refused(why: str) -> CallerError:
    # Which check failed is for the administrator's log; whoever forges is told nothing.
    logger.warning("oidc.refused", why=why)
    return CallerError(
        "oidc-refused",
        N_("il fornitore di identità non ha confermato l'accesso"),
        hint=N_("ricominciare da {page}; se si ripete, il registro del nodo dice perché"),
        page="/entra",
    )


def _seal(settings: Settings, kept: Mapping[str, Any]) -> str:
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(derive_key(settings.key, "oidc")).encrypt(nonce, orjson.dumps(kept), None)
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def _unseal(settings: Settings, kept: str) -> Any:
    try:
        raw = base64.urlsafe_b64decode(kept.encode())
        return orjson.loads(
            AESGCM(derive_key(settings.key, "oidc")).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None)
        )
    except (InvalidTag, ValueError):
        return None


async def _get(session: aiohttp.ClientSession, url: str) -> Any:
    client, path = _client(session, url)
    try:
        reply = await client.get(path, max_bytes=DOCUMENT_MAX_BYTES)
        return orjson.loads(reply.body)
    except (PeerWrongError, orjson.JSONDecodeError) as error:
        raise _refused("document") from error


def _client(session: aiohttp.ClientSession, url: str) -> tuple[PeerClient, str]:
    parts = urlsplit(url)
    path = parts.path or "/"
    return PeerClient(session, f"{parts.scheme}://{parts.netloc}"), f"{path}?{parts.query}" if parts.query else path


async def _discover(
    session: aiohttp.ClientSession, provider: Provider, known: Known, now: dt.datetime
) -> Mapping[str, Any]:
    if known.read_at is not None and 0 <= (now - known.read_at).total_seconds() < DISCOVERED_S:
        return known.document
    document = await _get(session, f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
    if not isinstance(document, dict) or document.get("issuer") != provider.issuer:
        raise _refused("discovery")
    trial = is_loopback_url(provider.issuer)
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        where = document.get(name)
        secret = isinstance(where, str) and (where.startswith("https://") or (trial and is_loopback_url(where)))
        if not secret:
            raise _refused(name)
    known.document, known.read_at = document, now
    return document


async def _redeem(
    session: aiohttp.ClientSession, provider: Provider, document: Mapping[str, Any], code: str, verifier: str
) -> str:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": provider.redirect_uri,
        "client_id": provider.client_id,
        "code_verifier": verifier,
    }
    login = ""
    if "client_secret_basic" in document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
        pair = f"{quote(provider.client_id, safe='')}:{quote(provider.client_secret, safe='')}"
        login = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form["client_secret"] = provider.client_secret
    client, path = _client(session, document["token_endpoint"])
    try:
        reply = await client.post(
            path,
            urlencode(form).encode(),
            max_bytes=DOCUMENT_MAX_BYTES,
            content_type="application/x-www-form-urlencoded",
            authorization=login,
        )
        answer = orjson.loads(reply.body)
    except (PeerWrongError, orjson.JSONDecodeError) as error:
        raise _refused("token") from error
    token = answer.get("id_token") if isinstance(answer, dict) else None
    if not isinstance(token, str):
        raise _refused("token")
    return token


async def _claims(
    session: aiohttp.ClientSession, provider: Provider, known: Known, now: dt.datetime, token: str
) -> Mapping[str, Any]:
    """Return what a token says, once its signature is the provider's; keys that it does not know are asked for anew."""
    fresh = known.keys is None
    if fresh:
        await _read_keys(session, provider, known, now)
    try:
        return _verified(token, known.keys)
    except JoseError as error:
        last = known.keys_at
        if fresh or last is None or (now - last).total_seconds() < KEYS_AGAIN_S:
            raise _refused("signature") from error
    await _read_keys(session, provider, known, now)
    try:
        return _verified(token, known.keys)
    except JoseError as error:
        raise _refused("signature") from error


def _verified(token: str, keys: KeySet | None) -> Mapping[str, Any]:
    if keys is None:
        raise JoseError
    try:
        return jwt.decode(token, keys, algorithms=ALGORITHMS).claims
    except (ValueError, TypeError, KeyError) as error:
        # What is no token at all.
        raise JoseError from error


async def _read_keys(session: aiohttp.ClientSession, provider: Provider, known: Known, now: dt.datetime) -> None:
    document = await _discover(session, provider, known, now)
    found = await _get(session, document["jwks_uri"])
    try:
        # Shared secrets have no place among published keys.
        public = [key for key in found["keys"] if key.get("kty") in ("RSA", "EC", "OKP")]
        known.keys = KeySet.import_key_set({"keys": public})
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _refused("keys") from error
    known.keys_at = now
