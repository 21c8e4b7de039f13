"""Sealed messages: what one office writes to another, readable by nobody on the way (PROTOCOL 9; RFC 9180).

In: a header, the plaintext, the recipient's public seal key; or an envelope and the private one. Out: the envelope's canonical
bytes; or the plaintext. Rules: each key has one suite, so that nobody can talk a sender or a reader down to a weaker one; the
whole header is bound into the encryption; lengths show as one of four classes. What a seal does not say is who closed it:
anybody can seal for anybody. The sender is proved by the signature inside, and a replay found by the number outside.
Pure but for the one-time key that the library draws for each message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from node.errors import N_, CallerError, PeerWrongError
from node.protocol import canonical, limits

X25519_SUITE = 1
HYBRID_SUITE = 2
X25519_BYTES = 32
MLKEM768_BYTES = 1184
_KEY_PREFIX = b"rete/seal-key/v1\n"
_INFO_PREFIX = b"rete/seal/v1\n"
_LENGTH_BYTES = 4
_FIELD = 2**255 - 19
_VERSION = 1
_KEYS = {"ct", "from", "id", "key", "seq", "suite", "to", "v"}
_MEMBER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_SUITES = {
    X25519_SUITE: hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305),
    HYBRID_SUITE: hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305),
}
# X25519 makes a multiple of 8 of any scalar: with this one as with all, only points of small order come out as zero.
_ANY_SCALAR = X25519PrivateKey.from_private_bytes(bytes([1]) * X25519_BYTES)


@dataclass(frozen=True, slots=True)
class SealKey:
    """The public key for which messages to a node are sealed: raw X25519, and raw ML-KEM-768 where the node has one."""

    x25519: bytes
    mlkem768: bytes | None

    @classmethod
    def of(cls, x25519: bytes, mlkem768: bytes | None) -> SealKey:
        """Return the key of somebody's bytes. Raises: CallerError(seal-key-bad | seal-key-low-order)."""
        if len(x25519) != X25519_BYTES:
            raise CallerError("seal-key-bad", N_("una chiave pubblica X25519 ha 32 byte"))
        try:
            _ANY_SCALAR.exchange(X25519PublicKey.from_public_bytes(x25519))
        except ValueError as error:
            raise _low_order() from error
        if int.from_bytes(x25519, "little") >= _FIELD:
            raise _low_order()
        if mlkem768 is not None:
            try:
                MLKEM768PublicKey.from_public_bytes(mlkem768)
            except ValueError as error:
                raise CallerError("seal-key-bad", N_("la chiave pubblica ML-KEM-768 non è valida")) from error
        return cls(x25519, mlkem768)

    @property
    def id(self) -> str:
        """The 16 hexadecimal digits by which an envelope names the key it is for (PROTOCOL 9.1)."""
        return hashlib.sha256(_KEY_PREFIX + self.x25519 + (self.mlkem768 or b"")).hexdigest()[:16]

    @property
    def suite(self) -> int:
        """The one suite with which this key is used (PROTOCOL 9.2)."""
        return X25519_SUITE if self.mlkem768 is None else HYBRID_SUITE


def _low_order() -> CallerError:
    return CallerError(
        "seal-key-low-order", N_("chiave X25519 di ordine basso o non canonica: chiunque potrebbe leggere")
    )


@dataclass(frozen=True, slots=True, eq=False)
class SealPrivate:
    """The private halves of this node's seal key."""

    x25519: X25519PrivateKey
    mlkem768: MLKEM768PrivateKey | None

    def __repr__(self) -> str:
        """Say nothing: a key must not reach a log through a repr."""
        return "SealPrivate(...)"

    @property
    def public(self) -> SealKey:
        """What the others seal with."""
        mlkem768 = None if self.mlkem768 is None else self.mlkem768.public_key().public_bytes_raw()
        return SealKey(self.x25519.public_key().public_bytes_raw(), mlkem768)


@dataclass(frozen=True, slots=True)
class Header:
    """What everybody on the way may read: ids of the two members, the introduction's UUID, the message's number in it."""

    sender: str
    recipient: str
    introduction: str
    seq: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """An envelope that has the right form; whether it opens, ``unseal`` says."""

    header: Header
    key_id: str
    suite: int
    ciphertext: bytes


def _fields(header: Header, key_id: str, suite: int) -> dict[str, Any]:
    return {
        "from": header.sender, "id": header.introduction, "key": key_id, "seq": header.seq, "suite": suite, "to": header.recipient,
        "v": _VERSION,
    }  # fmt: skip


def _bound(fields: dict[str, Any]) -> bytes:
    return _INFO_PREFIX + canonical.dumps(fields)


def _whole(value: object, least: int) -> bool:
    return type(value) is int and least <= value <= limits.JSON_INTEGER_MAX


def _is_good(fields: dict[str, Any]) -> bool:
    """Tell whether all fields but the ciphertext have their form."""
    forms = ((_MEMBER, "from"), (_MEMBER, "to"), (_UUID, "id"), (_KEY_ID, "key"))
    return (
        all(type(fields[name]) is str and form.fullmatch(fields[name]) for form, name in forms)
        and _whole(fields["seq"], 0)
        and _whole(fields["suite"], 1)
        and type(fields["v"]) is int
        and fields["v"] == _VERSION
    )


def seal(header: Header, plaintext: bytes, key: SealKey) -> bytes:
    """Return the envelope of a message that only the holder of ``key`` can open, different each time.

    Raises: CallerError(sealed-header-bad | message-too-large).
    """
    fields = _fields(header, key.id, key.suite)
    if not _is_good(fields):
        raise CallerError("sealed-header-bad", N_("mittente, destinatario o numero del messaggio non validi"))
    x25519 = X25519PublicKey.from_public_bytes(key.x25519)
    public: X25519PublicKey | hpke.MLKEM768X25519PublicKey = x25519
    if key.mlkem768 is not None:
        public = hpke.MLKEM768X25519PublicKey(MLKEM768PublicKey.from_public_bytes(key.mlkem768), x25519)
    ciphertext = _SUITES[key.suite].encrypt(_padded(plaintext), public, _bound(fields))
    return canonical.dumps({"ct": base64.b64encode(ciphertext).decode(), **fields})


def _padded(plaintext: bytes) -> bytes:
    whole = len(plaintext).to_bytes(_LENGTH_BYTES, "big") + plaintext
    for size in limits.SEALED_CLASSES_BYTES:
        if len(whole) <= size:
            return whole.ljust(size, b"\0")
    raise CallerError(
        "message-too-large", N_("il messaggio supera {max} byte"), max=limits.MESSAGE_MAX_BYTES, size=len(plaintext)
    )


def _malformed() -> PeerWrongError:
    return PeerWrongError("sealed-malformed", N_("messaggio sigillato non valido"))


def parse(raw: bytes) -> Sealed:
    """Return an envelope's parts, unopened. Raises: PeerWrongError(sealed-malformed)."""
    try:
        value = canonical.parse(raw, max_bytes=limits.SEALED_MAX_BYTES)
    except PeerWrongError as error:
        raise _malformed() from error
    if type(value) is not dict or value.keys() != _KEYS or type(value["ct"]) is not str or not _is_good(value):
        raise _malformed()
    try:
        ciphertext = base64.b64decode(value["ct"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed() from error
    if base64.b64encode(ciphertext).decode() != value["ct"]:
        raise _malformed()
    header = Header(value["from"], value["to"], value["id"], value["seq"])
    return Sealed(header, value["key"], value["suite"], ciphertext)


def unseal(sealed: Sealed, own_id: str, keys: SealPrivate | None) -> bytes:
    """Return the plaintext of an envelope for the member ``own_id``; ``keys`` None: it has none of the id that the envelope names.

    Raises: PeerWrongError(seal-not-for-us | seal-key-unknown | seal-suite-unknown | seal-broken | seal-padding-bad).
    """
    if sealed.header.recipient != own_id:
        raise PeerWrongError("seal-not-for-us", N_("il messaggio sigillato è per un altro nodo"))
    if keys is None or sealed.key_id != (public := keys.public).id:
        raise PeerWrongError("seal-key-unknown", N_("il messaggio è sigillato per una chiave che questo nodo non usa"))
    if sealed.suite != public.suite:
        raise PeerWrongError(
            "seal-suite-unknown", N_("il messaggio è sigillato in un modo che non è quello della chiave")
        )
    private: X25519PrivateKey | hpke.MLKEM768X25519PrivateKey = keys.x25519
    if keys.mlkem768 is not None:
        private = hpke.MLKEM768X25519PrivateKey(keys.mlkem768, keys.x25519)
    bound = _bound(_fields(sealed.header, sealed.key_id, sealed.suite))
    try:
        padded = _SUITES[sealed.suite].decrypt(sealed.ciphertext, private, bound)
    except InvalidTag as error:
        # Other bytes, another sender, introduction or number: to the cipher it is all one.
        raise PeerWrongError("seal-broken", N_("il sigillo del messaggio non è integro")) from error
    return _unpadded(padded)


def _unpadded(padded: bytes) -> bytes:
    end = _LENGTH_BYTES + int.from_bytes(padded[:_LENGTH_BYTES], "big")
    if len(padded) not in limits.SEALED_CLASSES_BYTES or end > len(padded) or any(padded[end:]):
        raise PeerWrongError("seal-padding-bad", N_("il riempimento del messaggio sigillato non è valido"))
    return padded[_LENGTH_BYTES:end]
