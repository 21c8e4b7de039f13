"""A council key on disk: one PEM file, mode 0600, anywhere its holder likes, encrypted when a passphrase was given.

In: a path and a passphrase, "" for none. Out: the key. It is no key of a node: no home, no database, and it may be on a machine without
network. A file that others may read is refused: its key must be taken as known. Source: PROTOCOL 7.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import N_, CallerError, OperatorError
from node.store import keyfiles, whole_file

_ENCRYPTED = b"ENCRYPTED PRIVATE KEY"


def create(path: Path, passphrase: str) -> Ed25519PrivateKey:
    """Make a new key in a file of its owner alone; what is there is never overwritten. Raises: CallerError(council-key-exists)."""
    if path.exists():
        raise CallerError(
            "council-key-exists",
            N_("il file c'è già: una chiave non viene mai sovrascritta"),
            where=str(path),
            hint=N_("scegliere un altro nome"),
        )
    key = Ed25519PrivateKey.generate()
    locked = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    whole_file.write([whole_file.WholeFile(path, pem, whole_file.SECRET)], replace=False)
    return key


def is_encrypted(path: Path) -> bool:
    """Tell whether a key file wants a passphrase. Raises: OperatorError key-file-...."""
    return _ENCRYPTED in keyfiles.read_secret(path)


def read(path: Path, passphrase: str) -> Ed25519PrivateKey:
    """Return the key of a file. Raises: OperatorError key-file-..., CallerError(council-key-passphrase)."""
    pem = keyfiles.read_secret(path)
    if (_ENCRYPTED in pem) != bool(passphrase):
        raise _passphrase(path)
    try:
        key = serialization.load_pem_private_key(pem, password=passphrase.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if passphrase:
            raise _passphrase(path) from error
        raise OperatorError(
            "key-file-bad", N_("il file non contiene una chiave privata PEM"), where=str(path)
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise OperatorError("key-file-bad", N_("la chiave deve essere Ed25519"), where=str(path))
    return key


def _passphrase(path: Path) -> CallerError:
    return CallerError(
        "council-key-passphrase",
        N_("la frase segreta non apre questa chiave"),
        where=str(path),
        hint=N_("una chiave cifrata la vuole (--passphrase-file, o scritta a mano); una in chiaro non ne ha"),
    )
