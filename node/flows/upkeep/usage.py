"""Where the room goes: bytes by schema and table, by member and year of the logs, of the folders beside the database.

In: a pool, a home, its configuration. Out: one value, largest first. Rules: sizes of tables are the server's, with indexes; those of logs are
of their rows alone, so that they add up to less. docs/administration.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.config import Config
from node.errors import N_
from node.store import doctor, usage
from node.store.postgres import Pool, acquire
from node.store.usage import Folder, LogRows, Table

FOLDERS: Final[Mapping[str, str]] = {
    "index": N_("indice delle ricerche"),
    "backups": N_("copie di sicurezza"),
    "database": N_("base dati inclusa, con i suoi registri"),
}


@dataclass(frozen=True, slots=True)
class Sum:
    """Several logs added up: of one member, or of one year."""

    key: str
    logs: int
    entries: int
    profiles: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Usage:
    """All of it. ``logs`` None: nobody asked, since all rows have to be read for it."""

    database_bytes: int
    tables: tuple[Table, ...]
    logs: tuple[LogRows, ...] | None
    folders: Mapping[str, tuple[Path, Folder]]

    @property
    def schemas(self) -> list[tuple[str, int]]:
        """Bytes of each schema, the largest first."""
        found: dict[str, int] = {}
        for table in self.tables:
            found[table.schema] = found.get(table.schema, 0) + table.bytes
        return sorted(found.items(), key=lambda item: (-item[1], item[0]))

    @property
    def peers(self) -> list[Sum]:
        """What the logs of each member take, the largest first."""
        return _sums(self.logs or (), lambda row: row.owner)

    @property
    def epochs(self) -> list[Sum]:
        """What the logs of each year take, the newest first."""
        return sorted(_sums(self.logs or (), lambda row: row.epoch), key=lambda one: one.key, reverse=True)


async def read(pool: Pool, home: Path, config: Config, index: str, *, logs: bool = True) -> Usage:
    """Return where the room goes; ``index`` is the name of the index's folder. Raises: OperatorError(database-unreachable)."""
    async with acquire(pool) as conn:
        server, tables = await doctor.server(conn), await usage.tables(conn)
        rows = tuple(await usage.logs(conn)) if logs else None
    places = {"index": home / index}
    if config.backup.folder:
        places["backups"] = home / config.backup.folder
    if not config.database.url:
        places["database"] = home / config.database.cluster
    sizes = {name: await asyncio.to_thread(usage.folder, path) for name, path in places.items()}
    folders = {name: (places[name], size) for name, size in sizes.items() if size is not None}
    return Usage(server.bytes, tuple(tables), rows, folders)


def _sums(logs: Iterable[LogRows], key: Callable[[LogRows], str]) -> list[Sum]:
    held: dict[str, list[LogRows]] = {}
    for row in logs:
        held.setdefault(key(row), []).append(row)
    sums = [
        Sum(name, len(rows), sum(r.entries for r in rows), sum(r.profiles for r in rows), sum(r.bytes for r in rows))
        for name, rows in held.items()
    ]
    return sorted(sums, key=lambda one: (-one.bytes, one.key))
