"""The high-water mark: the last own checkpoint that was signed, in a file outside the database.

In: a path in the node's home. Out: origin, size and root of the newest signature, or None. A database that is restored from
a copy can't take this file back with it. Written whole or not at all. Source: PROTOCOL 6.9.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import orjson

from node.errors import N_, OperatorError

FILE = "highwater.json"


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest own signature: origin line, size, root of 32 bytes."""

    origin: str
    size: int
    root: bytes


def read(path: Path) -> Mark | None:
    """Return the mark, None when there is none yet. Raises: OperatorError(highwater-bad)."""
    try:
        value = orjson.loads(path.read_bytes())
        return Mark(str(value["origin"]), int(value["size"]), bytes.fromhex(value["root"]))
    except FileNotFoundError:
        return None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise OperatorError(
            "highwater-bad",
            N_("il segno dell'ultima firma non si legge"),
            where=str(path),
            hint=N_("ripristinare il file, oppure toglierlo e usare «rete log recover»"),
        ) from error


def write(path: Path, mark: Mark) -> None:
    """Replace the mark, unless a later one of the same log is there already (two processes may sign in turn)."""
    known = read(path)
    if known is not None and known.origin == mark.origin and known.size > mark.size:
        return
    draft = path.with_suffix(f".{os.getpid()}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(orjson.dumps({"origin": mark.origin, "root": mark.root.hex(), "size": mark.size}))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
