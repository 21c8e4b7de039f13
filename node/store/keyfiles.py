"""Private keys on disk: one PEM file per role, mode 0600, never two roles with one key.

In: the home's key folder. Out: key objects. A key file that others may read is refused: it must be taken as known. The seal key
has two files: X25519 and, in homes made since it is there, ML-KEM-768. Source: PROTOCOL 1.2 (roles), 9.1.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.errors import N_, OperatorError
from node.protocol.sealed import SealKey, SealPrivate

SIGNING_ROLES = ("log", "witness", "mirror", "http")
SEAL_ROLE = "seal"
SEAL_MLKEM_ROLE = "seal-mlkem"


@dataclass(frozen=True, slots=True)
class Keys:
    """The node's private keys by role."""

    signing: Mapping[str, Ed25519PrivateKey]
    seal: SealPrivate

    def __repr__(self) -> str:
        """Say nothing: a key must not reach a log through a repr."""
        return "Keys(...)"


def _write_new(path: Path, key: Ed25519PrivateKey | X25519PrivateKey | MLKEM768PrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write_bytes(path, pem)


def _write_bytes(path: Path, content: bytes) -> None:
    # O_EXCL: an existing key is never overwritten, it may be the only copy of the log's identity.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def create(folder: Path) -> None:
    """Generate the keys of every role in ``folder`` (mode 0700)."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for role in SIGNING_ROLES:
        _write_new(folder / f"{role}.pem", Ed25519PrivateKey.generate())
    _write_new(folder / f"{SEAL_ROLE}.pem", X25519PrivateKey.generate())
    _write_new(folder / f"{SEAL_MLKEM_ROLE}.pem", MLKEM768PrivateKey.generate())


def _secret(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if mode & 0o077:
            raise OperatorError(
                "key-file-readable",
                N_("il file della chiave è leggibile da altri (permessi {mode})"),
                where=str(path),
                hint=N_("chmod 600 sul file; se altri utenti possono averlo letto, sostituire la chiave"),
                mode=f"{mode & 0o777:o}",
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise OperatorError(
            "key-file-missing",
            N_("manca il file della chiave"),
            where=str(path),
            hint=N_("ripristinarlo dalla copia di sicurezza; «rete init» crea le chiavi di un nodo nuovo"),
        ) from error
    except PermissionError as error:
        raise OperatorError(
            "key-file-unreadable", N_("il file della chiave non è leggibile"), where=str(path)
        ) from error


def read_secret(path: Path) -> bytes:
    """Return a file that only its owner may read. Raises: OperatorError key-file-missing, -readable or -unreadable."""
    return _secret(path)


def read_password(path: Path) -> str:
    """Return the first line of a file that only its owner may read. Raises: OperatorError key-file-..., as for keys."""
    lines = _secret(path).decode("utf-8", "replace").splitlines()
    return lines[0] if lines else ""


def public_of(pem: bytes, path: Path) -> bytes:
    """Return the public half of a signing key's bytes; ``path`` only names it. Raises: OperatorError(key-file-bad)."""
    key = _parse(pem, path)
    if not isinstance(key, Ed25519PrivateKey):
        raise OperatorError("key-file-bad", N_("la chiave deve essere Ed25519"), where=str(path))
    return key.public_key().public_bytes_raw()


def _read(path: Path) -> object:
    return _parse(_secret(path), path)


def _parse(pem: bytes, path: Path) -> object:
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise OperatorError(
            "key-file-bad", N_("il file non contiene una chiave privata PEM"), where=str(path)
        ) from error


def read(folder: Path) -> Keys:
    """Read all keys. Raises: OperatorError key-file-missing, -readable, -unreadable, -bad or key-reused."""
    signing: dict[str, Ed25519PrivateKey] = {}
    for role in SIGNING_ROLES:
        path = folder / f"{role}.pem"
        key = _read(path)
        if not isinstance(key, Ed25519PrivateKey):
            raise OperatorError("key-file-bad", N_("la chiave deve essere Ed25519"), where=str(path))
        signing[role] = key
    if len({key.public_key().public_bytes_raw() for key in signing.values()}) != len(signing):
        raise OperatorError("key-reused", N_("due ruoli usano la stessa chiave"), where=str(folder))
    return Keys(signing, _read_seal(folder))


def _read_seal(folder: Path) -> SealPrivate:
    path = folder / f"{SEAL_ROLE}.pem"
    x25519 = _read(path)
    if not isinstance(x25519, X25519PrivateKey):
        raise OperatorError("key-file-bad", N_("la chiave deve essere X25519"), where=str(path))
    path = folder / f"{SEAL_MLKEM_ROLE}.pem"
    if not path.exists():
        # A home from before this key: others seal for the first alone, by the suite that goes with it.
        return SealPrivate(x25519, None)
    mlkem768 = _read(path)
    if not isinstance(mlkem768, MLKEM768PrivateKey):
        raise OperatorError("key-file-bad", N_("la chiave deve essere ML-KEM-768"), where=str(path))
    return SealPrivate(x25519, mlkem768)


def rotate_seal(folder: Path, now: dt.datetime) -> SealKey:
    """Put a new seal key in the place of the old one, whose files stay beside it as ``seal.pem.<time>.old``; return its public half.

    Raises: OperatorError key-file-exists, or as ``read`` does.
    """
    _read_seal(folder)
    made: dict[str, X25519PrivateKey | MLKEM768PrivateKey] = {
        SEAL_ROLE: X25519PrivateKey.generate(),
        SEAL_MLKEM_ROLE: MLKEM768PrivateKey.generate(),
    }
    paths = [folder / f"{role}.pem" for role in made]
    kept = {path: path.with_name(f"{path.name}.{now:%Y%m%d-%H%M%S}.old") for path in paths if path.exists()}
    for old in kept.values():
        if old.exists():
            raise OperatorError(
                "key-file-exists", N_("c'è già una chiave messa da parte con questo nome"), where=str(old)
            )
    for path, old in kept.items():
        _write_bytes(old, _secret(path))
    for path, key in zip(paths, made.values(), strict=True):
        draft = path.with_name(f"{path.name}.new")
        # Left by a rotation that was cut short: nobody was ever told of it.
        draft.unlink(missing_ok=True)
        _write_new(draft, key)
    # Nothing has changed so far. A crash between the two leaves a pair that nobody was told of: it is rotated again.
    for path in paths:
        path.with_name(f"{path.name}.new").replace(path)
    _sync(folder)
    return _read_seal(folder).public


def _sync(folder: Path) -> None:
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(held)
    finally:
        os.close(held)
