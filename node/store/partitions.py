"""Which partitions stand in which signed log: rows derived from bodies, found by what they are part of.

In: ``partition/1`` documents that passed the gate and their schema, at their log position. Out: rows of coop.partition; parts
and lists of what is known. Transactions are the flows' to open. Source: PROTOCOL 8.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("partitions")
READ_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Part:
    """One part as its body says it, at its log position."""

    idx: int
    version: int
    part: int
    parts: int
    digest: str
    snapshot: str


@dataclass(frozen=True, slots=True)
class Logged:
    """One partition that a log speaks of: how many parts it has, and how many of them are here."""

    origin_id: int
    origin: str
    owner: str
    is_own: bool
    state: str
    version: int
    digest: str
    snapshot: str
    parts: int
    here: int

    @property
    def whole(self) -> bool:
        """Whether no part is missing."""
        return self.here == self.parts


@dataclass(frozen=True, slots=True)
class Shown:
    """Labels that living profiles of one log show, and the partition that they say they come from.

    ``potential``: they are of aggregations without a contract, which are in no block.
    """

    version: int
    digest: str
    labels: tuple[str, ...]
    potential: bool
    profiles: int
    example: str


def part_of(idx: int, document: Mapping[str, Any]) -> Part:
    """Return the row of a ``partition/1`` document."""
    names = ("version", "part", "parts", "digest", "snapshot")
    return Part(idx, *(document[name] for name in names))


async def insert_parts(conn: Connection, origin_id: int, parts: Sequence[Part]) -> None:
    """Add parts; their bodies are in log.body already."""
    columns = [[getattr(p, name) for p in parts] for name in ("idx", "version", "part", "parts", "digest", "snapshot")]
    await conn.execute(QUERIES["insert_parts"], origin_id, *columns)


async def list_logged(conn: Connection, owner: str | None = None, version: int | None = None) -> list[Logged]:
    """Return the partitions that logs speak of, the own ones first."""
    return [Logged(**dict(row)) for row in await conn.fetch(QUERIES["list_logged"], owner, version)]


async def read_parts(conn: Connection, origin_id: int, digest: str) -> list[dict[str, Any]]:
    """Return the documents of one partition's parts."""
    return [orjson.loads(row["body"]) for row in await conn.fetch(QUERIES["read_parts"], origin_id, digest)]


async def logged_whole(conn: Connection, origin_id: int, digests: Sequence[str]) -> set[str]:
    """Return those digests of which a log holds every part."""
    return {row["digest"] for row in await conn.fetch(QUERIES["logged_whole"], origin_id, list(digests))}


async def own_logged_version(conn: Connection) -> int:
    """Return the highest version that the own log, of whatever year, speaks of; 0 for none."""
    return await conn.fetchval(QUERIES["own_logged_version"]) or 0


async def labels_shown(conn: Connection, origin_id: int) -> list[Shown]:
    """Return what a log's living profiles show, with an example each.

    ``labels`` are the columns of coop.profile: territory, sector, period, size, theme, kind.
    """
    names = ("territory", "sector", "period", "size", "theme", "kind")
    return [
        Shown(
            row["version"],
            row["digest"],
            tuple(row[name] for name in names),
            row["potential"],
            row["profiles"],
            row["example"],
        )
        for row in await conn.fetch(QUERIES["labels_shown"], origin_id, timeout=READ_TIMEOUT_S)
    ]


async def is_part(conn: Connection, origin_id: int, index: int) -> bool:
    """Tell whether an entry is one of a partition, and no profile's."""
    return bool(await conn.fetchval(QUERIES["is_part"], origin_id, index))
