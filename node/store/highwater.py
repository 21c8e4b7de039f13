"""The high-water mark: the last own checkpoint that was signed, in a file outside the database.

In: a path in the node's home. Out: origin, size and root of the newest signature, or None. A database that is restored from
a copy can't take this file back with it. Written whole or not at all. Source: PROTOCOL 6.9.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from node.errors import N_, OperatorError
from node.store.marks import replace_in_turn

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
        return parse(path, path.read_bytes())
    except FileNotFoundError:
        return None


def parse(path: Path, content: bytes) -> Mark:
    """Return the mark that a file's bytes are. Raises: OperatorError(highwater-bad)."""
    try:
        value = orjson.loads(content)
        return Mark(str(value["origin"]), int(value["size"]), bytes.fromhex(value["root"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise OperatorError(
            "highwater-bad",
            N_("il segno dell'ultima firma non si legge"),
            where=str(path),
            hint=N_("ripristinare il file, oppure toglierlo e usare «rete log recover»"),
        ) from error


def write(path: Path, mark: Mark) -> None:
    """Replace the mark, unless a later one of the same log is there already (two processes may sign in turn)."""

    def later(present: bytes | None) -> bytes | None:
        known = None if present is None else parse(path, present)
        if known is not None and known.origin == mark.origin and known.size > mark.size:
            return None
        return orjson.dumps({"origin": mark.origin, "root": mark.root.hex(), "size": mark.size})

    replace_in_turn(path, later)
