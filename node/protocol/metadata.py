"""TUF metadata of our form: strict bytes in, what was signed and by whom out (PROTOCOL 7.1, 7.2; TUF 1.0.31, 4).

In: a root or targets document as received. Out: its ``signed`` part, the bytes that signatures are over (TUF's canonical JSON), and the
signatures. Rules: JSON in any spelling, but only one value: UTF-8 without BOM, no duplicate keys, no floats, no NaN, no nesting beyond 16,
text in NFC without control characters; every key of every object is known. So python-tuf, which keeps what it does not know and normalises
what it does, never sees a document that two readers could read as two. Its parser, its canonical bytes and its keys do the rest; whatever
it says of bad input comes out as one code.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError

# Both re-export names without telling the type checker so.
from securesystemslib.signer import Signature, SSlibKey  # type: ignore[attr-defined]
from tuf.api.metadata import Metadata
from tuf.api.serialization import SerializationError

from node.errors import N_, UNSEEN, CallerError, PeerWrongError, ReteError
from node.protocol import canonical, limits

ROOT, TARGETS = "root", "targets"
SPEC_VERSION = "1.0.31"
TIME = "%Y-%m-%dT%H:%M:%SZ"
_TIME = re.compile(r"2[0-9]{3}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2}Z")
_SPEC = re.compile(r"1\.[0-9]{1,3}\.[0-9]{1,3}")
_HEX_32 = re.compile(r"[0-9a-f]{64}")
_HEX_64 = re.compile(r"[0-9a-f]{128}")
_DIGITS_MAX = 17


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the right outer form, of which nothing is verified."""

    version: int
    expires: dt.datetime
    body: Mapping[str, Any]
    signed: bytes
    signatures: Mapping[str, str]


def malformed(where: str) -> PeerWrongError:
    """Return the refusal of a document at the place ``where`` in it."""
    return PeerWrongError("agreement-malformed", N_("il documento non ha la forma che deve avere"), where=where[:200])


def from_peer(error: ReteError, where: str) -> PeerWrongError:
    """Return what was said of a value as said of the document that it stands in."""
    return PeerWrongError(error.code, error.what, where=where[:200], hint=error.hint, **error.facts)


def _object_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise malformed("JSON")
    return found


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS_MAX:
        raise malformed("JSON")
    return int(digits)


def _refuse_number(_spelling: str) -> float:
    raise malformed("JSON")


def check_texts(value: Any) -> None:
    """Refuse texts that do not show as what they are, keys among them. Raises: PeerWrongError(agreement-malformed)."""
    if type(value) is dict:
        for key, item in value.items():
            check_texts(key)
            check_texts(item)
    elif type(value) is list:
        for item in value:
            check_texts(item)
    elif type(value) is str and (UNSEEN.search(value) or not unicodedata.is_normalized("NFC", value)):
        raise malformed("JSON")


def _too_large() -> PeerWrongError:
    return PeerWrongError("agreement-too-large", N_("il documento supera {max} byte"), max=limits.AGREEMENT_MAX_BYTES)


def strict(raw: bytes) -> Any:
    """Return the value of JSON bytes, whatever their spelling. Raises: PeerWrongError(agreement-too-large | agreement-malformed)."""
    if len(raw) > limits.AGREEMENT_MAX_BYTES:
        raise _too_large()
    if canonical.nests_deeper(raw, limits.AGREEMENT_MAX_DEPTH):
        raise malformed("JSON")
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_object_once,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
            parse_int=_integer,
        )
    except (ValueError, RecursionError) as error:
        raise malformed("JSON") from error
    check_texts(value)
    return value


def fields(value: Any, needed: Iterable[str], where: str, optional: Iterable[str] = ()) -> dict[str, Any]:
    """Return an object that has all ``needed`` keys, and beside them only ``optional`` ones. Raises: PeerWrongError."""
    must = set(needed)
    if type(value) is not dict or not must <= value.keys() <= must.union(optional):
        raise malformed(where)
    return value


def text(value: Any, form: re.Pattern[str], where: str) -> str:
    """Return a text of the given form. Raises: PeerWrongError."""
    if type(value) is not str or not form.fullmatch(value):
        raise malformed(where)
    return value


def whole(value: Any, low: int, high: int, where: str) -> int:
    """Return an integer in its range. Raises: PeerWrongError."""
    if type(value) is not int or not low <= value <= high:
        raise malformed(where)
    return value


def items(value: Any, low: int, high: int, where: str) -> list[Any]:
    """Return a list with so many items. Raises: PeerWrongError."""
    if type(value) is not list or not low <= len(value) <= high:
        raise malformed(where)
    return value


def _signatures(value: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in items(value, 0, limits.AGREEMENT_SIGNATURES, "signatures"):
        fields(item, ("keyid", "sig"), "signatures")
        keyid = text(item["keyid"], _HEX_32, "signatures")
        if keyid in found:
            raise malformed("signatures")
        found[keyid] = text(item["sig"], _HEX_64, "signatures")
    return found


def _taken_apart(signed: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of all that python-tuf takes apart while it reads; what it only keeps is shared."""
    copied = dict(signed)
    for name in ("keys", "roles"):
        if name in signed:
            values = signed[name]
            if type(values) is not dict or any(type(value) is not dict for value in values.values()):
                raise malformed(name)
            copied[name] = {key: dict(value) for key, value in values.items()}
    return copied


def read(raw: bytes, kind: str, extra: Iterable[str]) -> Document:
    """Return a document of TUF's type ``kind`` whose signed part has the common keys and ``extra`` ones.

    Raises: PeerWrongError(agreement-too-large | agreement-malformed).
    """
    value = fields(strict(raw), ("signatures", "signed"), "signed")
    common = ("_type", "expires", "spec_version", "version")
    signed = fields(value["signed"], (*common, *extra), "signed")
    if signed["_type"] != kind:
        raise malformed("_type")
    whole(signed["version"], 1, limits.AGREEMENT_VERSION_MAX, "version")
    text(signed["spec_version"], _SPEC, "spec_version")
    text(signed["expires"], _TIME, "expires")
    signatures = _signatures(value["signatures"])
    try:
        metadata: Metadata[Any] = Metadata.from_dict({"signatures": [], "signed": _taken_apart(signed)})
        signed_bytes = metadata.signed_bytes
    except (ValueError, KeyError, TypeError, AttributeError, SerializationError) as error:
        raise malformed("signed") from error
    expires: dt.datetime = metadata.signed.expires
    return Document(signed["version"], expires, signed, signed_bytes, signatures)


def key_of(public: bytes) -> SSlibKey:
    """Return TUF's form of a raw Ed25519 public key, under TUF's own id for it."""
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(public))


def good_signatures(signed: bytes, signatures: Mapping[str, str], publics: Mapping[str, bytes]) -> frozenset[str]:
    """Return the ids of the keys that made a good signature over ``signed``."""
    good: set[str] = set()
    for keyid in publics.keys() & signatures.keys():
        try:
            key_of(publics[keyid]).verify_signature(Signature(keyid, signatures[keyid]), signed)
        except (UnverifiedSignatureError, VerificationError):
            continue
        good.add(keyid)
    return frozenset(good)


def encode(document: Mapping[str, Any], *, compact: bool = False) -> bytes:
    """Return the bytes of a document as we write it, the same for the same document: for people to read, or ``compact``.

    Compact, too, where it would otherwise be larger than others read.
    """
    if not compact:
        found = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"
        if len(found) <= limits.AGREEMENT_MAX_BYTES:
            return found
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def unsigned(kind: str, version: int, expires: dt.datetime, extra: Mapping[str, Any]) -> bytes:
    """Return the bytes of a document that nobody has signed yet."""
    at = expires.astimezone(dt.UTC).strftime(TIME)
    signed = {"_type": kind, "expires": at, "spec_version": SPEC_VERSION, "version": version, **extra}
    return encode({"signatures": [], "signed": signed})


def signed_bytes(raw: bytes) -> bytes:
    """Return what signatures of a document of either kind are over. Raises: PeerWrongError, as ``read`` does."""
    value = fields(strict(raw), ("signatures", "signed"), "signed")
    found = value["signed"]
    if type(found) is dict and found.get("_type") == ROOT:
        return read(raw, ROOT, ROOT_KEYS).signed
    return read(raw, TARGETS, TARGETS_KEYS).signed


def with_signatures(raw: bytes, more: Iterable[tuple[str, str]]) -> bytes:
    """Return a document with signatures beside its own, by key id; of two by one key the one in ``more`` stays.

    Whoever adds has verified. Raises: PeerWrongError(agreement-malformed | agreement-too-large).
    """
    value = fields(strict(raw), ("signatures", "signed"), "signed")
    merged = {**_signatures(value["signatures"]), **dict(more)}
    value["signatures"] = [{"keyid": keyid, "sig": merged[keyid]} for keyid in sorted(merged)]
    _signatures(value["signatures"])
    # As it was written: JSON that is for people to read has lines.
    found = encode(value, compact=b"\n" not in raw.strip())
    if len(found) > limits.AGREEMENT_MAX_BYTES:
        raise _too_large()
    return found


def sign(raw: bytes, key: Ed25519PrivateKey) -> tuple[str, str]:
    """Return (key id, hex signature) of a key over a document of either kind. Raises: PeerWrongError, as ``read`` does."""
    return key_of(key.public_key().public_bytes_raw()).keyid, key.sign(signed_bytes(raw)).hex()


def refused_to_caller(error: ReteError) -> CallerError:
    """Return what was said of a document as said to whoever is making it."""
    return CallerError(error.code, error.what, where=error.where, hint=error.hint, **error.facts)


ROOT_KEYS = ("consistent_snapshot", "keys", "roles", "x-rete")
TARGETS_KEYS = ("targets", "x-rete")
