"""Files that are there whole or not at all, several at once: what a command was asked to write.

In: paths and contents. Out: files under their names, with the permissions asked for from their first byte on. What is there
is not replaced unless the caller says so; nothing is written when one of the files could not be.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.errors import N_, CallerError

# Readable by everybody whom the umask does not keep out, and by nobody but the owner.
PLAIN, SECRET = 0o666, 0o600


@dataclass(frozen=True, slots=True)
class WholeFile:
    """One file to write."""

    path: Path
    content: bytes
    mode: int = PLAIN


def check_targets(paths: Iterable[Path], *, replace: bool) -> None:
    """Refuse before any work what could not be written. Raises: CallerError file-exists | file-is-folder | file-twice."""
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise CallerError("file-twice", N_("lo stesso file è indicato due volte"), where=str(path))
        seen.add(path.resolve())
        if path.is_dir():
            raise CallerError("file-is-folder", N_("è una cartella, non un file"), where=str(path))
        if not replace and _holds_something(path):
            raise _exists(path)


def _holds_something(path: Path) -> bool:
    # A file that a program made only to have its name is nobody's work.
    return path.exists() and not (path.is_file() and path.stat().st_size == 0)


def _exists(path: Path) -> CallerError:
    return CallerError(
        "file-exists",
        N_("il file c'è già"),
        where=str(path),
        hint=N_("scegliere un altro nome, o ripetere con --force per sostituirlo"),
    )


def write(files: Sequence[WholeFile], *, replace: bool) -> None:
    """Write all files. Raises: as ``check_targets``; OSError with the name of the file that could not be written."""
    check_targets((file.path for file in files), replace=replace)
    partials: list[tuple[Path, WholeFile]] = []
    try:
        for file in files:
            partial = file.path.with_name(f".{file.path.name}.partial")
            partial.unlink(missing_ok=True)
            partials.append((partial, file))
            _fill(partial, file)
        # A crash between two of these leaves whole files, some of them: each says all it has to say.
        for partial, file in partials:
            _put(partial, file.path, replace=replace or file.path.exists())
    finally:
        for partial, _ in partials:
            partial.unlink(missing_ok=True)


def _fill(partial: Path, file: WholeFile) -> None:
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode), "wb") as opened:
            opened.write(file.content)
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        # Nobody asked for the file under its passing name.
        raise OSError(error.errno, error.strerror or str(error), str(file.path)) from error


def _put(partial: Path, path: Path, *, replace: bool) -> None:
    if not replace:
        try:
            # Unlike a rename, a link never takes the place of a file that came meanwhile.
            path.hardlink_to(partial)
        except FileExistsError as error:
            raise _exists(path) from error
        except OSError:
            # Some file systems know no links.
            if path.exists():
                raise
        else:
            return
    partial.replace(path)


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return comma-separated UTF-8 with a header, lines ended by a newline alone: for programs, not for spreadsheets."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()
