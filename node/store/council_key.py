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

# As of backups: somebody who has the file may try as many as he likes.
SHORTEST = 12
_PRIVATE = b"PRIVATE KEY"
_ENCRYPTED = b"ENCRYPTED PRIVATE KEY"


def check_place(path: Path) -> None:
    """Refuse a place where a key can't be made: what is there is never overwritten. Raises: CallerError(council-key-exists)."""
    if path.exists():
        raise CallerError(
            "council-key-exists",
            N_("il file c'è già: una chiave non viene mai sovrascritta"),
            where=str(path),
            hint=N_(
                "scegliere un altro nome; il biglietto di questa chiave lo scrive di nuovo «rete agreement council-key {file} --show -o BIGLIETTO»"
            ),
            file=path,
        )
    whole_file.check_folder(path)


def create(path: Path, passphrase: str) -> Ed25519PrivateKey:
    """Make a new key in a file of its owner alone. Raises: as ``check_place``."""
    check_place(path)
    key = Ed25519PrivateKey.generate()
    locked = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    whole_file.write([whole_file.WholeFile(path, pem, whole_file.SECRET)], replace=False)
    return key


def is_encrypted(path: Path) -> bool:
    """Tell whether a key file wants a passphrase. Raises: OperatorError key-file-...."""
    return _ENCRYPTED in _pem(path)


def read_passphrase(path: Path) -> str:
    """Return the passphrase in the first line of a file of its owner alone. Raises: OperatorError key-file-..., CallerError(passphrase-file-missing)."""
    if not path.exists():
        raise CallerError(
            "passphrase-file-missing",
            N_("manca il file della frase segreta"),
            where=str(path),
            hint=N_(
                "controllare il nome: è il file di --passphrase-file, con la frase nella prima riga e permessi 600"
            ),
        )
    return keyfiles.read_password(path)


def check_passphrase(passphrase: str) -> str:
    """Return a passphrase that is long enough. Raises: CallerError(council-key-passphrase-short)."""
    if len(passphrase) < SHORTEST:
        raise CallerError(
            "council-key-passphrase-short",
            N_("la frase segreta della chiave è troppo corta: servono almeno {shortest} caratteri"),
            hint=N_("per esempio quattro o cinque parole a caso; --no-passphrase lascia la chiave in chiaro"),
            shortest=SHORTEST,
        )
    return passphrase


def _pem(path: Path) -> bytes:
    """Return the bytes of a council key's file; what is no key at all is told before its permissions are."""
    if not path.exists():
        raise CallerError(
            "key-file-missing",
            N_("manca il file della chiave"),
            where=str(path),
            hint=N_("controllare il nome: è il file che ha fatto «rete agreement council-key», o la sua copia"),
        )
    try:
        with path.open("rb") as opened:
            start = opened.read(100)
    except OSError:
        # Told better below.
        start = _PRIVATE
    if _PRIVATE not in start:
        raise CallerError(
            "key-file-bad",
            N_("il file non contiene una chiave privata PEM"),
            where=str(path),
            hint=N_("se è un biglietto, quello è pubblico e non firma: indicare il file che ha fatto «rete agreement council-key»"),
        )  # fmt: skip
    return keyfiles.read_secret(path)


def read(path: Path, passphrase: str) -> Ed25519PrivateKey:
    """Return the key of a file. Raises: OperatorError key-file-..., CallerError(council-key-passphrase)."""
    pem = _pem(path)
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
