"""Key names, key ids and their text form (PROTOCOL 1, 2; C2SP signed-note).

In: Ed25519 keys and names. Out: vkeys, and the signers and verifiers that signed notes need. Roles never share a key;
a public key of low order, for which anybody can make signatures, is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.errors import N_, CallerError

LOG_TYPE = 0x01
COSIGNATURE_TYPE = 0x04
KEY_BYTES = 32
SIGNATURE_BYTES = 64
_FIELD = 2**255 - 19
# The y coordinates of the eight points of small order (sign bit ignored), and their non-canonical spellings.
_LOW_ORDER_Y = frozenset(
    {
        0,
        1,
        _FIELD - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,300}")


def check_public(public: bytes) -> bytes:
    """Return ``public`` if it can be trusted as an Ed25519 key. Raises: CallerError(key-bad | key-low-order)."""
    if len(public) != KEY_BYTES:
        raise CallerError("key-bad", N_("una chiave pubblica Ed25519 ha 32 byte"))
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _FIELD or y % _FIELD in _LOW_ORDER_Y:
        raise CallerError(
            "key-low-order", N_("chiave pubblica di ordine basso o non canonica: chiunque potrebbe firmare")
        )
    try:
        Ed25519PublicKey.from_public_bytes(public)
    except ValueError as error:
        raise CallerError("key-bad", N_("i 32 byte non sono una chiave Ed25519")) from error
    return public


def check_name(name: str) -> str:
    """Return a note key name: no space, no plus, no control. Raises: CallerError(key-name-bad)."""
    if not _NAME.fullmatch(name):
        raise CallerError("key-name-bad", N_("nome di chiave non valido"))
    return name


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """Return the 4-byte id of a note key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def format_vkey(name: str, public: bytes, kind: int = LOG_TYPE) -> str:
    """Return ``name+keyid+base64(type || key)``."""
    return f"{check_name(name)}+{key_id(name, kind, public).hex()}+{base64.b64encode(bytes([kind]) + public).decode()}"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A named public key that can check a note's signature lines.

    ``until_size``: a log's key that was withdrawn speaks only for its trees of up to so many entries (checkpoint.read_signed).
    """

    name: str
    kind: int
    public: bytes
    until_size: int | None = None

    @property
    def id(self) -> bytes:
        """The 4-byte key id."""
        return key_id(self.name, self.kind, self.public)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Tell whether ``signature`` is this key's over ``message``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def parse_vkey(text: str) -> Verifier:
    """Return the verifier of a vkey. Raises: CallerError(vkey-malformed | key-low-order | key-bad)."""
    name, _, rest = text.partition("+")
    keyid_hex, _, key64 = rest.partition("+")
    try:
        blob = base64.b64decode(key64, validate=True)
        keyid = bytes.fromhex(keyid_hex)
    except (binascii.Error, ValueError) as error:
        raise CallerError("vkey-malformed", N_("chiave di verifica non valida")) from error
    kind = blob[0] if blob else -1
    canonical = base64.b64encode(blob).decode() == key64 and keyid.hex() == keyid_hex and len(keyid) == 4
    if kind not in (LOG_TYPE, COSIGNATURE_TYPE) or not canonical or not _NAME.fullmatch(name):
        raise CallerError("vkey-malformed", N_("chiave di verifica non valida"))
    public = check_public(blob[1:])
    if key_id(name, kind, public) != keyid:
        raise CallerError("vkey-malformed", N_("l'identificativo della chiave di verifica non corrisponde"))
    return Verifier(name, kind, public)


class Signer(Protocol):
    """What signs a note: a name, a key id and a function over the note's text."""

    @property
    def name(self) -> str:
        """The key's name."""
        ...

    @property
    def id(self) -> bytes:
        """The 4-byte key id."""
        ...

    def sign(self, text: bytes) -> bytes:
        """Return the signature blob that follows the key id."""
        ...


@dataclass(frozen=True, slots=True)
class LogSigner:
    """Signs note texts with a log's key (type 0x01)."""

    name: str
    key: Ed25519PrivateKey

    @property
    def id(self) -> bytes:
        """The 4-byte key id."""
        return key_id(self.name, LOG_TYPE, self.key.public_key().public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        """Return the Ed25519 signature of the text."""
        return self.key.sign(text)
