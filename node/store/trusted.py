"""The keys of administrations that ask by signed tokens: JWK Sets in local files, read whole and bounded.

In: a file or folder of the home. Out: names and bytes; what they mean is for flows/people/consumers.py. Nothing is ever fetched.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from node.errors import N_, OperatorError

SUFFIX: Final = ".json"
FILE_MAX_BYTES: Final = 256 * 1024
FILES_MAX: Final = 1_000
Mark = tuple[tuple[str, int, int], ...]


def _files(place: Path) -> list[Path]:
    """Return the file, or those of the folder that end in .json and are no hidden ones, by name."""
    if place.is_dir():
        return sorted(path for path in place.glob(f"*{SUFFIX}") if not path.name.startswith("."))
    return [place]


def mark(place: Path) -> Mark:
    """Return by what a change of the files is seen: names, sizes and times, empty for a place that can't be read."""
    try:
        told = ((path.name, path.stat()) for path in _files(place))
        return tuple((name, found.st_size, found.st_mtime_ns) for name, found in told)
    except OSError:
        return ()


def read(place: Path) -> Mapping[Path, bytes]:
    """Return the content of each file. Raises: OperatorError(interop-keys-missing | interop-keys-bad)."""
    try:
        files = _files(place)
        if not files:
            raise FileNotFoundError
        if len(files) > FILES_MAX:
            raise _bad(place, N_("ci sono più di {most} file di chiavi"), most=FILES_MAX)
        return {path: _content(path) for path in files}
    except OSError as error:
        raise OperatorError(
            "interop-keys-missing",
            N_("non riesco a leggere le chiavi di chi interroga il nodo"),
            where=str(place),
            hint=N_("mettere lì i file JWK Set (.json), leggibili dal nodo: docs/interoperability.md"),
        ) from error


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _bad(path, N_("non è un file"))
        content = file.read(FILE_MAX_BYTES + 1)
    if len(content) > FILE_MAX_BYTES:
        raise _bad(path, N_("il file delle chiavi supera {most} byte"), most=FILE_MAX_BYTES)
    return content


def _bad(where: Path, what: str, most: int = 0) -> OperatorError:
    return OperatorError("interop-keys-bad", what, where=str(where), most=most)
