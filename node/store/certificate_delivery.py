"""Which certificates nobody was told of, and by which codes they are collected. Private (schema ``programme``).

In: connections inside transactions that the flow opened. Out: rows as values; of codes the SHA-256 alone. Source: docs/courses.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from node.store.postgres import Connection, load_queries

QUERIES = load_queries("certificate_delivery")


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A certificate whose participant has not been told of it; the title by language."""

    seat_id: str
    title: Mapping[str, str]
    begins: dt.date
    ends: dt.date
    email: str = field(repr=False)


async def untold(conn: Connection, limit: int) -> list[Undelivered]:
    """Return whom to tell, the oldest first."""
    return [
        Undelivered(str(r["seat_id"]), orjson.loads(r["title"]), r["begins"], r["ends"], r["email"])
        for r in await conn.fetch(QUERIES["untold"], limit)
    ]


async def keep_code(conn: Connection, seat_id: str, digest: bytes, until: dt.datetime) -> None:
    """Keep the SHA-256 of the code by which a certificate is collected until then; the one before ends."""
    await conn.execute(QUERIES["keep_code"], seat_id, digest, until)


async def mark_told(conn: Connection, seat_id: str, now: dt.datetime) -> None:
    """Note that a participant was told."""
    await conn.execute(QUERIES["mark_told"], seat_id, now)


async def by_code(conn: Connection, seat_id: str, digest: bytes) -> tuple[str, dt.datetime] | None:
    """Return the edition of the certificate that a code collects, and until when it does."""
    row = await conn.fetchrow(QUERIES["by_code"], seat_id, digest)
    return None if row is None else (str(row["edition_id"]), row["collect_until"])


async def edition_of(conn: Connection, seat_id: str) -> str | None:
    """Return the edition of somebody's certificate."""
    found = await conn.fetchval(QUERIES["edition_of"], seat_id)
    return None if found is None else str(found)


async def forget_told(conn: Connection, edition_id: str, seat_id: str) -> bool:
    """Have somebody told anew, and end the code before; False where there is no certificate."""
    return bool((await conn.execute(QUERIES["forget_told"], edition_id, seat_id)) == "UPDATE 1")
