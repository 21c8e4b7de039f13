"""The folder of backups: which there are, what a trial restore said of each, which may go.

In: a folder and a node's id. Out: values, newest first. Rules: one backup at a time is made by one home; only files that bear this node's
name are ever removed, never the newest ones, nor the newest that was restored on trial with success; names tell the node and the
time, and nothing else.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from node.errors import N_, CallerError, OperatorError, ReteError
from node.store import backup_file
from node.store.marks import replace_in_turn

LOCK: Final = ".backup.lock"
SUFFIX: Final = ".backup"
CHECKED: Final = ".checked.json"
_NAME = re.compile(r"rete-([A-Za-z][A-Za-z0-9_-]{0,31})-([0-9]{8}T[0-9]{6}Z)\.backup")
_TIME: Final = "%Y%m%dT%H%M%SZ"
# More than any [backup] keep.
LISTED_MAX: Final = 2000


@dataclass(frozen=True, slots=True)
class Checked:
    """What a trial restore said: when, and the code of what was wrong (empty: all was well)."""

    at: dt.datetime
    code: str

    @property
    def ok(self) -> bool:
        """Whether the backup was restored whole."""
        return not self.code


@dataclass(frozen=True, slots=True)
class Copy:
    """One file of the folder; ``code`` tells why its manifest can't be read, and then ``digest`` is empty."""

    path: Path
    made_at: dt.datetime
    size: int
    program: str
    log_size: int
    digest: str
    code: str
    checked: Checked | None


def name_of(node_id: str, now: dt.datetime) -> str:
    """Return what a backup of a node made now is called."""
    return f"rete-{node_id}-{now.astimezone(dt.UTC).strftime(_TIME)}{SUFFIX}"


def path_in(target: Path, node_id: str, now: dt.datetime) -> Path:
    """Return where a backup goes: into a folder under its own name, or where a file was asked for."""
    return target / name_of(node_id, now) if target.is_dir() else target


@contextmanager
def turn(home: Path) -> Iterator[None]:
    """Be the only one to make or remove a home's backups; the kernel takes the lock from whoever is killed.

    Raises: CallerError(backup-running).
    """
    with os.fdopen(os.open(home / LOCK, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CallerError(
                "backup-running",
                N_("un'altra copia di questo nodo è in corso"),
                where=str(home),
                hint=N_("aspettare che finisca: «rete backup list» mostra la nuova copia"),
            ) from error
        yield


def read(folder: Path, node_id: str) -> list[Copy]:
    """Return a node's backups, the newest first. Raises: OperatorError(backup-folder-unreadable)."""
    try:
        names = sorted((entry.name for entry in folder.iterdir()), reverse=True)
    except OSError as error:
        raise OperatorError(
            "backup-folder-unreadable",
            N_("la cartella delle copie non si legge: {reason}"),
            where=str(folder),
            hint=N_(
                "crearla, montarla o correggere [backup] folder; deve poterla leggere e scrivere l'utente del nodo"
            ),
            reason=os.strerror(error.errno or 0),
        ) from error
    ours = [(folder / name, made) for name in names if (made := _made_at(name, node_id)) is not None]
    return [_copy(path, made) for path, made in ours[:LISTED_MAX]]


def _made_at(name: str, node_id: str) -> dt.datetime | None:
    found = _NAME.fullmatch(name)
    if found is None or found.group(1) != node_id:
        return None
    try:
        return dt.datetime.strptime(found.group(2), _TIME).replace(tzinfo=dt.UTC)
    except ValueError:
        return None


def _copy(path: Path, made_at: dt.datetime) -> Copy:
    size = 0
    try:
        size = path.stat().st_size
        found = backup_file.read_manifest(path)
        facts = found.facts
        return Copy(path, made_at, size, str(facts["program"]), int(facts["log_size"]), found.digest, "", _checked(path, found.digest))  # fmt: skip
    except ReteError as error:
        return Copy(path, made_at, size, "", 0, "", error.code, None)
    except (OSError, KeyError, TypeError, ValueError):
        return Copy(path, made_at, size, "", 0, "", "backup-unreadable", None)


def _checked(path: Path, digest: str) -> Checked | None:
    try:
        value = orjson.loads(path.with_name(path.name + CHECKED).read_bytes())
        # A word about a file that had this name before says nothing.
        return Checked(dt.datetime.fromisoformat(value["at"]), str(value["code"])) if value["file"] == digest else None
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None


def remember(path: Path, digest: str, now: dt.datetime, code: str) -> None:
    """Keep beside a backup what a trial restore said of it; a folder that can't be written keeps nothing."""
    value: dict[str, Any] = {"at": now.isoformat(), "code": code, "file": digest}
    with contextlib.suppress(OSError):
        replace_in_turn(path.with_name(path.name + CHECKED), lambda _: orjson.dumps(value))


def prune(folder: Path, node_id: str, keep: int) -> list[Path]:
    """Remove all but the newest ``keep`` backups and the newest that is known to be good; return what went.

    Only whoever holds the ``turn`` may.
    """
    copies = read(folder, node_id)
    good = next((copy for copy in copies if copy.checked is not None and copy.checked.ok), None)
    # One whose manifest can't be read is no backup, and does not push out one that is.
    kept = [copy for copy in copies if not copy.code][:keep]
    oldest = kept[-1].made_at if len(kept) == keep else None
    gone = [copy.path for copy in copies if oldest is not None and copy.made_at < oldest and copy is not good]
    for path in gone:
        path.with_name(path.name + CHECKED).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    for left in folder.glob(f".rete-{node_id}-*{SUFFIX}.partial"):
        # What a kill left of one that was being written: nobody else writes now.
        left.unlink(missing_ok=True)
    return gone
