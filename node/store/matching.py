"""Profiles that have, or look for, what somebody looks for, or has.

In: index terms of needs and offers. Out: verified bodies, newest first, inside a read-only transaction that the flow opened.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from node.errors import N_, OperatorError
from node.store.postgres import Connection, load_queries

QUERIES: Final = load_queries("matching")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One profile as its log holds it."""

    profile_id: str
    origin: str
    owner: str
    index: int
    body: bytes
    witnessed_at: dt.datetime | None


async def candidates(
    conn: Connection,
    offering: Sequence[str],
    looking: Sequence[str],
    *,
    both: bool,
    without_owner: str | None,
    without: Sequence[str],
    today: int,
    limit: int,
) -> list[Candidate]:
    """Return up to ``limit`` profiles with a term of ``offering`` and (with ``both``) one of ``looking``.

    ``today``: days since 1970-01-01. Raises: OperatorError(search-timeout).
    """
    known = [uuid.UUID(text) for text in without]
    try:
        rows = await conn.fetch(
            QUERIES["candidates"], list(offering), list(looking), not both, without_owner, known, today, limit
        )
    except asyncpg.QueryCanceledError as error:
        raise OperatorError(
            "search-timeout",
            N_("la ricerca impiega troppo tempo"),
            hint=N_("aggiungere parole o filtri, o riprovare tra poco"),
        ) from error
    return [
        Candidate(str(r["profile_id"]), r["origin"], r["owner"], r["idx"], r["body"], r["witnessed_at"]) for r in rows
    ]


async def own_newest(conn: Connection, owner: str, today: int, limit: int) -> list[bytes]:
    """Return the bodies of this node's newest visible profiles."""
    return [row["body"] for row in await conn.fetch(QUERIES["own_newest"], owner, today, limit)]
