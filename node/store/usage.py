"""How much room the node takes: its tables, the rows of each log, folders.

In: connections, folders. Out: bytes and counts; nothing of anybody's is among them. The queries stand in usage.sql.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("usage")
# The rows of all logs are read: millions take a while.
LOGS_TIMEOUT_S: Final = 900


@dataclass(frozen=True, slots=True)
class Table:
    """One table: bytes with its indexes, bytes of these, and how many rows the server believes it has (None: it never looked)."""

    schema: str
    name: str
    bytes: int
    index_bytes: int
    rows: int | None


@dataclass(frozen=True, slots=True)
class LogRows:
    """What the rows of one log take, without indexes."""

    owner: str
    origin: str
    is_own: bool
    state: str
    entries: int
    bodies: int
    profiles: int
    entry_bytes: int
    body_bytes: int
    profile_bytes: int

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.entry_bytes + self.body_bytes + self.profile_bytes

    @property
    def epoch(self) -> str:
        """The year of the log."""
        return self.origin.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies in a folder, and below it: how many files and how many bytes."""

    files: int
    bytes: int


async def tables(conn: Connection) -> list[Table]:
    """Return every table, the largest first."""
    return [Table(**dict(row)) for row in await conn.fetch(QUERIES["tables"])]


async def logs(conn: Connection) -> list[LogRows]:
    """Return what the rows of each log take, the own one first. All of them are read."""
    return [LogRows(**dict(row)) for row in await conn.fetch(QUERIES["logs"], timeout=LOGS_TIMEOUT_S)]


def folder(path: Path) -> Folder | None:
    """Return what lies in a folder, None where there is none; what vanishes or can't be read meanwhile is passed over."""
    if not path.is_dir():
        return None
    files = size = 0
    for parent, _, names in os.walk(path):
        for name in names:
            try:
                # A link is what it is, not what it leads to.
                size += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118 - many files
                files += 1
            except OSError:
                continue
    return Folder(files, size)
