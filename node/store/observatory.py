"""What the Observatory told: the newest build, and the releases, which are frozen.

In: documents of ``node/domain/observatory/figures.py`` as bytes. Out: the same bytes. Rule: there is one newest build, replaced whole;
a release is written once and never changed. Transactions are the flows' to open.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("observatory")


@dataclass(frozen=True, slots=True)
class Kept:
    """The newest build; ``inputs`` is the digest of what it was made of."""

    as_of: dt.date
    made_at: dt.datetime
    inputs: str
    document: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """One release without its document; ``digest`` is its SHA-256 in hexadecimal."""

    release_id: str
    as_of: dt.date
    made_at: dt.datetime
    digest: str


async def keep(conn: Connection, kept: Kept) -> None:
    """Put a build in the place of the one before it."""
    await conn.execute(QUERIES["keep_figures"], kept.as_of, kept.made_at, kept.inputs, kept.document)


async def newest(conn: Connection) -> Kept | None:
    """Return the newest build, None before the first."""
    row = await conn.fetchrow(QUERIES["figures"])
    return Kept(**dict(row)) if row else None


async def stamp(conn: Connection) -> tuple[dt.datetime, str] | None:
    """Return when the newest build was made and of what, without its document."""
    row = await conn.fetchrow(QUERIES["figures_stamp"])
    return (row["made_at"], row["inputs"]) if row else None


async def add_release(conn: Connection, release: Release, document: bytes) -> bool:
    """Freeze a release; tell whether it is new. One of that name that stands already stays as it is."""
    done = await conn.execute(
        QUERIES["add_release"], release.release_id, release.as_of, release.made_at, release.digest, document
    )
    return str(done).endswith(" 1")


async def release(conn: Connection, release_id: str) -> tuple[Release, bytes] | None:
    """Return one release and its document."""
    row = await conn.fetchrow(QUERIES["release"], release_id)
    if row is None:
        return None
    return Release(row["release_id"], row["as_of"], row["made_at"], row["digest"]), row["document"]


async def releases(conn: Connection) -> list[Release]:
    """Return all releases, the newest first."""
    return [Release(**dict(row)) for row in await conn.fetch(QUERIES["list_releases"])]
