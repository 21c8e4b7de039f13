"""Other administrations that ask by signed tokens: ID_AUTH_REST_02 and INTEGRITY_REST_01 of ModI, vouchers of PDND, against local keys.

In: the headers and body of a request. Out: who asks, once and in time, or a refusal; and this node's signature over an answer. Rules:
a key comes from a file of this node and from nowhere else, whatever a token names; a token of its own counts once, in all processes
(the nonces of the database hold its jti until it could not count any more); nothing of a token reaches the log but a constant word.
Each file of keys is a JWK Set with two members more, ``iss`` and, where not any subject will do, ``sub`` (a list).
Source: node/domain/interop.py, docs/interoperability.md.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import structlog
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from node.domain import interop as rules
from node.domain.interop import Accepted, Consumer, Head, Rules, Trust
from node.errors import N_, CallerError, OperatorError
from node.store import nonces, trusted
from node.store.keyfiles import read_secret
from node.store.postgres import Pool, acquire

logger = structlog.get_logger()
PublicKey = RSAKey | ECKey
RSA_BITS_MIN: Final = 2048
CURVE: Final = "P-256"
# So often files are looked at again: keys change without a restart.
LOOK_EVERY: Final = dt.timedelta(seconds=60)
# How long an answer's signature counts.
ANSWER_LASTS_S: Final = 300


class _Registry(jws.JWSRegistry):
    """What joserfc may read: a header that carries a chain of certificates is longer than its own limit."""

    max_header_length = rules.TOKEN_MAX_CHARS
    max_payload_length = rules.TOKEN_MAX_CHARS


@dataclass(frozen=True, slots=True)
class Settings:
    """What this node trusts, from [interop]; ``pdnd_keys`` None: no vouchers; ``consumers`` None: no tokens of their own."""

    rules: Rules
    algorithms: tuple[str, ...]
    is_required: bool
    needs_integrity: bool
    consumers: Path | None
    pdnd_issuer: str
    pdnd_keys: Path | None
    purposes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ring:
    """Public keys by what tokens call them: of consumers with whose they are, and of PDND."""

    consumers: Mapping[str, tuple[Trust, PublicKey]]
    pdnd: Mapping[str, PublicKey]


@dataclass(slots=True)
class Door:
    """What lets consumers in: settings, and the keys as they were read last."""

    settings: Settings
    ring: Ring
    marks: tuple[trusted.Mark, ...]
    looked_at: dt.datetime | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Signer:
    """By which key this node signs answers, and as whom."""

    issuer: str
    algorithm: str
    key: PublicKey = field(repr=False)

    def jwks(self) -> Mapping[str, Any]:
        """Return the public half as a JWK Set."""
        return {"keys": [{**self.key.as_dict(private=False), "use": "sig", "alg": self.algorithm}]}


def open_door(settings: Settings) -> Door:
    """Read all keys. Raises: OperatorError(interop-keys-missing | interop-keys-bad) with the file."""
    # Before reading: what changes meanwhile is read again.
    marks = _marks(settings)
    return Door(settings, read_ring(settings), marks)


def _marks(settings: Settings) -> tuple[trusted.Mark, ...]:
    return tuple(trusted.mark(place) for place in (settings.consumers, settings.pdnd_keys) if place is not None)


def read_ring(settings: Settings) -> Ring:
    """Return the keys in the files. Raises: OperatorError(interop-keys-missing | interop-keys-bad) with the file."""
    found: dict[str, tuple[Trust, PublicKey]] = {}
    owners: set[str] = set()
    for path, content in (trusted.read(settings.consumers) if settings.consumers else {}).items():
        document = _document(path, content)
        trust = _trust(path, document)
        if trust.issuer in owners:
            raise _bad(path, N_("un altro file ha lo stesso iss"))
        owners.add(trust.issuer)
        for names, key in _keys(path, document):
            for name in names:
                if name in found:
                    raise _bad(path, N_("due chiavi hanno lo stesso kid, in questo file o in un altro"))
                found[name] = (trust, key)
    pdnd: dict[str, PublicKey] = {}
    for path, content in (trusted.read(settings.pdnd_keys) if settings.pdnd_keys else {}).items():
        for (kid, *_), key in _keys(path, _document(path, content)):
            pdnd[kid] = key
    return Ring(found, pdnd)


def _document(path: Path, content: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _bad(path, N_("non è JSON")) from error
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list) or not document["keys"]:
        raise _bad(path, N_("non è un JWK Set con almeno una chiave (RFC 7517)"))
    return document


def _trust(path: Path, document: Mapping[str, Any]) -> Trust:
    issuer, subjects = document.get("iss"), document.get("sub", [])
    subjects = [subjects] if isinstance(subjects, str) else subjects
    if not isinstance(issuer, str) or not 0 < len(issuer) <= rules.TEXT_MAX_CHARS:
        raise _bad(path, N_("manca «iss»: il nome con cui firma chi usa queste chiavi"))
    if not isinstance(subjects, list) or any(not isinstance(one, str) or not one for one in subjects):
        raise _bad(path, N_("«sub» deve essere un elenco di testi"))
    return Trust(path.stem, issuer, frozenset(subjects))


def _keys(path: Path, document: Mapping[str, Any]) -> list[tuple[tuple[str, ...], PublicKey]]:
    """Return each key with its names: kid, and the thumbprint of its certificate where it has one."""
    return [_key(path, jwk) for jwk in document["keys"]]


def _key(path: Path, jwk: Any) -> tuple[tuple[str, ...], PublicKey]:
    kid = jwk.get("kid") if isinstance(jwk, dict) else None
    if not isinstance(kid, str) or not 0 < len(kid) <= rules.TEXT_MAX_CHARS:
        raise _bad(path, N_("ogni chiave deve avere il suo «kid»"))
    if "d" in jwk or "k" in jwk:
        raise _bad(path, N_("c'è una chiave privata o un segreto: qui vanno solo chiavi pubbliche"))
    if jwk.get("use", "sig") != "sig":
        raise _bad(path, N_("la chiave «{kid}» non è per firmare"), kid=kid)
    if jwk.get("kty") not in ("RSA", "EC"):
        raise _bad(path, N_("la chiave «{kid}» deve essere RSA o EC"), kid=kid)
    kind: type[RSAKey | ECKey] = RSAKey if jwk["kty"] == "RSA" else ECKey
    try:
        # What else a set says of a key is none of joserfc's business.
        material = {name: jwk[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in jwk}
        key = kind.import_key(material)
        size = key.public_key.key_size
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _bad(path, N_("la chiave «{kid}» non è leggibile"), kid=kid) from error
    if (kind is RSAKey and size < RSA_BITS_MIN) or (kind is ECKey and jwk.get("crv") != CURVE):
        raise _bad(path, N_("la chiave «{kid}» è troppo debole o di una curva non ammessa (RSA 2048, P-256)"), kid=kid)
    thumbprint = jwk.get("x5t#S256", "")
    chain = jwk.get("x5c")
    if not thumbprint and isinstance(chain, list) and chain and isinstance(chain[0], str):
        thumbprint = rules.thumbprint_of(chain[0])
    return (kid, *([f"x5t#{thumbprint}"] if thumbprint else [])), key


def _bad(path: Path, what: str, kid: str = "") -> OperatorError:
    hint = N_("correggere il file: docs/interoperability.md ne mostra uno")
    return OperatorError("interop-keys-bad", what, where=str(path), hint=hint, kid=kid)


async def look_again(door: Door, now: dt.datetime) -> None:
    """Read keys that have changed; files that have become wrong change nothing, and the log says so."""
    if door.looked_at is not None and now - door.looked_at < LOOK_EVERY:
        return
    async with door.reading:
        if door.looked_at is not None and now - door.looked_at < LOOK_EVERY:
            return
        door.looked_at = now
        marks = await asyncio.to_thread(_marks, door.settings)
        if marks == door.marks:
            return
        try:
            door.ring = await asyncio.to_thread(read_ring, door.settings)
        except OperatorError as error:
            logger.error("interop.keys_not_read", code=error.code, reason=str(error))  # noqa: TRY400 - expected, no traceback
        else:
            door.marks = marks
            logger.info("interop.keys_read", keys=len(door.ring.consumers) + len(door.ring.pdnd))


async def admit(
    pool: Pool,
    door: Door,
    token: str,
    signature: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    now: dt.datetime,
) -> Consumer:
    """Return who asks; ``token`` is the bearer's, ``signature`` that of ``Agid-JWT-Signature``, either may be empty.

    Raises: CallerError interop-token-refused, -expired, -replayed, -forbidden, interop-integrity-refused, interop-integrity-missing.
    """
    await look_again(door, now)
    try:
        return await _admit(pool, door, token, signature, headers, body, now)
    except CallerError as error:
        logger.info("interop.refused", code=error.code, why=error.facts.get("why", ""))
        raise


async def _admit(
    pool: Pool,
    door: Door,
    token: str,
    signature: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    now: dt.datetime,
) -> Consumer:
    first = _verified(door, token, now)[0] if token else None
    second = None
    if signature:
        second, claims = _verified(door, signature, now, voucher=False)
        rules.check_integrity(claims, headers, body)
        if first is not None and first.consumer.party != second.consumer.party:
            raise rules.refused("two-parties")
    elif body or door.settings.needs_integrity:
        raise CallerError(
            "interop-integrity-missing",
            N_("manca Agid-JWT-Signature: la richiesta va firmata"),
            hint=N_("seguire INTEGRITY_REST_01 (docs/interoperability.md)"),
        )
    # One token may name the other's jti: each has a place of its own.
    for place, accepted in (("auth", first), ("sign", second)):
        if accepted is not None and accepted.jti:
            await _remember(pool, place, accepted)
    chosen = first or second
    if chosen is None:
        raise rules.refused("missing")
    return chosen.consumer


def _verified(door: Door, token: str, now: dt.datetime, *, voucher: bool = True) -> tuple[Accepted, Mapping[str, Any]]:
    settings = door.settings
    head = rules.read_head(token, settings.algorithms)
    if head.kind == rules.VOUCHER:
        key = door.ring.pdnd.get(head.kid) if voucher else None
        if key is None:
            raise rules.refused("key-unknown")
        claims = rules.read_claims(_payload(token, head, key))
        return rules.accept_voucher(claims, settings.pdnd_issuer, settings.purposes, settings.rules, now), claims
    held = door.ring.consumers.get(head.kid or f"x5t#{head.thumbprint}")
    if held is None:
        raise rules.refused("key-unknown")
    claims = rules.read_claims(_payload(token, head, held[1]))
    return rules.accept(claims, held[0], settings.rules, now), claims


def _payload(token: str, head: Head, key: PublicKey) -> bytes:
    """Return what a token says under its signature. Raises: CallerError(interop-token-refused)."""
    try:
        # The header may name keys and certificates of its own: nothing of that is looked at.
        registry = _Registry(algorithms=[head.algorithm], strict_check_header=False)
        return jws.deserialize_compact(token, key, registry=registry).payload
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise rules.refused("signature") from error


async def _remember(pool: Pool, place: str, accepted: Accepted) -> None:
    """Keep a jti until its token could not count any more. Raises: CallerError(interop-token-replayed).

    Kept by that moment, not by the present one: nonces are forgotten some minutes after theirs.
    """
    party = hashlib.sha256(accepted.consumer.party.encode("utf-8", "replace")).hexdigest()
    jti = hashlib.sha256(accepted.jti.encode("utf-8", "replace")).hexdigest()
    async with acquire(pool) as conn:
        # A space stands in no key id of a member: neither can use up the other's.
        if not await nonces.keep(conn, f"jwt {place} {party}", jti, accepted.until):
            raise CallerError(
                "interop-token-replayed",
                N_("questo token è già stato usato"),
                hint=N_("fare un token nuovo, con un suo jti, per ogni richiesta"),
            )


def read_signer(path: Path, issuer: str) -> Signer:
    """Return the key of a PEM file that signs answers. Raises: OperatorError key-file-..., interop-key-bad."""
    pem = read_secret(path)
    for kind, algorithm in ((ECKey, "ES256"), (RSAKey, "RS256")):
        try:
            key = kind.import_key(pem)
            size = key.public_key.key_size
        except (JoseError, ValueError, TypeError, AttributeError):
            continue
        fits = size >= RSA_BITS_MIN if kind is RSAKey else key.as_dict(private=False).get("crv") == CURVE
        if key.is_private and fits:
            # Its name is its thumbprint (RFC 7638): the same as long as the key is.
            return Signer(issuer, algorithm, kind.import_key(pem, {"kid": key.thumbprint()}))
    raise OperatorError(
        "interop-key-bad",
        N_("la chiave che firma le risposte deve essere una chiave privata PEM, EC P-256 o RSA di almeno 2048 bit"),
        where=str(path),
        hint=N_("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}; chmod 600 {name}"),
        name=path.name,
    )


def sign_answer(signer: Signer, consumer: Consumer, headers: Sequence[tuple[str, str]], now: dt.datetime) -> str:
    """Return ``Agid-JWT-Signature`` of an answer with these headers, its digest among them."""
    claims = rules.answer_claims(signer.issuer, consumer, headers, now, ANSWER_LASTS_S, secrets.token_urlsafe(16))
    head = {"alg": signer.algorithm, "typ": rules.SIGNED, "kid": signer.key.kid}
    return jws.serialize_compact(head, orjson.dumps(claims), signer.key, algorithms=[signer.algorithm])
