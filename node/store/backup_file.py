"""The file of a backup: sealed parts one after another, and at its end a manifest that says what they are.

In: parts as bytes in pieces, a passphrase. Out: one file, readable again with that passphrase; without it only the manifest, which
holds nothing private. Every byte is covered: parts by their SHA-256 and by their seal, the manifest by its SHA-256 and by a code under
the same passphrase. Layout (docs/backup.md): the line ``rete-backup/1``, the parts, the manifest (JSON), its SHA-256, its HMAC-SHA256,
its length (8 bytes, big-endian). The key is scrypt's (RFC 7914), one subkey for each part (HKDF, RFC 5869); a part is ChaCha20-Poly1305
(RFC 8439) over pieces of 1 MiB, whose nonce is their number and whether it is the last, so that none can be moved, repeated or cut off.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import struct
import unicodedata
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from node.errors import N_, CallerError

FORMAT: Final = "rete-backup/1"
MAGIC: Final = f"{FORMAT}\n".encode()
PIECE: Final = 2**20
TAG: Final = 16
SHORTEST: Final = 12
MANIFEST_MAX_BYTES: Final = 2**20
_TAIL: Final = struct.Struct(">32s32sQ")
# 128 MiB and some tenths of a second for each guess.
COST: Final = (2**17, 8, 1)
# What a file may ask of whoever reads it.
_MOST: Final = (2**18, 8, 4)
_HINT: Final = N_("provare un'altra copia: questa non serve più a ripristinare")


@dataclass(frozen=True, slots=True)
class Part:
    """One part as it stands in the file: ``at`` is where it begins, ``size`` its bytes there."""

    name: str
    at: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the end of a file says of it; ``facts`` are the writer's."""

    path: Path
    facts: Mapping[str, Any]
    parts: tuple[Part, ...]
    salt: bytes
    cost: tuple[int, int, int]
    check: str
    raw: bytes
    code: bytes

    @property
    def digest(self) -> str:
        """What names this very file: the SHA-256 of its manifest, which holds those of its parts."""
        return hashlib.sha256(self.raw).hexdigest()


def check_passphrase(passphrase: str) -> str:
    """Return a passphrase that is long enough. Raises: CallerError(backup-passphrase-short)."""
    if len(passphrase) < SHORTEST:
        raise CallerError(
            "backup-passphrase-short",
            N_("la frase segreta della copia è troppo corta: servono almeno {shortest} caratteri"),
            hint=N_("per esempio quattro o cinque parole a caso; conservarla lontano dalle copie: senza non si ripristina"),
            shortest=SHORTEST,
        )  # fmt: skip
    return passphrase


def _damaged(path: Path, place: str, why: str = N_("la copia è danneggiata"), **facts: object) -> CallerError:
    return CallerError("backup-damaged", why, where=f"{path} ({place})", hint=_HINT, **facts)


class _Keys:
    """The keys of one file."""

    def __init__(self, passphrase: str, salt: bytes, cost: tuple[int, int, int]) -> None:
        n, r, p = cost
        # The same words typed on another machine are the same bytes.
        words = unicodedata.normalize("NFC", passphrase).encode()
        self._key = Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(words)

    def of(self, purpose: str) -> bytes:
        """Return the subkey for a purpose."""
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"{FORMAT} {purpose}".encode()).derive(self._key)

    def code(self, manifest: bytes) -> bytes:
        """Return the code that only who knows the passphrase can put under a manifest."""
        return hmac.digest(self.of("manifest"), manifest, "sha256")

    @property
    def check(self) -> str:
        """What tells a wrong passphrase from a changed file."""
        return self.of("check")[:8].hex()


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _pieces_of(content: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Cut or join what comes into pieces of one size; the last, which may be empty, is told."""
    held = bytearray()
    for more in content:
        held += more
        while len(held) > PIECE:
            yield bytes(held[:PIECE]), False
            del held[:PIECE]
    yield bytes(held), True


class Writer:
    """Writes one file: its parts in turn, then the manifest."""

    def __init__(self, out: BinaryIO, passphrase: str, cost: tuple[int, int, int] | None = None) -> None:
        """Begin the file; ``cost`` is scrypt's n, r and p."""
        self._out, self._cost = out, cost or COST
        self._salt = os.urandom(16)
        self._keys = _Keys(passphrase, self._salt, self._cost)
        self._parts: list[Part] = []
        self._at = out.write(MAGIC)

    def part(self, name: str, content: Iterable[bytes]) -> None:
        """Seal one part and write it."""
        cipher, digest, size = ChaCha20Poly1305(self._keys.of(f"part {name}")), hashlib.sha256(), 0
        for number, (piece, last) in enumerate(_pieces_of(content)):
            sealed = cipher.encrypt(_nonce(number, last=last), piece, None)
            self._out.write(sealed)
            digest.update(sealed)
            size += len(sealed)
        self._parts.append(Part(name, self._at, size, digest.hexdigest()))
        self._at += size

    def finish(self, facts: Mapping[str, Any]) -> str:
        """Write the manifest; return the digest that names the file."""
        n, r, p = self._cost
        seal = {"kdf": "scrypt", "n": n, "r": r, "p": p, "salt": base64.b64encode(self._salt).decode(), "check": self._keys.check}  # fmt: skip
        parts = [{"name": part.name, "bytes": part.size, "sha256": part.sha256} for part in self._parts]
        raw = orjson.dumps({"format": FORMAT, **facts, "seal": seal, "parts": parts}, option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(raw)
        self._out.write(raw + _TAIL.pack(digest.digest(), self._keys.code(raw), len(raw)))
        return digest.hexdigest()


def read_manifest(path: Path) -> Manifest:
    """Return what a file says of itself, unverified but whole. Raises: CallerError backup-damaged, backup-unknown; OSError."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise CallerError(
                "backup-unknown",
                N_("non è una copia di sicurezza che questo programma conosce"),
                where=str(path),
                hint=N_("indicare un file fatto da «rete backup create»; per uno più nuovo aggiornare il programma"),
            )
        end = file.seek(0, os.SEEK_END)
        room = end - len(MAGIC) - _TAIL.size
        if room < 0:
            raise _damaged(path, "manifest", N_("la copia finisce prima del suo indice"))
        file.seek(end - _TAIL.size)
        digest, code, length = _TAIL.unpack(file.read(_TAIL.size))
        if length > min(room, MANIFEST_MAX_BYTES):
            raise _damaged(path, "manifest", N_("la copia finisce prima del suo indice"))
        file.seek(end - _TAIL.size - length)
        raw = file.read(length)
    if not hmac.compare_digest(hashlib.sha256(raw).digest(), digest):
        raise _damaged(path, "manifest")
    try:
        found = _parse(path, raw, code)
    except (orjson.JSONDecodeError, binascii.Error, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, "manifest") from error
    if len(MAGIC) + sum(part.size for part in found.parts) != end - _TAIL.size - length:
        raise _damaged(path, "manifest", N_("la copia non è lunga quanto dice il suo indice"))
    return found


def _parse(path: Path, raw: bytes, code: bytes) -> Manifest:
    value = orjson.loads(raw)
    seal = value.pop("seal")
    cost = (int(seal["n"]), int(seal["r"]), int(seal["p"]))
    bounded = all(1 <= found <= most for found, most in zip(cost, _MOST, strict=True))
    if seal["kdf"] != "scrypt" or not bounded or cost[0].bit_count() != 1 or cost[0] == 1:
        raise ValueError(seal["kdf"])
    parts, at = [], len(MAGIC)
    for item in value.pop("parts"):
        part = Part(str(item["name"]), at, int(item["bytes"]), str(item["sha256"]))
        if part.size < TAG:
            raise ValueError(part.name)
        parts.append(part)
        at += part.size
    salt = base64.b64decode(seal["salt"], validate=True)
    return Manifest(path, value, tuple(parts), salt, cost, str(seal["check"]), raw, code)


class Opened:
    """A file with the passphrase that opens it."""

    def __init__(self, manifest: Manifest, passphrase: str) -> None:
        """Open a file. Raises: CallerError backup-passphrase-wrong, backup-damaged."""
        self.manifest = manifest
        self._keys = _Keys(passphrase, manifest.salt, manifest.cost)
        if not hmac.compare_digest(self._keys.check, manifest.check):
            raise CallerError(
                "backup-passphrase-wrong",
                N_("la frase segreta non è quella di questa copia"),
                where=str(manifest.path),
                hint=N_("usare la frase che valeva quando fu fatta; senza non si può ripristinare"),
            )
        if not hmac.compare_digest(self._keys.code(manifest.raw), manifest.code):
            raise _damaged(manifest.path, "manifest", N_("l'indice della copia è stato cambiato"))

    def content(self, name: str) -> Generator[bytes]:
        """Yield what a part holds, each piece only after its seal was found good. Raises: CallerError(backup-damaged)."""
        part = next((part for part in self.manifest.parts if part.name == name), None)
        if part is None:
            raise _damaged(self.manifest.path, name, N_("nella copia manca una parte"))
        yield from self._unsealed(part, lambda _: None)

    def read(self, name: str) -> bytes:
        """Return what a small part holds. Raises: CallerError(backup-damaged)."""
        return b"".join(self.content(name))

    def check(self) -> None:
        """Read the whole file against its manifest. Raises: CallerError(backup-damaged) with the part and the bytes."""
        for part in self.manifest.parts:
            digest = hashlib.sha256()
            for _ in self._unsealed(part, digest.update):
                pass
            if digest.hexdigest() != part.sha256:
                raise _damaged(self.manifest.path, part.name)

    def _unsealed(self, part: Part, seen: Callable[[bytes], None]) -> Iterator[bytes]:
        cipher = ChaCha20Poly1305(self._keys.of(f"part {part.name}"))
        with self.manifest.path.open("rb") as file:
            file.seek(part.at)
            left, number = part.size, 0
            while left:
                sealed = file.read(min(left, PIECE + TAG))
                seen(sealed)
                begins = part.at + part.size - left
                left -= len(sealed)
                try:
                    yield cipher.decrypt(_nonce(number, last=not left), sealed, None)
                except InvalidTag as error:
                    facts = {"first": begins, "last": begins + len(sealed) - 1}
                    why = N_("la copia è danneggiata tra il byte {first} e il byte {last}")
                    raise _damaged(self.manifest.path, part.name, why, **facts) from error
                number += 1
