"""Marks: small files in a node's home that say how far something had got, for whom a restored database can't fool.

In: a path, and a function from what is kept to what is to be kept. Out: the file, whole or not at all, never turned back by
a slower process.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path


def replace_in_turn(path: Path, decide: Callable[[bytes | None], bytes | None]) -> None:
    """Give the present content (None: no file) to ``decide`` and keep what it returns (None: leave it), one process at a time."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # One at a time, from the look to the replacement; the kernel takes the lock from whoever is killed.
        fcntl.flock(folder, fcntl.LOCK_EX)
        try:
            present: bytes | None = path.read_bytes()
        except FileNotFoundError:
            present = None
        wanted = decide(present)
        if wanted is None or wanted == present:
            return
        # Always the same name: what a kill leaves of a draft is overwritten by the next.
        draft = path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(wanted)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        os.fsync(folder)
    finally:
        os.close(folder)
