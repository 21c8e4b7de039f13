"""Files that are there whole or not at all, several at once: what a command was asked to write.

In: paths and contents. Out: files under their names, with the permissions asked for from their first byte on. What is there
is not replaced unless the caller says so; nothing is written when one of the files could not be.
"""

from __future__ import annotations

import csv
import functools
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.errors import N_, CallerError

# Readable by everybody whom the umask does not keep out, and by nobody but the owner.
PLAIN, SECRET = 0o666, 0o600
# Fills the empty file of a path; it may open it as it likes, but not take its place.
Fill = Callable[[Path], None]


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


def check_folder(path: Path) -> None:
    """Refuse a file whose folder is not there, with words for whoever typed its name. Raises: CallerError(folder-missing)."""
    if not path.parent.is_dir():
        raise CallerError(
            "folder-missing",
            N_("la cartella in cui scrivere il file non c'è"),
            where=str(path),
            hint=N_("crearla prima, o controllare il nome"),
        )


def make_folder(path: Path) -> None:
    """Make a folder, and those it lies in, if it is not there. Raises: CallerError(folder-is-file)."""
    if path.exists() and not path.is_dir():
        raise CallerError("folder-is-file", N_("è un file, non una cartella"), where=str(path))
    path.mkdir(parents=True, exist_ok=True)


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
    _write_all(
        [(file.path, file.mode, functools.partial(_write_bytes, file.content)) for file in files], replace=replace
    )


def replace_whole(path: Path, fill: Fill, *, replace: bool, mode: int = PLAIN) -> None:
    """Write one file by ``fill``, which is given the path of an empty one to fill. Raises: as ``write``, and what ``fill`` does."""
    check_targets([path], replace=replace)
    _write_all([(path, mode, fill)], replace=replace)


def _write_bytes(content: bytes, partial: Path) -> None:
    with partial.open("r+b") as opened:
        opened.write(content)


def _write_all(parts: Sequence[tuple[Path, int, Fill]], *, replace: bool) -> None:
    # What is there now was allowed to be replaced; what comes meanwhile was not.
    there = [replace or path.exists() for path, _, _ in parts]
    partials: list[Path] = []
    try:
        for path, mode, fill in parts:
            partial = path.with_name(f".{path.name}.partial")
            with _told_as(path):
                partial.unlink(missing_ok=True)
                partials.append(partial)
                # Its permissions are there before its first byte.
                os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
                fill(partial)
                _settle(partial)
        # A crash between two of these leaves whole files, some of them: each says all it has to say.
        for partial, (path, _, _), over in zip(partials, parts, there, strict=True):
            with _told_as(path):
                _put(partial, path, replace=over)
    finally:
        for partial in partials:
            partial.unlink(missing_ok=True)


@contextmanager
def _told_as(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # Nobody asked for the file under its passing name.
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def _settle(partial: Path) -> None:
    # A name given before the bytes are on the disk could outlive them in a power cut.
    with partial.open("rb") as opened:
        os.fsync(opened.fileno())


def _put(partial: Path, path: Path, *, replace: bool) -> None:
    """Give a finished file its name. Whole or not at all: a full disk leaves no half file under the name asked for."""
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
