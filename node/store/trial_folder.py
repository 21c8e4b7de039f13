"""Folders for trial restores: private rows are in them for a while, so none outlives its trial.

In: where they may be made. Out: a folder for the time of a block. What a kill left behind, folder and server, is taken away by the
next trial in the same place: whoever is at work holds the lease of its server, which the kernel takes from the dead.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from node.errors import N_, OperatorError
from node.store import embedded

PREFIX: Final = "rete-prova-"
CLUSTER: Final = "postgres"


@contextmanager
def trial(scratch: Path | None) -> Iterator[Path]:
    """Make a folder below ``scratch`` (None: the system's place for such) for one trial; it goes when the block ends.

    Raises: OperatorError(backup-scratch-bad).
    """
    place = scratch or Path(tempfile.gettempdir())
    try:
        _sweep(place)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    except OSError as error:
        raise OperatorError(
            "backup-scratch-bad",
            N_("la cartella per la prova non si può scrivere"),
            where=str(place),
            hint=N_("indicare con --scratch una cartella con spazio per tutta la base dati"),
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(place: Path) -> None:
    """Take away what killed trials of this user left."""
    for folder in place.glob(f"{PREFIX}*"):
        lease = folder / f".{CLUSTER}.lease"
        if folder.is_symlink() or not lease.is_file() or folder.stat().st_uid != os.geteuid():
            # Another user's, or of somebody who is just beginning.
            continue
        with lease.open("a") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            embedded.stop(folder / CLUSTER)
            shutil.rmtree(folder, ignore_errors=True)
