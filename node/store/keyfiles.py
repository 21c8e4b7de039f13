"""Private keys on disk: PEM files by role, mode 0600, never one key twice.

In: the home's key folder. Out: key objects. ``<role>.pem`` is a role's first key; each that was made to follow it is ``<role>-<n>.pem``
(n = 2, 3, ...): which of them speaks, the agreement says, so none is ever put in another's place. A key file that others may read is
refused: it must be taken as known. The seal key has two files: X25519 and, in homes made since it is there, ML-KEM-768.
``secret.key`` is no key of the federation: this node's own secrets are derived from it, and no rotation touches it.
Source: PROTOCOL 1.2 (roles), 7.10, 9.1.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import secrets
from collections.abc import Iterator, Mapping
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
ROLES = (*SIGNING_ROLES, SEAL_ROLE)
SECRET_FILE = "secret.key"  # noqa: S105  (a name, no secret)
SECRET_BYTES = 32
# Every key file, and those that an earlier program put aside when the seal key was changed.
_KEY_FILE = re.compile(
    rf"(?:{'|'.join((*ROLES, SEAL_MLKEM_ROLE))})(?:-[1-9][0-9]{{0,3}})?\.pem(?:\.[0-9]{{8}}-[0-9]{{6}}\.old)?"
)


@dataclass(frozen=True, slots=True)
class Keys:
    """One private key of the node for each role."""

    signing: Mapping[str, Ed25519PrivateKey]
    seal: SealPrivate

    def __repr__(self) -> str:
        """Say nothing: a key must not reach a log through a repr."""
        return "Keys(...)"


@dataclass(frozen=True, slots=True)
class Held:
    """All private keys of the node: of each role by number, 1 being the first; and the secret that is nobody else's.

    ``put_aside``: seal keys that are only there to open what was sealed for them.
    """

    signing: Mapping[str, Mapping[int, Ed25519PrivateKey]]
    seals: Mapping[int, SealPrivate]
    put_aside: tuple[SealPrivate, ...]
    secret: bytes

    @property
    def first(self) -> Keys:
        """The key of each role that was made first."""
        signing = {role: held[min(held)] for role, held in self.signing.items()}
        return Keys(signing, self.seals[min(self.seals)])

    def __repr__(self) -> str:
        """Say nothing: a key must not reach a log through a repr."""
        return "Held(...)"


def file_of(role: str, number: int, *, mlkem: bool = False) -> str:
    """Return the name of a key's file; ``mlkem``: of the second half of a seal key."""
    return f"{SEAL_MLKEM_ROLE if mlkem else role}{'' if number == 1 else f'-{number}'}.pem"


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
    _write_bytes(folder / SECRET_FILE, secrets.token_bytes(SECRET_BYTES))


def add(folder: Path, role: str) -> int:
    """Make a role's next key; return its number. Nobody knows of it yet. Raises: OperatorError key-file-..."""
    there = numbers(folder, role)
    number = max(there, default=1 if role in ROLES else 0) + 1
    if role == SEAL_ROLE:
        # The second half first: a crash between the two leaves a file that is no key by itself, and is made anew.
        second = folder / file_of(role, number, mlkem=True)
        second.unlink(missing_ok=True)
        _write_new(second, MLKEM768PrivateKey.generate())
        _write_new(folder / file_of(role, number), X25519PrivateKey.generate())
    else:
        _write_new(folder / file_of(role, number), Ed25519PrivateKey.generate())
    _sync(folder)
    return number


def names(folder: Path) -> list[str]:
    """Return the names of all files of a key folder that belong in a backup, by name."""
    there = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(name for name in there if name == SECRET_FILE or _KEY_FILE.fullmatch(name))


def numbers(folder: Path, role: str) -> list[int]:
    """Return the numbers of a role's keys that are on disk, in order."""
    form = re.compile(rf"{role}(?:-([2-9]|[1-9][0-9]{{1,3}}))?\.pem")
    found = (form.fullmatch(name) for name in names(folder))
    return sorted(int(match.group(1) or 1) for match in found if match)


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
    """Read the first key of each role. Raises: OperatorError key-file-missing, -readable, -unreadable, -bad or key-reused."""
    signing = {role: _read_signing(folder / file_of(role, 1)) for role in SIGNING_ROLES}
    if len({key.public_key().public_bytes_raw() for key in signing.values()}) != len(signing):
        raise OperatorError("key-reused", N_("due ruoli usano la stessa chiave"), where=str(folder))
    return Keys(signing, _read_seal(folder))


def read_all(folder: Path) -> Held:
    """Read every key, one of each role at least; a home that has no secret yet is given it.

    Raises: OperatorError key-file-missing, -readable, -unreadable, -bad or key-reused.
    """
    signing: dict[str, dict[int, Ed25519PrivateKey]] = {}
    for role in SIGNING_ROLES:
        # Of a role without any file the first is asked for, and is told to be missing.
        there = numbers(folder, role) or [1]
        signing[role] = {number: _read_signing(folder / file_of(role, number)) for number in there}
    publics = [key.public_key().public_bytes_raw() for held in signing.values() for key in held.values()]
    if len(set(publics)) != len(publics):
        raise OperatorError("key-reused", N_("due ruoli usano la stessa chiave"), where=str(folder))
    seals = {number: _read_seal(folder, number) for number in numbers(folder, SEAL_ROLE) or [1]}
    return Held(signing, seals, tuple(_put_aside(folder)), _read_secret(folder, signing["http"]))


def _read_signing(path: Path) -> Ed25519PrivateKey:
    key = _read(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise OperatorError("key-file-bad", N_("la chiave deve essere Ed25519"), where=str(path))
    return key


def _read_secret(folder: Path, http: Mapping[int, Ed25519PrivateKey]) -> bytes:
    """Return the secret that no rotation touches.

    Homes from before it took the private bytes of their request key: those are written down, so that second factors and the links
    in mails that went out stay good.
    """
    path = folder / SECRET_FILE
    if not path.exists():
        try:
            _write_bytes(path, http[min(http)].private_bytes_raw())
        except FileExistsError:
            # Another process of this node was quicker.
            pass
        except OSError as error:
            raise OperatorError(
                "key-file-unreadable", N_("il file della chiave non si può scrivere"), where=str(path)
            ) from error
    secret = _secret(path)
    if len(secret) != SECRET_BYTES:
        raise OperatorError("key-file-bad", N_("il segreto del nodo deve avere 32 byte"), where=str(path))
    return secret


def _put_aside(folder: Path) -> Iterator[SealPrivate]:
    """Yield the seal keys that ``rotate_seal`` put aside: what was sealed for them still comes."""
    for name in names(folder):
        role, _, rest = name.partition(".pem.")
        if role == SEAL_ROLE and rest:
            x25519, second = _read(folder / name), folder / f"{SEAL_MLKEM_ROLE}.pem.{rest}"
            mlkem768 = _read(second) if second.exists() else None
            if isinstance(x25519, X25519PrivateKey) and (mlkem768 is None or isinstance(mlkem768, MLKEM768PrivateKey)):
                yield SealPrivate(x25519, mlkem768)


def _read_seal(folder: Path, number: int = 1) -> SealPrivate:
    path = folder / file_of(SEAL_ROLE, number)
    x25519 = _read(path)
    if not isinstance(x25519, X25519PrivateKey):
        raise OperatorError("key-file-bad", N_("la chiave deve essere X25519"), where=str(path))
    path = folder / file_of(SEAL_ROLE, number, mlkem=True)
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
