"""The backups that a node keeps by itself: made when one is due, tried now and then, the old ones removed.

In: a node's configuration. Out: which there are; whether one is due. Rules: nothing happens unless a folder and a file with the
passphrase are configured; what was found by a trial restore is kept beside the file.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from node.config import Config
from node.errors import N_, CallerError, OperatorError, ReteError, Said
from node.flows.upkeep import backup
from node.flows.upkeep.backup import Made, Place, Verdict
from node.store import backup_file, backup_folder, keyfiles
from node.store.backup_folder import Copy

logger = structlog.get_logger()
# A day, less what an hourly look can be late: so that the hour does not wander.
EVERY: Final = dt.timedelta(hours=23, minutes=30)
# What says how the backup itself is; whatever else ended a trial says nothing of it.
ABOUT_THE_FILE: Final = frozenset({"backup-damaged", "backup-unknown"})


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where backups stand, and which, the newest first."""

    folder: Path
    copies: tuple[Copy, ...]

    @property
    def newest(self) -> Copy | None:
        """The newest that is a backup at all."""
        return next((copy for copy in self.copies if not copy.code), None)

    @property
    def tried(self) -> Copy | None:
        """The newest that was restored on trial, with whatever result."""
        return next((copy for copy in self.copies if copy.checked is not None), None)


def is_on(config: Config) -> bool:
    """Tell whether a node makes backups by itself."""
    return bool(config.backup.folder)


def folder_of(home: Path, config: Config) -> Path:
    """Return the configured folder. Raises: CallerError(backup-off)."""
    if not is_on(config):
        raise CallerError(
            "backup-off",
            N_("le copie automatiche sono spente: in [backup] mancano la cartella e il file con la frase segreta"),
            where="[backup] folder",
            hint=N_("indicare in node.toml folder e passphrase_file e riavviare «rete serve» (docs/backup.md)"),
        )
    return home / config.backup.folder


def read_passphrase(path: Path) -> str:
    """Return the first line of a file that only its owner may read. Raises: OperatorError(backup-passphrase-file)."""
    try:
        return keyfiles.read_password(path)
    except OperatorError as error:
        missing = error.code == "key-file-missing"
        reason = Said(N_("il file non c'è")) if missing else Said(error.what, error.facts)
        raise OperatorError(
            "backup-passphrase-file",
            N_("la frase segreta delle copie non si legge: {reason}"),
            where=str(path),
            hint=N_("scriverla nella prima riga di un file dell'utente del nodo, con permessi 600"),
            reason=reason,
        ) from error


def passphrase_of(home: Path, config: Config) -> str:
    """Return the configured passphrase. Raises: OperatorError(backup-passphrase-file), CallerError(backup-passphrase-short)."""
    return backup_file.check_passphrase(read_passphrase(home / config.backup.passphrase_file))


async def read(home: Path, config: Config) -> Shelf:
    """Return which backups there are. Raises: CallerError(backup-off), OperatorError(backup-folder-unreadable)."""
    folder = folder_of(home, config)
    return Shelf(folder, tuple(await asyncio.to_thread(backup_folder.read, folder, config.node.id)))


async def make(place: Place, now: dt.datetime, passphrase: str = "") -> tuple[Made, list[Path]]:
    """Make a backup in the folder and remove the oldest ones; return it and what went. Without a passphrase, by the configured one.

    Raises: as ``backup.create``; CallerError backup-off, backup-running; OperatorError backup-passphrase-file, backup-folder-unreadable.
    """
    folder = folder_of(place.home, place.config)
    passphrase = passphrase or await asyncio.to_thread(passphrase_of, place.home, place.config)
    with backup_folder.turn(place.home):
        await read(place.home, place.config)
        made = await backup.create(place, folder / backup_folder.name_of(place.config.node.id, now), passphrase, now)
        keep = place.config.backup.keep
        gone = await asyncio.to_thread(backup_folder.prune, folder, place.config.node.id, keep)
    if gone:
        logger.info("backup.removed", count=len(gone))
    return made, gone


async def make_due(place: Place, now: dt.datetime, *, asked: bool = False) -> Made | None:
    """Make a backup when the newest is a day old, or when somebody asked; None when there was nothing to do."""
    newest = (await read(place.home, place.config)).newest
    if newest is not None and not asked and now - newest.made_at < EVERY:
        return None
    made, _ = await make(place, now)
    return made


async def try_due(place: Place, now: dt.datetime, *, asked: bool = False) -> Verdict | None:
    """Restore the newest backup on trial when none was for [backup] verify_days, or when somebody asked; None: nothing to do.

    Raises: as ``backup.verify``; what was found is kept beside the file in any case.
    """
    shelf = await read(place.home, place.config)
    newest, every = shelf.newest, dt.timedelta(days=place.config.backup.verify_days)
    if newest is None:
        return None
    if not asked and (not every or not _is_trial_due(shelf, now, every)):
        return None
    passphrase = await asyncio.to_thread(passphrase_of, place.home, place.config)
    return await try_one(newest.path, passphrase, now)


def _is_trial_due(shelf: Shelf, now: dt.datetime, every: dt.timedelta) -> bool:
    last = shelf.tried
    if last is None or last.checked is None:
        return True
    # After one that was not good, the next that is made is tried at once.
    return now - last.checked.at >= every or (not last.checked.ok and last != shelf.newest)


async def try_one(path: Path, passphrase: str, now: dt.datetime, scratch: Path | None = None) -> Verdict:
    """Restore one backup of the folder on trial, and keep beside it what was found. Raises: as ``backup.verify``."""
    try:
        verdict = await backup.verify(path, passphrase, scratch)
    except ReteError as error:
        if error.code in ABOUT_THE_FILE:
            await asyncio.to_thread(_remember_broken, path, now, error.code)
        raise
    if verdict.problems:
        logger.error("backup.bad", code=verdict.code)
    await asyncio.to_thread(backup_folder.remember, path, verdict.manifest.digest, now, verdict.code)
    return verdict


def _remember_broken(path: Path, now: dt.datetime, code: str) -> None:
    try:
        digest = backup_file.read_manifest(path).digest
    except (ReteError, OSError):
        # One whose end can't be read is told as such wherever it is listed.
        return
    backup_folder.remember(path, digest, now, code)
